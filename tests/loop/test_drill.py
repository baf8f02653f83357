import pytest

from feedback.loop import backing_up, drill
from tests.conftest import NOW, Loop


def claims(loop: Loop) -> dict[str, bool]:
    return {claim.words: claim.held for claim in drill.drill(loop.store, loop.config, NOW)}


def test_every_claim_of_the_drill_holds(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "CUSTOMERS", 10)
    assert len(claims(loop)) == 10
    assert all(claims(loop).values())


def test_the_drill_fails_where_a_restore_forgets_what_went_out(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "CUSTOMERS", 10)
    monkeypatch.setattr(backing_up, "_carry_over", lambda *_: (0, 0))
    held = claims(loop)
    assert held["after the restore nothing goes out before you say so"]
    assert not held["the other 9 are known as sent, and none would go"]
    assert not held["after the release nothing goes out a second time"]

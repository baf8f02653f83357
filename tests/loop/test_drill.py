import pytest

from feedback.loop import backing_up, drill
from feedback.store.operations import Operations
from tests.conftest import NOW, Loop


def claims(loop: Loop) -> dict[str, bool]:
    return {claim.words: claim.held for claim in drill.drill(loop.store, loop.config, NOW)}


def test_every_claim_of_the_drill_holds(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "CUSTOMERS", 10)
    assert len(claims(loop)) == 6
    assert all(claims(loop).values())


def test_the_drill_fails_where_a_restore_does_not_hold_mail(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "CUSTOMERS", 10)
    monkeypatch.setattr(Operations, "hold", lambda *_: None)
    monkeypatch.setattr(backing_up, "resume", lambda store, now: backing_up.Resumption(None, (), ()))  # type: ignore[arg-type]
    assert not claims(loop)["after the restore nothing goes out before you say so"]

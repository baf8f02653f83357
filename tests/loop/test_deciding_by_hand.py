from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from feedback.domain.cases import CaseStatus
from feedback.domain.eligibility import Decision, Override, Reason, Verdict
from feedback.domain.staff import Role
from feedback.domain.surveys import Suppression
from feedback.errors import NotFound, Refused
from feedback.loop.explaining import explain
from feedback.store.outbox import Kind
from tests.conftest import ADA, DAY, NOW, Loop

HOUR = timedelta(hours=1)
BY_HAND = Decision(Verdict.ASK, Reason.BY_HAND)


@pytest.fixture
def mara(loop: Loop) -> str:
    with loop.store.write():
        return loop.store.staff.add("mara@acme.example", "Mara", "a hash", Role.OWNER)


def decide(loop: Loop, wish: Override | None, who: str, now: object = NOW + HOUR) -> Decision:
    (row,) = loop.rows("SELECT r.id FROM resolutions r JOIN cases c ON c.id = case_id WHERE ref = 'A-1' AND n = 1")
    return loop.asking.decide_by_hand(row["id"], wish, who, now)  # type: ignore[arg-type]


def told(loop: Loop) -> str:
    return "\n".join(line for part in explain(loop.store, loop.keys, loop.config, "A-1") for line in part.lines)


def test_a_survey_that_waits_is_sent_at_once(loop: Loop, mara: str) -> None:
    loop.take(ADA)
    assert decide(loop, Override.NOW, mara) == BY_HAND
    assert loop.ask(NOW + HOUR) == 1
    loop.send(NOW + HOUR)
    assert [mail["To"] for mail in loop.maildir()] == ["Ada@example.org"]
    assert "13:00 (UTC): We ask: Mara decided so." in told(loop)


def test_it_goes_at_night_and_to_who_was_asked_lately_if_a_person_says_so(loop: Loop, mara: str) -> None:
    loop.take(replace(ADA, ref="A-0"))
    loop.ask()
    loop.send()
    loop.take(replace(ADA, resolved_at=NOW + DAY), now=NOW + DAY)
    assert loop.rows("SELECT id FROM surveys WHERE state = 'waiting'") == []
    night = NOW + DAY + 12 * HOUR
    assert decide(loop, Override.NOW, mara, night) == BY_HAND
    assert loop.ask(night) == 1
    loop.send(night)
    assert len(loop.maildir()) == 2


def test_a_survey_that_is_never_to_be_sent_stays_so_when_the_case_comes_again(loop: Loop, mara: str) -> None:
    loop.take(ADA)
    assert decide(loop, Override.NEVER, mara) == Decision(Verdict.SKIP, Reason.BY_HAND)
    loop.take(replace(ADA, name="Ada L."), now=NOW + 2 * HOUR)
    assert loop.ask() == 0
    assert "We do not ask: Mara decided so." in told(loop)


def test_a_case_that_is_resolved_anew_is_asked_about_whatever_was_decided_about_the_last_time(
    loop: Loop, mara: str
) -> None:
    loop.take(ADA)
    decide(loop, Override.NEVER, mara)
    loop.take(replace(ADA, status=CaseStatus.OPEN), now=NOW + 2 * HOUR)
    loop.take(replace(ADA, resolved_at=NOW + 3 * HOUR), now=NOW + 3 * HOUR)
    assert loop.ask(NOW + DAY + 3 * HOUR) == 1


def test_what_was_left_to_the_rules_again_waits_for_its_moment(loop: Loop, mara: str) -> None:
    loop.take(ADA)
    decide(loop, Override.NEVER, mara)
    assert decide(loop, None, mara) == Decision(Verdict.DEFER, Reason.DELAY, NOW + DAY)
    assert loop.ask(NOW + 2 * HOUR) == 0
    assert loop.ask() == 1
    assert "Mara left it to the rules. We wait until Wednesday" in told(loop)


def test_a_mail_in_the_outbox_is_withdrawn_and_goes_again_if_it_is_wanted_after_all(loop: Loop, mara: str) -> None:
    loop.take(ADA)
    loop.ask()
    decide(loop, Override.NEVER, mara, NOW + DAY)
    loop.send()
    assert loop.maildir() == []
    assert loop.rows("SELECT state, words FROM outbox") == [{"state": "dropped", "words": "our staff decided so"}]
    assert loop.rows("SELECT state FROM surveys") == [{"state": "cancelled"}]
    decide(loop, Override.NOW, mara, NOW + DAY + HOUR)
    assert loop.rows("SELECT state FROM surveys") == [{"state": "asked"}]
    loop.send(NOW + DAY + HOUR)
    assert len(loop.maildir()) == 1


@pytest.mark.parametrize("wish", Override)
def test_nothing_is_decided_once_the_mail_is_on_its_way(loop: Loop, mara: str, wish: Override) -> None:
    loop.take(ADA)
    loop.ask()
    with loop.store.write():
        loop.store.outbox.claim(Kind.SURVEY, "a sender", NOW + DAY, DAY, 1)
    with pytest.raises(Refused, match="has gone out by now, was refused, or is just going"):
        decide(loop, wish, mara, NOW + DAY)
    assert loop.rows("SELECT wish FROM overrides") == []


def test_nobody_can_have_a_mail_sent_to_who_opted_out(loop: Loop, mara: str) -> None:
    loop.take(ADA)
    with loop.store.write():
        loop.store.surveys.suppress(loop.keys.address_hashes("ada@example.org")[0], Suppression.OPTED_OUT, NOW)
    with pytest.raises(Refused, match="It cannot be sent: this address has opted out"):
        decide(loop, Override.NOW, mara)
    assert loop.rows("SELECT wish FROM overrides") == []
    assert "Mara decided" not in told(loop)


def test_a_wish_does_not_outlive_an_opt_out_that_comes_before_the_mail(loop: Loop, mara: str) -> None:
    loop.take(ADA)
    decide(loop, Override.NOW, mara)
    loop.ask(NOW + HOUR)
    with loop.store.write():
        loop.store.surveys.suppress(loop.keys.address_hashes("ada@example.org")[0], Suppression.OPTED_OUT, NOW)
    loop.send(NOW + HOUR)
    assert loop.maildir() == []


def test_a_case_that_was_not_to_be_asked_at_all_can_be_asked_by_hand(
    make_loop: Callable[..., Loop], loop: Loop, mara: str
) -> None:
    loop = make_loop(skip_topics="printers")
    loop.take(ADA)
    assert loop.rows("SELECT id FROM surveys") == []
    decide(loop, Override.NOW, mara)
    assert loop.ask(NOW + HOUR) == 1


def test_two_people_who_decide_one_after_the_other_both_stand_in_the_ledger(loop: Loop, mara: str) -> None:
    with loop.store.write():
        tom = loop.store.staff.add("tom@acme.example", "Tom", "a hash", Role.OWNER)
    loop.take(ADA)
    decide(loop, Override.NEVER, mara)
    decide(loop, Override.NEVER, tom)
    assert "Mara decided so" in told(loop)
    assert "Tom decided so" in told(loop)


def test_a_resolution_that_is_not_there_is_told(loop: Loop, mara: str) -> None:
    with pytest.raises(NotFound):
        loop.asking.decide_by_hand("nothing", Override.NOW, mara, NOW)

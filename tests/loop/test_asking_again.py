"""Whoever said "no" and was helped is asked once more, "Is it solved now?"; a second "no" is escalated."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from feedback.domain.cases import CaseStatus
from feedback.domain.eligibility import Reason, Verdict
from feedback.domain.followups import Channel, Outcome
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Round
from feedback.loop import answering, erasing, following_up
from feedback.loop.explaining import explain
from feedback.loop.links import survey_url
from tests.conftest import ADA, DAY, NOW, Loop, text_of

SAID = NOW + DAY + timedelta(hours=1)
HELPED = SAID + timedelta(hours=2)  # Wednesday, 15:00
HOUR = timedelta(hours=1)


def say_no(loop: Loop, ref: str = "A-1") -> str:
    """Ada's follow-up."""
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(ref), Choice.NO, SAID)
    (follow_up,) = loop.store.follow_ups.open_ones()
    return follow_up.id


def close(loop: Loop, key: str, outcome: Outcome = Outcome.SOLVED, at: datetime = HELPED) -> None:
    following_up.close(loop.store, loop.asking, key, outcome, "Sent a new drum.", None, at)


def helped(loop: Loop) -> str:
    loop.take(ADA)
    key = say_no(loop)
    close(loop, key)
    return key


def run(loop: Loop, at: datetime) -> int:
    """How many questions went out in the second round by then."""
    while loop.asking.step(at):
        pass
    loop.send(at)
    return len([mail for mail in loop.maildir() if mail["Subject"].startswith("Is it solved now?")])


def ledger(loop: Loop, ref: str = "A-1") -> list[tuple[Verdict, Reason]]:
    """What was decided about the second round."""
    (case,) = loop.store.cases.with_ref(ref)
    entries = loop.store.cases.stories(case.id)[0].ledger
    return [(entry.decision.verdict, entry.decision.reason) for entry in entries if entry.round is Round.AGAIN]


def test_a_day_after_it_was_closed_as_solved_the_customer_is_asked_whether_it_is_once(loop: Loop) -> None:
    helped(loop)
    assert run(loop, HELPED + DAY - HOUR) == 0
    assert run(loop, HELPED + DAY) == 1
    assert run(loop, HELPED + 3 * DAY) == 1
    mail = loop.maildir()[-1]
    assert mail["To"] == "Ada@example.org"
    assert "You told us that “Printer jams on page two” was not solved, and we have worked on it since." in text_of(
        mail
    )
    assert ledger(loop) == [(Verdict.DEFER, Reason.DELAY), (Verdict.ASK, Reason.DUE)]


def test_the_mail_is_signed_by_whoever_helped(loop: Loop) -> None:
    loop.take(ADA)
    key = say_no(loop)
    with loop.store.write():
        tom = loop.store.staff.add("tom@acme.example", "Tom", "", Role.OWNER)
    following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "Sent a new drum.", tom, HELPED)
    run(loop, HELPED + DAY)
    assert "\nTom\n" in text_of(loop.maildir()[-1])


@pytest.mark.parametrize("outcome", [Outcome.NOT_SOLVABLE, Outcome.NO_CONTACT])
def test_nobody_is_asked_again_whom_we_could_not_help(loop: Loop, outcome: Outcome) -> None:
    loop.take(ADA)
    close(loop, say_no(loop), outcome)
    assert run(loop, HELPED + 3 * DAY) == 0
    assert ledger(loop) == []


def test_a_no_opens_the_same_follow_up_again_as_escalated_and_there_is_no_third_round(loop: Loop) -> None:
    key = helped(loop)
    run(loop, HELPED + DAY)
    again = HELPED + DAY + HOUR
    answering.answer(loop.store, loop.config, loop.survey_id(round_=Round.AGAIN), Choice.NO, again)
    (follow_up,) = loop.store.follow_ups.open_ones()
    assert (follow_up.id, follow_up.is_escalated, follow_up.stands) == (key, True, Choice.NO)
    assert follow_up.answer is not None
    assert follow_up.answer.at == again
    assert follow_up.due_at == again + DAY
    loop.send(again + timedelta(minutes=1))
    assert "This is escalated" in text_of(loop.maildir()[-1])
    close(loop, key, at=again + HOUR)
    assert run(loop, again + 4 * DAY) == 1


def test_a_yes_leaves_it_closed(loop: Loop) -> None:
    key = helped(loop)
    run(loop, HELPED + DAY)
    answering.answer(loop.store, loop.config, loop.survey_id(round_=Round.AGAIN), Choice.YES, HELPED + DAY + HOUR)
    assert loop.store.follow_ups.count_open() == 0
    assert loop.store.follow_ups.get(key).stands is Choice.YES


def test_a_yes_after_the_second_no_withdraws_it_again(loop: Loop) -> None:
    key = helped(loop)
    run(loop, HELPED + DAY)
    for minutes, choice in enumerate((Choice.NO, Choice.YES)):
        at = HELPED + DAY + timedelta(minutes=minutes)
        answering.answer(loop.store, loop.config, loop.survey_id(round_=Round.AGAIN), choice, at)
    assert loop.store.follow_ups.get(key).outcome is Outcome.WITHDRAWN


def test_neither_the_sample_nor_how_lately_we_asked_speaks_against_it(make_loop: Callable[..., Loop]) -> None:
    helped(make_loop())
    assert run(make_loop(sample="1%", ask_again_after="60d"), HELPED + DAY) == 1


def test_it_is_too_old_by_the_closing_and_not_by_the_resolution(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(max_age="3d")
    loop.take(ADA)
    key = say_no(loop)
    close(loop, key, at=NOW + 6 * DAY)  # a Monday
    assert run(loop, NOW + 7 * DAY) == 1


def test_it_waits_for_our_hours(loop: Loop) -> None:
    loop.take(ADA)
    friday = datetime(2026, 3, 6, 16, tzinfo=NOW.tzinfo)
    close(loop, say_no(loop), at=friday)
    assert run(loop, friday + DAY) == 0
    assert run(loop, datetime(2026, 3, 9, 9, tzinfo=NOW.tzinfo)) == 1


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (lambda loop: loop.opt_out(HELPED + HOUR), Reason.OPTED_OUT),
        (
            lambda loop: loop.take(replace(ADA, status=CaseStatus.OPEN, resolved_at=None), now=HELPED + HOUR),
            Reason.REOPENED,
        ),
        (lambda loop: loop.take(replace(ADA, resolved_at=HELPED), now=HELPED + HOUR), Reason.RESOLVED_AGAIN),
        (
            lambda loop: answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, HELPED + HOUR),
            Reason.FOLLOW_UP_OPEN,
        ),
    ],
)
def test_the_rules_of_asking_hold(loop: Loop, happens: Callable[[Loop], object], reason: Reason) -> None:
    helped(loop)
    happens(loop)
    assert run(loop, HELPED + DAY) == 0
    assert ledger(loop)[-1] == (Verdict.SKIP, reason)


def test_what_was_closed_otherwise_after_all_is_not_asked_about(loop: Loop) -> None:
    key = helped(loop)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, HELPED + HOUR)
    close(loop, key, Outcome.NOT_SOLVABLE, HELPED + 2 * HOUR)
    assert run(loop, HELPED + 2 * DAY) == 0
    assert ledger(loop)[-1] == (Verdict.SKIP, Reason.NOT_HELPED)


def test_a_follow_up_that_was_opened_again_and_solved_before_we_asked_is_asked_about_once(loop: Loop) -> None:
    key = helped(loop)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, HELPED + HOUR)
    assert run(loop, HELPED + DAY) == 0
    close(loop, key, at=HELPED + DAY + HOUR)
    assert run(loop, HELPED + 2 * DAY + HOUR) == 1


def test_it_can_be_switched_off(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(recheck="off")
    helped(loop)
    assert run(loop, HELPED + 3 * DAY) == 0


def test_whoever_was_erased_meanwhile_is_not_asked(loop: Loop) -> None:
    helped(loop)
    erasing.erase(loop.store, loop.keys, "ada@example.org", HELPED + HOUR)
    assert run(loop, HELPED + DAY) == 0


def test_explain_tells_of_the_second_round(loop: Loop) -> None:
    helped(loop)
    run(loop, HELPED + DAY)
    (_, told) = explain(loop.store, loop.keys, loop.config, "A-1", None)
    assert "Wednesday, 4 March 2026, 15:00 (UTC): We wait until Thursday, 5 March 2026, 15:00 (UTC) to ask again: " in (
        " ".join(told.lines)
    )
    assert any(line.endswith("We ask again: it is due.") for line in told.lines)
    again = told.lines.index(next(line for line in told.lines if line.startswith("The mail that asks again to Ada@")))
    link = survey_url(loop.config, loop.keys, loop.survey_id(round_=Round.AGAIN))
    assert told.lines[again + 1] == f"This is a trial; the link in that mail: {link}/no"


def test_who_says_yes_before_we_ask_again_is_not_asked(loop: Loop) -> None:
    helped(loop)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, HELPED + HOUR)
    assert run(loop, HELPED + DAY) == 0
    assert ledger(loop)[-1] == (Verdict.SKIP, Reason.ANSWERED)


def test_nobody_is_reminded_of_the_first_question_once_the_second_is_planned(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(reminder="2d")
    loop.take(ADA)
    loop.ask()
    loop.send()
    with loop.store.write():
        answering.owe_action(loop.store, loop.config, loop.survey_id(), None, SAID, Channel.MAIL)
    (follow_up,) = loop.store.follow_ups.open_ones()
    close(loop, follow_up.id)
    assert run(loop, HELPED + 5 * DAY) == 1
    assert not [mail for mail in loop.maildir() if mail["Subject"].startswith("Re:")]

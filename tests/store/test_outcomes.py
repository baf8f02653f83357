"""What customers bought after their cases, as the loop and an import leave it."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from feedback.domain.followups import Outcome
from feedback.domain.outcomes import Helped
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Round
from feedback.loop import answering, erasing, following_up
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop

HOUR = timedelta(hours=1)
SAID = NOW + DAY + HOUR
LATER = NOW + 60 * DAY


def ask(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()


def buy(loop: Loop, ref: str, at: datetime, amount: str, customer: str = "ada") -> None:
    with loop.store.write():
        loop.store._database.connection.execute(
            "INSERT INTO purchases (id, customer_id, ref, at, amount)"
            " SELECT ?, id, ?, ?, ? FROM customers WHERE ref = ?",
            (f"{customer} {ref}", ref, f"{at:%Y-%m-%dT%H:%M:%SZ}", amount, customer),
        )


def helped(loop: Loop, now: datetime = LATER) -> list[Helped]:
    return list(loop.store.outcomes.helped(NOW - DAY, LATER, now))


def test_a_customer_comes_with_what_they_said_and_bought_since(loop: Loop) -> None:
    ask(loop)
    buy(loop, "1", NOW - HOUR, "5.00")
    buy(loop, "2", NOW, "5.00")
    buy(loop, "3", NOW + HOUR, "19.90")
    buy(loop, "4", NOW + 9 * DAY, "-1")
    (ada,) = helped(loop)
    assert (ada.resolved_at, ada.choice, ada.choice_again) == (NOW, None, None)
    assert sorted(ada.bought) == [(NOW + HOUR, Decimal("19.90")), (NOW + 9 * DAY, Decimal(-1))]
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, SAID)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, SAID + HOUR)
    assert [one.choice for one in helped(loop)] == [Choice.YES]
    assert loop.store.outcomes.observed(LATER) == (NOW - HOUR, NOW + 9 * DAY)


def test_a_purchase_that_is_still_to_come_is_not_known_yet(loop: Loop) -> None:
    ask(loop)
    assert loop.store.outcomes.observed(NOW) is None
    buy(loop, "1", NOW + DAY, "5")
    buy(loop, "2", NOW + 3000 * DAY, "5")
    assert loop.store.outcomes.observed(NOW) is None
    assert loop.store.outcomes.observed(NOW + 2 * DAY) == (NOW + DAY, NOW + DAY)
    assert [len([*one.bought]) for one in helped(loop)] == [1]


def test_who_is_asked_again_and_says_yes_is_told_so(loop: Loop) -> None:
    ask(loop)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, SAID)
    (follow_up,) = loop.store.follow_ups.open_ones()
    with loop.store.write():
        mara = loop.store.staff.add("mara@acme.example", "Mara", "hash", Role.OWNER)
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "A new drum.", mara, SAID + HOUR)
    loop.ask(SAID + 3 * DAY)
    loop.send(SAID + 3 * DAY)
    assert [(one.choice, one.choice_again) for one in helped(loop)] == [(Choice.NO, None)]
    answering.answer(loop.store, loop.config, loop.survey_id(round_=Round.AGAIN), Choice.YES, SAID + 4 * DAY)
    assert [(one.choice, one.choice_again) for one in helped(loop)] == [(Choice.NO, Choice.YES)]


def test_a_customer_counts_once_with_the_first_case_that_they_were_asked_about(loop: Loop) -> None:
    loop.take(replace(ADA, ref="A-0", resolved_at=NOW - 20 * DAY, opened_at=None))  # too old to be asked about
    ask(loop)
    second = NOW + 20 * DAY
    loop.take(replace(ADA, ref="A-2", resolved_at=second, opened_at=None), now=second)
    loop.ask(second + DAY)
    loop.send(second + DAY)
    assert [one.resolved_at for one in loop.store.outcomes.helped(NOW - 30 * DAY, LATER, LATER)] == [NOW]
    assert [one.resolved_at for one in loop.store.outcomes.helped(NOW + DAY, LATER, LATER)] == [second]


@pytest.mark.parametrize("answers", [True, False])
def test_whom_no_mail_reached_is_not_there_unless_they_answered(loop: Loop, answers: bool) -> None:
    loop.take(ADA, replace(BRUNO, email="bruno@example.org"))
    loop.ask()
    assert helped(loop) == []  # nothing went out yet
    loop.send()
    if answers:
        answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, SAID)
    (mail,) = loop.rows(f"SELECT id FROM outbox WHERE survey_id = '{loop.survey_id()}'")
    with loop.store.write():
        loop.store.returns.note_bounce(mail["id"], "hash", is_hard=True, now=SAID)
    told = sorted(str(one.choice) for one in helped(loop))
    assert told == (["None", "yes"] if answers else ["None"])  # Bruno's mail has arrived


def test_who_was_erased_has_no_purchases_and_is_not_counted_as_one_who_bought_nothing(loop: Loop) -> None:
    ask(loop)
    buy(loop, "1", NOW + HOUR, "5")
    erasing.erase(loop.store, loop.keys, "ada@example.org", SAID)
    assert helped(loop) == []
    assert loop.store.outcomes.observed(LATER) is None

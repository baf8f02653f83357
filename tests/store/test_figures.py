"""What the figures are counted from, as the loop leaves it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from feedback.domain.cases import normalise_email
from feedback.domain.followups import Channel, Outcome, Result
from feedback.domain.published import Help, Served
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Round, Stage
from feedback.loop import answering, erasing, following_up
from feedback.publish.figures import current
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop

HOUR = timedelta(hours=1)
SAID = NOW + DAY + HOUR


def served(loop: Loop) -> list[Served]:
    found = loop.store.figures.served(NOW - DAY, lambda address: None)
    return sorted(found, key=lambda row: row.customer_id)


def ask(loop: Loop) -> None:
    loop.take(replace(ADA, first_reply_at=ADA.opened_at and ADA.opened_at + HOUR))
    loop.ask()
    loop.send()


def test_a_resolution_brings_what_is_known_of_it(loop: Loop) -> None:
    ask(loop)
    (row,) = served(loop)
    assert row == Served(
        row.customer_id, NOW, True, "Hardware", "printers", "mail", HOUR, 1, has_name=True, has_tenure=True,
        is_mailed=True, asked_at=NOW + DAY, until_solved=5 * HOUR,
    )  # fmt: skip


def test_what_is_unknown_stays_unknown(loop: Loop) -> None:
    loop.take(replace(BRUNO, opened_at=None, interactions=None, name=None, customer_since=None, topic=None, team=None))
    (row,) = served(loop)
    assert (row.first_reply, row.interactions, row.team, row.topic, row.asked_at) == (None, None, None, None, None)
    assert (row.until_solved, row.until_answered) == (None, None)
    assert (row.has_name, row.has_tenure, row.is_mailed) == (False, False, False)


def test_the_newest_answer_counts_with_its_reasons(loop: Loop) -> None:
    ask(loop)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, SAID)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, SAID + HOUR)
    answer_id = loop.rows("SELECT id FROM answers WHERE choice = 'no'")[0]["id"]
    with loop.store.write():
        loop.store.surveys.add_details(answer_id, Details(reasons=(Stage.CONNECT, Stage.RESOLVE)), SAID + HOUR)
    (row,) = served(loop)
    assert (row.choice, row.reasons) == (Choice.NO, (Stage.CONNECT, Stage.RESOLVE))
    assert row.until_answered == DAY + HOUR  # until the first one
    (vote,) = loop.store.figures.votes(NOW, NOW + HOUR)
    assert (vote.resolved_at, vote.is_yes, vote.team, vote.topic) == (NOW, False, "Hardware", "printers")
    assert list(loop.store.figures.votes(NOW - HOUR, NOW)) == []


@pytest.fixture
def mara(loop: Loop) -> str:
    with loop.store.write():
        return loop.store.staff.add("mara@acme.example", "Mara", "hash", Role.OWNER)


def test_a_follow_up_tells_when_somebody_was_reached_and_whether_it_helped(loop: Loop, mara: str) -> None:
    ask(loop)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, SAID)
    (row,) = served(loop)
    assert row.help == Help(None, None, False, False, None)
    (follow_up,) = loop.store.follow_ups.open_ones()
    for hours, result in ((1, Result.NOT_REACHED), (3, Result.NOT_SOLVED), (5, Result.NOT_SOLVED)):
        following_up.log_interaction(
            loop.store, follow_up.id, mara, Channel.CALL, result, f"Call {hours}.", SAID + hours * HOUR
        )
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "A new drum.", mara, SAID + 6 * HOUR)
    later = SAID + 3 * DAY
    loop.ask(later)
    loop.send(later)
    answering.answer(loop.store, loop.config, loop.survey_id(round_=Round.AGAIN), Choice.YES, later + HOUR)
    (row,) = served(loop)
    assert row.choice is Choice.NO  # in the first round
    assert row.help == Help(Outcome.SOLVED, 3 * HOUR, True, True, Choice.YES, later + HOUR - SAID)
    answering.answer(loop.store, loop.config, loop.survey_id(round_=Round.AGAIN), Choice.NO, later + 2 * HOUR)
    (row,) = served(loop)
    assert row.help
    assert (row.help.choice_again, row.help.until_recovered) == (Choice.NO, None)


def test_a_mail_that_came_back_for_good_was_mailed_and_not_asked(loop: Loop) -> None:
    ask(loop)
    (mail,) = loop.rows("SELECT id FROM outbox WHERE kind = 'survey'")
    with loop.store.write():
        loop.store.returns.note_bounce(mail["id"], "hash", is_hard=True, now=SAID)
        loop.store.returns.mark_failed(mail["id"], "no such user")
    (row,) = served(loop)
    assert (row.is_mailed, row.is_bounced, row.choice) == (True, True, None)
    assert current(loop.store, loop.config, NOW + 150 * DAY).response.n == 0


def test_an_opt_out_counts_for_the_mail_before_it(loop: Loop) -> None:
    ask(loop)
    hashes = loop.keys.address_hashes(normalise_email("ada@example.org"))
    loop.opt_out(SAID)
    since = {one: at for one, _, at in loop.store.surveys.suppressions()}
    opted_out = loop.store.figures.served(
        NOW - DAY, lambda address: since.get(loop.keys.address_hashes(normalise_email(address))[0])
    )
    assert [row.has_opted_out for row in opted_out] == [True]
    assert set(since) <= set(hashes)
    before = loop.store.figures.served(NOW - DAY, lambda address: NOW)
    assert [row.has_opted_out for row in before] == [False]


def test_whoever_was_erased_stays_counted_without_a_name(loop: Loop) -> None:
    ask(loop)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, SAID)
    (before,) = served(loop)
    erasing.erase(loop.store, loop.keys, "ada@example.org", SAID + HOUR)
    (after,) = served(loop)
    assert (after.customer_id, after.choice) == (before.customer_id, Choice.YES)
    assert (before.has_name, after.has_name, after.has_tenure) == (True, False, False)

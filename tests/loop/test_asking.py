from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from feedback.config import Config
from feedback.domain.cases import CaseRecord, CaseStatus, ResolvedBy
from feedback.domain.eligibility import Reason, Verdict
from feedback.domain.surveys import Choice, Suppression
from feedback.keys import Keys
from feedback.loop import answering
from feedback.loop.asking import Asking
from feedback.loop.intake import take_in
from feedback.store import Store
from tests.conftest import ADA, BRUNO, CHIOMA, DAY, NOW, Loop


def test_a_survey_waits_24_hours_and_is_then_asked_once(loop: Loop) -> None:
    loop.take(ADA)
    assert loop.ask(NOW + DAY - timedelta(seconds=1)) == 0
    assert loop.ask(NOW + DAY) == 1
    assert loop.ask(NOW + DAY) == 0
    assert loop.rows("SELECT state, asked_at FROM surveys") == [{"state": "asked", "asked_at": "2026-03-04T12:00:00Z"}]
    assert len(loop.rows("SELECT id FROM outbox")) == 1


def test_every_resolution_has_at_least_one_decision_in_the_ledger(loop: Loop) -> None:
    loop.take(ADA, BRUNO, CHIOMA, replace(ADA, ref="old", resolved_at=NOW - 30 * DAY))
    loop.ask()
    told = loop.rows(
        "SELECT c.ref, d.verdict, d.reason FROM decisions d JOIN resolutions r ON r.id = d.resolution_id"
        " JOIN cases c ON c.id = r.case_id ORDER BY c.ref, d.seq"
    )
    assert [(row["ref"], row["verdict"], row["reason"]) for row in told] == [
        ("A-1", "defer", "delay"),
        ("A-1", "ask", "due"),
        ("B-2", "defer", "delay"),
        ("B-2", "ask", "due"),
        ("C-3", "skip", "no_address"),
        ("old", "skip", "too_old"),
    ]


@pytest.mark.parametrize(
    ("status", "reason"),
    [(CaseStatus.OPEN, "reopened"), (CaseStatus.SPAM, "spam"), (CaseStatus.MERGED, "merged")],
)
def test_a_case_that_is_not_resolved_any_more_cancels_its_survey(loop: Loop, status: CaseStatus, reason: str) -> None:
    loop.take(ADA)
    loop.take(replace(ADA, status=status), now=NOW + timedelta(hours=1))
    assert loop.rows("SELECT state, reason FROM surveys") == [{"state": "cancelled", "reason": reason}]
    assert loop.ask() == 0


def test_a_first_import_of_two_years_mails_nobody_about_what_is_long_past(loop: Loop) -> None:
    loop.take(*(replace(ADA, ref=f"old-{day}", resolved_at=NOW - day * DAY) for day in range(8, 738, 10)))
    loop.ask()
    assert loop.rows("SELECT id FROM surveys") == []


def test_an_opted_out_address_is_not_asked_whatever_its_spelling(loop: Loop) -> None:
    with loop.store.write():
        loop.store.surveys.suppress(loop.keys.address_hashes("ada@example.org")[0], Suppression.OPTED_OUT, NOW)
    taken = loop.take(replace(ADA, email="ADA@Example.ORG"))
    assert taken[0].decision is not None
    assert taken[0].decision.reason is Reason.OPTED_OUT


def test_an_address_that_becomes_known_in_time_lets_us_ask(loop: Loop) -> None:
    loop.take(CHIOMA)
    loop.take(replace(CHIOMA, email="chioma@example.org"), now=NOW + timedelta(hours=2))
    assert loop.ask() == 1


def test_a_second_resolution_replaces_the_question_about_the_first(loop: Loop) -> None:
    loop.take(ADA)
    loop.take(replace(ADA, status=CaseStatus.OPEN), now=NOW + timedelta(hours=1))
    again = replace(ADA, resolved_at=NOW + timedelta(hours=3))
    assert loop.take(again, now=NOW + timedelta(hours=3))[0].resolution
    assert loop.ask(NOW + DAY) == 0
    assert loop.ask(NOW + DAY + timedelta(hours=3)) == 1
    assert [
        row["state"]
        for row in loop.rows("SELECT s.state FROM surveys s JOIN resolutions r ON r.id = resolution_id ORDER BY n")
    ] == [
        "cancelled",
        "asked",
    ]


def test_the_decision_to_ask_carries_its_reason(loop: Loop) -> None:
    decision = loop.take(ADA)[0].decision
    assert decision is not None
    assert (decision.verdict, decision.reason, decision.until) == (Verdict.DEFER, Reason.DELAY, NOW + DAY)


def test_history_told_again_by_the_api_mails_nobody_twice(loop: Loop) -> None:
    events = (replace(ADA, status=CaseStatus.OPEN, resolved_at=None), ADA)
    for record in events:
        loop.take(record)
    loop.ask()
    loop.send()
    for record in events:
        loop.take(record, now=NOW + DAY)
    loop.ask(NOW + 3 * DAY)
    loop.send(NOW + 3 * DAY)
    assert len(loop.maildir()) == 1
    assert len(loop.rows("SELECT id FROM resolutions")) == 1


def test_a_case_marked_as_spam_by_mistake_is_asked_about_after_all(loop: Loop) -> None:
    loop.take(ADA)
    loop.take(replace(ADA, status=CaseStatus.SPAM), now=NOW + timedelta(hours=1))
    loop.take(ADA, now=NOW + timedelta(hours=2))
    assert loop.ask() == 1
    assert [row["reason"] for row in loop.rows("SELECT reason FROM decisions ORDER BY seq")] == [
        "delay",
        "spam",
        "delay",
        "due",
    ]


def test_a_row_without_customer_reference_keeps_the_case_with_the_same_person(loop: Loop) -> None:
    loop.take(ADA)
    loop.take(replace(ADA, customer_ref=None, email="ada@EXAMPLE.org", team="Software"))
    assert loop.rows("SELECT ref, name FROM customers") == [{"ref": "ada", "name": "Ada"}]


def test_an_address_that_becomes_known_through_another_case_counts_for_all(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(ask_again_after="off")
    records = [replace(CHIOMA, ref=f"C-{n}") for n in range(2)]
    loop.take(*records)
    loop.take(*(replace(record, email="chioma@example.org") for record in records), now=NOW + timedelta(hours=1))
    assert loop.ask() == 2


def test_a_customer_known_by_address_who_is_given_a_reference_stays_the_same(loop: Loop) -> None:
    loop.take(replace(ADA, customer_ref=None))
    loop.take(replace(ADA, customer_ref="42", email=None), now=NOW + timedelta(hours=1))
    assert loop.rows("SELECT ref, email FROM customers") == [{"ref": "42", "email": "Ada@example.org"}]
    assert loop.ask() == 1


def test_a_case_closed_again_without_a_moment_is_not_asked_about_by_its_old_one(loop: Loop) -> None:
    loop.take(ADA)
    loop.take(replace(ADA, status=CaseStatus.OPEN, resolved_at=None), now=NOW + timedelta(hours=1))
    loop.take(replace(ADA, resolved_at=None), now=NOW + timedelta(hours=2))
    assert loop.ask() == 0


def test_a_customer_whose_follow_up_is_open_is_not_asked_about_another_case(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, NOW + DAY)
    other = replace(ADA, ref="A-2", resolved_at=NOW + DAY)
    (taken,) = loop.take(other, now=NOW + DAY)
    assert taken.decision is not None
    assert taken.decision.reason is Reason.FOLLOW_UP_OPEN
    (taken,) = loop.take(replace(BRUNO, resolved_at=NOW + DAY), now=NOW + DAY)
    assert taken.decision is not None
    assert taken.decision.reason is Reason.DELAY


def test_a_follow_up_that_opens_while_a_survey_waits_cancels_it(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    later = NOW + 16 * DAY
    loop.take(replace(ADA, ref="A-2", resolved_at=later), now=later)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, later)
    assert loop.ask(later + DAY) == 0
    assert {"state": "cancelled", "reason": "follow_up_open"} in loop.rows("SELECT state, reason FROM surveys")


@pytest.mark.parametrize(
    ("settings", "record", "reason"),
    [
        ({}, replace(ADA, resolved_by=ResolvedBy.AUTOMATION), Reason.AUTOMATION),
        ({"skip_tags": "internal"}, replace(ADA, tags=("Internal", "x")), Reason.EXCLUDED_TAG),
        ({"skip_topics": "printers"}, ADA, Reason.EXCLUDED_TOPIC),
        ({"skip_channels": "MAIL"}, ADA, Reason.EXCLUDED_CHANNEL),
        ({"skip_customers": "ada"}, ADA, Reason.EXCLUDED_CUSTOMER),
        ({"skip_domains": "example.org"}, ADA, Reason.EXCLUDED_DOMAIN),
    ],
)
def test_what_is_excluded_is_read_from_the_case_and_its_customer(
    store: Store, keys: Keys, make_config: Callable[..., Config], settings: dict[str, str], record: CaseRecord,
    reason: Reason,
) -> None:  # fmt: skip
    asking = Asking(store, keys, make_config(**settings))
    (taken,) = take_in(store, asking, [record], NOW)
    assert taken.decision is not None
    assert taken.decision.reason is reason


def test_whoever_has_answered_is_not_mailed_whatever_the_outbox_has_forgotten(loop: Loop) -> None:
    loop.take(ADA, BRUNO)
    loop.asking.step(NOW + DAY)
    with loop.store.write():  # as after a snapshot of the disk: the mail went out, and nobody knows
        loop.store.surveys.add_answer(loop.survey_id(), Choice.YES, NOW + DAY)
    loop.send()
    assert [mail["To"] for mail in loop.maildir()] == ["bruno@example.org"]
    assert {"state": "cancelled", "reason": "answered"} in loop.rows("SELECT state, reason FROM surveys")


def test_the_opt_out_of_a_mail_that_the_outbox_has_forgotten_counts(loop: Loop) -> None:
    loop.take(ADA)
    loop.opt_out(NOW)
    assert loop.store.surveys.suppression(loop.keys.address_hashes("ada@example.org")) is Suppression.OPTED_OUT


def test_a_customer_whose_clock_becomes_known_moves_the_survey_that_waits(loop: Loop) -> None:
    loop.take(ADA)
    assert loop.rows("SELECT due_at FROM surveys") == [{"due_at": "2026-03-04T12:00:00Z"}]
    loop.take(replace(ADA, zone="Asia/Tokyo"), now=NOW + timedelta(hours=1))  # noon here is 21:00 there
    assert loop.rows("SELECT due_at FROM surveys") == [{"due_at": "2026-03-05T00:00:00Z"}]
    assert loop.ask() == 0
    assert loop.ask(NOW + timedelta(hours=36)) == 1


def test_a_mail_that_the_window_overtakes_in_the_outbox_waits_for_the_next_one(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    evening = NOW + DAY + timedelta(hours=6)
    loop.send(evening)
    assert loop.maildir() == []
    assert loop.rows("SELECT state, due_at FROM outbox") == [{"state": "queued", "due_at": "2026-03-05T09:00:00Z"}]
    loop.send(evening + timedelta(hours=15))
    assert len(loop.maildir()) == 1

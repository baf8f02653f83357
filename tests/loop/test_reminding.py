"""One reminder, of a mail that went out and was not answered, as a reply in its thread."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest

from feedback.domain.cases import CaseStatus
from feedback.domain.eligibility import Override
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Suppression
from feedback.loop import answering, backing_up
from feedback.loop.explaining import explain
from feedback.store.operations import Hold
from feedback.store.outbox import MailState
from tests.conftest import ADA, DAY, NOW, Loop, MailServer, html_of, text_of

HOUR = timedelta(hours=1)
SENT = NOW + DAY  # a Wednesday, noon
DUE = NOW + 6 * DAY - 3 * HOUR  # three days later it is Saturday; so Monday, nine o'clock


@pytest.fixture
def loop(make_loop: Callable[..., Loop]) -> Loop:
    return make_loop(reminder="3d")


@pytest.fixture
def asked(loop: Loop) -> Loop:
    loop.take(ADA)
    assert run(loop, SENT) == 1
    return loop


def run(loop: Loop, now: datetime) -> int:
    """Let the jobs run; how many mails there are in the end."""
    loop.ask(now)
    loop.send(now)
    loop.ask(now)
    return len(loop.maildir())


def told(loop: Loop) -> str:
    return "\n".join(line for part in explain(loop.store, loop.keys, loop.config, "A-1") for line in part.lines)


def test_who_stays_silent_is_reminded_once_within_the_window(asked: Loop) -> None:
    assert "If no answer comes, a reminder is due Monday, 9 March 2026, 09:00 (UTC)." in told(asked)
    assert run(asked, DUE - timedelta(seconds=1)) == 1
    assert run(asked, DUE) == 2
    assert "We remind: no answer has come." in told(asked)
    for days in (1, 5, 20, 40):
        assert run(asked, DUE + days * DAY) == 2


def test_the_next_moment_at_which_something_is_due_may_be_a_reminders(asked: Loop) -> None:
    assert asked.store.surveys.next_due() == DUE


def test_the_reminder_is_a_reply_in_the_thread_of_the_first_mail(asked: Loop) -> None:
    run(asked, DUE)
    first, reminder = asked.maildir()
    assert reminder["In-Reply-To"] == reminder["References"] == first["Message-ID"]
    assert reminder["Message-ID"] != first["Message-ID"]
    assert reminder["Subject"] == f"Re: {first['Subject']}"
    assert (reminder["To"], reminder["Reply-To"]) == (first["To"], first["Reply-To"])
    assert reminder["List-Unsubscribe"] == first["List-Unsubscribe"]
    for says in (text_of, html_of):
        asked_before = "We have asked you whether it is, and no answer has come yet. This is our only reminder."
        assert asked_before in says(reminder)
        assert "only reminder" not in says(first)
        assert "We ask once about each request, and remind once." in says(first)
    assert links(first) == links(reminder)


def links(message: EmailMessage) -> list[str]:
    return [line for line in text_of(message).splitlines() if line.startswith("http")]


def test_nobody_is_reminded_unless_that_is_switched_on(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop()
    loop.take(ADA)
    run(loop, SENT)
    assert run(loop, DUE + 10 * DAY) == 1
    assert "remind" not in text_of(loop.maildir()[0])


def test_nobody_is_reminded_once_it_is_switched_off_again(asked: Loop, make_loop: Callable[..., Loop]) -> None:
    assert run(make_loop(), DUE) == 1
    assert "We do not remind: reminders are switched off (FEEDBACK_REMINDER)." in told(asked)


def opt_out(loop: Loop) -> None:
    loop.opt_out(SENT + HOUR)


def bounce(loop: Loop) -> None:
    with loop.store.write():
        loop.store.surveys.suppress(loop.keys.address_hashes("ada@example.org")[0], Suppression.NO_SUCH_ADDRESS, SENT)


def answer(loop: Loop) -> None:
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, SENT + HOUR)


def reopen(loop: Loop) -> None:
    loop.take(replace(ADA, status=CaseStatus.OPEN, resolved_at=None), now=SENT + HOUR)


def resolve_again(loop: Loop) -> None:
    loop.take(replace(ADA, resolved_at=SENT + HOUR), now=SENT + HOUR)


AGAINST = [
    (opt_out, "this address has opted out"),
    (bounce, "a mail server has said that nobody has this address"),
    (answer, "the customer has answered already"),
    (reopen, "the case was opened again"),
]


@pytest.mark.parametrize(("happens", "words"), AGAINST)
def test_what_happened_since_stops_the_reminder(asked: Loop, happens: Callable[[Loop], None], words: str) -> None:
    happens(asked)
    assert run(asked, DUE) == 1
    assert f"We do not remind: {words}." in told(asked)
    assert asked.rows("SELECT state FROM surveys") == [{"state": "asked"}]


@pytest.mark.parametrize(("happens", "words"), AGAINST)
def test_what_happens_while_the_reminder_is_in_the_outbox_stops_it_too(
    asked: Loop, happens: Callable[[Loop], None], words: str
) -> None:
    asked.ask(DUE)
    assert [row["kind"] for row in asked.rows("SELECT kind FROM outbox WHERE state = 'queued'")] == ["reminder"]
    happens(asked)
    asked.send(DUE)
    assert len(asked.maildir()) == 1
    assert asked.rows("SELECT words FROM outbox WHERE kind = 'reminder'") == [{"words": words}]
    assert asked.rows("SELECT state FROM surveys") == [{"state": "asked"}]  # it was asked, and can be answered


def test_a_case_that_was_resolved_again_is_asked_about_anew_and_not_reminded_of(asked: Loop) -> None:
    resolve_again(asked)
    assert run(asked, DUE) == 2
    assert [str(mail["Subject"])[:3] for mail in asked.maildir()] == ["Did", "Did"]


def test_what_was_sent_by_hand_is_reminded_of_whatever_it_was_sent_in_spite_of(
    make_loop: Callable[..., Loop],
) -> None:
    loop = make_loop(reminder="3d", skip_topics="printers")
    loop.take(ADA)
    with loop.store.write():
        mara = loop.store.staff.add("mara@acme.example", "Mara", "a hash", Role.OWNER)
    (row,) = loop.rows("SELECT id FROM resolutions")
    loop.asking.decide_by_hand(row["id"], Override.NOW, mara, SENT)
    assert run(loop, SENT) == 1
    assert run(loop, DUE) == 2


def test_who_was_asked_about_another_case_since_is_not_reminded(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(reminder="5d", ask_again_after="4d")
    loop.take(ADA)
    run(loop, SENT)
    loop.take(replace(ADA, ref="A-2", resolved_at=SENT + 3 * DAY), now=SENT + 3 * DAY)
    assert run(loop, SENT + 5 * DAY - HOUR) == 2
    assert run(loop, SENT + 5 * DAY) == 2
    assert "We do not remind: the customer was asked not long ago" in told(loop)


def test_a_mail_that_was_refused_or_is_in_doubt_is_not_reminded_of(loop: Loop, mail_server: MailServer) -> None:
    loop.take(ADA)
    loop.ask(SENT)
    mail_server.replies["RCPT"] = ["550 no"]
    loop.send(SENT, mail_server.url)
    assert loop.store.outbox.counts() == {MailState.FAILED: 1}
    assert loop.rows("SELECT remind_at FROM surveys") == [{"remind_at": None}]


def test_a_reminder_that_cannot_go_today_waits_for_the_window(asked: Loop) -> None:
    asked.ask(DUE)
    night = DUE + 12 * HOUR
    asked.send(night)
    assert len(asked.maildir()) == 1
    asked.send(DUE + DAY)
    assert len(asked.maildir()) == 2


def test_no_reminder_comes_when_its_link_has_ended(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(reminder="3d", link_ends="4d")
    loop.take(ADA)
    run(loop, SENT)
    assert run(loop, DUE) == 1
    assert "We do not remind" in told(loop)


def test_after_a_restore_no_reminder_comes_for_nobody_knows_whether_it_had_gone(asked: Loop) -> None:
    asked.ask(DUE)
    with asked.store.write():
        asked.store.operations.hold(Hold(DUE, "a backup was restored"))
    asked.send(DUE)
    assert len(asked.maildir()) == 1
    backing_up.resume(asked.store, DUE)
    assert run(asked, DUE + DAY) == 1


def test_a_mail_that_staff_have_sent_again_is_reminded_of_from_then_on(loop: Loop) -> None:
    loop.take(ADA)
    run(loop, SENT)
    with loop.store.write():
        loop.store._database.connection.execute("UPDATE outbox SET state = 'queued', handed_over_at = NULL")
    loop.ask(DUE)
    assert loop.rows("SELECT remind_at FROM surveys") == [{"remind_at": None}]
    assert run(loop, DUE + HOUR) == 2  # the mail itself
    assert run(loop, DUE + 3 * DAY + HOUR) == 3


def test_a_survey_never_has_two_reminders(asked: Loop) -> None:
    run(asked, DUE)
    with asked.store.write():
        asked.store.surveys.set_reminder(asked.survey_id(), DUE)
    assert run(asked, DUE + DAY) == 2


def test_only_who_got_the_mail_is_reminded_of_it(asked: Loop) -> None:
    asked.take(replace(ADA, email="ada@example.net"), now=SENT + HOUR)
    assert run(asked, DUE) == 1
    assert "We do not remind: the mail went to another address than the customer has now." in told(asked)


def test_a_reminder_in_the_outbox_follows_no_new_address(asked: Loop) -> None:
    asked.ask(DUE)
    asked.take(replace(ADA, email="ada@example.net"), now=DUE)
    asked.send(DUE)
    assert len(asked.maildir()) == 1


def test_another_survey_since_stops_the_reminder_though_nobody_is_left_alone(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(reminder="5d", ask_again_after="off")
    loop.take(ADA)
    run(loop, SENT)
    loop.take(replace(ADA, ref="A-2", resolved_at=SENT), now=SENT)
    assert run(loop, SENT + DAY) == 2
    assert run(loop, SENT + 5 * DAY) == 2

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage

import pytest

from feedback.domain.followups import Outcome
from feedback.domain.staff import Role
from feedback.domain.surveys import ANSWERS_AT_MOST, Choice, Details, Stage
from feedback.errors import NotFound, Refused
from feedback.loop import answering, following_up
from feedback.store.outbox import TOLD_AT_MOST
from tests.conftest import ADA, DAY, NOW, Loop, MailServer, text_of

ASKED = NOW + DAY
LATER = ASKED + timedelta(hours=2)


@pytest.fixture
def survey_id(loop: Loop) -> str:
    loop.take(ADA)
    loop.ask()
    loop.send()
    return loop.survey_id()


def say(loop: Loop, survey_id: str, choice: Choice, at: datetime = LATER) -> None:
    answering.answer(loop.store, loop.config, survey_id, choice, at)


def add(loop: Loop, survey_id: str, details: Details, at: datetime) -> None:
    answering.add_details(loop.store, loop.config, survey_id, Choice.NO, details, at)


def test_a_no_opens_a_follow_up_due_in_24_hours_and_alerts(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    (follow_up,) = loop.store.follow_ups.open_ones()
    assert (follow_up.opened_at, follow_up.due_at) == (LATER, LATER + DAY)
    loop.send(LATER + timedelta(minutes=1))
    alert = loop.maildir()[-1]
    assert alert["To"] == "mara@acme.example"
    assert "They have not written what is wrong" in text_of(alert)


def test_a_yes_opens_nothing(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.YES)
    assert loop.store.follow_ups.open_ones() == loop.store.follow_ups.closed_ones() == []
    assert len(loop.rows("SELECT id FROM outbox")) == 1


def test_the_same_choice_twice_counts_once(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    say(loop, survey_id, Choice.NO, LATER + timedelta(seconds=1))
    assert len(loop.rows("SELECT id FROM answers")) == 1
    assert len(loop.rows("SELECT id FROM outbox WHERE kind = 'alert'")) == 1


def test_words_added_at_once_stand_in_the_one_alert(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    details = Details((Stage.RESOLVE,), "Page two again.\n.\nA dot alone.", call=True, phone="+49 30 1234567")
    add(loop, survey_id, details, LATER + timedelta(seconds=20))
    loop.send(LATER + timedelta(minutes=1))
    alerts = [message for message in loop.maildir() if message["To"] == "mara@acme.example"]
    assert len(alerts) == 1
    assert "> Page two again.\n> .\n> A dot alone." in text_of(alerts[0])
    assert "They ask for a call: +49 30 1234567." in text_of(alerts[0])
    assert "- It took too long, I was passed around, or it still does not work" in text_of(alerts[0])


def test_words_added_after_the_alert_send_another(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    loop.send(LATER + timedelta(minutes=1))
    add(loop, survey_id, Details(comment="Late words"), LATER + timedelta(minutes=5))
    loop.send(LATER + timedelta(minutes=6))
    assert "Late words" in text_of(loop.maildir()[-1])
    assert len(loop.rows("SELECT id FROM outbox WHERE kind = 'alert'")) == 2


def test_a_yes_after_a_no_withdraws_the_follow_up_and_its_unsent_alert(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    say(loop, survey_id, Choice.YES, LATER + timedelta(seconds=10))
    (follow_up,) = loop.store.follow_ups.closed_ones()
    assert follow_up.outcome is Outcome.WITHDRAWN
    loop.send(LATER + timedelta(minutes=1))
    assert loop.rows("SELECT state FROM outbox WHERE kind = 'alert'") == [{"state": "dropped"}]


def changed(loop: Loop, now: datetime = LATER + timedelta(minutes=30)) -> list[EmailMessage]:
    """The mails of a change of mind, sent by that time."""
    loop.send(now)
    return [mail for mail in loop.maildir() if mail["Subject"].startswith("Solved after all")]


def test_whoever_was_alerted_hears_of_a_yes_after_the_no(make_loop: Callable[..., Loop], survey_id: str) -> None:
    loop = make_loop(alert_to="mara@acme.example, jo@acme.example")
    say(loop, survey_id, Choice.NO)
    loop.send(LATER + timedelta(minutes=1))
    say(loop, survey_id, Choice.YES, LATER + timedelta(minutes=20))
    mails = changed(loop)
    assert {mail["To"] for mail in mails} == {"mara@acme.example", "jo@acme.example"}
    assert mails[0]["Subject"] == "Solved after all: Ada — Printer jams on page two"
    assert text_of(mails[0]) == (
        "Ada has changed the answer to yes: “Printer jams on page two” is solved.\n"
        "\n"
        "The follow-up is closed. There is nothing left to do.\n"
        "\n"
        "Customer: Ada <Ada@example.org>\n"
        "Case: A-1 in shop\n"
        "\n"
        "See it at the desk:\n"
        f"http://127.0.0.1:8000/desk/follow-ups/{loop.store.follow_ups.closed_ones()[0].id}\n"
    )


def test_of_a_follow_up_with_an_owner_only_the_owner_hears(loop: Loop, survey_id: str) -> None:
    with loop.store.write():
        jo = loop.store.staff.add("jo@acme.example", "Jo", "", Role.OWNER)
    say(loop, survey_id, Choice.NO)
    loop.send(LATER + timedelta(minutes=1))
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.take(loop.store, follow_up.id, jo, None, LATER + timedelta(minutes=5))
    say(loop, survey_id, Choice.YES, LATER + timedelta(minutes=20))
    assert [mail["To"] for mail in changed(loop)] == ["jo@acme.example"]


def test_nobody_is_told_of_a_yes_who_had_not_heard_of_the_no(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    say(loop, survey_id, Choice.YES, LATER + timedelta(seconds=10))
    assert changed(loop) == []


def test_a_yes_that_became_a_no_again_at_once_is_not_told(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    loop.send(LATER + timedelta(minutes=1))
    say(loop, survey_id, Choice.YES, LATER + timedelta(minutes=20))
    say(loop, survey_id, Choice.NO, LATER + timedelta(minutes=20, seconds=10))
    assert changed(loop) == []
    alerts = [mail["Subject"].partition(":")[0] for mail in loop.maildir() if mail["To"] == "mara@acme.example"]
    assert alerts == ["Not solved", "Again not solved"]


def test_whoever_knows_of_a_no_hears_of_the_yes_however_often_the_mind_changed_between(
    loop: Loop, survey_id: str
) -> None:
    say(loop, survey_id, Choice.NO)
    loop.send(LATER + timedelta(minutes=1))
    for n, choice in enumerate((Choice.YES, Choice.NO, Choice.YES)):
        say(loop, survey_id, choice, LATER + timedelta(minutes=20, seconds=10 * n))
        loop.send(LATER + timedelta(minutes=20, seconds=10 * n + 5))
    assert len(changed(loop)) == 1
    say(loop, survey_id, Choice.NO, LATER + timedelta(hours=2))
    say(loop, survey_id, Choice.YES, LATER + timedelta(hours=2, seconds=5))
    assert len(changed(loop, LATER + timedelta(hours=3))) == 1  # nobody had heard of that no


def test_a_change_of_mind_that_no_server_takes_is_given_up_and_stops_no_mail_to_staff(
    loop: Loop, survey_id: str, mail_server: MailServer
) -> None:
    say(loop, survey_id, Choice.NO)
    loop.send(LATER + timedelta(minutes=1))
    say(loop, survey_id, Choice.YES, LATER + timedelta(minutes=20))
    mail_server.replies["RCPT"] = ["550 5.1.1 no such user"]
    loop.send(LATER + timedelta(minutes=30), mail_server.url)
    assert loop.rows("SELECT state FROM outbox WHERE kind = 'change of mind'") == [{"state": "failed"}]
    assert loop.rows("SELECT * FROM suppressions") == []


def test_a_follow_up_with_a_reply_stays_open_after_a_yes_and_the_mail_says_so(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    (follow_up,) = loop.store.follow_ups.open_ones()
    with loop.store.write():
        loop.store.follow_ups.add_reply(follow_up.id, "And another thing", LATER)
    loop.send(LATER + timedelta(minutes=1))
    say(loop, survey_id, Choice.YES, LATER + timedelta(minutes=20))
    (mail,) = changed(loop)
    assert "They have written to us as well, so the follow-up stays open: read it, and close it." in text_of(mail)
    (follow_up,) = loop.store.follow_ups.open_ones()
    assert follow_up.stands is Choice.YES


def test_a_no_after_the_follow_up_was_closed_opens_it_again(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.close(
        loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "Called.", None, LATER + timedelta(hours=1)
    )
    say(loop, survey_id, Choice.YES, LATER + timedelta(hours=2))
    say(loop, survey_id, Choice.NO, LATER + timedelta(hours=3))
    (follow_up,) = loop.store.follow_ups.open_ones()
    assert follow_up.due_at == LATER + timedelta(hours=27)
    assert [row["kind"] for row in loop.rows("SELECT kind FROM follow_up_events ORDER BY seq")] == [
        "opened",
        "closed",
        "reopened",
    ]


def test_words_said_beside_a_choice_are_not_lost_when_the_mind_changes_twice(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    add(loop, survey_id, Details(comment="Still broken"), LATER)
    say(loop, survey_id, Choice.YES)
    newest = loop.store.surveys.get(survey_id).newest
    assert newest is not None
    assert newest.details == Details()
    say(loop, survey_id, Choice.NO)
    newest = loop.store.surveys.get(survey_id).newest
    assert newest is not None
    assert newest.details.comment == "Still broken"


def test_all_answers_are_kept_and_the_newest_counts(loop: Loop, survey_id: str) -> None:
    for n in range(5):
        say(loop, survey_id, Choice.NO if n % 2 else Choice.YES, LATER)
    assert [row["choice"] for row in loop.rows("SELECT choice FROM answers ORDER BY seq")] == ["yes", "no"] * 2 + [
        "yes"
    ]
    newest = loop.store.surveys.get(survey_id).newest
    assert newest is not None
    assert newest.choice is Choice.YES


def test_a_survey_keeps_at_most_twenty_answers(loop: Loop, survey_id: str) -> None:
    for n in range(ANSWERS_AT_MOST):
        say(loop, survey_id, Choice.NO if n % 2 else Choice.YES)
    with pytest.raises(Refused):
        say(loop, survey_id, Choice.YES)
    assert len(loop.rows("SELECT id FROM answers")) == ANSWERS_AT_MOST


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        (ASKED + timedelta(days=28), None, True),
        (ASKED + timedelta(days=28, seconds=1), None, False),
        (ASKED + timedelta(days=20), ASKED + timedelta(days=34), True),  # past the link's end, within 14 days
        (ASKED + timedelta(days=1), ASKED + timedelta(days=15, seconds=1), False),
    ],
)
def test_a_link_takes_a_first_answer_for_28_days_and_a_change_for_14(
    loop: Loop, survey_id: str, first: datetime, second: datetime | None, counts: bool
) -> None:
    def walk() -> None:
        say(loop, survey_id, Choice.YES, first)
        if second:
            say(loop, survey_id, Choice.NO, second)

    if counts:
        walk()
    else:
        with pytest.raises(Refused):
            walk()


def test_an_answer_to_no_survey_is_told(loop: Loop) -> None:
    with pytest.raises(NotFound):
        say(loop, "nobody", Choice.YES)


def test_closing_needs_a_note_and_happens_once(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    (follow_up,) = loop.store.follow_ups.open_ones()
    with pytest.raises(Refused, match="note"):
        following_up.close(loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "  ", None, LATER)
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.NO_CONTACT, "No reply.", None, LATER)
    with pytest.raises(Refused, match="is closed already"):
        following_up.close(loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "Again.", None, LATER)
    with pytest.raises(NotFound):
        following_up.close(loop.store, loop.asking, "nobody", Outcome.SOLVED, "Hm.", None, LATER)


def test_a_second_no_after_staff_thought_it_solved_is_heard(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    loop.send(LATER + timedelta(minutes=1))
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.close(
        loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "Called.", None, LATER + timedelta(hours=1)
    )
    say(loop, survey_id, Choice.NO, LATER + timedelta(hours=2))
    loop.send(LATER + timedelta(hours=3))
    assert [one.id for one in loop.store.follow_ups.open_ones()] == [follow_up.id]
    assert len([m for m in loop.maildir() if m["To"] == "mara@acme.example"]) == 2


def test_words_added_after_staff_thought_it_solved_are_heard(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    loop.send(LATER + timedelta(minutes=1))
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.close(
        loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "Called.", None, LATER + timedelta(hours=1)
    )
    add(loop, survey_id, Details(comment="Not so"), LATER + timedelta(hours=2))
    loop.send(LATER + timedelta(hours=3))
    assert "Not so" in text_of(loop.maildir()[-1])


def test_one_dead_address_keeps_no_alert_from_the_others(loop: Loop, survey_id: str, mail_server: MailServer) -> None:
    people = (Address(addr_spec="dead@acme.example"), Address(addr_spec="mara@acme.example"))
    loop.config = loop.config.model_copy(update={"alert_to": people})
    say(loop, survey_id, Choice.NO)
    mail_server.replies["RCPT"] = ["450 later"]
    loop.send(LATER + timedelta(minutes=1), mail_server.url)
    add(loop, survey_id, Details(comment="News"), LATER + timedelta(minutes=1))
    loop.send(LATER + timedelta(minutes=1, seconds=31), mail_server.url)
    assert "News" in text_of(mail_server.to("mara@acme.example")[-1])


def test_whoever_holds_a_link_cannot_flood_the_team(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    for n in range(60):
        at = LATER + timedelta(minutes=n)
        add(loop, survey_id, Details(comment=f"word {n}"), at)
        loop.send(at + timedelta(seconds=31))
    assert len(loop.rows("SELECT id FROM outbox WHERE kind = 'alert'")) == TOLD_AT_MOST


def test_whoever_changes_the_mind_all_day_cannot_flood_the_team(loop: Loop, survey_id: str) -> None:
    at = LATER
    for n in range(ANSWERS_AT_MOST):
        say(loop, survey_id, (Choice.NO, Choice.YES)[n % 2], at)
        for _ in range(5):
            at += timedelta(seconds=40)
            if n % 2 == 0:
                add(loop, survey_id, Details(comment=f"words at {at}"), at)
            loop.send(at + timedelta(seconds=31))
    openings = ANSWERS_AT_MOST // 2
    assert TOLD_AT_MOST <= len(loop.rows("SELECT id FROM outbox WHERE kind = 'alert'")) <= TOLD_AT_MOST + openings
    assert len(loop.rows("SELECT id FROM outbox WHERE kind = 'change of mind'")) <= openings


def test_an_alert_goes_before_the_surveys_that_wait(loop: Loop, survey_id: str, mail_server: MailServer) -> None:
    records = [replace(ADA, ref=f"r{n}", customer_ref=f"c{n}", email=f"c{n}@example.org") for n in range(30)]
    loop.take(*records)
    loop.ask(LATER)
    say(loop, survey_id, Choice.NO)
    loop.send(LATER + timedelta(minutes=1), mail_server.url)
    assert mail_server.received[0][0] == "mara@acme.example"
    assert len(mail_server.received) == 31


def test_words_written_beside_a_yes_never_stand_beside_a_no(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.YES)
    say(loop, survey_id, Choice.NO)
    with pytest.raises(Refused):
        answering.add_details(loop.store, loop.config, survey_id, Choice.YES, Details((Stage.RESOLVE,)), LATER)


def test_after_a_reopening_the_team_hears_again_whatever_went_before(loop: Loop, survey_id: str) -> None:
    say(loop, survey_id, Choice.NO)
    for n in range(25):
        at = LATER + timedelta(minutes=n)
        details = Details(comment=f"word {n}")
        add(loop, survey_id, details, at)
        loop.send(at + timedelta(seconds=31))
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.close(
        loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "Called.", None, LATER + timedelta(hours=1)
    )
    before = len(loop.rows("SELECT id FROM outbox WHERE kind = 'alert'"))
    say(loop, survey_id, Choice.NO, LATER + timedelta(hours=2))
    assert len(loop.rows("SELECT id FROM outbox WHERE kind = 'alert'")) == before + 1


def test_an_answer_ends_the_retries_of_its_mail(loop: Loop, mail_server: MailServer) -> None:
    loop.take(ADA)
    loop.ask()
    mail_server.replies["DATA"] = ["451 delivered all the same"]
    loop.send(ASKED, mail_server.url)
    say(loop, loop.survey_id(), Choice.YES)
    loop.send(LATER + timedelta(hours=3), mail_server.url)
    assert mail_server.received == []
    assert loop.rows("SELECT state FROM outbox") == [{"state": "sent"}]

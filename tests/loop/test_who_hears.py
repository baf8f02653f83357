"""Who hears of a "no", and of a follow-up that is overdue."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from feedback.config import Config
from feedback.domain.followups import Outcome
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice
from feedback.loop import answering, following_up
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop, MailServer, text_of

SAID = NOW + DAY  # Wednesday, 12:00
HOUR = timedelta(hours=1)


def say_no(loop: Loop, ref: str = "A-1", at: datetime = SAID) -> str:
    answering.answer(loop.store, loop.config, loop.survey_id(ref), Choice.NO, at)
    loop.send(at + timedelta(minutes=1))
    known = loop.store.follow_ups.of_survey(loop.survey_id(ref))
    assert known is not None
    return known.id


def asked(loop: Loop) -> Loop:
    loop.take(ADA, BRUNO)
    loop.ask()
    loop.send()
    return loop


def told(loop: Loop, subject: str) -> list[str]:
    return sorted(mail["To"] for mail in loop.maildir() if mail["Subject"].startswith(subject))


def staff(loop: Loop, name: str, role: Role = Role.OWNER, *teams: str) -> str:
    with loop.store.write():
        return loop.store.staff.add(f"{name}@acme.example", name.title(), "", role, teams)


@pytest.mark.parametrize(
    ("settings", "hear"),
    [
        ({}, ["mara@acme.example"]),
        ({"alert_to_by_team": "hardware:jo@acme.example ines@acme.example"}, ["ines@acme.example", "jo@acme.example"]),
        ({"alert_to_by_team": "Sales:jo@acme.example"}, ["mara@acme.example"]),
        ({"alert_to_by_topic": "Printers:jo@acme.example"}, ["jo@acme.example", "mara@acme.example"]),
        (
            {"alert_to_by_team": "Hardware:jo@acme.example", "alert_to_by_topic": "printers:jo@acme.example"},
            ["jo@acme.example"],
        ),
    ],
)
def test_the_team_and_who_knows_the_topic_hear_of_a_no(
    make_loop: Callable[..., Loop], settings: dict[str, str], hear: list[str]
) -> None:
    loop = asked(make_loop(**settings))
    say_no(loop)
    assert told(loop, "Not solved") == hear


def test_who_cared_for_the_customer_before_hears_of_the_next_no(loop: Loop) -> None:
    tom = staff(loop, "tom")
    asked(loop)
    key = say_no(loop)
    following_up.take(loop.store, key, tom, None, SAID)
    following_up.close(loop.store, loop.asking, key, Outcome.NO_CONTACT, "Nobody there.", tom, SAID + HOUR)
    loop.take(replace(ADA, ref="A-2", resolved_at=NOW + 20 * DAY), now=NOW + 20 * DAY)
    loop.ask(NOW + 21 * DAY)
    loop.send(NOW + 21 * DAY)
    say_no(loop, "A-2", NOW + 21 * DAY)
    assert told(loop, "Not solved") == ["mara@acme.example", "mara@acme.example", "tom@acme.example"]
    with loop.store.write():
        loop.store.staff.disable("tom@acme.example", NOW + 22 * DAY)
    say_no(loop, "B-2", NOW + 22 * DAY)
    assert told(loop, "Not solved").count("tom@acme.example") == 1


def remind(loop: Loop, at: datetime) -> None:
    while following_up.tell_of_overdue(loop.store, loop.config, at):
        pass
    loop.send(at)


def test_the_owner_is_told_when_it_is_overdue_and_everybody_a_day_later(loop: Loop) -> None:
    tom = staff(loop, "tom")
    key = say_no(asked(loop))
    following_up.take(loop.store, key, tom, None, SAID)
    remind(loop, SAID + DAY - HOUR)
    assert told(loop, "Overdue") == []
    for _ in range(2):
        remind(loop, SAID + DAY)
    assert told(loop, "Overdue") == ["tom@acme.example"]
    assert "Overdue: they wait since Wednesday, 4 March 2026, 12:00 (UTC)" in text_of(loop.maildir()[-1])
    remind(loop, SAID + 2 * DAY)
    remind(loop, SAID + 5 * DAY)
    assert told(loop, "Overdue") == ["mara@acme.example", "tom@acme.example", "tom@acme.example"]


@pytest.mark.parametrize("is_taken", [True, False])
def test_what_stays_overdue_is_told_to_the_leads_of_its_team(loop: Loop, is_taken: bool) -> None:
    tom = staff(loop, "tom", Role.AGENT, "Hardware")
    staff(loop, "lena", Role.LEAD, "hardware")
    staff(loop, "sven", Role.LEAD, "Sales")
    staff(loop, "lars", Role.LEAD)
    key = say_no(asked(loop))
    if is_taken:
        following_up.take(loop.store, key, tom, None, SAID)
    remind(loop, SAID + DAY)
    first = ["tom@acme.example"] if is_taken else ["mara@acme.example"]
    assert told(loop, "Overdue") == first
    remind(loop, SAID + 2 * DAY)
    assert told(loop, "Overdue") == sorted([*first, *first, "lars@acme.example", "lena@acme.example"])


def test_who_cared_before_but_may_not_see_it_hears_nothing(loop: Loop) -> None:
    tom = staff(loop, "tom", Role.AGENT, "Sales")
    asked(loop)
    key = say_no(loop)
    with loop.store.write():
        loop.store.follow_ups.take(key, tom, SAID)
        loop.store.follow_ups.close(key, Outcome.NO_CONTACT, "Nobody there.", tom, SAID + HOUR)
    loop.take(replace(ADA, ref="A-2", resolved_at=NOW + 20 * DAY), now=NOW + 20 * DAY)
    loop.ask(NOW + 21 * DAY)
    loop.send(NOW + 21 * DAY)
    say_no(loop, "A-2", NOW + 21 * DAY)
    assert told(loop, "Not solved") == ["mara@acme.example", "mara@acme.example"]


def test_of_one_that_nobody_has_all_who_could_are_told(loop: Loop) -> None:
    say_no(asked(loop))
    remind(loop, SAID + DAY)
    assert told(loop, "Overdue") == ["mara@acme.example"]


def test_the_reminder_waits_for_working_hours(loop: Loop) -> None:
    friday = datetime(2026, 3, 6, 16, tzinfo=NOW.tzinfo)
    say_no(asked(loop), at=friday)
    remind(loop, friday + DAY)
    assert told(loop, "Overdue") == []
    loop.send(datetime(2026, 3, 9, 9, tzinfo=NOW.tzinfo))
    assert told(loop, "Overdue") == ["mara@acme.example"]


def test_what_is_closed_by_then_is_not_told(loop: Loop) -> None:
    friday = datetime(2026, 3, 6, 16, tzinfo=NOW.tzinfo)
    key = say_no(asked(loop), at=friday)
    remind(loop, friday + DAY)
    following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "Called.", None, friday + DAY + HOUR)
    loop.send(datetime(2026, 3, 9, 9, tzinfo=NOW.tzinfo))
    assert told(loop, "Overdue") == []


@pytest.mark.parametrize("given", ["Hardware", "Hardware:", "Hardware:jo", ":jo@acme.example"])
def test_nonsense_is_told(make_config: Callable[..., Config], given: str) -> None:
    with pytest.raises(Exception, match=r"FEEDBACK_ALERT_TO_BY_TEAM: given .* expected names with addresses"):
        make_config(alert_to_by_team=given)


def test_a_mail_that_is_tried_again_counts_once(make_loop: Callable[..., Loop], mail_server: MailServer) -> None:
    loop = asked(make_loop(alert_to="mara@acme.example, jo@acme.example"))
    say_no(loop)
    mail_server.replies["RCPT"] = ["450 later"]
    following_up.tell_of_overdue(loop.store, loop.config, SAID + DAY)
    loop.send(SAID + DAY, mail_server.url)
    loop.send(SAID + DAY + HOUR, mail_server.url)
    assert len(mail_server.received) == 2
    following_up.tell_of_overdue(loop.store, loop.config, SAID + 2 * DAY + HOUR)
    loop.send(SAID + 2 * DAY + HOUR, mail_server.url)
    assert len(mail_server.received) == 4


def test_while_a_mail_about_it_waits_nothing_more_is_told(loop: Loop) -> None:
    say_no(asked(loop))
    for hours in range(30):
        assert not following_up.tell_of_overdue(loop.store, loop.config, SAID + DAY + hours * HOUR)
    assert len(loop.rows("SELECT id FROM outbox WHERE kind = 'overdue'")) == 1

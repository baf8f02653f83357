"""Letters to staff: an alert about a “no”, and the owner's test mail."""

import html
import re
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage

from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedback.config import load_config
from feedback.domain.cases import text as checked_line
from feedback.domain.followups import Outcome
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Stage
from feedback.domain.texts import clean
from feedback.errors import FieldError
from feedback.loop import answering, following_up
from feedback.loop.samples import sample_follow_up
from feedback.mail import compose
from tests.conftest import ADA, DAY, NOW, Loop, html_of, parse_mail, text_of

SAMPLE = sample_follow_up(load_config({}, env_file=None), NOW)
LATER = NOW + DAY + timedelta(hours=1)
HOUR = timedelta(hours=1)
SAID = Details((Stage.RESOLVE, Stage.ENHANCE), "Page <two> again.\n& three.", call=True, phone="+49 30 5550 0142")


def alert(loop: Loop, said: Details = SAID) -> EmailMessage:
    """The mail to Mara after Ada's “no”."""
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, NOW + DAY)
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.NO, said, NOW + DAY)
    loop.send(NOW + DAY + answering.TELL_AFTER)
    _, mail = loop.maildir()
    return mail


def words_of(page: str) -> str:
    """A page's words as a reader sees them, in one line."""
    body = page.partition("<body")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", f"<{body}")).split())


def test_the_test_mail_says_what_will_come_and_what_to_look_for() -> None:
    settings = {"FEEDBACK_SENDER": "care@acme.example", "FEEDBACK_BUSINESS": 'Bits & "Bytes"'}
    config = load_config({**settings, "FEEDBACK_URL": "https://care.acme.example"}, env_file=None)
    letter = compose.test("mara@acme.example", config, "id.signature", NOW)
    message = parse_mail(letter.content)
    assert (letter.recipient, message["To"]) == ("mara@acme.example", "mara@acme.example")
    assert message["Subject"] == 'A test mail for Bits & "Bytes"'
    assert "List-Unsubscribe" not in message
    assert text_of(message) == (
        "Mail goes out.\n"
        "\n"
        'Bits & "Bytes" will ask its customers “Did we solve it?” from this address. Links in those mails begin with:\n'
        "https://care.acme.example\n"
        "\n"
        "If this mail lay among the spam, ask whoever runs your mail domain for SPF, DKIM and DMARC.\n"
    )
    assert words_of(html_of(message)) == " ".join(text_of(message).split())


def test_an_alert_leads_to_the_follow_up_at_the_desk(loop: Loop) -> None:
    message = alert(loop)
    (follow_up,) = loop.store.follow_ups.open_ones()
    link = f"{loop.config.base_url}/desk/follow-ups/{follow_up.id}"
    assert text_of(message).endswith(f"\nTake it, note what was said, close it:\n{link}\n")
    assert re.findall(r'href="([^"]+)"', html_of(message)) == [link]
    assert message["To"] == "mara@acme.example"
    assert "List-Unsubscribe" not in message


def test_an_alerts_html_says_what_its_text_says(loop: Loop) -> None:
    message = alert(loop)
    text, page = text_of(message), words_of(html_of(message))
    before_the_link = text.partition("Take it, note what was said")[0]
    lines = [line.removeprefix("- ").removeprefix("> ") for line in before_the_link.splitlines() if line]
    assert len(lines) >= 10
    assert [line for line in lines if line not in page] == []
    assert "Page <two> again." in text
    assert page.count("+49 30 5550 0142") == 1


def test_an_alert_about_a_silent_customer_says_so_in_both_parts(loop: Loop) -> None:
    message = alert(loop, Details())
    assert "They have not written what is wrong. Ask them." in text_of(message)
    assert "They have not written what is wrong. Ask them." in words_of(html_of(message))


def test_the_first_alert_says_nothing_of_news(loop: Loop) -> None:
    message = alert(loop)
    assert message["Subject"] == "Not solved: Ada — Printer jams on page two"
    assert text_of(message).startswith("Please act by Thursday, 5 March 2026, 12:00 (UTC).\n\nAda says that")


def told_next(loop: Loop, at: datetime) -> EmailMessage:
    """The one mail to staff that went out since then."""
    before = len(loop.maildir())
    loop.send(at + answering.TELL_AFTER)
    (message,) = loop.maildir()[before:]
    return message


def check_news(message: EmailMessage, *news: str) -> None:
    """Both parts begin with the news, and then say what an alert says."""
    assert text_of(message).startswith("\n".join(news) + "\n\nPlease act by ")
    assert " ".join(news) + " Please act by " in words_of(html_of(message))


def test_an_alert_about_a_case_that_came_back_says_so_first(loop: Loop) -> None:
    alert(loop)
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "Sent a ring.", None, LATER)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER + HOUR)
    message = told_next(loop, LATER + HOUR)
    assert message["Subject"] == "Again not solved: Ada — Printer jams on page two"
    check_news(message, "It was closed as solved, and it is open again: they say that it is not solved.")
    assert text_of(message) == (
        "It was closed as solved, and it is open again: they say that it is not solved.\n"
        "\n"
        "Please act by Thursday, 5 March 2026, 14:00 (UTC).\n"
        "\n"
        "Ada says that “Printer jams on page two” is not solved.\n"
        "\n"
        "This is escalated: we had closed it as solved, or two contacts did not help."
        " Talk to them, do not write again.\n"
        "\n"
        "They ask for a call: +49 30 5550 0142.\n"
        "\n"
        "- It took too long, I was passed around, or it still does not work\n"
        "- It came back\n"
        "\n"
        "In their words:\n"
        "\n"
        "> Page <two> again.\n"
        "> & three.\n"
        "\n"
        "Customer: Ada <Ada@example.org>\n"
        "Case: A-1 in shop\n"
        "Solved by: Mara, Hardware\n"
        "\n"
        "Take it, note what was said, close it:\n"
        f"{loop.config.base_url}/desk/follow-ups/{follow_up.id}\n"
    )


def test_an_alert_about_more_words_says_whether_they_were_mailed_or_added(loop: Loop) -> None:
    alert(loop)
    (follow_up,) = loop.store.follow_ups.open_ones()
    more = replace(SAID, comment="Page four, now.")
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.NO, more, LATER)
    message = told_next(loop, LATER)
    assert message["Subject"] == "New words: Ada — Printer jams on page two"
    check_news(message, "Since our last alert to you, they have added to their answer.")
    with loop.store.write():
        answering.owe_action(
            loop.store, loop.config, loop.survey_id(), loop.store.follow_ups.of_survey(loop.survey_id()), LATER + HOUR
        )
        loop.store.follow_ups.add_reply(follow_up.id, "And page five.", LATER + HOUR)
    message = told_next(loop, LATER + HOUR)
    assert message["Subject"] == "New words: Ada — Printer jams on page two"
    check_news(message, "Since our last alert to you, they have written again. Their newest words stand last.")
    assert "> Page four, now.\n>\n> And page five.\n" in text_of(message)


def test_who_gets_it_from_a_colleague_reads_from_whom_and_what_else_is_new(loop: Loop) -> None:
    with loop.store.write():
        jo, mara = (
            loop.store.staff.add(f"{name}@acme.example", name.title(), "", Role.OWNER) for name in ("jo", "mara")
        )
    alert(loop)
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.hand_over(loop.store, follow_up.id, jo, mara, None, LATER)
    message = told_next(loop, LATER)
    assert (message["To"], message["Subject"]) == ("jo@acme.example", "Handed to you: Ada — Printer jams on page two")
    check_news(message, "Mara has handed this to you.")
    with loop.store.write():
        loop.store.follow_ups.add_reply(follow_up.id, "And page five.", LATER + HOUR)
    following_up.hand_over(loop.store, follow_up.id, mara, jo, jo, LATER + HOUR)
    message = told_next(loop, LATER + HOUR)
    assert message["To"] == "mara@acme.example"
    check_news(
        message,
        "Jo has handed this to you.",
        "Since our last alert to you, they have written again. Their newest words stand last.",
    )


def test_what_an_alert_that_was_refused_would_have_told_is_still_news(loop: Loop) -> None:
    alert(loop)
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.NO, replace(SAID, comment="Four."), LATER)
    with loop.store.write():
        loop.store._database.connection.execute("UPDATE outbox SET state = 'failed' WHERE state = 'queued'")
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.NO, replace(SAID, comment=""), LATER + HOUR)
    message = told_next(loop, LATER + HOUR)
    assert message["Subject"] == "More details: Ada — Printer jams on page two"
    check_news(message, "Since our last alert to you, they have added to their answer.")


@given(who=st.text(max_size=200), case=st.text(max_size=300), said=st.text(max_size=400), by_mail=st.booleans())
@example(who="=?utf-8?q?x?=", case="a\r\nBcc: eve@example.org", said="<script>\x1b[31m", by_mail=False)
@example(who="سارة \u202e", case="🖨️" * 50, said="{{ 7*7 }} %s", by_mail=True)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_whatever_a_customer_writes_an_alert_parses_back(who: str, case: str, said: str, by_mail: bool) -> None:
    customer, subject = taken_in("name", who), taken_in("subject", case)
    words = clean(said)
    follow_up = replace(SAMPLE, customer=customer, subject=subject, reply=words)
    if by_mail:
        follow_up = replace(follow_up, answer=None)
    config = load_config({"FEEDBACK_SENDER": "care@acme.example"}, env_file=None)
    message = parse_mail(compose.alert(follow_up, "mara@acme.example", config, "id.signature", NOW).content)
    assert sorted(message.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
    )
    assert message["Subject"].startswith("A reply: " if by_mail else "Not solved: ")
    text, page = text_of(message), html_of(message)
    for line in words.splitlines():
        assert f"> {line}".rstrip() in text
        assert html.escape(line, quote=False) in html.escape(html.unescape(page), quote=False)
    if customer:
        assert f"Customer: {customer}" in text
    if subject:
        assert f"“{subject}”" in text
    assert "<script>" not in page


def taken_in(field: str, value: str) -> str | None:
    """As intake takes it."""
    try:
        return checked_line(field, value)
    except FieldError:
        return None

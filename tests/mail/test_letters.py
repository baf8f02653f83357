"""Letters to staff: an alert about a “no”, and the owner's test mail."""

import html
import re
from email.message import EmailMessage

from feedback.config import load_config
from feedback.domain.surveys import Choice, Details, Stage
from feedback.loop import answering
from feedback.mail import compose
from tests.conftest import ADA, DAY, NOW, Loop, html_of, parse_mail, text_of

SAID = Details((Stage.RESOLVE, Stage.ENHANCE), "Page <two> again.\n& three.", call=True, phone="+49 30 5550 0142")


def alert(loop: Loop, said: Details = SAID) -> EmailMessage:
    """The mail to Mara after Ada's “no”."""
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, NOW + DAY)
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.NO, said, NOW + DAY)
    loop.send(NOW + DAY + answering.ALERT_AFTER)
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

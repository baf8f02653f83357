"""A machine on the other side answers all that it gets. Nothing of ours ever answers it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from feedback.loop.answering import TELL_AFTER
from tests.conftest import ADA, DAY, NOW, TORTURE, Loop, MailServer
from tests.loop.test_receiving import Inbox
from tests.mail.test_inbound import dsn, reply

ROUNDS = 1_000 if TORTURE else 60
SENT = NOW + DAY
ANSWERS = [
    reply("I am away.", Auto_Submitted="auto-replied"),
    reply("I am away.", Precedence="bulk"),
    reply("I am away.", X_Autoreply="yes"),
    reply("I am away.", Return_Path="<>"),
    reply("Ich bin bis Montag nicht da.", subject="Abwesenheitsnotiz: Did we solve it?"),
    reply("We have received your mail.", subject="Automatic reply: Did we solve it?"),
    reply("不在です", subject="自動応答: Did we solve it?"),
    dsn("delayed", "4.4.1", "still trying"),
]
UNMARKED = [reply(f"Thank you for your message number {number}.", subject="We got it") for number in range(ROUNDS)]


@pytest.fixture
def inbox(make_loop: Callable[..., Loop], mail_server: MailServer, tmp_path: Path) -> Inbox:
    """Ada has been asked, over a real server."""
    folder = tmp_path / "Maildir"
    for part in ("new", "cur", "tmp"):
        (folder / part).mkdir(parents=True)
    loop = make_loop(mail=mail_server.url, inbox=f"maildir:{folder}", window="off")
    loop.take(ADA)
    loop.ask()
    loop.send()
    return Inbox(loop, folder)


@pytest.mark.torture
def test_an_autoresponder_never_gets_an_answer(inbox: Inbox, mail_server: MailServer) -> None:
    for number in range(ROUNDS):
        now = SENT + number * timedelta(minutes=10)
        inbox.deliver(inbox.about(ANSWERS[number % len(ANSWERS)]))
        assert inbox.receive(now) == 1
        inbox.loop.ask(now)
        inbox.loop.send(now + TELL_AFTER)
    assert [recipient for recipient, _ in mail_server.received] == ["Ada@example.org"]
    assert inbox.loop.store.follow_ups.count_open() == 0


@pytest.mark.torture
def test_one_that_does_not_say_what_it_is_reaches_the_team_once_and_gets_no_answer(
    inbox: Inbox, mail_server: MailServer
) -> None:
    for number, message in enumerate(UNMARKED):
        now = SENT + number * timedelta(minutes=10)
        inbox.deliver(inbox.about(message))
        inbox.receive(now)
        inbox.loop.ask(now)
        inbox.loop.send(now + TELL_AFTER)
    recipients = [recipient for recipient, _ in mail_server.received]
    assert recipients.count("Ada@example.org") == 1
    assert recipients.count("mara@acme.example") <= 20
    assert set(recipients) == {"Ada@example.org", "mara@acme.example"}
    assert inbox.loop.store.follow_ups.count_open() == 1


@pytest.mark.torture
def test_an_autoresponder_of_the_team_is_not_taken_for_a_customer(inbox: Inbox, mail_server: MailServer) -> None:
    inbox.come_back(reply("It still jams."), now=SENT)
    for number in range(ROUNDS):
        now = SENT + TELL_AFTER + number * timedelta(minutes=10)
        inbox.loop.send(now)
        alert = mail_server.to("mara@acme.example")[-1]
        answer = reply(f"I am on holiday {number}.").replace(b"ada@example.org", b"mara@acme.example")
        inbox.deliver(answer.replace(b"In-Reply-To:", f"References: {alert['Message-ID']}\nX-Nothing:".encode()))
        inbox.receive(now)
    assert len(mail_server.received) == 2

import io
import mailbox
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from feedback.config import Config
from feedback.errors import DeliveryUnknown, MailRefused, TransportDown
from feedback.mail import compose, transport
from feedback.mail.compose import Letter
from feedback.mail.transport import MaildirTransport, SmtpTransport, StreamTransport, open_transport
from tests.conftest import NOW, MailServer, parse_mail, text_of
from tests.mail.test_compose import CONFIG, LETTER, LINKS


@pytest.fixture
def letter() -> Letter:
    return compose.survey(LETTER, LINKS, CONFIG, "id.signature", NOW)


def test_the_connection_is_kept_and_opened_again_when_the_server_has_hung_up(
    mail_server: MailServer, letter: Letter
) -> None:
    smtp = SmtpTransport(urlsplit(mail_server.url), hello="acme.example")
    smtp.send(letter, lambda: None)
    kept = smtp._smtp
    smtp.send(letter, lambda: None)
    assert smtp._smtp is kept
    assert kept is not None
    assert kept.sock is not None
    kept.sock.close()
    smtp.send(letter, lambda: None)
    smtp.close()
    assert len(mail_server.received) == 3


def test_lines_that_begin_with_a_dot_arrive_whole(mail_server: MailServer, letter: Letter) -> None:
    letter = replace(letter, content=b"Subject: dots\r\n\r\n.\r\n..\r\n.dot\r\nend\r\n")
    smtp = SmtpTransport(urlsplit(mail_server.url), hello="acme.example")
    smtp.send(letter, lambda: None)
    smtp.close()
    assert mail_server.received[0][1].get_content().replace("\r\n", "\n") == ".\n..\n.dot\nend\n"


def test_what_the_hand_over_raises_stops_the_letter(mail_server: MailServer, letter: Letter) -> None:
    def stop() -> None:
        raise LookupError("withdrawn")

    smtp = SmtpTransport(urlsplit(mail_server.url), hello="acme.example")
    with pytest.raises(LookupError):
        smtp.send(letter, stop)
    smtp.send(letter, lambda: None)
    smtp.close()
    assert len(mail_server.received) == 1


@pytest.mark.parametrize(
    ("reply", "temporary"), [("450 busy", True), ("550 no", False), ("452 full", True), ("553 odd", False)]
)
def test_a_refusal_is_told_with_the_servers_words(
    mail_server: MailServer, letter: Letter, reply: str, temporary: bool
) -> None:
    mail_server.replies["RCPT"] = [reply]
    smtp = SmtpTransport(urlsplit(mail_server.url), hello="acme.example")
    handed_over: list[str] = []
    with pytest.raises(MailRefused, match=reply) as refusal:
        smtp.send(letter, lambda: handed_over.append("x"))
    assert (refusal.value.temporary, handed_over) == (temporary, [])
    smtp.send(letter, lambda: None)
    smtp.close()


def test_beyond_loopback_mail_goes_only_over_tls(
    mail_server: MailServer, letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "is_loopback", lambda host: False)
    smtp = SmtpTransport(urlsplit(mail_server.url), hello="acme.example")
    with pytest.raises(TransportDown, match="only over TLS"):
        smtp.send(letter, lambda: None)
    assert mail_server.received == []


def test_smtps_to_a_server_without_tls_is_told(mail_server: MailServer, letter: Letter) -> None:
    smtp = SmtpTransport(urlsplit(mail_server.url.replace("smtp://", "smtps://")), hello="acme.example")
    with pytest.raises(TransportDown, match=r"mail server 127\.0\.0\.1"):
        smtp.send(letter, lambda: None)


def test_a_login_that_fails_never_tells_the_password(mail_server: MailServer, letter: Letter) -> None:
    url = mail_server.url.replace("//", "//mara:s3cret@")
    smtp = SmtpTransport(urlsplit(url), hello="acme.example")
    with pytest.raises(TransportDown) as down:
        smtp.send(letter, lambda: None)
    assert "s3cret" not in str(down.value)


def test_a_maildir_can_be_read_by_any_mail_program(tmp_path: Path, letter: Letter) -> None:
    MaildirTransport(tmp_path / "mail").send(letter, lambda: None)
    (message,) = mailbox.Maildir(tmp_path / "mail")
    assert text_of(parse_mail(message.as_bytes())) == text_of(parse_mail(letter.content))


def test_a_mail_folder_that_cannot_be_written_is_told_before_anything_goes(tmp_path: Path, letter: Letter) -> None:
    (tmp_path / "mail").write_text("not a folder")
    handed_over: list[str] = []
    with pytest.raises(TransportDown, match="the mail folder"):
        MaildirTransport(tmp_path / "mail").send(letter, lambda: handed_over.append("x"))
    assert handed_over == []


def test_stdout_prints_the_whole_message(letter: Letter) -> None:
    stream = io.BytesIO()
    StreamTransport(stream).send(letter, lambda: None)
    assert text_of(parse_mail(stream.getvalue())).strip() == text_of(parse_mail(letter.content)).strip()


@pytest.mark.parametrize(
    ("mail", "kind"),
    [
        ("maildir:", MaildirTransport),
        ("stdout:", StreamTransport),
        ("smtp://mail.example.org", SmtpTransport),
        ("smtps://user:pass@mail.example.org:465", SmtpTransport),
    ],
)
def test_each_url_opens_its_transport(make_config: Callable[..., Config], mail: str, kind: type) -> None:
    assert isinstance(open_transport(make_config(mail=mail)), kind)


@pytest.mark.parametrize("reply", ["530 Authentication required", "553 sender not allowed", "451 try later", "421 bye"])
def test_a_refused_sender_is_the_transports_fault_and_no_mails(
    mail_server: MailServer, letter: Letter, reply: str
) -> None:
    mail_server.replies["MAIL"] = [reply]
    smtp = SmtpTransport(urlsplit(mail_server.url), hello="acme.example")
    with pytest.raises(TransportDown, match=reply):
        smtp.send(letter, lambda: None)
    smtp.send(letter, lambda: None)
    smtp.close()
    assert len(mail_server.received) == 1


@pytest.mark.parametrize("reply", ["250 ok", "200 fine", "252 fine"])
def test_a_yes_after_the_text_is_a_yes_however_it_is_said(mail_server: MailServer, letter: Letter, reply: str) -> None:
    mail_server.replies["DATA"] = [reply]
    smtp = SmtpTransport(urlsplit(mail_server.url), hello="acme.example")
    assert smtp.send(letter, lambda: None) == reply
    smtp.close()


def test_an_answer_after_the_text_that_says_neither_yes_nor_no_is_a_doubt(
    mail_server: MailServer, letter: Letter
) -> None:
    mail_server.replies["DATA"] = ["xyz ello what"]
    smtp = SmtpTransport(urlsplit(mail_server.url), hello="acme.example")
    with pytest.raises(DeliveryUnknown, match="neither yes nor no"):
        smtp.send(letter, lambda: None)
    assert smtp._smtp is None


def test_a_password_that_cannot_be_sent_is_told_plainly(letter: Letter, mail_server: MailServer) -> None:
    url = mail_server.url.replace("//", "//mara:p%C3%A4ss@")
    smtp = SmtpTransport(urlsplit(url), hello="acme.example")
    with pytest.raises(TransportDown):
        smtp.send(letter, lambda: None)

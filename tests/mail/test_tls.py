"""Beyond loopback mail goes over TLS with a verified certificate, or not at all. The test authority's key is gone."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from feedback.errors import TransportDown
from feedback.mail import compose, transport
from feedback.mail.compose import Letter
from feedback.mail.transport import SmtpTransport
from tests.conftest import NOW, MailServer, free_port
from tests.mail.test_compose import CONFIG, LETTER, LINKS

CERTIFICATES = Path(__file__).parent / "certificates"
PASSWORD = "s3cret"


@pytest.fixture(autouse=True)
def beyond_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback counts as a foreign machine, and our test authority is trusted."""
    monkeypatch.setattr(transport, "is_loopback", lambda host: False)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "ca.pem"))


@pytest.fixture
def letter() -> Letter:
    return compose.survey(LETTER, LINKS, CONFIG, "id.signature", NOW)


class Server(MailServer):
    """A mail server that wants a login, and remembers each that was tried."""

    def __init__(self) -> None:
        super().__init__()
        self.logins: list[LoginPassword] = []

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        self.logins.append(given)
        return AuthResult(success=given.password == PASSWORD.encode(), handled=False)


@contextmanager
def serving(certificate: str, *, wrapped: bool = False, starttls: bool = True) -> Iterator[Server]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")
    server = Server()
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=context if wrapped else None,
        tls_context=context if starttls and not wrapped else None,
        authenticator=server.authenticate,
        auth_required=starttls and not wrapped,
        auth_require_tls=not wrapped,
    )
    server.url = f"{'smtps' if wrapped else 'smtp'}://mara:{PASSWORD}@127.0.0.1:{controller.port}"
    knock = partial(socket.create_connection, ("127.0.0.1", controller.port))
    controller._trigger_server = lambda: knock().close()  # type: ignore[method-assign]  # it would not trust our server
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def send(server: MailServer, letter: Letter) -> str:
    smtp = SmtpTransport(urlsplit(server.url), hello="acme.example")
    try:
        return smtp.send(letter, lambda: None)
    finally:
        smtp.close()


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_verified_server_gets_the_login_and_the_mail(letter: Letter, wrapped: bool) -> None:
    with serving("right", wrapped=wrapped) as server:
        send(server, letter)
    assert len(server.received) == 1
    assert [login.password for login in server.logins] == [PASSWORD.encode()]


@pytest.mark.parametrize("wrapped", [False, True])
def test_another_hosts_certificate_gets_neither(letter: Letter, wrapped: bool) -> None:
    with serving("wrong", wrapped=wrapped) as server, pytest.raises(TransportDown, match=r"[Cc]ertificate|mismatch"):
        send(server, letter)
    assert (server.received, server.logins) == ([], [])


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_certificate_that_nobody_vouches_for_gets_neither(
    letter: Letter, wrapped: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "none.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with serving("right", wrapped=wrapped) as server, pytest.raises(TransportDown, match="certificate verify failed"):
        send(server, letter)
    assert (server.received, server.logins) == ([], [])


def test_a_server_that_offers_no_starttls_gets_neither(letter: Letter) -> None:
    with serving("right", starttls=False) as server, pytest.raises(TransportDown, match="only over TLS"):
        send(server, letter)
    assert (server.received, server.logins) == ([], [])


@pytest.mark.parametrize("reply", ["454 TLS not available", "250 OK"])
def test_a_server_that_offers_starttls_and_then_refuses_gets_neither(
    letter: Letter, reply: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(smtp: SMTP, _arg: str) -> None:
        await smtp.push(reply)

    monkeypatch.setattr(SMTP, "smtp_STARTTLS", refuse)
    with serving("right") as server, pytest.raises(TransportDown):
        send(server, letter)
    assert (server.received, server.logins) == ([], [])


def test_a_login_that_is_refused_is_told_without_the_password(
    letter: Letter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serving("right") as server:
        server.url = server.url.replace(PASSWORD, "wr0ng")
        with pytest.raises(TransportDown, match="the login was refused") as down:
            send(server, letter)
    assert "wr0ng" not in str(down.value) + caplog.text

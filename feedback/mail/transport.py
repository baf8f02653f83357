"""How mail leaves: one URL, `smtp://`, `smtps://`, `maildir:` or `stdout:`."""

import mailbox
import re
import smtplib
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from feedback.config import Config, is_loopback
from feedback.errors import DeliveryUnknown, MailRefused, TransportDown
from feedback.mail.compose import Letter

_Reply = tuple[int, bytes]

# The longest silence in each phase. Shorter than RFC 5321, 4.5.3.2, allows, for a lease lasts fifteen minutes, but
# long at the end, where to give up means not to know.
CONNECT_TIMEOUT_S = 60  # to connect, and each answer to the greeting, TLS and the login
COMMAND_TIMEOUT_S = 60  # each of MAIL, RCPT and DATA
BODY_TIMEOUT_S = 60
END_TIMEOUT_S = 300  # after the lone dot
GOODBYE_TIMEOUT_S = 5

_NO_SUCH_ADDRESS = re.compile(r"5\d\d 5\.1\.\d")  # RFC 3463, 3.2: a bad address; a bare 550 may mean anything
_NOT_ABOUT_THE_MAIL = (421, 503, 530, 535, 538)  # hangs up, lost the thread, or wants a login


class Transport(Protocol):
    """A way for mail to leave."""

    def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
        """Hand one letter over; the receiver's words. `handing_over` is called just before it may arrive.

        Raises MailRefused for a clear no, DeliveryUnknown if the end came before the answer, TransportDown before
        `handing_over` was called if nothing can be sent at all. What `handing_over` raises stops the letter.
        """

    def close(self) -> None:
        """Hang up."""


def open_transport(config: Config) -> Transport:
    url = urlsplit(config.mail)
    if url.scheme == "maildir":
        return MaildirTransport(config.mail_folder)
    if url.scheme == "stdout":
        return StreamTransport(sys.stdout.buffer)
    return SmtpTransport(url, hello=config.require_sender().domain)


class SmtpTransport:
    """A mail server, with one connection that is kept. Beyond loopback only with TLS and a verified certificate."""

    def __init__(self, url: SplitResult, hello: str) -> None:
        self._host = url.hostname or ""
        self._tls = url.scheme == "smtps"
        self._port = url.port or (465 if self._tls else 587)
        self._user = unquote(url.username or "")
        self._password = unquote(url.password or "")
        self._hello = hello
        self._smtp: smtplib.SMTP | None = None

    def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
        body = _stuffed(letter.content)
        smtp, replies = self._begin(letter)
        try:
            self._expect(250, next(replies))
            self._expect(354, next(replies))
            if _says_more(smtp):
                raise smtplib.SMTPException("it has answered more than it was asked")
        except MailRefused:
            self._reset(replies)
            raise
        except (OSError, smtplib.SMTPException) as error:  # some filters hang up on one recipient
            self._drop()
            raise MailRefused(self._words(error), temporary=True) from error
        try:
            handing_over()
        except BaseException:
            self._drop()  # within DATA there is no way back but to hang up
            raise
        try:
            _wait_at_most(smtp, BODY_TIMEOUT_S)
            smtp.send(body)
            _wait_at_most(smtp, END_TIMEOUT_S)
            code, words = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise DeliveryUnknown(f"handed over, then: {self._words(error)}") from error
        if 200 <= code < 300:
            return _reply_words(code, words)
        if code == 421 or not 400 <= code < 600:
            self._drop()
        if 400 <= code < 600:
            raise MailRefused(_reply_words(code, words), temporary=code < 500)
        raise DeliveryUnknown(f"handed over, then an answer that says neither yes nor no: {_reply_words(code, words)}")

    def close(self) -> None:
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                _wait_at_most(self._smtp, GOODBYE_TIMEOUT_S)
                self._smtp.quit()
            self._drop()

    def _begin(self, letter: Letter) -> tuple[smtplib.SMTP, Iterator[_Reply]]:
        """MAIL FROM, on the kept connection, or on a new one: the server may have hung up while we were idle.

        Every mail has the same sender, so a refusal here is about us, not about the message: TransportDown. The
        replies to RCPT TO and to DATA are still to come.
        """
        commands = (f"MAIL FROM:<{letter.sender}>", f"RCPT TO:<{letter.recipient}>", "DATA")
        try:
            if self._smtp is not None:
                with suppress(OSError, smtplib.SMTPException):
                    if _says_more(self._smtp):
                        raise smtplib.SMTPServerDisconnected
                    replies = _dialogue(self._smtp, commands)
                    if next(replies)[0] == 250:
                        return self._smtp, replies
                self._drop()
            self._smtp = self._connect()
            replies = _dialogue(self._smtp, commands)
            reply = next(replies)
            if reply[0] != 250:
                raise smtplib.SMTPResponseException(*reply)
        except (OSError, smtplib.SMTPException, ValueError) as error:  # a host or a challenge that is none: ValueError
            self._drop()
            raise TransportDown(self._words(error)) from error
        return self._smtp, replies

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._tls:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, local_hostname=self._hello, timeout=CONNECT_TIMEOUT_S, context=context
            )
        else:
            smtp = smtplib.SMTP(self._host, self._port, local_hostname=self._hello, timeout=CONNECT_TIMEOUT_S)
        try:
            smtp.ehlo_or_helo_if_needed()
            if not self._tls and not is_loopback(self._host):
                smtp.starttls(context=context)
                smtp.ehlo()
            if self._user:
                try:
                    smtp.login(self._user, self._password)
                except UnicodeError:
                    raise smtplib.SMTPException("user and password must be plain ASCII letters") from None
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _expect(self, code: int, reply: _Reply) -> None:
        given, words = reply
        if given == code or (code == 250 and given == 251):
            return
        if not 400 <= given < 600 or given in _NOT_ABOUT_THE_MAIL:
            raise smtplib.SMTPResponseException(given, words)
        said = _reply_words(given, words)
        raise MailRefused(said, temporary=given < 500, no_such_address=_NO_SUCH_ADDRESS.match(said) is not None)

    def _reset(self, outstanding: Iterator[_Reply]) -> None:
        """Forget a refused mail. A server that wants its text all the same is hung up on."""
        assert self._smtp is not None
        with suppress(OSError, smtplib.SMTPException):
            # without pipelining DATA has not been sent, and to ask for its reply would send it
            wants_text = _pipelines(self._smtp) and any(code == 354 for code, _ in outstanding)
            if not wants_text and self._smtp.rset()[0] == 250:
                return
        self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    def _words(self, error: Exception) -> str:
        if isinstance(error, smtplib.SMTPAuthenticationError):
            words = f"the login was refused ({error.smtp_code})"  # some servers repeat what they were sent
        elif isinstance(error, smtplib.SMTPResponseException):
            words = _reply_words(error.smtp_code, error.smtp_error)
        elif isinstance(error, smtplib.SMTPNotSupportedError):
            what = str(error).rstrip(".")
            words = f"{what}. Beyond loopback mail goes only over TLS; use smtps:// or a server with STARTTLS"
        else:
            words = str(error) or type(error).__name__
        return f"mail server {self._host}:{self._port}: {words}"


class MaildirTransport:
    """A folder of messages on disk, for trials; any mail program can read it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
        try:
            for part in ("tmp", "new", "cur"):
                (self._folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            box = mailbox.Maildir(self._folder)
        except OSError as error:
            raise TransportDown(f"the mail folder {self._folder}: {error.strerror}") from error
        handing_over()
        try:
            return f"kept as {box.add(letter.content)}"
        except OSError as error:
            raise MailRefused(f"the mail folder {self._folder}: {error.strerror}", temporary=True) from error

    def close(self) -> None:
        pass


class StreamTransport:
    """Prints each message, for a look at it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
        handing_over()
        self._stream.write(letter.content + b"\n")
        self._stream.flush()
        return "printed"

    def close(self) -> None:
        pass


def _dialogue(smtp: smtplib.SMTP, commands: Sequence[str]) -> Iterator[_Reply]:
    """The reply to each command. All are sent at once where the server takes that (RFC 2920), which saves two journeys;

    elsewhere each is sent when its reply is asked for.
    """
    _wait_at_most(smtp, COMMAND_TIMEOUT_S)
    if any("\r" in command or "\n" in command for command in commands):
        raise ValueError("an address with a line break")
    if _pipelines(smtp):
        smtp.send("".join(f"{command}\r\n" for command in commands))
        for _ in commands:
            yield smtp.getreply()
    else:
        for command in commands:
            yield smtp.docmd(command)


def _pipelines(smtp: smtplib.SMTP) -> bool:
    return smtp.has_extn("pipelining")


def _says_more(smtp: smtplib.SMTP) -> bool:
    """Whether the server has said what nobody asked for: it would be taken for the answer to what comes next."""
    assert smtp.sock is not None
    assert smtp.file is not None
    smtp.sock.settimeout(0)
    try:
        return bool(smtp.file.peek(1))
    except ssl.SSLWantReadError:
        return False


def _wait_at_most(smtp: smtplib.SMTP, seconds: int) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(seconds)


def _stuffed(message: bytes) -> bytes:
    """The body as DATA wants it (RFC 5321, 4.5.2): a dot before each line that begins with one, and a lone one last."""
    body = (b"." if message.startswith(b".") else b"") + message.replace(b"\n.", b"\n..")
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _reply_words(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {text}"[:500].strip()

"""Mail that a Maildir has caught, for whoever tries the program."""

import binascii
import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from pathlib import Path

from feedback.errors import NotFound
from feedback.i18n import SOURCE

_KEY = re.compile(r"[A-Za-z0-9.,:=_-]{1,200}")
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{20,}={0,2}\r?\n?)+")


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """A message as its reader sees it; `at` is the moment that it carries (UTC)."""

    key: str
    sender: str
    recipient: str
    subject: str
    at: datetime
    text: str
    html: str
    is_survey: bool  # it asks a customer; else it tells staff
    language: str


class Inbox:
    """The messages of a Maildir, in the order they came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, limit: int) -> list[CaughtMail]:
        """Newest first. One that cannot be read is left out."""
        found = [mail for path in sorted(self._paths(), key=_arrival, reverse=True)[:limit] if (mail := _read(path))]
        return sorted(found, key=lambda mail: mail.at, reverse=True)

    def count(self) -> int:
        return sum(1 for _ in self._paths())

    def get(self, key: str) -> CaughtMail:
        """Raises NotFound."""
        mail = _read(self._folder / "new" / key) if _KEY.fullmatch(key) and not key.startswith(".") else None
        if mail is None:
            raise NotFound("There is no such mail.")
        return mail

    def _paths(self) -> Iterator[Path]:
        return (self._folder / "new").glob("*")


def _arrival(path: Path) -> tuple[int, str]:
    try:
        return path.stat().st_mtime_ns, path.name
    except OSError:  # moved away meanwhile
        return 0, path.name


def _read(path: Path) -> CaughtMail | None:
    """The message; None if it is not there, or says things about itself that cannot be."""
    try:
        return read_mail(path.read_bytes(), path.name)
    except (OSError, LookupError, ValueError, OverflowError):
        return None


def read_mail(content: bytes, key: str = "") -> CaughtMail:
    """A message as its reader sees it. Raises what the parser does, if it says things about itself that cannot be."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    date = message["Date"]
    at = date.datetime if date is not None and date.datetime is not None else datetime.fromtimestamp(0, UTC)
    return CaughtMail(
        key=key,
        sender=str(message["From"] or ""),
        recipient=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        text=_part(message, "plain"),
        html=_part(message, "html"),
        is_survey="List-Unsubscribe" in message,
        language=str(message["Content-Language"] or SOURCE),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def texts(content: bytes) -> Iterator[str]:
    """Whatever can be read in a message: each header and each part, decoded; also in one that is no whole message.

    What is encoded as a whole (base64) is decoded wherever it stands, for a broken message does not say what it is.
    """
    message = email.message_from_bytes(content)
    for part in message.walk():
        for value in part.values():
            yield _decoded(str(value))
        if not part.is_multipart():
            yield _text(part)
    for block in _BASE64.findall(content):
        letters = re.sub(rb"[\r\n=]", b"", block)
        try:
            yield binascii.a2b_base64(letters[: len(letters) // 4 * 4]).decode("utf-8", "replace")
        except binascii.Error:
            continue


def _decoded(value: str) -> str:
    """A header's value as it was meant (RFC 2047); as it is if it cannot be read."""
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError):
        return value


def _text(part: Message) -> str:
    raw = part.get_payload(decode=True)
    raw = raw if isinstance(raw, bytes) else b""
    try:
        return raw.decode(str(part.get_content_charset() or "utf-8"), "replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace")

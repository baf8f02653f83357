"""Mail that a Maildir has caught, for whoever tries the program."""

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from feedback.errors import NotFound
from feedback.i18n import SOURCE

_KEY = re.compile(r"[A-Za-z0-9.,:=_-]{1,200}")


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

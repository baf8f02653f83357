"""Where mail comes back to: a mailbox that is only read. People may use it as well; nothing in it is changed."""

import logging
import os
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from feedback.config import Config, is_loopback
from feedback.errors import InboxDown

LARGEST = 1 << 17  # of a larger message only the beginning is read: what matters stands there
TIMEOUT_S = 60
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message in the mailbox: by which key it is known there, and its beginning, byte for byte."""

    key: str
    content: bytes


class Mailbox(Protocol):
    """A mailbox. `name` tells one from another, without a password.

    `read` are the keys of the messages that have been read, the last one last, as far as they must be known.
    """

    name: str

    def unread(self, read: Sequence[str]) -> Iterator[Arrived]:
        """The messages that have not been read, one in memory at a time. Raises InboxDown."""

    def needless(self, read: Sequence[str]) -> list[str]:
        """Those of the keys that need not be known any more. Raises InboxDown."""

    def close(self) -> None:
        """Hang up."""


def open_mailbox(config: Config) -> Mailbox:
    url = urlsplit(config.inbox)
    return MaildirBox(Path(unquote(url.path))) if url.scheme == "maildir" else ImapBox(url)


class MaildirBox:
    """A Maildir, messages that others have seen included. Its keys are names up to the colon, which never change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = f"maildir:{folder}"

    def unread(self, read: Sequence[str]) -> Iterator[Arrived]:
        known = frozenset(read)
        for key, path in sorted(self._paths().items()):
            if key in known:
                continue
            try:
                with path.open("rb") as file:
                    yield Arrived(key, file.read(LARGEST))
            except FileNotFoundError:
                continue  # moved or removed meanwhile; if it is still there, the next look finds it
            except OSError as error:
                _log.error("the message %s cannot be read: %s", path, error.strerror)

    def needless(self, read: Sequence[str]) -> list[str]:
        present = self._paths()
        return [key for key in read if key not in present]

    def close(self) -> None:
        pass

    def _paths(self) -> dict[str, Path]:
        try:
            entries = [entry for part in ("new", "cur") for entry in os.scandir(self._folder / part)]
        except OSError as error:
            raise InboxDown(
                f"the inbox {self._folder}: {error.strerror}. FEEDBACK_INBOX must name a Maildir with new and cur in it"
            ) from None
        return {
            entry.name.partition(":")[0]: Path(entry.path)
            for entry in entries
            if not entry.name.startswith(".") and entry.is_file()
        }


class ImapBox:
    """A folder at an IMAP server, opened for reading only. Beyond loopback only with TLS and a verified certificate.

    Its keys are UIDVALIDITY and UID (RFC 3501, 2.3.1.1); only the last one read must be known.
    """

    def __init__(self, url: SplitResult) -> None:
        self._url = url
        self._folder = unquote(url.path.strip("/")) or "INBOX"
        self._user = unquote(url.username or "")
        self.name = f"{url.scheme}://{self._user}@{url.hostname}/{self._folder}"
        self._client: IMAPClient | None = None

    def unread(self, read: Sequence[str]) -> Iterator[Arrived]:
        try:
            client = self._connected()
            validity = int(client.select_folder(self._folder, readonly=True)[b"UIDVALIDITY"])
            known_validity, known = map(int, read[-1].split(":")) if read else (0, 0)
            first = known + 1 if known_validity == validity else 1
            for uid in sorted(client.search(["UID", f"{first}:*"])):
                if uid >= first:  # `*` is the last message, also if it is before the first that is meant
                    fetched = client.fetch([uid], [f"BODY.PEEK[]<0.{LARGEST}>"]).get(uid, {})
                    content = next((value for name, value in fetched.items() if name.startswith(b"BODY[]")), None)
                    if content is not None:  # else somebody has removed it
                        yield Arrived(f"{validity}:{uid}", content)
        except (OSError, IMAPClientError, ValueError, KeyError) as error:
            self.close()
            raise InboxDown(self._words(error)) from None

    def needless(self, read: Sequence[str]) -> list[str]:
        return list(read[:-1])

    def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            with suppress(OSError, IMAPClientError):
                client.logout()
            with suppress(OSError):
                client.shutdown()

    def _connected(self) -> IMAPClient:
        if self._client is not None:
            return self._client
        host, with_tls = self._url.hostname or "", self._url.scheme == "imaps"
        context = ssl.create_default_context()
        client = IMAPClient(
            host, self._url.port or (993 if with_tls else 143), ssl=with_tls, ssl_context=context, timeout=TIMEOUT_S
        )
        try:
            if not with_tls and not is_loopback(host):
                client.starttls(context)
            client.login(self._user, unquote(self._url.password or ""))
        except BaseException:
            client.shutdown()
            raise
        self._client = client
        return client

    def _words(self, error: Exception) -> str:
        if isinstance(error, OSError) and error.strerror:
            return f"the inbox {self.name}: {error.strerror}"
        said = re.sub(r"^b['\"]|['\"]$", "", str(error)) or type(error).__name__
        if "LOGIN" in type(error).__name__.upper() or "AUTHENTICATION" in said.upper():
            said = "the login was refused"  # some servers repeat what they were sent
        return f"the inbox {self.name}: {said[:300]}"

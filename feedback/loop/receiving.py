"""What comes back is taken in, a message a step."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from pathlib import Path

from feedback.config import Config
from feedback.domain.cases import normalise_email
from feedback.domain.eligibility import is_in
from feedback.domain.followups import Channel
from feedback.domain.surveys import Suppression
from feedback.errors import FeedbackError
from feedback.keys import Keys, Purpose, write_private
from feedback.loop.answering import owe_action
from feedback.loop.asking import Asking
from feedback.mail.inbound import Incoming, References, Sort, references, understand
from feedback.mail.mailboxes import Arrived, Mailbox
from feedback.store import Store
from feedback.store.outbox import TO_CUSTOMERS, TO_STAFF, Kind
from feedback.store.returns import SentMail

SOFT_AT_MOST = 3  # soft bounces within SOFT_WITHIN; with that many nothing is sent any more
SOFT_WITHIN = timedelta(days=30)
SET_ASIDE = "set-aside"
SET_ASIDE_AT_MOST = 100
NO_WORDS = "The reply has no text of its own. Look into the mailbox that it came to."

_log = logging.getLogger(__name__)


class Receiving:
    """Reads what comes back to the mailbox.

    Each message has its effect once, also after a crash and with two readers: that it was read is noted in the same
    transaction. One of ours that cannot be understood is set aside, in `set-aside/`, and stops no other. Nothing that
    is read here is ever answered by mail to whoever sent it, and nothing changes without a reference that we signed.
    """

    def __init__(self, store: Store, asking: Asking, keys: Keys, config: Config, mailbox: Mailbox) -> None:
        self._store = store
        self._asking = asking
        self._keys = keys
        self._config = config
        self._mailbox = mailbox
        self._unread: Iterator[Arrived] | None = None
        self._seen: Counter[str] = Counter()

    def step(self, now: datetime) -> bool:
        """Take in the next message. False if there is none. Raises InboxDown."""
        try:
            if self._unread is None:
                self._unread = self._mailbox.unread(self._read())
            arrived = next(self._unread, None)
            if arrived is not None:
                self._take_in(arrived, now)
                return True
        except BaseException:
            self._unread = None
            raise
        self._unread = None
        self._forget()
        if self._seen:
            _log.info("read what came back: %s", ", ".join(f"{count} {sort}" for sort, count in self._seen.items()))
            self._seen.clear()
        return False

    def close(self) -> None:
        self._mailbox.close()

    def _take_in(self, arrived: Arrived, now: datetime) -> None:
        """A message that breaks what reads it, in ways that nobody foresees, must not be the end of all others."""
        try:
            about = self._about(references(arrived.content))
            incoming = self._understood(arrived, about) if about is not None else None
            self._seen[incoming.sort if incoming is not None else "not about our mail"] += 1
            with self._store.write():
                is_ours = self._store.returns.note_read(self._mailbox.name, arrived.key)
                if is_ours and about is not None and incoming is not None:
                    self._act(about.mail, incoming, arrived.content, now)
        except FeedbackError:
            raise
        except Exception as error:
            path = set_aside(self._config, arrived.content)
            _log.error("a message could not be taken in (%s); it is set aside as %s", type(error).__name__, path)
            with self._store.write():
                self._store.returns.note_read(self._mailbox.name, arrived.key)

    def _about(self, found: References) -> "_About | None":
        """The mail that a message is about, by the first reference whose signature is ours."""
        for token in found.return_tokens:
            if (mail_id := self._keys.verify_return_token(token)) is not None:
                return self._known(mail_id, _Way.RETURN_ADDRESS)
        ways = {_Way.RETURNED: found.returned, _Way.ANSWERED: found.answered, _Way.IN_THREAD: found.thread}
        for way, message_ids in ways.items():
            for message_id in message_ids:
                if (mail_id := self._keys.verify(Purpose.MESSAGE, message_id)) is not None:
                    return self._known(mail_id, way)
        return None

    def _known(self, mail_id: str, way: "_Way") -> "_About | None":
        mail = self._store.returns.mail(mail_id)
        if mail is None:
            _log.warning("a message came back about a mail that is not known here any more; was a backup restored?")
        return _About(mail, way) if mail is not None else None

    def _understood(self, arrived: Arrived, about: "_About") -> Incoming | None:
        """What it is; None for a bounce of another mail, which our staff wrote in the same thread, say."""
        incoming = understand(
            arrived.content, self._config.own_addresses, at_return_address=about.way is _Way.RETURN_ADDRESS
        )
        is_answer = incoming.sort in (Sort.REPLY, Sort.AUTOMATIC)
        return incoming if is_answer or about.way is not _Way.IN_THREAD else None

    def _act(self, mail: SentMail, incoming: Incoming, content: bytes, now: datetime) -> None:
        """Inside a write."""
        if incoming.sort is Sort.REPLY:
            if mail.survey_id is not None and mail.recipient is not None:  # neither an alert, nor somebody erased
                self._reply(mail, incoming, content, now)
        elif incoming.sort is Sort.COMPLAINT:
            if mail.kind in TO_CUSTOMERS and mail.recipient is not None:
                self._store.surveys.suppress(self._hashes(mail.recipient)[0], Suppression.COMPLAINED, now)
        elif incoming.sort in (Sort.HARD_BOUNCE, Sort.SOFT_BOUNCE):
            self._bounced(mail, incoming, now)

    def _bounced(self, mail: SentMail, incoming: Incoming, now: datetime) -> None:
        """It did not arrive, so it was no question either; of an alert, health tells until its follow-up is closed."""
        is_hard = incoming.sort is Sort.HARD_BOUNCE
        failed = self._store.returns.mark_failed(mail.id, came_back(incoming.words, for_good=is_hard))
        if mail.recipient is None:
            return
        hashes = self._hashes(mail.recipient)
        self._store.returns.note_bounce(mail.id, hashes[0], is_hard=is_hard, now=now)
        if mail.kind in TO_STAFF:
            return
        if is_hard or self._store.returns.bounces_since(hashes, now - SOFT_WITHIN) >= SOFT_AT_MOST:
            self._store.surveys.suppress(hashes[0], Suppression.BOUNCED, now)
        if failed and mail.kind is Kind.SURVEY and mail.resolution_id is not None:
            self._asking.has_failed(mail.resolution_id, now)

    def _reply(self, mail: SentMail, incoming: Incoming, content: bytes, now: datetime) -> None:
        """A person wrote: a follow-up, at most one a survey, whatever they answer on the page."""
        assert mail.survey_id is not None
        assert mail.recipient is not None
        if self._is_staff(incoming.sender):
            return
        known_by = incoming.reference.encode() or content
        fingerprint = hashlib.sha256(f"{mail.survey_id}\0".encode() + known_by).hexdigest()
        if not self._store.returns.add_reply(fingerprint, mail.survey_id):
            return
        self._store.outbox.settle_doubt(mail.survey_id)
        known = self._store.follow_ups.of_survey(mail.survey_id)
        key = owe_action(self._store, self._config, mail.survey_id, known, now, Channel.MAIL)
        is_other = normalise_email(incoming.sender) != normalise_email(mail.recipient)
        said = incoming.words or NO_WORDS
        text = f"From {incoming.sender}:\n{said}" if is_other and incoming.sender else said
        self._store.follow_ups.add_reply(key, text, now)

    def _is_staff(self, sender: str) -> bool:
        """Whether our own people wrote, to the customer, with a copy to the mailbox."""
        address = normalise_email(sender)
        is_ours = is_in(address.rpartition("@")[2], self._config.staff_domains)
        return is_ours or address in self._config.own_addresses

    def _hashes(self, address: str) -> list[str]:
        return self._keys.address_hashes(normalise_email(address))

    def _read(self) -> list[str]:
        return self._store.returns.read_keys(self._mailbox.name)

    def _forget(self) -> None:
        """What need not be known any more of what was read."""
        if needless := self._mailbox.needless(self._read()):
            with self._store.write():
                for key in needless:
                    self._store.returns.forget_read(self._mailbox.name, key)


class _Way(Enum):
    """How a message refers to a mail of ours."""

    RETURN_ADDRESS = auto()  # it came to the address of that mail alone
    RETURNED = auto()  # it brings that mail back
    ANSWERED = auto()  # it answers that mail, as some servers' bounces do
    IN_THREAD = auto()  # that mail came before it


@dataclass(frozen=True, slots=True)
class _About:
    mail: SentMail
    way: _Way


def came_back(diagnosis: str, *, for_good: bool) -> str:
    """What the outbox says of a mail that came back."""
    said = diagnosis.removeprefix("smtp;").strip()
    return f"it came back{' for good' if for_good else ''}{f': {said}' if said else ''}"


def set_aside(config: Config, content: bytes) -> Path | None:
    """Keep a message that could not be taken in, for its reader alone; only so many. None if it cannot be kept."""
    path = config.data_dir / SET_ASIDE / f"{hashlib.sha256(content).hexdigest()[:16]}.eml"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(list(path.parent.iterdir())) >= SET_ASIDE_AT_MOST:
            return None
        with suppress(FileExistsError):
            write_private(path, content)
    except OSError:
        return None
    return path

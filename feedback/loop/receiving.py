"""What comes back is taken in, a message a step."""

import hashlib
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from feedback.config import Config
from feedback.domain.cases import normalise_email
from feedback.domain.surveys import Suppression
from feedback.errors import FeedbackError
from feedback.keys import Keys, Purpose, write_private
from feedback.loop.answering import owe_action
from feedback.loop.asking import Asking
from feedback.mail.inbound import Incoming, Sort, understand
from feedback.mail.mailboxes import Arrived, Mailbox
from feedback.store import Store
from feedback.store.outbox import TO_CUSTOMERS, Kind
from feedback.store.returns import SentMail

SOFT_AT_MOST = 3  # soft bounces within SOFT_WITHIN; with that many nothing is sent any more
SOFT_WITHIN = timedelta(days=30)
NO_WORDS = "The reply has no text of its own. Look into the mailbox that it came to."

_log = logging.getLogger(__name__)


class Receiving:
    """Reads what comes back to the mailbox.

    Each message has its effect once, also after a crash: that it was read is noted in the same transaction. One that
    cannot be understood is set aside, in `set-aside/`, and stops no other. Nothing that is read here is ever answered
    by mail to whoever sent it, and nothing changes without a reference that we have signed.
    """

    def __init__(self, store: Store, asking: Asking, keys: Keys, config: Config, mailbox: Mailbox) -> None:
        self._store = store
        self._asking = asking
        self._keys = keys
        self._config = config
        self._mailbox = mailbox
        self._unread: Iterator[Arrived] | None = None

    def step(self, now: datetime) -> bool:
        """Take in the next message. False if there is none. Raises InboxDown."""
        try:
            if self._unread is None:
                self._unread = self._mailbox.unread(self._last_read(), self._is_read)
            arrived = next(self._unread, None)
            if arrived is not None:
                self._take_in(arrived, now)
                return True
        except BaseException:
            self._unread = None
            raise
        self._unread = None
        self._forget()
        return False

    def close(self) -> None:
        self._mailbox.close()

    def _take_in(self, arrived: Arrived, now: datetime) -> None:
        incoming = self._understood(arrived)
        with self._store.write():
            self._store.returns.note_read(self._mailbox.name, arrived.key)
            if incoming is not None:
                self._act(incoming, hashlib.sha256(arrived.content).hexdigest(), now)

    def _understood(self, arrived: Arrived) -> Incoming | None:
        """None if it cannot be: it may break any parser, in ways that nobody foresees."""
        try:
            return understand(arrived.content, self._config.own_addresses)
        except FeedbackError:
            raise
        except Exception as error:
            path = set_aside(self._config, arrived.content)
            _log.error("a message could not be understood (%s); it is set aside as %s", type(error).__name__, path)
            return None

    def _act(self, incoming: Incoming, fingerprint: str, now: datetime) -> None:
        """Inside a write."""
        mail = self._mail_of(incoming)
        if mail is None:
            return
        if incoming.sort is Sort.REPLY:
            if mail.survey_id is not None and mail.recipient is not None:  # neither an alert, nor somebody erased
                self._reply(mail, incoming, fingerprint, now)
        elif incoming.sort is Sort.COMPLAINT:
            if mail.kind in TO_CUSTOMERS and mail.recipient is not None:
                self._store.surveys.suppress(self._hashes(mail.recipient)[0], Suppression.COMPLAINED, now)
        elif incoming.sort in (Sort.HARD_BOUNCE, Sort.SOFT_BOUNCE):
            self._bounced(mail, incoming, now)

    def _mail_of(self, incoming: Incoming) -> SentMail | None:
        """The mail that it is about, by the first reference whose signature is ours."""
        ids = [self._keys.verify_return_token(token) for token in incoming.return_tokens]
        ids += [self._keys.verify(Purpose.MESSAGE, message_id) for message_id in incoming.message_ids]
        found = (self._store.returns.mail(mail_id) for mail_id in ids if mail_id is not None)
        return next((mail for mail in found if mail is not None), None)

    def _bounced(self, mail: SentMail, incoming: Incoming, now: datetime) -> None:
        """It did not arrive, so it was no question either; an alert shows as late until somebody acts."""
        words = f"it came back: {incoming.words}" if incoming.words else "it came back"
        failed = self._store.returns.mark_failed(mail.id, words)
        if mail.kind is Kind.ALERT or mail.recipient is None:
            return
        hashes = self._hashes(mail.recipient)
        is_hard = incoming.sort is Sort.HARD_BOUNCE
        self._store.returns.note_bounce(mail.id, hashes[0], is_hard=is_hard, now=now)
        if is_hard or self._store.returns.bounces_since(hashes, now - SOFT_WITHIN) >= SOFT_AT_MOST:
            self._store.surveys.suppress(hashes[0], Suppression.BOUNCED, now)
        if failed and mail.kind is Kind.SURVEY and mail.resolution_id is not None:
            self._asking.has_failed(mail.resolution_id, now)

    def _reply(self, mail: SentMail, incoming: Incoming, fingerprint: str, now: datetime) -> None:
        """A person wrote: a follow-up, at most one a survey, whatever they answer on the page."""
        assert mail.survey_id is not None
        assert mail.recipient is not None
        if not self._store.returns.add_reply(fingerprint, mail.survey_id):
            return
        self._store.outbox.settle_doubt(mail.survey_id)
        key = owe_action(
            self._store, self._config, mail.survey_id, self._store.follow_ups.of_survey(mail.survey_id), now
        )
        is_other = normalise_email(incoming.sender) != normalise_email(mail.recipient)
        said = incoming.words or NO_WORDS
        text = f"From {incoming.sender}:\n{said}" if is_other and incoming.sender else said
        self._store.follow_ups.add_reply(key, text, now)

    def _hashes(self, address: str) -> list[str]:
        return self._keys.address_hashes(normalise_email(address))

    def _last_read(self) -> str | None:
        return self._store.returns.last_read(self._mailbox.name)

    def _is_read(self, key: str) -> bool:
        return self._store.returns.is_read(self._mailbox.name, key)

    def _forget(self) -> None:
        """What need not be known any more of what was read."""
        needless = self._mailbox.needless(self._store.returns.read_keys(self._mailbox.name))
        if needless:
            with self._store.write():
                for key in needless:
                    self._store.returns.forget_read(self._mailbox.name, key)


def set_aside(config: Config, content: bytes) -> Path:
    """Keep a message that could not be understood, for its reader alone; the same one once."""
    path = config.data_dir / "set-aside" / f"{hashlib.sha256(content).hexdigest()[:16]}.eml"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        write_private(path, content)
    return path

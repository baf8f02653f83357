"""What came back: bounces, replies, and which messages of a mailbox have been read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from feedback.store.outbox import Kind
from feedback.store.sqlite import Database, load_queries

REPLIES_AT_MOST = 20  # about one survey; who has a mail of ours must not flood the team

_sql = load_queries("returns")


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail of ours that something came back about; without a recipient if the person was erased."""

    id: str
    kind: Kind
    survey_id: str | None
    resolution_id: str | None
    recipient: str | None


class Returns:
    def __init__(self, database: Database) -> None:
        self._database = database

    def mail(self, mail_id: str) -> SentMail | None:
        row = self._database.row(_sql.mail, id=mail_id)
        if row is None:
            return None
        return SentMail(row["id"], Kind(row["kind"]), row["survey_id"], row["resolution_id"], row["recipient"])

    def note_bounce(self, mail_id: str, address_hash: str, *, is_hard: bool, now: datetime) -> None:
        """A mail came back, for good or not; the same once more changes nothing."""
        self._database.change(_sql.add_bounce, mail_id=mail_id, address_hash=address_hash, at=now, is_hard=is_hard)

    def bounces_since(self, address_hashes: Iterable[str], since: datetime) -> int:
        """How many mails to an address came back, whichever secret it was hashed with."""
        rows = (self._database.row(_sql.count_bounces, address_hash=one, since=since) for one in address_hashes)
        return sum(int(row["n"]) for row in rows if row is not None)

    def mark_failed(self, mail_id: str, words: str) -> bool:
        """A mail that its server had taken did not arrive; False if that is known, or it is on its way once more."""
        return self._database.change(_sql.came_back, id=mail_id, words=words) == 1

    def add_reply(self, fingerprint: str, survey_id: str) -> bool:
        """Take in a reply; False if it was taken in before, or there are too many of them about this survey."""
        changed = self._database.change(
            _sql.add_reply, fingerprint=fingerprint, survey_id=survey_id, at_most=REPLIES_AT_MOST
        )
        return changed == 1

    def read_keys(self, mailbox: str) -> list[str]:
        """The keys of a mailbox's messages that have been read, as far as they must be known; the last one last."""
        return [row["key"] for row in self._database.rows(_sql.read_keys, mailbox=mailbox)]

    def note_read(self, mailbox: str, key: str) -> bool:
        """A message has been read; False if another reader was first."""
        return self._database.change(_sql.note_read, mailbox=mailbox, key=key) == 1

    def forget_read(self, mailbox: str, key: str) -> None:
        self._database.change(_sql.forget_read, mailbox=mailbox, key=key)

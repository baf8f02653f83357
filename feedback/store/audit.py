"""Who changed what: one line a change, written in its transaction, and never changed but by an erasure."""

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from feedback.domain.audit import Action, AuditEntry
from feedback.store.sqlite import Database, load_queries, moment

_sql = load_queries("audit")


class Audit:
    def __init__(self, database: Database) -> None:
        self._database = database

    def note(
        self,
        actor: str,
        action: Action,
        subject: str,
        now: datetime,
        *,
        was: str | None = None,
        became: str | None = None,
    ) -> None:
        """A change of the subject, which is named by its id, by a person's id or by words for what else did it.

        Nothing that a customer wrote goes in here, nor who they are.
        """
        self._database.change(
            _sql.add_audit, at=now, actor=actor, action=action, subject=subject, was=was, became=became
        )

    def carry_over(self, other: "Audit") -> None:
        """Take over what another database, of which this is a copy, has noted since."""
        last = self._database.row(_sql.last)
        assert last is not None
        for row in other._database.rows(_sql.since, seq=last["seq"]):
            values = {name: row[name] for name in ("at", "actor", "action", "subject", "was", "became")}
            self._database.change(_sql.add_audit, **values)

    def entries(self, limit: int, offset: int = 0, *, actor: str | None = None) -> list[AuditEntry]:
        """Newest first; of one actor, if given."""
        return [_entry(row) for row in self._database.rows(_sql.entries, actor=actor, limit=limit, offset=offset)]

    def all(self, *, actor: str | None = None) -> Iterator[AuditEntry]:
        """As `entries`, all of them, one after the other."""
        return map(_entry, self._database.each(_sql.entries, actor=actor, limit=sys.maxsize, offset=0))


def _entry(row: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(
        seq=row["seq"],
        at=moment(row["at"]),
        who=row["who"],
        email=row["email"],
        action=Action(row["action"]),
        about=row["about"],
        was=row["was"],
        became=row["became"],
        case_id=row["case_id"],
        follow_up_id=row["follow_up_id"],
    )

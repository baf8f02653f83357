"""Follow-ups and their history."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from feedback.domain.followups import Event, FollowUp, Outcome
from feedback.errors import NotFound
from feedback.keys import new_id
from feedback.store.sqlite import Database, load_queries, moment, moment_or_none
from feedback.store.surveys import answer_of

_sql = load_queries("followups")


@dataclass(frozen=True, slots=True)
class FollowUpKey:
    id: str
    due_at: datetime
    is_open: bool


class FollowUps:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_survey(self, survey_id: str) -> FollowUpKey | None:
        row = self._database.row(_sql.follow_up_of_survey, survey_id=survey_id)
        return FollowUpKey(row["id"], moment(row["due_at"]), row["closed_at"] is None) if row else None

    def open(self, survey_id: str, due_at: datetime, now: datetime) -> str:
        key = new_id()
        self._database.change(_sql.add_follow_up, id=key, survey_id=survey_id, at=now, due_at=due_at)
        self._add_event(key, Event.OPENED, None, now)
        return key

    def reopen(self, key: str, due_at: datetime, now: datetime) -> None:
        if self._database.change(_sql.reopen_follow_up, id=key, at=now, due_at=due_at):
            self._add_event(key, Event.REOPENED, None, now)

    def close(self, key: str, outcome: Outcome, note: str | None, now: datetime) -> bool:
        """Close an open follow-up; False if it was closed before."""
        closed = self._database.change(_sql.close_follow_up, id=key, outcome=outcome, at=now) == 1
        if closed:
            self._add_event(key, Event.CLOSED, note, now)
        return closed

    def get(self, key: str) -> FollowUp:
        """Raises NotFound."""
        rows = self._database.rows(_sql.follow_ups, id=key, closed_too=1)
        if not rows:
            raise NotFound(f"There is no follow-up {key}. See the open ones with: feedback followups")
        return _follow_up(rows[0])

    def list(self, *, closed_too: bool = False) -> "list[FollowUp]":
        """By when they are due."""
        return [_follow_up(row) for row in self._database.rows(_sql.follow_ups, id=None, closed_too=int(closed_too))]

    def _add_event(self, key: str, kind: Event, note: str | None, now: datetime) -> None:
        self._database.change(_sql.add_event, id=key, kind=kind, note=note, at=now)


def _follow_up(row: Mapping[str, Any]) -> FollowUp:
    return FollowUp(
        id=row["id"],
        survey_id=row["survey_id"],
        opened_at=moment(row["opened_at"]),
        due_at=moment(row["due_at"]),
        closed_at=moment_or_none(row["closed_at"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        note=row["note"],
        case_source=row["source"],
        case_ref=row["ref"],
        subject=row["subject"],
        agent=row["agent"],
        team=row["team"],
        customer=row["name"],
        email=row["email"],
        answer=answer_of(row),
    )

"""The queue of the desk: its parts, narrowed by filters, and how many stand in each; of what the reader sees."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from feedback.domain.followups import FollowUp
from feedback.domain.queue import Filters, Tab
from feedback.store.followups import follow_up_of
from feedback.store.sqlite import Database, load_queries

CLOSED_MOST = 1_000  # closed ones that the queue reaches back to; who wants older ones searches

_sql = load_queries("queue")


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose queue it is, at which moment, and the moments between which their day lies."""

    id: str
    now: datetime
    midnight: datetime
    next_midnight: datetime


class Queue:
    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, tab: Tab, filters: Filters, reader: Reader, limit: int, offset: int = 0) -> list[FollowUp]:
        """One part. Open ones by when they are due, closed ones newest first."""
        return list(self._each(tab, filters, reader, limit, offset))

    def all(self, tab: Tab, filters: Filters, reader: Reader) -> Iterator[FollowUp]:
        """As `page`, all of the part, one after the other."""
        return self._each(tab, filters, reader, sys.maxsize, 0)

    def _each(self, tab: Tab, filters: Filters, reader: Reader, limit: int, offset: int) -> Iterator[FollowUp]:
        narrowed = _narrowed(filters, reader)
        if tab is Tab.CLOSED:
            rows = self._database.each(
                _sql.closed_in_queue, limit=limit, offset=offset, closed_most=CLOSED_MOST, me=reader.id, **narrowed
            )
        else:
            rows = self._database.each(
                _sql.open_in_queue, limit=limit, offset=offset, tab=tab, **_read_by(reader), **narrowed
            )
        return map(follow_up_of, rows)

    def counts(self, filters: Filters, reader: Reader) -> dict[Tab, int]:
        """How many each part has; closed ones up to `CLOSED_MOST`."""
        row = self._database.row(
            _sql.counts_in_queue, closed_most=CLOSED_MOST, **_read_by(reader), **_narrowed(filters, reader)
        )
        assert row is not None
        return {tab: row[f"{tab}_ones"] for tab in Tab}

    def teams_and_topics(self, reader: Reader) -> tuple[list[str], list[str]]:
        """Those that the reader's queue has follow-ups of, by name."""
        found = self._database.rows(_sql.teams_and_topics, closed_most=CLOSED_MOST, me=reader.id)
        teams, topics = ({row[name] for row in found if row[name]} for name in ("team", "topic"))
        return sorted(teams, key=str.casefold), sorted(topics, key=str.casefold)


def _read_by(reader: Reader) -> dict[str, object]:
    return {
        "me": reader.id,
        "now": reader.now,
        "midnight": reader.midnight,
        "next_midnight": reader.next_midnight,
    }


def _narrowed(filters: Filters, reader: Reader) -> dict[str, object]:
    return {
        "team": filters.team,
        "topic": filters.topic,
        "stage": None if filters.stage is None else f"%,{filters.stage},%",
        "opened_until": None if filters.days is None else reader.now - timedelta(days=filters.days),
    }

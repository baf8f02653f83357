"""Quotes, and what staff decided about them."""

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from feedback.domain.quotes import PublicQuote, Quote, Standing
from feedback.errors import NotFound
from feedback.store import teams
from feedback.store.sqlite import Database, load_queries, moment_or_none
from feedback.store.surveys import answer_of

_sql = load_queries("quotes")


class Quotes:
    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, standing: Standing, limit: int, offset: int = 0, *, seen_by: str) -> list[Quote]:
        """Those of one standing that a person sees, newest first."""
        return list(map(_quote, self._each(standing, seen_by, limit, offset)))

    def all(self, standing: Standing, *, seen_by: str) -> Iterator[Quote]:
        """As `page`, all of them, one after the other."""
        return map(_quote, self._each(standing, seen_by))

    def get(self, answer_id: str, *, seen_by: str) -> Quote:
        """Raises NotFound for what may not be quoted (any more), and for what the person does not see."""
        row = self._database.row(_sql.quote, id=answer_id, seen_by=seen_by)
        if row is None:
            raise NotFound(f"There is no quote {answer_id} that you see.")
        return _quote(row)

    def approved(self, limit: int) -> list[PublicQuote]:
        """What may be published, newest first: approved in just these words and with just this name, by who said them.

        A row about other words does not outlive them; should one do so, it still opens nothing here.
        """
        rows = self._each(Standing.APPROVED, seen_by=None)
        as_approved = (quote for row in rows if (quote := _quote(row)).version == row["version"])
        return [
            PublicQuote(quote.words, quote.name, quote.answer.at.date().replace(day=1), quote.topic)
            for quote in islice(as_approved, limit)
        ]

    def is_approved(self, answer_id: str) -> bool:
        return self._database.row(_sql.approved_quote, id=answer_id) is not None

    def decide(self, quote: Quote, standing: Standing, staff_id: str, now: datetime) -> None:
        """About the quote as it was given; to let it wait is to decide nothing."""
        decided: Mapping[str, object] = {"version": quote.version, "staff_id": staff_id, "at": now}
        if standing is Standing.WAITING:
            decided = dict.fromkeys(decided)
        self._database.change(_sql.decide_quote, id=quote.answer.id, standing=standing, **decided)

    def _each(
        self, standing: Standing, seen_by: str | None, limit: int = sys.maxsize, offset: int = 0
    ) -> Iterator[Mapping[str, Any]]:
        query = _sql.quotes if teams.reads_by_date(self._database, seen_by) else _sql.quotes_of_part
        return self._database.each(query, standing=standing, seen_by=seen_by, limit=limit, offset=offset)


def _quote(row: Mapping[str, Any]) -> Quote:
    return Quote(
        answer=answer_of(row),
        resolution_id=row["resolution_id"],
        case_id=row["case_id"],
        case_ref=row["ref"],
        subject=row["subject"],
        team=row["team"],
        topic=row["topic"],
        customer=row["name"],
        email=row["email"],
        standing=Standing(row["standing"]),
        by=row["who"],
        decided_at=moment_or_none(row["decided_at"]),
    )

"""What customers bought after their cases, one customer after the other, for the figures."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from feedback.domain.outcomes import Helped
from feedback.domain.surveys import Choice
from feedback.store.sqlite import Database, load_queries, moment

_sql = load_queries("outcomes")


class Outcomes:
    def __init__(self, database: Database) -> None:
        self._database = database

    def observed(self, now: datetime) -> tuple[datetime, datetime] | None:
        """The first and the last purchase that is known by now, if there is one."""
        row = self._database.row(_sql.observed, now=now)
        return (moment(row["first_at"]), moment(row["last_at"])) if row and row["first_at"] else None

    def helped(self, since: datetime, until: datetime, now: datetime) -> Iterator[Helped]:
        """Each customer by the first case resolved within a time that we asked about; their purchases until now."""
        rows = self._database.each(_sql.helped, since=since, until=until, now=now)
        for _, bought in groupby(rows, key=itemgetter("customer_id")):
            first = next(bought)
            yield Helped(
                resolved_at=moment(first["resolved_at"]),
                choice=Choice(first["choice"]) if first["choice"] else None,
                choice_again=Choice(first["choice_again"]) if first["choice_again"] else None,
                bought=tuple((moment(row["at"]), Decimal(row["amount"])) for row in (first, *bought) if row["at"]),
            )

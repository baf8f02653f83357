"""What the figures of the desk rest on."""

from datetime import datetime

from feedback.domain.figures import Asked, Handled
from feedback.domain.surveys import Choice
from feedback.store.sqlite import Database, load_queries, moment, moment_or_none

_sql = load_queries("figures")


class Figures:
    def __init__(self, database: Database) -> None:
        self._database = database

    def handled_since(self, since: datetime, *, seen_by: str) -> list[Handled]:
        """One row for each first-round survey that went out about a resolution of the person's teams since a moment."""
        return [
            Handled(
                asked=Asked(
                    customer_id=row["customer_id"],
                    resolved_at=moment(row["resolved_at"]),
                    asked_at=moment(row["asked_at"]),
                    choice=Choice(row["choice"]) if row["choice"] else None,
                ),
                team=row["team"],
                agent=row["agent"],
                opened_at=moment_or_none(row["opened_at"]),
                acted_at=moment_or_none(row["acted_at"]),
                is_open=row["follow_up_id"] is not None and row["closed_at"] is None,
                recheck=Choice(row["recheck"]) if row["recheck"] else None,
            )
            for row in self._database.rows(_sql.handled, since=since, seen_by=seen_by)
        ]

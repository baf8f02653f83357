"""What the figures are counted from: the published ones in one pass over the rows, and those of the desk."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from feedback.domain.figures import Asked, Handled
from feedback.domain.followups import CALL_AFTER, Outcome
from feedback.domain.published import Help, Served, Vote
from feedback.domain.surveys import Choice, Stage
from feedback.store.sqlite import Database, load_queries, moment, moment_or_none

_HANDED_OVER = ("sent", "unconfirmed")

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

    def served(self, since: datetime, opted_out_at: Callable[[str], datetime | None]) -> Iterator[Served]:
        """Every resolution since a moment. `opted_out_at` tells since when an address wants no more mail."""
        for row in self._database.each(_sql.served, since=since):
            yield _served(row, opted_out_at)

    def votes(self, since: datetime, until: datetime) -> Iterator[Vote]:
        """The answers about the resolutions of a time, newest first, one after the other."""
        for customer_id, resolved_at, is_yes, team, topic in self._database.each(_sql.votes, since=since, until=until):
            yield Vote(customer_id, moment(resolved_at), bool(is_yes), team, topic)


def _served(row: Mapping[str, Any], opted_out_at: Callable[[str], datetime | None]) -> Served:
    is_mailed = row["state"] in _HANDED_OVER or bool(row["is_bounced"])  # what came back for good counts as failed
    asked_at = moment(row["asked_at"]) if is_mailed or row["choice"] else None
    opted_out = opted_out_at(row["recipient"]) if is_mailed and row["recipient"] else None
    resolved_at, opened_at = moment(row["resolved_at"]), moment_or_none(row["opened_at"])
    return Served(
        customer_id=row["customer_id"],
        resolved_at=resolved_at,
        is_first=row["n"] == 1,
        team=row["team"],
        topic=row["topic"],
        channel=row["channel"],
        first_reply=_between(opened_at, row["first_reply_at"]),
        interactions=row["interactions"],
        has_name=bool(row["has_name"]),
        has_tenure=bool(row["has_tenure"]),
        is_mailed=is_mailed,
        asked_at=asked_at,
        is_bounced=bool(row["is_bounced"]),
        has_opted_out=opted_out is not None and asked_at is not None and opted_out >= asked_at,
        choice=Choice(row["choice"]) if row["choice"] else None,
        reasons=tuple(map(Stage, row["reasons"].split(","))) if row["reasons"] else (),
        help=_help(row) if row["follow_up_id"] else None,
        until_solved=resolved_at - opened_at if opened_at and opened_at <= resolved_at else None,
        until_answered=_between(resolved_at, row["answered_at"]),
    )


def _help(row: Mapping[str, Any]) -> Help:
    opened_at = moment_or_none(row["opened_first_at"])
    return Help(
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        first_contact=_between(opened_at, row["contacted_at"]),
        is_escalated=row["interactions_in_vain"] >= CALL_AFTER or bool(row["came_back"]),
        is_asked_again=row["again_state"] in _HANDED_OVER or row["again_choice"] is not None,
        choice_again=Choice(row["again_choice"]) if row["again_choice"] else None,
        until_recovered=_between(opened_at, row["again_at"]) if row["again_choice"] == Choice.YES else None,
    )


def _between(begun: datetime | None, end: str | None) -> timedelta | None:
    """From one moment to another; unknown if the clocks of a help desk disagree."""
    ended = moment_or_none(end)
    return ended - begun if begun and ended and ended >= begun else None

"""Customers as the desk shows them: of what a person sees of them. Those who were erased are nobody here."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from feedback.domain.cases import CaseStatus
from feedback.domain.followups import Outcome
from feedback.domain.surveys import Answer, Choice, Round
from feedback.errors import NotFound
from feedback.store import teams
from feedback.store.sqlite import Database, containing, load_queries, moment, moment_or_none
from feedback.store.surveys import answer_of

_sql = load_queries("customers")


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    source: str
    ref: str
    name: str | None
    email: str | None
    since: date | None


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer in a list: when their newest case was, how many there are, their newest answer, and whether we owe."""

    customer: Customer
    at: datetime | None
    cases: int
    choice: Choice | None
    answered_at: datetime | None
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class Owed:
    """A follow-up in short."""

    id: str
    opened_at: datetime
    closed_at: datetime | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class CustomerCase:
    """A case with the follow-ups about it, and its customer's answers, each with whether it was when asked again."""

    id: str
    ref: str
    subject: str | None
    status: CaseStatus
    team: str | None
    agent: str | None
    at: datetime | None
    answers: tuple[tuple[Answer, bool], ...]
    follow_ups: tuple[Owed, ...]


class Customers:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, words: str, limit: int, offset: int = 0, *, seen_by: str) -> list[CustomerRow]:
        """Those whose name, address or reference contains the words; all if there are none. By newest case."""
        return list(map(_row, self._each(words, seen_by, limit, offset)))

    def all(self, words: str, *, seen_by: str) -> Iterator[CustomerRow]:
        """As `find`, all of them, one after the other."""
        return map(_row, self._each(words, seen_by, sys.maxsize, 0))

    def get(self, key: str, *, seen_by: str) -> Customer:
        """Raises NotFound, also for one of whom the person sees nothing."""
        row = self._database.row(_sql.customer_seen, id=key, seen_by=seen_by)
        if row is None:
            raise NotFound(f"There is no customer {key} whom you see.")
        return _customer(row)

    def of_case(self, case_id: str) -> str | None:
        """The id of the case's customer, if it is known who that is."""
        row = self._database.row(_sql.customer_of_case, case_id=case_id)
        return None if row is None else str(row["id"])

    def cases(self, key: str, limit: int, offset: int = 0, *, seen_by: str) -> list[CustomerCase]:
        """The customer's cases, newest first."""
        return [
            CustomerCase(
                id=row["id"],
                ref=row["ref"],
                subject=row["subject"],
                status=CaseStatus(row["status"]),
                team=row["team"],
                agent=row["agent"],
                at=moment_or_none(row["at"]),
                answers=tuple(
                    (answer_of(one), one["round"] == Round.AGAIN)
                    for one in self._database.rows(_sql.answers_about_case, case_id=row["id"], seen_by=seen_by)
                ),
                follow_ups=tuple(
                    Owed(
                        id=one["id"],
                        opened_at=moment(one["opened_at"]),
                        closed_at=moment_or_none(one["closed_at"]),
                        outcome=Outcome(one["outcome"]) if one["outcome"] else None,
                    )
                    for one in self._database.rows(_sql.follow_ups_about_case, case_id=row["id"], seen_by=seen_by)
                ),
            )
            for row in self._database.rows(_sql.cases_of_customer, id=key, seen_by=seen_by, limit=limit, offset=offset)
        ]

    def _each(self, words: str, seen_by: str, limit: int, offset: int) -> Iterator[Mapping[str, Any]]:
        pattern = containing(words) if words else None
        by_date = teams.reads_by_date(self._database, seen_by)
        return self._database.each(
            _sql.find_customers, pattern=pattern, seen_by=seen_by, by_date=by_date, limit=limit, offset=offset
        )


def _customer(row: Mapping[str, Any]) -> Customer:
    return Customer(
        id=row["id"],
        source=row["source"],
        ref=row["ref"],
        name=row["name"],
        email=row["email"],
        since=date.fromisoformat(row["customer_since"]) if row["customer_since"] else None,
    )


def _row(row: Mapping[str, Any]) -> CustomerRow:
    return CustomerRow(
        customer=_customer(row),
        at=moment_or_none(row["at"]),
        cases=row["cases"],
        choice=Choice(row["choice"]) if row["choice"] else None,
        answered_at=moment_or_none(row["answered_at"]),
        is_waiting=bool(row["is_waiting"]),
    )

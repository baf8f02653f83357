"""Customers, cases and their resolutions."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from feedback.domain.cases import CaseRecord, CaseStatus, normalise_email
from feedback.domain.eligibility import Decision, Override, Reason
from feedback.domain.followups import Outcome
from feedback.domain.surveys import Answer, Choice, Round
from feedback.domain.timing import Whereabouts
from feedback.errors import NotFound
from feedback.keys import new_id
from feedback.store import teams
from feedback.store.sqlite import Database, as_held, containing, load_queries, moment, moment_or_none
from feedback.store.surveys import OPEN_TO_STAFF, answer_of, decision_of

_sql = load_queries("cases")

_CUSTOMER = ("email", "name", "customer_since", "locale", "zone", "country")
_CASE = (
    *("customer_id", "status", "merged_into", "resolved_by", "subject", "channel", "topic", "tags", "team", "agent"),
    *("agent_email", "opened_at", "first_reply_at", "resolved_at", "interactions"),
)


class Change(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"  # taken out again, because it came in by mistake
    SKIPPED = "skipped"  # about somebody who was erased or, of purchases, is not known; or older than we keep any


@dataclass(frozen=True, slots=True)
class SavedCase:
    """What a record did to its case, and the resolution that the case had before."""

    id: str
    change: Change
    was_open: bool
    last_id: str | None
    last_n: int
    last_resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class CaseSummary:
    id: str
    source: str
    ref: str
    status: CaseStatus
    subject: str | None
    team: str | None
    agent: str | None
    resolved_at: datetime | None
    customer: str | None
    email: str | None
    is_erased: bool


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """`who` is the person who decided it, or None for the rules."""

    at: datetime
    decision: Decision
    who: str | None
    is_reminder: bool
    round: Round = Round.FIRST


@dataclass(frozen=True, slots=True)
class MailStory:
    """What became of a survey's mail: its state, what the server said, and where it went when, or goes."""

    survey_id: str
    state: str
    words: str | None
    recipient: str | None
    handed_over_at: datetime | None
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ResolutionStory:
    """A resolution with all that became of it; `ledger` oldest first, `recheck` the answer when asked again.

    `due_at` is when the survey goes, while it waits; `mail` that of the first round, `again` that of the second.
    """

    id: str
    n: int
    resolved_at: datetime
    agent: str | None
    whereabouts: Whereabouts
    override: Override | None
    survey_id: str | None
    due_at: datetime | None
    remind_at: datetime | None
    cancelled_because: Reason | None
    mail: MailStory | None
    again: MailStory | None
    choice: Choice | None
    answered_at: datetime | None
    comment: str | None
    recheck: Choice | None
    rechecked_at: datetime | None
    ledger: tuple[LedgerEntry, ...]

    @property
    def is_open_to_staff(self) -> bool:
        return (self.mail.state if self.mail is not None else None) in OPEN_TO_STAFF and self.choice is None


@dataclass(frozen=True, slots=True)
class OtherCase:
    """Another case of the same customer, what they answered last about it, and how their last follow-up ended."""

    id: str
    ref: str
    subject: str | None
    status: CaseStatus
    at: datetime | None
    answer: Answer | None
    follow_up_id: str | None
    outcome: Outcome | None


class Cases:
    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, record: CaseRecord) -> SavedCase:
        """Create or update the case and its customer. A known value is replaced, never erased by an unknown one."""
        row = self._database.row(_sql.find_case, source=record.source, ref=record.ref)
        customer_id, customer_changed = self._save_customer(record, row)
        said = _said(record, _CASE)
        said["customer_id"] = customer_id
        if row is None:
            key = new_id()
            if record.team is not None:
                teams.learn(self._database, record.team)
            self._database.change(_sql.add_case, id=key, source=record.source, ref=record.ref, **said)
            return SavedCase(key, Change.CREATED, False, None, 0, None)
        known = {name: row[name] for name in _CASE}
        merged = _merge(known, said)
        was_open = row["status"] == CaseStatus.OPEN
        if was_open and record.status is CaseStatus.RESOLVED:
            merged["resolved_at"] = said["resolved_at"]  # when it was resolved before is not when it was now
        if record.team is not None and record.team != known["team"]:
            teams.learn(self._database, record.team)
        if merged != known:
            self._database.change(_sql.update_case, id=row["id"], **merged)
        if merged["customer_id"] != known["customer_id"]:
            for statement in (_sql.move_surveys, _sql.move_follow_ups):
                self._database.change(statement, case_id=row["id"], customer_id=merged["customer_id"])
        return SavedCase(
            id=row["id"],
            change=Change.UPDATED if customer_changed or merged != known else Change.UNCHANGED,
            was_open=was_open,
            last_id=row["last_id"],
            last_n=row["last_n"] or 0,
            last_resolved_at=moment_or_none(row["last_resolved_at"]),
        )

    def _save_customer(self, record: CaseRecord, case: Mapping[str, Any] | None) -> tuple[str | None, bool]:
        ref = record.customer_key
        if case is not None and case["customer_ref"] is not None and ref != case["customer_ref"]:
            ref = self._same_customer(record, case) or ref
        if ref is None:
            return None, False
        said = _said(record, _CUSTOMER)
        row = self._database.row(_sql.find_customer, source=record.source, ref=ref)
        if row is None:
            key = new_id()
            self._database.change(_sql.add_customer, id=key, source=record.source, ref=ref, **said)
            return key, True
        known = {name: row[name] for name in _CUSTOMER}
        merged = _merge(known, said)
        if merged != known:
            self._database.change(_sql.update_customer, id=row["id"], **merged)
        return row["id"], merged != known

    def _same_customer(self, record: CaseRecord, case: Mapping[str, Any]) -> str | None:
        """The reference of the case's customer, if the record means the same person by another name; else None.

        Without a reference, the same address or none is the same person. A reference that comes later is given to
        the customer who was known by address until then.
        """
        known = normalise_email(case["customer_email"] or "")
        same_address = record.email is None or normalise_email(record.email) == known
        if record.customer_ref is None:
            return str(case["customer_ref"]) if same_address else None
        is_free = self._database.row(_sql.find_customer, source=record.source, ref=record.customer_ref) is None
        if same_address and case["customer_ref"] == known and is_free:
            self._database.change(_sql.rename_customer, id=case["customer_id"], ref=record.customer_ref)
        return None

    def freeze_resolution(self, case_id: str, n: int) -> str:
        """Snapshot the case as it is now, as its n-th resolution; the resolution's id."""
        key = new_id()
        self._database.change(_sql.freeze_resolution, id=key, case_id=case_id, n=n)
        return key

    def complete_resolution(self, resolution_id: str) -> None:
        """Let the snapshot learn what it did not know, until its mail is handed over."""
        self._database.change(_sql.complete_resolution, id=resolution_id)

    def with_ref(self, ref: str) -> list[CaseSummary]:
        """The cases of one reference; more than one only if several help desks use it."""
        return [_summary(row) for row in self._database.rows(_sql.cases_with_ref, ref=ref)]

    def others_of_customer(self, case_id: str, limit: int, seen_by: str) -> list[OtherCase]:
        """The other cases of the case's customer that a person sees, the newest first."""
        return [
            OtherCase(
                id=row["id"],
                ref=row["ref"],
                subject=row["subject"],
                status=CaseStatus(row["status"]),
                at=moment_or_none(row["dated_at"]),
                answer=answer_of(row) if row["answer_id"] else None,
                follow_up_id=row["follow_up_id"],
                outcome=Outcome(row["outcome"]) if row["outcome"] else None,
            )
            for row in self._database.rows(_sql.others_of_customer, id=case_id, limit=limit, seen_by=seen_by)
        ]

    def find(self, words: str, limit: int, offset: int = 0, *, seen_by: str | None = None) -> list[CaseSummary]:
        """Cases whose reference, subject or customer contains the words; all if there are none. Newest first.

        With `seen_by`, of those that this person sees.
        """
        return list(map(_summary, self._found(words, seen_by, limit, offset)))

    def all(self, words: str, *, seen_by: str) -> Iterator[CaseSummary]:
        """As `find`, all of them, one after the other."""
        return map(_summary, self._found(words, seen_by, sys.maxsize, 0))

    def _found(self, words: str, seen_by: str | None, limit: int, offset: int) -> Iterator[Mapping[str, Any]]:
        pattern = containing(words) if words else None
        query = _sql.find_cases if teams.reads_by_date(self._database, seen_by) else _sql.find_cases_of_part
        return self._database.each(query, pattern=pattern, seen_by=seen_by, limit=limit, offset=offset)

    def count(self) -> int:
        row = self._database.row(_sql.count_cases)
        assert row is not None
        return int(row["n"])

    def get(self, key: str) -> CaseSummary:
        """Raises NotFound."""
        row = self._database.row(_sql.case, id=key)
        if row is None:
            raise NotFound(f"There is no case {key}.")
        return _summary(row)

    def unseen_others(self, case_id: str, seen_by: str) -> int:
        """How many other cases the case's customer has that a person does not see."""
        row = self._database.row(_sql.count_unseen_others, id=case_id, seen_by=seen_by)
        assert row is not None
        return int(row["n"])

    def stories(self, case_id: str, *, seen_by: str | None = None) -> list[ResolutionStory]:
        """The case's resolutions in order, each with its ledger, survey, mail and answer; those that a person sees."""
        rows = self._database.rows(_sql.resolutions_of_case, case_id=case_id, seen_by=seen_by)
        return [self._story(row) for row in rows]

    def _story(self, row: Mapping[str, Any]) -> ResolutionStory:
        return ResolutionStory(
            id=row["id"],
            n=row["n"],
            resolved_at=moment(row["resolved_at"]),
            agent=row["agent"],
            whereabouts=Whereabouts(row["zone"], row["country"], row["team"]),
            override=Override(row["wish"]) if row["wish"] else None,
            due_at=moment_or_none(row["due_at"]),
            remind_at=moment_or_none(row["remind_at"]),
            survey_id=row["mail_survey_id"],
            cancelled_because=Reason(row["reason"]) if row["reason"] else None,
            mail=_mail_story(row, "mail"),
            again=_mail_story(row, "again"),
            choice=Choice(row["choice"]) if row["choice"] else None,
            answered_at=moment_or_none(row["answered_at"]),
            comment=row["comment"],
            recheck=Choice(row["recheck"]) if row["recheck"] else None,
            rechecked_at=moment_or_none(row["rechecked_at"]),
            ledger=tuple(
                LedgerEntry(
                    moment(entry["at"]),
                    decision_of(entry["verdict"], entry["reason"], entry["until"]),
                    entry["who"],
                    bool(entry["is_reminder"]),
                    Round(entry["round"]),
                )
                for entry in self._database.rows(_sql.decisions_of, resolution_id=row["id"])
            ),
        )


def _mail_story(row: Mapping[str, Any], which: str) -> MailStory | None:
    if row[f"{which}_state"] is None:
        return None
    return MailStory(
        survey_id=row[f"{which}_survey_id"],
        state=row[f"{which}_state"],
        words=row[f"{which}_words"],
        recipient=row[f"{which}_recipient"],
        handed_over_at=moment_or_none(row[f"{which}_handed_over_at"]),
        due_at=moment(row[f"{which}_due_at"]),
    )


def _summary(row: Mapping[str, Any]) -> CaseSummary:
    return CaseSummary(
        id=row["id"],
        source=row["source"],
        ref=row["ref"],
        status=CaseStatus(row["status"]),
        subject=row["subject"],
        team=row["team"],
        agent=row["agent"],
        resolved_at=moment_or_none(row["resolved_at"]),
        customer=row["name"],
        email=row["email"],
        is_erased=row["erased_at"] is not None,
    )


def _said(record: CaseRecord, names: tuple[str, ...]) -> dict[str, object]:
    """The record's fields as the database holds them, so that said and known values compare."""
    values = ((name, getattr(record, name, None)) for name in names)
    return {name: value if value is None or value.__class__ is str else as_held(value) for name, value in values}


def _merge(known: Mapping[str, object], said: Mapping[str, object]) -> dict[str, object]:
    return {name: known[name] if value is None else value for name, value in said.items()}

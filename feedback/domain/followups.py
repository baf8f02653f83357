"""A follow-up: what a person owes a customer who said "no"."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from feedback.domain.surveys import Answer


class Outcome(StrEnum):
    SOLVED = "solved"
    NOT_SOLVABLE = "not_solvable"
    NO_CONTACT = "no_contact"
    WITHDRAWN = "withdrawn"  # the customer changed the answer to "yes"


class Event(StrEnum):
    OPENED = "opened"
    REOPENED = "reopened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class FollowUp:
    id: str
    survey_id: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    outcome: Outcome | None
    note: str | None
    case_source: str
    case_ref: str
    subject: str | None
    agent: str | None
    team: str | None
    customer: str | None
    email: str | None
    answer: Answer

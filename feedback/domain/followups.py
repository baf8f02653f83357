"""A follow-up: what a person owes a customer who said "no"."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from feedback.domain.surveys import Answer, Choice, Details


class Outcome(StrEnum):
    SOLVED = "solved"
    NOT_SOLVABLE = "not_solvable"
    NO_CONTACT = "no_contact"
    WITHDRAWN = "withdrawn"  # the customer changed the answer to "yes"

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


CLOSINGS = (Outcome.SOLVED, Outcome.NOT_SOLVABLE, Outcome.NO_CONTACT)  # as staff may choose


class Event(StrEnum):
    OPENED = "opened"
    REOPENED = "reopened"
    REPLIED = "replied"
    TAKEN = "taken"
    INTERACTION = "interaction"
    CLOSED = "closed"


class Channel(StrEnum):
    """How staff and customer were in touch."""

    CALL = "call"
    MAIL = "mail"
    CHAT = "chat"
    IN_PERSON = "in_person"

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


CALL_AFTER = 2  # interactions that did not solve it; then a voice or video call (CARE, Resolve)
NOTE_LONGEST = 5_000


@dataclass(frozen=True, slots=True)
class FollowUpEvent:
    """One line of a follow-up's history; `who` is a name, or None for the customer or the program."""

    at: datetime
    kind: Event
    who: str | None
    channel: Channel | None
    note: str | None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """`answer` is the newest "no", which it is about, `reply` the newest text that the customer mailed; one is there.

    `interactions` count since it was opened, or opened again.

    `contacts` is how many it took until the help desk called the case solved.

    `stands` is the customer's newest answer, a "yes" if the mind was changed since.
    """

    id: str
    survey_id: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    outcome: Outcome | None
    note: str | None
    owner_id: str | None
    owner: str | None
    interactions: int
    case_id: str
    case_source: str
    case_ref: str
    subject: str | None
    agent: str | None
    team: str | None
    topic: str | None
    resolved_at: datetime
    contacts: int | None
    customer: str | None
    email: str | None
    answer: Answer | None
    reply: str | None = None
    stands: Choice | None = None

    @property
    def details(self) -> Details:
        """What was added to the "no"."""
        return self.answer.details if self.answer is not None else Details()

    @property
    def words(self) -> str:
        """What the customer wrote, on the page and by mail."""
        return "\n\n".join(part for part in (self.details.comment, self.reply) if part)

    @property
    def said_at(self) -> datetime:
        return self.answer.at if self.answer is not None else self.opened_at

    @property
    def call_now(self) -> bool:
        """The rule of two: it was not solved in two interactions, so it becomes a call."""
        return self.closed_at is None and self.interactions >= CALL_AFTER

"""A follow-up: what a person owes a customer who said "no"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from feedback.domain.surveys import Answer, Choice, Details, Stage


class _Said(StrEnum):
    """Values that people read."""

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


class Outcome(_Said):
    SOLVED = "solved"
    NOT_SOLVABLE = "not_solvable"
    NO_CONTACT = "no_contact"
    WITHDRAWN = "withdrawn"  # the customer changed the answer to "yes"


CLOSINGS = (Outcome.SOLVED, Outcome.NOT_SOLVABLE, Outcome.NO_CONTACT)  # as staff may choose


class Result(_Said):
    """What came of being in touch with a customer."""

    SOLVED = "solved"
    NOT_SOLVED = "not_solved"
    NOT_REACHED = "not_reached"


class Event(StrEnum):
    OPENED = "opened"
    REOPENED = "reopened"
    REPLIED = "replied"
    TAKEN = "taken"
    HANDED_OVER = "handed_over"
    GIVEN_BACK = "given_back"  # whoever had it does not work at the desk any more
    INTERACTION = "interaction"
    CLOSED = "closed"


class Channel(_Said):
    """How staff and customer were in touch."""

    CALL = "call"
    MAIL = "mail"
    CHAT = "chat"
    IN_PERSON = "in_person"


CALL_AFTER = 2  # interactions that did not solve it; then a voice or video call (CARE, Resolve)
NOTE_LONGEST = 5_000


@dataclass(frozen=True, slots=True)
class FollowUpEvent:
    """One line of a follow-up's history; `who` is a name, or None for the customer or the program.

    `public_at` is since when its note is public, "you said, we did", and `public_by` the name of who made it so.
    """

    seq: int
    at: datetime
    kind: Event
    who: str | None
    channel: Channel | None
    note: str | None
    result: Result | None = None  # of an interaction
    outcome: Outcome | None = None  # of a closing
    public_at: datetime | None = None
    public_by: str | None = None

    @property
    def is_staff_note(self) -> bool:
        """Whether staff wrote what it says, and not the customer, nor the program about a withdrawal."""
        by_staff = self.kind is Event.INTERACTION or (self.kind is Event.CLOSED and self.outcome in CLOSINGS)
        return by_staff and bool(self.note)


@dataclass(frozen=True, slots=True)
class PublicNote:
    """What the site may tell of a follow-up: when staff noted what, and how it stands (None: open).

    The reasons are those of the "no" before it.
    """

    at: datetime
    topic: str | None
    reasons: tuple[Stage, ...]
    note: str
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """`answer` is the newest "no", which it is about, `reply` the newest text that the customer mailed; one is there.

    `interactions` are those that did not solve it since it was opened, or opened again.

    `is_escalated` while it is open after CALL_AFTER of them, or if it had been closed as solved before: it becomes a
    call (CARE, Resolve).

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
    is_escalated: bool
    resolution_id: str
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
    customer_since: date | None = None

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


class NewsKind(StrEnum):
    """What a further alert can be about, what weighs most first."""

    HANDED_OVER = "handed over"
    AGAIN = "again"
    SAID_NO = "said no"
    REPLIED = "replied"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class News:
    """What happened since somebody was last alerted about a follow-up; `who` of us did it, if one of us did."""

    kind: NewsKind
    who: str | None = None
    outcome: Outcome | None = None  # how it had been closed
    has_words: bool = False

    @property
    def title(self) -> str:
        """What the subject begins with."""
        return {
            NewsKind.HANDED_OVER: "Handed to you",
            NewsKind.AGAIN: "Again not solved",
            NewsKind.SAID_NO: "Not solved",
            NewsKind.REPLIED: "New words",
            NewsKind.ADDED: "New words" if self.has_words else "More details",
        }[self.kind]

    @property
    def sentence(self) -> str:
        if self.kind is NewsKind.HANDED_OVER:
            return f"{self.who or 'A colleague'} has handed this to you."
        if self.kind is NewsKind.AGAIN:
            by = f" by {self.who}" if self.who else ""
            before = f"It was closed as {self.outcome.words}{by}" if self.outcome else f"It was closed{by}"
            if self.outcome is Outcome.WITHDRAWN:
                before = "They had changed their answer to yes"
            return f"{before}, and it is open again: they say that it is not solved."
        return {
            NewsKind.SAID_NO: "Since our last alert to you, they have answered no.",
            NewsKind.REPLIED: "Since our last alert to you, they have written again. Their newest words stand last.",
            NewsKind.ADDED: "Since our last alert to you, they have added to their answer.",
        }[self.kind]


def news_since(
    told_at: datetime | None, follow_up: FollowUp, history: Sequence[FollowUpEvent], *, is_owner: bool
) -> tuple[News, ...]:
    """What is new about an open follow-up to somebody who got the last alert about it at `told_at`, None if none.

    None of it for the first alert about it; what weighs most comes first.
    """
    start = max(n for n, event in enumerate(history) if event.kind in (Event.OPENED, Event.REOPENED))
    before, opening, since = history[:start], history[start], history[start:]

    def is_new(at: datetime | None) -> bool:
        return at is not None and (told_at is None or at > told_at)

    found = []
    owned = [event for event in since if event.kind in (Event.TAKEN, Event.HANDED_OVER)]
    if is_owner and owned and owned[-1].kind is Event.HANDED_OVER and is_new(owned[-1].at):
        found.append(News(NewsKind.HANDED_OVER, owned[-1].who))
    if opening.kind is Event.REOPENED and opening.channel is None and is_new(opening.at):
        closing = [event for event in before if event.kind is Event.CLOSED][-1]
        found.append(News(NewsKind.AGAIN, closing.who, closing.outcome))
    if told_at is None:
        return tuple(found)
    answer, is_again = follow_up.answer, NewsKind.AGAIN in [one.kind for one in found]
    is_no = answer is not None and is_new(answer.at)
    if is_no and not is_again:
        found.append(News(NewsKind.SAID_NO))
    if any(event.kind is Event.REPLIED and is_new(event.at) for event in since):
        found.append(News(NewsKind.REPLIED))
    if answer is not None and is_new(answer.details_at) and not is_no and not is_again:
        found.append(News(NewsKind.ADDED, has_words=bool(answer.details.comment)))
    return tuple(found)

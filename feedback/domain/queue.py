"""The queue of the desk: which follow-ups one looks at."""

from dataclasses import dataclass
from enum import StrEnum

from feedback.domain.surveys import Stage


class Tab(StrEnum):
    """A part of the queue. One follow-up may stand in several."""

    OPEN = "open"
    MINE = "mine"
    UNOWNED = "unowned"
    TODAY = "today"  # due on this day of the reader's, whether or not the hour has passed
    OVERDUE = "overdue"
    ESCALATED = "escalated"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows each part; None narrows nothing. `stage` is one of the reasons that the customer gave.

    `days` is for how many days it was opened at least.
    """

    team: str | None = None
    topic: str | None = None
    stage: Stage | None = None
    days: int | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.team, self.topic, self.stage, self.days))

"""A survey, its answers, and until when it can be answered."""

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum

from feedback.config import Config
from feedback.domain.timing import Whereabouts
from feedback.i18n import marked

ANSWERS_AT_MOST = 20
SETTLED_AFTER = timedelta(days=7)  # answers come in this long; younger figures are provisional
COMMENT_LONGEST = 5_000


class SurveyState(StrEnum):
    WAITING = "waiting"
    ASKED = "asked"
    CANCELLED = "cancelled"


class Suppression(StrEnum):
    """Why nothing is sent to an address any more. Of several reasons the first one here weighs most."""

    ERASED = "erased"
    OPTED_OUT = "opted out"
    COMPLAINED = "complained"  # the mail was reported as spam
    NO_SUCH_ADDRESS = "no such address"
    BOUNCED = "bounced"


class Round(IntEnum):
    """A resolution is asked about once, and once more when staff say that they have helped after a "no"."""

    FIRST = 0
    AGAIN = 1


class Choice(StrEnum):
    YES = "yes"
    NO = "no"


class Stage(StrEnum):
    """The stages of CARE, for the reasons that customers give."""

    CONNECT = "connect"
    ASSIST = "assist"
    RESOLVE = "resolve"
    ENHANCE = "enhance"


REASONS = {
    Choice.NO: {
        Stage.CONNECT: marked("I had to tell my story again"),
        Stage.ASSIST: marked("I could not find help myself"),
        Stage.RESOLVE: marked("It took too long, I was passed around, or it still does not work"),
        Stage.ENHANCE: marked("It came back"),
    },
    Choice.YES: {
        Stage.CONNECT: marked("I felt known and understood"),
        Stage.ASSIST: marked("Help was there before I had to ask"),
        Stage.RESOLVE: marked("It was quick, and one person saw it through"),
        Stage.ENHANCE: marked("It has become better since last time"),
    },
}


@dataclass(frozen=True, slots=True)
class Details:
    """What a customer adds to a vote. All of it is optional."""

    reasons: tuple[Stage, ...] = ()
    comment: str = ""
    call: bool = False
    phone: str = ""
    call_time: str = ""  # when a call suits them, in their words
    quote_name: str | None = None  # None: we may not quote; "" is consent without a name

    def __bool__(self) -> bool:
        return bool(self.reasons or self.comment or self.call or self.quote_name is not None)


@dataclass(frozen=True, slots=True)
class Answer:
    id: str
    choice: Choice
    at: datetime
    details: Details
    details_at: datetime | None

    @property
    def is_worded_as_before(self) -> bool:
        """Whether its details were said beside an earlier answer of the same choice, and count again."""
        return self.details_at is not None and self.details_at < self.at

    @property
    def version(self) -> str:
        """Another one whenever something else was said; by it a form knows the words that it was filled with."""
        return hashlib.sha256(repr((self.id, self.details)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Survey:
    """One question about one resolution, as the customer's page needs it, with its newest answer."""

    id: str
    asked_at: datetime
    resolved_at: datetime
    subject: str | None
    agent: str | None
    team: str | None
    locale: str | None = None
    whereabouts: Whereabouts = field(default_factory=Whereabouts)
    contacts: int | None = None  # how many it took until the help desk called the case solved
    mailed_to: str | None = (
        None  # the address that its mail was handed over for, as far as that is known here (any more)
    )
    round: Round = Round.FIRST
    is_in_doubt: bool = False  # whether any mail of it arrived
    asked_again_at: datetime | None = None  # when a newer survey about the same case went out
    answers: int = 0
    first_answer_at: datetime | None = None
    newest: Answer | None = None

    def ends_at(self, config: Config) -> datetime:
        """Until when a tap counts: the link's end, or once answered, the end of changing one's mind."""
        if self.first_answer_at is None:
            return self.asked_at + config.link_ends
        return self.first_answer_at + config.change_within


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What a survey's mail says, read when it is sent."""

    resolved_at: datetime
    agent: str | None
    team: str | None
    subject: str | None
    ref: str
    name: str | None
    email: str | None
    customer_since: date | None
    locale: str | None = None
    whereabouts: Whereabouts = field(default_factory=Whereabouts)
    is_recheck: bool = False  # the second round, "solved now?"

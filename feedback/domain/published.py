"""All that the published site tells in numbers, and the rows that it is counted from.

Who is kept from what: a reader of one build, who has every page and file of it, knows how the tables hang together
(what are the parts of what), that counts are whole numbers, and that a hidden cell holds somebody. They cannot tell
what any hidden cell holds: at least two readings fit all that is published (tests/domain/test_hiding.py tries). To make
this provable there are few tables, and each is one breakdown of one total: a stretch by periods, by teams, by topics,
by channels; never teams by weeks. A hidden cell carries no numbers, so that no page or file can let them slip.
Who comes back is no such breakdown; what a reader can tell of it, feedback/domain/outcomes.py says.

The reason for which a cell is hidden tells it neither, unless the sizes of several happen to meet just so.

Who is not kept from it: whoever compares the builds of several days ("how we count" says so), whoever knows some of
the customers or the rows of this program, and whoever joins tables of different kinds (what customers said, when staff
replied, what became of the mails) about the same few cases.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from feedback.domain.changes import Change
from feedback.domain.followups import Outcome
from feedback.domain.outcomes import Outcomes
from feedback.domain.periods import Span
from feedback.domain.rates import FEWEST_FOR_EXTREMES, Rate
from feedback.domain.surveys import Choice, Stage

REPLY_BOUNDS = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=24), timedelta(days=3))
REPLY_TIMES = ("under 1 h", "1 to 4 h", "4 to 24 h", "1 to 3 days", "longer")
INTERACTIONS = ("1", "2", "more than 2")
STILL_OPEN = "open"
HIDDEN = Rate(0, 0, 0, hidden=True)


class Step(StrEnum):
    """A part of the way that a customer waits for, named as `Waits` names it.

    `WHOLE` is `FIRST_REPLY` and `SOLVING` together, for cases of which nobody knows the first reply. `ANSWER` is the
    customer's own, but for how long we let a case rest before we ask.
    """

    FIRST_REPLY = "first_reply"
    SOLVING = "solving"
    WHOLE = "whole"
    ANSWER = "answer"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Vote:
    """What a customer says about a resolution, for the long trend."""

    customer_id: str
    resolved_at: datetime
    is_yes: bool
    team: str | None
    topic: str | None


@dataclass(frozen=True, slots=True)
class Help:
    """What became of a "no": its follow-up. Times are spans from its opening; None is not yet.

    `until_recovered` is until the customer said yes when asked again.
    """

    outcome: Outcome | None
    first_contact: timedelta | None
    is_escalated: bool
    is_asked_again: bool
    choice_again: Choice | None
    until_recovered: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """One resolution of late, with all that the figures need. None is unknown, or not there.

    `customer_id` is "" where none is known. `is_mailed` is whether a mail about it went out or may have; `asked_at`
    is also there if only an answer tells that one did. `is_first` tells the first resolution of a case. `first_reply`
    and `until_solved` are from its opening, `until_answered` from the resolution to the first answer.
    """

    customer_id: str
    resolved_at: datetime
    is_first: bool
    team: str | None
    topic: str | None
    channel: str | None
    first_reply: timedelta | None
    interactions: int | None
    has_name: bool
    has_tenure: bool
    is_mailed: bool = False
    asked_at: datetime | None = None
    is_bounced: bool = False
    has_opted_out: bool = False
    choice: Choice | None = None
    reasons: tuple[Stage, ...] = ()
    help: Help | None = None
    until_solved: timedelta | None = None
    until_answered: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A rate over the cases for which it is known; `of` is how many there are, known or not, 0 if that is hidden."""

    rate: Rate
    of: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How `n` cases, known of `of`, of so many `customers` spread over named buckets.

    Where people could name several, buckets overlap. Shown whole or not at all, from FEWEST_FOR_EXTREMES customers on,
    for some bucket may hold none or all.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]
    n: int
    customers: int
    of: int
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Times:
    """The quartiles of how long something took, over `n` of `of`; None where nothing is shown."""

    n: int
    customers: int
    of: int
    lower: timedelta | None
    median: timedelta | None
    upper: timedelta | None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Period:
    """The share solved of the resolutions between two local days; `provisional` while answers may still come in."""

    first_day: date
    last_day: date
    solved: Rate
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A team, a topic or a channel in the recent stretch; the name None is of the cases that have none.

    `trend` is by stretches, the recent one last; channels have none. `before` and `others` are the comparisons that
    could be made.
    """

    name: str | None
    solved: Rate
    response: Rate
    first_reply: Measure
    trend: tuple[Period, ...]
    before: Change | None = None
    others: Change | None = None


@dataclass(frozen=True, slots=True)
class FollowUps:
    """What became of each "no" of the recent stretch.

    `outcomes` has a bucket an outcome, and one for those still open. `recovery` is yes of the answers to "solved now?";
    its `of` is how many were asked that.
    """

    outcomes: Spread
    first_contact: Times
    escalated: Rate
    recovery: Measure


@dataclass(frozen=True, slots=True)
class Letters:
    """Shares of the mails that asked about the recent stretch.

    They are of those after which the customer opted out, that came back, that could greet by name, and that could tell
    for how long somebody has been a customer.
    """

    opted_out: Rate
    bounced: Rate
    named: Rate
    tenure_known: Rate


@dataclass(frozen=True, slots=True)
class PageHelped:
    """How many of the votes about an entry of the FAQ, by its address, say that it helped. It stands by itself."""

    page: str
    helped: Rate


@dataclass(frozen=True, slots=True)
class Waits:
    """How long each step took in all cases, or in those of a topic or a team; the name None is of those without one.

    `of` counts the cases that came to the end of a step, known for how long or not: those that were resolved, were
    answered, were called solved by a yes when asked again. `beyond_two` is the share of more than two interactions.
    """

    name: str | None
    first_reply: Times
    solving: Times
    whole: Times
    answer: Times
    recovery: Times
    beyond_two: Rate

    def times(self, step: Step) -> Times:
        times: Times = getattr(self, step)
        return times


@dataclass(frozen=True, slots=True)
class Gap:
    """A step that the cases of a topic wait for; all of it is shown. It is the wider, the more is waited in all."""

    step: Step
    topic: str | None
    times: Times


@dataclass(frozen=True, slots=True)
class Journey:
    """The way of a case, step by step. `gaps` are the widest, widest first, of what is shown and ours to shorten."""

    everyone: Waits
    topics: tuple[Waits, ...]
    teams: tuple[Waits, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """All of it, as of `now`. Every value is there from the first day on; n = 0 and not hidden is "nothing yet".

    All is about the recent stretch, `first_day` to `last_day`, by the day of resolution in `zone`, but for these:
    `solved` is the headline: the recent stretch and what came since, until `solved_until`; its `of` is surveys asked.
    `trend` is by periods, provisional ones last; `stretches` is the whole business by stretches, the recent one last.
    `before` compares the last two stretches, `latest` the last settled period with the others of the recent stretch;
    `comparisons` is how many were made in all, and taken into account.
    `settles_on` is the day on which the first cases count as settled, None if some do, or if there are none.
    `periods_missing` is how many more settled periods the trend needs to be one.
    `helped` is by votes of the recent stretch and since.
    `outcomes` is about all the time of which purchases are known.
    """

    now: datetime
    zone: str
    span: Span
    first_day: date
    last_day: date
    solved: Measure
    solved_until: date
    response: Rate
    trend: tuple[Period, ...]
    stretches: tuple[Period, ...]
    teams: tuple[Part, ...]
    topics: tuple[Part, ...]
    channels: tuple[Part, ...]
    target: timedelta
    first_reply: Measure
    first_reply_times: Spread
    interactions: Spread
    reasons_no: Spread
    reasons_yes: Spread
    follow_ups: FollowUps
    letters: Letters
    journey: Journey
    before: Change | None
    latest: Change | None
    comparisons: int
    settles_on: date | None
    periods_missing: int
    outcomes: Outcomes
    helped: tuple[PageHelped, ...] = ()


def is_few(customers: int) -> bool:
    """Whether a spread or times about so many are hidden."""
    return customers < FEWEST_FOR_EXTREMES

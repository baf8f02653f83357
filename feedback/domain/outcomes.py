"""Who comes back: what customers bought after a case of theirs, by what they answered about it.

A customer counts once, with the first case that we asked about in the time of which purchases are known, so that the
groups do not overlap. The first, for whichever else we chose, we would choose by what came after it: only who comes
back has a second one.

Who is kept from what: no total over the groups is published, so one group says nothing about another, and each is
judged by itself. Its rows, for 30, 90 and 180 days, are about ever fewer of the same customers, for who was helped
lately is not observed for long, and a reader may subtract one row from another. So a row is about just the customers
of the longer one, or at least ten more; the few newest wait until there are ten of them. Whatever comes of subtracting
is therefore about ten customers or more, of whom even “all of them” may be told. Rows about the same customers bound
each other, so they are shown together or not at all.

So nothing that is shown, or comes of subtracting, is about fewer than five customers, or all or none of fewer than ten.
Of a hidden row a reader cannot tell how many customers it is about (tests/domain/test_outcomes.py tries). They can tell
that it is about somebody; and if all of a shorter row bought, so did those of the hidden one.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import quantiles
from zoneinfo import ZoneInfo

from feedback.domain.changes import Against, Change, compare, corrected
from feedback.domain.rates import FEWEST, FEWEST_FOR_EXTREMES, Rate
from feedback.domain.surveys import Choice
from feedback.domain.timing import local_day, midnight

DAYS = (30, 90, 180)
_PARTS = dict(zip(DAYS, (0, *DAYS), strict=False))  # how many days are over when the last part begins
_HIDDEN = Rate(0, 0, 0, hidden=True)


class Said(StrEnum):
    """What a customer answered by now."""

    YES = "yes"
    RECOVERED = "recovered"  # no at first, and yes when asked again after a follow-up
    NO = "no"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Observed:
    """The time of which purchases are known: whole local days, the first and the last on which there is one."""

    first_day: date
    last_day: date
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Helped:
    """A customer, by the first case that we asked about: what they answered, when and for how much they bought since.

    An amount below zero is a refund.
    """

    resolved_at: datetime
    choice: Choice | None
    choice_again: Choice | None
    bought: Iterable[tuple[datetime, Decimal]] = ()


@dataclass(frozen=True, slots=True)
class Sums:
    """The quartiles of what each of `n` customers spent, 0 for who bought nothing; None where nothing is shown."""

    n: int
    lower: float | None = None
    median: float | None = None
    upper: float | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Returned:
    """One group: how many bought `again` within the days, how many in the last part of them, and what each spent."""

    said: Said
    again: Rate
    later: Rate | None
    spent: Sums


@dataclass(frozen=True, slots=True)
class Within:
    """What came within so many days. `later_from` is the day with which their last part begins, None if it has none.

    `recovered` compares those who were recovered with those who stayed at no, if both may be shown.
    """

    days: int
    later_from: int | None
    groups: tuple[Returned, ...]
    recovered: Change | None = None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Between which days purchases are known, and what came within 30, 90 and 180 days; nothing without purchases."""

    first_day: date | None
    last_day: date | None
    within: tuple[Within, ...]


NOTHING_BOUGHT = Outcomes(None, None, ())


def observed(first: datetime, last: datetime, zone: ZoneInfo) -> Observed:
    """By the first and the last purchase that is known."""
    first_day, last_day = local_day(first, zone), local_day(last, zone)
    return Observed(first_day, last_day, midnight(first_day, zone), midnight(last_day + timedelta(days=1), zone))


def said(helped: Helped) -> Said:
    """By the newest answers. Who wrote back instead of answering, and was asked again, counts by that answer."""
    if helped.choice is Choice.YES:
        return Said.YES
    if helped.choice_again is Choice.YES:
        return Said.RECOVERED
    return Said.NO if Choice.NO in (helped.choice, helped.choice_again) else Said.SILENT


def outcomes(customers: Iterable[Helped], seen: Observed) -> Outcomes:
    """In one pass; of a customer only what was spent is kept, and that as a number."""
    tallies = {one: _tallies() for one in Said}
    for helped in customers:
        if helped.resolved_at >= seen.begins:
            since = [(at - helped.resolved_at, amount) for at, amount in helped.bought if at < seen.ends]
            for (_, observed_for), tally in tallies[said(helped)].items():
                if helped.resolved_at + timedelta(observed_for) <= seen.ends:
                    tally.add(since)
    told = {one: _published(one, rows) for one, rows in tallies.items()}
    within = [
        Within(days, _PARTS[days] + 1 if _PARTS[days] else None, tuple(told[one][days] for one in Said))
        for days in DAYS
    ]
    return Outcomes(seen.first_day, seen.last_day, _compared(within))


@dataclass(slots=True)
class _Tally:
    """One group and one time, while those of its customers who are observed for long enough are being counted."""

    days: timedelta
    after: timedelta
    n: int = 0
    again: int = 0
    later: int = 0
    active: int = 0
    active_later: int = 0
    spent: "array[float]" = field(default_factory=lambda: array("d"))  # of those who spent anything

    def add(self, since: Sequence[tuple[timedelta, Decimal]]) -> None:
        zero = timedelta(0)
        inside = [(ago, amount) for ago, amount in since if zero < ago <= self.days]
        bought = [ago for ago, amount in inside if amount >= 0]
        self.n += 1
        self.again += bool(bought)
        self.later += any(ago > self.after for ago in bought)
        self.active += bool(inside)
        self.active_later += any(ago > self.after for ago, _ in inside)
        if total := sum(amount for _, amount in inside):
            self.spent.append(float(total))

    @property
    def rates(self) -> tuple[Rate, Rate]:
        return Rate(self.again, self.n, self.n), Rate(self.later, self.n, self.n)

    @property
    def sums(self) -> Sums:
        """From ten customers on, and from five who bought or gave back anything: a quartile can be what one spent.

        In the last part as well, for the quartiles of the shorter time tell what they were without it.
        """
        is_few = any(0 < many < FEWEST for many in (self.active, self.active_later))
        if self.n < FEWEST_FOR_EXTREMES or is_few:
            return Sums(0, hidden=True)
        lower, middle, upper = quantiles([*self.spent, *[0.0] * (self.n - len(self.spent))], n=4, method="inclusive")
        return Sums(self.n, round(lower, 2), round(middle, 2), round(upper, 2))


def _tallies() -> dict[tuple[int, int], _Tally]:
    """Of each time, by for how long its customers are observed: so long, or longer."""
    return {
        (days, observed_for): _Tally(timedelta(days), timedelta(_PARTS[days]))
        for days in DAYS
        for observed_for in DAYS
        if observed_for >= days
    }


def _published(one: Said, tallies: Mapping[tuple[int, int], _Tally]) -> dict[int, Returned]:
    """The rows of a group. Nobody at all is no one to hide."""
    rows: dict[int, _Tally] = {}
    before = observed_for = 0
    for days in reversed(DAYS):
        if not before or tallies[days, days].n >= before + FEWEST_FOR_EXTREMES:
            observed_for = days
        rows[days] = tallies[days, observed_for]
        if rows[days].n >= FEWEST:
            before = rows[days].n
    small = {row.n for row in rows.values() if any(rate.is_small for rate in row.rates)}
    told = {}
    for days, row in rows.items():
        again, later = (_HIDDEN if row.n and row.n in small else rate for rate in row.rates)
        spent = Sums(0, hidden=again.hidden) if again.n == 0 else row.sums
        told[days] = Returned(one, again, later if _PARTS[days] else None, spent)
    return told


def _compared(within: Sequence[Within]) -> tuple[Within, ...]:
    """With the one comparison that comes closest to cause, corrected for being made as often as it is."""
    changes: dict[int, Change] = {}
    for one in within:
        again = {group.said: group.again for group in one.groups}
        rates = again[Said.RECOVERED], again[Said.NO]
        if all(rate.n and not rate.hidden for rate in rates):
            changes[one.days] = compare("repurchase", f"{one.days} days", Against.NOT_RECOVERED, *rates)
    told = dict(zip(changes, corrected([*changes.values()]), strict=True))
    return tuple(replace(one, recovered=told.get(one.days)) for one in within)

"""Figures that can be trusted: a rate with its interval, and the hiding of what would point at a person."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from math import sqrt
from statistics import median
from zoneinfo import ZoneInfo

from feedback.domain.surveys import Choice
from feedback.domain.timing import local_day

FEWEST = 5  # a cell about fewer customers is hidden
FEWEST_FOR_EXTREMES = 10  # "0 %" and "100 %" need more, for they speak about every single customer
PERIOD_DAYS = 90
SETTLED_AFTER = timedelta(days=7)  # answers come in this long; younger figures are provisional
_Z = 1.959963984540054  # the 97.5 % point of the normal distribution, for a two-sided 95 % interval


def percent(share: float) -> str:
    """Whole per cent, half up, as a reader would round; with a decimal where 0 or 100 would be said of what is not."""
    whole = int(share * 100 + 0.5)
    if share in (0, 1) or 0 < whole < 100:
        return str(whole)
    return f"{min(99.9, max(0.1, share * 100)):.1f}"


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `n`, from so many distinct `customers`. `hidden` if it must not be published.

    With n = 0 there is no share and no interval: ask for n first.
    """

    count: int
    n: int
    customers: int
    hidden: bool = False

    @property
    def share(self) -> float:
        return self.count / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % score interval of E. B. Wilson, JASA 22 (1927), p. 209. It ends at 0 or 1 where all are alike."""
        z2 = _Z * _Z
        centre = (self.count + z2 / 2) / (self.n + z2)
        half = _Z / (self.n + z2) * sqrt(self.count * (self.n - self.count) / self.n + z2 / 4)
        low = 0.0 if self.count == 0 else centre - half  # without the last bit's error
        return low, 1.0 if self.count == self.n else centre + half

    @property
    def is_small(self) -> bool:
        """Whether it is hidden for itself: too few customers, or a certainty from few."""
        return self.customers < (FEWEST_FOR_EXTREMES if self.is_alike else FEWEST)

    @property
    def is_alike(self) -> bool:
        """Whether it speaks about every single customer: all, or none."""
        return self.count in (0, self.n)


@dataclass(slots=True)
class Group:
    """Those that a rate is about, while they are being counted."""

    count: int = 0
    n: int = 0
    customers: set[str] = field(default_factory=set)

    def add(self, customer_id: str, counts: bool) -> None:
        self.count += counts
        self.n += 1
        self.customers.add(customer_id)

    @property
    def rate(self) -> Rate:
        return Rate(self.count, self.n, len(self.customers))


@dataclass(frozen=True, slots=True)
class Asked:
    """One survey whose mail went out, as the figures see it. `choice` is the newest answer's."""

    customer_id: str
    resolved_at: datetime
    asked_at: datetime
    choice: Choice | None


@dataclass(frozen=True, slots=True)
class Handled:
    """One survey whose mail went out, with who solved the case, and what became of a "no".

    `opened_at` is when its follow-up was opened first, if there is one, `acted_at` when somebody of staff was in touch
    first, or closed it; `recheck` what the customer answered when asked again.
    """

    asked: Asked
    team: str | None
    agent: str | None
    opened_at: datetime | None = None
    acted_at: datetime | None = None
    is_open: bool = False
    recheck: Choice | None = None


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """The figures of a team or an agent (`name` None: nobody is named), as the desk shows them.

    `young` of the `asked` are provisional: answers of theirs may still come in. `hours` is the median from a "no" until
    somebody was in touch; None where that was so with too few customers.
    """

    name: str | None
    asked: int
    young: int
    answered: int
    response: Rate
    solved: Rate
    opened: int
    closed: int
    hours: float | None
    recovered: Rate


def by_group(
    handled: Sequence[Handled], name_of: Callable[[Handled], str | None], now: datetime, zone: ZoneInfo
) -> list[GroupFigures]:
    """Those of each group over the period, by name, for an order by figures would rank; who has no name comes last."""
    groups: dict[str | None, list[Handled]] = {}
    for one in _recent(handled, now, zone):
        groups.setdefault(name_of(one), []).append(one)
    names = sorted(groups, key=lambda name: (name is None, (name or "").casefold(), name or ""))
    return [_group(name, groups[name], now) for name in names]


def altogether(handled: Sequence[Handled], now: datetime, zone: ZoneInfo) -> GroupFigures:
    """Those of all over the period."""
    return _group(None, _recent(handled, now, zone), now)


def _recent(handled: Sequence[Handled], now: datetime, zone: ZoneInfo) -> list[Handled]:
    first_day, last_day = period(now, zone)
    return [one for one in handled if first_day <= local_day(one.asked.resolved_at, zone) <= last_day]


def _group(name: str | None, handled: Sequence[Handled], now: datetime) -> GroupFigures:
    """Small cells are hidden so that nobody is judged by what four customers said.

    One by one: who reads these figures may read each answer, so there is nothing to keep by hiding more.
    """
    rows = [one.asked for one in handled]
    settled_before = now - SETTLED_AFTER
    opened = [one for one in handled if one.opened_at is not None]
    acted = [(one, one.acted_at - one.opened_at) for one in opened if one.acted_at and one.opened_at]
    customers = {one.asked.customer_id for one, _ in acted}
    again = [replace(one.asked, choice=one.recheck) for one in handled if one.recheck]
    return GroupFigures(
        name=name,
        asked=len(rows),
        young=sum(row.asked_at > settled_before for row in rows),
        answered=sum(row.choice is not None for row in rows),
        response=_response(rows, settled_before),
        solved=_hide_small(_solved(rows).rate),
        opened=len(opened),
        closed=sum(not one.is_open for one in opened),
        hours=median(span.total_seconds() for _, span in acted) / 3600 if len(customers) >= FEWEST else None,
        recovered=_hide_small(_solved(again).rate),
    )


def period(now: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """The first and the last day that figures are about, by day of resolution."""
    last_day = local_day(now, zone)
    return last_day - timedelta(days=PERIOD_DAYS - 1), last_day


def hide(groups: Sequence[Group], total_shown: bool, also: Iterable[int] = ()) -> list[Rate]:
    """Each group's rate; small ones hidden, `also` some others, and what the total would need to keep them hidden.

    Empty groups hide nobody. A reader knows the sum of what is hidden: the total, less the groups shown. So the
    smallest shown group is hidden too, until that sum could be shown by itself and is not all alike, or nothing is
    left to show. Where all of the total are alike, each group's share is no secret any more, only how many it has; so
    there empty groups are hidden among the others.
    """
    cells = [group.rate for group in groups]
    hidden = {k for k, cell in enumerate(cells) if cell.n and cell.is_small} | {*also}
    if total_shown and hidden:
        alike = together(groups).rate.is_alike
        hidden |= {k for k, cell in enumerate(cells) if alike and not cell.n}
        while True:
            rest = together(groups[k] for k in hidden).rate
            shown = [k for k, cell in enumerate(cells) if cell.n and k not in hidden]
            if not shown or (not rest.is_small and (alike or not rest.is_alike)):
                break
            hidden.add(min(shown, key=lambda k: (cells[k].customers, k)))
    return [replace(cell, hidden=k in hidden) for k, cell in enumerate(cells)]


def together(groups: Iterable[Group]) -> Group:
    """All of them as one."""
    found = list(groups)
    return Group(
        sum(group.count for group in found),
        sum(group.n for group in found),
        set().union(*(group.customers for group in found)),
    )


def _response(rows: Sequence[Asked], settled_before: datetime) -> Rate:
    """Who answered, of those who were asked long enough ago."""
    group = Group()
    for row in rows:
        if row.asked_at <= settled_before:
            group.add(row.customer_id, row.choice is not None)
    return _hide_small(group.rate)


def _solved(rows: Iterable[Asked]) -> Group:
    group = Group()
    for row in rows:
        if row.choice:
            group.add(row.customer_id, row.choice is Choice.YES)
    return group


def _hide_small(rate: Rate) -> Rate:
    return replace(rate, hidden=rate.is_small)

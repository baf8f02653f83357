"""The figures that the desk shows: of everybody, of each team, and of each agent."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from feedback.domain.rates import FEWEST, Group, Rate
from feedback.domain.surveys import SETTLED_AFTER, Choice
from feedback.domain.timing import local_day

PERIOD_DAYS = 90


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

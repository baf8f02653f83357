"""Counts the published figures from rows, and hides in them what would point at a person."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from feedback.domain import journeys, measures
from feedback.domain.changes import Against, Change, compare, corrected
from feedback.domain.outcomes import NOTHING_BOUGHT, Outcomes
from feedback.domain.periods import STRETCHES, Calendar, calendar, longest_look, young_from
from feedback.domain.published import (
    HIDDEN,
    Figures,
    Measure,
    Part,
    Period,
    Served,
    Vote,
)
from feedback.domain.rates import Group, Rate, hide, together
from feedback.domain.surveys import SETTLED_AFTER, Choice
from feedback.domain.timing import local_day, midnight

_NAME_OF: dict[str, Callable[[Served], str | None]] = {
    "team": attrgetter("team"),
    "topic": attrgetter("topic"),
    "channel": attrgetter("channel"),
}
_WITH_TREND = ("team", "topic")
Votes = Callable[[datetime, datetime], Iterable[Vote]]  # since, until: newest first
_Dated = tuple[date, Served]


def served_since(now: datetime, zone: ZoneInfo) -> datetime:
    """From which moment on `figures` needs every resolution."""
    return midnight(longest_look(now, zone), zone)


def figures(
    served: Iterable[Served],
    votes: Votes,
    now: datetime,
    zone: ZoneInfo,
    within: timedelta = timedelta(hours=24),
    outcomes: Outcomes = NOTHING_BOUGHT,
) -> Figures:
    """Everything that is published, as of `now`; a first reply is in time until `within` after the opening.

    `served` are the resolutions from `served_since` on, `votes` gives the answers about earlier ones. What is older
    than the recent stretch is forgotten stretch by stretch, so that memory does not grow with the years. `outcomes` are
    counted already, from rows of their own.
    """
    today = local_day(now, zone)
    rows = [(day, row) for row in served if (day := local_day(row.resolved_at, zone)) <= today]
    late_from = local_day(now - 2 * SETTLED_AFTER, zone)
    late = [day for day, row in rows if day >= late_from and row.asked_at and not measures.is_settled(row, now)]
    answered_on = [day for day, row in rows if row.choice]
    when = calendar(young_from(now, zone, late), today, zone, answered_on, longest_look(now, zone))
    recent = [row for day, row in rows if when.recent_from <= day < when.young_from]
    young = [(day, row) for day, row in rows if day >= when.young_from]

    whole = measures.solved(recent)
    is_shown = not (whole.n and whole.rate.is_small)
    total, until, newest = _headline(whole, young, when)
    settled = _by_period(whole, rows, when)
    earlier = list(_earlier(votes, when))
    trend = _from_first([period for one in reversed(earlier) for period in one.periods] + settled + newest)
    stretches = [one.total for one in reversed(earlier)]
    stretches = _from_first([*stretches, Period(when.recent_from, when.last_settled_day, measures.shown(whole))])
    groups = {what: _grouped(recent, what) for what in _NAME_OF}
    parts = {what: _parts(groups[what], what, earlier, when, now, within) for what in _NAME_OF}
    before, latest, parts, comparisons = _compared(
        whole, stretches, settled[-1].solved, midnight(settled[-1].first_day, zone), recent, parts
    )
    response = measures.response(recent, now)
    is_response_small = bool(response.n and response.rate.is_small)
    asked = [row for day, row in rows if when.recent_from <= day <= until and measures.is_asked(row)]
    return Figures(
        now=now,
        zone=zone.key,
        span=when.span,
        first_day=when.recent_from,
        last_day=when.last_settled_day,
        solved=Measure(total, 0 if total.hidden else measures.how_many(asked)),
        solved_until=until,
        response=response.rate if is_shown and not is_response_small else HIDDEN,  # how many answered tells too much
        trend=tuple(trend),
        stretches=tuple(stretches),
        teams=parts["team"],
        topics=parts["topic"],
        channels=parts["channel"],
        target=within,
        first_reply=measures.known(measures.replied(recent, within), [row for row in recent if row.is_first]),
        first_reply_times=measures.reply_times(recent),
        interactions=measures.interactions(recent),
        reasons_no=measures.reasons(recent, Choice.NO, is_shown),
        reasons_yes=measures.reasons(recent, Choice.YES, is_shown),
        follow_ups=measures.follow_ups(recent, is_shown),
        letters=measures.letters(recent, not is_response_small),
        journey=journeys.journey(
            recent,
            [*zip(parts["topic"], groups["topic"], strict=True)],
            [*zip(parts["team"], groups["team"], strict=True)],
            is_shown,
        ),
        before=before,
        latest=latest,
        comparisons=comparisons,
        settles_on=_settles_on(recent, young, when),
        periods_missing=max(0, 2 - sum(not period.provisional for period in trend)),
        outcomes=outcomes,
    )


# The whole


def _headline(whole: Group, young: Sequence[_Dated], when: Calendar) -> tuple[Rate, date, list[Period]]:
    """The share solved of the recent stretch and what came since, until when, and the provisional periods.

    What came since is the difference of two totals that a reader can know, so it is left out while it is small itself.
    """
    starts = when.periods(when.young_from, when.today + timedelta(days=1))
    groups = [measures.solved(row for day, row in young if when.start(day) == start) for start in starts]
    since, is_shown = together(groups), True
    if whole.n == 0:
        total = together([whole, since])
        cells = hide(groups, not total.rate.is_small)
    elif whole.rate.is_small:
        total = together([whole, since])
        is_shown = not total.rate.is_small and not total.rate.is_alike  # alike, it would tell the share of `whole`
        cells = hide([whole, *groups], is_shown)[1:]
    elif since.rate.is_small:
        total = whole
        cells = hide(groups, False)
    else:
        total = together([whole, since])
        cells = hide(groups, True)
    until = when.last_settled_day if total is whole else when.today
    periods = [
        Period(start, when.last_day(start), measures.bare(cell), provisional=True)
        for start, cell in zip(starts, cells, strict=True)
    ]
    return measures.shown(total) if is_shown else HIDDEN, until, periods


def _by_period(whole: Group, rows: Sequence[_Dated], when: Calendar) -> list[Period]:
    starts = when.periods(when.recent_from, when.young_from)
    groups = {start: Group() for start in starts}
    for day, row in rows:
        if row.choice and (group := groups.get(when.start(day))) is not None:
            group.add(row.customer_id, row.choice is Choice.YES)
    return _periods(groups, whole, when)


def _periods(groups: dict[date, Group], whole: Group, when: Calendar) -> list[Period]:
    cells = hide([*groups.values()], not whole.rate.is_small)
    return [Period(start, when.last_day(start), measures.bare(cell)) for start, cell in zip(groups, cells, strict=True)]


class _Stretch:
    """An earlier stretch, hidden and done: its total, its periods, and its teams and topics by key."""

    def __init__(
        self, first: date, groups: dict[str, dict[str, Group]], days: dict[date, Group], when: Calendar
    ) -> None:
        whole = together(days.values())
        self.periods = _periods(days, whole, when)
        self.total = Period(first, self.periods[-1].last_day, measures.shown(whole))
        self.parts: dict[str, dict[str, Rate]] = {}
        for what, by_key in groups.items():
            cells = hide([*by_key.values()], not whole.rate.is_small)
            self.parts[what] = {key: measures.bare(cell) for key, cell in zip(by_key, cells, strict=True)}

    def part(self, what: str, key: str) -> Period:
        return replace(self.total, solved=self.parts.get(what, {}).get(key, Rate(0, 0, 0)))


def _earlier(votes: Votes, when: Calendar) -> Iterator[_Stretch]:
    """The stretches before the recent one, newest first, until there are no more answers."""
    oldest = midnight(when.start_of_stretch(STRETCHES - 1), when.zone)
    rows = iter(votes(oldest, midnight(when.recent_from, when.zone)))
    vote = next(rows, None)
    for first, periods in when.earlier_stretches():
        if vote is None:
            return
        days: dict[date, Group] = {}
        teams: dict[str, Group] = {}
        topics: dict[str, Group] = {}
        for day, begins_at in periods:
            group = days[day] = Group()
            while vote is not None and vote.resolved_at >= begins_at:
                customer_id, is_yes = vote.customer_id, vote.is_yes
                group.add(customer_id, is_yes)
                _of(teams, vote.team).add(customer_id, is_yes)
                _of(topics, vote.topic).add(customer_id, is_yes)
                vote = next(rows, None)
        yield _Stretch(first, {"team": teams, "topic": topics}, dict(reversed(days.items())), when)


def _of(groups: dict[str, Group], name: str | None) -> Group:
    key = _key(name)
    found = groups.get(key)
    if found is None:
        found = groups[key] = Group()
    return found


# Teams, topics and channels


def _parts(
    groups: Sequence[Sequence[Served]],
    what: str,
    earlier: Sequence[_Stretch],
    when: Calendar,
    now: datetime,
    within: timedelta,
) -> tuple[Part, ...]:
    """By name, whatever its capitals; those without one come last."""
    name_of = _NAME_OF[what]
    solved, response = _linked(
        [measures.solved(rows) for rows in groups], [measures.response(rows, now) for rows in groups]
    )
    replied = measures.table([measures.replied(rows, within) for rows in groups])
    found = []
    for k, rows in enumerate(groups):
        name = name_of(max(rows, key=lambda row: row.resolved_at))
        trend: list[Period] = []
        if what in _WITH_TREND:
            trend = [one.part(what, _key(name)) for one in reversed(earlier)]
            trend = _from_first([*trend, Period(when.recent_from, when.last_settled_day, solved[k])])
        of = 0 if replied[k].hidden else measures.how_many([row for row in rows if row.is_first])
        found.append(Part(name, solved[k], response[k], Measure(replied[k], of), tuple(trend)))
    return tuple(found)


def _grouped(recent: Sequence[Served], what: str) -> list[list[Served]]:
    by_key: dict[str, list[Served]] = {}
    for row in recent:
        by_key.setdefault(_key(_NAME_OF[what](row)), []).append(row)
    return [by_key[key] for key in sorted(by_key, key=lambda key: (not key, key))]


def _linked(solved: Sequence[Group], response: Sequence[Group]) -> tuple[list[Rate], list[Rate]]:
    """Who answered stands in both tables, so a part is hidden in both or in none.

    Else it would be known how many they are, and that they are hidden all the same says that they are all alike. Where
    the total of those who answered is hidden, so are its parts, and nothing in them tells of the others.
    """
    if together(response).rate.is_small:
        return measures.table(solved), [HIDDEN for _ in response]
    hidden: set[int] = set()
    while True:
        found = measures.table(solved, hidden), measures.table(response, hidden)
        now_hidden = {k for cells in found for k, cell in enumerate(cells) if cell.hidden}
        if now_hidden == hidden:
            return found
        hidden = now_hidden


def _key(name: str | None) -> str:
    return name.casefold() if name else ""


# Comparisons


def _compared(
    whole: Group,
    stretches: Sequence[Period],
    latest: Rate,
    latest_from: datetime,
    recent: Sequence[Served],
    parts: dict[str, tuple[Part, ...]],
) -> tuple[Change | None, Change | None, dict[str, tuple[Part, ...]], int]:
    """All comparisons between rates that are shown, corrected together; provisional periods are in none."""
    changes: list[Change] = []
    places: list[tuple[str, int, Against]] = []

    def note(what: str, k: int, name: str | None, against: Against, rate: Rate, other: Rate) -> None:
        if all(one.n and not one.hidden and not one.is_small for one in (rate, other)):
            changes.append(compare(what, name, against, rate, other))
            places.append((what, k, against))

    if len(stretches) > 1:
        note("total", 0, None, Against.BEFORE, stretches[-1].solved, stretches[-2].solved)
    if not whole.rate.is_small:
        earlier = measures.solved(row for row in recent if row.resolved_at < latest_from).rate
        note("period", 0, None, Against.OTHERS, latest, earlier)
    for what, found in parts.items():
        name_of = _NAME_OF[what]
        for k, part in enumerate(found):
            if len(part.trend) > 1:
                note(what, k, part.name, Against.BEFORE, part.trend[-1].solved, part.trend[-2].solved)
            if part.solved.n and not whole.rate.is_small:
                others = measures.solved(row for row in recent if _key(name_of(row)) != _key(part.name)).rate
                note(what, k, part.name, Against.OTHERS, part.solved, others)
    told = dict(zip(places, corrected(changes), strict=True))
    with_changes = {
        what: tuple(
            replace(
                part, before=told.get((what, k, Against.BEFORE)), others=told.get((what, k, Against.OTHERS))
            )
            for k, part in enumerate(found)
        )
        for what, found in parts.items()
    }  # fmt: skip
    total, period = ("total", 0, Against.BEFORE), ("period", 0, Against.OTHERS)
    return told.get(total), told.get(period), with_changes, len(changes)


# What is to come


def _from_first(periods: Sequence[Period]) -> list[Period]:
    """From the first one on that has answers; the newest stays in any case."""
    first = next((k for k, one in enumerate(periods) if one.solved.n or one.solved.hidden), len(periods) - 1)
    return list(periods[first:])


def _settles_on(recent: Sequence[Served], young: Sequence[_Dated], when: Calendar) -> date | None:
    if recent or not young:
        return None
    return when.settles_on(min(day for day, _ in young))

"""Each published measure by itself, counted from resolutions."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import quantiles

from feedback.domain.followups import Outcome
from feedback.domain.published import (
    HIDDEN,
    INTERACTIONS,
    REPLY_BOUNDS,
    REPLY_TIMES,
    STILL_OPEN,
    FollowUps,
    Letters,
    Measure,
    Served,
    Spread,
    Times,
    is_few,
)
from feedback.domain.rates import Group, Rate, hide, together
from feedback.domain.surveys import SETTLED_AFTER, Choice, Stage


def solved(rows: Iterable[Served]) -> Group:
    return _group((row, row.choice is Choice.YES) for row in rows if row.choice)


def response(rows: Iterable[Served], now: datetime) -> Group:
    """Answered, of those that were asked long enough ago and did not come back."""
    asked = (row for row in rows if is_asked(row) and is_settled(row, now))
    return _group((row, row.choice is not None) for row in asked)


def is_asked(row: Served) -> bool:
    return row.asked_at is not None and (row.choice is not None or not row.is_bounced)


def is_settled(row: Served, now: datetime) -> bool:
    return row.asked_at is not None and row.asked_at <= now - SETTLED_AFTER


def replied(rows: Iterable[Served], target: timedelta) -> Group:
    """First replies within the target, of those that are known; a case has one, however often it is resolved."""
    return _group((row, row.first_reply <= target) for row in rows if row.is_first and row.first_reply is not None)


def reply_times(rows: Sequence[Served]) -> Spread:
    known = [row for row in rows if row.is_first and row.first_reply is not None]
    places = [sum(row.first_reply > bound for bound in REPLY_BOUNDS) for row in known if row.first_reply is not None]
    counts = [places.count(k) for k in range(len(REPLY_TIMES))]
    return _spread(REPLY_TIMES, counts, known, [row for row in rows if row.is_first])


def beyond_two(rows: Iterable[Served]) -> Group:
    """More than two interactions, of the cases of which it is known how many there were."""
    return _group((row, row.interactions >= len(INTERACTIONS)) for row in rows if row.interactions)


def interactions(rows: Sequence[Served]) -> Spread:
    known = [row for row in rows if row.interactions]
    places = [min(row.interactions or 0, len(INTERACTIONS)) for row in known]
    return _spread(INTERACTIONS, [places.count(k + 1) for k in range(len(INTERACTIONS))], known, rows)


def reasons(rows: Sequence[Served], choice: Choice, is_shown: bool) -> Spread:
    """What customers named beside a "no" or a "yes"; they may name several. Its number tells what many of them said."""
    answered = [row for row in rows if row.choice is choice]
    known = [row for row in answered if row.reasons]
    counts = [sum(stage in row.reasons for row in known) for stage in Stage]
    return _spread([*Stage], counts, known, answered, is_shown)


def follow_ups(rows: Sequence[Served], is_shown: bool) -> FollowUps:
    """Each began with a "no", so their number tells what many customers said."""
    opened = [(row, row.help) for row in rows if row.help]
    outcomes = [help.outcome for _, help in opened]
    contacted = [(row, help.first_contact) for row, help in opened if help.first_contact is not None]
    escalated = shown(_group((row, help.is_escalated) for row, help in opened))
    again = _group((row, help.choice_again is Choice.YES) for row, help in opened if help.choice_again)
    recovery = known(again, [row for row, help in opened if help.is_asked_again])
    return FollowUps(
        outcomes=_spread(
            [*Outcome, STILL_OPEN], [outcomes.count(one) for one in (*Outcome, None)], [row for row, _ in opened],
            [row for row, _ in opened], is_shown,
        ),
        first_contact=times(contacted, [row for row, _ in opened], is_shown),
        escalated=escalated if is_shown else HIDDEN,
        recovery=recovery if is_shown else Measure(HIDDEN, 0),
    )  # fmt: skip


def times(took: Sequence[tuple[Served, timedelta]], of: Sequence[Served], is_shown: bool = True) -> Times:
    """The quartiles of how long something took, in those of which it is known; `of` are all that it happened to."""
    customers = len({row.customer_id for row, _ in took})
    if is_few(customers) or not is_shown:
        hidden = bool(took) or not is_shown
        return Times(0, 0, 0 if hidden else how_many(of), None, None, None, hidden)
    seconds = quantiles([one.total_seconds() for _, one in took], n=4, method="inclusive")
    lower, middle, upper = (timedelta(seconds=round(one)) for one in seconds)
    return Times(len(took), customers, len(of), lower, middle, upper)


def letters(rows: Sequence[Served], is_shown: bool) -> Letters:
    """Their number tells how many were asked."""
    mailed = [row for row in rows if row.is_mailed]
    if not is_shown:
        return Letters(HIDDEN, HIDDEN, HIDDEN, HIDDEN)
    return Letters(
        opted_out=shown(_group((row, row.has_opted_out) for row in mailed)),
        bounced=shown(_group((row, row.is_bounced) for row in mailed)),
        named=shown(_group((row, row.has_name) for row in mailed)),
        tenure_known=shown(_group((row, row.has_tenure) for row in mailed)),
    )


def _group(rows: Iterable[tuple[Served, bool]]) -> Group:
    group = Group()
    for row, counts in rows:
        group.add(row.customer_id, counts)
    return group


def _spread(
    names: Sequence[str],
    counts: Sequence[int],
    rows: Sequence[Served],
    of: Sequence[Served],
    is_shown: bool = True,
) -> Spread:
    told, customers = tuple(map(str, names)), len({row.customer_id for row in rows})
    if is_few(customers) or not is_shown:
        hidden = bool(rows) or not is_shown
        return Spread(told, (0,) * len(told), 0, 0, 0 if hidden else how_many(of), hidden)
    return Spread(told, tuple(counts), len(rows), customers, len(of))


def known(group: Group, of: Sequence[Served]) -> Measure:
    rate = shown(group)
    return Measure(rate, 0 if rate.hidden else how_many(of))


def how_many(rows: Sequence[Served]) -> int:
    """How many there are, where that is about enough customers."""
    return 0 if is_few(len({row.customer_id for row in rows})) else len(rows)


def table(groups: Sequence[Group], also: Iterable[int] = ()) -> list[Rate]:
    """Each as it may stand beside the others, below their total; `also` are hidden in any case."""
    return [bare(cell) for cell in hide(groups, not together(groups).rate.is_small, also)]


def shown(group: Group) -> Rate:
    """As it may stand by itself; nobody at all is no one to hide."""
    return HIDDEN if group.n and group.rate.is_small else group.rate


def bare(rate: Rate) -> Rate:
    return HIDDEN if rate.hidden else rate

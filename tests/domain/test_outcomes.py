"""Who comes back, counted from rows; and what a reader of it cannot tell."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product
from random import Random
from zoneinfo import ZoneInfo

import pytest

from feedback.domain.changes import Verdict
from feedback.domain.outcomes import Helped, Observed, Outcomes, Returned, Said, Within, observed, outcomes, said
from feedback.domain.rates import Rate
from feedback.domain.surveys import Choice
from tests.conftest import DAY, NOW, TORTURE

UTC = ZoneInfo("UTC")
YES, NO = Choice.YES, Choice.NO
SECOND = timedelta(seconds=1)
SEEN = observed(NOW - 400 * DAY, NOW, UTC)  # until the midnight after NOW
OLD = SEEN.ends - 180 * DAY  # observed for just long enough


def helped(
    at: datetime, *bought: tuple[timedelta, str], choice: Choice | None = YES, again: Choice | None = None
) -> Helped:
    return Helped(at, choice, again, tuple((at + ago, Decimal(amount)) for ago, amount in bought))


def row(told: Outcomes, days: int, one: Said = Said.YES) -> Returned:
    (within,) = [within for within in told.within if within.days == days]
    return next(group for group in within.groups if group.said is one)


def among(customer: Helped, others: int = 20) -> Iterable[Helped]:
    """A customer with others who said the same as long ago and never bought, so that none is hidden."""
    return [customer, *[Helped(customer.resolved_at, customer.choice, customer.choice_again)] * others]


@pytest.mark.parametrize(
    ("choice", "again", "one"),
    [
        (YES, None, Said.YES),
        (YES, NO, Said.YES),  # the first answer was changed afterwards
        (NO, YES, Said.RECOVERED),
        (NO, NO, Said.NO),
        (NO, None, Said.NO),
        (None, None, Said.SILENT),
        (None, YES, Said.RECOVERED),  # they wrote back instead of answering, and were asked again
        (None, NO, Said.NO),
    ],
)
def test_a_customer_is_in_the_group_of_their_newest_answers(
    choice: Choice | None, again: Choice | None, one: Said
) -> None:
    assert said(Helped(NOW, choice, again)) is one


@pytest.mark.parametrize(
    ("ago", "amount", "within_30", "within_90", "within_180", "later_90", "later_180"),
    [
        (timedelta(0), "1", 0, 0, 0, 0, 0),  # what was bought in the same moment was not bought again
        (SECOND, "1", 1, 1, 1, 0, 0),
        (30 * DAY, "1", 1, 1, 1, 0, 0),
        (30 * DAY + SECOND, "1", 0, 1, 1, 1, 0),
        (90 * DAY, "1", 0, 1, 1, 1, 0),
        (90 * DAY + SECOND, "1", 0, 0, 1, 0, 1),
        (180 * DAY - SECOND, "1", 0, 0, 1, 0, 1),
        (180 * DAY + SECOND, "1", 0, 0, 0, 0, 0),
        (SECOND, "0", 1, 1, 1, 0, 0),  # a gift is a purchase
        (SECOND, "-1", 0, 0, 0, 0, 0),  # a refund is none
    ],
)
def test_a_purchase_counts_from_the_moment_after_until_the_last_of_the_days(
    ago: timedelta, amount: str, within_30: int, within_90: int, within_180: int, later_90: int, later_180: int
) -> None:
    told = outcomes(among(helped(OLD, (ago, amount))), SEEN)
    rows = [row(told, days) for days in (30, 90, 180)]
    assert [one.again for one in rows] == [Rate(count, 21, 21) for count in (within_30, within_90, within_180)]
    assert [one.later for one in rows] == [None, Rate(later_90, 21, 21), Rate(later_180, 21, 21)]


@pytest.mark.parametrize(
    ("resolved_at", "counts"),
    [
        (SEEN.begins - SECOND, [0, 0, 0]),
        (SEEN.begins, [21, 21, 21]),
        (SEEN.ends - 180 * DAY, [21, 21, 21]),
        (SEEN.ends - 180 * DAY + SECOND, [21, 21, 0]),
        (SEEN.ends - 90 * DAY, [21, 21, 0]),
        (SEEN.ends - 90 * DAY + SECOND, [21, 0, 0]),
        (SEEN.ends - 30 * DAY, [21, 0, 0]),
        (SEEN.ends - 30 * DAY + SECOND, [0, 0, 0]),
    ],
)
def test_only_who_was_observed_for_so_many_days_counts(resolved_at: datetime, counts: list[int]) -> None:
    told = outcomes(among(helped(resolved_at)), SEEN)
    assert [row(told, days).again.n for days in (30, 90, 180)] == counts


def test_what_is_observed_are_whole_days_by_the_clock_of_the_business() -> None:
    first, last = (datetime.fromisoformat(text) for text in ("2026-03-28T23:30:00Z", "2026-10-24T22:30:00Z"))
    assert observed(first, last, ZoneInfo("Europe/Berlin")) == Observed(
        date(2026, 3, 29), date(2026, 10, 25), first.replace(hour=23, minute=0),
        datetime.fromisoformat("2026-10-25T23:00:00Z"),  # the clock went back that night: a day of 25 hours
    )  # fmt: skip
    assert observed(first, last, UTC).first_day == date(2026, 3, 28)


def test_what_each_spent_is_told_in_quartiles_with_nothing_for_who_bought_nothing() -> None:
    sums = (["0.10", "0.20"], ["7"], ["20", "-5"], ["40.005"], ["3"])
    rows = [helped(OLD, *((DAY, amount) for amount in amounts)) for amounts in sums]
    rows += [helped(OLD)] * 4
    spent = row(outcomes([*rows, helped(OLD)], SEEN), 30).spent
    assert (spent.n, spent.lower, spent.median, spent.upper) == (10, 0, 0.15, 6)  # 0 0 0 0 0 .3 3 7 15 40.005
    assert row(outcomes(rows, SEEN), 30).spent.hidden  # nine
    few = [*rows[1:], helped(OLD), helped(OLD)]
    assert row(outcomes(few, SEEN), 30).spent.hidden  # four who spent anything
    assert row(outcomes([helped(OLD)] * 10, SEEN), 30).spent.upper == 0


@pytest.mark.parametrize(
    ("odd", "days"),
    [
        ([(49 * DAY, "83.47")], 90),  # a quartile would move from 0 to what the one later buyer spent
        ([(4 * DAY, "80"), (5 * DAY, "-80")], 30),  # shown as nothing, it would tell of a refund
    ],
)
def test_what_one_customer_spent_is_told_by_no_quartile(odd: list[tuple[timedelta, str]], days: int) -> None:
    others = [(4 * DAY, str(100 + k)) for k in range(6)] if days == 90 else []
    rows = [helped(OLD, *odd), *(helped(OLD, one) for one in others), *[helped(OLD)] * 9]
    assert row(outcomes(rows, SEEN), days).spent.hidden


def group_of(
    n: int, bought: int, at: datetime = OLD, choice: Choice | None = NO, again: Choice | None = None
) -> list[Helped]:
    return [helped(at, *([(DAY, "5")] if k < bought else []), choice=choice, again=again) for k in range(n)]


def test_recovered_are_compared_with_not_recovered_and_the_three_looks_are_taken_into_account() -> None:
    rows = [*group_of(40, 30, again=YES), *group_of(40, 12)]
    by_days = {one.days: one for one in outcomes(rows, SEEN).within}
    changes = [by_days[days].recovered for days in (30, 90, 180)]
    assert all(one is not None and one.verdict is Verdict.HIGHER for one in changes)
    assert changes[0] is not None
    assert changes[0].title == "higher than those not recovered, 75 % against 30 %"
    close = [*group_of(40, 22, again=YES), *group_of(40, 12)]  # p = 0.04 of one look
    (first, *_) = outcomes(close, SEEN).within
    assert first.recovered is not None
    assert first.recovered.verdict is Verdict.UNCLEAR
    late = [*group_of(40, 22, SEEN.ends - 40 * DAY, again=YES), *group_of(40, 12, SEEN.ends - 40 * DAY)]
    (only, second, _) = outcomes(late, SEEN).within
    assert only.recovered is not None
    assert only.recovered.verdict is Verdict.HIGHER  # one look was made
    assert second.recovered is None


def test_who_is_hidden_is_compared_with_nobody() -> None:
    (first, *_) = outcomes([*group_of(4, 2, again=YES), *group_of(40, 12)], SEEN).within
    assert row(outcomes(group_of(4, 2), SEEN), 30, Said.NO).again.hidden
    assert first.recovered is None


# What a reader cannot tell

AGES = (SEEN.ends - 30 * DAY, SEEN.ends - 90 * DAY, OLD)
KINDS = tuple((age, bought) for age in range(3) for bought in product((False, True), repeat=age + 1))
World = tuple[
    int, ...
]  # how many customers there are of each kind: how long observed, in which of the parts they bought


def published(world: World) -> list[Returned]:
    rows = []
    for n, (age, bought) in zip(world, KINDS, strict=True):
        parts = ((DAY, 40 * DAY, 100 * DAY)[k] for k, is_bought in enumerate(bought) if is_bought)
        rows += [helped(AGES[age], *((ago, "5") for ago in parts))] * n
    return [row(outcomes(rows, SEEN), days) for days in (30, 90, 180)]


def size(world: World, k: int) -> int:
    return sum(n for n, (age, _) in zip(world, KINDS, strict=True) if age >= k)


def who_bought(world: World, k: int) -> int:
    return sum(n for n, (age, parts) in zip(world, KINDS, strict=True) if age >= k and any(parts[: k + 1]))


def nearby(world: World, k: int) -> Iterator[World]:
    """Somebody more, less or else; two alone; all dealt anew; then some who were helped earlier, or later."""
    kinds = range(len(KINDS))
    for less, more in product((None, *kinds), repeat=2):
        if less != more:
            yield _moved(world, [(less, more, 1)])
    for pair in product(kinds, repeat=2):
        yield tuple(pair.count(kind) for kind in kinds)
    for seed in range(300):
        yield _dealt_anew(world, max(1, k), Random(seed))
    older = [
        (a, b)
        for a, b in product(kinds, repeat=2)
        if KINDS[a][0] < KINDS[b][0] == max(1, k) and KINDS[b][1][: KINDS[a][0] + 1] == KINDS[a][1]
    ]
    for n, m in sorted(product(range(-9, 10), repeat=2), key=lambda move: sum(map(abs, move))):
        for one, other in product(older, repeat=2):
            yield _moved(world, [(*one, n), (*other, m)])
    for first, second in product(product((None, *kinds), repeat=2), repeat=2):
        yield _moved(world, [(*first, 1), (*second, 1)])


def _dealt_anew(world: World, k: int, random: Random) -> World:
    """The same in the parts before one, but other ages, and other habits afterwards."""
    found = dict.fromkeys(KINDS, 0)
    young = random.random()
    for n, (age, parts) in zip(world, KINDS, strict=True):
        for _ in range(n):
            if age >= k - 1:
                other = k - 1 if random.random() < young else random.randint(k, 2)
                found[other, (*parts[:k], *(random.random() < 0.3 for _ in range(other + 1 - k)))] += 1
            else:
                found[age, parts] += 1
    return tuple(found.values())


def _moved(world: World, moves: Iterable[tuple[int | None, int | None, int]]) -> World:
    found = list(world)
    for less, more, n in moves:
        if less is not None:
            found[less] -= n
        if more is not None:
            found[more] += n
    return tuple(found) if min(found) >= 0 else world


def worlds(seeds: int) -> Iterator[World]:
    """Groups about as large as what hiding is about, with much or little that is alike."""
    for seed in range(seeds):
        random = Random(seed)
        sizes = [random.choice((0, 0, 1, 3, 5, 7, 9, 10, 12, 25)) for _ in range(3)]
        habits = random.choice(((0.0,) * 3, (1.0,) * 3, (0.0, 0.5, 0.5), (0.3, 0.1, 0.1), (0.9, 0.9, 0.0)))
        found = dict.fromkeys(KINDS, 0)
        for age, n in enumerate(sizes):
            for _ in range(n):
                found[age, tuple(random.random() < habit for habit in habits[: age + 1])] += 1
        yield tuple(found.values())


@pytest.mark.torture
def test_nobody_can_tell_whom_a_hidden_row_is_about_nor_subtract_to_fewer_than_ten() -> None:
    hidden = alike = 0
    for world in worlds(600 if TORTURE else 40):
        told = published(world)
        shown = [one.again.n for one in told if one.again.n]
        assert all(larger == n or larger - n >= 10 for larger, n in pairwise(shown)), world
        assert not any(rate.is_small for one in told for rate in (one.again, one.later) if rate and rate.n), world
        for k, one in enumerate(told):
            if one.again.hidden:
                hidden += 1
                assert one.spent.hidden
                assert one.later is None or one.later.hidden
                others = (other for other in nearby(world, k) if size(other, k) != size(world, k))
                assert any(published(other) == told for other in others), (world, k)
            if (
                one.again.hidden
                and who_bought(world, k) in (0, size(world, k))
                and not any(before.again.n and before.again.count == before.again.n for before in told[:k])
            ):
                alike += 1
                mixed = (other for other in nearby(world, k) if 0 < who_bought(other, k) < size(other, k))
                assert any(published(other) == told for other in mixed), (world, k)
            assert one.again.hidden or 0 <= size(world, k) - one.again.n < 10
    assert hidden > 20
    assert alike > 5


def test_a_longer_time_does_not_tell_what_a_shorter_one_hides() -> None:
    """Eight of whom none bought in 30 days are too few for that; seven of them could be shown for 90 days."""
    rows = [helped(AGES[0]), *[helped(OLD, (40 * DAY, "5"))] * 3, *[helped(OLD)] * 4]
    assert [row(outcomes(rows, SEEN), days).again.hidden for days in (30, 90, 180)] == [True] * 3


@pytest.mark.parametrize(("new", "counts"), [(3, [2, 2, 2]), (9, [2, 2, 2]), (10, [12, 2, 2])])
def test_the_few_newest_wait_until_there_are_ten_of_them(new: int, counts: list[int]) -> None:
    """They all bought: 5 of 23 within 30 days, less 2 of 20 within 90, would tell of three."""
    rows = [*group_of(20, 2), *group_of(new, new, AGES[0])]
    told = [row(outcomes(rows, SEEN), days, Said.NO).again for days in (30, 90, 180)]
    assert told == [Rate(count, 18 + count, 18 + count) for count in counts]


def test_the_groups_do_not_overlap_and_no_total_over_them_is_published() -> None:
    everyone = [
        *group_of(30, 9),
        *group_of(20, 9, again=YES),
        *group_of(50, 30, choice=YES),
        *group_of(60, 20, choice=None),
    ]
    told = outcomes(everyone, SEEN)
    assert [[group.again.n for group in one.groups] for one in told.within] == [[50, 20, 30, 60]] * 3
    assert {name for one in (Outcomes, Within, Returned) for name in one.__slots__} == {
        "first_day", "last_day", "within", "days", "later_from", "groups", "recovered", "said", "again", "later",
        "spent",
    }  # fmt: skip


def test_the_order_of_customers_and_of_their_purchases_does_not_matter() -> None:
    random = Random(5)
    rows = [
        helped(OLD + k * DAY, *((random.uniform(1, 170) * DAY, str(random.randint(1, 90))) for _ in range(k % 4)),
               choice=random.choice((YES, NO, None)), again=random.choice((YES, None)))
        for k in range(140)
    ]  # fmt: skip
    other: Sequence[Helped] = [
        Helped(one.resolved_at, one.choice, one.choice_again, [*one.bought][::-1]) for one in rows
    ]
    assert outcomes(reversed(other), SEEN) == outcomes(rows, SEEN)

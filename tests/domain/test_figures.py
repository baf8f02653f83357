from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedback.domain.figures import Asked, Handled, altogether, by_group
from feedback.domain.rates import FEWEST, FEWEST_FOR_EXTREMES, Group, Rate, hide
from feedback.domain.surveys import Choice
from tests.conftest import DAY, NOW

UTC_ZONE = ZoneInfo("UTC")


def yes_of(count: int, n: int) -> Rate:
    """A rate in which each answer came from a customer of its own."""
    return Rate(count, n, n)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # these four: R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0000),  # and their mirror images
        (28, 29, 0.8282, 0.9939),
        (1, 2, 0.0945, 0.9055),
    ],
)
def test_the_interval_is_wilsons_as_published(count: int, n: int, low: float, high: float) -> None:
    found = yes_of(count, n).interval
    assert (round(found[0], 4), round(found[1], 4)) == (low, high)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 1_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_between_0_and_1(pair: tuple[int, int]) -> None:
    rate = yes_of(*pair)
    low, high = rate.interval
    assert 0 <= low < high <= 1
    assert (low == 0) == (rate.count == 0)
    assert (high == 1) == (rate.count == rate.n)
    assert low - 1e-12 <= rate.share <= high + 1e-12


@pytest.mark.parametrize(
    ("rate", "small"),
    [
        (Rate(2, 4, 4), True),
        (Rate(2, 5, 5), False),
        (Rate(0, 9, 9), True),
        (Rate(9, 9, 9), True),
        (Rate(0, 10, 10), False),
        (Rate(10, 10, 10), False),
        (Rate(20, 40, 4), True),  # many answers of few customers
        (Rate(20, 20, 9), True),
        (Rate(0, 0, 0), True),
    ],
)
def test_a_rate_is_small_by_its_customers_and_a_certainty_needs_more(rate: Rate, small: bool) -> None:
    assert rate.is_small is small


def groups_of(cells: Sequence[Rate]) -> list[Group]:
    """Groups of these rates, each answer of a customer of its own."""
    return [Group(cell.count, cell.n, {f"{k}-{m}" for m in range(cell.n)}) for k, cell in enumerate(cells)]


@pytest.mark.parametrize(
    ("cells", "total_shown", "hidden"),
    [
        ([yes_of(3, 6), yes_of(4, 8)], True, [False, False]),
        ([yes_of(0, 0), yes_of(4, 8)], True, [False, False]),  # nobody is no one to hide
        ([yes_of(1, 3), yes_of(4, 8), yes_of(3, 6)], True, [True, False, True]),  # the smallest goes along
        ([yes_of(1, 3), yes_of(4, 8), yes_of(3, 6)], False, [True, False, False]),
        ([yes_of(1, 3), yes_of(3, 6), yes_of(3, 6)], True, [True, True, False]),
        ([yes_of(1, 3), yes_of(1, 2), yes_of(3, 6)], True, [True, True, False]),  # five together are enough
        ([yes_of(1, 2), yes_of(1, 2), yes_of(3, 6)], True, [True, True, True]),
        ([yes_of(3, 3), yes_of(4, 4), yes_of(5, 9)], True, [True, True, True]),  # seven, all content
        ([yes_of(1, 3), yes_of(0, 0)], True, [True, False]),
        ([yes_of(2, 2), yes_of(0, 0), yes_of(8, 8), yes_of(20, 20)], True, [True, True, True, False]),
        ([], True, []),
    ],
)
def test_small_cells_are_hidden_and_what_would_give_them_away(
    cells: list[Rate], total_shown: bool, hidden: list[bool]
) -> None:
    found = hide(groups_of(cells), total_shown)
    assert [cell.hidden for cell in found] == hidden
    assert [yes_of(cell.count, cell.n) for cell in found] == cells


_CELLS = st.lists(
    st.one_of(st.integers(0, 2), st.integers(0, 4), st.integers(0, 15)).flatmap(
        lambda n: st.builds(yes_of, st.sampled_from([0, n]) | st.integers(0, n), st.just(n))
    ),
    max_size=14,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(cells=_CELLS)
@example(cells=[yes_of(1, 1)] * 10 + [yes_of(6, 12)])
@example(cells=[yes_of(0, 1)] * 12 + [yes_of(9, 12)])
def test_the_total_and_the_shown_cells_give_no_hidden_cell_away(cells: list[Rate]) -> None:
    total = yes_of(sum(cell.count for cell in cells), sum(cell.n for cell in cells))
    told = hide(groups_of(cells), not total.is_small)
    hidden = [cell for cell in told if cell.hidden]
    shown = [cell for cell in told if cell.n and not cell.hidden]
    assert not any(cell.is_small for cell in shown)
    alike = total.count in (0, total.n)
    assert alike or all(cell.n for cell in hidden)
    if total.is_small or not hidden or not shown:
        return  # nothing to subtract, nothing to find, or nothing to subtract it from
    count = total.count - sum(cell.count for cell in shown)
    n = total.n - sum(cell.n for cell in shown)
    assert n >= (FEWEST_FOR_EXTREMES if count in (0, n) else FEWEST)
    # What the reader knows of k hidden cells: each holds an answer or more, and their sums. One cell alone is the sums;
    # k cells of k answers hold one each, and if all of these are alike, each is known. Else two readings fit each cell.
    # Where the whole total is alike, a hidden cell may hold nobody: then two readings fit each, too.
    assert len(hidden) > 1
    assert alike or not (n == len(hidden) and count in (0, n))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(cells=_CELLS)
def test_no_more_is_hidden_than_needed_where_no_total_is_shown(cells: list[Rate]) -> None:
    assert [cell.hidden for cell in hide(groups_of(cells), False)] == [bool(c.n) and c.is_small for c in cells]


def test_two_hidden_groups_of_the_same_four_customers_are_four_customers() -> None:
    """They are 8 answers, yet the total less the group that is shown would speak about 4 customers only."""
    few, many = {"ada", "bruno", "chioma", "deniz"}, {f"customer {k}" for k in range(12)}
    more = {f"customer {k}" for k in range(20, 33)}
    told = hide([Group(2, 4, few), Group(2, 4, few), Group(6, 12, many), Group(7, 13, more)], True)
    assert [cell.hidden for cell in told] == [True, True, True, False]


def parts(rate: Rate) -> tuple[int, int, int]:
    return rate.count, rate.n, rate.customers


# The desk's figures, by team and by agent


def handled(n: int, choice: Choice | None = Choice.YES, *, days: int = 20, **more: Any) -> list[Handled]:
    """Surveys about cases resolved and asked about so many days ago, each of a customer of its own."""
    at = NOW - days * DAY
    return [
        Handled(Asked(f"{more.get('team')}-{choice}-{days}-{k}", at, at, choice), **{"team": "T", "agent": "A", **more})
        for k in range(n)
    ]


@pytest.mark.parametrize(
    ("rows", "asked", "young", "answered", "response", "solved"),
    [
        ([], 0, 0, 0, None, None),
        (handled(4), 4, 0, 4, None, None),
        (handled(9), 9, 0, 9, None, None),  # "all of them" needs ten
        (handled(10), 10, 0, 10, (10, 10), (10, 10)),
        ([*handled(4), *handled(1, Choice.NO)], 5, 0, 5, None, (4, 5)),
        ([*handled(6), *handled(6, None)], 12, 0, 6, (6, 12), None),
        ([*handled(7), *handled(3, Choice.NO), *handled(5, None)], 15, 0, 10, (10, 15), (7, 10)),
        ([*handled(7), *handled(3, Choice.NO, days=6), *handled(9, None)], 19, 3, 10, (7, 16), (7, 10)),
        ([*handled(7), *handled(3, Choice.NO), *handled(9, days=90)], 10, 0, 10, (10, 10), (7, 10)),  # too old
    ],
)
def test_a_group_tells_how_many_and_what_enough_customers_say(
    rows: list[Handled],
    asked: int,
    young: int,
    answered: int,
    response: tuple[int, int] | None,
    solved: tuple[int, int] | None,
) -> None:
    told = altogether(rows, NOW, UTC_ZONE)
    assert (told.asked, told.young, told.answered) == (asked, young, answered)
    for rate, expected in ((told.response, response), (told.solved, solved)):
        assert (None if rate.hidden else (rate.count, rate.n)) == expected


def test_answers_of_the_same_few_customers_make_no_figure() -> None:
    rows = [replace(one, asked=replace(one.asked, customer_id="ada")) for one in [*handled(6), *handled(6, Choice.NO)]]
    told = altogether(rows, NOW, UTC_ZONE)
    assert (told.answered, told.solved.hidden, told.response.hidden) == (12, True, True)


def test_groups_stand_by_name_whatever_their_figures_and_who_has_none_comes_last() -> None:
    rows = [
        *handled(2, team="orders"),
        *handled(9, team=None),
        *handled(1, Choice.NO, team="Hardware"),
        *handled(3, team="Ämter"),
    ]
    told = by_group(rows, lambda one: one.team, NOW, UTC_ZONE)
    assert [(one.name, one.asked) for one in told] == [("Hardware", 1), ("orders", 2), ("Ämter", 3), (None, 9)]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([1, 2, 3, 4], None),
        ([1, 2, 3, 4, 50], 3.0),
        ([1, 2, 3, 4, 50, None], 3.0),  # nobody has been in touch with the sixth so far
        ([1, 2, 3, 4, 5, 6], 3.5),
    ],
)
def test_the_first_contact_is_a_median_of_enough_customers(hours: list[float | None], expected: float | None) -> None:
    opened = NOW - 10 * DAY
    rows = [
        replace(
            one,
            opened_at=opened,
            acted_at=None if after is None else opened + timedelta(hours=after),
            is_open=after is None,
        )
        for one, after in zip(handled(len(hours), Choice.NO), hours, strict=True)
    ]
    told = altogether([*rows, *handled(3)], NOW, UTC_ZONE)
    assert told.hours == expected
    assert (told.opened, told.closed) == (len(hours), len(hours) - hours.count(None))


def test_recovery_is_the_yes_among_the_answers_when_asked_again() -> None:
    rows = [*handled(6, Choice.NO, recheck=Choice.YES), *handled(2, Choice.YES, recheck=Choice.NO)]
    told = altogether(rows, NOW, UTC_ZONE)
    assert (parts(told.recovered), told.recovered.hidden) == ((6, 8, 8), False)
    assert parts(told.solved) == (2, 8, 8)

"""Tests of differences, against values from print and against plain counting."""

from itertools import pairwise
from math import comb
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.domain.changes import Against, Change, Verdict, compare, corrected, difference, fisher
from feedback.domain.rates import Rate
from tests.conftest import TORTURE


def of(count: int, n: int) -> Rate:
    return Rate(count, n, n)


def verdict_of(rate: Rate, other: Rate) -> Verdict:
    return compare("team", "Hardware", Against.BEFORE, rate, other).verdict


@pytest.mark.parametrize(
    ("rate", "other", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), p. 873, table II, method 10
        (of(56, 70), of(48, 80), 0.0524, 0.3339),
        (of(9, 10), of(3, 10), 0.1705, 0.8090),
        (of(6, 7), of(2, 7), 0.0582, 0.8062),
        (of(5, 56), of(0, 29), -0.0381, 0.1926),
        (of(0, 10), of(0, 20), -0.1611, 0.2775),
        (of(0, 10), of(0, 10), -0.2775, 0.2775),
        (of(10, 10), of(0, 20), 0.6791, 1.0000),
        (of(10, 10), of(0, 10), 0.6075, 1.0000),
    ],
)
def test_the_interval_of_a_difference_is_newcombes_as_published(
    rate: Rate, other: Rate, low: float, high: float
) -> None:
    found = difference(rate, other)
    assert (round(found[0], 4), round(found[1], 4)) == (low, high)


@pytest.mark.parametrize(
    ("rate", "other", "p"),
    [
        (of(3, 4), of(1, 4), 34 / 70),  # R. A. Fisher's lady tasting tea: (1 + 16 + 16 + 1) of 70 ways
        (of(4, 4), of(0, 4), 2 / 70),
        (of(1, 10), of(11, 14), 0.002759),  # rounded; the example of many textbooks, of men and women who diet
        (of(5, 5), of(7, 7), 1.0),
        (of(0, 5), of(0, 7), 1.0),
        (of(720, 1000), of(720, 1000), 1.0),
    ],
)
def test_the_exact_test_gives_what_is_counted_by_hand(rate: Rate, other: Rate, p: float) -> None:
    assert fisher(rate, other) == pytest.approx(p, rel=2e-4)


_RATES = st.integers(1, 40).flatmap(lambda n: st.builds(of, st.integers(0, n), st.just(n)))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rate=_RATES, other=_RATES)
def test_the_exact_test_equals_a_sum_over_all_tables(rate: Rate, other: Rate) -> None:
    yes, everyone = rate.count + other.count, rate.n + other.n
    ways = {
        k: comb(yes, k) * comb(everyone - yes, rate.n - k)
        for k in range(max(0, yes - other.n), min(rate.n, yes) + 1)
    }  # fmt: skip
    as_rare = sum(one for one in ways.values() if one <= ways[rate.count])
    assert fisher(rate, other) == pytest.approx(as_rare / comb(everyone, rate.n), rel=1e-6)
    assert fisher(rate, other) == pytest.approx(fisher(other, rate), rel=1e-6)


def test_the_exact_test_is_quick_and_sure_with_many_answers() -> None:
    assert fisher(of(36_000, 50_000), of(35_000, 50_000)) == pytest.approx(3.0e-12, rel=0.1)  # z = 6.98
    assert fisher(of(36_000, 50_000), of(35_950, 50_000)) == pytest.approx(0.73, abs=0.01)  # z = 0.35
    assert fisher(of(50_000, 50_000), of(0, 50_000)) < 1e-12


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 4 × 0.005, 3 × 0.01, 2 × 0.03, then no less than that
        ([0.5, 0.6], [1.0, 1.0]),
    ],
)
def test_the_number_of_comparisons_is_taken_into_account_as_holm_does(raw: list[float], told: list[float]) -> None:
    changes = [Change("team", None, Against.BEFORE, of(1, 2), of(1, 2), 0.0, 0.0, p) for p in raw]
    assert [change.p for change in corrected(changes)] == pytest.approx(told)


@pytest.mark.parametrize(
    ("rate", "other", "verdict"),
    [
        (of(160, 200), of(120, 200), Verdict.HIGHER),
        (of(120, 200), of(160, 200), Verdict.LOWER),
        (of(720, 1000), of(725, 1000), Verdict.STEADY),
        (of(7, 10), of(7, 10), Verdict.UNCLEAR),  # the same share, and too few answers to call it steady
        (of(8, 10), of(5, 10), Verdict.UNCLEAR),
    ],
)
def test_neither_a_change_nor_steadiness_is_told_without_a_test(rate: Rate, other: Rate, verdict: Verdict) -> None:
    assert verdict_of(rate, other) is verdict


def test_one_of_many_comparisons_is_no_change_that_would_be_one_by_itself() -> None:
    one = compare("team", "Hardware", Against.OTHERS, of(78, 100), of(62, 100))
    others = [compare("team", str(k), Against.OTHERS, of(70, 100), of(70, 100)) for k in range(20)]
    assert one.verdict is Verdict.HIGHER
    assert corrected([one, *others])[0].verdict is Verdict.UNCLEAR


def test_the_corrected_order_is_the_order_of_the_rarest() -> None:
    changes = [compare("team", str(k), Against.OTHERS, of(50 + k, 100), of(50, 100)) for k in range(0, 40, 4)]
    told = [change.p for change in corrected(changes)]
    assert all(after <= before for before, after in pairwise(told))


@pytest.mark.parametrize(
    ("rate", "other", "against", "title"),
    [
        (of(160, 200), of(120, 200), Against.BEFORE, "up from 60 % to 80 %"),
        (of(120, 200), of(160, 200), Against.BEFORE, "down from 80 % to 60 %"),
        (of(720, 1000), of(725, 1000), Against.BEFORE, "steady at about 72 %"),
        (of(720, 1000), of(725, 1000), Against.OTHERS, "about 72 %, as all others"),
        (of(160, 200), of(120, 200), Against.OTHERS, "higher than all others, 80 % against 60 %"),
        (of(71_900, 100_000), of(72_400, 100_000), Against.BEFORE, "down from 72.4 % to 71.9 %"),
        (of(7, 10), of(7, 10), Against.BEFORE, None),
    ],
)
def test_a_title_says_what_is_backed_and_else_nothing(
    rate: Rate, other: Rate, against: Against, title: str | None
) -> None:
    assert compare("team", "Hardware", against, rate, other).title == title


def test_where_nothing_changed_a_change_is_told_by_one_build_in_twenty_at_most() -> None:
    """Of builds in which every team and topic, before and now, has the same share; whatever is compared."""
    random, told = Random(1), 0
    builds = 2_000 if TORTURE else 400
    for _ in range(builds):
        changes = []
        for name in "abcdefghij":
            ours, before = (of(sum(random.random() < 0.7 for _ in range(n)), n) for n in (30, random.choice((20, 60))))
            changes.append(compare("team", name, Against.BEFORE, ours, before))
        told += any(one.verdict in (Verdict.HIGHER, Verdict.LOWER) for one in corrected(changes))
    assert told <= 0.05 * builds

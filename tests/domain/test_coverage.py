"""How often Wilson's interval holds the true share, by exact sums, as it is promised."""

from functools import cache
from math import exp, lgamma, log

import pytest

from feedback.domain.rates import Rate
from tests.conftest import TORTURE

SIZES = range(5, 501) if TORTURE else [*range(5, 41), 50, 64, 75, 100, 150, 225, 350, 500]
SHARES = 1_000 if TORTURE else 100  # steps between 0.05 and 0.95


@cache
def _factorial(n: int) -> float:
    return lgamma(n + 1)


def coverage(n: int, share: float, lows: list[float], highs: list[float]) -> float:
    """The probability that the interval of a count out of `n` holds the share."""
    first = next(k for k in range(n + 1) if highs[k] >= share)
    last = next(k for k in range(n, -1, -1) if lows[k] <= share)
    yes, no, ways = log(share), log(1 - share), _factorial(n)
    return sum(
        exp(ways - _factorial(k) - _factorial(n - k) + k * yes + (n - k) * no) for k in range(first, last + 1)
    )  # fmt: skip


@pytest.mark.torture
@pytest.mark.parametrize("n", SIZES)
def test_the_interval_holds_the_share_19_times_in_20(n: int) -> None:
    """On average, and never much less: the worst shares lie right beside the limits of the intervals."""
    lows, highs = map(list, zip(*(Rate(k, n, n).interval for k in range(n + 1)), strict=True))
    assert lows == sorted(lows)
    assert highs == sorted(highs)
    found = [coverage(n, 0.05 + 0.9 * (k + 0.5) / SHARES, lows, highs) for k in range(SHARES)]
    assert 0.94 <= sum(found) / len(found) <= 0.97
    beside = [limit + side for limit in lows + highs for side in (-1e-9, 1e-9)]
    assert min(coverage(n, share, lows, highs) for share in beside if 0.05 <= share <= 0.95) >= 0.89

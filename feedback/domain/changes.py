"""Whether two rates differ by more than chance, the number of comparisons taken into account."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt

from feedback.domain.rates import Rate, percent

ERROR = 0.05  # how often at most any change at all is told where there is none
STEADY_WITHIN = 0.10  # "steady" only where the difference lies within ten points, with 95 % confidence


class Against(StrEnum):
    """With what a rate is compared."""

    BEFORE = "before"  # the stretch before
    OTHERS = "others"  # all others of the same stretch: the other teams, or the other periods
    NOT_RECOVERED = "not recovered"  # those who said no, and did not say yes when asked again


class Verdict(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"
    STEADY = "steady"
    UNCLEAR = "unclear"  # neither a change nor steadiness is backed: say nothing


@dataclass(frozen=True, slots=True)
class Change:
    """`rate` against `other`. `what` is total, period, team, topic, channel or repurchase; `name` which one, if any.

    `low` and `high` are the 95 % interval of the difference of the shares, by the hybrid score method of
    R. G. Newcombe, Statistics in Medicine 17 (1998), p. 873, method 10. `p` is R. A. Fisher's exact test, two-sided,
    corrected for the number of comparisons by S. Holm, Scandinavian Journal of Statistics 6 (1979), p. 65. Both take
    answers for independent; of customers who answer often they are a little too sure.
    """

    what: str
    name: str | None
    against: Against
    rate: Rate
    other: Rate
    low: float
    high: float
    p: float

    @property
    def verdict(self) -> Verdict:
        if self.p < ERROR:
            return Verdict.HIGHER if self.rate.share > self.other.share else Verdict.LOWER
        if self.low > -STEADY_WITHIN and self.high < STEADY_WITHIN:
            return Verdict.STEADY
        return Verdict.UNCLEAR

    @property
    def title(self) -> str | None:
        """What a heading may say of it: nothing that no test backs. The verb is its reader's: `solved …`."""
        ours, other = (f"{percent(one.share)} %" for one in (self.rate, self.other))
        if ours == other:
            ours, other = (f"{100 * one.share:.1f} %" for one in (self.rate, self.other))
        others = "those not recovered" if self.against is Against.NOT_RECOVERED else "all others"
        if self.verdict is Verdict.UNCLEAR:
            return None
        if self.verdict is Verdict.STEADY:
            about = f"about {percent(self.rate.share)} %"
            return f"steady at {about}" if self.against is Against.BEFORE else f"{about}, as {others}"
        if self.against is Against.BEFORE:
            return f"{'up' if self.verdict is Verdict.HIGHER else 'down'} from {other} to {ours}"
        return f"{self.verdict} than {others}, {ours} against {other}"


def compare(what: str, name: str | None, against: Against, rate: Rate, other: Rate) -> Change:
    """Before correction. Both rates are about somebody, and about different answers."""
    low, high = difference(rate, other)
    return Change(what, name, against, rate, other, low, high, fisher(rate, other))


def corrected(changes: Sequence[Change]) -> tuple[Change, ...]:
    """In the same order, with what Holm makes of all their p together."""
    worst, found = 0.0, dict[int, float]()
    for rank, k in enumerate(sorted(range(len(changes)), key=lambda k: changes[k].p)):
        worst = max(worst, min(1.0, (len(changes) - rank) * changes[k].p))
        found[k] = worst
    return tuple(replace(change, p=found[k]) for k, change in enumerate(changes))


def difference(rate: Rate, other: Rate) -> tuple[float, float]:
    """The 95 % interval of the share of `rate` less that of `other`."""
    (l1, u1), (l2, u2) = rate.interval, other.interval
    p1, p2 = rate.share, other.share
    return (
        p1 - p2 - sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2),
        p1 - p2 + sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2),
    )


def fisher(rate: Rate, other: Rate) -> float:
    """How likely two rates differ as much or more, given the margins, where only chance tells them apart."""
    ours, yes, everyone = rate.n, rate.count + other.count, rate.n + other.n
    lowest, highest = max(0, yes - other.n), min(ours, yes)
    mode = max(lowest, min(highest, (ours + 1) * (yes + 1) // (everyone + 2)))
    weights = {mode: 1.0}  # relative to the likeliest; each follows from its neighbour
    for step, end in ((1, highest), (-1, lowest)):
        weight, k = 1.0, mode
        while k != end and weight > 1e-20:
            up = k if step == 1 else k - 1
            ratio = (ours - up) * (yes - up) / ((up + 1) * (everyone - ours - yes + up + 1))
            weight *= ratio if step == 1 else 1 / ratio
            k += step
            weights[k] = weight
    observed = weights.get(rate.count, 0.0) * (1 + 1e-7)
    return min(1.0, sum(weight for weight in weights.values() if weight <= observed) / sum(weights.values()))

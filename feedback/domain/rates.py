"""Figures that can be trusted: a rate with its interval, and the hiding of what would point at a person."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt

FEWEST = 5  # a cell about fewer customers is hidden
FEWEST_FOR_EXTREMES = 10  # "0 %" and "100 %" need more, for they speak about every single customer
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


def hide(groups: Sequence[Group], total_shown: bool, also: Iterable[int] = ()) -> list[Rate]:
    """Each group's rate; small ones hidden, `also` some others, and what the total would need to keep them hidden.

    Empty groups hide nobody. A reader knows the sum of what is hidden: the total, less the groups shown. So one of the
    smallest groups shown is hidden too, until that sum could be shown by itself and is not all alike, or nothing is
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
            hidden.add(smallest(shown, lambda k: cells[k].customers))
    return [replace(cell, hidden=k in hidden) for k, cell in enumerate(cells)]


def smallest(shown: Iterable[int], customers: Callable[[int], int]) -> int:
    """Of groups by number the first of the smallest, but roughly: an exact order would tell of their sizes."""
    return min(shown, key=lambda k: (customers(k).bit_length(), k))


def together(groups: Iterable[Group]) -> Group:
    """All of them as one."""
    found = list(groups)
    return Group(
        sum(group.count for group in found),
        sum(group.n for group in found),
        set().union(*(group.customers for group in found)),
    )

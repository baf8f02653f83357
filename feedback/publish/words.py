"""Rates and days as a page says them. What is hidden reads "too few", whatever it holds."""

from datetime import date

from feedback.domain.changes import Change, Verdict
from feedback.domain.periods import Span
from feedback.domain.published import Figures, Spread, Step
from feedback.domain.rates import FEWEST, FEWEST_FOR_EXTREMES, Rate, percent

FEW = "too few"
NONE = "nothing yet"
WHY_FEW = f"fewer than {FEWEST} customers, or all alike from fewer than {FEWEST_FOR_EXTREMES}"

STEPS = {
    Step.FIRST_REPLY: "until the first reply",
    Step.SOLVING: "from the first reply until solved",
    Step.WHOLE: "from the opening until solved",
    Step.ANSWER: "from solved until the answer",
    Step.RECOVERY: "from a no until solved",
}


def interval(rate: Rate) -> str:
    low, high = rate.interval
    return f"{percent(low)}–{percent(high)} %"


def rate_in_words(rate: Rate) -> str:
    if rate.hidden or rate.n == 0:
        return FEW if rate.hidden else NONE
    return f"{percent(rate.share)} % ({interval(rate)}), {rate.count:,} of {rate.n:,}"


def day(one: date) -> str:
    return f"{one.day} {one:%B} {one.year}"


def days(first: date, last: date) -> str:
    """The year is said once, if it is the same."""
    begin = f"{first.day} {first:%B}" if first.year == last.year else day(first)
    return f"{begin} to {day(last)}"


def stretch(figures: Figures) -> str:
    """How long a stretch is: `13 weeks`, `3 months`."""
    return "3 months" if figures.span is Span.MONTH else "13 weeks"


def span(figures: Figures, many: bool = False) -> str:
    """How long a period of the trend is: `week`, `months`, `stretch of 13 weeks`."""
    one, some = {Span.QUARTER: (f"stretch of {figures.span}", f"stretches of {figures.span}")}.get(
        figures.span, (str(figures.span), f"{figures.span}s")
    )
    return some if many else one


def bucket(spread: Spread, k: int) -> Rate:
    """One bucket of a spread, as a rate of its own."""
    return Rate(spread.counts[k], spread.n, spread.customers, hidden=spread.hidden)


def found(change: Change | None) -> str | None:
    """What a test backs, with an arrow only where the two intervals do not even overlap."""
    if change is None or change.title is None:
        return None
    (low, high), (other_low, other_high) = change.rate.interval, change.other.interval
    is_apart = high < other_low or other_high < low
    arrow = {Verdict.HIGHER: "↑ ", Verdict.LOWER: "↓ "}.get(change.verdict, "") if is_apart else ""
    return f"{arrow}{change.title}"

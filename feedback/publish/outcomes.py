"""Who comes back: what customers bought after a case, by what they answered, and what that does not say."""

from collections.abc import Iterator, Sequence

from babel.numbers import format_currency

from feedback.config import Config
from feedback.domain.changes import Verdict
from feedback.domain.outcomes import DAYS, Outcomes, Returned, Said, Sums, Within
from feedback.domain.published import Figures
from feedback.domain.rates import FEWEST, percent
from feedback.publish import tables
from feedback.publish.counted import About
from feedback.publish.segments import FOLDER
from feedback.publish.texts import plain
from feedback.publish.words import FEW, NONE, days

PAGE, TITLE = "coming-back.md", "Who comes back"
WORDS = {Said.YES: "yes", Said.RECOVERED: "no, then recovered", Said.NO: "no", Said.SILENT: "silent"}

_BACKED = {
    Verdict.HIGHER: "A test backs that this is a difference",
    Verdict.LOWER: "A test backs that this is a difference",
    Verdict.STEADY: "The difference is small",
    Verdict.UNCLEAR: "No test backs a difference",
}


def files(figures: Figures, config: Config) -> dict[str, str]:
    """The page, and the table of each time."""
    made = {PAGE: _page(figures.outcomes, config)}
    for within in figures.outcomes.within:
        made |= tables.files(_path(within), [_row(within, group) for group in within.groups])
    return made


def spent(sums: Sums, currency: str | None) -> tuple[str, str]:
    """What the one in the middle spent, and between what the middle half did; or why that is not there, and ""."""
    if sums.lower is None or sums.median is None or sums.upper is None:
        return FEW if sums.hidden else NONE, ""
    lower, middle, upper = (_money(one, currency) for one in (sums.lower, sums.median, sums.upper))
    return middle, f"{lower} to {upper}"


def _money(amount: float, currency: str | None) -> str:
    """In the currency of the business; without one, a bare number."""
    return format_currency(amount, currency, locale="en") if currency else f"{amount:,.2f}"


def _path(within: Within) -> str:
    return f"{FOLDER}/coming-back-{within.days}"


def _row(within: Within, group: Returned) -> tables.Row:
    row: dict[str, object] = {"answer": WORDS[group.said], "bought_again": group.again}
    if group.later is not None:
        row["still_buying"] = group.later
    return {**row, "spent": group.spent}


def _page(outcomes: Outcomes, config: Config) -> str:
    parts = "\n\n".join(_nothing() if not outcomes.within else _parts(outcomes, config))
    return f"""# {TITLE}

What people say is one thing, whether they come back is another. This page puts both together, for customers of
{plain(config.business_name)}.

{parts}
"""


def _nothing() -> Iterator[str]:
    times = " and ".join((", ".join(map(str, DAYS[:-1])), str(DAYS[-1])))
    yield (
        "Nothing yet, for no purchases are known here. Once they are, it will stand here how many customers bought "
        f"again within {times} days after a case of theirs was called solved, and for how much: of those who said yes, "
        "of those who said no and were recovered, of those who stayed at no, and of those who were silent."
    )
    yield (
        "Whoever runs this service brings purchases in with `feedback import purchases FILE`, or by its API. The "
        f"first numbers appear the morning after, about customers whose case was solved at least {DAYS[0]} days before "
        f"the last purchase that is known, from {FEWEST} customers in a group on."
    )


def _parts(outcomes: Outcomes, config: Config) -> Iterator[str]:
    assert outcomes.first_day is not None
    assert outcomes.last_day is not None
    yield (
        f"Purchases are known from {days(outcomes.first_day, outcomes.last_day)}. Each customer counts once, with the "
        "first case in that time about which we asked “Did we solve it?”, and with their newest answer."
    )
    yield (
        "**This is what goes along with an answer, not what an answer leads to.** Who says yes may have been the "
        "better customer all along, and who is silent may be another kind of person."
    )
    if not any(group.again.n or group.again.hidden for one in outcomes.within for group in one.groups):
        yield (
            f"Nobody is in it yet: it takes {FEWEST} customers of a group whom we asked, whose case was solved at "
            f"least {DAYS[0]} days before the last purchase that is known. Cases that were imported as history were "
            "never asked about."
        )
        return
    yield (
        "*Spent each* is the sum of a customer's purchases, nothing for who bought nothing: what the one in the middle "
        "spent, and between what the middle half did."
    )
    for within in outcomes.within:
        yield from _within(within, config)
    yield from _recovered(outcomes.within)


def _within(within: Within, config: Config) -> Iterator[str]:
    still = f"; who bought in the days from {within.later_from} on is still buying" if within.later_from else ""
    yield f"## Within {within.days} days"
    yield (
        f"Of customers whose case was solved at least {within.days} days before the last day on which a purchase is "
        f"known{still}."
    )
    head = ["Answer", "Bought again"]
    if within.later_from is not None:
        head.append(f"Days {within.later_from}–{within.days}")
    head.append("Spent each")
    rows = [
        [
            WORDS[group.said],
            tables.cell(group.again),
            *([tables.cell(group.later)] if group.later is not None else []),
            _spent(group.spent, config.currency),
        ]
        for group in within.groups
    ]
    yield tables.html(head, rows)
    yield tables.downloads(_path(within), About.COMING_BACK, PAGE)


def _spent(sums: Sums, currency: str | None) -> str:
    middle, half = spent(sums, currency)
    lines = half.replace(" to ", " to</small><br><small>")  # a phone is narrow
    return f"{middle}<br><small>{lines}</small>" if half else f"<small>{middle}</small>"


def _recovered(within: Sequence[Within]) -> Iterator[str]:
    """The comparison that comes closest to cause, in words for people who have never heard of a test."""
    yield "## Recovered against not recovered"
    yield (
        "If we want to know whether helping after a no pays, this comparison comes closest: both said no at first. "
        "Those who were recovered said yes when we asked “Is it solved now?”; the others did not."
    )
    compared = [one for one in within if one.recovered is not None]
    if not compared:
        yield f"Too few of both were observed for long enough yet; it takes {FEWEST} customers of each."
        return
    yield "\n".join(f"- {line}" for one in compared for line in _finding(one))
    yield (
        "Even where there is a difference, our help need not be its cause. Who lets themselves be helped may be "
        "another kind of people, who would have come back anyway. To be recovered takes time: who turned away at once "
        "had none to say yes again. Some of those at no were never asked again. And seasons, prices and offers do "
        "their part. Where an answer brings a voucher, it is the voucher that is measured."
    )


def _finding(within: Within) -> Iterator[str]:
    change = within.recovered
    if change is None:
        return
    low, high = (f"{round(100 * one):+d}".replace("-", "−") for one in (change.low, change.high))
    yield (
        f"Within {within.days} days, {percent(change.rate.share)} % of {change.rate.n:,} recovered and "
        f"{percent(change.other.share)} % of {change.other.n:,} not recovered bought again. {_BACKED[change.verdict]}: "
        f"it is likely between {low} and {high} points."
    )

"""`feedback figures`: what the site publishes in numbers, to read or as JSON."""

import json
from collections.abc import Iterator, Sequence

import click

from feedback.cli.moments import At, at_option, moment
from feedback.cli.terminal import safe
from feedback.config import load_config
from feedback.domain.published import Figures, Journey, Part, Period, Spread, Step, Times
from feedback.domain.rates import FEWEST, FEWEST_FOR_EXTREMES, Rate, percent
from feedback.domain.timing import in_words, span_in_words
from feedback.publish import outcomes
from feedback.publish.figures import as_data, current
from feedback.publish.words import FEW, NONE, STEPS, rate_in_words, span
from feedback.store import open_store


@click.command("figures")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON, hidden as on the site.")
@at_option
def figures_command(as_json: bool, at: At | None) -> None:
    """Show the figures as the site publishes them. Nothing is written."""
    config = load_config()
    store = open_store(config.database_url)
    now = moment(config, store, at, changes_nothing=True)
    figures = current(store, config, now)
    if as_json:
        click.echo(json.dumps(as_data(figures), ensure_ascii=True, indent=2))
        return
    click.echo(f"As of {in_words(now, config.zone)}.")
    for line in (*_report(figures), *_outcomes(figures, config.currency)):
        click.echo(safe(line))


def _report(figures: Figures) -> Iterator[str]:
    yield f"Cases resolved from {figures.first_day} to {figures.last_day}, where nothing else is said."
    yield (
        f"“{FEW}”: fewer than {FEWEST} customers, all alike from fewer than {FEWEST_FOR_EXTREMES}, "
        "or it would give away what is."
    )
    yield ""
    yield _line(f"Solved, until {figures.solved_until}", _rate(figures.solved.rate, figures.solved.of))
    yield _line("Answered", _rate(figures.response))
    if figures.settles_on:
        yield f"The first cases count as settled on {figures.settles_on}; until then the rest stays empty."
    for change, which in ((figures.before, ""), (figures.latest, f", the last settled {span(figures)}")):
        if change and change.title:
            yield f"Solved{which}: {change.title}."
    yield from _periods(f"Solved by {span(figures)}", figures.trend)
    if figures.periods_missing:
        yield f"  A trend begins with two settled {span(figures, many=True)}; {figures.periods_missing} to go."
    yield from _periods("Solved by stretch", figures.stretches)
    for title, parts in (("team", figures.teams), ("topic", figures.topics), ("channel", figures.channels)):
        yield from _parts(title, parts)
    yield from _help(figures)
    yield from _journey(figures.journey)
    if figures.comparisons:
        yield ""
        made = f"{figures.comparisons} comparisons were made"
        yield f"{made}; a change is told only where that many leave it significant."


def _help(figures: Figures) -> Iterator[str]:
    first = figures.first_reply
    yield from ("", _line(f"First reply within {span_in_words(figures.target)}", _rate(first.rate, first.of)))
    yield from _spread("First reply after", figures.first_reply_times)
    yield from _spread("Contacts until resolved", figures.interactions)
    yield from _spread("Reasons beside a no", figures.reasons_no)
    yield from _spread("Reasons beside a yes", figures.reasons_yes)
    yield from _spread("Follow-ups", figures.follow_ups.outcomes)
    yield _line("Time to first contact", _times(figures.follow_ups.first_contact))
    yield _line("Became a call by the rule of two", _rate(figures.follow_ups.escalated))
    recovery = figures.follow_ups.recovery
    yield _line("Solved now, when asked again", _rate(recovery.rate, recovery.of))
    yield ""
    for title, rate in (
        ("Mails after which they opted out", figures.letters.opted_out),
        ("Mails that came back", figures.letters.bounced),
        ("Mails that greet by name", figures.letters.named),
        ("Mails that can tell the tenure", figures.letters.tenure_known),
    ):
        yield _line(title, _rate(rate))


def _journey(journey: Journey) -> Iterator[str]:
    yield from ("", "Waits:")
    for step in Step:
        yield _line(f"  {STEPS[step]}", _times(journey.everyone.times(step)))
    yield _line("  more than two interactions", _rate(journey.everyone.beyond_two))
    yield f"Widest gaps:{'' if journey.gaps else f' {NONE}'}"
    for gap in journey.gaps:
        yield _line(f"  {gap.topic or 'no topic known'}", f"{STEPS[gap.step]}: {_times(gap.times)}")


def _outcomes(figures: Figures, currency: str | None) -> Iterator[str]:
    returned = figures.outcomes
    yield from ("", f"Bought again, by their answer:{'' if returned.within else f' {NONE}'}")
    if returned.within:
        yield f"  Purchases are known from {returned.first_day} to {returned.last_day}. No sign of a cause."
    for within in returned.within:
        for group in within.groups:
            yield _line(f"  within {within.days} days, {outcomes.WORDS[group.said]}", rate_in_words(group.again))
            if group.later is not None and group.later.n:
                yield _line("", f"in days {within.later_from} to {within.days}: {rate_in_words(group.later)}")
            middle, half = outcomes.spent(group.spent, currency)
            if half:
                yield _line("", f"spent {middle} in the middle, half of them {half}")
        if within.recovered and within.recovered.title:
            yield _line("  recovered", within.recovered.title)


def _periods(title: str, periods: Sequence[Period]) -> Iterator[str]:
    yield from ("", f"{title}:")
    for one in periods:
        provisional = " (provisional)" if one.provisional else ""
        yield _line(f"  {one.first_day} to {one.last_day}", _rate(one.solved) + provisional)


def _parts(title: str, parts: Sequence[Part]) -> Iterator[str]:
    yield from ("", f"By {title}:{'' if parts else f' {NONE}'}")
    for part in parts:
        yield _line(f"  {part.name or f'no {title} known'}", f"solved {_rate(part.solved)}")
        yield _line("", f"answered {_rate(part.response)}")
        yield _line("", f"first reply in time {_rate(part.first_reply.rate, part.first_reply.of)}")
        for change in (part.before, part.others):
            if change and change.title:
                yield _line("", change.title)


def _spread(title: str, spread: Spread) -> Iterator[str]:
    if spread.hidden or spread.n == 0:
        yield _line(title, FEW if spread.hidden else NONE)
        return
    yield _line(title, f"known of {spread.n:,} of {spread.of:,}, {spread.customers:,} customers")
    for name, count in zip(spread.names, spread.counts, strict=True):
        yield _line(f"  {name.replace('_', ' ')}", f"{percent(count / spread.n)} %, {count:,}")


def _times(times: Times) -> str:
    if times.median is None or times.lower is None or times.upper is None:
        return FEW if times.hidden else NONE
    median, lower, upper = map(span_in_words, (times.median, times.lower, times.upper))
    return (
        f"{median} in the middle, half of them {lower} to {upper}; "
        f"{times.n:,} of {times.of:,}, {times.customers:,} customers"
    )


def _rate(rate: Rate, of: int = 0) -> str:
    if rate.hidden or rate.n == 0:
        return rate_in_words(rate)
    known = f", known of {rate.n:,} of {of:,}" if of > rate.n else ""
    return f"{rate_in_words(rate)}, {rate.customers:,} customers{known}"


def _line(title: str, words: str) -> str:
    return f"{title:<36} {words}"

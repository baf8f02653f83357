"""`feedback simulate`: what the settings, or others, would have done."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import click

from feedback.cli.moments import At, LengthType, at_option, moment
from feedback.cli.terminal import safe
from feedback.config import PREFIX, load_config, with_changes
from feedback.errors import ConfigError
from feedback.keys import load_keys
from feedback.loop.simulating import SETTINGS, Day, Simulation, side_by_side, simulate
from feedback.store import open_store

BAR = 48  # cells of the longest bar


@click.command("simulate")
@click.option("--last", type=LengthType(), default="30d", show_default=True, help="How far back to look.")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="Another setting, such as delay=48h.")
@at_option
def simulate_command(last: timedelta, changes: tuple[str, ...], at: At | None) -> None:
    """Show who would have been asked, when, and who not and why. Nothing is written, nothing is sent.

    With --set, once or more, the present settings stand beside the changed ones.
    """
    config = load_config()
    changed = with_changes(config, dict(map(_change, changes)))
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    now = moment(config, store, at, changes_nothing=True)
    settings = [config, changed] if changes else [config]
    try:
        found = [simulate(store, keys, one, now - last, now) for one in settings]
    except OverflowError:
        raise ConfigError("--at and --last reach back to before there were years.") from None
    for line in _report(found, changes, config.zone):
        click.echo(safe(line))


def _change(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    field = name.strip().lower().removeprefix(PREFIX.lower())
    if not equals or field not in SETTINGS:
        raise ConfigError(
            f"--set: given {text!r}, expected a setting that decides whom we ask and when, such as delay=48h.\n"
            f"They are: {', '.join(SETTINGS)}."
        )
    return field, value.strip()


def _report(found: Sequence[Simulation], changes: Sequence[str], zone: ZoneInfo) -> Iterator[str]:
    first, last = (f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" for moment in (found[0].since, found[0].until))
    yield f"Cases resolved from {first} to {last} ({zone.key}), as if each had come in when it was resolved."
    yield "Nothing is written, and nothing is sent."
    yield ""
    if not found[0].outcomes:
        yield "No case is known that was resolved in this time. Import some: feedback import cases FILE"
        return
    if changes:
        yield f"  {'now':>8} {'changed':>8}   (changed: {', '.join(changes)})"
    for line in side_by_side(found):
        counts = " ".join(f"{count:8,}" for count in line.counts)
        yield f"  {counts}   {'' if line.reason is None else '  '}{line.words}"
    yield ""
    yield from _chart(found[-1], zone, "with the changed settings" if changes else "")


def _chart(simulation: Simulation, zone: ZoneInfo, which: str) -> Iterator[str]:
    """A bar a day; each cell stands for the same number of mails, and no day with one is without a cell."""
    days = simulation.days(zone)
    most = max((day.asked + day.due for day in days), default=0)
    if most == 0:
        yield "No day on which a mail would have gone out."
        return
    yield " ".join(part for part in ("Mails a day", which, "(█ gone out, ░ due):") if part)
    for day in _with_gaps(days):
        if isinstance(day, int):
            yield f"  … {day} days without a mail"
            continue
        asked, due = (_cells(count, most) for count in (day.asked, day.due))
        counts = " + ".join(f"{count:,}" for count in (day.asked, day.due) if count)
        yield f"  {day.day:%a %Y-%m-%d}  {'█' * asked}{'░' * due} {counts}".rstrip()


def _with_gaps(days: Sequence[Day]) -> Iterator[Day | int]:
    """The days; more than three in a row without a mail are counted only."""
    for is_empty, run in groupby(days, key=lambda day: day.asked + day.due == 0):
        found = list(run)
        if is_empty and len(found) > 3:
            yield len(found)
        else:
            yield from found


def _cells(count: int, most: int) -> int:
    return 0 if count == 0 else max(1, round(BAR * count / most))

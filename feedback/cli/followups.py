"""`feedback explain` and `followups`: what became of a case, and what is owed to whom."""

from zoneinfo import ZoneInfo

import click

from feedback.cli.moments import ZoneType, moment
from feedback.cli.terminal import safe
from feedback.config import Config, load_config
from feedback.domain.followups import CLOSINGS, FollowUp, Outcome
from feedback.domain.timing import in_words
from feedback.keys import load_keys
from feedback.loop import following_up
from feedback.loop.asking import Asking
from feedback.loop.explaining import explain
from feedback.store import open_store


@click.command("explain")
@click.argument("ref")
@click.option("--zone", type=ZoneType(), help="Tell times in this time zone; else in FEEDBACK_ZONE.")
def explain_command(ref: str, zone: ZoneInfo | None) -> None:
    """Tell why the customer of case REF was asked, or not."""
    config = load_config()
    for told in explain(open_store(config.database_url), load_keys(config.data_dir), config, ref, zone):
        click.echo("\n".join([safe(told.heading), *(f"  {safe(line)}" for line in told.lines)]))


@click.group(invoke_without_command=True)
@click.option("--all", "closed_too", is_flag=True, help="Closed ones too.")
@click.pass_context
def followups(ctx: click.Context, closed_too: bool) -> None:
    """List the follow-ups that are open, by when they are due."""
    if ctx.invoked_subcommand is not None:
        return
    config = load_config()
    follow_ups = open_store(config.database_url).follow_ups
    found = follow_ups.open_ones() + (follow_ups.closed_ones() if closed_too else [])
    for follow_up in found:
        click.echo("\n".join(_follow_up(follow_up, config)))
    if not found:
        click.echo("No follow-up is open. One opens when a customer answers “no”.")


def _follow_up(follow_up: FollowUp, config: Config) -> list[str]:
    if follow_up.closed_at is None:
        owner = f", {follow_up.owner} has it" if follow_up.owner else ""
        state = f"due {in_words(follow_up.due_at, config.zone)}{owner}"
    else:
        state = (
            f"closed as {follow_up.outcome and follow_up.outcome.words} on {in_words(follow_up.closed_at, config.zone)}"
        )
    who = " ".join(part for part in (follow_up.customer, follow_up.email and f"<{follow_up.email}>") if part)
    lines = [f"{follow_up.id}  {state}", f"  {who or 'unknown customer'}: {follow_up.subject or follow_up.case_ref}"]
    details = follow_up.details
    if details.call:
        when = f", {details.call_time}" if details.call_time else ""
        lines.append(f"  asks for a call: {details.phone or 'no number given'}{when}")
    lines += [f"  | {line}" for line in follow_up.words.splitlines()]
    if follow_up.note:
        lines.append(f"  note: {follow_up.note}")
    return [safe(line) for line in lines]


@followups.command("close")
@click.argument("follow_up_id", metavar="ID")
@click.option("--note", required=True, help="What was done.")
@click.option(
    "--outcome",
    type=click.Choice([outcome.value for outcome in CLOSINGS]),
    default=Outcome.SOLVED.value,
    show_default=True,
)
def followups_close(follow_up_id: str, note: str, outcome: str) -> None:
    """Close the follow-up ID with a note of what was done."""
    config = load_config()
    store = open_store(config.database_url)
    asking = Asking(store, load_keys(config.data_dir), config)
    now = moment(config, store, None)
    closed = following_up.close(store, asking, follow_up_id, Outcome(outcome), note, None, now)
    click.echo(f"Closed as {Outcome(outcome).words}: {safe(closed.subject or closed.case_ref)}.")

"""`feedback backup`, `restore` and `resume`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from feedback.cli.terminal import safe
from feedback.config import load_config
from feedback.keys import load_keys
from feedback.loop import backing_up
from feedback.loop.backing_up import Resumption
from feedback.loop.drill import drill as practise
from feedback.store import open_store


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--drill", is_flag=True, help="Only practise, in a temporary folder, with made-up cases.")
def backup(file: Path | None, drill: bool) -> None:
    """Back up database and secret into FILE, while the service runs; checked before it counts."""
    config = load_config()
    load_keys(config.data_dir)
    store = open_store(config.database_url)
    if drill:
        claims = []
        for claim in practise(store, config, datetime.now(UTC).replace(microsecond=0)):
            click.echo(f"{'ok ' if claim.held else 'BAD'} {claim.words}")
            claims.append(claim.held)
        raise SystemExit(0 if all(claims) else 1)
    made = backing_up.back_up(store, config, file, datetime.now(UTC))
    click.echo(f"Backed up to {made} ({made.stat().st_size / 1e6:.1f} MB), and read back.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def restore(file: Path) -> None:
    """Put the backup FILE in place of the database. Stop the service first; mail to customers is then held."""
    restored = backing_up.restore(load_config(), file, datetime.now(UTC))
    click.echo(f"Restored from {file}.")
    if restored.replaced is not None:
        click.echo(f"The database that was here is in {restored.replaced}.")
        click.echo(f"People who have opted out or were erased since the backup: {restored.carried_over}. They stay so.")
    else:
        click.echo("There was no database here, so whom you erased after the backup is known again: erase them again.")
    click.echo("Mail to customers is held. See what would go out, and release it, with: feedback resume")


@click.command()
@click.option("--all", "everything", is_flag=True, help="Release also what is known to have gone out.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def resume(everything: bool, yes: bool) -> None:
    """Show what mail is held, and release what has not gone out already."""
    config = load_config()
    store = open_store(config.database_url)
    now = datetime.now(UTC)
    for line in _told(backing_up.plan_resumption(store, now), everything=everything):
        click.echo(safe(line))
    if not yes:
        click.confirm("Release the hold?", abort=True)
    backing_up.resume(store, now, everything=everything)
    click.echo("Released.")


def _told(plan: Resumption, *, everything: bool) -> list[str]:
    lines = [f"Held since {plan.hold.since:%Y-%m-%d %H:%M} UTC: {plan.hold.reason}."]
    known = "sent once more, for you said --all" if everything else "not sent again"
    lines.append(f"Known to have gone out already, and {known}: {plan.hold.known:,}.")
    lines.append(f"Would go out now: {plan.would_go:,}.")
    lines += [f"  {one.ref}, {one.email or 'no address'}: {one.subject or ''}" for one in plan.first]
    if plan.would_go > len(plan.first):
        lines.append(f"  and {plan.would_go - len(plan.first):,} more")
    return lines

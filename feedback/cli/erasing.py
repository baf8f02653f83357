"""`feedback erase`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from feedback.cli.terminal import safe
from feedback.config import load_config
from feedback.keys import load_keys
from feedback.loop import erasing
from feedback.loop.backing_up import NIGHTLY
from feedback.store import open_store


@click.command("erase")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_command(email: str, yes: bool) -> None:
    """Forget the person with the address EMAIL, for good; the figures stay."""
    config = load_config()
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    meant = erasing.plan(store, email)
    click.echo(safe(f"Known by {email}:"))
    for one in meant.customers:
        cases = "1 case" if one.cases == 1 else f"{one.cases:,} cases"
        click.echo(safe(f"  {one.name or 'no name'}, {one.ref} in {one.source}: {cases}"))
    if meant.mails:
        click.echo(f"  mails about other people's cases, with what was answered: {meant.mails:,}")
    if meant.others:
        click.echo(safe(f"The same person may be known by {', '.join(meant.others)}, too. If so, erase that as well."))
    if not yes:
        click.confirm("Erase all of this? It cannot be undone.", abort=True)
    erasing.erase(store, keys, email, datetime.now(UTC))
    click.echo("Erased. Nothing about this person is taken in from now on.")
    swept = erasing.clean_up(store, keys, config)
    if swept.messages or swept.rows:
        click.echo(f"Deleted with it: caught mails: {swept.messages:,}, refused rows: {swept.rows:,}.")
    held = list(erasing.still_held(config, email, lambda path: path in swept.busy))
    nightly = [one.path for one in held if one.path.name.startswith(NIGHTLY)]
    others = [one for one in held if one.path not in nightly]
    _tell_files(
        "The address is still in these files. Make a new backup, then delete them:",
        [one.path for one in others if one.is_read],
    )
    unread = [one.path for one in others if not one.is_read]
    _tell_files(
        "These cannot be read or changed now, and may hold it. Look into them, or see who owns them:",
        [*unread, *(path for path in swept.left if path not in [one.path for one in held])],
    )
    _tell_files("An import is writing these at this moment. The scheduler takes the person out tonight:", swept.busy)
    if nightly:
        click.echo(f"And in nightly backups ({len(nightly)}), which go by themselves within four weeks.")
    if swept.lingering is not None:
        click.echo(safe(f"Not done yet, so old words of theirs may linger in the database's files: {swept.lingering}"))
        click.echo("The scheduler tries again each minute, and before the night's backup.")


def _tell_files(words: str, paths: list[Path]) -> None:
    if paths:
        click.echo(words)
    for path in paths:
        click.echo(safe(f"  {path}"))

"""`feedback erase`."""

from datetime import UTC, datetime

import click

from feedback.cli.terminal import safe
from feedback.config import load_config
from feedback.keys import load_keys
from feedback.loop import erasing
from feedback.store import open_store


@click.command("erase")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_command(email: str, yes: bool) -> None:
    """Forget the person with the address EMAIL, for good; the figures stay."""
    config = load_config()
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    known = erasing.known_by(store, email)
    click.echo(safe(f"Known by {email}:"))
    for one in known:
        click.echo(safe(f"  {one.name or 'no name'}, {one.ref} in {one.source}: {_cases(one.cases)}"))
    if not yes:
        whom = "this person" if len(known) == 1 else f"all {len(known)} of them"
        click.confirm(f"Erase what tells who it is of {whom}? This cannot be undone.", abort=True)
    erased = erasing.erase(store, keys, email, datetime.now(UTC))
    click.echo(f"Erased, with {_cases(erased)}. Nothing about them is taken in from now on.")
    held = list(erasing.still_held(config, email))
    nightly = [path for path in held if path.name.startswith("nightly-")]
    if others := [path for path in held if path not in nightly]:
        click.echo("The address is still in these files. Make a new backup, then delete them:")
        for path in others:
            click.echo(safe(f"  {path}"))
    if nightly:
        click.echo(f"And in {len(nightly)} nightly backups, which go by themselves within four weeks.")


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count:,} cases"

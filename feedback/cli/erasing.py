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
    known = erasing.count(store, email)
    click.echo(safe(f"Known by {email}: {_told(known)}."))
    if not yes:
        click.confirm("Erase what tells who it is? This cannot be undone.", abort=True)
    erased = erasing.erase(store, keys, email, datetime.now(UTC))
    click.echo(f"Erased: {_told(erased)}. Nothing about this person is taken in from now on.")
    if held := list(erasing.still_held(config, email)):
        click.echo("The address is still in these files. Nightly backups go by themselves; delete the others:")
        for path in held:
            click.echo(safe(f"  {path}"))


def _told(erased: erasing.Erased) -> str:
    people = "1 customer" if erased.customers == 1 else f"{erased.customers:,} customers"
    return f"{people}, {'1 case' if erased.cases == 1 else f'{erased.cases:,} cases'}"

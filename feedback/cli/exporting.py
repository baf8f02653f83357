"""`feedback export`."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import click

from feedback.cli.terminal import safe
from feedback.config import load_config
from feedback.errors import FileError
from feedback.keys import load_keys
from feedback.loop import exporting
from feedback.loop.suppressing import export_suppressions
from feedback.store import open_store

_PERSON = "EMAIL"


class _OrPerson(click.Group):
    """A group in which whatever is none of its commands is the address of a person."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] == _PERSON or args[0] not in self.commands:
            return None, self.commands[_PERSON], args
        return super().resolve_command(ctx, args)


@click.group(name="export", cls=_OrPerson, context_settings={"ignore_unknown_options": True})
def export_group() -> None:
    """Write records to files: all that is held about a person, or a list."""


@export_group.command(_PERSON, context_settings={"ignore_unknown_options": False})
@click.argument("email")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder for the two files, made if it is not there; default: this one.",
)
def export_person_command(email: str, folder: Path) -> None:
    """Write all that is held about the person with the address EMAIL into two files: for a machine, and to read."""
    config = load_config()
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    made = exporting.export(store, keys, config, email, folder.absolute(), datetime.now(UTC))
    click.echo("All that is held about this person is in two files, which nobody but you can read:")
    click.echo(safe(f"  {made.data} (for a machine)"))
    click.echo(safe(f"  {made.page} (to read)"))
    if made.others:
        click.echo(safe(f"The same person may be known by {', '.join(made.others)}, too. If so, export that as well."))
    click.echo("Hand them to nobody but this person, and delete them then.")


@export_group.command("suppressions")
@click.argument("file", type=click.Path(path_type=Path))
def export_suppressions_command(file: Path) -> None:
    """Write the addresses that are never asked to a new FILE, as hashes that only this secret.key understands."""
    config = load_config()
    rows = export_suppressions(open_store(config.database_url), load_keys(config.data_dir))
    try:
        with file.open("x", encoding="utf-8", newline="") as target:
            csv.writer(target, lineterminator="\n").writerows(rows)
    except FileExistsError:
        raise FileError(f"{file} is here already, and is not overwritten. Name another one.") from None
    except OSError as error:
        raise FileError(f"{file} cannot be written: {error.strerror}.") from None
    click.echo(safe(f"{len({row[0] for row in rows[1:]}):,} addresses are in {file}."))

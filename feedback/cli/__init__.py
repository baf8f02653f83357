"""The `feedback` command. Each command is a few lines that call one function."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import click

from feedback import __version__, jobs, processes
from feedback.cli.access import key, staff
from feedback.cli.backups import backup, restore, resume
from feedback.cli.erasing import erase_command
from feedback.cli.exporting import export_group
from feedback.cli.figures import figures_command
from feedback.cli.followups import explain_command, followups
from feedback.cli.imports import import_group
from feedback.cli.letters import letter_command, words_command
from feedback.cli.moments import At, at_option, moment
from feedback.cli.simulating import simulate_command
from feedback.cli.starting import demo, init
from feedback.cli.terminal import Commands, safe, steps
from feedback.config import load_config
from feedback.keys import load_keys
from feedback.loop.health import check
from feedback.publish import build
from feedback.store import open_store


@click.group(cls=Commands)
@click.version_option(__version__)
def main() -> None:
    """Ask “Did we solve it?” a day after each resolution, act on every “no”, publish what was learned."""


for command in (
    backup,
    restore,
    resume,
    erase_command,
    demo,
    init,
    import_group,
    export_group,
    letter_command,
    words_command,
    key,
    staff,
    explain_command,
    simulate_command,
    followups,
    figures_command,
):
    main.add_command(command)


@main.command()
@click.option(
    "--to", "target", type=click.Path(path_type=Path), help="Publish into this folder; the site is DIR/current."
)
@at_option
def publish(target: Path | None, at: At | None) -> None:
    """Build the site with today's figures, and swap it in. If that fails, the one that is published stays."""
    config = load_config()
    store = open_store(config.database_url)
    now = moment(config, store, at)
    with steps() as tell:
        sources = build.find_sources(Path.cwd())
        if target is None:
            folder = jobs.publish_now(store, config, sources, now, tell)
        else:
            folder = build.publish(store, config, sources, target, now, tell=tell).folder
    click.echo(f"Published: {folder.parent / 'current'} now points at {folder.name}.")


@main.command()
@at_option
def tick(at: At | None) -> None:
    """Run every job once, in the order of the loop, each until it finds no more work."""
    config = load_config()
    store = open_store(config.database_url)
    sent_before = store.outbox.count_sent()
    failures = jobs.tick(config, store, load_keys(config.data_dir), moment(config, store, at))
    for name, failure in failures.items():
        click.echo(safe(f"{name}: {f'failed: {failure}' if failure else 'done'}"))
    counts = store.outbox.counts()
    where = f" (see {config.mail_folder / 'new'})" if config.mail.startswith("maildir:") else ""
    click.echo(f"Mails sent now: {store.outbox.count_sent() - sent_before}{where}.")
    click.echo("Outbox: " + (", ".join(f"{n} {state}" for state, n in counts.items()) or "empty"))
    if any(failures.values()):
        raise SystemExit(1)


@main.command()
def migrate() -> None:
    """Bring the database up to date, after a backup of it."""
    config = load_config()
    open_store(config.database_url, migrate=True).close()
    click.echo(f"The database in {config.data_dir} is up to date.")


@main.command()
def health() -> None:
    """Tell whether all is well: the web service, the jobs, the mail and the build."""
    config = load_config()
    checks = [
        processes.check_web(config),
        *check(open_store(config.database_url), config, datetime.now(UTC)),
    ]
    for one in checks:
        click.echo(safe(f"{'BAD' if not one.ok else '!! ' if one.warns else 'ok '} {one.name}: {one.words}"))
    if not all(one.ok for one in checks):
        raise SystemExit(1)


@main.command()
def serve() -> None:
    """Run the web service."""
    processes.serve(load_config())


@main.command()
def schedule() -> None:
    """Run the jobs, until stopped."""
    jobs.main()


@main.command()
def run() -> None:
    """Run the web service and the jobs together."""
    logging.basicConfig(level=logging.INFO)
    config = load_config()
    greeting = f"It runs: {config.base_url}/ and the desk {config.base_url}/desk/. Stop it with Ctrl-C."
    processes.run(config, greeting)

"""The `feedback` command. Each command is a few lines that call one function."""

import logging
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from feedback import __version__, jobs, processes
from feedback.config import Config, load_config
from feedback.domain.cases import aware
from feedback.domain.followups import FollowUp, Outcome
from feedback.domain.timing import in_words
from feedback.errors import ConfigError, FeedbackError, FieldError
from feedback.keys import hash_api_key, load_keys, new_api_key
from feedback.loop import following_up
from feedback.loop.asking import Asking
from feedback.loop.explaining import explain
from feedback.loop.health import check
from feedback.loop.intake import ImportReport, import_cases
from feedback.loop.mapping import load_mapping
from feedback.publish import build
from feedback.store import Store, open_store
from feedback.store.outbox import MailState


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FeedbackError as error:
            raise click.ClickException("\n".join(map(_safe, str(error).splitlines()))) from error


class _Moment(click.ParamType[datetime]):
    """A time with its offset, or a distance from now such as +25h."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        match = re.fullmatch(r"([+-]\d{1,6})([mhd])", value)
        try:
            if match:
                unit = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[match[2]]
                return datetime.now(UTC).replace(microsecond=0) + int(match[1]) * unit
            return aware("--at", value, datetime.fromisoformat(value), None)
        except (ValueError, OverflowError, FieldError):
            self.fail(
                f"given {value!r}, expected a time such as 2026-11-22T09:30:00Z, or +25h.",
                param,
                ctx,
            )


def _moment(config: Config, at: datetime | None) -> datetime:
    """The moment that a command works by. Another than now only while mail reaches no real person."""
    if at is None:
        return datetime.now(UTC)
    if not config.mail_is_trial:
        raise ConfigError(
            "--at is for trials, and FEEDBACK_MAIL names a real mail server.\n"
            "Leave --at out, or set FEEDBACK_MAIL=maildir:"
        )
    return at


_at_option = click.option("--at", type=_Moment(), help="The moment to work by, for trials: a time, or +25h from now.")


@click.group(cls=_Commands)
@click.version_option(__version__)
def main() -> None:
    """Ask “Did we solve it?” a day after each resolution, act on every “no”, publish what was learned."""


@main.group(name="import")
def import_group() -> None:
    """Take in records from files."""


@import_group.command("cases")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "map_file", type=click.Path(path_type=Path), help="A mapping file for foreign columns (TOML).")
@click.option("--dry-run", is_flag=True, help="Show what would happen; change nothing.")
@_at_option
def import_cases_command(file: Path, map_file: Path | None, dry_run: bool, at: datetime | None) -> None:
    """Take in cases from FILE: CSV, TSV, JSON or NDJSON."""
    config = load_config()
    now = _moment(config, at)
    mapping = load_mapping(map_file) if map_file else None
    refused_folder = None if dry_run else config.data_dir / "refused"
    with tempfile.TemporaryDirectory(prefix="feedback-trial-") as folder:
        place = _copy_for_trial(config, Path(folder)) if dry_run else config
        store = open_store(place.database_url)
        asking = Asking(store, load_keys(place.data_dir), config)
        with _ProgressBar(f"Importing {file.name}") as progress:
            report = import_cases(
                store, asking, config, file, mapping, now, refused_folder=refused_folder, progress=progress
            )
        store.close()
    for line in _report(report, dry_run=dry_run):
        click.echo(_safe(line))
    if report.refused_count:
        raise SystemExit(1)


def _copy_for_trial(config: Config, folder: Path) -> Config:
    """The same settings over a copy of the data, so that a trial changes nothing, not even an empty folder."""
    trial = config.model_copy(update={"data_dir": folder})
    if (config.data_dir / "feedback.db").exists():
        store = open_store(config.database_url)
        store.copy_to(folder / "feedback.db")
        store.close()
        if (config.data_dir / "secret.key").exists():
            shutil.copy(config.data_dir / "secret.key", folder)
    return trial


class _ProgressBar:
    """How far an import is, its rate, and the time left."""

    def __init__(self, label: str) -> None:
        self._bar: Any = click.progressbar(
            length=1, label=label, show_eta=True, show_pos=False, item_show_func=lambda rate: rate
        )
        self._began = time.monotonic()

    def __enter__(self) -> Callable[[int, int, int], None]:
        self._bar.__enter__()
        return self._update

    def _update(self, position: int, size: int, rows: int) -> None:
        rate = rows / max(0.001, time.monotonic() - self._began)
        self._bar.length = max(1, size)
        self._bar.update(max(0, min(position, size) - self._bar.pos), f"{rate:,.0f} rows/s")

    def __exit__(self, *error: Any) -> None:
        self._bar.__exit__(*error)


def _report(report: ImportReport, *, dry_run: bool) -> list[str]:
    form = f", separated by {report.delimiter!r}" if report.delimiter else ""
    lines = [f"Read as {report.encoding}{form}."]
    if report.ignored_columns:
        lines.append(f"Columns that were not used: {', '.join(report.ignored_columns)}.")
    done = ", ".join(f"{n:,} {change}" for change, n in sorted(report.changes.items())) or "none"
    lines.append(f"Cases: {done}; {report.refused_count:,} rows refused.")
    if report.rows == 0:
        lines.append("The file has no rows.")
    lines.append(f"New resolutions: {report.resolutions:,}.")
    if report.without_moment:
        lines.append(f"  {report.without_moment:,} × resolved, but no resolved_at: we cannot ask")
    lines += [f"  {n:,} × {reason.sentence}" for reason, n in report.decisions.most_common()]
    if report.refused:
        lines.append("Refused:")
        lines += [f"  line {row.line}: {row.error}" for row in report.refused]
        if report.refused_count > len(report.refused):
            lines.append(f"  and {report.refused_count - len(report.refused):,} more")
    if report.refused_file:
        lines.append(f"All refused rows are in {report.refused_file}. Mend them at the source and import again.")
    if dry_run:
        lines.append("This was a trial: nothing was changed.")
    return lines


@main.group()
def key() -> None:
    """Keys for the API."""


@key.command("add")
@click.argument("name")
def key_add(name: str) -> None:
    """Make a key for the help desk NAME, and show it once."""
    store = _store()
    secret = new_api_key()
    with store.write():
        store.operations.add_api_key(name, hash_api_key(secret), datetime.now(UTC))
    click.echo(f"{secret}\nKeep it now: only its hash is stored, and it is not shown again.")


@key.command("list")
def key_list() -> None:
    """List the keys by name."""
    keys = _store().operations.api_keys()
    for name, since in keys:
        click.echo(f"{name}, since {since:%Y-%m-%d}")
    if not keys:
        click.echo("There is no key. Make one with: feedback key add NAME")


@key.command("remove")
@click.argument("name")
def key_remove(name: str) -> None:
    """Remove the key NAME; it opens nothing any more."""
    store = _store()
    with store.write():
        store.operations.remove_api_key(name)
    click.echo(f"Removed the key {name}.")


@main.command("explain")
@click.argument("ref")
def explain_command(ref: str) -> None:
    """Tell why the customer of case REF was asked, or not."""
    config = load_config()
    for line in explain(open_store(config.database_url), load_keys(config.data_dir), config, ref):
        click.echo(_safe(line))


@main.group(invoke_without_command=True)
@click.option("--all", "closed_too", is_flag=True, help="Closed ones too.")
@click.pass_context
def followups(ctx: click.Context, closed_too: bool) -> None:
    """List the follow-ups that are open, by when they are due."""
    if ctx.invoked_subcommand is not None:
        return
    config = load_config()
    found = open_store(config.database_url).follow_ups.list(closed_too=closed_too)
    for follow_up in found:
        click.echo("\n".join(_follow_up(follow_up, config)))
    if not found:
        click.echo("No follow-up is open. One opens when a customer answers “no”.")


def _follow_up(follow_up: FollowUp, config: Config) -> list[str]:
    if follow_up.closed_at is None:
        state = f"due {in_words(follow_up.due_at, config.zone)}"
    else:
        state = f"closed as {follow_up.outcome} on {in_words(follow_up.closed_at, config.zone)}"
    who = " ".join(part for part in (follow_up.customer, follow_up.email and f"<{follow_up.email}>") if part)
    lines = [f"{follow_up.id}  {state}", f"  {who or 'unknown customer'}: {follow_up.subject or follow_up.case_ref}"]
    details = follow_up.answer.details
    if details.call:
        lines.append(f"  asks for a call: {details.phone or 'no number given'}")
    lines += [f"  | {line}" for line in details.comment.splitlines()]
    if follow_up.note:
        lines.append(f"  note: {follow_up.note}")
    return [_safe(line) for line in lines]


def _safe(line: str) -> str:
    """A line for a terminal: what others wrote must not command it."""
    return "".join(letter for letter in line if letter.isprintable())


@followups.command("close")
@click.argument("follow_up_id", metavar="ID")
@click.option("--note", required=True, help="What was done.")
@click.option(
    "--outcome",
    type=click.Choice([outcome.value for outcome in Outcome if outcome is not Outcome.WITHDRAWN]),
    default=Outcome.SOLVED.value,
    show_default=True,
)
def followups_close(follow_up_id: str, note: str, outcome: str) -> None:
    """Close the follow-up ID with a note of what was done."""
    closed = following_up.close(_store(), follow_up_id, Outcome(outcome), note, datetime.now(UTC))
    click.echo(f"Closed as {closed.outcome}: {closed.subject or closed.case_ref}.")


@main.command()
@click.option(
    "--to", "target", type=click.Path(path_type=Path), help="Publish into this folder; the site is DIR/current."
)
@_at_option
def publish(target: Path | None, at: datetime | None) -> None:
    """Build the site with today's figures, and swap it in."""
    config = load_config()
    store = open_store(config.database_url)
    now = _moment(config, at)
    if target is None:
        folder = jobs.publish_now(store, config, now)
    else:
        folder = build.publish(store, config, build.find_sources(Path.cwd()), target, now)
    click.echo(f"Published: {folder.parent / 'current'} now points at {folder.name}.")


@main.command()
@_at_option
def tick(at: datetime | None) -> None:
    """Run every job once, in the order of the loop, each until it finds no more work."""
    config = load_config()
    store = open_store(config.database_url)
    sent_before = store.outbox.counts().get(MailState.SENT, 0)
    failures = jobs.tick(config, store, load_keys(config.data_dir), _moment(config, at))
    for name, failure in failures.items():
        click.echo(_safe(f"{name}: {f'failed: {failure}' if failure else 'done'}"))
    counts = store.outbox.counts()
    where = f" (see {config.mail_folder / 'new'})" if config.mail.startswith("maildir:") else ""
    click.echo(f"Mails sent now: {counts.get(MailState.SENT, 0) - sent_before}{where}.")
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
        *check(open_store(config.database_url), datetime.now(UTC)),
    ]
    for one in checks:
        click.echo(_safe(f"{'ok ' if one.ok else 'BAD'} {one.name}: {one.words}"))
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
    processes.run(load_config())


def _store() -> Store:
    return open_store(load_config().database_url)

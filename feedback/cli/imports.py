"""`feedback import`."""

import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from feedback.cli.moments import At, at_option, moment
from feedback.cli.terminal import safe
from feedback.config import Config, load_config
from feedback.domain.eligibility import Verdict
from feedback.domain.purchases import Passed
from feedback.domain.timing import local_day
from feedback.keys import load_keys
from feedback.loop.asking import Asking
from feedback.loop.buying import PurchaseReport, import_purchases
from feedback.loop.importing import CACHE_MIB, FileReport, Progress
from feedback.loop.intake import ImportReport, import_cases
from feedback.loop.mapping import CaseMapping, Mapping, PurchaseMapping, load_mapping
from feedback.loop.suppressing import import_suppressions
from feedback.store import Store, open_store
from feedback.store.cases import Change


@click.group(name="import")
def import_group() -> None:
    """Take in records from files."""


@import_group.command("cases")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "map_file", type=click.Path(path_type=Path), help="A mapping file for foreign columns (TOML).")
@click.option("--dry-run", is_flag=True, help="Show what would happen; change nothing.")
@at_option
def import_cases_command(file: Path, map_file: Path | None, dry_run: bool, at: At | None) -> None:
    """Take in cases from FILE: CSV, TSV, JSON or NDJSON."""
    mapping = load_mapping(map_file, CaseMapping) if map_file else None

    def take(store: Store, place: Config, now: datetime, refused: Path | None, progress: Progress) -> ImportReport:
        asking = Asking(store, load_keys(place.data_dir), place)
        return import_cases(store, asking, place, file, mapping, now, refused_folder=refused, progress=progress)

    _import(file, mapping, at, take, _about_cases, dry_run=dry_run)


@import_group.command("purchases")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "map_file", type=click.Path(path_type=Path), help="A mapping file for foreign columns (TOML).")
@click.option("--dry-run", is_flag=True, help="Show what would happen; change nothing.")
@click.option("--take-out", is_flag=True, help="Remove the orders of FILE again, if they came in by mistake.")
@at_option
def import_purchases_command(file: Path, map_file: Path | None, dry_run: bool, take_out: bool, at: At | None) -> None:
    """Take in what known customers bought, from FILE: CSV, TSV, JSON or NDJSON."""
    mapping = load_mapping(map_file, PurchaseMapping) if map_file else None

    def take(store: Store, place: Config, now: datetime, refused: Path | None, progress: Progress) -> PurchaseReport:
        keys = load_keys(place.data_dir)
        return import_purchases(
            store, keys, place, file, mapping, now, refused_folder=refused, progress=progress, take_out=take_out
        )

    _import(file, mapping, at, take, _about_purchases, dry_run=dry_run)


_Report = TypeVar("_Report", bound=FileReport)


def _import(
    file: Path,
    mapping: Mapping | None,
    at: At | None,
    take: Callable[[Store, Config, datetime, Path | None, Progress], _Report],
    about: Callable[[_Report, ZoneInfo], list[str]],
    *,
    dry_run: bool,
) -> None:
    """Take in a file, in earnest or over a copy, and tell what came of it; exit status 1 if a row was refused."""
    config = load_config()
    refused_folder = None if dry_run else config.data_dir / "refused"
    with tempfile.TemporaryDirectory(prefix="feedback-trial-") as folder:
        place = _copy_for_trial(config, Path(folder)) if dry_run else config
        store = open_store(place.database_url, cache_mib=CACHE_MIB)
        now = moment(config, store, at)
        with _ProgressBar(f"Importing {file.name}") as progress:
            report = take(store, place, now, refused_folder, progress)
        store.close()
    zone = (mapping and mapping.file.zone) or config.zone
    for line in _told(report, about(report, config.zone), zone, dry_run=dry_run):
        click.echo(safe(line))
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


def _about_cases(report: ImportReport, _zone: ZoneInfo) -> list[str]:
    lines = [f"Cases: {_done(report)}."]
    if skipped := report.changes[Change.SKIPPED]:
        lines.append(
            f"  {skipped:,} × skipped, for what we knew of the person was erased, or they are past FEEDBACK_RETENTION"
        )
    if report.rows == 0:
        lines.append("The file has no rows.")
    lines.append(f"New resolutions: {report.resolutions:,}.")
    if report.without_moment:
        lines.append(f"  {report.without_moment:,} × resolved, but no resolved_at: we cannot ask")
    now, later, never = (report.verdicts[verdict] for verdict in (Verdict.ASK, Verdict.DEFER, Verdict.SKIP))
    lines.append(f"Customers to ask: {now:,} now, {later:,} later. Not to ask: {never:,}.")
    lines += [f"  {n:,} × {reason.sentence}" for reason, n in report.decisions.most_common()]
    return lines


def _about_purchases(report: PurchaseReport, zone: ZoneInfo) -> list[str]:
    lines = [f"Purchases: {_done(report)}."]
    lines += [f"  {n:,} × skipped, for {why.sentence}" for why, n in report.passed.most_common()]
    if others := report.changes[Change.SKIPPED] - report.passed.total():
        lines.append(f"  {others:,} × skipped, for {Passed.ERASED.sentence}, and the row cannot be used")
    if report.first_at is not None and report.last_at is not None:
        first_day, last_day = (local_day(at, zone) for at in (report.first_at, report.last_at))
        lines.append(f"  from {first_day} to {last_day}, {report.smallest} to {report.largest}, {report.sum} in all")
    if report.rows == 0:
        lines.append("The file has no rows.")
    return lines


def _done(report: FileReport) -> str:
    done = ", ".join(f"{n:,} {change}" for change, n in sorted(report.changes.items())) or "none"
    return f"{done}; {report.refused_count:,} row{'' if report.refused_count == 1 else 's'} refused"


def _told(report: FileReport, about: list[str], zone: ZoneInfo, *, dry_run: bool) -> list[str]:
    form = f", separated by {report.delimiter!r}" if report.delimiter else ""
    lines = [f"Read as {report.encoding}{form}; times without an offset as {zone.key}.", *about]
    if report.refused:
        lines.append("Refused:")
        lines += [f"  line {row.line}: {row.error}" for row in report.refused]
        if report.refused_count > len(report.refused):
            lines.append(f"  and {report.refused_count - len(report.refused):,} more")
    if report.refused_file:
        lines.append(f"All refused rows are in {report.refused_file}. Mend them at the source and import again.")
    if unused := [name for name in report.ignored_columns if name]:  # GLPI writes a last one without a name
        lines.append(f"Columns that were not used: {', '.join(unused)}.")
    if dry_run:
        lines.append("This was a trial: nothing was changed.")
    return lines


@import_group.command("suppressions")
@click.argument("file", type=click.Path(path_type=Path))
def import_suppressions_command(file: Path) -> None:
    """Take in addresses that are never asked, from FILE: a CSV with a column email, or an export of ours."""
    config = load_config()
    report = import_suppressions(open_store(config.database_url), load_keys(config.data_dir), file, datetime.now(UTC))
    counts = f"{report.added:,} new, {report.known:,} known before, {len(report.refused):,} refused"
    click.echo(f"Addresses that are never asked: {counts}.")
    for row in report.refused:
        click.echo(safe(f"  line {row.line}: {row.error}"))
    if report.refused:
        raise SystemExit(1)

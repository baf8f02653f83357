"""Cases come in: from a file or the API, checked one by one, snapshot at each resolution."""

import csv
import fcntl
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TextIO

from feedback.config import Config
from feedback.domain.cases import CASE_FIELDS, NEEDED_FIELDS, CaseRecord, CaseStatus, begins_resolution, parse_case
from feedback.domain.eligibility import Decision, Reason, Verdict
from feedback.errors import FieldError, FileError
from feedback.loop.asking import Asking
from feedback.loop.erasing import Erased, is_erased
from feedback.loop.leftovers import traces_of_row
from feedback.loop.mapping import CaseMapping, Raw
from feedback.loop.retaining import is_past
from feedback.store import Store
from feedback.store.cases import Change
from feedback.store.files import BadRow, RecordFile, Row, open_records

CACHE_MIB = 64  # keys are random, so a long import touches all of each index again and again
BATCH = 500  # rows a transaction: others wait for the write lock no longer than that
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one record; `resolution` if it told of a new one, and what was decided about that, or anew."""

    change: Change
    resolution: bool
    decision: Decision | None


@dataclass(slots=True)
class ImportReport:
    """What an import did. `refused` holds the first few; all of them are in `refused_file`, unless it was a trial."""

    encoding: str
    delimiter: str | None
    ignored_columns: list[str]
    changes: Counter[Change] = field(default_factory=Counter)
    rows: int = 0
    resolutions: int = 0
    without_moment: int = 0
    decisions: Counter[Reason] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    refused_count: int = 0
    refused: list[BadRow] = field(default_factory=list)
    refused_file: Path | None = None


def take_in(store: Store, asking: Asking, records: Sequence[CaseRecord], now: datetime) -> list[Taken]:
    """Create or update cases, at most BATCH of them, in one transaction; one result a record.

    What is about somebody who was erased is left out, and so is a case that is new here and older than we keep any.
    """
    assert len(records) <= BATCH
    with store.write():
        some_erased = store.erasures.exist()
        return [
            Taken(Change.SKIPPED, resolution=False, decision=None)
            if (some_erased and is_erased(store, asking.keys, record)) or is_past(store, asking.config, record, now)
            else _take_one(store, asking, record, now)
            for record in records
        ]


def _take_one(store: Store, asking: Asking, record: CaseRecord, now: datetime) -> Taken:
    saved = store.cases.save(record)
    if saved.change is Change.UNCHANGED:
        anew = asking.consider_unplanned(saved.last_id, now) if saved.last_id is not None else None
        return Taken(saved.change, resolution=False, decision=anew)
    is_new = begins_resolution(record, saved.last_resolved_at, was_open=saved.was_open)
    decision = None
    if is_new:
        resolution_id = store.cases.freeze_resolution(saved.id, saved.last_n + 1)
        decision = asking.consider(resolution_id, now)
    if saved.last_id is not None:
        if not is_new:
            store.cases.complete_resolution(saved.last_id)
        asking.consider(saved.last_id, now)
    return Taken(saved.change, is_new, decision)


def import_cases(
    store: Store,
    asking: Asking,
    config: Config,
    path: Path,
    mapping: CaseMapping | None,
    now: datetime,
    *,
    refused_folder: Path | None,
    progress: Callable[[int, int, int], None] = lambda position, size, rows: None,
) -> ImportReport:
    """Take in a whole file; refused rows go to a file in `refused_folder` (None: only counted), the rest goes in.

    `progress` hears of bytes read, bytes in all, and rows done. Raises FileError, StoreError.
    """
    with open_records(path) as file:
        ignored = mapping.check_columns(file.columns, path) if mapping and file.columns is not None else []
        if mapping is None:
            mapping, ignored = _mapping_by_name(file.columns, path)
        report = ImportReport(file.encoding, file.delimiter, ignored)
        check, is_theirs = _Check(mapping, config, now), Erased(store, asking.keys)
        with _RefusedRows(refused_folder, path, now, report) as refused:
            batch: list[CaseRecord] = []
            for raw in _told(mapping, file, progress):
                record = check(raw)
                if isinstance(record, BadRow):
                    if is_theirs(traces_of_row(record.raw, str(record.error.given))):
                        report.changes[Change.SKIPPED] += 1
                    else:
                        refused.add(record)
                else:
                    batch.append(record)
                if len(batch) == BATCH:
                    _note(report, take_in(store, asking, batch, now))
                    batch = []
            _note(report, take_in(store, asking, batch, now))
            progress(file.size, file.size, check.rows)
        report.rows, report.without_moment = check.rows, check.without_moment
        if file.columns is None:
            report.ignored_columns += check.unread_names()
    return report


def _told(mapping: CaseMapping, file: RecordFile, progress: Callable[[int, int, int], None]) -> Iterator[Raw | BadRow]:
    """The records, while `progress` is told how far they are. A log is read whole first: that is half the way."""
    if mapping.file.one_row_per == "case":
        for rows, raw in enumerate(mapping.records(file), 1):
            yield raw
            if rows % BATCH == 0:
                progress(file.position, file.size, rows)
        return
    records = list(mapping.records(_read(file, progress)))
    for n, raw in enumerate(records, 1):
        yield raw
        if n % BATCH == 0:
            progress(file.size // 2 + file.size * n // len(records) // 2, file.size, n)


def _read(file: RecordFile, progress: Callable[[int, int, int], None]) -> Iterator[Row | BadRow]:
    for rows, row in enumerate(file, 1):
        yield row
        if rows % BATCH == 0:
            progress(file.position // 2, file.size, rows)


def _mapping_by_name(columns: list[str] | None, path: Path) -> tuple[CaseMapping, list[str]]:
    """Columns named as our fields, in capitals or not; others are ignored, and told."""
    by_name = {name: name for name in CASE_FIELDS} if columns is None else {c.lower(): c for c in columns}
    fields = {name: by_name[name] for name in CASE_FIELDS if name in by_name}
    for name in NEEDED_FIELDS:
        if name not in fields:
            raise FileError(
                f"{path} has no column {name!r}. It has: {', '.join(columns or [])}.\n"
                "Say which column is which in a mapping file and pass it with --map; docs/import.md shows how."
            )
    mapping = CaseMapping.model_validate({"fields": fields})
    return mapping, mapping.check_columns(columns, path) if columns is not None else []


class _Check:
    """Checks the rows of one file. Each case may stand there once: the rows' order in time cannot be trusted."""

    def __init__(self, mapping: CaseMapping, config: Config, now: datetime) -> None:
        self._mapping = mapping
        self._zone = mapping.file.zone or config.zone
        self._now = now
        self._seen: set[tuple[str, str]] = set()
        self._names: set[str] = set()
        self.rows = 0
        self.without_moment = 0

    def __call__(self, raw: Raw | BadRow) -> CaseRecord | BadRow:
        """The record, or what is wrong with it."""
        self.rows += 1
        if isinstance(raw, BadRow):
            return raw
        self._names.update(raw.row.values)
        try:
            record = parse_case(raw.values, now=self._now, zone=self._zone)
            if (record.source, record.ref) in self._seen:
                expected = 'one row a case; for a log of updates set one_row_per = "update" in a mapping file'
                raise FieldError("ref", record.ref, expected)
        except FieldError as error:
            return raw.row.bad(self._as_given(error, raw))
        self._seen.add((record.source, record.ref))
        self.without_moment += record.status is CaseStatus.RESOLVED and record.resolved_at is None
        return record

    def unread_names(self) -> list[str]:
        """The names of JSON fields that nothing read."""
        return sorted(self._names - {name for source in self._mapping.fields.values() for name in source.columns})

    def _as_given(self, error: FieldError, raw: Raw) -> FieldError:
        """The error with the value as the file gives it, not as a mapping read it."""
        columns = self._mapping.fields[error.field].columns if error.field in self._mapping.fields else []
        if len(columns) == 1 and columns[0] in raw.row.values:
            return FieldError(error.field, raw.row.values[columns[0]] or "nothing", error.expected)
        return error


def _note(report: ImportReport, taken: Sequence[Taken]) -> None:
    for one in taken:
        report.changes[one.change] += 1
        report.resolutions += one.resolution
        if one.decision is not None:
            report.decisions[one.decision.reason] += 1
            report.verdicts[one.decision.verdict] += 1


class _RefusedRows:
    """The file of refused rows, made when the first one comes, readable by its owner only."""

    def __init__(self, folder: Path | None, source: Path, now: datetime, report: ImportReport) -> None:
        self._folder = folder
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", source.stem)[:60]
        self._stem = f"{stem}-{now:%Y%m%dT%H%M%SZ}"
        self._report = report
        self._file: TextIO | None = None

    def __enter__(self) -> "_RefusedRows":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: BadRow) -> None:
        self._report.refused_count += 1
        if len(self._report.refused) < SHOWN:
            self._report.refused.append(row)
        if self._folder is None:
            return
        try:
            if self._file is None:
                self._file = self._open(self._folder)
                csv.writer(self._file).writerow(["line", "field", "given", "expected", "row"])
            cells = [str(row.line), row.error.field, row.error.given, row.error.expected, row.raw]
            csv.writer(self._file).writerow([_unformula(cell) for cell in cells])
            self._file.flush()
        except OSError as error:
            raise FileError(
                f"Refused rows cannot be written to {self._folder}: {error.strerror}. The import stopped at line "
                f"{row.line}; some rows before it are in. Mend that and import again: nothing goes in twice."
            ) from None

    def _open(self, folder: Path) -> TextIO:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in _names(folder, self._stem):
            try:
                path.touch(mode=0o600, exist_ok=False)
            except FileExistsError:
                continue
            self._report.refused_file = path
            file = path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
            fcntl.flock(file, fcntl.LOCK_EX)  # so that an erasure does not put another file in its place meanwhile
            return file
        raise AssertionError("unreachable: the names never end")


def _names(folder: Path, stem: str) -> Iterator[Path]:
    yield folder / f"{stem}.csv"
    n = 2
    while True:
        yield folder / f"{stem}-{n}.csv"
        n += 1


def _unformula(cell: str) -> str:
    """A spreadsheet runs a cell that begins like a formula; an apostrophe makes it text."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell

"""A user's file goes in, row by row: read, checked, taken in by batches; what is refused is kept in a file beside."""

import csv
import fcntl
import re
from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Values
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, TextIO, TypeVar

from feedback.errors import FieldError, FileError
from feedback.loop.erasing import Erased
from feedback.loop.leftovers import traces_of_row
from feedback.loop.mapping import Mapping, Raw
from feedback.store.cases import Change
from feedback.store.files import BadRow, RecordFile, Row, open_records

CACHE_MIB = 64  # keys are random, so a long import touches all of each index again and again
BATCH = 500  # rows a transaction: others wait for the write lock no longer than that
SHOWN = 10

Progress = Callable[[int, int, int], None]
_Record = TypeVar("_Record")


def untold(position: int, size: int, rows: int) -> None:
    """Progress of which nobody wants to hear."""


@dataclass(slots=True)
class FileReport:
    """What an import did. `refused` holds the first few; all of them are in `refused_file`, unless it was a trial."""

    encoding: str = ""
    delimiter: str | None = None
    ignored_columns: list[str] = field(default_factory=list)
    changes: Counter[Change] = field(default_factory=Counter)
    rows: int = 0
    refused_count: int = 0
    refused: list[BadRow] = field(default_factory=list)
    refused_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Kind(Generic[_Record]):
    """What differs between the kinds of records.

    `mapping` is how their columns are read, `parse` checks the values of one and raises FieldError, `take` takes in at
    most BATCH of them, and notes in the report what became of each.
    """

    mapping: type[Mapping]
    parse: Callable[[Values[str, object]], _Record]
    take: Callable[[list[_Record]], None]


def import_file(
    kind: Kind[_Record],
    path: Path,
    mapping: Mapping | None,
    report: FileReport,
    now: datetime,
    *,
    is_theirs: Erased,
    refused_folder: Path | None,
    progress: Progress,
) -> None:
    """Take in a whole file; refused rows go to a file in `refused_folder` (None: only counted), the rest goes in.

    A refused row that `is_theirs` counts as skipped, and is written nowhere. `progress` hears of bytes read, bytes in
    all, and rows done. Raises FileError, StoreError.
    """
    with open_records(path) as file:
        ignored = mapping.check_columns(file.columns, path) if mapping and file.columns is not None else []
        if mapping is None:
            mapping, ignored = _mapping_by_name(kind.mapping, file.columns, path)
        report.encoding, report.delimiter, report.ignored_columns = file.encoding, file.delimiter, ignored
        names: set[str] = set()
        with _RefusedRows(refused_folder, path, now, report) as refused:
            batch: list[_Record] = []
            for raw in _told(mapping, file, progress):
                report.rows += 1
                if file.columns is None and isinstance(raw, Raw):
                    names.update(raw.row.values)
                record = _checked(raw, mapping, kind)
                if not isinstance(record, BadRow):
                    batch.append(record)
                elif is_theirs(traces_of_row(record.raw, str(record.error.given))):
                    report.changes[Change.SKIPPED] += 1
                else:
                    refused.add(record)
                if len(batch) == BATCH:
                    kind.take(batch)
                    batch = []
            kind.take(batch)
            progress(file.size, file.size, report.rows)
        if file.columns is None:  # the names of JSON fields that nothing read
            read = {name for source in mapping.fields.values() for name in source.columns}
            report.ignored_columns += sorted(names - read)


def _told(mapping: Mapping, file: RecordFile, progress: Progress) -> Iterator[Raw | BadRow]:
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


def _read(file: RecordFile, progress: Progress) -> Iterator[Row | BadRow]:
    for rows, row in enumerate(file, 1):
        yield row
        if rows % BATCH == 0:
            progress(file.position // 2, file.size, rows)


def _mapping_by_name(kind: type[Mapping], columns: list[str] | None, path: Path) -> tuple[Mapping, list[str]]:
    """Columns named as our fields, in capitals or not; others are ignored, and told."""
    by_name = {name: name for name in kind.known} if columns is None else {c.lower(): c for c in columns}
    fields = {name: by_name[name] for name in kind.known if name in by_name}
    for names in kind.lacking(fields):
        raise FileError(
            f"{path} has no column {' or '.join(map(repr, names))}. It has: {', '.join(columns or [])}.\n"
            "Say which column is which in a mapping file and pass it with --map; docs/import.md shows how."
        )
    mapping = kind.model_validate({"fields": fields})
    return mapping, mapping.check_columns(columns, path) if columns is not None else []


def _checked(raw: Raw | BadRow, mapping: Mapping, kind: Kind[_Record]) -> _Record | BadRow:
    if isinstance(raw, BadRow):
        return raw
    try:
        return kind.parse(raw.values)
    except FieldError as error:
        return raw.row.bad(_as_given(error, raw, mapping))


def _as_given(error: FieldError, raw: Raw, mapping: Mapping) -> FieldError:
    """The error with the value as the file gives it, not as a mapping read it."""
    columns = mapping.fields[error.field].columns if error.field in mapping.fields else []
    if len(columns) == 1 and columns[0] in raw.row.values:
        return FieldError(error.field, raw.row.values[columns[0]] or "nothing", error.expected)
    return error


class _RefusedRows:
    """The file of refused rows, made when the first one comes, readable by its owner only."""

    def __init__(self, folder: Path | None, source: Path, now: datetime, report: FileReport) -> None:
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

"""Reads a user's file of records: CSV, TSV, JSON or NDJSON, in whatever encoding and with whatever delimiter.

One bad record stops nothing else: it comes out as a `BadRow` in its place.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from feedback.errors import FieldError, FileError

LINES_A_RECORD = 1_000  # a quoted field over more lines is a quote that was never closed
LINES_AT_LEAST = 50  # what that shrinks to in a file full of such quotes, which costs reading again
LONGEST_HEADER = 1024 * 1024
LONGEST_FIELD = 64 * 1024 * 1024
ZIPPED = b"PK\x03\x04"
JSON_LARGEST = 256 * 1024 * 1024

csv.field_size_limit(LONGEST_FIELD)


@dataclass(frozen=True, slots=True)
class Row:
    """A record: where it stands (`line`, from 1) and its values by column, as the file gives them."""

    line: int
    values: dict[str, object]

    def shown(self) -> str:
        """The row as JSON, with no endless value in it."""
        values = {name: _clip(value) if isinstance(value, str) else value for name, value in self.values.items()}
        return json.dumps(values, ensure_ascii=False, default=str)

    def bad(self, error: FieldError) -> "BadRow":
        return BadRow(self.line, self.shown(), error)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A record that cannot be used, as it stands (JSON by column, or the raw line; long ones cut), and why."""

    line: int
    raw: str
    error: FieldError


class RecordFile:
    """A file opened for one pass. `position` of `size` bytes have been read; `columns` are known for CSV and TSV."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not path.is_file():
            raise FileError(f"{path} is not a regular file. Give the file itself.")
        try:
            self._file: BinaryIO = path.open("rb")
            self.size = path.stat().st_size
        except OSError as error:
            raise FileError(f"Cannot read {path}: {error.strerror}.") from None
        try:
            self._begin()
        except OSError as error:
            self._file.close()
            raise FileError(f"Cannot read {path}: {error.strerror}.") from None
        except BaseException:
            self._file.close()
            raise

    def _begin(self) -> None:
        if self._file.read(4) == ZIPPED:
            raise FileError(f"{self.path} is packed, as Excel's own files are. Save it as CSV, and import that.")
        self._file.seek(0)
        self.encoding, self._ends_mid_character = _detect_encoding(self._file)
        self._text = io.TextIOWrapper(self._file, self.encoding, errors="replace", newline="")
        self._lines = _Lines(self._text)
        start = next((line for line in self._lines if line.strip()), None)
        if start is None:
            raise FileError(f"{self.path} is empty; expected a header line and rows, or JSON.")
        self._lines.push_back([start])
        self.columns: list[str] | None = None
        self.delimiter: str | None = None
        if start.lstrip()[:1] in ("[", "{"):
            self._rows = self._json_rows()
        else:
            self._rows = self._csv_rows()

    @property
    def position(self) -> int:
        return self._file.tell()

    def __iter__(self) -> Iterator[Row | BadRow]:
        return self._rows

    def close(self) -> None:
        self._text.close()

    def _csv_rows(self) -> Iterator[Row | BadRow]:
        header = next(self._lines)
        if len(header) > LONGEST_HEADER:
            raise FileError(f"{self.path}: its first line has {len(header):,} letters; expected column names.")
        told = re.fullmatch(r"sep=(.)\s*", header, re.IGNORECASE)  # Excel's own first line
        if told:
            header = next(self._lines, "")
        self.delimiter = (
            told[1] if told else max(",;\t|", key=lambda mark: len(next(csv.reader([header], delimiter=mark))))
        )
        self._lines.push_back([header])
        records = self._csv_records(self.delimiter)
        line, names = next(records, (1, []))
        if isinstance(names, BadRow):
            raise FileError(f"{self.path}, line {line}: {names.error}.")
        self.columns = [name.strip() for name in names]
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1 and name})
        if twice:
            raise FileError(f"{self.path}: the column {twice[0]!r} stands twice in the header; rename one of them.")
        return self._csv_body(self.columns, records)

    def _csv_body(
        self, columns: list[str], records: "Iterator[tuple[int, list[str] | BadRow]]"
    ) -> Iterator[Row | BadRow]:
        for line, record in records:
            if isinstance(record, BadRow):
                yield record
            elif not any(cell.strip() for cell in record):
                continue
            elif len(record) != len(columns) or (self._ends_mid_character and record[-1].endswith("\ufffd")):
                given = f"{len(record)} fields" if len(record) != len(columns) else record[-1]
                expected = f"{len(columns)} whole fields, as in the header; the line may be half-written"
                yield BadRow(line, _clip((self.delimiter or ",").join(record)), FieldError("row", given, expected))
            else:
                yield Row(line, dict(zip(columns, record, strict=True)))

    def _csv_records(self, delimiter: str) -> "Iterator[tuple[int, list[str] | BadRow]]":
        """Records with their first line. After one that cannot be read, go on with the line below its first."""
        while True:
            first = self._lines.number + 1
            self._lines.begin_record()
            try:
                for record in csv.reader(self._lines, delimiter=delimiter, strict=True):
                    yield first, record
                    first = self._lines.number + 1
                    self._lines.begin_record()
                return
            except csv.Error as error:
                self._lines.limit = max(LINES_AT_LEAST, self._lines.limit // 2)
                start, *rest = self._lines.record
                self._lines.push_back(rest)
                words = str(error)
                unclosed = "unexpected end" in words or "too many lines" in words
                expected = "a closing quote" if unclosed else f"a CSV row ({words})"
                yield first, BadRow(first, _clip(start), FieldError("row", start.rstrip("\r\n"), expected))

    def _json_rows(self) -> Iterator[Row | BadRow]:
        """One object a line, or one JSON value; told apart by the first lines, for the first may be broken."""
        start = list(islice(self._lines, 3))
        self._lines.push_back(start)
        start = [line for line in start if line.strip()]
        is_ndjson = start[0].lstrip().startswith("{") and any(_is_record(line) for line in start)
        return self._ndjson_body() if is_ndjson else self._json_body()

    def _ndjson_body(self) -> Iterator[Row | BadRow]:
        for line in self._lines:
            if line.strip():
                yield _json_row(self._lines.number, line)

    def _json_body(self) -> Iterator[Row | BadRow]:
        if self.size > JSON_LARGEST:
            raise FileError(f"{self.path} is one JSON value of {self.size:,} bytes; expected at most {JSON_LARGEST:,}. "
                            "Write one object a line (NDJSON) instead: that can be of any size.")  # fmt: skip
        try:
            whole = json.loads("".join(self._lines))
        except (ValueError, RecursionError) as error:
            raise FileError(
                f"{self.path} is not whole JSON: {error}. Expected a list of objects, or one a line."
            ) from None
        if isinstance(whole, dict):
            whole = whole.get("cases", [whole])
        if not isinstance(whole, list):
            raise FileError(f'{self.path}: expected a list of objects, or {{"cases": [...]}}.')
        return (_json_value(n, item) for n, item in enumerate(whole, 1))


class _Lines:
    """Physical lines, counted; those of the record in hand are kept, so that they can be read again."""

    def __init__(self, source: Iterable[str]) -> None:
        self._source = iter(source)
        self._again: list[str] = []
        self._counted = False
        self.limit = LINES_A_RECORD
        self.number = 0
        self.record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._counted and len(self.record) >= self.limit:
            raise csv.Error("too many lines")
        line = self._again.pop() if self._again else next(self._source)
        self.number += 1
        if self._counted:
            self.record.append(line)
        return line

    def begin_record(self) -> None:
        self._counted = True
        self.record = []

    def push_back(self, lines: list[str]) -> None:
        self._again.extend(reversed(lines))
        self.number -= len(lines)
        self._counted = False


@contextmanager
def open_records(path: Path) -> Iterator[RecordFile]:
    """Open a file of records. Raises FileError if it cannot be used as a whole."""
    records = RecordFile(path)
    try:
        yield records
    finally:
        records.close()


def _detect_encoding(file: BinaryIO) -> tuple[str, bool]:
    """UTF-16 and UTF-8 by their marks, UTF-8 if all of it is, else Windows-1252, else Latin-1, which always fits.

    Also whether the file ends within a character: then its last line is half-written.
    """
    start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        file.seek(0)
        return "utf-16", False
    if len(start) == 4 and 0 in start:  # without a mark; a letter's other byte is 0
        file.seek(0)
        return ("utf-16-be" if start[0] == 0 else "utf-16-le"), False
    for encoding in ("utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8", "cp1252"):
        file.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
        except UnicodeDecodeError:
            continue
        finally:
            file.seek(0)
        return encoding, bool(decoder.getstate()[0])
    return "latin-1", False


def _is_record(line: str) -> bool:
    """Whether the line is a JSON object by itself, and not the one around a list of cases."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and not isinstance(value.get("cases"), list)


def _json_row(line: int, text: str) -> Row | BadRow:
    try:
        return _json_value(line, json.loads(text))
    except (ValueError, RecursionError) as error:
        return BadRow(line, _clip(text), FieldError("row", text.strip(), f"a whole JSON object ({error})"))


def _json_value(line: int, value: object) -> Row | BadRow:
    if isinstance(value, dict):
        return Row(line, value)
    return BadRow(line, _clip(json.dumps(value)), FieldError("row", json.dumps(value), "a JSON object"))


def _clip(text: str) -> str:
    text = text.rstrip("\r\n")
    return text if len(text) <= 1_000 else text[:1_000] + "…"

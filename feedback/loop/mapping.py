"""How a help desk's own columns become our fields: the mapping file, read from TOML."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from feedback.domain.cases import CASE_FIELDS, NEEDED_FIELDS, aware, text
from feedback.domain.purchases import NEEDED_OF_PURCHASE, PURCHASE_FIELDS, WHO_BOUGHT
from feedback.errors import FieldError, FileError
from feedback.setting_types import Zone
from feedback.store.files import BadRow, Row

_MOMENTS = frozenset(("opened_at", "first_reply_at", "resolved_at", "at"))
_DAYS = frozenset(("at",))  # a day alone stays one, by the clock of the business
_HAS_HOUR = re.compile(r"%-?[HIcXTR]")
_DATES = _MOMENTS | {"customer_since"}
_PLACE = re.compile(r"\{([^{}|]+)(?:\|(slug))?\}")
_NUMERIC = re.compile(
    r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?: ?([AaPp])[Mm])?)?"
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class FileFormat(_Strict):
    """What holds for the whole file."""

    unknown: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    day_first: bool | None = None
    zone: Zone | None = None
    one_row_per: Literal["case", "update"] = "case"

    @field_validator("dates")
    @classmethod
    def _can_be_read(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for form in value:
            try:
                datetime.strptime(datetime(2026, 11, 22, 9, 30, tzinfo=UTC).strftime(form), form)  # noqa: DTZ007
            except (ValueError, re.error):
                raise ValueError(f"ways to write a date, such as %d.%m.%Y %H:%M; {form!r} is none") from None
        return value


class FieldSource(_Strict):
    """Where one field comes from: a column, a constant, or a template; then words are translated."""

    column: str | None = None
    constant: str | None = None
    template: str | None = None
    values: dict[str, str] = Field(default_factory=dict)
    otherwise: str | None = None
    row: Literal["first", "last"] = "last"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(given is not None for given in (self.column, self.constant, self.template)) != 1:
            raise ValueError("exactly one of column, constant and template")
        if self.otherwise is not None and not self.values:
            raise ValueError("values beside otherwise")
        if self.template is not None and (not self.columns or set("{}") & set(_PLACE.sub("", self.template))):
            raise ValueError(
                "columns in braces within the template, such as {caller_id|slug}@example.com; the one filter is slug"
            )
        return self

    @property
    def columns(self) -> list[str]:
        if self.template is not None:
            return [match[1] for match in _PLACE.finditer(self.template)]
        return [self.column] if self.column is not None else []


@dataclass(frozen=True, slots=True)
class Raw:
    """A record's fields before they are checked, and the row that they come from, or the last one of them."""

    values: dict[str, object]
    row: Row


class Mapping(_Strict):
    """A whole mapping file, for one kind of record.

    `known` are its fields, `needed` those of which one each must be there, `read` those whose words mean something.
    """

    known: ClassVar[tuple[str, ...]]
    needed: ClassVar[tuple[tuple[str, ...], ...]]
    read: ClassVar[frozenset[str]] = _DATES

    file: FileFormat = FileFormat()
    fields: dict[str, FieldSource]

    @classmethod
    def lacking(cls, fields: Iterable[str]) -> list[tuple[str, ...]]:
        """What must be there and is not; more than one name are alternatives."""
        return [names for names in cls.needed if not set(names) & set(fields)]

    @field_validator("fields", mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        unknown = sorted(set(value) - set(cls.known))
        if unknown:
            raise ValueError(f"the fields {', '.join(cls.known)}; there is no {', '.join(unknown)}")
        return {name: {"column": source} if isinstance(source, str) else source for name, source in value.items()}

    @model_validator(mode="after")
    def _needed(self) -> Self:
        if lacking := self.lacking(self.fields):
            *first, last = map(" or ".join, self.needed)
            missing = ", ".join(map(" or ".join, lacking))
            raise ValueError(f"a line for each of {', '.join(first)} and {last}; {missing} is missing")
        return self

    def check_columns(self, columns: list[str], path: Path) -> list[str]:
        """The columns that nothing reads. Raises FileError if one that is needed is not there."""
        for name, source in self.fields.items():
            for column in source.columns:
                if column not in columns:
                    raise FileError(
                        f"{path} has no column {column!r}, which {name} is read from. It has: {', '.join(columns)}.\n"
                        "Name the right columns in a mapping file and pass it with --map; docs/import.md shows how."
                    )
        used = {column for source in self.fields.values() for column in source.columns}
        return [column for column in columns if column not in used]

    def records(self, rows: Iterable[Row | BadRow]) -> Iterator[Raw | BadRow]:
        """Rows to raw records. A file with a row an update is read whole first, and gives one record a reference."""
        if self.file.one_row_per == "case":
            for row in rows:
                yield row if isinstance(row, BadRow) else self._guarded(row, row)
            return
        spans: dict[tuple[object, str], tuple[Row, Row]] = {}
        for row in rows:
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                ref = self._value("ref", row)
                if ref is None:
                    raise FieldError("ref", "nothing", "a value; a record is known by it")
                case = (self._value("source", row) if "source" in self.fields else None, str(ref))
            except FieldError as error:
                yield row.bad(error)
                continue
            spans[case] = (spans[case][0] if case in spans else row, row)
        for first, last in spans.values():
            yield self._guarded(first, last)

    def _guarded(self, first: Row, last: Row) -> Raw | BadRow:
        try:
            values = {
                name: self._value(name, first if source.row == "first" else last)
                for name, source in self.fields.items()
            }
        except FieldError as error:
            return last.bad(error)
        return Raw(values, last)

    def _value(self, name: str, row: Row) -> object:
        source = self.fields[name]
        if source.constant is not None:
            return source.constant
        value = (
            self._known(row.values.get(source.column or ""))
            if source.template is None
            else self._filled(name, source.template, row)
        )
        if value is None:
            return source.otherwise
        if source.values:
            return _translated(name, str(value), source)
        if name in self.read and isinstance(value, str):
            return self._read(name, value)
        return value

    def _read(self, name: str, value: str) -> object:
        return self._date(name, value)

    def _known(self, value: object) -> object:
        if isinstance(value, str):
            value = value.strip()
            if value in self.file.unknown:
                return None
        return None if value == "" else value

    def _filled(self, name: str, template: str, row: Row) -> str | None:
        parts: dict[str, str] = {}
        for match in _PLACE.finditer(template):
            value = self._known(row.values.get(match[1]))
            line = text(name, value) if value is not None else None
            if line is not None and match[2] == "slug":
                line = slug(line)
            if not line:
                return None
            parts[match[0]] = line
        return _PLACE.sub(lambda match: parts[match[0]], template)

    def _date(self, name: str, value: str) -> object:
        if len(value) > 100:
            raise FieldError(name, value, "a date")
        zone = self.file.zone if name in _MOMENTS else None
        return _read_date(name, value, self.file.dates, self.file.day_first, zone, name in _MOMENTS)


class CaseMapping(Mapping):
    known = CASE_FIELDS
    needed = tuple((name,) for name in NEEDED_FIELDS)


class PurchaseFormat(FileFormat):
    """`decimal` is the mark before the decimals; then the other one may stand between thousands."""

    decimal: Literal[".", ","] | None = None


class PurchaseMapping(Mapping):
    known = PURCHASE_FIELDS
    needed = (*((name,) for name in NEEDED_OF_PURCHASE), WHO_BOUGHT)
    read = _DATES | {"amount"}

    file: PurchaseFormat = PurchaseFormat()

    def _read(self, name: str, value: str) -> object:
        if name != "amount":
            return super()._read(name, value)
        return value if self.file.decimal is None else _plain_number(name, value, self.file.decimal)


_Mapping = TypeVar("_Mapping", bound=Mapping)


def load_mapping(path: Path, kind: type[_Mapping]) -> _Mapping:
    """Read a mapping file. Raises FileError that names the place and what is expected there."""
    try:
        return kind.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(f"{path} is not TOML: {error}.") from None
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_url=False):
            place = ".".join(str(part) for part in problem["loc"]) or "the file"
            words = str(problem["msg"]).removeprefix("Value error, ")
            words = "nothing of this name" if problem["type"] == "extra_forbidden" else words
            lines.append(f"{path}: {place}: expected {words[:1].lower()}{words[1:]}.")
        raise FileError("\n".join(lines)) from None


def slug(line: str) -> str:
    """Lower-case ASCII letters and digits, joined by dashes: fit for the local part of an address."""
    plain = unicodedata.normalize("NFKD", line).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _plain_number(name: str, value: str, decimal: str) -> str:
    """1234.50 for 1.234,50."""
    between = "." if decimal == "," else ","
    number = rf"(-?)([0-9]+|[0-9]{{1,3}}(?:[{between}' \u00a0\u202f][0-9]{{3}})+)(?:\{decimal}([0-9]+))?"
    match = re.fullmatch(number, value)
    if match is None:
        raise FieldError(name, value, f"a number such as 1{between}234{decimal}50, without a currency")
    whole = re.sub("[^0-9]", "", match[2])
    return match[1] + (f"{whole}.{match[3]}" if match[3] else whole)


def _translated(name: str, value: str, source: FieldSource) -> str:
    wanted = " ".join(value.split()).casefold()
    for word, meaning in source.values.items():
        if word.casefold() == wanted:
            return meaning
    if source.otherwise is not None:
        return source.otherwise
    raise FieldError(name, value, f"one of {', '.join(source.values)}; add it to values, or set otherwise")


@lru_cache(maxsize=65536)
def _read_date(
    name: str, value: str, formats: tuple[str, ...], day_first: bool | None, zone: ZoneInfo | None, is_moment: bool
) -> object:
    for form in formats:
        try:
            moment = datetime.strptime(value, form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        if name in _DAYS and not _HAS_HOUR.search(form):
            return moment.date().isoformat()
        return aware(name, value, moment, zone) if is_moment and (zone or moment.tzinfo) else moment
    match = _NUMERIC.fullmatch(value)
    if match is None or (len(match[1]) == 4 and match[4] is None):
        if formats and not value[:4].isdecimal():
            raise FieldError(name, value, f"a date that exists, written like {' or '.join(formats)}")
        return value  # ISO 8601; the field's own rule reads it
    moment = _numeric_date(name, value, match, day_first)
    if name in _DAYS and match[4] is None:
        return moment.date().isoformat()
    return aware(name, value, moment, zone) if is_moment and zone else moment


def _numeric_date(name: str, value: str, match: re.Match[str], day_first: bool | None) -> datetime:
    first, second, third = int(match[1]), int(match[2]), int(match[3])
    if len(match[1]) == 4:
        year, month, day = first, second, third
    elif day_first is None:
        raise FieldError(name, value, "a time such as 2026-11-22T09:30:00Z, or day_first in the mapping file")
    else:
        year = third if third > 99 else third + (2000 if third < 69 else 1900)  # as POSIX reads two digits
        day, month = (first, second) if day_first else (second, first)
    hour = int(match[4] or 0)
    if match[7]:
        if not 1 <= hour <= 12:
            raise FieldError(name, value, "an hour from 1 to 12 before AM or PM")
        hour = hour % 12 + (12 if match[7] in "Pp" else 0)
    try:
        return datetime(year, month, day, hour, int(match[5] or 0), int(match[6] or 0))  # noqa: DTZ001 - the zone follows
    except ValueError as error:
        order = "year first" if len(match[1]) == 4 else "day first" if day_first else "month first"
        raise FieldError(name, value, f"a date that exists, read {order} ({error})") from None

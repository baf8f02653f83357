"""A case as a help desk gives it, and the rules each of its fields keeps."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from feedback.domain.texts import one_line
from feedback.errors import FieldError
from feedback.setting_types import country_code, time_zone

REPEAT_AFTER = timedelta(hours=1)  # a resolved_at that moves by less is the help desk tidying up, not a new resolution
FUTURE_ALLOWED = timedelta(days=1)  # clocks and zones differ; more than this is a wrong date


class CaseStatus(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    MERGED = "merged"
    SPAM = "spam"


class ResolvedBy(StrEnum):
    AGENT = "agent"
    AUTOMATION = "automation"


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """What one row or one JSON object says of a case. None is unknown, and unknown stays unknown."""

    source: str
    ref: str
    status: CaseStatus
    merged_into: str | None = None
    resolved_by: ResolvedBy | None = None
    customer_ref: str | None = None
    email: str | None = None
    name: str | None = None
    customer_since: date | None = None
    locale: str | None = None
    zone: str | None = None
    country: str | None = None
    subject: str | None = None
    channel: str | None = None
    topic: str | None = None
    tags: tuple[str, ...] | None = None
    team: str | None = None
    agent: str | None = None
    agent_email: str | None = None
    opened_at: datetime | None = None
    first_reply_at: datetime | None = None
    resolved_at: datetime | None = None
    interactions: int | None = None

    @property
    def customer_key(self) -> str | None:
        """The customer's reference, which defaults to the normalised address."""
        return self.customer_ref or (normalise_email(self.email) if self.email else None)


CASE_FIELDS = tuple(CaseRecord.__dataclass_fields__)
NEEDED_FIELDS = ("source", "ref", "status")  # all others may be unknown


def normalise_email(address: str) -> str:
    """One spelling an address, to compare and to hash; mail goes to the address as given."""
    return address.strip().lower()


def parse_case(raw: Mapping[str, object], *, now: datetime, zone: ZoneInfo | None) -> CaseRecord:
    """Check one record. Times without an offset are read in `zone`; with zone None they are refused.

    Raises FieldError for the first field that cannot be used, an unknown field name included.
    """
    values: dict[str, object] = {}
    for field, value in raw.items():
        parse = _PARSERS.get(field)
        if parse is None:
            raise FieldError(field, value, f"one of the fields {', '.join(CASE_FIELDS)}")
        if value is None or value == "":
            continue
        values[field] = parse(field, value, zone)
    for field in NEEDED_FIELDS:
        if values.get(field) is None:
            expected = (
                f"one of {', '.join(CaseStatus)}" if field == "status" else "a value; a case is known by source and ref"
            )
            raise FieldError(field, raw.get(field) or "nothing", expected)
    case = CaseRecord(**values)  # type: ignore[arg-type]  # _PARSERS gives each field its type
    for field in ("opened_at", "first_reply_at", "resolved_at"):
        moment = values.get(field)
        if isinstance(moment, datetime) and moment > now + FUTURE_ALLOWED:
            raise FieldError(field, raw[field], f"a time not more than a day after {now:%Y-%m-%dT%H:%MZ}")
    return case


def begins_resolution(case: CaseRecord, last_resolved_at: datetime | None, *, was_open: bool) -> bool:
    """Whether the record tells of a resolution that we have not seen.

    That is a first `resolved_at`, a later one after an observed reopening, or one more than an hour later than the
    last. A reopening that ends in the very moment that we know is history told again.
    """
    if case.status is not CaseStatus.RESOLVED or case.resolved_at is None:
        return False
    if last_resolved_at is None:
        return True
    return case.resolved_at > last_resolved_at + (timedelta(0) if was_open else REPEAT_AFTER)


def text(field: str, value: object, _zone: ZoneInfo | None = None, *, longest: int = 500) -> str | None:
    """One line of text: control characters, of writing direction too, and runs of blanks become one blank."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise FieldError(field, value, "text")
    line = str(value)
    if len(line) > longest:
        raise FieldError(field, line, f"at most {longest:,} characters")
    if not line.isprintable() or "  " in line or line[:1] == " " or line[-1:] == " ":
        try:
            line.encode()
        except UnicodeEncodeError:
            raise FieldError(field, ascii(value), "text in Unicode") from None
        line = one_line(line)
    return line or None


def _choice(kind: type[StrEnum], field: str, value: object, _zone: ZoneInfo | None) -> StrEnum | None:
    line = text(field, value)
    if line is None:
        return None
    try:
        return kind(line.lower())
    except ValueError:
        raise FieldError(field, value, f"one of {', '.join(kind)}; a mapping file can translate other words") from None


def read_moment(field: str, value: object, zone: ZoneInfo | None) -> datetime | None:
    """A time in UTC, from ISO 8601 or read already; one without an offset is read in `zone`."""
    if isinstance(value, datetime):
        return aware(field, value, value, zone)
    line = text(field, value)
    return None if line is None else _parse_moment(field, line, zone)


@lru_cache(maxsize=65536)
def _parse_moment(field: str, line: str, zone: ZoneInfo | None) -> datetime:
    try:
        moment = datetime.fromisoformat(line)
    except ValueError:
        raise FieldError(field, line, "a time that exists, such as 2026-11-22T09:30:00Z") from None
    return aware(field, line, moment, zone)


def aware(field: str, given: object, moment: datetime, zone: ZoneInfo | None) -> datetime:
    """The moment in UTC, whole seconds; one without an offset is read in `zone`."""
    if moment.tzinfo is None:
        if zone is None:
            raise FieldError(field, given, "a time with its offset, such as 2026-11-22T09:30:00Z")
        moment = moment.replace(tzinfo=zone)
    if not 2 <= moment.year <= 9998:
        raise FieldError(field, given, "a time between the years 2 and 9998")
    return moment.astimezone(UTC).replace(microsecond=0)


def _day(field: str, value: object, _zone: ZoneInfo | None) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    line = text(field, value)
    try:
        return datetime.fromisoformat(line).date() if line else None
    except ValueError:
        raise FieldError(field, value, "a day that exists, such as 2024-02-29") from None


def _count(field: str, value: object, _zone: ZoneInfo | None) -> int | None:
    line = text(field, value)
    if line is not None and not (line.isdecimal() and len(line) < 7):
        raise FieldError(field, value, "a whole number from 0 to 999999")
    return int(line) if line else None


def _tags(field: str, value: object, _zone: ZoneInfo | None) -> tuple[str, ...] | None:
    if not isinstance(value, (str, list)):
        raise FieldError(field, value, "a list of tags, or tags separated by commas")
    parts = value if isinstance(value, list) else re.split("[,;]", value)
    tags = {line for part in parts if (line := text(field, part))}
    if len(tags) > 50:
        raise FieldError(field, f"{len(tags)} tags", "at most 50 tags")
    return tuple(sorted(tags)) or None


def _zone_name(field: str, value: object, _zone: ZoneInfo | None) -> str | None:
    line = text(field, value)
    try:
        return time_zone(line).key if line else None
    except ValueError:
        raise FieldError(field, value, "an IANA time zone such as Europe/Berlin") from None


def _country(field: str, value: object, _zone: ZoneInfo | None) -> str | None:
    line = text(field, value)
    try:
        return country_code(line) if line else None
    except ValueError:
        raise FieldError(field, value, "an ISO 3166 country of two letters such as DE") from None


def _pattern(pattern: str, expected: str, field: str, value: object, _zone: ZoneInfo | None) -> str | None:
    line = text(field, value)
    if line is not None and re.fullmatch(pattern, line) is None:
        raise FieldError(field, value, expected)
    return line


_Parser = Callable[[str, object, ZoneInfo | None], object]

_PARSERS: dict[str, _Parser] = {
    **dict.fromkeys(CASE_FIELDS, text),
    "status": partial(_choice, CaseStatus),
    "resolved_by": partial(_choice, ResolvedBy),
    "subject": partial(text, longest=2000),
    "customer_since": _day,
    "locale": partial(_pattern, r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*", "a BCP 47 language such as de or de-AT"),
    "country": _country,
    "zone": _zone_name,
    "tags": _tags,
    "opened_at": read_moment,
    "first_reply_at": read_moment,
    "resolved_at": read_moment,
    "interactions": _count,
}

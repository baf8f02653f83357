"""How a setting's text is read: a type for each form that settings have. An error's words are what was expected."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from enum import StrEnum
from functools import cache, partial
from typing import Annotated
from zoneinfo import ZoneInfo

from holidays import list_supported_countries
from pydantic import BeforeValidator

LONGEST = timedelta(days=3660)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")


def is_email(text: str) -> bool:
    """Whether `text` is one plain address that mail can be sent to (RFC 5321 lengths, ASCII only)."""
    local = text.partition("@")[0]
    odd = local.startswith(".") or local.endswith(".") or ".." in local or "=?" in local
    return len(text) <= 254 and len(local) <= 64 and not odd and _EMAIL.fullmatch(text) is not None


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d{1,6})([smhd])", value.strip())
    if match is None:
        raise ValueError("a duration such as 90s, 30m, 24h or 7d")
    duration = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if duration > LONGEST:
        raise ValueError("a duration of ten years at most")
    return duration


def _duration_or_off(value: object) -> object:
    if isinstance(value, str) and value.strip().lower() == "off":
        return timedelta(0)
    try:
        return _duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from None


def _mailbox(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r'"?([^"<>\r\n]*?)"?\s*<([^<>\s]+)>', value.strip())
    name, address = (match[1], match[2]) if match else ("", value.strip())
    if not is_email(address) or not name.isprintable():
        raise ValueError("an address such as care@acme.example or Acme <care@acme.example>")
    return Address(display_name=name, addr_spec=address)


def _mailboxes(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(_mailbox(part.strip()) for part in value.split(",") if part.strip())


def _contact(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"https://[A-Za-z0-9.-]+(:\d+)?([/?#][!#-;=?-z|~]*)?", value.strip()):
        return value.strip()
    try:
        return _mailbox(value)
    except ValueError:
        raise ValueError(
            "an address such as care@acme.example, or a page such as https://acme.example/contact"
        ) from None


def _bare_mailboxes(value: object) -> object:
    found = tuple(_mailbox(part) for part in str(value).split())
    if not found:
        raise ValueError("at least one address")
    return found


def time_zone(name: str) -> ZoneInfo:
    """Raises ValueError, whatever is wrong with the name."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError("a time zone such as Europe/Berlin or UTC") from None


def _zone(value: object) -> object:
    return time_zone(value) if isinstance(value, str) else value


def _limit(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "off":
        return 0
    if not re.fullmatch(r"[1-9]\d{0,6}", value.strip()):
        raise ValueError("a whole number such as 500, or off")
    return int(value)


def _words(value: object) -> object:
    if not isinstance(value, str):
        return value
    return frozenset(word for part in value.split(",") if (word := part.strip().casefold()))


def _domains(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "off":
        return frozenset()
    domains = frozenset(part.strip().lower().removeprefix("@") for part in value.split(",") if part.strip())
    if not all(is_email(f"somebody@{domain}") for domain in domains):
        raise ValueError("domains such as acme.example, separated by commas, or off")
    return domains


@dataclass(frozen=True, slots=True)
class Window:
    """On which weekdays (Monday is 0) we write, from which minute of the day until before which other.

    One that closes earlier than it opens is open over midnight; what comes after belongs to the weekday before.
    """

    days: frozenset[int]
    opens: int
    closes: int


DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW = "days and hours such as Mon-Fri 09:00-18:00, or off"


def _window(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "off":
        return None
    match = re.fullmatch(r"(?:(\S+)\s+)?(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)", value.strip())
    if match is None:
        raise ValueError(_WINDOW)
    opens, closes = (int(match[hour]) * 60 + int(match[hour + 1]) for hour in (2, 4))
    if max(int(match[3]), int(match[5])) > 59 or opens >= 1440 or closes > 1440 or opens == closes:
        raise ValueError(f"{_WINDOW}, with times from 00:00 to 24:00")
    return Window(_weekdays(match[1] or "Mon-Sun"), opens, closes)


def _weekdays(text: str) -> frozenset[int]:
    """`Mon-Wed,Sat`; a range may go over Sunday."""
    days: set[int] = set()
    numbers = {name.lower(): number for number, name in enumerate(DAY_NAMES)}
    for part in text.lower().replace("–", "-").split(","):
        first, dash, last = part.partition("-")
        if first not in numbers or (dash and last not in numbers):
            raise ValueError(_WINDOW)
        begin, end = numbers[first], numbers[last if dash else first]
        days.update(day % 7 for day in range(begin, end + 1 if end >= begin else end + 8))
    return frozenset(days)


class FiguresFor(StrEnum):
    """Who sees the figures of the published site."""

    PUBLIC = "public"
    STAFF = "staff"  # after logging in at the desk
    OFF = "off"


class Basis(StrEnum):
    """On what ground people of a country are asked. `none` is that we have none, so that they are not."""

    CONSENT = "consent"
    EXISTING_CUSTOMERS = "existing-customers"
    LEGITIMATE_INTEREST = "legitimate-interest"
    NONE = "none"


def _table(read: Callable[[object], object], expected: str, value: object) -> object:
    """`name: value, name: value`; the names without regard to capitals."""
    if not isinstance(value, str):
        return value
    table: dict[str, object] = {}
    for part in filter(None, map(str.strip, value.split(","))):
        name, colon, given = (piece.strip() for piece in part.partition(":"))
        name = name.casefold()
        if not colon or not name or name in table:
            raise ValueError(expected)
        try:
            table[name] = read(given)
        except ValueError as error:
            raise ValueError(f"{expected}; for {name}: {error}") from None
    return table


def _basis(value: object) -> object:
    try:
        return Basis(str(value).lower())
    except ValueError:
        raise ValueError(f"one of {', '.join(Basis)}") from None


def country_code(text: str) -> str:
    """The country's code of two letters (ISO 3166), as `holidays` lists them all. Raises ValueError."""
    code = {"UK": "GB", "EL": "GR"}.get(text.strip().upper(), text.strip().upper())  # as the European Union writes them
    if code not in _countries():
        raise ValueError("a country of two letters (ISO 3166) such as DE")
    return code


@cache
def _countries() -> frozenset[str]:
    return frozenset(list_supported_countries(include_aliases=False))


def _country(value: object) -> object:
    return country_code(value) if isinstance(value, str) else value


def _currency(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch("[A-Z]{3}", value):
        raise ValueError("three capital letters such as EUR")
    return value


def _bases(value: object) -> object:
    expected = f"countries with one of {', '.join(Basis)}, such as DE:consent"
    table = _table(_basis, expected, value)
    if not isinstance(value, str) or not isinstance(table, dict):
        return table
    try:
        return {country_code(country): basis for country, basis in table.items()}
    except ValueError:
        raise ValueError(expected) from None


def _share(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?)\s*%", value.strip())
    if match is None or not 0 < float(match[1]) <= 100:
        raise ValueError("a share such as 25%, more than 0% and at most 100%")
    return float(match[1]) / 100


def _on_or_off(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip().lower() not in ("on", "off"):
        raise ValueError("on or off")
    return value.strip().lower() == "on"


def as_text(value: object) -> str:
    """A setting's value as one writes it: `24h`, `Mon-Fri 09:00-18:00`, `25%`, `off`."""
    if value is True:
        return "on"
    if value is None or value is False or value == timedelta(0):
        return "off"
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit = next(unit for unit in ("h", "m", "s") if seconds % _UNITS[unit] == 0)
        is_in_days = seconds % _UNITS["d"] == 0 and seconds > _UNITS["d"]
        return f"{seconds // _UNITS['d']}d" if is_in_days else f"{seconds // _UNITS[unit]}{unit}"
    if isinstance(value, Window):
        hours = "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (value.opens, value.closes))
        return f"{_days_as_text(value.days)} {hours}"
    return f"{value * 100:g}%" if isinstance(value, float) else str(value)


def _days_as_text(days: frozenset[int]) -> str:
    """`Mon-Wed,Sat`."""
    stretches: list[list[int]] = []
    for day in sorted(days):
        if stretches and stretches[-1][-1] == day - 1:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    names = ((DAY_NAMES[stretch[0]], DAY_NAMES[stretch[-1]]) for stretch in stretches)
    return ",".join(first if first == last else f"{first}-{last}" for first, last in names)


def _colour(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", value.strip()):
        raise ValueError("a colour such as #00695c")
    return value.strip().lower()


Colour = Annotated[str, BeforeValidator(_colour)]
MailboxesByName = Annotated[
    dict[str, Address],
    BeforeValidator(partial(_table, _mailbox, "names with addresses, such as Sales:Acme Sales <sales@acme.example>")),
]
AddressesByName = Annotated[
    dict[str, tuple[Address, ...]],
    BeforeValidator(
        partial(
            _table, _bare_mailboxes, "names with addresses, such as Hardware:mara@acme.example jo@acme.example,Sales:…"
        )
    ),
]
Words = Annotated[frozenset[str], BeforeValidator(_words)]  # compared without regard to capitals
Domains = Annotated[frozenset[str], BeforeValidator(_domains)]
Limit = Annotated[int, BeforeValidator(_limit)]  # 0 is no limit
Duration = Annotated[timedelta, BeforeValidator(_duration)]
DurationOrOff = Annotated[timedelta, BeforeValidator(_duration_or_off)]  # zero is off
Durations = Annotated[
    dict[str, timedelta], BeforeValidator(partial(_table, _duration, "names with durations, such as chat:2h,mail:48h"))
]
Mailbox = Annotated[Address, BeforeValidator(_mailbox)]
Contact = Annotated[Address | str, BeforeValidator(_contact)]
Mailboxes = Annotated[tuple[Address, ...], BeforeValidator(_mailboxes)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Zones = Annotated[
    dict[str, ZoneInfo], BeforeValidator(partial(_table, _zone, "names with zones, such as Sales:Europe/Berlin"))
]
Hours = Annotated[Window | None, BeforeValidator(_window)]  # None is any time
Country = Annotated[str, BeforeValidator(_country)]
Currency = Annotated[str, BeforeValidator(_currency)]
Bases = Annotated[dict[str, Basis], BeforeValidator(_bases)]
Share = Annotated[float, BeforeValidator(_share)]
OnOff = Annotated[bool, BeforeValidator(_on_or_off)]

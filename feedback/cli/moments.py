"""The moment that a command works by, `--at`, and time zones."""

import re
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import click

from feedback.clock import Clock
from feedback.config import Config
from feedback.domain.cases import aware
from feedback.errors import ConfigError, FieldError
from feedback.setting_types import LONGEST, time_zone
from feedback.store import Store

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


At = datetime | timedelta | Literal["due"]  # at a time, so far from now, or when the next survey is due


class _Moment(click.ParamType[At]):
    """A time with its offset, a distance from now such as +25h, or `due`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> At:
        if isinstance(value, datetime | timedelta):
            return value
        if value == "due":
            return "due"
        match = re.fullmatch(r"([+-]\d{1,6})([mhd])", value)
        try:
            if match:
                return int(match[1]) * _UNITS[match[2]]
            return aware("--at", value, datetime.fromisoformat(value), None)
        except (ValueError, OverflowError, FieldError):
            self.fail(f"given {value!r}, expected a time such as 2026-11-22T09:30:00Z, +25h, or due.", param, ctx)


class ZoneType(click.ParamType[ZoneInfo]):
    """A time zone by its IANA name."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        try:
            return value if isinstance(value, ZoneInfo) else time_zone(value)
        except ValueError:
            self.fail(f"given {value!r}, expected a time zone such as Europe/Berlin.", param, ctx)


class LengthType(click.ParamType[timedelta]):
    """How long: `30d`, `24h`, `90m`."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"(\d{1,6})([mhd])", value)
        length = int(match[1]) * _UNITS[match[2]] if match else timedelta(0)
        if not timedelta(0) < length <= LONGEST:
            self.fail(f"given {value!r}, expected a length of time such as 30d, of ten years at most.", param, ctx)
        return length


at_option = click.option(
    "--at", type=_Moment(), help="The moment to work by, for trials: a time, +25h from now, or due."
)


def moment(config: Config, store: Store, at: At | None, *, changes_nothing: bool = False) -> datetime:
    """The moment that a command works by. Another than now only while mail reaches no real person, or for a look."""
    if at is not None and not config.mail_is_trial and not changes_nothing:
        raise ConfigError(
            "--at is for trials, and FEEDBACK_MAIL names a real mail server.\n"
            "Leave --at out, or set FEEDBACK_MAIL=maildir:"
        )
    now = Clock(store, config)().replace(microsecond=0)
    if at == "due":
        return max(now, store.surveys.next_due() or now)
    if isinstance(at, timedelta):
        try:
            return now + at
        except OverflowError:
            raise ConfigError(f"--at: {at} from now is no time that exists.") from None
    return at or now

"""When: the survey's moments, and the local days that people count in. The only place with local time."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from feedback.config import Config
from feedback.setting_types import Window

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


class Wait(StrEnum):
    """What a survey waits for last."""

    DELAY = "delay"
    WINDOW = "window"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What tells a customer's clock and holidays; None is unknown."""

    zone: str | None = None
    country: str | None = None
    team: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """The first moment at which we may write, and what keeps us until then."""

    at: datetime
    because: Wait


def delay_of(topic: str | None, channel: str | None, config: Config) -> timedelta:
    """How long after a resolution we ask: what is set for its topic, else for its channel, else for all."""
    by_channel = config.delay_by_channel.get((channel or "").casefold(), config.delay)
    return config.delay_by_topic.get((topic or "").casefold(), by_channel)


def not_after(resolved_at: datetime, config: Config) -> datetime:
    """The moment after which we do not ask any more."""
    return resolved_at + config.max_age


def zone_of(whereabouts: Whereabouts, config: Config) -> ZoneInfo:
    """The customer's zone, else that of the team, else that of the business."""
    if whereabouts.zone is not None:
        return ZoneInfo(whereabouts.zone)
    return config.team_zones.get((whereabouts.team or "").casefold(), config.zone)


def next_moment(earliest: datetime, whereabouts: Whereabouts, config: Config) -> Moment:
    """The first moment (UTC) from `earliest` on that is inside the window, by the customer's clock and holidays."""
    window = config.window
    if window is None:
        return Moment(earliest, Wait.DELAY)
    zone = zone_of(whereabouts, config)
    country = (whereabouts.country or config.country or "").upper()
    at = next_open(earliest, window, zone, country)
    if at == earliest:
        return Moment(at, Wait.DELAY)
    return Moment(at, Wait.WINDOW if at == next_open(earliest, window, zone, "") else Wait.HOLIDAY)


def next_open(earliest: datetime, window: Window, zone: ZoneInfo, country: str) -> datetime:
    """The first moment (UTC) from `earliest` on at which a window is open, by the clock of a zone.

    Between two changes of its clock a zone's time is plain arithmetic, so each such stretch is searched by itself:
    hours that a clock leaps over, or shows twice, need no rule of their own.
    """
    moment = earliest
    while True:
        offset = _offset(moment, zone)
        opening = _next_open_by_clock(moment.replace(tzinfo=None) + offset, window, country)
        found = (opening - offset).replace(tzinfo=UTC)
        change = _first_change(moment, found, zone)
        if change is None:
            return found
        moment = change


def _next_open_by_clock(clock: datetime, window: Window, country: str) -> datetime:
    if _is_open_by_clock(clock, window, country):
        return clock
    return next(
        opening
        for opening in _openings(clock.date(), window)
        if opening > clock and _is_open_by_clock(opening, window, country)
    )


def _openings(day: date, window: Window) -> Iterator[datetime]:
    """The times of a clock at which the window may begin to be open, from a day on."""
    while True:
        midnight = datetime.combine(day, time())
        yield midnight  # of a window over midnight, on the day after a holiday
        yield midnight + timedelta(minutes=window.opens)
        day += _DAY


def _is_open_by_clock(clock: datetime, window: Window, country: str) -> bool:
    day, minute = clock.date(), clock.hour * 60 + clock.minute
    if window.opens < window.closes:
        opened_on, is_in = day, window.opens <= minute < window.closes
    else:
        opened_on = day if minute >= window.opens else day - _DAY
        is_in = minute >= window.opens or minute < window.closes
    return is_in and opened_on.weekday() in window.days and day not in _holidays(country, day.year)


def _first_change(begin: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
    """The first moment after `begin`, and not after `end`, at which a zone's clock is put forward or back.

    Looks once a day: no zone has changed twice within one.
    """
    before, offset = begin.replace(microsecond=0), _offset(begin, zone)
    while before < end:
        after = min(before + _DAY, end)
        if _offset(after, zone) != offset:
            while after - before > _SECOND:
                middle = before + (after - before) // 2 // _SECOND * _SECOND
                if _offset(middle, zone) == offset:
                    before = middle
                else:
                    after = middle
            return after
        before = after
    return None


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


@lru_cache(maxsize=4096)
def _holidays(country: str, year: int) -> frozenset[date]:
    """The public holidays of a whole country; none if it is not known."""
    if not country:
        return frozenset()
    with warnings.catch_warnings(action="ignore"):  # that a year's are estimated
        try:
            return frozenset(holidays.country_holidays(country, years=year))
        except NotImplementedError:  # of a case that came in when any two letters did
            return frozenset()


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The moment (UTC) at which a local day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def week_of(day: date) -> date:
    """The Monday of the day's week."""
    return day - timedelta(days=day.weekday())


def years_between(since: date, today: date) -> int:
    """Whole years, as an anniversary counts them; never negative."""
    return max(0, today.year - since.year - ((today.month, today.day) < (since.month, since.day)))


def last_occurrence(hour: int, now: datetime, zone: ZoneInfo) -> datetime:
    """The latest moment not after `now` at which the local clock showed `hour`:00 (UTC)."""
    today = now.astimezone(zone).date()
    moments = [
        datetime.combine(day, time(hour, fold=fold), zone).astimezone(UTC)
        for day in (today, today - timedelta(days=1))
        for fold in (0, 1)
    ]
    return max(moment for moment in moments if moment <= now)


def in_words(moment: datetime, zone: ZoneInfo) -> str:
    """For people: `Tuesday, 3 March 2026, 14:05 (Europe/Berlin)`."""
    local = moment.astimezone(zone)
    return f"{local:%A}, {local.day} {local:%B %Y, %H:%M} ({zone.key})"


def moment_in_words(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    """For lists, in the reader's zone: `today, 14:05`, `yesterday, 9:30`, `Tue 3 March, 14:05`, `3 March 2025`."""
    local, today = moment.astimezone(zone), local_day(now, zone)
    days = (today - local.date()).days
    if days in (-1, 0, 1):
        return f"{('tomorrow', 'today', 'yesterday')[days + 1]}, {local.hour}:{local:%M}"
    if abs(days) < 300:
        return f"{local:%a} {local.day} {local:%B}, {local.hour}:{local:%M}"
    return f"{local.day} {local:%B %Y}"


def span_in_words(span: timedelta) -> str:
    """How long, in the largest unit of which there are two: `90 seconds`, `3 hours`, `2 days`; never negative."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
    return "1 second" if seconds == 1 else f"{seconds} seconds"


def duration_in_words(duration: timedelta) -> str:
    """`a day`, `3 days`, `36 hours`, `90 minutes`, `20 seconds`."""
    seconds = int(duration.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds % size == 0 and seconds >= size:
            count = seconds // size
            return f"{count} {unit}s" if count != 1 else "an hour" if unit == "hour" else f"a {unit}"
    return "no time"

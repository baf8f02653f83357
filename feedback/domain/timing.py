"""When: the survey's moments, and the local days that people count in. The only place with local time."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from feedback.config import Config


def due_at(resolved_at: datetime, config: Config) -> datetime:
    """The moment from which we ask."""
    return resolved_at + config.delay


def not_after(resolved_at: datetime, config: Config) -> datetime:
    """The moment after which we do not ask any more."""
    return resolved_at + config.max_age


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


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

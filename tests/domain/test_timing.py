from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedback.config import Config
from feedback.domain.timing import (
    due_at,
    duration_in_words,
    in_words,
    last_occurrence,
    local_day,
    not_after,
    week_of,
    years_between,
)
from tests.conftest import DAY, NOW

# Clocks that move by an hour at night, at midnight, in the south; by half an hour; by two hours; never.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Nuuk",
    "America/Havana",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Antarctica/Troll",
]


def test_we_ask_a_day_after_and_not_after_a_week(config: Config) -> None:
    assert due_at(NOW, config) == NOW + DAY
    assert not_after(NOW, config) == NOW + 7 * DAY


@pytest.mark.parametrize(
    ("since", "today", "years"),
    [
        (date(2024, 1, 15), date(2024, 1, 15), 0),
        (date(2024, 1, 15), date(2025, 1, 14), 0),
        (date(2024, 1, 15), date(2025, 1, 15), 1),
        (date(2024, 12, 31), date(2025, 1, 1), 0),
        (date(2024, 2, 29), date(2025, 2, 28), 0),
        (date(2024, 2, 29), date(2025, 3, 1), 1),
        (date(2024, 2, 29), date(2028, 2, 28), 3),
        (date(2024, 2, 29), date(2028, 2, 29), 4),
        (date(2023, 3, 1), date(2024, 2, 29), 0),
        (date(2026, 3, 4), date(2026, 3, 3), 0),  # a customer from tomorrow
        (date(2030, 1, 1), date(2026, 3, 3), 0),
    ],
)
def test_years_are_whole_and_never_negative(since: date, today: date, years: int) -> None:
    assert years_between(since, today) == years


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        (date(2026, 3, 2), date(2026, 3, 2)),
        (date(2026, 3, 3), date(2026, 3, 2)),
        (date(2026, 3, 8), date(2026, 3, 2)),
        (date(2026, 3, 9), date(2026, 3, 9)),
        (date(2026, 1, 1), date(2025, 12, 29)),
    ],
)
def test_a_week_is_known_by_its_monday(day: date, monday: date) -> None:
    assert week_of(day) == monday


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        (datetime(2026, 3, 3, 10, 59, 59, tzinfo=UTC), "Pacific/Auckland", date(2026, 3, 3)),
        (datetime(2026, 3, 3, 11, tzinfo=UTC), "Pacific/Auckland", date(2026, 3, 4)),
        (datetime(2026, 3, 3, 4, 59, 59, tzinfo=UTC), "America/New_York", date(2026, 3, 2)),
        (datetime(2026, 3, 3, 5, tzinfo=UTC), "America/New_York", date(2026, 3, 3)),
    ],
)
def test_a_day_begins_at_the_local_midnight(moment: datetime, zone: str, day: date) -> None:
    assert local_day(moment, ZoneInfo(zone)) == day


@pytest.mark.parametrize(
    ("hour", "now", "zone", "expected"),
    [
        (5, datetime(2026, 3, 3, 12), "UTC", datetime(2026, 3, 3, 5)),
        (5, datetime(2026, 3, 3, 5), "UTC", datetime(2026, 3, 3, 5)),
        (5, datetime(2026, 3, 3, 4, 59, 59, 999_999), "UTC", datetime(2026, 3, 2, 5)),
        (5, datetime(2026, 3, 3, 12), "Pacific/Auckland", datetime(2026, 3, 2, 16)),  # it is Wednesday, 01:00 there
        (5, datetime(2026, 3, 29, 2, 59), "Europe/Berlin", datetime(2026, 3, 28, 4)),  # the clock has moved ahead
        (5, datetime(2026, 3, 29, 3), "Europe/Berlin", datetime(2026, 3, 29, 3)),
        (5, datetime(2026, 10, 25, 3, 59), "Europe/Berlin", datetime(2026, 10, 24, 3)),  # the clock has moved back
        (2, datetime(2026, 10, 25, 0, 30), "Europe/Berlin", datetime(2026, 10, 25, 0)),  # 02:00 comes twice:
        (2, datetime(2026, 10, 25, 1, 30), "Europe/Berlin", datetime(2026, 10, 25, 1)),  # its second time,
        (2, datetime(2026, 10, 25, 8), "Europe/Berlin", datetime(2026, 10, 25, 1)),  # for the rest of the day
        (2, datetime(2026, 10, 26, 0), "Europe/Berlin", datetime(2026, 10, 25, 1)),
    ],
)
def test_the_last_time_that_the_local_clock_showed_the_hour(
    hour: int, now: datetime, zone: str, expected: datetime
) -> None:
    found = last_occurrence(hour, now.replace(tzinfo=UTC), ZoneInfo(zone))
    assert found == expected.replace(tzinfo=UTC)
    assert found.tzinfo is UTC


def clock_moves(zone: ZoneInfo) -> list[datetime]:
    """The days of three years before whose end the zone's clock has moved; any day, where it never does."""
    days = [datetime(2024, 12, 31, tzinfo=UTC) + k * DAY for k in range(3 * 365)]
    moves = [day for day in days if day.astimezone(zone).utcoffset() != (day + DAY).astimezone(zone).utcoffset()]
    return moves or days[:1]


def exists(day: date, hour: int, zone: ZoneInfo) -> bool:
    local = datetime.combine(day, time(hour), zone)
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)


AROUND_CLOCK_MOVES = st.sampled_from([(zone, day) for zone in map(ZoneInfo, ZONES) for day in clock_moves(zone)])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(hour=st.integers(0, 23), zone_and_day=AROUND_CLOCK_MOVES, minutes=st.integers(-12 * 60, 60 * 60))
@example(hour=2, zone_and_day=(ZoneInfo("Antarctica/Troll"), datetime(2026, 3, 29, tzinfo=UTC)), minutes=70)
def test_the_last_occurrence_is_the_newest_moment_that_fits_in_any_zone(
    hour: int, zone_and_day: tuple[ZoneInfo, datetime], minutes: int
) -> None:
    zone, day = zone_and_day
    now = day + timedelta(minutes=minutes)
    found = last_occurrence(hour, now, zone)
    assert found <= now
    assert now - found <= timedelta(hours=26 if zone.key == "Antarctica/Troll" else 25)
    today = now.astimezone(zone).date()
    if exists(today, hour, zone) and exists(today - DAY, hour, zone):
        # Clocks differ by whole quarters of an hour, so a walk back by quarters meets each full local hour.
        quarter = now.replace(minute=now.minute // 15 * 15)
        walk = (quarter - k * timedelta(minutes=15) for k in range(4 * 26 + 1))
        locals_at = ((moment, moment.astimezone(zone)) for moment in walk)
        assert found == next(moment for moment, local in locals_at if (local.hour, local.minute) == (hour, 0))


@pytest.mark.parametrize(
    ("moment", "zone", "words"),
    [
        (datetime(2026, 3, 3, 13, 5, tzinfo=UTC), "Europe/Berlin", "Tuesday, 3 March 2026, 14:05 (Europe/Berlin)"),
        (datetime(2026, 7, 3, 12, 5, tzinfo=UTC), "Europe/Berlin", "Friday, 3 July 2026, 14:05 (Europe/Berlin)"),
        (
            datetime(2026, 12, 31, 12, 0, tzinfo=UTC),
            "Pacific/Auckland",
            "Friday, 1 January 2027, 01:00 (Pacific/Auckland)",
        ),
        (NOW, "UTC", "Tuesday, 3 March 2026, 12:00 (UTC)"),
    ],
)
def test_a_moment_in_words_is_local_and_names_its_zone(moment: datetime, zone: str, words: str) -> None:
    assert in_words(moment, ZoneInfo(zone)) == words


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(hours=24), "a day"),
        (timedelta(hours=48), "2 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(hours=1), "an hour"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(minutes=1), "a minute"),
    ],
)
def test_a_duration_is_told_in_the_largest_whole_unit(duration: timedelta, words: str) -> None:
    assert duration_in_words(duration) == words

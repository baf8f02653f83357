from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from feedback.domain.timing import moment_in_words, span_in_words

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day, hour, minute


@pytest.mark.parametrize(
    ("moment", "zone", "words"),
    [
        (utc(2026, 3, 3, 12), "UTC", "today, 12:00"),
        (utc(2026, 3, 3, 13, 5), BERLIN, "today, 14:05"),
        (utc(2026, 3, 3, 8, 5), BERLIN, "today, 9:05"),
        (utc(2026, 3, 2, 23, 30), BERLIN, "today, 0:30"),  # yesterday in Greenwich
        (utc(2026, 3, 2, 22, 59), BERLIN, "yesterday, 23:59"),
        (utc(2026, 3, 1, 23), BERLIN, "yesterday, 0:00"),
        (utc(2026, 3, 1, 22, 59), BERLIN, "Sun 1 March, 23:59"),
        (utc(2026, 3, 3, 23), BERLIN, "tomorrow, 0:00"),
        (utc(2026, 3, 4, 3), NEW_YORK, "today, 22:00"),
        (utc(2026, 3, 5, 12), "UTC", "Thu 5 March, 12:00"),
        (utc(2025, 12, 31, 13, 5), BERLIN, "Wed 31 December, 14:05"),  # another year, yet near
        (utc(2025, 5, 8, 12), "UTC", "Thu 8 May, 12:00"),
        (utc(2025, 5, 7, 12), "UTC", "7 May 2025"),  # 300 days: from here on the weekday says nothing
        (utc(2025, 3, 3, 12), "UTC", "3 March 2025"),
        (utc(2027, 3, 3, 12), "UTC", "3 March 2027"),
    ],
)
def test_a_moment_is_told_by_the_local_day_and_how_far_it_is_from_today(
    moment: datetime, zone: str, words: str
) -> None:
    assert moment_in_words(moment, ZoneInfo(zone), utc(2026, 3, 3, 12)) == words


@pytest.mark.parametrize(
    ("now", "moment", "words"),
    [
        (utc(2026, 3, 29, 10), utc(2026, 3, 28, 22, 30), "yesterday, 23:30"),
        (utc(2026, 3, 29, 10), utc(2026, 3, 29, 0, 59), "today, 1:59"),
        (utc(2026, 3, 29, 10), utc(2026, 3, 29, 1, 1), "today, 3:01"),  # 2:01 did not come
        (utc(2026, 10, 25, 10), utc(2026, 10, 25, 0, 30), "today, 2:30"),
        (utc(2026, 10, 25, 10), utc(2026, 10, 25, 1, 30), "today, 2:30"),  # an hour later
        (utc(2026, 10, 25, 23, 30), utc(2026, 10, 24, 22, 30), "yesterday, 0:30"),  # 25 hours ago
        (utc(2026, 3, 29, 22, 30), utc(2026, 3, 28, 22, 30), "Sat 28 March, 23:30"),  # 24 hours ago, two midnights
    ],
)
def test_days_are_counted_by_midnights_when_the_clock_moves(now: datetime, moment: datetime, words: str) -> None:
    assert moment_in_words(moment, ZoneInfo(BERLIN), now) == words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=-3), "0 seconds"),
        (timedelta(seconds=-1), "0 seconds"),
        (timedelta(0), "0 seconds"),
        (timedelta(seconds=1, milliseconds=900), "1 second"),
        (timedelta(seconds=2), "2 seconds"),
        (timedelta(seconds=119), "119 seconds"),
        (timedelta(minutes=2), "2 minutes"),
        (timedelta(minutes=119, seconds=59), "119 minutes"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=400), "400 days"),
    ],
)
def test_a_span_is_told_in_the_largest_unit_of_which_there_are_two(span: timedelta, words: str) -> None:
    assert span_in_words(span) == words

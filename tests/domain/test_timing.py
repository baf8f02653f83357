import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones
from zoneinfo._zoneinfo import ZoneInfo as PurePythonZoneInfo

import pytest
from holidays import country_holidays, list_supported_countries
from hypothesis import example, given, seed, settings
from hypothesis import strategies as st

from feedback.config import Config
from feedback.domain.timing import (
    Moment,
    Wait,
    Whereabouts,
    delay_of,
    duration_in_words,
    in_words,
    last_occurrence,
    local_day,
    midnight,
    next_moment,
    next_open,
    not_after,
    week_of,
    years_between,
    zone_of,
)
from feedback.setting_types import Window
from tests.conftest import DAY, NOW, TORTURE

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


def test_we_do_not_ask_after_a_week(config: Config) -> None:
    assert not_after(NOW, config) == NOW + 7 * DAY


@pytest.mark.parametrize(
    ("topic", "channel", "hours"),
    [
        (None, None, 24),
        ("printers", "mail", 24),
        ("Parcels", "mail", 96),
        ("printers", "CHAT", 2),
        ("parcels", "chat", 96),  # the topic says more about the case
    ],
)
def test_the_delay_is_that_of_the_topic_then_of_the_channel_then_the_usual_one(
    make_config: Callable[..., Config], topic: str | None, channel: str | None, hours: int
) -> None:
    config = make_config(delay_by_topic="parcels: 4d, invoices: 36h", delay_by_channel="chat:2h")
    assert delay_of(topic, channel, config) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("whereabouts", "zone"),
    [
        (Whereabouts("Asia/Tokyo", "JP", "Sales"), "Asia/Tokyo"),
        (Whereabouts(None, "JP", "sales"), "America/Lima"),
        (Whereabouts(None, "JP", "Hardware"), "Europe/Berlin"),
        (Whereabouts(), "Europe/Berlin"),
    ],
)
def test_the_clock_is_the_customers_else_the_teams_else_the_businesss(
    make_config: Callable[..., Config], whereabouts: Whereabouts, zone: str
) -> None:
    config = make_config(zone="Europe/Berlin", team_zones="Sales:America/Lima, Spares:Asia/Tokyo")
    assert zone_of(whereabouts, config).key == zone


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "window", "earliest", "expected", "because"),
    [
        ("UTC", "Mon-Fri 09:00-18:00", "2026-03-03 12:00", "2026-03-03 12:00", Wait.DELAY),
        ("UTC", "Mon-Fri 09:00-18:00", "2026-03-03 09:00", "2026-03-03 09:00", Wait.DELAY),
        ("UTC", "Mon-Fri 09:00-18:00", "2026-03-03 08:59:59", "2026-03-03 09:00", Wait.WINDOW),
        ("UTC", "Mon-Fri 09:00-18:00", "2026-03-03 17:59:59", "2026-03-03 17:59:59", Wait.DELAY),
        ("UTC", "Mon-Fri 09:00-18:00", "2026-03-06 18:00", "2026-03-09 09:00", Wait.WINDOW),
        ("UTC", "off", "2026-03-08 03:00", "2026-03-08 03:00", Wait.DELAY),
        ("UTC", "10:00-12:00", "2026-03-08 03:00", "2026-03-08 10:00", Wait.WINDOW),
        ("UTC", "Mon-Sun 00:00-24:00", "2026-03-08 03:00", "2026-03-08 03:00", Wait.DELAY),
        ("UTC", "Sat-Mon 10:00-12:00", "2026-03-03 12:00", "2026-03-07 10:00", Wait.WINDOW),
        ("Asia/Kolkata", "Mon-Fri 09:00-18:00", "2026-03-03 02:00", "2026-03-03 03:30", Wait.WINDOW),
        ("Asia/Kathmandu", "Mon-Fri 09:00-18:00", "2026-03-03 02:00", "2026-03-03 03:15", Wait.WINDOW),
        # over midnight: what is open after it belongs to the day before
        ("UTC", "Fri 22:00-02:00", "2026-03-06 23:30", "2026-03-06 23:30", Wait.DELAY),
        ("UTC", "Fri 22:00-02:00", "2026-03-07 01:59", "2026-03-07 01:59", Wait.DELAY),
        ("UTC", "Fri 22:00-02:00", "2026-03-07 02:00", "2026-03-13 22:00", Wait.WINDOW),
        ("UTC", "Fri 22:00-02:00", "2026-03-06 01:00", "2026-03-06 22:00", Wait.WINDOW),
        # an hour that does not exist: the clock leaps from 2:00 to 3:00, into the window
        ("Europe/Berlin", "02:30-05:00", "2026-03-29 00:30", "2026-03-29 01:00", Wait.WINDOW),
        # an hour that comes twice: open the first time, and the second time as well
        ("Europe/Berlin", "02:30-02:45", "2026-10-25 00:00", "2026-10-25 00:30", Wait.WINDOW),
        ("Europe/Berlin", "02:30-02:45", "2026-10-25 00:45", "2026-10-25 01:30", Wait.WINDOW),
        # 30 December 2011 was no day in Samoa
        ("Pacific/Apia", "Fri 09:00-18:00", "2011-12-30 09:00", "2012-01-05 19:00", Wait.WINDOW),
        ("Pacific/Apia", "Sat 00:00-24:00", "2011-12-30 09:59:59", "2011-12-30 10:00", Wait.WINDOW),
    ],
)
def test_the_next_moment_by_hand(
    make_config: Callable[..., Config], zone: str, window: str, earliest: str, expected: str, because: Wait
) -> None:
    moment = next_moment(utc(earliest), Whereabouts(zone), make_config(window=window))
    assert moment == Moment(utc(expected), because)


@pytest.mark.parametrize(
    ("country", "business", "expected", "because"),
    [
        ("DE", None, "2026-10-05 09:00", Wait.HOLIDAY),  # Saturday 3 October, then Sunday
        ("de", None, "2026-10-05 09:00", Wait.HOLIDAY),
        (None, "DE", "2026-10-05 09:00", Wait.HOLIDAY),
        ("FR", "DE", "2026-10-03 09:00", Wait.WINDOW),  # the customer's country, not ours
        (None, None, "2026-10-03 09:00", Wait.WINDOW),
        ("ZZ", None, "2026-10-03 09:00", Wait.WINDOW),  # no country
    ],
)
def test_public_holidays_of_the_customers_country_or_else_of_ours_are_left_out(
    make_config: Callable[..., Config], country: str | None, business: str | None, expected: str, because: Wait
) -> None:
    config = make_config(window="Mon-Sat 09:00-18:00", **({"country": business} if business else {}))
    moment = next_moment(utc("2026-10-02 20:00"), Whereabouts(country=country), config)
    assert moment == Moment(utc(expected), because)


def test_a_window_over_midnight_is_closed_on_the_holiday_itself_and_open_after_it(
    make_config: Callable[..., Config],
) -> None:
    config = make_config(window="20:00-02:00", country="DE")
    assert next_moment(utc("2026-10-02 23:59"), Whereabouts(), config).at == utc("2026-10-02 23:59")
    assert next_moment(utc("2026-10-03 00:00"), Whereabouts(), config).at == utc("2026-10-04 00:00")


ALL_ZONES = sorted(available_timezones() - {"localtime"})
THIRTY_YEARS = (datetime(1998, 1, 1), datetime(2028, 1, 1))
MINUTE = timedelta(minutes=1)

minutes = st.integers(0, 1439) | st.sampled_from([0, 60, 90, 120, 150, 180, 540, 1080, 1380])
windows = st.builds(Window, st.frozensets(st.integers(0, 6), min_size=3), minutes, minutes | st.just(1440)).filter(
    lambda window: window.opens != window.closes
)


def is_open(moment: datetime, window: Window, zone: ZoneInfo, country: str) -> bool:
    """What a clock on the wall and a calendar say; in other words than those that are tested."""
    clock = moment.astimezone(zone)
    minute = clock.hour * 60 + clock.minute
    if clock.date() in country_holidays_of(country, clock.year):
        return False
    day_before = (clock.date() - timedelta(days=1)).weekday()
    if window.opens < window.closes:
        return clock.weekday() in window.days and minute in range(window.opens, window.closes)
    is_evening = clock.weekday() in window.days and minute in range(window.opens, 1440)
    return is_evening or (day_before in window.days and minute in range(window.closes))


@cache
def country_holidays_of(country: str, year: int) -> frozenset[date]:
    with warnings.catch_warnings(action="ignore"):
        return frozenset(country_holidays(country, years=year)) if country else frozenset()


def check_earliest(earliest: datetime, window: Window, zone: ZoneInfo, country: str) -> None:
    """Never before, always inside, and no minute in between is open."""
    found = next_open(earliest, window, zone, country)
    assert found >= earliest
    assert is_open(found, window, zone, country)
    passed = earliest
    while passed < found:
        assert not is_open(passed, window, zone, country), passed
        passed = passed.replace(second=0) + MINUTE
    if found > earliest:
        assert not is_open(found - timedelta(seconds=1), window, zone, country)


@seed(5)
@settings(max_examples=20_000 if TORTURE else 250, deadline=None)
@given(
    st.datetimes(*THIRTY_YEARS),
    windows,
    st.sampled_from(ALL_ZONES),
    st.sampled_from(["", "DE", "IN", "US", "WS", "EG"]),
)
def test_the_next_moment_is_never_before_always_inside_and_the_earliest_such(
    earliest: datetime, window: Window, zone: str, country: str
) -> None:
    check_earliest(earliest.replace(microsecond=0, tzinfo=UTC), window, ZoneInfo(zone), country)


def changes_of(zone: str) -> list[datetime]:
    """When the zone's clock was put forward or back within the thirty years, by looking every hour of such a day."""
    found = []
    info, moment = ZoneInfo(zone), THIRTY_YEARS[0].replace(tzinfo=UTC)
    while moment < THIRTY_YEARS[1].replace(tzinfo=UTC):
        offset = moment.astimezone(info).utcoffset()
        if (moment + DAY).astimezone(info).utcoffset() != offset:
            hours = (moment + timedelta(minutes=30) * n for n in range(1, 49))
            found.append(next(hour for hour in hours if hour.astimezone(info).utcoffset() != offset))
        moment += DAY
    return found


@pytest.mark.torture
@pytest.mark.parametrize("zone", ALL_ZONES if TORTURE else ZONES)
def test_around_each_change_of_a_clock_the_next_moment_is_the_earliest(zone: str) -> None:
    """A window that opens just before, at and after the hour that is lost or comes twice."""
    changes = changes_of(zone)
    for change in changes if TORTURE else changes[-4:]:
        local = change.astimezone(ZoneInfo(zone))
        minute = local.hour * 60 + local.minute
        for shift in (-90, -60, -30, 0, 30):
            opens = (minute + shift) % 1440
            for closes in ((opens + 20) % 1440, (opens + 300) % 1440):
                window = Window(frozenset(range(7)), opens, closes)
                for before in (timedelta(hours=3), timedelta(minutes=45)):
                    check_earliest(change - before, window, ZoneInfo(zone), "")


def test_no_zone_has_put_its_clock_twice_within_a_day() -> None:
    """`next_open` looks for a change once a day. The list is the standard library's, in its version without C."""
    since, until = (int(moment.replace(tzinfo=UTC).timestamp()) for moment in THIRTY_YEARS)
    assert len(PurePythonZoneInfo("Africa/Casablanca")._trans_utc) > 100
    for name in ALL_ZONES:
        listed = [at for at in PurePythonZoneInfo(name)._trans_utc if since <= at <= until]
        assert all(later - earlier > DAY.total_seconds() for earlier, later in pairwise(listed)), name


def test_every_country_has_its_holidays_and_none_of_them_stops_us_for_long(make_config: Callable[..., Config]) -> None:
    config = make_config(window="00:00-24:00")
    for country in list_supported_countries(include_aliases=False):
        for year in (1998, 2026, 2040):
            moment = next_moment(utc(f"{year}-01-01 00:00"), Whereabouts(country=country), config)
            assert moment.at - utc(f"{year}-01-01 00:00") < timedelta(days=30), country


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


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(2015, 1, 1), date(2035, 12, 31)),
)
@example(zone="Africa/Cairo", day=date(2026, 4, 24))  # it has no 0:00 there
@example(zone="America/Havana", day=date(2026, 11, 1))  # and here two
def test_a_day_begins_at_its_first_moment(zone: str, day: date) -> None:
    begin = midnight(day, ZoneInfo(zone))
    assert local_day(begin, ZoneInfo(zone)) == day
    assert local_day(begin - timedelta(seconds=1), ZoneInfo(zone)) < day

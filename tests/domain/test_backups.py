from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from feedback.domain.backups import DAYS_KEPT, WEEKS_KEPT, to_keep
from feedback.domain.timing import week_of

DAYS = st.sets(st.integers(0, 400).map(lambda n: date(2026, 1, 1) + timedelta(days=n)))


def test_with_a_backup_a_night_seven_days_and_four_weeks_are_kept() -> None:
    last = date(2026, 3, 4)  # a Wednesday
    kept = to_keep(last - timedelta(days=n) for n in range(60))
    assert sorted(kept, reverse=True) == [
        *(last - timedelta(days=n) for n in range(7)),  # the fourth of March back to the 26th of February
        date(2026, 2, 22),
        date(2026, 2, 15),
    ]


@given(days=DAYS)
def test_the_newest_are_kept_and_a_newest_of_each_of_the_newest_weeks(days: set[date]) -> None:
    kept = to_keep(days)
    assert kept <= days
    assert set(sorted(days, reverse=True)[:DAYS_KEPT]) <= kept
    weeks = sorted({week_of(day) for day in days}, reverse=True)[:WEEKS_KEPT]
    assert {max(day for day in days if week_of(day) == week) for week in weeks} <= kept
    assert len(kept) <= DAYS_KEPT + WEEKS_KEPT

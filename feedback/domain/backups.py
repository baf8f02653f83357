"""Which nightly backups are kept: the last seven, and one a week for four weeks."""

from collections.abc import Iterable
from datetime import date

from feedback.domain.timing import week_of

DAYS_KEPT = 7
WEEKS_KEPT = 4


def to_keep(days: Iterable[date]) -> set[date]:
    """The newest DAYS_KEPT days, and the newest day of each of the newest WEEKS_KEPT weeks that have one."""
    newest_first = sorted(days, reverse=True)
    of_week: dict[date, date] = {}
    for day in newest_first:
        of_week.setdefault(week_of(day), day)
    return {*newest_first[:DAYS_KEPT], *list(of_week.values())[:WEEKS_KEPT]}

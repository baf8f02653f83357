"""The calendar of the published figures: periods, and stretches of them of about a quarter of a year."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median
from zoneinfo import ZoneInfo

from feedback.domain.figures import SETTLED_AFTER
from feedback.domain.timing import local_day, midnight, week_of

MEDIAN_ANSWERS = 20  # a period is long enough if half of the periods have as many answers
STRETCHES = 20  # five years of them
_DAY = timedelta(days=1)


class Span(StrEnum):
    """How long a period is."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"

    @property
    def in_stretch(self) -> int:
        """How many periods make a stretch."""
        return {Span.WEEK: 13, Span.MONTH: 3, Span.QUARTER: 1}[self]

    def start(self, day: date, later: int = 0) -> date:
        """The first day of the period that a day is in, or of one so many periods later (earlier, if negative)."""
        if self is Span.WEEK:
            return week_of(day) + timedelta(weeks=later)
        months = 3 if self is Span.QUARTER else 1
        number = (day.year * 12 + day.month - 1) // months + later
        return date(number * months // 12, number * months % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Where the periods lie. From `young_from` on, answers may still come in: those periods are provisional.

    The recent stretch is the last whole one before that. All stretches are made of whole periods, so that what is said
    of a stretch and what is said of its periods never differ by a part of a period, which nobody would have hidden.
    """

    span: Span
    young_from: date
    today: date
    zone: ZoneInfo

    @property
    def recent_from(self) -> date:
        return self.start_of_stretch(0)

    @property
    def last_settled_day(self) -> date:
        return self.young_from - _DAY

    def start_of_stretch(self, back: int) -> date:
        return self.span.start(self.young_from, -self.span.in_stretch * (back + 1))

    def periods(self, first: date, end: date) -> list[date]:
        """The first days of the periods from the one that begins at `first` until before `end`."""
        found = []
        while first < end:
            found.append(first)
            first = self.span.start(first, 1)
        return found

    def last_day(self, first: date) -> date:
        return self.span.start(first, 1) - _DAY

    def earlier_stretches(self) -> Iterator[tuple[date, list[tuple[date, datetime]]]]:
        """The stretches before the recent one, newest first: the first day, and periods, newest first, as moments."""
        for back in range(1, STRETCHES):
            first = self.start_of_stretch(back)
            days = self.periods(first, self.start_of_stretch(back - 1))
            yield first, [(day, midnight(day, self.zone)) for day in reversed(days)]


def young_from(now: datetime, zone: ZoneInfo, late: Sequence[date]) -> date:
    """The first day about which answers may still come in; `late` are the days of what was asked about lately."""
    return min([local_day(now - SETTLED_AFTER, zone), *late])


def longest_look(now: datetime, zone: ZoneInfo) -> date:
    """The earliest day of which a recent stretch can tell, whichever its periods are."""
    earliest = local_day(now - 2 * SETTLED_AFTER, zone)
    return min(Calendar(span, span.start(earliest), earliest, zone).recent_from for span in Span)


def calendar(young: date, today: date, zone: ZoneInfo, answered_on: Sequence[date], look_from: date) -> Calendar:
    """The shortest periods of which half have MEDIAN_ANSWERS answers, as far as is known from `look_from` on."""
    found = Calendar(Span.QUARTER, Span.QUARTER.start(young), today, zone)
    for span in (Span.WEEK, Span.MONTH):
        one = Calendar(span, span.start(young), today, zone)
        first = span.start(min(answered_on, default=today))
        periods = one.periods(first if first >= look_from else span.start(first, 1), one.young_from)
        counts = dict.fromkeys(periods, 0)
        for day in answered_on:
            start = span.start(day)
            if start in counts:
                counts[start] += 1
        if counts and median(counts.values()) >= MEDIAN_ANSWERS:
            return one
    return found

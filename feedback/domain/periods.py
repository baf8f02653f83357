"""The calendar of the published figures: periods, and stretches of them of about a quarter of a year."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median
from zoneinfo import ZoneInfo

from feedback.domain.surveys import SETTLED_AFTER
from feedback.domain.timing import local_day, midnight, week_of

WEEKS_OF_A_QUARTER = 13
MEDIAN_ANSWERS = 20  # a period is long enough if half of the periods have as many answers
STRETCHES = 20  # five years of them
_DAY = timedelta(days=1)


class Span(StrEnum):
    """How long a period is."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "13 weeks"  # and not of the calendar: a young business waits for the end of a week, not of a quarter

    @property
    def in_stretch(self) -> int:
        """How many periods make a stretch."""
        return {Span.WEEK: 13, Span.MONTH: 3, Span.QUARTER: 1}[self]

    def begin(self, day: date) -> date:
        """The first day of the week or month that a day is in, with which a period of this length may begin."""
        return day.replace(day=1) if self is Span.MONTH else week_of(day)


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

    def start(self, day: date, later: int = 0) -> date:
        """The first day of the period that a day is in, or of one so many periods later (earlier, if negative)."""
        if self.span is Span.MONTH:
            number = day.year * 12 + day.month - 1 + later
            return date(number // 12, number % 12 + 1, 1)
        weeks = 1 if self.span is Span.WEEK else WEEKS_OF_A_QUARTER
        periods = (day - self.young_from).days // (7 * weeks) + later
        return self.young_from + timedelta(weeks=weeks * periods)

    def start_of_stretch(self, back: int) -> date:
        return self.start(self.young_from, -self.span.in_stretch * (back + 1))

    def periods(self, first: date, end: date) -> list[date]:
        """The first days of the periods from the one that begins at `first` until before `end`."""
        found = []
        while first < end:
            found.append(first)
            first = self.start(first, 1)
        return found

    def last_day(self, first: date) -> date:
        """That of a period. A quarter that has only begun ends today: it never lasts, for it begins anew each week."""
        end = self.start(first, 1) - _DAY
        return min(end, self.today) if self.span is Span.QUARTER else end

    def settles_on(self, day: date) -> date:
        """From when on a day's answers are settled, if it is not asked about late."""
        whole = self.start(day, 1) if self.span is Span.MONTH else week_of(day) + timedelta(weeks=1)
        return whole + SETTLED_AFTER

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
    return min(Calendar(span, span.begin(earliest), earliest, zone).recent_from for span in Span)


def calendar(young: date, today: date, zone: ZoneInfo, answered_on: Sequence[date], look_from: date) -> Calendar:
    """The shortest periods of which half have MEDIAN_ANSWERS answers, as far as is known from `look_from` on."""
    for span in (Span.WEEK, Span.MONTH):
        one = Calendar(span, span.begin(young), today, zone)
        first = one.start(min(answered_on, default=today))
        periods = one.periods(first if first >= look_from else one.start(first, 1), one.young_from)
        counts = dict.fromkeys(periods, 0)
        for day in answered_on:
            start = one.start(day)
            if start in counts:
                counts[start] += 1
        if counts and median(counts.values()) >= MEDIAN_ANSWERS:
            return one
    return Calendar(Span.QUARTER, Span.QUARTER.begin(young), today, zone)

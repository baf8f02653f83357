"""Charts as SVG: classes only, colours from the site's style sheet, an equal data table beside them."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from feedback.domain.periods import Span
from feedback.domain.published import Period
from feedback.domain.rates import percent
from feedback.publish.words import FEW, days, interval, rate_in_words

WIDTH, HEIGHT = 640, 300
NEWEST = 16  # more periods could not be read on a phone; the table has them all
_ROOMY = 5  # so many periods leave room for every label
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 16, 20, 88
_NO_ANSWERS = "no answers"


def trend(periods: Sequence[Period], title: str, key: str, span: Span | None = None) -> str:
    """The share solved by periods, oldest first: a line with its 95 % band, n beneath; "" if nothing may be shown.

    The line is broken where nothing may be shown. `key` tells charts on one page apart, `title` is text; `span` says
    how long the periods are, None for stretches.
    """
    if not any(map(_is_shown, periods)):
        return ""
    newest = periods[-NEWEST:]
    step = (WIDTH - _LEFT - _RIGHT) / len(newest)
    at = [round(_LEFT + step * (k + 0.5), 1) for k in range(len(newest))]
    marks = [*_grid(), *_lines(newest, at)]
    for k, (period, x) in enumerate(zip(newest, at, strict=True)):
        place = 0 if len(newest) <= _ROOMY else len(newest) - 1 - k
        marks += _period(period, x, place=place, span=span)
    told = "; ".join(f"{days(one.first_day, one.last_day)}: {in_words(one)}" for one in newest)
    left_out = f" The newest {NEWEST} are drawn; the table has all {len(periods)}." if len(periods) > NEWEST else ""
    hollow = " Hollow: more may still come in." if any(one.provisional for one in newest) else ""
    extent = "band" if any('class="band"' in mark for mark in marks) else "upright line"
    begins = "" if span is Span.MONTH else f" and when each {span or 'stretch'} begins"
    return (
        f'<figure class="chart">\n<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{key}-t {key}-d">\n'
        f'<title id="{key}-t">{escape(title)}</title>\n<desc id="{key}-d">{escape(told)}</desc>\n'
        + "\n".join(marks)
        + f"\n</svg>\n<figcaption>{escape(title)}. The {extent} is the 95 % interval. Below: how many answered{begins}."
        f"{hollow}{left_out}</figcaption>\n" + _table(periods) + "</figure>"
    )


def in_words(period: Period) -> str:
    """A period for a table or a screen reader."""
    if not _is_shown(period):
        return f"{FEW} to show" if period.solved.hidden else _NO_ANSWERS
    return f"{rate_in_words(period.solved)}{_provisional(period)}"


def bar(share: float) -> str:
    """A bar from zero, beside the number that it draws."""
    return (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{share * 100:.1f}" height="8"/></svg>'
    )


def extent(lower: float, middle: float, upper: float) -> str:
    """A bar of the middle half with its middle, beside the numbers that it draws; as shares of the longest of all."""
    return (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="half" x="{lower * 100:.1f}" width="{(upper - lower) * 100:.1f}" height="8"/>'
        f'<rect class="middle" x="{min(98.5, middle * 100):.1f}" width="1.5" height="8"/></svg>'
    )


def _is_shown(period: Period) -> bool:
    return period.solved.n > 0 and not period.solved.hidden


def _grid() -> list[str]:
    marks = []
    for share in (0, 25, 50, 75, 100):
        y = _y(share / 100)
        marks.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        marks.append(f'<text class="scale" x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{share} %</text>')
    return marks


def _lines(periods: Sequence[Period], at: Sequence[float]) -> list[str]:
    """Each run of periods that are shown: its band, and its line over it."""
    marks = []
    for is_shown, run in groupby(zip(periods, at, strict=True), lambda one: _is_shown(one[0])):
        points = [(x, period.solved) for period, x in run]
        if is_shown and len(points) > 1:
            upper = [f"{x},{_y(rate.interval[1])}" for x, rate in points]
            lower = [f"{x},{_y(rate.interval[0])}" for x, rate in reversed(points)]
            marks.append(f'<polygon class="band" points="{" ".join(upper + lower)}"/>')
            marks.append(f'<polyline class="line" points="{" ".join(f"{x},{_y(r.share)}" for x, r in points)}"/>')
        elif is_shown:
            ((x, rate),) = points
            low, high = rate.interval
            marks.append(f'<line class="whisker" x1="{x}" x2="{x}" y1="{_y(low)}" y2="{_y(high)}"/>')
    return marks


def _period(period: Period, x: float, *, place: int, span: Span | None) -> list[str]:
    """`place` counts from the newest one: every second is labelled, on a small screen every fourth."""
    rate = period.solved
    marks: list[str] = []
    if _is_shown(period):
        kind = "mark provisional" if period.provisional else "mark"
        marks.append(f'<circle class="{kind}" cx="{x}" cy="{_y(rate.share)}" r="5"/>')
        count = "count" if place % 2 == 0 else "count minor"
        marks.append(f'<text class="{count}" x="{x}" y="{HEIGHT - 50}" text-anchor="middle">{rate.n:,}</text>')
    if place % 2 == 0:
        kind = "scale" if place % 4 == 0 else "scale minor"
        first = period.first_day
        label = f"{first.day} {first:%b}" if span is Span.WEEK else f"{first:%b} ’{first:%y}"
        marks.append(f'<text class="{kind}" x="{x}" y="{HEIGHT - 12}" text-anchor="middle">{label}</text>')
    return marks


def _table(periods: Sequence[Period]) -> str:
    rows = "\n".join(map(_row, periods))
    head = "".join(f'<th scope="col">{title}</th>' for title in ("Days", "Solved (%)", "95 % interval", "Answers"))
    return (
        "<details><summary>The same as a table</summary>\n<table>\n"
        f"<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>\n</details>\n"
    )


def _row(period: Period) -> str:
    when = f'<th scope="row">{days(period.first_day, period.last_day)}{_provisional(period)}</th>'
    if not _is_shown(period):
        return f'<tr>{when}<td colspan="3">{in_words(period)}</td></tr>'
    rate = period.solved
    return f"<tr>{when}<td>{percent(rate.share)}</td><td>{interval(rate)}</td><td>{rate.n:,}</td></tr>"


def _provisional(period: Period) -> str:
    return ", provisional" if period.provisional else ""


def _y(share: float) -> float:
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - share), 1)

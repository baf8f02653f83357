"""Charts as SVG: classes only, colours from the site's style sheet, an equal data table beside them."""

from collections.abc import Sequence
from html import escape

from feedback.domain.figures import Rate, Week

WIDTH, HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 16, 20, 88


def weekly_solved(weeks: Sequence[Week]) -> str:
    """Each week's solved rate with its interval, n beneath; gaps where nothing may be shown, "" if nowhere."""
    if not any(week.solved.n and not week.solved.hidden for week in weeks):
        return ""
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(weeks))
    marks: list[str] = []
    for percent in (0, 25, 50, 75, 100):
        y = _y(percent / 100)
        marks.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        marks.append(f'<text class="scale" x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{percent} %</text>')
    for k, week in enumerate(weeks):
        x = round(_LEFT + step * (k + 0.5), 1)
        marks += _week(week, x, place=len(weeks) - 1 - k)
    title = "Solved rate by week of resolution"
    description = "; ".join(f"week of {week.monday:%d %b}: {in_words(week)}" for week in weeks)
    return (
        f'<figure class="chart">\n<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="weekly-t weekly-d">\n'
        f'<title id="weekly-t">{title}</title>\n<desc id="weekly-d">{escape(description)}</desc>\n'
        + "\n".join(marks)
        + f"\n</svg>\n<figcaption>{title}, with 95 % intervals. The numbers below are answers. "
        "Hollow: more may still come in.</figcaption>\n" + _table(weeks) + "</figure>"
    )


def in_words(week: Week) -> str:
    """A week for a table or a screen reader."""
    if week.solved.n == 0:
        return "no answers"
    if week.solved.hidden:
        return "too few answers to show"
    low, high = interval(week.solved)
    return f"{percent(week.solved.share)} % ({low}–{high} %), {week.solved.n} answers" + _provisional(week)


def percent(share: float) -> int:
    """Whole per cent, half up, as a reader would round."""
    return int(share * 100 + 0.5)


def interval(rate: Rate) -> tuple[int, int]:
    low, high = rate.interval
    return percent(low), percent(high)


def _week(week: Week, x: float, *, place: int) -> list[str]:
    """`place` counts from the newest week: every second is labelled, on a small screen every fourth."""
    rate = week.solved
    marks: list[str] = []
    if rate.n and not rate.hidden:
        low, high = rate.interval
        kind = "mark provisional" if week.provisional else "mark"
        marks.append(f'<line class="whisker" x1="{x}" x2="{x}" y1="{_y(low)}" y2="{_y(high)}"/>')
        marks.append(f'<circle class="{kind}" cx="{x}" cy="{_y(rate.share)}" r="5"/>')
        marks.append(f'<text class="count" x="{x}" y="{HEIGHT - 50}" text-anchor="middle">{rate.n}</text>')
    if place % 2 == 0:
        kind = "scale" if place % 4 == 0 else "scale minor"
        label = f"{week.monday.day} {week.monday:%b}"
        at, anchor = (x, "middle") if place else (WIDTH, "end")  # the last one would be cut off on a small screen
        marks.append(f'<text class="{kind}" x="{at}" y="{HEIGHT - 12}" text-anchor="{anchor}">{label}</text>')
    return marks


def _table(weeks: Sequence[Week]) -> str:
    rows = "\n".join(_row(week) for week in weeks)
    return (
        "<details><summary>The same as a table</summary>\n<table>\n"
        "<thead><tr><th>Week of</th><th>Solved (%)</th><th>95 % interval (%)</th><th>Answers</th></tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>\n</details>\n"
    )


def _row(week: Week) -> str:
    day = f"<td>{week.monday:%Y-%m-%d}</td>"
    if week.solved.n == 0:
        return f'<tr>{day}<td colspan="3">no answers</td></tr>'
    if week.solved.hidden:
        return f'<tr>{day}<td colspan="3">too few answers to show</td></tr>'
    low, high = interval(week.solved)
    share = f"{percent(week.solved.share)}{_provisional(week)}"
    return f"<tr>{day}<td>{share}</td><td>{low}–{high}</td><td>{week.solved.n}</td></tr>"


def _provisional(week: Week) -> str:
    return ", provisional" if week.provisional else ""


def _y(share: float) -> float:
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - share), 1)

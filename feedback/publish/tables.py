"""Tables of figures: on a page, and as files beside it for spreadsheets and for programs, which hide the same."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from posixpath import dirname, relpath

from feedback.domain.outcomes import Sums
from feedback.domain.published import Measure, Period, Spread, Times
from feedback.domain.rates import Rate, percent
from feedback.domain.texts import guarded, one_line
from feedback.publish import counted
from feedback.publish.charts import bar
from feedback.publish.counted import About
from feedback.publish.figures import as_data
from feedback.publish.words import FEW, NONE, bucket, interval

Row = Mapping[str, object]  # by the column's name: text, a day, a number, whether, or a Rate, Measure, Times or Sums
_PARTS: dict[type, tuple[str, ...]] = {
    Rate: ("count", "n", "customers", "share", "low", "high"),
    Times: ("lower", "median", "upper", "n", "customers", "of"),
    Sums: ("n", "lower", "median", "upper"),
}


def files(path: str, rows: Sequence[Row]) -> dict[str, str]:
    """The same rows as CSV and as JSON. `path` has no ending yet."""
    told = [{name: as_data(cell) for name, cell in row.items()} for row in rows]
    return {f"{path}.csv": _csv(rows), f"{path}.json": json.dumps(told, ensure_ascii=False, indent=1) + "\n"}


def links(path: str, page: str) -> str:
    """The links to them, from a page."""
    kinds = (f"[{kind}]({relpath(path, dirname(page) or '.')}.{kind.lower()})" for kind in ("CSV", "JSON"))
    return " and ".join(kinds)


def downloads(path: str, about: About, page: str) -> str:
    """The line below a table."""
    return f"This table as {links(path, page)}. {counted.link(about, page)}."


def html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """All text is HTML already. In one block without blank lines, where Markdown looks at nothing."""
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    lines = (f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows)
    body = "\n".join(lines)
    return (
        f'<div class="numbers">\n<table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>'
    )


def cell(rate: Rate) -> str:
    """A rate in a table: the share, and beneath it what it rests on."""
    if rate.hidden or rate.n == 0:
        return f"<small>{FEW if rate.hidden else NONE}</small>"
    return f"{percent(rate.share)} %<br><small>{interval(rate)}</small><br><small>{rate.count:,} of {rate.n:,}</small>"


def period_rows(periods: Sequence[Period]) -> list[Row]:
    return [
        {"first_day": one.first_day, "last_day": one.last_day, "solved": one.solved, "provisional": one.provisional}
        for one in periods
    ]


def spread_rows(spread: Spread) -> list[Row]:
    return [{"name": name, "share": bucket(spread, k)} for k, name in enumerate(spread.names)]


def is_shown(spread: Spread) -> bool:
    return spread.n > 0 and not spread.hidden


def spread_html(spread: Spread, title: str, words: Mapping[str, str], none: str) -> str:
    """A spread with a bar from zero each; or why it is not there, `none` if there is nothing to count yet."""
    if not is_shown(spread):
        return f"{FEW.capitalize()} to show." if spread.hidden else none
    rates = [bucket(spread, k) for k in range(len(spread.names))]
    rows = [
        (escape(words.get(name, name)), f"{percent(rate.share)} %{bar(rate.share)}", f"{rate.count:,}")
        for name, rate in zip(spread.names, rates, strict=True)
    ]
    known = f"Known of {spread.n:,} of {spread.of:,}" if spread.of > spread.n else f"{spread.n:,} in all"
    return f"{html((title, 'Share', 'Count'), rows)}\n\n{known}, {spread.customers:,} customers."


def _csv(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    lines = [dict(_flat(row)) for row in rows]
    writer = csv.DictWriter(out, list(lines[0]) if lines else [])
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _flat(row: Row) -> Iterator[tuple[str, object]]:
    """A rate, times, and sums take a column for each part; all are empty where it is hidden."""
    for name, value in row.items():
        rate = value.rate if isinstance(value, Measure) else value
        if not isinstance(rate, Rate | Times | Sums):
            yield name, guarded(one_line(value)) if isinstance(value, str) else as_data(value)
            continue
        data = as_data(rate)
        yield f"{name}_hidden", "hidden" in data
        yield from ((f"{name}_{part}", data.get(part)) for part in _PARTS[type(rate)])
        if isinstance(value, Measure):
            yield f"{name}_of", value.of

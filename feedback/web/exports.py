"""Lists of the desk as files for a spreadsheet."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from flask import Response

from feedback.domain.surveys import REASONS
from feedback.domain.texts import guarded
from feedback.store.surveys import Answered

CHUNK = 1 << 16  # letters
Row = TypeVar("Row")


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


ANSWERS: Mapping[str, Callable[[Answered], str]] = {
    "answered_at": lambda one: one.answer.at.isoformat(),
    "answer": lambda one: one.answer.choice,
    "asked_again": lambda one: _yes(one.is_recheck),
    "reasons": lambda one: "; ".join(REASONS[one.answer.choice][stage] for stage in one.answer.details.reasons),
    "comment": lambda one: one.answer.details.comment,
    "asks_for_a_call": lambda one: _yes(one.answer.details.call),
    "phone": lambda one: one.answer.details.phone,
    "call_time": lambda one: one.answer.details.call_time,
    "may_be_quoted": lambda one: _yes(one.answer.details.quote_name is not None),
    "quoted_as": lambda one: one.answer.details.quote_name or "",
    "case": lambda one: one.case_ref,
    "subject": lambda one: one.subject or "",
    "customer": lambda one: one.customer or "",
    "email": lambda one: one.email or "",
    "agent": lambda one: one.agent or "",
    "team": lambda one: one.team or "",
}


def as_csv(name: str, columns: Mapping[str, Callable[[Row], str]], rows: Iterable[Row]) -> Response:
    """A download in UTF-8, with the mark by which Excel knows it, sent as the rows are read; no cell is a formula."""
    response = Response(_chunks(columns, rows), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _chunks(columns: Mapping[str, Callable[[Row], str]], rows: Iterable[Row]) -> Iterator[str]:
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    lines.write("\ufeff")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(guarded(column(row)) for column in columns.values())
        if lines.tell() > CHUNK:
            yield lines.getvalue()
            lines.seek(0)
            lines.truncate()
    yield lines.getvalue()

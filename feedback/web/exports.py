"""Lists of the desk as files: for a spreadsheet (CSV), and for a program (JSON). Both have the same columns."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import TypeVar

from flask import Response

from feedback.domain.audit import AuditEntry
from feedback.domain.figures import GroupFigures
from feedback.domain.followups import FollowUp
from feedback.domain.quotes import Quote
from feedback.domain.rates import Rate
from feedback.domain.staff import Staff
from feedback.domain.surveys import REASONS, Answer
from feedback.domain.texts import guarded
from feedback.store.cases import CaseSummary
from feedback.store.customers import CustomerRow
from feedback.store.outbox import MailLine
from feedback.store.surveys import Answered

CHUNK = 1 << 16  # letters
AGENT = "agent"
PERSONAL = (AGENT, "owner", "decided_by")  # the columns that FEEDBACK_AGENT_FIGURES removes
Row = TypeVar("Row")
Cell = str | int | float | bool | datetime | date | list[str] | None
Columns = Mapping[str, Callable[[Row], Cell]]


def _reasons(answer: Answer) -> list[str]:
    return [REASONS[answer.choice][stage] for stage in answer.details.reasons]


ANSWERS: Columns[Answered] = {
    "answered_at": lambda one: one.answer.at,
    "answer": lambda one: one.answer.choice,
    "asked_again": lambda one: one.is_recheck,
    "reasons": lambda one: _reasons(one.answer),
    "comment": lambda one: one.answer.details.comment,
    "asks_for_a_call": lambda one: one.answer.details.call,
    "phone": lambda one: one.answer.details.phone,
    "call_time": lambda one: one.answer.details.call_time,
    "may_be_quoted": lambda one: one.answer.details.quote_name is not None,
    "quoted_as": lambda one: one.answer.details.quote_name,
    "case": lambda one: one.case_ref,
    "subject": lambda one: one.subject,
    "customer": lambda one: one.customer,
    "email": lambda one: one.email,
    AGENT: lambda one: one.agent,
    "team": lambda one: one.team,
}

CASES: Columns[CaseSummary] = {
    "source": lambda one: one.source,
    "case": lambda one: one.ref,
    "subject": lambda one: one.subject,
    "status": lambda one: one.status,
    "resolved_at": lambda one: one.resolved_at,
    "customer": lambda one: one.customer,
    "email": lambda one: one.email,
    AGENT: lambda one: one.agent,
    "team": lambda one: one.team,
}

CUSTOMERS: Columns[CustomerRow] = {
    "source": lambda one: one.customer.source,
    "reference": lambda one: one.customer.ref,
    "customer": lambda one: one.customer.name,
    "email": lambda one: one.customer.email,
    "customer_since": lambda one: one.customer.since,
    "cases": lambda one: one.cases,
    "newest_case_at": lambda one: one.at,
    "newest_answer": lambda one: one.choice,
    "newest_answer_at": lambda one: one.answered_at,
    "follow_up_is_open": lambda one: one.is_waiting,
}

FOLLOW_UPS: Columns[FollowUp] = {
    "opened_at": lambda one: one.opened_at,
    "due_at": lambda one: one.due_at,
    "closed_at": lambda one: one.closed_at,
    "outcome": lambda one: one.outcome,
    "closing_note": lambda one: one.note,
    "owner": lambda one: one.owner,
    "escalated": lambda one: one.is_escalated,
    "contacts_since": lambda one: one.interactions,
    "words": lambda one: one.words,
    "reasons": lambda one: _reasons(one.answer) if one.answer is not None else [],
    "asks_for_a_call": lambda one: one.details.call,
    "phone": lambda one: one.details.phone,
    "call_time": lambda one: one.details.call_time,
    "says_by_now": lambda one: one.stands,
    "case": lambda one: one.case_ref,
    "subject": lambda one: one.subject,
    "topic": lambda one: one.topic,
    "customer": lambda one: one.customer,
    "email": lambda one: one.email,
    AGENT: lambda one: one.agent,
    "team": lambda one: one.team,
}

QUOTES: Columns[Quote] = {
    "answered_at": lambda one: one.answer.at,
    "words": lambda one: one.words,
    "name": lambda one: one.name,
    "standing": lambda one: one.standing,
    "decided_by": lambda one: one.by,
    "decided_at": lambda one: one.decided_at,
    "case": lambda one: one.case_ref,
    "subject": lambda one: one.subject,
    "topic": lambda one: one.topic,
    "team": lambda one: one.team,
    "customer": lambda one: one.customer,
    "email": lambda one: one.email,
}

AUDIT: Columns[AuditEntry] = {
    "seq": lambda one: one.seq,
    "at": lambda one: one.at,
    "who": lambda one: one.who,
    "email": lambda one: one.email,
    "action": lambda one: one.action,
    "about": lambda one: one.about,
    "was": lambda one: one.was,
    "became": lambda one: one.became,
}

PEOPLE: Columns[Staff] = {
    "name": lambda one: one.name,
    "email": lambda one: one.email,
    "role": lambda one: one.role,
    "teams": lambda one: list(one.teams),
    "has_password": lambda one: one.password_hash != "",
    "locked_out_at": lambda one: one.disabled_at,
}

MAILS: Columns[MailLine] = {
    "kind": lambda one: one.kind,
    "recipient": lambda one: one.recipient,
    "due_at": lambda one: one.due_at,
    "handed_over_at": lambda one: one.handed_over_at,
    "server_said": lambda one: one.words,
    "case": lambda one: one.case_ref,
    "subject": lambda one: one.subject,
}

# Of whom the figures are: "all", a "team" or an "agent".
FIGURES: Columns[tuple[str, GroupFigures]] = {
    "of": lambda one: one[0],
    "name": lambda one: one[1].name,
    "asked": lambda one: one[1].asked,
    "asked_lately": lambda one: one[1].young,
    "answered": lambda one: one[1].answered,
    "response_rate": lambda one: _share(one[1].response),
    "solved": lambda one: None if one[1].solved.hidden else one[1].solved.count,
    "solved_rate": lambda one: _share(one[1].solved),
    "solved_rate_from": lambda one: _bound(one[1].solved, 0),
    "solved_rate_to": lambda one: _bound(one[1].solved, 1),
    "follow_ups": lambda one: one[1].opened,
    "follow_ups_closed": lambda one: one[1].closed,
    "hours_to_first_contact": lambda one: None if one[1].hours is None else round(one[1].hours, 2),
    "asked_again": lambda one: one[1].recovered.n,
    "recovered_rate": lambda one: _share(one[1].recovered),
    "recovered_rate_from": lambda one: _bound(one[1].recovered, 0),
    "recovered_rate_to": lambda one: _bound(one[1].recovered, 1),
}


def _share(rate: Rate) -> float | None:
    return None if rate.hidden else round(rate.share, 4)


def _bound(rate: Rate, end: int) -> float | None:
    return None if rate.hidden else round(rate.interval[end], 4)


def without_agents(columns: Columns[Row]) -> Columns[Row]:
    return {name: column for name, column in columns.items() if name not in PERSONAL}


def as_csv(name: str, columns: Columns[Row], rows: Iterable[Row]) -> Response:
    """A download in UTF-8, with the mark by which Excel knows it, sent as the rows are read; no cell is a formula."""
    return _download(f"{name}.csv", "text/csv", _in_chunks(_csv_lines(columns, rows)))


def as_json(name: str, columns: Columns[Row], rows: Iterable[Row]) -> Response:
    """A download of an array of objects, sent as the rows are read; no sheet reads it, so texts are as written."""
    return _download(f"{name}.json", "application/json", _in_chunks(_json_lines(columns, rows)))


def _download(name: str, mimetype: str, chunks: Iterator[str]) -> Response:
    response = Response(chunks, mimetype=mimetype)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _in_chunks(lines: Iterator[str]) -> Iterator[str]:
    """Some at a time. Who closes this closes what it reads from, down to the database."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size > CHUNK:
            yield "".join(waiting)
            waiting.clear()
            size = 0
    yield "".join(waiting)


def _csv_lines(columns: Columns[Row], rows: Iterable[Row]) -> Iterator[str]:
    line = io.StringIO(newline="")
    writer = csv.writer(line)

    def written(cells: Iterable[str]) -> str:
        line.seek(0)
        line.truncate()
        writer.writerow(cells)
        return line.getvalue()

    yield "\ufeff" + written(columns)
    for row in rows:
        yield written(guarded(_text(column(row))) for column in columns.values())


def _text(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(value)
    return _moment(value) if isinstance(value, date) else str(value)


def _moment(value: date) -> str:
    """A day, or a moment of UTC, by ISO 8601."""
    return value.isoformat()


def _json_lines(columns: Columns[Row], rows: Iterable[Row]) -> Iterator[str]:
    before = "[\n"
    for row in rows:
        values = {name: column(row) for name, column in columns.items()}
        yield before + json.dumps(values, ensure_ascii=False, default=_moment)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"

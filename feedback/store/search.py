"""Words are looked for in comments, notes, replies and cases; by SQLite's own full text index (schema/8.sql)."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from feedback.domain.cases import CaseStatus
from feedback.domain.surveys import Choice
from feedback.domain.texts import one_line
from feedback.store.sqlite import Database, load_queries, moment_or_none

_sql = load_queries("search")

_ON, _OFF, _NEXT = "\x02", "\x03", "\x1f"  # in no text: those that come in are rid of control characters


class Kind(StrEnum):
    FOLLOW_UP = "follow_up"
    ANSWER = "answer"
    CASE = "case"


_RANGES = {kind: (n << 60, (n + 1) << 60) for n, kind in ((1, Kind.CASE), (2, Kind.ANSWER), (3, Kind.FOLLOW_UP))}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text; `is_hit` if it is what was looked for."""

    text: str
    is_hit: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A text in which all words stand, in it or in what it is about. `follow_up_id` is an answer's, too, if it has one.

    `at` is when the answer was given, the follow-up opened, the case resolved.
    """

    key: str
    case_id: str
    follow_up_id: str | None
    ref: tuple[Part, ...]
    subject: tuple[Part, ...]
    customer: tuple[Part, ...]
    email: tuple[Part, ...]
    words: tuple[Part, ...]
    at: datetime | None
    choice: Choice | None
    closed_at: datetime | None
    owner: str | None
    status: CaseStatus


class Search:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, words: str, kind: Kind, limit: int, *, seen_by: str | None = None) -> list[Found]:
        """The newest of a kind in which all the words stand; if those are few, the last may also be a beginning.

        With `seen_by`, of what this person sees.
        """
        low, high = _RANGES[kind]
        rows: list[Mapping[str, Any]] = []
        for terms in _attempts(words):
            if len(rows) < limit:
                rows = self._database.rows(
                    _sql.found, terms=terms, low=low, high=high, limit=limit, mark_on=_ON, mark_off=_OFF,
                    seen_by=seen_by,
                )  # fmt: skip
        found = []
        for row in rows:
            ref, subject, customer, email = map(_parts, row["about"].split(_NEXT))
            at = {Kind.CASE: "case_at", Kind.ANSWER: "answered_at", Kind.FOLLOW_UP: "opened_at"}[kind]
            found.append(
                Found(
                    key=row["key"],
                    case_id=row["case_id"],
                    follow_up_id=row["follow_up_id"],
                    ref=ref,
                    subject=subject,
                    customer=customer,
                    email=email,
                    words=_parts(row["words"] or ""),
                    at=moment_or_none(row[at]),
                    choice=Choice(row["choice"]) if row["choice"] else None,
                    closed_at=moment_or_none(row["closed_at"]),
                    owner=row["owner"],
                    status=CaseStatus(row["status"]),
                )
            )
        return found

    def refresh(self) -> None:
        """At the end of each transaction: bring the index up to the customers' names and addresses of now."""
        self._database.change(_sql.refresh)

    def sweep(self) -> None:
        """Leave nothing in the index of texts that were changed or erased.

        FTS5 notes down what is gone, and drops it from its file when it merges; this merges all. Its own setting
        `secure-delete` needs SQLite 3.42, and makes a file that older ones cannot read.
        """
        self._database.change(_sql.sweep)


def is_searchable(words: str) -> bool:
    """Whether there is a letter or a digit in them, which is what is looked for."""
    return bool(_attempts(words))


def _attempts(words: str) -> list[str]:
    """The words for FTS5: each quoted, and so data whatever it is; and then with the last as a beginning.

    All texts with a beginning are gathered before the newest are known, so whole words come first; beginnings of two to
    six letters have an index of their own. One letter is none.
    """
    known = [word for word in one_line(words).split() if any(map(_is_told, word))]
    if not known:
        return []
    exact = " ".join('"' + word.replace('"', '""') + '"' for word in known)
    return [exact, f"{exact} *"] if all(map(_is_told, known[-1].rstrip('"*')[-2:])) and len(known[-1]) > 1 else [exact]


def _is_told(letter: str) -> bool:
    """Whether the index knows it (tokenizer unicode61)."""
    category = unicodedata.category(letter)
    return category[0] in "LN" or category == "Co"


def _parts(text: str) -> tuple[Part, ...]:
    """The text cut at the marks."""
    pieces = re.split(f"{_ON}(.*?){_OFF}", text, flags=re.DOTALL)
    return tuple(Part(piece, n % 2 == 1) for n, piece in enumerate(pieces) if piece)

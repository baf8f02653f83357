"""Words of customers who may be quoted. Nothing is published without approval."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from feedback.domain.surveys import Answer, Details


class Standing(StrEnum):
    """It waits until somebody decides, and again once the customer changes the words or the name."""

    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Quote:
    """An answer that may be quoted, with what it is about; `by` and `decided_at` are None while it waits."""

    answer: Answer
    resolution_id: str
    case_id: str
    case_ref: str
    subject: str | None
    team: str | None
    topic: str | None
    customer: str | None
    email: str | None
    standing: Standing
    by: str | None
    decided_at: datetime | None

    @property
    def version(self) -> str:
        """Another one whenever the words or the name are; what else was said beside them does not matter."""
        return version_of(self.answer.id, self.answer.details)

    @property
    def words(self) -> str:
        return self.answer.details.comment

    @property
    def name(self) -> str:
        """The name that may stand beside the words; "" is none."""
        return self.answer.details.quote_name or ""


def version_of(answer_id: str, details: Details) -> str:
    """The `version` of a quote of these details."""
    return hashlib.sha256(repr((answer_id, details.comment, details.quote_name)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class PublicQuote:
    """What may be published of an approved quote. `month` is its first day: the moment would say who it was."""

    words: str
    name: str
    month: date
    topic: str | None

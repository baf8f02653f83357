"""Whether to ask about a resolution: one pure decision, with a reason that people can read."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from feedback.config import Config, is_email
from feedback.domain.cases import CaseStatus
from feedback.domain.surveys import Suppression
from feedback.domain.timing import due_at, not_after


class Verdict(StrEnum):
    ASK = "ask"
    DEFER = "defer"
    SKIP = "skip"


class Reason(StrEnum):
    """Why; `sentence` is how `explain` tells it."""

    DUE = "due"
    DELAY = "delay"
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"
    OPTED_OUT = "opted_out"
    NO_SUCH_ADDRESS = "no_such_address"
    ERASED = "erased"
    REOPENED = "reopened"
    MERGED = "merged"
    SPAM = "spam"
    ASKED_BEFORE = "asked_before"
    RESOLVED_AGAIN = "resolved_again"
    TOO_OLD = "too_old"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Reason.DUE: "it is due",
    Reason.DELAY: "it is too soon after the resolution",
    Reason.NO_ADDRESS: "we know no address of this customer",
    Reason.INVALID_ADDRESS: "mail cannot be sent to the address that we were given",
    Reason.OPTED_OUT: "this address has opted out",
    Reason.NO_SUCH_ADDRESS: "a mail server has said that nobody has this address",
    Reason.ERASED: "what we knew of this person was erased",
    Reason.REOPENED: "the case was opened again",
    Reason.MERGED: "the case was merged into another",
    Reason.SPAM: "the case is spam",
    Reason.ASKED_BEFORE: "the customer was asked before a backup was restored",
    Reason.RESOLVED_AGAIN: "the case has been resolved again since, and we ask about the latest resolution",
    Reason.TOO_OLD: "the resolution is too long ago",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the decision rests on, read in the transaction that writes the decision."""

    address: str | None
    suppression: Suppression | None
    asked_elsewhere: bool
    status: CaseStatus
    is_latest: bool
    resolved_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    reason: Reason
    until: datetime | None = None


_SUPPRESSED = {
    Suppression.OPTED_OUT: Reason.OPTED_OUT,
    Suppression.NO_SUCH_ADDRESS: Reason.NO_SUCH_ADDRESS,
    Suppression.ERASED: Reason.ERASED,
}
_NOT_RESOLVED = {
    CaseStatus.OPEN: Reason.REOPENED,
    CaseStatus.MERGED: Reason.MERGED,
    CaseStatus.SPAM: Reason.SPAM,
}


def decide(facts: Facts, config: Config, now: datetime) -> Decision:
    """The first rule that applies, in this order: the person, the case, the clock."""
    if facts.address is None:
        return Decision(Verdict.SKIP, Reason.NO_ADDRESS)
    if not is_email(facts.address):
        return Decision(Verdict.SKIP, Reason.INVALID_ADDRESS)
    if facts.suppression is not None:
        return Decision(Verdict.SKIP, _SUPPRESSED[facts.suppression])
    if facts.asked_elsewhere:
        return Decision(Verdict.SKIP, Reason.ASKED_BEFORE)
    if facts.status is not CaseStatus.RESOLVED:
        return Decision(Verdict.SKIP, _NOT_RESOLVED[facts.status])
    if not facts.is_latest:
        return Decision(Verdict.SKIP, Reason.RESOLVED_AGAIN)
    if now > not_after(facts.resolved_at, config):
        return Decision(Verdict.SKIP, Reason.TOO_OLD)
    due = due_at(facts.resolved_at, config)
    if now < due:
        return Decision(Verdict.DEFER, Reason.DELAY, due)
    return Decision(Verdict.ASK, Reason.DUE)

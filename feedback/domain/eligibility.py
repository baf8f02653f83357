"""Whether to ask about a resolution: one pure decision, with a reason that people can read."""

import re
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
    OWN_DOMAIN = "own_domain"
    ROLE_ADDRESS = "role_address"
    EXCLUDED_CUSTOMER = "excluded_customer"
    EXCLUDED_DOMAIN = "excluded_domain"
    FOLLOW_UP_OPEN = "follow_up_open"
    AUTOMATION = "automation"
    EXCLUDED_TAG = "excluded_tag"
    EXCLUDED_TOPIC = "excluded_topic"
    EXCLUDED_CHANNEL = "excluded_channel"
    ANSWERED = "answered"
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
    Reason.OWN_DOMAIN: "the address is one of our own, and staff do not survey themselves",
    Reason.ROLE_ADDRESS: "no person reads mail to an address like this",
    Reason.EXCLUDED_CUSTOMER: "this customer is not to be asked (FEEDBACK_SKIP_CUSTOMERS)",
    Reason.EXCLUDED_DOMAIN: "addresses of this domain are not to be asked (FEEDBACK_SKIP_DOMAINS)",
    Reason.FOLLOW_UP_OPEN: "a follow-up with this customer is open, and comes first",
    Reason.AUTOMATION: "no person resolved it, but an automation",
    Reason.EXCLUDED_TAG: "cases with one of its tags are not asked about (FEEDBACK_SKIP_TAGS)",
    Reason.EXCLUDED_TOPIC: "cases of its topic are not asked about (FEEDBACK_SKIP_TOPICS)",
    Reason.EXCLUDED_CHANNEL: "cases of its channel are not asked about (FEEDBACK_SKIP_CHANNELS)",
    Reason.ANSWERED: "the customer has answered already",
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
    customer_ref: str | None
    suppression: Suppression | None
    asked_elsewhere: bool
    has_open_follow_up: bool
    is_answered: bool
    status: CaseStatus
    is_latest: bool
    resolved_at: datetime
    by_automation: bool
    topic: str | None
    channel: str | None
    tags: tuple[str, ...]


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

_ROLE = re.compile(  # RFC 2142, and what machines send from
    r"((no|do|donot|do-not|not)[-_.]?reply|mailer-daemon|postmaster|hostmaster|abuse|bounces?|root|daemon|nobody|"
    r"notifications?|alerts?|automated|system|undisclosed-recipients)([-+_.].*)?"
)


def decide(facts: Facts, config: Config, now: datetime) -> Decision:
    """The first rule that applies, in this order: the person, the case, the clock."""
    against = _about_the_person(facts, config) or _about_the_case(facts, config)
    if against is not None:
        return Decision(Verdict.SKIP, against)
    if now > not_after(facts.resolved_at, config):
        return Decision(Verdict.SKIP, Reason.TOO_OLD)
    due = due_at(facts.resolved_at, config)
    if now < due:
        return Decision(Verdict.DEFER, Reason.DELAY, due)
    return Decision(Verdict.ASK, Reason.DUE)


def _about_the_person(facts: Facts, config: Config) -> Reason | None:
    if facts.address is None:
        return Reason.NO_ADDRESS
    if not is_email(facts.address):
        return Reason.INVALID_ADDRESS
    if facts.suppression is not None:
        return _SUPPRESSED[facts.suppression]
    local, _, domain = facts.address.lower().partition("@")
    rules = (
        (Reason.OWN_DOMAIN, _is_in(domain, config.staff_domains)),
        (Reason.ROLE_ADDRESS, _ROLE.fullmatch(local) is not None),
        (Reason.EXCLUDED_DOMAIN, _is_in(domain, config.skip_domains)),
        (Reason.EXCLUDED_CUSTOMER, (facts.customer_ref or "").casefold() in config.skip_customers),
        (Reason.ASKED_BEFORE, facts.asked_elsewhere),
        (Reason.FOLLOW_UP_OPEN, facts.has_open_follow_up),
    )
    return next((reason for reason, applies in rules if applies), None)


def _about_the_case(facts: Facts, config: Config) -> Reason | None:
    if facts.is_answered:
        return Reason.ANSWERED
    if facts.status is not CaseStatus.RESOLVED:
        return _NOT_RESOLVED[facts.status]
    rules = (
        (Reason.RESOLVED_AGAIN, not facts.is_latest),
        (Reason.AUTOMATION, facts.by_automation),
        (Reason.EXCLUDED_TAG, any(tag.casefold() in config.skip_tags for tag in facts.tags)),
        (Reason.EXCLUDED_TOPIC, (facts.topic or "").casefold() in config.skip_topics),
        (Reason.EXCLUDED_CHANNEL, (facts.channel or "").casefold() in config.skip_channels),
    )
    return next((reason for reason, applies in rules if applies), None)


def _is_in(domain: str, domains: frozenset[str]) -> bool:
    """Whether a domain is one of these, or lies below one."""
    return domain in domains or any(domain.endswith(f".{other}") for other in domains)

"""Whether to ask about a resolution: one pure decision, with a reason that people can read."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from feedback.config import Config
from feedback.domain.cases import CaseStatus, normalise_email
from feedback.domain.surveys import Round, Suppression
from feedback.domain.timing import Moment, Wait, Whereabouts, delay_of, next_moment, not_after
from feedback.setting_types import Basis, is_email


class Verdict(StrEnum):
    ASK = "ask"
    DEFER = "defer"
    SKIP = "skip"


class Reason(StrEnum):
    """Why; `sentence` is how `explain` tells it."""

    DUE = "due"
    SILENT = "silent"
    DELAY = "delay"
    WINDOW = "window"
    HOLIDAY = "holiday"
    BY_HAND = "by_hand"
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"
    OPTED_OUT = "opted_out"
    COMPLAINED = "complained"
    NO_SUCH_ADDRESS = "no_such_address"
    BOUNCED = "bounced"
    ERASED = "erased"
    OWN_DOMAIN = "own_domain"
    ROLE_ADDRESS = "role_address"
    EXCLUDED_CUSTOMER = "excluded_customer"
    EXCLUDED_DOMAIN = "excluded_domain"
    NO_BASIS = "no_basis"
    FOLLOW_UP_OPEN = "follow_up_open"
    ASKED_LATELY = "asked_lately"
    AUTOMATION = "automation"
    NOBODY_TOOK_PART = "nobody_took_part"
    EXCLUDED_TAG = "excluded_tag"
    EXCLUDED_TOPIC = "excluded_topic"
    EXCLUDED_CHANNEL = "excluded_channel"
    NOT_IN_SAMPLE = "not_in_sample"
    ANSWERED = "answered"
    REOPENED = "reopened"
    MERGED = "merged"
    SPAM = "spam"
    ASKED_BEFORE = "asked_before"
    RESOLVED_AGAIN = "resolved_again"
    NOT_HELPED = "not_helped"
    TOO_OLD = "too_old"
    TOO_LATE = "too_late"
    SWITCHED_OFF = "switched_off"
    ADDRESS_CHANGED = "address_changed"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Reason.DUE: "it is due",
    Reason.SILENT: "no answer has come",
    Reason.DELAY: "it is too soon after the resolution",
    Reason.WINDOW: "it would be outside our hours, by the customer's clock (FEEDBACK_WINDOW)",
    Reason.HOLIDAY: "it would be a public holiday where the customer is",
    Reason.BY_HAND: "our staff decided so",
    Reason.NO_ADDRESS: "we know no address of this customer",
    Reason.INVALID_ADDRESS: "mail cannot be sent to the address that we were given",
    Reason.OPTED_OUT: "this address has opted out",
    Reason.NO_SUCH_ADDRESS: "a mail server has said that nobody has this address",
    Reason.COMPLAINED: "our mail to this address was reported as spam",
    Reason.BOUNCED: "our mail to this address came back",
    Reason.ERASED: "what we knew of this person was erased",
    Reason.OWN_DOMAIN: "the address is one of our own, and staff do not survey themselves",
    Reason.ROLE_ADDRESS: "no person reads mail to an address like this",
    Reason.EXCLUDED_CUSTOMER: "this customer is not to be asked (FEEDBACK_SKIP_CUSTOMERS)",
    Reason.EXCLUDED_DOMAIN: "addresses of this domain are not to be asked (FEEDBACK_SKIP_DOMAINS)",
    Reason.NO_BASIS: "in the customer's country it takes a legal ground to ask, and none is set (FEEDBACK_BASIS)",
    Reason.ASKED_LATELY: "the customer was asked not long ago, or is about to be (FEEDBACK_ASK_AGAIN_AFTER)",
    Reason.FOLLOW_UP_OPEN: "a follow-up with this customer is open, and comes first",
    Reason.AUTOMATION: "no person resolved it, but an automation",
    Reason.NOBODY_TOOK_PART: "nobody of the team took part in it",
    Reason.NOT_IN_SAMPLE: "it is not in the sample that we ask about (FEEDBACK_SAMPLE)",
    Reason.EXCLUDED_TAG: "cases with one of its tags are not asked about (FEEDBACK_SKIP_TAGS)",
    Reason.EXCLUDED_TOPIC: "cases of its topic are not asked about (FEEDBACK_SKIP_TOPICS)",
    Reason.EXCLUDED_CHANNEL: "cases of its channel are not asked about (FEEDBACK_SKIP_CHANNELS)",
    Reason.ANSWERED: "the customer has answered already",
    Reason.REOPENED: "the case was opened again",
    Reason.MERGED: "the case was merged into another",
    Reason.SPAM: "the case is spam",
    Reason.ASKED_BEFORE: "the customer was asked before a backup was restored",
    Reason.RESOLVED_AGAIN: "the case has been resolved again since, and we ask about the latest resolution",
    Reason.NOT_HELPED: "the follow-up has not ended as solved",
    Reason.TOO_OLD: "the resolution is too long ago",
    Reason.SWITCHED_OFF: "reminders are switched off (FEEDBACK_REMINDER)",
    Reason.ADDRESS_CHANGED: "the mail went to another address than the customer has now",
    Reason.TOO_LATE: "by the next moment at which we write, the resolution will be too long ago",
}


class Override(StrEnum):
    """What staff decided about one survey, by hand."""

    NOW = "now"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Contact:
    """Another survey of the same person: when its mail went out, or is due to."""

    at: datetime
    is_same_case: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What the decision rests on, read in the transaction that writes the decision. None is unknown."""

    source: str
    ref: str
    n: int
    address: str | None
    customer_ref: str | None
    status: CaseStatus
    is_latest: bool
    resolved_at: datetime
    by_automation: bool
    interactions: int | None
    has_reply: bool
    topic: str | None
    channel: str | None
    tags: tuple[str, ...]
    whereabouts: Whereabouts
    asked_elsewhere: bool = False
    has_open_follow_up: bool = False
    is_answered: bool = False
    round: Round = Round.FIRST
    helped_at: datetime | None = None  # in the second round: when the follow-up was closed as solved
    override: Override | None = None
    suppression: Suppression | None = None
    contacts: tuple[Contact, ...] = ()

    @property
    def since(self) -> datetime:
        """The moment from which delay and age count."""
        return self.helped_at or self.resolved_at


TACT = frozenset({Reason.FOLLOW_UP_OPEN, Reason.ASKED_LATELY})  # what passes with time


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    reason: Reason
    until: datetime | None = None


_SUPPRESSED = {
    Suppression.OPTED_OUT: Reason.OPTED_OUT,
    Suppression.COMPLAINED: Reason.COMPLAINED,
    Suppression.NO_SUCH_ADDRESS: Reason.NO_SUCH_ADDRESS,
    Suppression.BOUNCED: Reason.BOUNCED,
    Suppression.ERASED: Reason.ERASED,
}
_NOT_RESOLVED = {
    CaseStatus.OPEN: Reason.REOPENED,
    CaseStatus.MERGED: Reason.MERGED,
    CaseStatus.SPAM: Reason.SPAM,
}

_WAITING = {Wait.DELAY: Reason.DELAY, Wait.WINDOW: Reason.WINDOW, Wait.HOLIDAY: Reason.HOLIDAY}

SAME_CASE_AGAIN = 1  # a case that was opened and resolved again is asked about once more, however soon
_ROLE = re.compile(  # RFC 2142, and what machines send from
    r"((no|do|do[-_.]?not|not)[-_.]?reply\d*|mailer-daemon|bounces?|notifications?)([-+_.].*)?|"
    r"(postmaster|hostmaster|abuse|root|daemon|nobody|alerts?|automated|system|undisclosed-recipients)([-+_].*)?"
)


def decide(facts: Facts, config: Config, now: datetime) -> Decision:
    """The first rule that applies, in this order: what binds us, the person, the case, the clock, tact.

    Staff may put aside all but what binds us and the age, and have a mail sent now or never. The second round is about
    one "no": neither the sample nor how lately we asked speaks against it.
    """
    binding = _binding(facts, config)
    if binding is not None:
        return Decision(Verdict.SKIP, binding)
    if now > not_after(facts.since, config):
        return Decision(Verdict.SKIP, Reason.TOO_OLD)
    if facts.override is not None:
        return Decision(Verdict.ASK if facts.override is Override.NOW else Verdict.SKIP, Reason.BY_HAND)
    against = _about_the_person(facts, config) or _about_the_case(facts, config)
    if against is not None:
        return Decision(Verdict.SKIP, against)
    delay = config.recheck if facts.round is Round.AGAIN else delay_of(facts.topic, facts.channel, config)
    moment = next_moment(max(facts.since + delay, now), facts.whereabouts, config)
    if moment.at > not_after(facts.since, config):
        return Decision(Verdict.SKIP, Reason.TOO_LATE)
    tactless = _tact(facts, config, moment.at)
    if tactless is not None:
        return Decision(Verdict.SKIP, tactless)
    return _at(moment, now, Reason.DUE)


def decide_reminder(facts: Facts, sent_to: str, sent_at: datetime, config: Config, now: datetime) -> Decision:
    """Whether to remind, now or when, of a survey whose mail went out; as long as its link takes a first answer.

    Only whoever got the mail is reminded. What the survey was sent in spite of, by hand, does not stop its reminder.
    """
    against = _against_reminding(facts, sent_to, sent_at, config)
    if against is not None:
        return Decision(Verdict.SKIP, against)
    moment = next_moment(max(sent_at + config.reminder, now), facts.whereabouts, config)
    if moment.at >= sent_at + config.link_ends:
        return Decision(Verdict.SKIP, Reason.TOO_LATE)
    return _at(moment, now, Reason.SILENT)


def _at(moment: Moment, now: datetime, reason: Reason) -> Decision:
    """Ask for this reason, or wait for the moment."""
    if now < moment.at:
        return Decision(Verdict.DEFER, _WAITING[moment.because], moment.at)
    return Decision(Verdict.ASK, reason)


def _against_reminding(facts: Facts, sent_to: str, sent_at: datetime, config: Config) -> Reason | None:
    binding = _binding(facts, config)
    if binding is not None:
        return binding
    if normalise_email(facts.address or "") != normalise_email(sent_to):
        return Reason.ADDRESS_CHANGED
    excluded = _about_the_person(facts, config) or _about_the_case(facts, config)
    if excluded is not None and facts.override is not Override.NOW:
        return excluded
    return _first(
        (Reason.FOLLOW_UP_OPEN, facts.has_open_follow_up),
        (Reason.ASKED_LATELY, any(other.at > sent_at and not other.is_same_case for other in facts.contacts)),
        (Reason.SWITCHED_OFF, not config.reminder),
    )


def _binding(facts: Facts, config: Config) -> Reason | None:
    """What nobody may put aside: the customer's wish, the law, and that there is a resolution to ask about."""
    if facts.address is None:
        return Reason.NO_ADDRESS
    if not is_email(facts.address):
        return Reason.INVALID_ADDRESS
    if facts.suppression is not None:
        return _SUPPRESSED[facts.suppression]
    if config.basis_in(facts.whereabouts.country) is Basis.NONE:
        return Reason.NO_BASIS
    if facts.is_answered:
        return Reason.ANSWERED
    if facts.status is not CaseStatus.RESOLVED:
        return _NOT_RESOLVED[facts.status]
    if not facts.is_latest:
        return Reason.RESOLVED_AGAIN
    if facts.round is Round.AGAIN and facts.helped_at is None and not facts.has_open_follow_up:
        return Reason.NOT_HELPED
    return Reason.ASKED_BEFORE if facts.asked_elsewhere else None


def _about_the_person(facts: Facts, config: Config) -> Reason | None:
    assert facts.address is not None
    local, _, domain = facts.address.lower().partition("@")
    return _first(
        (Reason.OWN_DOMAIN, is_in(domain, config.staff_domains)),
        (Reason.ROLE_ADDRESS, _ROLE.fullmatch(local) is not None),
        (Reason.EXCLUDED_DOMAIN, is_in(domain, config.skip_domains)),
        (Reason.EXCLUDED_CUSTOMER, (facts.customer_ref or "").casefold() in config.skip_customers),
    )


def _about_the_case(facts: Facts, config: Config) -> Reason | None:
    return _first(
        (Reason.AUTOMATION, facts.by_automation),
        (Reason.NOBODY_TOOK_PART, facts.interactions == 0 and not facts.has_reply),
        (Reason.EXCLUDED_TAG, any(tag.casefold() in config.skip_tags for tag in facts.tags)),
        (Reason.EXCLUDED_TOPIC, (facts.topic or "").casefold() in config.skip_topics),
        (Reason.EXCLUDED_CHANNEL, (facts.channel or "").casefold() in config.skip_channels),
        (Reason.NOT_IN_SAMPLE, facts.round is Round.FIRST and _lot(facts) >= config.sample),
    )


def _tact(facts: Facts, config: Config, moment: datetime) -> Reason | None:
    """What speaks against a mail at a moment because of others to the same person."""
    since = moment - config.ask_again_after
    lately = [contact for contact in facts.contacts if config.ask_again_after and contact.at > since]
    same_case = sum(contact.is_same_case for contact in lately)
    return _first(
        (Reason.FOLLOW_UP_OPEN, facts.has_open_follow_up),
        (
            Reason.ASKED_LATELY,
            facts.round is Round.FIRST and (len(lately) > same_case or same_case > SAME_CASE_AGAIN),
        ),
    )


def _first(*rules: tuple[Reason, bool]) -> Reason | None:
    return next((reason for reason, applies in rules if applies), None)


def _lot(facts: Facts) -> float:
    """Where a resolution lies from 0 to 1, the same each time that it is looked at, on whichever machine."""
    name = f"{facts.source}\0{facts.ref}\0{facts.n}".encode()
    return int.from_bytes(sha256(name).digest()[:8]) / 2**64


def is_in(domain: str, domains: frozenset[str]) -> bool:
    """Whether a domain is one of these, or lies below one."""
    return domain in domains or any(domain.endswith(f".{other}") for other in domains)

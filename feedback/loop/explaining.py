"""Why a customer was asked, or not: a case's ledger in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from feedback.config import Config
from feedback.domain.cases import CaseStatus, normalise_email
from feedback.domain.eligibility import Override, Reason, Verdict
from feedback.domain.followups import FollowUp
from feedback.domain.surveys import Round, Suppression
from feedback.domain.timing import in_words, zone_of
from feedback.errors import NotFound
from feedback.keys import Keys
from feedback.loop.links import survey_url
from feedback.store import Store
from feedback.store.cases import CaseSummary, LedgerEntry, MailStory, ResolutionStory


@dataclass(frozen=True, slots=True)
class ByHand:
    """That staff can still decide about the survey of a resolution, and what they have decided so far."""

    resolution_id: str
    override: Override | None


@dataclass(frozen=True, slots=True)
class Told:
    """A part of a case's story: the case itself, or one of its resolutions; a sentence a line."""

    heading: str
    lines: tuple[str, ...]
    follow_up_id: str | None = None
    by_hand: ByHand | None = None


def explain(store: Store, keys: Keys, config: Config, ref: str, zone: ZoneInfo | None = None) -> list[Told]:
    """What happened about each case of this reference, times in the reader's zone. Raises NotFound."""
    cases = store.cases.with_ref(ref)
    if not cases:
        raise NotFound(
            f"There is no case {ref}. Give the help desk's own reference, as it was imported. "
            "If its customer was erased, nothing is known of it any more."
        )
    return [told for case in cases for told in explain_case(store, keys, config, case, zone or config.zone)]


def explain_case(
    store: Store, keys: Keys, config: Config, case: CaseSummary, zone: ZoneInfo, *, seen_by: str | None = None
) -> list[Told]:
    """The case, then its resolutions in order, of those that a person sees, if given; times in the reader's zone.

    While mail reaches no real person, the customer's link is told too, for whoever tries the program.
    """
    stories = store.cases.stories(case.id, seen_by=seen_by)
    subject = f"“{case.subject}”" if case.subject else "without a subject"
    heading = f"Case {case.ref} in {case.source}, {subject}. Its status is {case.status}."
    return [
        Told(heading, tuple(_case(store, keys, case, stories))),
        *(_resolution(store, keys, config, case, story, zone) for story in stories),
    ]


def _case(store: Store, keys: Keys, case: CaseSummary, stories: list[ResolutionStory]) -> Iterator[str]:
    known = [part for part in (case.customer, case.email and f"<{case.email}>") if part]
    if case.is_erased:
        yield "What we knew of the customer was erased."
        return
    yield f"Customer: {' '.join(known) or 'unknown'}."
    hashes = keys.address_hashes(normalise_email(case.email or ""))
    suppression = store.surveys.suppression(hashes) if case.email else None
    if suppression is Suppression.OPTED_OUT:
        yield "This address has opted out."
    elif suppression is Suppression.NO_SUCH_ADDRESS:
        yield "A mail server has said that nobody has this address, so nothing is sent to it."
    elif suppression is Suppression.BOUNCED:
        yield "Mail to this address came back, for good or three times within 30 days, so nothing is sent to it."
    elif suppression is Suppression.COMPLAINED:
        yield "A mail of ours to this address was reported as spam, so nothing is sent to it."
    if not stories and case.status is CaseStatus.RESOLVED:
        yield "The help desk did not say when it was resolved (resolved_at), so we cannot ask about it."
    elif not stories:
        yield "It has not been resolved yet, so there is nothing to ask about."


def _resolution(
    store: Store, keys: Keys, config: Config, case: CaseSummary, story: ResolutionStory, zone: ZoneInfo
) -> Told:
    by = f" by {story.agent}" if story.agent else ""
    heading = f"Resolution {story.n}{by}, {in_words(story.resolved_at, zone)}:"
    known = store.follow_ups.of_survey(story.survey_id) if story.survey_id is not None else None
    follow_up = store.follow_ups.get(known.id) if known is not None else None
    lines = [*_asking(keys, config, story, zone), *_following_up(keys, config, story, follow_up, zone)]
    is_open = story.is_open_to_staff and not case.is_erased
    by_hand = ByHand(story.id, story.override) if is_open else None
    return Told(heading, tuple(lines), follow_up.id if follow_up is not None else None, by_hand)


def _asking(keys: Keys, config: Config, story: ResolutionStory, zone: ZoneInfo) -> Iterator[str]:
    for entry in story.ledger:
        yield f"{in_words(entry.at, zone)}: {_decision(entry, zone)}"
    if story.due_at is not None:
        customers = zone_of(story.whereabouts, config)
        is_same = story.due_at.astimezone(customers).utcoffset() == story.due_at.astimezone(zone).utcoffset()
        theirs = "" if is_same else f"; there it is {in_words(story.due_at, customers)}"
        yield f"Next: the survey is due {in_words(story.due_at, zone)}{theirs}. Before it goes it is decided once more."
    if story.cancelled_because is not None:
        yield f"The survey was cancelled: {story.cancelled_because.sentence}."
    elif story.mail is not None:
        yield _delivery(story.mail, "The mail", zone)
    if story.remind_at is not None and story.choice is None:
        yield f"If no answer comes, a reminder is due {in_words(story.remind_at, zone)}."
    if story.choice is not None and story.answered_at is not None:
        yield f"The customer answered {story.choice} on {in_words(story.answered_at, zone)}."
        if story.comment:
            yield f"In their words: {story.comment}"
    if story.mail is not None and story.mail.recipient is not None and config.mail_is_trial:
        yield f"This is a trial; the link in the mail: {survey_url(config, keys, story.mail.survey_id)}/no"


def _following_up(
    keys: Keys, config: Config, story: ResolutionStory, follow_up: FollowUp | None, zone: ZoneInfo
) -> Iterator[str]:
    if follow_up is not None and follow_up.reply:
        yield f"The customer answered the mail: {' '.join(follow_up.reply.split())}"
    if follow_up is not None and follow_up.closed_at is None:
        yield f"A follow-up is open; it is due {in_words(follow_up.due_at, zone)}."
    elif follow_up is not None and follow_up.closed_at is not None and follow_up.outcome is not None:
        closed = in_words(follow_up.closed_at, zone)
        note = f": {follow_up.note}" if follow_up.note else "."
        yield f"The follow-up was closed as {follow_up.outcome.words} on {closed}{note}"
    if story.again is not None:
        yield _delivery(story.again, "The mail that asks again", zone)
        if story.again.recipient is not None and config.mail_is_trial:
            yield f"This is a trial; the link in that mail: {survey_url(config, keys, story.again.survey_id)}/no"
    if story.recheck is not None and story.rechecked_at is not None:
        when = in_words(story.rechecked_at, zone)
        yield f"Asked again after the follow-up, the customer answered {story.recheck} on {when}."


def _decision(entry: LedgerEntry, zone: ZoneInfo) -> str:
    decision, reason = entry.decision, entry.decision.reason.sentence
    by_rules = ""
    ask = "ask again" if entry.round is Round.AGAIN else "ask"
    if entry.round is Round.AGAIN and decision.reason is Reason.DELAY:
        reason = "it is too soon after the follow-up was closed as solved"
    if entry.who is not None and decision.reason is Reason.BY_HAND:
        reason = f"{entry.who} decided so"
    elif entry.who is not None:
        by_rules = f"{entry.who} left it to the rules. "
    if entry.is_reminder and decision.verdict is Verdict.ASK:
        return f"We remind: {reason}."
    if entry.is_reminder and decision.until is not None:
        return f"The reminder waits until {in_words(decision.until, zone)}: {reason}."
    if entry.is_reminder:
        return f"We do not remind: {reason}."
    if decision.verdict is Verdict.ASK:
        return f"{by_rules}We {ask}: {reason}."
    if decision.until is not None:
        again = " to ask again" if entry.round is Round.AGAIN else ""
        return f"{by_rules}We wait until {in_words(decision.until, zone)}{again}: {reason}."
    return f"{by_rules}We do not {ask}: {reason}."


def _delivery(mail: MailStory, which: str, zone: ZoneInfo) -> str:
    words = f" ({mail.words})" if mail.words else ""
    to = f" to {mail.recipient}" if mail.recipient else ""
    handed = in_words(mail.handed_over_at, zone) if mail.handed_over_at else ""
    due = in_words(mail.due_at, zone)
    if mail.state == "failed" and mail.words and mail.words.startswith("it came back"):
        return f"{which}{to} went out on {handed}, and {mail.words}."
    return {
        "queued": f"{which} is in the outbox, due {due}{words}.",
        "claimed": f"{which} is being prepared.",
        "handing_over": f"{which} is being handed over.",
        "sent": f"{which}{to} was accepted on {handed}{words}.",
        "retry": f"{which} was refused for now{words}; it waits until {due}.",
        "failed": f"{which} was refused{words}; it is not tried again.",
        "unconfirmed": f"{which}{to} may have arrived on {handed}{words}, and is not sent again.",
        "dropped": f"{which} was withdrawn before it went out{words}.",
    }[mail.state]

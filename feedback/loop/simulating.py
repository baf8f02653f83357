"""What the present settings, or others, would have done with the resolutions of a time. Nothing is written."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from feedback.config import Config
from feedback.domain.cases import CaseStatus, normalise_email
from feedback.domain.eligibility import Contact, Decision, Facts, Reason, Verdict, decide
from feedback.domain.surveys import Suppression
from feedback.domain.timing import local_day
from feedback.keys import Keys
from feedback.store import Store
from feedback.store.surveys import PastContact, PastResolution

DAYS_AHEAD = 60
_HEADS = {Verdict.ASK: "Mails that would have gone out", Verdict.DEFER: "Waiting still", Verdict.SKIP: "Not asked"}
SETTINGS = (  # those that decide whether and when
    *("delay", "delay_by_topic", "delay_by_channel", "window", "zone", "team_zones", "country", "max_age", "sample"),
    *("ask_again_after", "basis", "own_domains", "skip_domains", "skip_customers", "skip_tags", "skip_topics"),
    "skip_channels",
)


@dataclass(slots=True)
class Simulated:
    """A resolution and what would have become of it: `at` is when its mail would have gone, or when it is due."""

    past: PastResolution
    decision: Decision | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """How many mails would have gone on a day, and how many are due on it."""

    day: date
    asked: int
    due: int


@dataclass(frozen=True, slots=True)
class Simulation:
    since: datetime
    until: datetime
    outcomes: list[Simulated]

    def verdicts(self) -> Counter[Verdict]:
        return Counter(one.decision.verdict for one in self.outcomes if one.decision is not None)

    def reasons(self, verdict: Verdict) -> Counter[Reason]:
        decisions = (one.decision for one in self.outcomes if one.decision is not None)
        return Counter(decision.reason for decision in decisions if decision.verdict is verdict)

    def days(self, zone: ZoneInfo) -> list[Day]:
        """Each day from the first on, by the clock of a zone, to the last on which a mail is due within DAYS_AHEAD."""
        counts: dict[Verdict, Counter[date]] = defaultdict(Counter)
        for one in self.outcomes:
            if one.at is not None and one.decision is not None:
                counts[one.decision.verdict][local_day(one.at, zone)] += 1
        first, last = local_day(self.since, zone), local_day(self.until, zone)
        last = min(max([last, *counts[Verdict.DEFER]]), last + timedelta(days=DAYS_AHEAD))
        return [
            Day(day, counts[Verdict.ASK][day], counts[Verdict.DEFER][day])
            for day in (first + timedelta(days=n) for n in range((last - first).days + 1))
        ]


@dataclass(frozen=True, slots=True)
class Line:
    """How many resolutions had a verdict in each of several simulations, or had it for a reason."""

    verdict: Verdict
    reason: Reason | None
    counts: list[int]

    @property
    def words(self) -> str:
        return _HEADS[self.verdict] if self.reason is None else self.reason.sentence


def side_by_side(found: Sequence[Simulation]) -> Iterator[Line]:
    """Each verdict, then the reasons for waiting and for not asking, the most frequent first."""
    for verdict in (Verdict.ASK, Verdict.DEFER, Verdict.SKIP):
        yield Line(verdict, None, [one.verdicts()[verdict] for one in found])
        counts = [one.reasons(verdict) for one in found]
        if verdict is not Verdict.ASK:
            told = [reason for reason in Reason if any(count[reason] for count in counts)]
            for reason in sorted(told, key=lambda reason: -max(count[reason] for count in counts)):
                yield Line(verdict, reason, [count[reason] for count in counts])


def simulate(store: Store, keys: Keys, config: Config, since: datetime, until: datetime) -> Simulation:
    """Decide about the resolutions of a time, as if each case had come in when it was resolved, and the jobs had run.

    Mails that went out before count, and so do opt-outs and follow-ups from when they came. What was asked or decided
    by hand within the time does not. When a case was opened again is not known any more, so one that is open now counts
    as open from the start.
    """
    known = _Known(store, keys, config, since)
    outcomes = [Simulated(past) for past in store.surveys.past(since, until)]
    _Replay(known, config, outcomes).run(until)
    return Simulation(since, until, outcomes)


class _Known:
    """What is known of people beside their resolutions, each thing with its moment."""

    def __init__(self, store: Store, keys: Keys, config: Config, since: datetime) -> None:
        self._keys = keys
        self._suppressed = store.surveys.suppressed_since()
        self._follow_ups: dict[str, list[tuple[datetime, datetime | None]]] = defaultdict(list)
        for address, opened_at, closed_at in store.follow_ups.times_open(since):
            self._follow_ups[address].append((opened_at, closed_at))
        self.mailed: dict[str, list[PastContact]] = defaultdict(list)
        if config.ask_again_after:
            for contact in store.surveys.past_contacts(since - config.ask_again_after, since):
                self.mailed[contact.address].append(contact)
        self._hashes: dict[str, list[str]] = {}

    def suppression(self, address: str, now: datetime) -> Suppression | None:
        hashes = self._hashes.get(address) or self._hashes.setdefault(address, self._keys.address_hashes(address))
        found = (self._suppressed[one] for one in hashes if one in self._suppressed)
        return next((reason for at, reason in found if at <= now), None)

    def has_open_follow_up(self, address: str, now: datetime) -> bool:
        times = self._follow_ups.get(address, [])
        return any(opened_at <= now and (closed_at is None or now < closed_at) for opened_at, closed_at in times)


@dataclass(slots=True)
class _Person:
    """What one address was or is to be asked: resolutions by number, with when they went or are due.

    `mailed` is what went before the time; `passed_over` what was not asked for the sake of another.
    """

    mailed: list[PastContact]
    planned: dict[int, datetime] = field(default_factory=dict)
    asked: dict[int, datetime] = field(default_factory=dict)
    passed_over: set[int] = field(default_factory=set)


class _Replay:
    """The steps of `Asking` and the jobs, without a database: what is due next is decided next."""

    def __init__(self, known: _Known, config: Config, outcomes: list[Simulated]) -> None:
        self._known = known
        self._config = config
        self._outcomes = outcomes
        people: dict[str, _Person] = {}
        self._person = [
            people.setdefault(address, _Person(known.mailed.get(address, [])))
            for address in (normalise_email(one.past.facts.address or "") for one in outcomes)
        ]
        self._last_of_case: dict[str, int] = {}
        self._queue = [(one.past.facts.resolved_at, number) for number, one in enumerate(outcomes)]

    def run(self, until: datetime) -> None:
        heapq.heapify(self._queue)
        while self._queue and self._queue[0][0] <= until:
            now, number = heapq.heappop(self._queue)
            if self._outcomes[number].decision is None:
                self._comes_in(number, now)
            elif self._person[number].planned.get(number) == now:  # else it was called off
                self._decide(number, now)

    def _comes_in(self, number: int, now: datetime) -> None:
        """A resolution replaces the one before of its case, unless that was asked about."""
        self._decide(number, now)
        case_id = self._outcomes[number].past.case_id
        before = self._last_of_case.get(case_id)
        if before is not None and before not in self._person[before].asked:
            self._decide(before, now)
        self._last_of_case[case_id] = number

    def _decide(self, number: int, now: datetime) -> None:
        one, person = self._outcomes[number], self._person[number]
        decision = decide(self._facts(number, now), self._config, now)
        one.decision, one.at = decision, None if decision.verdict is Verdict.SKIP else decision.until or now
        was_planned = person.planned.pop(number, None) is not None
        person.passed_over.discard(number)
        if decision.until is not None:
            person.planned[number] = decision.until
            heapq.heappush(self._queue, (decision.until, number))
        elif decision.verdict is Verdict.ASK:
            person.asked[number] = now
        elif decision.reason is Reason.ASKED_LATELY:
            person.passed_over.add(number)
        if was_planned and decision.verdict is Verdict.SKIP:
            for other in sorted(person.passed_over - {number}):
                if self._outcomes[other].past.facts.resolved_at > now - self._config.max_age:
                    self._decide(other, now)

    def _facts(self, number: int, now: datetime) -> Facts:
        past = self._outcomes[number].past
        facts, address = past.facts, normalise_email(past.facts.address or "")
        if past.next_resolved_at is not None:
            status = CaseStatus.RESOLVED if facts.status is CaseStatus.OPEN else facts.status
            facts = replace(facts, status=status, is_latest=now < past.next_resolved_at)
        return replace(
            facts,
            has_open_follow_up=self._known.has_open_follow_up(address, now),
            suppression=self._known.suppression(address, now) if address else None,
            contacts=tuple(self._contacts(number)),
        )

    def _contacts(self, number: int) -> Iterator[Contact]:
        """As the database tells them: of what waits, only what comes before a survey that waits as well."""
        person, own = self._person[number], self._person[number].planned.get(number)
        case_id = self._outcomes[number].past.case_id
        before = [
            (other, at)
            for other, at in person.planned.items()
            if other != number and (own is None or (at, other) < (own, number))
        ]
        for other, at in (*person.asked.items(), *before):
            yield Contact(at, self._outcomes[other].past.case_id == case_id)
        for mail in person.mailed:
            if mail.is_first_round or mail.case_id != case_id:
                yield Contact(mail.at, mail.case_id == case_id)

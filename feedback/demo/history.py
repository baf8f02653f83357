"""Six months of the sample business, lived through the loop's own verbs, so that its rows are the product's own."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

from feedback.config import Config
from feedback.demo import business
from feedback.demo.business import PLACES, SOURCE, TEAMS, Team, Topic
from feedback.domain.cases import CaseRecord, CaseStatus, ResolvedBy
from feedback.domain.eligibility import Decision
from feedback.domain.followups import Channel, Outcome, Result
from feedback.domain.purchases import PurchaseRecord
from feedback.domain.surveys import Choice, Details, Round, Stage
from feedback.domain.taps import Offer, Step, Vote
from feedback.errors import DeliveryUnknown, MailRefused
from feedback.keys import Keys
from feedback.loop import answering, following_up, opting_out, retaining, taps
from feedback.loop.asking import Asking
from feedback.loop.buying import take_in_purchases
from feedback.loop.erasing import Erased
from feedback.loop.importing import BATCH
from feedback.loop.intake import take_in
from feedback.loop.mapping import slug
from feedback.loop.sending import Sending
from feedback.mail.compose import Letter
from feedback.mail.transport import Transport
from feedback.store import Store

SEED = 2026
DAYS = 182
CUSTOMERS = 430
CASES_A_DAY = 9
MAIL_KEPT = timedelta(days=4)  # older mails are not in the inbox
FIRST_REF = 1001
FIRST_ORDER = 50001
OPEN_SINCE = (timedelta(hours=26), timedelta(hours=19), timedelta(minutes=95))  # what the desk has to do at the end


class History:
    """What happened until `end`, in the order of time. The same seed and end give the same history."""

    def __init__(self, store: Store, keys: Keys, config: Config, inbox: Transport, end: datetime) -> None:
        self._store = store
        self._keys = keys
        self._config = config
        self._end = end
        self._zone = ZoneInfo(business.ZONE)
        self._first_day = end.astimezone(self._zone).date() - timedelta(days=DAYS)
        self._random = Random(SEED)  # noqa: S311 - a sample, not a secret
        self._shop = Random(SEED)  # noqa: S311 - of its own, so that nothing else hangs on who buys what
        self._web = Random(SEED)  # noqa: S311 - likewise, for who taps what in the FAQ
        self._bought: list[PurchaseRecord] = []
        self._content: dict[str | None, Choice] = {}  # by address, what a customer answered last
        self._post = _Post(inbox, end - MAIL_KEPT)
        self._asking = Asking(store, keys, config)
        self._sending = Sending(store, self._asking, keys, config, self._post)
        self._staff = {person.name: person.id for person in store.staff.all()}
        self._unanswered: list[tuple[Team, str]] = []
        self._order = count()
        self._events: list[tuple[datetime, int, Callable[[datetime], object]]] = []

    def live(self) -> Iterator[date]:
        """Let it all happen, in the order of time; each day, when it is over."""
        for case in self._cases():
            self._opens(case)
        self._taps()
        for words, ago in zip(business.LAST_WORDS, OPEN_SINCE, strict=True):
            self._at(self._end - ago, partial(self._leaves_open, words))
        self._at(self._end, self._tells_of_overdue)
        day = self._first_day
        while self._events:
            now, _, happen = heapq.heappop(self._events)
            self._post.now = now
            happen(now)
            while day < now.astimezone(self._zone).date():
                yield day
                day += timedelta(days=1)
        self._brings_purchases_in()
        while retaining.forget_visitors(self._store, self._config, self._end):  # as each night
            pass
        self._sending.close()
        yield day

    def _at(self, moment: datetime, happen: Callable[[datetime], object]) -> None:
        """Nothing happens after the end: what was to come then, the visitor will see come."""
        if moment <= self._end:
            heapq.heappush(self._events, (moment, next(self._order), happen))

    # The help desk

    def _cases(self) -> Iterator[CaseRecord]:
        """Resolved cases by the time at which they were opened; every customer asks at least once."""
        customers = self._customers()
        for customer in customers:
            self._at(self._next_visit(self._end - timedelta(days=DAYS)), partial(self._shops, customer))
        waiting = list(customers)
        ref = count(FIRST_REF)
        for n in range(DAYS + 1):
            day = self._first_day + timedelta(days=n)
            if day.weekday() >= 5:
                continue
            for opened_at in sorted(self._office_hour(day) for _ in range(self._random.randint(*self._busy(day)))):
                customer = waiting.pop() if waiting else self._random.choice(customers)
                yield self._case(str(next(ref)), customer, opened_at)

    def _busy(self, day: date) -> tuple[int, int]:
        """Mondays bring more."""
        return (CASES_A_DAY + 1, CASES_A_DAY + 6) if day.weekday() == 0 else (CASES_A_DAY - 3, CASES_A_DAY + 2)

    def _customers(self) -> list[CaseRecord]:
        people = [(place, given, family) for place in PLACES for given in place.given for family in place.family]
        self._random.shuffle(people)
        today = self._end.astimezone(self._zone).date()
        customers: dict[str, CaseRecord] = {}
        for number, (place, given, family) in enumerate(people[:CUSTOMERS]):
            address = f"{slug(given)}.{slug(family)}@example.{self._random.choice(('org', 'com', 'net'))}"
            years = self._random.choices((None, 0, 1, 2, 3, 5, 8), (15, 20, 22, 18, 12, 8, 5))[0]
            since = None if years is None else today - timedelta(days=365 * years + self._random.randrange(30, 360))
            customers[address] = CaseRecord(
                SOURCE,
                ref="",
                status=CaseStatus.RESOLVED,
                email=address,
                name=f"{given} {family}",
                customer_since=since,
                locale=place.locale
                if number % 3 == 0
                else None,  # most help desks do not know it; visitors read English
                zone=place.zone,
                country=place.country,
            )
        return list(customers.values())

    def _case(self, ref: str, customer: CaseRecord, opened_at: datetime) -> CaseRecord:
        team = self._random.choices(TEAMS, (5, 4, 3))[0]
        topic = self._random.choice(team.topics)
        interactions = self._random.choices((1, 2, 3, 4), (56, 28, 11, 5))[0]
        reply_at = self._at_work(opened_at + timedelta(hours=self._random.lognormvariate(0.8, 0.9)))
        hours = topic.hours * self._random.lognormvariate(0, 0.7) * (0.5 + interactions / 2)
        return replace(
            customer,
            ref=ref,
            subject=self._random.choice(topic.subjects),
            channel=self._random.choices(business.CHANNELS, (5, 3, 2, 2))[0],
            topic=topic.name,
            team=team.name,
            agent=self._random.choice(team.agents),
            opened_at=opened_at,
            first_reply_at=reply_at,
            resolved_at=self._at_work(max(reply_at, opened_at + timedelta(hours=hours))),
            interactions=interactions,
            resolved_by=ResolvedBy.AGENT,
        )

    def _opens(self, case: CaseRecord) -> None:
        assert case.opened_at is not None
        assert case.resolved_at is not None
        is_open = replace(case, status=CaseStatus.OPEN, first_reply_at=None, resolved_at=None, interactions=None)
        self._at(case.opened_at, partial(self._take, is_open))
        fate = self._random.random()
        if fate < 0.02:
            self._at(case.resolved_at, partial(self._take, replace(is_open, status=CaseStatus.SPAM)))
        elif fate < 0.035:
            other = replace(is_open, status=CaseStatus.MERGED, merged_into=str(int(case.ref) - 1))
            self._at(case.resolved_at, partial(self._take, other))
        else:
            self._at(case.resolved_at, partial(self._resolved, case))
        if 0.035 <= fate < 0.07:
            self._comes_back(case, case.resolved_at + timedelta(hours=self._random.uniform(2, 20)))

    def _comes_back(self, case: CaseRecord, moment: datetime) -> None:
        """Opened again before we asked, and resolved again later."""
        opened_at = self._at_work(moment)
        again = self._at_work(opened_at + timedelta(hours=self._random.uniform(3, 30)))
        self._at(opened_at, partial(self._take, replace(case, status=CaseStatus.OPEN)))
        more = replace(case, resolved_at=again, interactions=(case.interactions or 1) + 1)
        self._at(again, partial(self._resolved, more))

    def _take(self, case: CaseRecord, now: datetime) -> Decision | None:
        (taken,) = take_in(self._store, self._asking, [case], now)
        return taken.decision

    def _resolved(self, case: CaseRecord, now: datetime) -> None:
        decision = self._take(case, now)
        if decision is not None and decision.until is not None:
            self._at(decision.until + timedelta(seconds=20), partial(self._asked, case))

    # The shop

    def _shops(self, customer: CaseRecord, now: datetime) -> None:
        """Looks in now and then; who is content takes something along more often."""
        if self._shop.random() < business.BUYS[self._content.get(customer.email)]:
            ref, amount = str(FIRST_ORDER + len(self._bought)), self._shop.choice(business.BASKETS)
            self._bought.append(PurchaseRecord(ref, now, amount, SOURCE, email=customer.email))
        self._at(self._next_visit(now), partial(self._shops, customer))

    def _next_visit(self, now: datetime) -> datetime:
        return now + timedelta(seconds=round(self._shop.expovariate(1 / business.VISITS_EVERY) * 86_400))

    def _brings_purchases_in(self) -> None:
        """At the end, as the owner would, when all who bought are known by a case."""
        erased = Erased(self._store, self._keys)
        for first in range(0, len(self._bought), BATCH):
            take_in_purchases(self._store, erased, self._config, self._bought[first : first + BATCH], self._end)

    # The FAQ

    def _taps(self) -> None:
        """What visitors will tap, below entries and where the shop offers help; each from a network of their own."""
        networks = (f"2001:db8:0:{number:x}::1" for number in count())  # for documentation, and nobody's
        weeks = business.FAQ_SINCE
        for entry in business.FAQ:
            for _ in range(entry.votes * weeks):
                self._at(self._some_time(weeks), partial(self._votes, entry, next(networks)))
        for page in business.SHOP_PAGES:
            for _ in range(page.offers * weeks):
                self._at(self._some_time(weeks), partial(self._is_offered_help, page, next(networks)))

    def _some_time(self, weeks: int) -> datetime:
        return self._end - timedelta(seconds=self._web.randrange(weeks * 7 * 86_400))

    def _votes(self, entry: business.Entry, network: str, now: datetime) -> None:
        vote = Vote(entry.address, self._web.random() < entry.helps)
        taps.take_vote(self._store, self._config, self._keys, network, vote, now)

    def _is_offered_help(self, page: business.ShopPage, network: str, now: datetime) -> None:
        (steps,) = self._web.choices(list(business.HELP), list(business.HELP.values()))
        for step in (Step.SHOWN, *steps):
            entry = page.entry if step in (Step.OPENED, Step.HELPED) else None
            taps.take_offer(self._store, self._config, self._keys, network, Offer(page.place, step, entry), now)

    # The loop

    def _let_jobs_run(self, now: datetime) -> None:
        while self._asking.step(now):
            pass
        while self._sending.step(now):
            pass

    def _asked(self, case: CaseRecord, now: datetime) -> None:
        self._let_jobs_run(now)
        (known,) = self._store.cases.with_ref(case.ref)
        story = self._store.cases.stories(known.id)[-1]
        if story.mail is not None and story.mail.state == "sent" and story.resolved_at == case.resolved_at:
            self._reads(case, story.mail.survey_id, now)

    def _reads(self, case: CaseRecord, survey_id: str, now: datetime) -> None:
        """The mail is read, sooner or later, and about every second customer answers."""
        team, topic = _of(case)
        likes_it = topic.solved - 0.13 * ((case.interactions or 1) - 1) + 0.1 * self._progress(now) - 0.02
        choice = Choice.YES if self._random.random() < likes_it else Choice.NO
        fate = self._random.random()
        later = now + timedelta(hours=min(110, self._random.expovariate(1 / 7)))
        if fate < 0.005:
            self._at(later, partial(opting_out.opt_out, self._store, self._keys, survey_id))
        elif fate < (0.49 if choice is Choice.NO else 0.43):
            self._at(later, partial(self._answers, team, survey_id, choice))
        else:
            self._unanswered.append((team, survey_id))

    def _progress(self, now: datetime) -> float:
        """0 at the beginning, 1 at the end: this business has learned something in between."""
        return 1 - (self._end - now) / timedelta(days=DAYS)

    def _answers(self, team: Team, survey_id: str, choice: Choice, now: datetime) -> None:
        answering.answer(self._store, self._config, survey_id, choice, now)
        self._content[self._store.surveys.get(survey_id).mailed_to] = choice
        details = self._details(team, choice)
        if details:
            words_at = now + timedelta(seconds=self._random.randint(15, 28))
            self._at(words_at, partial(self._adds, survey_id, choice, details))
        if choice is Choice.NO:
            self._at(now + timedelta(seconds=40), self._let_jobs_run)
            seen_at = self._at_work(now + timedelta(minutes=self._random.randint(8, 300)))
            self._at(seen_at, partial(self._follows_up, team, survey_id))

    def _adds(self, survey_id: str, choice: Choice, details: Details, now: datetime) -> None:
        answering.add_details(self._store, self._config, survey_id, choice, details, now)

    def _details(self, team: Team, choice: Choice) -> Details:
        speaks = self._random.random()
        stage = self._random.choices(tuple(Stage), (2, 1, 5, 2))[0]
        if choice is Choice.YES:
            if speaks > 0.3:
                return Details()
            comment = self._random.choice(business.COMMENTS_YES[stage]) if speaks < 0.2 else ""
            return Details((stage,), comment, quote_name="" if speaks < 0.05 else None)
        if speaks > 0.85:
            return Details()
        comment = self._random.choice(business.COMMENTS_NO.get(stage, team.unhappy)) if speaks < 0.65 else ""
        calls = self._random.random() < 0.3
        return Details((stage,), comment, call=calls, phone="+49 30 5550 0199" if calls else "")

    # The team

    def _follows_up(self, team: Team, survey_id: str, now: datetime) -> None:
        known = self._store.follow_ups.of_survey(survey_id)
        assert known is not None
        owner = self._store.follow_ups.get(known.id).owner_id  # somebody has it since the first time
        person = owner or self._staff[self._random.choice(team.agents)]
        following_up.take(self._store, known.id, person, owner, now)
        for _ in range(self._random.choices((0, 1, 2), (4, 5, 2))[0]):
            now = self._at_work(now + timedelta(minutes=self._random.randint(20, 400)))
            reached = self._random.random() < 0.7
            note = self._random.choice(business.TALKED if reached else business.CALLS_TRIED)
            channel = self._random.choice((Channel.CALL, Channel.CALL, Channel.MAIL))
            said = (channel, Result.NOT_SOLVED if reached else Result.NOT_REACHED, note)
            self._at(now, partial(following_up.log_interaction, self._store, known.id, person, *said))
        closed_at = self._at_work(now + timedelta(minutes=self._random.randint(15, 700)))
        self._at(closed_at, partial(self._closes, team, known.id, person))

    def _closes(self, team: Team, key: str, person: str, now: datetime) -> None:
        outcome = self._random.choices((Outcome.SOLVED, Outcome.NOT_SOLVABLE, Outcome.NO_CONTACT), (78, 12, 10))[0]
        notes = {
            Outcome.SOLVED: team.helped,
            Outcome.NOT_SOLVABLE: business.CLOSED_NOT_SOLVABLE,
            Outcome.NO_CONTACT: business.CLOSED_NO_CONTACT,
        }[outcome]
        note = self._random.choice(notes)
        closed = following_up.close(self._store, self._asking, key, outcome, note, person, now)
        planned = self._store.surveys.standing(closed.resolution_id, Round.AGAIN).last_decision
        if planned is not None and planned.until is not None:
            at = planned.until + timedelta(seconds=20)
            self._at(at, partial(self._is_asked_again, team, closed.resolution_id))

    def _is_asked_again(self, team: Team, resolution_id: str, now: datetime) -> None:
        """ "Is it solved now?" Most of those who answer say that it is."""
        self._let_jobs_run(now)
        asked = self._store.surveys.standing(resolution_id, Round.AGAIN)
        if asked.survey_id is not None and asked.delivery == "sent" and self._random.random() < 0.6:
            choice = Choice.YES if self._random.random() < 0.85 else Choice.NO
            later = now + timedelta(hours=self._random.expovariate(1 / 6))
            self._at(later, partial(self._answers, team, asked.survey_id, choice))

    def _leaves_open(self, said: business.Words, now: datetime) -> None:
        """A “no” that waits for the visitor; somebody tried to call about the first of them."""
        team, survey_id = self._unanswered.pop()
        answering.answer(self._store, self._config, survey_id, Choice.NO, now)
        details = Details((said.stage,), said.comment, call=said.phone != "", phone=said.phone)
        self._at(now + timedelta(seconds=20), partial(self._adds, survey_id, Choice.NO, details))
        self._at(now + timedelta(seconds=40), self._let_jobs_run)
        if said is business.LAST_WORDS[0]:
            known = self._store.follow_ups.of_survey(survey_id)
            assert known is not None
            called = (self._staff[team.agents[0]], Channel.CALL, Result.NOT_REACHED, business.CALLS_TRIED[0])
            self._at(now + timedelta(hours=3), partial(following_up.log_interaction, self._store, known.id, *called))

    def _tells_of_overdue(self, now: datetime) -> None:
        """As the job will at its next look; so that nothing new is in the inbox a moment after the visitor came."""
        following_up.tell_of_overdue(self._store, self._config, now)
        self._let_jobs_run(now)

    # Working hours

    def _office_hour(self, day: date) -> datetime:
        """A moment of the day at which people write."""
        minutes = self._random.randint(8 * 60 + 15, 17 * 60 + 45)
        local = datetime.combine(day, time(minutes // 60, minutes % 60, self._random.randint(0, 59)), self._zone)
        return local.astimezone(UTC)

    def _at_work(self, moment: datetime) -> datetime:
        """The moment, or if nobody works then, one in the first hour of the next working day."""
        local = moment.astimezone(self._zone).replace(microsecond=0)
        if local.weekday() < 5 and 9 <= local.hour < 18:
            return local.astimezone(UTC)
        day = local.date() if local.hour < 9 else local.date() + timedelta(days=1)
        while day.weekday() >= 5:
            day += timedelta(days=1)
        seconds = self._random.randint(0, 3599)
        return datetime.combine(day, time(9, seconds // 60, seconds % 60), self._zone).astimezone(UTC)


def _of(case: CaseRecord) -> tuple[Team, Topic]:
    return next((team, topic) for team in TEAMS for topic in team.topics if topic.name == case.topic)


class _Post:
    """Takes every mail; late ones go to the inbox. Now and then an address is gone, or the line drops."""

    def __init__(self, inbox: Transport, kept_from: datetime) -> None:
        self._inbox = inbox
        self._kept_from = kept_from
        self._random = Random(SEED)  # noqa: S311 - a sample, not a secret
        self.now = kept_from

    def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
        if self.now >= self._kept_from:
            return self._inbox.send(letter, handing_over)
        fate = self._random.random()
        if fate < 0.006:
            raise MailRefused("550 5.1.1 no such mailbox here", temporary=False)
        handing_over()
        if fate < 0.009:
            raise DeliveryUnknown("handed over, then: the connection was lost")
        return "250 2.0.0 Ok: queued"

    def close(self) -> None:
        self._inbox.close()

"""The outbox goes out."""

import logging
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from zlib import crc32

from feedback.config import Config
from feedback.domain.cases import normalise_email
from feedback.domain.eligibility import Verdict
from feedback.domain.followups import news_since
from feedback.domain.surveys import Choice, Suppression
from feedback.errors import DeliveryUnknown, HandOverCancelled, MailRefused, StoreError, TransportDown
from feedback.keys import Keys, Purpose, new_id
from feedback.loop.asking import Asking
from feedback.loop.links import one_touch_url, opt_out_url, password_url, return_address, survey_url
from feedback.mail import compose
from feedback.mail.transport import Transport
from feedback.store import Store
from feedback.store.outbox import TO_CUSTOMERS, TO_STAFF, Kind, Mail, MailState, Pause

LEASE = timedelta(minutes=15)  # longer than the silences of all phases of a mail on an open connection
CLAIM_AT_ONCE = 50
CLAIM_HOLDS = timedelta(minutes=2)  # a slow server: well before the lease ends, others may have what is left
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120, 300, 600, 900))  # for a server that is down
CAP_AT_LEAST = 500
CAP_TIMES_MEAN = 20
CAP_HOLDS = timedelta(hours=1)  # to count a month of mails at each claim would cost more than it tells
A_MOMENT = timedelta(seconds=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
JITTER = 0.2
RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720))

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of a mail `at` a moment, until the next transaction writes it down; `bad_address` is nobody's."""

    mail: Mail
    state: MailState
    words: str
    due_at: datetime | None = None
    bad_address: str | None = None
    at: datetime | None = None


class Sending:
    """Sends what is due, a mail a step.

    A customer's mail is never sent twice by us. When the server is ready for the body, and before the body goes,
    `handing_over` is committed, in the one commit a mail which also carries the result of the mail before. What
    fails earlier, or is clearly refused, is tried again or has failed; a crash later leaves `unconfirmed`, which is
    shown and never sent again by itself. Staff alerts are sent at least once: theirs is repeated instead.

    `lane` is the kinds of mail that this one sends: a slow run of customers' mails must not keep an alert.
    """

    def __init__(
        self,
        store: Store,
        asking: Asking,
        keys: Keys,
        config: Config,
        transport: Transport,
        lane: Collection[Kind] = frozenset(Kind),
    ) -> None:
        self._store = store
        self._asking = asking
        self._keys = keys
        self._config = config
        self._transport = transport
        self._lane = lane
        self._owner = new_id()
        self._claimed: deque[Mail] = deque()
        self._claimed_at = LONG_AGO
        self._results: list[_Result] = []
        self._is_paused = False
        self._cap: int | None = None
        self._cap_known_at = LONG_AGO

    def step(self, now: datetime) -> bool:
        """Send the next mail. False if there was nothing to do. Raises TransportDown; the mail then waits."""
        if self._claimed and not self._claimed_at <= now < self._claimed_at + CLAIM_HOLDS:
            self._release(list(self._claimed), None)
        if not self._claimed:
            return self._claim(now)
        mail = self._claimed.popleft()
        letter = None
        try:
            letter = self._compose(mail, now)
            words = self._transport.send(letter, partial(self._hand_over, mail, letter.recipient, now))
        except HandOverCancelled:
            pass
        except MailRefused as refusal:
            self._refused(mail, refusal, letter.recipient if letter is not None else None, now)
        except DeliveryUnknown as doubt:
            if mail.kind in TO_STAFF:
                self._retry(mail, str(doubt), now)
            else:
                self._results.append(_Result(mail, MailState.UNCONFIRMED, str(doubt)))
        except TransportDown as error:
            self._release([mail, *self._claimed], str(error), paused_at=now)
            raise
        except StoreError as error:
            self._release([mail, *self._claimed], str(error))
            raise
        except Exception as error:
            self._postpone(mail, f"{type(error).__name__} on our side", now)
            raise
        else:
            self._results.append(_Result(mail, MailState.SENT, words, at=now))
        return True

    def close(self) -> None:
        """Write down the last results, give claims back, and hang up."""
        try:
            self._release(list(self._claimed), None)
        finally:
            self._transport.close()

    def _claim(self, now: datetime) -> bool:
        with self._writing() as noted:
            settled = self._store.outbox.settle_lapsed(now)
            known = self._store.outbox.paused()
            self._is_paused, pause = known is not None, self._ours(known)
            if pause is not None and now < pause.until <= now + PAUSES[-1]:  # unless the clock has jumped back
                return bool(noted or settled)
            claimed = self._claim_due(now)
            wanted = [mail for mail in claimed if self._still_wanted(mail, now)]
        self._claimed.extend(wanted)
        self._claimed_at = now
        return bool(noted or settled or claimed)

    def _claim_due(self, now: datetime) -> list[Mail]:
        """What staff should know first."""
        for kind in (Kind.ALERT, Kind.LOGIN, Kind.OVERDUE, Kind.CHANGE_OF_MIND, Kind.SURVEY, Kind.REMINDER):
            if kind in self._lane:
                limit = CLAIM_AT_ONCE if kind in TO_STAFF else min(CLAIM_AT_ONCE, self._room(now))
                if claimed := self._store.outbox.claim(kind, self._owner, now, LEASE, limit):
                    return claimed
        return []

    def _room(self, now: datetime) -> int:
        """How many mails to customers may be claimed now.

        A rate holds for a minute. The daily cap stops a run-away: an import with a wrong mapping, say.
        """
        outbox, limits = self._store.outbox, []
        if rate := self._config.smtp_rate:
            limits.append(rate - outbox.surveys_between(now - timedelta(minutes=1), now + A_MOMENT))
        if not self._cap_known_at <= now < self._cap_known_at + CAP_HOLDS:
            self._cap, self._cap_known_at = daily_cap(self._store, self._config, now), now
        if self._cap is not None:
            limits.append(self._cap - sent_lately(self._store, now))
        return max(0, min(limits) - outbox.surveys_claimed()) if limits else CLAIM_AT_ONCE

    def _hand_over(self, mail: Mail, recipient: str, now: datetime) -> None:
        """The commit after which the mail may have arrived. Raises HandOverCancelled if it must not go like this."""
        with self._writing():
            wanted = self._still_wanted(mail, now, recipient)
            ours = wanted and self._store.outbox.hand_over(mail, self._owner, recipient, now, LEASE)
        if not ours:
            raise HandOverCancelled("withdrawn, or another's by now")

    @contextmanager
    def _writing(self) -> Iterator[int]:
        """A transaction that first writes down the results so far; how many. They are kept if it fails."""
        with self._store.write():
            for result in self._results:
                if result.state in (MailState.SENT, MailState.UNCONFIRMED):
                    self._store.outbox.finish(result.mail, self._owner, result.state, result.words)
                else:
                    self._store.outbox.put_back(
                        result.mail, self._owner, result.state, result.words, due_at=result.due_at
                    )
                if result.bad_address is not None and result.at is not None:
                    address_hash = self._keys.address_hashes(normalise_email(result.bad_address))[0]
                    self._store.surveys.suppress(address_hash, Suppression.NO_SUCH_ADDRESS, result.at)
                if result.mail.kind is Kind.SURVEY and result.state in (MailState.SENT, MailState.FAILED):
                    self._tell_asking(result)
            if self._results and self._is_paused:  # the server has answered
                self._store.outbox.end_pause()
                self._is_paused = False
            yield len(self._results)
        self._results.clear()

    def _still_wanted(self, mail: Mail, now: datetime, recipient: str | None = None) -> bool:
        """Inside a write: whether the mail may go by the facts of this moment, to the recipient if it has one.

        If not, it is dropped, or waits for its next turn.
        """
        if mail.staff_id is not None:
            person = self._store.staff.get(mail.staff_id)
            if person is None or not person.is_active:
                self._store.outbox.put_back(mail, self._owner, MailState.DROPPED, "they are locked out")
                return False
            return True
        if mail.follow_up_id is not None:
            follow_up = self._store.follow_ups.get(mail.follow_up_id)
            reader = self._store.staff.with_email(mail.recipient or "")
            if reader is not None and not reader.is_active:
                is_news, words = False, "they are locked out"
            elif mail.kind is Kind.CHANGE_OF_MIND:
                is_news, words = follow_up.stands is Choice.YES, "the customer has said no again"
            elif mail.kind is Kind.OVERDUE:
                is_news = follow_up.closed_at is None and follow_up.due_at <= now
                words = "it is not overdue any more"
            else:
                is_news, words = follow_up.closed_at is None, "the follow-up is closed"
            if not is_news:
                self._store.outbox.put_back(mail, self._owner, MailState.DROPPED, words)
            return is_news
        assert mail.survey_id is not None
        assert mail.resolution_id is not None
        if mail.kind is Kind.REMINDER:
            decision, address = self._asking.reminder_still_wanted(mail.resolution_id, now)
        else:
            assert mail.round is not None
            decision, address = self._asking.still_wanted(mail.resolution_id, now, mail.round)
        if decision.verdict is Verdict.ASK:
            if recipient in (None, address):
                return True
            self._store.outbox.release(mail, self._owner, "the address has changed")
            return False
        if decision.until is not None:
            self._store.outbox.put_back(
                mail, self._owner, MailState.QUEUED, decision.reason.sentence, due_at=decision.until
            )
            return False
        self._store.outbox.put_back(mail, self._owner, MailState.DROPPED, decision.reason.sentence)
        return False

    def _tell_asking(self, result: _Result) -> None:
        assert result.mail.survey_id is not None
        assert result.mail.resolution_id is not None
        assert result.at is not None
        if result.state is MailState.SENT:
            self._asking.plan_reminder(result.mail.survey_id, result.mail.resolution_id, result.at)
        else:
            self._asking.has_failed(result.mail.resolution_id, result.at)

    def _compose(self, mail: Mail, now: datetime) -> compose.Letter:
        """The letter. A fault in it is no other mail's: raises MailRefused, but StoreError if it is the database's."""
        try:
            letter = self._written(mail, self._keys.sign(Purpose.MESSAGE, mail.id), now)
            return replace(letter, sender=return_address(self._config, self._keys, mail.id))
        except StoreError:
            raise
        except Exception as error:
            _log.exception("mail %s could not be composed", mail.id)
            raise MailRefused(f"could not be composed: {type(error).__name__}", temporary=False) from error

    def _written(self, mail: Mail, message_id: str, now: datetime) -> compose.Letter:
        if mail.staff_id is not None:
            assert mail.recipient is not None
            member = self._store.staff.get(mail.staff_id)
            assert member is not None
            link = password_url(self._config, self._keys, member, now)
            return compose.password(member, link, mail.recipient, self._config, message_id, now)
        if mail.follow_up_id is not None:
            assert mail.recipient is not None
            follow_up = self._store.follow_ups.get(mail.follow_up_id)
            if mail.kind is Kind.CHANGE_OF_MIND:
                return compose.change_of_mind(follow_up, mail.recipient, self._config, message_id, now)
            person = self._store.staff.with_email(mail.recipient)
            one_touch = None
            if person and person.is_active and self._store.staff.sees(person.id, follow_up.resolution_id):
                one_touch = one_touch_url(self._config, self._keys, follow_up, person.id, now)
            if mail.kind is Kind.OVERDUE:
                return compose.overdue(follow_up, mail.recipient, self._config, message_id, now, one_touch=one_touch)
            news = news_since(
                self._store.outbox.alerted_at(follow_up.id, mail.recipient),
                follow_up,
                self._store.follow_ups.history(follow_up.id),
                is_owner=person is not None and person.id == follow_up.owner_id,
            )
            return compose.alert(
                follow_up, mail.recipient, self._config, message_id, now, one_touch=one_touch, news=news
            )
        assert mail.survey_id is not None
        letter = self._store.outbox.letter(mail.survey_id)
        assert letter.email is not None
        survey = survey_url(self._config, self._keys, mail.survey_id)
        opt_out = opt_out_url(self._config, self._keys, letter.email, letter.locale)
        links = compose.Links(yes=f"{survey}/yes", no=f"{survey}/no", opt_out=opt_out)
        reminds_of = None
        if mail.kind is Kind.REMINDER:
            reminds_of = self._keys.sign(Purpose.MESSAGE, self._store.outbox.first_mail(mail.survey_id))
        return compose.survey(letter, links, self._config, message_id, now, reminds_of=reminds_of)

    def _refused(self, mail: Mail, refusal: MailRefused, recipient: str | None, now: datetime) -> None:
        """An alert is tried until it is taken; of what is no hurry after a day, the outbox tells in the end."""
        is_late = mail.kind in (Kind.CHANGE_OF_MIND, Kind.LOGIN) and mail.attempts > len(RETRY_AFTER)
        if mail.kind is Kind.ALERT or (refusal.temporary and not is_late):
            self._retry(mail, str(refusal), now)
        else:
            bad_address = recipient if refusal.no_such_address and mail.kind in TO_CUSTOMERS else None
            self._results.append(_Result(mail, MailState.FAILED, str(refusal), bad_address=bad_address, at=now))

    def _retry(self, mail: Mail, words: str, now: datetime) -> None:
        self._results.append(_Result(mail, MailState.RETRY, words, due_at=now + _retry_after(mail)))

    def _postpone(self, mail: Mail, words: str, now: datetime) -> None:
        """After a fault of ours: later, unless it may have been handed over, so that the mails behind it can go."""
        with self._writing():
            self._store.outbox.postpone(mail, self._owner, words, now + _retry_after(mail))

    def _release(self, mails: list[Mail], words: str | None, *, paused_at: datetime | None = None) -> None:
        """Nobody's fault: these wait for their next turn, which does not count as an attempt.

        With `paused_at` the server is left alone for a while from then on, longer each time in a row.
        """
        self._claimed.clear()
        with self._writing():
            for mail in mails:
                self._store.outbox.release(mail, self._owner, words)
            if paused_at is not None:
                self._note_pause(words or "", paused_at)

    def _note_pause(self, words: str, now: datetime) -> None:
        """Once an outage: another sender may have noted it already."""
        pause = self._ours(self._store.outbox.paused())
        if pause is not None and pause.until > now:
            return
        failures = pause.failures + 1 if pause is not None else 1
        until = now + PAUSES[min(failures, len(PAUSES)) - 1]
        self._store.outbox.pause(self._server, words, failures, until, now)

    def _ours(self, pause: Pause | None) -> Pause | None:
        """The pause, if it is of this server; that of one which was set before is none."""
        return pause if pause is not None and pause.transport == self._server else None

    @property
    def _server(self) -> str:
        return self._keys.derived("transport", self._config.mail)[:16]


def sent_lately(store: Store, now: datetime) -> int:
    """How many mails to customers went out in the last 24 hours."""
    return store.outbox.surveys_between(now - timedelta(days=1), now + timedelta(days=1))  # the clock may step back


def daily_cap(store: Store, config: Config, now: datetime) -> int | None:
    """How many mails to customers may go out in 24 hours; None if that is switched off.

    The mean is that of the 29 days before, so that a run-away does not raise its own cap.
    """
    if config.daily_cap is not None:
        return config.daily_cap or None
    mean = store.outbox.surveys_between(now - timedelta(days=30), now - timedelta(days=1)) / 29
    return max(CAP_AT_LEAST, round(CAP_TIMES_MEAN * mean))


def _retry_after(mail: Mail) -> timedelta:
    """The pause after so many attempts, up to JITTER longer, so that what failed together does not come together."""
    pause = RETRY_AFTER[min(mail.attempts, len(RETRY_AFTER)) - 1]
    return pause * (1 + JITTER * (crc32(mail.id.encode()) % 1000) / 1000)

"""Mail on its way: `queued → claimed → handing_over → sent | retry | failed | unconfirmed`, or `dropped`."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from feedback.domain.surveys import LetterFacts, Round
from feedback.domain.timing import Whereabouts
from feedback.errors import NotFound
from feedback.keys import new_id
from feedback.store.sqlite import Database, load_queries, moment, moment_or_none

TOLD_AT_MOST = 20  # times a day of one kind about one follow-up to one person; who holds a link must not flood the team

_sql = load_queries("outbox")


class Kind(StrEnum):
    SURVEY = "survey"
    REMINDER = "reminder"
    ALERT = "alert"
    OVERDUE = "overdue"
    CHANGE_OF_MIND = "change of mind"  # a "no" became a "yes"
    LOGIN = "login"  # a link to set a password


TO_CUSTOMERS = frozenset({Kind.SURVEY, Kind.REMINDER})
TO_STAFF = frozenset(Kind) - TO_CUSTOMERS


class MailState(StrEnum):
    QUEUED = "queued"
    CLAIMED = "claimed"
    HANDING_OVER = "handing_over"
    SENT = "sent"
    RETRY = "retry"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Mail:
    """A claimed message, of a survey and so of its resolution, of a follow-up, or to a person of the staff about them.

    `attempts` counts this one too.
    """

    id: str
    kind: Kind
    survey_id: str | None
    resolution_id: str | None
    round: Round | None
    follow_up_id: str | None
    staff_id: str | None
    recipient: str | None
    attempts: int


class Standing(StrEnum):
    """How staff see the states of a mail."""

    WAITING = "waiting"  # queued, claimed, handing_over, retry
    SENT = "sent"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class MailLine:
    """A mail as a list shows it, with the case that it is about."""

    id: str
    kind: Kind
    due_at: datetime
    handed_over_at: datetime | None
    words: str | None
    recipient: str | None
    case_id: str | None
    case_ref: str | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a person should know of the outbox."""

    late_alerts: int
    returned_alerts: int
    failed: int
    unconfirmed: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A mail server that cannot be used: since when, until when we wait, how often in a row, and what it said."""

    transport: str
    since: datetime
    until: datetime
    failures: int
    words: str


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A survey whose mail would go out."""

    survey_id: str
    ref: str
    subject: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class KnownElsewhere:
    """A survey that waits here, or is in doubt, and what a replaced database knows of its mail."""

    survey_id: str
    is_queued: bool
    state: MailState
    recipient: str
    handed_over_at: datetime


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def queue_survey(self, survey_id: str, now: datetime) -> None:
        self._database.change(_sql.queue_survey, id=new_id(), survey_id=survey_id, due_at=now)

    def queue_reminder(self, survey_id: str, now: datetime) -> None:
        self._database.change(_sql.queue_reminder, id=new_id(), survey_id=survey_id, due_at=now)

    def first_mail(self, survey_id: str) -> str:
        """The id of the mail that a reminder reminds of."""
        row = self._database.row(_sql.first_mail, survey_id=survey_id)
        assert row is not None
        return str(row["id"])

    def drop_reminders(self) -> None:
        """Reminders that have not gone out do not go."""
        self._database.change(_sql.drop_reminders)

    def requeue_survey(self, survey_id: str, due_at: datetime) -> None:
        """Its mail, if it has not gone out, goes at another moment; also one that was withdrawn."""
        self._database.change(_sql.requeue_survey, survey_id=survey_id, due_at=due_at)

    def withdraw_survey(self, survey_id: str, words: str) -> None:
        """Its mail, if it has not gone out, does not go."""
        self._database.change(_sql.withdraw_survey, survey_id=survey_id, words=words)

    def queue_for_staff(self, kind: Kind, follow_up_id: str, recipient: str, due_at: datetime) -> None:
        """Tell one person of a follow-up; nothing if a mail of the kind that is yet to be written will do so anyway."""
        self._database.change(
            _sql.queue_for_staff,
            id=new_id(),
            kind=kind,
            follow_up_id=follow_up_id,
            recipient=recipient,
            due_at=due_at,
            since=due_at - timedelta(days=1),
            at_most=TOLD_AT_MOST,
        )

    def queue_password_link(self, staff_id: str, recipient: str, now: datetime, at_most: int) -> bool:
        """Mail a person a link to set a password, unless one waits or so many went in a day; whether one is made."""
        return (
            self._database.change(
                _sql.queue_password_link,
                id=new_id(),
                staff_id=staff_id,
                recipient=recipient,
                due_at=now,
                since=now - timedelta(days=1),
                at_most=at_most,
            )
            == 1
        )

    def concerned(self, follow_up_id: str) -> list[str]:
        """Who should hear that a "no" became a "yes": the owner; without one, whoever was told of the "no" last."""
        return [row["address"] for row in self._database.rows(_sql.concerned, follow_up_id=follow_up_id)]

    def alerted_at(self, follow_up_id: str, recipient: str) -> datetime | None:
        """When the last alert about a follow-up went out to somebody; None if none did."""
        row = self._database.row(_sql.alerted_at, follow_up_id=follow_up_id, recipient=recipient)
        assert row is not None
        return moment_or_none(row["at"])

    def settle_lapsed(self, now: datetime) -> int:
        """Deal with mail whose owner has vanished, each kind as promised; how many rows changed."""
        return sum(
            self._database.change(statement, now=now)
            for statement in (_sql.release_lapsed, _sql.doubt_lapsed, _sql.repeat_lapsed)
        )

    def claim(self, kind: Kind, owner: str, now: datetime, lease: timedelta, limit: int) -> list[Mail]:
        """Claim up to `limit` mails of a kind that are due; nobody else touches them until the lease ends."""
        rows = self._database.rows(
            _sql.claim_due, kind=kind, owner=owner, now=now, lease_until=now + lease, limit=limit
        )
        return [
            Mail(
                id=row["id"],
                kind=Kind(row["kind"]),
                survey_id=row["survey_id"],
                resolution_id=row["resolution_id"],
                round=Round(row["round"]) if row["round"] is not None else None,
                follow_up_id=row["follow_up_id"],
                staff_id=row["staff_id"],
                recipient=row["recipient"],
                attempts=row["attempts"],
            )
            for row in rows
        ]

    def letter(self, survey_id: str) -> LetterFacts:
        """What the survey's mail says, as it is known now. Raises NotFound."""
        row = self._database.row(_sql.letter, survey_id=survey_id)
        if row is None:
            raise NotFound(f"There is no survey {survey_id}.")
        return LetterFacts(
            resolved_at=moment(row["resolved_at"]),
            agent=row["agent"],
            team=row["team"],
            subject=row["subject"],
            ref=row["ref"],
            name=row["name"],
            email=row["email"],
            customer_since=date.fromisoformat(row["customer_since"]) if row["customer_since"] else None,
            locale=row["locale"],
            whereabouts=Whereabouts(row["zone"], row["country"], row["team"]),
            is_recheck=row["round"] == Round.AGAIN,
        )

    def hand_over(self, mail: Mail, owner: str, recipient: str, now: datetime, lease: timedelta) -> bool:
        """From the commit of this on, the mail may have arrived. False: the claim is not the owner's any more."""
        changed = self._database.change(
            _sql.hand_over, id=mail.id, owner=owner, recipient=recipient, now=now, lease_until=now + lease
        )
        return changed == 1

    def finish(self, mail: Mail, owner: str, state: MailState, words: str) -> None:
        """Note what became of a mail that was handed over: sent, or unconfirmed."""
        self._database.change(_sql.finish, id=mail.id, owner=owner, state=state, words=words)

    def put_back(self, mail: Mail, owner: str, state: MailState, words: str, *, due_at: datetime | None = None) -> None:
        """End a claim after a clear no: to be tried again at `due_at` (retry), or never (failed, dropped)."""
        self._database.change(_sql.put_back, id=mail.id, owner=owner, state=state, words=words, due_at=due_at)

    def release(self, mail: Mail, owner: str, words: str | None) -> None:
        """Give a claim back untried, which is no attempt. Never a mail in `handing_over`: it may have arrived."""
        self._database.change(_sql.release, id=mail.id, owner=owner, words=words)

    def postpone(self, mail: Mail, owner: str, words: str, due_at: datetime) -> None:
        """Try a claimed mail again later. Never one in `handing_over`: it may have arrived."""
        self._database.change(_sql.postpone, id=mail.id, owner=owner, words=words, due_at=due_at)

    def settle_doubt(self, survey_id: str) -> None:
        """An answer proves that a mail in doubt, or refused for now, has arrived."""
        self._database.change(_sql.settle_doubt, survey_id=survey_id)

    def counts(self) -> dict[MailState, int]:
        return {MailState(row["state"]): row["n"] for row in self._database.rows(_sql.count_by_state)}

    def count_sent(self) -> int:
        """How many mails went out, those that came back later among them."""
        row = self._database.row(_sql.count_sent)
        assert row is not None
        return int(row["n"])

    def surveys_between(self, since: datetime, until: datetime) -> int:
        """How many customers' mails were handed over."""
        row = self._database.row(_sql.surveys_between, since=since, until=until)
        assert row is not None
        return int(row["n"])

    def surveys_claimed(self) -> int:
        """How many customers' mails are about to go."""
        row = self._database.row(_sql.surveys_claimed)
        assert row is not None
        return int(row["n"])

    def pause(self, transport: str, words: str, failures: int, until: datetime, now: datetime) -> None:
        """The mail server cannot be used until then."""
        self._database.change(_sql.pause, transport=transport, words=words, failures=failures, until=until, now=now)

    def paused(self) -> Pause | None:
        row = self._database.row(_sql.paused)
        if row is None:
            return None
        return Pause(row["transport"], moment(row["since"]), moment(row["until"]), row["failures"], row["words"])

    def end_pause(self) -> None:
        """The mail server has answered."""
        self._database.change(_sql.end_pause)

    def is_busy(self, now: datetime) -> bool:
        """Whether any mail is due, or on its way."""
        return self._database.row(_sql.is_busy, now=now) is not None

    def mails(self, standing: Standing, limit: int, *, since: datetime | None = None) -> list[MailLine]:
        """Newest first, but what waits by when it is due; with `since`, only those handed over from then on."""
        return [_line(row) for row in self._database.rows(_sql.mails_in, standing=standing, since=since, limit=limit)]

    def all_mails(self, standing: Standing) -> Iterator[MailLine]:
        """As `mails`, all of them, one after the other."""
        return map(_line, self._database.each(_sql.mails_in, standing=standing, since=None, limit=sys.maxsize))

    def standings(self, sent_since: datetime) -> dict[Standing, int]:
        """How many mails wait, were sent since a moment, and are in each other state."""
        found = {row["standing"]: row["n"] for row in self._database.rows(_sql.count_standings, since=sent_since)}
        return {standing: found.get(standing.value, 0) for standing in Standing}

    def confirm(self, mail_id: str) -> bool:
        """A mail in doubt has arrived; False if it is in doubt no more."""
        return self._database.change(_sql.confirm, id=mail_id) == 1

    def queue_again(self, mail_id: str, now: datetime) -> bool:
        """A mail in doubt is to be sent once more; False if it is in doubt no more."""
        return self._database.change(_sql.queue_again, id=mail_id, now=now) == 1

    def carry_over(self, other: "Outbox", margin: timedelta) -> None:
        """Note what another database has asked about; a resolution that moved by the margin at most is the same."""
        for row in other._database.rows(_sql.handed_over):
            at = moment(row["resolved_at"])
            self._database.change(_sql.note_elsewhere, **dict(row), from_at=at - margin, to_at=at + margin)

    def known_elsewhere(self) -> list[KnownElsewhere]:
        return [
            KnownElsewhere(
                survey_id=row["id"],
                is_queued=row["delivery"] is not None,
                state=MailState(row["known"]),
                recipient=row["recipient"],
                handed_over_at=moment(row["handed_over_at"]),
            )
            for row in self._database.rows(_sql.known_elsewhere)
        ]

    def note_handed_over(self, known: KnownElsewhere) -> None:
        """What another database knows of a mail that waits here."""
        self._database.change(
            _sql.note_handed_over,
            survey_id=known.survey_id,
            state=known.state,
            recipient=known.recipient,
            handed_over_at=known.handed_over_at,
        )

    def count_held_back(self, now: datetime) -> int:
        """How many surveys there are whose mail would go out."""
        row = self._database.row(_sql.count_held_back, now=now)
        assert row is not None
        return int(row["n"])

    def held_back(self, now: datetime, limit: int) -> list[HeldBack]:
        """Surveys whose mail would go out, by when they were due."""
        return [
            HeldBack(row["id"], row["ref"], row["subject"], row["email"])
            for row in self._database.rows(_sql.held_back, now=now, limit=limit)
        ]

    def queue_known(self, now: datetime) -> None:
        """Send also what is known to have gone out before a restore."""
        self._database.change(_sql.queue_known, now=now)

    def trouble(self, *, alerts_before: datetime, since: datetime) -> Trouble:
        """Alerts unsent about follow-ups opened before a moment; surveys failed or in doubt, due after another."""
        row = self._database.row(_sql.trouble, alerts_before=alerts_before, since=since)
        assert row is not None
        return Trouble(row["late_alerts"], row["returned_alerts"], row["failed"], row["unconfirmed"])


def _line(row: Mapping[str, Any]) -> MailLine:
    return MailLine(
        id=row["id"],
        kind=Kind(row["kind"]),
        due_at=moment(row["due_at"]),
        handed_over_at=moment_or_none(row["handed_over_at"]),
        words=row["words"],
        recipient=row["recipient"],
        case_id=row["case_id"],
        case_ref=row["ref"],
        subject=row["subject"],
    )

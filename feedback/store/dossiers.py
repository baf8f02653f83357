"""All that is held about a person, as it is held. Nothing here changes anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from feedback.domain.audit import Action
from feedback.domain.eligibility import Reason, Verdict
from feedback.domain.followups import FollowUpEvent
from feedback.domain.surveys import REASONS, Choice, Round, Stage
from feedback.errors import NotFound
from feedback.store.followups import FollowUps
from feedback.store.sqlite import Database, load_queries, moment, moment_or_none

_sql = load_queries("dossiers")


@dataclass(frozen=True, slots=True)
class Purchase:
    ref: str
    at: datetime
    amount: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """An entry of the ledger: whether to ask, or to remind, and why; `who` decided, if it was a person."""

    at: datetime
    verdict: Verdict
    is_reminder: bool
    is_again: bool
    because: str
    until: datetime | None
    who: str | None


@dataclass(frozen=True, slots=True)
class Posted:
    """A mail, or one that waits; `recipient` is told of those to customers only."""

    kind: str
    is_to_staff: bool
    recipient: str | None
    state: str
    due_at: datetime
    handed_over_at: datetime | None
    came_back_at: datetime | None
    words: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """An answer with its details; `quote_name` None is no consent, and "" is consent without a name."""

    at: datetime
    choice: Choice
    details_at: datetime | None
    reasons: tuple[str, ...]
    comment: str | None
    call: bool
    phone: str | None
    call_time: str | None
    quote_name: str | None


@dataclass(frozen=True, slots=True)
class Cared:
    """A follow-up with its history, notes and who wrote them."""

    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    outcome: str | None
    owner: str | None
    events: tuple[FollowUpEvent, ...]


@dataclass(frozen=True, slots=True)
class Questioned:
    """A survey with its mails, its answers in their order, and the follow-up."""

    round: int
    state: str
    cancelled_because: str | None
    due_at: datetime
    asked_at: datetime | None
    remind_at: datetime | None
    mails: tuple[Posted, ...]
    answers: tuple[Said, ...]
    follow_up: Cared | None


@dataclass(frozen=True, slots=True)
class Resolved:
    n: int
    resolved_at: datetime
    resolved_by: str | None
    channel: str | None
    topic: str | None
    team: str | None
    agent: str | None
    opened_at: datetime | None
    first_reply_at: datetime | None
    interactions: int | None
    decided_by_hand: str | None
    decisions: tuple[Ruling, ...]
    surveys: tuple[Questioned, ...]
    left_out: int  # surveys that went to somebody else's address


@dataclass(frozen=True, slots=True)
class CaseHeld:
    ref: str
    status: str
    merged_into: str | None
    resolved_by: str | None
    subject: str | None
    channel: str | None
    topic: str | None
    tags: tuple[str, ...]
    team: str | None
    agent: str | None
    opened_at: datetime | None
    first_reply_at: datetime | None
    resolved_at: datetime | None
    interactions: int | None
    resolutions: tuple[Resolved, ...]


@dataclass(frozen=True, slots=True)
class CustomerHeld:
    source: str
    ref: str
    name: str | None
    email: str | None
    customer_since: date | None
    locale: str | None
    zone: str | None
    country: str | None
    purchases: tuple[Purchase, ...]
    cases: tuple[CaseHeld, ...]


@dataclass(frozen=True, slots=True)
class AskedBefore:
    """A mail that a replaced database had sent, or may have."""

    source: str
    ref: str
    resolved_at: datetime
    handed_over_at: datetime
    state: str
    recipient: str


@dataclass(frozen=True, slots=True)
class SuppressionHeld:
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Audited:
    at: datetime
    action: Action
    was: str | None
    became: str | None


@dataclass(frozen=True, slots=True)
class SurveyHeld:
    """A survey, and whose it is: the customer's who got it, and the addresses that its mails went to."""

    customer_id: str | None
    recipients: frozenset[str]
    survey: Questioned


@dataclass(frozen=True, slots=True)
class ResolutionHeld:
    """A resolution whose surveys may be those of several people."""

    resolution: Resolved
    surveys: tuple[SurveyHeld, ...]


class Dossiers:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._follow_ups = FollowUps(database)

    def customer(self, customer_id: str) -> CustomerHeld:
        """Without the cases. Raises NotFound."""
        row = self._database.row(_sql.customer, id=customer_id)
        if row is None:
            raise NotFound(f"There is no customer {customer_id}.")
        values = dict(row)
        values["customer_since"] = date.fromisoformat(row["customer_since"]) if row["customer_since"] else None
        rows = self._database.rows(_sql.purchases, id=customer_id)
        bought = (Purchase(row["ref"], moment(row["at"]), row["amount"]) for row in rows)
        return CustomerHeld(**values, purchases=tuple(bought), cases=())

    def cases(self, customer_id: str) -> list[tuple[str, CaseHeld]]:
        """A customer's cases by their ids, without the resolutions."""
        return [(row["id"], _case(row)) for row in self._database.rows(_sql.cases, id=customer_id)]

    def resolutions(self, case_id: str) -> list[ResolutionHeld]:
        found = []
        for row in self._database.rows(_sql.resolutions, case_id=case_id):
            surveys = self._database.rows(_sql.surveys_of, resolution_id=row["id"])
            decisions = self._database.rows(_sql.decisions, resolution_id=row["id"])
            held = _resolution(row, tuple(map(_ruling, decisions)))
            found.append(ResolutionHeld(held, tuple(self.survey(survey["id"]) for survey in surveys)))
        return found

    def survey(self, survey_id: str) -> SurveyHeld:
        """Raises NotFound."""
        row = self._database.row(_sql.survey, id=survey_id)
        if row is None:
            raise NotFound(f"There is no survey {survey_id}.")
        mails = tuple(map(_mail, self._database.rows(_sql.mails, survey_id=survey_id)))
        return SurveyHeld(
            customer_id=row["customer_id"],
            recipients=frozenset(mail.recipient for mail in mails if mail.recipient is not None),
            survey=Questioned(
                round=row["round"],
                state=row["state"],
                cancelled_because=Reason(row["reason"]).sentence if row["reason"] else None,
                due_at=moment(row["due_at"]),
                asked_at=moment_or_none(row["asked_at"]),
                remind_at=moment_or_none(row["remind_at"]),
                mails=mails,
                answers=tuple(map(_answer, self._database.rows(_sql.answers, survey_id=survey_id))),
                follow_up=self._follow_up(survey_id),
            ),
        )

    def asked_before(self) -> list[AskedBefore]:
        """What replaced databases asked about, the oldest first."""
        return [
            AskedBefore(
                source=row["source"],
                ref=row["ref"],
                resolved_at=moment(row["resolved_at"]),
                handed_over_at=moment(row["handed_over_at"]),
                state=row["state"],
                recipient=row["recipient"],
            )
            for row in self._database.rows(_sql.asked_elsewhere)
        ]

    def suppressions(self, hashes: Iterable[str]) -> list[SuppressionHeld]:
        """Why nothing is sent to an address, whichever secret it was hashed with."""
        rows = [row for one in hashes for row in self._database.rows(_sql.suppressions, hash=one)]
        return [SuppressionHeld(row["reason"], moment(row["at"])) for row in rows]

    def audit(self, hashes: Iterable[str]) -> list[Audited]:
        """What was done about an address that cannot be undone."""
        rows = [row for one in hashes for row in self._database.rows(_sql.audit, hash=one)]
        return [Audited(moment(row["at"]), Action(row["action"]), row["was"], row["became"]) for row in rows]

    def _follow_up(self, survey_id: str) -> Cared | None:
        row = self._database.row(_sql.follow_up, survey_id=survey_id)
        if row is None:
            return None
        return Cared(
            opened_at=moment(row["opened_at"]),
            due_at=moment(row["due_at"]),
            closed_at=moment_or_none(row["closed_at"]),
            outcome=row["outcome"],
            owner=row["owner"],
            events=self._follow_ups.history(row["id"]),
        )


def _case(row: Mapping[str, Any]) -> CaseHeld:
    values = {name: row[name] for name in row.keys() if name != "id"}  # noqa: SIM118 - a row iterates over its values
    values["tags"] = tuple(tag for tag in (row["tags"] or "").split(",") if tag)
    for name in ("opened_at", "first_reply_at", "resolved_at"):
        values[name] = moment_or_none(row[name])
    return CaseHeld(**values, resolutions=())


def _resolution(row: Mapping[str, Any], decisions: tuple[Ruling, ...]) -> Resolved:
    return Resolved(
        n=row["n"],
        resolved_at=moment(row["resolved_at"]),
        resolved_by=row["resolved_by"],
        channel=row["channel"],
        topic=row["topic"],
        team=row["team"],
        agent=row["agent"],
        opened_at=moment_or_none(row["opened_at"]),
        first_reply_at=moment_or_none(row["first_reply_at"]),
        interactions=row["interactions"],
        decided_by_hand=row["wish"],
        decisions=decisions,
        surveys=(),
        left_out=0,
    )


def _ruling(row: Mapping[str, Any]) -> Ruling:
    return Ruling(
        at=moment(row["at"]),
        verdict=Verdict(row["verdict"]),
        is_reminder=bool(row["is_reminder"]),
        is_again=row["round"] == Round.AGAIN,
        because=Reason(row["reason"]).sentence,
        until=moment_or_none(row["until"]),
        who=row["who"],
    )


def _mail(row: Mapping[str, Any]) -> Posted:
    return Posted(
        kind=row["kind"],
        is_to_staff=bool(row["is_to_staff"]),
        recipient=row["recipient"],
        state=row["state"],
        due_at=moment(row["due_at"]),
        handed_over_at=moment_or_none(row["handed_over_at"]),
        came_back_at=moment_or_none(row["came_back_at"]),
        words=None if row["is_to_staff"] else row["words"],  # a server's words name whom it was for
    )


def _answer(row: Mapping[str, Any]) -> Said:
    choice = Choice(row["choice"])
    return Said(
        at=moment(row["at"]),
        choice=choice,
        details_at=moment_or_none(row["details_at"]),
        reasons=tuple(REASONS[choice][Stage(stage)] for stage in (row["reasons"] or "").split(",") if stage),
        comment=row["comment"],
        call=bool(row["call"]),
        phone=row["phone"],
        call_time=row["call_time"],
        quote_name=row["quote_name"],
    )

"""Decisions, surveys, answers and opt-outs."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from feedback.domain.cases import CaseStatus, ResolvedBy
from feedback.domain.eligibility import Contact, Decision, Facts, Override, Reason, Verdict
from feedback.domain.quotes import version_of
from feedback.domain.surveys import (
    Answer,
    Choice,
    Details,
    Round,
    Stage,
    Suppression,
    Survey,
    SurveyState,
)
from feedback.domain.timing import Whereabouts
from feedback.errors import NotFound
from feedback.keys import new_id
from feedback.store import teams
from feedback.store.sqlite import Database, load_queries, moment, moment_or_none

OPEN_TO_STAFF = (None, "queued", "retry", "dropped")  # the states of a mail in which staff can decide about it

_sql = load_queries("surveys")


@dataclass(frozen=True, slots=True)
class ResolutionStanding:
    """How a resolution stands: what a decision rests on, the survey that it may have by now, and its ledger's end."""

    id: str
    facts: Facts
    survey_id: str | None
    survey_state: SurveyState | None
    delivery: str | None
    handed_over_at: datetime | None
    recipient: str | None
    decided: int
    last_decision: Decision | None

    @property
    def is_settled(self) -> bool:
        """Whether the question is on its way, or was stopped on its way: nothing is decided anew."""
        return self.survey_state is SurveyState.ASKED or self.delivery is not None

    @property
    def is_open_to_staff(self) -> bool:
        """Whether no mail has gone out, or is about to, so that staff can still decide otherwise."""
        return self.delivery in OPEN_TO_STAFF


@dataclass(frozen=True, slots=True)
class PastResolution:
    """A resolution with the facts as they are now, and when the case was resolved again, if it was."""

    case_id: str
    facts: Facts
    next_resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class PastContact:
    """A mail that went out, to which address (normalised) and about which case, if that is known here."""

    address: str
    case_id: str | None
    is_first_round: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with what it is about, and the follow-up that it opened."""

    answer: Answer
    case_id: str
    case_ref: str
    subject: str | None
    agent: str | None
    team: str | None
    customer: str | None
    email: str | None
    is_recheck: bool
    follow_up_id: str | None


@dataclass(frozen=True, slots=True)
class Past:
    """An answer, and in which round it was given."""

    answer: Answer
    round: Round


class Surveys:
    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, resolution_id: str, round_: Round = Round.FIRST) -> ResolutionStanding:
        """With the facts that its own rows tell; suppression and contacts are asked for by address. Raises NotFound."""
        row = self._database.row(_sql.resolution_facts, resolution_id=resolution_id, round=round_)
        if row is None:
            raise NotFound(f"There is no resolution {resolution_id}.")
        return ResolutionStanding(
            id=resolution_id,
            facts=_facts(
                row,
                asked_elsewhere=bool(row["asked_elsewhere"]) and row["delivery"] in (None, "dropped"),
                has_open_follow_up=bool(row["has_open_follow_up"]),
                override=Override(row["wish"]) if row["wish"] else None,
                is_answered=bool(row["is_answered"]),
                is_latest=bool(row["is_latest"]),
                round=round_,
                helped_at=moment_or_none(row["helped_at"]),
            ),
            survey_id=row["survey_id"],
            survey_state=SurveyState(row["survey_state"]) if row["survey_state"] else None,
            delivery=row["delivery"],
            handed_over_at=moment_or_none(row["handed_over_at"]),
            recipient=row["recipient"],
            decided=row["decided"] or 0,
            last_decision=decision_of(row["last_verdict"], row["last_reason"], row["last_until"])
            if row["last_seq"]
            else None,
        )

    def contacts(self, resolution_id: str, address: str, since: datetime) -> tuple[Contact, ...]:
        """The other surveys of whoever has the address, due since a moment: asked, or about to be asked before."""
        rows = self._database.rows(_sql.contacts, resolution_id=resolution_id, address=address, since=since)
        return tuple(Contact(moment(row["at"]), bool(row["is_same_case"])) for row in rows)

    def past(self, since: datetime, until: datetime) -> list[PastResolution]:
        """The resolutions of a time, the oldest first, without what was asked about them or decided by hand."""
        return [
            PastResolution(
                case_id=row["case_id"],
                facts=_facts(row, is_latest=bool(row["is_dated"])),
                next_resolved_at=moment_or_none(row["next_resolved_at"]),
            )
            for row in self._database.rows(_sql.past_resolutions, since=since, until=until)
        ]

    def past_contacts(self, since: datetime, until: datetime) -> list[PastContact]:
        """Mails to customers that went out between two moments, here or in databases that were replaced."""
        return [
            PastContact(row["address"], row["case_id"], bool(row["is_first_round"]), moment(row["at"]))
            for row in self._database.rows(_sql.past_contacts, since=since, until=until)
        ]

    def suppressed_since(self) -> dict[str, tuple[datetime, Suppression]]:
        """By its hash, each address to which nothing is sent: since when, and the reason that weighs most."""
        found = sorted(self.suppressions(), key=lambda one: list(Suppression).index(one[1]), reverse=True)
        return {address_hash: (at, reason) for address_hash, reason, at in found}

    def suppressions(self) -> list[tuple[str, Suppression, datetime]]:
        """Every hash of an address to which nothing is sent, with each reason, and since when."""
        rows = self._database.rows(_sql.suppressions)
        return [(row["address_hash"], Suppression(row["reason"]), moment(row["at"])) for row in rows]

    def passed_over(self, resolution_id: str, address: str, since: datetime) -> list[str]:
        """The person's other resolutions since a moment that were not asked about for the sake of another survey."""
        rows = self._database.rows(_sql.passed_over, resolution_id=resolution_id, address=address, since=since)
        return [row["id"] for row in rows]

    def suppression(self, address_hashes: Iterable[str]) -> Suppression | None:
        """Why nothing is sent to the address, the reason that weighs most, whichever secret it was hashed with."""
        rows = [row for one in address_hashes for row in self._database.rows(_sql.suppressed, address_hash=one)]
        return min((Suppression(row["reason"]) for row in rows), key=list(Suppression).index, default=None)

    def suppress(self, address_hash: str, reason: Suppression, now: datetime) -> None:
        """Send nothing to the address any more, for one more reason."""
        self._database.change(_sql.suppress, address_hash=address_hash, reason=reason, at=now)

    def end_suppression(self, address_hash: str, reason: Suppression) -> None:
        """This is no reason any more; others stay."""
        self._database.change(_sql.end_suppression, address_hash=address_hash, reason=reason)

    def carry_over(self, other: "Surveys") -> int:
        """Take over the addresses to which another database sends nothing; how many of them were new here."""
        rows = other._database.rows(_sql.suppressions)
        return sum(self._database.change(_sql.suppress, **row) for row in map(dict, rows))

    def note_decision(
        self, standing: ResolutionStanding, decision: Decision, now: datetime, staff_id: str | None = None
    ) -> None:
        """Write a decision into the ledger, unless the newest entry says the same; what staff decide always goes in."""
        if decision != standing.last_decision or staff_id is not None:
            self._add_decision(standing, decision, now, staff_id=staff_id, is_reminder=False)

    def note_reminder(self, standing: ResolutionStanding, decision: Decision, now: datetime) -> None:
        """Write down what was decided about reminding."""
        self._add_decision(standing, decision, now, staff_id=None, is_reminder=True)

    def _add_decision(
        self,
        standing: ResolutionStanding,
        decision: Decision,
        now: datetime,
        *,
        staff_id: str | None,
        is_reminder: bool,
    ) -> None:
        self._database.change(
            _sql.add_decision,
            resolution_id=standing.id,
            seq=standing.decided + 1,
            at=now,
            verdict=decision.verdict,
            reason=decision.reason,
            until=decision.until,
            staff_id=staff_id,
            is_reminder=is_reminder,
            round=standing.facts.round,
        )

    def plan(self, resolution_id: str, due_at: datetime, round_: Round = Round.FIRST) -> None:
        """The resolution's survey waits for its moment, for the first time or again; one that has a mail does not."""
        self._database.change(_sql.plan_survey, id=new_id(), resolution_id=resolution_id, due_at=due_at, round=round_)

    def due(self, now: datetime, limit: int) -> list[tuple[str, str, Round]]:
        """The surveys to decide about next, each with its resolution and round."""
        rows = self._database.rows(_sql.due, now=now, limit=limit)
        return [(row["id"], row["resolution_id"], Round(row["round"])) for row in rows]

    def next_due(self) -> datetime | None:
        """When the next survey or reminder is due."""
        row = self._database.row(_sql.next_due)
        return moment_or_none(row["at"]) if row else None

    def set_reminder(self, survey_id: str, at: datetime | None) -> None:
        """When the customer is reminded; None is not at all, or not any more."""
        self._database.change(_sql.set_reminder, id=survey_id, at=at)

    def to_remind(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """The surveys whose reminder is due, each with its resolution."""
        return [(row["id"], row["resolution_id"]) for row in self._database.rows(_sql.to_remind, now=now, limit=limit)]

    def forget_reminders(self) -> None:
        """Nobody is reminded of what was asked so far."""
        self._database.change(_sql.forget_reminders)

    def mark_asked(self, survey_id: str, now: datetime) -> bool:
        return self._database.change(_sql.mark_asked, id=survey_id, at=now) == 1

    def cancel(self, survey_id: str, reason: Reason) -> None:
        self._database.change(_sql.cancel_survey, id=survey_id, reason=reason)

    def set_override(self, resolution_id: str, wish: Override | None) -> None:
        """What staff want for the resolution's survey in place of the rules; None leaves it to them again."""
        if wish is None:
            self._database.change(_sql.remove_override, resolution_id=resolution_id)
        else:
            self._database.change(_sql.set_override, resolution_id=resolution_id, wish=wish)

    def reinstate(self, survey_id: str) -> None:
        """A survey whose mail had been withdrawn is asked after all."""
        self._database.change(_sql.reinstate_survey, id=survey_id)

    def get(self, survey_id: str) -> Survey:
        """The survey with its newest answer. Raises NotFound."""
        row = self._database.row(_sql.survey, id=survey_id)
        if row is None:
            raise NotFound(f"There is no survey {survey_id}.")
        return Survey(
            id=row["id"],
            asked_at=moment(row["asked_at"]),
            resolved_at=moment(row["resolved_at"]),
            subject=row["subject"],
            agent=row["agent"],
            team=row["team"],
            locale=row["locale"],
            whereabouts=Whereabouts(row["zone"], row["country"], row["team"]),
            contacts=row["interactions"],
            mailed_to=row["recipient"],
            round=Round(row["round"]),
            is_in_doubt=bool(row["is_in_doubt"]),
            asked_again_at=moment_or_none(row["asked_again_at"]),
            answers=row["answers"],
            first_answer_at=moment_or_none(row["first_answer_at"]),
            newest=answer_of(row) if row["answer_id"] else None,
        )

    def add_answer(self, survey_id: str, choice: Choice, now: datetime) -> None:
        key = new_id()
        self._database.change(_sql.withdraw_quotes, survey_id=survey_id)
        self._database.change(_sql.add_answer, id=key, survey_id=survey_id, choice=choice, at=now)
        self._database.change(_sql.offer_quote, id=key)

    def add_details(self, answer_id: str, details: Details, now: datetime) -> None:
        """Keep what the customer added, in place of what was said before and of what was decided about quoting it."""
        self._database.change(_sql.withdraw_quote, id=answer_id, version=version_of(answer_id, details))
        self._database.change(
            _sql.add_details,
            id=answer_id,
            at=now,
            reasons=tuple(details.reasons),
            comment=details.comment or None,
            call=details.call,
            phone=details.phone or None,
            call_time=details.call_time or None,
            quote_name=details.quote_name,
        )
        self._database.change(_sql.offer_quote, id=answer_id)

    def newest_answers(
        self, choice: Choice | None, limit: int, offset: int = 0, *, seen_by: str | None = None
    ) -> list[Answered]:
        """The newest answer of each survey, of one choice or both, newest first; of what a person sees, if given."""
        return list(map(_answered, self._newest(choice, seen_by, limit, offset)))

    def answers_of_case(self, case_id: str, limit: int, *, seen_by: str | None = None) -> list[Past]:
        """The newest answers about a case, changed ones among them, in the order in which they were given.

        With `seen_by`, of those that this person sees: another team may have had the case before.
        """
        rows = self._database.rows(_sql.answers_of_case, case_id=case_id, limit=limit, seen_by=seen_by)
        return [Past(answer_of(row), Round(row["round"])) for row in reversed(rows)]

    def all_answers(self, choice: Choice | None, *, seen_by: str | None = None) -> Iterator[Answered]:
        """As `newest_answers`, all of them, one after the other."""
        return map(_answered, self._newest(choice, seen_by, sys.maxsize, 0))

    def _newest(
        self, choice: Choice | None, seen_by: str | None, limit: int, offset: int
    ) -> Iterator[Mapping[str, Any]]:
        query = _sql.newest_answers if teams.reads_by_date(self._database, seen_by) else _sql.newest_answers_of_part
        return self._database.each(query, choice=choice, seen_by=seen_by, limit=limit, offset=offset)


def _answered(row: Mapping[str, Any]) -> Answered:
    return Answered(
        answer=answer_of(row),
        case_id=row["case_id"],
        case_ref=row["ref"],
        subject=row["subject"],
        agent=row["agent"],
        team=row["team"],
        customer=row["name"],
        email=row["email"],
        is_recheck=row["round"] == Round.AGAIN,
        follow_up_id=row["follow_up_id"],
    )


def _facts(row: Mapping[str, Any], **more: Any) -> Facts:
    """What a row tells of a resolution, its case and its customer, and what else is known."""
    return Facts(
        source=row["source"],
        ref=row["ref"],
        n=row["n"],
        address=row["email"],
        customer_ref=row["customer_ref"],
        status=CaseStatus(row["status"]),
        resolved_at=moment(row["resolved_at"]),
        by_automation=row["resolved_by"] == ResolvedBy.AUTOMATION,
        interactions=row["interactions"],
        has_reply=row["first_reply_at"] is not None,
        topic=row["topic"],
        channel=row["channel"],
        tags=tuple((row["tags"] or "").split(",")),
        whereabouts=Whereabouts(row["zone"], row["country"], row["team"]),
        **more,
    )


def decision_of(verdict: str, reason: str, until: str | None) -> Decision:
    """An entry of the ledger, from its columns."""
    return Decision(Verdict(verdict), Reason(reason), moment_or_none(until))


def answer_of(row: Mapping[str, Any]) -> Answer:
    """The answer in a row that carries its columns."""
    return Answer(
        id=row["answer_id"],
        choice=Choice(row["choice"]),
        at=moment(row["at"]),
        details=Details(
            reasons=tuple(Stage(stage) for stage in (row["reasons"] or "").split(",") if stage),
            comment=row["comment"] or "",
            call=bool(row["call"]),
            phone=row["phone"] or "",
            call_time=row["call_time"] or "",
            quote_name=row["quote_name"],
        ),
        details_at=moment_or_none(row["details_at"]),
    )

"""Follow-ups and their history."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from feedback.domain.followups import Channel, Event, FollowUp, FollowUpEvent, Outcome, PublicNote, Result
from feedback.domain.rates import Rate
from feedback.domain.surveys import Choice, Stage
from feedback.errors import NotFound
from feedback.keys import new_id
from feedback.store import teams
from feedback.store.sqlite import Database, load_queries, moment, moment_or_none
from feedback.store.surveys import answer_of

MOST = 1_000_000  # follow-ups in a list that is read whole

_sql = load_queries("followups")


@dataclass(frozen=True, slots=True)
class FollowUpKey:
    id: str
    due_at: datetime
    is_open: bool
    has_reply: bool  # the customer has written, too


@dataclass(frozen=True, slots=True)
class Recovery:
    """How many follow-ups were closed as solved, of how many the customer was asked again, and how many said yes."""

    closed: int
    asked: int
    solved: Rate


@dataclass(frozen=True, slots=True)
class Overdue:
    """An overdue follow-up, how often that was told since it was opened, and when the last mail about it went out."""

    id: str
    times: int
    told_at: datetime | None


class FollowUps:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_survey(self, survey_id: str) -> FollowUpKey | None:
        row = self._database.row(_sql.follow_up_of_survey, survey_id=survey_id)
        return (
            FollowUpKey(row["id"], moment(row["due_at"]), row["closed_at"] is None, bool(row["has_reply"]))
            if row
            else None
        )

    def open(self, survey_id: str, due_at: datetime, now: datetime, channel: Channel | None = None) -> str:
        """Without a channel it is about a "no", else about what came by it."""
        key = new_id()
        self._database.change(_sql.add_follow_up, id=key, survey_id=survey_id, at=now, due_at=due_at)
        self._add_event(key, Event.OPENED, now, channel=channel)
        return key

    def reopen(self, key: str, due_at: datetime, now: datetime, channel: Channel | None = None) -> None:
        if self._database.change(_sql.reopen_follow_up, id=key, at=now, due_at=due_at):
            self._add_event(key, Event.REOPENED, now, channel=channel)

    def add_reply(self, key: str, text: str, now: datetime) -> None:
        """What the customer wrote in answer to a mail of ours."""
        self._add_event(key, Event.REPLIED, now, note=text)

    def take(self, key: str, staff_id: str, now: datetime) -> None:
        if self._database.change(_sql.take_follow_up, id=key, staff_id=staff_id):
            self._add_event(key, Event.TAKEN, now, staff_id)

    def hand_over(self, key: str, to_id: str, to_name: str, by_id: str, now: datetime) -> None:
        """To a colleague; who did so, and to whom, stands in the history."""
        if self._database.change(_sql.take_follow_up, id=key, staff_id=to_id):
            self._add_event(key, Event.HANDED_OVER, now, by_id, note=f"to {to_name}")

    def give_back(self, key: str, by_id: str | None, now: datetime) -> None:
        """It is nobody's again."""
        if self._database.change(_sql.take_follow_up, id=key, staff_id=None):
            self._add_event(key, Event.GIVEN_BACK, now, by_id)

    def open_of(self, staff_id: str) -> list[FollowUp]:
        """The open ones that a person has, by when they are due."""
        return [follow_up_of(row) for row in self._database.rows(_sql.open_of, staff_id=staff_id)]

    def add_interaction(
        self, key: str, staff_id: str, channel: Channel, result: Result, note: str, now: datetime
    ) -> None:
        self._add_event(key, Event.INTERACTION, now, staff_id, channel, note, result)

    def close(self, key: str, outcome: Outcome, note: str, staff_id: str | None, now: datetime) -> None:
        """Close it, if it is open; `staff_id` is who did, if that is known."""
        if self._database.change(_sql.close_follow_up, id=key, outcome=outcome, at=now):
            self._add_event(key, Event.CLOSED, now, staff_id, None, note, outcome)

    def get(self, key: str) -> FollowUp:
        """Raises NotFound."""
        row = self._database.row(_sql.follow_up, id=key)
        if row is None:
            raise NotFound(f"There is no follow-up {key}. See the open ones with: feedback followups")
        return follow_up_of(row)

    def times_open(self, since: datetime) -> list[tuple[str, datetime, datetime | None]]:
        """Normalised address, opened, closed (None: open still) of each follow-up that was open since a moment."""
        return [
            (row["address"], moment(row["opened_at"]), moment_or_none(row["closed_at"]))
            for row in self._database.rows(_sql.times_open, since=since)
        ]

    def open_ones(self, limit: int = MOST, offset: int = 0) -> list[FollowUp]:
        """By when they are due."""
        return [follow_up_of(row) for row in self._database.rows(_sql.open_follow_ups, limit=limit, offset=offset)]

    def closed_ones(self, limit: int = MOST, offset: int = 0) -> list[FollowUp]:
        """Newest first."""
        return [follow_up_of(row) for row in self._database.rows(_sql.closed_follow_ups, limit=limit, offset=offset)]

    def who_knows_them(self, key: str) -> list[str]:
        """The addresses of who has it, and of who had the one before with the same customer."""
        return [row["address"] for row in self._database.rows(_sql.who_knows_them, id=key)]

    def overdue(self, now: datetime) -> list[Overdue]:
        rows = self._database.rows(_sql.overdue, now=now)
        return [Overdue(row["id"], row["times"], moment_or_none(row["told_at"])) for row in rows]

    def recovery(self, *, seen_by: str | None = None) -> Recovery:
        """What became of the follow-ups that were closed as solved; of those of a person's teams, if given."""
        is_of_all = teams.reads_by_date(self._database, seen_by)
        row = self._database.row(_sql.recovery, seen_by=None if is_of_all else seen_by)
        assert row is not None
        return Recovery(row["closed"], row["asked"], Rate(row["solved"], row["answered"], row["customers"]))

    def count_open(self) -> int:
        row = self._database.row(_sql.count_open)
        assert row is not None
        return int(row["n"])

    def history(self, key: str) -> tuple[FollowUpEvent, ...]:
        """Oldest first."""
        return tuple(
            FollowUpEvent(
                seq=row["seq"],
                at=moment(row["at"]),
                kind=Event(row["kind"]),
                who=row["who"],
                channel=Channel(row["channel"]) if row["channel"] else None,
                note=row["note"],
                result=Result(row["outcome"]) if row["kind"] == Event.INTERACTION and row["outcome"] else None,
                outcome=Outcome(row["outcome"]) if row["kind"] == Event.CLOSED and row["outcome"] else None,
                public_at=moment_or_none(row["public_at"]),
                public_by=row["public_by"],
            )
            for row in self._database.rows(_sql.events_of, id=key)
        )

    def publish_note(self, key: str, seq: int, staff_id: str, now: datetime) -> None:
        """Make the note of an event public; of one that is, it stays known since when and by whom."""
        self._database.change(_sql.publish_note, id=key, seq=seq, staff_id=staff_id, at=now)

    def withdraw_note(self, key: str, seq: int) -> None:
        self._database.change(_sql.withdraw_note, id=key, seq=seq)

    def public_notes(self, limit: int) -> list[PublicNote]:
        """What staff made public, the newest note first. Nothing in it tells who the customer is."""
        return [
            PublicNote(
                at=moment(row["at"]),
                topic=row["topic"],
                reasons=tuple(Stage(stage) for stage in (row["reasons"] or "").split(",") if stage),
                note=row["note"],
                outcome=Outcome(row["outcome"]) if row["outcome"] else None,
            )
            for row in self._database.rows(_sql.public_notes, limit=limit)
        ]

    def _add_event(
        self,
        key: str,
        kind: Event,
        now: datetime,
        staff_id: str | None = None,
        channel: Channel | None = None,
        note: str | None = None,
        outcome: Outcome | Result | None = None,
    ) -> None:
        self._database.change(
            _sql.add_event, id=key, kind=kind, at=now, staff_id=staff_id, channel=channel, note=note, outcome=outcome
        )


def follow_up_of(row: Mapping[str, Any]) -> FollowUp:
    """A row of the view of follow-ups as people see them."""
    return FollowUp(
        id=row["id"],
        survey_id=row["survey_id"],
        opened_at=moment(row["opened_at"]),
        due_at=moment(row["due_at"]),
        closed_at=moment_or_none(row["closed_at"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        note=row["note"],
        owner_id=row["owner_id"],
        owner=row["owner"],
        interactions=row["interactions"],
        is_escalated=bool(row["is_escalated"]),
        resolution_id=row["resolution_id"],
        case_id=row["case_id"],
        case_source=row["source"],
        case_ref=row["ref"],
        subject=row["subject"],
        agent=row["agent"],
        team=row["team"],
        topic=row["topic"],
        resolved_at=moment(row["resolved_at"]),
        contacts=row["contacts"],
        customer=row["name"],
        email=row["email"],
        answer=answer_of(row) if row["answer_id"] else None,
        reply=row["reply"],
        stands=Choice(row["stands"]) if row["stands"] else None,
        customer_since=date.fromisoformat(row["customer_since"]) if row["customer_since"] else None,
    )

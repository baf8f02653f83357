"""What visitors tap on public pages, and what the gaps of the FAQ are counted from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from feedback.domain.faq_gaps import Resolved
from feedback.domain.surveys import Choice
from feedback.domain.taps import Offer, Vote
from feedback.keys import new_id
from feedback.store.sqlite import Database, Query, load_queries

_sql = load_queries("taps")


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the business, and how many visitors a day went how far there."""

    place: str
    shown: int
    opened: int
    helped: int
    asked: int


class Taps:
    def __init__(self, database: Database) -> None:
        self._database = database

    def visitor(self, visitor_hash: str, day: date) -> str:
        """By which text the rows of the day know a visitor; a new one for who taps for the first time."""
        row = self._database.row(_sql.visitor, hash=visitor_hash)
        if row is not None:
            return str(row["id"])
        key = new_id()
        self._database.change(_sql.add_visitor, hash=visitor_hash, day=day, id=key)
        return key

    def forget_visitors(self, today: date, limit: int) -> int:
        """From now on nobody can tell whose the taps of earlier days were; of how many, at most `limit` at once."""
        return self._database.change(_sql.forget_visitors, today=today, limit=limit)

    def forget_oldest_day(self, before: date) -> int:
        """Delete what was tapped on the oldest day before another; how many rows that were."""
        return sum(self._database.change(query, before=before) for query in (_sql.forget_votes, _sql.forget_offers))

    def of_visitor(self, visitor: str, day: date) -> int:
        return self._count(_sql.taps_of_visitor, visitor=visitor, day=day)

    def of_page(self, page: str, day: date) -> int:
        return self._count(_sql.votes_of_page, page=page, day=day)

    def offers_of(self, day: date) -> int:
        return self._count(_sql.offers_of_day, day=day)

    def voted(self, page: str, visitor: str, day: date) -> bool | None:
        """What the visitor said about the page on that day; None is nothing."""
        row = self._database.row(_sql.vote, page=page, visitor=visitor, day=day)
        return bool(row["helped"]) if row else None

    def set_vote(self, vote: Vote, visitor: str, day: date) -> None:
        self._database.change(_sql.set_vote, page=vote.page, visitor=visitor, day=day, helped=int(vote.helped))

    def has_offer(self, offer: Offer, visitor: str, day: date) -> bool:
        row = self._database.row(_sql.offer, place=offer.place, step=offer.step, visitor=visitor, day=day)
        return row is not None

    def add_offer(self, offer: Offer, visitor: str, day: date) -> None:
        self._database.change(
            _sql.add_offer, place=offer.place, step=offer.step, page=offer.page, visitor=visitor, day=day
        )

    def votes(self, since: date) -> dict[str, tuple[int, int]]:
        """By page: how many of how many votes since a day say that it helped."""
        return {row["page"]: (row["helped"], row["n"]) for row in self._database.rows(_sql.votes, since=since)}

    def offers(self, since: date, limit: int) -> list[Place]:
        """What became of the offers since a day, by place; those that were shown most often first."""
        return [Place(**dict(row)) for row in self._database.rows(_sql.offers, since=since, limit=limit)]

    def resolved(self, since: datetime, *, seen_by: str) -> Iterator[Resolved]:
        """The resolutions of the person's teams since a moment."""
        for topic, case_id, customer_id, choice in self._database.each(_sql.topics, since=since, seen_by=seen_by):
            yield Resolved(topic, case_id, customer_id, Choice(choice) if choice else None)

    def comments(self, since: datetime, limit: int, *, seen_by: str) -> Iterator[tuple[str, str]]:
        """Who wrote what beside a no, about what the person sees, the newest first."""
        for comment, customer_id in self._database.each(_sql.comments, since=since, limit=limit, seen_by=seen_by):
            yield customer_id, comment

    def _count(self, query: Query, **values: object) -> int:
        row = self._database.row(query, **values)
        assert row is not None
        return int(row["n"])

"""People who were erased: nothing here tells who they were, and nothing brings them back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from feedback.domain.cases import normalise_email
from feedback.domain.followups import Outcome
from feedback.errors import NotFound
from feedback.keys import new_id
from feedback.store.followups import FollowUps
from feedback.store.sqlite import Database, load_queries

_sql = load_queries("erasures")
_ELSEWHERE = (_sql.erase_quotes, _sql.erase_words, _sql.erase_notes_since, _sql.erase_replies)


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A customer with the address that they have now."""

    id: str
    source: str
    ref: str
    name: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class KnownCase:
    id: str
    source: str
    ref: str


@dataclass(frozen=True, slots=True)
class KnownMail:
    """A mail to a customer: the address that it was for, and whose case it is about now."""

    id: str
    survey_id: str
    recipient: str
    is_in_hand: int  # whether it is being handed over at this moment
    customer_id: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class AskedElsewhere:
    """A case that a replaced database asked about, and the address that it asked at."""

    source: str
    ref: str
    address: str


class Erasures:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._follow_ups = FollowUps(database)

    def exist(self) -> bool:
        return self._database.row(_sql.is_any) is not None

    def has(self, hashes: Iterable[str]) -> bool:
        """Whether one of the hashes must not come back."""
        return any(self._database.row(_sql.erasure, hash=one) is not None for one in hashes)

    def remember(self, key_hash: str, now: datetime) -> None:
        """What has this hash must not come back."""
        self._database.change(_sql.add_erasure, hash=key_hash, at=now)

    def carry_over(self, other: "Erasures") -> None:
        """Take over another database's."""
        for row in other._database.rows(_sql.erasures):
            self._database.change(_sql.add_erasure, **dict(row))

    def customers(self) -> list[KnownCustomer]:
        """Every customer."""
        return [KnownCustomer(**row) for row in map(dict, self._database.rows(_sql.customers))]

    def customers_at(self, address: str) -> list[KnownCustomer]:
        """Whose address it is now. It is normalised."""
        rows = self._database.rows(_sql.customers_at, address=address)
        return [KnownCustomer(**row) for row in map(dict, rows) if normalise_email(row["address"]) == address]

    def customer(self, customer_id: str) -> KnownCustomer:
        """Raises NotFound."""
        row = self._database.row(_sql.customer, id=customer_id)
        if row is None:
            raise NotFound("There is no such customer.")
        return KnownCustomer(**dict(row))

    def sources(self) -> list[str]:
        """The help desks that cases or customers came from."""
        return [row["source"] for row in self._database.rows(_sql.sources)]

    def is_forgotten(self, mail_id: str) -> bool | None:
        """Whether a mail is about somebody who is erased or forgotten; None if no such mail is known."""
        row = self._database.row(_sql.is_forgotten, id=mail_id)
        return None if row is None else bool(row["is_forgotten"])

    def cases(self) -> list[KnownCase]:
        """Every case that is not erased."""
        return [KnownCase(**row) for row in map(dict, self._database.rows(_sql.cases))]

    def cases_of(self, customer_id: str) -> list[KnownCase]:
        """Those of one customer."""
        return [KnownCase(**row) for row in map(dict, self._database.rows(_sql.cases_of, customer_id=customer_id))]

    def asked_elsewhere(self) -> list[AskedElsewhere]:
        rows = self._database.rows(_sql.asked_elsewhere)
        return [AskedElsewhere(row["source"], row["ref"], row["recipient"]) for row in rows]

    def asked_elsewhere_at(self, address: str) -> list[AskedElsewhere]:
        """What replaced databases asked at an address, which is normalised."""
        rows = self._database.rows(_sql.asked_elsewhere_at, address=address)
        asked = [AskedElsewhere(row["source"], row["ref"], row["recipient"]) for row in rows]
        return [one for one in asked if normalise_email(one.address) == address]

    def mails_to(self, address: str) -> list[KnownMail]:
        """The mails to an address, which is normalised, about whoever's cases."""
        rows = self._database.rows(_sql.mails_to, address=address)
        return [KnownMail(**row) for row in map(dict, rows) if normalise_email(row["recipient"]) == address]

    def mails_of(self, customer_id: str) -> list[KnownMail]:
        """Those about a customer's cases, and those that the customer got about cases that are another's by now."""
        return [KnownMail(**row) for row in map(dict, self._database.rows(_sql.mails_of, customer_id=customer_id))]

    def mails(self) -> list[KnownMail]:
        """Every mail to a customer of which an address is known."""
        return [KnownMail(**row) for row in map(dict, self._database.rows(_sql.mails))]

    def erase_mail(self, mail: KnownMail) -> None:
        """Forget whom a mail was for, what they answered, and what staff noted about that, but not the case, which is
        somebody else's by now."""
        self._database.change(_sql.erase_mail, id=mail.id)
        for statement in _ELSEWHERE:
            self._database.change(statement, survey_id=mail.survey_id)

    def erase_recipient(self, asked: AskedElsewhere) -> None:
        """Forget whom a replaced database asked, but not that it did."""
        self._database.change(_sql.erase_recipient, source=asked.source, ref=asked.ref, recipient=asked.address)

    def has_case(self, source: str, ref: str) -> bool:
        """Whether a case is known that is not erased."""
        return self._database.row(_sql.has_case, source=source, ref=ref) is not None

    def aged(self, before: datetime, limit: int) -> list[str]:
        """Customers of whom nothing has been heard since a moment, and of whom we know who they are."""
        rows = self._database.rows(_sql.aged, before=before, first="", last="~", limit=limit)  # ids are base64url
        return [row["id"] for row in rows]

    def is_aged(self, customer_id: str, before: datetime) -> bool:
        """Whether that is so of this one."""
        rows = self._database.rows(_sql.aged, before=before, first=customer_id, last=customer_id, limit=1)
        return bool(rows)

    def erase_elsewhere(self, customer_id: str) -> int:
        """Forget what a customer got and said about cases that are somebody else's by now, and what staff noted about
        that; how many rows it took."""
        return sum(
            self._database.change(statement, survey_id=row["id"])
            for row in self._database.rows(_sql.surveys_elsewhere, customer_id=customer_id)
            for statement in (*_ELSEWHERE, _sql.drop_mail)
        )

    def erase_customer(self, customer_id: str) -> int:
        """Forget who it is, but not that there was one; how many rows it took."""
        erased = self._database.change(_sql.erase_customer, id=customer_id, ref=_nobody())
        return erased + sum(
            self._database.change(statement, id=customer_id) for statement in (_sql.erase_purchases, _sql.erase_audit)
        )

    def erase_case(self, case: KnownCase, now: datetime) -> int:
        """Forget what the case says of its customer; how many rows it took.

        What has not gone out does not; what is owed is closed.
        """
        rows = 0
        for row in self._database.rows(_sql.surveys_of, case_id=case.id):
            follow_up = self._follow_ups.of_survey(row["id"])
            if follow_up is not None:
                self._follow_ups.close(follow_up.id, Outcome.WITHDRAWN, "", None, now)
            erasing = (_sql.erase_quotes, _sql.erase_words, _sql.erase_notes, _sql.cancel_survey, _sql.drop_mail)
            for statement in erasing:
                rows += self._database.change(statement, survey_id=row["id"])
        rows += self._database.change(_sql.erase_audit, id=case.id)
        rows += self._database.change(_sql.erase_case, id=case.id, ref=_nobody(), at=now)
        for statement in (_sql.erase_mergers, _sql.erase_elsewhere):
            rows += self._database.change(statement, source=case.source, ref=case.ref)
        return rows


def _nobody() -> str:
    """In place of a reference."""
    return f"erased-{new_id()}"

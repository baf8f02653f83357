"""What customers bought, as far as we know the customers."""

from datetime import datetime

from feedback.domain.cases import normalise_email
from feedback.domain.purchases import PurchaseRecord
from feedback.keys import new_id
from feedback.store.cases import Change
from feedback.store.sqlite import Database, load_queries

_sql = load_queries("purchases")


class Purchases:
    def __init__(self, database: Database) -> None:
        self._database = database

    def customers_with_ref(self, ref: str, source: str | None) -> list[str]:
        """Who has a reference at a help desk, or at any; no more than two."""
        if source is not None:
            rows = self._database.rows(_sql.customer_with_ref, ref=ref, source=source)
        else:
            rows = self._database.rows(_sql.customers_with_ref, ref=ref)
        return [row["id"] for row in rows]

    def customers_at(self, address: str, source: str | None) -> list[str]:
        """Who has an address, which is normalised, at a help desk, or at any."""
        rows = self._database.rows(
            _sql.customers_at, address=address, source=source, is_beyond_ascii=not address.isascii()
        )
        return [row["id"] for row in rows if normalise_email(row["email"]) == address]

    def save(self, customer_id: str, record: PurchaseRecord) -> Change:
        """Keep a purchase of a customer, who has one of each reference: its date and amount are those told last."""
        told = {"customer_id": customer_id, "ref": record.ref, "at": record.at, "amount": record.amount}
        if self._database.change(_sql.add_purchase, id=new_id(), **told):
            return Change.CREATED
        return Change.UPDATED if self._database.change(_sql.update_purchase, **told) else Change.UNCHANGED

    def remove(self, customer_id: str, ref: str) -> Change:
        is_there = self._database.change(_sql.remove_purchase, customer_id=customer_id, ref=ref)
        return Change.REMOVED if is_there else Change.UNCHANGED

    def past(self, before: datetime, limit: int) -> list[str]:
        """Some that are older than a moment."""
        return [row["id"] for row in self._database.rows(_sql.past, before=before, limit=limit)]

    def forget(self, key: str, before: datetime) -> int:
        """Forget one if it is older than a moment; how many that were."""
        return self._database.change(_sql.forget, id=key, before=before)

"""Purchases come in: from a file or the API, of customers whom we know by their cases."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from feedback.config import Config
from feedback.domain.cases import normalise_email
from feedback.domain.purchases import Passed, PurchaseRecord, parse_purchase
from feedback.errors import FieldError
from feedback.keys import Keys
from feedback.loop.erasing import Erased
from feedback.loop.importing import BATCH, FileReport, Kind, Progress, import_file, untold
from feedback.loop.mapping import PurchaseMapping
from feedback.store import Store
from feedback.store.cases import Change


@dataclass(slots=True)
class PurchaseReport(FileReport):
    """The days, amounts and sum are of what is kept or was known, so that a column taken for another shows."""

    passed: Counter[Passed] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    smallest: Decimal | None = None
    largest: Decimal | None = None
    sum: Decimal = Decimal(0)

    def note(self, record: PurchaseRecord) -> None:
        amount = Decimal(record.amount)
        self.first_at, self.last_at = (
            min(self.first_at or record.at, record.at),
            max(self.last_at or record.at, record.at),
        )
        self.smallest = amount if self.smallest is None else min(self.smallest, amount)
        self.largest = amount if self.largest is None else max(self.largest, amount)
        self.sum += amount


def take_in_purchases(
    store: Store, erased: Erased, config: Config, records: Sequence[PurchaseRecord], now: datetime
) -> list[Change | Passed]:
    """Keep purchases, at most BATCH of them, in one transaction; one result a record.

    Whoever has no case here is nobody to us, and what they bought is not kept: a later import takes it in, once they
    are known. Nor is what somebody bought who was erased, or what is past FEEDBACK_RETENTION.
    """
    before = now - config.retention if config.retention else None

    def keep(buyer: str, record: PurchaseRecord) -> Change | Passed:
        return Passed.PAST if before is not None and record.at < before else store.purchases.save(buyer, record)

    return _each(store, erased, records, keep)


def take_out_purchases(store: Store, erased: Erased, records: Sequence[PurchaseRecord]) -> list[Change | Passed]:
    """Remove purchases that came in by mistake, by customer and reference, whatever else is told of them."""
    return _each(store, erased, records, lambda buyer, record: store.purchases.remove(buyer, record.ref))


def _each(
    store: Store,
    erased: Erased,
    records: Sequence[PurchaseRecord],
    do: Callable[[str, PurchaseRecord], Change | Passed],
) -> list[Change | Passed]:
    assert len(records) <= BATCH
    buyers: dict[tuple[str | None, str | None, str | None], str | Passed] = {}  # a file often tells theirs in a row
    results: list[Change | Passed] = []
    with store.write():
        some_erased = store.erasures.exist()
        for record in records:
            who = (record.source, record.customer_ref, record.email)
            if who not in buyers:
                is_erased = some_erased and erased.has_bought(record)
                buyers[who] = Passed.ERASED if is_erased else _buyer(store, record)
            buyer = buyers[who]
            results.append(buyer if isinstance(buyer, Passed) else do(buyer, record))
    return results


def _buyer(store: Store, record: PurchaseRecord) -> str | Passed:
    """The one customer who has the reference, or else the address."""
    if record.customer_ref is None and record.email is None:
        return Passed.NOBODY  # a sale at the counter, say
    found: list[str] = []
    if record.customer_ref is not None:
        found = store.purchases.customers_with_ref(record.customer_ref, record.source)
    if not found and record.email is not None:
        found = store.purchases.customers_at(normalise_email(record.email), record.source)
    if not found:
        return Passed.UNKNOWN
    return found[0] if len(found) == 1 else Passed.AMBIGUOUS


def import_purchases(
    store: Store,
    keys: Keys,
    config: Config,
    path: Path,
    mapping: PurchaseMapping | None,
    now: datetime,
    *,
    refused_folder: Path | None,
    progress: Progress = untold,
    take_out: bool = False,
) -> PurchaseReport:
    """As `import_file`; with `take_out`, remove the orders of the file instead.

    An order may stand in it twice if both rows tell the same: nobody knows which one is right.
    """
    report, erased = PurchaseReport(), Erased(store, keys)
    zone = (mapping and mapping.file.zone) or config.zone
    seen: dict[int, int] = {}  # hashes of order and of what was told of it, for a file may have millions

    def parse(values: Mapping[str, object]) -> PurchaseRecord:
        record = parse_purchase(values, now=now, zone=zone, days_zone=config.zone)
        order = hash((record.source, record.customer_ref or record.email, record.ref))
        told = hash((record.at, record.amount))
        if seen.setdefault(order, told) != told:
            expected = 'one row an order; for a row an item set one_row_per = "update" in a mapping file'
            raise FieldError("ref", record.ref, expected)
        return record

    def take(records: list[PurchaseRecord]) -> None:
        if take_out:
            done = take_out_purchases(store, erased, records)
        else:
            done = take_in_purchases(store, erased, config, records, now)
        for record, one in zip(records, done, strict=True):
            if isinstance(one, Passed):
                report.passed[one] += 1
                report.changes[Change.SKIPPED] += 1
            else:
                report.changes[one] += 1
                report.note(record)

    import_file(
        Kind(PurchaseMapping, parse, take),
        path,
        mapping,
        report,
        now,
        is_theirs=erased,
        refused_folder=refused_folder,
        progress=progress,
    )
    return report

"""What people really bought goes in whole, and no cent is lost."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from feedback.domain.cases import CaseStatus
from feedback.loop.buying import import_purchases
from feedback.loop.mapping import PurchaseMapping
from feedback.store.cases import Change
from tests import cdnow
from tests.conftest import ADA, TORTURE, Loop

pytestmark = pytest.mark.torture
THEN = datetime(1998, 7, 1, tzinfo=UTC)
BOUGHT = "SELECT c.ref AS who, p.ref, p.at, p.amount FROM purchases p JOIN customers c ON c.id = customer_id"
SHAPE = """ customer_id  date number_of_cds  dollar_value
 00001 19970101  1   11.77
 00002 19970112  1   12.00
 00002 19970112  5   77.00
 00003 19970102  2   20.76
 00003 19980630  1    0.00
"""


def test_every_purchase_of_cdnow_goes_in_and_a_second_time_changes_nothing(loop: Loop, tmp_path: Path) -> None:
    """All 69,659 under torture; else a file of the same shape."""
    if TORTURE:
        bought = list(cdnow.read(cdnow.master()))
        assert len(bought) == 69_659
    else:
        (tmp_path / "shape.txt").write_text(SHAPE)
        bought = list(cdnow.read(tmp_path / "shape.txt"))
        assert len(bought) == 5
    cdnow.write_csv(bought, tmp_path / "cdnow.csv")
    case = replace(
        ADA, source="cdnow", status=CaseStatus.OPEN, opened_at=THEN, resolved_at=None, customer_since=None, name=None
    )
    people = sorted({one.customer for one in bought})
    cases = [replace(case, ref=who, customer_ref=who, email=f"c{who}@example.org") for who in people]
    loop.take_many(cases, THEN)

    def take() -> dict[Change, int]:
        mapping = PurchaseMapping.model_validate(cdnow.MAPPING)
        path = tmp_path / "cdnow.csv"
        report = import_purchases(loop.store, loop.keys, loop.config, path, mapping, THEN, refused_folder=None)
        assert report.refused == []
        return dict(report.changes)

    assert take() == {Change.CREATED: len(bought)}
    rows = loop.rows(BOUGHT)
    assert {(row["who"], row["ref"], row["at"]) for row in rows} == {
        (one.customer, str(one.line), f"{one.day[:4]}-{one.day[4:6]}-{one.day[6:]}T00:00:00Z") for one in bought
    }
    assert _sums((row["who"], row["amount"]) for row in rows) == _sums((one.customer, one.amount) for one in bought)
    assert take() == {Change.UNCHANGED: len(bought)}
    assert loop.rows(BOUGHT) == rows


def _sums(told: Iterable[tuple[str, str]]) -> dict[str, Decimal]:
    """What each customer paid."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for who, amount in told:
        sums[who] += Decimal(amount)
    return sums

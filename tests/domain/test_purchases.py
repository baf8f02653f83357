from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from feedback.domain.purchases import parse_purchase
from feedback.errors import FieldError
from tests.conftest import NOW

BERLIN = ZoneInfo("Europe/Berlin")
ORDER: dict[str, object] = {"ref": "O-1", "at": "2026-02-03T10:00:00Z", "amount": "12.50", "email": "ada@example.org"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("12.50", "12.50"),
        ("12.5", "12.50"),
        ("12.00", "12"),
        (12, "12"),
        (19.99, "19.99"),
        ("0.125", "0.125"),
        ("0012.5000", "12.50"),
        ("-12.5", "-12.50"),
        ("-0.00", "0"),
        (" 7 ", "7"),
        ("999999999999.9999", "999999999999.9999"),
    ],
)
def test_each_number_has_one_spelling(given: object, kept: str) -> None:
    assert parse_purchase({**ORDER, "amount": given}, now=NOW, zone=None, days_zone=BERLIN).amount == kept


@pytest.mark.parametrize(
    "given",
    ["1.234,50", "1,234.50", "12,50", "12.50 EUR", "€ 12", "twelve", "1e3", "+5", "5.", ".5", "1" * 13, "1.23456", "٣",
     float("nan"), 1e20, True, [12]],
)  # fmt: skip
def test_what_is_no_plain_number_is_refused_with_how_one_looks(given: object) -> None:
    with pytest.raises(FieldError) as raised:
        parse_purchase({**ORDER, "amount": given}, now=NOW, zone=None, days_zone=BERLIN)
    assert raised.value.field == "amount"
    assert "a number such as 1234.50" in raised.value.expected or raised.value.expected == "text"


@pytest.mark.parametrize(
    ("given", "zone", "kept"),
    [
        ("2026-02-03", None, datetime(2026, 2, 2, 23, tzinfo=UTC)),
        ("20260203", None, datetime(2026, 2, 2, 23, tzinfo=UTC)),
        (20260203, None, datetime(2026, 2, 2, 23, tzinfo=UTC)),
        ("2026-02-03", ZoneInfo("UTC"), datetime(2026, 2, 2, 23, tzinfo=UTC)),
        ("2026-02-03T10:00:00", BERLIN, datetime(2026, 2, 3, 9, tzinfo=UTC)),
        ("2026-02-03T10:00:00+05:00", None, datetime(2026, 2, 3, 5, tzinfo=UTC)),
    ],
)
def test_a_day_alone_is_its_midnight_at_the_business(given: object, zone: ZoneInfo | None, kept: datetime) -> None:
    assert parse_purchase({**ORDER, "at": given}, now=NOW, zone=zone, days_zone=BERLIN).at == kept


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"ref": None}, "ref", "a purchase needs ref, at and amount"),
        ({"at": ""}, "at", "a purchase needs ref, at and amount"),
        ({"amount": " "}, "amount", "a purchase needs ref, at and amount"),
        ({"at": "2026-02-30"}, "at", "a time that exists"),
        ({"at": "2026-02-03T10:00:00"}, "at", "a time with its offset"),
        ({"at": "2026-03-04T12:00:01Z"}, "at", "not more than a day after 2026-03-03T12:00Z"),
        ({"total": None}, "total", "one of the fields ref, at, amount, source, customer_ref, email"),
        ({"ref": "x" * 501}, "ref", "at most 500 characters"),
    ],
)
def test_what_a_purchase_lacks_is_told_by_its_field(change: dict[str, object], field: str, expected: str) -> None:
    with pytest.raises(FieldError) as raised:
        parse_purchase({**ORDER, **change}, now=NOW, zone=None, days_zone=BERLIN)
    assert raised.value.field == field
    assert expected in raised.value.expected

"""A purchase as a shop gives it, and the rules each of its fields keeps."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from feedback.domain.cases import FUTURE_ALLOWED, read_moment, text
from feedback.errors import FieldError

_DAY = re.compile(r"\s*(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})\s*")
_AMOUNT = re.compile(r"(-?)0*([0-9]{1,12})(?:\.([0-9]{1,4}))?")


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """What one row or one JSON object says of a purchase.

    Who bought is told by `customer_ref`, which is that of the help desk `source`, or by `email`, or by both. `amount`
    is a decimal number as text, in one spelling for each number: 12, 12.50, -3.125; a refund is below 0.
    """

    ref: str
    at: datetime
    amount: str
    source: str | None = None
    customer_ref: str | None = None
    email: str | None = None


PURCHASE_FIELDS = tuple(PurchaseRecord.__dataclass_fields__)
NEEDED_OF_PURCHASE = ("ref", "at", "amount")  # and one of those that tell who bought
WHO_BOUGHT = ("customer_ref", "email")
_FIELDS = frozenset(PURCHASE_FIELDS)


class Passed(StrEnum):
    """Why a purchase is not kept, though nothing is wrong with it."""

    ERASED = "erased"
    PAST = "past"
    NOBODY = "nobody"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Passed.ERASED: "what we knew of the customer was erased",
    Passed.PAST: "the purchase is past FEEDBACK_RETENTION",
    Passed.NOBODY: "neither customer_ref nor email says who bought",
    Passed.UNKNOWN: "we have no case of the customer",
    Passed.AMBIGUOUS: "several customers have this reference or address: say which help desk's it is, as source",
}


def parse_purchase(
    raw: Mapping[str, object], *, now: datetime, zone: ZoneInfo | None, days_zone: ZoneInfo
) -> PurchaseRecord:
    """Check one record. Times without an offset are read in `zone`; with zone None they are refused.

    A day alone is that day at midnight in `days_zone`, that of the business, whose days are counted. Raises FieldError
    for the first field that cannot be used, an unknown field name included.
    """
    values: dict[str, object] = {}
    for field, value in raw.items():
        if field not in _FIELDS:
            raise FieldError(field, value, f"one of the fields {', '.join(PURCHASE_FIELDS)}")
        if value is None or value == "":
            continue
        if field == "amount":
            values[field] = _amount(value)
        elif field == "at":
            values[field] = read_moment(field, value, days_zone if _DAY.fullmatch(str(value)) else zone)
        else:
            values[field] = text(field, value)
    for field in NEEDED_OF_PURCHASE:
        if values.get(field) is None:
            raise FieldError(field, raw.get(field) or "nothing", "a value; a purchase needs ref, at and amount")
    purchase = PurchaseRecord(**values)  # type: ignore[arg-type]  # each was read as its type above
    if purchase.at > now + FUTURE_ALLOWED:
        raise FieldError("at", raw["at"], f"a time not more than a day after {now:%Y-%m-%dT%H:%MZ}")
    return purchase


def _amount(value: object) -> str | None:
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None  # nearly all are just so
    if match is None:
        line = text("amount", repr(value) if isinstance(value, float) else value)
        if line is None:
            return None
        match = _AMOUNT.fullmatch(line)
    if match is None:
        raise FieldError(
            "amount",
            value,
            "a number such as 1234.50, or -12.50 for a refund, without a currency, of at most 12 digits and 4 "
            "decimals; in a file, a mapping with decimal reads 1.234,50",
        )
    decimals = (match[3] or "").rstrip("0")
    number = f"{match[2]}.{decimals:0<2}" if decimals else match[2]
    return number if number == "0" else match[1] + number

"""What visitors tap on public pages: whether an entry of the FAQ helped, and what became of an offer of help."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from feedback.domain.texts import one_line
from feedback.errors import FieldError

PLACE_LONGEST = 200
_HOST = re.compile(r"[\w-]+(\.[\w-]+)*|[0-9a-f:.]+")


class Step(StrEnum):
    """What became of an offer, in its order: each is noted by itself."""

    SHOWN = "shown"
    OPENED = "opened"
    HELPED = "helped"
    ASKED = "asked"  # for a person


@dataclass(frozen=True, slots=True)
class Vote:
    """Whether an entry helped; `page` is its address, such as `faq/late-parcel/`."""

    page: str
    helped: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """A step at a `place`, a page of the business. `page` is the entry that was opened or helped, if that is told."""

    place: str
    step: Step
    page: str | None = None


def parse_vote(said: Mapping[str, str]) -> Vote:
    """Raises FieldError."""
    page, helped = said.get("page", ""), said.get("helped", "")
    if not page:
        raise FieldError("page", page, "the address of an entry of the FAQ, such as faq/late-parcel/")
    if helped not in ("yes", "no"):
        raise FieldError("helped", helped, "yes or no")
    return Vote(page, helped == "yes")


def parse_offer(said: Mapping[str, str]) -> Offer:
    """Raises FieldError."""
    place, step = _place(said.get("place", "")), said.get("step", "")
    if step not in tuple(Step):
        raise FieldError("step", step, f"one of: {', '.join(Step)}")
    is_about_an_entry = step in (Step.OPENED, Step.HELPED)
    return Offer(place, Step(step), (said.get("page") or None) if is_about_an_entry else None)


def _place(given: str) -> str:
    """Origin and path. What stands behind them, or before the host, may tell who the visitor is."""
    try:
        parts = urlsplit(one_line(given))
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise FieldError("place", given, "the address of your page, such as https://shop.example/checkout")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.partition(';')[0]}"[:PLACE_LONGEST]

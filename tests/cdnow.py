"""CDNOW: what 23,570 customers of a music shop bought in 1997 and 1998, 69,659 purchases; and a file of its shape.

The package `lifetimes` (the extra `outcomes`) brings it. It is read as a file, for to import the package takes seconds.
"""

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

MAPPING: dict[str, Any] = {
    "file": {"dates": ["%Y%m%d"]},
    "fields": {
        "source": {"constant": "cdnow"},
        "customer_ref": "customer_id",
        "ref": "line",
        "at": "date",
        "amount": "dollar_value",
    },
}


@dataclass(frozen=True, slots=True)
class Bought:
    """A line of the file; its number is the order's reference."""

    line: int
    customer: str
    day: str
    items: str
    amount: str


def master() -> Path:
    """The real file: where CDNOW says, or as the package has it. Without either the test is skipped."""
    spec = find_spec("lifetimes")
    places = [Path(os.environ["CDNOW"])] if "CDNOW" in os.environ else []
    places += [
        Path(place, "datasets", "CDNOW_master.txt") for place in (spec and spec.submodule_search_locations) or ()
    ]
    for place in places:
        if place.exists():
            return place
    pytest.skip("needs CDNOW_master.txt: install the extra outcomes, or set CDNOW to the file")


def read(path: Path) -> Iterator[Bought]:
    """Fixed width, with a line of names above, which the package's copy has and others lack."""
    with path.open(encoding="ascii") as file:
        for line, told in enumerate(file, 1):
            if told.strip() and not told.split()[0].startswith("customer"):
                yield Bought(line, *told.split())


def write_csv(bought: Iterable[Bought], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "customer_id", "date", "number_of_cds", "dollar_value"])
        writer.writerows([one.line, one.customer, one.day, one.items, one.amount] for one in bought)

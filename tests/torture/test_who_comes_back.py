"""What people really bought, counted once more by pandas.

CDNOW: 23,570 customers of a music shop, 69,659 purchases in 1997 and 1998, which the extra `outcomes` brings. Their
cases, and what they answered, are made up.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from feedback.domain.outcomes import Said
from feedback.publish.figures import current
from tests.cdnow import master
from tests.conftest import Loop

pytestmark = pytest.mark.torture
THEN = datetime(1998, 7, 15, tzinfo=UTC)
ZONE = "America/New_York"
ANSWERS = {Said.YES: "yes", Said.RECOVERED: "no", Said.NO: "no", Said.SILENT: None}
Row = tuple[object, ...]


def fill(path: Path, bought: list[tuple[str, str, str]], cases: list[tuple[str, str, Said]]) -> None:
    """Straight into the tables: each customer with one case, resolved, asked about and answered or not."""
    rows: dict[str, Iterator[Row]] = {
        "customers (id, source, ref)": ((who, "cdnow", who) for who, _, _ in cases),
        "cases (id, source, ref, customer_id, status)": ((who, "cdnow", who, who, "resolved") for who, _, _ in cases),
        "resolutions (id, case_id, n, resolved_at)": ((who, who, 1, at) for who, at, _ in cases),
        "surveys (id, resolution_id, round, state, due_at, customer_id)": (
            (who, who, 0, "asked", at, who) for who, at, _ in cases
        ),
        "surveys (id, resolution_id, round, state, due_at, customer_id) ": (
            (f"{who} again", who, 1, "asked", at, who) for who, at, one in cases if one is Said.RECOVERED
        ),
        "outbox (id, kind, survey_id, recipient, state, due_at)": (
            (who, "survey", who, "a@example.org", "sent", at) for who, at, _ in cases
        ),
        "answers (id, survey_id, seq, at, choice)": (
            (who, who, 1, at, ANSWERS[one]) for who, at, one in cases if ANSWERS[one]
        ),
        "answers (id, survey_id, seq, at, choice) ": (
            (f"{who} again", f"{who} again", 1, at, "yes") for who, at, one in cases if one is Said.RECOVERED
        ),
        "purchases (id, customer_id, ref, at, amount)": (
            (str(line), who, str(line), at, amount) for line, (who, at, amount) in enumerate(bought)
        ),
    }
    with closing(sqlite3.connect(path)) as database, database:
        for where, told in rows.items():
            marks = ", ".join("?" * (where.count(",") + 1))
            database.executemany(f"INSERT INTO {where} VALUES ({marks})", told)


def test_shares_and_quartiles_of_cdnow_equal_those_of_pandas(make_loop: Callable[..., Loop]) -> None:
    pandas: Any = pytest.importorskip("pandas")
    names = ["who", "day", "items", "amount"]
    lines = pandas.read_csv(master(), sep=r"\s+", skiprows=1, names=names, dtype=str)
    assert (len(lines), lines.who.nunique()) == (69_659, 23_570)
    lines["at"] = pandas.to_datetime(lines.day, format="%Y%m%d").dt.tz_localize(ZONE).dt.tz_convert("UTC")
    begins = lines["at"].min()
    ends = (lines["at"].max().tz_convert(ZONE) + pandas.DateOffset(days=1)).tz_convert("UTC")
    random = Random(1)
    seconds = int((ends - begins).total_seconds())
    people = pandas.DataFrame({"who": sorted(lines.who.unique())})
    people["resolved"] = [begins + timedelta(seconds=random.randrange(-10 * 86_400, seconds)) for _ in people.who]
    people["said"] = random.choices([*Said], (30, 4, 6, 60), k=len(people))

    loop = make_loop(zone=ZONE)
    text = "%Y-%m-%dT%H:%M:%SZ"
    fill(
        loop.config.data_dir / "feedback.db",
        list(zip(lines.who, lines["at"].dt.strftime(text), lines.amount, strict=True)),
        list(zip(people.who, people.resolved.dt.strftime(text), people.said, strict=True)),
    )
    told = current(loop.store, loop.config, THEN).outcomes
    assert (f"{told.first_day}", f"{told.last_day}") == ("1997-01-01", "1998-06-30")
    assert [one.days for one in told.within] == [30, 90, 180]

    lines["amount"] = lines.amount.astype(float)
    both = people.merge(lines, on="who")
    ago = both["at"] - both.resolved
    for within, over in zip(told.within, (0, 30, 90), strict=True):
        inside = both[(ago > timedelta(0)) & (ago <= timedelta(within.days))]
        later = both[(ago > timedelta(over)) & (ago <= timedelta(within.days))]
        seen = people[(people.resolved >= begins) & (people.resolved + timedelta(within.days) <= ends)]
        spent = seen.who.map(inside.groupby("who").amount.sum()).fillna(0)
        for group in within.groups:
            theirs = seen.said == group.said
            assert (group.again.count, group.again.n) == (seen.who[theirs].isin(inside.who).sum(), theirs.sum())
            assert group.again.n > 200
            if group.later is not None:
                assert group.later.count == seen.who[theirs].isin(later.who).sum()
            quartiles = spent[theirs].quantile([0.25, 0.5, 0.75])
            assert [group.spent.lower, group.spent.median, group.spent.upper] == pytest.approx(
                [*quartiles], abs=0.005001
            )

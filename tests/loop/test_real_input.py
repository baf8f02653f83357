"""A ServiceNow audit log goes in, and the database holds what a few lines of plain code count in the same file."""

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedback.config import Config
from feedback.domain.published import Step
from feedback.loop.intake import ImportReport, import_cases
from feedback.loop.mapping import CaseMapping, load_mapping
from feedback.publish.figures import current
from tests.conftest import ROOT, SHARED, Loop

INVENTED = ROOT / "tests" / "data" / "incidents.csv"
REAL = SHARED / "data" / "servicenow-incidents.csv"
real_file = pytest.mark.skipif(not REAL.exists(), reason=f"no {REAL}: the real export stays out of the repo")

FILES = [
    *(pytest.param(INVENTED, moment, id=f"invented {moment:%d-%m}") for moment in (
        datetime(2025, 5, 20, tzinfo=UTC), datetime(2025, 5, 14, 12, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    )),
    *(pytest.param(REAL, moment, id=f"real {moment:%d-%m}", marks=real_file) for moment in (
        datetime(2016, 3, 10, tzinfo=UTC), datetime(2016, 3, 3, 12, tzinfo=UTC)
    )),
]  # fmt: skip


@dataclass
class Counted:
    """What the file says, read with nothing but `csv`."""

    cases: int = 0
    resolutions: int = 0
    surveys: int = 0
    refused: set[str] = field(default_factory=set)
    reasons: Counter[str] = field(default_factory=Counter)
    customers: set[str] = field(default_factory=set)
    agents: Counter[str | None] = field(default_factory=Counter)
    teams: Counter[str | None] = field(default_factory=Counter)
    opened: dict[str, str] = field(default_factory=dict)


def known(word: str) -> str | None:
    return None if word == "?" else " ".join(word.split())


def count(path: Path, now: datetime) -> Counted:
    last: dict[str, dict[str, str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            last[row["number"]] = row
    counted = Counted()
    for number, row in last.items():
        opened, resolved = (
            datetime.strptime(row[name], "%d-%m-%Y %H:%M").replace(tzinfo=UTC) if row[name] != "?" else None
            for name in ("opened_at", "resolved_at")
        )
        if any(moment and moment > now + timedelta(days=1) for moment in (opened, resolved)):
            counted.refused.add(number)
            continue
        counted.cases += 1
        caller = known(row["caller_id"])
        if caller:
            counted.customers.add(caller)
        if opened:
            counted.opened[number] = f"{opened:%Y-%m-%dT%H:%M:%SZ}"
        if resolved is None or row["incident_state"] not in ("Resolved", "Closed"):
            continue
        counted.resolutions += 1
        counted.agents[known(row["resolved_by"])] += 1
        counted.teams[known(row["assignment_group"])] += 1
        age = now - resolved
        if caller is None:
            counted.reasons["no_address"] += 1
        elif age > timedelta(days=7):
            counted.reasons["too_old"] += 1
        else:
            counted.surveys += 1
            counted.reasons["delay" if age < timedelta(days=1) else "due"] += 1
    return counted


@pytest.fixture
def config(make_config: Callable[..., Config]) -> Config:
    """Without hours and tact: what they do to this file is told by the tests of simulating."""
    return make_config(window="off", ask_again_after="off")


@pytest.fixture
def take_file(loop: Loop, config: Config) -> Callable[[Path, datetime], ImportReport]:
    mapping = load_mapping(ROOT / "examples" / "servicenow.toml", CaseMapping)

    def take(path: Path, now: datetime) -> ImportReport:
        return import_cases(
            loop.store, loop.asking, config, path, mapping, now, refused_folder=config.data_dir / "refused"
        )

    return take


@pytest.mark.parametrize(("path", "now"), FILES)
def test_the_database_holds_what_the_file_says(
    loop: Loop, take_file: Callable[[Path, datetime], ImportReport], path: Path, now: datetime
) -> None:
    expected = count(path, now)
    report = take_file(path, now)

    assert loop.counts() == {
        "cases": expected.cases, "resolutions": expected.resolutions, "surveys": expected.surveys
    }  # fmt: skip
    assert dict(report.changes) == {"created": expected.cases}
    assert report.resolutions == expected.resolutions
    assert report.refused_count == len(expected.refused)
    assert dict(report.decisions) == dict(expected.reasons)

    def column(statement: str) -> Counter[str | None]:
        return Counter({row["what"]: row["n"] for row in loop.rows(statement)})

    assert column("SELECT reason AS what, COUNT(*) AS n FROM decisions GROUP BY reason") == expected.reasons
    assert column("SELECT agent AS what, COUNT(*) AS n FROM resolutions GROUP BY agent") == expected.agents
    assert column("SELECT team AS what, COUNT(*) AS n FROM resolutions GROUP BY team") == expected.teams
    assert {row["ref"] for row in loop.rows("SELECT ref FROM customers")} == expected.customers
    assert {row["ref"]: row["opened_at"] for row in loop.rows("SELECT ref, opened_at FROM cases")} == expected.opened

    unknown = "first_reply_at IS NULL AND interactions IS NULL"
    for table, rows in (("cases", expected.cases), ("resolutions", expected.resolutions)):
        assert loop.rows(f"SELECT COUNT(*) AS n FROM {table} WHERE {unknown}") == [{"n": rows}]


@pytest.mark.parametrize(("path", "now"), FILES)
def test_every_refused_incident_is_in_the_refused_file_with_what_was_expected(
    take_file: Callable[[Path, datetime], ImportReport], path: Path, now: datetime
) -> None:
    expected = count(path, now).refused
    report = take_file(path, now)
    if not expected:
        assert report.refused_file is None
        return
    assert report.refused_file is not None
    with report.refused_file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = path.read_text("utf-8").splitlines()
    assert {lines[int(row["line"]) - 1].partition(",")[0] for row in rows} == expected
    assert len(rows) == len(expected)
    assert {row["field"] for row in rows} <= {"opened_at", "resolved_at"}
    assert {row["expected"] for row in rows} == {f"a time not more than a day after {now:%Y-%m-%dT%H:%MZ}"}


@pytest.mark.parametrize(("path", "now"), [FILES[0], FILES[3]])
def test_the_export_imported_twice_changes_nothing(
    loop: Loop, take_file: Callable[[Path, datetime], ImportReport], path: Path, now: datetime
) -> None:
    take_file(path, now)
    before = list(loop.store._database.connection.iterdump())
    again = take_file(path, now + timedelta(hours=1))
    assert list(loop.store._database.connection.iterdump()) == before
    assert set(again.changes) == {"unchanged"}


@pytest.mark.parametrize(("path", "now"), [FILES[0], FILES[3]])
def test_the_surveys_that_are_due_are_asked_and_the_rest_wait(
    loop: Loop, take_file: Callable[[Path, datetime], ImportReport], path: Path, now: datetime
) -> None:
    expected = count(path, now)
    take_file(path, now)
    assert loop.ask(now) == expected.reasons["due"]
    assert len(loop.rows("SELECT id FROM surveys WHERE state = 'waiting'")) == expected.reasons["delay"]


@real_file
def test_the_waits_by_topic_and_team_are_those_that_plain_code_counts_in_the_file(
    loop: Loop, config: Config, take_file: Callable[[Path, datetime], ImportReport]
) -> None:
    now = datetime(2016, 5, 17, tzinfo=UTC)
    take_file(REAL, now)
    told = current(loop.store, config, now)
    with REAL.open(encoding="utf-8", newline="") as file:
        last = {row["number"]: row for row in csv.DictReader(file)}
    waits: dict[tuple[str, str | None], list[tuple[str, float]]] = {}
    for row in last.values():
        if row["incident_state"] in ("Resolved", "Closed") and row["resolved_at"] != "?":
            opened, resolved = (datetime.strptime(row[name], "%d-%m-%Y %H:%M") for name in ("opened_at", "resolved_at"))
            if opened <= resolved and told.first_day <= resolved.date() <= told.last_day:
                took = (known(row["caller_id"]) or "", (resolved - opened).total_seconds())
                for of in (("all", None), ("topic", known(row["category"])), ("team", known(row["assignment_group"]))):
                    waits.setdefault(of, []).append(took)
    way = told.journey
    named = [("all", way.everyone), *(("topic", one) for one in way.topics), *(("team", one) for one in way.teams)]
    assert {(what, one.name) for what, one in named} == set(waits)
    shown, waited = Counter[str](), dict[str | None, float]()
    for what, one in named:
        found = waits[what, one.name]
        seconds = sorted(took for _, took in found)
        if one.whole.median is None:
            assert len({caller for caller, _ in found}) < 15, (what, one.name)
            continue
        middle = (seconds[(len(seconds) - 1) // 2] + seconds[len(seconds) // 2]) / 2
        assert one.whole.median.total_seconds() == middle, (what, one.name)
        assert (one.whole.n, one.whole.customers) == (len(found), len({caller for caller, _ in found}))
        assert one.whole.customers >= 10
        shown[what] += 1
        if what == "topic":
            waited[one.name] = middle * len(found)
    assert shown["all"] == 1
    assert min(shown["topic"], shown["team"]) >= 8
    assert [gap.topic for gap in way.gaps] == sorted(waited, key=waited.__getitem__, reverse=True)[:3]
    assert {gap.step for gap in way.gaps} == {Step.WHOLE}  # for the file tells no first reply


def test_the_invented_incidents_have_the_quirks_of_the_real_ones() -> None:
    content = INVENTED.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n") == len(content.splitlines())
    assert b"Opened by  8" in content
    assert b"@" not in content
    with INVENTED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    last = {row["number"]: row for row in rows}
    assert set(Counter(row["number"] for row in rows).values()) == {2, 3, 4, 5}
    for quirk in (
        sum(row["resolved_at"] == "?" for row in last.values()),
        sum(row["reopen_count"] != "0" for row in last.values()),
        sum(row["assignment_group"] == "?" for row in last.values()),
        len(last) - len({row["caller_id"] for row in last.values()}),
        sum(row["resolved_at"][3:] > "08" and row["resolved_at"] != "?" for row in last.values()),
    ):
        assert quirk > 0


@real_file
def test_the_invented_incidents_have_the_columns_of_the_real_ones() -> None:
    heads = [path.read_bytes().splitlines()[0] for path in (INVENTED, REAL)]
    assert heads[0] == heads[1]

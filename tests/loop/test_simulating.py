"""What is simulated is what then really happens, with the same settings and the same clock."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from feedback.domain.cases import CaseRecord, CaseStatus, ResolvedBy, parse_case
from feedback.domain.eligibility import Reason, Verdict
from feedback.domain.surveys import Choice, Suppression
from feedback.errors import FieldError
from feedback.loop import answering
from feedback.loop.mapping import CaseMapping, load_mapping
from feedback.loop.simulating import Day, Simulation, simulate
from feedback.store.files import BadRow, open_records
from tests.conftest import ADA, BRUNO, CHIOMA, DAY, NOW, ROOT, SHARED, TORTURE, Loop

HOUR = timedelta(hours=1)
INVENTED = ROOT / "tests" / "data" / "incidents.csv"
REAL = SHARED / "data" / "servicenow-incidents.csv"
PLACES = [("Asia/Tokyo", "JP"), ("America/New_York", "US"), (None, None), ("Australia/Lord_Howe", "AU"), (None, "DE")]
SETTINGS = [
    {"zone": "Europe/Berlin", "country": "DE"},
    {"window": "off", "delay": "48h"},
    {"ask_again_after": "3d", "sample": "60%", "basis": "DE:consent"},
    {"ask_again_after": "off", "window": "Tue,Fri 22:00-03:00", "max_age": "5d"},
]

Became = dict[tuple[str, int], tuple[Verdict, Reason | None, datetime | None]]


def really(loop: Loop, records: Iterable[CaseRecord], until: datetime) -> Became:
    """Each case comes in when it is resolved, and the jobs run whenever something is due; what became of each."""
    sending = loop.sending()

    def run_jobs_before(moment: datetime) -> None:
        while True:
            (row,) = loop.rows("SELECT MIN(due_at) AS due FROM surveys WHERE state = 'waiting'")
            due = datetime.fromisoformat(row["due"]) if row["due"] else None
            if due is None or due > moment:
                return
            loop.asking.step(due)
            while sending.step(due):
                pass

    for record in sorted(records, key=lambda one: (one.resolved_at or until, one.source, one.ref)):
        assert record.resolved_at is not None
        run_jobs_before(record.resolved_at - timedelta(seconds=1))
        loop.take(record, now=record.resolved_at)
    run_jobs_before(until)
    sending.close()
    return became(loop)


def became(loop: Loop) -> Became:
    found: Became = {}
    for row in loop.rows(
        "SELECT c.ref, r.n, d.verdict, d.reason, d.until, o.handed_over_at FROM resolutions r"
        " JOIN cases c ON c.id = r.case_id LEFT JOIN surveys s ON s.resolution_id = r.id"
        " LEFT JOIN outbox o ON o.survey_id = s.id JOIN decisions d ON d.resolution_id = r.id"
        " AND d.seq = (SELECT MAX(seq) FROM decisions WHERE resolution_id = r.id)"
    ):
        at = row["handed_over_at"] or row["until"]
        verdict = Verdict(row["verdict"])
        reason = None if verdict is Verdict.ASK else Reason(row["reason"])
        found[row["ref"], row["n"]] = (verdict, reason, datetime.fromisoformat(at) if at else None)
    return found


def simulated(simulation: Simulation) -> Became:
    found: Became = {}
    for one in simulation.outcomes:
        assert one.decision is not None
        reason = None if one.decision.verdict is Verdict.ASK else one.decision.reason
        found[one.past.facts.ref, one.past.facts.n] = (one.decision.verdict, reason, one.at)
    return found


def simulate_all(loop: Loop, until: datetime, since: datetime = NOW - 400 * DAY) -> Simulation:
    return simulate(loop.store, loop.keys, loop.config, since, until)


def incidents(path: Path, since: datetime, until: datetime) -> list[CaseRecord]:
    """The export's cases that were resolved within a time, some of them with a place."""
    mapping = load_mapping(ROOT / "examples" / "servicenow.toml", CaseMapping)
    found = []
    with open_records(path) as file:
        for raw in mapping.records(file):
            assert not isinstance(raw, BadRow)
            try:
                record = parse_case(raw.values, now=until, zone=mapping.file.zone)
            except FieldError:
                continue
            if record.resolved_at is None or not since < record.resolved_at <= until:
                continue
            zone, country = PLACES[len(record.customer_ref or "") % len(PLACES)]
            found.append(replace(record, zone=zone, country=country))
    return found


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(
    ("path", "until"),
    [
        pytest.param(INVENTED, datetime(2025, 5, 20, 12, tzinfo=UTC), id="invented"),
        pytest.param(
            REAL,
            datetime(2016, 3, 10, 12, tzinfo=UTC),
            id="real",
            marks=pytest.mark.skipif(not REAL.exists(), reason=f"no {REAL}: the real export stays out of the repo"),
        ),
    ],
)
def test_what_is_simulated_on_the_export_is_what_is_then_really_sent(
    make_loop: Callable[..., Loop], path: Path, until: datetime, settings: dict[str, str]
) -> None:
    loop = make_loop(**settings)
    since = until - (30 * DAY if TORTURE or path is INVENTED else 4 * DAY)
    records = incidents(path, since, until)
    loop.take_many(records, until)
    before = simulated(simulate_all(loop, until, since))
    assert {verdict for verdict, _, _ in before.values()} >= {Verdict.ASK, Verdict.SKIP}
    loop.forget()
    after = really(loop, records, until)
    assert before == after
    assert simulated(simulate_all(loop, until, since)) == after  # what has really been asked changes nothing


def made_up(random: Random, people: int = 6) -> list[CaseRecord]:
    """Four weeks of a few people with many cases, some resolved again and again, some with another address."""
    records = []
    for ref in range(30):
        who = random.randrange(people)
        zone, country = PLACES[who % len(PLACES)]
        case = replace(
            ADA, ref=str(ref), customer_ref=f"c{who}", email=f"c{who // 2 * 2 if ref % 7 == 0 else who}@example.org",
            zone=zone, country=country, interactions=random.choice((None, 0, 1)), opened_at=None,
            resolved_by=random.choice((None, None, None, ResolvedBy.AUTOMATION)),
        )  # fmt: skip
        at = NOW - timedelta(minutes=random.randrange(28 * 24 * 60))
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            records.append(replace(case, resolved_at=at))
            at += timedelta(minutes=random.randrange(70, 6 * 24 * 60))
    return [record for record in records if record.resolved_at is not None and record.resolved_at <= NOW]


@pytest.mark.torture
@pytest.mark.parametrize("number", range(200 if TORTURE else 8))
def test_what_is_simulated_on_any_history_is_what_is_then_really_sent(
    make_loop: Callable[..., Loop], number: int
) -> None:
    random = Random(number)
    loop = make_loop(**SETTINGS[number % len(SETTINGS)])
    records = made_up(random)
    final = {record.customer_ref: record.email for record in sorted(records, key=lambda one: one.resolved_at or NOW)}
    records = [replace(record, email=final[record.customer_ref]) for record in records]
    after = really(loop, records, NOW)
    assert simulated(simulate_all(loop, NOW)) == after


def test_nothing_is_written(loop: Loop) -> None:
    loop.take(ADA, BRUNO, CHIOMA)
    before = list(loop.store._database.connection.iterdump())
    simulate_all(loop, NOW + 2 * DAY)
    assert list(loop.store._database.connection.iterdump()) == before


def test_only_the_time_counts_and_what_went_before_it_is_remembered(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    later = NOW + 3 * DAY
    loop.take(replace(ADA, ref="A-2", resolved_at=later), replace(BRUNO, resolved_at=later), now=later)
    simulation = simulate_all(loop, later + HOUR, NOW + 2 * DAY)
    assert simulated(simulation) == {
        ("A-2", 1): (Verdict.SKIP, Reason.ASKED_LATELY, None),
        ("B-2", 1): (Verdict.DEFER, Reason.WINDOW, NOW + 6 * DAY - 3 * HOUR),
    }


def test_an_opt_out_counts_from_when_it_came(loop: Loop) -> None:
    loop.take(ADA, BRUNO)
    hashes = {name: loop.keys.address_hashes(f"{name}@example.org")[0] for name in ("ada", "bruno")}
    with loop.store.write():
        loop.store.surveys.suppress(hashes["ada"], Suppression.OPTED_OUT, NOW + 2 * DAY)
        loop.store.surveys.suppress(hashes["bruno"], Suppression.OPTED_OUT, NOW + HOUR)
    assert simulated(simulate_all(loop, NOW + 3 * DAY)) == {
        ("A-1", 1): (Verdict.ASK, None, NOW + DAY),
        ("B-2", 1): (Verdict.SKIP, Reason.OPTED_OUT, None),
    }


def test_a_follow_up_counts_while_it_was_open(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(ask_again_after="off", window="off")
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, NOW + 25 * HOUR)
    loop.take(replace(ADA, ref="A-2", resolved_at=NOW + 20 * HOUR), now=NOW + 20 * HOUR)
    loop.take(replace(ADA, ref="A-3", resolved_at=NOW + HOUR / 2), now=NOW + HOUR)
    assert simulated(simulate_all(loop, NOW + 4 * DAY)) == {
        ("A-1", 1): (Verdict.ASK, None, NOW + DAY),
        ("A-2", 1): (Verdict.SKIP, Reason.FOLLOW_UP_OPEN, None),
        ("A-3", 1): (Verdict.ASK, None, NOW + DAY + HOUR / 2),
    }


def test_a_case_that_is_open_again_is_told_so_and_an_erased_one_is_not_told_at_all(loop: Loop) -> None:
    loop.take(ADA, BRUNO)
    loop.take(replace(ADA, status=CaseStatus.OPEN, resolved_at=None), now=NOW + HOUR)
    assert simulated(simulate_all(loop, NOW + 2 * DAY))["A-1", 1] == (Verdict.SKIP, Reason.REOPENED, None)


def test_the_days_run_from_the_first_to_the_last_on_which_something_is_due(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(zone="Europe/Berlin")
    loop.take(ADA, replace(BRUNO, resolved_at=NOW + 2 * DAY), now=NOW + 2 * DAY)
    simulation = simulate_all(loop, NOW + 3 * DAY - HOUR, NOW - HOUR)
    days = simulation.days(loop.config.zone)
    assert [(day.day.day, day.asked, day.due) for day in days] == [(3, 0, 0), (4, 1, 0), (5, 0, 0), (6, 0, 1)]
    assert isinstance(days[0], Day)
    assert simulation.verdicts() == {Verdict.ASK: 1, Verdict.DEFER: 1}
    assert simulation.reasons(Verdict.DEFER) == {Reason.DELAY: 1}

import csv
import json
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feedback.config import Config
from feedback.domain.cases import CaseStatus
from feedback.errors import FileError, StoreError
from feedback.loop.importing import BATCH
from feedback.loop.intake import ImportReport, import_cases
from feedback.loop.mapping import CaseMapping
from feedback.store.cases import Change
from tests.conftest import ADA, BRUNO, CHIOMA, DAY, NOW, ROOT, Loop

HOUR = timedelta(hours=1)
EXAMPLE = ROOT / "tests" / "data" / "cases.csv"
HEAD = "source,ref,status,email,agent,resolved_at,subject\n"
GOOD = "shop,1,resolved,ada@example.org,Mara,2026-03-03T10:00:00Z,Printer\n"

Take = Callable[..., ImportReport]


@pytest.fixture
def take(loop: Loop, config: Config, tmp_path: Path) -> Take:
    """Import a file, or text that becomes one."""

    def import_it(content: str | bytes | Path, mapping: dict[str, Any] | None = None, **more: Any) -> ImportReport:
        path = content if isinstance(content, Path) else tmp_path / "export.csv"
        if not isinstance(content, Path):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        chosen = CaseMapping.model_validate(mapping) if mapping else None
        options = {"now": NOW, "refused_folder": config.data_dir / "refused", **more}
        now = options.pop("now")
        return import_cases(loop.store, loop.asking, config, path, chosen, now, **options)

    return import_it


def dump(loop: Loop) -> list[str]:
    return list(loop.store._database.connection.iterdump())


def refused_rows(report: ImportReport) -> list[dict[str, str]]:
    assert report.refused_file is not None
    with report.refused_file.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def refs(loop: Loop) -> list[str]:
    return [row["ref"] for row in loop.rows("SELECT ref FROM cases ORDER BY ref")]


# A file goes in


def test_a_file_in_our_own_column_names_needs_no_mapping(loop: Loop, take: Take) -> None:
    report = take(EXAMPLE)
    assert report.changes == {Change.CREATED: 6}
    assert (report.encoding, report.delimiter, report.ignored_columns) == ("utf-8", ",", [])
    assert (report.resolutions, report.refused_count, report.refused_file) == (4, 0, None)
    assert {reason.value: n for reason, n in report.decisions.items()} == {
        "delay": 1,
        "window": 1,
        "no_address": 1,
        "too_old": 1,
    }
    assert loop.counts() == {"cases": 6, "resolutions": 4, "surveys": 2}
    (edda,) = loop.rows("SELECT * FROM cases WHERE ref = '1006'")
    assert edda["subject"] == "She asked: where is my order?"
    assert (edda["opened_at"], edda["interactions"]) == ("2026-02-01T08:00:00Z", 3)
    (ada,) = loop.rows("SELECT tags, email, customer_since FROM cases JOIN customers c ON c.id = customer_id"
                       " WHERE c.ref = 'ada'")  # fmt: skip
    assert ada == {"tags": "jam,paper", "email": "ada@example.org", "customer_since": "2024-01-15"}


def test_columns_that_nothing_reads_are_told(take: Take) -> None:
    report = take("source,mood,ref,status,weather\nshop,good,1,open,fair\n")
    assert report.ignored_columns == ["mood", "weather"]


@pytest.mark.parametrize("later", [NOW, NOW + 2 * HOUR])
def test_the_same_file_twice_changes_nothing(loop: Loop, take: Take, later: Any) -> None:
    take(EXAMPLE)
    before = dump(loop)
    report = take(EXAMPLE, now=later)
    assert report.changes == {Change.UNCHANGED: 6}
    assert (report.resolutions, report.decisions) == (0, {})
    assert dump(loop) == before


def test_the_same_file_twice_changes_nothing_when_it_tells_a_case_more_than_once(loop: Loop, take: Take) -> None:
    history = (
        "source,ref,status,email,resolved_at\n"
        "shop,1,open,ada@example.org,\n"
        "shop,1,resolved,ada@example.org,2026-03-03T10:00:00Z\n"
    )
    take(history)
    before = dump(loop)
    report = take(history)
    assert report.resolutions == 0
    assert dump(loop) == before


def test_progress_ends_at_the_size_of_the_file(take: Take) -> None:
    heard: list[tuple[int, int, int]] = []
    content = HEAD + "".join(GOOD.replace(",1,", f",{n},", 1) for n in range(1_001))
    take(content, progress=lambda *told: heard.append(told))
    assert [rows for _, _, rows in heard] == [500, 1_000, 1_001]
    assert heard[-1][:2] == (len(content), len(content))
    assert all(position <= size for position, size, _ in heard)


# What is refused


def test_refused_rows_stand_in_a_file_with_what_was_given_and_expected(loop: Loop, take: Take, config: Config) -> None:
    report = take(HEAD + GOOD + "shop,2,done,b@example.org,,,\n\nshop,,open,,,,\nshop,4,open,,,,\n")
    assert refs(loop) == ["1", "4"]
    assert report.refused_count == 2
    assert report.refused_file is not None
    assert report.refused_file.parent == config.data_dir / "refused"
    assert report.refused_file.stat().st_mode & 0o777 == 0o600
    assert report.refused_file.parent.stat().st_mode & 0o777 == 0o700
    first, second = refused_rows(report)
    assert list(first) == ["line", "field", "given", "expected", "row"]
    assert (first["line"], first["field"], first["given"]) == ("3", "status", "done")
    assert "one of open, resolved, merged, spam" in first["expected"]
    assert json.loads(first["row"])["email"] == "b@example.org"
    assert (second["line"], second["field"], second["given"]) == ("5", "ref", "nothing")


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/c calc'!A1"])
def test_a_refused_cell_never_reaches_a_spreadsheet_as_a_formula(take: Take, start: str) -> None:
    report = take(HEAD + f"shop,1,{start},,,,\n{start}\n")
    for row in refused_rows(report):
        for cell in row.values():
            assert cell[:1] not in {"=", "+", "-", "@"}
    assert [row["given"] for row in refused_rows(report)] == [f"'{start}", "1 fields"]
    assert refused_rows(report)[1]["row"] == f"'{start}"


def test_every_refused_row_is_in_the_file_and_the_report_shows_the_first(take: Take) -> None:
    report = take(HEAD + "shop,1,done,,,,\n" * 1_200)
    assert len(refused_rows(report)) == report.refused_count == 1_200
    assert [row.line for row in report.refused] == list(range(2, 12))


def test_a_second_import_does_not_write_over_the_refused_rows_of_the_first(take: Take) -> None:
    reports = [take(HEAD + "shop,1,done,,,,\n") for _ in range(2)]
    assert len({report.refused_file for report in reports}) == 2
    assert [len(refused_rows(report)) for report in reports] == [1, 1]


def test_a_trial_counts_what_it_refuses_and_writes_no_file(take: Take, config: Config) -> None:
    report = take(HEAD + "shop,1,done,,,,\n", refused_folder=None)
    assert (report.refused_count, len(report.refused), report.refused_file) == (1, 1, None)
    assert not (config.data_dir / "refused").exists()


@pytest.mark.parametrize(
    ("row", "field", "given", "expected"),
    [
        ("shop,2,resolved,,,2026-02-31T10:00:00Z,", "resolved_at", "2026-02-31T10:00:00Z", "a time that exists"),
        ("shop,2,resolved,,,31-02-2026 10:00,", "resolved_at", "31-02-2026 10:00", "day_first in the mapping file"),
        ("shop,2,resolved,,,2026-03-04T12:00:01Z,", "resolved_at", "2026-03-04T12:00:01Z", "not more than a day after"),
        ("shop,2,resolved,,,soon,", "resolved_at", "soon", "a time that exists"),
        ("shop,2,fixed,,,,", "status", "fixed", "one of open, resolved, merged, spam"),
        (",2,open,,,,", "source", "nothing", "a case is known by source and ref"),
        ("shop, ,open,,,,", "ref", " ", "a case is known by source and ref"),
        ("shop,2", "row", "2 fields", "7 whole fields"),
        ('shop,2,open,,,,"never closed', "row", 'shop,2,open,,,,"never closed', "a closing quote"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_and_the_rest_goes_in(
    loop: Loop, take: Take, row: str, field: str, given: str, expected: str
) -> None:
    report = take(HEAD + GOOD + row + "\n" + GOOD.replace(",1,", ",3,", 1))
    assert refs(loop) == ["1", "3"]
    (told,) = refused_rows(report)
    assert (told["line"], told["field"], told["given"]) == ("3", field, given)
    assert expected in told["expected"]


@pytest.mark.parametrize("day_first", [True, False])
def test_a_31_february_is_refused_as_the_file_says_it(take: Take, day_first: bool) -> None:
    given = "31-02-2026 10:00" if day_first else "02-31-2026 10:00"
    fields = {"source": {"constant": "x"}, "ref": "n", "status": {"constant": "resolved"}, "resolved_at": "when"}
    report = take(f"n,when\n1,{given}\n", {"file": {"day_first": day_first}, "fields": fields})
    (told,) = refused_rows(report)
    assert (told["line"], told["field"], told["given"]) == ("2", "resolved_at", given)


def test_times_without_a_zone_are_read_in_the_businesss_when_the_mapping_names_none(
    make_config: Callable[..., Config], loop: Loop, tmp_path: Path
) -> None:
    path = tmp_path / "export.csv"
    path.write_text("n,when,then\n1,03-03-2026 10:00,2026-03-03 09:00\n")
    fields = {"source": {"constant": "x"}, "ref": "n", "status": {"constant": "resolved"}}
    mapping = CaseMapping.model_validate(
        {"file": {"day_first": True}, "fields": {**fields, "resolved_at": "when", "opened_at": "then"}}
    )
    config = make_config(zone="Europe/Berlin")
    import_cases(loop.store, loop.asking, config, path, mapping, NOW, refused_folder=None)
    assert loop.rows("SELECT opened_at, resolved_at FROM cases") == [
        {"opened_at": "2026-03-03T08:00:00Z", "resolved_at": "2026-03-03T09:00:00Z"}
    ]


def test_a_resolution_up_to_a_day_ahead_is_taken_for_a_clock_that_differs(loop: Loop, take: Take) -> None:
    take(HEAD + "shop,1,resolved,ada@example.org,,2026-03-04T12:00:00Z,\n")
    assert loop.rows("SELECT due_at FROM surveys") == [{"due_at": "2026-03-05T12:00:00Z"}]


def test_a_customer_without_an_address_is_taken_in_and_not_asked(loop: Loop, take: Take) -> None:
    report = take(HEAD + "shop,1,resolved,,Mara,2026-03-03T10:00:00Z,\n")
    assert report.changes == {Change.CREATED: 1}
    assert [reason.value for reason in report.decisions] == ["no_address"]
    assert loop.counts() == {"cases": 1, "resolutions": 1, "surveys": 0}


def test_a_latin_1_file_keeps_its_letters(loop: Loop, take: Take) -> None:
    report = take((HEAD + "shop,1,open,,Jürgen Çelik,,Größe\n").encode("latin-1"))
    assert report.encoding == "cp1252"
    assert loop.rows("SELECT agent, subject FROM cases") == [{"agent": "Jürgen Çelik", "subject": "Größe"}]


def test_a_file_without_the_reference_column_is_refused_whole_with_the_columns_it_has(loop: Loop, take: Take) -> None:
    with pytest.raises(FileError, match=r"has no column 'ref'. It has: source, status.") as raised:
        take("source,status\nshop,open\n")
    assert "--map" in str(raised.value)
    assert loop.counts()["cases"] == 0


def test_a_mapping_that_names_a_missing_column_is_refused_before_anything_goes_in(loop: Loop, take: Take) -> None:
    fields = {"source": {"constant": "x"}, "ref": "number", "status": {"constant": "open"}}
    with pytest.raises(FileError, match="has no column 'number', which ref is read from"):
        take(HEAD + GOOD, {"fields": fields})
    assert loop.counts()["cases"] == 0


@pytest.mark.parametrize(
    "end",
    [b"shop,2,open", b"shop,2,op\xc3", b'shop,2,open,,,,"Prin', b"shop,2,open,,,,Pap\xc3"],
    ids=["within the row", "within a character", "within quotes", "within the last character"],
)
def test_a_half_written_last_line_is_refused_and_the_rest_goes_in(loop: Loop, take: Take, end: bytes) -> None:
    report = take((HEAD + GOOD.replace("Printer", "Größe")).encode() + end)
    assert refs(loop) == ["1"]
    assert loop.rows("SELECT subject FROM cases") == [{"subject": "Größe"}]
    (told,) = refused_rows(report)
    assert told["line"] == "3"


def test_a_field_of_30_mb_costs_its_row_and_little_room(loop: Loop, take: Take) -> None:
    report = take(HEAD + f'shop,2,open,,,,"{"x" * 30_000_000}"\n' + GOOD)
    assert refs(loop) == ["1"]
    (told,) = refused_rows(report)
    assert (told["line"], told["field"]) == ("2", "subject")
    assert "30,000,000 characters" in told["given"]
    assert report.refused_file is not None
    assert report.refused_file.stat().st_size < 10_000


def test_a_folder_for_refused_rows_that_cannot_be_written_stops_the_import_with_words(
    take: Take, config: Config
) -> None:
    (config.data_dir / "refused").write_text("in the way")
    with pytest.raises(FileError, match=r"Refused rows cannot be written to .*refused: File exists") as raised:
        take(HEAD + "shop,1,done,,,,\n")
    assert "line 2" in str(raised.value)


def test_a_folder_without_the_right_to_write_stops_the_import_with_words(take: Take, tmp_path: Path) -> None:
    folder = tmp_path / "refused"
    folder.mkdir(mode=0o555)
    as_root = os.geteuid() == 0
    if as_root:
        for parent in tmp_path.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        tmp_path.chmod(0o755)
        (tmp_path / "export.csv").touch(0o666)
        (tmp_path / "export.csv").chmod(0o666)
        os.seteuid(65534)
    try:
        with pytest.raises(FileError, match="Permission denied"):
            take(HEAD + "shop,1,done,,,,\n", refused_folder=folder)
    finally:
        if as_root:
            os.seteuid(0)


def test_an_import_stops_at_a_row_that_cannot_be_noted(loop: Loop, take: Take, config: Config) -> None:
    (config.data_dir / "refused").write_text("in the way")
    with pytest.raises(FileError, match=r"stopped at line 3; some rows before it are in"):
        take(HEAD + GOOD + "shop,2,done,,,,\n" + GOOD.replace(",1,", ",3,", 1))
    assert set(refs(loop)) <= {"1"}


# What is known of a case


def test_known_values_are_kept_when_a_later_row_says_nothing(loop: Loop) -> None:
    loop.take(ADA)
    before = loop.rows("SELECT * FROM cases JOIN customers c ON c.id = customer_id")
    silent = dict.fromkeys(("email", "name", "customer_since", "subject", "channel", "topic", "team"))
    quiet = replace(ADA, **silent, agent=None, opened_at=None, resolved_at=None, interactions=None)  # type: ignore[arg-type]  # all may be unknown
    assert loop.take(quiet)[0].change is Change.UNCHANGED
    assert loop.rows("SELECT * FROM cases JOIN customers c ON c.id = customer_id") == before


def test_a_later_row_replaces_what_it_knows_better(loop: Loop) -> None:
    loop.take(ADA)
    assert loop.take(replace(ADA, subject="Printer on fire", name="Ada L."))[0].change is Change.UPDATED
    assert loop.rows("SELECT subject, name FROM cases JOIN customers c ON c.id = customer_id") == [
        {"subject": "Printer on fire", "name": "Ada L."}
    ]


def test_cases_are_known_by_source_and_reference_together(loop: Loop) -> None:
    loop.take(ADA, replace(ADA, source="desk"), ADA)
    assert loop.counts()["cases"] == 2
    assert len(loop.rows("SELECT id FROM customers")) == 2


def test_customers_without_a_reference_are_known_by_their_address_however_written(loop: Loop) -> None:
    loop.take(replace(ADA, customer_ref=None), replace(BRUNO, customer_ref=None, email=" ada@EXAMPLE.org"))
    assert [row["ref"] for row in loop.rows("SELECT ref FROM customers")] == ["ada@example.org"]


def test_a_second_row_of_a_case_is_refused_with_the_way_to_read_a_log(loop: Loop, take: Take) -> None:
    report = take("source,ref,status,agent\nshop,1,resolved,Mara\nshop,1,open,Nils\ndesk,1,open,Nils\n")
    assert loop.rows("SELECT source, status FROM cases ORDER BY source") == [
        {"source": "desk", "status": "open"},
        {"source": "shop", "status": "resolved"},
    ]
    assert [(row.line, row.error.field) for row in report.refused] == [(3, "ref")]
    assert 'one_row_per = "update"' in report.refused[0].error.expected


# Resolutions and their snapshots


def snapshots(loop: Loop) -> list[dict[str, Any]]:
    return loop.rows("SELECT n, resolved_at, agent, team, topic, channel, interactions FROM resolutions ORDER BY n")


def test_a_snapshot_is_frozen_at_the_resolution(loop: Loop) -> None:
    loop.take(ADA)
    before = snapshots(loop)
    loop.take(replace(ADA, agent="Nils", team="Software", topic="fonts", channel="phone", interactions=9))
    assert snapshots(loop) == before
    assert loop.rows("SELECT agent, team FROM cases") == [{"agent": "Nils", "team": "Software"}]


def test_what_a_snapshot_did_not_know_is_completed_until_the_mail_is_handed_over(loop: Loop) -> None:
    unknown = replace(ADA, agent=None, team=None, interactions=None)
    loop.take(unknown)
    loop.take(replace(unknown, agent="Mara"))
    assert [row["agent"] for row in snapshots(loop)] == ["Mara"]
    loop.ask()
    loop.take(replace(unknown, team="Hardware"), now=NOW + DAY)
    assert [row["team"] for row in snapshots(loop)] == ["Hardware"]
    loop.send()
    loop.take(replace(unknown, interactions=3), now=NOW + DAY)
    assert [(row["agent"], row["team"], row["interactions"]) for row in snapshots(loop)] == [("Mara", "Hardware", None)]
    assert loop.rows("SELECT interactions FROM cases") == [{"interactions": 3}]


@pytest.mark.parametrize(
    ("reopened", "moved", "resolutions"),
    [
        (False, timedelta(0), 1),
        (False, timedelta(minutes=59), 1),
        (False, HOUR, 1),
        (False, HOUR + timedelta(seconds=1), 2),
        (False, -3 * HOUR, 1),
        (True, timedelta(minutes=5), 2),
        (True, 3 * HOUR, 2),
    ],
)
def test_a_new_resolution_comes_after_a_reopening_or_more_than_an_hour_later(
    loop: Loop, reopened: bool, moved: timedelta, resolutions: int
) -> None:
    loop.take(ADA)
    if reopened:
        loop.take(replace(ADA, status=CaseStatus.OPEN))
    (taken,) = loop.take(replace(ADA, resolved_at=NOW + moved, agent="Nils"))
    assert taken.resolution is (resolutions == 2)
    assert [row["agent"] for row in snapshots(loop)] == ["Mara", "Nils"][:resolutions]


def test_a_resolution_that_moves_in_small_steps_is_new_once_it_is_an_hour_from_the_last(loop: Loop) -> None:
    new = [loop.take(replace(ADA, resolved_at=NOW + timedelta(minutes=40 * step)))[0].resolution for step in range(4)]
    assert new == [True, False, True, False]


@pytest.mark.parametrize(
    "record",
    [
        replace(ADA, resolved_at=None),
        replace(ADA, status=CaseStatus.OPEN),
        replace(ADA, status=CaseStatus.SPAM),
        replace(ADA, status=CaseStatus.MERGED),
    ],
    ids=["no resolved_at", "open", "spam", "merged"],
)
def test_a_case_that_is_not_resolved_at_a_known_time_has_no_resolution(loop: Loop, record: Any) -> None:
    loop.take(record)
    assert loop.counts() == {"cases": 1, "resolutions": 0, "surveys": 0}


def test_a_case_first_seen_open_gets_its_resolution_when_it_is_told(loop: Loop) -> None:
    loop.take(replace(ADA, status=CaseStatus.OPEN, resolved_at=None))
    (taken,) = loop.take(ADA)
    assert (taken.change, taken.resolution) == (Change.UPDATED, True)
    assert [row["n"] for row in snapshots(loop)] == [1]


def test_results_come_in_the_order_of_the_records(loop: Loop) -> None:
    loop.take(ADA)
    taken = loop.take(BRUNO, ADA, replace(ADA, subject="Other"), CHIOMA)
    assert [one.change.value for one in taken] == ["created", "unchanged", "updated", "created"]


def test_two_threads_that_import_one_file_at_once_make_one_case_and_one_survey_each(
    loop: Loop, take: Take, tmp_path: Path
) -> None:
    content = HEAD + "".join(GOOD.replace(",1,", f",{n},", 1).replace("ada@", f"ada{n}@") for n in range(1_200))
    path = tmp_path / "both.csv"
    path.write_text(content)
    gate = threading.Barrier(2)

    def import_it(_: int) -> ImportReport:
        gate.wait()
        return take(path)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(import_it, range(2)))
    assert loop.counts() == {"cases": 1_200, "resolutions": 1_200, "surveys": 1_200}
    assert sum(report.resolutions for report in reports) == 1_200
    assert sum(report.changes[Change.CREATED] for report in reports) == 1_200
    assert sum(report.changes[Change.UNCHANGED] for report in reports) == 1_200
    assert len(loop.rows("SELECT resolution_id FROM decisions")) == 1_200


def test_two_imports_that_refuse_rows_at_once_keep_them_apart(take: Take, config: Config, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(HEAD + "shop,1,done,,,,\n" * 50)
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: take(path), range(4)))
    assert len({report.refused_file for report in reports}) == 4
    assert [len(refused_rows(report)) for report in reports] == [50] * 4


def test_the_name_of_a_refused_file_tells_the_file_and_the_moment(take: Take) -> None:
    report = take(HEAD + "shop,1,done,,,,\n")
    assert report.refused_file is not None
    assert re.fullmatch(r"export-20260303T120000Z\.csv", report.refused_file.name)


# JSON


@pytest.mark.parametrize("form", ["list", "cases", "lines"])
def test_cases_come_in_as_json_too(loop: Loop, take: Take, form: str) -> None:
    cases: list[dict[str, Any]] = [
        {"source": "shop", "ref": 1, "status": "resolved", "email": "ada@example.org", "tags": ["b", "a"],
         "resolved_at": "2026-03-03T10:00:00Z", "interactions": 2},
        {"source": "shop", "ref": "2", "status": "gone"},
        {"source": "shop", "ref": "3", "status": "open", "interactions": 1.5},
    ]  # fmt: skip
    content = {
        "list": json.dumps(cases),
        "cases": json.dumps({"cases": cases}, indent=1),
        "lines": "\n".join(map(json.dumps, cases)),
    }[form]
    report = take(content)
    assert loop.rows("SELECT ref, tags, interactions FROM cases") == [{"ref": "1", "tags": "a,b", "interactions": 2}]
    assert [(row["line"], row["field"], row["given"]) for row in refused_rows(report)] == [
        ("2", "status", "gone"),
        ("3", "interactions", "1.5"),
    ]


def test_a_disk_that_fills_up_stops_an_import_between_batches_and_the_file_can_be_imported_again(
    loop: Loop, take: Take
) -> None:
    content = HEAD + "".join(GOOD.replace(",1,", f",{n},", 1) for n in range(2_000))
    connection = loop.store._database.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 170}")  # room for the first batch, and not for all
    with pytest.raises(StoreError, match="The disk is full"):
        take(content)
    counts = loop.counts()
    assert counts["cases"] in (BATCH, 2 * BATCH, 3 * BATCH)
    assert counts["cases"] == counts["resolutions"]
    connection.execute("PRAGMA max_page_count = 1000000")
    report = take(content)
    assert report.changes == {Change.UNCHANGED: counts["cases"], Change.CREATED: 2_000 - counts["cases"]}


def test_what_a_setting_had_kept_out_is_decided_anew_by_the_same_file_and_told(
    loop: Loop, make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(
        "source,ref,status,email,country,resolved_at\nshop,1,resolved,ada@example.org,DE,2026-03-03T10:00:00Z\n"
    )

    def take(loop: Loop) -> dict[str, int]:
        report = import_cases(loop.store, loop.asking, loop.config, path, None, NOW, refused_folder=tmp_path)
        return {reason.value: n for reason, n in report.decisions.items()}

    assert take(loop) == {"no_basis": 1}
    assert take(loop) == {}
    named = make_loop(basis="DE:consent")
    assert take(named) == {"delay": 1}
    assert take(named) == {}

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.errors import FieldError, FileError
from feedback.loop.mapping import CaseMapping, PurchaseMapping, Raw, load_mapping, slug
from feedback.setting_types import is_email
from feedback.store.files import BadRow, Row
from tests.conftest import ROOT

NEEDED = {"source": {"constant": "desk"}, "ref": "number", "status": {"constant": "resolved"}}
ROW = {"number": "1"}


def mapped(fields: Mapping[str, Any], *rows: Mapping[str, object], **file: object) -> list[Raw | BadRow]:
    mapping = CaseMapping.model_validate({"file": file, "fields": {**NEEDED, **fields}})
    return list(mapping.records(Row(line, {**ROW, **row}) for line, row in enumerate(rows or ({},), 2)))


def value(field: str, source: object, row: Mapping[str, object], **file: object) -> object:
    """What a field becomes; for a refused row, what was expected."""
    (record,) = mapped({field: source}, row, **file)
    return record.values[field] if isinstance(record, Raw) else f"refused: {record.error.expected}"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("field", "source", "row", "expected"),
    [
        ("subject", "What", {"What": "Toner"}, "Toner"),
        ("subject", {"column": "What"}, {"What": "Toner"}, "Toner"),
        ("subject", "What", {"What": "  Toner "}, "Toner"),
        ("subject", "What", {"What": ""}, None),
        ("subject", "What", {"What": "   "}, None),
        ("subject", "What", {}, None),
        ("subject", "What", {"What": None}, None),
        ("team", {"constant": "Desk"}, {"team": "other"}, "Desk"),
        ("tags", "tags", {"tags": ["a", "b"]}, ["a", "b"]),
        ("interactions", "n", {"n": 0}, 0),
    ],
)
def test_a_field_comes_from_a_column_or_a_constant(
    field: str, source: object, row: Mapping[str, object], expected: object
) -> None:
    assert value(field, source, row) == expected


STATES = {"Closed": "resolved", "Awaiting user": "open"}


@pytest.mark.parametrize(
    ("word", "otherwise", "expected"),
    [
        ("Closed", None, "resolved"),
        ("CLOSED", None, "resolved"),
        (" closed ", None, "resolved"),
        ("awaiting   USER", None, "open"),
        ("New", "open", "open"),
        ("", "open", "open"),
        ("?", "open", "open"),
        ("", None, None),
        ("New", None, "refused: one of Closed, Awaiting user; add it to values, or set otherwise"),
    ],
)
def test_words_are_translated(word: str, otherwise: str | None, expected: object) -> None:
    source = {"column": "state", "values": STATES, "otherwise": otherwise}
    assert value("status", source, {"state": word}, unknown=["?"]) == expected


def test_words_are_translated_whatever_their_type_in_json() -> None:
    source = {"column": "state", "values": {"6": "resolved"}}
    assert value("status", source, {"state": 6}) == "resolved"


def test_a_word_nobody_knows_is_refused_with_its_field_and_what_was_given() -> None:
    (record,) = mapped({"status": {"column": "state", "values": STATES}}, {"state": "Gone"})
    assert isinstance(record, BadRow)
    assert (record.line, record.error.field, record.error.given) == (2, "status", "Gone")


@pytest.mark.parametrize("day_first", [True, False, None])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2016-02-29T01:16:00Z", "2016-02-29T01:16:00+00:00"),
        ("2016-02-29T01:16:00+02:00", "2016-02-28T23:16:00+00:00"),
        ("2016-02-29 01:16", "2016-02-29T01:16:00+00:00"),
        ("2016/2/9 1:16:30", "2016-02-09T01:16:30+00:00"),
    ],
)
def test_a_date_that_begins_with_its_year_needs_no_word_on_the_order(
    given: str, expected: str, day_first: bool | None
) -> None:
    read = value("opened_at", "when", {"when": given}, day_first=day_first, zone="UTC")
    read = at(read) if isinstance(read, str) else read
    assert isinstance(read, datetime)
    assert read.astimezone(UTC).isoformat() == expected


@pytest.mark.parametrize(
    ("given", "day_first", "expected"),
    [
        ("03-04-2025 10:20", True, "2025-04-03T10:20:00+00:00"),
        ("03-04-2025 10:20", False, "2025-03-04T10:20:00+00:00"),
        ("3.4.2025 9:05", True, "2025-04-03T09:05:00+00:00"),
        ("3/4/2025 09:05:59", False, "2025-03-04T09:05:59+00:00"),
        ("3/4/25 9:05 PM", False, "2025-03-04T21:05:00+00:00"),
        ("3/4/25 12:00 am", False, "2025-03-04T00:00:00+00:00"),
        ("3/4/25 12:30PM", False, "2025-03-04T12:30:00+00:00"),
        ("03/04/2025, 09:05", True, "2025-04-03T09:05:00+00:00"),
        ("03-04-2025T09:05", True, "2025-04-03T09:05:00+00:00"),
        ("03-04-2025  09:05", True, "2025-04-03T09:05:00+00:00"),
        ("03-04-2025 09:05:59.123", True, "2025-04-03T09:05:59+00:00"),
        ("29-02-2024", True, "2024-02-29T00:00:00+00:00"),
    ],
)
def test_dates_are_read_in_the_order_that_the_mapping_tells(given: str, day_first: bool, expected: str) -> None:
    read = value("opened_at", "when", {"when": given}, day_first=day_first, zone="UTC")
    assert isinstance(read, datetime)
    assert read.isoformat() == expected


@pytest.mark.parametrize(
    ("given", "day_first", "words"),
    [
        ("03-04-2025 10:20", None, "day_first in the mapping file"),
        ("25-04-2025 10:20", None, "day_first in the mapping file"),
        ("31-02-2025 10:20", True, "a date that exists, read day first"),
        ("02-31-2025 10:20", False, "a date that exists, read month first"),
        ("13-14-2025 10:20", True, "a date that exists, read day first"),
        ("2025-02-31 10:20", True, "a date that exists, read year first"),
        ("03-04-2025 25:20", True, "a date that exists"),
        ("03-04-2025 13:20 PM", True, "an hour from 1 to 12"),
        ("03-04-2025 0:20 AM", True, "an hour from 1 to 12"),
        ("0" * 101, True, "a date"),
    ],
)
def test_a_date_that_cannot_be_read_is_refused(given: str, day_first: bool | None, words: str) -> None:
    (record,) = mapped({"opened_at": "when"}, {"when": given}, day_first=day_first, zone="UTC")
    assert isinstance(record, BadRow)
    assert record.error.field == "opened_at"
    assert words in record.error.expected
    assert given.startswith(record.error.given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Mar 4, 2025 9.05", at("2025-03-04T09:05:00Z")),
        ("04|03|2025", at("2025-03-04T00:00:00Z")),
        ("today", "refused: a date that exists, written like %b %d, %Y %H.%M or %d|%m|%Y"),
        ("31|02|2025", "refused: a date that exists, written like %b %d, %Y %H.%M or %d|%m|%Y"),
    ],
)
def test_date_formats_are_tried_in_order(given: str, expected: object) -> None:
    formats = ["%b %d, %Y %H.%M", "%d|%m|%Y"]
    assert value("opened_at", "when", {"when": given}, dates=formats, zone="UTC") == expected


def test_a_format_goes_before_the_order_of_days() -> None:
    read = value("opened_at", "when", {"when": "03-04-2025"}, dates=["%m-%d-%Y"], day_first=True, zone="UTC")
    assert read == at("2025-03-04T00:00:00+00:00")


def test_a_format_with_an_offset_goes_before_the_zone() -> None:
    source = {"when": "04 Mar 2025 09:05 +0200"}
    assert value("opened_at", "when", source, dates=["%d %b %Y %H:%M %z"], zone="Asia/Tokyo") == at(
        "2025-03-04T07:05:00+00:00"
    )


@pytest.mark.parametrize(
    ("zone", "given", "expected"),
    [
        ("UTC", "29-02-2016 01:16", "2016-02-29T01:16:00+00:00"),
        ("Europe/Berlin", "29-02-2016 01:16", "2016-02-29T00:16:00+00:00"),
        ("Europe/Berlin", "29-07-2016 01:16", "2016-07-28T23:16:00+00:00"),
        ("Asia/Kolkata", "29-07-2016 01:16", "2016-07-28T19:46:00+00:00"),
        ("Europe/Berlin", "31-03-2024 02:30", "2024-03-31T01:30:00+00:00"),  # an hour that the clocks skip
        ("Europe/Berlin", "27-10-2024 02:30", "2024-10-27T00:30:00+00:00"),  # an hour that they show twice: the first
    ],
)
def test_times_without_a_zone_are_read_in_the_mapping_files(zone: str, given: str, expected: str) -> None:
    assert value("opened_at", "when", {"when": given}, day_first=True, zone=zone) == at(expected)


def test_a_day_has_no_zone() -> None:
    read = value("customer_since", "since", {"since": "01.02.2020"}, day_first=True, zone="Pacific/Auckland")
    assert isinstance(read, datetime)
    assert (read.isoformat(), read.tzinfo) == ("2020-02-01T00:00:00", None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("?", None), (" ? ", None), ("n/a", None), ("N/A", "N/A"), ("??", "??"), ("", None)],
)
def test_values_that_mean_unknown_are_unknown(given: str, expected: str | None) -> None:
    assert value("team", "group", {"group": given}, unknown=["?", "n/a"]) == expected


@pytest.mark.parametrize(
    ("template", "row", "expected"),
    [
        ("{who|slug}@example.com", {"who": "Caller 12"}, "caller-12@example.com"),
        ("{who|slug}@example.com", {"who": "Caller  12"}, "caller-12@example.com"),
        ("{who|slug}@example.com", {"who": " Žofie Müller-Łoś\t"}, "zofie-muller-os@example.com"),
        ("{who|slug}@example.com", {"who": "?"}, None),
        ("{who|slug}@example.com", {"who": ""}, None),
        ("{who|slug}@example.com", {}, None),
        ("{who|slug}@example.com", {"who": "日本"}, None),
        ("{who|slug}@example.com", {"who": "--"}, None),
        ("{who}@example.com", {"who": "O'Neil"}, "O'Neil@example.com"),
        ("{who|slug}.{where|slug}@example.com", {"who": "A B", "where": "C"}, "a-b.c@example.com"),
        ("{who|slug}.{where|slug}@example.com", {"who": "A B", "where": "?"}, None),
        ("{who} and {who|slug}", {"who": "{where}", "where": "X"}, "{where} and where"),
    ],
)
def test_templates_are_filled_or_unknown(template: str, row: Mapping[str, object], expected: str | None) -> None:
    assert value("email", {"template": template}, row, unknown=["?"]) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_slug_is_fit_for_an_address_whatever_it_is_made_of(text: str) -> None:
    made = slug(text)
    assert made == slug(made)
    assert not made or is_email(f"{made[:64].strip('-')}@example.com")


UPDATES: list[Mapping[str, object]] = [
    {"number": "1", "agent": "Mara", "opened": "1"},
    {"number": "2", "agent": "Nils", "opened": "2"},
    {"number": "1", "agent": "?", "opened": "3"},
    {"number": " 1 ", "agent": "Olga", "opened": "?"},
]


def test_an_audit_log_gives_one_record_a_reference_from_its_first_or_last_row() -> None:
    fields = {"agent": "agent", "subject": {"column": "opened", "row": "first"}}
    records = mapped(fields, *UPDATES, one_row_per="update", unknown=["?"])
    found = [
        (r.row.line, r.values["ref"], r.values["agent"], r.values["subject"]) for r in records if isinstance(r, Raw)
    ]
    assert found == [(5, "1", "Olga", "1"), (3, "2", "Nils", "2")]


def test_an_unknown_value_in_the_last_row_is_not_looked_up_in_an_earlier_one() -> None:
    records = mapped({"agent": "agent"}, *UPDATES[:3], one_row_per="update", unknown=["?"])
    assert [record.values["agent"] for record in records if isinstance(record, Raw)] == [None, "Nils"]


def test_a_file_with_a_row_a_case_gives_a_record_a_row() -> None:
    records = mapped({"agent": "agent"}, *UPDATES)
    assert [record.row.line for record in records if isinstance(record, Raw)] == [2, 3, 4, 5]


def test_an_update_without_a_reference_is_refused_and_the_others_count() -> None:
    rows: list[Mapping[str, object]] = [{"number": "?"}, {"number": "2"}]
    refused, kept = mapped({}, *rows, one_row_per="update", unknown=["?"])
    assert isinstance(refused, BadRow)
    assert (refused.line, refused.error.field) == (2, "ref")
    assert isinstance(kept, Raw)
    assert (kept.row.line, kept.values["ref"]) == (3, "2")


def test_a_row_that_could_not_be_read_passes_through_in_an_audit_log_too() -> None:
    mapping = CaseMapping.model_validate({"file": {"one_row_per": "update"}, "fields": NEEDED})
    bad = BadRow(3, "2", FieldError("row", "1 fields", "2 fields"))
    values: dict[str, object] = {"source": "desk", "ref": "1", "status": "resolved"}
    assert list(mapping.records([Row(2, {**ROW}), bad])) == [bad, Raw(values, Row(2, {**ROW}))]


WHOLE = """
[fields]
source = { constant = "desk" }
ref = "number"
status = { constant = "resolved" }
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str | bytes], CaseMapping]:
    def from_text(content: str | bytes) -> CaseMapping:
        path = tmp_path / "map.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_mapping(path, CaseMapping)

    return from_text


def test_a_mapping_file_is_read(load: Callable[[str], CaseMapping]) -> None:
    mapping = load('[file]\nunknown = ["?"]\nday_first = true\nzone = "Europe/Berlin"\n' + WHOLE)
    assert mapping.file.zone is not None
    assert (mapping.file.unknown, mapping.file.day_first, mapping.file.zone.key) == (("?",), True, "Europe/Berlin")
    assert mapping.fields["ref"].columns == ["number"]


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        ("[fields", "map.toml", "is not TOML"),
        (b"\xff\xfe", "map.toml", "is not TOML"),
        ("", "fields", "field required"),
        ("[fields]\n", "the file", "a line for each of source, ref and status; source, ref, status is missing"),
        (WHOLE.replace('ref = "number"', ""), "the file", "ref is missing"),
        (WHOLE + 'emial = "mail"', "fields", "there is no emial"),
        (WHOLE + "[files]\n", "files", "nothing of this name"),
        ("fields = 5", "fields", "valid dictionary"),
        (WHOLE + "team = 5", "fields.team", "dictionary"),
        (WHOLE + "team = {}", "fields.team", "exactly one of column, constant and template"),
        (WHOLE + 'team = { column = "a", constant = "b" }', "fields.team", "exactly one of"),
        (WHOLE + 'team = { colum = "a" }', "fields.team.colum", "nothing of this name"),
        (WHOLE + 'team = { column = "a", otherwise = "b" }', "fields.team", "values beside otherwise"),
        (WHOLE + 'team = { column = "a", row = "second" }', "fields.team.row", "'first' or 'last'"),
        (WHOLE + 'email = { template = "a@example.com" }', "fields.email", "columns in braces"),
        (WHOLE + 'email = { template = "{who|slg}@example.com" }', "fields.email", "columns in braces"),
        (WHOLE + 'team = { column = "a", values = { A = 1 } }', "fields.team.values.A", "valid string"),
        ('[file]\nday_first = "maybe"\n' + WHOLE, "file.day_first", "valid boolean"),
        ('[file]\nzone = "Mars/Olympus"\n' + WHOLE, "file.zone", "a time zone such as Europe/Berlin"),
        ("[file]\nzone = 3\n" + WHOLE, "file.zone", ""),
        ('[file]\nunknown = "?"\n' + WHOLE, "file.unknown", ""),
        ('[file]\none_row_per = "day"\n' + WHOLE, "file.one_row_per", "'case' or 'update'"),
        ("[file]\ndayfirst = true\n" + WHOLE, "file.dayfirst", "nothing of this name"),
    ],
)
def test_a_bad_mapping_file_is_refused_and_the_place_is_named(
    load: Callable[[str | bytes], CaseMapping], tmp_path: Path, content: str | bytes, place: str, words: str
) -> None:
    with pytest.raises(FileError) as raised:
        load(content)
    message = str(raised.value)
    assert message.startswith(str(tmp_path / "map.toml"))
    assert place in message
    assert words in message


def test_every_mistake_in_a_mapping_file_is_told_at_once(load: Callable[[str], CaseMapping]) -> None:
    with pytest.raises(FileError) as raised:
        load('[file]\nzone = "Mars"\none_row_per = "day"\n' + WHOLE)
    assert len(str(raised.value).splitlines()) == 2


def test_a_mapping_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"Cannot read .*gone\.toml: No such file"):
        load_mapping(tmp_path / "gone.toml", CaseMapping)


def test_a_column_that_is_not_in_the_file_is_told_with_those_that_are() -> None:
    mapping = CaseMapping.model_validate({"fields": {**NEEDED, "email": {"template": "{who}@{where}"}}})
    with pytest.raises(FileError) as raised:
        mapping.check_columns(["number", "who"], Path("cases.csv"))
    assert "cases.csv has no column 'where', which email is read from. It has: number, who." in str(raised.value)


def test_columns_that_nothing_reads_are_told() -> None:
    mapping = CaseMapping.model_validate({"fields": {**NEEDED, "email": {"template": "{who}@{where}"}}})
    assert mapping.check_columns(["number", "who", "mood", "where"], Path("cases.csv")) == ["mood"]


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.name)
def test_the_examples_are_mapping_files(path: Path) -> None:
    assert load_mapping(path, PurchaseMapping if path.name.startswith("purchases-") else CaseMapping).fields

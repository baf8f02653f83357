import unicodedata
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedback.domain.cases import (
    CASE_FIELDS,
    CaseRecord,
    CaseStatus,
    ResolvedBy,
    begins_resolution,
    normalise_email,
    parse_case,
)
from feedback.errors import FieldError
from tests.conftest import ADA, DAY, NOW

LEAST = {"source": "shop", "ref": "A-1", "status": "resolved"}
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
MOMENTS = ("opened_at", "first_reply_at", "resolved_at")
LINES = tuple(
    name
    for name in CASE_FIELDS
    if name not in ("status", "resolved_by", "customer_since", "locale", "zone", "country", "tags", "interactions")
    and name not in MOMENTS
)


def parse(raw: Mapping[str, object], zone: ZoneInfo | None = None) -> CaseRecord:
    return parse_case({**LEAST, **raw}, now=NOW, zone=zone)


def refused(raw: Mapping[str, object], zone: ZoneInfo | None = None) -> FieldError:
    with pytest.raises(FieldError) as caught:
        parse(raw, zone)
    return caught.value


def test_a_whole_case_reads_into_its_types() -> None:
    raw = {
        "source": "shop",
        "ref": "A-1",
        "status": "resolved",
        "merged_into": "A-0",
        "resolved_by": "automation",
        "customer_ref": "ada",
        "email": "Ada@example.org",
        "name": "Ada",
        "customer_since": "2024-01-15",
        "locale": "de-AT",
        "zone": "Europe/Vienna",
        "country": "AT",
        "subject": "Printer jams",
        "channel": "mail",
        "topic": "printers",
        "tags": ["urgent", "hardware"],
        "team": "Hardware",
        "agent": "Mara",
        "agent_email": "mara@acme.example",
        "opened_at": "2026-03-03T07:00:00Z",
        "first_reply_at": "2026-03-03T09:00:00+01:00",
        "resolved_at": "2026-03-03T12:00:00Z",
        "interactions": 2,
    }
    assert set(raw) == set(CASE_FIELDS)
    assert parse_case(raw, now=NOW, zone=None) == CaseRecord(
        source="shop",
        ref="A-1",
        status=CaseStatus.RESOLVED,
        merged_into="A-0",
        resolved_by=ResolvedBy.AUTOMATION,
        customer_ref="ada",
        email="Ada@example.org",
        name="Ada",
        customer_since=date(2024, 1, 15),
        locale="de-AT",
        zone="Europe/Vienna",
        country="AT",
        subject="Printer jams",
        channel="mail",
        topic="printers",
        tags=("hardware", "urgent"),
        team="Hardware",
        agent="Mara",
        agent_email="mara@acme.example",
        opened_at=datetime(2026, 3, 3, 7, tzinfo=UTC),
        first_reply_at=datetime(2026, 3, 3, 8, tzinfo=UTC),
        resolved_at=datetime(2026, 3, 3, 12, tzinfo=UTC),
        interactions=2,
    )


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("name", [name for name in CASE_FIELDS if name not in LEAST])
def test_what_is_unknown_stays_unknown(name: str, nothing: object) -> None:
    assert getattr(parse({name: nothing}), name) is None
    assert getattr(parse({}), name) is None


@pytest.mark.parametrize("blank", ["   ", "\t\n", "\x00", "\u2028"])
@pytest.mark.parametrize("name", [name for name in CASE_FIELDS if name not in LEAST])
def test_blanks_are_as_unknown_as_nothing(name: str, blank: str) -> None:
    assert getattr(parse({name: blank}), name) is None


@pytest.mark.parametrize("nothing", [None, "", "  ", "\x00"])
@pytest.mark.parametrize("name", ["source", "ref", "status"])
def test_source_ref_and_status_must_be_known(name: str, nothing: object) -> None:
    assert refused({name: nothing}).field == name
    with pytest.raises(FieldError, match=f"^{name}: given 'nothing', expected "):
        parse_case({k: v for k, v in LEAST.items() if k != name}, now=NOW, zone=None)


@pytest.mark.parametrize("value", ["x", "", None])
def test_a_field_name_that_we_do_not_know_is_refused_with_the_names_that_we_do(value: object) -> None:
    error = refused({"emial": value})
    assert error.field == "emial"
    assert "email" in error.expected


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("status", "Resolved", CaseStatus.RESOLVED),
        ("status", " spam ", CaseStatus.SPAM),
        ("resolved_by", "AGENT", ResolvedBy.AGENT),
        ("ref", 4711, "4711"),
        ("ref", 0, "0"),
        ("customer_ref", -3, "-3"),
        ("name", "  Ada \t  Lovelace ", "Ada Lovelace"),
        ("name", "Ada\x00\r\n\x1b\x85\u2028\u2029B", "Ada B"),
        ("name", "Ada\u00a0Lovelace", "Ada Lovelace"),
        ("name", "Zoë 🌻", "Zoë 🌻"),
        ("subject", "x" * 2000, "x" * 2000),
        ("name", "x" * 500, "x" * 500),
        ("customer_since", "2024-02-29", date(2024, 2, 29)),
        ("customer_since", "2024-02-29T23:30:00Z", date(2024, 2, 29)),
        ("customer_since", "2024-02-29 23:30", date(2024, 2, 29)),
        ("locale", "de", "de"),
        ("locale", "zh-Hant-TW", "zh-Hant-TW"),
        ("country", "DE", "DE"),
        ("zone", "Europe/Berlin", "Europe/Berlin"),
        ("interactions", 0, 0),
        ("interactions", "12", 12),
        ("interactions", 999_999, 999_999),
        ("tags", ["b", "a", "b", " ", ""], ("a", "b")),
        ("tags", "b, a;b,;", ("a", "b")),
        ("tags", [1, "a"], ("1", "a")),
        ("tags", [], None),
        ("tags", ",;", None),
        ("opened_at", "2026-03-03T12:00:00Z", NOW),
        ("opened_at", "2026-03-03T12:00:00.999+00:00", NOW),
        ("opened_at", "2026-03-03T17:30:00+05:30", NOW),
        ("opened_at", "2026-03-02T23:00:00-13:00", NOW),
    ],
)
def test_each_field_keeps_its_rule(name: str, given: object, kept: object) -> None:
    assert getattr(parse({name: given}), name) == kept


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("status", "done"),
        ("status", 1),
        ("resolved_by", "robot"),
        ("subject", "x" * 2001),
        ("name", "x" * 501),
        ("name", ["Ada"]),
        ("name", {"first": "Ada"}),
        ("ref", ["A-1"]),
        ("customer_since", "2023-02-29"),
        ("customer_since", "last year"),
        ("customer_since", "2024-02-29rubbish"),
        ("customer_since", "2024-02-299"),
        ("customer_since", 20240229.0),
        ("locale", "german"),
        ("locale", "de AT"),
        ("country", "DEU"),
        ("country", "Ö1"),
        ("zone", "Mars/Olympus"),
        ("zone", "Europe"),
        ("zone", "../../etc/passwd"),
        ("zone", "/etc/localtime"),
        ("zone", "é" * 400),
        ("zone", 2),
        ("interactions", -1),
        ("interactions", "1.5"),
        ("interactions", "²"),
        ("interactions", 1_000_000),
        ("interactions", "9" * 400),
        ("tags", [["a"]]),
        ("tags", [None]),
        ("tags", {"urgent": "yes"}),
        ("tags", 7),
        ("tags", "x" * 501),
        ("tags", [str(k) for k in range(51)]),
        ("opened_at", "2026-02-31T10:00:00Z"),
        ("opened_at", "2026-03-03T25:00:00Z"),
        ("opened_at", "yesterday"),
        ("opened_at", 1772539200),
        ("opened_at", "0001-01-01T00:00:00+05:00"),
        ("opened_at", "9999-12-31T23:59:59-05:00"),
    ],
)
def test_what_breaks_a_fields_rule_is_refused_by_that_fields_name(name: str, given: object) -> None:
    error = refused({name: given})
    assert error.field == name
    assert error.expected
    assert str(error).startswith(f"{name}: given ")


@pytest.mark.parametrize("given", [True, False, 1.0, 1.5, float("nan"), float("inf")])
@pytest.mark.parametrize("name", CASE_FIELDS)
def test_a_truth_value_or_a_fraction_is_never_taken_for_text(name: str, given: object) -> None:
    assert refused({name: given}).field == name


@pytest.mark.parametrize("name", LINES)
def test_a_lone_surrogate_is_refused_by_an_error_that_can_be_written_down(name: str) -> None:
    error = refused({name: "Ada\ud800"})
    assert error.field == name
    assert str(error).encode()
    assert error.given.encode()


@pytest.mark.parametrize("name", CASE_FIELDS)
def test_a_field_of_30_megabytes_is_refused_by_a_short_error(name: str) -> None:
    error = refused({name: "x" * 30_000_000})
    assert error.field == name
    assert len(error.given) < 300
    assert len(str(error)) < 1000


def test_a_time_without_an_offset_is_read_in_the_zone() -> None:
    assert parse({"opened_at": "2026-03-03T13:00:00"}, BERLIN).opened_at == NOW
    assert parse({"opened_at": "2025-07-01T14:00:00"}, BERLIN).opened_at == datetime(2025, 7, 1, 12, tzinfo=UTC)
    assert parse({"opened_at": "2026-03-03"}, BERLIN).opened_at == datetime(2026, 3, 2, 23, tzinfo=UTC)


def test_a_time_with_an_offset_keeps_it_whatever_the_zone() -> None:
    assert parse({"opened_at": "2026-03-03T12:00:00Z"}, BERLIN).opened_at == NOW


@pytest.mark.parametrize("given", ["2026-03-03T12:00:00", datetime(2026, 3, 3, 12)])
def test_without_a_zone_a_time_without_an_offset_is_refused(given: object) -> None:
    error = refused({"opened_at": given})
    assert error.field == "opened_at"
    assert "offset" in error.expected


@pytest.mark.parametrize("given", [datetime(2026, 3, 3, 13, 0, 0, 5), datetime(2026, 3, 3, 12, 0, 0, 5, UTC)])
def test_a_date_that_a_mapping_has_read_keeps_the_rules_of_text(given: datetime) -> None:
    assert parse({"opened_at": given}, BERLIN).opened_at == NOW
    assert parse({"customer_since": given}, BERLIN).customer_since == date(2026, 3, 3)


@pytest.mark.parametrize("name", MOMENTS)
def test_a_time_may_lie_a_day_ahead_and_no_more(name: str) -> None:
    assert getattr(parse({name: "2026-03-04T12:00:00Z"}), name) == NOW + DAY
    error = refused({name: "2026-03-04T12:00:01Z"})
    assert (error.field, error.given) == (name, "2026-03-04T12:00:01Z")
    assert "2026-03-03T12:00Z" in error.expected


@pytest.mark.parametrize(
    ("resolved_at", "last", "was_open", "begins"),
    [
        (NOW, None, False, True),  # the first
        (NOW, NOW, False, False),
        (NOW + HOUR, NOW, False, False),  # the help desk tidies up
        (NOW + HOUR + timedelta(seconds=1), NOW, False, True),
        (NOW - 2 * HOUR, NOW, False, False),
        (NOW + timedelta(seconds=1), NOW, True, True),  # after an observed reopening, however soon
        (NOW, NOW, True, False),  # history told again
        (NOW - HOUR, NOW, True, False),
        (None, None, False, False),  # closed without a time: a case without resolution
        (None, NOW, True, False),
    ],
)
def test_a_resolution_begins_in_three_ways(
    resolved_at: datetime | None, last: datetime | None, was_open: bool, begins: bool
) -> None:
    case = replace(ADA, resolved_at=resolved_at)
    assert begins_resolution(case, last, was_open=was_open) is begins


@pytest.mark.parametrize("status", [status for status in CaseStatus if status is not CaseStatus.RESOLVED])
def test_only_a_resolved_case_begins_a_resolution(status: CaseStatus) -> None:
    assert not begins_resolution(replace(ADA, status=status), None, was_open=True)


@pytest.mark.parametrize(
    ("customer_ref", "email", "key"),
    [
        ("ada", "Ada@example.org", "ada"),
        (None, " Ada@Example.ORG ", "ada@example.org"),
        (None, None, None),
    ],
)
def test_a_customer_is_known_by_reference_or_else_by_the_normalised_address(
    customer_ref: str | None, email: str | None, key: str | None
) -> None:
    assert replace(ADA, customer_ref=customer_ref, email=email).customer_key == key


def test_all_spellings_of_an_address_normalise_to_one() -> None:
    assert {normalise_email(spelling) for spelling in ("a@b.example", "A@B.example", "\ta@B.EXAMPLE ")} == {
        "a@b.example"
    }


_TEXT = st.text(st.characters(), max_size=30)  # unlike st.text() alone: lone surrogates too
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_LIKELY: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(CASE_FIELDS, _TEXT | st.integers()),
    "status": st.sampled_from(CaseStatus).map(str),
    "resolved_by": st.sampled_from(ResolvedBy).map(str),
    "customer_since": st.dates().map(date.isoformat),
    "locale": st.sampled_from(["de", "en_GB", "zh-Hant-TW"]),
    "zone": st.timezone_keys(),
    "country": st.text("ADEabc", min_size=2, max_size=2),
    "tags": st.lists(_TEXT, max_size=5) | _TEXT,
    "interactions": st.integers(0, 10),
    **dict.fromkeys(MOMENTS, st.datetimes(max_value=datetime(2026, 3, 3)).map(lambda moment: f"{moment}Z")),
}
_GOOD = st.fixed_dictionaries({}, optional=_LIKELY)
_MIXED = st.fixed_dictionaries({}, optional={name: _LIKELY[name] | _JSON for name in CASE_FIELDS})
_ANY = st.dictionaries(_TEXT, _JSON, max_size=4)


def tried(raw: Mapping[str, object], zone: ZoneInfo | None) -> CaseRecord | FieldError:
    try:
        return parse_case(raw, now=NOW, zone=zone)
    except FieldError as error:
        return error


@settings(max_examples=200, deadline=None, derandomize=True)
@given(raw=(_GOOD | _MIXED).map(lambda raw: {**LEAST, **raw}) | _ANY, zoned=...)
@example(raw={**LEAST, "tags": ["\ud800"]}, zoned=True)
@example(raw={**LEAST, "tags": "a\x00b,\u2028"}, zoned=True)
@example(raw={**LEAST, "opened_at": "0001-01-01T00:00:00"}, zoned=True)
def test_whatever_comes_is_either_a_case_of_clean_text_or_a_field_error(raw: dict[str, Any], zoned: bool) -> None:
    case = tried(raw, BERLIN if zoned else None)
    if isinstance(case, FieldError):
        assert case.field in {*raw, *LEAST}
        return
    for name in (field.name for field in fields(case)):
        value = getattr(case, name)
        for line in value if isinstance(value, tuple) else [value]:
            if isinstance(line, str):
                assert line.encode()
                assert line == line.strip()
                assert line.splitlines() == [line]
                assert not any(unicodedata.category(letter) == "Cc" for letter in line)
            elif isinstance(line, datetime):
                assert line.utcoffset() == timedelta(0)
                assert line <= NOW + DAY

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from feedback.config import Config
from feedback.domain.purchases import Passed, PurchaseRecord
from feedback.errors import FileError
from feedback.loop import erasing, exporting, retaining
from feedback.loop.buying import PurchaseReport, import_purchases, take_in_purchases
from feedback.loop.erasing import Erased
from feedback.loop.mapping import PurchaseMapping, load_mapping
from feedback.store.cases import Change
from tests.conftest import ADA, BRUNO, CHIOMA, DAY, NOW, ROOT, Loop

HEAD = "customer_ref,email,ref,at,amount\n"
ORDER = PurchaseRecord(ref="O-1", at=NOW - DAY, amount="12.50", source="shop", customer_ref="ada")

Take = Callable[..., PurchaseReport]


@pytest.fixture
def take(loop: Loop, tmp_path: Path) -> Take:
    """Import a file, or text that becomes one, after Ada, Bruno and Chioma had cases."""
    loop.take(ADA, BRUNO, CHIOMA)

    def import_it(content: str | Path, mapping: dict[str, Any] | None = None, **more: Any) -> PurchaseReport:
        path = content if isinstance(content, Path) else tmp_path / "orders.csv"
        if isinstance(content, str):
            path.write_text(content)
        chosen = PurchaseMapping.model_validate(mapping) if mapping else None
        options = {"config": loop.config, "refused_folder": loop.config.data_dir / "refused", **more}
        return import_purchases(loop.store, loop.keys, options.pop("config"), path, chosen, NOW, **options)

    return import_it


def bought(loop: Loop) -> list[tuple[str, str, str, str]]:
    """Who, which order, when, how much."""
    rows = loop.rows(
        "SELECT c.name, p.ref, p.at, p.amount FROM purchases p JOIN customers c ON c.id = p.customer_id ORDER BY p.ref"
    )
    return [(row["name"], row["ref"], row["at"], row["amount"]) for row in rows]


def keep(loop: Loop, *records: PurchaseRecord) -> list[Change | Passed]:
    return take_in_purchases(loop.store, Erased(loop.store, loop.keys), loop.config, records, NOW)


def refused(report: PurchaseReport) -> list[tuple[str, str, str]]:
    """Line, field and what was given, as the file of refused rows tells it."""
    assert report.refused_file is not None
    with report.refused_file.open(encoding="utf-8", newline="") as file:
        return [(row["line"], row["field"], row["given"]) for row in csv.DictReader(file)]


def test_a_file_in_our_own_column_names_needs_no_mapping_and_the_same_file_twice_changes_nothing(
    loop: Loop, take: Take
) -> None:
    path = ROOT / "tests" / "data" / "purchases.csv"
    assert take(path).changes == {Change.CREATED: 4}
    kept = [
        ("Ada", "2026-0001", "2026-01-12T00:00:00Z", "49"),
        ("Ada", "2026-0057", "2026-02-20T17:04:00Z", "112.50"),
        ("Bruno", "2026-0058", "2026-02-21T00:00:00Z", "12"),
        ("Bruno", "2026-0058-R", "2026-02-27T00:00:00Z", "-12"),
    ]
    assert bought(loop) == kept
    assert take(path).changes == {Change.UNCHANGED: 4}
    assert bought(loop) == kept


def test_an_order_told_anew_with_another_date_or_amount_is_what_was_told_last(loop: Loop) -> None:
    loop.take(ADA)
    told = [ORDER, ORDER, replace(ORDER, amount="9"), replace(ORDER, amount="9", at=NOW)]
    assert keep(loop, *told) == [Change.CREATED, Change.UNCHANGED, Change.UPDATED, Change.UPDATED]
    assert bought(loop) == [("Ada", "O-1", "2026-03-03T12:00:00Z", "9")]


ELSEWHERE = replace(BRUNO, source="hotline", ref="H-1", customer_ref="ada", name="Other")
ZOE = replace(ADA, ref="Z-1", customer_ref="zoe", email="zoë@example.org", name="Zoë")


@pytest.mark.parametrize(
    ("who", "outcome"),
    [
        ({"source": "shop", "customer_ref": "ada"}, "Ada"),
        ({"source": "hotline", "customer_ref": "ada"}, "Other"),
        ({"customer_ref": "ada"}, Passed.AMBIGUOUS),
        ({"customer_ref": "chioma"}, "Chioma"),
        ({"email": "ADA@example.org"}, "Ada"),
        ({"email": "bruno@example.org"}, Passed.AMBIGUOUS),
        ({"source": "shop", "email": "bruno@example.org"}, "Bruno"),
        ({"email": "ZOË@example.org"}, "Zoë"),
        ({"customer_ref": "new-1", "email": "ada@example.org"}, "Ada"),
        ({"customer_ref": "chioma", "email": "ada@example.org"}, "Chioma"),
        ({"source": "hotline", "customer_ref": "chioma"}, Passed.UNKNOWN),
        ({"customer_ref": "nobody"}, Passed.UNKNOWN),
        ({"email": "nobody@example.org"}, Passed.UNKNOWN),
    ],
)
def test_a_purchase_is_the_one_customers_who_has_the_reference_or_else_the_address(
    loop: Loop, who: dict[str, str], outcome: str | Passed
) -> None:
    loop.take(ADA, BRUNO, CHIOMA, ELSEWHERE, ZOE)
    record = replace(ORDER, source=who.get("source"), customer_ref=who.get("customer_ref"), email=who.get("email"))
    expected = outcome if isinstance(outcome, Passed) else Change.CREATED
    assert keep(loop, record) == [expected]
    assert [name for name, *_ in bought(loop)] == ([] if isinstance(outcome, Passed) else [outcome])


def test_what_unknown_customers_bought_is_not_kept_and_comes_in_once_they_are_known(loop: Loop, take: Take) -> None:
    content = HEAD + "dara,dara@example.org,O-7,2026-02-01,5\nada,,O-8,2026-02-01,6\n"
    first = take(content)
    assert (first.changes, first.passed) == ({Change.SKIPPED: 1, Change.CREATED: 1}, {Passed.UNKNOWN: 1})
    assert "dara" not in "".join(loop.store._database.connection.iterdump())
    loop.take(replace(ADA, ref="D-1", customer_ref="dara", email=None, name="Dara"))
    assert take(content).changes == {Change.CREATED: 1, Change.UNCHANGED: 1}


def test_what_is_past_retention_does_not_come_in_and_goes_at_night(loop: Loop, take: Take) -> None:
    content = HEAD + "ada,,old,2024-03-02,5\nada,,new,2024-03-04,6\n"
    report = take(content)
    assert (report.changes, report.passed) == ({Change.SKIPPED: 1, Change.CREATED: 1}, {Passed.PAST: 1})
    assert not retaining.forget(loop.store, loop.config, NOW)
    assert retaining.forget(loop.store, loop.config, NOW + 2 * DAY)
    assert bought(loop) == []
    assert not retaining.forget(loop.store, loop.config, NOW + 2 * DAY)
    assert loop.rows("SELECT action, was FROM audit") == [{"action": "customer.forget", "was": "purchases: 1"}]


def test_with_retention_off_the_oldest_purchase_comes_in(take: Take, make_config: Callable[..., Config]) -> None:
    assert take(HEAD + "ada,,old,1997-01-01,5\n", config=make_config(retention="off")).changes == {Change.CREATED: 1}


# Who was erased


@pytest.mark.parametrize(
    "who",
    ["ada,", ",ada@example.org", "bruno,ADA@example.org", "ada,bruno@example.org", ",Ada <ada@example.org>"],
)
@pytest.mark.parametrize("source", [None, "shop"])
def test_nothing_that_an_erased_person_bought_comes_in_by_whatever_it_is_told(
    loop: Loop, take: Take, who: str, source: str | None
) -> None:
    take(HEAD + "ada,,O-1,2026-02-01,5\n")
    erasing.erase(loop.store, loop.keys, "ada@example.org", NOW)
    assert bought(loop) == []
    head, row = (HEAD, "") if source is None else ("source," + HEAD, "shop,")
    report = take(f"{head}{row}{who},O-1,2026-02-01,5\n")
    assert report.passed == {Passed.ERASED: 1}
    assert bought(loop) == []


def test_an_erased_customer_is_not_found_by_what_stands_in_place_of_the_reference(loop: Loop, take: Take) -> None:
    erasing.erase(loop.store, loop.keys, "ada@example.org", NOW)
    (nobody,) = loop.rows("SELECT ref FROM customers WHERE ref LIKE 'erased-%'")
    rows = f"{nobody['ref']},,O-1,2026-02-01,5\n"
    assert take(HEAD + rows).passed == {Passed.UNKNOWN: 1}
    assert take(f"source,{HEAD}shop,{rows}").passed == {Passed.UNKNOWN: 1}


FOREIGN = {"fields": {"customer_ref": "Client", "ref": "Order", "at": "Day", "amount": "Total"}}


@pytest.mark.parametrize(
    ("head", "mapping"),
    [("customer_ref,ref,at,amount\n", None), ("Client,Order,Day,Total\n", FOREIGN)],
    ids=["our columns", "foreign columns"],
)
def test_refused_rows_of_an_erased_person_are_in_no_file(
    loop: Loop, take: Take, head: str, mapping: dict[str, Any] | None
) -> None:
    content = head + "ada,O-1,2026-02-01,dear\nbruno,A-1,2026-02-01,dear\n"
    report = take(content, mapping)
    assert [given for _, _, given in refused(report)] == ["dear", "dear"]
    erasing.erase(loop.store, loop.keys, "ada@example.org", NOW)
    erasing.clean_up(loop.store, loop.keys, loop.config)
    files = [path.read_text() for path in (loop.config.data_dir / "refused").iterdir()]
    assert not any("ada" in text for text in files)
    again = take(content, mapping)
    assert again.changes[Change.SKIPPED] == (1 if mapping is None else 2)  # where no column tells, A-1 may be the case


def test_an_order_whose_reference_is_that_of_an_erased_case_is_still_somebody_elses(loop: Loop, take: Take) -> None:
    erasing.erase(loop.store, loop.keys, "ada@example.org", NOW)
    assert take(HEAD + "bruno,,A-1,2026-02-01,5\n").changes == {Change.CREATED: 1}


def test_what_a_customer_bought_is_told_to_them(loop: Loop, take: Take, tmp_path: Path) -> None:
    take(HEAD + "ada,,O-1,2026-02-01,5\n")
    page = exporting.export(loop.store, loop.keys, loop.config, "ada@example.org", tmp_path / "told", NOW).page
    assert "<li>O-1, Sunday, 1 February 2026, 00:00 (UTC): 5</li>" in page.read_text("utf-8")


# What is refused


@pytest.mark.parametrize(
    ("row", "field", "given"),
    [
        ('ada,,O-2,2026-02-01,"1.234,50"', "amount", "1.234,50"),
        ("ada,,O-2,2026-02-30,5", "at", "2026-02-30"),
        ("ada,,O-2,01.02.2026,5", "at", "01.02.2026"),
        ("ada,,,2026-02-01,5", "ref", "nothing"),
        ("ada,,O-1,2026-02-01,7", "ref", "O-1"),
        ("ada,,O-2,2026-02-01", "row", "4 fields"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_and_the_rest_goes_in(
    loop: Loop, take: Take, row: str, field: str, given: str
) -> None:
    report = take(f"{HEAD}ada,,O-1,2026-02-01,5\n{row}\nada,,O-3,2026-02-01,5\n")
    assert [ref for _, ref, _, _ in bought(loop)] == ["O-1", "O-3"]
    assert refused(report) == [("3", field, given)]


def test_a_sale_to_nobody_who_is_named_is_passed_over(take: Take) -> None:
    report = take(f"{HEAD}ada,,O-1,2026-02-01,5\n,,O-2,2026-02-01,5\n")
    assert (report.passed, report.refused_count) == ({Passed.NOBODY: 1}, 0)


def test_the_report_tells_days_amounts_and_sum_of_what_went_in(take: Take) -> None:
    report = take(f"{HEAD}ada,,O-1,2026-02-01,5\nada,,O-2,2026-01-03,-2.50\nnobody,,O-3,2020-01-01,900\n")
    assert (report.first_at, report.last_at) == (datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    assert (report.smallest, report.largest, report.sum) == (Decimal("-2.50"), Decimal(5), Decimal("2.50"))


def test_what_came_in_by_mistake_goes_with_the_same_file(loop: Loop, take: Take, tmp_path: Path) -> None:
    take(f"{HEAD}ada,,12.50,2026-02-01,100234\nada,,O-9,2026-02-01,9\n")
    path = tmp_path / "wrong.csv"
    path.write_text(f"{HEAD}ada,,12.50,2026-02-01,100234\nada,,O-8,2026-02-01,9\n")
    report = import_purchases(loop.store, loop.keys, loop.config, path, None, NOW, refused_folder=None, take_out=True)
    assert report.changes == {Change.REMOVED: 1, Change.UNCHANGED: 1}
    assert [ref for _, ref, _, _ in bought(loop)] == ["O-9"]


def test_a_row_told_twice_alike_is_one_purchase(loop: Loop, take: Take) -> None:
    report = take(HEAD + "ada,,O-1,2026-02-01,5.00\n" * 2)
    assert (report.changes, report.refused_count) == ({Change.CREATED: 1, Change.UNCHANGED: 1}, 0)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("customer_ref,ref,at", "has no column 'amount'. It has: customer_ref, ref, at."),
        ("ref,at,amount", "has no column 'customer_ref' or 'email'. It has: ref, at, amount."),
    ],
)
def test_a_file_that_lacks_a_column_is_refused_whole(take: Take, columns: str, words: str) -> None:
    with pytest.raises(FileError) as raised:
        take(f"{columns}\n1,2,3\n")
    assert words in str(raised.value)


# Foreign columns


@pytest.mark.parametrize(
    ("decimal", "given", "kept"),
    [
        (",", "1.234,50", "1234.50"),
        (",", "-1 234 567,5", "-1234567.50"),
        (",", "12", "12"),
        (",", "1.234", "1234"),
        (",", "1.23", None),
        (".", "1,234.50", "1234.50"),
        (".", "1'234.50", "1234.50"),
        (".", "1,23", None),
    ],
)
def test_a_mapping_says_which_mark_is_before_the_decimals(
    loop: Loop, take: Take, decimal: str, given: str, kept: str | None
) -> None:
    take(f"Client;Order;Day;Total\nada;O-1;2026-02-01;{given}\n", {**FOREIGN, "file": {"decimal": decimal}})
    assert [amount for *_, amount in bought(loop)] == ([] if kept is None else [kept])


def test_days_stay_the_businesss_whatever_the_zone_of_a_mapping(loop: Loop, take: Take) -> None:
    file = {"dates": ["%Y%m%d"], "zone": "Europe/Berlin"}
    take("Client,Order,Day,Total\nada,O-1,20260201,5\nada,O-2,2026-02-01,5\n", {**FOREIGN, "file": file})
    assert [at for _, _, at, _ in bought(loop)] == ["2026-02-01T00:00:00Z"] * 2


def test_a_mapping_without_what_tells_who_bought_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text('[fields]\nref = "a"\nat = "b"\namount = "c"\n')
    with pytest.raises(FileError, match="ref, at, amount and customer_ref or email; customer_ref or email is missing"):
        load_mapping(path, PurchaseMapping)


def test_the_example_for_shopify_reads_an_export_whose_orders_have_a_row_an_item(loop: Loop, take: Take) -> None:
    mapping = load_mapping(ROOT / "examples" / "purchases-shopify.toml", PurchaseMapping)
    path = ROOT / "tests" / "data" / "shopify-orders.csv"
    report = import_purchases(loop.store, loop.keys, loop.config, path, mapping, NOW, refused_folder=None)
    assert (report.changes, report.passed) == ({Change.CREATED: 3, Change.SKIPPED: 1}, {Passed.UNKNOWN: 1})
    assert bought(loop) == [
        ("Ada", "#1050", "2026-02-01T08:59:00Z", "100.90"),
        ("Bruno", "#1051", "2026-02-02T16:30:12Z", "1249"),
        ("Ada", "#1053", "2026-02-05T09:00:00Z", "0"),
    ]


def test_purchases_come_in_as_json_too(loop: Loop, take: Take) -> None:
    orders = '{"customer_ref": "ada", "ref": 1, "at": "2026-02-01", "amount": 12.5, "shop": "x"}\n'
    report = take(orders + '{"email": "bruno@example.org", "ref": "2", "at": "2026-02-01", "amount": null}\n')
    assert bought(loop) == [("Ada", "1", "2026-02-01T00:00:00Z", "12.50")]
    assert ([row.error.field for row in report.refused], report.ignored_columns) == (["amount"], ["shop"])

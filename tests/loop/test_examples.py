"""Each help desk's example reads an export in that desk's own form, and the cases are what a person reads in it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from feedback.config import Config
from feedback.loop.intake import ImportReport, import_cases
from feedback.loop.mapping import CaseMapping, load_mapping
from tests.conftest import ROOT, Loop

EXAMPLES = ROOT / "examples"
EXPORTS = ROOT / "tests" / "data" / "exports"
DESKS = sorted(path.stem for path in EXPORTS.glob("*.csv"))
ELSEWHERE = {"servicenow", "purchases-shopify"}  # test_real_input.py reads its audit log, test_buying.py orders
NOW = datetime(2026, 4, 1, 8, tzinfo=UTC)


@pytest.fixture
def take(loop: Loop, config: Config) -> Callable[[str], ImportReport]:
    def take_export(desk: str) -> ImportReport:
        path, mapping = EXPORTS / f"{desk}.csv", load_mapping(EXAMPLES / f"{desk}.toml", CaseMapping)
        refused = config.data_dir / "refused"
        return import_cases(loop.store, loop.asking, config, path, mapping, NOW, refused_folder=refused)

    return take_export


def stored(loop: Loop) -> dict[str, dict[str, Any]]:
    """The cases by reference, each with its customer's address and name."""
    rows = loop.rows("SELECT c.*, cu.email, cu.name FROM cases c LEFT JOIN customers cu ON cu.id = c.customer_id")
    return {row["ref"]: row for row in rows}


def test_every_example_is_read_by_a_test() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.toml")} == {*DESKS, *ELSEWHERE}


FORMS = {
    "freshdesk": ("utf-8", ","),
    "glpi": ("utf-8-sig", ";"),
    "osticket": ("utf-8-sig", ","),
    "zammad": ("utf-8-sig", ","),
    "zendesk": ("utf-8", ","),
}


@pytest.mark.parametrize("desk", DESKS)
def test_an_example_reads_its_export_without_a_refused_row(
    loop: Loop, take: Callable[[str], ImportReport], desk: str
) -> None:
    report = take(desk)
    assert [str(row.error) for row in report.refused] == []
    assert (report.encoding, report.delimiter) == FORMS[desk]
    assert loop.counts()["cases"] == report.rows >= 6


@pytest.mark.parametrize("desk", DESKS)
def test_the_same_export_twice_changes_nothing(take: Callable[[str], ImportReport], desk: str) -> None:
    rows = take(desk).rows
    assert dict(take(desk).changes) == {"unchanged": rows}


# fmt: off
CASES = [
    # desk, reference, status, resolved (UTC), address, agent, team, subject
    ("zendesk", "35436", "resolved", "2026-03-30T08:15:00Z", "ada.lindqvist@example.org", "Mara Vogel", "Hardware",
     "Printer jams on page two"),
    ("zendesk", "35437", "resolved", "2026-03-03T15:05:00Z", "bruno@example.com", "Nils Berg", "Billing",
     "Invoice 2026-0117 came twice, please check"),
    ("zendesk", "35438", "open", None, "chioma.eze@example.net", "Mara Vogel", "Hardware", 'Scanner says "no paper"'),
    ("zendesk", "35439", "open", None, "zoe@example.org", None, "Front desk", "Wie ändere ich meine Adresse?"),
    ("zendesk", "35440", "resolved", "2026-03-29T01:30:00Z", None, "Nils Berg", "Front desk",
     "Call about opening hours"),
    ("zendesk", "35441", "open", None, "greta.olsen@example.com", "Nils Berg", "Billing", "Refund for order 5561"),
    ("freshdesk", "2071", "resolved", "2026-03-30T13:05:10Z", "ines@example.org", "Olga Petrova", "Repairs",
     "Coffee machine leaks"),
    ("freshdesk", "2064", "resolved", "2026-03-06T22:20:00Z", "jamal.wright@example.com", "Tom Reyes", "Orders",
     "Wrong size delivered"),
    ("freshdesk", "2075", "open", None, "kirsi@example.net", None, None, "Where is order 88-140?"),
    ("freshdesk", "2073", "open", None, "liam@example.org", "Tom Reyes", "Orders", "Please add a second user"),
    ("freshdesk", "2074", "open", None, "mei.tanaka@example.com", "Olga Petrova", "Repairs",
     "Grinder, model G2, hums"),
    ("freshdesk", "2069", "resolved", "2026-03-08T07:15:00Z", None, "Tom Reyes", "Orders", "Gift card does not work"),
    ("zammad", "48021", "resolved", "2026-03-30T09:02:47Z", "pia.neumann@example.org", "Sofie Brandt", "Technik",
     "Beamer in Raum 3 bleibt dunkel"),
    ("zammad", "48022", "resolved", "2026-03-03T13:21:36Z", "quentin@example.com", "Emre Yildiz", "Zugänge",
     "Passwort vergessen"),
    ("zammad", "48024", "open", None, "sami@example.org", None, "Zugänge", "Frage zum Kursplan"),
    ("zammad", "48025", "merged", None, "quentin@example.com", "Emre Yildiz", "Zugänge", "Passwort vergessen (2)"),
    ("zammad", "48026", "open", None, "tilda.krause@example.com", "Emre Yildiz", "Zugänge", "Rückruf zum Vertrag"),
    ("zammad", "48019", "resolved", "2026-03-29T01:10:00Z", None, "Sofie Brandt", "Technik",
     "Drucker druckt nur Streifen"),
    ("osticket", "412890", "resolved", "2026-03-30T13:40:09Z", "vera.novak@example.org", "Wendy Cole", "Field Service",
     "Boiler shows E4"),
    ("osticket", "305117", "resolved", "2026-03-03T07:30:00Z", "xavier@example.com", "Yusuf Demir", "Front Office",
     'Sign "wet paint" please'),
    ("osticket", "778204", "open", None, "zara.khan@example.net", None, "Billing", "Bill for February, again"),
    ("osticket", "129336", "resolved", "2026-03-28T23:59:59Z", None, "Yusuf Demir", "Field Service", "Noise at night"),
    ("osticket", "540071", "open", None, "carla.rossi@example.com", "Yusuf Demir", "Front Office", "Parking permit"),
    ("glpi", "1 204", "resolved", "2026-03-30T08:15:00Z", "djamila@example.org", "Blanc Élodie", "Network",
     "VPN cuts out every hour"),
    ("glpi", "1 187", "resolved", "2026-03-03T16:45:00Z", "erik.dahl@example.com", "Costa Rui", "Workplace",
     "New laptop for the workshop"),
    ("glpi", "1 209", "open", None, None, "Costa Rui", "Workplace", "Mailbox is full"),
    ("glpi", "1 210", "open", None, "gate@example.net", None, None, "Badge reader at the gate"),
    ("glpi", "1 198", "open", None, None, "Blanc Élodie Costa Rui", "Workplace", "Screen ''flickers''; sometimes"),
    ("glpi", "998", "resolved", "2026-03-29T01:05:00Z", None, "Blanc Élodie", "Network", "Shared drive is read-only"),
]
# fmt: on


@pytest.mark.parametrize("desk", DESKS)
def test_the_cases_are_what_a_person_reads_in_the_export(
    loop: Loop, take: Callable[[str], ImportReport], desk: str
) -> None:
    take(desk)
    cases = stored(loop)
    expected = {ref: row for named, ref, *row in CASES if named == desk}
    fields = ("status", "resolved_at", "email", "agent", "team", "subject")
    assert len(expected) >= 5
    assert {ref: [cases[ref][field] for field in fields] for ref in expected} == expected
    assert {case["source"] for case in cases.values()} == {desk}


FURTHER = {
    "zendesk": ("35436", {"name": "Ada Lindqvist", "channel": "Mail", "opened_at": "2026-03-27T08:12:00Z"}),
    "freshdesk": ("2071", {"name": "Ines Carvalho", "channel": "Email", "topic": "Incident",
                           "opened_at": "2026-03-27T19:31:09Z", "first_reply_at": "2026-03-27T20:02:44Z"}),
    "zammad": ("48021", {"name": "Pia Neumann", "channel": "email", "opened_at": "2026-03-27T08:30:11Z",
                         "first_reply_at": "2026-03-27T09:05:00Z"}),
    "osticket": ("412890", {"name": "Vera Novak", "channel": "Email", "topic": "Report a Problem",
                            "opened_at": "2026-03-27T08:15:30Z"}),
    "glpi": ("1 204", {"topic": "Network > VPN", "opened_at": "2026-03-27T08:02:00Z"}),
}  # fmt: skip


@pytest.mark.parametrize("desk", DESKS)
def test_what_an_export_does_not_tell_stays_unknown(loop: Loop, take: Callable[[str], ImportReport], desk: str) -> None:
    take(desk)
    ref, told = FURTHER[desk]
    may_be_told = ("name", "channel", "topic", "opened_at", "first_reply_at", "resolved_by", "interactions")
    case = stored(loop)[ref]
    assert {field: case[field] for field in may_be_told if case[field] is not None} == told


def test_a_ticket_that_is_open_again_counts_as_open_though_the_export_still_tells_when_it_was_solved(
    loop: Loop, take: Callable[[str], ImportReport]
) -> None:
    take("zendesk")
    reopened = stored(loop)["35442"]
    assert (reopened["status"], reopened["agent"]) == ("open", "Mara Vogel")
    assert loop.rows(f"SELECT id FROM resolutions WHERE case_id = '{reopened['id']}'") == []

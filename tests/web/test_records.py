"""Answers, cases, customers, quotes and figures: who sees what of them, and what one takes along."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from feedback.domain.audit import Action
from feedback.domain.cases import CaseStatus
from feedback.domain.followups import Channel, Outcome, Result
from feedback.domain.quotes import Standing
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Stage
from feedback.domain.texts import clean, guarded
from feedback.loop import answering, erasing, following_up
from feedback.web import create_app
from feedback.web.exports import CHUNK
from tests.conftest import ADA, BRUNO, CHIOMA, DAY, NOW, Loop
from tests.web.test_desk import CHEAP_HASH, HOSTILE, csrf_of, logged_in, say_no, shown
from tests.web.test_strange_words import STRANGE, Seen
from tests.web.test_survey import LATER

HOUR = timedelta(hours=1)
ORDERS = replace(BRUNO, team="Orders", agent="Ines")
LISTS = ("follow-ups", "answers", "cases", "customers", "quotes", "figures")
PAGES = ("answers", "cases", "customers", "quotes", "figures")


@pytest.fixture
def staff(loop: Loop) -> dict[str, str]:
    """Mara owns the desk; Tom leads Hardware, Jo leads Orders; Kim is an agent of Hardware."""
    people = (("mara", Role.OWNER, ()), ("tom", Role.LEAD, ("hardware",)), ("jo", Role.LEAD, ("Orders",)))
    with loop.store.write():
        return {
            name: loop.store.staff.add(f"{name}@acme.example", name.title(), CHEAP_HASH, role, teams)
            for name, role, teams in (*people, ("kim", Role.AGENT, ("Hardware",)))
        }


@pytest.fixture
def app(loop: Loop, staff: dict[str, str]) -> Flask:
    return create_app(loop.config, loop.store, loop.keys, lambda: LATER + 4 * HOUR)


@pytest.fixture
def mara(app: Flask) -> FlaskClient:
    return logged_in(app, "mara")


@pytest.fixture
def tom(app: Flask) -> FlaskClient:
    return logged_in(app, "tom")


@pytest.fixture
def said(loop: Loop) -> str:
    """Ada (Hardware) says no, Bruno (Orders) yes with words to quote; the id of Ada's follow-up."""
    loop.take(ADA, ORDERS)
    loop.ask()
    loop.send()
    key = say_no(loop, "A-1", LATER, Details((Stage.CONNECT,), "Third time.", True, "+49 30 5550 0142"))
    answering.answer(loop.store, loop.config, loop.survey_id("B-2"), Choice.YES, LATER + HOUR)
    quotable = Details(comment="Found it at once!", quote_name="Bruno B.")
    answering.add_details(loop.store, loop.config, loop.survey_id("B-2"), Choice.YES, quotable, LATER + HOUR)
    return key


def token_of(client: FlaskClient) -> str:
    return csrf_of(client.get("/desk/").text)


def take(client: FlaskClient, file: str) -> TestResponse:
    """A file, by the button below its list."""
    return client.post(f"/desk/{file}", data={"csrf_token": token_of(client)})


def csv_of(client: FlaskClient, what: str, query: str = "") -> list[dict[str, str]]:
    answer = take(client, f"{what}.csv{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"), newline="")))


def json_of(client: FlaskClient, what: str, query: str = "") -> list[dict[str, Any]]:
    answer = take(client, f"{what}.json{query}")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    found = json.loads(answer.get_data())
    assert isinstance(found, list)
    return found


def customer_page(loop: Loop, ref: str) -> str:
    (row,) = loop.rows(f"SELECT customer_id FROM cases WHERE ref = '{ref}'")
    return f"/desk/customers/{row['customer_id']}"


# Who sees what


def test_an_agent_has_none_of_it_and_is_not_led_there(app: Flask, loop: Loop, said: str) -> None:
    kim = logged_in(app, "kim")
    for page in (*(f"/desk/{page}" for page in PAGES), customer_page(loop, "A-1")):
        assert kim.get(page).status_code == 403
    for what in LISTS:
        for kind in ("csv", "json"):
            assert take(kim, f"{what}.{kind}").status_code == 403
    (quote,) = loop.store.quotes.page(Standing.WAITING, 9, seen_by=loop.store.staff.all()[2].id)
    assert take(kim, f"quotes/{quote.answer.id}/approve").status_code == 403
    for page in ("/desk/", f"/desk/follow-ups/{said}"):
        assert "/desk/customers" not in kim.get(page).text
        assert "Download" not in kim.get(page).text
    assert loop.store.audit.entries(9) == []


def test_a_lead_sees_and_takes_along_nothing_of_another_team(tom: FlaskClient, loop: Loop, said: str) -> None:
    theirs = ("Bruno", "bruno@", "B-2", "Found it", "Orders", "Ines", "Lost parcel")
    texts = [tom.get(f"/desk/{page}").text for page in (*PAGES, "customers?words=bruno", "quotes?standing=approved")]
    texts += [take(tom, f"{what}.{kind}").text for what in LISTS for kind in ("csv", "json")]
    assert [part for text in texts for part in theirs if part in text] == []
    assert "Ada" in take(tom, "customers.csv").text
    assert tom.get(customer_page(loop, "A-1")).status_code == 200
    missing = tom.get("/desk/customers/nobody")
    assert [missing.status_code, tom.get(customer_page(loop, "B-2")).text] == [404, missing.text]


def test_what_a_lead_sees_of_a_shared_customer_is_what_their_team_did(tom: FlaskClient, loop: Loop, said: str) -> None:
    loop.take(replace(ADA, ref="A-9", subject="A secret parcel", team="Orders", resolved_at=NOW + HOUR))
    page = shown(tom.get(customer_page(loop, "A-1")).text)
    assert ("A-1" in page, "A-9" in page, "secret" in page) == (True, False, False)
    (row,) = json_of(tom, "customers")
    assert (row["cases"], row["newest_case_at"]) == (1, "2026-03-03T12:00:00+00:00")


def test_figures_of_a_lead_leave_out_what_they_merely_have_of_another_team(
    app: Flask, loop: Loop, staff: dict[str, str], said: str
) -> None:
    with loop.store.write():
        loop.store.follow_ups.hand_over(said, staff["jo"], "Jo", staff["tom"], LATER)
    jo = logged_in(app, "jo")
    assert {(one["of"], one["name"]) for one in json_of(jo, "figures")} == {
        ("all", None), ("team", "Orders"), ("agent", "Ines"),
    }  # fmt: skip
    assert {one["case"] for one in json_of(jo, "follow-ups")} == {"A-1"}


# Customers


def test_customers_stand_by_their_newest_case_with_what_they_last_said(
    mara: FlaskClient, loop: Loop, said: str
) -> None:
    loop.take(replace(ADA, ref="A-0", resolved_at=NOW - DAY), CHIOMA)
    page = shown(mara.get("/desk/customers").text)
    assert (
        "Ada Ada@example.org 2 cases, the newest yesterday, 12:00 · last said no today, 14:00"
        " · customer since 15 January 2024 · a follow-up is open"
    ) in page
    assert "Bruno bruno@example.org 1 case, the newest yesterday, 12:00 · last said yes today, 15:00" in page
    loop.take(replace(CHIOMA, ref="C-9", resolved_at=NOW + HOUR))
    names = re.findall(r'<h2><a href="/desk/customers/[^"]+">([^<]+)</a>', mara.get("/desk/customers").text)
    assert (names[0], sorted(names)) == ("Chioma", ["Ada", "Bruno", "Chioma"])


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", {"Ada", "Bruno", "O_m"}),
        ("ADA@", {"Ada"}),
        ("run", {"Bruno"}),
        ("om-7", {"O_m"}),
        ("%", {"O_m"}),
        ("parcel", set()),
        ("x" * 10_000, set()),
    ],
)
def test_a_customer_is_found_by_a_part_of_name_address_or_reference(
    mara: FlaskClient, loop: Loop, words: str, names: set[str]
) -> None:
    loop.take(ADA, BRUNO, replace(ADA, ref="O-1", customer_ref="om-7", name="O_m", email="om%x@example.net"))
    answer = mara.get("/desk/customers", query_string={"words": words})
    assert set(re.findall(r'<h2><a href="/desk/customers/[^"]+">([^<]+)</a>', answer.text)) == names
    assert ("No customer fits" in answer.text) is not bool(names)


def test_customers_come_in_pages_of_fifty_each_once(mara: FlaskClient, loop: Loop) -> None:
    loop.take(
        *(replace(ADA, ref=f"N-{n}", customer_ref=f"n{n % 51}", email=f"n{n % 51}@a.example") for n in range(120))
    )
    pages = [re.findall(r"/desk/customers/([^\"]+)", mara.get(f"/desk/customers?page={n}").text) for n in (1, 2, 3)]
    assert [len(page) for page in pages] == [50, 1, 0]
    assert len({*pages[0], *pages[1]}) == 51
    assert len(json_of(mara, "customers")) == 51


def test_a_customers_page_tells_who_they_are_and_all_that_they_said(
    mara: FlaskClient, loop: Loop, staff: dict[str, str], said: str
) -> None:
    following_up.close(loop.store, loop.asking, said, Outcome.NOT_SOLVABLE, "Sent back.", staff["mara"], LATER + HOUR)
    loop.opt_out(LATER, loop.survey_id("A-1"))
    text = mara.get(customer_page(loop, "A-1")).text
    assert (
        "Ada Mail Ada@example.org Reference ada in shop Customer since 15 January 2024"
        " Mail to them none: they have opted out"
        " Their cases A-1 · Printer jams on page two resolved yesterday, 12:00 · Mara, Hardware"
        " They said no today, 14:00: I had to tell my story again Third time."
        " Follow-up of today, 14:00 , closed as not solvable today, 15:00"
    ) in shown(text)
    assert f'href="/desk/follow-ups/{said}"' in text


def test_the_customer_is_one_touch_away_from_the_case_and_the_follow_up(
    mara: FlaskClient, loop: Loop, said: str
) -> None:
    link = f'href="{customer_page(loop, "A-1")}"'
    (row,) = loop.rows("SELECT id FROM cases WHERE ref = 'A-1'")
    assert link in mara.get(f"/desk/follow-ups/{said}").text
    assert link in mara.get(f"/desk/cases/{row['id']}").text


def test_an_erased_customer_is_nobody(mara: FlaskClient, loop: Loop, said: str) -> None:
    page = customer_page(loop, "A-1")
    (row,) = loop.rows("SELECT id FROM cases WHERE ref = 'A-1'")
    erasing.erase(loop.store, loop.keys, "ada@example.org", LATER + HOUR)
    assert [one["customer"] for one in json_of(mara, "customers")] == ["Bruno"]
    assert mara.get(page).status_code == 404
    assert "/desk/customers/" not in mara.get(f"/desk/cases/{row['id']}").text


# Quotes


def press(client: FlaskClient, page: str, verb: str) -> TestResponse:
    """Load the page, and press the first button of a kind on it."""
    text = client.get(page).text
    action = re.search(rf'formaction="([^"]+/{verb})"', text)
    assert action is not None
    fields = dict(re.findall(r'type="hidden" name="(version|standing)" value="([^"]+)"', text))
    return client.post(action[1], data={"csrf_token": csrf_of(text), **fields}, follow_redirects=True)


def test_a_quote_is_approved_taken_back_and_declined(mara: FlaskClient, loop: Loop, said: str) -> None:
    assert (
        "Found it at once! To be named: Bruno B. today, 15:00 · Bruno: Lost parcel · Orders Approve Decline"
        in shown(mara.get("/desk/quotes").text)
    )
    assert "Approved. It may be published now." in press(mara, "/desk/quotes", "approve").text
    approved = shown(mara.get("/desk/quotes?standing=approved").text)
    assert "approved today, 18:00 by Mara Take back" in approved
    assert [one.words for one in loop.store.quotes.approved(9)] == ["Found it at once!"]
    assert "Taken back." in press(mara, "/desk/quotes?standing=approved", "take-back").text
    assert "Declined." in press(mara, "/desk/quotes", "decline").text
    assert "Found it" in mara.get("/desk/quotes?standing=declined").text
    assert loop.store.quotes.approved(9) == []


def test_words_that_changed_while_they_were_read_are_not_approved(mara: FlaskClient, loop: Loop, said: str) -> None:
    text = mara.get("/desk/quotes").text
    changed = Details(comment="Never again.", quote_name="Bruno B.")
    answering.add_details(loop.store, loop.config, loop.survey_id("B-2"), Choice.YES, changed, LATER + 2 * HOUR)
    (action,) = re.findall(r'formaction="([^"]+/approve)"', text)
    fields = dict(re.findall(r'type="hidden" name="(version|standing)" value="([^"]+)"', text))
    answer = mara.post(action, data={"csrf_token": csrf_of(text), **fields}, follow_redirects=True)
    assert "The customer has changed the words or the name meanwhile." in answer.text
    assert loop.store.quotes.approved(9) == []


@pytest.mark.parametrize(
    "said_by_hand", [{}, {"version": ""}, {"version": "x" * 9_000}, {"standing": "maybe"}, {"standing": "approved"}]
)
def test_nonsense_approves_nothing(mara: FlaskClient, loop: Loop, said: str, said_by_hand: Mapping[str, str]) -> None:
    (quote,) = loop.store.quotes.page(Standing.WAITING, 9, seen_by=loop.store.staff.all()[2].id)
    form = {"csrf_token": token_of(mara), **said_by_hand}
    assert mara.post(f"/desk/quotes/{quote.answer.id}/approve", data=form).status_code == 303
    assert mara.post("/desk/quotes/nothing/approve", data=form).status_code == 404
    assert loop.store.quotes.approved(9) == []


# Figures


def test_figures_are_told_with_what_is_likely_and_small_ones_are_not(loop: Loop, mara: FlaskClient) -> None:
    resolved = NOW - 20 * DAY
    many = [
        replace(ADA, ref=f"N-{n}", customer_ref=f"n{n}", email=f"n{n}@a.example", resolved_at=resolved)
        for n in range(12)
    ]
    few = [
        replace(one, ref=f"F{one.ref}", customer_ref=f"f{one.ref}", email=f"f{one.email}", team="Orders", agent="Ines")
        for one in many[:3]
    ]
    loop.take(*many, *few, now=resolved)
    loop.ask(resolved + DAY)
    loop.send(resolved + DAY)
    for one in (*many, *few):
        choice = Choice.NO if one.ref == "N-0" else Choice.YES
        answering.answer(loop.store, loop.config, loop.survey_id(one.ref), choice, resolved + 2 * DAY)
    page = shown(mara.get("/desk/figures").text)
    assert "Hardware Solved, they say 92\xa0% of 12, likely 65 to 99\xa0%".replace("\xa0", " ") in page
    assert "Orders Solved, they say too few to say: 3 answers Asked 3, and 3 answered" in page
    assert "Where what is likely for two overlaps, neither is better." in page
    told = {(one["of"], one["name"]): one for one in json_of(mara, "figures")}
    assert list(told) == [("all", None), ("team", "Hardware"), ("team", "Orders"), ("agent", "Ines"), ("agent", "Mara")]
    assert told["team", "Hardware"]["solved_rate"] == 0.9167
    hidden = ("response_rate", "solved", "solved_rate", "solved_rate_from", "solved_rate_to", "recovered_rate")
    assert [told["team", "Orders"][name] for name in hidden] == [None] * 6


def test_a_setting_removes_single_agents_from_figures_answers_and_files(
    make_loop: Any, staff: dict[str, str], loop: Loop, said: str
) -> None:
    quiet = make_loop(agent_figures="off")
    client = logged_in(create_app(quiet.config, loop.store, loop.keys, lambda: LATER + 4 * HOUR), "mara")
    for page in ("answers", "figures"):
        assert "Ines" not in client.get(f"/desk/{page}").text
        assert "Orders" in client.get(f"/desk/{page}").text
    for what in LISTS:
        assert all("agent" not in row and "Ines" not in row.values() for row in csv_of(client, what))
        assert all(row.get("of") != "agent" for row in json_of(client, what))


# Files


@pytest.mark.parametrize("what", LISTS)
def test_a_file_has_the_same_columns_in_both_forms(mara: FlaskClient, said: str, what: str) -> None:
    rows, objects = csv_of(mara, what), json_of(mara, what)
    assert len(rows) == len(objects) > 0
    assert [list(row) for row in rows] == [list(one) for one in objects]
    answer = take(mara, f"{what}.json")
    assert answer.headers["Content-Disposition"] == f"attachment; filename={what}.json"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("what", LISTS)
def test_an_empty_list_is_a_valid_file(mara: FlaskClient, what: str) -> None:
    assert len(json_of(mara, what)) == len(csv_of(mara, what)) == (1 if what == "figures" else 0)


def test_values_keep_their_kind_in_json(mara: FlaskClient, said: str) -> None:
    (no,) = json_of(mara, "answers", "?choice=no")
    assert no["answered_at"] == "2026-03-04T14:00:00+00:00"
    assert (no["reasons"], no["asks_for_a_call"]) == (["I had to tell my story again"], True)
    assert (no["phone"], no["quoted_as"]) == ("+49 30 5550 0142", None)
    (row,) = csv_of(mara, "answers", "?choice=no")
    assert (row["phone"], row["quoted_as"]) == ("'+49 30 5550 0142", "")
    (customer,) = json_of(mara, "customers", "?words=ada")
    assert (customer["customer_since"], customer["cases"], customer["follow_up_is_open"]) == ("2024-01-15", 1, True)


@pytest.mark.parametrize(
    ("what", "query", "cases"),
    [
        ("follow-ups", "", ["A-1"]),
        ("follow-ups", "?tab=closed", []),
        ("follow-ups", "?tab=unowned&team=Hardware&stage=connect", ["A-1"]),
        ("follow-ups", "?team=Orders", []),
        ("follow-ups", "?age=3", []),
        ("answers", "?choice=yes", ["B-2"]),
        ("cases", "?words=parcel", ["B-2"]),
        ("quotes", "", ["B-2"]),
        ("quotes", "?standing=approved", []),
    ],
)
def test_a_file_is_narrowed_as_its_page_is(
    mara: FlaskClient, said: str, what: str, query: str, cases: list[str]
) -> None:
    assert [one["case"] for one in json_of(mara, what, query)] == cases
    page = mara.get(f"/desk/{'' if what == 'follow-ups' else what}{query}").text
    buttons = [unescape(one) for one in re.findall(rf'formaction="(/desk/{what}\.[^"]+)"', page)]
    kept = {"?team=Orders", "?age=3"}
    assert bool(buttons) is bool(cases)
    if query and query not in kept and cases:
        assert all(set(query[1:].split("&")) <= set(one.partition("?")[2].split("&")) for one in buttons)


def test_a_download_is_audited_with_what_and_which_and_not_with_what_was_searched_for(
    mara: FlaskClient, loop: Loop, said: str
) -> None:
    take(mara, "follow-ups.csv?tab=unowned&team=Hardware&age=1")
    take(mara, "answers.json?choice=no")
    take(mara, "customers.csv?words=ada%40example.org")
    told = [(one.who, one.action, one.became) for one in loop.store.audit.entries(9)]
    assert told == [
        ("Mara", Action.DOWNLOAD, "customers, CSV: what a search found"),
        ("Mara", Action.DOWNLOAD, "answers, JSON: no"),
        ("Mara", Action.DOWNLOAD, "follow-ups, CSV: unowned, Hardware, 1 days or older"),
    ]


def test_no_text_that_somebody_put_into_an_address_stands_in_the_audit(
    mara: FlaskClient, loop: Loop, said: str
) -> None:
    """It would outlive the erasure of whom it names."""
    take(mara, "follow-ups.csv?team=Ada%20Lovelace&topic=ada%40example.org&stage=connect")
    take(mara, "follow-ups.csv?team=Hardware&topic=printers")
    told = [one.became for one in loop.store.audit.entries(9)]
    assert told == ["follow-ups, CSV: open, Hardware, printers", "follow-ups, CSV: open, narrowed, narrowed, connect"]


def test_a_download_takes_a_button_of_ours(mara: FlaskClient, loop: Loop, said: str) -> None:
    for what in LISTS:
        assert mara.get(f"/desk/{what}.csv").status_code == 404
        assert mara.post(f"/desk/{what}.csv").status_code == 400
    assert take(mara, "nothing.csv").status_code == 405
    assert take(mara, "answers.xls").status_code == 405
    assert loop.store.audit.entries(9) == []


def test_a_file_that_is_given_up_half_way_lets_go_of_the_database(mara: FlaskClient, loop: Loop) -> None:
    long = "x" * 900
    records = [
        replace(ADA, ref=f"N-{n}", customer_ref=f"n{n}", email=f"n{n}@a.example", subject=long) for n in range(150)
    ]
    loop.take(*records)
    for kind in ("csv", "json"):
        answer = mara.post(f"/desk/cases.{kind}", data={"csrf_token": token_of(mara)}, buffered=False)
        chunks: Iterator[bytes] = iter(answer.response)  # type: ignore[arg-type]
        assert CHUNK < len(next(chunks)) < 2 * CHUNK
        answer.close()
        loop.take(replace(ADA, ref=f"after-{kind}", status=CaseStatus.OPEN))
        (busy, *_) = loop.store._database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert busy == 0


@pytest.mark.parametrize("text", [*STRANGE.values(), *HOSTILE])
def test_strange_words_are_text_on_each_page_and_in_each_file(
    mara: FlaskClient, loop: Loop, staff: dict[str, str], text: str
) -> None:
    short = clean(text[:200])
    loop.take(replace(ADA, ref="X-1", subject=short, name=short, agent=short, team=short, topic=short))
    survey_id = loop.survey_id("X-1")
    loop.ask()
    loop.send()
    key = say_no(loop, "X-1", LATER, Details(comment=text, call=True, phone=short))
    following_up.log_interaction(loop.store, key, staff["mara"], Channel.CALL, Result.NOT_SOLVED, text, LATER)
    no_files = [(what, csv_of(mara, what), json_of(mara, what)) for what in LISTS if what != "quotes"]
    answering.answer(loop.store, loop.config, survey_id, Choice.YES, LATER + HOUR)
    said = Details(comment=text, quote_name=short)
    answering.add_details(loop.store, loop.config, survey_id, Choice.YES, said, LATER + HOUR)
    newest = loop.store.surveys.get(survey_id).newest
    assert newest is not None
    for page in ("/desk/customers", customer_page(loop, "X-1"), "/desk/quotes", "/desk/figures", "/desk/answers"):
        seen = Seen(mara.get(page).text)
        assert seen.shows(short), page
        assert {"script", "img", "b onclick"}.isdisjoint(tag for tag, _ in seen.tags)
    for what, rows, objects in (*no_files, ("quotes", csv_of(mara, "quotes"), json_of(mara, "quotes"))):
        assert any(short in one.values() for one in objects), what
        assert any(guarded(short) in row.values() for row in rows), what
        for row in rows:
            assert not [cell for cell in row.values() if re.search(r"(^|[\n\r\t;])\s*[=+\-@]", cell)], what


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("customers", "They come with their cases from your help desk"),
        ("quotes", "Nothing is published before somebody approves it."),
        ("quotes?standing=approved", "What you approve under “Waiting” stands here"),
        ("quotes?standing=declined", "What you decline stands here"),
        ("figures", "They appear when the first “Did we solve it?” has gone out"),
    ],
)
def test_an_empty_page_says_what_will_come_and_how(mara: FlaskClient, page: str, words: str) -> None:
    assert words in mara.get(f"/desk/{page}").text

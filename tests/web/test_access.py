"""Who may reach what at the desk: every role, every address, every method, and other people's follow-ups."""

import json
import re
from dataclasses import dataclass, replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from feedback.domain.cases import CaseStatus
from feedback.domain.eligibility import Override
from feedback.domain.followups import Channel, Outcome, Result
from feedback.domain.staff import Role
from feedback.errors import NotFound
from feedback.loop import following_up
from feedback.loop.links import one_touch_url
from feedback.web import create_app
from tests.conftest import ADA, DAY, Loop
from tests.web.test_desk import CHEAP_HASH, csrf_of, logged_in, page_of, say_no
from tests.web.test_survey import LATER, Clock, everything

# Each address of the desk, with the least role that may use it. One that is not here fails the test.
LEAST = {
    Role.AGENT: """
        GET /desk/  GET /desk/counts  GET /desk/search  GET /desk/faq
        GET /desk/follow-ups/<key>  POST /desk/follow-ups/<key>/take  POST /desk/follow-ups/<key>/hand-over
        POST /desk/follow-ups/<key>/interactions  POST /desk/follow-ups/<key>/close
        POST /desk/follow-ups/<key>/notes/<int:seq>/<any(publish, withdraw):wish>
        GET /desk/cases/<key>  GET /desk/<path:_unknown>  GET /desk/site/  GET /desk/site/<path:path>
    """,
    Role.LEAD: """
        GET /desk/answers  GET /desk/cases  GET /desk/customers  GET /desk/customers/<key>  GET /desk/quotes
        POST /desk/quotes/<key>/<any(approve, decline, 'take-back'):verb>  GET /desk/figures
        POST /desk/<any('follow-ups', answers, cases, customers, quotes, figures):what>.<any(csv, json):kind>
        POST /desk/cases/<key>/<resolution_id>/<any(now, never, rules):wish>
    """,
    Role.OWNER: """
        GET /desk/outbox  POST /desk/outbox/<key>/<any(arrived, again):what>  POST /desk/outbox/resume
        POST /desk/outbox/<any(waiting, unconfirmed, failed, sent, dropped):what>.<any(csv, json):kind>
        GET /desk/what-if  GET /desk/audit  POST /desk/<any(audit, people):what>.<any(csv, json):kind>
        GET /desk/privacy  POST /desk/privacy  POST /desk/privacy/<any(json, html):kind>  POST /desk/privacy/erase
        POST /desk/customers/<key>/erase
        GET /desk/people  POST /desk/people  GET /desk/people/<key>  POST /desk/people/<key>
        POST /desk/people/<key>/<any('link', 'lock-out', 'let-in'):what>
    """,
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NOTHING = "nothing-here"

HARDWARE = replace(ADA, team="Hardware")
SALES = replace(ADA, ref="S-2", customer_ref="sam", email="sam@example.org", name="Sam Sales", team="Sales",
                subject="Secret discount")  # fmt: skip
NOBODYS = replace(ADA, ref="N-3", customer_ref="nina", email="nina@example.org", name="Nina Noteam", team=None,
                  subject="No team at all")  # fmt: skip


@dataclass
class Place:
    """People, each by name, and a follow-up of each team, by the team's name."""

    loop: Loop
    app: Flask
    staff: dict[str, str]
    keys: dict[str, str]
    clients: dict[str, FlaskClient]


@pytest.fixture
def place(loop: Loop) -> Place:
    people: dict[str, tuple[Role, tuple[str, ...]]] = {
        "olga": (Role.OWNER, ()),
        "lena": (Role.LEAD, ("hardware",)),  # capitals do not matter
        "lars": (Role.LEAD, ()),
        "abel": (Role.AGENT, ("Hardware",)),
        "anna": (Role.AGENT, ("Hardware",)),
        "sven": (Role.AGENT, ("Sales",)),
    }
    with loop.store.write():
        staff = {
            name: loop.store.staff.add(f"{name}@acme.example", name.title(), CHEAP_HASH, role, teams)
            for name, (role, teams) in people.items()
        }
    loop.take(HARDWARE, SALES, NOBODYS)
    loop.ask()
    keys = {"Hardware": say_no(loop, "A-1"), "Sales": say_no(loop, "S-2"), "none": say_no(loop, "N-3")}
    app = create_app(loop.config, loop.store, loop.keys, Clock())
    return Place(loop, app, staff, keys, {name: logged_in(app, name) for name in people})


def rules(app: Flask) -> list[tuple[str, Rule]]:
    return [
        (method, rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("desk.")
        for method in METHODS
        if method in (rule.methods or ())
    ]


def least_role(method: str, rule: Rule) -> Role:
    (role,) = [role for role, told in LEAST.items() if f"{method} {rule.rule}" in re.split(r"\s{2,}|\n", told)]
    return role


def filled(rule: Rule, place: Place, team: str = "Hardware") -> str:
    """The address with ids that are there."""
    follow_up = place.loop.store.follow_ups.get(place.keys[team])
    kind = rule.rule.removeprefix("/desk/").partition("/")[0]
    ids = {
        "follow-ups": follow_up.id,
        "cases": follow_up.case_id,
        "people": place.staff["sven"],
        "customers": place.loop.store.customers.of_case(follow_up.case_id),
    }
    key = ids.get(kind) or NOTHING
    address = rule.rule.replace("<key>", key).replace("<resolution_id>", follow_up.resolution_id)
    address = address.replace("<int:seq>", "1")
    address = re.sub(r"<any\('?([\w-]+)[^)]*\):\w+>", r"\1", address)
    return address.replace("<path:_unknown>", NOTHING)


def test_every_address_of_the_desk_stands_in_the_matrix_and_nothing_else_does(place: Place) -> None:
    known = {f"{method} {rule.rule}" for method, rule in rules(place.app)}
    told = {entry for lines in LEAST.values() for entry in re.split(r"\s{2,}|\n", lines) if entry}
    assert known == told


@pytest.mark.parametrize(("name", "role"), [("olga", Role.OWNER), ("lena", Role.LEAD), ("abel", Role.AGENT)])
def test_a_role_reaches_what_it_may_and_nothing_else(place: Place, name: str, role: Role) -> None:
    client = place.clients[name]
    token = csrf_of(client.get(page_of(place.keys["Hardware"])).text)
    for method, rule in rules(place.app):
        address, before = filled(rule, place), everything(place.loop)
        status = client.open(address, method=method, data={"csrf_token": token}).status_code
        if role.covers(least_role(method, rule)):
            assert status != 403, (method, address)
        else:
            assert status == 403, (method, address)
            assert everything(place.loop) == before


@pytest.mark.parametrize("name", ["olga", "lena", "abel"])
def test_a_method_that_an_address_does_not_take_does_nothing(place: Place, name: str) -> None:
    known = {(method, rule.rule) for method, rule in rules(place.app)}
    before = everything(place.loop)
    for rule in {rule.rule: rule for _, rule in rules(place.app)}.values():
        for method in METHODS:
            if (method, rule.rule) not in known:
                status = place.clients[name].open(filled(rule, place), method=method).status_code
                assert status in (404, 405, 400), (method, rule.rule, status)
    assert everything(place.loop) == before


# What each sees of a follow-up by its team, while nobody has it, while they have it, and while a colleague has.
ALWAYS = (True, True, True)
SEEN = [
    ("olga", "Hardware", ALWAYS), ("olga", "Sales", ALWAYS), ("olga", "none", ALWAYS),
    ("lena", "Hardware", ALWAYS), ("lena", "Sales", (False, True, False)), ("lena", "none", ALWAYS),
    ("lars", "Hardware", ALWAYS), ("lars", "Sales", ALWAYS), ("lars", "none", ALWAYS),
    ("abel", "Hardware", (True, True, False)), ("abel", "Sales", (False, True, False)),
    ("abel", "none", (True, True, False)),
    ("sven", "Hardware", (False, True, False)), ("sven", "Sales", (True, True, False)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "team", "seen"), SEEN)
def test_who_sees_a_follow_up_depends_on_role_team_and_owner(
    place: Place, name: str, team: str, seen: tuple[bool, bool, bool]
) -> None:
    store, key = place.loop.store, place.keys[team]
    who = {"Hardware": "Ada", "Sales": "Sam Sales", "none": "Nina Noteam"}[team]
    for owner, sees in zip((None, name, "anna"), seen, strict=True):
        if owner is not None:
            with store.write():
                store.follow_ups.take(key, place.staff[owner], LATER)
        case_id = store.follow_ups.get(key).case_id
        client = place.clients[name]
        assert client.get(page_of(key)).status_code == (200 if sees else 404), owner
        assert client.get(f"/desk/cases/{case_id}").status_code == (200 if sees else 404), owner
        assert (who in client.get("/desk/").text) is sees, owner
        assert ("<section" in client.get(f"/desk/search?words={who}").text) is sees, owner
        assert json.loads(client.get("/desk/counts").text)["counts"]["open"] == client.get("/desk/").text.count(
            "<li>\n<h2>"
        ), owner


@pytest.mark.parametrize("action", ["take", "hand-over", "interactions", "close"])
def test_another_teams_follow_up_takes_nothing_and_looks_like_none(place: Place, action: str) -> None:
    abel, before = place.clients["abel"], everything(place.loop)
    token = csrf_of(abel.get(page_of(place.keys["Hardware"])).text)
    said = {
        "csrf_token": token, "to": place.staff["abel"], "channel": "call", "result": "solved", "outcome": "solved",
        "note": "mine now",
    }  # fmt: skip
    hidden = abel.post(f"{page_of(place.keys['Sales'])}/{action}", data=said)
    nowhere = abel.post(f"{page_of('AAAAAAAAAAAAAAAAAAAAAA')}/{action}", data=said)
    assert (hidden.status_code, hidden.text) == (nowhere.status_code, nowhere.text) == (404, nowhere.text)
    assert everything(place.loop) == before


def test_the_verbs_themselves_refuse_what_a_person_does_not_see(place: Place) -> None:
    """A page may have been loaded while the follow-up was still theirs."""
    loop, key, abel = place.loop, place.keys["Hardware"], place.staff["abel"]
    following_up.take(loop.store, key, place.staff["anna"], None, LATER)
    before = everything(loop)
    for act in (
        lambda: following_up.take(loop.store, key, abel, place.staff["anna"], LATER),
        lambda: following_up.hand_over(loop.store, key, abel, abel, place.staff["anna"], LATER),
        lambda: following_up.log_interaction(loop.store, key, abel, Channel.CALL, Result.SOLVED, "x", LATER),
        lambda: following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "x", abel, LATER),
        lambda: following_up.called_and_solved(loop.store, loop.asking, key, abel, "x", LATER),
    ):
        with pytest.raises(NotFound):
            act()
    assert everything(loop) == before


def test_a_one_touch_link_ends_when_a_colleague_has_it_unless_one_leads(place: Place) -> None:
    loop, key = place.loop, place.keys["Hardware"]
    follow_up = loop.store.follow_ups.get(key)
    paths = {
        name: one_touch_url(loop.config, loop.keys, follow_up, place.staff[name], LATER).partition("/t/")[2]
        for name in ("abel", "lena", "sven")
    }
    visitor = place.app.test_client()
    assert {name: visitor.get(f"/t/{path}").status_code for name, path in paths.items()} == {
        "abel": 200, "lena": 200, "sven": 410,
    }  # fmt: skip
    following_up.take(loop.store, key, place.staff["anna"], None, LATER)
    assert [visitor.get(f"/t/{paths[name]}").status_code for name in ("abel", "lena")] == [410, 200]
    before = everything(loop)
    assert visitor.post(f"/t/{paths['abel']}", data={"act": "solved"}).status_code == 410
    assert everything(loop) == before


def test_a_change_of_role_counts_at_once(place: Place) -> None:
    olga, lena = place.clients["olga"], place.clients["lena"]
    assert lena.get("/desk/answers").status_code == 200
    page = f"/desk/people/{place.staff['lena']}"
    token = csrf_of(olga.get(page).text)
    assert (
        olga.post(page, data={"csrf_token": token, "name": "Lena", "role": "agent", "every_team": "1"}).status_code
        == 303
    )
    assert lena.get("/desk/answers").status_code == 403


def test_a_lead_reads_and_lists_nothing_of_another_team(place: Place) -> None:
    lena = place.clients["lena"]
    lists = ("answers", "cases", "customers", "quotes", "figures")
    pages = [lena.get(f"/desk/{name}") for name in (*lists, "", "search?words=discount", "quotes?standing=approved")]
    token = csrf_of(lena.get("/desk/").text)
    for name in (*lists, "follow-ups"):
        pages += [lena.post(f"/desk/{name}.{kind}", data={"csrf_token": token}) for kind in ("csv", "json")]
    for page in pages:
        assert page.status_code == 200, page.request.path
        assert "Sam Sales" not in page.text
        assert "Secret discount" not in page.text


def test_the_pages_that_one_may_not_open_are_not_offered(place: Place) -> None:
    offered = {
        name: re.findall(r'<a href="(/desk/[a-z-]*)"', place.clients[name].get("/desk/").text.partition("</nav>")[0])
        for name in ("olga", "lena", "abel")
    }
    assert set(offered["abel"]) == {"/desk/", "/desk/search", "/desk/faq"}
    for name, addresses in offered.items():
        for address in addresses:
            assert place.clients[name].get(address).status_code == 200
    assert set(offered["lena"]) < set(offered["olga"])


@pytest.mark.parametrize("guess", ["", "0", "1", "../people", "%00", "A" * 22, "A" * 5_000, "null", "' OR 1=1 --"])
def test_a_guessed_id_leads_nowhere(place: Place, guess: str) -> None:
    for path in ("/desk/follow-ups/", "/desk/cases/", "/t/", "/t/password/"):
        assert place.clients["abel"].get(path + guess).status_code in (403, 404)


@pytest.mark.parametrize("then", [
    "https://evil.example/", "//evil.example/", "/\\evil.example", "/desk//evil.example", "/desk/../../evil",
    "javascript:alert(1)", "/desk/\r\nSet-Cookie: a=b", "\t//evil.example", "/desk@evil.example", "%2F%2Fevil.example",
])  # fmt: skip
def test_logging_in_leads_to_the_desk_and_never_away(place: Place, then: str) -> None:
    visitor = place.app.test_client()
    token = csrf_of(visitor.get("/desk/login").text)
    said = {"email": "abel@acme.example", "password": "right as rain", "then": then, "csrf_token": token}
    answer = visitor.post("/desk/login", data=said)
    assert answer.status_code == 303
    assert re.fullmatch(r"/desk/[A-Za-z0-9_/-]*(\?\S*)?", answer.headers["Location"])
    assert "Set-Cookie: a" not in str(answer.headers)


def test_a_session_from_before_logging_in_is_worth_nothing_after(place: Place) -> None:
    """Whoever plants a cookie in a browser does not share what is logged in to with it."""
    attacker, victim = place.app.test_client(), place.app.test_client()
    attacker.get("/desk/login")
    planted = attacker.get_cookie("feedback_desk", path="/")
    assert planted is not None
    victim.set_cookie("feedback_desk", planted.value)
    token = csrf_of(victim.get("/desk/login").text)
    said = {"email": "abel@acme.example", "password": "right as rain", "then": "", "csrf_token": token}
    assert victim.post("/desk/login", data=said).status_code == 303
    assert victim.get("/desk/").status_code == 200
    assert attacker.get("/desk/").status_code == 303
    mine = victim.get_cookie("feedback_desk", path="/")
    assert mine is not None
    assert mine.value != planted.value


def test_of_a_case_that_two_teams_resolved_each_sees_what_is_theirs(place: Place) -> None:
    """Hardware was told no; the case was opened again, and Sales resolved it."""
    loop = place.loop
    first = place.keys["Hardware"]
    following_up.close(loop.store, loop.asking, first, Outcome.NOT_SOLVABLE, "A note of Hardware", None, LATER)
    later = LATER + 3 * DAY
    loop.take(replace(HARDWARE, status=CaseStatus.OPEN, resolved_at=None), now=later)
    loop.take(replace(HARDWARE, team="Sales", resolved_at=later), now=later)
    loop.ask(later + DAY)
    key = say_no(loop, "A-1", later + DAY)
    sven, case_id = place.clients["sven"], loop.store.follow_ups.get(key).case_id
    page = sven.get(page_of(key))
    assert page.status_code == 200
    for address in (page_of(key), f"/desk/cases/{case_id}"):
        text = sven.get(address).text
        assert "A note of Hardware" not in text
        assert first not in text
    theirs = loop.store.cases.stories(case_id)[0]
    with pytest.raises(NotFound):
        loop.asking.decide_by_hand(theirs.id, Override.NEVER, place.staff["sven"], later)


def test_an_agent_who_hands_over_comes_back_to_the_list(place: Place) -> None:
    abel, key = place.clients["abel"], place.keys["Hardware"]
    token = csrf_of(abel.get(page_of(key)).text)
    answer = abel.post(f"{page_of(key)}/hand-over", data={"csrf_token": token, "to": place.staff["anna"]})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/")
    assert "Handed over." in abel.get("/desk/").text


def test_an_old_page_does_not_hand_over_what_a_colleague_has_by_now(place: Place) -> None:
    lena, key = place.clients["lena"], place.keys["Hardware"]
    token = csrf_of(lena.get(page_of(key)).text)
    following_up.take(place.loop.store, key, place.staff["anna"], None, LATER)
    said = {"csrf_token": token, "to": place.staff["lena"], "owner": ""}
    answer = lena.post(f"{page_of(key)}/hand-over", data=said)
    assert (answer.status_code, "Anna has it by now" in answer.text) == (409, True)
    assert place.loop.store.follow_ups.get(key).owner == "Anna"


def test_what_was_typed_while_a_colleague_took_it_can_be_copied(place: Place) -> None:
    abel, key = place.clients["abel"], place.keys["Hardware"]
    token = csrf_of(abel.get(page_of(key)).text)
    following_up.take(place.loop.store, key, place.staff["anna"], None, LATER)
    for action in ("interactions", "close"):
        answer = abel.post(f"{page_of(key)}/{action}", data={"csrf_token": token, "note": "Rang <her>."})
        assert answer.status_code == 404
        assert '<blockquote class="words">Rang &lt;her&gt;.</blockquote>' in answer.text


def test_the_desk_is_found_without_its_slash_whatever_host_is_asked_for(place: Place) -> None:
    answer = place.app.test_client().get("/desk", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Location"]) == (308, "/desk/")

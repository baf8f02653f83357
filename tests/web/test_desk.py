import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from feedback.config import Config
from feedback.domain.cases import CaseRecord
from feedback.domain.followups import NOTE_LONGEST, Channel, Outcome, Result
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Stage, Suppression
from feedback.keys import Keys, Purpose
from feedback.loop import answering, following_up
from feedback.loop.explaining import explain_case
from feedback.store.operations import Hold
from feedback.store.outbox import Kind
from feedback.web import create_app, login, passwords
from feedback.web.pages import POLL
from feedback.web.passwords import hash_password, is_password
from tests.conftest import ADA, BRUNO, CHIOMA, DAY, NOW, Loop, MailServer
from tests.web.test_ops import beat
from tests.web.test_survey import LATER, Clock, everything

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
DAN = replace(ADA, ref="D-4", customer_ref="dan", email="dan@example.org", name="Dan", subject="Wrong size")
EVE = replace(ADA, ref="E-5", customer_ref="eve", email="eve@example.org", name="Eve", subject="No sound")

PASSWORD = "right as rain"
CHEAP_HASH = generate_password_hash(PASSWORD, "scrypt:1024:1:1")  # its cost stands in it, and is next to nothing
NOT_TOGETHER = "This address and this password do not belong together."

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><b onclick=x>",
    "{{ 7*7 }}",
    "\u202eevil\u2066",
    "🖨️ 👩‍👧 é",
    "&lt;br&gt; %s",
]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def staff(loop: Loop) -> dict[str, str]:
    """The ids of Mara and Tom, who work at the desk."""
    with loop.store.write():
        return {
            name: loop.store.staff.add(f"{name}@acme.example", name.title(), CHEAP_HASH, Role.OWNER)
            for name in ("mara", "tom")
        }


@pytest.fixture
def app(loop: Loop, clock: Clock, staff: dict[str, str]) -> Flask:
    return create_app(loop.config, loop.store, loop.keys, clock)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody is logged in."""
    return app.test_client()


@pytest.fixture
def mara(app: Flask) -> FlaskClient:
    return logged_in(app, "mara")


@pytest.fixture
def tom(app: Flask) -> FlaskClient:
    return logged_in(app, "tom")


@pytest.fixture
def key(loop: Loop) -> str:
    """Ada's follow-up: she says no at 14:00."""
    loop.take(ADA)
    return say_no(loop)


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def log_in(
    client: FlaskClient, email: str = "mara@acme.example", password: str = PASSWORD, page: str = "/desk/login"
) -> TestResponse:
    """Load the page for logging in, and send it with what it holds."""
    text = client.get(page).text
    then = re.search(r'name="then" value="([^"]*)"', text)
    assert then is not None
    said = {"email": email, "password": password, "then": unescape(then[1]), "csrf_token": csrf_of(text)}
    return client.post("/desk/login", data=said)


def logged_in(app: Flask, name: str) -> FlaskClient:
    client = app.test_client()
    assert log_in(client, f"{name}@acme.example").status_code == 303
    return client


def set_password_again(loop: Loop) -> None:
    """Mara's password is set anew, to what it was; its salt is another."""
    with loop.store.write():
        loop.store.staff.set_password("mara@acme.example", generate_password_hash(PASSWORD, "scrypt:1024:1:1"))


def is_in(client: FlaskClient) -> bool:
    return client.get("/desk/").status_code == 200


def send(client: FlaskClient, page: str, action: str, **said: str) -> TestResponse:
    """Load a page, and send one of its forms."""
    form = re.search(rf'<form method="post" action="{action}".*?</form>', client.get(page).text, re.DOTALL)
    assert form is not None
    return client.post(action, data={**said, "csrf_token": csrf_of(form[0])})


def say_no(loop: Loop, ref: str = "A-1", at: datetime = LATER, details: Details | None = None) -> str:
    """The customer says no; the follow-up's id."""
    survey_id = loop.survey_id(ref)
    answering.answer(loop.store, loop.config, survey_id, Choice.NO, at)
    if details is not None:
        answering.add_details(loop.store, loop.config, survey_id, Choice.NO, details, at)
    follow_up = loop.store.follow_ups.of_survey(survey_id)
    assert follow_up is not None
    return follow_up.id


def page_of(key: str) -> str:
    return f"/desk/follow-ups/{key}"


def shown(page: str) -> str:
    """What a reader sees of the page, in one line."""
    return " ".join(unescape(re.sub(r"<(style|script)>.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)).split())


def addresses(app: Flask, loop: Loop, method: str) -> list[str]:
    """Every address of the desk that takes the method; logging in and out has its own tests."""
    (follow_up,) = loop.store.follow_ups.open_ones()
    customer_id = loop.store.customers.of_case(follow_up.case_id)
    assert customer_id is not None
    keys = {
        "follow-ups": follow_up.id,
        "cases": follow_up.case_id,
        "people": loop.store.staff.all()[0].id,
        "customers": customer_id,
    }
    rules = [
        rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/desk") and method in (rule.methods or ())
    ]
    outside = {rule.endpoint for rule in rules if not rule.endpoint.startswith("desk.")} - {"desk_without_slash"}
    assert outside <= {"login.show", "login.enter", "login.leave", "login.forgotten", "login.send_link"}
    return [
        rule.rule.replace("<path:_unknown>", "nowhere")
        .replace("<path:path>", "figures/")
        .replace("<any(arrived, again):what>", "arrived")
        .replace("<any(json, html):kind>", "json")
        .replace("<any(waiting, unconfirmed, failed, sent, dropped):what>.<any(csv, json):kind>", "sent.csv")
        .replace("<any(audit, people):what>.<any(csv, json):kind>", "people.json")
        .replace("<any('link', 'lock-out', 'let-in'):what>", "link")
        .replace("<resolution_id>/<any(now, never, rules):wish>", "a-resolution/now")
        .replace("<int:seq>/<any(publish, withdraw):wish>", "1/withdraw")
        .replace(
            "<any('follow-ups', answers, cases, customers, quotes, figures):what>.<any(csv, json):kind>", "cases.csv"
        )
        .replace("<any(approve, decline, 'take-back'):verb>", "approve")
        .replace(
            "<key>", keys.get(rule.rule.removeprefix("/desk").split("/")[1] if rule.rule != "/desk" else "", "a-mail")
        )
        for rule in rules
        if rule.endpoint.startswith("desk.")
    ]


# Logging in and out


def test_who_gives_the_right_password_comes_to_the_desk(client: FlaskClient) -> None:
    assert not is_in(client)
    answer = log_in(client, "MARA@Acme.example ")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/")
    assert "Log out Mara" in client.get("/desk/").text


@pytest.mark.parametrize("email", ["mara@acme.example", "nobody@acme.example", "tom@acme.example", "💥"])
def test_whoever_may_not_come_in_reads_the_same(client: FlaskClient, loop: Loop, email: str) -> None:
    with loop.store.write():
        loop.store.staff.disable("tom@acme.example", NOW)
    password = "wrong as rain" if email == "mara@acme.example" else PASSWORD
    answer = log_in(client, email, password)
    assert answer.status_code == 403
    assert NOT_TOGETHER in answer.text
    assert f'value="{email}"' in answer.text
    assert password not in answer.text
    assert not is_in(client)


@pytest.mark.parametrize(
    ("email", "password"), [("", PASSWORD), ("mara@acme.example", ""), ("m" * 255, "x"), ("m", "x" * 1_001)]
)
def test_an_address_and_a_password_are_asked_for(client: FlaskClient, loop: Loop, email: str, password: str) -> None:
    before = everything(loop)
    answer = log_in(client, email, password)
    assert answer.status_code == 422
    assert "Please give your address and your password." in answer.text
    assert everything(loop) == before


def test_a_disabled_person_is_logged_out_at_once(mara: FlaskClient, tom: FlaskClient, loop: Loop) -> None:
    with loop.store.write():
        loop.store.staff.disable("mara@acme.example", NOW)
    assert (is_in(mara), is_in(tom)) == (False, True)


def test_a_new_password_ends_the_sessions_of_the_old(
    app: Flask, mara: FlaskClient, tom: FlaskClient, loop: Loop
) -> None:
    set_password_again(loop)
    assert (is_in(mara), is_in(tom)) == (False, True)
    assert is_in(logged_in(app, "mara"))


def test_who_logs_out_is_out(mara: FlaskClient) -> None:
    answer = send(mara, "/desk/", "/desk/logout")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/login")
    assert mara.get_cookie("feedback_desk") is None
    assert not is_in(mara)


def test_a_session_from_before_logging_in_carries_nothing_over(app: Flask, client: FlaskClient, key: str) -> None:
    planted, victim = client, app.test_client()
    token = csrf_of(planted.get("/desk/login").text)
    cookie = planted.get_cookie("feedback_desk")
    assert cookie is not None
    victim.set_cookie("feedback_desk", cookie.value)
    log_in(victim)
    assert (is_in(victim), is_in(planted)) == (True, False)
    assert victim.post(f"{page_of(key)}/take", data={"csrf_token": token}).status_code == 400


@pytest.mark.parametrize(
    "claim", [{}, {"password": ""}, {"password": None}, {"password": "0" * 16}, {"staff": "nobody", "password": ""}]
)
def test_a_session_must_know_the_password_as_well(
    app: Flask, client: FlaskClient, staff: dict[str, str], claim: dict[str, object]
) -> None:
    with client.session_transaction("/desk/") as session:
        session.update({"staff": staff["mara"], **claim})
    assert not is_in(client)


def test_a_cookie_copied_before_logging_out_opens_nothing(app: Flask, mara: FlaskClient) -> None:
    cookie = mara.get_cookie("feedback_desk")
    assert cookie is not None
    send(mara, "/desk/", "/desk/logout")
    thief = app.test_client()
    thief.set_cookie("feedback_desk", cookie.value)
    assert not is_in(thief)


def test_a_session_ends_12_hours_after_logging_in_whatever_is_done_meanwhile(
    mara: FlaskClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = login._now()
    for hours, lives in ((0, True), (6, True), (11.9, True), (12.1, False)):
        monkeypatch.setattr(login, "_now", lambda hours=hours: began + int(3600 * hours))
        assert is_in(mara) is lives
        if hours == 6:
            send(
                mara, page_of(key), f"{page_of(key)}/interactions", channel="call", result="not_solved", note="Called."
            )


def test_passwords_are_checked_one_at_a_time_and_others_are_told_to_wait(
    app: Flask, staff: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "WAIT_S", 0.01)
    with passwords._checking:
        refused = log_in(app.test_client())
    assert refused.status_code == 403
    assert "Many people are logging in at this moment." in refused.text
    assert log_in(app.test_client()).status_code == 303


def test_a_session_signed_by_another_is_none(loop: Loop, mara: FlaskClient) -> None:
    cookie = mara.get_cookie("feedback_desk")
    assert cookie is not None
    other = create_app(loop.config, loop.store, Keys(["another secret, of 32 letters or more"]))
    stranger = other.test_client()
    stranger.set_cookie("feedback_desk", cookie.value)
    assert not is_in(stranger)


@pytest.mark.parametrize(
    ("url", "is_secure", "warns"),
    [
        ("http://127.0.0.1:8000", False, False),
        ("http://localhost:8000", False, False),
        ("http://[::1]:8000", False, False),
        ("https://care.acme.example", True, False),
        ("https://127.0.0.1:8443", True, False),
        ("http://care.acme.example", True, True),
        ("http://192.168.1.7:8000", True, True),
    ],
)
def test_the_cookie_is_shut_away_and_plain_http_is_for_this_machine_alone(
    loop: Loop, make_config: Callable[..., Config], staff: dict[str, str], url: str, is_secure: bool, warns: bool
) -> None:
    client = create_app(make_config(url=url), loop.store, loop.keys, lambda: LATER).test_client()
    page, entry = client.get("/desk/login"), log_in(client)
    for answer in (page, entry):
        (cookie,) = answer.headers.getlist("Set-Cookie")
        flags = {flag.strip() for flag in cookie.split(";")[1:] if not flag.strip().startswith("Expires=")}
        assert flags == {"HttpOnly", "Path=/", "SameSite=Lax", *(("Secure",) if is_secure else ())}
    assert ("The desk logs people in over https only." in page.text) is warns


def test_behind_a_proxy_with_https_a_form_of_another_site_is_refused(
    loop: Loop, make_config: Callable[..., Config], staff: dict[str, str]
) -> None:
    config = make_config(url="https://care.acme.example", proxies="1")
    client = create_app(config, loop.store, loop.keys, lambda: LATER).test_client()
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "care.acme.example"}
    said = {"email": "mara@acme.example", "password": PASSWORD}
    said["csrf_token"] = csrf_of(client.get("/desk/login", headers=proxied).text)
    for referrer, status in (("https://evil.example/", 400), ("https://care.acme.example/desk/login", 303)):
        answer = client.post("/desk/login", data=said, headers={**proxied, "Referer": referrer})
        assert answer.status_code == status


@pytest.mark.parametrize(
    "then",
    [
        *("https://evil.example/desk/", "//evil.example/desk/", "/\\evil.example", "\t//evil.example", "javascript:x"),
        *("", "/", "desk/", "/deskx", "/s/x", "/demo/", " /desk/"),
        *("/desk/../s/x", "/desk/./../s/x", "/desk/%2e%2e/s/x", "/desk/%2E./s/x", "/desk/.\t./s/x"),
        *("/desk/\r\nX-Evil: 1", "/desk/\n", "/desk/..//evil.example/"),
    ],
)
def test_after_logging_in_nobody_is_led_out_of_the_desk(client: FlaskClient, then: str) -> None:
    token = csrf_of(client.get("/desk/login").text)
    said = {"email": "mara@acme.example", "password": PASSWORD, "then": then, "csrf_token": token}
    answer = client.post("/desk/login", data=said)
    assert (answer.status_code, answer.headers.get("Location")) == (303, "/desk/")
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("page", ["/desk/answers?choice=no&page=2", "/desk/cases?words=Zoë+%26+co", "/desk/outbox"])
def test_who_was_sent_to_log_in_comes_back_to_the_page_that_was_wanted(client: FlaskClient, page: str) -> None:
    wanted = client.get(page)
    assert wanted.status_code == 303
    assert wanted.headers["Location"].startswith("/desk/login?then=")
    answer = log_in(client, page=wanted.headers["Location"])
    back = client.get(answer.headers["Location"])
    assert (back.status_code, back.request.url) == (200, client.get(page).request.url)


def test_failed_tries_make_even_the_right_password_wait_and_success_forgets_them(
    client: FlaskClient, clock: Clock, loop: Loop
) -> None:
    for _ in range(3):
        assert NOT_TOGETHER in log_in(client, password="wrong").text
    clock.now += SECOND
    wait = log_in(client)
    assert wait.status_code == 403
    assert "Too many tries with this address failed. The next one counts in 1 second." in wait.text
    assert log_in(client, "tom@acme.example", "wrong").status_code == 403
    assert is_in(client) is False
    clock.now += SECOND
    assert log_in(client).status_code == 303
    hashes = {row["address_hash"] for row in loop.rows("SELECT address_hash FROM failed_logins")}
    assert hashes == set(loop.keys.address_hashes("tom@acme.example"))


def test_an_unknown_address_waits_like_a_known_one(client: FlaskClient, loop: Loop) -> None:
    said = [log_in(client, "nobody@acme.example").text for _ in range(4)]
    assert ["Too many tries" in text for text in said] == [False, False, False, True]
    assert "nobody" not in str(loop.rows("SELECT * FROM failed_logins"))


def test_a_password_is_kept_as_scrypt_with_a_salt_of_its_own() -> None:
    kept = hash_password(PASSWORD)
    assert kept.startswith("scrypt:")
    assert is_password(kept, PASSWORD)
    assert not is_password(kept, PASSWORD.upper())
    assert not is_password(None, "")


# Every route


def test_who_is_not_logged_in_sees_nothing_and_changes_nothing(
    app: Flask, client: FlaskClient, loop: Loop, key: str
) -> None:
    before = everything(loop)
    token = csrf_of(client.get("/desk/login").text)
    for address in addresses(app, loop, "GET"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/desk/login?then={address}")
        assert "Ada" not in answer.text
    for address in addresses(app, loop, "POST"):
        answer = client.post(
            address, data={"csrf_token": token, "channel": "call", "result": "solved", "outcome": "solved", "note": "x"}
        )
        assert answer.status_code == 401
        assert "You are logged out by now" in answer.text
        assert "Ada" not in answer.text
    assert everything(loop) == before


def test_a_form_of_another_site_changes_nothing(
    app: Flask, mara: FlaskClient, tom: FlaskClient, loop: Loop, key: str
) -> None:
    before = everything(loop)
    said = {
        "channel": "call",
        "result": "solved",
        "outcome": "solved",
        "note": "x",
        "email": "mara@acme.example",
        "password": PASSWORD,
    }
    for token in ({}, {"csrf_token": ""}, {"csrf_token": "x"}, {"csrf_token": csrf_of(tom.get("/desk/").text)}):
        for address in (*addresses(app, loop, "POST"), "/desk/login", "/desk/logout"):
            answer = mara.post(address, data=said | token)
            assert answer.status_code == 400
            assert "Load it again, and send it." in answer.text
    assert is_in(mara)
    assert everything(loop) == before


def test_no_get_and_no_head_writes_anything(app: Flask, mara: FlaskClient, loop: Loop, key: str) -> None:
    following_up.log_interaction(
        loop.store, key, loop.store.staff.all()[0].id, Channel.CALL, Result.NOT_SOLVED, "Called.", LATER
    )
    before = everything(loop)
    pages = ("/desk/login", "/desk/answers?choice=no", "/desk/cases?words=ada", f"{page_of(key)}/take", "/desk/logout")
    for address in (*addresses(app, loop, "GET"), *pages):
        for method in (mara.get, mara.head, mara.options):
            assert method(address).status_code < 500
    assert is_in(mara)
    assert everything(loop) == before


def test_every_page_has_strict_headers_and_stays_in_no_cache(
    app: Flask, mara: FlaskClient, loop: Loop, key: str
) -> None:
    for address in (*addresses(app, loop, "GET"), "/desk/login"):
        answer = mara.get(address)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        page = answer.text.replace(f"<script>{POLL}</script>", "") if address == "/desk/" else answer.text
        assert not re.search(r"<script\b|<img\b|<link\b|\sstyle=|\son\w+=", page)


def test_customers_pages_set_no_cookie_not_even_for_staff(
    client: FlaskClient, mara: FlaskClient, loop: Loop, key: str
) -> None:
    survey = f"/s/{loop.keys.sign(Purpose.SURVEY, loop.survey_id())}"
    opt_out = f"/o/{loop.keys.sign(Purpose.OPT_OUT, loop.survey_id())}"
    for browser in (client, mara):
        for answer in (
            *(browser.get(page) for page in (survey, f"{survey}/yes", opt_out, "/s/x", "/o/x", "/", "/nowhere")),
            *(browser.post(page, data={"choice": "no"}) for page in (survey, f"{survey}/details", opt_out, "/s/x")),
        ):
            assert "Set-Cookie" not in answer.headers


# What is owed


def test_what_is_owed_stands_by_when_it_is_due_with_the_next_step(
    mara: FlaskClient, loop: Loop, clock: Clock, staff: dict[str, str]
) -> None:
    loop.take(ADA, BRUNO, DAN)
    say_no(loop, "A-1", LATER, Details(comment="Page <two> jams.", call=True))
    following_up.take(loop.store, say_no(loop, "B-2", LATER - 3 * HOUR), staff["tom"], None, LATER)
    following_up.take(loop.store, say_no(loop, "D-4", LATER + HOUR), staff["mara"], None, LATER)
    clock.now = LATER + 22 * HOUR
    page = mara.get("/desk/").text
    assert "<title>To do (3) — Acme</title>" in page
    assert shown(page).endswith(
        "3 customers wait for us, the most urgent first."
        " Bruno: Lost parcel No words. Ask what is wrong."
        " overdue by 60 minutes · said no yesterday, 11:00 · Tom has it Open"
        " Ada: Printer jams on page two Page <two> jams."
        " due in 2 hours · said no yesterday, 14:00 · nobody has it · asks for a call I take it"
        " Dan: Wrong size No words. Ask what is wrong."
        " due in 3 hours · said no yesterday, 15:00 · yours Open Download CSV Download JSON"
        " Times are those of UTC."
    )


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(0), "due in 24 hours"),
        (23 * HOUR, "due in 60 minutes"),
        (DAY, "due in 0 seconds"),
        (DAY + SECOND, "overdue by 1 second"),
        (DAY + 119 * SECOND, "overdue by 119 seconds"),
        (4 * DAY, "overdue by 3 days"),
    ],
)
def test_the_clock_of_a_follow_up_is_told_in_words(
    mara: FlaskClient, clock: Clock, key: str, passed: timedelta, words: str
) -> None:
    clock.now = LATER + passed
    for page in ("/desk/", page_of(key)):
        assert f"{words} ·" in shown(mara.get(page).text)


def test_when_nobody_waits_the_page_says_so_and_what_will_come(mara: FlaskClient) -> None:
    page = shown(mara.get("/desk/").text)
    assert "Nobody waits for us. When a customer answers “no”, it stands here within a minute" in page


def test_a_customer_without_a_name_is_known_by_address(mara: FlaskClient, loop: Loop) -> None:
    loop.take(replace(ADA, name=None, subject=None))
    key = say_no(loop)
    for page in ("/desk/", page_of(key), "/desk/answers"):
        assert "Ada@example.org: A-1" in shown(mara.get(page).text)


def test_the_page_of_a_follow_up_tells_all_that_a_caller_needs(mara: FlaskClient, loop: Loop) -> None:
    loop.take(ADA)
    key = say_no(loop, details=Details((Stage.RESOLVE, Stage.ENHANCE), "Again.\nPage two.", True, "+49 30 12"))
    page = mara.get(page_of(key)).text
    assert 'href="tel:+493012"' in page
    assert 'href="mailto:Ada@example.org"' in page
    assert ">Again.\nPage two.</blockquote>" in page
    assert "It took too long, I was passed around, or it still does not work; It came back" in shown(page)
    assert (
        "Case A-1 in shop, about printers Called solved yesterday, 12:00 by Mara, Hardware, after 1 contact"
        in shown(page)
    )
    assert "today, 14:00 The customer said no" in shown(page)
    (follow_up,) = loop.store.follow_ups.open_ones()
    assert f'href="/desk/cases/{follow_up.case_id}"' in page


@pytest.mark.parametrize(
    ("phone", "link"),
    [
        ("+49 (30) 555-0142", "tel:+49305550142"),
        ("*#06#", None),
        ("javascript:alert(1)", None),
        ("//evil.example/x", None),
        ("+1900123456,,,1#", None),
        ("\u200b", None),
    ],
)
def test_only_a_number_can_be_dialled(mara: FlaskClient, loop: Loop, phone: str, link: str | None) -> None:
    loop.take(ADA)
    page = mara.get(page_of(say_no(loop, details=Details(call=True, phone=phone)))).text
    assert re.findall(r'href="(tel:[^"]*)"', page) == ([link] if link else [])
    assert str(escape(phone)) in page


def test_a_mail_link_writes_to_the_customer_and_says_nothing_more(mara: FlaskClient, loop: Loop) -> None:
    loop.take(replace(ADA, email="x?bcc=boss&body=hi@example.org"))
    assert 'href="mailto:x%3Fbcc%3Dboss%26body%3Dhi@example.org"' in mara.get(page_of(say_no(loop))).text


def test_trouble_of_the_service_stands_above_what_is_owed(mara: FlaskClient, loop: Loop) -> None:
    assert (
        "Not all is well here. Mails or the site may be late. Tell whoever runs this. scheduler: ask: has never run."
        in shown(mara.get("/desk/").text)
    )
    beat(loop, failed="publish")
    page = shown(mara.get("/desk/").text)
    assert "scheduler: publish: failed at" in page
    assert "it broke" in page
    assert "scheduler: send" not in page
    beat(loop)
    assert "scheduler" not in shown(mara.get("/desk/").text)


# What is done


def test_one_takes_it_and_another_takes_it_over(mara: FlaskClient, tom: FlaskClient, key: str) -> None:
    done = send(mara, "/desk/", f"{page_of(key)}/take")
    assert (done.status_code, done.headers["Location"]) == (303, page_of(key))
    mine = shown(mara.get(page_of(key)).text)
    assert "It is yours now." in mine
    assert "· yours" in mine
    assert "I take it" not in mine
    assert "It is yours now." not in shown(mara.get(page_of(key)).text)
    assert "Mara has it" in shown(tom.get(page_of(key)).text)
    assert "I take it over" in shown(tom.get(page_of(key)).text)
    owner = re.search(r'name="owner" value="([^"]+)"', tom.get(page_of(key)).text)
    assert owner is not None
    send(tom, page_of(key), f"{page_of(key)}/take", owner=owner[1])
    assert "Tom has it" in shown(mara.get(page_of(key)).text)
    assert "today, 14:00 · Mara Took it today, 14:00 · Tom Took it" in shown(mara.get(page_of(key)).text)


def test_taking_what_a_colleague_has_taken_meanwhile_is_told_and_changes_nothing(
    mara: FlaskClient, tom: FlaskClient, loop: Loop, key: str
) -> None:
    token = csrf_of(mara.get("/desk/").text)
    send(tom, "/desk/", f"{page_of(key)}/take")
    before = everything(loop)
    late = mara.post(f"{page_of(key)}/take", data={"csrf_token": token})
    assert late.status_code == 409
    assert "Tom has it by now." in shown(late.text)
    assert everything(loop) == before


def test_who_was_in_touch_first_owns_it_and_after_two_times_it_becomes_a_call(
    mara: FlaskClient, tom: FlaskClient, clock: Clock, key: str
) -> None:
    log = f"{page_of(key)}/interactions"
    done = send(mara, page_of(key), log, channel="mail", result="not_solved", note="Asked which page.\r\nNo reply.")
    assert (done.status_code, done.headers["Location"]) == (303, page_of(key))
    page = mara.get(page_of(key)).text
    assert "Noted." in page
    assert "Escalated" not in page
    assert '<span class="note">Asked which page.\nNo reply.</span>' in page
    clock.now += HOUR
    send(tom, page_of(key), log, channel="in_person", result="not_solved", note="Came by.")
    page = shown(mara.get(page_of(key)).text)
    assert "Escalated: talk to them now , by voice or video, instead of writing again. Two contacts did not" in page
    assert "due in 23 hours · yours" in page
    assert "today, 14:00 · Mara Mail, not solved: Asked which page. No reply." in page
    assert "today, 15:00 · Tom In person, not solved: Came by." in page


@pytest.mark.parametrize(
    ("outcome", "words"),
    [("solved", "Solved"), ("not_solvable", "Not solvable"), ("no_contact", "No contact")],
)
def test_it_is_closed_with_how_it_ended_and_what_was_done(
    mara: FlaskClient, loop: Loop, clock: Clock, key: str, outcome: str, words: str
) -> None:
    clock.now += HOUR
    done = send(mara, page_of(key), f"{page_of(key)}/close", outcome=outcome, note="  Sent a new <drum>. ")
    assert (done.status_code, done.headers["Location"]) == (303, page_of(key))
    page = mara.get(page_of(key)).text
    assert f"Closed. Ada: Printer jams on page two Closed today, 15:00: {words}" in shown(page)
    assert "today, 15:00 · Mara Closed: Sent a new <drum>." in shown(page)
    assert page.count("<form") == 2  # for logging out, and for making the note public
    follow_up = loop.store.follow_ups.get(key)
    assert (follow_up.outcome, follow_up.note) == (Outcome(outcome), "Sent a new <drum>.")
    assert "Nobody waits for us." in shown(mara.get("/desk/").text)
    closed = shown(mara.get("/desk/?tab=closed").text)
    assert f"Ada: Printer jams on page two No words. {words} · today, 15:00 · Mara Open" in closed


@pytest.mark.parametrize(
    ("form", "said", "words", "kept"),
    [
        (
            "interactions",
            {"note": "\nWrote <b>"},
            "Please say how you were in touch.",
            "\nWrote &lt;b&gt;</textarea>",
        ),
        (
            "interactions",
            {"channel": "chat", "result": "solved"},
            "Please write a few words",
            'value="chat" required checked',
        ),
        (
            "interactions",
            {"channel": "pigeon", "result": "solved", "note": "Coo"},
            "Not a valid choice.",
            "\nCoo</textarea>",
        ),
        (
            "interactions",
            {"channel": "chat", "result": "solved", "note": "x" * 5_001},
            "use at most 5,000",
            "x" * 5_001,
        ),
        (
            "interactions",
            {"channel": "chat", "result": "solved", "note": " \r\n"},
            "Please write a few",
            'value="chat" required checked',
        ),
        ("close", {"note": "Called."}, "Please say how it ended.", "\nCalled.</textarea>"),
        ("close", {"outcome": "solved", "note": ""}, "Please write a few", 'value="solved" required checked'),
        ("close", {"outcome": "withdrawn", "note": "Hm"}, "Not a valid choice.", "\nHm</textarea>"),
        (
            "close",
            {"outcome": "no_contact", "note": "x" * 5_001},
            "at most 5,000",
            'value="no_contact" required checked',
        ),
        ("close", {"outcome": "solved", "note": "\t"}, "Please write a few", 'value="solved" required checked'),
    ],
)
def test_what_is_missing_is_asked_for_and_what_was_written_stays(
    mara: FlaskClient, loop: Loop, key: str, form: str, said: dict[str, str], words: str, kept: str
) -> None:
    before = everything(loop)
    answer = send(mara, page_of(key), f"{page_of(key)}/{form}", **said)
    assert answer.status_code == 422
    assert "<title>Error: Ada — Acme</title>" in answer.text
    assert words in answer.text
    assert kept in answer.text
    assert everything(loop) == before


@pytest.mark.parametrize("note", ["👩" * NOTE_LONGEST, "word\r\n" * 999 + "word"])
def test_a_note_within_the_limit_is_taken_however_long_it_is_on_its_way(
    mara: FlaskClient, loop: Loop, key: str, note: str
) -> None:
    kept = note.replace("\r\n", "\n")
    assert len(kept) <= NOTE_LONGEST
    answer = send(mara, page_of(key), f"{page_of(key)}/close", outcome="solved", note=note)
    assert answer.status_code == 303
    assert loop.store.follow_ups.get(key).note == kept


def test_who_is_late_is_told_that_it_was_closed_and_changes_nothing(
    mara: FlaskClient, tom: FlaskClient, loop: Loop, clock: Clock, key: str
) -> None:
    token = csrf_of(mara.get(page_of(key)).text)
    send(tom, page_of(key), f"{page_of(key)}/close", outcome="solved", note="Called.")
    before = everything(loop)
    clock.now += HOUR
    for form in ("take", "interactions", "close"):
        said = {
            "csrf_token": token,
            "channel": "call",
            "result": "not_reached",
            "outcome": "no_contact",
            "note": "Nobody there.",
        }
        answer = mara.post(f"{page_of(key)}/{form}", data=said)
        page = shown(answer.text)
        assert answer.status_code == 409
        assert "This follow-up is closed already, as solved." in page
        assert ("Here it is, to be copied: Nobody there." in page) is (form != "take")
        assert "Closed today, 14:00: Solved" in page
    assert everything(loop) == before


def test_a_yes_after_the_no_withdraws_it_and_shows_so(mara: FlaskClient, loop: Loop, clock: Clock, key: str) -> None:
    clock.now += HOUR
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, clock.now)
    page = shown(mara.get(page_of(key)).text)
    assert "Closed today, 15:00: Withdrawn" in page
    assert "Answer Yes by now; it was no, today, 14:00" in page
    assert "today, 15:00 Closed: The customer changed the answer to yes." in page
    assert "Withdrawn · today, 15:00" in shown(mara.get("/desk/?tab=closed").text)


def test_nobody_is_sent_to_ask_what_is_wrong_when_the_customer_says_yes(
    mara: FlaskClient, loop: Loop, key: str
) -> None:
    assert "Ask what is wrong." in mara.get(page_of(key)).text
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, LATER + HOUR)
    assert "Ask what is wrong." not in mara.get(page_of(key)).text


def test_a_no_after_it_was_closed_opens_it_again_and_shows_so(
    mara: FlaskClient, loop: Loop, clock: Clock, key: str
) -> None:
    send(mara, page_of(key), f"{page_of(key)}/close", outcome="solved", note="Called.")
    clock.now += 2 * HOUR
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, clock.now)
    page = shown(mara.get(page_of(key)).text)
    assert "due in 24 hours · yours" in page
    assert "today, 14:00 · Mara Closed: Called. Make it public today, 16:00 The customer said no again" in page


def test_after_logging_in_again_elsewhere_the_form_can_be_sent_once_more_as_the_page_says(
    app: Flask, mara: FlaskClient, loop: Loop, key: str
) -> None:
    said = {
        "channel": "call",
        "result": "not_solved",
        "note": "A long text.",
        "csrf_token": csrf_of(mara.get(page_of(key)).text),
    }
    mara.delete_cookie("feedback_desk")  # as when its 12 hours are over
    refused = mara.post(f"{page_of(key)}/interactions", data=said)
    assert refused.status_code == 401
    assert "Log in again in another window, then come back here and send it once more." in refused.text
    assert log_in(mara).status_code == 303
    assert mara.post(f"{page_of(key)}/interactions", data=said).status_code == 303
    assert loop.store.follow_ups.get(key).interactions == 1


@pytest.mark.parametrize("path", ["follow-ups/nobody", "cases/nobody", "cases/", "nowhere", "follow-ups/%F0%9F%92%A5"])
def test_an_address_that_leads_nowhere_is_told_to_staff_in_words_for_staff(mara: FlaskClient, path: str) -> None:
    answer = mara.get(f"/desk/{path}")
    assert answer.status_code == 404
    assert "There is nothing here A colleague may have taken it" in shown(answer.text)
    assert 'href="/desk/"' in answer.text


@pytest.mark.parametrize("form", ["take", "interactions", "close"])
def test_nothing_is_done_about_a_follow_up_that_does_not_exist(
    mara: FlaskClient, loop: Loop, key: str, form: str
) -> None:
    before = everything(loop)
    said = {
        "csrf_token": csrf_of(mara.get("/desk/").text),
        "channel": "call",
        "result": "solved",
        "outcome": "solved",
        "note": "x",
    }
    answer = mara.post(f"/desk/follow-ups/nobody/{form}", data=said)
    assert (answer.status_code, "A colleague may have taken it" in answer.text) == (404, True)
    assert everything(loop) == before


# What was said, what was asked, what went out


@pytest.fixture
def answered(loop: Loop) -> Loop:
    """Ada says no at 14:00, Bruno yes at 15:00; Dan no at 16:00, and yes at 17:00."""
    loop.take(ADA, BRUNO, DAN)
    say_no(loop, "A-1", LATER, Details((Stage.CONNECT,), "Third time."))
    say_no(loop, "D-4", LATER + 2 * HOUR)
    for ref, hours in (("B-2", 1), ("D-4", 3)):
        answering.answer(loop.store, loop.config, loop.survey_id(ref), Choice.YES, LATER + hours * HOUR)
    said = Details(comment="Quick!", quote_name="Bruno B.")
    answering.add_details(loop.store, loop.config, loop.survey_id("B-2"), Choice.YES, said, LATER + HOUR)
    return loop


ADA_SAID = (
    "No · Ada: Printer jams on page two Third time. Ticked: I had to tell my story again"
    " today, 14:00 · Mara, Hardware · follow-up"
)
BRUNO_SAID = "Yes · Bruno: Lost parcel Quick! today, 15:00 · Mara, Hardware · may be quoted as Bruno B."
DAN_SAID = "Yes · Dan: Wrong size today, 17:00 · Mara, Hardware · follow-up"


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("", [DAN_SAID, BRUNO_SAID, ADA_SAID]),
        ("?choice=yes", [DAN_SAID, BRUNO_SAID]),
        ("?choice=no", [ADA_SAID]),
        *((f"?choice={odd}", [DAN_SAID, BRUNO_SAID, ADA_SAID]) for odd in ("maybe", "", "YES", "%00", "no'--")),
        *((f"?page={odd}", [DAN_SAID, BRUNO_SAID, ADA_SAID]) for odd in ("0", "-1", "x", "", "1e3", "9" * 5_000)),
        ("?page=2", ["No answers here. They appear as soon as customers press the button"]),
        (f"?page={'9' * 30}", ["No answers here. They appear as soon as customers press the button"]),
    ],
)
def test_answers_are_listed_newest_first_and_nonsense_does_no_harm(
    answered: Loop, mara: FlaskClient, clock: Clock, query: str, lines: list[str]
) -> None:
    clock.now = LATER + 4 * HOUR
    answer = mara.get(f"/desk/answers{query}")
    assert answer.status_code == 200
    assert " ".join(lines) in shown(answer.text)
    assert all((line in shown(answer.text)) is (line in lines) for line in (ADA_SAID, BRUNO_SAID, DAN_SAID))


@pytest.mark.parametrize(
    "page", ["/desk/answers", "/desk/answers?choice=yes", "/desk/cases", "/desk/cases?words=Ada+%26"]
)
def test_a_long_list_comes_in_pages_of_fifty(mara: FlaskClient, loop: Loop, page: str) -> None:
    loop.take(
        *(
            replace(ADA, ref=f"N-{n}", customer_ref=f"n{n}", email=f"n{n}@example.org", name="Ada & co")
            for n in range(51)
        )
    )
    for n in range(51):
        answering.answer(loop.store, loop.config, loop.survey_id(f"N-{n}"), Choice.YES, LATER + n * SECOND)

    def cases(text: str) -> list[str]:
        return re.findall(r'<a href="/desk/cases/([^"]+)">', text)

    def link(text: str, words: str) -> str | None:
        found = re.search(rf'<a href="([^"]+)">{words}</a>', text)
        return found and unescape(found[1])

    first = mara.get(page).text
    older = link(first, "Older")
    assert older is not None
    second = mara.get(older).text
    assert [len(cases(text)) for text in (first, second)] == [50, 1]
    assert len({*cases(first), *cases(second)}) == 51
    assert [link(first, "Newer"), link(second, "Older")] == [None, None]
    newer = link(second, "Newer")
    assert newer is not None
    assert cases(mara.get(newer).text) == cases(first)


ODD = replace(ADA, ref="100%_off!", customer_ref="om", name="O_m", email="om%x@example.net", subject="Why!?")


@pytest.mark.parametrize(
    ("words", "refs"),
    [
        ("", {"A-1", "B-2", "C-3", "100%_off!"}),
        ("A-1", {"A-1"}),
        ("lost PARCEL", {"B-2"}),
        ("  parcel ", {"B-2"}),
        ("chioma", {"C-3"}),
        ("example.org", {"A-1", "B-2"}),
        ("%", {"100%_off!"}),
        ("_", {"100%_off!"}),
        ("!", {"100%_off!"}),
        *((part, {"100%_off!"}) for part in ("0%_o", "f!", "m%x@", "O_m", "y!?")),
        ("%off", set()),
        ("nothing of the kind", set()),
        ("x" * 10_000, set()),
    ],
)
def test_a_case_is_found_by_a_part_of_what_is_known_of_it(
    mara: FlaskClient, loop: Loop, words: str, refs: set[str]
) -> None:
    loop.take(ADA, BRUNO, CHIOMA, ODD)
    answer = mara.get("/desk/cases", query_string={"words": words})
    assert answer.status_code == 200
    assert set(re.findall(r'<a href="/desk/cases/[^"]+">(\S+) · ', answer.text)) == refs
    assert f'value="{escape(words.strip()[:100])}"' in answer.text
    assert ("No case fits" in answer.text) is not bool(refs)


def test_before_the_first_case_the_page_says_where_cases_come_from(mara: FlaskClient) -> None:
    assert "feedback import cases FILE" in mara.get("/desk/cases").text


def test_a_case_tells_why_its_customer_was_asked_and_leads_to_the_follow_up(mara: FlaskClient, loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    key = say_no(loop)
    (case,) = loop.store.cases.with_ref("A-1")
    page = mara.get(f"/desk/cases/{case.id}").text
    for told in explain_case(loop.store, loop.keys, loop.config, case, loop.config.zone):
        assert " ".join([told.heading, *told.lines]) in shown(page)
    assert "Wednesday, 4 March 2026, 12:00 (UTC): We ask: it is due." in shown(page)
    assert "The customer answered no on Wednesday, 4 March 2026, 14:00 (UTC)." in shown(page)
    assert f'<a class="button" href="{page_of(key)}">Open the follow-up</a>' in page


def test_a_case_without_a_no_leads_to_no_follow_up(mara: FlaskClient, loop: Loop) -> None:
    loop.take(CHIOMA)
    (case,) = loop.store.cases.with_ref("C-3")
    page = mara.get(f"/desk/cases/{case.id}").text
    assert "We do not ask: we know no address of this customer." in shown(page)
    assert "follow-up" not in page


def sections(page: str) -> dict[str, str]:
    """What the outbox shows, by its headings' ids."""
    found = re.findall(r'<section aria-labelledby="(\w+)">(.*?)</section>', page, re.DOTALL)
    return {name: shown(text) for name, text in found}


def test_the_outbox_shows_each_mail_where_it_stands(
    mara: FlaskClient, loop: Loop, clock: Clock, mail_server: MailServer
) -> None:
    def queue(record: CaseRecord) -> None:
        loop.take(record)
        loop.ask()

    queue(ADA)
    loop.send()
    queue(BRUNO)
    mail_server.replies["RCPT"] = ["550 5.1.1 No <such> person"]
    loop.send(mail=mail_server.url)
    queue(replace(CHIOMA, email="chioma@example.org"))
    with loop.store.write():
        (mail,) = loop.store.outbox.claim(Kind.SURVEY, "a process", NOW + DAY, HOUR, 9)
        loop.store.outbox.hand_over(mail, "a process", "chioma@example.org", NOW + DAY, HOUR)
        loop.store.outbox.settle_lapsed(NOW + DAY + 2 * HOUR)
    queue(DAN)
    with loop.store.write():
        loop.store.surveys.suppress(loop.keys.address_hashes("dan@example.org")[0], Suppression.OPTED_OUT, NOW)
    loop.send()
    queue(EVE)
    say_no(loop)
    found = sections(mara.get("/desk/outbox").text)
    assert list(found) == ["waiting", "unconfirmed", "failed", "sent", "dropped"]
    assert found["waiting"] == (
        "Waiting (2) From the moment at which they are due until they are sent."
        " Survey to eve@example.org · E-5: No sound due today, 12:00"
        " Alert to mara@acme.example · A-1: Printer jams on page two due today, 14:00"
    )
    assert found["unconfirmed"] == (
        "In doubt (1) They may have arrived or not, and are not sent again by themselves."
        " Survey to chioma@example.org · C-3: Invoice twice"
        " today, 12:00 · the sender stopped before the server had answered The customer has it Send again"
    )
    assert re.fullmatch(
        r"Refused, or came back \(1\) They did not arrive, and are not tried again\. "
        r"A wrong address is mended in the help desk\."
        r" Survey to bruno@example.org · B-2: Lost parcel today, 12:00 · .*550 5.1.1 No <such> person.*",
        found["failed"],
    )
    assert found["sent"].startswith(
        "Sent today (1) They were handed over. Survey to Ada@example.org · A-1: Printer jams on page two today, 12:00"
    )
    assert found["dropped"].startswith(
        "Withdrawn (1) Asking was not right any more when they were to go. Survey to dan@"
    )
    assert found["dropped"].endswith("this address has opted out")
    clock.now += DAY
    tomorrow = sections(mara.get("/desk/outbox").text)
    assert tomorrow["sent"] == "Sent today None."
    assert "Survey to bruno@example.org" in tomorrow["failed"]


def test_an_empty_outbox_says_so(mara: FlaskClient) -> None:
    assert sections(mara.get("/desk/outbox").text) == {
        "waiting": "Waiting None.",
        "unconfirmed": "In doubt None.",
        "failed": "Refused, or came back None.",
        "sent": "Sent today None.",
        "dropped": "Withdrawn None.",
    }


@pytest.mark.parametrize(
    ("sent_at", "is_shown"),
    [
        (datetime(2026, 3, 4, 22, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 4, 23, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 5, 9, 0, tzinfo=UTC), True),
    ],
)
def test_today_begins_at_the_midnight_of_the_business(
    make_loop: Callable[..., Loop],
    make_config: Callable[..., Config],
    staff: dict[str, str],
    sent_at: datetime,
    is_shown: bool,
) -> None:
    loop = make_loop(window="off")
    loop.take(ADA)
    loop.ask()
    loop.send(sent_at)
    config, now = make_config(zone="Europe/Berlin"), datetime(2026, 3, 5, 10, tzinfo=UTC)
    desk = logged_in(create_app(config, loop.store, loop.keys, lambda: now), "mara")
    assert ("Ada@example.org" in sections(desk.get("/desk/outbox").text)["sent"]) is is_shown


@pytest.mark.parametrize("text", HOSTILE)
def test_odd_words_are_kept_and_inert_on_every_page(
    mara: FlaskClient, loop: Loop, staff: dict[str, str], text: str
) -> None:
    loop.take(replace(ADA, ref=text, subject=text, name=text, agent=text, team=text))
    (survey,) = loop.rows("SELECT id FROM surveys")
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, survey["id"], Choice.NO, LATER)
    said = Details(comment=text, call=True, phone=text)
    answering.add_details(loop.store, loop.config, survey["id"], Choice.NO, said, LATER)
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.log_interaction(loop.store, follow_up.id, staff["mara"], Channel.CALL, Result.NOT_SOLVED, text, LATER)
    search = mara.get("/desk/cases", query_string={"words": text}).text
    wrong = send(mara, page_of(follow_up.id), f"{page_of(follow_up.id)}/close", note=text).text
    pages = ["/desk/", page_of(follow_up.id), "/desk/answers", f"/desk/cases/{follow_up.case_id}", "/desk/outbox"]
    texts = [search, wrong, *(mara.get(page).text for page in pages)]
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.SOLVED, text, staff["mara"], LATER)
    answering.answer(loop.store, loop.config, survey["id"], Choice.YES, LATER + HOUR)
    said = Details(comment=text, quote_name=text)
    answering.add_details(loop.store, loop.config, survey["id"], Choice.YES, said, LATER + HOUR)
    texts += [mara.get(page).text for page in ("/desk/?tab=closed", *pages[1:])]
    for page in texts:
        assert str(escape(text)) in page
        assert not re.search(r"<script|<b onclick|<br>", page.replace(f"<script>{POLL}", ""))


@pytest.mark.parametrize(("button", "state"), [("The customer has it", "sent"), ("Send again", "queued")])
def test_staff_decide_about_a_mail_in_doubt_once(mara: FlaskClient, loop: Loop, button: str, state: str) -> None:
    loop.take(ADA)
    loop.ask()
    with loop.store.write():
        (mail,) = loop.store.outbox.claim(Kind.SURVEY, "a process", NOW + DAY, HOUR, 9)
        loop.store.outbox.hand_over(mail, "a process", "ada@example.org", NOW + DAY, HOUR)
        loop.store.outbox.settle_lapsed(NOW + DAY + 2 * HOUR)
    page = mara.get("/desk/outbox").text
    action = re.search(rf'formaction="([^"]+)"[^>]*>{button}<', page)
    assert action is not None
    for words in ("Noted" if state == "sent" else "It goes out again", "This mail is in doubt no more"):
        assert mara.post(action[1], data={"csrf_token": csrf_of(page)}).status_code == 303
        assert words in mara.get("/desk/outbox").text
        assert [row["state"] for row in loop.rows("SELECT state FROM outbox")] == [state]


def test_held_mail_is_told_and_released_at_the_desk(mara: FlaskClient, loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    with loop.store.write():
        loop.store.operations.hold(Hold(LATER, "nothing had run since Sunday", None))
    loop.send(LATER)
    assert loop.maildir() == []
    page = mara.get("/desk/outbox").text
    assert "Mail to customers is held since today, 14:00: nothing had run since Sunday." in shown(page)
    assert "1 would go out now, the first of them about A-1." in shown(page)
    assert "held mail: mail to customers is held" in shown(mara.get("/desk/").text)
    send(mara, "/desk/outbox", "/desk/outbox/resume")
    assert "Released, but for what had gone out already." in mara.get("/desk/outbox").text
    loop.send(LATER)
    assert len(loop.maildir()) == 1


# Deciding by hand, and the reader's clock


def case_page(loop: Loop, ref: str = "A-1") -> str:
    (case,) = loop.store.cases.with_ref(ref)
    return f"/desk/cases/{case.id}"


def buttons(page: str) -> dict[str, str]:
    return {words: action for action, words in re.findall(r'formaction="([^"]+)">([^<]+)</button>', page)}


def test_a_survey_is_sent_now_by_hand_and_the_page_says_by_whom(mara: FlaskClient, loop: Loop, clock: Clock) -> None:
    clock.now = NOW + HOUR
    loop.take(ADA)
    page = mara.get(case_page(loop)).text
    assert "Next: the survey is due Wednesday, 4 March 2026, 12:00 (UTC)" in shown(page)
    assert set(buttons(page)) == {"Send now", "Never send"}
    answer = post(mara, buttons(page)["Send now"])
    assert (answer.status_code, answer.headers["Location"]) == (303, case_page(loop))
    page = mara.get(case_page(loop)).text
    assert "It goes out with the next run, in less than a minute." in shown(page)
    assert "We ask: Mara decided so." in shown(page)
    assert set(buttons(page)) == {"Never send", "Leave it to the rules"}
    loop.ask(clock.now)
    loop.send(clock.now)
    page = mara.get(case_page(loop)).text
    assert buttons(page) == {}
    refused = post(mara, f"{case_page(loop)}/{resolution_of(loop)}/never")
    assert refused.status_code == 303
    assert "Its mail has gone out by now" in shown(mara.get(case_page(loop)).text)


def post(client: FlaskClient, action: str) -> TestResponse:
    return client.post(action, data={"csrf_token": csrf_of(client.get("/desk/").text)})


def resolution_of(loop: Loop, ref: str = "A-1") -> str:
    (row,) = loop.rows(f"SELECT r.id FROM resolutions r JOIN cases c ON c.id = case_id WHERE ref = '{ref}'")
    return str(row["id"])


def test_never_and_the_rules_again(mara: FlaskClient, loop: Loop, clock: Clock) -> None:
    clock.now = NOW + HOUR
    loop.take(ADA)
    post(mara, buttons(mara.get(case_page(loop)).text)["Never send"])
    page = mara.get(case_page(loop)).text
    assert "It will not be sent." in shown(page)
    post(mara, buttons(page)["Leave it to the rules"])
    page = mara.get(case_page(loop)).text
    assert "It waits: it is too soon after the resolution." in shown(page)
    assert "Mara left it to the rules." in shown(page)


def test_what_binds_is_told_to_who_wants_to_send(mara: FlaskClient, loop: Loop, clock: Clock) -> None:
    loop.take(CHIOMA)
    page = mara.get(case_page(loop, "C-3")).text
    assert "It cannot be sent: we know no address of this customer." in shown(page)
    assert set(buttons(page)) == {"Never send"}
    post(mara, f"{case_page(loop, 'C-3')}/{resolution_of(loop, 'C-3')}/now")
    assert "It cannot be sent: we know no address of this customer." in shown(mara.get(case_page(loop, "C-3")).text)
    assert post(mara, f"{case_page(loop, 'C-3')}/no-such-resolution/now").status_code == 404
    loop.take(ADA)
    assert post(mara, f"{case_page(loop, 'C-3')}/{resolution_of(loop)}/never").status_code == 404
    assert loop.rows("SELECT wish FROM overrides") == []


def test_a_person_reads_times_by_a_clock_of_their_own(mara: FlaskClient, loop: Loop) -> None:
    loop.take(replace(ADA, zone="Asia/Tokyo"))
    page = shown(mara.get(case_page(loop)).text)
    assert "We wait until Thursday, 5 March 2026, 00:00 (UTC)" in page
    assert "there it is Thursday, 5 March 2026, 09:00 (Asia/Tokyo)" in page
    assert page.endswith("Times are those of UTC.")
    with loop.store.write():
        loop.store.staff.set_zone("mara@acme.example", "America/New_York")
    page = shown(mara.get(case_page(loop)).text)
    assert "We wait until Wednesday, 4 March 2026, 19:00 (America/New_York)" in page
    assert page.endswith("Times are those of America/New_York.")


# What if


def test_the_present_settings_stand_beside_others(mara: FlaskClient, loop: Loop, clock: Clock) -> None:
    loop.take(ADA, BRUNO, replace(ADA, ref="A-2"), replace(CHIOMA, resolved_at=NOW - 8 * DAY))
    clock.now = NOW + 30 * HOUR
    page = shown(mara.get("/desk/what-if").text)
    assert "What would have become of 4 resolutions" in page
    assert "Mails that would have gone out 2 Waiting still 0 Not asked 2" in page
    assert "Wed 4 Mar 2" in page
    assert " Changed " not in page
    page = shown(mara.get("/desk/what-if?days=7&delay=2d&ask_again_after=off").text)
    assert "What would have become of 3 resolutions" in page
    assert "What Now Changed Mails that would have gone out 2 0 Waiting still 0 3" in page
    assert "Thu 5 Mar 0 + 3 due" in page
    assert loop.rows("SELECT state FROM surveys") == [{"state": "waiting"}] * 2


def test_a_setting_that_makes_no_sense_is_told_beside_what_is_known(mara: FlaskClient, loop: Loop) -> None:
    loop.take(ADA)
    answer = mara.get("/desk/what-if?delay=%3Cb%3Esoon&days=many")
    assert answer.status_code == 422
    assert "FEEDBACK_DELAY: given '<b>soon', expected a duration such as 90s" in shown(answer.text).replace("  ", " ")
    assert "<b>soon" not in answer.text
    assert "What would have become of 1 resolution " in shown(answer.text)


def test_before_the_first_case_what_if_says_where_cases_come_from(mara: FlaskClient) -> None:
    assert "feedback import cases FILE" in mara.get("/desk/what-if").text

"""Owners let people in and lock them out; links set passwords; every change stands in the audit."""

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from feedback.domain.audit import Action
from feedback.domain.staff import Role
from feedback.errors import Refused
from feedback.loop import following_up, people
from feedback.store.outbox import Kind, MailState
from feedback.web import create_app
from tests.conftest import ADA, BRUNO, DAY, Loop, text_of
from tests.web.test_desk import CHEAP_HASH, PASSWORD, is_in, log_in, logged_in, page_of, say_no, send, shown
from tests.web.test_survey import LATER, Clock

NEW = "a longer secret"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def staff(loop: Loop) -> dict[str, str]:
    """Mara owns it, Tom is an agent of every team."""
    with loop.store.write():
        return {
            "mara": loop.store.staff.add("mara@acme.example", "Mara", CHEAP_HASH, Role.OWNER),
            "tom": loop.store.staff.add("tom@acme.example", "Tom", CHEAP_HASH, Role.AGENT),
        }


@pytest.fixture
def app(loop: Loop, clock: Clock, staff: dict[str, str]) -> Flask:
    return create_app(loop.config, loop.store, loop.keys, clock)


@pytest.fixture
def mara(app: Flask) -> FlaskClient:
    return logged_in(app, "mara")


def invite(mara: FlaskClient, email: str = "jo@acme.example", **more: str) -> None:
    said = {"email": email, "name": "Jo", "role": "agent", "new_team": "Hardware"} | more
    assert send(mara, "/desk/people", "/desk/people", **said).status_code == 303


def link_to(loop: Loop, address: str, clock: Clock) -> str:
    """The path of the link in the newest mail to an address."""
    loop.send(clock())
    mail = [one for one in loop.maildir() if one["To"] == address][-1]
    found = re.search(r"https?://[^/]+(/t/password/\S+)", text_of(mail))
    assert found is not None
    return found[1]


def act(mara: FlaskClient, key: str, what: str) -> str:
    page = f"/desk/people/{key}"
    token = re.search(r'name="csrf_token" value="([^"]+)"', mara.get(page).text)
    assert token is not None
    return mara.post(f"{page}/{what}", data={"csrf_token": token[1]}, follow_redirects=True).text


def test_an_invited_person_sets_a_password_by_the_link_in_the_mail_and_comes_in(
    app: Flask, mara: FlaskClient, loop: Loop, clock: Clock
) -> None:
    invite(mara)
    assert "invited, has no password yet" in mara.get("/desk/people").text
    path = link_to(loop, "jo@acme.example", clock)
    text = text_of(loop.maildir()[-1])
    assert "you can work at the desk of" in text
    assert "The link works once, for 7 days." in text
    jo = app.test_client()
    assert "Your password, Jo" in jo.get(path).text
    assert "It counts from now on" in jo.post(path, data={"password": NEW, "again": NEW}).text
    assert log_in(jo, "jo@acme.example", NEW).status_code == 303
    person = loop.store.staff.known("jo@acme.example")
    assert (person.name, person.role, person.teams) == ("Jo", Role.AGENT, ("Hardware",))


def test_a_link_for_a_password_works_once_and_a_look_at_it_does_nothing(
    app: Flask, mara: FlaskClient, loop: Loop, clock: Clock
) -> None:
    invite(mara)
    path = link_to(loop, "jo@acme.example", clock)
    visitor = app.test_client()
    for _ in range(3):
        assert visitor.get(path).status_code == 200
    assert visitor.post(path, data={"password": NEW, "again": NEW}).status_code == 200
    for answer in (visitor.get(path), visitor.post(path, data={"password": "another one!", "again": "another one!"})):
        assert (answer.status_code, "This link has ended" in answer.text) == (409, True)
    assert log_in(visitor, "jo@acme.example", NEW).status_code == 303


@pytest.mark.parametrize(("known", "after", "status"), [
    (False, timedelta(days=6, hours=23), 200), (False, timedelta(days=7, minutes=1), 409),
    (True, timedelta(hours=1, minutes=59), 200), (True, timedelta(hours=2, minutes=1), 409),
])  # fmt: skip
def test_an_invitation_lasts_a_week_and_a_reset_two_hours(
    app: Flask, mara: FlaskClient, loop: Loop, clock: Clock, known: bool, after: timedelta, status: int
) -> None:
    if known:
        people.ask_for_link(loop.store, "tom@acme.example", clock())
    else:
        invite(mara)
    path = link_to(loop, "tom@acme.example" if known else "jo@acme.example", clock)
    clock.now += after
    assert app.test_client().get(path).status_code == status


@pytest.mark.parametrize("password", ["", "short", "x" * 1_001])
def test_a_password_that_is_too_short_or_too_long_is_not_kept(
    app: Flask, mara: FlaskClient, loop: Loop, clock: Clock, password: str
) -> None:
    invite(mara)
    path = link_to(loop, "jo@acme.example", clock)
    answer = app.test_client().post(path, data={"password": password, "again": password})
    assert (answer.status_code, "Please use 10 letters at least" in answer.text) == (422, True)
    answer = app.test_client().post(path, data={"password": NEW, "again": NEW + "!"})
    assert (answer.status_code, "The two are not the same" in answer.text) == (422, True)
    assert not loop.store.staff.known("jo@acme.example").may_log_in


def test_a_forged_or_foreign_link_leads_nowhere(app: Flask, mara: FlaskClient, loop: Loop, clock: Clock) -> None:
    invite(mara)
    token = link_to(loop, "jo@acme.example", clock).rpartition("/")[2]
    forged = [token[:-1] + ("A" if token[-1] != "A" else "B"), token.upper(), "x", "a.b.c.d", token + "%27"]
    for one in forged:
        for answer in (
            app.test_client().get(f"/t/password/{one}"),
            app.test_client().post(f"/t/password/{one}", data={"password": NEW, "again": NEW}),
        ):
            assert answer.status_code == 404


def test_who_forgot_a_password_gets_a_link_and_nobody_learns_who_works_here(
    app: Flask, loop: Loop, clock: Clock, staff: dict[str, str]
) -> None:
    client = app.test_client()
    pages = [
        send(client, "/desk/forgotten", "/desk/forgotten", email=email).text
        for email in ("tom@acme.example", "nobody@acme.example")
    ]
    assert pages[0] == pages[1]
    path = link_to(loop, "tom@acme.example", clock)
    assert [mail["To"] for mail in loop.maildir()] == ["tom@acme.example"]
    assert "If it was not you, do nothing" in text_of(loop.maildir()[0])
    tom = logged_in(app, "tom")
    client.post(path, data={"password": NEW, "again": NEW})
    assert not is_in(tom)
    assert log_in(client, "tom@acme.example", PASSWORD).status_code == 403
    assert log_in(client, "tom@acme.example", NEW).status_code == 303


def test_a_link_can_be_asked_for_five_times_a_day(loop: Loop, staff: dict[str, str], clock: Clock) -> None:
    for _ in range(9):
        people.ask_for_link(loop.store, "tom@acme.example", clock())
        loop.send(clock())
    assert len(loop.maildir()) == 5
    clock.now += DAY + timedelta(seconds=1)
    people.ask_for_link(loop.store, "tom@acme.example", clock())
    loop.send(clock())
    assert len(loop.maildir()) == 6


def test_who_is_locked_out_is_out_at_once_and_gets_no_link(
    app: Flask, mara: FlaskClient, loop: Loop, staff: dict[str, str], clock: Clock
) -> None:
    tom = logged_in(app, "tom")
    people.ask_for_link(loop.store, "tom@acme.example", clock())
    assert "Tom is locked out." in act(mara, staff["tom"], "lock-out")
    assert not is_in(tom)
    people.ask_for_link(loop.store, "tom@acme.example", clock())
    loop.send(clock())
    assert loop.maildir() == []
    assert loop.store.outbox.counts() == {MailState.DROPPED: 1}
    assert "Let them in again first" in act(mara, staff["tom"], "link")


def test_whoever_is_let_in_again_needs_a_new_password(
    app: Flask, mara: FlaskClient, loop: Loop, staff: dict[str, str], clock: Clock
) -> None:
    act(mara, staff["tom"], "lock-out")
    assert "Tom gets a mail with a link" in act(mara, staff["tom"], "let-in")
    assert log_in(app.test_client(), "tom@acme.example", PASSWORD).status_code == 403
    path = link_to(loop, "tom@acme.example", clock)
    app.test_client().post(path, data={"password": NEW, "again": NEW})
    assert log_in(app.test_client(), "tom@acme.example", NEW).status_code == 303


def test_what_a_locked_out_person_had_is_nobodys_and_is_told_again(
    app: Flask, mara: FlaskClient, loop: Loop, staff: dict[str, str], clock: Clock
) -> None:
    loop.take(ADA)
    key = say_no(loop)
    following_up.take(loop.store, key, staff["tom"], None, LATER)
    loop.send(LATER + timedelta(minutes=1))
    before = len(loop.maildir())
    act(mara, staff["tom"], "lock-out")
    assert loop.store.follow_ups.get(key).owner is None
    loop.send(clock())
    assert [mail["To"] for mail in loop.maildir()[before:]] == ["mara@acme.example"]
    assert "Nobody has it any more" in shown(mara.get(page_of(key)).text)


def test_the_last_owner_who_can_log_in_stays_one(
    mara: FlaskClient, loop: Loop, staff: dict[str, str], clock: Clock
) -> None:
    words = "Mara is the only owner who can log in. Make somebody else an owner first."
    assert words in act(mara, staff["mara"], "lock-out")
    page = f"/desk/people/{staff['mara']}"
    answer = send(mara, page, page, name="Mara", role="lead", every_team="1")
    assert (answer.status_code, words in unescape(answer.text)) == (409, True)
    invite(mara, role="owner")  # who has no password yet, and so cannot come in
    with pytest.raises(Refused):
        people.lock_out(loop.store, loop.config, staff["mara"], clock(), by=staff["mara"])
    people.change(loop.store, staff["tom"], "Tom", Role.OWNER, (), clock(), by=staff["mara"])
    people.lock_out(loop.store, loop.config, staff["mara"], clock(), by=staff["tom"])


def test_a_team_is_spelled_as_cases_spell_it(mara: FlaskClient, loop: Loop) -> None:
    loop.take(ADA)  # of the team Support
    invite(mara, new_team=f"  {str(ADA.team).upper()} ")
    assert loop.store.staff.known("jo@acme.example").teams == (ADA.team,)


def test_an_address_that_is_none_or_known_is_refused_with_what_was_typed_kept(mara: FlaskClient) -> None:
    for email, words in (("jo", "expected an address"), ("tom@acme.example", "is known at the desk already")):
        answer = send(mara, "/desk/people", "/desk/people", email=email, name="Jo <b>", role="lead", new_team="Sales")
        page = unescape(answer.text)
        assert (answer.status_code, words in page) == (409, True)
        assert 'value="Jo &lt;b&gt;"' in answer.text
        assert 'value="lead" required checked' in answer.text
    answer = send(mara, "/desk/people", "/desk/people", email="", name="", role="king")
    assert answer.status_code == 422
    for words in ("Please give their address.", "Please give a name."):
        assert words in answer.text


def test_each_change_of_people_stands_in_the_audit_with_what_it_was(
    mara: FlaskClient, loop: Loop, staff: dict[str, str], clock: Clock
) -> None:
    invite(mara)
    page = f"/desk/people/{staff['tom']}"
    send(mara, page, page, name="Tom B", role="lead", teams="Sales")
    send(mara, page, page, name="Tom B", role="lead", new_team="Sales")  # as the last: one is ticked that nobody has
    act(mara, staff["tom"], "lock-out")
    told = [(one.who, one.action, one.about, one.was, one.became) for one in reversed(loop.store.audit.entries(99))]
    assert told == [
        ("Mara", Action.ADD_PERSON, "Jo", None, "Jo, agent, Hardware"),
        ("Mara", Action.INVITE, "Jo", None, None),
        ("Mara", Action.CHANGE_PERSON, "Tom B", "Tom, agent, every team", "Tom B, lead, Sales"),
        ("Mara", Action.DISABLE, "Tom B", "let in", "locked out"),
    ]
    shown_page = shown(mara.get("/desk/audit").text)
    assert "Mara changed what somebody may do: Tom B" in shown_page
    assert "Tom, agent, every team → Tom B, lead, Sales" in shown_page
    assert "Mara let somebody in: Jo" in shown(mara.get(f"/desk/people/{staff['mara']}").text)
    assert "No change here" in mara.get(f"/desk/audit?who={staff['tom']}").text


def test_no_secret_stands_in_the_audit_or_the_outbox(app: Flask, mara: FlaskClient, loop: Loop, clock: Clock) -> None:
    invite(mara)
    path = link_to(loop, "jo@acme.example", clock)
    app.test_client().post(path, data={"password": NEW, "again": NEW})
    held = repr([loop.rows("SELECT * FROM audit"), loop.rows("SELECT * FROM outbox")])
    assert path.rpartition("/")[2] not in held
    assert NEW not in held
    assert [row["kind"] for row in loop.rows("SELECT kind FROM outbox")] == [Kind.LOGIN]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_people_and_changes_are_taken_along_and_that_is_a_change(
    mara: FlaskClient, loop: Loop, staff: dict[str, str], kind: str
) -> None:
    invite(mara, name="=cmd()")
    token = re.search(r'name="csrf_token" value="([^"]+)"', mara.get("/desk/audit").text)
    assert token is not None
    people_file = mara.post(f"/desk/people.{kind}", data={"csrf_token": token[1]})
    changes = mara.post(f"/desk/audit.{kind}?who={staff['mara']}", data={"csrf_token": token[1]})
    assert ("'=cmd()" in people_file.text) is (kind == "csv")
    assert ("'=cmd(), agent, Hardware" in changes.text) is (kind == "csv")
    assert "=cmd()" in people_file.text
    assert "person.add" in changes.text
    assert CHEAP_HASH not in people_file.text
    nobody = mara.post(f"/desk/audit.{kind}?who={staff['tom']}", data={"csrf_token": token[1]}).text
    assert "person.add" not in nobody
    assert [one.action for one in loop.store.audit.entries(3)] == [Action.DOWNLOAD] * 3


def test_no_link_from_before_a_lock_out_opens_anything_after_it(
    app: Flask, mara: FlaskClient, loop: Loop, clock: Clock
) -> None:
    invite(mara)
    path = link_to(loop, "jo@acme.example", clock)
    jo = loop.store.staff.known("jo@acme.example")
    act(mara, jo.id, "lock-out")
    act(mara, jo.id, "let-in")
    assert app.test_client().get(path).status_code == 409
    fresh = link_to(loop, "jo@acme.example", clock)
    assert app.test_client().get(fresh).status_code == 200


def test_whoever_asks_for_links_in_anothers_name_keeps_no_owner_from_sending_one(
    mara: FlaskClient, loop: Loop, staff: dict[str, str], clock: Clock
) -> None:
    for _ in range(9):
        people.ask_for_link(loop.store, "tom@acme.example", clock())
        loop.send(clock())
    act(mara, staff["tom"], "lock-out")
    assert "Tom gets a mail with a link" in act(mara, staff["tom"], "let-in")
    loop.send(clock())
    assert len(loop.maildir()) == 6


def test_who_is_locked_out_hears_no_more_and_the_owners_do_if_nobody_else_is_left(
    mara: FlaskClient, loop: Loop, staff: dict[str, str], clock: Clock
) -> None:
    people.change(loop.store, staff["tom"], "Tom", Role.OWNER, (), LATER, by=staff["mara"])
    loop.take(ADA)
    key = say_no(loop)  # an alert to Mara, whom the setting names, waits
    people.lock_out(loop.store, loop.config, staff["mara"], LATER, by=staff["tom"])
    loop.send(LATER + timedelta(minutes=1))
    assert loop.maildir() == []
    following_up.take(loop.store, key, staff["tom"], None, LATER)
    following_up.tell_of_overdue(loop.store, loop.config, LATER + DAY)
    loop.take(BRUNO)
    say_no(loop, "B-2", LATER + timedelta(hours=1))
    loop.send(LATER + 2 * DAY)
    assert {mail["To"] for mail in loop.maildir()} == {"tom@acme.example"}


def test_every_team_must_be_meant_and_lists_of_teams_have_an_end(mara: FlaskClient, staff: dict[str, str]) -> None:
    page = f"/desk/people/{staff['tom']}"
    said = {"name": "Tom", "role": "agent"}
    assert "Please tick a team, or “every team”." in unescape(send(mara, page, page, **said).text)
    assert send(mara, page, page, **said, teams="x" * 201).status_code == 422
    assert send(mara, page, page, **said, every_team="1").status_code == 303

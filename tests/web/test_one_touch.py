"""The link in an alert: one person's own, good for one opening of a follow-up, and nothing happens before a button."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from feedback.domain.followups import Outcome
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice
from feedback.keys import Purpose
from feedback.loop import answering, following_up
from feedback.web import create_app
from tests.conftest import ADA, DAY, NOW, Loop, html_of, text_of
from tests.web.test_survey import Clock, everything

SAID = NOW + DAY
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = SAID + MINUTE
    return clock


@pytest.fixture
def client(loop: Loop, clock: Clock) -> FlaskClient:
    return create_app(loop.config, loop.store, loop.keys, clock).test_client()


@pytest.fixture
def mara(loop: Loop) -> str:
    with loop.store.write():
        return loop.store.staff.add("mara@acme.example", "Mara", "", Role.OWNER)


@pytest.fixture
def link(loop: Loop, mara: str) -> str:
    """Mara's, from the alert about Ada's “no”."""
    loop.take(ADA)
    loop.ask()
    loop.send()
    return say_no(loop)


def say_no(loop: Loop) -> str:
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, SAID)
    loop.send(SAID + MINUTE)
    return link_in(loop)


def link_in(loop: Loop) -> str:
    alert = loop.maildir()[-1]
    found = re.search(r"^http://127\.0\.0\.1:8000(/t/\S+)$", text_of(alert), re.MULTILINE)
    assert found is not None
    assert found[1] in html_of(alert)
    return found[1]


def key_of(loop: Loop) -> str:
    return str(loop.rows("SELECT id FROM follow_ups")[0]["id"])


def test_opening_the_link_writes_nothing_and_sets_no_cookie(client: FlaskClient, loop: Loop, link: str) -> None:
    before = everything(loop)
    page = client.get(link)
    assert "Ada: Printer jams on page two" in page.text
    assert "Nobody has it yet." in page.text
    assert "Set-Cookie" not in page.headers
    client.head(link)
    assert everything(loop) == before


def test_one_touch_takes_it(client: FlaskClient, loop: Loop, link: str, mara: str) -> None:
    assert client.post(link, data={"act": "take"}).status_code == 303
    assert loop.store.follow_ups.get(key_of(loop)).owner_id == mara
    assert "You have it." in client.get(link).text


def test_called_and_solved_closes_it_and_the_link_with_it(client: FlaskClient, loop: Loop, link: str) -> None:
    page = client.post(link, data={"act": "solved", "note": " A new drum. "})
    assert (page.status_code, "It is closed as solved. Thank you, Mara." in page.text) == (200, True)
    closed = loop.store.follow_ups.get(key_of(loop))
    assert (closed.outcome, closed.note, closed.owner) == (Outcome.SOLVED, "A new drum.", "Mara")
    assert [event.kind for event in loop.store.follow_ups.history(closed.id)] == [
        "opened", "taken", "interaction", "closed",
    ]  # fmt: skip
    for late in (client.get(link), client.post(link, data={"act": "take"})):
        assert late.status_code == 410
        assert "Ada" not in late.text


def test_called_and_not_solved_twice_is_escalated(client: FlaskClient, loop: Loop, clock: Clock, link: str) -> None:
    for _ in range(2):
        assert client.post(link, data={"act": "not_solved"}).status_code == 303
        clock.now += timedelta(hours=1)
    assert "Escalated: talk to them now" in client.get(link).text
    assert loop.store.follow_ups.get(key_of(loop)).is_escalated


def test_a_colleague_who_took_it_meanwhile_keeps_it(client: FlaskClient, loop: Loop, link: str) -> None:
    with loop.store.write():
        tom = loop.store.staff.add("tom@acme.example", "Tom", "", Role.OWNER)
    following_up.take(loop.store, key_of(loop), tom, None, SAID + MINUTE)
    page = client.post(link, data={"act": "take", "owner": ""})
    assert page.status_code == 409
    assert "Tom has it by now." in page.text
    assert client.post(link, data={"act": "take", "owner": tom}).status_code == 303


def test_the_link_ends_after_a_week(client: FlaskClient, loop: Loop, clock: Clock, link: str) -> None:
    clock.now = SAID + MINUTE + timedelta(days=7)
    assert client.get(link).status_code == 200
    clock.now += timedelta(seconds=1)
    for page in (client.get(link), client.post(link, data={"act": "take"})):
        assert page.status_code == 410
        assert "Log in to the desk instead." in page.text
    assert loop.store.follow_ups.get(key_of(loop)).owner_id is None


def test_the_link_of_an_earlier_opening_is_none_for_the_next(
    client: FlaskClient, loop: Loop, clock: Clock, link: str
) -> None:
    following_up.close(loop.store, loop.asking, key_of(loop), Outcome.SOLVED, "Called.", None, SAID + 2 * MINUTE)
    clock.now = SAID + 4 * MINUTE
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, SAID + 3 * MINUTE)
    assert client.post(link, data={"act": "solved"}).status_code == 410
    loop.send(SAID + 4 * MINUTE)
    assert client.post(link_in(loop), data={"act": "take"}).status_code == 303


def test_the_link_ends_with_the_person(client: FlaskClient, loop: Loop, link: str) -> None:
    with loop.store.write():
        loop.store.staff.disable("mara@acme.example", SAID)
    assert client.get(link).status_code == 404
    assert client.post(link, data={"act": "take"}).status_code == 404


def test_a_shared_address_gets_no_such_link(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, SAID)
    loop.send(SAID + MINUTE)
    assert "/t/" not in text_of(loop.maildir()[-1])
    assert "/desk/follow-ups/" in text_of(loop.maildir()[-1])


def test_a_token_for_something_else_opens_nothing(client: FlaskClient, loop: Loop, link: str) -> None:
    token = link.removeprefix("/t/")
    key = token.rpartition(".")[0]
    for forged in (loop.keys.sign(Purpose.SURVEY, key), key, f"{token}x", "x", loop.keys.sign(Purpose.OPT_OUT, key)):
        assert client.get(f"/t/{forged}").status_code == 404
        assert client.post(f"/t/{forged}", data={"act": "take"}).status_code == 404


@pytest.mark.parametrize("said", [{}, {"act": "dance"}, {"act": "solved", "note": "x" * 5_001}])
def test_what_is_no_touch_changes_nothing(client: FlaskClient, loop: Loop, link: str, said: dict[str, str]) -> None:
    before = everything(loop)
    assert client.post(link, data=said).status_code == 422
    assert everything(loop) == before

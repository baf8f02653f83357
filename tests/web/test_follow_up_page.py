"""What a follow-up's page tells of the customer, and giving it to a colleague; and whether helping helped."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from feedback.domain.followups import Outcome
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Round
from feedback.loop import answering, following_up
from feedback.web import create_app
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop
from tests.web.test_desk import CHEAP_HASH, HOUR, csrf_of, logged_in, page_of, say_no, send, shown
from tests.web.test_survey import LATER, Clock


@pytest.fixture
def staff(loop: Loop) -> dict[str, str]:
    with loop.store.write():
        return {
            name: loop.store.staff.add(f"{name}@acme.example", name.title(), CHEAP_HASH, Role.OWNER)
            for name in ("mara", "tom")
        }


@pytest.fixture
def app(loop: Loop, staff: dict[str, str]) -> Flask:
    return create_app(loop.config, loop.store, loop.keys, Clock())


@pytest.fixture
def mara(app: Flask) -> FlaskClient:
    return logged_in(app, "mara")


@pytest.fixture
def key(loop: Loop) -> str:
    loop.take(ADA)
    return say_no(loop)


def test_it_tells_since_when_they_are_a_customer_and_of_their_other_cases(
    mara: FlaskClient, loop: Loop, key: str
) -> None:
    page = shown(mara.get(page_of(key)).text)
    assert "Customer since 15 January 2024" in page
    assert "Their other cases" not in page
    loop.take(replace(ADA, ref="A-0", subject="Paper tray", resolved_at=NOW - 30 * DAY), BRUNO)
    answering.answer(loop.store, loop.config, loop.survey_id("B-2"), Choice.NO, LATER)
    page = shown(mara.get(page_of(key)).text)
    assert "Their other cases A-0: Paper tray Sun 1 February, 12:00 · resolved" in page
    assert "B-2" not in page


def test_it_is_handed_over_to_a_colleague_who_hears_of_it(
    mara: FlaskClient, loop: Loop, staff: dict[str, str], key: str
) -> None:
    done = send(mara, page_of(key), f"{page_of(key)}/hand-over", to=staff["tom"])
    assert done.status_code == 303
    page = shown(mara.get(page_of(key)).text)
    assert "Tom has it" in page
    assert "Mara Handed it over: to Tom" in page
    loop.send(LATER + timedelta(minutes=1))
    assert loop.maildir()[-1]["To"] == "tom@acme.example"
    send(mara, page_of(key), f"{page_of(key)}/hand-over", to=staff["tom"])
    assert shown(mara.get(page_of(key)).text).count("Handed it over: to Tom") == 1


def test_nobody_who_is_gone_gets_it_and_nobody_gets_what_is_closed(
    mara: FlaskClient, loop: Loop, staff: dict[str, str], key: str
) -> None:
    with loop.store.write():
        loop.store.staff.disable("tom@acme.example", LATER)
    token = csrf_of(mara.get(page_of(key)).text)
    for to in (staff["tom"], "nobody", ""):
        answer = mara.post(f"{page_of(key)}/hand-over", data={"to": to, "csrf_token": token})
        assert answer.status_code == 409
        assert "does not work at the desk any more" in answer.text
    following_up.close(loop.store, loop.asking, key, Outcome.NO_CONTACT, "Nobody there.", None, LATER)
    answer = mara.post(f"{page_of(key)}/hand-over", data={"to": staff["mara"], "csrf_token": token})
    assert answer.status_code == 409
    assert "closed already" in answer.text


def test_whether_helping_helped_stands_with_the_figures(mara: FlaskClient, loop: Loop, key: str) -> None:
    assert "closed as solved" not in mara.get("/desk/figures").text
    following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "A new drum.", None, LATER)
    assert "of 1 follow-up closed as solved, 0 were asked about again; no answer has come yet." in shown(
        mara.get("/desk/figures").text
    )
    while loop.asking.step(LATER + DAY):
        pass
    loop.send(LATER + DAY)
    answering.answer(loop.store, loop.config, loop.survey_id(round_=Round.AGAIN), Choice.YES, LATER + DAY + HOUR)
    page = shown(mara.get("/desk/figures").text)
    assert "of 1 follow-up closed as solved, 1 was asked about again, and 1 answered; 1 of these said yes." in page
    recovery = loop.store.follow_ups.recovery()
    assert (recovery.closed, recovery.asked, recovery.solved.count, recovery.solved.n) == (1, 1, 1, 1)

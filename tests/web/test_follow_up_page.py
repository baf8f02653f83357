"""What a follow-up's page tells of the customer, and giving it to a colleague; and whether helping helped."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from feedback.domain.followups import Outcome
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Round, Stage
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


def test_of_their_other_cases_it_tells_what_they_answered_and_how_that_ended(mara: FlaskClient, loop: Loop) -> None:
    subjects = {60: "Toner", 30: "Paper tray", 0: "Printer jams"}
    for days, subject in subjects.items():
        then = NOW - days * DAY
        loop.take(replace(ADA, ref=f"A-{days}", subject=subject, opened_at=None, resolved_at=then), now=then)
    other = say_no(loop, "A-30", LATER - 29 * DAY, Details((Stage.ENHANCE,), "It sticks <again>."))
    answering.answer(loop.store, loop.config, loop.survey_id("A-60"), Choice.YES, LATER - 59 * DAY)
    key = say_no(loop, "A-0")
    told = "they said no Tue 3 February, 14:00 · follow-up :"
    assert f"{told} open A-60" in shown(mara.get(page_of(key)).text)
    following_up.close(loop.store, loop.asking, other, Outcome.NOT_SOLVABLE, "Not made any more.", None, LATER - HOUR)
    page = mara.get(page_of(key)).text
    assert f'<a href="{page_of(other)}" aria-label="follow-up of A-30">follow-up</a>: not solvable' in page
    assert shown(page).partition("Their other cases ")[2].partition(" What happened")[0] == (
        f"A-30: Paper tray It sticks <again>. It came back Sun 1 February, 12:00 · resolved · {told} not solvable"
        " A-60: Toner Fri 2 January, 12:00 · resolved · they said yes Sun 4 January, 14:00"
    )


def test_it_tells_all_that_they_answered_about_this_case_in_its_order(mara: FlaskClient, loop: Loop, key: str) -> None:
    assert "What they answered" not in mara.get(page_of(key)).text
    said = Details((Stage.RESOLVE,), "Page two.")
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.NO, said, LATER)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, LATER + timedelta(minutes=1))
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER + timedelta(minutes=2))
    following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "A new drum.", None, LATER + HOUR)
    while loop.asking.step(LATER + DAY + HOUR):
        pass
    loop.send(LATER + DAY + HOUR)
    again = loop.survey_id(round_=Round.AGAIN)
    answering.answer(loop.store, loop.config, again, Choice.NO, LATER + 2 * DAY)
    answering.add_details(loop.store, loop.config, again, Choice.NO, Details((), "Page three."), LATER + 2 * DAY)
    page = shown(mara.get(page_of(key)).text)
    told = page.partition("What they answered ")[2].partition(" What happened")[0]
    assert told == (
        "No · today, 14:00 Page two. It took too long, I was passed around, or it still does not work"
        " Yes · today, 14:01 No · today, 14:02"  # with the words that stand above
        " No · Fri 6 March, 14:00 · asked again · as above"
    )
    assert "the newest of 4" in page


def test_a_note_is_made_public_and_taken_back_with_a_button_that_names_it(
    mara: FlaskClient, loop: Loop, key: str
) -> None:
    call = {"channel": "call", "result": "not_solved", "note": "We ordered <softer> rollers."}
    send(mara, page_of(key), f"{page_of(key)}/interactions", **call)
    send(mara, page_of(key), f"{page_of(key)}/close", outcome="solved", note="Sent some.")
    page = mara.get(page_of(key)).text
    assert page.count(">Make it public</button>") == 2
    assert "Public: you said" not in page
    assert 'aria-label="Make it public: Call, not solved, today, 14:00, “We ordered &lt;softer&gt; rollers.”"' in page
    done = send(mara, page_of(key), f"{page_of(key)}/notes/3/publish")
    assert (done.status_code, done.headers["Location"]) == (303, page_of(key))
    page = mara.get(page_of(key)).text
    assert "The note is public: you said, we did." in shown(page)
    assert "Public: you said, we did · today, 14:00 · Mara Take it back" in shown(page)
    assert [one.note for one in loop.store.follow_ups.public_notes(9)] == ["We ordered <softer> rollers."]
    send(mara, page_of(key), f"{page_of(key)}/notes/3/withdraw")
    assert "The note is not public any more." in shown(mara.get(page_of(key)).text)
    assert loop.store.follow_ups.public_notes(9) == []


def test_a_note_is_made_public_while_closing_and_one_that_tells_who_it_is_is_not(
    mara: FlaskClient, loop: Loop, key: str
) -> None:
    said = {"outcome": "solved", "public": "1"}
    refused = send(mara, page_of(key), f"{page_of(key)}/close", note="Rang Ada.", **said)
    assert refused.status_code == 409
    assert "“Ada” in it would tell who the customer is. Take it out, or close without" in shown(refused.text)
    assert 'name="public" value="1" checked' in refused.text
    assert ">\nRang Ada.</textarea>" in refused.text
    assert loop.store.follow_ups.get(key).closed_at is None
    assert send(mara, page_of(key), f"{page_of(key)}/close", note="New rollers.", **said).status_code == 303
    assert [one.note for one in loop.store.follow_ups.public_notes(9)] == ["New rollers."]


def test_what_cannot_be_public_is_told_why_and_what_is_not_there_is_not_found(
    mara: FlaskClient, loop: Loop, key: str
) -> None:
    token = csrf_of(mara.get(page_of(key)).text)
    for path, status, words in (
        ("1/publish", 409, "Only what staff noted"),
        ("7/publish", 404, ""),
        ("7/withdraw", 404, ""),
        (f"{10**30}/publish", 404, ""),
        ("1/show", 405, ""),
    ):
        answer = mara.post(f"{page_of(key)}/notes/{path}", data={"csrf_token": token})
        assert answer.status_code == status
        assert words in answer.text
    assert mara.post(f"{page_of(key)}/notes/1/publish").status_code == 400  # without the token
    assert mara.get(f"{page_of(key)}/notes/1/publish").status_code == 404


def test_of_another_teams_case_an_agent_reads_that_there_is_one_and_nothing_of_it(app: Flask, loop: Loop) -> None:
    then = NOW - 30 * DAY
    loop.take(replace(ADA, ref="A-9", subject="A discount", team="Sales", opened_at=None, resolved_at=then), now=then)
    loop.take(ADA)
    say_no(loop, "A-9", then + DAY, Details((Stage.ASSIST,), "The secret price was wrong."))
    with loop.store.write():
        loop.store.staff.add("abel@acme.example", "Abel", CHEAP_HASH, Role.AGENT, ["Hardware"])
    page = logged_in(app, "abel").get(page_of(say_no(loop))).text
    assert "Their other cases One more, of other teams or colleagues." in shown(page)
    assert "A discount" not in page
    assert "secret price" not in page
    assert loop.store.cases.with_ref("A-9")[0].id not in page


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

"""A note of staff is made public, "you said, we did", and taken back; never one that tells who the customer is."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from feedback.domain.audit import Action
from feedback.domain.cases import CaseStatus
from feedback.domain.followups import Channel, Outcome, PublicNote, Result
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Round, Stage
from feedback.errors import NotFound, Refused
from feedback.loop import answering, erasing, following_up
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop

LATER = NOW + DAY + timedelta(hours=2)
HOUR = timedelta(hours=1)


@pytest.fixture
def mara(loop: Loop) -> str:
    with loop.store.write():
        return loop.store.staff.add("mara@acme.example", "Mara", "a hash", Role.OWNER)


@pytest.fixture
def key(loop: Loop) -> str:
    """Ada Lovelace's follow-up, with a number to call."""
    return say_no(loop, "A-1", Details((Stage.RESOLVE,), "It jams.", call=True, phone="+49 30 5550 0142"))


def say_no(loop: Loop, ref: str, details: Details) -> str:
    loop.take(replace(ADA, name="Ada Lovelace"), BRUNO)
    survey_id = loop.survey_id(ref)
    answering.answer(loop.store, loop.config, survey_id, Choice.NO, LATER)
    answering.add_details(loop.store, loop.config, survey_id, Choice.NO, details, LATER)
    known = loop.store.follow_ups.of_survey(survey_id)
    assert known is not None
    return known.id


def call(loop: Loop, key: str, staff_id: str, note: str) -> int:
    """Log a call; the number of its note."""
    following_up.log_interaction(loop.store, key, staff_id, Channel.CALL, Result.NOT_SOLVED, note, LATER + HOUR)
    return loop.store.follow_ups.history(key)[-1].seq


def close(loop: Loop, key: str, staff_id: str, note: str, *, publish: bool = False) -> None:
    following_up.close(
        loop.store, loop.asking, key, Outcome.SOLVED, note, staff_id, LATER + 2 * HOUR, publish=publish
    )  # fmt: skip


def public(loop: Loop) -> list[str]:
    return [one.note for one in loop.store.follow_ups.public_notes(10)]


def test_a_note_that_is_public_tells_when_about_what_and_how_it_ended_but_not_who(
    loop: Loop, key: str, mara: str
) -> None:
    following_up.publish_note(loop.store, key, call(loop, key, mara, "We ordered softer rollers."), mara, LATER + HOUR)
    assert loop.store.follow_ups.public_notes(10) == [
        PublicNote(LATER + HOUR, "printers", (Stage.RESOLVE,), "We ordered softer rollers.", None)
    ]
    close(loop, key, mara, "All printers get them now.", publish=True)
    assert loop.store.follow_ups.public_notes(10) == [
        PublicNote(LATER + 2 * HOUR, "printers", (Stage.RESOLVE,), "All printers get them now.", Outcome.SOLVED),
        PublicNote(LATER + HOUR, "printers", (Stage.RESOLVE,), "We ordered softer rollers.", Outcome.SOLVED),
    ]
    assert [one.note for one in loop.store.follow_ups.public_notes(1)] == ["All printers get them now."]


def test_its_reasons_are_those_of_the_no_that_it_answers(loop: Loop, key: str, mara: str) -> None:
    close(loop, key, mara, "Sent a new drum.", publish=True)
    survey_id, again = loop.survey_id(), LATER + 3 * HOUR
    answering.answer(loop.store, loop.config, survey_id, Choice.NO, again)
    answering.add_details(loop.store, loop.config, survey_id, Choice.NO, Details((Stage.ENHANCE,)), again)
    (note,) = loop.store.follow_ups.public_notes(10)
    assert (note.reasons, note.outcome) == ((Stage.RESOLVE,), None)  # it is open again


def test_who_made_it_public_and_when_is_kept_until_that_is_taken_back(loop: Loop, key: str, mara: str) -> None:
    seq = call(loop, key, mara, "We ordered softer rollers.")
    close(loop, key, mara, "Sent one.")
    for hours in (5, 6):  # once: the second time it is public already
        following_up.publish_note(loop.store, key, seq, mara, LATER + hours * HOUR)
    (event,) = [event for event in loop.store.follow_ups.history(key) if event.public_at is not None]
    assert (event.seq, event.public_at, event.public_by) == (seq, LATER + 5 * HOUR, "Mara")
    for _ in range(2):
        following_up.withdraw_note(loop.store, key, seq, mara, LATER + 7 * HOUR)
    assert public(loop) == []
    assert {(event.public_at, event.public_by) for event in loop.store.follow_ups.history(key)} == {(None, None)}
    assert [(one.who, one.action, one.became) for one in loop.store.audit.entries(2)] == [
        ("Mara", Action.WITHDRAW_NOTE, "not public"),
        ("Mara", Action.PUBLISH_NOTE, "public"),
    ]


@pytest.mark.parametrize("kind", ["opened", "replied", "taken", "withdrawn"])
def test_only_what_staff_noted_can_be_public(loop: Loop, key: str, mara: str, kind: str) -> None:
    if kind == "replied":
        with loop.store.write():
            loop.store.follow_ups.add_reply(key, "Page three jams, too.", LATER)
    elif kind == "taken":
        following_up.take(loop.store, key, mara, None, LATER)
    elif kind == "withdrawn":
        answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, LATER + HOUR)
    last = loop.store.follow_ups.history(key)[-1]
    assert last.kind == ("closed" if kind == "withdrawn" else kind)
    with pytest.raises(Refused, match=r"Only what staff noted, of a contact or of closing, can be public\."):
        following_up.publish_note(loop.store, key, last.seq, mara, LATER)
    assert public(loop) == []


def test_a_note_that_was_erased_cannot_be_public(loop: Loop, key: str, mara: str) -> None:
    seq = call(loop, key, mara, "We ordered softer rollers.")
    erasing.erase(loop.store, loop.keys, "ada@example.org", LATER + DAY)
    with pytest.raises(Refused, match="Only what staff noted"):
        following_up.publish_note(loop.store, key, seq, mara, LATER + DAY)


@pytest.mark.parametrize("number", [0, 99, 10**30])
def test_a_note_that_is_not_there_is_not_found(loop: Loop, key: str, mara: str, number: int) -> None:
    with pytest.raises(NotFound, match=f"has no note {number}"):
        following_up.publish_note(loop.store, key, number, mara, LATER)
    with pytest.raises(NotFound, match=f"has no note {number}"):
        following_up.withdraw_note(loop.store, key, number, mara, LATER)
    with pytest.raises(NotFound, match="There is no follow-up nothing"):
        following_up.publish_note(loop.store, "nothing", 1, mara, LATER)


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("Told ADA's colleague.", "“Ada” in it"),
        ("Mrs. lovelace has it.", "“Lovelace” in it"),
        ("Wrote to Ada@Example.org.", "“Ada” and “Ada@example.org” in it"),
        ("Rang 030/5550-0142.", "“+49 30 5550 0142” in it"),
    ],
)
def test_a_note_that_tells_who_it_is_stays_among_us(loop: Loop, key: str, mara: str, note: str, told: str) -> None:
    seq = call(loop, key, mara, note)
    with pytest.raises(Refused, match=f"{re.escape(told)} would tell who the customer is.*log another one"):
        following_up.publish_note(loop.store, key, seq, mara, LATER)
    with pytest.raises(Refused, match="Take it out, or close without publishing the note"):
        close(loop, key, mara, note, publish=True)
    assert loop.store.follow_ups.get(key).closed_at is None  # neither closed nor published
    close(loop, key, mara, note)
    with pytest.raises(Refused, match="no other can be added, for the follow-up is closed"):
        following_up.publish_note(loop.store, key, seq, mara, LATER)
    assert public(loop) == []


def test_a_number_that_was_given_with_an_earlier_answer_counts_too(loop: Loop, key: str, mara: str) -> None:
    for hours, choice in enumerate((Choice.YES, Choice.NO), 1):
        answering.answer(loop.store, loop.config, loop.survey_id(), choice, LATER + hours * HOUR)
    answering.add_details(
        loop.store, loop.config, loop.survey_id(), Choice.NO, Details((Stage.RESOLVE,)), LATER + 2 * HOUR
    )
    assert loop.store.follow_ups.get(key).details.phone == ""
    with pytest.raises(Refused, match="would tell who"):
        close(loop, key, mara, "Rang 030 5550 0142.", publish=True)


def test_erasing_a_person_takes_the_note_and_its_being_public_away(loop: Loop, key: str, mara: str) -> None:
    other = say_no(loop, "B-2", Details())
    close(loop, other, mara, "Asked the carrier to ring twice.", publish=True)
    close(loop, key, mara, "We ordered softer rollers.", publish=True)
    erasing.erase(loop.store, loop.keys, "ada@example.org", LATER + DAY)
    assert public(loop) == ["Asked the carrier to ring twice."]
    assert loop.rows(
        "SELECT DISTINCT note, public_at, public_by FROM follow_up_events e JOIN follow_ups f ON f.id = e.follow_up_id"
        f" WHERE f.id = '{key}' AND (note <> '' OR public_at IS NOT NULL OR public_by IS NOT NULL)"
    ) == []  # fmt: skip


@pytest.mark.parametrize("address", ["ada@example.org", "ada@new.example"])
def test_erasing_takes_it_away_though_the_case_is_somebody_elses_by_now(loop: Loop, mara: str, address: str) -> None:
    """And not what staff noted after somebody else was asked about the case."""
    loop.take(replace(ADA, name="Ada Lovelace"), BRUNO)
    loop.ask()
    loop.send()
    key = say_no(loop, "A-1", Details())
    close(loop, key, mara, "We ordered softer rollers.", publish=True)
    loop.take(replace(ADA, ref="A-2", email=address, status=CaseStatus.OPEN, resolved_at=None), now=LATER + 3 * HOUR)
    loop.take(replace(BRUNO, ref="A-1", subject="Printer jams"), now=LATER + 3 * HOUR)
    loop.ask(LATER + 2 * DAY)
    loop.send(LATER + 2 * DAY)
    again = loop.survey_id("A-1", Round.AGAIN)
    answering.answer(loop.store, loop.config, again, Choice.NO, LATER + 2 * DAY)
    following_up.log_interaction(
        loop.store, key, mara, Channel.CALL, Result.NOT_SOLVED, "A technician comes.", LATER + 3 * DAY
    )
    following_up.publish_note(loop.store, key, loop.store.follow_ups.history(key)[-1].seq, mara, LATER + 3 * DAY)
    assert public(loop) == ["A technician comes.", "We ordered softer rollers."]
    erasing.erase(loop.store, loop.keys, address, LATER + 4 * DAY)
    assert public(loop) == ["A technician comes."]
    notes = [event.note for event in loop.store.follow_ups.history(key) if event.note]
    assert notes == ["A technician comes."]

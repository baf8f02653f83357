from datetime import timedelta

import pytest

from feedback.domain.followups import NOTE_LONGEST, Channel, Event, FollowUp, Outcome, Result
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice
from feedback.errors import NotFound, Refused
from feedback.loop import answering, following_up
from tests.conftest import ADA, DAY, NOW, Loop

LATER = NOW + DAY + timedelta(hours=2)
HOUR = timedelta(hours=1)


@pytest.fixture
def mara(loop: Loop) -> str:
    with loop.store.write():
        return loop.store.staff.add("mara@acme.example", "Mara", "a hash", Role.OWNER)


@pytest.fixture
def tom(loop: Loop) -> str:
    with loop.store.write():
        return loop.store.staff.add("tom@acme.example", "Tom", "a hash", Role.OWNER)


@pytest.fixture
def key(loop: Loop) -> str:
    """Ada's follow-up, opened a moment ago."""
    loop.take(ADA)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER)
    (follow_up,) = loop.store.follow_ups.open_ones()
    return follow_up.id


def history(loop: Loop, key: str) -> list[tuple[str, str | None, str | None, str | None]]:
    return [(event.kind.value, event.who, event.channel, event.note) for event in loop.store.follow_ups.history(key)]


def after_interactions(loop: Loop, key: str, staff_id: str, count: int) -> FollowUp:
    for _ in range(count):
        now = loop.store.follow_ups.history(key)[-1].at + HOUR
        following_up.log_interaction(loop.store, key, staff_id, Channel.MAIL, Result.NOT_SOLVED, "Wrote.", now)
    return loop.store.follow_ups.get(key)


def test_who_takes_it_owns_it_and_can_be_relieved(loop: Loop, key: str, mara: str, tom: str) -> None:
    for staff_id, owner_shown in ((mara, None), (mara, None), (tom, mara)):
        following_up.take(loop.store, key, staff_id, owner_shown, LATER)
    assert loop.store.follow_ups.get(key).owner == "Tom"
    assert history(loop, key) == [
        ("opened", None, None, None),
        ("taken", "Mara", None, None),  # once: she had it the second time
        ("taken", "Tom", None, None),
    ]


def test_nobody_takes_it_from_a_colleague_who_was_not_shown(loop: Loop, key: str, mara: str, tom: str) -> None:
    following_up.take(loop.store, key, tom, None, LATER)
    with pytest.raises(Refused, match="Tom has it by now"):
        following_up.take(loop.store, key, mara, None, LATER)
    assert loop.store.follow_ups.get(key).owner == "Tom"


def test_a_button_pressed_twice_logs_once(loop: Loop, key: str, mara: str) -> None:
    for seconds in (0, 5, 3600):
        now = LATER + timedelta(seconds=seconds)
        following_up.log_interaction(loop.store, key, mara, Channel.CALL, Result.NOT_SOLVED, "No answer.", now)
    assert loop.store.follow_ups.get(key).interactions == 2


def test_who_is_first_in_touch_owns_it(loop: Loop, key: str, mara: str, tom: str) -> None:
    following_up.log_interaction(loop.store, key, mara, Channel.CALL, Result.NOT_SOLVED, " No answer. \n", LATER)
    following_up.log_interaction(loop.store, key, tom, Channel.IN_PERSON, Result.NOT_SOLVED, "Came by.", LATER + HOUR)
    assert loop.store.follow_ups.get(key).owner == "Mara"
    assert history(loop, key)[1:] == [
        ("taken", "Mara", None, None),
        ("interaction", "Mara", "call", "No answer."),
        ("interaction", "Tom", "in_person", "Came by."),
    ]


def test_two_interactions_that_did_not_solve_it_become_a_call(loop: Loop, key: str, mara: str) -> None:
    assert [after_interactions(loop, key, mara, 1).is_escalated for _ in range(3)] == [False, True, True]
    closed = following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "Called.", mara, LATER)
    assert not closed.is_escalated


def test_a_no_after_it_was_closed_as_solved_counts_anew_and_is_escalated(loop: Loop, key: str, mara: str) -> None:
    after_interactions(loop, key, mara, 2)
    following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "Called.", mara, LATER + HOUR)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER + 2 * HOUR)
    again = loop.store.follow_ups.get(key)
    assert (again.interactions, again.is_escalated, again.owner, again.note) == (0, True, "Mara", None)
    assert after_interactions(loop, key, mara, 2).interactions == 2


def test_closing_tells_how_by_whom_and_what_was_done(loop: Loop, key: str, mara: str) -> None:
    closed = following_up.close(
        loop.store, loop.asking, key, Outcome.NOT_SOLVABLE, " Not made any more. ", mara, LATER + HOUR
    )
    assert (closed.closed_at, closed.outcome, closed.note) == (
        LATER + HOUR,
        Outcome.NOT_SOLVABLE,
        "Not made any more.",
    )
    assert history(loop, key)[-1] == ("closed", "Mara", None, "Not made any more.")


def test_closing_twice_with_the_same_words_is_a_button_pressed_twice(loop: Loop, key: str, mara: str) -> None:
    for seconds in (0, 1):
        now = LATER + timedelta(seconds=seconds)
        following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "Called.", mara, now)
    assert [kind for kind, *_ in history(loop, key)] == ["opened", "taken", "closed"]


def test_who_closes_what_nobody_had_owns_it(loop: Loop, key: str, mara: str) -> None:
    assert following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "Called.", mara, LATER).owner == "Mara"


def test_closing_from_the_command_line_names_nobody(loop: Loop, key: str) -> None:
    following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "Called.", None, LATER)
    assert loop.store.follow_ups.history(key)[-1].kind is Event.CLOSED
    assert loop.store.follow_ups.history(key)[-1].who is None


def test_what_is_closed_stays_as_it_is(loop: Loop, key: str, mara: str, tom: str) -> None:
    following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, "Called.", mara, LATER)
    before = (loop.store.follow_ups.get(key), history(loop, key))
    for act in (
        lambda: following_up.take(loop.store, key, tom, None, LATER + HOUR),
        lambda: following_up.log_interaction(
            loop.store, key, tom, Channel.CALL, Result.NOT_SOLVED, "Called.", LATER + HOUR
        ),
        lambda: following_up.close(
            loop.store, loop.asking, key, Outcome.NO_CONTACT, "Nobody there.", tom, LATER + HOUR
        ),
    ):
        with pytest.raises(Refused, match="is closed already, as solved"):
            act()
    assert (loop.store.follow_ups.get(key), history(loop, key)) == before


@pytest.mark.parametrize(
    ("note", "words"),
    [("", "A note is needed"), (" \n\t ", "A note is needed"), ("x" * (NOTE_LONGEST + 1), "5,001 letters; 5,000 are")],
)
def test_a_note_is_needed_and_has_an_end(loop: Loop, key: str, mara: str, note: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        following_up.log_interaction(loop.store, key, mara, Channel.CALL, Result.NOT_SOLVED, note, LATER)
    with pytest.raises(Refused, match=words):
        following_up.close(loop.store, loop.asking, key, Outcome.SOLVED, note, mara, LATER)
    assert loop.store.follow_ups.get(key).owner is None
    assert history(loop, key) == [("opened", None, None, None)]


def test_the_longest_note_is_kept_whole(loop: Loop, key: str, mara: str) -> None:
    following_up.log_interaction(loop.store, key, mara, Channel.CHAT, Result.NOT_SOLVED, "x" * NOTE_LONGEST, LATER)
    assert history(loop, key)[-1] == ("interaction", "Mara", "chat", "x" * NOTE_LONGEST)


def test_a_follow_up_that_does_not_exist_is_told(loop: Loop, mara: str) -> None:
    with pytest.raises(NotFound, match="There is no follow-up nobody"):
        following_up.take(loop.store, "nobody", mara, None, LATER)
    with pytest.raises(NotFound, match="There is no follow-up nobody"):
        following_up.log_interaction(loop.store, "nobody", mara, Channel.CALL, Result.NOT_SOLVED, "Called.", LATER)

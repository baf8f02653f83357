"""Where customers wait, counted from made-up resolutions of a settled stretch."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from feedback.domain.published import Help, Journey, Served, Step, Times
from feedback.domain.rates import Rate
from tests.conftest import DAY, NOW
from tests.domain.test_counting import HOUR, NO, YES, served, told

SETTLED = NOW - 20 * DAY


def cases(hours: Sequence[int], topic: str | None = "printers", team: str = "Hardware", **values: Any) -> list[Served]:
    """A case of a customer each: replied to after an hour, solved so many hours later, answered after another day."""
    return [
        served(
            f"{topic} {team} {k}", SETTLED, YES, topic=topic, team=team,
            **{"first_reply": HOUR, "until_solved": HOUR + one * HOUR, "until_answered": DAY + HOUR, **values},
        )
        for k, one in enumerate(hours)
    ]  # fmt: skip


def journey(rows: Sequence[Served]) -> Journey:
    return told(rows).journey


def quartiles(times: Times) -> tuple[timedelta | None, ...]:
    return times.lower, times.median, times.upper


def test_each_step_tells_its_quartiles_and_of_how_many_they_are_known() -> None:
    help = Help(None, None, False, True, YES, until_recovered=3 * DAY)
    rows = cases(range(1, 14))  # the middle half of 1 to 13 is 4 to 10
    rows += cases([7] * 10, "toner", first_reply=None, help=help)
    found = journey(rows)
    printers, toner = found.topics
    assert (printers.name, toner.name) == ("printers", "toner")
    assert quartiles(printers.times(Step.SOLVING)) == (4 * HOUR, 7 * HOUR, 10 * HOUR)
    assert quartiles(printers.times(Step.WHOLE)) == (5 * HOUR, 8 * HOUR, 11 * HOUR)
    assert quartiles(printers.times(Step.FIRST_REPLY)) == (HOUR, HOUR, HOUR)
    assert quartiles(printers.times(Step.ANSWER)) == (DAY + HOUR,) * 3
    assert printers.times(Step.RECOVERY) == Times(0, 0, 0, None, None, None)
    assert quartiles(toner.times(Step.RECOVERY)) == (3 * DAY,) * 3
    replied = found.everyone.times(Step.FIRST_REPLY)
    assert (replied.n, replied.customers, replied.of) == (13, 13, 23)
    assert found.everyone.times(Step.WHOLE).n == 23


def test_a_case_that_came_back_is_opened_once_and_answered_each_time() -> None:
    again = [replace(row, is_first=False, until_solved=90 * DAY) for row in cases([1] * 12)]
    (hardware,) = journey([*cases([1] * 12), *again]).teams
    assert hardware.times(Step.WHOLE) == Times(12, 12, 12, 2 * HOUR, 2 * HOUR, 2 * HOUR)
    assert hardware.times(Step.ANSWER).n == 24


def test_a_reply_after_the_resolution_is_none_that_it_waited_for() -> None:
    (hardware,) = journey(cases([1] * 12, first_reply=5 * HOUR)).teams
    assert (hardware.times(Step.SOLVING).n, hardware.times(Step.SOLVING).of) == (0, 12)
    assert hardware.times(Step.FIRST_REPLY).n == 12


def test_only_a_yes_when_asked_again_ends_the_wait_after_a_no() -> None:
    rows = cases([1] * 12)
    for k, (choice, took) in enumerate([(YES, 2 * DAY)] * 10 + [(NO, None), (None, None)]):
        rows[k] = replace(rows[k], choice=NO, help=Help(None, None, False, True, choice, took))
    rows += cases([1] * 12, "toner")
    assert journey(rows).everyone.times(Step.RECOVERY) == Times(10, 10, 10, 2 * DAY, 2 * DAY, 2 * DAY)


@pytest.mark.parametrize(
    ("sizes", "hidden"),
    [((12, 12, 12), ""), ((9, 12, 20), "ab"), ((6, 6, 20), "ab"), ((9,), "a"), ((3, 3, 3), "abc")],
)
def test_waits_of_few_are_hidden_and_so_many_more_that_no_total_gives_them_away(
    sizes: Sequence[int], hidden: str
) -> None:
    rows = [row for name, many in zip("abc", sizes, strict=False) for row in cases([many] * many, name)]
    found = journey(rows)
    for waits in found.topics:
        times = waits.times(Step.WHOLE)
        assert times.hidden == ((waits.name or "") in hidden)
        assert (times.n == 0) == times.hidden
    assert found.everyone.times(Step.WHOLE).hidden == (sum(sizes) < 10)


def test_waits_are_hidden_where_another_table_hides_how_many_there_are() -> None:
    """All of "a" and "b" said yes; "c" hides that, and how many answered it is not to be learned from the waits."""
    rows = [row for name, many in zip("abcd", (9, 12, 20, 40), strict=True) for row in cases([1] * many, name)]
    found = told([replace(row, choice=NO) if row.topic in ("c", "d") and k % 3 else row for k, row in enumerate(rows)])
    assert [part.solved.hidden for part in found.topics] == [True, True, True, False]
    assert [one.times(Step.ANSWER).hidden for one in found.journey.topics] == [True, True, True, False]
    assert [one.times(Step.WHOLE).hidden for one in found.journey.topics] == [True, True, False, False]


def test_cases_beyond_two_interactions_stand_beside_the_waits() -> None:
    rows = [replace(row, interactions=k % 4 or None) for k, row in enumerate(cases([1] * 24))]
    found = journey(rows)
    assert found.everyone.beyond_two == found.topics[0].beyond_two == found.teams[0].beyond_two == Rate(6, 18, 18)


def test_the_widest_gaps_are_where_most_is_waited_in_all_by_topic() -> None:
    rows = [
        *cases([10] * 40, "many"),  # 400 hours after the reply, 40 before it
        *cases([30] * 12, "slow"),  # 360
        *cases([5] * 12, "quick"),  # 60
        *cases([999] * 9, "few"),  # hidden, and "quick" with it
    ]
    gaps = journey(rows).gaps
    assert [(gap.topic, gap.step, gap.times.median, gap.times.n) for gap in gaps] == [
        ("many", Step.SOLVING, 10 * HOUR, 40),
        ("slow", Step.SOLVING, 30 * HOUR, 12),
        ("many", Step.FIRST_REPLY, HOUR, 40),
    ]


def test_the_way_until_solved_counts_as_one_where_first_replies_are_not_known() -> None:
    rows = cases([10] * 30, None, first_reply=None) + cases([10] * 14, None, "Software")
    gaps = journey(rows).gaps
    assert [(gap.topic, gap.step, gap.times.n) for gap in gaps] == [(None, Step.WHOLE, 44)]


def test_how_long_customers_take_to_answer_is_no_gap_of_ours() -> None:
    assert (
        journey(cases([0] * 30, first_reply=timedelta(), until_solved=timedelta(), until_answered=6 * DAY)).gaps == ()
    )


def test_a_business_without_a_case_has_no_wait_and_no_gap() -> None:
    found = journey([])
    assert (found.topics, found.teams, found.gaps) == ((), (), ())
    assert all(found.everyone.times(step) == Times(0, 0, 0, None, None, None) for step in Step)


def test_nothing_tells_how_many_answered_where_that_is_hidden() -> None:
    rows = [replace(row, choice=YES if k < 4 else None) for k, row in enumerate(cases([1] * 30))]
    found = journey(rows)
    assert all(one.times(Step.ANSWER).hidden for one in (found.everyone, *found.teams, *found.topics))
    assert not found.everyone.times(Step.WHOLE).hidden

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from feedback.domain.changes import Verdict
from feedback.domain.counting import figures, served_since
from feedback.domain.followups import Outcome
from feedback.domain.periods import Calendar, Span
from feedback.domain.published import HIDDEN, Figures, Help, Measure, Served, Vote
from feedback.domain.rates import Rate
from feedback.domain.surveys import Choice, Stage
from tests.conftest import DAY, NOW

UTC_ZONE = ZoneInfo("UTC")
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
YES, NO = Choice.YES, Choice.NO


def served(who: object, at: datetime, choice: Choice | None = None, **values: Any) -> Served:
    """A resolution that was asked about a day later; values by name say what else there was."""
    usual: dict[str, Any] = {
        "is_first": True, "team": "Hardware", "topic": "printers", "channel": "mail", "first_reply": HOUR,
        "interactions": 1, "has_name": True, "has_tenure": True, "is_mailed": True, "asked_at": at + DAY,
    }  # fmt: skip
    return Served(f"customer {who}", at, choice=choice, **{**usual, **values})


def told(rows: Iterable[Served], now: datetime = NOW, zone: ZoneInfo = UTC_ZONE, **values: Any) -> Figures:
    found = sorted(rows, key=lambda row: row.resolved_at, reverse=True)

    def votes(since: datetime, until: datetime) -> Iterable[Vote]:
        for row in found:
            if row.choice and since <= row.resolved_at < until:
                yield Vote(row.customer_id, row.resolved_at, row.choice is YES, row.team, row.topic)

    return figures([row for row in found if row.resolved_at >= served_since(now, zone)], votes, now, zone, **values)


def weekly(many: int, weeks: range, *, yes: float = 0.75, **values: Any) -> list[Served]:
    """So many answers a week, each of a customer of its own, on the Wednesday so many weeks ago."""
    wednesday = datetime(2026, 3, 4, 9, tzinfo=NOW.tzinfo)
    return [
        served(f"{ago}-{k}-{values.get('team')}", wednesday - ago * WEEK, YES if k < yes * many else NO, **values)
        for ago in weeks
        for k in range(many)
    ]


def parts(rate: Rate) -> tuple[int, int, int]:
    assert not rate.hidden
    return rate.count, rate.n, rate.customers


@pytest.mark.parametrize(
    ("span", "day", "later", "start"),  # all answers until Sunday the 22nd of February 2026 are settled
    [
        (Span.WEEK, date(2026, 3, 3), 0, date(2026, 3, 2)),
        (Span.WEEK, date(2026, 3, 3), -10, date(2025, 12, 22)),
        (Span.MONTH, date(2026, 3, 31), 0, date(2026, 3, 1)),
        (Span.MONTH, date(2026, 3, 31), -3, date(2025, 12, 1)),
        (Span.MONTH, date(2026, 12, 31), 1, date(2027, 1, 1)),
        (Span.QUARTER, date(2026, 2, 22), 0, date(2025, 11, 24)),
        (Span.QUARTER, date(2026, 2, 23), 0, date(2026, 2, 23)),
        (Span.QUARTER, date(2026, 2, 22), -1, date(2025, 8, 25)),
        (Span.QUARTER, date(2026, 3, 3), 1, date(2026, 5, 25)),
    ],
)
def test_a_period_begins_where_a_calendar_says_or_thirteen_weeks_before_what_is_young(
    span: Span, day: date, later: int, start: date
) -> None:
    young = date(2026, 2, 1) if span is Span.MONTH else date(2026, 2, 23)
    assert Calendar(span, young, NOW.date(), ZoneInfo("UTC")).start(day, later) == start


@pytest.mark.parametrize(
    ("a_week", "span"),
    [(20, Span.WEEK), (19, Span.MONTH), (5, Span.MONTH), (4, Span.QUARTER), (1, Span.QUARTER)],
)
def test_periods_are_the_shortest_of_which_half_have_twenty_answers(a_week: int, span: Span) -> None:
    assert told(weekly(a_week, range(3, 28))).span is span


def test_half_of_the_periods_are_counted_from_the_first_answer_on() -> None:
    assert told(weekly(20, range(2, 6))).span is Span.WEEK
    assert told([*weekly(20, range(2, 6)), *weekly(1, range(16, 17))]).span is Span.QUARTER


@pytest.mark.parametrize(
    ("a_week", "first", "last"),
    [
        # it is Tuesday the 3rd of March; last week's answers may still come in
        (20, date(2025, 11, 24), date(2026, 2, 22)),
        (6, date(2025, 11, 1), date(2026, 1, 31)),  # and so may those about the end of February
        (1, date(2025, 11, 24), date(2026, 2, 22)),
    ],
)
def test_the_recent_stretch_is_the_last_whole_one_that_is_settled(a_week: int, first: date, last: date) -> None:
    found = told(weekly(a_week, range(2, 40)))
    assert (found.first_day, found.last_day) == (first, last)
    assert not any(period.provisional for period in found.trend if period.last_day <= last)
    assert all(period.provisional for period in found.trend if period.first_day > last)
    assert found.trend[-1].first_day <= NOW.date() <= found.trend[-1].last_day


def test_what_was_asked_about_late_keeps_its_week_provisional() -> None:
    rows = weekly(20, range(2, 20))
    late = served("late", NOW - 12 * DAY, None, asked_at=NOW - 6 * DAY)  # resolved on the Thursday before last
    assert told([*rows, late]).last_day == date(2026, 2, 15)
    much_later = replace(late, resolved_at=NOW - 30 * DAY)  # by hand, say; it waits for nobody
    found = told([*rows, much_later])
    assert found.last_day == date(2026, 2, 22)
    assert found.response.n == 13 * 20  # but is not old enough to count as silent


def test_the_headline_tells_of_the_recent_stretch_and_what_came_since() -> None:
    rows = [*weekly(20, range(2, 15)), *weekly(8, range(1, 2))]
    found = told(rows)
    assert parts(found.solved.rate) == (13 * 15 + 6, 13 * 20 + 8, 13 * 20 + 8)
    assert found.solved_until == NOW.date()
    assert parts(found.stretches[-1].solved) == (13 * 15, 13 * 20, 13 * 20)
    assert parts(found.trend[-2].solved) == (6, 8, 8)


def test_the_headline_waits_while_what_came_since_would_point_at_somebody() -> None:
    found = told([*weekly(20, range(2, 15)), *weekly(4, range(1, 2))])
    assert parts(found.solved.rate) == (13 * 15, 13 * 20, 13 * 20)
    assert found.solved_until == date(2026, 2, 22)
    assert found.trend[-2].solved == HIDDEN


def test_a_reply_counts_once_a_case_and_only_where_it_is_known() -> None:
    rows = weekly(20, range(2, 15))
    rows[:4] = [
        replace(rows[0], first_reply=None),
        replace(rows[1], first_reply=timedelta(days=2)),
        replace(rows[2], first_reply=24 * HOUR),  # within
        replace(rows[3], is_first=False, first_reply=timedelta(days=9)),
    ]
    found = told(rows)
    assert (parts(found.first_reply.rate), found.first_reply.of) == ((257, 258, 258), 259)
    assert found.first_reply_times.counts == (256, 0, 1, 1, 0)
    assert (found.first_reply_times.n, found.first_reply_times.of) == (258, 259)
    assert told(rows, within=timedelta(days=2)).first_reply.rate == Rate(258, 258, 258)


def test_mails_that_came_back_count_for_nothing_but_themselves() -> None:
    rows = weekly(20, range(2, 15))
    rows[0] = replace(rows[0], choice=None, is_bounced=True)
    rows[1] = replace(rows[1], choice=None)
    rows[2] = replace(rows[2], is_bounced=True)  # and yet answered, by a link that was handed on
    rows[3] = replace(rows[3], has_opted_out=True, has_name=False, has_tenure=False)
    found = told(rows)
    assert parts(found.response) == (258, 259, 259)
    assert parts(found.letters.bounced) == (2, 260, 260)
    assert parts(found.letters.opted_out) == (1, 260, 260)
    assert parts(found.letters.named) == parts(found.letters.tenure_known) == (259, 260, 260)


def test_contacts_and_reasons_say_of_how_many_they_know() -> None:
    rows = [replace(row, interactions=None) for row in weekly(20, range(2, 15))]
    for k, contacts in enumerate([1, 1, 1, 2, 2, 3, 7, 1, 1, 1, 1, 0]):
        rows[k] = replace(rows[k], interactions=contacts)
    unhappy = [k for k, row in enumerate(rows) if row.choice is NO]
    for k in unhappy[:12]:
        rows[k] = replace(rows[k], reasons=(Stage.CONNECT, Stage.RESOLVE))
    found = told(rows)
    assert found.interactions.counts == (7, 2, 2)
    assert (found.interactions.n, found.interactions.of) == (11, 260)
    assert dict(zip(found.reasons_no.names, found.reasons_no.counts, strict=True)) == {
        "connect": 12, "assist": 0, "resolve": 12, "enhance": 0
    }  # fmt: skip
    assert (found.reasons_no.n, found.reasons_no.of) == (12, 65)
    assert (found.reasons_yes.n, found.reasons_yes.of, found.reasons_yes.hidden) == (0, 195, False)


def test_follow_ups_tell_how_soon_how_ended_and_whether_it_helped() -> None:
    rows = weekly(20, range(2, 15))
    unhappy = [k for k, row in enumerate(rows) if row.choice is NO]
    for n, k in enumerate(unhappy[:20]):
        outcome = (Outcome.SOLVED, Outcome.SOLVED, Outcome.NO_CONTACT, None)[n % 4]
        is_solved = outcome is Outcome.SOLVED
        contact = (n + 1) * HOUR if outcome is not None else None
        choice_again = (YES if n < 8 else NO) if is_solved else None
        rows[k] = replace(rows[k], help=Help(outcome, contact, n < 3, is_solved, choice_again))
    ups = told(rows).follow_ups
    assert dict(zip(ups.outcomes.names, ups.outcomes.counts, strict=True)) == {
        "solved": 10, "not_solvable": 0, "no_contact": 5, "withdrawn": 0, "open": 5
    }  # fmt: skip
    # 1 2 3 5 6 7 9 10 11 13 14 15 17 18 19 hours
    assert (ups.first_contact.lower, ups.first_contact.median) == (5.5 * HOUR, 10 * HOUR)
    assert (ups.first_contact.upper, ups.first_contact.n, ups.first_contact.of) == (14.5 * HOUR, 15, 20)
    assert parts(ups.escalated) == (3, 20, 20)
    assert (parts(ups.recovery.rate), ups.recovery.of) == ((4, 10, 10), 10)


def test_teams_are_one_whatever_their_capitals_and_the_unknown_is_a_part() -> None:
    rows = [
        *weekly(8, range(2, 15), team="Hardware"), *weekly(8, range(2, 15), team="hardware", topic=None),
        *weekly(8, range(2, 15), team=None),
    ]  # fmt: skip
    found = told(rows)
    assert [(part.name and part.name.casefold(), part.solved.n) for part in found.teams] == [
        ("hardware", 208), (None, 104)
    ]  # fmt: skip
    assert [(part.name, part.solved.n) for part in found.topics] == [("printers", 208), (None, 104)]
    assert [part.name for part in found.channels] == ["mail"]
    assert found.channels[0].trend == ()


def test_a_team_has_a_trend_by_stretches() -> None:
    rows = [*weekly(20, range(2, 41), team="Hardware", yes=0.5), *weekly(20, range(2, 28), team="Software")]
    hardware, software = told(rows).teams
    assert [period.solved.n for period in hardware.trend] == [260, 260, 260]
    assert [period.solved.n for period in software.trend] == [260, 260]
    assert [period.first_day for period in software.trend] == [date(2025, 8, 25), date(2025, 11, 24)]


def test_a_change_is_told_where_it_is_more_than_chance() -> None:
    before, after = range(15, 28), range(2, 15)
    rows = [
        *weekly(20, before, team="Hardware", yes=0.5), *weekly(20, after, team="Hardware", yes=0.8),
        *weekly(20, before, team="Software", yes=0.6), *weekly(20, after, team="Software", yes=0.6),
    ]  # fmt: skip
    found = told(rows)
    hardware, software = found.teams
    assert hardware.before
    assert hardware.others
    assert software.before
    assert software.others
    assert found.before
    # all before, the last week, two teams twice, the only topic before; of that and of mail there are no others
    assert found.comparisons == 7
    assert hardware.before.verdict is found.before.verdict is Verdict.HIGHER
    assert software.before.verdict is Verdict.STEADY
    assert (hardware.others.verdict, software.others.verdict) == (Verdict.HIGHER, Verdict.LOWER)
    assert (hardware.others.other, hardware.before.other) == (software.solved, hardware.trend[-2].solved)


def test_a_bad_week_is_told_against_the_others() -> None:
    found = told([*weekly(20, range(3, 15), yes=0.8), *weekly(20, range(2, 3), yes=0.3)])
    assert found.latest
    assert (parts(found.latest.rate), parts(found.latest.other)) == ((6, 20, 20), (192, 240, 240))
    assert found.latest.title == "lower than all others, 30 % against 80 %"


def test_provisional_periods_enter_no_comparison() -> None:
    rows = weekly(20, range(2, 28))
    with_bad_days = [*rows, *weekly(20, range(2), yes=0)]
    assert told(with_bad_days).before == told(rows).before


def test_a_young_business_is_told_when_its_figures_come() -> None:
    found = told([served(n, NOW - 3 * DAY, YES if n % 2 else NO) for n in range(12)])
    assert parts(found.solved.rate) == (6, 12, 12)
    assert found.solved.of == 12
    assert found.response == Rate(0, 0, 0)
    assert found.stretches[-1].solved == Rate(0, 0, 0)
    assert (found.settles_on, found.periods_missing) == (date(2026, 3, 9), 2)  # of this week
    assert (found.teams, found.before, found.comparisons) == ((), None, 0)


def test_an_empty_business_has_every_figure_and_nobody_in_it() -> None:
    found = told([])
    assert found.solved == found.first_reply == found.follow_ups.recovery == Measure(Rate(0, 0, 0), 0)
    assert found.settles_on is None
    assert found.periods_missing == 2
    assert not found.interactions.hidden
    assert not found.follow_ups.first_contact.hidden
    assert [period.provisional for period in found.trend] == [True]


def test_cases_of_nobody_known_may_all_be_one_customers() -> None:
    rows = [replace(row, customer_id="") for row in weekly(20, range(2, 15))]
    assert told(rows).solved.rate == HIDDEN


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York", "UTC"])
def test_days_are_those_of_the_business(zone: str) -> None:
    rows = weekly(20, range(2, 15))
    at = datetime(2026, 2, 22, 12, 30, tzinfo=NOW.tzinfo)  # a Monday in Auckland already
    found = told([*rows, served("last", at, NO)], zone=ZoneInfo(zone))
    assert found.stretches[-1].solved.n == (260 if zone == "Pacific/Auckland" else 261)


@pytest.mark.parametrize("many", range(5, 10))
def test_where_the_share_solved_is_hidden_no_number_of_follow_ups_or_reasons_tells_it(many: int) -> None:
    """Some customers, who all said no: that is hidden, and so is that there were as many follow-ups."""
    opened = [Help(None, HOUR, k < 3, True, NO if k < 2 else YES) for k in range(many)]
    rows = [served(k, NOW - 70 * DAY, NO, help=help, reasons=(Stage.RESOLVE,)) for k, help in enumerate(opened)]
    rows += [served(k, NOW - 70 * DAY) for k in range(10, 20)]
    found = told(rows)
    assert (
        found.response
        == found.stretches[-1].solved
        == found.follow_ups.escalated
        == found.follow_ups.recovery.rate
        == HIDDEN
    )
    for hidden in (found.reasons_no, found.reasons_yes, found.follow_ups.outcomes, found.follow_ups.first_contact):
        assert (hidden.hidden, hidden.n, hidden.of) == (True, 0, 0)

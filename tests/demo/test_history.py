"""The sample business is made once, as `feedback demo` makes it; each claim looks at what it has become."""

import csv
import html
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from statistics import quantiles
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedback import demo
from feedback.config import load_config
from feedback.demo import begin, business, history, starting_moment
from feedback.demo.history import History
from feedback.domain.rates import Rate
from feedback.domain.surveys import REASONS, Choice
from feedback.domain.timing import local_day, span_in_words, week_of
from feedback.keys import load_keys
from feedback.loop.asking import Asking
from feedback.mail.inbox import Inbox
from feedback.mail.transport import open_transport
from feedback.publish import figures
from feedback.store import open_store
from feedback.store.sqlite import moment
from feedback.web.demo import PASSWORD
from feedback.web.passwords import is_password
from tests.conftest import DAY, Loop
from tests.demo.counting import ByHand, per_cent, quartile, wilson

REAL_NOW = datetime(2026, 11, 26, 20, 30, tzinfo=UTC)  # a Thursday; half a year before it, clocks were not yet back
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # the Tuesday before it, 10:00 in Berlin
HALF_A_YEAR = timedelta(weeks=26)


def open_demo(folder: Path) -> Loop:
    config = load_config({**demo._settings(8000), "FEEDBACK_DATA_DIR": str(folder / "var")}, env_file=None)
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    return Loop(store, keys, config, Asking(store, keys, config))


@pytest.fixture(scope="module")
def days() -> list[date]:
    """The days that were told to whoever watches."""
    return []


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, days: list[date]) -> Iterator[Loop]:
    def watch(told: Iterable[date], length: int) -> AbstractContextManager[Iterable[date]]:
        days.extend(told)
        assert len(days) <= length
        return nullcontext(days)

    sample = open_demo(tmp_path_factory.mktemp("var-demo"))
    begin(sample.config, REAL_NOW, watch)
    yield sample
    sample.store.close()


def column(sample: Loop, statement: str) -> list[object]:
    return [next(iter(row.values())) for row in sample.rows(statement)]


def count(sample: Loop, what: str) -> int:
    return int(sample.rows(f"SELECT COUNT(*) AS n FROM {what}")[0]["n"])


def test_four_hundred_customers_have_a_zone_some_a_locale_and_most_a_tenure(sample: Loop) -> None:
    customers = count(sample, "customers")
    assert customers >= 400
    assert count(sample, "customers WHERE zone IS NULL OR email IS NULL OR name IS NULL") == 0
    assert count(sample, "customers WHERE customer_since IS NOT NULL") > 0.7 * customers
    assert count(sample, f"customers WHERE customer_since > '{START:%Y-%m-%d}'") == 0
    assert count(sample, "customers c WHERE NOT EXISTS (SELECT 1 FROM cases WHERE customer_id = c.id)") == 0
    locales = set(column(sample, "SELECT DISTINCT locale FROM customers WHERE locale IS NOT NULL"))
    assert locales == {place.locale for place in business.PLACES}
    assert 0.2 * customers < count(sample, "customers WHERE locale IS NOT NULL") < 0.5 * customers


def test_every_team_agent_and_topic_of_the_business_occurs(sample: Loop) -> None:
    topics = {(team.name, topic.name) for team in business.TEAMS for topic in team.topics}
    agents = {(team.name, agent) for team in business.TEAMS for agent in team.agents}
    assert {tuple(row.values()) for row in sample.rows("SELECT DISTINCT team, topic FROM resolutions")} == topics
    assert {tuple(row.values()) for row in sample.rows("SELECT DISTINCT team, agent FROM resolutions")} == agents


def test_cases_fill_each_of_26_weeks_up_to_the_start(sample: Loop) -> None:
    opened = [moment(str(at)) for at in column(sample, "SELECT opened_at FROM cases")]
    zone = sample.config.zone
    weeks = {week_of(local_day(at, zone)) for at in opened}
    last = week_of(local_day(START, zone))
    assert weeks >= {last - timedelta(weeks=ago) for ago in range(26)}
    assert START - HALF_A_YEAR - DAY < min(opened) < START - HALF_A_YEAR + 4 * DAY


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("cases", ("opened_at", "first_reply_at", "resolved_at")),
        ("resolutions", ("opened_at", "first_reply_at", "resolved_at")),
        ("surveys", ("asked_at",)),
        ("decisions", ("at",)),
        ("outbox", ("handed_over_at",)),
        ("answers", ("at", "details_at")),
        ("follow_ups", ("opened_at", "closed_at")),
        ("follow_up_events", ("at",)),
        ("builds", ("at",)),
    ],
)
def test_nothing_is_later_than_the_start(sample: Loop, table: str, columns: tuple[str, ...]) -> None:
    for name in columns:
        (newest,) = column(sample, f"SELECT MAX({name}) FROM {table}")
        assert moment(str(newest)) <= START


@pytest.mark.parametrize("table", ["page_votes", "offers"])
def test_visitors_tap_on_days_of_the_last_weeks_and_nobody_can_tell_any_more_who(sample: Loop, table: str) -> None:
    days = [date.fromisoformat(str(day)) for day in column(sample, f"SELECT day FROM {table}")]
    today = local_day(START, sample.config.zone)
    assert today - timedelta(weeks=business.FAQ_SINCE) <= min(days) < max(days) <= today
    assert len(set(days)) > 30
    assert count(sample, f"visitors WHERE day < '{today}'") == 0
    once = "page, day, visitor" if table == "page_votes" else "place, step, day, visitor"
    assert count(sample, f"(SELECT DISTINCT {once} FROM {table})") == len(days)


def test_a_case_is_opened_answered_and_resolved_in_this_order(sample: Loop) -> None:
    assert count(sample, "resolutions WHERE opened_at > first_reply_at OR first_reply_at > resolved_at") == 0


def test_some_cases_go_fast_and_some_slowly(sample: Loop) -> None:
    rows = sample.rows("SELECT opened_at, first_reply_at, resolved_at, interactions FROM resolutions WHERE n = 1")
    assert {row["interactions"] for row in rows} >= {1, 2, 3, 4}
    for name in ("first_reply_at", "resolved_at"):
        hours = [(moment(row[name]) - moment(row["opened_at"])) / timedelta(hours=1) for row in rows]
        tenths = quantiles(hours, n=10)
        assert tenths[0] < 8
        assert tenths[-1] > 5 * tenths[0]


@pytest.mark.parametrize(
    ("what", "least"),
    [
        ("cases WHERE status = 'resolved'", 900),
        ("cases WHERE status = 'open' AND resolved_at IS NULL", 1),
        ("cases WHERE status = 'spam'", 5),
        ("cases c WHERE status = 'merged' AND merged_into IN (SELECT ref FROM cases)", 5),
        ("resolutions WHERE n = 2", 10),
        ("surveys WHERE state = 'cancelled' AND reason = 'reopened'", 5),
        ("answers WHERE choice = 'yes' AND comment IS NOT NULL", 30),
        ("answers WHERE choice = 'yes' AND comment IS NULL", 100),
        ("answers WHERE choice = 'no' AND comment IS NOT NULL", 30),
        ("answers WHERE choice = 'no' AND comment IS NULL", 10),
        ("answers WHERE choice = 'no' AND call = 1 AND phone IS NOT NULL", 5),
        ("answers WHERE quote_name IS NOT NULL", 3),
        ("answers WHERE choice = 'yes' AND survey_id IN (SELECT id FROM surveys WHERE round = 1)", 20),
        ("follow_ups WHERE outcome = 'solved'", 30),
        ("follow_ups WHERE outcome = 'not_solvable'", 3),
        ("follow_ups WHERE outcome = 'no_contact'", 3),
        ("follow_up_events WHERE kind = 'interaction'", 50),
        ("outbox WHERE kind = 'alert' AND state = 'sent'", 50),
        ("outbox WHERE state = 'failed'", 1),
        ("outbox WHERE state = 'unconfirmed'", 1),
        ("suppressions", 1),
        ("purchases", 500),
        ("page_votes", 150),
        ("offers WHERE step = 'shown'", 100),
        ("offers WHERE step = 'helped' AND page IS NOT NULL", 10),
        ("offers WHERE step = 'asked'", 5),
    ],
)
def test_what_happens_in_a_business_has_happened_here(sample: Loop, what: str, least: int) -> None:
    assert count(sample, what) >= least


def test_customers_speak_in_sentences(sample: Loop) -> None:
    assert count(sample, "answers WHERE LENGTH(comment) < 10") == 0
    assert count(sample, "follow_up_events WHERE LENGTH(note) < 10") == 0


def test_three_follow_ups_wait_for_the_visitor_and_the_first_is_overdue_and_owned(sample: Loop) -> None:
    words = [said.comment for said in business.LAST_WORDS]
    waiting = sample.store.follow_ups.open_ones()
    first, second, third = (one for one in waiting if one.details.comment in words)
    assert first.due_at < START < second.due_at < third.due_at
    assert (first.owner is not None, second.owner, third.owner) == (True, None, None)
    assert (first.interactions, first.details.call) == (0, True)  # they were not reached


def test_each_open_follow_up_has_been_told_to_the_team(sample: Loop) -> None:
    told = "outbox WHERE state = 'sent' AND follow_up_id = f.id"
    assert count(sample, f"follow_ups f WHERE closed_at IS NULL AND NOT EXISTS (SELECT 1 FROM {told})") == 0


def test_most_months_have_answers_enough_to_be_shown(sample: Loop) -> None:
    months = figures.current(sample.store, sample.config, START).trend
    assert len(months) >= 6
    assert sum(month.solved.n >= 5 for month in months) >= 6


def test_some_customers_will_be_asked_within_the_next_day(sample: Loop) -> None:
    assert sample.store.surveys.due(START, 1) == []
    assert not sample.store.outbox.is_busy(START)
    due = [moment(str(at)) for at in column(sample, "SELECT due_at FROM surveys WHERE state = 'waiting'")]
    assert len(due) >= 3
    assert all(START < at <= START + DAY for at in due)


def test_the_inbox_holds_survey_mails_and_alerts_of_the_last_days_only(sample: Loop) -> None:
    inbox = Inbox(sample.config.mail_folder)
    mails = inbox.newest(1_000)
    assert len(mails) == inbox.count() >= 10
    assert {mail.is_survey for mail in mails} == {True, False}
    assert mails[0].subject.startswith("Overdue: ")
    assert mails[1].is_survey
    assert all(START - history.MAIL_KEPT <= mail.at <= START for mail in mails)
    kept = f"outbox WHERE words LIKE 'kept as %' AND handed_over_at >= '{START - history.MAIL_KEPT:%Y-%m-%dT%H:%M:%SZ}'"
    assert len(mails) == count(sample, kept)


def test_everyone_at_the_business_may_log_in_with_the_password_that_the_guide_tells(sample: Loop) -> None:
    people = sample.store.staff.all()
    assert {person.name for person in people} == {agent for team in business.TEAMS for agent in team.agents}
    mara = sample.store.staff.with_email(sample.config.alert_to[0].addr_spec)
    assert mara is not None
    assert is_password(mara.password_hash, PASSWORD)


def test_it_is_marked_as_a_demo_and_its_site_is_built(sample: Loop, days: list[date]) -> None:
    known = sample.store.operations.demo()
    assert known is not None
    assert (known.since, known.offset) == (START, START - REAL_NOW)
    (built,) = sample.store.operations.good_builds(5)
    assert (built.at, built.words) == (START, None)
    page = (sample.config.data_dir / "site" / "current" / "index.html").read_text()
    assert business.NAME in page
    assert built.headline is not None
    assert "% solved" in built.headline
    assert days == sorted(set(days))
    assert len(days) == history.DAYS + 1


def test_its_faq_has_two_gaps_and_an_entry_that_does_not_help(sample: Loop) -> None:
    site = sample.config.data_dir / "site" / "current"
    page = (site / "faq-gaps" / "index.html").read_text()
    topics, entries = page.split('id="topics"')[1].split('id="entries"')
    marked = [[in_text(one) for one in re.findall("<li>(.*?)</li>", part, re.DOTALL)] for part in (topics, entries)]
    assert {one.split(":")[0] for one in marked[0] if "no entry" in one} == {"Leaks and blockages", "Warranty"}
    failing = "The descaling light stays on: clearly fewer than half say that it helped."
    assert [one for one in marked[1] if "fewer than half" in one] == [failing]
    told = {one["url"]: one for one in json.loads((site / "faq.json").read_text())["entries"]}
    assert {one.address for one in business.FAQ} | {page.entry for page in business.SHOP_PAGES} <= set(told)
    known = {topic.name for team in business.TEAMS for topic in team.topics}
    assert {topic for one in business.FAQ for topic in told[one.address]["topics"]} < known


def test_the_same_seed_gives_the_same_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "DAYS", 14)
    monkeypatch.setattr(history, "CUSTOMERS", 30)
    told = []
    for name in ("one", "two"):
        sample = open_demo(tmp_path / name)
        demo._hire(sample.store)
        transport = open_transport(sample.config)
        for _ in History(sample.store, sample.keys, sample.config, transport, START).live():
            pass
        told.append(what_happened(sample))
        sample.store.close()
    assert told[0] == told[1]
    assert all(told[0])


def what_happened(sample: Loop) -> list[list[tuple[object, ...]]]:
    """All but the random keys."""
    statements = (
        "SELECT ref, email, name, customer_since, locale, zone FROM customers ORDER BY ref",
        "SELECT ref, status, merged_into, subject, team, agent, opened_at, resolved_at FROM cases ORDER BY ref",
        "SELECT c.ref, r.n, s.round, s.state, s.asked_at, o.state, a.at, a.choice, a.comment, f.closed_at, f.outcome"
        " FROM cases c JOIN resolutions r ON r.case_id = c.id JOIN surveys s ON s.resolution_id = r.id"
        " LEFT JOIN outbox o ON o.survey_id = s.id LEFT JOIN answers a ON a.survey_id = s.id"
        " LEFT JOIN follow_ups f ON f.survey_id = s.id ORDER BY c.ref, r.n, s.round, a.seq",
        "SELECT page, day, helped FROM page_votes ORDER BY 1, 2, 3",
        "SELECT place, day, step, page FROM offers ORDER BY 1, 2, 3, 4",
        "SELECT p.ref, cu.email, p.at, p.amount FROM purchases p JOIN customers cu ON cu.id = p.customer_id ORDER BY 1",
    )
    return [[tuple(row.values()) for row in sample.rows(statement)] for statement in statements]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))
@example(utc("2026-03-29T00:59:59"))  # clocks go forward
@example(utc("2026-03-29T01:00:00"))
@example(utc("2026-03-31T07:59:59"))  # the Tuesday after, a second too early
@example(utc("2026-03-31T08:00:00"))
@example(utc("2026-10-25T00:30:00"))  # clocks go back: 2:30 twice
@example(utc("2026-10-25T01:30:00"))
@example(utc("2026-10-27T08:59:59"))
@example(utc("2026-10-27T09:00:00"))
@example(utc("2027-01-01T00:00:00"))
def test_it_starts_on_the_last_tuesday_at_ten(real_now: datetime) -> None:
    start = starting_moment(real_now)
    zone = ZoneInfo(business.ZONE)
    local = start.astimezone(zone)
    assert (local.weekday(), local.time()) == (1, time(10, 0))
    next_one = datetime.combine(local.date() + timedelta(days=7), time(10, 0), zone)
    assert start <= real_now < next_one


def shown(rate: Rate) -> tuple[int, int, int]:
    assert not rate.hidden
    return rate.count, rate.n, rate.customers


def test_the_published_figures_equal_a_count_by_hand(sample: Loop) -> None:
    told = figures.current(sample.store, sample.config, START)
    by_hand = ByHand(sample, START)
    recent = by_hand.between(told.first_day, told.last_day)
    assert shown(told.solved.rate) == by_hand.solved(by_hand.between(told.first_day, told.solved_until))
    assert shown(told.response) == by_hand.response(recent)
    assert shown(told.first_reply.rate) == by_hand.in_time(recent)
    assert told.first_reply.of == len([row for row in recent if row["n"] == 1])
    assert told.first_reply_times.n == told.first_reply.rate.n == sum(told.first_reply_times.counts)
    assert sum(told.first_reply_times.counts[:3]) == told.first_reply.rate.count
    assert sum(told.interactions.counts) == len([row for row in recent if row["interactions"]])
    assert shown(told.follow_ups.recovery.rate) == by_hand.recovered(recent)
    assert told.follow_ups.recovery.of == len([row for row in recent if row["again"]])
    outcomes = [row["follow_up"]["outcome"] or "open" for row in recent if row["follow_up"]]
    counts = dict(zip(told.follow_ups.outcomes.names, told.follow_ups.outcomes.counts, strict=True))
    assert counts == {name: outcomes.count(name) for name in counts}
    mailed = [row for row in recent if row["asked_at"]]
    tenured = [row for row in mailed if row["customer"]["customer_since"]]
    assert shown(told.letters.tenure_known)[:2] == (len(tenured), len(mailed))


def test_periods_teams_topics_and_channels_equal_a_count_by_hand(sample: Loop) -> None:
    told = figures.current(sample.store, sample.config, START)
    by_hand = ByHand(sample, START)
    for one in (*told.trend, *told.stretches):
        if not one.solved.hidden:
            assert shown(one.solved) == by_hand.solved(by_hand.between(one.first_day, one.last_day))
    assert len([one for one in told.trend if one.solved.n]) >= 5
    seen = 0
    for what, parts in (("team", told.teams), ("topic", told.topics), ("channel", told.channels)):
        assert {part.name for part in parts} == {
            row[what] for row in by_hand.between(told.first_day, told.last_day)
        }  # fmt: skip
        for part in parts:
            assert part.name
            rows = by_hand.between(told.first_day, told.last_day, **{what: part.name})
            for rate, counted in (
                (part.solved, by_hand.solved(rows)),
                (part.response, by_hand.response(rows)),
                (part.first_reply.rate, by_hand.in_time(rows)),
            ):
                if not rate.hidden:
                    assert shown(rate) == counted
                    seen += 1
            for one in part.trend:
                if not one.solved.hidden:
                    rows = by_hand.between(one.first_day, one.last_day, **{what: part.name})
                    assert shown(one.solved) == by_hand.solved(rows)
    assert seen >= 20


def read_back(page: str, kind: str) -> dict[str, list[str]]:
    """The table of a kind on the built page: by name, what stands in each cell."""
    section = page.split(f'id="{kind}"', 1)[1].split("</table>", 1)[0]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', section)
    return {in_text(name): [in_text(cell) for cell in re.findall("<td>(.*?)</td>", cells)] for name, cells in rows}


def in_text(markup: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", markup))).strip()


def test_the_numbers_on_the_built_pages_equal_a_count_by_hand(sample: Loop) -> None:
    told = figures.current(sample.store, sample.config, START)  # for the days alone
    by_hand = ByHand(sample, START)
    recent = by_hand.between(told.first_day, told.last_day)
    folder = sample.config.data_dir / "site" / "current"
    page = (folder / "figures" / "index.html").read_text()
    boxes = [in_text(box) for box in re.findall(r'<p class="figure">(.*?)</p>', page)]
    for (count, n, customers), verb, of_what in (
        (by_hand.solved(by_hand.between(told.first_day, told.solved_until)), "solved", "answers"),
        (by_hand.response(recent), "answered", "surveys"),
        (by_hand.in_time(recent), "had a first reply within 24 hours", "cases"),
        (by_hand.recovered(recent), "solved at the second try", "answers"),
    ):
        low, high = wilson(count, n)
        words = f"{per_cent(count / n)} % {verb} ({low}–{high} %), {count} of {n} {of_what}, {customers} customers"
        assert [box for box in boxes if box.startswith(words)], (words, boxes)
    seen = 0
    for what, kind in (("team", "teams"), ("topic", "topics"), ("channel", "channels")):
        for name, cells in read_back(page, kind).items():
            rows = by_hand.between(told.first_day, told.last_day, **{what: name})
            counted = (by_hand.solved(rows), by_hand.response(rows), by_hand.in_time(rows))
            for cell, (count, n, _) in zip(cells, counted, strict=True):
                if cell != "too few":
                    low, high = wilson(count, n)
                    assert cell == f"{per_cent(count / n)} % {low}–{high} % {count} of {n}"
                    seen += 1
    assert seen >= 20
    table = page.split('id="trend-t"', 1)[1].split("</tbody>", 1)[0].split("<tbody>")[1]
    rows_of_table = [
        [in_text(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in table.split("</tr>")
    ]
    for period, cells in zip(told.trend, rows_of_table, strict=False):
        count, n, _ = by_hand.solved(by_hand.between(period.first_day, period.last_day))
        low, high = wilson(count, n)
        assert cells[0].startswith(f"{period.first_day.day} {period.first_day:%B}")
        assert cells[1:] == [per_cent(count / n), f"{low}–{high} %", str(n)]
    assert len(told.trend) == len(rows_of_table) - 1 >= 5


def test_the_numbers_about_mails_follow_ups_and_reasons_equal_a_count_by_hand(sample: Loop) -> None:
    told = figures.current(sample.store, sample.config, START)  # for the days alone
    by_hand = ByHand(sample, START)
    recent = by_hand.between(told.first_day, told.last_day)
    page = (sample.config.data_dir / "site" / "current" / "figures" / "index.html").read_text()
    boxes = [in_text(box) for box in re.findall(r'<p class="figure">(.*?)</p>', page)]
    rates = {**by_hand.letters(recent), "became a call": by_hand.escalated(recent)}
    for verb, (count, n, customers) in rates.items():
        (box,) = [box for box in boxes if verb in box]
        low, high = wilson(count, n)
        assert box.startswith(f"{per_cent(count / n)} % ")
        assert f"({low}–{high} %), {count} of {n} " in box
        assert f"{customers} customers" in box
    took = by_hand.contacts(recent)
    lower, middle, upper = (span_in_words(timedelta(seconds=round(quartile(took, k)))) for k in (1, 2, 3))
    assert any(
        box.startswith(f"Half of them within {middle} ; the middle half took {lower} to {upper}") for box in boxes
    )
    for choice, name in (("no", "reasons-no"), ("yes", "reasons-yes")):
        ticked, n = by_hand.ticked(recent, choice)
        with (sample.config.data_dir / "site" / "current" / "figures" / f"{name}.csv").open(newline="") as file:
            lines = {line["name"]: (int(line["share_count"]), int(line["share_n"])) for line in csv.DictReader(file)}
        assert {one: count for one, (count, _) in lines.items() if count} == {one: ticked[one] for one in ticked}
        assert {of for _, of in lines.values()} == {n}
        words = {str(stage): words for stage, words in REASONS[Choice(choice)].items()}
        for one, count in ticked.items():
            assert re.search(
                rf"{re.escape(words[one])}</th><td>{per_cent(count / n)} %.*?</td><td>{count}</td>", html.unescape(page)
            )


def test_where_customers_wait_equals_a_count_by_hand(sample: Loop) -> None:
    told = figures.current(sample.store, sample.config, START)  # for the days alone
    by_hand = ByHand(sample, START)
    page = (sample.config.data_dir / "site" / "current" / "journey" / "index.html").read_text()
    shown, medians = 0, dict[tuple[str, str], float]()
    for heading, everyone in by_hand.waits(by_hand.between(told.first_day, told.last_day)).items():
        table = read_back(page, heading)
        assert len(table) == 1 + len({row["team"] for row in by_hand.resolutions}) + len(told.topics)
        for name, (wait, cases) in table.items():
            what, _, which = name.partition(" ")
            rows = by_hand.between(told.first_day, told.last_day, **({what.lower(): which} if what != "All" else {}))
            found = everyone if what == "All" else by_hand.waits(rows)[heading]
            took = sorted(seconds for _, seconds in found)
            if wait == "too few":
                assert (cases, len({customer for customer, _ in found}) < 30) == ("–", True)
                continue
            lower, middle, upper = (span_in_words(timedelta(seconds=round(quartile(took, k)))) for k in (1, 2, 3))
            assert (wait, cases) == (f"{middle} {lower} to {upper}", str(len(took))), (heading, name)
            assert len({customer for customer, _ in found}) >= 10
            shown += 1
            if what == "Topic" and "answer" not in heading and "opening" not in heading:
                medians[which, heading.replace("-", " ")] = quartile(took, 2) * len(took)
    assert shown >= 40
    gaps = [in_text(one) for one in re.findall("<li>(.*?)</li>", page.split('id="the-widest-gaps"')[1], re.DOTALL)[:3]]
    for gap, (topic, step) in zip(gaps, sorted(medians, key=medians.__getitem__, reverse=True)[:3], strict=True):
        assert gap.startswith(f"Topic {topic}, {step}: half of them within "), (gap, topic, step)
    for name, (cell,) in read_back(page, "more-than-two-interactions").items():
        what, _, which = name.partition(" ")
        rows = by_hand.between(told.first_day, told.last_day, **({what.lower(): which} if what != "All" else {}))
        count, n, _ = by_hand.beyond_two(rows)
        low, high = wilson(count, n)
        assert cell == f"{per_cent(count / n)} % {low}–{high} % {count} of {n}"


def test_the_page_of_each_team_equals_a_count_by_hand(sample: Loop) -> None:
    told = figures.current(sample.store, sample.config, START)
    by_hand = ByHand(sample, START)
    folder = sample.config.data_dir / "site" / "current" / "figures" / "teams"
    pages = sorted(folder.rglob("index.html"))
    shown_here = 0
    assert len(pages) == len(business.TEAMS)
    for path in pages:
        page = path.read_text()
        title = in_text(re.findall(r"<h1[^>]*>(.*?)</h1>", page)[0]).removesuffix("¶").strip()
        rows = by_hand.between(told.first_day, told.last_day, team=title)
        boxes = [in_text(box) for box in re.findall(r'<p class="figure">(.*?)</p>', page)]
        for box, (count, n, customers) in zip(
            boxes, (by_hand.solved(rows), by_hand.response(rows), by_hand.in_time(rows)), strict=True
        ):
            assert f"{count} of {n} " in box or "Too few" in box
            assert f"{customers} customers" in box or "Too few" in box
            shown_here += "Too few" not in box
    assert shown_here >= 2 * len(pages)


def test_who_comes_back_on_the_built_page_equals_a_count_by_hand(sample: Loop) -> None:
    by_hand = ByHand(sample, START)
    folder = sample.config.data_dir / "site" / "current"
    pieces = (folder / "coming-back" / "index.html").read_text().split('id="within-')[1:]
    shown_here = 0
    for piece, days, over in zip(pieces, (30, 90, 180), (0, 30, 90), strict=True):
        within, part = timedelta(days=days), timedelta(days=over)
        counted = by_hand.coming_back(within, part, within, sample.config.zone)
        rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', piece.split("</table>")[0])
        assert [in_text(name) for name, _ in rows] == list(counted)
        for name, markup in rows:
            cells = [in_text(cell) for cell in re.findall("<td>(.*?)</td>", markup)]
            again, later, sums = counted[in_text(name)]
            if cells[0] in ("too few", "nothing yet"):
                assert (cells[0] == "nothing yet") == (not sums)
                continue
            for longer in (90, 180):  # a few newest ones wait
                if days < longer and not cells[0].endswith(f" of {len(sums)}"):
                    observed = by_hand.coming_back(within, part, timedelta(days=longer), sample.config.zone)
                    assert 0 < len(sums) - len(observed[in_text(name)][2]) < 10
                    again, later, sums = observed[in_text(name)]
            for cell, count in zip(cells[:-1], (again, later), strict=False):
                low, high = wilson(count, len(sums))
                assert cell == f"{per_cent(count / len(sums))} % {low}–{high} % {count} of {len(sums)}"
            lower, middle, upper = (f"€{quartile(sums, k):.2f}" for k in (1, 2, 3))
            is_few = len(sums) < 10 or any(0 < many < 5 for many in (again, later))
            assert cells[-1] == ("too few" if is_few else f"{middle} {lower} to {upper}")
            shown_here += 1
    assert shown_here >= 7


def test_who_is_content_buys_again_more_often_than_who_is_not(sample: Loop) -> None:
    within = figures.current(sample.store, sample.config, START).outcomes.within[1]
    yes, recovered, no, silent = (group.again.share for group in within.groups)
    assert min(yes, recovered) > silent > no

"""The desk's queue, in parts that can be narrowed and bookmarked, with how many stand in each; and its search."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from feedback.config import Config
from feedback.domain.colours import accent
from feedback.domain.queue import Filters, Tab
from feedback.domain.staff import Role
from feedback.domain.surveys import REASONS, Choice, Stage
from feedback.domain.texts import one_line
from feedback.domain.timing import local_day
from feedback.loop.health import check
from feedback.store import Store
from feedback.store.queue import CLOSED_MOST, Reader
from feedback.store.search import Kind, is_searchable
from feedback.web.login import open_to, person
from feedback.web.pages import page_style, queue_policy

PAGE = 50
FOUND_MOST = 20  # of a kind
FOUND = {Kind.FOLLOW_UP: "Follow-ups", Kind.ANSWER: "Answers", Kind.CASE: "Cases"}
DAYS = (1, 3, 7, 14, 30)
TABS = {
    Tab.OPEN: "All open",
    Tab.MINE: "Mine",
    Tab.UNOWNED: "Nobody’s",
    Tab.TODAY: "Due today",
    Tab.OVERDUE: "Overdue",
    Tab.ESCALATED: "Escalated",
    Tab.CLOSED: "Closed",
}
WHAT_WILL_COME = {
    Tab.OPEN: "Nobody waits for us. When a customer answers “no”, it stands here within a minute, with the clock by "
    "which a person acts.",
    Tab.MINE: "Nothing is yours. What you take, or were the first to be in touch about, stands here.",
    Tab.UNOWNED: "Everything has somebody. A new “no” stands here until somebody takes it.",
    Tab.TODAY: "Nothing is due today. What is to be done by midnight stands here, whoever has it.",
    Tab.OVERDUE: "Nothing is overdue. What nobody did in time stands here.",
    Tab.ESCALATED: "Nothing has escalated. What two contacts did not solve stands here: talk to them, instead of "
    "writing again.",
    Tab.CLOSED: "Nothing was closed so far. What you close stands here, with how it ended.",
}


def add_queue(
    desk: Blueprint, config: Config, store: Store, now: Callable[[], datetime], zone: Callable[[], ZoneInfo]
) -> None:
    """Its pages, at the desk. `zone` is the reader's."""
    policy = queue_policy(page_style(accent(config.colour)))

    def reader() -> Reader:
        return reader_at(now(), zone())

    def title(counts: Mapping[Tab, int]) -> str:
        return f"To do ({counts[Tab.OPEN]})"

    @desk.get("/")
    @open_to(Role.AGENT)
    def to_do() -> Response:
        tab, filters, reading = wanted_tab(), wanted_filters(), reader()
        counts = store.queue.counts(filters, reading)
        teams, topics = store.queue.teams_and_topics(reading)
        checks = check(store, config, datetime.now(UTC))  # by the machine's real clock
        kept = {"team": filters.team, "topic": filters.topic, "stage": filters.stage, "age": filters.days}
        page = listed(
            "desk_to_do.html", lambda limit, offset: store.queue.page(tab, filters, reading, limit, offset),
            tab=tab, tabs=TABS, filters=filters, kept=kept, counts=counts, title=title(counts),
            teams=_with(teams, filters.team), topics=_with(topics, filters.topic), days=DAYS,
            stages=[(stage, REASONS[Choice.NO][stage]) for stage in Stage], what_will_come=WHAT_WILL_COME[tab],
            trouble=[one for one in checks if one.warns or not one.ok], closed_most=CLOSED_MOST,
        )  # fmt: skip
        return make_response(page, {"Content-Security-Policy": policy})

    @desk.get("/counts")
    @open_to(Role.AGENT)
    def counts() -> Response:
        """For the script of the page: what changes in it while it is looked at."""
        found = store.queue.counts(wanted_filters(), reader())
        return jsonify(
            title=f"{title(found)} — {config.business_name}",
            counts=found,
            news={
                Tab.OVERDUE: f"{found[Tab.OVERDUE]} {_are(found[Tab.OVERDUE])} overdue.",
                Tab.UNOWNED: f"{found[Tab.UNOWNED]} {_are(found[Tab.UNOWNED])} nobody’s.",
            },
        )

    @desk.get("/search")
    @open_to(Role.AGENT)
    def search() -> str:
        words = one_line(request.args.get("words"))[:200]
        return render_template(
            "desk_search.html", words=words, is_searchable=is_searchable(words), most=FOUND_MOST,
            groups=[(kind, heading, store.search.find(words, kind, FOUND_MOST + 1, seen_by=person().id))
                    for kind, heading in FOUND.items()],
        )  # fmt: skip


def reader_at(present: datetime, zone: ZoneInfo) -> Reader:
    """Who is logged in, whose clock is that of the zone."""
    today = local_day(present, zone)
    midnight, next_midnight = (
        datetime.combine(day, time(), zone).astimezone(UTC) for day in (today, today + timedelta(days=1))
    )
    return Reader(person().id, present, midnight, next_midnight)


def listed(template: str, find: Callable[[int, int], Sequence[object]], **more: object) -> str:
    """One page of a list, and whether there is another."""
    page = max(1, min(request.args.get("page", 1, int), 10_000))
    found = find(PAGE + 1, (page - 1) * PAGE)
    return render_template(template, found=found[:PAGE], page=page, more=len(found) > PAGE, **more)


def wanted_tab() -> Tab:
    """As the address says, else the first."""
    given = request.args.get("tab")
    return Tab(given) if given in tuple(Tab) else Tab.OPEN


def wanted_filters() -> Filters:
    """As the address says; what makes no sense there narrows nothing."""
    stage, days = request.args.get("stage"), request.args.get("age", 0, int)
    return Filters(
        team=one_line(request.args.get("team"))[:200] or None,
        topic=one_line(request.args.get("topic"))[:200] or None,
        stage=Stage(stage) if stage in tuple(Stage) else None,
        days=days if 0 < days <= 3650 else None,
    )


def _with(known: list[str], chosen: str | None) -> list[str]:
    """The names to choose from, and the one that was chosen, though nothing has it any more."""
    return known if chosen is None or chosen in known else [chosen, *known]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"

"""What the desk knows, to look at and to take along: answers, cases, customers, quotes to approve, and figures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from feedback.config import Config
from feedback.domain.audit import Action
from feedback.domain.cases import normalise_email
from feedback.domain.figures import GroupFigures, altogether, by_group, period
from feedback.domain.quotes import Standing
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Stage
from feedback.domain.texts import one_line
from feedback.errors import Refused
from feedback.keys import Keys
from feedback.loop import quoting
from feedback.store import Store
from feedback.web import exports
from feedback.web.exports import as_csv, as_json, without_agents
from feedback.web.login import open_to, person
from feedback.web.queue import listed, reader_at, wanted_filters, wanted_tab

STANDINGS = {Standing.WAITING: "Waiting", Standing.APPROVED: "Approved", Standing.DECLINED: "Declined"}
WHAT_WILL_COME = {
    Standing.WAITING: "No words wait for you. When a customer says “yes”, writes something and lets us quote it, it "
    "stands here. Nothing is published before somebody approves it.",
    Standing.APPROVED: "Nothing is approved. What you approve under “Waiting” stands here, and may be published.",
    Standing.DECLINED: "Nothing was declined. What you decline stands here, and is not published.",
}
VERBS = {
    "approve": (quoting.approve, "Approved. It may be published now."),
    "decline": (quoting.decline, "Declined. It is not published."),
    "take-back": (quoting.take_back, "Taken back. It waits again, and is not published."),
}


@dataclass(frozen=True, slots=True)
class _List:
    """A list to take along: its columns, its rows, and in words for the audit, which of them."""

    columns: exports.Columns[Any]
    rows: Iterable[Any]
    which: str


def add_records(
    desk: Blueprint,
    config: Config,
    store: Store,
    keys: Keys,
    now: Callable[[], datetime],
    zone: Callable[[], ZoneInfo],
) -> None:
    """Their pages, at the desk: for leads what their teams do, for owners everything. `zone` is the reader's."""

    @desk.get("/answers")
    @open_to(Role.LEAD)
    def answers() -> str:
        choice = _choice()
        return listed(
            "desk_answers.html",
            lambda limit, offset: store.surveys.newest_answers(choice, limit, offset, seen_by=person().id),
            choice=choice,
        )

    @desk.get("/cases")
    @open_to(Role.LEAD)
    def cases() -> str:
        words = _words()
        return listed(
            "desk_cases.html",
            lambda limit, offset: store.cases.find(words, limit, offset, seen_by=person().id),
            words=words,
        )

    @desk.get("/customers")
    @open_to(Role.LEAD)
    def customers() -> str:
        words = _words()
        return listed(
            "desk_customers.html",
            lambda limit, offset: store.customers.find(words, limit, offset, seen_by=person().id),
            words=words,
        )

    @desk.get("/customers/<key>")
    @open_to(Role.LEAD)
    def customer(key: str) -> str:
        found = store.customers.get(key, seen_by=person().id)
        hashes = keys.address_hashes(normalise_email(found.email)) if found.email else []
        return listed(
            "desk_customer.html",
            lambda limit, offset: store.customers.cases(key, limit, offset, seen_by=person().id),
            one=found,
            suppression=store.surveys.suppression(hashes),
        )

    @desk.get("/quotes")
    @open_to(Role.LEAD)
    def quotes() -> str:
        standing = _standing()
        return listed(
            "desk_quotes.html",
            lambda limit, offset: store.quotes.page(standing, limit, offset, seen_by=person().id),
            standing=standing, standings=STANDINGS, what_will_come=WHAT_WILL_COME[standing],
        )  # fmt: skip

    @desk.post("/quotes/<key>/<any(approve, decline, 'take-back'):verb>")
    @open_to(Role.LEAD)
    def decide_quote(key: str, verb: str) -> Response:
        shown = _standing(request.form.get("standing"))
        act, words = VERBS[verb]
        try:
            act(store, key, request.form.get("version", ""), shown, person().id, now())
        except Refused as refusal:
            words = str(refusal)
        flash(words)
        return redirect(url_for("desk.quotes", standing=_unless_first(shown)), 303)

    def figures_now() -> list[tuple[str, list[GroupFigures]]]:
        """All, each team, and each agent if the setting allows it."""
        present = now()
        since = datetime.combine(period(present, config.zone)[0], time(), config.zone).astimezone(UTC)
        handled = store.figures.handled_since(since, seen_by=person().id)
        told = [
            ("all", [altogether(handled, present, config.zone)]),
            ("team", by_group(handled, lambda one: one.team, present, config.zone)),
        ]
        if config.agent_figures:
            told.append(("agent", by_group(handled, lambda one: one.agent, present, config.zone)))
        return told

    @desk.get("/figures")
    @open_to(Role.LEAD)
    def figures() -> str:
        return render_template(
            "desk_figures.html", told=figures_now(), period=period(now(), config.zone),
            recovery=store.follow_ups.recovery(seen_by=person().id),
        )  # fmt: skip

    def answers_to_take() -> _List:
        choice = _choice()
        rows = store.surveys.all_answers(choice, seen_by=person().id)
        return _List(exports.ANSWERS, rows, choice or "all of them")

    def cases_to_take() -> _List:
        return _List(exports.CASES, store.cases.all(_words(), seen_by=person().id), _found())

    def customers_to_take() -> _List:
        return _List(exports.CUSTOMERS, store.customers.all(_words(), seen_by=person().id), _found())

    def quotes_to_take() -> _List:
        standing = _standing()
        return _List(exports.QUOTES, store.quotes.all(standing, seen_by=person().id), standing)

    def figures_to_take() -> _List:
        return _List(exports.FIGURES, [(of, one) for of, group in figures_now() for one in group], "all of them")

    def follow_ups_to_take() -> _List:
        tab, filters = wanted_tab(), wanted_filters()
        rows = store.queue.all(tab, filters, reader_at(now(), zone()))
        teams, topics = store.queue.teams_and_topics(reader_at(now(), zone()))
        known = {*teams, *topics, *Stage}  # an address can hold any text, which would outlive an erasure in the audit
        chosen = [
            part if part in known else "narrowed"
            for part in (filters.team, filters.topic, filters.stage)
            if part is not None
        ]
        aged = [f"{filters.days} days or older"] if filters.days is not None else []
        return _List(exports.FOLLOW_UPS, rows, ", ".join([tab, *chosen, *aged]))

    lists = {
        "follow-ups": follow_ups_to_take,
        "answers": answers_to_take,
        "cases": cases_to_take,
        "customers": customers_to_take,
        "quotes": quotes_to_take,
        "figures": figures_to_take,
    }

    @desk.post("/<any('follow-ups', answers, cases, customers, quotes, figures):what>.<any(csv, json):kind>")
    @open_to(Role.LEAD)
    def download(what: str, kind: str) -> Response:
        """A list as its page shows it, all pages of it.

        By a button, for it leaves a line in the audit, and so that nothing that fetches ahead takes it along.
        """
        found = lists[what]()
        with store.write():
            store.audit.note(person().id, Action.DOWNLOAD, what, now(), became=f"{what}, {kind.upper()}: {found.which}")
        columns = found.columns if config.agent_figures else without_agents(found.columns)
        return (as_csv if kind == "csv" else as_json)(what, columns, found.rows)


def _found() -> str:
    """What is searched for may tell who it is, and is not written down."""
    return "what a search found" if _words() else "all of them"


def _words() -> str:
    return one_line(request.args.get("words"))[:100]


def _choice() -> Choice | None:
    wanted = request.args.get("choice")
    return Choice(wanted) if wanted in tuple(Choice) else None


def _standing(wanted: str | None = None) -> Standing:
    wanted = wanted or request.args.get("standing")
    return Standing(wanted) if wanted in tuple(Standing) else Standing.WAITING


def _unless_first(standing: Standing) -> Standing | None:
    """For an address, which is shorter without it."""
    return None if standing is Standing.WAITING else standing

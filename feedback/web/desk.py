"""The desk: what is owed to whom, by when; and why each customer was asked, or not."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time
from itertools import zip_longest
from typing import NoReturn
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from feedback.config import Config, with_changes
from feedback.domain.audit import Action
from feedback.domain.eligibility import Decision, Override, Reason, Verdict
from feedback.domain.followups import CLOSINGS, NOTE_LONGEST, Channel, FollowUp, Outcome, Result
from feedback.domain.staff import Role
from feedback.domain.surveys import REASONS
from feedback.domain.texts import clean
from feedback.domain.timing import local_day, moment_in_words, span_in_words
from feedback.errors import ConfigError, NotFound, Refused, StoreError
from feedback.keys import Keys
from feedback.loop import backing_up, doubts, following_up
from feedback.loop.asking import Asking
from feedback.loop.explaining import explain_case
from feedback.loop.simulating import side_by_side, simulate
from feedback.publish.build import place_of, staff_tree
from feedback.setting_types import FiguresFor
from feedback.store import Store
from feedback.store.cases import CaseSummary
from feedback.store.outbox import Standing
from feedback.web.built import built_page
from feedback.web.exports import MAILS, as_csv, as_json
from feedback.web.faq import add_faq
from feedback.web.forms import CloseForm, InteractionForm, WhatIfForm
from feedback.web.login import csrf, may_open, open_to, person, require_role, require_staff
from feedback.web.people import add_people
from feedback.web.privacy import add_privacy
from feedback.web.queue import PAGE, add_queue
from feedback.web.records import add_records

OTHERS_SHOWN = 8
PAGES = (
    ("desk.to_do", "To do"),
    ("desk.search", "Search"),
    ("desk.answers", "Answers"),
    ("desk.cases", "Cases"),
    ("desk.customers", "Customers"),
    ("desk.quotes", "Quotes"),
    ("desk.figures", "Figures"),
    ("desk.faq", "FAQ"),
    ("desk.outbox", "Outbox"),
    ("desk.site", "Site"),
    ("desk.what_if", "What if"),
    ("desk.people_list", "People"),
)
ANSWERS_SHOWN = 12


def blueprint(config: Config, store: Store, keys: Keys, now: Callable[[], datetime]) -> Blueprint:
    desk = Blueprint("desk", __name__, url_prefix="/desk")
    desk.before_request(lambda: require_staff(store, keys))
    desk.before_request(require_role)
    desk.before_request(csrf.protect)
    asking = Asking(store, keys, config)

    @desk.context_processor
    def words() -> dict[str, object]:
        """How times and reasons are told on these pages."""
        present = now()
        return {
            "me": g.get("person"),
            "may_open": may_open,
            "pages": [(endpoint, words) for endpoint, words in PAGES if "person" in g and is_open(endpoint)],
            "now": present,
            "when": lambda moment: moment_in_words(moment, zone(), present),
            "zone": zone(),
            "span": span_in_words,
            "reasons": lambda answer: [REASONS[answer.choice][stage] for stage in answer.details.reasons],
            "dialled": dialled,
            "channels": Channel,
            "closings": CLOSINGS,
            "results": Result,
        }

    def is_open(endpoint: str) -> bool:
        return may_open(endpoint) and (endpoint != "desk.site" or config.figures is FiguresFor.STAFF)

    def zone() -> ZoneInfo:
        """The reader's."""
        return (g.person.zone if "person" in g else None) or config.zone

    add_queue(desk, config, store, now, zone)
    add_records(desk, config, store, keys, now, zone)
    add_faq(desk, config, store, now)
    add_people(desk, config, store, now)
    add_privacy(desk, config, store, keys, now, zone)

    def follow_up_page(
        follow_up: FollowUp,
        *,
        interaction: InteractionForm | None = None,
        close: CloseForm | None = None,
        refusal: Refused | None = None,
    ) -> str:
        return render_template(
            "desk_follow_up.html", follow_up=follow_up, history=store.follow_ups.history(follow_up.id),
            others=store.cases.others_of_customer(follow_up.case_id, OTHERS_SHOWN, person().id),
            answers=store.surveys.answers_of_case(follow_up.case_id, ANSWERS_SHOWN, seen_by=person().id),
            more_others=store.cases.unseen_others(follow_up.case_id, person().id),
            customer_id=store.customers.of_case(follow_up.case_id),
            colleagues=[one for one in store.staff.all() if one.disabled_at is None and one.id != follow_up.owner_id],
            interaction=interaction or InteractionForm(), close=close or CloseForm(), refusal=refusal,
        )  # fmt: skip

    def follow_up_of(key: str) -> FollowUp:
        return following_up.seen(store, key, person().id)

    @desk.errorhandler(NotFound)
    def not_there(_error: NotFound) -> tuple[str, int]:
        """What somebody typed while a colleague took it is theirs to copy."""
        return render_template("desk_not_there.html", text=clean(request.form.get("note"))[:NOTE_LONGEST]), 404

    @desk.get("/follow-ups/<key>")
    @open_to(Role.AGENT)
    def follow_up(key: str) -> str:
        return follow_up_page(follow_up_of(key))

    def acted(
        key: str,
        words: str,
        act: Callable[[], object],
        *,
        interaction: InteractionForm | None = None,
        close: CloseForm | None = None,
    ) -> Response | tuple[str, int]:
        """Do it, and show the follow-up with a word about it; or why not, with what was typed."""
        try:
            act()
        except Refused as refusal:
            return follow_up_page(follow_up_of(key), interaction=interaction, close=close, refusal=refusal), 409
        flash(words)
        if not store.staff.sees(person().id, store.follow_ups.get(key).resolution_id):  # it is a colleague's now
            return redirect(url_for("desk.to_do"), 303)
        return redirect(url_for("desk.follow_up", key=key), 303)

    @desk.post("/follow-ups/<key>/take")
    @open_to(Role.AGENT)
    def take(key: str) -> Response | tuple[str, int]:
        follow_up_of(key)
        shown = request.form.get("owner") or None
        return acted(key, "It is yours now.", lambda: following_up.take(store, key, person().id, shown, now()))

    @desk.post("/follow-ups/<key>/hand-over")
    @open_to(Role.AGENT)
    def hand_over(key: str) -> Response | tuple[str, int]:
        follow_up_of(key)
        to_id, shown = request.form.get("to", ""), request.form.get("owner") or None
        return acted(key, "Handed over.", lambda: following_up.hand_over(store, key, to_id, person().id, shown, now()))

    @desk.post("/follow-ups/<key>/interactions")
    @open_to(Role.AGENT)
    def log_interaction(key: str) -> Response | tuple[str, int]:
        found, form = follow_up_of(key), InteractionForm(request.form)
        if not form.validate():
            return follow_up_page(found, interaction=form), 422
        return acted(key, "Noted.", lambda: following_up.log_interaction(
            store, key, person().id, Channel(form.channel.data), Result(form.result.data), form.text, now()),
            interaction=form)  # fmt: skip

    @desk.post("/follow-ups/<key>/close")
    @open_to(Role.AGENT)
    def close(key: str) -> Response | tuple[str, int]:
        found, form = follow_up_of(key), CloseForm(request.form)
        if not form.validate():
            return follow_up_page(found, close=form), 422
        return acted(key, "Closed.", lambda: following_up.close(
            store, asking, key, Outcome(form.outcome.data), form.text, person().id, now(),
            publish=bool(form.public.data)), close=form)  # fmt: skip

    @desk.post("/follow-ups/<key>/notes/<int:seq>/<any(publish, withdraw):wish>")
    @open_to(Role.AGENT)
    def note(key: str, seq: int, wish: str) -> Response | tuple[str, int]:
        follow_up_of(key)
        if wish == "publish":
            return acted(key, "The note is public: you said, we did.",
                lambda: following_up.publish_note(store, key, seq, person().id, now()))  # fmt: skip
        return acted(key, "The note is not public any more.",
            lambda: following_up.withdraw_note(store, key, seq, person().id, now()))  # fmt: skip

    def case_of(key: str) -> CaseSummary:
        if not store.staff.sees_case(person().id, key):
            abort(404)
        return store.cases.get(key)

    @desk.get("/cases/<key>")
    @open_to(Role.AGENT)
    def case(key: str) -> str:
        found = case_of(key)
        told = explain_case(store, keys, config, found, zone(), seen_by=person().id)
        sent_now = {
            part.by_hand.resolution_id: asking.sent_by_hand(part.by_hand.resolution_id, now())
            for part in told
            if part.by_hand is not None
        }
        customer_id = store.customers.of_case(found.id)
        return render_template("desk_case.html", case=found, told=told, sent_now=sent_now, customer_id=customer_id)

    @desk.post("/cases/<key>/<resolution_id>/<any(now, never, rules):wish>")
    @open_to(Role.LEAD)
    def decide(key: str, resolution_id: str, wish: str) -> Response:
        case_of(key)
        override = None if wish == "rules" else Override(wish)
        if resolution_id not in [story.id for story in store.cases.stories(key, seen_by=person().id)]:
            abort(404)
        try:
            flash(_decided(asking.decide_by_hand(resolution_id, override, person().id, now())))
        except Refused as refusal:
            flash(str(refusal))
        return redirect(url_for("desk.case", key=key), 303)

    @desk.get("/what-if")
    def what_if() -> str | tuple[str, int]:
        """What the present settings would have done, beside others; nothing is written."""
        form = WhatIfForm.of(request.args, config)
        changes, refusal, settings = form.changes(config), "", [config]
        try:
            settings += [with_changes(config, changes)] if changes else []
        except ConfigError as error:
            refusal = str(error)
        until = now()
        found = [simulate(store, keys, one, until - form.last, until) for one in settings]
        days = list(zip_longest(*(one.days(zone()) for one in found)))
        most = max((day.asked + day.due for row in days for day in row if day is not None), default=0)
        page = render_template(
            "desk_what_if.html", form=form, found=found, lines=list(side_by_side(found)), days=days, most=most,
            refusal=refusal,
        )  # fmt: skip
        return (page, 422) if refusal else page

    @desk.get("/outbox")
    def outbox() -> str:
        midnight = datetime.combine(local_day(now(), zone()), time(), zone()).astimezone(UTC)
        mails = {
            standing: store.outbox.mails(standing, PAGE, since=midnight if standing is Standing.SENT else None)
            for standing in Standing
        }
        held = store.operations.held()
        plan = backing_up.plan_resumption(store, now()) if held is not None else None
        return render_template(
            "desk_outbox.html", mails=mails, counts=store.outbox.standings(midnight), most=PAGE, plan=plan
        )

    @desk.post("/outbox/<any(waiting, unconfirmed, failed, sent, dropped):what>.<any(csv, json):kind>")
    def take_mails(what: str, kind: str) -> Response:
        """One part of the outbox, all of it."""
        with store.write():
            became = f"outbox, {kind.upper()}: {what}"
            store.audit.note(person().id, Action.DOWNLOAD, "outbox", now(), became=became)
        return (as_csv if kind == "csv" else as_json)("outbox", MAILS, store.outbox.all_mails(Standing(what)))

    @desk.post("/outbox/<key>/<any(arrived, again):what>")
    def settle(key: str, what: str) -> Response:
        return decided(
            lambda: (doubts.has_it if what == "arrived" else doubts.send_again)(store, key, person().id, now()),
            "Noted: the customer has it." if what == "arrived" else "It goes out again, if asking is still right.",
        )

    @desk.post("/outbox/resume")
    def resume() -> Response:
        return decided(
            lambda: backing_up.resume(store, now(), by=person().id), "Released, but for what had gone out already."
        )

    def decided(act: Callable[[], object], words: str) -> Response:
        """Do what staff decided about the outbox, and show it; a refusal is told there as well."""
        try:
            act()
        except (Refused, StoreError) as error:
            words = str(error)
        flash(words)
        return redirect(url_for("desk.outbox"), 303)

    @desk.get("/site/")
    @desk.get("/site/<path:path>")
    @open_to(Role.AGENT)
    def site(path: str = "") -> Response | tuple[str, int]:
        """The site with its figures, if they are for staff alone. A browser keeps no page of it past the session."""
        if config.figures is not FiguresFor.STAFF:
            abort(404)
        build = staff_tree((place_of(config) / "current").resolve())
        if not build.is_dir():
            words = "It comes with the next build of the site, each morning, or at once with: feedback publish"
            return render_template("staff_message.html", title="The figures are not built yet", words=words), 404
        response = built_page(build, path, at=url_for("desk.site"))
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    @desk.route("/<path:_unknown>")
    @open_to(Role.AGENT)
    def unknown(_unknown: str) -> NoReturn:
        abort(404)

    return desk


def _decided(decision: Decision) -> str:
    """What comes of a decision by hand, or of leaving it to the rules."""
    if decision.verdict is Verdict.ASK:
        return "It goes out with the next run, in less than a minute."
    if decision.verdict is Verdict.DEFER:
        return f"It waits: {decision.reason.sentence}."
    return (
        "It will not be sent." if decision.reason is Reason.BY_HAND else f"It is not sent: {decision.reason.sentence}."
    )


def dialled(phone: str) -> str | None:
    """What a telephone dials, if this is a number and nothing else."""
    return re.sub(r"[^+0-9]", "", phone) if re.fullmatch(r"\+?[0-9 ()/.-]{3,}", phone) else None

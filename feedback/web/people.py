"""Who works at the desk, for owners: let in, changed, locked out; and what everybody changed."""

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from feedback.config import Config
from feedback.domain.audit import Action
from feedback.domain.staff import Role, Staff
from feedback.errors import Refused
from feedback.loop import people
from feedback.store import Store
from feedback.web.exports import AUDIT, PEOPLE, as_csv, as_json
from feedback.web.forms import PersonForm
from feedback.web.login import person
from feedback.web.queue import listed

CHANGES_SHOWN = 20
ROLES = {
    Role.OWNER: "Owner: everything, these pages among it",
    Role.LEAD: "Lead: all follow-ups, answers and figures of their teams",
    Role.AGENT: "Agent: their own follow-ups, and those of their teams that nobody has",
}


def add_people(desk: Blueprint, config: Config, store: Store, now: Callable[[], datetime]) -> None:
    """Its pages, at the desk."""

    def person_of(key: str) -> Staff:
        found = store.staff.get(key)
        if found is None:
            abort(404)
        return found

    def list_page(form: PersonForm, refusal: str = "") -> str:
        return render_template(
            "desk_people.html", people=store.staff.all(), form=form, roles=ROLES, teams=store.staff.teams(),
            refusal=refusal,
        )  # fmt: skip

    def person_page(known: Staff, form: PersonForm | None = None, refusal: str = "") -> str:
        form = form or PersonForm(data={
            "name": known.name, "role": known.role, "teams": known.teams, "every_team": not known.teams,
        })  # fmt: skip
        return render_template(
            "desk_person.html", known=known, form=form, roles=ROLES, teams=store.staff.teams(), refusal=refusal,
            changes=store.audit.entries(CHANGES_SHOWN, actor=known.id),
        )  # fmt: skip

    @desk.get("/people")
    def people_list() -> str:
        return list_page(PersonForm(data={"role": Role.AGENT}))

    @desk.post("/people")
    def invite() -> str | tuple[str, int] | Response:
        form = PersonForm(request.form)
        if not form.validate():
            return list_page(form), 422
        try:
            people.let_in(
                store, form.email.data or "", form.name.data or "", form.given_role, form.given_teams, now(),
                by=person().id,
            )  # fmt: skip
        except Refused as refusal:
            return list_page(form, str(refusal)), 409
        flash(f"{form.name.data} gets a mail with a link to set a password.")
        return redirect(url_for("desk.people_list"), 303)

    @desk.get("/people/<key>")
    def one_person(key: str) -> str:
        return person_page(person_of(key))

    @desk.post("/people/<key>")
    def change_person(key: str) -> str | tuple[str, int] | Response:
        known, form = person_of(key), PersonForm(request.form, data={"email": person_of(key).email})
        if not form.validate():
            return person_page(known, form), 422
        try:
            people.change(store, key, form.name.data or "", form.given_role, form.given_teams, now(), by=person().id)
        except Refused as refusal:
            return person_page(known, form, str(refusal)), 409
        flash("Changed.")
        return redirect(url_for("desk.one_person", key=key), 303)

    @desk.post("/people/<key>/<any('link', 'lock-out', 'let-in'):what>")
    def decide_person(key: str, what: str) -> tuple[str, int] | Response:
        known, by = person_of(key), person().id
        try:
            if what == "link":
                people.send_link(store, key, now(), by=by)
            elif what == "lock-out":
                people.lock_out(store, config, key, now(), by=by)
            else:
                people.let_in_again(store, key, now(), by=by)
        except Refused as refusal:
            return person_page(known, refusal=str(refusal)), 409
        flash(
            {
                "link": "A link to set a password goes out.",
                "lock-out": f"{known.name} is locked out. What they had is nobody’s, and told again.",
                "let-in": f"{known.name} gets a mail with a link to set a password.",
            }[what]
        )
        return redirect(url_for("desk.one_person", key=key), 303)

    def actor_wanted() -> str | None:
        return request.args.get("who") or None

    @desk.get("/audit")
    def audit() -> str:
        actor = actor_wanted()
        return listed(
            "desk_audit.html",
            lambda limit, offset: store.audit.entries(limit, offset, actor=actor),
            who=actor,
            people=store.staff.all(),
        )

    @desk.post("/<any(audit, people):what>.<any(csv, json):kind>")
    def take_along(what: str, kind: str) -> Response:
        """The list of people, or of changes as its page narrows them, which is itself a change."""
        with store.write():
            store.audit.note(person().id, Action.DOWNLOAD, what, now(), became=f"{what}, {kind.upper()}")
        send = as_csv if kind == "csv" else as_json
        if what == "people":
            return send(what, PEOPLE, store.staff.all())
        return send(what, AUDIT, store.audit.all(actor=actor_wanted()))

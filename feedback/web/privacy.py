"""A person's rights, at the desk: what we hold about them is handed out, or forgotten. For owners."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from feedback.config import Config
from feedback.domain.texts import one_line
from feedback.errors import NotFound, Refused
from feedback.keys import Keys
from feedback.loop import erasing, exporting
from feedback.loop.backing_up import nightly_backups
from feedback.loop.leftovers import swept_files
from feedback.store import Store
from feedback.web.login import person

NOT_CONFIRMED = "Nothing was erased: please tick that you mean this person, for it cannot be undone."


def add_privacy(
    desk: Blueprint, config: Config, store: Store, keys: Keys, now: Callable[[], datetime], zone: Callable[[], ZoneInfo]
) -> None:
    """Its pages, at the desk. Addresses come in forms, for those of pages end in logs."""

    def page(address: str = "", error: str = "") -> str:
        meant = None
        if address and not error:
            try:
                meant = erasing.plan(store, address)
            except NotFound:
                error = "Nobody is known by this address. Check how it is written; who was erased is not known now."
        return render_template("desk_privacy.html", address=address, meant=meant, error=error)

    def given_address() -> str:
        return one_line(request.form.get("address"))[:254]

    @desk.get("/privacy")
    def privacy() -> str:
        return page()

    @desk.post("/privacy")
    def look_up() -> tuple[str, int]:
        """A POST that changes nothing, so that the address stands in no log."""
        address = given_address()
        return (page(address), 200) if address else (page(error="Please give an address."), 422)

    @desk.post("/privacy/<any(json, html):kind>")
    def hand_out(kind: str) -> Response | tuple[str, int]:
        try:
            dossier = exporting.hand_out(store, keys, config, given_address(), now(), by=person().id)
        except NotFound:
            return page(given_address()), 404
        if kind == "json":
            response = Response(exporting.as_json(dossier), mimetype="application/json")
        else:
            response = Response(exporting.as_page(dossier, zone()), mimetype="text/html")
        name = f"feedback-export-{now():%Y%m%dT%H%M%SZ}.{kind}"  # which does not tell whose
        response.headers.set("Content-Disposition", "attachment", filename=name)
        return response

    @desk.post("/privacy/erase")
    def erase() -> str | tuple[str, int]:
        address = given_address()
        if request.form.get("sure") != "yes":
            return render_template(
                "desk_privacy.html", address=address, meant=_plan_or_none(store, address), error=NOT_CONFIRMED
            ), 422
        try:
            erasing.erase(store, keys, address, now(), by=person().id)
        except NotFound:
            return page(address), 404
        except Refused as refusal:
            return page(address, str(refusal)), 409
        going, nightly = swept_files(config), nightly_backups(config)
        held = erasing.still_held(config, address, lambda path: path in going or path in nightly)
        return render_template("desk_erased.html", nightly=len(nightly), held=list(held))

    @desk.post("/customers/<key>/erase")
    def erase_customer(key: str) -> Redirect:
        """One who has no address, so nothing but the reference tells who it is."""
        if request.form.get("sure") != "yes":
            flash(NOT_CONFIRMED)
            return redirect(url_for("desk.customer", key=key), 303)
        try:
            erasing.erase_without_address(store, keys, key, now(), by=person().id)
        except NotFound:
            abort(404)
        except Refused as refusal:
            flash(str(refusal))
            return redirect(url_for("desk.customer", key=key), 303)
        flash(
            "Erased. Nothing about this person is taken in from now on. What lingers of them in the database’s file, "
            "caught mails and refused rows goes within a minute. Backups hold them still."
        )
        return redirect(url_for("desk.customers"), 303)


def _plan_or_none(store: Store, address: str) -> erasing.Meant | None:
    try:
        return erasing.plan(store, address)
    except NotFound:
        return None

"""What staff do with one touch, by the link in an alert: without logging in, and only by pressing a button."""

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from feedback.config import Config
from feedback.domain.followups import Channel, FollowUp, Result
from feedback.domain.staff import Staff
from feedback.errors import NotFound, Refused
from feedback.keys import Keys
from feedback.loop import following_up
from feedback.loop.asking import Asking
from feedback.loop.links import one_touch_of
from feedback.store import Store
from feedback.web.desk import dialled
from feedback.web.forms import OneTouchForm, Touch

CALLED = {Touch.SOLVED: "Called: it is solved.", Touch.NOT_SOLVED: "Called: it is not solved."}


def blueprint(config: Config, store: Store, asking: Asking, keys: Keys, now: Callable[[], datetime]) -> Blueprint:
    """The token is the permission, so no cookie and no other proof is looked at."""
    touch = Blueprint("one_touch", __name__, url_prefix="/t")

    def meant(token: str) -> tuple[FollowUp, Staff]:
        """Whose link it is, and to what. It ends after a week, when the follow-up closes, and with the person."""
        link = one_touch_of(keys, token)
        person = store.staff.get(link.staff_id) if link is not None else None
        if link is None or person is None or person.disabled_at is not None:
            abort(404)
        try:
            follow_up = following_up.seen(store, link.follow_up_id, person.id)
        except NotFound:
            abort(410)
        if now() > link.ends_at or follow_up.opened_at != link.opened_at or follow_up.closed_at is not None:
            abort(410)
        return follow_up, person

    def page(
        token: str,
        follow_up: FollowUp,
        person: Staff,
        *,
        form: OneTouchForm | None = None,
        words: str = "",
        is_noted: bool = False,
    ) -> str:
        return render_template(
            "one_touch.html", token=token, follow_up=follow_up, person=person, form=form or OneTouchForm(), words=words,
            is_noted=is_noted, dialled=dialled(follow_up.details.phone),
        )  # fmt: skip

    def thanks(person: Staff) -> str:
        words = f"It is closed as solved. Thank you, {person.name}. The customer is asked whether it is."
        return render_template("staff_message.html", title="Noted", words=words)

    @touch.get("/<token>")
    def show(token: str) -> str:
        follow_up, person = meant(token)
        return page(token, follow_up, person, is_noted="noted" in request.args)

    @touch.post("/<token>")
    def act(token: str) -> Response | tuple[str, int]:
        follow_up, person = meant(token)
        form = OneTouchForm(request.form)
        if not form.validate():
            return page(token, follow_up, person, form=form), 422
        try:
            _do(follow_up, person, Touch(form.act.data or ""), form.note.data or "")  # validated
        except Refused as refusal:
            return page(token, store.follow_ups.get(follow_up.id), person, form=form, words=str(refusal)), 409
        if form.act.data == Touch.SOLVED:  # which ends the link
            return thanks(person), 200
        return redirect(url_for("one_touch.show", token=token, noted="1"), 303)

    def _do(follow_up: FollowUp, person: Staff, what: Touch, note: str) -> None:
        if what is Touch.TAKE:
            following_up.take(store, follow_up.id, person.id, request.form.get("owner") or None, now())
        elif what is Touch.SOLVED:
            following_up.called_and_solved(store, asking, follow_up.id, person.id, note or CALLED[what], now())
        else:
            said = (Channel.CALL, Result.NOT_SOLVED, note or CALLED[what])
            following_up.log_interaction(store, follow_up.id, person.id, *said, now())

    return touch

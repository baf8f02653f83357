"""Staff log in and out. The session is a signed cookie that says who, and dies with the password."""

import logging
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast

from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response as Redirect

from feedback.config import Config
from feedback.domain.staff import PASSWORD_SHORTEST, Role, Staff
from feedback.errors import Refused
from feedback.keys import Keys
from feedback.loop import people
from feedback.loop.logging_in import log_in
from feedback.store import Store
from feedback.web.forms import ForgottenForm, LoginForm, PasswordForm
from feedback.web.passwords import hash_password, is_password

STAFF_PAGES = ("/desk/", "/demo/")
STAYS_LOGGED_IN = timedelta(hours=12)
_log = logging.getLogger("feedback.web")
csrf = CSRFProtect()
_View = TypeVar("_View", bound=Callable[..., Any])
_PAGE_OF_THE_DESK = re.compile(r"/desk/[A-Za-z0-9_/-]*(\?[^\x00-\x20\\]*)?")


class _StaffSessions(SecureCookieSessionInterface):
    """Customers' pages have none, and so set no cookie."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if not request.path.startswith(STAFF_PAGES):
            return self.make_null_session(app)
        return super().open_session(app, request)


def init_sessions(app: Flask, config: Config, keys: Keys, *, demo: bool) -> None:
    """Cookies for staff alone. Forged requests are refused where a blueprint asks for it."""
    app.session_interface = _StaffSessions()
    app.config.update(
        SECRET_KEY=keys.derived("session"),
        SESSION_COOKIE_NAME="feedback_demo" if demo else "feedback_desk",  # both may run on one machine
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=not config.is_local,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=STAYS_LOGGED_IN,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
    )
    csrf.init_app(app)


def blueprint(config: Config, store: Store, keys: Keys, now: Callable[[], datetime]) -> Blueprint:
    login = Blueprint("login", __name__, url_prefix="/desk")

    @login.before_request
    def protect() -> Redirect | None:
        if request.endpoint == "login.leave" and "staff" not in session:
            return redirect(url_for("login.show"), 303)  # logged out already
        csrf.protect()
        return None

    def page(form: LoginForm, error: str = "") -> str:
        needs_https = not config.base_url.startswith("https://") and not config.is_local
        return render_template("login.html", form=form, error=error, needs_https=needs_https)

    @login.get("/login")
    def show() -> str:
        return page(LoginForm(data={"then": request.args.get("then", "")}))

    @login.post("/login")
    def enter() -> str | tuple[str, int] | Redirect:
        form = LoginForm(request.form)
        if not form.validate():
            return page(form, "Please give your address and your password."), 422
        try:
            right = partial(is_password, password=form.password.data or "")
            person = log_in(store, keys, form.email.data or "", right, now())
        except Refused as refusal:
            _log.warning("a login at the desk was refused: %s", refusal)
            return page(form, str(refusal)), 403
        session.clear()  # nothing from before counts
        session.permanent = True
        session.update(staff=person.id, proof=_proof(keys, person), since=_now())
        # the same in the person's next session, so that a form from before this one ended can still be sent
        session["csrf_token"] = keys.derived("csrf", person.id, person.password_hash)
        return redirect(_inside_the_desk(form.then.data), 303)

    @login.get("/forgotten")
    def forgotten() -> str:
        return render_template("forgotten.html", error="")

    @login.post("/forgotten")
    def send_link() -> str | tuple[str, int]:
        """It says the same, and takes as long, whether or not there is such a person."""
        form = ForgottenForm(request.form)
        if not form.validate():
            return render_template("forgotten.html", error="Please give your address."), 422
        try:
            is_password(None, "")
        except Refused as refusal:
            return render_template("forgotten.html", error=str(refusal)), 503
        people.ask_for_link(store, form.email.data or "", now())
        words = "If this address belongs to somebody at the desk, a link is on its way. It works for 2 hours."
        return render_template("staff_message.html", title="Look into your mail", words=words)

    @login.post("/logout")
    def leave() -> Redirect:
        known = _logged_in(store, keys)
        if known is not None:
            with store.write():
                store.staff.end_sessions(known.id)
        session.clear()
        return redirect(url_for("login.show"), 303)

    return login


def links_blueprint(store: Store, keys: Keys, now: Callable[[], datetime]) -> Blueprint:
    """Where a link for a password leads. The token is the permission, so no cookie and no other proof is looked at."""
    passwords = Blueprint("passwords", __name__, url_prefix="/t/password")

    def page(token: str, person: Staff, form: PasswordForm) -> str:
        return render_template("password.html", token=token, person=person, form=form, shortest=PASSWORD_SHORTEST)

    @passwords.get("/<token>")
    def show(token: str) -> str:
        return page(token, people.owner_of_link(store, keys, token, now()), PasswordForm())

    @passwords.post("/<token>")
    def keep(token: str) -> str | tuple[str, int]:
        person, form = people.owner_of_link(store, keys, token, now()), PasswordForm(request.form)
        if not form.validate():
            return page(token, person, form), 422
        people.set_password_by_link(store, keys, token, hash_password(form.password.data or ""), now())
        words = f"Log in as {person.email} with your new password. You were logged out wherever you were logged in."
        return render_template("staff_message.html", title="It counts from now on", words=words, to_login=True)

    return passwords


def require_staff(store: Store, keys: Keys) -> Response | Redirect | tuple[str, int] | None:
    """For `before_request`: whoever is not logged in is sent to log in; `person()` is set for the others."""
    known = _logged_in(store, keys)
    if known is not None:
        g.person = known
        return None
    session.pop("staff", None)
    if request.method in ("GET", "HEAD"):
        return redirect(url_for("login.show", then=request.full_path.rstrip("?")), 303)
    words = "Log in again in another window, then come back here and send it once more. Your text is still in the form."
    return render_template("staff_message.html", title="You are logged out by now", words=words), 401


def _logged_in(store: Store, keys: Keys) -> Staff | None:
    """Whose session this is, if it is not over: after 12 hours, a logout, or a new password."""
    known = store.staff.get(session["staff"]) if "staff" in session else None
    if known is None or not known.may_log_in or session.get("proof") != _proof(keys, known):
        return None
    return known if _now() - session.get("since", 0) < STAYS_LOGGED_IN.total_seconds() else None


def open_to(least: Role) -> Callable[[_View], _View]:
    """Who may use a handler of the desk: whose role covers this one. Without it, owners alone."""

    def mark(view: _View) -> _View:
        view.least_role = least  # type: ignore[attr-defined]
        return view

    return mark


def require_role() -> None:
    """For `before_request`, after `require_staff`."""
    if not may_open(request.endpoint or ""):
        abort(403)


def may_open(endpoint: str) -> bool:
    """Whether who is logged in may use the handler of an endpoint."""
    return person().role.covers(getattr(current_app.view_functions[endpoint], "least_role", Role.OWNER))


def person() -> Staff:
    """Who is logged in, in a request that requires it."""
    return cast(Staff, g.person)


def _proof(keys: Keys, known: Staff) -> str:
    """Changes with the password and with each logout, and so ends the sessions from before."""
    return keys.derived("session of", known.id, known.password_hash, known.session_key)


def _now() -> int:
    """Sessions go by the machine's clock, in a demo too."""
    return int(time.time())


def _inside_the_desk(then: str | None) -> str:
    """Where to go after logging in: a page of the desk, and nothing else."""
    return then if then and _PAGE_OF_THE_DESK.fullmatch(then) else url_for("desk.to_do")

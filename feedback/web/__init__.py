"""The web service: thin. Each handler parses, calls one verb, and renders."""

import logging
import sys
import traceback
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, current_app, make_response, redirect, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NothingThere
from werkzeug.middleware.proxy_fix import ProxyFix

from feedback.clock import Clock
from feedback.config import Config, load_config
from feedback.domain.colours import accent
from feedback.errors import FeedbackError, NotFound, Refused
from feedback.i18n import load_languages, marked
from feedback.keys import Keys, load_keys
from feedback.loop.asking import Asking
from feedback.store import Store, open_store
from feedback.web import api, demo, desk, login, one_touch, ops, survey, taps
from feedback.web.pages import DRAFT, POLL, STAFF_STYLE, page_policy, page_style

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BODY_LARGEST = 128 * 1024  # bytes that staff's forms may have; customers' and the API have limits of their own
_log = logging.getLogger("feedback.web")


class _App(Flask):
    def log_exception(self, exc_info: Any) -> None:
        """Type and place only: a path, or the text of an error about it, may hold a survey's token."""
        kind, _, trace = exc_info
        frames = "".join(traceback.format_tb(trace))
        _log.error("%s %s failed: %s\n%s", request.method, request.url_rule or "an unknown page", kind.__name__, frames)


def create_app(config: Config, store: Store, keys: Keys, clock: Callable[[], datetime] | None = None) -> Flask:
    """The WSGI application. `clock` gives the present moment, for tests."""
    app = _App("feedback.web", static_folder=None)
    style = page_style(accent(config.colour))
    languages = load_languages(config.words_dir)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LARGEST
    app.config["MAX_FORM_MEMORY_SIZE"] = BODY_LARGEST
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(config=config, style=style, staff_style=STAFF_STYLE, draft=DRAFT, poll=POLL)
    demo_clock = Clock(store, config)
    now = clock or demo_clock
    login.init_sessions(app, config, keys, demo=demo_clock.demo() is not None)
    app.register_blueprint(survey.blueprint(config, store, keys, now, languages))
    app.register_blueprint(api.blueprint(config, store, Asking(store, keys, config), now))
    app.register_blueprint(taps.blueprint(config, store, keys, now))
    app.register_blueprint(login.blueprint(config, store, keys, now))
    app.register_blueprint(login.links_blueprint(store, keys, now))
    app.register_blueprint(desk.blueprint(config, store, keys, now))
    # by a path alone, for the host that a browser asks for may be anybody's
    app.add_url_rule("/desk", "desk_without_slash", lambda: redirect("/desk/", 308))
    app.register_blueprint(one_touch.blueprint(config, store, Asking(store, keys, config), keys, now))
    app.register_blueprint(ops.blueprint(config, store))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(FeedbackError, _feedback_error)
    app.register_error_handler(Exception, _unforeseen_error)
    app.wsgi_app = _Headers(app.wsgi_app, config, page_policy(style))  # type: ignore[method-assign]
    app.context_processor(lambda: survey.for_customers(config, languages))
    demo.init_demo(app, config, store, keys, demo_clock)
    if config.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=config.proxies, x_proto=config.proxies, x_host=config.proxies
        )
    return app


def app_from_environment() -> Flask:
    """What each worker of `feedback serve` runs."""
    config = load_config()
    return create_app(config, open_store(config.database_url), load_keys(config.data_dir))


class _Headers:
    """What every answer says besides. Around the application, for hooks of Flask cost as much as finding the page."""

    def __init__(self, app: "WSGIApplication", config: Config, policy: str) -> None:
        self._app = app
        self._always = [
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        ]
        if config.base_url.startswith("https://"):
            self._always.append(("Strict-Transport-Security", "max-age=31536000"))
        self._unless_said = [
            ("Content-Security-Policy", policy),
            ("Cache-Control", "no-store"),  # a survey's page may hold what a customer wrote
        ]

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            said = {name for name, _ in headers}
            more = [header for header in self._unless_said if header[0] not in said]
            return start_response(status, headers + self._always + more, *error)

        return self._app(environ, start)


def _http_error(error: HTTPException) -> Response | HTTPException:
    code = error.code or 500
    is_api = request.path.startswith("/api/")
    if code < 400 and not is_api:
        return error  # a redirect, not an error
    title = marked("There is nothing here") if code == 404 else _FAILED
    words = (_STAFF_WORDS if _is_staffs_page() else _CUSTOMER_WORDS).get(code, marked("Please try again in a moment."))
    response = _told(code, error.name, error.description or "" if is_api else words, title)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return response


_FAILED = marked("This did not work")
_CUSTOMER_WORDS = {
    404: marked("The address may have been cut off or changed on its way. Please open the link in the mail again."),
    405: marked("Please open the link in the mail again."),
    413: marked("That was more text than we can take. Please make it shorter."),
}
_STAFF_WORDS = {
    400: "The page was too old, or your browser held back its cookie or its referrer. Load it again, and send it.",
    403: "This page is for people with another role. Ask whoever runs the desk, if you need it.",
    404: "A colleague may have taken it, it may be another team’s, or the address was cut off.",
    410: "This link has ended: it works for a week, until the follow-up is closed, and while it is yours to do. Log in "
    "to the desk instead.",
    405: "This address takes what a form sends. Go back to the page with the form.",
    413: "That was more text than we can take. Please make it shorter.",
}


def _feedback_error(error: FeedbackError) -> Response | HTTPException:
    if isinstance(error, Refused):
        return _told(409, "Refused", str(error))
    if isinstance(error, NotFound):
        return _http_error(NothingThere())
    _log.error("%s %s: %s", request.method, request.url_rule, error)
    words = marked("The service cannot do this at the moment. Please try again in a minute.")
    return _told(503, "Service unavailable", words)


def _unforeseen_error(_error: Exception) -> Response:
    current_app.log_exception(sys.exc_info())
    words = marked("Something broke on our side. What you sent may not have arrived; please try again in a minute.")
    return _told(500, "Internal error", words)


def _told(code: int, name: str, words: str, title: str = _FAILED) -> Response:
    """An error for whoever asked: problem+json named `name` for a machine, a page titled `title` for a person."""
    if request.path.startswith("/api/"):
        return api.problem(code, name, words)
    template = "staff_message.html" if _is_staffs_page() else "message.html"
    return make_response(render_template(template, title=title, words=words), code)


def _is_staffs_page() -> bool:
    return request.path.startswith((*login.STAFF_PAGES, "/t/"))

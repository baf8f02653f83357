"""The demo's guide of five steps, its inbox of caught mail, and its clock. Only in a demo, on this machine."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as Redirect

from feedback.clock import Clock
from feedback.config import Config
from feedback.domain.followups import CLOSINGS, FollowUp
from feedback.domain.surveys import Choice
from feedback.domain.timing import in_words, moment_in_words
from feedback.errors import NotFound, StoreError
from feedback.i18n import SOURCE
from feedback.keys import Keys, Purpose
from feedback.mail.inbox import CaughtMail, Inbox
from feedback.publish import build
from feedback.store import Store
from feedback.store.operations import Build
from feedback.store.outbox import Standing
from feedback.store.surveys import Answered
from feedback.web.login import csrf
from feedback.web.pages import page_policy

PASSWORD = "espresso every day"  # noqa: S105 - everybody's, told by the guide; a demo answers on this machine only
MAILS_SHOWN = 40
BUILDS_SHOWN = 4
PASSES = timedelta(hours=24)
A_MINUTE = timedelta(minutes=1)
WAIT_S = 20
STILL_AT_WORK = "The jobs are still at work. Load this page again in a moment."
_LINK = re.compile(r"/s/([^/\s]+)/yes")
_CONTENT = re.compile(rb"<(?:header|main)\b")  # the bar stands before it, and behind a link that skips to it
_LETTER_POLICY = (
    "sandbox allow-top-navigation-by-user-activation allow-popups; default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What the visitor has done so far, read from what the loop has written since the demo began."""

    example: CaughtMail | None
    answer: Answered | None
    alert: CaughtMail | None
    has_slept: bool
    follow_up: FollowUp | None
    builds: list[Build]

    @property
    def is_published(self) -> bool:
        """Whether the visitor's answer is one of those that the site counts."""
        return self.answer is not None and bool(self.builds) and self.answer.answer.at <= self.builds[0].at

    @property
    def has_worked(self) -> bool:
        return self.follow_up is not None and self.follow_up.outcome in CLOSINGS


def init_demo(app: Flask, config: Config, store: Store, keys: Keys, clock: Clock) -> None:
    """Adds the guide, and to every page what the clock reads; nothing if this is no demo."""
    if clock.demo() is None:
        return
    app.register_blueprint(_blueprint(config, store, keys, clock))

    @app.after_request
    def tell(response: Response) -> Response:
        """Say on every page, the published site's too, that this is a demo; a mail is shown as it is."""
        if response.mimetype != "text/html" or request.endpoint == "demo.letter":
            return response
        try:
            reads = in_words(clock(), config.zone)
        except StoreError:  # told by the page itself
            return response
        bar = render_template("demo_bar.html", reads=reads).encode()
        response.direct_passthrough = False
        response.set_data(_CONTENT.sub(lambda begin: bar + begin[0], response.get_data(), count=1))
        for header in ("ETag", "Last-Modified"):
            response.headers.pop(header, None)
        response.headers["Cache-Control"] = "no-store"
        return response


def _blueprint(config: Config, store: Store, keys: Keys, clock: Clock) -> Blueprint:
    demo = Blueprint("demo", __name__, url_prefix="/demo")
    demo.before_request(csrf.protect)
    inbox = Inbox(config.mail_folder)

    @demo.context_processor
    def words() -> dict[str, object]:
        present = clock()
        return {"when": lambda moment: moment_in_words(moment, config.zone, present), "password": PASSWORD}

    @demo.get("/")
    def guide() -> str:
        return render_template("demo_guide.html", progress=progress(), login=config.alert_to[0].addr_spec)

    def progress() -> Progress:
        known = clock.demo()
        assert known is not None
        mails = inbox.newest(MAILS_SHOWN)
        newest = store.surveys.newest_answers(None, 20)
        answers = [one for one in newest if one.answer.at > known.since and not one.is_recheck]
        answer = next((one for one in answers if one.answer.choice is Choice.NO), next(iter(answers), None))
        follow_up = store.follow_ups.get(answer.follow_up_id) if answer and answer.follow_up_id else None
        if follow_up is None or follow_up.closed_at is None:
            closed = [one for one in store.follow_ups.closed_ones(1) if (one.closed_at or known.since) > known.since]
            follow_up = closed[0] if closed else follow_up
        return Progress(
            example=example(mails),
            answer=answer,
            alert=alert_about(answer, mails) if answer is not None and answer.answer.choice is Choice.NO else None,
            has_slept=clock() - known.since >= PASSES,
            follow_up=follow_up,
            builds=store.operations.good_builds(BUILDS_SHOWN),
        )

    @demo.get("/mail/")
    def mails() -> str:
        return render_template("demo_inbox.html", mails=inbox.newest(MAILS_SHOWN), count=inbox.count())

    def mail_of(key: str) -> CaughtMail:
        try:
            return inbox.get(key)
        except NotFound:
            abort(404)

    def example(mails: Sequence[CaughtMail]) -> CaughtMail | None:
        """A mail to be answered: one in the language of the guide, if there is any."""
        unanswered = [mail for mail in mails if mail.is_survey and not is_answered(mail)]
        return next((mail for mail in unanswered if mail.language == SOURCE), next(iter(unanswered), None))

    def alert_about(answer: Answered, mails: list[CaughtMail]) -> CaughtMail | None:
        """The first; what says that it is overdue comes later."""
        link = f"/desk/follow-ups/{answer.follow_up_id}"
        found = (mail for mail in mails if link in mail.text and mail.at > answer.answer.at)
        return min(found, key=lambda mail: mail.at, default=None)

    def is_answered(mail: CaughtMail) -> bool:
        link = _LINK.search(mail.text)
        survey_id = keys.verify(Purpose.SURVEY, link[1]) if link is not None else None
        try:
            return survey_id is None or store.surveys.get(survey_id).newest is not None
        except NotFound:  # erased
            return True

    @demo.get("/mail/<key>")
    def mail(key: str) -> Response:
        response = make_response(render_template("demo_mail.html", mail=mail_of(key)))
        policy = page_policy(str(current_app.jinja_env.globals["style"]))
        response.headers["Content-Security-Policy"] = f"{policy}; frame-src 'self'"
        return response

    @demo.get("/mail/<key>/letter")
    def letter(key: str) -> Response:
        """The HTML of a mail, in a sandbox; its links open in the whole window, as they would from a mail program."""
        response = make_response(mail_of(key).html.replace("<head>", '<head><base target="_top">', 1))
        response.headers["Content-Security-Policy"] = _LETTER_POLICY
        return response

    @demo.post("/clock")
    def let_pass() -> Redirect:
        """Two steps, so that what is due at once has happened when the day has passed: the alert, and a build."""
        before = clock()
        now = progress()
        if now.answer is not None and not now.is_published:
            request_build()
        clock.let_pass(A_MINUTE)
        _wait_for(is_idle)
        clock.let_pass(PASSES - A_MINUTE)
        is_done = _wait_for(is_idle)
        sent = store.outbox.standings(before)[Standing.SENT]
        told = f"{sent} mail{'' if sent == 1 else 's'} went out. {what_was_built()}"
        flash(f"24 hours have passed. {told if is_done else STILL_AT_WORK}", "step-3")
        return redirect(url_for("demo.guide", _anchor="step-3"), 303)

    def is_idle() -> bool:
        present = clock()
        return not (
            store.surveys.due(present, 1)
            or store.outbox.is_busy(present)
            or build.is_due(store, config, present)
            or store.operations.requested("publish")
        )

    @demo.post("/publish")
    def publish() -> Redirect:
        request_build()
        is_done = _wait_for(lambda: store.operations.requested("publish") is None)
        flash(what_was_built() if is_done else STILL_AT_WORK, "step-5")
        return redirect(url_for("demo.guide", _anchor="step-5"), 303)

    def request_build() -> None:
        with store.write():
            store.operations.request("publish")

    def what_was_built() -> str:
        last = store.operations.last_build()
        return "The site was built." if last is None or last.words is None else f"The site: {last.words}"

    return demo


def _wait_for(is_done: Callable[[], bool]) -> bool:
    """The scheduler does the work, in its own process; the visitor's browser waits for it a while."""
    deadline = time.monotonic() + WAIT_S
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True

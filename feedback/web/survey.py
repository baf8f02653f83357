"""The customer's pages. A GET writes nothing, for machines open links too; only the button counts."""

from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from feedback.config import Config
from feedback.domain.surveys import REASONS, Choice, Survey
from feedback.domain.timing import in_words, local_day
from feedback.errors import NotFound
from feedback.keys import Keys, Purpose
from feedback.loop import answering
from feedback.store import Store
from feedback.web.forms import DetailsForm, VoteForm

FORM_LARGEST = 256 * 1024  # 5,000 letters of four bytes each, as a form encodes them, and room


def blueprint(config: Config, store: Store, keys: Keys, now: Callable[[], datetime]) -> Blueprint:
    pages = Blueprint("survey", __name__)

    @pages.before_request
    def limit_size() -> None:
        request.max_content_length = FORM_LARGEST

    def survey_of(token: str) -> Survey:
        """The token's survey. A bad signature ends here, before the database is touched."""
        survey_id = keys.verify(Purpose.SURVEY, token)
        if survey_id is None:
            abort(404)
        try:
            return store.surveys.get(survey_id)
        except NotFound:
            abort(404)

    def ended(survey: Survey) -> tuple[str, int] | None:
        end = survey.ends_at(config)
        if now() <= end:
            return None
        return render_template("ended.html", day=local_day(end, config.zone), newest=survey.newest), 410

    def question(token: str, survey: Survey, ready: Choice | None, error: str = "") -> str:
        day = local_day(survey.resolved_at, config.zone)
        return render_template(
            "survey.html", token=token, survey=survey, ready=ready, day=f"{day.day} {day:%B %Y}", error=error,
            opt_out_token=keys.sign(Purpose.OPT_OUT, survey.id),
        )  # fmt: skip

    def thanks(token: str, survey: Survey, form: DetailsForm) -> str:
        assert survey.newest is not None
        follow_up = store.follow_ups.of_survey(survey.id)
        by = in_words(follow_up.due_at, config.zone) if follow_up is not None and follow_up.is_open else None
        return render_template(
            "thanks.html", token=token, survey=survey, answer=survey.newest, form=form, by=by,
            reasons=REASONS[survey.newest.choice], is_open=now() <= survey.ends_at(config),
        )  # fmt: skip

    @pages.get("/s/<token>/<any(yes, no):choice>")
    def ready(token: str, choice: str) -> str | tuple[str, int]:
        survey = survey_of(token)
        return ended(survey) or question(token, survey, Choice(choice))

    @pages.get("/s/<token>")
    def show(token: str) -> str | tuple[str, int]:
        survey = survey_of(token)
        if survey.newest is None:
            return ended(survey) or question(token, survey, None)
        return thanks(token, survey, _filled(survey))

    @pages.post("/s/<token>")
    def vote(token: str) -> str | tuple[str, int] | Response:
        survey = survey_of(token)
        form = VoteForm(request.form)
        page = ended(survey)
        if page is None and not form.validate():
            page = question(token, survey, None, error="Please choose yes or no."), 422
        if page is None:
            answering.answer(store, config, survey.id, Choice(form.choice.data), now())
        return page or redirect(url_for("survey.show", token=token), 303)

    @pages.post("/s/<token>/details")
    def details(token: str) -> str | tuple[str, int] | Response:
        survey = survey_of(token)
        form = DetailsForm(request.form)
        if survey.newest is None or form.choice.data != survey.newest.choice:
            return redirect(url_for("survey.show", token=token), 303)  # of a page from before a change of mind
        if not form.validate():
            return thanks(token, survey, form), 422
        page = ended(survey)
        if page is None:
            answering.add_details(store, config, survey.id, survey.newest.choice, form.details(), now())
        return page or redirect(url_for("survey.show", token=token), 303)

    @pages.get("/o/<token>")
    def opt_out_page(token: str) -> str:
        if keys.verify(Purpose.OPT_OUT, token) is None:
            abort(404)
        return render_template("opt_out.html", token=token)

    @pages.post("/o/<token>")
    def opt_out(token: str) -> str:
        """RFC 8058: mail programs post here with neither cookie nor page, and people press the button."""
        survey_id = keys.verify(Purpose.OPT_OUT, token)
        if survey_id is None:
            abort(404)
        try:
            answering.opt_out(store, keys, survey_id, now())
        except NotFound:
            abort(404)
        return render_template("message.html", title="You will not be asked again", words=(
            "We have written it down. No more questions like this will come to this address."
        ))  # fmt: skip

    @pages.get("/<any(s, o):_kind>/")
    @pages.get("/<any(s, o):_kind>/<path:_garbage>")
    def mangled(_kind: str, _garbage: str = "") -> NoReturn:
        """Scanners change addresses (`…/track`, `%27`); people who land here get a kind page."""
        abort(404)

    return pages


def _filled(survey: Survey) -> DetailsForm:
    """The form with what was said so far."""
    assert survey.newest is not None
    said = survey.newest.details
    return DetailsForm(
        data={
            "reasons": [stage.value for stage in said.reasons],
            "comment": said.comment,
            "call": said.call,
            "phone": said.phone,
            "quote": said.quote_name is not None,
            "quote_name": said.quote_name or "",
        }
    )

"""The customer's pages. A GET writes nothing, for machines open links too; only the button counts."""

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import NoReturn

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from feedback.config import Config
from feedback.domain import names
from feedback.domain.followups import CALL_AFTER
from feedback.domain.surveys import REASONS, Choice, Suppression, Survey
from feedback.domain.timing import local_day, zone_of
from feedback.domain.wording import asks_how_often
from feedback.errors import NotFound, Overtaken
from feedback.i18n import Language, Languages, marked
from feedback.keys import Keys, Purpose
from feedback.loop import answering, opting_out
from feedback.store import Store
from feedback.web.forms import DetailsForm, VoteForm

LANGUAGES_AT_MOST = 10  # that a browser may ask for
FORM_LARGEST = 4 * 1024 * 1024  # a pasted log of a megabyte is too long to keep, but shown again


def readers_language(config: Config, languages: Languages) -> Language:
    """The customer's, else the browser's, else the business's."""
    survey: Survey | None = g.get("survey")
    locale = survey.locale if survey is not None else request.args.get("in")  # of the customer whom the link was for
    return languages.choose(locale, *islice(request.accept_languages.values(), LANGUAGES_AT_MOST), config.locale)


def for_customers(config: Config, languages: Languages) -> dict[str, object]:
    """What customers' pages say things with, and the way to a person."""
    survey: Survey | None = g.get("survey")
    language = readers_language(config, languages)
    reply_to = config.reply_to_of(survey.team if survey is not None else None)
    return {"language": language, "reply_to": reply_to, **language.for_templates(html=True)}


def blueprint(config: Config, store: Store, keys: Keys, now: Callable[[], datetime], languages: Languages) -> Blueprint:
    pages = Blueprint("survey", __name__)

    @pages.before_request
    def limit_size() -> None:
        request.max_content_length = request.max_form_memory_size = FORM_LARGEST

    def survey_of(token: str) -> Survey:
        """The token's survey. A bad signature ends here, before the database is touched."""
        survey_id = keys.verify(Purpose.SURVEY, token)
        if survey_id is None:
            abort(404)
        survey = g.survey = store.surveys.get(survey_id)
        return survey

    @pages.errorhandler(NotFound)
    def gone(_error: NotFound) -> tuple[str, int]:
        """The link is ours, but what it stands for is not here: somebody was erased, or an old backup restored."""
        title = marked("We do not have this question any more")
        words = marked("It may have been deleted, as we do when somebody asks for that.")
        return render_template("message.html", title=title, words=words), 410

    def language() -> Language:
        return readers_language(config, languages)

    def day_of(moment: datetime, survey: Survey) -> str:
        return language().day(local_day(moment, zone_of(survey.whereabouts, config)))

    def ended(survey: Survey) -> tuple[str, int] | None:
        end = survey.ends_at(config)
        if now() <= end:
            return None
        return render_template("ended.html", day=day_of(end, survey), newest=survey.newest), 410

    def question(token: str, survey: Survey, ready: Choice | None, error: str = "") -> str:
        again = survey.asked_again_at
        return render_template(
            "survey.html", token=token, survey=survey, ready=ready, day=day_of(survey.resolved_at, survey), error=error,
            helper=helper(survey), how_often=asks_how_often(config, language()), locale=survey.locale,
            asked_again=again and day_of(again, survey), is_out=opting_out.is_out(store, keys, survey),
            opt_out_token=keys.sign(Purpose.OPT_OUT, survey.id),
        )  # fmt: skip

    def thanks(token: str, survey: Survey, form: DetailsForm, *, overtaken: bool = False) -> str:
        """With `overtaken`, the form is not what we have, for something else was sent meanwhile."""
        assert survey.newest is not None
        follow_up = store.follow_ups.of_survey(survey.id)
        by = None
        if follow_up is not None and follow_up.is_open:
            by = language().moment(follow_up.due_at, zone_of(survey.whereabouts, config))
        return render_template(
            "thanks.html", token=token, survey=survey, answer=survey.newest, form=form, by=by, helper=helper(survey),
            reasons=REASONS[survey.newest.choice], call_first=(survey.contacts or 0) >= CALL_AFTER,
            is_open=now() <= survey.ends_at(config), overtaken=overtaken,
        )  # fmt: skip

    def helper(survey: Survey) -> str | None:
        return names.signed(survey.agent) or names.signed(survey.team)

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
            page = question(token, survey, None, error=language().text(marked("Please choose yes or no."))), 422
        if page is None:
            answering.answer(store, config, survey.id, Choice(form.choice.data), now())
        return page or redirect(url_for("survey.show", token=token), 303)

    @pages.post("/s/<token>/details")
    def details(token: str) -> str | tuple[str, int] | Response:
        survey = survey_of(token)
        form = DetailsForm(request.form)
        if survey.newest is None or form.choice.data != survey.newest.choice:
            return redirect(url_for("survey.show", token=token), 303)  # of a page from before a change of mind
        if page := ended(survey):
            return page
        if not form.validate():
            return thanks(token, survey, form), 422
        choice, said, seen = survey.newest.choice, form.details(), form.seen.data or None
        try:
            answering.add_details(store, config, survey.id, choice, said, now(), seen)
        except Overtaken:
            survey = survey_of(token)
            if survey.newest is not None and survey.newest.choice is choice:
                return thanks(token, survey, form, overtaken=True), 409
        return redirect(url_for("survey.show", token=token), 303)

    def opt_out_key(token: str) -> str:
        """What the link stands for. A bad signature ends here."""
        key = keys.verify(Purpose.OPT_OUT, token)
        if key is None:
            abort(404)
        return key

    def opt_out_page(token: str, key: str, *, is_back: bool = False) -> str:
        standing = opting_out.standing(store, keys, key)
        return render_template(
            "opt_out.html", token=token, is_out=standing is not None, is_back=is_back,
            can_return=standing is Suppression.OPTED_OUT, locale=request.args.get("in"),
        )  # fmt: skip

    @pages.get("/o/<token>")
    def ask_opt_out(token: str) -> str:
        return opt_out_page(token, opt_out_key(token))

    @pages.post("/o/<token>")
    def opt_out(token: str) -> str:
        """RFC 8058: mail programs post here with neither cookie nor page, and people press the button."""
        key = opt_out_key(token)
        opting_out.opt_out(store, keys, key, now())
        return opt_out_page(token, key)

    @pages.post("/o/<token>/undo")
    def opt_in(token: str) -> str:
        key = opt_out_key(token)
        opting_out.opt_in(store, keys, key)
        return opt_out_page(token, key, is_back=True)

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
            "call_time": said.call_time,
            "quote": said.quote_name is not None,
            "quote_name": said.quote_name or "",
        }
    )

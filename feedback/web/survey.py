"""The customer's pages. A GET writes nothing, for machines open links too; only the button counts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import NoReturn

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.datastructures import LanguageAccept, MultiDict
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Response

from feedback.config import Config
from feedback.domain import names
from feedback.domain.followups import CALL_AFTER
from feedback.domain.surveys import REASONS, Choice, Round, Suppression, Survey
from feedback.domain.timing import local_day, zone_of
from feedback.domain.wording import asks_how_often, shortened
from feedback.errors import NotFound, Overtaken, Refused
from feedback.i18n import Language, Languages, marked
from feedback.keys import Keys, Purpose
from feedback.loop import answering, opting_out
from feedback.store import Store
from feedback.web.forms import DetailsForm, VoteForm
from feedback.web.pages import Shell, hole

LANGUAGES_AT_MOST = 10  # that a browser may ask for
HEADER_READ = 500  # letters of that wish
FIELDS_AT_MOST = 100  # a form of ours has ten
SUBJECT_LONGEST = 200
SHELLS_KEPT = 500
FORM_LARGEST = 4 * 1024 * 1024  # a pasted log of a megabyte is too long to keep, but shown again


def readers_language(config: Config, languages: Languages) -> Language:
    """The customer's, else the browser's, else the business's."""
    survey: Survey | None = g.get("survey")
    locale = survey.locale if survey is not None else request.args.get("in")  # of the customer whom the link was for
    if locale and languages.has(locale):
        return languages.choose(locale)
    return languages.choose(*_accepted(request.headers.get("Accept-Language", "")[:HEADER_READ]), config.locale)


@lru_cache(maxsize=500)
def _accepted(header: str) -> tuple[str, ...]:
    return tuple(islice(parse_accept_header(header, LanguageAccept).values(), LANGUAGES_AT_MOST))


def for_customers(config: Config, languages: Languages) -> dict[str, object]:
    """What customers' pages say things with, and the way to a person."""
    survey: Survey | None = g.get("survey")
    language = readers_language(config, languages)
    return {"language": language, "reply_to": _reply_to(config, survey), **language.for_templates(html=True)}


def _reply_to(config: Config, survey: Survey | None) -> str | None:
    address = config.reply_to_of(survey.team if survey is not None else None)
    return address.addr_spec if address is not None else None


@dataclass(frozen=True, slots=True)
class _Question:
    """What the question's pages of many customers have in common."""

    language: Language
    locale: str | None
    reply_to: str | None
    ready: Choice | None
    said: Choice | None
    is_about: bool  # the case's subject is known
    is_older: bool  # it was asked again since
    is_out: bool  # the customer does not want to be asked any more
    lacks_choice: bool
    round: Round


def blueprint(config: Config, store: Store, keys: Keys, now: Callable[[], datetime], languages: Languages) -> Blueprint:
    pages = Blueprint("survey", __name__)

    def id_of(token: str) -> str:
        """The key of the token's survey. A bad signature ends here, before the database is touched."""
        survey_id = keys.verify(Purpose.SURVEY, token)
        if survey_id is None:
            abort(404)
        return survey_id

    def survey_of(token: str) -> Survey:
        survey = g.survey = store.surveys.get(id_of(token))
        return survey

    def posted() -> MultiDict[str, str]:
        """The form, if it has come whole: a line that breaks ends a body early, and nobody else would tell."""
        request.max_content_length = request.max_form_memory_size = FORM_LARGEST
        body = request.get_data(cache=True)
        if request.content_length is not None and len(body) != request.content_length:
            abort(400)
        if len(body) >= FORM_LARGEST or body.count(b"&") > FIELDS_AT_MOST:
            abort(413)
        return request.form

    @pages.errorhandler(NotFound)
    def gone(_error: NotFound) -> tuple[str, int]:
        """The link is ours, but what it stands for is not here: somebody was erased, or an old backup restored."""
        title = marked("We do not have this question any more")
        words = marked("It may have been deleted, as we do when somebody asks for that.")
        return render_template("message.html", title=title, words=words), 410

    def language() -> Language:
        return readers_language(config, languages)

    def day_of(moment: datetime, survey: Survey, reader: Language) -> str:
        return reader.day(local_day(moment, zone_of(survey.whereabouts, config)))

    def ended(survey: Survey, unsaved: str = "") -> tuple[str, int] | None:
        """The page that says so, with what was written and comes too late."""
        end = survey.ends_at(config)
        if now() <= end:
            return None
        day = day_of(end, survey, language())
        return render_template("ended.html", day=day, newest=survey.newest, unsaved=unsaved), 410

    def question(token: str, survey: Survey, ready: Choice | None, *, lacks_choice: bool = False) -> str:
        reader, again = language(), survey.asked_again_at
        common = _Question(
            language=reader,
            locale=survey.locale,
            reply_to=_reply_to(config, survey),
            ready=ready,
            said=survey.newest.choice if survey.newest is not None else None,
            is_about=bool(survey.subject),
            is_older=again is not None,
            is_out=opting_out.is_out(store, keys, survey),
            lacks_choice=lacks_choice,
            round=survey.round,
        )
        day, who = day_of(survey.resolved_at, survey, reader), helper(survey)
        if who is not None:
            solved = reader.text(marked("Marked as solved on %(day)s by %(who)s"), day=day, who=who)
        else:
            solved = reader.text(marked("Marked as solved on %(day)s"), day=day)
        return question_shell(common).filled(
            token=token,
            opt_out_token=keys.sign(Purpose.OPT_OUT, survey.id),
            subject=shortened(survey.subject or "", SUBJECT_LONGEST),
            solved=solved,
            asked_again=day_of(again, survey, reader) if again is not None else "",
        )

    @lru_cache(SHELLS_KEPT)
    def question_shell(common: _Question) -> Shell:
        holes = {name: hole(name) for name in ("token", "opt_out_token", "subject", "solved", "asked_again")}
        is_last = common.round is Round.AGAIN
        how_often = "" if is_last else asks_how_often(config, common.language)
        return Shell(render_template("survey.html", common=common, how_often=how_often, **holes))

    def thanks(token: str, survey: Survey, form: DetailsForm, *, is_overtaken: bool = False) -> str:
        """With `is_overtaken`, the form is not what we have, for something else was sent meanwhile."""
        assert survey.newest is not None
        follow_up = store.follow_ups.of_survey(survey.id)
        by, present = None, now()
        if follow_up is not None and follow_up.is_open:
            by = language().moment(follow_up.due_at, zone_of(survey.whereabouts, config))
        return render_template(
            "thanks.html", token=token, answer=survey.newest, form=form, by=by, helper=helper(survey),
            reasons=REASONS[survey.newest.choice], call_first=(survey.contacts or 0) >= CALL_AFTER,
            is_late=follow_up is not None and follow_up.due_at < present,
            is_open=present <= survey.ends_at(config), is_overtaken=is_overtaken,
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
        survey_id = id_of(token)
        form = VoteForm(posted())
        if not form.validate():
            survey = survey_of(token)
            return ended(survey) or (question(token, survey, None, lacks_choice=True), 422)
        try:
            answering.answer(store, config, survey_id, Choice(form.choice.data or ""), now())  # validated
        except Refused:
            if page := ended(survey_of(token)):
                return page
            raise
        return redirect(url_for("survey.show", token=token), 303)

    @pages.post("/s/<token>/details")
    def details(token: str) -> str | tuple[str, int] | Response:
        survey = survey_of(token)
        form = DetailsForm(posted())
        if page := ended(survey, form.all_words):
            return page
        if survey.newest is None or form.choice.data != survey.newest.choice:
            return overtaken(token, survey, form)
        if not form.validate():
            return thanks(token, survey, form), 422
        choice, said, seen = survey.newest.choice, form.details(), form.seen.data or None
        try:
            answering.add_details(store, config, survey.id, choice, said, now(), seen)
        except Overtaken:
            return overtaken(token, survey_of(token), form)
        return redirect(url_for("survey.show", token=token), 303)

    def overtaken(token: str, survey: Survey, form: DetailsForm) -> tuple[str, int] | Response:
        """Something else was sent meanwhile: what the form brings is shown, to be sent once more.

        Of a form beside another choice only the words still mean something.
        """
        if survey.newest is not None and form.choice.data == survey.newest.choice:
            return thanks(token, survey, form, is_overtaken=True), 409
        if survey.newest is None or not form.all_words:
            return redirect(url_for("survey.show", token=token), 303)
        present = _filled(survey)
        present.comment.data = form.all_words
        return thanks(token, survey, present, is_overtaken=True), 409

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

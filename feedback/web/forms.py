"""What customers and staff can send us."""

from datetime import timedelta
from enum import StrEnum
from typing import Self

from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    Field,
    Form,
    HiddenField,
    PasswordField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are of 3.2
from wtforms.validators import AnyOf, DataRequired, EqualTo, InputRequired, Length, StopValidation, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from feedback.config import Config
from feedback.domain.followups import CLOSINGS, NOTE_LONGEST, Channel, Result
from feedback.domain.staff import PASSWORD_LONGEST, PASSWORD_SHORTEST, Role
from feedback.domain.surveys import COMMENT_LONGEST, Choice, Details, Stage
from feedback.domain.texts import clean, one_line
from feedback.setting_types import as_text


class VoteForm(Form):
    choice = StringField(validators=[AnyOf(list(Choice))])


class _Beside:
    """A field that belongs to a box, and is not looked at unless that is ticked."""

    def __init__(self, box: str) -> None:
        self._box = box

    def __call__(self, form: Form, _field: Field) -> None:
        if not form[self._box].data:
            raise StopValidation


class DetailsForm(Form):
    """What can be wrong is that something is too long or missing; the page says so in the customer's language."""

    choice = HiddenField(validators=[AnyOf(list(Choice))])
    seen = HiddenField()  # the version of the answer that the form was filled with
    reasons = SelectMultipleField(
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
        choices=[SelectChoice(stage.value) for stage in Stage],
    )
    comment = TextAreaField(
        filters=[clean],
        validators=[Length(max=COMMENT_LONGEST)],
    )
    call = BooleanField()
    phone = StringField(filters=[one_line], validators=[_Beside("call"), DataRequired(), Length(max=50)])
    call_time = StringField(filters=[one_line], validators=[_Beside("call"), Length(max=100)])
    quote = BooleanField()
    quote_name = StringField(filters=[one_line], validators=[_Beside("quote"), Length(max=100)])

    @property
    def all_words(self) -> str:
        """Whatever was written, as one text."""
        fields = (self.comment, self.phone, self.call_time, self.quote_name)
        return "\n".join(field.data for field in fields if field.data)

    def details(self) -> Details:
        """What was sent, as data. A call belongs to a "no", a quote to a "yes"."""
        choice = Choice(self.choice.data or "")  # validated
        calls = choice is Choice.NO and bool(self.call.data)
        quotes = choice is Choice.YES and bool(self.quote.data)
        return Details(
            reasons=tuple(stage for stage in Stage if stage.value in (self.reasons.data or ())),
            comment=self.comment.data or "",
            call=calls,
            phone=(self.phone.data or "") if calls else "",
            call_time=(self.call_time.data or "") if calls else "",
            quote_name=(self.quote_name.data or "") if quotes else None,
        )


class LoginForm(Form):
    email = StringField(validators=[InputRequired(), Length(max=254)])
    password = PasswordField(validators=[InputRequired(), Length(max=PASSWORD_LONGEST)])
    then = HiddenField()


_DAYS = ("7", "30", "90")


class WhatIfForm(Form):
    """Other settings to look at, each as one writes it in `.env`."""

    days = RadioField(choices=[SelectChoice(days) for days in _DAYS], default=_DAYS[1])
    delay = StringField("Delay after the resolution")
    window = StringField("When we write")
    ask_again_after = StringField("Rest after a mail")
    sample = StringField("Share that is asked")
    max_age = StringField("Not later than")

    @classmethod
    def of(cls, given: MultiDict[str, str], config: Config) -> Self:
        return cls(given, data={name: as_text(getattr(config, name)) for name in cls.settings()})

    @classmethod
    def settings(cls) -> tuple[str, ...]:
        return "delay", "window", "ask_again_after", "sample", "max_age"

    def changes(self, config: Config) -> dict[str, str]:
        """What differs from the present settings."""
        given = {name: one_line(self[name].data)[:100] for name in self.settings()}
        return {name: text for name, text in given.items() if text and text != as_text(getattr(config, name))}

    @property
    def last(self) -> timedelta:
        """How far back to look; as usual if that is none of the choices."""
        return timedelta(days=int(self.days.data if self.days.data in _DAYS else _DAYS[1]))


class _NoteForm(Form):
    note = TextAreaField(
        filters=[clean],
        validators=[
            DataRequired("Please write a few words, for the colleague who reads this next."),
            Length(max=NOTE_LONGEST, message=f"Please use at most {NOTE_LONGEST:,} letters."),
        ],
    )

    @property
    def text(self) -> str:
        return self.note.data or ""


class InteractionForm(_NoteForm):
    result = RadioField(
        choices=[SelectChoice(result.value) for result in Result],
        validators=[InputRequired("Please say what came of it.")],
    )
    channel = RadioField(
        choices=[SelectChoice(channel.value) for channel in Channel],
        validators=[InputRequired("Please say how you were in touch.")],
    )


class Touch(StrEnum):
    """What one touch can say."""

    TAKE = "take"
    SOLVED = "solved"
    NOT_SOLVED = "not_solved"


class OneTouchForm(Form):
    act = StringField(validators=[AnyOf(list(Touch))])
    note = TextAreaField(
        filters=[clean],
        validators=[Length(max=NOTE_LONGEST, message=f"Please use at most {NOTE_LONGEST:,} letters.")],
    )


TEAMS_AT_MOST, TEAM_LONGEST = 100, 200


class PersonForm(Form):
    """Somebody at the desk; the address is given once."""

    email = StringField(
        filters=[one_line],
        validators=[DataRequired("Please give their address."), Length(max=254, message="Too long.")],
    )
    name = StringField(
        filters=[one_line], validators=[DataRequired("Please give a name."), Length(max=100, message="Too long.")]
    )
    role = RadioField(
        choices=[SelectChoice(role.value) for role in Role], validators=[InputRequired("Please choose a role.")]
    )
    every_team = BooleanField()
    teams = SelectMultipleField(validate_choice=False)
    new_team = StringField(filters=[one_line], validators=[Length(max=200, message="Too long.")])

    @property
    def given_role(self) -> Role:
        return Role(self.role.data or "")  # validated

    @property
    def given_teams(self) -> list[str]:
        """None of them is every team."""
        if self.every_team.data:
            return []
        return [*(self.teams.data or ()), *([self.new_team.data] if self.new_team.data else ())]

    def validate_teams(self, field: Field) -> None:
        """Nobody gets every team because a tick was forgotten."""
        if not (self.given_teams or self.every_team.data or self.role.data == Role.OWNER):
            raise ValidationError("Please tick a team, or “every team”.")
        if len(field.data) > TEAMS_AT_MOST or max(map(len, field.data), default=0) > TEAM_LONGEST:
            raise ValidationError(f"Expected at most {TEAMS_AT_MOST} teams of at most {TEAM_LONGEST} letters.")


class ForgottenForm(Form):
    email = StringField(validators=[InputRequired(), Length(max=254)])


class PasswordForm(Form):
    """Long enough counts; nobody remembers a rule."""

    password = PasswordField(
        validators=[
            Length(
                min=PASSWORD_SHORTEST,
                max=PASSWORD_LONGEST,
                message=f"Please use {PASSWORD_SHORTEST} letters at least, and {PASSWORD_LONGEST:,} at most.",
            )
        ]
    )
    again = PasswordField(validators=[EqualTo("password", "The two are not the same. Please type it again.")])


class CloseForm(_NoteForm):
    outcome = RadioField(
        choices=[SelectChoice(outcome.value) for outcome in CLOSINGS],
        validators=[InputRequired("Please say how it ended.")],
    )
    public = BooleanField()

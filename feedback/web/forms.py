"""What customers and staff can send us."""

import re

from wtforms import (
    BooleanField,
    Form,
    HiddenField,
    PasswordField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are of 3.2
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from feedback.domain.followups import CLOSINGS, NOTE_LONGEST, Channel
from feedback.domain.staff import PASSWORD_LONGEST
from feedback.domain.surveys import COMMENT_LONGEST, Choice, Details, Stage


def clean(text: str | None) -> str:
    """The text as it was meant: browsers send CRLF; control characters and half a surrogate pair say nothing."""
    plain = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", (text or "").replace("\r\n", "\n"))
    return plain.encode("utf-8", "replace").decode().strip()


class VoteForm(Form):
    choice = RadioField(choices=[SelectChoice(choice.value) for choice in Choice], validators=[InputRequired()])


class DetailsForm(Form):
    choice = HiddenField(validators=[AnyOf([choice.value for choice in Choice])])
    reasons = SelectMultipleField(
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
        choices=[SelectChoice(stage.value) for stage in Stage],
    )
    comment = TextAreaField(
        filters=[clean],
        validators=[Length(max=COMMENT_LONGEST, message=f"Please use at most {COMMENT_LONGEST:,} letters.")],
    )
    call = BooleanField("Please call me")
    phone = StringField("Your number", validators=[Length(max=50, message="Please give a number of up to 50 letters.")])
    quote = BooleanField("You may quote me")
    quote_name = StringField(
        "The name to put beside it", validators=[Length(max=100, message="Please use up to 100 letters.")]
    )

    def details(self) -> Details:
        """What was sent, as data. A call belongs to a "no", a quote to a "yes"."""
        choice = Choice(self.choice.data or "")  # validated
        calls = choice is Choice.NO and bool(self.call.data)
        quotes = choice is Choice.YES and bool(self.quote.data)
        return Details(
            reasons=tuple(stage for stage in Stage if stage.value in (self.reasons.data or ())),
            comment=self.comment.data or "",
            call=calls,
            phone=" ".join(clean(self.phone.data).split()) if calls else "",
            quote_name=" ".join(clean(self.quote_name.data).split()) if quotes else None,
        )


class LoginForm(Form):
    email = StringField(validators=[InputRequired(), Length(max=254)])
    password = PasswordField(validators=[InputRequired(), Length(max=PASSWORD_LONGEST)])
    then = HiddenField()


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
    channel = RadioField(
        choices=[SelectChoice(channel.value) for channel in Channel],
        validators=[InputRequired("Please say how you were in touch.")],
    )


class CloseForm(_NoteForm):
    outcome = RadioField(
        choices=[SelectChoice(outcome.value) for outcome in CLOSINGS],
        validators=[InputRequired("Please say how it ended.")],
    )

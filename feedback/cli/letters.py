"""`feedback letter` and `feedback words`: what customers read, to look at and to say otherwise."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from feedback.cli.terminal import safe
from feedback.config import load_config
from feedback.domain.colours import correction
from feedback.errors import ConfigError
from feedback.i18n import LANGUAGES, load_languages
from feedback.keys import load_keys
from feedback.loop.samples import SampleKind, sample
from feedback.mail.inbox import CaughtMail, read_mail
from feedback.mail.transport import open_transport
from feedback.setting_types import is_email


@click.command("letter")
@click.argument("kind", type=click.Choice([kind.value for kind in SampleKind]))
@click.option("--to", "recipient", metavar="ADDRESS", help="Send it there, the way that mail leaves.")
@click.option("--locale", help="In this language, such as de or pt-BR; else in FEEDBACK_LOCALE.")
@click.option("--open", "opens", is_flag=True, help="Show it in the browser.")
def letter_command(kind: str, recipient: str | None, locale: str | None, opens: bool) -> None:
    """Show a sample of a mail, or send one."""
    config = load_config()
    if recipient is not None and not is_email(recipient):
        raise ConfigError(f"--to: given {recipient!r}, expected an address such as mara@acme.example.")
    languages = load_languages(config.words_dir)
    if locale is not None and not languages.has(locale):
        raise ConfigError(
            f"--locale: given {locale!r}, expected one of {', '.join(LANGUAGES)}, with a country if you like."
        )
    letter = sample(
        SampleKind(kind),
        config,
        load_keys(config.data_dir),
        recipient or "ada@example.org",
        locale or config.locale,
        datetime.now(UTC),
    )
    told = read_mail(letter.content)
    if told_colour := correction(config.colour):
        click.echo(told_colour, err=True)
    if recipient is not None:
        transport = open_transport(config)
        try:
            click.echo(safe(f"Sent to {recipient}: {transport.send(letter, lambda: None)}. Its links lead nowhere."))
        finally:
            transport.close()
    if opens:
        _open(told)
    elif recipient is None:
        click.echo(safe(f"From: {told.sender}"))
        click.echo(safe(f"Subject: {told.subject}"))
        click.echo()
        for line in told.text.splitlines():
            click.echo(safe(line))


def _open(mail: CaughtMail) -> None:
    folder = Path(tempfile.mkdtemp(prefix="feedback-letter-"))
    path = folder / "letter.html"
    path.write_text(mail.html, "utf-8")
    if click.launch(str(path)) != 0:
        click.echo("No browser could be started here.")
    click.echo(f"The letter is in {path}.")


@click.command("words")
@click.argument("language", type=click.Choice(LANGUAGES))
def words_command(language: str) -> None:
    """Print every sentence for customers in LANGUAGE, as a catalogue that you can change.

    Keep those that you want to say otherwise in words/LANGUAGE.po; see docs/mail.md.
    """
    config = load_config()
    click.echo(load_languages(config.words_dir).as_text(language), nl=False)

"""`feedback demo` and `feedback init`: the first steps. They load what no other command needs."""

import logging
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path

import click

from feedback.cli.terminal import safe
from feedback.config import PREFIX, load_config
from feedback.errors import ConfigError


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Where it answers.")
def demo(port: int) -> None:
    """Run a sample business in the folder var-demo, with a guide of five steps."""
    from feedback import demo as sample  # it loads Flask, for the passwords

    logging.basicConfig(level=logging.WARNING)
    sample.run(Path.cwd(), port, echo=click.echo, progress=_bar)


def _bar(days: Iterable[date], length: int) -> AbstractContextManager[Iterable[date]]:
    return click.progressbar(days, length=length, label="Inventing six months of customers", show_eta=False)


QUESTIONS = {
    "business": "Your business, as customers know it",
    "sender": "The address that mails come from, such as care@acme.example",
    "alert_to": "Who hears of each “no” and logs in first, such as Mara <mara@acme.example>",
    "url": "Where customers will reach this service, such as https://care.acme.example (empty: only this machine)",
    "mail": "Your mail server, such as smtps://user:password@mail.acme.example (empty: catch mail in a folder)",
}
_MAY_BE_EMPTY = ("url", "mail")


@click.command()
@click.option("--business", help="Your business, as customers know it.")
@click.option("--sender", help="The address that mails come from.")
@click.option("--staff", "alert_to", help="Who hears of each “no” and logs in first: Mara <mara@acme.example>.")
@click.option("--url", help="Where customers will reach this service; '' for this machine only.")
@click.option("--mail", help="Your mail server; '' to catch mail in a folder.")
@click.option("--zone", help="Your time zone; this machine's, if left out.")
def init(zone: str | None, **given: str | None) -> None:
    """Set up in this folder: five questions, or their answers as options. Overwrites nothing."""
    from feedback import installation
    from feedback.web.passwords import hash_password  # it loads Flask

    settings: dict[str, str] = {}
    if not Path(".env").exists():
        settings["zone"] = zone or installation.system_zone()
        load_config({PREFIX + "ZONE": settings["zone"]}, env_file=None)
        for name in QUESTIONS:
            settings[name] = _answer(name, given[name], settings)
    elif zone or any(value is not None for value in given.values()):
        raise ConfigError(
            ".env is here already, and init overwrites nothing. Change it by hand, or leave the options out."
        )
    done = installation.begin(
        Path.cwd(), settings, hash_password, datetime.now(UTC), lambda line: click.echo(safe(line))
    )
    if not done:
        raise SystemExit(1)


def _answer(name: str, given: str | None, settings: dict[str, str]) -> str:
    """An answer that makes a setting, beside those before it; asked for until it does, unless it came as an option."""
    while True:
        default = "" if name in _MAY_BE_EMPTY else None
        value = given if given is not None else click.prompt(QUESTIONS[name], default=default, show_default=False)
        value = value.strip()
        try:
            together = {**settings, name: value}.items()
            made = load_config({PREFIX + key.upper(): text for key, text in together}, env_file=None)
            if not getattr(made, name) and name not in _MAY_BE_EMPTY:
                raise ConfigError(f"{PREFIX}{name.upper()}: an answer is needed.")
        except ConfigError as error:
            if given is not None:
                raise
            click.echo(safe(str(error)))
            if name == "mail" and f"{PREFIX}URL must" in str(error):  # a real mail server needs it
                settings["url"] = _answer("url", None, settings)
        else:
            return value

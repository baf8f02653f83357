"""What a command says on a terminal: errors in words, and text of others that cannot harm."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from feedback.errors import FeedbackError


class Commands(click.Group):
    """A group whose foreseen errors are told in words."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FeedbackError as error:
            raise click.ClickException("\n".join(map(safe, str(error).splitlines()))) from error


def safe(line: str) -> str:
    """A line for a terminal: what others wrote must not command it."""
    return "".join(letter if letter.isprintable() else " " * letter.isspace() for letter in line)


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """What tells of each step of a longer piece of work as it begins, and how long the one before took."""
    begun: list[float] = []

    def end(words: str) -> None:
        if begun:
            click.echo(f" {words}{time.monotonic() - begun.pop():.1f} s")

    def tell(step: str) -> None:
        end("")
        click.echo(f"{step} …", nl=False)
        begun.append(time.monotonic())

    try:
        yield tell
    except BaseException:
        end("did not succeed after ")
        raise
    end("")

"""What a command says on a terminal: errors in words, and text of others that cannot harm."""

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

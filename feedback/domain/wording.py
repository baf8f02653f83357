"""Sentences that both the mail and the page say."""

from datetime import timedelta

from feedback.config import Config
from feedback.i18n import Language, marked

CASE_LONGEST = 160  # letters of a case's subject in a sentence


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def acts_within(within: timedelta, language: Language) -> str:
    """By when a person acts on a "no", in the largest unit that is exact, but a day or two in hours."""
    minutes = int(within.total_seconds()) // 60
    if minutes % 1440 == 0 and minutes > 2880:
        return language.plural(
            "If you say no, a person will look at it within a day.",
            "If you say no, a person will look at it within %(count)d days.",
            minutes // 1440,
        )
    if minutes and minutes % 60 == 0:
        return language.plural(
            "If you say no, a person will look at it within an hour.",
            "If you say no, a person will look at it within %(count)d hours.",
            minutes // 60,
        )
    return language.plural(
        "If you say no, a person will look at it within a minute.",
        "If you say no, a person will look at it within %(count)d minutes.",
        max(1, minutes),
    )


def asks_how_often(config: Config, language: Language) -> str:
    if config.reminder:
        return language.text(marked("We ask once about each request, and remind once."))
    return language.text(marked("We ask once about each request."))

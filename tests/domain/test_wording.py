from datetime import timedelta
from pathlib import Path

import pytest

from feedback.domain.wording import acts_within, shortened
from feedback.i18n import load_languages

ENGLISH = load_languages(Path("/nowhere")).choose("en")


@pytest.mark.parametrize(
    ("within", "words"),
    [
        (timedelta(hours=24), "within 24 hours."),
        (timedelta(hours=1), "within an hour."),
        (timedelta(days=2), "within 48 hours."),
        (timedelta(days=3), "within 3 days."),
        (timedelta(minutes=90), "within 90 minutes."),
        (timedelta(seconds=20), "within a minute."),
    ],
)
def test_how_soon_a_person_acts_is_said_in_the_largest_unit_that_is_exact(within: timedelta, words: str) -> None:
    assert acts_within(within, ENGLISH) == f"If you say no, a person will look at it {words}"


@pytest.mark.parametrize(("text", "short"), [("abc", "abc"), ("abcd", "ab…"), ("a  cd", "a…")])
def test_what_is_too_long_is_cut_with_a_sign(text: str, short: str) -> None:
    assert shortened(text, 3) == short

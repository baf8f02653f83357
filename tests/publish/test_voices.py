from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest

from feedback.config import Config
from feedback.domain.followups import Outcome, PublicNote
from feedback.domain.surveys import Stage
from feedback.publish.voices import notes_page, quotes_page
from tests.conftest import NOW


@dataclass(frozen=True)
class Said:
    words: str
    name: str
    month: date
    topic: str | None


def test_quotes_stand_by_month_with_the_name_that_was_allowed(config: Config) -> None:
    page = quotes_page(
        [
            Said("It prints.", "Ada O’Neil", date(2026, 2, 1), "printers"),
            Said("Thank you.", "", date(2026, 2, 1), None),
            Said("Quick.", "Bruno", date(2026, 1, 1), None),
        ],
        config,
    )
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# What customers say",
        "## February 2026",
        "## January 2026",
    ]
    assert '<p class="by">Ada O’Neil about printers</p>' in page
    assert '<p class="by">A customer</p>' in page
    assert page.index("It prints") < page.index("Thank you") < page.index("Quick")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.SOLVED, "It is solved."),
        (Outcome.NOT_SOLVABLE, "We could not solve it, and said so."),
        (Outcome.NO_CONTACT, "We did not reach the customer."),
        (Outcome.WITHDRAWN, "The customer says that it is solved."),
        (None, "We are still at it."),
    ],
)
def test_a_public_note_says_what_was_wrong_what_was_done_and_how_it_ended(
    config: Config, outcome: Outcome | None, words: str
) -> None:
    page = notes_page([PublicNote(NOW, "printers", (Stage.ENHANCE, Stage.CONNECT), "Sent a *ring*.", outcome)], config)
    assert "<p><strong>You said:</strong> It came back. I had to tell my story again.</p>" in page
    assert "Sent a &#42;ring&#42;&#46;" in page
    assert words in page
    assert '<p class="by">3 March · printers</p>' in page


def test_the_day_of_a_note_is_the_businesss(make_config: Callable[..., Config]) -> None:
    late = datetime.combine(NOW.date(), NOW.timetz()) + timedelta(hours=11, minutes=30)
    page = notes_page([PublicNote(late, None, (), "Called.", None)], make_config(zone="Europe/Berlin"))
    assert '<p class="by">4 March</p>' in page
    assert "<strong>You said:</strong> It is not solved.</p>" in page


def test_before_anybody_said_anything_the_pages_tell_what_will_stand_there(config: Config) -> None:
    assert "Once somebody here has read and approved the words, they stand here" in quotes_page([], config)
    assert "can make public what was done. It then stands here" in notes_page([], config)

"""A follow-up's page in a real browser: a public note and earlier answers; open, closed, and with an error."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.security import generate_password_hash

from feedback.domain.followups import Channel, Outcome, Result
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Stage
from feedback.loop import answering, following_up
from feedback.web import create_app
from tests.conftest import ADA, DAY, NOW, Loop
from tests.e2e.test_accessibility import LAYOUT, RULES, axe, serving
from tests.web.test_desk import PASSWORD, page_of, say_no

LATER = NOW + DAY
HOUR = timedelta(hours=1)
SAID = Details((Stage.RESOLVE,), "It still jams on page two.\nEvery time.", True, "+49 30 5550 0142", "mornings")
LONG = "It sticks again, whenever the weather is wet. I have dried the paper, and read the manual twice. " * 3


@dataclass(frozen=True, slots=True)
class Desk:
    """Where it is served, Ada's follow-up with all that can stand on its page, and an earlier one that is closed."""

    url: str
    key: str
    closed: str


@pytest.fixture
def desk(loop: Loop) -> Iterator[Desk]:
    with loop.store.write():
        mara = loop.store.staff.add(
            "mara@acme.example", "Mara", generate_password_hash(PASSWORD, "scrypt:1024:1:1"), Role.OWNER
        )
    then = NOW - 30 * DAY
    loop.take(replace(ADA, ref="A-0", subject="Paper tray", opened_at=None, resolved_at=then), now=then)
    closed = say_no(loop, "A-0", then + DAY, Details((Stage.ENHANCE, Stage.RESOLVE), LONG))
    following_up.close(
        loop.store, loop.asking, closed, Outcome.NOT_SOLVABLE, "Not made any more.", mara, then + 2 * DAY, publish=True
    )
    loop.take(ADA)
    key = say_no(loop, "A-1", LATER - 3 * HOUR, SAID)
    for minutes, choice in ((1, Choice.YES), (2, Choice.NO)):
        at = LATER - 3 * HOUR + timedelta(minutes=minutes)
        answering.answer(loop.store, loop.config, loop.survey_id(), choice, at)
    for note in ("We ordered softer rollers.", "Rang Ada."):
        following_up.log_interaction(loop.store, key, mara, Channel.CALL, Result.NOT_SOLVED, note, LATER - HOUR)
    (ordered,) = [event for event in loop.store.follow_ups.history(key) if event.note == "We ordered softer rollers."]
    following_up.publish_note(loop.store, key, ordered.seq, mara, LATER)
    with serving(create_app(loop.config, loop.store, loop.keys, lambda: LATER)) as (url, _):
        yield Desk(url, key, closed)


def log_in(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.url}{page_of(desk.key)}")
    page.get_by_label("Your mail address").fill("mara@acme.example")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada: Printer jams on page two")


TOO_LOW = """() => [...document.querySelectorAll("button, .check")].filter(each => each.checkVisibility())
  .filter(each => each.getBoundingClientRect().height < 44).map(each => each.outerHTML)"""


@pytest.mark.parametrize("width", [320, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_of_the_page_is_fit_for_all(
    desk: Desk, browser: Browser, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
    page = context.new_page()
    log_in(page, desk)

    def check(words: str) -> None:
        expect(page.get_by_role("main")).to_contain_text(words)
        assert axe(page, RULES) == []
        assert page.evaluate(LAYOUT) == []
        assert page.evaluate(TOO_LOW) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width

    check("What they answered")
    expect(page.get_by_text("Public: you said, we did")).to_have_count(1)
    page.get_by_role("button", name="Make it public: Call, not solved, today, 11:00, “Rang Ada.”").click()
    check("“Ada” in it would tell who the customer is.")
    page.goto(f"{desk.url}{page_of(desk.closed)}")
    check("Public: you said, we did")
    context.close()


def test_a_note_is_published_and_taken_back_without_javascript(desk: Desk, loop: Loop, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, desk)
    page.get_by_role("button", name="Take it back: Call, not solved, today, 11:00, “We ordered softer").click()
    expect(page.get_by_role("status")).to_have_text("The note is not public any more.")
    assert [one.note for one in loop.store.follow_ups.public_notes(9)] == ["Not made any more."]
    closing = page.locator("form", has=page.get_by_role("heading", name="It is done"))
    closing.get_by_label("Solved", exact=True).check()
    closing.get_by_label("What was done").fill("All printers get them now.")
    closing.get_by_label("Publish this note: you said, we did (no names in it)").check()
    closing.get_by_role("button", name="Close it").click()
    expect(page.get_by_role("status")).to_have_text("Closed.")
    assert [one.note for one in loop.store.follow_ups.public_notes(1)] == ["All printers get them now."]
    context.close()

"""The queue in a real browser: its counts keep up, say what is new, and stop once nobody is logged in."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.security import generate_password_hash
from werkzeug.serving import make_server

from feedback.domain.staff import Role
from feedback.web import create_app
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop, free_port
from tests.web.test_desk import PASSWORD, say_no

LATER = NOW + DAY


@pytest.fixture
def desk(loop: Loop, browser: Browser) -> Iterator[Page]:
    """Mara looks at the queue, with Ada's follow-up in it; the page's clock is ours."""
    loop.take(ADA, BRUNO)
    say_no(loop, "A-1", LATER - timedelta(hours=1))
    with loop.store.write():
        loop.store.staff.add(
            "mara@acme.example", "Mara", generate_password_hash(PASSWORD, "scrypt:1024:1:1"), Role.OWNER
        )
    port = free_port()
    app = create_app(loop.config, loop.store, loop.keys, lambda: LATER)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    page = browser.new_context(viewport={"width": 320, "height": 640}).new_page()
    page.clock.install()
    page.goto(f"http://127.0.0.1:{port}/desk/")
    page.get_by_label("Your mail address").fill("mara@acme.example")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#count-open")).to_have_text("1")
    yield page
    page.context.close()
    server.shutdown()
    thread.join()


def test_counts_and_title_keep_up_and_what_is_new_is_said(desk: Page, loop: Loop) -> None:
    say_no(loop, "B-2", LATER - timedelta(days=3))
    desk.clock.run_for(31_000)
    expect(desk.locator("#count-open")).to_have_text("2")
    expect(desk.locator("#count-overdue")).to_have_text("1")
    expect(desk.get_by_role("status")).to_have_text("1 is overdue. 2 are nobody’s.")
    expect(desk).to_have_title("To do (2) — Acme")
    assert desk.locator(".rows > li").count() == 1  # the list stays as it is


def test_once_logged_out_nothing_is_asked_any_more(desk: Page) -> None:
    asked: list[str] = []
    desk.on("request", lambda request: asked.append(request.url))
    desk.context.clear_cookies()
    desk.clock.run_for(31_000)
    desk.wait_for_timeout(300)
    desk.clock.run_for(120_000)
    desk.wait_for_timeout(300)
    assert [url for url in asked if url.endswith("/desk/counts") and "login" not in url] == asked[:1]
    expect(desk.locator("#count-open")).to_have_text("1")


def test_the_first_stop_of_the_keyboard_leads_to_the_list_and_nothing_scrolls_sideways(desk: Page) -> None:
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("link", name="To the list")).to_be_focused()
    expect(desk.get_by_role("link", name="To the list")).to_be_in_viewport()
    desk.keyboard.press("Enter")
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("link", name="Ada: Printer jams on page two")).to_be_focused()
    for path in ("/desk/", "/desk/?tab=unowned&age=1", "/desk/search?words=printer"):
        desk.goto(desk.url.split("/desk/")[0] + path)
        assert desk.evaluate("document.documentElement.scrollWidth") == 320
        assert desk.locator("[tabindex]:not([tabindex='-1'])").count() == 0

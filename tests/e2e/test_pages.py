"""The pages in a real browser."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Workplace, parse_mail, text_of


@pytest.fixture
def link(workplace: Workplace) -> str:
    """The “no” link of a mail that went out; the service runs."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    (workplace.folder / "cases.csv").write_text(
        "source,ref,status,resolved_at,email,name,subject\n"
        f"shop,1,resolved,{now},ada@example.org,Ada,{'A very long subject without an end ' * 6}\n"
    )
    workplace.feedback("import", "cases", "cases.csv")
    workplace.feedback("tick", "--at", "+25h")
    workplace.serve()
    (mail,) = (workplace.data / "mail" / "new").iterdir()
    found = re.search(r"^(http\S+/no)$", text_of(parse_mail(mail.read_bytes())), re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def small_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=request.param)
    page = context.new_page()
    page.complaints = watch(page)  # type: ignore[attr-defined]
    yield page
    context.close()


def watch(page: Page) -> list[str]:
    """What the browser's console complains of, and requests that leave the service."""
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("request", lambda request: None if "127.0.0.1" in request.url else complaints.append(request.url))
    return complaints


def fits(page: Page) -> bool:
    width = page.locator("html").bounding_box()
    return width is not None and width["width"] <= 320


def test_a_customer_answers_adds_words_and_changes_the_mind_on_a_small_phone(link: str, small_page: Page) -> None:
    page = small_page
    page.goto(link)
    assert fits(page)
    assert page.get_by_label("No, something is still wrong").is_checked()
    page.get_by_label("Yes, it is solved").check()
    assert page.get_by_role("button").inner_text() == "Send my answer: Yes"
    page.get_by_label("No, something is still wrong").check()
    page.get_by_role("button", name="Send my answer: No").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Thank you for telling us"
    assert fits(page)
    page.get_by_label("It came back").check()
    page.get_by_label("In your own words").fill("Again on page two")
    page.get_by_label("Please call me").check()
    page.get_by_label("Your number").fill("+49 30 1234567")
    page.get_by_role("button", name="Add this to my answer").click()
    assert page.get_by_label("In your own words").input_value() == "Again on page two"
    page.get_by_role("link", name="My answer is “Yes”").click()
    page.get_by_role("button", name="Send my answer: Yes").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Thank you, good to hear"
    assert page.complaints == []  # type: ignore[attr-defined]


def test_what_was_typed_survives_a_reload_in_its_tab_until_it_is_sent(link: str, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    complaints = watch(page)
    page.goto(link)
    page.get_by_role("button", name="Send my answer: No").click()
    here = page.url
    page.get_by_label("It came back").check()
    page.get_by_label("In your own words").fill("Again, on page")
    page.reload()
    assert page.get_by_label("In your own words").input_value() == "Again, on page"
    assert page.get_by_label("It came back").is_checked()
    other = context.new_page()
    other.goto(here)
    assert other.get_by_label("In your own words").input_value() == ""
    page.get_by_label("In your own words").fill("Again, on page two")
    page.get_by_role("button", name="Add this to my answer").click()
    page.get_by_label("In your own words").fill("")
    page.goto(here)
    assert page.get_by_label("In your own words").input_value() == ""  # emptied, and not sent yet
    page.get_by_role("button", name="Save the change").click()
    other.reload()
    assert other.get_by_label("In your own words").input_value() == ""
    page.get_by_role("link", name="My answer is “Yes”").click()
    page.get_by_role("button", name="Send my answer: Yes").click()
    assert page.get_by_label("In your own words").input_value() == ""
    assert not page.get_by_label("It has become better since last time").is_checked()
    assert complaints == []
    context.close()


def test_the_keyboard_alone_is_enough(link: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(link)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "no"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.get_by_role("heading", level=1).inner_text() == "Thank you, good to hear"
    page.close()


def test_opting_out_takes_a_button(link: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(link)
    page.get_by_role("link", name="Never ask me again").click()
    page.get_by_role("button", name="Never ask me again").click()
    assert page.get_by_role("heading", level=1).inner_text() == "You will not be asked again"
    page.close()


def test_the_published_site_breaks_no_policy_and_its_search_works(
    link: str, workplace: Workplace, browser: Browser
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints = watch(page)
    for path in ("/", "/connect/", "/assist/", "/resolve/", "/enhance/", "/figures/"):
        page.goto(workplace.url + path)
        assert page.get_by_role("heading", level=1).count() == 1
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("interactions")
    expect(page.locator(".md-search-result")).to_contain_text("call, at once")  # it waits: results follow the typing
    assert complaints == []
    page.close()

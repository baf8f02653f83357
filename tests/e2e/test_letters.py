"""Mails in a real browser: on a phone and in a window, light and dark, whole and with what mail programs drop."""

import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from feedback.domain.colours import contrast
from feedback.i18n import LANGUAGES
from feedback.loop.samples import SampleKind
from tests.conftest import html_of
from tests.mail.letters import letter_in

MEASURE = """() => {
  const rgb = colour => colour.match(/\\d+(\\.\\d+)?/g).map(Number);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const [red, green, blue, alpha] = rgb(getComputedStyle(at).backgroundColor);
      if (alpha !== 0) return [red, green, blue];
    }
    return [255, 255, 255];
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, style = getComputedStyle(element);
    const text = walker.currentNode.data.trim();
    if (text && element.offsetParent !== null)
      texts.push([text, rgb(style.color).slice(0, 3), ground(element), parseFloat(style.fontSize)]);
  }
  const box = element => { const found = element.getBoundingClientRect(); return [found.width, found.height]; };
  return {
    texts,
    links: [...document.querySelectorAll('a')].map(link => [link.innerText, ...box(link)]),
    cells: [...document.querySelectorAll('.filled, .outlined')].map(cell => [cell.innerText, ...box(cell)]),
    scrolls: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  };
}"""


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def measured(tab: Page, page: str, width: int = 360, scheme: Literal["light", "dark"] = "light") -> dict[str, Any]:
    tab.set_viewport_size({"width": width, "height": 700})
    tab.emulate_media(color_scheme=scheme)
    tab.set_content(page)
    found: dict[str, Any] = tab.evaluate(MEASURE)
    return found


def hexadecimal(channels: list[float]) -> str:
    return "#" + "".join(f"{round(channel):02x}" for channel in channels)


def assert_legible(found: dict[str, Any]) -> None:
    assert len(found["texts"]) >= 8
    for text, colour, ground, size in found["texts"]:
        assert contrast(hexadecimal(colour), hexadecimal(ground)) >= 4.5, text
        assert size >= 14, text
    assert max(size for *_, size in found["texts"]) == 26


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_mail_is_legible_and_its_buttons_are_large_in_every_language(tab: Page, code: str) -> None:
    page = html_of(letter_in(code))
    for width in (320, 360, 700):
        for scheme in ("light", "dark"):
            found = measured(tab, page, width, scheme)
            assert_legible(found)
            assert not found["scrolls"]
            yes, no, never, privacy = found["links"]
            assert min(yes[2], no[2], never[2], privacy[2]) >= 44
            assert yes[1] == no[1] >= 280
    sizes = [size for text, _, _, size in found["texts"] if len(text) > 60]
    assert max(sizes) == 16


@pytest.mark.parametrize("colour", ["#ffeb3b", "#e91e63", "#000000", "#ffffff", "#00695c", "#8bc34a"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_any_colour_of_the_business_is_legible(tab: Page, colour: str, scheme: Literal["light", "dark"]) -> None:
    assert_legible(measured(tab, html_of(letter_in("en", colour=colour)), scheme=scheme))


def as_outlook(page: str) -> str:
    """As Word shows it: without the style block, with what is in conditional comments, by the properties it knows."""
    page = re.sub(r"(?<!\[if mso\]>)<style>.*?</style>", "", page, flags=re.DOTALL)
    page = re.sub(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", r"\1", page, flags=re.DOTALL)
    page = re.sub(r"(<a [^>]*?)\bdisplay:[^;]*; padding:[^;]*;", r"\1", page)
    page = re.sub(r"(border-radius|max-width|overflow-wrap|max-height|overflow):[^;\"]*;?", "", page)
    return page.replace("mso-padding-alt:", "padding:")


def test_in_outlook_the_buttons_are_large_and_the_column_is_narrow(tab: Page) -> None:
    for kind in (SampleKind.SURVEY, SampleKind.REMINDER, SampleKind.RECHECK):
        page = as_outlook(html_of(letter_in("de", kind)))
        assert "max-width" not in page
        assert "mso-" in page
        found = measured(tab, page, 1000)
        assert_legible(found)
        assert [round(cell[2]) >= 44 for cell in found["cells"]] == [True, True]
        assert [cell[1] <= 562 for cell in found["cells"]] == [True, True]


def test_without_the_style_block_as_in_gmail_nothing_is_lost(tab: Page) -> None:
    page = re.sub(r"<style>.*?</style>", "", html_of(letter_in("en")), flags=re.DOTALL)
    whole, found = measured(tab, html_of(letter_in("en"))), measured(tab, page)
    assert_legible(found)
    assert found["links"] == whole["links"]
    assert measured(tab, page, scheme="dark")["texts"] == found["texts"]


def test_an_alert_is_legible_too(tab: Page) -> None:
    for scheme in ("light", "dark"):
        found = measured(tab, html_of(letter_in("en", SampleKind.ALERT)), scheme=scheme)
        assert min(size for *_, size in found["texts"]) >= 14
        for text, colour, ground, _ in found["texts"]:
            assert contrast(hexadecimal(colour), hexadecimal(ground)) >= 4.5, text
        assert found["links"][0][2] >= 44

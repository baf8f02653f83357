"""The HTML of a mail relies on nothing that a mail program is known to drop.

Known of them (caniemail.com, and their makers' pages, 2026): Outlook for Windows renders with Word, which ignores
`border-radius`, `max-width`, `display`, `overflow` and `overflow-wrap`, and padding on anything but cells. Gmail
ignores `prefers-color-scheme`, drops the style block for other providers' accounts, and a block of more than 8,192
letters everywhere; it cuts a mail of more than 102 kB. Apple Mail makes links of what it takes for dates, places
and numbers.
"""

import re
from html.parser import HTMLParser

import pytest

from feedback.i18n import LANGUAGES
from tests.conftest import html_of
from tests.mail.letters import all_letters, letter_in

KEPT_EVERYWHERE = frozenset((
    "background", "border", "border-left", "border-top", "color", "font-family", "font-size", "font-weight",
    "line-height", "margin", "padding-left", "padding-top", "text-align", "text-decoration",
))  # fmt: skip
STOOD_IN_FOR = {
    "border-radius": "corners are square in Outlook",
    "max-width": "a table of 560 px, which only Outlook reads, stands in",
    "overflow-wrap": "a word of 60 letters widens the column in Outlook",
    "white-space": "the lines of a comment run together in Outlook; the words are all there",
    "display": "of links: the cell around it is padded for Outlook, and in its footer a link is just a link",
    "padding": "of links: as for display",
    "max-height": "of the preheader: mso-hide does it in Outlook",
    "overflow": "of the preheader: as for max-height",
    "mso-hide": "read by Outlook alone",
    "mso-padding-alt": "read by Outlook alone",
}


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attributes}))


def elements(page: str) -> list[tuple[str, dict[str, str]]]:
    parser = _Elements()
    parser.feed(page)
    return parser.found


def styles(attributes: dict[str, str]) -> dict[str, str]:
    pairs = (part.partition(":") for part in attributes.get("style", "").split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


PAGES = [html_of(letter) for letter in all_letters()]


@pytest.mark.parametrize("page", PAGES)
def test_every_style_is_kept_everywhere_or_stood_in_for(page: str) -> None:
    for tag, attributes in elements(page):
        unknown = set(styles(attributes)) - KEPT_EVERYWHERE - set(STOOD_IN_FOR)
        assert not unknown, (tag, unknown)
        if "padding" in styles(attributes):
            assert tag in ("td", "a", "body")


@pytest.mark.parametrize("page", PAGES)
def test_where_links_are_not_padded_the_cell_is(page: str) -> None:
    found = elements(page)
    buttons = [index for index, (tag, it) in enumerate(found) if tag == "a" and "display:block" in it["style"]]
    assert buttons
    for index in buttons:
        cell, link = found[index - 1], found[index]
        assert cell[0] == "td"
        assert styles(cell[1])["mso-padding-alt"] == styles(link[1])["padding"] == "12px 16px"
        assert cell[1]["bgcolor"] == styles(cell[1])["background"]


@pytest.mark.parametrize("page", PAGES)
def test_the_style_block_only_adds_the_dark_colours(page: str) -> None:
    outlook, styled = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert "font-family" in outlook
    assert len(styled) < 8_192
    assert re.fullmatch(r"\s*@media \(prefers-color-scheme: dark\) \{(\s*\.[a-z. ]+ \{[^{}]*\})+\s*\}\s*", styled)
    assert set(re.findall(r"([a-z-]+):(?! dark)", styled)) <= {"color", "background", "border-color"}
    for tag, attributes in elements(page):
        if attributes.get("class") in ("filled", "outlined", "text", "quiet", "ground", "quiet rule", "link"):
            assert {"color", "background"} & set(styles(attributes)), (tag, attributes)


@pytest.mark.parametrize("page", PAGES)
def test_layout_is_tables_for_show_and_nothing_is_loaded(page: str) -> None:
    assert not re.search(r"<img|src=|url\(|@import|<link|<script|<form|<video|position:|float:|flex|grid", page)
    for tag, attributes in elements(page):
        if tag == "table":
            assert attributes["role"] == "presentation"
            assert (attributes["cellpadding"], attributes["cellspacing"], attributes["border"]) == ("0", "0", "0")
    assert 'content="telephone=no,date=no,address=no,email=no,url=no"' in page
    assert page.count("<!--[if mso]>") == page.count("<![endif]-->") == 3


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_mail_is_far_from_what_gmail_cuts_and_says_its_language(code: str) -> None:
    letter = letter_in(code)
    page = html_of(letter)
    assert len(letter.as_bytes()) < 20_000
    assert f'<html lang="{code}" dir="{"rtl" if code == "ar" else "ltr"}">' in page
    assert letter["Content-Language"] == code


def test_the_preheader_comes_first_and_is_not_seen() -> None:
    body = html_of(letter_in("en")).partition("<body")[2]
    hidden = re.search(r'<div style="display:none; mso-hide:all;[^>]*>([^<&]*)', body)
    assert hidden is not None
    assert hidden[1] == "Yes or no is enough. After a no, a person looks at it."
    assert body.index(hidden[0]) < body.index("<table")

"""The FAQ for customers: its entries, as they are read from its pages, and what the build makes of them."""

import html
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback.config import Config
from feedback.domain.faq import Entry
from feedback.errors import PublishError
from feedback.i18n import LANGUAGES
from feedback.publish import build, faq
from feedback.publish.build import Sources
from feedback.publish.faq import read_entries
from tests.conftest import NOW, Loop

PARCEL = """---
topics: [delivery, Returns]
Words: late, where is my parcel
owner: Mara
---

# Where is my parcel?

It *left* our house. [Track it](https://carrier.example/track) or `wait`.
"""


def test_an_entry_has_its_title_topics_words_and_plain_text(tmp_path: Path) -> None:
    (tmp_path / "faq" / "delivery").mkdir(parents=True)
    (tmp_path / "faq" / "index.md").write_text("# Questions\n")
    (tmp_path / "faq" / "delivery" / "late.md").write_text(PARCEL)
    (entry,) = read_entries(tmp_path)
    assert entry == Entry(
        page="faq/delivery/late.md",
        title="Where is my parcel?",
        topics=("delivery", "Returns"),
        words=("late", "where is my parcel"),
        text="Where is my parcel? It left our house. Track it or wait.",
    )
    assert entry.address == "faq/delivery/late/"


def test_a_title_is_what_a_reader_sees_as_one(tmp_path: Path) -> None:
    (tmp_path / "faq").mkdir()
    hidden = "<!--\n# a secret draft\n-->\n```\n# rm\n```\n\n"
    text = f"{hidden}# Why [*so*](javascript:x)\u202e <b>late</b>?\n\nIt <!-- not --> left.\n"
    (tmp_path / "faq" / "x.md").write_text(text)
    (tmp_path / "faq" / "y.md").write_text(f"# {'x' * 50_000}\n")
    first, second = read_entries(tmp_path)
    assert first.title == "Why so late?"
    assert "secret" not in first.text
    assert len(second.title) == 200


def test_a_site_without_a_faq_has_no_entry(tmp_path: Path) -> None:
    assert read_entries(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Without a title\n", r"faq/x\.md: expected a title"),
        ("---\ntopics: {a: b}\n---\n# X\n", r"faq/x\.md: topics: given .*expected words such as topics: \[payment"),
        ("---\ntopics: [a\n---\n# X\n", r"faq/x\.md, line 3: expected lines"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "faq").mkdir()
    (tmp_path / "faq" / "x.md").write_text(text)
    with pytest.raises(PublishError, match=told):
        read_entries(tmp_path)


def test_the_address_of_an_entry_is_that_of_its_folder_whatever_it_is_made_of() -> None:
    pages = ("faq/late.md", "faq/delivery/late.md", "faq/delivery/index.md")
    found = [Entry(page, "", (), (), "").address for page in pages]
    assert found == ["faq/late/", "faq/delivery/late/", "faq/delivery/"]


LATE = Entry("faq/late.md", "Where is *my* parcel?", ("delivery",), ("late", "tracking"), "")
COST = Entry("faq/cost.md", "What does it cost?", (), (), "")


def pages_of(config: Config, *entries: Entry) -> dict[str, str]:
    return faq.files(entries, config)


def test_the_first_page_has_each_entry_by_its_topic_and_ends_with_a_way_to_a_person(config: Config) -> None:
    page = html.unescape(pages_of(config, COST, LATE)["faq/index.md"])
    assert page.splitlines()[::2] == [
        "# Questions and answers",
        "## Delivery",
        "- [Where is *my* parcel?](<late.md>)",
        "## More questions",
        "- [What does it cost?](<cost.md>)",
        'Is your question not among them? <a href="mailto:care@acme.example">Ask a person</a>',
    ]


def test_without_an_entry_it_says_so(config: Config) -> None:
    assert "Nothing stands here yet." in html.unescape(pages_of(config)["faq/index.md"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_file_holds_the_entries_and_all_that_the_script_says(
    make_config: Callable[..., Config], language: str
) -> None:
    told = json.loads(pages_of(make_config(locale=language, url="https://care.acme.example"), LATE)["faq.json"])
    (entry,) = told["entries"]
    assert entry == {
        "url": "faq/late/", "title": "Where is *my* parcel?", "topics": ["delivery"], "words": ["late", "tracking"],
    }  # fmt: skip
    assert (told["version"], told["service"], told["lang"]) == (1, "https://care.acme.example", language)
    assert told["dir"] == ("rtl" if language == "ar" else "ltr")
    assert all(told["words"].values())
    assert {place for place in ("{place}", "{error}", "{time}") if place in told["way"]} == {
        "{place}", "{error}", "{time}",
    }  # fmt: skip
    assert (told["words"]["helped"] == "Did that help?") == (language == "en")


@pytest.mark.parametrize(
    ("contact", "url", "way"),
    [
        (None, "mailto:care@acme.example", "mailto:care@acme.example?subject=Help%20with%20{place}&body=%0D%0A"),
        ("Acme <a+b%c@acme.example>", "mailto:a+b%25c@acme.example", "mailto:a+b%25c@acme.example?subject="),
        ("https://acme.example/contact", None, "https://acme.example/contact?context=Page%3A%20{place}%0A"),
        ("https://acme.example/?to=care#form", None, "https://acme.example/?to=care&context=Page%3A%20{place}%0A"),
    ],
)
def test_the_way_to_a_person_has_the_context_filled_in(
    make_config: Callable[..., Config], contact: str | None, url: str | None, way: str
) -> None:
    config = make_config(contact=contact) if contact else make_config()
    told = json.loads(pages_of(config)["faq.json"])
    assert told["contact"] == (url or contact)
    assert told["way"].startswith(way)
    assert told["way"].endswith("#form") == (contact is not None and "#" in contact)


def test_the_script_on_the_pages_of_others_is_small(config: Config) -> None:
    assert len(pages_of(config)["assist.js"].encode()) < 5_000


def test_before_there_is_an_address_there_is_no_way(make_config: Callable[..., Config]) -> None:
    told = json.loads(pages_of(make_config(sender=""))["faq.json"])
    assert (told["contact"], told["way"]) == (None, None)


def test_an_entry_says_when_it_was_checked_but_neither_its_keeper_nor_that_it_is_old(config: Config) -> None:
    page = "---\nowner: Mara\nreviewed: 2020-01-02\n---\n# Late\n\nText\n"
    ended = html.unescape(faq.with_end(page, "faq/delivery/late.md", config, asks=True))
    assert '<p class="review"><a href="../../">All questions</a> · Last checked on 2 January 2020.</p>' in ended
    assert '<script src="../../../assets/votes.js"' in ended
    assert 'data-page="faq/delivery/late/"' in ended
    assert "Not reviewed" not in ended
    assert "Kept by" not in ended
    first = faq.with_end("# Ours\n", "faq/index.md", config, asks=True)
    assert first == "# Ours\n"


def test_the_faq_is_public_whatever_the_figures_are_and_the_policy_lets_it_ask_the_service(
    make_loop: Callable[..., Loop], quick_site: Sources, tmp_path: Path
) -> None:
    loop = make_loop(figures="off", url="https://care.acme.example")
    (quick_site.pages / "faq").mkdir()
    (quick_site.pages / "faq" / "late.md").write_text("# Late & lost {#lost}\n")
    built = build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW).folder
    assert "Late &amp; lost" in (built / "faq" / "index.html").read_text()
    assert json.loads((built / "faq.json").read_text())["entries"][0]["title"] == "Late & lost"
    assert "connect-src 'self' https://care.acme.example;" in (built / "csp.txt").read_text()
    (quick_site.pages / "faq" / "index.md").write_text("# Our own\n")
    quick_site.configuration.write_text(quick_site.configuration.read_text() + "extra: {analytics: {provider: own}}\n")
    built = build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW).folder
    assert "Our own" in (built / "faq" / "index.html").read_text()
    assert "votes.js" not in (built / "faq" / "late" / "index.html").read_text()

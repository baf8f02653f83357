"""The hand-written pages: each can be found, is built like the others, and says what no other page says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from mkdocs.config import load_config
from mkdocs.utils.meta import get_data

from tests.conftest import ROOT

SITE = ROOT / "site"
GENERATED = [
    "figures.md", "journey.md", "coming-back.md", "how-we-count.md", "quotes.md", "you-said-we-did.md", "faq/index.md"
]  # fmt: skip
GENERATED_OF_STAGES = ["faq-gaps.md"]  # they stand among the pages of their stage
WRITTEN = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.md"))
FAQ = [page for page in WRITTEN if page.startswith("faq/")]  # for customers
PAGES = [page for page in WRITTEN if page not in FAQ]
STAGES = ("connect.md", "assist.md", "resolve.md", "enhance.md")
APART = ("index.md", "practice/glossary.md")  # the front page and the list of words are built in their own way
SECTIONS = (
    "Purpose", "When to use it", "The rule", "The moves", "Examples", "Checklist", "Common mistakes", "By itself",
    "Measures", "Pages to work from",
)  # fmt: skip
NOT_EVERYWHERE = ("The rule", "By itself", "Pages to work from")  # on each stage; elsewhere where there is one
FIGURES = {
    "solved-rate", "response-rate", "first-reply", "greeted-by-name", "beyond-two", "recovery-rate", "time-to-contact",
    "opt-outs", "widest-gap", "repurchase", "stage-connect", "stage-assist", "stage-resolve", "stage-enhance",
}  # fmt: skip
BLOCKS = {"p", "li", "td", "th", "h1", "h2", "h3", "blockquote"}
LONG = 8  # words; shorter sentences may come twice


@dataclass
class Reading(HTMLParser):
    """What stands in the article of a built page: its blocks of text, its anchors, and where its links lead."""

    blocks: list[str] = field(default_factory=lambda: [""])
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    inside: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        here = dict(attrs)
        self.inside = self.inside or tag == "article"
        if not self.inside:
            return
        self.anchors.add(here.get("id") or "")
        if tag == "a" and here.get("class") != "headerlink":
            self.links.append(here.get("href") or "")
        if tag in BLOCKS:
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self.inside = False
        if tag in BLOCKS:
            self.blocks.append("")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.blocks[-1] += data


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reading]:
    """The hand-written pages alone, by their address, built as an owner would to look at them: strictly."""
    out = tmp_path_factory.mktemp("playbook")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout
    readings = {}
    for page in WRITTEN:
        address = Path(page).with_suffix("").as_posix()
        reading = Reading()
        reading.feed((out / ("" if address == "index" else address) / "index.html").read_text("utf-8"))
        readings["" if address == "index" else f"{address}/"] = reading
    return readings


def in_nav(entry: Any) -> Iterator[str]:
    """The pages that an entry of the navigation names, in their order."""
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from in_nav(part)


def headings(page: str) -> list[str]:
    return re.findall(r"^## (.+)$", (SITE / page).read_text("utf-8"), re.MULTILINE)


def test_each_page_stands_in_the_navigation_once_and_the_generated_ones_last() -> None:
    named = list(in_nav(load_config(str(ROOT / "mkdocs.yml")).nav))
    assert sorted(named) == sorted([*PAGES, *GENERATED, *GENERATED_OF_STAGES])
    assert (named[0], named[-len(GENERATED) :]) == ("index.md", GENERATED)


@pytest.mark.parametrize("page", PAGES)
def test_each_page_has_a_keeper_and_the_day_of_its_last_review(page: str) -> None:
    _, front = get_data((SITE / page).read_text("utf-8"))
    assert set(front) == {"owner", "reviewed"}
    assert isinstance(front["owner"], str)
    assert type(front["reviewed"]) is date


@pytest.mark.parametrize("page", FAQ)
def test_each_entry_for_customers_can_be_found_and_is_short_and_leads_to_a_person(page: str) -> None:
    text, front = get_data((SITE / page).read_text("utf-8"))
    assert set(front) == {"topics", "words", "owner", "reviewed"}
    assert front["topics"]
    assert len(front["words"]) >= 5
    assert len(text.split()) <= 120
    assert re.search("person|write to us", text.strip().splitlines()[-1], re.IGNORECASE)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in APART])
def test_each_page_has_the_same_sections_in_the_same_order(page: str) -> None:
    found = headings(page)
    assert found == [section for section in SECTIONS if section in found]
    needed = set(SECTIONS) if page in STAGES else set(SECTIONS) - set(NOT_EVERYWHERE)
    assert needed <= set(found)


def test_the_glossary_goes_by_the_alphabet() -> None:
    words = headings("practice/glossary.md")
    assert words == sorted(words, key=str.lower)


def test_figures_are_known_stand_on_lines_of_their_own_and_each_is_called() -> None:
    called = set()
    for page in PAGES:
        text = (SITE / page).read_text("utf-8")
        marks = re.findall(r"<!--.*?-->", text, re.DOTALL)
        alone = re.findall(r"(?<=\n\n)<!-- figure: ([a-z-]+) -->(?=\n(?:\n|$))", text)
        assert [f"<!-- figure: {name} -->" for name in alone] == marks, page
        called |= set(alone)
    assert called == FIGURES


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_shows_what_customers_ticked_about_it(stage: str) -> None:
    measures = (SITE / stage).read_text("utf-8").split("## Measures")[1]
    assert f"<!-- figure: stage-{stage.removesuffix('.md')} -->" in measures


def test_every_link_leads_to_a_page_and_to_a_place_on_it(built: dict[str, Reading]) -> None:
    astray = []
    for address, reading in built.items():
        for link in reading.links:
            path, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join("/", address, path)).lstrip("/")
            target += "/" if target else ""
            if target not in ("figures/", "journey/", "coming-back/", "how-we-count/", "faq/", "faq-gaps/") and (
                target not in built or anchor not in built[target].anchors
            ):
                astray.append((address, link))
    assert astray == []


def test_no_page_repeats_a_sentence_of_another(built: dict[str, Reading]) -> None:
    first: dict[str, str] = {}
    repeated = []
    for address, reading in built.items():
        for sentence in sentences(reading):
            if first.setdefault(sentence, address) != address:
                repeated.append((sentence, first[sentence], address))
    assert len(first) > 300
    assert repeated == []


def sentences(reading: Reading) -> Iterator[str]:
    """Those of more than LONG words, without regard to capitals and signs."""
    for block in reading.blocks:
        for sentence in re.split(r"(?<=[.?:;])\W*\s", block):
            words = re.findall(r"[\w'’-]+", sentence.lower())
            if len(words) > LONG:
                yield " ".join(words)


def test_no_page_raises_its_voice(built: dict[str, Reading]) -> None:
    assert [block for reading in built.values() for block in reading.blocks if "!" in block] == []

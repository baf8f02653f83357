"""The gaps of the FAQ on the site: the figures as they are published elsewhere, and no customer's word."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from feedback.config import Config
from feedback.domain.published import HIDDEN, PageHelped
from feedback.domain.rates import Rate
from feedback.domain.taps import Vote
from feedback.errors import PublishError
from feedback.loop import taps
from feedback.publish import build, faq_gaps, figures, pages
from feedback.publish.build import Sources
from feedback.publish.figures import as_data, current
from tests.conftest import NOW, Loop
from tests.domain.test_hiding import business, published
from tests.publish.test_figure_pages import HOSTILE_NAMES, SEEDS, busy, rich


def write_entry(pages: Path, name: str, topics: str, title: str = "Where is it?") -> None:
    (pages / "faq").mkdir(exist_ok=True)
    (pages / "faq" / f"{name}.md").write_text(f"---\ntopics: [{topics}]\n---\n# {title}\n\nHere.\n")


def votes(*told: tuple[str, Rate]) -> tuple[PageHelped, ...]:
    return tuple(PageHelped(page, rate) for page, rate in told)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_tells_nothing_that_is_not_published_elsewhere(tmp_path: Path, seed: int) -> None:
    told = published(business(seed))
    made = faq_gaps.files(told, tmp_path)
    topics = {part.name: part for part in told.topics}
    rows = json.loads(made["figures/faq-topics.json"])
    assert {row["topic"] for row in rows} == {*topics} - {None}
    for row in rows:
        part = topics[row["topic"]]
        assert row["solved"] == as_data(part.solved)
        assert row["cases"] == (part.first_reply.of or None)


def test_topics_and_entries_stand_on_the_page_with_their_gaps(
    loop: Loop, quick_site: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = replace(
        published(rich()),
        helped=votes(("faq/a b/", Rate(3, 20, 20)), ("faq/late/", HIDDEN), ("faq/gone/", Rate(9, 9, 9))),
    )
    monkeypatch.setattr(figures, "current", lambda *_: told)
    write_entry(quick_site.pages, "a b", "TOPIC 1, other", "Less <b>is</b> more")
    write_entry(quick_site.pages, "late", "")
    (quick_site.pages / "assist").mkdir()
    (quick_site.pages / "assist" / "living-faq.md").write_text("# Living\n")
    built = build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW).folder
    page = (built / "faq-gaps" / "index.html").read_text()
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u00a0", " ").split())
    assert "topic 0: many cases, and no entry." in text
    assert "topic 1:" not in text
    assert "Less is more: clearly fewer than half say that it helped." in text
    assert re.search(r"Less is more 15 % 5–36 % 3 of 20 Where is it\? too few", text)
    links = re.findall(r'href="(\.\./[^"#]*)', page)
    assert {"../faq/a%20b/", "../assist/living-faq/", "../figures/faq-topics.csv", "../how-we-count/"} <= set(links)
    for link in links:
        assert (built / "faq-gaps" / unescape(link).replace("%20", " ")).resolve().exists(), link
    with (built / "figures" / "faq-topics.csv").open(newline="") as file:
        assert [(row["topic"], row["entries"]) for row in csv.DictReader(file)] == [
            ("topic 0", "0"), ("topic 1", "1"), ("topic 2", "0")
        ]  # fmt: skip
    all_of_it = json.loads((built / "figures" / "all.json").read_text())
    entries = json.loads((built / "figures" / "faq-entries.json").read_text())
    known = {one["page"]: one["helped"] for one in all_of_it["helped"]}
    assert [(one["title"], one["helped"]) for one in entries] == [
        ("Less is more", known["faq/a b/"]), ("Where is it?", {"hidden": True})
    ]  # fmt: skip


def test_hostile_names_of_topics_are_words(tmp_path: Path) -> None:
    page = faq_gaps.files(published(busy(HOSTILE_NAMES)), tmp_path)["faq-gaps.md"]
    assert "<script" not in page
    assert "{{" not in page


def test_votes_are_counted_and_hidden_by_page(loop: Loop) -> None:
    for n in range(12):
        for page, most in (("faq/many/", 12), ("faq/few/", 4), ("faq/alike/", 8)):
            if n < most:
                vote = Vote(page, helped=page == "faq/alike/" or n < 9)
                taps.take_vote(loop.store, loop.config, loop.keys, f"192.0.2.{n}", vote, NOW)
    told = {one.page: one.helped for one in current(loop.store, loop.config, NOW).helped}
    assert told == {"faq/many/": Rate(9, 12, 12), "faq/few/": HIDDEN, "faq/alike/": HIDDEN}


def test_a_new_business_reads_what_will_stand_there_and_one_without_figures_why_none_does(
    loop: Loop, make_config: Callable[..., Config], tmp_path: Path
) -> None:
    page = faq_gaps.files(current(loop.store, loop.config, NOW), tmp_path)["faq-gaps.md"]
    assert "Topics will stand here once cases about them are settled." in page
    assert "There is no entry yet." in page
    assert "living-faq" not in page  # the owner has no such page
    assert "We do not publish figures here." in pages.figures_elsewhere(make_config(figures="off"))["faq-gaps.md"]


def test_an_entry_that_cannot_be_read_stops_the_build(tmp_path: Path, loop: Loop) -> None:
    (tmp_path / "faq").mkdir()
    (tmp_path / "faq" / "x.md").write_text("No title\n")
    with pytest.raises(PublishError, match=r"faq/x\.md: expected a title"):
        faq_gaps.files(current(loop.store, loop.config, NOW), tmp_path)

"""The page “Who comes back”, and its files, as a build has written them."""

import csv
import html
import json
import re
from dataclasses import replace
from pathlib import Path
from shutil import copy

import pytest

from feedback.config import load_config
from feedback.domain.changes import difference
from feedback.domain.outcomes import Helped, Outcomes, Sums, outcomes
from feedback.domain.rates import Rate
from feedback.domain.surveys import Choice
from feedback.publish import boxes, build, figures
from feedback.publish.outcomes import WORDS, spent
from feedback.store import open_store
from tests.conftest import DAY, NOW, Loop
from tests.domain.test_hiding import business, published
from tests.domain.test_outcomes import SEEN, group_of
from tests.publish.test_build import DEFAULT, plain_spaces, text_of_page
from tests.publish.test_figure_pages import article

YES, NO = Choice.YES, Choice.NO
LATE = SEEN.ends - 40 * DAY


def of(*groups: list[Helped]) -> Outcomes:
    return outcomes([one for group in groups for one in group], SEEN)


TOLD = of(
    group_of(60, 40, choice=YES), group_of(30, 12, LATE, choice=YES),
    group_of(30, 22, again=YES), group_of(40, 9),
    group_of(40, 11, LATE, choice=None), group_of(4, 4, choice=None),
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Path:
    folder = tmp_path_factory.mktemp("outcomes")
    current = replace(published(business(11)), outcomes=TOLD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "current", lambda *_: current)
        copy(blank_database, folder)
        config = load_config({"FEEDBACK_DATA_DIR": str(folder), "FEEDBACK_CURRENCY": "EUR"}, env_file=None)
        store = open_store(config.database_url)
        built = build.publish(store, config, DEFAULT, folder / "out", NOW).folder
        store.close()
    return built


def test_each_table_is_the_same_on_the_page_in_its_two_files_and_in_the_data(site: Path) -> None:
    page = site / "coming-back" / "index.html"
    pieces = page.read_text().split('<div class="numbers">')[1:]
    data = json.loads((site / "figures" / "all.json").read_text())["outcomes"]["within"]
    hidden = 0
    for piece, within in zip(pieces, data, strict=True):
        links = re.search(r'This table as <a href="([^"]*)">CSV</a> and <a href="([^"]*)">JSON</a>', piece)
        assert links
        with (page.parent / links[1]).open(newline="") as file:
            lines = list(csv.DictReader(file))
        rows = re.findall(r"<tr>(<th.*?)</tr>", piece.split("<tbody>")[1].split("</tbody>")[0], re.DOTALL)
        in_file = json.loads((page.parent / links[2]).read_text())
        for row, line, one, group in zip(rows, lines, in_file, within["groups"], strict=True):
            words = plain_spaces(re.sub(r"<[^>]+>", " ", row))
            assert (line["answer"], one["answer"]) == (WORDS[group["said"]],) * 2
            assert words.strip().startswith(line["answer"])
            assert (one["bought_again"], one["spent"]) == (group["again"], group["spent"])
            assert one.get("still_buying") == group["later"]
            if "hidden" in group["again"]:
                hidden += 1
                assert words.count("too few") == 2 + (group["later"] is not None)
                assert not [name for name, cell in line.items() if name != "answer" and cell not in ("True", "")]
                continue
            for name, rate in (("bought_again", group["again"]), ("still_buying", group["later"])):
                if rate is not None:
                    assert f"{rate['count']} of {rate['n']}" in words
                    assert (line[f"{name}_count"], line[f"{name}_n"]) == (str(rate["count"]), str(rate["n"]))
            assert f"€{group['spent']['median']:.2f}" in words
            assert float(line["spent_median"]) == group["spent"]["median"]
    assert hidden == 2  # of 44 silent ones no more than 4 are observed for 90 days


def test_the_page_says_what_goes_along_and_what_a_test_backs(site: Path) -> None:
    page = plain_spaces(text_of_page(site / "coming-back" / "index.html"))
    assert "This is what goes along with an answer, not what an answer leads to." in page
    low, high = (round(100 * one) for one in difference(Rate(22, 30, 30), Rate(9, 40, 40)))
    assert (
        "Within 30 days, 73 % of 30 recovered and 23 % of 40 not recovered bought again. A test backs that this is a "
        f"difference: it is likely between +{low} and +{high} points."
    ) in page
    assert "it is the voucher that is measured" in page
    assert not re.search(r'style="|<script', article(site / "coming-back" / "index.html"))


def test_pages_lead_to_it_and_it_to_how_it_is_counted(site: Path) -> None:
    assert 'href="../coming-back/"' in (site / "figures" / "index.html").read_text()
    assert re.search(r'href="coming-back/" class="md-nav__link', (site / "index.html").read_text())
    page = (site / "coming-back" / "index.html").read_text()
    assert page.count('href="../how-we-count/#who-comes-back"') == 3
    assert 'id="who-comes-back"' in (site / "how-we-count" / "index.html").read_text()
    retention = plain_spaces((site / "enhance" / "retention" / "index.html").read_text())
    assert "<strong>67 % of those who said yes bought again</strong> within 90 days (54–77 %), 40 of 60" in retention


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (of(), "Of those who said yes, nobody was observed for 90 days yet."),
        (of(group_of(4, 2)), "Of those who said no, too few to show"),
        (of(group_of(20, 5)), "25 % of those who said no bought again</strong> within 90 days (11–47 %), 5 of 20"),
    ],
)
def test_the_box_tells_of_yes_and_of_no_what_may_be_told(told: Outcomes, words: str) -> None:
    box = boxes.named_box("repurchase", replace(published([]), outcomes=told), "index.md")
    assert words in plain_spaces(box)


@pytest.mark.parametrize(
    ("currency", "told"),
    [
        ("EUR", ("€20.00", "€0.00 to €1,045.50")),
        ("JPY", ("¥20", "¥0 to ¥1,046")),
        (None, ("20.00", "0.00 to 1,045.50")),
    ],
)
def test_what_was_spent_is_told_as_the_currency_is_written(currency: str | None, told: tuple[str, str]) -> None:
    assert spent(Sums(10, 0, 20, 1045.5), currency) == told


def test_a_business_without_purchases_reads_what_will_stand_there_and_how(loop: Loop, tmp_path: Path) -> None:
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW).folder
    page = html.unescape(text_of_page(built / "coming-back" / "index.html"))
    assert "Nothing yet, for no purchases are known here." in page
    assert "feedback import purchases FILE" in page
    assert "at least 30 days before the last purchase that is known, from 5 customers in a group on" in page
    assert "This table as" not in page
    assert not list((built / "figures").glob("coming-back*"))
    assert "No purchases are known yet." in text_of_page(built / "enhance" / "retention" / "index.html")

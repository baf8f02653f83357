"""The generated pages and files, as a build has written them."""

import base64
import csv
import hashlib
import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from random import Random
from shutil import copy
from typing import Any

import pytest

from feedback.config import load_config
from feedback.domain.changes import Against, compare
from feedback.domain.followups import Outcome
from feedback.domain.published import Help, Served
from feedback.domain.quotes import Standing
from feedback.domain.rates import Rate, percent
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Stage
from feedback.domain.timing import span_in_words
from feedback.loop import answering, quoting
from feedback.publish import boxes, build, figures
from feedback.publish.build import Sources
from feedback.publish.segments import slugs_of
from feedback.publish.words import found
from feedback.store import open_store
from tests.conftest import ADA, DAY, NOW, Loop
from tests.domain.test_hiding import business, has_two_readings, pinned, published, read
from tests.publish.test_build import DEFAULT, answered, text_of_page

SEEDS = (21, 33, 65, 75, 98, 111, 130, 141)  # they hide some, and show some


class Publish:
    """Builds the site of a made-up business; its folder."""

    def __init__(self, loop: Loop, sources: Sources, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop, self._sources, self._target, self._monkeypatch = loop, sources, target, monkeypatch

    def __call__(self, rows: Sequence[Served], sources: Sources | None = None) -> Path:
        told = published(rows)
        self._monkeypatch.setattr(figures, "current", lambda *_: told)
        return build.publish(self._loop.store, self._loop.config, sources or self._sources, self._target, NOW).folder


@pytest.fixture
def publish(loop: Loop, quick_site: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    return Publish(loop, quick_site, tmp_path / "out", monkeypatch)


def parts_of(data: Any) -> Iterator[dict[str, Any]]:
    """Each object in some JSON."""
    if isinstance(data, dict):
        yield data
    for one in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from parts_of(one)


def rates_in(data: Any) -> set[tuple[int, int, int]]:
    rates = {(one["count"], one["n"], one["customers"]) for one in parts_of(data) if {"count", "n"} <= set(one)}
    spreads = [one for one in parts_of(data) if "counts" in one]
    return rates | {(count, one["n"], one["customers"]) for one in spreads for count in one["counts"].values()}


def numbers_from(data: Any) -> set[str]:
    """All that a page may make of what the JSON has."""
    found = {f"{one['of']:,}" for one in parts_of(data) if "of" in one} | {str(data["periods_missing"])}
    for count, n, customers in rates_in(data):
        found |= {f"{count:,}", f"{n:,}", f"{customers:,}"}
        if n:
            rate = Rate(count, n, customers)
            shares = (rate.share, *rate.interval)
            found |= {percent(share) for share in shares} | {f"{100 * rate.share:.{k}f}" for k in (0, 1)}
    for one in parts_of(data):
        if one.get("median") is not None:
            found |= {one_in_words(one[part]).split()[0] for part in ("lower", "median", "upper")}
            found |= {f"{one[part]:,}" for part in ("n", "customers")}
    return found | {str(len(data["trend"]))}


def one_in_words(seconds: float) -> str:
    return span_in_words(timedelta(seconds=seconds))


_OURS = (  # numbers that stand on every page, whatever was counted
    r'<text class="scale[^"]*"[^>]*>[^<]*</text>',
    r'<th scope="row">(?:1|2|more than 2)</th>',  # contacts until solved
    r"\d{4}-\d\d-\d\d",
    r"\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December)(?: \d{4})?",
    r"\d\d:\d\d",
    r"95 % interval",
    r"(?:fewer than|from) (?:5|10) customers|from fewer than 10",
    r"(?:1 to 4|4 to 24|under 1) h\b|1 to 3 days|within 24 hours|13 weeks|3 months|last 24 hours|newest 16 are",
    r"No survey is 7 days old",
    r"“Half within 5 hours”|waited 5 hours|\d\. (?=Topic|Cases)|known of 10 customers",
    r"within 90 days|30, 90 and 180 days",  # of who comes back
)


def numbers_on(page: Path) -> list[str]:
    text = page.read_text()
    text = text[text.index('role="main"') : text.index("<footer")]
    for ours in _OURS:
        text = re.sub(ours, " ", text)
    return re.findall(
        r"\d[\d,]*(?:\.\d+)?", html.unescape(re.sub(r"<(?!/?text\b)[^>]*>", " ", re.sub(r"<text[^>]*>", " ", text)))
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_no_file_of_a_build_gives_away_what_is_hidden(publish: Publish, seed: int) -> None:
    rows = business(seed)
    built = publish(rows)
    data = json.loads((built / "figures" / "all.json").read_text())
    tables = read(rows, data)
    assert not pinned(tables)
    for table in tables:
        for cell in table.parts:
            assert not cell.hidden or not cell.n or has_two_readings(table, cell)

    known = rates_in(data)
    known_waits = {(one["n"], one["customers"]) for one in parts_of(data) if "median" in one}
    for file in (built / "figures").rglob("*.json"):
        assert rates_in(json.loads(file.read_text())) <= known, file
    for file in (built / "figures").rglob("*.csv"):
        for line in csv.DictReader(file.read_text().splitlines()):
            for name in [name.removesuffix("_hidden") for name in line if name.endswith("_hidden")]:
                told = [line[f"{name}_{part}"] for part in (*(("count",) if name != "wait" else ()), "n", "customers")]
                if line[f"{name}_hidden"] == "True":
                    assert not any(told)
                elif name == "wait":
                    assert tuple(map(int, told)) in known_waits, (file, line)
                else:
                    assert tuple(map(int, told)) in known, (file, line)
    may_stand = numbers_from(data)
    pages = [built / "index.html", built / "journey" / "index.html", *(built / "figures").rglob("*.html")]
    assert len(pages) >= 2
    assert "resolve/" not in pages[1].read_text()  # this site has no playbook to link to
    for page in pages:
        assert [number for number in numbers_on(page) if number.rstrip(",") not in may_stand] == [], page


def test_the_made_up_businesses_hide_and_show_enough() -> None:
    """Else the claim above would be about nothing."""
    hidden = shown = 0
    for seed in SEEDS:
        told = published(business(seed))
        cells = [*(one.solved for one in (*told.teams, *told.topics)), *(one.solved for one in told.trend)]
        hidden += sum(cell.hidden for cell in cells)
        shown += sum(cell.n > 0 for cell in cells)
    assert hidden >= 10
    assert shown >= 20


HOSTILE_NAMES = (
    "<script>window.ran = true</script>", "a | b", "# heading", "../x", "/etc/passwd", "..", "index", "README",
    "😀", "中文", "Same Name", "same-name", "same name 2", "x" * 300, "<!-- figure: solved-rate -->", "=1+1",
    "{{ 7*7 }}", "</title><script>window.ran = true</script>",
)  # fmt: skip


def test_names_make_distinct_file_names_that_are_safe_on_any_disk() -> None:
    slugs = slugs_of([None, *HOSTILE_NAMES], "team")
    assert set(slugs) == set(HOSTILE_NAMES)
    assert len(set(slugs.values())) == len(HOSTILE_NAMES)
    for slug in slugs.values():
        assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", slug)
        assert len(slug) <= 50
        assert slug not in ("index", "readme")
    same = [slugs[name] for name in ("Same Name", "same-name", "same name 2")]
    assert same == ["same-name", "same-name-2", "same-name-2-2"]
    assert [slugs[name] for name in ("../x", "..", "😀", "README")] == ["x", "team", "team-2", "readme-2"]


def busy(names: Sequence[str]) -> list[Served]:
    """Thirty answers about each name, as team and as topic."""
    at = NOW - 20 * DAY
    return [
        Served(
            f"{name} {k}", at, True, name, name, "mail", timedelta(hours=1), 1, True, True, is_mailed=True,
            asked_at=at + DAY, choice=Choice.YES if k % 4 else Choice.NO, until_solved=timedelta(hours=3),
        )
        for name in names for k in range(30)
    ]  # fmt: skip


def test_hostile_names_of_teams_and_topics_are_words_on_their_pages_and_in_the_files(publish: Publish) -> None:
    built = publish(busy(HOSTILE_NAMES), DEFAULT)
    for kind in ("teams", "topics"):
        pages = sorted((built / "figures" / kind).rglob("index.html"))
        assert len(pages) == len(HOSTILE_NAMES)
        for page in [built / "figures" / "index.html", built / "journey" / "index.html", *pages]:
            article = page.read_text().split("<article", 1)[1].split("</article>", 1)[0]
            assert "<script>window" not in page.read_text()
            assert article.count("<h1") == 1
            assert not re.findall(r"<svg[^>]*>.*?style=.*?</svg>", article, re.DOTALL)
        titles = [html.unescape(re.sub(r"<[^>]+>", "", page.read_text().split("<h1", 1)[1])) for page in pages]
        titles = [title.partition(">")[2] for title in titles]
        for name in HOSTILE_NAMES:
            assert any(title.startswith(name[:150]) for title in titles), name
        with (built / "figures" / f"{kind}.csv").open(newline="") as file:
            names = {line[kind.removesuffix("s")] for line in csv.DictReader(file)}
        assert names == {*HOSTILE_NAMES} - {"=1+1"} | {"'=1+1"}
    overview = (built / "figures" / "index.html").read_text()
    for link in re.findall(r'href="((?:teams|topics)/[^"]*)"', overview):
        assert (built / "figures" / link / "index.html").is_file(), link
    for link in re.findall(r'href="([^"]*\.(?:csv|json))"', overview):
        assert (built / "figures" / link).resolve().is_file(), link
    digest = base64.b64encode(hashlib.sha256(b"window.ran = true").digest()).decode()
    assert digest not in (built / build.CSP_FILE).read_text()


def test_a_script_that_came_among_the_pages_with_words_of_others_would_have_no_effect(tmp_path: Path) -> None:
    """The policy allows what stands on pages written by hand, wherever they lie, and nothing else."""
    theirs = '<script>var at=new URL("{}",location)</script><script>window.ran = true</script>'
    (tmp_path / "index.html").write_text('<script>var at=new URL(".",location)</script>')
    (tmp_path / "deep.html").write_text(theirs.format("../.."))
    policy = build.content_security_policy(tmp_path, [tmp_path / "index.html"], "https://care.acme.example")
    hashes = {base64.b64encode(hashlib.sha256(body).digest()).decode() for body in (
        b'var at=new URL(".",location)', b'var at=new URL("../..",location)')}  # fmt: skip
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes


def rich() -> list[Served]:
    """A business of which every figure can be shown, two teams that differ, and a change."""
    rows, random = [], Random(1)
    for week, k in product(range(2, 29), range(24)):
        at = NOW - timedelta(days=7 * week - 1, hours=k % 12)
        team = ("Hardware", "Software & Co")[k % 2]
        is_no = random.random() < (0.1 if k % 2 or week >= 15 else 0.5)
        help = Help(
            Outcome.SOLVED if week % 3 else None, timedelta(hours=1 + k % 9), k % 3 == 0, week % 3 > 0,
            (Choice.YES if k % 12 != 4 else Choice.NO) if week % 3 else None,
            timedelta(days=1 + k % 4) if k % 12 != 4 and week % 3 else None,
        )  # fmt: skip
        rows.append(
            Served(
                f"{week} {k}", at, True, team, f"topic {(k + week // 3) % 3}", ("mail", "chat")[k // 12],
                timedelta(hours=(1, 3, 20, 50, 90)[k % 5]), 1 + k % 4, True, k % 5 > 0, is_mailed=True,
                asked_at=at + DAY, is_bounced=k % 11 == 10, has_opted_out=k % 13 == 12,
                choice=(Choice.NO if is_no else Choice.YES) if k % 6 and k % 11 != 10 else None,
                reasons=([*Stage][k % 4], [*Stage][(k + 1) % 4]), help=help if is_no and k % 6 else None,
                until_solved=timedelta(hours=100 + k), until_answered=timedelta(hours=25 + k % 7),
            )
        )  # fmt: skip
    return rows


def figures_on(built: Path) -> list[Path]:
    pages = [built / "figures" / "index.html", built / "journey" / "index.html"]
    return [*pages, *(built / "figures").glob("*/*/index.html")]


def article(page: Path) -> str:
    return page.read_text().split("<article", 1)[1].split("</article>", 1)[0]


@pytest.fixture(scope="module")
def rich_site(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Path:
    folder = tmp_path_factory.mktemp("rich")
    told = published(rich())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "current", lambda *_: told)
        copy(blank_database, folder)
        config = load_config({"FEEDBACK_DATA_DIR": str(folder)}, env_file=None)
        store = open_store(config.database_url)
        built = build.publish(store, config, DEFAULT, folder / "out", NOW).folder
        store.close()
    return built


def test_a_site_with_all_figures_hides_none_and_has_something_to_tell(rich_site: Path) -> None:
    """Else the claims about it would be about little."""
    data = json.loads((rich_site / "figures" / "all.json").read_text())
    assert not any("hidden" in one for one in parts_of(data))
    assert data["before"]["verdict"] != "unclear"
    assert len(figures_on(rich_site)) == 7
    assert "↑" in (rich_site / "figures" / "index.html").read_text()


def test_each_chart_table_and_box_has_the_way_to_how_it_is_counted(rich_site: Path) -> None:
    for page in figures_on(rich_site):
        text = article(page)
        pieces = re.split(r'(?=<figure class="chart">|<div class="numbers">|<p class="figure">)', text)[1:]
        assert len(pieces) >= 3
        for piece in pieces:
            link = re.search(r'href="([^"#]*how-we-count/)#([a-z-]+)"', piece)
            assert link, piece[:300]
            there = (page.parent / link[1] / "index.html").resolve()
            assert f'id="{link[2]}"' in there.read_text()


def test_each_table_is_the_same_on_the_page_and_in_its_two_files(rich_site: Path) -> None:
    compared = 0
    for page in figures_on(rich_site):
        for piece in re.split(r'(?=<figure class="chart">|<div class="numbers">)', article(page))[1:]:
            files = re.search(r'This table as <a href="([^"]*)">CSV</a> and <a href="([^"]*)">JSON</a>', piece)
            assert files, piece[:300]
            with (page.parent / files[1]).open(newline="") as file:
                lines = list(csv.DictReader(file))
            data = json.loads((page.parent / files[2]).read_text())
            rows = re.findall(r"<tr><th[^>]*>.*?</tr>", piece.split("<tbody>", 1)[1].split("</tbody>")[0], re.DOTALL)
            assert len(rows) == len(lines) == len(data) >= 2
            for row, line, one in zip(rows, lines, data, strict=True):
                told = html.unescape(re.sub(r"<[^>]+>", " ", row)).replace("\u00a0", " ")
                for name in [name.removesuffix("_count") for name in line if name.endswith("_count")]:
                    rate = one[name]["rate"] if "rate" in one[name] else one[name]
                    assert (line[f"{name}_count"], line[f"{name}_n"]) == (str(rate["count"]), str(rate["n"]))
                    if not rate["n"]:
                        assert "no answers" in told or "nothing yet" in told
                        continue
                    assert f"{percent(float(line[f'{name}_share']))} " in told.replace("%", " ")
                    assert f" {rate['n']:,} " in f"{told} " or f" {rate['count']:,} " in f"{told} "
                    compared += 1
                if "wait" in one:
                    middle, lower = (one_in_words(float(line[f"wait_{part}"])) for part in ("median", "lower"))
                    assert f" {middle} {lower} to {one_in_words(one['wait']['upper'])} " in re.sub(r"\s+", " ", told)
                    assert f" {line['wait_n']} " in f"{told} "
                    compared += 1
    assert compared > 100


def test_each_share_on_a_page_is_a_pair_that_was_counted(rich_site: Path) -> None:
    data = json.loads((rich_site / "figures" / "all.json").read_text())
    pairs = {(count, n) for count, n, _ in rates_in(data)}
    known = {(one["rate"]["n"], one["of"]) for one in parts_of(data) if "of" in one and "rate" in one}
    known |= {(one["n"], one["of"]) for one in parts_of(data) if "of" in one and "n" in one}
    for page in [rich_site / "index.html", *figures_on(rich_site)]:
        text = html.unescape(re.sub(r"<[^>]+>", " ", article(page))).replace("\u00a0", " ")
        found = [
            (int(a.replace(",", "")), int(b.replace(",", ""))) for a, b in re.findall(r"([\d,]+) of ([\d,]+)", text)
        ]
        assert found
        for pair in found:
            assert pair in pairs | known, (page, pair)


def test_each_link_within_the_site_leads_to_a_page_and_a_place_on_it(rich_site: Path) -> None:
    checked = 0
    for page in rich_site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"]*)"', page.read_text()):
            address, _, anchor = html.unescape(link).partition("#")
            if re.match(r"[a-z]+:|//", address) or page.name == "404.html":
                continue
            there = (page.parent / address).resolve() if address else page
            there = there / "index.html" if there.is_dir() else there
            assert there.is_file(), (page, link)
            if anchor and there.suffix == ".html":
                assert f'id="{anchor}"' in there.read_text(), (page, link)
            checked += 1
    assert checked > 1_000


def test_a_business_without_an_answer_reads_on_each_page_what_will_stand_there(loop: Loop, tmp_path: Path) -> None:
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW).folder
    page = text_of_page(built / "figures" / "index.html")
    assert "This table as" not in page  # there is none
    for words in (
        "No answers yet. The share solved will stand here from 5 customers on.",
        "Teams will stand here once cases about them are settled.",
        "A trend begins with two settled stretches of 13 weeks in which enough customers answered; 2 to go.",
        "What customers tick beside a no will stand here once ten customers are known of.",
        "Nobody who said no was contacted yet.",
    ):
        assert words in page
    waits = text_of_page(built / "journey" / "index.html")
    assert "The widest gaps will stand here once a step is known of 10 customers of a topic." in waits
    assert "It will stand here from ten customers on, once cases come in with the time of their first reply." in waits
    assert "This table as" not in waits
    assert "Nobody has given a reason yet" in text_of_page(built / "assist" / "index.html")


def test_a_young_business_reads_when_its_first_answers_count_as_settled(loop: Loop, tmp_path: Path) -> None:
    answered(loop, yes=18, no=6)
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW - 10 * DAY).folder
    told = figures.current(loop.store, loop.config, NOW - 10 * DAY)
    assert told.settles_on is not None
    page = text_of_page(built / "figures" / "index.html")
    settles_on = f"{told.settles_on.day} {told.settles_on:%B %Y}"
    assert f"The first cases count as settled on {settles_on}." in page
    assert f"Nothing that counts here is settled yet; the first cases will be on {settles_on}." in page
    assert "Nobody who said no was contacted" not in page  # somebody may have been
    assert "The upright line is the 95 % interval." in page


def test_every_figure_that_a_page_may_call_links_to_how_it_is_counted(publish: Publish, quick_site: Sources) -> None:
    (quick_site.pages / "deep").mkdir()
    marks = "\n\n".join(f"<!-- figure: {name} -->" for name in boxes.FIGURES)
    (quick_site.pages / "deep" / "all.md").write_text(f"# All\n\n{marks}\n")
    built = publish(business(11))
    page = built / "deep" / "all" / "index.html"
    links = re.findall(
        r'<p class="figure">(?:(?!</p>).)*href="([^"#]*)#[a-z-]+">How we count</a></p>', page.read_text(), re.DOTALL
    )
    assert len(links) == len(boxes.FIGURES) == 14
    assert {(page.parent / link / "index.html").resolve() for link in links} == {
        (built / "how-we-count" / "index.html").resolve()
    }


@pytest.mark.parametrize(
    ("rate", "other", "p", "words"),
    [
        (Rate(80, 100, 100), Rate(60, 100, 100), 0.2, None),  # no test backs it
        (Rate(90, 100, 100), Rate(60, 100, 100), 0.001, "↑ up from 60 % to 90 %"),
        (Rate(60, 100, 100), Rate(90, 100, 100), 0.001, "↓ down from 90 % to 60 %"),
        (Rate(78, 100, 100), Rate(62, 100, 100), 0.04, "up from 62 % to 78 %"),  # the intervals overlap: no arrow
    ],
)
def test_a_title_says_what_a_test_backs_with_an_arrow_where_the_intervals_are_apart(
    rate: Rate, other: Rate, p: float, words: str | None
) -> None:
    assert found(replace(compare("total", None, Against.BEFORE, rate, other), p=p)) == words


def test_an_approved_quote_is_on_the_site_and_gone_once_it_is_taken_back(
    loop: Loop, quick_site: Sources, tmp_path: Path
) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    said = Details(comment="It printed again.", quote_name="Ada L.")
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, NOW + DAY)
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.YES, said, NOW + DAY)
    with loop.store.write():
        mara = loop.store.staff.add("mara@acme.example", "Mara", None, Role.OWNER)
    (quote,) = loop.store.quotes.page(Standing.WAITING, 9, seen_by=mara)

    def quotes() -> str:
        built = build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW + DAY).folder
        return text_of_page(built / "quotes" / "index.html")

    assert "printed" not in quotes()
    version = quote.version
    quoting.approve(loop.store, quote.answer.id, version, Standing.WAITING, mara, NOW + DAY)
    assert "It printed again. Ada L. about printers" in html.unescape(quotes())
    quoting.take_back(loop.store, quote.answer.id, version, Standing.APPROVED, mara, NOW + DAY)
    assert "printed" not in quotes()

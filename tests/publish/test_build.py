import html
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from feedback import jobs
from feedback.config import Config
from feedback.domain.surveys import Choice
from feedback.errors import PublishError
from feedback.loop import answering
from feedback.publish import build
from feedback.publish.build import Sources
from tests.conftest import ADA, DAY, NOW, ROOT, Loop

DEFAULT = Sources(ROOT / "site", ROOT / "mkdocs.yml", is_default=True)


@pytest.fixture
def quick_site(tmp_path: Path) -> Sources:
    """A site of one page without the theme, built in a moment."""
    folder = tmp_path / "own"
    (folder / "site").mkdir(parents=True)
    (folder / "site" / "index.md").write_text("# Home\n\n<!-- figure: solved-rate -->\n")
    (folder / "mkdocs.yml").write_text("site_name: x\ndocs_dir: site\nsite_dir: out\ntheme: readthedocs\nplugins: []\n")
    return Sources(folder / "site", folder / "mkdocs.yml")


def answered(loop: Loop, yes: int, no: int, silent: int = 0) -> None:
    """So many customers, resolved thirteen days before NOW, and what each answered."""
    resolved = NOW - 13 * DAY
    records = [
        replace(ADA, ref=f"r{n}", customer_ref=f"c{n}", email=f"c{n}@example.org", resolved_at=resolved, opened_at=None)
        for n in range(yes + no + silent)
    ]
    loop.take(*records, now=resolved)
    loop.ask(resolved + DAY)
    loop.send(resolved + DAY)
    for n in range(yes + no):
        choice = Choice.YES if n < yes else Choice.NO
        answering.answer(loop.store, loop.config, loop.survey_id(f"r{n}"), choice, resolved + 2 * DAY)


def text_of_page(page: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text()))


def test_the_default_site_builds_strictly_with_its_figures(loop: Loop, tmp_path: Path) -> None:
    answered(loop, yes=18, no=6, silent=6)
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW).folder
    assert (tmp_path / "out" / "current").resolve() == built.resolve()
    figures = (built / "figures" / "index.html").read_text()
    assert "<strong>75 % solved</strong> (55–88 %), 18 of 24 answers, 24 customers, last 90 days" in figures
    assert "<strong>80 % answered</strong> (63–90 %), 24 of 30" in figures
    assert '<svg viewBox="0 0 640 300" role="img"' in figures
    assert not re.search(r"<svg[^>]*>.*?style=.*?</svg>", figures, re.DOTALL)
    assert "75 % solved" in text_of_page(built / "index.html")
    for page in ("connect", "assist", "resolve", "enhance"):
        assert (built / page / "index.html").is_file()
    assert not [path for path in built.rglob("*.html") if "<!-- figure" in path.read_text()]


def test_no_page_asks_anything_of_a_third_party(loop: Loop, tmp_path: Path) -> None:
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW).folder
    for page in built.rglob("*.html"):
        assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*\.(?:js|css|woff2?|png|svg)"', page.read_text())
    assert "fonts.googleapis" not in "".join(path.read_text() for path in built.rglob("*.html"))


def test_a_small_or_empty_business_gets_words_and_no_figure(loop: Loop, tmp_path: Path) -> None:
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW).folder
    assert "No answers yet" in text_of_page(built / "figures" / "index.html")
    answered(loop, yes=4, no=0)
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW).folder
    page = text_of_page(built / "figures" / "index.html")
    assert "Too few answers to show" in page
    assert "4 of 4" not in page


def test_the_policy_allows_the_pages_own_scripts_by_hash_only(loop: Loop, tmp_path: Path) -> None:
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW).folder
    policy = (built / "csp.txt").read_text()
    assert policy.count("'sha256-") >= 1
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "break_it",
    [
        lambda sources: (sources.pages / "index.md").write_text("[gone](nowhere.md)\n"),
        lambda sources: (sources.pages / "index.md").write_text("<!-- figure: unknown-rate -->\n"),
        lambda sources: sources.configuration.write_text("site_name: [unclosed\n"),
    ],
)
def test_a_build_that_fails_leaves_the_old_site_and_says_why(
    loop: Loop, quick_site: Sources, tmp_path: Path, break_it: Callable[[Sources], object]
) -> None:
    target = tmp_path / "out"
    good = build.publish(loop.store, loop.config, quick_site, target, NOW).folder
    break_it(quick_site)
    with pytest.raises(PublishError, match=r"mkdocs says|asks for the figure"):
        build.publish(loop.store, loop.config, quick_site, target, NOW)
    assert (target / "current").resolve() == good.resolve()
    assert (good / "index.html").is_file()
    assert len(list(target.glob("build-*"))) == 1


def test_three_builds_are_kept(loop: Loop, quick_site: Sources, tmp_path: Path) -> None:
    target = tmp_path / "out"
    builds = [build.publish(loop.store, loop.config, quick_site, target, NOW + n * DAY).folder for n in range(5)]
    assert sorted(target.glob("build-*")) == builds[2:]
    assert oct(builds[-1].stat().st_mode)[-3:] == "755"


def test_while_swapping_the_site_is_whole_at_every_instant(loop: Loop, quick_site: Sources, tmp_path: Path) -> None:
    target = tmp_path / "out"
    build.publish(loop.store, loop.config, quick_site, target, NOW)
    done = threading.Event()
    bad: list[str] = []
    reads = 0

    def read() -> None:
        nonlocal reads
        while not done.is_set():
            try:
                if "<html" not in (target / "current" / "index.html").read_text():
                    bad.append("not whole")
            except OSError as error:
                bad.append(str(error))
            reads += 1

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(1, 3):
        build.publish(loop.store, loop.config, quick_site, target, NOW + n * DAY)
    done.set()
    reader.join()
    assert bad == []
    assert reads > 100


def test_a_folder_that_cannot_be_written_is_told(loop: Loop, quick_site: Sources, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PublishError, match="cannot be written"):
        build.publish(loop.store, loop.config, quick_site, tmp_path / "file" / "out", NOW)


def test_a_folder_of_someone_elses_is_not_replaced(loop: Loop, quick_site: Sources, tmp_path: Path) -> None:
    (tmp_path / "out" / "current").mkdir(parents=True)
    with pytest.raises(PublishError, match="not a link of ours"):
        build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW)


def test_the_owners_own_site_is_used_before_the_default_one(quick_site: Sources, tmp_path: Path) -> None:
    assert build.find_sources(tmp_path / "own") == quick_site
    assert build.find_sources(tmp_path) == DEFAULT


def test_the_site_is_due_once_a_day_at_five_in_the_businesss_zone(
    loop: Loop, make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, quick_site: Sources
) -> None:
    config = make_config(zone="Europe/Berlin")
    monkeypatch.setattr(build, "find_sources", lambda folder: quick_site)
    assert jobs.publish_if_due(loop.store, config, NOW)
    assert not jobs.publish_if_due(loop.store, config, NOW + timedelta(hours=15, minutes=59))  # 04:59 in Berlin
    assert jobs.publish_if_due(loop.store, config, NOW + timedelta(hours=16))
    assert not jobs.publish_if_due(loop.store, config, NOW + timedelta(hours=17))


def test_a_failed_build_is_tried_again_after_an_hour(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, quick_site: Sources
) -> None:
    monkeypatch.setattr(build, "find_sources", lambda folder: quick_site)
    (quick_site.pages / "index.md").write_text("<!-- figure: unknown-rate -->\n")
    with pytest.raises(PublishError):
        jobs.publish_if_due(loop.store, loop.config, NOW)
    assert not jobs.publish_if_due(loop.store, loop.config, NOW + timedelta(minutes=59))
    (quick_site.pages / "index.md").write_text("# Home\n")
    assert jobs.publish_if_due(loop.store, loop.config, NOW + timedelta(hours=1))


def test_a_business_name_is_data(loop: Loop, make_config: Callable[..., Config], tmp_path: Path) -> None:
    config = make_config(business='Ac"me \\ <b>*x*</b> {{ 7*7 }}')
    built = build.publish(loop.store, config, DEFAULT, tmp_path / "out", NOW).folder
    page = (built / "figures" / "index.html").read_text()
    assert 'What customers of Ac"me \\ <b>*x*</b> {{ 7*7 }} said' in html.unescape(page)
    assert "<b>*x*" not in page


def test_the_build_just_published_is_kept_whatever_moments_the_others_speak_of(
    loop: Loop, quick_site: Sources, tmp_path: Path
) -> None:
    for day in (3, 3, 3, 0):
        built = build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW + day * DAY).folder
    assert (tmp_path / "out" / "current" / "index.html").is_file()
    assert (tmp_path / "out" / "current").resolve() == built.resolve()


def test_a_page_that_is_not_utf_8_is_named(loop: Loop, quick_site: Sources, tmp_path: Path) -> None:
    (quick_site.pages / "gruss.md").write_bytes("# Grüße\n".encode("latin-1"))
    with pytest.raises(PublishError, match=r"gruss\.md is not UTF-8"):
        build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW)

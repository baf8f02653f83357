import html
import json
import re
import shutil
import textwrap
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feedback import jobs
from feedback.config import Config
from feedback.domain.followups import Outcome
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice
from feedback.errors import PublishError
from feedback.loop import answering, following_up
from feedback.loop.erasing import erase
from feedback.publish import build, figures, overlay
from feedback.publish.build import Sources
from feedback.web import create_app
from tests.conftest import ADA, DAY, NOW, ROOT, Loop
from tests.web.test_desk import CHEAP_HASH, logged_in

DEFAULT = Sources(ROOT / "site", ROOT / "mkdocs.yml", is_default=True)


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
    figures = plain_spaces((built / "figures" / "index.html").read_text())
    when = "24 customers, resolved 24 November 2025 to 22 February 2026."
    assert f"<strong>75 % solved</strong> (55–88 %), 18 of 24 answers, {when}" in figures
    assert "<strong>80 % answered</strong> (63–90 %), 24 of 30 surveys" in figures
    assert '<a href="../how-we-count/#solved">How we count</a>' in figures
    assert '<svg viewBox="0 0 640 300" role="img"' in figures
    assert not re.search(r"<svg[^>]*>.*?style=.*?</svg>", figures, re.DOTALL)
    assert "75 % solved" in text_of_page(built / "index.html")
    for page in ("connect", "assist", "resolve", "enhance"):
        assert (built / page / "index.html").is_file()
    assert not [path for path in built.rglob("*.html") if "<!-- figure" in path.read_text()]


NUMBERS = (
    *("75 % solved", "55–88 %", "18 of 24", "24 customers", "80 % answered", "63–90 %", "24 of 30"),
    *('class="figure"', '<figure class="chart"', '<svg viewBox="0 0 640'),
)


def plain_spaces(text: str) -> str:
    """Neither HTML nor JSON hides a number by how it writes a space that may not break."""
    return html.unescape(text).replace("\u00a0", " ").replace("\\u00a0", " ")


def holds(folder: Path) -> dict[str, list[str]]:
    """Which of the numbers stand in which file, whatever kind of file it is."""
    files = [path for path in folder.rglob("*") if path.is_file() and "assets" not in path.parts]
    texts = {path.relative_to(folder).as_posix(): plain_spaces(path.read_bytes().decode("utf-8")) for path in files}
    return {name: found for name, text in texts.items() if (found := [one for one in NUMBERS if one in text])}


def unpacked(path: Path) -> Path:
    """`sitemap.xml.gz` is the same as `sitemap.xml`, and cannot be read as text."""
    for packed in path.rglob("*.gz"):
        packed.unlink()
    return path


@pytest.mark.parametrize("figures", ["staff", "off"])
def test_a_site_without_figures_has_not_one_in_any_file(
    make_loop: Callable[..., Loop], tmp_path: Path, figures: str
) -> None:
    loop = make_loop(figures=figures)
    answered(loop, yes=18, no=6, silent=6)
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW, for_staff=True).folder
    staff = build.staff_tree(built)
    assert holds(unpacked(built)) == {}
    assert [path.name for path in (built / "figures").rglob("*") if path.is_file()] == ["index.html"]
    assert staff.exists() == (figures == "staff")
    home = (built / "index.html").read_text()
    assert re.search(r'href="resolve/" class="md-nav__link', home)
    assert not re.search(r'href="figures/" class="md-nav__link', home)
    words = text_of_page(built / "figures" / "index.html")  # a link to it leads somewhere
    assert ("for those who work here" if figures == "staff" else "We do not publish figures here") in words
    if figures == "staff":
        assert {"index.html", "figures/index.html", "search/search_index.json"} <= set(holds(unpacked(staff)))


def test_with_public_figures_the_same_search_finds_them(loop: Loop, tmp_path: Path) -> None:
    answered(loop, yes=18, no=6, silent=6)
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW, for_staff=True).folder
    found = holds(unpacked(built))
    assert re.search(r'href="figures/" class="md-nav__link', (built / "index.html").read_text())
    assert {"index.html", "figures/index.html", "search/search_index.json"} <= set(found)
    assert set(NUMBERS) - {"75 % solved", "80 % answered"} <= set(found["figures/index.html"])
    assert not build.staff_tree(built).exists()


def test_a_site_for_another_web_server_has_no_part_for_staff(
    make_loop: Callable[..., Loop], quick_site: Sources, tmp_path: Path
) -> None:
    loop = make_loop(figures="staff")
    built = build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW).folder
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([".lock", "current", built.name])


def test_the_part_for_staff_goes_with_its_build(
    make_loop: Callable[..., Loop], quick_site: Sources, tmp_path: Path
) -> None:
    loop, target = make_loop(figures="staff"), tmp_path / "out"
    builds = [
        build.publish(loop.store, loop.config, quick_site, target, NOW + n * DAY, for_staff=True).folder
        for n in range(4)
    ]
    assert sorted(target.glob("staff-*")) == [build.staff_tree(one) for one in builds[1:]]
    (quick_site.pages / "index.md").write_text("[gone](nowhere.md)\n")
    with pytest.raises(PublishError):
        build.publish(loop.store, loop.config, quick_site, target, NOW + 5 * DAY, for_staff=True)
    assert sorted(target.glob("staff-*")) == [build.staff_tree(one) for one in builds[1:]]
    assert not list(target.glob(".building-*"))


def test_a_site_that_shows_its_figures_to_others_than_it_is_set_now_is_built_at_once(
    loop: Loop, make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, quick_site: Sources
) -> None:
    monkeypatch.setattr(build, "find_sources", lambda folder: quick_site)
    assert jobs.publish_if_due(loop.store, loop.config, NOW)
    assert not jobs.publish_if_due(loop.store, loop.config, NOW)
    changed = make_config(figures="off")
    assert jobs.publish_if_due(loop.store, changed, NOW)
    assert not jobs.publish_if_due(loop.store, changed, NOW)
    assert "No answers" not in (build.place_of(changed) / "current" / "index.html").read_text()


@pytest.mark.parametrize(
    ("nav", "left"),
    [
        ("- index.md\n- figures.md", ["index.md"]),
        ("- Home: index.md\n- In numbers:\n  - All: figures.md", [{"Home": "index.md"}]),
        (
            "- Home: index.md\n- More:\n  - All: figures.md\n  - Us: us.md",
            [{"Home": "index.md"}, {"More": [{"Us": "us.md"}]}],
        ),
    ],
)
def test_what_is_not_there_is_in_no_menu(config: Config, tmp_path: Path, nav: str, left: list[object]) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / overlay.BASE).write_text(f"site_name: x\nextra: !ENV [X]\nnav:\n{textwrap.indent(nav, '  ')}\n")
    overlay.lay_over(tmp_path, config, name_it=False, site_url=None, without={"figures.md": "How we are doing"})
    (line,) = [line for line in (tmp_path / "mkdocs.yml").read_text().splitlines() if line.startswith("nav: ")]
    assert json.loads(line.removeprefix("nav: ")) == left


LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 1"><path d="M0 0h3v1z"/></svg>'


@pytest.mark.parametrize("theme", ["theme: readthedocs", "theme:\n  name: readthedocs", "theme: 'readthedocs' # ours"])
def test_the_logo_and_the_colour_are_those_of_the_settings(
    make_loop: Callable[..., Loop], quick_site: Sources, tmp_path: Path, theme: str
) -> None:
    (tmp_path / "ours.svg").write_text(LOGO)
    quick_site.configuration.write_text(f"site_name: x\n{theme}\nplugins: []\n")
    loop = make_loop(logo=str(tmp_path / "ours.svg"), colour="#7a0019")
    built = build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW).folder
    assert (built / "assets" / "logo.svg").read_text() == LOGO
    assert 'src="assets/logo.svg"' in (built / "index.html").read_text()
    assert "--brand: #7a0019;" in (built / "assets" / "brand.css").read_text()
    assert "readthedocs" not in (built / "index.html").read_text() or (built / "css" / "theme.css").exists()


def test_the_default_site_shows_the_logo_in_its_head_and_its_tab(
    make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    (tmp_path / "ours.svg").write_text(LOGO)
    loop = make_loop(logo=str(tmp_path / "ours.svg"))
    built = build.publish(loop.store, loop.config, DEFAULT, tmp_path / "out", NOW).folder
    page = (built / "connect" / "index.html").read_text()
    assert '<link rel="icon" href="../assets/logo.svg">' in page
    assert '<img src="../assets/logo.svg" alt="logo">' in page
    colours = (built / "assets" / "brand.css").read_text()
    assert re.search(r":root \{ --brand: #00695c; --brand-in-the-dark: #4db6ac; \}", colours)
    assert colours.splitlines()[1] == (ROOT / "site" / "assets" / "brand.css").read_text().splitlines()[1]


def test_an_owner_who_says_where_the_site_lies_gets_a_page_for_what_is_not_there_that_works_there(
    loop: Loop, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "site", tmp_path / "site")
    given = (ROOT / "mkdocs.yml").read_text()
    (tmp_path / "mkdocs.yml").write_text(f"{given}site_url: https://acme.example/care/\n")
    sources = Sources(tmp_path / "site", tmp_path / "mkdocs.yml")
    built = build.publish(loop.store, loop.config, sources, tmp_path / "out", NOW).folder
    assert 'href="/care/assets/feedback.css"' in (built / "404.html").read_text()
    assert 'href="../assets/feedback.css"' in (built / "connect" / "index.html").read_text()


def test_a_page_of_the_owners_stays_where_one_would_be_generated(
    loop: Loop, quick_site: Sources, tmp_path: Path
) -> None:
    (quick_site.pages / "quotes.md").write_text("# Quotes that we chose\n")
    built = build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW).folder
    assert "Quotes that we chose" in (built / "quotes" / "index.html").read_text()
    assert "Nothing stands here yet" in text_of_page(built / "you-said-we-did" / "index.html")


def note_in_public(loop: Loop) -> str:
    """Ada's case was not solved, and Mara tells the public what she did; Mara's key."""
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, NOW + DAY)
    (owed,) = loop.store.follow_ups.open_ones()
    with loop.store.write():
        mara = loop.store.staff.add("mara@acme.example", "Mara", "-", Role.AGENT)
    following_up.close(
        loop.store, loop.asking, owed.id, Outcome.SOLVED, "Sent a new [ring](x).", mara, NOW + DAY, publish=True
    )
    return mara


def test_a_public_note_is_on_the_site_with_the_next_build(loop: Loop, quick_site: Sources, tmp_path: Path) -> None:
    note_in_public(loop)
    built = build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW + DAY).folder
    page = (built / "you-said-we-did" / "index.html").read_text()
    assert "Sent a new [ring](x)." in html.unescape(page)
    assert "It is solved." in page
    assert "Ada" not in page


@pytest.mark.parametrize("what", ["withdrawn", "erased"])
def test_a_note_that_is_not_public_any_more_leaves_the_site_at_once(
    loop: Loop, quick_site: Sources, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(build, "find_sources", lambda folder: quick_site)
    mara = note_in_public(loop)
    later = NOW + DAY + timedelta(hours=1)
    assert jobs.publish_if_due(loop.store, loop.config, later)
    page = build.place_of(loop.config) / "current" / "you-said-we-did" / "index.html"
    assert "ring" in page.read_text()
    (note,) = loop.rows("SELECT * FROM follow_up_events WHERE public_at IS NOT NULL")
    if what == "withdrawn":
        following_up.withdraw_note(loop.store, note["follow_up_id"], note["seq"], mara, later)
    else:
        erase(loop.store, loop.keys, "ada@example.org", later)
    assert jobs.publish_if_due(loop.store, loop.config, later)
    assert "ring" not in page.read_text()
    builds = build.place_of(loop.config)
    assert not jobs.publish_if_due(loop.store, loop.config, later)
    assert len(list(builds.glob("build-*"))) == 2  # somebody may be reading the one before
    monkeypatch.setattr(jobs, "A_MINUTE", timedelta(0))
    assert not jobs.publish_if_due(loop.store, loop.config, later)
    assert [path for path in builds.rglob("*") if path.is_file() and b"Sent a new" in path.read_bytes()] == []
    assert len(list(builds.glob("build-*"))) == 1
    assert "ring" not in page.read_text()


def test_each_step_is_told_as_it_begins(make_loop: Callable[..., Loop], quick_site: Sources, tmp_path: Path) -> None:
    loop, told = make_loop(figures="staff"), list[str]()
    build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW, for_staff=True, tell=told.append)
    assert told == [
        "Counting the figures",
        "Building the site",
        "Building the site with the figures, for staff",
        "Putting it in place",
    ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("index.md", "[gone](nowhere.md)\n", "'index.md' contains a link 'nowhere.md'"),
        ("index.md", "<!-- figure: unknown-rate -->\n", "index.md asks for the figure 'unknown-rate'; there are:"),
        ("us.md", "---\nreviewed: 25.11.2026\n---\n# Us\n", "us.md: reviewed: given '25.11.2026', expected a day"),
        ("../mkdocs.yml", "site_name: [unclosed\n", 'in "mkdocs.yml", line 1'),
        ("../mkdocs.yml", "site_name: x\ntheme: nosuch\n", "Unrecognised theme name: 'nosuch'"),
    ],
)
def test_staff_read_at_the_desk_and_in_health_why_a_build_failed_and_the_old_site_stays(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, quick_site: Sources, name: str, text: str, words: str
) -> None:
    monkeypatch.setattr(build, "find_sources", lambda folder: quick_site)
    jobs.publish_now(loop.store, loop.config, quick_site, NOW)
    (quick_site.pages / name).write_text(text)
    with pytest.raises(PublishError):
        jobs.publish_now(loop.store, loop.config, quick_site, NOW + DAY)
    with loop.store.write():
        loop.store.staff.add("mara@acme.example", "Mara", CHEAP_HASH, Role.AGENT)
    service = create_app(loop.config, loop.store, loop.keys)
    assert "Home" in service.test_client().get("/", buffered=True).text
    told = html.unescape(logged_in(service, "mara").get("/desk/").text)
    assert "Not all is well here" in told
    assert "the old site stays. " in told
    assert words in told
    assert "Traceback" not in told
    assert "/feedback-site-" not in told
    answer = service.test_client().get("/healthz")
    assert answer.json is not None
    assert answer.json["checks"]["build"] is False


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
        lambda sources: sources.configuration.write_text("- a list\n"),
    ],
)
def test_a_build_that_fails_leaves_the_old_site_and_says_why(
    loop: Loop, quick_site: Sources, tmp_path: Path, break_it: Callable[[Sources], object]
) -> None:
    target = tmp_path / "out"
    good = build.publish(loop.store, loop.config, quick_site, target, NOW).folder
    break_it(quick_site)
    with pytest.raises(PublishError, match=r"mkdocs says|asks for the figure") as refusal:
        build.publish(loop.store, loop.config, quick_site, target, NOW)
    assert "Traceback" not in str(refusal.value)
    assert str(target) not in str(refusal.value)
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
    assert 'Ac"me \\ <b>*x*</b> {{ 7*7 }}: how we care' in html.unescape(page.split("<title>")[1].split("</title>")[0])


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


def test_only_builds_of_ours_are_removed(loop: Loop, quick_site: Sources, tmp_path: Path) -> None:
    target = tmp_path / "out"
    theirs = [target / name for name in ("staff-photos", "build-a", "build-b", "build-c", "build-d", ".building-x")]
    for folder in theirs:
        folder.mkdir(parents=True)
    (target / ".building-killed01").mkdir()
    for n in range(4):
        build.publish(loop.store, loop.config, quick_site, target, NOW + n * DAY)
    assert all(folder.is_dir() for folder in theirs)
    assert not (target / ".building-killed01").exists()
    (target / "current").unlink()
    (target / "current").symlink_to("build-a")
    with pytest.raises(PublishError, match="not a link of ours"):
        build.publish(loop.store, loop.config, quick_site, target, NOW)


def test_whoever_counted_before_words_were_taken_back_is_not_the_last_to_put_in_place(
    loop: Loop, quick_site: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second publisher waits for the first, and counts after it."""
    steps: list[tuple[str, str]] = []
    first_counts, second_waits = threading.Event(), threading.Event()
    count = figures.current

    def counting(*values: Any) -> Any:
        if not first_counts.is_set():
            first_counts.set()
            assert second_waits.wait(10)
        return count(*values)

    def publish(name: str) -> None:
        def tell(step: str) -> None:
            steps.append((name, step))
            if step.startswith("Waiting"):
                second_waits.set()

        build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW, tell=tell)

    monkeypatch.setattr(figures, "current", counting)
    threads = [threading.Thread(target=publish, args=(name,)) for name in ("first", "second")]
    threads[0].start()
    assert first_counts.wait(10)
    threads[1].start()
    for thread in threads:
        thread.join()
    assert ("second", "Waiting for another build to end") in steps
    assert steps.index(("first", "Putting it in place")) < steps.index(("second", "Counting the figures"))


def test_a_site_is_not_built_into_its_own_pages(loop: Loop, quick_site: Sources) -> None:
    for target in (quick_site.pages, quick_site.pages / "out"):
        with pytest.raises(PublishError, match="would be built into itself"):
            build.publish(loop.store, loop.config, quick_site, target, NOW)
    assert [path.name for path in quick_site.pages.iterdir()] == ["index.md"]


def test_a_link_to_a_folder_is_named_and_not_followed(loop: Loop, quick_site: Sources, tmp_path: Path) -> None:
    (quick_site.pages / "again").symlink_to(".")
    with pytest.raises(PublishError, match=r"again is a link to a folder"):
        build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW)


def test_an_entry_of_the_menu_whose_page_is_not_there_stops_the_build(
    loop: Loop, quick_site: Sources, tmp_path: Path
) -> None:
    nav = "nav:\n- Home: index.md\n- Figures: figures.md\n- Greetings: greting.md\n"
    settings = quick_site.configuration.read_text()
    quick_site.configuration.write_text(f"{settings}{nav}validation:\n  nav:\n    not_found: info\n")
    with pytest.raises(PublishError, match=r"greting\.md"):
        build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW)


@pytest.mark.parametrize(
    "mark", ["<!--figure: Solved-Rate-->", "<!-- figures:solved-rate -->", "<!-- FIGURE: solved-rate-->"]
)
def test_a_mark_is_known_however_it_is_spaced(loop: Loop, quick_site: Sources, tmp_path: Path, mark: str) -> None:
    (quick_site.pages / "index.md").write_text(f"# Home\n\n{mark}\n")
    built = build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW).folder
    assert "No answers yet" in (built / "index.html").read_text()
    (quick_site.pages / "index.md").write_text("# Home\n\n<!-- figure: solved_rate -->\n")
    with pytest.raises(PublishError, match="solved_rate"):
        build.publish(loop.store, loop.config, quick_site, tmp_path / "out", NOW)

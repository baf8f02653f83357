"""Every page of the built site in a real browser, whichever pages there are."""

import gc
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from shutil import copy, copytree

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from werkzeug.security import generate_password_hash
from werkzeug.serving import make_server

from feedback.config import Config, load_config
from feedback.domain.followups import Outcome, PublicNote
from feedback.domain.staff import Role
from feedback.domain.surveys import Stage
from feedback.keys import load_keys
from feedback.loop.asking import Asking
from feedback.publish import build, figures, voices
from feedback.publish.build import Sources
from feedback.publish.texts import plain, quoted
from feedback.store import open_store
from feedback.web import create_app
from tests.conftest import NOW, ROOT, TORTURE, Loop, free_port
from tests.domain.test_hiding import published
from tests.publish.test_build import DEFAULT, answered
from tests.publish.test_figure_pages import rich
from tests.publish.test_texts import HOSTILE
from tests.publish.test_voices import Said
from tests.web.test_desk import PASSWORD

# Whoever leaves a page while its search is still loading breaks off a download, and this small server drops the file.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

AXE = Axe().axe_script
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BRIGHT = "#ffeb3b"  # no text can be read in it on a light ground
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 10"><rect width="30" height="10" fill="#fd5"/></svg>'


@dataclass
class Served:
    """A published site, the service that shows it, and the paths of its pages."""

    url: str
    build: Path
    config: Config

    @property
    def paths(self) -> list[str]:
        pages = [page.parent.relative_to(self.build).as_posix() for page in self.build.rglob("index.html")]
        return sorted("" if path == "." else f"{path}/" for path in pages)


@contextmanager
def serving(folder: Path, blank: Path, sources: Sources, **settings: str) -> Iterator[Served]:
    copy(blank, folder)
    given = {"data_dir": str(folder), "sender": "Acme <care@acme.example>", "window": "off", **settings}
    port = free_port()
    given["listen"] = f"127.0.0.1:{port}"
    config = load_config({f"FEEDBACK_{name.upper()}": value for name, value in given.items()}, env_file=None)
    store, keys = open_store(config.database_url), load_keys(folder)
    answered(Loop(store, keys, config, Asking(store, keys, config)), yes=18, no=6, silent=6)
    with store.write():
        store.staff.add("abel@acme.example", "Abel", generate_password_hash(PASSWORD), Role.AGENT)
    built = build.publish(store, config, sources, build.place_of(config), NOW, for_staff=True).folder
    server = make_server("127.0.0.1", port, create_app(config, store, keys, lambda: NOW), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{port}/", built, config)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        store.close()
        gc.collect()  # what was dropped is told here, and not in a test of something else


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Iterator[Served]:
    """The default site, with an old page, a logo, and what people said."""
    folder = tmp_path_factory.mktemp("site")
    copytree(ROOT / "site", folder / "site")
    copy(ROOT / "mkdocs.yml", folder)
    assist = folder / "site" / "assist.md"
    text = re.sub(r"\A---\n.*?\n---\n", "", assist.read_text(), flags=re.DOTALL)
    assist.write_text(f"---\nowner: Mara\nreviewed: 2025-01-31\n---\n{text}")
    (folder / "logo.svg").write_text(LOGO)
    with pytest.MonkeyPatch.context() as patch:
        told = published(rich())
        patch.setattr(figures, "current", lambda *_: told)
        yield from whole_site(folder, blank_database)


def whole_site(folder: Path, blank_database: Path) -> Iterator[Served]:
    config = load_config({}, env_file=None)
    quote = Said("It printed again.\n\nMara called me.", "Ada", date(2026, 2, 1), "printers")
    note = PublicNote(NOW, "printers", (Stage.ENHANCE,), "Sent a new ring.", Outcome.SOLVED)
    for name, text in voices.pages([quote], [note], config).items():
        (folder / "site" / name).write_text(text)
    sources = Sources(folder / "site", folder / "mkdocs.yml", is_default=True)
    (folder / "var").mkdir()
    with serving(folder / "var", blank_database, sources, colour=BRIGHT, logo=str(folder / "logo.svg")) as served:
        yield served


def watched(page: Page, url: str) -> list[str]:
    """What goes wrong while a page is looked at: in the console, in an answer, or towards somebody else."""
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    left = "net::ERR_ABORTED"  # the page was left before all of it had come
    page.on(
        "requestfailed", lambda request: None if request.failure == left else wrong.append(f"failed: {request.url}")
    )
    page.on("response", lambda got: wrong.append(f"{got.status}: {got.url}") if got.status >= 400 else None)
    page.on("request", lambda request: None if request.url.startswith((url, "data:")) else wrong.append(request.url))
    return wrong


def violations(page: Page, of_colours_alone: bool = False) -> list[str]:
    """What axe finds; of colours alone, where all else was looked at in the other scheme."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE)
    run = "only => axe.run({runOnly: only, resultTypes: ['violations']})"
    rules = {"type": "rule", "values": ["color-contrast"]} if of_colours_alone else {"type": "tag", "values": RULES}
    found = page.evaluate(run, rules)
    return [f"{page.url} {one['id']}: {one['nodes'][0]['html'][:120]}" for one in found["violations"]]


TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_whole_and_axe_finds_nothing(site: Served, browser: Browser, scheme: str) -> None:
    dark = scheme == "dark"
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    page = context.new_page()
    wrong = watched(page, site.url)
    assert len(site.paths) >= 28
    found: list[str] = []
    for path in site.paths:
        page.set_viewport_size({"width": 360 if dark else 1280, "height": 900})
        page.goto(site.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.locator("body").get_attribute("data-md-color-scheme") == ("slate" if dark else "default")
        assert page.get_by_role("heading", level=1).count() == 1, path
        assert page.evaluate("document.querySelector('link[rel=icon]').href").endswith("/assets/logo.svg")
        found += violations(page, of_colours_alone=not dark and not TORTURE)
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 740})
            if page.evaluate(TOO_WIDE):
                found.append(f"{path} is too wide for {width} px")
    context.close()
    assert found == []
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_open_search_the_open_menu_and_where_nothing_is(
    site: Served, browser: Browser, scheme: str
) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page = context.new_page()
    page.goto(site.url)
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("call")
    expect(page.locator(".md-search-result__item").first).to_be_visible()
    found = violations(page)
    page.goto(site.url + "nowhere/at/all/")
    found += violations(page)
    page.get_by_role("link", name="Begin at the first page").click()
    assert page.url == site.url
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("label.md-header__button[for=__drawer]").click()
    expect(page.locator(".md-nav--primary .md-nav__item .md-nav__link").first).to_be_in_viewport()
    found += violations(page)
    context.close()
    assert found == []


OUTLINED = """() => {
  const labels = document.querySelectorAll("[data-md-component=palette]:focus-within label");
  const shown = [document.activeElement, ...labels];
  return shown.some(each => {
    const style = getComputedStyle(each), box = each.getBoundingClientRect();
    return style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.height > 0;
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whoever_goes_by_the_keyboard_sees_where_they_are(site: Served, browser: Browser, scheme: str) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page = context.new_page()
    page.goto(site.url + "figures/")
    page.keyboard.press("Tab")
    stops = []
    while page.evaluate("document.activeElement !== document.body"):
        stops.append(page.evaluate("document.activeElement.outerHTML.slice(0, 120)"))
        assert page.evaluate(OUTLINED), stops[-1]
        page.keyboard.press("Tab")
    assert len(stops) >= 12
    context.close()


def test_on_paper_there_is_the_text_alone_in_black_on_white_from_the_dark_site_too(
    site: Served, browser: Browser
) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(site.url + "figures/")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 0, 0)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for part in (".md-header", ".md-sidebar--primary", ".md-footer"):
        assert not page.locator(part).is_visible()
    assert page.locator("figure.chart svg").first.is_visible()
    context.close()


def test_an_old_page_says_at_its_top_that_it_is_old(site: Served, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(site.url + "assist/")
    expect(page.locator("h1 + .stale")).to_contain_text("Not reviewed since 31 January 2025. Some of it may no longer")
    expect(page.locator(".review")).to_have_text("Kept by Mara. Last reviewed 31 January 2025.")
    page.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def below_a_path(site: Served, tmp_path: Path) -> Iterator[str]:
    """The address of the same build on some web server, under /care/."""
    copytree(site.build, tmp_path / "care")
    handler = partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/care/"
        server.shutdown()
        thread.join()


def search(page: Page, words: str) -> str:
    """Go from a page that does not hold them to what is found first; its address."""
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type(words)
    before = page.url
    page.locator(".md-search-result__item a").first.click()
    page.wait_for_url(lambda url: url != before)
    return page.url


def test_the_folder_works_below_a_path_of_any_web_server(site: Served, below_a_path: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    wrong = watched(page, below_a_path)
    for path in site.paths:
        page.goto(below_a_path + path)
        assert page.get_by_role("heading", level=1).count() == 1
    page.goto(below_a_path)
    page.locator("article").get_by_role("link", name="Resolve").first.click()
    page.wait_for_url(below_a_path + "resolve/")
    assert search(page, "greet").startswith(below_a_path)
    assert page.get_by_role("heading", level=1).count() == 1
    page.close()
    assert wrong == []


def test_figures_for_staff_are_seen_after_logging_in(tmp_path: Path, blank_database: Path, browser: Browser) -> None:
    (tmp_path / "var").mkdir()
    with serving(tmp_path / "var", blank_database, DEFAULT, figures="staff") as served:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        wrong = watched(page, served.url)
        page.goto(served.url + "figures/")
        page.get_by_role("link", name="log in").click()
        page.get_by_label("Your mail address").fill("abel@acme.example")
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(served.url + "desk/site/")
        expect(page.locator(".figure").first).to_contain_text("% solved")
        page.goto(served.url + "desk/site/figures/")
        expect(page.locator("figure.chart svg").first).to_be_visible()
        assert search(page, "greet").startswith(served.url + "desk/site/")
        assert wrong == []
        page.goto(served.url + "desk/site/nowhere/at/all/")
        page.get_by_role("link", name="Begin at the first page").click()
        assert page.url == served.url + "desk/site/"
        page.goto(served.url + "desk/")
        page.get_by_role("link", name="Site", exact=True).click()
        assert page.url == served.url + "desk/site/"
        context.close()


INERT = """() => {
  const made = "script, img, iframe, input, a:not(.headerlink), code, em, strong, del, table table, h2, h3, svg, hr";
  return {
    new: [...document.querySelectorAll(`article :is(${made})`)]
      .map(each => each.outerHTML.slice(0, 80)),
    ran: window.ran === true,
  };
}"""


def test_hostile_words_are_words_on_a_built_page(tmp_path: Path, blank_database: Path, browser: Browser) -> None:
    folder = tmp_path / "own"
    copytree(ROOT / "site", folder / "site")
    copy(ROOT / "mkdocs.yml", folder)
    table = "| topic |\n|---|\n" + "".join(f"| {plain(text)} |\n" for text in HOSTILE)
    blocks = "\n\n".join(map(quoted, HOSTILE))
    lines = "\n\n".join(f"Said: {plain(text)}" for text in HOSTILE)
    items = "\n".join(f"- {plain(text)}" for text in HOSTILE)
    (folder / "site" / "hostile.md").write_text(f"# What they said\n\n{table}\n{items}\n\n{lines}\n\n{blocks}\n")
    (tmp_path / "var").mkdir()
    sources = Sources(folder / "site", folder / "mkdocs.yml", is_default=True)
    with serving(tmp_path / "var", blank_database, sources) as served:
        page = browser.new_page(viewport={"width": 360, "height": 740})
        wrong = watched(page, served.url)
        page.goto(served.url + "hostile/")
        assert page.evaluate(INERT) == {"new": [], "ran": False}
        assert page.locator("article tbody tr").count() == len(HOSTILE)
        assert page.locator("article blockquote").count() == len(HOSTILE)
        assert not page.evaluate(TOO_WIDE)
        shown = page.locator("article tbody").inner_text()
        for words in (
            "<script>window.ran = true</script>",
            "{{ 7*7 }}",
            "[x](javascript:alert(1))",
            "# heading",
            "a | b",
        ):
            assert words in shown
        page.close()
        assert wrong == []

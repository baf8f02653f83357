"""Help before the complaint, in a real browser: what `assist.js` offers on a shop's page, and what an entry asks."""

import http.server
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route, expect

from feedback.config import load_config
from feedback.publish import faq
from feedback.publish.build import CSP_FILE, Sources
from feedback.store import open_store
from tests.conftest import NOW, ROOT, free_port
from tests.e2e.test_site import TOO_WIDE, Served, serving, violations

pytestmark = [  # whoever leaves a page while something of it is loading breaks off a download
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ENTRIES = {
    "declined": ("My card was not accepted", "payment", "payment declined, bank, refused"),
    "invoice": ("Can I pay by invoice?", "Payment", "bill"),
    "vat": ("Where is the VAT on my invoice?", "payment", "tax"),
    "instalments": ("Can I pay in parts?", "payment", "instalments"),
    "late-parcel": ("Where is my parcel?", "delivery", "late, parcel, tracking"),
    "waehrung": ("Preis in Währung anzeigen", "prices", "Währung, Euro"),
}
MISSING = "Not found"  # a page's title that no entry is about


@pytest.fixture(scope="module")
def care(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Iterator[Served]:
    """The service of the business, with a few entries of its own."""
    folder = tmp_path_factory.mktemp("care")
    for part in ("assets", "theme", "faq"):
        copytree(ROOT / "site" / part, folder / "site" / part)
    (folder / "site" / "index.md").write_text("# Home\n\nThe team's page.\n")
    for name, (title, topics, words) in ENTRIES.items():
        front = f"---\ntopics: [{topics}]\nwords: [{words}]\n---\n"
        (folder / "site" / "faq" / f"{name}.md").write_text(f"{front}\n# {title}\n\nLike this.\n")
    text = (ROOT / "mkdocs.yml").read_text()
    (folder / "mkdocs.yml").write_text(re.sub(r"(?s)^nav:.*?(?=^validation:)", "", text, flags=re.MULTILINE))
    (folder / "var").mkdir()
    with serving(folder / "var", blank_database, Sources(folder / "site", folder / "mkdocs.yml")) as served:
        yield served


class _Pages(http.server.BaseHTTPRequestHandler):
    """Whatever pages the shop has, under its policy."""

    pages: dict[str, str]
    policy: str

    def do_GET(self) -> None:
        path = re.split("[?;]", self.path)[0]
        body = self.pages.get(path, "").encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", f"text/{'javascript' if path.endswith('.js') else 'html'}; charset=utf-8")
        self.send_header("Content-Security-Policy", self.policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def listening(handler: Any) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def silent() -> Iterator[str]:
    """A service that lets everybody in, and answers nobody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@dataclass
class Shop:
    """Another site, and a visitor in its pages; under a policy that allows no more than the one line needs."""

    url: str
    care: Served
    pages: dict[str, str]
    context: BrowserContext
    noted: list[dict[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def page(self, path: str, line: str | None = 'data-error="payment declined"', title: str = MISSING) -> None:
        script = "" if line is None else f'<script src="{self.care.url}assist.js" {line} async></script>'
        self.pages[path] = (
            '<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width">'
            f'<meta name="color-scheme" content="light dark"><title>{title}</title></head><body><main><h1>{title}</h1>'
            f'<p><label>Card <input name="card"></label></p>{script}<p><a href="/">Back</a></p></main></body></html>'
        )

    def line_from(self, url: str) -> None:
        """On the page of a payment that failed: the line loads from there, and a script of the shop's own follows."""
        line = self.pages["/pay"].replace(self.care.url, url)
        self.pages["/pay"] = line.replace("</head>", '<script src="/shop.js" defer></script></head>')
        self.pages["/shop.js"] = "document.addEventListener('DOMContentLoaded', () => { document.title = 'Ready'; });"

    def visit(self, path: str, *, wait: int = 0, until: Literal["load", "domcontentloaded"] = "load") -> Page:
        """Open a page; `wait` are seconds that pass there."""
        page = self.context.new_page()
        page.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.clock.install()
        self.go(page, path, wait=wait, until=until)
        return page

    def go(self, page: Page, path: str, *, wait: int = 0, until: Literal["load", "domcontentloaded"] = "load") -> None:
        page.goto(self.url + path, wait_until=until)
        page.clock.run_for(wait * 1000)

    def steps(self) -> list[str]:
        return [one["step"] for one in self.noted]


@pytest.fixture
def shop(care: Served, browser: Browser) -> Iterator[Shop]:
    origin = care.url.rstrip("/")
    # Any port: for the shop's own script, and for a service that is down.
    policy = f"default-src 'none'; script-src http://127.0.0.1:*; connect-src {origin}; base-uri 'none'"
    pages: dict[str, str] = {}
    with listening(type("Pages", (_Pages,), {"pages": pages, "policy": policy})) as url:
        context = browser.new_context(reduced_motion="reduce")
        shop = Shop(url, care, pages, context)
        context.route("**/api/v1/offers", noting(shop.noted))
        shop.page("/pay")
        yield shop
        context.close()


def form_of(request: Request) -> dict[str, str]:
    """What was sent, if it was sent as a plain form, without a cookie."""
    assert request.method == "POST"
    assert request.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert "cookie" not in request.headers
    return dict(parse_qsl(request.post_data or "", keep_blank_values=True))


def noting(sent: list[dict[str, str]], status: int = 204) -> Callable[[Route], None]:
    """In place of the service: keeps what was sent, and answers so."""

    def handle(route: Route) -> None:
        sent.append(form_of(route.request))
        route.fulfill(status=status, headers={"Access-Control-Allow-Origin": "*"})

    return handle


def offer_in(page: Page) -> Locator:
    return page.get_by_role("region", name="Can we help?")


def entries_in(page: Page) -> list[str]:
    expect(offer_in(page)).to_be_visible()
    return [
        link.evaluate("link => link.firstChild.data")
        for link in offer_in(page).get_by_role("listitem").get_by_role("link").all()
    ]


def nothing_in(page: Page) -> bool:
    page.clock.run_for(60_000)
    page.wait_for_timeout(150)  # for the file to come
    return offer_in(page).count() == 0


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        *[('data-error="payment declined"', 8), ("", 30), ('data-error="x" data-after="3"', 3)],
        *[('data-after="soon"', 30), ('data-error="x" data-after=""', 8)],
    ],
)
def test_it_waits_its_seconds_and_is_counted_once_without_the_query(shop: Shop, line: str, seconds: int) -> None:
    shop.page("/pay", line)
    page = shop.visit("/pay;jsessionid=1A2B?order=17", wait=seconds - 1)
    page.wait_for_timeout(100)
    assert offer_in(page).count() == 0
    page.clock.run_for(1_000)
    expect(offer_in(page).get_by_role("status")).to_have_text("Can we help?")
    assert shop.noted == [{"place": f"{shop.url}/pay", "step": "shown"}]
    assert shop.wrong == []


def test_the_second_error_in_a_row_is_helped_at_once_and_a_page_that_works_begins_anew(shop: Shop) -> None:
    shop.page("/basket", "")
    page = shop.visit("/pay")
    shop.go(page, "/basket")
    shop.go(page, "/pay", wait=1)
    page.wait_for_timeout(100)
    assert offer_in(page).count() == 0
    shop.go(page, "/pay")
    expect(offer_in(page)).to_be_visible()


TELL = "words => document.dispatchEvent(new CustomEvent('assist:error', {detail: words}))"


def test_a_shop_of_one_page_tells_its_errors_by_events_and_each_begins_the_wait_anew(shop: Shop) -> None:
    shop.page("/", "")
    page = shop.visit("/", wait=29)
    page.evaluate("history.pushState(null, '', '/checkout;jsessionid=1A2B')")
    page.evaluate(TELL, "parcel unknown")
    page.clock.run_for(7_000)
    page.wait_for_timeout(100)
    assert offer_in(page).count() == 0
    page.evaluate(TELL, "payment declined")
    assert entries_in(page)[0] == "My card was not accepted"
    expect(offer_in(page).get_by_role("status")).to_have_text("Can we help?")
    assert shop.noted == [{"place": f"{shop.url}/checkout", "step": "shown"}]


def test_whatever_an_error_is_a_person_reads_words_of_it(shop: Shop) -> None:
    shop.page("/", "")
    page = shop.visit("/")
    page.evaluate("Object.prototype.extra = 'of the shop'")
    page.evaluate(TELL, 17)
    page.evaluate("document.dispatchEvent(new CustomEvent('assist:error', {detail: 'a'.repeat(299) + '\\u{1F375}'}))")
    link = offer_in(page).get_by_role("link", name="Ask a person").get_attribute("href") or ""
    assert f"What happened: {'a' * 299}\r\n" in unquote(link)
    assert shop.wrong == []


FIELDS = """() => {
  const made = name => document.querySelector("main").appendChild(document.createElement(name));
  made("p").attachShadow({mode: "open"}).innerHTML = "<input id=inner>";
  Object.assign(made("p"), {contentEditable: "true", id: "words"}).textContent = "Words";
  Object.assign(made("input"), {type: "checkbox", id: "agree"});
}"""
FOCUS = """where => (document.querySelector(where) ||
  [...document.querySelectorAll("p")].find(each => each.shadowRoot).shadowRoot.querySelector(where)).focus()"""


def test_it_waits_until_nobody_types_wherever_that_is(shop: Shop) -> None:
    page = shop.visit("/pay")
    page.evaluate(FIELDS)
    for where in ("[name=card]", "#inner", "#words"):
        page.evaluate(FOCUS, where)
        page.clock.run_for(10_000)
        page.wait_for_timeout(150)
        page.clock.run_for(5_000)
        assert offer_in(page).count() == 0, where
    page.evaluate(FOCUS, "#agree")
    page.clock.run_for(1_000)
    expect(offer_in(page)).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "agree"


def test_who_said_no_in_another_window_while_they_typed_here_is_not_asked_here(shop: Shop) -> None:
    page = shop.visit("/pay")
    page.get_by_label("Card").fill("4")
    page.clock.run_for(10_000)
    page.wait_for_timeout(150)  # for the file to come
    other = shop.visit("/pay", wait=8)
    offer_in(other).get_by_role("button", name="No thanks").click()
    page.get_by_label("Card").blur()
    assert nothing_in(page)
    assert shop.steps() == ["shown"]


@pytest.mark.parametrize(
    ("path", "title", "line", "expected"),
    [
        ("/x", MISSING, 'data-topics="delivery"', ["Where is my parcel?"]),
        ("/x", "Your parcels", "", ["Where is my parcel?"]),
        ("/parcel/17", MISSING, "", ["Where is my parcel?"]),
        ("/x", MISSING, 'data-error="WAHRUNG unbekannt"', ["Preis in Währung anzeigen"]),
        ("/x", MISSING, 'data-error="card declined" data-topics="returns, PAYMENT"', ["My card was not accepted", 3]),
        ("/x", MISSING, 'data-error="sold out"', []),
    ],
)
def test_it_offers_at_most_three_entries_that_fit_the_best_one_first(
    shop: Shop, path: str, title: str, line: str, expected: list[Any]
) -> None:
    shop.page(path, f'{line} data-after="0"', title)
    found = entries_in(shop.visit(path))
    assert found[:1] == expected[:1]
    assert len(found) == (expected[1] if len(expected) > 1 else len(expected))


def test_a_person_is_asked_with_the_context_filled_in(shop: Shop) -> None:
    page = shop.visit("/pay?token=secret", wait=8)
    person = offer_in(page).get_by_role("link", name="Ask a person")
    link = person.get_attribute("href") or ""
    said = dict(parse_qsl(urlsplit(link).query))
    assert link.startswith("mailto:care@acme.example?")
    assert said["subject"] == f"Help with {shop.url}/pay"
    assert f"Page: {shop.url}/pay\r\nWhat happened: payment declined\r\nTime: " in said["body"]
    assert "secret" not in unquote(link)
    person.evaluate("link => link.addEventListener('click', event => event.preventDefault())")
    person.click()
    assert shop.steps() == ["shown", "asked"]


@pytest.mark.parametrize("how", ["button", "Escape"])
def test_no_thanks_is_for_ever(shop: Shop, how: str) -> None:
    page = shop.visit("/pay", wait=8)
    expect(offer_in(page)).to_be_visible()
    if how == "button":
        offer_in(page).get_by_role("button", name="No thanks").click()
    else:
        page.keyboard.press("Escape")
    assert offer_in(page).count() == 0
    assert nothing_in(shop.visit("/pay"))  # another window is another session
    assert shop.wrong == []


def test_escape_in_a_field_or_for_something_else_of_the_shop_says_nothing_to_us(shop: Shop) -> None:
    page = shop.visit("/pay", wait=8)
    expect(offer_in(page)).to_be_visible()
    page.get_by_label("Card").press("Escape")
    assert offer_in(page).is_visible()
    page.get_by_label("Card").blur()
    page.evaluate("document.addEventListener('keydown', event => event.preventDefault(), {once: true})")
    page.keyboard.press("Escape")  # it closed something of the shop's
    assert offer_in(page).is_visible()
    offer_in(page).get_by_role("link").first.press("Escape")
    assert offer_in(page).count() == 0


def test_it_comes_once_in_a_session(shop: Shop) -> None:
    page = shop.visit("/pay", wait=8)
    expect(offer_in(page)).to_be_visible()
    shop.go(page, "/pay")
    assert nothing_in(page)
    again = shop.visit("/pay", wait=8)
    expect(offer_in(again)).to_be_visible()


FOCUSED = "document.activeElement.shadowRoot.activeElement.textContent"


@pytest.mark.parametrize(
    ("says", "told", "steps"),
    [
        ("Yes", "Good to hear. Thank you for telling us.", ["shown", "opened", "helped"]),
        ("No", "Thank you. A person can look at it, too.", ["shown", "opened"]),
    ],
)
def test_after_an_entry_was_opened_it_asks_whether_that_helped(
    shop: Shop, says: str, told: str, steps: list[str]
) -> None:
    page = shop.visit("/pay", wait=8)
    with shop.context.expect_page() as opened:
        offer_in(page).get_by_role("link", name="My card was not accepted (opens in a new window)").click()
    assert opened.value.url == f"{shop.care.url}faq/declined/"
    assert opened.value.evaluate("[window.opener, document.referrer]") == [None, ""]
    page.bring_to_front()
    status = offer_in(page).get_by_role("status")
    expect(status).to_have_text("Did that help?")
    offer_in(page).get_by_role("button", name=says, exact=True).press("Enter")
    expect(status).to_have_text(told)
    assert offer_in(page).get_by_role("button").count() == 1
    assert offer_in(page).get_by_role("link", name="Ask a person").is_visible()
    assert page.evaluate(FOCUSED) == told
    assert shop.steps() == steps
    assert {one.get("page") for one in shop.noted[1:]} == {"faq/declined/"}
    with shop.context.expect_page():
        offer_in(page).get_by_role("link", name="Can I pay in parts?").click()
    page.bring_to_front()
    expect(status).to_have_text("Did that help?")
    assert offer_in(page).get_by_role("button").all_inner_texts() == ["Yes", "No", "No thanks"]
    assert shop.noted[-1] == {"place": f"{shop.url}/pay", "step": "opened", "page": "faq/instalments/"}
    offer_in(page).get_by_role("button", name="No thanks").click()
    assert page.evaluate("localStorage.length") == 0  # to close what was of use is no refusal


def test_by_keyboard_it_comes_where_it_stands_and_takes_no_focus(shop: Shop) -> None:
    page = shop.visit("/pay", wait=8)
    expect(offer_in(page)).to_be_visible()
    assert page.evaluate("document.activeElement === document.body")
    stops = []
    for _ in range(7):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("(document.activeElement.shadowRoot || document).activeElement.textContent"))
    assert [stop.removesuffix(" (opens in a new window)") for stop in stops] == [
        *("", "My card was not accepted", "Can I pay in parts?", "Can I pay by invoice?"),
        *("Ask a person", "No thanks", "Back"),
    ]


ASIDE = """() => {
  const box = document.querySelector("main > div").getBoundingClientRect();
  const others = [...document.querySelectorAll("main > :not(div, script)")].map(each => each.getBoundingClientRect());
  return others.every(each => each.bottom <= box.top || each.top >= box.bottom);
}"""
SMALL = """() => [...document.querySelector("main > div").shadowRoot.querySelectorAll("a, button")]
  .filter(each => each.getBoundingClientRect().height < 44).map(each => each.outerHTML)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_the_example_page_axe_finds_nothing_and_nothing_is_covered_on_the_smallest_phone(
    shop: Shop, scheme: str
) -> None:
    example = (ROOT / "examples" / "assist.html").read_text("utf-8")
    shop.pages["/pay"] = example.replace("https://care.acme.example", shop.care.url.rstrip("/"))
    page = shop.visit("/pay")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 320, "height": 640})
    page.clock.run_for(8_000)
    expect(offer_in(page)).to_be_visible()
    with shop.context.expect_page():
        offer_in(page).get_by_role("link").first.click()
    page.bring_to_front()
    expect(offer_in(page).get_by_role("button", name="Yes")).to_be_visible()
    assert not page.evaluate(TOO_WIDE)
    assert page.evaluate(ASIDE)
    assert page.evaluate(SMALL) == []
    assert violations(page) == []
    colour = page.evaluate("getComputedStyle(document.querySelector('main > div').shadowRoot.firstChild).color")
    assert colour == ("rgb(231, 236, 236)" if scheme == "dark" else "rgb(31, 42, 46)")
    assert shop.wrong == []


def test_a_line_in_the_head_offers_at_the_beginning_of_what_the_page_says_and_shows(shop: Shop) -> None:
    shop.page("/pay", None)
    line = f'<script src="{shop.care.url}assist.js" data-error="payment declined" async></script></head>'
    shop.pages["/pay"] = shop.pages["/pay"].replace("</head>", line).replace("<main>", "<main hidden></main><main>")
    page = shop.visit("/pay", wait=8)
    expect(offer_in(page)).to_be_visible()
    assert page.evaluate("document.querySelectorAll('main')[1].firstElementChild.shadowRoot !== null")


SPOILED = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`div, div:empty { display: none !important; position: fixed !important; inset: 0 !important;
    float: left !important; opacity: 0 !important; transform: scale(0) !important; margin: -99px !important;
    visibility: hidden !important; max-height: 0 !important; overflow: hidden !important; z-index: 9 !important; }
    div::before { content: "Ours" !important; }`);
  document.adoptedStyleSheets = [sheet];
}"""
STYLED = """() => {
  const host = document.querySelector("main > div"), style = getComputedStyle(host);
  const names = ["display", "position", "float", "opacity", "transform", "marginTop", "visibility", "zIndex"];
  return [...names.map(name => style[name]), getComputedStyle(host, "::before").content];
}"""


def test_no_rule_of_the_shop_moves_or_hides_it(shop: Shop) -> None:
    page = shop.visit("/pay")
    page.evaluate(SPOILED)
    page.clock.run_for(8_000)
    expect(offer_in(page)).to_be_visible()
    assert page.evaluate(STYLED) == ["block", "static", "none", "1", "none", "24px", "visible", "auto", "none"]


def test_in_a_hidden_place_it_is_no_offer_until_an_error_comes_when_it_shows(shop: Shop) -> None:
    shop.pages["/pay"] = shop.pages["/pay"].replace("<main>", "<main hidden>")
    page = shop.visit("/pay")
    assert nothing_in(page)
    assert page.evaluate("document.querySelector('main > div')") is None
    assert page.evaluate("sessionStorage.getItem('assist-offered')") is None
    assert shop.noted == []
    page.evaluate("document.querySelector('main').hidden = false")
    page.evaluate(TELL, "payment declined")
    page.clock.run_for(100)
    expect(offer_in(page)).to_be_visible()
    assert shop.wrong == []


def test_a_second_line_on_a_page_and_a_line_that_is_a_module_do_nothing(shop: Shop) -> None:
    shop.page("/module", 'data-error="x" type="module"')
    module = shop.visit("/module")
    assert nothing_in(module)
    line = re.search("<script.*?</script>", shop.pages["/pay"])
    assert line is not None
    shop.pages["/pay"] = shop.pages["/pay"].replace(line[0], 2 * line[0])
    page = shop.visit("/pay", wait=20)
    expect(offer_in(page)).to_have_count(1)
    page.clock.run_for(20_000)
    expect(offer_in(page)).to_have_count(1)
    assert shop.steps() == ["shown"]
    assert shop.wrong == []


@pytest.mark.parametrize(
    "broken", ["no answer", "<html>", '{"entries": 3}', '{"entries": [{"url": 1}], "way": "mailto:x@y.example"}']
)
def test_when_our_file_is_missing_or_broken_nothing_is_shown_and_nothing_thrown(shop: Shop, broken: str) -> None:
    def serve(route: Route) -> None:
        if broken == "no answer":
            route.abort("connectionrefused")
        else:
            route.fulfill(body=broken, headers={"Access-Control-Allow-Origin": "*"})

    shop.context.route("**/faq.json", serve)
    assert nothing_in(shop.visit("/pay"))
    assert [text for text in shop.wrong if "ERR_CONNECTION_REFUSED" not in text] == []  # which the browser itself tells
    assert shop.noted == []


def test_when_our_service_is_down_the_page_is_as_if_the_line_were_not_there(shop: Shop) -> None:
    shop.line_from(f"http://127.0.0.1:{free_port()}/")
    page = shop.visit("/pay")
    assert page.title() == "Ready"
    assert nothing_in(page)
    assert page.get_by_role("link", name="Back").is_visible()
    assert shop.wrong == ["Failed to load resource: net::ERR_CONNECTION_REFUSED"]  # which the browser itself tells


def test_when_our_service_never_answers_the_page_does_not_wait_for_it(shop: Shop) -> None:
    with silent() as url:
        shop.line_from(url)
        page = shop.visit("/pay", until="domcontentloaded")
        expect(page).to_have_title("Ready")
        assert nothing_in(page)
        assert page.evaluate("document.readyState") == "interactive"
        page.close()
    assert shop.wrong == []


def filed(shop: Shop, **settings: str) -> None:
    """The file as it is with these settings, and without an entry."""
    given = {f"FEEDBACK_{name.upper()}": value for name, value in {"url": shop.care.url, **settings}.items()}
    text = faq.files([], load_config(given, env_file=None))[faq.FILE]
    shop.context.route(
        "**/faq.json", lambda route: route.fulfill(body=text, headers={"Access-Control-Allow-Origin": "*"})
    )


def test_where_nothing_fits_and_nobody_can_be_asked_nothing_is_shown(shop: Shop) -> None:
    filed(shop)
    assert nothing_in(shop.visit("/pay"))
    assert shop.noted == []
    assert shop.wrong == []


def test_in_arabic_it_is_read_from_the_right_and_a_contact_page_gets_the_context(shop: Shop) -> None:
    filed(shop, locale="ar", contact="https://acme.example/contact?from=shop")
    page = shop.visit("/pay?token=secret", wait=8)
    box = page.get_by_role("region")
    expect(box).to_be_visible()
    assert (box.get_attribute("lang"), box.get_attribute("dir")) == ("ar", "rtl")
    link = urlsplit(box.get_by_role("link").get_attribute("href") or "")
    said = dict(parse_qsl(link.query))
    assert (link.netloc, link.path, said["from"]) == ("acme.example", "/contact", "shop")
    assert f"{shop.url}/pay" in said["context"]
    assert "payment declined" in said["context"]
    assert "secret" not in said["context"]


def test_an_offer_and_a_tap_become_rows_of_the_service_without_cookie_or_referrer(shop: Shop) -> None:
    shop.context.unroute("**/api/v1/offers")
    shop.page("/kept")
    page = shop.visit("/kept?order=17")
    with page.expect_response("**/faq.json") as read, page.expect_response("**/api/v1/offers") as shown:
        page.clock.run_for(8_000)
    assert shown.value.status == 204
    for asked in (read.value.request, shown.value.request):
        headers = asked.all_headers()
        assert (headers.get("cookie", ""), headers.get("referer", "")) == ("", "")
    with page.expect_response("**/api/v1/offers") as noted, shop.context.expect_page() as opened:
        offer_in(page).get_by_role("link", name="My card was not accepted").click()
    assert noted.value.status == 204
    entry = opened.value
    with entry.expect_response("**/api/v1/page-votes") as tapped:
        entry.get_by_role("group", name="Did this help?").get_by_role("button", name="Yes", exact=True).click()
    assert tapped.value.status == 204
    store = open_store(shop.care.config.database_url)
    day = NOW.date()
    (place,) = [one for one in store.taps.offers(day, 10) if one.place == f"{shop.url}/kept"]
    assert (place.shown, place.opened, place.helped, place.asked) == (1, 1, 0, 0)
    assert store.taps.votes(day)["faq/declined/"] == (1, 1)
    store.close()


def test_a_policy_that_does_not_let_it_ask_leaves_the_page_alone(shop: Shop) -> None:
    meta = '<meta http-equiv="Content-Security-Policy" content="connect-src \'none\'"></head>'
    shop.pages["/pay"] = shop.pages["/pay"].replace("</head>", meta)
    assert nothing_in(shop.visit("/pay"))
    assert [text for text in shop.wrong if "Content Security Policy" not in text] == []


def test_a_count_that_fails_is_nothing_to_whoever_needs_help(shop: Shop) -> None:
    shop.context.route("**/api/v1/offers", lambda route: route.abort())
    page = shop.visit("/pay", wait=8)
    expect(offer_in(page).get_by_role("status")).to_have_text("Can we help?")
    assert [text for text in shop.wrong if "ERR_FAILED" not in text] == []


def test_where_storage_is_blocked_it_offers_once_a_page(shop: Shop) -> None:
    blocked = "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, "
    shop.context.add_init_script(blocked + "{get() { throw new DOMException('no', 'SecurityError'); }});")
    page = shop.visit("/pay", wait=8)
    offer_in(page).get_by_role("button", name="No thanks").click()
    page.evaluate("document.dispatchEvent(new CustomEvent('assist:error', {detail: 'again'}))")
    assert nothing_in(page)
    shop.go(page, "/pay", wait=8)
    expect(offer_in(page)).to_be_visible()
    assert shop.wrong == []


def test_the_script_is_small_and_pages_of_others_may_load_it_and_its_file(care: Served, shop: Shop) -> None:
    for name, kind in (("assist.js", "text/javascript"), ("faq.json", "application/json")):
        got = shop.context.request.get(care.url + name)
        assert got.headers["content-type"].startswith(kind)
        assert got.headers["access-control-allow-origin"] == "*"
        assert got.headers["cache-control"] == "public, max-age=300"
    served = shop.context.request.get(care.url + "assist.js").body()
    assert len(served) < 5_000
    assert re.search(rb"^(\s|//)", served, re.MULTILINE) is None
    other = shop.context.request.get(care.url + "faq/")
    assert "access-control-allow-origin" not in other.headers


class _BelowAPath(http.server.SimpleHTTPRequestHandler):
    """Any web server that sends the policy of the build."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", (Path(self.directory) / "care" / CSP_FILE).read_text().strip())
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("where", "says", "status", "told"),
    [
        ("at the service", "Yes", 204, "Thank you for telling us."),
        ("below a path of another server", "No", 204, "Thank you for telling us. Ask a person"),
        ("below a path of another server", "No", 429, "We could not note that at the moment. Ask a person"),
    ],
)
def test_an_entry_asks_whether_it_helped_and_only_a_tap_is_sent(
    care: Served, browser: Browser, tmp_path: Path, where: str, says: str, status: int, told: str
) -> None:
    copytree(care.build, tmp_path / "care")
    with listening(partial(_BelowAPath, directory=str(tmp_path))) as other:
        base = care.url if where == "at the service" else f"{other}/care/"
        page = browser.new_page()
        sent: list[dict[str, str]] = []
        wrong: list[str] = []
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.route(f"{care.url}api/v1/page-votes", noting(sent, status))
        page.goto(f"{base}faq/late-parcel/")
        group = page.get_by_role("group", name="Did this help?")
        expect(group).to_be_visible()
        assert sent == []
        group.get_by_role("button", name=says, exact=True).click()
        expect(group.get_by_role("status")).to_have_text(told, use_inner_text=True)
        assert sent == [{"page": "faq/late-parcel/", "helped": says.lower()}]
        if says == "No":
            link = group.get_by_role("link", name="Ask a person").get_attribute("href")
            assert link == "mailto:care@acme.example?subject=Where%20is%20my%20parcel%3F"
        assert [text for text in wrong if "429" not in text] == []
        page.close()


def test_customers_read_without_the_teams_menu_and_only_entries_ask(care: Served, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    for path, asks in (("", False), ("faq/", False), ("faq/why-did-you-write/", True)):
        page.goto(care.url + path)
        assert page.locator("label.md-header__button[for=__drawer]").is_visible() == (path == "")
        assert page.locator("form.md-feedback").count() == asks
    page.get_by_role("link", name="All questions").click()
    expect(page.get_by_role("heading", name="Delivery")).to_be_visible()
    assert page.get_by_role("link", name="Ask a person").get_attribute("href") == "mailto:care@acme.example"
    assert json.loads(page.request.get(care.url + "faq.json").text())["entries"]
    page.close()

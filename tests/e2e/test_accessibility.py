"""Every state of the customer's pages, for people who see, hear, move or read otherwise: WCAG 2.2 AA, and our weight.

A state is reached once a writing direction, at 320 px, and then looked at from all sides.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import unescape
from itertools import count
from pathlib import Path
from shutil import copy
from threading import Thread
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, CDPSession, Page, ViewportSize, expect
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from feedback.config import load_config
from feedback.domain.cases import CaseRecord
from feedback.domain.colours import contrast
from feedback.domain.followups import CALL_AFTER, Outcome
from feedback.domain.surveys import ANSWERS_AT_MOST, COMMENT_LONGEST, Choice, Details, Stage
from feedback.i18n import LANGUAGES, Language, load_languages
from feedback.keys import Purpose, load_keys, new_id
from feedback.loop import answering, following_up
from feedback.loop.asking import Asking
from feedback.store import open_store
from feedback.web import create_app
from feedback.web.survey import FORM_LARGEST
from tests.conftest import ADA, DAY, NOW, Loop, free_port

TODAY = NOW + 2 * DAY
LONG_AGO = NOW - 40 * DAY
HEAVIEST = 15_000  # bytes of a page, besides what the customer typed
BRIGHT = "#ffeb3b"
AXE = Axe().axe_script
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
SAID = Details(
    (Stage.RESOLVE, Stage.ENHANCE), "Again on page two.\nWith a noise.", True, "+49 30 5550 0142", "mornings"
)


@dataclass
class Customer:
    """Somebody whose survey has gone out."""

    loop: Loop
    record: CaseRecord
    asked: datetime

    def __post_init__(self) -> None:
        self.loop.take(self.record, now=self.asked)
        self.loop.ask(self.asked + DAY)
        self.loop.send(self.asked + DAY)
        self.survey_id = self.loop.survey_id(self.record.ref)

    @property
    def path(self) -> str:
        return f"/s/{self.loop.keys.sign(Purpose.SURVEY, self.survey_id)}"

    @property
    def opt_out_path(self) -> str:
        return f"/o/{self.loop.keys.sign(Purpose.OPT_OUT, self.survey_id)}?in={self.record.locale}"

    def says(self, choice: Choice, details: Details | None = None) -> str:
        """The path to what they said."""
        answering.answer(self.loop.store, self.loop.config, self.survey_id, choice, self.asked + DAY)
        if details is not None:
            answering.add_details(self.loop.store, self.loop.config, self.survey_id, choice, details, self.asked + DAY)
        return self.path

    def opts_out(self) -> None:
        self.loop.opt_out(self.asked + DAY, self.survey_id)

    def is_asked_again(self) -> None:
        self.loop.take(replace(self.record, resolved_at=NOW), now=NOW)
        self.loop.ask(NOW + DAY)
        self.loop.send(NOW + DAY)

    def is_helped(self) -> None:
        (key,) = [each.id for each in self.loop.store.follow_ups.open_ones() if each.survey_id == self.survey_id]
        following_up.close(self.loop.store, self.loop.asking, key, Outcome.SOLVED, "Sent a ring.", None, TODAY)


@dataclass
class House:
    """The service in this process, for browsers by its address and for bare requests by a client."""

    loop: Loop
    app: Flask
    url: str
    served: list[str]
    numbers: Iterator[int] = field(default_factory=count)

    def customer(self, locale: str, asked: datetime = NOW, contacts: int = 1) -> Customer:
        number = next(self.numbers)
        record = replace(
            ADA, ref=f"N-{number}", customer_ref=f"n{number}", email=f"n{number}@example.org", locale=locale,
            resolved_at=asked, opened_at=asked - DAY, interactions=contacts,
        )  # fmt: skip
        return Customer(self.loop, record, asked)

    def language(self, locale: str) -> Language:
        return load_languages(self.loop.config.words_dir).choose(locale)


def ready(choice: Literal["", "/yes", "/no"]) -> Callable[[House, str], str]:
    return lambda house, locale: house.customer(locale).path + choice


def said(choice: Choice, details: Details | None = None, **known: Any) -> Callable[[House, str], str]:
    return lambda house, locale: house.customer(locale, **known).says(choice, details)


def so_far_no(house: House, locale: str) -> str:
    return house.customer(locale).says(Choice.NO) + "/yes"


def opted_out(house: House, locale: str) -> str:
    customer = house.customer(locale)
    customer.opts_out()
    return customer.path + "/no"


def asked_again(house: House, locale: str) -> str:
    customer = house.customer(locale, NOW - 18 * DAY)
    customer.is_asked_again()
    return customer.path + "/no"


def helped(house: House, locale: str) -> str:
    customer = house.customer(locale)
    customer.says(Choice.NO, SAID)
    customer.is_helped()
    return customer.path


def changed_often(house: House, locale: str) -> str:
    customer = house.customer(locale)
    for number in range(ANSWERS_AT_MOST):
        customer.says(list(Choice)[number % 2])
    return customer.path + "/yes"


def ended(choice: Choice | None) -> Callable[[House, str], str]:
    def arrive(house: House, locale: str) -> str:
        customer = house.customer(locale, LONG_AGO)
        return (customer.says(choice) if choice else customer.path) + "/no"

    return arrive


def unknown(house: House, _locale: str) -> str:
    return f"/s/{house.loop.keys.sign(Purpose.SURVEY, new_id())}"


def forged(house: House, locale: str) -> str:
    return house.customer(locale).path[:-1]


def opting_out(house: House, locale: str) -> str:
    return house.customer(locale).opt_out_path


def opting_in(house: House, locale: str) -> str:
    customer = house.customer(locale)
    customer.opts_out()
    return customer.opt_out_path


@dataclass(frozen=True)
class State:
    """`arrive` makes it so and gives the path to open; then the form is filled, and sent if need be."""

    heading: str
    arrive: Callable[[House, str], str]
    fills: Mapping[str, str] = field(default_factory=dict)
    sends: bool = False
    to: str = ""  # where it is sent to, if elsewhere than the form says
    status: int = 200
    wrong: tuple[str, ...] | None = None  # the fields to correct, as they follow on the page; None if it did not fail


SOLVED, SORRY, GOOD = "Did we solve it?", "Thank you for telling us", "Thank you, good to hear"
TOO_LONG = "word " * (COMMENT_LONGEST // 5) + "x"
STATES = {
    "question, yes ready": State(SOLVED, ready("/yes")),
    "question, no ready": State(SOLVED, ready("/no")),
    "question, nothing ready": State(SOLVED, ready("")),
    "question, sent without a choice": State(SOLVED, ready(""), sends=True, status=422, wrong=("choice",)),
    "question, after an answer": State(SOLVED, so_far_no),
    "question, after opting out": State(SOLVED, opted_out),
    "question, asked again since": State(SOLVED, asked_again),
    "question, changed too often": State(
        "This did not work", changed_often, {"choice": "yes"}, sends=True, status=409
    ),
    "no": State(SORRY, said(Choice.NO)),
    "no, a call wanted": State(SORRY, said(Choice.NO), {"call": "y"}),
    "no, details saved": State(SORRY, said(Choice.NO, SAID)),
    "no, comment too long": State(
        SORRY, said(Choice.NO), {"comment": TOO_LONG}, sends=True, status=422, wrong=("comment",)
    ),
    "no, call without a number": State(
        SORRY, said(Choice.NO), {"call": "y"}, sends=True, status=422, wrong=("phone",)
    ),
    "no, all of it wrong": State(
        SORRY, said(Choice.NO), {"call": "y", "comment": TOO_LONG, "phone": "1" * 51, "call_time": "x" * 101},
        sends=True, status=422, wrong=("comment", "phone", "call_time"),
    ),
    "no, all of it wrong after two contacts": State(
        SORRY, said(Choice.NO, contacts=CALL_AFTER), {"call": "y", "comment": TOO_LONG, "call_time": "x" * 101},
        sends=True, status=422, wrong=("phone", "call_time", "comment"),
    ),
    "no, something else sent meanwhile": State(
        SORRY, said(Choice.NO, SAID), {"comment": "Another text.", "seen": "stale"}, sends=True, status=409, wrong=()
    ),
    "no, after two contacts": State(SORRY, said(Choice.NO, contacts=CALL_AFTER)),
    "no, after two contacts, a call wanted": State(SORRY, said(Choice.NO, contacts=CALL_AFTER), {"call": "y"}),
    "no, closed by staff": State(SORRY, helped),
    "no, too late to change": State(SORRY, said(Choice.NO, SAID, asked=LONG_AGO)),
    "yes": State(GOOD, said(Choice.YES)),
    "yes, may be quoted": State(GOOD, said(Choice.YES), {"quote": "y"}),
    "yes, name too long": State(
        GOOD, said(Choice.YES), {"quote": "y", "quote_name": "x" * 101}, sends=True, status=422, wrong=("quote_name",)
    ),
    "ended": State("This link has ended", ended(None), status=410),
    "ended, with an answer": State("This link has ended", ended(Choice.NO), status=410),
    "unknown question": State("We do not have this question any more", unknown, status=410),
    "forged link": State("There is nothing here", forged, status=404),
    "opting out": State("Never ask me again?", opting_out),
    "opted out": State("You will not be asked again", opting_out, sends=True),
    "opted in again": State("You will be asked again", opting_in, sends=True),
    "far too much text": State(
        "This did not work", said(Choice.NO), {"seen": "x" * (FORM_LARGEST + 1)}, sends=True, status=413
    ),
    "sent where nothing is taken": State("This did not work", ready("/no"), sends=True, to="/no", status=405),
}  # fmt: skip
RICHEST = ("question, yes ready", "question, no ready", "no, all of it wrong", "no, something else sent meanwhile")


@contextmanager
def serving(app: Flask) -> Iterator[tuple[str, list[str]]]:
    """The address of the app on loopback, and what was asked of it; one thread, so one connection to the database."""
    served: list[str] = []
    worker = ThreadPoolExecutor(1)

    def answer(environ: Any, start_response: Any) -> Any:
        served.append(environ["PATH_INFO"])
        return worker.submit(Response.from_app, app, environ, True).result()(environ, start_response)

    server = make_server("127.0.0.1", free_port(), answer, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}", served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        worker.shutdown()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    copy(blank_database, folder)
    settings = {"data_dir": str(folder), "sender": "Acme <care@acme.example>", "window": "off", "daily_cap": "100000"}
    config = load_config({f"FEEDBACK_{name.upper()}": value for name, value in settings.items()}, env_file=None)
    store, keys = open_store(config.database_url), load_keys(folder)
    app = create_app(config, store, keys, lambda: TODAY)
    with serving(app) as (url, served):
        yield House(Loop(store, keys, config, Asking(store, keys, config)), app, url, served)
    store.close()


@dataclass
class Visit:
    """A browser at a state. Whoever changes what is emulated puts it back."""

    page: Page
    devtools: CDPSession
    state: State
    language: Language
    status: int
    before: int  # what was served by then
    asked_for: list[str]
    focused: str  # at first


FILL = """([fills, to, sends]) => {
  const form = document.querySelector("form");
  for (const [name, value] of Object.entries(fills)) {
    const field = form.elements[name];
    if (field.type === "checkbox") field.checked = true; else field.value = value;
  }
  if (to) form.action += to;
  form.noValidate = true;
  if (sends) form.requestSubmit();
}"""


def visit_state(house: House, page: Page, url: str, locale: str, state: State) -> tuple[int, int]:
    """Go there as a customer does; the status, and how much was served before the last page."""
    path = state.arrive(house, locale)
    before = len(house.served)
    answer = page.goto(url + path)
    if state.sends:
        before = len(house.served)
        with page.expect_navigation() as navigation:
            page.evaluate(FILL, [state.fills, state.to, True])
        answer = navigation.value
    elif state.fills:
        page.evaluate(FILL, [state.fills, "", False])
    assert answer is not None
    return answer.status, before


SMALL: ViewportSize = {"width": 320, "height": 640}
LOCALES = ("en", "ar")  # a direction each
FOCUSED = """new Promise(tell =>  // `autofocus` is heeded before the first picture is drawn
  requestAnimationFrame(() => requestAnimationFrame(() => tell(document.activeElement.name ?? ""))))"""


@pytest.fixture(scope="module")
def phones(browser: Browser) -> Iterator[dict[str, tuple[Page, CDPSession]]]:
    """A small one for each writing direction."""
    pages = [browser.new_context(locale=locale, viewport=SMALL).new_page() for locale in LOCALES]
    yield {locale: (page, page.context.new_cdp_session(page)) for locale, page in zip(LOCALES, pages, strict=True)}
    for page in pages:
        page.context.close()


@pytest.fixture(scope="module", params=[(name, locale) for name in STATES for locale in LOCALES], ids=" ".join)
def visit(house: House, phones: dict[str, tuple[Page, CDPSession]], request: pytest.FixtureRequest) -> Iterator[Visit]:
    name, locale = request.param
    page, devtools = phones[locale]
    asked_for: list[str] = []
    page.on("request", listener := lambda each: asked_for.append(each.url))
    status, before = visit_state(house, page, house.url, locale, STATES[name])
    focused = page.evaluate(FOCUSED)
    yield Visit(page, devtools, STATES[name], house.language(locale), status, before, asked_for, focused)
    page.remove_listener("request", listener)


def axe(page: Page, rules: object) -> list[str]:
    """What it complains of, and what it cannot decide."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE)
    options = {"runOnly": rules, "resultTypes": ["violations", "incomplete"]}
    found = page.evaluate("options => axe.run(options)", options)
    complaints = found["violations"] + found["incomplete"]
    return [f"{each['id']} at {[node['target'] for node in each['nodes']]}" for each in complaints]


def test_axe_finds_nothing_in_light_or_dark(visit: Visit) -> None:
    assert axe(visit.page, RULES) == []
    visit.page.emulate_media(color_scheme="dark")
    assert visit.page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(18, 24, 27)"
    found = axe(visit.page, CONTRAST)
    visit.page.emulate_media(color_scheme="light")
    assert found == []


def announced(visit: Visit, *roles: str) -> list[dict[str, str]]:
    """What a screen reader is told of the parts with these roles, in order."""
    nodes = visit.devtools.send("Accessibility.getFullAXTree")["nodes"]
    return [
        {key: node.get(key, {}).get("value", "").strip() for key in ("role", "name", "description")}
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in roles
    ]


def test_a_page_says_what_it_is_in_the_customers_language_and_direction(visit: Visit) -> None:
    language, direction = visit.language, {"en": "ltr", "ar": "rtl"}[visit.language.tag]
    assert visit.status == visit.state.status
    assert visit.page.evaluate("[document.documentElement.lang, document.dir]") == [language.tag, direction]
    assert visit.page.locator("h1").all_inner_texts() == [language.text(visit.state.heading)]
    assert visit.page.title().endswith(" — Acme")
    parts = [each["role"] for each in announced(visit, "main", "status", "alert")]
    is_saved = language.text("We have what you wrote.") in visit.page.inner_text("main")
    assert parts.count("main") == 1
    assert parts.count("status") == is_saved


INDENTED = """() => [...document.querySelectorAll("main *")].filter(each => {
  const { direction, paddingLeft, paddingRight, borderLeftWidth, borderRightWidth } = getComputedStyle(each);
  const [left, right] = [[paddingLeft, borderLeftWidth], [paddingRight, borderRightWidth]]
    .map(([padding, border]) => parseFloat(padding) + parseFloat(border));
  return direction === "rtl" ? left > right : right > left;
}).map(each => each.outerHTML.slice(0, 80))"""


def test_indents_are_on_the_side_where_lines_begin(visit: Visit) -> None:
    assert visit.page.evaluate(INDENTED) == []


def test_a_page_that_was_not_taken_says_so_in_its_title(visit: Visit) -> None:
    error = visit.language.text("Error: %(title)s", title="").strip()
    assert visit.page.title().startswith(error) is (visit.state.wrong is not None)


CONTROL_ROLES = ("radio", "checkbox", "textbox", "button", "link", "group", "radiogroup")
LABELS = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), textarea, fieldset")]
  .filter(each => each.checkVisibility())
  .map(each => (each.querySelector("legend") ?? each.labels?.[0] ?? each).innerText.trim())"""


def test_every_control_is_announced_by_the_words_that_are_seen_with_it(visit: Visit) -> None:
    names = [each["name"] for each in announced(visit, *CONTROL_ROLES)]
    assert all(names)
    assert sorted(names) == sorted(visit.page.evaluate(LABELS))


MARKED = """() => [...document.querySelectorAll("[aria-invalid=true]")]
  .map(each => each.name || each.querySelector("input").name)"""


def test_what_is_wrong_is_told_with_its_field_and_the_first_such_field_has_the_focus(visit: Visit) -> None:
    wrong = visit.state.wrong or ()
    errors = [each.strip() for each in visit.page.locator(".error").all_inner_texts()]
    assert len(errors) == len(wrong)
    assert visit.page.evaluate(MARKED) == list(wrong)
    assert [text for each in announced(visit, *CONTROL_ROLES) if (text := each["description"])] == errors
    assert visit.focused == (wrong[0] if wrong else "")
    if visit.state.wrong == ():
        assert len(announced(visit, "alert")) == 1  # what is wrong is no field's fault


@dataclass(frozen=True)
class Stop:
    """Where Tab stops. `place` counts elements in the order of the document."""

    place: int
    top: float
    is_on_screen: bool
    outline: str
    width: float
    colours: tuple[str, str]  # of the outline, and behind it


STOP = """() => {
  const focused = document.activeElement, style = getComputedStyle(focused), box = focused.getBoundingClientRect();
  let behind = focused;
  do behind = behind.parentElement; while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)");
  return {
    place: [...document.querySelectorAll("body *")].indexOf(focused), top: box.top + scrollY,
    is_on_screen: box.top >= 0 && box.top < innerHeight && box.bottom > 0, outline: style.outlineStyle,
    width: parseFloat(style.outlineWidth),
    colours: behind ? [style.outlineColor, getComputedStyle(behind).backgroundColor] : ["", ""],
  };
}"""
CONTROLS = """() => new Set([...document.querySelectorAll("a, button, input:not([type=hidden]), textarea")]
  .filter(each => each.checkVisibility()).map(each => each.type === "radio" ? each.name : each)).size"""
FROM_THE_TOP = "document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute('tabindex')"


def stops(page: Page) -> list[Stop]:
    """As many as there are controls, from the top, and one more."""
    page.evaluate(FROM_THE_TOP)
    found = []
    for _ in range(page.evaluate(CONTROLS) + 1):
        page.keyboard.press("Tab")
        found.append(Stop(**page.evaluate(STOP)))
    return found


def test_tab_visits_every_control_in_the_order_of_the_page_visibly_and_leaves(visit: Visit) -> None:
    *visited, left = stops(visit.page)
    places = [each.place for each in visited]
    assert places == sorted(set(places))
    assert [each.top for each in visited] == sorted(each.top for each in visited)
    assert left.place in (-1, *places[:1])
    for each in visited:
        assert each.place >= 0
        assert each.is_on_screen
        assert each.outline == "solid"
        assert each.width >= 2
        assert apart(*each.colours) >= 3


def apart(one: str, other: str) -> float:
    """The contrast of two opaque colours as a browser computes them."""
    first, second = ("#{:02x}{:02x}{:02x}".format(*map(int, re.findall(r"\d+", each))) for each in (one, other))
    return contrast(first, second)


LAYOUT = """() => {
  const root = document.documentElement, wrong = [];
  const shown = [...document.querySelectorAll("main, main *, body > *")]
    .filter(each => each.checkVisibility() && !["BR", "SCRIPT"].includes(each.tagName));
  const told = each => each.outerHTML.slice(0, 80);
  if (root.scrollWidth > root.clientWidth) wrong.push(`the page is ${root.scrollWidth} px wide`);
  for (const each of shown) {
    const box = each.getBoundingClientRect(), style = getComputedStyle(each);
    if (box.left < -0.5 || box.right > root.clientWidth + 0.5) wrong.push(`sticks out: ${told(each)}`);
    if (style.display === "inline" || each.matches("input, textarea")) continue;
    if (each.scrollWidth > each.clientWidth + 1) wrong.push(`too wide for itself: ${told(each)}`);
    if (each.matches("button, label, legend") && each.scrollHeight > each.clientHeight + 1)
      wrong.push(`too high for itself: ${told(each)}`);
  }
  const boxes = shown.filter(each => each.matches("h1, h2, p, legend, label, button, input, textarea, blockquote"))
    .map(each => [each, each.getBoundingClientRect()]);
  boxes.forEach(([one, a], n) => boxes.slice(n + 1).forEach(([two, b]) => {
    const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (width > 1 && height > 1 && !one.contains(two)) wrong.push(`${told(one)} overlaps ${told(two)}`);
  }));
  return wrong;
}"""
LARGER = """() => {
  const all = [...document.querySelectorAll("body *")];
  const sizes = all.map(each => parseFloat(getComputedStyle(each).fontSize));
  all.forEach((each, n) => { each.style.fontSize = `${2 * sizes[n]}px`; });
}"""
SPACED = """() => document.querySelectorAll("body *").forEach(({ style, tagName }) => {
  style.lineHeight = "1.5"; style.letterSpacing = "0.12em"; style.wordSpacing = "0.16em";
  if (tagName === "P") style.marginBottom = "2em";
})"""
AS_IT_WAS = "document.querySelectorAll('body *').forEach(each => { each.style.cssText = ''; })"


def test_nothing_scrolls_sideways_is_cut_off_or_overlaps_at_320_px(visit: Visit) -> None:
    assert visit.page.evaluate("innerWidth") == 320
    assert visit.page.evaluate(LAYOUT) == []


@pytest.mark.parametrize("change", [LARGER, SPACED], ids=["twice as large", "spaced as in WCAG 1.4.12"])
def test_nothing_is_cut_off_or_overlaps_with_text(visit: Visit, change: str) -> None:
    visit.page.evaluate(change)
    found = visit.page.evaluate(LAYOUT)
    visit.page.evaluate(AS_IT_WAS)
    assert found == []


def test_nothing_is_cut_off_or_overlaps_at_200_percent(visit: Visit) -> None:
    """A window of 1280 px is 640 wide then, and each of its pixels two."""
    zoomed = {"width": 640, "height": 400, "deviceScaleFactor": 2, "mobile": False}
    visit.devtools.send("Emulation.setDeviceMetricsOverride", zoomed)
    seen = visit.page.evaluate("[innerWidth, devicePixelRatio]")
    found = visit.page.evaluate(LAYOUT)
    visit.devtools.send("Emulation.clearDeviceMetricsOverride")
    assert seen == [640, 2]
    assert found == []


TARGETS = """() => [...document.querySelectorAll("a, button, label:has(input), textarea, [type=text], [type=tel]")]
  .filter(each => each.checkVisibility())
  .map(each => [each.outerHTML.slice(0, 80), each.matches("a"), each.getBoundingClientRect().width,
    Math.min(...[...each.getClientRects()].map(box => box.height))])"""


def test_every_target_is_large_enough_for_a_thumb(visit: Visit) -> None:
    for target, is_link, width, height in visit.page.evaluate(TARGETS):
        assert width >= 24, target
        assert height >= (24 if is_link else 44), target


FORCED = """() => [...document.querySelectorAll(".choices label, button, input:not([type=hidden]), textarea")]
  .filter(each => each.checkVisibility())
  .map(each => [each, getComputedStyle(each)])
  .filter(([each, style]) => !(each.type === "checkbox" && style.appearance === "auto"))  // the system draws those
  .map(([each, style]) => ({
    html: each.outerHTML.slice(0, 80), edge: style.borderTopStyle, width: parseFloat(style.borderTopWidth),
    colours: [style.borderTopColor, getComputedStyle(document.documentElement).backgroundColor],
    choice: each.matches(".choices *"), is_made: each.matches(":checked, :has(:checked)"),
    mark: `${style.outlineStyle} ${style.outlineWidth}`,
  }))"""


def test_forced_colours_leave_every_border_and_show_the_choice_by_its_shape(visit: Visit) -> None:
    visit.page.evaluate("document.activeElement.blur()")
    visit.page.emulate_media(forced_colors="active")
    controls = visit.page.evaluate(FORCED)
    visit.page.emulate_media(forced_colors="none")
    for each in controls:
        assert each["edge"] == "solid", each
        assert each["width"] >= 1, each
        assert apart(*each["colours"]) >= 3, each
    for label, dot in zip(*[iter([each for each in controls if each["choice"]])] * 2, strict=True):
        assert label["mark"].startswith("solid") is label["is_made"]
        assert (dot["width"] > 2) is dot["is_made"]


MOTION = """() => [...document.querySelectorAll("*")].flatMap(each => ["", "::before", "::after"].flatMap(part => {
  const style = getComputedStyle(each, part || null);
  return [style.transitionDuration, style.transitionDelay, style.animationDuration, style.animationDelay]
    .flatMap(each => each.split(",")).map(parseFloat).concat(style.scrollBehavior === "smooth" ? [1] : []);
})).reduce((most, each) => Math.max(most, each), 0)"""


def test_nothing_moves_for_longer_than_150_ms_and_with_reduced_motion_not_at_all(visit: Visit) -> None:
    longest = visit.page.evaluate(MOTION)
    visit.page.emulate_media(reduced_motion="reduce")
    reduced = visit.page.evaluate(MOTION)
    visit.page.emulate_media(reduced_motion="no-preference")
    assert longest <= 0.15
    assert reduced <= 0.01


def test_a_page_is_one_request_to_the_service_alone_and_leaves_no_cookie(house: House, visit: Visit) -> None:
    assert house.served[visit.before :] == [urlsplit(visit.page.url).path]
    assert {url.split("/")[2].split(":")[0] for url in visit.asked_for} == {"127.0.0.1"}
    assert visit.page.context.cookies() == []


@pytest.mark.parametrize("name", STATES)
def test_without_javascript_every_state_is_reached(house: House, plain: Page, name: str) -> None:
    state = STATES[name]
    status, before = visit_state(house, plain, house.url, "en", state)
    assert (status, len(house.served) - before) == (state.status, 1)
    assert plain.locator("h1").all_inner_texts() == [state.heading]
    for asked in plain.locator(".asked").all():
        assert asked.locator(".beside").is_visible() is asked.get_by_role("checkbox").is_checked()


@pytest.fixture(scope="module")
def plain(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=SMALL, java_script_enabled=False)
    yield context.new_page()
    context.close()


EDGES = """() => [...document.querySelectorAll(".choices label, button, input:not([type=hidden]), textarea")]
  .filter(each => each.checkVisibility())
  .map(each => {
    const style = getComputedStyle(each), clear = "rgba(0, 0, 0, 0)";
    let behind = each;
    do behind = behind.parentElement; while (getComputedStyle(behind).backgroundColor === clear);
    const edge = parseFloat(style.borderTopWidth) ? style.borderTopColor : style.backgroundColor;
    return [each.outerHTML.slice(0, 80), edge, getComputedStyle(behind).backgroundColor];
  })"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("colour", ["ours", "bright"])
def test_text_edges_and_focus_stand_out_in_every_colour(
    house: House, browser: Browser, scheme: Literal["light", "dark"], colour: str
) -> None:
    loop = house.loop
    config = loop.config if colour == "ours" else loop.config.model_copy(update={"colour": BRIGHT})
    context = browser.new_context(viewport=SMALL, color_scheme=scheme)
    page = context.new_page()
    with serving(create_app(config, loop.store, loop.keys, lambda: TODAY)) as (url, served):
        here = replace(house, served=served)
        for name in RICHEST:
            visit_state(here, page, url, "en", STATES[name])
            assert (BRIGHT in page.content()) is (colour == "bright")
            assert axe(page, CONTRAST) == []
            assert [each for each in stops(page)[:-1] if apart(*each.colours) < 3] == []
            assert [what for what, edge, behind in page.evaluate(EDGES) if apart(edge, behind) < 3] == []
    context.close()


@pytest.mark.parametrize("has_javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_the_keyboard_alone_goes_the_whole_way(house: House, browser: Browser, has_javascript: bool) -> None:
    context = browser.new_context(java_script_enabled=has_javascript)
    page = context.new_page()

    def tab_to(role: Any, name: str) -> None:
        page.keyboard.press("Tab")
        expect(page.get_by_role(role, name=name, exact=True)).to_be_focused()

    def tab_on_to(role: Any, name: str) -> None:
        wanted = page.get_by_role(role, name=name, exact=True)
        for _ in range(page.evaluate(CONTROLS)):
            page.keyboard.press("Tab")
            if wanted.evaluate("each => each === document.activeElement"):
                return
        pytest.fail(f"Tab never comes to {name}")

    def press(key: str, heading: str) -> None:
        with page.expect_navigation():
            page.keyboard.press(key)
        assert page.get_by_role("heading", level=1).inner_text() == heading

    customer = house.customer("en")
    page.goto(f"{house.url}{customer.path}/yes")
    tab_to("radio", "Yes, it is solved")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="No, something is still wrong")).to_be_checked()
    tab_to("button", "Send my answer: No")
    press("Enter", SORRY)
    tab_to("checkbox", "I had to tell my story again")
    page.keyboard.press("Space")
    tab_to("checkbox", "I could not find help myself")
    tab_to("checkbox", "It took too long, I was passed around, or it still does not work")
    tab_to("checkbox", "It came back")
    page.keyboard.press("Space")
    tab_to("textbox", "In your own words")
    page.keyboard.type("Again on page two.")
    tab_to("checkbox", "Please call me")
    page.keyboard.press("Space")
    tab_to("textbox", "Your number")
    page.keyboard.type("+49 30 5550 0142")
    tab_to("textbox", "When may we call?")
    page.keyboard.type("mornings")
    tab_to("button", "Add this to my answer")
    press("Enter", SORRY)
    assert "We have what you wrote." in page.get_by_role("status").inner_text()
    answer = house.loop.store.surveys.get(customer.survey_id).newest
    assert answer is not None
    assert answer.details == replace(SAID, reasons=(Stage.CONNECT, Stage.ENHANCE), comment="Again on page two.")
    tab_on_to("link", "My answer is “Yes”")
    press("Enter", SOLVED)
    tab_to("radio", "Yes, it is solved")
    tab_to("button", "Send my answer: Yes")
    press("Enter", GOOD)
    tab_on_to("checkbox", "You may quote me")
    page.keyboard.press("Space")
    tab_to("textbox", "The name to put beside it")
    page.keyboard.type("Ada L.")
    press("Enter", GOOD)
    assert "We have what you wrote." in page.get_by_role("status").inner_text()
    context.close()


def fetched(client: FlaskClient, house: House, locale: str, state: State) -> tuple[str, list[str]]:
    """A state's page, and the cookies that were set on the way."""
    answers = [client.get(state.arrive(house, locale))]
    if state.sends:
        form = re.search(r'<form method="post" action="([^"]+)"', answers[0].text)
        assert form is not None
        hidden = {
            name: unescape(value) for name, value in re.findall(r'hidden" name="(\w+)" value="(.*?)"', answers[0].text)
        }
        answers.append(client.post(unescape(form[1]) + state.to, data={**hidden, **state.fills}))
    assert answers[-1].status_code == state.status
    return answers[-1].text, [cookie for each in answers for cookie in each.headers.getlist("Set-Cookie")]


@pytest.mark.parametrize("locale", LANGUAGES)
def test_in_every_language_each_page_is_light_and_needs_nothing_else(house: House, locale: str) -> None:
    client = house.app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = locale
    for name, state in STATES.items():
        page, cookies = fetched(client, house, locale, state)
        assert f'<html lang="{locale}"' in page, name
        typed = sum(len(each) for each in state.fills.values() if each in page)
        assert len(page.encode()) - typed < HEAVIEST, name
        assert not re.search(r"<(script\s[^>]*src|img|link|iframe|object)\b|url\(|@import|https?:", page), name
        assert cookies == [], name

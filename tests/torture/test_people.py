"""People answer in every way that people do, in a real browser; each counts exactly once, and as meant."""

import json
import random
import re
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize, expect
from playwright.sync_api import Error as PlaywrightError

from feedback.domain.surveys import REASONS, Choice, Details, Stage
from feedback.store import open_store
from tests.conftest import TORTURE, Workplace, eventually, parse_mail, text_of

pytestmark = pytest.mark.torture

SEED = 11
SILENT = 10  # who open the links, or do not even do that
PHONE = ViewportSize(width=320, height=640)
BLOCKED = {
    "profile": {"default_content_setting_values": {"cookies": 2}}
}  # Chromium's preferences: no site may keep any
TWO_G = {  # a slow one: 300 ms, 250 kbit/s down and 50 up; the last two are bytes a second
    "offline": False, "latency": 300, "downloadThroughput": 250_000 / 8, "uploadThroughput": 50_000 / 8,
}  # fmt: skip
TIMEOUT_S = 20
TIMEOUT_MS = 1000 * TIMEOUT_S

QUESTION = "Did we solve it?"
LABELS = {Choice.YES: "Yes, it is solved", Choice.NO: "No, something is still wrong"}
BUTTONS = {Choice.YES: "Send my answer: Yes", Choice.NO: "Send my answer: No"}
THANKS = {Choice.YES: "Thank you, good to hear", Choice.NO: "Thank you for telling us"}
CHANGES = {Choice.YES: "My answer is “Yes”", Choice.NO: "My answer is “No”"}
OTHER = {Choice.YES: Choice.NO, Choice.NO: Choice.YES}
WORDS = (
    "Again 😡 on page two.\n\nSince Monday 👩🏽‍🔧, as I said:\n– it prints\n– it stops",
    "Danke! 🎉🎉\nGrüße aus Köln",
    "It said <b>\"100 % done\"</b> & 'ready'; it's not.\n\t{{ 7 * 7 }} \\n",
    "شكرا 🙏\nثلاث مرات",
    "\N{REGIONAL INDICATOR SYMBOL LETTER F}\N{REGIONAL INDICATOR SYMBOL LETTER R} 7,50 €, not 75",
)


NOTHING_MORE = Details()


@dataclass(frozen=True, slots=True)
class Meant:
    """The choices that somebody made, each another one than the one before, and what was said beside the last."""

    choices: tuple[Choice, ...]
    details: Details = NOTHING_MORE


def meant(*choices: Choice) -> Meant:
    """What taps in this order mean: the same again is no change of mind."""
    return Meant(tuple(choice for n, choice in enumerate(choices) if n == 0 or choice is not choices[n - 1]))


@dataclass
class Database:
    """The service's, read from outside. Its keys are the cases' references, for each case was asked about once."""

    path: Path

    def rows(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as database:
            return database.execute(statement).fetchall()

    def surveys(self) -> list[str]:
        return [ref for (ref,) in self.rows(f"SELECT c.ref FROM surveys s {ABOUT}")]

    def answers(self) -> dict[str, Meant]:
        """Every row: all choices of each survey, in their order, and the details of the newest."""
        found: dict[str, Meant] = {}
        for ref, choice, reasons, comment, call, phone, call_time, quote_name in self.rows(
            "SELECT c.ref, a.choice, a.reasons, a.comment, a.call, a.phone, a.call_time, a.quote_name"
            f" FROM answers a JOIN surveys s ON s.id = a.survey_id {ABOUT} ORDER BY a.survey_id, a.seq"
        ):
            stages = tuple(Stage(stage) for stage in (reasons or "").split(",") if stage)
            details = Details(stages, comment or "", bool(call), phone or "", call_time or "", quote_name)
            before = found[ref].choices if ref in found else ()
            found[ref] = Meant((*before, Choice(choice)), details)
        return found

    def follow_ups(self) -> list[tuple[str, bool]]:
        """Each with its survey's case, and whether it is open."""
        found = self.rows(
            f"SELECT c.ref, f.closed_at IS NULL FROM follow_ups f JOIN surveys s ON s.id = f.survey_id {ABOUT}"
        )
        return sorted((ref, bool(is_open)) for ref, is_open in found)


ABOUT = "JOIN resolutions r ON r.id = s.resolution_id JOIN cases c ON c.id = r.case_id"


@dataclass
class Person:
    """Somebody who was sent a mail. Their browser may be one that others have used for theirs, as at a library."""

    ref: str
    link: str  # of the mail, less the choice
    chance: random.Random
    tab: Page
    browsers: "Browsers"
    database: Database
    opened: list[Page | BrowserContext] = field(default_factory=list)

    def either(self) -> Choice:
        return self.chance.choice(list(Choice))

    def new_tab(self) -> Page:
        page = self.tab.context.new_page()
        self.opened.append(page)
        return page

    def new_browser(self, *, keeps_nothing: bool = False) -> Page:
        """A page in another browser, which shares nothing with any other."""
        context = self.browsers.start(self.tab, keeps_nothing=keeps_nothing)
        self.opened.append(context)
        return context.new_page()

    def open(self, choice: Choice | None, page: Page | None = None) -> Page:
        """The page of one of the two links, or of the link without a choice."""
        page = page or self.tab
        answer = page.goto(self.link if choice is None else f"{self.link}/{choice}")
        assert answer is not None
        assert answer.status == 200
        return page

    def vote(self, choice: Choice, page: Page | None = None) -> Page:
        """Open a link and tap."""
        page = self.open(choice, page)
        tap(page, choice)
        return page

    def kept(self) -> Meant | None:
        return self.database.answers().get(self.ref)

    def words(self) -> str:
        return f"{self.chance.choice(WORDS)} ({self.chance.getrandbits(40):x})"

    def details(self, choice: Choice) -> Details:
        reasons = tuple(stage for stage in Stage if self.chance.random() < 0.5)
        said = Details(reasons, self.words())
        if choice is Choice.NO:
            return replace(
                said, call=True, phone=f"+49 30 {self.chance.randrange(10**6)}", call_time="after 5 pm, not Fri"
            )
        return replace(said, quote_name=self.chance.choice(["Zoë O’Neill", "Ada <ada@example.org>", ""]))

    def leave(self) -> None:
        """Close what was opened. No cookie has been set."""
        for opened in self.opened:
            context = opened.context if isinstance(opened, Page) else opened
            assert context.cookies() == []
            opened.close()
        assert self.tab.context.cookies() == []


def tap(page: Page, choice: Choice) -> None:
    """Press the large button; thanks are said."""
    button = page.get_by_role("button", name=BUTTONS[choice])
    with page.expect_navigation():
        button.click()
    thanked(page, choice)


def thanked(page: Page, choice: Choice) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(THANKS[choice])


def choose(page: Page, choice: Choice) -> None:
    page.get_by_label(LABELS[choice]).check()


def change(page: Page, choice: Choice) -> None:
    """By the link on the page of thanks."""
    page.get_by_role("link", name=CHANGES[choice]).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(QUESTION)
    tap(page, choice)


def write(page: Page, choice: Choice, said: Details) -> None:
    """Fill in the second form."""
    for stage, words in REASONS[choice].items():
        page.get_by_label(words).set_checked(stage in said.reasons)
    page.get_by_label("In your own words").fill(said.comment)
    if said.call:
        page.get_by_label("Please call me").check()
        page.get_by_label("Your number").fill(said.phone)
        page.get_by_label("When may we call?").fill(said.call_time)
    if said.quote_name is not None:
        page.get_by_label("You may quote me").check()
        page.get_by_label("The name to put beside it").fill(said.quote_name)


def save(page: Page) -> int:
    """Send the second form; the status of the page that comes."""
    with page.expect_navigation() as navigation:
        page.get_by_role("button", name=re.compile("Add this to my answer|Save the change")).click()
    answer = navigation.value
    assert answer is not None
    if answer.status == 200:
        expect(page.get_by_role("status")).to_contain_text("We have what you wrote.")
    return answer.status


def send_at_once(url: str, form: dict[str, str]) -> list[int]:
    """The same form by two requests at the same moment; their statuses."""
    address, path = urlsplit(url).netloc, urlsplit(url).path
    ready = threading.Barrier(2, timeout=TIMEOUT_S)

    def send(_n: int) -> int:
        with closing(HTTPConnection(address, timeout=TIMEOUT_S)) as connection:
            connection.connect()
            ready.wait()
            connection.request("POST", path, urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
            return connection.getresponse().status

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(send, range(2)))


@contextmanager
def answers_held_back(page: Page) -> Iterator[None]:
    """Requests leave, and until the end the browser gets to see no answer."""
    line = page.context.new_cdp_session(page)
    line.send("Fetch.enable", {"patterns": [{"requestStage": "Response"}]}, timeout=TIMEOUT_MS)
    try:
        yield
    finally:
        line.send("Fetch.disable", timeout=TIMEOUT_MS)


class Line(ThreadingHTTPServer):
    """A way to the service, as through a proxy, on which a POST takes its time."""

    def __init__(self, service: str) -> None:
        super().__init__(("127.0.0.1", 0), _Travelling)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.service = service
        self.has_left = threading.Event()
        self.may_arrive = threading.Event()


class _Travelling(BaseHTTPRequestHandler):
    server: Line
    timeout = TIMEOUT_S

    def do_GET(self) -> None:
        with closing(HTTPConnection(self.server.service, timeout=TIMEOUT_S)) as connection:
            connection.request("GET", self.path)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name in ("Content-Type", "Content-Security-Policy", "Cache-Control"):
                self.send_header(name, answer.headers[name])
            self.end_headers()
            self.wfile.write(answer.read())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.has_left.set()
        assert self.server.may_arrive.wait(TIMEOUT_S)
        with closing(HTTPConnection(self.server.service, timeout=TIMEOUT_S)) as connection:
            connection.request("POST", self.path, body, dict(self.headers))
            connection.getresponse().read()  # whoever sent it is gone; a proxy stays on the line

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def long_line(service: str) -> Iterator[Line]:
    with Line(service) as line:
        serving = threading.Thread(target=line.serve_forever, args=[0.01])
        serving.start()
        try:
            yield line
        finally:
            line.may_arrive.set()
            line.shutdown()
            serving.join()


def is_post(request: Request) -> bool:
    return request.method == "POST"


# The habits: each answers in its way, and tells what it meant.


def taps_what_the_mail_made_ready(person: Person) -> Meant:
    choice = person.either()
    person.vote(choice)
    return meant(choice)


def chooses_the_other_on_the_page(person: Person) -> Meant:
    choice = person.either()
    page = person.open(OTHER[choice])
    choose(page, choice)
    tap(page, choice)
    return meant(choice)


def chooses_on_the_bare_page(person: Person) -> Meant:
    choice = person.either()
    page = person.open(None)
    choose(page, choice)
    tap(page, choice)
    return meant(choice)


def uses_the_keyboard(person: Person) -> Meant:
    choice = person.either()
    page = person.open(None)
    page.get_by_label(LABELS[choice]).press("Space")
    with page.expect_navigation():
        page.get_by_label(LABELS[choice]).press("Enter")
    thanked(page, choice)
    return meant(choice)


def changes_the_mind(person: Person) -> Meant:
    choices = [person.either()]
    page = person.vote(choices[0])
    for _ in range(person.chance.randint(1, 3)):
        choices.append(OTHER[choices[-1]])
        change(page, choices[-1])
    return meant(*choices)


def changes_the_mind_and_back_with_words(person: Person) -> Meant:
    choice = person.either()
    said = person.details(choice)
    page = person.vote(choice)
    write(page, choice, said)
    assert save(page) == 200
    change(page, OTHER[choice])
    assert person.kept() == meant(choice, OTHER[choice])  # and none of the words beside the other choice
    change(page, choice)
    return replace(meant(choice, OTHER[choice], choice), details=said)


def opens_the_other_link_later(person: Person) -> Meant:
    choice = person.either()
    person.vote(OTHER[choice], person.new_tab()).close()
    page = person.open(choice)
    expect(page.get_by_text("So far you said")).to_be_visible()
    tap(page, choice)
    return meant(OTHER[choice], choice)


def clicks_twice(person: Person) -> Meant:
    choice = person.either()
    page = person.open(choice)
    page.get_by_role("button").dblclick()
    thanked(page, choice)
    return meant(choice)


def taps_again_while_waiting(person: Person) -> Meant:
    """The line is slow: the second request leaves before the first is answered."""
    choice = person.either()
    page = person.open(choice, person.new_tab())
    box = page.get_by_role("button").bounding_box()
    assert box is not None
    with answers_held_back(page):
        for _ in range(2):
            with page.expect_request(is_post):
                page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    thanked(page, choice)
    return meant(choice)


def holds_enter(person: Person) -> Meant:
    choice = person.either()
    page = person.open(choice)
    page.get_by_role("button").focus()
    for _ in range(person.chance.randint(2, 5)):
        page.keyboard.down("Enter")  # the first, and then what a held key repeats
    page.keyboard.up("Enter")
    thanked(page, choice)
    return meant(choice)


def sends_twice_at_the_same_moment(person: Person) -> Meant:
    choice = person.either()
    page = person.open(choice)
    form = page.locator("form").get_attribute("action")
    assert send_at_once(page.url.partition("/s/")[0] + str(form), {"choice": choice}) == [303, 303]
    page.goto(person.link)
    thanked(page, choice)
    return meant(choice)


def answers_in_two_tabs(person: Person) -> Meant:
    choice = person.either()
    first, second = person.open(choice), person.open(OTHER[choice], person.new_tab())
    first.bring_to_front()
    tap(first, choice)
    second.bring_to_front()
    tap(second, OTHER[choice])
    return meant(choice, OTHER[choice])


def writes_in_two_tabs(person: Person) -> Meant:
    choice = person.either()
    early, late = person.details(choice), person.details(choice)
    first = person.vote(choice)
    second = person.open(None, person.new_tab())
    thanked(second, choice)
    first.bring_to_front()
    write(first, choice, early)
    assert save(first) == 200
    second.bring_to_front()
    write(second, choice, late)
    assert save(second) == 409
    assert second.get_by_role("blockquote").inner_text() == early.comment  # what would be lost
    assert second.get_by_label("In your own words").input_value() == late.comment
    assert person.kept() == replace(meant(choice), details=early)
    assert save(second) == 200
    return replace(meant(choice), details=late)


def goes_back_and_taps_again(person: Person) -> Meant:
    choice = person.either()
    page = person.vote(choice)
    page.go_back()
    again = person.either()
    choose(page, again)
    tap(page, again)
    return meant(choice, again)


def goes_back_and_changes_the_words(person: Person) -> Meant:
    choice = person.either()
    said = person.details(choice)
    page = person.vote(choice)
    write(page, choice, said)
    assert save(page) == 200
    page.go_back()
    thanked(page, choice)
    said = replace(said, comment=person.words())
    page.get_by_label("In your own words").fill(said.comment)
    if (status := save(page)) == 409:
        assert page.get_by_label("In your own words").input_value() == said.comment
        status = save(page)
    assert status == 200
    return replace(meant(choice), details=said)


def reloads_after_voting(person: Person) -> Meant:
    choice = person.either()
    page = person.vote(choice, person.new_tab())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    page.reload()
    thanked(page, choice)
    assert asked == ["GET"]
    return meant(choice)


def forwards_the_mail(person: Person) -> Meant:
    choice, colleagues = person.either(), person.either()
    person.vote(choice)
    person.vote(colleagues, person.new_browser())
    return meant(choice, colleagues)


def allows_no_cookies(person: Person) -> Meant:
    """In a browser that refuses them, and all other storage with them."""
    choice = person.either()
    page = person.vote(choice, person.new_browser(keeps_nothing=True))
    with pytest.raises(PlaywrightError, match="SecurityError"):
        page.evaluate("sessionStorage.length")
    said = person.details(choice)
    write(page, choice, said)
    assert save(page) == 200
    return replace(meant(choice), details=said)


def is_on_a_slow_line(person: Person) -> Meant:
    """The answer to the POST is held back: nothing else has left, and the vote is in the database."""
    choice = person.either()
    page = person.new_tab()
    line = page.context.new_cdp_session(page)
    line.send("Network.enable", timeout=TIMEOUT_MS)
    line.send("Network.emulateNetworkConditions", TWO_G, timeout=TIMEOUT_MS)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    person.open(choice, page)
    assert sent == ["GET"]
    with answers_held_back(page):
        with page.expect_request(is_post):
            page.get_by_role("button").click(no_wait_after=True)
        eventually(lambda: person.kept() == meant(choice))
        assert page.context.cookies() == []  # the browser tells this after all requests that have left until now
        assert sent == ["GET", "POST"]
    thanked(page, choice)
    assert sent == ["GET", "POST", "GET"]
    return meant(choice)


def taps_and_closes_the_window(person: Person) -> Meant:
    """The request arrives when the window is gone, and nobody waits for its answer."""
    choice = person.either()
    page = person.new_tab()
    with long_line(urlsplit(person.link).netloc) as line:
        assert page.goto(f"{line.url}{urlsplit(person.link).path}/{choice}")
        page.get_by_role("button").click(no_wait_after=True)
        assert line.has_left.wait(TIMEOUT_S)
        page.close()
        assert person.kept() is None
        line.may_arrive.set()
        eventually(lambda: person.kept() == meant(choice))
    return meant(choice)


def says_why_and_wants_a_call(person: Person) -> Meant:
    return says_why(person, Choice.NO)


def says_why_and_may_be_quoted(person: Person) -> Meant:
    return says_why(person, Choice.YES)


def says_why(person: Person, choice: Choice) -> Meant:
    said = person.details(choice)
    page = person.vote(choice)
    write(page, choice, said)
    assert save(page) == 200
    return replace(meant(choice), details=said)


HABITS: tuple[Callable[[Person], Meant], ...] = (
    taps_what_the_mail_made_ready,
    chooses_the_other_on_the_page,
    chooses_on_the_bare_page,
    uses_the_keyboard,
    changes_the_mind,
    changes_the_mind_and_back_with_words,
    opens_the_other_link_later,
    clicks_twice,
    taps_again_while_waiting,
    holds_enter,
    sends_twice_at_the_same_moment,
    answers_in_two_tabs,
    writes_in_two_tabs,
    goes_back_and_taps_again,
    goes_back_and_changes_the_words,
    reloads_after_voting,
    forwards_the_mail,
    allows_no_cookies,
    is_on_a_slow_line,
    taps_and_closes_the_window,
    says_why_and_wants_a_call,
    says_why_and_may_be_quoted,
)
BY_TURNS = [(habit, k % 2 == 0) for k, habit in enumerate(HABITS)]  # with JavaScript and without
WAYS = list(product(HABITS, (True, False))) if TORTURE else BY_TURNS
PEOPLE = 1_000 if TORTURE else len(WAYS)


@pytest.fixture
def links(workplace: Workplace) -> dict[str, str]:
    """What each mail links to, less the choice, by the case's reference; the service runs."""
    workplace.environment["FEEDBACK_DAILY_CAP"] = "off"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [f"shop,{n},resolved,{now},c{n}@example.org,Case {n},{1 + n % 3}\n" for n in range(PEOPLE + SILENT)]
    header = "source,ref,status,resolved_at,email,subject,interactions\n"
    (workplace.folder / "cases.csv").write_text("".join([header, *rows]))
    workplace.feedback("import", "cases", "cases.csv")
    workplace.feedback("tick", "--at", "due")
    workplace.serve()
    found: dict[str, str] = {}
    for path in (workplace.data / "mail" / "new").iterdir():
        mail = parse_mail(path.read_bytes())
        (link,) = set(re.findall(r"(http\S+/s/\S+)/(?:yes|no)\b", text_of(mail)))
        found[mail["To"].addresses[0].username.removeprefix("c")] = link
    assert len(found) == PEOPLE + SILENT
    return found


@dataclass
class Browsers:
    """Real ones, with JavaScript and without. `troubles` is what broke in any."""

    browser: Browser
    launch_args: dict[str, Any]
    folder: Path
    troubles: list[str] = field(default_factory=list)
    javascript: dict[BrowserContext, bool] = field(default_factory=dict)

    def new(self, javascript: bool) -> BrowserContext:
        return self._watched(self.browser.new_context(viewport=PHONE, java_script_enabled=javascript), javascript)

    def start(self, like: Page, *, keeps_nothing: bool) -> BrowserContext:
        """Another one with JavaScript or without, as the page has it."""
        javascript = self.javascript[like.context]
        if not keeps_nothing:
            return self.new(javascript)
        profile = Path(tempfile.mkdtemp(dir=self.folder))
        (profile / "Default").mkdir()
        (profile / "Default" / "Preferences").write_text(json.dumps(BLOCKED))
        start = self.browser.browser_type.launch_persistent_context
        return self._watched(start(profile, **self.launch_args, java_script_enabled=javascript), javascript)

    def _watched(self, context: BrowserContext, javascript: bool) -> BrowserContext:
        context.set_default_timeout(TIMEOUT_MS)
        context.on("weberror", lambda error: self.troubles.append(str(error.error)))
        context.on("response", lambda answer: self.troubles.append(str(answer.status)) if answer.status > 499 else None)
        self.javascript[context] = javascript
        return context


@pytest.fixture
def browsers(browser: Browser, browser_type_launch_args: dict[str, Any], tmp_path: Path) -> Iterator[Browsers]:
    found = Browsers(browser, browser_type_launch_args, tmp_path)
    yield found
    assert found.troubles == []


def test_everybody_counts_once_and_as_meant(workplace: Workplace, links: dict[str, str], browsers: Browsers) -> None:
    chance = random.Random(SEED)
    database = Database(workplace.data / "feedback.db")
    tabs = {javascript: browsers.new(javascript).new_page() for javascript in (True, False)}
    refs = chance.sample(sorted(links), len(links))
    silent = [refs.pop() for _ in range(SILENT)]
    ways = list(islice(cycle(WAYS), PEOPLE))
    chance.shuffle(ways)
    said: dict[str, Meant] = {}
    started_at = time.monotonic()
    for ref, (habit, javascript) in zip(refs, ways, strict=True):
        own = random.Random(chance.getrandbits(64))
        person = Person(ref, links[ref], own, tabs[javascript], browsers, database)
        with told_who_it_was(habit, javascript):
            said[ref] = habit(person)
            person.leave()
    took_s = time.monotonic() - started_at
    for ref in silent[::2]:
        person = Person(ref, links[ref], chance, tabs[True], browsers, database)
        for choice in (*Choice, None):
            person.open(choice)

    workplace.stop()  # whatever was still on its way has arrived
    assert sorted(database.surveys()) == sorted(links)
    kept = database.answers()
    for ref, (habit, javascript) in zip(refs, ways, strict=True):
        assert kept.get(ref) == said[ref], (habit.__name__, javascript)
    assert len(kept) == PEOPLE  # nobody else
    ever_no = [ref for ref in said if Choice.NO in said[ref].choices]
    assert database.follow_ups() == sorted((ref, said[ref].choices[-1] is Choice.NO) for ref in ever_no)
    with closing(open_store(f"sqlite:///{database.path}")) as store:
        served = store.figures.served(datetime.now(UTC) - timedelta(days=30), lambda address: None)
        figures: Counter[Choice | None] = Counter(row.choice for row in served if row.asked_at)
    stands: Counter[Choice | None] = Counter(meant.choices[-1] for meant in said.values())
    assert figures == stands | Counter({None: SILENT})
    changes = sum(len(meant.choices) - 1 for meant in said.values())
    print(
        f"{PEOPLE} people in {len(HABITS)} ways, with JavaScript and without, {took_s / PEOPLE:.2f} s each:"
        f" {stands[Choice.YES]} yes, {stands[Choice.NO]} no, {changes} changes of mind,"
        f" {sum(bool(meant.details) for meant in said.values())} with words"
    )


@contextmanager
def told_who_it_was(habit: Callable[[Person], Meant], javascript: bool) -> Iterator[None]:
    """What goes wrong comes with the habit of whom it happened to."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"It was somebody who {habit.__name__}, {'with' if javascript else 'without'} JavaScript.")
        raise

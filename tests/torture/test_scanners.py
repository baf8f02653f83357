"""Mail scanners open every link, at once and later, with and without JavaScript. Not one row is written by them."""

import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from http.client import HTTPConnection
from itertools import chain
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser

from tests.conftest import TORTURE, Workplace, html_of, parse_mail, text_of

pytestmark = pytest.mark.torture

SURVEYS = 1_000 if TORTURE else 12
AT_ONCE = 16
MANGLINGS = (  # as scanners have been seen to change addresses: gophish#973 and the like
    "{}/track", "{}%27", "{}%22%3E", "{}=", "{}%20", "{}.", "{}/", "{}?utm_source=mail", "{}&amp;x=1", "{}#yes",
    "{}%00", "{}%0d%0aX:1", "{}/yes/no", "{}/details", "{}/undo", "{}/../x", "{}?choice=no",
    "{}?List-Unsubscribe=One-Click", "{}%3Fchoice%3Dno",
)  # fmt: skip


@pytest.fixture
def links(workplace: Workplace) -> list[str]:
    """Every link in every mail; the service runs."""
    workplace.environment["FEEDBACK_DAILY_CAP"] = "off"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = (f"shop,{n},resolved,{now},c{n}@example.org,Case {n}\n" for n in range(SURVEYS))
    (workplace.folder / "cases.csv").write_text("".join(chain(["source,ref,status,resolved_at,email,subject\n"], rows)))
    workplace.feedback("import", "cases", "cases.csv")
    workplace.feedback("tick", "--at", "due")
    workplace.serve()
    mails = [parse_mail(path.read_bytes()) for path in (workplace.data / "mail" / "new").iterdir()]
    assert len(mails) == SURVEYS
    found = {
        link
        for mail in mails
        for link in chain(re.findall(r"http\S+", text_of(mail)), re.findall(r'href="([^"]+)"', html_of(mail)))
    }
    assert len(found) == 3 * SURVEYS
    return sorted(found)


@pytest.fixture
def unchanged(workplace: Workplace, links: list[str]) -> Iterator[None]:
    """Whatever a test does, the database is as it was, and the service has not complained."""
    before = rows(workplace)
    yield
    assert rows(workplace) == before
    for table in ("answers", "follow_ups", "suppressions"):
        assert not [line for line in before if line.startswith(f'INSERT INTO "{table}"')]


def rows(workplace: Workplace) -> list[str]:
    with closing(sqlite3.connect(workplace.data / "feedback.db")) as database:
        return [line for line in database.iterdump() if not line.startswith('INSERT INTO "heartbeats"')]


def ask(method: str, url: str, **headers: str) -> tuple[int, str]:
    """One request as it stands, with nothing followed, and nothing made proper."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=20)) as connection:
        connection.putrequest(method, url.partition(parts.netloc)[2], skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")


def ask_all(method: str, urls: list[str], **headers: str) -> list[tuple[int, str]]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda url: ask(method, url, **headers), urls))


@pytest.mark.usefixtures("unchanged")
def test_all_links_opened_at_once_write_nothing(links: list[str]) -> None:
    for method in ("GET", "HEAD"):
        assert {status for status, _ in ask_all(method, links)} == {200}


@pytest.mark.usefixtures("unchanged")
def test_mangled_links_write_nothing_and_break_nothing(links: list[str]) -> None:
    mangled = [form.format(link) for link in links[: 3 * SURVEYS // 4] for form in MANGLINGS]
    statuses = {status for status, _ in ask_all("GET", mangled)}
    assert statuses <= {200, 308, 400, 404, 405}, statuses


@pytest.mark.usefixtures("unchanged")
def test_prefetching_clients_write_nothing(links: list[str]) -> None:
    for headers in ({"Sec_Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X_Moz": "prefetch"}):
        assert {status for status, _ in ask_all("GET", links, **headers)} == {200}


@pytest.mark.usefixtures("unchanged")
def test_a_preview_bot_that_follows_links_and_get_forms_writes_nothing(links: list[str]) -> None:
    seen: set[str] = set()
    found = set(links)
    for _ in range(3):
        fresh = sorted(found - seen)
        seen |= found
        for url, (status, page) in zip(fresh, ask_all("GET", fresh), strict=True):
            assert status in (200, 404, 503), url  # 503: no site has been built here
            found |= {target for target in followed(url, page) if urlsplit(target).netloc == urlsplit(url).netloc}
    assert len(seen) > len(links)  # the pages link to one another


class _Followed(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag in ("a", "link", "img", "script", "iframe"):
            self.targets.append(given.get("href") or given.get("src") or "")
        if tag == "form" and given.get("method", "get").lower() == "get":
            self.targets.append(given.get("action", ""))


def followed(url: str, page: str) -> list[str]:
    parser = _Followed()
    parser.feed(page)
    return [urljoin(url, target).partition("#")[0] for target in parser.targets if target]


@pytest.fixture(params=[timedelta(seconds=5), timedelta(hours=1)], ids=["5 s after delivery", "an hour after"])
def delivered(workplace: Workplace, links: list[str], request: pytest.FixtureRequest) -> None:
    """The mails went out so long ago."""
    at = (datetime.now(UTC) - request.param).strftime("%Y-%m-%dT%H:%M:%SZ")
    with closing(sqlite3.connect(workplace.data / "feedback.db")) as database, database:
        database.execute("UPDATE outbox SET handed_over_at = ?", (at,))


@pytest.mark.usefixtures("delivered", "unchanged")
def test_a_browser_with_javascript_writes_nothing(links: list[str], browser: Browser) -> None:
    page = browser.new_page()
    for link in links:
        answer = page.goto(link, wait_until="load")
        assert answer is not None
        assert answer.status == 200
        assert page.get_by_role("button").count() == 1
    page.close()

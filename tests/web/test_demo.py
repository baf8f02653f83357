import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from feedback import jobs
from feedback.clock import Clock
from feedback.config import Config
from feedback.domain.followups import Outcome
from feedback.domain.surveys import Choice, Round
from feedback.errors import ConfigError, PublishError
from feedback.keys import Purpose
from feedback.loop import answering, following_up
from feedback.publish import build
from feedback.web import create_app, demo
from tests.conftest import ADA, BRUNO, DAY, NOW, ROOT, Loop

BAR = re.compile(r"This is a demo\. Its clock reads Tuesday, 3 March 2026, 12:0\d \(UTC\)\.")
HOUR = timedelta(hours=1)
BEGAN = NOW - timedelta(seconds=10)
SECRET = "the secret of this installation"


@pytest.fixture
def clock(loop: Loop) -> Clock:
    """A demo whose clock reads NOW, begun a moment ago: Bruno has been asked, Ada's case was just resolved."""
    loop.take(replace(BRUNO, subject="Lost <b>parcel</b>", resolved_at=NOW - DAY - HOUR), now=NOW - DAY)
    loop.ask(NOW - HOUR)
    loop.send(NOW - HOUR)
    loop.take(ADA)
    with loop.store.write():
        loop.store.operations.begin_demo(BEGAN, NOW - datetime.now(UTC))
    return Clock(loop.store, loop.config)


@pytest.fixture
def client(loop: Loop, clock: Clock) -> FlaskClient:
    return create_app(loop.config, loop.store, loop.keys).test_client()


@pytest.fixture
def scheduler(loop: Loop, clock: Clock) -> Iterator[None]:
    """The jobs, in threads of this process."""
    stop = threading.Event()
    runner = threading.Thread(target=jobs.run_forever, args=(loop.config, stop))
    runner.start()
    yield
    stop.set()
    runner.join(15)
    assert not runner.is_alive()


@pytest.fixture
def jobs_at_once(loop: Loop, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for the jobs runs them."""

    def wait(is_done: Callable[[], bool]) -> bool:
        jobs.tick(loop.config, loop.store, loop.keys, clock())
        return is_done()

    monkeypatch.setattr(demo, "_wait_for", wait)


def survey_path(loop: Loop, ref: str = "B-2") -> str:
    return f"/s/{loop.keys.sign(Purpose.SURVEY, loop.survey_id(ref))}"


def mail_path(client: FlaskClient) -> str:
    """Where the newest mail is shown."""
    found = re.search(r'href="(/demo/mail/[^"]+)"', client.get("/demo/mail/").text)
    assert found is not None
    return found[1]


def press(client: FlaskClient, path: str) -> TestResponse:
    """The guide's button that posts to this path; the page that it leads to."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/demo/").text)
    assert found is not None
    return client.post(path, data={"csrf_token": found[1]}, follow_redirects=True)


def everything(loop: Loop) -> dict[str, list[object]]:
    tables = [row["name"] for row in loop.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {table: [tuple(row.values()) for row in loop.rows(f'SELECT * FROM "{table}"')] for table in tables}


def test_every_kind_of_page_says_once_that_this_is_a_demo_and_what_its_clock_reads(
    client: FlaskClient, loop: Loop, clock: Clock
) -> None:
    jobs.publish_now(loop.store, loop.config, build.find_sources(ROOT), clock())
    path = survey_path(loop)
    opt_out = f"/o/{loop.keys.sign(Purpose.OPT_OUT, loop.survey_id('B-2'))}"
    found = [path, f"{path}/no", opt_out, "/", "/figures/", "/desk/login", "/desk/"]
    found += ["/demo/", "/demo/mail/", mail_path(client)]
    missing = ["/s/garbage", "/nowhere/", "/demo/nowhere", "/demo/clock"]
    pages = {**dict.fromkeys(found, 200), **dict.fromkeys(missing, 404)}
    for address, status in pages.items():
        page = client.get(address, follow_redirects=True, buffered=True)
        assert (address, page.status_code, len(BAR.findall(page.text))) == (address, status, 1)
        assert page.headers["Cache-Control"] == "no-store"
        assert "unsafe" not in page.headers["Content-Security-Policy"]
    client.post(path, data={"choice": "no"})
    assert BAR.search(client.get(path).text)


def test_the_bar_of_a_published_page_comes_behind_the_link_that_skips_to_the_content(
    client: FlaskClient, loop: Loop, clock: Clock
) -> None:
    jobs.publish_now(loop.store, loop.config, build.find_sources(ROOT), clock())
    page = client.get("/", buffered=True).text
    assert page.index("md-skip") < page.index("This is a demo") < page.index("<header")
    current = loop.config.data_dir / "site" / "current" / "index.html"
    assert "This is a demo" not in current.read_text()


def test_what_is_no_page_stays_as_it_is(client: FlaskClient) -> None:
    assert b"This is a demo" not in client.get("/healthz").data
    assert b"This is a demo" not in client.post("/api/v1/cases").data


def test_outside_a_demo_there_is_neither_guide_nor_bar(loop: Loop) -> None:
    client = create_app(loop.config, loop.store, loop.keys).test_client()
    for path in ("/demo/", "/demo/mail/", "/demo/mail/x/letter"):
        assert client.get(path).status_code == 404
    assert client.post("/demo/clock").status_code == 405
    assert "This is a demo" not in client.get("/").text + client.get("/desk/login").text


def test_a_demo_is_not_served_with_a_real_mail_server(
    loop: Loop, clock: Clock, make_config: Callable[..., Config]
) -> None:
    real = make_config(mail="smtp://mail.acme.example", url="https://care.acme.example")
    with pytest.raises(ConfigError, match="begin in an empty folder with: feedback init"):
        create_app(real, loop.store, loop.keys)


def test_a_mail_stands_in_a_sandboxed_frame_with_its_text_beside_it(client: FlaskClient, loop: Loop) -> None:
    path = mail_path(client)
    answer = client.get(path)
    frame = re.search(r"<iframe[^>]*>", answer.text)
    assert frame is not None
    assert f'src="{path}/letter"' in frame[0]
    assert 'sandbox="allow-top-navigation-by-user-activation allow-popups"' in frame[0]
    assert "frame-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "You have been with us for 2 years" in answer.text
    assert f'<a href="http://127.0.0.1:8000{survey_path(loop)}/no"' in answer.text
    assert "Lost &lt;b&gt;parcel&lt;/b&gt;" in answer.text
    assert "<b>parcel</b>" not in answer.text


def test_the_frame_shows_the_mail_alone_and_its_links_open_in_the_whole_window(client: FlaskClient) -> None:
    letter = client.get(f"{mail_path(client)}/letter")
    policy = letter.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-top-navigation-by-user-activation allow-popups; default-src 'none';")
    assert {"base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'"} <= set(policy.split("; "))
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert letter.text.count('<head><base target="_top">') == 1
    assert "Did we solve it?" in letter.text
    assert "This is a demo" not in letter.text


@pytest.mark.parametrize(
    "key",
    [
        *("..%2f..%2fsecret.key", "%2e%2e/%2e%2e/secret.key", "../../secret.key", "..", ".hidden", "%2fetc%2fpasswd"),
        *("x", "%00", "%FF%FE", "a%0ab", "é", "x" * 300, "x" * 5_000, "..%5csecret.key"),
    ],
)
def test_an_odd_key_is_no_mail(client: FlaskClient, loop: Loop, key: str) -> None:
    (loop.config.data_dir / "secret.key").write_text(SECRET)
    (loop.config.mail_folder / "new" / ".hidden").write_text(f"Subject: {SECRET}\n\n{SECRET}")
    for address in (f"/demo/mail/{key}", f"/demo/mail/{key}/letter"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert SECRET not in answer.text


def test_a_post_that_no_page_of_ours_made_is_refused_and_moves_nothing(client: FlaskClient, loop: Loop) -> None:
    before = everything(loop)
    for path in ("/demo/clock", "/demo/publish"):
        for data in ({}, {"csrf_token": "x"}):
            answer = client.post(path, data=data)
            assert answer.status_code == 400
            assert "Load it again" in answer.text
    assert everything(loop) == before


def test_no_get_and_no_head_writes_anything(client: FlaskClient, loop: Loop) -> None:
    before, path = everything(loop), mail_path(client)
    for address in ("/demo/", "/demo/mail/", path, f"{path}/letter", "/demo/clock", "/demo/publish"):
        client.get(address)
        client.head(address)
    assert everything(loop) == before


def test_24_hours_pass_and_whoever_was_due_is_asked(
    client: FlaskClient, loop: Loop, clock: Clock, scheduler: None
) -> None:
    before = clock.demo()
    page = press(client, "/demo/clock")
    after = clock.demo()
    assert before is not None
    assert after is not None
    assert after.offset - before.offset == timedelta(hours=24)
    assert after.since == before.since
    assert "24 hours have passed. 1 mail went out." in page.text
    assert "Its clock reads Wednesday, 4 March 2026, 12:0" in page.text
    assert "Done. What was sent lies in" in page.text
    assert [mail["To"] for mail in loop.maildir()] == ["bruno@example.org", "Ada@example.org"]
    assert loop.store.surveys.due(clock(), 1) == []
    (built,) = loop.store.operations.good_builds(1)
    assert built.at >= NOW + DAY


def test_a_build_that_was_asked_for_is_made_by_the_scheduler(
    client: FlaskClient, loop: Loop, clock: Clock, scheduler: None
) -> None:
    page = press(client, "/demo/publish")
    assert "The site was built" in page.text
    assert not loop.store.operations.requested("publish")
    assert "How we care" in client.get("/", buffered=True).text


def test_a_build_that_failed_is_not_told_as_made(
    client: FlaskClient, loop: Loop, jobs_at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PublishError("mkdocs says no")

    monkeypatch.setattr(build, "publish", fail)
    for path in ("/demo/clock", "/demo/publish"):
        assert "site was built" not in press(client, path).text
    assert not loop.store.operations.requested("publish")


def test_while_the_jobs_are_still_at_work_the_visitor_is_told_so(
    client: FlaskClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "WAIT_S", 0)
    assert "24 hours have passed. The jobs are still at work." in press(client, "/demo/clock").text
    assert "The jobs are still at work." in press(client, "/demo/publish").text


def test_the_guide_says_what_the_visitor_has_done_so_far(
    client: FlaskClient, loop: Loop, clock: Clock, jobs_at_once: None
) -> None:
    assert "Done" not in client.get("/demo/").text
    assert "Open a mail, to bruno@example.org" in client.get("/demo/").text
    client.post(survey_path(loop), data={"choice": "no"})
    assert re.search(r"Done: Bruno said no, today, 12:\d\d\.\s+Within a minute an alert", client.get("/demo/").text)
    page = press(client, "/demo/clock").text
    assert "An alert went to the team: <a" in page
    assert "Not solved: Bruno" in page
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "Found it.", None, clock())
    assert "Done: Bruno was helped, and it is written down." in client.get("/demo/").text


def test_what_was_done_before_the_demo_began_is_not_the_visitors(client: FlaskClient, loop: Loop) -> None:
    answering.answer(loop.store, loop.config, loop.survey_id("B-2"), Choice.NO, BEGAN)
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "Found it.", None, BEGAN)
    assert "Done" not in client.get("/demo/").text


def test_an_answer_to_the_second_question_is_not_told_as_one_that_the_site_counts(
    client: FlaskClient, loop: Loop, clock: Clock, jobs_at_once: None
) -> None:
    with loop.store.write():
        loop.store.surveys.plan(loop.resolution_id("B-2"), NOW, Round.AGAIN)
        recheck = loop.survey_id("B-2", Round.AGAIN)
        loop.store.surveys.mark_asked(recheck, NOW)
    answering.answer(loop.store, loop.config, recheck, Choice.YES, clock())
    page = press(client, "/demo/publish").text
    assert "How we care" in client.get("/", buffered=True).text
    assert "is one of the answers" not in page

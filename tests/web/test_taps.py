"""Taps of visitors: what is taken, from anywhere; what is not; and that nobody is known again by them."""

import json
import logging
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from feedback import jobs
from feedback.loop import taps
from feedback.loop.retaining import forget_visitors
from feedback.web import create_app
from tests.conftest import DAY, NOW, TORTURE, Loop
from tests.web.test_survey import Clock, everything

ENTRY, OTHER = "faq/late-parcel/", "faq/paper-jam/"
PLACE = "https://shop.example/checkout"
VOTE, OFFER = {"page": ENTRY, "helped": "yes"}, {"place": PLACE, "step": "shown"}
Post = Callable[..., TestResponse]


def publish_faq(loop: Loop, *pages: str) -> None:
    """As a build leaves it."""
    build = loop.config.data_dir / "site" / "current"
    build.mkdir(parents=True, exist_ok=True)
    entries = [{"url": page, "title": page, "topics": [], "words": []} for page in pages]
    (build / "faq.json").write_text(json.dumps({"version": 1, "entries": entries}))


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = NOW
    return clock


@pytest.fixture
def client(loop: Loop, clock: Clock) -> FlaskClient:
    publish_faq(loop, ENTRY, OTHER)
    return create_app(loop.config, loop.store, loop.keys, clock).test_client()


@pytest.fixture
def post(client: FlaskClient) -> Post:
    def post(what: str, said: dict[str, str], address: str = "192.0.2.1", **more: Any) -> TestResponse:
        return client.post(f"/api/v1/{what}", data=said, environ_overrides={"REMOTE_ADDR": address}, **more)

    return post


def votes(loop: Loop) -> list[tuple[str, int]]:
    return [
        (row["page"], row["helped"]) for row in loop.rows("SELECT page, helped FROM page_votes ORDER BY page, helped")
    ]


def offers(loop: Loop) -> list[tuple[str, str, str | None]]:
    return [tuple(row.values()) for row in loop.rows("SELECT place, step, page FROM offers ORDER BY step")]


def test_a_tap_is_taken_from_any_origin_without_key_or_cookie(post: Post, loop: Loop) -> None:
    for what, said in (("page-votes", VOTE), ("offers", OFFER)):
        answer = post(what, said, headers={"Origin": "https://shop.example"})
        assert (answer.status_code, answer.data) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Set-Cookie" not in answer.headers
    assert votes(loop) == [(ENTRY, 1)]
    assert offers(loop) == [(PLACE, "shown", None)]


def test_of_a_visitors_votes_about_a_page_the_last_of_the_day_counts(post: Post, loop: Loop, clock: Clock) -> None:
    for helped in ("yes", "no", "no"):
        post("page-votes", VOTE | {"helped": helped})
    assert votes(loop) == [(ENTRY, 0)]
    post("page-votes", VOTE, "192.0.2.2")
    post("page-votes", VOTE | {"page": OTHER})
    clock.now += DAY
    post("page-votes", VOTE)
    assert votes(loop) == [(ENTRY, 0), (ENTRY, 1), (ENTRY, 1), (OTHER, 1)]


def test_each_step_is_noted_once_a_visitor_place_and_day(post: Post, loop: Loop) -> None:
    for step, page in (
        ("shown", ENTRY),
        ("shown", ""),
        ("opened", ENTRY),
        ("opened", OTHER),
        ("helped", ""),
        ("asked", ENTRY),
    ):
        assert post("offers", OFFER | {"step": step, "page": page}).status_code == 204
    assert offers(loop) == [
        (PLACE, "asked", None), (PLACE, "helped", None), (PLACE, "opened", ENTRY), (PLACE, "shown", None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),  # a household has a whole /64
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
    ],
)
def test_who_is_one_visitor(post: Post, loop: Loop, one: str, other: str, same: bool) -> None:
    for address in (one, other):
        assert post("page-votes", VOTE, address).status_code == 204
    assert len(votes(loop)) == (1 if same else 2)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://shop.example/checkout?card=4111#ada", PLACE),
        ("https://ada:secret@shop.example:8443/checkout", "https://shop.example:8443/checkout"),
        ("HTTPS://SHOP.example/Check\x00out\u202e", "https://shop.example/Check out"),
        (f"https://shop.example/{'x' * 900}", f"https://shop.example/{'x' * 179}"),
        ("http://[2001:db8::1]/a", "http://[2001:db8::1]/a"),
    ],
)  # fmt: skip
def test_of_a_place_its_origin_and_path_are_kept(post: Post, loop: Loop, given: str, kept: str) -> None:
    assert post("offers", OFFER | {"place": given}).status_code == 204
    assert offers(loop) == [(kept, "shown", None)]


@pytest.mark.parametrize(
    ("what", "said", "status", "field"),
    [
        ("page-votes", {}, 422, "page"),
        ("page-votes", {"page": ENTRY}, 422, "helped"),
        ("page-votes", VOTE | {"helped": "maybe"}, 422, "helped"),
        ("page-votes", VOTE | {"page": "faq/nothing/"}, 404, None),
        ("page-votes", VOTE | {"page": "' OR 1=1 --\x00\ud7ff"}, 404, None),
        ("page-votes", VOTE | {"page": "x" * 3_000}, 413, None),
        ("offers", {}, 422, "place"),
        ("offers", OFFER | {"place": "javascript:alert(1)"}, 422, "place"),
        ("offers", OFFER | {"place": "http://[::1"}, 422, "place"),
        ("offers", OFFER | {"place": "https://Your login ends, call +1 900 555/"}, 422, "place"),
        ("offers", OFFER | {"place": "https://shop.example:99999/"}, 422, "place"),
        ("offers", OFFER | {"step": "bought"}, 422, "step"),
        ("offers", OFFER | {"step": "opened", "page": "faq/nothing/"}, 404, None),
    ],
)
def test_what_cannot_be_taken_is_told_and_changes_nothing(
    post: Post, loop: Loop, what: str, said: dict[str, str], status: int, field: str | None
) -> None:
    before = everything(loop)
    answer = post(what, said)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json is not None
    assert answer.json.get("field") == field
    assert field is None or {"given", "expected"} <= set(answer.json)
    assert everything(loop) == before


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"page", b"{}", b"page=faq%2Flate-parcel%2F&helped"])
def test_a_body_that_says_nothing_is_refused(client: FlaskClient, loop: Loop, body: bytes) -> None:
    for kind in ("application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x"):
        assert client.post("/api/v1/page-votes", data=body, content_type=kind).status_code in (400, 422)
    assert votes(loop) == []


@pytest.mark.parametrize("what", ["page-votes", "offers"])
def test_only_a_post_writes(client: FlaskClient, loop: Loop, what: str) -> None:
    before = everything(loop)
    query = {**VOTE, **OFFER}
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        answer = client.open(f"/api/v1/{what}", method=method, query_string=query)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, OPTIONS")
    preflight = client.options(f"/api/v1/{what}", headers={"Origin": "https://shop.example"})
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Methods"]) == (204, "POST")
    assert everything(loop) == before


def test_without_a_published_faq_nothing_can_be_voted_on(post: Post, loop: Loop) -> None:
    path = loop.config.data_dir / "site" / "current" / "faq.json"
    for broken in ('{"entries": [7]}', "[]", "not json", None):
        path.unlink()
        if broken is not None:
            path.write_text(broken)
        else:
            path.symlink_to("nowhere")
        assert post("page-votes", VOTE).status_code == 404, broken
    path.unlink()
    publish_faq(loop, ENTRY)
    assert [post("page-votes", VOTE | {"page": page}).status_code for page in (ENTRY, OTHER)] == [204, 404]


def test_a_visitor_can_write_so_much_a_day_and_still_change_their_mind(post: Post, loop: Loop, clock: Clock) -> None:
    assert post("page-votes", VOTE).status_code == 204
    for n in range(taps.OF_A_VISITOR - 1):
        assert post("offers", OFFER | {"place": f"{PLACE}/{n}"}).status_code == 204
    before = everything(loop)
    for what, said in (("offers", OFFER), ("page-votes", VOTE | {"page": OTHER})):
        answer = post(what, said)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, str(12 * 3600))  # it is noon
        assert answer.content_type == "application/problem+json"
    assert everything(loop) == before
    assert post("page-votes", VOTE | {"helped": "no"}).status_code == 204
    assert votes(loop) == [(ENTRY, 0)]
    assert post("offers", OFFER, "192.0.2.2").status_code == 204
    clock.now += timedelta(hours=12)
    assert post("offers", OFFER).status_code == 204


@pytest.mark.torture
def test_a_flood_changes_nothing_beyond_the_limits(post: Post, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    flood = 10_000 if TORTURE else 60
    if not TORTURE:
        monkeypatch.setattr(taps, "OF_A_PAGE", 20)
        monkeypatch.setattr(taps, "OFFERS_OF_ALL", 40)
    for n in range(flood):
        post("page-votes", VOTE | {"helped": ("yes", "no")[n % 2]})
    assert votes(loop) == [(ENTRY, 0)]
    told = [post("page-votes", VOTE, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}").status_code for n in range(flood)]
    assert told == [204] * (taps.OF_A_PAGE - 1) + [429] * (flood - taps.OF_A_PAGE + 1)
    assert len(votes(loop)) == taps.OF_A_PAGE
    told = [post("offers", OFFER, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}").status_code for n in range(flood)]
    assert told.count(204) == len(offers(loop)) == taps.OFFERS_OF_ALL
    assert post("page-votes", VOTE | {"page": OTHER}).status_code == 204  # the others are not held up
    known = loop.rows("SELECT COUNT(*) AS n FROM visitors")[0]["n"]
    assert known <= taps.OF_A_PAGE + taps.OFFERS_OF_ALL


def test_the_day_is_the_businesss(make_loop: Callable[..., Loop], clock: Clock) -> None:
    loop = make_loop(zone="Pacific/Auckland")
    publish_faq(loop, ENTRY)
    client = create_app(loop.config, loop.store, loop.keys, clock).test_client()
    clock.now = datetime(2026, 3, 3, 23, 30, tzinfo=ZoneInfo("Pacific/Auckland"))
    for _ in range(2):
        client.post("/api/v1/page-votes", data=VOTE)
        clock.now += timedelta(hours=1)
    assert [row["day"] for row in loop.rows("SELECT day FROM page_votes ORDER BY day")] == ["2026-03-03", "2026-03-04"]


def test_once_the_day_is_over_nobody_can_be_known_by_their_taps(
    post: Post, loop: Loop, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback.loop.retaining.VISITORS_AT_ONCE", 1)
    for address in ("192.0.2.1", "192.0.2.2"):
        post("page-votes", VOTE, address)
        post("offers", OFFER, address)
    clock.now += DAY
    post("page-votes", VOTE)
    of_today = loop.rows("SELECT * FROM visitors WHERE day = '2026-03-04'")
    assert "192.0.2" not in repr(everything(loop))
    while jobs.nightly(loop.store, loop.keys, loop.config, NOW + DAY):
        pass
    assert loop.rows("SELECT * FROM visitors") == of_today  # of the day before nothing leads to an address any more
    ids = [row["visitor"] for row in loop.rows("SELECT visitor FROM page_votes UNION SELECT visitor FROM offers")]
    assert len(ids) == 3  # the same visitor is two, on two days
    assert len(votes(loop)) == 3


def test_a_backup_knows_no_visitor_and_a_year_later_their_taps_are_gone(post: Post, loop: Loop) -> None:
    post("page-votes", VOTE)
    post("offers", OFFER)
    archive = loop.config.data_dir / "copy.tar.gz"
    loop.store.back_up(loop.config.data_dir / "secret.key", archive, NOW)
    with tarfile.open(archive) as packed:
        packed.extract("feedback.db", loop.config.data_dir / "unpacked", filter="data")
    with closing(sqlite3.connect(loop.config.data_dir / "unpacked" / "feedback.db")) as copy:
        counts = {
            table: copy.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ("visitors", "offers")
        }
    assert counts == {"visitors": 0, "offers": 1}
    assert len(loop.rows("SELECT * FROM visitors")) == 1
    while forget_visitors(loop.store, loop.config, NOW + 365 * DAY):
        pass
    assert len(loop.rows("SELECT * FROM page_votes")) == len(offers(loop)) == 1
    while forget_visitors(loop.store, loop.config, NOW + 366 * DAY):
        pass
    assert len(loop.rows("SELECT * FROM page_votes")) == len(offers(loop)) == 0


def test_nothing_about_a_visitor_is_logged(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for said in (VOTE, VOTE | {"page": "faq/nothing/"}, {}):
            post("page-votes", said, "192.0.2.77", headers={"User-Agent": "A particular browser"})
    assert caplog.records == []

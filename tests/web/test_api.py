import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from feedback.keys import hash_api_key
from feedback.loop import erasing
from feedback.web import create_app
from tests.conftest import ADA, NOW, Loop

KEY = "fbk_a-key-for-tests"
CASE: dict[str, Any] = {
    "source": "shop",
    "ref": "1002",
    "status": "resolved",
    "resolved_at": "2026-03-03T12:05:00+01:00",
    "email": "bruno@example.org",
    "name": "Bruno",
    "subject": "Lost parcel",
    "tags": ["vip", "parcel"],
    "interactions": 2,
}


@pytest.fixture
def client(loop: Loop) -> FlaskClient:
    with loop.store.write():
        loop.store.operations.add_api_key("helpdesk", hash_api_key(KEY), NOW)
    return create_app(loop.config, loop.store, loop.keys, lambda: NOW).test_client()


def post(client: FlaskClient, body: object, key: str | None = KEY, to: str = "cases") -> TestResponse:
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    data = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(f"/api/v1/{to}", data=data, headers=headers, content_type="application/json")


def problem(response: TestResponse) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    assert response.json is not None
    assert {"type", "title", "status", "detail"} <= set(response.json)
    assert response.json["status"] == response.status_code
    return dict(response.json)


def test_one_case_is_created_then_unchanged_then_updated(client: FlaskClient, loop: Loop) -> None:
    first, second = post(client, CASE), post(client, CASE)
    third = post(client, {**CASE, "team": "Parcels"})
    assert [(r.status_code, r.json) for r in (first, second, third)] == [
        (201, {"ref": "1002", "result": "created"}),
        (200, {"ref": "1002", "result": "unchanged"}),
        (200, {"ref": "1002", "result": "updated"}),
    ]
    assert loop.counts() == {"cases": 1, "resolutions": 1, "surveys": 1}
    assert loop.rows("SELECT resolved_at, tags, interactions FROM cases") == [
        {"resolved_at": "2026-03-03T11:05:00Z", "tags": "parcel,vip", "interactions": 2}
    ]


def test_in_a_list_each_case_has_its_own_result_in_order(client: FlaskClient, loop: Loop) -> None:
    cases = [
        CASE,
        {**CASE, "ref": "x", "status": "gone"},
        {**CASE, "ref": "1003"},
        "no object",
        {**CASE, "ref": "1004"},
    ]
    answer = post(client, cases)
    assert answer.status_code == 200
    assert answer.json is not None
    results = answer.json["results"]
    assert [result["result"] for result in results] == ["created", "refused", "created", "refused", "created"]
    assert [result["ref"] for result in results] == ["1002", "x", "1003", None, "1004"]
    assert (results[1]["field"], results[1]["given"]) == ("status", "gone")
    assert "one of open, resolved, merged, spam" in results[1]["expected"]
    assert loop.counts()["cases"] == 3


def test_a_thousand_cases_go_in_at_once_and_one_more_is_too_many(client: FlaskClient, loop: Loop) -> None:
    cases = [{**CASE, "ref": str(n), "email": f"c{n}@example.org"} for n in range(1001)]
    assert problem(post(client, cases))["detail"] == (
        "Given 1,001 cases, expected at most 1,000 at a time. Nothing was taken in."
    )
    assert loop.counts()["cases"] == 0
    answer = post(client, cases[:1000])
    assert answer.json is not None
    assert {result["result"] for result in answer.json["results"]} == {"created"}
    assert loop.counts() == {"cases": 1000, "resolutions": 1000, "surveys": 1000}


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"resolved_at": "2026-03-03T12:05:00"}, "resolved_at", "with its offset"),
        ({"resolved_at": "2026-02-31T12:05:00Z"}, "resolved_at", "that exists"),
        ({"resolved_at": "2026-03-05T12:00:01Z"}, "resolved_at", "not more than a day after"),
        ({"ref": None}, "ref", "known by source and ref"),
        ({"email": 5.0}, "email", "text"),
        ({"name": "\ud800"}, "name", "Unicode"),
        ({"subject": "x" * 2001}, "subject", "at most 2,000"),
        ({"priority": "high"}, "priority", "one of the fields source, ref"),
    ],
)
def test_a_case_that_cannot_be_used_is_refused_with_field_given_and_expected(
    client: FlaskClient, loop: Loop, change: dict[str, Any], field: str, expected: str
) -> None:
    told = problem(post(client, {**CASE, **change}))
    assert (told["status"], told["field"]) == (422, field)
    assert expected in told["expected"]
    assert loop.counts()["cases"] == 0


@pytest.mark.parametrize("key", [None, "", "wrong", KEY + "x", KEY[:-1], "é"])
def test_a_wrong_key_is_refused_before_the_body_is_read(client: FlaskClient, loop: Loop, key: str | None) -> None:
    answer = post(client, CASE, key)
    assert problem(answer)["status"] == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert loop.counts()["cases"] == 0


def test_a_key_is_stored_hashed_only(client: FlaskClient, loop: Loop) -> None:
    assert KEY not in str(loop.rows("SELECT * FROM api_keys"))


@pytest.mark.parametrize("body", [b"", b"{", b'{"ref": ', b"[" * 100_000, b"\xff\xfe", b'{"a": NaN'])
def test_a_body_that_is_not_json_is_told(client: FlaskClient, body: bytes) -> None:
    assert problem(post(client, body))["status"] == 400


def test_a_body_of_50_mb_is_refused(client: FlaskClient, loop: Loop) -> None:
    told = problem(post(client, b"[" + b" " * 50_000_000 + b"]"))
    assert told["status"] == 413
    assert loop.counts()["cases"] == 0


def test_other_methods_and_paths_are_problems_too(client: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    assert problem(client.get("/api/v1/cases", headers=headers))["status"] == 405
    assert problem(client.get("/api/v1/nothing", headers=headers))["status"] == 404


def test_a_reopening_by_api_cancels_the_waiting_survey(client: FlaskClient, loop: Loop) -> None:
    loop.take(replace(ADA, resolved_at=NOW - timedelta(hours=1)))
    post(client, {"source": "shop", "ref": "A-1", "status": "open"})
    assert loop.rows("SELECT state, reason FROM surveys") == [{"state": "cancelled", "reason": "reopened"}]


# Purchases

ORDER: dict[str, Any] = {"customer_ref": "ada", "ref": "O-1", "at": "2026-02-03T10:00:00+01:00", "amount": "12.50"}


def test_one_purchase_is_created_then_unchanged_then_updated(client: FlaskClient, loop: Loop) -> None:
    loop.take(ADA)
    bodies = [ORDER, {**ORDER, "amount": 12.5}, {**ORDER, "amount": -3}]
    answers = [post(client, body, to="purchases") for body in bodies]
    assert [(r.status_code, r.json) for r in answers] == [
        (201, {"ref": "O-1", "result": "created"}),
        (200, {"ref": "O-1", "result": "unchanged"}),
        (200, {"ref": "O-1", "result": "updated"}),
    ]
    assert loop.rows("SELECT ref, at, amount FROM purchases") == [
        {"ref": "O-1", "at": "2026-02-03T09:00:00Z", "amount": "-3"}
    ]


def test_in_a_list_each_purchase_has_its_own_result_in_order(client: FlaskClient, loop: Loop) -> None:
    loop.take(ADA)
    erased = replace(ADA, ref="B-1", customer_ref="bruno", email="bruno@example.org")
    loop.take(erased)
    erasing.erase(loop.store, loop.keys, "bruno@example.org", NOW)
    orders = [
        ORDER,
        {**ORDER, "ref": "x", "amount": "12 EUR"},
        {**ORDER, "ref": "O-2", "customer_ref": "nobody"},
        {**ORDER, "ref": "O-3", "email": "bruno@example.org"},
        {**ORDER, "ref": "O-4", "at": "2020-01-01"},
        "no object",
        {**ORDER, "ref": "O-5", "at": "2026-02-03"},
    ]
    answer = post(client, orders, to="purchases")
    assert answer.status_code == 200
    assert answer.json is not None
    results = answer.json["results"]
    assert [(result["ref"], result["result"], result.get("because")) for result in results] == [
        ("O-1", "created", None),
        ("x", "refused", None),
        ("O-2", "skipped", "we have no case of the customer"),
        ("O-3", "skipped", "what we knew of the customer was erased"),
        ("O-4", "skipped", "the purchase is past FEEDBACK_RETENTION"),
        (None, "refused", None),
        ("O-5", "created", None),
    ]
    assert (results[1]["field"], results[1]["given"]) == ("amount", "12 EUR")
    assert "a number such as 1234.50" in results[1]["expected"]
    assert loop.rows("SELECT COUNT(*) AS n FROM purchases") == [{"n": 2}]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({**ORDER, "amount": "1,5"}, 422, "The purchase was refused"),
        ({**ORDER, "at": "2026-02-03T10:00:00"}, 422, "a time with its offset"),
        ({**ORDER, "total": 1}, 422, "one of the fields ref, at, amount"),
        (b"{", 400, "Expected one purchase, or a list of purchases"),
        ([ORDER] * 1_001, 413, "Given 1,001 purchases, expected at most 1,000"),
    ],
)
def test_what_cannot_be_used_of_purchases_is_a_problem_with_words(
    client: FlaskClient, body: object, status: int, words: str
) -> None:
    answer = post(client, body, to="purchases")
    assert problem(answer)["status"] == status
    assert words in answer.get_data(as_text=True)


def test_purchases_want_a_key_and_are_posted(client: FlaskClient) -> None:
    assert problem(post(client, ORDER, key=None, to="purchases"))["status"] == 401
    got = client.get("/api/v1/purchases", headers={"Authorization": f"Bearer {KEY}"})
    assert (problem(got)["detail"], got.headers["Allow"]) == ("Purchases are sent with POST.", "POST")

"""Help desks hand cases over here, and shops purchases. Errors are problem+json (RFC 9457)."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from flask import Blueprint, Response, request

from feedback.config import Config
from feedback.domain.cases import CaseRecord, parse_case
from feedback.domain.purchases import Passed, PurchaseRecord, parse_purchase
from feedback.errors import FieldError
from feedback.keys import hash_api_key
from feedback.loop.asking import Asking
from feedback.loop.buying import take_in_purchases
from feedback.loop.erasing import Erased
from feedback.loop.importing import BATCH
from feedback.loop.intake import take_in
from feedback.store import Store
from feedback.store.cases import Change

AT_MOST = 1_000
BODY_LARGEST = 8 * 1024 * 1024
_Record = TypeVar("_Record", CaseRecord, PurchaseRecord)


def problem(status: int, title: str, detail: str, **more: object) -> Response:
    """An error for a machine, by RFC 9457."""
    response = _json({"type": "about:blank", "title": title, "status": status, "detail": detail, **more}, status)
    response.content_type = "application/problem+json"
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="feedback"'
    return response


def blueprint(config: Config, store: Store, asking: Asking, now: Callable[[], datetime]) -> Blueprint:
    api = Blueprint("api", __name__, url_prefix="/api/v1")

    @api.before_request
    def check_key() -> Response | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and store.operations.has_api_key(hash_api_key(key.strip())):
            return None
        expected = "Send the header 'Authorization: Bearer KEY' with a key made by: feedback key add NAME"
        return problem(401, "No valid key", expected)

    @api.post("/cases")
    def cases() -> Response:
        """One case as a JSON object, or up to 1,000 as a list; each has its own result, in the same order."""
        moment = now()
        return _received(
            "case",
            lambda item: parse_case(item, now=moment, zone=None),
            lambda records: [{"result": one.change.value} for one in take_in(store, asking, records, moment)],
        )

    @api.post("/purchases")
    def purchases() -> Response:
        """As cases; one that is not kept says why."""
        moment, erased = now(), Erased(store, asking.keys)
        return _received(
            "purchase",
            lambda item: parse_purchase(item, now=moment, zone=None, days_zone=config.zone),
            lambda records: list(map(_kept, take_in_purchases(store, erased, config, records, moment))),
        )

    @api.route("/<any(cases, purchases):kind>", methods=["GET", "PUT", "PATCH", "DELETE"])
    def are_posted(kind: str) -> Response:
        response = problem(405, "Method not allowed", f"{kind.capitalize()} are sent with POST.")
        response.headers["Allow"] = "POST"
        return response

    @api.route("/<path:_unknown>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def unknown(_unknown: str) -> Response:
        return problem(
            404,
            "Not found",
            "There is no such address. Cases are sent with POST to /api/v1/cases, purchases to /api/v1/purchases.",
        )

    return api


def _received(
    kind: str,
    parse: Callable[[dict[str, Any]], _Record],
    take: Callable[[list[_Record]], list[dict[str, Any]]],
) -> Response:
    """What the request brings, checked one by one, taken in by batches; each has its own result, in the same order."""
    try:
        request.max_content_length = BODY_LARGEST
        body = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError) as error:
        return problem(400, "Not JSON", f"The body is not JSON: {error}. Expected one {kind}, or a list of {kind}s.")
    items = body if isinstance(body, list) else [body]
    if len(items) > AT_MOST:
        words = f"Given {len(items):,} {kind}s, expected at most {AT_MOST:,} at a time. Nothing was taken in."
        return problem(413, f"Too many {kind}s", words)
    told: list[dict[str, Any]] = []
    good: list[tuple[dict[str, Any], _Record]] = []
    for item in items:
        ref = item.get("ref") if isinstance(item, dict) else None
        result: dict[str, Any] = {"ref": ref if isinstance(ref, str | int) else None}
        told.append(result)
        try:
            if not isinstance(item, dict):
                raise FieldError(kind, json.dumps(item)[:200], "a JSON object")
            record = parse(item)
        except FieldError as error:
            result |= _refused(error)
        else:
            good.append((result, record))
    for first in range(0, len(good), BATCH):
        portion = good[first : first + BATCH]
        for (result, record), outcome in zip(portion, take([record for _, record in portion]), strict=True):
            result |= {"ref": record.ref, **outcome}
    if isinstance(body, list):
        return _json({"results": told})
    if told[0]["result"] == "refused":
        return problem(422, f"The {kind} was refused", **told[0])
    return _json(told[0], 201 if told[0]["result"] == "created" else 200)


def _refused(error: FieldError) -> dict[str, Any]:
    return {
        "result": "refused",
        "field": error.field,
        "given": error.given,
        "expected": error.expected,
        "detail": str(error),
    }


def _kept(outcome: Change | Passed) -> dict[str, Any]:
    if isinstance(outcome, Passed):
        return {"result": Change.SKIPPED.value, "because": outcome.sentence}
    return {"result": outcome.value}


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value) + "\n", status, content_type="application/json")

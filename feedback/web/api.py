"""Help desks hand cases over here. Errors are problem+json (RFC 9457)."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from feedback.config import Config
from feedback.domain.cases import CaseRecord, parse_case
from feedback.errors import FieldError
from feedback.keys import hash_api_key
from feedback.loop.asking import Asking
from feedback.loop.intake import BATCH, take_in
from feedback.store import Store

CASES_AT_MOST = 1_000
BODY_LARGEST = 8 * 1024 * 1024


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
        try:
            request.max_content_length = BODY_LARGEST
            body = json.loads(request.get_data(cache=False))
        except (ValueError, RecursionError) as error:
            return problem(400, "Not JSON", f"The body is not JSON: {error}. Expected one case, or a list of cases.")
        items = body if isinstance(body, list) else [body]
        if len(items) > CASES_AT_MOST:
            words = f"Given {len(items):,} cases, expected at most {CASES_AT_MOST:,} at a time. Nothing was taken in."
            return problem(413, "Too many cases", words)
        moment = now()
        results = [_parsed(item, moment) for item in items]
        good = [result for result in results if isinstance(result, CaseRecord)]
        taken = iter(
            [one for k in range(0, len(good), BATCH) for one in take_in(store, asking, good[k : k + BATCH], moment)]
        )
        told = [
            {"ref": result.ref, "result": next(taken).change.value} if isinstance(result, CaseRecord) else result
            for result in results
        ]
        if isinstance(body, list):
            return _json({"results": told})
        if told[0]["result"] == "refused":
            return problem(422, "The case was refused", **told[0])
        return _json(told[0], 201 if told[0]["result"] == "created" else 200)

    @api.route("/cases", methods=["GET", "PUT", "PATCH", "DELETE"])
    def cases_are_posted() -> Response:
        response = problem(405, "Method not allowed", "Cases are sent with POST.")
        response.headers["Allow"] = "POST"
        return response

    @api.route("/<path:_unknown>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def unknown(_unknown: str) -> Response:
        return problem(404, "Not found", "There is no such address. Cases are sent with POST to /api/v1/cases.")

    return api


def _parsed(item: object, now: datetime) -> CaseRecord | dict[str, Any]:
    try:
        if not isinstance(item, dict):
            raise FieldError("case", json.dumps(item)[:200], "a JSON object")
        return parse_case(item, now=now, zone=None)
    except FieldError as error:
        ref = item.get("ref") if isinstance(item, dict) else None
        return {
            "ref": ref if isinstance(ref, str | int) else None,
            "result": "refused",
            "field": error.field,
            "given": error.given,
            "expected": error.expected,
            "detail": str(error),
        }


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value) + "\n", status, content_type="application/json")

"""Taps of visitors, from pages of any origin: no key, no cookie, and nothing about the visitor in a log."""

from collections.abc import Callable
from datetime import datetime
from math import ceil

from flask import Blueprint, Response, abort, request

from feedback.config import Config
from feedback.domain.taps import parse_offer, parse_vote
from feedback.errors import FieldError, TooMany
from feedback.keys import Keys
from feedback.loop.taps import take_offer, take_vote
from feedback.publish.build import place_of
from feedback.publish.faq import published_pages
from feedback.store import Store
from feedback.web.api import problem

BODY_LARGEST = 2_048
OTHERS = ("GET", "PUT", "PATCH", "DELETE", "OPTIONS")  # beside POST


def blueprint(config: Config, store: Store, keys: Keys, now: Callable[[], datetime]) -> Blueprint:
    taps = Blueprint("taps", __name__, url_prefix="/api/v1")

    @taps.before_request
    def limit_body() -> None:
        request.max_content_length = request.max_form_memory_size = BODY_LARGEST

    @taps.after_request
    def for_any_origin(response: Response) -> Response:
        """Such a request carries no cookie, and can do what anybody can."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    @taps.errorhandler(FieldError)
    def refused(error: FieldError) -> Response:
        told = {"field": error.field, "given": error.given, "expected": error.expected}
        return problem(422, "A field cannot be used", str(error), **told)

    @taps.errorhandler(TooMany)
    def enough(error: TooMany) -> Response:
        response = problem(429, "Enough for today", str(error))
        response.headers["Retry-After"] = str(ceil(error.wait.total_seconds()))
        return response

    def must_be_an_entry(page: str) -> None:
        if page not in published_pages(place_of(config) / "current"):
            abort(404, "There is no such entry in the FAQ as it is published.")

    @taps.post("/page-votes", provide_automatic_options=False)
    def page_votes() -> Response:
        vote = parse_vote(request.form)
        must_be_an_entry(vote.page)
        take_vote(store, config, keys, request.remote_addr, vote, now())
        return Response(status=204)

    @taps.post("/offers", provide_automatic_options=False)
    def offers() -> Response:
        offer = parse_offer(request.form)
        if offer.page is not None:
            must_be_an_entry(offer.page)
        take_offer(store, config, keys, request.remote_addr, offer, now())
        return Response(status=204)

    @taps.route("/page-votes", methods=OTHERS)
    @taps.route("/offers", methods=OTHERS)
    def are_posted() -> Response:
        if request.method == "OPTIONS":
            allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}
            response = Response(status=204, headers=allowed)
        else:
            response = problem(405, "Method not allowed", "Taps are sent with POST.")
        response.headers["Allow"] = "POST, OPTIONS"
        return response

    return taps

"""Whether all is well, and the published site."""

import json
import logging
from datetime import UTC, datetime

from flask import Blueprint, Response, render_template

from feedback.config import Config
from feedback.errors import StoreError
from feedback.loop.health import check
from feedback.publish.build import place_of
from feedback.store import Store
from feedback.web.built import built_page

_log = logging.getLogger("feedback.web")


def blueprint(config: Config, store: Store) -> Blueprint:
    ops = Blueprint("ops", __name__)
    site = place_of(config) / "current"

    @ops.get("/healthz")
    def healthz() -> Response:
        """200 if all is well, 503 if not, by the machine's real clock. Anyone may ask, so no more than that is told."""
        try:
            checks = {"web": True} | {one.name: one.ok for one in check(store, config, datetime.now(UTC))}
        except StoreError as error:
            _log.error("healthz: %s", error)
            checks = {"web": False}
        good = all(checks.values())
        body = json.dumps({"ok": good, "checks": checks}, indent=1) + "\n"
        return Response(body, 200 if good else 503, content_type="application/json")

    @ops.get("/")
    @ops.get("/<path:path>")
    def page(path: str = "") -> Response | tuple[Response | str, int]:
        """The newest build of the site; `current` is read once, so that one response comes from one build."""
        if not site.exists():
            return render_template("no_site.html"), 404 if path else 200
        return built_page(site.resolve(), path, at="/")

    return ops

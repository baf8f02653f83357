"""Whether all is well, and the published site."""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from flask import Blueprint, Response, render_template, send_from_directory
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from feedback.config import Config
from feedback.errors import StoreError
from feedback.loop.health import check
from feedback.publish.build import CSP_FILE
from feedback.store import Store

_log = logging.getLogger("feedback.web")


def blueprint(config: Config, store: Store) -> Blueprint:
    ops = Blueprint("ops", __name__)
    site = config.data_dir / "site" / "current"

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
        build = site.resolve()
        wanted = f"{path}index.html" if path.endswith("/") or not path else path
        try:
            response = send_from_directory(build, wanted, max_age=300)
        except (NotFound, OSError):  # a name may be too long for the disk
            if _is_folder_of(build, path):
                return Response(status=308, headers={"Location": f"/{path}/"})
            response = send_from_directory(build, "404.html", conditional=False)
            response.status_code = 404
        response.headers["Content-Security-Policy"] = (build / CSP_FILE).read_text("utf-8").strip()
        return response

    return ops


def _is_folder_of(build: Path, path: str) -> bool:
    inside = safe_join(str(build), path, "index.html")
    return inside is not None and not path.endswith("/") and os.path.isfile(inside)

"""Files of a built site, each answer from one build."""

import os
from pathlib import Path

from flask import Response, send_from_directory
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from feedback.publish import faq
from feedback.publish.build import CSP_FILE

_FOR_OTHERS = (faq.FILE, faq.SCRIPT)  # what pages of the business load, wherever they are


def built_page(build: Path, path: str, at: str) -> Response:
    """The file that a path under the address `at` leads to, with the policy of its build; or its page for 404."""
    wanted = f"{path}index.html" if path.endswith("/") or not path else path
    try:
        response = send_from_directory(build, wanted, max_age=300)
    except (NotFound, OSError):  # a name may be too long for the disk
        if _is_folder_of(build, path):
            return Response(status=308, headers={"Location": f"{at}{path}/"})
        response = send_from_directory(build, "404.html", conditional=False)
        response.status_code = 404
    if path in _FOR_OTHERS:
        response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Content-Security-Policy"] = (build / CSP_FILE).read_text("utf-8").strip()
    return response


def _is_folder_of(build: Path, path: str) -> bool:
    inside = safe_join(str(build), path, "index.html")
    return inside is not None and not path.endswith("/") and os.path.isfile(inside)

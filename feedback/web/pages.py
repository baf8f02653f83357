"""What every page of ours shares: the style sheet, sent inside the page, and the policy that allows just that."""

import base64
import hashlib
from functools import cache
from importlib import resources

STYLE = resources.files("feedback.web").joinpath("static", "pages.css").read_text("utf-8").strip()


@cache
def page_policy() -> str:
    """Content-Security-Policy: nothing but our own style, and forms that go back to us."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )

"""What every page of ours shares: the style sheet, sent inside the page, and the policy that allows just that."""

import base64
import hashlib
from importlib import resources
from string import Template

from feedback.domain.colours import Accent


def page_style(accent: Accent) -> str:
    """The style sheet, with the business's colour."""
    shared = resources.files("feedback.web").joinpath("static", "pages.css").read_text("utf-8").strip()
    return Template(shared).substitute(accent=accent.light, accent_dark=accent.dark)


def page_policy(style: str) -> str:
    """Content-Security-Policy: nothing but our own style, and forms that go back to us."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )

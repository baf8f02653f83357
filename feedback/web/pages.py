"""What pages of ours share: style sheets, sent inside the page, a script, the policy that allows those; and shells."""

import base64
import hashlib
import re
from importlib import resources
from string import Template

from markupsafe import escape

from feedback.domain.colours import Accent

_HOLE = re.compile("~~([a-z_]+)~~")


def hole(name: str) -> str:
    """What a template gets in place of a value that differs from reader to reader; also as a part of an address."""
    return f"~~{name}~~"


class Shell:
    """A page with holes. To make one from its template costs more than all else that a request does."""

    def __init__(self, page: str) -> None:
        self._parts = _HOLE.split(page)

    def filled(self, **values: str) -> str:
        """The page of one reader; the values are text, not markup."""
        parts = self._parts.copy()
        parts[1::2] = [escape(values[name]) for name in parts[1::2]]
        return "".join(parts)


def _static(name: str) -> str:
    return resources.files("feedback.web").joinpath("static", name).read_text("utf-8").strip()


DRAFT = _static("draft.js")  # keeps what a customer types; no page needs it
POLL = _static("poll.js")  # counts anew what waits at the desk; no page needs it
STAFF_STYLE = _static("staff.css")  # what the desk needs besides


def page_style(accent: Accent) -> str:
    """The style sheet of every page, with the business's colour."""
    return Template(_static("pages.css")).substitute(accent=accent.light, accent_dark=accent.dark)


def page_policy(style: str) -> str:
    """Content-Security-Policy: nothing but our own styles and our one script, and forms that go back to us."""
    return _policy(style, f"script-src {_digest(DRAFT)}")


def queue_policy(style: str) -> str:
    """That of the one page that asks us again while it is looked at."""
    return _policy(style, f"script-src {_digest(POLL)}; connect-src 'self'")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src {_digest(style)} {_digest(STAFF_STYLE)}; {script}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

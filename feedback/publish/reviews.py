"""Who keeps a page, and when it was last read through: said at its end, and at its top once that is long ago."""

import re
from calendar import monthrange
from datetime import date

from feedback.errors import PublishError
from feedback.publish import front_matter
from feedback.publish.texts import plain
from feedback.publish.words import day

MONTHS = 6
_TITLE = re.compile(r"\s*(?:# [^\n]*|[^\n]+\n=+[ \t]*)(?:\n|\Z)")


def with_review(markdown: str, page: str, today: date) -> str:
    """The page with what its front matter says of `owner:` and `reviewed:`.

    Raises PublishError, which names the page and what was expected.
    """
    said, body = front_matter.split(markdown, page)
    owner, reviewed = _owner(said.get("owner"), page), reviewed_on(said.get("reviewed"), page)
    begin = markdown[: len(markdown) - len(body)]
    if reviewed is not None and _later(reviewed, MONTHS) <= today:
        title = _TITLE.match(body)
        at = title.end() if title else 0
        body = f"{body[:at]}\n{_stale(owner, reviewed)}\n\n{body[at:]}"
    kept = f"Kept by {plain(owner)}." if owner else ""
    last = f"Last reviewed {day(reviewed)}." if reviewed else ""
    if kept or last:
        body = f'{body.rstrip()}\n\n<p class="review">{" ".join(filter(None, (kept, last)))}</p>\n'
    return begin + body


def _stale(owner: str, reviewed: date) -> str:
    who = plain(owner) if owner else "Whoever knows it best"
    return (
        f'<p class="stale"><strong>Not reviewed since {day(reviewed)}.</strong> Some of it may no longer be so. '
        f"{who}: read it through, mend what has changed, and set <code>reviewed:</code> at its top to that day.</p>"
    )


def _owner(value: object, page: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    raise PublishError(f"{page}: owner: given {value!r}, expected a name, such as owner: Mara")


def reviewed_on(value: object, page: str) -> date | None:
    """The day that a page says, if it says one. Raises PublishError."""
    if not value:
        return None
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # such as the 31st of a month that has 30 days
    raise PublishError(f"{page}: reviewed: given {value!r}, expected a day such as 2026-11-25.")


def _later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))

"""Reads the FAQ for customers from its pages."""

import json
import re
from functools import lru_cache
from pathlib import Path

from feedback.domain.faq import Entry
from feedback.errors import PublishError
from feedback.publish import front_matter

FOLDER = "faq"
_TITLE = re.compile(r"^# +(.+?) *$", re.MULTILINE)
_MARKUP = re.compile(r"<[^>]*>|\]\([^)]*\)|[#*_`>\[\]|]+")


def read_entries(pages: Path) -> list[Entry]:
    """The entries in the folder `faq/` of the pages written by hand, by path; none if there is no such folder.

    Its own first page, `faq/index.md`, is none. Raises PublishError, which names the page and what was expected.
    """
    found = []
    for path in sorted((pages / FOLDER).rglob("*.md")):
        page = path.relative_to(pages).as_posix()
        if page == f"{FOLDER}/index.md":
            continue
        try:
            said, body = front_matter.split(path.read_text("utf-8-sig"), page)
        except UnicodeDecodeError:
            raise PublishError(f"The page {page} is not UTF-8. Save it as UTF-8.") from None
        title = _TITLE.search(body)
        if title is None:
            raise PublishError(f"{page}: expected a title, such as “# Where is my parcel?”, in a line of its own.")
        topics, words = (_list(said.get(name), name, page) for name in ("topics", "words"))
        found.append(Entry(page, title[1], topics, words, " ".join(_MARKUP.sub(" ", body).split())))
    return found


def published_pages(build: Path) -> frozenset[str]:
    """The addresses of the entries in a built site, by its `faq.json`; none if it has no FAQ."""
    path = build / "faq.json"
    try:
        return _pages_in(path.resolve(), path.stat().st_mtime_ns)
    except (OSError, ValueError, LookupError, TypeError):
        return frozenset()


@lru_cache(maxsize=4)
def _pages_in(path: Path, _changed: int) -> frozenset[str]:
    return frozenset(str(entry["url"]) for entry in json.loads(path.read_text("utf-8"))["entries"])


def _list(value: object, name: str, page: str) -> tuple[str, ...]:
    if not value:
        return ()
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise PublishError(f"{page}: {name}: given {value!r}, expected words such as {name}: [payment, invoice]")
    return tuple(one.strip() for one in given if one.strip())

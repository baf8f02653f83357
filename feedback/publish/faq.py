"""The FAQ for customers: its entries, its first page, what each entry asks, and what `assist.js` reads of them."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from feedback.config import Config
from feedback.domain.colours import accent
from feedback.domain.faq import Entry
from feedback.domain.texts import one_line
from feedback.errors import PublishError
from feedback.i18n import Language, load_languages, marked
from feedback.publish import front_matter, reviews
from feedback.publish.texts import plain

FOLDER = "faq"
FIRST_PAGE = f"{FOLDER}/index.md"
FILE, SCRIPT = "faq.json", "assist.js"  # what pages of other sites load
VERSION = 1  # of the file
TITLE_LONGEST = 200
_TITLE = re.compile(r"^# +(.+?) *(?:\{[^}\n]*\})? *$", re.MULTILINE)
_HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)
_NO_TITLE = re.compile(r"<!--.*?-->|^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"</?[a-z][^>]*>|[#*_`>|]+", re.IGNORECASE)
_FOR_ITS_READERS = re.compile(r"^(?:\s|//.*)+", re.MULTILINE)  # comments, indentation: pages of others need none
_SAID_BY_SCRIPT = {  # what assist.js says, by the names that it has for it
    "title": marked("Can we help?"),
    "apart": marked("opens in a new window"),
    "helped": marked("Did that help?"),
    "yes": marked("Yes"),
    "no": marked("No"),
    "glad": marked("Good to hear. Thank you for telling us."),
    "sorry": marked("Thank you. A person can look at it, too."),
    "person": marked("Ask a person"),
    "close": marked("No thanks"),
}


def read_entries(pages: Path) -> list[Entry]:
    """The entries in the folder `faq/` of the pages written by hand, by path; none if there is no such folder.

    Its own first page, `faq/index.md`, is none. Raises PublishError, which names the page and what was expected.
    """
    found = []
    for path in sorted((pages / FOLDER).rglob("*.md")):
        page = path.relative_to(pages).as_posix()
        if page == FIRST_PAGE:
            continue
        try:
            said, body = front_matter.split(path.read_text("utf-8-sig"), page)
        except UnicodeDecodeError:
            raise PublishError(f"The page {page} is not UTF-8. Save it as UTF-8.") from None
        title = _TITLE.search(_NO_TITLE.sub("", body))
        if title is None:
            raise PublishError(f"{page}: expected a title, such as “# Where is my parcel?”, in a line of its own.")
        topics, words = (_list(said.get(name), name, page) for name in ("topics", "words"))
        found.append(Entry(page, _as_read(title[1])[:TITLE_LONGEST], topics, words, _as_read(body)))
    return found


def _as_read(markdown: str) -> str:
    """Without its markup, in one line."""
    return one_line(_MARKUP.sub("", _LINK.sub(r"\1", _HIDDEN.sub(" ", markdown))))


def published_pages(build: Path) -> frozenset[str]:
    """The addresses of the entries in a built site, by its `faq.json`; none if it has no FAQ."""
    path = build / FILE
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


def is_page(page: str) -> bool:
    """Whether a page of the site, by its path, is one for customers."""
    return page.startswith(f"{FOLDER}/")


def files(entries: Sequence[Entry], config: Config) -> dict[str, str]:
    """The files that the build adds, by their path in the site."""
    return {
        FIRST_PAGE: _first_page(entries, config),
        FILE: _for_script(entries, config),
        SCRIPT: _FOR_ITS_READERS.sub("", _static(SCRIPT)),
        "assets/votes.js": _static("votes.js"),
    }


def with_end(markdown: str, page: str, config: Config, *, asks: bool) -> str:
    """A page for customers with when it was last checked, the way to all others, and the script of its question.

    That it was not looked at for long is nothing for customers to read. Raises PublishError.
    """
    said, _ = front_matter.split(markdown, page)
    reviewed = reviews.reviewed_on(said.get("reviewed"), page)
    language = _language(config)
    address = Entry(page, "", (), (), "").address
    end = []
    if page != FIRST_PAGE:
        words = _say(language, marked("All questions"))
        end.append(f'<a href="{"../" * (address.count("/") - 1)}">{words}</a>')
    if reviewed:
        end.append(_say(language, marked("Last checked on %(day)s."), day=language.day(reviewed)))
    if end:
        markdown = f'{markdown.rstrip()}\n\n<p class="review">{" · ".join(end)}</p>\n'
    if asks and page != FIRST_PAGE:
        told = {
            "src": f"{'../' * address.count('/')}assets/votes.js",
            "data-service": config.base_url,
            "data-page": address,
            "data-failed": language.text(marked("We could not note that at the moment.")),
            "data-lang": language.tag,
        }
        attributes = " ".join(f'{name}="{escape(value)}"' for name, value in told.items())
        markdown = f"{markdown.rstrip()}\n\n<script {attributes} defer></script>\n"
    return markdown


def question(config: Config) -> dict[str, Any]:
    """What the theme's own widget asks at the end of an entry: `extra.analytics.feedback` of its configuration."""
    language = _language(config)
    thanks, person = _say(language, marked("Thank you for telling us.")), _say(language, marked("Ask a person"))
    thanks = f"<span>{thanks}</span>"
    way = _way(config, "{title}")  # the theme puts it in
    more = f' <a href="{escape(way)}">{person}</a>' if way else ""
    yes, no = marked("Yes"), marked("No")
    return {
        "title": _say(language, marked("Did this help?")),
        "ratings": [
            {"icon": "material/thumb-up-outline", "name": _say(language, yes), "data": "yes", "note": thanks},
            {"icon": "material/thumb-down-outline", "name": _say(language, no), "data": "no", "note": thanks + more},
        ],
    }


def _first_page(entries: Sequence[Entry], config: Config) -> str:
    """All entries by their first topic; those without come last."""
    language = _language(config)
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(next(iter(entry.topics), "").casefold(), []).append(entry)
    parts = ["# " + _say(language, marked("Questions and answers"))]
    for topic in sorted(groups, key=lambda topic: (not topic, topic)):
        name = next(iter(groups[topic][0].topics), "") or language.text(marked("More questions"))
        parts.append(f"## {plain(name[:1].upper() + name[1:])}")
        parts.append(
            "\n".join(f"- [{plain(one.title)}](<{one.page.removeprefix(f'{FOLDER}/')}>)" for one in groups[topic])
        )
    if not entries:
        parts.append(_say(language, marked("Nothing stands here yet.")))
    if way := _way(config):
        asked, person = marked("Is your question not among them?"), marked("Ask a person")
        parts.append(f'{_say(language, asked)} <a href="{escape(way)}">{_say(language, person)}</a>')
    return "\n\n".join(parts) + "\n"


def _for_script(entries: Sequence[Entry], config: Config) -> str:
    """What `assist.js` needs; `way` is that to a person, with places for the page, the error and the time."""
    language, colours = _language(config), accent(config.colour)
    places = {name: f"{{{name}}}" for name in ("place", "error", "time")}
    subject = language.text(marked("Help with %(place)s"), place=places["place"])
    context = language.text(marked("Page: %(place)s\nWhat happened: %(error)s\nTime: %(time)s"), **places)
    told = {
        "version": VERSION,
        "contact": config.contact_url,
        "way": _way(config, subject, context),
        "service": config.base_url,
        "lang": language.tag,
        "dir": language.direction,
        "words": {name: language.text(sentence) for name, sentence in _SAID_BY_SCRIPT.items()},
        "style": Template(_static("assist.css")).substitute(accent=colours.light, accent_dark=colours.dark),
        "entries": [
            {"url": one.address, "title": one.title, "topics": one.topics, "words": one.words} for one in entries
        ],
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def _way(config: Config, subject: str = "", context: str = "") -> str | None:
    """A link to a person that tells what it is about; places in braces stay, to be filled later."""
    url = config.contact_url
    if url is None or not subject:
        return url
    if url.startswith("mailto:"):
        said = {"subject": subject, "body": f"\n\n\n{context}".replace("\n", "\r\n") if context else ""}
    else:
        said = {"context": context or subject}
    query = "&".join(f"{name}={quote(text, safe='{}')}" for name, text in said.items() if text)
    address, mark, anchor = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{query}{mark}{anchor}"


def _say(language: Language, sentence: str, /, **values: object) -> str:
    """A sentence of ours inside a line of a page."""
    return plain(language.text(sentence, **values), 500)


def _language(config: Config) -> Language:
    return load_languages(config.words_dir).choose(config.locale)


def _static(name: str) -> str:
    return resources.files("feedback.publish").joinpath("static", name).read_text("utf-8")

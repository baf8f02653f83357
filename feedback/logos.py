"""The owner's logo: a picture that does nothing but show. Read once, at the start, and judged by what is in it."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from xml.parsers import expat

from pydantic import BeforeValidator

LARGEST = 100_000  # bytes; it is on every page
_PNG = b"\x89PNG\r\n\x1a\n"
_EXPECTED = "an SVG or PNG file such as logo.svg"
_REFUSED = frozenset(("script", "handler", "foreignobject", "iframe", "embed", "object", "audio", "video"))
_INSIDE = re.compile(r"\s*(#|data:image/(png|jpeg|gif|webp);base64,)", re.IGNORECASE)
_REACHES_OUT = re.compile(
    r"@import|image-set|\\|url\((?!\s*[\"']?\s*(#|data:image/(png|jpeg|gif|webp);))", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class LogoFile:
    """Under which name it is published, and its bytes."""

    name: str
    content: bytes = field(repr=False)


def read_logo(path: Path) -> LogoFile:
    """Raises ValueError that says what was expected."""
    try:
        with path.expanduser().open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ValueError(f"{_EXPECTED}; there is no file {path}") from None
    except (OSError, RuntimeError, ValueError):
        raise ValueError(f"{_EXPECTED}, in a place where it can be read") from None
    if len(content) > LARGEST:
        raise ValueError(f"{_EXPECTED}, of at most {LARGEST // 1000} kB")
    if content.startswith(_PNG) and content[12:16] == b"IHDR":
        return LogoFile("logo.png", content)
    if reason := _why_no_svg(content):
        raise ValueError(f"{_EXPECTED}; {reason}")
    return LogoFile("logo.svg", content)


class _Refused(Exception):
    """In words."""


def _why_no_svg(content: bytes) -> str | None:
    """Why this is not an SVG that only shows; None if it is. Opened by itself, it would be a page of the site."""
    parser = expat.ParserCreate()
    path: list[str] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        element = _local(name)
        if not path and element != "svg":
            raise _Refused("this is neither, whatever its name says")
        path.append(element)
        if element in _REFUSED:
            raise _Refused(f"this one holds <{name}>, and a logo may hold nothing that runs or comes from elsewhere")
        for attribute, value in attributes.items():
            _check_attribute(_local(attribute), value)

    def text(words: str) -> None:
        if path[-1] == "style" and _REACHES_OUT.search(words):
            raise _Refused("the style in this one reaches for something outside of it")

    def instruction(target: str, _: str) -> None:
        if target.lower() == "xml-stylesheet":
            raise _Refused("this one asks for a style sheet from elsewhere")

    def entity(*_: object) -> None:
        raise _Refused("this one declares entities; save it without them")

    parser.buffer_text = True  # so that a style arrives in one piece
    parser.StartElementHandler, parser.EndElementHandler = begin, lambda _: path.pop() and None
    parser.CharacterDataHandler, parser.ProcessingInstructionHandler = text, instruction
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(content, True)
    except _Refused as refusal:
        return str(refusal)
    except (expat.ExpatError, ValueError):
        return "this is neither, whatever its name says"
    return None


def _check_attribute(name: str, value: str) -> None:
    if name.startswith("on"):
        raise _Refused(f"this one has {name}=, and a logo may hold nothing that runs")
    if name in ("href", "src") and not _INSIDE.match(value):
        raise _Refused(f"this one refers to {value[:60]!r}, which is outside of it")
    if (name == "attributename" and _local(value) == "href") or _REACHES_OUT.search(value):
        raise _Refused(f"what {name}= says in this one could reach for something outside of it")


def _local(name: str) -> str:
    return name.rpartition(":")[2].strip().lower()


def _logo(value: object) -> object:
    return read_logo(Path(value)) if isinstance(value, str) else value


Logo = Annotated[LogoFile, BeforeValidator(_logo)]

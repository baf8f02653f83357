"""Text that others wrote: kept as it was meant, and harmless beside text of ours."""

import re
import unicodedata
from collections.abc import Iterable

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_UNSEEN = (
    "\\s\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff"
)
_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫−"
_FORMULA = re.compile(f"(?:^|(?<=[\n\r\t;]))(?=[{_UNSEEN}]*[{_SIGNS}])|^(?=[\t\r\n])")
_BETWEEN_NAMES = re.compile(r"[\s,;:.()/@_\"'’-]+")
_NUMBER = re.compile(r"\d[\d\s()/.-]*")
_NUMBER_SHORTEST = 5  # digits; a shorter one is an extension, and stands in many texts
_NUMBER_END = 7  # digits; what comes before may be written in several ways, +49 30 and 030
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def clean(text: str | None) -> str:
    """The text as it was meant: browsers send CRLF; control characters and half a surrogate pair say nothing."""
    plain = _CONTROLS.sub("", (text or "").replace("\r\n", "\n"))
    return plain.encode("utf-8", "replace").decode().strip()


def inert(text: str) -> str:
    """Text that commands no terminal and turns no writing around it (UAX 9)."""
    return clean(_TURNS.sub("", text))


def one_line(text: str | None) -> str:
    """Text inside a line of ours: control characters, of writing direction too, and runs of blanks become one blank."""
    plain = _TURNS.sub(" ", _CONTROLS.sub(" ", text or ""))
    return " ".join(plain.encode("utf-8", "replace").decode().split())


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, which could send the sheet anywhere (OWASP, CSV injection).

    Nor what stands after a line's end, a tab or a `;`, where some programs begin another cell.
    """
    return _FORMULA.sub("'", text)


def tells_who(text: str, name: str | None, address: str | None, phones: Iterable[str]) -> list[str]:
    """What stands in a text of what tells who somebody is: words of the name, the address, a telephone number.

    Whether letters are small or carry accents does not matter. A word of the name counts by itself, for `Ada` is no
    part of an adapter, and with 3 letters at least; in writing without capitals, which may know no blanks, anywhere.
    """
    plain = _plain(text)
    words = [word for word in _BETWEEN_NAMES.split(name or "") if _has_name(plain, word)]
    if not words and name and _has_name(plain, name):
        words = [name]
    found = [*words, *([address] if address and _plain(address) in plain else [])]
    numbers = _numbers(text)
    for phone in phones:
        if any(number[-_NUMBER_END:] in other for number in _numbers(phone) for other in numbers):
            found.append(phone)
    return list(dict.fromkeys(found))


def _has_name(plain: str, name: str) -> bool:
    if name.lower() == name.upper():
        return len(name) >= 2 and _plain(name) in plain
    return len(name) >= 3 and re.search(rf"(?<!\w){re.escape(_plain(name))}(['’]?s)?(?!\w)", plain) is not None


def _plain(text: str) -> str:
    """Without capitals and accents, and with one blank where there are some."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(part for part in parts if not unicodedata.combining(part)).split())


def _numbers(text: str) -> list[str]:
    """The digits of each telephone number that there may be."""
    found = (re.sub(r"\D", "", number) for number in _NUMBER.findall(text))
    return [number for number in found if len(number) >= _NUMBER_SHORTEST]

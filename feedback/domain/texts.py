"""Text that others wrote: kept as it was meant, and harmless beside text of ours."""

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_UNSEEN = "\\s\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2060-\u2064\u3164\ufeff"
_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫−"
_FORMULA = re.compile(f"(?:^|(?<=[\n\r\t;]))(?=[{_UNSEEN}]*[{_SIGNS}])|^(?=[\t\r\n])")
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

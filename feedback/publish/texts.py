"""What others wrote, on a page: data, never markup. No HTML, Markdown or template in it has any effect."""

import re

from feedback.domain.texts import clean, inert, one_line

LONGEST = 200  # letters of a name, a topic, a team
QUOTE_LONGEST = 1200
_LINES_MOST = 20
_MARKUP = re.compile(r"[&<>\"'\\`*_{}\[\]()#+\-.!|~:^=$@]")


def plain(text: str, longest: int = LONGEST) -> str:
    """Text inside a line, a cell or a heading of ours."""
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", _cut(one_line(text), longest))


def quoted(text: str) -> str:
    """Text of several lines, as a block of its own: its paragraphs and lines stay.

    It stands in one HTML block without blank lines, where Markdown looks at nothing; it is escaped for it all the same.
    """
    lines = [line.strip() for line in _cut(inert(clean(text)), QUOTE_LONGEST).split("\n")]
    paragraphs = "\n".join(lines[:_LINES_MOST]).split("\n\n")
    told = (
        "<br>".join(plain(line, QUOTE_LONGEST) for line in paragraph.strip().split("\n")) for paragraph in paragraphs
    )
    inside = "".join(f'<p dir="auto">{words}</p>' for words in told if words)
    return f'<blockquote class="said">{inside}</blockquote>'


def _cut(text: str, longest: int) -> str:
    """At a blank near the end, if there is one."""
    if len(text) <= longest:
        return text
    part = text[: longest - 1]
    blank = max(part.rfind(" "), part.rfind("\n"))
    return (part[:blank] if blank > longest // 2 else part).rstrip() + "…"

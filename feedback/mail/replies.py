"""What a person wrote in a reply, without what the mail program put around it.

Quotes are found by what is the same in every language: the mark `>`, a date, our own address in a block of headers.
What is long is cut before it is looked through, for whoever has a mail of ours can send what they like.
"""

import re
from collections import Counter
from collections.abc import Sequence
from email.message import Message
from html.parser import HTMLParser

from feedback.domain.surveys import COMMENT_LONGEST
from feedback.domain.texts import inert
from feedback.domain.wording import shortened

_LONGEST = 1 << 15  # letters of a part that are read
_DEEPEST = 100
_SEPARATOR = re.compile(r"\s*([_-]{5,}|[-—]{3,} ?[^-—]{3,60} ?[-—]{3,})\s*")
_SIGNATURE = re.compile(r"--\s?")
_SIGNATURE_LINES = 10
_HEADER = re.compile(r"\s*\*?\w[\w ]{0,20}\*?\s?[:：]\s*\S")
_DATE = re.compile(r"\b\d{4}\b|\d{4}年|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b")
_SENT_FROM = re.compile(
    r"(sent from|get outlook|gesendet (von|mit)|von meinem|envoyé (de|depuis)|enviado (desde|do|de|a partir)|"
    r"inviato da|verzonden (vanaf|met)|wysłan[eo] z|أُ?رسلت? من|تم الإرسال|.{0,20}から送信)",
    re.IGNORECASE,
)
_BLOCKS = frozenset(("address", "article", "div", "dd", "dt", "h1", "h2", "h3", "hr", "li", "p", "pre", "table", "tr"))
_UNSEEN = frozenset(("head", "script", "style", "title"))
_QUOTES = re.compile(r"gmail_quote|moz-cite-prefix|yahoo_quoted|protonmail_quote|OLK_SRC")
_ANSWERED = re.compile(r"divRplyFwdMsg|appendonsend")  # Outlook: all that follows is the mail that was answered
_VOID = frozenset(("br", "hr", "img", "input", "link", "meta", "wbr"))
_NOT_FOR_TEXT = frozenset(("idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf-7"))


def part_text(part: Message) -> str:
    """A part as text, its beginning, in whatever charset it says, UTF-8 if that is none."""
    raw = part.get_payload(decode=True)
    raw = raw[: 4 * _LONGEST] if isinstance(raw, bytes) else b""
    told = re.search(r"charset\s*=\s*\"?([\w.:-]{1,40})", str(part.get("Content-Type", ""))[:2_000], re.IGNORECASE)
    charset = told[1].lower() if told else "utf-8"
    try:
        text = raw.decode("utf-8" if charset.replace("-", "_") in _NOT_FOR_TEXT else charset, "replace")
    except (LookupError, ValueError):
        text = raw.decode("utf-8", "replace")
    return inert(text[:_LONGEST])


def reply_text(message: Message, own_addresses: Sequence[str]) -> str:
    """What a person wrote; the quote of our mail and the signature are left out. Empty if that leaves nothing."""
    parts = {
        part.get_content_type(): part
        for part in reversed([*message.walk()])
        if not str(part.get("Content-Disposition", "")).lower().startswith("attachment")
    }
    if (plain := parts.get("text/plain")) is not None:
        words = _own_words(part_text(plain), own_addresses)
    elif (page := parts.get("text/html")) is not None:
        text, has_quote = _text_of(part_text(page))
        words = _own_words(inert(text), own_addresses, ends_with_attribution=has_quote)
    else:
        return ""
    return shortened(words, COMMENT_LONGEST)


def _own_words(text: str, own_addresses: Sequence[str], *, ends_with_attribution: bool = False) -> str:
    lines = re.sub(r"\n\s*\n", "\n\n", text).splitlines()
    kept: list[str] = []
    quotes = False
    for line in lines[: _end_of_own(lines, own_addresses)]:
        if not line.lstrip().startswith(">"):
            quotes = False
            kept.append(line.rstrip())
        elif not quotes:
            quotes = True
            _drop_attribution(kept, own_addresses)
    if ends_with_attribution:
        _drop_attribution(kept, own_addresses)
    while kept and (not kept[-1] or _SENT_FROM.match(kept[-1])):
        kept.pop()
    return "\n".join(kept).strip()


def _end_of_own(lines: Sequence[str], own_addresses: Sequence[str]) -> int:
    """Where the signature, or the copy of our mail, begins."""
    for number, line in enumerate(lines):
        if _SIGNATURE.fullmatch(line) and len(lines) - number <= _SIGNATURE_LINES:
            return number
        following = [one for one in lines[number : number + 5] if one]
        headers = [one for one in following if _HEADER.match(one)]
        is_ours = any(address in one.lower() for one in headers for address in own_addresses)
        if len(headers) > 1 and (_SEPARATOR.fullmatch(line) or (is_ours and _HEADER.match(line))):
            return number
        if is_ours and _SEPARATOR.fullmatch(line):
            return number
    return len(lines)


def _drop_attribution(kept: list[str], own_addresses: Sequence[str]) -> None:
    """`On 3 March 2026 at 14:05, Acme <care@acme.example> wrote:`, perhaps over a few lines."""
    while kept and not kept[-1]:
        kept.pop()
    if not kept or not kept[-1].endswith((":", "：")):
        return
    for start in range(len(kept) - 1, max(-1, len(kept) - 4), -1):
        if not kept[start]:
            return
        told = " ".join(kept[start:]).lower()
        if _DATE.search(told):
            del kept[start:]
            return
        if start == len(kept) - 1 and not any(address in told for address in own_addresses):
            return


class _TextOfHtml(HTMLParser):
    """The words of a page, a line a block; quotes are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.has_quote = False
        self._open: list[tuple[str, bool]] = []  # tags, and whether what is in them is left out
        self._names: Counter[str] = Counter()
        self._hidden = 0
        self._is_over = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "br" or tag in _BLOCKS:
            self._add("\n")
        named = " ".join(value or "" for name, value in attributes if name in ("class", "id"))[:1_000]
        is_quote = tag == "blockquote" or _QUOTES.search(named) is not None
        self._is_over = self._is_over or _ANSWERED.search(named) is not None
        self.has_quote = self.has_quote or is_quote
        if tag not in _VOID and len(self._open) < _DEEPEST:
            hides = is_quote or tag in _UNSEEN
            self._open.append((tag, hides))
            self._names[tag] += 1
            self._hidden += hides

    def handle_endtag(self, tag: str) -> None:
        while self._names[tag]:
            name, hides = self._open.pop()
            self._names[name] -= 1
            self._hidden -= hides
            if name == tag:
                break
        if tag in _BLOCKS:
            self._add("\n")

    def handle_data(self, data: str) -> None:
        self._add(re.sub(r"\s+", " ", data))

    def _add(self, text: str) -> None:
        if not self._is_over and not self._hidden:
            self.pieces.append(text)


def _text_of(html: str) -> tuple[str, bool]:
    """The text of a page, and whether a quote was left out. What begins like a tag and is none is text."""
    page = re.sub(r"<!--.*?-->|<(style|script)\b.*?</\1>", "", html, flags=re.DOTALL | re.IGNORECASE)
    parser = _TextOfHtml()
    parser.feed(re.sub(r"<(?!/?[a-zA-Z][^<>]{0,4000}>)", "&lt;", page))
    parser.close()
    return "\n".join(line.strip() for line in "".join(parser.pieces).splitlines()), parser.has_quote

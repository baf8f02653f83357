"""What a person wrote in a reply, without what the mail program put around it.

Quotes are found by what is the same in every language: the mark `>`, an address, our own sender in a line of headers.
"""

import re
from collections.abc import Sequence
from email.message import EmailMessage
from html.parser import HTMLParser

from feedback.domain.surveys import COMMENT_LONGEST, clean
from feedback.domain.wording import shortened

_SEPARATOR = re.compile(r"\s*(_{5,}\s*|[-—]{3,}[^-—]{3,60}[-—]{3,}\s*)")
_SIGNATURE = re.compile(r"--\s?")
_HEADER = re.compile(r"\s*\*?\w[\w ]{0,20}\*?\s?[:：]")
_SAYS_WHEN = re.compile(r"@|\d{4}|\d{1,2}[:.]\d{2}")
_SENT_FROM = re.compile(
    r"(sent from|get outlook|gesendet (von|mit)|von meinem|envoyé (de|depuis)|enviado (desde|do|de|a partir)|"
    r"inviato da|verzonden (vanaf|met)|wysłan[eo] z|أُ?رسلت? من|تم الإرسال|.{0,20}から送信)",
    re.IGNORECASE,
)
_BLOCKS = frozenset(("address", "article", "div", "dd", "dt", "h1", "h2", "h3", "hr", "li", "p", "pre", "table", "tr"))
_UNSEEN = frozenset(("head", "script", "style", "title"))
_QUOTES = re.compile(r"gmail_quote|moz-cite-prefix|yahoo_quoted|protonmail_quote|divRplyFwdMsg|appendonsend|OLK_SRC")
_VOID = frozenset(("br", "hr", "img", "input", "link", "meta", "wbr"))


def reply_text(message: EmailMessage, own_addresses: Sequence[str]) -> str:
    """What a person wrote; the quote of our mail and the signature are left out. Empty if that leaves nothing."""
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    text = str(part.get_content())
    if part.get_content_subtype() == "html":
        text = _text_of(text)
    return shortened(_own_words(clean(text), own_addresses), COMMENT_LONGEST)


def _own_words(text: str, own_addresses: Sequence[str]) -> str:
    lines = text.splitlines()
    lines = lines[: _end_of_own(lines, own_addresses)]
    kept: list[str] = []
    for line in lines:
        if line.lstrip().startswith(">"):
            _drop_attribution(kept)
        else:
            kept.append(line.rstrip())
    if not any(line.lstrip().startswith(">") for line in lines):
        _drop_attribution(kept)  # the quote itself was dropped with its HTML
    while kept and (not kept[-1] or _SENT_FROM.match(kept[-1])):
        kept.pop()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _end_of_own(lines: Sequence[str], own_addresses: Sequence[str]) -> int:
    """Where the signature, or the copy of our mail, begins."""
    for number, line in enumerate(lines):
        is_header = _HEADER.match(line) is not None and any(one in line.lower() for one in own_addresses)
        if _SIGNATURE.fullmatch(line) or _SEPARATOR.fullmatch(line) or is_header:
            return number
    return len(lines)


def _drop_attribution(kept: list[str]) -> None:
    """`On 3 March 2026 at 14:05, Acme <care@acme.example> wrote:`, perhaps over a few lines."""
    end = len(kept)
    while end and not kept[end - 1]:
        end -= 1
    if not end or not kept[end - 1].rstrip().endswith((":", "：")):
        return
    start = end - 1
    while start and kept[start - 1] and end - start < 4 and not re.search(r"\d{4}|\d{1,2}[:.]\d{2}", kept[start]):
        start -= 1
    if any(_SAYS_WHEN.search(line) for line in kept[start:end]):
        del kept[start:]


class _TextOfHtml(HTMLParser):
    """The words of a page, a line a block; quotes are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._open: list[tuple[str, bool]] = []  # tags, and whether what is in them is left out
        self._is_over = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "br" or tag in _BLOCKS:
            self._add("\n")
        named = " ".join(value or "" for name, value in attributes if name in ("class", "id"))
        if "divRplyFwdMsg" in named or "appendonsend" in named:
            self._is_over = True  # Outlook: all that follows is the mail that was answered
        if tag not in _VOID:
            self._open.append((tag, tag in _UNSEEN or tag == "blockquote" or _QUOTES.search(named) is not None))

    def handle_endtag(self, tag: str) -> None:
        if any(name == tag for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass
        if tag in _BLOCKS:
            self._add("\n")

    def handle_data(self, data: str) -> None:
        self._add(re.sub(r"\s+", " ", data))

    def _add(self, text: str) -> None:
        if not self._is_over and not any(hides for _, hides in self._open):
            self.pieces.append(text)


def _text_of(html: str) -> str:
    parser = _TextOfHtml()
    parser.feed(html)
    parser.close()
    return "\n".join(line.strip() for line in "".join(parser.pieces).splitlines())

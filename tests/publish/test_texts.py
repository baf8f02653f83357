import html
import re

import pytest
from markdown import markdown

from feedback.publish.texts import LONGEST, QUOTE_LONGEST, plain, quoted

HOSTILE = (
    "<script>window.ran = true</script>",
    "<img src=x onerror='window.ran = true'>",
    "{{ 7*7 }} {% raw %} {# x #} ${7*7}",
    "[x](javascript:alert(1)) ![y](https://evil.example/y.png) <https://evil.example> https://evil.example/z",
    "# heading",
    "Title\n=====\nand\n---",
    "a | b || c",
    "`code` ``more`` ```\nfence\n```",
    "~~~\nfence\n~~~",
    "*one* **two** _three_ __four__ ~~five~~ ==six== ++seven++ ^^eight^^",
    "- item\n+ item\n* item\n1. item\n2) item",
    "> quote\n>> deeper",
    "    indented\n\tby a tab",
    "&lt;b&gt; &#60;b&#62; &amp;",
    "</p></blockquote></div></article><h2>out</h2>",
    "<!-- figure: solved-rate --> <!-- x",
    ":smile: @somebody #12 [^1] [ref] $x^2$ \\( x \\)",
    "!!! note\n    text\n\n??? note\n\n=== \"tab\"",
    "---\ntitle: x\n---",
    "x" * 10_000,
    "two words " * 1_000,
    "\n" * 500 + "end",
    "😀 👩🏽‍🔧 Grüße ½ 中文",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200f\u200eשלום",
    "\x02wzxhzdk:0\x03 \x00\x1b[31m bell\x07",
    "it's \"quoted\" & 'apostrophes'",
    "<div markdown='1'>*x*</div> { .class onclick=alert(1) }{: #id }",
)  # fmt: skip


def as_read(markup: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup))).strip()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["{}", "- {}", "Said: {}", "## {}"])
def test_text_in_a_line_is_read_as_it_was_written_and_makes_no_element(text: str, place: str) -> None:
    built = markdown(place.format(plain(text)), extensions=["extra", "admonition", "smarty", "toc", "sane_lists"])
    elements = set(re.findall(r"<([a-z0-9]+)", built))
    assert elements <= {"p", "ul", "li", "h2"}
    words = " ".join(re.sub("[\x00-\x1f\u202a-\u202e\u2066-\u2069]", " ", text).split())
    read = as_read(built).removeprefix("Said: ")
    assert read == words or (len(words) > LONGEST and words.startswith(read.removesuffix("…")))


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_several_lines_is_a_quotation_and_nothing_else(text: str) -> None:
    built = markdown(f"Before\n\n{quoted(text)}\n\nAfter", extensions=["extra", "admonition", "smarty"])
    assert set(re.findall(r"<([a-z0-9]+)", built)) <= {"p", "blockquote", "br"}
    assert built.count("<blockquote") == 1
    assert "\n\n" not in quoted(text)


def test_paragraphs_and_lines_of_a_quotation_stay() -> None:
    assert quoted("One\nline\r\n\r\n\n\nTwo") == (
        '<blockquote class="said"><p dir="auto">One<br>line</p><p dir="auto">Two</p></blockquote>'
    )


def test_long_text_is_cut_at_a_word() -> None:
    told = as_read(quoted("two words " * 1_000))
    assert len(told) <= QUOTE_LONGEST
    assert told.endswith(("two…", "words…"))
    assert len(html.unescape(plain("x" * 10_000))) == LONGEST

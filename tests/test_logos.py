from collections.abc import Callable
from pathlib import Path

import pytest

from feedback.config import Config
from feedback.errors import ConfigError
from feedback.logos import LARGEST

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01"
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(inside: str = "", attributes: str = "", before: str = "") -> bytes:
    return f"{before}{HEAD} {attributes}>{inside}</svg>".encode()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PNG, "logo.png"),
        (svg('<path d="M0 0h9v9z"/>'), "logo.svg"),
        (svg(before='<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by hand -->\n'), "logo.svg"),
        (
            svg(
                before='<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
            ),
            "logo.svg",
        ),
        (
            svg('<defs><path id="a"/></defs><use xlink:href="#a"/><rect fill="url(#b)" style="fill: url( \'#b\')"/>'),
            "logo.svg",
        ),
        (svg("<style>.a { fill: red; mask: url(#m) }</style>"), "logo.svg"),
        (svg('<image href="data:image/png;base64,AAAA"/>'), "logo.svg"),
        (b"\xef\xbb\xbf" + svg(), "logo.svg"),
    ],
)
def test_a_logo_is_taken_for_what_is_in_it(
    make_config: Callable[..., Config], tmp_path: Path, content: bytes, name: str
) -> None:
    (tmp_path / "logo.txt").write_bytes(content)
    logo = make_config(logo=str(tmp_path / "logo.txt")).logo
    assert logo is not None
    assert (logo.name, logo.content) == (name, content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "this is neither, whatever its name says"),
        (b"GIF89a", "this is neither"),
        (b"<html><svg/></html>", "this is neither"),
        (svg()[:-3], "this is neither"),
        (PNG[:8] + b"no image at all", "this is neither"),
        (svg("x" * LARGEST), "of at most 100 kB"),
        (svg("<script>alert(1)</script>"), "this one holds <script>"),
        (svg("<SCRIPT/>"), "this one holds <SCRIPT>"),
        (svg('<x:script xmlns:x="http://www.w3.org/2000/svg"/>'), "this one holds <x:script>"),
        (svg("<g><foreignObject/></g>"), "this one holds <foreignObject>"),
        (svg(attributes='onload="alert(1)"'), "this one has onload="),
        (svg('<a xlink:href="javascript:alert(1)"/>'), "refers to 'javascript:alert(1)'"),
        (svg('<a href="https://evil.example"/>'), "refers to 'https://evil.example'"),
        (svg('<image href="data:image/svg+xml;base64,AAAA"/>'), "refers to 'data:image/svg"),
        (svg('<use href="other.svg#a"/>'), "refers to 'other.svg#a'"),
        (svg('<set attributeName="href" to="javascript:alert(1)"/>'), "what attributename= says"),
        (svg('<rect fill="url(https://evil.example/x)"/>'), "what fill= says"),
        (svg("<style>@import 'https://evil.example/x.css';</style>"), "the style in this one"),
        (svg("<style>.a { fill: u\\72l(x) }</style>"), "the style in this one"),
        (svg("<style><![CDATA[.a { mask: url(//evil.example) }]]></style>"), "the style in this one"),
        (svg(before='<?xml-stylesheet href="https://evil.example/x.css"?>'), "asks for a style sheet"),
        (svg("&a;", before='<!DOCTYPE svg [<!ENTITY a "b">]>'), "declares entities"),
        (svg("&a;", before='<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>'), "declares entities"),
    ],
)
def test_a_logo_that_does_more_than_show_is_refused_at_the_start(
    make_config: Callable[..., Config], tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "logo.svg"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"FEEDBACK_LOGO: given '.*logo\.svg', expected an SVG or PNG file") as told:
        make_config(logo=str(path))
    assert words in str(told.value)


@pytest.mark.parametrize("path", ["nowhere.svg", ".", "~nobody-of-that-name/logo.svg", "a\0b"])
def test_a_logo_that_is_not_there_is_told(make_config: Callable[..., Config], path: str) -> None:
    with pytest.raises(ConfigError, match=r"in a place where it can be read|there is no file"):
        make_config(logo=path)

import email
import html
import re
from dataclasses import replace
from datetime import date, timedelta
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedback.config import Config, load_config
from feedback.domain import names
from feedback.domain.cases import text
from feedback.domain.surveys import LetterFacts
from feedback.domain.wording import CASE_LONGEST, shortened
from feedback.errors import FieldError
from feedback.i18n import LANGUAGES, load_languages
from feedback.mail import compose
from tests.conftest import NOW, html_of, parse_mail, text_of

CONFIG = load_config({"FEEDBACK_SENDER": "Acme <care@acme.example>", "FEEDBACK_ZONE": "Europe/Berlin"}, env_file=None)
LINKS = compose.Links("https://a.example/s/t/yes", "https://a.example/s/t/no", f"https://a.example/o/{'t' * 80}")
LETTER = LetterFacts(
    resolved_at=NOW,
    agent="Mara",
    team="Hardware",
    subject="Printer jams on page two",
    ref="A-1",
    name="Ada",
    email="ada@example.org",
    customer_since=date(2024, 1, 15),
)


HEADERS = sorted(
    [
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"),
        *("Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "Content-Language"),
    ]
)


def content_of(letter: LetterFacts, config: Config = CONFIG) -> bytes:
    return compose.survey(letter, LINKS, config, "id.signature", NOW + timedelta(days=1)).content


def composed(letter: LetterFacts, config: Config = CONFIG) -> EmailMessage:
    return parse_mail(content_of(letter, config))


def mailboxes(content: bytes, header: str) -> list[tuple[str, str]]:
    """Names and addresses, as RFC 2047 has them read: blanks between encoded words are none.

    The newer parser of the stdlib keeps such blanks in addresses.
    """
    pairs = getaddresses([email.message_from_bytes(content)[header]])
    return [(str(make_header(decode_header(name))), address) for name, address in pairs]


def test_the_mail_as_its_reader_sees_it() -> None:
    message = composed(LETTER)
    assert message["Subject"] == "Did we solve it? — Printer jams on page two"
    assert message["From"] == "Acme <care@acme.example>"
    assert message["Reply-To"] == "Mara <care@acme.example>"
    assert text_of(message) == (
        "Hello Ada,\n"
        "\n"
        "You have been with us for 2 years — thank you for that.\n"
        "\n"
        "We marked your request “Printer jams on page two” as solved on 3 March.\n"
        "\n"
        "\n"
        "Did we solve it?\n"
        "\n"
        "Yes, it is solved\n"
        "https://a.example/s/t/yes\n"
        "\n"
        "No, something is still wrong\n"
        "https://a.example/s/t/no\n"
        "\n"
        "Each link opens a page. Your answer counts when you press “Send my answer” there.\n"
        "If you say no, a person will look at it within 24 hours.\n"
        "\n"
        "Mara\n"
        "Acme\n"
        "\n"
        "--\n"
        "You get this mail because we worked on a request of yours. We ask once about each request.\n"
        "Never ask me again\n"
        f"{LINKS.opt_out}\n"
    )


def test_html_says_what_the_text_says_and_loads_nothing() -> None:
    message = composed(LETTER)
    page = html_of(message)
    words = " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())
    for sentence in (
        "Hello Ada,",
        "You have been with us for 2 years — thank you for that.",
        "“Printer jams on page two”",
        "Did we solve it?",
        "Mara",
    ):
        assert sentence in words
    assert set(re.findall(r'href="([^"]+)"', page)) == {LINKS.yes, LINKS.no, LINKS.opt_out}
    assert not re.search(r"<img|src=|url\(|@import", page)
    assert len(page) < 20_000


TWO_YEARS = "You have been with us for 2 years — thank you for that."


@pytest.mark.parametrize(
    ("letter", "greeting", "tenure"),
    [
        (LETTER, "Hello Ada,", TWO_YEARS),
        (
            replace(LETTER, customer_since=date(2025, 3, 4)),
            "Hello Ada,",
            "You have been with us for a year — thank you for that.",
        ),
        (replace(LETTER, customer_since=date(2025, 3, 5)), "Hello Ada,", None),
        (replace(LETTER, customer_since=date(2030, 1, 1)), "Hello Ada,", None),
        (replace(LETTER, customer_since=date(1900, 1, 1)), "Hello Ada,", None),
        (replace(LETTER, customer_since=None), "Hello Ada,", None),
        (replace(LETTER, name=None), "Hello,", TWO_YEARS),
        (replace(LETTER, name="None", customer_since=None), "Hello,", None),
        (replace(LETTER, name="Acme GmbH", customer_since=None), "Hello,", None),
        (replace(LETTER, name="MÜLLER, ANNA", customer_since=None), "Hello Anna Müller,", None),
        (replace(LETTER, name="<script>&", customer_since=None), "Hello <script>&,", None),
        (replace(LETTER, name="سارة", customer_since=None), "Hello \u2068سارة\u2069,", None),
    ],
)
def test_the_greeting_says_what_is_known_and_no_more(letter: LetterFacts, greeting: str, tenure: str | None) -> None:
    message = composed(letter)
    said = [line for line in text_of(message).splitlines() if line]
    assert said[0] == greeting
    assert [line for line in said if "You have been with us" in line] == ([tenure] if tenure else [])
    escaped = greeting.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f">{escaped}</p>" in html_of(message)
    assert ("You have been with us" in html_of(message)) is (tenure is not None)


def test_an_unknown_subject_and_agent_are_done_without() -> None:
    message = composed(replace(LETTER, subject=None, agent=None, team=None))
    assert message["Subject"] == "Did we solve it?"
    assert "We marked your request A-1 as solved" in text_of(message)
    assert "\nAcme\n\n--" in text_of(message)
    assert "None" not in text_of(message) + html_of(message)


def test_list_and_id_headers_stand_unfolded_and_unencoded() -> None:
    raw = compose.survey(LETTER, LINKS, CONFIG, "id.signature", NOW).content
    assert f"\r\nList-Unsubscribe: <{LINKS.opt_out}>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert b"\r\nMessage-ID: <id.signature@acme.example>\r\n" in raw
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in raw
    assert b"\r\nDate: Tue, 03 Mar 2026 12:00:00 +0000\r\n" in raw


ENCODED = st.sampled_from(
    [
        "=?us-ascii?q?=0D=0ABcc:_evil=40x.example=0D=0A=0D=0AHi?=",
        "=?nope?q?a=0D=0ABcc:_evil=40x.example=0D=0A?= (",
        "=?utf-8?b?DQpCY2M6IGV2aWxAeC5leGFtcGxl?=",
        "=?utf-8?q?=ff=fe?=",
        "=?utf-8?q?Evil_=3Cevil=40x.example=3E=2C?=",
        "=?utf-16?q?=ed=a0=80?=",
        "=?utf-8?b?=0D=0A",
        "=?utf-8?q?a=00b?=",
    ]
)


LONG = 'Smith, "Jo" <jo@evil.example>, Ltd. of the Northern and Southern Counties, Inc.'
KINDS = st.sampled_from(["survey", "reminder", "recheck"])


@given(
    name=st.text(max_size=300) | ENCODED,
    subject=st.text(max_size=400) | ENCODED,
    agent=st.text(max_size=300) | ENCODED,
    code=st.sampled_from(LANGUAGES),
    kind=KINDS,
)
@example(
    name="=?utf-8?q?x?=", subject="a\r\nBcc: eve@example.org", agent='"; <eve@example.org>', code="en", kind="survey"
)
@example(name="Ada", subject="x", agent=f"evil@evil.example, {'x' * 70}", code="ar", kind="reminder")
@example(name="Ada", subject="100 % %(name)s %s {{ x }}", agent=LONG, code="ja", kind="recheck")
@example(name="سارة \u202e", subject="🖨️" * 100, agent="Zoë, the \\ one", code="en", kind="survey")
@example(name="x" * 300, subject="y" * 300, agent="z" * 300, code="pl", kind="survey")
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_name_and_subject_the_mail_parses_back_and_no_header_is_injected(
    name: str, subject: str, agent: str, code: str, kind: str
) -> None:
    values: dict[str, Any] = {}
    for field, value in (("name", name), ("subject", subject), ("agent", agent)):
        try:
            values[field] = text(field, value) if value else None  # what intake lets through
        except FieldError:
            values[field] = None
    letter = replace(LETTER, team=None, locale=code, is_recheck=kind == "recheck", **values)
    reminds_of = "first.signature" if kind == "reminder" else None
    content = compose.survey(
        letter, LINKS, CONFIG, "id.signature", NOW + timedelta(days=1), reminds_of=reminds_of
    ).content
    message, say = parse_mail(content), load_languages(CONFIG.words_dir).choose(code).text
    assert sorted(message.keys()) == sorted([*HEADERS, *(["In-Reply-To", "References"] if reminds_of else [])])
    question = ("Re: " if reminds_of else "") + say("Is it solved now?" if letter.is_recheck else "Did we solve it?")
    if values["subject"] and len(values["subject"]) < 100:
        shown = one_line(values["subject"])
        assert message["Subject"] == f"{question} — {shown}".strip()
    assert message["To"] == "ada@example.org"
    assert [a.addr_spec for a in message["Reply-To"].addresses] == ["care@acme.example"]
    shown = one_line(names.signed(values["agent"]) or "Acme")
    if len(shown) <= 100:
        assert mailboxes(content, "Reply-To") == [(shown, "care@acme.example")]
    if values["subject"]:
        assert plain(shortened(values["subject"], CASE_LONGEST)) in plain(text_of(message))
        assert plain(html.escape(shortened(values["subject"], CASE_LONGEST), quote=False)) in plain(
            html.unescape(html_of(message)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        )
    greeted = names.greeted(values["name"])
    hello = say("Hello %(name)s,", name=greeted) if greeted else say("Hello,")
    assert plain(text_of(message)).splitlines()[0] == plain(hello)


def one_line(text: str) -> str:
    return re.sub(r"[ \t\n\r\x0b\x0c\x1c-\x1f\x85\u2028\u2029]+", " ", text.replace("=?", "= ?")).strip()


def plain(text: str) -> str:
    """Without the marks that keep writing directions apart."""
    return text.replace("\u2068", "").replace("\u2069", "")


@pytest.mark.parametrize(
    "business",
    [
        "Brightwell Coffee, Tea and Machines Trading Company of Northern Germany, Ltd.",
        "Zoë, " * 19 + "Inc.",
        'A "quoted" \\ name; with (comments), <angles> and: colons',
    ],
)
def test_a_long_name_of_the_business_is_one_sender(business: str) -> None:
    config = CONFIG.model_copy(update={"business": business, "sender": Address(addr_spec="care@acme.example")})
    assert mailboxes(content_of(LETTER, config), "From") == [(business, "care@acme.example")]

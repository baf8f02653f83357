"""What comes back, and of which sort it is. References are not verified here; that they are found is."""

import time
from contextlib import suppress
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.mail.inbound import Incoming, References, Sort, references, understand
from feedback.mail.mailboxes import LARGEST

OWN = ("care@acme.example",)
REFERENCE = f"{'m' * 22}.{'s' * 43}"
OURS = f"<{REFERENCE}@acme.example>"
TOKEN = "a" * 26 + "2" * 16


def read(content: bytes) -> Incoming:
    return understand(content, OWN, at_return_address=False)


def report(kind: str, fields: str, subtype: str) -> bytes:
    """A report (RFC 6522) about our mail: words, fields for machines, and the mail's headers."""
    return f"""\
From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: care@acme.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="b"

--b
Content-Type: text/plain

I am sorry to have to tell you.
--b
Content-Type: message/{subtype}

{fields}
--b
Content-Type: message/rfc822

From: Acme <care@acme.example>
To: ada@example.org
Message-ID: {OURS}
Subject: Did we solve it?

Did we solve it?
--b--
""".encode()


def dsn(action: str, status: str, diagnosis: str = "") -> bytes:
    fields = "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ada@example.org\n"
    fields += f"Action: {action}\nStatus: {status}\n"
    fields += f"Diagnostic-Code: smtp; {diagnosis}\n" if diagnosis else ""
    return report("delivery-status", fields, "delivery-status")


def reply(text: str = "It still jams.", subject: str = "Re: Did we solve it?", **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = "Ada <ada@example.org>"
    message["To"] = "Mara <care@acme.example>"
    message["Subject"] = subject
    message["In-Reply-To"] = OURS
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


@pytest.mark.parametrize(
    ("action", "status", "diagnosis", "sort"),
    [
        ("failed", "5.1.1", "550 5.1.1 User unknown", Sort.HARD_BOUNCE),
        ("failed", "5.7.1", "554 5.7.1 your server is on a blocklist", Sort.SOFT_BOUNCE),
        ("failed", "5.0.0", "550 5.7.26 unauthenticated", Sort.SOFT_BOUNCE),
        ("failed", "5.3.4", "552 5.3.4 too big", Sort.SOFT_BOUNCE),
        ("failed", "5.2.1", "550 5.2.1 disabled", Sort.HARD_BOUNCE),
        ("failed (bad mailbox)", "5.1.1", "", Sort.HARD_BOUNCE),
        ("Failure", "5.0.0", "", Sort.HARD_BOUNCE),
        ("failed", "5.2.2", "552 5.2.2 Mailbox full", Sort.SOFT_BOUNCE),
        ("failed", "4.4.7", "delivery time expired", Sort.SOFT_BOUNCE),
        ("failed", "5.0.0", "452 4.2.2 Over quota", Sort.SOFT_BOUNCE),
        ("delayed", "4.4.1", "", Sort.DELAY),
        ("relayed", "2.0.0", "", Sort.AUTOMATIC),
        ("delivered", "2.0.0", "", Sort.AUTOMATIC),
    ],
)
def test_a_delivery_status_is_read_by_its_fields(action: str, status: str, diagnosis: str, sort: Sort) -> None:
    found = read(dsn(action, status, diagnosis))
    assert found.sort is sort
    assert diagnosis in found.words
    assert references(dsn(action, status, diagnosis)) == References((), (REFERENCE,), (), ())


@pytest.mark.parametrize(
    ("kind", "sort"), [("abuse", Sort.COMPLAINT), ("fraud", Sort.COMPLAINT), ("not-spam", Sort.AUTOMATIC)]
)
def test_a_feedback_report_is_a_complaint_unless_it_takes_one_back(kind: str, sort: Sort) -> None:
    found = read(report("feedback-report", f"Feedback-Type: {kind}\nVersion: 1\n", "feedback-report"))
    assert found.sort is sort


def test_the_address_that_a_bounce_came_to_tells_which_mail_it_is_about() -> None:
    content = b"From: mx\nDelivered-To: bounces+" + TOKEN.upper().encode() + b"@Acme.example\n\nfailed: 550\n"
    assert references(content) == References((TOKEN,), (), (), ())


def test_of_several_recipients_the_worst_counts() -> None:
    fields = "Action: delayed\nStatus: 4.4.1\n\nAction: failed\nStatus: 4.4.7\n\nAction: failed\nStatus: 5.1.1\n"
    assert read(report("delivery-status", fields, "delivery-status")).sort is Sort.HARD_BOUNCE


def test_a_bounce_is_about_the_mail_that_it_brings_back_not_about_those_that_that_one_quotes() -> None:
    staffs = dsn("failed", "5.1.1").replace(
        f"Message-ID: {OURS}".encode(), f"Message-ID: <x@y>\nReferences: {OURS}".encode()
    )
    assert references(staffs) == References((), (), (), ())
    quoted = dsn("failed", "5.1.1").replace(
        b"\n\nDid we", f"\n\n> Message-ID: <{'x' * 22}.{'y' * 43}@z>\nDid we".encode()
    )
    assert references(quoted).returned == (REFERENCE,)


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated; owner=x"},
        {"Precedence": "bulk"},
        {"Precedence": "auto_reply"},
        {"X_Autoreply": "yes"},
        {"X_Autorespond": "1"},
        {"X_Auto_Reply": "true"},
        {"Return_Path": "<>"},
        {"Auto_Submitted": "AUTO-NOTIFIED"},
    ],
)
def test_a_machine_that_says_so_is_no_person(headers: dict[str, str]) -> None:
    assert read(reply(**headers)).sort is Sort.AUTOMATIC


@pytest.mark.parametrize(
    "subject",
    [
        *(
            "Automatic reply: Did we solve it?",
            "Auto: Out of Office",
            "Out of the office until Monday",
            "Autoreply: x",
            "OOO: away",
        ),
        *("Abwesenheitsnotiz: Haben wir", "Automatische Antwort: x", "Réponse automatique : x", "Absence du bureau"),
        *("Respuesta automática: x", "Risposta automatica: x", "Resposta automática: x", "Automatisch antwoord: x"),
        *("Automatyczna odpowiedź: x", "رد تلقائي: x", "自動応答: x", "不在のお知らせ", "Re: Out of office"),
    ],
)
def test_a_vacation_is_known_by_its_subject(subject: str) -> None:
    assert read(reply(subject=subject)).sort is Sort.AUTOMATIC


@pytest.mark.parametrize(
    "subject",
    [
        *("Re: Did we solve it? — Out of office message does not work", "Re: Did we solve it? — vacation", "", "Nein"),
        *(
            "Auto parts",
            "Absent parts in my order",
            "Vacation rental: still broken",
            "Absence of sound",
            "OOO please help",
        ),
        *(
            "Auto: engine does not start",
            "Away from solved",
            "Re: Ausente el manual",
            "不在配達の件",
            "Autoresponse broken",
        ),
    ],
)
@pytest.mark.parametrize("submitted", ["no", "", "no (yes)"])
def test_a_person_may_write_about_the_same_words(subject: str, submitted: str) -> None:
    content = reply(subject=subject, Auto_Submitted=submitted)
    found = read(content)
    assert (found.sort, found.words, found.sender) == (Sort.REPLY, "It still jams.", "ada@example.org")
    assert references(content).answered == (REFERENCE,)


@pytest.mark.parametrize(
    "address", ["bounce.house@fun.example", "postmaster@small.example", "bounces-r-us@fun.example"]
)
def test_a_person_may_have_an_address_like_a_machines(address: str) -> None:
    found = read(reply().replace(b"ada@example.org", address.encode()))
    assert (found.sort, found.words) == (Sort.REPLY, "It still jams.")


@pytest.mark.parametrize(
    "charset", ["x-mac-cyrillic", "iso-8859-8-i", "utf-7", "punycode", "unicode-escape", "", "unknown-8bit", "x" * 500]
)
def test_a_charset_that_nobody_knows_loses_no_reply(charset: str) -> None:
    content = (
        reply().replace(b'"utf-8"', f'"{charset}"'.encode()).replace(b"It still jams.", b"It still jams.\xfc\\ud800")
    )
    assert read(content).words.startswith("It still jams.")
    assert read(content).words.isprintable()


def test_a_read_receipt_is_no_reply() -> None:
    content = reply().replace(b"text/plain", b'multipart/report; report-type=disposition-notification; boundary="x"', 1)
    assert read(content).sort is Sort.AUTOMATIC


def test_a_reply_refers_by_its_headers_alone_and_other_mail_is_not_read() -> None:
    content = reply(f"Look: {OURS}").replace(b"In-Reply-To:", b"X-Nothing:")
    found = read(content)
    assert references(content) == References((), (), (), ())
    assert found.sort is Sort.REPLY


QUOTES = [
    "It still jams.\n\nOn 3 March 2026 at 14:05, Acme <care@acme.example> wrote:\n> Did we?\n> Yes\n",
    "It still jams.\n\nAm Di., 3. März 2026 um 14:05 Uhr schrieb Mara (Acme)\n<care@acme.example>:\n\n> Ja\n>\n> x\n",
    "It still jams.\n\nLe 3 mars 2026 à 14:05, Acme <care@acme.example> a écrit :\n> Bonjour\n",
    "It still jams.\n\n________________________________\nVon: Acme <care@acme.example>\nGesendet: 3.3.\n\nGuten Tag\n",
    "It still jams.\n\n-----Original Message-----\nFrom: Acme\nSent: Tuesday\n\nHello\n",
    "It still jams.\n\nFrom: Acme <care@acme.example>\nSent: Tuesday\nSubject: Did we solve it?\n\nHello Ada\n",
    "It still jams.\n\n送信者: Acme <care@acme.example>\n日時: 2026\n\nこんにちは\n",
    "It still jams.\n\n-- \nAda Lovelace\n+49 30 5550 0142\n",
    "It still jams.\n\nSent from my iPhone\n\n> On 3 Mar 2026, at 14:05, Acme <care@acme.example> wrote:\n>\n> Hello\n",
    "It still jams.\n\nVon meinem iPhone gesendet\n",
    "It still jams.\n\nGet Outlook for iOS\n\n________________________________\nFrom: Acme <care@acme.example>\n",
    "> Did we solve it?\n\nIt still jams.\n",
    "It still jams.\r\n\r\n2026年3月3日(火) 14:05 Acme <care@acme.example>:\r\n\r\n> x\r\n",
]


@pytest.mark.parametrize("text", QUOTES)
def test_of_a_reply_what_the_person_wrote_is_kept(text: str) -> None:
    assert read(reply(text)).words == "It still jams."


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("My mail is ada@work.example, my phone: 12345678, please note:", None),
        ("I tried at 10:30 and it said:\n> error 5\nPlease help.", "I tried at 10:30 and it said:\nPlease help."),
        ("Contact: care@acme.example told me no\nStill broken", None),
        ("First:\n----- foo bar -----\nthen this.", None),
        ("One\n--\n" + "line\n" * 20 + "two", None),
        ("Order: 5\nColour: red\nBoth wrong.", None),
    ],
)
def test_what_only_looks_like_a_quote_is_kept(text: str, kept: str | None) -> None:
    assert read(reply(text)).words == (kept or text)


def test_answers_between_the_quotes_are_kept() -> None:
    text = "Here are my answers:\n\n> Did we solve it?\n\nNo.\n\n> What is wrong?\n\nIt jams -- still.\n"
    assert read(reply(text)).words == "Here are my answers:\n\nNo.\n\nIt jams -- still."


@pytest.mark.parametrize(
    "page",
    [
        "<div>It still jams.</div><div class='gmail_quote'>On 3 March 2026 Acme:<blockquote>Did</blockquote></div>",
        "<p>It still&#x202e; jams&#27;.</p><div id='appendonsend'></div><hr><div><b>From:</b> Acme<br>Hello</div>",
        "<html><head><style>p{}</style></head><body>It <b>still</b>\n jams.<br><br>Am 3.3.2026 schrieb A:<blockquote>x",
        "It still jams.<script>x()</script><div class='moz-cite-prefix'>Acme wrote:</div><blockquote>x</blockquote>",
    ],
)
def test_a_reply_in_html_is_read_as_text(page: str) -> None:
    content = reply().replace(b"text/plain", b"text/html").replace(b"It still jams.", page.encode())
    assert read(content).words == "It still jams."


def test_a_reply_is_cut_and_cleaned_of_what_cannot_be_seen() -> None:
    found = read(reply("Still\x00 bad\x1b[31m.\n" + "y" * 50_000))
    assert len(found.words) == 5_000
    assert found.words.startswith("Still bad[31m.\n")
    assert found.words.endswith("y…")


def test_an_attachment_is_not_the_text() -> None:
    content = reply().replace(b"Content-Type:", b"Content-Disposition: attachment\nContent-Type:")
    assert read(content).words == ""


FLOODS = {
    "addresses": b"To: " + b"," * LARGEST,
    "brackets": b"From: a@" + b"[" * LARGEST,
    "parameters": b"Content-Type: multipart/report; " + b"a=b; " * LARGEST,
    "references": b"References: " + b'" a"' * LARGEST,
    "headers": b"To: a\n" * LARGEST,
    "subject": b"Subject: " + b"=?utf-8?q?a?= " * LARGEST,
    "blank lines before quotes": b"\nx" + b"\n" * 60_000 + b">\n" * 60_000,
    "quotes": b"\n" + b">\n" * LARGEST,
    "colons": b"\n" + b"a: b\n" * LARGEST,
    "dashes": b"\n" + b"-" * LARGEST,
    "tags": b"Content-Type: text/html\n\n" + b"<b>a" * LARGEST,
    "ends": b"Content-Type: text/html\n\n" + b"<b>" * 4_000 + b"</i>" * LARGEST,
    "half tags": b"Content-Type: text/html\n\n" + b"<a <a " * LARGEST,
    "comments": b"Content-Type: text/html\n\n" + b"<!--" * LARGEST,
    "bounces": b"From: mailer-daemon@x.example\n\n" + b"\n" * LARGEST,
    "reports": b"Content-Type: multipart/report; report-type=delivery-status; boundary=a\n\n--a\n"
    b"Content-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * LARGEST,
    "nesting": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(190))
    + b"a\n" * 60_000,
    "parts": b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\n" * LARGEST,
}


@pytest.mark.parametrize("name", FLOODS)
def test_no_message_keeps_the_reader_long(name: str) -> None:
    """Each took minutes, or would have taken days, by a time that grows with the square of the length."""
    content = FLOODS[name][:LARGEST]
    began = time.process_time()
    references(content)
    with suppress(ValueError, RecursionError):
        read(content)
    assert time.process_time() - began < 20


@given(st.binary(max_size=600))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_bytes_are_taken_for_a_message_of_ours(content: bytes) -> None:
    assert references(content) == References((), (), (), ())

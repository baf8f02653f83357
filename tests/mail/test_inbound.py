"""What comes back, and of which sort it is. References are not verified here; that they are found is."""

from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.mail.inbound import Sort, understand

OWN = ("care@acme.example",)
REFERENCE = f"{'m' * 22}.{'s' * 43}"
OURS = f"<{REFERENCE}@acme.example>"
TOKEN = "a" * 26 + "2" * 16


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
        ("failed", "5.7.1", "554 5.7.1 Rejected", Sort.HARD_BOUNCE),
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
    found = understand(dsn(action, status, diagnosis), OWN)
    assert found.sort is sort
    assert REFERENCE in found.message_ids
    assert diagnosis in found.words


@pytest.mark.parametrize(
    ("kind", "sort"), [("abuse", Sort.COMPLAINT), ("fraud", Sort.COMPLAINT), ("not-spam", Sort.AUTOMATIC)]
)
def test_a_feedback_report_is_a_complaint_unless_it_takes_one_back(kind: str, sort: Sort) -> None:
    found = understand(report("feedback-report", f"Feedback-Type: {kind}\nVersion: 1\n", "feedback-report"), OWN)
    assert (found.sort, found.message_ids) == (sort, (REFERENCE,))


def test_the_address_that_a_bounce_came_to_tells_which_mail_it_is_about() -> None:
    content = b"From: mx\nDelivered-To: bounces+" + TOKEN.upper().encode() + b"@Acme.example\n\nfailed: 550\n"
    assert understand(content, OWN).return_tokens == (TOKEN,)


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
    ],
)
def test_a_machine_that_says_so_is_no_person(headers: dict[str, str]) -> None:
    assert understand(reply(**headers), OWN).sort is Sort.AUTOMATIC


@pytest.mark.parametrize(
    "subject",
    [
        *("Automatic reply: Did we solve it?", "Auto: Out of Office", "Out of the office until Monday", "Autoreply: x"),
        *("Abwesenheitsnotiz: Haben wir", "Automatische Antwort: x", "Réponse automatique : x", "Absence du bureau"),
        *("Respuesta automática: x", "Risposta automatica: x", "Resposta automática: x", "Automatisch antwoord: x"),
        *("Automatyczna odpowiedź: x", "رد تلقائي: x", "自動応答: x", "不在のお知らせ", "Re: Out of office"),
    ],
)
def test_a_vacation_is_known_by_its_subject(subject: str) -> None:
    assert understand(reply(subject=subject), OWN).sort is Sort.AUTOMATIC


@pytest.mark.parametrize(
    "subject",
    [
        "Re: Did we solve it? — Out of office message does not work",
        "Re: Did we solve it? — vacation",
        "",
        "Auto parts",
        "Nein",
    ],
)
def test_a_person_may_write_about_the_same_words(subject: str) -> None:
    found = understand(reply(subject=subject, Auto_Submitted="no"), OWN)
    assert (found.sort, found.message_ids, found.words) == (Sort.REPLY, (REFERENCE,), "It still jams.")
    assert found.sender == "ada@example.org"


def test_a_read_receipt_is_no_reply() -> None:
    content = reply().replace(b"text/plain", b'multipart/report; report-type=disposition-notification; boundary="x"', 1)
    assert understand(content, OWN).sort is Sort.AUTOMATIC


def test_a_reply_refers_by_its_headers_alone_and_other_mail_is_not_read() -> None:
    content = reply(f"Look: {OURS}").replace(b"In-Reply-To:", b"X-Nothing:")
    found = understand(content, OWN)
    assert (found.message_ids, found.words) == ((), "")


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
    assert understand(reply(text), OWN).words == "It still jams."


def test_answers_between_the_quotes_are_kept() -> None:
    text = "Here are my answers:\n\n> Did we solve it?\n\nNo.\n\n> What is wrong?\n\nIt jams -- still.\n"
    assert understand(reply(text), OWN).words == "Here are my answers:\n\nNo.\n\nIt jams -- still."


@pytest.mark.parametrize(
    "page",
    [
        "<div>It still jams.</div><div class='gmail_quote'>On 3 March 2026 Acme:<blockquote>Did</blockquote></div>",
        "<p>It still jams.</p><div id='appendonsend'></div><hr><div><b>From:</b> Acme<br>Hello</div>",
        "<html><head><style>p{}</style></head><body>It <b>still</b>\n jams.<br><br>Am 3.3.2026 schrieb A:<blockquote>x",
        "It still jams.<script>x()</script><div class='moz-cite-prefix'>Acme wrote:</div><blockquote>x</blockquote>",
    ],
)
def test_a_reply_in_html_is_read_as_text(page: str) -> None:
    content = reply().replace(b"text/plain", b"text/html").replace(b"It still jams.", page.encode())
    assert understand(content, OWN).words == "It still jams."


def test_a_reply_is_cut_and_cleaned_of_what_cannot_be_seen() -> None:
    found = understand(reply("Still\x00 bad\x1b[31m.\n" + "y" * 50_000), OWN)
    assert len(found.words) == 5_000
    assert found.words.startswith("Still bad[31m.\n")
    assert found.words.endswith("y…")


@given(st.binary(max_size=600))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_bytes_are_taken_for_a_message_of_ours(content: bytes) -> None:
    try:
        found = understand(content, OWN)
    except Exception:  # such a message is set aside; tests/loop/test_receiving.py
        return
    assert (found.message_ids, found.return_tokens) == ((), ())

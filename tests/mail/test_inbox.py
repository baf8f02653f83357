from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedback.errors import NotFound
from feedback.mail import compose
from feedback.mail.inbox import Inbox
from feedback.mail.transport import MaildirTransport
from tests.conftest import NOW
from tests.mail.test_compose import CONFIG, LETTER, LINKS

HEAD = b"From: care@acme.example\r\nTo: ada@example.org\r\nSubject: Hello\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Maildir with three mails, which came in another order than they were written."""
    transport = MaildirTransport(tmp_path / "mail")
    for hours in (2, 1, 3):
        letter = compose.survey(LETTER, LINKS, CONFIG, f"id-{hours}", NOW + timedelta(hours=hours))
        transport.send(letter, lambda: None)
    return tmp_path / "mail"


def put(folder: Path, content: bytes) -> str:
    (folder / "new").mkdir(parents=True, exist_ok=True)
    (folder / "new" / "odd").write_bytes(content)
    return "odd"


def test_the_newest_stand_first_by_the_moment_that_they_carry(folder: Path) -> None:
    inbox = Inbox(folder)
    assert [mail.at for mail in inbox.newest(10)] == [NOW + timedelta(hours=hours) for hours in (3, 2, 1)]
    assert [mail.at for mail in inbox.newest(2)] == [
        NOW + timedelta(hours=hours) for hours in (3, 1)
    ]  # the last to come
    assert (len(inbox.newest(0)), inbox.count()) == (0, 3)


def test_a_mail_is_shown_as_its_reader_sees_it(folder: Path) -> None:
    mail = Inbox(folder).newest(1)[0]
    assert (mail.recipient, mail.subject) == ("ada@example.org", "Did we solve it? — Printer jams on page two")
    assert mail.text.splitlines()[0] == "Hello Ada,"
    assert "<h1" in mail.html
    assert Inbox(folder).get(mail.key) == mail


def test_a_mail_to_a_customer_is_told_from_one_to_staff(tmp_path: Path) -> None:
    transport = MaildirTransport(tmp_path)
    transport.send(compose.survey(LETTER, LINKS, CONFIG, "id", NOW), lambda: None)
    transport.send(compose.test("mara@acme.example", CONFIG, "id", NOW), lambda: None)
    kinds = {mail.recipient: mail.is_survey for mail in Inbox(tmp_path).newest(2)}
    assert kinds == {"ada@example.org": True, "mara@acme.example": False}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(range(256)) * 8,
        b"no head at all",
        HEAD + b"Date: never\r\n\r\nhello",
        HEAD + b"Date: Mon, 01 Jan 99999999999999999999 00:00:00 +0000\r\n\r\nhello",
        HEAD + b"Content-Type: text/plain; charset=nope\r\n\r\nhello",
        HEAD + b'Content-Type: text/plain; charset="utf-8\0"\r\n\r\nhello',
        HEAD + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        HEAD + b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--y\r\n",
        b"To: \xff <>\r\nSubject: =?utf-8?b?/////?=\r\n\r\n\xff",
    ],
    ids=[
        *("empty", "bytes", "no head", "no date", "year too large", "unknown charset", "NUL in charset", "no base64"),
        *("no parts", "odd header"),
    ],
)
def test_a_mail_that_is_broken_hides_no_other(folder: Path, content: bytes) -> None:
    key = put(folder, content)
    inbox = Inbox(folder)
    assert [mail.at for mail in inbox.newest(10) if mail.key != key] == [NOW + timedelta(hours=h) for h in (3, 2, 1)]
    try:
        assert inbox.get(key) in inbox.newest(10)
    except NotFound:
        assert key not in [mail.key for mail in inbox.newest(10)]


def test_what_is_no_mail_is_left_out(folder: Path) -> None:
    (folder / "new" / "folder").mkdir()
    (folder / "new" / "gone").symlink_to(folder / "nowhere")
    inbox = Inbox(folder)
    assert len(inbox.newest(10)) == 3
    for key in ("folder", "gone"):
        with pytest.raises(NotFound):
            inbox.get(key)


def test_a_mail_without_date_and_zone_has_a_moment_all_the_same(tmp_path: Path) -> None:
    assert Inbox(tmp_path).get(put(tmp_path, HEAD + b"\r\nhello")).at == datetime.fromtimestamp(0, UTC)
    dated = HEAD + b"Date: Tue, 03 Mar 2026 12:00:00 -0000\r\n\r\nhello"
    assert Inbox(tmp_path).get(put(tmp_path, dated)).at == NOW


def test_a_folder_that_is_not_there_yet_is_an_empty_inbox(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "mail")
    assert (inbox.newest(10), inbox.count()) == ([], 0)
    with pytest.raises(NotFound):
        inbox.get("1772539200.M1P1Q1.host")


@pytest.mark.parametrize(
    "key",
    ["", ".", "..", ".hidden", "../secret", "../new/.hidden", "sub/mail", "a\\b", "a\0b", "a\nb", "é", "x" * 300],
)
def test_no_key_leads_out_of_the_inbox(folder: Path, key: str) -> None:
    (folder / "secret").write_bytes(HEAD + b"\r\nsecret")
    (folder / "new" / ".hidden").write_bytes(HEAD + b"\r\nsecret")
    (folder / "new" / "sub").mkdir()
    (folder / "new" / "sub" / "mail").write_bytes(HEAD + b"\r\nsecret")
    with pytest.raises(NotFound):
        Inbox(folder).get(key)
    with pytest.raises(NotFound):
        Inbox(folder).get(str(folder / "secret"))

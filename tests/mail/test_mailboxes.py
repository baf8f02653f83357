"""Mailboxes are read and not changed: a Maildir, and a real IMAP server (Dovecot)."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feedback.config import Config
from feedback.errors import InboxDown
from feedback.mail.mailboxes import LARGEST, Mailbox, open_mailbox
from tests.imap import ImapServer


def message(number: int, body: bytes = b"x") -> bytes:
    return b"Subject: %d\r\n\r\n" % number + body + b"\r\n"


def subjects(mailbox: Mailbox, *read: str) -> list[str]:
    return [arrived.content.split(b"\r\n")[0].decode().removeprefix("Subject: ") for arrived in mailbox.unread(read)]


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    folder = tmp_path / "Maildir"
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir(parents=True)
    return folder


@pytest.fixture
def maildir_box(maildir: Path, make_config: Callable[..., Config]) -> Mailbox:
    return open_mailbox(make_config(inbox=f"maildir:{maildir}"))


@pytest.fixture
def imap_box(imap_server: ImapServer, make_config: Callable[..., Config]) -> Iterator[Mailbox]:
    box = open_mailbox(make_config(inbox=imap_server.url()))
    yield box
    box.close()


def test_a_maildir_is_read_in_order_and_stays_as_it_is(maildir: Path, maildir_box: Mailbox) -> None:
    (maildir / "new" / "2.b").write_bytes(message(2))
    (maildir / "cur" / "1.a:2,S").write_bytes(message(1))
    (maildir / "new" / ".hidden").write_bytes(message(9))
    before = sorted(path.name for path in maildir.rglob("*"))
    assert subjects(maildir_box) == ["1", "2"]
    assert subjects(maildir_box, "1.a") == ["2"]
    assert sorted(path.name for path in maildir.rglob("*")) == before


def test_a_message_that_others_move_meanwhile_is_the_same_one(maildir: Path, maildir_box: Mailbox) -> None:
    (maildir / "new" / "1.a").write_bytes(message(1))
    (arrived,) = maildir_box.unread([])
    (maildir / "new" / "1.a").rename(maildir / "cur" / "1.a:2,RS")
    assert subjects(maildir_box, arrived.key) == []
    assert maildir_box.needless([arrived.key]) == []
    (maildir / "cur" / "1.a:2,RS").unlink()
    assert maildir_box.needless([arrived.key]) == [arrived.key]


def test_what_cannot_be_read_in_a_maildir_stops_no_other(
    maildir: Path, maildir_box: Mailbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (maildir / "new" / "0.folder").mkdir()
    for name in ("1.a", "2.b"):
        (maildir / "new" / name).write_bytes(message(int(name[0])))
    opened = Path.open

    def refuse(path: Path, mode: str) -> object:
        if path.name == "1.a":
            raise PermissionError(13, "Permission denied")
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    assert subjects(maildir_box) == ["2"]
    assert "1.a cannot be read: Permission denied" in caplog.text


def test_a_folder_that_is_no_maildir_is_told(tmp_path: Path, make_config: Callable[..., Config]) -> None:
    with pytest.raises(InboxDown, match=r"FEEDBACK_INBOX must name a Maildir with new and cur in it"):
        subjects(open_mailbox(make_config(inbox=f"maildir:{tmp_path}")))


def test_an_imap_folder_is_read_in_order_from_the_last_key_on_and_nothing_is_marked(
    imap_server: ImapServer, imap_box: Mailbox
) -> None:
    imap_server.deliver(message(1), message(2))
    first, second = imap_box.unread([])
    assert [first.content, second.content] == [message(1), message(2)]
    assert subjects(imap_box, second.key) == []
    imap_server.deliver(message(3))
    assert subjects(imap_box, second.key) == ["3"]
    assert imap_box.needless([first.key, second.key]) == [first.key]
    client = imap_server.connect()
    client.select_folder("INBOX", readonly=True)
    assert client.search(["UNSEEN"]) == [1, 2, 3]
    client.logout()


def test_an_imap_folder_that_was_made_anew_is_read_from_its_beginning(
    imap_server: ImapServer, make_config: Callable[..., Config]
) -> None:
    box = open_mailbox(make_config(inbox=imap_server.url(folder="/Returns")))
    client = imap_server.connect()
    client.create_folder("Returns")
    client.append("Returns", message(1))
    (arrived,) = box.unread([])
    box.close()
    validity, uid = map(int, arrived.key.split(":"))
    for other in (validity - 1, validity + 1):
        assert subjects(box, f"{other}:{uid + 500}") == ["1"]
    assert subjects(box, arrived.key) == []
    box.close()
    client.logout()


def test_of_a_large_message_only_the_beginning_is_read(
    imap_server: ImapServer, imap_box: Mailbox, maildir: Path, maildir_box: Mailbox
) -> None:
    large = message(1, b"y" * 78 + b"\r\n" * 4 * LARGEST)
    imap_server.deliver(large)
    (maildir / "new" / "1.a").write_bytes(large)
    for box in (imap_box, maildir_box):
        (arrived,) = box.unread([])
        assert arrived.content == large[:LARGEST]


def test_a_server_that_hangs_up_or_refuses_is_told_without_the_password(
    imap_server: ImapServer, make_config: Callable[..., Config]
) -> None:
    for url in (imap_server.url(password="wr0ng"), imap_server.url(folder="/Nowhere"), "imap://a:wr0ng@127.0.0.1:9"):
        with pytest.raises(InboxDown) as raised:
            subjects(open_mailbox(make_config(inbox=url)))
        assert "127.0.0.1" in str(raised.value)
        assert "wr0ng" not in str(raised.value)
        assert "s3cret" not in str(raised.value)


def test_beyond_loopback_an_inbox_takes_tls(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Server:
        def __init__(self, host: str, port: int, *, ssl: bool, ssl_context: object, timeout: int) -> None:
            seen.append(f"{host}:{port} tls={ssl}")

        def starttls(self, context: object) -> None:
            seen.append("starttls")
            raise OSError("no TLS here")

        def shutdown(self) -> None:
            seen.append("gone")

    monkeypatch.setattr("feedback.mail.mailboxes.IMAPClient", Server)
    with pytest.raises(InboxDown, match="no TLS here"):
        subjects(open_mailbox(make_config(inbox="imap://care:secret@mail.acme.example")))
    assert seen == ["mail.acme.example:143 tls=False", "starttls", "gone"]


def test_memory_does_not_grow_with_the_mailbox(maildir: Path, maildir_box: Mailbox) -> None:
    def peak(count: int) -> int:
        for number in range(count):
            (maildir / "new" / f"{number:06}.m").write_bytes(message(number, b"z" * 20_000))
        gc.freeze()  # or what other tests left makes the collector wait
        tracemalloc.start()
        assert sum(1 for _ in maildir_box.unread([])) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        gc.unfreeze()
        return most

    few = peak(100)
    assert peak(1_000) < few + 900 * 2_000  # names and paths; the messages are ten times that

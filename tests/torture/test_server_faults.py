"""A mail server that fails in each phase: nobody gets a mail twice, no mail is lost, and none holds up another."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from feedback.errors import TransportDown
from feedback.mail import transport
from feedback.store.outbox import MailState
from tests.conftest import ADA, BRUNO, DAY, NOW, TORTURE, Loop

pytestmark = pytest.mark.torture

LATER = NOW + DAY
PHASES = ("banner", "EHLO", "MAIL", "RCPT", "DATA", "text")
USUAL = {"banner": "220 hello", "EHLO": "250 hello", "DATA": "354 go on", "text": "250 taken", "QUIT": "221 bye"}


@dataclass
class Faulty:
    """Each phase does, once, what `faults` say of it: hang up, wait so many seconds, or say something else.

    `took` is what it has: a text that was read whole counts, whatever was answered then.
    """

    pipelines: bool
    faults: dict[str, str | float | None] = field(default_factory=dict)
    took: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def stop(self) -> None:
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(60)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rwb") as stream:
            recipient = ""
            self._reply(connection, "banner")
            for line in stream:
                command = line[:4].decode().upper()
                if command == "RCPT":
                    recipient = line.decode().partition("<")[2].partition(">")[0]
                if self._reply(connection, command).startswith("354"):
                    while (line := stream.readline()) not in (b".\r\n", b""):
                        pass
                    if line:
                        self.took[recipient] += 1
                        self._reply(connection, "text")

    def _reply(self, connection: socket.socket, phase: str) -> str:
        """What it says. Raises ConnectionAbortedError when it hangs up."""
        text = USUAL.get(phase, "250 fine")
        if phase == "EHLO" and self.pipelines:
            text = "250-hello\r\n250 PIPELINING"
        fault = self.faults.pop(phase, "")
        if fault is None:
            raise ConnectionAbortedError
        if isinstance(fault, float):
            self._stopping.wait(fault)
        elif fault:
            text = fault
        connection.sendall(f"{text}\r\n".encode())
        if text.startswith(("221", "421")):
            raise ConnectionAbortedError
        return text


@pytest.fixture(params=[False, True], ids=["a command at a time", "pipelining"])
def server(request: pytest.FixtureRequest) -> Iterator[Faulty]:
    faulty = Faulty(pipelines=request.param)
    yield faulty
    faulty.stop()


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONNECT_TIMEOUT_S", "COMMAND_TIMEOUT_S"):  # after these a mail is tried again
        monkeypatch.setattr(transport, name, 0.2)
    for name in ("BODY_TIMEOUT_S", "END_TIMEOUT_S"):  # after these it is in doubt: a busy machine must not bring that
        monkeypatch.setattr(transport, name, 1.0)


def send_twice(loop: Loop, server: Faulty) -> None:
    """Ada's and Bruno's mails; then what was put off, after the server has mended."""
    loop.take(ADA, BRUNO)
    loop.ask()
    with suppress(TransportDown):
        loop.send(LATER, server.url)
    loop.send(LATER + timedelta(hours=1), server.url)


def check_each_once(loop: Loop, server: Faulty) -> None:
    states = loop.store.outbox.counts()
    assert states.get(MailState.SENT, 0) + states.get(MailState.UNCONFIRMED, 0) == 2
    assert server.took == {"Ada@example.org": 1, "bruno@example.org": 1}


@pytest.mark.parametrize("phase", PHASES)
def test_a_connection_that_is_dropped(loop: Loop, server: Faulty, phase: str) -> None:
    server.faults[phase] = None
    send_twice(loop, server)
    check_each_once(loop, server)
    assert loop.store.outbox.counts().get(MailState.UNCONFIRMED, 0) == (phase == "text")


@pytest.mark.parametrize("phase", PHASES[:-1])
def test_a_server_that_closes_with_421(loop: Loop, server: Faulty, phase: str) -> None:
    server.faults[phase] = "421 too busy"
    send_twice(loop, server)
    check_each_once(loop, server)
    assert loop.store.outbox.counts() == {MailState.SENT: 2}


def test_a_421_after_the_text_is_a_clear_no_and_tried_again(loop: Loop, server: Faulty) -> None:
    server.faults["text"] = "421 too busy"
    send_twice(loop, server)
    assert loop.store.outbox.counts() == {MailState.SENT: 2}
    assert sorted(server.took.values()) == [1, 2]  # one was read and refused, which the server has said


@pytest.mark.parametrize("garbage", ["", "rubbish", "9", "250", "\x00\xff", "x" * 9_000, "250-half", "999 odd"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_server_that_answers_garbage(
    loop: Loop, server: Faulty, phase: str, garbage: str, short_timeouts: None
) -> None:
    server.faults[phase] = garbage or " "
    send_twice(loop, server)
    states = loop.store.outbox.counts()
    assert states.get(MailState.SENT, 0) + states.get(MailState.UNCONFIRMED, 0) == 2
    assert set(server.took.values()) == {1}
    if phase != "text":
        assert states == {MailState.SENT: 2}


@pytest.mark.parametrize("phase", PHASES)
def test_a_server_that_says_nothing_is_given_up(loop: Loop, server: Faulty, phase: str, short_timeouts: None) -> None:
    server.faults[phase] = 3.0
    begun = time.monotonic()
    send_twice(loop, server)
    assert time.monotonic() - begun < 2.5
    check_each_once(loop, server)
    assert loop.store.outbox.counts().get(MailState.UNCONFIRMED, 0) == (phase == "text")


@pytest.mark.parametrize("phase", PHASES)
def test_a_slow_server_is_waited_for(loop: Loop, server: Faulty, phase: str) -> None:
    server.faults[phase] = 30.0 if TORTURE else 0.3
    send_twice(loop, server)
    check_each_once(loop, server)
    assert loop.store.outbox.counts() == {MailState.SENT: 2}


def test_a_refused_recipient_whose_text_is_wanted_all_the_same(loop: Loop) -> None:
    server = Faulty(pipelines=True, faults={"RCPT": "550 5.1.1 nobody here"})
    send_twice(loop, server)
    server.stop()
    assert loop.store.outbox.counts() == {MailState.FAILED: 1, MailState.SENT: 1}
    assert sum(server.took.values()) == 1


def test_a_refused_recipient_keeps_the_connection_where_no_text_is_wanted(loop: Loop) -> None:
    server = Faulty(pipelines=True, faults={"RCPT": "550 5.1.1 nobody here", "DATA": "554 no recipients"})
    send_twice(loop, server)
    connections = len(server._threads) - 1
    server.stop()
    assert loop.store.outbox.counts() == {MailState.FAILED: 1, MailState.SENT: 1}
    assert connections == 1


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("DATA", "354 go on\r\n451 stray"),
        ("DATA", "354 go on\r\n421 stray"),
        ("DATA", "354 go on\r\n550 5.1.1 stray"),
        ("text", "250 taken\r\n550 5.1.1 stray"),
        ("text", "250 taken\r\n250 fine\r\n250 fine\r\n550 5.1.1 stray"),
    ],
)
def test_an_answer_that_nobody_asked_for_is_not_taken_for_another(
    loop: Loop, server: Faulty, phase: str, said: str
) -> None:
    server.faults[phase] = said
    send_twice(loop, server)
    assert loop.store.outbox.counts() == {MailState.SENT: 2}
    assert set(server.took.values()) == {1}
    assert loop.rows("SELECT * FROM suppressions") == []


@pytest.mark.parametrize("host", ["mail..acme.example", ".acme.example", f"{'x' * 64}.example"])
def test_a_host_that_is_none_pauses_the_server_and_charges_no_mail(loop: Loop, host: str) -> None:
    loop.take(ADA)
    loop.ask()
    with pytest.raises(TransportDown):
        loop.send(LATER, f"smtp://{host}:2525")
    assert loop.rows("SELECT state, attempts FROM outbox") == [{"state": "queued", "attempts": 0}]
    assert loop.store.outbox.paused() is not None

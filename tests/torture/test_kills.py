"""Senders that are killed, and several at once: whatever dies when, nobody gets a mail twice, and no mail is lost."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from feedback.config import Config
from feedback.keys import load_keys
from feedback.loop.asking import Asking
from feedback.loop.importing import BATCH
from feedback.loop.sending import LEASE
from feedback.store import open_store
from feedback.store.outbox import MailState
from tests.conftest import ADA, DAY, NOW, ROOT, TORTURE, Loop, MailServer

pytestmark = pytest.mark.torture

LATER = NOW + DAY
KILLS = 200 if TORTURE else 8
MAILS = 50
FLOOD = 10_000 if TORTURE else 200
SETTLED = {MailState.SENT, MailState.UNCONFIRMED}

SENDER = """
    import sys, threading
    from datetime import datetime
    from feedback.config import load_config
    from feedback.keys import load_keys
    from feedback.loop.asking import Asking
    from feedback.loop.sending import Sending
    from feedback.mail.transport import open_transport
    from feedback.store import open_store

    config = load_config(env_file=None)
    store, keys = open_store(config.database_url), load_keys(config.data_dir)

    def send():
        sending = Sending(store, Asking(store, keys, config), keys, config, open_transport(config))
        while sending.step(datetime.fromisoformat(sys.argv[1])):
            pass
        sending.close()

    threads = [threading.Thread(target=send) for _ in range(int(sys.argv[2]))]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""


def start_sender(loop: Loop, server: MailServer, now: datetime, connections: int = 1) -> "subprocess.Popen[str]":
    """A process that waits for a line before it sends what is due."""
    environment = {
        **os.environ,
        "FEEDBACK_DATA_DIR": str(loop.config.data_dir),
        "FEEDBACK_MAIL": server.url,
        "FEEDBACK_SENDER": "Acme <care@acme.example>",
        "FEEDBACK_DAILY_CAP": "off",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SENDER), now.isoformat(), str(connections)],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def wait_for(server: MailServer, mails: int) -> None:
    deadline = time.monotonic() + 30
    while len(server.received) < mails:
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def queue(loop: Loop, mails: int) -> None:
    records = [replace(ADA, ref=f"r{n}", customer_ref=f"c{n}", email=f"c{n}@example.org") for n in range(mails)]
    for first in range(0, mails, BATCH):
        loop.take(*records[first : first + BATCH])
    assert loop.ask(LATER) == mails


@pytest.mark.parametrize("connections", [1, 2])
def test_a_sender_killed_at_any_moment_sends_nothing_twice_and_loses_nothing(
    make_config: Callable[..., Config], tmp_path: Path, mail_server: MailServer, connections: int
) -> None:
    chance = random.Random(connections)
    mid_flight = unconfirmed = 0
    for n in range(KILLS // 2):
        config = make_config(data_dir=str(tmp_path / f"{n}"), daily_cap="off")
        store, keys = open_store(config.database_url), load_keys(config.data_dir)
        loop = Loop(store, keys, config, Asking(store, keys, config))
        queue(loop, MAILS)
        mail_server.received.clear()

        process = start_sender(loop, mail_server, LATER, connections)
        go(process)
        wait_for(mail_server, chance.randrange(MAILS))
        time.sleep(chance.uniform(0, 0.01))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        before = {str(row["id"]): str(row["state"]) for row in loop.rows("SELECT id, state FROM outbox")}
        doubtful = {key for key, state in before.items() if state == MailState.HANDING_OVER}
        assert len(doubtful) <= connections
        mid_flight += bool(set(before.values()) - {MailState.QUEUED, MailState.SENT})

        loop.send(LATER + LEASE + timedelta(seconds=1), mail_server.url)  # whoever comes next
        received = Counter(to for to, _ in mail_server.received)
        assert set(received.values()) == {1}
        after = {str(row["id"]): str(row["state"]) for row in loop.rows("SELECT id, state FROM outbox")}
        assert set(after.values()) <= SETTLED
        assert {key for key, state in after.items() if state == MailState.UNCONFIRMED} == doubtful
        assert MAILS - len(doubtful) <= len(received) <= MAILS
        unconfirmed += len(doubtful)
        store.close()
    print(f"{KILLS // 2} kills, {connections} connections: {mid_flight} in mid-flight, {unconfirmed} unconfirmed")
    assert mid_flight >= KILLS // 4, "too few kills came while it was sending"


@pytest.mark.parametrize("processes", [2, 4])
def test_several_sender_processes_on_one_database_send_each_mail_once(
    loop: Loop, mail_server: MailServer, processes: int
) -> None:
    queue(loop, FLOOD)
    senders = [start_sender(loop, mail_server, LATER, 2) for _ in range(processes)]
    for sender in senders:
        go(sender)
    for sender in senders:
        sender.communicate(timeout=600)
    assert [sender.returncode for sender in senders] == [0] * processes
    received = Counter(to for to, _ in mail_server.received)
    assert received == {f"c{n}@example.org": 1 for n in range(FLOOD)}
    assert loop.store.outbox.counts() == {MailState.SENT: FLOOD}

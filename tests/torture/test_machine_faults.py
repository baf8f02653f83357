"""A disk that is full, a database that another process holds, a clock that steps back."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from feedback.config import Config
from feedback.errors import StoreError
from feedback.jobs import Job, run_once
from feedback.keys import load_keys
from feedback.loop import backing_up
from feedback.loop.asking import Asking
from feedback.loop.sending import LEASE
from feedback.mail.compose import Letter
from feedback.store import open_store
from feedback.store.outbox import MailState
from tests.conftest import ADA, BRUNO, DAY, NOW, ROOT, TORTURE, Loop, MailServer
from tests.loop.test_sending import Faulty, sending_with

pytestmark = pytest.mark.torture

LATER = NOW + DAY
HOUR = timedelta(hours=1)
HELD_S = 8 if TORTURE else 1

HOLDER = """
    import sqlite3, sys, time
    connection = sqlite3.connect(sys.argv[1], isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
    connection.execute("COMMIT")
"""


def hold(loop: Loop) -> "subprocess.Popen[str]":
    """Another process that keeps the write lock for a while."""
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(loop.config.data_dir / "feedback.db"), str(HELD_S)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_database_held_by_another_process_delays_mail_and_doubles_none(loop: Loop, mail_server: MailServer) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    with hold(loop):
        begun = time.monotonic()
        loop.send(LATER, mail_server.url)
    assert time.monotonic() - begun > HELD_S * 0.8
    assert sorted(to for to, _ in mail_server.received) == ["Ada@example.org", "bruno@example.org"]
    assert loop.store.outbox.counts() == {MailState.SENT: 2}


def test_a_database_held_while_a_mail_is_handed_over_delays_it_and_doubles_none(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()

    class WhileHeld(Faulty):
        def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
            with hold(loop):
                return super().send(letter, handing_over)

    transport = WhileHeld()
    sending = sending_with(loop, transport)
    while sending.step(LATER):
        pass
    assert len(transport.handed_over) == 1
    assert loop.store.outbox.counts() == {MailState.SENT: 1}


class Disk:
    """The folder of a database, whose disk can be full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass

    def make_room(self) -> None:
        (self.folder / "filler").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A real one of 3 MB in memory, where the system lets us have one; files limited in size otherwise."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0:
        yield Disk(folder)
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    else:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        class Limited(Disk):
            def fill(self) -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))

            def make_room(self) -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        yield Limited(folder)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def on_disk(disk: Disk, make_config: Callable[..., Config]) -> Loop:
    config = make_config(data_dir=str(disk.folder / "var"))
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    return Loop(store, keys, config, Asking(store, keys, config))


def test_a_full_disk_sends_nothing_and_loses_nothing(
    disk: Disk, make_config: Callable[..., Config], mail_server: MailServer
) -> None:
    loop = on_disk(disk, make_config)
    loop.take(ADA, BRUNO)
    loop.ask()
    loop.store.close()  # so that the journal begins anew, and needs room
    disk.fill()
    with pytest.raises(StoreError, match=r"disk (is full|cannot be)"):
        loop.send(LATER, mail_server.url)
    assert mail_server.received == []
    disk.make_room()
    loop.send(LATER, mail_server.url)
    assert sorted(to for to, _ in mail_server.received) == ["Ada@example.org", "bruno@example.org"]
    loop.store.close()


def test_a_disk_that_fills_up_while_a_mail_is_out_leaves_it_in_doubt_and_repeats_none(
    disk: Disk, make_config: Callable[..., Config]
) -> None:
    loop = on_disk(disk, make_config)
    loop.take(*(replace(ADA, ref=f"r{n}", customer_ref=f"c{n}", email=f"c{n}@example.org") for n in range(40)))
    loop.ask()

    class FillsUp(Faulty):
        def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
            words = super().send(letter, handing_over)
            if len(self.handed_over) == 10:
                disk.fill()
            return words

    transport = FillsUp()
    sending = sending_with(loop, transport)
    assert run_once(Job("send", "", sending.step, 1), loop.store, lambda: LATER) is not None
    gone = len(transport.handed_over)
    del sending  # the process ends, and with it what it had not written down
    disk.make_room()
    rest = Faulty()
    next_one = sending_with(loop, rest)
    while next_one.step(LATER + LEASE + timedelta(seconds=1)):
        pass
    recipients = [letter.recipient for letter in (*transport.handed_over, *rest.handed_over)]
    assert len(recipients) == len(set(recipients)) == 40
    states = loop.store.outbox.counts()
    assert states[MailState.SENT] + states.get(MailState.UNCONFIRMED, 0) == 40
    assert states.get(MailState.UNCONFIRMED, 0) <= 1
    assert 10 <= gone < 40
    loop.store.close()


def test_a_backup_on_a_full_disk_is_told_and_leaves_nothing_under_its_name(
    disk: Disk, make_config: Callable[..., Config]
) -> None:
    loop = on_disk(disk, make_config)
    loop.take(ADA)
    disk.fill()
    target = disk.folder / "backup.tar.gz"
    with pytest.raises(StoreError, match=r"disk is full|disk cannot be|cannot be made"):
        backing_up.back_up(loop.store, loop.config, target, LATER)
    assert not target.exists()
    disk.make_room()
    assert backing_up.back_up(loop.store, loop.config, target, LATER) == target
    loop.store.close()


@pytest.mark.parametrize("steps_before", range(4))
def test_a_clock_that_steps_back_an_hour_doubles_no_mail_and_loses_none(loop: Loop, steps_before: int) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    transport = Faulty()
    sending = sending_with(loop, transport)
    for _ in range(steps_before):
        sending.step(LATER)
    del sending  # it vanishes, whatever it has in hand
    now = LATER - HOUR
    while now < LATER + HOUR:
        sending = sending_with(loop, transport)
        loop.ask(now)
        while sending.step(now):
            pass
        sending.close()
        now += timedelta(minutes=5)
    recipients = [letter.recipient for letter in transport.handed_over]
    assert sorted(recipients) == ["Ada@example.org", "bruno@example.org"]
    states = loop.store.outbox.counts()
    assert set(states) <= {MailState.SENT, MailState.UNCONFIRMED}
    assert states.get(MailState.UNCONFIRMED, 0) <= 1


def test_a_sender_at_work_while_the_clock_steps_back_goes_on(loop: Loop) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    transport = Faulty()
    sending = sending_with(loop, transport)
    sending.step(LATER)
    while sending.step(LATER - HOUR):
        pass
    assert len(transport.handed_over) == 0, "by this clock it is too early"
    while sending.step(LATER + timedelta(seconds=1)):
        pass
    assert len(transport.handed_over) == 2

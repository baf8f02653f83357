import logging
import os
import signal
import socket
import threading
import time
from datetime import UTC, datetime, timedelta, tzinfo
from io import BufferedRWPair

import pytest

from feedback import jobs
from feedback.clock import Clock
from feedback.config import Config
from feedback.errors import ConfigError, FeedbackError
from feedback.jobs import Job
from feedback.loop.health import late_after
from tests.conftest import ADA, DAY, NOW, Loop, MailServer, Workplace, eventually, parse_mail
from tests.imap import ImapServer
from tests.loop.test_receiving import replace_reference
from tests.mail.test_inbound import reply


def test_a_tick_runs_every_job_in_the_order_of_the_loop_until_no_work_is_left(loop: Loop) -> None:
    loop.take(ADA)
    results = jobs.tick(loop.config, loop.store, loop.keys, NOW + DAY)
    assert results == dict.fromkeys(late_after(loop.config))
    assert len(loop.maildir()) == 1
    assert (loop.config.data_dir / "site" / "current" / "index.html").is_file()
    jobs.tick(loop.config, loop.store, loop.keys, NOW + DAY)
    assert len(loop.maildir()) == 1
    assert len(list((loop.config.data_dir / "site").glob("build-*"))) == 1


def test_with_an_inbox_what_comes_back_is_read_in_its_turn(workplace: Workplace, imap_server: ImapServer) -> None:
    workplace.environment["FEEDBACK_INBOX"] = imap_server.url()
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    (workplace.folder / "cases.csv").write_text(
        f"source,ref,status,resolved_at,email,name,subject\nshop,1,resolved,{now},ada@example.org,Ada,Printer\n"
    )
    workplace.feedback("import", "cases", "cases.csv")
    assert "receive: done" in workplace.feedback("tick", "--at", "due")
    (mail,) = (parse_mail(path.read_bytes()) for path in (workplace.data / "mail" / "new").iterdir())
    imap_server.deliver(replace_reference(reply("It still jams."), mail["Message-ID"].strip("<>").partition("@")[0]))
    for _ in range(2):
        workplace.feedback("tick", "--at", "+26h")
    assert workplace.feedback("followups").count("| It still jams.") == 1
    imap_server.deliver(b"Subject: x\r\n\r\nx\r\n")
    workplace.environment["FEEDBACK_INBOX"] = imap_server.url(password="wrong")
    said = workplace.feedback("tick", "--at", "+26h", status=1)
    assert "receive: failed: the inbox imap://" in said
    assert "the login was refused" in said
    assert "wrong" not in said


def test_heartbeats_follow_the_real_clock_whatever_moment_is_given(loop: Loop) -> None:
    jobs.tick(loop.config, loop.store, loop.keys, NOW + 400 * DAY)
    for beat in loop.store.operations.heartbeats():
        assert abs(beat.beat_at.timestamp() - time.time()) < 60


def test_a_job_that_fails_is_told_and_delays_no_other(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_now: object) -> bool:
        raise RuntimeError("no such thing")

    assert jobs.run_once(Job("ask", "", broken, 1), loop.store, lambda: NOW) == "RuntimeError: no such thing"
    assert "Traceback" in caplog.text
    (beat,) = loop.store.operations.heartbeats()
    assert (beat.job, beat.words) == ("ask", "RuntimeError: no such thing")
    jobs.run_once(Job("ask", "", lambda _now: False, 1), loop.store, lambda: NOW)
    (beat,) = loop.store.operations.heartbeats()
    assert beat.words is None


def test_a_foreseen_failure_is_told_without_a_trace(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    def down(_now: object) -> bool:
        raise FeedbackError("mail server x:25: refused")

    caplog.set_level(logging.INFO)
    assert jobs.run_once(Job("send", "", down, 1), loop.store, lambda: NOW) == "mail server x:25: refused"
    assert "Traceback" not in caplog.text


def test_the_jobs_do_not_start_while_nobody_would_hear_of_a_no(loop: Loop, config: Config) -> None:
    deaf = config.model_copy(update={"alert_to": ()})
    with pytest.raises(ConfigError, match="FEEDBACK_ALERT_TO"):
        jobs.tick(deaf, loop.store, loop.keys, NOW)


def test_a_slow_job_delays_no_other_and_all_stop_at_once(
    loop: Loop, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, stop = threading.Event(), threading.Event()
    monkeypatch.setattr(jobs, "publish_if_due", lambda *_: stuck.wait(30))
    runner = threading.Thread(target=jobs.run_forever, args=(config, stop))
    runner.start()
    try:
        eventually(
            lambda: (
                {beat.job for beat in loop.store.operations.heartbeats()}
                == {"remind", "ask", "send", "backup", "clean-up"}
            )
        )
    finally:
        stop.set()
        stuck.set()
    runner.join(10)
    assert not runner.is_alive()


def test_feedback_run_serves_sends_and_stops_cleanly(workplace: Workplace) -> None:
    workplace.serve("run")
    eventually(lambda: workplace.get("/healthz")[0] == 200, within_s=30)
    assert "How we care" in workplace.get("/")[1]
    (process,) = workplace.started
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert workplace.get("/healthz")[0] == 0


def test_feedback_run_ends_with_an_error_if_the_scheduler_dies(workplace: Workplace) -> None:
    workplace.serve("run")
    (process,) = workplace.started
    children = children_of(process.pid)
    scheduler = next(pid for pid, command in children if command.endswith("schedule"))
    os.kill(scheduler, signal.SIGKILL)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "`feedback schedule` ended with status -9" in out
    assert workplace.get("/healthz")[0] == 0


def children_of(pid: int) -> list[tuple[int, str]]:
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            for child in file.read().split():
                with open(f"/proc/{child}/cmdline") as command:
                    found.append((int(child), command.read().replace("\0", " ").strip()))
    return found


def test_a_worker_of_the_web_service_that_dies_is_replaced(workplace: Workplace) -> None:
    workplace.serve()
    (process,) = workplace.started
    workers = [pid for pid, command in children_of(process.pid) if "spawn_main" in command or "serve" in command]
    assert workers
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: workplace.get("/healthz")[0] in (200, 503), within_s=30)
    assert process.poll() is None


def test_two_schedulers_are_safe(workplace: Workplace, mail_server: MailServer) -> None:
    rows = ["source,ref,status,resolved_at,email"]
    long_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - timedelta(hours=30).total_seconds()))
    rows += [f"shop,{n},resolved,{long_ago},c{n}@example.org" for n in range(60)]
    (workplace.folder / "cases.csv").write_text("\n".join(rows) + "\n")
    workplace.environment["FEEDBACK_MAIL"] = mail_server.url
    workplace.feedback("import", "cases", "cases.csv")
    for _ in range(2):
        workplace.start("schedule")
    workplace.feedback("tick")
    eventually(lambda: len(mail_server.received) >= 60, within_s=30)
    workplace.stop()
    assert "Outbox: 60 sent" in workplace.feedback("tick")
    assert sorted(recipient for recipient, _ in mail_server.received) == sorted(f"c{n}@example.org" for n in range(60))


def test_a_clock_that_jumps_back_does_not_stop_the_jobs(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    class Autumn(datetime):
        """The wall clock as `schedule` reads it, set back an hour after the first looks."""

        looks = 0

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Autumn":
            cls.looks += 1
            return cls.fromtimestamp(time.time() - (3600 if cls.looks > 4 else 0), tz)

    monkeypatch.setattr("schedule.datetime.datetime", Autumn)
    ran: list[float] = []
    stop = threading.Event()

    def step(_now: datetime) -> bool:
        ran.append(time.monotonic())
        return False

    job = Job("ask", "", step, 1)
    runner = threading.Thread(target=jobs._loop, args=(job, loop.store, Clock(loop.store, loop.config), stop))
    runner.start()
    try:
        eventually(lambda: len(ran) >= 4, within_s=15)
    finally:
        stop.set()
        runner.join(10)
    assert Autumn.looks > 4


def test_stopping_with_a_mail_in_hand_ends_within_ten_seconds_and_leaves_it_in_doubt(workplace: Workplace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        workplace.environment["FEEDBACK_MAIL"] = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        long_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - timedelta(hours=30).total_seconds()))
        (workplace.folder / "cases.csv").write_text(
            f"source,ref,status,resolved_at,email\nshop,1,resolved,{long_ago},ada@example.org\n"
        )
        workplace.feedback("import", "cases", "cases.csv")
        process = workplace.start("schedule")
        connection, _ = silent.accept()
        with connection, connection.makefile("rwb") as stream:
            take_until_the_dot(stream)
            begun = time.monotonic()
            process.terminate()
            said, _ = process.communicate(timeout=20)
            assert time.monotonic() - begun < 13
            assert connection.recv(100) == b""  # nothing was said into the silence
    assert process.returncode == 0
    assert "Traceback" not in said
    workplace.environment["FEEDBACK_MAIL"] = "maildir:"
    assert "1 handing_over" in workplace.feedback("tick")
    assert "1 unconfirmed" in workplace.feedback("tick", "--at", "+1h")


def take_until_the_dot(stream: BufferedRWPair) -> None:
    """A mail server that takes one mail, and then says nothing."""
    stream.write(b"220 hello\r\n")
    stream.flush()
    for line in stream:
        is_data = line.upper().startswith(b"DATA")
        stream.write(b"354 go\r\n" if is_data else b"250 OK\r\n")
        stream.flush()
        if is_data:
            break
    while stream.readline() != b".\r\n":
        pass

"""The clockwork: a table of jobs. What is due lives in rows; `schedule` is only the metronome."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from schedule import Scheduler

from feedback.clock import Clock
from feedback.config import Config, load_config
from feedback.errors import FeedbackError, PublishError
from feedback.i18n import load_languages
from feedback.keys import Keys, load_keys
from feedback.loop.asking import Asking
from feedback.loop.backing_up import back_up_if_due, hold_after_gap, is_backup_due
from feedback.loop.erasing import clean_up_if_asked
from feedback.loop.following_up import tell_of_overdue
from feedback.loop.health import late_after
from feedback.loop.receiving import Receiving
from feedback.loop.retaining import forget, forget_visitors, sweep_files
from feedback.loop.sending import Sending
from feedback.mail.mailboxes import open_mailbox
from feedback.mail.transport import open_transport
from feedback.publish import build
from feedback.store import Store, open_store
from feedback.store.operations import Build
from feedback.store.outbox import TO_CUSTOMERS, TO_STAFF

STOP_WITHIN_S = 10
BEAT_EVERY_S = 5
OLD_BUILDS = "old builds"  # the name of a request that they go
A_MINUTE = timedelta(minutes=1)
_log = logging.getLogger("feedback.jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """`step` does one unit of work by the given moment, and returns whether it found any; `close` ends the last one."""

    name: str
    what: str
    step: Callable[[datetime], bool]
    every_s: int
    close: Callable[[], None] = lambda: None


def make_jobs(config: Config, store: Store, keys: Keys) -> list[Job]:
    """The jobs, in the order of the loop. Raises ConfigError while nobody would hear of a “no”."""
    config.require_people()
    load_languages(config.words_dir)
    if config.mail_is_smtp:  # nobody is harmed by what stays on this machine
        hold_after_gap(store, datetime.now(UTC))
    asking = Asking(store, keys, config)
    lanes = [TO_STAFF, *[TO_CUSTOMERS] * (config.smtp_connections if config.mail_is_smtp else 1)]
    senders = [Sending(store, asking, keys, config, open_transport(config), lane) for lane in lanes]
    receiving = []
    if config.inbox:
        reader = Receiving(store, asking, keys, config, open_mailbox(config))
        receiving = [Job("receive", "reads what has come back", reader.step, 60, reader.close)]
    return [
        *receiving,
        Job("ask", "puts the surveys that are due into the outbox", asking.step, 15),
        *(Job("send", "sends what is in the outbox", sender.step, 10, sender.close) for sender in senders),
        Job("remind", "tells of follow-ups that are overdue", partial(tell_of_overdue, store, config), 60),
        Job("backup", "forgets whose time is over, and backs up, nightly", partial(nightly, store, keys, config), 300),
        Job("clean-up", "takes out of files what was erased", lambda _: clean_up_if_asked(store, keys, config), 60),
        Job("publish", "builds the site once a day", partial(publish_if_due, store, config), 60),
    ]


def nightly(store: Store, keys: Keys, config: Config, now: datetime) -> bool:
    """Once a night, a portion a step: forget yesterday's visitors and whose time is over, then back up.

    So the backup does not know them.

    Then what files hold of whoever is forgotten goes, too, and what an erasure had left there or still waits for.

    A night without a backup would be worse than one in which nobody is forgotten, so a failure there delays none.
    """
    if not is_backup_due(config, now):
        return False
    try:
        if forget_visitors(store, config, now) or forget(store, config, now):
            return True
        sweep_files(store, keys, config, now)
        clean_up_if_asked(store, keys, config)
    except Exception:
        back_up_if_due(store, config, now)
        raise
    return back_up_if_due(store, config, now)


def publish_if_due(store: Store, config: Config, now: datetime) -> bool:
    """The daily build, or one that was asked for; whether one was made. Raises PublishError; that is noted as well."""
    if not (build.is_due(store, config, now) or store.operations.requested("publish")):
        _forget_builds(store, config)
        return False
    publish_now(store, config, build.find_sources(Path.cwd()), now)
    return True


def _forget_builds(store: Store, config: Config) -> None:
    """A minute after a build that was asked for, nobody reads the ones before it: they go.

    It may have been asked for because of words that stand in them.
    """
    request, last = store.operations.requested(OLD_BUILDS), store.operations.last_build()
    if request is None or last is None or last.words is not None or datetime.now(UTC) - last.finished_at < A_MINUTE:
        return
    build.keep_newest_alone(build.place_of(config))
    with store.write():
        store.operations.settle_request(OLD_BUILDS, request)


def publish_now(
    store: Store, config: Config, sources: build.Sources, now: datetime, tell: Callable[[str], None] = lambda _: None
) -> Path:
    """Build the site that the service shows, swap it in, and note how it went. Raises PublishError."""
    words: str | None = "the build was interrupted"
    headline = None
    request = store.operations.requested("publish")
    try:
        built = build.publish(store, config, sources, build.place_of(config), now, for_staff=True, tell=tell)
        words, headline = None, built.headline
    except PublishError as error:
        words = str(error)
        raise
    except Exception as error:
        words = f"something that we did not foresee, {type(error).__name__}: {error}"
        raise
    finally:
        with store.write():
            store.operations.note_build(Build(now, datetime.now(UTC), words, headline))
            if request is not None:
                store.operations.settle_request("publish", request)
                store.operations.request(OLD_BUILDS)
    return built.folder


def run_once(job: Job, store: Store, clock: Callable[[], datetime], stop: threading.Event | None = None) -> str | None:
    """Repeat a job's step until it finds no more work; why it failed, if it did.

    Nothing escapes: an exception that left a job would end its thread, and no other job may be delayed by it.
    """
    failure = None
    beaten = time.monotonic()
    try:
        while not (stop and stop.is_set()) and job.step(clock()):
            if time.monotonic() - beaten > BEAT_EVERY_S:
                _beat(job, store, None)
                beaten = time.monotonic()
    except FeedbackError as error:
        failure = str(error)
        _log.error("%s: %s", job.name, failure)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
        _log.exception("%s failed", job.name)
    _beat(job, store, failure)
    return failure


def tick(config: Config, store: Store, keys: Keys, now: datetime) -> dict[str, str | None]:
    """Run every job once, in the order of the loop, by the given moment; each one's failure, if it failed."""
    failures: dict[str, str | None] = {}
    for job in make_jobs(config, store, keys):
        failures[job.name] = run_once(job, store, lambda: now) or failures.get(job.name)
        _close(job)
    return failures


def run_forever(config: Config, stop: threading.Event | None = None) -> None:
    """Each job in its own thread, until SIGTERM or SIGINT; then the step in hand ends, within 10 s."""
    stop = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    clock = Clock(store, config)
    jobs = make_jobs(config, store, keys)
    if clock.demo() is not None:
        jobs = [replace(job, every_s=1) for job in jobs]  # somebody is watching, and makes the clock jump
    assert list(dict.fromkeys(job.name for job in jobs)) == list(late_after(config))
    threads = [
        threading.Thread(target=_loop, args=(job, store, clock, stop), name=job.name, daemon=True) for job in jobs
    ]
    for job, thread in zip(jobs, threads, strict=True):
        thread.start()
        _log.info("%s: %s; looks every %d s", job.name, job.what, job.every_s)
    stop.wait()
    deadline = time.monotonic() + STOP_WITHIN_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    _log.info("stopped")


def _loop(job: Job, store: Store, clock: Callable[[], datetime], stop: threading.Event) -> None:
    scheduler = Scheduler()
    scheduler.every(job.every_s).seconds.do(run_once, job, store, clock, stop)
    scheduler.run_all()
    while not stop.wait(0.2):
        # `schedule` goes by the wall clock, which can jump back: in autumn, or when it is set
        if (scheduler.idle_seconds or 0) > job.every_s:
            scheduler.run_all()
        scheduler.run_pending()
    _close(job)


def _close(job: Job) -> None:
    """In the job's own thread, for a mail may be in hand."""
    try:
        job.close()
    except Exception:
        _log.exception("%s could not be ended in order", job.name)


def _beat(job: Job, store: Store, failure: str | None) -> None:
    """By the real clock. A database that takes no heartbeat shows in health by the heartbeat's age."""
    try:
        with store.write():
            store.operations.beat(job.name, datetime.now(UTC), failure)
    except Exception:
        _log.exception("%s: no heartbeat", job.name)


def main() -> None:
    """`scheduler.py`, and `feedback schedule`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        run_forever(load_config())
    except FeedbackError as error:
        raise SystemExit(f"Error: {error}") from None

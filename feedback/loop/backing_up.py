"""Backups are made, put back, and mail is held until it is clear what has gone out already."""

import logging
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from feedback.config import Config
from feedback.domain.backups import to_keep
from feedback.domain.timing import last_occurrence, local_day
from feedback.errors import Refused, StoreError
from feedback.store import Store, open_store
from feedback.store.archives import DATABASE, SECRET, read_archive
from feedback.store.operations import Hold
from feedback.store.outbox import AskedAbout, HandedOver, Waiting

BACKUP_HOUR = 3  # local time
GAP = timedelta(
    days=1
)  # heartbeats that are older may be those of a snapshot, which knows nothing of what went out since
ALIVE = timedelta(minutes=1)
_log = logging.getLogger(__name__)
_NIGHTLY = re.compile(r"nightly-(\d{4}-\d\d-\d\d)\.tar\.gz")


def back_up(store: Store, config: Config, target: Path | None, now: datetime) -> Path:
    """Back up the database and the secret; the file, by default one in `backups/` of the data folder."""
    path = target or config.data_dir / "backups" / f"feedback-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    store.back_up(config.data_dir / SECRET, path)
    return path


def back_up_if_due(store: Store, config: Config, now: datetime) -> bool:
    """The nightly backup; whether one was made. Those that are not kept any more go."""
    folder = config.data_dir / "backups"
    day = local_day(last_occurrence(BACKUP_HOUR, now, config.zone), config.zone)
    known = _nightly(folder)
    if day in known:
        return False
    store.back_up(config.data_dir / SECRET, folder / f"nightly-{day}.tar.gz")
    kept = to_keep([*known, day])
    for old, path in known.items():
        if old not in kept:
            path.unlink(missing_ok=True)
    return True


def _nightly(folder: Path) -> dict[date, Path]:
    found = {path: _NIGHTLY.fullmatch(path.name) for path in folder.glob("nightly-*")}
    return {date.fromisoformat(match[1]): path for path, match in found.items() if match}


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: where the replaced database is, if there was one, and how many opt-outs came from it."""

    replaced: Path | None
    carried_over: int


def restore(config: Config, archive: Path, now: datetime) -> Restored:
    """Put a backup in place of the database, and hold customers' mail. The service must not run.

    The present database is put aside, whole, and its opt-outs and erasures are carried over. All that can fail does
    so before anything is moved. Raises StoreError, PendingMigrations, Refused.
    """
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=config.data_dir) as name:
        folder = Path(name)
        read_archive(archive, folder)
        present = config.data_dir / DATABASE
        replaced = config.data_dir / "backups" / f"replaced-{now:%Y%m%dT%H%M%SZ}.sqlite" if present.exists() else None
        restored = open_store(f"sqlite:///{folder / DATABASE}", migrate=True)
        carried_over = 0
        if replaced is not None:
            current = open_store(config.database_url, migrate=True)
            _check_stopped(current, now)
            with restored.write():
                carried_over = restored.surveys.carry_over(current.surveys)
            replaced.parent.mkdir(mode=0o700, exist_ok=True)
            current.copy_to(replaced).close()
            current.close()
        with restored.write():
            reason = f"a backup was restored ({archive.name})"
            restored.operations.release()
            restored.operations.forget_heartbeats()
            restored.operations.hold(Hold(now, reason, replaced))
        restored.close()
        _join_secrets(config.data_dir / SECRET, folder / SECRET)
        for rest in ("-wal", "-shm"):
            present.with_name(present.name + rest).unlink(missing_ok=True)
        os.replace(folder / DATABASE, present)
    return Restored(replaced, carried_over)


def _check_stopped(store: Store, now: datetime) -> None:
    if any(now - beat.beat_at < ALIVE for beat in store.operations.heartbeats()):
        raise Refused("The service is running, or was a minute ago. Stop it, wait a minute, and try again.")


def _join_secrets(present: Path, restored: Path) -> None:
    """Links of both times stay valid: the first secret signs, all of them verify."""
    old = restored.read_text("ascii").split()
    known = present.read_text("ascii").split() if present.exists() else []
    lines = [*known, *(line for line in old if line not in known)]
    fresh = restored.with_name("joined.key")
    fresh.touch(mode=0o600)
    fresh.write_text("".join(f"{line}\n" for line in lines), "ascii")
    os.replace(fresh, present)


def hold_after_gap(store: Store, now: datetime) -> None:
    """At the start of the jobs, by the machine's clock: hold customers' mail if nothing has run for more than a day.

    A snapshot of the whole disk brings back the state of its day, which knows nothing of what went out since. No
    heartbeat yet is no gap.
    """
    beats = [beat.beat_at for beat in store.operations.heartbeats()]
    if beats and now - max(beats) > GAP:
        _log.warning("nothing has run for more than a day, so mail to customers is held; see: feedback resume")
        with store.write():
            store.operations.hold(Hold(now, f"nothing had run since {max(beats):%Y-%m-%d %H:%M} UTC", None))


@dataclass(frozen=True, slots=True)
class Resumption:
    """What releasing the held mail means: what is known to have gone out already, and what would go out."""

    hold: Hold
    known: tuple[Waiting, ...]
    rest: tuple[Waiting, ...]


def plan_resumption(store: Store, now: datetime, *, everything: bool = False) -> Resumption:
    """What releasing would mean; with `everything`, whatever the replaced database knows. Raises Refused."""
    hold = store.operations.held()
    if hold is None:
        raise Refused("No mail is held.")
    handed_over = {} if everything else _known_elsewhere(hold)
    waiting = store.outbox.not_yet_handed_over(now)
    return Resumption(
        hold,
        tuple(one for one in waiting if one.about in handed_over),
        tuple(one for one in waiting if one.about not in handed_over),
    )


def resume(store: Store, now: datetime, *, everything: bool = False) -> Resumption:
    """Note what the replaced database knows as sent, and release the rest, in one transaction. Raises Refused."""
    with store.write():
        plan = plan_resumption(store, now, everything=everything)
        handed_over = {} if everything else _known_elsewhere(plan.hold)
        for about in handed_over:
            store.surveys.note_asked_elsewhere(about.source, about.ref, about.resolved_at, about.round)
        for one in plan.known:
            if not one.is_queued:
                store.surveys.mark_asked(one.survey_id, handed_over[one.about].at)
                store.outbox.queue_survey(one.survey_id, now)
            store.outbox.note_handed_over(one.survey_id, handed_over[one.about])
        store.operations.release()
        store.operations.forget_heartbeats()
    return plan


def _known_elsewhere(hold: Hold) -> Mapping[AskedAbout, HandedOver]:
    """What the database that a restore put aside had handed over. Raises StoreError if it cannot be read."""
    if hold.replaced is None:
        return {}
    if not hold.replaced.is_file():
        raise StoreError(
            f"The replaced database {hold.replaced} is gone, so nobody knows what went out after the backup.\n"
            "Put it back, or release everything that waits with: feedback resume --all"
        )
    replaced = open_store(f"sqlite:///{hold.replaced}")
    try:
        return replaced.outbox.handed_over()
    finally:
        replaced.close()

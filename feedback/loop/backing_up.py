"""Backups are made, put back, and mail is held until it is clear what has gone out already."""

import logging
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from feedback.config import Config
from feedback.domain.audit import COMMAND_LINE, Action
from feedback.domain.backups import to_keep
from feedback.domain.cases import REPEAT_AFTER
from feedback.domain.timing import last_occurrence, local_day
from feedback.errors import DatabaseDamaged, Refused, StoreError
from feedback.keys import Keys, read_secrets, write_private
from feedback.loop.erasing import erase_known
from feedback.store import Store, open_store
from feedback.store.archives import DATABASE, SECRET, read_archive, sweep
from feedback.store.operations import Hold
from feedback.store.outbox import HeldBack

BACKUP_HOUR = 3  # local time
NIGHTLY = "nightly-"  # such backups go by themselves
GAP = timedelta(days=1)
SHOWN = 20
ALIVE = timedelta(minutes=1)
_log = logging.getLogger(__name__)


def back_up(store: Store, config: Config, target: Path | None, now: datetime) -> Path:
    """Back up the database and the secret; the file, by default one in `backups/` of the data folder."""
    path = target or config.data_dir / "backups" / f"feedback-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    store.back_up(config.data_dir / SECRET, path, now)
    return path


def is_backup_due(config: Config, now: datetime) -> bool:
    """Whether the last night's backup is missing."""
    return local_day(last_occurrence(BACKUP_HOUR, now, config.zone), config.zone) not in _nightly(
        config.data_dir / "backups"
    )


def back_up_if_due(store: Store, config: Config, now: datetime) -> bool:
    """The nightly backup; whether one was made. Those that are not kept any more go."""
    folder = config.data_dir / "backups"
    day = local_day(last_occurrence(BACKUP_HOUR, now, config.zone), config.zone)
    known = _nightly(folder)
    if day in known:
        return False
    try:
        store.back_up(config.data_dir / SECRET, folder / f"{NIGHTLY}{day}.tar.gz", now)
    except StoreError:
        if day in _nightly(folder):  # another scheduler has made it meanwhile
            return False
        raise
    kept = to_keep([*known, day])
    for old, path in known.items():
        if old not in kept:
            path.unlink(missing_ok=True)
    return True


def nightly_backups(config: Config) -> set[Path]:
    """Those that go by themselves."""
    return set(_nightly(config.data_dir / "backups").values())


def _nightly(folder: Path) -> dict[date, Path]:
    found = {}
    for path in folder.glob(f"{NIGHTLY}*.tar.gz"):
        with suppress(ValueError):  # not one of ours
            found[date.fromisoformat(path.name.removeprefix(NIGHTLY).removesuffix(".tar.gz"))] = path
    return found


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: where the replaced database is, if there was one, and how many people came from it who have
    opted out or were erased since."""

    replaced: Path | None
    carried_over: int


def restore(config: Config, archive: Path, now: datetime) -> Restored:
    """Put a backup in place of the database, and hold customers' mail. Nothing else may use the database.

    The present one is put aside, whole; its opt-outs and erasures are carried over, and what it had asked about is
    noted, so that nobody is asked twice. What can fail does so before anything is moved. Raises StoreError, Refused.
    """
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep(config.data_dir, ".restore-", now)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=config.data_dir) as name:
        folder = Path(name)
        read_archive(archive, folder)
        secrets = _joined_secrets(config.data_dir / SECRET, folder / SECRET)
        present = config.data_dir / DATABASE
        aside = config.data_dir / "backups" / f"replaced-{now:%Y%m%dT%H%M%SZ}.sqlite"
        replaced = aside if present.exists() else None
        reason, current = f"a backup was restored ({archive.name})", None
        restored = open_store(f"sqlite:///{folder / DATABASE}", migrate=True)
        try:
            carried_over = known = 0
            if replaced is not None:
                replaced.parent.mkdir(mode=0o700, exist_ok=True)
                current = _current(config, now)
                if current is None:
                    reason += (
                        "; the database before it is damaged, and nobody knows what it had sent, "
                        "or who had opted out or was erased"
                    )
                else:
                    carried_over, known = _carry_over(restored, current, Keys(secrets), now)
                    current.copy_to(replaced).close()
            with restored.write():
                restored.operations.release()
                restored.operations.forget_heartbeats()
                restored.operations.hold(Hold(now, reason, replaced, known))
            restored.close()
            _join_secrets(secrets, config.data_dir / SECRET, folder / "joined.key")
            if replaced is not None and current is None:
                for rest in ("", "-wal", "-shm"):
                    with suppress(FileNotFoundError):
                        os.replace(f"{present}{rest}", f"{replaced}{rest}")
            os.replace(folder / DATABASE, present)
        finally:
            restored.close()
            if current is not None:
                current.close()
    return Restored(replaced, carried_over)


def _carry_over(restored: Store, current: Store, keys: Keys, now: datetime) -> tuple[int, int]:
    """Opt-outs, erasures, and what had been asked about: of how many people, and of how many mails here.

    And who may log in by now, with what was changed since: nobody comes back who was locked out.
    """
    with restored.write():
        restored.staff.carry_over(current.staff)
        restored.audit.carry_over(current.audit)
        carried_over = restored.surveys.carry_over(current.surveys)
        restored.erasures.carry_over(current.erasures)
        restored.outbox.carry_over(current.outbox, REPEAT_AFTER)
        erase_known(restored, keys, now)
        known = restored.outbox.known_elsewhere()
        for one in known:
            if not one.is_queued and restored.surveys.mark_asked(one.survey_id, one.handed_over_at):
                restored.outbox.queue_survey(one.survey_id, now)
            restored.outbox.note_handed_over(one)
    restored.write_anew()
    return carried_over, len(known)


def _current(config: Config, now: datetime) -> Store | None:
    """The database that is to be replaced, for us alone; None if it is damaged. Raises Refused while it is used."""
    try:
        store = open_store(config.database_url, migrate=True)
    except DatabaseDamaged:
        return None
    try:
        if any(now - beat.beat_at < ALIVE for beat in store.operations.heartbeats()):
            raise Refused(
                "The service is running, or `feedback tick` or the service ran less than a minute ago. "
                "Stop it, wait a minute, and try again."
            )
        try:
            store.take_alone()
        except StoreError as error:
            raise Refused(f"Something still uses the database ({error}). Stop the service first.") from None
    except BaseException:
        store.close()
        raise
    return store


def _join_secrets(secrets: list[str], present: Path, fresh: Path) -> None:
    write_private(fresh, "".join(f"{secret}\n" for secret in secrets))
    os.replace(fresh, present)


def _joined_secrets(present: Path, restored: Path) -> list[str]:
    """Links of both times stay valid: the first secret signs, all of them verify. Raises ConfigError."""
    known = read_secrets(present) if present.exists() else []
    return [*known, *(line for line in read_secrets(restored) if line not in known)]


def hold_after_gap(store: Store, now: datetime) -> None:
    """At the start of the jobs, by the machine's clock: hold customers' mail if nothing has run for more than a day.

    A snapshot of the whole disk brings back the state of its day, which knows nothing of what went out since. No
    heartbeat yet is no gap.
    """
    beats = [beat.beat_at for beat in store.operations.heartbeats()]
    if beats and now - max(beats) > GAP:
        _log.warning("nothing has run for more than a day, so mail to customers is held; see: feedback resume")
        with store.write():
            store.operations.hold(Hold(now, f"nothing had run since {max(beats):%Y-%m-%d %H:%M} UTC"))


@dataclass(frozen=True, slots=True)
class Resumption:
    """What releasing the held mail means: what is known to have gone out already, how many would go out, and the first
    of them."""

    hold: Hold
    would_go: int
    first: tuple[HeldBack, ...]


def plan_resumption(store: Store, now: datetime) -> Resumption:
    """What releasing would mean. Raises Refused."""
    hold = store.operations.held()
    if hold is None:
        raise Refused("No mail is held.")
    return Resumption(hold, store.outbox.count_held_back(now), tuple(store.outbox.held_back(now, SHOWN)))


def resume(store: Store, now: datetime, *, everything: bool = False, by: str = COMMAND_LINE) -> Resumption:
    """Release what is held; with `everything`, also what is known to have gone out. Raises Refused.

    Reminders are given up: nobody knows which of them had gone out.
    """
    with store.write():
        plan = plan_resumption(store, now)
        store.surveys.forget_reminders()
        store.outbox.drop_reminders()
        if everything:
            store.outbox.queue_known(now)
        store.operations.release()
        store.operations.forget_heartbeats()
        what = "released" if everything else "released, but for what is known to have gone out"
        store.audit.note(by, Action.RELEASE, "mail to customers", now, was="held", became=what)
    return plan

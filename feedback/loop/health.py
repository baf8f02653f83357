"""Whether all is well: red when the web, the scheduler or the site's build is late."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from feedback.store import Store

LATE_AFTER = {  # each job's longest step, with room; a job beats after every step
    "ask": timedelta(minutes=2),
    "send": timedelta(minutes=5),
    "backup": timedelta(minutes=30),
    "publish": timedelta(minutes=10),
}
BUILD_LATE_AFTER = timedelta(hours=26)


ALERT_LATE_AFTER = timedelta(hours=1)
DOUBTS_SHOWN_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at: whether it is well, and what staff should know or do. The words are not public."""

    name: str
    ok: bool
    words: str


def check(store: Store, now: datetime) -> list[Check]:
    """All checks but that of the web service itself. `now` is the machine's real clock. Raises StoreError."""
    return [*_scheduler(store, now), _mail(store, now), *_hold(store), _build(store, now)]


def _scheduler(store: Store, now: datetime) -> list[Check]:
    beats = {beat.job: beat for beat in store.operations.heartbeats()}
    checks = []
    for job, late_after in LATE_AFTER.items():
        beat = beats.get(job)
        ok = False
        if beat is None:
            words = "has never run. Start it with: feedback run"
        elif now - beat.beat_at > late_after:
            words = f"last ran at {_at(beat.beat_at)}. Is it running? Start it with: feedback run"
        elif beat.words is not None:
            words = f"failed at {_at(beat.beat_at)}: {beat.words}"
        else:
            ok, words = True, f"ran at {_at(beat.beat_at)}"
        checks.append(Check(f"scheduler: {job}", ok, words))
    return checks


def _mail(store: Store, now: datetime) -> Check:
    trouble = store.outbox.trouble(alerts_before=now - ALERT_LATE_AFTER, since=now - DOUBTS_SHOWN_FOR)
    words = f"{trouble.failed} surveys failed and {trouble.unconfirmed} are unconfirmed since yesterday"
    if trouble.late_alerts:
        words = f"{trouble.late_alerts} alerts about a “no” have not been taken by the mail server for an hour; {words}"
    return Check("mail", trouble.late_alerts == 0, words)


def _hold(store: Store) -> list[Check]:
    hold = store.operations.held()
    if hold is None:
        return []
    words = f"mail to customers is held since {_at(hold.since)}: {hold.reason}. See what waits with: feedback resume"
    return [Check("held mail", False, words)]


def _build(store: Store, now: datetime) -> Check:
    last, good = store.operations.last_build(), store.operations.good_builds(1)
    if last is not None and last.words is not None:
        return Check("build", False, f"failed at {_at(last.finished_at)}; the old site stays. {last.words}")
    if not good:
        return Check("build", False, "the site has never been built. The scheduler does it, or: feedback publish")
    late = now - good[0].finished_at > BUILD_LATE_AFTER
    return Check("build", not late, f"last built at {_at(good[0].finished_at)}" + (", which is late" if late else ""))


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"

"""Whether all is well: red when the web, the scheduler or the site's build is late."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from feedback.config import Config
from feedback.loop.receiving import SET_ASIDE
from feedback.loop.sending import daily_cap, sent_lately
from feedback.store import Store

LATE_AFTER = {  # each job's longest step, with room; a job beats after every step
    "receive": timedelta(minutes=10),
    "ask": timedelta(minutes=2),
    "send": timedelta(minutes=5),
    "remind": timedelta(minutes=5),
    "backup": timedelta(minutes=30),
    "clean-up": timedelta(minutes=30),
    "publish": timedelta(minutes=10),
}
BUILD_LATE_AFTER = timedelta(hours=26)


ALERT_LATE_AFTER = timedelta(hours=1)
DOUBTS_SHOWN_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at: whether it is well, and what staff should know or do. The words are not public.

    `warns` is yellow: it goes on, and somebody should look.
    """

    name: str
    ok: bool
    words: str
    warns: bool = False


def check(store: Store, config: Config, now: datetime) -> list[Check]:
    """All checks but that of the web service itself. `now` is the machine's real clock. Raises StoreError."""
    mail = [_mail(store, config, now), *_set_aside(config), *_hold(store)]
    return [*_scheduler(store, config, now), *mail, _build(store, now)]


def late_after(config: Config) -> dict[str, timedelta]:
    """The jobs that run by these settings, in their order, and after how long each is late."""
    return {job: after for job, after in LATE_AFTER.items() if job != "receive" or config.inbox}


def _scheduler(store: Store, config: Config, now: datetime) -> list[Check]:
    beats = {beat.job: beat for beat in store.operations.heartbeats()}
    checks = []
    for job, after in late_after(config).items():
        beat = beats.get(job)
        ok = False
        if beat is None:
            words = "has never run. Start it with: feedback run"
        elif now - beat.beat_at > after:
            words = f"last ran at {_at(beat.beat_at)}. Is it running? Start it with: feedback run"
        elif beat.words is not None:
            words = f"failed at {_at(beat.beat_at)}: {beat.words}"
        else:
            ok, words = True, f"ran at {_at(beat.beat_at)}"
        checks.append(Check(f"scheduler: {job}", ok, words))
    return checks


def _mail(store: Store, config: Config, now: datetime) -> Check:
    trouble = store.outbox.trouble(alerts_before=now - ALERT_LATE_AFTER, since=now - DOUBTS_SHOWN_FOR)
    told = [f"{trouble.failed} surveys failed and {trouble.unconfirmed} are unconfirmed since yesterday"]
    pause, cap = store.outbox.paused(), daily_cap(store, config, now)
    if pause is not None:
        told.insert(
            0, f"the mail server cannot be used since {_at(pause.since)}, next try {_at(pause.until)}: {pause.words}"
        )
    is_capped = cap is not None and sent_lately(store, now) >= cap
    if is_capped:
        told.insert(
            0, f"the daily cap of {cap} mails is reached, and the rest waits. If that is right, set FEEDBACK_DAILY_CAP"
        )
    if trouble.returned_alerts:
        told.insert(
            0,
            f"alerts that came back: {trouble.returned_alerts}. Nobody may hear of a “no” there: see what the server "
            "said in the desk's outbox, and check FEEDBACK_ALERT_TO",
        )
    if trouble.late_alerts:
        told.insert(0, f"{trouble.late_alerts} alerts about a “no” have not been taken by the mail server for an hour")
    return Check(
        "mail",
        not trouble.late_alerts and not trouble.returned_alerts,
        "; ".join(told),
        warns=pause is not None or is_capped,
    )


def _set_aside(config: Config) -> list[Check]:
    folder = config.data_dir / SET_ASIDE
    count = len(list(folder.iterdir())) if folder.is_dir() else 0
    if count == 0:
        return []
    words = f"messages that came back and could not be understood: {count}. Read and remove them: {folder}"
    return [Check("set aside", True, words, warns=True)]


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

"""The restore drill: backup, mail, opt-out, erasure, restore and release, with made-up cases in a temporary folder."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from pathlib import Path

from feedback.config import Config
from feedback.domain.cases import CaseRecord, CaseStatus
from feedback.domain.surveys import Suppression
from feedback.keys import Keys, load_keys
from feedback.loop import backing_up, erasing, opting_out
from feedback.loop.asking import Asking
from feedback.loop.intake import take_in
from feedback.loop.sending import Sending
from feedback.mail.transport import open_transport
from feedback.store import Store, open_store
from feedback.store.archives import DATABASE, read_archive

CUSTOMERS = 100
OPT_OUTS = 2
ERASED = f"customer{OPT_OUTS}@example.org"


@dataclass(frozen=True, slots=True)
class Claim:
    """What the drill has looked at, and whether it held."""

    words: str
    held: bool


def drill(store: Store, config: Config, now: datetime) -> Iterator[Claim]:
    """Each claim as it is looked at. The installation itself is only read: its database, backed up and read back."""
    with tempfile.TemporaryDirectory(prefix="feedback-drill-") as name:
        folder = Path(name)
        cases = store.cases.count()
        archive, unpacked = folder / "yours.tar.gz", folder / "yours"
        unpacked.mkdir()
        backing_up.back_up(store, config, archive, now)
        read_archive(archive, unpacked)
        copy = open_store(f"sqlite:///{unpacked / DATABASE}")
        yield Claim(
            f"your database can be backed up and read back, with its {cases:,} cases", copy.cases.count() >= cases
        )
        copy.close()
        yield from _with_made_up_cases(config, folder / "made-up", now)


def _with_made_up_cases(config: Config, folder: Path, now: datetime) -> Iterator[Claim]:
    no_limits = {"daily_cap": 0, "smtp_rate": 0, "own_domains": frozenset()}
    any_hour: dict[str, object] = {"window": None, "sample": 1.0, "delay_by_topic": {}, "delay_by_channel": {}}
    sender = Address("Drill", addr_spec="drill@example.org")
    place = config.model_copy(
        update={"data_dir": folder, "mail": "maildir:", "sender": sender, **no_limits, **any_hour}
    )
    store, keys = open_store(place.database_url), load_keys(folder)
    _resolve(store, keys, place, now)
    archive = backing_up.back_up(store, place, folder / "backup.tar.gz", now)
    due = now + place.delay + timedelta(minutes=1)
    _run_jobs(store, keys, place, due)
    yield Claim(f"{CUSTOMERS} mails went out after the backup", _mails(place) == CUSTOMERS)
    for ref in range(OPT_OUTS):
        (case,) = store.cases.with_ref(str(ref))
        (story,) = store.cases.stories(case.id)
        assert story.survey_id is not None
        opting_out.opt_out(store, keys, story.survey_id, due)
    erasing.erase(store, keys, ERASED, due)
    erasing.clean_up(store, keys, place)
    yield Claim("the caught mail to whoever is erased is gone", _mails(place) == CUSTOMERS - 1)
    store.close()

    backing_up.restore(place, archive, due)
    store = open_store(place.database_url)
    _run_jobs(store, keys, place, due)
    yield Claim("after the restore nothing goes out before you say so", _mails(place) == CUSTOMERS - 1)
    yield Claim("who was erased after the backup is erased again", not store.cases.find(ERASED, 1))
    plan = backing_up.resume(store, due)
    yield Claim(
        f"the other {CUSTOMERS - 1} are known as sent, and none would go",
        (plan.hold.known, plan.would_go) == (CUSTOMERS - 1, 0),
    )
    _run_jobs(store, keys, place, due + timedelta(hours=1))
    yield Claim("after the release nothing goes out a second time", _mails(place) == CUSTOMERS - 1)
    _resolve(store, keys, place, now)
    _run_jobs(store, keys, place, due + timedelta(hours=2))
    yield Claim("the same cases imported again bring no second mail", _mails(place) == CUSTOMERS - 1)
    yield Claim("nor whoever was erased", not store.cases.find(ERASED, 1) and store.cases.count() == CUSTOMERS)
    hashes = (keys.address_hashes(f"customer{ref}@example.org") for ref in range(OPT_OUTS))
    yield Claim(
        f"the {OPT_OUTS} opt-outs made after the backup hold",
        all(store.surveys.suppression(one) is Suppression.OPTED_OUT for one in hashes),
    )
    store.close()


def _resolve(store: Store, keys: Keys, config: Config, now: datetime) -> None:
    cases = [
        CaseRecord("drill", str(n), CaseStatus.RESOLVED, email=f"customer{n}@example.org", resolved_at=now)
        for n in range(CUSTOMERS)
    ]
    take_in(store, Asking(store, keys, config), cases, now)


def _run_jobs(store: Store, keys: Keys, config: Config, now: datetime) -> None:
    asking = Asking(store, keys, config)
    sending = Sending(store, asking, keys, config, open_transport(config))
    while asking.step(now):
        pass
    while sending.step(now):
        pass
    sending.close()


def _mails(config: Config) -> int:
    return sum(1 for _ in (config.mail_folder / "new").glob("*"))

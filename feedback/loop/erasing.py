"""A person wants to be forgotten: what tells who they are goes, the figures stay, and no import brings them back."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from feedback.config import Config, is_email
from feedback.domain.cases import CaseRecord, normalise_email
from feedback.domain.surveys import Suppression
from feedback.errors import Refused
from feedback.keys import Keys
from feedback.store import Store
from feedback.store.archives import DATABASE
from feedback.store.erasures import KnownCustomer

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was about the person."""

    customers: int
    cases: int


def count(store: Store, address: str) -> Erased:
    """How much there is to erase. Raises Refused if the address is none."""
    ids = {one.id for one in _known_by(store, _checked(address))}
    return Erased(len(ids), sum(len(store.erasures.cases(key)) for key in ids))


def erase(store: Store, keys: Keys, address: str, now: datetime) -> Erased:
    """Forget everybody who has this address, or had a mail at it. Nothing about them is taken in any more.

    Raises Refused while a mail to them is being handed over, or if the address is none.
    """
    wanted = _checked(address)
    with store.write_over():
        store.outbox.settle_lapsed(now)
        known = _known_by(store, wanted)
        ids = {one.id for one in known}
        if any(store.erasures.is_in_hand(key) for key in ids):
            raise Refused("A mail to this person is being handed over at this moment. Try again in a minute.")
        cases = 0
        for one in known:
            store.erasures.remember(keys.person_hashes("customer", one.source, one.ref)[0], now)
        for key in ids:
            for case in store.erasures.cases(key):
                store.erasures.remember(keys.person_hashes("case", case.source, case.ref)[0], now)
                store.erasures.erase_case(case, now)
                cases += 1
            store.erasures.erase_customer(key)
        for asked in store.erasures.asked_elsewhere():
            if normalise_email(asked.address) == wanted:
                store.erasures.remember(keys.person_hashes("case", asked.source, asked.ref)[0], now)
                store.erasures.forget_elsewhere(asked.source, asked.ref)
        key_hash = keys.address_hashes(wanted)[0]
        store.erasures.remember(key_hash, now)
        store.surveys.suppress(key_hash, Suppression.ERASED, now)
        store.operations.note_audit("command line", "erase", key_hash, f"{len(ids)} customers, {cases} cases", now)
    return Erased(len(ids), cases)


def erase_known(store: Store, keys: Keys, now: datetime) -> int:
    """Inside a write: forget again whoever was erased before, in a database that knows them still; how many cases."""
    if not store.erasures.exist():
        return 0
    ids = {
        one.id
        for one in store.erasures.customers()
        if store.erasures.has(_hashes(keys, one.source, one.ref, one.address))
    }
    cases = [
        case
        for case in store.erasures.cases()
        if case.customer_id in ids or store.erasures.has(keys.person_hashes("case", case.source, case.ref))
    ]
    ids |= {case.customer_id for case in cases if case.customer_id is not None}
    cases += [case for key in ids for case in store.erasures.cases(key) if case not in cases]
    for case in cases:
        store.erasures.erase_case(case, now)
    for key in ids:
        store.erasures.erase_customer(key)
    return len(cases)


def is_erased(store: Store, keys: Keys, record: CaseRecord) -> bool:
    """Whether the record is about somebody who was erased."""
    case = keys.person_hashes("case", record.source, record.ref)
    return store.erasures.has([*case, *_hashes(keys, record.source, record.customer_key, record.email)])


def still_held(config: Config, address: str) -> Iterator[Path]:
    """The other files of the data folder that hold the address: backups, refused rows, the mails of a trial."""
    wanted = _checked(address).encode()
    for path in sorted(config.data_dir.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.name.startswith(DATABASE):
            try:
                with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                    is_clean = not _holds(file, wanted)
            except (OSError, EOFError, zlib.error):  # what cannot be read may hold it
                is_clean = False
            if not is_clean:
                yield path


def _holds(file: "BinaryIO | gzip.GzipFile", wanted: bytes) -> bool:
    rest = b""
    while chunk := file.read(_CHUNK):
        if wanted in (rest + chunk).lower():
            return True
        rest = chunk[-len(wanted) :]
    return False


def _checked(address: str) -> str:
    if not is_email(address.strip()):
        raise Refused(f"{address!r} is no address. Give the one that the person is known by, such as ada@example.org.")
    return normalise_email(address)


def _known_by(store: Store, address: str) -> list[KnownCustomer]:
    return [one for one in store.erasures.customers() if one.address and normalise_email(one.address) == address]


def _hashes(keys: Keys, source: str, ref: str | None, address: str | None) -> list[str]:
    """By which a customer is known to be erased."""
    by_ref = keys.person_hashes("customer", source, ref) if ref is not None else []
    return by_ref + (keys.address_hashes(normalise_email(address)) if address is not None else [])

"""A person wants to be forgotten: what tells who they are goes, the figures stay, and no import brings them back."""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from feedback.config import Config
from feedback.domain.cases import CaseRecord, normalise_email
from feedback.domain.surveys import Suppression
from feedback.errors import NotFound, Refused
from feedback.keys import Keys
from feedback.store import Store
from feedback.store.archives import DATABASE
from feedback.store.erasures import KnownCustomer

_CHUNK = 1 << 20
_ADDRESS = re.compile(r"""[^\s,;<>"'()|]+@[^\s,;<>"'()|]+""")


@dataclass(frozen=True, slots=True)
class Known:
    """A customer whom an address means, and how many cases of theirs there are."""

    name: str | None
    source: str
    ref: str
    cases: int


def known_by(store: Store, address: str) -> list[Known]:
    """Whom an erasure would mean. Raises NotFound."""
    people = {one.id: one for one in _customers_with(store, normalise_email(address))}
    known = [Known(one.name, one.source, one.ref, len(store.erasures.cases(key))) for key, one in people.items()]
    if not known:
        raise NotFound(
            f"Nobody is known by {address!r}. Check how it is written, and whether this is the folder of your "
            "installation. Who was erased before is not known any more, either."
        )
    return known


def erase(store: Store, keys: Keys, address: str, now: datetime) -> int:
    """Forget everybody who has this address, or had a mail at it; how many cases.

    Nothing about them is taken in any more. Raises NotFound, and Refused while a mail to them is being handed over.
    """
    wanted = normalise_email(address)
    with store.write_over():
        store.outbox.settle_lapsed(now)
        known_by(store, address)
        known = _customers_with(store, wanted)
        ids = {one.id for one in known}
        if any(store.erasures.is_in_hand(key) for key in ids):
            raise Refused("A mail to this person is being handed over at this moment. Try again in a minute.")
        for one in known:
            store.erasures.remember(keys.person_hashes("customer", one.source, one.ref)[0], now)
        cases = 0
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
        store.operations.note_audit("command line", "erase", key_hash, f"customers: {len(ids)}, cases: {cases}", now)
    return cases


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


def mentions_erased(store: Store, keys: Keys, text: str) -> bool:
    """Whether an address in the text is of somebody who was erased."""
    return store.erasures.exist() and store.erasures.has(
        key_hash for found in _ADDRESS.findall(text) for key_hash in keys.address_hashes(normalise_email(found))
    )


def still_held(config: Config, address: str) -> Iterator[Path]:
    """The other files of the data folder that hold the address: backups, refused rows, the mails of a trial."""
    wanted = normalise_email(address).encode()
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


def _customers_with(store: Store, address: str) -> list[KnownCustomer]:
    return [one for one in store.erasures.customers() if one.address and normalise_email(one.address) == address]


def _hashes(keys: Keys, source: str, ref: str | None, address: str | None) -> list[str]:
    """By which a customer is known to be erased."""
    by_ref = keys.person_hashes("customer", source, ref) if ref is not None else []
    return by_ref + (keys.address_hashes(normalise_email(address)) if address is not None else [])

"""A person wants to be forgotten: what tells who they are goes, the figures stay, and no import brings them back."""

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from feedback.config import Config
from feedback.domain.audit import COMMAND_LINE, Action
from feedback.domain.cases import CaseRecord, normalise_email
from feedback.domain.surveys import Suppression
from feedback.errors import NotFound, Refused
from feedback.keys import Keys
from feedback.store import Store
from feedback.store.archives import DATABASE
from feedback.store.erasures import KnownCustomer, KnownMail

_CHUNK = 1 << 20
_OURS = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
_ADDRESS = re.compile(r"""[^\s,;:<>"'()|]+@[^\s,;:<>"'()|]+""")


@dataclass(frozen=True, slots=True)
class Known:
    """A customer who has an address, and how many cases of theirs there are."""

    name: str | None
    source: str
    ref: str
    cases: int


@dataclass(frozen=True, slots=True)
class Meant:
    """What an erasure means: the customers of the address, and how many mails went to it about other people's cases.

    `others` are further addresses that may be the same person's: those of the cases' customers now, or at which the
    customers had mails before. A case may have been somebody else's, too, so they are told and not erased.
    """

    customers: tuple[Known, ...]
    mails: int
    others: tuple[str, ...]


def plan(store: Store, address: str) -> Meant:
    """What erasing would mean. Raises NotFound if nothing is known by the address."""
    customers, mails = find(store, address)
    wanted, ids = normalise_email(address), {one.id for one in customers}
    strays = [mail for mail in mails if mail.customer_id not in ids]
    others = {mail.email for mail in strays} | {mail.recipient for mail in mails}
    return Meant(
        tuple(Known(one.name, one.source, one.ref, len(store.erasures.cases_of(one.id))) for one in customers),
        len(strays),
        tuple(sorted(other for other in others if other and normalise_email(other) != wanted)),
    )


def erase(store: Store, keys: Keys, address: str, now: datetime, *, by: str = COMMAND_LINE) -> None:
    """Forget everybody who has this address, their cases, and what mails to it were answered.

    Nothing about them is taken in any more. Raises NotFound, and Refused while a mail to it is being handed over.
    """
    wanted = normalise_email(address)
    with store.write_over():
        store.outbox.settle_lapsed(now)
        customers, mails = find(store, address)
        if any(mail.is_in_hand for mail in mails):
            raise Refused("A mail to this person is being handed over at this moment. Try again in a minute.")
        cases = [case for customer in customers for case in store.erasures.cases_of(customer.id)]
        key_hash = keys.address_hashes(wanted)[0]
        for one in customers:
            store.erasures.remember(keys.person_hashes("customer", one.source, one.ref)[0], now)
        for case in cases:
            store.erasures.remember(keys.person_hashes("case", case.source, case.ref)[0], now)
        store.erasures.remember(key_hash, now)
        store.surveys.suppress(key_hash, Suppression.ERASED, now)
        for case in cases:
            store.erasures.erase_case(case, now)
        for one in customers:
            store.erasures.erase_customer(one.id)
        _erase_mails(store, mails, lambda found: normalise_email(found) == wanted)
        counts = f"customers: {len(customers)}, cases: {len(cases)}"
        store.audit.note(by, Action.ERASE, key_hash, now, was=counts, became="erased")


def erase_known(store: Store, keys: Keys, now: datetime) -> None:
    """Inside a write: forget again whoever was erased before, in a database that knows them still."""
    if not store.erasures.exist():
        return
    for customer in store.erasures.customers():
        if store.erasures.has(_hashes(keys, customer.source, customer.ref, customer.address)):
            for case in store.erasures.cases_of(customer.id):
                store.erasures.erase_case(case, now)
            store.erasures.erase_customer(customer.id)
    for case in store.erasures.cases():
        if store.erasures.has(keys.person_hashes("case", case.source, case.ref)):
            store.erasures.erase_case(case, now)
    mails = store.erasures.mails()
    _erase_mails(store, mails, lambda found: store.erasures.has(keys.address_hashes(normalise_email(found))))


def find(store: Store, address: str) -> tuple[list[KnownCustomer], list[KnownMail]]:
    """Whose address it is, and the mails to it or about their cases. Raises NotFound if there is neither."""
    wanted = normalise_email(address)
    customers = [one for one in store.erasures.customers() if one.address and normalise_email(one.address) == wanted]
    ids = {one.id for one in customers}
    mails = [
        mail for mail in store.erasures.mails() if mail.customer_id in ids or normalise_email(mail.recipient) == wanted
    ]
    if not customers and not mails:
        raise NotFound(
            f"Nobody is known by {address!r}. Check how it is written, and whether this is the folder of your "
            "installation. Who was erased before is not known any more, either."
        )
    return customers, mails


def _erase_mails(store: Store, mails: Iterable[KnownMail], is_theirs: Callable[[str], bool]) -> None:
    """Mails that went to them about cases that are somebody else's by now, here and in replaced databases."""
    for mail in mails:
        if is_theirs(mail.recipient):
            store.erasures.erase_mail(mail)
    for asked in store.erasures.asked_elsewhere():
        if is_theirs(asked.address):
            store.erasures.erase_recipient(asked)


def is_erased(store: Store, keys: Keys, record: CaseRecord) -> bool:
    """Whether the record is about somebody who was erased."""
    case = keys.person_hashes("case", record.source, record.ref)
    return store.erasures.has([*case, *_hashes(keys, record.source, record.customer_key, record.email)])


def mentions_erased(store: Store, keys: Keys, text: str) -> bool:
    """Whether an address in the text is of somebody who was erased."""
    return store.erasures.exist() and store.erasures.has(_hashes_in(keys, text))


def still_held(config: Config, address: str) -> Iterator[Path]:
    """The other files of the data folder that hold the address: backups, refused rows, the mails of a trial."""
    wanted = normalise_email(address).encode()
    for path in sorted(config.data_dir.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name not in _OURS:
            try:
                with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                    is_clean = not _holds(file, wanted)
            except (OSError, EOFError, zlib.error):  # what cannot be read may hold it
                is_clean = False
            if not is_clean:
                yield path


def _holds(file: "BinaryIO | gzip.GzipFile", wanted: bytes) -> bool:
    """Also in a mail whose lines are broken within the address (quoted-printable, RFC 2045)."""
    rest = b""
    while chunk := file.read(_CHUNK):
        text = rest + chunk.lower()
        if wanted in text or wanted in text.replace(b"=\r\n", b"").replace(b"=\n", b""):
            return True
        rest = text[-2 * len(wanted) :]
    return False


def _hashes(keys: Keys, source: str, ref: str | None, address: str | None) -> list[str]:
    """By which a customer is known to be erased."""
    by_ref = keys.person_hashes("customer", source, ref) if ref is not None else []
    return by_ref + (_hashes_in(keys, address) if address is not None else [])


def _hashes_in(keys: Keys, text: str) -> list[str]:
    """Of a text as it is, and of each address in it: help desks write `Ada <ada@example.org>`, too."""
    found = {normalise_email(text), *(normalise_email(one).strip(".") for one in _ADDRESS.findall(text))}
    return [key_hash for one in sorted(found) for key_hash in keys.address_hashes(one)]

"""A person wants to be forgotten: what tells who they are goes, the figures stay, and no import brings them back."""

import gzip
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from feedback.config import Config
from feedback.domain.audit import COMMAND_LINE, Action
from feedback.domain.cases import CaseRecord, normalise_email
from feedback.domain.purchases import PurchaseRecord
from feedback.domain.surveys import Suppression
from feedback.errors import NotFound, Refused, StoreError
from feedback.keys import Keys
from feedback.loop.leftovers import Swept, Traces, addresses_in, is_message, sweep, warn_of
from feedback.mail.inbox import texts
from feedback.store import Store
from feedback.store.archives import DATABASE
from feedback.store.erasures import AskedElsewhere, KnownCustomer, KnownMail

CLEAN_UP = "clean-up"
_CHUNK = 1 << 20
_OURS = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
_MESSAGE_LONGEST = 1 << 26


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

    `mails` count those, too, that the customers got at an address of before. `others` are further addresses that may
    be the same person's: those of the cases' customers now, or at which the customers had mails before. A case may have
    been somebody else's, too, so they are told and not erased.
    """

    customers: tuple[Known, ...]
    mails: int
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A file, or a folder, that holds an address still; one that cannot be read may hold it."""

    path: Path
    is_read: bool


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

    Nothing about them is taken in any more, and nobody is shown anything of them. What lingers in files goes by
    `clean_up`, which is asked for in the same moment. Raises NotFound, and Refused while a mail to it is being handed
    over.
    """
    wanted = normalise_email(address)
    with store.write():
        store.outbox.settle_lapsed(now)
        customers, mails = find(store, address)
        if any(mail.is_in_hand for mail in mails):
            raise Refused("A mail to this person is being handed over at this moment. Try again in a minute.")
        key_hash = keys.address_hashes(wanted)[0]
        store.erasures.remember(key_hash, now)
        store.surveys.suppress(key_hash, Suppression.ERASED, now)
        counts = _forget(store, keys, customers, now)
        theirs = [mail for mail in mails if normalise_email(mail.recipient) == wanted]
        _erase_mails(store, theirs, store.erasures.asked_elsewhere_at(wanted))
        store.audit.note(by, Action.ERASE, key_hash, now, was=counts, became="erased")
        store.operations.request(CLEAN_UP)
        store.operations.request("publish")  # what was public of it goes from the site as well


def erase_without_address(store: Store, keys: Keys, customer_id: str, now: datetime, *, by: str) -> None:
    """As `erase`, of one customer who has no address. Raises NotFound; Refused for one who has."""
    with store.write():
        found = store.erasures.customer(customer_id)
        if found.address:
            raise Refused("This customer has an address by now. Erase whoever has that.")
        person_hash = keys.person_hashes("customer", found.source, found.ref)[0]
        counts = _forget(store, keys, [found], now)
        store.audit.note(by, Action.ERASE, person_hash, now, was=counts, became="erased")
        store.operations.request(CLEAN_UP)
        store.operations.request("publish")


def clean_up(store: Store, keys: Keys, config: Config) -> Swept:
    """Take out of all files what an erasure has left there; what went, and whether the database's own may hold more.

    By what the database has forgotten, so to do it twice, or after a crash, harms nothing. What was asked for waits
    until the database is written anew.
    """
    request = store.operations.requested(CLEAN_UP)
    swept = sweep(store, keys, config, Erased(store, keys))
    try:
        store.write_anew()
        if request is not None:
            with store.write():
                store.operations.settle_request(CLEAN_UP, request)
    except StoreError as error:
        swept.lingering = str(error)
    return swept


def clean_up_if_asked(store: Store, keys: Keys, config: Config) -> bool:
    """As `clean_up`, if an erasure waits for it; whether one did. Raises StoreError while it is not whole."""
    if store.operations.requested(CLEAN_UP) is None:
        return False
    swept = clean_up(store, keys, config)
    warn_of(swept)
    if swept.lingering is not None:
        raise StoreError(
            f"What was erased may linger in the database's files, and this is tried again: {swept.lingering}"
        )
    return True


def _forget(store: Store, keys: Keys, customers: Iterable[KnownCustomer], now: datetime) -> str:
    """Inside a write: the customers and their cases, none of whom comes back; how many."""
    known = list(customers)
    cases = [case for customer in known for case in store.erasures.cases_of(customer.id)]
    for one in known:
        store.erasures.remember(keys.person_hashes("customer", one.source, one.ref)[0], now)
    for case in cases:
        store.erasures.remember(keys.person_hashes("case", case.source, case.ref)[0], now)
        store.erasures.erase_case(case, now)
    for one in known:
        store.erasures.erase_elsewhere(one.id)
        store.erasures.erase_customer(one.id)
    return f"customers: {len(known)}, cases: {len(cases)}"


def erase_known(store: Store, keys: Keys, now: datetime) -> None:
    """Inside a write: forget again whoever was erased before, in a database that knows them still."""
    if not store.erasures.exist():
        return
    for customer in store.erasures.customers():
        if store.erasures.has(_hashes(keys, customer.source, customer.ref, customer.address)):
            for case in store.erasures.cases_of(customer.id):
                store.erasures.erase_case(case, now)
            store.erasures.erase_elsewhere(customer.id)
            store.erasures.erase_customer(customer.id)
    for case in store.erasures.cases():
        if store.erasures.has(keys.person_hashes("case", case.source, case.ref)):
            store.erasures.erase_case(case, now)

    def is_theirs(address: str) -> bool:
        return store.erasures.has(keys.address_hashes(normalise_email(address)))

    mails = [mail for mail in store.erasures.mails() if is_theirs(mail.recipient)]
    _erase_mails(store, mails, [asked for asked in store.erasures.asked_elsewhere() if is_theirs(asked.address)])


def find(store: Store, address: str) -> tuple[list[KnownCustomer], list[KnownMail]]:
    """Whose address it is, and the mails to it, to them, or about their cases. Raises NotFound if there is neither."""
    wanted = normalise_email(address)
    customers = store.erasures.customers_at(wanted)
    theirs = [mail for one in customers for mail in store.erasures.mails_of(one.id)]
    mails = list({mail.id: mail for mail in (*theirs, *store.erasures.mails_to(wanted))}.values())
    if not customers and not mails:
        raise NotFound(
            f"Nobody is known by {address!r}. Check how it is written, and whether this is the folder of your "
            "installation. Who was erased before is not known any more, either."
        )
    return customers, mails


def _erase_mails(store: Store, mails: Iterable[KnownMail], asked_elsewhere: Iterable[AskedElsewhere]) -> None:
    """Mails that went to them about cases that are somebody else's by now, here and in replaced databases."""
    for mail in mails:
        store.erasures.erase_mail(mail)
    for asked in asked_elsewhere:
        store.erasures.erase_recipient(asked)


def is_erased(store: Store, keys: Keys, record: CaseRecord) -> bool:
    """Whether the record is about somebody who was erased."""
    case = keys.person_hashes("case", record.source, record.ref)
    return store.erasures.has([*case, *_hashes(keys, record.source, record.customer_key, record.email)])


class Erased:
    """Tells whether a text is about somebody who was erased."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        self._sources: list[str] | None = None

    def __call__(self, traces: Traces) -> bool:
        erasures, keys = self._store.erasures, self._keys
        if not erasures.exist():
            return False
        if any(erasures.has(keys.address_hashes(one)) for one in traces.addresses):
            return True
        return any(
            erasures.has(keys.person_hashes(kind, source, one))
            for one in traces.references | traces.values
            for source in self._all_sources()
            for kind in ("case", "customer")
        )

    def has_bought(self, record: PurchaseRecord) -> bool:
        """Whether somebody who was erased bought it; where no help desk is named, somebody of any."""
        sources = [record.source] if record.source is not None else self._all_sources()
        who = [one for source in sources for one in _hashes(self._keys, source, record.customer_ref, record.email)]
        return self._store.erasures.has(who)

    def _all_sources(self) -> list[str]:
        if self._sources is None:
            self._sources = self._store.erasures.sources()
        return self._sources


def still_held(config: Config, address: str, but: Callable[[Path], bool] = lambda path: False) -> Iterator[Held]:
    """The other files of the data folder that hold the address, and what of it cannot be read; `but` is left out."""
    wanted = normalise_email(address)
    unread: list[Held] = []
    walk = os.walk(config.data_dir, onerror=lambda error: unread.append(Held(Path(error.filename), is_read=False)))
    for folder, folders, names in walk:
        folders.sort()
        for path in (Path(folder, name) for name in sorted(names)):
            try:
                is_ours = path.name in _OURS and path.parent == config.data_dir
                if is_ours or but(path) or path.is_symlink() or not path.is_file():
                    continue
                if _is_in(path, wanted):
                    yield Held(path, is_read=True)
            except (OSError, EOFError, zlib.error):
                yield Held(path, is_read=False)
    yield from unread


def _is_in(path: Path, wanted: str) -> bool:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        if _holds(file, wanted.encode()):
            return True
    if not is_message(path) or path.stat().st_size > _MESSAGE_LONGEST:
        return False
    return any(wanted in text.lower() for text in texts(path.read_bytes()))


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
    found = {normalise_email(text), *addresses_in(text)}
    return [key_hash for one in sorted(found) for key_hash in keys.address_hashes(one)]

"""A wish not to be asked any more, and that wish taken back. It is about an address, whatever else is known of it.

The key of a link is the keyed hash of the address, so that no case needs to be known, and none to be as it was. Mails
of an earlier state have the id of their survey in its place.
"""

import re
from datetime import datetime

from feedback.domain.cases import normalise_email
from feedback.domain.surveys import Suppression, Survey
from feedback.errors import NotFound
from feedback.keys import Keys
from feedback.store import Store

_HASH = re.compile("[0-9a-f]{64}")


def opt_out(store: Store, keys: Keys, key: str, now: datetime) -> None:
    """Send no survey to the link's address any more. Raises NotFound."""
    with store.write():
        store.surveys.suppress(_hashes(store, keys, key)[0], Suppression.OPTED_OUT, now)


def opt_in(store: Store, keys: Keys, key: str) -> None:
    """Take an opt-out back; what else speaks against the address stays. Raises NotFound."""
    with store.write():
        for address_hash in _hashes(store, keys, key):
            store.surveys.end_suppression(address_hash, Suppression.OPTED_OUT)


def standing(store: Store, keys: Keys, key: str) -> Suppression | None:
    """Whether whoever has the address does not want to be asked, or was erased. A fault of mail is neither.

    Raises NotFound.
    """
    reason = store.surveys.suppression(_hashes(store, keys, key))
    return reason if reason in (Suppression.OPTED_OUT, Suppression.ERASED) else None


def is_out(store: Store, keys: Keys, survey: Survey) -> bool:
    """Whether the survey's customer does not want to be asked any more."""
    if survey.mailed_to is None:
        return False
    hashes = keys.address_hashes(normalise_email(survey.mailed_to))
    return store.surveys.suppression(hashes) is Suppression.OPTED_OUT


def _hashes(store: Store, keys: Keys, key: str) -> list[str]:
    """Of the link's address; the first is the one to store. Of a hash, no other secret's can be told."""
    if _HASH.fullmatch(key):
        return [key]
    address = store.surveys.get(key).mailed_to
    if address is None:
        raise NotFound(f"No address is known for the survey {key}.")
    return keys.address_hashes(normalise_email(address))

"""Staff log in; each failed try makes the next one wait."""

from collections.abc import Callable
from datetime import datetime, timedelta

from feedback.domain.cases import normalise_email
from feedback.domain.staff import FORGOTTEN_AFTER, Staff
from feedback.domain.timing import span_in_words
from feedback.errors import Refused
from feedback.keys import Keys
from feedback.store import Store


def log_in(store: Store, keys: Keys, email: str, is_right: Callable[[str | None], bool], now: datetime) -> Staff:
    """The person with this address, if `is_right` says so of the password's hash (None: nobody has the address).

    A try counts as failed until it has succeeded, so that many at once gain nothing. Raises Refused, in the same words
    whoever has the address.
    """
    address_hash = keys.address_hashes(normalise_email(email))[0]
    with store.write():
        failed = store.staff.failed_logins(address_hash, now - FORGOTTEN_AFTER)
        if failed.try_again_at is not None and now < failed.try_again_at:
            wait = span_in_words(max(timedelta(seconds=1), failed.try_again_at - now))
            raise Refused(f"Too many tries with this address failed. The next one counts in {wait}.")
        store.staff.add_failed_login(address_hash, now, forget_before=now - FORGOTTEN_AFTER)
    person = store.staff.with_email(email)
    if person is not None and not person.may_log_in:
        person = None
    try:
        is_theirs = is_right(person.password_hash if person is not None else None)
    except Refused:  # nobody looked at the password, so this was no try
        with store.write():
            store.staff.take_back_failed_login(address_hash, now)
        raise
    if not is_theirs or person is None:
        raise Refused("This address and this password do not belong together.")
    with store.write():
        store.staff.forget_failed_logins(address_hash)
    return person

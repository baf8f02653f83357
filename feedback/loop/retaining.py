"""Who has not been heard of for long is forgotten: the answers stay counted, and an opt-out stays.

That is no erasure: nobody is kept from coming back, and whoever does is a new customer.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from feedback.config import Config
from feedback.domain.audit import NIGHTLY, Action
from feedback.domain.cases import CaseRecord, normalise_email
from feedback.domain.timing import local_day
from feedback.keys import Keys
from feedback.loop.erasing import Erased
from feedback.loop.leftovers import Swept, Traces, refused_files, sweep, sweep_refused, warn_of
from feedback.store import Store

PORTION = 1_000  # customers a step
ROWS_ENOUGH = 15  # a transaction ends after these; for each the index of the search writes some twenty more
VISITORS_AT_ONCE = 500
TAPS_KEPT = timedelta(days=365)
PURCHASES = 500  # a step, in one transaction


def forget(store: Store, config: Config, now: datetime) -> bool:
    """Forget some customers whose last case and answer are older than FEEDBACK_RETENTION, and some purchases that are.

    False if there are none.

    In short transactions, so that no writer waits long. To stop anywhere, or to do it twice at once, harms nothing:
    each transaction looks again whether the customer has come back, has an open follow-up, or waits for a mail. Their
    refused rows go first, for afterwards nobody knows by what to find them; what else is in files is swept each night.
    """
    if not config.retention:
        return False
    before = now - config.retention
    waiting = store.erasures.aged(before, PORTION)
    found, customers, cases = bool(waiting), 0, 0
    if waiting and refused_files(config):
        sweep_refused(config, _among(store, waiting), None, Swept())
    try:
        while waiting:
            waiting, more_customers, more_cases = _forget_some(store, waiting, before, now)
            customers, cases = customers + more_customers, cases + more_cases
    finally:
        if customers or cases:
            counts = f"customers: {customers}, cases: {cases}"
            with store.write():
                store.audit.note(
                    NIGHTLY, Action.FORGET, "older than FEEDBACK_RETENTION", now, was=counts, became="forgotten"
                )
    return _forget_purchases(store, before, now) or found


def _forget_purchases(store: Store, before: datetime, now: datetime) -> bool:
    """Some that are past, though their customers are not.

    They are looked for before the write lock is taken, for that reads the whole table: no index of days is kept.
    """
    past = store.purchases.past(before, PURCHASES)
    if not past:
        return False
    with store.write():
        gone = sum(store.purchases.forget(key, before) for key in past)
        store.audit.note(
            NIGHTLY, Action.FORGET, "older than FEEDBACK_RETENTION", now, was=f"purchases: {gone}", became="forgotten"
        )
    return True


def _forget_some(store: Store, waiting: list[str], before: datetime, now: datetime) -> tuple[list[str], int, int]:
    """One transaction: the customers who are still to be looked at, and how many customers and cases were forgotten."""
    left = list(waiting)
    rows = customers = cases = 0
    with store.write():
        while left and rows < ROWS_ENOUGH:
            key = left[-1]
            if not store.erasures.is_aged(key, before):
                left.pop()
                continue
            for case in store.erasures.cases_of(key):
                if rows >= ROWS_ENOUGH:
                    break
                rows += store.erasures.erase_case(case, now)
                cases += 1
            else:
                rows += store.erasures.erase_elsewhere(key) + store.erasures.erase_customer(key)
                customers += 1
                left.pop()
    return left, customers, cases


def forget_visitors(store: Store, config: Config, now: datetime) -> bool:
    """Let nobody know any more whose the taps of earlier days were, some at a time; False if there are none.

    The taps stay counted: their rows know a visitor by a random text, which nothing leads to then. After a year they
    go, too, for no figure looks back as far.
    """
    today = local_day(now, config.zone)
    with store.write():
        if store.taps.forget_visitors(today, VISITORS_AT_ONCE):
            return True
        return store.taps.forget_oldest_day(today - TAPS_KEPT) > 0


def sweep_files(store: Store, keys: Keys, config: Config, now: datetime) -> None:
    """Delete what files hold of people who are erased or forgotten, and messages and refused rows past that time."""
    before = now - config.retention if config.retention else None
    warn_of(sweep(store, keys, config, Erased(store, keys), before))


def _among(store: Store, customers: list[str]) -> Callable[[Traces], bool]:
    """Tells whether a refused row is about one of them: by address, or by a reference that is told as such."""
    known = [store.erasures.customer(key) for key in customers]
    addresses = {normalise_email(one.address) for one in known if one.address}
    refs = {one.ref for one in known} | {case.ref for one in known for case in store.erasures.cases_of(one.id)}
    return lambda traces: not (addresses.isdisjoint(traces.addresses) and refs.isdisjoint(traces.references))


def is_past(store: Store, config: Config, record: CaseRecord, now: datetime) -> bool:
    """Whether the record tells of a case so old that we would have forgotten whose it was, and that we do not know."""
    newest = max((at for at in (record.opened_at, record.resolved_at) if at is not None), default=None)
    if not config.retention or newest is None or newest >= now - config.retention:
        return False
    return not store.erasures.has_case(record.source, record.ref)

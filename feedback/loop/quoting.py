"""Staff decide which words of customers may be published, of those who said that we may quote them."""

from datetime import datetime

from feedback.domain.audit import Action
from feedback.domain.quotes import Quote, Standing
from feedback.errors import Refused
from feedback.store import Store

_ACTIONS = {
    Standing.APPROVED: Action.APPROVE_QUOTE,
    Standing.DECLINED: Action.DECLINE_QUOTE,
    Standing.WAITING: Action.TAKE_BACK_QUOTE,
}


def approve(store: Store, answer_id: str, version: str, shown: Standing, staff_id: str, now: datetime) -> None:
    """Let words be published, as they were shown in this version. Raises NotFound, Refused."""
    _decide(store, answer_id, Standing.APPROVED, version, shown, staff_id, now)


def decline(store: Store, answer_id: str, version: str, shown: Standing, staff_id: str, now: datetime) -> None:
    """Do not let them be. Raises NotFound, Refused."""
    _decide(store, answer_id, Standing.DECLINED, version, shown, staff_id, now)


def take_back(store: Store, answer_id: str, version: str, shown: Standing, staff_id: str, now: datetime) -> None:
    """Let it wait, as before it was approved or declined. Raises NotFound, Refused."""
    _decide(store, answer_id, Standing.WAITING, version, shown, staff_id, now)


def _decide(
    store: Store, answer_id: str, wanted: Standing, version: str, shown: Standing, staff_id: str, now: datetime
) -> None:
    """What is decided already stays as it is: the button was pressed twice."""
    with store.write():
        quote = store.quotes.get(answer_id, seen_by=staff_id)
        if quote.version != version:
            raise Refused("The customer has changed the words or the name meanwhile. Read them again, then decide.")
        if quote.standing is wanted:
            return
        if quote.standing is not shown:
            raise Refused(_told(quote))
        store.quotes.decide(quote, wanted, staff_id, now)
        if quote.standing is Standing.APPROVED:
            store.operations.request("publish")  # it goes from the site at once; a new one waits for the morning
        store.audit.note(staff_id, _ACTIONS[wanted], answer_id, now, was=quote.standing, became=wanted)


def _told(quote: Quote) -> str:
    if quote.standing is Standing.WAITING:
        return "A colleague has taken back meanwhile what was decided. It stands under “Waiting”."
    return f"{quote.by} has {quote.standing} it meanwhile. Take that back first, if you two have agreed on it."

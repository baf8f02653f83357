"""What staff decide about a mail that may have arrived or not."""

from datetime import datetime

from feedback.domain.audit import Action
from feedback.errors import Refused
from feedback.store import Store


def has_it(store: Store, mail_id: str, staff_id: str, now: datetime) -> None:
    """The customer has told us that the mail arrived. Raises Refused if it is in doubt no more."""
    with store.write():
        if not store.outbox.confirm(mail_id):
            raise _settled()
        store.audit.note(staff_id, Action.SETTLE, mail_id, now, was="in doubt", became="sent")


def send_again(store: Store, mail_id: str, staff_id: str, now: datetime) -> None:
    """A person takes it upon them that the customer may get it twice. It is decided once more whether to ask."""
    with store.write():
        if not store.outbox.queue_again(mail_id, now):
            raise _settled()
        store.audit.note(staff_id, Action.SETTLE, mail_id, now, was="in doubt", became="to be sent again")


def _settled() -> Refused:
    return Refused("This mail is in doubt no more; see where it stands now.")

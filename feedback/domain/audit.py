"""What people and commands change, as the audit tells it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

COMMAND_LINE = "command line"  # in place of a person, whom it does not know
NIGHTLY = "nightly job"


class Action(StrEnum):
    """A kind of change: the value is for machines, `words` for people."""

    TAKE = "follow_up.take"
    HAND_OVER = "follow_up.hand_over"
    GIVE_BACK = "follow_up.give_back"
    LOG = "follow_up.log"
    CLOSE = "follow_up.close"
    PUBLISH_NOTE = "follow_up.publish_note"
    WITHDRAW_NOTE = "follow_up.withdraw_note"
    DECIDE = "survey.decide"
    SETTLE = "mail.settle"
    RELEASE = "mail.release"
    ADD_PERSON = "person.add"
    CHANGE_PERSON = "person.change"
    INVITE = "person.invite"
    NEW_LOGIN = "person.new_login"
    DISABLE = "person.disable"
    ADD_KEY = "key.add"
    REMOVE_KEY = "key.remove"
    EXPORT = "customer.export"
    ERASE = "customer.erase"
    FORGET = "customer.forget"
    DOWNLOAD = "list.download"
    SUPPRESS = "address.suppress"
    APPROVE_QUOTE = "quote.approve"
    DECLINE_QUOTE = "quote.decline"
    TAKE_BACK_QUOTE = "quote.take_back"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Action.TAKE: "took a follow-up",
    Action.HAND_OVER: "handed a follow-up over",
    Action.GIVE_BACK: "gave a follow-up back",
    Action.LOG: "logged an interaction",
    Action.CLOSE: "closed a follow-up",
    Action.PUBLISH_NOTE: "made a note public",
    Action.WITHDRAW_NOTE: "took a public note back",
    Action.DECIDE: "decided by hand whether to ask",
    Action.SETTLE: "settled a mail in doubt",
    Action.RELEASE: "released mail that was held",
    Action.ADD_PERSON: "let somebody in",
    Action.CHANGE_PERSON: "changed what somebody may do",
    Action.INVITE: "sent somebody a link for a password",
    Action.NEW_LOGIN: "set a password",
    Action.DISABLE: "locked somebody out",
    Action.ADD_KEY: "made a key for the API",
    Action.REMOVE_KEY: "removed a key for the API",
    Action.EXPORT: "exported what is held about a person",
    Action.ERASE: "erased a person",
    Action.FORGET: "forgot people in time",
    Action.DOWNLOAD: "downloaded a list",
    Action.SUPPRESS: "took in a list of addresses that are never asked",
    Action.APPROVE_QUOTE: "approved a quote",
    Action.DECLINE_QUOTE: "declined a quote",
    Action.TAKE_BACK_QUOTE: "took back a decision about a quote",
}


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what, from what to what; None was nothing, or is not said.

    `who` is a name, or words for what else did it; `about` is a case's reference, a person's name or the like, of what
    was changed.
    """

    seq: int
    at: datetime
    who: str
    email: str | None
    action: Action
    about: str | None
    was: str | None
    became: str | None
    case_id: str | None
    follow_up_id: str | None

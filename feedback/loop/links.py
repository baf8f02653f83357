"""The addresses that customers and staff open from their mails, each with its signed token."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from feedback.config import Config
from feedback.domain.cases import normalise_email
from feedback.domain.followups import FollowUp
from feedback.domain.staff import Staff
from feedback.keys import Keys, Purpose

ONE_TOUCH_ENDS = timedelta(days=7)
INVITATION_ENDS = timedelta(days=7)
RESET_ENDS = timedelta(hours=2)


def survey_url(config: Config, keys: Keys, survey_id: str) -> str:
    """The survey's page; with `/yes` or `/no` behind it, that choice is made ready."""
    return f"{config.base_url}/s/{keys.sign(Purpose.SURVEY, survey_id)}"


def opt_out_url(config: Config, keys: Keys, address: str, locale: str | None) -> str:
    """The opt-out page of an address, which takes the one-click POST of RFC 8058 as well.

    It leads there whatever becomes of survey and case, for the hash of the address stands in it, and the language.
    """
    token = keys.sign(Purpose.OPT_OUT, keys.address_hashes(normalise_email(address))[0])
    return f"{config.base_url}/o/{token}{f'?in={locale}' if locale else ''}"


def return_address(config: Config, keys: Keys, mail_id: str) -> str:
    """Where a mail's bounces go: to an address of its own (VERP), if that is set up; else to the sender."""
    if config.return_path is None:
        return config.require_sender().addr_spec
    return f"{config.return_path.username}+{keys.return_token(mail_id)}@{config.return_path.domain}"


@dataclass(frozen=True, slots=True)
class OneTouch:
    """What a link of a staff member's own stands for: that person, one opening of a follow-up, for some days."""

    follow_up_id: str
    staff_id: str
    opened_at: datetime
    ends_at: datetime


def one_touch_url(config: Config, keys: Keys, follow_up: FollowUp, staff_id: str, now: datetime) -> str:
    """The page on which one person can act on a follow-up without logging in."""
    stamps = (int(at.timestamp()) for at in (follow_up.opened_at, now + ONE_TOUCH_ENDS))
    key = ".".join((follow_up.id, staff_id, *map(str, stamps)))
    return f"{config.base_url}/t/{keys.sign(Purpose.STAFF, key)}"


def one_touch_of(keys: Keys, token: str) -> OneTouch | None:
    """None for a bad signature."""
    key = keys.verify(Purpose.STAFF, token)
    if key is None:
        return None
    follow_up_id, staff_id, opened_at, ends_at = key.split(".")
    return OneTouch(follow_up_id, staff_id, *(datetime.fromtimestamp(int(at), UTC) for at in (opened_at, ends_at)))


@dataclass(frozen=True, slots=True)
class PasswordLink:
    """What a link to set a password stands for; `proof` is the person's as long as nothing has changed since."""

    staff_id: str
    ends_at: datetime
    proof: str


def password_url(config: Config, keys: Keys, person: Staff, now: datetime) -> str:
    """The page on which a person sets a password, once. It is under the path of the other links of staff, so that what
    keeps those out of logs keeps it out, too.
    """
    ends_at = now + (RESET_ENDS if person.password_hash else INVITATION_ENDS)
    key = ".".join((person.id, str(int(ends_at.timestamp())), password_proof(keys, person)))
    return f"{config.base_url}/t/password/{keys.sign(Purpose.LOGIN, key)}"


def password_link_of(keys: Keys, token: str) -> PasswordLink | None:
    """None for a bad signature."""
    key = keys.verify(Purpose.LOGIN, token)
    if key is None:
        return None
    staff_id, ends_at, proof = key.split(".")
    return PasswordLink(staff_id, datetime.fromtimestamp(int(ends_at), UTC), proof)


def password_proof(keys: Keys, person: Staff) -> str:
    """Changes with the password, with each logout and with being locked out."""
    parts = (person.id, person.password_hash, person.session_key, str(person.disabled_at))
    return keys.derived("password link", *parts)[:16]

"""Who works at the desk: people are let in, changed and locked out, and get links by mail to set their passwords."""

from collections.abc import Iterable
from datetime import datetime

from feedback.config import Config
from feedback.domain.audit import COMMAND_LINE, Action
from feedback.domain.cases import normalise_email
from feedback.domain.staff import FORGOTTEN_AFTER, Role, Staff
from feedback.domain.texts import one_line
from feedback.errors import NotFound, Refused
from feedback.keys import Keys
from feedback.loop import following_up
from feedback.loop.links import password_link_of, password_proof
from feedback.setting_types import is_email
from feedback.store import Store

ASKED_AT_MOST = 5  # links a day for whoever says at the login that they forgot a password, which anybody can say
SENT_AT_MOST = 50  # links a day that owners send one person


def let_in(
    store: Store,
    email: str,
    name: str,
    role: Role,
    teams: Iterable[str],
    now: datetime,
    *,
    by: str = COMMAND_LINE,
    password_hash: str | None = None,
) -> str:
    """A new person's id. Without a password, a link to set one is mailed to them. Raises Refused."""
    if not is_email(email):
        raise Refused(f"Given {email!r}, expected an address such as mara@acme.example.")
    with store.write():
        key = store.staff.add(email, name, password_hash, role, _spelled(store, teams))
        store.audit.note(by, Action.ADD_PERSON, key, now, became=_told(store, key))
        if password_hash is None:
            _queue_link(store, key, now, by)
    return key


def change(store: Store, key: str, name: str, role: Role, teams: Iterable[str], now: datetime, *, by: str) -> None:
    """What colleagues call somebody, and what they may do and see. Raises NotFound, Refused for the last owner."""
    with store.write():
        person, was = _known(store, key), _told(store, key)
        if role is not Role.OWNER:
            _check_not_last(store, person)
        store.staff.change(key, name, role, _spelled(store, teams))
        if (became := _told(store, key)) != was:
            store.audit.note(by, Action.CHANGE_PERSON, key, now, was=was, became=became)


def lock_out(store: Store, config: Config, key: str, now: datetime, *, by: str = COMMAND_LINE) -> None:
    """Log somebody out for good. What they did keeps their name; what they had is nobody's, and is told again.

    Raises NotFound, Refused for the last owner.
    """
    with store.write():
        person = _known(store, key)
        if not person.is_active:
            raise Refused(f"{person.name} is locked out already.")
        _check_not_last(store, person)
        store.staff.disable(person.email, now)
        store.audit.note(by, Action.DISABLE, key, now, was="let in", became="locked out")
        following_up.give_back_all(store, config, key, by, now)


def let_in_again(store: Store, key: str, now: datetime, *, by: str) -> None:
    """Whoever was locked out gets a link to set a password; the old one counts no more. Raises NotFound, Refused."""
    with store.write():
        person = _known(store, key)
        if person.is_active:
            raise Refused(f"{person.name} is not locked out.")
        store.staff.let_in_again(key)
        store.audit.note(by, Action.ADD_PERSON, key, now, was="locked out", became=_told(store, key))
        _queue_link(store, key, now, by)


def send_link(store: Store, key: str, now: datetime, *, by: str) -> None:
    """Mail somebody a link to set a password. Raises NotFound, Refused."""
    with store.write():
        person = _known(store, key)
        if not person.is_active:
            raise Refused(f"{person.name} is locked out. Let them in again first.")
        if not _queue_link(store, key, now, by):
            raise Refused(f"A link to {person.name} waits in the outbox already. It goes out with the next mails.")


def ask_for_link(store: Store, email: str, now: datetime) -> None:
    """Somebody has forgotten a password. Nothing tells whether there is such a person."""
    with store.write():
        # so that it always writes, and takes as long
        store.staff.add_failed_login("", now, forget_before=now - FORGOTTEN_AFTER)
        store.staff.forget_failed_logins("")
        person = store.staff.with_email(email)
        if person is not None and person.is_active:
            store.outbox.queue_password_link(person.id, person.email, now, ASKED_AT_MOST)


def owner_of_link(store: Store, keys: Keys, token: str, now: datetime) -> Staff:
    """Whose link for a password it is. Raises NotFound for a bad one, Refused for one that has ended or was used."""
    link = password_link_of(keys, token)
    person = store.staff.get(link.staff_id) if link is not None else None
    if link is None or person is None:
        raise NotFound("There is no such link.")
    if now > link.ends_at or link.proof != password_proof(keys, person) or not person.is_active:
        raise Refused("This link has ended: it works once, and for some days. Ask for another one where you log in.")
    return person


def set_password_by_link(store: Store, keys: Keys, token: str, password_hash: str, now: datetime) -> Staff:
    """The password of whoever holds the link, which ends with that, as do their sessions. Raises NotFound, Refused."""
    with store.write():
        person = owner_of_link(store, keys, token, now)
        _set_password(store, keys, person, password_hash, now, person.id)
    return person


def set_password(store: Store, keys: Keys, email: str, password_hash: str, now: datetime) -> None:
    """A new password by command, which lets in who was locked out, or had failed too often. Raises NotFound."""
    with store.write():
        _set_password(store, keys, store.staff.known(email), password_hash, now, COMMAND_LINE)


def _set_password(store: Store, keys: Keys, person: Staff, password_hash: str, now: datetime, by: str) -> None:
    store.staff.set_password(person.email, password_hash)
    store.staff.forget_failed_logins(keys.address_hashes(normalise_email(person.email))[0])
    store.audit.note(by, Action.NEW_LOGIN, person.id, now, became=None if person.is_active else "let in again")


def _queue_link(store: Store, key: str, now: datetime, by: str) -> bool:
    person = _known(store, key)
    if not store.outbox.queue_password_link(key, person.email, now, SENT_AT_MOST):
        return False
    store.audit.note(by, Action.INVITE, key, now)
    return True


def _known(store: Store, key: str) -> Staff:
    person = store.staff.get(key)
    if person is None:
        raise NotFound(f"Nobody at the desk has the id {key}.")
    return person


def _check_not_last(store: Store, person: Staff) -> None:
    others = [one for one in store.staff.all() if one.role is Role.OWNER and one.may_log_in and one.id != person.id]
    if person.role is Role.OWNER and not others:
        raise Refused(f"{person.name} is the only owner who can log in. Make somebody else an owner first.")


def _spelled(store: Store, teams: Iterable[str]) -> list[str]:
    """The teams as cases spell them, if they do."""
    known = {team.casefold(): team for team in store.staff.teams()}
    given = (one_line(team) for team in teams)
    return sorted({known.get(team.casefold(), team) for team in given if team}, key=str.casefold)


def _told(store: Store, key: str) -> str:
    person = _known(store, key)
    return f"{person.name}, {person.role}, {', '.join(person.teams) or 'every team'}"

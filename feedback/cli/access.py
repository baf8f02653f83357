"""`feedback key` and `feedback staff`: which programs and which people may come in."""

import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from feedback.cli.moments import ZoneType, moment
from feedback.cli.terminal import safe
from feedback.config import load_config
from feedback.domain.audit import COMMAND_LINE, Action
from feedback.domain.staff import PASSWORD_LONGEST, PASSWORD_SHORTEST, Role, Staff, name_from
from feedback.errors import Refused
from feedback.keys import hash_api_key, load_keys, new_api_key
from feedback.loop import people
from feedback.setting_types import is_email
from feedback.store import Store, open_store


@click.group()
def key() -> None:
    """Keys for the API."""


@key.command("add")
@click.argument("name")
def key_add(name: str) -> None:
    """Make a key for the help desk NAME, and show it once."""
    store = _store()
    secret = new_api_key()
    with store.write():
        store.operations.add_api_key(name, hash_api_key(secret), datetime.now(UTC))
        store.audit.note(COMMAND_LINE, Action.ADD_KEY, name, datetime.now(UTC))
    click.echo(f"{secret}\nKeep it now: only its hash is stored, and it is not shown again.")


@key.command("list")
def key_list() -> None:
    """List the keys by name."""
    keys = _store().operations.api_keys()
    for name, since in keys:
        click.echo(f"{name}, since {since:%Y-%m-%d}")
    if not keys:
        click.echo("There is no key. Make one with: feedback key add NAME")


@key.command("remove")
@click.argument("name")
def key_remove(name: str) -> None:
    """Remove the key NAME; it opens nothing any more."""
    store = _store()
    with store.write():
        store.operations.remove_api_key(name)
        store.audit.note(COMMAND_LINE, Action.REMOVE_KEY, name, datetime.now(UTC))
    click.echo(f"Removed the key {name}.")


@click.group()
def staff() -> None:
    """Who may log in at the desk."""


_password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking."
)


@staff.command("add")
@click.argument("email")
@click.option("--name", help="The name that colleagues see; made from the address if left out.")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.AGENT.value, show_default=True)
@click.option("--team", "teams", multiple=True, help="A team that the person works in, once for each; else every team.")
@click.option("--invite", is_flag=True, help="Set no password here: mail the person a link to set one.")
@_password_option
def staff_add(
    email: str, name: str | None, role: str, teams: tuple[str, ...], invite: bool, password_stdin: bool
) -> None:
    """Let the person with the address EMAIL log in at the desk."""
    if not is_email(email):
        raise Refused(f"Given {email!r}, expected an address such as mara@acme.example.")
    config = load_config()
    store = open_store(config.database_url)
    store.staff.check_new(email)
    if name is None and not password_stdin and not invite:
        name = click.prompt("Name, as colleagues know it", default=name_from(email))
    name = " ".join((name or "").split()) or name_from(email)
    password_hash = None if invite else _new_password(password_stdin)
    people.let_in(store, email, name, Role(role), teams, moment(config, store, None), password_hash=password_hash)
    if invite:
        click.echo(f"A link to set a password goes out to {email}. {safe(name)} has the role of {role}.")
    else:
        click.echo(f"{safe(name)} may log in at {config.base_url}/desk/ as {email}, with the role of {role}.")


@staff.command("password")
@click.argument("email")
@_password_option
def staff_password(email: str, password_stdin: bool) -> None:
    """Set a new password for EMAIL; whoever is logged in with the old one is logged out."""
    config = load_config()
    store = open_store(config.database_url)
    store.staff.known(email)
    password_hash, now = _new_password(password_stdin), moment(config, store, None)
    people.set_password(store, load_keys(config.data_dir), email, password_hash, now)
    click.echo(f"The new password of {email} counts from now on.")


@staff.command("zone")
@click.argument("email")
@click.argument("zone", type=ZoneType(), required=False)
def staff_zone(email: str, zone: ZoneInfo | None) -> None:
    """Show EMAIL all times at the desk in ZONE, such as Europe/Lisbon; without ZONE in the business's again."""
    store = _store()
    with store.write():
        was = store.staff.known(email)
        store.staff.set_zone(email, zone.key if zone else None)
        old, new = (one.key if one else "the business’s clock" for one in (was.zone, zone))
        store.audit.note(COMMAND_LINE, Action.CHANGE_PERSON, was.id, datetime.now(UTC), was=old, became=new)
    click.echo(f"{email} reads times in {zone.key if zone else 'the zone of the business'}.")


@staff.command("disable")
@click.argument("email")
def staff_disable(email: str) -> None:
    """Log EMAIL out for good. What the person did keeps its name; what they had is nobody's, and is told again.

    A new password lets the person in again.
    """
    config = load_config()
    store = open_store(config.database_url)
    people.lock_out(store, config, store.staff.known(email).id, moment(config, store, None))
    click.echo(f"{email} may not log in any more.")


@staff.command("list")
def staff_list() -> None:
    """List who may log in."""
    people = _store().staff.all()
    for person in people:
        click.echo(safe(_line(person)))
    if not people:
        click.echo("Nobody may log in yet. Let someone in with: feedback staff add EMAIL")


def _line(person: Staff) -> str:
    teams = f" in {', '.join(person.teams)}" if person.teams and person.role is not Role.OWNER else ""
    return f"{person.name} <{person.email}>, {person.role}{teams}{', disabled' if person.disabled_at else ''}"


def _new_password(from_stdin: bool) -> str:
    """The hash of a password that was typed twice, or came by a pipe. Raises Refused for one that is too short."""
    from feedback.web.passwords import hash_password  # Flask takes a third of a second, and few commands need it

    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        words = f"Password, at least {PASSWORD_SHORTEST} letters"
        password = click.prompt(words, hide_input=True, confirmation_prompt="The same again")
    if not PASSWORD_SHORTEST <= len(password) <= PASSWORD_LONGEST:
        raise Refused(
            f"The password has {len(password)} letters, expected {PASSWORD_SHORTEST} to {PASSWORD_LONGEST:,}."
        )
    return hash_password(password)


def _store() -> Store:
    return open_store(load_config().database_url)

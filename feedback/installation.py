"""`feedback init`: the first hour of a real installation. It makes what is missing, and overwrites nothing."""

import os
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from email.headerregistry import Address
from pathlib import Path

from feedback.config import PREFIX, Config, env_line, load_config
from feedback.domain.staff import Role, name_from
from feedback.errors import ConfigError, FeedbackError
from feedback.keys import Keys, Purpose, load_keys, new_id, write_private
from feedback.mail import compose
from feedback.mail.transport import open_transport
from feedback.publish.overlay import default_configuration
from feedback.setting_types import time_zone
from feedback.shipped import shipped
from feedback.store import Store, open_store


def begin(
    folder: Path,
    settings: Mapping[str, str],
    hash_password: Callable[[str], str],
    now: datetime,
    say: Callable[[str], None],
) -> bool:
    """Make what is missing of `.env` (from the settings), the site, the mapping files, the database, the first login.

    `say` hears what was made, what was there already, and what to do next. With a mail server, a test mail goes out;
    False if the server did not take it. Raises FeedbackError in words.
    """
    if settings:
        _write_env(folder, settings)
        say("Made .env with your settings; only you can read it.")
    else:
        say(".env is here already, and stays as it is. A service that runs keeps the settings that it began with.")
    config = load_config(env_file=folder / ".env")
    config.require_people()
    say(f"Your time zone is {config.zone.key}; FEEDBACK_ZONE in .env sets another one.")
    if config.base_url.startswith("http://") and not config.is_local:
        say(f"Nobody can log in at {config.base_url}/desk/ from elsewhere: that takes https://")
    say(_copy(shipped() / "site", folder / "site", "your playbook, yours to change"))
    say(_write_configuration(folder / "mkdocs.yml", config))
    say(_copy(shipped() / "examples", folder / "maps", "which column of your help desk's export is which", "*.html"))
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    try:
        say(f"The database is in {config.data_dir}.")
        first = config.alert_to[0]
        _hire(store, first, hash_password, say)
        taken = _send_test_mail(config, keys, first, now, say)
    finally:
        store.close()
    say("")
    say("Next, and in each new terminal first:")
    say(f"  . {Path(sys.prefix) / 'bin' / 'activate'} && cd {folder}")
    say(f"  feedback run          then log in at {config.base_url}/desk/ as {first.addr_spec}")
    say("  feedback import cases FILE --map maps/zendesk.toml --dry-run")
    say("                        shows what an export of your help desk would do; maps/ has more of them")
    return taken


def system_zone(root: Path = Path("/")) -> str:
    """The machine's time zone by its IANA name; UTC if it does not tell."""
    link = root / "etc" / "localtime"
    names = [os.environ.get("TZ", "").lstrip(":"), str(link.resolve()).partition("zoneinfo/")[2]]
    for name in names:
        try:
            return time_zone(name).key
        except ValueError:
            continue
    return "UTC"


def _write_env(folder: Path, settings: Mapping[str, str]) -> None:
    """Whole or not at all, and never in place of another."""
    path = folder / ".env"
    lines = ["# The settings of this installation; docs/settings.md names them all.\n"]
    for name, value in settings.items():
        lines.append(env_line(PREFIX + name.upper(), value) if value else f"# {PREFIX}{name.upper()}=\n")
    try:
        write_private(path, "".join(lines))
    except FileExistsError:
        raise ConfigError(f"{path} is here already, and init overwrites nothing.") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}. Start this in a folder that is yours."
        ) from None


def _copy(source: Path, target: Path, what: str, without: str = "") -> str:
    """Whole or not at all, and never over what is there; `without` is a pattern of names."""
    if target.exists():
        return f"{target.name}/ is here already, and stays as it is."
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        shutil.copytree(source, fresh, ignore=shutil.ignore_patterns(without))
        fresh.rename(target)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise ConfigError(f"{target} cannot be written: {error.strerror}.") from None
    return f"Made {target.name}/: {what}."


def _write_configuration(path: Path, config: Config) -> str:
    text = default_configuration(config)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return f"{path.name} is here already, and stays as it is."
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
    return f"Made {path.name}: how the site is built."


def _hire(store: Store, person: Address, hash_password: Callable[[str], str], say: Callable[[str], None]) -> None:
    """The first staff member, unless the address is known."""
    if store.staff.with_email(person.addr_spec) is not None:
        return
    password = secrets.token_urlsafe(12)
    password_hash = hash_password(password)
    name = person.display_name or name_from(person.addr_spec)
    with store.write():
        store.staff.add(person.addr_spec, name, password_hash, Role.OWNER)
    say(f"{name} may log in at the desk as {person.addr_spec}, with this password, shown once:  {password}")
    say(f"Another one: feedback staff password {person.addr_spec}")


def _send_test_mail(config: Config, keys: Keys, person: Address, now: datetime, say: Callable[[str], None]) -> bool:
    if not config.mail_is_smtp:
        say("No mail server yet: mails are caught in a folder, and nobody is written to.")
        return True
    transport = open_transport(config)
    try:
        letter = compose.test(person.addr_spec, config, keys.sign(Purpose.MESSAGE, new_id()), now)
        words = transport.send(letter, lambda: None)
    except FeedbackError as error:
        say(f"The test mail to {person.addr_spec} was not taken: {error}")
        say("Mend FEEDBACK_MAIL in .env, and run `feedback init` again: it sends another, and changes nothing else.")
        return False
    finally:
        transport.close()
    say(f"A test mail went to {person.addr_spec} ({words}). Look whether it arrives, and not among the spam.")
    return True

"""`feedback demo`: a sample business with six months behind it, running on this machine, with a guide."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from pathlib import Path
from string import Template
from typing import TextIO
from zoneinfo import ZoneInfo

from feedback import jobs, processes
from feedback.config import PREFIX, Config, env_line, load_config
from feedback.demo import business
from feedback.demo.history import DAYS, History
from feedback.domain.staff import Role
from feedback.domain.timing import local_day
from feedback.errors import ConfigError
from feedback.keys import load_keys
from feedback.loop.mapping import slug
from feedback.mail.transport import open_transport
from feedback.publish import build, overlay
from feedback.shipped import shipped
from feedback.store import Store, open_store
from feedback.web.demo import PASSWORD
from feedback.web.passwords import hash_password

FOLDER = "var-demo"
LOCK = "demo.lock"
LOG = "demo.log"
STARTS_AT = time(10, 0)
TUESDAY = 1
FAQ_CHECKED = timedelta(days=12)  # before the start


Progress = Callable[[Iterable[date], int], AbstractContextManager[Iterable[date]]]  # shows how far an iteration is


def run(place: Path, port: int, *, echo: Callable[[str], None], progress: Progress) -> None:
    """Make the demo afresh in `place/var-demo`, and run it until Ctrl-C. Raises FeedbackError in words."""
    folder = place / FOLDER
    settings = _settings(port)
    config = load_config({**settings, "FEEDBACK_DATA_DIR": str(folder / "var")}, env_file=None)
    with _hold(folder, f"{config.base_url}/demo/") as lock:
        other = port + 1 if port < 65535 else 8000
        advice = f"Take another port: feedback demo --port {other}, or make demo PORT={other}"
        processes.check_free(config, advice)
        _empty(folder)
        (folder / ".env").write_text("".join(env_line(*setting) for setting in settings.items()), "utf-8")
        begin(config, datetime.now(UTC).replace(microsecond=0), progress)
        echo("Starting …")
        greeting = (
            f"\nThe demo is ready. Open this address:  {config.base_url}/demo/\n\n"
            "Nothing leaves this machine. Ctrl-C stops it; the next start begins afresh.\n"
            f"Its data and its log are in {folder}"
        )
        with (folder / LOG).open("w", encoding="utf-8") as log:
            processes.run(config, greeting, processes.Surroundings(folder, _environment(), log, lock))


def begin(config: Config, real_now: datetime, progress: Progress) -> None:
    """Fill the data folder: staff, six months of history up to a Tuesday at 10:00, and the built site.

    The pages of the site come beside it, where the service, which runs there, looks for them.
    """
    now = starting_moment(real_now)
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    try:
        _hire(store)
        with progress(History(store, keys, config, open_transport(config), now).live(), DAYS + 1) as days:
            for _ in days:
                pass
        with store.write():
            store.operations.begin_demo(now, now - real_now)
        folder = config.data_dir.parent
        _write_site(folder, config, now)
        jobs.publish_now(store, config, build.find_sources(folder), now)
    finally:
        store.close()


def starting_moment(real_now: datetime) -> datetime:
    """The latest Tuesday, 10:00 at the business, that is not in the future."""
    zone = ZoneInfo(business.ZONE)
    day = real_now.astimezone(zone).date()
    day -= timedelta(days=(day.weekday() - TUESDAY) % 7)
    moment = datetime.combine(day, STARTS_AT, zone)
    if moment > real_now:
        moment = datetime.combine(day - timedelta(days=7), STARTS_AT, zone)
    return moment.astimezone(UTC)


def _hire(store: Store) -> None:
    """Everyone at the business may log in, by given name: one owner, a lead for each other team, agents."""
    password_hash = hash_password(PASSWORD)
    with store.write():
        for team in business.TEAMS:
            for name in team.agents:
                role = Role.AGENT
                if name == team.agents[0]:
                    role = Role.OWNER if team is business.TEAMS[0] else Role.LEAD
                address = f"{slug(name.split()[0])}@{business.DOMAIN}"
                store.staff.add(address, name, password_hash, role, [team.name])


def _write_site(folder: Path, config: Config, now: datetime) -> None:
    """The default site, with entries of the business's own in its FAQ, read through shortly before `now`."""
    shutil.copytree(shipped() / "site", folder / "site")
    checked = local_day(now - FAQ_CHECKED, config.zone)
    for entry in resources.files("feedback.demo").joinpath("faq").iterdir():
        text = Template(entry.read_text("utf-8")).substitute(day=checked)
        (folder / "site" / "faq" / entry.name).write_text(text, "utf-8")
    (folder / "mkdocs.yml").write_text(overlay.default_configuration(config), "utf-8")


def _settings(port: int) -> dict[str, str]:
    """All settings of the demo, as its `.env` holds them; no others count."""
    return {
        "FEEDBACK_BUSINESS": business.NAME,
        "FEEDBACK_SENDER": f"{business.NAME} <care@{business.DOMAIN}>",
        "FEEDBACK_ALERT_TO": f"mara@{business.DOMAIN}",
        "FEEDBACK_ZONE": business.ZONE,
        "FEEDBACK_CURRENCY": "EUR",
        "FEEDBACK_COUNTRY": business.COUNTRY,
        "FEEDBACK_BASIS": f"{business.COUNTRY}:existing-customers",
        "FEEDBACK_LISTEN": f"127.0.0.1:{port}",
    }


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}


@contextmanager
def _hold(folder: Path, url: str) -> Iterator[TextIO]:
    """The folder for this demo and its processes alone; the lock. Raises ConfigError if it cannot be had."""
    try:
        is_ours = not folder.exists() or (folder.is_dir() and ((folder / LOCK).is_file() or not any(folder.iterdir())))
        if folder.is_symlink() or not is_ours:
            raise ConfigError(f"{folder} is there, and no demo made it. Move it away, or start the demo elsewhere.")
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"The demo keeps its data in {folder}, which cannot be written: {error.strerror}.\n"
            "Start it in a folder that is yours."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ConfigError(
                f"A demo is running here already, at {lock.read().strip()}\n"
                "Stop it with Ctrl-C; if its window is gone, end its `feedback serve` and `feedback schedule`."
            ) from None
        lock.truncate(0)
        lock.write(url)
        lock.flush()
        yield lock


def _empty(folder: Path) -> None:
    """What the last demo left."""
    try:
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
    except OSError as error:
        raise ConfigError(f"{error.filename} of the last demo cannot be removed: {error.strerror}.") from None

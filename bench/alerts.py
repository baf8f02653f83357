"""From a customer's "no" to its alert at the mail server, over the running service, as it runs for an owner."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from feedback.config import load_config
from feedback.domain.cases import CaseRecord, CaseStatus
from feedback.keys import Purpose, load_keys
from feedback.loop.asking import Asking
from feedback.loop.intake import take_in
from feedback.store import open_store

APART_S = 7.3  # between two customers, so that each meets the jobs at another moment of their round
GIVE_UP_S = 180
MINUTE_S = 60
STARTS_WITHIN_S = 60


class _Mailboxes:
    """When the first mail to each recipient was taken."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        for recipient in envelope.rcpt_tos:
            self.taken.setdefault(recipient, time.monotonic())
        return "250 taken"


def measure(runs: int) -> dict[str, list[float]]:
    """A customer a run, each of a team of their own, so that it is known whose alert comes."""
    with tempfile.TemporaryDirectory() as name:
        mailboxes = _Mailboxes()
        controller = Controller(mailboxes, hostname="127.0.0.1", port=_free_port())
        controller.start()
        try:
            with _running(Path(name), controller.port, runs) as pages:
                return {'time from a "no" to its alert at the mail server, to a minute': _taps(pages, mailboxes)}
        finally:
            controller.stop()


def _taps(pages: list[str], mailboxes: _Mailboxes) -> list[float]:
    said = []
    for page in pages:
        with urlopen(Request(page, urlencode({"choice": "no"}).encode()), timeout=30) as answer:
            assert answer.status == 200
        said.append(time.monotonic())
        threading.Event().wait(APART_S)
    give_up = time.monotonic() + GIVE_UP_S
    while len([one for one in mailboxes.taken if one.startswith("team")]) < len(pages) and time.monotonic() < give_up:
        time.sleep(0.05)
    return [(mailboxes.taken[f"team{n}@acme.example"] - at) / MINUTE_S for n, at in enumerate(said)]


@contextmanager
def _running(folder: Path, smtp_port: int, customers: int) -> Iterator[list[str]]:
    """`feedback run` with so many customers who were asked; the addresses of their pages."""
    listen = f"127.0.0.1:{_free_port()}"
    settings = {
        "FEEDBACK_DATA_DIR": str(folder / "var"),
        "FEEDBACK_SENDER": "care@acme.example",
        "FEEDBACK_ALERT_TO": "owner@acme.example",
        "FEEDBACK_ALERT_TO_BY_TEAM": ",".join(f"T{n}:team{n}@acme.example" for n in range(customers)),
        "FEEDBACK_LISTEN": listen,
        "FEEDBACK_MAIL": f"smtp://127.0.0.1:{smtp_port}",
        "FEEDBACK_WINDOW": "off",
    }
    config = load_config(settings, env_file=None)
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    asking, now = Asking(store, keys, config), datetime.now(UTC)
    take_in(store, asking, [_case(n, now - timedelta(hours=25)) for n in range(customers)], now - timedelta(hours=25))
    while asking.step(now):
        pass
    rows = store._database.connection.execute(
        "SELECT s.id, r.team FROM surveys s JOIN resolutions r ON r.id = s.resolution_id"
    ).fetchall()
    tokens = {row["team"]: keys.sign(Purpose.SURVEY, row["id"]) for row in rows}
    store.close()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FEEDBACK_")} | settings
    process = subprocess.Popen(
        [sys.executable, "-m", "feedback", "run"],
        cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(f"http://{listen}/")
        yield [f"http://{listen}/s/{tokens[f'T{n}']}" for n in range(customers)]
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _case(n: int, at: datetime) -> CaseRecord:
    return CaseRecord(
        source="shop", ref=f"R{n}", status=CaseStatus.RESOLVED, customer_ref=f"c{n}", email=f"customer{n}@example.org",
        team=f"T{n}", resolved_at=at,
    )  # fmt: skip


def _wait_for(url: str) -> None:
    give_up = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < give_up:
        try:
            urlopen(url, timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer")

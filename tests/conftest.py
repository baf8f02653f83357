"""Real parts for every test: a SQLite file, a mail server on loopback, a browser. Named people; time is passed in."""

import email
import email.policy
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from feedback.config import Config, load_config
from feedback.domain.cases import CaseRecord, CaseStatus
from feedback.domain.surveys import Round
from feedback.keys import Keys, load_keys
from feedback.loop import opting_out
from feedback.loop.asking import Asking
from feedback.loop.importing import BATCH
from feedback.loop.intake import Taken, take_in
from feedback.loop.sending import Sending
from feedback.mail.transport import open_transport
from feedback.store import Store, open_store
from tests.imap import DOVECOT, ImapServer, running_imap_server

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
FEEDBACK = str(Path(sysconfig.get_path("scripts")) / "feedback")
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)  # a Tuesday
DAY = timedelta(days=1)
TORTURE = os.environ.get("TORTURE") == "1"  # full counts, by `make torture`

ADA = CaseRecord(
    source="shop",
    ref="A-1",
    status=CaseStatus.RESOLVED,
    customer_ref="ada",
    email="Ada@example.org",
    name="Ada",
    customer_since=date(2024, 1, 15),
    subject="Printer jams on page two",
    channel="mail",
    topic="printers",
    team="Hardware",
    agent="Mara",
    opened_at=NOW - timedelta(hours=5),
    resolved_at=NOW,
    interactions=1,
)
BRUNO = replace(ADA, ref="B-2", customer_ref="bruno", email="bruno@example.org", name="Bruno", subject="Lost parcel")
CHIOMA = replace(ADA, ref="C-3", customer_ref="chioma", email=None, name="Chioma", subject="Invoice twice")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a browser or a drill come evenly between the others: at once they starve each other.

    Processes take whole files, in this order.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow = [path for place in ("e2e", "torture") for path in files if place in path.parts]
    order = [path for path in files if path not in slow]
    between = max(1, len(order) // max(1, len(slow)))
    for k, path in enumerate(slow):
        order.insert(k * (between + 1), path)
    items[:] = [item for path in order for item in files[path]]


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Config]:
    """A Config from settings by name, over defaults fit for tests."""

    def make(**settings: str) -> Config:
        defaults = {
            "data_dir": str(tmp_path / "var"),
            "sender": "Acme <care@acme.example>",
            "alert_to": "mara@acme.example",
            "url": "http://127.0.0.1:8000",
        }
        merged = {f"FEEDBACK_{name.upper()}": value for name, value in {**defaults, **settings}.items()}
        return load_config(merged, env_file=None)

    return make


@pytest.fixture
def config(make_config: Callable[..., Config]) -> Config:
    return make_config()


@pytest.fixture(scope="session")
def blank_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as it is at first. To copy one takes a tenth of the time that it takes to make one."""
    path = tmp_path_factory.mktemp("blank") / "feedback.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(config: Config, blank_database: Path) -> Iterator[Store]:
    if not (config.data_dir / "feedback.db").exists():
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(blank_database, config.data_dir)
    opened = open_store(config.database_url)
    yield opened
    opened.close()


@pytest.fixture
def keys(config: Config) -> Keys:
    return load_keys(config.data_dir)


@pytest.fixture
def asking(store: Store, keys: Keys, config: Config) -> Asking:
    return Asking(store, keys, config)


@dataclass
class Loop:
    """The verbs with their parts, for tests that walk the loop."""

    store: Store
    keys: Keys
    config: Config
    asking: Asking

    def take(self, *records: CaseRecord, now: datetime = NOW) -> list[Taken]:
        return take_in(self.store, self.asking, records, now)

    def take_many(self, records: Sequence[CaseRecord], now: datetime) -> None:
        for first in range(0, len(records), BATCH):
            self.take(*records[first : first + BATCH], now=now)

    def forget(self) -> None:
        """Empty the database."""
        with self.store.write():
            for table in ("decisions", "outbox", "surveys", "resolutions", "cases", "customers"):
                self.store._database.connection.execute(f"DELETE FROM {table}")

    def ask(self, now: datetime = NOW + DAY) -> int:
        """Ask whoever is due; how many mails that put into the outbox."""
        before = sum(self.store.outbox.counts().values())
        while self.asking.step(now):
            pass
        return sum(self.store.outbox.counts().values()) - before

    def sending(self, mail: str | None = None) -> Sending:
        config = self.config if mail is None else self.config.model_copy(update={"mail": mail})
        return Sending(self.store, self.asking, self.keys, config, open_transport(config))

    def send(self, now: datetime = NOW + DAY, mail: str | None = None) -> None:
        sending = self.sending(mail)
        try:
            while sending.step(now):
                pass
        finally:
            sending.close()

    def opt_out(self, now: datetime, survey_id: str | None = None) -> None:
        """The customer whom the survey was mailed to presses the button."""
        opting_out.opt_out(self.store, self.keys, survey_id or self.survey_id(), now)

    def maildir(self) -> list[EmailMessage]:
        """The mails in the Maildir, in the order they came."""
        files = sorted((self.config.mail_folder / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [parse_mail(path.read_bytes()) for path in files]

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """What the database holds, for assertions only."""
        return [dict(row) for row in self.store._database.connection.execute(statement)]

    def counts(self) -> dict[str, int]:
        """How many cases, resolutions and surveys there are."""
        tables = ("cases", "resolutions", "surveys")
        return {table: self.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"] for table in tables}

    def resolution_id(self, ref: str = "A-1") -> str:
        found = self.rows(
            f"SELECT r.id FROM resolutions r JOIN cases c ON c.id = r.case_id WHERE c.ref = '{ref}' ORDER BY r.n DESC"
        )
        return str(found[0]["id"])

    def survey_id(self, ref: str = "A-1", round_: Round = Round.FIRST) -> str:
        found = self.rows(
            "SELECT s.id FROM surveys s JOIN resolutions r ON r.id = s.resolution_id JOIN cases c ON c.id = r.case_id"
            f" WHERE c.ref = '{ref}' AND s.round = {round_.value} ORDER BY r.n DESC"
        )
        return str(found[0]["id"])


@pytest.fixture
def make_loop(store: Store, keys: Keys, make_config: Callable[..., Config]) -> Callable[..., Loop]:
    """A Loop by settings of its own, over the same database."""

    def make(**settings: str) -> Loop:
        config = make_config(**settings)
        return Loop(store, keys, config, Asking(store, keys, config))

    return make


@pytest.fixture
def loop(store: Store, keys: Keys, config: Config, asking: Asking) -> Loop:
    return Loop(store, keys, config, asking)


def parse_mail(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


@dataclass
class MailServer:
    """A real SMTP server on loopback. `replies` gives the answers to the coming commands of a name."""

    url: str = ""
    senders: list[str] = field(default_factory=list)
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    replies: dict[str, list[str]] = field(default_factory=dict)

    def _reply(self, command: str, usual: str) -> str:
        waiting = self.replies.get(command)
        return waiting.pop(0) if waiting else usual

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self._reply("MAIL", "250 OK")
        if reply.startswith("2"):
            envelope.mail_from = address
        return reply

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self._reply("RCPT", "250 OK")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        reply = self._reply("DATA", "250 taken")
        if reply.startswith("2"):
            assert isinstance(envelope.content, bytes)
            assert isinstance(envelope.mail_from, str)
            self.senders.append(envelope.mail_from)
            self.received.append((envelope.rcpt_tos[0], parse_mail(envelope.content)))
        return reply

    def to(self, address: str) -> list[EmailMessage]:
        return [message for recipient, message in self.received if recipient == address]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    controller = Controller(server, hostname="127.0.0.1", port=free_port())
    server.url = f"smtp://127.0.0.1:{controller.port}"
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@pytest.fixture(scope="session")
def dovecot() -> Iterator[ImapServer]:
    """Debian's; in CI a missing one is an error, elsewhere the test is skipped."""
    if DOVECOT is None:
        message = "no Dovecot found: install the package dovecot-imapd to run the tests with an IMAP server"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with running_imap_server(free_port()) as server:
        yield server


@pytest.fixture
def imap_server(dovecot: ImapServer) -> ImapServer:
    """A real IMAP server with an empty mailbox."""
    return replace(dovecot, user=f"care.{secrets.token_hex(4)}@acme.example")


CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Debian's Chromium; in CI a missing one is an error, elsewhere the test is skipped."""
    if CHROMIUM is None:
        message = "no Chromium found: install the package chromium to run the browser tests"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return {
        "executable_path": CHROMIUM,
        "args": [
            *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        ],
    }


@dataclass
class Workplace:
    """A folder as an owner has it, and the real commands run in it."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.environment['FEEDBACK_LISTEN']}"

    @property
    def data(self) -> Path:
        return self.folder / "var"

    def feedback(self, *arguments: str, status: int = 0, typed: str | None = None) -> str:
        """Run `feedback …` to its end, with something on its standard input; what it said."""
        process = self.start(*arguments, stdin=None if typed is None else subprocess.PIPE)
        said, _ = process.communicate(typed, timeout=120)
        assert process.returncode == status, said
        assert "Traceback" not in said
        return said

    def start(self, *arguments: str, stdin: int | None = None) -> subprocess.Popen[str]:
        """Start `feedback …` and let it run."""
        process = subprocess.Popen(
            [FEEDBACK, *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that it can be ended with all that it has started
        )
        self.started.append(process)
        return process

    def serve(self, *arguments: str) -> None:
        """Start the web service, and wait until it answers."""
        process = self.start(*(arguments or ("serve",)))
        eventually(lambda: process.poll() is not None or self.get("/healthz")[0] in (200, 503))
        assert process.poll() is None, process.communicate()[0]

    def get(self, path: str) -> tuple[int, str]:
        return self.post(path, None)

    def post(self, path: str, form: Mapping[str, str] | None) -> tuple[int, str]:
        """Status and body; 0 if nobody listens. Redirects are followed."""
        data = None if form is None else urlencode(form).encode()
        url = path if path.startswith("http") else self.url + path
        try:
            with urlopen(Request(url, data), timeout=10) as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def stop(self) -> None:
        for process in self.started:
            process.terminate()
        for process in self.started:
            try:
                process.communicate(timeout=2)
            except subprocess.TimeoutExpired:  # a browser may hold a connection open; how it ends is tested elsewhere
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FEEDBACK_")}
    environment |= {
        "FEEDBACK_SENDER": "Acme <care@acme.example>",
        "FEEDBACK_ALERT_TO": "mara@acme.example",
        "FEEDBACK_LISTEN": f"127.0.0.1:{free_port()}",
        "FEEDBACK_WINDOW": "off",  # these tests go by the real clock, at whatever hour and on whatever day
        "PATH": f"{Path(FEEDBACK).parent}{os.pathsep}{os.environ['PATH']}",
    }
    place = Workplace(tmp_path, environment)
    yield place
    place.stop()


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = itertools.cycle(range(12_000 + 1_000 * (WORKER % 16), 13_000 + 1_000 * (WORKER % 16)))


def free_port() -> int:
    """One that neither another test worker nor the system, which takes its own from 32,768 on, takes meanwhile."""
    while True:
        port = next(_ports)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def eventually(check: Callable[[], object], within_s: float = 20) -> None:
    """Wait until `check` is true."""
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)

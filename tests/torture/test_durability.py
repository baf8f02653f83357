"""Every answer that was thanked for is on disk, whatever is killed when, and before the thanks are said."""

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPException
from itertools import chain
from pathlib import Path
from select import select
from urllib.parse import urlencode

import pytest

from feedback.domain.surveys import ANSWERS_AT_MOST, Choice, Stage
from feedback.jobs import make_jobs, run_once
from feedback.keys import Purpose, load_keys
from feedback.processes import THREADS, WORKERS
from feedback.web import create_app
from tests.conftest import ADA, DAY, FEEDBACK, NOW, TORTURE, Loop, Workplace, eventually

pytestmark = pytest.mark.torture

KILLS = 200 if TORTURE else 4  # of the whole service
WORKERS_KILLED = KILLS // 3  # of one worker, which happens in so many of the same rounds
SURVEYS = 800 if TORTURE else 64
CLIENTS = 8
SEED = 4
THANKS_BEFORE_A_KILL = (10, 60)
THANKS_AFTER_A_WORKER = 20
SOON_S = 0.05
TIMEOUT_S = 20
FULL = 2  # PRAGMA synchronous

Form = dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as its row has it."""

    choice: str
    reasons: str | None = None
    comment: str | None = None
    call: int = 0
    phone: str | None = None
    call_time: str | None = None
    quote_name: str | None = None


Answers = tuple[Said, ...]


def after_vote(answers: Answers, choice: str) -> Answers:
    """The same choice again changes nothing; what was said beside a choice earlier is said again."""
    if answers and answers[-1].choice == choice:
        return answers
    return (*answers, next((said for said in reversed(answers) if said.choice == choice), Said(choice)))


@dataclass(slots=True)
class Asked:
    """A survey, what its customer was thanked for, and what it would be if the request that was cut off counts too."""

    id: str
    path: str
    thanked: Answers = ()
    doubtful: Answers | None = None

    @property
    def has_room(self) -> bool:
        """For a visit. What is in doubt is left alone until the database has been seen."""
        return self.doubtful is None and len(self.thanked) <= ANSWERS_AT_MOST - len(Choice)


class NotSent(Exception):
    """Nobody listened."""


class CutOff(Exception):
    """The request may have arrived, and nothing came back."""


def ask(address: str, path: str, form: Form | None = None) -> tuple[int, str]:
    """One request over a connection of its own; redirects are not followed."""
    with closing(HTTPConnection(address, timeout=TIMEOUT_S)) as connection:
        try:
            connection.connect()
        except ConnectionError:
            raise NotSent from None
        try:
            if form is None:
                connection.request("GET", path)
            else:
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", path, urlencode(form, doseq=True), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (ConnectionError, HTTPException):
            raise CutOff from None


class _Hidden(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: Form = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"]] = given["value"]


def hidden_fields(page: str) -> Form:
    parser = _Hidden()
    parser.feed(page)
    return parser.fields


@dataclass
class Client:
    """Customers, one after another, who vote, say why, and change their minds."""

    address: str
    surveys: list[Asked]
    chance: random.Random
    stop: threading.Event
    thanks: int = 0
    cut_off: int = 0

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                self.visit(self.chance.choice([survey for survey in self.surveys if survey.has_room]))
            except CutOff:
                pass
            except NotSent:
                self.stop.wait(SOON_S)

    def visit(self, survey: Asked) -> None:
        for choice in self.chance.sample(list(Choice), self.chance.choice([1, len(Choice)])):
            self.send(survey, survey.path, {"choice": choice}, after_vote(survey.thanked, choice))
            if self.chance.random() < 0.7:
                self.add_details(survey)

    def add_details(self, survey: Asked) -> None:
        status, page = ask(self.address, survey.path)
        assert status == 200
        hidden = hidden_fields(page)
        assert hidden.get("choice") == survey.thanked[-1].choice
        said = self.details(survey.thanked[-1].choice)
        form: Form = {**hidden, "comment": said.comment or "", "reasons": (said.reasons or "").split(",")}
        if said.call:
            form |= {"call": "y", "phone": said.phone or "", "call_time": said.call_time or ""}
        if said.quote_name is not None:
            form |= {"quote": "y", "quote_name": said.quote_name}
        self.send(survey, f"{survey.path}/details", form, (*survey.thanked[:-1], said))

    def details(self, choice: str) -> Said:
        """Something that nobody else says."""
        mark = f"{self.chance.getrandbits(64):x}"
        said = Said(choice, self.chance.choice(list(Stage)), f"Größer, please.\n{mark}")
        if choice == Choice.NO:
            return replace(said, call=1, phone=f"+49 {mark}", call_time=f"after {mark}")
        return replace(said, quote_name=f"Ada {mark}")

    def send(self, survey: Asked, path: str, form: Form, then: Answers) -> None:
        """A form, and what the survey's answers are then. Raises NotSent, CutOff."""
        try:
            status, words = ask(self.address, path, form)
        except CutOff:
            survey.doubtful = then
            self.cut_off += 1
            raise
        assert status == 303, words
        survey.thanked = then
        self.thanks += 1


@dataclass
class Figures:
    thanks: int = 0
    cut_off: int = 0
    kept_though_cut_off: int = 0
    mid_flight: int = 0


@dataclass
class Service:
    """The running service, and the surveys that its customers were sent."""

    workplace: Workplace
    surveys: list[Asked] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)

    @property
    def address(self) -> str:
        return self.workplace.environment["FEEDBACK_LISTEN"]

    @property
    def parent(self) -> "subprocess.Popen[str]":
        return self.workplace.started[-1]

    def start(self) -> None:
        self.workplace.serve()
        self.wait_for_workers()

    def wait_for_workers(self) -> None:
        """All of them serve; one that still starts would miss a SIGTERM."""
        parent = self.parent
        eventually(lambda: parent.poll() is not None or sum(serves(pid) for pid in children(parent.pid)) == WORKERS)
        assert parent.poll() is None, parent.communicate()[0]

    @contextmanager
    def under_load(self, seed: str) -> Iterator[Callable[[], int]]:
        """Clients are busy; the function counts what they were thanked for so far. At the end they are done."""
        stop = threading.Event()
        clients = [
            Client(self.address, self.surveys[n::CLIENTS], random.Random(f"{seed} {n}"), stop) for n in range(CLIENTS)
        ]
        with ThreadPoolExecutor(CLIENTS) as pool:
            running = [pool.submit(client.run) for client in clients]

            def thanks() -> int:
                for client in running:
                    if client.done():
                        client.result()
                return sum(client.thanks for client in clients)

            try:
                yield thanks
            finally:
                stop.set()
            for client in running:
                client.result()
        self.figures.thanks += sum(client.thanks for client in clients)
        self.figures.cut_off += sum(client.cut_off for client in clients)
        self.figures.mid_flight += any(client.cut_off for client in clients)

    def kill_one_worker(self, chance: random.Random) -> None:
        """It is replaced, and its successor serves."""
        before = children(self.parent.pid)
        kill([chance.choice(sorted(before))])
        eventually(lambda: len(children(self.parent.pid) - before) == 1)
        self.wait_for_workers()
        (successor,) = children(self.parent.pid) - before
        eventually(lambda: connections(successor, self.workplace.data / "feedback.db") > 1)  # one it opens at its start

    def kill_all(self) -> None:
        process = self.parent
        workers = children(process.pid)
        assert len(workers) == WORKERS
        kill([process.pid, *workers])
        said, _ = process.communicate(timeout=TIMEOUT_S)
        self.workplace.started.remove(process)
        assert process.returncode == -signal.SIGKILL
        assert "Traceback" not in said, said

    def check(self) -> None:
        """Every answer that was thanked for is in the database, and nothing that nobody sent; what a "no" owes, too."""
        with closing(sqlite3.connect(self.workplace.data / "feedback.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            kept: dict[str, Answers] = {survey.id: () for survey in self.surveys}
            for survey_id, *said in database.execute(ANSWERS):
                kept[survey_id] += (Said(*said),)
            owed = sorted(survey_id for (survey_id,) in database.execute(OPEN_FOLLOW_UPS))
            told = sorted(survey_id for (survey_id,) in database.execute(ALERTS_ABOUT_OPEN))
        for survey in self.surveys:
            found = kept.pop(survey.id)
            assert found in (survey.thanked, survey.doubtful), survey
            self.figures.kept_though_cut_off += found != survey.thanked
            survey.thanked, survey.doubtful = found, None
        assert not kept
        unsolved = sorted(s.id for s in self.surveys if s.thanked and s.thanked[-1].choice == Choice.NO)
        assert owed == unsolved
        assert told == unsolved


ANSWERS = """
    SELECT survey_id, choice, reasons, comment, call, phone, call_time, quote_name FROM answers ORDER BY survey_id, seq
"""
OPEN_FOLLOW_UPS = "SELECT survey_id FROM follow_ups WHERE closed_at IS NULL"
ALERTS_ABOUT_OPEN = """
    SELECT f.survey_id FROM follow_ups f JOIN outbox o ON o.follow_up_id = f.id
    WHERE f.closed_at IS NULL AND o.kind = 'alert' AND o.state = 'queued'
"""


def children(pid: int) -> set[int]:
    found: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            found.update(int(child) for child in path.read_text().split())
    return found


def serves(pid: int) -> bool:
    """Whether a worker is past its start, which it makes on one thread."""
    with suppress(FileNotFoundError):  # it has ended
        return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    return False


def connections(pid: int, database: Path) -> int:
    """How many connections a process has to a database."""
    found = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found += os.readlink(descriptor) == str(database)
    return found


def kill(pids: list[int]) -> None:
    """All at once, and wait for their ends; the descriptors make sure that no number is another process's by now."""
    with ExitStack() as stack:
        processes = [os.pidfd_open(pid) for pid in pids]
        for process in processes:
            stack.callback(os.close, process)
        for process in processes:
            signal.pidfd_send_signal(process, signal.SIGKILL)
        for process in processes:
            assert select([process], [], [], TIMEOUT_S)[0], "it lives on"


@pytest.fixture
def service(workplace: Workplace) -> Service:
    """Not yet started; the surveys are asked."""
    workplace.environment["FEEDBACK_DAILY_CAP"] = "off"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = (f"shop,{n},resolved,{now},c{n}@example.org,Case {n}\n" for n in range(SURVEYS))
    (workplace.folder / "cases.csv").write_text("".join(chain(["source,ref,status,resolved_at,email,subject\n"], rows)))
    workplace.feedback("import", "cases", "cases.csv")
    workplace.feedback("tick", "--at", "due")
    keys = load_keys(workplace.data)
    with closing(sqlite3.connect(workplace.data / "feedback.db")) as database:
        found = database.execute("SELECT id FROM surveys WHERE state = 'asked' ORDER BY id").fetchall()
    assert len(found) == SURVEYS
    return Service(workplace, [Asked(key, f"/s/{keys.sign(Purpose.SURVEY, key)}") for (key,) in found])


def test_answers_that_were_thanked_for_outlive_a_kill_of_one_worker_or_of_all(service: Service) -> None:
    """One worker at most in a service's life: granian gives up when one dies again within 5.5 s of its replacement."""
    chance = random.Random(SEED)
    with_worker = set(chance.sample(range(KILLS), WORKERS_KILLED))
    service.start()
    for n in range(KILLS):
        if n in with_worker:
            with service.under_load(f"{SEED} worker {n}") as thanks:
                wait_for_any_moment(thanks, chance)
                service.kill_one_worker(chance)
                wait_for(thanks, THANKS_AFTER_A_WORKER)
            service.check()
        with service.under_load(f"{SEED} all {n}") as thanks:
            wait_for_any_moment(thanks, chance)
            service.kill_all()
        service.start()
        service.check()
    figures = service.figures
    print(
        f"{KILLS} kills of all and {WORKERS_KILLED} of a worker, {figures.mid_flight} of them with answers in flight: "
        f"{figures.thanks} thanked for and kept, {figures.cut_off} cut off, {figures.kept_though_cut_off} of these kept"
    )
    assert figures.mid_flight >= (KILLS + WORKERS_KILLED) // 2, "too few kills came while answers were in flight"


def wait_for(thanks: Callable[[], int], more: int) -> None:
    enough = thanks() + more
    eventually(lambda: thanks() >= enough)


def wait_for_any_moment(thanks: Callable[[], int], chance: random.Random) -> None:
    wait_for(thanks, chance.randrange(*THANKS_BEFORE_A_KILL))
    time.sleep(chance.uniform(0, SOON_S))


def durability(connection: sqlite3.Connection) -> tuple[int, str]:
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    return synchronous, journal


def in_threads(work: list[Callable[[], object]]) -> list[object]:
    """All at once, a thread each; what they returned."""
    start = threading.Barrier(len(work), timeout=TIMEOUT_S)

    def begin(piece: Callable[[], object]) -> object:
        start.wait()
        return piece()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(begin, work))


def test_every_connection_of_the_web_application_waits_for_the_disk(loop: Loop) -> None:
    refs = [f"r{n}" for n in range(THREADS)]
    loop.take(*(replace(ADA, ref=ref, customer_ref=ref, email=f"{ref}@example.org") for ref in refs))
    loop.ask()
    app = create_app(loop.config, loop.store, loop.keys, lambda: NOW + DAY)
    connections = loop.store._database._connections
    before = len(connections)

    def visit(survey_id: str) -> list[int]:
        path = f"/s/{loop.keys.sign(Purpose.SURVEY, survey_id)}"
        client = app.test_client()
        voted = client.post(path, data={"choice": Choice.NO})
        form = {**hidden_fields(client.get(path).text), "comment": "It still jams."}
        return [voted.status_code, client.post(f"{path}/details", data=form).status_code]

    assert in_threads([partial(visit, loop.survey_id(ref)) for ref in refs]) == [[303, 303]] * THREADS
    assert [durability(connection) for connection in connections] == [(FULL, "wal")] * (before + THREADS)


def test_every_connection_of_the_jobs_waits_for_the_disk(loop: Loop) -> None:
    loop.take(ADA)
    jobs = make_jobs(loop.config, loop.store, loop.keys)
    connections = loop.store._database._connections
    before = len(connections)
    assert in_threads([partial(run_once, job, loop.store, lambda: NOW + DAY) for job in jobs]) == [None] * len(jobs)
    assert [durability(connection) for connection in connections] == [(FULL, "wal")] * (before + len(jobs))


STRACE = shutil.which("strace")
READS = {"read", "readv", "recvfrom", "recvmsg"}
WRITES = {"write", "writev", "sendto", "sendmsg"}
FILE_WRITES = {"write", "writev", "pwrite64", "pwritev"}
SYNCS = {"fsync", "fdatasync"}


@pytest.fixture
def traced(service: Service, tmp_path: Path) -> Path:
    """The service runs, and what it asks of the kernel stands in this file."""
    if STRACE is None:
        pytest.skip("no strace found: install the package strace to see that answers are on disk before the thanks")
    trace = tmp_path / "trace"
    command = [STRACE, "-f", "-D", "-y", "-s", "40", "-o", str(trace), "-e", "signal=none"]
    command += ["-e", f"trace={','.join(sorted(READS | WRITES | FILE_WRITES | SYNCS))}"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=TIMEOUT_S)
    if tried.returncode:
        pytest.skip(f"strace may not be used here: {tried.stderr.strip()}")
    workplace = service.workplace
    process = subprocess.Popen(
        [*command, FEEDBACK, "serve"],
        cwd=workplace.folder,
        env=workplace.environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    workplace.started.append(process)
    eventually(lambda: process.poll() is not None or workplace.get("/healthz")[0] in (200, 503))
    assert process.poll() is None, process.communicate()[0]
    service.wait_for_workers()
    return trace


def test_an_answer_is_on_disk_before_the_thanks_are_said(service: Service, traced: Path) -> None:
    survey = service.surveys[0]
    client = Client(service.address, [survey], random.Random(SEED), threading.Event())
    client.send(survey, survey.path, {"choice": Choice.NO}, after_vote((), Choice.NO))
    client.add_details(survey)
    service.check()
    eventually(lambda: [events[-1] for events in posts(traced)] == ["thanks", "thanks"])
    for events in posts(traced):
        assert events[:2] == ["request", "written"]
        assert events[-3:] == ["written", "on disk", "thanks"]


CALL = re.compile(r"(?P<thread>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<name>\w+)\()(?P<rest>.*)")
SOCKET = re.compile(r"<socket:\[\d+\]>")


def posts(trace: Path) -> list[list[str]]:
    """What happened to each form that came, one after another: "request", "written", "on disk", …, "thanks".

    Reads and syncs count when they have ended, and well; writes of answers and of thanks when they begin.
    """
    found: list[list[str]] = []
    begun: dict[str, str] = {}
    connection = ""
    for line in trace.read_text(errors="replace").splitlines():
        if (call := CALL.match(line)) is None:
            continue
        has_begun, has_ended = call["resumed"] is None, not line.endswith("<unfinished ...>")
        name, rest = call["name"] or call["resumed"], begun.pop(call["thread"], "") + call["rest"]
        if not has_ended:
            begun[call["thread"]] = rest
        if name in READS and has_ended and '"POST /s/' in rest:
            connection = SOCKET.findall(rest)[0]
            found.append(["request"])
        elif not found or found[-1][-1] == "thanks":
            continue
        elif name in WRITES and has_begun and '"HTTP/1.1 303' in rest and connection in rest:
            found[-1].append("thanks")
        elif name in FILE_WRITES and has_begun and "/feedback.db-wal>" in rest:
            found[-1].append("written")
        elif name in SYNCS and has_ended and "/feedback.db-wal>" in rest and rest.endswith(" = 0"):
            found[-1].append("on disk")
    return found

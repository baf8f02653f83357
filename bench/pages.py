"""The customer's page against a bare Flask route under the same server. Bounded load from loopback."""

import http.client
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import quantiles

from bench import bare
from feedback.config import load_config
from feedback.domain.cases import CaseRecord, CaseStatus
from feedback.keys import Purpose, load_keys
from feedback.loop.asking import Asking
from feedback.loop.importing import BATCH
from feedback.loop.intake import take_in
from feedback.processes import THREADS, WORKERS
from feedback.store import open_store

SURVEYS = 10_000
TIMES_MORE = 100
CLIENTS = 16
GETS, POSTS = 6_000, 2_000  # a run
MANY = 100_000  # requests, after which memory is looked at
WORKER_LARGEST_MB = 120

Request = Callable[[int], tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Served:
    """How a load was served: requests a second, and the time within which 99 of 100 were answered."""

    rate: float
    p99: float


def measure(runs: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
        few, many, theirs = (Path(folder) / name for name in ("few", "many", "bare"))
        paths = _prepare(few)
        more_paths = _multiply(few, many)
        bare.prepare(theirs, SURVEYS)
        ours, big = (servers.enter_context(_server("feedback.web:app_from_environment", home)) for home in (few, many))
        flask = servers.enter_context(_server("bench.bare:app", theirs))
        size = len(_fetch(ours.port, f"{paths[0]}/yes"))
        fresh, more_fresh = iter(paths), iter(more_paths)
        pairs = [
            (
                _load(ours.port, lambda n: ("GET", f"{paths[n * 7 % SURVEYS]}/yes", ""), GETS),
                _load(flask.port, lambda n: ("GET", f"/page/{n * 7 % SURVEYS}/{size}", ""), GETS),
                _load(big.port, lambda n: ("GET", f"{more_paths[n * 7 % SURVEYS]}/yes", ""), GETS),
                _load(ours.port, lambda _: ("POST", next(fresh), "choice=yes"), POSTS // runs),
                _load(flask.port, lambda n: ("POST", f"/answer/{n * 7 % SURVEYS}", "choice=yes"), POSTS // runs),
                _load(big.port, lambda _: ("POST", next(more_fresh), "choice=yes"), POSTS // runs),
            )
            for _ in range(runs)
        ]
        _load(ours.port, lambda n: ("GET", f"{paths[n * 7 % SURVEYS]}/yes", ""), MANY)
        growth = f"at {SURVEYS * TIMES_MORE:,} surveys, to {SURVEYS:,}"
        return {
            "GET of the page, to one SELECT and one template": [a.rate / b.rate for a, b, *_ in pairs],
            "p99 of GET, to theirs": [a.p99 / b.p99 for a, b, *_ in pairs],
            "POST of an answer, to one durable INSERT": [a.rate / b.rate for *_, a, b, _ in pairs],
            "p99 of POST, to theirs": [a.p99 / b.p99 for *_, a, b, _ in pairs],
            f"time of GET {growth}": [a.rate / c.rate for a, _, c, *_ in pairs],
            f"time of POST {growth}": [a.rate / c.rate for *_, a, _, c in pairs],
            f"memory of the larger worker after {MANY:,} requests, to {WORKER_LARGEST_MB} MB": [
                max(ours.memory_mb()) / WORKER_LARGEST_MB
            ],
        }


def _prepare(home: Path) -> list[str]:
    """A database with surveys that are asked; the path of each."""
    config = load_config({"FEEDBACK_DATA_DIR": str(home)}, env_file=None)
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    asking = Asking(store, keys, config)
    now = datetime.now(UTC)
    records = [
        CaseRecord("shop", str(n), CaseStatus.RESOLVED, email=f"c{n}@example.org", subject=f"Request {n}", agent="Mara",
                   resolved_at=now - timedelta(hours=30))
        for n in range(SURVEYS)
    ]  # fmt: skip
    for k in range(0, len(records), BATCH):
        take_in(store, asking, records[k : k + BATCH], now)
    while asking.step(now):
        pass
    store.close()
    return _paths(home)


def _paths(home: Path) -> list[str]:
    """Of as many surveys as there are in the small database, from all over this one."""
    keys = load_keys(home)
    with closing(sqlite3.connect(home / "feedback.db")) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM surveys ORDER BY id")]
    return [f"/s/{keys.sign(Purpose.SURVEY, survey_id)}" for survey_id in ids[:: len(ids) // SURVEYS]]


_KEYS = {  # what tells rows apart, and so must differ in each copy
    "customers": ("id", "ref", "email"),
    "cases": ("id", "ref", "customer_id"),
    "resolutions": ("id", "case_id"),
    "surveys": ("id", "resolution_id", "customer_id"),
    "decisions": ("resolution_id",),
    "outbox": ("id", "survey_id"),
}


def _multiply(home: Path, into: Path) -> list[str]:
    """The same database with so many times the rows; the path of as many surveys as before."""
    into.mkdir()
    (into / "secret.key").write_bytes((home / "secret.key").read_bytes())
    source, copy = (sqlite3.connect(folder / "feedback.db") for folder in (home, into))
    with closing(source), closing(copy):
        source.backup(copy)
        copy.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000")
        for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            copy.execute(f"DROP TRIGGER {name}")  # of the search at the desk
        for table, keys in _KEYS.items():
            names = [row[1] for row in copy.execute(f"PRAGMA table_info({table})")]
            values = (f"{name} || '.' || n.value" if name in keys else name for name in names)
            copy.execute(
                f"WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?)"
                f" INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM n, {table}",
                (TIMES_MORE - 1,),
            )
        copy.commit()
    return _paths(into)


@dataclass(frozen=True, slots=True)
class _Server:
    port: int
    process: "subprocess.Popen[bytes]"

    def memory_mb(self) -> list[float]:
        """What each worker has in memory that is its own, or its share of what several have (PSS)."""
        own = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        memory = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in own.read_text().split())
        found = (re.search(r"^Pss:\s+(\d+) kB", told, re.MULTILINE) for told in memory)
        return [int(pss[1]) * 1024 / 1e6 for pss in found if pss is not None]


@contextmanager
def _server(target: str, home: Path) -> Iterator[_Server]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--workers",
        str(WORKERS),
        "--blocking-threads",
        str(THREADS),
    ]
    command += ["--factory"] if target.startswith("feedback") else []
    environment = {**os.environ, "FEEDBACK_DATA_DIR": str(home), "FEEDBACK_URL": f"http://127.0.0.1:{port}"}
    process = subprocess.Popen(
        [*command, "--no-ws", "--log-level", "error", "--host", "127.0.0.1", "--port", str(port), target],
        env=environment,
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                _fetch(port, "/healthz")
                break
            except OSError:
                assert time.monotonic() < deadline, f"{target} did not start"
                time.sleep(0.1)
        yield _Server(port, process)
    finally:
        process.terminate()
        process.wait(20)


def _fetch(port: int, path: str) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def _load(port: int, request: Request, total: int) -> Served:
    """From a few clients with kept connections; every answer must be a good one."""
    numbers, lock, failures = count(), threading.Lock(), []
    times: list[float] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        while True:
            with lock:
                n = next(numbers)
                if n >= total:
                    break
                method, path, body = request(n)
            asked = time.perf_counter()
            connection.request(method, path, body or None, headers if body else {})
            answer = connection.getresponse()
            answer.read()
            times.append(time.perf_counter() - asked)
            if answer.status not in (200, 303):
                failures.append((answer.status, path))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    assert not failures, failures[:3]
    return Served(total / took, quantiles(times, n=100)[98])

"""The survey page against a bare Flask route under the same server. Bounded load from loopback."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

from bench import bare
from feedback.config import load_config
from feedback.domain.cases import CaseRecord, CaseStatus
from feedback.keys import Purpose, load_keys
from feedback.loop.asking import Asking
from feedback.loop.intake import BATCH, take_in
from feedback.store import open_store

SURVEYS = 4_000
CLIENTS = 8
GETS, POSTS = 4_000, 2_000


def measure(runs: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        paths = _prepare(home)
        bare.prepare(home, SURVEYS)
        ours = _server("feedback.web:app_from_environment", home)
        theirs = _server("bench.bare:app", home)
        gets, posts = [], []
        fresh = iter(paths)
        with ours as our_port, theirs as bare_port:
            size = len(_fetch(our_port, paths[0] + "/yes"))
            for _ in range(runs):
                our_rate = _rate(our_port, lambda n: ("GET", f"{paths[n % SURVEYS]}/yes", ""), GETS)
                bare_rate = _rate(bare_port, lambda n: ("GET", f"/page/{n % SURVEYS}/{size}", ""), GETS)
                gets.append(our_rate / bare_rate)
                batch = [next(fresh) for _ in range(POSTS // runs)]
                our_rate = _rate(our_port, partial(_vote, batch), len(batch))
                bare_rate = _rate(bare_port, lambda n: ("POST", f"/answer/{n % SURVEYS}", "choice=yes"), len(batch))
                posts.append(our_rate / bare_rate)
    return {"GET of the page, to one SELECT and one template": gets, "POST of an answer, to one durable INSERT": posts}


def _vote(paths: list[str], n: int) -> tuple[str, str, str]:
    return "POST", paths[n], "choice=yes"


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
    ids = [row["id"] for row in store._database.connection.execute("SELECT id FROM surveys")]
    store.close()
    return [f"/s/{keys.sign(Purpose.SURVEY, survey_id)}" for survey_id in ids]


@contextmanager
def _server(target: str, home: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "4"]
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
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _fetch(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def _rate(port: int, request: Callable[[int], tuple[str, str, str]], total: int) -> float:
    """Requests a second, from a few clients with kept connections; every answer must be a good one."""
    numbers, lock, failures = count(), threading.Lock(), []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        while True:
            with lock:
                n = next(numbers)
            if n >= total:
                break
            method, path, body = request(n)
            connection.request(method, path, body or None, headers if body else {})
            answer = connection.getresponse()
            answer.read()
            if answer.status not in (200, 303):
                failures.append((answer.status, path))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    return total / (time.perf_counter() - begun)

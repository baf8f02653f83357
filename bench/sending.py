"""From waiting surveys to mails that are sent and noted, everything included. Bounded load, to loopback only."""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from smtplib import SMTP

from bench.sink import sink
from feedback.config import Config, load_config
from feedback.domain.cases import CaseRecord, CaseStatus
from feedback.keys import load_keys
from feedback.loop.asking import Asking
from feedback.loop.importing import BATCH
from feedback.loop.intake import take_in
from feedback.loop.sending import Sending
from feedback.mail.transport import open_transport
from feedback.store import open_store, outbox
from feedback.store.outbox import Kind
from feedback.store.sqlite import stamp

MAILS = 2_000
SLOW_MAILS, LATENCY_S = 120, 0.02
FEW, MANY = 1_000, 1_000_000  # waiting rows
ROOT = Path(__file__).parents[1]
POST_OFFICE = ROOT / ".venv-rivals" / "bin" / "python"
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


def measure(runs: int) -> dict[str, list[float]]:
    ratios: dict[str, list[float]] = {
        f"mails/s of ours with two connections, to one, where each reply takes {LATENCY_S * 1e3:.0f} ms": [],
        f"time to find the next 100 due among {MANY:,} rows, to that among {FEW:,}": [],
        f"memory of a process that sends {MAILS * 5:,} mails, to one that sends {MAILS:,}": [],
        "mails/s of ours, to smtplib with ready bytes": [],
    }
    if POST_OFFICE.exists():
        ratios["mails/s of ours, to django-post_office"] = []
    slow, find, memory, raw, *rest = ratios.values()
    for _ in range(runs):
        with sink() as port:
            ours = _ours(port, MAILS, 1)["rate"]
            if rest:
                rest[0].append(ours / _post_office(port, MAILS))
            raw.append(ours / _raw(port, MAILS))
            many, few = _ours(port, MAILS * 5, 2)["memory"], _ours(port, MAILS, 2)["memory"]
            print(f"  a process that sends {MAILS * 5:,} mails takes {many:.0f} MB at most", flush=True)
            memory.append(many / few)
        with sink(LATENCY_S) as port:
            slow.append(_ours(port, SLOW_MAILS, 2)["rate"] / _ours(port, SLOW_MAILS, 1)["rate"])
        find.append(_find(MANY) / _find(FEW))
    return ratios


def _ours(port: int, mails: int, connections: int) -> dict[str, float]:
    """Mails a second, and the peak of memory in MB, of a process of its own."""
    return _run([sys.executable, "-m", "bench.sending"], port, mails, connections)


def _post_office(port: int, mails: int) -> float:
    return _run([str(POST_OFFICE), "bench/rival.py"], port, mails)["rate"]


def _run(command: list[str], *numbers: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        arguments = [*command, folder, *map(str, numbers)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FEEDBACK_")}
        done = subprocess.run(arguments, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _raw(port: int, mails: int) -> float:
    """What the server and smtplib allow: mails a second of one message, composed before."""
    content = b"Subject: ready\r\n\r\n" + 75 * (b"x" * 72 + b"\r\n")
    with SMTP("127.0.0.1", port) as smtp:
        begun = time.perf_counter()
        for n in range(mails):
            smtp.sendmail("care@acme.example", f"c{n}@example.org", content)
        return mails / (time.perf_counter() - begun)


def _config(folder: str, port: int) -> Config:
    settings = {
        "FEEDBACK_DATA_DIR": folder,
        "FEEDBACK_MAIL": f"smtp://127.0.0.1:{port}",
        "FEEDBACK_SENDER": "Acme <care@acme.example>",
        "FEEDBACK_REPLY_TO": "care@acme.example",
        "FEEDBACK_DAILY_CAP": "off",
    }
    return load_config(settings, env_file=None)


def _find(rows: int) -> float:
    """Seconds to find the next 100 of so many waiting mails, as a claim does; the best of several."""
    (found,) = re.findall(r"id IN \((.*)\)\s+RETURNING", outbox._sql.claim_due.sql, re.DOTALL)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(_config(folder, 9).database_url)
        connection = store._database.connection
        connection.execute("PRAGMA foreign_keys = OFF")  # only the outbox is of interest
        connection.execute("PRAGMA synchronous = OFF")
        with store.write():
            connection.executemany(
                "INSERT INTO outbox (id, kind, survey_id, state, due_at) VALUES (?, 'survey', ?, 'queued', ?)",
                ((f"m{n}", f"s{n}", f"2026-03-02T{n % 24:02}:{n % 60:02}:{n % 59:02}Z") for n in range(rows)),
            )
        best = 1e9
        for _ in range(9):
            begun = time.perf_counter()
            ids = connection.execute(found, {"kind": "survey", "now": stamp(NOW), "limit": 100}).fetchall()
            best = min(best, time.perf_counter() - begun)
            assert len(ids) == 100
            with store.write():  # what is found is claimed, so that the next look finds others
                assert len(store.outbox.claim(Kind.SURVEY, "bench", NOW, timedelta(minutes=10), 100)) == 100
        store.close()
        print(f"  the next 100 of {rows:,} are found in {best * 1e3:.2f} ms", flush=True)
        return best


def _main(folder: str, port: int, mails: int, connections: int) -> None:
    config = _config(folder, port)
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    asking = Asking(store, keys, config)
    for first in range(0, mails, BATCH):
        records = [
            CaseRecord("shop", str(n), CaseStatus.RESOLVED, email=f"c{n}@example.org", name=f"Person {n}",
                       subject=f"Request {n}", agent="Mara", resolved_at=NOW - timedelta(hours=30))
            for n in range(first, min(first + BATCH, mails))
        ]  # fmt: skip
        take_in(store, asking, records, NOW)

    def send() -> None:
        sending = Sending(store, asking, keys, config, open_transport(config))
        while sending.step(NOW):
            pass
        sending.close()

    begun = time.perf_counter()
    while asking.step(NOW):
        pass
    threads = [threading.Thread(target=send) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    assert store.outbox.counts() == {"sent": mails}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rate": mails / took, "memory": memory}))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

"""All figures from many answers: the time, against that of bare GROUP BYs of the same cells, and the memory."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from feedback.config import load_config
from feedback.store import open_store

ANSWERS = 1_000_000
YEARS, TEAMS, TOPICS, CHANNELS = 5, 10, 30, 3
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
BATCH = 50_000

_JOIN = """FROM resolutions r JOIN cases c ON c.id = r.case_id
JOIN surveys s ON s.resolution_id = r.id AND s.round = 0
JOIN answers a ON a.survey_id = s.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id)"""
_COUNTS = "SUM(a.choice = 'yes'), COUNT(*), COUNT(DISTINCT c.customer_id)"
_QUARTER = "strftime('%Y', r.resolved_at), (strftime('%m', r.resolved_at) + 2) / 3"
GROUP_BYS = (
    f"SELECT {_COUNTS} {_JOIN} WHERE r.resolved_at >= :recent",
    f"SELECT {_COUNTS} {_JOIN} GROUP BY strftime('%Y-%W', r.resolved_at)",
    f"SELECT {_COUNTS} {_JOIN} GROUP BY {_QUARTER}",
    f"SELECT {_COUNTS} {_JOIN} GROUP BY r.team, {_QUARTER}",
    f"SELECT {_COUNTS} {_JOIN} GROUP BY r.topic, {_QUARTER}",
    f"SELECT {_COUNTS} {_JOIN} WHERE r.resolved_at >= :recent GROUP BY r.channel",
)

# Each runs by itself, so that one does not find what the other has read, and says its seconds and its most memory.
_MEASURED = """
import json, re, sys, time
from bench import figures
begun = time.perf_counter()
getattr(figures, sys.argv[1])(sys.argv[2])
took = time.perf_counter() - begun
status = open("/proc/self/status").read()  # what getrusage says begins with what the parent had
print(json.dumps([took, int(re.search(r"VmHWM:\\s+([0-9]+)", status)[1]) / 1024]))
"""


def measure(runs: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder))
        ours, bare = [], []
        for _ in range(runs):
            ours.append(_run("count", folder))
            bare.append(_run("group", folder))
    return {
        f"time of all figures of {ANSWERS:,} answers, to bare GROUP BYs": [
            one[0] / other[0] for one, other in zip(ours, bare, strict=True)
        ],
        "their memory, to 200 MiB": [one[1] / 200 for one in ours],
    }


def count(folder: str) -> None:
    from feedback.publish.figures import current  # here, for the GROUP BYs are not to pay for it

    config = load_config({"FEEDBACK_DATA_DIR": folder}, env_file=None)
    store = open_store(config.database_url)
    current(store, config, NOW)
    store.close()


def group(folder: str) -> None:
    recent = (NOW - timedelta(days=90)).isoformat()[:19] + "Z"
    with closing(sqlite3.connect(Path(folder) / "feedback.db")) as database:
        for statement in GROUP_BYS:
            database.execute(statement, {"recent": recent} if ":recent" in statement else {}).fetchall()


def _run(what: str, folder: str) -> tuple[float, float]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", _MEASURED, what, folder]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    seconds, mebibytes = json.loads(said)
    return seconds, mebibytes


def fill(home: Path, every: int = 1) -> None:
    """A business of so many answers, straight into the tables; what search would make of it is not measured here.

    `every` leaves the others out: every so many answers of them.
    """
    open_store(load_config({"FEEDBACK_DATA_DIR": str(home)}, env_file=None).database_url).close()
    with closing(sqlite3.connect(home / "feedback.db")) as database:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
            database.execute(f"PRAGMA {pragma}")
        for trigger in ("case_added", "comment_added", "follow_up_added"):
            database.execute(f"DROP TRIGGER {trigger}")
        customers = ANSWERS // 3 + 1
        database.executemany(
            "INSERT INTO customers (id, source, ref, email, name) VALUES (?, 'shop', ?, ?, ?)",
            ((_id("u", n), str(n), f"c{n}@example.org", f"Person {n}" if n % 5 else None) for n in range(customers)),
        )
        for first in range(0, ANSWERS, BATCH):
            _fill_batch(database, range(first, min(ANSWERS, first + BATCH), every), customers)
        database.commit()
        database.execute("PRAGMA journal_mode = WAL")


def _fill_batch(database: sqlite3.Connection, numbers: range, customers: int) -> None:
    def each(table: str, columns: str, rows: Iterator[tuple[object, ...]]) -> None:
        marks = ", ".join("?" * (columns.count(",") + 1))
        database.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)

    each("cases", "id, source, ref, customer_id, status",
         ((_id("c", n), "shop", str(n), _id("u", n * 7919 % customers), "resolved") for n in numbers))  # fmt: skip
    each("resolutions", "id, case_id, n, resolved_at, channel, topic, team, opened_at, first_reply_at, interactions",
         ((_id("r", n), _id("c", n), 1, _at(n), f"channel {n % CHANNELS}", f"topic {n * 31 % TOPICS}",
           f"team {n * 17 % TEAMS}", _at(n, -8), _at(n, -n % 9), 1 + n % 4) for n in numbers))  # fmt: skip
    each("surveys", "id, resolution_id, round, state, due_at, asked_at",
         ((_id("s", n), _id("r", n), 0, "asked", _at(n, 24), _at(n, 24)) for n in numbers))  # fmt: skip
    each("outbox", "id, kind, survey_id, recipient, state, due_at, handed_over_at",
         ((_id("o", n), "survey", _id("s", n), f"c{n * 7919 % customers}@example.org", "sent", _at(n, 24), _at(n, 24))
          for n in numbers))  # fmt: skip
    each("answers", "id, survey_id, seq, at, choice, reasons",
         ((_id("a", n), _id("s", n), 1, _at(n, 30), "no" if n * 13 % 11 < 3 else "yes", "resolve" if n % 3 else None)
          for n in numbers))  # fmt: skip
    each("follow_ups", "id, survey_id, opened_at, due_at",
         ((_id("f", n), _id("s", n), _at(n, 30), _at(n, 54)) for n in numbers if n * 13 % 11 < 3))  # fmt: skip


def _id(kind: str, n: int) -> str:
    """Random to look at, as real ones are, and the same for the same number."""
    return f"{n * 2_654_435_761 % 4_294_967_296:08x}{kind}{n:013d}"


def _at(n: int, hours: int = 0) -> str:
    """Cases come in the order of time, as they do."""
    ago = timedelta(days=365 * YEARS) * (1 - n / ANSWERS)
    return (NOW - ago + timedelta(hours=hours)).isoformat()[:19] + "Z"

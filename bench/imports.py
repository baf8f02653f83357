"""`import cases`, everything included, against `executemany` of the very rows it ends with into the same schema."""

import csv
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from feedback.config import load_config
from feedback.keys import load_keys
from feedback.loop.asking import Asking
from feedback.loop.importing import CACHE_MIB
from feedback.loop.intake import import_cases
from feedback.store import Store, open_store

CASES = 20_000
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
TABLES = ("customers", "cases", "resolutions", "surveys", "decisions")  # parents first


def measure(runs: int) -> dict[str, list[float]]:
    return {
        f"rows/s of import, to executemany of the {CASES:,} cases' rows": ratios(runs, _write, _import, _executemany)
    }


def ratios(
    runs: int,
    write: Callable[[Path], None],
    import_file: Callable[[Path, Path], tuple[float, Store]],
    executemany: Callable[[Store, Path], float],
) -> list[float]:
    """Of the plain way's seconds to ours: each run imports a file, and then puts in the rows that have come of it."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        write(file)
        for run in range(runs):
            home = Path(folder) / str(run)
            took, store = import_file(file, home)
            found.append(executemany(store, home / "plain") / took)
            store.close()
    return found


def _write(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "source",
                "ref",
                "status",
                "opened_at",
                "resolved_at",
                "email",
                "name",
                "subject",
                "topic",
                "team",
                "agent",
            ]
        )
        for n in range(CASES):
            resolved = (NOW - timedelta(minutes=n % 9000)).isoformat()
            opened = (NOW - timedelta(minutes=n % 9000, hours=7)).isoformat()
            person = n * 7919 % (CASES * 2 // 3)
            what = [f"Request {n}", f"topic {n % 20}", f"team {n % 7}", f"agent {n % 40}"]
            who = [f"c{person}@example.org", f"Person {person}"]
            writer.writerow(["shop", n, "resolved", opened, resolved, *who, *what])


def _import(file: Path, home: Path) -> tuple[float, Store]:
    config = load_config({"FEEDBACK_DATA_DIR": str(home)}, env_file=None)
    store, keys = open_store(config.database_url, cache_mib=CACHE_MIB), load_keys(config.data_dir)
    begun = time.perf_counter()
    report = import_cases(store, Asking(store, keys, config), config, file, None, NOW, refused_folder=home / "refused")
    took = time.perf_counter() - begun
    assert sum(report.changes.values()) == CASES
    return took, store


def _executemany(source: Store, home: Path) -> float:
    """Seconds to write the same rows, 500 a transaction, with nothing but sqlite3."""
    read = source._database.connection
    names = {  # table_info leaves out what is computed
        table: ", ".join(column["name"] for column in read.execute(f"PRAGMA table_info({table})")) for table in TABLES
    }
    rows = {table: [tuple(row) for row in read.execute(f"SELECT {names[table]} FROM {table}")] for table in TABLES}
    target = open_store(f"sqlite:///{home / 'feedback.db'}")
    write = target._database.connection
    begun = time.perf_counter()
    for table, content in rows.items():
        places = ", ".join("?" * len(content[0]))
        for k in range(0, len(content), 500):
            write.execute("BEGIN IMMEDIATE")
            write.executemany(f"INSERT INTO {table} ({names[table]}) VALUES ({places})", content[k : k + 500])
            write.execute("COMMIT")
    took = time.perf_counter() - begun
    target.close()
    return took

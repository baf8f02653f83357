"""`import purchases`, everything included, against `executemany` of the very rows it ends with into the same table."""

import csv
import time
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

from bench.imports import ratios
from feedback.config import load_config
from feedback.keys import load_keys, new_id
from feedback.loop.buying import import_purchases
from feedback.loop.importing import BATCH, CACHE_MIB
from feedback.store import Store, open_store
from feedback.store.cases import Change

PURCHASES, CUSTOMERS = 69_659, 23_570  # as many as CDNOW has, the purchases of a customer in a row as they are there
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
ITEMS_A_CUSTOMER = (1, 2, 1, 6, 1, 1, 3, 9, 1, 2)


def measure(runs: int) -> dict[str, list[float]]:
    found = ratios(runs, _write, _import, _executemany)
    return {f"rows/s of import, to executemany of the {PURCHASES:,} purchases": found}


def _write(path: Path) -> None:
    told = (n for n, items in enumerate(cycle(ITEMS_A_CUSTOMER)) for _ in range(items))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "customer_ref", "ref", "at", "amount"])
        for line, person in enumerate(islice(told, PURCHASES), 1):
            day = NOW.date() - timedelta(days=line * 7919 % 540)
            writer.writerow(
                ["shop", f"{person % CUSTOMERS:05}", line, day.isoformat(), f"{line * 37 % 12_000 / 100:.2f}"]
            )


def _home(home: Path) -> Store:
    """A database that knows the customers, whose ids are as random as ours are."""
    store = open_store(f"sqlite:///{home / 'feedback.db'}", cache_mib=CACHE_MIB)
    rows = [(new_id(), "shop", f"{n:05}", f"c{n}@example.org") for n in range(CUSTOMERS)]
    with store.write():
        store._database.connection.executemany(
            "INSERT INTO customers (id, source, ref, email) VALUES (?, ?, ?, ?)", rows
        )
    return store


def _import(file: Path, home: Path) -> tuple[float, Store]:
    config = load_config({"FEEDBACK_DATA_DIR": str(home)}, env_file=None)
    store, keys = _home(home), load_keys(config.data_dir)
    begun = time.perf_counter()
    report = import_purchases(store, keys, config, file, None, NOW, refused_folder=home / "refused")
    took = time.perf_counter() - begun
    assert report.changes == {Change.CREATED: PURCHASES}
    return took, store


def _executemany(source: Store, home: Path) -> float:
    """Seconds to write the same rows, as many a transaction, with nothing but sqlite3."""
    read = source._database.connection
    rows = [tuple(row) for row in read.execute("SELECT id, customer_id, ref, at, amount FROM purchases")]
    target = open_store(f"sqlite:///{home / 'feedback.db'}", cache_mib=CACHE_MIB)
    write = target._database.connection
    write.executemany(
        "INSERT INTO customers (id, source, ref, email) VALUES (?, ?, ?, ?)",
        [tuple(row) for row in read.execute("SELECT id, source, ref, email FROM customers")],
    )
    begun = time.perf_counter()
    for first in range(0, len(rows), BATCH):
        write.execute("BEGIN IMMEDIATE")
        write.executemany(
            "INSERT INTO purchases (id, customer_id, ref, at, amount) VALUES (?, ?, ?, ?, ?)",
            rows[first : first + BATCH],
        )
        write.execute("COMMIT")
    took = time.perf_counter() - begun
    target.close()
    return took

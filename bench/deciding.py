"""Deciding in one import: what each of the last cases costs, against the first ones, with all that is known by then."""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from feedback.config import load_config
from feedback.domain.cases import CaseRecord, CaseStatus
from feedback.keys import load_keys
from feedback.loop.asking import Asking
from feedback.loop.importing import BATCH, CACHE_MIB
from feedback.loop.intake import take_in
from feedback.store import open_store

CASES = 100_000
SLICE = 10_000
HEAVY = 50  # each of these customers has a hundredth of the cases: a switchboard, a monitoring account
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


def measure(runs: int) -> dict[str, list[float]]:
    ratios = [_run() for _ in range(runs)]
    return {f"cost of the last {SLICE:,} of {CASES:,} cases decided in one import, to that of the first": ratios}


def _run() -> float:
    with tempfile.TemporaryDirectory() as folder:
        config = load_config({"FEEDBACK_DATA_DIR": str(Path(folder))}, env_file=None)
        store = open_store(config.database_url, cache_mib=CACHE_MIB)
        asking = Asking(store, load_keys(config.data_dir), config)
        took = []
        for first in range(0, CASES, SLICE):
            cases = [_case(n) for n in range(first, first + SLICE)]
            begun = time.perf_counter()
            for batch in range(0, SLICE, BATCH):
                take_in(store, asking, cases[batch : batch + BATCH], NOW)
            took.append(time.perf_counter() - begun)
        store.close()
    return took[-1] / took[0]


def _case(n: int) -> CaseRecord:
    """Every second case is of a customer with many others."""
    person = n % (2 * HEAVY) // 2 if n % 2 else n * 7919 % (CASES * 2 // 3) + HEAVY
    return CaseRecord(
        "shop", str(n), CaseStatus.RESOLVED, email=f"c{person}@example.org", name=f"Person {person}", zone="Asia/Tokyo",
        country="JP", topic=f"topic {n % 20}", team=f"team {n % 7}", resolved_at=NOW - timedelta(minutes=n % 9000),
    )  # fmt: skip

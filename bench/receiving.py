"""Reading what comes back: a mailbox of messages that are not ours, against just parsing them; and its memory."""

import email
import email.policy
import tempfile
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

from feedback.config import load_config
from feedback.keys import load_keys
from feedback.loop.asking import Asking
from feedback.loop.receiving import Receiving
from feedback.mail.mailboxes import open_mailbox
from feedback.store import open_store

MESSAGES = 2_000
TEXT = b"From: Ada <ada@example.org>\nTo: care@acme.example\nSubject: Hello\n\n" + b"a line of a message\n" * 1_000
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


def measure(runs: int) -> dict[str, list[float]]:
    pairs = [_run() for _ in range(runs)]
    return {
        f"time to take in {MESSAGES:,} messages of 20 kB, each noted on disk, to that of the stdlib parsing them": [
            time_ratio for time_ratio, _ in pairs
        ],
        "memory at the most, to the size of the mailbox": [memory for _, memory in pairs],
    }


def _run() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = _parsing()
        took, most = _taking_in(folder)
    return took / bare, most / (MESSAGES * len(TEXT))


def _parsing() -> float:
    begun = time.perf_counter()
    for _ in range(MESSAGES):
        email.message_from_bytes(TEXT, policy=email.policy.default)
    return time.perf_counter() - begun


def _taking_in(folder: Path) -> tuple[float, int]:
    """Seconds; and bytes at the most, in a second run, for watching memory takes time."""
    for part in ("new", "cur", "tmp"):
        (folder / "Maildir" / part).mkdir(parents=True)
    for number in range(MESSAGES):
        (folder / "Maildir" / "new" / f"{number:06}.bench").write_bytes(TEXT)
    took = _run_once(folder, "first")
    tracemalloc.start()
    _run_once(folder, "second")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return took, most


def _run_once(folder: Path, name: str) -> float:
    settings = {"DATA_DIR": str(folder / name), "INBOX": f"maildir:{folder / 'Maildir'}", "SENDER": "care@acme.example"}
    config = load_config({f"FEEDBACK_{key}": value for key, value in settings.items()}, env_file=None)
    store, keys = open_store(config.database_url), load_keys(config.data_dir)
    reader = Receiving(store, Asking(store, keys, config), keys, config, open_mailbox(config))
    begun = time.perf_counter()
    while reader.step(NOW):
        pass
    took = time.perf_counter() - begun
    store.close()
    return took

"""`publish`, figures and swap included, against a bare `mkdocs build` of the same pages as they are written."""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from feedback.config import load_config
from feedback.publish import build
from feedback.store import open_store


def measure(runs: int) -> dict[str, list[float]]:
    ratios = []
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        config = load_config({"FEEDBACK_DATA_DIR": str(home / "var")}, env_file=None)
        store = open_store(config.database_url)
        sources = build.Sources(root / "site", root / "mkdocs.yml")
        for _ in range(runs):
            begun = time.perf_counter()
            build.publish(store, config, sources, home / "out", datetime.now(UTC))
            ours = time.perf_counter() - begun
            begun = time.perf_counter()
            command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(home / "bare")]
            environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
            subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
            ratios.append(ours / (time.perf_counter() - begun))
        store.close()
    return {"seconds of publish, to a bare mkdocs build": ratios}

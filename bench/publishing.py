"""`publish`, figures and swap included, against a bare `mkdocs build` of as many pages as if written by hand."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import NOW, fill
from feedback.config import load_config
from feedback.publish import build, figures, pages
from feedback.store import open_store

EVERY = 37  # of the answers that the figures are measured with; no team and no topic goes by it


def measure(runs: int) -> dict[str, list[float]]:
    ratios = []
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        home, bare = Path(folder), Path(folder) / "bare"
        config = load_config({"FEEDBACK_DATA_DIR": str(home / "var")}, env_file=None)
        (home / "var").mkdir()
        fill(home / "var", EVERY)
        store = open_store(config.database_url)
        sources = build.Sources(root / "site", root / "mkdocs.yml")
        shutil.copytree(sources.pages, bare / "site")
        shutil.copy(sources.configuration, bare)
        for name, text in pages.figure_files(figures.current(store, config, NOW), config, sources.pages).items():
            (bare / "site" / name).parent.mkdir(parents=True, exist_ok=True)
            (bare / "site" / name).write_text(text, "utf-8")
        count = len(list((bare / "site" / "figures").rglob("*.md")))
        for _ in range(runs):
            begun = time.perf_counter()
            build.publish(store, config, sources, home / "out", NOW)
            ours = time.perf_counter() - begun
            begun = time.perf_counter()
            command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(home / "built")]
            environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
            subprocess.run(command, cwd=bare, env=environment, check=True, capture_output=True)
            ratios.append(ours / (time.perf_counter() - begun))
        store.close()
    return {f"seconds of publish, {count} teams and topics, to a bare mkdocs build of as many pages": ratios}

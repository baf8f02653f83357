"""The site is read while it is swapped, through the real service: each answer is whole, and comes from one build."""

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path

import pytest

from feedback.config import load_config
from feedback.publish import build
from feedback.publish.build import Sources
from feedback.store import open_store
from tests.conftest import TORTURE, Workplace

pytestmark = pytest.mark.torture

SWAPS = 60 if TORTURE else 6
READERS = 16 if TORTURE else 4
LINES = 1_500  # of a page, each with the number of its build: about 100 kB
PATHS = ("/", "/big/", "/search.txt", "/big", "/nowhere/", "/css/theme.css")


@dataclass
class Heard:
    """What readers got. `bad` is each answer that was not whole, not of one build, or not what was asked for."""

    answers: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    builds: set[str] = field(default_factory=set)

    def note(self, path: str, status: int, length: str | None, body: bytes) -> None:
        self.answers[path] += 1
        expected = {"/big": 308, "/nowhere/": 404}.get(path, 200)
        if status != expected or (length is not None and int(length) != len(body)):
            self.bad.append(f"{path}: {status}, {len(body)} bytes of {length}")
        numbers = set(re.findall(rb"build number (\d+)", body))
        if path in ("/big/", "/search.txt"):
            whole = body.count(b"build number") >= LINES and (b"The end." in body)
            if len(numbers) != 1 or not whole:
                self.bad.append(f"{path}: builds {numbers}, whole: {whole}")
            self.builds |= {number.decode() for number in numbers}


def write(sources: Sources, number: int) -> None:
    lines = "\n".join(f"- This line is from build number {number}, and there are many like it." for _ in range(LINES))
    (sources.pages / "index.md").write_text(f"# Home of build number {number}\n")
    (sources.pages / "big.md").write_text(f"# Big\n\n{lines}\n\nThe end.\n")
    (sources.pages / "search.txt").write_text(f"{lines}\nThe end.\n")


def read(host: str, heard: Heard, done: threading.Event) -> None:
    connection = HTTPConnection(host, timeout=20)
    for path in cycle(PATHS):
        if done.is_set():
            break
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            heard.note(path, answer.status, answer.getheader("Content-Length"), answer.read())
        except OSError as error:
            heard.bad.append(f"{path}: {error!r}")
            connection = HTTPConnection(host, timeout=20)
    connection.close()


def test_no_answer_is_bad_while_the_site_is_swapped_under_load(workplace: Workplace, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    (folder / "site").mkdir(parents=True)
    (folder / "mkdocs.yml").write_text("site_name: x\ntheme: readthedocs\nplugins: []\n")
    sources = Sources(folder / "site", folder / "mkdocs.yml")
    workplace.feedback("migrate")
    config = load_config(workplace.environment | {"FEEDBACK_DATA_DIR": str(workplace.data)}, env_file=None)
    store = open_store(config.database_url)

    def publish(number: int) -> None:
        write(sources, number)
        build.publish(store, config, sources, build.place_of(config), datetime.now(UTC))

    publish(0)
    workplace.serve()
    heard, done = Heard(), threading.Event()
    host = workplace.environment["FEEDBACK_LISTEN"]
    readers = [threading.Thread(target=read, args=(host, heard, done)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for number in range(1, SWAPS + 1):
        publish(number)
        time.sleep(0.1)  # long enough for each build to be read
    done.set()
    for reader in readers:
        reader.join()
    store.close()
    print(f"{sum(heard.answers.values())} answers, {len(heard.builds)} builds seen, {len(heard.bad)} bad")
    assert heard.bad == []
    assert {str(number) for number in range(SWAPS + 1)} <= heard.builds
    assert min(heard.answers[path] for path in PATHS) >= 20

"""`feedback demo` as its visitor starts it. One demo serves the tests that look at it; one of them starts it again."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from feedback import demo
from feedback.errors import ConfigError
from tests.conftest import Workplace, eventually, free_port
from tests.store.test_store import unwritable
from tests.test_jobs import children_of

NONSENSE = {
    "FEEDBACK_DATA_DIR": "/nowhere/at/all",
    "FEEDBACK_DELAY": "soon",
    "FEEDBACK_LISTEN": "127.0.0.1:1",
    "FEEDBACK_MAIL": "smtp://mail.acme.example:25",
    "FEEDBACK_NO_SUCH_SETTING": "x",
}


@dataclass
class Demo:
    """A folder with an owner's things in it, and a demo that runs there."""

    place: Workplace
    port: int
    process: "subprocess.Popen[str] | None" = None
    children: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = self.place.start("demo", "--port", str(self.port))
        running = self.process
        eventually(lambda: running.poll() is not None or self.get("/demo/")[0] == 200, within_s=60)
        eventually(lambda: running.poll() is not None or self.get("/healthz")[0] == 200)
        assert running.poll() is None, running.communicate()[0]
        self.children = [pid for pid, _ in children_of(running.pid)]
        self.children += [worker for child in self.children for worker, _ in children_of(child)]

    def get(self, path: str) -> tuple[int, str]:
        return self.place.get(self.url + path)

    def press(self, path: str) -> str:
        """The guide's button that posts to this path; the page that it leads to."""
        visitor = build_opener(HTTPCookieProcessor(CookieJar()))
        guide = visitor.open(f"{self.url}/demo/", timeout=10).read().decode()
        token = re.search(r'name="csrf_token" value="([^"]+)"', guide)
        assert token is not None
        with visitor.open(self.url + path, urlencode({"csrf_token": token[1]}).encode(), timeout=30) as answer:
            return str(answer.read().decode())

    def things(self) -> dict[str, bytes]:
        """What lies beside the demo's own folder."""
        files = [path for path in self.place.folder.rglob("*") if path.is_file()]
        named = {str(path.relative_to(self.place.folder)): path.read_bytes() for path in files}
        return {name: content for name, content in named.items() if not name.startswith("var-demo/")}


THINGS = {
    ".env": b"FEEDBACK_MAILS=nonsense\nFEEDBACK_DELAY='\n",
    "var/feedback.db": b"an owner's database",
    "site/index.md": b"# An owner's page\n<!-- figure: nonsense -->\n",
    "mkdocs.yml": b"nonsense: [",
    "var-demo.txt": b"a note",
}


@pytest.fixture(scope="module")
def one_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("place")
    for name, content in THINGS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    place = Workplace(folder, {**os.environ, **NONSENSE})
    yield Demo(place, free_port())
    place.stop()


@pytest.fixture
def running(one_demo: Demo) -> Demo:
    if one_demo.process is None or one_demo.process.poll() is not None:
        one_demo.start()
    return one_demo


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def has_ended(pid: int) -> bool:
    command = Path(f"/proc/{pid}/cmdline")
    return not command.exists() or command.read_bytes() == b""


def test_the_guide_opens_and_all_is_well_whatever_the_owners_settings_say(running: Demo) -> None:
    status, guide = running.get("/demo/")
    assert (status, "The whole loop in five steps" in guide) == (200, True)
    assert re.search(r"Its clock reads Tuesday, \d+ \w+ \d{4}, 10:\d\d \(Europe/Berlin\)", guide)
    assert running.get("/healthz")[0] == 200
    assert running.get("/demo/mail/")[1].count("asks a customer") >= 5
    assert "How we care" in running.get("/")[1]
    assert "Where is my parcel?" in running.get("/faq/")[1]


def test_what_lies_beside_it_is_left_alone(running: Demo) -> None:
    assert running.things() == THINGS


def test_a_second_demo_in_the_same_folder_is_told_of_the_first(running: Demo) -> None:
    told = running.place.feedback("demo", "--port", str(free_port()), status=1)
    assert told.startswith(f"Error: A demo is running here already, at {running.url}/demo/\n")
    assert "Traceback" not in told
    assert running.get("/demo/")[0] == 200


def test_the_commands_work_in_the_demos_own_folder(running: Demo) -> None:
    environment = {name: value for name, value in running.place.environment.items() if name not in NONSENSE}
    told = Workplace(running.place.folder / "var-demo", environment).feedback("followups")
    assert "asks for a call: +49 30 5550 0142" in told


def test_ctrl_c_ends_all_of_it_and_the_next_start_begins_afresh(running: Demo) -> None:
    data, mails = running.place.folder / "var-demo", running.get("/demo/mail/")[1].count("<li>")
    assert "Its clock reads Wednesday, " in running.press("/demo/clock")
    assert running.get("/demo/mail/")[1].count("<li>") > mails
    (data / "left over").mkdir()
    (data / "left over" / "note").write_text("of the last demo")
    assert running.process is not None
    assert len(running.children) >= 3

    running.process.send_signal(signal.SIGINT)
    said, _ = running.process.communicate(timeout=15)
    assert running.process.returncode == 0
    assert "Traceback" not in said
    assert f"Open this address:  {running.url}/demo/" in said
    assert not is_listening(running.port)
    eventually(lambda: all(has_ended(pid) for pid in running.children))

    running.start()
    assert "Its clock reads Tuesday, " in running.get("/demo/")[1]
    assert running.get("/demo/mail/")[1].count("<li>") == mails
    assert not (data / "left over").exists()
    assert running.things() == THINGS


def test_what_a_killed_demo_has_left_running_still_holds_its_folder(running: Demo) -> None:
    assert running.process is not None
    running.process.kill()
    running.process.communicate()
    try:
        told = running.place.feedback("demo", "--port", str(free_port()), status=1)
        assert told.startswith(f"Error: A demo is running here already, at {running.url}/demo/\n")
    finally:
        for pid in running.children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    eventually(lambda: all(has_ended(pid) for pid in running.children))


def start_refused(workplace: Workplace, port: int) -> str:
    """What a demo says that cannot start here: one clear error, and no more."""
    told = workplace.feedback("demo", "--port", str(port), status=1)
    assert told.startswith("Error: ")
    assert "Traceback" not in told
    assert len(told.splitlines()) <= 2
    return told


def test_a_port_that_is_taken_is_told_with_another_and_the_last_demo_stays(workplace: Workplace) -> None:
    kept = workplace.folder / "var-demo"
    kept.mkdir()
    (kept / demo.LOCK).touch()
    (kept / "feedback.db").write_text("the last demo")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = start_refused(workplace, port)
    assert f"127.0.0.1:{port} cannot be used: Address already in use" in told
    assert f"feedback demo --port {port + 1 if port < 65535 else 8000}" in told
    assert (kept / "feedback.db").read_text() == "the last demo"


def test_a_folder_that_no_demo_made_is_left_alone(workplace: Workplace) -> None:
    other = workplace.folder / "var-demo"
    (other / "photos").mkdir(parents=True)
    (other / "photos" / "one.jpg").write_text("mine")
    assert f"{other} is there, and no demo made it." in start_refused(workplace, free_port())
    assert [str(path.relative_to(other)) for path in other.rglob("*")] == ["photos", "photos/one.jpg"]


def test_a_link_is_not_followed_into_another_folder(workplace: Workplace) -> None:
    photos = workplace.folder / "photos"
    photos.mkdir()
    (photos / demo.LOCK).touch()
    (workplace.folder / "var-demo").symlink_to(photos)
    assert "var-demo is there, and no demo made it." in start_refused(workplace, free_port())
    assert list(photos.iterdir()) == [photos / demo.LOCK]


def test_a_file_of_that_name_is_told(workplace: Workplace) -> None:
    (workplace.folder / "var-demo").write_text("mine")
    assert "var-demo is there, and no demo made it." in start_refused(workplace, free_port())
    assert (workplace.folder / "var-demo").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    with unwritable(folder), pytest.raises(ConfigError, match=r"var-demo, which cannot be written: Permission denied"):
        demo.run(folder, free_port(), echo=print, progress=lambda _label, _length: pytest.fail("nothing begins"))


@pytest.mark.parametrize("port", ["0", "65536", "here"])
def test_a_port_that_is_none_is_told(workplace: Workplace, port: str) -> None:
    assert "Invalid value for '--port'" in workplace.feedback("demo", "--port", port, status=2)
    assert list(workplace.folder.iterdir()) == []


def test_ctrl_c_while_the_history_is_made_ends_it_quietly(workplace: Workplace) -> None:
    port = free_port()
    process = workplace.start("demo", "--port", str(port))
    eventually(lambda: list(workplace.folder.rglob("feedback.db")))
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=15)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert not is_listening(port)

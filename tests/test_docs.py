"""The documentation is run and compared: what it says is what there is."""

import json
import re
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import click
import pytest

from feedback.cli import main
from feedback.config import PREFIX, Config, load_config
from feedback.domain.cases import CASE_FIELDS
from feedback.loop.mapping import CaseMapping
from tests.conftest import ROOT, Workplace, eventually

DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def commands_in(document: Path) -> list[str]:
    """The lines after `$ ` in the console blocks of a document."""
    blocks = re.findall(r"```console\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_every_command_of_the_readme_works_in_its_order(workplace: Workplace) -> None:
    for name in ("FEEDBACK_SENDER", "FEEDBACK_ALERT_TO"):
        del workplace.environment[name]  # the README sets them in .env
    for part in ("examples", "tests/data"):
        shutil.copytree(ROOT / part, workplace.folder / part)
    shutil.copy(ROOT / "Makefile", workplace.folder)
    done = list(walk(workplace))
    assert len(done) >= 15
    assert "ID" not in done[-1]


def walk(workplace: Workplace) -> Iterator[str]:
    follow_up = ""
    for command in commands_in(ROOT / "README.md"):
        if command.startswith(("make ", ". .venv/")):
            check_target(workplace, command)
        elif command == "feedback run":
            answer_no(workplace)
            follow_up = workplace.feedback("followups").split()[0]
        else:
            expected = 1 if "incidents.csv" in command or command == "feedback health" else 0  # as the README says
            run(workplace, command.replace(" ID ", f" {follow_up} "), expected)
        yield command
    told = workplace.feedback("explain", "1001")
    assert "The follow-up was closed as solved on" in told
    assert told.rstrip().endswith("Sent a new drum; she printed twenty pages.")


def check_target(workplace: Workplace, command: str) -> None:
    """`make …` and the activation are what brought this test here; they must name what exists."""
    if command.startswith("make "):
        subprocess.run(["make", "-n", *command.split()[1:]], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    else:
        assert "-m venv .venv" in (ROOT / "Makefile").read_text()


def answer_no(workplace: Workplace) -> None:
    """What the README asks of its reader between two commands: open the link in the mail, and say no."""
    link = re.search(r"the link in the mail: (http\S+)/no$", workplace.feedback("explain", "1001"), re.MULTILINE)
    assert link is not None
    workplace.serve("run")
    assert "Thank you for telling us" in workplace.post(link[1], {"choice": "no"})[1]
    eventually(lambda: workplace.get("/healthz")[0] == 200, within_s=30)
    workplace.started[-1].send_signal(signal.SIGINT)
    assert workplace.started[-1].wait(15) == 0


def run(workplace: Workplace, command: str, expected: int) -> None:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=workplace.folder,
        env=workplace.environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    assert done.returncode == expected, f"{command}\n{done.stdout}"
    assert "Traceback" not in done.stdout


def test_the_command_of_the_import_page_works(workplace: Workplace) -> None:
    shutil.copytree(ROOT / "tests/data", workplace.folder / "tests/data")
    for command in commands_in(ROOT / "docs" / "import.md"):
        run(workplace, command, 0)


def test_the_call_of_the_api_page_works(workplace: Workplace) -> None:
    (call,) = re.findall(r"```sh\ncurl (.*?)```", (ROOT / "docs/api.md").read_text(), re.DOTALL)
    key = workplace.feedback("key", "add", "helpdesk").split()[0]
    workplace.serve()
    url = re.search(r"http://\S+(/api/\S+)", call)
    body = re.search(r"-d '(.*?)'", call, re.DOTALL)
    headers = dict(re.findall(r'-H "([\w-]+): ([^"]+)"', call))
    assert url is not None
    assert body is not None
    headers["Authorization"] = headers["Authorization"].replace("$KEY", key)
    with urlopen(Request(workplace.url + url[1], body[1].encode(), headers), timeout=10) as answer:
        assert (answer.status, json.load(answer)) == (201, {"ref": "1002", "result": "created"})


def test_every_setting_stands_in_the_docs_with_its_default() -> None:
    rows = dict(
        re.findall(r"^\| `(FEEDBACK_\w+)` \| ([^|]+) \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    )
    assert set(rows) == {PREFIX + name.upper() for name in Config.model_fields}
    defaults = load_config({}, env_file=None)
    assert rows["FEEDBACK_DELAY"] == f"`{defaults.delay.total_seconds() / 3600:.0f}h`"
    assert rows["FEEDBACK_MAX_AGE"] == f"`{defaults.max_age.days}d`"
    assert rows["FEEDBACK_LINK_ENDS"] == f"`{defaults.link_ends.days}d`"
    assert rows["FEEDBACK_CHANGE_WITHIN"] == f"`{defaults.change_within.days}d`"
    assert rows["FEEDBACK_LISTEN"] == f"`{defaults.listen}`"


def test_every_command_and_option_stands_in_the_docs() -> None:
    page = (ROOT / "docs/commands.md").read_text()
    for path, command in every_command(main, "feedback"):
        assert f"`{path}" in page, path
        for option in command.params:
            if isinstance(option, click.Option) and option.name != "version":
                assert option.opts[0] in page, f"{path} {option.opts[0]}"


def every_command(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, f"{path} {name}")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{path} {name}", command


def test_every_field_of_a_case_stands_in_the_docs() -> None:
    page = (ROOT / "docs/import.md").read_text()
    assert [field for field in CASE_FIELDS if f"`{field}`" not in page] == []


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_links_between_the_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


def test_the_mapping_example_of_the_docs_is_one() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/import.md").read_text(), re.DOTALL)
    CaseMapping.model_validate(tomllib.loads(example))


def test_each_dependency_has_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    for line in lines:
        if re.match(r'  "[a-zA-Z-]+ (~=|<)[^"]*",|  "(tzdata|types-)', line):
            assert "#" in line, line


def test_the_lock_names_no_host_and_holds_a_hash_for_each_package() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", lock)
    packages = re.findall(r"^[a-z0-9][^\s=]*==", lock, re.MULTILINE)
    assert len(packages) > 40
    assert lock.count("--hash=sha256:") >= len(packages)

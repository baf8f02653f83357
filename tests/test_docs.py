"""The documentation is run and compared: what it says is what there is."""

import json
import re
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request, urlopen

import click
import pytest

from feedback.cli import main
from feedback.config import PREFIX, Config, load_config
from feedback.domain.cases import CASE_FIELDS
from feedback.domain.purchases import PURCHASE_FIELDS
from feedback.loop.mapping import CaseMapping, PurchaseMapping
from tests.conftest import ROOT, Workplace, eventually

DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def commands_in(document: Path) -> list[str]:
    """The lines after `$ ` in the console blocks of a document."""
    blocks = re.findall(r"```console\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


ANSWERS = {
    "feedback init": "Acme\ncare@acme.example\nMara <mara@acme.example>\n\n\n",
    "feedback staff add jonas@acme.example --name Jonas": "a long password\na long password\n",
}


def test_every_command_of_the_readme_works_in_its_order(workplace: Workplace) -> None:
    for name in ("FEEDBACK_SENDER", "FEEDBACK_ALERT_TO"):
        del workplace.environment[name]  # `feedback init` asks for them
    workplace.environment["HOME"] = str(workplace.folder)
    workplace.environment["FEEDBACK_WINDOW"] = "Mon-Fri 03:00-03:10"  # nearly every moment is a wrong one to begin
    commands = commands_in(ROOT / "README.md")
    assert len(commands) >= 15
    for command in commands:
        walk(workplace, command)
    told = workplace.feedback("explain", "1001")
    assert "The mail to ada@example.org was accepted" in told
    assert re.search(r"the link in the mail: http\S+/no$", told, re.MULTILINE)


def walk(workplace: Workplace, command: str) -> None:
    """Do as the README's reader does."""
    if command.startswith(("make ", ". .venv/")):
        check_target(command)
    elif command.startswith("mkdir "):
        run(workplace, command, 0)
        workplace.folder /= "feedback"
    elif command == "feedback run":
        run_until_ctrl_c(workplace)
    else:
        if "export.csv" in command:
            shutil.copy(ROOT / "tests/data/exports/zendesk.csv", workplace.folder / "export.csv")
        run(workplace, command, 1 if command == "feedback health" else 0)  # the service does not run then


def check_target(command: str) -> None:
    """`make …` and the activation are what brought this test here; they must name what exists."""
    if command.startswith("make "):
        subprocess.run(["make", "-n", *command.split()[1:]], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    else:
        assert "-m venv --clear .venv" in (ROOT / "Makefile").read_text()


def run_until_ctrl_c(workplace: Workplace) -> None:
    workplace.serve("run")
    assert "Log in to the desk" in workplace.get("/desk/")[1]
    eventually(lambda: workplace.get("/healthz")[0] == 200, within_s=30)
    assert "Acme: how we care" in workplace.get("/")[1]
    workplace.started[-1].send_signal(signal.SIGINT)
    assert workplace.started[-1].wait(15) == 0


def run(workplace: Workplace, command: str, expected: int) -> None:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=workplace.folder,
        env=workplace.environment,
        text=True,
        input=ANSWERS.get(command, ""),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        start_new_session=True,  # a password is asked for on the terminal, if there is one
    )
    assert done.returncode == expected, f"{command}\n{done.stdout}"
    assert "Traceback" not in done.stdout


def test_the_commands_of_the_page_about_the_desk_work(workplace: Workplace) -> None:
    for command in commands_in(ROOT / "docs" / "desk.md"):
        run(workplace, command, 0)
    assert "Jonas <jonas@acme.example>" in workplace.feedback("staff", "list")


def test_the_commands_of_the_page_about_mail_work(workplace: Workplace) -> None:
    (workplace.folder / "unsubscribed.csv").write_text("email\nbruno@example.org\n")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    (workplace.folder / "mine.csv").write_text(
        f"source,ref,status,resolved_at,email\ntrial,1001,resolved,{now},ada@example.org\n"
    )
    workplace.feedback("import", "cases", "mine.csv")
    workplace.feedback("tick", "--at", "due")
    for command in commands_in(ROOT / "docs" / "mail.md"):
        run(workplace, command, 0)
    assert "Did we solve it?" in (workplace.folder / "words" / "en.po").read_text()
    assert "  | It still jams.\n" in workplace.feedback("followups")
    assert "The customer answered the mail: It still jams." in workplace.feedback("explain", "1001")


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
    rows = {name: default for name, default, _ in settings_rows()}
    assert set(rows) == {PREFIX + name.upper() for name in Config.model_fields}
    defaults = load_config({}, env_file=None)
    assert rows["FEEDBACK_DELAY"] == f"`{defaults.delay.total_seconds() / 3600:.0f}h`"
    assert rows["FEEDBACK_MAX_AGE"] == f"`{defaults.max_age.days}d`"
    assert rows["FEEDBACK_LINK_ENDS"] == f"`{defaults.link_ends.days}d`"
    assert rows["FEEDBACK_CHANGE_WITHIN"] == f"`{defaults.change_within.days}d`"
    assert rows["FEEDBACK_RETENTION"] == f"`{defaults.retention.days}d`"
    assert rows["FEEDBACK_LISTEN"] == f"`{defaults.listen}`"


def test_every_setting_has_an_example_that_is_taken_and_changes_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    needed = {"FEEDBACK_URL": "https://care.acme.example", "FEEDBACK_MAIL": "maildir:"}
    for name, _, example in settings_rows():
        field = name.removeprefix(PREFIX).lower()
        config = load_config({**needed, name: example}, env_file=None)
        assert getattr(config, field) != getattr(load_config({}, env_file=None), field), name


def settings_rows() -> list[tuple[str, str, str]]:
    """Each setting of the table with its default and its example."""
    page = (ROOT / "docs/settings.md").read_text()
    return re.findall(r"^\| `(FEEDBACK_\w+)` \| ([^|]+) \| `([^`|]+)` \|", page, re.MULTILINE)


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


def test_every_field_of_a_case_and_of_a_purchase_stands_in_the_docs() -> None:
    cases, purchases = (ROOT / "docs/import.md").read_text().split("## Purchases")
    assert [field for field in CASE_FIELDS if f"`{field}`" not in cases] == []
    assert [field for field in PURCHASE_FIELDS if f"`{field}`" not in purchases] == []


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_links_between_the_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


def test_the_mapping_examples_of_the_docs_are_some() -> None:
    cases, purchases = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/import.md").read_text(), re.DOTALL)
    CaseMapping.model_validate(tomllib.loads(cases))
    PurchaseMapping.model_validate(tomllib.loads(purchases))


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

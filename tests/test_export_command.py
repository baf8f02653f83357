import json

from tests.conftest import Workplace
from tests.test_cli import write_case


def test_export_says_where_the_two_files_are(workplace: Workplace) -> None:
    write_case(workplace, name="Ada")
    workplace.feedback("import", "cases", "cases.json")
    told = workplace.feedback("export", "Ada@Example.org")
    data, page = sorted(workplace.folder.glob("feedback-export-*"), reverse=True)
    assert f"  {data} (for a machine)\n  {page} (to read)\n" in told
    assert json.loads(data.read_text())["customers"][0]["name"] == "Ada"


def test_export_writes_into_the_folder_that_is_named(workplace: Workplace) -> None:
    write_case(workplace)
    workplace.feedback("import", "cases", "cases.json")
    workplace.feedback("export", "--to", "out", "ada@example.org")
    workplace.feedback("export", "ada@example.org", "--to", "out")
    assert len(list((workplace.folder / "out").iterdir())) == 4
    assert (workplace.folder / "out").stat().st_mode & 0o777 == 0o700
    refused = workplace.feedback("export", "ada@example.org", "--to", "nowhere/out", status=1)
    assert "No such file or directory. Name another folder with --to." in refused


def test_whoever_is_not_known_has_no_export(workplace: Workplace) -> None:
    write_case(workplace)
    workplace.feedback("import", "cases", "cases.json")
    told = workplace.feedback("export", "adda@example.org", status=1)
    assert "Nobody is known by 'adda@example.org'. Check how it is written" in told


def test_export_helps(workplace: Workplace) -> None:
    told = workplace.feedback("export", "--help")
    assert "EMAIL" in told
    assert "suppressions" in told
    assert "--to" in workplace.feedback("export", "EMAIL", "--help")
    assert "Usage" in workplace.feedback("export", status=2)

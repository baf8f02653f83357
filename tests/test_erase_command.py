import fcntl

import pytest
from click.testing import CliRunner

from feedback.cli.erasing import erase_command
from feedback.store import sqlite
from tests.conftest import ADA, BRUNO, Loop, Workplace
from tests.test_cli import write_case


@pytest.fixture
def with_ada(workplace: Workplace) -> Workplace:
    write_case(workplace, name="Ada")
    workplace.feedback("import", "cases", "cases.json")
    return workplace


def test_erase_says_what_is_known_asks_and_says_what_still_holds_it(with_ada: Workplace) -> None:
    with_ada.feedback("backup")
    told = with_ada.feedback("erase", "Ada@Example.org", typed="y\n")
    assert "Known by Ada@Example.org:\n  Ada, ada@example.org in shop: 1 case\n" in told
    assert "Erase all of this? It cannot be undone. [y/N]" in told
    assert "Erased. Nothing about this person is taken in from now on." in told
    assert "The address is still in these files" in told
    assert ".tar.gz" in told
    assert "There is no case 1001" in with_ada.feedback("explain", "1001", status=1)


def test_erase_says_what_is_not_done_yet_and_who_does_it(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "READERS_TIMEOUT_S", 0.1)
    monkeypatch.setattr("feedback.cli.erasing.load_config", lambda: loop.config)
    loop.take(ADA, BRUNO)
    reader = sqlite.Database(loop.config.data_dir / "feedback.db")
    rows = reader.connection.execute("SELECT id FROM cases")
    rows.fetchone()
    refused = loop.config.data_dir / "refused" / "1.csv"
    refused.parent.mkdir()
    refused.write_text("ada@example.org\n")
    with refused.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        result = CliRunner().invoke(erase_command, ["ada@example.org", "--yes"])
    assert result.exit_code == 0
    assert "Erased. Nothing about this person is taken in from now on." in result.output
    assert f"The scheduler takes the person out tonight:\n  {refused}\n" in result.output
    assert "The address is still in these files" not in result.output
    assert (
        "Not done yet, so old words of theirs may linger in the database's files: The service, a download or another "
        f"program reads {loop.config.data_dir / 'feedback.db'} at this moment, so its journal cannot be emptied.\n"
        "The scheduler tries again each minute, and before the night's backup.\n"
    ) in result.output
    reader.close()


def test_without_a_yes_nobody_is_erased(with_ada: Workplace) -> None:
    with_ada.feedback("erase", "ada@example.org", typed="\n", status=1)
    assert "Ada <ada@example.org>" in with_ada.feedback("explain", "1001")


def test_an_import_tells_how_many_were_left_out(with_ada: Workplace) -> None:
    with_ada.feedback("erase", "ada@example.org", "--yes")
    told = with_ada.feedback("import", "cases", "cases.json")
    assert "Cases: 1 skipped; 0 rows refused." in told
    assert "1 × skipped, for what we knew of the person was erased" in told


def test_a_refused_row_about_somebody_who_was_erased_is_not_kept(with_ada: Workplace) -> None:
    with_ada.feedback("erase", "ada@example.org", "--yes")
    write_case(with_ada, status="gone", email="ADA@example.org")
    assert "Cases: 1 skipped; 0 rows refused." in with_ada.feedback("import", "cases", "cases.json")
    assert not (with_ada.data / "refused").exists()


def test_an_address_that_several_have_is_told_with_their_names(with_ada: Workplace) -> None:
    write_case(with_ada, ref="1002", name="Otto", customer_ref="O-7")
    with_ada.feedback("import", "cases", "cases.json")
    told = with_ada.feedback("erase", "ada@example.org", typed="n\n", status=1)
    assert "Otto, O-7 in shop: 1 case" in told
    assert "Ada, ada@example.org in shop: 1 case" in told


def test_whoever_is_not_known_is_not_erased(with_ada: Workplace) -> None:
    assert "Nobody is known by 'adda@example.org'. Check how it is written" in with_ada.feedback(
        "erase", "adda@example.org", "--yes", status=1
    )


def test_erase_says_what_of_the_files_went_with_it(with_ada: Workplace) -> None:
    write_case(with_ada, status="gone")
    with_ada.feedback("import", "cases", "cases.json", status=1)
    (refused,) = (with_ada.data / "refused").iterdir()
    (with_ada.data / "gone.gz").write_text("not packed at all")
    told = with_ada.feedback("erase", "ada@example.org", "--yes")
    assert "Deleted with it: caught mails: 0, refused rows: 1." in told
    assert f"may hold it. Look into them, or see who owns them:\n  {with_ada.data / 'gone.gz'}" in told
    assert not refused.exists()

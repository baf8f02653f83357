"""The suppression list is exported and imported."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from feedback.domain.surveys import Suppression
from feedback.errors import FileError
from feedback.keys import Keys
from feedback.loop.suppressing import export_suppressions, import_suppressions
from tests.conftest import ADA, DAY, NOW, Loop

ADDRESS = "ada@example.org"


def suppression(loop: Loop, address: str = ADDRESS) -> Suppression | None:
    return loop.store.surveys.suppression(loop.keys.address_hashes(address))


def exported(loop: Loop) -> str:
    return "".join(f"{','.join(row)}\n" for row in export_suppressions(loop.store, loop.keys))


@pytest.fixture
def listed(loop: Loop, tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(f"email,name\n{ADDRESS.upper()},Ada\nno address,x\nbruno@example.org,Bruno\n", "utf-8")
    return path


def test_a_list_of_addresses_of_another_program_is_taken_in_and_what_is_none_is_told(loop: Loop, listed: Path) -> None:
    report = import_suppressions(loop.store, loop.keys, listed, NOW)
    assert (report.added, report.known) == (2, 0)
    (refused,) = report.refused
    assert (refused.line, str(refused.error)) == (3, "email: given 'no address', expected an address")
    assert suppression(loop) is suppression(loop, "bruno@example.org") is Suppression.OPTED_OUT
    again = import_suppressions(loop.store, loop.keys, listed, NOW)
    assert (again.added, again.known) == (0, 2)
    loop.take(ADA)
    assert loop.ask() == 0


def test_an_export_has_no_address_and_comes_back_as_it_was(loop: Loop, listed: Path, tmp_path: Path) -> None:
    import_suppressions(loop.store, loop.keys, listed, NOW)
    with loop.store.write():
        loop.store.surveys.suppress(loop.keys.address_hashes("eve@example.org")[0], Suppression.BOUNCED, NOW)
    text = exported(loop)
    assert "@" not in text
    assert text.startswith("address_hash,reason,at,secret\n")
    assert text.count("\n") == 4
    assert ",bounced,2026-03-03T12:00:00Z," in text
    with loop.store.write():
        loop.store._database.connection.execute("DELETE FROM suppressions")
    path = tmp_path / "export.csv"
    path.write_text(text)
    report = import_suppressions(loop.store, loop.keys, path, NOW + DAY)
    assert (report.added, report.refused) == (3, [])
    assert exported(loop) == text


def test_an_export_of_another_secret_is_refused_row_by_row(loop: Loop, listed: Path, tmp_path: Path) -> None:
    import_suppressions(loop.store, loop.keys, listed, NOW)
    path = tmp_path / "export.csv"
    path.write_text(exported(loop))
    loop.keys = Keys(["another secret, of more than 32 letters"])
    report = import_suppressions(loop.store, loop.keys, path, NOW)
    assert (report.added, len(report.refused)) == (0, 2)
    assert "expected a list from an installation with the same secret.key" in str(report.refused[0].error)


def test_an_export_counts_where_its_secret_is_retired(loop: Loop, listed: Path, tmp_path: Path) -> None:
    import_suppressions(loop.store, loop.keys, listed, NOW)
    path = tmp_path / "export.csv"
    path.write_text(exported(loop))
    secrets = (loop.config.data_dir / "secret.key").read_text().split()
    loop.keys = Keys(["a newer secret, of more than 32 letters", *secrets])
    with loop.store.write():
        loop.store._database.connection.execute("DELETE FROM suppressions")
    assert import_suppressions(loop.store, loop.keys, path, NOW).added == 2
    assert suppression(loop) is Suppression.OPTED_OUT


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            "xyz,opted out,,S",
            "address_hash: given 'xyz', expected a hash of 64 letters, or an address in a column email",
        ),
        ("{hash},nonsense,,S", "reason: given 'nonsense', expected one of erased, opted out"),
        ("{hash},opted out,yesterday,S", "at: given 'yesterday', expected a time such as"),
        (",opted out,,S", "address_hash: given 'nothing'"),
        ("{hash},opted out,0001-01-01T00:00:00+14:00,S", "at: given '0001-01-01T00:00:00+14:00'"),
    ],
)
def test_a_row_that_cannot_be_used_is_told(loop: Loop, tmp_path: Path, row: str, told: str) -> None:
    path = tmp_path / "list.csv"
    row = row.format(hash="a" * 64).replace("S", loop.keys.fingerprints()[0])
    path.write_text(f"address_hash,reason,at,secret\n{row}\n")
    (refused,) = import_suppressions(loop.store, loop.keys, path, NOW).refused
    assert told in str(refused.error)


def test_a_moment_to_come_is_now_and_a_file_without_addresses_is_refused(loop: Loop, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("email,at\nada@example.org,2999-01-01\n")
    import_suppressions(loop.store, loop.keys, path, NOW)
    ((at, _),) = loop.store.surveys.suppressed_since().values()
    assert at == datetime(2026, 3, 3, 12, tzinfo=UTC)
    for column in ("Email", "E-Mail", "mail", " EMAIL ADDRESS "):
        path.write_text(f"Name,{column}\nAda,ada@example.org\n")
        assert import_suppressions(loop.store, loop.keys, path, NOW).known == 1
    path.write_text("name\nAda\n")
    with pytest.raises(FileError, match=r"has the columns name; expected one named email"):
        import_suppressions(loop.store, loop.keys, path, NOW)

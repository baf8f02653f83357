import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from sqlite_utils import Database as SqliteUtilsDatabase

from feedback.config import Config
from feedback.errors import PendingMigrations, StoreError
from feedback.store import Store, open_store, sqlite
from feedback.store.migrations import migrations
from tests.conftest import ADA, NOW, ROOT

TABLES = {
    *("customers", "cases", "resolutions", "surveys", "decisions", "outbox", "answers", "follow_ups"),
    *("follow_up_events", "suppressions", "erasures", "purchases", "page_votes", "staff", "api_keys", "audit"),
    *("heartbeats", "visitors", "offers"),
}

OPEN = "import sys; from feedback.store import open_store; store = open_store(sys.argv[1])"

WRITE = """
import sys, threading
from dataclasses import replace
from feedback.store import open_store
from tests.conftest import ADA
store = open_store(sys.argv[1])
failures = []
def work(name):
    try:
        for n in range(50):
            with store.write():
                store.cases.save(replace(ADA, ref=f"{name}-{n}"))
                store.cases.save(replace(ADA, ref="shared", subject=f"{name}-{n}"))
    except BaseException as error:
        failures.append(error)
threads = [threading.Thread(target=work, args=(f"{sys.argv[2]}-{t}",)) for t in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit("; ".join(map(repr, failures)) or 0)
"""


MIGRATE = """
import sys
from feedback.store import open_store, sqlite
sqlite.migrations(name="9 a column")(lambda database: database.execute("ALTER TABLE cases ADD COLUMN priority TEXT"))
open_store(sys.argv[1], migrate=True).close()
"""


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, told = process.communicate(timeout=60)
    return process.returncode, told


def refs(store: Store) -> list[str]:
    return [row[0] for row in store._database.connection.execute("SELECT ref FROM cases ORDER BY ref")]


def save(store: Store, *refs: str) -> None:
    with store.write():
        for ref in refs:
            store.cases.save(replace(ADA, ref=ref))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'data' / 'feedback.db'}"


@pytest.fixture
def newer_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program, one migration further."""

    def add_a_column(database: SqliteUtilsDatabase) -> None:
        database.execute("ALTER TABLE cases ADD COLUMN priority TEXT")

    monkeypatch.setattr(migrations, "_migrations", list(migrations._migrations))
    migrations(name="9 a column")(add_a_column)


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """A folder that this process may not write to; root gives up its rights for the while."""
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    as_root = os.geteuid() == 0
    if as_root:
        for parent in folder.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        os.seteuid(65534)
    try:
        yield
    finally:
        if as_root:
            os.seteuid(0)
        folder.chmod(mode)


def test_every_table_of_the_design_exists_and_is_strict(store: Store) -> None:
    found = store._database.connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
    strict = {row["name"] for row in found if row["strict"]}
    assert strict >= TABLES


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("customers", {"source", "ref"}),
        ("cases", {"source", "ref"}),
        ("resolutions", {"case_id", "n"}),
        ("surveys", {"resolution_id", "round"}),
        ("outbox", {"survey_id", "kind"}),
        ("outbox", {"follow_up_id", "kind", "n", "recipient"}),
        ("outbox", {"staff_id", "kind", "n"}),
    ],
)
def test_the_unique_keys_of_the_design_are_there(store: Store, table: str, columns: set[str]) -> None:
    connection = store._database.connection
    found = [
        {row["name"] for row in connection.execute("SELECT name FROM pragma_index_info(?)", (index["name"],))}
        for index in connection.execute('SELECT name FROM pragma_index_list(?) WHERE "unique"', (table,))
    ]
    assert columns in found


def test_four_processes_that_make_the_database_at_once_all_succeed(url: str) -> None:
    processes = [start(OPEN, url) for _ in range(4)]
    assert [end(process) for process in processes] == [(0, "")] * 4
    store = open_store(url)
    applied = store._database.connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id").fetchall()
    assert [tuple(row) for row in applied] == [
        ("1 the schema",),
        ("2 the desk",),
        ("3 erasing",),
        ("4 tact",),
        ("5 what comes back",),
        ("6 answers that count",),
        ("7 asking again",),
        ("8 search",),
        ("9 people",),
        ("10 erasing and searching",),
        ("11 public notes",),
        ("12 records",),
        ("15 erasing at once",),
        ("16 lists by team",),
        ("17 told once",),
        ("19 taps",),
    ]
    save(store, "A-1")
    store.close()


def test_four_processes_that_migrate_an_older_database_at_once_all_succeed(url: str) -> None:
    store = open_store(url)
    save(store, "A-1")
    store.close()
    processes = [start(MIGRATE, url) for _ in range(4)]
    assert [end(process) for process in processes] == [(0, "")] * 4
    with pytest.raises(StoreError, match="written by a newer program"):
        open_store(url)


def test_threads_that_make_the_database_at_once_all_succeed(url: str) -> None:
    gate = threading.Barrier(4)

    def open_at_once(n: int) -> None:
        gate.wait()
        store = open_store(url)
        save(store, f"A-{n}")
        store.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(open_at_once, range(4)))
    store = open_store(url)
    assert refs(store) == ["A-0", "A-1", "A-2", "A-3"]
    store.close()


def test_the_database_belongs_to_its_owner_alone(url: str, tmp_path: Path) -> None:
    open_store(url).close()
    assert (tmp_path / "data" / "feedback.db").stat().st_mode & 0o777 == 0o600


def test_a_database_that_is_up_to_date_is_opened_without_a_backup(url: str, tmp_path: Path) -> None:
    open_store(url).close()
    open_store(url, migrate=True).close()
    assert not (tmp_path / "data" / "backups").exists()


@pytest.mark.usefixtures("newer_program")
def test_a_new_database_has_every_migration(url: str) -> None:
    store = open_store(url)
    assert "priority" in [row["name"] for row in store._database.connection.execute("PRAGMA table_info(cases)")]
    store.close()


def test_an_older_database_is_not_opened_and_the_command_is_named(url: str, request: pytest.FixtureRequest) -> None:
    store = open_store(url)
    save(store, "A-1")
    store.close()
    request.getfixturevalue("newer_program")
    with pytest.raises(PendingMigrations, match=r"it lacks 9 a column") as raised:
        open_store(url)
    assert "feedback migrate" in str(raised.value)


def test_migrating_makes_a_whole_backup_first_and_keeps_every_row(
    url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store = open_store(url)
    save(store, "A-1")
    store.close()
    request.getfixturevalue("newer_program")
    store = open_store(url, migrate=True)
    assert refs(store) == ["A-1"]
    store.close()
    open_store(url).close()  # and nothing is pending any more
    (backup,) = (tmp_path / "data" / "backups").iterdir()
    assert backup.suffix != ".db"
    assert backup.stat().st_mode & 0o777 == 0o600
    old = sqlite3.connect(backup)
    assert old.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert old.execute("SELECT ref FROM cases").fetchall() == [("A-1",)]
    assert "priority" not in [row[1] for row in old.execute("PRAGMA table_info(cases)")]
    old.close()


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(url)
    save(store, "A-1")
    store.close()
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_migrations", list(migrations._migrations))

        @migrations(name="9 broken")
        def broken(database: SqliteUtilsDatabase) -> None:
            database.execute("ALTER TABLE cases ADD COLUMN priority TEXT")
            database.execute("SELECT nonsense")

        with pytest.raises(StoreError, match="nonsense"):
            open_store(url, migrate=True)
    store = open_store(url)
    assert refs(store) == ["A-1"]
    assert "priority" not in [row["name"] for row in store._database.connection.execute("PRAGMA table_info(cases)")]
    store.close()


def test_a_backup_that_cannot_be_made_stops_the_migration_in_words(
    url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    open_store(url).close()
    (tmp_path / "data" / "backups").write_text("in the way")
    request.getfixturevalue("newer_program")
    with pytest.raises(StoreError, match="backups"):
        open_store(url, migrate=True)
    with pytest.raises(PendingMigrations):
        open_store(url)


@pytest.mark.parametrize("migrate", [False, True])
def test_a_database_of_a_newer_program_is_refused(url: str, migrate: bool) -> None:
    store = open_store(url)
    store._database.connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('feedback', '7 the future', '')"
    )
    store.close()
    with pytest.raises(StoreError, match=r"newer program \(it has 7 the future\)") as raised:
        open_store(url, migrate=migrate)
    assert not isinstance(raised.value, PendingMigrations)


def test_every_live_connection_is_durable_and_waits_its_turn(store: Store) -> None:
    def pragmas(_: object) -> tuple[object, ...]:
        connection = store._database.connection
        names = ("synchronous", "journal_mode", "foreign_keys")
        (wait,) = connection.execute("PRAGMA busy_timeout").fetchone()
        return (*(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names), wait >= 10_000)

    with ThreadPoolExecutor(2) as pool:
        assert {pragmas(0), *pool.map(pragmas, range(4))} == {(2, "wal", 1, True)}


def test_each_thread_keeps_a_connection_of_its_own(store: Store) -> None:
    mine = store._database.connection
    with ThreadPoolExecutor(1) as pool:
        others = [pool.submit(lambda: store._database.connection).result() for _ in range(2)]
    assert store._database.connection is mine
    assert others[0] is others[1] is not mine


@pytest.mark.parametrize("error", [RuntimeError("broken off"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_nothing(store: Store, error: BaseException) -> None:
    def fail() -> None:
        with store.write():
            store.cases.save(ADA)
            raise error

    with pytest.raises(type(error)):
        fail()
    assert refs(store) == []
    save(store, "A-2")
    assert refs(store) == ["A-2"]


def test_a_row_that_breaks_a_promise_of_the_schema_takes_its_whole_write_with_it(store: Store) -> None:
    def break_it() -> None:
        with store.write():
            store.cases.save(ADA)
            store.outbox.queue_survey("no such survey", NOW)

    with pytest.raises(sqlite3.IntegrityError):
        break_it()
    assert refs(store) == []


def test_nothing_changes_outside_a_write(store: Store) -> None:
    with pytest.raises(AssertionError, match=r"outside write"):
        store.cases.save(ADA)
    assert refs(store) == []


def test_what_is_read_inside_a_write_stays_true_until_it_is_committed(store: Store) -> None:
    begun = threading.Event()

    def write_too() -> None:
        begun.set()
        save(store, "B-2")

    with ThreadPoolExecutor(1) as pool:
        with store.write():
            other = pool.submit(write_too)
            begun.wait(5)
            store.cases.save(ADA)
            assert refs(store) == ["A-1"]
            assert not other.done()
        other.result(10)
    assert refs(store) == ["A-1", "B-2"]


def test_writers_in_two_processes_of_four_threads_lose_nothing_and_are_never_locked_out(url: str) -> None:
    open_store(url).close()
    processes = [start(WRITE, url, name) for name in ("p", "q")]
    assert [end(process) for process in processes] == [(0, "")] * 2
    store = open_store(url)
    assert set(refs(store)) == {f"{p}-{t}-{n}" for p in "pq" for t in range(4) for n in range(50)} | {"shared"}
    assert len(refs(store)) == 401
    store.close()


def test_a_full_disk_is_told_with_what_to_do_and_the_rows_before_stay(store: Store) -> None:
    save(store, "A-1")
    connection = store._database.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError, match=r"disk is full. Make room") as raised:
        save(store, *(f"B-{n}" for n in range(1_000)))
    assert str(store._database.path) in str(raised.value)
    assert refs(store) == ["A-1"]
    connection.execute("PRAGMA max_page_count = 1000000")
    save(store, "B-2")
    assert refs(store) == ["A-1", "B-2"]


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    with unwritable(folder), pytest.raises(StoreError, match=r"data folder .*locked cannot be written") as raised:
        open_store(f"sqlite:///{folder / 'feedback.db'}")
    assert "FEEDBACK_DATA_DIR" in str(raised.value)


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"data folder .*file cannot be written"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'feedback.db'}")


def test_a_data_folder_that_has_become_read_only_is_told(url: str, tmp_path: Path) -> None:
    open_store(url).close()
    with unwritable(tmp_path / "data"), pytest.raises(StoreError, match=re.escape(str(tmp_path / "data"))):
        save(open_store(url), "A-1")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: b"this is no database at all\n" * 500, "not a database. Restore a backup"),
        (lambda content: content[:4096] + b"\xff" * (len(content) - 4096), "damaged. Restore a backup"),
        (lambda content: content[: len(content) // 2], "damaged. Restore a backup"),
    ],
    ids=["other content", "overwritten", "cut"],
)
def test_a_damaged_file_is_told_with_what_to_do(
    url: str, tmp_path: Path, damage: Callable[[bytes], bytes], words: str
) -> None:
    store = open_store(url)
    save(store, "A-1")
    store.close()
    path = tmp_path / "data" / "feedback.db"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreError, match=words):
        save(open_store(url), "B-2")


@pytest.mark.parametrize("url", ["postgresql://db/feedback", "sqlite:///", "feedback.db", ""])
def test_a_database_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="expected sqlite:///"):
        open_store(url)


def test_a_copy_is_whole_and_its_own(store: Store, tmp_path: Path) -> None:
    save(store, "A-1")
    path = tmp_path / "copy.sqlite"
    copy = store.copy_to(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert copy._database.pending() == []
    dumps = [list(one._database.connection.iterdump()) for one in (store, copy)]
    assert dumps[0] == dumps[1]
    save(copy, "B-2")
    assert (refs(store), refs(copy)) == (["A-1"], ["A-1", "B-2"])
    copy.close()


def test_a_copy_holds_what_was_committed_and_nothing_half_done(store: Store, tmp_path: Path) -> None:
    save(store, "A-1")
    with ThreadPoolExecutor(1) as pool, store.write():
        store.cases.save(replace(ADA, ref="B-2"))
        copy = pool.submit(store.copy_to, tmp_path / "copy.sqlite").result(10)
    assert refs(copy) == ["A-1"]
    copy.close()


def test_a_copy_that_cannot_be_written_names_the_copy(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone.copy\.sqlite"):
        store.copy_to(tmp_path / "gone" / "copy.sqlite")


def test_a_write_waits_for_that_of_another_process_and_gives_up_in_the_end(
    store: Store, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_store(config.database_url)
    begun, held = threading.Event(), threading.Event()

    def hold() -> None:
        with other.write():
            begun.set()
            held.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert begun.wait(10)
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    with pytest.raises(StoreError, match="has held it"), store.write():
        pass
    monkeypatch.undo()
    threading.Timer(0.2, held.set).start()
    with store.write():
        pass
    holder.join()
    assert store._database.connection.execute("PRAGMA busy_timeout").fetchone()[0] == 10_000
    other.close()


def test_people_who_browse_and_write_do_not_keep_the_file_from_being_written_anew(store: Store) -> None:
    save(store, *(f"A-{n}" for n in range(200)))
    stop = threading.Event()

    def browse(_: int) -> None:
        while not stop.is_set():
            page = store._database.connection.execute("SELECT id FROM cases")
            page.fetchone()
            time.sleep(0.05)  # the next one has come by then: at no moment does nobody read
            page.close()

    def write() -> None:
        for n in count():
            if stop.is_set():
                return
            save(store, f"B-{n}")

    with ThreadPoolExecutor(4) as pool:
        busy = [*(pool.submit(browse, n) for n in range(3)), pool.submit(write)]
        try:
            store.write_anew()
        finally:
            stop.set()
        for one in busy:
            one.result()
    assert "A-199" in refs(store)

"""Connections and transactions of the SQLite file; what is pending is applied."""

import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from importlib import resources
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Protocol

import aiosql
from sqlite_utils import Database as SqliteUtilsDatabase

from feedback.errors import DatabaseDamaged, StoreError
from feedback.store.migrations import migrations

BUSY_TIMEOUT_S = 10
READERS_TIMEOUT_S = 5
PAGES_TIMEOUT_MS = 300
LOOK_AGAIN_S = (0.0001, 0.0002, 0.0005, 0.001, 0.002)


class Query(Protocol):
    """A named statement; we run its text ourselves, which costs half as much as calling it."""

    sql: str


def load_queries(name: str) -> Any:
    """The named statements of `sql/<name>.sql`, each a Query."""
    text = resources.files("feedback.store").joinpath("sql", f"{name}.sql").read_text("utf-8")
    return aiosql.from_str(text, "sqlite3", mandatory_parameters=False)


def stamp(moment: datetime) -> str:
    """A moment as the database holds it: fixed width, so that text order is time order."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="seconds")[:19] + "Z"


def containing(words: str) -> str:
    """A pattern for LIKE … ESCAPE '!' that fits what contains the words."""
    plain = re.sub(r"([%_!])", r"!\1", words)
    return f"%{plain}%"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def moment_or_none(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


class Database:
    """One SQLite file, a connection for each thread that uses it."""

    def __init__(self, path: Path, cache_mib: int = 2) -> None:
        self.path = path
        self._cache_mib = cache_mib
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._write_lock = threading.Lock()

    @property
    def connection(self) -> sqlite3.Connection:
        existing: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if existing is None:
            with self._translating():
                existing = self._local.connection = self._connect()
            self._connections.append(existing)
        return existing

    def rows(self, query: Query, **values: object) -> list[Mapping[str, Any]]:
        return self._execute(query, values).fetchall()

    def row(self, query: Query, **values: object) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._execute(query, values).fetchone()
        return found

    def each(self, query: Query, **values: object) -> Iterator[Mapping[str, Any]]:
        """As `rows`, one after the other, for what may be long."""
        with self._translating():
            yield from self._execute(query, values)

    def change(self, query: Query, **values: object) -> int:
        """Run a statement that writes; how many rows it changed. Only inside `write()`."""
        assert self.connection.in_transaction, "a change outside write()"
        return self._execute(query, values).rowcount

    def _execute(self, query: Query, values: Mapping[str, object]) -> sqlite3.Cursor:
        try:
            return self.connection.execute(query.sql, _bound(values))
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error

    @contextmanager
    def write(self) -> Iterator[None]:
        # The lock is for fairness: SQLite's own waiting is a poll that starves threads of one process.
        assert not self.connection.in_transaction, "write() within write()"
        if not self._write_lock.acquire(timeout=BUSY_TIMEOUT_S):
            raise StoreError(f"The database {self.path} is busy: others of this process have waited long. Try again.")
        try:
            with self._transaction(self.connection):
                yield
        finally:
            self._write_lock.release()

    def write_anew(self) -> None:
        """Write the file anew and empty its journal, so that nothing that was replaced can be read in either.

        To do so twice harms nothing. Raises StoreError if it cannot be done now, while somebody reads say; then old
        values may linger, and it is to be done again.
        """
        self._empty_journal()  # at first, for as long as somebody reads each attempt would add a whole copy to it
        try:
            self.connection.execute("VACUUM")  # what was freed earlier, and what lingers in pages that others fill
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"{self.path} could not be written anew ({error}). See that the disk has room for it twice more."
            ) from error
        self._empty_journal()

    def _empty_journal(self) -> None:
        """Into the file with it, at a moment when nobody reads. Raises StoreError if there is none for some seconds."""
        give_up = time.monotonic() + READERS_TIMEOUT_S
        with self._translating():
            # who waits for readers keeps all writers out: long enough for those of pages, and no longer
            self.connection.execute(f"PRAGMA busy_timeout = {PAGES_TIMEOUT_MS}")
            try:
                while self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    if time.monotonic() > give_up:
                        raise StoreError(
                            f"The service, a download or another program reads {self.path} at this moment, so its "
                            "journal cannot be emptied."
                        )
                    time.sleep(0.05)
            finally:
                self.connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        with self._translating():
            self._begin(connection)
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @staticmethod
    def _begin(connection: sqlite3.Connection) -> None:
        """Begin to write when no other process does. SQLite looks again after 1 to 100 ms, and a write takes less."""
        give_up = time.monotonic() + BUSY_TIMEOUT_S
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            for pause_s in chain(LOOK_AGAIN_S, repeat(LOOK_AGAIN_S[-1])):
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError as error:
                    if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                        raise
                time.sleep(pause_s)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")

    def is_empty(self) -> bool:
        with self._translating():
            return self.connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None

    def pending(self) -> list[str]:
        """The names of the migrations that the file lacks. Raises StoreError if it is newer than this program."""
        with self._translating():
            database = SqliteUtilsDatabase(self.connection)
            pending = [migration.name for migration in migrations.pending(database)]
            applied = {migration.name for migration in migrations.applied(database)}
        unknown = applied - {migration.name for migration in migrations._migrations}
        if unknown:
            raise StoreError(
                f"The database {self.path} was written by a newer program (it has {', '.join(sorted(unknown))}).\n"
                "Install that version again, or restore the backup made before it."
            )
        return pending

    def migrate(self) -> None:
        """Apply what is pending, in one transaction; safe when several processes do so at once."""
        with self._translating():
            connection = self.connection
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("BEGIN IMMEDIATE")
            try:
                migrations.apply(SqliteUtilsDatabase(connection))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                connection.execute("PRAGMA foreign_keys = ON")

    def back_up_before(self, migration: str) -> None:
        """A copy in `backups/` beside the file. Raises StoreError."""
        folder = self.path.parent / "backups"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(f"No backup can be made in {folder}: {error.strerror}. Nothing was migrated.") from None
        name = re.sub(r"[^a-z0-9]+", "-", migration.lower())
        name = f"before-{name}-{secrets.token_hex(3)}.sqlite"
        self.copy_to(folder / name)

    def copy_to(self, path: Path) -> None:
        """A whole copy, though others write meanwhile. Raises StoreError that names the copy if it cannot be made."""
        source = self.connection
        try:
            path.touch(mode=0o600)
            target = sqlite3.connect(path)
            try:
                source.backup(target)
            finally:
                target.close()
        except OSError as error:
            raise StoreError(f"The copy {path} cannot be made: {error.strerror}.") from None
        except sqlite3.DatabaseError as error:
            raise StoreError(_words(error, path)) from error

    def take_alone(self) -> None:
        """Have the file for this connection alone, and all of it in one file. Raises StoreError while others use it."""
        with self._translating():
            self.connection.execute("PRAGMA busy_timeout = 1000")
            self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.connection.execute("PRAGMA journal_mode = DELETE").fetchone()

    def close(self) -> None:
        while self._connections:
            self._connections.pop().close()
        self._local = threading.local()

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
        except OSError as error:
            raise StoreError(
                f"The data folder {self.path.parent} cannot be written: {error.strerror}.\n"
                "Give it to the user that runs this, or set FEEDBACK_DATA_DIR to another folder."
            ) from None
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        try:
            self._use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA cache_size = {-1024 * self._cache_mib}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {max(1000, 128 * self._cache_mib)}")  # pages of 4 KiB
            connection.execute("PRAGMA secure_delete = ON")  # what was erased is not to be found in the file
        except BaseException:
            connection.close()
            raise
        return connection

    @staticmethod
    def _use_wal(connection: sqlite3.Connection) -> None:
        """Switch to WAL. SQLite does not wait here for another process that is switching too; the write lock does."""
        for _ in range(50):
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = WAL")
                return
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        connection.execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.DatabaseError) -> Exception:
        if isinstance(error, sqlite3.IntegrityError):
            return error  # a broken promise of ours, never a user's mistake: let it be seen whole
        is_damaged = _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        return (DatabaseDamaged if is_damaged else StoreError)(_words(error, self.path))


def _code(error: sqlite3.DatabaseError) -> int:
    """The primary result code of SQLite; 0 if the error is none of SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _words(error: sqlite3.DatabaseError, path: Path) -> str:
    advice = {
        sqlite3.SQLITE_FULL: "The disk is full. Make room and try again; nothing was half-written.",
        sqlite3.SQLITE_IOERR: "The disk cannot be read or written. Check its space and its health.",
        sqlite3.SQLITE_READONLY: "The file or its folder may not be written. Give it to the user that runs this.",
        sqlite3.SQLITE_CANTOPEN: "The file cannot be opened. Check who owns it and its folder.",
        sqlite3.SQLITE_BUSY: f"Another process has held it for {BUSY_TIMEOUT_S} s. Try again.",
        sqlite3.SQLITE_CORRUPT: "The file is damaged. Restore a backup.",
        sqlite3.SQLITE_NOTADB: "The file is not a database. Restore a backup.",
    }.get(_code(error), "Nothing was half-written.")
    return f"The database {path}: {error}. {advice}"


def _bound(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value if value.__class__ in _AS_IS else as_held(value) for name, value in values.items()}


_AS_IS = frozenset((str, int, type(None)))


def as_held(value: object) -> object:
    """A value as the database holds it."""
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return ",".join(value) or None
    return str(value) if isinstance(value, str) else value

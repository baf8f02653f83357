"""A backup: one compressed file that holds the database and the secret, and was read back before it counts."""

import errno
import gzip
import os
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from feedback.errors import ConfigError, StoreError
from feedback.keys import read_secrets
from feedback.store.sqlite import Database

_DAY_S = 86_400
DATABASE, SECRET = "feedback.db", "secret.key"


def write_archive(database: Database, secret: Path, target: Path, now: datetime) -> None:
    """Back up a database, though others write meanwhile, and its secret. Never over a file that is there.

    The archive is opened and its database checked before it gets its name. Raises StoreError.
    """
    if target.exists():
        raise StoreError(f"{target} is there already, and a backup overwrites nothing. Give another name.")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(target.parent, ".backup-", now)
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as folder:
            copy, fresh = Path(folder) / "copy.sqlite", Path(folder) / "archive"
            database.copy_to(copy)
            _forget_visitors(copy)
            with tarfile.open(fresh, "w:gz", compresslevel=6) as archive:
                archive.add(copy, DATABASE)
                archive.add(secret, SECRET)
            copy.unlink()
            read_archive(fresh, Path(folder))
            fresh.chmod(0o600)
            _flush(fresh)
            _give_name(fresh, target)
            _flush(target.parent)
    except (OSError, tarfile.TarError) as error:
        raise StoreError(f"The backup {target} cannot be made: {error}. Nothing stands under its name.") from None


def _forget_visitors(copy: Path) -> None:
    """Beside the secret their hashes would be addresses; and they are kept for a day, a backup for weeks."""
    with closing(sqlite3.connect(copy)) as connection, connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'visitors'").fetchone():
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("DELETE FROM visitors")


def read_archive(archive: Path, folder: Path) -> None:
    """Unpack a backup into a folder, and check what is in it. Raises StoreError for anything but a whole backup."""
    if not archive.is_file():
        raise StoreError(f"There is no file {archive}. Nothing was changed.")
    try:
        with gzip.open(archive) as plain, tarfile.open(fileobj=plain, mode="r:") as packed:
            for name in (DATABASE, SECRET):
                member = packed.extractfile(name)
                if member is None:
                    raise KeyError(name)
                path = folder / name
                path.touch(mode=0o600)
                with member, path.open("wb") as file:
                    shutil.copyfileobj(member, file)
            while plain.read(1 << 20):  # to its end, where the checksum is
                pass
        read_secrets(folder / SECRET)
    except (KeyError, tarfile.TarError, EOFError, OSError, zlib.error, ValueError, ConfigError) as error:
        raise StoreError(f"{archive} is no whole backup of ours: {error}. Take another one.") from None
    _check(folder / DATABASE, archive)


def sweep(folder: Path, prefix: str, now: datetime) -> None:
    """Remove temporary folders that a killed process has left; one that is younger than a day may be in use."""
    for left in folder.glob(f"{prefix}*"):
        with suppress(OSError):
            if now.timestamp() - left.stat().st_mtime > _DAY_S:
                shutil.rmtree(left)


def _give_name(fresh: Path, target: Path) -> None:
    """Unlike rename, a link replaces nothing; where the disk has none, the name is reserved first."""
    try:
        os.link(fresh, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(fresh, target)


def _check(database: Path, archive: Path) -> None:
    try:
        connection = sqlite3.connect(database)
        try:
            (found,) = connection.execute("PRAGMA integrity_check").fetchone()
            connection.execute("SELECT 1 FROM _sqlite_migrations WHERE migration_set = 'feedback'").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        found = str(error)
    for rest in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            database.with_name(database.name + rest).unlink()
    if found != "ok":
        raise StoreError(f"The database in {archive} is damaged: {found}. Take another backup.")


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

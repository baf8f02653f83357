"""What lies in files about people who are forgotten: caught mail, messages set aside, rows that an import refused.

Which of it is to go is written down nowhere: each time it is found anew, by what the database says of its mails and by
the hashes of whom it has erased. So one sweep runs right after an erasure and again each night, and to do it twice
harms nothing: what a crash left over, or a sender wrote in the moment of the erasure, is gone by the next morning.
"""

import csv
import fcntl
import io
import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from feedback.config import Config
from feedback.domain.cases import NEEDED_FIELDS, normalise_email
from feedback.domain.purchases import NEEDED_OF_PURCHASE
from feedback.keys import Keys, Purpose
from feedback.loop.receiving import SET_ASIDE
from feedback.mail.inbound import own_references, references
from feedback.mail.inbox import texts
from feedback.store import Store

REFUSED = "refused"
_ADDRESS_LONGEST = 320
_BESIDE_ADDRESS = re.compile(r"""[\s,;:<>"'()|]""")
_REFERENCES = frozenset(("ref", "customer_ref", "merged_into"))
_HEADER = b"line,field,"  # how a file of refused rows begins
_SWEPT = ".swept"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Traces:
    """By what a text tells whom it is about.

    `addresses` are normalised. `references` stand in columns of that name; `values` in columns that a mapping reads, we
    do not know as what.
    """

    addresses: frozenset[str]
    references: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()


@dataclass(slots=True)
class Swept:
    """How many messages and refused rows went, and the files that should have gone and could not.

    `busy` are those that an import is writing, whose turn is the next night. `lingering` says why the database's own
    files may hold what was erased.
    """

    messages: int = 0
    rows: int = 0
    left: list[Path] = field(default_factory=list)
    busy: list[Path] = field(default_factory=list)
    lingering: str | None = None


def sweep(
    store: Store, keys: Keys, config: Config, is_theirs: Callable[[Traces], bool], before: datetime | None = None
) -> Swept:
    """Delete what is about people who are erased or forgotten; and with `before` whatever is older.

    A message goes if the mail that it is, or answers, is about them, or if an address of theirs is in it. Nothing can
    tell whom a caught mail was about that the database does not know, as after a restore: it goes, too. In a Maildir
    outside the data folder, which may be somebody's own, only mails that we signed are touched.
    """
    swept = Swept()
    for path, is_inside in _messages(config):
        try:
            is_letter = path.is_file() and not path.is_symlink()
            if is_letter and _is_to_go(store, keys, config, path, is_theirs, before, is_inside=is_inside):
                path.unlink()
                swept.messages += 1
        except FileNotFoundError:
            continue  # a mail program has moved it; the next night finds it
        except OSError:
            swept.left.append(path)
    sweep_refused(config, is_theirs, before, swept)
    return swept


def sweep_refused(config: Config, is_theirs: Callable[[Traces], bool], before: datetime | None, swept: Swept) -> None:
    """Take their rows out of the files of refused rows. What an import is writing at this moment is left."""
    for path in refused_files(config):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    continue  # another sweep has put a new one in its place since it was opened
                if path.name.endswith(_SWEPT) or _is_older(path, before):
                    path.unlink()
                else:
                    swept.rows += _without(path, file, is_theirs)
        except FileNotFoundError:
            continue
        except BlockingIOError:
            if not path.name.endswith(_SWEPT):  # that one is another sweep's
                swept.busy.append(path)
        except OSError:
            swept.left.append(path)


def warn_of(swept: Swept) -> None:
    """Tell in the log what could not go."""
    for path in swept.left:
        _log.warning("%s holds what should be forgotten, and cannot be changed: see who owns it", path)


def swept_files(config: Config) -> set[Path]:
    """All that a sweep looks into."""
    return {*refused_files(config), *(path for path, _ in _messages(config))}


def refused_files(config: Config) -> list[Path]:
    return [path for path in (config.data_dir / REFUSED).glob("*") if path.is_file()]


def traces_of_row(row: str, given: str = "") -> Traces:
    """Of a refused row, JSON by column or a line as it stands, and of the value that was refused."""
    try:
        told = json.loads(row)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        by_column = {str(name).lower(): str(value).strip() for name, value in told.items()}
    else:
        by_column = {str(n): one.strip() for n, one in enumerate(re.split(r'[,;\t|"\r\n]', row))}
    cells = frozenset(by_column.values()) - {""}
    addresses = frozenset(map(normalise_email, {given, *cells})) | addresses_in(row) | addresses_in(given)
    if by_column.keys() >= set(NEEDED_FIELDS):
        return Traces(addresses, references=frozenset(by_column[name] for name in _REFERENCES if name in by_column))
    if by_column.keys() >= set(NEEDED_OF_PURCHASE):  # its `ref` is an order's
        return Traces(addresses, references=frozenset({by_column.get("customer_ref", "")} - {""}))
    return Traces(addresses, values=cells)


def addresses_in(text: str) -> set[str]:
    """The addresses in a text, normalised; the text itself, too, if it may be one of an odd kind."""
    found = {text} if "@" in text and len(text) <= _ADDRESS_LONGEST else set()
    for at in re.finditer("@", text):
        before = _BESIDE_ADDRESS.split(text[max(0, at.start() - _ADDRESS_LONGEST) : at.start()])
        after = _BESIDE_ADDRESS.split(text[at.end() : at.end() + _ADDRESS_LONGEST], maxsplit=1)
        found.add(f"{before[-1]}@{after[0]}".strip("."))
    return {normalise_email(one) for one in found}


def is_message(path: Path) -> bool:
    """Whether a file is a message by where it lies: in a Maildir, or set aside."""
    return path.parent.name in ("new", "cur", "tmp", SET_ASIDE) or path.suffix == ".eml"


def _messages(config: Config) -> Iterator[tuple[Path, bool]]:
    """Caught mail, also from before mail went out by a server, and messages that could not be taken in.

    With each, whether it lies in the data folder.
    """
    caught = {config.data_dir / "mail"}
    if config.mail.startswith("maildir:"):
        caught.add(config.mail_folder)
    patterns = [f"{folder}{part}/*" for folder in ("", ".*/") for part in ("new", "cur", "tmp")]
    for folder, pattern in (*((box, one) for box in caught for one in patterns), (config.data_dir / SET_ASIDE, "*")):
        is_inside = folder.resolve().is_relative_to(config.data_dir.resolve())
        yield from ((path, is_inside) for path in folder.glob(pattern))


def _is_to_go(
    store: Store,
    keys: Keys,
    config: Config,
    path: Path,
    is_theirs: Callable[[Traces], bool],
    before: datetime | None,
    *,
    is_inside: bool,
) -> bool:
    content = path.read_bytes()
    own = [key for token in own_references(content) if (key := keys.verify(Purpose.MESSAGE, token)) is not None]
    if not own and not is_inside:
        return False
    if _is_older(path, before) or any(store.erasures.is_forgotten(key) in (True, None) for key in own):
        return True
    told = references(content)
    about = [keys.verify(Purpose.MESSAGE, token) for token in (*told.returned, *told.answered, *told.thread)]
    about += [keys.verify_return_token(token) for token in told.return_tokens]
    if any(store.erasures.is_forgotten(key) for key in about if key is not None):
        return True
    found = set().union(*(addresses_in(text) for text in texts(content)))
    return is_theirs(Traces(frozenset(found - {*config.own_addresses})))


def _is_older(path: Path, before: datetime | None) -> bool:
    return before is not None and path.stat().st_mtime < before.timestamp()


def _without(path: Path, file: BinaryIO, is_theirs: Callable[[Traces], bool]) -> int:
    """Put a file without their rows in place of it, else byte for byte as it was; how many rows that took."""
    theirs = {n for n, row in enumerate(_rows(file)) if not row.startswith(_HEADER) and is_theirs(_traces(row))}
    if not theirs:
        return 0
    file.seek(0)
    fresh, known, keeps_some = path.with_name(f".{path.name}{_SWEPT}"), os.fstat(file.fileno()), False
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as swept:
        fcntl.flock(swept, fcntl.LOCK_EX)  # for another sweep would take it for what a crash has left
        for n, row in enumerate(_rows(file)):
            if n not in theirs:
                swept.write(row)
                keeps_some = keeps_some or not row.startswith(_HEADER)
        swept.flush()
        os.fsync(swept.fileno())
    if keeps_some:
        os.utime(fresh, ns=(known.st_atime_ns, known.st_mtime_ns))  # by which the file's age is told
        os.replace(fresh, path)
    else:
        fresh.unlink()
        path.unlink()
    return len(theirs)


def _rows(file: Iterable[bytes]) -> Iterator[bytes]:
    """The rows of a CSV file as they stand: each ends with a line after which no quote is open."""
    row, is_open = b"", False
    for line in file:
        row, is_open = row + line, is_open ^ (line.count(b'"') % 2 == 1)
        if not is_open:
            yield row
            row = b""
    if row:
        yield row


def _traces(row: bytes) -> Traces:
    text = row.decode("utf-8", "replace")
    try:
        cells = next(csv.reader(io.StringIO(text, newline="")), [])
    except csv.Error:
        cells = []
    if len(cells) == 5:  # line, field, given, expected, row; an apostrophe is before what a spreadsheet would run
        return traces_of_row(cells[4].removeprefix("'"), cells[2].removeprefix("'"))
    return traces_of_row(text)

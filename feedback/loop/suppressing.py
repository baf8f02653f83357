"""The suppression list goes to another place, or comes from one.

It holds keyed hashes, not addresses, so what is exported is of use only where the secret is the same, as after a move.
Lists of other programs have addresses.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from feedback.domain.audit import COMMAND_LINE, Action
from feedback.domain.cases import aware, normalise_email, text
from feedback.domain.surveys import Suppression
from feedback.errors import FieldError, FileError
from feedback.keys import Keys
from feedback.setting_types import is_email
from feedback.store import Store
from feedback.store.files import BadRow, Row, open_records

COLUMNS = ("address_hash", "reason", "at", "secret")
BATCH = 500


@dataclass(slots=True)
class SuppressionReport:
    """What an import did: how many addresses are new here, how many were known, and which rows were refused."""

    added: int = 0
    known: int = 0
    refused: list[BadRow] = field(default_factory=list)


def export_suppressions(store: Store, keys: Keys) -> list[tuple[str, ...]]:
    """The list as rows of a CSV, the first one its columns."""
    secret = keys.fingerprints()[0]
    found = sorted(store.surveys.suppressions())
    return [
        COLUMNS,
        *((address_hash, reason, f"{at:%Y-%m-%dT%H:%M:%SZ}", secret) for address_hash, reason, at in found),
    ]


def import_suppressions(store: Store, keys: Keys, path: Path, now: datetime) -> SuppressionReport:
    """Take in a list: one that was exported here, or a CSV with a column `email`. Raises FileError.

    A row that cannot be used stops no other.
    """
    report = SuppressionReport()
    with open_records(path) as file:
        columns = file.columns or []
        if not any(_name(column) in ("email", "address_hash") for column in columns):
            raise FileError(
                f"{path} has the columns {', '.join(columns) or 'none'}; expected one named email.\n"
                "Write email into the first line, above the addresses."
            )
        batch: list[tuple[str, Suppression, datetime]] = []
        for row in file:
            if isinstance(row, BadRow):
                report.refused.append(row)
                continue
            try:
                batch.append(_read(row, keys, now))
            except FieldError as error:
                report.refused.append(row.bad(error))
            if len(batch) == BATCH:
                _store(store, batch, report)
        if batch:
            _store(store, batch, report)
    if report.added:
        with store.write():
            store.audit.note(COMMAND_LINE, Action.SUPPRESS, "suppressions", now, became=f"{report.added:,} more")
    return report


def _store(store: Store, batch: list[tuple[str, Suppression, datetime]], report: SuppressionReport) -> None:
    with store.write():
        for address_hash, reason, at in batch:
            if store.surveys.suppression([address_hash]) is None:
                report.added += 1
            else:
                report.known += 1
            store.surveys.suppress(address_hash, reason, at)
    batch.clear()


def _read(row: Row, keys: Keys, now: datetime) -> tuple[str, Suppression, datetime]:
    named = {_name(column): value for column, value in row.values.items()}
    values = {name: text(name, named[name]) for name in (*COLUMNS, "email") if name in named}
    if email := values.get("email"):
        if not is_email(email):
            raise FieldError("email", email, "an address")
        address_hash = keys.address_hashes(normalise_email(email))[0]
    else:
        address_hash = _hash(values, keys)
    try:
        reason = Suppression(values.get("reason") or Suppression.OPTED_OUT)
    except ValueError:
        raise FieldError("reason", values["reason"], f"one of {', '.join(Suppression)}") from None
    return address_hash, reason, _moment(values.get("at"), now)


def _name(column: str) -> str:
    """The columns of ours by their names, that of addresses by whatever other programs call it."""
    name = column.strip().lower()
    return "email" if re.sub("[^a-z]", "", name) in ("email", "mail", "emailaddress", "address") else name


def _hash(values: dict[str, str | None], keys: Keys) -> str:
    given = values.get("address_hash") or "nothing"
    if len(given) != 64 or set(given) - set("0123456789abcdef"):
        raise FieldError("address_hash", given, "a hash of 64 letters, or an address in a column email")
    if values.get("secret") not in keys.fingerprints():
        raise FieldError(
            "secret", values.get("secret") or "nothing", "a list from an installation with the same secret.key"
        )
    return given


def _moment(at: str | None, now: datetime) -> datetime:
    if at is None:
        return now
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise FieldError("at", at, "a time such as 2026-11-22T09:30:00Z") from None
    return min(aware("at", at, moment, ZoneInfo("UTC")), now)

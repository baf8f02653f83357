"""The versions of the schema, in their order; each is a file of `schema/`, by its number."""

import sqlite3
from functools import partial
from importlib import resources

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

TEAMS_KNOWN = "16 lists by team"  # needs more than SQL
VERSIONS = (
    "1 the schema",
    "2 the desk",
    "3 erasing",
    "4 tact",
    "5 what comes back",
    "6 answers that count",
    "7 asking again",
    "8 search",
    "9 people",
    "10 erasing and searching",
    "11 public notes",
    "12 records",
    "15 erasing at once",
    TEAMS_KNOWN,
    "17 told once",
    "19 taps",
)
migrations = Migrations("feedback")


def team_key(name: str) -> str:
    """The same for each spelling of a team, as settings know it: capitals do not matter."""
    return name.casefold()


def _apply(version: str, database: Database) -> None:
    number = version.partition(" ")[0]
    schema = resources.files("feedback.store").joinpath("schema", f"{number}.sql").read_text("utf-8")
    statement = ""
    for line in schema.splitlines(keepends=True):  # executescript would commit
        statement += line
        if sqlite3.complete_statement(statement):  # knows that a trigger has statements inside
            database.execute(statement)
            statement = ""
    if version == TEAMS_KNOWN:
        _learn_teams(database)


def _learn_teams(database: Database) -> None:
    """Every spelling that there is, with its key, which only the program can make."""
    said = "SELECT team FROM cases UNION SELECT team FROM resolutions UNION SELECT team FROM staff_teams"
    names = {"", *(name for (name,) in database.execute(said) if name is not None)}
    for name in names:
        database.execute("INSERT INTO teams (name, key) VALUES (?, ?)", (name, team_key(name)))
    database.execute("INSERT INTO works_in (staff_id, team) SELECT staff_id, team FROM works_in_by_rule")


for _version in VERSIONS:
    migrations(name=_version)(partial(_apply, _version))  # type: ignore[type-var]  # the stubs want a function

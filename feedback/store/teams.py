"""Teams as help desks spell them, who works in which, and how a list of what somebody sees is read."""

from feedback.store.migrations import team_key
from feedback.store.sqlite import Database, load_queries

_sql = load_queries("teams")


def learn(database: Database, name: str) -> None:
    """Whoever works in this team, however it was spelled so far, works in what is spelled so, too."""
    if database.change(_sql.learn_team, name=name, key=team_key(name)):
        spread(database)


def spread(database: Database) -> None:
    """Say anew who works where: a team or a person is new, or not what they were."""
    database.change(_sql.forget_who_works_where)
    database.change(_sql.spread)


def known(database: Database) -> list[str]:
    """Those that cases or people are of, in each spelling."""
    return [row["name"] for row in database.rows(_sql.known_teams)]


def reads_by_date(database: Database, seen_by: str | None) -> bool:
    """Whether a list is read from all that there is, the newest first, until its page is full.

    Whoever works in teams of their own alone might look long for a page, so what they see is read, and sorted then.
    """
    row = database.row(_sql.sees_all_teams, seen_by=seen_by)
    assert row is not None
    return bool(row["by_date"])

"""What keeps the service itself honest: heartbeats, builds of the site, API keys."""

from dataclasses import dataclass
from datetime import datetime

from feedback.errors import NotFound, Refused
from feedback.keys import new_id
from feedback.store.sqlite import Database, load_queries, moment

_sql = load_queries("operations")


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A job's last beat, by the machine's clock, and why its last run failed, if it did."""

    job: str
    beat_at: datetime
    words: str | None


@dataclass(frozen=True, slots=True)
class Build:
    """A build of the site: the moment its figures speak of, when it ended, and why it failed, if it did."""

    at: datetime
    finished_at: datetime
    words: str | None


class Operations:
    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, job: str, at: datetime, failure: str | None) -> None:
        self._database.change(_sql.beat, job=job, at=at, words=failure)

    def heartbeats(self) -> list[Heartbeat]:
        return [
            Heartbeat(row["job"], moment(row["beat_at"]), row["words"]) for row in self._database.rows(_sql.heartbeats)
        ]

    def note_build(self, build: Build) -> None:
        self._database.change(_sql.add_build, at=build.at, finished_at=build.finished_at, words=build.words)

    def last_build(self, *, good: bool = False) -> Build | None:
        row = self._database.row(_sql.last_good_build if good else _sql.last_build)
        return Build(moment(row["at"]), moment(row["finished_at"]), row["words"]) if row else None

    def add_api_key(self, name: str, key_hash: str, now: datetime) -> None:
        """Raises Refused if the name is taken."""
        if not self._database.change(_sql.add_api_key, id=new_id(), name=name, key_hash=key_hash, at=now):
            raise Refused(f"There is a key named {name!r} already. Choose another name.")

    def has_api_key(self, key_hash: str) -> bool:
        return self._database.row(_sql.api_key, key_hash=key_hash) is not None

    def api_keys(self) -> list[tuple[str, datetime]]:
        """Each key's name, and since when it is."""
        return [(row["name"], moment(row["created_at"])) for row in self._database.rows(_sql.api_keys)]

    def remove_api_key(self, name: str) -> None:
        """Raises NotFound."""
        if not self._database.change(_sql.remove_api_key, name=name):
            raise NotFound(f"There is no key named {name!r}. See them with: feedback key list")

"""What keeps the service itself honest: heartbeats, builds of the site, API keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
    """A build of the site: the moment its figures speak of, when it ended, and why it failed, or what it says."""

    at: datetime
    finished_at: datetime
    words: str | None = None
    headline: str | None = None


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo: since when, by its own clock, and how far that clock is from the machine's."""

    since: datetime
    offset: timedelta


@dataclass(frozen=True, slots=True)
class Hold:
    """Why customers' mail is held, since when, the database that a restore has put aside, and how many mails of the
    backup are known to have gone out."""

    since: datetime
    reason: str
    replaced: Path | None = None
    known: int = 0


class Operations:
    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, job: str, at: datetime, failure: str | None) -> None:
        self._database.change(_sql.beat, job=job, at=at, words=failure)

    def heartbeats(self) -> list[Heartbeat]:
        return [
            Heartbeat(row["job"], moment(row["beat_at"]), row["words"]) for row in self._database.rows(_sql.heartbeats)
        ]

    def forget_heartbeats(self) -> None:
        """As if no job had ever run: what they would tell of a gap is known."""
        self._database.change(_sql.forget_heartbeats)

    def note_build(self, build: Build) -> None:
        self._database.change(
            _sql.add_build, at=build.at, finished_at=build.finished_at, words=build.words, headline=build.headline
        )

    def last_build(self) -> Build | None:
        """The newest, good or failed."""
        row = self._database.row(_sql.last_build)
        return _build(row) if row else None

    def good_builds(self, limit: int) -> list[Build]:
        """Newest first."""
        return [_build(row) for row in self._database.rows(_sql.good_builds, limit=limit)]

    def request(self, job: str) -> None:
        """Want a job to do its work at its next look."""
        self._database.change(_sql.add_request, job=job, id=new_id())

    def requested(self, job: str) -> str | None:
        """The request that waits for a job."""
        row = self._database.row(_sql.requested, job=job)
        return row["id"] if row else None

    def settle_request(self, job: str, request: str) -> None:
        """The job has done it; a request that came meanwhile still waits."""
        self._database.change(_sql.settle_request, job=job, id=request)

    def hold(self, hold: Hold) -> None:
        """Let no mail to customers go out until it is released."""
        replaced = str(hold.replaced) if hold.replaced is not None else None
        self._database.change(_sql.hold, since=hold.since, reason=hold.reason, replaced=replaced, known=hold.known)

    def held(self) -> Hold | None:
        row = self._database.row(_sql.held)
        if row is None:
            return None
        replaced = Path(row["replaced"]) if row["replaced"] else None
        return Hold(moment(row["since"]), row["reason"], replaced, row["known"])

    def release(self) -> None:
        self._database.change(_sql.release_hold)

    def begin_demo(self, since: datetime, offset: timedelta) -> None:
        """Mark the database as a demo's, whose clock differs from the machine's."""
        self._database.change(_sql.begin_demo, since=since, offset_s=int(offset.total_seconds()))

    def demo(self) -> Demo | None:
        row = self._database.row(_sql.demo)
        return Demo(moment(row["since"]), timedelta(seconds=row["offset_s"])) if row else None

    def move_clock(self, by: timedelta) -> None:
        self._database.change(_sql.move_clock, by_s=int(by.total_seconds()))

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


def _build(row: Mapping[str, Any]) -> Build:
    return Build(moment(row["at"]), moment(row["finished_at"]), row["words"], row["headline"])

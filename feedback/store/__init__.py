"""The only room that knows SQL. One typed method a question; rows become domain objects here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from feedback.errors import PendingMigrations, StoreError
from feedback.store.archives import write_archive
from feedback.store.audit import Audit
from feedback.store.cases import Cases
from feedback.store.customers import Customers
from feedback.store.dossiers import Dossiers
from feedback.store.erasures import Erasures
from feedback.store.figures import Figures
from feedback.store.followups import FollowUps
from feedback.store.operations import Operations
from feedback.store.outbox import Outbox
from feedback.store.outcomes import Outcomes
from feedback.store.purchases import Purchases
from feedback.store.queue import Queue
from feedback.store.quotes import Quotes
from feedback.store.returns import Returns
from feedback.store.search import Search
from feedback.store.sqlite import Database
from feedback.store.staff import StaffList
from feedback.store.surveys import Surveys
from feedback.store.taps import Taps

__all__ = ["Store", "open_store"]


class Store:
    """The database, a part a subject. Every change happens inside `with store.write():`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.cases = Cases(database)
        self.customers = Customers(database)
        self.purchases = Purchases(database)
        self.surveys = Surveys(database)
        self.quotes = Quotes(database)
        self.figures = Figures(database)
        self.outcomes = Outcomes(database)
        self.outbox = Outbox(database)
        self.returns = Returns(database)
        self.erasures = Erasures(database)
        self.dossiers = Dossiers(database)
        self.follow_ups = FollowUps(database)
        self.queue = Queue(database)
        self.search = Search(database)
        self.taps = Taps(database)
        self.staff = StaffList(database)
        self.audit = Audit(database)
        self.operations = Operations(database)

    @contextmanager
    def write(self) -> Iterator[None]:
        """One transaction that begins with the write lock: what is read inside stays true until it is committed.

        All or nothing; once the block is left without an error, its changes are on disk. Raises StoreError.
        """
        with self._database.write():
            yield
            self.search.refresh()

    def write_anew(self) -> None:
        """Leave nothing in the database's files of what was replaced or erased. To do so twice harms nothing.

        Nobody else writes meanwhile. Raises StoreError if it cannot be done now, while somebody reads say.
        """
        with self.write():
            self.search.sweep()
        self._database.write_anew()

    def take_alone(self) -> None:
        """Keep everyone else off the database until it is closed. Raises StoreError while anyone uses it."""
        self._database.take_alone()

    def back_up(self, secret: Path, target: Path, now: datetime) -> None:
        """The database and the secret in one checked, compressed file. Raises StoreError."""
        write_archive(self._database, secret, target, now)

    def copy_to(self, path: Path) -> "Store":
        """A whole, consistent copy of the database in a new file, opened."""
        self._database.copy_to(path)
        return Store(Database(path))

    def close(self) -> None:
        self._database.close()


def open_store(url: str, *, migrate: bool = False, cache_mib: int = 2) -> Store:
    """Open the database; make it if there is none. With `migrate`, bring an older one up to date, after a backup.

    `cache_mib` is how much of it each connection keeps in memory at most: who writes all over it needs more.

    Raises PendingMigrations for an older database that may not be migrated here, StoreError if it cannot be used.
    """
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path:
        raise StoreError(f"The database is {url!r}; expected sqlite:/// and the path of a file.")
    database = Database(Path(path), cache_mib)
    try:
        if database.is_empty():
            database.migrate()
        elif pending := database.pending():
            if not migrate:
                raise PendingMigrations(
                    f"The database {path} is older than this program (it lacks {', '.join(pending)}).\n"
                    "Stop the service, then run: feedback migrate"
                )
            database.back_up_before(pending[0])
            database.migrate()
    except BaseException:
        database.close()
        raise
    return Store(database)

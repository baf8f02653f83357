"""The present moment, for the edges: requests, jobs and commands. In a demo it differs from the machine's clock."""

from datetime import UTC, datetime, timedelta

from feedback.config import Config
from feedback.errors import ConfigError, Refused
from feedback.store import Store
from feedback.store.operations import Demo


class Clock:
    """Call it for an aware UTC datetime. Raises ConfigError for a demo that others can reach, or that writes."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._is_demo = store.operations.demo() is not None
        if self._is_demo and not (config.mail_is_trial and config.is_local):
            raise ConfigError(
                f"The data in {config.data_dir} is a demo's, whose passwords everybody knows.\n"
                "It runs on this machine only. For a real service, begin in an empty folder with: feedback init"
            )

    def __call__(self) -> datetime:
        demo = self.demo()
        return datetime.now(UTC) + (demo.offset if demo else timedelta(0))

    def demo(self) -> Demo | None:
        """The demo, if the database was one's at the start."""
        return self._store.operations.demo() if self._is_demo else None

    def let_pass(self, time: timedelta) -> None:
        """Move a demo's clock forward. Raises Refused anywhere else."""
        if not self._is_demo:
            raise Refused("Only the clock of a demo can be moved.")
        with self._store.write():
            self._store.operations.move_clock(time)

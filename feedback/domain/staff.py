"""Who works at the desk, and how failed logins slow the next try."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

PASSWORD_SHORTEST = 10
PASSWORD_LONGEST = 1_000
FREE_TRIES = 3
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)


class Role(StrEnum):
    """What somebody may do at the desk; each may do what those below may."""

    OWNER = "owner"  # everything, the people and the settings' consequences among it
    LEAD = "lead"  # all that their teams do, with the answers and figures of these
    AGENT = "agent"  # the follow-ups that they have, and those of their teams that nobody has

    def covers(self, other: "Role") -> bool:
        return list(Role).index(self) <= list(Role).index(other)


@dataclass(frozen=True, slots=True)
class Staff:
    """`teams` are those whose follow-ups somebody sees; none is all of them."""

    id: str
    email: str
    name: str
    password_hash: str
    session_key: str
    disabled_at: datetime | None
    role: Role
    teams: tuple[str, ...] = ()
    zone: ZoneInfo | None = None

    @property
    def is_active(self) -> bool:
        """Not locked out, though they may have no password yet."""
        return self.disabled_at is None

    @property
    def may_log_in(self) -> bool:
        return self.is_active and self.password_hash != ""


@dataclass(frozen=True, slots=True)
class FailedLogins:
    """How many logins with one address failed lately, and when the last one did."""

    n: int
    last_at: datetime | None

    @property
    def try_again_at(self) -> datetime | None:
        """When the next try is heard: after the third failure 2 s, then twice as long each time, up to 15 minutes."""
        if self.last_at is None or self.n < FREE_TRIES:
            return None
        seconds = 2 ** min(self.n - FREE_TRIES + 1, 20)
        return self.last_at + min(LONGEST_WAIT, timedelta(seconds=seconds))


def name_from(email: str) -> str:
    """A name to begin with: `mara.lind@acme.example` is Mara."""
    return email.partition("@")[0].partition(".")[0].capitalize()

"""Who may work at the desk, and logins that failed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from feedback.domain.cases import normalise_email
from feedback.domain.staff import FailedLogins, Role, Staff
from feedback.errors import NotFound, Refused
from feedback.keys import new_id
from feedback.store import teams
from feedback.store.migrations import team_key
from feedback.store.sqlite import Database, load_queries, moment_or_none

_sql = load_queries("staff")


class StaffList:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, email: str, name: str, password_hash: str | None, role: Role, teams: Iterable[str] = ()) -> str:
        """The new person's id; without a password they cannot log in yet. Raises Refused if the address is known."""
        self.check_new(email)
        key = new_id()
        self._database.change(
            _sql.add_staff, id=key, email=normalise_email(email), name=name, password_hash=password_hash, role=role
        )
        self._set_teams(key, teams)
        return key

    def change(self, key: str, name: str, role: Role, teams: Iterable[str]) -> None:
        """What colleagues call the person, and what they may do and see."""
        self._database.change(_sql.change_staff, id=key, name=name, role=role)
        self._set_teams(key, teams)

    def _set_teams(self, key: str, names: Iterable[str]) -> None:
        self._database.change(_sql.leave_teams, id=key)
        for team in dict.fromkeys(names):
            teams.learn(self._database, team)
            self._database.change(_sql.join_team, id=key, team=team)
        teams.spread(self._database)

    def sees(self, key: str, resolution_id: str) -> bool:
        """Whether the person sees the follow-up and the answers of a resolution."""
        return self._database.row(_sql.sees, id=key, resolution_id=resolution_id) is not None

    def sees_case(self, key: str, case_id: str) -> bool:
        return self._database.row(_sql.sees_case, id=key, case_id=case_id) is not None

    def leads_of(self, follow_up_id: str) -> list[str]:
        """The addresses of the leads who see a follow-up."""
        return [row["email"] for row in self._database.rows(_sql.leads_of, follow_up_id=follow_up_id)]

    def teams(self) -> list[str]:
        """Those that cases or people are of, by name."""
        found = {team_key(name): name for name in teams.known(self._database)}
        return [found[name] for name in sorted(found)]

    def check_new(self, email: str) -> None:
        """Raises Refused if the address is known."""
        if self.with_email(email) is not None:
            raise Refused(f"{email} is known at the desk already. A new password: feedback staff password {email}")

    def known(self, email: str) -> Staff:
        """Raises NotFound."""
        person = self.with_email(email)
        if person is None:
            raise NotFound(f"Nobody at the desk has the address {email}. See who may log in: feedback staff list")
        return person

    def get(self, key: str) -> Staff | None:
        return _staff_or_none(self._database.row(_sql.staff_by_id, id=key))

    def with_email(self, email: str) -> Staff | None:
        return _staff_or_none(self._database.row(_sql.staff_by_email, email=normalise_email(email)))

    def all(self) -> list[Staff]:
        return [_staff(row) for row in self._database.rows(_sql.staff)]

    def set_password(self, email: str, password_hash: str) -> None:
        """A new password, which lets a disabled person in again. Raises NotFound."""
        self.known(email)
        self._database.change(_sql.set_password, email=normalise_email(email), password_hash=password_hash)

    def set_zone(self, email: str, zone: str | None) -> None:
        """The time zone in which the person reads times; None is the business's. Raises NotFound."""
        self.known(email)
        self._database.change(_sql.set_zone, email=normalise_email(email), zone=zone)

    def disable(self, email: str, now: datetime) -> None:
        """May not log in any more. Raises NotFound."""
        self.known(email)
        self._database.change(_sql.disable_staff, email=normalise_email(email), at=now, session_key=new_id())

    def let_in_again(self, key: str) -> None:
        """Not locked out any more, and without a password."""
        self._database.change(_sql.let_in_again, id=key)

    def end_sessions(self, key: str) -> None:
        """Log the person out, everywhere."""
        self._database.change(_sql.end_sessions, id=key, session_key=new_id())

    def carry_over(self, other: "StaffList") -> None:
        """Take over everybody as another database has them, and their teams; who is known here alone stays."""
        for row in other._database.rows(_sql.to_carry):
            self._database.change(_sql.carry_over, **dict(row))
            self._set_teams(row["id"], (one["team"] for one in other._database.rows(_sql.teams_of, id=row["id"])))

    def failed_logins(self, address_hash: str, since: datetime) -> FailedLogins:
        row = self._database.row(_sql.failed_logins, address_hash=address_hash, since=since)
        assert row is not None
        return FailedLogins(row["n"], moment_or_none(row["last_at"]))

    def add_failed_login(self, address_hash: str, at: datetime, *, forget_before: datetime) -> None:
        """One more; and what is too old to slow anybody goes."""
        self._database.change(_sql.add_failed_login, address_hash=address_hash, at=at)
        self._database.change(_sql.forget_old_failed_logins, before=forget_before)

    def take_back_failed_login(self, address_hash: str, at: datetime) -> None:
        """The one of that moment was none."""
        self._database.change(_sql.take_back_failed_login, address_hash=address_hash, at=at)

    def forget_failed_logins(self, address_hash: str) -> None:
        self._database.change(_sql.forget_failed_logins, address_hash=address_hash)


def _staff_or_none(row: Mapping[str, Any] | None) -> Staff | None:
    return _staff(row) if row else None


def _staff(row: Mapping[str, Any]) -> Staff:
    return Staff(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        password_hash=row["password_hash"] or "",
        session_key=row["session_key"],
        disabled_at=moment_or_none(row["disabled_at"]),
        role=Role(row["role"]),
        teams=tuple(sorted((row["teams"] or "").split("\n"), key=str.casefold)) if row["teams"] else (),
        zone=ZoneInfo(row["zone"]) if row["zone"] else None,
    )

"""Each list of the desk holds what the plain rule says, for whatever business, in the same order."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from feedback.domain.cases import CaseStatus
from feedback.domain.quotes import Standing
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice
from feedback.store import Store
from feedback.store.sqlite import stamp
from tests.conftest import ADA, DAY, NOW

TEAMS = ("Hardware", "hardware", "Büro", "BÜRO", "Straße", "STRASSE", "Orders", None)
Row = dict[str, Any]


@dataclass
class Business:
    """Each table as it is, and who works in which teams."""

    store: Store
    people: dict[str, tuple[Role, tuple[str, ...]]]

    def rows(self, statement: str) -> list[Row]:
        return [dict(row) for row in self.store._database.connection.execute(statement)]

    def works_in(self, person: str, team: str | None) -> bool:
        role, teams = self.people[person]
        return role is Role.OWNER or not teams or team is None or team.casefold() in {name.casefold() for name in teams}

    def sees(self, person: str, resolution: Row) -> bool:
        role, _ = self.people[person]
        owners = [
            one["owner_id"]
            for one in self.rows(
                "SELECT f.owner_id, s.resolution_id FROM follow_ups f JOIN surveys s ON s.id = survey_id"
            )
            if one["resolution_id"] == resolution["id"]
        ]
        theirs = self.works_in(person, resolution["team"])
        return (
            role is Role.OWNER or person in owners or (theirs and (role is Role.LEAD or None in owners))
        )  # fmt: skip

    def seen(self, person: str) -> set[str]:
        return {one["id"] for one in self.rows("SELECT * FROM resolutions") if self.sees(person, one)}

    def cases_seen(self, person: str) -> list[Row]:
        """The newest first."""
        role, _ = self.people[person]
        seen = self.seen(person)
        resolutions = self.rows("SELECT id, case_id FROM resolutions")
        found = []
        for case in self.rows("SELECT *, COALESCE(resolved_at, opened_at) AS dated_at FROM cases ORDER BY id"):
            its = {one["id"] for one in resolutions if one["case_id"] == case["id"]}
            of_none = not its and role is Role.LEAD and self.works_in(person, case["team"])
            if role is Role.OWNER or its & seen or of_none:
                found.append(case)
        return sorted(found, key=lambda case: str(case["dated_at"]), reverse=True)  # stable: by id within a moment


def random_business(store: Store, seed: int) -> Business:
    draw = Random(seed)
    change = store._database.connection.execute
    with store.write():
        people = {}
        for n in range(9):
            role = draw.choice(list(Role))
            teams = tuple(team for team in draw.sample(TEAMS, draw.randrange(3)) if team)
            people[store.staff.add(f"p{n}@acme.example", f"P{n}", None, role, teams)] = (role, teams)
        for n in range(60):
            customer = f"u{draw.randrange(20)}"
            record = replace(
                ADA, ref=f"R-{n}", customer_ref=customer, email=f"{customer}@example.org", name=f"Person {customer}",
                team=draw.choice(TEAMS), resolved_at=NOW - timedelta(hours=draw.randrange(80)),
                opened_at=NOW - 9 * DAY,
            )  # fmt: skip
            if draw.random() < 0.2:
                store.cases.save(replace(record, status=CaseStatus.OPEN, resolved_at=None))
                continue
            case = store.cases.save(record)
            for turn in range(1, draw.choice((1, 1, 2)) + 1):
                key = store.cases.freeze_resolution(case.id, turn)
                _ask(change, draw, key, NOW + timedelta(hours=draw.randrange(50)), list(people))
                if draw.random() < 0.4:  # it goes to another team afterwards
                    store.cases.save(replace(record, team=draw.choice(TEAMS)))
        for person in draw.sample(list(people), 3):  # some change
            role, teams = draw.choice(list(Role)), tuple(team for team in draw.sample(TEAMS, 1) if team)
            store.staff.change(person, "Changed", role, teams)
            people[person] = (role, teams)
    return Business(store, people)


def _ask(change: Callable[..., object], draw: Random, key: str, at: datetime, people: list[str]) -> None:
    """A survey about a resolution that went out, mostly answered."""
    survey, when = f"s{key}", stamp(at)
    said = (survey, key, when, when)
    change(
        "INSERT INTO surveys (id, resolution_id, round, state, due_at, asked_at) VALUES (?, ?, 0, 'asked', ?, ?)", said
    )
    change(
        "INSERT INTO outbox (id, kind, survey_id, state, due_at, handed_over_at) VALUES (?, 'survey', ?, 'sent', ?, ?)",
        (f"o{key}", survey, when, when),
    )
    for seq in range(1, draw.randrange(3) + 1):
        answer, choice = f"a{seq}{key}", draw.choice(("yes", "no"))
        change(
            "INSERT INTO answers (id, survey_id, seq, at, choice, comment, quote_name)"
            " VALUES (?, ?, ?, ?, ?, 'Good', 'C.')",
            (answer, survey, seq, when, choice),
        )
        if choice == "yes":
            change("INSERT INTO quotes (answer_id, standing, said_at) VALUES (?, 'waiting', ?)", (answer, when))
    if draw.random() < 0.5:
        owner = draw.choice([None, *people])
        closed = when if draw.random() < 0.5 else None
        change(
            "INSERT INTO follow_ups (id, survey_id, resolution_id, owner_id, opened_at, due_at, closed_at, outcome)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (f"f{key}", survey, key, owner, when, when, closed, "solved" if closed else None),
        )
        change(
            "INSERT INTO follow_up_events (follow_up_id, seq, at, kind) VALUES (?, 1, ?, 'opened')", (f"f{key}", when)
        )
        if closed:
            change(
                "INSERT INTO follow_up_events (follow_up_id, seq, at, kind, outcome)"
                " VALUES (?, 2, ?, 'closed', 'solved')",
                (f"f{key}", when),
            )


@pytest.fixture(params=range(6))
def business(store: Store, request: pytest.FixtureRequest) -> Business:
    return random_business(store, request.param)


def test_the_cases_are_those_of_the_plain_rule(business: Business) -> None:
    for person in business.people:
        expected = [case["id"] for case in business.cases_seen(person)]
        find = business.store.cases.find
        assert [one.id for one in find("", 99, seen_by=person)] == expected
        assert [one.id for one in business.store.cases.all("", seen_by=person)] == expected
        assert [one.id for one in find("", 7, 5, seen_by=person)] == expected[5:12]
        named = [case["id"] for case in business.cases_seen(person) if "-1" in case["ref"]]
        assert [one.id for one in find("R-1", 99, seen_by=person)] == named
        for case in business.rows("SELECT id FROM cases"):
            assert business.store.staff.sees_case(person, case["id"]) == (case["id"] in expected)


def test_the_customers_are_those_of_the_plain_rule_by_the_newest_case_that_is_seen(business: Business) -> None:
    for person in business.people:
        cases = business.cases_seen(person)
        expected: dict[str, int] = {}
        for case in cases:
            expected[case["customer_id"]] = expected.get(case["customer_id"], 0) + 1
        found = business.store.customers.find("", 99, seen_by=person)
        assert [(one.customer.id, one.cases) for one in found] == list(expected.items())
        page = business.store.customers.find("", 4, 2, seen_by=person)
        assert [one.customer.id for one in page] == list(expected)[2:6]
        named = [one for one in found if "u1" in one.customer.ref]
        assert business.store.customers.find("u1", 99, seen_by=person) == named


def test_the_answers_and_quotes_are_those_of_the_plain_rule(business: Business) -> None:
    answers = business.rows(
        "SELECT a.*, s.resolution_id FROM answers a JOIN surveys s ON s.id = a.survey_id"
        " WHERE a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id) ORDER BY a.at DESC, a.id"
    )
    for person in business.people:
        seen = business.seen(person)
        expected = [one for one in answers if one["resolution_id"] in seen]
        newest = business.store.surveys.newest_answers
        assert [one.answer.id for one in newest(None, 99, seen_by=person)] == [one["id"] for one in expected]
        assert [one.answer.id for one in newest(None, 5, 3, seen_by=person)] == [one["id"] for one in expected[3:8]]
        yes = [one["id"] for one in expected if one["choice"] == "yes"]
        assert [one.answer.id for one in newest(Choice.YES, 99, seen_by=person)] == yes
        assert [one.answer.id for one in business.store.quotes.page(Standing.WAITING, 99, seen_by=person)] == yes
        for one in business.rows("SELECT id FROM resolutions"):
            assert business.store.staff.sees(person, one["id"]) == (one["id"] in seen)


def test_figures_and_recovery_are_of_a_persons_teams_alone(business: Business) -> None:
    resolutions = business.rows("SELECT id, team, resolved_at FROM resolutions")
    solved = business.rows(
        "SELECT s.resolution_id FROM follow_ups f JOIN surveys s ON s.id = f.survey_id WHERE f.outcome = 'solved'"
    )
    for person in business.people:
        theirs = {one["id"]: one for one in resolutions if business.works_in(person, one["team"])}
        since = NOW - DAY
        told = business.store.figures.handled_since(since, seen_by=person)
        expected = [(one["resolved_at"], one["team"]) for one in theirs.values() if one["resolved_at"] >= stamp(since)]
        assert sorted(((stamp(one.asked.resolved_at), one.team) for one in told), key=str) == sorted(expected, key=str)
        recovery = business.store.follow_ups.recovery(seen_by=person)
        assert recovery.closed == sum(one["resolution_id"] in theirs for one in solved)


def test_the_leads_of_a_follow_up_are_those_who_see_it(business: Business) -> None:
    told = "SELECT f.id, r.id AS resolution, r.team FROM follow_ups f JOIN surveys s ON s.id = f.survey_id"
    for one in business.rows(f"{told} JOIN resolutions r ON r.id = s.resolution_id"):
        resolution = {"id": one["resolution"], "team": one["team"]}
        leads = [
            person
            for person, (role, _) in business.people.items()
            if role is Role.LEAD and business.sees(person, resolution)
        ]
        addresses = {staff.email for staff in business.store.staff.all() if staff.id in leads}
        assert business.store.staff.leads_of(one["id"]) == sorted(addresses)


def test_a_spelling_that_comes_later_is_the_same_team(store: Store) -> None:
    with store.write():
        lena = store.staff.add("lena@acme.example", "Lena", None, Role.LEAD, ("büro",))
        olga = store.staff.add("olga@acme.example", "Olga", None, Role.LEAD, ("Orders",))
        store.cases.save(replace(ADA, team="BÜRO"))
    assert [len(store.cases.find("", 9, seen_by=person)) for person in (lena, olga)] == [1, 0]


def test_a_team_is_known_while_a_case_or_a_person_is_of_it(store: Store) -> None:
    with store.write():
        lena = store.staff.add("lena@acme.example", "Lena", None, Role.LEAD, ("Hardwear",))
        store.cases.save(replace(ADA, team="Orders"))
    assert store.staff.teams() == ["Hardwear", "Orders"]
    with store.write():
        store.staff.change(lena, "Lena", Role.LEAD, ("Orders",))
    assert store.staff.teams() == ["Orders"]

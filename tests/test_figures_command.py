import json
from dataclasses import asdict, replace
from typing import Any

from tests.conftest import ADA, Workplace

AT = "2026-03-06T18:00:00Z"


def fill(place: Workplace, customers: int) -> None:
    cases = [
        replace(ADA, ref=f"A-{n}", customer_ref=f"c{n}", email=f"c{n}@example.org", name=f"Person {n}")
        for n in range(customers)
    ]
    told = [{name: value for name, value in asdict(case).items() if value is not None} for case in cases]
    (place.folder / "cases.json").write_text(json.dumps(told, default=str))
    place.feedback("import", "cases", "cases.json", "--at", "2026-03-03T13:00:00Z")


def test_a_business_without_a_case_is_told_that_nothing_is_there_yet(workplace: Workplace) -> None:
    told = workplace.feedback("figures", "--at", AT)
    assert "Solved, until 2026-03-06             nothing yet\n" in told
    assert "By team: nothing yet\n" in told
    assert "  A trend begins with two settled stretches of 13 weeks; 2 to go.\n" in told
    data = json.loads(workplace.feedback("figures", "--json", "--at", AT))
    assert data["solved"] == {
        "rate": {"count": 0, "n": 0, "customers": 0, "share": None, "low": None, "high": None}, "of": 0
    }  # fmt: skip
    assert data["settles_on"] is None


def test_the_figures_are_told_to_people_and_to_machines(workplace: Workplace) -> None:
    fill(workplace, 12)
    told = workplace.feedback("figures", "--at", "2026-05-20T12:00:00Z")
    assert "Cases resolved from 2026-02-09 to 2026-05-10" in told
    assert "  1                                  100 %, 12\n" in told
    assert (
        "  from the opening until solved      5 hours in the middle, half of them 5 hours to 5 hours; 12 of 12" in told
    )
    assert (
        "Widest gaps:\n  printers                           from the opening until solved: 5 hours in the mid" in told
    )
    assert "\nSolved by stretch of 13 weeks:\n" in told
    data = json.loads(workplace.feedback("figures", "--json", "--at", "2026-05-20T12:00:00Z"))
    assert data["interactions"] == {
        "n": 12, "customers": 12, "of": 12, "counts": {"1": 12, "2": 0, "more than 2": 0}
    }  # fmt: skip
    assert [part["name"] for part in data["teams"]] == ["Hardware"]
    (gap,) = data["journey"]["gaps"]
    assert (gap["step"], gap["topic"], gap["times"]["median"]) == ("whole", "printers", 5 * 3600)


def test_what_is_about_too_few_people_is_hidden_from_both(workplace: Workplace) -> None:
    fill(workplace, 4)
    assert "Contacts until resolved              too few\n" in workplace.feedback(
        "figures", "--at", "2026-05-20T12:00:00Z"
    )
    data = json.loads(workplace.feedback("figures", "--json", "--at", "2026-05-20T12:00:00Z"))
    assert data["interactions"] == {"hidden": True}
    assert data["journey"]["teams"][0]["whole"] == {"hidden": True}
    assert data["journey"]["gaps"] == []
    assert numbers_in(data["teams"]) <= {0}


def numbers_in(data: Any) -> set[int]:
    if isinstance(data, dict):
        return set().union(*map(numbers_in, data.values()))
    if isinstance(data, list):
        return set().union(*map(numbers_in, data))
    return {data} if isinstance(data, int) and not isinstance(data, bool) else set()

"""A reader who has every number of one build, and solves for what is hidden.

The reader is given more than a page shows: which hidden cells hold somebody, and that the answers of one table are the
answers of another. `pinned` narrows every unknown number between bounds until nothing moves any more;
`has_two_readings` then looks for a second set of whole numbers that fits the whole of a table.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import product
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from feedback.domain.counting import figures, served_since
from feedback.domain.periods import Span
from feedback.domain.published import Figures, Served, Step, Vote
from feedback.domain.rates import FEWEST_FOR_EXTREMES
from feedback.domain.surveys import Choice
from feedback.publish.figures import as_data
from tests.conftest import DAY, NOW, TORTURE

ZONE = ZoneInfo("UTC")
BUSINESSES = 3_000 if TORTURE else 150


def business(seed: int) -> list[Served]:
    """Some hundred days of a made-up business: small or larger, content or not, with quiet times."""
    random = Random(seed)
    customers = random.choice((4, 9, 12, 25, 60, 400))
    teams = random.choice(([None], ["a"], ["a", "b"], ["a", "b", "c", None], ["a", "b", "c", "d", "e", "f"]))
    topics = random.choice((["x"], ["x", "y"], ["x", "y", "z", None]))
    content, answering = random.choice((0.0, 0.5, 0.8, 0.9, 0.97, 1.0)), random.choice((0.2, 0.5, 0.9, 1.0))
    quiet = {random.randrange(40) for _ in range(random.randrange(12))}
    weights = [random.choice((0.1, 1, 5)) for _ in teams]
    rows = []
    for _ in range(random.choice((0, 3, 12, 30, 80, 200, 900, 2500))):
        ago = random.uniform(0, random.choice((6, 40, 280)))
        if int(ago / 7) in quiet and random.random() < 0.95:
            continue
        at = NOW - timedelta(days=ago)
        choice = random.choices((Choice.YES, Choice.NO), (content, 1 - content))[0]
        is_asked = at + DAY <= NOW
        rows.append(
            Served(
                f"customer {random.randrange(customers)}", at, True, random.choices(teams, weights)[0],
                random.choice(topics), random.choice(("mail", "chat")), timedelta(hours=random.choice((1, 9, 30))),
                random.randrange(4) or None, True, random.random() < 0.8, is_mailed=is_asked,
                asked_at=at + DAY if is_asked else None,
                choice=choice if is_asked and random.random() < answering else None,
                until_solved=timedelta(hours=10 + int(ago) % 40), until_answered=timedelta(hours=25 + int(ago) % 9),
            )
        )  # fmt: skip
    return rows


def published(rows: Sequence[Served]) -> Figures:
    def votes(since: datetime, until: datetime) -> Iterable[Vote]:
        found = [row for row in rows if row.choice and since <= row.resolved_at < until]
        for row in sorted(found, key=lambda row: row.resolved_at, reverse=True):
            yield Vote(row.customer_id, row.resolved_at, row.choice is Choice.YES, row.team, row.topic)

    return figures([row for row in rows if row.resolved_at >= served_since(NOW, ZONE)], votes, NOW, ZONE)


@cache
def made_up(seed: int) -> tuple[list[Served], Figures]:
    """A business and what it publishes; several tests look at the same ones."""
    rows = business(seed)
    return rows, published(rows)


@dataclass
class Cell:
    """What is published of a cell, and what it holds: `count` of `n`. The reader sees neither if it is hidden."""

    shown: Any
    count: int
    n: int
    fixed: bool = False  # whether another table tells its n

    @property
    def hidden(self) -> bool:
        return "hidden" in self.shown

    @property
    def key(self) -> int:
        return id(self)


@dataclass
class Table:
    """One breakdown of one total."""

    name: str
    total: Cell
    parts: list[Cell]
    whole: bool = True  # whether the parts are all there are

    @property
    def alike(self) -> bool:
        return self.total.n > 0 and not self.total.hidden and self.total.count in (0, self.total.n)


def solved(rows: Iterable[Served]) -> tuple[int, int]:
    found = [row for row in rows if row.choice]
    return sum(row.choice is Choice.YES for row in found), len(found)


def answered(rows: Iterable[Served]) -> tuple[int, int]:
    found = [row for row in rows if row.asked_at and row.asked_at <= NOW - 7 * DAY]
    return sum(row.choice is not None for row in found), len(found)


def in_time(rows: Iterable[Served]) -> tuple[int, int]:
    found = [row.first_reply for row in rows if row.first_reply is not None]
    return sum(took <= DAY for took in found), len(found)


def beyond_two(rows: Iterable[Served]) -> tuple[int, int]:
    found = [row.interactions for row in rows if row.interactions]
    return sum(many > 2 for many in found), len(found)


def read(rows: Sequence[Served], data: dict[str, Any]) -> list[Table]:
    """The tables of a build, from its JSON; the truth of each cell is counted from the rows."""

    def between(first: str, last: str) -> list[Served]:
        return [row for row in rows if date.fromisoformat(first) <= row.resolved_at.date() <= date.fromisoformat(last)]

    def period(one: dict[str, Any]) -> Cell:
        return Cell(one["solved"], *solved(between(one["first_day"], one["last_day"])))

    tables = []
    recent = between(data["first_day"], data["last_day"])
    wholes = {one["first_day"]: period(one) for one in data["stretches"]}
    for one in data["stretches"]:
        inside = [p for p in data["trend"] if one["first_day"] <= p["first_day"] <= one["last_day"]]
        tables.append(Table("periods", wholes[one["first_day"]], [period(p) for p in inside]))
    whole = wholes[data["first_day"]]
    young = [period(one) for one in data["trend"] if one["provisional"]]
    if data["solved_until"] != data["last_day"]:
        everything = Cell(data["solved"]["rate"], *solved(between(data["first_day"], data["solved_until"])))
        tables.append(Table("headline", everything, [whole, *young]))
    response = Cell(data["response"], *answered(recent))
    replied = Cell(data["first_reply"]["rate"], *in_time(recent))
    many = Cell(data["journey"]["everyone"]["beyond_two"], *beyond_two(recent))
    for what in ("team", "topic"):
        waits = data["journey"][f"{what}s"]
        of_each = [[row for row in recent if getattr(row, what) == one["name"]] for one in waits]
        cells = [Cell(one["beyond_two"], *beyond_two(group)) for one, group in zip(waits, of_each, strict=True)]
        tables.append(Table(f"{what} beyond two", many, cells))
    for what in ("team", "topic", "channel"):
        parts = data[f"{what}s"]
        groups = [[row for row in recent if getattr(row, what) == part["name"]] for part in parts]
        answers = [Cell(part["response"], *answered(group)) for part, group in zip(parts, groups, strict=True)]
        said = [
            Cell(part["solved"], *solved(group), fixed=not cell.hidden)
            for part, group, cell in zip(parts, groups, answers, strict=True)
        ]
        tables += [Table(what, whole, said), Table(f"{what} answered", response, answers)]
        in_table = zip(parts, groups, strict=True)
        tables.append(
            Table(f"{what} in time", replied, [Cell(p["first_reply"]["rate"], *in_time(g)) for p, g in in_table])
        )
        for first, stretch in list(wholes.items())[:-1]:
            cells = []
            for part in parts:
                for one in part["trend"]:
                    if one["first_day"] == first:
                        there = between(first, one["last_day"])
                        cells.append(Cell(one["solved"], *solved(r for r in there if getattr(r, what) == part["name"])))
            if cells:
                is_whole = (sum(cell.n for cell in cells), sum(cell.count for cell in cells)) == (
                    stretch.n,
                    stretch.count,
                )
                tables.append(Table(f"{what} before", stretch, cells, is_whole))
    return tables


def pinned(tables: Sequence[Table]) -> list[Cell]:
    """The hidden cells of which nothing is left to guess, once every sum has been used to the last."""
    bounds: dict[tuple[int, str], list[int]] = {}
    cells = {cell.key: cell for table in tables for cell in (table.total, *table.parts)}
    may_be_empty = {cell.key for table in tables if table.alike for cell in table.parts}
    for key, cell in cells.items():
        known = not cell.hidden
        least = 0 if key in may_be_empty or cell.n == 0 else 1
        n = [cell.n, cell.n] if known or cell.fixed else [least, 10_000]
        bounds[key, "n"] = n
        bounds[key, "yes"] = [cell.count, cell.count] if known else [0, n[1]]
        bounds[key, "no"] = [cell.n - cell.count] * 2 if known else [0, n[1]]
    sums = [((key, "n"), [(key, "yes"), (key, "no")], True) for key in cells]
    for table in tables:
        sums += [
            ((table.total.key, what), [(part.key, what) for part in table.parts], table.whole)
            for what in ("n", "yes", "no")
        ]
    moved = True
    while moved:
        moved = sum(_narrow(bounds, *one) for one in sums) > 0
    return [
        cell for key, cell in cells.items()
        if cell.hidden and cell.n and all(low == high for low, high in (bounds[key, "n"], bounds[key, "yes"]))
    ]  # fmt: skip


def _narrow(
    bounds: dict[tuple[int, str], list[int]], total: tuple[int, str], parts: list[tuple[int, str]], whole: bool
) -> bool:
    """Use a sum: the total is its parts, or no less than them."""
    moved = False

    def tighten(key: tuple[int, str], low: int, high: int) -> None:
        nonlocal moved
        was = bounds[key]
        new = [max(was[0], low), min(was[1], high)]
        assert new[0] <= new[1], "what is published contradicts itself"
        moved |= new != was
        bounds[key] = new

    lows, highs = (sum(bounds[part][k] for part in parts) for k in (0, 1))
    tighten(total, lows, highs if whole else 10_000)
    for part in parts:
        low, high = bounds[part]
        tighten(part, bounds[total][0] - (highs - high) if whole else 0, bounds[total][1] - (lows - low))
    return moved


MOVES = [(1, 0), (-1, 0), (1, 1), (-1, -1), (0, 1), (0, -1)]  # yes for no, a yes more, a no more, and back


def has_two_readings(table: Table, cell: Cell) -> bool:
    """Whether another hidden cell of the table can make up for a change of this one, so that every sum stays."""
    if table.total.hidden or not table.whole:
        return True  # the total, or what is not listed, makes up for it
    others = [part for part in table.parts if part.hidden and part is not cell]
    return any(
        _may(table, cell, *move) and _may(table, other, -move[0], -move[1]) for other, move in product(others, MOVES)
    )


def _may(table: Table, cell: Cell, count: int, n: int) -> bool:
    if n and cell.fixed:
        return False
    least = 0 if table.alike or cell.n == 0 else 1
    return cell.n + n >= least and 0 <= cell.count + count <= cell.n + n


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(BUSINESSES))
def test_no_reader_of_one_build_can_tell_what_is_hidden(seed: int) -> None:
    rows, told = made_up(seed)
    tables = read(rows, as_data(told))
    for table in tables:
        for cell in table.parts:
            if not cell.hidden:
                assert (cell.shown["count"], cell.shown["n"]) == (cell.count, cell.n), table.name
    assert not pinned(tables), [
        (table.name, cell) for table in tables for cell in pinned(tables) if cell in table.parts
    ]
    for table in tables:
        for cell in table.parts:
            assert not cell.hidden or not cell.n or has_two_readings(table, cell), (table, cell)


WAITED: dict[Step, Callable[[Served], bool]] = {
    Step.FIRST_REPLY: lambda row: row.first_reply is not None,
    Step.SOLVING: lambda row: row.first_reply is not None and row.first_reply <= (row.until_solved or row.first_reply),
    Step.WHOLE: lambda row: row.until_solved is not None,
    Step.ANSWER: lambda row: row.choice is not None,
}


@pytest.mark.parametrize("seed", range(0, BUSINESSES, 3))
def test_nobody_learns_from_the_waits_how_many_a_hidden_cell_holds(seed: int) -> None:
    """Neither by subtraction in a table of waits, nor of a cell that another table hides."""
    rows = business(seed)
    told = published(rows)
    recent = [row for row in rows if told.first_day <= row.resolved_at.date() <= told.last_day]
    for what, parts, waits in (("team", told.teams, told.journey.teams), ("topic", told.topics, told.journey.topics)):
        for step, has_waited in WAITED.items():
            times = [one.times(step) for one in waits]
            for part, one in zip(parts, times, strict=True):
                is_hidden = part.solved.hidden if step is Step.ANSWER else part.first_reply.rate.hidden
                assert one.hidden or not is_hidden or step is Step.WHOLE, (step, part)
            names = {part.name for part, one in zip(parts, times, strict=True) if one.hidden}
            came = [row for row in recent if getattr(row, what) in names and has_waited(row)]
            if came and told.journey.everyone.times(step).n:
                assert len(names) > 1, (what, step)
                assert len({row.customer_id for row in came}) >= FEWEST_FOR_EXTREMES, (what, step)


Told = tuple[int, int, int]  # of a team: asked, said yes, said no
DELTAS = sorted(product(range(-4, 5), repeat=3), key=lambda delta: sum(map(abs, delta)))


def teams_of(told: Sequence[Told]) -> list[Served]:
    """A settled day on which every survey was another customer's."""
    at = NOW - 20 * DAY
    return [
        Served(
            f"{team} {k}", at, False, "abcd"[team], None, None, None, None, True, True, is_mailed=True,
            asked_at=at + DAY,
            choice=Choice.YES if k < yes else Choice.NO if k < yes + no else None, until_answered=DAY,
        )
        for team, (asked, yes, no) in enumerate(told) for k in range(asked)
    ]  # fmt: skip


def nearby(told: Sequence[Told], one: int, others: Sequence[int]) -> Iterable[list[Told]]:
    """What might have been in hidden teams instead, with the same sums: a few elsewhere, or all the other way."""
    for mirrored in product((False, True), repeat=len(others)):
        base = list(told)
        for other, is_mirrored in zip(others, mirrored, strict=True):
            asked, yes, no = base[other]
            if is_mirrored:
                base[other] = (asked, no, yes)
                base[one] = (base[one][0], base[one][1] + yes - no, base[one][2] + no - yes)
        for other, delta in product(others, DELTAS):
            found = list(base)
            found[one] = tuple(a + b for a, b in zip(base[one], delta, strict=True))  # type: ignore[assignment]
            found[other] = tuple(a - b for a, b in zip(base[other], delta, strict=True))  # type: ignore[assignment]
            is_possible = all(min(one) >= 0 and one[0] >= one[1] + one[2] for one in found)
            if is_possible and found[one][1:] != told[one][1:]:
                yield found


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(400 if TORTURE else 20))
def test_who_knows_the_program_and_that_all_customers_differ_cannot_tell_either(seed: int) -> None:
    """Not even from the reason for which a cell is hidden: another business would have published the very same."""
    random = Random(seed)
    told: list[Told] = []
    for _ in range(random.choice((2, 3, 3, 4))):
        answered = random.choice((2, 4, 6, 8, 9, 12, 25, 40))
        yes = random.choice((0, answered, answered, round(answered * 0.75)))
        told.append((answered + random.choice((0, 0, 3, 12)), yes, answered - yes))
    rows = as_data(published(teams_of(told)))
    hidden = [k for k, team in enumerate(rows["teams"]) if "hidden" in team["solved"]]
    assert hidden == [k for k, team in enumerate(rows["teams"]) if "hidden" in team["response"]]
    if "hidden" in rows["stretches"][-1]["solved"] or together(told)[1] in (0, sum(together(told)[1:])):
        return  # the whole is hidden, or says itself that all are alike
    for k in hidden:
        others = [other for other in hidden if other != k]
        assert any(as_data(published(teams_of(one))) == rows for one in nearby(told, k, others)), (told, k)


def together(told: Sequence[Told]) -> Told:
    asked, yes, no = (sum(one[k] for one in told) for k in range(3))
    return asked, yes, no


def test_the_made_up_businesses_try_what_is_hard() -> None:
    """Else the claim above would be about nothing."""
    seen: dict[str, int] = {}
    for seed in range(BUSINESSES):
        rows, told = made_up(seed)
        for table in read(rows, as_data(told)):
            hidden = [cell for cell in table.parts if cell.hidden and cell.n]
            if hidden and not table.total.hidden:
                seen[table.name] = seen.get(table.name, 0) + 1
                seen["alike"] = seen.get("alike", 0) + table.alike
        seen[told.span] = seen.get(told.span, 0) + 1
    for name in (
        "periods",
        "headline",
        "team",
        "team answered",
        "team in time",
        "team beyond two",
        "topic",
        "channel",
        "team before",
        "alike",
    ):
        assert seen.get(name, 0) >= 3, (name, seen)
    assert min(seen[span] for span in Span) >= 3, seen


def test_the_reader_finds_what_a_mistake_would_give_away() -> None:
    found = 0
    for seed in range(BUSINESSES):
        rows, told = made_up(seed)
        tables = read(rows, as_data(told))
        for table in tables:
            hidden = [cell for cell in table.parts if cell.hidden]
            if (
                len(hidden) == 2
                and all(cell.n for cell in hidden)
                and not table.total.hidden
                and table.whole
                and not table.alike
            ):
                hidden[0].shown = {}
                assert hidden[1] in pinned(tables)
                found += 1
                break
    assert found >= 5

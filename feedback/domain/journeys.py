"""Where customers wait: the steps of a case's way, and which of them is worth to be shortened first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from feedback.domain import measures
from feedback.domain.published import Gap, Journey, Part, Served, Step, Times, Waits, is_few
from feedback.domain.rates import Rate, smallest
from feedback.domain.surveys import Choice

GAPS = 3
_WAITED = (Step.FIRST_REPLY, Step.SOLVING, Step.WHOLE, Step.RECOVERY)  # for us; the rest of the way waits for customers
_Named = Sequence[tuple[Part, Sequence[Served]]]  # each topic, or each team, with its resolutions


def journey(recent: Sequence[Served], topics: _Named, teams: _Named, is_shown: bool) -> Journey:
    """The way of the resolutions of the recent stretch. `is_shown` is whether their answers may be told of at all."""
    found = _parts(topics, is_shown)
    return Journey(_everyone(recent, is_shown), found, _parts(teams, is_shown), _widest(found))


def _everyone(rows: Sequence[Served], is_shown: bool) -> Waits:
    walked = {step: _walked(rows, step) for step in Step}
    told = {step: one.times(is_shown or not _tells_of_answers(step)) for step, one in walked.items()}
    return _waits(None, told, measures.shown(measures.beyond_two(rows)))


def _parts(named: _Named, is_shown: bool) -> tuple[Waits, ...]:
    """Each step, and the interactions, is a table of its own that has `_everyone` as its total."""
    by_step = {step: _table(step, named, is_shown) for step in Step}
    many = measures.table([measures.beyond_two(rows) for _, rows in named])
    return tuple(
        _waits(part.name, {step: times[k] for step, times in by_step.items()}, many[k])
        for k, (part, _) in enumerate(named)
    )


def _waits(name: str | None, told: dict[Step, Times], beyond_two: Rate) -> Waits:
    return Waits(name, **{step.value: times for step, times in told.items()}, beyond_two=beyond_two)


def _table(step: Step, named: _Named, is_shown: bool) -> list[Times]:
    """Nobody learns from a wait how many there are of what another table hides, nor of what is hidden here.

    How many answered, or had a first reply, stands beside the shares of those as well, so it is hidden wherever they
    are. And as in `rates.hide`, so much is hidden that it could be shown as one.
    """
    walked = [_walked(rows, step) for _, rows in named]
    if _tells_of_answers(step):
        also = {k for k, (part, _) in enumerate(named) if part.solved.hidden or not is_shown}
    elif step is Step.WHOLE:
        also = set()
    else:
        also = {k for k, (part, _) in enumerate(named) if part.first_reply.rate.hidden}
    hidden = {k for k, one in enumerate(walked) if one.took and (k in also or is_few(len(one.customers)))}
    while hidden and is_few(len(set().union(*(walked[k].customers for k in hidden)))):
        shown = [k for k, one in enumerate(walked) if one.took and k not in hidden]
        if not shown:
            break
        hidden.add(smallest(shown, lambda k: len(walked[k].customers)))
    return [one.times(k not in hidden | also) for k, one in enumerate(walked)]


def _tells_of_answers(step: Step) -> bool:
    return step in (Step.ANSWER, Step.RECOVERY)


@dataclass(frozen=True, slots=True)
class _Walked:
    """Those who have come to the end of a step, and of whom it is known how long it took."""

    took: list[tuple[Served, timedelta]]
    of: list[Served]

    @property
    def customers(self) -> set[str]:
        return {row.customer_id for row, _ in self.took}

    def times(self, is_shown: bool) -> Times:
        return measures.times(self.took, self.of, is_shown)


def _walked(rows: Sequence[Served], step: Step) -> _Walked:
    came, span = _STEPS[step]
    of = [row for row in rows if came(row)]
    return _Walked([(row, took) for row in of if (took := span(row)) is not None], of)


def _solving(row: Served) -> timedelta | None:
    if row.until_solved is None or row.first_reply is None or row.first_reply > row.until_solved:
        return None  # a reply after the resolution is none that it waited for
    return row.until_solved - row.first_reply


def _is_first(row: Served) -> bool:
    """A case is opened, and replied to for the first time, once, however often it is resolved."""
    return row.is_first


_STEPS: dict[Step, tuple[Callable[[Served], bool], Callable[[Served], timedelta | None]]] = {
    Step.FIRST_REPLY: (_is_first, lambda row: row.first_reply),
    Step.SOLVING: (_is_first, _solving),
    Step.WHOLE: (_is_first, lambda row: row.until_solved),
    Step.ANSWER: (lambda row: row.choice is not None, lambda row: row.until_answered),
    Step.RECOVERY: (
        lambda row: row.help is not None and row.help.choice_again is Choice.YES,
        lambda row: row.help.until_recovered if row.help else None,
    ),
}


# What is worth to be shortened


def _widest(topics: Sequence[Waits]) -> tuple[Gap, ...]:
    """Where the middle wait, times how many waited, is longest. From what is shown alone, so it tells nothing new."""
    gaps = [
        Gap(step, waits.name, waits.times(step))
        for waits in topics
        for step in _WAITED
        if step not in _said_otherwise(waits) and waits.times(step).median
    ]
    return tuple(sorted(gaps, key=_waited, reverse=True)[:GAPS])


def _said_otherwise(waits: Waits) -> tuple[Step, ...]:
    """A wait counts once: as two steps where most first replies are known, else as one."""
    return (Step.WHOLE,) if 2 * waits.solving.n > waits.whole.n else (Step.FIRST_REPLY, Step.SOLVING)


def _waited(gap: Gap) -> timedelta:
    return (gap.times.median or timedelta()) * gap.times.n

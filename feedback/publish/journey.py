"""Where customers wait: each step of a case's way, for all, by topic and by team, and the widest gaps in it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

from feedback.config import Config
from feedback.domain.published import Figures, Gap, Step, Times, Waits
from feedback.domain.timing import duration_in_words, in_words, span_in_words
from feedback.publish import boxes, tables
from feedback.publish.charts import extent
from feedback.publish.counted import About
from feedback.publish.segments import FOLDER
from feedback.publish.texts import plain
from feedback.publish.words import FEW, NONE, STEPS, days

PAGE, TITLE = "journey.md", "Where customers wait"
_ALL = "All cases"
_REVIEW = ("enhance/journey-review.md", "Journey review and bottlenecks")
_PLAYBOOK = {  # where the playbook tells how to shorten it
    Step.FIRST_REPLY: ("resolve/24-hours.md", "The 24-hour target"),
    Step.SOLVING: ("resolve/decisions.md", "What you may decide alone"),
    Step.WHOLE: ("resolve/decisions.md", "What you may decide alone"),
    Step.RECOVERY: ("resolve/escalation.md", "Escalation and the rule of two"),
}
_UNKNOWN = {  # what has to come for it to be known
    Step.FIRST_REPLY: "come in with the time at which they were opened and that of their first reply",
    Step.SOLVING: "come in with the time of their first reply",
    Step.WHOLE: "come in with the time at which they were opened",
    Step.ANSWER: "were answered",
    Step.RECOVERY: "were called solved by a yes, after a no",
}


def files(figures: Figures, config: Config, by_hand: Collection[str]) -> dict[str, str]:
    """The page, and its tables. It links to those pages of the playbook that are `by_hand`."""
    journey = figures.journey
    made = {PAGE: _page(figures, config, by_hand)}
    made |= tables.files(f"{FOLDER}/waits", [{"step": step, "wait": journey.everyone.times(step)} for step in Step])
    named = [*_named(figures)]
    for step in Step:
        rows: list[tables.Row] = [{**_who(what, one), "wait": one.times(step)} for what, one in named]
        made |= tables.files(_path(step), rows)
    many: list[tables.Row] = [{**_who(what, one), "beyond_two": one.beyond_two} for what, one in named]
    return made | tables.files(_path(None), many)


def _path(step: Step | None) -> str:
    return f"{FOLDER}/waits/{step or 'beyond_two'}".replace("_", "-")


def _named(figures: Figures) -> Iterator[tuple[str, Waits]]:
    """All cases, those of each topic, and those of each team: the rows of each table."""
    yield "all", figures.journey.everyone
    yield from (("topic", one) for one in figures.journey.topics)
    yield from (("team", one) for one in figures.journey.teams)


def _who(what: str, one: Waits) -> tables.Row:
    return {"of": what, "name": one.name}


def _row_head(what: str, one: Waits) -> str:
    if what == "all":
        return _ALL
    return f"No {what} known" if one.name is None else f"{what.capitalize()} {plain(one.name)}"


def _page(figures: Figures, config: Config, by_hand: Collection[str]) -> str:
    journey = figures.journey
    steps = "\n\n".join(_section(figures, config, step, by_hand) for step in Step)
    review = _link(_REVIEW, by_hand)
    return f"""# {TITLE}

How long each step took in the cases of {plain(config.business_name)} that were resolved
{days(figures.first_day, figures.last_day)}. “Half within 5 hours” reads: of all the cases, put in order from the
shortest wait to the longest, the one in the middle waited 5 hours. The middle half leaves out the shortest quarter and
the longest. As of {in_words(figures.now, config.zone)}.

## The widest gaps

{_gaps(journey.gaps, figures, by_hand)}

Wide is where most is waited in all: the wait of the one in the middle, times the number of cases. The customer's own
time to answer is not ours to shorten, and is not among them.{f" How to choose one: {review}." if review else ""}

## Step by step

{_overview(figures)}

Topics and teams below stand by name, not by how they do. Nothing here ranks people: who has the hard cases waits longer
for parts, for others, and for customers.

{steps}

## More than two interactions

Of the cases whose interactions are known, how many took more than two until they were called solved.

{_beyond_two(figures)}
"""


def _gaps(gaps: Sequence[Gap], figures: Figures, by_hand: Collection[str]) -> str:
    if not gaps:
        return boxes.unsettled(figures) or boxes.NO_GAP
    told = []
    for k, gap in enumerate(gaps, start=1):
        link = _link(_PLAYBOOK[gap.step], by_hand)
        told.append(f"{k}. {boxes.gap_in_words(gap)}{f' What to do: {link}.' if link else ''}")
    return "\n".join(told)


def _link(page: tuple[str, str], by_hand: Collection[str]) -> str:
    """To a page that the owner may have taken out."""
    path, title = page
    return f"[{title}]({path})" if path in by_hand else ""


def _overview(figures: Figures) -> str:
    everyone = figures.journey.everyone
    if not any(_is_known(everyone.times(step)) for step in Step):
        none = "Nothing yet. Each step will stand here from ten customers on, once cases come in with their times."
        return boxes.unsettled(figures) or none
    rows = [(STEPS[step].capitalize(), everyone.times(step)) for step in Step]
    return f"{_table('Step', rows)}\n\n{tables.downloads(f'{FOLDER}/waits', About.WAITS, PAGE)}"


def _section(figures: Figures, config: Config, step: Step, by_hand: Collection[str]) -> str:
    told = [f"## {STEPS[step].capitalize()}", _about(step, config)]
    if link := _link(_PLAYBOOK[step], by_hand) if step in _PLAYBOOK else "":
        told.append(f"Where it is long: {link}.")
    named = [*_named(figures)]
    if any(_is_known(one.times(step)) for _, one in named):
        table = _table("Topic or team", [(_row_head(what, one), one.times(step)) for what, one in named])
        told += [table, tables.downloads(_path(step), About.WAITS, PAGE)]
    else:
        none = f"Nothing yet. It will stand here from ten customers on, once cases {_UNKNOWN[step]}."
        told.append(boxes.unsettled(figures) or none)
    return "\n\n".join(told)


def _about(step: Step, config: Config) -> str:
    return {
        Step.FIRST_REPLY: "From the moment at which a case is opened. A case counts once, however often it came back.",
        Step.SOLVING: "From the first reply until we called the case solved, for the first time.",
        Step.WHOLE: "The two steps before as one: it is known of cases without a time of the first reply as well.",
        Step.ANSWER: (
            "Of those who answered. Our own delay is in it, for we do not ask at once: "
            f"{duration_in_words(config.delay)} later, or when the hour is a good one."
        ),
        Step.RECOVERY: (
            "From the no until the customer said yes, when asked again. Only those who did are in it: who waits "
            "still, or said no once more, is not, so the true wait is longer."
        ),
    }[step]


def _beyond_two(figures: Figures) -> str:
    named = [*_named(figures)]
    if not figures.journey.everyone.beyond_two.n:  # nothing yet, or so few that no part of them is shown either
        return boxes.beyond_two(figures)
    rows = [(_row_head(what, one), tables.cell(one.beyond_two)) for what, one in named]
    table = tables.html(("Topic or team", "More than two interactions"), rows)
    return f"{table}\n\n{tables.downloads(_path(None), About.INTERACTIONS, PAGE)}"


def _is_known(times: Times) -> bool:
    return times.n > 0 or times.hidden


def _table(head: str, rows: Sequence[tuple[str, Times]]) -> str:
    """Each wait with a bar, all on one scale from zero."""
    longest = max((times.upper for _, times in rows if times.upper), default=timedelta())
    cells = [(words, _wait(times, longest), _cases(times)) for words, times in rows]
    return tables.html((head, "Half within<br><small>the middle half</small>", "Cases"), cells)


def _wait(times: Times, longest: timedelta) -> str:
    if times.lower is None or times.median is None or times.upper is None:
        return f"<small>{FEW if times.hidden else NONE}</small>"
    lower, middle, upper = map(span_in_words, (times.lower, times.median, times.upper))
    drawn = extent(*(one / longest if longest else 0 for one in (times.lower, times.median, times.upper)))
    return f"{middle}<br><small>{lower} to {upper}</small>{drawn}"


def _cases(times: Times) -> str:
    if times.hidden or times.n == 0:
        return "<small>–</small>"
    return f"{times.n:,}<br><small>of {times.of:,}</small>" if times.of > times.n else f"{times.n:,}"

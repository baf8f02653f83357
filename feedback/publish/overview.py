"""How we are doing: all figures of the business on one page, and each of its tables as files."""

import json
from collections.abc import Mapping

from feedback.config import Config
from feedback.domain.followups import Outcome
from feedback.domain.published import STILL_OPEN, Figures, Spread
from feedback.domain.surveys import REASONS, Choice
from feedback.domain.timing import duration_in_words, in_words
from feedback.publish import outcomes, segments, tables
from feedback.publish.boxes import in_a_box
from feedback.publish.charts import trend
from feedback.publish.counted import About
from feedback.publish.figures import as_data
from feedback.publish.segments import FOLDER
from feedback.publish.texts import plain
from feedback.publish.words import day, days, found, span, stretch

PAGE, TITLE = "figures.md", "How we are doing"
_OUTCOMES = {
    Outcome.SOLVED: "Closed as solved",
    Outcome.NOT_SOLVABLE: "Could not be solved",
    Outcome.NO_CONTACT: "The customer was not reached",
    Outcome.WITHDRAWN: "The customer says now that it is solved",
    STILL_OPEN: "Still open",
}


def files(figures: Figures, config: Config) -> dict[str, str]:
    """The page, its tables, and all of the figures as one file."""
    made = {PAGE: _page(figures, config), f"{FOLDER}/all.json": json.dumps(as_data(figures), indent=1) + "\n"}
    for name, periods in (("trend", figures.trend), ("stretches", figures.stretches)):
        made |= tables.files(f"{FOLDER}/{name}", tables.period_rows(periods))
    for name, (spread, _) in _spreads(figures).items():
        made |= tables.files(f"{FOLDER}/{name}", tables.spread_rows(spread))
    return made | tables.files(f"{FOLDER}/measures", _measures(figures))


def _spreads(figures: Figures) -> dict[str, tuple[Spread, About]]:
    return {
        "first-reply": (figures.first_reply_times, About.FIRST_REPLY),
        "interactions": (figures.interactions, About.INTERACTIONS),
        "reasons-no": (figures.reasons_no, About.REASONS),
        "reasons-yes": (figures.reasons_yes, About.REASONS),
        "follow-ups": (figures.follow_ups.outcomes, About.CONTACT),
    }


def _measures(figures: Figures) -> list[tables.Row]:
    letters, help = figures.letters, figures.follow_ups
    return [
        {"name": "solved", "rate": figures.solved.rate, "of": figures.solved.of},
        {"name": "answered", "rate": figures.response, "of": None},
        {"name": "first reply in time", "rate": figures.first_reply.rate, "of": figures.first_reply.of},
        {"name": "became a call by the rule of two", "rate": help.escalated, "of": None},
        {"name": "solved at the second try", "rate": help.recovery.rate, "of": help.recovery.of},
        {"name": "opted out", "rate": letters.opted_out, "of": None},
        {"name": "bounced", "rate": letters.bounced, "of": None},
        {"name": "greeted by name", "rate": letters.named, "of": None},
        {"name": "tenure known", "rate": letters.tenure_known, "of": None},
    ]


def _spread(figures: Figures, name: str, title: str, words: Mapping[str, str], none: str) -> str:
    spread, about = _spreads(figures)[name]
    table = tables.spread_html(spread, title, words, none)
    return f"{table}\n\n{tables.downloads(f'{FOLDER}/{name}', about, PAGE)}" if tables.is_shown(spread) else table


def _page(figures: Figures, config: Config) -> str:
    letters, help = figures.letters, figures.follow_ups
    tenure = "of our mails could tell for how long somebody is a customer"
    no, yes = ({str(stage): words for stage, words in REASONS[said].items()} for said in (Choice.NO, Choice.YES))
    none = "Nothing yet. {} will stand here once ten customers are known of."
    parts = "\n\n".join(segments.section(figures, kind, parts, PAGE) for kind, parts in segments.kinds(figures))
    return f"""# {TITLE}

What customers of {plain(config.business_name)} said when we asked “Did we solve it?”, {duration_in_words(config.delay)}
after each resolution. Cases resolved {days(figures.first_day, figures.last_day)}, where nothing else is said. As of
{in_words(figures.now, config.zone)}.

{_solved(figures)}

## Answered

<!-- figure: response-rate -->

## First reply

<!-- figure: first-reply -->

{_spread(figures, "first-reply", "First reply after", {}, none.format("How long first replies take"))}

Each step of a case's way, and where customers wait longest: [Where customers wait](journey.md).

## Interactions and escalation

<!-- figure: beyond-two -->

{_spread(figures, "interactions", "Contacts until solved", {}, none.format("How many contacts cases take"))}

Of the follow-ups, this share became a call, by the rule of two:

{in_a_box(help.escalated, "became a call", "follow-ups", About.INTERACTIONS, PAGE)}

## What customers ticked

Beside a no, by stage: Connect, Assist, Resolve, Enhance.

{_spread(figures, "reasons-no", "“No”, because", no, none.format("What customers tick beside a no"))}

Beside a yes:

{_spread(figures, "reasons-yes", "“Yes”, because", yes, none.format("What customers tick beside a yes"))}

## After a no

From the no until somebody was in touch:

<!-- figure: time-to-contact -->

What became of the follow-ups:

{_spread(figures, "follow-ups", "Follow-up", _OUTCOMES, none.format("What becomes of follow-ups"))}

Asked again, “Is it solved now?”:

<!-- figure: recovery-rate -->

## {outcomes.TITLE}

<!-- figure: repurchase -->

At 30, 90 and 180 days, for how much, and what that does not say: [{outcomes.TITLE}]({outcomes.PAGE}).

## The mails themselves

<!-- figure: opt-outs -->

{in_a_box(letters.bounced, "of our mails came back", "mails", About.MAILS, PAGE)}

<!-- figure: greeted-by-name -->

{in_a_box(letters.tenure_known, tenure, "mails", About.MAILS, PAGE)}

{parts}

## All of it as files

The boxes of this page as {tables.links(f"{FOLDER}/measures", PAGE)}.
Everything that this site tells in numbers: [one JSON file]({FOLDER}/all.json).
"""


def _solved(figures: Figures) -> str:
    before, latest = found(figures.before), found(figures.latest)
    told = [f"## Solved{f': {before}' if before else ''}", "<!-- figure: solved-rate -->"]
    if before:
        told.append(f"That is the last {stretch(figures)}, against the {stretch(figures)} before.")
    if latest:
        settled = [period for period in figures.trend if not period.provisional][-1]
        when = days(settled.first_day, settled.last_day)
        told.append(f"The last settled {span(figures)}, {when}: solved {latest}.")
    if figures.settles_on:
        told.append(
            f"The first cases count as settled on {day(figures.settles_on)}. Until then most of this page is empty."
        )
    if figures.periods_missing:
        told.append(
            f"A trend begins with two settled {span(figures, many=True)} in which enough customers answered; "
            f"{figures.periods_missing} to go."
        )
    if chart := trend(figures.trend, f"Solved by {span(figures)}", "trend", figures.span):
        told += [chart, tables.downloads(f"{FOLDER}/trend", About.SOLVED, PAGE)]
    if len(figures.stretches) > 1 and figures.span.in_stretch > 1:
        title = f"Solved by stretches of {stretch(figures)}"
        if chart := trend(figures.stretches, title, "stretches"):
            told += [f"### {title}", chart, tables.downloads(f"{FOLDER}/stretches", About.SOLVED, PAGE)]
    return "\n\n".join(filter(None, told))

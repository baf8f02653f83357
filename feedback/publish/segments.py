"""Teams, topics and channels: a table of each, and a page for each team and topic. By name; nothing here ranks."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from feedback.config import Config
from feedback.domain.published import Figures, Part
from feedback.domain.texts import one_line
from feedback.domain.timing import span_in_words
from feedback.publish import tables
from feedback.publish.boxes import in_a_box
from feedback.publish.charts import trend
from feedback.publish.counted import About
from feedback.publish.texts import plain
from feedback.publish.words import day, days, found, stretch

FOLDER = "figures"
_SLUG_LONGEST = 40
_TAKEN = ("", "index", "readme")  # the builder makes these names the address of the folder


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to tell cases apart. `has_pages` if each of its parts has a page."""

    name: str
    has_pages: bool

    @property
    def plural(self) -> str:
        return f"{self.name}s"

    @property
    def path(self) -> str:
        return f"{FOLDER}/{self.plural}"


TEAM, TOPIC, CHANNEL = Kind("team", has_pages=True), Kind("topic", has_pages=True), Kind("channel", has_pages=False)


def kinds(figures: Figures) -> tuple[tuple[Kind, tuple[Part, ...]], ...]:
    return (TEAM, figures.teams), (TOPIC, figures.topics), (CHANNEL, figures.channels)


def section(figures: Figures, kind: Kind, parts: Sequence[Part], page: str) -> str:
    """The table of all parts of one kind, for the overview."""
    title = f"## {kind.plural.capitalize()}"
    if not parts:
        when = f"on {day(figures.settles_on)}" if figures.settles_on else "once cases about them are settled"
        return f"{title}\n\nNothing yet. {kind.plural.capitalize()} will stand here {when}."
    slugs = slugs_of((part.name for part in parts), kind.name)
    within = f"First reply within {span_in_words(figures.target)}"
    rows = [
        (
            _linked(part, kind, slugs),
            tables.cell(part.solved),
            tables.cell(part.response),
            tables.cell(part.first_reply.rate),
        )
        for part in parts
    ]
    table = tables.html((kind.name.capitalize(), "Solved", "Answered", within), rows)
    told = [line for part in parts for line in findings(figures, part, kind)]
    backed = "\n".join(f"- {line}" for line in told) if told else f"No test backs a difference between {kind.plural}."
    return f"{title}\n\n{table}\n\n{backed}\n\n{tables.downloads(kind.path, About.SOLVED, page)}"


def files(figures: Figures, config: Config) -> dict[str, str]:
    """The tables of each kind, and the pages of teams and topics with their tables."""
    made: dict[str, str] = {}
    for kind, parts in kinds(figures):
        made |= tables.files(kind.path, [_row(kind, part) for part in parts])
        slugs = slugs_of((part.name for part in parts), kind.name) if kind.has_pages else {}
        for part in parts:
            if part.name in slugs:
                path = f"{kind.path}/{slugs[part.name]}"
                made |= tables.files(path, tables.period_rows(part.trend))
                made[f"{path}.md"] = _page(figures, config, kind, part, path)
    return made


def slugs_of(names: Iterable[str | None], fallback: str) -> dict[str | None, str]:
    """A file name for each, safe on any disk and in any address; no two are the same. Who has no name has no file."""
    found: dict[str | None, str] = {}
    taken = {*_TAKEN}
    for name in names:
        if name is None or name in found:
            continue
        ascii_only = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
        base = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:_SLUG_LONGEST].strip("-") or fallback
        slug, n = base, 1
        while slug in taken:
            n += 1
            slug = f"{base}-{n}"
        taken.add(slug)
        found[name] = slug
    return found


def findings(figures: Figures, part: Part, kind: Kind) -> list[str]:
    """What tests back about a part, in a line each."""
    told = []
    if before := found(part.before):
        told.append(f"{_name(part, kind)}: solved {before}, against the {stretch(figures)} before.")
    if others := found(part.others):
        told.append(f"{_name(part, kind)}: solved {others}, in the last {stretch(figures)}.")
    return told


def _row(kind: Kind, part: Part) -> tables.Row:
    return {
        kind.name: part.name,
        "solved": part.solved,
        "answered": part.response,
        "first_reply_in_time": part.first_reply,
    }


def _linked(part: Part, kind: Kind, slugs: Mapping[str | None, str]) -> str:
    if not kind.has_pages or part.name is None:
        return _name(part, kind)
    return f'<a href="{kind.plural}/{slugs[part.name]}/">{_name(part, kind)}</a>'


def _name(part: Part, kind: Kind) -> str:
    return plain(part.name) if part.name is not None else f"No {kind.name} known"


def _page(figures: Figures, config: Config, kind: Kind, part: Part, path: str) -> str:
    page = f"{path}.md"
    # the theme would make markup again of what is escaped in a heading, and writes a title as it stands
    chart = trend(part.trend, f"Solved by stretches of {stretch(figures)}", kind.name)
    if chart:
        chart += f"\n\n{tables.downloads(path, About.SOLVED, page)}"
    told = "\n".join(f"- {line}" for line in findings(figures, part, kind))
    when = days(figures.first_day, figures.last_day)
    in_time, first = f"had a first reply within {span_in_words(figures.target)}", part.first_reply
    return f"""---
title: {json.dumps(escape(one_line(part.name or "")))}
---

# {_name(part, kind)}

A {kind.name} of {plain(config.business_name)}. Cases resolved {when}. All {kind.plural}:
[How we are doing](../../figures.md#{kind.plural}).

## Solved

{in_a_box(part.solved, "solved", "answers", About.SOLVED, page)}

{told or "No test backs that it has changed, or that it differs from the others."}

{chart or "A trend will stand here once enough customers have answered."}

## Answered

{in_a_box(part.response, "answered", "surveys", About.ANSWERED, page)}

## First reply

{in_a_box(first.rate, in_time, "cases", About.FIRST_REPLY, page, first.of)}
"""

"""Gaps in the FAQ, for the team: topics without an entry, and entries that do not help. No customer's word is in it."""

from datetime import date
from html import escape
from pathlib import Path
from urllib.parse import quote

from feedback.domain.faq_gaps import Helped, Topic, helped, with_gaps
from feedback.domain.published import Figures
from feedback.publish import tables
from feedback.publish.counted import About
from feedback.publish.faq import read_entries
from feedback.publish.segments import FOLDER
from feedback.publish.texts import plain
from feedback.publish.words import FEW, day, days

PAGE, TITLE = "faq-gaps.md", "Gaps in the FAQ"
ADVICE = "assist/living-faq.md"
TOPICS, ENTRIES = f"{FOLDER}/faq-topics", f"{FOLDER}/faq-entries"


def files(figures: Figures, by_hand: Path) -> dict[str, str]:
    """The page and its tables, from the figures as they are published and the entries among the pages.

    Raises PublishError for an entry that cannot be read.
    """
    entries = read_entries(by_hand)
    # cases are told as they are beside first replies, and no others, so that nothing new is given away
    found = [Topic(part.name, part.first_reply.of or None, part.solved) for part in figures.topics if part.name]
    topics = with_gaps(found, figures.stretches[-1].solved, entries)
    told = helped(entries, {one.page: one.helped for one in figures.helped})
    return {
        PAGE: _page(figures, topics, told, has_advice=(by_hand / ADVICE).is_file()),
        **tables.files(TOPICS, [_topic_row(topic) for topic in topics]),
        **tables.files(ENTRIES, [_entry_row(one) for one in told]),
    }


def _page(figures: Figures, topics: list[Topic], told: list[Helped], *, has_advice: bool) -> str:
    advice = f" What to do about it: [a living FAQ]({ADVICE})." if has_advice else ""
    when = days(figures.first_day, figures.last_day)
    return f"""# {TITLE}

Where customers have to ask, because no entry tells them, or none that helps.{advice}

## Topics

Cases resolved {when}, those with most cases first.

{_topics(topics, figures.settles_on)}

## Entries

Below each entry visitors say whether it helped. These are their taps from {day(figures.first_day)} until now.

{_entries(told)}
"""


def _topics(topics: list[Topic], settles_on: date | None) -> str:
    if not topics:
        when = f"on {day(settles_on)}" if settles_on else "once cases about them are settled"
        return f"Nothing yet. Topics will stand here {when}."
    gaps = [f"- {plain(one.name)}: {one.gap}, and no entry." for one in topics if one.gap]
    rows = [
        (plain(one.name), f"{one.cases:,}" if one.cases else f"<small>{FEW}</small>", tables.cell(one.solved),
         str(one.entries) if one.entries else "none")
        for one in topics
    ]  # fmt: skip
    table = tables.html(("Topic", "Cases", "Solved", "Entries"), rows)
    none = "No topic with many cases, or with clearly fewer solved ones, is without an entry"
    if any(one.cases is None or one.solved.hidden for one in topics):
        none += ", as far as they can be shown"
    missing = "\n".join(gaps) or f"{none}."
    return f"{missing}\n\n{table}\n\n{tables.downloads(TOPICS, About.FAQ, PAGE)}"


def _entries(told: list[Helped]) -> str:
    if not told:
        return "There is no entry yet. Each page in the folder `faq/` of the site is one."
    bad = [f"- {plain(one.entry.title)}: clearly fewer than half say that it helped." for one in told if one.is_bad]
    rows = [
        (f'<a href="../{escape(quote(one.entry.address))}">{plain(one.entry.title)}</a>', tables.cell(one.rate))
        for one in told
    ]
    table = tables.html(("Entry", "It helped"), rows)
    none = "Of no entry do clearly fewer than half say that it helped."
    if not any(one.rate.n and not one.rate.hidden for one in told):
        none = "Nobody, or too few to show, have said yet whether an entry helped."
    failing = "\n".join(bad) or none
    return f"{failing}\n\n{table}\n\n{tables.downloads(ENTRIES, About.FAQ, PAGE)}"


def _topic_row(topic: Topic) -> tables.Row:
    return {
        "topic": topic.name, "cases": topic.cases, "solved": topic.solved, "entries": topic.entries, "gap": topic.gap
    }  # fmt: skip


def _entry_row(one: Helped) -> tables.Row:
    return {"page": one.entry.address, "title": one.entry.title, "helped": one.rate}

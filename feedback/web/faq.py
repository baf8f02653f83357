"""What the FAQ lacks, at the desk: as on the site, and with the words that customers use."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from pathlib import Path

from flask import Blueprint, render_template

from feedback.config import Config
from feedback.domain import faq_gaps
from feedback.domain.faq import Entry
from feedback.domain.figures import period
from feedback.domain.staff import Role
from feedback.errors import PublishError
from feedback.publish.build import find_sources
from feedback.publish.faq import read_entries
from feedback.store import Store
from feedback.web.login import open_to, person

COMMENTS_MOST = 5_000
PLACES_MOST = 50


def add_faq(desk: Blueprint, config: Config, store: Store, now: Callable[[], datetime]) -> None:
    """Its page, at the desk: topics of the cases of one's teams, words about what one sees."""

    @desk.get("/faq")
    @open_to(Role.AGENT)
    def faq() -> str:
        first_day = period(now(), config.zone)[0]
        since = datetime.combine(first_day, time(), config.zone).astimezone(UTC)
        entries, refusal = _entries()
        topics, whole = faq_gaps.counted(store.taps.resolved(since, seen_by=person().id))
        comments = store.taps.comments(since, COMMENTS_MOST, seen_by=person().id)
        return render_template(
            "desk_faq.html", refusal=refusal, since=first_day, fewest=faq_gaps.FEWEST_WHO_SAY,
            topics=faq_gaps.with_gaps(topics, whole, entries),
            entries=faq_gaps.helped(entries, faq_gaps.helpful(store.taps.votes(first_day))),
            words=faq_gaps.unknown_words(comments, entries),
            places=store.taps.offers(first_day, PLACES_MOST), places_most=PLACES_MOST,
        )  # fmt: skip


def _entries() -> tuple[list[Entry], str]:
    """Those of the pages as they are now; or none, and what is wrong with them."""
    try:
        return read_entries(find_sources(Path.cwd()).pages), ""
    except PublishError as error:
        return [], str(error)

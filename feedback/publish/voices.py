"""Pages in customers' and staff's own words: approved quotes, and “You said, we did”. Not a figure is in them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Protocol, TypeVar

from feedback.config import Config
from feedback.domain.followups import Outcome, PublicNote
from feedback.domain.surveys import REASONS, Choice
from feedback.domain.timing import local_day
from feedback.publish.texts import plain, quoted

QUOTES_PAGE, NOTES_PAGE = "quotes.md", "you-said-we-did.md"
MOST = 100  # of either, the newest
_T = TypeVar("_T")
_ENDS = {
    Outcome.SOLVED: "It is solved.",
    Outcome.NOT_SOLVABLE: "We could not solve it, and said so.",
    Outcome.NO_CONTACT: "We did not reach the customer.",
    Outcome.WITHDRAWN: "The customer says that it is solved.",
    None: "We are still at it.",
}


class ApprovedQuote(Protocol):
    """What may be published of a quote that staff approved. `name` is "" for none; `month` is its first day."""

    @property
    def words(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def month(self) -> date: ...
    @property
    def topic(self) -> str | None: ...


def pages(approved_quotes: Sequence[ApprovedQuote], notes: Sequence[PublicNote], config: Config) -> dict[str, str]:
    """Both pages by their names, the newest first."""
    return {QUOTES_PAGE: quotes_page(approved_quotes, config), NOTES_PAGE: notes_page(notes, config)}


def quotes_page(quotes: Sequence[ApprovedQuote], config: Config) -> str:
    """What customers say, in words that they let us use."""
    if not quotes:
        return _page(
            "What customers say",
            "Nothing stands here yet. When customers tell us more, they can allow us to quote them. Once somebody here "
            "has read and approved the words, they stand here, with the name if that was allowed.",
        )
    begin = f"In their own words, which they let {plain(config.business_name)} use. The newest come first."
    return _page("What customers say", begin, _by_month(quotes, lambda quote: quote.month, _quote))


def notes_page(notes: Sequence[PublicNote], config: Config) -> str:
    """What went wrong for whom it did, and what was done."""
    if not notes:
        return _page(
            "You said, we did",
            "Nothing stands here yet. When a customer says that something is not solved, a person acts on it, and can "
            "make public what was done. It then stands here, without a word about who the customer is.",
        )
    begin = "Customers told us that something was not solved. This is what we did. The newest comes first."
    days = [(local_day(note.at, config.zone), note) for note in notes]
    return _page("You said, we did", begin, _by_month(days, lambda told: told[0], lambda told: _note(*told)))


def _page(title: str, begin: str, parts: Iterable[str] = ()) -> str:
    return "\n\n".join((f"# {title}", begin, *parts)) + "\n"


def _by_month(things: Sequence[_T], day_of: Callable[[_T], date], told: Callable[[_T], str]) -> Iterable[str]:
    for month, group in groupby(things, lambda thing: f"{day_of(thing):%B %Y}"):
        yield f"## {month}"
        yield from map(told, group)


def _quote(quote: ApprovedQuote) -> str:
    by = plain(quote.name) if quote.name else "A customer"
    about = f" about {plain(quote.topic)}" if quote.topic else ""
    return f'<div class="voice">{quoted(quote.words)}<p class="by">{by}{about}</p></div>'


def _note(day: date, note: PublicNote) -> str:
    reasons = ". ".join(plain(str(REASONS[Choice.NO][stage])) for stage in note.reasons)
    about = f" · {plain(note.topic)}" if note.topic else ""
    said = f"<p><strong>You said:</strong> {reasons or 'It is not solved'}.</p>"
    did = f"<p><strong>We did:</strong></p>{quoted(note.note)}"
    return (
        f'<div class="voice"><p class="by">{day.day} {day:%B}{about}</p>{said}{did}<p>{_ENDS[note.outcome]}</p></div>'
    )

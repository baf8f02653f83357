"""The generated page and the figures that stand inside pages written by hand."""

import re
from collections.abc import Mapping
from datetime import datetime

from feedback.config import Config
from feedback.domain.figures import FEWEST, FEWEST_FOR_EXTREMES, PERIOD_DAYS, SETTLED_AFTER, Overview, Rate
from feedback.domain.timing import duration_in_words, in_words
from feedback.errors import PublishError
from feedback.publish.charts import interval, percent, weekly_solved
from feedback.publish.texts import plain
from feedback.setting_types import Figures

FIGURES_PAGE = "figures.md"
FIGURE_PAGES = {FIGURES_PAGE: "How we are doing"}  # those that pages written by hand may link to, with their titles
FIGURES = ("solved-rate", "response-rate")
STAFF_SITE = "/desk/site/"  # where the service shows the site with its figures, if they are for staff
_MARK = re.compile(r"<!-- figure: ([a-z-]+) -->")


def boxes(overview: Overview) -> dict[str, str]:
    """The figures that a page may call by name, each a quiet box."""
    return {
        "solved-rate": _box("solved", overview.solved, "answers", "No answers yet."),
        "response-rate": _box(
            "answered", overview.response, "surveys", f"No survey is {SETTLED_AFTER.days} days old yet."
        ),
    }


def fill(markdown: str, figures: Mapping[str, str], page: str) -> str:
    """Put figures in place of their marks; nothing, if it is a site without figures.

    Raises PublishError for a mark that names none.
    """

    def figure(match: re.Match[str]) -> str:
        if match[1] not in FIGURES:
            raise PublishError(f"{page} asks for the figure {match[1]!r}; there are: {', '.join(sorted(FIGURES))}.")
        return figures.get(match[1], "")

    return _MARK.sub(figure, markdown)


def figure_files(overview: Overview, config: Config, now: datetime) -> dict[str, str]:
    """All generated files that hold figures, by their path in the site. A site without figures has none of them."""
    return {FIGURES_PAGE: figures_page(overview, config, now)}


def figures_elsewhere(config: Config) -> dict[str, str]:
    """What a site without figures has in place of those pages, so that links to them lead somewhere."""
    if config.figures is Figures.STAFF:
        words = f"The figures are for those who work here: [log in]({config.base_url}{STAFF_SITE})."
    else:
        words = "We do not publish figures here."
    return {
        path: f"---\nsearch:\n  exclude: true\n---\n\n# {title}\n\n{words}\n" for path, title in FIGURE_PAGES.items()
    }


def figures_page(overview: Overview, config: Config, now: datetime) -> str:
    """How we are doing, and how we count."""
    named = boxes(overview)
    delay = duration_in_words(config.delay)
    days = f"{overview.first_day:%Y-%m-%d} to {overview.last_day:%Y-%m-%d}"
    return f"""# How we are doing

What customers of {plain(config.business_name)} said when we asked “Did we solve it?”, {delay} after each resolution.
Cases resolved from {days}. As of {in_words(now, config.zone)}.

## Solved

{named["solved-rate"]}

{weekly_solved(overview.weeks)}

## Answered

{named["response-rate"]}

## How we count

- **One survey a resolution.** We ask {delay} after a case was resolved, once. Only a tap on the
  page counts; opening a link counts nothing, so mail scanners are not counted. If someone changes the answer, the
  last one counts.
- **Solved rate**: of the answers, how many say yes. Silence is neither a yes nor a no.
- **Interval**: with few answers, chance moves the figure. If we could ask everyone again, the figure would lie
  within the interval about 19 times in 20 (Wilson's 95 % interval).
- **Response rate**: of the surveys that went out at least {SETTLED_AFTER.days} days ago, how many were answered.
  Younger ones may still be; weeks that hold any are marked provisional.
- **Period**: the last {PERIOD_DAYS} days by the day of *resolution*, in the time zone {config.zone.key}.
- **What we hide**: figures from fewer than {FEWEST} customers, “0 %” and “100 %” from fewer than
  {FEWEST_FOR_EXTREMES}, and further weeks where the total would give a hidden one away. The figures change once a
  day; who compares the pages of two days can still learn what one day added.
"""


def headline(overview: Overview) -> str:
    """What the front page says, as a sentence."""
    return _words("solved", overview.solved, "answers", "No answers yet.")


def _box(verb: str, rate: Rate, of_what: str, none_yet: str) -> str:
    return f'<p class="figure">{_words(verb, rate, of_what, none_yet, share="<strong>{}</strong>")}</p>'


def _words(verb: str, rate: Rate, of_what: str, none_yet: str, *, share: str = "{}") -> str:
    if rate.n == 0:
        return f"{none_yet} The share {verb} will stand here from {FEWEST} customers on."
    if rate.hidden:
        few = f"fewer than {FEWEST} customers, or all alike from fewer than {FEWEST_FOR_EXTREMES}"
        return f"Too few answers to show ({few})."
    low, high = interval(rate)
    return (
        f"{share.format(f'{percent(rate.share)} % {verb}')} ({low}–{high} %), "
        f"{rate.count} of {rate.n} {of_what}, {rate.customers} customers, last {PERIOD_DAYS} days"
    )

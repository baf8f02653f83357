"""The generated pages and files that hold figures, and the figures that stand inside pages written by hand."""

import re
from pathlib import Path

from feedback.config import Config
from feedback.domain.published import Figures
from feedback.errors import PublishError
from feedback.publish import boxes, counted, faq_gaps, journey, outcomes, overview, segments
from feedback.setting_types import FiguresFor

FIGURE_PAGES = {
    one.PAGE: one.TITLE for one in (overview, journey, outcomes, counted, faq_gaps)
}  # pages may link to them
STAFF_SITE = "/desk/site/"  # where the service shows the site with its figures, if they are for staff
_MARK = re.compile(r"<!--\s*figures?\s*:\s*(.*?)\s*-->", re.IGNORECASE)


def fill(markdown: str, figures: Figures | None, page: str) -> str:
    """Put figures in place of their marks, each a quiet box; nothing, if it is a site without figures.

    Raises PublishError for a mark that names none.
    """

    def figure(match: re.Match[str]) -> str:
        name = match[1].lower()
        if name not in boxes.FIGURES:
            known = ", ".join(sorted(boxes.FIGURES))
            raise PublishError(f"{page} asks for the figure {match[1]!r}; there are: {known}.")
        return boxes.named_box(name, figures, page) if figures else ""

    return _MARK.sub(figure, markdown)


def figure_files(figures: Figures, config: Config, by_hand: Path) -> dict[str, str]:
    """All generated files that hold figures, by their path in the site. A site without figures has none of them.

    `by_hand` is the folder of the pages that are written by hand, which the others may link to.
    """
    written = {page.relative_to(by_hand).as_posix() for page in by_hand.rglob("*.md")}
    files = {
        **overview.files(figures, config),
        **journey.files(figures, config, written),
        **segments.files(figures, config),
        **outcomes.files(figures, config),
        **counted.files(figures, config),
        **faq_gaps.files(figures, by_hand),
    }
    return {name: fill(text, figures, name) if name.endswith(".md") else text for name, text in files.items()}


def figures_elsewhere(config: Config) -> dict[str, str]:
    """What a site without figures has in place of those pages, so that links to them lead somewhere."""
    if config.figures is FiguresFor.STAFF:
        words = f"The figures are for those who work here: [log in]({config.base_url}{STAFF_SITE})."
    else:
        words = "We do not publish figures here."
    return {
        path: f"---\nsearch:\n  exclude: true\n---\n\n# {title}\n\n{words}\n" for path, title in FIGURE_PAGES.items()
    }

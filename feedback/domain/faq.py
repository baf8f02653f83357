"""An entry of the FAQ for customers, as far as the program looks at it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of `site/faq/`. `page` is its path in the site, such as `faq/late-parcel.md`.

    `topics` are those of cases that it is about, `words` what customers call it, `text` all of it as plain text.
    """

    page: str
    title: str
    topics: tuple[str, ...]
    words: tuple[str, ...]
    text: str

    @property
    def address(self) -> str:
        """Where it is, from the first page of the site on: each page is a folder."""
        return f"{self.page.removesuffix('.md').removesuffix('/index')}/"

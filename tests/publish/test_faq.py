"""The entries of a FAQ, as they are read from its pages."""

from pathlib import Path

import pytest

from feedback.domain.faq import Entry
from feedback.errors import PublishError
from feedback.publish.faq import read_entries

PARCEL = """---
topics: [delivery, Returns]
Words: late, where is my parcel
owner: Mara
---

# Where is my parcel?

It *left* our house. [Track it](https://carrier.example/track) or `wait`.
"""


def test_an_entry_has_its_title_topics_words_and_plain_text(tmp_path: Path) -> None:
    (tmp_path / "faq" / "delivery").mkdir(parents=True)
    (tmp_path / "faq" / "index.md").write_text("# Questions\n")
    (tmp_path / "faq" / "delivery" / "late.md").write_text(PARCEL)
    (entry,) = read_entries(tmp_path)
    assert entry == Entry(
        page="faq/delivery/late.md",
        title="Where is my parcel?",
        topics=("delivery", "Returns"),
        words=("late", "where is my parcel"),
        text="Where is my parcel? It left our house. Track it or wait .",
    )
    assert entry.address == "faq/delivery/late/"


def test_a_site_without_a_faq_has_no_entry(tmp_path: Path) -> None:
    assert read_entries(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Without a title\n", r"faq/x\.md: expected a title"),
        ("---\ntopics: {a: b}\n---\n# X\n", r"faq/x\.md: topics: given .*expected words such as topics: \[payment"),
        ("---\ntopics: [a\n---\n# X\n", r"faq/x\.md, line 3: expected lines"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "faq").mkdir()
    (tmp_path / "faq" / "x.md").write_text(text)
    with pytest.raises(PublishError, match=told):
        read_entries(tmp_path)

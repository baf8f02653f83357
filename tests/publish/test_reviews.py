from datetime import date

import pytest
from markdown import markdown

from feedback.errors import PublishError
from feedback.publish.reviews import with_review

TODAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("front", "end"),
    [
        ("owner: Mara\nreviewed: 2026-11-25", "Kept by Mara. Last reviewed 25 November 2026."),
        ("owner: Mara", "Kept by Mara."),
        ("reviewed: '2026-06-01'", "Last reviewed 1 June 2026."),
        ("reviewed: 2027-01-01", "Last reviewed 1 January 2027."),
        ("owner: <b>Mara & *team*</b>", "Kept by &#60;b&#62;Mara &#38; &#42;team&#42;&#60;/b&#62;."),
    ],
)
def test_a_page_says_at_its_end_who_keeps_it_and_when_it_was_reviewed(front: str, end: str) -> None:
    page = with_review(f"---\n{front}\n---\n\n# Title\n\nText\n\n- item\n", "x.md", TODAY)
    assert page == f'---\n{front}\n---\n\n# Title\n\nText\n\n- item\n\n<p class="review">{end}</p>\n'


@pytest.mark.parametrize(
    ("reviewed", "today", "is_old"),
    [
        ("2026-05-26", "2026-11-25", False),
        ("2026-05-25", "2026-11-25", True),
        ("2025-08-31", "2026-02-27", False),
        ("2025-08-31", "2026-02-28", True),  # February has no 31st
        ("2026-01-01", "2026-06-30", False),
        ("2020-01-01", "2026-06-30", True),
    ],
)
def test_after_six_months_it_says_so_at_its_top(reviewed: str, today: str, is_old: bool) -> None:
    page = with_review(f"---\nreviewed: {reviewed}\n---\n# Title\n\nText\n", "x.md", date.fromisoformat(today))
    assert ("Not reviewed since" in page) == is_old


@pytest.mark.parametrize(
    "title", ["# Title\n", "# Title", "\n\n# Title\n", "Title\n=====\n", "# Title\nText at once\n"]
)
def test_the_note_stands_below_the_title_which_stays_the_title(title: str) -> None:
    page = with_review(f"---\nowner: Mara\nreviewed: 2020-01-01\n---\n{title}\nText\n", "x.md", TODAY)
    built = markdown(page.split("---\n", 2)[2])
    assert built.startswith('<h1>Title</h1>\n<p class="stale"><strong>Not reviewed since 1 January 2020.</strong> ')
    assert (
        "Mara: read it through, mend what has changed, and set <code>reviewed:</code> at its top to that day." in built
    )


def test_a_page_without_a_title_begins_with_the_note() -> None:
    page = with_review("---\nreviewed: 2020-01-01\n---\nText\n", "x.md", TODAY)
    assert markdown(page.split("---\n", 2)[2]).startswith('<p class="stale">')


@pytest.mark.parametrize(
    "page", ["# Title\n", "", "Text\n---\nowner: Mara\n---\n", "---\ntitle: x\n---\n# T\n", "---\n---\n"]
)
def test_a_page_that_says_nothing_of_it_stays_as_it_is(page: str) -> None:
    assert with_review(page, "x.md", TODAY) == page


@pytest.mark.parametrize(
    "reviewed",
    ["25.11.2026", "2026-02-30", "2026-11", "yesterday", "20261125", "[2026-11-25]", "2026-W48-3", "2026-11-25 10:00"],
)
def test_a_day_that_is_none_names_the_page_and_what_was_expected(reviewed: str) -> None:
    with pytest.raises(PublishError, match=r"^connect/faq\.md: reviewed: given .*, expected a day such as 2026-11-25"):
        with_review(f"---\nreviewed: {reviewed}\n---\n", "connect/faq.md", TODAY)


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("owner: [Mara, Jonas]", r"x\.md: owner: given \['Mara', 'Jonas'\], expected a name"),
        ("owner: Mara: team", r"x\.md, line 2: expected lines such as “owner: Mara”"),
        ("title: x\nowner: 'Mara", r"x\.md, line \d: expected lines such as “owner: Mara”"),
    ],
)
def test_front_matter_that_cannot_be_read_names_the_page(front: str, words: str) -> None:
    with pytest.raises(PublishError, match=words):
        with_review(f"---\n{front}\n---\n", "x.md", TODAY)

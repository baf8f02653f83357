import pytest

from feedback.domain.common_words import COMMON_WORDS
from feedback.domain.faq import Entry
from feedback.domain.faq_gaps import (
    WORDS_MOST,
    Gap,
    Resolved,
    Topic,
    counted,
    helped,
    helpful,
    is_shown,
    unknown_words,
    with_gaps,
)
from feedback.domain.rates import Rate
from feedback.domain.surveys import Choice
from feedback.i18n import LANGUAGES

PARCEL = Entry(
    "faq/late-parcel.md", "Where is my parcel?", ("Delivery", "parcel"), ("shipment",), "Look at your invoices."
)
WHOLE = Rate(800, 1000, 900)


def said(*comments: str, times: int = 3) -> list[tuple[str, str]]:
    """Each comment by so many customers."""
    return [(f"customer {n}", comment) for comment in comments for n in range(times)]


def words(comments: list[tuple[str, str]], *entries: Entry) -> list[str]:
    return [word.text for word in unknown_words(comments, entries)]


@pytest.mark.parametrize(
    ("topic", "gap"),
    [
        (Topic("voucher", 10, Rate(8, 10, 10)), Gap.MANY),
        (Topic("voucher", 9, Rate(7, 9, 9)), None),
        (Topic("voucher", None, Rate(0, 0, 0, hidden=True)), None),
        (Topic("voucher", 9, Rate(2, 9, 9)), Gap.BADLY_SOLVED),
        (Topic("voucher", 40, Rate(12, 40, 40)), Gap.BADLY_SOLVED),
        (Topic("voucher", None, Rate(2, 9, 9, hidden=True)), None),  # what is hidden tells nothing here, either
        (Topic("DELIVERY", 400, Rate(12, 40, 40)), None),  # there is an entry, whatever its capitals
    ],
)
def test_a_topic_is_a_gap_if_it_has_no_entry_and_many_cases_or_clearly_badly_solved_ones(
    topic: Topic, gap: Gap | None
) -> None:
    (found,) = with_gaps([topic], WHOLE, [PARCEL])
    assert found.gap == gap
    assert found.entries == (1 if topic.name == "DELIVERY" else 0)


def test_topics_stand_by_their_number_of_cases_and_then_by_name() -> None:
    rate = Rate(0, 0, 0)
    topics = [Topic("b", 3, rate), Topic("hidden", None, rate), Topic("a", 3, rate), Topic("c", 7, rate)]
    assert [topic.name for topic in with_gaps(topics, rate, [])] == ["c", "a", "b", "hidden"]


def test_cases_are_counted_once_by_topic_whatever_its_capitals_and_few_customers_make_no_rate() -> None:
    rows = [
        Resolved(("Parcel", "parcel")[n % 2], f"case {n // 2}", f"{n}", Choice.YES if n else Choice.NO)
        for n in range(8)
    ]
    rows += [Resolved("invoice", f"i {n}", "ada", Choice.NO) for n in range(9)]
    rows += [Resolved(None, "none", "x", None)]
    topics, whole = counted(rows)
    assert [(one.name, one.cases, is_shown(one.solved)) for one in topics] == [
        ("Parcel", 4, True),
        ("invoice", 9, False),
    ]
    assert (whole.count, whole.n, whole.customers) == (7, 17, 9)


def test_an_entry_does_not_help_if_clearly_fewer_than_half_say_so() -> None:
    rates = helpful(
        {"faq/late-parcel/": (2, 20), "faq/x/": (8, 20), "faq/few/": (1, 4), "faq/alike/": (0, 9), "faq/gone/": (9, 20)}
    )
    entries = [Entry(f"faq/{name}.md", name, (), (), "") for name in ("x", "few", "alike", "silent", "late-parcel")]
    assert [(one.entry.title, one.rate.hidden, one.is_bad) for one in helped(entries, rates)] == [
        ("alike", True, False), ("few", True, False), ("late-parcel", False, True), ("silent", False, False),
        ("x", False, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("The voucher was refused", ["refused", "voucher"]),
        ("My PARCELS and shipments, my Invoice", []),  # in a title, in `words:`, in the text
        ("I have been waiting for 14 days, thanks", ["waiting"]),
        ("Der Gutschein wurde für mich nicht angenommen", ["angenommen", "gutschein"]),
        ("L’imprimante n’est pas à l’adresse indiquée", ["adresse", "imprimante", "indiquée"]),
        ("Była zepsuta", ["zepsuta"]),
        ("usb3 x200 2026 ab", ["usb"]),
        ("كوبون الخصم", ["الخصم", "كوبون"]),
        ("vouchers voucher voucher", ["voucher"]),
        ("<script>alert(1)</script>", ["alert", "script"]),
    ],
)
def test_words_that_no_entry_has_are_found_without_common_ones(comment: str, found: list[str]) -> None:
    assert words(said(comment), PARCEL) == found


def test_three_different_customers_have_to_say_it_and_the_most_frequent_come_first() -> None:
    comments = [*said("voucher coupon", times=2), ("customer 0", "voucher"), ("another", "Vouchers"), ("x", "refund")]
    comments += said("refunds", times=4)
    assert [(word.text, word.customers) for word in unknown_words(comments, [])] == [("refunds", 5), ("voucher", 3)]
    letters = [f"{a}{b}{b}q" for a in "bcdfghjk" for b in "lmprtv"]
    assert len(words(said(" ".join(letters)))) == WORDS_MOST


def test_an_accent_makes_no_other_word() -> None:
    entry = Entry("faq/x.md", "Qualite\u0301", (), (), "")  # as some systems write an é
    assert words(said("qualité", "QUALITE"), entry) == []


def test_each_language_has_its_common_words_or_says_why_not() -> None:
    assert set(COMMON_WORDS) == set(LANGUAGES)
    assert [code for code, known in COMMON_WORDS.items() if not known] == ["ja"]

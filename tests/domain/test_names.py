"""What to call people, by rules that a tactful person would keep."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.domain import names


@pytest.mark.parametrize(
    "name", ["Ada", "Jean-Luc O’Neill", "ada", "van Dyke", "田中 太郎", "سارة", "🦄", "JJ", "Anna & Peter", "Маша"]
)
def test_a_name_stays_as_its_owner_writes_it(name: str) -> None:
    assert names.greeted(name) == name


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("ANNA MÜLLER", "Anna Müller"),
        ("ADA", "Ada"),
        ("JEAN-LUC O'NEILL", "Jean-Luc O'Neill"),
        ("RONALD MCDONALD", "Ronald McDonald"),
        ("LUDWIG VAN BEETHOVEN", "Ludwig van Beethoven"),
        ("J.R. EWING", "J.R. Ewing"),
        ("E. E. CUMMINGS", "E. E. Cummings"),
        ("İSMAİL YILMAZ", "İsmail Yilmaz"),
        ("KLAUS STRAẞE", "Klaus Straße"),
    ],
)
def test_capitals_throughout_are_not_shouted_back(name: str, greeted: str) -> None:
    assert names.greeted(name) == greeted


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Müller, Anna", "Anna Müller"),
        ("MÜLLER, ANNA", "Anna Müller"),
        ("  Ada \t Lovelace ", "Ada Lovelace"),
        ("Ada,", "Ada,"),
    ],
)
def test_a_name_is_said_in_the_order_of_speech(name: str, greeted: str) -> None:
    assert names.greeted(name) == greeted


@pytest.mark.parametrize(
    "name",
    [None, "", " ", "None", "null", "N/A", "-", "...", "unknown", "Kunde", "12345", "\u200b\u200d\u2060", "\u3164"],
)
def test_what_is_no_name_is_not_said(name: str | None) -> None:
    assert names.greeted(name) is None


@pytest.mark.parametrize("name", ["ada@example.org", "Ada <ada@example.org>", "https://acme.example", "x" * 300])
def test_an_address_or_a_flood_is_no_name(name: str) -> None:
    assert names.greeted(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *("Acme GmbH", "ACME LTD.", "Acme, Inc.", "Brightwell & Co", "Müller & Söhne", "Rossi S.r.l.", "Acme S.A."),
        *("Nowak Sp. z o.o.", "株式会社アクメ", "Acme AG", "Buchhaltung", "Accounts Department", "Hotel Adler"),
        *("شركة النور", "Jansen B.V.", "Dupont SARL"),
    ],
)  # fmt: skip
def test_a_company_is_not_called_by_a_first_name(name: str) -> None:
    assert names.greeted(name) is None


@pytest.mark.parametrize("name", ["Ag Nowak", "Co Chau", "Sa Ra", "Eg Egil"])
def test_a_short_word_is_a_legal_form_only_at_the_end(name: str) -> None:
    assert names.greeted(name) == name


@pytest.mark.parametrize(("years", "said"), [(0, 0), (1, 1), (60, 60), (61, 0), (126, 0), (2025, 0)])
def test_a_tenure_that_nobody_can_have_is_not_said(years: int, said: int) -> None:
    assert names.tenure(years) == said


@pytest.mark.parametrize(
    ("name", "signed"),
    [("MARA", "Mara"), ("Team Berlin", "Team Berlin"), ("mara@acme.example", None), ("None", None), (None, None)],
)
def test_who_signs_has_a_name_or_is_left_out(name: str | None, signed: str | None) -> None:
    assert names.signed(name) == signed


@given(st.text(max_size=120))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_the_name_what_is_said_of_it_can_be_seen_and_is_not_longer_than_a_name(name: str) -> None:
    greeted = names.greeted(name)
    assert greeted is None or (greeted.strip() == greeted and 0 < len(greeted) <= 2 * names.LONGEST)

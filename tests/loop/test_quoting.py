import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from feedback.domain.audit import Action
from feedback.domain.quotes import PublicQuote, Quote, Standing
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Stage
from feedback.errors import NotFound, Refused
from feedback.loop import answering, erasing, quoting, retaining
from feedback.store import open_store
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop

LATER = NOW + DAY
MINUTE = timedelta(minutes=1)
SAID = Details(comment="Quick and friendly.", quote_name="Ada L.")
PUBLIC = PublicQuote("Quick and friendly.", "Ada L.", date(2026, 3, 1), "printers")


@pytest.fixture
def mara(loop: Loop) -> str:
    with loop.store.write():
        return loop.store.staff.add("mara@acme.example", "Mara", None, Role.OWNER)


@pytest.fixture
def tom(loop: Loop) -> str:
    """He leads another team."""
    with loop.store.write():
        return loop.store.staff.add("tom@acme.example", "Tom", None, Role.LEAD, ["Orders"])


def say(loop: Loop, details: Details = SAID, choice: Choice = Choice.YES, ref: str = "A-1") -> None:
    answering.answer(loop.store, loop.config, loop.survey_id(ref), choice, LATER)
    answering.add_details(loop.store, loop.config, loop.survey_id(ref), choice, details, LATER)


@pytest.fixture
def quote(loop: Loop, mara: str) -> Quote:
    """Ada's, which waits."""
    loop.take(ADA)
    loop.ask()
    loop.send()
    say(loop)
    (found,) = loop.store.quotes.page(Standing.WAITING, 9, seen_by=mara)
    return found


def approve(loop: Loop, quote: Quote, by: str) -> None:
    quoting.approve(loop.store, quote.answer.id, quote.version, quote.standing, by, LATER + MINUTE)


def standings(loop: Loop, by: str) -> dict[str, int]:
    return {one: len(loop.store.quotes.page(one, 9, seen_by=by)) for one in Standing}


def test_nothing_is_published_without_approval(loop: Loop, quote: Quote, mara: str) -> None:
    assert loop.store.quotes.approved(9) == []
    approve(loop, quote, mara)
    assert loop.store.quotes.approved(9) == [PUBLIC]
    assert loop.store.operations.requested("publish") is None  # it stands on the site from the morning on
    (approved,) = loop.store.quotes.page(Standing.APPROVED, 9, seen_by=mara)
    assert (approved.by, approved.decided_at) == ("Mara", LATER + MINUTE)
    quoting.take_back(loop.store, quote.answer.id, quote.version, Standing.APPROVED, mara, LATER)
    assert loop.store.quotes.approved(9) == []
    assert loop.store.operations.requested("publish")  # it is to leave the site at once
    quoting.decline(loop.store, quote.answer.id, quote.version, Standing.WAITING, mara, LATER)
    assert loop.store.quotes.approved(9) == []
    assert standings(loop, mara) == {"waiting": 0, "approved": 0, "declined": 1}


@pytest.mark.parametrize(
    ("details", "waits"),
    [
        (replace(SAID, comment="Quick."), 1),
        (replace(SAID, quote_name=""), 1),
        (replace(SAID, quote_name="A. L."), 1),
        (replace(SAID, quote_name=None), 0),
        (replace(SAID, comment=""), 0),
    ],
)
def test_approval_ends_with_the_words_and_the_name_that_were_approved(
    loop: Loop, quote: Quote, mara: str, details: Details, waits: int
) -> None:
    approve(loop, quote, mara)
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.YES, details, LATER + 2 * MINUTE)
    assert loop.store.quotes.approved(9) == []
    assert standings(loop, mara) == {"waiting": waits, "approved": 0, "declined": 0}
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.YES, SAID, LATER + 3 * MINUTE)
    assert loop.store.quotes.approved(9) == []  # as before, and yet nobody has approved it since


def test_saying_the_same_once_more_changes_nothing(loop: Loop, quote: Quote, mara: str) -> None:
    approve(loop, quote, mara)
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.YES, SAID, LATER + 2 * MINUTE)
    assert loop.store.quotes.approved(9) == [PUBLIC]


def test_what_else_is_said_beside_the_words_ends_no_approval(loop: Loop, quote: Quote, mara: str) -> None:
    approve(loop, quote, mara)
    more = replace(SAID, reasons=(Stage.CONNECT,), call=True, phone="+49 30 5550 0142")
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.YES, more, LATER + 2 * MINUTE)
    assert loop.store.quotes.approved(9) == [PUBLIC]
    assert standings(loop, mara) == {"waiting": 0, "approved": 1, "declined": 0}


def test_whoever_says_no_by_now_is_not_quoted(loop: Loop, quote: Quote, mara: str) -> None:
    approve(loop, quote, mara)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER + 2 * MINUTE)
    assert loop.store.quotes.approved(9) == []
    assert standings(loop, mara) == {"waiting": 0, "approved": 0, "declined": 0}
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, LATER + 3 * MINUTE)
    assert loop.store.quotes.approved(9) == []
    assert standings(loop, mara) == {"waiting": 1, "approved": 0, "declined": 0}


@pytest.mark.parametrize("verb", [quoting.approve, quoting.decline, quoting.take_back])
def test_what_the_customer_changed_meanwhile_is_read_first(
    loop: Loop, quote: Quote, mara: str, verb: Callable[..., None]
) -> None:
    changed = replace(SAID, comment="Never again!")
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.YES, changed, LATER)
    with pytest.raises(Refused, match=r"^The customer has changed the words or the name meanwhile\. Read them again"):
        verb(loop.store, quote.answer.id, quote.version, Standing.WAITING, mara, LATER)
    assert loop.store.quotes.approved(9) == []


def test_what_a_colleague_decided_meanwhile_is_not_decided_over(loop: Loop, quote: Quote, mara: str) -> None:
    with loop.store.write():
        jo = loop.store.staff.add("jo@acme.example", "Jo", None, Role.OWNER)
    quoting.decline(loop.store, quote.answer.id, quote.version, Standing.WAITING, jo, LATER)
    with pytest.raises(Refused, match=r"^Jo has declined it meanwhile\. Take that back first"):
        approve(loop, quote, mara)
    quoting.take_back(loop.store, quote.answer.id, quote.version, Standing.DECLINED, jo, LATER)
    with pytest.raises(Refused, match=r"^A colleague has taken back meanwhile what was decided"):
        quoting.approve(loop.store, quote.answer.id, quote.version, Standing.DECLINED, mara, LATER)


def test_each_decision_is_audited_once(loop: Loop, quote: Quote, mara: str) -> None:
    for _ in range(2):  # a button pressed twice
        approve(loop, quote, mara)
    quoting.take_back(loop.store, quote.answer.id, quote.version, Standing.APPROVED, mara, LATER)
    quoting.decline(loop.store, quote.answer.id, quote.version, Standing.WAITING, mara, LATER)
    told = [(one.who, one.action, one.about, one.was, one.became) for one in loop.store.audit.entries(9)]
    assert told == [
        ("Mara", Action.DECLINE_QUOTE, "A-1", "waiting", "declined"),
        ("Mara", Action.TAKE_BACK_QUOTE, "A-1", "approved", "waiting"),
        ("Mara", Action.APPROVE_QUOTE, "A-1", "waiting", "approved"),
    ]


def test_nobody_decides_about_what_they_do_not_see(loop: Loop, quote: Quote, tom: str) -> None:
    with pytest.raises(NotFound):
        approve(loop, quote, tom)
    assert loop.store.quotes.page(Standing.WAITING, 9, seen_by=tom) == []


@pytest.mark.parametrize(
    ("details", "choice"),
    [
        (replace(SAID, quote_name=None), Choice.YES),
        (replace(SAID, comment=""), Choice.YES),
        (SAID, Choice.NO),
    ],
)
def test_what_may_not_be_quoted_does_not_wait(loop: Loop, mara: str, details: Details, choice: Choice) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    say(loop, details, choice)
    assert loop.store.quotes.page(Standing.WAITING, 9, seen_by=mara) == []


@pytest.mark.parametrize("way", ["erased", "forgotten"])
def test_who_is_erased_or_forgotten_is_quoted_no_more(loop: Loop, quote: Quote, mara: str, way: str) -> None:
    approve(loop, quote, mara)
    if way == "erased":
        erasing.erase(loop.store, loop.keys, "ada@example.org", LATER + DAY)
    else:
        retaining.forget(loop.store, loop.config, LATER + 3_000 * DAY)
    assert loop.store.quotes.approved(9) == []
    assert standings(loop, mara) == {"waiting": 0, "approved": 0, "declined": 0}
    assert loop.rows("SELECT * FROM quotes") == []


def test_a_row_about_other_words_opens_nothing(loop: Loop, quote: Quote, mara: str) -> None:
    approve(loop, quote, mara)
    with loop.store.write():
        loop.store._database.connection.execute("UPDATE answers SET comment = 'Never again'")
    assert loop.store.quotes.approved(9) == []


def test_the_newest_are_published_first_and_no_more_than_wanted(loop: Loop, quote: Quote, mara: str) -> None:
    loop.take(BRUNO)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id("B-2"), Choice.YES, LATER + DAY)
    said = Details(comment="Found it.", quote_name="")
    answering.add_details(loop.store, loop.config, loop.survey_id("B-2"), Choice.YES, said, LATER + DAY)
    quotes = loop.store.quotes
    for one in quotes.page(Standing.WAITING, 9, seen_by=mara):
        approve(loop, one, mara)
    assert [one.words for one in quotes.approved(9)] == ["Found it.", "Quick and friendly."]
    assert [(one.words, one.name) for one in quotes.approved(1)] == [("Found it.", "")]


def test_what_could_be_quoted_before_there_were_quotes_waits(
    loop: Loop, quote: Quote, mara: str, tmp_path: Path
) -> None:
    path = tmp_path / "old" / "feedback.db"
    path.parent.mkdir()
    approve(loop, quote, mara)
    loop.store._database.copy_to(path)
    with sqlite3.connect(path) as old:
        old.execute("DROP TABLE quotes")
        old.execute("DELETE FROM _sqlite_migrations WHERE name = '12 records'")
    old.close()
    store = open_store(f"sqlite:///{path}", migrate=True)
    assert store.quotes.page(Standing.WAITING, 9, seen_by=mara) == [quote]
    assert store.quotes.approved(9) == []
    store.close()


@pytest.mark.parametrize(
    ("choice", "details"),
    [
        (Choice.YES, Details(comment="Quick and friendly.")),  # may not be quoted any more
        (Choice.YES, replace(SAID, quote_name="")),
        (Choice.NO, None),
    ],
)
def test_a_quote_that_its_customer_takes_back_is_to_leave_the_site_at_once(
    loop: Loop, quote: Quote, mara: str, choice: Choice, details: Details | None
) -> None:
    approve(loop, quote, mara)
    assert loop.store.operations.requested("publish") is None
    if details is None:
        answering.answer(loop.store, loop.config, loop.survey_id(), choice, LATER + MINUTE)
    else:
        answering.add_details(loop.store, loop.config, loop.survey_id(), choice, details, LATER + MINUTE)
    assert loop.store.quotes.approved(9) == []
    assert loop.store.operations.requested("publish")

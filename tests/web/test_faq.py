"""What the FAQ lacks, at the desk."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details
from feedback.domain.taps import Offer, Step, Vote
from feedback.loop import answering, taps
from feedback.web import create_app
from tests.conftest import ADA, Loop
from tests.web.test_desk import CHEAP_HASH, logged_in
from tests.web.test_survey import LATER

ENTRY = "---\ntopics: [Printers]\nwords: [jam]\n---\n# Paper & jams\n\nTake the paper out.\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The owner's, with an entry."""
    (tmp_path / "site" / "faq").mkdir(parents=True)
    (tmp_path / "mkdocs.yml").write_text("site_name: x\n")
    (tmp_path / "site" / "faq" / "paper-jam.md").write_text(ENTRY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def client_of(loop: Loop, name: str, role: Role, *teams: str) -> FlaskClient:
    with loop.store.write():
        loop.store.staff.add(f"{name}@acme.example", name.title(), CHEAP_HASH, role, teams)
    return logged_in(create_app(loop.config, loop.store, loop.keys, lambda: LATER), name)


def complain(loop: Loop, team: str, topic: str, comment: str, customers: int) -> None:
    """So many customers say no, and write the same."""
    for n in range(customers):
        ref = f"{team} {n}"
        loop.take(replace(ADA, ref=ref, customer_ref=ref, email=f"{team}{n}@example.org", team=team, topic=topic))
        loop.ask()
        answering.answer(loop.store, loop.config, loop.survey_id(ref), Choice.NO, LATER)
        said = Details(comment=comment)
        answering.add_details(loop.store, loop.config, loop.survey_id(ref), Choice.NO, said, LATER)


def page_of(client: FlaskClient) -> str:
    return client.get("/desk/faq").text


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2])).replace("\u00a0", " ").split())


def test_an_empty_desk_says_what_will_come_and_how(loop: Loop, folder: Path) -> None:
    (folder / "site" / "faq" / "paper-jam.md").unlink()
    text = text_of(page_of(client_of(loop, "olga", Role.OWNER)))
    for words in (
        "What 3 different customers or more write beside a no, and no entry says, stands here",
        "Once cases come in with a topic, each topic stands here",
        "Each page in the folder faq/ of your site is one",
        "Once assist.js stands on an error page or a checkout of yours",
    ):
        assert words in text


def test_it_tells_topics_entries_words_and_offers(loop: Loop) -> None:
    complain(loop, "Hardware", "vouchers", "The voucher jams, <b>refused</b>!", 10)
    for n in range(20):
        address = f"192.0.2.{n}"
        vote = Vote("faq/paper-jam/", helped=n < 3)
        taps.take_vote(loop.store, loop.config, loop.keys, address, vote, LATER)
        for step in (Step.SHOWN, Step.OPENED)[: 1 + n % 2]:
            offer = Offer("https://shop.example/<i>", step)
            taps.take_offer(loop.store, loop.config, loop.keys, address, offer, LATER)
    page = page_of(client_of(loop, "olga", Role.OWNER))
    text = text_of(page)
    assert "vouchers Solved, they say: 0 % of 10, likely 0 to 28 % 10 cases · no entry : many cases" in text
    assert "Paper & jams It helped, they say: 15 % of 20, likely 5 to 36 % It does not help." in text
    assert re.findall(r'<a href="/desk/search\?words=(\w+)">', page) == ["refused", "voucher"]  # an entry has “jam”
    assert "https://shop.example/<i> shown 20 · opened 10 · helped 0 · asked for a person 0" in text


def test_everybody_reads_the_words_of_what_they_see_and_the_topics_of_their_teams(loop: Loop) -> None:
    complain(loop, "Hardware", "toner", "Streaks everywhere", 3)
    complain(loop, "Sales", "discount", "The voucher expired", 4)
    people = {
        "olga": (Role.OWNER, ()), "lena": (Role.LEAD, ("Hardware",)), "abel": (Role.AGENT, ("hardware",)),
        "sven": (Role.AGENT, ("Sales",)),
    }  # fmt: skip
    pages = {name: text_of(page_of(client_of(loop, name, role, *teams))) for name, (role, teams) in people.items()}
    for word, who in {
        "streaks": {"olga", "lena", "abel"}, "toner": {"olga", "lena", "abel"}, "voucher": {"olga", "sven"},
        "discount": {"olga", "sven"},
    }.items():  # fmt: skip
        assert {name for name, page in pages.items() if word in page} == who, word


def test_a_comment_of_somebody_who_was_erased_counts_no_more(loop: Loop) -> None:
    complain(loop, "Hardware", "toner", "Streaks everywhere", 3)
    olga = client_of(loop, "olga", Role.OWNER)
    assert "streaks" in page_of(olga)
    with loop.store.write():
        (case,) = loop.store.erasures.cases_of(customer_id(loop, "Hardware 0"))
        loop.store.erasures.erase_case(case, LATER)
    assert "streaks" not in page_of(olga)


def customer_id(loop: Loop, ref: str) -> str:
    return str(loop.rows(f"SELECT customer_id FROM cases WHERE ref = '{ref}'")[0]["customer_id"])


def test_an_entry_that_cannot_be_read_is_named(loop: Loop, folder: Path) -> None:
    (folder / "site" / "faq" / "paper-jam.md").write_text("No title\n")
    text = text_of(page_of(client_of(loop, "olga", Role.OWNER)))
    assert "The entries cannot be read, so none is counted here. faq/paper-jam.md: expected a title" in text

"""The queue of the desk: its tabs, its filters, and what they count."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from feedback.domain.followups import CALL_AFTER, Channel, Outcome, Result
from feedback.domain.queue import Filters, Tab
from feedback.domain.surveys import Choice, Details, Stage
from feedback.loop import answering, following_up
from feedback.store.queue import Reader
from feedback.web.pages import POLL
from feedback.web.queue import TABS, WHAT_WILL_COME
from tests.conftest import ADA, BRUNO, CHIOMA, NOW, Loop
from tests.web.test_desk import (
    DAN,
    EVE,
    HOUR,
    app,
    client,
    clock,
    logged_in,
    mara,
    say_no,
    send,
    shown,
    staff,
)
from tests.web.test_survey import LATER, Clock

__all__ = ["app", "client", "clock", "mara", "staff"]  # fixtures

FAY = replace(ADA, ref="F-6", customer_ref="fay", email="fay@example.org", name="Fay", team="Software", topic="apps")
NAMES = {"Ada", "Bruno", "Chioma", "Dan", "Eve", "Fay"}


@pytest.fixture
def queue(loop: Loop, staff: dict[str, str], clock: Clock) -> dict[str, str]:
    """Six follow-ups at 18:00 of the day after; the ids by the customers' names.

    Ada's is nobody's and overdue. Bruno's is Tom's, due at 17:00 and so overdue, too. Chioma's is Mara's, due at 20:00;
    two contacts did not solve it. Dan's is nobody's, due tomorrow at 01:00. Eve's is closed. Fay's is another team's,
    and nobody's, due at 19:00.
    """
    clock.now = LATER + 4 * HOUR
    loop.take(ADA, BRUNO, replace(CHIOMA, email="c@example.org"), DAN, EVE, FAY)
    due = {"A-1": -26, "B-2": -1, "C-3": 2, "D-4": 7, "E-5": 0, "F-6": 1}
    found = {}
    for ref, hours in due.items():
        said = Details((Stage.RESOLVE, Stage.ENHANCE) if ref == "F-6" else (Stage.CONNECT,), f"Words of {ref}.")
        found[ref] = say_no(loop, ref, clock.now + (hours - 24) * HOUR, said)
    following_up.take(loop.store, found["B-2"], staff["tom"], None, clock.now)
    following_up.take(loop.store, found["C-3"], staff["mara"], None, clock.now)
    for n in range(CALL_AFTER):
        following_up.log_interaction(
            loop.store, found["C-3"], staff["mara"], Channel.MAIL, Result.NOT_SOLVED, f"Mail {n}.", clock.now
        )
    following_up.close(
        loop.store, loop.asking, found["E-5"], Outcome.SOLVED, "Sent a new one.", staff["tom"], clock.now
    )
    return found


def names(page: str) -> list[str]:
    """Whose follow-ups the page lists, in order."""
    return re.findall(r'<h2><a href="/desk/follow-ups/[^"]+">(\w+): ', page)


def counted(page: str) -> dict[str, int]:
    return {tab: int(n) for tab, n in re.findall(r'id="count-(\w+)">(\d+)<', page)}


@pytest.mark.parametrize(
    ("tab", "listed"),
    [
        ("open", ["Ada", "Bruno", "Fay", "Chioma", "Dan"]),
        ("mine", ["Chioma"]),
        ("unowned", ["Ada", "Fay", "Dan"]),
        ("today", ["Bruno", "Fay", "Chioma"]),
        ("overdue", ["Ada", "Bruno"]),
        ("escalated", ["Chioma"]),
        ("closed", ["Eve"]),
        *((odd, ["Ada", "Bruno", "Fay", "Chioma", "Dan"]) for odd in ("", "OPEN", "nonsense", "open'--", "\x00")),
    ],
)
def test_each_tab_lists_its_part_the_most_urgent_first_and_tells_how_many_it_has(
    mara: FlaskClient, queue: dict[str, str], tab: str, listed: list[str]
) -> None:
    page = mara.get("/desk/", query_string={"tab": tab}).text
    assert names(page) == listed
    counts = {"open": 5, "mine": 1, "unowned": 3, "today": 3, "overdue": 2, "escalated": 1, "closed": 1}
    assert counted(page) == counts
    assert page.count('aria-current="page">') == 2  # in the desk's navigation, and here
    assert "<title>To do (5) — Acme</title>" in page


@pytest.mark.parametrize(
    ("query", "listed", "count"),
    [
        ("team=Software", ["Fay"], 1),
        ("team=Hardware", ["Ada", "Bruno", "Chioma", "Dan"], 4),
        ("topic=apps", ["Fay"], 1),
        ("stage=enhance", ["Fay"], 1),
        ("stage=connect&tab=unowned", ["Ada", "Dan"], 4),
        ("age=2", ["Ada"], 1),
        ("age=1&topic=printers", ["Ada", "Bruno"], 2),
        ("team=Hardware&tab=closed", ["Eve"], 4),
        ("team=Software&tab=closed", [], 1),
        ("team=Nobody%27s+%3Cb%3E", [], 0),
        ("stage=assist", [], 0),
        ("team=&topic=&stage=&age=", ["Ada", "Bruno", "Fay", "Chioma", "Dan"], 5),
        *((f"age={odd}", ["Ada", "Bruno", "Fay", "Chioma", "Dan"], 5) for odd in ("x", "-1", "0", "9" * 5000, "1e3")),
        *((f"stage={odd}", ["Ada", "Bruno", "Fay", "Chioma", "Dan"], 5) for odd in ("%25", "CONNECT", "_")),
    ],
)
def test_filters_narrow_the_list_and_all_counts_and_stay_in_the_addresses(
    mara: FlaskClient, queue: dict[str, str], query: str, listed: list[str], count: int
) -> None:
    page = mara.get(f"/desk/?{query}").text
    assert (names(page), counted(page)["open"]) == (listed, count)
    if not listed:
        assert "Nothing here fits what you narrowed it to." in page
    for tab in re.findall(r'<a href="(/desk/[^"]*)"[^>]*>[^<]* <span class="count', page):
        again = mara.get(unescape(tab)).text
        assert counted(again) == counted(page)
    polled = re.search(r'data-counts="([^"]*)"', page)
    assert polled is not None
    told = mara.get(unescape(polled[1])).json
    assert told is not None
    assert told["counts"] == counted(page)


def test_the_form_shows_what_was_chosen_and_offers_what_there_is(mara: FlaskClient, queue: dict[str, str]) -> None:
    page = mara.get("/desk/?team=Software&age=3&stage=resolve&topic=gone&tab=unowned").text
    chosen = [unescape(words) for words in re.findall(r"<option[^>]* selected>([^<]*)<", page)]
    assert [words.split(":")[0] for words in chosen] == ["Software", "gone", "Resolve", "3 days ago or more"]
    assert '<input type="hidden" name="tab" value="unowned">' in page
    assert re.findall(r"<option>(\w+)</option>", page) == ["Hardware", "apps", "printers"]
    assert '<details class="filters" open>' in page
    assert '<details class="filters">' in mara.get("/desk/?tab=mine").text


@pytest.mark.parametrize("tab", Tab)
def test_an_empty_tab_says_what_will_stand_there(mara: FlaskClient, tab: Tab) -> None:
    page = shown(mara.get(f"/desk/?tab={tab}").text)
    assert WHAT_WILL_COME[tab] in page
    assert set(TABS) == set(WHAT_WILL_COME) == set(Tab)


@pytest.mark.parametrize(
    ("zone", "listed"),
    [
        ("UTC", ["Bruno", "Fay", "Chioma"]),
        ("Asia/Kolkata", ["Bruno"]),  # 23:30; the day ends at 18:30 by UTC
        ("America/New_York", ["Bruno", "Fay", "Chioma", "Dan"]),  # 13:00; the day ends at 05:00 by UTC
    ],
)
def test_today_is_the_readers(
    mara: FlaskClient, loop: Loop, queue: dict[str, str], zone: str, listed: list[str]
) -> None:
    with loop.store.write():
        loop.store.staff.set_zone("mara@acme.example", zone)
    page = mara.get("/desk/?tab=today").text
    assert (names(page), counted(page)["today"]) == (listed, len(listed))


def test_an_owner_who_is_first_in_touch_moves_it_from_nobodys_to_mine(mara: FlaskClient, queue: dict[str, str]) -> None:
    send(mara, "/desk/?tab=unowned", f"/desk/follow-ups/{queue['A-1']}/take")
    page = mara.get("/desk/?tab=mine").text
    assert names(page) == ["Ada", "Chioma"]
    assert counted(page)["unowned"] == 2


def test_what_has_escalated_is_what_the_page_of_a_follow_up_says_to_call_about(
    loop: Loop, queue: dict[str, str], staff: dict[str, str]
) -> None:
    """The rule stands once, in the view `follow_up_standings`."""
    for key in queue.values():
        for n in range(4):
            follow_up = loop.store.follow_ups.get(key)
            reader = Reader(staff["mara"], LATER, LATER, LATER)
            found = loop.store.queue.page(Tab.ESCALATED, Filters(), reader, 99)
            assert (key in [one.id for one in found]) is follow_up.is_escalated
            if follow_up.closed_at is None and n < 3:
                following_up.log_interaction(
                    loop.store, key, staff["tom"], Channel.CALL, Result.NOT_SOLVED, f"Call {n}.", LATER
                )
    survey_id = loop.survey_id("A-1")
    answering.answer(loop.store, loop.config, survey_id, Choice.YES, LATER + 5 * HOUR)
    answering.answer(loop.store, loop.config, survey_id, Choice.NO, LATER + 6 * HOUR)
    reader = Reader(staff["mara"], LATER, LATER, LATER)
    assert loop.store.follow_ups.get(queue["A-1"]).interactions == 0
    assert queue["A-1"] not in [one.id for one in loop.store.queue.page(Tab.ESCALATED, Filters(), reader, 99)]


def test_the_closed_come_newest_first_with_how_they_ended(
    mara: FlaskClient, loop: Loop, queue: dict[str, str], staff: dict[str, str]
) -> None:
    following_up.close(
        loop.store, loop.asking, queue["A-1"], Outcome.NO_CONTACT, "Rang thrice.", staff["tom"], LATER + 5 * HOUR
    )
    page = mara.get("/desk/?tab=closed").text
    assert names(page) == ["Ada", "Eve"]
    assert "No contact · today, 19:00" in shown(page)


def test_a_long_queue_comes_in_pages_of_fifty_that_keep_tab_and_filters(mara: FlaskClient, loop: Loop) -> None:
    loop.take(*(replace(ADA, ref=f"N{n}", customer_ref=f"n{n}", email=f"n{n}@example.org") for n in range(51)))
    for n in range(51):
        say_no(loop, f"N{n}", LATER - timedelta(seconds=n))
    first = mara.get("/desk/?tab=unowned&team=Hardware").text
    (on,) = re.findall(r'<a href="([^"]+)">On</a>', first)
    second = mara.get(unescape(on)).text
    assert [len(names(page)) for page in (first, second)] == [50, 1]
    (back,) = re.findall(r'<a href="([^"]+)">Back</a>', second)
    assert names(mara.get(unescape(back)).text) == names(first)
    assert "The list ends before this page." in mara.get("/desk/?page=9").text


# Counts, live


def test_the_counts_are_to_be_had_by_who_is_logged_in_alone(
    app: Flask, mara: FlaskClient, client: FlaskClient, queue: dict[str, str]
) -> None:
    answer = mara.get("/desk/counts")
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/json", "no-store")
    assert answer.json == {
        "title": "To do (5) — Acme",
        "counts": {"open": 5, "mine": 1, "unowned": 3, "today": 3, "overdue": 2, "escalated": 1, "closed": 1},
        "news": {"overdue": "2 are overdue.", "unowned": "3 are nobody’s."},
    }
    assert logged_in(app, "tom").get("/desk/counts").json["counts"]["mine"] == 1  # type: ignore[index]
    refused = client.get("/desk/counts")
    assert (refused.status_code, refused.headers["Location"]) == (303, "/desk/login?then=/desk/counts")


def test_the_script_is_small_and_the_one_that_the_page_may_run(mara: FlaskClient) -> None:
    answer = mara.get("/desk/")
    digest = base64.b64encode(hashlib.sha256(POLL.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert f"script-src 'sha256-{digest}'; connect-src 'self'; " in policy
    assert f"<script>{POLL}</script>" in answer.text
    assert len(POLL) < 1024
    assert "connect-src" not in mara.get("/desk/answers").headers["Content-Security-Policy"]
    assert "connect-src" not in mara.get("/").headers["Content-Security-Policy"]


def test_the_reasons_are_those_that_the_follow_up_tells(mara: FlaskClient, loop: Loop) -> None:
    loop.take(ADA)
    say_no(loop, details=Details((Stage.ASSIST,)))
    survey_id = loop.survey_id()
    for hours, choice, stages in ((1, Choice.YES, (Stage.CONNECT,)), (2, Choice.NO, ()), (3, Choice.NO, tuple(Stage))):
        at = LATER + hours * HOUR
        answering.answer(loop.store, loop.config, survey_id, choice, at)
        if stages:
            answering.add_details(loop.store, loop.config, survey_id, choice, Details(stages), at)
        told = [stage for one in loop.store.follow_ups.open_ones() for stage in one.details.reasons]
        assert [stage for stage in Stage if names(mara.get(f"/desk/?stage={stage}").text)] == told
    assert told == list(Stage)


# Searching


def test_what_is_found_stands_in_groups_with_the_words_marked_and_leads_on(
    mara: FlaskClient, queue: dict[str, str]
) -> None:
    page = mara.get("/desk/search", query_string={"words": "chioma words"}).text
    assert shown(page).endswith(
        "Words of a comment, a reply, a note or a case Search"
        " Answers 1 No · Chioma : Invoice twice Words of C-3. C-3 · c@example.org · yesterday, 20:00"
        " All words must stand in one text; the last may be a beginning. Accents and capitals do not matter."
        " A part from the middle of a word is found in the list of cases . Times are those of UTC."
    )
    assert "<mark>Chioma</mark>: Invoice twice" in page
    assert "<mark>Words</mark> of C-3." in page
    assert f'href="/desk/follow-ups/{queue["C-3"]}"' in page
    page = mara.get("/desk/search?words=mail").text
    assert "Follow-ups 1 Chioma: Invoice twice Mail 0. Mail 1. C-3 · c@example.org · open since" in " ".join(
        shown(page).replace(" Mail ", " Mail ").split()
    )
    eve = shown(mara.get("/desk/search?words=E-5").text)
    assert "Follow-ups 1 Eve: No sound Sent a new one. E-5 · eve@example.org · closed today, 18:00 · Tom" in eve
    assert "Cases 1 Eve: No sound E-5 · eve@example.org · resolved · " in eve


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "are found here, the newest first"),
        ("   ", "are found here, the newest first"),
        ("% ☂", "There is no word in “% ☂”."),
        ("nowhere", "Nothing has all of these words: “nowhere”."),
        ("x" * 9_999, f"Nothing has all of these words: “{'x' * 200}”."),
        ('"<q>" NOT (', 'Nothing has all of these words: “"<q>" NOT (”.'),
        ("\x00ada\x00", "Follow-ups 1"),
    ],
)
def test_a_search_that_finds_nothing_says_what_to_try(
    mara: FlaskClient, queue: dict[str, str], words: str, told: str
) -> None:
    answer = mara.get("/desk/search", query_string={"words": words})
    assert answer.status_code == 200
    assert told in shown(answer.text)


def test_markup_in_what_is_found_is_text(mara: FlaskClient, loop: Loop) -> None:
    loop.take(replace(ADA, subject="<script>x</script>", name='"><i>Ada'))
    say_no(loop, details=Details((), "Say <mark>hello</mark> & go"))
    page = mara.get("/desk/search?words=hello+mark+script").text
    assert "Say &lt;<mark>mark</mark>&gt;<mark>hello</mark>&lt;/<mark>mark</mark>&gt; &amp; go" in page
    assert "<i>" not in page
    assert "<script>" not in page


def test_of_each_kind_twenty_are_shown_and_the_page_says_so(mara: FlaskClient, loop: Loop) -> None:
    loop.take(*(replace(ADA, ref=f"N{n}", opened_at=NOW - n * HOUR) for n in range(21)))
    page = mara.get("/desk/search?words=printer").text
    assert "Cases the newest 20 " in shown(page)
    refs = re.findall(r"<p class=\"facts\">(N\d+) ", page)
    assert refs == [f"N{n}" for n in range(20)]

import io
import random
import re
import string
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.config import Config
from feedback.domain.cases import CaseStatus
from feedback.domain.surveys import ANSWERS_AT_MOST, COMMENT_LONGEST, Choice, Details
from feedback.keys import Purpose
from feedback.loop import erasing
from feedback.web import create_app
from feedback.web.survey import FORM_LARGEST, _accepted
from tests.conftest import ADA, DAY, NOW, Loop, text_of

LATER = NOW + DAY + timedelta(hours=2)


class Clock:
    def __init__(self) -> None:
        self.now = LATER

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(loop: Loop, clock: Clock) -> FlaskClient:
    return create_app(loop.config, loop.store, loop.keys, clock).test_client()


@pytest.fixture
def path(loop: Loop) -> str:
    """The path of Ada's survey; its mail has gone out."""
    loop.take(ADA)
    loop.ask()
    loop.send()
    return f"/s/{loop.keys.sign(Purpose.SURVEY, loop.survey_id())}"


def opt_out_path(loop: Loop) -> str:
    return f"/o/{loop.keys.sign(Purpose.OPT_OUT, loop.survey_id())}"


def everything(loop: Loop) -> dict[str, list[object]]:
    tables = [row["name"] for row in loop.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {table: [tuple(row.values()) for row in loop.rows(f'SELECT * FROM "{table}"')] for table in tables}


def test_no_get_and_no_head_writes_anything(client: FlaskClient, loop: Loop, path: str) -> None:
    before = everything(loop)
    for address in (path, f"{path}/yes", f"{path}/no", f"{path}/no?choice=yes", opt_out_path(loop), "/", "/healthz"):
        for _ in range(3):
            client.get(address)
            client.head(address)
    assert everything(loop) == before


def test_the_link_makes_the_choice_ready_and_the_button_sends_it(client: FlaskClient, loop: Loop, path: str) -> None:
    page = client.get(f"{path}/no").text
    assert re.search(r'value="no" required checked', page)
    assert not re.search(r'value="yes" required checked', page)
    assert "<bdi>Printer jams on page two</bdi><br>Marked as solved on 3 March 2026 by Mara</p>" in page
    done = client.post(path, data={"choice": "no"})
    assert (done.status_code, done.headers["Location"]) == (303, path)
    assert "get in touch by Thursday, 5 March 2026, 14:00 (Coordinated Universal Time)" in client.get(path).text
    assert loop.store.surveys.get(loop.survey_id()).answers == 1


def test_details_come_second_and_stay_on_the_page(client: FlaskClient, loop: Loop, path: str) -> None:
    client.post(path, data={"choice": "no"})
    said = {
        "choice": "no",
        "reasons": ["resolve", "enhance"],
        "comment": "Page <two>\r\nagain",
        "call": "y",
        "phone": " +49  30 1 ",
    }
    assert client.post(f"{path}/details", data=said).status_code == 303
    answer = loop.store.surveys.get(loop.survey_id()).newest
    assert answer is not None
    assert (answer.details.comment, answer.details.phone, answer.details.call) == (
        "Page <two>\nagain",
        "+49 30 1",
        True,
    )
    assert list(answer.details.reasons) == ["resolve", "enhance"]
    page = client.get(path).text
    assert "We have what you wrote" in page
    assert "Page &lt;two&gt;\nagain" in page


def test_a_quote_is_kept_only_with_consent_and_only_beside_a_yes(client: FlaskClient, loop: Loop, path: str) -> None:
    client.post(path, data={"choice": "yes"})
    client.post(f"{path}/details", data={"choice": "yes", "comment": "Great", "quote_name": "Ada L."})
    answer = loop.store.surveys.get(loop.survey_id()).newest
    assert answer is not None
    assert answer.details.quote_name is None
    client.post(f"{path}/details", data={"choice": "yes", "comment": "Great", "quote": "y", "quote_name": "Ada L."})
    answer = loop.store.surveys.get(loop.survey_id()).newest
    assert answer is not None
    assert answer.details.quote_name == "Ada L."


def test_a_comment_too_long_is_shown_again_and_nothing_is_lost(client: FlaskClient, loop: Loop, path: str) -> None:
    client.post(path, data={"choice": "no"})
    long = "x" * (COMMENT_LONGEST + 1)
    page = client.post(f"{path}/details", data={"choice": "no", "comment": long})
    assert page.status_code == 422
    assert long in page.text
    assert "Please use at most 5000 characters." in page.text


@pytest.mark.parametrize("comment", ["<script>alert(1)</script>", "{{ 7*7 }}", "\u202eevil", "🖨️ é", "a\x00b", "=1+1"])
def test_odd_words_are_kept_and_inert(client: FlaskClient, loop: Loop, path: str, comment: str) -> None:
    client.post(path, data={"choice": "no"})
    client.post(f"{path}/details", data={"choice": "no", "comment": comment})
    answer = loop.store.surveys.get(loop.survey_id()).newest
    assert answer is not None
    assert answer.details.comment == comment.replace("\x00", "")
    assert "<script>alert" not in client.get(path).text


def test_the_mind_can_be_changed_for_14_days(client: FlaskClient, clock: Clock, loop: Loop, path: str) -> None:
    client.post(path, data={"choice": "no"})
    clock.now = LATER + timedelta(days=14)
    assert "So far you said “No”." in client.get(f"{path}/yes").text
    client.post(path, data={"choice": "yes"})
    assert "good to hear" in client.get(path).text
    clock.now += timedelta(seconds=1)
    late = client.get(f"{path}/no")
    assert late.status_code == 410
    assert "It ended on 18 March 2026. Your answer was “Yes”, and it counts." in late.text
    assert client.post(path, data={"choice": "no"}).status_code == 410
    assert loop.store.surveys.get(loop.survey_id()).answers == 2


def test_a_late_visitor_is_told_and_shown_a_way_to_a_person(client: FlaskClient, clock: Clock, path: str) -> None:
    clock.now = NOW + timedelta(days=40)
    page = client.get(f"{path}/no")
    assert page.status_code == 410
    assert "This link has ended" in page.text
    assert "mailto:care@acme.example" in page.text


def test_a_post_without_a_choice_shows_the_question(client: FlaskClient, loop: Loop, path: str) -> None:
    for data in ({}, {"choice": "maybe"}):
        page = client.post(path, data=data)
        assert page.status_code == 422
        assert "Please choose yes or no." in page.text
    assert loop.store.surveys.get(loop.survey_id()).answers == 0


def test_a_forged_token_is_refused_before_the_database_is_touched(loop: Loop, path: str) -> None:
    token = path.removeprefix("/s/")
    statements: list[str] = []
    client = create_app(loop.config, loop.store, loop.keys, lambda: LATER).test_client()
    loop.store._database.connection.set_trace_callback(statements.append)
    for position in range(len(token)):
        forged = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        for address in (f"/s/{forged}", f"/s/{forged}/no", f"/o/{token}"):
            assert client.get(address).status_code == 404
            assert client.post(address.removesuffix("/no"), data={"choice": "no"}).status_code == 404
    assert statements == []


@pytest.mark.parametrize(
    "garbage",
    [
        "/s/",
        "/s/x",
        "/s/x/track",
        "/s/%27",
        "/s/%00",
        "/s/..%2f..%2fetc",
        "/s/x/yes/track",
        "/o/x/y",
        "/s/%FF%FE",
        "/s/" + "a" * 9000,
    ],
)
def test_a_garbage_address_gets_a_kind_page(client: FlaskClient, garbage: str) -> None:
    page = client.get(garbage)
    assert page.status_code == 404
    assert "Please open the link in the mail again." in page.text


@given(tail=st.text(max_size=60))
@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_address_ever_makes_a_server_error(client: FlaskClient, tail: str) -> None:
    for start in ("/s/", "/o/", "/"):
        assert client.get(start + tail).status_code < 500
        assert client.post(start + tail, data={"choice": "no"}).status_code < 500


def test_one_click_opt_out_works_without_cookie_or_page(client: FlaskClient, loop: Loop, path: str) -> None:
    address = opt_out_path(loop)
    page = client.get(address)
    assert '<button type="submit">Never ask me again</button>' in page.text
    done = client.post(address, data={"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert "Set-Cookie" not in done.headers
    assert loop.store.surveys.suppression(loop.keys.address_hashes("ada@example.org"))
    client.post(address)
    assert len(loop.rows("SELECT * FROM suppressions")) == 1
    assert "ada@" not in str(loop.rows("SELECT * FROM suppressions")).lower()


def test_an_opt_out_is_about_the_address_that_was_mailed(client: FlaskClient, loop: Loop, path: str) -> None:
    loop.take(replace(ADA, email="ada@new.example"), now=LATER)
    client.post(opt_out_path(loop))
    assert loop.store.surveys.suppression(loop.keys.address_hashes("ada@example.org"))
    assert not loop.store.surveys.suppression(loop.keys.address_hashes("ada@new.example"))


def test_an_opted_out_customer_can_still_answer(client: FlaskClient, loop: Loop, path: str) -> None:
    client.post(opt_out_path(loop))
    client.post(path, data={"choice": "no"})
    assert loop.store.surveys.get(loop.survey_id()).answers == 1


def test_every_page_has_strict_headers_and_none_sets_a_cookie(client: FlaskClient, path: str) -> None:
    for address in (path, f"{path}/yes", "/s/garbage", "/healthz", "/", "/nowhere"):
        answer = client.get(address)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert policy.count("script-src 'sha256-") == 1
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "Set-Cookie" not in answer.headers
        assert "Strict-Transport-Security" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"


def test_behind_https_browsers_are_told_to_stay_there(loop: Loop, make_config: Callable[..., Config]) -> None:
    app = create_app(make_config(url="https://care.acme.example"), loop.store, loop.keys, lambda: LATER)
    assert app.test_client().get("/healthz").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_page_is_one_response_below_15_kb(client: FlaskClient, path: str) -> None:
    pages = [client.get(f"{path}/no").text]
    client.post(path, data={"choice": "no"})
    pages.append(client.get(path).text)
    for page in pages:
        assert len(page.encode()) < 15_000
        assert not re.search(r"<(script [^>]*src|img|link)\b", page)


def test_no_token_reaches_the_log_even_when_all_breaks(
    loop: Loop, path: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"broken: {path}")

    monkeypatch.setattr(loop.store.surveys, "get", broken)
    client = create_app(loop.config, loop.store, loop.keys, lambda: LATER).test_client()
    for answer in (client.get(f"{path}/no"), client.post(path, data={"choice": "no"})):
        assert answer.status_code == 500
        assert "Something broke on our side" in answer.text
        assert "Traceback" not in answer.text
    assert "failed: RuntimeError" in caplog.text
    assert path.removeprefix("/s/") not in caplog.text


def test_a_database_that_cannot_be_written_is_told_and_the_vote_is_not_thanked_for(
    client: FlaskClient, loop: Loop, path: str
) -> None:
    loop.store._database.connection.execute("PRAGMA query_only = ON")
    answer = client.post(path, data={"choice": "no"})
    assert answer.status_code == 503
    assert "Please try again in a minute" in answer.text
    loop.store._database.connection.execute("PRAGMA query_only = OFF")
    assert loop.store.surveys.get(loop.survey_id()).answers == 0
    assert client.post(path, data={"choice": "no"}).status_code == 303
    newest = loop.store.surveys.get(loop.survey_id()).newest
    assert newest is not None
    assert newest.choice is Choice.NO


def test_on_a_full_disk_no_vote_is_thanked_for_and_it_can_be_sent_again(
    client: FlaskClient, loop: Loop, path: str
) -> None:
    connection = loop.store._database.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    said = "x" * 5_000
    answers = [
        client.post(path, data={"choice": "no"}),
        client.post(f"{path}/details", data={"choice": "no", "comment": said}),
    ]
    assert 503 in [answer.status_code for answer in answers]
    connection.execute("PRAGMA max_page_count = 1000000")
    client.post(path, data={"choice": "no"})
    assert client.post(f"{path}/details", data={"choice": "no", "comment": said}).status_code == 303
    newest = loop.store.surveys.get(loop.survey_id()).newest
    assert newest is not None
    assert newest.details.comment == said


def test_a_form_from_before_a_change_of_mind_is_shown_the_present_answer(
    client: FlaskClient, loop: Loop, path: str
) -> None:
    client.post(path, data={"choice": "yes"})
    client.post(path, data={"choice": "no"})
    stale = client.post(f"{path}/details", data={"choice": "yes", "reasons": ["resolve"]})
    assert (stale.status_code, stale.headers["Location"]) == (303, path)
    newest = loop.store.surveys.get(loop.survey_id()).newest
    assert newest is not None
    assert newest.details.reasons == ()
    page = client.post(f"{path}/details", data={"choice": "yes", "reasons": ["resolve"], "comment": "Quick work"})
    assert page.status_code == 409
    assert "Thank you for telling us" in page.text
    assert "\nQuick work</textarea>" in page.text
    assert 'name="reasons" value="resolve">' in page.text
    assert loop.store.follow_ups.open_ones()[0].details == Details()


CALL = {"choice": "no", "call": "y", "phone": "+49 30 5550 0142", "call_time": " mornings,\tbefore 10 "}


def test_a_call_is_asked_for_with_a_number_and_a_time(client: FlaskClient, loop: Loop, path: str) -> None:
    client.post(path, data={"choice": "no"})
    page = client.post(f"{path}/details", data=CALL, follow_redirects=True).text
    assert 'name="call_time" value="mornings, before 10"' in page
    (follow_up,) = loop.store.follow_ups.open_ones()
    assert (follow_up.details.phone, follow_up.details.call_time) == ("+49 30 5550 0142", "mornings, before 10")
    loop.send(LATER + timedelta(minutes=1))
    assert "They ask for a call: +49 30 5550 0142, mornings, before 10." in text_of(loop.maildir()[-1])
    client.post(path, data={"choice": "yes"})
    client.post(path, data={"choice": "no"})
    assert 'value="mornings, before 10"' in client.get(path).text
    client.post(f"{path}/details", data={**CALL, "call": ""})
    newest = loop.store.surveys.get(loop.survey_id()).newest
    assert newest is not None
    assert (newest.details.call, newest.details.phone, newest.details.call_time) == (False, "", "")


def test_a_time_to_call_that_is_too_long_is_shown_again(client: FlaskClient, path: str) -> None:
    client.post(path, data={"choice": "no"})
    page = client.post(f"{path}/details", data={**CALL, "call_time": "x" * 101})
    assert page.status_code == 422
    assert '<p class="error" id="call_time-error">Please use at most 100 characters.</p>' in page.text
    assert "x" * 101 in page.text


@pytest.mark.parametrize(("interactions", "comes_first"), [(None, False), (1, False), (2, True), (5, True)])
def test_a_call_is_offered_first_to_whom_two_contacts_did_not_help(
    client: FlaskClient, loop: Loop, interactions: int | None, comes_first: bool
) -> None:
    loop.take(replace(ADA, interactions=interactions))
    loop.ask()
    loop.send()
    path = f"/s/{loop.keys.sign(Purpose.SURVEY, loop.survey_id())}"
    page = client.post(path, data={"choice": "no"}, follow_redirects=True).text
    assert page.count('name="call"') == 1
    assert (page.index('name="call"') < page.index('name="reasons"')) is comes_first
    assert 'name="call"' not in client.post(path, data={"choice": "yes"}, follow_redirects=True).text


def test_a_call_needs_a_number_and_the_page_says_so_beside_the_field(
    client: FlaskClient, loop: Loop, path: str
) -> None:
    client.post(path, data={"choice": "no"})
    page = client.post(f"{path}/details", data={**CALL, "phone": " \u202e ", "comment": "Still jams"})
    assert page.status_code == 422
    assert '<p class="error" id="phone-error">Please give the number that we should call.</p>' in page.text
    assert 'aria-invalid="true" aria-describedby="phone-error" autofocus>' in page.text
    assert page.text.count("autofocus") == 1
    assert "\nStill jams</textarea>" in page.text
    assert loop.store.follow_ups.open_ones()[0].details == Details()


def test_what_belongs_to_a_box_that_is_not_ticked_is_not_looked_at(client: FlaskClient, loop: Loop, path: str) -> None:
    client.post(path, data={"choice": "no"})
    left = {"choice": "no", "comment": "Still jams", "phone": "x" * 99, "call_time": "x" * 999, "quote_name": "x" * 999}
    assert client.post(f"{path}/details", data=left).status_code == 303
    assert loop.store.follow_ups.open_ones()[0].details == Details(comment="Still jams")


def seen_in(page: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found is not None
    return found[1]


def test_a_stale_window_replaces_nothing_unasked(client: FlaskClient, loop: Loop, path: str) -> None:
    stale = seen_in(client.post(path, data={"choice": "no"}, follow_redirects=True).text)
    first = {**CALL, "seen": stale, "comment": "From the first window", "reasons": "enhance"}
    assert client.post(f"{path}/details", data=first).status_code == 303
    assert client.post(f"{path}/details", data=first).status_code == 303  # pressed twice
    second = {"choice": "no", "seen": stale, "comment": "From the second", "reasons": "connect"}
    page = client.post(f"{path}/details", data=second)
    assert page.status_code == 409
    assert "What stands in the form is not saved yet" in page.text
    assert '<blockquote class="words" dir="auto">From the first window</blockquote>' in page.text
    assert "<li>It came back</li>" in page.text
    assert "<li>Please call me: <bdi>+49 30 5550 0142</bdi>, <bdi>mornings, before 10</bdi></li>" in page.text
    assert "\nFrom the second</textarea>" in page.text
    assert 'value="connect" checked' in page.text
    assert loop.store.follow_ups.open_ones()[0].details.comment == "From the first window"
    assert client.post(f"{path}/details", data={**second, "seen": seen_in(page.text)}).status_code == 303
    assert loop.store.follow_ups.open_ones()[0].details.comment == "From the second"


@pytest.mark.parametrize("letter", ["x", "é", "🖨"])
def test_a_pasted_log_of_a_megabyte_is_shown_again_and_changes_nothing(
    client: FlaskClient, loop: Loop, path: str, letter: str
) -> None:
    client.post(path, data={"choice": "no"})
    long = letter * (1_000_000 // len(letter.encode()))
    page = client.post(f"{path}/details", data={"choice": "no", "comment": long, "reasons": "resolve"})
    assert page.status_code == 422
    assert f"\n{long}</textarea>" in page.text
    assert "Nothing is lost: your text is below." in page.text
    assert loop.store.follow_ups.open_ones()[0].details == Details()


def test_what_is_too_large_to_be_shown_again_is_refused_kindly(client: FlaskClient, loop: Loop, path: str) -> None:
    client.post(path, data={"choice": "no"})
    page = client.post(f"{path}/details", data={"choice": "no", "comment": "x" * FORM_LARGEST})
    assert page.status_code == 413
    assert "Please make it shorter." in page.text
    assert loop.store.follow_ups.open_ones()[0].details == Details()


def test_who_opted_out_is_told_that_it_stands_and_can_answer_or_undo_it(
    client: FlaskClient, loop: Loop, path: str
) -> None:
    assert "and we will not" not in client.get(f"{path}/no").text
    client.post(opt_out_path(loop))
    page = client.get(f"{path}/no").text
    assert "You have asked us not to ask you again, and we will not. An answer here still counts." in page
    assert 'write to us at <a href="mailto:care@acme.example">' in page
    assert ">Undo: ask me again</a>" in page
    assert "We ask once about each request." not in page
    assert client.post(path, data={"choice": "no"}).status_code == 303
    assert loop.store.surveys.get(loop.survey_id()).answers == 1


def test_who_was_asked_again_meanwhile_is_told_and_can_still_answer_the_first_question(
    client: FlaskClient, clock: Clock, loop: Loop, path: str
) -> None:
    assert "once more since" not in client.get(f"{path}/no").text
    solved_again = NOW + 20 * DAY
    loop.take(replace(ADA, status=CaseStatus.OPEN, resolved_at=None), now=NOW + 19 * DAY)
    loop.take(replace(ADA, resolved_at=solved_again), now=solved_again)
    loop.ask(solved_again + DAY)
    assert "once more since" not in client.get(f"{path}/no").text  # its mail has not gone out
    loop.send(solved_again + DAY)
    clock.now = solved_again + DAY
    page = client.get(f"{path}/no").text
    assert "We have asked you about this once more since, on 24 March 2026, in a mail with a link of its own." in page
    assert 'write to us at <a href="mailto:care@acme.example">' in page
    first = loop.store.surveys.get(keys_id(loop, path))
    assert client.post(path, data={"choice": "no"}).status_code == 303
    assert loop.store.surveys.get(first.id).answers == 1
    newer = f"/s/{loop.keys.sign(Purpose.SURVEY, loop.survey_id())}"
    assert newer != path
    assert "once more since" not in client.get(newer).text


def keys_id(loop: Loop, path: str) -> str:
    found = loop.keys.verify(Purpose.SURVEY, path.removeprefix("/s/"))
    assert found is not None
    return found


def test_a_question_that_is_gone_says_so_and_shows_a_way_to_a_person(
    client: FlaskClient, loop: Loop, path: str
) -> None:
    erasing.erase(loop.store, loop.keys, "ada@example.org", LATER)
    unknown = f"/s/{loop.keys.sign(Purpose.SURVEY, 'x' * 22)}"
    for address in (path, f"{path}/no", unknown, f"{unknown}/yes"):
        page = client.get(address)
        assert page.status_code == 410
        assert "We do not have this question any more" in page.text
        assert "mailto:care@acme.example" in page.text
    assert client.post(path, data={"choice": "no"}).status_code == 410
    assert client.post(f"{path}/details", data={"choice": "no"}).status_code == 410


def test_the_twenty_first_answer_is_refused_kindly_in_the_customers_language(
    client: FlaskClient, loop: Loop, path: str
) -> None:
    for n in range(ANSWERS_AT_MOST):
        assert client.post(path, data={"choice": ("no", "yes")[n % 2]}).status_code == 303
    page = client.post(path, data={"choice": "no"})
    assert page.status_code == 409
    assert "stays as it was last saved" in page.text
    assert loop.store.surveys.get(loop.survey_id()).answers == ANSWERS_AT_MOST


def test_a_flood_of_forged_tokens_never_touches_the_database(loop: Loop, path: str) -> None:
    statements: list[str] = []
    client = create_app(loop.config, loop.store, loop.keys, lambda: LATER).test_client()
    loop.store._database.connection.set_trace_callback(statements.append)
    chance = random.Random(7)
    genuine = path.removeprefix("/s/")
    key, _, signature = genuine.partition(".")
    for _ in range(2_000):
        letters = "".join(chance.choices(string.ascii_letters + string.digits + "-_", k=43))
        token = chance.choice((f"{letters[:22]}.{letters}", f"{key}.{letters}", f"{letters[:22]}.{signature}", letters))
        address = chance.choice(
            (f"/s/{token}", f"/s/{token}/no", f"/s/{token}/details", f"/o/{token}", f"/o/{token}/undo")
        )
        data = {"choice": "no", "List-Unsubscribe": "One-Click"}
        assert client.post(address, data=data).status_code in (404, 405)
        assert client.get(address).status_code in (404, 405)
    assert statements == []
    assert client.get(path).status_code == 200
    assert statements


def test_what_comes_after_the_end_is_shown_to_be_copied(client: FlaskClient, clock: Clock, path: str) -> None:
    client.post(path, data={"choice": "no"})
    clock.now = LATER + timedelta(days=15)
    page = client.post(f"{path}/details", data={**CALL, "comment": "Still <jams>"})
    assert page.status_code == 410
    assert "What you wrote came too late and was not saved." in page.text
    assert (
        '<blockquote class="words" dir="auto">Still &lt;jams&gt;\n+49 30 5550 0142\nmornings, before 10<' in page.text
    )


def test_a_call_asked_for_beside_a_no_that_is_a_yes_by_now_is_not_lost(client: FlaskClient, path: str) -> None:
    client.post(path, data={"choice": "yes"})
    page = client.post(f"{path}/details", data=CALL)
    assert page.status_code == 409
    assert "\n+49 30 5550 0142\nmornings, before 10</textarea>" in page.text


def test_a_mail_that_came_back_is_no_newer_question(client: FlaskClient, loop: Loop, path: str) -> None:
    again = NOW + 20 * DAY
    loop.take(replace(ADA, resolved_at=again), now=again)
    loop.ask(again + DAY)
    loop.send(again + DAY)
    assert "once more since" in client.get(f"{path}/no").text
    with loop.store.write():
        (mail,) = loop.rows("SELECT id FROM outbox ORDER BY handed_over_at DESC LIMIT 1")
        loop.store.returns.mark_failed(mail["id"], "it came back")
    assert "once more since" not in client.get(f"{path}/no").text


def test_wishes_for_languages_fill_no_memory(client: FlaskClient, path: str) -> None:
    before = _accepted.cache_info().currsize
    for n in range(600):
        client.get(f"{path}/no", headers={"Accept-Language": f"{'x' * 5_000}{n}"})
        client.get(f"/s/garbage?in={'de-' * 2_000}{n}")
    assert _accepted.cache_info().currsize <= before + 2


def test_a_promise_that_was_not_kept_is_owned_up_to(client: FlaskClient, clock: Clock, path: str) -> None:
    client.post(path, data={"choice": "no"})
    assert "A person will look at it and get in touch by" in client.get(path).text
    clock.now += DAY + timedelta(seconds=1)
    page = client.get(path).text
    assert "get in touch by" not in page
    assert (
        "We wanted to be in touch by Thursday, 5 March 2026, 14:00 (Coordinated Universal Time), and are late." in page
    )


def test_a_refused_text_does_not_stand_below_a_notice_that_all_is_saved(client: FlaskClient, path: str) -> None:
    client.post(path, data={"choice": "no"})
    client.post(f"{path}/details", data={"choice": "no", "comment": "Still jams"})
    assert "We have what you wrote." in client.get(path).text
    page = client.post(f"{path}/details", data={"choice": "no", "comment": "x" * (COMMENT_LONGEST + 1)})
    assert "We have what you wrote." not in page.text


def test_a_form_that_was_cut_off_on_its_way_changes_nothing(client: FlaskClient, loop: Loop, path: str) -> None:
    client.post(path, data={"choice": "no"})
    whole = b"choice=no&call=y&phone=%2B49+30+5550+0142"
    page = client.post(
        f"{path}/details",
        input_stream=io.BytesIO(whole[:-5]),
        content_type="application/x-www-form-urlencoded",
        environ_overrides={"CONTENT_LENGTH": str(len(whole)), "wsgi.input_terminated": True},  # as granian says
    )
    assert page.status_code == 400
    assert loop.store.follow_ups.open_ones()[0].details == Details()


def test_a_form_of_a_million_fields_is_not_taken_apart(client: FlaskClient, path: str) -> None:
    for address in (path, f"{path}/details", "/desk/login"):
        page = client.post(address, data=b"a&" * 1_000_000, content_type="application/x-www-form-urlencoded")
        assert page.status_code == 413

"""Opting out takes one click of a person or a mail program, and none of a scanner; it holds, and can be undone."""

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from feedback.domain.surveys import Suppression
from feedback.keys import Keys, Purpose
from feedback.loop import erasing
from feedback.web import create_app
from tests.conftest import ADA, DAY, NOW, Loop

LATER = NOW + 2 * DAY


@pytest.fixture
def asked(loop: Loop) -> Loop:
    loop.take(ADA)
    loop.ask()
    loop.send()
    return loop


@pytest.fixture
def client(asked: Loop) -> FlaskClient:
    return create_app(asked.config, asked.store, asked.keys, lambda: LATER).test_client()


@pytest.fixture
def link(asked: Loop) -> str:
    """As it stands in the mail's header."""
    found = re.fullmatch(r"<http://127\.0\.0\.1:8000(/o/\S+)>", asked.maildir()[0]["List-Unsubscribe"])
    assert found is not None
    return found[1]


def suppression(loop: Loop, address: str = "ada@example.org") -> Suppression | None:
    return loop.store.surveys.suppression(loop.keys.address_hashes(address))


def test_a_scanner_that_opens_everything_opts_nobody_out(client: FlaskClient, asked: Loop, link: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        for address in (link, f"{link}/undo", f"{link}?List-Unsubscribe=One-Click", f"{link}%27", f"{link}/track"):
            client.open(address, method=method)
    assert suppression(asked) is None


def test_the_button_opts_out_and_another_undoes_it(client: FlaskClient, asked: Loop, link: str) -> None:
    assert '<button type="submit">Never ask me again</button>' in client.get(link).text
    done = client.post(link)
    assert "<h1>You will not be asked again</h1>" in done.text
    assert suppression(asked) is Suppression.OPTED_OUT
    assert "<h1>You will not be asked again</h1>" in client.get(link).text
    assert f'action="{link}/undo"' in done.text
    back = client.post(f"{link}/undo")
    assert "<h1>You will be asked again</h1>" in back.text
    assert suppression(asked) is None
    assert "<h1>Never ask me again?</h1>" in client.get(link).text


def test_the_page_speaks_the_customers_language_whoever_opens_it(asked: Loop) -> None:
    asked.take(replace(ADA, ref="B-2", customer_ref="eva", email="eva@example.org", locale="de-AT"))
    asked.ask()
    asked.send()
    client = create_app(asked.config, asked.store, asked.keys, lambda: LATER).test_client()
    link = asked.maildir()[-1]["List-Unsubscribe"].strip("<>").removeprefix("http://127.0.0.1:8000")
    english = {"Accept-Language": "en"}
    page = client.get(link, headers=english).text
    for _ in range(3):
        assert '<html lang="de"' in page
        action = re.search(r'action="([^"]+)"', page)
        assert action is not None
        page = client.post(action[1].replace("&amp;", "&"), headers=english).text
    survey = client.get(f"/s/{asked.keys.sign(Purpose.SURVEY, asked.survey_id('B-2'))}/no").text
    assert re.search(r'href="/o/[^"?]+\?in=de-AT"', survey)


def test_the_link_of_the_page_means_the_same_address(client: FlaskClient, asked: Loop, link: str) -> None:
    page = client.get(f"/s/{asked.keys.sign(Purpose.SURVEY, asked.survey_id())}/no").text
    found = re.search(r'href="(/o/[^"]+)"', page)
    assert found is not None
    client.post(found[1])
    assert suppression(asked) is Suppression.OPTED_OUT
    assert "You will not be asked again" in client.get(link).text


def test_a_link_still_means_its_address_after_the_customer_has_another(
    client: FlaskClient, asked: Loop, link: str
) -> None:
    asked.take(replace(ADA, email="ada@new.example"), now=LATER)
    client.post(link)
    assert suppression(asked) is Suppression.OPTED_OUT
    assert suppression(asked, "ada@new.example") is None


def test_an_opt_out_survives_an_erasure_and_a_link_works_after_one(client: FlaskClient, asked: Loop, link: str) -> None:
    client.post(link)
    erasing.erase(asked.store, asked.keys, "ada@example.org", LATER)
    page = client.get(link)
    assert (page.status_code, "You will not be asked again" in page.text, "/undo" in page.text) == (200, True, False)
    assert client.post(link).status_code == client.post(f"{link}/undo").status_code == 200
    assert suppression(asked) is Suppression.ERASED


def test_a_link_works_in_a_database_that_knows_nothing_of_its_case(client: FlaskClient, asked: Loop, link: str) -> None:
    asked.forget()
    assert client.post(link).status_code == 200
    assert suppression(asked) is Suppression.OPTED_OUT


def test_a_link_of_a_retired_secret_works_and_its_opt_out_counts(asked: Loop, link: str) -> None:
    secrets = (asked.config.data_dir / "secret.key").read_text().split()
    asked.keys = Keys(["a newer secret of more than 32 letters", *secrets])
    client = create_app(asked.config, asked.store, asked.keys, lambda: LATER).test_client()
    assert client.post(link).status_code == 200
    assert suppression(asked) is Suppression.OPTED_OUT


def test_an_undo_does_not_bring_back_an_address_that_bounces(client: FlaskClient, asked: Loop, link: str) -> None:
    with asked.store.write():
        asked.store.surveys.suppress(asked.keys.address_hashes("ada@example.org")[0], Suppression.BOUNCED, NOW)
    assert "<h1>Never ask me again?</h1>" in client.get(link).text
    client.post(link)
    assert suppression(asked) is Suppression.OPTED_OUT
    client.post(f"{link}/undo")
    assert suppression(asked) is Suppression.BOUNCED


@pytest.mark.parametrize("purpose", [Purpose.SURVEY, Purpose.MESSAGE])
def test_a_token_for_something_else_opts_nobody_out(client: FlaskClient, asked: Loop, purpose: Purpose) -> None:
    address_hash = asked.keys.address_hashes("ada@example.org")[0]
    for token in (
        asked.keys.sign(purpose, address_hash),
        address_hash,
        f"{address_hash}.x",
    ):
        for path in (f"/o/{token}", f"/o/{token}/undo"):
            assert client.post(path).status_code == 404
    assert asked.rows("SELECT * FROM suppressions") == []


def test_a_token_for_what_is_not_here_any_more_opts_nobody_out_and_says_so(client: FlaskClient, asked: Loop) -> None:
    token = asked.keys.sign(Purpose.OPT_OUT, "x" * 22)
    for path in (f"/o/{token}", f"/o/{token}/undo"):
        page = client.post(path)
        assert page.status_code == 410
        assert "We do not have this question any more" in page.text
    assert asked.rows("SELECT * FROM suppressions") == []


def test_a_link_in_a_mail_of_before_has_the_surveys_key_and_works(client: FlaskClient, asked: Loop) -> None:
    assert client.post(f"/o/{asked.keys.sign(Purpose.OPT_OUT, asked.survey_id())}").status_code == 200
    assert suppression(asked) is Suppression.OPTED_OUT


def test_undoing_from_the_page_works_after_the_secret_was_changed(client: FlaskClient, asked: Loop) -> None:
    client.post(f"/o/{asked.keys.sign(Purpose.OPT_OUT, asked.survey_id())}")
    rotated = Keys(["another secret, which is long enough", *asked.keys._secrets])
    fresh = create_app(asked.config, asked.store, rotated, lambda: LATER).test_client()
    page = fresh.get(f"/s/{rotated.sign(Purpose.SURVEY, asked.survey_id())}/no").text
    link = re.search(r'href="(/o/[^"]+)"', page)
    assert link is not None
    assert "Undo: ask me again" in fresh.get(link[1]).text
    assert "You will be asked again" in fresh.post(f"{link[1]}/undo").text
    assert asked.rows("SELECT * FROM suppressions") == []

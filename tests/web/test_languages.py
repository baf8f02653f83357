"""Customers' pages speak the customer's language, else the browser's, else the business's; the desk speaks English."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from feedback.i18n import LANGUAGES, load_languages
from feedback.keys import Purpose
from feedback.web import create_app
from tests.conftest import ADA, DAY, NOW, Loop

LATER = NOW + 2 * DAY


def ask(loop: Loop, locale: str | None) -> tuple[FlaskClient, str]:
    """A browser, and the address of the survey of a customer with this locale."""
    loop.take(replace(ADA, locale=locale, zone="Asia/Tokyo"))
    loop.ask(LATER)
    loop.send(LATER)
    client = create_app(loop.config, loop.store, loop.keys, lambda: LATER).test_client()
    return client, f"/s/{loop.keys.sign(Purpose.SURVEY, loop.survey_id())}"


def lang(page: str) -> str:
    found = re.search(r'<html lang="([a-z]+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("locale", "browser", "business", "tag"),
    [
        ("de-AT", "fr", "es", "de"),
        (None, "fr-CA,fr;q=0.9,en;q=0.5", "es", "fr"),
        ("sv", "nn,nl;q=0.4", "es", "nl"),
        (None, "sv, nb;q=0.9", "es", "es"),
        (None, None, "pt-BR", "pt"),
        (None, None, None, "en"),
        (None, "=; q=x, \x00", None, "en"),
    ],
)
def test_the_customers_language_comes_first_then_the_browsers_then_the_businesss(
    make_loop: Callable[..., Loop], locale: str | None, browser: str | None, business: str | None, tag: str
) -> None:
    loop = make_loop(window="off", **({"locale": business} if business else {}))
    client, path = ask(loop, locale)
    headers = {"Accept-Language": browser} if browser else {}
    assert lang(client.get(f"{path}/no", headers=headers).text) == tag


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_page_of_a_customer_is_in_one_language(make_loop: Callable[..., Loop], code: str) -> None:
    loop = make_loop(window="off")
    client, path = ask(loop, code)
    language = load_languages(loop.config.words_dir).choose(code)
    opt_out = f"/o/{loop.keys.sign(Purpose.OPT_OUT, loop.keys.address_hashes('ada@example.org')[0])}"
    foreign = {"Accept-Language": code}
    pages = {
        "Send my answer: No": client.get(f"{path}/no"),
        "Please choose yes or no.": client.post(path, data={}),
        "Thank you for telling us": client.post(path, data={"choice": "no"}, follow_redirects=True),
        "Save the change": client.post(f"{path}/details", data={"choice": "no", "comment": "x"}, follow_redirects=True),
        "Nothing is lost: your text is below.": client.post(
            f"{path}/details", data={"choice": "no", "comment": "x" * 9_000}
        ),
        "So far you said “No”.": client.get(f"{path}/yes"),
        "It has become better since last time": client.post(path, data={"choice": "yes"}, follow_redirects=True),
        "Never ask me again?": client.get(opt_out, headers=foreign),
        "You will not be asked again": client.post(opt_out, headers=foreign),
        "You will be asked again": client.post(f"{opt_out}/undo", headers=foreign),
        "There is nothing here": client.get("/s/garbage", headers=foreign),
        "Please open the link in the mail again.": client.put(path, headers=foreign),
    }
    english = load_languages(loop.config.words_dir).choose("en")
    for sentence, page in pages.items():
        assert lang(page.text) == code, sentence
        assert language.text(sentence) in page.text.replace("&#39;", "'"), sentence
        if code != "en":
            assert english.text(sentence) not in page.text
        assert len(page.data) < 15_000 + 9_000 * ("Nothing is lost" in sentence)
    assert ('dir="rtl"' in pages["There is nothing here"].text) is (code == "ar")


def test_a_day_and_a_moment_are_told_by_the_customers_clock(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(window="off")
    client, path = ask(loop, "ja")
    assert "2026年3月3日" in client.get(f"{path}/no").text
    page = client.post(path, data={"choice": "no"}, follow_redirects=True).text
    assert "2026年3月6日金曜日 21:00（日本標準時）" in page


def test_the_desk_and_its_login_speak_english(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(locale="de")
    client = create_app(loop.config, loop.store, loop.keys, lambda: LATER).test_client()
    for path in ("/desk/login", "/"):
        assert lang(client.get(path, headers={"Accept-Language": "de"}).text) == "en"


def test_a_page_has_the_colour_of_the_business_and_allows_just_its_own_style(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(window="off", colour="#ffeb3b")
    client, path = ask(loop, "en")
    page = client.get(f"{path}/no")
    assert "--accent: #7d731d;" in page.text
    assert "--accent: #ffeb3b;" in page.text
    plain = create_app(loop.config.model_copy(update={"colour": "#00695c"}), loop.store, loop.keys).test_client()
    assert plain.get("/").headers["Content-Security-Policy"] != page.headers["Content-Security-Policy"]


def test_a_reply_goes_to_the_team_that_helped(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(window="off", team_reply_to="Hardware:hardware@acme.example", change_within="1h")
    client, path = ask(loop, "en")
    client.post(path, data={"choice": "no"})
    late = create_app(loop.config, loop.store, loop.keys, lambda: LATER + DAY).test_client()
    assert "mailto:hardware@acme.example" in late.get(f"{path}/no").text

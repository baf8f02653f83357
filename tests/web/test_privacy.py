"""What is held about a person is handed out, or forgotten, at the desk."""

import json
import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from feedback import jobs
from feedback.domain.audit import Action
from feedback.domain.staff import Role
from feedback.domain.surveys import Details
from feedback.loop.backing_up import back_up
from feedback.web import create_app
from tests.conftest import ADA, BRUNO, CHIOMA, DAY, NOW, Loop
from tests.web.test_desk import CHEAP_HASH, csrf_of, logged_in, say_no, shown
from tests.web.test_survey import Clock, everything

ADDRESS = "ada@example.org"


@pytest.fixture
def app(loop: Loop) -> Flask:
    with loop.store.write():
        loop.store.staff.add("mara@acme.example", "Mara", CHEAP_HASH, Role.OWNER)
    loop.take(ADA, BRUNO, CHIOMA)
    loop.ask()
    loop.send()
    say_no(loop, details=Details(comment="It smells of marzipan."))
    return create_app(loop.config, loop.store, loop.keys, Clock())


@pytest.fixture
def mara(app: Flask) -> FlaskClient:
    return logged_in(app, "mara")


def post(mara: FlaskClient, path: str, **said: str) -> TestResponse:
    return mara.post(path, data={"csrf_token": csrf_of(mara.get("/desk/privacy").text), **said})


def everything_in_files(loop: Loop) -> bytes:
    """All that the files of the data folder hold, but for packed backups."""
    files = [path for path in loop.config.data_dir.rglob("*") if path.is_file() and path.suffix != ".gz"]
    return b"".join(path.read_bytes().lower() for path in files)


def test_an_address_is_looked_up_and_nothing_is_written(mara: FlaskClient, loop: Loop) -> None:
    before = everything(loop)
    page = shown(post(mara, "/desk/privacy", address=" ADA@example.org ").text)
    assert "Ada, ada in shop: 1 case" in page
    assert everything(loop) == before
    page = unescape(post(mara, "/desk/privacy", address="nobody@example.org").text)
    assert "Nobody is known by this address." in page
    assert post(mara, "/desk/privacy", address="").status_code == 422


def test_it_is_handed_out_for_a_machine_and_to_read_and_that_is_written_down(mara: FlaskClient, loop: Loop) -> None:
    data = post(mara, "/desk/privacy/json", address=ADDRESS)
    assert data.headers["Content-Disposition"].startswith("attachment; filename=feedback-export-")
    assert "ada" not in data.headers["Content-Disposition"].removesuffix(".json")
    told = json.loads(data.text)
    assert told["address"] == ADDRESS
    page = post(mara, "/desk/privacy/html", address=ADDRESS)
    assert page.mimetype == "text/html"
    assert "marzipan" in page.text
    assert "marzipan" in data.text
    entries = [(one.who, one.action) for one in loop.store.audit.entries(9)]
    assert entries == [("Mara", Action.EXPORT)] * 2
    assert post(mara, "/desk/privacy/json", address="nobody@example.org").status_code == 404


def test_it_is_erased_once_that_is_confirmed_and_no_file_but_the_backups_holds_it(
    mara: FlaskClient, loop: Loop
) -> None:
    backup = loop.config.data_dir / "backups" / "mine.tar.gz"
    jobs.nightly(loop.store, loop.keys, loop.config, NOW + DAY)
    back_up(loop.store, loop.config, backup, NOW)
    before = everything(loop)
    unsure = post(mara, "/desk/privacy/erase", address=ADDRESS)
    assert (unsure.status_code, everything(loop)) == (422, before)
    assert "please tick that you mean this person" in unsure.text
    page = post(mara, "/desk/privacy/erase", address=ADDRESS, sure="yes")
    assert page.status_code == 200
    assert "Erased" in page.text
    assert "Within a minute the scheduler takes what lingers of them" in page.text
    assert re.findall("<code>(.+?)</code>", unescape(page.text)) == [str(backup)], "not what goes by itself"
    assert "The nightly backups made so far (1) may hold it as well." in page.text
    assert loop.store.cases.find("Ada", 9) == []
    assert b"marzipan" in everything_in_files(loop)
    assert not any(jobs.tick(loop.config, loop.store, loop.keys, NOW + 2 * DAY).values())
    assert b"marzipan" not in everything_in_files(loop)
    assert b"ada@example.org" not in everything_in_files(loop)
    assert loop.store.audit.entries(1)[0].action is Action.ERASE
    assert post(mara, "/desk/privacy/erase", address=ADDRESS, sure="yes").status_code == 404


def test_a_customer_without_an_address_can_be_erased_too(mara: FlaskClient, loop: Loop) -> None:
    (chioma,) = [one for one in loop.store.erasures.customers() if one.ref == "chioma"]
    address = f"/desk/customers/{chioma.id}/erase"
    assert post(mara, address).headers["Location"] == f"/desk/customers/{chioma.id}"
    assert loop.store.cases.find("Chioma", 9) != []
    assert post(mara, address, sure="yes").headers["Location"] == "/desk/customers"
    assert loop.store.cases.find("Chioma", 9) == []
    loop.take(CHIOMA)
    assert loop.store.cases.find("Chioma", 9) == [], "nothing brings them back"


def test_a_customer_with_an_address_is_erased_by_that_and_one_who_is_none_is_not_found(
    mara: FlaskClient, loop: Loop
) -> None:
    (ada,) = [one for one in loop.store.erasures.customers() if one.ref == "ada"]
    post(mara, f"/desk/customers/{ada.id}/erase", sure="yes")
    assert loop.store.cases.find("Ada", 9) != []
    assert post(mara, "/desk/customers/nobody/erase", sure="yes").status_code == 404

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from feedback.domain.surveys import Choice
from feedback.loop import answering
from feedback.loop.health import BUILD_LATE_AFTER, LATE_AFTER, check, late_after
from feedback.store.operations import Build
from feedback.web import create_app
from tests.conftest import ADA, DAY, NOW, Loop, MailServer


@pytest.fixture
def client(loop: Loop) -> FlaskClient:
    return create_app(loop.config, loop.store, loop.keys).test_client()


def beat(loop: Loop, *, late: str = "", failed: str = "", by: timedelta = timedelta(0)) -> None:
    now = datetime.now(UTC)
    with loop.store.write():
        for job, allowed in late_after(loop.config).items():
            at = now - allowed - timedelta(seconds=5) if job == late else now
            loop.store.operations.beat(job, at, "it broke" if job == failed else None)
        loop.store.operations.note_build(Build(now, now - by, None))


def checks(client: FlaskClient) -> tuple[int, dict[str, bool]]:
    answer = client.get("/healthz")
    assert answer.json is not None
    return answer.status_code, dict(answer.json["checks"])


def test_health_is_red_until_the_scheduler_has_run(client: FlaskClient) -> None:
    status, told = checks(client)
    assert status == 503
    assert told == {
        "web": True,
        "scheduler: remind": False,
        "scheduler: ask": False,
        "scheduler: send": False,
        "scheduler: backup": False,
        "scheduler: clean-up": False,
        "scheduler: publish": False,
        "mail": True,
        "build": False,
    }


def test_health_is_green_when_all_is_well(client: FlaskClient, loop: Loop) -> None:
    beat(loop)
    status, told = checks(client)
    assert (status, all(told.values())) == (200, True)


@pytest.mark.parametrize("job", list(LATE_AFTER))
def test_a_late_job_turns_health_red(make_loop: Callable[..., Loop], job: str) -> None:
    loop = make_loop(inbox="maildir:/srv/mail")
    beat(loop, late=job)
    status, told = checks(create_app(loop.config, loop.store, loop.keys).test_client())
    assert status == 503
    assert [name for name, ok in told.items() if not ok] == [f"scheduler: {job}"]


def test_a_failing_job_turns_health_red_and_only_staff_learn_why(client: FlaskClient, loop: Loop) -> None:
    beat(loop, failed="send")
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert "it broke" not in answer.text
    assert "it broke" in next(
        one.words for one in check(loop.store, loop.config, datetime.now(UTC)) if one.name == "scheduler: send"
    )


def test_an_alert_that_nobody_takes_turns_health_red(client: FlaskClient, loop: Loop, mail_server: MailServer) -> None:
    beat(loop)
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, NOW + DAY)
    mail_server.replies["RCPT"] = ["550 no such person"]
    loop.send(NOW + DAY + timedelta(minutes=1), mail_server.url)
    status, told = checks(client)
    assert (status, told["mail"]) == (503, False)
    loop.send(NOW + DAY + timedelta(minutes=3), mail_server.url)
    assert checks(client)[0] == 200


def test_a_late_build_turns_health_red(client: FlaskClient, loop: Loop) -> None:
    beat(loop, by=BUILD_LATE_AFTER + timedelta(minutes=1))
    assert checks(client)[1]["build"] is False


def test_a_failed_build_turns_health_red_until_one_succeeds(client: FlaskClient, loop: Loop) -> None:
    beat(loop)
    now = datetime.now(UTC)
    with loop.store.write():
        loop.store.operations.note_build(Build(now, now, "mkdocs says no"))
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert "mkdocs says no" in check(loop.store, loop.config, now)[-1].words
    with loop.store.write():
        loop.store.operations.note_build(Build(now, now, None))
    assert client.get("/healthz").status_code == 200


def test_a_database_that_cannot_be_read_is_a_clear_503(client: FlaskClient, loop: Loop) -> None:
    beat(loop)
    loop.store.close()
    loop.store._database.path.write_bytes(b"not a database" * 1000)
    for side in ("-wal", "-shm"):
        Path(f"{loop.store._database.path}{side}").unlink(missing_ok=True)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (503, {"ok": False, "checks": {"web": False}})


def lay_out_site(loop: Loop, name: str = "build-1") -> Path:
    build = loop.config.data_dir / "site" / name
    (build / "connect").mkdir(parents=True)
    (build / "index.html").write_text("home")
    (build / "404.html").write_text("nothing")
    (build / "connect" / "index.html").write_text("connect")
    (build / "csp.txt").write_text("default-src 'none'; script-src 'sha256-x'\n")
    (build.parent / "secret.txt").write_text("beside the site")
    link = build.parent / "current"
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    return build


def test_before_the_first_build_the_home_page_says_what_will_come(client: FlaskClient) -> None:
    assert "Nothing published yet" in client.get("/", buffered=True).text


def test_the_site_is_served_with_the_policy_of_its_build(client: FlaskClient, loop: Loop) -> None:
    lay_out_site(loop)
    home = client.get("/", buffered=True)
    assert (home.status_code, home.text) == (200, "home")
    assert home.headers["Content-Security-Policy"] == "default-src 'none'; script-src 'sha256-x'"
    assert client.get("/connect/", buffered=True).text == "connect"
    assert client.get("/connect", buffered=True).headers["Location"] == "/connect/"
    missing = client.get("/nowhere/", buffered=True)
    assert (missing.status_code, missing.text) == (404, "nothing")


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/connect/../../secret.txt", "//secret.txt"]
)
def test_nothing_beside_the_site_can_be_reached(client: FlaskClient, loop: Loop, path: str) -> None:
    lay_out_site(loop)
    assert "beside" not in client.get(path, buffered=True).text


def test_a_swap_shows_the_new_build_at_once(client: FlaskClient, loop: Loop) -> None:
    lay_out_site(loop)
    client.get("/", buffered=True)
    (lay_out_site(loop, "build-2") / "index.html").write_text("new home")
    assert client.get("/", buffered=True).text == "new home"


def test_a_name_too_long_for_the_disk_is_not_found(client: FlaskClient, loop: Loop) -> None:
    lay_out_site(loop)
    for path in ("/" + "a" * 300, "/connect/" + "b" * 5_000, "/x/" + "c" * 300 + "/"):
        assert client.get(path, buffered=True).status_code == 404


def test_a_page_that_the_browser_has_is_not_sent_again(client: FlaskClient, loop: Loop) -> None:
    lay_out_site(loop)
    first = client.get("/index.html", buffered=True)
    again = client.get("/index.html", headers={"If-None-Match": first.headers["ETag"]}, buffered=True)
    assert again.status_code == 304
    assert client.get("/index.html", headers={"Range": "bytes=0-1"}, buffered=True).status_code == 206

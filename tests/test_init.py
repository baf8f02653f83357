"""`feedback init`, the first hour of an owner, in an empty folder."""

import errno
import html
import os
import re
import stat
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedback import config, installation
from feedback.config import env_line, load_config
from feedback.errors import ConfigError
from feedback.store import open_store
from feedback.web.passwords import is_password
from tests.conftest import NOW, MailServer, Workplace, text_of
from tests.store.test_store import unwritable

ODD = """Zoë's "Café" #1, $HOME \\ 100 %"""
OPTIONS = {
    "business": "Acme",
    "sender": "care@acme.example",
    "staff": "Mara Lind <mara@acme.example>",
    "url": "",
    "mail": "",
}


@pytest.fixture
def place(workplace: Workplace) -> Workplace:
    """An empty folder, and an environment that says nothing."""
    for name in [name for name in workplace.environment if name.startswith("FEEDBACK_")]:
        del workplace.environment[name]
    return workplace


def init(place: Workplace, *arguments: str, said: str = "", status: int = 0) -> str:
    return place.feedback("init", *arguments, typed=said, status=status)


def options(**change: str) -> list[str]:
    return [part for name, value in {**OPTIONS, **change}.items() for part in (f"--{name}", value)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def password_in(told: str) -> str:
    found = re.search(r"Mara Lind may log in .*, with this password, shown once:\s+(\S+)", told)
    assert found is not None, told
    return found[1]


def logs_in(place: Workplace, password: str) -> bool:
    store = open_store(f"sqlite:///{place.data / 'feedback.db'}")
    (person,) = store.staff.all()
    store.close()
    assert (person.email, person.name) == ("mara@acme.example", "Mara Lind")
    return is_password(person.password_hash, password)


def test_options_make_everything_and_what_comes_next_is_told(place: Workplace) -> None:
    told = init(place, *options(zone="Europe/Berlin"))
    assert logs_in(place, password_in(told))
    for words in (
        "Made .env",
        "Made site/",
        "No mail server yet",
        "feedback run",
        "feedback import cases",
    ):
        assert words in told
    assert "http://127.0.0.1:8000/desk/" in told
    found = load_config({}, place.folder / ".env")
    assert (found.business, found.zone.key, found.mail) == ("Acme", "Europe/Berlin", "maildir:")
    assert found.alert_to[0].display_name == "Mara Lind"
    assert "Acme: how we care" in (place.folder / "mkdocs.yml").read_text()
    assert (place.folder / "site" / "index.md").is_file()
    assert stat.S_IMODE((place.folder / ".env").stat().st_mode) == 0o600
    leftovers = [path.name for path in place.folder.iterdir() if path.name.startswith(".") and path.name != ".env"]
    assert leftovers == []


def test_without_options_five_questions_are_asked_and_nonsense_is_asked_again(place: Workplace) -> None:
    answers = [
        *("", " ", "Acme"),
        *("care", "care@acme.example"),
        *("Mara", "Mara Lind <mara@acme.example>"),
        *("care.acme.example", ""),
        *("smtp://care:hunter2@mail.acme.example:port", "smtp://care:hunter2@mail.acme.example", "", ""),
    ]
    told = init(place, said="\n".join(answers) + "\n")
    assert told.count("Your business, as customers know it") == 3
    assert told.count("The address that mails come from") == 2
    assert told.count("Who hears of each “no”") == 2
    assert told.count("Where customers will reach this service") == 3  # once more, for a real mail server needs it
    assert told.count("Your mail server") == 3
    assert "FEEDBACK_SENDER: given 'care', expected an address" in told
    assert "FEEDBACK_URL: given 'care.acme.example', expected https:// and a name without a path" in told
    assert "FEEDBACK_MAIL: given 'smtp:…'" in told
    assert "hunter2" not in told
    assert logs_in(place, password_in(told))
    found = load_config({}, place.folder / ".env")
    assert (found.business, found.url, found.mail) == ("Acme", "", "maildir:")


def test_whoever_stops_answering_has_changed_nothing(place: Workplace) -> None:
    init(place, said="Acme\ncare@acme.example\n", status=1)
    assert list(place.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"business": ""}, "FEEDBACK_BUSINESS: an answer is needed."),
        ({"sender": "care"}, "FEEDBACK_SENDER: given 'care', expected an address"),
        ({"staff": ","}, "FEEDBACK_ALERT_TO"),
        ({"url": "care.acme.example"}, "FEEDBACK_URL: given 'care.acme.example'"),
        ({"mail": "smtps://care:hunter2@mail.acme.example"}, "FEEDBACK_URL must be set before FEEDBACK_MAIL"),
        ({"mail": "smtp://care:hunter2@mail.acme.example:port"}, "FEEDBACK_MAIL: given 'smtp:…'"),
        ({"zone": "Mars/Olympus"}, "FEEDBACK_ZONE: given 'Mars/Olympus', expected a time zone"),
    ],
)
def test_an_option_that_cannot_be_used_is_told_and_nothing_is_written(
    place: Workplace, change: dict[str, str], told: str
) -> None:
    said = init(place, *options(**change), status=1)
    assert f"Error: {told}" in said
    assert "hunter2" not in said
    assert list(place.folder.iterdir()) == []


def test_odd_letters_come_back_from_env_as_they_were_given(place: Workplace) -> None:
    mail = "smtp://c$re:p%23'\"\\w@127.0.0.1:2"
    init(place, *options(business=ODD, sender='"Acme, #1" <care@acme.example>', mail=mail), status=1)
    found = load_config({}, place.folder / ".env")
    assert (found.business, found.mail) == (ODD, mail)
    assert found.sender is not None
    assert found.sender.display_name == "Acme, #1"


printable = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=60)


@given(business=printable, mail=printable)
@example(business="ends with \\", mail="'")
@example(business="\\'", mail="\\")
@example(business="${HOME}", mail="# no comment")
@settings(deadline=None)
def test_any_text_is_read_back_from_env_as_it_is_and_ends_where_it_ends(
    tmp_path_factory: pytest.TempPathFactory, business: str, mail: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "odd.env"
    path.write_text("# ours\n" + env_line("FEEDBACK_BUSINESS", business) + env_line("FEEDBACK_MAIL", mail), "utf-8")
    assert config._settings_in(path) == {"FEEDBACK_BUSINESS": business, "FEEDBACK_MAIL": mail}


@pytest.mark.parametrize(
    ("there", "missing"),
    [("site/index.md", ["mkdocs.yml", "maps"]), ("mkdocs.yml", ["site", "maps"]), ("maps/my.toml", ["site"])],
)
def test_pages_and_maps_that_are_there_stay_and_what_is_missing_is_made(
    place: Workplace, there: str, missing: list[str]
) -> None:
    (place.folder / there).parent.mkdir(exist_ok=True)
    (place.folder / there).write_text("mine")
    before = contents(place.folder)
    told = init(place, *options())
    after = contents(place.folder)
    folder = there.partition("/")[0]
    assert {name: content for name, content in after.items() if name.partition("/")[0] == folder} == before
    assert re.search(rf"^{re.escape(folder)}/? is here already, and stays as it is\.$", told, re.MULTILINE)
    for name in missing:
        assert f"Made {name}" in told
        assert (place.folder / name).exists()
    assert logs_in(place, password_in(told))


def test_an_env_that_is_there_stays_and_its_settings_count(place: Workplace) -> None:
    mine = "# mine\nFEEDBACK_SENDER=care@acme.example\nFEEDBACK_ALERT_TO='Mara Lind <mara@acme.example>'\n"
    (place.folder / ".env").write_text(mine)
    told = init(place)
    assert (place.folder / ".env").read_text() == mine
    assert ".env is here already, and stays as it is." in told
    assert "Your business" not in told
    assert logs_in(place, password_in(told))


@pytest.mark.parametrize(("option", "value"), [("--business", "Other"), ("--mail", "")])
def test_options_beside_an_env_that_is_there_are_refused(place: Workplace, option: str, value: str) -> None:
    (place.folder / ".env").write_text("# mine\n")
    assert ".env is here already, and init overwrites nothing." in init(place, option, value, status=1)
    assert contents(place.folder) == {".env": b"# mine\n"}


def test_an_env_that_cannot_be_used_is_told_before_anything_is_made(place: Workplace) -> None:
    (place.folder / ".env").write_text("FEEDBACK_SENDER=care@acme.example\n")
    assert "FEEDBACK_ALERT_TO is not set" in init(place, status=1)
    assert list(contents(place.folder)) == [".env"]


def test_a_second_time_changes_nothing_and_says_so(place: Workplace) -> None:
    password = password_in(init(place, *options()))
    before = contents(place.folder)
    told = init(place)
    for name in (".env", "site/", "mkdocs.yml", "maps/"):
        assert f"{name} is here already, and stays as it is." in told
    assert "password" not in told
    assert contents(place.folder) == before
    assert logs_in(place, password)


def test_a_mail_server_gets_a_test_mail_to_the_first_of_the_team(place: Workplace, mail_server: MailServer) -> None:
    told = init(place, *options(mail=mail_server.url, url="https://care.acme.example"))
    assert "A test mail went to mara@acme.example (250 taken)." in told
    ((recipient, mail),) = mail_server.received
    assert (recipient, mail["Subject"]) == ("mara@acme.example", "A test mail for Acme")
    assert "https://care.acme.example" in text_of(mail)


def test_a_server_that_refuses_is_told_in_its_own_words_and_can_be_tried_again(
    place: Workplace, mail_server: MailServer
) -> None:
    mail_server.replies["RCPT"] = ["550 5.1.1 nobody of this name"]
    told = init(place, *options(mail=mail_server.url), status=1)
    assert "The test mail to mara@acme.example was not taken: 550 5.1.1 nobody of this name" in told
    assert "Mend FEEDBACK_MAIL in .env, and run `feedback init` again" in told
    assert logs_in(place, password_in(told))
    before = contents(place.folder)
    assert "A test mail went to mara@acme.example" in init(place)
    assert contents(place.folder) == before


def test_the_password_of_the_mail_server_is_never_told(place: Workplace, mail_server: MailServer) -> None:
    for mail in (mail_server.url.replace("//", "//care:hunter2@"), "smtp://care:hunter2@127.0.0.1:9"):
        (place.folder / ".env").unlink(missing_ok=True)
        told = init(place, *options(mail=mail), status=1)
        assert "was not taken: mail server 127.0.0.1:" in told
        assert "hunter2" not in told
    assert b"hunter2" not in b"".join(contents(place.data).values())


class Logo(HTMLParser):
    """What a screen reader says of the logo, which leads home."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.label = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ("data-md-component", "logo") in attrs:
            self.label = self.label or dict(attrs)["aria-label"] or ""


@pytest.mark.parametrize("business", ["Acme", 'Zoë\'s "Café" & <b>Co</b>: #1'])
def test_the_owners_own_site_is_built_under_the_name_of_the_business(place: Workplace, business: str) -> None:
    init(place, *options(business=business))
    (place.folder / "site" / "index.md").write_text("# Ours\n\nWritten by the owner.\n")
    place.feedback("publish")
    page = (place.data / "site" / "current" / "index.html").read_text()
    head, _, body = page.partition("</title>")
    assert "Written by the owner." in body
    assert html.unescape(head.partition("<title>")[2]).strip() == f"{business}: how we care"
    assert "<b>Co" not in body
    assert Logo(page).label == f"{business}: how we care"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    with unwritable(folder), pytest.raises(ConfigError, match=r"\.env cannot be written: Permission denied"):
        installation.begin(folder, OPTIONS, str, NOW, print)


def test_a_disk_that_is_read_only_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "unlink", refuse)  # such a disk says so even of a file that is not there
    with pytest.raises(ConfigError, match=r"\.env cannot be written: Read-only file system"):
        installation.begin(tmp_path, OPTIONS, str, NOW, print)


def test_the_zone_is_the_machines_unless_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    (tmp_path / "etc").mkdir()
    assert installation.system_zone(tmp_path) == "UTC"
    (tmp_path / "etc" / "localtime").symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    assert installation.system_zone(tmp_path) == "Asia/Tokyo"
    monkeypatch.setenv("TZ", ":Europe/Berlin")
    assert installation.system_zone(tmp_path) == "Europe/Berlin"
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    assert installation.system_zone(tmp_path) == "Asia/Tokyo"

import os
from collections.abc import Callable
from datetime import timedelta
from email.headerregistry import Address
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from feedback.config import Config, load_config, with_changes
from feedback.errors import ConfigError
from feedback.setting_types import Basis, Window, as_text, is_email

CARE = Address("Acme", addr_spec="care@acme.example")


def load(**settings: str) -> Config:
    return load_config({f"FEEDBACK_{name}": value for name, value in settings.items()}, env_file=None)


def refusal(**settings: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**settings)
    return str(caught.value)


@pytest.fixture
def env_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(content: str) -> Path:
        path = tmp_path / ".env"
        path.write_text(content, "utf-8")
        return path

    return write


def test_an_empty_environment_runs_with_defaults_that_reach_nobody() -> None:
    config = load()
    var = Path("var").absolute()
    assert config.data_dir == var
    assert config.database_url == f"sqlite:///{var}/feedback.db"
    assert config.mail == "maildir:"
    assert config.mail_is_trial
    assert config.mail_folder == var / "mail"
    assert config.listen == "127.0.0.1:8000"
    assert config.base_url == "http://127.0.0.1:8000"
    assert config.zone == ZoneInfo("UTC")
    assert config.proxies == 0
    assert config.sender is config.reply_to_of(None) is None
    assert config.alert_to == ()
    assert (config.delay, config.max_age) == (timedelta(hours=24), timedelta(days=7))
    assert (config.link_ends, config.change_within) == (timedelta(days=28), timedelta(days=14))
    assert config.follow_up_within == timedelta(hours=24)
    assert config.window == Window(frozenset(range(5)), 9 * 60, 18 * 60)
    assert (config.ask_again_after, config.sample, config.reminder) == (timedelta(days=14), 1.0, timedelta(0))
    assert (config.country, config.team_zones, config.delay_by_topic, config.delay_by_channel) == (None, {}, {}, {})
    assert (config.basis_in("DE"), config.basis_in("FR"), config.basis_in(None)) == (Basis.NONE, None, None)


def test_nothing_that_is_not_ours_is_read() -> None:
    assert load_config({"MAIL": "nonsense", "FEEDBACKS": "x", "PATH": "/bin", "DELAY": "x"}, env_file=None) == load()


def test_an_empty_value_is_the_default() -> None:
    empty = {name.upper(): " " for name in Config.model_fields}
    assert load(**empty) == load()


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("DATA_DIR", "/srv/feedback", Path("/srv/feedback")),
        ("DATA_DIR", "here", Path("here").absolute()),
        ("DATA_DIR", "~/here", Path.home() / "here"),
        ("BUSINESS", "Zoë & Söhne", "Zoë & Söhne"),
        ("SENDER", "care@acme.example", Address(addr_spec="care@acme.example")),
        ("SENDER", "Acme <care@acme.example>", CARE),
        ("SENDER", '"Acme, Inc." <care@acme.example>', Address("Acme, Inc.", addr_spec="care@acme.example")),
        ("REPLY_TO", " Acme  <care@acme.example> ", CARE),
        ("ALERT_TO", "a@acme.example, Acme <care@acme.example>,", (Address(addr_spec="a@acme.example"), CARE)),
        ("MAIL", "stdout:", "stdout:"),
        ("WINDOW", "off", None),
        ("WINDOW", "mon-FRI 9:00 - 18:00", Window(frozenset(range(5)), 540, 1080)),
        ("WINDOW", "Mon–Wed,sat 10:30–24:00", Window(frozenset({0, 1, 2, 5}), 630, 1440)),
        ("WINDOW", "Fri-Mon 22:00-02:00", Window(frozenset({4, 5, 6, 0}), 1320, 120)),
        ("WINDOW", "08:00-20:00", Window(frozenset(range(7)), 480, 1200)),
        (
            "DELAY_BY_TOPIC",
            "Parcels: 4d, spare parts:36h,",
            {"parcels": timedelta(days=4), "spare parts": timedelta(hours=36)},
        ),
        ("TEAM_ZONES", "Sales:America/New_York", {"sales": ZoneInfo("America/New_York")}),
        ("COUNTRY", "de", "DE"),
        ("COUNTRY", "uk", "GB"),
        ("BASIS", "de:consent, AT: none", {"DE": Basis.CONSENT, "AT": Basis.NONE}),
        ("SAMPLE", "12.5%", 0.125),
        ("SAMPLE", "100 %", 1.0),
        ("ASK_AGAIN_AFTER", "off", timedelta(0)),
        ("REMINDER", "5d", timedelta(days=5)),
        ("RETENTION", "365d", timedelta(days=365)),
        ("RETENTION", "off", timedelta(0)),
        ("URL", "https://care.acme.example/", "https://care.acme.example"),
        ("URL", "https://acme.example:8443/", "https://acme.example:8443"),
        ("LISTEN", "0.0.0.0:80", "0.0.0.0:80"),
        ("LISTEN", "[::1]:8000", "[::1]:8000"),
        ("PROXIES", "2", 2),
        ("ZONE", "Europe/Berlin", ZoneInfo("Europe/Berlin")),
        ("DELAY", "90s", timedelta(seconds=90)),
        ("MAX_AGE", "2880m", timedelta(days=2)),
        ("LINK_ENDS", " 36h ", timedelta(hours=36)),
        ("CHANGE_WITHIN", "7d", timedelta(days=7)),
    ],
)
def test_each_setting_reads_into_its_type(name: str, given: str, kept: object) -> None:
    assert getattr(load(**{name: given}), name.lower()) == kept


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("DATA_DIR", "~nobody-of-this-name/var", "folder"),
        *(
            ("WINDOW", given, "Mon-Fri 09:00-18:00, or off")
            for given in (
                "9-18",
                "Mon-Fri",
                "Mo-Fr 09:00-18:00",
                "Mon-Fri 09:00-09:00",
                "24:00-02:00",
                "09:60-18:00",
                "09:00-24:01",
                "Mon- 09:00-18:00",
                ",Mon 09:00-18:00",
                "Mon-Fri 09:00-18:00 Sat 10:00-12:00",
            )
        ),
        *(("DELAY_BY_TOPIC", given, "chat:2h") for given in ("parcels", "parcels:soon", ":2h", "a:1h,A:2h")),
        ("TEAM_ZONES", "Sales:Europe/Nowhere", "Sales:Europe/Berlin"),
        ("COUNTRY", "Germany", "DE"),
        ("COUNTRY", "ZZ", "DE"),
        ("BASIS", "XX:none", "DE:consent"),
        ("DELAY", "3661d", "ten years at most"),
        ("BASIS", "DE:sure", "DE:consent"),
        ("BASIS", "DEU:consent", "DE:consent"),
        *(("SAMPLE", given, "25%") for given in ("0%", "101%", "0.25", "25", "-5%")),
        *(("ASK_AGAIN_AFTER", given, "or off") for given in ("0", "two weeks", "14")),
        ("REMINDER", "on", "or off"),
        ("RETENTION", "24 months", "or off"),
        ("BUSINESS", "x" * 101, "at most 100 characters"),
        ("SENDER", "Acme", "Acme <care@acme.example>"),
        ("SENDER", "Acme <care@acme>", "Acme <care@acme.example>"),
        ("SENDER", "care@acme.example>", "Acme <care@acme.example>"),
        ("SENDER", "Acme <care@acme.example", "Acme <care@acme.example>"),
        ("SENDER", "Acme\r\nBcc: all <care@acme.example>", "Acme <care@acme.example>"),
        ("REPLY_TO", "two@acme.example three@acme.example", "Acme <care@acme.example>"),
        ("ALERT_TO", "mara@acme.example, nobody", "Acme <care@acme.example>"),
        ("URL", "care.acme.example", "https://care.acme.example"),
        ("URL", "ftp://care.acme.example", "https://care.acme.example"),
        ("URL", "https://", "https://care.acme.example"),
        ("URL", "https://care.acme.example/?a=b", "https://care.acme.example"),
        ("URL", "https://care.acme.example/#top", "https://care.acme.example"),
        ("URL", "https://care.acme.example:port", "https://care.acme.example"),
        ("URL", "http://[::1", "https://care.acme.example"),
        ("LISTEN", "8000", "127.0.0.1:8000"),
        ("LISTEN", ":8000", "127.0.0.1:8000"),
        ("LISTEN", "127.0.0.1:http", "127.0.0.1:8000"),
        ("LISTEN", "127.0.0.1:0", "127.0.0.1:8000"),
        ("LISTEN", "127.0.0.1:65536", "127.0.0.1:8000"),
        ("PROXIES", "two", "integer"),
        ("PROXIES", "-1", "0"),
        ("PROXIES", "6", "5"),
        ("ZONE", "Mars/Olympus", "Europe/Berlin"),
        ("ZONE", "Europe", "Europe/Berlin"),
        ("ZONE", "../../etc/passwd", "Europe/Berlin"),
        ("DELAY", "24", "24h"),
        ("DELAY", "-1h", "24h"),
        ("MAX_AGE", "1.5d", "24h"),
        ("LINK_ENDS", "a month", "24h"),
        ("CHANGE_WITHIN", "1h30m", "24h"),
        ("FOLLOW_UP_WITHIN", "9999999d", "24h"),
    ],
)
def test_nonsense_is_refused_with_the_setting_what_was_given_and_what_is_expected(
    name: str, given: str, expected: str
) -> None:
    told = refusal(**{name: given})
    assert told.startswith(f"FEEDBACK_{name}: given {given!r}, expected ")
    assert expected in told.partition(", expected ")[2]


@pytest.mark.parametrize(
    "given",
    [
        "mail.acme.example",
        "smtp://",
        "smtp://mail.acme.example:0",
        "smtp://mail.acme.example:99999",
        "smtp://mail.acme.example:port",
        "smtp://[::1",
        "smtp://mail.acme.example/folder",
        "maildir://host/folder",
    ],
)
def test_a_wrong_way_for_mail_is_refused_by_how_it_begins_for_the_rest_may_be_a_password(given: str) -> None:
    told = refusal(MAIL=given)
    assert told.startswith(f"FEEDBACK_MAIL: given '{given.partition(':')[0]}")
    assert "smtp://user:password@host:587" in told.partition(", expected ")[2]


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = refusal(DELAY="soon", ZONE="Mars")
    assert [line.partition(":")[0] for line in told.splitlines()] == ["FEEDBACK_ZONE", "FEEDBACK_DELAY"]


@pytest.mark.parametrize(
    "name", ["FEEDBACK_MAILS", "FEEDBACK_", "feedback_mails", "FEEDBACK_MAILS_FILE", "FEEDBACK__FILE"]
)
def test_a_setting_that_does_not_exist_stops_the_start_and_names_those_that_do(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({name: "x"}, env_file=None)
    assert f"There is no setting {name.upper()}." in str(caught.value)
    assert all(f"FEEDBACK_{field.upper()}" in str(caught.value) for field in Config.model_fields)


def test_the_env_file_is_read_and_the_environment_wins_over_it(env_file: Callable[[str], Path]) -> None:
    path = env_file('# ours\nexport FEEDBACK_ZONE=Europe/Berlin\nFEEDBACK_SENDER="Acme <care@acme.example>"\nOTHER=x\n')
    assert load_config({}, path).zone == ZoneInfo("Europe/Berlin")
    config = load_config({"FEEDBACK_ZONE": "Asia/Tokyo"}, path)
    assert config.zone == ZoneInfo("Asia/Tokyo")
    assert config.sender == CARE


def test_the_process_and_the_folder_it_runs_in_are_where_settings_come_from(
    env_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("FEEDBACK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(env_file("FEEDBACK_BUSINESS=Acme\nFEEDBACK_DELAY=1h\n").parent)
    monkeypatch.setenv("FEEDBACK_DELAY", "2h")
    config = load_config()
    assert (config.business, config.delay) == ("Acme", timedelta(hours=2))


def test_a_missing_env_file_is_no_error(tmp_path: Path) -> None:
    assert load_config({}, tmp_path / ".env") == load()


def test_an_unknown_or_wrong_setting_in_the_env_file_is_refused_too(env_file: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError, match="There is no setting FEEDBACK_MAILS"):
        load_config({}, env_file("FEEDBACK_MAILS=x\n"))
    with pytest.raises(ConfigError, match="FEEDBACK_DELAY: given 'soon'"):
        load_config({}, env_file("FEEDBACK_DELAY=soon\n"))


def test_an_env_file_that_is_not_text_is_a_config_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes("FEEDBACK_BUSINESS=Söhne\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"\.env"):
        load_config({}, path)


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "mail"
    secret.write_text("smtp://care:hunter2@mail.acme.example:587\n", "utf-8")
    config = load(MAIL_FILE=str(secret), URL="https://care.acme.example")
    assert config.mail == "smtp://care:hunter2@mail.acme.example:587"


def test_a_secret_file_that_cannot_be_read_is_told_by_the_settings_name(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "picture"):
        told = refusal(MAIL_FILE=str(path))
        assert told.startswith("FEEDBACK_MAIL_FILE: cannot read ")
        assert str(path) in told


def test_the_environment_wins_over_the_env_file_also_between_a_value_and_a_file(
    env_file: Callable[[str], Path], tmp_path: Path
) -> None:
    """Else a trial with FEEDBACK_MAIL=stdout: would mail real people."""
    secret = tmp_path / "mail"
    secret.write_text("smtp://mail.acme.example", "utf-8")
    url = {"FEEDBACK_URL": "https://care.acme.example"}
    trial = load_config({**url, "FEEDBACK_MAIL": "stdout:"}, env_file(f"FEEDBACK_MAIL_FILE={secret}\n"))
    assert trial.mail == "stdout:"
    real = load_config({**url, "FEEDBACK_MAIL_FILE": str(secret)}, env_file("FEEDBACK_MAIL=stdout:\n"))
    assert real.mail == "smtp://mail.acme.example"


@pytest.mark.parametrize(
    "mail",
    [
        "smtp://care:hunter2@mail.acme.example",  # FEEDBACK_URL is missing
        "smtp://care:hunter2@mail.acme.example:99999",
        "smtp://care:hunter2@mail.acme.example:port",
        "smtp://care:hunter2@mail.acme.example/folder",
        "smtp://care:hunter2@[::1",
        "smtp://care:hunter2@",
        "smpt://care:hunter2@mail.acme.example",
        "smtp://hunter2@mail.acme.example:port",
        "smtp://care:#hunter2@mail.acme.example",
        "smtp://care:/hunter2@mail.acme.example",
        "smtp://care:@hunter2@mail.acme.example:port",
        "smtp://care:hunter2",
        "smtp:care:hunter2@mail.acme.example",
        "smtp:/care:hunter2@mail.acme.example",
        "care:hunter2@mail.acme.example",
        "maildir://care:hunter2@mail.acme.example",
    ],
)
def test_a_password_never_shows_in_an_error(mail: str, tmp_path: Path, env_file: Callable[[str], Path]) -> None:
    (tmp_path / "secret").write_text(mail, "utf-8")
    with pytest.raises(ConfigError) as from_env_file:
        load_config({}, env_file(f"FEEDBACK_MAIL='{mail}'\n"))
    for told in (refusal(MAIL=mail), refusal(MAIL_FILE=str(tmp_path / "secret")), str(from_env_file.value)):
        assert "FEEDBACK_MAIL" in told
        assert "hunter2" not in told


def test_a_real_mail_server_is_refused_without_the_address_that_links_begin_with() -> None:
    assert "FEEDBACK_URL must be set" in refusal(MAIL="smtps://mail.acme.example")
    assert not load(MAIL="smtps://mail.acme.example", URL="https://care.acme.example").mail_is_trial


@pytest.mark.parametrize(
    ("mail", "trial"),
    [
        ("maildir:", True),
        ("maildir:caught", True),
        ("stdout:", True),
        ("smtp://127.0.0.1:2525", True),
        ("smtp://127.9.9.9:2525", True),
        ("smtp://localhost:1025", True),
        ("smtp://LOCALHOST:1025", True),
        ("smtp://[::1]:1025", True),
        ("smtps://a:b@127.0.0.1:4650", True),
        ("smtp://127.0.0.1", False),
        ("smtps://127.0.0.1", False),
        ("smtp://127.0.0.1:25", False),
        ("smtp://127.0.0.1:465", False),
        ("smtp://localhost:587", False),
        ("smtp://mail.acme.example:2525", False),
        ("smtp://localhost.acme.example:2525", False),
        ("smtp://10.0.0.1:2525", False),
        ("smtp://0.0.0.0:2525", False),
    ],
)
def test_mail_is_a_trial_only_where_it_can_reach_no_real_person(mail: str, trial: bool) -> None:
    assert load(MAIL=mail, URL="https://care.acme.example").mail_is_trial is trial


def test_the_maildir_lies_in_the_data_folder_unless_another_is_named() -> None:
    assert load(DATA_DIR="/srv", MAIL="maildir:").mail_folder == Path("/srv/mail")
    assert load(DATA_DIR="/srv", MAIL="maildir:caught%20mail").mail_folder == Path("/srv/caught mail")
    assert load(DATA_DIR="/srv", MAIL="maildir:/tmp/mail").mail_folder == Path("/tmp/mail")


def test_a_config_is_frozen(config: Config) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        config.mail = "stdout:"
    assert config.mail == "maildir:"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"BUSINESS": "Acme Ltd", "SENDER": "Care <care@acme.example>"}, "Acme Ltd"),
        ({"SENDER": "Care <care@acme.example>"}, "Care"),
        ({"SENDER": "care@acme.example"}, "acme.example"),
        ({}, "Our business"),
    ],
)
def test_the_business_is_named_as_customers_know_it(settings: dict[str, str], name: str) -> None:
    assert load(**settings).business_name == name


def test_replies_go_to_the_sender_unless_another_address_is_set() -> None:
    assert load(SENDER="Acme <care@acme.example>").reply_to_of(None) == CARE
    other = load(SENDER="Acme <care@acme.example>", REPLY_TO="help@acme.example").reply_to_of(None)
    assert other == Address(addr_spec="help@acme.example")


def test_no_mail_goes_out_without_a_sender_and_someone_who_hears_of_a_no() -> None:
    with pytest.raises(ConfigError, match="FEEDBACK_SENDER"):
        load(ALERT_TO="mara@acme.example").require_people()
    with pytest.raises(ConfigError, match="FEEDBACK_ALERT_TO"):
        load(SENDER="Acme <care@acme.example>").require_people()
    ready = load(SENDER="Acme <care@acme.example>", ALERT_TO="mara@acme.example")
    ready.require_people()
    assert ready.require_sender() == CARE


@pytest.mark.parametrize(
    ("address", "fits"),
    [
        ("ada@example.org", True),
        ("Ada.Lovelace+care@sub.example.co.uk", True),
        ("o'hara@example.org", True),
        ("a" * 64 + "@example.org", True),
        ("a" * 65 + "@example.org", False),
        ("a@" + "b" * 56 + ".example" * 24 + ".org", True),  # 254 letters
        ("a@" + "b" * 57 + ".example" * 24 + ".org", False),
        ("", False),
        ("ada", False),
        ("ada@", False),
        ("@example.org", False),
        ("ada@localhost", False),
        ("ada@example", False),
        ("ada@-example.org", False),
        ("ada@example-.org", False),
        ("ada@example..org", False),
        ("ada..b@example.org", False),
        (".ada@example.org", False),
        ("ada.@example.org", False),
        ("ada @example.org", False),
        ("ada@example.org\n", False),
        ("ada@example.org, bruno@example.org", False),
        ("Ada <ada@example.org>", False),
        ("zoë@example.org", False),
        ("ada@bücher.example", False),
        ("ada@[127.0.0.1]", False),
    ],
)
def test_an_address_is_one_that_mail_can_be_sent_to(address: str, fits: bool) -> None:
    assert is_email(address) is fits


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("DELAY", "7d", "FEEDBACK_DELAY must be shorter than FEEDBACK_MAX_AGE"),
        ("DELAY_BY_TOPIC", "parcels:8d", "FEEDBACK_DELAY_BY_TOPIC for parcels must be shorter"),
        ("DELAY_BY_CHANNEL", "mail:8d", "FEEDBACK_DELAY_BY_CHANNEL for mail must be shorter"),
        ("REMINDER", "28d", "FEEDBACK_REMINDER must be shorter than FEEDBACK_LINK_ENDS"),
    ],
)
def test_settings_that_make_no_sense_together_are_refused(name: str, given: str, told: str) -> None:
    assert told in refusal(**{name: given})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("DELAY", text) for text in ("90s", "30m", "24h", "36h", "2d", "5d")),
        *(
            ("WINDOW", text)
            for text in ("Mon-Fri 09:00-18:00", "off", "Mon,Wed-Thu,Sun 22:00-02:30", "Mon-Sun 00:00-24:00")
        ),
        *(("SAMPLE", text) for text in ("100%", "12.5%", "1%")),
        *(("ASK_AGAIN_AFTER", text) for text in ("off", "14d")),
    ],
)
def test_a_value_is_told_as_one_writes_it(name: str, text: str) -> None:
    assert as_text(getattr(load(**{name: text}), name.lower())) == text


def test_settings_can_be_changed_one_by_one_and_are_checked_again() -> None:
    config = load(BASIS="DE:consent", TEAM_ZONES="a:UTC", SENDER="care@acme.example", SKIP_TAGS="x", SAMPLE="50%")
    assert with_changes(config, {}) == config
    changed = with_changes(config, {"delay": "48h", "window": "off"})
    assert (changed.delay, changed.window) == (timedelta(hours=48), None)
    assert changed.model_copy(update={"delay": config.delay, "window": config.window}) == config
    with pytest.raises(ConfigError, match="FEEDBACK_DELAY: given 'soon', expected a duration"):
        with_changes(config, {"delay": "soon"})
    with pytest.raises(ConfigError, match="FEEDBACK_DELAY must be shorter"):
        with_changes(config, {"delay": "10d"})


@pytest.mark.parametrize("setting", ["MAIL", "INBOX"])
@pytest.mark.parametrize(
    "url",
    [
        *("imaps:user:hunter2", "imaps:/user:hunter2", "imaps://h/?password=hunter2", "imaps://h;pass=hunter2"),
        *("smtp:user:hunter2", "imaps://user%3Ahunter2%40h", "smtp://u,hunter2,h/x", "user;hunter2@imap.example"),
        "maildir:user:hunter2@host?x",
    ],
)  # fmt: skip
def test_no_mistake_in_an_address_with_a_password_shows_it(setting: str, url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(**{setting: url})
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("COLOUR", "red", "expected a colour such as #00695c"),
        ("COLOUR", "#fff", "expected a colour such as #00695c"),
        ("LOCALE", "sv", "expected a language, with a country if you like, such as de or de-AT"),
        ("PRIVACY_URL", "javascript:alert(1)", "expected an address such as https://acme.example/privacy"),
        ("PRIVACY_URL", 'https://x/"><script>', "expected an address such as"),
        ("PRIVACY_URL", "https://u:p@acme.example/", "expected an address such as"),
        ("CONTACT", "http://acme.example/contact", "expected an address such as care@acme.example, or a page such as"),
        ("CONTACT", 'https://acme.example/"><script>', "expected an address such as"),
        ("CONTACT", "javascript:alert(1)", "expected an address such as"),
        ("URL", "https://u:p@acme.example", "expected https:// and a name without a path"),
        ("POSTAL_ADDRESS", "Acme\u202e", "expected one line without control characters"),
        ("INBOX", "imaps://mail.acme.example", "expected imaps://user:password@host"),
        ("INBOX", "maildir:", "expected imaps://user:password@host"),
        ("RETURN_PATH", f"{'x' * 22}@acme.example", "expected an address with at most 21 letters before the @"),
        ("TEAM_SENDERS", "Sales", "expected names with addresses, such as Sales:Acme Sales <sales@acme.example>"),
        ("TEAM_REPLY_TO", "Sales:x", "expected names with addresses"),
    ],
)
def test_settings_of_mail_that_make_no_sense_are_told(setting: str, value: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(**{setting: value})
    assert told in str(raised.value)


def test_mails_of_a_team_come_from_its_sender_and_replies_go_there() -> None:
    config = load(
        SENDER="Acme <care@acme.example>",
        TEAM_SENDERS="Sales:Acme Sales <sales@acme.example>",
        TEAM_REPLY_TO="Parts:parts@acme.example",
    )
    assert config.sender_of("sales").addr_spec == "sales@acme.example"
    assert config.sender_of("Parts").addr_spec == config.sender_of(None).addr_spec == "care@acme.example"
    replies = [config.reply_to_of(team) for team in ("SALES", "parts", "Other", None)]
    assert [address and address.addr_spec for address in replies] == [
        *("sales@acme.example", "parts@acme.example", "care@acme.example", "care@acme.example")
    ]
    assert config.own_addresses == ("care@acme.example", "sales@acme.example", "parts@acme.example")


def test_nothing_is_forgotten_while_it_can_be_answered() -> None:
    with pytest.raises(
        ConfigError, match="FEEDBACK_RETENTION must be longer than FEEDBACK_MAX_AGE, FEEDBACK_LINK_ENDS"
    ):
        load_config({"FEEDBACK_RETENTION": "49d"}, env_file=None)

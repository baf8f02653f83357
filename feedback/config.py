"""Every setting: its name, type, default and reason. Read once, at the edge; frozen after that."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from email.headerregistry import Address
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import SplitResult, quote, unquote, urlsplit
from zoneinfo import ZoneInfo

from dotenv.parser import parse_stream
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from feedback.errors import ConfigError
from feedback.i18n import LANGUAGES, SOURCE
from feedback.logos import Logo
from feedback.setting_types import (
    AddressesByName,
    Bases,
    Basis,
    Colour,
    Contact,
    Country,
    Currency,
    Domains,
    Duration,
    DurationOrOff,
    Durations,
    FiguresFor,
    Hours,
    Limit,
    Mailbox,
    Mailboxes,
    MailboxesByName,
    OnOff,
    Share,
    Window,
    Words,
    Zone,
    Zones,
)

PREFIX = "FEEDBACK_"
OURS = "#00695c"  # the colour of links and of “yes”, unless the owner has one
PUBLIC_PROVIDERS = frozenset((
    "163.com", "aol.com", "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net",
    "googlemail.com", "hotmail.com", "icloud.com", "live.com", "mail.com", "mail.ru", "mailbox.org", "me.com",
    "msn.com", "naver.com", "orange.fr", "outlook.com", "posteo.de", "proton.me", "protonmail.com", "qq.com",
    "t-online.de", "web.de", "yahoo.com", "yandex.ru", "zoho.com"
))  # fmt: skip
BASIS_NEEDED = {"DE": Basis.NONE}  # courts there take a survey for advertising: docs/asking.md
RETURN_NAME_LONGEST = 64 - 1 - 42  # what RFC 5321 leaves beside a + and a key of 42 letters
MAIL_PORTS = (25, 465, 587)  # a server on one of these reaches real people, even on loopback
_URL = re.compile(r"[!#-;=?-~]+")  # printable, without quotes and angle brackets
_HOST = re.compile(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:.]+")  # a name, or an IPv6 address without its brackets


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts
    except ValueError:
        return None


def _is_web_address(parts: SplitResult | None) -> bool:
    """Whether it is one that customers may be sent to: with a host, and nobody's name and password in it."""
    return bool(parts and parts.scheme in ("http", "https") and parts.hostname and parts.username is None)


class Config(BaseModel):
    """The settings, each read from `FEEDBACK_<NAME>`, or from the file that `FEEDBACK_<NAME>_FILE` names."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(Path("var"), description="where the database, the secret, caught mail and built sites live")
    business: str = Field("", max_length=100, description="your name as customers know it; default: the sender's")
    sender: Mailbox | None = Field(None, description="who the mails come from; needed before any mail is sent")
    reply_to: Mailbox | None = Field(None, description="where a customer's reply goes; default: the sender")
    contact: Contact | None = Field(
        None, description="where a customer reaches a person: an address, or an https page; default: where replies go"
    )
    team_senders: MailboxesByName = Field({}, description="other senders for some teams")
    team_reply_to: MailboxesByName = Field({}, description="other addresses for replies to some teams")
    colour: Colour = Field(OURS, description="your colour, in mails, on customers' pages and on the site")
    logo: Logo | None = Field(None, repr=False, description="a file with your logo, SVG or PNG, for the site")
    figures: FiguresFor = Field(
        FiguresFor.PUBLIC, description="who sees the figures of the site: public, staff, or off"
    )
    postal_address: str = Field("", max_length=300, description="your address, at the end of each mail to a customer")
    privacy_url: str = Field("", max_length=300, description="where you say how you treat customers' data")
    locale: str = Field(SOURCE, description="the language of customers whose own is not known, or not among ours")
    words_dir: Path = Field(Path("words"), description="where sentences of your own lie, a catalogue a language")
    alert_to: Mailboxes = Field((), description="who hears of a “no”, separated by commas; needed before mail is sent")
    alert_to_by_team: AddressesByName = Field({}, description="who hears of a “no” about cases of some teams instead")
    alert_to_by_topic: AddressesByName = Field({}, description="who hears of a “no” about some topics, too")
    mail: str = Field("maildir:", repr=False, description="how mail leaves: smtp://, smtps://, maildir: or stdout:")
    inbox: str = Field("", repr=False, description="where mail comes back to: imaps://, imap:// or maildir:FOLDER")
    return_path: Mailbox | None = Field(
        None, description="where bounces go, each to an address of its own made from this; default: to the sender"
    )
    url: str = Field(
        "", max_length=300, description="what links in mails begin with; default: http:// and FEEDBACK_LISTEN"
    )
    listen: str = Field("127.0.0.1:8000", description="address and port of the web service")
    proxies: int = Field(0, ge=0, le=5, description="how many proxies stand in front of the web service")
    smtp_connections: int = Field(2, ge=1, le=10, description="how many connections to the mail server send at once")
    smtp_rate: Limit = Field(0, description="how many mails to customers may go out a minute; off: no limit")
    daily_cap: Limit | None = Field(
        None, description="how many mails to customers may go out in 24 hours; default: 20 times the mean, at least 500"
    )
    zone: Zone = Field(ZoneInfo("UTC"), description="the business's time zone")
    team_zones: Zones = Field({}, description="time zones of teams that work elsewhere")
    country: Country | None = Field(None, description="the business's country, for its public holidays")
    currency: Currency | None = Field(None, description="the currency of purchases, on the site; default: bare numbers")
    delay: Duration = Field(timedelta(hours=24), description="how long after a resolution we ask")
    delay_by_topic: Durations = Field({}, description="other delays for some topics")
    delay_by_channel: Durations = Field({}, description="other delays for some channels")
    window: Hours = Field(
        Window(frozenset(range(5)), 9 * 60, 18 * 60), description="when we write, by the customer's clock"
    )
    ask_again_after: DurationOrOff = Field(timedelta(days=14), description="how long who was asked is left alone")
    sample: Share = Field(1.0, description="about which share of the resolutions we ask")
    recheck: DurationOrOff = Field(
        timedelta(hours=24), description="how long after a follow-up was closed as solved we ask whether it is"
    )
    reminder: DurationOrOff = Field(timedelta(0), description="how long after the mail we remind, once, who is silent")
    basis: Bases = Field({}, description="on what legal ground people of a country are asked")
    max_age: Duration = Field(timedelta(days=7), description="a resolution older than this is not asked about any more")
    own_domains: Domains | None = Field(None, description="whose addresses are never asked; default: the sender's")
    skip_domains: Domains = Field(frozenset(), description="other domains that are never asked")
    skip_tags: Words = Field(frozenset(), description="tags of cases that are not asked about")
    skip_topics: Words = Field(frozenset(), description="topics of cases that are not asked about")
    skip_channels: Words = Field(frozenset(), description="channels of cases that are not asked about")
    skip_customers: Words = Field(frozenset(), description="references of customers who are never asked")
    link_ends: Duration = Field(timedelta(days=28), description="how long after the mail its link takes a first answer")
    change_within: Duration = Field(timedelta(days=14), description="how long an answer can be changed")
    call_room: str = Field("", max_length=300, description="where your team talks to customers by video, a web address")
    follow_up_within: Duration = Field(timedelta(hours=24), description="by when a person acts on a “no”")
    first_reply_within: Duration = Field(timedelta(hours=24), description="until when a first reply is in time")
    agent_figures: OnOff = Field(True, description="whether the desk's figures and files name single agents")
    retention: DurationOrOff = Field(
        timedelta(days=730), description="how long after a customer's last case we keep who it was, and their words"
    )

    @field_validator("data_dir", "words_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError:
            raise ValueError("a folder whose home exists, such as /srv/feedback") from None

    @field_validator("business", "postal_address")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("one line without control characters")
        return value

    @field_validator("locale")
    @classmethod
    def _check_locale(cls, value: str) -> str:
        if value.replace("_", "-").partition("-")[0].lower() not in LANGUAGES:
            raise ValueError(
                f"a language, with a country if you like, such as de or de-AT; ours are {', '.join(LANGUAGES)}"
            )
        return value

    @field_validator("privacy_url", "call_room")
    @classmethod
    def _check_web_address(cls, value: str) -> str:
        if value and not (_is_web_address(_split(value)) and _URL.fullmatch(value)):
            raise ValueError("an address such as https://acme.example/privacy")
        return value

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not _is_address(host.strip("[]")) or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("an address and a port such as 127.0.0.1:8000")
        return value

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = _split(value)
        has_more = parts is not None and (parts.path.strip("/") or parts.query or parts.fragment)
        host = (parts.hostname if parts is not None else None) or ""
        if value and (has_more or not _is_web_address(parts) or not _HOST.fullmatch(host)):
            raise ValueError(
                "https:// and a name without a path, such as https://care.acme.example (xn--… for other letters)"
            )
        return value.rstrip("/")

    @field_validator("mail")
    @classmethod
    def _check_mail(cls, value: str) -> str:
        parts = _split(value)
        server = parts and parts.scheme in ("smtp", "smtps") and parts.hostname and parts.path in ("", "/")
        if parts and (parts.query or parts.fragment):
            raise ValueError("%23 for # and %3F for ? within user or password")
        if not (server or (parts and parts.scheme in ("maildir", "stdout") and not parts.netloc)):
            raise ValueError(
                "smtp://user:password@host:587, smtps://user:password@host, maildir:, maildir:FOLDER, stdout:"
            )
        return value

    @field_validator("inbox")
    @classmethod
    def _check_inbox(cls, value: str) -> str:
        parts = _split(value)
        if parts and (parts.query or parts.fragment):
            raise ValueError("%23 for # and %3F for ? within user or password")
        is_server = parts and parts.scheme in ("imap", "imaps") and parts.hostname and parts.username and parts.password
        if value and not (
            is_server
            or (parts and parts.scheme == "maildir" and not parts.netloc and re.fullmatch("[^@:]+", parts.path))
        ):
            raise ValueError("imaps://user:password@host, imap://user:password@host/folder, maildir:FOLDER")
        return value

    @field_validator("return_path")
    @classmethod
    def _check_return_path(cls, value: Address | None) -> Address | None:
        if value is not None and len(value.username) > RETURN_NAME_LONGEST:
            raise ValueError(
                f"an address with at most {RETURN_NAME_LONGEST} letters before the @, for a key stands behind them"
            )
        return value

    @model_validator(mode="after")
    def _real_mail_needs_a_real_url(self) -> Self:
        if not self.mail_is_trial and not self.url:
            raise ValueError(
                "FEEDBACK_URL must be set before FEEDBACK_MAIL names a real mail server: links begin with it"
            )
        return self

    @model_validator(mode="after")
    def _asks_while_it_may(self) -> Self:
        delays = {
            "FEEDBACK_DELAY": self.delay,
            **{f"FEEDBACK_DELAY_BY_TOPIC for {topic}": delay for topic, delay in self.delay_by_topic.items()},
            **{f"FEEDBACK_DELAY_BY_CHANNEL for {channel}": delay for channel, delay in self.delay_by_channel.items()},
            **({"FEEDBACK_RECHECK": self.recheck} if "recheck" in self.model_fields_set else {}),
        }
        for name, delay in delays.items():
            if delay >= self.max_age:
                raise ValueError(f"{name} must be shorter than FEEDBACK_MAX_AGE, or nobody would ever be asked.")
        return self

    @model_validator(mode="after")
    def _reminds_while_it_may(self) -> Self:
        if self.reminder >= self.link_ends:
            raise ValueError("FEEDBACK_REMINDER must be shorter than FEEDBACK_LINK_ENDS, or its link would have ended.")
        return self

    @model_validator(mode="after")
    def _keeps_while_it_may_be_answered(self) -> Self:
        if self.retention and self.retention <= self.max_age + self.link_ends + self.change_within:
            raise ValueError(
                "FEEDBACK_RETENTION must be longer than FEEDBACK_MAX_AGE, FEEDBACK_LINK_ENDS and "
                "FEEDBACK_CHANGE_WITHIN together, or answers would be forgotten while they can be changed."
            )
        return self

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.data_dir / 'feedback.db'}"

    @property
    def base_url(self) -> str:
        """What links begin with, without a slash at the end."""
        return self.url or f"http://{self.listen}"

    @property
    def is_local(self) -> bool:
        """Whether links lead to this machine alone, over plain http, and nobody else can connect."""
        parts = urlsplit(self.base_url)
        host = self.listen.rpartition(":")[0].strip("[]")
        return parts.scheme == "http" and is_loopback(parts.hostname or "") and is_loopback(host)

    @property
    def business_name(self) -> str:
        if self.business:
            return self.business
        return (self.sender.display_name or self.sender.domain) if self.sender else "Our business"

    @property
    def staff_domains(self) -> frozenset[str]:
        """Whose people must not survey themselves. A sender at a public provider has customers there as well."""
        if self.own_domains is not None:
            return self.own_domains
        domain = self.sender.domain.lower() if self.sender else ""
        return frozenset({domain} - PUBLIC_PROVIDERS - {""})

    def basis_in(self, country: str | None) -> Basis | None:
        """On what ground people of a country are asked; None where none is needed, as in one that is not known."""
        needed = {**BASIS_NEEDED, **self.basis}
        return needed.get(country.upper()) if country is not None else None

    def sender_of(self, team: str | None) -> Address:
        """Who mails of a team come from. Raises ConfigError."""
        return self.team_senders.get((team or "").casefold(), self.require_sender())

    def reply_to_of(self, team: str | None) -> Address | None:
        """Where replies to a team go: what is set for it, else for all, else to its sender."""
        name = (team or "").casefold()
        return self.team_reply_to.get(name) or self.reply_to or self.team_senders.get(name) or self.sender

    def alerted_of(self, team: str | None, topic: str | None) -> tuple[str, ...]:
        """Who hears of a "no": whoever is set for the team, else for all; and whoever is set for the topic."""
        team_members = self.alert_to_by_team.get((team or "").casefold(), self.alert_to)
        experts = self.alert_to_by_topic.get((topic or "").casefold(), ())
        return tuple(dict.fromkeys(address.addr_spec for address in (*team_members, *experts)))

    @property
    def contact_url(self) -> str | None:
        """A link to a person, `mailto:` or `https://`; None before there is any address."""
        contact = self.contact or self.reply_to or self.sender
        return f"mailto:{quote(contact.addr_spec, safe='@+')}" if isinstance(contact, Address) else contact

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """Those that customers see mail come from, in small letters."""
        found = (self.sender, self.reply_to, *self.team_senders.values(), *self.team_reply_to.values())
        return tuple(dict.fromkeys(address.addr_spec.lower() for address in found if address is not None))

    @property
    def mail_is_trial(self) -> bool:
        """Whether mail reaches no real person: a Maildir, stdout, or a test server on loopback."""
        parts = urlsplit(self.mail)
        if parts.scheme in ("maildir", "stdout"):
            return True
        port = parts.port or (465 if parts.scheme == "smtps" else 587)
        return is_loopback(parts.hostname or "") and port not in MAIL_PORTS

    @property
    def mail_is_smtp(self) -> bool:
        return urlsplit(self.mail).scheme in ("smtp", "smtps")

    @property
    def mail_folder(self) -> Path:
        """The Maildir of `maildir:`, inside the data folder unless another is named."""
        return self.data_dir / (unquote(urlsplit(self.mail).path) or "mail")

    def require_sender(self) -> Address:
        """The sender's address, or a ConfigError that says how to set it."""
        if self.sender is None:
            raise ConfigError(
                "FEEDBACK_SENDER is not set, and no mail goes out without it.\n"
                'Put a line such as FEEDBACK_SENDER="Acme <care@acme.example>" into .env.'
            )
        return self.sender

    def require_people(self) -> None:
        """Refuse to run the loop while nobody would hear of a “no”."""
        self.require_sender()
        if not self.alert_to:
            raise ConfigError(
                "FEEDBACK_ALERT_TO is not set, so nobody would hear of a “no”.\n"
                "Put a line such as FEEDBACK_ALERT_TO=mara@acme.example into .env."
            )


def _is_address(host: str) -> bool:
    try:
        return host == "localhost" or bool(ip_address(host))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_config(environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Config:
    """Read the settings from the environment, then from `env_file`; raise ConfigError naming what is wrong."""
    given = {name.upper(): value for name, value in (os.environ if environ is None else environ).items()}
    return _checked({**_values(_settings_in(env_file) if env_file else {}), **_values(given)})


def with_changes(config: Config, changes: Mapping[str, str]) -> Config:
    """The settings with some of them read anew, by field name. Raises ConfigError naming what is wrong."""
    kept = {field: getattr(config, field) for field in Config.model_fields if field not in changes}
    return _checked({field: text for field, text in changes.items() if text}, kept)  # empty is not given, as in `.env`


def _checked(texts: Mapping[str, str], known: Mapping[str, Any] = MappingProxyType({})) -> Config:
    """Settings from what was written, and from values that are known; pydantic makes the types. Raises ConfigError."""
    try:
        return Config(**{**known, **texts})
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(problem, texts) for problem in error.errors())) from None


def env_line(setting: str, value: str) -> str:
    """A line of `.env` from which `load_config` reads this value for the setting."""
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{setting}='{quoted}'\n"


def _values(found: Mapping[str, str]) -> dict[str, str]:
    """Field names and values of one source; `FEEDBACK_X_FILE` gives the value of `FEEDBACK_X`. Empty is not given."""
    values: dict[str, str] = {}
    for name in sorted(name for name in found if name.startswith(PREFIX) and found[name].strip()):
        field, value = name.removeprefix(PREFIX).lower(), found[name].strip()
        if field not in Config.model_fields and field.endswith("_file"):
            field = field.removesuffix("_file")
            value = _read_secret(name, value) if field in Config.model_fields else value
        if field not in Config.model_fields:
            known = ", ".join(PREFIX + known.upper() for known in Config.model_fields)
            raise ConfigError(f"There is no setting {name}. The settings are: {known}.")
        if field in values:
            raise ConfigError(f"Both {PREFIX}{field.upper()} and {name} are set. Keep one of them.")
        values[field] = value
    return values


def _settings_in(env_file: Path) -> dict[str, str]:
    if not env_file.is_file():
        return {}
    try:
        with env_file.open(encoding="utf-8") as file:
            lines = list(parse_stream(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {env_file}: {error}. It must be text in UTF-8.") from None
    for line in lines:
        if line.error:
            raise ConfigError(f"{env_file}, line {line.original.line}: expected a setting such as FEEDBACK_ZONE=UTC.")
    return {line.key.upper(): line.value or "" for line in lines if line.key}


def _read_secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: cannot read {path}: {error}.") from None


def _sentence(problem: Any, values: Mapping[str, str]) -> str:
    words = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if not problem["loc"]:
        return words
    field = str(problem["loc"][0])
    given = values.get(field, "")
    if field in ("mail", "inbox") and not re.fullmatch(
        "[A-Za-z0-9.-]*", given
    ):  # never a password, wherever it was put
        told = re.match(r"(smtps?|imaps?|maildir|stdout):", given)
        given = f"{told[0] if told else ''}…"
    return f"{PREFIX}{field.upper()}: given {given!r}, expected {words[:1].lower()}{words[1:]}."

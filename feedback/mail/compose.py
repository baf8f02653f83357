"""One function a message. Text and HTML say the same; names and subjects go in as data."""

import quopri
import re
from dataclasses import dataclass
from datetime import datetime
from email.charset import BASE64, Charset
from email.header import Header
from email.headerregistry import Address
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import Compat32
from email.utils import format_datetime
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from feedback.config import Config
from feedback.domain import names, surveys
from feedback.domain.colours import accent
from feedback.domain.followups import FollowUp, News
from feedback.domain.staff import Staff
from feedback.domain.surveys import REASONS, Choice
from feedback.domain.timing import in_words, local_day, years_between, zone_of
from feedback.domain.wording import CASE_LONGEST, acts_within, asks_how_often, shortened
from feedback.i18n import SOURCE, Language, load_languages, marked
from feedback.setting_types import is_email

_NAME_LONGEST = 100
_UTF_8 = Charset("utf-8")
_UTF_8.header_encoding = BASE64  # to weigh it against quoted-printable costs more than it saves
_BOUNDARY = "=_part"  # quoted-printable never writes this
_BLANKS = re.compile(r"[ \t\n\r\x0b\x0c\x1c-\x1f\x85\u2028\u2029]+")  # but no-break spaces, which French takes, stay
_LINES = re.compile(r"[\x20-\x7e]*(\r\n [\x20-\x7e]*)*")


class _Policy(Compat32):
    """Headers go out as they are given, for we have encoded and folded them, and nothing else gets in.

    The newer policies of the stdlib take four times as long, lose blanks between encoded words and the quotes of a
    name that they fold, and encode a long List-Unsubscribe, which mail programs then cannot read.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        if not _LINES.fullmatch(value):
            raise ValueError(f"the header {name} would have broken the others")
        return f"{name}: {value}\r\n".encode("ascii")


_POLICY = _Policy(linesep="\r\n", max_line_length=None, mangle_from_=False)
_templates = Environment(
    loader=PackageLoader("feedback.mail"),
    autoescape=select_autoescape(["html"]),  # plain text must not be
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    auto_reload=False,
)


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses in a survey mail, each with its signed token."""

    yes: str
    no: str
    opt_out: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message ready to go, byte for byte, and its envelope."""

    sender: str
    recipient: str
    content: bytes


def survey(
    facts: surveys.LetterFacts,
    links: Links,
    config: Config,
    message_id: str,
    now: datetime,
    *,
    reminds_of: str | None = None,
) -> Letter:
    """ "Did we solve it?", signed by whoever helped, about the case at hand, in the customer's language.

    With `reminds_of`, the Message-ID of the first mail, it is the reminder: a reply to that, in the same thread. For
    the second round it asks whether it is solved now.
    """
    assert facts.email is not None
    language = load_languages(config.words_dir).choose(facts.locale, config.locale)
    zone = zone_of(facts.whereabouts, config)
    years = years_between(facts.customer_since, local_day(now, zone)) if facts.customer_since else 0
    agent = names.signed(facts.agent)
    why = language.text(marked("You get this mail because we worked on a request of yours."))
    words = {
        "kind": "recheck" if facts.is_recheck else "reminder" if reminds_of is not None else "survey",
        "preheader": language.text(marked("Yes or no is enough. After a no, a person looks at it.")),
        "name": names.greeted(facts.name),
        "years": names.tenure(years),
        "case": shortened(facts.subject, CASE_LONGEST) if facts.subject else None,
        "ref": facts.ref,
        "day": language.day(local_day(facts.resolved_at, zone), with_year=False),
        "signed": agent or names.signed(facts.team) or config.business_name,
        "within": acts_within(config.follow_up_within, language),
        "why": why if facts.is_recheck else why + language.gap + asks_how_often(config, language),
        "links": links,
        "privacy_url": config.privacy_url,
        "postal_address": config.postal_address,
    }
    headers = {
        "List-Unsubscribe": f"<{links.opt_out}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Content-Language": language.tag,
    }
    if reminds_of is not None:
        thread = f"<{reminds_of}@{config.require_sender().domain}>"
        headers |= {"In-Reply-To": thread, "References": thread}
    if (reply_to := config.reply_to_of(facts.team)) is not None:
        headers["Reply-To"] = _mailbox(agent or reply_to.display_name or config.business_name, reply_to, "Reply-To")
    return _letter(
        "survey", words, facts.email, config, message_id, now, headers, language, config.sender_of(facts.team)
    )


def alert(
    follow_up: FollowUp,
    recipient: str,
    config: Config,
    message_id: str,
    now: datetime,
    *,
    one_touch: str | None = None,
    is_overdue: bool = False,
    news: tuple[News, ...] = (),
) -> Letter:
    """A customer said "no", or wrote: who, about what, in their words, and by when somebody acts.

    `one_touch` is the recipient's own link, with which to act without logging in. With `is_overdue`, nobody has yet.
    `news` is what happened since the last alert that the recipient got.
    """
    details = follow_up.details
    title = news[0].title if news else "Not solved" if follow_up.answer is not None else "A reply"
    words = {
        "title": "Overdue" if is_overdue else title,
        "news": news,
        "is_overdue": is_overdue,
        "one_touch": one_touch,
        "opened": in_words(follow_up.opened_at, config.zone),
        "follow_up": follow_up,
        "preheader": shortened(" ".join((*(one.sentence for one in news), follow_up.words)).strip(), 100),
        "says_no": follow_up.answer is not None,
        "who": follow_up.customer or follow_up.email or "A customer",
        "case": follow_up.subject or f"case {follow_up.case_ref}",
        "comment": follow_up.words,
        "quoted": "\n".join(f"> {line}".rstrip() for line in follow_up.words.splitlines()),
        "reasons": [REASONS[Choice.NO][stage] for stage in details.reasons],
        "is_escalated": follow_up.is_escalated,
        "call": details.call,
        "called": ", ".join(part for part in (details.phone, details.call_time) if part),
        "due": in_words(follow_up.due_at, config.zone),
        "link": _desk_url(follow_up, config),
    }
    return _letter("alert", words, recipient, config, message_id, now, {})


overdue = partial(alert, is_overdue=True)


def change_of_mind(follow_up: FollowUp, recipient: str, config: Config, message_id: str, now: datetime) -> Letter:
    """A "no" became a "yes": what that leaves to do."""
    words = {
        "preheader": "",
        "follow_up": follow_up,
        "who": follow_up.customer or follow_up.email or "A customer",
        "case": follow_up.subject or f"case {follow_up.case_ref}",
        "link": _desk_url(follow_up, config),
    }
    return _letter("change_of_mind", words, recipient, config, message_id, now, {})


def password(person: Staff, link: str, recipient: str, config: Config, message_id: str, now: datetime) -> Letter:
    """A link to set a password at the desk: the first one, or another."""
    words = {
        "preheader": "",
        "is_new": person.password_hash == "",
        "name": person.name,
        "address": person.email,
        "link": link,
    }
    return _letter("password", words, recipient, config, message_id, now, {})


def test(recipient: str, config: Config, message_id: str, now: datetime) -> Letter:
    """Whether mail goes out at all, for the owner."""
    return _letter("test", {"preheader": "", "url": config.base_url}, recipient, config, message_id, now, {})


def _desk_url(follow_up: FollowUp, config: Config) -> str:
    return f"{config.base_url}/desk/follow-ups/{follow_up.id}"


def _letter(
    template: str,
    words: dict[str, Any],
    recipient: str,
    config: Config,
    message_id: str,
    now: datetime,
    headers: dict[str, str],
    language: Language | None = None,
    sender: Address | None = None,
) -> Letter:
    """A message of three templates; without a language it is for staff, who read English."""
    if not is_email(recipient):
        raise ValueError("the recipient is no address")
    language = language or load_languages(config.words_dir).choose(SOURCE)
    envelope = config.require_sender()
    sender = sender or envelope
    words = words | {
        "business": config.business_name,
        "language": language,
        "start": "right" if language.is_rtl else "left",
        "accent": accent(config.colour),
    }
    message = MIMEMultipart("alternative", _BOUNDARY, policy=_POLICY)
    message["From"] = _mailbox(sender.display_name or config.business_name, sender, "From")
    message["To"] = recipient
    message["Subject"] = _text(_plain(_render(f"{template}.subject.txt", words, language)), "Subject")
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{message_id}@{envelope.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    for name, value in headers.items():
        message[name] = value
    for subtype, suffix in (("plain", "txt"), ("html", "html")):
        message.attach(_text_part(subtype, _render(f"{template}.{suffix}", words, language)))
    return Letter(envelope.addr_spec, recipient, message.as_bytes(policy=_POLICY))


def _text_part(subtype: str, content: str) -> MIMENonMultipart:
    part = MIMENonMultipart("text", subtype, policy=_POLICY, charset="utf-8")
    part["Content-Transfer-Encoding"] = "quoted-printable"
    part.set_payload(quopri.encodestring(content.encode()).decode("ascii"))
    return part


def _mailbox(name: str, address: Address, header: str) -> str:
    """One mailbox (RFC 5322, 3.4), whatever the name in it."""
    display = _plain(name)[:_NAME_LONGEST].rstrip()
    if not display:
        return address.addr_spec
    quoted = '"' + re.sub(r'(["\\])', r"\\\1", display) + '"'
    return f"{quoted if display.isascii() else _text(display, header)} <{address.addr_spec}>"


def _text(text: str, header: str) -> str:
    """Text for a header: encoded (RFC 2047) if it must be, and folded."""
    charset = "us-ascii" if text.isascii() else _UTF_8
    return Header(text, charset, header_name=header).encode(linesep="\r\n")


def _plain(text: str) -> str:
    """Text in one line, and none in it that a mail program would decode (RFC 2047)."""
    return _BLANKS.sub(" ", text.replace("=?", "= ?")).strip()


def _render(name: str, words: dict[str, Any], language: Language) -> str:
    return _templates.get_template(name).render(words | language.for_templates(html=name.endswith(".html")))

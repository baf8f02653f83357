"""One function a message. Text and HTML say the same; names and subjects go in as data."""

import quopri
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.charset import BASE64, Charset
from email.header import Header
from email.headerregistry import Address
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import Compat32
from email.utils import format_datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from feedback.config import Config
from feedback.domain import surveys
from feedback.domain.followups import FollowUp
from feedback.domain.surveys import REASONS, Choice
from feedback.domain.timing import duration_in_words, in_words, local_day, years_between
from feedback.setting_types import is_email

_NAME_LONGEST = 100
_UTF_8 = Charset("utf-8")
_UTF_8.header_encoding = BASE64  # to weigh it against quoted-printable costs more than it saves
_BOUNDARY = "=_part"  # quoted-printable never writes this
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
    """ "Did we solve it?", signed by the agent who helped, about the case at hand.

    With `reminds_of`, the Message-ID of the first mail, it is the reminder: a reply to that, in the same thread.
    """
    assert facts.email is not None
    years = years_between(facts.customer_since, local_day(now, config.zone)) if facts.customer_since else 0
    words = {
        "greeting": _render("greeting.txt", {"name": facts.name, "years": years}).strip(),
        "case": facts.subject,
        "ref": facts.ref,
        "day": f"{(day := local_day(facts.resolved_at, config.zone)).day} {day:%B}",
        "signed": facts.agent or facts.team or config.business_name,
        "business": config.business_name,
        "within": duration_in_words(config.follow_up_within),
        "links": links,
        "is_reminder": reminds_of is not None,
        "reminds": config.reminder != timedelta(0),
    }
    headers = {
        "List-Unsubscribe": f"<{links.opt_out}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    if reminds_of is not None:
        thread = f"<{reminds_of}@{config.require_sender().domain}>"
        headers |= {"In-Reply-To": thread, "References": thread}
    if config.reply_address is not None:
        headers["Reply-To"] = _mailbox(facts.agent or config.business_name, config.reply_address, "Reply-To")
    return _letter("survey", words, facts.email, config, message_id, now, headers)


def alert(follow_up: FollowUp, recipient: str, config: Config, message_id: str, now: datetime) -> Letter:
    """A customer said "no": who, about what, in their words, and by when somebody acts."""
    details = follow_up.answer.details
    words = {
        "follow_up": follow_up,
        "who": follow_up.customer or follow_up.email or "A customer",
        "case": follow_up.subject or f"case {follow_up.case_ref}",
        "comment": details.comment,
        "quoted": "\n".join(f"> {line}".rstrip() for line in details.comment.splitlines()),
        "reasons": [REASONS[Choice.NO][stage] for stage in details.reasons],
        "call": details.call,
        "phone": details.phone,
        "due": in_words(follow_up.due_at, config.zone),
        "link": f"{config.base_url}/desk/follow-ups/{follow_up.id}",
    }
    return _letter("alert", words, recipient, config, message_id, now, {})


def test(recipient: str, config: Config, message_id: str, now: datetime) -> Letter:
    """Whether mail goes out at all, for the owner."""
    words = {"business": config.business_name, "url": config.base_url}
    return _letter("test", words, recipient, config, message_id, now, {})


def _letter(
    template: str,
    words: dict[str, Any],
    recipient: str,
    config: Config,
    message_id: str,
    now: datetime,
    headers: dict[str, str],
) -> Letter:
    if not is_email(recipient):
        raise ValueError("the recipient is no address")
    sender = config.require_sender()
    message = MIMEMultipart("alternative", _BOUNDARY, policy=_POLICY)
    message["From"] = _mailbox(sender.display_name or config.business_name, sender, "From")
    message["To"] = recipient
    message["Subject"] = _text(_plain(_render(f"{template}.subject.txt", words)), "Subject")
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{message_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    for name, value in headers.items():
        message[name] = value
    for subtype, suffix in (("plain", "txt"), ("html", "html")):
        message.attach(_text_part(subtype, _render(f"{template}.{suffix}", words)))
    return Letter(sender.addr_spec, recipient, message.as_bytes(policy=_POLICY))


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
    return " ".join(text.replace("=?", "= ?").split())


def _render(name: str, words: dict[str, Any]) -> str:
    return _templates.get_template(name).render(words)

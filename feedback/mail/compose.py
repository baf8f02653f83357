"""One function a message. Text and HTML say the same; names and subjects go in as data."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import getaddresses
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from feedback.config import Config
from feedback.domain import surveys
from feedback.domain.followups import FollowUp
from feedback.domain.surveys import REASONS, Choice
from feedback.domain.timing import duration_in_words, in_words, local_day, years_between


class _Policy(EmailPolicy):
    """List-* and Message-ID on one line: folded or encoded (RFC 2047), mail programs cannot read them.

    Subjects and names are written here: the newer code of the stdlib loses blanks between encoded words, and the quotes
    of a name that it folds, so that a comma in a long name made several addresses of one.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() == "subject" and not value.isascii():
            return f"{name}: {_encoded(value, name)}\r\n".encode("ascii")
        if name.lower() in _MAILBOXES:
            (address,) = value.addresses  # type: ignore[attr-defined]  # the policy's own kind of text
            return f"{name}: {_mailbox(address, name)}\r\n".encode("ascii")
        if name.lower().startswith("list-") or name.lower() == "message-id":
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


_MAILBOXES = ("from", "reply-to")
_NAME_LONGEST = 100


def _encoded(text: str, name: str) -> str:
    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n")


def _mailbox(address: Address, name: str) -> str:
    """One mailbox (RFC 5322, 3.4), whatever the name in it."""
    display = address.display_name
    if not display:
        return address.addr_spec
    if not display.isascii():
        return f"{_encoded(display, name)} <{address.addr_spec}>"
    quoted = re.sub(r'(["\\])', r"\\\1", display)
    return f'"{quoted}" <{address.addr_spec}>'


_POLICY = _Policy(linesep="\r\n", max_line_length=SMTP.max_line_length)
_templates = Environment(
    loader=PackageLoader("feedback.mail"),
    autoescape=select_autoescape(["html"]),  # plain text must not be
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
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


def survey(facts: surveys.LetterFacts, links: Links, config: Config, message_id: str, now: datetime) -> Letter:
    """ "Did we solve it?", signed by the agent who helped, about the case at hand."""
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
    }
    headers: dict[str, str | Address] = {
        "List-Unsubscribe": f"<{links.opt_out}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    if config.reply_address is not None:
        headers["Reply-To"] = _named(facts.agent or config.business_name, config.reply_address)
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
    headers: dict[str, str | Address],
) -> Letter:
    sender = config.require_sender()
    message = EmailMessage(policy=_POLICY)
    message["From"] = _named(sender.display_name or config.business_name, sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = _plain(_render(f"{template}.subject.txt", words))
    message["Date"] = now
    message["Message-ID"] = f"<{message_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    for name, value in headers.items():
        message[name] = value
    message.set_content(_render(f"{template}.txt", words), cte="quoted-printable")
    message.add_alternative(_render(f"{template}.html", words), subtype="html", cte="quoted-printable")
    content = message.as_bytes()
    _check_headers(content, message)
    return Letter(sender.addr_spec, recipient, content)


def _named(name: str, address: Address) -> Address:
    return Address(_plain(name)[:_NAME_LONGEST].rstrip(), addr_spec=address.addr_spec)


def _plain(text: str) -> str:
    """Text for a header. The stdlib decodes an encoded word (RFC 2047) wherever it meets one, line breaks in it too."""
    return " ".join(text.replace("=?", "= ?").split())


def _check_headers(content: bytes, message: EmailMessage) -> None:
    """The last wall against injection: our headers and our mailboxes, and no more, whatever the names and subjects."""
    head = content.partition(b"\r\n\r\n")[0]
    lines = [line.partition(b":") for line in re.split(rb"\r\n(?![ \t])", head)]
    names = [name.decode("ascii", "replace") for name, _, _ in lines]
    mailboxes = {
        name: [address for _, address in getaddresses([" ".join(value.decode("ascii", "replace").split())])]
        for name, (_, _, value) in zip(names, lines, strict=True)
        if name.lower() in _MAILBOXES
    }
    meant = {name: [message[name].addresses[0].addr_spec] for name in mailboxes}
    if names != message.keys() or mailboxes != meant or re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", head):
        raise ValueError("a name or a subject would have broken the headers")


def _render(name: str, words: dict[str, Any]) -> str:
    return _templates.get_template(name).render(words)

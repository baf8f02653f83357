"""A person wants to know what is held about them: all of it, for a machine and for the person to read.

What other people said, or where mail to them went, is left out, though it be about a case that is this person's by now.
"""

import json
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from feedback.config import Config
from feedback.domain.audit import COMMAND_LINE, Action
from feedback.domain.cases import normalise_email
from feedback.domain.eligibility import Verdict
from feedback.domain.followups import Event
from feedback.domain.surveys import Suppression
from feedback.domain.timing import in_words
from feedback.errors import FileError, NotFound
from feedback.keys import Keys, write_private
from feedback.loop import erasing
from feedback.store import Store
from feedback.store.dossiers import (
    AskedBefore,
    Audited,
    Cared,
    CaseHeld,
    CustomerHeld,
    Questioned,
    Resolved,
    Ruling,
    SuppressionHeld,
    SurveyHeld,
)
from feedback.store.erasures import KnownCustomer, KnownMail

_templates = Environment(
    loader=PackageLoader("feedback.loop"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that is held about whoever has an address.

    `elsewhere` are surveys that were mailed to it about cases that are somebody else's by now; `others` are further
    addresses that may be the same person's, for staff to ask about.
    """

    business: str
    address: str
    made_at: datetime
    customers: tuple[CustomerHeld, ...]
    elsewhere: tuple[Questioned, ...]
    asked_before: tuple[AskedBefore, ...]
    suppressions: tuple[SuppressionHeld, ...]
    audit: tuple[Audited, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """Where the two files are, and the further addresses that may be the same person's."""

    data: Path
    page: Path
    others: tuple[str, ...]


def export(store: Store, keys: Keys, config: Config, address: str, folder: Path, now: datetime) -> Exported:
    """Write all that is held about an address into two new files, for their owner alone; their names do not tell whose.

    Raises NotFound if nothing is known by the address, FileError if the files cannot be written.
    """
    dossier = hand_out(store, keys, config, address, now, by=COMMAND_LINE)
    stem = f"feedback-export-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    made = Exported(folder / f"{stem}.json", folder / f"{stem}.html", dossier.others)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(made.data, as_json(dossier))
        write_private(made.page, as_page(dossier, config.zone))
    except OSError as error:
        with suppress(OSError):
            made.data.unlink()
        raise FileError(
            f"Nothing can be written into {folder}: {error.strerror}. Name another folder with --to."
        ) from None
    return made


def hand_out(store: Store, keys: Keys, config: Config, address: str, now: datetime, *, by: str) -> Dossier:
    """What is held, for somebody who takes it away, which is written down. Raises NotFound as `gather` does."""
    dossier = gather(store, keys, config, address, now)
    counts = f"customers: {len(dossier.customers)}, cases: {sum(len(one.cases) for one in dossier.customers)}"
    with store.write():
        store.audit.note(by, Action.EXPORT, keys.address_hashes(dossier.address)[0], now, became=counts)
    return dossier


def gather(store: Store, keys: Keys, config: Config, address: str, now: datetime) -> Dossier:
    """Raises NotFound if nothing is known by the address, as erasing does."""
    wanted, hashes = normalise_email(address), keys.address_hashes(normalise_email(address))
    suppressions = tuple(store.dossiers.suppressions(hashes))
    customers: list[KnownCustomer] = []
    mails: list[KnownMail] = []
    try:
        customers, mails = erasing.find(store, address)
    except NotFound:
        if all(one.reason == Suppression.ERASED for one in suppressions):
            raise
    ids = {one.id for one in customers}
    to_them = (mail for mail in mails if normalise_email(mail.recipient) == wanted)
    strays = dict.fromkeys(mail.survey_id for mail in to_them if mail.customer_id not in ids)
    others = {other for mail in mails for other in (mail.recipient, mail.email) if other}
    asked_before = (one for one in store.dossiers.asked_before() if normalise_email(one.recipient) == wanted)
    return Dossier(
        business=config.business_name,
        address=wanted,
        made_at=now,
        customers=tuple(_customer(store, one.id, ids, wanted) for one in customers),
        elsewhere=tuple(_of_another_case(store.dossiers.survey(key), wanted) for key in strays),
        asked_before=tuple(asked_before),
        suppressions=suppressions,
        audit=tuple(store.dossiers.audit(hashes)),
        others=tuple(sorted(other for other in others if normalise_email(other) != wanted)),
    )


def _customer(store: Store, key: str, ids: set[str], wanted: str) -> CustomerHeld:
    held = store.dossiers.customer(key)
    cases = (_case(store, case_id, case, ids, wanted) for case_id, case in store.dossiers.cases(key))
    return replace(held, cases=tuple(cases))


def _case(store: Store, case_id: str, case: CaseHeld, ids: set[str], wanted: str) -> CaseHeld:
    resolutions: list[Resolved] = []
    for one in store.dossiers.resolutions(case_id):
        theirs = tuple(_without_others(held, wanted) for held in one.surveys if _is_theirs(held, ids, wanted))
        resolutions.append(replace(one.resolution, surveys=theirs, left_out=len(one.surveys) - len(theirs)))
    return replace(case, resolutions=tuple(resolutions))


def _is_theirs(held: SurveyHeld, ids: set[str], wanted: str) -> bool:
    """Who got a survey's mail answered it; until one goes out, it is for the customer."""
    if held.recipients:
        return wanted in map(normalise_email, held.recipients)
    return held.customer_id is None or held.customer_id in ids


def _without_others(held: SurveyHeld, wanted: str) -> Questioned:
    """The survey without mails that went to another address."""
    mails = (m for m in held.survey.mails if m.recipient is None or normalise_email(m.recipient) == wanted)
    return replace(held.survey, mails=tuple(mails))


def _of_another_case(held: SurveyHeld, wanted: str) -> Questioned:
    """The mails, the answers, and what was mailed back. What staff did is told to whoever has the case now."""
    survey = _without_others(held, wanted)
    return replace(
        survey,
        mails=tuple(mail for mail in survey.mails if not mail.is_to_staff),
        follow_up=_replies(survey.follow_up) if survey.follow_up is not None else None,
    )


def _replies(follow_up: Cared) -> Cared | None:
    events = tuple(event for event in follow_up.events if event.kind is Event.REPLIED)
    return replace(follow_up, owner=None, outcome=None, closed_at=None, events=events) if events else None


def as_json(dossier: Dossier) -> str:
    """Every field by its name; times in UTC (ISO 8601), what is not known as null."""
    values = asdict(dossier)
    del values["others"]
    return json.dumps(values, ensure_ascii=False, indent=2, default=_as_text) + "\n"


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    assert isinstance(value, date)
    return value.isoformat()


def as_page(dossier: Dossier, zone: ZoneInfo) -> str:
    """The same for the person: one page that needs nothing else, times by the clock of a zone."""
    template = _templates.get_template("dossier.html")
    return template.render(d=dossier, when=lambda at: in_words(at, zone), ruling=lambda one: _in_words(one, zone))


def _in_words(one: Ruling, zone: ZoneInfo) -> str:
    """A decision as the person is told: `we did not ask: it is not in the sample that we ask about`."""
    because = one.because.partition(" (FEEDBACK_")[0]  # which setting made it so concerns nobody else
    by = f" {one.who} decided it." if one.who is not None else ""
    asking = "remind you" if one.is_reminder else "ask you again" if one.is_again else "ask you"
    if one.verdict is Verdict.ASK:
        return f"To {asking}: {because}.{by}"
    if one.until is not None:
        return f"To wait until {in_words(one.until, zone)} before we {asking}: {because}.{by}"
    return f"Not to {asking}: {because}.{by}"

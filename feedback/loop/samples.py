"""Letters to look at: made-up people, and links that lead nowhere."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from feedback.config import Config
from feedback.domain.followups import FollowUp, Outcome
from feedback.domain.staff import Role, Staff
from feedback.domain.surveys import Answer, Choice, Details, LetterFacts, Stage
from feedback.keys import Keys, Purpose, new_id
from feedback.loop.links import password_url, survey_url
from feedback.mail import compose


class SampleKind(StrEnum):
    SURVEY = "survey"
    REMINDER = "reminder"
    RECHECK = "recheck"
    ALERT = "alert"
    OVERDUE = "overdue"
    CHANGE_OF_MIND = "change-of-mind"
    INVITATION = "invitation"
    NEW_LOGIN = "new-password"


def sample(kind: SampleKind, config: Config, keys: Keys, recipient: str, locale: str, now: datetime) -> compose.Letter:
    """A letter as it would go out by these settings. Its links are well formed, but nothing is behind them."""
    message_id = f"{new_id()}.sample"  # unsigned: who answers a sample is not taken for a customer
    if kind is SampleKind.ALERT:
        return compose.alert(sample_follow_up(config, now), recipient, config, message_id, now)
    if kind is SampleKind.OVERDUE:
        late = replace(sample_follow_up(config, now), opened_at=now - config.follow_up_within, due_at=now)
        return compose.overdue(late, recipient, config, message_id, now)
    if kind is SampleKind.CHANGE_OF_MIND:
        withdrawn = replace(sample_follow_up(config, now), closed_at=now, outcome=Outcome.WITHDRAWN, stands=Choice.YES)
        return compose.change_of_mind(withdrawn, recipient, config, message_id, now)
    if kind in (SampleKind.INVITATION, SampleKind.NEW_LOGIN):
        known = "" if kind is SampleKind.INVITATION else "a hash"
        person = Staff("sample", recipient, "Mara", known, "", None, Role.AGENT)
        return compose.password(person, password_url(config, keys, person, now), recipient, config, message_id, now)
    survey = survey_url(config, keys, new_id())
    opt_out = f"{config.base_url}/o/{keys.sign(Purpose.OPT_OUT, new_id())}"
    facts = LetterFacts(
        resolved_at=now - timedelta(days=1),
        agent="Mara",
        team=None,
        subject="Printer jams on page two",
        ref="1001",
        name="Ada",
        email=recipient,
        customer_since=now.date() - timedelta(days=800),
        locale=locale,
        is_recheck=kind is SampleKind.RECHECK,
    )
    return compose.survey(
        facts,
        compose.Links(yes=f"{survey}/yes", no=f"{survey}/no", opt_out=opt_out),
        config,
        message_id,
        now,
        reminds_of=f"{new_id()}.sample" if kind is SampleKind.REMINDER else None,
    )


def sample_follow_up(config: Config, now: datetime) -> FollowUp:
    """A made-up one."""
    said = Details((Stage.RESOLVE,), "It still jams on page two.", call=True, phone="+49 30 5550 0142")
    return FollowUp(
        id="sample",
        survey_id="sample",
        opened_at=now,
        due_at=now + config.follow_up_within,
        closed_at=None,
        outcome=None,
        note=None,
        owner_id=None,
        owner=None,
        interactions=0,
        is_escalated=False,
        resolution_id="sample",
        case_id="sample",
        case_source="sample",
        case_ref="1001",
        subject="Printer jams on page two",
        agent="Mara",
        team=None,
        topic=None,
        resolved_at=now - timedelta(days=1),
        contacts=1,
        customer="Ada",
        email="ada@example.org",
        answer=Answer("sample", Choice.NO, now, said, now),
    )

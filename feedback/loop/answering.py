"""A customer's tap: the vote first, then what the customer adds. A "no" opens a follow-up in the same transaction."""

from datetime import datetime, timedelta

from feedback.config import Config
from feedback.domain.followups import Channel, Outcome
from feedback.domain.surveys import ANSWERS_AT_MOST, Answer, Choice, Details, Survey
from feedback.errors import Overtaken, Refused
from feedback.i18n import marked
from feedback.loop.following_up import everybody
from feedback.store import Store
from feedback.store.followups import FollowUpKey
from feedback.store.outbox import Kind

TELL_AFTER = timedelta(seconds=30)  # so that most alerts carry the customer's words; a "no" is heard within a minute


def answer(store: Store, config: Config, survey_id: str, choice: Choice, now: datetime) -> None:
    """Count a tap. On return it is on disk. Raises NotFound, Refused.

    The same choice again changes nothing, unless it is a "no" after we thought that we had helped.
    """
    with store.write():
        survey = store.surveys.get(survey_id)
        _check_open(survey, config, now)
        said = survey.newest.choice if survey.newest is not None else None
        follow_up = store.follow_ups.of_survey(survey_id) if Choice.NO in (choice, said) else None
        if choice is said and (choice is Choice.YES or (follow_up is not None and follow_up.is_open)):
            return
        if survey.answers >= ANSWERS_AT_MOST:
            raise Refused(marked("This answer has been changed many times and stays as it was last saved."))
        _unquote(store, survey.newest)
        store.surveys.add_answer(survey_id, choice, now)
        if survey.is_in_doubt:
            store.outbox.settle_doubt(survey_id)
        if choice is Choice.NO:
            owe_action(store, config, survey_id, follow_up, now)
        elif follow_up is not None and follow_up.is_open:
            _withdraw(store, follow_up, now)


def add_details(
    store: Store,
    config: Config,
    survey_id: str,
    choice: Choice,
    details: Details,
    now: datetime,
    seen: str | None = None,
) -> None:
    """Keep what the customer adds to the newest answer, in place of the version that was seen, whatever it is if None.

    Raises NotFound, Overtaken if that is another version or another choice by now, Refused.
    """
    with store.write():
        survey = store.surveys.get(survey_id)
        _check_open(survey, config, now)
        newest = survey.newest
        if newest is not None and newest.choice is choice and newest.details == details:
            return
        if newest is None or newest.choice is not choice or seen not in (None, newest.version):
            raise Overtaken("The answer has changed meanwhile, so these details were not added.")
        _unquote(store, newest)
        store.surveys.add_details(newest.id, details, now)
        if details and choice is Choice.NO:
            owe_action(store, config, survey_id, store.follow_ups.of_survey(survey_id), now)


def _unquote(store: Store, said: Answer | None) -> None:
    """Words that were approved are about to change, or not to be the newest any more: they go from the site at once."""
    if said is not None and store.quotes.is_approved(said.id):
        store.operations.request("publish")


def _withdraw(store: Store, follow_up: FollowUpKey, now: datetime) -> None:
    """Inside a write: the customer says that it is solved after all; whoever would have acted hears of it."""
    if not follow_up.has_reply:  # what they wrote waits still
        store.follow_ups.close(follow_up.id, Outcome.WITHDRAWN, "The customer changed the answer to yes.", None, now)
    for address in store.outbox.concerned(follow_up.id):
        store.outbox.queue_for_staff(Kind.CHANGE_OF_MIND, follow_up.id, address, now + TELL_AFTER)


def _check_open(survey: Survey, config: Config, now: datetime) -> None:
    if now > survey.ends_at(config):
        raise Refused(marked("The time to answer has passed."))


def owe_action(
    store: Store,
    config: Config,
    survey_id: str,
    known: FollowUpKey | None,
    now: datetime,
    channel: Channel | None = None,
) -> str:
    """Inside a write: a person owes this customer an action, and hears of it; the follow-up's key.

    It is about a "no", or about what came by a channel. One alert that waits carries the newest words anyway.
    """
    due_at = now + config.follow_up_within
    if known is None:
        key = store.follow_ups.open(survey_id, due_at, now, channel)
    else:
        key = known.id
        if not known.is_open:
            store.follow_ups.reopen(key, due_at, now, channel)
    follow_up = store.follow_ups.get(key)
    known_to = store.follow_ups.who_knows_them(key)
    for address in dict.fromkeys((*everybody(store, config, follow_up), *known_to)):
        store.outbox.queue_for_staff(Kind.ALERT, key, address, now + TELL_AFTER)
    return key

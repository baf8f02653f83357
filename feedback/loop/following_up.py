"""What people do about a "no"."""

from datetime import datetime, timedelta

from feedback.config import Config
from feedback.domain.audit import COMMAND_LINE, Action
from feedback.domain.cases import normalise_email
from feedback.domain.followups import NOTE_LONGEST, Channel, FollowUp, FollowUpEvent, Outcome, Result
from feedback.domain.staff import Role
from feedback.domain.surveys import ANSWERS_AT_MOST
from feedback.domain.texts import tells_who
from feedback.domain.timing import Whereabouts, next_moment
from feedback.errors import NotFound, Refused
from feedback.loop.asking import Asking
from feedback.store import Store
from feedback.store.outbox import Kind

# After the last mail about it: an alert that was late tells that it is overdue, too.
OVERDUE_TOLD = (timedelta(hours=4), timedelta(days=1))
PRESSED_TWICE = timedelta(minutes=1)


def seen(store: Store, key: str, staff_id: str | None) -> FollowUp:
    """A follow-up, for a person who sees it, or for the command line. Raises NotFound, whether or not there is one."""
    follow_up = store.follow_ups.get(key)
    if staff_id is not None and not store.staff.sees(staff_id, follow_up.resolution_id):
        raise NotFound(f"There is no follow-up {key} that you see.")
    return follow_up


def everybody(store: Store, config: Config, follow_up: FollowUp) -> list[str]:
    """The addresses of whoever hears of a "no", but of nobody who is locked out; of the owners, if nobody is left."""
    people = store.staff.all()
    gone = {one.email for one in people if not one.is_active}
    hear = config.alerted_of(follow_up.team, follow_up.topic)
    left = [address for address in hear if normalise_email(address) not in gone]
    return left or [one.email for one in people if one.role is Role.OWNER and one.may_log_in]


def take(store: Store, key: str, staff_id: str, owner_shown: str | None, now: datetime) -> None:
    """Own an open follow-up, in place of the owner who was shown. Raises NotFound, Refused."""
    with store.write():
        follow_up = _open(store, key, staff_id)
        if follow_up.owner_id == staff_id:
            return
        if follow_up.owner_id != owner_shown:
            raise Refused(f"{follow_up.owner or 'Nobody'} has it by now. Take it over if you two have agreed on that.")
        _take(store, follow_up, staff_id, now)


def hand_over(store: Store, key: str, to_id: str, by_id: str, owner_shown: str | None, now: datetime) -> None:
    """Give an open follow-up to a colleague, who hears of it, in place of the owner who was shown.

    Raises NotFound, Refused.
    """
    with store.write():
        follow_up, colleague = _open(store, key, by_id), store.staff.get(to_id)
        if colleague is None or colleague.disabled_at is not None:
            raise Refused("This colleague does not work at the desk any more. Choose another.")
        if follow_up.owner_id != owner_shown:
            raise Refused(f"{follow_up.owner or 'Nobody'} has it by now. Ask them before you hand it over.")
        if follow_up.owner_id != to_id:
            store.follow_ups.hand_over(key, to_id, colleague.name, by_id, now)
            store.audit.note(by_id, Action.HAND_OVER, key, now, was=_whose(follow_up), became=colleague.name)
            store.outbox.queue_for_staff(Kind.ALERT, key, colleague.email, now)


def give_back_all(store: Store, config: Config, staff_id: str, by: str, now: datetime) -> None:
    """Inside a write: what a person has who is locked out is nobody's again, and whoever could take it hears of it."""
    for follow_up in store.follow_ups.open_of(staff_id):
        store.follow_ups.give_back(follow_up.id, by if by != COMMAND_LINE else None, now)
        store.audit.note(by, Action.GIVE_BACK, follow_up.id, now, was=_whose(follow_up), became="nobody")
        for address in everybody(store, config, follow_up):
            store.outbox.queue_for_staff(Kind.ALERT, follow_up.id, address, now)


def called_and_solved(store: Store, asking: Asking, key: str, staff_id: str, note: str, now: datetime) -> None:
    """Note a call that solved it, and close it, both or neither. Raises NotFound, Refused."""
    text = _note(note, "what was said")
    with store.write():
        known = _open(store, key, staff_id)
        _own(store, known, staff_id, now)
        _log(store, key, staff_id, Channel.CALL, Result.SOLVED, text, now)
        _end(store, asking, known, Outcome.SOLVED, text, staff_id, now)


def log_interaction(
    store: Store, key: str, staff_id: str, channel: Channel, result: Result, note: str, now: datetime
) -> None:
    """Note that staff and customer were in touch, or tried. Who does so first owns it. Raises NotFound, Refused.

    The same once more within a minute is a button pressed twice.
    """
    text = _note(note, "what was said")
    with store.write():
        _own(store, _open(store, key, staff_id), staff_id, now)
        last = store.follow_ups.history(key)[-1]
        if (last.channel, last.result, last.note) != (channel, result, text) or now - last.at > PRESSED_TWICE:
            _log(store, key, staff_id, channel, result, text, now)


def publish_note(store: Store, key: str, seq: int, by_id: str, now: datetime) -> None:
    """Make a note of staff public, "you said, we did"; a second time changes nothing.

    Raises NotFound, Refused if it is no note of staff, or tells who the customer is.
    """
    with store.write():
        follow_up, event = seen(store, key, by_id), _event(store, key, seq)
        if not event.is_staff_note:
            raise Refused("Only what staff noted, of a contact or of closing, can be public. Choose such a note.")
        advice = "A note stays as it was written: log another one without that, and publish it."
        if follow_up.closed_at is not None:
            advice = "A note stays as it was written, and no other can be added, for the follow-up is closed."
        _check_anonymous(store, follow_up, event.note or "", advice)
        if event.public_at is None:
            _publish(store, key, seq, by_id, now)


def withdraw_note(store: Store, key: str, seq: int, by_id: str, now: datetime) -> None:
    """Take back that a note is public, on the site with a build at once; of one that is not, nothing changes.

    Raises NotFound.
    """
    with store.write():
        seen(store, key, by_id)
        if _event(store, key, seq).public_at is not None:
            store.follow_ups.withdraw_note(key, seq)
            store.operations.request("publish")
            store.audit.note(by_id, Action.WITHDRAW_NOTE, key, now, was="public", became="not public")


def close(
    store: Store,
    asking: Asking,
    key: str,
    outcome: Outcome,
    note: str,
    staff_id: str | None,
    now: datetime,
    *,
    publish: bool = False,
) -> FollowUp:
    """Close an open follow-up with what was done, by a person or from the command line.

    If that solved it, the customer is asked whether it did, once (FEEDBACK_RECHECK). One that nobody had is that
    person's. The same once more is a button pressed twice. With `publish` that person makes the note public as well.
    Raises NotFound, Refused if it was closed otherwise before, or if the note may not be public.
    """
    text = _note(note, "what was done")
    with store.write():
        known = seen(store, key, staff_id)
        if (known.outcome, known.note) == (outcome, text):
            return known
        _own(store, _open(store, key, staff_id), staff_id, now)
        if publish:
            _check_anonymous(store, known, text, "Take it out, or close without publishing the note.")
        _end(store, asking, known, outcome, text, staff_id, now)
        if publish:
            assert staff_id is not None, "a person publishes"
            _publish(store, key, store.follow_ups.history(key)[-1].seq, staff_id, now)
        return store.follow_ups.get(key)


def tell_of_overdue(store: Store, config: Config, now: datetime) -> bool:
    """Tell whoever has an overdue follow-up, or who could, at the next working hour; and a day later their leads, too.

    Where nobody leads, that is everybody who hears of a "no".

    A step of a job that does all at once, so False: there is no more to do.
    """
    with store.write():
        late = [
            one
            for one in store.follow_ups.overdue(now)
            if one.times < len(OVERDUE_TOLD) and (one.told_at is None or one.told_at + OVERDUE_TOLD[one.times] <= now)
        ]
        for one in late:
            follow_up = store.follow_ups.get(one.id)
            could = everybody(store, config, follow_up)
            told = list(store.outbox.concerned(one.id) if follow_up.owner_id is not None else could)
            if one.times > 0:
                told += store.staff.leads_of(one.id) or could
            at = next_moment(now, Whereabouts(team=follow_up.team), config).at
            for address in dict.fromkeys(told):
                store.outbox.queue_for_staff(Kind.OVERDUE, one.id, address, at)
    return False


def _publish(store: Store, key: str, seq: int, by_id: str, now: datetime) -> None:
    """Inside a write."""
    store.follow_ups.publish_note(key, seq, by_id, now)
    store.audit.note(by_id, Action.PUBLISH_NOTE, key, now, was="not public", became="public")


def _event(store: Store, key: str, seq: int) -> FollowUpEvent:
    """Raises NotFound."""
    for event in store.follow_ups.history(key):
        if event.seq == seq:
            return event
    raise NotFound(f"The follow-up {key} has no note {seq}.")


def _check_anonymous(store: Store, follow_up: FollowUp, note: str, advice: str) -> None:
    """What is public must not tell whom it is about."""
    said = store.surveys.answers_of_case(follow_up.case_id, ANSWERS_AT_MOST)
    phones = [one.answer.details.phone for one in said if one.answer.details.phone]
    if found := tells_who(note, follow_up.customer, follow_up.email, phones):
        quoted = " and ".join(f"“{part}”" for part in found)
        raise Refused(f"The note cannot be public: {quoted} in it would tell who the customer is. {advice}")


def _open(store: Store, key: str, staff_id: str | None) -> FollowUp:
    follow_up = seen(store, key, staff_id)
    if follow_up.closed_at is not None:
        assert follow_up.outcome is not None
        raise Refused(f"This follow-up is closed already, as {follow_up.outcome.words}.")
    return follow_up


def _own(store: Store, follow_up: FollowUp, staff_id: str | None, now: datetime) -> None:
    """Inside a write: who acts on one that nobody has, has it."""
    if follow_up.owner_id is None and staff_id is not None:
        _take(store, follow_up, staff_id, now)


def _take(store: Store, follow_up: FollowUp, staff_id: str, now: datetime) -> None:
    """Inside a write."""
    store.follow_ups.take(follow_up.id, staff_id, now)
    taken = store.follow_ups.get(follow_up.id)
    store.audit.note(staff_id, Action.TAKE, follow_up.id, now, was=_whose(follow_up), became=_whose(taken))


def _log(store: Store, key: str, staff_id: str, channel: Channel, result: Result, note: str, now: datetime) -> None:
    """Inside a write."""
    store.follow_ups.add_interaction(key, staff_id, channel, result, note, now)
    store.audit.note(staff_id, Action.LOG, key, now, became=f"{channel.words}, {result.words}")


def _whose(follow_up: FollowUp) -> str:
    return follow_up.owner or "nobody"


def _end(
    store: Store, asking: Asking, follow_up: FollowUp, outcome: Outcome, note: str, staff_id: str | None, now: datetime
) -> None:
    """Inside a write: close it, and if that solved it, ask again."""
    store.follow_ups.close(follow_up.id, outcome, note, staff_id, now)
    store.audit.note(staff_id or COMMAND_LINE, Action.CLOSE, follow_up.id, now, was="open", became=outcome.words)
    if outcome is Outcome.SOLVED:
        asking.ask_again(follow_up.resolution_id, now)


def _note(note: str, what: str) -> str:
    text = note.strip()
    if not text:
        raise Refused(f"A note is needed: {what}, for the colleague who reads this next.")
    if len(text) > NOTE_LONGEST:
        raise Refused(f"The note has {len(text):,} letters; {NOTE_LONGEST:,} are the most.")
    return text

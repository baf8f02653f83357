"""What people do about a "no"."""

from datetime import datetime

from feedback.domain.followups import FollowUp, Outcome
from feedback.errors import Refused
from feedback.store import Store


def close(store: Store, key: str, outcome: Outcome, note: str, now: datetime) -> FollowUp:
    """Close an open follow-up with what was done. Raises NotFound, Refused if it was closed before."""
    if not note.strip():
        raise Refused("A note is needed: what was done, for the colleague who reads this next.")
    with store.write():
        follow_up = store.follow_ups.get(key)
        if follow_up.closed_at is not None:
            raise Refused(
                f"This follow-up was closed on {follow_up.closed_at:%Y-%m-%d at %H:%M} UTC as {follow_up.outcome}."
            )
        store.follow_ups.close(key, outcome, note.strip(), now)
        return store.follow_ups.get(key)

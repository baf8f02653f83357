"""The figures as they are published: counted from the rows, for pages and for files."""

from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from feedback.config import Config
from feedback.domain import changes, counting, faq_gaps, outcomes
from feedback.domain.cases import normalise_email
from feedback.domain.measures import bare
from feedback.domain.outcomes import NOTHING_BOUGHT, Outcomes, Sums
from feedback.domain.published import Figures, PageHelped, Spread, Times
from feedback.domain.rates import Rate
from feedback.domain.surveys import Suppression
from feedback.keys import load_keys
from feedback.store import Store


def current(store: Store, config: Config, now: datetime) -> Figures:
    """All that is published, as of `now`; what must be hidden is hidden already."""
    opted_out = {
        address_hash: at for address_hash, reason, at in store.surveys.suppressions() if reason is Suppression.OPTED_OUT
    }
    keys = load_keys(config.data_dir)

    @cache
    def opted_out_at(address: str) -> datetime | None:
        if not opted_out:
            return None
        hashes = keys.address_hashes(normalise_email(address))
        return min((opted_out[one] for one in hashes if one in opted_out), default=None)

    served = store.figures.served(counting.served_since(now, config.zone), opted_out_at)
    returned = _outcomes(store, config, now)
    figures = counting.figures(served, store.figures.votes, now, config.zone, config.first_reply_within, returned)
    helped = faq_gaps.helpful(store.taps.votes(figures.first_day))
    return replace(figures, helped=tuple(PageHelped(page, bare(rate)) for page, rate in helped.items()))


def _outcomes(store: Store, config: Config, now: datetime) -> Outcomes:
    """Who has brought no purchases does not pay for looking at all customers."""
    bought = store.outcomes.observed(now)
    if bought is None:
        return NOTHING_BOUGHT
    seen = outcomes.observed(*bought, config.zone)
    return outcomes.outcomes(store.outcomes.helped(seen.begins, seen.ends, now), seen)


def as_data(value: Any) -> Any:
    """A part of the figures, or all, as JSON has it: names in full, days and times as ISO text, spans as seconds.

    What is hidden says so and nothing else. A rate with nobody in it has no share.
    """
    if isinstance(value, Rate | Spread | Times | Sums) and value.hidden:
        return {"hidden": True}
    if isinstance(value, Rate):
        low, high = value.interval if value.n else (None, None)
        share = value.share if value.n else None
        data = {"count": value.count, "n": value.n, "customers": value.customers}
        return {**data, "share": share, "low": low, "high": high}
    if isinstance(value, Spread):
        data = {"n": value.n, "customers": value.customers, "of": value.of}
        return {**data, "counts": dict(zip(value.names, value.counts, strict=True))}
    if isinstance(value, changes.Change):
        return {**_fields(value), "verdict": value.verdict}
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, tuple):
        return [as_data(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {one.name: as_data(getattr(value, one.name)) for one in fields(value) if one.name != "hidden"}

"""Takes what visitors tap on public pages. Nobody logs in there, so what one visitor, and all together, can write in a
day is limited, and nothing is kept by which a visitor could be known again on another day.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from ipaddress import IPv6Address, ip_address

from feedback.config import Config
from feedback.domain.taps import Offer, Vote
from feedback.domain.timing import local_day, midnight
from feedback.errors import TooMany
from feedback.keys import Keys
from feedback.store import Store

OF_A_VISITOR = 30  # rows a day
OF_A_PAGE = 500  # votes a day
OFFERS_OF_ALL = 5_000  # rows a day


def take_vote(store: Store, config: Config, keys: Keys, address: str | None, vote: Vote, now: datetime) -> None:
    """Note whether an entry helped: one vote a visitor, page and day. Another one takes its place.

    Raises TooMany; then nothing is written.
    """
    day, visitor_hash, check = _begin(config, keys, address, now)
    with store.write():
        visitor = store.taps.visitor(visitor_hash, day)
        said = store.taps.voted(vote.page, visitor, day)
        if said is None:
            check(store.taps.of_visitor(visitor, day), OF_A_VISITOR)
            check(store.taps.of_page(vote.page, day), OF_A_PAGE)
        if said is not vote.helped:
            store.taps.set_vote(vote, visitor, day)


def take_offer(store: Store, config: Config, keys: Keys, address: str | None, offer: Offer, now: datetime) -> None:
    """Note a step: each once a visitor, place and day; a second time changes nothing.

    Raises TooMany; then nothing is written.
    """
    day, visitor_hash, check = _begin(config, keys, address, now)
    with store.write():
        visitor = store.taps.visitor(visitor_hash, day)
        if not store.taps.has_offer(offer, visitor, day):
            check(store.taps.of_visitor(visitor, day), OF_A_VISITOR)
            check(store.taps.offers_of(day), OFFERS_OF_ALL)
            store.taps.add_offer(offer, visitor, day)


def _begin(
    config: Config, keys: Keys, address: str | None, now: datetime
) -> tuple[date, str, Callable[[int, int], None]]:
    """The business's day, the visitor's hash on it, and what raises TooMany when a limit is reached."""
    day = local_day(now, config.zone)

    def check(there: int, most: int) -> None:
        if there >= most:
            wait = midnight(day + timedelta(days=1), config.zone) - now
            raise TooMany("That is as much as is taken in a day. Please try again tomorrow.", wait)

    return day, keys.derived("visitor", day.isoformat(), _network(address)), check


def _network(address: str | None) -> str:
    """What stands for one visitor: an IPv4 address, or the /64 of an IPv6 one, of which each household has a whole."""
    try:
        known = ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(known, IPv6Address):
        return str(known.ipv4_mapped or int(known) >> 64)
    return str(known)

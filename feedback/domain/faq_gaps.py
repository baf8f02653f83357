"""Where the FAQ has gaps: topics without an entry, entries that do not help, and words that no entry knows."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from feedback.domain.common_words import COMMON_WORDS
from feedback.domain.faq import Entry
from feedback.domain.rates import Group, Rate, together
from feedback.domain.surveys import Choice

MANY_CASES = 10
HALF = 0.5
FEWEST_WHO_SAY = 3  # different customers, from whom on a word stands in the list
WORDS_MOST = 30
WORD_SHORTEST = 3
_WORD = re.compile(r"[^\W\d_]+")
_ENDINGS = (("ies", "y"), ("es", ""), ("en", ""), ("s", ""), ("e", ""), ("n", ""))  # of plurals, simple ones
_BARE = str.maketrans("łøđ", "lod")  # letters that Unicode does not take apart


class Gap(StrEnum):
    """Why a topic without an entry should have one."""

    MANY = "many cases"
    BADLY_SOLVED = "clearly less often solved than all together"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A resolution, as far as the desk counts it here. `choice` is the newest answer's."""

    topic: str | None
    case_id: str
    customer_id: str
    choice: Choice | None


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of cases. `cases` is how many there are, None where that is not told; `entries` how many are about it."""

    name: str
    cases: int | None
    solved: Rate
    entries: int = 0
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Helped:
    """An entry, and how many of the votes say that it helped."""

    entry: Entry
    rate: Rate

    @property
    def is_bad(self) -> bool:
        """Whether it does not help: clearly fewer than half say that it does."""
        return is_shown(self.rate) and self.rate.interval[1] < HALF


@dataclass(frozen=True, slots=True)
class Word:
    """What no entry says, as most write it, and how many different customers do."""

    text: str
    customers: int


def with_gaps(topics: Iterable[Topic], whole: Rate, entries: Sequence[Entry]) -> list[Topic]:
    """Those with most cases first, each with its entries, and with why it is a gap, if it is one.

    A topic is badly solved if its interval ends before that of the `whole`, all topics together, begins.
    """
    about = Counter(key for entry in entries for key in {topic.casefold() for topic in entry.topics})
    found = []
    for topic in topics:
        there = about[topic.name.casefold()]
        found.append(replace(topic, entries=there, gap=None if there else _gap(topic, whole)))
    return sorted(found, key=lambda topic: (-(topic.cases or 0), topic.name.casefold()))


def _gap(topic: Topic, whole: Rate) -> Gap | None:
    if is_shown(topic.solved) and is_shown(whole) and topic.solved.interval[1] < whole.interval[0]:
        return Gap.BADLY_SOLVED
    return Gap.MANY if (topic.cases or 0) >= MANY_CASES else None


def counted(resolved: Iterable[Resolved]) -> tuple[list[Topic], Rate]:
    """Each topic, whatever its capitals, with its cases and who says that it is solved; and that of all together."""
    names: dict[str, str] = {}
    cases: dict[str, set[str]] = {}
    groups: dict[str, Group] = {}
    for one in resolved:
        key = (one.topic or "").casefold()
        names.setdefault(key, one.topic or "")
        cases.setdefault(key, set()).add(one.case_id)
        group = groups.setdefault(key, Group())
        if one.choice:
            group.add(one.customer_id, one.choice is Choice.YES)
    topics = [Topic(names[key], len(cases[key]), _by_itself(groups[key].rate)) for key in names if key]
    return topics, _by_itself(together(groups.values()).rate)


def helpful(votes: Mapping[str, tuple[int, int]]) -> dict[str, Rate]:
    """By page: the share who say that it helped, hidden where few do. Each vote is another visitor, or another day."""
    return {page: _by_itself(Rate(count, n, n)) for page, (count, n) in votes.items()}


def helped(entries: Iterable[Entry], rates: Mapping[str, Rate]) -> list[Helped]:
    """Each entry with its votes, by title."""
    found = (Helped(entry, rates.get(entry.address, Rate(0, 0, 0))) for entry in entries)
    return sorted(found, key=lambda one: (one.entry.title.casefold(), one.entry.page))


def is_shown(rate: Rate) -> bool:
    return rate.n > 0 and not rate.hidden


def _by_itself(rate: Rate) -> Rate:
    """Nobody at all is no one to hide."""
    return replace(rate, hidden=rate.n > 0 and rate.is_small)


def unknown_words(comments: Iterable[tuple[str, str]], entries: Iterable[Entry]) -> list[Word]:
    """What several customers write and no entry says, most customers first. `comments` are customers with their words.

    Capitals, accents and simple endings of plurals make no other word. Very common ones, short ones and numbers are
    left out. Writing without blanks is not taken apart.
    """
    texts = (text for entry in entries for text in (entry.title, entry.text, *entry.words))
    known = {_stem(word) for text in texts for word in _words(text)}
    said_by: dict[str, set[str]] = {}
    spellings: dict[str, Counter[str]] = {}
    for customer, comment in comments:
        for word in set(_words(comment)):
            stem = _stem(word)
            if len(word) >= WORD_SHORTEST and _plain(word) not in _COMMON and stem not in known:
                said_by.setdefault(stem, set()).add(customer)
                spellings.setdefault(stem, Counter())[word] += 1
    found = [
        Word(min(spellings[stem].items(), key=lambda one: (-one[1], one[0]))[0], len(customers))
        for stem, customers in said_by.items()
        if len(customers) >= FEWEST_WHO_SAY
    ]
    return sorted(found, key=lambda word: (-word.customers, word.text))[:WORDS_MOST]


def _words(text: str) -> list[str]:
    """In small letters, with their accents, as somebody would search for them."""
    return _WORD.findall(unicodedata.normalize("NFC", text.casefold()))


@lru_cache(maxsize=20_000)
def _plain(word: str) -> str:
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part)).translate(_BARE)


_COMMON = frozenset(_plain(word) for words in COMMON_WORDS.values() for word in words.split())


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    """What the spellings of a word have in common: `parcels` and `parcel`, `Pakete` and `paket`."""
    plain = _plain(word)
    for ending, instead in _ENDINGS:
        if plain.endswith(ending) and len(plain) - len(ending) >= WORD_SHORTEST:
            return plain.removesuffix(ending) + instead
    return plain

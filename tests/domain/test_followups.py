"""What a further alert says is new, and what in a note tells who the customer is."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from feedback.config import load_config
from feedback.domain.followups import Channel, Event, FollowUpEvent, News, NewsKind, Outcome, news_since
from feedback.domain.surveys import Answer, Choice, Details
from feedback.domain.texts import tells_who
from feedback.loop.samples import sample_follow_up
from tests.conftest import NOW

SAMPLE = sample_follow_up(load_config({}, env_file=None), NOW)


def at(minute: int) -> datetime:
    return NOW + timedelta(minutes=minute)


def event(minute: int, kind: Event, who: str | None = None, **known: object) -> FollowUpEvent:
    return replace(FollowUpEvent(minute, at(minute), kind, who, None, None), **known)  # type: ignore[arg-type]


OPENED = event(0, Event.OPENED)
BY_MAIL = event(0, Event.OPENED, channel=Channel.MAIL)
TAKEN = event(2, Event.TAKEN, "Tom")
HANDED = event(3, Event.HANDED_OVER, "Mara", note="to Tom")
REPLIED = event(4, Event.REPLIED, note="Page three, too.")
SOLVED = event(5, Event.CLOSED, "Tom", outcome=Outcome.SOLVED)
FROM_SHELL = event(5, Event.CLOSED, outcome=Outcome.NO_CONTACT)
WITHDRAWN = event(5, Event.CLOSED, outcome=Outcome.WITHDRAWN)
REOPENED = event(8, Event.REOPENED)
WROTE_AGAIN = event(8, Event.REOPENED, channel=Channel.MAIL), event(8, Event.REPLIED)
BY_MARA = News(NewsKind.HANDED_OVER, "Mara")
AGAIN = News(NewsKind.AGAIN, "Tom", Outcome.SOLVED)
REPLY = News(NewsKind.REPLIED)


@pytest.mark.parametrize(
    ("history", "told", "answered", "detailed", "is_owner", "news"),
    [
        # the first alert says nothing more, to whomever
        ((OPENED,), None, 0, None, False, ()),
        ((OPENED, TAKEN), None, 0, 1, True, ()),
        ((BY_MAIL, REPLIED), None, None, None, False, ()),
        # nothing happened since: it says nothing that is not so
        ((OPENED,), 1, 0, None, False, ()),
        ((OPENED, HANDED, REPLIED), 4, 0, None, True, ()),
        # words
        ((OPENED,), 1, 0, 2, False, (News(NewsKind.ADDED, has_words=True),)),
        ((OPENED, REPLIED), 1, 0, None, False, (REPLY,)),
        ((OPENED, REPLIED), 1, 0, 2, False, (REPLY, News(NewsKind.ADDED, has_words=True))),
        ((BY_MAIL, REPLIED), 1, None, None, False, (REPLY,)),
        # who wrote first says no now; and who had said yes since, says no again
        ((BY_MAIL,), 1, 2, 3, False, (News(NewsKind.SAID_NO),)),
        # handed over, to whom it is handed and to nobody else
        ((OPENED, HANDED), None, 0, None, True, (BY_MARA,)),
        ((OPENED, HANDED), 1, 0, None, True, (BY_MARA,)),
        ((OPENED, HANDED), 1, 0, None, False, ()),
        ((OPENED, HANDED, REPLIED), 1, 0, None, True, (BY_MARA, REPLY)),
        ((OPENED, HANDED, event(4, Event.TAKEN, "Tom")), 1, 0, None, True, ()),
        ((OPENED, HANDED, SOLVED, REOPENED), None, 8, None, True, (AGAIN,)),
        # closed, and open again
        ((OPENED, SOLVED, REOPENED), 1, 8, None, False, (AGAIN,)),
        ((OPENED, SOLVED, REOPENED), None, 8, 8, False, (AGAIN,)),
        ((OPENED, SOLVED, REOPENED), 1, 0, 8, False, (AGAIN,)),
        ((OPENED, SOLVED, REOPENED), 9, 8, None, False, ()),
        ((OPENED, SOLVED, REOPENED), 9, 8, 10, False, (News(NewsKind.ADDED, has_words=True),)),
        ((OPENED, FROM_SHELL, REOPENED), 1, 8, None, False, (News(NewsKind.AGAIN, None, Outcome.NO_CONTACT),)),
        ((OPENED, WITHDRAWN, REOPENED), 1, 8, None, False, (News(NewsKind.AGAIN, None, Outcome.WITHDRAWN),)),
        ((OPENED, SOLVED, *WROTE_AGAIN), 1, None, None, False, (REPLY,)),
        ((OPENED, SOLVED, *WROTE_AGAIN), None, None, None, False, ()),
        (
            (OPENED, SOLVED, REOPENED, event(9, Event.HANDED_OVER, "Mara"), event(9, Event.REPLIED)),
            *(1, 8, None, True, (BY_MARA, AGAIN, REPLY)),
        ),
    ],
)
def test_a_further_alert_tells_what_happened_since_the_last_one(
    history: tuple[FollowUpEvent, ...],
    told: int | None,
    answered: int | None,
    detailed: int | None,
    is_owner: bool,
    news: tuple[News, ...],
) -> None:
    answer = None
    if answered is not None:
        details_at = at(detailed) if detailed is not None else None
        answer = Answer("a", Choice.NO, at(answered), Details(comment="Page two."), details_at)
    follow_up = replace(SAMPLE, answer=answer)
    assert news_since(at(told) if told is not None else None, follow_up, history, is_owner=is_owner) == news


@pytest.mark.parametrize(
    ("news", "title", "sentence"),
    [
        (BY_MARA, "Handed to you", "Mara has handed this to you."),
        (News(NewsKind.HANDED_OVER), "Handed to you", "A colleague has handed this to you."),
        (
            AGAIN,
            "Again not solved",
            "It was closed as solved by Tom, and it is open again: they say that it is not solved.",
        ),
        (
            News(NewsKind.AGAIN, None, Outcome.NO_CONTACT),
            "Again not solved",
            "It was closed as no contact, and it is open again: they say that it is not solved.",
        ),
        (
            News(NewsKind.AGAIN, None, Outcome.WITHDRAWN),
            "Again not solved",
            "They had changed their answer to yes, and it is open again: they say that it is not solved.",
        ),
        (News(NewsKind.SAID_NO), "Not solved", "Since our last alert to you, they have answered no."),
        (
            News(NewsKind.ADDED),
            "More details",
            "Since our last alert to you, they have added to their answer.",
        ),
    ],
)
def test_news_reads_as_a_sentence(news: News, title: str, sentence: str) -> None:
    assert (news.title, news.sentence) == (title, sentence)


@pytest.mark.parametrize(
    ("text", "name", "address", "phones", "found"),
    [
        ("We sent an adapter to a technician.", "Ada Ian", "ada@example.org", (), []),
        ("We asked ADA, and Ada’s sister.", "Ada", None, (), ["Ada"]),
        ("Adas Drucker", "Ada", None, (), ["Ada"]),
        ("Mister Muller knows.", "Jörg Müller", None, (), ["Müller"]),
        ("MÜLLER knows.", "Jorg Muller", None, (), ["Muller"]),
        ("Anne-Marie came by.", "Anne-Marie O'Brien", None, (), ["Anne", "Marie"]),
        ("He is well. We told Bo  Li so.", "Bo Li", None, (), ["Bo Li"]),
        ("He is well.", "He Li", None, (), []),
        ("田中さんに新しいドラムを送りました。", "田中 太郎", None, (), ["田中"]),
        ("اتصلنا بسارة", "سارة", None, (), ["سارة"]),
        ("Write to ADA@example.ORG!", None, "Ada@example.org", (), ["Ada@example.org"]),
        ("Called 0049-30-5550.0142.", None, None, ("+49 30 5550 0142",), ["+49 30 5550 0142"]),
        ("Called 030 55500142.", None, None, ("home: 030/5550 0142, ext. 12",), ["home: 030/5550 0142, ext. 12"]),
        ("12 pages of 300, on 2026-03-04.", None, None, ("+49 30 5550 0142", "ext. 12", ""), []),
        ("Nobody is in it.", None, None, (), []),
        ("Nobody is in it.", " -- ", "", ("",), []),
    ],
)
def test_a_text_tells_who_somebody_is_by_name_address_or_number(
    text: str, name: str | None, address: str | None, phones: tuple[str, ...], found: list[str]
) -> None:
    assert tells_who(text, name, address, phones) == found

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from feedback.config import Config
from feedback.domain.cases import CaseStatus
from feedback.domain.eligibility import Contact, Decision, Facts, Override, Reason, Verdict, decide
from feedback.domain.surveys import Suppression
from feedback.domain.timing import Whereabouts
from tests.conftest import DAY, NOW

FACTS = Facts(
    source="shop",
    ref="A-1",
    n=1,
    address="ada@example.org",
    customer_ref="ada",
    status=CaseStatus.RESOLVED,
    is_latest=True,
    resolved_at=NOW - DAY,
    by_automation=False,
    interactions=1,
    has_reply=True,
    topic="printers",
    channel="mail",
    tags=("vip", "eu"),
    whereabouts=Whereabouts(),
)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
GERMAN = Whereabouts(country="DE")
ASLEEP = Whereabouts(zone="Pacific/Auckland")  # where it is one in the morning now, and Wednesday


def asked(ago: timedelta, *, is_same_case: bool = False) -> Contact:
    return Contact(NOW - ago, is_same_case)


@pytest.mark.parametrize(
    ("facts", "verdict", "reason"),
    [
        (FACTS, Verdict.ASK, Reason.DUE),
        (replace(FACTS, address=None), Verdict.SKIP, Reason.NO_ADDRESS),
        (replace(FACTS, address="ada@localhost"), Verdict.SKIP, Reason.INVALID_ADDRESS),
        (replace(FACTS, suppression=Suppression.OPTED_OUT), Verdict.SKIP, Reason.OPTED_OUT),
        (replace(FACTS, suppression=Suppression.NO_SUCH_ADDRESS), Verdict.SKIP, Reason.NO_SUCH_ADDRESS),
        (replace(FACTS, address="mara@acme.example"), Verdict.SKIP, Reason.OWN_DOMAIN),
        (replace(FACTS, address="Mara@Support.ACME.example"), Verdict.SKIP, Reason.OWN_DOMAIN),
        (replace(FACTS, address="mara@notacme.example"), Verdict.ASK, Reason.DUE),
        (replace(FACTS, address="noreply@example.org"), Verdict.SKIP, Reason.ROLE_ADDRESS),
        (replace(FACTS, address="No-Reply+x@example.org"), Verdict.SKIP, Reason.ROLE_ADDRESS),
        (replace(FACTS, address="mailer-daemon@example.org"), Verdict.SKIP, Reason.ROLE_ADDRESS),
        (replace(FACTS, address="noreen@example.org"), Verdict.ASK, Reason.DUE),
        (replace(FACTS, address="do_not_reply2@example.org"), Verdict.SKIP, Reason.ROLE_ADDRESS),
        (replace(FACTS, address="do.not.reply@example.org"), Verdict.SKIP, Reason.ROLE_ADDRESS),
        (replace(FACTS, address="bounces-17@example.org"), Verdict.SKIP, Reason.ROLE_ADDRESS),
        (replace(FACTS, address="root.anders@example.org"), Verdict.ASK, Reason.DUE),
        (replace(FACTS, address="info@example.org"), Verdict.ASK, Reason.DUE),
        (replace(FACTS, has_open_follow_up=True), Verdict.SKIP, Reason.FOLLOW_UP_OPEN),
        (replace(FACTS, by_automation=True), Verdict.SKIP, Reason.AUTOMATION),
        (replace(FACTS, asked_elsewhere=True), Verdict.SKIP, Reason.ASKED_BEFORE),
        (replace(FACTS, status=CaseStatus.OPEN), Verdict.SKIP, Reason.REOPENED),
        (replace(FACTS, status=CaseStatus.MERGED), Verdict.SKIP, Reason.MERGED),
        (replace(FACTS, status=CaseStatus.SPAM), Verdict.SKIP, Reason.SPAM),
        (replace(FACTS, is_latest=False), Verdict.SKIP, Reason.RESOLVED_AGAIN),
        (replace(FACTS, suppression=Suppression.ERASED), Verdict.SKIP, Reason.ERASED),
        (replace(FACTS, is_answered=True), Verdict.SKIP, Reason.ANSWERED),
        (replace(FACTS, interactions=0, has_reply=False), Verdict.SKIP, Reason.NOBODY_TOOK_PART),
        (replace(FACTS, interactions=0, has_reply=True), Verdict.ASK, Reason.DUE),
        (replace(FACTS, interactions=None, has_reply=False), Verdict.ASK, Reason.DUE),  # unknown is not none
        (replace(FACTS, whereabouts=GERMAN), Verdict.SKIP, Reason.NO_BASIS),
        (replace(FACTS, whereabouts=Whereabouts(country="de")), Verdict.SKIP, Reason.NO_BASIS),
        (replace(FACTS, whereabouts=Whereabouts(country="FR")), Verdict.ASK, Reason.DUE),
        (replace(FACTS, contacts=(asked(DAY),)), Verdict.SKIP, Reason.ASKED_LATELY),
        (replace(FACTS, contacts=(asked(14 * DAY - SECOND),)), Verdict.SKIP, Reason.ASKED_LATELY),
        (replace(FACTS, contacts=(asked(14 * DAY),)), Verdict.ASK, Reason.DUE),
        (replace(FACTS, contacts=(asked(-DAY),)), Verdict.SKIP, Reason.ASKED_LATELY),  # about to be asked
        (replace(FACTS, contacts=(asked(DAY, is_same_case=True),)), Verdict.ASK, Reason.DUE),
        (replace(FACTS, contacts=(asked(DAY, is_same_case=True),) * 2), Verdict.SKIP, Reason.ASKED_LATELY),
        (
            replace(FACTS, contacts=(asked(DAY, is_same_case=True), asked(2 * DAY))),
            Verdict.SKIP,
            Reason.ASKED_LATELY,
        ),
        (replace(FACTS, resolved_at=NOW - 8 * DAY), Verdict.SKIP, Reason.TOO_OLD),
        (replace(FACTS, resolved_at=NOW), Verdict.DEFER, Reason.DELAY),
        (replace(FACTS, whereabouts=ASLEEP), Verdict.DEFER, Reason.WINDOW),
        (replace(FACTS, whereabouts=Whereabouts(country="BG")), Verdict.DEFER, Reason.HOLIDAY),  # liberation day
        (replace(FACTS, whereabouts=ASLEEP, resolved_at=NOW - 6 * DAY - 23 * HOUR), Verdict.SKIP, Reason.TOO_LATE),
        (replace(FACTS, override=Override.NEVER), Verdict.SKIP, Reason.BY_HAND),
        (replace(FACTS, override=Override.NOW), Verdict.ASK, Reason.BY_HAND),
    ],
)
def test_each_rule_gives_its_verdict_and_its_reason(
    config: Config, facts: Facts, verdict: Verdict, reason: Reason
) -> None:
    decision = decide(facts, config, NOW)
    assert (decision.verdict, decision.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("facts", "first"),
    [
        # an address that is missing cannot be invalid; so the next rule that can meet it is the opt-out
        (replace(FACTS, address=None, suppression=Suppression.OPTED_OUT), Reason.NO_ADDRESS),
        (replace(FACTS, address="nobody", suppression=Suppression.OPTED_OUT), Reason.INVALID_ADDRESS),
        (replace(FACTS, suppression=Suppression.OPTED_OUT, status=CaseStatus.OPEN), Reason.OPTED_OUT),
        (replace(FACTS, suppression=Suppression.OPTED_OUT, status=CaseStatus.MERGED), Reason.OPTED_OUT),
        (replace(FACTS, suppression=Suppression.OPTED_OUT, status=CaseStatus.SPAM), Reason.OPTED_OUT),
        (replace(FACTS, status=CaseStatus.OPEN, is_latest=False), Reason.REOPENED),
        (replace(FACTS, status=CaseStatus.MERGED, is_latest=False), Reason.MERGED),
        (replace(FACTS, status=CaseStatus.SPAM, is_latest=False), Reason.SPAM),
        (replace(FACTS, is_latest=False, resolved_at=NOW - 8 * DAY), Reason.RESOLVED_AGAIN),
        (replace(FACTS, suppression=Suppression.ERASED, status=CaseStatus.OPEN), Reason.ERASED),
        (replace(FACTS, suppression=Suppression.NO_SUCH_ADDRESS, status=CaseStatus.OPEN), Reason.NO_SUCH_ADDRESS),
        (replace(FACTS, whereabouts=ASLEEP, contacts=(asked(DAY),)), Reason.ASKED_LATELY),
    ],
)
def test_of_two_neighbouring_rules_the_first_is_told(config: Config, facts: Facts, first: Reason) -> None:
    assert decide(facts, config, NOW) == Decision(Verdict.SKIP, first)


RULES: list[tuple[Reason, dict[str, Any]]] = [  # in their order, each with what makes it apply
    (Reason.NO_ADDRESS, {"address": None}),
    (Reason.INVALID_ADDRESS, {"address": "nobody"}),
    (Reason.OPTED_OUT, {"suppression": Suppression.OPTED_OUT}),
    (Reason.NO_BASIS, {"whereabouts": GERMAN}),
    (Reason.ANSWERED, {"is_answered": True}),
    (Reason.REOPENED, {"status": CaseStatus.OPEN}),
    (Reason.RESOLVED_AGAIN, {"is_latest": False}),
    (Reason.ASKED_BEFORE, {"asked_elsewhere": True}),
    (Reason.TOO_OLD, {"resolved_at": NOW - 8 * DAY}),
    (Reason.BY_HAND, {"override": Override.NEVER}),
    (Reason.OWN_DOMAIN, {"address": "noreply@acme.example"}),
    (Reason.ROLE_ADDRESS, {"address": "noreply@example.net"}),
    (Reason.EXCLUDED_DOMAIN, {"address": "ada@example.net"}),
    (Reason.EXCLUDED_CUSTOMER, {"customer_ref": "HOUSE"}),
    (Reason.AUTOMATION, {"by_automation": True}),
    (Reason.NOBODY_TOOK_PART, {"interactions": 0, "has_reply": False}),
    (Reason.EXCLUDED_TAG, {"tags": ("Internal",)}),
    (Reason.EXCLUDED_TOPIC, {"topic": "Spare Parts"}),
    (Reason.EXCLUDED_CHANNEL, {"channel": "Phone"}),
    (Reason.NOT_IN_SAMPLE, {"n": 4}),  # the first resolution of A-1 is in a half of all, its fourth is not
    (Reason.TOO_LATE, {"resolved_at": NOW - 6 * DAY - 23 * HOUR, "whereabouts": ASLEEP}),
    (Reason.FOLLOW_UP_OPEN, {"has_open_follow_up": True}),
    (Reason.ASKED_LATELY, {"contacts": (asked(DAY),)}),
    (Reason.DELAY, {"resolved_at": NOW}),
]
MEET_IN_NO_CASE = {
    (Reason.TOO_OLD, Reason.TOO_LATE),
    (Reason.TOO_LATE, Reason.DELAY),
    (Reason.NO_BASIS, Reason.TOO_LATE),
}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (first, second)
        for first, second in combinations(range(len(RULES)), 2)
        if (RULES[first][0], RULES[second][0]) not in MEET_IN_NO_CASE
    ],
)
def test_of_two_rules_that_apply_the_earlier_is_told(
    make_config: Callable[..., Config], first: int, second: int
) -> None:
    config = make_config(
        skip_domains="example.net", skip_customers="house, shop", skip_tags="internal", skip_topics="spare parts",
        skip_channels="phone", sample="50%",
    )  # fmt: skip
    (reason, applies), (_, too) = RULES[first], RULES[second]
    assert decide(replace(FACTS, **{**too, **applies}), config, NOW).reason is reason


@pytest.mark.parametrize(
    ("settings", "address", "reason"),
    [
        ({"own_domains": "off"}, "mara@acme.example", Reason.DUE),
        ({"own_domains": "acme.test, acme.example"}, "mara@acme.test", Reason.OWN_DOMAIN),
        ({"sender": "acme@gmail.com"}, "ada@gmail.com", Reason.DUE),
        ({"sender": "acme@gmail.com", "own_domains": "gmail.com"}, "ada@gmail.com", Reason.OWN_DOMAIN),
    ],
)
def test_our_own_domains_are_the_senders_unless_they_are_set(
    make_config: Callable[..., Config], settings: dict[str, str], address: str, reason: Reason
) -> None:
    assert decide(replace(FACTS, address=address), make_config(**settings), NOW).reason is reason


def test_what_is_too_old_is_not_deferred_even_while_the_delay_runs(config: Config) -> None:
    config = config.model_copy(update={"delay": 10 * DAY})
    assert decide(replace(FACTS, resolved_at=NOW - 8 * DAY), config, NOW) == Decision(Verdict.SKIP, Reason.TOO_OLD)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW, Decision(Verdict.DEFER, Reason.DELAY, NOW + DAY)),
        (NOW + DAY - SECOND, Decision(Verdict.DEFER, Reason.DELAY, NOW + DAY)),
        (NOW + DAY, Decision(Verdict.ASK, Reason.DUE)),
        (NOW + 7 * DAY, Decision(Verdict.ASK, Reason.DUE)),
        (NOW + 7 * DAY + SECOND, Decision(Verdict.SKIP, Reason.TOO_OLD)),
    ],
)
def test_the_clock_defers_then_asks_then_gives_up(config: Config, now: datetime, expected: Decision) -> None:
    assert decide(replace(FACTS, resolved_at=NOW), config, now) == expected


def test_delay_and_age_are_settings(make_config: Callable[..., Config]) -> None:
    config = make_config(delay="2h", max_age="3h")
    facts = replace(FACTS, resolved_at=NOW)
    assert decide(facts, config, NOW).until == NOW + timedelta(hours=2)
    assert decide(facts, config, NOW + timedelta(hours=2)).verdict is Verdict.ASK
    assert decide(facts, config, NOW + timedelta(hours=3, seconds=1)).reason is Reason.TOO_OLD


@pytest.mark.parametrize("reason", [reason for reason, _ in RULES if reason is not Reason.BY_HAND])
def test_staff_put_aside_what_is_tact_or_habit_and_never_what_binds(
    make_config: Callable[..., Config], reason: Reason
) -> None:
    config = make_config(
        skip_domains="example.net", skip_customers="house, shop", skip_tags="internal", skip_topics="spare parts",
        skip_channels="phone", sample="50%",
    )  # fmt: skip
    binding = [reason for reason, _ in RULES[: [reason for reason, _ in RULES].index(Reason.BY_HAND)]]
    facts = replace(FACTS, **dict(RULES)[reason])
    by_hand = decide(replace(facts, override=Override.NOW), config, NOW)
    if reason in binding:
        assert by_hand == Decision(Verdict.SKIP, reason)
    else:
        assert by_hand == Decision(Verdict.ASK, Reason.BY_HAND)
    never = decide(replace(facts, override=Override.NEVER), config, NOW)
    assert never == Decision(Verdict.SKIP, reason if reason in binding else Reason.BY_HAND)


@pytest.mark.parametrize(
    ("basis", "country", "reason"),
    [
        ("DE:consent", "DE", Reason.DUE),
        ("de: existing-customers", "DE", Reason.DUE),
        ("AT:none", "AT", Reason.NO_BASIS),
        ("AT:none", "DE", Reason.NO_BASIS),  # what is not named stays as it is
        ("DE:consent,AT:none", "CH", Reason.DUE),
        ("DE:none", None, Reason.DUE),
    ],
)
def test_a_country_that_needs_a_basis_has_one_or_is_not_asked(
    make_config: Callable[..., Config], basis: str, country: str | None, reason: Reason
) -> None:
    facts = replace(FACTS, whereabouts=Whereabouts(country=country))
    assert decide(facts, make_config(basis=basis), NOW).reason is reason


def test_a_sample_is_drawn_by_resolution_and_is_as_large_as_it_says(make_config: Callable[..., Config]) -> None:
    config = make_config(sample="20%")
    cases = [replace(FACTS, ref=str(ref)) for ref in range(1500)]
    chosen = [facts for facts in cases if decide(facts, config, NOW).verdict is Verdict.ASK]
    assert chosen == [facts for facts in cases if decide(facts, config, NOW).verdict is Verdict.ASK]
    assert 240 < len(chosen) < 360
    more = [facts for facts in cases if decide(facts, make_config(sample="40%"), NOW).verdict is Verdict.ASK]
    assert set(chosen) < set(more)  # a larger sample keeps whom the smaller one had


def test_nobody_is_left_alone_if_that_is_switched_off(make_config: Callable[..., Config]) -> None:
    facts = replace(FACTS, contacts=(asked(SECOND), asked(-DAY)))
    assert decide(facts, make_config(ask_again_after="off"), NOW).verdict is Verdict.ASK


def test_how_lately_somebody_was_asked_is_judged_at_the_moment_at_which_we_would_ask(config: Config) -> None:
    facts = replace(FACTS, resolved_at=NOW, contacts=(asked(13 * DAY),))
    assert decide(facts, config, NOW) == Decision(Verdict.DEFER, Reason.DELAY, NOW + DAY)
    facts = replace(FACTS, resolved_at=NOW, contacts=(asked(13 * DAY - SECOND),))
    assert decide(facts, config, NOW) == Decision(Verdict.SKIP, Reason.ASKED_LATELY)


def test_what_would_come_too_late_is_skipped_and_what_comes_in_time_waits(config: Config) -> None:
    opens = NOW + 8 * HOUR  # nine in the morning there
    in_time = replace(FACTS, whereabouts=ASLEEP, resolved_at=opens - 7 * DAY)
    assert decide(in_time, config, NOW) == Decision(Verdict.DEFER, Reason.WINDOW, opens)
    late = replace(in_time, resolved_at=in_time.resolved_at - SECOND)
    assert decide(late, config, NOW) == Decision(Verdict.SKIP, Reason.TOO_LATE)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_reads_as_words(reason: Reason) -> None:
    assert " " in reason.sentence
    assert reason.sentence not in [other.sentence for other in Reason if other is not reason]

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from feedback.config import Config
from feedback.domain.cases import CaseStatus
from feedback.domain.eligibility import Decision, Facts, Reason, Verdict, decide
from feedback.domain.surveys import Suppression
from tests.conftest import DAY, NOW

FACTS = Facts(
    address="ada@example.org",
    customer_ref="ada",
    suppression=None,
    asked_elsewhere=False,
    has_open_follow_up=False,
    is_answered=False,
    status=CaseStatus.RESOLVED,
    is_latest=True,
    resolved_at=NOW - DAY,
    by_automation=False,
    topic="printers",
    channel="mail",
    tags=("vip", "eu"),
)
SECOND = timedelta(seconds=1)


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
        (replace(FACTS, address="info@example.org"), Verdict.ASK, Reason.DUE),
        (replace(FACTS, has_open_follow_up=True), Verdict.SKIP, Reason.FOLLOW_UP_OPEN),
        (replace(FACTS, by_automation=True), Verdict.SKIP, Reason.AUTOMATION),
        (replace(FACTS, asked_elsewhere=True), Verdict.SKIP, Reason.ASKED_BEFORE),
        (replace(FACTS, status=CaseStatus.OPEN), Verdict.SKIP, Reason.REOPENED),
        (replace(FACTS, status=CaseStatus.MERGED), Verdict.SKIP, Reason.MERGED),
        (replace(FACTS, status=CaseStatus.SPAM), Verdict.SKIP, Reason.SPAM),
        (replace(FACTS, is_latest=False), Verdict.SKIP, Reason.RESOLVED_AGAIN),
        (replace(FACTS, resolved_at=NOW - 8 * DAY), Verdict.SKIP, Reason.TOO_OLD),
        (replace(FACTS, resolved_at=NOW), Verdict.DEFER, Reason.DELAY),
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
    ],
)
def test_of_two_neighbouring_rules_the_first_is_told(config: Config, facts: Facts, first: Reason) -> None:
    assert decide(facts, config, NOW) == Decision(Verdict.SKIP, first)


RULES: list[tuple[Reason, dict[str, Any]]] = [  # in their order, each with what makes it apply
    (Reason.NO_ADDRESS, {"address": None}),
    (Reason.INVALID_ADDRESS, {"address": "nobody"}),
    (Reason.OPTED_OUT, {"suppression": Suppression.OPTED_OUT}),
    (Reason.OWN_DOMAIN, {"address": "noreply@acme.example"}),
    (Reason.ROLE_ADDRESS, {"address": "noreply@example.net"}),
    (Reason.EXCLUDED_DOMAIN, {"address": "ada@example.net"}),
    (Reason.EXCLUDED_CUSTOMER, {"customer_ref": "HOUSE"}),
    (Reason.ASKED_BEFORE, {"asked_elsewhere": True}),
    (Reason.FOLLOW_UP_OPEN, {"has_open_follow_up": True}),
    (Reason.ANSWERED, {"is_answered": True}),
    (Reason.REOPENED, {"status": CaseStatus.OPEN}),
    (Reason.RESOLVED_AGAIN, {"is_latest": False}),
    (Reason.AUTOMATION, {"by_automation": True}),
    (Reason.EXCLUDED_TAG, {"tags": ("Internal",)}),
    (Reason.EXCLUDED_TOPIC, {"topic": "Spare Parts"}),
    (Reason.EXCLUDED_CHANNEL, {"channel": "Phone"}),
    (Reason.TOO_OLD, {"resolved_at": NOW - 8 * DAY}),
    (Reason.DELAY, {"resolved_at": NOW}),
]


@pytest.mark.parametrize(("first", "second"), list(combinations(range(len(RULES)), 2)))
def test_of_two_rules_that_apply_the_earlier_is_told(
    make_config: Callable[..., Config], first: int, second: int
) -> None:
    config = make_config(
        skip_domains="example.net", skip_customers="house, shop", skip_tags="internal", skip_topics="spare parts",
        skip_channels="phone",
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


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_reads_as_words(reason: Reason) -> None:
    assert " " in reason.sentence
    assert reason.sentence not in [other.sentence for other in Reason if other is not reason]

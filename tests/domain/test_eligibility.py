from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from feedback.config import Config
from feedback.domain.cases import CaseStatus
from feedback.domain.eligibility import Decision, Facts, Reason, Verdict, decide
from feedback.domain.surveys import Suppression
from tests.conftest import DAY, NOW

FACTS = Facts(
    address="ada@example.org",
    suppression=None,
    asked_elsewhere=False,
    status=CaseStatus.RESOLVED,
    is_latest=True,
    resolved_at=NOW - DAY,
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

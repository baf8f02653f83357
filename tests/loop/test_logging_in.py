from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from feedback.domain.staff import FORGOTTEN_AFTER, FREE_TRIES, Role, Staff
from feedback.errors import Refused
from feedback.loop.logging_in import log_in
from tests.conftest import DAY, NOW, Loop

MARA = "mara@acme.example"
NOT_TOGETHER = "This address and this password do not belong together."
SECOND = timedelta(seconds=1)


def is_right(password_hash: str | None) -> bool:
    """As though the right password had been typed."""
    return password_hash == "mara's hash"


def is_wrong(password_hash: str | None) -> bool:
    return False


@pytest.fixture(autouse=True)
def mara(loop: Loop) -> str:
    with loop.store.write():
        return loop.store.staff.add(MARA, "Mara", "mara's hash", Role.OWNER)


def try_to(
    loop: Loop, check: Callable[[str | None], bool] = is_right, now: datetime = NOW, email: str = MARA
) -> Staff | str:
    """Who is let in, or what is said instead."""
    try:
        return log_in(loop.store, loop.keys, email, check, now)
    except Refused as refusal:
        return str(refusal)


def failures(loop: Loop) -> int:
    return len(loop.rows("SELECT * FROM failed_logins"))


@pytest.mark.parametrize("email", [MARA, "Mara@ACME.example", "  mara@acme.example "])
def test_the_right_password_lets_in_however_the_address_is_spelled(loop: Loop, mara: str, email: str) -> None:
    person = try_to(loop, email=email)
    assert isinstance(person, Staff)
    assert (person.id, person.name) == (mara, "Mara")
    assert failures(loop) == 0


def test_whoever_may_not_come_in_hears_the_same_and_is_compared_with_nobody(loop: Loop) -> None:
    with loop.store.write():
        loop.store.staff.add("tom@acme.example", "Tom", "mara's hash", Role.OWNER)
        loop.store.staff.disable("tom@acme.example", NOW)
        loop.store.staff.add("uma@acme.example", "Uma", "", Role.OWNER)
    compared: list[str | None] = []

    def check(password_hash: str | None) -> bool:
        compared.append(password_hash)
        return password_hash is not None

    for email in ("tom@acme.example", "uma@acme.example", "nobody@acme.example", "", "💥@\x00"):
        assert try_to(loop, check, email=email) == NOT_TOGETHER
    assert compared == [None] * 5
    assert try_to(loop, is_wrong) == NOT_TOGETHER


def test_the_third_failure_makes_even_the_right_password_wait(loop: Loop) -> None:
    for _ in range(FREE_TRIES):
        assert try_to(loop, is_wrong) == NOT_TOGETHER
    assert try_to(loop, now=NOW + SECOND) == (
        "Too many tries with this address failed. The next one counts in 1 second."
    )
    assert isinstance(try_to(loop, now=NOW + 2 * SECOND), Staff)


def test_a_try_during_the_wait_is_not_heard_and_does_not_prolong_it(loop: Loop) -> None:
    heard: list[str | None] = []

    def check(password_hash: str | None) -> bool:
        heard.append(password_hash)
        return False

    for _ in range(FREE_TRIES + 10):
        try_to(loop, check)
    assert (len(heard), failures(loop)) == (FREE_TRIES, FREE_TRIES)
    assert isinstance(try_to(loop, now=NOW + 2 * SECOND), Staff)


def test_one_address_slows_no_other(loop: Loop) -> None:
    for _ in range(FREE_TRIES):
        try_to(loop, is_wrong, email="nobody@acme.example")
    assert "Too many tries" in str(try_to(loop, email="NOBODY@acme.example"))
    assert isinstance(try_to(loop), Staff)


def test_many_tries_at_once_gain_nothing(loop: Loop) -> None:
    heard: list[datetime] = []

    def check_while_another_tries(_: str | None) -> bool:
        heard.append(NOW)
        try_to(loop, check_while_another_tries)
        return False

    try_to(loop, check_while_another_tries)
    assert len(heard) == FREE_TRIES


def test_a_check_that_breaks_counts_as_a_failure(loop: Loop) -> None:
    def broken(_: str | None) -> bool:
        raise RuntimeError("out of memory")

    with suppress(RuntimeError):
        try_to(loop, broken)
    assert failures(loop) == 1


def test_success_forgets_the_failures_and_time_does_too(loop: Loop) -> None:
    for email in (MARA, MARA, "tom@acme.example"):
        try_to(loop, is_wrong, email=email)
    assert isinstance(try_to(loop), Staff)
    assert [row["address_hash"] for row in loop.rows("SELECT * FROM failed_logins")] == [
        loop.keys.address_hashes("tom@acme.example")[0]
    ]
    for _ in range(FREE_TRIES + 1):
        try_to(loop, is_wrong)
    assert "Too many tries" in str(try_to(loop))
    assert isinstance(try_to(loop, now=NOW + FORGOTTEN_AFTER + SECOND), Staff)
    assert isinstance(try_to(loop, now=NOW + DAY), Staff)
    assert failures(loop) == 0


def test_failures_hold_no_address(loop: Loop) -> None:
    try_to(loop, is_wrong)
    (row,) = loop.rows("SELECT * FROM failed_logins")
    assert row == {"address_hash": loop.keys.address_hashes(MARA)[0], "at": "2026-03-03T12:00:00Z"}

from datetime import timedelta

import pytest

from feedback.domain.staff import FailedLogins
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("failures", "wait_s"),
    [
        (3, 2),
        (4, 4),
        (5, 8),
        (11, 512),
        (12, 900),  # not 1,024: a quarter of an hour is the most
        (13, 900),
        (100_000, 900),
    ],
)
def test_from_the_third_failure_on_each_wait_is_twice_the_last_up_to_a_quarter_of_an_hour(
    failures: int, wait_s: int
) -> None:
    assert FailedLogins(failures, NOW).try_again_at == NOW + timedelta(seconds=wait_s)


@pytest.mark.parametrize("failed", [FailedLogins(0, None), FailedLogins(1, NOW), FailedLogins(2, NOW)])
def test_two_slips_cost_no_wait(failed: FailedLogins) -> None:
    assert failed.try_again_at is None

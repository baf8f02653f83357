"""The published figures once more, in plain loops over the rows, for a stretch of local days."""

import math
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from feedback.domain.timing import local_day
from feedback.store.sqlite import moment
from tests.conftest import Loop

Row = dict[str, Any]


class ByHand:
    """The rows of a business, put together by dictionaries."""

    def __init__(self, loop: Loop, now: datetime) -> None:
        self._now = now
        zone = loop.config.zone
        customers = {row["id"]: row for row in loop.rows("SELECT * FROM customers")}
        cases = {row["id"]: row for row in loop.rows("SELECT * FROM cases")}
        self.resolutions = loop.rows("SELECT * FROM resolutions")
        by_id = {row["id"]: row for row in self.resolutions}
        for row in self.resolutions:
            row["day"] = local_day(moment(row["resolved_at"]), zone)
            row["customer_id"] = cases[row["case_id"]]["customer_id"]
            row["customer"] = customers[row["customer_id"]]
            row.update(asked_at=None, choice=None, choice_again=None, follow_up=None, bounced=False, again=False)
        surveys = {row["id"]: row for row in loop.rows("SELECT * FROM surveys")}
        bounced = {row["mail_id"] for row in loop.rows("SELECT * FROM bounces")}
        for mail in loop.rows("SELECT * FROM outbox WHERE kind = 'survey' AND state IN ('sent', 'unconfirmed')"):
            survey = surveys[mail["survey_id"]]
            resolution = by_id[survey["resolution_id"]]
            if survey["round"] == 1:
                resolution["again"] = True
            else:
                resolution.update(asked_at=moment(mail["handed_over_at"]), bounced=mail["id"] in bounced)
        for one in sorted(loop.rows("SELECT * FROM answers"), key=lambda one: one["seq"]):
            survey = surveys[one["survey_id"]]
            name = "choice_again" if survey["round"] else "choice"
            by_id[survey["resolution_id"]][name] = one["choice"]
        for one in loop.rows("SELECT * FROM follow_ups"):
            by_id[surveys[one["survey_id"]]["resolution_id"]]["follow_up"] = one

    def between(self, first: date, last: date, **values: str) -> list[Row]:
        found = [row for row in self.resolutions if first <= row["day"] <= last]
        return [row for row in found if all(row[name] == value for name, value in values.items())]

    def solved(self, rows: Iterable[Row]) -> tuple[int, int, int]:
        return _counted((row, row["choice"] == "yes") for row in rows if row["choice"])

    def response(self, rows: Iterable[Row]) -> tuple[int, int, int]:
        old = [row for row in rows if row["asked_at"] and (self._now - row["asked_at"]).total_seconds() >= 7 * 86_400]
        return _counted((row, bool(row["choice"])) for row in old if row["choice"] or not row["bounced"])

    def in_time(self, rows: Iterable[Row]) -> tuple[int, int, int]:
        known = [row for row in rows if row["n"] == 1 and row["opened_at"] and row["first_reply_at"]]
        took = [(row, moment(row["first_reply_at"]) - moment(row["opened_at"])) for row in known]
        return _counted((row, one.total_seconds() <= 86_400) for row, one in took)

    def recovered(self, rows: Iterable[Row]) -> tuple[int, int, int]:
        return _counted((row, row["choice_again"] == "yes") for row in rows if row["choice_again"])


def _counted(rows: Iterable[tuple[Row, bool]]) -> tuple[int, int, int]:
    count = n = 0
    customers = set()
    for row, counts in rows:
        count += counts
        n += 1
        customers.add(row["customer_id"])
    return count, n, len(customers)


def per_cent(share: float) -> str:
    """Half up, with a decimal where 0 or 100 would be said of what is not."""
    whole = math.floor(100 * share + 0.5)
    return str(whole) if share in (0, 1) or 0 < whole < 100 else f"{100 * share:.1f}"


def wilson(count: int, n: int) -> tuple[str, str]:
    """Where the score test says no more than 95 %: the two roots of (p - share)² = z² p (1 - p) / n."""
    z2, share = 1.959963984540054**2, count / n
    a, b, c = 1 + z2 / n, -(2 * share + z2 / n), share * share
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    low, high = (-b - root) / (2 * a), (-b + root) / (2 * a)
    return per_cent(0 if count == 0 else low), per_cent(1 if count == n else high)

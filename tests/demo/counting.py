"""The published figures once more, in plain loops over the rows, for a stretch of local days."""

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from feedback.domain.timing import local_day
from feedback.store.sqlite import moment
from tests.conftest import Loop

Row = dict[str, Any]
Wait = tuple[str, float]  # the customer, the seconds


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
            row.update(first_answer_at=None, again_at=None)
        surveys = {row["id"]: row for row in loop.rows("SELECT * FROM surveys")}
        bounced = {row["mail_id"] for row in loop.rows("SELECT * FROM bounces")}
        for mail in loop.rows("SELECT * FROM outbox WHERE kind = 'survey' AND state IN ('sent', 'unconfirmed')"):
            survey = surveys[mail["survey_id"]]
            resolution = by_id[survey["resolution_id"]]
            if survey["round"] == 1:
                resolution["again"] = True
            else:
                resolution.update(asked_at=moment(mail["handed_over_at"]), bounced=mail["id"] in bounced)
                resolution["recipient"] = mail["recipient"]
        for one in sorted(loop.rows("SELECT * FROM answers"), key=lambda one: one["seq"]):
            survey = surveys[one["survey_id"]]
            name = "choice_again" if survey["round"] else "choice"
            by_id[survey["resolution_id"]][name] = one["choice"]
            if survey["round"]:
                by_id[survey["resolution_id"]]["again_at"] = one["at"]
            else:
                by_id[survey["resolution_id"]]["first_answer_at"] = (
                    by_id[survey["resolution_id"]]["first_answer_at"] or one["at"]
                )
                by_id[survey["resolution_id"]]["reasons"] = (one["reasons"] or "").split(",")
        for one in loop.rows("SELECT * FROM follow_ups"):
            by_id[surveys[one["survey_id"]]["resolution_id"]]["follow_up"] = one
            one["events"] = []
        follow_ups = {row["follow_up"]["id"]: row["follow_up"] for row in self.resolutions if row["follow_up"]}
        for one in sorted(loop.rows("SELECT * FROM follow_up_events"), key=lambda one: one["seq"]):
            if one["follow_up_id"] in follow_ups:
                follow_ups[one["follow_up_id"]]["events"].append(one)
        self._opted_out = {
            row["address_hash"]: moment(row["at"])
            for row in loop.rows("SELECT * FROM suppressions WHERE reason = 'opted out'")
        }
        self._hashes = loop.keys.address_hashes
        self._bought = loop.rows("SELECT * FROM purchases")

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

    def letters(self, rows: Iterable[Row]) -> dict[str, tuple[int, int, int]]:
        """Shares of the mails: opted out after it, came back, greeted by name, could tell the tenure."""
        mailed = [row for row in rows if row["asked_at"]]
        return {
            "led to an opt-out": _counted((row, self._has_opted_out(row)) for row in mailed),
            "came back": _counted((row, row["bounced"]) for row in mailed),
            "could greet by name": _counted((row, bool(row["customer"]["name"])) for row in mailed),
            "could tell for how long": _counted((row, bool(row["customer"]["customer_since"])) for row in mailed),
        }

    def _has_opted_out(self, row: Row) -> bool:
        found = [self._opted_out[one] for one in self._hashes(row["recipient"].lower()) if one in self._opted_out]
        return bool(found) and min(found) >= row["asked_at"]

    def escalated(self, rows: Iterable[Row]) -> tuple[int, int, int]:
        return _counted((row, _is_escalated(row["follow_up"]["events"])) for row in rows if row["follow_up"])

    def contacts(self, rows: Iterable[Row]) -> list[float]:
        """The seconds from each "no" until somebody was in touch, in order."""
        took = []
        for events in [row["follow_up"]["events"] for row in rows if row["follow_up"]]:
            found = [one for one in events if _is_contact(one)]
            if found:
                took.append((moment(found[0]["at"]) - moment(events[0]["at"])).total_seconds())
        return sorted(took)

    def waits(self, rows: Iterable[Row]) -> dict[str, list[Wait]]:
        """By the heading on the page: who waited, and for how many seconds; and of how many that is."""
        found: dict[str, list[Wait]] = {
            "until-the-first-reply": [], "from-the-first-reply-until-solved": [], "from-the-opening-until-solved": [],
            "from-solved-until-the-answer": [], "from-a-no-until-solved": [],
        }  # fmt: skip
        reply, solving, whole, answer, recovery = found.values()
        for row in rows:
            opened, replied, solved = row["opened_at"], row["first_reply_at"], row["resolved_at"]
            if row["n"] == 1:
                if opened and replied and opened <= replied:
                    reply.append(_wait(row, opened, replied))
                if opened and replied and opened <= replied <= solved:
                    solving.append(_wait(row, replied, solved))
                if opened and opened <= solved:
                    whole.append(_wait(row, opened, solved))
            if row["first_answer_at"]:
                answer.append(_wait(row, solved, row["first_answer_at"]))
            if row["follow_up"] and row["choice_again"] == "yes":
                recovery.append(_wait(row, row["follow_up"]["events"][0]["at"], row["again_at"]))
        return found

    def beyond_two(self, rows: Iterable[Row]) -> tuple[int, int, int]:
        return _counted((row, row["interactions"] > 2) for row in rows if row["interactions"])

    def ticked(self, rows: Iterable[Row], choice: str) -> tuple[dict[str, int], int]:
        """How often each stage was named beside a yes or a no, of how many who named any."""
        told = [row["reasons"] for row in rows if row["choice"] == choice and any(row["reasons"])]
        return {name: sum(name in one for one in told) for name in {name for one in told for name in one}}, len(told)

    def coming_back(
        self, within: timedelta, over: timedelta, observed: timedelta, zone: ZoneInfo
    ) -> dict[str, tuple[int, int, list[float]]]:
        """By answer: how many bought within so long, how many after a part of it, and what each spent, in order.

        Only those are counted who are observed for that long.
        """
        ends = max(moment(row["at"]) for row in self._bought).astimezone(zone).replace(hour=0, minute=0, second=0)
        begins = min(moment(row["at"]) for row in self._bought).astimezone(zone).replace(hour=0, minute=0, second=0)
        first: dict[str, Row] = {}
        for row in sorted(self.resolutions, key=lambda row: str(row["resolved_at"])):
            if (row["choice"] or (row["asked_at"] and not row["bounced"])) and moment(row["resolved_at"]) >= begins:
                first.setdefault(row["customer_id"], row)
        told: dict[str, tuple[int, int, list[float]]] = {}
        for name in ("yes", "no, then recovered", "no", "silent"):
            again, later, sums = 0, 0, []
            for customer_id, row in first.items():
                at = moment(row["resolved_at"])
                said = "no, then recovered" if row["choice_again"] == "yes" else row["choice"] or "silent"
                if said == name and at + observed <= ends + timedelta(days=1):
                    theirs = [
                        (moment(one["at"]) - at, float(one["amount"]))
                        for one in self._bought
                        if one["customer_id"] == customer_id
                    ]
                    inside = [(ago, amount) for ago, amount in theirs if timedelta(0) < ago <= within]
                    again += bool(inside)
                    later += any(ago > over for ago, _ in inside)
                    sums.append(sum(amount for _, amount in inside))
            told[name] = again, later, sorted(sums)
        return told


def quartile(values: list[float], k: int) -> float:
    """Between the two values that it lies between, in proportion."""
    at = (len(values) - 1) * k / 4
    low = math.floor(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def _wait(row: Row, begin: str, end: str) -> Wait:
    return row["customer_id"], (moment(end) - moment(begin)).total_seconds()


def _is_contact(event: Row) -> bool:
    if event["kind"] == "interaction":
        return bool(event["outcome"] != "not_reached")
    return event["kind"] == "closed" and event["outcome"] in ("solved", "not_solvable")


def _is_escalated(events: list[Row]) -> bool:
    kinds = [(one["kind"], one["outcome"]) for one in events]
    closed = kinds.index(("closed", "solved")) if ("closed", "solved") in kinds else len(kinds)
    return kinds.count(("interaction", "not_solved")) >= 2 or any(kind == "reopened" for kind, _ in kinds[closed:])


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

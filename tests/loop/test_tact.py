"""Nobody is asked too often: by address or by customer, in whichever help desk, by however many importers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from feedback.config import load_config
from feedback.domain.cases import CaseRecord, CaseStatus
from feedback.domain.eligibility import Reason
from feedback.domain.surveys import Choice
from feedback.keys import load_keys
from feedback.loop import answering
from feedback.loop.asking import Asking
from feedback.loop.intake import take_in
from feedback.store import open_store
from tests.conftest import ADA, BRUNO, DAY, NOW, TORTURE, Loop, MailServer

HOUR = timedelta(hours=1)
AGAIN = replace(ADA, ref="A-2", subject="Toner is empty")


def ledger(loop: Loop, ref: str) -> list[str]:
    return [
        row["reason"]
        for row in loop.rows(
            "SELECT d.reason FROM decisions d JOIN resolutions r ON r.id = resolution_id JOIN cases c ON c.id = case_id"
            f" WHERE c.ref = '{ref}' ORDER BY r.n, d.seq"
        )
    ]


def resolve(loop: Loop, record: CaseRecord, at: datetime) -> None:
    loop.take(replace(record, resolved_at=at), now=at)


def ask_and_send(loop: Loop, now: datetime) -> int:
    asked = loop.ask(now)
    loop.send(now)
    return asked


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(AGAIN, id="the same customer"),
        pytest.param(replace(AGAIN, customer_ref="ada 2", email="ADA@example.org"), id="the same address"),
        pytest.param(replace(AGAIN, source="shop 2"), id="in another help desk"),
        pytest.param(replace(AGAIN, email="ada@example.net"), id="the same customer with a new address"),
    ],
)
def test_two_cases_of_a_person_that_come_together_give_one_survey(loop: Loop, other: CaseRecord) -> None:
    loop.take(ADA, other)
    assert loop.counts() == {"cases": 2, "resolutions": 2, "surveys": 1}
    assert ledger(loop, "A-2") == ["asked_lately"]
    assert ask_and_send(loop, NOW + DAY) == 1


@pytest.mark.parametrize(("days", "asked"), [(1, 0), (13, 0), (14, 1), (30, 1)])
def test_a_person_is_left_alone_for_two_weeks_after_a_mail(loop: Loop, days: int, asked: int) -> None:
    loop.take(ADA)
    assert ask_and_send(loop, NOW + DAY) == 1
    resolve(loop, AGAIN, NOW + days * DAY)
    due = datetime.fromisoformat(row["due_at"]) if (row := _waiting(loop)) else NOW + (days + 1) * DAY
    assert ask_and_send(loop, due) == asked


def _waiting(loop: Loop) -> dict[str, str] | None:
    return next(iter(loop.rows("SELECT due_at FROM surveys WHERE state = 'waiting'")), None)


def test_the_customer_is_left_alone_too_who_has_another_address_since(loop: Loop) -> None:
    loop.take(ADA)
    ask_and_send(loop, NOW + DAY)
    resolve(loop, replace(AGAIN, email="ada@example.net"), NOW + 2 * DAY)
    assert ledger(loop, "A-2") == ["asked_lately"]


def test_a_mail_that_was_refused_for_good_counts_for_nothing(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    with loop.store.write():
        loop.store._database.connection.execute("UPDATE outbox SET state = 'failed'")
    resolve(loop, AGAIN, NOW + 2 * DAY)
    assert ledger(loop, "A-2") == ["delay"]


def test_a_case_that_was_opened_again_is_asked_about_once_more_and_then_not(loop: Loop) -> None:
    loop.take(ADA)
    assert ask_and_send(loop, NOW + DAY) == 1
    for day, asked in ((2, 1), (6, 0)):  # Thursday, and the Monday after
        reopened = NOW + day * DAY - 2 * HOUR
        loop.take(replace(ADA, status=CaseStatus.OPEN, resolved_at=None), now=reopened)
        resolve(loop, ADA, NOW + day * DAY)
        assert ask_and_send(loop, NOW + (day + 1) * DAY) == asked
    assert ledger(loop, "A-1")[-1] == "asked_lately"
    assert len(loop.maildir()) == 2


def test_what_was_passed_over_has_its_turn_when_the_other_survey_is_called_off(loop: Loop) -> None:
    loop.take(ADA)
    resolve(loop, AGAIN, NOW + HOUR)
    assert ledger(loop, "A-2") == ["asked_lately"]
    loop.take(replace(ADA, status=CaseStatus.SPAM), now=NOW + 2 * HOUR)
    assert ledger(loop, "A-2") == ["asked_lately", "delay"]
    assert ask_and_send(loop, NOW + DAY + HOUR) == 1
    assert [str(mail["Subject"]) for mail in loop.maildir()] == ["Did we solve it? — Toner is empty"]


def test_it_has_its_turn_as_well_when_the_mail_is_called_off_in_the_outbox(loop: Loop) -> None:
    loop.take(ADA)
    resolve(loop, AGAIN, NOW + HOUR)
    loop.ask()
    loop.take(replace(ADA, status=CaseStatus.OPEN, resolved_at=None), now=NOW + DAY)
    loop.send()
    assert loop.maildir() == []
    assert ledger(loop, "A-2") == ["asked_lately", "delay"]
    assert ask_and_send(loop, NOW + DAY + HOUR) == 1


def test_an_address_is_left_alone_whoever_has_it_by_now(loop: Loop) -> None:
    loop.take(ADA)
    ask_and_send(loop, NOW + DAY)
    loop.take(replace(ADA, email="ada@example.net"), now=NOW + DAY + HOUR)
    resolve(loop, replace(AGAIN, customer_ref="another"), NOW + DAY + 2 * HOUR)
    assert ledger(loop, "A-2") == ["asked_lately"]


def test_what_was_passed_over_is_not_asked_when_its_file_comes_in_again(loop: Loop) -> None:
    loop.take(ADA)
    ask_and_send(loop, NOW + DAY)
    passed_over = NOW + 13 * DAY
    resolve(loop, AGAIN, passed_over)
    assert ledger(loop, "A-2") == ["asked_lately"]
    loop.take(replace(AGAIN, resolved_at=passed_over), now=NOW + 16 * DAY)
    assert ledger(loop, "A-2") == ["asked_lately"]
    assert ask_and_send(loop, NOW + 17 * DAY) == 0


@pytest.mark.parametrize("late", [timedelta(0), HOUR])
@pytest.mark.parametrize("between", [timedelta(0), timedelta(minutes=10), timedelta(minutes=-10)])
def test_of_two_that_wait_when_they_turn_out_to_be_one_person_the_first_is_asked(
    loop: Loop, between: timedelta, late: timedelta
) -> None:
    loop.take(ADA, replace(BRUNO, resolved_at=NOW + between), now=NOW + between)
    assert loop.counts()["surveys"] == 2
    loop.take(replace(BRUNO, email="ada@example.org", resolved_at=NOW + between), now=NOW + HOUR)
    assert ask_and_send(loop, NOW + DAY + HOUR / 2 + late) == 1
    assert len(loop.maildir()) == 1
    assert {row["state"] for row in loop.rows("SELECT state FROM surveys")} == {"asked", "cancelled"}


def test_of_two_in_the_outbox_when_they_turn_out_to_be_one_person_one_goes(loop: Loop) -> None:
    loop.take(ADA, BRUNO)
    assert loop.ask() == 2
    loop.take(replace(BRUNO, email="ada@example.org"), now=NOW + DAY)
    loop.send()
    assert len(loop.maildir()) == 1


def owners(loop: Loop) -> list[str]:
    return [
        row["ref"]
        for row in loop.rows(
            "SELECT DISTINCT cu.ref FROM surveys s JOIN customers cu ON cu.id = s.customer_id ORDER BY 1"
        )
    ]


def test_a_case_that_becomes_another_customers_takes_the_survey_that_waits_along(loop: Loop) -> None:
    loop.take(ADA)
    loop.take(replace(ADA, customer_ref="bruno", email="bruno@example.org"), now=NOW + HOUR)
    assert owners(loop) == ["bruno"]
    resolve(loop, AGAIN, NOW + 2 * HOUR)
    assert ledger(loop, "A-2") == ["delay"]  # nothing that Ada was to be asked is hers any more


def test_who_got_a_mail_is_left_alone_though_the_case_is_somebody_elses_by_now(loop: Loop) -> None:
    loop.take(ADA)
    ask_and_send(loop, NOW + DAY)
    loop.take(replace(ADA, customer_ref="bruno", email="bruno@example.org"), now=NOW + DAY + HOUR)
    assert owners(loop) == ["ada"]
    resolve(loop, AGAIN, NOW + DAY + 2 * HOUR)
    assert ledger(loop, "A-2") == ["asked_lately"]
    resolve(loop, BRUNO, NOW + DAY + 2 * HOUR)
    assert ledger(loop, "B-2") == ["delay"]


def test_a_mail_that_is_refused_for_good_gives_its_turn_to_what_was_passed_over(
    loop: Loop, mail_server: MailServer
) -> None:
    loop.take(ADA)
    resolve(loop, AGAIN, NOW + HOUR)
    loop.ask()
    mail_server.replies["DATA"] = ["554 not this one"]
    loop.send(NOW + DAY, mail_server.url)
    assert ledger(loop, "A-2") == ["asked_lately", "delay"]
    loop.ask(NOW + DAY + HOUR)
    loop.send(NOW + DAY + HOUR, mail_server.url)
    assert len(mail_server.received) == 1


def test_a_follow_up_that_is_open_in_one_help_desk_counts_in_the_other(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(ask_again_after="off")
    loop.take(ADA)
    ask_and_send(loop, NOW + DAY)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, NOW + DAY + HOUR)
    resolve(loop, replace(AGAIN, source="billing"), NOW + DAY + 2 * HOUR)
    assert ledger(loop, "A-2") == ["follow_up_open"]


def test_an_answer_and_a_closed_follow_up_do_not_shorten_the_rest(loop: Loop) -> None:
    loop.take(ADA)
    ask_and_send(loop, NOW + DAY)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, NOW + DAY)
    resolve(loop, AGAIN, NOW + 2 * DAY)
    assert ledger(loop, "A-2") == ["asked_lately"]


def test_the_rest_is_a_setting(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(ask_again_after="off")
    loop.take(ADA, AGAIN)
    assert ask_and_send(loop, NOW + DAY) == 2


def test_what_a_person_is_asked_is_found_by_an_index(loop: Loop) -> None:
    """However many cases and surveys there are: a customer with ten thousand cases slows nothing."""
    from feedback.store import surveys

    plan = loop.store._database.connection.execute(
        f"EXPLAIN QUERY PLAN {surveys._sql.contacts.sql}", {"resolution_id": "r", "address": "a", "since": "s"}
    )
    steps = [row["detail"] for row in plan]
    assert any("surveys_of_customer (customer_id=? AND due_at>?)" in step for step in steps), steps
    assert any("customers_by_address" in step for step in steps), steps
    assert [step for step in steps if step.startswith("SCAN")] == []


def take_one(url: str, data_dir: str, n: int, start: Barrier) -> None:
    config = load_config({"FEEDBACK_DATA_DIR": data_dir, "FEEDBACK_SENDER": "care@acme.example"}, env_file=None)
    store = open_store(url)
    asking = Asking(store, load_keys(config.data_dir), config)
    start.wait()
    take_in(store, asking, [replace(ADA, ref=f"P-{n}")], NOW)
    store.close()


@pytest.mark.torture
def test_two_importers_at_once_give_one_survey(loop: Loop, tmp_path: Path, blank_database: Path) -> None:
    """Two processes, each with a case of one customer; a hundred times under torture."""
    context = get_context("spawn")
    rounds = 100 if TORTURE else 1
    for attempt in range(rounds):
        folder = tmp_path / f"round {attempt}"
        folder.mkdir()
        path = folder / "feedback.db"
        path.write_bytes(blank_database.read_bytes())
        load_keys(folder)
        start = context.Barrier(2)
        importers = [
            context.Process(target=take_one, args=(f"sqlite:///{path}", str(folder), n, start)) for n in range(2)
        ]
        for importer in importers:
            importer.start()
        for importer in importers:
            importer.join(60)
            assert importer.exitcode == 0
        store = open_store(f"sqlite:///{path}")
        rows = store._database.connection.execute("SELECT verdict, reason FROM decisions ORDER BY verdict").fetchall()
        surveys = store._database.connection.execute("SELECT COUNT(*) FROM surveys").fetchone()[0]
        store.close()
        assert surveys == 1
        assert [tuple(row) for row in rows] == [("defer", "delay"), ("skip", Reason.ASKED_LATELY)]


def test_two_threads_that_import_one_customers_cases_at_once_give_one_survey(loop: Loop) -> None:
    for attempt in range(20):
        customer = replace(ADA, customer_ref=f"c{attempt}", email=f"c{attempt}@example.org")
        pair = [replace(customer, ref=f"{attempt}-{n}") for n in range(2)]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda record: loop.take(record), pair))
    assert loop.counts() == {"cases": 40, "resolutions": 40, "surveys": 20}

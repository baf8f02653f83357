from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from feedback import jobs
from feedback.domain.cases import CaseStatus
from feedback.domain.followups import Outcome
from feedback.domain.surveys import Choice, Details, Suppression
from feedback.loop import answering, following_up, retaining
from feedback.store.cases import Change
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop
from tests.loop.test_erasing import counted

LATER = NOW + DAY
OVER = LATER + 731 * DAY
TRACES = (
    "'ada'",
    "ada@example",
    "printer jams",
    "page two again",
    "5550 0142",
    "before noon",
    "told her to clean",
    "oh dear",
)


def say_no(loop: Loop) -> None:
    """Ada's “no”, with words, a reply, and a note of staff about it; and the follow-up is closed."""
    loop.take(ADA)
    loop.ask()
    loop.send()
    survey_id = loop.survey_id()
    answering.answer(loop.store, loop.config, survey_id, Choice.NO, LATER)
    said = Details((), "Page two again.", call=True, phone="5550 0142", call_time="before noon", quote_name="Ada")
    answering.add_details(loop.store, loop.config, survey_id, Choice.NO, said, LATER)
    (follow_up,) = loop.store.follow_ups.open_ones()
    with loop.store.write():
        loop.store.follow_ups.add_reply(follow_up.id, "Oh dear.", LATER)
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.NO_CONTACT, "Told her to clean it.", None, LATER)


def forget(loop: Loop) -> bool:
    return retaining.forget(loop.store, loop.config, OVER)


def held(loop: Loop) -> str:
    """All that the tables hold."""
    tables = [row["name"] for row in loop.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return repr([loop.rows(f"SELECT * FROM {table}") for table in tables if table != "audit"]).lower()


def names(loop: Loop) -> list[str | None]:
    return [row["name"] for row in loop.rows("SELECT name FROM customers ORDER BY name")]


def test_after_two_years_who_it_was_and_their_words_go_and_the_answer_stays_counted(loop: Loop) -> None:
    say_no(loop)
    assert all(trace in held(loop) for trace in TRACES)
    asked = counted(loop)
    assert forget(loop)
    assert [trace for trace in TRACES if trace in held(loop)] == []
    assert counted(loop) == asked
    assert loop.rows("SELECT choice, at, details_at FROM answers") == [
        {"choice": "no", "at": "2026-03-04T00:00:00Z", "details_at": "2026-03-04T00:00:00Z"}
    ]
    assert loop.rows("SELECT actor, action, subject, was FROM audit WHERE actor = 'nightly job'") == [
        {
            "actor": "nightly job",
            "action": "customer.forget",
            "subject": "older than FEEDBACK_RETENTION",
            "was": "customers: 1, cases: 1",
        }
    ]


def test_to_forget_twice_changes_nothing_more(loop: Loop) -> None:
    say_no(loop)
    forget(loop)
    before = held(loop)
    assert not forget(loop)
    assert held(loop) == before
    assert loop.rows("SELECT COUNT(*) AS n FROM audit WHERE actor = 'nightly job'") == [{"n": 1}]


def test_whoever_comes_back_is_a_new_customer_who_is_asked(loop: Loop) -> None:
    say_no(loop)
    forget(loop)
    assert loop.rows("SELECT * FROM erasures") == loop.rows("SELECT * FROM suppressions") == []
    (taken,) = loop.take(replace(ADA, ref="A-9", resolved_at=OVER, opened_at=OVER), now=OVER)
    assert taken.change is Change.CREATED
    assert names(loop) == [None, "Ada"]
    assert loop.ask(OVER + 3 * DAY) == 1


def test_an_opt_out_stays(loop: Loop) -> None:
    say_no(loop)
    loop.opt_out(LATER)
    forget(loop)
    assert names(loop) == [None]
    assert loop.store.surveys.suppression(loop.keys.address_hashes("ada@example.org")) is Suppression.OPTED_OUT


def test_whoever_was_heard_of_within_the_time_stays_whole(loop: Loop) -> None:
    old = replace(ADA, ref="A-0", opened_at=NOW - 900 * DAY, resolved_at=NOW - 899 * DAY)
    loop.take(old, now=NOW - 898 * DAY)
    loop.take(ADA, BRUNO)
    assert not retaining.forget(loop.store, loop.config, NOW + 729 * DAY)
    assert names(loop) == ["Ada", "Bruno"]
    assert loop.store.cases.with_ref("A-0")


def test_a_case_that_was_never_resolved_counts_from_when_it_was_opened(loop: Loop) -> None:
    loop.take(replace(ADA, status=CaseStatus.OPEN, resolved_at=None))
    assert not retaining.forget(loop.store, loop.config, ADA.opened_at + 730 * DAY if ADA.opened_at else NOW)
    assert retaining.forget(loop.store, loop.config, NOW + 730 * DAY)


def test_an_answer_within_the_time_keeps_its_customer(loop: Loop) -> None:
    say_no(loop)
    assert not retaining.forget(loop.store, loop.config, NOW + 730 * DAY + timedelta(hours=1))
    assert names(loop) == ["Ada"]


def test_nobody_is_forgotten_while_a_follow_up_is_open(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER)
    assert not forget(loop)
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.NO_CONTACT, "Done.", None, LATER)
    assert forget(loop)


@pytest.mark.parametrize("is_asked", [False, True])
def test_nobody_is_forgotten_while_a_mail_to_them_waits(loop: Loop, is_asked: bool) -> None:
    loop.take(ADA)
    if is_asked:
        loop.ask()
    assert not forget(loop)
    assert names(loop) == ["Ada"]


def test_nobody_is_forgotten_while_their_case_is_open_again(loop: Loop) -> None:
    say_no(loop)
    loop.take(replace(ADA, status=CaseStatus.OPEN), now=OVER)
    assert not forget(loop)


def test_what_somebody_said_about_a_case_that_is_another_customers_by_now_goes_too(loop: Loop) -> None:
    say_no(loop)
    loop.take(replace(ADA, ref="A-2", opened_at=NOW, resolved_at=NOW), now=LATER)
    with loop.store.write():
        loop.store._database.connection.execute("UPDATE surveys SET state = 'cancelled', reason = 'asked_lately'"
                                                " WHERE state = 'waiting'")  # fmt: skip
    loop.take(replace(BRUNO, ref="A-1", subject="Lost parcel"), now=LATER)
    loop.take(replace(BRUNO, ref="B-9", opened_at=OVER, resolved_at=OVER), now=OVER)
    assert forget(loop)
    assert names(loop) == [None, "Bruno"]
    assert [trace for trace in ("ada@example.org", "page two again", "oh dear") if trace in held(loop)] == []


def test_a_case_older_than_that_does_not_come_in_again(loop: Loop) -> None:
    say_no(loop)
    forget(loop)
    (taken,) = loop.take(ADA, now=OVER)
    assert taken.change is Change.SKIPPED
    assert names(loop) == [None]


def test_off_forgets_nobody_and_takes_in_everything(loop: Loop) -> None:
    say_no(loop)
    loop.config = loop.asking.config = loop.config.model_copy(update={"retention": timedelta(0)})
    assert not forget(loop)
    (taken,) = loop.take(replace(BRUNO, opened_at=NOW - 3000 * DAY, resolved_at=NOW - 3000 * DAY), now=OVER)
    assert taken.change is Change.CREATED


def test_many_go_in_short_transactions(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.take(*(replace(ADA, ref=f"A-{n}", customer_ref=f"c{n % 40}", email=f"c{n % 40}@example.org")
                for n in range(400)))  # fmt: skip
    with loop.store.write():
        loop.store._database.connection.execute("UPDATE surveys SET state = 'cancelled', reason = 'too_old'")
    monkeypatch.setattr(retaining, "PORTION", 30)
    connection, changed = loop.store._database.connection, [loop.store._database.connection.total_changes]
    connection.set_trace_callback(lambda sql: changed.append(connection.total_changes) if sql == "COMMIT" else None)
    while forget(loop):
        pass
    connection.set_trace_callback(None)
    assert set(names(loop)) == {None}
    assert len(changed) > 4
    assert max(after - before for before, after in pairwise(changed)) <= 500
    assert [row["was"] for row in loop.rows("SELECT was FROM audit")] == [
        "customers: 30, cases: 300",
        "customers: 10, cases: 100",
    ]


def test_the_nightly_job_forgets_before_it_backs_up_and_once_a_night(loop: Loop) -> None:
    say_no(loop)
    assert jobs.nightly(loop.store, loop.keys, loop.config, OVER)
    assert names(loop) == [None]
    assert not (loop.config.data_dir / "backups").exists()
    assert jobs.nightly(loop.store, loop.keys, loop.config, OVER)
    assert len(list((loop.config.data_dir / "backups").iterdir())) == 1
    assert not jobs.nightly(loop.store, loop.keys, loop.config, OVER + timedelta(hours=1))


def test_a_failure_to_forget_costs_no_backup(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(jobs, "forget", broken)
    with pytest.raises(RuntimeError):
        jobs.nightly(loop.store, loop.keys, loop.config, OVER)
    assert len(list((loop.config.data_dir / "backups").iterdir())) == 1

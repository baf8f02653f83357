from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from feedback import jobs
from feedback.clock import Clock
from feedback.config import Config
from feedback.errors import ConfigError, Refused
from feedback.loop.health import check
from feedback.store import Store, open_store
from tests.conftest import DAY, NOW, Loop, Workplace

MINUTE = timedelta(minutes=1)


def begin_demo(store: Store) -> None:
    """From now on the store is a demo's, whose clock reads NOW."""
    with store.write():
        store.operations.begin_demo(NOW, NOW - datetime.now(UTC))


def reads(clock: Clock, moment: datetime) -> bool:
    return abs(clock() - moment) < MINUTE


def test_without_a_demo_the_clock_is_the_machines(loop: Loop) -> None:
    clock = Clock(loop.store, loop.config)
    assert clock.demo() is None
    assert reads(clock, datetime.now(UTC))


def test_a_demos_clock_goes_on_from_where_it_was_set(loop: Loop) -> None:
    begin_demo(loop.store)
    clock = Clock(loop.store, loop.config)
    first, second = clock(), clock()
    assert NOW - timedelta(seconds=1) <= first < second < NOW + MINUTE
    assert first.tzinfo is UTC


def test_what_has_passed_adds_up_and_every_process_sees_it(loop: Loop) -> None:
    begin_demo(loop.store)
    other_process = open_store(loop.config.database_url)
    clock, others = Clock(loop.store, loop.config), Clock(other_process, loop.config)
    began = loop.store.operations.demo()
    assert began is not None
    for time in (DAY, timedelta(minutes=90), timedelta(seconds=1)):
        clock.let_pass(time)
    known = others.demo()
    other_process.close()
    assert known is not None
    assert (known.since, known.offset - began.offset) == (NOW, timedelta(hours=25, minutes=30, seconds=1))
    assert reads(clock, NOW + timedelta(hours=25, minutes=30))


@pytest.mark.parametrize("mail", ["maildir:", "stdout:", "smtp://127.0.0.1:2525"])
def test_a_demos_clock_counts_while_mail_reaches_no_real_person(
    store: Store, make_config: Callable[..., Config], mail: str
) -> None:
    begin_demo(store)
    assert reads(Clock(store, make_config(mail=mail)), NOW)


@pytest.mark.parametrize(
    "settings",
    [
        {"mail": "smtp://127.0.0.1:25"},
        {"mail": "smtps://localhost:465"},
        {"mail": "smtp://127.0.0.1:587"},
        {"mail": "smtp://mail.acme.example:2525"},
        {"url": "https://care.acme.example"},
        {"listen": "0.0.0.0:8000"},
    ],
    ids=lambda settings: "".join(settings.values()),
)
def test_a_demo_neither_writes_to_people_nor_lets_others_in(
    store: Store, make_config: Callable[..., Config], settings: dict[str, str]
) -> None:
    begin_demo(store)
    with pytest.raises(ConfigError, match="is a demo's, whose passwords everybody knows"):
        Clock(store, make_config(**settings))


def test_time_passes_by_hand_in_a_demo_only(store: Store, make_config: Callable[..., Config]) -> None:
    with pytest.raises(Refused, match="Only the clock of a demo"):
        Clock(store, make_config()).let_pass(DAY)
    assert store.operations.demo() is None


def test_heartbeats_and_health_stay_on_the_machines_clock(loop: Loop) -> None:
    begin_demo(loop.store)
    assert not any(jobs.tick(loop.config, loop.store, loop.keys, Clock(loop.store, loop.config)()).values())
    present = datetime.now(UTC)
    assert all(abs(beat.beat_at - present) < MINUTE for beat in loop.store.operations.heartbeats())
    assert [one for one in check(loop.store, loop.config, present) if not one.ok] == []
    assert {one.ok for one in check(loop.store, loop.config, NOW + 300 * DAY)} == {True, False}


def test_commands_in_a_demos_folder_go_by_its_clock(workplace: Workplace) -> None:
    store = open_store(f"sqlite:///{workplace.data / 'feedback.db'}")
    begin_demo(store)
    (workplace.folder / "cases.csv").write_text(
        "source,ref,status,resolved_at,email\nshop,1001,resolved,2026-03-03T11:00:00Z,ada@example.org\n"
    )
    assert "1 created" in workplace.feedback("import", "cases", "cases.csv")
    assert "now points at build-20260303T120" in workplace.feedback("publish")
    assert "Mails sent now: 0" in workplace.feedback("tick")
    assert "Mails sent now: 1" in workplace.feedback("tick", "--at", "+25h")
    told = workplace.feedback("explain", "1001")
    assert "Tuesday, 3 March 2026, 12:0" in told
    assert "The mail to ada@example.org was accepted on Wednesday, 4 March 2026, 13:0" in told
    assert all(abs(beat.beat_at - datetime.now(UTC)) < MINUTE for beat in store.operations.heartbeats())
    store.close()

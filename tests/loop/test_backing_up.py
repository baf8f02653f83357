"""Backups, and what happens to mail after a restore."""

import gzip
import os
import shutil
import sqlite3
import tarfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from feedback import jobs
from feedback.config import Config
from feedback.domain.eligibility import Override
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Suppression
from feedback.errors import Refused, StoreError
from feedback.keys import load_keys
from feedback.loop import answering, backing_up, people
from feedback.loop.asking import Asking
from feedback.store import open_store
from feedback.store.archives import read_archive
from feedback.store.outbox import Kind
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop, MailServer

LATER = NOW + DAY
CUSTOMERS = 20


def backup_of(loop: Loop, path: Path) -> Path:
    return backing_up.back_up(loop.store, loop.config, path, NOW)


def reopened(loop: Loop) -> Loop:
    """The installation after the service was started again."""
    store, keys = open_store(loop.config.database_url), load_keys(loop.config.data_dir)
    return Loop(store, keys, loop.config, Asking(store, keys, loop.config))


def restored(loop: Loop, archive: Path, now: datetime = LATER) -> Loop:
    loop.store.close()
    backing_up.restore(loop.config, archive, now)
    return reopened(loop)


def test_a_backup_is_one_file_for_its_owner_alone_with_the_database_and_the_secret(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    path = backup_of(loop, tmp_path / "copy.tar.gz")
    assert path.stat().st_mode & 0o777 == 0o600
    folder = tmp_path / "unpacked"
    folder.mkdir()
    read_archive(path, folder)
    assert (folder / "secret.key").read_bytes() == (loop.config.data_dir / "secret.key").read_bytes()
    connection = sqlite3.connect(folder / "feedback.db")
    assert connection.execute("SELECT ref FROM cases").fetchall() == [("A-1",)]
    connection.close()
    assert list(loop.config.data_dir.glob("*.db")) == [loop.config.data_dir / "feedback.db"]
    assert not list(tmp_path.glob(".backup-*"))


def test_a_backup_overwrites_nothing(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "copy.tar.gz").write_text("mine")
    with pytest.raises(StoreError, match="is there already, and a backup overwrites nothing"):
        backup_of(loop, tmp_path / "copy.tar.gz")
    assert (tmp_path / "copy.tar.gz").read_text() == "mine"


def test_a_backup_that_cannot_be_made_is_told_and_leaves_nothing(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        backup_of(loop, tmp_path / "file" / "copy.tar.gz")


def test_a_backup_made_while_others_write_is_whole(loop: Loop, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            loop.take(replace(ADA, ref=f"W-{n}"))
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        archives = [backup_of(loop, tmp_path / f"{n}.tar.gz") for n in range(3)]
    finally:
        stop.set()
        writer.join()
    for archive in archives:
        folder = tmp_path / archive.name.partition(".")[0]
        folder.mkdir()
        read_archive(archive, folder)
        connection = sqlite3.connect(folder / "feedback.db")
        (cases,) = connection.execute("SELECT COUNT(*) FROM cases").fetchone()
        (resolutions,) = connection.execute("SELECT COUNT(*) FROM resolutions").fetchone()
        connection.close()
        assert cases == resolutions  # each case and its resolution are one transaction


def test_of_two_schedulers_that_back_up_at_once_neither_fails(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    make = loop.store.back_up

    def and_another_was_quicker(secret: Path, target: Path, now: datetime) -> None:
        make(secret, target, now)
        make(secret, target, now)

    monkeypatch.setattr(loop.store, "back_up", and_another_was_quicker)
    assert not backing_up.back_up_if_due(loop.store, loop.config, NOW)
    assert len(backing_up.nightly_backups(loop.config)) == 1


def test_the_nightly_backup_is_made_once_a_night_and_old_ones_go(loop: Loop) -> None:
    folder = loop.config.data_dir / "backups"
    mine = backing_up.back_up(loop.store, loop.config, None, NOW)
    for hours in range(0, 24 * 12, 6):
        backing_up.back_up_if_due(loop.store, loop.config, NOW + timedelta(hours=hours))
    assert not backing_up.back_up_if_due(loop.store, loop.config, NOW + timedelta(hours=24 * 12 - 6))
    days = sorted(date.fromisoformat(path.name[8:18]) for path in folder.glob("nightly-*"))
    assert days == [date(2026, 3, day) for day in range(8, 16)]  # the week before has its newest, a Sunday
    assert mine.exists()  # the owner's own stay


def spoil(archive: Path, how: str) -> None:
    content = archive.read_bytes()
    if how == "cut":
        archive.write_bytes(content[: len(content) // 2])
    elif how == "a bit":
        archive.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    elif how == "a short secret":
        folder = archive.with_name("packed")
        folder.mkdir()
        read_archive(archive, folder)
        (folder / "secret.key").write_text("x")
        with tarfile.open(archive, "w:gz") as tar:
            for name in ("feedback.db", "secret.key"):
                tar.add(folder / name, name)
    elif how == "text":
        archive.write_text("not a backup")
    elif how == "another archive":
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(__file__, "feedback.db")
    else:
        plain = bytearray(gzip.decompress(content))
        plain[20_000:24_000] = bytes(4_000)
        archive.write_bytes(gzip.compress(bytes(plain)))


@pytest.mark.parametrize("how", ["cut", "a bit", "text", "another archive", "a short secret", "pages of zeros"])
def test_what_is_no_whole_backup_is_refused_before_anything_is_moved(loop: Loop, tmp_path: Path, how: str) -> None:
    loop.take(ADA)
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    spoil(archive, how)
    loop.take(BRUNO)
    loop.store.close()
    before = sorted(path.name for path in loop.config.data_dir.iterdir())
    with pytest.raises(StoreError, match=r"no whole backup of ours|is damaged"):
        backing_up.restore(loop.config, archive, LATER)
    assert sorted(path.name for path in loop.config.data_dir.iterdir()) == before
    again = reopened(loop)
    assert again.counts()["cases"] == 2
    again.store.close()


def test_nothing_is_restored_under_a_running_service(loop: Loop, tmp_path: Path) -> None:
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    with loop.store.write():
        loop.store.operations.beat("send", LATER - timedelta(seconds=20), None)
    with pytest.raises(Refused, match="Stop it, wait a minute"):
        backing_up.restore(loop.config, archive, LATER)


def test_after_a_restore_nothing_that_went_out_goes_again_and_opt_outs_hold(loop: Loop, tmp_path: Path) -> None:
    people = [replace(ADA, ref=f"R-{n}", customer_ref=f"c{n}", email=f"c{n}@example.org") for n in range(CUSTOMERS)]
    loop.take(*people)
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    loop.ask()
    loop.send()
    assert len(loop.maildir()) == CUSTOMERS
    for ref in ("R-3", "R-4"):
        loop.opt_out(LATER, loop.survey_id(ref))

    back = restored(loop, archive)
    back.ask(LATER)
    back.send(LATER)
    assert len(back.maildir()) == CUSTOMERS, "nothing goes out before somebody says so"
    plan = backing_up.plan_resumption(back.store, LATER)
    assert (plan.hold.known, plan.would_go) == (CUSTOMERS, 0)
    assert "a backup was restored (copy.tar.gz)" in plan.hold.reason
    backing_up.resume(back.store, LATER)
    back.ask(LATER + timedelta(hours=1))
    back.send(LATER + timedelta(hours=1))
    assert len(back.maildir()) == CUSTOMERS
    states = back.rows("SELECT state, COUNT(*) AS n FROM outbox GROUP BY state")
    assert states == [{"state": "sent", "n": CUSTOMERS}]
    assert back.store.surveys.suppression(back.keys.address_hashes("c3@example.org")) is Suppression.OPTED_OUT
    back.store.close()


def test_a_case_that_came_after_the_backup_is_not_asked_about_again_when_it_is_imported_again(
    loop: Loop, tmp_path: Path
) -> None:
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    loop.take(ADA)
    loop.ask()
    loop.send()
    back = restored(loop, archive)
    backing_up.resume(back.store, LATER)
    (taken,) = back.take(ADA, now=LATER)
    assert taken.decision is not None
    assert taken.decision.reason.sentence == "the customer was asked before a backup was restored"
    back.take(BRUNO, now=LATER)
    back.ask(LATER)
    back.send(LATER)
    assert [mail["To"] for mail in back.maildir()] == ["Ada@example.org", "bruno@example.org"]
    back.store.close()


def test_what_had_not_gone_out_is_released_and_what_was_in_doubt_stays_in_doubt(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA, BRUNO)
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    loop.ask()
    with loop.store.write():
        (mail, *_) = loop.store.outbox.claim(Kind.SURVEY, "a sender that dies", LATER, DAY, 1)
        assert mail.survey_id is not None
        address = loop.store.outbox.letter(mail.survey_id).email
        loop.store.outbox.hand_over(mail, "a sender that dies", address or "", LATER, DAY)
    doubtful = loop.rows(
        "SELECT c.ref FROM outbox o JOIN surveys s ON s.id = o.survey_id JOIN resolutions r"
        " ON r.id = s.resolution_id JOIN cases c ON c.id = r.case_id WHERE o.state = 'handing_over'"
    )[0]["ref"]
    back = restored(loop, archive)
    released = backing_up.resume(back.store, LATER)
    assert released.hold.known == 1
    assert [one.ref for one in released.first] == [ref for ref in ("A-1", "B-2") if ref != doubtful]
    back.ask(LATER)
    back.send(LATER)
    assert len(back.maildir()) == 1
    assert {row["state"] for row in back.rows("SELECT state FROM outbox")} == {"sent", "unconfirmed"}
    back.store.close()


def test_alerts_to_staff_go_out_while_mail_to_customers_is_held(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    loop.ask()
    back = restored(loop, backup_of(loop, tmp_path / "copy.tar.gz"))
    answering.answer(back.store, back.config, back.survey_id(), Choice.NO, LATER)
    back.send(LATER + timedelta(minutes=1))
    assert [mail["To"] for mail in back.maildir()] == ["mara@acme.example"]
    back.store.close()


def test_links_of_both_times_stay_valid(loop: Loop, tmp_path: Path) -> None:
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    old = (loop.config.data_dir / "secret.key").read_text().split()
    (loop.config.data_dir / "secret.key").write_text(
        "another secret of more than thirty-two letters\n".replace(" ", "-")
    )
    back = restored(loop, archive)
    lines = (loop.config.data_dir / "secret.key").read_text().split()
    assert lines == ["another-secret-of-more-than-thirty-two-letters", *old]
    back.store.close()


def test_the_replaced_database_is_not_needed_to_know_what_went_out(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA, BRUNO)
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    loop.ask()
    loop.send()
    back = restored(loop, archive)
    shutil.rmtree(back.config.data_dir / "backups")
    assert backing_up.resume(back.store, LATER).hold.known == 2
    back.ask(LATER)
    back.send(LATER)
    assert len(back.maildir()) == 2
    with pytest.raises(Refused, match="No mail is held"):
        backing_up.resume(back.store, LATER)
    back.store.close()


def test_everything_is_released_if_the_owner_says_so(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    loop.ask()
    loop.send()
    back = restored(loop, archive)
    backing_up.resume(back.store, LATER, everything=True)
    back.send(LATER)
    assert len(back.maildir()) == 2
    back.store.close()


@pytest.mark.parametrize("resumed_between", [False, True])
def test_restoring_twice_forgets_nothing_that_went_out(loop: Loop, tmp_path: Path, resumed_between: bool) -> None:
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    loop.take(ADA)
    loop.ask()
    loop.send()
    back = restored(loop, archive)
    if resumed_between:
        backing_up.resume(back.store, LATER)
    back = restored(back, archive, LATER + timedelta(minutes=5))
    backing_up.resume(back.store, LATER)
    back.take(ADA, now=LATER)
    back.ask(LATER)
    back.send(LATER)
    assert len(back.maildir()) == 1
    back.store.close()


@pytest.mark.parametrize(("moved", "mails"), [(timedelta(seconds=5), 1), (timedelta(minutes=-59), 1), (2 * DAY, 2)])
def test_a_resolution_that_moved_a_little_is_the_same(loop: Loop, tmp_path: Path, moved: timedelta, mails: int) -> None:
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    loop.take(ADA)
    loop.ask()
    loop.send()
    back = restored(loop, archive)
    backing_up.resume(back.store, LATER)
    back.take(replace(ADA, resolved_at=NOW + moved), now=LATER + 2 * DAY)
    back.ask(LATER + 2 * DAY)
    back.send(LATER + 2 * DAY)
    assert len(back.maildir()) == mails
    back.store.close()


def test_nothing_is_restored_while_anything_uses_the_database(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    with pytest.raises(Refused, match="Something still uses the database"):
        backing_up.restore(loop.config, archive, LATER)
    assert loop.counts()["cases"] == 1
    assert not list(loop.config.data_dir.glob("backups/replaced-*"))
    loop.take(BRUNO)
    assert loop.counts()["cases"] == 2


@pytest.mark.parametrize("part", ["_join_secrets", "os.replace"])
def test_a_restore_that_breaks_off_leaves_the_database_as_it_was(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    loop.take(ADA)
    loop.store.close()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(f"feedback.loop.backing_up.{part}", die)
        with pytest.raises(KeyboardInterrupt):
            backing_up.restore(loop.config, archive, LATER)
    again = reopened(loop)
    assert again.counts()["cases"] == 1
    again.take(BRUNO)
    again.store.close()
    assert not list(loop.config.data_dir.glob(".restore-*"))


def test_what_cannot_be_opened_for_another_reason_is_not_taken_for_damaged(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    with loop.store.write():
        loop.store._database.connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('feedback', '9 the future', '')"
        )
    loop.store.close()
    with pytest.raises(StoreError, match="written by a newer program"):
        backing_up.restore(loop.config, archive, LATER)
    connection = sqlite3.connect(loop.config.data_dir / "feedback.db")
    assert connection.execute("SELECT ref FROM cases").fetchall() == [("A-1",)]
    connection.close()


def test_a_damaged_database_is_put_aside_whole(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    loop.store.close()
    (loop.config.data_dir / "feedback.db").write_bytes(b"garbage" * 1000)
    done = backing_up.restore(loop.config, archive, LATER)
    assert done.replaced is not None
    assert done.replaced.read_bytes() == b"garbage" * 1000
    back = reopened(loop)
    assert back.counts()["cases"] == 1
    held = back.store.operations.held()
    assert held is not None
    assert "nobody knows what it had sent" in held.reason
    back.store.close()


def test_a_gap_of_more_than_a_day_in_the_heartbeats_holds_mail_until_it_is_released(
    loop: Loop, make_config: Callable[..., Config]
) -> None:
    backing_up.hold_after_gap(loop.store, NOW)
    assert loop.store.operations.held() is None, "no heartbeat yet is no gap"
    with loop.store.write():
        loop.store.operations.beat("ask", NOW - timedelta(days=3), None)
        loop.store.operations.beat("send", NOW - timedelta(hours=23), None)
    backing_up.hold_after_gap(loop.store, NOW)
    assert loop.store.operations.held() is None
    backing_up.hold_after_gap(loop.store, NOW + timedelta(hours=2))
    held = loop.store.operations.held()
    assert held is not None
    assert held.reason == "nothing had run since 2026-03-02 13:00 UTC"
    loop.take(ADA)
    loop.ask()
    loop.send()
    assert loop.maildir() == []
    backing_up.resume(loop.store, LATER)
    backing_up.hold_after_gap(loop.store, LATER)
    loop.send()
    assert len(loop.maildir()) == 1


def test_the_jobs_look_for_a_gap_when_mail_goes_to_a_server(loop: Loop, mail_server: MailServer) -> None:
    with loop.store.write():
        loop.store.operations.beat("send", datetime.now(UTC) - timedelta(days=2), None)
    jobs.make_jobs(loop.config, loop.store, loop.keys)
    assert loop.store.operations.held() is None
    jobs.make_jobs(loop.config.model_copy(update={"mail": mail_server.url}), loop.store, loop.keys)
    assert loop.store.operations.held() is not None


def test_what_a_killed_backup_or_restore_has_left_is_swept_a_day_later(loop: Loop) -> None:
    backups, data = loop.config.data_dir / "backups", loop.config.data_dir
    old = [backups / ".backup-old", data / ".restore-old"]
    young = [backups / ".backup-young", data / ".restore-young"]
    for folder in (*old, *young):
        folder.mkdir(parents=True)
        (folder / "copy.sqlite").touch()
    for folder in old:
        os.utime(folder, (1, 1))
    archive = backing_up.back_up(loop.store, loop.config, None, NOW)
    loop.store.close()
    backing_up.restore(loop.config, archive, NOW)
    assert [folder.exists() for folder in (*old, *young)] == [False, False, True, True]


@pytest.mark.parametrize("wish", [Override.NOW, None])
def test_a_mail_that_was_withdrawn_in_the_backup_and_sent_since_is_not_sent_again_by_hand(
    loop: Loop, tmp_path: Path, wish: Override | None
) -> None:
    loop.take(ADA)
    loop.ask()
    with loop.store.write():
        mara = loop.store.staff.add("mara@acme.example", "Mara", "a hash", Role.OWNER)
    (row,) = loop.rows("SELECT id FROM resolutions")
    loop.asking.decide_by_hand(row["id"], Override.NEVER, mara, NOW + DAY)
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    loop.asking.decide_by_hand(row["id"], Override.NOW, mara, NOW + DAY)
    loop.send()
    assert len(loop.maildir()) == 1
    back = restored(loop, archive)
    backing_up.resume(back.store, LATER)
    with suppress(Refused):
        back.asking.decide_by_hand(row["id"], wish, mara, LATER)
    back.ask(LATER)
    back.send(LATER)
    assert len(back.maildir()) == 1
    back.store.close()


def test_nobody_comes_back_by_a_restore_who_was_locked_out_since_and_what_was_changed_stays_known(
    loop: Loop, tmp_path: Path
) -> None:
    with loop.store.write():
        mara = loop.store.staff.add("mara@acme.example", "Mara", "a hash", Role.OWNER)
        tom = loop.store.staff.add("tom@acme.example", "Tom", "a hash", Role.OWNER)
    archive = backup_of(loop, tmp_path / "copy.tar.gz")
    people.lock_out(loop.store, loop.config, mara, LATER, by=tom)
    people.change(loop.store, tom, "Tom", Role.OWNER, ["Sales"], LATER, by=tom)
    people.let_in(loop.store, "jo@acme.example", "Jo", Role.AGENT, (), LATER, by=tom)
    noted = [(one.who, one.action, one.about) for one in loop.store.audit.entries(9)]
    after = restored(loop, archive)
    assert [(one.name, one.is_active, one.teams) for one in after.store.staff.all()] == [
        ("Jo", True, ()),
        ("Mara", False, ()),
        ("Tom", True, ("Sales",)),
    ]
    assert [(one.who, one.action, one.about) for one in after.store.audit.entries(9)] == noted

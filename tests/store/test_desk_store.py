import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedback.domain.cases import CaseStatus
from feedback.domain.followups import Channel, Event, FollowUpEvent, Result
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Round
from feedback.errors import NotFound, PendingMigrations, Refused
from feedback.loop import answering, following_up
from feedback.store import Store, open_store
from feedback.store.migrations import migrations
from feedback.store.operations import Build, Demo
from feedback.store.outbox import Kind, MailLine, MailState, Standing
from tests.conftest import ADA, BRUNO, CHIOMA, DAY, NOW, Loop

ASKED = NOW + DAY
HOUR = timedelta(hours=1)
MARA = "mara@acme.example"


def test_staff_are_listed_by_name_under_one_spelling_of_their_address(store: Store) -> None:
    with store.write():
        tom = store.staff.add("tom@acme.example", "Tom", "tom's hash", Role.OWNER)
        mara = store.staff.add(" Mara@ACME.example", "Mara", "mara's hash", Role.OWNER)
    assert [(one.id, one.email, one.name) for one in store.staff.all()] == [
        (mara, MARA, "Mara"),
        (tom, "tom@acme.example", "Tom"),
    ]
    assert store.staff.get(mara) == store.staff.with_email("MARA@acme.example ")
    assert store.staff.get("nobody") is None
    assert store.staff.with_email("nobody@acme.example") is None


def test_who_is_known_is_not_added_twice(store: Store) -> None:
    with store.write():
        store.staff.add(MARA, "Mara", "mara's hash", Role.OWNER)
    with store.write(), pytest.raises(Refused, match="A new password: feedback staff password MARA@"):
        store.staff.add("MARA@acme.example", "Another", "another hash", Role.OWNER)
    (person,) = store.staff.all()
    assert (person.name, person.password_hash) == ("Mara", "mara's hash")


def test_a_disabled_person_stays_in_the_list_and_a_new_password_lets_in_again(store: Store) -> None:
    with store.write():
        mara = store.staff.add(MARA, "Mara", "old hash", Role.OWNER)
        store.staff.disable("Mara@acme.example", NOW)
    assert [one.disabled_at for one in store.staff.all()] == [NOW]
    with store.write():
        store.staff.set_password("Mara@acme.example", "new hash")
    person = store.staff.get(mara)
    assert person is not None
    assert (person.password_hash, person.disabled_at) == ("new hash", None)


def test_who_is_not_known_is_told_with_where_to_look(store: Store) -> None:
    words = r"Nobody at the desk has the address Tom@acme\.example\. See who may log in: feedback staff list"
    with store.write(), pytest.raises(NotFound, match=words):
        store.staff.set_password("Tom@acme.example", "a hash")
    with store.write(), pytest.raises(NotFound, match=words):
        store.staff.disable("Tom@acme.example", NOW)


def test_failed_logins_count_from_a_moment_on_and_are_forgotten_by_address_and_by_age(store: Store) -> None:
    with store.write():
        for who, at in (("a", NOW - 2 * HOUR), ("a", NOW - HOUR), ("a", NOW), ("b", NOW), ("c", NOW - 2 * HOUR)):
            store.staff.add_failed_login(who, at, forget_before=NOW - 3 * HOUR)
    failed = store.staff.failed_logins("a", NOW - HOUR)
    assert (failed.n, failed.last_at) == (2, NOW)
    assert store.staff.failed_logins("nobody", NOW - HOUR).last_at is None
    with store.write():
        store.staff.forget_failed_logins("a")
    assert [store.staff.failed_logins(who, NOW - DAY).n for who in "abc"] == [0, 1, 1]
    with store.write():
        store.staff.add_failed_login("d", NOW, forget_before=NOW - HOUR)
    assert [store.staff.failed_logins(who, NOW - DAY).n for who in "abc"] == [0, 1, 0]


def test_the_newest_answer_of_each_survey_comes_newest_first_with_what_it_is_about(loop: Loop) -> None:
    loop.take(ADA, BRUNO, replace(CHIOMA, email="chioma@example.org"))
    for ref, choice, hours in (("A-1", "no", 1), ("B-2", "yes", 2), ("C-3", "no", 3), ("A-1", "yes", 4)):
        answering.answer(loop.store, loop.config, loop.survey_id(ref), Choice(choice), ASKED + hours * HOUR)
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.YES, Details(comment="Fine"), ASKED + DAY)

    def answered(choice: Choice | None = None, limit: int = 9, offset: int = 0) -> list[str]:
        return [one.case_ref for one in loop.store.surveys.newest_answers(choice, limit, offset)]

    assert answered() == ["A-1", "C-3", "B-2"]
    assert [answered(Choice.YES), answered(Choice.NO)] == [["A-1", "B-2"], ["C-3"]]
    assert [answered(limit=2), answered(limit=2, offset=2), answered(limit=2, offset=4)] == [
        ["A-1", "C-3"],
        ["B-2"],
        [],
    ]
    ada, chioma, bruno = loop.store.surveys.newest_answers(None, 9)
    assert (ada.customer, ada.email, ada.subject, ada.agent, ada.team, ada.answer.details.comment) == (
        *("Ada", "Ada@example.org", "Printer jams on page two", "Mara", "Hardware"),
        "Fine",
    )
    (row,) = loop.rows("SELECT id FROM cases WHERE ref = 'A-1'")
    assert ada.case_id == row["id"]
    told = loop.store.follow_ups.open_ones() + loop.store.follow_ups.closed_ones()
    follow_ups = {one.case_ref: one.id for one in told}
    assert [one.follow_up_id for one in (ada, chioma, bruno)] == [follow_ups["A-1"], follow_ups["C-3"], None]


def test_a_resolution_is_asked_about_again_once_and_the_answer_says_so(loop: Loop) -> None:
    loop.take(ADA)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, ASKED)
    with loop.store.write():
        for _ in range(2):
            loop.store.surveys.plan(loop.resolution_id(), ASKED + DAY, Round.AGAIN)
    recheck = loop.survey_id(round_=Round.AGAIN)
    assert [(row["round"], row["due_at"]) for row in loop.rows("SELECT * FROM surveys ORDER BY round")] == [
        (0, "2026-03-04T12:00:00Z"),
        (1, "2026-03-05T12:00:00Z"),
    ]
    answering.answer(loop.store, loop.config, recheck, Choice.YES, ASKED + 2 * DAY)
    answers = loop.store.surveys.newest_answers(None, 9)
    assert [(one.answer.choice.value, one.is_recheck) for one in answers] == [("yes", True), ("no", False)]
    (story,) = loop.store.cases.stories(answers[0].case_id)
    assert (story.choice, story.recheck, story.rechecked_at) == (Choice.NO, Choice.YES, ASKED + 2 * DAY)


@pytest.fixture
def searched(store: Store) -> Store:
    """Seven cases: one without a customer, one not resolved, one with every wildcard, and four alike."""
    nobody = replace(ADA, ref="X-9", customer_ref=None, email=None, name=None, subject=None)
    odd = replace(ADA, ref="100%_off!", customer_ref="o!m", name="O_m", email="om%x@example.net", subject="Why!?")
    with store.write():
        for record in (
            replace(ADA, resolved_at=NOW - HOUR),
            replace(BRUNO, resolved_at=NOW),
            replace(CHIOMA, status=CaseStatus.OPEN, resolved_at=None, opened_at=NOW - 3 * HOUR),
            replace(nobody, resolved_at=NOW - 2 * HOUR),
            replace(odd, resolved_at=NOW - 4 * HOUR),
        ):
            store.cases.save(record)
    return store


@pytest.mark.parametrize(
    ("words", "refs"),
    [
        ("", ["B-2", "A-1", "X-9", "C-3", "100%_off!"]),
        ("A-1", ["A-1"]),
        ("parcel", ["B-2"]),
        ("PARCEL", ["B-2"]),
        ("chio", ["C-3"]),
        ("@example.org", ["B-2", "A-1"]),
        ("%", ["100%_off!"]),
        ("_", ["100%_off!"]),
        ("!", ["100%_off!"]),
        *((part, ["100%_off!"]) for part in ("0%_", "f!", "m%x@", "O_m", "y!?")),
        ("!%", []),
        ("1_0", []),
        ("a' OR '1'='1", []),
        ("\\", []),
        ("nothing of the kind", []),
    ],
)
def test_a_case_is_found_by_a_part_of_what_is_known_and_no_letter_is_magic(
    searched: Store, words: str, refs: list[str]
) -> None:
    assert [case.ref for case in searched.cases.find(words, 9)] == refs


def test_pages_of_cases_follow_one_another_even_when_all_are_of_one_moment(store: Store) -> None:
    with store.write():
        for n in range(7):
            store.cases.save(replace(ADA, ref=f"A-{n}"))
    pages = [[case.ref for case in store.cases.find("", 3, offset)] for offset in (0, 3, 6, 9)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert sorted(ref for page in pages for ref in page) == [f"A-{n}" for n in range(7)]


def test_a_case_is_known_by_its_id(searched: Store) -> None:
    (found,) = searched.cases.find("X-9", 9)
    assert searched.cases.get(found.id) == found
    assert (found.customer, found.email, found.subject) == (None, None, None)
    with pytest.raises(NotFound, match="There is no case X-9"):
        searched.cases.get("X-9")


@pytest.fixture
def posted(loop: Loop) -> Loop:
    """A mail in each standing but one that waits: Ada's was sent, Bruno's refused, Chioma's in doubt, Dan's dropped."""
    loop.take(ADA)
    loop.ask()
    loop.send(ASKED)
    owner, lease = "a process that has died", timedelta(minutes=10)
    for record, state in (
        (BRUNO, MailState.FAILED),
        (replace(CHIOMA, email="chioma@example.org"), MailState.HANDING_OVER),
        (replace(ADA, ref="D-4", customer_ref="dan", email="dan@example.org"), MailState.DROPPED),
    ):
        loop.take(record)
        loop.ask(ASKED + HOUR)
        with loop.store.write():
            (mail,) = loop.store.outbox.claim(Kind.SURVEY, owner, ASKED + HOUR, lease, 9)
            if state is MailState.HANDING_OVER:
                loop.store.outbox.hand_over(mail, owner, "chioma@example.org", ASKED + HOUR, lease)
            else:
                loop.store.outbox.put_back(mail, owner, state, f"{state} in words")
    assert loop.store.outbox.is_busy(ASKED + HOUR)
    with loop.store.write():
        loop.store.outbox.settle_lapsed(ASKED + 2 * HOUR)
    return loop


def lines(loop: Loop, standing: Standing, since: datetime | None = None) -> list[tuple[str | None, ...]]:
    return [(mail.case_ref, mail.recipient, mail.words) for mail in loop.store.outbox.mails(standing, 9, since=since)]


def test_a_mail_stands_where_staff_would_look_for_it(posted: Loop) -> None:
    assert posted.store.outbox.standings(ASKED) == {
        Standing.WAITING: 0,
        Standing.SENT: 1,
        Standing.FAILED: 1,
        Standing.UNCONFIRMED: 1,
        Standing.DROPPED: 1,
    }
    assert lines(posted, Standing.WAITING) == []
    assert lines(posted, Standing.FAILED) == [("B-2", "bruno@example.org", "failed in words")]
    assert lines(posted, Standing.UNCONFIRMED) == [
        ("C-3", "chioma@example.org", "the sender stopped before the server had answered")
    ]
    assert lines(posted, Standing.DROPPED) == [("D-4", "dan@example.org", "dropped in words")]


def test_sent_mails_count_from_a_moment_on(posted: Loop) -> None:
    assert [line[:2] for line in lines(posted, Standing.SENT, ASKED)] == [("A-1", "Ada@example.org")]
    after = ASKED + timedelta(seconds=1)
    assert lines(posted, Standing.SENT, after) == []
    assert posted.store.outbox.standings(after)[Standing.SENT] == 0
    assert posted.store.outbox.standings(after)[Standing.FAILED] == 1


def test_an_alert_stands_beside_the_case_that_it_is_about(loop: Loop) -> None:
    loop.take(ADA)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, ASKED)
    (row,) = loop.rows("SELECT id FROM cases")
    (mail,) = loop.rows("SELECT id FROM outbox")
    assert loop.store.outbox.mails(Standing.WAITING, 9) == [
        MailLine(
            id=mail["id"],
            kind=Kind.ALERT,
            due_at=ASKED + answering.TELL_AFTER,
            handed_over_at=None,
            words=None,
            recipient=MARA,
            case_id=row["id"],
            case_ref="A-1",
            subject="Printer jams on page two",
        )
    ]


def test_mails_that_wait_longest_come_first_up_to_a_limit(loop: Loop) -> None:
    for hours, record in enumerate((ADA, BRUNO, replace(ADA, ref="D-4", customer_ref="dan"))):
        loop.take(record)
        loop.ask(ASKED + hours * HOUR)
    found = [mail.due_at for mail in loop.store.outbox.mails(Standing.WAITING, 2)]
    assert found == [ASKED, ASKED + HOUR]


def test_the_outbox_is_busy_while_mail_is_due_or_on_its_way(loop: Loop) -> None:
    def busy(at: datetime) -> bool:
        return loop.store.outbox.is_busy(at)

    loop.take(ADA)
    assert not busy(ASKED)  # nothing is in it yet
    loop.ask()
    assert [busy(ASKED - timedelta(seconds=1)), busy(ASKED)] == [False, True]
    with loop.store.write():
        loop.store.outbox.claim(Kind.SURVEY, "a process", ASKED, HOUR, 9)
    assert busy(ASKED - DAY)
    with loop.store.write():
        loop.store.outbox.settle_lapsed(ASKED + 2 * HOUR)
    loop.send()
    assert not busy(ASKED + DAY)


def test_a_job_is_wanted_until_it_has_done_its_work(store: Store) -> None:
    with store.write():
        store.operations.request("publish")
    first = store.operations.requested("publish")
    assert first is not None
    assert store.operations.requested("send") is None
    with store.write():
        store.operations.request("publish")  # while the job is at work on the first
        store.operations.settle_request("publish", first)
    second = store.operations.requested("publish")
    assert second is not None
    with store.write():
        store.operations.settle_request("publish", second)
    assert store.operations.requested("publish") is None


def test_a_database_is_one_demo_or_none(store: Store) -> None:
    assert store.operations.demo() is None
    with store.write():
        store.operations.begin_demo(NOW, timedelta(days=-3, seconds=1))
        store.operations.move_clock(DAY)
    assert store.operations.demo() == Demo(NOW, timedelta(days=-2, seconds=1))
    with pytest.raises(sqlite3.IntegrityError), store.write():
        store.operations.begin_demo(NOW, timedelta(0))


def test_builds_are_kept_with_what_the_site_said(store: Store) -> None:
    builds = [
        Build(NOW, NOW + HOUR, headline="We solved 81 % of 40"),
        Build(NOW + DAY, NOW + HOUR, "mkdocs says no"),
        Build(NOW + 2 * DAY, NOW + HOUR, headline="We solved 82 % of 41"),
    ]
    assert store.operations.last_build() is None
    with store.write():
        for build in builds:
            store.operations.note_build(build)
            assert store.operations.last_build() == build
    assert store.operations.good_builds(9) == [builds[2], builds[0]]
    assert store.operations.good_builds(1) == [builds[2]]


@pytest.fixture
def old_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database that version 1 made: a follow-up that was opened, closed and opened again, and two builds."""
    url = f"sqlite:///{tmp_path / 'feedback.db'}"
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_migrations", migrations._migrations[:1])
        old = open_store(url)
    with old._database.write():  # without what today's store does at the end of each transaction
        case = old.cases.save(replace(ADA, team=None))  # teams were not known then
        resolution = old.cases.freeze_resolution(case.id, 1)
        survey_id = "s"
        execute = old._database.connection.execute
        execute(
            "INSERT INTO surveys VALUES (?, ?, 0, 'asked', NULL, '2026-03-04T12:00:00Z', '2026-03-04T12:00:00Z')",
            (survey_id, resolution),
        )
        execute(
            "INSERT INTO answers (id, survey_id, seq, at, choice) VALUES ('a', 's', 1, '2026-03-04T12:00:00Z', 'no')"
        )
        execute("INSERT INTO staff VALUES ('mara', 'mara@acme.example', 'Mara', 'a hash', NULL)")
        execute(
            "INSERT INTO follow_ups VALUES ('f', ?, NULL, '2026-03-04T12:00:00Z', '2026-03-05T12:00:00Z', NULL, NULL)",
            (survey_id,),
        )
        for seq, kind, note in ((1, "opened", None), (2, "closed", "Called,\nsolved."), (3, "reopened", None)):
            execute("INSERT INTO follow_up_events VALUES ('f', ?, '2026-03-04T12:00:00Z', ?, ?)", (seq, kind, note))
        for seq, words in ((1, "mkdocs says no"), (2, None)):
            execute("INSERT INTO builds VALUES (?, '2026-03-04T12:00:00Z', '2026-03-04T12:01:00Z', ?)", (seq, words))
    old.close()
    return url


@pytest.fixture
def upgraded(old_url: str) -> Iterator[Store]:
    opened = open_store(old_url, migrate=True)
    yield opened
    opened.close()


def contents(path: Path) -> dict[str, list[dict[str, object]]]:
    """Every row of every table but the migrations' own."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    names = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    tables = [name for name in names if not name.startswith("_")]
    found = {table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in tables}
    connection.close()
    return found


def test_a_database_of_version_1_is_not_used_until_it_is_migrated(old_url: str, tmp_path: Path) -> None:
    before = contents(tmp_path / "feedback.db")
    with pytest.raises(
        PendingMigrations,
        match=r"it lacks 2 the desk, 3 erasing, 4 tact, 5 what comes back, 6 answers that count, "
        r"7 asking again, 8 search, 9 people, 10 erasing and searching, 11 public notes, 12 records, "
        r"15 erasing at once, 16 lists by team, 17 told once, 19 taps\)\.\n"
        r"Stop the service, then run: feedback migrate",
    ):
        open_store(old_url)
    assert contents(tmp_path / "feedback.db") == before


def test_an_upgrade_keeps_every_row_and_makes_a_backup_first(old_url: str, tmp_path: Path) -> None:
    before = contents(tmp_path / "feedback.db")
    open_store(old_url, migrate=True).close()
    after = contents(tmp_path / "feedback.db")
    assert {
        table: [{name: row[name] for name in old} for row, old in zip(after[table], rows, strict=True)]
        for table, rows in before.items()
    } == before
    assert [len(before["follow_up_events"]), len(before["builds"])] == [3, 2]
    (backup,) = (tmp_path / "backups").iterdir()
    assert contents(backup) == before


def test_an_upgraded_database_is_built_like_a_new_one(upgraded: Store, store: Store) -> None:
    def columns(one: Store) -> set[tuple[str, str, str]]:
        return set(
            map(
                tuple,
                one._database.connection.execute(
                    "SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c"
                ),
            )
        )

    assert columns(upgraded) == columns(store)
    assert upgraded._database.connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_after_the_upgrade_the_desk_works_on_what_was_there(upgraded: Store) -> None:
    following_up.log_interaction(upgraded, "f", "mara", Channel.CALL, Result.NOT_SOLVED, "Called.", ASKED + HOUR)
    was = datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert upgraded.follow_ups.history("f") == (
        FollowUpEvent(1, was, Event.OPENED, None, None, None),
        FollowUpEvent(2, was, Event.CLOSED, None, None, "Called,\nsolved."),
        FollowUpEvent(3, was, Event.REOPENED, None, None, None),
        FollowUpEvent(4, ASKED + HOUR, Event.TAKEN, "Mara", None, None),
        FollowUpEvent(5, ASKED + HOUR, Event.INTERACTION, "Mara", Channel.CALL, "Called.", Result.NOT_SOLVED),
    )
    assert upgraded.follow_ups.get("f").interactions == 1
    last = upgraded.operations.last_build()
    assert last is not None
    assert last.headline is None
    with pytest.raises(sqlite3.IntegrityError), upgraded.write():
        upgraded.follow_ups.add_interaction("f", "nobody", Channel.CALL, Result.NOT_SOLVED, "Called.", ASKED + HOUR)

import base64
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from feedback import jobs
from feedback.domain.audit import Action
from feedback.domain.cases import CaseRecord, CaseStatus
from feedback.domain.followups import Outcome
from feedback.domain.surveys import Choice, Details, Suppression
from feedback.errors import NotFound, Refused, StoreError
from feedback.loop import answering, backing_up, erasing, following_up
from feedback.loop.explaining import explain_case
from feedback.store import Store, open_store, sqlite
from feedback.store.cases import Change
from feedback.store.outbox import Kind, Mail, MailState
from feedback.store.sqlite import Database, load_queries
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop

LATER = NOW + DAY
ADDRESS = "ada@example.org"
TRACES = (
    b"ada@example.org",
    b"printer jams",
    b"page two again",
    b"5550 0142",
    b"before noon",
    b"told her to clean",
    b'"ada"',
)


def erase(loop: Loop, address: str = ADDRESS) -> None:
    erasing.erase(loop.store, loop.keys, address, LATER + timedelta(hours=1))
    erasing.clean_up(loop.store, loop.keys, loop.config)


def say_no(loop: Loop) -> str:
    """Ada's “no”, with words, and a note of staff about it; the survey's id."""
    loop.take(ADA, BRUNO)
    loop.ask()
    loop.send()
    survey_id = loop.survey_id()
    answering.answer(loop.store, loop.config, survey_id, Choice.NO, LATER)
    said = Details(
        (), "Page two again.", call=True, phone="+49 30 5550 0142", call_time="before noon", quote_name="Ada"
    )
    answering.add_details(loop.store, loop.config, survey_id, Choice.NO, said, LATER)
    return survey_id


def hand_over(loop: Loop, lease: timedelta) -> Mail:
    """Ada's mail, which a sender has in hand."""
    loop.take(ADA)
    loop.ask()
    with loop.store.write():
        (mail,) = loop.store.outbox.claim(Kind.SURVEY, "slow", LATER, lease, 9)
        loop.store.outbox.hand_over(mail, "slow", "Ada@example.org", LATER, lease)
    return mail


def back_up(loop: Loop) -> Path:
    return backing_up.back_up(loop.store, loop.config, loop.config.data_dir.parent / "b.tar.gz", LATER)


@contextmanager
def restored(loop: Loop, archive: Path) -> Iterator[Store]:
    loop.store.close()
    backing_up.restore(loop.config, archive, LATER + timedelta(hours=3))
    store = open_store(loop.config.database_url)
    yield store
    store.close()


def bytes_of(loop: Loop) -> bytes:
    """All that the database's files hold, free pages and journal too."""
    return b"".join(path.read_bytes().lower() for path in loop.config.data_dir.glob("feedback.db*"))


def test_nothing_that_tells_who_it_was_is_left_in_the_file(loop: Loop) -> None:
    say_no(loop)
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "Told her to clean it.", None, LATER)
    before = bytes_of(loop)
    assert all(trace in before for trace in TRACES[:-1])
    erase(loop)
    after = bytes_of(loop)
    assert [trace for trace in TRACES if trace in after] == []
    assert b"bruno@example.org" in after


def counted(loop: Loop) -> list[tuple[str, datetime, datetime, Choice | None]]:
    """What the figures are counted from: each resolution that was asked about."""
    served = loop.store.figures.served(NOW - DAY, lambda address: None)
    return [(row.customer_id, row.resolved_at, row.asked_at, row.choice) for row in served if row.asked_at]


def test_the_figures_stay(loop: Loop) -> None:
    say_no(loop)
    before = counted(loop)
    erase(loop)
    assert counted(loop) == before
    assert {choice for *_, choice in before} == {Choice.NO, None}


def test_what_was_owed_is_closed_and_its_alert_does_not_go(loop: Loop) -> None:
    say_no(loop)
    erase(loop)
    assert loop.store.follow_ups.open_ones() == []
    loop.send(LATER + timedelta(hours=2))
    assert [mail["To"] for mail in loop.maildir()] == ["bruno@example.org"]  # and what she had got is gone


@pytest.mark.parametrize("is_asked", [False, True])
def test_what_has_not_gone_out_does_not(loop: Loop, is_asked: bool) -> None:
    loop.take(ADA)
    if is_asked:
        loop.ask()
    erase(loop)
    loop.ask(LATER + timedelta(hours=2))
    loop.send(LATER + timedelta(hours=2))
    assert loop.maildir() == []
    assert loop.rows("SELECT state, reason FROM surveys") == [{"state": "cancelled", "reason": "erased"}]


@pytest.mark.parametrize(
    "record",
    [
        ADA,
        replace(ADA, email=None),
        replace(ADA, email=None, customer_ref=None, name=None),
        replace(ADA, ref="A-2", email=None),
        replace(ADA, ref="A-2", customer_ref=None, email="ADA@example.org"),
        replace(ADA, ref="A-2", customer_ref="another", email=" ada@Example.org"),
        replace(ADA, source="another desk"),
        *(
            replace(ADA, ref="A-2", customer_ref="another", email=email)
            for email in (
                "Ada <ada@example.org>",
                "mailto:ada@example.org",
                "ada@example.org.",
                "x@y.zz;ada@example.org",
            )
        ),
    ],
)
def test_no_import_brings_a_person_back(loop: Loop, record: CaseRecord) -> None:
    loop.take(ADA)
    erase(loop)
    (taken,) = loop.take(record, now=LATER + timedelta(hours=2))
    assert (taken.change, taken.decision) == (Change.SKIPPED, None)
    assert loop.store.cases.find("Printer", 9) == []


def test_others_come_in_as_before(loop: Loop) -> None:
    loop.take(ADA)
    erase(loop)
    (taken,) = loop.take(BRUNO)
    assert taken.change is Change.CREATED


def test_the_link_in_a_mail_of_old_takes_no_more_words(loop: Loop) -> None:
    survey_id = say_no(loop)
    erase(loop)
    with pytest.raises(NotFound):
        answering.answer(loop.store, loop.config, survey_id, Choice.YES, LATER)
    with pytest.raises(NotFound):
        loop.opt_out(LATER, survey_id)


def test_a_case_that_is_somebody_elses_by_now_costs_them_nothing(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, LATER)
    said = Details((), "Page two again.")
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.YES, said, LATER)
    loop.take(BRUNO, replace(BRUNO, ref="A-1"), now=LATER)
    meant = erasing.plan(loop.store, ADDRESS)
    assert ([one.name for one in meant.customers], meant.mails, meant.others) == (["Ada"], 1, ("bruno@example.org",))
    erase(loop)
    assert {case.ref for case in loop.store.cases.find("Bruno", 9)} == {"A-1", "B-2"}
    assert [trace for trace in (b"ada@example.org", b"page two again") if trace in bytes_of(loop)] == []
    (taken,) = loop.take(replace(BRUNO, ref="B-3"), now=LATER)
    assert taken.change is Change.CREATED


def test_an_address_that_a_customer_had_before_is_told_and_not_guessed_about(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    loop.take(replace(ADA, email="ada@new.example"), now=LATER)
    meant = erasing.plan(loop.store, ADDRESS)
    assert (meant.customers, meant.mails, meant.others) == ((), 1, ("ada@new.example",))
    erase(loop)
    assert erasing.plan(loop.store, "ada@new.example").customers[0].name == "Ada"
    erase(loop, "ada@new.example")
    assert [trace for trace in TRACES[:2] if trace in bytes_of(loop)] == []
    for record in (ADA, replace(ADA, email="ada@new.example", customer_ref=None, ref="A-7")):
        assert loop.take(record, now=LATER)[0].change is Change.SKIPPED


def test_what_was_freed_long_before_is_not_left_in_the_file_either(loop: Loop) -> None:
    survey_id = say_no(loop)
    for comment in ("lavender " * 500, "short"):
        answering.add_details(loop.store, loop.config, survey_id, Choice.NO, Details((), comment), LATER)
    loop.take(*(replace(ADA, ref=f"r{n}", customer_ref=f"c{n}", subject="heather " * 40) for n in range(60)))
    loop.take(*(replace(ADA, ref=f"r{n}", customer_ref=f"c{n}", subject="x") for n in range(60)), now=LATER)
    erase(loop)
    assert b"lavender" not in bytes_of(loop)
    assert b"heather" not in bytes_of(loop)


def test_a_sender_that_has_vanished_keeps_nobody_and_its_late_acceptance_brings_no_address_back(loop: Loop) -> None:
    mail = hand_over(loop, timedelta(minutes=1))
    erase(loop)
    assert loop.store.outbox.counts() == {MailState.UNCONFIRMED: 1}
    with loop.store.write():
        loop.store.outbox.finish(mail, "slow", MailState.SENT, "250 <ada@example.org> delivered")
    assert loop.store.outbox.counts() == {MailState.SENT: 1}
    assert b"ada@example.org" not in bytes_of(loop)


def test_what_other_cases_say_of_an_erased_one_goes_as_well(loop: Loop) -> None:
    loop.take(ADA, replace(BRUNO, status=CaseStatus.MERGED, merged_into="A-1"))
    erase(loop)
    assert loop.rows("SELECT merged_into FROM cases WHERE merged_into IS NOT NULL") == []


def test_a_restore_erases_a_case_and_not_whose_it_was_in_the_backup(loop: Loop) -> None:
    loop.take(BRUNO, replace(BRUNO, ref="A-1"))
    loop.ask()
    loop.send()
    archive = back_up(loop)
    loop.take(ADA, now=LATER)
    erase(loop)
    with restored(loop, archive) as store:
        assert [case.ref for case in store.cases.find("Bruno", 9) if case.ref == "B-2"] == ["B-2"]


def test_nobody_is_erased_while_a_mail_to_them_is_handed_over(loop: Loop) -> None:
    hand_over(loop, 2 * DAY)
    with pytest.raises(Refused, match="being handed over at this moment"):
        erase(loop)
    assert loop.store.cases.with_ref("A-1")


@pytest.mark.parametrize("address", ["", "ada", "somebody@example.org"])
def test_whoever_is_unknown_is_not_erased_nor_kept_out(loop: Loop, address: str) -> None:
    loop.take(ADA)
    with pytest.raises(NotFound, match="Nobody is known by"):
        erase(loop, address)
    assert loop.rows("SELECT * FROM erasures") == loop.rows("SELECT * FROM suppressions") == []


@pytest.mark.parametrize("address", ["Käthe@bäcker.example", "dora @example.org", "nonsense"])
def test_whatever_was_taken_in_as_an_address_can_be_erased(loop: Loop, address: str) -> None:
    loop.take(replace(ADA, email=address))
    erase(loop, address.upper())
    assert b"printer jams" not in bytes_of(loop)


def test_an_erasure_outweighs_an_opt_out_and_is_audited_without_the_address(loop: Loop) -> None:
    survey_id = say_no(loop)
    loop.opt_out(LATER, survey_id)
    erase(loop)
    hashes = loop.keys.address_hashes(ADDRESS)
    assert loop.store.surveys.suppression(hashes) is Suppression.ERASED
    assert loop.rows("SELECT actor, action, subject, was, became FROM audit") == [
        {
            "actor": "command line",
            "action": "customer.erase",
            "subject": hashes[0],
            "was": "customers: 1, cases: 1",
            "became": "erased",
        }
    ]


def test_a_restore_erases_again_whom_the_backup_still_knows(loop: Loop) -> None:
    say_no(loop)
    archive = back_up(loop)
    erase(loop)
    with restored(loop, archive) as store:
        assert [case.ref for case in store.cases.find("", 9) if not case.ref.startswith("erased-")] == ["B-2"]
    found = b"".join(path.read_bytes().lower() for path in loop.config.data_dir.glob("feedback.db*"))
    assert [trace for trace in TRACES if trace in found] == []


def test_a_restore_erases_a_case_that_had_no_customer_then(loop: Loop) -> None:
    loop.take(replace(ADA, customer_ref=None, email=None, name=None))
    archive = back_up(loop)
    loop.take(ADA, now=LATER)
    erase(loop)
    with restored(loop, archive) as store:
        assert store.cases.find("Printer", 9) == []


def test_the_files_that_still_hold_the_address_are_told(loop: Loop) -> None:
    say_no(loop)
    folder = loop.config.data_dir
    backing_up.back_up(loop.store, loop.config, None, LATER)
    (folder / "box" / "cur").mkdir(parents=True)
    encoded = base64.encodebytes(b"<p>write to Ada@Example.org, she waits for it</p>")
    (folder / "box" / "cur" / "1").write_bytes(b"Subject: x\nContent-Transfer-Encoding: base64\n\n" + encoded)
    (folder / "box" / "cur" / "2").write_bytes(b"Content-Type: multipart/mixed; no boundary\n\n--x\n\n" + encoded)
    (folder / "feedback.db.bak").write_text("ada@example.org")
    (folder / "broken.eml").write_bytes(b"write to ada@exam=\r\nple.org soon\r\n")
    (folder / "others.csv").write_text("bruno@example.org\n")
    (folder / "damaged.gz").write_bytes(gzip.compress(b"ada@example.org" * 99)[:30])
    erase(loop)
    told = {str(one.path.relative_to(folder)): one.is_read for one in erasing.still_held(loop.config, ADDRESS)}
    archives = [name for name in told if name.startswith("backups/")]
    assert len(archives) == 1
    assert told == {
        archives[0]: True,
        "box/cur/1": True,
        "box/cur/2": True,
        "broken.eml": True,
        "feedback.db.bak": True,
        "damaged.gz": False,  # what cannot be read may hold it
    }


def clean_up(loop: Loop) -> str | None:
    """The scheduler's job, once; why it failed, if it did."""
    (job,) = (one for one in jobs.make_jobs(loop.config, loop.store, loop.keys) if one.name == "clean-up")
    return jobs.run_once(job, loop.store, lambda: LATER + DAY)


def test_what_somebody_reads_at_this_moment_is_cleaned_up_once_they_are_done(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that is not at its end: what the reader may still need stays in the journal, and with it her words."""
    monkeypatch.setattr(sqlite, "READERS_TIMEOUT_S", 0.1)
    say_no(loop)
    reader = Database(loop.config.data_dir / "feedback.db")
    rows = reader.connection.execute("SELECT id FROM answers UNION ALL SELECT id FROM cases")
    rows.fetchone()
    erasing.erase(loop.store, loop.keys, ADDRESS, LATER)
    assert loop.store.cases.find("Printer", 9) == []
    for _ in range(2):
        failure = clean_up(loop)
        assert failure is not None
        assert "a download or another program reads" in failure
    (words,) = [one.words for one in loop.store.operations.heartbeats() if one.job == "clean-up"]
    assert words == failure
    assert loop.store.operations.requested("clean-up") is not None
    assert b"page two again" in bytes_of(loop)
    rows.close()
    assert clean_up(loop) is None
    assert loop.store.operations.requested("clean-up") is None
    assert [trace for trace in TRACES if trace in bytes_of(loop)] == []
    reader.close()


def test_an_erasure_is_short_and_what_it_leaves_to_do_waits_for_the_scheduler(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_no(loop)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "write_anew", lambda _: (_ for _ in ()).throw(StoreError("The disk is full.")))
        erasing.erase(loop.store, loop.keys, ADDRESS, LATER)
        assert "The disk is full." in str(clean_up(loop))
        assert [mail["To"] for mail in loop.maildir()] == ["bruno@example.org"], "files go, whatever the database does"
        with pytest.raises(StoreError, match="The disk is full"):
            jobs.nightly(loop.store, loop.keys, loop.config, LATER + DAY)
    assert list((loop.config.data_dir / "backups").iterdir()) != []
    jobs.nightly(loop.store, loop.keys, loop.config, LATER + 2 * DAY)
    assert loop.store.operations.requested("clean-up") is None
    assert [trace for trace in TRACES if trace in bytes_of(loop)] == []


def test_an_erasure_that_comes_during_a_clean_up_waits_for_the_next(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_no(loop)
    erasing.erase(loop.store, loop.keys, ADDRESS, LATER)
    write_anew = Database.write_anew

    def meanwhile(database: Database) -> None:
        write_anew(database)
        erasing.erase(loop.store, loop.keys, "bruno@example.org", LATER)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write_anew", meanwhile)
        erasing.clean_up(loop.store, loop.keys, loop.config)
    assert loop.store.operations.requested("clean-up") is not None


@pytest.mark.parametrize("name", ["customers_at", "mails_to", "mails_of", "asked_elsewhere_at", "erase_mergers"])
def test_whoever_is_erased_is_found_without_a_look_at_everybody(loop: Loop, name: str) -> None:
    values = dict.fromkeys(("address", "customer_id", "source", "ref"), "x")
    plan = loop.store._database.connection.execute(
        f"EXPLAIN QUERY PLAN {getattr(load_queries('erasures'), name).sql}", values
    )
    told = [row["detail"] for row in plan]
    scans = [one for one in told if one.startswith("SCAN") and "_beyond_ascii" not in one and "found" not in one]
    assert scans == [], told


def test_capitals_beyond_ascii_are_those_of_the_same_address(loop: Loop) -> None:
    loop.take(ADA, replace(BRUNO, email="KÄTHA@bäcker.example"))
    mail = hand_over(loop, timedelta(minutes=1))
    with loop.store.write():
        loop.store._database.connection.execute(
            "UPDATE outbox SET recipient = 'KÄTHE@bäcker.example' WHERE id = ?", (mail.id,)
        )
    loop.take(replace(ADA, email="ada@new.example"), now=LATER)
    meant = erasing.plan(loop.store, "Käthe@BÄCKER.example")
    assert (meant.customers, meant.mails, meant.others) == ((), 1, ("ada@new.example",))
    erase(loop, "kätha@bäcker.example")
    assert loop.rows("SELECT email FROM customers WHERE email IS NOT NULL") == [{"email": "ada@new.example"}]
    assert erasing.plan(loop.store, "käthe@bäcker.example").mails == 1


def test_what_somebody_said_at_a_former_address_about_a_case_that_is_anothers_by_now_goes_too(loop: Loop) -> None:
    say_no(loop)
    loop.take(replace(ADA, ref="A-2", email="ada@new.example", resolved_at=None, status=CaseStatus.OPEN), now=LATER)
    loop.take(replace(BRUNO, ref="A-1", subject="Lost parcel"), now=LATER)
    meant = erasing.plan(loop.store, "ada@new.example")
    assert ([one.name for one in meant.customers], meant.mails) == (["Ada"], 1)
    assert "Ada@example.org" in meant.others
    erase(loop, "ada@new.example")
    assert [trace for trace in TRACES if trace in bytes_of(loop)] == []
    assert b"lost parcel" in bytes_of(loop)


def test_of_an_erased_case_only_the_choice_is_left(loop: Loop) -> None:
    say_no(loop)
    erase(loop)
    (case,) = [one for one in loop.store.cases.find("", 9) if one.ref.startswith("erased-")]
    (story,) = loop.store.cases.stories(case.id)
    assert story.mail is not None
    assert (story.mail.recipient, story.comment, story.choice) == (None, None, Choice.NO)
    told = [
        line for part in explain_case(loop.store, loop.keys, loop.config, case, loop.config.zone) for line in part.lines
    ]
    assert "What we knew of the customer was erased." in told
    assert not any("http" in line or "None" in line for line in told)


def test_a_backup_of_the_moment_in_which_a_mail_went_out_can_be_restored(loop: Loop) -> None:
    mail = hand_over(loop, DAY)
    archive = back_up(loop)
    with loop.store.write():
        loop.store.outbox.finish(mail, "slow", MailState.SENT, "250 taken")
    erase(loop)
    with restored(loop, archive) as store:
        assert store.outbox.counts() == {MailState.UNCONFIRMED: 1}
        assert store.cases.find("Printer", 9) == []


def test_an_erased_answer_keeps_its_day_and_loses_its_hour(loop: Loop) -> None:
    say_no(loop)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, LATER + timedelta(minutes=5))
    survey_id = loop.survey_id()
    erase(loop)
    assert loop.rows(f"SELECT choice, at, details_at FROM answers WHERE survey_id = '{survey_id}' ORDER BY seq") == [
        {"choice": "no", "at": "2026-03-04T00:00:00Z", "details_at": "2026-03-04T00:00:00Z"},
        {"choice": "yes", "at": "2026-03-04T00:00:00Z", "details_at": None},
    ]
    assert [choice for *_, choice in counted(loop)] == [Choice.YES, None], "the newest counts"


def test_what_the_audit_tells_in_detail_of_an_erased_person_goes_and_that_it_was_done_stays(loop: Loop) -> None:
    survey_id = say_no(loop)
    (follow_up,) = loop.store.follow_ups.open_ones()
    ids = {table: loop.rows(f"SELECT id FROM {table} ORDER BY ref")[0]["id"] for table in ("cases", "customers")}
    (answer,) = loop.rows("SELECT id FROM answers")
    theirs = [*ids.values(), loop.resolution_id(), survey_id, answer["id"], follow_up.id]
    with loop.store.write():
        for subject in (*theirs, loop.resolution_id("B-2")):
            loop.store.audit.note("mara", Action.LOG, subject, LATER, became="called Ada")
    erase(loop)
    told = {
        row["subject"]: row["became"] for row in loop.rows("SELECT subject, became FROM audit WHERE actor = 'mara'")
    }
    assert [told[subject] for subject in theirs] == [None] * 6
    assert told[loop.resolution_id("B-2")] == "called Ada"

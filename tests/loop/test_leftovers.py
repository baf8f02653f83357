"""What files hold of a person goes with the person: caught mail, messages set aside, refused rows."""

import fcntl
import gzip
import os
import stat
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from feedback import jobs
from feedback.domain.followups import Channel, Outcome, Result
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details
from feedback.loop import answering, backing_up, erasing, following_up, leftovers, retaining
from feedback.loop.intake import import_cases
from feedback.loop.leftovers import Swept
from feedback.loop.mapping import CaseMapping
from feedback.loop.receiving import set_aside
from feedback.mail.inbox import texts
from feedback.store.search import Kind
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop

LATER = NOW + DAY
HOUR = timedelta(hours=1)
OVER = LATER + 731 * DAY
ADDRESS = "ada@example.org"
QUILL = replace(ADA, name="Ada Quillfeather")
OTTO = replace(BRUNO, name="Otto Ravenscroft")
HERS = Details((), "It still zwitschert.", call=True, phone="+49 30 5550 0142", quote_name="Ada Quillfeather")
HIS = Details((), "The parcel is lost for good.", call=True, phone="+49 30 7770 0001")
TRACES = ("quillfeather", ADDRESS, "5550 0142", "zwitschert", "gasket")
ROWS = """source,ref,status,email,name,subject
shop,A-1,gone,,Ada Quillfeather,no address but the case
shop,A-7,gone,ADA@Example.org,Ada Quillfeather,"a quote "" and
a second line"
shop,B-7,"half
gone",bruno@example.org,Otto Ravenscroft,"stays, as ""it"" is
on two lines"
shop,A-9,gone,,Nobody,Ada's printer
"""


def say_no(loop: Loop, ref: str, said: Details) -> str:
    """The follow-up of the “no” of a case."""
    survey_id = loop.survey_id(ref)
    answering.answer(loop.store, loop.config, survey_id, Choice.NO, LATER)
    answering.add_details(loop.store, loop.config, survey_id, Choice.NO, said, LATER)
    return next(one.id for one in loop.store.follow_ups.open_ones() if one.case_ref == ref)


def refuse(loop: Loop, text: str = ROWS, now: datetime = LATER, mapping: CaseMapping | None = None) -> Path | None:
    """Import rows that cannot be used; where they are kept."""
    path = loop.config.data_dir.parent / "export.csv"
    path.write_text(text)
    folder = loop.config.data_dir / "refused"
    return import_cases(loop.store, loop.asking, loop.config, path, mapping, now, refused_folder=folder).refused_file


def live(loop: Loop) -> None:
    """A small life of two customers: asked, answered with words, told to staff, cared for, refused, looked for."""
    with loop.store.write():
        mara = loop.store.staff.add("mara@acme.example", "Mara", "a hash", Role.OWNER)
    loop.take(QUILL, OTTO)
    loop.ask()
    loop.send()
    hers = say_no(loop, "A-1", HERS)
    say_no(loop, "B-2", HIS)
    loop.send(LATER + HOUR)
    said = "Ada says that the gasket leaks."
    following_up.log_interaction(loop.store, hers, mara, Channel.CALL, Result.NOT_SOLVED, said, LATER + 2 * HOUR)
    assert loop.store.search.find("quillfeather gasket", Kind.FOLLOW_UP, 9)
    refuse(loop)
    set_aside(loop.config, b"From: Ada <ada@example.org>\nTo: care@acme.example\n\nIt zwitschert.\n")
    set_aside(loop.config, b"From: Bruno <bruno@example.org>\nTo: care@acme.example\n\nAny news?\n")


def erase(loop: Loop) -> Swept:
    erasing.erase(loop.store, loop.keys, ADDRESS, LATER + 5 * HOUR)
    return erasing.clean_up(loop.store, loop.keys, loop.config)


def sweep(loop: Loop) -> None:
    retaining.sweep_files(loop.store, loop.keys, loop.config, LATER + DAY)


def content_of(path: Path) -> str:
    """All that can be read in a file, packed or encoded."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    decoded = "".join(texts(content)) if leftovers.is_message(path) else ""
    return (content.decode("utf-8", "replace") + decoded).lower()


def holding(loop: Loop, *traces: str) -> set[Path]:
    """The files of the data folder that hold one of these."""
    files = [path for path in loop.config.data_dir.rglob("*") if path.is_file()]
    return {path for path in files if any(trace in content_of(path) for trace in traces)}


def caught(loop: Loop) -> list[str]:
    return sorted(str(mail["To"]) for mail in loop.maildir())


def age(path: Path, days: float) -> None:
    at = (OVER - days * DAY).timestamp()
    os.utime(path, (at, at))


def test_an_erased_person_is_in_no_file_but_the_backups_that_are_told(loop: Loop) -> None:
    live(loop)
    jobs.nightly(loop.store, loop.keys, loop.config, LATER)
    (nightly,) = (loop.config.data_dir / "backups").iterdir()
    his_before = holding(loop, "bruno@example.org", "ravenscroft", "7770 0001", "lost for good")
    for trace in TRACES:
        assert len(holding(loop, trace)) > 1
    assert caught(loop) == ["Ada@example.org", "bruno@example.org", "mara@acme.example", "mara@acme.example"]

    swept = erase(loop)

    assert (swept.messages, swept.rows, swept.left) == (3, 2, [])
    assert list(erasing.still_held(loop.config, ADDRESS)) == [erasing.Held(nightly, is_read=True)]
    assert holding(loop, *TRACES) == {nightly}
    assert not loop.store.search.find("gasket", Kind.FOLLOW_UP, 9)
    assert caught(loop) == ["bruno@example.org", "mara@acme.example"]
    his_after = holding(loop, "bruno@example.org", "ravenscroft", "7770 0001", "lost for good")
    assert {path for path in his_before if "feedback.db" not in path.name} <= his_after
    assert [one.case_ref for one in loop.store.follow_ups.open_ones()] == ["B-2"]


def test_the_rows_of_others_stay_byte_for_byte_with_the_age_of_their_file_and_for_their_owner_alone(loop: Loop) -> None:
    loop.take(QUILL)
    path = refuse(loop)
    assert path is not None
    age(path, 100)
    before, known = path.read_bytes(), path.stat()
    header, others = before.index(b"\r\n2,") + 2, before.index(b"\r\n5,") + 2
    erase(loop)
    assert path.read_bytes() == before[:header] + before[others:]
    assert (path.stat().st_mtime_ns, stat.S_IMODE(path.stat().st_mode)) == (known.st_mtime_ns, 0o600)
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_left_without_rows_goes(loop: Loop) -> None:
    loop.take(QUILL)
    path = refuse(loop, "source,ref,status,email\nshop,A-1,gone,\n")
    assert path is not None
    assert path.exists()
    assert erase(loop).rows == 1
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("row", "is_hers"),
    [
        ("x,A-1,x,Otto", True),
        ("x, ada ,x,Otto", True),  # the reference of the customer
        ('x,1,"write to <Ada@Example.org>, please",Otto', True),
        ("ada@example.org,A-1,broken,row,of,many", True),
        ("x,A-11,x,Otto", False),
        ("x,B-2,x,Ada", False),
        ("x,1,nada@example.org,Otto", False),
    ],
)
def test_a_row_is_found_by_what_stands_in_whatever_column(loop: Loop, row: str, is_hers: bool) -> None:
    """An export of another help desk: its columns have names of their own."""
    fields = {"source": {"constant": "shop"}, "ref": "Vorgang", "status": "Stand", "email": "Wer", "name": "Name"}
    mapping = CaseMapping.model_validate({"fields": fields})
    loop.take(QUILL, OTTO)
    path = refuse(loop, f"Stand,Vorgang,Wer,Name\n{row}\nx,B-2,x,Otto\n", mapping=mapping)
    assert path is not None
    assert erase(loop).rows == is_hers
    assert content_of(path).count("\n") == 3 - is_hers


def test_no_refused_row_brings_a_person_back(loop: Loop) -> None:
    loop.take(QUILL)
    erase(loop)
    path = refuse(loop)
    assert path is not None
    assert "quillfeather" not in content_of(path)
    assert "ravenscroft" in content_of(path)


def test_a_number_that_is_no_reference_is_taken_for_none(loop: Loop) -> None:
    loop.take(replace(QUILL, ref="4"))
    path = refuse(loop, "source,ref,status,email,interactions\nshop,B-7,gone,bruno@example.org,4\n")
    assert erase(loop).rows == 0
    assert path is not None
    assert path.exists()


def test_what_an_import_is_writing_is_left_told_and_swept_in_the_night(loop: Loop) -> None:
    loop.take(QUILL)
    path = refuse(loop)
    assert path is not None
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert (swept := erase(loop)).busy == [path]
        assert swept.left == []
        assert "quillfeather" in content_of(path)
    sweep(loop)
    assert "quillfeather" not in content_of(path)


def test_a_file_that_another_sweep_has_replaced_meanwhile_is_left_to_that(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between being opened and being locked; what was read of it is gone, and would be put back."""
    loop.take(QUILL)
    path = refuse(loop)
    assert path is not None
    flock = fcntl.flock

    def late(file: object, operation: int) -> None:
        fresh = path.with_name("fresh")
        fresh.write_text("line,field\nof the other sweep\n")
        os.replace(fresh, path)
        flock(file, operation)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", late)
    swept = erase(loop)
    assert (swept.rows, swept.left, swept.busy) == (0, [], [])
    assert path.read_text() == "line,field\nof the other sweep\n"


def test_a_sweep_leaves_alone_what_another_one_is_writing(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line cleans up while the scheduler does."""
    loop.take(QUILL)
    path = refuse(loop)
    assert path is not None
    fsync, others = os.fsync, []

    def meanwhile(number: int) -> None:
        fsync(number)
        monkeypatch.setattr(os, "fsync", fsync)
        others.append(erasing.clean_up(loop.store, loop.keys, loop.config))

    erasing.erase(loop.store, loop.keys, ADDRESS, LATER)
    monkeypatch.setattr(os, "fsync", meanwhile)
    assert erasing.clean_up(loop.store, loop.keys, loop.config).rows == 2
    assert [(one.rows, one.busy, one.left) for one in others] == [(0, [path], [])]
    assert "quillfeather" not in content_of(path)
    assert list(path.parent.iterdir()) == [path]


def test_what_a_crash_left_behind_is_swept_in_the_night(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    live(loop)
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "sweep", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            erase(loop)
    half = loop.config.data_dir / "refused" / ".export.csv.swept"
    half.write_text("what a sweep had begun to write")
    assert holding(loop, *TRACES)
    jobs.nightly(loop.store, loop.keys, loop.config, LATER + DAY)
    assert holding(loop, *TRACES) == set()
    assert not half.exists()
    assert caught(loop) == ["bruno@example.org", "mara@acme.example"]


def test_a_mail_to_staff_about_a_case_that_is_somebody_elses_by_now_goes_too(loop: Loop) -> None:
    """Its words are hers, though neither her address nor her case is in the database as hers any more."""
    loop.take(QUILL)
    loop.ask()
    loop.send()
    say_no(loop, "A-1", HERS)
    loop.send(LATER + HOUR)
    loop.take(replace(OTTO, ref="A-1"), now=LATER + 2 * HOUR)
    assert caught(loop) == ["Ada@example.org", "mara@acme.example"]
    erase(loop)
    assert caught(loop) == []


def test_mail_caught_before_a_server_sent_it_goes_wherever_a_mail_program_has_put_it(loop: Loop) -> None:
    live(loop)
    new = loop.config.mail_folder / "new"
    for folder in (new.parent / "cur", new.parent / ".Archive" / "cur"):
        folder.mkdir(parents=True, exist_ok=True)
        path = next(path for path in new.iterdir() if "quillfeather" in content_of(path))
        path.rename(folder / f"{path.name}:2,S")
    loop.config = loop.config.model_copy(update={"mail": "smtp://127.0.0.1:2525/"})
    assert erase(loop).messages == 3
    assert holding(loop, *TRACES) == set()


def test_a_mail_that_the_database_does_not_know_goes_and_one_of_another_programs_stays(loop: Loop) -> None:
    """After a restore nothing tells whom a mail was about that went out since the backup."""
    archive = backing_up.back_up(loop.store, loop.config, loop.config.data_dir.parent / "b.tar.gz", NOW)
    loop.take(OTTO)
    loop.ask()
    loop.send()
    (loop.config.mail_folder / "new" / "1").write_text(
        "Message-ID: <1@other.example>\nTo: otto@other.example\n\nHello\n"
    )
    loop.store.close()
    backing_up.restore(loop.config, archive, LATER)
    loop.store._database.connection.execute("SELECT 1")
    sweep(loop)
    assert caught(loop) == ["otto@other.example"]


def test_in_a_folder_of_somebodys_own_only_our_mails_are_touched(loop: Loop, tmp_path: Path) -> None:
    loop.config = loop.config.model_copy(update={"mail": f"maildir:{tmp_path / 'Maildir'}"})
    live(loop)
    own = tmp_path / "Maildir" / "new" / "1"
    own.write_text("Message-ID: <1@acme.example>\nFrom: Ada@example.org\n\nHello\n")
    age(own, 800)
    erase(loop)
    retaining.sweep_files(loop.store, loop.keys, loop.config, OVER)
    assert own.exists()
    assert len(caught(loop)) == 3


def test_what_cannot_be_deleted_is_told(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    live(loop)
    unlink = Path.unlink

    def stubborn(path: Path, missing_ok: bool = False) -> None:
        if "mail" in path.parts:
            raise PermissionError
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", stubborn)
    assert {path.parent for path in erase(loop).left} == {loop.config.mail_folder / "new"}


def test_what_is_older_than_the_retention_goes_each_night(loop: Loop) -> None:
    refused = loop.config.data_dir / "refused"
    new = loop.config.mail_folder / "new"
    for folder in (refused, new, loop.config.data_dir / "set-aside"):
        folder.mkdir(parents=True)
        for name, days in (("old", 731), ("young", 729)):
            (folder / name).write_text("line,field\n1,x\n")
            age(folder / name, days)
    jobs.nightly(loop.store, loop.keys, loop.config, OVER)
    kept = [path.name for path in loop.config.data_dir.rglob("*") if path.name in ("old", "young")]
    assert kept == ["young"] * 3


def test_without_a_retention_nothing_goes_for_its_age(loop: Loop) -> None:
    loop.config = loop.config.model_copy(update={"retention": timedelta(0)})
    path = loop.config.mail_folder / "new" / "old"
    path.parent.mkdir(parents=True)
    path.write_text("Hello")
    age(path, 3000)
    jobs.nightly(loop.store, loop.keys, loop.config, OVER)
    assert path.exists()


def test_whoever_is_forgotten_in_time_loses_mails_and_refused_rows_that_are_younger(loop: Loop) -> None:
    live(loop)
    for follow_up in loop.store.follow_ups.open_ones():
        following_up.close(
            loop.store, loop.asking, follow_up.id, Outcome.NO_CONTACT, "The gasket leaks.", None, LATER + 3 * HOUR
        )
    loop.take(replace(OTTO, ref="B-9", opened_at=OVER, resolved_at=OVER), now=OVER)  # he is heard of again
    for path in loop.config.data_dir.rglob("*"):
        if path.is_file():
            age(path, 1)
    (loop.config.data_dir / "set-aside").rename(loop.config.data_dir.parent / "set-aside")  # of her address alone
    while jobs.nightly(loop.store, loop.keys, loop.config, OVER):
        pass
    found = holding(loop, "quillfeather", "zwitschert")
    assert {path for path in found if "feedback.db" not in path.name} == set()
    assert caught(loop) == ["bruno@example.org", "mara@acme.example"]
    assert len(holding(loop, "ravenscroft")) > 2

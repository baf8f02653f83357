"""What is looked for is found, whatever wrote it; and what was erased is not in the index any more."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.domain.cases import CaseStatus
from feedback.domain.followups import Channel, Outcome, Result
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details
from feedback.loop import answering, erasing, following_up
from feedback.store import Store, open_store
from feedback.store.search import Found, Kind, Part, is_searchable
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop

LATER = NOW + DAY
HOUR = timedelta(hours=1)


@pytest.fixture
def told(loop: Loop) -> Loop:
    """Ada says no, and what is wrong; Mara notes a call. Bruno says yes."""
    loop.take(ADA, BRUNO)
    with loop.store.write():
        mara = loop.store.staff.add("mara@acme.example", "Mara", "a hash", Role.OWNER)
    say(loop, "A-1", Choice.NO, "Das Gerät läuft heiß, quietscht.", LATER)
    say(loop, "B-2", Choice.YES, "Très rapide!", LATER + HOUR)
    following_up.log_interaction(
        loop.store, follow_up(loop), mara, Channel.CALL, Result.NOT_SOLVED, "Sent a marigold gasket.", LATER
    )
    check(loop)
    return loop


def say(loop: Loop, ref: str, choice: Choice, comment: str, at: object = LATER) -> None:
    survey_id = loop.survey_id(ref)
    answering.answer(loop.store, loop.config, survey_id, choice, at)  # type: ignore[arg-type]
    answering.add_details(loop.store, loop.config, survey_id, choice, Details(comment=comment), at)  # type: ignore[arg-type]


def follow_up(loop: Loop, ref: str = "A-1") -> str:
    known = loop.store.follow_ups.of_survey(loop.survey_id(ref))
    assert known is not None
    return known.id


def check(loop: Loop) -> None:
    """FTS5 itself compares the index with the texts; it raises if a word is missing, or is there too many."""
    with loop.store.write():
        loop.store._database.connection.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
    (row,) = loop.rows(
        "SELECT (SELECT COUNT(*) FROM searched WHERE kind = 'case') - (SELECT COUNT(*) FROM cases) AS cases,"
        " (SELECT COUNT(*) FROM searched WHERE kind = 'answer')"
        " - (SELECT COUNT(*) FROM answers WHERE comment IS NOT NULL) AS answers,"
        " (SELECT COUNT(*) FROM searched WHERE kind = 'follow_up') - (SELECT COUNT(*) FROM follow_ups) AS follow_ups"
    )
    assert row == {"cases": 0, "answers": 0, "follow_ups": 0}


def text(parts: tuple[Part, ...]) -> str:
    return "".join(f"[{part.text}]" if part.is_hit else part.text for part in parts)


def found(store: Store, words: str) -> dict[str, list[str]]:
    """The references of what is found, by kind; kinds without any are left out."""
    every: dict[str, list[Found]] = {kind.value: store.search.find(words, kind, 99) for kind in Kind}
    return {kind: ["".join(part.text for part in one.ref) for one in ones] for kind, ones in every.items() if ones}


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("quietscht", {"answer": ["A-1"]}),
        ("GERAT heiß", {"answer": ["A-1"]}),
        ("tres", {"answer": ["B-2"]}),
        ("ger", {"answer": ["A-1"]}),
        ("ger quietscht", {}),  # only the last may be a beginning
        ("marigold", {"follow_up": ["A-1"]}),
        ("gask", {"follow_up": ["A-1"]}),
        ("asket", {}),
        ("parcel", {"answer": ["B-2"], "case": ["B-2"]}),
        ("ada@example.org", {"follow_up": ["A-1"], "answer": ["A-1"], "case": ["A-1"]}),
        ("bruno tres", {"answer": ["B-2"]}),  # of two fields
        ("A-1", {"follow_up": ["A-1"], "answer": ["A-1"], "case": ["A-1"]}),
        ("a 1", {"follow_up": ["A-1"], "answer": ["A-1"], "case": ["A-1"]}),
        ("b", {"answer": ["B-2"], "case": ["B-2"]}),
    ],
)
def test_words_are_found_in_comments_notes_and_cases(told: Loop, words: str, kinds: dict[str, list[str]]) -> None:
    assert found(told.store, words) == kinds


@pytest.mark.parametrize(
    "words",
    [
        *('"', '""', "'", "*", "(", ")", "^", "+", "-", ":", "AND", "OR", "NOT", "NEAR(a b)", "a AND", "words:x", "\\"),
        *(
            "about : ada",
            "{about words}: x",
            "ada*",
            '"ada',
            'ada"',
            "ada OR bruno",
            "%",
            "_",
            "😀",
            "-ada",
            "\x00",
            "",
        ),
    ],
)
def test_words_are_data_whatever_they_are(told: Loop, words: str) -> None:
    kinds = found(told.store, words)
    assert kinds == {} or "ada" in words or words == "OR"  # of .org
    assert is_searchable(words) is any(letter.isalnum() for letter in words)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_no_words_are_an_error(store: Store, words: str) -> None:
    for kind in Kind:
        assert store.search.find(words, kind, 9) == []


def test_what_was_found_is_marked_in_its_line(told: Loop) -> None:
    (one,) = told.store.search.find("ada marigold", Kind.FOLLOW_UP, 9)
    assert [text(part) for part in (one.ref, one.subject, one.customer, one.email, one.words)] == [
        *("A-1", "Printer jams on page two", "[Ada]", "[Ada]@example.org", "Sent a [marigold] gasket."),
    ]
    assert (one.key, one.owner, one.closed_at, one.at) == (follow_up(told), "Mara", None, LATER)
    (said,) = told.store.search.find("quiet", Kind.ANSWER, 9)
    assert (text(said.words), said.choice, said.follow_up_id) == (
        "Das Gerät läuft heiß, [quietscht].",
        Choice.NO,
        follow_up(told),
    )


def test_the_newest_of_a_kind_come_first_in_whichever_order_they_came_in(loop: Loop) -> None:
    hours = (3, 1, 4, 2, 5)
    loop.take(*(replace(ADA, ref=f"R{n}", opened_at=NOW - n * HOUR, resolved_at=NOW) for n in hours))
    loop.take(*(replace(ADA, ref=f"S{n}", opened_at=NOW - 6 * HOUR) for n in range(3)))  # one moment
    loop.take(replace(ADA, ref="T", opened_at=None, resolved_at=None, status=CaseStatus.OPEN))
    refs = found(loop.store, "printer")["case"]
    assert refs == ["R1", "R2", "R3", "R4", "R5", "S2", "S1", "S0", "T"]
    assert [text(one.ref) for one in loop.store.search.find("printer", Kind.CASE, 2)] == ["R1", "R2"]
    check(loop)


def test_whatever_changes_is_found_as_it_is_now(told: Loop) -> None:
    say(told, "A-1", Choice.NO, "It hums.", LATER)
    assert (found(told.store, "quietscht"), found(told.store, "hums")) == ({}, {"answer": ["A-1"]})
    told.take(replace(ADA, subject="Kettle leaks", name="Ada Lovelace"), now=LATER)
    assert found(told.store, "printer") == {}
    everywhere = {kind.value: ["A-1"] for kind in Kind}
    assert found(told.store, "lovelace kettle") == everywhere
    told.take(replace(BRUNO, ref="A-1"), now=LATER)  # the case is somebody else's
    assert found(told.store, "lovelace") == {}
    assert found(told.store, "bruno parcel hums") == {"answer": ["A-1"]}
    say(told, "A-1", Choice.NO, "", LATER)
    assert found(told.store, "hums") == {}
    following_up.close(told.store, told.asking, follow_up(told), Outcome.SOLVED, "Exchanged.", None, LATER)
    assert found(told.store, "marigold") == found(told.store, "exchanged") == {"follow_up": ["A-1"]}
    check(told)


def test_an_account_that_has_another_name_and_address_in_each_row_is_written_into_the_index_once(loop: Loop) -> None:
    connection, changes = loop.store._database.connection, []
    for account in ("acme", "bolt"):
        records = [
            replace(ADA, ref=f"{account}-{n}", customer_ref=account, email="office@x.example") for n in range(200)
        ]
        if account == "bolt":
            records = [replace(one, name=f"Bolt{n}", email=f"b{n}@x.example") for n, one in enumerate(records)]
        before = connection.total_changes
        loop.take(*records)
        changes.append(connection.total_changes - before)
    steady, restless = changes
    assert restless < 3 * steady  # and not two hundred times as many
    assert len(loop.store.search.find("bolt199 printer", Kind.CASE, 999)) == 200
    assert found(loop.store, "bolt0") == found(loop.store, "b198@x.example") == {}
    check(loop)


def test_until_a_transaction_ends_the_index_tells_the_name_before_it_and_afterwards_the_last(told: Loop) -> None:
    case = told.store.cases.with_ref("A-1")[0].id
    with told.store.write():
        for name in ("Lovelace", "Byron"):
            told.store._database.connection.execute(f"UPDATE customers SET name = '{name}' WHERE ref = 'ada'")
        assert found(told.store, "ada marigold") == {"follow_up": ["A-1"]}
        told.store._database.connection.execute(f"UPDATE cases SET subject = 'Kettle' WHERE id = '{case}'")
    assert found(told.store, "lovelace") == {}
    assert found(told.store, "byron kettle marigold") == {"follow_up": ["A-1"]}
    assert told.rows("SELECT * FROM search_stale") == []
    check(told)


def test_a_transaction_that_fails_leaves_the_index_as_it_was(told: Loop) -> None:
    def fail() -> None:
        with told.store.write():
            told.store.follow_ups.add_reply(follow_up(told), "heliotrope", LATER)
            assert found(told.store, "heliotrope") != {}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert found(told.store, "heliotrope") == {}
    check(told)


def bytes_of(loop: Loop) -> bytes:
    return b"".join(path.read_bytes().lower() for path in loop.config.data_dir.glob("feedback.db*"))


WORDS = ("quietscht", "marigold", "heliotrope", "snapdragon", "lovelace")


def test_nothing_of_an_erased_text_is_left_in_the_index_nor_in_the_file(told: Loop) -> None:
    """Words that were replaced before, words of the same moment, and words that share pages with those of others."""
    say(told, "A-1", Choice.NO, "First snapdragon.", LATER)
    say(told, "A-1", Choice.NO, "Das Gerät quietscht.", LATER)
    told.take(*(replace(BRUNO, ref=f"X{n}", subject=f"filler{n} word{n * 7}") for n in range(300)))
    with told.store.write():
        told.store.follow_ups.add_reply(follow_up(told), "Still heliotrope.", LATER)
    told.take(replace(ADA, name="Ada Lovelace"), now=LATER)
    connection = told.store._database.connection
    connection.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, search, 'row')")
    stems = {row["term"] for row in connection.execute("SELECT term FROM temp.terms")}
    assert set(WORDS) - {"snapdragon"} <= stems
    erasing.erase(told.store, told.keys, "ada@example.org", LATER + HOUR)
    erasing.clean_up(told.store, told.keys, told.config)
    assert [word for word in WORDS if found(told.store, word)] == []
    left = {row["term"] for row in connection.execute("SELECT term FROM temp.terms")}
    assert left & {*WORDS, "ada", "jams", "printer"} == set()
    content = bytes_of(told)
    # pages of terms leave out what a term has in common with the one before it, at least a letter of its beginning
    assert [word for word in WORDS if word[2:].encode() in content] == []
    check(told)
    assert found(told.store, "bruno") != {}


def test_an_index_of_one_piece_forgets_as_well(told: Loop) -> None:
    with told.store.write():
        told.store.search.sweep()
    assert b"marigold"[2:] in bytes_of(told)
    erasing.erase(told.store, told.keys, "ada@example.org", LATER)
    erasing.clean_up(told.store, told.keys, told.config)
    assert b"marigold"[2:] not in bytes_of(told)
    check(told)


@pytest.fixture
def old_store(told: Loop, tmp_path: Path) -> Iterator[Store]:
    """The same rows in a database of before the search, migrated."""
    path = tmp_path / "old" / "feedback.db"
    path.parent.mkdir()
    with told.store.write():
        pass
    told.store._database.copy_to(path)
    with sqlite3.connect(path) as old:
        names = [row[0] for row in old.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in names:
            old.execute(f"DROP TRIGGER {name}")
        old.execute("DROP TABLE search")
        for view in ("searched_told", "queue"):
            old.execute(f"DROP VIEW {view}")
        old.execute("DROP TABLE searched")
        old.execute("DROP TABLE search_stale")
        old.execute("DROP INDEX audit_by_subject")
        old.execute("DELETE FROM _sqlite_migrations WHERE name IN ('8 search', '10 erasing and searching')")
    old.close()
    store = open_store(f"sqlite:///{path}", migrate=True)
    yield store
    store.close()


def test_what_was_there_before_the_index_is_found_too(told: Loop, old_store: Store) -> None:
    for words in ("quietscht", "marigold", "ada", "parcel", "tres"):
        assert found(old_store, words) == found(told.store, words) != {}
    rows = "SELECT seq, kind, key FROM searched ORDER BY kind, key"
    before, after = (
        [tuple(row) for row in store._database.connection.execute(rows)] for store in (told.store, old_store)
    )
    assert [row[1:] for row in before] == [row[1:] for row in after]
    assert [row[0] >> 22 for row in before] == [row[0] >> 22 for row in after]

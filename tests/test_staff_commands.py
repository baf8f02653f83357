import os
import pty
import select
import subprocess

import pytest

from feedback.store import Store, open_store
from feedback.web.passwords import is_password
from tests.conftest import FEEDBACK, Workplace

PASSWORD = "a long password"


def staff(workplace: Workplace, *arguments: str, said: str = PASSWORD + "\n", status: int = 0) -> str:
    """Run `feedback staff …` with something on its standard input; what it answers."""
    return workplace.feedback("staff", *arguments, typed=said, status=status)


def add(workplace: Workplace, address: str = "mara@acme.example", said: str = PASSWORD + "\n", status: int = 0) -> str:
    return staff(workplace, "add", address, "--name", "Mara Lind", "--password-stdin", said=said, status=status)


def opened(workplace: Workplace) -> Store:
    return open_store(f"sqlite:///{workplace.data / 'feedback.db'}")


def lets_in(workplace: Workplace, password: str, address: str = "mara@acme.example") -> bool:
    store = opened(workplace)
    person = store.staff.with_email(address)
    store.close()
    assert person is not None
    return is_password(person.password_hash, password)


def test_a_person_is_let_in_and_listed(workplace: Workplace) -> None:
    assert "Nobody may log in yet. Let someone in with: feedback staff add EMAIL" in staff(workplace, "list")
    told = add(workplace)
    assert told == f"Mara Lind may log in at {workplace.url}/desk/ as mara@acme.example, with the role of agent.\n"
    assert staff(workplace, "list") == "Mara Lind <mara@acme.example>, agent\n"
    assert lets_in(workplace, PASSWORD)
    assert PASSWORD.encode() not in (workplace.data / "feedback.db").read_bytes()


def test_a_new_password_takes_the_place_of_the_old_one(workplace: Workplace) -> None:
    add(workplace)
    told = staff(workplace, "password", "Mara@ACME.example", "--password-stdin", said="quite another one\n")
    assert "counts from now on" in told
    assert (lets_in(workplace, PASSWORD), lets_in(workplace, "quite another one")) == (False, True)


def test_whoever_is_disabled_stays_on_the_list_and_a_new_password_lets_them_in_again(workplace: Workplace) -> None:
    add(workplace)
    assert "mara@acme.example may not log in any more." in staff(workplace, "disable", "mara@acme.example")
    assert staff(workplace, "list") == "Mara Lind <mara@acme.example>, agent, disabled\n"
    staff(workplace, "disable", "mara@acme.example", status=1)
    staff(workplace, "password", "mara@acme.example", "--password-stdin")
    assert staff(workplace, "list") == "Mara Lind <mara@acme.example>, agent\n"


@pytest.mark.parametrize(
    ("address", "password", "told"),
    [
        ("mara@acme.example", "too short", "The password has 9 letters, expected 10 to 1,000."),
        ("mara@acme.example", "", "The password has 0 letters, expected 10 to 1,000."),
        ("mara", PASSWORD, "Given 'mara', expected an address such as mara@acme.example."),
        ("Mara <mara@acme.example>", PASSWORD, "expected an address such as mara@acme.example."),
        ("mara@acme.example\x1b[2J", PASSWORD, "expected an address such as mara@acme.example."),
    ],
)
def test_what_cannot_be_used_is_told_and_nobody_is_let_in(
    workplace: Workplace, address: str, password: str, told: str
) -> None:
    assert told in add(workplace, address, f"{password}\n", status=1)
    store = opened(workplace)
    assert store.staff.all() == []
    store.close()


@pytest.mark.parametrize("name", [[], ["--name", "  "]])
def test_without_a_name_one_is_made_of_the_address_and_never_of_the_password(
    workplace: Workplace, name: list[str]
) -> None:
    said = f"{PASSWORD}\n{PASSWORD}\n"
    assert "Mara may log in" in staff(workplace, "add", "mara.lind@acme.example", *name, "--password-stdin", said=said)
    assert PASSWORD not in staff(workplace, "list")


def test_an_address_that_is_known_is_told_with_the_way_to_a_new_password(workplace: Workplace) -> None:
    add(workplace)
    told = add(workplace, "MARA@acme.example", "another password\n", status=1)
    assert "is known at the desk already. A new password: feedback staff password MARA@acme.example" in told
    assert lets_in(workplace, PASSWORD)


@pytest.mark.parametrize("command", [("password", "--password-stdin"), ("disable",)])
def test_an_address_that_nobody_has_is_told(workplace: Workplace, command: tuple[str, ...]) -> None:
    told = staff(workplace, command[0], "jo@acme.example", *command[1:], status=1)
    assert "Nobody at the desk has the address jo@acme.example. See who may log in: feedback staff list" in told


def test_at_a_terminal_name_and_password_are_asked_for_and_the_password_is_not_shown(workplace: Workplace) -> None:
    shown = type_in(
        workplace,
        ("Name", "Jo"),
        ("Password", "a longer one"),
        ("The same again", "another one"),
        ("do not match", ""),
        ("Password", PASSWORD),
        ("The same again", PASSWORD),
        (f"Jo may log in at {workplace.url}/desk/ as jo@acme.example, with the role of agent.", ""),
    )
    assert [secret for secret in ("a longer one", "another one", PASSWORD) if secret in shown] == []
    assert lets_in(workplace, PASSWORD, "jo@acme.example")


def type_in(workplace: Workplace, *answers: tuple[str, str]) -> str:
    """`feedback staff add` at a terminal: each answer is typed when its question stands there; what was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [FEEDBACK, "staff", "add", "jo@acme.example"],
        cwd=workplace.folder,
        env=workplace.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,  # a terminal of its own, not that of whoever runs the tests
    )
    os.close(theirs)
    shown, read = "", 0
    try:
        for question, answer in answers:
            while (found := shown.find(question, read)) < 0:
                assert select.select([ours], [], [], 20)[0], shown
                shown += os.read(ours, 1000).decode()
            read = found + len(question)
            os.write(ours, f"{answer}\n".encode() if answer else b"")
        assert process.wait(20) == 0
        return shown
    finally:
        process.kill()
        process.wait()
        os.close(ours)

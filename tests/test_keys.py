import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import ascii_letters, digits
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.errors import ConfigError
from feedback.keys import Keys, Purpose, load_keys, new_id
from tests.conftest import ROOT

OLD, NEW = "old-secret-" * 4, "new-secret-" * 4
KEYS = Keys([NEW])
KEY = "uT0bYd3nJx-5_QkZ1mWw9g"
LETTERS = ascii_letters + digits + "-_"


@pytest.mark.parametrize("purpose", Purpose)
def test_what_was_signed_verifies(purpose: Purpose) -> None:
    for key in (KEY, new_id(), "a", "a.b", "1"):
        assert KEYS.verify(purpose, KEYS.sign(purpose, key)) == key


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_holds_only_letters_that_pass_through_a_url_and_a_mail_header(purpose: Purpose) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", KEYS.sign(purpose, KEY))


def test_a_token_for_one_purpose_opens_nothing_else() -> None:
    for purpose in Purpose:
        opened = [other for other in Purpose if KEYS.verify(other, KEYS.sign(purpose, KEY))]
        assert opened == [purpose]


def test_a_token_with_any_letter_changed_is_refused() -> None:
    token = KEYS.sign(Purpose.SURVEY, KEY)
    changed = {
        token[:place] + letter + token[place + 1 :]
        for place in range(len(token))
        for letter in LETTERS + ".%= \n\x00é\u212a"
    } - {token}
    assert len(changed) > 4000
    assert [text for text in changed if KEYS.verify(Purpose.SURVEY, text) is not None] == []


def test_a_token_cut_or_lengthened_is_refused() -> None:
    token = KEYS.sign(Purpose.SURVEY, KEY)
    cut = [token[:end] for end in range(len(token))] + [token[start:] for start in range(1, len(token) + 1)]
    longer = [token + tail for tail in [*LETTERS, "=", "==", " ", "\n", "%27", "/track", ".", token, "A" * 10_000_000]]
    longer += [head + token for head in (*LETTERS, ".", " ", "/")]
    assert [text[:100] for text in cut + longer if KEYS.verify(Purpose.SURVEY, text) is not None] == []


def test_another_installations_token_is_refused() -> None:
    assert KEYS.verify(Purpose.SURVEY, Keys([OLD]).sign(Purpose.SURVEY, KEY)) is None


def test_a_retired_key_still_verifies_but_no_longer_signs() -> None:
    old_token = Keys([OLD]).sign(Purpose.SURVEY, KEY)
    both = Keys([NEW, OLD])
    assert both.verify(Purpose.SURVEY, old_token) == KEY
    assert both.verify(Purpose.OPT_OUT, old_token) is None
    assert both.sign(Purpose.SURVEY, KEY) == Keys([NEW]).sign(Purpose.SURVEY, KEY) != old_token


def test_an_address_hash_needs_the_secret_and_the_newest_comes_first() -> None:
    (old,), (new,) = Keys([OLD]).address_hashes("ada@example.org"), Keys([NEW]).address_hashes("ada@example.org")
    assert Keys([NEW, OLD]).address_hashes("ada@example.org") == [new, old]
    assert old != new
    assert Keys([NEW]).address_hashes("bruno@example.org") != [new]
    assert "ada" not in new


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    token=st.text(st.characters())  # lone surrogates too
    | st.builds(str.__add__, st.text(st.characters()), st.just(KEYS.sign(Purpose.SURVEY, KEY)))
    | st.builds("{}.{}".format, st.text(LETTERS), st.text(LETTERS, min_size=43, max_size=43)),
    purpose=st.sampled_from(Purpose),
)
def test_any_text_at_all_is_verified_or_refused_without_an_error(token: str, purpose: Purpose) -> None:
    key = KEYS.verify(purpose, token)
    assert key is None or KEYS.sign(purpose, key) == token


def test_an_id_is_128_random_bits_in_base64url_and_never_begins_with_a_dash() -> None:
    ids = {new_id() for _ in range(20_000)}
    assert len(ids) == 20_000
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{20}[AQgw]", key) for key in ids)
    assert {key[0] for key in ids} == set(LETTERS) - {"-"}
    assert {letter for key in ids for letter in key[1:21]} == set(LETTERS)


def test_the_secret_is_made_once_readable_by_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        first = load_keys(tmp_path / "new" / "var")
    finally:
        os.umask(before)
    path = tmp_path / "new" / "var" / "secret.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_nlink == 1
    secret = path.read_bytes()
    assert len(secret.strip()) >= 43
    assert load_keys(path.parent).verify(Purpose.SURVEY, first.sign(Purpose.SURVEY, KEY)) == KEY
    assert path.read_bytes() == secret
    assert os.listdir(path.parent) == ["secret.key"]


def test_two_installations_have_two_secrets(tmp_path: Path) -> None:
    one, other = load_keys(tmp_path / "one"), load_keys(tmp_path / "other")
    assert one.sign(Purpose.SURVEY, KEY) != other.sign(Purpose.SURVEY, KEY)


def test_eight_threads_that_race_for_the_first_start_share_one_secret(tmp_path: Path) -> None:
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        barrier = Barrier(8)

        def start(folder: Path = folder, barrier: Barrier = barrier) -> str:
            barrier.wait(10)
            return load_keys(folder).sign(Purpose.SURVEY, KEY)

        with ThreadPoolExecutor(8) as pool:
            tokens = {future.result() for future in [pool.submit(start) for _ in range(8)]}
        assert tokens == {load_keys(folder).sign(Purpose.SURVEY, KEY)}
        assert os.listdir(folder) == ["secret.key"]


def test_four_processes_that_race_for_the_first_start_share_one_secret(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from feedback.keys import Purpose, load_keys\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for folder in sys.argv[1:]: print(load_keys(Path(folder)).sign(Purpose.SURVEY, 'key'))\n"
    )
    folders = [str(tmp_path / str(attempt)) for attempt in range(20)]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, *folders],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    try:
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        told = [racer.communicate(timeout=20)[0].split() for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
            racer.wait()
    assert told == [[load_keys(Path(folder)).sign(Purpose.SURVEY, "key") for folder in folders]] * 4
    assert [os.listdir(folder) for folder in folders] == [["secret.key"]] * 20


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"short\n", b"x" * 31, b"x" * 40 + b"\nshort\n", "é".encode() * 40, b"\xff\xfe" * 40],
)
def test_a_broken_secret_is_told_and_never_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load_keys(tmp_path)
    assert path.read_bytes() == content


def test_a_secret_that_is_a_folder_or_lies_in_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "secret.key").mkdir()
    with pytest.raises(ConfigError, match="cannot be read or made"):
        load_keys(tmp_path)
    (tmp_path / "var").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be read or made"):
        load_keys(tmp_path / "var")


def test_a_file_of_several_secrets_signs_with_the_first(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text(f"{NEW}\r\n\n{OLD}\n")
    keys = load_keys(tmp_path)
    assert keys.sign(Purpose.SURVEY, KEY) == KEYS.sign(Purpose.SURVEY, KEY)
    assert keys.verify(Purpose.SURVEY, Keys([OLD]).sign(Purpose.SURVEY, KEY)) == KEY

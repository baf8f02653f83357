"""Passwords, as werkzeug keeps them: scrypt with a salt of its own each."""

from functools import cache
from threading import Lock

from werkzeug.security import check_password_hash, generate_password_hash

from feedback.errors import Refused

WAIT_S = 0.2  # a thread that waits here serves no customer


def hash_password(password: str) -> str:
    return generate_password_hash(password)


_checking = Lock()  # one check at a time a process: it takes 100 ms of a core, and customers' pages come first


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether the password is right. With nobody to compare it takes as long, so that the time tells nothing.

    Raises Refused while many others are being checked.
    """
    if not _checking.acquire(timeout=WAIT_S):
        raise Refused("Many people are logging in at this moment. Try again in a minute.")
    try:
        return check_password_hash(password_hash or _nobodys_hash(), password) and password_hash is not None
    finally:
        _checking.release()


@cache
def _nobodys_hash() -> str:
    return generate_password_hash("")

"""The secret of this installation, and what is signed or hashed with it."""

import base64
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from itsdangerous import Signer
from itsdangerous.encoding import base64_encode, want_bytes

from feedback.errors import ConfigError


class Purpose(StrEnum):
    """What a token is for; each has its own salt, so that a token for one opens nothing else."""

    SURVEY = "survey"
    OPT_OUT = "opt-out"
    MESSAGE = "message-id"
    STAFF = "staff"
    LOGIN = "login"


class _Signer(Signer):
    """Derives its key once, not for each token, and signs in one step of C: the same tokens in a third of the time."""

    def __init__(self, secret: str, purpose: Purpose) -> None:
        super().__init__(secret, salt=f"feedback:{purpose}", key_derivation="hmac", digest_method=hashlib.sha256)
        self._key = super().derive_key()

    def get_signature(self, value: str | bytes) -> bytes:
        return base64_encode(hmac.digest(self._key, want_bytes(value), "sha256"))

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        return self._key if secret_key is None else super().derive_key(secret_key)


def new_id() -> str:
    """128 random bits as base64url; never begins with a dash, so that it can stand in a command line."""
    while (key := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return key


def new_api_key() -> str:
    """A key for the API: 256 random bits, with a beginning that a search for leaked keys can find."""
    return f"fbk_{secrets.token_urlsafe(32)}"


def hash_api_key(key: str) -> str:
    """How a key is kept: a fast hash is enough for 256 random bits."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


RETURN_TOKEN_LENGTH = 42  # 26 letters for the key, 16 for the signature


class Keys:
    """Signs and verifies tokens, and hashes addresses. The first secret signs; all of them verify."""

    def __init__(self, secret_keys: list[str]) -> None:
        self._secrets = secret_keys
        self._signers = {purpose: [_Signer(secret, purpose) for secret in secret_keys] for purpose in Purpose}

    def sign(self, purpose: Purpose, key: str) -> str:
        return self._signers[purpose][0].sign(key).decode()

    def verify(self, purpose: Purpose, token: str) -> str | None:
        """The signed key, or None. Signs again and compares the text, for base64 has several spellings of one value."""
        key = token.rpartition(".")[0]
        if not key or len(token) > 200 or not token.isascii():
            return None
        for signer in self._signers[purpose]:
            if hmac.compare_digest(signer.sign(key).decode(), token):
                return key
        return None

    def return_token(self, mail_id: str) -> str:
        """A mail's key with a signature, for the address that bounces come to.

        Mail servers change capitals, and there is room for 64 letters before the @: base32, 80 bits of signature.
        """
        raw = base64.urlsafe_b64decode(f"{mail_id}==")
        return _base32(raw) + self._return_signature(raw, self._secrets[0])

    def verify_return_token(self, token: str) -> str | None:
        """The mail's key, or None."""
        try:
            raw = base64.b32decode(f"{token[:26].upper()}======")
        except ValueError:
            return None
        for secret in self._secrets:
            if hmac.compare_digest(_base32(raw) + self._return_signature(raw, secret), token.lower()):
                return base64.urlsafe_b64encode(raw).decode().rstrip("=")
        return None

    @staticmethod
    def _return_signature(raw: bytes, secret: str) -> str:
        return _base32(hmac.digest(f"feedback:return:{secret}".encode(), raw, "sha256")[:10])

    def derived(self, purpose: str, *parts: str) -> str:
        """What only this installation can make of the parts, for one purpose: a key, a fingerprint."""
        return hmac.digest(self._secrets[0].encode(), "\0".join(("feedback", purpose, *parts)).encode(), "sha256").hex()

    def fingerprints(self) -> list[str]:
        """By which another installation tells whether it has the same secrets, newest first."""
        return [hmac.digest(secret.encode(), b"feedback:fingerprint", "sha256").hex()[:16] for secret in self._secrets]

    def address_hashes(self, address: str) -> list[str]:
        """Keyed hashes of a normalised address, one per secret; the first is the one to store."""
        return self._hashes("address", address)

    def person_hashes(self, kind: str, source: str, ref: str) -> list[str]:
        """Keyed hashes of a help desk's reference, of a `case` or a `customer`, one per secret; as of addresses."""
        return self._hashes(kind, f"{source}\0{ref}")

    def _hashes(self, kind: str, text: str) -> list[str]:
        return [
            hmac.digest(f"feedback:{kind}:{secret}".encode(), text.encode(), "sha256").hex() for secret in self._secrets
        ]


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def load_keys(data_dir: Path) -> Keys:
    """Read `secret.key`, one secret a line, newest first; make it at the first start, safe against a race."""
    path = data_dir / "secret.key"
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):  # another process has just made one
                write_private(path, secrets.token_urlsafe(32) + "\n")
    except OSError as error:
        raise ConfigError(f"The secret {path} cannot be read or made: {error}. Check who owns the folder.") from None
    return Keys(read_secrets(path))


def read_secrets(path: Path) -> list[str]:
    """The secrets in a file, newest first. Raises ConfigError for anything else."""
    try:
        lines = path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The secret {path} cannot be read or made: {error}. Check who owns the folder.") from None
    if not lines or min(map(len, lines)) < 32:
        raise ConfigError(
            f"{path} must hold one secret of 32 letters or more a line. Put the file back from your backup."
        )
    return lines


def write_private(path: Path, content: str | bytes) -> None:
    """A new file for its owner alone: on disk as a whole, or not there. Raises FileExistsError, OSError."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, path)  # unlike rename, this never replaces what another process has just made
    finally:
        with suppress(OSError):
            fresh.unlink()

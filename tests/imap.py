"""A real IMAP server on loopback: Debian's Dovecot, over a folder of its own."""

import getpass
import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from imapclient import IMAPClient

PASSWORD = "s3cret/+?"
DOVECOT = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
{users}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
"""
_ONE_USER = """
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
"""


@dataclass(frozen=True)
class ImapServer:
    """`user` has a mailbox that nobody else uses."""

    port: int
    folder: Path
    user: str = "care@acme.example"

    def url(self, password: str = "s3cret%2F+%3F", folder: str = "") -> str:
        return f"imap://{quote(self.user)}:{password}@127.0.0.1:{self.port}{folder}"

    def connect(self) -> IMAPClient:
        client = IMAPClient("127.0.0.1", self.port, ssl=False, timeout=20)
        client.login(self.user, PASSWORD)
        return client

    def deliver(self, *messages: bytes) -> None:
        """Put messages into the inbox."""
        client = self.connect()
        for message in messages:
            client.append("INBOX", message)
        client.logout()


@contextmanager
def running_imap_server(port: int) -> Iterator[ImapServer]:
    assert DOVECOT is not None
    folder = Path(tempfile.mkdtemp(prefix="feedback-imap-"))
    folder.chmod(0o755)  # its login process has another user, when we are root
    (folder / "mail").mkdir()
    (folder / "mail").chmod(0o777)
    uid, gid, users = os.geteuid(), os.getegid(), ""
    if uid == 0:  # it serves nobody's mail as root
        nobody = pwd.getpwnam("nobody")
        uid, gid = nobody.pw_uid, nobody.pw_gid
    else:
        users = _ONE_USER.format(user=getpass.getuser(), group=grp.getgrgid(gid).gr_name)
    (folder / "dovecot.conf").write_text(
        _CONFIGURATION.format(folder=folder, users=users, port=port, password=PASSWORD, uid=uid, gid=gid)
    )
    process = subprocess.Popen([DOVECOT, "-F", "-c", str(folder / "dovecot.conf")])
    try:
        deadline = time.monotonic() + 20
        while not _answers(port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield ImapServer(port, folder)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        return connection.recv(4) == b"* OK"
    return False

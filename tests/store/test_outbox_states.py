"""The outbox as a machine: in whatever order things happen, what may have arrived is not handed over again."""

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.config import load_config
from feedback.errors import NotFound, Refused
from feedback.keys import load_keys
from feedback.loop import erasing
from feedback.loop.asking import Asking
from feedback.loop.intake import take_in
from feedback.store import open_store
from feedback.store.operations import Hold
from feedback.store.outbox import Kind, Mail, MailState
from tests.conftest import ADA, DAY, NOW, TORTURE, Loop

LEASE = timedelta(minutes=10)
MAILS = 5
FINAL = {"sent", "failed", "dropped"}


class Machine:
    """Two senders, of which each may vanish at any moment, and people who press buttons."""

    def __init__(self, folder: Path) -> None:
        config = load_config({"FEEDBACK_DATA_DIR": str(folder)}, env_file=None)
        store, keys = open_store(config.database_url), load_keys(config.data_dir)
        store._database.connection.execute("PRAGMA synchronous = OFF")
        self.loop = Loop(store, keys, config, Asking(store, keys, config))
        self.outbox = store.outbox
        records = [replace(ADA, ref=f"r{n}", customer_ref=f"c{n}", email=f"c{n}@example.org") for n in range(MAILS)]
        take_in(store, self.loop.asking, records, NOW)
        self.now = NOW + DAY
        self.loop.ask(self.now)
        self.claimed: dict[str, list[Mail]] = {"one": [], "two": []}
        self.may_have_arrived: set[str] = set()
        self.before = self.states()

    def states(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in self.loop.rows("SELECT * FROM outbox")}

    def claim(self, owner: str, n: int) -> None:
        with self.loop.store.write():
            self.outbox.settle_lapsed(self.now)
            mails = self.outbox.claim(Kind.SURVEY, owner, self.now, LEASE, 2)
        assert not (mails and self.loop.store.operations.held())
        self.claimed[owner] += mails

    def hand_over(self, owner: str, n: int) -> None:
        for mail in self.claimed[owner][-1:]:
            with self.loop.store.write():
                ours = self.outbox.hand_over(mail, owner, "c@example.org", self.now, LEASE)
            if ours:
                assert mail.id not in self.may_have_arrived, "handed over twice"
                self.may_have_arrived.add(mail.id)

    def finish(self, owner: str, n: int) -> None:
        for mail in self.claimed[owner][-1:]:
            if mail.id in self.may_have_arrived:  # only who handed it over has a word on it
                with self.loop.store.write():
                    self.outbox.finish(mail, owner, MailState.SENT, "250 taken")

    def doubt(self, owner: str, n: int) -> None:
        for mail in self.claimed[owner][-1:]:
            with self.loop.store.write():
                self.outbox.finish(mail, owner, MailState.UNCONFIRMED, "the connection was lost")

    def refuse(self, owner: str, n: int) -> None:
        """The server's clear no to what this sender has in hand, which has not arrived then."""
        for mail in self.claimed[owner][-1:]:
            has_it = self.states()[mail.id]["lease_owner"] == owner
            with self.loop.store.write():
                self.outbox.put_back(mail, owner, MailState.RETRY, "451 later", due_at=self.now)
            if has_it:
                self.may_have_arrived.discard(mail.id)

    def release(self, owner: str, n: int) -> None:
        with self.loop.store.write():
            for mail in self.claimed[owner]:
                self.outbox.release(mail, owner, "server down")

    def postpone(self, owner: str, n: int) -> None:
        with self.loop.store.write():
            for mail in self.claimed[owner][-1:]:
                self.outbox.postpone(mail, owner, "a fault of ours", self.now)

    def go_on(self, owner: str, n: int) -> None:
        self.claimed[owner] = self.claimed[owner][:-1]

    def time_passes(self, owner: str, n: int) -> None:
        """A lease runs out, or the clock steps back."""
        self.now += timedelta(minutes=(1, 11, 11, 60, -60)[n])

    def settle(self, owner: str, n: int) -> None:
        with self.loop.store.write():
            self.outbox.settle_lapsed(self.now)

    def answer(self, owner: str, n: int) -> None:
        (row,) = self.loop.rows(
            f"SELECT s.id FROM surveys s JOIN resolutions r ON r.id = s.resolution_id ORDER BY s.id LIMIT 1 OFFSET {n}"
        )
        with self.loop.store.write():
            self.outbox.settle_doubt(str(row["id"]))

    def confirm(self, owner: str, n: int) -> None:
        with self.loop.store.write():
            self.outbox.confirm(sorted(self.states())[n])

    def send_again(self, owner: str, n: int) -> None:
        """Staff take the risk of a second mail."""
        key = sorted(self.states())[n]
        with self.loop.store.write():
            if self.outbox.queue_again(key, self.now):
                self.may_have_arrived.discard(key)

    def hold(self, owner: str, n: int) -> None:
        with self.loop.store.write():
            self.loop.store.operations.hold(Hold(self.now, "a gap"))

    def resume(self, owner: str, n: int) -> None:
        with self.loop.store.write():
            self.loop.store.operations.release()

    def erase(self, owner: str, n: int) -> None:
        is_in_hand = any(row["state"] == "handing_over" for row in self.states().values())
        try:
            erasing.erase(self.loop.store, self.loop.keys, f"c{n}@example.org", self.now)
        except Refused:
            assert is_in_hand
        except NotFound:
            pass  # erased before

    def check(self) -> None:
        """What has ended stays, and what may have arrived is told."""
        now = self.states()
        for key, row in now.items():
            was = self.before[key]["state"]
            if was in FINAL:
                assert row["state"] == was
            if was == "handing_over" and row["state"] in ("queued", "claimed", "retry"):
                assert key not in self.may_have_arrived
            if key in self.may_have_arrived:
                assert row["state"] in ("handing_over", "unconfirmed", "sent")
            assert (row["lease_owner"] is None) == (row["state"] not in ("claimed", "handing_over"))
        self.before = now


ACTS = st.sampled_from(
    # what senders do, in an order that need make no sense, and may end anywhere
    [
        *(["claim"] * 3 + ["hand_over"] * 5),
        *(("finish", "doubt", "refuse", "release", "postpone", "go_on") * 2),
        # what else happens
        *(
            "time_passes",
            "time_passes",
            "settle",
            "answer",
            "confirm",
            "send_again",
            "hold",
            "resume",
            "resume",
            "erase",
        ),
    ]
)


@pytest.mark.torture
@given(st.lists(st.tuples(ACTS, st.sampled_from(("one", "two")), st.integers(0, MAILS - 1)), min_size=30, max_size=60))
@settings(max_examples=3_000 if TORTURE else 60, deadline=None, derandomize=not TORTURE)
def test_in_whatever_order_things_happen_what_may_have_arrived_is_not_handed_over_again(
    acts: list[tuple[str, str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        for act, owner, n in acts:
            getattr(machine, act)(owner, n)
            machine.check()
        machine.loop.store.close()

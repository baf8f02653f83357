import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from feedback.config import Config
from feedback.domain.cases import CaseStatus
from feedback.domain.eligibility import Reason
from feedback.domain.surveys import Choice, Suppression
from feedback.errors import MailRefused, StoreError, TransportDown
from feedback.jobs import Job, make_jobs, run_once
from feedback.loop import answering
from feedback.loop.explaining import explain
from feedback.loop.health import check
from feedback.loop.sending import LEASE, Sending, daily_cap
from feedback.mail.compose import Letter
from feedback.store.outbox import Kind, MailState
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop, MailServer, free_port

LATER = NOW + DAY


class Faulty:
    """A transport for faults: what happens before, while, and after a letter is handed over."""

    def __init__(self, *, before: BaseException | None = None, after: BaseException | None = None) -> None:
        self.before, self.after = before, after
        self.handed_over: list[Letter] = []

    def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
        if self.before:
            raise self.before
        handing_over()
        self.handed_over.append(letter)
        if self.after:
            raise self.after
        return "250 taken"

    def close(self) -> None:
        pass


def sending_with(loop: Loop, transport: Faulty) -> Sending:
    return Sending(loop.store, loop.asking, loop.keys, loop.config, transport)


def state_of(loop: Loop) -> str:
    (row,) = loop.rows("SELECT state FROM outbox")
    return str(row["state"])


def test_mail_goes_to_the_server_and_is_sent(loop: Loop, mail_server: MailServer) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    loop.send(mail=mail_server.url)
    assert Counter(recipient for recipient, _ in mail_server.received) == {"Ada@example.org": 1, "bruno@example.org": 1}
    assert loop.store.outbox.counts() == {MailState.SENT: 2}
    assert {row["words"] for row in loop.rows("SELECT words FROM outbox")} == {"250 taken"}


def test_one_commit_a_mail_carries_the_result_of_the_one_before(loop: Loop) -> None:
    loop.take(*(replace(ADA, ref=f"r{n}", customer_ref=f"c{n}", email=f"c{n}@example.org") for n in range(60)))
    loop.ask()
    commits: list[str] = []
    loop.store._database.connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    sending = sending_with(loop, Faulty())
    run_once(Job("send", "", sending.step, 1), loop.store, lambda: LATER)
    claims = 2  # of fifty mails, and of the ten that are left
    assert len(commits) == claims + 60 + 2 + 1  # a commit a mail, the last result, a look at nothing, a heartbeat
    assert loop.store.outbox.counts() == {MailState.SENT: 60}


def test_an_opt_out_after_queueing_drops_the_mail(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    with loop.store.write():
        loop.store.surveys.suppress(loop.keys.address_hashes("ada@example.org")[0], Suppression.OPTED_OUT, NOW)
    loop.send()
    assert loop.maildir() == []
    assert loop.rows("SELECT state, words FROM outbox") == [{"state": "dropped", "words": "this address has opted out"}]
    assert loop.rows("SELECT state, reason FROM surveys") == [{"state": "cancelled", "reason": "opted_out"}]
    assert loop.rows("SELECT verdict, reason FROM decisions ORDER BY seq DESC LIMIT 1") == [
        {"verdict": "skip", "reason": "opted_out"}
    ]


def test_a_case_reopened_between_claim_and_hand_over_stops_its_mail(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()

    class Reopening(Faulty):
        def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
            loop.take(replace(ADA, status=CaseStatus.OPEN), now=LATER)
            return super().send(letter, handing_over)

    transport = Reopening()
    assert sending_with(loop, transport).step(LATER)
    sending = sending_with(loop, transport)
    while sending.step(LATER + LEASE + timedelta(seconds=1)):
        pass
    assert transport.handed_over == []
    assert state_of(loop) == "dropped"


def test_mail_too_old_to_send_is_dropped(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send(NOW + timedelta(days=7, seconds=1))
    assert state_of(loop) == "dropped"
    assert loop.maildir() == []


def test_the_address_is_read_when_the_mail_is_sent(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.take(replace(ADA, email="ada@new.example"), now=LATER)
    loop.send()
    assert loop.maildir()[0]["To"] == "ada@new.example"


def test_a_temporary_refusal_is_tried_again_with_growing_pauses(
    make_loop: Callable[..., Loop], mail_server: MailServer
) -> None:
    loop = make_loop(window="off")
    loop.take(ADA)
    loop.ask()
    mail_server.replies["RCPT"] = ["451 later"] * 7 + ["250 OK"]
    now, pauses = LATER, []
    for attempt in range(1, 8):
        loop.send(now, mail_server.url)
        (row,) = loop.rows("SELECT state, due_at, words, attempts FROM outbox")
        assert (row["state"], row["words"], row["attempts"]) == ("retry", "451 later", attempt)
        due = datetime.fromisoformat(row["due_at"])
        pauses.append((due - now) / timedelta(minutes=1))
        loop.send(due - timedelta(seconds=1), mail_server.url)
        assert mail_server.received == []
        now = due
    loop.send(now, mail_server.url)
    assert len(mail_server.received) == 1
    assert state_of(loop) == "sent"
    for pause, least in zip(pauses, (1, 5, 30, 120, 360, 720, 720), strict=True):
        assert least <= pause <= 1.2 * least + 1 / 60


def test_mails_that_failed_together_do_not_come_together(loop: Loop, mail_server: MailServer) -> None:
    loop.take(*(replace(ADA, ref=f"M-{n}", customer_ref=f"m{n}", email=f"m{n}@example.org") for n in range(20)))
    loop.ask()
    mail_server.replies["RCPT"] = ["451 later"] * 20
    loop.send(LATER, mail_server.url)
    assert len({row["due_at"] for row in loop.rows("SELECT due_at FROM outbox")}) > 5


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_a_final_refusal_fails_with_the_servers_words_and_stops_no_other(
    loop: Loop, mail_server: MailServer, command: str
) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    mail_server.replies[command] = ["550 no such person"]
    loop.send(mail=mail_server.url)
    assert Counter(row["state"] for row in loop.rows("SELECT state FROM outbox")) == {"failed": 1, "sent": 1}
    assert loop.rows("SELECT words FROM outbox WHERE state = 'failed'") == [{"words": "550 no such person"}]


def test_a_server_that_refuses_connections_loses_nothing_and_is_told(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    with pytest.raises(TransportDown, match=r"mail server 127\.0\.0\.1:\d+: .*refused"):
        loop.send(mail=f"smtp://127.0.0.1:{free_port()}")
    assert loop.rows("SELECT state, attempts, handed_over_at FROM outbox") == [
        {"state": "queued", "attempts": 0, "handed_over_at": None}
    ]
    loop.send()
    assert len(loop.maildir()) == 1


def test_a_connection_lost_after_the_text_leaves_the_mail_unconfirmed_and_unrepeated(loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=hang_up_after_the_dot, args=(server,))
        thread.start()
        loop.take(ADA)
        loop.ask()
        loop.send(mail=f"smtp://127.0.0.1:{server.getsockname()[1]}")
        thread.join(10)
    assert state_of(loop) == "unconfirmed"
    loop.send(LATER + timedelta(hours=2))
    assert loop.maildir() == []


def hang_up_after_the_dot(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection, connection.makefile("rwb") as stream:
        stream.write(b"220 hello\r\n")
        stream.flush()
        for line in stream:
            reply = b"354 go\r\n" if line.upper().startswith(b"DATA") else b"250 OK\r\n"
            stream.write(reply)
            stream.flush()
            if reply.startswith(b"354"):
                while stream.readline() != b".\r\n":
                    pass
                return


def test_an_answer_settles_the_doubt_about_a_mail(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    sending = sending_with(loop, Faulty(after=KeyboardInterrupt()))
    sending.step(LATER)
    with pytest.raises(KeyboardInterrupt):
        sending.step(LATER)
    assert state_of(loop) == "handing_over"
    loop.send(LATER + LEASE + timedelta(seconds=1))
    assert state_of(loop) == "unconfirmed"
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.YES, LATER + timedelta(hours=1))
    assert state_of(loop) == "sent"


def test_a_sender_that_vanishes_before_the_hand_over_leaves_the_mail_to_others(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    assert sending_with(loop, Faulty()).step(LATER)
    assert state_of(loop) == "claimed"
    loop.send(LATER + timedelta(minutes=1))
    assert loop.maildir() == []
    loop.send(LATER + LEASE + timedelta(seconds=1))
    assert len(loop.maildir()) == 1


def test_a_late_acceptance_settles_a_lapsed_lease(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()

    class Slow(Faulty):
        def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
            words = super().send(letter, handing_over)
            loop.send(LATER + LEASE + timedelta(seconds=1))
            assert state_of(loop) == "unconfirmed"
            return words

    sending = sending_with(loop, Slow())
    while sending.step(LATER):
        pass
    assert state_of(loop) == "sent"
    assert loop.maildir() == []


def test_a_staff_alert_in_doubt_is_sent_again(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER)
    at = LATER + timedelta(minutes=1)
    sending = sending_with(loop, Faulty(after=KeyboardInterrupt()))
    sending.step(at)
    with pytest.raises(KeyboardInterrupt):
        sending.step(at)
    loop.send(at + LEASE + timedelta(seconds=1))
    assert loop.maildir()[-1]["To"] == "mara@acme.example"


def test_a_letter_that_cannot_be_written_stops_no_other(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    with loop.store.write():
        loop.store._database.connection.execute("UPDATE customers SET customer_since = 'nonsense' WHERE ref = 'ada'")
    loop.send()
    assert [message["To"] for message in loop.maildir()] == ["bruno@example.org"]
    assert Counter(row["state"] for row in loop.rows("SELECT state FROM outbox")) == {"failed": 1, "sent": 1}
    assert "could not be composed" in caplog.text


def test_two_schedulers_at_once_send_each_mail_once(loop: Loop, mail_server: MailServer) -> None:
    loop.take(*(replace(ADA, ref=f"r{n}", customer_ref=f"c{n}", email=f"c{n}@example.org") for n in range(60)))
    loop.ask(LATER)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            loop.send(LATER, mail_server.url)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Counter(to for to, _ in mail_server.received) == {f"c{n}@example.org": 1 for n in range(60)}
    assert loop.store.outbox.counts() == {MailState.SENT: 60}


def test_a_mail_that_the_server_hangs_up_on_holds_up_no_other(loop: Loop, mail_server: MailServer) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    mail_server.replies["RCPT"] = ["421 not for this one"]
    loop.send(mail=mail_server.url)
    assert Counter(row["state"] for row in loop.rows("SELECT state FROM outbox")) == {"retry": 1, "sent": 1}


@pytest.mark.parametrize("text", ["=?utf-8?q?=ff=fe?=", "=?us-ascii?q?=0D=0ABcc:_evil=40x.example=0D=0A=0D=0AHi?="])
def test_a_hostile_subject_or_name_reaches_nobody_else_and_stops_nothing(
    loop: Loop, mail_server: MailServer, text: str
) -> None:
    loop.take(replace(ADA, subject=text, name=text, agent=text), BRUNO)
    loop.ask()
    loop.send(mail=mail_server.url)
    assert loop.store.outbox.counts() == {MailState.SENT: 2}
    assert all(message["Bcc"] is None for _, message in mail_server.received)
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER)
    loop.send(LATER + timedelta(minutes=2), mail_server.url)
    (alert,) = mail_server.to("mara@acme.example")
    assert alert["Bcc"] is None


def test_an_alert_that_cannot_be_written_is_tried_again(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER)
    with monkeypatch.context() as broken:
        broken.setattr("feedback.mail.compose.alert", lambda *_: 1 / 0)
        loop.send(LATER + timedelta(minutes=1))
    loop.send(LATER + timedelta(minutes=3))
    assert loop.maildir()[-1]["To"] == "mara@acme.example"


def test_an_address_corrected_at_the_last_moment_is_the_one_that_gets_the_mail(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()

    class Correcting(Faulty):
        def send(self, letter: Letter, handing_over: Callable[[], None]) -> str:
            loop.take(replace(ADA, email="ada@new.example"), now=LATER)
            return super().send(letter, handing_over)

    transport = Correcting()
    sending = sending_with(loop, transport)
    while sending.step(LATER):
        pass
    assert [letter.recipient for letter in transport.handed_over] == ["ada@new.example"]


def test_a_clear_refusal_is_remembered_while_the_database_is_busy(loop: Loop) -> None:
    loop.take(ADA)
    loop.ask()
    sending = sending_with(loop, Faulty(after=MailRefused("451 later", temporary=True)))
    sending.step(LATER)
    sending.step(LATER)
    loop.store._database.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError):
        sending.step(LATER)
    loop.store._database.connection.execute("PRAGMA query_only = OFF")
    sending.step(LATER)
    assert loop.rows("SELECT state, words FROM outbox") == [{"state": "retry", "words": "451 later"}]


def test_a_server_that_is_down_is_left_alone_for_longer_each_time(loop: Loop, mail_server: MailServer) -> None:
    loop.take(ADA)
    loop.ask()
    sending, now = loop.sending("smtp://127.0.0.1:9"), NOW + DAY
    waits = []
    for _ in range(8):
        assert sending.step(now)  # claims
        with pytest.raises(TransportDown):
            sending.step(now)
        assert not sending.step(now), "it is left alone"
        paused = loop.store.outbox.paused()
        assert paused is not None
        waits.append(int((paused.until - now).total_seconds()))
        assert "mail server 127.0.0.1:9" in paused.words
        now = paused.until
    assert waits == [30, 60, 120, 300, 600, 900, 900, 900]
    paused = loop.store.outbox.paused()
    assert paused is not None
    assert paused.since == NOW + DAY
    (mail,) = [one for one in check(loop.store, loop.config, now) if one.name == "mail"]
    assert (mail.ok, mail.warns) == (True, True)
    assert "the mail server cannot be used since" in mail.words
    loop.send(now, mail_server.url)  # another server has no pause
    assert len(mail_server.received) == 1


def test_a_server_that_answers_again_ends_the_pause(loop: Loop, mail_server: MailServer) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    sending = loop.sending(mail_server.url)
    with loop.store.write():
        loop.store.outbox.pause(sending._server, "421 later", 3, NOW + DAY, NOW)
    while sending.step(NOW + DAY):
        pass
    sending.close()
    assert len(mail_server.received) == 2
    assert loop.store.outbox.paused() is None


def test_the_daily_cap_stops_a_run_away_and_alerts_still_go(
    loop: Loop, make_config: Callable[..., Config], mail_server: MailServer
) -> None:
    loop.take(*(replace(ADA, ref=f"M-{n}", customer_ref=f"m{n}", email=f"m{n}@example.org") for n in range(12)))
    loop.ask()
    capped = Loop(loop.store, loop.keys, make_config(daily_cap="5"), loop.asking)
    capped.send()
    assert len(capped.maildir()) == 5
    (mail,) = [one for one in check(loop.store, capped.config, NOW + DAY) if one.name == "mail"]
    assert mail.warns
    assert "the daily cap of 5 mails is reached" in mail.words
    answering.answer(loop.store, loop.config, loop.survey_id("M-0"), Choice.NO, NOW + DAY)
    capped.send(NOW + DAY + timedelta(minutes=1))
    assert [mail["To"] for mail in capped.maildir()][5:] == ["mara@acme.example"]
    capped.send(NOW + 2 * DAY + timedelta(minutes=1))
    assert len(capped.maildir()) == 11


@pytest.mark.parametrize(
    ("setting", "sent", "cap"), [("", 0, 500), ("", 2900, 2000), ("off", 3000, None), ("7", 3000, 7)]
)
def test_the_cap_is_20_times_the_mean_of_30_days_unless_it_is_set(
    loop: Loop,
    make_config: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    sent: int,
    cap: int | None,
) -> None:
    monkeypatch.setattr(loop.store.outbox, "surveys_between", lambda since, until: sent)
    config = make_config(daily_cap=setting) if setting else loop.config
    assert daily_cap(loop.store, config, NOW) == cap


def test_a_rate_lets_so_many_go_a_minute(loop: Loop, make_config: Callable[..., Config]) -> None:
    loop.take(*(replace(ADA, ref=f"M-{n}", customer_ref=f"m{n}", email=f"m{n}@example.org") for n in range(7)))
    loop.ask()
    slow = Loop(loop.store, loop.keys, make_config(smtp_rate="3"), loop.asking)
    counts = []
    for minutes in (0, 0.5, 1.1, 2.2):
        slow.send(NOW + DAY + timedelta(minutes=minutes))
        counts.append(len(slow.maildir()))
    assert counts == [3, 3, 6, 7]


@pytest.mark.parametrize(
    ("reply", "marks"),
    [
        ("550 5.1.1 No such mailbox", True),
        ("553 5.1.3 Bad syntax of the address", True),
        ("550 5.7.1 Not from you", False),
        ("550 No", False),
        ("450 4.1.1 Not yet", False),
    ],
)
def test_an_address_that_nobody_has_is_not_written_to_again(
    loop: Loop, mail_server: MailServer, reply: str, marks: bool
) -> None:
    loop.take(ADA)
    loop.ask()
    mail_server.replies["RCPT"] = [reply]
    loop.send(LATER, mail_server.url)
    (taken,) = loop.take(replace(ADA, ref="A-2", resolved_at=NOW + DAY), now=NOW + DAY)
    assert taken.decision is not None
    assert (taken.decision.reason is Reason.NO_SUCH_ADDRESS) is marks
    told = [line for part in explain(loop.store, loop.keys, loop.config, "A-2") for line in part.lines]
    assert any("nobody has this address" in line for line in told) is marks


def test_an_opt_out_outweighs_a_bad_address(loop: Loop) -> None:
    hashes = loop.keys.address_hashes("ada@example.org")
    for reason in (Suppression.NO_SUCH_ADDRESS, Suppression.OPTED_OUT, Suppression.NO_SUCH_ADDRESS):
        with loop.store.write():
            loop.store.surveys.suppress(hashes[0], reason, NOW)
    assert loop.store.surveys.suppression(hashes) is Suppression.OPTED_OUT


def test_alerts_have_a_lane_of_their_own(loop: Loop) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER)
    loop.take(replace(ADA, ref="A-9", customer_ref="ida", email="ida@example.org"), now=NOW)
    at = LATER + timedelta(minutes=1)
    loop.ask(at)
    transports = {kind: Faulty() for kind in Kind}
    for kind, transport in transports.items():
        sending = Sending(loop.store, loop.asking, loop.keys, loop.config, transport, {kind})
        while sending.step(at):
            pass
    assert [letter.recipient for letter in transports[Kind.ALERT].handed_over] == ["mara@acme.example"]
    assert [letter.recipient for letter in transports[Kind.SURVEY].handed_over] == ["ida@example.org"]


def test_the_jobs_send_alerts_beside_customers_mails(loop: Loop, make_config: Callable[..., Config]) -> None:
    config = make_config(mail="smtp://127.0.0.1:9", smtp_connections="3")
    jobs = make_jobs(config, loop.store, loop.keys)
    assert [job.name for job in jobs].count("send") == 4


def test_what_a_slow_server_leaves_of_a_claim_is_given_back_before_the_lease_ends(loop: Loop) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    slow = sending_with(loop, Faulty())
    slow.step(LATER)
    slow.step(LATER)
    slow.step(LATER + timedelta(minutes=3))  # gives back what is left, and claims what is due
    other = Faulty()
    sending_with(loop, other).step(LATER + timedelta(minutes=3))
    assert [row["attempts"] for row in loop.rows("SELECT attempts FROM outbox")] == [1, 1]
    while slow.step(LATER + timedelta(minutes=3)):
        pass
    assert loop.store.outbox.counts() == {MailState.SENT: 2}

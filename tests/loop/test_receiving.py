"""What comes back has its effect once, by a reference that we signed, and is never answered."""

import email
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flufl.bounce import all_failures

from feedback.domain.followups import Event, Outcome
from feedback.domain.measures import is_asked
from feedback.domain.surveys import Choice, Suppression
from feedback.errors import InboxDown
from feedback.keys import Keys, Purpose
from feedback.loop import answering, erasing, following_up, receiving
from feedback.loop.explaining import explain
from feedback.loop.health import check
from feedback.loop.receiving import NO_WORDS, Receiving
from feedback.mail import inbound
from feedback.mail.mailboxes import open_mailbox
from feedback.store.outbox import MailState
from feedback.store.returns import REPLIES_AT_MOST
from tests.conftest import ADA, BRUNO, DAY, NOW, ROOT, TORTURE, Loop, MailServer, text_of
from tests.mail.test_inbound import dsn, reply, report

SENT = NOW + DAY
LATER = SENT + timedelta(hours=1)
CORPUS = ROOT / ".corpus" / "flufl_bounce-6.0.0.tar.gz"


@dataclass
class Inbox:
    """A Maildir that mail comes back to, and the loop around it."""

    loop: Loop
    folder: Path
    arrived: int = 0

    def deliver(self, *messages: bytes) -> None:
        for message in messages:
            self.arrived += 1
            (self.folder / "new" / f"{self.arrived:06}.test").write_bytes(message)

    def receiving(self) -> Receiving:
        loop = self.loop
        return Receiving(loop.store, loop.asking, loop.keys, loop.config, open_mailbox(loop.config))

    def receive(self, now: datetime = LATER) -> int:
        """Take in what has arrived; how many messages."""
        reader, count = self.receiving(), 0
        while reader.step(now):
            count += 1
        return count

    def come_back(self, *messages: bytes, ref: str = "A-1", now: datetime = LATER) -> None:
        """Messages about the mail to a case's customer, with its signed reference in the place of the samples' one."""
        self.deliver(*(self.about(message, ref) for message in messages))
        self.receive(now)

    def about(self, message: bytes, ref: str = "A-1") -> bytes:
        reference = self.loop.keys.sign(Purpose.MESSAGE, self.mail_id(ref))
        return replace_reference(message, reference)

    def mail_id(self, ref: str = "A-1", kind: str = "survey") -> str:
        found = self.loop.rows(
            f"SELECT o.id FROM outbox o WHERE survey_id = '{self.loop.survey_id(ref)}' AND kind = '{kind}'"
        )
        return str(found[0]["id"])

    def suppression(self, address: str = "ada@example.org") -> Suppression | None:
        return self.loop.store.surveys.suppression(self.loop.keys.address_hashes(address))

    def state(self, ref: str = "A-1") -> str:
        return str(self.loop.rows(f"SELECT state FROM outbox WHERE id = '{self.mail_id(ref)}'")[0]["state"])


def replace_reference(message: bytes, reference: str) -> bytes:
    """The samples' reference is no signed one; the header that holds it may be encoded."""
    parsed = email.message_from_bytes(message)
    if parsed["In-Reply-To"]:
        del parsed["In-Reply-To"]
        parsed["In-Reply-To"] = f"<{reference}@acme.example>"
        return parsed.as_bytes()
    return message.replace(f"{'m' * 22}.{'s' * 43}".encode(), reference.encode())


@pytest.fixture
def inbox(make_loop: Callable[..., Loop], tmp_path: Path) -> Inbox:
    folder = tmp_path / "Maildir"
    for part in ("new", "cur", "tmp"):
        (folder / part).mkdir(parents=True)
    return Inbox(make_loop(inbox=f"maildir:{folder}", return_path="bounces@acme.example"), folder)


@pytest.fixture
def asked(inbox: Inbox) -> Inbox:
    """Ada and Bruno have been asked."""
    inbox.loop.take(ADA, BRUNO)
    inbox.loop.ask()
    inbox.loop.send()
    return inbox


HARD, SOFT, DELAY = (
    dsn("failed", "5.1.1", "550 5.1.1 unknown"),
    dsn("failed", "4.4.7", "expired"),
    dsn("delayed", "4.4.1"),
)


def test_a_hard_bounce_suppresses_the_address_and_the_mail_counts_as_failed(asked: Inbox) -> None:
    asked.come_back(HARD)
    assert asked.suppression() is Suppression.BOUNCED
    assert asked.suppression("bruno@example.org") is None
    assert asked.state() == "failed"
    asked.loop.take(replace(ADA, ref="A-2", resolved_at=NOW + 30 * DAY), now=NOW + 30 * DAY)
    assert asked.loop.ask(NOW + 31 * DAY) == 0
    assert "We do not ask: our mail to this address came back." in told(asked, "A-2")
    assert ", and it came back for good: 550 5.1.1 unknown." in told(asked, "A-1")


def told(inbox: Inbox, ref: str) -> str:
    parts = explain(inbox.loop.store, inbox.loop.keys, inbox.loop.config, ref)
    return "\n".join(line for part in parts for line in part.lines)


def counted(inbox: Inbox) -> int:
    """How many surveys the figures are about."""
    return sum(map(is_asked, inbox.loop.store.figures.served(NOW - DAY, lambda address: None)))


def test_a_mail_that_came_back_is_in_no_figure(asked: Inbox) -> None:
    assert counted(asked) == 2
    asked.come_back(HARD)
    assert counted(asked) == 1


def test_an_answer_to_a_mail_that_came_back_counts_all_the_same(asked: Inbox) -> None:
    asked.come_back(SOFT)
    answering.answer(asked.loop.store, asked.loop.config, asked.loop.survey_id(), Choice.YES, LATER)
    assert counted(asked) == 2


def ask_again(inbox: Inbox, number: int, at: datetime) -> str:
    """Another case of Ada's, asked about at that moment; its reference."""
    ref = f"A-{number}"
    inbox.loop.take(replace(ADA, ref=ref, resolved_at=at - DAY), now=at - DAY)
    inbox.loop.ask(at)
    inbox.loop.send(at)
    return ref


@pytest.mark.parametrize(("apart_days", "suppression"), [(10, Suppression.BOUNCED), (16, None)])
def test_three_soft_bounces_within_thirty_days_suppress(
    asked: Inbox, make_loop: Callable[..., Loop], apart_days: int, suppression: Suppression | None
) -> None:
    asked.loop = make_loop(inbox=asked.loop.config.inbox, ask_again_after="off", window="off")
    asked.come_back(SOFT, now=SENT)
    for number in (2, 3):
        at = SENT + (number - 1) * timedelta(days=apart_days)
        asked.come_back(SOFT, SOFT, ref=ask_again(asked, number, at), now=at)
        assert asked.suppression() is (suppression if number == 3 else None)


def test_the_same_mail_that_comes_back_softly_many_times_is_one_bounce(asked: Inbox) -> None:
    asked.come_back(*[SOFT] * 5)
    assert asked.suppression() is None
    asked.come_back(HARD)
    assert asked.suppression() is Suppression.BOUNCED


def test_a_delay_changes_nothing(asked: Inbox) -> None:
    asked.come_back(DELAY)
    assert (asked.state(), asked.suppression()) == ("sent", None)


def test_a_complaint_suppresses_and_an_opt_out_weighs_more(asked: Inbox) -> None:
    complaint = report("feedback-report", "Feedback-Type: abuse\nVersion: 1\n", "feedback-report")
    asked.come_back(HARD, complaint)
    assert asked.suppression() is Suppression.COMPLAINED
    asked.come_back(dsn("failed", "5.1.1"))
    assert asked.suppression() is Suppression.COMPLAINED
    asked.loop.opt_out(LATER)
    asked.come_back(complaint)
    assert asked.suppression() is Suppression.OPTED_OUT


def test_who_was_passed_over_for_a_mail_that_came_back_has_a_turn(asked: Inbox) -> None:
    asked.loop.take(replace(ADA, ref="A-2", resolved_at=NOW + timedelta(hours=2)), now=SENT)
    assert asked.loop.ask(SENT + DAY) == 0
    asked.come_back(SOFT, now=SENT + DAY)
    assert asked.loop.ask(SENT + DAY) == 1


def test_an_alert_that_came_back_turns_health_red_until_its_follow_up_is_closed(asked: Inbox) -> None:
    answering.answer(asked.loop.store, asked.loop.config, asked.loop.survey_id(), Choice.NO, SENT)
    asked.loop.send(SENT + answering.TELL_AFTER)
    (alert,) = asked.loop.rows("SELECT id FROM outbox WHERE kind = 'alert'")
    reference = asked.loop.keys.sign(Purpose.MESSAGE, alert["id"])
    asked.deliver(replace_reference(HARD, reference), replace_reference(reply("I am away."), reference))
    asked.receive()
    (mail,) = [one for one in check(asked.loop.store, asked.loop.config, LATER) if one.name == "mail"]
    assert (mail.ok, mail.words.startswith("alerts that came back: 1. Nobody may hear of a “no” there")) == (
        False,
        True,
    )
    assert asked.suppression("mara@acme.example") is None
    (follow_up,) = asked.loop.store.follow_ups.open_ones()
    following_up.close(asked.loop.store, asked.loop.asking, follow_up.id, Outcome.SOLVED, "Called.", None, LATER)
    (mail,) = [one for one in check(asked.loop.store, asked.loop.config, LATER) if one.name == "mail"]
    assert mail.ok


def test_a_reply_opens_a_follow_up_with_its_text_and_the_team_hears_of_it(asked: Inbox) -> None:
    asked.come_back(
        reply("It still jams.\nPlease call.\n\nOn 3 March 2026, Acme <care@acme.example> wrote:\n> Hello\n")
    )
    (follow_up,) = asked.loop.store.follow_ups.open_ones()
    assert (follow_up.case_ref, follow_up.words, follow_up.answer) == ("A-1", "It still jams.\nPlease call.", None)
    assert follow_up.due_at == LATER + asked.loop.config.follow_up_within
    asked.loop.send(LATER + answering.TELL_AFTER)
    alert = asked.loop.maildir()[-1]
    assert alert["To"] == "mara@acme.example"
    assert alert["Subject"] == "A reply: Ada — Printer jams on page two"
    assert (
        "Ada answered our mail about “Printer jams on page two”. Read it, answer if it needs that, and close it."
        in text_of(alert)
    )
    assert "> It still jams.\n> Please call.\n" in text_of(alert)
    assert asked.loop.rows("SELECT * FROM answers") == []
    assert "The customer answered the mail: It still jams. Please call." in told(asked, "A-1")


def test_a_survey_has_one_follow_up_however_many_replies_and_answers_there_are(asked: Inbox) -> None:
    asked.come_back(reply("One."), reply("Two."))
    answering.answer(asked.loop.store, asked.loop.config, asked.loop.survey_id(), Choice.NO, LATER)
    (follow_up,) = asked.loop.store.follow_ups.open_ones()
    assert follow_up.words == "One.\n\nTwo."
    assert follow_up.answer is not None
    history = asked.loop.store.follow_ups.history(follow_up.id)
    assert [event.note for event in history if event.kind is Event.REPLIED] == ["One.", "Two."]


def test_a_follow_up_is_about_what_came_since_it_was_opened(asked: Inbox) -> None:
    store, config, survey_id = asked.loop.store, asked.loop.config, asked.loop.survey_id()
    asked.come_back(reply("Hello."))
    (follow_up,) = store.follow_ups.open_ones()
    following_up.close(store, asked.loop.asking, follow_up.id, Outcome.SOLVED, "Called.", None, LATER)
    answering.answer(store, config, survey_id, Choice.NO, LATER + DAY)
    (again,) = store.follow_ups.open_ones()
    assert (again.words, again.answer is None) == ("", False)
    answering.answer(store, config, survey_id, Choice.YES, LATER + DAY)
    assert store.follow_ups.count_open() == 0
    asked.come_back(reply("Thank you, all is well."), now=LATER + 2 * DAY)
    (thanks,) = store.follow_ups.open_ones()
    assert (thanks.words, thanks.answer) == ("Thank you, all is well.", None)
    asked.loop.send(LATER + 2 * DAY + answering.TELL_AFTER)
    assert asked.loop.maildir()[-1]["Subject"].startswith("A reply: Ada")


def test_a_yes_does_not_put_aside_what_somebody_wrote(asked: Inbox) -> None:
    asked.come_back(reply("But the paper is gone."))
    answering.answer(asked.loop.store, asked.loop.config, asked.loop.survey_id(), Choice.YES, LATER)
    assert asked.loop.store.follow_ups.count_open() == 1


def test_a_reply_after_the_follow_up_was_closed_opens_it_again(asked: Inbox) -> None:
    asked.come_back(reply("One."))
    (follow_up,) = asked.loop.store.follow_ups.open_ones()
    following_up.close(asked.loop.store, asked.loop.asking, follow_up.id, Outcome.SOLVED, "Called.", None, LATER)
    asked.come_back(reply("No, still."), now=LATER + DAY)
    (again,) = asked.loop.store.follow_ups.open_ones()
    assert (again.id, again.reply) == (follow_up.id, "No, still.")


def test_a_reply_proves_that_a_mail_in_doubt_has_arrived(asked: Inbox) -> None:
    with asked.loop.store.write():
        asked.loop.store._database.connection.execute("UPDATE outbox SET state = 'unconfirmed'")
    asked.come_back(reply("Hello."))
    assert asked.state() == MailState.SENT


def test_a_reply_from_another_address_says_so_and_one_without_words_too(asked: Inbox) -> None:
    asked.come_back(reply("Still.").replace(b"Ada <ada@example.org>", b"Ada <ada@work.example>"))
    asked.come_back(reply("> Did we solve it?\n"), ref="B-2")
    said = {follow_up.case_ref: follow_up.reply for follow_up in asked.loop.store.follow_ups.open_ones()}
    assert said["A-1"] == "From ada@work.example:\nStill."
    assert said["B-2"] == f"From ada@example.org:\n{NO_WORDS}"


FORGERIES: list[Callable[[Keys, str], str]] = [
    lambda keys, mail_id: f"{mail_id}.{'A' * 43}",
    lambda keys, mail_id: Keys(["another secret that is long enough"]).sign(Purpose.MESSAGE, mail_id),
    lambda keys, mail_id: keys.sign(Purpose.SURVEY, mail_id),
    lambda keys, mail_id: keys.sign(Purpose.MESSAGE, "x" * 22),
    lambda keys, mail_id: keys.sign(Purpose.MESSAGE, mail_id)[:-1] + "_",
]


@pytest.mark.parametrize("forge", FORGERIES)
@pytest.mark.parametrize(
    "message",
    [HARD, SOFT, reply("Fire everyone."), report("feedback-report", "Feedback-Type: abuse\n", "feedback-report")],
)
def test_forged_senders_and_references_change_nothing(
    asked: Inbox, message: bytes, forge: Callable[[Keys, str], str]
) -> None:
    before = list(asked.loop.store._database.connection.iterdump())
    asked.deliver(replace_reference(message, forge(asked.loop.keys, asked.mail_id())))
    assert asked.receive() == 1
    after = [line for line in asked.loop.store._database.connection.iterdump() if "read_messages" not in line]
    assert after == [line for line in before if "read_messages" not in line]


def test_a_reference_of_a_retired_secret_counts(asked: Inbox) -> None:
    message = asked.about(HARD)
    secrets = (asked.loop.config.data_dir / "secret.key").read_text().split()
    asked.loop.keys = Keys(["a newer secret of more than 32 letters", *secrets])
    asked.deliver(message)
    asked.receive()
    assert asked.suppression() is Suppression.BOUNCED


def test_the_address_that_a_bounce_comes_to_is_enough(asked: Inbox) -> None:
    for token, suppression in (("a" * 42, None), (asked.loop.keys.return_token(asked.mail_id()), Suppression.BOUNCED)):
        asked.deliver(f"Delivered-To: bounces+{token}@acme.example\n".encode() + HARD)
        asked.receive()
        assert asked.suppression() is suppression


def test_each_mail_has_a_return_address_of_its_own_at_the_server(
    make_loop: Callable[..., Loop], mail_server: MailServer
) -> None:
    loop = make_loop(mail=mail_server.url, return_path="bounces@acme.example")
    loop.take(ADA, BRUNO)
    loop.ask()
    loop.send()
    found = {row["id"] for row in loop.rows("SELECT id FROM outbox")}
    tokens = [sender.removeprefix("bounces+").removesuffix("@acme.example") for sender in mail_server.senders]
    assert {loop.keys.verify_return_token(token) for token in tokens} == found
    assert all(len(sender.partition("@")[0]) <= 64 for sender in mail_server.senders)


def test_about_somebody_who_was_erased_nothing_is_taken_in(asked: Inbox) -> None:
    soft = dsn("failed", "4.4.7", "expired <ada@example.org>")
    messages = [asked.about(message) for message in (reply("Me again."), soft)]
    erasing.erase(asked.loop.store, asked.loop.keys, "ada@example.org", LATER)
    asked.deliver(*messages)
    asked.receive()
    assert asked.loop.store.follow_ups.count_open() == 0
    assert asked.loop.rows("SELECT * FROM bounces") == []
    assert "ada@example.org" not in "\n".join(asked.loop.store._database.connection.iterdump()).lower()


def test_a_reply_is_erased_with_who_wrote_it_also_when_the_case_is_somebody_elses_by_now(asked: Inbox) -> None:
    asked.come_back(reply("My secret words."))
    asked.loop.take(replace(ADA, customer_ref="zed", email="zed@example.org", name="Zed"), now=LATER)
    erasing.erase(asked.loop.store, asked.loop.keys, "ada@example.org", LATER)
    assert "My secret words." not in "\n".join(asked.loop.store._database.connection.iterdump())


def test_the_same_reply_found_in_two_places_counts_once_and_a_flood_is_bounded(asked: Inbox) -> None:
    one = asked.about(reply("One.", Message_ID="<one@example.org>"))
    asked.deliver(one, one.replace(b"\n", b"\r\n"), b"Delivered-To: other@acme.example\n" + one)
    asked.receive()
    asked.come_back(*(reply(f"Number {number}.") for number in range(2 * REPLIES_AT_MOST)))
    (follow_up,) = asked.loop.store.follow_ups.open_ones()
    events = asked.loop.store.follow_ups.history(follow_up.id)
    assert len([event for event in events if event.kind is Event.REPLIED]) == REPLIES_AT_MOST
    asked.loop.send(LATER + DAY)
    assert len([mail for mail in asked.loop.maildir() if mail["To"] == "mara@acme.example"]) == 1


BROKEN = [
    b"From: a\nFrom: MAILER-DAEMON\nReturn-Path: <>\n\n",
    b"\x00\xff" * 50,
    b'Content-Type: text/plain; charset="no-such-charset"\nIn-Reply-To: <%s@acme.example>\n\n\xff\n',
    b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 2_000,
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_message_stops_no_other(asked: Inbox, broken: bytes) -> None:
    if b"%s" in broken:
        broken %= asked.loop.keys.sign(Purpose.MESSAGE, asked.mail_id()).encode()
    asked.deliver(broken, asked.about(HARD))
    assert asked.receive() == 2
    assert asked.suppression() is Suppression.BOUNCED
    assert asked.receive() == 0


def test_what_cannot_be_understood_is_set_aside_for_its_owner_alone(
    asked: Inbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(content: bytes, own: object, **_: object) -> inbound.Incoming:
        raise RecursionError("ada@example.org")

    monkeypatch.setattr(receiving, "understand", fail)
    broken = asked.about(HARD) + b"\xfc\n"
    asked.deliver(broken, b"Subject: nothing of ours\n\nx\n", broken)
    assert asked.receive() == 3
    (path,) = (asked.loop.config.data_dir / "set-aside").iterdir()
    assert path.read_bytes() == broken
    assert path.stat().st_mode & 0o777 == 0o600
    assert "RecursionError" in caplog.text
    assert "ada@example.org" not in caplog.text
    (told_by_health,) = [one for one in check(asked.loop.store, asked.loop.config, LATER) if one.name == "set aside"]
    assert (told_by_health.ok, told_by_health.warns) == (True, True)
    assert f"could not be understood: 1. Read and remove them: {path.parent}" in told_by_health.words
    with monkeypatch.context() as patch:
        patch.setattr(receiving, "SET_ASIDE_AT_MOST", 1)
        asked.deliver(asked.about(SOFT))
        asked.receive()
    assert len(list(path.parent.iterdir())) == 1


def test_a_message_whose_effect_fails_stops_no_other(asked: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bool:
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")

    monkeypatch.setattr("feedback.store.returns.Returns.mark_failed", fail)
    asked.deliver(asked.about(HARD), asked.about(reply("Still."), "B-2"))
    assert asked.receive() == 2
    assert [one.words for one in asked.loop.store.follow_ups.open_ones()] == ["From ada@example.org:\nStill."]
    assert len(list((asked.loop.config.data_dir / "set-aside").iterdir())) == 1


POISON = (
    b"From: mailer-daemon@x.example\nContent-Type: text/plain; charset=%s\nDelivered-To: bounces+%s@acme.example\n\n"
    b"Hi. This is the qmail-send program at x.example.\nI'm afraid I wasn't able to deliver your message to the "
    b"following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<ada@example.org>:\n"
    b"550 5.1.1 +2AA- \\ud800 no such user\n"
)


@pytest.mark.parametrize("charset", [b"utf-7", b"unicode-escape", b"raw-unicode-escape", b"punycode"])
def test_a_charset_that_makes_half_letters_stops_no_other(asked: Inbox, charset: bytes) -> None:
    token = asked.loop.keys.return_token(asked.mail_id()).encode()
    asked.deliver(POISON % (charset, token), asked.about(HARD, "B-2"))
    assert asked.receive() == 2
    assert asked.suppression() is asked.suppression("bruno@example.org") is Suppression.BOUNCED
    assert not (asked.loop.config.data_dir / "set-aside").exists()


def test_a_bounce_of_what_staff_wrote_in_the_same_thread_is_not_the_customers(asked: Inbox) -> None:
    reference = asked.loop.keys.sign(Purpose.MESSAGE, asked.mail_id())
    for message in (HARD, report("feedback-report", "Feedback-Type: abuse\n", "feedback-report")):
        staffs = message.replace(b"Message-ID: <", b"Message-ID: <staff@acme.example>\nX-Was: <", 1)
        asked.deliver(f"References: <{reference}@acme.example>\n".encode() + staffs)
        asked.deliver(staffs.replace(b"X-Was:", f"References: <{reference}@acme.example>\nX-Was:".encode()))
    assert asked.receive() == 4
    assert (asked.suppression(), asked.state()) == (None, "sent")


def test_what_our_own_people_write_to_the_customer_is_no_reply(asked: Inbox) -> None:
    for address in (b"care@acme.example", b"mara@acme.example", b"jonas@sub.acme.example"):
        asked.deliver(asked.about(reply("Dear Ada, try this.").replace(b"ada@example.org", address)))
    asked.receive()
    assert [one.words for one in asked.loop.store.follow_ups.open_ones()] == []


def test_words_and_senders_cannot_harm_a_terminal_or_a_mail(asked: Inbox) -> None:
    odd = reply("It \x1b[31mstill\u202e jams\u2066.").replace(
        b"Ada <ada@example.org>", b"=?utf-8?q?=1B[31m=00=E2=80=AEx?= <" + b"a" * 9_000 + b"@evil.example>"
    )
    asked.come_back(odd)
    asked.come_back(dsn("failed", "5.1.1", "550 5.1.1 \x1b[31m\u202eno"), ref="B-2")
    (follow_up,) = asked.loop.store.follow_ups.open_ones()
    assert follow_up.words == "It [31mstill jams."
    assert asked.loop.rows(f"SELECT words FROM outbox WHERE id = '{asked.mail_id('B-2')}'")[0]["words"].isprintable()


def test_what_was_read_is_told_in_the_log(asked: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    asked.deliver(asked.about(HARD), b"Subject: x\n\nx\n", asked.about(reply("Hm."), "B-2"), b"Subject: y\n\nx\n")
    asked.receive()
    assert "read what came back: 1 hard bounce, 2 not about our mail, 1 reply" in caplog.text


def test_each_message_is_taken_in_once_also_after_a_crash(asked: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.deliver(asked.about(reply("One.")), asked.about(reply("Two."), "B-2"))
    monkeypatch.setattr(Receiving, "_reply", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    reader = asked.receiving()
    with pytest.raises(KeyboardInterrupt):
        reader.step(LATER)
    assert asked.loop.rows("SELECT * FROM read_messages") == []
    monkeypatch.undo()
    assert asked.receive() == 2
    assert asked.receive() == 0
    assert asked.loop.store.follow_ups.count_open() == 2


def test_what_has_left_the_mailbox_need_not_be_remembered(asked: Inbox) -> None:
    asked.come_back(HARD)
    assert len(asked.loop.rows("SELECT * FROM read_messages")) == 1
    for path in (asked.folder / "new").iterdir():
        path.unlink()
    asked.receive()
    assert asked.loop.rows("SELECT * FROM read_messages") == []


def test_a_mailbox_that_is_away_is_told_and_read_later(asked: Inbox) -> None:
    asked.deliver(asked.about(HARD))
    asked.folder.rename(asked.folder.with_name("away"))
    reader = asked.receiving()
    with pytest.raises(InboxDown):
        reader.step(LATER)
    asked.folder.with_name("away").rename(asked.folder)
    assert reader.step(LATER)
    assert asked.suppression() is Suppression.BOUNCED


@pytest.mark.torture
def test_ten_thousand_messages_are_read_each_once(asked: Inbox) -> None:
    count = 10_000 if TORTURE else 300
    filler = reply("Nothing of ours.").replace(b"In-Reply-To:", b"X-Nothing:")
    asked.deliver(*[filler] * count, asked.about(HARD))
    assert asked.receive() == count + 1
    assert asked.receive() == 0
    assert asked.suppression() is Suppression.BOUNCED


def samples() -> Iterator[tuple[str, bytes]]:
    with tarfile.open(CORPUS) as archive:
        for member in archive:
            if "/tests/data/" in member.name and member.name.endswith(".txt"):
                file = archive.extractfile(member)
                assert file is not None
                yield Path(member.name).name, file.read()


@pytest.mark.skipif(not CORPUS.exists(), reason="the test messages of flufl.bounce are not here; see: make corpus")
def test_the_messages_that_flufl_bounce_ships_end_in_the_right_state(asked: Inbox) -> None:
    right, wrong = 0, []
    for name, content in samples():
        for_now, for_good = all_failures(email.message_from_bytes(content))
        if for_now or for_good:
            token = asked.loop.keys.return_token(asked.mail_id())
            asked.deliver(f"Delivered-To: bounces+{token}@acme.example\n".encode() + content)
            asked.receive()
            ended = (asked.suppression(), asked.state())
            if ended == ((Suppression.BOUNCED, "failed") if for_good else (None, "sent")):
                right += 1
            else:
                wrong.append((name, ended))
            with asked.loop.store.write():
                for statement in (
                    "DELETE FROM suppressions",
                    "DELETE FROM bounces",
                    "UPDATE outbox SET state = 'sent'",
                ):
                    asked.loop.store._database.connection.execute(statement)
    print(f"{right} of {right + len(wrong)} end in the right state; not: {wrong}")
    assert right + len(wrong) >= 100
    assert right >= 0.95 * (right + len(wrong))

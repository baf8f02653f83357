import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from feedback.domain.followups import Channel, Outcome, Result
from feedback.domain.staff import Role
from feedback.domain.surveys import Choice, Details, Stage, Suppression
from feedback.errors import FileError, NotFound
from feedback.loop import answering, erasing, exporting, following_up
from feedback.loop.exporting import Exported
from feedback.store.outbox import Kind
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop

LATER = NOW + DAY
ADDRESS = "ada@example.org"


def export(loop: Loop, tmp_path: Path, address: str = ADDRESS) -> Exported:
    return exporting.export(loop.store, loop.keys, loop.config, address, tmp_path, LATER + timedelta(hours=1))


def data_of(made: Exported) -> Any:
    return json.loads(made.data.read_text("utf-8"))


def say_no(loop: Loop) -> None:
    """Ada's “no”, with all that can be said beside it, and what Mara did about it."""
    loop.take(replace(ADA, tags=("urgent",)), BRUNO)
    loop.ask()
    loop.send()
    survey_id = loop.survey_id()
    answering.answer(loop.store, loop.config, survey_id, Choice.NO, LATER)
    said = Details(
        (Stage.RESOLVE,),
        "Page two <again>.",
        call=True,
        phone="+49 30 5550 0142",
        call_time="noon",
        quote_name="Ada L.",
    )
    answering.add_details(loop.store, loop.config, survey_id, Choice.NO, said, LATER)
    with loop.store.write():
        loop.store._database.connection.execute(
            "INSERT INTO staff (id, email, name) VALUES ('m', 'mara@acme.example', 'Mara Lind')"
        )
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.log_interaction(
        loop.store, follow_up.id, "m", Channel.CALL, Result.NOT_SOLVED, "Nobody answered.", LATER
    )
    following_up.close(
        loop.store, loop.asking, follow_up.id, Outcome.SOLVED, "Cleaned the rollers.", "m", LATER, publish=True
    )


def test_the_page_tells_of_a_call_only_if_one_was_asked_for_and_how_it_ended_only_if_it_has(
    loop: Loop, tmp_path: Path
) -> None:
    loop.take(ADA, BRUNO)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER)
    page = export(loop, tmp_path).page.read_text("utf-8")
    assert "Your answer: no" in page
    assert "What we did about it" in page
    assert "You asked for a call" not in page
    assert "How it ended" not in page
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.NO, Details(call=True, phone="1"), LATER)
    assert "<dt>You asked for a call</dt><dd>yes</dd>" in export(loop, tmp_path).page.read_text("utf-8")


def test_the_folder_is_made_and_is_its_owners_alone(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    made = export(loop, tmp_path / "requests")
    assert (made.page.parent, made.page.parent.stat().st_mode & 0o777) == (tmp_path / "requests", 0o700)


def test_all_that_is_held_is_in_the_file_for_machines(loop: Loop, tmp_path: Path) -> None:
    say_no(loop)
    with loop.store.write():
        loop.store._database.connection.execute(
            "INSERT INTO purchases (id, customer_id, ref, at, amount) "
            "SELECT 'p', id, 'O-9', '2026-01-02T09:00:00Z', '12.50' FROM customers WHERE name = 'Ada'"
        )
        loop.store.surveys.suppress(loop.keys.address_hashes(ADDRESS)[0], Suppression.OPTED_OUT, LATER)
    told = data_of(export(loop, tmp_path, " ADA@example.org"))
    assert (told["business"], told["address"], told["made_at"]) == ("Acme", ADDRESS, "2026-03-04T13:00:00Z")
    (customer,) = told["customers"]
    assert (customer["name"], customer["email"], customer["ref"]) == ("Ada", "Ada@example.org", "ada")
    assert customer["customer_since"] == "2024-01-15"
    assert customer["purchases"] == [{"ref": "O-9", "at": "2026-01-02T09:00:00Z", "amount": "12.50"}]
    (case,) = customer["cases"]
    assert (case["subject"], case["tags"], case["opened_at"]) == (ADA.subject, ["urgent"], "2026-03-03T07:00:00Z")
    (resolution,) = case["resolutions"]
    assert [one["because"] for one in resolution["decisions"]] == [
        "it is too soon after the resolution",
        "it is due",
        "it is too soon after the resolution",
    ]
    assert [one["is_again"] for one in resolution["decisions"]] == [False, False, True]
    survey, again = resolution["surveys"]
    assert (again["round"], again["state"], again["mails"]) == (1, "waiting", [])
    assert [(mail["kind"], mail["recipient"], mail["state"]) for mail in survey["mails"]] == [
        ("survey", "Ada@example.org", "sent"),
        ("alert", None, "queued"),
    ]
    (answer,) = survey["answers"]
    assert answer == {
        "at": "2026-03-04T12:00:00Z",
        "choice": "no",
        "details_at": "2026-03-04T12:00:00Z",
        "reasons": ["It took too long, I was passed around, or it still does not work"],
        "comment": "Page two <again>.",
        "call": True,
        "phone": "+49 30 5550 0142",
        "call_time": "noon",
        "quote_name": "Ada L.",
    }
    events = survey["follow_up"]["events"]
    assert [(event["kind"], event["who"], event["note"]) for event in events] == [
        ("opened", None, None),
        ("taken", "Mara Lind", None),
        ("interaction", "Mara Lind", "Nobody answered."),
        ("closed", "Mara Lind", "Cleaned the rollers."),
    ]
    assert [(event["public_at"], event["public_by"]) for event in events] == [
        *[(None, None)] * 3,
        ("2026-03-04T12:00:00Z", "Mara Lind"),
    ]
    assert told["suppressions"] == [{"reason": "opted out", "since": "2026-03-04T12:00:00Z"}]


class _Page(HTMLParser):
    """The text of a page, and what it refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.levels: list[int] = []
        self._parts: list[str] = []
        self.feed(page)
        self.text = " ".join("".join(self._parts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))

    def handle_data(self, data: str) -> None:
        self._parts.append(data)


def test_the_page_says_the_same_in_words_and_needs_nothing_else(loop: Loop, tmp_path: Path) -> None:
    say_no(loop)
    raw = export(loop, tmp_path).page.read_text("utf-8")
    page = _Page(raw)
    for words in (
        "What Acme holds about you",
        "Tuesday, 3 March 2026, 12:00 (UTC)",
        "Case A-1: Printer jams on page two",
        "To ask you: it is due.",
        "Page two <again>.",
        "+49 30 5550 0142",
        "as Ada L.",
        "we were in touch (call), by Mara Lind: Nobody answered.",
        "by Mara Lind: Cleaned the rollers. This note is public, without your name, since Wednesday, 4 March 2026",
    ):
        assert words in page.text
    assert '<html lang="en">' in raw
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "a"})
    assert page.attributes.isdisjoint({"src", "href", "style", "srcset"})
    assert "url(" not in raw
    assert "FEEDBACK_" not in raw
    assert all(after - before <= 1 for before, after in zip(page.levels, page.levels[1:], strict=False))


def test_that_it_was_handed_over_is_told_too(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER)
    (follow_up,) = loop.store.follow_ups.open_ones()
    with loop.store.write():
        tom, mara = (loop.store.staff.add(f"{name}@acme.example", name, "", Role.OWNER) for name in ("Tom", "Mara"))
    following_up.hand_over(loop.store, follow_up.id, tom, mara, follow_up.owner_id, LATER)
    page = _Page(export(loop, tmp_path).page.read_text("utf-8"))
    assert "somebody handed it over, by Mara: to Tom" in page.text


def test_times_on_the_page_follow_the_clock_of_the_business(loop: Loop) -> None:
    loop.take(ADA)
    config = loop.config.model_copy(update={"zone": loop.config.zone.__class__("Europe/Berlin")})
    dossier = exporting.gather(loop.store, loop.keys, config, ADDRESS, LATER)
    assert "Tuesday, 3 March 2026, 13:00 (Europe/Berlin)" in exporting.as_page(dossier, config.zone)
    assert '"resolved_at": "2026-03-03T12:00:00Z"' in exporting.as_json(dossier)


def test_no_link_of_a_mail_and_nothing_of_anybody_else_is_in_it(loop: Loop, tmp_path: Path) -> None:
    say_no(loop)
    made = export(loop, tmp_path)
    for path in (made.data, made.page):
        text = path.read_text("utf-8")
        assert loop.survey_id() not in text
        for other in ("bruno", "Bruno", "Lost parcel", "B-2", "mara@acme.example", "http://"):
            assert other not in text


def test_whoever_got_a_mail_has_its_answer_though_the_case_is_somebody_elses_by_now(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    answering.answer(loop.store, loop.config, loop.survey_id(), Choice.NO, LATER)
    answering.add_details(loop.store, loop.config, loop.survey_id(), Choice.NO, Details((), "Page two again."), LATER)
    (follow_up,) = loop.store.follow_ups.open_ones()
    following_up.close(loop.store, loop.asking, follow_up.id, Outcome.NOT_SOLVABLE, "Told Bruno.", None, LATER)
    loop.take(replace(BRUNO, ref="A-1"), now=LATER)
    adas = export(loop, tmp_path)
    (survey,) = data_of(adas)["elsewhere"]
    assert data_of(adas)["customers"][0]["cases"] == []
    assert [mail["recipient"] for mail in survey["mails"]] == ["Ada@example.org"]
    assert survey["answers"][0]["comment"] == "Page two again."
    assert survey["follow_up"] is None
    assert "Mails to you about cases that are somebody else’s by now" in adas.page.read_text("utf-8")
    assert "Bruno" not in adas.data.read_text("utf-8")
    brunos = export(loop, tmp_path, "bruno@example.org")
    (case,) = data_of(brunos)["customers"][0]["cases"]
    assert case["ref"] == "A-1"
    assert (case["resolutions"][0]["surveys"], case["resolutions"][0]["left_out"]) == ([], 1)
    assert "left out here: 1." in brunos.page.read_text("utf-8")
    for path in (brunos.data, brunos.page):
        assert "Page two again" not in path.read_text("utf-8")
        assert "ada@example.org" not in path.read_text("utf-8").lower()
    assert brunos.others == ("Ada@example.org",)


def test_all_customers_of_an_address_are_in_it(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA, replace(ADA, source="another desk", ref="X-1", customer_ref="7", email="ADA@example.org"))
    told = data_of(export(loop, tmp_path))
    assert sorted(one["source"] for one in told["customers"]) == ["another desk", "shop"]


def test_the_files_are_their_owners_alone_and_their_names_tell_nobody(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    made = export(loop, tmp_path)
    for path in (made.data, made.page):
        assert path.stat().st_mode & 0o777 == 0o600
        assert re.fullmatch(r"feedback-export-20260304T130000Z-[0-9a-f]{6}\.(json|html)", path.name)
    assert export(loop, tmp_path).data != made.data


def test_an_export_is_audited_without_the_address_and_the_next_one_tells_of_it(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    assert data_of(export(loop, tmp_path))["audit"] == []
    assert loop.rows("SELECT actor, action, subject, became FROM audit") == [
        {
            "actor": "command line",
            "action": "customer.export",
            "subject": loop.keys.address_hashes(ADDRESS)[0],
            "became": "customers: 1, cases: 1",
        }
    ]
    assert [one["action"] for one in data_of(export(loop, tmp_path))["audit"]] == ["customer.export"]


def test_of_whoever_only_opted_out_that_is_told(loop: Loop, tmp_path: Path) -> None:
    with loop.store.write():
        loop.store.surveys.suppress(loop.keys.address_hashes(ADDRESS)[0], Suppression.OPTED_OUT, NOW)
    made = export(loop, tmp_path)
    assert data_of(made)["customers"] == []
    assert "you opted out, since Tuesday, 3 March 2026, 12:00 (UTC)" in made.page.read_text("utf-8")


def test_whoever_is_unknown_or_was_erased_has_no_export(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA, BRUNO)
    erasing.erase(loop.store, loop.keys, "bruno@example.org", NOW)
    for address in ("somebody@example.org", "bruno@example.org"):
        with pytest.raises(NotFound, match="Nobody is known by"):
            export(loop, tmp_path, address)
    assert list(tmp_path.glob("feedback-export-*")) == []


def test_a_folder_that_cannot_be_written_is_told(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    with pytest.raises(FileError, match="Name another folder with --to"):
        export(loop, tmp_path / "nowhere" / "out")


def test_a_mail_that_came_back_and_what_a_replaced_database_knew_are_in_it(loop: Loop, tmp_path: Path) -> None:
    loop.take(ADA)
    loop.ask()
    loop.send()
    with loop.store.write():
        (mail,) = loop.rows("SELECT id FROM outbox")
        loop.store.returns.note_bounce(mail["id"], loop.keys.address_hashes(ADDRESS)[0], is_hard=True, now=LATER)
        loop.store._database.connection.execute(
            "INSERT INTO asked_elsewhere VALUES ('shop', 'A-0', 0, '2026-01-05T12:00:00Z', '2026-01-05T11:00:00Z',"
            " '2026-01-05T13:00:00Z', 'sent', 'ADA@example.org', '2026-01-06T12:00:00Z')"
        )
    made = export(loop, tmp_path)
    assert data_of(made)["asked_before"][0]["ref"] == "A-0"
    assert "about case A-0" in made.page.read_text("utf-8")
    assert "Came back" in made.page.read_text("utf-8")


def test_every_kind_of_mail_state_and_reason_has_its_words(loop: Loop, tmp_path: Path) -> None:
    source = (Path(exporting.__file__).parent / "templates" / "dossier.html").read_text("utf-8")
    for word in (*Kind, *Suppression):
        assert f'"{word}": ' in source, word

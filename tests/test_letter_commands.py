"""`feedback letter` and `feedback words`, and suppressions to and from files, as an owner runs them."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from feedback.cli import main
from feedback.loop.samples import SampleKind
from tests.conftest import MailServer, Workplace, eventually, text_of


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("survey", "Did we solve it? — Printer jams on page two"),
        ("reminder", "Re: Did we solve it? — Printer jams on page two"),
        ("recheck", "Is it solved now? — Printer jams on page two"),
        ("alert", "Not solved: Ada — Printer jams on page two"),
        ("invitation", "Your login at the desk of Acme"),
        ("new-password", "A new password for the desk of Acme"),
    ],
)
def test_a_letter_is_shown_as_its_reader_sees_it(workplace: Workplace, kind: str, says: str) -> None:
    said = workplace.feedback("letter", kind)
    assert said.startswith(f"From: Acme <care@acme.example>\nSubject: {says}\n\n")
    assert not (workplace.data / "mail").exists()


def test_every_kind_of_letter_can_be_shown() -> None:
    assert [kind.value for kind in SampleKind] == [
        "survey",
        "reminder",
        "recheck",
        "alert",
        "overdue",
        "change-of-mind",
        "invitation",
        "new-password",
    ]


def test_a_letter_is_sent_in_a_language_and_its_links_lead_nowhere(
    workplace: Workplace, mail_server: MailServer
) -> None:
    workplace.environment["FEEDBACK_MAIL"] = mail_server.url
    said = workplace.feedback("letter", "survey", "--to", "me@acme.example", "--locale", "de-AT")
    assert said == "Sent to me@acme.example: 250 taken. Its links lead nowhere.\n"
    (mail,) = mail_server.to("me@acme.example")
    assert "Guten Tag Ada," in text_of(mail)
    workplace.serve()
    links = re.findall(r"https?://\S+", text_of(mail))
    assert len(links) == 3
    assert [workplace.get(link)[0] for link in links] == [410, 410, 410]


def test_an_owner_says_a_sentence_otherwise_and_what_is_wrong_with_it_is_told(workplace: Workplace) -> None:
    catalogue = workplace.feedback("words", "de")
    assert 'msgid "Hello %(name)s,"\nmsgstr "Guten Tag %(name)s,"' in catalogue
    words = workplace.folder / "words"
    words.mkdir()
    (words / "de.po").write_text(catalogue.replace("Guten Tag %(name)s,", "Moin %(name)s,"), "utf-8")
    assert "\nMoin Ada,\n" in workplace.feedback("letter", "survey", "--locale", "de")
    (words / "de.po").write_text(catalogue.replace("Guten Tag %(name)s,", "Moin,"), "utf-8")
    for command in (("letter", "survey"), ("serve",), ("run",), ("schedule",)):
        said = workplace.feedback(*command, status=1)
        assert re.search(r"Error: .*words/de\.po, line \d+: 'Moin,' lacks %\(name\)s\.", said), command


def test_a_colour_that_cannot_be_read_is_told_by_the_letter_and_at_the_start(workplace: Workplace) -> None:
    workplace.environment["FEEDBACK_COLOUR"] = "#FFEB3B"
    told = "FEEDBACK_COLOUR: #ffeb3b cannot be read well on a light ground"
    assert told in workplace.feedback("letter", "survey")
    process = workplace.start("run")
    eventually(lambda: workplace.get("/healthz")[0] in (200, 503))
    process.terminate()
    assert told in process.communicate(timeout=20)[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--to", "me"), "--to: given 'me', expected an address such as"),
        (("--locale", "sv"), "--locale: given 'sv', expected one of en, de, fr, es, it, pt, nl, pl, ar, ja"),
    ],
)
def test_a_letter_that_cannot_be_is_told(workplace: Workplace, arguments: tuple[str, ...], told: str) -> None:
    assert told in workplace.feedback("letter", "survey", *arguments, status=1)


def test_suppressions_go_to_a_file_and_come_from_one(workplace: Workplace) -> None:
    (workplace.folder / "list.csv").write_text("email\nada@example.org\nnonsense\n")
    said = workplace.feedback("import", "suppressions", "list.csv", status=1)
    assert said == (
        "Addresses that are never asked: 1 new, 0 known before, 1 refused.\n"
        "  line 3: email: given 'nonsense', expected an address\n"
    )
    assert workplace.feedback("export", "suppressions", "out.csv") == "1 addresses are in out.csv.\n"
    assert "is here already, and is not overwritten" in workplace.feedback(
        "export", "suppressions", "out.csv", status=1
    )
    assert "0 new, 1 known before, 0 refused." in workplace.feedback("import", "suppressions", "out.csv")


def test_a_letter_is_opened_in_the_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []

    def launch(url: str) -> int:
        opened.append(url)
        return 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEEDBACK_SENDER", "Acme <care@acme.example>")
    monkeypatch.setattr("click.launch", launch)
    done = CliRunner().invoke(main, ["letter", "survey", "--locale", "ja", "--open"])
    assert done.output == f"The letter is in {opened[0]}.\n"
    assert "お問い合わせ" in Path(opened[0]).read_text("utf-8")
    monkeypatch.setattr("click.launch", lambda url: 1)
    assert (
        "No browser could be started here.\nThe letter is in "
        in CliRunner().invoke(main, ["letter", "alert", "--open"]).output
    )

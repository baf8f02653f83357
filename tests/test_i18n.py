"""Catalogues: whole, fresh, with their places for values; and how a language is chosen."""

import logging
import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo

from feedback import i18n
from feedback.errors import ConfigError
from feedback.i18n import LANGUAGES, SOURCE, Languages, broken_places, read_catalogue
from tests.conftest import ROOT

TRANSLATED = [code for code in LANGUAGES if code != SOURCE]
PACKAGE = ROOT / "feedback"
MOMENT = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def path_of(code: str) -> Path:
    return PACKAGE / "translations" / code / "LC_MESSAGES" / "feedback.po"


def catalogue(code: str) -> Catalog:
    return read_catalogue(path_of(code), code)


@pytest.fixture(scope="module")
def languages() -> Languages:
    return Languages(Path("/nowhere"))


@pytest.fixture(scope="module")
def said() -> set[object]:
    """Every sentence that code and templates say to customers: its one form, or its two."""
    methods = [
        *((f"{folder}*.py", "python") for folder in ("", "domain/", "loop/", "mail/", "web/")),
        ("publish/faq.py", "python"),
        *((f"{room}/templates/*", "jinja2.ext.babel_extract") for room in ("mail", "web")),
    ]
    keywords = {"_": None, "marked": None, "ngettext": (1, 2), "plural": (1, 2)}
    found = extract_from_dir(PACKAGE, methods, keywords=keywords)
    return {message for _, _, message, _, _ in found}


def messages_of(code: str) -> dict[object, object]:
    return {
        tuple(message.id) if isinstance(message.id, (tuple, list)) else message.id: message.string
        for message in catalogue(code)
        if message.id
    }


def forms(string: object) -> tuple[str, ...]:
    return tuple(string) if isinstance(string, (tuple, list)) else (str(string),)


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_catalogue_has_every_sentence_that_is_said_and_no_other(code: str, said: set[object]) -> None:
    assert len(said) > 80
    assert set(messages_of(code)) == said
    assert list(catalogue(code).obsolete) == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_sentence_is_translated_in_all_its_forms_and_none_is_a_guess(code: str) -> None:
    found = catalogue(code)
    plurals = [message for message in found if isinstance(message.id, (tuple, list))]
    assert plurals
    for message in found:
        if message.id:
            assert all(form.strip() for form in forms(message.string)), message.id
            assert not message.fuzzy, message.id
    assert {len(forms(message.string)) for message in plurals} == {found.num_plurals}


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_translation_breaks_a_place_for_a_value(code: str) -> None:
    for original, string in messages_of(code).items():
        assert broken_places(forms(original), forms(string)) is None


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_catalogue_says_whether_a_native_speaker_has_reviewed_it(code: str) -> None:
    assert re.search(r"^# Reviewed by a native speaker: \S", path_of(code).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("code", TRANSLATED)
def test_what_was_compiled_is_what_is_written(code: str) -> None:
    with path_of(code).with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    assert {forms(message.id): forms(message.string) for message in compiled if message.id} == {
        forms(message.id): forms(message.string) for message in catalogue(code) if message.id
    }


@pytest.mark.parametrize(
    ("translated", "wrong"),
    [
        (("Hallo %(nome)s,",), "has %(nome)s, which is not filled"),
        (("Hallo %(name),",), "has a % that is no place"),
        (("Moin %(name)s, 100% gut",), "has a % that is no place"),
        (("Ja, 100% sicher, %(name)s",), "has a % that is no place"),
        (("100 % für %(name)s",), "write %% for a percent sign"),
        (("Hallo,",), "lacks %(name)s"),
        (("Hallo %(name)s,",), None),
        (("100 %% für %(name)s",), None),
    ],
)
def test_a_broken_place_is_told(translated: tuple[str, ...], wrong: str | None) -> None:
    told = broken_places(["Hello %(name)s,"], translated)
    assert (told is None) if wrong is None else (told is not None and wrong in told)


@pytest.mark.parametrize(
    ("code", "counts", "expected"),
    [
        ("pl", (1, 2, 5, 22), ["godziny", "2 godzin", "5 godzin", "22 godzin"]),
        ("ar", (1, 2, 3, 11, 100), ["ساعة واحدة", "ساعتين", "3 ساعات", "11 ساعة", "100 ساعة"]),
        ("de", (1, 2), ["einer Stunde", "2 Stunden"]),
        ("ja", (1, 2), ["1時間", "2時間"]),
        ("en", (1, 2), ["an hour", "2 hours"]),
    ],
)
def test_a_number_takes_the_form_that_its_language_gives_it(
    languages: Languages, code: str, counts: tuple[int, ...], expected: list[str]
) -> None:
    for count, words in zip(counts, expected, strict=True):
        sentence = languages.choose(code).plural(
            "If you say no, a person will look at it within an hour.",
            "If you say no, a person will look at it within %(count)d hours.",
            count,
        )
        assert words in sentence


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [
        (("de-AT", "fr"), "de"),
        (("de_CH",), "de"),
        (("PT-br",), "pt"),
        ((None, "ja"), "ja"),
        (("sv", "nl"), "nl"),
        (("zh-Hans-CN", None), "en"),
        (("de-XX",), "de"),
        (("", "*", "fr;q=1"), "en"),
        (("x" * 500,), "en"),
        ((), "en"),
    ],
)
def test_the_first_language_that_we_have_is_chosen(
    languages: Languages, wanted: tuple[str | None, ...], tag: str
) -> None:
    assert languages.choose(*wanted).tag == tag


def test_days_and_moments_are_written_as_the_readers_country_does(languages: Languages) -> None:
    assert languages.choose("en").day(date(2026, 3, 1)) == "1 March 2026"
    assert languages.choose("en-US").day(date(2026, 3, 1)) == "March 1, 2026"
    assert languages.choose("fr").day(date(2026, 3, 1), with_year=False) == "1er mars"
    assert languages.choose("fr").day(date(2026, 3, 11)) == "11 mars 2026"
    assert languages.choose("de-AT").day(date(2026, 1, 31)) == "31. Jänner 2026"
    assert languages.choose("ja").day(date(2026, 3, 1), with_year=False) == "3月1日"
    told = languages.choose("de").moment(MOMENT, BERLIN)
    assert told == "Sonntag, 1. März 2026, 15:05 Uhr (Mitteleuropäische Normalzeit)"


def test_a_value_that_runs_the_other_way_turns_nothing_around_it(languages: Languages) -> None:
    english, arabic = languages.choose("en"), languages.choose("ar")
    assert english.text("Hello %(name)s,", name="سارة") == "Hello \u2068سارة\u2069,"
    assert english.text("Hello %(name)s,", name="Ada") == "Hello Ada,"
    assert "\u2068Ada\u2069" in arabic.text("Hello %(name)s,", name="Ada")
    assert "\u2068" not in arabic.text("Hello %(name)s,", name="سارة")
    assert arabic.direction == "rtl"


def test_in_html_a_sentence_and_its_values_are_text(languages: Languages) -> None:
    say = languages.choose("en").for_templates(html=True)["_"]
    assert say("Hello %(name)s,", name="<b>&") == "Hello &lt;b&gt;&amp;,"


def test_a_catalogue_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(i18n, "DOMAIN", "missing")
    with pytest.raises(ConfigError, match=r"The catalogue of the language de cannot be read .* make install"):
        Languages(tmp_path)


def test_a_sentence_that_is_missing_is_told_in_the_log(languages: Languages, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert languages.choose("de").text("No such sentence.") == "No such sentence."
    assert "there is no de for 'No such sentence.'" in caplog.text


def own_words(folder: Path, code: str, *entries: tuple[str, str]) -> Path:
    text = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    text += "".join(f'\nmsgid "{original}"\nmsgstr "{own}"\n' for original, own in entries)
    (folder / f"{code}.po").write_text(text, "utf-8")
    return folder


def test_an_owner_says_any_sentence_otherwise(tmp_path: Path) -> None:
    own_words(tmp_path, "de", ("Hello %(name)s,", "Moin %(name)s,"))
    own_words(tmp_path, "en", ("Did we solve it?", "All sorted?"))
    languages = Languages(tmp_path)
    assert languages.choose("de").text("Hello %(name)s,", name="Ada") == "Moin Ada,"
    assert languages.choose("de").text("Hello,") == "Guten Tag,"
    assert languages.choose("en").text("Did we solve it?") == "All sorted?"
    assert languages.choose("en").text("Hello,") == "Hello,"


@pytest.mark.parametrize(
    ("code", "entry", "told"),
    [
        (
            "de",
            ("Hello %(nome)s,", "Moin,"),
            r"de\.po, line 5: 'Hello %\(nome\)s,' is no sentence of ours\.\nSee them all",
        ),
        ("de", ("Hello %(name)s,", "Moin,"), r"de\.po, line 5: 'Moin,' lacks %\(name\)s"),
        ("de", ("Hello %(name)s,", "Moin %(name)s, 5 % off"), r"de\.po, line 5: .* write %% for a percent sign"),
        ("sv", ("Hello,", "Hej,"), r"sv\.po: there is no language sv\. The languages are: en, de"),
    ],
)
def test_an_owners_wording_that_cannot_be_used_is_told_with_its_line(
    tmp_path: Path, code: str, entry: tuple[str, str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        Languages(own_words(tmp_path, code, entry))


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b'msgid "\xfc"\nmsgstr "x"\n', b'msgid "Hello,"\nmsgid "x"\nmsgid_plural "y"\nmsgstr[7] "z"\n'],
)
def test_an_owners_file_that_is_no_catalogue_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "de.po").write_bytes(content)
    with pytest.raises(ConfigError, match=r"de\.po cannot be read: .* It must be a gettext catalogue in UTF-8"):
        Languages(tmp_path)


@pytest.mark.parametrize(
    "line", ['msgstr "Passt alles?', "msgstr Passt alles", 'msgstr "Passt" alles"', "nonsense", 'msgstr "Passt\\"']
)
def test_a_quote_that_is_not_closed_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "de.po").write_text(f'# ours\nmsgid "Did we solve it?"\n{line}\n', "utf-8")
    with pytest.raises(ConfigError, match=r'de\.po, line 3: expected a sentence between two ", or a comment behind #'):
        Languages(tmp_path)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_sentence_can_be_had_as_text_and_used_as_it_is(code: str, languages: Languages, tmp_path: Path) -> None:
    text = languages.as_text(code)
    (tmp_path / f"{code}.po").write_text(text, "utf-8")
    again = Languages(tmp_path).as_text(code)
    assert without_date(again) == without_date(text)
    assert text.count("\nmsgid ") == len(i18n.sentences()) + 1
    assert "\n# Reviewed by a native speaker: not yet.\n" in text
    assert not re.search("PROJECT|EMAIL@|FULL NAME|LL@li", text)


def without_date(text: str) -> str:
    return re.sub(r'"POT-Creation-Date: .*', "", text)


def test_what_browsers_ask_for_is_not_kept(languages: Languages) -> None:
    for number in range(5_000):
        languages.choose(f"de-X{number}", f"de-DE@x{number}", "x" * number, f"de_{number:04}")
    assert languages._of.cache_info().currsize <= 500
    assert len(languages._made) < 500

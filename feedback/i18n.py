"""Words in the reader's language: one loader of the gettext catalogues, for mails and pages alike.

English is the language that the sentences are written in; each other one has a catalogue. An owner's own wording lies
in `words/<language>.po` and comes before it.
"""

import gettext
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cache, lru_cache
from gettext import c2py
from importlib import resources
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po, write_po
from markupsafe import escape

from feedback import __version__
from feedback.errors import ConfigError

SOURCE = "en"
LANGUAGES = (SOURCE, "de", "fr", "es", "it", "pt", "nl", "pl", "ar", "ja")
DOMAIN = "feedback"
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8}){0,3}")
_PO_LINE = re.compile(r'(#.*|(msg(id|id_plural|str|str\[\d\]) *)?"([^"\\]|\\.)*")?')
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
_ISOLATE, _POP = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_HOW_TO = """\
# Every sentence for customers. Keep those that you want to say otherwise, in words/{}.po, and delete the others:
# they stay as they are, and follow later versions.
# {}"""
_log = logging.getLogger(__name__)


def marked(message: str) -> str:
    """The message itself; the catalogues have it, and whoever shows it says it in the reader's language."""
    return message


class _NotThere(gettext.NullTranslations):
    """What a catalogue falls back to: the sentence in English, and a line in the log, for that is a fault of ours."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self._code = code

    def gettext(self, message: str) -> str:
        _log.error("there is no %s for %r; run: make install", self._code, message)
        return super().gettext(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        _log.error("there is no %s for %r; run: make install", self._code, msgid2)
        return super().ngettext(msgid1, msgid2, n)


class Language:
    """Sentences, dates and the direction of one language, as one locale has them."""

    def __init__(self, locale: Locale, catalogue: gettext.NullTranslations) -> None:
        self._locale = locale
        self._catalogue = catalogue
        self.tag = str(locale.language)
        self.is_rtl = locale.text_direction == "rtl"
        self.direction = locale.text_direction
        self.gap = "" if self.tag == "ja" else " "  # between two sentences
        self._made: dict[tuple[Callable[[str], str], str, bool], str] = {}

    def text(self, message: str, /, **values: object) -> str:
        """The sentence, with values in its places."""
        return self._said(str, message, values)

    def plural(self, singular: str, plural: str, count: int, /, **values: object) -> str:
        """The sentence in the form that the number takes; `%(count)d` in it is the number."""
        return self._said_of(str, singular, plural, count, values)

    def for_templates(self, *, html: bool) -> dict[str, Callable[..., str]]:
        """`_` and `ngettext` for a template; in HTML a sentence is text, and so are the values that are no markup."""
        if not html:
            return {"_": self.text, "ngettext": self.plural}

        return {
            "_": lambda message, /, **values: self._said(escape, message, values),
            "ngettext": lambda singular, plural, count, /, **values: self._said_of(
                escape, singular, plural, count, values
            ),
        }

    def _said(self, mark: Callable[[str], str], message: str, values: Mapping[str, object]) -> str:
        """`mark` makes the sentence what its values are put into: a text, or markup."""
        key = mark, message, bool(values)
        made = self._made.get(key)
        if made is None:
            made = mark(self._catalogue.gettext(message))
            made = self._made[key] = made if values else made % {}
        return made % self._isolated(values) if values else made

    def _said_of(
        self, mark: Callable[[str], str], singular: str, plural: str, count: int, values: Mapping[str, object]
    ) -> str:
        sentence = self._catalogue.ngettext(singular, plural, count)
        return mark(sentence) % self._isolated({**values, "count": count})

    def _isolated(self, values: Mapping[str, object]) -> dict[str, object]:
        """Values of which none turns the words around it: text that runs the other way stands for itself (UAX 9)."""
        return {
            name: value.__class__(_ISOLATE) + value + _POP
            if isinstance(value, str) and self._runs_against(value)
            else value
            for name, value in values.items()
        }

    def _runs_against(self, text: str) -> bool:
        if text.isascii() and not self.is_rtl:  # most of what is said in most mails
            return False
        against = {"L"} if self.is_rtl else {"R", "AL"}
        return any(unicodedata.bidirectional(letter) in against for letter in text)

    def day(self, day: date, *, with_year: bool = True) -> str:
        """`3 March 2026`, or `3 March`."""
        if with_year:
            return self._first(_long(day, self._locale))
        return self._first(dates.format_skeleton("MMMMd", day, locale=self._locale))

    def moment(self, moment: datetime, zone: ZoneInfo) -> str:
        """`Tuesday, 3 March 2026, 14:05 (Central European Standard Time)`."""
        local = moment.astimezone(zone)
        return self.text(
            marked("%(day)s, %(time)s (%(zone)s)"),
            day=self._first(dates.format_date(local, "full", self._locale)),
            time=dates.format_time(local, "short", zone, self._locale),
            zone=dates.get_timezone_name(local, "long", locale=self._locale),
        )

    def _first(self, day: str) -> str:
        """The first of a month, which French counts as no other day, and the tables of dates do not know."""
        return re.sub(r"\b1(?= \w)", "1er", day) if self.tag == "fr" else day


@lru_cache(maxsize=1000)
def _long(day: date, locale: Locale) -> str:
    return dates.format_date(day, "long", locale)


class Languages:
    """Every language, with the owner's own wording. Raises ConfigError if a catalogue is missing, or cannot be read."""

    def __init__(self, words_dir: Path) -> None:
        self._catalogues = {code: _shipped(code) for code in LANGUAGES}
        paths = {path.stem: path for path in sorted(words_dir.glob("*.po"))}
        known = sentences() if paths else {}
        for code, path in paths.items():
            if code not in self._catalogues:
                raise ConfigError(f"{path}: there is no language {code}. The languages are: {', '.join(LANGUAGES)}.")
            own = _own(path, code, known)
            own.add_fallback(self._catalogues[code])
            self._catalogues[code] = own
        self._made: dict[str, Language] = {}
        self._of = lru_cache(maxsize=500)(self._find)  # whatever tags readers send

    def choose(self, *wanted: str | None) -> Language:
        """The first of the locales (BCP 47) whose language we have, or English."""
        for tag in wanted:
            if (language := self._known(tag)) is not None:
                return language
        return self.choose(SOURCE)

    def has(self, tag: str) -> bool:
        """Whether the language of a locale is one of ours."""
        return self._known(tag) is not None

    def _known(self, tag: str | None) -> Language | None:
        """What anybody may ask for is checked before it is kept."""
        return self._of(tag) if tag and _TAG.fullmatch(tag) else None

    def _find(self, tag: str) -> Language | None:
        locale = _locale(tag)
        if locale is None:
            return None
        name = str(locale)
        if name not in self._made:
            self._made[name] = Language(locale, self._catalogues[locale.language])
        return self._made[name]

    def as_text(self, code: str) -> str:
        """Every sentence as it is said in a language now, as a catalogue to be changed by hand."""
        current = self._catalogues[code]
        nobody = dict.fromkeys(("msgid_bugs_address", "last_translator", "language_team"), "none")
        header = _HOW_TO.format(code, _review(code))
        catalogue = Catalog(code, DOMAIN, header, "feedback-loop", __version__, fuzzy=False, **nobody)
        counts = _a_count_for_each_form(catalogue)
        for forms in sentences().values():
            if len(forms) == 1:
                catalogue.add(forms[0], current.gettext(forms[0]))
            else:
                catalogue.add(forms, tuple(current.ngettext(forms[0], forms[1], count) for count in counts))
        text = BytesIO()
        write_po(text, catalogue, width=120, no_location=True)
        return text.getvalue().decode()


@cache
def load_languages(words_dir: Path) -> Languages:
    """Read once a process."""
    return Languages(words_dir)


def _locale(tag: str) -> Locale | None:
    """The locale, if its language is one of ours; without a country of its own if that is not known."""
    parts = re.split("[-_]", tag)
    code = parts[0].lower()
    if code not in LANGUAGES:
        return None
    for name in ("_".join([code, *parts[1:3]]), code):
        try:
            locale = Locale.parse("en_GB" if name == SOURCE else name)
        except (UnknownLocaleError, ValueError):
            continue
        return locale
    return None


def _path(code: str, form: str) -> Traversable:
    """A shipped catalogue, as text (`po`) or compiled (`mo`)."""
    return resources.files("feedback").joinpath("translations", code, "LC_MESSAGES", f"{DOMAIN}.{form}")


def _shipped(code: str) -> gettext.NullTranslations:
    if code == SOURCE:
        return gettext.NullTranslations()
    path = _path(code, "mo")
    try:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The catalogue of the language {code} cannot be read ({path}: {error}). Install once more: make install"
        ) from None
    catalogue.add_fallback(_NotThere(code))
    return catalogue


def sentences() -> dict[str, tuple[str, ...]]:
    """Every sentence in English: by its first form, its one form or its two. Raises ConfigError."""
    with resources.as_file(_path("de", "po")) as file:
        catalogue = read_catalogue(file, "de")
    return {forms[0]: forms for message in catalogue if (forms := _forms(message.id))[0]}


def _review(code: str) -> str:
    """Whether a native speaker has reviewed the language's catalogue, as its header says."""
    if code == SOURCE:
        return "Reviewed by a native speaker: not yet."
    lines = _path(code, "po").read_text("utf-8").splitlines()
    return next(line.lstrip("# ") for line in lines if "Reviewed by" in line)


def _a_count_for_each_form(catalogue: Catalog) -> list[int]:
    """A number that takes each plural form of a language, in their order."""
    which = c2py(catalogue.plural_expr)
    found = {which(count): count for count in range(1000, -1, -1)}
    return [found[form] for form in range(catalogue.num_plurals)]


def read_catalogue(path: Path, code: str) -> Catalog:
    """A catalogue in its text form. Raises ConfigError."""
    try:
        content = path.read_bytes()
        for number, line in enumerate(content.decode().splitlines(), 1):  # Babel makes the best of what is half-written
            if not _PO_LINE.fullmatch(line.strip()):
                raise ConfigError(f'{path}, line {number}: expected a sentence between two ", or a comment behind #.')
        return read_po(BytesIO(content), locale=code, abort_invalid=True)
    except (OSError, PoFileError, ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}. It must be a gettext catalogue in UTF-8.") from None


def broken_places(original: Iterable[str], translated: Iterable[str]) -> str | None:
    """What is wrong with the places for values in a translation, if anything is; the number may be left out."""
    expected = {name for form in original for name in _PLACEHOLDER.findall(form)}
    for form in translated:
        given = set(_PLACEHOLDER.findall(form))
        if "%" in _PLACEHOLDER.sub("", form.replace("%%", "")):
            return f"{form!r} has a % that is no place; write %% for a percent sign"
        if unknown := given - expected:
            return f"{form!r} has %({min(unknown)})s, which is not filled"
        if missing := expected - given - {"count"}:
            return f"{form!r} lacks {', '.join(f'%({name})s' for name in sorted(missing))}"
    return None


def _own(path: Path, code: str, known: Mapping[str, tuple[str, ...]]) -> gettext.GNUTranslations:
    """The owner's wording: any of our sentences, said otherwise."""
    catalogue = read_catalogue(path, code)
    for message in catalogue:
        original = _forms(message.id)
        if not message.id or not any(_forms(message.string)):
            continue
        if original[0] not in known:
            raise ConfigError(
                f"{path}, line {message.lineno}: {original[0]!r} is no sentence of ours.\n"
                f"See them all with: feedback words {code}"
            )
        if wrong := broken_places(original, _forms(message.string)):
            raise ConfigError(f"{path}, line {message.lineno}: {wrong}.")
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _forms(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, (tuple, list)) else (str(text),)

"""What to call people: names as help desks hold them, said as a tactful person would."""

import re
import unicodedata

LONGEST = 80  # what is longer is no name that one says in a greeting
YEARS_AT_MOST = 60  # more than that is a day that some program put in, such as 1 January 1900

_NOBODY = frozenset((
    "-", "--", "?", ".", "n/a", "na", "n.a.", "nil", "none", "null", "undefined", "unknown", "anonymous", "anonym",
    "unbekannt", "inconnu", "desconocido", "desconhecido", "sconosciuto", "onbekend", "nieznany", "no name", "noname",
    "name", "user", "customer", "client", "kunde", "guest", "gast", "visitor", "test", "admin", "info", "support",
))  # fmt: skip
_COMPANY = frozenset((
    "gmbh", "mbh", "ohg", "gbr", "ltd", "limited", "llc", "llp", "plc", "inc", "incorporated", "corp", "corporation",
    "company", "sarl", "sàrl", "sasu", "eurl", "slu", "srl", "ltda", "spzoo", "kft", "pty", "gruppe", "group",
    "holding", "verein", "stiftung", "foundation", "university", "universität", "hotel", "praxis", "buchhaltung",
    "accounting", "accounts", "office", "sekretariat", "team", "department", "helpdesk", "service", "شركة", "مؤسسة",
))  # fmt: skip
_LEGAL_FORMS = frozenset((  # so short that they may be names, too, unless they stand last
    "ag", "kg", "ug", "ek", "ev", "eg", "co", "sas", "sl", "spa", "sa", "bv", "nv", "vof", "lda", "oo", "oy", "ab",
    "as", "aps", "doo", "pte", "kk",
))  # fmt: skip
_AFTER_A_COMMA = frozenset(("jr", "sr", "ii", "iii", "iv", "md", "phd", "ph.d", "esq"))
_SMALL = frozenset((
    "van", "von", "der", "den", "de", "da", "di", "do", "dos", "das", "del", "della", "la", "le", "y", "e", "zu"
))  # fmt: skip
_COMPANY_IN_TEXT = re.compile(
    r"株式会社|有限会社|合同会社|&\s*(co|cie|söhne|sons?|fils|hijos|figli|partners?)\b|\bsp\.? ?z ?o\.? ?o\b",
    re.IGNORECASE,
)


def greeted(name: str | None) -> str | None:
    """A customer's name for a greeting; None if it is none, or not a person's.

    No address, no placeholder, no company. `MÜLLER, ANNA` is Anna Müller; otherwise it stays as people write it.
    """
    said = _visible(name)
    if said is None or len(said) > LONGEST or "@" in said or "://" in said or said.casefold() in _NOBODY:
        return None
    if _is_company(said) or not any(letter.isalpha() or unicodedata.category(letter) == "So" for letter in said):
        return None
    return _calm(_in_order(said))


def signed(name: str | None) -> str | None:
    """The name of whoever helped, or of a team; None if it is none."""
    said = _visible(name)
    if said is None or "@" in said or said.casefold() in _NOBODY:
        return None
    return _calm(said)


def tenure(years: int) -> int:
    """For how many years somebody has been a customer, if that can be said; else 0."""
    return years if years <= YEARS_AT_MOST else 0


def _visible(name: str | None) -> str | None:
    """Without blanks around it; None if nothing of it can be seen."""
    said = " ".join((name or "").split())
    hidden = all(unicodedata.category(letter) in ("Cf", "Cc", "Mn", "Zs") or letter == "\u3164" for letter in said)
    return None if hidden else said


def _is_company(said: str) -> bool:
    words = [word for part in re.split(r"[\s,()/]+", said.casefold()) if (word := part.replace(".", ""))]
    has_form = len(words) > 1 and words[-1] in _LEGAL_FORMS
    return has_form or not _COMPANY.isdisjoint(words) or _COMPANY_IN_TEXT.search(said) is not None


def _in_order(said: str) -> str:
    """`Müller, Anna` is Anna Müller."""
    last, comma, first = said.partition(",")
    first, last = first.strip(), last.strip()
    is_reversed = comma and first and last and "," not in first and first.strip(".").lower() not in _AFTER_A_COMMA
    return f"{first} {last}" if is_reversed else said


def _calm(said: str) -> str:
    """`ANNA MÜLLER` is Anna Müller. A name that has small letters, or is just initials, was meant as it is."""
    letters = [letter for letter in said if letter.isalpha()]
    if len(letters) < 3 or not all(letter.isupper() for letter in letters):
        return said
    first, *rest = said.split(" ")
    return " ".join(
        [_capitalised(first), *(word.lower() if word.lower() in _SMALL else _capitalised(word) for word in rest)]
    )


def _capitalised(word: str) -> str:
    """Each part between hyphens and apostrophes begins with a capital, and what follows `Mc`; initials stay."""
    if len(word.replace(".", "")) < 2 or word.count(".") > 1:
        return word
    parts = (
        re.sub(r"^Mc(\w)", lambda found: f"Mc{found[1].upper()}", part.capitalize())
        for part in re.split(r"([-'’])", word)
    )
    return unicodedata.normalize("NFC", "".join(parts)).replace("i\u0307", "i")

"""Letters to look at, by settings that an owner may have."""

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage

from feedback.config import Config, load_config
from feedback.keys import Keys
from feedback.loop.samples import SampleKind, sample
from tests.conftest import NOW, parse_mail

KEYS = Keys(["a secret for tests, of more than 32 letters"])
SETTINGS = {
    "FEEDBACK_SENDER": "Acme <care@acme.example>",
    "FEEDBACK_POSTAL_ADDRESS": "Acme GmbH, Hauptstraße 1, 10115 Berlin",
    "FEEDBACK_PRIVACY_URL": "https://acme.example/privacy",
}


def config_with(**settings: str) -> Config:
    return load_config(
        {**SETTINGS, **{f"FEEDBACK_{name.upper()}": text for name, text in settings.items()}}, env_file=None
    )


def letter_in(code: str, kind: SampleKind = SampleKind.SURVEY, **settings: str) -> EmailMessage:
    letter = sample(kind, config_with(**settings), KEYS, "ada@example.org", code, NOW + timedelta(days=1))
    return parse_mail(letter.content)


def all_letters() -> Iterator[EmailMessage]:
    """Each kind once, two of them in other languages."""
    for kind, code in zip(SampleKind, ("ar", "ja", "de", "en", "en", "en", "en", "en"), strict=True):
        yield letter_in(code, kind)

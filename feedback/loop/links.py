"""The addresses that customers open, each with its signed token."""

from feedback.config import Config
from feedback.domain.cases import normalise_email
from feedback.keys import Keys, Purpose


def survey_url(config: Config, keys: Keys, survey_id: str) -> str:
    """The survey's page; with `/yes` or `/no` behind it, that choice is made ready."""
    return f"{config.base_url}/s/{keys.sign(Purpose.SURVEY, survey_id)}"


def opt_out_url(config: Config, keys: Keys, address: str, locale: str | None) -> str:
    """The opt-out page of an address, which takes the one-click POST of RFC 8058 as well.

    It leads there whatever becomes of survey and case, for the hash of the address stands in it, and the language.
    """
    token = keys.sign(Purpose.OPT_OUT, keys.address_hashes(normalise_email(address))[0])
    return f"{config.base_url}/o/{token}{f'?in={locale}' if locale else ''}"


def return_address(config: Config, keys: Keys, mail_id: str) -> str:
    """Where a mail's bounces go: to an address of its own (VERP), if that is set up; else to the sender."""
    if config.return_path is None:
        return config.require_sender().addr_spec
    return f"{config.return_path.username}+{keys.return_token(mail_id)}@{config.return_path.domain}"

"""The addresses that customers open, each with its signed token."""

from feedback.config import Config
from feedback.keys import Keys, Purpose


def survey_url(config: Config, keys: Keys, survey_id: str) -> str:
    """The survey's page; with `/yes` or `/no` behind it, that choice is made ready."""
    return f"{config.base_url}/s/{keys.sign(Purpose.SURVEY, survey_id)}"


def opt_out_url(config: Config, keys: Keys, survey_id: str) -> str:
    """The opt-out page, which takes the one-click POST of RFC 8058 as well."""
    return f"{config.base_url}/o/{keys.sign(Purpose.OPT_OUT, survey_id)}"

"""What comes with the program beside its code: the default site, its mkdocs.yml, and the example mappings."""

import sysconfig
from pathlib import Path


def shipped() -> Path:
    """The folder that holds them: the checkout, or what the wheel has installed."""
    checkout = Path(__file__).parents[1]
    return checkout if (checkout / "mkdocs.yml").is_file() else Path(sysconfig.get_path("data")) / "share" / "feedback"

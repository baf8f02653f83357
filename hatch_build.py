"""Compiles the catalogues when the package is built, or installed for development."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Catalogues(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        for path in Path(self.root).glob("feedback/translations/*/LC_MESSAGES/*.po"):
            with path.open("rb") as text, path.with_suffix(".mo").open("wb") as compiled:
                write_mo(compiled, read_po(text, locale=path.parts[-3], abort_invalid=True))
        build_data["artifacts"].append("feedback/translations/*/LC_MESSAGES/*.mo")

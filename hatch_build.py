"""Compiles the catalogs of texts into the wheel; the sources keep the .po files alone."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileCatalogs(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put a .mo beside each .po of the wheel. An installation for development reads the .po files."""
        if version == "editable":
            return
        folder = Path(mkdtemp())
        for source in sorted(Path(self.root).glob("templates/locale/*/LC_MESSAGES/replydesk.po")):
            place = source.with_suffix(".mo").relative_to(self.root)
            compiled = folder / place
            compiled.parent.mkdir(parents=True)
            with source.open("rb") as po, compiled.open("wb") as mo:
                write_mo(mo, read_po(po, locale=source.parent.parent.name))
            build_data["force_include"][str(compiled)] = str(place)

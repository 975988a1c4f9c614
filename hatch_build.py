"""What is made for packages: compiled catalogs of texts (the sources keep the .po files alone), the example of the
settings and the units beside the program, and the commit they were made of."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from subprocess import CalledProcessError, run
from tempfile import mkdtemp
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.utils import get_reproducible_timestamp

PACKAGED = "gateway/packaged"
"""Where `gateway/cli/packaged.py` looks for them."""


_DATE = datetime.fromtimestamp(get_reproducible_timestamp(), UTC)


class CompleteThePackage(BuildHookInterface):
    """Of a wheel and of a source archive; an installation for development reads the files where they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root, folder, included = Path(self.root), Path(mkdtemp()), build_data["force_include"]
        commit = self._commit(root)
        if commit:
            (folder / "commit").write_text(f"{commit}\n", "ascii")
            included[str(folder / "commit")] = f"{PACKAGED}/commit"
        if self.target_name != "wheel":
            return
        for path in (root / "config.example.toml", *sorted((root / "deploy").rglob("*"))):
            if path.is_file():
                included[str(path)] = f"{PACKAGED}/{path.relative_to(root)}"
        for source in sorted(root.glob("templates/locale/*/LC_MESSAGES/replydesk.po")):
            place = source.with_suffix(".mo").relative_to(root)
            compiled = folder / place
            compiled.parent.mkdir(parents=True)
            with source.open("rb") as po, compiled.open("wb") as mo:
                catalog = read_po(po, locale=source.parent.parent.name)
                # Babel writes the time of the build where the file names none.
                catalog.creation_date = catalog.revision_date = _DATE
                write_mo(mo, catalog)
            included[str(compiled)] = str(place)

    def _commit(self, root: Path) -> str:
        """Of the checkout, or of the source archive this is built from; empty when nobody knows."""
        written = root / PACKAGED / "commit"
        if written.exists():
            return written.read_text("ascii").strip()
        words = ["git", "-C", str(root), "rev-parse", "--short=7", "HEAD"]
        try:
            return run(words, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  # fixed words
        except (OSError, CalledProcessError):
            return ""

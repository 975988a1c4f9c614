"""The site's ready texts, read from `templates_dir/texts`: one file for each name and language."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.errors import ConfigError

LARGEST = 20_000
"""Bytes of one text."""
_KEY = "gateway.templates_dir"
_FILE = re.compile(r"([^\W_][\w-]{0,39})\.([a-z]{2,3})\.txt")


def texts_in(templates_dir: Path | None) -> dict[str, dict[str, str]]:
    """Name → language → text. Raises `ConfigError` for a file that is none."""
    folder = templates_dir / "texts" if templates_dir else None
    found: dict[str, dict[str, str]] = {}
    for file in sorted(folder.glob("*.txt")) if folder and folder.is_dir() else ():
        named = _FILE.fullmatch(file.name)
        if named is None:
            raise ConfigError(
                "gateway.templates_dir", f"{file} is no ready text", "Name it NAME.LANG.txt: refund.en.txt."
            )
        try:
            if file.stat().st_size > LARGEST:
                raise ConfigError(_KEY, f"{file} is too large", f"Keep it below {LARGEST} bytes.")
            text = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                "gateway.templates_dir", f"{file} cannot be read ({error})", "Save it as UTF-8."
            ) from None
        if not text:
            raise ConfigError(_KEY, f"{file} is empty", "Write the text into it, or remove it.")
        found.setdefault(named[1].casefold(), {})[named[2]] = text
    return found

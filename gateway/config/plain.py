"""What pydantic says of a wrong value, in the operator's words: the problem and the remedy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_LONGEST = 60
"""Characters of a value that are shown."""


def explained(first: Mapping[str, Any]) -> tuple[str, str]:
    """Of one of `ValidationError.errors()`: what is wrong, and what to write instead."""
    given, limits = first["input"], first.get("ctx", {})
    said, _, remedy = str(first["msg"]).removeprefix("Value error, ").partition("|")
    if remedy:
        return said, remedy
    match first["type"]:
        case "list_type" if isinstance(given, Mapping):
            return "is one table where several may stand", f"Write its heading in two brackets: [[{first['loc'][-1]}]]."
        case "list_type":
            return f"{_shown(given)} is one value where several may stand", f"Put it in brackets: [{_shown(given)}]."
        case "literal_error":
            return f"{_shown(given)} is not known here", f"Use one of: {limits['expected'].replace(' or ', ', ')}."
        case "string_type":
            return f"{_shown(given)} is no text", f'Put it in quotation marks: "{given}".'
        case "bool_type":
            return f"{_shown(given)} is neither true nor false", "Write true or false, without quotation marks."
        case "int_type":
            return f"{_shown(given)} is no whole number", "Write it in digits, without quotation marks."
        case "greater_than_equal":
            return f"{_shown(given)} is too small", f"Use {limits['ge']} or more."
        case "less_than_equal":
            return f"{_shown(given)} is too large", f"Use {limits['le']} or less."
        case "string_too_short" | "too_short":
            return "is empty", "Fill it in, or leave the line out."
        case "string_too_long":
            return f"{_shown(given)} is too long", f"Use {limits['max_length']} characters at most."
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{_shown(given)} stands where a table belongs", "Write its keys below a heading in brackets."
    return f"{said} (it is {_shown(given)})", "See config.example.toml."


def _shown(value: object) -> str:
    """As TOML writes it, or nearly; cut when it is long."""
    written = json.dumps(value, ensure_ascii=False, default=str)
    return written if len(written) <= _LONGEST else written[: _LONGEST - 1] + "…"

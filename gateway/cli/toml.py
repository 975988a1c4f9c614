"""Values as TOML text, for `check --dump`: tables, arrays of tables, strings, numbers, booleans, lists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "str | int | bool | float | Sequence[Value] | Mapping[str, Value]"


def dumps(table: Mapping[str, Value]) -> str:
    return "\n".join(_table(table, ())).strip("\n") + "\n"


def _table(table: Mapping[str, Value], path: tuple[str, ...]) -> Iterator[str]:
    """Plain keys first: in TOML they belong to the table whose heading stands above them."""
    inner = {key: value for key, value in table.items() if _tables(value) is not None}
    for key, value in table.items():
        if key not in inner:
            yield f"{key} = {_value(value)}"
    for key, value in inner.items():
        name = ".".join((*path, key))
        for one in _tables(value) or ():
            heads = not one or any(_tables(v) is None for v in one.values()) or not isinstance(value, Mapping)
            if heads:
                yield f"\n[{name}]" if isinstance(value, Mapping) else f"\n[[{name}]]"
            yield from _table(one, (*path, key))


def _tables(value: Value) -> Sequence[Mapping[str, Value]] | None:
    """The tables a value is or holds; None for a plain value, and for an empty list."""
    if isinstance(value, Mapping):
        return [value]
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        return None
    found = [one for one in value if isinstance(one, Mapping)]
    return found if len(found) == len(value) else None


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # JSON's escapes are TOML's, but JSON lets DEL stand.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Sequence):
        return f"[{', '.join(_value(v) for v in value)}]"
    return str(value)

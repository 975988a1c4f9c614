"""The numbers in front of the items of a list, as a browser writes them: whoever answers names an item by it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.mail.markup import bare_of

_STYLE = re.compile(r"(?i)list-style(?:-type)?\s*:[^;]*?\b(lower|upper)-(alpha|latin|roman)\b")
_TYPES = {("lower", "alpha"): "a", ("lower", "roman"): "i", ("upper", "alpha"): "A", ("upper", "roman"): "I"}
_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,6})(?![0-9])")
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")),
    *((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_ROMAN_MOST = 3_999


@dataclass(slots=True)
class Numbers:
    """Of an open list: the next number, the step to the one below it, and how it is written."""

    next: int
    step: int = 1
    style: str = "1"

    def label(self, value: str = "") -> str:
        """Of the next item; `value` is the number it gives itself."""
        number = _integer(value, self.next)
        self.next = number + self.step
        return f"{_written(number, self.style)}."


def opened(name: str, found: dict[str, str], attributes: str) -> Numbers | None:
    """A list begins; None for one without numbers, and for one that counts down from nobody knows where."""
    backwards = name == "ol" and "reversed" in bare_of(attributes)
    if name != "ol" or (backwards and "start" not in found):
        return None
    styled = _STYLE.search(found.get("style", ""))
    style = _TYPES[styled[1].lower(), styled[2].lower().replace("latin", "alpha")] if styled else found.get("type", "1")
    return Numbers(_integer(found.get("start", ""), 1), -1 if backwards else 1, style)


def _integer(value: str, default: int) -> int:
    found = _INTEGER.match(value)
    return int(found[1]) if found else default


def _written(number: int, style: str) -> str:
    if style in ("a", "A") and number > 0:
        letters = ""
        while number > 0:
            number, letter = divmod(number - 1, 26)
            letters = chr(ord(style) + letter) + letters
        return letters
    if style in ("i", "I") and 0 < number <= _ROMAN_MOST:
        roman = ""
        for value, sign in _ROMAN:
            count, number = divmod(number, value)
            roman += sign * count
        return roman if style == "i" else roman.upper()
    return str(number)

"""What stands in a text for elements that show something without a word: boxes, fields somebody filled in, and raised
figures."""

from __future__ import annotations

import re

from gateway.mail.markup import bare_of

CHECKED, UNCHECKED = "[x] ", "[ ] "
_BOXES = frozenset(("checkbox", "radio"))
_FILLED_IN = frozenset(("", "text", "email", "tel", "number", "date", "time", "datetime-local", "url", "search"))
_FIELD_LENGTH = 1_000
_BOX_CLASS = re.compile(r"(?i)(?:^|\s)checkbox-(on|off)(?=$|\s)")
"""Of a list of things to do as Notion draws it."""
_RAISED = str.maketrans("0123456789+-\u2212=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
_RAISED_FIGURES = re.compile("[+\\-\u2212]?[0-9][0-9+\\-\u2212=()n]{0,19}")


def box(name: str, found: dict[str, str], attributes: str) -> str:
    """What a form shows at an element: whether a box is checked, what is written in a field, which option is taken."""
    if name == "input":
        kind = found.get("type", "").lower()
        if kind in _BOXES:
            return CHECKED if "checked" in bare_of(attributes) else UNCHECKED
        return found.get("value", "")[:_FIELD_LENGTH] if kind in _FILLED_IN else ""
    if name == "option":
        return CHECKED if "selected" in bare_of(attributes) else ""
    if state := found.get("aria-checked"):
        return CHECKED if state.lower() == "true" else UNCHECKED
    look = found.get("class", "")
    drawn = _BOX_CLASS.search(look) if "checkbox-" in look else None
    return "" if not drawn else CHECKED if drawn[1].lower() == "on" else UNCHECKED


def raised(text: str) -> str:
    """Figures of a `<sup>` as raised ones: 10⁻³ is not 10-3. Letters, as in 1st, stay."""
    return text.translate(_RAISED) if _RAISED_FIGURES.fullmatch(text.strip()) else text

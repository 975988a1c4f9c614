"""The new text of a reply, in front of all that mail programs quote behind it.

When unsure keep everything: a line too many is read past, a line too few is a customer not
heard. Nothing is deleted here; the whole text stays beside the new one.
"""

from __future__ import annotations

from gateway.core.html_text import Line

MARKER = "##- "
MARKERS = (
    "##- Please write your reply above this line -##",
    "##- Bitte antworten Sie oberhalb dieser Zeile -##",
)


def new_text(body_text: str, html: str = "", markers: tuple[str, ...] = MARKERS) -> str:
    """The text above our marker and above what is quoted; the whole text when nothing tells them apart."""
    for index, line in enumerate(lines := body_text.split("\n")):
        if any(m.strip("#- ") in line for m in markers):
            return "\n".join(lines[:index]).strip()
    return body_text


def new_text_of_lines(lines: tuple[Line, ...], markers: tuple[str, ...] = MARKERS) -> str:
    return new_text("\n".join(line.text for line in lines if not line.level and not line.quoted), "", markers)

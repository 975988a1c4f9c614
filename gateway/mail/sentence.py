"""A sentence for people, kept as its code and arguments (`reopened\\tKim`).

So it can be stored once and read in English by one agent and in German by the next. The words
for each code are found where it is read.
"""

from __future__ import annotations

SEPARATOR = "\t"


def code(name: str, *arguments: object) -> str:
    """The sentence `name` with its arguments, each brought onto one line, ready to be stored."""
    return SEPARATOR.join([name, *(" ".join(str(a).split()) for a in arguments)])

"""How the letters of an element look: unseen, painted by hand, or of a font whose letters are pictures."""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.mail.markup import colour_in, is_paint

_FONT_SIZE = re.compile(
    r"(?i)(?<![\w-])font-size\s*:\s*"
    r"((?:0(?:\.0*)?(?:px|pt|em|rem|%)?|0?\.\d+(?:px|pt|%)|0?\.0\d*(?:em|rem))\s*(?:;|!|$))?"
)
_NO_COLOUR = re.compile(
    r"(?i)transparent|#[0-9a-f]{6}00|#[0-9a-f]{3}0|(?:rgb|hsl)a?\((?:(?:[^(),/]*,){3}|[^(),/]*/)\s*(?:0|0?\.0+|0%)\s*\)"
)
_SHOWN_ELSE = re.compile(r"(?i)background-clip|text-shadow|text-stroke|text-fill")
"""Letters without a colour of their own show what is painted in or behind them."""
_FONT = re.compile(r"(?i)(?<![\w-])font-family\s*:\s*([^;]+)")
_PICTURES = re.compile(r"(?i)[\"'\s]*wingdings(?![ -]?[23])")
_PICTURE_OF = str.maketrans(
    {"J": "🙂", "K": "😐", "L": "🙁", "C": "👍", "D": "👎", "F": "👉", "à": "→", "ß": "←", "è": "→", "ü": "✓", "û": "✗"}
    | {"þ": "☑", "ý": "☒", "¨": "☐", "o": "☐", "q": "☐", "§": "▪", "ø": "➢", "v": "❖", "l": "●", "n": "■"}
)


@lru_cache(maxsize=256)  # Programs write the same few styles at every word.
def shades(style: str, colour: str, font: str, paints: bool) -> tuple[tuple[str, bool], ...]:
    """What an element sets of its letters, and whether it is what the kind asks: `size` and `colour` of nothing,
    `pictures` for letters, `paint` a hand chose. An element inside may set each anew."""
    looks: list[tuple[str, bool]] = []
    if sized := _FONT_SIZE.search(style):
        looks.append(("size", bool(sized[1])))
    if colour := colour or colour_in(style):
        looks.append(("colour", bool(_NO_COLOUR.fullmatch(colour.strip())) and not _SHOWN_ELSE.search(style)))
        if paints:
            looks.append(("paint", is_paint(colour)))
    named = _FONT.search(style)
    if font := font or (named[1] if named else ""):
        looks.append(("pictures", bool(_PICTURES.match(font))))
    return tuple(looks)


def pictures(text: str) -> str:
    """The signs that letters of the font Wingdings show: Outlook writes a smiley as its J. Words stay words."""
    return text.translate(_PICTURE_OF) if all(len(word) == 1 for word in text.split()) else text

"""How a site looks: its name, colour, logo and imprint, the same in mails and on pages.

Whatever colour a site chooses, what is written on it can be read: the ink is chosen by the contrast of
WCAG 2.2, and a dark screen gets a lighter shade of the colour.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config.settings import Settings
from gateway.config.values import brightness

_LIGHT, _INK = "#ffffff", "#000000"
_DARK_PAPER = "#15191e"
_LOGO = "logo"


@dataclass(frozen=True, slots=True)
class Brand:
    """What templates know as `brand`. Colours are `#rrggbb`."""

    name: str = ""
    colour: str = "#0a58ca"
    dark_colour: str = "#7fb2ff"
    """The shade for dark screens."""
    logo_url: str = ""
    imprint: str = ""

    @property
    def on_colour(self) -> str:
        return _readable_on(self.colour)

    @property
    def on_dark_colour(self) -> str:
        return _readable_on(self.dark_colour)


def of(settings: Settings) -> Brand:
    """As the section `[brand]` says."""
    said = settings.brand
    logo = f"{settings.gateway.public_url}/static/{logo_name(said.logo_file)}" if said.logo_file else ""
    if not said.colour:
        return Brand(name=said.name, logo_url=logo, imprint=said.imprint)
    colour = said.colour.lower()
    return Brand(said.name, colour, _for_dark(colour), logo, said.imprint)


def logo_name(path: str) -> str:
    """What the portal calls the logo: `logo.png`."""
    return f"{_LOGO}.{path.rpartition('.')[2].lower()}"


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white), as WCAG 2.2 reckons it."""
    lighter, darker = sorted((brightness(one), brightness(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _readable_on(colour: str) -> str:
    return max((_LIGHT, _INK), key=lambda ink: contrast(ink, colour))


def _for_dark(colour: str) -> str:
    """The colour mixed with white until it stands out from dark paper as text must."""
    shades = (_mixed(colour, share / 20) for share in range(21))
    return next(s for s in shades if contrast(s, _DARK_PAPER) >= 7)


def _mixed(colour: str, white: float) -> str:
    return "#" + "".join(f"{round(p + (255 - p) * white):02x}" for p in bytes.fromhex(colour[1:]))

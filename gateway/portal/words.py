"""Every language the portal speaks."""

from __future__ import annotations

from gateway.portal.sentences import Words
from gateway.portal.words_de import DE
from gateway.portal.words_en import EN

__all__ = ["DE", "EN", "LANGUAGES", "Words"]

LANGUAGES: dict[str, Words] = {"en": EN, "de": DE}

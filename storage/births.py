"""Birth marks: what tells a ticket from every other one that ever had or will have its number."""

from __future__ import annotations

import secrets

from gateway.core.token import ALPHABET, BIRTH_LENGTH

_SIGNS = ALPHABET.lower()


def new_birth() -> str:
    """65 random bits as signs that survive being folded to small letters by a relay."""
    return "".join(secrets.choice(_SIGNS) for _ in range(BIRTH_LENGTH))

"""What each agent has, as values: what a new request is given by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """What an agent has."""

    open: int = 0
    newest: int = 0
    """Number of the newest ticket of the mailbox they got."""


Shares = Mapping[str, Share]
"""By the key of the configured address; who is away is not in it."""

"""What the receiving side needs of the house: who is ours, and one verb that commits.

`receive` knows bytes and envelopes and nothing of tickets. A receiver must never answer
success before `accept` has returned (RFC 5321 section 6.1: with 250 the mail is ours to lose).
"""

from __future__ import annotations

from typing import Protocol

from gateway.mail.message import Envelope
from gateway.memory import Pieces


class Intake(Protocol):
    """Where received mail goes."""

    def is_ours(self, recipient: str) -> bool:
        """May mail to this address (without angle brackets) be delivered here? Plus-addresses included.

        `<postmaster>` without a domain (RFC 5321 section 4.5.1) is asked as `postmaster`.
        Called for every RCPT TO, so it must not block.
        """
        ...

    async def accept(self, raw: bytes | Pieces, envelope: Envelope) -> None:
        """Commit the mail to the journal; return only after it is on disk.

        `raw` begins with our own Return-Path and Received lines (see `smtp.data`); the rest is
        what the peer sent. Raises `OversizeMail` (answered 552), `StorageUnavailable` or
        anything else (a fault of ours, answered 4xx so that the peer tries again).
        """
        ...

"""Passwords: what is accepted, and argon2id (RFC 9106) in threads of its own.

An address without a password costs as much time as a wrong one. A password is neither logged nor kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.mail.message import address_key
from gateway.mail.text import normal_password

T = TypeVar("T")

SHORTEST, LONGEST = 10, 1_000
"""Characters."""
THREADS = 2
"""Each hash takes 64 MiB while it is computed."""
WAITING = 60
"""Hashes in hand or waiting; more than that nobody would wait for."""


class Busy(Exception):
    """Too many passwords wait to be checked."""


class Fault(Enum):
    """Why a password is not accepted."""

    SHORT = auto()
    LONG = auto()
    IS_ADDRESS = auto()


def fault(password: str, address: str) -> Fault | None:
    """The rule a new password breaks, if any."""
    password = normal_password(password)
    if len(password) < SHORTEST:
        return Fault.SHORT
    if len(password) > LONGEST:
        return Fault.LONG
    return Fault.IS_ADDRESS if address_key(password) == address_key(address) else None


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """Whether a password is right, and its hash under today's parameters when those have changed."""

    right: bool
    newer_hash: str = ""


class Passwords:
    """Hashes and verifies. `hasher` is given by tests that have no time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(THREADS, "argon2")
        self._in_hand = 0
        self._nobody = self._threads.submit(self._hasher.hash, "what an address without a password is checked against")

    async def hash(self, password: str) -> str:
        return await self._run(password, self._hasher.hash)

    async def verify(self, stored: str, password: str) -> PasswordCheck:
        """`stored` may be empty: the answer is no, and takes as long."""
        if len(password) > LONGEST:
            password = ""

        def check(given: str) -> PasswordCheck:
            try:
                self._hasher.verify(stored or self._nobody.result(), given)
            except (VerificationError, InvalidHashError):
                return PasswordCheck(False)
            if not stored:
                return PasswordCheck(False)
            return PasswordCheck(True, self._hasher.hash(given) if self._hasher.check_needs_rehash(stored) else "")

        return await self._run(password, check)

    async def _run(self, password: str, work: Callable[[str], T]) -> T:
        if self._in_hand >= WAITING:
            raise Busy
        self._in_hand += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, normal_password(password))
        finally:
            self._in_hand -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

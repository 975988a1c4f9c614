"""Agents who may sign in by SMTP: a file of `address:hash` lines, read at each login.

Hashes are argon2id (RFC 9106), as `replydesk agent password` makes them and Dovecot's `{ARGON2ID}`
writes them. Whoever is not in the file costs as much time as a wrong password. Neither names nor
passwords are logged or kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import ReplydeskError
from gateway.mail.message import address_key
from gateway.mail.text import normal_password

LONGEST = 1_000
"""Characters of a password."""
_SCHEME = "{ARGON2ID}"


class BadLogins(ReplydeskError):
    """The file cannot be used; the text says why, and quotes no hash."""


class Logins:
    """A `CredentialCheck` for the agents of `addresses`."""

    def __init__(self, path: Path, addresses: Collection[str]) -> None:
        self._path = path
        self._agents = frozenset(map(address_key, addresses))
        self.read()

    def __call__(self, name: str, password: str) -> str | None:
        """The address that was proved. Raises `BadLogins`. Blocks for a tenth of a second or two."""
        key = address_key(name)
        stored = self.read().get(key, "") if key in self._agents else ""
        try:
            PasswordHasher().verify(stored or _of_nobody(), normal_password(password[:LONGEST]))
        except (VerificationError, InvalidHashError):
            return None
        return name if stored else None

    def read(self) -> Mapping[str, str]:
        """Hashes by address. Raises `BadLogins`."""
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadLogins(f"cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8 text'})") from None
        found: dict[str, str] = {}
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line or line.startswith("#"):
                continue
            # More fields may follow, as in Dovecot's passwd-file.
            address, _, hash = (line + ":").partition(":")
            hash = hash.split(":")[0].removeprefix(_SCHEME)
            if "@" not in address or not hash.startswith("$argon2id$"):
                raise BadLogins(f"line {number} is not address:hash with an argon2id hash")
            found[address_key(address)] = hash
        return found


def line(address: str, password: str) -> str:
    """A line of the file."""
    return f"{address}:{PasswordHasher().hash(normal_password(password))}"


@cache
def _of_nobody() -> str:
    return PasswordHasher().hash("what somebody without a password is checked against")

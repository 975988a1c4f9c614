"""Senders whose mail is kept in the journal and heard by nobody: addresses, and whole domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from storage.statement import Statement
from storage.tables import BLOCK

_FOUND = Statement(select(BLOCK.c.sender).where(BLOCK.c.sender.in_(bindparam("names", expanding=True))).limit(1))


@dataclass(frozen=True, slots=True)
class Block:
    sender: str
    """An address key, or a domain."""
    by: str
    """The agent's address; empty: the operator."""
    at: datetime


class Blocks:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def found(self, names: Sequence[str]) -> str:
        """The first of these that is blocked; empty when none is."""
        return _FOUND.scalar(self._connection, {"names": list(names)}) or ""

    def add(self, sender: str, by: str, now: datetime) -> bool:
        """False: it was blocked already."""
        if self.found((sender,)):
            return False
        self._connection.execute(insert(BLOCK).values(sender=sender, by=by, at=now))
        return True

    def remove(self, sender: str) -> bool:
        """False: it was not blocked."""
        return self._connection.execute(delete(BLOCK).where(BLOCK.c.sender == sender)).rowcount == 1

    def all(self) -> list[Block]:
        rows = self._connection.execute(select(BLOCK.c.sender, BLOCK.c.by, BLOCK.c.at).order_by(BLOCK.c.sender))
        return [Block(*row) for row in rows]

"""Bytes of mails exactly as received: compressed, kept once per content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import zstandard
from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from storage import tables

RAW: Table = tables.table(tables.Raw)
LEVEL = 3
MAX_BYTES = 1 << 30
"""Nothing we store is larger; keeps a damaged row from filling the memory."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A mail ready to be stored. Made outside the transaction, for it costs CPU time."""

    sha256: str
    data: bytes
    size: int


def pack(raw: bytes) -> Packed:
    return Packed(hashlib.sha256(raw).hexdigest(), compress(raw), len(raw))


def compress(data: bytes) -> bytes:
    return zstandard.compress(data, LEVEL)


def decompress(data: bytes) -> bytes:
    return zstandard.decompress(data, MAX_BYTES)


_KEEP = {
    "sqlite": sqlite.insert(RAW).on_conflict_do_nothing(index_elements=["sha256"]),
    "postgresql": postgresql.insert(RAW).on_conflict_do_nothing(index_elements=["sha256"]),
}
_LOAD = select(RAW.c.data)


def keep(connection: Connection, packed: Packed, now: datetime) -> None:
    """Store the bytes unless they are there already."""
    connection.execute(
        _KEEP[connection.dialect.name],
        {"sha256": packed.sha256, "data": packed.data, "size": packed.size, "created_at": now},
    )


def load(connection: Connection, sha256: str) -> bytes | None:
    data = connection.execute(_LOAD.where(RAW.c.sha256 == sha256)).scalar_one_or_none()
    return None if data is None else decompress(data)

"""Bytes of mails exactly as received: compressed, kept once per content.

What retention took is kept as a row without bytes. The same mail may come again: then it is a mail like any
other, and its bytes are there again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import zstandard
from sqlalchemy import Connection, bindparam, case, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.statement import Statement
from storage.tables import RAW

LEVEL = 3
LARGE = 1024 * 1024
"""Bytes of a stored mail after which SQLite's connection is closed: its cache and its statement would keep them."""
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


def pack_pieces(pieces: Iterable[bytes], size: int) -> Packed:
    """The same for a mail of so many bytes that is never held whole."""
    digest, packed = hashlib.sha256(), BytesIO()
    press = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj(size=size)
    for piece in pieces:
        digest.update(piece)
        packed.write(press.compress(piece))
    packed.write(press.flush())
    return Packed(digest.hexdigest(), packed.getvalue(), size)


def compress(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(data)


def decompress(data: bytes) -> bytes:
    return zstandard.decompress(data, MAX_BYTES)


def _keep(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    # Written even when the bytes are there: retention on another connection must see that they are wanted again.
    given = insert.excluded
    there = case((RAW.c.data.is_(None), given.data), else_=RAW.c.data)
    renewed = {"data": there, "created_at": given.created_at, "deleted_at": None}
    return insert.on_conflict_do_update(index_elements=["sha256"], set_=renewed)


_KEEP = Statement({"sqlite": _keep(sqlite.insert(RAW)), "postgresql": _keep(postgresql.insert(RAW))})
_KEPT = Statement(select(RAW.c.size).where(RAW.c.sha256 == bindparam("hash"), RAW.c.data.is_not(None)))
_LOAD = Statement(select(RAW.c.data).where(RAW.c.sha256 == bindparam("hash")))


def keep(connection: Connection, packed: Packed, now: datetime) -> None:
    """Store the bytes unless they are there already; either way they are as if they came now."""
    _mark(connection, packed.data)
    row = {"sha256": packed.sha256, "data": packed.data, "size": packed.size, "created_at": now}
    _KEEP.run(connection, row)


def load(connection: Connection, sha256: str) -> bytes | None:
    """The mail; None when it is not kept, or not any more."""
    data = _LOAD.scalar(connection, {"hash": sha256})
    if data is None:
        return None
    _mark(connection, data)
    return decompress(data)


def _mark(connection: Connection, data: bytes) -> None:
    if len(data) > LARGE:
        connection.info["large"] = True


def had_large(info: dict[Any, Any]) -> bool:
    """Whether a large mail went through this connection, by what is remembered of it."""
    return bool(info.get("large"))


def kept(connection: Connection, sha256: str) -> bool:
    """Whether its bytes are there."""
    return _KEPT.scalar(connection, {"hash": sha256}) is not None


def size(connection: Connection, sha256: str) -> int:
    """Bytes of the mail; 0 when it is not kept, or not any more."""
    return _KEPT.scalar(connection, {"hash": sha256}) or 0

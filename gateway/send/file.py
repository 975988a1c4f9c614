"""Mail into a folder, one `.eml` a mail, for the demo, for trying things out, and for tests.

A file is there whole or not at all. The same mail twice is one file: names come from the mail's
own date, and Message-IDs are compared. Return-Path tells the envelope, as a final delivery does
(RFC 5321 section 4.4).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from pathlib import Path

from gateway.core.retry import About, Outcome, Result
from gateway.render.wire import POLICY
from gateway.send.relay import Begin, RelayUnavailable, at_once

NAME_LIMIT = 100
"""Characters of each part of a name."""
HEADER_LIMIT = 65_536
"""Bytes of a file among which its Message-ID is looked for."""


class FileTransport:
    """Writes into `directory`, which is created when it is first needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def deliver(
        self, reverse_path: str, recipient: str, message: bytes, notice: str = "", begin: Begin = at_once
    ) -> Outcome:
        """Write `<UTC time>-<notice>-<recipient>.eml`; the reply names the file.

        `begin` is not asked: written twice is written once.
        """
        try:
            path = await asyncio.to_thread(self._write, reverse_path, recipient, message, notice)
        except OSError as error:
            return Outcome(Result.DEFERRED, f"{self._directory}: {error.strerror or error}", About.RELAY)
        return Outcome(Result.SENT, path.name)

    async def check(self) -> str:
        """Try whether the folder can be written. Raises `RelayUnavailable`."""

        def touch() -> None:
            self._directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._directory):
                pass

        try:
            await asyncio.to_thread(touch)
        except OSError as error:
            raise RelayUnavailable(
                f"send.directory: {self._directory} cannot be written ({error.strerror}). "
                "Create it for the service's user."
            ) from None
        return f"mails are written as files into {self._directory}"

    async def close(self) -> None:
        """Nothing is kept open."""

    def _write(self, reverse_path: str, recipient: str, message: bytes, notice: str) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True)
        header = BytesHeaderParser().parsebytes(message[:HEADER_LIMIT])
        stem = "-".join((_time(header["Date"]), _safe(notice or "mail"), _safe(recipient)))
        returns_to = POLICY.header_store_parse("Return-Path", f"<{reverse_path}>")
        with self._temporary(POLICY.fold_binary(*returns_to) + message) as temporary:
            for number in itertools.count(1):
                path = self._directory / (f"{stem}.eml" if number == 1 else f"{stem}-{number}.eml")
                try:
                    # A link never replaces another mail, as a rename would.
                    os.link(temporary, path)
                except FileExistsError:
                    if _message_id(path) != header["Message-ID"]:
                        continue
                self._sync_directory()
                return path
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def _temporary(self, content: bytes) -> Iterator[str]:
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=self._directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield name
        finally:
            os.unlink(name)

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _time(date: str | None) -> str:
    try:
        moment = parsedate_to_datetime(date or "")
    except ValueError:
        moment = datetime.fromtimestamp(0, UTC)
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _safe(value: str) -> str:
    """Letters, digits and a few signs; every name begins with a date, so leading dots do no harm."""
    return re.sub(r"[^A-Za-z0-9.@_+-]", "_", value)[:NAME_LIMIT]


def _message_id(path: Path) -> str | None:
    with path.open("rb") as file:
        found = BytesHeaderParser().parsebytes(file.read(HEADER_LIMIT))["Message-ID"]
    return None if found is None else str(found)

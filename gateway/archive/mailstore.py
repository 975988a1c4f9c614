"""Mails in files: single ones (.eml), mbox (RFC 4155) and Maildir, found without reading them all into memory.

Reads only, changes nothing: no flag is set, no file is moved. What is no mail is counted, not
guessed at.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import mktime_tz, parsedate_tz
from pathlib import Path

from gateway.errors import ReplydeskError

HEAD_BYTES = 65_536
"""Where the header fields looked at here must stand."""

_FROM_LINE = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*\d\d:\d\d[^\n]*\d{4}[^\n]*\n(?=[!-9;-~]+[ \t]*:)")
"""The separator of an mbox: dated, after a blank line and before a header field, so that prose is none."""
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_OF_A_MAIL = re.compile(
    rb"(?im)^(?:From|To|Cc|Subject|Date|Sent|Received|Return-Path|Delivered-To|Message-Id|MIME-Version)[ \t]*:"
)
"""Beginnings of fields of which every mail has at least one; a list of users or a script has none."""
_DATE = re.compile(rb"(?im)^Date:[ \t]*([^\r\n]*)")
_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_MAILDIR_TIME = re.compile(r"(\d{9,10})\.")


class NoMails(ReplydeskError):
    """There is nothing to read at a path."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One mail of a store."""

    path: Path
    start: int
    """Of an mbox: where its `From ` line begins, and where the mail ends. Both 0: the whole file is the mail."""
    end: int
    size: int
    """Bytes on disk."""
    dated_at: datetime | None
    """Its Date field, unchecked."""
    received_at: datetime
    """By the `From ` line, the Maildir's file name, or the age of the file."""

    @property
    def name(self) -> str:
        """The file, and for an mbox the byte at which the mail begins."""
        return f"{self.path}:{self.start}" if self.end else str(self.path)

    def read(self) -> bytes:
        """The mail as it was before it was stored. Raises OSError."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            data = file.read(self.end - self.start) if self.end else file.read()
        if not self.end:
            return data
        data = data[data.find(b"\n") + 1 :]
        blank = 2 if data.endswith(b"\r\n\r\n") else 1 if data.endswith(b"\n\n") else 0
        return _QUOTED_FROM.sub(rb"\1", data[: len(data) - blank])


@dataclass(slots=True)
class Skipped:
    """What a walk through a store passed by."""

    files: int = 0
    """No mails, as far as their first bytes tell."""
    drafts: int = 0
    """Unfinished or deleted mails of a Maildir."""


def stored(path: Path, skipped: Skipped) -> Iterator[Stored]:
    """Every mail at a path: a file, a Maildir, or a folder of such. Raises `NoMails`, OSError."""
    if path.is_dir():
        for folder, folders, files in os.walk(path):
            folders.sort()
            if {"cur", "new"} <= set(folders):
                # Beside the mails of a Maildir lie the files of its server; `tmp` holds mails that never arrived whole.
                yield from _maildir(Path(folder), skipped)
                folders[:] = [f for f in folders if f not in ("cur", "new", "tmp")]
                continue
            for name in sorted(files):
                yield from _file(Path(folder, name), skipped)
    elif path.is_file():
        found = list(_file(path, skipped))
        if not found:
            raise NoMails(f"{path} holds no mail: neither an mbox nor a single one")
        yield from found
    else:
        raise NoMails(f"{path} is neither a file nor a folder" if path.exists() else f"there is no {path}")


def _maildir(folder: Path, skipped: Skipped) -> Iterator[Stored]:
    for part in ("cur", "new"):
        for path in sorted((folder / part).iterdir()):
            flags = path.name.partition(":2,")[2] or path.name.partition(";2,")[2]
            if set(flags) & {"D", "T"}:
                skipped.drafts += 1
            elif not path.name.startswith(".") and path.is_file():
                began = _MAILDIR_TIME.match(path.name)
                yield _single(path, int(began[1]) if began else None)


def _file(path: Path, skipped: Skipped) -> Iterator[Stored]:
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(1024)
        if head.startswith(b"From "):
            yield from _mbox(path, file.fileno())
        elif _FIELD.match(head) and _OF_A_MAIL.search(_fields(head + file.read(HEAD_BYTES))):
            yield _single(path, None)
        else:
            skipped.files += 1


def _single(path: Path, received: int | None) -> Stored:
    about = path.stat()
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    received_at = datetime.fromtimestamp(about.st_mtime if received is None else received, UTC)
    return Stored(path, 0, 0, about.st_size, _dated(head), received_at)


def _mbox(path: Path, descriptor: int) -> Iterator[Stored]:
    age = datetime.fromtimestamp(os.fstat(descriptor).st_mtime, UTC)
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as whole:
        begins = [(m.start(), m.end()) for m in _FROM_LINE.finditer(whole)]
        # A lone mail may have a `From ` line without a date.
        begins = begins or [(0, whole.find(b"\n") + 1 or len(whole))]
        ends = [start for start, _ in begins[1:]] + [len(whole)]
        for (start, head), end in zip(begins, ends, strict=True):
            dated = _dated(whole[head : min(head + HEAD_BYTES, end)])
            received_at = _date(whole[start:head].split(b" ", 2)[-1].decode("latin-1"))
            yield Stored(path, start, end, end - start, dated, received_at or age)


def _fields(head: bytes) -> bytes:
    """What stands above the first blank line."""
    return head.replace(b"\r\n", b"\n").partition(b"\n\n")[0]


def _dated(head: bytes) -> datetime | None:
    found = _DATE.search(_fields(head))
    return _date(found[1].decode("latin-1")) if found else None


def _date(value: str) -> datetime | None:
    """A date of RFC 5322 or of an mbox, in UTC."""
    try:
        parts = parsedate_tz(value)
        return datetime.fromtimestamp(mktime_tz(parts), UTC) if parts else None
    except (ValueError, OverflowError, OSError, IndexError, TypeError):
        return None

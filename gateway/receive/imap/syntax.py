"""IMAP as text (RFC 3501): what goes into a command, and what a response says.

Pure. Lines are as aioimaplib hands them over: without `* `, literals as `bytearray`, the text of
the tagged response last.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from gateway.mail.text import one_line

Lines = Sequence[bytes | bytearray]

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

_FLAGS = re.compile(rb"FLAGS \(([^()]*)\)", re.I)
_LISTED = re.compile(rb'\(([^()]*)\) (NIL|"(?:[^"\\]|\\.)") ?(.*)', re.S)
_NAMESPACE = re.compile(rb'\(\("((?:[^"\\]|\\.)*)" (NIL|"(?:[^"\\]|\\.)")')
_ENCODED = re.compile(r"&([^-]*)-")
_PLAIN = re.compile(r"[\x20-\x25\x27-\x7e]+|&|[^\x20-\x7e]+")
_FETCH = re.compile(rb"\d+ FETCH \(", re.I)
_UID = re.compile(rb"(?:^|[ (])UID (\d+)", re.I)
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)", re.I)
_EMPTY_BODY = re.compile(rb'BODY\[[^\]]*\] ""', re.I)
_MAY_CHANGE = re.compile(rb"\[PERMANENTFLAGS \(([^()]*)\)", re.I)
_READ_ONLY = re.compile(rb"\[READ-ONLY\]", re.I)
_CODE = re.compile(rb"\[(UIDVALIDITY|UIDNEXT) (\d+)\]", re.I)
_EXISTS = re.compile(rb"(?:\* )?\d+ EXISTS", re.I)


# --- into a command ------------------------------------------------------------------------


def quoted(text: str) -> str:
    """A quoted string (section 4.3). Line ends are refused by aioimaplib before anything is sent."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def folder_name(name: str) -> str:
    """A folder's name as it travels: quoted, and in modified UTF-7 (section 5.1.3)."""
    return quoted("".join(_encoded(run) for run in _PLAIN.findall(name)))


def _encoded(run: str) -> str:
    if run == "&":
        return "&-"
    if run.isascii() and run.isprintable():
        return run
    return "&" + base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"


def decoded_name(name: str) -> str:
    """The opposite of modified UTF-7; what is none stays as it is."""

    def read(run: re.Match[str]) -> str:
        if not run[1]:
            return "&"
        try:
            data = base64.b64decode(run[1].replace(",", "/") + "=" * (-len(run[1]) % 4), validate=True)
            return data.decode("utf-16-be")
        except ValueError:
            return run[0]

    return _ENCODED.sub(read, name)


def internal_date(moment: datetime) -> str:
    """`" 2-Mar-2026 09:30:00 +0000"`, as APPEND takes it."""
    utc = moment.astimezone(UTC)
    return quoted(f"{utc.day:2d}-{MONTHS[utc.month - 1]}-{utc.year} {utc:%H:%M:%S} +0000")


def uid_set(uids: Iterable[int]) -> str:
    """`1:3,7` for 1, 2, 3, 7."""
    runs: list[list[int]] = []
    for uid in sorted(set(uids)):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in runs)


def search_date(day: date) -> str:
    """`2-Mar-2026`, in English whatever the locale."""
    return f"{day.day}-{MONTHS[day.month - 1]}-{day.year}"


# --- out of a response ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selected:
    """What SELECT says of a folder; 0 for what it does not say."""

    uidvalidity: int = 0
    uidnext: int = 0
    may_delete: bool = True
    r"""\Deleted can be set for good; where nothing is said of it, it can (section 7.1)."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One message of a FETCH response; None for what it does not say."""

    uid: int
    size: int | None = None
    raw: bytes | None = None
    flags: frozenset[str] | None = None
    """As the server writes them, lower case."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder of a LIST response."""

    name: str
    delimiter: str
    """Empty: there is no hierarchy."""
    attributes: frozenset[str] = frozenset()
    """Lower case, such as `\\noselect`."""


def listed(lines: Lines) -> list[Listed]:
    """The folders of a LIST response; a name may be an atom, a quoted string or a literal."""
    found: list[Listed] = []
    for line, after in zip(lines[:-1], [*lines[1:]], strict=True):
        m = None if isinstance(line, bytearray) else _LISTED.match(line)
        if m is None:
            continue
        name = bytes(after) if isinstance(after, bytearray) else m[3].strip()
        text = _unquoted(name.decode("utf-8", "replace"))
        attributes = frozenset(m[1].decode("ascii", "replace").casefold().split())
        found.append(Listed(decoded_name(text), _delimiter(m[2]), attributes))
    return found


def namespaces(lines: Lines) -> list[tuple[str, str]]:
    """(prefix, delimiter) of the first namespace of each sort, the personal one first (RFC 2342)."""
    found = (m for line in lines[:-1] for m in _NAMESPACE.finditer(bytes(line)))
    return [(decoded_name(_unquoted(f'"{m[1].decode()}"')), _delimiter(m[2])) for m in found]


def status(lines: Lines) -> dict[str, int]:
    """The figures of a STATUS response, by their names in capitals."""
    found: dict[str, int] = {}
    for line in lines[:-1]:
        words = bytes(line).rpartition(b"(")[2].rstrip(b") ").decode("ascii", "replace").upper().split()
        found |= {name: int(n) for name, n in zip(words[::2], words[1::2], strict=False) if n.isdigit()}
    return found


def _delimiter(word: bytes) -> str:
    return "" if word.upper() == b"NIL" else _unquoted(word.decode())


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if len(text) > 1 and text[0] == text[-1] == '"' else text


def selected(lines: Lines) -> Selected:
    found = {m[1].upper(): int(m[2]) for line in lines for m in _CODE.finditer(line)}
    lasting = [m[1].lower().split() for line in lines for m in _MAY_CHANGE.finditer(line)]
    fixed = any(rb"\deleted" not in flags for flags in lasting) or any(_READ_ONLY.search(line) for line in lines)
    return Selected(found.get(b"UIDVALIDITY", 0), found.get(b"UIDNEXT", 0), not fixed)


def numbers(lines: Lines) -> list[int]:
    """The numbers of a SEARCH response, ascending; a server may split it, or say nothing when there are none."""
    found = {int(word) for line in lines[:-1] if _all_digits(line) for word in line.split()}
    return sorted(found)


def _all_digits(line: bytes | bytearray) -> bool:
    return all(word.isdigit() for word in line.split())


def fetched(lines: Lines) -> list[Fetched]:
    """The messages of a FETCH response that name their UID; the UID may stand before or after the content."""
    found: list[Fetched] = []
    text, content = b"", None
    for line in [*lines, b"0 FETCH ("]:
        if isinstance(line, bytearray):
            content = bytes(line) if content is None else content
        elif _FETCH.match(line):
            message = _message(text, content)
            found += [message] if message else []
            text, content = line, None
        elif text:
            text += b" " + line
    return found


def _message(text: bytes, content: bytes | None) -> Fetched | None:
    uid, size, flags = _UID.search(text), _SIZE.search(text), _FLAGS.search(text)
    if uid is None:
        return None
    if content is None and _EMPTY_BODY.search(text):
        content = b""
    said = frozenset(flags[1].decode("ascii", "replace").casefold().split()) if flags else None
    return Fetched(int(uid[1]), int(size[1]) if size else None, content, said)


def announces_mail(lines: Iterable[bytes | bytearray]) -> bool:
    """Whether what a server pushes while it idles may mean new mail (RFC 2177)."""
    return any(_EXISTS.match(line) for line in lines)


def told(lines: Lines) -> str:
    """The server's own words about a command, for a log line."""
    return one_line(bytes(lines[-1]).decode("utf-8", "replace"), 300) if lines else ""

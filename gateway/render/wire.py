"""Write a mail as bytes: header, two bodies, and later the files that go along.

RFC 5322 with RFC 2045–2047, 2231 and, for addresses that need it, 6532. The same values give
the same bytes, so a retry repeats the mail. Nothing in a value can begin a new header line.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from email import message_from_bytes
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage, Message
from email.policy import EmailPolicy
from email.utils import encode_rfc2231, format_datetime, quote
from typing import NamedTuple

from gateway.core.notice import Outbound
from gateway.mail.message import Address, ascii_domain
from gateway.mail.text import clean, one_line
from gateway.mail.text import filename as safe_filename

LINE = 78
"""RFC 5322 section 2.1.1: lines should have no more characters."""

REFERENCES_LIMIT = 3_800
"""Bytes; some relays refuse a field of 4 KB."""

ID_LIMIT = 900
"""Bytes; a longer id cannot stand on a line of 998 (RFC 5322 section 2.1.1)."""

NAME_LIMIT = 120
"""Characters of a display name."""

ADDRESS_LIMIT = 320
"""Characters of an addr-spec: 64 and 255 and the sign between (RFC 5321 section 4.5.3.1)."""

FILENAME_LIMIT = 900
"""Bytes of a filename in percent encoding, which stands on one line."""

_DOMAIN = re.compile(r"[^\s\x00-\x20\x7f<>()\[\],;:\\\"@]+|\[[0-9A-Za-z.:]+\]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class WirePolicy(EmailPolicy):
    """Values arrive finished and are folded at spaces only.

    The standard policies parse and re-encode every value: that turns a long Message-ID and a
    local part with an umlaut into encoded words, decodes words a stranger put into a name, and
    costs more than all the rest of a mail.
    """

    def header_max_count(self, name: str) -> int:
        """Each field once (RFC 5322 section 3.6)."""
        return 1

    def header_store_parse(self, name: str, value: object) -> tuple[str, str]:
        text = str(value)
        if _CONTROL.search(text):
            raise ValueError(f"{name} holds a control character")
        return name, text

    def header_fetch_parse(self, name: str, value: str) -> str:
        return "".join(value.splitlines())

    def fold(self, name: str, value: str) -> str:
        lines, line = [], f"{name}:"
        for word in value.split(" "):
            # The first word stays beside the name: some readers lose a value whose first line is empty.
            if len(line) + 1 + len(word) > LINE and line != f"{name}:":
                lines.append(line)
                line = ""
            line += f" {word}"
        return self.linesep.join([*lines, line]) + self.linesep

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("utf-8", "surrogateescape")


POLICY = WirePolicy(linesep="\r\n", max_line_length=LINE)


def write(outbound: Outbound, text: str, html: str) -> bytes:
    """The mail as it is queued: multipart/alternative of the text and the HTML body, lines end in CRLF.

    `ValueError` when an address or our own Message-ID cannot stand in a header. Foreign ids that
    cannot are left out.
    """
    fields = [("From", mailbox(outbound.from_)), ("To", mailbox(outbound.recipient))]
    if outbound.reply_to:
        fields.append(("Reply-To", mailbox(outbound.reply_to)))
    fields += [
        ("Subject", _text(one_line(outbound.subject))),
        ("Date", format_datetime(outbound.date)),
        ("Message-ID", _own_id(outbound.message_id)),
    ]
    if parent := _ids([outbound.in_reply_to]):
        fields.append(("In-Reply-To", parent))
    if references := _ids(_shorten(outbound.references)):
        fields.append(("References", references))
    if outbound.thread_index:
        fields += [("Thread-Topic", _text(one_line(outbound.topic))), ("Thread-Index", outbound.thread_index)]
    if outbound.auto_submitted:
        fields += [("Auto-Submitted", outbound.auto_submitted), ("X-Auto-Response-Suppress", "All")]
    boundary = _boundary("alternative", outbound.message_id)
    fields += [("MIME-Version", "1.0"), ("Content-Type", f'multipart/alternative; boundary="{boundary}"')]
    # Framed here, as below: the generator of the standard library takes as long as all the rest of this room.
    edge = f"--{boundary}".encode()
    pieces = [_written(fields), edge]
    for body in (_body("plain", text), _body("html", html)):
        pieces += [b"\r\n", *body, b"\r\n", edge]
    return b"".join([*pieces, b"--\r\n"])


def letter(
    *,
    author: Address,
    to: Address,
    subject: str,
    date: datetime,
    message_id: str,
    language: str,
    text: str,
    answers: str = "",
    top: Sequence[tuple[str, str]] = (),
) -> bytes:
    """A person's mail that begins here, as text; `answers` is a Message-ID, `top` are the fields above it.
    `ValueError` as in `write`."""
    fields = [
        *top,
        ("From", mailbox(author)),
        ("To", mailbox(to)),
        ("Subject", _text(one_line(subject))),
        ("Date", format_datetime(date)),
        ("Message-ID", _own_id(message_id)),
        *((("In-Reply-To", parent),) if (parent := _ids([answers])) else ()),
        ("MIME-Version", "1.0"),
        ("Content-Language", language),
    ]
    return b"".join([_written(fields)[:-2], *_body("plain", text + "\n")])


class Enclosed(NamedTuple):
    """A file to go along; with a Content-ID (no angle brackets) the HTML body shows it in place."""

    filename: str
    content_type: str
    content: bytes
    content_id: str = ""


def attach(message: bytes, files: Sequence[Enclosed], note: str = "") -> bytes:
    """Put files along. Without any the mail is returned as it is.

    The bodies become the first part of a multipart/related (RFC 2387) with the pictures they show, and
    that of a multipart/mixed with the rest; their bytes stay as they were. `note` is a text about the
    files, shown below the bodies.
    """
    shown = [_part(f, n) for n, f in enumerate(files, start=1) if f.content_id]
    hung = [_part(f, n) for n, f in enumerate(files, start=1) if not f.content_id]
    if shown:
        message = _framed(message, "related", shown)
    if note:
        hung.insert(0, _body("plain", note))
    return _framed(message, "mixed", hung) if hung else message


def _framed(message: bytes, subtype: str, parts: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The message as first part of a multipart. Each part is its head and its encoded content.

    Framed here: the generator of the standard library takes three times as long over a large file.
    """
    head, _, bodies = message.partition(b"\r\n\r\n")
    whole = message_from_bytes(head + b"\r\n\r\n", policy=POLICY)
    boundary = _boundary(subtype, str(whole["Message-ID"]))
    inner = EmailMessage(policy=POLICY)
    inner["Content-Type"] = whole["Content-Type"]
    root = f' type="{str(inner["Content-Type"]).partition(";")[0]}";' if subtype == "related" else ""
    whole.replace_header("Content-Type", f'multipart/{subtype};{root} boundary="{boundary}"')
    edge = f"\r\n--{boundary}".encode()
    pieces = [_head(whole), edge, b"\r\n", _head(inner), bodies]
    for part_head, content in parts:
        pieces += [edge, b"\r\n", part_head, content]
    return b"".join([*pieces, edge, b"--\r\n"])


def _part(file: Enclosed, number: int) -> tuple[bytes, bytes]:
    part = EmailMessage(policy=POLICY)
    part["Content-Type"] = _attachable(file.content_type)
    part["Content-Transfer-Encoding"] = "base64"
    name = _filename(safe_filename(file.filename, f"attachment-{number}"))
    part["Content-Disposition"] = f"{'inline' if file.content_id else 'attachment'}; {name}"
    if file.content_id:
        part["Content-ID"] = _own_id(file.content_id)
    return _head(part), _base64(file.content)


def mailbox(address: Address) -> str:
    """A display name and an addr-spec as they stand in From, To and Reply-To.

    A domain is written in its ASCII form (RFC 5891); a local part that is not ASCII stays UTF-8 (RFC 6532).
    `ValueError` when the address cannot be one.
    """
    local, _, domain = address.address.rpartition("@")
    if not local or local != one_line(local) or not _DOMAIN.fullmatch(domain) or len(address.address) > ADDRESS_LIMIT:
        raise ValueError(f"{address.address!r} is not an address")
    return str(Mailbox(_phrase(one_line(address.name, NAME_LIMIT)), local, ascii_domain(domain)))


def _phrase(name: str) -> str:
    return name if _plain(name) else " ".join(_encoded_words(name))


def _text(value: str) -> str:
    """An unstructured value: only the stretch that needs it is encoded, so a reference stays readable."""
    words = value.split(" ")
    odd = [i for i, word in enumerate(words) if not _plain(word) or len(word) > 2 * LINE]
    if not odd:
        return value
    first, last = odd[0], odd[-1] + 1
    return " ".join([*words[:first], *_encoded_words(" ".join(words[first:last])), *words[last:]])


def _plain(value: str) -> bool:
    """ASCII, and nothing a reader would take for an encoded word (RFC 2047 section 2)."""
    return value.isascii() and "=?" not in value


_BARE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = [chr(b) if b in _BARE else "_" if b == 32 else f"={b:02X}" for b in range(256)]
"""RFC 2047 section 4.2, with the signs section 5 (3) allows in a display name."""


def _encoded_words(value: str) -> list[str]:
    """Encoded words of at most 75 signs, none of which splits a character (RFC 2047 sections 2 and 5)."""
    words = [""]
    for sign in value:
        piece = "".join(_Q[byte] for byte in sign.encode())
        if len(words[-1]) + len(piece) > 75 - len("=?utf-8?q??="):
            words.append("")
        words[-1] += piece
    return [f"=?utf-8?q?{word}?=" for word in words]


_ID = re.compile(r"[!-;=?-~]+(?: [!-;=?-~]+)*")
"""What can stand between angle brackets. Foreign ids with a space are not valid but are matched by readers."""


def _ids(values: Iterable[str]) -> str:
    return " ".join(f"<{v}>" for v in values if len(v) <= ID_LIMIT and _ID.fullmatch(v))


def _own_id(value: str) -> str:
    if len(value) > ID_LIMIT or " " in value or not _ID.fullmatch(value):
        raise ValueError(f"Message-ID {value!r} cannot be written")
    return f"<{value}>"


def _shorten(references: Sequence[str]) -> list[str]:
    """The first id (the thread's root) and as many from the end as fit into REFERENCES_LIMIT."""
    ids = [v for v in dict.fromkeys(references) if len(v) <= ID_LIMIT and _ID.fullmatch(v)]
    if not ids:
        return []
    room = REFERENCES_LIMIT - len(ids[0])
    end: list[str] = []
    for value in reversed(ids[1:]):
        room -= len(value) + 5
        if room < 0:
            break
        end.append(value)
    return [ids[0], *reversed(end)]


def _body(subtype: str, content: str) -> tuple[bytes, bytes]:
    """Head and encoded content of a text."""
    content = clean(content)
    if content.isascii() and all(len(line) <= LINE and line == line.rstrip() for line in content.split("\n")):
        encoding, encoded = "7bit", content.encode("ascii")
    else:
        encoding, encoded = "quoted-printable", binascii.b2a_qp(content.encode())
    fields = [("Content-Type", f'text/{subtype}; charset="utf-8"'), ("Content-Transfer-Encoding", encoding)]
    return _written(fields), encoded.replace(b"\n", b"\r\n")


def _boundary(purpose: str, message_id: str) -> str:
    """Nobody who writes a text that we quote can foresee it, for our Message-IDs cannot be guessed."""
    return f"=_{hashlib.sha256(f'{purpose} {message_id}'.encode()).hexdigest()[:32]}"


def _written(fields: Iterable[tuple[str, str]]) -> bytes:
    """A header of these fields, as an `EmailMessage` would write it in three times the time."""
    lines = []
    for name, value in fields:
        _, stored = POLICY.header_store_parse(name, value)
        lines.append(POLICY.fold_binary(name, POLICY.header_fetch_parse(name, stored)))
    return b"".join(lines) + b"\r\n"


def _head(part: Message) -> bytes:
    return b"".join(POLICY.fold_binary(name, value) for name, value in part.items()) + b"\r\n"


def _base64(content: bytes) -> bytes:
    """Lines of 76 signs (RFC 2045 section 6.8)."""
    encoded = binascii.b2a_base64(content, newline=False)
    return b"\r\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))


_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_NOT_LEAVES = ("message/", "multipart/")
_SHOWN_IN_PLACE = ("text/html", "application/xhtml+xml")


def _attachable(content_type: str) -> str:
    """The type as given, unless a mail program would open the file as a part of our own words."""
    given = content_type.partition(";")[0].strip().lower()
    if not _CONTENT_TYPE.fullmatch(given) or given.startswith(_NOT_LEAVES) or given in _SHOWN_IN_PLACE:
        return "application/octet-stream"
    return given


def _filename(name: str) -> str:
    if name.isascii():
        return f'filename="{quote(name)}"'
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    while len(encoded := encode_rfc2231(f"{stem}{dot}{extension}", "utf-8")) > FILENAME_LIMIT and stem:
        stem = stem[:-1]
    return f"filename*={encoded}"

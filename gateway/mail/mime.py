"""The parts of a mail as a tree, each numbered, its bytes decoded once and only when asked for.

Built over the standard library's parser, whose trees are right for 900 levels and for broken
boundaries. Part numbers are those of RFC 3501 section 6.4.5 (`1`, `2.1`); they are stored, so
the same bytes must always give the same numbers. Never raises on what a mail contains.
"""

from __future__ import annotations

import email
import re
from email.generator import BytesGenerator
from email.message import Message as MimeMessage
from email.parser import BytesFeedParser, BytesHeaderParser
from email.policy import compat32
from io import BytesIO
from typing import Any, cast

from gateway.mail import charset, transfer
from gateway.mail.header import Structured, content_type, disposition, parameters, unfold
from gateway.mail.slices import sliced

PARTS_LIMIT = 1_000
DEPTH_LIMIT = 100
BOUNDARIES_LIMIT = 20_000
"""Lines that could be boundaries: more are not taken apart, for that alone takes seconds."""
VALUE_LIMIT = 4_000
PIECE_BYTES = 8192
TEXT_BYTES_LIMIT = 4_000_000
"""Bytes of a text part that are decoded to be shown."""
NESTED = frozenset({"message/rfc822", "message/global", "message/news"})
"""Types of parts that are mails of their own."""
_FROM_LINE = re.compile(rb"\A\s*>?From (?![ \t]*:)[^\n]*\n", re.I)
_FIELDS = rb"(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*)"
_STRAY = re.compile(rb"(" + _FIELDS + rb"*)(?:\r?\n)?\xef\xbb\xbf\s*|()\s+")
"""A byte order mark, below what servers put on top; or empty lines."""
_WHOLE_HEADER = re.compile(rb"(?:>?From [^\n]*\n)?" + _FIELDS + rb"+\r?\n")
_FROM_FIELD = re.compile(rb"^from[ \t]*:", re.I | re.M)
_HEADER_LIMIT = 100_000
_HEADER_LINE = re.compile(rb"\s*[A-Za-z][A-Za-z0-9-]{1,60}:[ \t]")
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.I)
_BLANK_BEFORE_COLON = re.compile(
    rb"^(from|to|cc|subject|date|sender|reply-to|message-id|in-reply-to|references|mime-version|content-[a-z-]+)"
    rb"[ \t]+:",
    re.I | re.M,
)
_PART_HEADER = re.compile(r"\s*Content-(?:Type|Transfer-Encoding|Disposition):", re.I)
_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
_GUESSED_BOUNDARY = re.compile(r"^--([^\r\n]{1,200}?)[ \t]*\r?\n(?=[A-Za-z-]+:|\r?\n)", re.M)


class Entity(MimeMessage):
    """A parsed entity that reads, with our own reader, the parameters the standard library gives up on."""

    untaken = False
    """True when only its header was read, for its parts are absurdly many or deep."""
    _type = ""

    def get_content_type(self) -> str:
        """Says `x-message/…` of a message part: the parser then leaves it whole, to come out byte by byte. Read once:
        whoever asks has the whole header."""
        if not self._type:
            self._type = self._read_type()
        return self._type

    def _read_type(self) -> str:
        try:
            found = super().get_content_type()
        except UnicodeError:  # bytes no charset has, beside the type or in it
            found = field(self, "content-type").partition(";")[0].strip().lower()
            if not _TYPE.fullmatch(found):
                found = self.get_default_type()
        return f"x-{found}" if found.startswith("message/") else found

    def get_param(self, param: str, failobj: Any = None, header: str = "content-type", unquote: bool = True) -> Any:
        value = field(self, header)
        try:
            if len(value) < VALUE_LIMIT:  # the standard library takes time in the square of the length
                return super().get_param(param, failobj, header, unquote)
        except (TypeError, ValueError, LookupError):
            pass
        return parameters(value).get(param, failobj)


class Part:
    """One entity of a mail (RFC 2045 section 2.4)."""

    __slots__ = ("_bytes", "children", "cut", "disposition", "mime", "number", "type")

    def __init__(self, mime: MimeMessage, number: str) -> None:
        self.mime = mime
        self.number = number
        self.type: Structured = content_type(field(mime, "content-type"), mime.get_default_type())
        self.disposition: Structured = disposition(field(mime, "content-disposition"))
        self.children: list[Part] = []
        self.cut = False
        """True when parts below this one are beyond the limits and only in the raw mail."""
        self._bytes: bytes | None = None

    @property
    def content_type(self) -> str:
        return self.type.value

    @property
    def main_type(self) -> str:
        return self.type.value.partition("/")[0]

    @property
    def filename(self) -> str:
        """As the sender named it, possibly unsafe; empty without a name."""
        return self.disposition.get("filename") or self.type.get("name") or self.type.get("file")

    @property
    def content_id(self) -> str:
        return re.sub(r"\s", "", field(self.mime, "content-id")).strip("<>")

    @property
    def declared_charset(self) -> str:
        return self.type.get("charset")

    def data(self) -> bytes:
        """The decoded bytes; of a mail inside the mail, that mail as it was sent."""
        if self._bytes is None:
            self._bytes = _decoded(self.mime)
        return self._bytes

    def forget(self) -> None:
        """Let go of decoded bytes that are not needed again."""
        self._bytes = None

    def text(self, hint: str = "") -> tuple[str, str]:
        """(text, defect) of a text part."""
        data = self.data()
        if len(data) > TEXT_BYTES_LIMIT:
            end = data.rfind(b"\n", 0, TEXT_BYTES_LIMIT)
            data = data[: end if end > 0 else TEXT_BYTES_LIMIT]
        declared = self.declared_charset
        if self.content_type == "text/html" and (not declared or declared.lower() == "us-ascii"):
            found = _META_CHARSET.search(data[:4096])
            declared = found[1].decode("ascii") if found else declared
        return charset.decode(data, declared, hint)


def field(mime: MimeMessage, name: str) -> str:
    """The first value of a field, unfolded; without the trip through `Header` that loses 8-bit bytes."""
    for key, value in mime.raw_items():
        if key.lower() == name:
            found = unfold(str(value))
            if found:
                return found
    return ""


def read(raw: bytes) -> MimeMessage:
    """The standard library's tree of a mail; only its header, and a body in one piece, when it is absurdly nested."""
    raw = without_stray(raw)
    found = _FROM_LINE.match(raw[:2000])
    raw = _with_field_names(raw[found.end() :] if found else raw)
    try:
        if raw.count(b"\n--") > BOUNDARIES_LIMIT:
            return _untaken(raw)
        whole = sliced(raw, Entity)
        mime: MimeMessage = _parsed(raw) if whole is None else whole
    except RecursionError:
        return _untaken(raw)
    if mime.get_content_maintype() == "multipart" and not mime.is_multipart():
        mime = _with_guessed_boundary(raw, mime)
    return mime


def without_stray(raw: bytes) -> bytes:
    """The mail without what a script let slip in front of its header: a byte order mark, empty lines."""
    found = _STRAY.match(raw, 0, _HEADER_LIMIT)
    above = (found[1] or b"") if found else b""
    header = found and _WHOLE_HEADER.match(raw, found.end(), found.end() + _HEADER_LIMIT)
    if not found or not header or not _FROM_FIELD.search(header[0]) or _FROM_FIELD.search(above):
        return raw
    return above + raw[found.end() :]


def _parsed(raw: bytes) -> MimeMessage:
    """By the standard library, piece by piece: at once it would hold a large mail as text of four bytes a letter."""
    parser = BytesFeedParser(Entity)
    for place in range(0, len(raw), PIECE_BYTES):
        parser.feed(raw[place : place + PIECE_BYTES])
    return parser.close()


_EMPTY_LINE = re.compile(rb"\n\r?\n")


def _with_field_names(raw: bytes) -> bytes:
    """`Subject : x` (RFC 5322 section 4.5 allows the blank, the parser takes it for the body) as `Subject: x`."""
    found = _EMPTY_LINE.search(raw)
    end = found.start() if found else len(raw)
    head = raw[:end]
    if b" :" not in head and b"\t:" not in head:
        return raw
    return _BLANK_BEFORE_COLON.sub(rb"\1:", head) + raw[end:]


def _untaken(raw: bytes) -> Entity:
    found = BytesHeaderParser(_class=Entity).parsebytes(raw)
    found.untaken = True
    return found


def _with_guessed_boundary(raw: bytes, mime: MimeMessage) -> MimeMessage:
    """A multipart whose boundary is missing or wrong: the first line that looks like one is tried."""
    found = _GUESSED_BOUNDARY.search(_payload(mime)[:20_000])
    if not found:
        return mime
    kind = mime.get_content_type()
    head = re.compile(rb"^content-type:[^\n]*\n(?:[ \t][^\n]*\n)*", re.I | re.M)
    line = f'Content-Type: {kind}; boundary="{found[1]}"\n'.encode("utf-8", "surrogateescape")
    other = _parsed(head.sub(lambda _: line, raw, count=1))
    return other if other.is_multipart() else mime


def _complete(mime: MimeMessage) -> None:
    """Adds the parts the standard library reads past: those behind a closing delimiter, which an inner multipart
    of the same boundary writes too early, and those of a part whose `boundary=` is missing, wrong, or not indented."""
    try:
        kind, payload = mime.get_content_type(), mime.get_payload()
    except ValueError:  # a charset whose name holds a NUL
        return
    if isinstance(payload, list):
        text = mime.epilogue or ""
        if "--" not in text or (delimiter := f"--{mime.get_boundary('')}") not in text:
            return
        marks = list(re.finditer(rf"^{re.escape(delimiter)}(--)?[ \t]*\r?$", text, re.M))
        last = max((m.start() for m in marks if not m[1]), default=-1)
        if last < 0:
            return
        closings = rf"^({re.escape(delimiter)})--(?=[ \t]*\r?$)"
        text = re.sub(closings, r"\1", text[:last], flags=re.M) + text[last:]
        if text[: marks[0].start()].strip():
            text = f"{delimiter}\n\n{text}"
        boundary = delimiter[2:]
    else:
        text = _payload(mime)
        found = _GUESSED_BOUNDARY.search(text[:20_000])
        if not found:
            return
        boundary, payload = found[1], []
    quoted = boundary.replace("\\", "\\\\").replace('"', '\\"')
    more = email.message_from_string(f'Content-Type: {kind}; boundary="{quoted}"\n\n{text}', _class=Entity)
    if more.is_multipart():
        added = cast("list[MimeMessage]", more.get_payload())
        mime.set_payload([*payload, *(part for part in added if part.keys() or _payload(part).strip())])
        mime.epilogue = more.epilogue


def _with_header(mime: MimeMessage) -> MimeMessage:
    """A part between whose delimiter and header an empty line slipped."""
    if mime.keys() or mime.is_multipart() or not _PART_HEADER.match(_payload(mime)):
        return mime
    return email.message_from_string(_payload(mime).lstrip(), _class=Entity)


def tree(mime: MimeMessage) -> tuple[Part, tuple[Part, ...]]:
    """(root, leaves in order). A `message/rfc822` part is a leaf here: it is another mail."""
    root = Part(mime, "")
    leaves: list[Part] = []
    count = 0
    waiting: list[tuple[Part, int]] = [(root, 0)]
    while waiting:
        part, depth = waiting.pop()
        count += 1
        if part.main_type == "multipart" and not getattr(part.mime, "untaken", False):
            _complete(part.mime)
        payload = part.mime.get_payload() if part.mime.is_multipart() else None
        if not isinstance(payload, list) or part.mime.get_content_maintype() != "multipart":
            part.number = part.number or "1"
            part.cut = isinstance(part.mime, Entity) and part.mime.untaken and part.main_type == "multipart"
            leaves.append(part)
            continue
        if depth >= DEPTH_LIMIT or count + len(waiting) + len(payload) > PARTS_LIMIT:
            part.cut = True
            part.number = part.number or "1"
            leaves.append(part)
            continue
        prefix = f"{part.number}." if part.number else ""
        part.children = [Part(_with_header(child), f"{prefix}{i}") for i, child in enumerate(payload, 1)]
        waiting.extend((child, depth + 1) for child in reversed(part.children))
    return root, tuple(leaves)


def _decoded(mime: MimeMessage) -> bytes:
    if mime.is_multipart():
        return _as_bytes(mime)
    raw = _payload(mime).encode("utf-8", "surrogateescape")
    if mime.get_content_type().startswith("x-message/") and _HEADER_LINE.match(raw):
        return raw  # RFC 2046 section 5.2.1 forbids to encode a mail inside a mail; servers do, or only say so
    encoding = field(mime, "content-transfer-encoding").strip("\"'").lower()
    # The keyword alone: comments, parameters and quotes are met.
    return transfer.decode(raw, re.split(r"[;\s,(]", encoding, maxsplit=1)[0])


def _payload(mime: MimeMessage) -> str:
    """The body as it came, bytes as surrogates: `get_payload()` decodes it on the way, loses bytes, and may raise."""
    payload = mime._payload  # type: ignore[attr-defined]  # there is no public way to them
    return payload if isinstance(payload, str) else ""


def _as_bytes(mime: MimeMessage) -> bytes:
    """A part as it was sent, headers and all."""
    out = BytesIO()
    try:
        BytesGenerator(out, mangle_from_=False, maxheaderlen=0, policy=compat32).flatten(mime)
    except (ValueError, TypeError, KeyError, LookupError, AttributeError, RecursionError):
        return b""
    return out.getvalue()

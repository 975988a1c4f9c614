"""Which parts of a mail are its text and which are files: what a mail program would show (RFC 2046).

Nothing is dropped without a word: what is not shown as text is listed as a file, and what is
neither has a line in `omissions`. Decodes texts; the bytes of files are left to the caller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from email.message import Message as MimeMessage
from html import escape
from urllib.parse import unquote

from gateway.mail import embedded, flowed, html_text, mime, unwrap
from gateway.mail.html_safe import from_lines
from gateway.mail.mime import Part
from gateway.mail.sentence import code
from gateway.mail.text import clean
from gateway.mail.unwrap import Unpacked

TEXT_LIMIT = 1_000_000
"""Characters of one part that are shown; the rest is in the file listed beside it."""

_SHOWN_AS_FILES = frozenset(
    "calendar csv vcard x-vcard directory css javascript xml rfc822-headers x-vcalendar rtf tab-separated-values "
    "x-amp-html pdf x-log".split()
)
_FORMS = frozenset({"text/x-amp-html", "text/watch-html"})
"""Forms of a text for programs we are not; what they say is in the others."""
_PGP_MESSAGE = "-----BEGIN PGP MESSAGE-----"
_STUB = re.compile(r"(?i)\bhtml\b|web ?browser|plain.?text version")
_WORDS = re.compile(r"\w{3,}")
_CID = re.compile(r"""(?i)cid:([^"'\s>)]+)""")


@dataclass(frozen=True, slots=True)
class File:
    """A part that is listed as a file. `path` finds it again; `data` is set when it had to be unpacked."""

    path: str
    part: Part | None
    name: str
    content_type: str
    content_id: str = ""
    note: str = ""
    data: bytes | None = None

    def bytes(self) -> bytes:
        return self.data if self.data is not None else self.part.data() if self.part else b""


@dataclass(frozen=True, slots=True)
class Piece:
    """One stretch of the text, in one or both of its forms."""

    text: str = ""
    html: str = ""


@dataclass(slots=True)
class Content:
    """What a reader gets. `pieces` in order of appearance."""

    pieces: list[Piece] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    nested: list[tuple[str, Part]] = field(default_factory=list)
    calendars: list[Part] = field(default_factory=list)
    leaves: tuple[Part, ...] = ()
    encryption: str = ""
    omissions: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    hint: str = ""
    """The first charset declared by a text part."""
    text: str = ""
    html: str = ""
    lines: tuple[html_text.Line, ...] = ()
    """The lines of the text when all of it came from HTML."""

    @property
    def cids(self) -> frozenset[str]:
        return frozenset(unquote(c) for c in _CID.findall(self.html))


def read(tree: MimeMessage, prefix: str = "", depth: int = 0) -> Content:
    """Text, files and the rest of a parsed mail. `prefix` starts every path (`2/`)."""
    content = Content()
    root, leaves = mime.tree(tree)
    content.leaves = leaves
    content.hint = next((p.declared_charset for p in leaves if p.main_type == "text" and p.declared_charset), "")
    content.pieces = _pieces(root, content, prefix, depth)
    if any(p.cut for p in leaves):
        content.omissions.append(code("parts_left_out"))
    _compose(content)
    return content


def _pieces(part: Part, content: Content, prefix: str, depth: int) -> list[Piece]:
    kind = part.content_type
    if part.children:
        if kind == "multipart/alternative":
            return _alternative(part, content, prefix, depth)
        if kind == "multipart/encrypted":
            content.encryption = "smime" if "pkcs7" in part.type.get("protocol") else "pgp"
        return [p for child in part.children for p in _pieces(child, content, prefix, depth)]
    if kind in mime.NESTED:
        content.nested.append((prefix + part.number, part))
        return [*_file(part, content, prefix)]
    if kind in ("text/calendar", "application/ics", "text/x-vcalendar") and len(content.calendars) < 10:
        content.calendars.append(part)
        return [*_file(part, content, prefix)]
    if _is_text(part, content):
        return _text(part, content, prefix)
    if kind in ("message/delivery-status", "message/disposition-notification", "message/feedback-report"):
        return []
    unwrapped = _unwrapped(part, content, prefix, depth)
    return unwrapped if unwrapped is not None else [*_file(part, content, prefix)]


def _alternative(part: Part, content: Content, prefix: str, depth: int) -> list[Piece]:
    """RFC 2046 section 5.1.4: the forms of one text. The plainest is shown, the richest kept beside it."""
    forms = [_pieces(child, content, prefix, depth) for child in part.children if child.content_type not in _FORMS]
    text = next((t for form in forms if (t := "\n\n".join(p.text for p in form if p.text.strip()))), "")
    html = next((h for form in reversed(forms) if (h := _joined_html(form))), "")
    if text and html and len(html) < len(text) and not _is_stub(text) and not _says(text, html):
        return [Piece(text), Piece(html=html)]
    return [Piece(text, html)] if text or html else []


def _says(text: str, html: str) -> bool:
    """Whether the plain form says what the HTML form says. Only asked when the HTML is the shorter one, which
    no mail program makes: then something on the way replaced one of them, and both are shown."""
    known = set(_WORDS.findall(text.casefold()))
    words = _WORDS.findall(from_lines(html_text.lines(html)).casefold())
    return sum(word in known for word in words) >= 0.7 * len(words)


def _joined_html(form: list[Piece]) -> str:
    if not any(p.html for p in form):
        return ""
    return "\n".join(p.html or _as_html(p.text) for p in form)


def _as_html(text: str) -> str:
    return "<p>" + escape(text).replace("\n", "<br>\n") + "</p>"


def _is_text(part: Part, content: Content) -> bool:
    if part.main_type == "multipart":
        return not part.cut  # its boundary is nowhere to be found: what is there is shown
    if part.main_type != "text":
        return False
    if part.disposition.value == "attachment":
        return False
    subtype = part.content_type.partition("/")[2]
    if subtype in _SHOWN_AS_FILES:
        return False
    # A text that has a name is a file, unless it is what the mail begins with.
    return not part.filename or (not content.files and set(part.number) <= {"1", "."})


def _text(part: Part, content: Content, prefix: str) -> list[Piece]:
    value, defect = part.text(content.hint)
    part.forget()
    if defect:
        content.defects.append(defect)
    value = clean(value)
    subtype = part.content_type.partition("/")[2]
    path = f"{prefix}{part.number}"
    if subtype == "html":
        value, pictures = embedded.pictures(value, path.replace("/", "."))
        _unpacked(content, path, pictures)
    if len(value) > (html_text.SIZE_LIMIT if subtype == "html" else TEXT_LIMIT):
        value = value[:TEXT_LIMIT]
        content.omissions.append(code("text_in_file"))
        _file(part, content, prefix)
    if subtype == "html":
        return [Piece(html=value)]
    if subtype in ("enriched", "richtext"):
        return [Piece(re.sub(r"<[^<>]*>", "", value.replace("<<", "\0")).replace("\0", "<"))]
    if part.type.get("format").lower() == "flowed":
        value = flowed.join(value, "" if part.type.get("delsp").lower() == "yes" else " ")
    value, files = embedded.uuencoded(value)
    _unpacked(content, path, files)
    if _PGP_MESSAGE in value:
        content.encryption = content.encryption or "pgp"
    return [Piece(value)]


def _unwrapped(part: Part, content: Content, prefix: str, depth: int) -> list[Piece] | None:
    """The inside of a `winmail.dat` or of an opaque signature; None when it is neither, or cannot be read."""
    kind = unwrap.wrapper(part.content_type, part.type.get("smime-type"), part.filename)
    if not kind or depth >= unwrap.UNWRAP_DEPTH:
        return None
    path = f"{prefix}{part.number}"
    try:
        if kind == "smime":
            inner = unwrap.signed_content(part.data())
            if inner is None:
                content.encryption = "smime"
                return None
            found = read(mime.read(inner), f"{path}/", depth + 1)
            _adopt(content, found)
            return found.pieces
        unpacked = unwrap.tnef(part.data())
    except unwrap.Unreadable as error:
        content.defects.append(f"{kind} part {path}: {error}")
        return None
    _unpacked(content, path, unpacked.files)
    if not (unpacked.files or unpacked.text.strip() or unpacked.html.strip()):
        content.omissions.append(code("winmail_empty"))
    # Outlook sends the text in a part of its own, too, unless the wrapping is all there is.
    return [Piece(unpacked.text, unpacked.html)] if len(content.leaves) == 1 else []


def _unpacked(content: Content, path: str, items: tuple[Unpacked, ...]) -> None:
    for index, item in enumerate(items, 1):
        content.files.append(
            File(f"{path}/{index}", None, item.name, item.content_type, item.content_id, data=item.data)
        )


def _adopt(content: Content, found: Content) -> None:
    content.files.extend(found.files)
    content.nested.extend(found.nested)
    content.calendars.extend(found.calendars)
    content.omissions.extend(found.omissions)
    content.defects.extend(found.defects)
    content.encryption = content.encryption or found.encryption
    content.hint = content.hint or found.hint


def _file(part: Part, content: Content, prefix: str) -> tuple[Piece, ...]:
    note = ""
    if part.cut:
        note = "nested too deep to take apart"
    elif part.content_type in (
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
    ):
        note = "signature"
    elif content.encryption:
        note = "encrypted"
    content.files.append(File(prefix + part.number, part, part.filename, part.content_type, part.content_id, note))
    return ()


def _compose(content: Content) -> None:
    """The whole text and the whole HTML out of the pieces."""
    content.pieces = [p for p in content.pieces if p.text.strip() or p.html.strip()]
    content.html = _joined_html(content.pieces)
    if content.encryption and not content.pieces:
        content.omissions.append(code("encrypted"))
    shown: list[str] = []
    for index, piece in enumerate(content.pieces):
        if piece.text.strip() and not (piece.html and _is_stub(piece.text)):
            shown.append(piece.text.strip("\n"))
            continue
        lines = html_text.lines(piece.html)
        if len(content.pieces) == 1:
            content.lines = lines
        text = from_lines(lines)
        content.pieces[index] = replace(piece, text=text)
        if text.strip():
            shown.append(text)
    content.text = "\n\n".join(shown)
    if len(content.text) > TEXT_LIMIT:
        content.text, content.lines = content.text[:TEXT_LIMIT], ()
        content.omissions.append(code("text_cut"))


def _is_stub(text: str) -> bool:
    """A plain part that only says that the mail is HTML."""
    return len(text) < 250 and bool(_STUB.search(text))

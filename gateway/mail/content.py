"""What of a mail is its text and what are its files: what a mail program would show (RFC 2046).

Nothing is dropped without a word: what is not shown as text is listed as a file, files written into a
text (uuencode, data URLs) included, and what is neither has a line in `omissions`. Decodes texts; the
bytes of files only when they are listed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from email.message import Message as MimeMessage
from html import escape
from urllib.parse import unquote

from gateway.mail import charset, forms, html_text, mime, picture, unwrap
from gateway.mail.header import Fields
from gateway.mail.message import Attachment
from gateway.mail.mime import Part
from gateway.mail.sentence import code
from gateway.mail.text import clean, filename, one_line
from gateway.mail.unwrap import Unpacked
from gateway.mail.written_in import encrypted_texts, join_flowed, without_pictures, without_uuencoded

TEXT_LIMIT = 1_000_000
"""Characters of one part that are shown; the rest is in the file listed beside it."""

_SHOWN_AS_FILES = frozenset(
    "calendar csv vcard x-vcard directory css javascript xml rfc822-headers x-vcalendar rtf tab-separated-values "
    "x-amp-html pdf x-log".split()
)
_FORMS = frozenset({"text/x-amp-html", "text/watch-html"})
"""Forms of a text for programs we are not; what they say is in the others."""
_PGP_MESSAGE = "-----BEGIN PGP MESSAGE-----"
_WORDS = re.compile(r"\w{3,}")
_ABOUT_MIME = re.compile(r"(?i)\bmime\b|multi-?part|multiple parts")
"""What mail programs write in front of the first part, for programs that know no parts."""
_MARKUP = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype html|html|head|body)\b"
    r"|\s*<(div|p|table|span|font)\b(?=[^<>]*>).*</\1\s*>\s*(?:<br ?/?>\s*)*\Z",
    re.I | re.S,
)
"""HTML that says it is plain text."""
_FRAGMENT = re.compile(r"att\d{4,6}(?:-\d+)?\.(?:html?|txt)", re.I)
"""How mail servers name the rest of a text that goes on behind a file."""
FRAGMENT_LIMIT = 50_000
_PICTURE = re.compile(r"\[cid:([^\[\]\s]+)\]")
_CID = re.compile(r"""(?i)cid:([^"'\s>)]+)""")
_BLANK_LINES = re.compile(r"\n(?:[ \t\u00a0\u2000-\u200b\u202f\u2060\u3000\ufeff]*\n){3,}")
"""Three and more; two divide what belongs apart."""

_SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"})
_EXTENSIONS = {
    content_type: extension
    for extension, content_types in {
        "eml": "message/rfc822",
        "txt": "text/plain text/rfc822-headers",
        "html": "text/html",
        "ics": "text/calendar",
        "csv": "text/csv",
        "vcf": "text/vcard text/x-vcard",
        "pdf": "application/pdf",
        "zip": "application/zip",
        "gz": "application/gzip",
        "json": "application/json",
        "xml": "application/xml",
        "rtf": "application/rtf",
        "doc": "application/msword",
        "xls": "application/vnd.ms-excel",
        "asc": "application/pgp-signature application/pgp-encrypted application/pgp-keys",
        "p7s": "application/pkcs7-signature application/x-pkcs7-signature",
        "p7m": "application/pkcs7-mime application/x-pkcs7-mime",
        "jpg": "image/jpeg",
        "svg": "image/svg+xml",
        "tif": "image/tiff",
        **{kind: f"image/{kind}" for kind in ("png", "gif", "webp", "bmp", "heic")},
        "mp3": "audio/mpeg",
        "wav": "audio/wav",
        "mp4": "video/mp4",
        "mov": "video/quicktime",
    }.items()
    for content_type in content_types.split()
}
_STEMS = {"text/calendar": "invitation", "text/rfc822-headers": "returned-header"}


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
    wrapped: bool = False
    """Out of a `winmail.dat`: Outlook sends it in a part of its own, too, unless a server took that away."""


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
    outside: list[str] = field(default_factory=list)
    """Texts in front of the first part of a multipart, and behind its last."""
    text: str = ""
    html: str = ""
    lines: tuple[html_text.TextLine, ...] = ()
    """The lines of the text when all of it came from HTML."""
    widths: dict[str, int] = field(default_factory=dict)
    """Of pictures it shows in place, by Content-ID."""


def read(tree: MimeMessage, prefix: str = "", depth: int = 0) -> Content:
    """Text, files and the rest of a parsed mail. `prefix` starts every path (`2/`)."""
    content = Content()
    root, leaves = mime.tree(tree)
    content.leaves = leaves
    content.hint = next((p.declared_charset for p in leaves if p.main_type == "text" and p.declared_charset), "")
    content.pieces = _unsaid(_pieces(root, content, prefix, depth))
    if content.outside:
        if any(not forms.is_blank(p.text) or p.html.strip() for p in content.pieces):
            content.omissions.append(code("outside_parts"))
        else:
            content.pieces = [Piece(text) for text in content.outside]
    if any(p.cut for p in leaves):
        content.omissions.append(code("parts_left_out"))
    _compose(content)
    return content


def _pieces(part: Part, content: Content, prefix: str, depth: int) -> list[Piece]:
    kind = part.content_type
    if part.children:
        content.outside += _outside(part, content.hint)
        if kind == "multipart/alternative":
            return _alternative(part, content, prefix, depth)
        if kind == "multipart/encrypted":
            content.encryption = "smime" if "pkcs7" in part.type.get("protocol") else "pgp"
        return [p for child in part.children for p in _pieces(child, content, prefix, depth)]
    if kind in mime.NESTED:
        path = prefix + part.number
        content.nested.append((path, part))
        _file(part, content, prefix)
        if len(content.leaves) > 1 or depth >= unwrap.UNWRAP_DEPTH:
            return []
        # The mail is nothing but another mail.
        return read(mime.read(part.data()), f"{path}/", depth + 1).pieces
    if kind in ("text/calendar", "application/ics", "text/x-vcalendar") and len(content.calendars) < 10:
        content.calendars.append(part)
        return _file(part, content, prefix)
    if _is_text(part, content):
        return _text(part, content, prefix)
    if kind in ("message/delivery-status", "message/disposition-notification", "message/feedback-report"):
        return []
    unwrapped = _unwrapped(part, content, prefix, depth)
    return _file(part, content, prefix) if unwrapped is None else unwrapped


def _unsaid(pieces: list[Piece]) -> list[Piece]:
    """Without the text of a `winmail.dat` that stands outside of it, too; empty parts, footers of lists and warnings
    do not say it."""
    if not any(p.wrapped for p in pieces):
        return pieces
    outer = "\n\n".join(_plain(p) for p in pieces if not p.wrapped)
    return [p for p in pieces if not (p.wrapped and forms.is_copy(_plain(p), outer))]


def _plain(piece: Piece) -> str:
    return piece.text if not forms.is_blank(piece.text) else html_text.to_text(piece.html)


def _outside(part: Part, hint: str) -> list[str]:
    raw = (part.mime.preamble or "", part.mime.epilogue or "")
    found = (clean(charset.decode(t.encode("utf-8", "surrogateescape"), "", hint)[0]) for t in raw if t.strip())
    return [text for text in found if _WORDS.search(text) and not (len(text) < 400 and _ABOUT_MIME.search(text))]


def _alternative(part: Part, content: Content, prefix: str, depth: int) -> list[Piece]:
    """RFC 2046 section 5.1.4: the forms of one text. The plainest is shown, the richest kept beside it."""
    found = [_pieces(child, content, prefix, depth) for child in part.children if child.content_type not in _FORMS]
    inside = [p for form in found for p in form if p.wrapped]
    shapes = [[p for p in form if not p.wrapped] for form in found]
    text = next((t for form in shapes if (t := "\n\n".join(p.text for p in form if not forms.is_blank(p.text)))), "")
    html = next((h for form in reversed(shapes) if (h := _joined_html(form))), "")
    if text and html and forms.differ(text, html):
        return [Piece(text), Piece(html=html), *inside]
    if any(_is_further(form, text, html) for form in shapes):
        content.omissions.append(code("other_form"))
    return [Piece(text, html), *inside] if text or html else inside


def _is_further(form: list[Piece], text: str, html: str) -> bool:
    """Whether a second form of one kind says something else, which no standard foresees."""
    own = "\n\n".join(p.text for p in form if p.text.strip())
    if own:
        return own != text and bool(text) and not _joined_html(form) and not forms.says(text, _as_html(own))
    own = _joined_html(form)
    return bool(own and html) and own != html and not forms.says(text or html_text.to_text(html), own)


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
    if _is_fragment(part):
        return True
    if part.disposition.value == "attachment" and (part.filename or set(part.number) - {"1", "."}):
        return False  # without a name and in front it is the text, whatever it is marked as
    subtype = part.content_type.partition("/")[2]
    if subtype in _SHOWN_AS_FILES:
        return False
    # A text that has a name is a file, unless it is what the mail begins with.
    return not part.filename or (not content.files and set(part.number) <= {"1", "."})


def _is_fragment(part: Part) -> bool:
    named = part.filename and _FRAGMENT.fullmatch(part.filename) and part.content_type in ("text/plain", "text/html")
    return bool(named) and len(part.data()) <= FRAGMENT_LIMIT


def _text(part: Part, content: Content, prefix: str) -> list[Piece]:
    value, defect = part.text(content.hint)
    part.forget()
    if defect:
        content.defects.append(defect)
    value = clean(value)
    subtype = part.content_type.partition("/")[2]
    path = f"{prefix}{part.number}"
    if subtype == "plain" and "</" in value and _MARKUP.match(value):
        subtype = "html"
    if subtype == "html":
        value, pictures = without_pictures(value, path.replace("/", "."))
        _unpacked(content, path, pictures)
    if len(value) > (html_text.SIZE_LIMIT if subtype == "html" else TEXT_LIMIT):
        value = value[:TEXT_LIMIT]
        content.omissions.append(code("text_in_file"))
        _file(part, content, prefix)
    if subtype == "html":
        nothing = part.filename and _is_fragment(part) and "cid:" not in value and not html_text.to_text(value).strip()
        return [] if nothing else [Piece(html=value)]
    if subtype in ("enriched", "richtext"):
        return [Piece(re.sub(r"<[^<>]*>", "", value.replace("<<", "\0")).replace("\0", "<"))]
    if part.type.get("format").lower() == "flowed":
        value = join_flowed(value, "" if part.type.get("delsp").lower() == "yes" else " ")
    value, files = without_uuencoded(value)
    _unpacked(content, path, (*files, *encrypted_texts(value)))
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
            inner = unwrap.signed_content(part.data(), depth)
            if inner is None:
                content.encryption = "smime"
                return None
            if not unwrap.is_entity(inner):
                return None
            found = read(mime.read(inner), f"{path}/", depth + 1)
            _adopt(content, found)
            return found.pieces
        unpacked = unwrap.tnef(part.data())
    except unwrap.Unreadable as error:
        content.defects.append(f"{kind} part {path}: {error}")
        return None
    _unpacked(content, path, unpacked.files)
    if unpacked.damaged:
        content.defects.append(f"{kind} part {path}: damaged")
        _file(part, content, prefix)
    elif not (unpacked.files or unpacked.text.strip() or unpacked.html.strip()):
        content.omissions.append(code("winmail_empty"))
    return [Piece(unpacked.text, unpacked.html, wrapped=True)]


def _unpacked(content: Content, path: str, items: Iterable[Unpacked]) -> None:
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


def _file(part: Part, content: Content, prefix: str) -> list[Piece]:
    """List a part as a file; no piece of the text."""
    note = "signature" if part.content_type in _SIGNATURES else "encrypted" if content.encryption else ""
    if part.cut:
        note = "nested too deep to take apart"
    content.files.append(File(prefix + part.number, part, part.filename, part.content_type, part.content_id, note))
    return []


def _compose(content: Content) -> None:
    """The whole text and the whole HTML out of the pieces."""
    content.pieces = [p for p in content.pieces if not forms.is_blank(p.text) or p.html.strip()]
    content.html = _joined_html(content.pieces)
    if content.encryption and not content.pieces:
        content.omissions.append(code("encrypted"))
    shown: list[str] = []
    for index, piece in enumerate(content.pieces):
        lines = forms.fuller(piece.text, piece.html)
        if lines is None:
            shown.append(_BLANK_LINES.sub("\n\n\n", piece.text).strip("\n"))
            continue
        if len(content.pieces) == 1:
            content.lines = lines
        text = html_text.from_lines(lines)
        content.pieces[index] = replace(piece, text=text)
        if text.strip():
            shown.append(text)
    content.text = "\n\n".join(shown)
    if len(content.text) > TEXT_LIMIT:
        content.text, content.lines = content.text[:TEXT_LIMIT], ()
        content.omissions.append(code("text_cut"))


def attachments(content: Content) -> tuple[Attachment, ...]:
    """The files as they are listed: safe name, exact size, and a hash that knows a picture again."""
    cids = frozenset(unquote(c) for c in _CID.findall(content.html))
    seen: set[str] = set()
    out: list[Attachment] = []
    for file in content.files:
        data = file.bytes()
        digest = hashlib.sha256(data).hexdigest()
        calendar_again = not file.name and file.content_type == "text/calendar" and len(content.files) > 1
        if calendar_again and (digest in seen or any(f is not file and f.bytes() == data for f in content.files)):
            continue  # invitations come twice, once to be shown and once to be opened
        seen.add(digest)
        if file.part is not None:
            file.part.forget()
        content_id = one_line(file.content_id, 300)
        inline = bool(file.content_id) and file.content_id in cids
        if inline and (wide := picture.width(data)):
            content.widths[content_id] = wide
        out.append(
            Attachment(
                part=file.path,
                filename=filename(file.name, _fallback_name(file, data)),
                content_type=file.content_type,
                size=len(data),
                sha256=digest,
                content_id=content_id,
                inline=inline,
                note=file.note,
            )
        )
    return tuple(out)


def with_pictures_named(text: str, files: Iterable[Attachment]) -> str:
    """A text in which Outlook put `[cid:ID]` where a picture stands: the picture's name instead."""
    if "[cid:" not in text:
        return text
    names = {f.content_id: f.filename for f in files if f.content_id}
    return _PICTURE.sub(lambda m: f"[{names.get(m[1]) or m[1].partition('@')[0]}]", text)


def _fallback_name(file: File, data: bytes) -> str:
    extension = _EXTENSIONS.get(file.content_type, "bin")
    if extension == "eml" and not file.name:
        title = re.sub(r"[/\\]", "-", Fields(mime.read(data[:65_536])).text("subject"))
        return filename(f"{title}.eml" if title else "", "message.eml")
    kind = file.content_type.partition("/")[0]
    stem = _STEMS.get(file.content_type) or (kind if kind in ("image", "audio", "video", "message") else "attachment")
    return f"{stem}-{file.path.replace('/', '.')}.{extension}"

"""The files of a mail as they are listed: safe name, exact size, and a hash that knows a picture again."""

from __future__ import annotations

import hashlib

from gateway.mail import mime, text
from gateway.mail.header import Fields
from gateway.mail.message import Attachment
from gateway.mail.reading import Content, File

_EXTENSIONS = {
    "message/rfc822": "eml",
    "text/plain": "txt",
    "text/html": "html",
    "text/calendar": "ics",
    "text/csv": "csv",
    "text/vcard": "vcf",
    "text/x-vcard": "vcf",
    "text/rfc822-headers": "txt",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/gzip": "gz",
    "application/json": "json",
    "application/xml": "xml",
    "application/rtf": "rtf",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/pgp-signature": "asc",
    "application/pgp-encrypted": "asc",
    "application/pgp-keys": "asc",
    "application/pkcs7-signature": "p7s",
    "application/x-pkcs7-signature": "p7s",
    "application/pkcs7-mime": "p7m",
    "application/x-pkcs7-mime": "p7m",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/svg+xml": "svg",
    "image/tiff": "tif",
    "image/bmp": "bmp",
    "image/heic": "heic",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
_STEMS = {"text/calendar": "invitation", "text/rfc822-headers": "returned-header"}


def listed(content: Content) -> tuple[Attachment, ...]:
    cids = content.cids
    seen: set[str] = set()
    out: list[Attachment] = []
    for file in content.files:
        data = file.bytes()
        digest = hashlib.sha256(data).hexdigest()
        calendar_again = not file.name and file.content_type == "text/calendar" and len(content.files) > 1
        if calendar_again and (digest in seen or any(f is not file and f.bytes() == data for f in content.files)):
            continue  # invitations come twice, once to be shown and once to be opened
        seen.add(digest)
        inline = bool(file.content_id) and file.content_id in cids
        note = file.note
        if file.part is not None:
            file.part.forget()
        out.append(
            Attachment(
                file.path,
                text.filename(file.name, _fallback_name(file, data)),
                file.content_type,
                len(data),
                digest,
                text.one_line(file.content_id, 300),
                inline,
                note,
            )
        )
    return tuple(out)


def _fallback_name(file: File, data: bytes) -> str:
    extension = _EXTENSIONS.get(file.content_type, "bin")
    if extension == "eml" and not file.name:
        title = Fields(mime.read(data[:65_536])).text("subject")
        return text.filename(f"{title}.eml" if title else "", "message.eml")
    kind = file.content_type.partition("/")[0]
    stem = _STEMS.get(file.content_type) or (kind if kind in ("image", "audio", "video", "message") else "attachment")
    return f"{stem}-{file.path.replace('/', '.')}.{extension}"

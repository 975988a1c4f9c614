"""A raw mail becomes a `Message`: the border where bytes of strangers turn into values.

mail-parser reads the people and the date; the standard library's tree, our own walk over it
and our own decoding do the rest (docs/fidelity.md says why). Never raises on any input: what
is odd goes into `defects`, what is not shown into `omissions`. Work is bounded by size, number
of parts and depth, all counted, none timed.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message as MimeMessage

from mailparser.dates import parse_mail_date
from mailparser.utils import get_addresses

from gateway.mail import calendar, forms, mime, new_text, noise, people, report, subject, text, unwrap
from gateway.mail.content import Content, attachments, read, with_pictures_named
from gateway.mail.header import Fields, message_ids
from gateway.mail.message import NULL_REVERSE_PATH, Address, Attachment, Envelope, Event, Message, NestedMessage
from gateway.mail.sentence import code

logging.getLogger("mailparser").setLevel(logging.CRITICAL)  # what it stumbles over is in the mail's defects

RAW_LIMIT = 128 * 1024 * 1024
"""Bytes. More is not taken apart; the site's own limit is far lower."""
NESTED_LIMIT = 20
WHOLE = "0"
"""The part number that stands for the mail itself."""

_REACTION = "text/vnd.google.email-reaction+json"
"""As Gmail sends it, beside the sign as text."""
_PEOPLE = ("from", "to", "cc", "reply-to")


def parse(raw: bytes, envelope: Envelope | None = None) -> Message:
    """Read a mail. `envelope` supplies the author of a mail whose header names none."""
    try:
        if not raw.strip():
            return _unreadable(raw, "the mail is empty")
        if len(raw) > RAW_LIMIT:
            return _unreadable(raw, f"the mail has {len(raw)} bytes, more than can be taken apart")
        return _parse(raw, envelope)
    except (Exception, RecursionError) as error:  # the last net under every reader: the raw mail is kept and held
        return _unreadable(raw, f"the mail could not be read: {type(error).__name__}")


def _parse(raw: bytes, envelope: Envelope | None) -> Message:
    tree = mime.read(raw)
    content, letter = _read(tree)
    header = _header(letter, content.hint)
    defects = [*header.defects, *dict.fromkeys(content.defects)]
    fields = header.fields
    message_id = next(iter(_ids(fields, "message-id")), "")
    if not message_id:
        defects.append("no Message-ID")
    author = header.author or _from_envelope(fields, envelope)
    # A lone CR ends a line for some programs and not for others: they see other fields than we do. So do those for
    # which an empty line or a byte order mark in front ends the header.
    head_ends = _header_end(raw)
    lone = raw.count(b"\r", 0, head_ends) != raw.count(b"\r\n", 0, head_ends)
    unsure = lone or letter is not tree or mime.without_stray(raw) is not raw
    unsure = unsure or not people.is_plain(fields.untouched("from"), header.author)
    if not header.from_:
        defects.append("no usable From")
    elif unsure:
        defects.append("From can be read in more than one way")
    digest = hashlib.sha256(raw).hexdigest()
    fields.to_nobody = envelope is not None and envelope.proven and envelope.reverse_path == NULL_REVERSE_PATH
    reported = report.read(tree, content.leaves, fields, content.text)
    written_to = [a.name for a in (*header.to, *header.cc) if a.name]
    files = attachments(content)
    if not content.lines:
        content.text = with_pictures_named(content.text, files)
    reply_text = _reply_text(content, fields.text("subject"), written_to)
    if not (reported or subject.is_forward(fields.text("subject"))):
        reply_text = noise.without_noise(reply_text)
    events = _events(content)
    comments = [e.comment for e in events if e.comment and not forms.is_said(e.comment, content.text)]
    return Message(
        author=author,
        from_=header.from_,
        author_unsure=unsure,
        sender=header.sender,
        reply_to=header.reply_to,
        to=header.to,
        cc=header.cc,
        subject=fields.text("subject"),
        message_id=message_id or _derived_id(raw, fields),
        message_id_derived=not message_id,
        in_reply_to=_ids(fields, "in-reply-to"),
        references=_ids(fields, "references"),
        date=header.date,
        body_text=_with_comments(content.text, comments),
        reply_text=_with_comments(reply_text, comments),
        body_html=content.html,
        attachments=files,
        widths=content.widths,
        nested=tuple(_nested(path, part) for path, part in content.nested[:NESTED_LIMIT]),
        events=events,
        report=reported,
        reaction=any(part.content_type == _REACTION for part in content.leaves),
        headers={name: fields.texts(name) for name in fields.names()},
        encryption=content.encryption,
        omissions=tuple(dict.fromkeys(content.omissions)),
        defects=tuple(text.one_line(defect, 300) for defect in defects),
        sha256=digest,
    )


def _read(tree: MimeMessage) -> tuple[Content, MimeMessage]:
    """What a mail holds, and whose header names its author: of a certified one (PEC) the mail inside, for the wrapper
    is the provider's. The wrapper's own files come behind it."""
    content = read(tree)
    part = unwrap.certified(tree.get("x-trasporto"), content.leaves)
    if part is None:
        return content, tree
    letter = mime.read(part.data())
    inner = read(letter, f"{part.number}/", unwrap.UNWRAP_DEPTH)
    inner.files += content.files
    inner.nested += content.nested
    return inner, letter


@dataclass(frozen=True, slots=True)
class _Header:
    fields: Fields
    from_: tuple[Address, ...]
    sender: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    date: datetime | None
    defects: tuple[str, ...]

    @property
    def author(self) -> Address | None:
        """A From field without an address still says that somebody wrote, and Reply-To whom to answer."""
        written = bool(self.fields.raw("from").strip())
        return next(iter((*self.from_, *(self.reply_to if written else ()))), self.sender)


def _header(tree: MimeMessage, hint: str) -> _Header:
    """The people and the date by mail-parser, from fields whose bytes and encoded words are text already."""
    fields = Fields(tree)
    fields.hint = hint
    defects = [f"{fields.dropped} header fields more than are read"] if fields.dropped else []
    defects += [
        f"{fields.count(n)} {n} fields" for n in ("from", "subject", "message-id", "date") if fields.count(n) > 1
    ]
    found: dict[str, list[tuple[str, str]]] = {}
    date = None
    try:
        for name in _PEOPLE:
            # Only the first From and Reply-To speak for the mail; recipients add up.
            first = name in ("from", "reply-to")
            value = fields.raw(name) if first else ", ".join(v for v in fields.raws(name) if v)
            found[name] = get_addresses(people.plain_words(value, strict=first), decode_names=True) if value else []
        date = parse_mail_date(fields.raw("date")).value
    except Exception as error:  # mail-parser raises on one mail in a thousand mutated ones
        defects.append(f"mail-parser: {type(error).__name__}")
        found, date = {}, None
    persons = {n: _people(found.get(n, []), fields, n) for n in _PEOPLE}
    if date is None and fields.raw("date"):
        defects.append("unreadable Date")
    senders = people.found_in(fields.raw("sender"))
    return _Header(
        fields=fields,
        from_=persons["from"],
        sender=senders[0] if senders else None,
        reply_to=persons["reply-to"],
        to=persons["to"],
        cc=persons["cc"],
        date=date.replace(tzinfo=UTC) if date and date.tzinfo is None else date,
        defects=tuple(defects),
    )


def _people(found: list[tuple[str, str]], fields: Fields, name: str) -> tuple[Address, ...]:
    read = tuple(a for n, address in found if (a := people.mailbox(address, n)))[: people.PEOPLE_LIMIT]
    return read or people.found_in(fields.raw(name))


def _from_envelope(fields: Fields, envelope: Envelope | None) -> Address | None:
    """Who a mail without From and Sender is from: whoever its bounce would go to."""
    path = envelope.reverse_path if envelope else ""
    found = people.found_in(path or fields.raw("return-path"))
    return found[0] if found else None


def _ids(fields: Fields, name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(i for value in fields.raws(name) for i in message_ids(value)))


def _derived_id(raw: bytes, fields: Fields) -> str:
    """A Message-ID from what stays the same in every copy of a mail: not its trace fields."""
    digest = hashlib.sha256()
    for name in ("from", "to", "date", "subject"):
        digest.update(f"{name}:{fields.raw(name)}\n".encode())
    digest.update(raw[_header_end(raw) :].replace(b"\r\n", b"\n").strip())
    return f"derived.{digest.hexdigest()[:40]}@message-id.invalid"


_EMPTY_LINE = re.compile(rb"\n\n|\r\n\r\n")


def _header_end(raw: bytes) -> int:
    """Where the body begins; 0 without an empty line."""
    # One look for both marks: that for the one which is missing would go through the whole mail.
    found = _EMPTY_LINE.search(raw)
    return found.end() if found else 0


def _reply_text(content: Content, title: str, people: list[str]) -> str:
    if subject.is_forward(title):
        return new_text.without_banner(content.text)
    found = new_text.new_text(content.text, content.lines, title=title, people=people)
    if found == content.text and not content.lines and content.html:
        found = new_text.told_by_markup(found, content.html)
    if found != content.text and content.html and new_text.answered_in_colour(found, content.html):
        found = content.text
    return new_text.without_banner(found)


def _events(content: Content) -> tuple[Event, ...]:
    found = (calendar.read(part.text(content.hint)[0], part.type.get("method")) for part in content.calendars)
    return tuple(dict.fromkeys(event for events in found for event in events))


def _with_comments(said: str, comments: list[str]) -> str:
    """What somebody wrote beside an answer to an invitation is their text, too."""
    return "\n\n".join([*([said] if said.strip() else []), *dict.fromkeys(comments)]) if comments else said


def _nested(path: str, part: mime.Part) -> NestedMessage:
    inner = mime.read(part.data())
    content = read(inner, f"{path}/", unwrap.UNWRAP_DEPTH)
    header = _header(inner, content.hint)
    return NestedMessage(
        part=path,
        author=header.author,
        subject=header.fields.text("subject"),
        date=header.date,
        message_id=next(iter(_ids(header.fields, "message-id")), ""),
        body_text=content.text,
    )


def _unreadable(raw: bytes, cause: str) -> Message:
    digest = hashlib.sha256(raw).hexdigest()
    whole = Attachment(WHOLE, "original.eml", "message/rfc822", len(raw), digest, note=f"unreadable: {cause}")
    return Message(
        author=None,
        message_id=f"derived.{digest[:40]}@message-id.invalid",
        message_id_derived=True,
        attachments=(whole,) if raw else (),
        omissions=(code("nothing_shown"),),
        defects=(cause,),
        unreadable=cause,
        sha256=digest,
    )


def extract(raw: bytes, part: str) -> bytes:
    """The bytes of an attachment by `Attachment.part`. KeyError when the mail has no such part."""
    return extract_all(raw, (part,))[part]


def extract_all(raw: bytes, parts: Collection[str]) -> dict[str, bytes]:
    """The bytes of several attachments for the price of reading the mail once; parts it has not are left out."""
    whole = {WHOLE: raw} if WHOLE in parts else {}
    if set(parts) <= whole.keys():
        return whole
    if not any("/" in part for part in parts):
        # Each is a part of the mail itself, and its text need not be read again.
        _, leaves = mime.tree(mime.read(raw))
        return whole | {leaf.number: leaf.data() for leaf in leaves if leaf.number in parts}
    content, _ = _read(mime.read(raw))
    return whole | {file.path: file.bytes() for file in content.files if file.path in parts}


def nested(raw: bytes, part: str) -> bytes:
    """The raw bytes of a `message/rfc822` part by `NestedMessage.part`. KeyError when there is none."""
    for path, found in _read(mime.read(raw))[0].nested:
        if path == part:
            return found.data()
    raise KeyError(part)

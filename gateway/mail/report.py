"""Reports about mail we sent: what a mail system, a mail program or a provider tells us about it.

RFC 3464 and 6533 (delivery), RFC 8098 (disposition), RFC 5965 (complaints), and the bounces of
systems that follow none of them. A person who forwards or quotes a bounce has not bounced
anything: words are only trusted in mail that shows in its header that a machine sent it.
"""

from __future__ import annotations

import re
from email.message import Message as MimeMessage
from email.parser import HeaderParser

from gateway.mail import charset, mime, people, report_words
from gateway.mail.header import Fields, message_ids, unfold, words
from gateway.mail.message import Action, DeliveryReport, Report, ReportType
from gateway.mail.mime import Part
from gateway.mail.text import one_line

RECIPIENTS_LIMIT = 500
STATUS_LIMIT = 1_000_000
"""Bytes of a status part that are read."""
HEADER_LIMIT = 262_144
"""Bytes of a returned mail that are searched for its header."""
_DELIVERY = ("message/delivery-status", "message/global-delivery-status")
_RETURNED = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "message/news")
_ACTIONS = (
    ("fail", Action.FAILED),
    ("error", Action.FAILED),
    ("delay", Action.DELAYED),
    ("deliver", Action.DELIVERED),
    ("relay", Action.RELAYED),
    ("expand", Action.EXPANDED),
)
_BY_CLASS = {"5": Action.FAILED, "4": Action.DELAYED, "2": Action.DELIVERED}
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_XTEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")


def read(tree: MimeMessage, leaves: tuple[Part, ...], fields: Fields, text: str) -> Report | None:
    """The report a mail is, None when it is none. `text` is its readable text."""
    kinds = {part.content_type for part in leaves}
    if "message/disposition-notification" in kinds:
        return _disposition(leaves)
    if "message/feedback-report" in kinds:
        return Report(ReportType.FEEDBACK, (), _returned_ids(leaves, text))
    if kinds.intersection(_DELIVERY):
        recipients, envelope_id = _delivery_status(leaves)
        if not any("@" in r.final_recipient for r in recipients):
            recipients = report_words.recipients(tree, fields, text) or recipients
        return Report(ReportType.DELIVERY, recipients, _returned_ids(leaves, text), envelope_id)
    if not report_words.looks_returned(fields):
        return None
    if wrapped := _wrapped(leaves):
        return read(wrapped, mime.tree(wrapped)[1], fields, text)
    recipients = report_words.recipients(tree, fields, text)
    ids = _returned_ids(leaves, text)
    return Report(ReportType.DELIVERY, recipients, ids) if recipients else None


def _wrapped(leaves: tuple[Part, ...]) -> MimeMessage | None:
    """A report that a virus scanner on the way put whole into a mail of its own."""
    for part in leaves:
        if part.content_type == "message/rfc822":
            inner = mime.read(part.data())
            report = any(leaf.content_type in _DELIVERY for leaf in mime.tree(inner)[1])
            return inner if report else None
    return None


def _delivery_status(leaves: tuple[Part, ...]) -> tuple[tuple[DeliveryReport, ...], str]:
    found: dict[str, DeliveryReport] = {}
    envelope_id = ""
    for part in leaves:
        if part.content_type not in _DELIVERY:
            continue
        for block in _blocks(part):
            envelope_id = envelope_id or one_line(_value(block, "original-envelope-id"))
            report = _recipient(block)
            if report and len(found) < RECIPIENTS_LIMIT:
                found.setdefault(report.final_recipient.casefold(), report)
    return tuple(found.values()), envelope_id


def _blocks(part: Part) -> list[MimeMessage]:
    """The groups of fields of a status part (RFC 3464 section 2.1)."""
    text = charset.decode(part.data()[:STATUS_LIMIT])[0].replace("\r\n", "\n").replace("\r", "\n").strip()
    blocks = re.split(r"\n[ \t]*\n", text)[: 2 * RECIPIENTS_LIMIT]
    return [HeaderParser().parsestr(block.lstrip("\n")) for block in blocks]


def _value(block: MimeMessage, name: str) -> str:
    return words(mime.field(block, name))


def _recipient(block: MimeMessage) -> DeliveryReport | None:
    # The original recipient is the address we wrote to; the final one may be behind a forward.
    named = (typed_address(_value(block, f"{which}-recipient")) for which in ("original", "final", "x-actual"))
    address = next((a for a in named if "@" in a), "")
    if not address:
        return None
    diagnostic = one_line(_value(block, "diagnostic-code"))
    found = _STATUS.search(_value(block, "status")) or _STATUS.search(diagnostic)
    status = found[1] if found else ""
    said = _value(block, "action").strip().lower()
    action = next((a for start, a in _ACTIONS if said.startswith(start)), None) or _BY_CLASS.get(status[:1])
    return DeliveryReport(action or Action.FAILED, address, status, diagnostic)


def typed_address(value: str) -> str:
    """`rfc822; Name <a@b>` → `a@b` (RFC 3464 section 2.3.2), also without a type, or in UTF-8 (RFC 6533)."""
    kind, semicolon, rest = value.partition(";")
    address = rest if semicolon and "@" not in kind else value
    address = _XTEXT.sub(lambda m: chr(int(m[1], 16)) if int(m[1], 16) < 0x110000 else "", address)
    found = people.found_in(address.replace("\\<", "<").replace("\\>", ">"))
    return found[0].address if found else one_line(address, 320).strip("<> ")


def _disposition(leaves: tuple[Part, ...]) -> Report:
    """RFC 8098 section 3.2.5: Original-Message-ID names the mail that was read."""
    ids: list[str] = []
    for part in leaves:
        if part.content_type == "message/disposition-notification":
            text = charset.decode(part.data())[0]
            block = HeaderParser().parsestr(text.replace("\r\n", "\n").lstrip("\n"))
            ids += message_ids(_value(block, "original-message-id"))
    return Report(ReportType.DISPOSITION, (), tuple(dict.fromkeys([*ids, *_returned_ids(leaves, "")])))


def _returned_ids(leaves: tuple[Part, ...], text: str) -> tuple[str, ...]:
    """Ids of the mail that came back: its own first, then its nearest ancestors."""
    ids: list[str] = []
    for part in leaves:
        if part.content_type in _RETURNED:
            ids += _ids_of(_returned_header(part))
    return tuple(dict.fromkeys(ids)) or report_words.quoted_ids(text)


def _returned_header(part: Part) -> MimeMessage:
    head = part.data()[:HEADER_LIMIT].replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")[0]
    return HeaderParser().parsestr(charset.decode(head)[0])


def _ids_of(returned: MimeMessage) -> list[str]:
    ids: list[str] = []
    for name in ("message-id", "x-original-message-id", "in-reply-to"):
        ids += message_ids(unfold(mime.field(returned, name)))
    return [*ids, *reversed(message_ids(mime.field(returned, "references")))]

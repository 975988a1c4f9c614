"""Reports about mail we sent: what a mail system, a mail program or a provider tells us about it.

RFC 3464 and 6533 (delivery), RFC 8098 (disposition), RFC 5965 (complaints), RFC 7489 and 8460 (what others saw of our
domain), the notifications of services that send for us, and bounces in words (`report_words`).
"""

from __future__ import annotations

import re
from email.message import Message as MimeMessage
from email.parser import HeaderParser

from gateway.mail import charset, mime, people, report_json, report_words, returned
from gateway.mail.header import Fields, message_ids, words
from gateway.mail.message import Action, DeliveryReport, Report, ReportType
from gateway.mail.mime import Part
from gateway.mail.report_json import RECIPIENTS_LIMIT, STATUS
from gateway.mail.subject import is_forward
from gateway.mail.text import one_line

STATUS_LIMIT = 1_000_000
"""Bytes of a status part that are read."""
_DELIVERY = ("message/delivery-status", "message/global-delivery-status")
_OF_REPORTS = frozenset((*_DELIVERY, "message/disposition-notification", "message/feedback-report"))
"""Parts that only a report has."""
_ACTIONS = (
    ("fail", Action.FAILED),
    ("error", Action.FAILED),
    ("delay", Action.DELAYED),
    ("deliver", Action.DELIVERED),
    ("relay", Action.RELAYED),
    ("expand", Action.EXPANDED),
)
_BY_CLASS = {"5": Action.FAILED, "4": Action.DELAYED, "2": Action.DELIVERED}
_AGGREGATE_SUBJECT = re.compile(r"\s*report domain:\s*\S+\s+submitter:\s*\S+", re.I)
"""RFC 7489 section 7.2.1.1 and RFC 8460 section 5.3."""
_AGGREGATE_FILE = re.compile(
    r"([\w-]+(?:\.[\w-]+)+)!([\w-]+(?:\.[\w-]+)+)!\d{8,12}!\d{8,12}(?:![^!/]{1,80})?\.(?:(?:xml|json)(?:\.gz)?|zip|gz|gzip)",
    re.I,
)
"""`receiver!policy-domain!begin!end.xml.gz`, the same sections."""
_COMPLAINT_SUBJECT = re.compile(
    r"\s*(?:complaint about message from|(?:email )?(?:feedback|abuse|spam|complaint)(?: loop)? (?:report|complaint)\b)"
    r"[^\d]{0,60}\b\d{1,3}(?:\.\d{1,3}){3}\b",
    re.I,
)
_RECEIPTS = {
    "accettazione": Action.RELAYED,
    "presa-in-carico": Action.RELAYED,
    "avvenuta-consegna": Action.DELIVERED,
    "preavviso-errore-consegna": Action.DELAYED,
    "errore-consegna": Action.FAILED,
    "non-accettazione": Action.FAILED,
    "rilevazione-virus": Action.FAILED,
}
"""What providers of certified mail (PEC) answer each mail with: the value of X-Ricevuta (RFC 6109 section 2.1)."""
_RECEIPT_FACTS = re.compile(r"<(consegna|destinatari|errore-esteso)\b[^>]{0,100}>([^<]{1,1000})<")
_XTEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")


def read(tree: MimeMessage, leaves: tuple[Part, ...], fields: Fields, text: str) -> Report | None:
    """The report a mail is, None when it is none. `text` is its readable text."""
    kinds = {part.content_type for part in leaves}
    if action := _RECEIPTS.get(fields.raw("x-ricevuta").strip().lower()):
        return _receipt(action, leaves, fields, text)
    if _is_aggregate(leaves, fields):
        return Report(ReportType.AGGREGATE)
    if _is_passed_on(tree, kinds, leaves, fields):
        return None
    if "message/disposition-notification" in kinds:
        return _disposition(leaves)
    if "message/feedback-report" in kinds:
        return Report(ReportType.FEEDBACK, (), returned.ids(leaves, text))
    if kinds.intersection(_DELIVERY):
        recipients = report_words.written_to(_delivery_status(leaves), text)
        if not any("@" in r.final_recipient for r in recipients):
            recipients = report_words.told_in_words(tree, leaves, fields, text) or recipients
        return Report(ReportType.DELIVERY, recipients, returned.ids(leaves, text))
    if _is_complaint(kinds, fields):
        return Report(ReportType.FEEDBACK, (), returned.ids(leaves, text))
    if notified := report_json.read(text, fields):
        return notified
    if not report_words.looks_returned(fields, leaves):
        return None
    if wrapped := _wrapped(leaves):
        return read(wrapped, mime.tree(wrapped)[1], fields, text)
    recipients = report_words.told_in_words(tree, leaves, fields, text)
    if not recipients:
        return None
    by_system = report_words.is_from_system(fields, leaves) or report_words.is_known_wording(tree, fields, text)
    return Report(ReportType.DELIVERY, recipients, returned.ids(leaves, text), by_system=by_system)


def _receipt(action: Action, leaves: tuple[Part, ...], fields: Fields, text: str) -> Report:
    """What became of a certified mail. The file of facts beside it names for whom; a receipt of somebody else's mail
    reports nothing, and is heard."""
    files = (part for part in leaves if part.filename.casefold() == "daticert.xml")
    facts = [m.groups() for f in files for m in _RECEIPT_FACTS.finditer(charset.decode(f.data()[:STATUS_LIMIT])[0])]
    said = one_line(" ".join(value for name, value in facts if name == "errore-esteso"), 500)
    status = STATUS.search(said)
    delivered, written_to = (
        [a.address for name, value in facts if name == wanted for a in people.found_in(value)]
        for wanted in ("consegna", "destinatari")
    )
    whom = dict.fromkeys((delivered or written_to or [""])[:RECIPIENTS_LIMIT])
    recipients = tuple(DeliveryReport(action, address, status[1] if status else "", said) for address in whom)
    ids = (*message_ids(fields.raw("x-riferimento-message-id")), *returned.ids(leaves, text))
    return Report(ReportType.DELIVERY, recipients, tuple(dict.fromkeys(ids)), by_system=False)


def _is_aggregate(leaves: tuple[Part, ...], fields: Fields) -> bool:
    """Figures another provider sends about our domain (DMARC, TLS). A person who asks about one writes a subject of
    their own, or answers and forwards."""
    files = [part for part in leaves if part.main_type == "application"]
    if not files:
        return False
    title = fields.text("subject")
    if is_forward(title) or fields.raw("in-reply-to") or fields.raw("references"):
        return False
    if _AGGREGATE_SUBJECT.match(title) or any(part.content_type.startswith("application/tlsrpt") for part in files):
        return True
    names = [m for part in files if "!" in part.filename and (m := _AGGREGATE_FILE.fullmatch(part.filename.strip()))]
    shown = title.casefold()
    return any("report" in shown and (m[1].casefold() in shown or m[2].casefold() in shown) for m in names)


def _is_passed_on(tree: MimeMessage, kinds: set[str], leaves: tuple[Part, ...], fields: Fields) -> bool:
    """Somebody asks about a report: programs that forward within the text enclose the parts of what they forward. The
    report itself is a multipart/report (RFC 6522), or its header shows the machine that sent it."""
    if not kinds & _OF_REPORTS or any(part.get_content_type() == "multipart/report" for part in tree.walk()):
        return False
    automatic = fields.raw("auto-submitted").strip().lower() not in ("", "no") or report_words.has_null_path(fields)
    if automatic or report_words.is_from_system(fields, leaves):
        return False
    # Gateways make other parcels of reports; what answers a mail of ours, and is no forward, is one.
    answers = fields.raw("in-reply-to") or fields.raw("references")
    return is_forward(fields.text("subject")) or not (answers or report_words.looks_returned(fields, leaves))


def _is_complaint(kinds: set[str], fields: Fields) -> bool:
    """A provider sends back what a reader called spam, and says so in its subject or a field only it writes."""
    if not kinds & returned.RETURNED:
        return False
    return bool(fields.raw("x-hmxmroriginalrecipient") or _COMPLAINT_SUBJECT.match(fields.text("subject")))


def _wrapped(leaves: tuple[Part, ...]) -> MimeMessage | None:
    """A report that a virus scanner on the way put whole into a mail of its own."""
    for part in leaves:
        if part.content_type == "message/rfc822":
            inner = mime.read(part.data())
            report = any(leaf.content_type in _DELIVERY for leaf in mime.tree(inner)[1])
            return inner if report else None
    return None


def _delivery_status(leaves: tuple[Part, ...]) -> tuple[DeliveryReport, ...]:
    found: dict[str, DeliveryReport] = {}
    for part in leaves:
        if part.content_type not in _DELIVERY:
            continue
        for block in _blocks(part):
            report = _recipient(block)
            if report and len(found) < RECIPIENTS_LIMIT:
                found.setdefault(report.final_recipient.casefold(), report)
    return tuple(found.values())


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
    found = STATUS.search(_value(block, "status")) or STATUS.search(diagnostic)
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
    return Report(ReportType.DISPOSITION, (), tuple(dict.fromkeys([*ids, *returned.ids(leaves, "")])))

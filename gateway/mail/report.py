"""Reports about mail we sent: what a mail system, a mail program or a provider tells us about it.

RFC 3464 and 6533 (delivery), RFC 8098 (disposition), RFC 5965 (complaints), and bounces that say it in
words only: flufl.bounce knows the wordings of twenty years of mail systems; behind it a general reader looks
for addresses next to the words of a refusal, above the returned mail. A person who forwards or quotes a
bounce has not bounced anything: words are only trusted in mail that shows in its header that a machine sent it.
"""

from __future__ import annotations

import logging
import re
from email.message import Message as MimeMessage
from email.parser import HeaderParser

from gateway.mail import charset, mime, people
from gateway.mail.header import Fields, message_ids, unfold, words
from gateway.mail.message import Action, DeliveryReport, Report, ReportType
from gateway.mail.mime import Part
from gateway.mail.subject import is_forward
from gateway.mail.text import one_line

TEXT_LIMIT = 60_000
TREE_LIMIT = 200_000
"""Characters of all parts together."""
LINES_LIMIT = 4_000
LINE_LIMIT = 1_000
_GUESSES_LIMIT = 20
_DAEMON = re.compile(
    r"(?i)\b(?:mailer|mail|m)[-_. ]?d(?:ae|e|ea)mon|post[-_]?master|mail (?:delivery|administrator|system)|mailadm"
)
_RETURNED_SUBJECT = re.compile(
    r"(?i)undeliver|returned mail|return(?:ed)? to sender|mail (?:delivery )?(?:system )?(?:fail|error|status|returned)"
    r"|(?:delivery|message|mail)[ -](?:status )?(?:notification|failure|failed|problem|error|delay|report|status)"
    r"|failure (?:notice|delivery|delivering)|non[- ]?deliver|not (?:be )?deliver|can(?:not|'t) (?:be )?deliver"
    r"|user unknown|delivery (?:has )?fail|\bbounced?\b|warning: (?:could not send|message)|mail[- ]?error|rejected"
    r"|message delayed|unzustellbar|nicht (?:zustellbar|zugestellt)|zustellung|rückläufer|non remis"
    r"|échec de (?:la )?remise|no entregado|non recapitat|onbestelbaar"
)
_DELAYED = re.compile(
    r"(?i)\bdelayed\b|has not yet been delivered|not yet been|will be retried|still being retried|keep trying"
    r"|will (?:be tried|continue to try|retry)|do not need to resend|warning message only"
    r"|temporar(?:y|ily) (?:problem|error)|could not send (?:message )?for past|wird (?:weiterhin )?versucht|verzögert"
)
_GIVEN_UP = re.compile(
    r"(?i)permanent|giving up|given up|gave up|has been returned|fatal error|endgültig|expired|\b5\.\d\.\d"
)
_ORIGINAL = re.compile(
    r"[\s>*|]*(?:[-=_]{2,20}.{0,80}?(?:original|returned|copy of|message (?:header|text)|unsent)"
    r"|received: from |return-path: ?<|message-id: ?<|original message (?:follows|header)"
    r"|.{0,60}?copy of (?:your|the) (?:original )?message|[-=_\s]{0,20}ursprüngliche nachricht)",
    re.I,
)
_REFUSAL = re.compile(
    r"(?i)unknown|no such|not (?:be )?(?:found|exist|deliver)|does(?: not|n't) (?:exist|have)|fail|reject|refus|invalid"
    r"|undeliver|unable|could ?n[o']t|cannot|disabled|inactive|full|quota|over ?limit|denied|blocked|unrouteable"
    r"|\b[45]\d\d[ -]|\b[45]\.\d{1,3}\.\d{1,3}\b|error|bounce|unzustellbar|nicht (?:zugestellt|erreich|bekannt)|problem"
    r"|recipient|rcpt to|following address|delay|deliver"
)
_ADDRESS = re.compile(r"(?<![\w.+=/-])([\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,250}[A-Za-z0-9])")
_STATUS_IN_WORDS = re.compile(r"\b([45]\.\d{1,3}\.\d{1,3})\b")
_EXPANDED = re.compile(r"\(expanded from:?\s*<?([^\s<>()@]{1,64}@[^\s<>()@]{1,250})>?\)", re.I)
"""Sendmail and Postfix: where a forward led to, and the address that was written to."""
_CONTACT = re.compile(
    r"(?i)(?:contact|ask|mail to|write to|help from|wenden sie sich an|kontaktieren sie)\s[^@\n]{0,60}?"
    r"<?([\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,250}[A-Za-z0-9])"
)
"""Whom a provider offers for questions."""
_QUOTED_ID = re.compile(r"(?im)^[ \t>|]*message-id:\s*(<[^<>\n]{3,300}>)")
_QUOTED_PARENTS = re.compile(r"(?im)^[ \t>|]*(?:in-reply-to|references):\s*((?:<[^<>\n]{3,300}>\s*)+)")


def looks_returned(fields: Fields) -> bool:
    """True when the header shows a mail system at work, or a subject only such a system writes."""
    if _is_from_system(fields):
        return True
    title = fields.text("subject")
    answers = fields.raw("in-reply-to") or fields.raw("references") or is_forward(title)
    return not answers and bool(_RETURNED_SUBJECT.search(title))


def _is_from_system(fields: Fields) -> bool:
    kind = fields.raw("content-type").lower()
    if "multipart/report" in kind:
        return "delivery-status" in kind or "report-type" not in kind
    null = fields.raw("return-path").replace(" ", "") == "<>"
    returned = null and bool(_RETURNED_SUBJECT.search(fields.text("subject")))
    return returned or bool(fields.raw("x-failed-recipients")) or bool(_DAEMON.search(fields.text("from")))


def told_in_words(tree: MimeMessage, fields: Fields, text: str) -> tuple[DeliveryReport, ...]:
    """Whom a bounce in words names, with what it says of them."""
    said = _above_original(text[:TEXT_LIMIT])
    temporary: list[str] = []
    permanent = [a.address for value in fields.raws("x-failed-recipients") for a in people.found_in(value)]
    if not permanent:
        temporary, permanent = _known_wordings(tree, fields, text)
    if not temporary and not permanent and _is_from_system(fields):
        permanent = _refused(said, fields)
    if (permanent or temporary) and not fields.raw("x-failed-recipients"):
        never = _not_recipients(tree, fields, text)
        permanent, temporary = ([a for a in found if a.casefold() not in never] for found in (permanent, temporary))
    if _is_delay(said, fields):
        temporary, permanent = [*temporary, *permanent], []
    written_to = _written_to(said)
    found: dict[str, DeliveryReport] = {}
    for action, addresses in ((Action.FAILED, permanent), (Action.DELAYED, temporary)):
        for named_address in addresses:
            address = written_to.get(named_address.casefold(), named_address)
            found.setdefault(address.casefold(), _report(action, address, said))
    return tuple(found.values())


def _not_recipients(tree: MimeMessage, fields: Fields, text: str) -> set[str]:
    """Addresses a bounce names that did not bounce: whom it is sent to, who wrote the mail that came back, its
    Message-ID, and whom to ask about it."""
    found = {i.casefold() for i in quoted_ids(text)} | {a.key for a in people.found_in(fields.raw("to"))}
    for part in mime.tree(tree)[1]:
        if part.content_type in _RETURNED:
            header = _returned_header(part)
            found |= {i.casefold() for i in _ids_of(header)}
            written = (mime.field(header, name) for name in ("from", "reply-to", "sender"))
            found |= {a.key for value in written for a in people.found_in(value)}
            found -= {a.key for a in people.found_in(mime.field(header, "to"))}
    return found | {m[1].casefold() for m in _CONTACT.finditer(text[:TEXT_LIMIT])}


def _written_to(said: str) -> dict[str, str]:
    """Address a forward led to, folded → address that was written to."""
    found: dict[str, str] = {}
    for mark in _EXPANDED.finditer(said):
        led_to = _ADDRESS.findall(said[max(0, mark.start() - 300) : mark.start()])
        if led_to:
            found[led_to[-1].casefold()] = mark[1]
    return found


def _report(action: Action, address: str, said: str) -> DeliveryReport:
    place = said.casefold().find(address.casefold())
    near = said[max(0, place - 200) : place + 600] if place >= 0 else said[:2000]
    status = _STATUS_IN_WORDS.search(near)
    line = next((ln for ln in near.splitlines() if re.search(r"\b[45]\d\d\b", ln)), "")
    return DeliveryReport(action, address, status[1] if status else "", one_line(line, 500))


def _known_wordings(tree: MimeMessage, fields: Fields, text: str) -> tuple[list[str], list[str]]:
    """(temporary, permanent) by flufl.bounce. It trusts what it reads, so whatever it raises means nothing found."""
    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs a traceback for what is no error of ours
    try:
        temporary, permanent = all_failures(_readable(tree, fields) if _is_small(tree) else _in_short(fields, text))
    except Exception:
        return [], []
    return _cleaned(temporary), _cleaned(permanent)


def _is_small(tree: MimeMessage) -> bool:
    lines = 0
    for part in tree.walk():
        payload = part.get_payload()
        if isinstance(payload, str):
            found = payload.splitlines()
            lines += len(found)
            if len(payload) > TREE_LIMIT or any(len(line) > LINE_LIMIT for line in found):
                return False
        lines += 1
        if lines > LINES_LIMIT:
            return False
    return True


def _readable(tree: MimeMessage, fields: Fields) -> MimeMessage:
    """The same mail with header fields flufl.bounce does not stumble over: text all of them, and a From."""
    copy = MimeMessage()
    for name in fields.names():
        copy[name] = fields.raw(name)
    if not fields.raw("from"):
        copy["from"] = "unknown@sender.invalid"
    copy.set_payload(tree.get_payload())
    return copy


def _in_short(fields: Fields, text: str) -> MimeMessage:
    """A long bounce for flufl.bounce, which looks at every line with every wording it knows."""
    tree = MimeMessage()
    for name in ("from", "to", "subject", "return-path"):
        tree[name] = fields.text(name) or "unknown@sender.invalid"
    tree.set_payload("\n".join(line[:LINE_LIMIT] for line in text[:TEXT_LIMIT].splitlines()[:LINES_LIMIT]))
    return tree


def _cleaned(found: frozenset[bytes]) -> list[str]:
    """flufl.bounce gives sets; sorted, for the same mail must always read the same."""
    out = []
    for raw in sorted(found):
        address = people.mailbox(raw.decode("utf-8", "replace").strip("<> "), "")
        if address:
            out.append(address.address)
    return out


def _above_original(text: str) -> str:
    """What the mail system says, without the mail it returns below."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if index > 1 and _ORIGINAL.match(line[:LINE_LIMIT]):
            return "\n".join(lines[:index])
    return text


def _is_delay(said: str, fields: Fields) -> bool:
    whole = f"{fields.text('subject')}\n{said}"
    return bool(_DELAYED.search(whole)) and not _GIVEN_UP.search(whole)


def _refused(said: str, fields: Fields) -> list[str]:
    """Addresses on a line of refusal or just before or after one; not those the bounce is from or to."""
    own = {a.key for name in ("from", "to", "reply-to", "sender") for a in people.found_in(fields.raw(name))}
    lines = [line[:LINE_LIMIT] for line in said.splitlines()]
    found: dict[str, str] = {}
    for index, line in enumerate(lines):
        for m in _ADDRESS.finditer(line):
            address = m[1].rstrip(".")
            near = "\n".join(lines[max(0, index - 3) : index + 4])
            if len(found) >= _GUESSES_LIMIT:
                return list(found.values())
            if address.casefold() in own or _DAEMON.search(address) or not _REFUSAL.search(near):
                continue
            found.setdefault(address.casefold(), address)
    return list(found.values())


def quoted_ids(text: str) -> tuple[str, ...]:
    """Message-IDs in the header of a mail that was returned as text."""
    text = text[:TEXT_LIMIT]
    ids = [i for m in _QUOTED_ID.finditer(text) for i in message_ids(m[1])]
    parents = [i for m in _QUOTED_PARENTS.finditer(text) for i in reversed(message_ids(m[1]))]
    return tuple(dict.fromkeys([*ids, *parents])) if ids else ()


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
            recipients = told_in_words(tree, fields, text) or recipients
        return Report(ReportType.DELIVERY, recipients, _returned_ids(leaves, text), envelope_id)
    if not looks_returned(fields):
        return None
    if wrapped := _wrapped(leaves):
        return read(wrapped, mime.tree(wrapped)[1], fields, text)
    recipients = told_in_words(tree, fields, text)
    ids = _returned_ids(leaves, text)
    return Report(ReportType.DELIVERY, recipients, ids, by_system=_is_from_system(fields)) if recipients else None


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
    return tuple(dict.fromkeys(ids)) or quoted_ids(text)


def _returned_header(part: Part) -> MimeMessage:
    head = part.data()[:HEADER_LIMIT].replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")[0]
    return HeaderParser().parsestr(charset.decode(head)[0])


def _ids_of(returned: MimeMessage) -> list[str]:
    ids: list[str] = []
    for name in ("message-id", "x-original-message-id", "in-reply-to"):
        ids += message_ids(unfold(mime.field(returned, name)))
    return [*ids, *reversed(message_ids(mime.field(returned, "references")))]

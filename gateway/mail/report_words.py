"""Bounces that say it in words: systems that know no RFC 3464.

flufl.bounce knows the wordings of twenty years of mail systems; behind it a general reader looks
for addresses next to the words of a refusal, above the returned mail.
"""

from __future__ import annotations

import logging
import re
from email.message import Message as MimeMessage

from gateway.mail import people
from gateway.mail.header import Fields, message_ids
from gateway.mail.message import Action, DeliveryReport
from gateway.mail.subject import is_forward
from gateway.mail.text import one_line

TEXT_LIMIT = 60_000
TREE_LIMIT = 200_000
"""Characters of all parts together."""
LINES_LIMIT = 4_000
LINE_LIMIT = 1_000
_GUESSES_LIMIT = 20
_DAEMON = re.compile(
    r"(?i)\b(?:mailer|mail|m)[-_. ]?d(?:ae|e|ea)mon|postmaster|mail (?:delivery|administrator|system)|mailadm"
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
_STATUS = re.compile(r"\b([45]\.\d{1,3}\.\d{1,3})\b")
_EXPANDED = re.compile(r"\(expanded from:?\s*<?([^\s<>()@]{1,64}@[^\s<>()@]{1,250})>?\)", re.I)
"""Sendmail and Postfix: where a forward led to, and the address that was written to."""
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


def recipients(tree: MimeMessage, fields: Fields, text: str) -> tuple[DeliveryReport, ...]:
    """Whom a bounce in words names, with what it says of them."""
    said = _above_original(text[:TEXT_LIMIT])
    temporary: list[str] = []
    permanent = [a.address for value in fields.raws("x-failed-recipients") for a in people.found_in(value)]
    if not permanent:
        temporary, permanent = _known_wordings(tree, fields, text)
    if not temporary and not permanent and _is_from_system(fields):
        permanent = _refused(said, fields)
    if _is_delay(said, fields):
        temporary, permanent = [*temporary, *permanent], []
    written_to = _written_to(said)
    found: dict[str, DeliveryReport] = {}
    for action, addresses in ((Action.FAILED, permanent), (Action.DELAYED, temporary)):
        for named_address in addresses:
            address = written_to.get(named_address.casefold(), named_address)
            found.setdefault(address.casefold(), _report(action, address, said))
    return tuple(found.values())


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
    status = _STATUS.search(near)
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

"""Bounces that say it in words only, in any language.

flufl.bounce knows the wordings of twenty years of mail systems; behind it a general reader looks for addresses next to
the words of a refusal, above the returned mail, and behind that for whom the returned mail was written to. A person who
forwards or quotes a bounce has not bounced anything: words are only trusted in mail that shows a mail system at work.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from email.message import Message as MimeMessage

from gateway.mail import mime, people, returned
from gateway.mail.header import Fields
from gateway.mail.message import Action, DeliveryReport
from gateway.mail.mime import Part
from gateway.mail.returned import TEXT_LIMIT
from gateway.mail.subject import is_forward, is_reply
from gateway.mail.text import one_line

TREE_LIMIT = 200_000
"""Characters of all parts together."""
LINES_LIMIT = 4_000
LINE_LIMIT = 1_000
_GUESSES_LIMIT = 20
_DAEMON = re.compile(
    r"(?i)\b(?:mailer|mail|m)[-_. ]?d(?:ae|e|ea)mon|post[-_. ]?master|mail (?:delivery|administrator|system)|mailadm"
)
"""How mail systems call themselves, but people (`m.demonte@`, "Mail Systems Ltd"), postmasters and posts as well."""
_DAEMON_ITSELF = re.compile(
    r"(?i)(?<![\w.-])(?:mail(?:er)?[-_. ]?d(?:ae|e|ea)mon|mdaemon|microsoftexchange[0-9a-f]{32})(?![\w.-])"
    r"|\bmail delivery (?:sub)?system\b"
)
"""What nobody else is called."""
_RETURNED_SUBJECT = re.compile(
    r"(?i)undeliver|returned mail|return(?:ed)? to sender|mail (?:delivery )?(?:system )?(?:fail|error|status|returned)"
    r"|(?:delivery|message|mail)[ -](?:status )?(?:notification|failure|failed|problem|error|delay|report|status)"
    r"|mail delivery warning|failed mail"
    r"|failure (?:notice|delivery|delivering)|non[- ]?deliver|not (?:be )?deliver|can(?:not|'t) (?:be )?deliver"
    r"|user unknown|delivery (?:has )?fail|\bbounced?\b|warning: (?:could not send|message)|mail[- ]?error|rejected"
    r"|message delayed|unzustellbar|nicht (?:zustellbar|zugestellt)|zustellung|rückläufer|non remis"
    r"|échec de (?:la )?(?:remise|distribution)|retour à l['’]expéditeur|non (?:distribué|délivré)"
    r"|no (?:se (?:ha )?(?:podido|pudo) )?entreg|correo devuelto|(?:fallo|error) (?:de|en la) entrega"
    r"|non (?:recapitat|consegnat)|mancat[ao] (?:consegna|recapito)|não (?:foi )?entregue|falha na entrega"
    r"|onbestelbaar|niet (?:bezorgd|afgeleverd)|(?:kunde inte|kunne ikke) levere|ikke leveret|oleverer"
    r"|ei voitu toimittaa|toimittama|(?:niedostarcz|nie (?:została )?dostarcz)|nedoruč|kézbesít(?:hetetlen|ési hiba)"
    r"|nu a (?:putut fi livrat|fost livrat)|iletilemedi|teslim edilemedi|δεν παραδόθηκε|αποτυχία παράδοσης"
    r"|не (?:было |может быть )?доставлен|недоставл|возврат (?:письма|почты)|не вдалося доставити"
    r"|配信(?:できません|不能|エラー|失敗)|送信(?:できません|エラー|失敗)|お届けできません|宛先不明|未達|退信|退件|退回"
    r"|(?:投递|投遞|送达|传递|傳遞)失[败敗]|[无無]法(?:投[递遞]|[传傳][递遞]|送[达達])|반송|(?:전송|배달|발송) ?실패"
)
_DELAYED = re.compile(
    r"(?i)\bdelayed\b|has not yet been delivered|not yet been|will be retried|still being retried|keep trying"
    r"|will (?:be tried|continue to try|retry)|do not need to resend|warning message only"
    r"|temporar(?:y|ily) (?:problem|error)|could not send (?:message )?for past|wird (?:weiterhin )?versucht|verzögert"
    r"|noch nicht zugestellt|pas encore été (?:remis|distribué|livré)|todavía no se ha (?:podido )?entregad"
    r"|non è (?:stato )?ancora (?:stato )?(?:recapitat|consegnat)|nog niet (?:bezorgd|afgeleverd)"
    r"|nie została jeszcze dostarczon|ainda não foi entregue|zatím nebyla doručen|まだ配信されて"
)
_GIVEN_UP = re.compile(
    r"(?i)permanent|giving up|given up|gave up|has been returned|fatal error|endgültig|expired|\b5\.\d\.\d"
)
_SHOULD_IT_FAIL = re.compile(r"(?i)\b(?:if|wenn|falls) (?:the|your|this|die|ihre|diese) [^.\n]*")
"""What a report of a delay promises for later."""
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
_TARGET = re.compile(
    r"<([^\s<>@]{1,64}@[^\s<>@]{1,250})>\s*\(expanded\s+from:?\s*<([^\s<>@]{1,64}@[^\s<>@]{1,250})>\)", re.I
)
"""Postfix names the target of a forward, and beside it whom the mail was written to."""
_EXPANDED = re.compile(r"\(expanded from:?\s*<?([^\s<>()@]{1,64}@[^\s<>()@]{1,250})>?\)", re.I)
"""Sendmail and Postfix: where a forward led to, and the address that was written to."""
_CONTACT = re.compile(
    r"(?i)(?:contact|please ask|(?:send|by) (?:an? )?(?:e-?)?mail to|please write to|help from|questions?|assistance"
    r"|support at|wenden sie sich an|kontaktieren sie|fragen|hilfe)\b"
)
"""What stands in front of the address a provider offers for questions."""
CONTACT_BEFORE = 80
_CODE = re.compile(r"\b[45]\d\d[ -]|\b[45]\.\d{1,3}\.\d{1,3}\b")
_OWN = ("to", "delivered-to", "envelope-to")
"""Fields of a bounce that name whom it is sent to."""


def looks_returned(fields: Fields, leaves: tuple[Part, ...]) -> bool:
    """True when the header shows a mail system at work, or a subject such a system writes."""
    if is_from_system(fields, leaves):
        return True
    title = fields.text("subject")
    answers = fields.raw("in-reply-to") or fields.raw("references") or is_forward(title)
    return not answers and bool(_RETURNED_SUBJECT.search(title))


def is_from_system(fields: Fields, leaves: tuple[Part, ...]) -> bool:
    """Nobody else writes so: neither a name like a mail system's nor a subject like a bounce's is enough."""
    kind = fields.raw("content-type").lower()
    if "multipart/report" in kind:
        return "delivery-status" in kind or "report-type" not in kind
    author = fields.text("from")
    if bool(fields.raw("x-failed-recipients")) or _DAEMON_ITSELF.search(author):
        return True
    automatic = has_null_path(fields) or _says_automatic(fields)
    if automatic and _DAEMON.search(author):
        return True
    return has_null_path(fields) and _returns_ours(leaves, fields)


def is_known_wording(tree: MimeMessage, fields: Fields, text: str) -> bool:
    """A program sent it, in the words of a mail system flufl.bounce knows: a form's mail only has such a subject."""
    return (has_null_path(fields) or _says_automatic(fields)) and any(_known_wordings(tree, fields, text))


def _may_be_from_system(fields: Fields, leaves: tuple[Part, ...]) -> bool:
    """Enough to look for whom it names; whether it counts is decided by what it reports."""
    if is_from_system(fields, leaves):
        return True
    hints = has_null_path(fields) or bool(_DAEMON.search(fields.text("from")))
    return hints and not is_reply(fields.text("subject")) and looks_returned(fields, leaves)


def _says_automatic(fields: Fields) -> bool:
    return fields.raw("auto-submitted").strip().lower() not in ("", "no")


def has_null_path(fields: Fields) -> bool:
    return fields.to_nobody or fields.raw("return-path").replace(" ", "") == "<>"


def _returns_ours(leaves: tuple[Part, ...], fields: Fields) -> bool:
    """A mail comes back to whom it was from."""
    to = {a.key for value in fields.raws("to") for a in people.found_in(value)}
    return any(to & returned.writers(header) for header in returned.headers(leaves))


def written_to(recipients: tuple[DeliveryReport, ...], text: str) -> tuple[DeliveryReport, ...]:
    """The recipients by the addresses we wrote to, where the words beside the report tell whither those forward."""
    if "expanded" not in text:
        return recipients
    forwarded = {target.casefold(): address for target, address in _TARGET.findall(text)}
    found: dict[str, DeliveryReport] = {}
    for one in recipients:
        address = forwarded.get(one.final_recipient.casefold(), one.final_recipient)
        found.setdefault(address.casefold(), replace(one, final_recipient=address))
    return tuple(found.values())


def told_in_words(tree: MimeMessage, leaves: tuple[Part, ...], fields: Fields, text: str) -> tuple[DeliveryReport, ...]:
    """Whom a bounce in words names, with what it says of them."""
    said = _above_original(text[:TEXT_LIMIT])
    temporary: list[str] = []
    permanent = [a.address for value in fields.raws("x-failed-recipients") for a in people.found_in(value)]
    if not permanent:
        temporary, permanent = _known_wordings(tree, fields, text)
        system = _may_be_from_system(fields, leaves)
        if not temporary and not permanent and system:
            permanent = _refused(said, fields)
        never = _not_recipients(leaves, fields, said, text)
        permanent, temporary = ([a for a in found if a.casefold() not in never] for found in (permanent, temporary))
        if not temporary and not permanent and system:
            permanent = _by_what_came_back(leaves, fields, said, text, never)
    if _is_delay(said, fields):
        temporary, permanent = [*temporary, *permanent], []
    written_to = _written_to(said)
    found: dict[str, DeliveryReport] = {}
    for action, addresses in ((Action.FAILED, permanent), (Action.DELAYED, temporary)):
        for named_address in addresses:
            address = written_to.get(named_address.casefold(), named_address)
            found.setdefault(address.casefold(), _report(action, address, said))
    return tuple(found.values())


def _not_recipients(leaves: tuple[Part, ...], fields: Fields, said: str, text: str) -> set[str]:
    """Addresses a bounce names that did not bounce: whom it is sent to, who wrote the mail that came back, its
    Message-ID, and whom to ask about it."""
    found = {i.casefold() for i in returned.quoted_ids(text)}
    found |= {a.key for name in _OWN for value in fields.raws(name) for a in people.found_in(value)}
    for m in _ADDRESS.finditer(said):
        if _CONTACT.search(re.split(r"[@\n]", said[max(0, m.start() - CONTACT_BEFORE) : m.start()])[-1]):
            found.add(m[1].casefold())
    for header in returned.headers(leaves):
        found |= {i.casefold() for i in returned.ids_of(header)} | returned.writers(header)
        found -= {a.key for a in people.found_in(mime.field(header, "to"))}
    return found


def _by_what_came_back(leaves: tuple[Part, ...], fields: Fields, said: str, text: str, never: set[str]) -> list[str]:
    """Whom the returned mail was written to, in whatever language it is refused: those of them the bounce names, else
    the only one; nothing of it came back: the only address named. A postmaster who writes by hand refuses nothing."""
    automatic = has_null_path(fields) or _says_automatic(fields) or _DAEMON_ITSELF.search(fields.text("from"))
    if not (automatic or _CODE.search(said) or _RETURNED_SUBJECT.search(fields.text("subject"))):
        return []
    candidates = [a for a in returned.written_to(leaves, text) if a.casefold() not in never]
    named = [a for a in candidates if a.casefold() in said.casefold()]
    if named or len(candidates) == 1:
        return named or candidates
    found = dict.fromkeys(m[1].rstrip(".") for m in _ADDRESS.finditer(said))
    others = [a for a in found if a.casefold() not in never and not _DAEMON.search(a)]
    return others if len(others) == 1 else []


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
    return bool(_DELAYED.search(whole)) and not _GIVEN_UP.search(_SHOULD_IT_FAIL.sub("", whole))


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

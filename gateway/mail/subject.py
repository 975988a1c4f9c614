"""Subjects without what mail programs put in front of them (RFC 5256 section 2.1).

For comparing and grouping only: a customer's subject is shown and sent as it was written.
"""

from __future__ import annotations

import re

_REPLY = r"re|aw|antw|antwort|sv|vs|odp|ref|r|rif|ynt|res|vá|απ|σχετ|trả lời|תגובה|رد|回复|回覆|答复|Ha|Отв|ответ"
_FORWARD = (
    r"fw|fwd|wg|weitergeleitet|tr|rv|enc|i|doorst|vb|vl|pd|(?:i|İ|i̇)lt|továbbítás|πρθ|chuyển tiếp|пересл|הועבר"
    r"|إعادة توجيه|转发|轉寄|転送"
)
"""Finland answers with the `VS` that passes on in Norway and Denmark."""
_PREFIX = re.compile(rf"(?:(?:{_REPLY}|{_FORWARD})\s*(?:\[\d{{1,3}}\]|\(\d{{1,3}}\)|\^\d{{1,3}})?\s*[:：]\s*)+", re.I)
_FORWARDED = re.compile(rf"(?:{_FORWARD})\s*[:：]", re.I)
_ANSWERED = re.compile(rf"(?:{_REPLY})\s*(?:\[\d{{1,3}}\]|\(\d{{1,3}}\)|\^\d{{1,3}})?\s*[:：]", re.I)
_TAG = re.compile(r"\[[^\[\]]{1,60}\]\s*")
_GATEWAY = re.compile(
    r"(?:\[\s*(?:extern(?:al|e|er)?|ext|(?:suspected |possible |probable )?spam|junk|bulk|caution|achtung|disarmed)"
    r"(?:[ -](?:e-?mail|mail|sender|absender))?\s*[?!]?\s*\]"
    r"|[*#]{2,}\s*(?:suspected |possible |probable )?(?:spam|junk|bulk|extern(?:al)?|unchecked)\s*[*#]{2,}"
    r"|\{\s*(?:definitely )?(?:spam|disarmed|virus|fraud|dangerous content|blocked content|filename)\s*\??\s*\}"
    r"|(?:extern(?:al)?|spam)(?:[ -](?:e-?mail|mail))?\s*:)\s*",
    re.I,
)
"""What mail gateways put in front of a subject; no part of it."""
_FOREIGN = re.compile(
    r"\[(?:[A-Z][A-Z0-9]{1,9}-\d{1,12}|#\s?[\w.-]*\d[\w.-]*#?"
    r"|(?:ticket|case|request|incident|anfrage|vorgang|ref|id)\b[^\[\]]{0,12}\d[^\[\]]{0,20})\]"
    r"|\bref:[\w.!-]{3,60}:ref\b|##\s?\d{3,12}\s?##",
    re.I,
)
_TRAILER = re.compile(r"\s*\((?:fwd|weitergeleitet)\)\s*$", re.I)


def base_subject(subject: str) -> str:
    """`AW: [RD-7-ABCDEF] Re: Printer` → `Printer`. A subject of marks alone keeps its last tag."""
    base = " ".join(subject.split())
    while True:
        before = base
        base = _TRAILER.sub("", base)
        base = base[found.end() :] if (found := _PREFIX.match(base)) else base
        tag = _GATEWAY.match(base) or _TAG.match(base)
        if tag and base[tag.end() :].strip():
            base = base[tag.end() :]
        if base == before:
            return base.strip()


def foreign_references(subject: str) -> tuple[str, ...]:
    """By which marks another desk finds its own ticket again: `[SUP-1]`, `[#4711]`, `ref:_00D:ref`."""
    return tuple(dict.fromkeys(_FOREIGN.findall(subject)))


def without_gateway_tags(subject: str) -> str:
    """`Re: ***SPAM*** [EXTERN] Printer` → `Re: Printer`: as its author wrote it."""
    head, rest = "", subject.strip()
    while True:
        if found := _GATEWAY.match(rest):
            rest = rest[found.end() :]
        elif found := _PREFIX.match(rest):
            head, rest = head + found[0], rest[found.end() :]
        else:
            return (head + rest).strip() if rest else subject


def is_reply(subject: str) -> bool:
    """True when a mail program marked it as an answer."""
    return bool(_ANSWERED.match(_untagged(subject)))


def is_forward(subject: str) -> bool:
    """True when the mail passes another one on, so that what it quotes is what it says."""
    return bool(_FORWARDED.match(_untagged(subject)))


def _untagged(subject: str) -> str:
    rest = subject.strip()
    while tag := _GATEWAY.match(rest) or _TAG.match(rest):
        rest = rest[tag.end() :]
    return rest

"""Subjects without what mail programs put in front of them (RFC 5256 section 2.1).

For comparing and grouping only: a customer's subject is shown and sent as it was written.
"""

from __future__ import annotations

import re

_REPLY = r"re|aw|antw|antwort|sv|vs|odp|ref|r|rif|ynt|res|回复|回覆|答复|Ha|Отв|ответ"
_FORWARD = r"fw|fwd|wg|weitergeleitet|tr|rv|enc|i|doorst|vb|vl|pd|转发|轉寄|пересл"
_PREFIX = re.compile(rf"(?:(?:{_REPLY}|{_FORWARD})\s*(?:\[\d{{1,3}}\]|\(\d{{1,3}}\)|\^\d{{1,3}})?\s*[:：]\s*)+", re.I)
_FORWARDED = re.compile(r"(?:fw|fwd|wg|weitergeleitet|tr|rv|enc|doorst|vb|vl|pd|转发|轉寄)\s*[:：]", re.I)
_TAG = re.compile(r"\[[^\[\]]{1,60}\]\s*")
_TRAILER = re.compile(r"\s*\((?:fwd|weitergeleitet)\)\s*$", re.I)


def base_subject(subject: str) -> str:
    """`AW: [RD-7-ABCDEF] Re: Printer` → `Printer`. A subject of marks alone keeps its last tag."""
    base = " ".join(subject.split())
    while True:
        before = base
        base = _TRAILER.sub("", base)
        base = base[found.end() :] if (found := _PREFIX.match(base)) else base
        tag = _TAG.match(base)
        if tag and base[tag.end() :].strip():
            base = base[tag.end() :]
        if base == before:
            return base.strip()


def is_forward(subject: str) -> bool:
    """True when the mail passes another one on, so that what it quotes is what it says."""
    rest = subject.strip()
    while tag := _TAG.match(rest):
        rest = rest[tag.end() :]
    return bool(_FORWARDED.match(rest))

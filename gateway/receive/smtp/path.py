"""Paths and parameters of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 6531 section 3.3).

What comes out is fit for the journal and for a header line: printable text, no control
character, no lone surrogate, no angle bracket outside a quoted string.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ATOMS = r'[^\x00-\x20\x7f<>()\[\]:;@\\,"]+'
_QUOTED = r'"(?:[^\x00-\x1f\x7f"\\]|\\[\x20-\x7e])*"'
_LITERAL = r"\[[0-9A-Za-z.:-]+\]"
_MAILBOX = rf"(?P<local>{_ATOMS}|{_QUOTED})@(?P<domain>{_ATOMS}|{_LITERAL})"
# A source route is accepted and ignored, as appendix C of RFC 5321 asks. Brackets may be missing, as from many scripts.
_PATH = re.compile(
    rf"<(?:@{_ATOMS}(?:,@{_ATOMS})*:)?(?P<bracketed>{_MAILBOX}|postmaster|)>(?=\s|\Z)"
    rf"|(?P<bare>{_MAILBOX.replace('?P<local>', '').replace('?P<domain>', '')})(?=\s|\Z)",
    re.IGNORECASE,
)
_PLAIN_QUOTED = re.compile(rf'"({_ATOMS})"(@.+)')
_PARAMETER = re.compile(r"([0-9A-Za-z][0-9A-Za-z-]*)(?:=([\x21-\x3c\x3e-\x7e]+))?")


@dataclass(frozen=True, slots=True)
class Path:
    """The argument of MAIL or RCPT, taken apart."""

    address: str
    """Without angle brackets and source route; empty for `<>`; `postmaster` may stand alone."""
    parameters: dict[str, str]
    """Upper-cased ESMTP keyword → value, empty where it has none."""

    @property
    def needs_smtputf8(self) -> bool:
        return not self.address.isascii()


class BadPath(ValueError):
    """The address cannot be read."""


class BadParameters(ValueError):
    """The ESMTP parameters cannot be read, or one is given twice."""


def read_path(argument: str, keyword: str) -> Path:
    """Read `FROM:<a@example.com> SIZE=1` given the keyword `FROM`. Raises BadPath or BadParameters."""
    head, colon, rest = argument.partition(":")
    if not colon or head.strip().upper() != keyword:
        raise BadPath
    rest = rest.strip(" ")
    match = _PATH.match(rest)
    if not match or not rest.isprintable():
        raise BadPath
    address = match["bracketed"] if match["bare"] is None else match["bare"]
    # "support"@example.com is the same mailbox as support@example.com (section 4.1.2).
    address = _PLAIN_QUOTED.sub(r"\1\2", address)
    return Path(address, _parameters(rest[match.end() :].split()))


def _parameters(words: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        match = _PARAMETER.fullmatch(word)
        if not match or match[1].upper() in found:
            raise BadParameters
        found[match[1].upper()] = match[2] or ""
    return found

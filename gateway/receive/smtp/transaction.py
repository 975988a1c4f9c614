"""The mail transaction: MAIL, RCPT, DATA (RFC 5321 section 3.3), and the paths they name (section 4.1.2).

Without I/O: arguments of commands in, replies out. No relay: a recipient that is not ours is
refused (550 5.1.1). SIZE is RFC 1870, SMTPUTF8 RFC 6531. What comes out of a path is fit for the
journal and for a header line: printable text, no lone surrogate, no angle bracket outside a quoted string.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.mail.message import Envelope, address_key
from gateway.receive.smtp import replies
from gateway.receive.smtp.admission import Peer
from gateway.receive.smtp.options import Options
from gateway.receive.smtp.replies import Declined, Reply

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


log = logging.getLogger("replydesk.receive")


@dataclass(slots=True)
class Transaction:
    """What MAIL and RCPT have said of one mail."""

    reverse_path: str
    smtputf8: bool
    forward_paths: list[str] = field(default_factory=list)
    """One for each RCPT we said yes to, repeated ones too: LMTP answers each."""

    def envelope(self, peer: Peer) -> Envelope:
        """Each recipient once, in order."""
        unique: dict[str, str] = {}
        for path in self.forward_paths:
            unique.setdefault(address_key(path), path)
        return Envelope(
            source=peer.source,
            reverse_path=self.reverse_path,
            recipients=tuple(unique.values()),
            remote=peer.remote,
            authenticated_as=peer.authenticated_as,
        )


class Transactions:
    """The transactions of one connection, one after the other. Every verb may raise `Declined`."""

    def __init__(self, peer: Peer, options: Options, is_ours: Callable[[str], bool]) -> None:
        self._peer, self._options, self._is_ours = peer, options, is_ours
        self.current: Transaction | None = None
        """Open between MAIL and the end of DATA."""

    async def mail(self, argument: str) -> Reply:
        if self.current is not None:
            return replies.MAIL_ALREADY_OPEN
        path = _path(argument, "FROM", replies.BAD_SENDER)
        self._check_sender(path)
        self.current = Transaction(path.address, "SMTPUTF8" in path.parameters)
        return replies.SENDER_OK

    def _check_sender(self, path: Path) -> None:
        given = path.parameters
        # A server that offers AUTH takes the AUTH parameter, and need not believe it (RFC 4954 section 5).
        known = {"SIZE", "BODY", "SMTPUTF8"} | ({"AUTH"} if self._options.credentials else set())
        size = given.get("SIZE", "0")
        if path.address and "@" not in path.address:
            raise Declined(replies.BAD_SENDER)
        if not known.issuperset(given):
            raise Declined(replies.BAD_PARAMETER)
        if (
            not (size.isascii() and size.isdecimal() and len(size) <= 20)
            or given.get("BODY", "7BIT").upper() not in ("7BIT", "8BITMIME")
            or given.get("SMTPUTF8")
        ):
            raise Declined(replies.BAD_ARGUMENT)
        if path.needs_smtputf8 and "SMTPUTF8" not in given:
            raise Declined(replies.NEEDS_SMTPUTF8)
        if int(size) > self._options.max_message_bytes:
            raise Declined(replies.TOO_BIG)

    async def rcpt(self, argument: str) -> Reply:
        if self.current is None:
            return replies.NEED_MAIL
        path = _path(argument, "TO", replies.BAD_RECIPIENT)
        refusal = self._refuse_recipient(path, self.current)
        if refusal is None:
            self.current.forward_paths.append(path.address)
            return replies.RECIPIENT_OK
        about = {"reverse_path": self.current.reverse_path, "recipient": path.address, "reply": str(refusal)}
        log.info("recipient rejected", extra={**self._peer.fields, **about})
        return refusal

    def _refuse_recipient(self, path: Path, transaction: Transaction) -> Reply | None:
        if not path.address:
            return replies.BAD_RECIPIENT
        if path.parameters:
            return replies.BAD_PARAMETER
        if path.needs_smtputf8 and not transaction.smtputf8:
            return replies.NEEDS_SMTPUTF8
        if not self._is_ours(path.address):
            return replies.NOT_OURS
        if len(transaction.forward_paths) >= self._options.max_recipients:
            return replies.TOO_MANY_RECIPIENTS
        return None

    def ready_for_data(self, argument: str) -> Transaction:
        """The transaction that DATA is for."""
        if argument:
            raise Declined(replies.BAD_ARGUMENT)
        if self.current is None:
            raise Declined(replies.NEED_MAIL)
        if not self.current.forward_paths:
            raise Declined(replies.NEED_RECIPIENT)
        return self.current


def _path(argument: str, keyword: str, unreadable: Reply) -> Path:
    try:
        return read_path(argument, keyword)
    except BadPath:
        raise Declined(unreadable) from None
    except BadParameters:
        raise Declined(replies.BAD_ARGUMENT) from None

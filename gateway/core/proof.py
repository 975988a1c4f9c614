"""Whether the author of a mail is who the From field says.

Two proofs count: SMTP AUTH as that very address, and a DMARC pass (RFC 7489) written by ourselves or one
of our own mail servers into Authentication-Results (RFC 8601). Anybody can write such a field, so
only the newest one of a trusted authserv-id is believed, and only if that host removes forged
ones (RFC 8601 section 5), which docs/install.md tells the operator to check. Ours stands between the
two fields we put on top of what a peer sends, where no peer can put one. A From field that
programs read differently proves nobody: the host may have judged somebody else than we read. Nor does a signed mail
with a second field of a kind there is once (RFC 6376 section 8.15): the signature is of the last, we read the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.core.case import author_of
from gateway.core.policy import Policy
from gateway.mail.header import NAMES_LIMIT
from gateway.mail.message import Envelope, Message, address_key, ascii_domain

_BY_OURSELVES = ("smtp", "file")
"""Sources whose first fields are ours; a file only shows what would be, and changes nothing."""
_OUR_FIELDS = ("return-path", "authentication-results")
_ONCE = "to cc reply-to subject date message-id in-reply-to references content-type content-transfer-encoding".split()
"""Fields of which a mail has one at most (RFC 5322 section 3.6, RFC 2045 section 3); From is looked at elsewhere."""


def authentic(message: Message, envelope: Envelope, policy: Policy) -> str:
    """`smtp-auth`, `dmarc`, or empty when nothing proves the author's address."""
    author = message.author
    if author is None or message.author_unsure or len(message.from_) != 1:
        return ""
    if author_of(message, policy).key != author.key:
        # A form proves itself, not the person whom a visitor named in it.
        return ""
    if envelope.authenticated_as and address_key(envelope.authenticated_as) == author.key:
        return "smtp-auth"
    passed = _verdict(message, envelope, policy) == "pass"
    return "dmarc" if passed and not _is_ambiguous(message) else ""


def disproven(message: Message, envelope: Envelope, policy: Policy) -> bool:
    """The author is unsure, or named by a form, or a trusted host says that its domain did not send this or
    that it read another author: then no other mark proves it either."""
    named = message.author is not None and author_of(message, policy).key != message.author.key
    return message.author_unsure or named or _verdict(message, envelope, policy) == "fail"


def _is_ambiguous(message: Message) -> bool:
    """Whoever has a mail somebody signed may have put a further field in front; of too many not all are known."""
    fields = message.headers
    return len(fields) >= NAMES_LIMIT or any(len(fields.get(name, ())) > 1 for name in _ONCE)


def _verdict(message: Message, envelope: Envelope, policy: Policy) -> str:
    """The DMARC result a trusted host wrote for the author's domain, empty without one; `fail` where it judged
    another domain, for then it read another author than we did."""
    said = [r for r in trusted_results(message, envelope, policy) if r.method == "dmarc"]
    if message.author is None or not said:
        return ""
    domain = ascii_domain(message.author.key.rpartition("@")[2])
    if any(r.result == "fail" or not _within(ascii_domain(r.domain), domain) for r in said):
        return "fail"
    results = {r.result if ascii_domain(r.domain) == domain else "" for r in said}
    return results.pop() if len(results) == 1 else ""


def _within(judged: str, domain: str) -> bool:
    """A host may name the organisation's domain instead of the author's, or none."""
    return not judged or domain == judged or domain.endswith(f".{judged}")


@dataclass(frozen=True, slots=True)
class AuthenticationResult:
    """One result in an Authentication-Results field."""

    method: str
    """`dkim`, `dmarc`, `spf`, …"""
    result: str
    """`pass`, `fail`, `none`, …"""
    domain: str = ""
    """Of the From field it is about (`header.from`), lower case."""


def trusted_results(message: Message, envelope: Envelope, policy: Policy) -> tuple[AuthenticationResult, ...]:
    """What the newest field of a trusted host says; nothing without such a field, or when nobody can read it."""
    trusted = {host.casefold() for host in policy.trusted_authserv_ids}
    if policy.verifies_as and envelope.source in _BY_OURSELVES and tuple(message.headers)[:2] == _OUR_FIELDS:
        trusted.add(policy.verifies_as.casefold())
    if not trusted:
        return ()
    import authres

    for value in message.headers.get("authentication-results", ()):
        try:
            header = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
        except (authres.core.AuthResError, ValueError, IndexError, AttributeError):
            # What our own host wrote and nobody can read is no reason to believe an older field.
            if value.partition(";")[0].casefold().split()[:1] in [[host] for host in trusted]:
                return ()
            continue
        if str(header.authserv_id).casefold() in trusted:
            return tuple(_result(r.method, r.result, r.properties) for r in header.results)
    return ()


def _result(method: str, result: object, properties: Iterable[Any]) -> AuthenticationResult:
    said = {p.name: str(p.value).lower() for p in properties if p.type == "header"}
    return AuthenticationResult(method, str(result), said.get("from", "").rpartition("@")[2].rstrip("."))

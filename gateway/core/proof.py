"""Whether the author of a mail is who the From field says.

Two proofs count: SMTP AUTH as that very address, and a DMARC pass (RFC 7489) written by one of
our own mail servers into Authentication-Results (RFC 8601). Anybody can write such a field, so
only the newest one of a trusted authserv-id is believed, and only if that host removes forged
ones (RFC 8601 section 5), which docs/install.md tells the operator to check.
"""

from __future__ import annotations

from gateway.core.case import author_of
from gateway.core.policy import Policy
from gateway.mail.message import Envelope, Message, address_key


def authentic(message: Message, envelope: Envelope, policy: Policy) -> str:
    """`smtp-auth`, `dmarc`, or empty when nothing proves the author's address."""
    author = message.author
    if author is None or len(message.from_) != 1:
        return ""
    if author_of(message, policy).key != author.key:
        # A form proves itself, not the person whom a visitor named in it.
        return ""
    if envelope.authenticated_as and address_key(envelope.authenticated_as) == author.key:
        return "smtp-auth"
    return "dmarc" if _verdict(message, policy) == "pass" else ""


def disproven(message: Message, policy: Policy) -> bool:
    """A trusted host says that the domain of the From field did not send this: then no other mark proves it either."""
    return _verdict(message, policy) == "fail"


def _verdict(message: Message, policy: Policy) -> str:
    """The DMARC result a trusted host wrote for the author's domain, empty without one."""
    trusted = {host.casefold() for host in policy.trusted_authserv_ids}
    if not trusted or message.author is None:
        return ""
    domain = message.author.key.rpartition("@")[2]
    for value in message.headers.get("authentication-results", ()):
        verdict = _dmarc(value, trusted, domain)
        if verdict is not None:
            return verdict
    return ""


def _dmarc(value: str, trusted: set[str], domain: str) -> str | None:
    """The result, empty when about another domain or not readable; None when the field is not a trusted host's."""
    import authres

    try:
        header = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
    except (authres.core.AuthResError, ValueError, IndexError, AttributeError):
        # What our own host wrote and nobody can read is no reason to believe an older field.
        return "" if value.partition(";")[0].casefold().split()[:1] in [[host] for host in trusted] else None
    if str(header.authserv_id).casefold() not in trusted:
        return None
    for result in header.results:
        if result.method == "dmarc":
            said = {p.name: str(p.value).lower() for p in result.properties if p.type == "header"}
            return str(result.result) if said.get("from", "").rpartition("@")[2] == domain else ""
    return ""

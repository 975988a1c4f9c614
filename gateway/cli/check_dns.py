"""What DNS says of the domains we write from: MX (RFC 5321), SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489).

Asks the resolver of this machine and believes it. What is missing is a warning: mail leaves
nevertheless, but many will take it for spam.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gateway.cli.findings import ERROR, OK, WARNING, Finding
from gateway.config import Settings
from gateway.mail.message import ascii_domain

if TYPE_CHECKING:
    from dns.resolver import Resolver

SECONDS = 5.0
"""For each question, all servers of the resolver together."""

_TAG = re.compile(r"\s*([A-Za-z]+)\s*=\s*([^;]*)")


class Silent(Exception):
    """The resolver does not answer."""


def look_at_dns(settings: Settings, selectors: Sequence[str], resolver: Resolver | None = None) -> Iterator[Finding]:
    """Findings for each domain of a mailbox. `selectors`: names of DKIM keys to look at."""
    addresses = [a for b in settings.mailboxes for a in (b.address, b.reply_address.replace("{token}", "")) if a]
    asked = _Asked(resolver)
    try:
        for domain in dict.fromkeys(ascii_domain(a.rpartition("@")[2]).casefold() for a in addresses):
            yield from _domain(asked, domain, selectors)
    except Silent as error:
        yield Finding("dns", WARNING, f"DNS was not looked at: {error}", "Ask again where a resolver answers.")


def _domain(asked: _Asked, domain: str, selectors: Sequence[str]) -> Iterator[Finding]:
    if not asked.exists(domain):
        yield Finding("dns", ERROR, f"{domain} does not exist", "Register it, or correct the address in [[mailboxes]].")
        return
    yield _mx(asked, domain)
    yield _spf(asked, domain)
    yield from _dkim(asked, domain, selectors)
    yield _dmarc(asked, domain)


def _mx(asked: _Asked, domain: str) -> Finding:
    hosts = asked.mail_hosts(domain)
    if hosts == ["."]:
        remedy = "Remove its null MX (RFC 7505)."
        return Finding("dns", ERROR, f"{domain}: MX says that it takes no mail", remedy)
    if not hosts:
        if asked.has_address(domain):
            return Finding(
                "dns", WARNING, f"{domain}: no MX; mail goes to the domain's own address", "Add an MX record."
            )
        return Finding("dns", ERROR, f"{domain}: neither MX nor address; nobody can write to it", "Add an MX record.")
    lost = [host for host in hosts if not asked.has_address(host)]
    if lost:
        return Finding("dns", ERROR, f"{domain}: MX {', '.join(lost)} has no address", "Correct the MX record.")
    return Finding("dns", OK, f"{domain}: MX {', '.join(hosts)}")


def _spf(asked: _Asked, domain: str) -> Finding:
    found = [t for t in asked.texts(domain) if t.casefold().split(" ")[0] == "v=spf1"]
    if not found:
        remedy = 'Add a TXT record such as "v=spf1 mx a:RELAY -all" that names your relay.'
        return Finding("dns", WARNING, f"{domain}: no SPF record", remedy)
    if len(found) > 1:
        return Finding("dns", ERROR, f"{domain}: {len(found)} SPF records, so none counts", "Make one of them.")
    if re.search(r"(?i)(^|\s)\+?all\b", found[0]):
        return Finding("dns", WARNING, f"{domain}: SPF lets everybody send ({found[0]})", 'End it with "-all".')
    return Finding("dns", OK, f"{domain}: SPF {found[0]}")


def _dkim(asked: _Asked, domain: str, selectors: Sequence[str]) -> Iterator[Finding]:
    for selector in selectors:
        name = f"{selector}._domainkey.{domain}"
        keys = [tags["p"] for tags in map(_tags, asked.texts(name)) if "p" in tags]
        if not keys:
            yield Finding("dns", ERROR, f"{name}: no DKIM key", "Publish the key of your relay there.")
        elif not all(keys):
            yield Finding("dns", ERROR, f"{name}: the DKIM key is revoked (empty p=)", "Publish the present key.")
        else:
            yield Finding("dns", OK, f"{name}: a DKIM key is published")
    if selectors:
        return
    # A name that only has names below it exists (RFC 8020): so we learn of keys without knowing what they are called.
    if asked.exists(f"_domainkey.{domain}"):
        yield Finding("dns", OK, f"{domain}: DKIM keys are published; --dkim-selector NAME looks at one")
    else:
        remedy = "Have your relay sign, and publish its key."
        yield Finding("dns", WARNING, f"{domain}: no DKIM key is published", remedy)


def _dmarc(asked: _Asked, domain: str) -> Finding:
    labels = domain.split(".")
    # Without a list of public suffixes every parent of two labels or more is asked.
    for name in (".".join(labels[n:]) for n in range(max(1, len(labels) - 1))):
        found = [t for t in asked.texts(f"_dmarc.{name}") if _tags(t).get("v") == "DMARC1"]
        if len(found) > 1:
            return Finding("dns", ERROR, f"{name}: {len(found)} DMARC records, so none counts", "Make one of them.")
        if found:
            policy = _tags(found[0]).get("p", "")
            if policy not in ("none", "quarantine", "reject"):
                return Finding("dns", ERROR, f"{name}: DMARC without a policy ({found[0]})", "Add p=none or more.")
            said = " (it only watches)" if policy == "none" else ""
            return Finding("dns", OK, f"{domain}: DMARC p={policy}{said}")
    remedy = f'Add a TXT record at _dmarc.{domain}, to begin with "v=DMARC1; p=none".'
    return Finding("dns", WARNING, f"{domain}: no DMARC record", remedy)


def _tags(record: str) -> dict[str, str]:
    """A list of `tag=value`, as DKIM and DMARC write it."""
    return {m[1].casefold(): m[2].strip() for part in record.split(";") if (m := _TAG.fullmatch(part))}


class _Asked:
    """A resolver, and the few questions we have. Everything raises `Silent` when it does not answer."""

    def __init__(self, resolver: Resolver | None) -> None:
        self._resolver = resolver

    def exists(self, name: str) -> bool:
        """There is such a name, or one below it."""
        return self._ask(name, "TXT") is not None

    def texts(self, name: str) -> list[str]:
        found = self._ask(name, "TXT") or ()
        return [b"".join(record.strings).decode("utf-8", "replace") for record in found]

    def mail_hosts(self, name: str) -> list[str]:
        """By preference; `.` alone for a null MX."""
        records = sorted(self._ask(name, "MX") or (), key=lambda r: r.preference)
        return [record.exchange.to_text(omit_final_dot=True) or "." for record in records]

    def has_address(self, name: str) -> bool:
        return any(self._ask(name, kind) for kind in ("A", "AAAA"))

    def _ask(self, name: str, kind: str) -> Sequence[Any] | None:
        """The records; empty when the name has none of that kind, None when there is no such name."""
        from dns import exception, resolver

        try:
            if self._resolver is None:
                self._resolver = resolver.Resolver()
            answer = self._resolver.resolve(name, kind, lifetime=SECONDS, search=False)
        except resolver.NXDOMAIN:
            return None
        except resolver.NoAnswer:
            return ()
        except exception.DNSException as error:
            raise Silent(str(error).partition(":")[0] or type(error).__name__) from None
        return tuple(answer)

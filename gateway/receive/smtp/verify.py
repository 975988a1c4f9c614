"""Who sent a mail, judged by ourselves: SPF (RFC 7208), DKIM (RFC 6376) and DMARC, for those who are their own MX.

First the DNS is asked, by the mail's head alone and before memory is taken for the rest; then all is computed. What
cannot be found out in time is `temperror`: it proves nothing and disproves nothing, and no mail is refused for it.
pyspf and dkimpy do the judging. What strangers write is kept short before it comes to them, for some of their
patterns take the square of a long text's time.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Protocol

import dkim
import dns.exception
import dns.name
import dns.resolver
import spf
from dkim.util import InvalidTagValueList, parse_tag_value

from gateway.mail.delivered import HEADER_BYTES
from gateway.mail.dmarc import Organisation, aligned, ascii_domain, author_domain, organisation
from gateway.mail.message import Envelope

SECONDS = 10.0
"""For all questions about one mail."""
_QUESTION_SECONDS = 3.0
_THREADS = 16
_SIGNATURES = 5
_SIGNATURE_BYTES = 4096
_FIELDS = 1000
_TEXT_CHARACTERS, _KEY_CHARACTERS = 4096, 1200
"""Of a TXT record, and of one with a key: 4,096 bits of RSA fit."""
_HOST = re.compile(r"[0-9A-Za-z_](?:[0-9A-Za-z_.-]{0,252}[0-9A-Za-z])?")
_SPF_RESULTS = frozenset("pass fail softfail neutral none temperror permerror".split())


class Resolver(Protocol):
    """As dnspython's."""

    def resolve(self, qname: str, rdtype: str, *, lifetime: float, search: bool) -> Iterable[Any]: ...


class DnsFault(Exception):
    """The DNS did not answer, or not in time."""


@dataclass(slots=True)
class _Questions:
    """What is asked about one mail, each question once."""

    resolver: Resolver
    deadline: float
    answers: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    organisations: dict[str, Organisation] = field(default_factory=dict)

    def ask(self, name: str, kind: str) -> list[Any]:
        """Records; empty where there are none. Raises `DnsFault`."""
        key = (name.rstrip(".").lower(), kind)
        if key not in self.answers:
            self.answers[key] = self._asked(*key)
        return self.answers[key]

    def _asked(self, name: str, kind: str) -> list[Any]:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DnsFault(name)
        try:
            dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            return []
        try:
            return list(self.resolver.resolve(name, kind, lifetime=min(left, _QUESTION_SECONDS), search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise DnsFault(name) from error

    def texts(self, name: str) -> list[str]:
        found = (b"".join(data.strings).decode("utf-8", "replace") for data in self.ask(name, "TXT"))
        return [text for text in found if len(text) <= _TEXT_CHARACTERS]

    def organisation(self, domain: str) -> Organisation:
        if domain not in self.organisations:
            self.organisations[domain] = organisation(domain, self.texts)
        return self.organisations[domain]


_questions: ContextVar[_Questions] = ContextVar("questions")


def _for_pyspf(name: str, kind: str, strict: object = True, timeout: float = 0) -> list[tuple[tuple[str, str], Any]]:
    """Its one door to the DNS, in the shapes it expects."""
    asked = _questions.get()
    try:
        if kind in ("TXT", "SPF"):
            return [((name, kind), (text.encode(),)) for text in asked.texts(name)]
        records = asked.ask(name, kind)
    except DnsFault as error:
        raise spf.TempError(f"DNS {error}") from error
    if kind in ("A", "AAAA"):
        return [((name, kind), record.address) for record in records]
    if kind == "MX":
        return [((name, kind), (record.preference, record.exchange)) for record in records]
    return [((name, kind), record.target.to_text(True)) for record in records]


spf.DNSLookup = _for_pyspf


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """What the DNS had to say about one mail, and what follows without its body."""

    author: str
    """Domain of the author; empty where From names not exactly one."""
    spf: str = "temperror"
    sender: str = ""
    """Domain that SPF judged: of MAIL FROM, else of HELO."""
    is_helo: bool = False
    spf_aligned: bool = False
    keys: Mapping[str, str | None] = field(default_factory=dict)
    """Name → DKIM key; None: the DNS did not answer."""
    aligned: frozenset[str] = frozenset()
    """Domains that signed and may speak for the author."""
    policy: str = "temperror"
    """Of DMARC: `published`, `none`, or `temperror`."""

    def judge(self, mail: bytes) -> tuple[str, ...]:
        """The results, each as Authentication-Results has it (RFC 8601). Takes time with a large mail."""
        signed = _dkim(self, mail)
        passed = {domain for domain, result in signed if result == "pass"}
        doubtful = self.spf == "temperror" or any(result in ("temperror", "policy", "neutral") for _, result in signed)
        if not self.author:
            dmarc = "permerror"
        elif self.policy != "published":
            dmarc = self.policy
        elif (self.spf == "pass" and self.spf_aligned) or passed & self.aligned:
            dmarc = "pass"
        else:
            dmarc = "temperror" if doubtful else "fail"
        return (
            f"spf={self.spf}" + _about("smtp.helo" if self.is_helo else "smtp.mailfrom", self.sender),
            *(f"dkim={result}" + _about("header.d", domain) for domain, result in signed),
            *(() if signed else ("dkim=none",)),
            f"dmarc={dmarc}" + _about("header.from", self.author),
        )


class Verifier:
    """Judges mails in threads of its own, for it waits."""

    def __init__(self, resolver: Resolver | None = None, seconds: float = SECONDS) -> None:
        self._resolver: Resolver = resolver or dns.resolver.Resolver()
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(_THREADS, "verify")

    async def ask(self, head: bytes, helo: str, envelope: Envelope) -> SenderFacts | None:
        """None: a mail whose sender is known otherwise, or came from this machine, is not judged."""
        if envelope.authenticated_as or not envelope.remote or ip_address(envelope.remote).is_loopback:
            return None
        head = _head(head)
        questions = _Questions(self._resolver, time.monotonic() + self._seconds)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(
                    self._threads, _ask, questions, head, helo, envelope
                )
        except TimeoutError:
            return SenderFacts(author_domain(head))


def _head(mail: bytes) -> bytes:
    return mail[:HEADER_BYTES].partition(b"\r\n\r\n")[0]


def _ask(questions: _Questions, head: bytes, helo: str, envelope: Envelope) -> SenderFacts:
    _questions.set(questions)
    author = author_domain(head)
    sender, is_helo = ascii_domain(envelope.reverse_path), not envelope.reverse_path
    if is_helo:
        sender = ascii_domain(helo)
    result = _spf(envelope, helo)
    keys: dict[str, str | None] = {}
    signers = set()
    for tags in _signatures(head):
        name, signer = f"{tags['s']}._domainkey.{tags['d']}", ascii_domain(tags["d"])
        signers.add(signer)
        try:
            keys[name] = next((key for key in questions.texts(name) if len(key) <= _KEY_CHARACTERS), "")
        except DnsFault:
            keys[name] = None
    try:
        found = questions.organisation(author).record if author else None
        policy = "published" if found else "none"
        spf_aligned = bool(found and sender and aligned(author, sender, found.strict_spf, questions.organisation))
        speak = frozenset(s for s in signers if found and aligned(author, s, found.strict_dkim, questions.organisation))
    except DnsFault:
        policy, spf_aligned, speak = "temperror", False, frozenset()
    return SenderFacts(author, result, sender, is_helo, spf_aligned, keys, speak, policy)


def _spf(envelope: Envelope, helo: str) -> str:
    try:
        result, _ = spf.check2(envelope.remote, envelope.reverse_path, helo, querytime=0)
    except Exception:  # what strangers publish leads it into places it did not foresee
        return "permerror"
    return result if result in _SPF_RESULTS else "permerror"


def _signatures(head: bytes) -> list[dict[str, str]]:
    """Tags of the first few signatures that can be read at all."""
    found = []
    for value in _signature_values(head):
        try:
            tags = {name.decode("ascii"): said.decode("ascii") for name, said in parse_tag_value(value).items()}
        except (InvalidTagValueList, UnicodeError):
            continue
        if "s" in tags and "d" in tags:
            found.append(tags)
    return found


def _signature_values(head: bytes) -> list[bytes]:
    unfolded = re.sub(rb"\r\n(?=[ \t])", b"", head)
    lines = (line for line in unfolded.split(b"\r\n") if line[:15].lower() == b"dkim-signature:")
    return [line[15:] for line in lines][:_SIGNATURES]


def _about(property: str, domain: str) -> str:
    return f" {property}={domain}" if _HOST.fullmatch(domain) else ""


def _dkim(asked: SenderFacts, mail: bytes) -> list[tuple[str, str]]:
    """(domain, result) of each signature."""
    head, _, body = mail.partition(b"\r\n\r\n")
    values = _signature_values(head)
    if not values:
        return []
    if len(head) > HEADER_BYTES or head.count(b"\r\n") > _FIELDS or max(map(len, values)) > _SIGNATURE_BYTES:
        return [("", "policy")]
    return [_signature(asked, n, head, body) for n in range(len(values))]


def _signature(asked: SenderFacts, number: int, head: bytes, body: bytes) -> tuple[str, str]:
    def key(name: bytes, timeout: float = 0) -> bytes:
        found = asked.keys.get(name.decode("ascii").rstrip("."), "")
        if found is None:
            raise DnsFault
        return found.encode()

    domain = ""
    try:
        verifier = dkim.DKIM(head + b"\r\n\r\n")
        prepared = verifier.verify_headerprep(number)
        tags = verifier.signature_fields
        domain = ascii_domain(tags[b"d"].decode("ascii"))
        if b"l" in tags or tags[b"a"].lower().endswith(b"sha1"):
            # Anybody may have written more behind what was signed, or something else instead (RFC 8301).
            return domain, "policy"
        if b"from" not in (name.strip().lower() for name in tags[b"h"].split(b":")):
            # Anybody may have written another name (RFC 6376 6.1.1); the library looks only when it signs.
            return domain, "permerror"
        verifier.body = _relaxed(body) if tags.get(b"c", b"").strip().endswith(b"/relaxed") else body
        assert prepared
        signature, fields, all_signatures = prepared
        right = verifier.verify_sig(signature, fields, all_signatures[number], key)
    except DnsFault:
        return domain, "temperror"
    except (dkim.UnknownKeyTypeError, dkim.NaClNotFoundError):
        return domain, "neutral"
    except dkim.ValidationError:
        return domain, "fail"
    except Exception:  # hostile signatures lead it into places it did not foresee
        return domain, "permerror"
    return domain, "pass" if right else "fail"


def _relaxed(body: bytes) -> bytes:
    """White space as RFC 6376 section 3.4.4 counts it, in one pass."""
    return re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n")

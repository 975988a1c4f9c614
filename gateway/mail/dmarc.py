"""DMARC: whether a domain that proved to have sent a mail is that of its author.

Records are those of RFC 7489; the domain of an organisation is found by walking up the tree of names, as the successor
of that standard does, so no list of public suffixes has to be kept up to date. Pure: who asks the DNS is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from email import message_from_bytes

from gateway.mail import message
from gateway.mail.header import Fields
from gateway.mail.message import address_key
from gateway.mail.people import found_in

LABELS = 8
"""Of a longer name, only so many less one are asked about."""

Texts = Callable[[str], Iterable[str]]
"""The TXT records of a name."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a domain publishes at `_dmarc`."""

    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    """`y`: others register names below it; `n`: the organisation itself; `u`: not said."""


@dataclass(frozen=True, slots=True)
class Organisation:
    domain: str
    record: Record | None
    """The author's own, else the organisation's; None: it says nothing, so nothing can be judged."""


def record(texts: Iterable[str]) -> Record | None:
    """The one DMARC record among TXT records; None without, or with several (RFC 7489 section 6.6.3)."""
    found = [text for text in texts if text.partition(";")[0].replace(" ", "").casefold() == "v=dmarc1"]
    if len(found) != 1:
        return None
    tags = dict(part.casefold().replace(" ", "").partition("=")[::2] for part in found[0].split(";"))
    return Record(tags.get("adkim") == "s", tags.get("aspf") == "s", tags.get("psd", "u"))


def organisation(domain: str, texts: Texts) -> Organisation:
    """Walk up from `domain` to the organisation it belongs to; a name of one label is no organisation's.

    Raises what `texts` raises.
    """
    found: list[tuple[str, Record]] = []
    for name in _walk(domain):
        said = record(texts(f"_dmarc.{name}"))
        if said is not None:
            if "." not in name:
                said = replace(said, psd="y")
            found.append((name, said))
            if said.psd == "n" or (said.psd == "y" and name != domain):
                break
    own = next((said for name, said in found if name == domain), None)
    top = found[-1][0] if found else domain
    if found and found[-1][1].psd == "y" and top != domain:
        top = ".".join(domain.split(".")[-top.count(".") - 2 :])
    return Organisation(top, own or next((said for name, said in reversed(found)), None))


def aligned(author: str, other: str, strict: bool, organisation_of: Callable[[str], Organisation]) -> bool:
    """Whether `other` speaks for `author`: the same domain, or unless `strict` one of the same organisation."""
    if author == other:
        return True
    if strict:
        return False
    top = organisation_of(author).domain
    return (other == top or other.endswith(f".{top}")) and organisation_of(other).domain == top


def _walk(domain: str) -> Iterable[str]:
    labels = domain.split(".")
    yield domain
    for n in range(min(len(labels), LABELS) - 1, 0, -1):
        yield ".".join(labels[-n:])


def author_domain(head: bytes) -> str:
    """Of the one address in the one From field, in ASCII and lower case; empty where there are more or none."""
    fields = Fields(message_from_bytes(head.replace(b"\r\n", b"\n") + b"\n\n"))
    people = found_in(fields.raw("from")) if fields.count("from") == 1 else []
    return ascii_domain(people[0].address) if len(people) == 1 else ""


def ascii_domain(address: str) -> str:
    """The domain of an address, or a domain, as the DNS knows it; empty for what is none."""
    domain = message.ascii_domain(address_key(address).rpartition("@")[2].rstrip("."))
    try:
        # The codec knows how long a name may be; of ß it makes ss, which is a domain of somebody else.
        return domain.encode("idna").decode("ascii") if domain.isascii() else ""
    except UnicodeError:
        return ""

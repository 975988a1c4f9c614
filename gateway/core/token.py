"""Signed marks: how we know again what we gave out.

Four of them: the reference in a subject, our Message-IDs, the token in a reply address,
and links in mails. All are keyed by the site's secret and say what they are for, so one
cannot be used as another. Comparison takes constant time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from itsdangerous import BadSignature, URLSafeSerializer

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 signs that are not mistaken for one another when read aloud or copied by hand."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The site's secret. `previous` verifies what was given out before a rotation."""

    secret: bytes
    previous: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return "Keys(…)"

    @property
    def all(self) -> tuple[bytes, ...]:
        return (self.secret, *self.previous)


def _digest(secret: bytes, purpose: str, value: str) -> bytes:
    return hmac.new(secret, f"{purpose}\0{value}".encode(), hashlib.sha256).digest()


def _code(secret: bytes, purpose: str, value: str, length: int) -> str:
    """`length` signs of ALPHABET, 5 bits each."""
    number = int.from_bytes(_digest(secret, purpose, value)[:20], "big")
    return "".join(ALPHABET[(number >> (5 * i)) & 31] for i in range(length))


def _is_code(keys: Keys, purpose: str, value: str, code: str) -> bool:
    given = code.upper().encode("utf-8", "replace")
    return any(hmac.compare_digest(_code(s, purpose, value, len(code)).encode(), given) for s in keys.all)


# --- the reference a person sees: [RD-1042-7KQ4TN] -------------------------------------

REFERENCE_LENGTH = 6


def reference(keys: Keys, prefix: str, number: int) -> str:
    """`RD-1042-7KQ4TN`: ticket number and a code of 30 bits."""
    return f"{prefix}-{number}-{_code(keys.secret, 'reference', str(number), REFERENCE_LENGTH)}"


def verify_reference(keys: Keys, number: int, code: str) -> bool:
    return len(code) == REFERENCE_LENGTH and _is_code(keys, "reference", str(number), code)


def find_references(keys: Keys, prefix: str, text: str) -> tuple[tuple[int, bool], ...]:
    """Every reference in a text as (number, code is right), in order, each once."""
    found: dict[tuple[int, bool], None] = {}
    for m in re.finditer(_reference_pattern(prefix), text, re.I):
        number = int(m[1])
        found[number, verify_reference(keys, number, m[2])] = None
    return tuple(found)


def cut_references(prefix: str, text: str) -> str:
    """A subject without any reference, right or wrong, so that it can be given the one it shall have."""
    mark = _reference_pattern(prefix)
    return " ".join(re.sub(rf"\[{mark}\]|{mark}", " ", text, flags=re.I).split())


def _reference_pattern(prefix: str) -> str:
    return rf"(?<![\w-]){re.escape(prefix)}-(\d{{1,12}})-([0-9A-Z]{{{REFERENCE_LENGTH}}})(?![\w-])"


# --- our Message-IDs: <rd.1042.c.NONCE.MAC@example.com> ---------------------------------

_MESSAGE_ID = re.compile(r"rd\.(\d{1,12})\.([ca])\.([0-9a-z]{20})\.([0-9a-z]{16})@[^@\s<>]+", re.I)


@dataclass(frozen=True, slots=True)
class OwnMessageId:
    """A Message-ID of ours whose signature is right."""

    message_id: str
    number: int
    """The ticket; 0 for a mail that belongs to none."""
    audience: str
    """`c`: went to a customer; `a`: went to an agent."""
    holder: str
    """For audience `a` the key of the agent's address it was made for, else empty."""


def message_id(keys: Keys, number: int, audience: str, holder: str, identity: str, domain: str) -> str:
    """A Message-ID (without angle brackets) nobody can guess, the same for the same identity.

    `identity` names the one mail this is (notice, cause, recipient): a retry repeats the id.
    An agent's id is bound to the agent's address, so it proves nothing in other hands.
    """
    nonce = _code(keys.secret, "nonce", f"{number}\0{audience}\0{holder}\0{identity}", 20).lower()
    mac = _code(keys.secret, "message-id", f"{number}.{audience}.{nonce}.{holder}", 16).lower()
    return f"rd.{number}.{audience}.{nonce}.{mac}@{domain}"


def read_message_id(keys: Keys, value: str, agents: frozenset[str]) -> OwnMessageId | None:
    """Recognise an id of ours; `agents` are the address keys an agent's id may be bound to."""
    m = _MESSAGE_ID.fullmatch(value)
    if not m:
        return None
    number, audience, nonce, mac = int(m[1]), m[2].lower(), m[3].lower(), m[4]
    for holder in sorted(agents) if audience == "a" else ("",):
        if _is_code(keys, "message-id", f"{number}.{audience}.{nonce}.{holder}", mac):
            return OwnMessageId(value, number, audience, holder)
    return None


def is_agents_message_id(value: str) -> bool:
    """It has the form of an id made for an agent, whether its signature is right or not."""
    m = _MESSAGE_ID.fullmatch(value)
    return m is not None and m[2].lower() == "a"


# --- tokens in addresses: support+t1042-7kq4tnabcd@example.com ---------------------------

_ADDRESS_TOKEN = re.compile(r"([tcavp])(\d{1,12})-([0-9a-z]{12})", re.I)
ADDRESS_PURPOSES = {"t": "reply", "c": "close", "a": "agent", "v": "verp", "p": "probe"}


def address_token(keys: Keys, purpose: str, number: int, holder: str = "") -> str:
    """`t1042-…`: purpose is a key of ADDRESS_PURPOSES; lower case, for relays fold local parts."""
    mac = _code(keys.secret, f"address-{ADDRESS_PURPOSES[purpose]}", f"{number}.{holder}", 12).lower()
    return f"{purpose}{number}-{mac}"


def read_address_token(keys: Keys, value: str, holders: frozenset[str] = frozenset()) -> tuple[str, int, str] | None:
    """(purpose, number, holder) of a token whose signature is right, else None."""
    m = _ADDRESS_TOKEN.fullmatch(value)
    if not m:
        return None
    purpose, number, mac = m[1].lower(), int(m[2]), m[3]
    for holder in ("", *sorted(holders)):
        if _is_code(keys, f"address-{ADDRESS_PURPOSES[purpose]}", f"{number}.{holder}", mac):
            return purpose, number, holder
    return None


# --- links in mails ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """What a link in a mail lets its holder do."""

    action: str
    subject: str
    """What it acts on: a ticket number or a contact's address key, as text."""
    state: str
    """A mark of the state it was made for (e.g. of the old password); no match, no act."""
    expires: datetime
    expired: bool


def link_token(keys: Keys, action: str, subject: str, expires: datetime, state: str = "") -> str:
    """A signed, scoped, expiring token for a URL path segment."""
    return str(_serializer(keys, action).dumps([subject, int(expires.timestamp()), state]))


def read_link(keys: Keys, action: str, value: str, now: datetime) -> Link | None:
    """The link, possibly expired, or None when it is not one of ours for this action."""
    try:
        subject, expires, state = _serializer(keys, action).loads(value)
        moment = datetime.fromtimestamp(int(expires), UTC)
        return Link(action, str(subject), str(state), moment, now >= moment)
    except (BadSignature, ValueError, TypeError, OverflowError, OSError):
        return None


def _serializer(keys: Keys, action: str) -> URLSafeSerializer:
    # itsdangerous signs with the last key of the list and verifies with any.
    return URLSafeSerializer(
        [k.hex() for k in reversed(keys.all)],
        salt=f"replydesk.link.{action}",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def fingerprint(keys: Keys, value: str) -> str:
    """A short keyed mark of a state, such as a password hash, that reveals nothing of it."""
    return base64.urlsafe_b64encode(_digest(keys.secret, "fingerprint", value)[:9]).decode()

"""Signed marks: how we know again what we gave out.

Four of them: the reference in a subject, our Message-IDs, the token in a reply address,
and links in mails. All are keyed by the site's secret and say what they are for, so one
cannot be used as another; and they name a thing by its number and its birth, so that none fits
another thing that has the same number after a restore. Comparison takes constant time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 signs that are not mistaken for one another when read aloud or copied by hand."""

AS_WRITTEN = re.compile(r"(?:#\s*|[A-Za-z][A-Za-z0-9]{0,9}-)?([0-9]{1,12})(?:-[0-9A-Za-z]{6})?")
"""A ticket as people name it: 1042, #1042, or the reference RD-1042-7KQ4TN; it proves nothing."""


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


BIRTH_LENGTH = 13
"""Signs of ALPHABET in small letters, random: 65 bits."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a mark names: a ticket, an outbox row or a probe. Numbers come again, births do not."""

    number: int
    birth: str = ""
    """Empty in marks given out before there were births, and where nothing is named (0)."""

    def __str__(self) -> str:
        return f"{self.number}.{self.birth}" if self.birth else str(self.number)


NOTHING = Named(0)


def read_named(text: str) -> Named | None:
    """The opposite of `str`."""
    number, _, birth = text.partition(".")
    # isdecimal alone takes digits of every script, and any number of them.
    return Named(int(number), birth) if re.fullmatch(r"[0-9]{1,12}", number) else None


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
_HYPHENS = "-\u2010\u2011\u2012\u2013\u2014\u2212\uff0d"
"""What telephones and word processors make of a hyphen that is typed or copied."""
_HYPHEN = f"[{_HYPHENS}]"


def reference(keys: Keys, prefix: str, ticket: Named) -> str:
    """`RD-1042-7KQ4TN`: ticket number and a code of 30 bits."""
    return f"{prefix}-{ticket.number}-{_code(keys.secret, 'reference', str(ticket), REFERENCE_LENGTH)}"


def verify_reference(keys: Keys, ticket: Named, code: str) -> bool:
    return len(code) == REFERENCE_LENGTH and _is_code(keys, "reference", str(ticket), code)


def find_references(prefix: str, text: str) -> tuple[tuple[int, str], ...]:
    """Everything of the form of a reference as (number, code), in order, each once. Whether the code is right
    is known beside the ticket: `verify_reference`."""
    folded, begins = text.casefold(), prefix.casefold()
    if not any(begins + hyphen in folded for hyphen in (_HYPHENS[:1] if text.isascii() else _HYPHENS)):
        return ()
    found = re.finditer(_reference_pattern(re.escape(prefix)), text, re.I)
    return tuple(dict.fromkeys((int(m[1]), m[2].upper()) for m in found))


def find_former(prefix: str, text: str) -> tuple[tuple[int, str], ...]:
    """The same under every other prefix: ours was another one once, if the code is right; else another desk's."""
    if not _CODED.search(text):
        return ()
    found = (m for m in _UNDER_ANY.finditer(text) if m[1].casefold() != prefix.casefold())
    return tuple(dict.fromkeys((int(m[2]), m[3].upper()) for m in found))


def find_begun(prefix: str, text: str) -> tuple[int, ...]:
    """Numbers of references without a code, as people write them who remember the number: `RD-1042`."""
    begun = rf"(?<![\w-]){re.escape(prefix)}{_HYPHEN}(\d{{1,12}})(?!\w|{_HYPHEN}\w)"
    return tuple(dict.fromkeys(int(m[1]) for m in re.finditer(begun, text, re.I)))


def number_in(prefix: str, text: str) -> int:
    """The ticket somebody looks for by `RD-5-K3MX88`, its beginning, `#5` or `5`, also in brackets; 0: none.
    Under another prefix, which may have been ours once, it takes the whole."""
    code = f"[0-9A-Z]{{{REFERENCE_LENGTH}}}"
    former = rf"[A-Z][A-Z0-9]{{0,9}}{_HYPHEN}(?=\d{{1,9}}{_HYPHEN})"
    whole, begun = (
        rf"(?:#|{former})?(\d{{1,9}})(?:{_HYPHEN}{code})?",
        rf"{re.escape(prefix)}{_HYPHEN}(\d{{1,9}})(?:{_HYPHEN}[0-9A-Z]{{0,{REFERENCE_LENGTH}}})?",
    )
    found = re.fullmatch(rf"\[?(?:{begun}|{whole})\]?", text.strip(), re.I)
    return int(found[1] or found[2]) if found else 0


def cut_references(prefix: str, text: str, is_ours: Callable[[int, str], bool] = lambda number, code: False) -> str:
    """A subject without any reference, right or wrong, so that it can be given the one it shall have. Under another
    prefix those go that are ours."""

    def cut(found: re.Match[str]) -> str:
        begins, number, code = filter(None, found.groups())
        return " " if begins.casefold() == prefix.casefold() or is_ours(int(number), code) else found[0]

    return " ".join(_TO_CUT.sub(cut, text).split())


def _reference_pattern(prefix: str) -> str:
    return rf"(?<![\w-]){prefix}{_HYPHEN}(\d{{1,12}}){_HYPHEN}([0-9A-Z]{{{REFERENCE_LENGTH}}})(?![\w-])"


_CODED = re.compile(rf"{_HYPHEN}\d{{1,12}}{_HYPHEN}[0-9A-Z]{{{REFERENCE_LENGTH}}}(?![\w-])", re.I)
"""A cheap first look: it begins with a sign that is rare."""
_ANY = _reference_pattern("([A-Z][A-Z0-9]{0,9})")
_UNDER_ANY, _TO_CUT = re.compile(_ANY, re.I), re.compile(rf"\[{_ANY}\]|{_ANY}", re.I)


# --- our Message-IDs: <rd.1042.c.BIRTH.NONCE.MAC@example.com> ---------------------------

_MESSAGE_ID = re.compile(
    r"rd\.(\d{1,12})\.([cabk])\.(?:([0-9a-z]{13})\.)?([0-9a-z]{16}|[0-9a-z]{20})\.([0-9a-z]{16})@[^@\s<>]+", re.I
)
_NONCE_LENGTH = 16
"""20 in ids given out before there were births."""


@dataclass(frozen=True, slots=True)
class OwnMessageId:
    """A Message-ID of ours whose signature is right."""

    message_id: str
    named: Named
    """The ticket; 0 for a mail that belongs to none."""
    audience: str
    """`c`: went to a customer; `a`: to an agent; `b`: to an adviser; `k`: a card on the board."""
    holder: str
    """For audience `a` the key of the agent's address it was made for, else empty."""


def message_id(keys: Keys, ticket: Named, audience: str, holder: str, identity: str, domain: str) -> str:
    """A Message-ID (without angle brackets) nobody can guess, the same for the same identity.

    `identity` names the one mail this is (notice, cause, recipient): a retry repeats the id.
    An agent's id is bound to the agent's address, so it proves nothing in other hands.
    """
    nonce = _code(keys.secret, "nonce", f"{ticket}\0{audience}\0{holder}\0{identity}", _NONCE_LENGTH).lower()
    mac = _code(keys.secret, "message-id", f"{ticket}.{audience}.{nonce}.{holder}", 16).lower()
    shown = f"{audience}.{ticket.birth}" if ticket.birth else audience
    return f"rd.{ticket.number}.{shown}.{nonce}.{mac}@{domain}"


def read_message_id(keys: Keys, value: str, agents: frozenset[str]) -> OwnMessageId | None:
    """Recognise an id of ours; `agents` are the address keys an agent's id may be bound to."""
    m = _MESSAGE_ID.fullmatch(value)
    if not m:
        return None
    ticket = Named(int(m[1]), (m[3] or "").lower())
    audience, nonce, mac = m[2].lower(), m[4].lower(), m[5]
    for holder in sorted(agents) if audience == "a" else ("",):
        if _is_code(keys, "message-id", f"{ticket}.{audience}.{nonce}.{holder}", mac):
            return OwnMessageId(value, ticket, audience, holder)
    return None


def is_agents_message_id(value: str) -> bool:
    """It has the form of an id made for an agent, or for a card of theirs, whether its signature is right or not."""
    m = _MESSAGE_ID.fullmatch(value)
    return m is not None and m[2].lower() in "ak"


# --- conversations of Outlook: Thread-Index ([MS-OXOMSG] 2.2.1.3) ------------------------

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_HEAD, _WHOLE = 6, 22
"""Bytes of the time, and of time and conversation together; each answer adds five."""


def thread_index(keys: Keys, ticket: Named, begun: datetime) -> str:
    """The field as Outlook writes it: the same for all mails of a ticket, and nobody can guess it."""
    ticks = int((begun - _EPOCH).total_seconds() * 10_000_000)
    return base64.b64encode(ticks.to_bytes(8, "big")[:_HEAD] + _conversation(keys, ticket)).decode()


def conversation_id(keys: Keys, ticket: Named) -> str:
    """What `read_thread_index` finds in an answer, in the form of a Message-ID."""
    return _conversation_id(_conversation(keys, ticket))


def read_thread_index(value: str) -> str:
    """The conversation a Thread-Index names, in the form of a Message-ID; empty when it names none."""
    try:
        data = base64.b64decode("".join(value[:2_000].split()), validate=True)
    except ValueError:
        return ""
    return _conversation_id(data[_HEAD:_WHOLE]) if len(data) >= _WHOLE else ""


def calendar_id(uid: str) -> str:
    """An appointment, in the form of a Message-ID: all mails about it name the same. Programs put addresses into it."""
    return f"{hashlib.sha256(uid.encode()).hexdigest()}@calendar.invalid"


def _conversation(keys: Keys, ticket: Named) -> bytes:
    return _digest(keys.secret, "conversation", str(ticket))[: _WHOLE - _HEAD]


def _conversation_id(guid: bytes) -> str:
    return f"{guid.hex()}@thread-index.invalid"


# --- tokens in addresses: support+t1042-BIRTHMAC@example.com -----------------------------

_ADDRESS_TOKEN = re.compile(r"([tcavpbk])(\d{1,12})-([0-9a-z]{13})?([0-9a-z]{12})", re.I)
ADDRESS_PURPOSES = {"t": "reply", "c": "close", "a": "agent", "v": "verp", "p": "probe", "b": "adviser", "k": "card"}


@dataclass(frozen=True, slots=True)
class AddressMark:
    """A token in an address whose signature is right."""

    purpose: str
    """A key of ADDRESS_PURPOSES."""
    named: Named
    """The ticket (t, c, a, b, k; 0 in an agent's own address), the outbox row (v) or the probe (p)."""
    holder: str = ""
    """Key of the agent's address it was made for."""


def address_token(keys: Keys, purpose: str, named: Named, holder: str = "") -> str:
    """`t1042-…`: purpose is a key of ADDRESS_PURPOSES; lower case, for relays fold local parts."""
    mac = _code(keys.secret, f"address-{ADDRESS_PURPOSES[purpose]}", f"{named}.{holder}", 12).lower()
    return f"{purpose}{named.number}-{named.birth}{mac}"


def is_address_token(value: str) -> bool:
    """It has the form of a token, whether its signature is right or not."""
    return _ADDRESS_TOKEN.fullmatch(value) is not None


def read_address_token(keys: Keys, value: str, holders: frozenset[str] = frozenset()) -> AddressMark | None:
    """What a token says, when its signature is right, else None."""
    m = _ADDRESS_TOKEN.fullmatch(value)
    if not m:
        return None
    purpose, named, mac = m[1].lower(), Named(int(m[2]), (m[3] or "").lower()), m[4]
    for holder in ("", *sorted(holders)):
        if _is_code(keys, f"address-{ADDRESS_PURPOSES[purpose]}", f"{named}.{holder}", mac):
            return AddressMark(purpose, named, holder)
    return None


# --- cards on the board: X-Replydesk-Card: 42.VERSION ------------------------------------

_STATE_LENGTH, _SEAL_LENGTH = 16, 12
_CARD = re.compile(rf"\s*([0-9]{{1,9}})\.([0-9a-z]{{{_STATE_LENGTH}}})([0-9a-z]{{{_SEAL_LENGTH}}})\s*")


def card_version(keys: Keys, ticket: Named, state: str) -> str:
    """The version of a card that shows this state of a ticket, with a seal that says it is ours."""
    version = _code(keys.secret, "card", f"{ticket}\0{state}", _STATE_LENGTH).lower()
    return version + _code(keys.secret, "card-seal", f"{ticket.number}.{version}", _SEAL_LENGTH).lower()


def read_card(keys: Keys, value: str) -> tuple[int, str] | None:
    """Ticket number and version of any card of ours, however old; None for what others wrote there."""
    m = _CARD.fullmatch(value)
    if not m or not _is_code(keys, "card-seal", f"{m[1]}.{m[2]}", m[3]):
        return None
    return int(m[1]), m[2] + m[3]


# --- rows of the outbox, in bounce addresses and file links ------------------------------


def outbox_name(row: int, message_id: str) -> Named:
    """What a row is named by: its Message-ID tells it from every other row of the same number."""
    return Named(row, _code(b"", "outbox", message_id, BIRTH_LENGTH).lower())


def names_outbox(named: Named, row: int, message_id: str) -> bool:
    """The mark was made for this row; one without a birth only for a row from before there were births."""
    if named.birth:
        return named == outbox_name(row, message_id)
    m = _MESSAGE_ID.fullmatch(message_id)
    return named.number == row and m is not None and len(m[4]) != _NONCE_LENGTH


# --- links in mails ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """What a link in a mail lets its holder do."""

    action: str
    subject: str
    """What it acts on: a `Named` or a contact's address key, as text."""
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
        signature = value.rpartition(".")[2]
        if base64_encode(base64_decode(signature)).decode() != signature:
            # Another spelling of the same bytes, such as with "=" at its end: not what we gave out.
            return None
        subject, expires, state = _serializer(keys, action).loads(value)
        moment = datetime.fromtimestamp(int(expires), UTC)
        return Link(action, str(subject), str(state), moment, now >= moment)
    except (BadData, ValueError, TypeError, OverflowError, OSError):
        return None


def _serializer(keys: Keys, action: str) -> URLSafeSerializer:
    # itsdangerous signs with the last key of the list and verifies with any.
    return URLSafeSerializer(
        [k.hex() for k in reversed(keys.all)],
        salt=f"replydesk.link.{action}",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def address_mark(keys: Keys, address_key: str) -> str:
    """A short keyed mark of an address, by which it is known again and which reveals nothing of it."""
    return _code(keys.secret, "address", address_key, 12)


def is_address_mark(keys: Keys, address_key: str, marks: Collection[str]) -> bool:
    """One of the marks is of this address, made with the present secret or an earlier one."""
    return any(_code(secret, "address", address_key, 12) in marks for secret in keys.all)


def fingerprint(keys: Keys, value: str) -> str:
    """A short keyed mark of a state, such as a password hash, that reveals nothing of it."""
    return base64.urlsafe_b64encode(_digest(keys.secret, "fingerprint", value)[:9]).decode()

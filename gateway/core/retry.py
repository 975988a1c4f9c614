"""How an attempt to send ended, and when the next one is due.

The outside world answers sent, deferred, uncertain or failed; each outcome says besides whom it
is about, for what the relay thinks of us must not burn the mail. Obeys RFC 5321 sections 4.2.1
(the first digit decides), 4.5.4.1 (retries for days) and RFC 3463. Must never look at a clock.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.mail.text import one_line

REPLY_LIMIT = 1_000
"""Characters of a relay's answer that are kept."""


class Result(StrEnum):
    SENT = "sent"
    DEFERRED = "deferred"
    """Not sent, and another attempt may succeed."""
    UNCERTAIN = "uncertain"
    """The whole mail left us and no answer came: it may have arrived."""
    FAILED = "failed"
    """Refused for good."""


class About(StrEnum):
    """Whom an outcome speaks of."""

    MAIL = "mail"
    """This mail or its recipient."""
    SETUP = "setup"
    """How we may use the relay: the operator must look, and the mail waits meanwhile."""
    RELAY = "relay"
    """There is no relay to talk to; no other mail would fare better."""


class Phase(StrEnum):
    """How far a conversation had come, by the command that waited for its reply."""

    CONNECT = "connect"
    """TCP, TLS, greeting, EHLO, STARTTLS, AUTH."""
    MAIL = "MAIL FROM"
    RECIPIENT = "RCPT TO"
    DATA = "DATA"
    """From the command until the final dot is handed over; without the dot nothing was sent."""
    END = "end of data"
    """The final dot is on its way."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    result: Result
    reply: str
    """What was said, for the log and the operator. Begins with a reply code only when the recipient was refused."""
    about: About = About.MAIL


def answered(phase: Phase, code: int, text: str) -> Outcome:
    """What a reply of the relay means. For phases before the end of data call it for refusals only."""
    reply = f"{code} {one_line(text, REPLY_LIMIT)}".rstrip()
    where = f"{phase.value}: {reply}"
    if phase is Phase.CONNECT:
        return Outcome(Result.DEFERRED, where, About.RELAY)
    if phase is Phase.END and 200 <= code < 300:
        return Outcome(Result.SENT, reply)
    if not 400 <= code < 600:
        return broken(phase, f"the relay gave an answer that makes no sense: {reply}")
    if code < 500:
        gone = code == _CLOSING and phase is Phase.MAIL
        return Outcome(Result.DEFERRED, where, About.RELAY if gone else About.MAIL)
    if _blames_us(phase, code, text):
        return Outcome(Result.DEFERRED, where, About.SETUP)
    return Outcome(Result.FAILED, reply if phase is Phase.RECIPIENT else f"message refused: {reply}")


def broken(phase: Phase, why: str) -> Outcome:
    """The conversation ended without an answer: lost, silent for too long, or not understood."""
    reply = f"{phase.value}: {one_line(why, REPLY_LIMIT)}"
    if phase is Phase.END:
        return Outcome(Result.UNCERTAIN, reply)
    # A mail whose content breaks the relay must not stop all others, so only the first steps speak of the relay.
    return Outcome(Result.DEFERRED, reply, About.RELAY if phase in (Phase.CONNECT, Phase.MAIL) else About.MAIL)


_CLOSING = 421
_PROTOCOL_CODES = frozenset({500, 502, 503, 504, 521, 530, 534, 535, 538, 555})
"""Commands and sign-in (RFC 5321 section 4.2.2, RFC 4954 section 6): nothing a recipient could be guilty of."""
_SETUP_STATUS = re.compile(
    r"5\.(?:1\.[78]|4\.5|7\.(?:3|8|9|1[0-4]|2[0-9]|54|57|60|23[0-4]|50[0-9]|51[0-9]|6[0-4][0-9]|70[0-9]|750))"
)
"""Bad sender (RFC 3463), authentication (RFC 4954, RFC 5248), DKIM, SPF, DMARC and reverse DNS (RFC 7372), and the
numbers Exchange and Gmail made up for the same, for senders they block and for quotas of outgoing mail."""
_SIZE_STATUS = re.compile(r"5\.(?:2\.3|3\.4|6\.\d{1,3})")
"""RFC 3463: message length, message too big for the system, content that cannot be taken."""
_SETUP_WORDS = re.compile(
    r"relay(?:ing)?(?: access)? (?:denied|not permitted|not allowed|prohibited)|to relay\b|do not relay"
    r"|authenticat|not logged in|client host|sender address rejected|must issue a starttls",
    re.I,
)
"""Many servers check client and sender only when they hear the first recipient, under a bare 550 or 5.7.1."""
_POLICY_WORDS = re.compile(
    r"\b(?:dmarc|spf|dkim|reverse dns|ptr record|rdns|reputation|sender policy|sender verif)"
    r"|(?:black|block|deny)[ -]?list|\b(?:rbl|dnsbl|spamhaus|barracuda)\b|(?:client|ip|host)\b.{0,60}\bblocked"
    r"|(?:outgoing|outbound|sending|sender|daily|hourly|submission|rate)\b.{0,40}\b(?:quota|limit|exceeded)"
    r"|(?:quota|limit)\b.{0,40}\b(?:outgoing|outbound|sending|sent|per (?:day|hour|minute))"
    r"|too many (?:messages|mails)",
    re.I,
)
"""What is said of whoever sends, under a bare 550 or 5.7.0 or 5.7.1, when the mail is looked at as well."""
_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")


def _blames_us(phase: Phase, code: int, text: str) -> bool:
    found = _STATUS.match(text.lstrip())
    status = found[1] if found else ""
    if phase is Phase.MAIL:
        # Nothing but the sender and the size was said so far.
        return not (code == 552 or _SIZE_STATUS.fullmatch(status))
    if code in _PROTOCOL_CODES or _SETUP_STATUS.fullmatch(status):
        return True
    unclear = not status or status in ("5.7.0", "5.7.1")
    if unclear and _POLICY_WORDS.search(text):
        return True
    if phase is Phase.END:
        return False
    return status == "5.7.0" or ((not status or status == "5.7.1") and bool(_SETUP_WORDS.search(text)))


_STEPS = tuple(timedelta(minutes=m) for m in (1, 2, 5, 15, 30, 60, 120, 240))
_JITTER = 0.1


def next_attempt(
    attempts: int, first_attempt_at: datetime, now: datetime, identity: str, give_up_after: timedelta
) -> datetime | None:
    """When to try again after `attempts` attempts, the last of them now; None: give up.

    The delay grows from a minute to four hours, each a tenth longer or shorter by `identity`, so
    that mails deferred together do not come back together. The last attempt is made at the end of
    `give_up_after`, not before it.
    """
    end = first_attempt_at + give_up_after
    if now >= end:
        return None
    digest = hashlib.sha256(f"{identity}\0{attempts}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 0xFFFFFFFF
    delay = _STEPS[min(max(attempts, 1), len(_STEPS)) - 1] * (1 - _JITTER + 2 * _JITTER * share)
    return min(now + delay, end)

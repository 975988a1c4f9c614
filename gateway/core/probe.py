"""A probe: a mail we send to ourselves, to see whether mail gets out, back in, and through unchanged.

It carries one signed mark in three places (address, subject, text), so whatever a relay takes away, the
rest still tells which probe it was. Pure; a probe is never a ticket and never answered.
"""

from __future__ import annotations

import re

from gateway.core import token
from gateway.core.case import Case
from gateway.core.decision import Decision, Returned, Why
from gateway.core.policy import Mailbox, Policy
from gateway.core.proof import trusted_results
from gateway.core.reason import Reason
from gateway.core.token import Named
from gateway.mail.message import Envelope, Message

_MARK = re.compile(r"\bp\d{1,12}-(?:[0-9a-z]{12}|[0-9a-z]{25})\b", re.I)
_HEAD = 4_000
"""Characters of a text among which the mark is looked for."""
_TEXT = """\
This mail checks whether mail gets out and back in. A program sent it to itself; please do not answer it.

{mark}

Signs and lengths that are often damaged on the way: ÄÖÜ äöü ß é € “quoted” – dash. This line is longer than most mail \
programs write, so that a relay that breaks or rewrites long lines is found out by it.
From here on nothing may be added."""

FAULTS: dict[str, str] = {
    "plus-address": "the mark in its address was lost, so replies are told apart by their subject only",
    "subject": "its subject was changed",
    "text": "its text was changed",
    "message-id": "its Message-ID was rewritten, so replies that only refer to it find no ticket",
    "auto-submitted": "its Auto-Submitted field was taken away, so others may answer it automatically",
    "dkim": "its DKIM signature was broken or does not count",
    "late": "it took too long",
}
"""What can be wrong with a probe that came back, and what that means."""


def mark(policy: Policy, probe: Named) -> str:
    return token.address_token(policy.keys, "p", probe)


def address(policy: Policy, box: Mailbox, probe: Named) -> str:
    """Where the probe goes: through the plus-address, where the mailbox has one."""
    return box.reply_address.replace("{token}", mark(policy, probe)) if box.reply_address else box.address


def subject(policy: Policy, probe: Named) -> str:
    return f"Replydesk probe {mark(policy, probe)}"


def text(policy: Policy, probe: Named) -> str:
    return _TEXT.format(mark=mark(policy, probe))


def read(message: Message, envelope: Envelope, policy: Policy) -> Returned | None:
    """The probe a mail is, with what was altered; None for every other mail."""
    # A bounce of a probe, or somebody's automatic answer to it, tells of it too and is not the probe.
    author = message.author
    if envelope.archived or message.report is not None or author is None or not policy.is_own(author.address):
        return None
    by_address = _of_address(message, envelope, policy)
    by_subject = _of_text(message.subject, policy)
    probe = by_address or by_subject or _of_text(message.body_text[:_HEAD], policy)
    if probe is None:
        return None
    plus = any(box.reply_address for box in policy.mailboxes if _is_for(box, message, envelope, policy))
    wrong = {
        "plus-address": plus and by_address != probe,
        "subject": message.subject != subject(policy, probe),
        "text": message.body_text.split() != text(policy, probe).split(),
        "message-id": token.read_message_id(policy.keys, message.message_id, frozenset()) is None,
        "auto-submitted": not message.header("auto-submitted").lower().startswith("auto-generated"),
        "dkim": _dkim_failed(message, envelope, policy),
    }
    return Returned(probe, tuple(fault for fault, is_wrong in wrong.items() if is_wrong))


def of(case: Case) -> Returned | None:
    return read(case.message, case.envelope, case.policy)


def decide(case: Case) -> Decision:
    """Before the rule about loops: it is a mail of our own that is meant to come back."""
    found = of(case)
    altered = f"altered: {in_words(found.faults)}" if found and found.faults else "as it was sent"
    why = Why(attach=f"no: it is a probe, {altered}", acknowledge="no: it is our own mail", notify="no: it is a probe")
    return Decision(Reason.PROBE, why, probe=found)


def _of_address(message: Message, envelope: Envelope, policy: Policy) -> Named | None:
    for given in _addresses(message, envelope):
        for value in policy.tokens_in(given):
            if probe := _of_text(value, policy):
                return probe
    return None


def _of_text(value: str, policy: Policy) -> Named | None:
    for found in _MARK.findall(value):
        known = token.read_address_token(policy.keys, found)
        if known:
            return known.named
    return None


def _is_for(box: Mailbox, message: Message, envelope: Envelope, policy: Policy) -> bool:
    return any(policy.mailbox_for(a) is box for a in _addresses(message, envelope))


def _addresses(message: Message, envelope: Envelope) -> tuple[str, ...]:
    return (*envelope.recipients[:20], *(a.address for a in (*message.to[:20], *message.cc[:20])))


def _dkim_failed(message: Message, envelope: Envelope, policy: Policy) -> bool:
    """A mail server of ours says so (RFC 8601); without a word of one nothing is known."""
    results = [r.result for r in trusted_results(message, envelope, policy) if r.method == "dkim"]
    return bool(results) and "pass" not in results


def in_words(faults: tuple[str, ...]) -> str:
    return "; ".join(FAULTS[fault] for fault in faults)

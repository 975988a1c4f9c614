"""What an agent's mail holds, on a ticket or without one: who is proven, whom it is for, what of it may go out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from gateway.core import bare_signature, outgoing_text, sides, token
from gateway.core import formatted as formatting
from gateway.core.case import Case
from gateway.core.decision import EntryDraft
from gateway.core.lifecycle import Status
from gateway.core.notice import AttachedFile
from gateway.core.orders import OrderContext
from gateway.core.policy import Agent, Mailbox
from gateway.core.reason import Reason
from gateway.core.roles import is_role
from gateway.core.thread import Key, leads_to, shows
from gateway.core.ticket import EntryKind, Evidence, Role, Ticket
from gateway.core.verbs import Verb
from gateway.mail.message import Address, Attachment, address_key
from gateway.mail.new_text import pictures_outside
from gateway.mail.sentence import code
from gateway.mail.written_in import is_encrypted_text

_RECALL_MOST = 120
"""Characters of a sentence that takes a mail back, without its subject."""


@dataclass(frozen=True, slots=True)
class AgentCase:
    """A mail of an agent, and the ticket it is about."""

    case: Case
    agent: Agent
    ticket: Ticket
    """With number 0 it is one that does not exist, for orders that look at one."""

    @classmethod
    def of(cls, case: Case) -> Self:
        """Of a case that has both. Raises `ValueError` for any other."""
        if case.agent is None or case.ticket is None:
            raise ValueError("neither agent nor ticket may be missing")
        return cls(case, case.agent, case.ticket)

    @classmethod
    def without_ticket(cls, case: Case) -> Self:
        """Of an agent's case; the ticket is the one it may open. Raises `ValueError` without an agent."""
        if case.agent is None:
            raise ValueError("the agent must not be missing")
        return cls(case, case.agent, cls.imagined(case))

    @staticmethod
    def imagined(case: Case) -> Ticket:
        """A ticket that does not exist, for orders that look at one."""
        requester = Address(case.order.argument(Verb.FROM))
        box = case.policy.mailbox_for(case.order.argument(Verb.MAILBOX)) or case.mailbox
        return Ticket(0, Status.NEW, case.message.subject, requester, box.address, case.now, case.now)

    @property
    def by(self) -> OrderContext:
        return OrderContext(self.ticket, self.agent, self.case.policy, self.case.now, self.case.facts.namesake)


def proof(case: Case) -> str:
    """How the agent is proven, in words; empty when not."""
    agent = case.agent
    if case.facts.resumed:
        return "the agent let it go with #send"
    if agent and not case.facts.disproven and any(_is_for(key, agent, case) for key in case.keys.found if key.holder):
        return "a signed mark made for this agent"
    return {"smtp-auth": "SMTP AUTH", "dmarc": "a trusted DMARC pass"}.get(case.facts.authentic, "")


def _is_for(key: Key, agent: Agent, case: Case) -> bool:
    """A mark of one ticket orders nothing on another: people in copy of an answer get to see it."""
    if key.holder not in agent.keys:
        return False
    if not key.number:
        return True
    marked = leads_to(key, case.known, case.policy.keys)
    return marked is not None and (case.ticket is None or marked.number == case.ticket.number)


def takes_back(case: Case) -> bool:
    """Whether it is Outlook's "Recall this message", in whatever language: a word before the subject of the mail that
    is to come back, and one sentence with the agent's name and that subject."""
    word, _, subject = case.message.subject.partition(":")
    names = [n for a in (case.message.author, case.agent) if a is not None for n in (a.name, a.address)]
    said = " ".join(case.order.text.split())
    quoted = re.search(rf"[\"“„”«'‘]\s?{re.escape(' '.join(subject.split()))}\s?[\"“”»'’]", said)
    if not subject.strip() or not word.strip().isalpha() or quoted is None:
        return False
    around = said[: quoted.start()] + said[quoted.end() :]
    return len(around) <= _RECALL_MOST and any(name and name in around for name in names)


def outside(case: Case) -> tuple[Address, ...]:
    """People in To and Cc who are neither ours nor agents."""
    people = (*case.message.to, *case.message.cc)
    found = {a.key: a for a in people if "@" in a.key and not case.policy.is_own(a.address)}
    return tuple(a for key, a in found.items() if not case.policy.agent_for(key) and not is_role(key))


def files(case: Case) -> tuple[AttachedFile, ...]:
    """The agent's files, without notices of ours that a mail program attached, and without pictures that go with
    words that do not: those of a signature, and of what is quoted."""
    ours = {
        n.part
        for n in case.message.nested
        if token.is_agents_message_id(n.message_id) or (n.author and case.policy.is_own(n.author.address))
    }
    ours |= {p.part for p in _pictures_outside(case)}
    # A certificate names the agent's own address, and signs what the customer does not get.
    ours |= {a.part for a in case.message.attachments if a.content_type in _SIGNATURES}
    own = (f for f in case.files if f.part not in ours and not _is_of_text(f) and not _is_text_again(f))
    return tuple(f for f in own if not _is_saved_notice(f.filename, case))


def _pictures_outside(case: Case) -> tuple[Attachment, ...]:
    pictures = [a for a in case.message.attachments if a.inline and a.content_type.startswith("image/")]
    if not pictures:
        return ()
    outside = pictures_outside(case.message.body_html, partial(bare_signature.cut_off, case=case))
    return tuple(p for p in pictures if p.content_id in outside)


_FORMS = frozenset({"text/rtf", "application/rtf", "text/richtext", "text/enriched", "text/x-amp-html"})
_SIGNATURES = frozenset(
    {
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
        "application/pgp-keys",
    }
)
_WRAPPED = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})


def _is_of_text(file: AttachedFile) -> bool:
    """What PGP wrote into the text is quoted from a customer's mail: no answer is taken in such words."""
    return "/" in file.part and is_encrypted_text(file.filename)


def _is_text_again(file: AttachedFile) -> bool:
    """Another form of the whole mail, quoted notice included: rich text without a name, a wrapper nobody can open."""
    unnamed = file.filename.startswith("attachment-")
    wrapper = file.content_type in _WRAPPED or file.filename.casefold() == "winmail.dat"
    return wrapper or (unnamed and file.content_type in _FORMS)


def _is_saved_notice(filename: str, case: Case) -> bool:
    """A mail of ours hung on as a file of another type: programs name it by its subject, which has a reference."""
    saved = filename.casefold().endswith((".eml", ".msg"))
    ours = token.find_references(case.policy.reference_prefix, filename)
    return saved and (bool(ours) or shows(filename, case.known, case.policy))


def shown(case: Case) -> tuple[Attachment, ...]:
    """The same files, as they are listed where a customer sees them."""
    parts = {f.part for f in files(case)}
    return tuple(a for a in case.message.attachments if a.part in parts)


def left_out(case: Case, files: tuple[AttachedFile, ...]) -> tuple[str, ...]:
    """Names of the files that do not go along with `files`, as sentences for the receipt."""
    pictures = {p.part: p.filename for p in _pictures_outside(case)}
    sent = {f.part for f in files}
    names = [f.filename for f in case.files if f.part not in sent and f.part not in pictures]
    said = {"left_out": names, "pictures_left_out": list(pictures.values())}
    return tuple(code(word, ", ".join(found)) for word, found in said.items() if found)


def formatted(
    case: Case, text: str, files: tuple[AttachedFile, ...], box: Mailbox
) -> tuple[str, tuple[AttachedFile, ...]]:
    """The text with the agent's formatting, and the files, of which it shows some pictures in place."""
    sent = {f.part for f in files}
    ids = {
        a.content_id: f"{case.message.sha256[:20]}.{a.part.replace('/', '.')}@{box.domain}"
        for a in case.message.attachments
        if a.content_id and a.part in sent and a.content_type.startswith("image/")
    }
    may_lead = partial(outgoing_text.may_lead, policy=case.policy)
    html = formatting.keep(case.message.body_html, text, ids, may_lead, widths=case.message.widths)
    in_place = {a.part: ids[a.content_id] for a in case.message.attachments if ids.get(a.content_id, "\0") in html}
    return html, tuple(replace(f, content_id=in_place.get(f.part, "")) for f in files)


def entry(
    case: Case, agent: Agent, kind: EntryKind, text: str, reason: Reason, remarks: tuple[str, ...] = ()
) -> EntryDraft:
    match, message = case.choice.match, case.message
    # What a customer may see of an agent's mail is its text without the quoted notice: the body is that text.
    # The same goes for a notice of ours that hangs on it as a file: it holds comments.
    return EntryDraft(
        kind,
        Address(agent.address, agent.name),
        Role.AGENT,
        text,
        text,
        message.attachments if kind is EntryKind.COMMENT else shown(case),
        message.message_id,
        reason.value,
        match.evidence if match else Evidence.NONE,
        remarks=remarks,
        sha256=message.sha256,
        side=sides.of_entry(case.ticket, agent.address, Role.AGENT),
    )


def own_address(agent: Agent, box: Mailbox, case: Case) -> tuple[str, ...]:
    """The agent's own address at the desk, which proves who writes, as a sentence."""
    if not box.reply_address:
        return ()
    mark = token.address_token(case.policy.keys, "a", token.NOTHING, address_key(agent.address))
    return (code("own_address", box.reply_address.replace("{token}", mark)),)

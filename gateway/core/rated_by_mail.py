"""A customer answers the mail that asks how it was with nothing but a number, or a word it offers: that is the rating.

Whatever says more is a reply, and read by people.
"""

from __future__ import annotations

from dataclasses import replace

from gateway import texts
from gateway.core import acknowledge, draft, rating
from gateway.core.case import Case
from gateway.core.decision import Decision, Why
from gateway.core.formulas import is_name_alone, is_signature, without_logos
from gateway.core.labels import RATINGS
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.outgoing_text import without_signature
from gateway.core.reason import Reason
from gateway.core.ticket import EntryKind, Role


def value(text: str, scale: str) -> int | None:
    """What a text says on a scale, in any language; None where it says anything else."""
    said = " ".join(text.split()).strip("*_.! ").casefold()
    offered = rating.SCALES[scale]
    if scale == "five":
        said = said.removesuffix("/5").rstrip()
    called = {
        words.gettext(RATINGS[word]).casefold(): number
        for words in texts.catalogs().every()
        for word, number in offered.items()
    }
    return {**called, **offered}.get(said)


def given(case: Case) -> int | None:
    """The rating of a mail by whoever was asked, as long as the page would take it."""
    asked, ticket = case.facts.asked, case.ticket
    if asked is None or ticket is None or case.author.key != ticket.requester.key or not case.proven:
        return None
    if case.machine or case.envelope.archived:
        return None
    if case.now >= asked.open_until(case.policy):
        return None
    return value(_said(case), asked.scale)


def _said(case: Case) -> str:
    """Without a signature and its logo; Outlook puts one there without two dashes. Any other file says more."""
    text = without_signature(case.message.reply_text).strip()
    first, _, below = text.partition("\n")
    below, names = below.strip(), (case.author.name, case.written_by.name)
    plain, logos = without_logos(below)
    if logos != len(case.message.attachments):
        return ""
    return first if is_signature(plain, names) or is_name_alone(plain, names) else text


def decide(case: Case) -> Decision:
    """The answer is written down, and the customer reads which; the ticket stays closed."""
    number, asked, ticket = given(case), case.facts.asked, case.ticket
    assert number is not None
    assert asked is not None
    assert ticket is not None
    comment = asked.comment if asked.answered else ""
    decision = rating.rated(ticket, asked, number, comment, case.policy)
    box = case.policy.mailbox_for(ticket.mailbox) or case.mailbox
    words = texts.catalog(ticket.language or box.language)
    word = rating.word(asked.scale, number)
    said = words.gettext("Your answer so far: {value}.", value=words.gettext(RATINGS[word]))
    no_answer = acknowledge.no_acknowledgement(case)
    saved = NoticeRequest(Notice.RATED, case.author, Audience.CUSTOMER, remarks=(said,))
    told = decision.notices
    return replace(
        decision,
        why=Why(
            attach=f"yes: {draft.evidence(case)}",
            reopen="no: it says how it was, and nothing else",
            acknowledge=f"no: {no_answer}" if no_answer else "yes: the answer was saved",
            notify=decision.why.notify,
        ),
        entry=draft.entry(case, EntryKind.CORRESPONDENCE, Role.REQUESTER, Reason.RATED, collapsed=True),
        notices=(*told, *(() if no_answer else (saved,))),
        rates=(number, comment, bool(told)),
    )

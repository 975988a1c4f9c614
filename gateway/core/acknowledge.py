"""What holds us back from answering: who must not be written to (RFC 3834), and budgets that are spent."""

from __future__ import annotations

from gateway.core.case import Case
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.roles import is_shared
from gateway.core.window import spent
from gateway.mail.message import KindName


def lives(case: Case) -> bool:
    """Somebody writes from the author's mailbox, so it lives, whatever bounced before: a person's mail, which no
    trusted host calls forged, and which no form sent in their name."""
    own = case.message.author is not None and case.message.author.key == case.author.key
    person = case.kind.name is KindName.CORRESPONDENCE and not case.machine
    return person and not case.facts.disproven and own and "@" in case.author.key


def no_acknowledgement(case: Case) -> str:
    """Why a new request is not acknowledged, or the empty string when it is."""
    if case.kind.name is not KindName.CORRESPONDENCE:
        return f"{case.kind.rule}: {case.kind.reason}"
    if case.kind.no_acknowledgement:
        return case.kind.no_acknowledgement
    if rule := case.ruled.unanswered:
        return f"the rule {rule}"
    if not case.author.address or "@" not in case.author.address:
        return "it has no author to answer"
    if case.policy.is_own(case.author.address):
        return "its author is one of our own addresses"
    if is_shared(case.author):
        return "role-address: nobody reads there"
    if case.facts.undeliverable and not lives(case):
        return "mail to this address failed for good lately"
    return over_budget(case)


def mails(case: Case, remarks: tuple[str, ...] = ()) -> tuple[NoticeRequest, ...]:
    """To a requester who is acknowledged: that the request is here and, the first time, the invitation."""
    received = NoticeRequest(Notice.REQUEST_RECEIVED, case.author, Audience.CUSTOMER, remarks=remarks)
    if not case.policy.passwords or case.facts.invited or case.facts.registered:
        return (received,)
    return received, NoticeRequest(Notice.REGISTRATION, case.author, Audience.CUSTOMER)


def over_budget(case: Case) -> str:
    """So much automatic mail went there lately that it smells of a loop; empty while it is not."""
    if again := case.facts.repeated:
        return f"the same words were answered {again.count} times in {again.minutes // (24 * 60)} days"
    full, where = spent(case.policy.acknowledgement_budgets, case.facts.automatic_mail, case.now), "this address"
    if full is None and case.facts.spent:
        where, full = case.facts.spent
    return f"{full.count} automatic mails went to {where} in {full.minutes} minutes" if full else ""

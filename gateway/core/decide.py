"""What happens to a mail: TABLE, read from top to bottom; the first row that applies decides.

Each row is a question and an answer, both pure; the answers stand in `customers`, `machines` and
`agents`. Nothing is dropped silently: a row that does not act says why. The table of
docs/decide.md is made of the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.core import (
    advisers,
    agents,
    agents_begin,
    archive,
    as_written,
    blocking,
    customers,
    holder_away,
    lost,
    machines,
    parking,
    probe,
    rated_by_mail,
    refusal,
    ruled,
    sent_folder,
)
from gateway.core.case import Case
from gateway.core.decision import Decision
from gateway.mail.message import KindName


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    applies: Callable[[Case], bool]
    decide: Callable[[Case], Decision]
    told: str
    """The row as docs/decide.md tells it: what the mail is, then the four answers, divided by `|`."""


def decide(case: Case) -> Decision:
    """The decision of the first row that applies; the last row always does."""
    if case.envelope.archived:
        return archive.recorded(case, _first(archive.unhurried(case)))
    ticket = case.ticket or case.reported_ticket
    decision = holder_away.also(case, ruled.also(case, _first(case)))
    return parking.woken(decision, ticket, case.policy)


def _first(case: Case) -> Decision:
    return as_written.shown(case, next(row for row in TABLE if row.applies(case)).decide(case))


HEAD = "a mail that … | goes onto the ticket | reopens it | is acknowledged | is announced to agents"


def document() -> str:
    """TABLE as the Markdown table of docs/decide.md."""
    lines = (HEAD, " | ".join(["---"] * 5), *(line for row in TABLE for line in row.told.split("\n")))
    return "\n".join(f"| {line} |" for line in lines)


TABLE: tuple[Row, ...] = (
    Row(
        "probe",
        lambda c: probe.of(c) is not None,
        probe.decide,
        "is a probe of ours that came back (`[canary]`) | no | no | no | the operator, when it was altered",
    ),
    Row(
        "sent from the mailbox itself",
        sent_folder.is_found,
        sent_folder.decide,
        "was found in the mailbox's own Sent folder | as an answer; as a comment where it went to others | "
        "no: waits for the customer | no | who follows",
    ),
    Row(
        "duplicate",
        ruled.is_duplicate,
        machines.duplicate,
        "is the same as one before (Message-ID and content) | no | no | no | no",
    ),
    Row(
        "unreadable",
        lambda c: c.kind.name is KindName.UNREADABLE,
        machines.unreadable,
        "cannot be read, or breaks a limit | held with its cause | – | never | the operator is told",
    ),
    Row(
        "ours, from an archive",
        archive.is_ours,
        archive.ours,
        "is an answer of ours, from an archive | yes, under its date | no | no | no",
    ),
    Row(
        "own mail coming back",
        lambda c: c.kind.name is KindName.LOOP,
        machines.loop,
        "is our own mail coming back, by its id, its reverse path or a mark of ours | no | no | no | "
        "the operator is told; not where a list sent it",
    ),
    Row(
        "delivery failed",
        machines.is_failed,
        machines.failed_report,
        "reports that a mail of ours failed | on the mail it reports, by id, address, reference or recipient | "
        "only if it killed our newest answer | no | yes; the operator, when it fits no ticket",
    ),
    Row(
        "other report",
        machines.is_report,
        machines.other_report,
        "reports a delay, a reading, a complaint, or figures about our domain (DMARC, TLS) | folded | no | no | no",
    ),
    Row(
        "sender blocked",
        blocking.applies,
        blocking.decide,
        "is from a blocked sender (`#block`), whatever mark it shows | no, only in the journal | no | no | no (digest)",
    ),
    Row(
        "marked as spam",
        blocking.is_marked,
        blocking.marked,
        "our own filter marked as spam (`gateway.trusted_spam_fields`), from nobody who takes part in its ticket | "
        "no, only in the journal | no | no | no (digest)",
    ),
    Row(
        "folded by a rule",
        ruled.folds,
        ruled.folded,
        "a rule of the site folds (`[[rules]]`), and no agent or adviser wrote | folded; about no ticket: only in the "
        "journal | **no** | no | no (digest)",
    ),
    Row(
        "automatic, generated, no ticket",
        customers.is_machines_request,
        customers.new_automatic,
        "a machine sent (`auto-generated`, null reverse path, cron, monitor, fax, tracker), about no ticket | "
        "new ticket | – | no | yes",
    ),
    Row(
        "agent's answer marked automatic",
        refusal.is_marked_automatic,
        refusal.marked_automatic,
        "a proven agent's program marked an answer as a machine's, or as a note of absence | no: a draft | no | "
        "receipt; `#send` lets it go | as with an automatic answer, below",
    ),
    Row(
        "automatic",
        lambda c: machines.is_automatic(c) or refusal.is_bare_note(c),
        machines.automatic,
        "a machine answered (`auto-replied`), somebody pressed a reaction, a program says that it was read, or an "
        "agent's mail says that they are away in its subject and nothing below | folded | "
        "**no** | no | no (digest); an absence of the agent who has the ticket: who follows, else the leads or team",
    ),
    Row(
        "echo",
        machines.is_echo,
        machines.echo,
        "is a note of absence without a header that says so, or our own words and nothing else | folded | **no** | "
        "no | the first absence that answers an agent; else no (digest)",
    ),
    Row(
        "agent's mark of no ticket",
        lost.is_agents,
        lost.kept,
        "is an agent's and shows a mark of ours that fits no ticket here (erased, or lost by a restore) | "
        "no | no | receipt with the reason | no",
    ),
    Row(
        "agent on a customer's behalf",
        agents_begin.is_on_behalf,
        agents_begin.on_behalf,
        "a proven agent wrote for a customer (`#from`, `#to`), about no ticket | new ticket of that customer | "
        "– | receipt; with `#from` the customer too | with `#from` the team",
    ),
    Row(
        "agent on a ticket",
        agents.answers_ticket,
        agents.decide,
        "a proven agent wrote on a ticket | yes, and out to the customer | as ordered | receipt | who follows\n"
        "somebody wrote in an agent's name without proof | as a comment | no | the real agent is told | no",
    ),
    Row(
        "agent around the desk",
        agents_begin.is_around,
        agents_begin.around,
        "an agent wrote to a customer, the mailbox in copy, about no ticket | "
        "new ticket, recorded as answered | – | receipt | no",
    ),
    Row(
        "agent's order without a ticket",
        agents_begin.is_orphaned_order,
        agents_begin.orphaned,
        "a proven agent ordered something that needs a ticket, about none | no | only `#reopen N` | "
        "receipt with the right form | no",
    ),
    Row(
        "one of many alike",
        machines.is_robot,
        machines.robot,
        "has the words of ten others from new addresses of one domain (`limits.alike_mails`) | folded, on the ticket "
        "of the first | no | no | once, and the operator",
    ),
    Row(
        "asks for own tickets",
        customers.asks_status,
        customers.status_asked,
        "asks for `status` and nothing else | no | no | the list of own tickets | no",
    ),
    Row(
        "recall",
        lambda c: customers.recalled(c) is not None and c.agent is None,
        customers.recall,
        "asks for an earlier mail of its author back (`Recall: …`) | on the open ticket of that mail | – | no | yes",
    ),
    Row(
        "agent's mail that leads nowhere",
        refusal.is_stray,
        refusal.stray,
        "an agent wrote about no ticket: an order without proof or in the wrong place, text in answer to a digest or "
        "receipt, a forward without `#from` | no: a draft | – | receipt with the right form | no",
    ),
    Row(
        "adviser",
        advisers.writes,
        advisers.decide,
        "is of somebody an agent asked (`#ask`, or a mail with the mailbox in copy), or answers such a mail | as a "
        "comment | no | no | yes",
    ),
    Row(
        "agent's mark, unknown account",
        refusal.is_other_account,
        refusal.other_account,
        "an unknown account wrote with a mark made for an agent | as a comment; a draft of that agent | no | no: the "
        "agent is told at the configured address | the leads",
    ),
    Row(
        "reply to spam",
        customers.answers_spam,
        customers.reply_to_spam,
        "answers a ticket that was marked as spam | folded | **no** | no | no (digest)",
    ),
    Row(
        "rating",
        lambda c: rated_by_mail.given(c) is not None,
        rated_by_mail.decide,
        "answers the question how it was with a number or a word it offers, and nothing else | folded; it is the "
        "rating | **no** | yes, with the answer | the leads, when it is a bad one",
    ),
    Row(
        "reply, closed too long",
        lambda c: customers.is_closed_too_long(c) and c.knows_author_or_signed,
        customers.follow_up,
        "the requester or a participant wrote, on a ticket closed longer than `reopen_window_days` | "
        "new ticket, linked | – | yes, with the old number | yes",
    ),
    Row(
        "reply",
        lambda c: c.knows_author,
        customers.reply,
        "the requester or a participant wrote, with any evidence and whatever header | yes | → Waiting on us | "
        "no | yes",
    ),
    Row(
        "stranger with a signed mark",
        customers.joins_as_stranger,
        customers.stranger_signed,
        "a stranger wrote, with a signed mark | yes, unconfirmed | → Waiting on us | no | yes, flagged, with who gets "
        "the answer",
    ),
    Row(
        "stranger without",
        lambda c: c.ticket is not None,
        customers.stranger_unsigned,
        'a stranger wrote, with anything else, or passed a mail of ours on | new ticket, "claims #N" | no | yes | '
        "yes, flagged",
    ),
    Row(
        "new request",
        lambda c: True,
        customers.new_request,
        "anything else a human wrote | new ticket | – | yes | "
        "yes; flagged when it shows a mark of ours that fits no ticket here, or comes under our own address",
    ),
)
"""The policy of the house. Each row has a test of its own in tests/core/test_decide.py."""

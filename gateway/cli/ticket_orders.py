"""`replydesk ticket assign|mailbox|follow|language|from|wait|reopen|spam|split|merge|move|undo …`: orders of agents.

The words are read by the grammar of mails, so the shell knows no order a mail does not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from gateway.cli import WrongUsage, ticket_acts
from gateway.cli.site import Site, new_cause, now, opened
from gateway.cli.ticket_words import print_ticket
from gateway.core import move_entries, orders, passed_on
from gateway.core.commands import Order
from gateway.core.decision import Decision
from gateway.core.sentences import text_of
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.core.verbs import Verb
from gateway.errors import ReplydeskError
from gateway.mail.sentence import SEPARATOR
from storage.tx import Tx

Decide = Callable[[argparse.Namespace, orders.OrderContext, Tx, Site], Decision]


def run(args: argparse.Namespace) -> int:
    """Decide and store in one transaction; a merged ticket leads to the one it went into."""
    with opened(args) as site:
        agent = ticket_acts.named(site.policy, args.agent) if args.agent else None

        def work(tx: Tx) -> tuple[int, Decision]:
            tx.threads.serialise([f"ticket:{n}" for n in {args.number, getattr(args, "into", args.number)}])
            by = orders.OrderContext(tx.reads.current(args.number), agent, site.policy, now())
            decision = _VERBS[args.verb](args, by, tx, site)
            applied = site.desk.effects.apply(tx, decision, new_cause(), now())
            assert applied is not None
            return applied.ticket.number, decision

        number, decision = site.database.write_now(work)
        if args.json:
            print_ticket(site, number, as_json=True)
            return 0
        for event in decision.events:
            print(f"Ticket {number}: {text_of(event, 'en')}")
        if not decision.events:
            print(f"Ticket {number}: nothing was changed.")
        for request in decision.notices:
            print(f"  {request.notice.value.replace('_', ' ')} to {request.recipient.address}")
    return 0


def _ordered(verb: Verb) -> Decide:
    def decide(args: argparse.Namespace, by: orders.OrderContext, tx: Tx, site: Site) -> Decision:
        order = _understood(by, verb, _said(args), site)
        decision = orders.carry_out(by, order, None, ticket_acts.PROOF)
        history = tx.reads.entries(by.ticket.number) if verb is Verb.FROM else []
        forwards = site.desk.forwards(tx, history, order.argument(Verb.FROM))
        decision = passed_on.handed_over(decision, history, forwards, by.name, site.policy)
        site.desk.keep_inside(tx, decision, (i.raw for i in forwards.values()), now())
        return decision

    return decide


def _said(args: argparse.Namespace) -> str:
    said = getattr(args, "name", "")
    return said if isinstance(said, str) else " ".join(said)


def _understood(by: orders.OrderContext, verb: Verb, argument: str, site: Site) -> Order:
    """The order as a mail would give it, refused where it cannot be meant."""
    order = ticket_acts.order(site.policy, verb, argument)
    problems = orders.problems(by, order)
    if problems:
        unread = problems[0].partition(SEPARATOR)[0] == "no_such_time"
        raise (WrongUsage if unread else ReplydeskError)(ticket_acts.in_words(verb, problems[0]))
    if by.agent is None and (verb in _FOR_ONESELF or order.argument(verb).casefold() == "me"):
        raise WrongUsage("say who with --agent ADDRESS")
    return order


_FOR_ONESELF = (Verb.FOLLOW, Verb.UNFOLLOW)


def _undo(args: argparse.Namespace, by: orders.OrderContext, tx: Tx, site: Site) -> Decision:
    """The newest order an agent gave by mail, or with --agent at the shell: whose it was need not be said."""
    agents = by.agent.keys if by.agent else frozenset(k for a in site.policy.agents for k in a.keys)
    done = tx.acts.newest(by.ticket.number, agents)
    source = tx.reads.get(done.undo.moved_from) if done and done.undo.moved_from else None
    refusal = move_entries.too_late(by, done, source)
    if done is None or refusal:
        raise ReplydeskError(text_of(refusal, "en"))
    return move_entries.undo(by, done, source)


def _split(args: argparse.Namespace, by: orders.OrderContext, tx: Tx, site: Site) -> Decision:
    order = _understood(by, Verb.ASSIGN, args.assign, site) if args.assign else None
    entry = _entry(tx, by, args.entry)
    if entry.role is Role.AGENT or entry.kind is not EntryKind.CORRESPONDENCE:
        raise ReplydeskError(f"entry {entry.id} is no customer's mail: nobody could have a ticket of it")
    if problem := move_entries.split_problem(entry, tx.reads.entries(by.ticket.number)):
        raise ReplydeskError(text_of(problem, "en"))
    return move_entries.split(by, entry, args.subject, order)


def _move(args: argparse.Namespace, by: orders.OrderContext, tx: Tx, site: Site) -> Decision:
    return move_entries.move(by, _entry(tx, by, args.entry), _other(tx, by, site, args.into))


def _merge(args: argparse.Namespace, by: orders.OrderContext, tx: Tx, site: Site) -> Decision:
    into = _other(tx, by, site, args.into)
    doubt = move_entries.merge_doubt(by.ticket, into)
    if doubt and not args.yes:
        raise ReplydeskError(f"{text_of(doubt, 'en')} If that is meant, say it again with --yes")
    return move_entries.merge(by, into)


def _other(tx: Tx, by: orders.OrderContext, site: Site, number: int) -> Ticket:
    other = tx.reads.current(number)
    if other.number == by.ticket.number:
        raise ReplydeskError(f"#{number} is this very ticket")
    return other


def _entry(tx: Tx, by: orders.OrderContext, id: int) -> Entry:
    entry = tx.reads.entry(id)
    if entry is None or entry.ticket != by.ticket.number:
        raise ReplydeskError(f"ticket {by.ticket.number} has no entry {id}; `ticket show --json` lists their ids")
    return entry


_VERBS: dict[str, Decide] = {
    "assign": _ordered(Verb.ASSIGN),
    "tag": _ordered(Verb.TAG),
    "untag": _ordered(Verb.UNTAG),
    "snooze": _ordered(Verb.SNOOZE),
    "follow": _ordered(Verb.FOLLOW),
    "unfollow": _ordered(Verb.UNFOLLOW),
    "mailbox": _ordered(Verb.MAILBOX),
    "language": _ordered(Verb.LANGUAGE),
    "from": _ordered(Verb.FROM),
    "wait": _ordered(Verb.WAIT),
    "solved": _ordered(Verb.SOLVED),
    "reopen": _ordered(Verb.REOPEN),
    "spam": _ordered(Verb.SPAM),
    "split": _split,
    "merge": _merge,
    "move": _move,
    "undo": _undo,
}

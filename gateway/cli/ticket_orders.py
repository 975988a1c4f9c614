"""`replydesk ticket assign|reopen|spam|split|merge|move`: what agents order by mail, at the shell."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from gateway.cli import ticket_acts
from gateway.cli.site import Site, new_cause, now, opened
from gateway.cli.ticket import print_ticket
from gateway.core import act, moves
from gateway.core.commands import Command, Order, Verb
from gateway.core.decision import Decision
from gateway.core.errors import ReplydeskError
from gateway.core.say import spoken
from gateway.core.ticket import Entry, Ticket
from storage.tx import Tx

Decide = Callable[[argparse.Namespace, act.Carrier, Tx, Site], Decision]


def run(args: argparse.Namespace) -> int:
    """Decide and store in one transaction; a merged ticket leads to the one it went into."""
    with opened(args) as site:
        agent = ticket_acts.named(site.policy, args.agent) if args.agent else None

        def work(tx: Tx) -> tuple[int, Decision]:
            tx.tickets.serialise([f"ticket:{n}" for n in {args.number, getattr(args, "into", args.number)}])
            by = act.Carrier(site.desk.current(tx, args.number), agent, site.policy, now())
            decision = _VERBS[args.verb](args, by, tx, site)
            applied = site.desk.effects(tx, decision, new_cause(), now())
            assert applied is not None
            return applied.ticket.number, decision

        number, decision = site.database.write_now(work)
        if args.json:
            print_ticket(site, number, as_json=True)
            return 0
        for event in decision.events:
            print(f"Ticket {number}: {spoken(event, 'en')}")
        for request in decision.notices:
            print(f"  {request.notice.value.replace('_', ' ')} to {request.recipient.address}")
    return 0


def _ordered(verb: Verb, argument: str = "") -> Decide:
    def decide(args: argparse.Namespace, by: act.Carrier, _tx: Tx, _site: Site) -> Decision:
        order = Order((Command(verb, argument or getattr(args, "name", "")),))
        problems = act.problems(by, order)
        if problems:
            raise ReplydeskError(spoken(problems[0], "en"))
        return act.carry_out(by, order, None, ticket_acts.PROOF)

    return decide


def _split(args: argparse.Namespace, by: act.Carrier, tx: Tx, _site: Site) -> Decision:
    return moves.split(by, _entry(tx, by, args.entry), args.subject)


def _move(args: argparse.Namespace, by: act.Carrier, tx: Tx, site: Site) -> Decision:
    return moves.move(by, _entry(tx, by, args.entry).id, _other(tx, by, site, args.into))


def _merge(args: argparse.Namespace, by: act.Carrier, tx: Tx, site: Site) -> Decision:
    return moves.merge(by, _other(tx, by, site, args.into))


def _other(tx: Tx, by: act.Carrier, site: Site, number: int) -> Ticket:
    other = site.desk.current(tx, number)
    if other.number == by.ticket.number:
        raise ReplydeskError(f"#{number} is this very ticket")
    return other


def _entry(tx: Tx, by: act.Carrier, id: int) -> Entry:
    entry = tx.tickets.entry(id)
    if entry is None or entry.ticket != by.ticket.number:
        raise ReplydeskError(f"ticket {by.ticket.number} has no entry {id}; `ticket show --json` lists their ids")
    return entry


_VERBS: dict[str, Decide] = {
    "assign": _ordered(Verb.ASSIGN),
    "reopen": _ordered(Verb.REOPEN),
    "spam": _ordered(Verb.SPAM),
    "split": _split,
    "merge": _merge,
    "move": _move,
}

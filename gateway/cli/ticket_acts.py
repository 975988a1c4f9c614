"""`replydesk ticket reply|note|ask|status|close`: orders given at the shell.

Each is one transaction: the ticket's change, its history and the mails it leads to. A running
daemon finds the mails in the outbox.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.cli import WrongUsage
from gateway.cli.site import Site, new_cause, now, opened
from gateway.cli.ticket_words import print_ticket
from gateway.core import advisers, commands, orders, sides, statuses
from gateway.core.commands import Order
from gateway.core.decision import Decision, EntryDraft
from gateway.core.notice import Audience
from gateway.core.policy import Agent, Policy
from gateway.core.reason import Reason
from gateway.core.sentences import text_of
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.core.verbs import Verb
from gateway.errors import ReplydeskError
from gateway.mail.message import Address
from gateway.mail.text import clean
from storage.tx import Tx

PROOF = "the command line"
TEXT_LIMIT = 1_000_000
"""Characters; more is a mistake of whoever wrote the pipe."""


@dataclass(frozen=True, slots=True)
class Done:
    number: int
    decision: Decision | None
    """None: the ticket was like that already."""


def run(args: argparse.Namespace) -> int:
    with opened(args) as site:
        if args.verb in ("reply", "note", "ask"):
            return _reply(site, args)
        agent = named(site.policy, args.agent) if args.agent else None
        if args.verb == "close":
            wish = order(site.policy, Verb.CLOSE, "silent" if args.silent else "")
        else:
            wish = order(site.policy, Verb.STATUS, args.status)
        wanted = orders.wanted_status(wish, site.policy)

        def decide(ticket: Ticket, _: Tx) -> Decision | None:
            if (ticket.status, ticket.sub_status) == wanted:
                return None
            return orders.carry_out(orders.OrderContext(ticket, agent, site.policy, now()), wish, None, PROOF)

        return _tell(site, _act(site, args.number, decide), as_json=args.json)


def _reply(site: Site, args: argparse.Namespace) -> int:
    agent = _author(site.policy, args.agent)
    text = typed(args.file).strip()
    if not text:
        raise ReplydeskError("there is no text to send; give it on standard input or with --file")
    wish = order(site.policy, Verb.STATUS, args.status) if args.status else Order()
    asks = args.verb == "ask"
    kind = EntryKind.COMMENT if asks or args.note else EntryKind.CORRESPONDENCE

    def decide(ticket: Ticket, tx: Tx) -> Decision:
        known = tx.second_addresses.namesake(args.address) if asks else None
        by = orders.OrderContext(ticket, agent, site.policy, now(), namesake=known)
        box = site.policy.mailbox_for(ticket.mailbox) or site.policy.mailboxes[0]
        author = Address(agent.address, agent.name) if agent else Address(box.address, box.name)
        entry = EntryDraft(
            kind, author, Role.AGENT, text, text, reason=Reason.COMMAND_LINE.value,
            side=sides.of_entry(ticket, author.key, Role.AGENT),
        )  # fmt: skip
        if asks:
            whom, history = Address(args.address), tx.reads.entries(ticket.number)
            files, missing = advisers.files_named(args.attach, history)
            if refused := (*advisers.problems(by, whom), *missing):
                raise ReplydeskError(text_of(refused[0], "en"))
            entry = replace(entry, reason=Reason.AGENT_ASKED.value)
            return advisers.ask(by, wish, whom, entry, files=files, proof=PROOF)
        if args.note:
            return orders.note(by, wish, entry, PROOF)
        answer = orders.Answer(text, entry)
        if orders.reaches_nobody(by, wish, answer):
            n = ticket.number
            raise ReplydeskError(
                f"an answer on {n} reaches nobody; name the customer: replydesk ticket from {n} ADDRESS"
            )
        return orders.carry_out(by, wish, answer, PROOF)

    return _tell(site, _act(site, args.number, decide), as_json=args.json)


def order(policy: Policy, verb: Verb, argument: str) -> Order:
    """An order as an agent's mail would give it. Raises `WrongUsage` where that would be misunderstood."""
    found = commands.read(f"#{verb} {argument}", policy.languages, statuses.words(policy))
    if found.problems:
        raise WrongUsage(in_words(verb, found.problems[0]))
    return found


def in_words(verb: Verb, problem: str) -> str:
    """Why an order cannot be meant, in the words of the shell: there the verb is typed without its mark."""
    return text_of(problem, "en").replace(f"#{verb}", str(verb))


def _act(site: Site, number: int, decide: Callable[[Ticket, Tx], Decision | None]) -> Done:
    """Decide and store in one transaction; a merged ticket leads to the one it went into."""

    def work(tx: Tx) -> Done:
        tx.threads.serialise([f"ticket:{number}"])
        ticket = tx.reads.current(number)
        decision = decide(ticket, tx)
        if decision is not None:
            site.desk.effects.apply(tx, decision, new_cause(), now())
        return Done(ticket.number, decision)

    return site.database.write_now(work)


def _tell(site: Site, done: Done, *, as_json: bool) -> int:
    if as_json:
        print_ticket(site, done.number, as_json=True)
        return 0
    ticket = site.database.read_now(lambda tx: tx.reads.get(done.number))
    status = statuses.label(ticket, site.policy, "en", Audience.AGENT)
    if done.decision is None:
        print(f"Ticket {done.number} is like that already: {status}. Nothing was changed.")
        return 0
    print(f"Ticket {done.number}: {status}.")
    for request in done.decision.notices:
        print(f"  {request.notice.value.replace('_', ' ')} to {request.recipient.address}")
    return 0


def _author(policy: Policy, address: str) -> Agent | None:
    """In whose name an answer goes out: the one named, or the only one; None where there are no agents."""
    if address:
        return named(policy, address)
    if len(policy.agents) > 1:
        raise WrongUsage(f"say in whose name with --agent: {_addresses(policy)}")
    return policy.agents[0] if policy.agents else None


def named(policy: Policy, address: str) -> Agent:
    agent = policy.agent_for(address)
    if agent is None:
        known = f"agents are: {_addresses(policy)}" if policy.agents else "the configuration names no agents"
        raise ReplydeskError(f"there is no agent {address}; {known}")
    return agent


def _addresses(policy: Policy) -> str:
    return ", ".join(a.address for a in policy.agents)


def typed(file: str) -> str:
    """UTF-8 text from a file or, for `-`, from standard input."""
    if file == "-" and sys.stdin.isatty():
        print("Write your text; end it with Ctrl-D on a line of its own.", file=sys.stderr)
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ReplydeskError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ReplydeskError("the text is not UTF-8; nothing was sent") from None
    if len(text) > TEXT_LIMIT:
        raise ReplydeskError(f"the text has {len(text)} characters, more than {TEXT_LIMIT}; nothing was sent")
    return clean(text)

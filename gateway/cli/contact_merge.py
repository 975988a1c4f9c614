"""`replydesk contact merge ADDRESS OTHER` and `contact split OTHER`: two addresses of one person, as by `#alias`."""

from __future__ import annotations

import argparse

from gateway.cli import WrongUsage, show
from gateway.cli.site import Site, new_cause, now
from gateway.core import commands, second_address
from gateway.core.decision import Decision, Namesake, SamePerson, Why
from gateway.core.reason import Reason
from gateway.core.sentences import text_of
from gateway.core.verbs import Verb
from gateway.errors import ReplydeskError
from gateway.mail.message import Address
from gateway.mail.sentence import code
from storage.tx import Tx


def run(site: Site, args: argparse.Namespace) -> None:
    """Join or part them, and print what is true now. Raises `ReplydeskError` with what is in the way."""
    other = _address(site, args.other)
    main = Address(_address(site, args.address)) if args.verb == "merge" else None

    def work(tx: Tx) -> tuple[SamePerson, Namesake]:
        found = tx.second_addresses.namesake(other, main)
        if main is None:
            if not found.is_further:
                raise ReplydeskError(text_of(second_address.unknown(found.address), "en"))
            same = SamePerson(found.person[0], found.address, apart=True)
        else:
            of = found.person[0] if found.is_further else None
            if refused := second_address.refusal(site.policy, main, found.address, of):
                raise ReplydeskError(_in_words(refused[0]))
            _refuse_taken(tx, main, found.address)
            same = SamePerson(main, found.address)
        decision = Decision(Reason.AGENT_COMMAND, Why(attach="no: it is about a person, not a ticket"), same=same)
        site.desk.effects.apply(tx, decision, new_cause(), now())
        return same, found

    same, found = site.database.write_now(work)
    show.text(text_of(second_address.events(same)[0], "en"))
    if not same.apart and found.tickets:
        print(f"Requests that are theirs now as well: {found.tickets}")
    if not same.apart and found.copies:
        print(f"Requests of others whose copies go to {same.main.address} now: {found.copies}")


def _address(site: Site, written: str) -> str:
    """Also of `Kim <kim@shop.example>`: what is kept is written to, and mails are found by it."""
    found = commands.read(f"#{Verb.ALIAS} {written}", site.policy.languages)
    if found.problems:
        raise WrongUsage(f"{written} is no e-mail address; write one such as customer@example.com")
    return found.argument(Verb.ALIAS)


def _in_words(problem: str) -> str:
    """What an order by mail would be told, in the words of the shell."""
    return text_of(problem, "en").replace("#alias", "this").replace("#unalias", "replydesk contact split")


def _refuse_taken(tx: Tx, main: Address, other: Address) -> None:
    """Who is written to must not be taken from somebody whose further address that is."""
    person = tx.second_addresses.person(main.address)
    if person and main.key != person[0].key != other.key:
        raise ReplydeskError(_in_words(code("alias_of_another", main.address, person[0].address)))

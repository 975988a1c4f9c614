"""`replydesk agent order ADDRESS [--ticket N]`: an agent's mail, written at the shell.

What stands on standard input is read as if that agent had sent it, proven: orders on the first lines, then the text. So
the shell knows every order a mail knows, and nothing is done that a mail would not do; the receipt is printed as well.
Exit code 1 when nothing was done, or the words were kept as a draft.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cli.site import Site
    from gateway.core.decision import Decision
    from gateway.core.policy import Agent
    from gateway.core.ticket import Ticket
    from storage.tx import Tx

SOURCE = "shell"
"""Of such a mail in the journal."""


def configure(parser: argparse.ArgumentParser) -> None:
    from gateway.cli.words import count

    parser.add_argument("--ticket", type=count, default=0, metavar="N", help="the ticket it is about")
    parser.add_argument("--subject", default="", help="of a mail that begins a ticket (#to, #for)")
    parser.add_argument("--file", default="-", help="take orders and text from a file")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import DONE, REFUSED, show, ticket_acts
    from gateway.cli.site import now, opened
    from gateway.errors import ReplydeskError
    from gateway.mail.message import Envelope
    from gateway.worker import asks_figures, with_figures
    from storage import raw

    with opened(args) as site:
        agent = ticket_acts.named(site.policy, args.address)
        text = ticket_acts.typed(args.file).strip()
        if not text:
            raise ReplydeskError("there is neither order nor text; give it on standard input or with --file")

        ticket = site.database.read_now(lambda tx: tx.reads.current(args.ticket)) if args.ticket else None
        box = site.policy.mailbox_for(ticket.mailbox) if ticket else None
        to = (box or site.policy.mailbox_of(agent)).address
        data = _mail(site, agent, to, ticket, args.subject, text)
        envelope = Envelope(SOURCE, agent.address, (to,), authenticated_as=agent.address)
        read, moment = site.desk.read(data, envelope), now()
        if asks_figures(read):
            read = site.database.read_now(lambda tx: with_figures(tx, site.desk, read, moment))

        def work(tx: Tx) -> Decision:
            id = tx.journal.append(envelope, raw.pack(data), moment)
            decision = site.desk.handle(tx, id, read, moment)
            if decision is None:  # pragma: no cover  # nobody else can see a row of this transaction
                raise ReplydeskError("it could not be taken up")
            return decision

        decision = site.database.write_now(work)
    for line in _told(decision):
        show.text(line)
    return REFUSED if _is_refused(decision) else DONE


def _mail(site: Site, agent: Agent, to: str, ticket: Ticket | None, subject: str, text: str) -> bytes:
    from gateway.cli.site import now

    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = agent.address, to
    mail["Subject"] = f"Re: [{site.policy.reference(ticket)}]" if ticket else " ".join(subject.split())
    mail["Date"] = format_datetime(now())
    mail["Message-ID"] = make_msgid(domain=site.settings.hostname)
    mail.set_content(text)
    return mail.as_bytes()


def _is_refused(decision: Decision) -> bool:
    """Nothing of it was done, or its words wait as a draft: whoever scripts the shell must not take that for done."""
    from gateway.core.reason import NOT_DONE

    return bool(decision.hold) or decision.keep is not None or decision.reason in NOT_DONE


def _told(decision: Decision) -> Iterator[str]:
    """What the receipt says, and who gets a mail."""
    from gateway.core.notice import Notice
    from gateway.core.sentences import text_of

    if decision.ticket:
        yield f"Ticket {decision.ticket}"
    if decision.hold:
        yield f"It is held: {decision.hold}"
    for notice in decision.notices:
        if notice.notice is Notice.AGENT_RECEIPT:
            yield from (text_of(remark, "en") for remark in notice.remarks)
    for section in decision.sections:
        yield section.title
        yield from (f"  {item.text}" + (f"  ({item.facts})" if item.facts else "") for item in section.items)
    for notice in decision.notices:
        if notice.notice is not Notice.AGENT_RECEIPT:
            yield f"  {notice.notice.value.replace('_', ' ')} to {notice.recipient.address}"

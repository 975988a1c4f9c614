"""What agents look up: tickets by who has them, their state, their words, their requester."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.core.lifecycle import Status
from gateway.core.looked_up import Asked, Found
from gateway.mail.message import Address
from storage.contacts import Contacts
from storage.reads import TicketReads, Wanted
from storage.reports import Reports
from storage.second_addresses import SecondAddresses


class Lookups:
    """Reads, and changes nothing."""

    def __init__(self, connection: Connection) -> None:
        self._contacts, self._reads = Contacts(connection), TicketReads(connection)
        self._reports = Reports(connection)
        self._people = SecondAddresses(connection, self._contacts)

    def find(self, asked: Asked | None, most: int) -> Found | None:
        """The latest activity first; None when nothing is asked."""
        if asked is None:
            return None
        if asked.report:
            for ticket in self._reports.facts(asked.report.period.since, asked.report.period.until):
                asked.report.add(ticket)
            return Found(report=asked.report)
        person = self._people.person(asked.requester) if asked.requester else ()
        requester = person[0].address if person else asked.requester
        wanted = Wanted(
            status=Status.WAITING_ON_CONTACT.value if asked.waiting else "open" if asked.open else "",
            text=asked.text,
            requester=requester,
            by_requester=bool(requester),
            assignee=asked.assignee,
            number=asked.number,
            mailboxes=asked.mailboxes,
            unassigned=asked.unassigned,
            agents=asked.agents,
            snoozed=asked.snoozed,
        )
        tickets = tuple(self._reads.search(wanted, limit=most))
        if requester:
            tickets = tuple(self._reads.as_known(t) for t in tickets)
        known = self._contacts.find(requester) if requester else None
        return Found(
            tickets,
            self._reads.count(wanted) if len(tickets) == most else len(tickets),
            Address(known.address, known.name) if known else None,
            known.created_at if known else None,
            known.language if known else "",
            further=tuple(a.address for a in person[1:]),
        )

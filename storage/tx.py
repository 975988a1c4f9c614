"""One transaction, and the rooms of the store inside it."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import Connection

from storage.absences import Absences
from storage.acts import Acts
from storage.alarms import Alarms
from storage.blocks import Blocks
from storage.board import Board
from storage.claims import Claims
from storage.contacts import Contacts
from storage.drafts import Drafts
from storage.folder_progress import Places
from storage.jobs import Jobs
from storage.journal import Journal
from storage.lookups import Lookups
from storage.outbox import Outbox
from storage.probes import Probes
from storage.ratings import Ratings
from storage.reads import TicketReads
from storage.reports import Reports
from storage.second_addresses import SecondAddresses
from storage.storms import StormReads
from storage.threads import Threads
from storage.tickets import Tickets


class Tx:
    """What a piece of work is given. Everything it does is committed together, or not at all."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.connection)

    @cached_property
    def tickets(self) -> Tickets:
        return Tickets(self.connection, self.contacts)

    @cached_property
    def reads(self) -> TicketReads:
        return TicketReads(self.connection)

    @cached_property
    def lookups(self) -> Lookups:
        return Lookups(self.connection)

    @cached_property
    def absences(self) -> Absences:
        return Absences(self.connection)

    @cached_property
    def reports(self) -> Reports:
        return Reports(self.connection)

    @cached_property
    def threads(self) -> Threads:
        return Threads(self.connection)

    @cached_property
    def storms(self) -> StormReads:
        return StormReads(self.connection)

    @cached_property
    def blocks(self) -> Blocks:
        return Blocks(self.connection)

    @cached_property
    def board(self) -> Board:
        return Board(self.connection)

    @cached_property
    def claims(self) -> Claims:
        return Claims(self.connection)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.connection)

    @cached_property
    def contacts(self) -> Contacts:
        return Contacts(self.connection)

    @cached_property
    def second_addresses(self) -> SecondAddresses:
        return SecondAddresses(self.connection, self.contacts)

    @cached_property
    def alarms(self) -> Alarms:
        return Alarms(self.connection)

    @cached_property
    def acts(self) -> Acts:
        return Acts(self.connection)

    @cached_property
    def drafts(self) -> Drafts:
        return Drafts(self.connection)

    @cached_property
    def places(self) -> Places:
        return Places(self.connection)

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(self.connection)

    @cached_property
    def ratings(self) -> Ratings:
        return Ratings(self.connection)

    @cached_property
    def probes(self) -> Probes:
        return Probes(self.connection)

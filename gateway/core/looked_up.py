"""A look-up as values: which tickets are wanted, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from gateway.core.report import AgentReport
from gateway.core.ticket import Ticket
from gateway.mail.message import Address


@dataclass(frozen=True, slots=True)
class Asked:
    """Which tickets are wanted; all that is set must hold."""

    open: bool = False
    waiting: bool = False
    """For the customer."""
    snoozed: bool = False
    unassigned: bool = False
    agents: frozenset[str] = frozenset()
    """Who is one: what somebody else has is unassigned, too."""
    assignee: str = ""
    requester: str = ""
    text: str = ""
    number: int = 0
    """Found as well, whatever `text` finds."""
    mailboxes: tuple[str, ...] = ()
    """Empty: all."""
    report: AgentReport | None = None
    """Figures are wanted, not tickets: each is added to it."""

    def among(self, mailboxes: tuple[str, ...]) -> Self:
        return replace(self, mailboxes=mailboxes)


@dataclass(frozen=True, slots=True)
class Found:
    tickets: tuple[Ticket, ...] = ()
    """The newest of them."""
    count: int = 0
    """How many there are."""
    person: Address | None = None
    """The contact, where one was asked for by address and is known."""
    since: datetime | None = None
    language: str = ""
    report: AgentReport | None = None
    """The figures that were asked for, counted."""
    further: tuple[str, ...] = ()
    """Other addresses of the person."""

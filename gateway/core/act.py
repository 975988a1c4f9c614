"""An agent's order that was carried out, and how it was before: what `#undo` needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.core.lifecycle import Status


@dataclass(frozen=True, slots=True)
class Undo:
    """How it was before an agent's order, so that `#undo` can bring it back."""

    label: str
    """The order, as the agent wrote it: `#close`."""
    agent: str
    """Key of the agent's address."""
    status: Status
    assignee: str = ""
    sub_status: str = ""
    closed_by: str = ""
    """Who had closed it; empty when it was open, or not written down."""
    language: str | None = None
    """None, as below: the order left it as it was."""
    spam: bool | None = None
    answered: bool = False
    """An answer went into the outbox."""
    moved_from: int = 0
    moved: tuple[int, ...] = ()
    """Entries that were moved away from `moved_from`."""
    side: int = 0
    """The side they got there, …"""
    was: int = 0
    """… those of them that had this one before."""
    merged: bool = False
    source_status: str = ""
    """Status of `moved_from` before it was merged or split; when that is taken back, the one it gets."""
    source_snoozed: tuple[str, str, str] | None = None
    """As `snoozed`, of `moved_from` before it was merged; None: it was not put aside."""
    opened: bool = False
    """The ticket it happened on was opened by it: a split, or a mail to somebody who had not written."""
    after: str = ""
    """Status the order led to; when it is another one by now, it stays."""
    after_sub: str | None = None
    """The site's own name of it; None: it was not written down."""
    language_after: str | None = None
    given_to: str | None = None
    """Whom the order gave the ticket to, empty: to nobody; when it is somebody else's by now, it stays so.
    None: it gave it to nobody new."""
    mailbox: str = ""
    """The mailbox before `#mailbox`; empty when it stayed."""
    blocked: str = ""
    """Whom the order blocked; empty, as below, where that was so before. Written when it is carried out."""
    unblocked: str = ""
    """Whom nobody heard, and who is heard because of it."""
    same: tuple[str, str, bool] | None = None
    """The main and the further address to be written down anew, and whether as those of two people."""
    requester: str = ""
    """Address of the requester before `#from`; empty when it stayed."""
    hidden: tuple[int, ...] = ()
    """Entries that were for that requester alone, and for nobody outside after it."""
    took_part: bool = False
    """Whom `#from` made the requester took part before."""
    joined: tuple[str, ...] = ()
    """Keys of those who take part because of it: they must not go on getting the answers."""
    strangers: tuple[str, ...] = ()
    """Whom it let in, or made the requester, of those who had written and were not confirmed."""
    snoozed: tuple[str, str, str] | None = None
    """Until when (ISO, empty: not at all), by whom and with which note it was put aside before `#snooze` or an end."""
    snoozed_after: tuple[str, str, str] | None = None
    tags: tuple[str, ...] | None = None
    """Its tags before `#tag` or `#untag`."""
    tags_after: tuple[str, ...] | None = None
    followed: bool = False
    """The agent followed it before `#unfollow`."""
    spoke: str | None = None
    """The language that was kept for the requester before `#language`; None: that order was not given."""
    told: tuple[str, ...] = ()
    """Keys of the agents who were told of the order: they must not go on believing in it."""


@dataclass(frozen=True, slots=True)
class Act:
    """An agent's order that was carried out, as stored."""

    id: int
    ticket: int
    entry: int
    """Entry of the answer, 0 without."""
    journal_id: int
    """The agent's mail."""
    undo: Undo
    sent: bool
    """A customer has got a mail because of it, or may have."""
    answered_since: bool = False
    """An agent has answered on the ticket since."""
    newer: tuple[int, ...] = ()
    """Entries that have come since to what was split off, or from the customers of what was merged: they go along."""
    waits: bool = False
    """No agent has answered since the last of them."""
    hidden: bool = False
    """Only agents read these there, for they are of another customer than the ticket's."""


@dataclass(frozen=True, slots=True)
class Said:
    """An order or answer of an agent that was carried out lately."""

    at: datetime
    ticket: int
    text: str = ""
    """What of it went to customers."""

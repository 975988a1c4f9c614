"""Further addresses of people: each leads to the contact whose it is, and who is written to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, or_, select, update

from gateway.core import sides
from gateway.core.decision import Namesake, SamePerson
from gateway.core.ticket import Role
from gateway.mail.message import Address, address_key
from storage.address_tables import SECOND_ADDRESS
from storage.contacts import Contacts
from storage.statement import Statement
from storage.tables import CONTACT, ENTRY, PARTICIPANT, TICKET

_MAIN = select(SECOND_ADDRESS.c.contact_id).where(SECOND_ADDRESS.c.key == bindparam("key"))
_SELF = select(CONTACT.c.id).where(CONTACT.c.key == bindparam("key"))
_ALL = Statement(
    select(
        SECOND_ADDRESS.c.address.label("other"),
        CONTACT.c.address,
        CONTACT.c.name,
    )
    .join(CONTACT, CONTACT.c.id == SECOND_ADDRESS.c.contact_id)
    .where(or_(SECOND_ADDRESS.c.contact_id.in_(_MAIN), SECOND_ADDRESS.c.contact_id.in_(_SELF)))
    .order_by(SECOND_ADDRESS.c.key)
)

_MAINS = Statement(
    select(SECOND_ADDRESS.c.key, CONTACT.c.address, CONTACT.c.name)
    .join(CONTACT, CONTACT.c.id == SECOND_ADDRESS.c.contact_id)
    .where(SECOND_ADDRESS.c.key.in_(bindparam("keys", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class Further:
    """One further address."""

    address: str
    by: str
    """The agent's address; empty: the operator."""
    at: datetime


class SecondAddresses:
    def __init__(self, connection: Connection, contacts: Contacts) -> None:
        self._connection, self._contacts = connection, contacts

    def person(self, address: str) -> tuple[Address, ...]:
        """All addresses of whose address this is, the one that is written to first; empty for who has only one."""
        rows = _ALL.rows(self._connection, {"key": address_key(address)})
        return (Address(rows[0].address, rows[0].name), *(Address(row.other) for row in rows)) if rows else ()

    def main(self, address: str) -> str:
        """The address that is written to; the same one for who has only one."""
        return next((a.address for a in self.person(address)), address)

    def mains(self, keys: Collection[str]) -> dict[str, Address]:
        """Key of each further address among these → the address that is written to."""
        rows = _MAINS.rows(self._connection, {"keys": sorted(keys)}) if keys else ()
        return {row.key: Address(row.address, row.name) for row in rows}

    def of(self, address: str) -> list[Further]:
        """The further addresses of the contact with this address, since when and by whom."""
        found = self._contacts.find(address)
        if found is None:
            return []
        rows = select(SECOND_ADDRESS.c.address, SECOND_ADDRESS.c.by, SECOND_ADDRESS.c.at).where(
            SECOND_ADDRESS.c.contact_id == found.id
        )
        return [Further(*row) for row in self._connection.execute(rows.order_by(SECOND_ADDRESS.c.key))]

    def namesake(self, address: str, of: Address | None = None) -> Namesake:
        """What is known of an address that is said to be somebody's as well; `of`: whose requests are no others'."""
        contact = self._contacts.find(address)
        own = select(func.count()).where(TICKET.c.requester_key == address_key(address))
        part = (
            select(func.count())
            .select_from(PARTICIPANT.join(TICKET))
            .where(PARTICIPANT.c.key == address_key(address), ~PARTICIPANT.c.adviser)
            .where(TICKET.c.requester_key.is_distinct_from(of.key if of else None))
        )
        return Namesake(
            Address(address, contact.name if contact else ""),
            self.person(address),
            tickets=int(self._connection.execute(own).scalar_one()),
            copies=int(self._connection.execute(part).scalar_one()),
            registered=bool(contact and contact.password_hash),
        )

    def opened(self, address: str, number: int) -> None:
        """A ticket was opened from a further address: it goes with it when the two are parted."""
        mine = SECOND_ADDRESS.c.key == address_key(address)
        tickets = self._connection.execute(select(SECOND_ADDRESS.c.tickets).where(mine)).scalar_one_or_none()
        if tickets is not None:
            self._connection.execute(update(SECOND_ADDRESS).where(mine).values(tickets=[*tickets, number]))

    def join(self, same: SamePerson, by: str, now: datetime) -> None:
        """Two addresses are one person's from now on; tickets of the other one are the main one's."""
        main = self._contacts.ensure(same.main, now)
        other = self._contacts.find(same.other.address)
        key = same.other.key
        self._connection.execute(delete(SECOND_ADDRESS).where(SECOND_ADDRESS.c.key.in_((main.key, key))))
        if other is not None:
            theirs = SECOND_ADDRESS.c.contact_id == other.id
            self._connection.execute(update(SECOND_ADDRESS).where(theirs).values(contact_id=main.id))
            self._contacts.end_sessions(other.id)
            if other.language and not main.language:
                self._contacts.set_language(main.id, other.language)
            self._contacts.ensure(Address(main.address, other.name), now)
        numbers = list(
            self._connection.execute(
                select(TICKET.c.number).where(TICKET.c.requester_key == key).order_by(TICKET.c.number)
            ).scalars()
        )
        row = {
            "key": key,
            "address": same.other.address,
            "contact_id": main.id,
            "by": by,
            "at": now,
            "tickets": numbers,
        }
        self._connection.execute(insert(SECOND_ADDRESS).values(**row))
        self._give(numbers, main.id, main.key)

    def part(self, same: SamePerson, now: datetime) -> None:
        """They are two people again: tickets go back to the address they came from, and whatever one of them wrote on a
        ticket of the other meanwhile is read by agents alone."""
        mine = SECOND_ADDRESS.c.key == same.other.key
        row = self._connection.execute(select(SECOND_ADDRESS).where(mine)).one_or_none()
        main = self._contacts.find(same.main.address)
        if row is None or main is None or row.contact_id != main.id:
            return
        self._connection.execute(delete(SECOND_ADDRESS).where(mine))
        other = self._contacts.ensure(same.other, now)
        if main.name == other.name:
            # Perhaps it was filled in by `join`: the next mail says what they are called.
            self._contacts.rename(Address(main.address))
        back = list(
            self._connection.execute(
                select(TICKET.c.number).where(TICKET.c.number.in_(row.tickets), TICKET.c.requester_key == main.key)
            ).scalars()
        )
        self._give(back, other.id, other.key)
        stay = select(TICKET.c.number).where(TICKET.c.requester_key == main.key)
        taken_for_one = (
            (back, main.key),
            (stay, other.key),
            (_without(other.key, main.key), main.key),
            (_without(main.key, other.key), other.key),
        )
        for tickets, stranger in taken_for_one:
            theirs = (
                ENTRY.c.ticket.in_(tickets),
                func.lower(ENTRY.c.author_address) == stranger,
                ENTRY.c.author_role.in_([Role.REQUESTER.value, Role.PARTICIPANT.value]),
                ENTRY.c.created_at >= row.at,
            )
            self._connection.execute(update(ENTRY).where(*theirs).values(side=sides.NOBODY))

    def _give(self, numbers: list[int], contact: int, key: str) -> None:
        new = {"requester_id": contact, "requester_key": key}
        self._connection.execute(update(TICKET).where(TICKET.c.number.in_(numbers)).values(**new))


def _without(key: str, other: str) -> Select[tuple[int]]:
    """Tickets in which one address takes part and the other has no part."""
    theirs = select(PARTICIPANT.c.ticket).where(PARTICIPANT.c.key == other)
    asked = select(TICKET.c.number).where(TICKET.c.requester_key == other)
    mine = PARTICIPANT.c.key == key, PARTICIPANT.c.ticket.not_in(theirs), PARTICIPANT.c.ticket.not_in(asked)
    return select(PARTICIPANT.c.ticket).where(*mine)

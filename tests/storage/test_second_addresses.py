"""Further addresses of a person in the store: joined, turned round, and parted again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.decision import Change, Decision, Joined, SamePerson, Why
from gateway.core.reason import Reason
from gateway.core.sides import NOBODY
from gateway.flow import Desk
from gateway.mail.message import Address, Envelope
from gateway.render.mail import Templates
from storage import raw
from storage.audit import audit
from storage.database import Database
from storage.erasure.retention import Retention
from storage.tx import Tx
from tests.conftest import NOW
from tests.core.build import POLICY

WORK, HOME, CABIN = (Address(f"ines@{place}.example") for place in ("work", "home", "cabin"))
UWE = Address("uwe@south.example")
LATER = NOW + timedelta(hours=1)
DESK = Desk(POLICY, Templates())


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, Path())
    yield opened
    assert opened.read_now(audit).broken == ()
    opened.close_now()


def writes(db: Database, who: Address, subject: str, number: int = 0) -> int:
    """A mail of somebody, about a ticket or none; the number of its ticket."""
    reference = f"[{POLICY.reference(db.read_now(lambda tx: tx.reads.get(number)))}]" if number else ""
    data = (
        f"From: Ines <{who.address}>\r\nTo: support@example.com\r\nSubject: {subject} {reference}\r\n"
        f"Message-ID: <{subject}.{number}@{who.address}>\r\n\r\nWords of {subject}.\r\n"
    ).encode()
    envelope = Envelope("smtp", who.address, ("support@example.com",))
    id = db.write_now(lambda tx: tx.journal.append(envelope, raw.pack(data), LATER))
    db.write_now(lambda tx: DESK.handle(tx, id, DESK.read(data, envelope), LATER))
    return db.read_now(lambda tx: tx.journal.get(id)).ticket or 0


def requesters(db: Database) -> dict[int, str]:
    tickets = db.read_now(lambda tx: tx.reads.search())
    return {t.number: t.requester.address for t in tickets}


def join(db: Database, main: Address, other: Address) -> None:
    db.write_now(lambda tx: tx.second_addresses.join(SamePerson(main, other), "anna@example.com", NOW))


def part(db: Database, main: Address, other: Address) -> None:
    db.write_now(lambda tx: tx.second_addresses.part(SamePerson(main, other, apart=True), LATER))


def test_what_either_asked_is_the_persons(db: Database) -> None:
    """Old and new requests are of the address that is written to, and it is told of all addresses, that one first."""
    writes(db, WORK, "lamp")
    writes(db, HOME, "heater")
    join(db, HOME, WORK)
    writes(db, WORK, "door")
    writes(db, WORK, "more", 2)
    assert requesters(db) == {1: HOME.address, 2: HOME.address, 3: HOME.address}
    for address in (HOME.address.upper(), WORK.address):
        person = db.read_now(lambda tx, asked=address: tx.second_addresses.person(asked))
        assert [a.address for a in person] == [HOME.address, WORK.address]
    assert db.read_now(lambda tx: tx.second_addresses.person(CABIN.address)) == ()
    assert db.read_now(lambda tx: tx.second_addresses.main(WORK.address)) == HOME.address
    entries = db.read_now(lambda tx: tx.reads.entries(2))
    assert [(e.author.address, e.role.value) for e in entries] == [
        (HOME.address, "requester"),
        (WORK.address, "requester"),
    ]


def test_parted_each_has_what_it_asked(db: Database) -> None:
    """And what one wrote on a ticket of the other meanwhile is agents' from then on."""
    writes(db, WORK, "lamp")
    writes(db, HOME, "heater")
    join(db, HOME, WORK)
    writes(db, WORK, "door")
    writes(db, WORK, "mine", 2)
    writes(db, HOME, "yours", 1)
    part(db, HOME, WORK)
    assert requesters(db) == {1: WORK.address, 2: HOME.address, 3: WORK.address}
    sides = {e.new_text: e.side for n in (1, 2, 3) for e in db.read_now(lambda tx, n=n: tx.reads.entries(n))}
    assert sides == {
        "Words of lamp.": 0,
        "Words of heater.": 0,
        "Words of door.": 0,
        "Words of mine.": NOBODY,
        "Words of yours.": NOBODY,
    }
    writes(db, WORK, "again")
    assert requesters(db)[4] == WORK.address
    part(db, HOME, WORK)


def test_parted_nobody_bears_the_others_name(db: Database) -> None:
    """A main address without a name is called as the further one while they are one person, and not afterwards."""

    def names() -> list[str]:
        return [db.read_now(lambda tx, a=a: tx.contacts.get(a.address).name) for a in (UWE, WORK)]

    writes(db, WORK, "heater")
    join(db, UWE, WORK)
    assert names() == ["Ines", "Ines"]
    part(db, UWE, WORK)
    assert names() == ["", "Ines"]


def lets(db: Database, number: int, **change: Any) -> None:
    """An agent changes who takes part in a ticket."""
    decision = Decision(Reason.AGENT_COMMAND, Why(), ticket=number, change=Change(**change))
    db.write_now(lambda tx: tx.tickets.apply(decision, None, LATER))


def people(db: Database, number: int) -> list[tuple[str, bool, tuple[int, ...]]]:
    return [(p.address.address, p.confirmed, p.sees) for p in db.read_now(lambda tx: tx.reads.get(number)).people]


def test_a_part_in_anothers_request_goes_along(db: Database) -> None:
    """Copies go to the main address while they are one, once where both take part; then each has their own again."""
    writes(db, UWE, "boiler")
    lets(db, 1, joined=(Joined(WORK),))
    assert db.read_now(lambda tx: tx.second_addresses.namesake(WORK.address)).copies == 1
    join(db, HOME, WORK)
    assert people(db, 1) == [(HOME.address, True, ())]
    lets(db, 1, joined=(Joined(HOME, confirmed=False),))
    assert people(db, 1) == [(HOME.address, True, ())]
    writes(db, WORK, "door", 1)
    part(db, HOME, WORK)
    assert people(db, 1) == [(HOME.address, False, ()), (WORK.address, True, ())]
    join(db, HOME, WORK)
    lets(db, 1, left=(HOME.key,))
    assert people(db, 1) == []


def test_retention_keeps_whoever_takes_part_under_a_further_address(db: Database) -> None:
    """They are the one who gets the mails; without them the address would be somebody else's again."""
    writes(db, UWE, "boiler")
    lets(db, 1, joined=(Joined(WORK),))
    join(db, HOME, WORK)
    later = LATER + timedelta(days=1)

    def takes_people(tx: Tx) -> int:
        retention = Retention(tx.connection)
        return retention.contacts(later, retention.unneeded(later))

    assert db.write_now(takes_people) == 0
    assert people(db, 1) == [(HOME.address, True, ())]
    lets(db, 1, left=(HOME.key,))
    assert db.write_now(takes_people) == 1


def test_what_either_wrote_in_the_others_part(db: Database) -> None:
    """Whoever takes part in it no more had no business there: agents alone read that."""
    writes(db, UWE, "boiler")
    lets(db, 1, joined=(Joined(WORK),))
    join(db, HOME, WORK)
    writes(db, HOME, "theirs", 1)
    writes(db, WORK, "own", 1)
    part(db, HOME, WORK)
    sides = {e.new_text: e.side for e in db.read_now(lambda tx: tx.reads.entries(1)) if e.author.address}
    assert sides == {"Words of boiler.": 0, "Words of theirs.": NOBODY, "Words of own.": 0}


@pytest.mark.parametrize("requester", [True, False], ids=["requester", "takes part"])
def test_sides_of_both_addresses_are_read(db: Database, requester: bool) -> None:
    """A person who came to a ticket by a merge under one address keeps what they read under the other."""
    writes(db, HOME if requester else UWE, "lamp")
    if not requester:
        lets(db, 1, joined=(Joined(HOME),))
    lets(db, 1, joined=(Joined(WORK, sees=(7, -7, -1)),))
    join(db, HOME, WORK)
    assert people(db, 1) == [(HOME.address, True, (0, -1, 7, -7))]


def test_a_person_moves(db: Database) -> None:
    """The further address becomes the main one, with every other; a third follows."""
    writes(db, WORK, "lamp")
    join(db, WORK, CABIN)
    join(db, HOME, WORK)
    person = db.read_now(lambda tx: tx.second_addresses.person(CABIN.address))
    assert [a.address for a in person] == [HOME.address, CABIN.address, WORK.address]
    join(db, CABIN, HOME)
    person = db.read_now(lambda tx: tx.second_addresses.person(WORK.address))
    assert [a.address for a in person] == [CABIN.address, HOME.address, WORK.address]
    assert requesters(db) == {1: CABIN.address}


def test_who_is_signed_in_under_the_further_address_is_signed_out(db: Database) -> None:
    """Nobody learns of another's requests by a session they have."""
    writes(db, WORK, "lamp")
    contact = db.read_now(lambda tx: tx.contacts.get(WORK.address))
    db.write_now(lambda tx: tx.contacts.open_session(contact.id, "hash", NOW, LATER))
    join(db, HOME, WORK)
    assert db.read_now(lambda tx: tx.contacts.session_contact("hash", NOW, NOW - timedelta(days=1))) is None

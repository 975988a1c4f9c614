"""Contacts and their signed-in browsers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import UnknownContact
from gateway.mail.message import Address
from storage.contacts import Contact
from storage.database import Database
from tests.conftest import NOW
from tests.core.build import KIM, LEE

LATER = NOW + timedelta(hours=1)
LONG_AGO = NOW - timedelta(days=999)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, Path())
    yield opened
    opened.close_now()


def ensure(db: Database, who: Address = KIM) -> Contact:
    return db.write_now(lambda tx: tx.contacts.ensure(who, NOW))


def find(db: Database, address: str = KIM.address) -> Contact:
    return db.read_now(lambda tx: tx.contacts.get(address))


def test_a_contact_is_made_once(db: Database) -> None:
    """Whatever the case of the address; the first spelling and the first name stay."""
    nameless = ensure(db, Address("Kim@Customer.example"))
    assert (nameless.address, nameless.key, nameless.name) == ("Kim@Customer.example", KIM.key, "")
    named = ensure(db, KIM)
    assert (named.id, named.address, named.name) == (nameless.id, "Kim@Customer.example", KIM.name)
    assert ensure(db, Address(KIM.address, "Somebody Else")).name == KIM.name
    assert ensure(db, Address(LEE.address, "x" * 500)).name == "x" * 200
    assert named.as_address == Address("Kim@Customer.example", KIM.name)


def test_who_is_not_there_is_named(db: Database) -> None:
    """`find` answers none, `get` raises."""
    assert db.read_now(lambda tx: tx.contacts.find(KIM.address)) is None
    assert db.read_now(lambda tx: tx.contacts.by_id(1)) is None
    with pytest.raises(UnknownContact, match=KIM.address):
        find(db)


def test_invited_registered_and_a_new_password(db: Database) -> None:
    """The first registration keeps its date; a password ends all sessions, a new hash of the same one none."""
    id = ensure(db).id
    db.write_now(lambda tx: tx.contacts.invite(id, NOW))
    db.write_now(lambda tx: tx.contacts.set_password(id, "one", NOW))
    db.write_now(lambda tx: tx.contacts.open_session(id, "cookie", NOW, LATER))
    db.write_now(lambda tx: tx.contacts.rehash(id, "one again"))
    assert db.read_now(lambda tx: tx.contacts.session_contact("cookie", NOW, LONG_AGO)) is not None
    db.write_now(lambda tx: tx.contacts.set_password(id, "two", LATER))
    contact = find(db)
    assert (contact.invited_at, contact.registered_at, contact.password_hash) == (NOW, NOW, "two")
    assert db.read_now(lambda tx: tx.contacts.session_contact("cookie", NOW, LONG_AGO)) is None


def test_language_and_undeliverable_come_and_go(db: Database) -> None:
    """An address nobody knows is silenced without effect."""
    id = ensure(db).id
    db.write_now(lambda tx: tx.contacts.set_language(id, "de"))
    db.write_now(lambda tx: tx.contacts.set_undeliverable("KIM@customer.example", NOW))
    db.write_now(lambda tx: tx.contacts.set_undeliverable("nobody@customer.example", NOW))
    assert (find(db).language, find(db).undeliverable_since) == ("de", NOW)
    db.write_now(lambda tx: tx.contacts.set_undeliverable(KIM.address, None))
    assert find(db).undeliverable_since is None


@pytest.mark.parametrize(
    ("now", "idle_since", "known"),
    [
        (NOW, LONG_AGO, True),
        (LATER - timedelta(seconds=1), LONG_AGO, True),
        (LATER, LONG_AGO, False),
        (NOW, NOW, False),
        (NOW, NOW - timedelta(seconds=1), True),
    ],
)
def test_a_session_ends_by_itself(db: Database, now: object, idle_since: object, known: bool) -> None:
    """At its last moment, or when nobody clicked for too long."""
    id = ensure(db).id
    db.write_now(lambda tx: tx.contacts.open_session(id, "cookie", NOW, LATER))
    found = db.read_now(lambda tx: tx.contacts.session_contact("cookie", now, idle_since))  # type: ignore[arg-type]
    assert (found is not None) is known
    swept = db.write_now(lambda tx: tx.contacts.sweep_sessions(now, idle_since))  # type: ignore[arg-type]
    assert swept == int(not known)


def test_sessions_are_touched_and_ended_one_by_one_or_all(db: Database) -> None:
    """Signing out ends this browser; others go on."""
    id = ensure(db).id
    for cookie in ("one", "two", "three"):
        db.write_now(lambda tx, c=cookie: tx.contacts.open_session(id, c, NOW, LATER))  # type: ignore[misc]
    db.write_now(lambda tx: tx.contacts.touch_session("one", LATER - timedelta(minutes=1)))
    db.write_now(lambda tx: tx.contacts.end_session("two"))

    def alive(idle_since: object = LONG_AGO) -> list[str]:
        return [
            c
            for c in ("one", "two", "three", "forged")
            if db.read_now(lambda tx, c=c: tx.contacts.session_contact(c, NOW, idle_since))  # type: ignore[misc]
        ]

    assert alive() == ["one", "three"]
    assert alive(NOW) == ["one"]
    db.write_now(lambda tx: tx.contacts.end_sessions(id))
    assert alive() == []


@pytest.mark.parametrize("sign", ["%", "_", "\\", "%%", "'", "ü"])
def test_a_search_takes_every_sign_as_itself(db: Database, sign: str) -> None:
    """Nothing is a wildcard, case does not matter, and the list is in order."""
    ensure(db, Address(f"b{sign}x@customer.example"))
    ensure(db, Address(f"A{sign.upper()}X@customer.example"))
    ensure(db, Address("aüüx@customer.example" if sign != "ü" else "aoox@customer.example"))
    found = db.read_now(lambda tx: tx.contacts.search(f"{sign}X"))
    assert [c.key for c in found] == [f"a{sign}x@customer.example", f"b{sign}x@customer.example"]
    assert len(db.read_now(lambda tx: tx.contacts.search(limit=2))) == 2

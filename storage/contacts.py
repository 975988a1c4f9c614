"""Contacts and their signed-in browsers. Password hashes go in and out as text; nothing is hashed here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from gateway.core.roles import is_shared
from gateway.errors import UnknownContact
from gateway.mail.message import Address, address_key
from storage.statement import Statement
from storage.tables import CONTACT, SESSION


@dataclass(frozen=True, slots=True)
class Contact:
    """Someone who wrote to us, or whom an agent wrote to."""

    id: int
    key: str
    address: str
    name: str
    language: str
    created_at: datetime
    invited_at: datetime | None
    registered_at: datetime | None
    password_hash: str
    links_used: int
    """How often they signed in by a link."""
    undeliverable_since: datetime | None

    @property
    def as_address(self) -> Address:
        return Address(self.address, self.name)

    @property
    def entrance(self) -> str:
        """What a link to sign in rests on: another one was used, or there is a new password, and it acts no more."""
        return f"{self.password_hash}\0{self.links_used}"


_ROW = select(*(CONTACT.c[name] for name in Contact.__dataclass_fields__))
_ADD = Statement(insert(CONTACT).returning(*(CONTACT.c[name] for name in Contact.__dataclass_fields__)))
_FIND = Statement(_ROW.where(CONTACT.c.key == bindparam("wanted")))
_RENAME = Statement(
    update(CONTACT)
    .where(CONTACT.c.key == bindparam("whose"), CONTACT.c.name != bindparam("called"))
    .values(name=bindparam("called"))
)
_INVITE = Statement(update(CONTACT).where(CONTACT.c.id == bindparam("whose")).values(invited_at=bindparam("now")))


class Contacts:
    """The contacts inside one transaction: each is asked for once, unless it is changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: dict[str, Contact | None] = {}
        """By key."""

    def find(self, address: str) -> Contact | None:
        key = address_key(address)
        if key not in self._found:
            row = _FIND.row(self._connection, {"wanted": key})
            self._found[key] = None if row is None else _row(row)
        return self._found[key]

    def get(self, address: str) -> Contact:
        found = self.find(address)
        if found is None:
            raise UnknownContact(f"there is no contact {address}")
        return found

    def by_id(self, id: int) -> Contact | None:
        row = self._connection.execute(_ROW.where(CONTACT.c.id == id)).one_or_none()
        return None if row is None else _row(row)

    def ensure(self, who: Address, now: datetime) -> Contact:
        """The contact of an address, made when there is none; a name is filled in where none was known."""
        found = self.find(who.address)
        if found is None:
            row = {
                "key": who.key,
                "address": who.address,
                "name": "" if is_shared(who) else who.name[:200],
                "language": "",
                "created_at": now,
                "password_hash": "",
            }
            made = self._found[who.key] = _row(_ADD.row(self._connection, row))
            return made
        if who.name and not found.name and not is_shared(who):
            self._set(found.id, name=who.name[:200])
            return self.get(who.address)
        return found

    def rename(self, who: Address) -> None:
        """A contact is called as in the newest mail; an address that many use has no name."""
        name = "" if is_shared(who) else who.name[:200]
        found = self._found.get(who.key)
        if found is None or found.name != name:
            self._found.clear()
            _RENAME.run(self._connection, {"whose": who.key, "called": name})

    def invite(self, id: int, now: datetime) -> None:
        """A registration mail goes out."""
        self._found.clear()
        _INVITE.run(self._connection, {"whose": id, "now": now})

    def set_password(self, id: int, password_hash: str, now: datetime) -> None:
        """A password was chosen: the contact is registered, and every open session of it ends."""
        contact = self.by_id(id)
        self._set(
            id,
            password_hash=password_hash,
            registered_at=(contact.registered_at if contact else None) or now,
        )
        self.end_sessions(id)

    def rehash(self, id: int, password_hash: str) -> None:
        """The same password under newer parameters; sessions go on."""
        self._set(id, password_hash=password_hash)

    def use_link(self, id: int) -> None:
        """They sign in by a link: no link made before acts any more."""
        self._set(id, links_used=CONTACT.c.links_used + 1)

    def set_language(self, id: int, language: str) -> None:
        self._set(id, language=language)

    def set_undeliverable(self, address: str, since: datetime | None) -> None:
        """Mail to this address failed for good: automatic mail to it pauses. None: it may be written to again."""
        self._found.clear()
        self._connection.execute(
            update(CONTACT).where(CONTACT.c.key == address_key(address)).values(undeliverable_since=since)
        )

    def undeliverable_count(self, since: datetime) -> int:
        """To how many addresses mail failed for good since a moment, and nobody was seen there after it."""
        statement = select(func.count()).where(CONTACT.c.undeliverable_since > since)
        return int(self._connection.execute(statement).scalar_one())

    def of_domain(self, domain: str) -> int:
        """How many people wrote from a domain or below it."""
        ends = (CONTACT.c.key.like(f"%{_escape(sign + domain)}", escape="\\") for sign in "@.")
        statement = select(func.count()).where(CONTACT.c.key.contains("@"), or_(*ends))
        return int(self._connection.execute(statement).scalar_one())

    def search(self, text: str = "", limit: int = 100) -> list[Contact]:
        # Who was erased is nobody's contact: the row that stands for them has no address.
        statement = _ROW.where(CONTACT.c.key.contains("@")).order_by(CONTACT.c.key).limit(limit)
        if text:
            pattern = f"%{_escape(text.casefold())}%"
            statement = statement.where(CONTACT.c.key.like(pattern, escape="\\"))
        return [_row(row) for row in self._connection.execute(statement)]

    # --- sessions -----------------------------------------------------------------------

    def open_session(self, contact_id: int, token_hash: str, now: datetime, expires_at: datetime) -> None:
        self._connection.execute(
            insert(SESSION).values(
                token_hash=token_hash, contact_id=contact_id, created_at=now, seen_at=now, expires_at=expires_at
            )
        )

    def session_contact(self, token_hash: str, now: datetime, idle_since: datetime) -> Contact | None:
        """Who a session cookie belongs to; None when it is unknown, expired, or was idle too long."""
        row = self._connection.execute(
            _ROW.join(SESSION, SESSION.c.contact_id == CONTACT.c.id).where(
                SESSION.c.token_hash == token_hash, SESSION.c.expires_at > now, SESSION.c.seen_at > idle_since
            )
        ).one_or_none()
        return None if row is None else _row(row)

    def touch_session(self, token_hash: str, now: datetime) -> None:
        self._connection.execute(update(SESSION).where(SESSION.c.token_hash == token_hash).values(seen_at=now))

    def end_session(self, token_hash: str) -> None:
        self._connection.execute(delete(SESSION).where(SESSION.c.token_hash == token_hash))

    def end_sessions(self, contact_id: int) -> None:
        self._connection.execute(delete(SESSION).where(SESSION.c.contact_id == contact_id))

    def sweep_sessions(self, now: datetime, idle_since: datetime) -> int:
        """Remove sessions that ended by themselves."""
        ended = (SESSION.c.expires_at <= now) | (SESSION.c.seen_at <= idle_since)
        return self._connection.execute(delete(SESSION).where(ended)).rowcount

    def _set(self, id: int, **values: Any) -> None:
        self._found.clear()
        self._connection.execute(update(CONTACT).where(CONTACT.c.id == id).values(**values))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _row(row: Row[Any]) -> Contact:
    return Contact(**row._mapping)

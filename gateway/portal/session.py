"""Who a browser belongs to: sessions and cookies.

A session is 256 random bits in a cookie; the store has only their hash.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from storage.contacts import Contact
from storage.database import Database
from storage.tx import Tx

TOKEN_BYTES = 32
TOUCHED_LIMIT = 10_000
TOUCH_EVERY = timedelta(minutes=1)
REMEMBERED_DAYS = 365


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


@dataclass(frozen=True, slots=True)
class Cookies:
    """Names and attributes. With https the `__Host-` prefix keeps other hosts from setting them."""

    secure: bool

    @property
    def _prefix(self) -> str:
        return "__Host-replydesk" if self.secure else "replydesk"

    @property
    def session(self) -> str:
        return f"{self._prefix}-session"

    @property
    def visitor(self) -> str:
        """A random value for browsers that are not signed in."""
        return f"{self._prefix}-visitor"

    @property
    def language(self) -> str:
        return f"{self._prefix}-language"

    @property
    def zone(self) -> str:
        """The visitor's time zone. It is not signed: who changes it sees other hours, and nothing else."""
        return f"{self._prefix}-zone"

    @property
    def known(self) -> str:
        """That somebody signed in here before; guesses made elsewhere do not lock them out."""
        return f"{self._prefix}-known"

    def put(self, response: Response, name: str, value: str) -> None:
        """Session and visitor end with the browser; the rest is remembered."""
        age = REMEMBERED_DAYS * 86_400 if name in (self.language, self.zone, self.known) else None
        response.set_cookie(name, value, max_age=age, path="/", secure=self.secure, httponly=True, samesite="lax")

    def drop(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")


class Sessions:
    """Opened by a password or a link, ended by time, by signing out, and by a new password."""

    def __init__(self, hours: int, idle_minutes: int) -> None:
        self._life, self._idle = timedelta(hours=hours), timedelta(minutes=idle_minutes)
        self._every = min(TOUCH_EVERY, self._idle / 4)
        self._touched: OrderedDict[str, datetime] = OrderedDict()

    def open(self, tx: Tx, contact: Contact, before: str, now: datetime) -> str:
        """A new session in place of the browser's former one (`before`, may be empty); its token."""
        if before:
            tx.contacts.end_session(_digest(before))
        token = new_token()
        tx.contacts.open_session(contact.id, _digest(token), now, now + self._life)
        return token

    def find(self, tx: Tx, token: str, now: datetime) -> Contact | None:
        return tx.contacts.session_contact(_digest(token), now, now - self._idle)

    def end(self, tx: Tx, token: str) -> None:
        tx.contacts.end_session(_digest(token))

    async def touch(self, database: Database, token: str, now: datetime) -> None:
        """Keep a session from being idle; written at most once a minute."""
        key = _digest(token)
        last = self._touched.get(key)
        if last is not None and now - last < self._every:
            return
        self._touched[key] = now
        self._touched.move_to_end(key)
        while len(self._touched) > TOUCHED_LIMIT:
            self._touched.popitem(last=False)
        await database.write(lambda tx: tx.contacts.touch_session(key, now))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

"""Taking mails of an archive through the desk, one by one, oldest first.

Each mail is one transaction: journaled, decided and settled, or not there at all. So an import
may be stopped anywhere and started again, beside a running daemon too, and a mail that is there
already changes nothing. Nothing is sent: `core.archive` sees to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from gateway.archive.mailstore import Stored
from gateway.core.archive import plausible
from gateway.core.policy import Mailbox
from gateway.errors import StorageUnavailable
from gateway.flow import Desk, Read
from gateway.mail.delivered import envelope_of
from gateway.mail.message import Envelope
from storage import raw as raw_mail
from storage.database import Database
from storage.tx import Tx

SOURCE = "import"


class Ending(StrEnum):
    """What became of a mail."""

    IMPORTED = "imported"
    PRESENT = "present"
    """It was there already, from here or by the usual way."""
    HELD = "held"
    """It is in the journal, but could not be understood."""
    REFUSED = "refused"
    """It stays outside."""


@dataclass(frozen=True, slots=True)
class Ended:
    ending: Ending
    cause: str = ""
    """For `held` and `refused`."""


def in_order(found: Iterable[Stored], now: datetime) -> list[Stored]:
    """Oldest first, for a ticket's status follows from the order of its mails."""
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda s: plausible(s.dated_at, now) or plausible(s.received_at, now) or oldest)


@dataclass(frozen=True, slots=True)
class Importer:
    """`mailbox` is whose mails they are, where the header does not say."""

    database: Database
    desk: Desk
    mailbox: Mailbox
    max_message_bytes: int
    clock: Callable[[], datetime]

    def take(self, mail: Stored) -> Ended:
        """Import one mail. Raises `StorageUnavailable`: then nothing of it is stored."""
        if mail.size > self.max_message_bytes:
            return Ended(Ending.REFUSED, f"{mail.size} bytes are more than limits.max_message_bytes")
        try:
            raw = mail.read()
        except OSError as error:
            return Ended(Ending.REFUSED, error.strerror or str(error))
        if not raw.strip():
            return Ended(Ending.REFUSED, "it is empty")
        packed = raw_mail.pack(raw)
        if self.database.read_now(lambda tx: tx.journal.has(packed.sha256)):
            return Ended(Ending.PRESENT)
        envelope = self._envelope(raw)
        try:
            read = self.desk.read(raw, envelope)
            return self.database.write_now(lambda tx: self._decide(tx, read, packed, mail))
        except StorageUnavailable:
            raise
        except Exception as error:
            # As in the daemon: what raises is held with its cause, and the next mail goes on.
            cause = f"{type(error).__name__}: {error}"
            self.database.write_now(lambda tx: self._hold(tx, envelope, packed, mail, cause))
            return Ended(Ending.HELD, cause)

    def _envelope(self, raw: bytes) -> Envelope:
        found = envelope_of(raw, SOURCE)
        ours = tuple(r for r in found.recipients if self.desk.policy.takes(r))
        return replace(found, recipients=ours or (self.mailbox.address,))

    def _decide(self, tx: Tx, read: Read, packed: raw_mail.Packed, mail: Stored) -> Ended:
        tx.threads.serialise(read.names(self.desk.policy))
        seen = tx.threads.seen(read.message.message_id, read.content)
        if seen and seen.same_content:
            return Ended(Ending.PRESENT)
        id = tx.journal.append(read.envelope, packed, mail.received_at)
        decision = self.desk.handle(tx, id, read, self.clock())
        hold = decision.hold if decision else ""
        return Ended(Ending.HELD, hold) if hold else Ended(Ending.IMPORTED)

    def _hold(self, tx: Tx, envelope: Envelope, packed: raw_mail.Packed, mail: Stored, cause: str) -> None:
        id = tx.journal.append(envelope, packed, mail.received_at)
        tx.journal.hold(id, "fault", cause, self.clock())

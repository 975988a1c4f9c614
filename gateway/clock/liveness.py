"""Whether mail still comes in: how far each polled folder was read, and an alarm when that stops.

One alarm for each failure and one all-clear, by another way than the mail that fails to come: the
log, and a mail to the operator through the outbox. A source that says nothing at all, not even
that it fails, is as bad as one that fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.errors import StorageUnavailable
from gateway.flow import Desk
from gateway.mail.text import before_stop
from storage.alarms import SOURCE, UNFETCHED, UNTIDY
from storage.database import Database
from storage.folder_progress import Place, Unfetched
from storage.tx import Tx

log = logging.getLogger("replydesk.liveness")

CHECK_SECONDS = 15.0
QUIET = timedelta(minutes=10)
"""A source that is well makes itself heard at least so often."""
SINGLY = 5
"""Mails of a source that stay behind within `STORM` of which the operator hears one by one; of more by one mail."""
STORM = timedelta(hours=1)


MEANWHILE = {"board": "Agents' mail is heard as ever; the folders are brought up to date once this works again."}
"""What a failure means, where it is no mail that waits."""


@dataclass(frozen=True, slots=True)
class Source:
    """How a polled folder does, as the health page and the metrics show it."""

    name: str
    alarm_after: timedelta
    looked_at: datetime | None = None
    mail_at: datetime | None = None
    failing_since: datetime | None = None
    alarmed: bool = False


class Sources:
    """Writes down how far each watched folder was read, and raises the alarm when that stops."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
        alarm_after: Mapping[str, timedelta],
    ) -> None:
        self._database, self._desk, self._clock, self._wake = database, desk, clock, wake
        self._known = {name: Source(name, after) for name, after in alarm_after.items()}
        self._heard = dict.fromkeys(alarm_after, clock())
        """When each source last did anything, however it ended."""
        self._untidy_since: dict[str, datetime] = {}
        """Sources whose mails are taken and cannot be moved or flagged, as far as this daemon knows."""

    @property
    def all(self) -> Iterable[Source]:
        return self._known.values()

    @property
    def failing(self) -> tuple[str, ...]:
        """Sources the operator was told of."""
        return tuple(source.name for source in self._known.values() if source.alarmed)

    def heard(self, source: str) -> None:
        """It is well, and another daemon sees to it."""
        self._heard[source] = self._clock()

    # --- books --------------------------------------------------------------------------------

    async def place(self, source: str) -> Place:
        return await self._database.read(lambda tx: tx.places.find(source))

    async def opened(self, place: Place) -> None:
        now = self._clock()

        def open_(tx: Tx) -> None:
            """What stayed behind is found again under its new UID, if it is still there."""
            for row in tx.places.unfetched(place.source):
                tx.alarms.clear(_unfetched_key(row.source, row.uidvalidity, row.uid), now)
            tx.alarms.clear(_more_key(place.source), now)
            tx.places.open(place)

        await self._database.write(open_)

    async def reached(self, source: str, uidvalidity: int, uid: int, tidied_uid: int) -> None:
        self._heard[source] = self._clock()
        await self._database.write(lambda tx: tx.places.reach(source, uidvalidity, uid, tidied_uid))

    async def unfetched(self, source: str) -> list[Unfetched]:
        return await self._database.read(lambda tx: tx.places.unfetched(source))

    async def released(self, source: str, uidvalidity: int, uid: int, outcome: str) -> None:
        now = self._clock()

        def release(tx: Tx) -> None:
            tx.places.release(source, uidvalidity, uid)
            text = f"The mail of {source} that was not taken (UID {uid}) {outcome}."
            self._desk.operator.all_clear(tx, _unfetched_key(source, uidvalidity, uid), text, now)
            if tx.alarms.is_open(_more_key(source)) and not tx.places.left(source):
                text = f"The other mails of {source} that were not taken are taken now, or gone."
                self._desk.operator.all_clear(tx, _more_key(source), text, now)

        await self._database.write(release)
        self._wake()

    async def missed(self, source: str, uidvalidity: int, uid: int, size: int, cause: str) -> Unfetched:
        """The operator hears of each mail that stays behind, once; of many at once together."""
        now = self._clock()

        def miss(tx: Tx) -> Unfetched:
            row = tx.places.miss(source, uidvalidity, uid, size, cause, now)
            if row.attempts == 1:
                key = _unfetched_key(source, uidvalidity, uid)
                text = f"A mail of {source} was not taken and is still in its folder (UID {uid}): {before_stop(cause)}."
                if tx.places.left(source, now - STORM) > SINGLY:
                    key, text = _more_key(source), f"{text} Further ones are named in the log only."
                self._desk.operator.alarm(tx, key, text, now)
            return row

        row = await self._database.write(miss)
        self._wake()
        return row

    async def failed(self, source: str, cause: str) -> None:
        now = self._heard[source] = self._clock()
        place = await self._database.write(lambda tx: tx.places.fail(source, cause, now))
        self._note(place)

    async def looked(self, source: str, mails: int, trouble: str = "", *, tidied: bool = False) -> None:
        now = self._heard[source] = self._clock()
        untidy = False

        def look(tx: Tx) -> Place:
            nonlocal untidy
            before = tx.places.look(source, mails, now)
            if before.alarmed_at is not None:
                since = before.failing_since or before.alarmed_at
                text = f"{source} is read again. It had failed since {since:%Y-%m-%d %H:%M} UTC."
                self._desk.operator.all_clear(tx, _alarm_key(source), text, now)
            untidy = self._tell_untidy(tx, source, trouble, now, tidied=tidied)
            return before

        before = await self._database.write(look)
        if untidy:
            log.error("mails stay in their folder", extra={"source": source, "cause": trouble})
            self._wake()
        if before.alarmed_at is not None:
            log.warning("source works again", extra={"source": source})
            self._wake()
        mail_at = now if mails else before.mail_at
        self._note(replace(before, looked_at=now, mail_at=mail_at, failing_since=None, alarmed_at=None))

    def _tell_untidy(self, tx: Tx, source: str, trouble: str, now: datetime, *, tidied: bool) -> bool:
        """Mails are taken, and stay in their folder: no failure, for none waits. True: the operator is told now."""
        key = f"{UNTIDY}{source}"
        if not trouble:
            if self._untidy_since.pop(source, None) is None and not tidied:
                # Told by a daemon before this one, and nothing has shown yet that it is over.
                return False
            text = f"The mails of {source} that were taken can be moved or flagged again."
            self._desk.operator.all_clear(tx, key, text, now)
            return False
        since = self._untidy_since[source] = min(self._untidy_since.get(source, now), now)
        known = self._known.get(source)
        if known is None or now - since < known.alarm_after or tx.alarms.is_open(key):
            return False
        text = f"Mails of {source} are taken, but stay in their folder since {since:%Y-%m-%d %H:%M} UTC"
        text += f": {before_stop(trouble)}."
        return self._desk.operator.alarm(tx, key, text, now)

    def _note(self, place: Place) -> None:
        known = self._known.get(place.source)
        if known is not None:
            self._known[place.source] = replace(
                known,
                looked_at=place.looked_at,
                mail_at=place.mail_at,
                failing_since=place.failing_since,
                alarmed=place.alarmed_at is not None,
            )

    # --- the eye ------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Raise alarms until cancelled."""
        forgotten = False
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                if not forgotten:
                    await self.forget_removed()
                    forgotten = True
                await self.check()
            except StorageUnavailable as error:
                log.error("sources cannot be checked", extra={"cause": str(error)})

    async def forget_removed(self) -> None:
        """An alarm about a folder that is in the settings no more would stand for ever."""
        now = self._clock()

        def forget(tx: Tx) -> None:
            for key in [alarm.key for alarm in tx.alarms.open()]:
                if key.startswith((SOURCE, UNTIDY, UNFETCHED)) and not any(
                    _is_about(key, name) for name in self._known
                ):
                    tx.alarms.clear(key, now)

        await self._database.write(forget)

    async def check(self) -> None:
        """Alarm for every source that has failed, or been silent, for too long."""
        for source in list(self._known.values()):
            now = self._clock()
            self._heard[source.name] = min(self._heard[source.name], now)
            if _trouble_since(await self.place(source.name), self._heard[source.name], source.alarm_after, now):
                await self._alarm(source)

    async def _alarm(self, source: Source) -> None:
        now = self._clock()

        def alarm(tx: Tx) -> Place | None:
            """Looked at once more: it may have recovered while this waited its turn to write."""
            place = tx.places.find(source.name)
            since = _trouble_since(place, self._heard[source.name], source.alarm_after, now)
            if since is None or place.alarmed_at is not None:
                return None
            cause = place.cause or "nothing was heard of it"
            place = tx.places.fail(source.name, cause, since)
            tx.places.alarm(source.name, now)
            what = MEANWHILE.get(source.name, "New mail waits there; it is taken up once this works again.")
            text = f"{source.name} cannot be read since {since:%Y-%m-%d %H:%M} UTC: {before_stop(cause)}. {what}"
            self._desk.operator.alarm(tx, _alarm_key(source.name), text, now)
            return replace(place, alarmed_at=now)

        place = await self._database.write(alarm)
        if place is not None:
            log.error(
                "source fails", extra={"source": place.source, "since": place.failing_since, "cause": place.cause}
            )
            self._wake()
            self._note(place)


def _trouble_since(place: Place, heard: datetime, alarm_after: timedelta, now: datetime) -> datetime | None:
    """Since when it fails or is silent, once that has lasted for too long."""
    if place.failing_since is not None:
        return place.failing_since if now - place.failing_since >= alarm_after else None
    return heard if now - heard >= max(alarm_after, QUIET) else None


def _alarm_key(source: str) -> str:
    return f"{SOURCE}{source}"


def _unfetched_key(source: str, uidvalidity: int, uid: int) -> str:
    return f"{UNFETCHED}{source}:{uidvalidity}:{uid}"


def _more_key(source: str) -> str:
    return f"{UNFETCHED}{source}:more"


def _is_about(key: str, source: str) -> bool:
    return key in (SOURCE + source, UNTIDY + source) or key.startswith(f"{UNFETCHED}{source}:")

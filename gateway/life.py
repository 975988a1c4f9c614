"""What the processes of the daemon share: the desk, the time, and loops of which none ends unseen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway import config
from gateway.config import Settings
from gateway.core.token import Keys
from gateway.flow import Desk
from gateway.render import brand
from gateway.render.mail import Templates

log = logging.getLogger("replydesk")

Stop = Callable[[], Awaitable[object]]


def build_desk(settings: Settings, keys: Keys | None = None) -> Desk:
    """Policy and words, with the keys the secret file holds where no others are given.

    A site's templates are tried, so that a broken one stops the start and not a mail.
    """
    templates = Templates(settings.templates_dir, ZoneInfo(settings.gateway.timezone), brand.of(settings))
    if settings.templates_dir:  # Ours are tried by our tests.
        templates.check()
    return Desk(config.policy(settings, keys or config.signing_keys(settings)), templates)


def now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def running(work: Awaitable[object], drain: Stop | None = None) -> AsyncIterator[None]:
    """A task that lasts as long as the daemon; on exit it is drained, then cancelled."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(_died)
    try:
        yield
    finally:
        if drain is not None:
            await drain()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


faults: list[BaseException] = []
"""What ended parts of this process."""


def _died(task: asyncio.Future[object]) -> None:
    """A loop that ends by itself is a fault: better a restart by systemd than half a daemon."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("a part of the daemon died; stopping", exc_info=task.exception())
        faults.append(task.exception() or RuntimeError())
        os.kill(os.getpid(), signal.SIGTERM)


async def either(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()

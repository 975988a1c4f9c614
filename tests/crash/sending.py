"""A process that sends what is in an outbox until it is killed: `… tests.crash.sending FOLDER PORT [URL HOLDER]`.

With a URL it is one of several on that database, whose claims last for two seconds."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway import config
from gateway.core.policy import Mailbox, Policy
from gateway.core.token import Keys
from gateway.flow import Desk
from gateway.render.mail import Templates
from gateway.send import Sender, loop, settle, transport
from storage import database, postgresql

HOLDER = "the one daemon"


async def send(folder: Path, port: int, url: str = "", holder: str = HOLDER) -> None:
    if url:
        settle.CLAIM_SECONDS, loop.LOOK_AFTER, postgresql.STALLED_SECONDS = 2, timedelta(seconds=0.5), 2
        # Who looks less often than every third time is taken for late.
        loop.POLL_SECONDS = 0.2
    settings = config.build({"send": {"port": port, "connections": 3}}, folder / "replydesk.toml")
    policy = Policy(Keys(b"x" * 32), (Mailbox("support@example.com", "Support", "en", "support+{token}@example.com"),))
    store = database.Database(url, folder)
    desk = Desk(policy, Templates())
    await Sender(store, transport(settings), desk, settings, lambda: datetime.now(UTC), holder).run()


if __name__ == "__main__":
    asyncio.run(send(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))

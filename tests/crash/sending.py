"""A process that sends what is in an outbox until it is killed: `python -m tests.crash.sending FOLDER PORT`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from gateway import config
from gateway.core.policy import Mailbox, Policy
from gateway.core.token import Keys
from gateway.flow import Desk
from gateway.render.mail import Templates
from gateway.send import Sender, transport
from storage.database import Database

HOLDER = "the one daemon"


async def send(folder: Path, port: int) -> None:
    settings = config.build({"send": {"port": port, "connections": 3}}, folder / "replydesk.toml")
    policy = Policy(Keys(b"x" * 32), (Mailbox("support@example.com", "Support", "en", "support+{token}@example.com"),))
    database = Database("", folder)
    desk = Desk(policy, Templates())
    await Sender(database, transport(settings), desk, settings, lambda: datetime.now(UTC), HOLDER).run()


if __name__ == "__main__":
    asyncio.run(send(Path(sys.argv[1]), int(sys.argv[2])))

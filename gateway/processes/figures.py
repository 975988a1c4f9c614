"""What the worker logs is counted by the front, which shows the figures."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping

from gateway.processes.channel import Channel, Hint

FIELDS = ("source", "kind", "outcome")


class Teller(logging.Handler):
    """Says each event of the log to the other process, with the fields that figures are kept by."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(logging.INFO)
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        fields = [str(getattr(record, name, "")) for name in FIELDS]
        self._channel.say("told", record.name, str(record.msg), *fields)


@contextlib.contextmanager
def forward(channel: Channel) -> Iterator[None]:
    teller = Teller(channel)
    logging.getLogger("replydesk").addHandler(teller)
    try:
        yield
    finally:
        logging.getLogger("replydesk").removeHandler(teller)


def event(hint: Hint) -> Mapping[str, str]:
    """The event again, as attributes of a record of the log."""
    _, name, message, *fields = map(str, hint)
    return {"name": name, "msg": message, **dict(zip(FIELDS, fields, strict=True))}

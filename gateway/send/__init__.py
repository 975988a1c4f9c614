"""From the outbox to the world: claim, deliver, settle.

`Sender` is the loop; a transport (`smtp` or `file`) tries one mail once and says how it ended.
Nothing here decides what is sent.
"""

from __future__ import annotations

from gateway.config import Settings
from gateway.send.loop import Sender
from gateway.send.relay import RelayUnavailable, Transport, authorities, of

__all__ = ["RelayUnavailable", "Sender", "Transport", "transport"]


def transport(settings: Settings) -> Transport:
    """The transport the settings ask for; nothing is connected yet. Raises `ConfigError`."""
    if settings.send.transport == "file":
        from gateway.send.file import FileTransport

        return FileTransport(settings.outgoing_dir)
    from gateway.send.smtp import SmtpTransport

    return SmtpTransport(of(settings), authorities(settings))

"""What the tests of sending share: a relay of one's own, certificates, and mails in an outbox."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import trustme

from gateway.send.relay import Relay
from gateway.send.smtp import SmtpTransport
from tests.sink import Sink


@dataclass(frozen=True)
class Certificates:
    """For `localhost`, by an authority only `client` trusts."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return Certificates(server, client)


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink().running() as running:
        yield running


def relay(sink: Sink, **changes: object) -> Relay:
    values: dict[str, object] = {"host": "localhost", "port": sink.port, "hello": "desk.test", "timeout": 5.0}
    return Relay(**(values | changes))  # type: ignore[arg-type]  # tests name the fields they change


@pytest.fixture
async def transport(sink: Sink) -> AsyncIterator[SmtpTransport]:
    """Plain SMTP to `sink`."""
    made = SmtpTransport(relay(sink))
    yield made
    await made.close()

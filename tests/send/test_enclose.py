"""Files that go along with a mail, and what stands in it for those that do not."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from gateway.core.notice import Audience
from gateway.core.policy import Agent, Policy
from gateway.core.token import read_link
from gateway.memory import LARGE, Memory
from gateway.send.smtp import SmtpTransport
from storage.database import Database
from storage.tx import Tx
from tests.conftest import Clock
from tests.send.house import House, settings
from tests.sink import Sink

PICTURE = bytes(range(256)) * 40
LETTER = b"%PDF-1.4 \x00\xff" * 1_000


@pytest.fixture
def house(database: Database, policy: Policy, clock: Clock, transport: SmtpTransport) -> House:
    return House(database, policy, clock, transport)


def _source() -> bytes:
    """A customer's mail with two files."""
    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = "kim@customer.example", "<files@customer.example>"
    mail.set_content("See the files.\n")
    mail.add_attachment(PICTURE, maintype="image", subtype="png", filename="Bild größer.png")
    mail.add_attachment(LETTER, maintype="application", subtype="pdf", filename="letter.pdf")
    return mail.as_bytes()


SOURCE = _source()


async def sent(house: House, sink: Sink, *files: tuple[str, str], **changes: object) -> EmailMessage:
    """The mail as the relay got it."""
    id = await house.put_with_files(SOURCE, *files, **changes)
    async with house.running():
        await house.state(id, "sent")
    found = message_from_bytes(sink.received[0].content, policy=email_policy.default)
    assert isinstance(found, EmailMessage)
    return found


def attachments(mail: EmailMessage) -> dict[str | None, bytes]:
    return {a.get_filename(): a.get_content() for a in mail.iter_attachments() if a.get_filename()}


def note(mail: EmailMessage) -> str:
    """The text below the bodies, which no mail program hides."""
    parts = [p for p in mail.iter_parts() if p.get_content_type() == "text/plain" and not p.get_filename()]
    assert mail.get_content_type() == "multipart/mixed"
    assert all(p.get_content_disposition() in (None, "inline") for p in parts[1:])
    return str(parts[-1].get_content()) if parts else ""


async def test_files_arrive_byte_for_byte(house: House, sink: Sink) -> None:
    """Taken out of the kept mail, with their names, next to the text as it was."""
    mail = await sent(house, sink, ("2", "Bild größer.png"), ("3", "letter.pdf"))
    assert attachments(mail) == {"Bild größer.png": PICTURE, "letter.pdf": LETTER}
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content() == "Hello\r\n"
    assert mail["Message-ID"] == "<mail.1@example.com>"


async def test_only_large_mails_wait_for_one_another(
    database: Database, policy: Policy, clock: Clock, transport: SmtpTransport, tmp_path: Path
) -> None:
    """While the other process has a large mail in hand small files leave; what comes out of a large mail does not."""
    here, other = (Memory(100 * LARGE, tmp_path / "turn") for _ in range(2))
    house = House(database, policy, clock, transport, memory=here)
    await other.take(2 * LARGE)
    large = await house.put_with_files(SOURCE + b" " * 2 * LARGE, ("3", "letter.pdf"))
    small = await house.put_with_files(SOURCE, ("3", "letter.pdf"), recipient="lea@customer.example")
    async with house.running():
        await house.state(small, "sent")
        assert (await house.row(large)).state == "claimed"
        other.give(2 * LARGE)
        await house.state(large, "sent")
    for memory in (here, other):
        memory.close()


async def test_what_is_too_large_is_named(house: House, sink: Sink) -> None:
    """The limit is for all files together; what fits goes along, the rest is listed with its size and a link."""
    house = House(house.database, house.policy, house.clock, house.transport, settings(max_attachment_bytes=11_500))
    mail = await sent(house, sink, ("3", "letter.pdf"), ("2", "Bild größer.png"))
    assert attachments(mail) == {"letter.pdf": LETTER}
    assert "Not sent along:" in note(mail)
    said = note(mail)
    assert "- Bild größer.png: 10 KB, too large for a mail. Download it here for the next 30 days:\r\n  http" in said
    (url,) = re.findall(r"http://127.0.0.1:8025/file/(\S+)", said)
    link = read_link(house.policy.keys, "file", url, house.clock.now)
    assert link is not None
    assert link.subject.startswith("1.")
    assert link.expires == house.clock.now + timedelta(days=30)


async def test_none_may_be_sent_at_all(house: House, sink: Sink) -> None:
    """With a limit of 0 every file is named."""
    house = House(house.database, house.policy, house.clock, house.transport, settings(max_attachment_bytes=0))
    mail = await sent(house, sink, ("2", "Bild größer.png"), ("3", "letter.pdf"))
    assert attachments(mail) == {}
    assert note(mail).count("\r\n- ") == 2


async def test_what_cannot_be_read_is_named(house: House, sink: Sink) -> None:
    """The other files and the text still go out."""
    mail = await sent(house, sink, ("77", "ghost.pdf"), ("3", "letter.pdf"))
    assert attachments(mail) == {"letter.pdf": LETTER}
    assert "- ghost.pdf: cannot be read" in note(mail)


async def test_what_is_no_longer_kept_is_named(house: House, sink: Sink) -> None:
    """Retention may have been quicker than the relay."""
    id = await house.put_with_files(SOURCE, ("3", "letter.pdf"))
    digest = hashlib.sha256(SOURCE).hexdigest()

    def forget(tx: Tx) -> None:
        tx.connection.exec_driver_sql(f"DELETE FROM raw WHERE sha256 = '{digest}'")

    await house.database.write(forget)
    async with house.running():
        await house.state(id, "sent")
    mail = message_from_bytes(sink.received[0].content, policy=email_policy.default)
    assert isinstance(mail, EmailMessage)
    assert "- letter.pdf: no longer kept" in note(mail)


async def test_the_reason_is_in_the_readers_language(house: House, sink: Sink) -> None:
    """The mailbox's where nothing else is known."""
    mail = await sent(house, sink, ("77", "Geist.pdf"), reverse_path="hilfe@example.de")
    assert "Nicht beigefügt:\r\n- Geist.pdf: nicht lesbar" in note(mail)


async def test_an_agents_language_goes_first(house: House, sink: Sink) -> None:
    """An agent who reads German gets German, whatever the mailbox speaks."""
    policy = replace(house.policy, agents=(Agent("anna@example.com", "Anna", language="de"),))
    house = House(house.database, policy, house.clock, house.transport)
    mail = await sent(house, sink, ("77", "x.pdf"), recipient="anna@example.com", audience=Audience.AGENT)
    assert "nicht lesbar" in note(mail)

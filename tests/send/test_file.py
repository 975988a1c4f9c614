"""Mails as files: whole or not there, each mail once, safe names."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.core.retry import About, Result
from gateway.send import transport
from gateway.send.file import FileTransport
from gateway.send.relay import RelayUnavailable
from gateway.send.smtp import SmtpTransport
from tests.send.house import settings

FROM, TO = "support+v1-abc@example.com", "kim@customer.example"


def mail(id: str = "1@example.com", date: str = "Mon, 02 Mar 2026 10:30:00 +0100") -> bytes:
    return f"Date: {date}\r\nMessage-ID: <{id}>\r\nSubject: x\r\n\r\nHello\r\n".encode()


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


async def test_name_and_content(tmp_path: Path) -> None:
    """The time is the mail's own, in UTC; the content is the mail below its Return-Path."""
    outcome = await FileTransport(tmp_path / "out").deliver(FROM, TO, mail(), "request_received")
    name = "20260302T093000Z-request_received-kim@customer.example.eml"
    assert (outcome.result, outcome.reply) == (Result.SENT, name)
    assert names(tmp_path / "out") == [name]
    assert (tmp_path / "out" / name).read_bytes() == f"Return-Path: <{FROM}>\r\n".encode() + mail()


async def test_the_same_mail_twice_is_one_file(tmp_path: Path) -> None:
    """So a repeat after a crash changes nothing."""
    sender = FileTransport(tmp_path)
    first = await sender.deliver("", TO, mail(), "reply")
    assert await sender.deliver("", TO, mail(), "reply") == first
    assert len(names(tmp_path)) == 1


async def test_two_mails_of_one_second_are_two_files(tmp_path: Path) -> None:
    """Neither replaces the other, also when they are written at the same time."""
    sender = FileTransport(tmp_path)
    await asyncio.gather(*(sender.deliver("", TO, mail(f"{n}@example.com"), "reply") for n in range(10)))
    assert len(names(tmp_path)) == 10
    assert {p.read_bytes().split(b"Message-ID: <")[1][:1] for p in tmp_path.iterdir()} == {b"%d" % n for n in range(10)}


@pytest.mark.parametrize(
    "recipient", ["../../etc/passwd", "a/b@x.example", "a b\n@x.example", "ü@x.example", "x" * 900]
)
async def test_no_address_leads_out_of_the_folder(tmp_path: Path, recipient: str) -> None:
    """Whatever a customer calls himself."""
    folder = tmp_path / "out"
    await FileTransport(folder).deliver("", recipient, mail(), "reply")
    assert [p.parent for p in tmp_path.rglob("*.eml")] == [folder]


@pytest.mark.parametrize("date", ["", "yesterday"])
async def test_a_mail_without_a_date_is_written_too(tmp_path: Path, date: str) -> None:
    """At the beginning of time."""
    assert (await FileTransport(tmp_path).deliver("", TO, mail(date=date))).reply.startswith("19700101T000000Z-mail-")


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Mails wait as for a relay that is down, and `check` names the key."""
    (tmp_path / "out").write_text("not a folder")
    sender = FileTransport(tmp_path / "out")
    outcome = await sender.deliver("", TO, mail())
    assert (outcome.result, outcome.about) == (Result.DEFERRED, About.RELAY)
    with pytest.raises(RelayUnavailable, match=r"send\.directory"):
        await sender.check()


async def test_check_leaves_nothing_behind(tmp_path: Path) -> None:
    """It makes the folder, says which, and writes no mail."""
    assert str(tmp_path / "out") in await FileTransport(tmp_path / "out").check()
    assert names(tmp_path / "out") == []


def test_the_settings_choose() -> None:
    """`send.transport`."""
    assert isinstance(transport(settings(transport="file")), FileTransport)
    assert isinstance(transport(settings(transport="smtp")), SmtpTransport)

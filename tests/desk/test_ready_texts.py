"""Ready texts of the site: put above an agent's own words, filled in, in the customer's language."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.canned import texts_in
from gateway.errors import ConfigError
from storage.database import Database
from tests.conftest import Clock
from tests.room import ERIKA, KARL, Room, room


@pytest.fixture
def site(database_url: str, clock: Clock, tmp_path: Path) -> Room:
    folder = tmp_path / "own" / "texts"
    folder.mkdir(parents=True)
    (folder / "refund.en.txt").write_text("Dear {customer}, your money comes back ({reference}). {agent}\n", "utf-8")
    (folder / "refund.de.txt").write_text("Hallo {customer}, das Geld kommt zurück ({reference}). {agent}\n", "utf-8")
    database = Database(database_url, tmp_path)
    return room(database, clock, tmp_path, gateway={"operator": "root@example.com", "templates_dir": "own"})


async def newest_answer(site: Room) -> str:
    entries = await site.read(lambda tx: tx.reads.entries(1))
    return [e.body_text for e in entries if e.author.address == "anna@example.com"][-1]


async def test_a_text_is_put_in_and_filled_in(site: Room) -> None:
    """Above what the agent wrote, in the language of the ticket."""
    await site.mail(ERIKA, name="Erika Muster")
    await site.answer(1, "#text refund\nIt takes three days.")
    said = await newest_answer(site)
    assert said.startswith("Dear Erika Muster, your money comes back (RD-1-")
    assert said.endswith("Anna Agent\n\nIt takes three days.")
    await site.answer(1, "#language de\n#vorlage Refund")
    assert (await newest_answer(site)).startswith("Hallo Erika Muster")
    assert await site.broken() == {}
    await site.database.close()


async def test_a_name_there_is_none_of_does_nothing(site: Room) -> None:
    """The nearest is offered, and the words are kept as a draft."""
    await site.mail(ERIKA)
    row = await site.answer(1, "#text refnd\nIt takes three days.")
    assert row.reason == "agent-command-not-understood"
    assert not await site.outbox("reply")
    row = await site.answer(1, "#texts")
    assert row.reason == "agent-looks-up"
    await site.database.close()


async def test_a_text_that_names_one_customer_to_another_waits(site: Room) -> None:
    """On a ticket of merged customers, and to an adviser; to the requester alone it goes."""
    await site.mail(ERIKA, name="Erika Muster")
    await site.mail(KARL)
    await site.answer(2, "#merge 1")
    await site.answer(2, "#send")
    for order, reader in (("", KARL), ("#ask sam@supplier.example\n", "sam@supplier.example")):
        row = await site.answer(1, f"{order}#text refund\nIt takes three days.")
        assert row.reason == "agent-mail-held-back"
        receipt = (await site.outbox("agent_receipt"))[-1].id
        said = " ".join((await site.read(lambda tx, id=receipt: tx.outbox.message(id))).decode().split())
        assert f"The ready text names Erika Muster, and {reader} would read that." in said
    assert not await site.outbox("reply")
    row = await site.answer(1, "#text refund\nIt takes four days.")
    await site.answer(1, f"#send {row.id}")
    assert [row.recipient for row in await site.outbox("reply")] == [ERIKA, KARL]
    await site.answer(1, "#only\n#text refund\nIt takes three days.")
    assert [row.recipient for row in await site.outbox("reply")] == [ERIKA, KARL, ERIKA]
    await site.database.close()


async def test_an_agent_without_a_name_is_the_mailbox(database_url: str, clock: Clock, tmp_path: Path) -> None:
    """No agent's address reaches a customer."""
    folder = tmp_path / "own" / "texts"
    folder.mkdir(parents=True)
    (folder / "bye.en.txt").write_text("Yours, {agent}\n", "utf-8")
    nameless = {"agents": [{"address": "anna@example.com"}]}
    site = room(Database(database_url, tmp_path), clock, tmp_path, gateway={"templates_dir": "own"}, **nameless)
    await site.mail(ERIKA)
    await site.answer(1, "#text bye")
    assert await newest_answer(site) == "Yours, Example Support"
    await site.database.close()


@pytest.mark.parametrize(("name", "data"), [("refund.txt", b"x"), ("a.en.txt", b"\xff"), ("a.en.txt", b" \n")])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / name).write_bytes(data)
    with pytest.raises(ConfigError, match="templates_dir"):
        texts_in(tmp_path)
    assert texts_in(tmp_path / "elsewhere") == {}

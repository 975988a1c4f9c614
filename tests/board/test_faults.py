"""A server of old: the board equals the database there as well."""

from __future__ import annotations

from tests.board.proxy import Proxy
from tests.board.world import World

OLD = ("MOVE", "UIDPLUS", "CONDSTORE", "IDLE", "NAMESPACE", "LIST-STATUS", "UNSELECT")


async def settled(world: World) -> None:
    """A look over a line that holds, and the picture is that of the database."""
    await world.look()
    lying = {folder: cards for folder, cards in world.there().items() if cards}
    assert lying == {folder: cards for folder, cards in (await world.wanted()).items() if cards}


async def begin(world: World) -> None:
    """Three tickets, and their cards."""
    for n in range(3):
        await world.room.mail(f"kim{n}@customer.example")
    await settled(world)


async def some_work(world: World, number: int) -> None:
    """All that a look may have to do: replace, put back, let come back, and carry out."""
    await world.room.answer(1, f"Try this: {number}.")
    (at,) = (folder for folder, cards in (await world.wanted()).items() if any(c.startswith("2.") for c in cards))
    world.move(2, at, "Bob Lead" if at == "Anna Agent" else "Anna Agent")
    (at,) = (folder for folder, cards in (await world.wanted()).items() if any(c.startswith("3.") for c in cards))
    world.delete(3, at, expunge=number % 2 == 0)


async def test_a_server_of_old(world: World) -> None:
    """Without MOVE, UIDPLUS, CONDSTORE and NAMESPACE, and nothing that others marked as deleted is lost."""
    async with Proxy(world.dovecot.imap, OLD).running() as proxy:
        world.port = proxy.port
        await begin(world)
        await some_work(world, 0)
        with world.open("New") as client:
            client.append(f'"{world.root}.New"', r"(\Deleted)", None, b"Subject: mine\r\n\r\nStill here.\r\n")
        await settled_but_deleted(world)
        assert [m["Subject"] for m in world.mails("New") if not m["X-Replydesk-Card"]] == ["mine"]
        with world.open("New") as client:
            client.expunge()
        await settled(world)
        world.move(3, "New", "Solved", "COPY")
        await settled_but_deleted(world)


async def settled_but_deleted(world: World) -> None:
    """What cannot be made to go alone stays marked as deleted."""
    await world.look()
    lying = {folder: cards for folder, cards in world.there(keys="UNDELETED").items() if cards}
    assert lying == {folder: cards for folder, cards in (await world.wanted()).items() if cards}

"""The board in a real Dovecot: what lies where, and what it does that an agent moves, deletes or answers a card."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.board.account import BoardAccount, why_denied
from gateway.board.watch import BoardWatch
from gateway.core import parking
from gateway.core.board import SeenCard
from gateway.core.lifecycle import Status
from gateway.core.sentences import text_of
from gateway.core.ticket import EntryKind
from gateway.errors import Unreachable
from gateway.receive.imap.syntax import folder_name
from storage.database import Database
from tests.board.conftest import ROOT_KEYS
from tests.board.proxy import Proxy
from tests.board.world import World
from tests.conftest import Clock
from tests.interop import dovecot as dovecot_module
from tests.room import ANNA, ERIKA, LEAD, room


async def test_each_ticket_is_one_card_in_the_folder_of_its_status(world: World) -> None:
    """New requests lie in New, with the requester's name and the reference in the list of mails."""
    await world.room.mail(ERIKA, "It burns.", name="Erika Muster", subject="Printer on fire")
    await world.look()
    (mail,) = world.mails("New")
    assert mail["Subject"] == "[RD-1] Printer on fire"
    assert mail["From"].addresses[0].display_name == "Erika Muster"
    assert mail["From"].addresses[0].addr_spec == "support@example.com"
    assert "It burns." in mail.get_body(("plain",)).get_content()
    assert world.there() == await world.wanted()
    assert await world.look() == []


async def test_moving_a_card_is_an_order(world: World) -> None:
    """To a status: that is set, and the customer hears of it; to an agent: it is theirs, and they hear of it."""
    await world.room.mail(ERIKA)
    await world.look()
    world.move(1, "New", "Anna Agent")
    await world.look()
    ticket = await world.room.read(lambda tx: tx.reads.get(1))
    assert ticket.assignee == ANNA
    assert [n.recipient for n in await world.room.outbox("agent_notice")][-1] == ANNA
    (mail,) = world.mails("Anna Agent")
    assert mail["Subject"] == "[RD-1 · Anna Agent] Help"

    world.move(1, "Anna Agent", "Solved")
    await world.look()
    ticket = await world.room.read(lambda tx: tx.reads.get(1))
    assert ticket.status is Status.SOLVED
    assert [n.recipient for n in await world.room.outbox("close_confirmation")] == [ERIKA]
    events = await world.room.read(lambda tx: tx.reads.entries(1, (EntryKind.EVENT,)))
    said = [text_of(e.body_text, "en") for e in events]
    assert said[-2:] == ["Given to Anna Agent on the board.", "Set to “Solved (to be confirmed)” on the board."]
    assert world.there() == await world.wanted()


@pytest.mark.parametrize("how", ["COPY", "COPY+EXPUNGE"])
async def test_a_mail_program_without_move(world: World, how: str) -> None:
    """Copied and marked as deleted is moved as well, whether it was expunged or not."""
    await world.room.mail(ERIKA)
    await world.look()
    world.move(1, "New", "Waiting on customer", how)
    await world.look()
    ticket = await world.room.read(lambda tx: tx.reads.get(1))
    assert ticket.status is Status.WAITING_ON_CONTACT
    assert world.there() == await world.wanted()


async def test_a_card_is_put_aside_until_the_next_working_day(world: World) -> None:
    """Moved to Snoozed it sleeps; moved on to the agent whose it is, it is taken up again."""
    await world.room.mail(ERIKA)
    await world.look()
    world.move(1, "New", "Snoozed")
    await world.look()
    ticket = await world.room.read(lambda tx: tx.reads.get(1))
    assert str(ticket.snoozed_until) == "2026-03-03 09:00:00+00:00"
    assert world.there() == await world.wanted()
    world.move(1, "Snoozed", "Anna Agent")
    await world.look()
    ticket = await world.room.read(lambda tx: tx.reads.get(1))
    assert (ticket.snoozed_until, ticket.assignee) == (None, ANNA)
    assert world.there() == await world.wanted()


async def test_an_older_card_orders_nothing(world: World) -> None:
    """The customer wrote while the agent moved what was there before: it is put right and nothing is done."""
    await world.room.mail(ERIKA)
    await world.look()
    await world.room.reply(ERIKA, 1, "And it smokes.")
    world.move(1, "New", "Closed")
    await world.look()
    ticket = await world.room.read(lambda tx: tx.reads.get(1))
    assert ticket.status is Status.NEW
    assert world.there() == await world.wanted()
    (mail,) = world.mails("New")
    assert "And it smokes." in mail.get_body(("plain",)).get_content()


@pytest.mark.parametrize("expunge", [True, False])
async def test_a_deleted_card_comes_back(world: World, expunge: bool) -> None:
    """Deleting does nothing, and what an agent put beside it stays."""
    await world.room.mail(ERIKA)
    await world.look()
    with world.open("New") as client:
        client.append(folder_name(f"{world.root}.New"), None, None, b"Subject: mine\r\n\r\nKeep me.\r\n")
    world.delete(1, "New", expunge=expunge)
    await world.look()
    assert world.there() == await world.wanted()
    assert sorted(m["Subject"] for m in world.mails("New")) == ["[RD-1] Help", "mine"]
    assert not any(rb"\Deleted" in line for line in world.flags("New"))


async def test_a_card_that_cannot_go_there_is_put_back(world: World) -> None:
    """Nothing becomes new again, and nothing lies in a folder that means nothing."""
    await world.room.mail(ERIKA)
    await world.room.answer(1, "Try this.")
    await world.look()
    world.move(1, "Waiting on customer", "New")
    await world.look()
    assert world.there() == await world.wanted()
    with world.open("New") as client:
        client.create(folder_name(f"{world.root}.Möbel & Co"))
    world.move(1, "Waiting on customer", "Möbel & Co")
    await world.look()
    assert (await world.room.read(lambda tx: tx.reads.get(1))).status is Status.WAITING_ON_CONTACT
    assert {k: v for k, v in world.there().items() if v} == {k: v for k, v in (await world.wanted()).items() if v}


async def test_a_card_in_several_folders_orders_nothing(world: World) -> None:
    """Copied to two agents and to Closed before one look: nobody is told anything, and the next move counts again."""
    await world.room.mail(ERIKA)
    await world.look()
    before = len(await world.room.outbox())
    with world.open("New") as client:
        for folder in ("Anna Agent", "Bob Lead", "Closed"):
            assert client.uid("COPY", world.uid(client, 1), folder_name(f"{world.root}.{folder}"))[0] == "OK"
    assert await world.look() == ["1 unclear, 3 removed"]
    ticket = await world.room.read(lambda tx: tx.reads.get(1))
    assert (ticket.status, ticket.assignee) == (Status.NEW, "")
    assert len(await world.room.outbox()) == before
    assert world.there() == await world.wanted()
    world.move(1, "New", "Anna Agent")
    await world.look()
    assert (await world.room.read(lambda tx: tx.reads.get(1))).assignee == ANNA


async def test_a_folder_that_was_renamed_orders_nothing(world: World) -> None:
    """All its cards would say the same: they go back to where they belong, and no customer hears of it."""
    await world.room.mail(ERIKA)
    await world.room.mail("karl@customer.example")
    await world.look()
    with world.open("Solved") as client:
        client.select("INBOX")
        assert client.delete(folder_name(f"{world.root}.Closed"))[0] == "OK"
        assert client.rename(folder_name(f"{world.root}.New"), folder_name(f"{world.root}.Closed"))[0] == "OK"
    await world.look()
    assert await world.room.outbox("closed") == []
    assert len(world.there()["New"]) == 2
    assert world.there() == await world.wanted()
    world.move(1, "New", "Closed")
    await world.look()
    assert (await world.room.read(lambda tx: tx.reads.get(1))).status is Status.CLOSED


async def test_folders_that_changed_places_order_nothing(world: World) -> None:
    """No folder is missing: two have each other's names, or one got the name of another and was made anew."""
    await world.room.mail(ERIKA)
    await world.room.mail("karl@customer.example")
    await world.room.answer(2, "#solved")
    await world.look()
    for way in ((("New", "x"), ("Closed", "New"), ("x", "Closed")), (("Closed", "y"), ("New", "Closed"), ("", "New"))):
        with world.open("Solved") as client:
            client.select("INBOX")
            for old, new in way:
                name = folder_name(f"{world.root}.{new}")
                did = client.rename(folder_name(f"{world.root}.{old}"), name) if old else client.create(name)
                assert did[0] == "OK"
        await world.look()
        assert await world.room.outbox("closed") == []
        assert {k: v for k, v in world.there().items() if v} == {k: v for k, v in (await world.wanted()).items() if v}
    world.move(1, "New", "Closed")
    await world.look()
    assert (await world.room.read(lambda tx: tx.reads.get(1))).status is Status.CLOSED


async def test_a_line_that_is_lost_while_cards_go_back_orders_nothing(world: World) -> None:
    """A folder was renamed to another's name; the next line finds it made anew, and some of its cards still there."""
    for n in range(3):
        await world.room.mail(f"kim{n}@customer.example")
    await world.look()
    with world.open("Solved") as client:
        client.select("INBOX")
        assert client.delete(folder_name(f"{world.root}.Closed"))[0] == "OK"
        assert client.rename(folder_name(f"{world.root}.New"), folder_name(f"{world.root}.Closed"))[0] == "OK"
    lost, moves = world.keeper, []

    async def breaks(account: BoardAccount, card: SeenCard, folder: str) -> None:
        moves.append(card)
        if len(moves) > 1:
            raise Unreachable("the line is lost")
        await move(account, card, folder)

    move = BoardAccount.move
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BoardAccount, "move", breaks)
        with pytest.raises(Unreachable):
            await world.look()
    assert world.keeper is lost
    await world.look()
    assert await world.room.outbox("closed") == []
    assert len(world.there()["New"]) == 3


async def test_answering_a_card_answers_the_ticket(world: World) -> None:
    """The customer gets the words under the mailbox's address; the card becomes read and waits with the others."""
    await world.room.mail(ERIKA)
    await world.look()
    (card,) = world.mails("New")
    assert rb"\Seen" not in world.flags("New")[0]
    ids = {"In_Reply_To": card["Message-ID"], "References": f"{card['References']} {card['Message-ID']}"}
    await world.room.mail(ANNA, "Pull the plug.", subject=f"Re: {card['Subject']}", to=reply_to(card), **ids)
    (answer,) = await world.room.outbox("reply")
    assert answer.recipient == ERIKA
    await world.look()
    assert world.there() == await world.wanted()
    assert rb"\Seen" in world.flags("Waiting on customer")[0]


@pytest.mark.parametrize("author", ["mallory@elsewhere.example", ERIKA])
async def test_the_mark_of_a_card_is_worth_nothing_in_other_hands(world: World, author: str) -> None:
    """Whoever got hold of a card and is no agent answers no ticket and hears nothing of it."""
    await world.room.mail("kim@other.example", "Secret words.")
    await world.look()
    (card,) = world.mails("New")
    await world.room.mail(author, "Me too.", subject="Re: x", to=reply_to(card), In_Reply_To=card["Message-ID"])
    assert await world.room.outbox("reply") == []
    entries = await world.room.read(lambda tx: tx.reads.entries(1))
    assert all("Me too." not in e.body_text for e in entries)


async def test_an_answer_from_the_account_itself_is_heard_by_the_team(
    server: dovecot_module.Dovecot, database: Database, clock: Clock, tmp_path: Path
) -> None:
    """A mail program sends from the shared account unless told otherwise: no greeting goes there, and the agents read
    that it came under an address of ours and reached nobody."""
    root = f"Tickets-{uuid4().hex[:8]}"
    keys = ROOT_KEYS | {"username": "board@example.com", "folder": root}
    world = World(room(database, clock, tmp_path, board=keys), server, root=root)
    await world.room.mail(ERIKA)
    await world.look()
    (card,) = world.mails("New")
    before = len(await world.room.outbox("agent_notice"))
    ids = {"In_Reply_To": card["Message-ID"], "References": f"{card['References']} {card['Message-ID']}"}
    await world.room.mail("board@example.com", "Pull the plug.", subject="Re: x", to=reply_to(card), **ids)
    assert [n for n in await world.room.outbox() if n.recipient == "board@example.com"] == []
    heard = (await world.room.outbox("agent_notice"))[before:]
    assert {n.recipient for n in heard} == {ANNA, LEAD}
    data = await world.room.read(lambda tx: tx.outbox.message(heard[0].id))
    said = message_from_bytes(data, policy=email_policy.default).get_body(("plain",)).get_content()
    assert "under our own address board@example.com" in " ".join(said.split())


async def test_an_answer_to_an_older_card_is_held(world: World) -> None:
    """A colleague has answered since the card that is answered was written: the words wait for #send."""
    await world.room.mail(ERIKA)
    await world.look()
    (card,) = world.mails("New")
    await world.room.answer(1, "I see to it.", agent=LEAD)
    await world.room.mail(ANNA, "Pull the plug.", subject="Re: x", to=reply_to(card), In_Reply_To=card["Message-ID"])
    assert len(await world.room.outbox("reply")) == 1
    receipt = (await world.room.outbox("agent_receipt", ANNA))[-1]
    assert "Kept as a draft" in receipt_subject(await world.room.read(lambda tx: tx.outbox.message(receipt.id)))


async def test_the_account_is_rebuilt(world: World) -> None:
    """Another server, or all folders gone: the same picture, from the database alone."""
    for n in range(3):
        await world.room.mail(f"kim{n}@customer.example")
    await world.room.answer(2, "#close")
    await world.look()
    before = world.there()
    with world.open("New") as client:
        client.select("INBOX")
        for folder in world.folders():
            client.delete(folder_name(f"{world.root}.{folder}"))
    world.begin("two")
    await world.look()
    assert world.there() == before == await world.wanted()


async def test_what_was_moved_before_the_cards_are_written_anew_is_an_order(world: World) -> None:
    """`board rebuild`, or somebody who was erased, comes between an agent's move and the next look."""
    for n in range(2):
        await world.room.mail(f"kim{n}@customer.example")
    await world.look()
    world.move(1, "New", "Anna Agent")
    await world.room.database.write(lambda tx: tx.board.rebuild(True, world.room.clock()))
    await world.look()
    assert (await world.room.read(lambda tx: tx.reads.get(1))).assignee == ANNA
    assert world.there() == await world.wanted()
    state = await world.room.read(lambda tx: tx.board.state())
    assert state is not None
    assert not state.rebuild


async def test_agents_come_and_go(world: World) -> None:
    """Who is called otherwise has another folder; that of who left goes once nothing lies in it, not before."""
    assert await world.keeper._hold()
    await world.room.mail(ERIKA)
    await world.room.answer(1, "#assign anna")
    await world.look()
    with world.open("Anna Agent") as client:
        client.append(folder_name(f"{world.root}.Anna Agent"), None, None, b"Subject: mine\r\n\r\nKeep me.\r\n")
    policy = world.room.desk.policy
    anna, bob = policy.agents
    agents = (replace(anna, name="Ännchen Müller"), replace(bob, name="New"))
    world.room.desk.policy = replace(policy, agents=agents)
    world.begin()
    await world.look()
    assert "Ännchen Müller" in world.folders()
    assert f"New ({LEAD.replace('.', '-')})" in world.folders()
    assert [m["Subject"] for m in world.mails("Anna Agent")] == ["mine"]
    assert [m["Subject"] for m in world.mails("Ännchen Müller")] == ["[RD-1 · Ännchen Müller] Help"]
    assert "Bob Lead" not in world.folders()
    world.room.desk.policy = replace(policy, agents=(agents[1],))
    world.begin()
    await world.look()
    assert "Ännchen Müller" not in world.folders()
    assert {k: v for k, v in world.there().items() if v} == {k: v for k, v in (await world.wanted()).items() if v}


async def test_folders_in_the_language_of_the_site(
    server: dovecot_module.Dovecot, database: Database, clock: Clock, tmp_path: Path
) -> None:
    """Their names have umlauts, which travel in modified UTF-7: cards are written there, and moved there they order."""
    gateway = {"operator": "root@example.com", "default_language": "de"}
    root = f"Anträge-{uuid4().hex[:8]}"
    made = room(database, clock, tmp_path, board={**ROOT_KEYS, "folder": root}, gateway=gateway)
    world = World(made, server, root=root)
    await world.room.mail(ERIKA)
    await world.look()
    assert world.there() == await world.wanted()
    world.move(1, "Neu", "Gelöst")
    await world.look()
    assert (await world.room.read(lambda tx: tx.reads.get(1))).status is Status.SOLVED
    assert [m["Subject"] for m in world.mails("Gelöst")] == ["[RD-1] Help"]
    assert world.there() == await world.wanted()


async def told(world: World) -> str:
    state = await world.room.read(lambda tx: tx.board.state())
    assert state is not None
    return str(state.said)


def permit(server: dovecot_module.Dovecot, folder: str, rights: str) -> None:
    with server.client() as client:
        client.create(folder)
        assert client.setacl(folder, "owner", rights)[0] == "OK"


@contextlib.asynccontextmanager
async def below_a_prefix(
    database: Database, clock: Clock, tmp_path: Path
) -> AsyncIterator[tuple[World, dovecot_module.Dovecot]]:
    """Three tickets, and a server whose folders stand below INBOX with points."""
    if dovecot_module.MISSING:
        pytest.skip(dovecot_module.MISSING)
    with dovecot_module.running(prefixed=True) as server:
        world = World(room(database, clock, tmp_path, board=ROOT_KEYS, limits={"alike_mails": []}), server)
        for n in range(3):
            await world.room.mail(f"kim{n}@customer.example")
        yield world, server


async def test_rights_that_are_missing(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Below a prefix with points: what the server refuses in one folder is told plainly, everything else is kept, and
    once the rights are given the picture is whole."""
    async with below_a_prefix(database, clock, tmp_path) as (world, server):
        await world.room.answer(1, "#close")
        await world.room.answer(2, "#solved")
        permit(server, "INBOX.Tickets.Closed", "lra")
        permit(server, "INBOX.Tickets.Solved", "la")
        assert await world.keeper._hold()
        async with world.line() as account:
            assert account.root == "INBOX.Tickets"
            for _ in range(6):
                said, _more = await world.keeper.look(account)
                await world.keeper._report(said, account.denied)
            assert set(account.denied) == {"INBOX.Tickets.Closed", "INBOX.Tickets.Solved"}
        assert "lrwstipekxa" in await told(world)
        assert "INBOX.Tickets.Closed" in await told(world)
        world.root = "INBOX.Tickets"
        assert [m["Subject"] for m in world.mails("New")] == ["[RD-3] Help"]
        for folder in ("Closed", "Solved"):
            permit(server, f"INBOX.Tickets.{folder}", "lrwstipekxa")
        world.root = "Tickets"
        world.begin()
        await world.look()
        world.root = "INBOX.Tickets"
        assert world.there() == await world.wanted()


async def kept(world: World, looks: int = 3) -> list[str]:
    """What looks over one line do, each of which tries everything anew, and whom it was refused."""
    done = []
    async with world.line() as account:
        for _ in range(looks):
            world.keeper._anew_at = 0
            said, _more = await world.keeper.look(account)
            done.append(f"{said}: {', '.join(sorted(account.denied))}")
    return done


@pytest.mark.parametrize("hidden", [(), ("MOVE",), ("MOVE", "UIDPLUS")])
async def test_what_the_server_says_it_did_and_did_not(
    database: Database, clock: Clock, tmp_path: Path, hidden: tuple[str, ...]
) -> None:
    """Without the right to delete Dovecot says OK and leaves everything: the folder is told, and no card is doubled. A
    folder that is there and not shown gets none; once all is permitted, the picture is whole."""
    async with below_a_prefix(database, clock, tmp_path) as (world, server):
        await world.look()
        root = "INBOX.Tickets"
        with server.client() as client:
            client.create(f"{root}.Mine")
        world.root = root
        world.move(1, "New", "Mine")
        world.root = "Tickets"
        rights = {"Mine": "lrsipkxa", "New": "lrsipkxa", "Closed": "ia"}
        for folder, given in rights.items():
            permit(server, f"{root}.{folder}", given)
        await world.room.answer(2, "#solved")
        await world.room.answer(3, "#close")
        async with Proxy(server.imap, hidden).running() as proxy:
            world.port = proxy.port
            *_, last = await kept(world)
            for folder in rights:
                assert f"{root}.{folder}" in last
        with server.client() as client:
            assert client.setacl(f"{root}.Closed", "owner", "lrwstipekxa")[0] == "OK"
        world.root = root
        there = {k: [c.partition(".")[0] for c in v] for k, v in world.there().items() if v}
        assert there == {"Mine": ["1"], "New": ["2", "3"], "Solved": ["2"]}
        for folder in rights:
            permit(server, f"{root}.{folder}", "lrwstipekxa")
        world.root, world.port = "Tickets", 0
        world.begin()
        await world.look()
        world.root = root
        assert {k: v for k, v in world.there().items() if v} == {k: v for k, v in (await world.wanted()).items() if v}


async def test_a_root_in_other_letters(database: Database, clock: Clock, tmp_path: Path) -> None:
    """`inbox` is INBOX: the server's way to write it is no other folder, and each card is there once."""
    if dovecot_module.MISSING:
        pytest.skip(dovecot_module.MISSING)
    with dovecot_module.running(prefixed=True) as server:
        made = room(database, clock, tmp_path, board=ROOT_KEYS, limits={"alike_mails": []})
        world = World(made, server, root="inbox/Tickets")
        await world.room.mail(ERIKA)
        assert await world.look() == ["1 written"]
        assert await kept(world) == [": ", ": ", ": "]
        world.root = "INBOX.Tickets"
        assert world.there() == await world.wanted()


SMALL = """\
mail_plugins = $mail_plugins quota
plugin {
  quota = maildir:User quota
  quota_max_mail_size = 200k
}
"""


async def test_a_card_that_is_too_large_for_the_server(database: Database, clock: Clock, tmp_path: Path) -> None:
    """It is written without its files, and the cards beside it are kept as ever."""
    if dovecot_module.MISSING:
        pytest.skip(dovecot_module.MISSING)
    with dovecot_module.running(extra=SMALL) as server:
        world = World(room(database, clock, tmp_path, board=ROOT_KEYS, limits={"alike_mails": []}), server)
        await world.room.mail("kim0@customer.example", files=(("a.bin", "application/octet-stream", b"x" * 400_000),))
        await world.room.mail("kim1@customer.example", files=(("b.bin", "application/octet-stream", b"x" * 4_000),))
        await world.look()
        assert world.there() == await world.wanted()
        await world.room.answer(2, "#note Ask him.")
        assert await kept(world) == ["1 written, 1 removed: ", ": ", ": "]
        assert world.there() == await world.wanted()
        files = {card["Subject"]: [f.get_filename() for f in card.iter_attachments()] for card in world.mails("New")}
        assert files == {"[RD-1] Help": [], "[RD-2] Help": ["b.bin"]}


def test_an_account_that_is_full_lacks_no_rights() -> None:
    """What is said names the remedy that helps; a folder called after a quota says nothing."""
    full = {"T.New": "APPEND T.New: the server said NO [OVERQUOTA] Quota exceeded (mailbox for user is full)"}
    denied = {"T.Over quota": "APPEND T.Over quota: the server said NO [NOPERM] Permission denied"}
    assert why_denied(full).startswith("the board's account is full, raise its quota or remove mails there")
    assert "lrwstipekxa" not in why_denied(full)
    assert "full" not in why_denied(denied)
    assert "give lrwstipekxa" in why_denied(denied)
    both = why_denied(full | denied)
    assert why_denied(full) in both
    assert why_denied(denied) in both


async def test_a_change_is_told(world: World) -> None:
    """Dovecot tells of every folder, over a line that does nothing else; an agent's move is heard at once."""
    await world.room.mail(ERIKA)
    await world.look()
    heard = asyncio.Event()
    watching = BoardWatch(world.account, world.root, f"{world.root}.New", heard.set)
    task = asyncio.create_task(watching.run())
    try:
        for source, target in (("New", "Solved"), ("Solved", "Closed")):
            async with asyncio.timeout(30):
                await heard.wait()
            assert watching.tells_all
            # What the server tells of the line's beginning is over.
            await asyncio.sleep(0.5)
            heard.clear()
            await asyncio.to_thread(world.move, 1, source, target)
        async with asyncio.timeout(30):
            await heard.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("hidden", [("NOTIFY",), ("NOTIFY", "IDLE")])
async def test_a_server_that_tells_less(world: World, hidden: tuple[str, ...]) -> None:
    """Of one folder with IDLE alone; of nothing without, and the watch ends by itself."""
    await world.room.mail(ERIKA)
    await world.look()
    async with Proxy(world.dovecot.imap, hidden).running() as proxy:
        world.port = proxy.port
        heard = asyncio.Event()
        watching = BoardWatch(world.account, world.root, f"{world.root}.New", heard.set)
        task = asyncio.create_task(watching.run())
        async with asyncio.timeout(30):
            if "IDLE" in hidden:
                await task
                return
            await heard.wait()
            heard.clear()
            world.port = 0
            while not heard.is_set():
                await world.room.mail(f"kim{world.room.count}@customer.example")
                await world.look()
        assert not watching.tells_all
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_who_put_it_aside(world: World) -> None:
    """Nobody knows who moved a card: neither the operator nor anybody else is named when it comes back."""
    await world.room.mail(ERIKA)
    await world.look()
    world.move(1, "New", "Anna Agent")
    await world.look()
    world.move(1, "Anna Agent", "Snoozed")
    await world.look()
    ticket = await world.room.read(lambda tx: tx.reads.get(1))
    assert ticket.snoozed_by == "board"
    decision = parking.due(ticket, world.room.desk.policy, ticket.snoozed_until)
    assert [n.recipient.address for n in decision.notices] == [ANNA]
    said = [text_of(r, "en") for n in decision.notices for r in n.remarks]
    assert said == ["Put aside until 3 Mar 2026, 09:00 on the board."]


async def test_one_daemon_keeps_the_board(world: World) -> None:
    """The claim runs out with its holder, and is given back when it stops."""
    one, two = world.begin("one"), world.begin("two")
    assert await one._hold()
    assert not await two._hold()
    world.room.clock.forward(seconds=61)
    assert await two._hold()
    assert not await one._hold()
    await two.drain(0)
    assert await one._hold()


def reply_to(card: EmailMessage) -> str:
    return str(card["Reply-To"].addresses[0].addr_spec)


def receipt_subject(data: bytes) -> str:
    return str(message_from_bytes(data, policy=email_policy.default)["Subject"])

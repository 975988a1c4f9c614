"""A folder is read without losing, doubling or disturbing a mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import liveness
from gateway.core import token
from gateway.core.policy import Policy
from gateway.errors import StorageUnavailable, Unreachable
from gateway.memory import SMALL, Memory
from gateway.receive.imap import folder as folder_module
from gateway.receive.imap.account import After, Backlog
from storage.database import Database
from tests.conftest import named
from tests.receive.imap_house import LARGEST, House, errand, mail
from tests.receive.imap_server import Box, Server


class Clock:
    """The real clock, which INTERNALDATE goes by, and a hand to move it on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def time() -> Clock:
    return Clock()


@pytest.fixture
async def house(sqlite_url: str, tmp_path: Path, policy: Policy, time: Clock) -> AsyncIterator[House]:
    database = Database(sqlite_url, tmp_path)
    yield House(database, policy, time)
    await database.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server().running() as running:
        yield running


# --- taking -----------------------------------------------------------------------------------


async def test_a_mail_is_moved_only_once_it_is_in_the_journal(house: House, server: Server) -> None:
    """State S1 comes before anybody touches the folder, and the place is written in between."""
    seen: set[tuple[int, int]] = set()

    def look() -> None:
        rows = house.database.read_now(lambda tx: len(tx.journal.recent()))
        seen.add((rows, house.database.read_now(lambda tx: tx.places.find("imap:support@example.com").uid)))

    server.before["UID MOVE"] = look
    for n in range(3):
        server.deliver(mail(n))
    assert await house.look(server, house.folder(errand())) == 3
    assert seen == {(3, 3)}
    assert server.inbox.uids == []
    assert [m.raw for m in server.boxes["Done"].mails] == [mail(n) for n in range(3)]
    assert await house.tickets() == 3


async def test_nothing_is_fetched_that_has_no_room(house: House, server: Server) -> None:
    """A mail waits on its server while others fill the memory, and is taken after them."""
    memory, size = Memory(16 * SMALL), 3 * SMALL
    server.deliver(mail(1, "x\n" * (size // 2)))

    def fetched() -> bool:
        return any("BODY" in said for said in server.said)

    async with memory.hold(size):
        looking = asyncio.create_task(house.look(server, house.folder(errand(), memory=memory)))
        async with asyncio.timeout(20):
            while not any("RFC822.SIZE" in said for said in server.said):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert not fetched()
    async with asyncio.timeout(20):
        assert await looking == 1
    assert fetched()


async def test_the_raw_bytes_are_kept_as_they_came(house: House, server: Server) -> None:
    """Not a byte is changed between the server and the journal."""
    raw = mail(1).replace(b"Hello", b"\xff\xfe 8-bit \xe4 )\r\n* 1 FETCH (\r\nA1 OK done\r\n\r\n")
    server.deliver(raw)
    await house.look(server, house.folder(errand()))
    (row,) = await house.settled()
    assert (await house.database.read(lambda tx: tx.journal.load(row.id)))[1] == raw


async def test_a_blind_copy_is_for_whom_it_was_delivered_to(house: House, server: Server) -> None:
    """In a catch-all account X-Original-To says which of our addresses a mail came to, before the account's own."""
    server.deliver(b"X-Original-To: hilfe@example.de\r\nDelivered-To: catchall@example.com\r\n" + mail(1))
    await house.look(server, house.folder(errand()))
    (row,) = await house.settled()
    assert row.recipients[0] == "hilfe@example.de"
    ticket = await house.database.read(lambda tx: tx.reads.get(1))
    assert ticket.mailbox == "hilfe@example.de"


async def test_a_servers_note_is_no_mail(house: House, server: Server) -> None:
    """Exchange gives a note where it cannot convert a mail: that stays where it is and is written down."""
    note = b"From: Microsoft Exchange Server\r\nSubject: Retrieval using the IMAP4 protocol failed for the following "
    server.deliver(note + b"message: 6\r\n\r\nThe server couldn't retrieve it.\r\n")
    folder = house.folder(errand())
    await house.look(server, folder)
    assert await house.settled() == []
    (left,) = await house.sources.unfetched(errand().source)
    assert "note of its own" in left.cause


async def test_nothing_in_place_of_a_mail_is_no_mail(house: House, server: Server, time: Clock) -> None:
    """The server says how large it is and gives an empty one: it stays, the operator hears of it, later it is taken."""
    server.deliver(mail(1))
    server.hollow = {1}
    folder = house.folder(errand())
    assert await house.look(server, folder) == 0
    assert server.inbox.uids == [1]
    assert "gave nothing in place of it" in await told_last(house)
    server.hollow = set()
    time.ahead += timedelta(hours=1)
    assert await house.look(server, folder) == 1
    assert await house.tickets() == 1


async def test_the_envelope_tells_the_source_and_our_addresses(house: House, server: Server) -> None:
    """A token in Delivered-To finds its ticket although To names only the mailbox."""
    server.deliver(mail(1))
    await house.look(server, house.folder(errand()))
    await house.settled()
    mark = token.address_token(house.desk.policy.keys, "t", named(house.database, 1))
    raw = b"Return-Path: <stranger@else.example>\r\nDelivered-To: support+%s@example.com\r\n" % mark.encode()
    server.deliver(raw + b"X-Original-To: root@example.org\r\n" + mail(2, From="stranger@else.example"))
    await house.look(server, house.folder(errand()))
    first, second = await house.settled()
    assert (first.source, first.recipients, first.reverse_path) == (
        "imap:support@example.com",
        ("support@example.com",),
        "",
    )
    assert second.recipients == (f"support+{mark}@example.com", "support@example.com")
    assert second.reverse_path == "stranger@else.example"
    assert second.ticket == 1


async def test_many_mails_come_in_portions(house: House, server: Server) -> None:
    """No command names more than a hundred messages, and no mail is missed between two portions."""
    for n in range(250):
        server.deliver(mail(n))
    assert await house.look(server, house.folder(errand())) == 250
    assert len(await house.settled()) == 250
    assert server.inbox.uids == []
    fetches = [said for said in server.said if said.startswith("UID FETCH")]
    assert [f.split()[2] for f in fetches if "BODY" in f] == ["1:100", "101:200", "201:250"]


async def test_large_mails_come_alone(house: House, server: Server) -> None:
    """What is fetched at once stays within some megabytes."""
    for n in range(6):
        server.deliver(mail(n, "x" * 70 + "\n" + ("y" * 70 + "\n") * 13_000))
    assert await house.look(server, house.folder(errand())) == 6
    fetches = [said.split()[2] for said in server.said if said.startswith("UID FETCH") and "BODY" in said]
    assert fetches == ["1:4", "5:6"]


# --- what is done with it afterwards -----------------------------------------------------------


async def test_leaving_changes_nothing_in_the_folder(house: House, server: Server) -> None:
    """after = "leave": neither moved nor marked as read, and not taken again."""
    server.deliver(mail(1))
    folder = house.folder(errand(after=After.LEAVE))
    assert await house.look(server, folder) == 1
    assert await house.look(server, folder) == 0
    assert server.inbox.mails[0].flags == set()


async def test_flagging_marks_as_read(house: House, server: Server) -> None:
    """after = "flag": marked as read and flagged, and not taken again."""
    server.deliver(mail(1))
    folder = house.folder(errand(after=After.FLAG))
    assert await house.look(server, folder) == 1
    assert await house.look(server, folder) == 0
    assert server.inbox.mails[0].flags == {r"\Seen", r"\Flagged"}


async def test_a_missing_folder_is_made(house: House, server: Server) -> None:
    """Its name travels quoted and in modified UTF-7 (RFC 3501 section 5.1.3)."""
    server.deliver(mail(1))
    await house.look(server, house.folder(errand(move_to='Geprüft & "gut"')))
    assert len(server.boxes['Gepr&APw-ft &- "gut"'].mails) == 1
    assert r'SUBSCRIBE "Gepr&APw-ft &- \"gut\""' in server.said


async def test_without_move_it_is_copied_and_deleted(house: House, server: Server) -> None:
    """UIDPLUS makes sure that only ours is expunged."""
    server.capabilities = server.capabilities.replace("MOVE ", "")
    server.deliver(mail(1))
    foreign = server.deliver(mail(2))
    server.before["UID STORE"] = lambda: foreign.flags.add("kept")
    server.inbox.mails[1].flags.add(r"\Deleted")
    await house.look(server, house.folder(errand(backlog=Backlog.NEW)))
    assert server.inbox.mails == [foreign]
    assert len(server.boxes["Done"].mails) == 1


@pytest.mark.parametrize("refused", ["UID STORE", "UID EXPUNGE"])
async def test_what_may_be_copied_and_not_removed_is_copied_once(house: House, server: Server, refused: str) -> None:
    """Rights to delete are missing, and MOVE is not known: the mails stay, the reason is told, no look copies anew."""
    server.capabilities, server.refused = server.capabilities.replace("MOVE ", ""), {refused}
    folder = house.folder(errand())
    for n in range(3):
        server.deliver(mail(n))
        await house.look(server, folder)
        assert folder.trouble.startswith(refused)
    await house.look(server, folder)
    assert len(server.boxes["Done"].mails) == 3
    assert await house.tickets() == 3


async def test_what_was_only_copied_is_told_until_it_can_be_removed(house: House, server: Server, time: Clock) -> None:
    """The operator hears of it once although no more mail comes, and gets the all-clear once the right is given."""
    server.capabilities, server.refused = server.capabilities.replace("MOVE ", ""), {"UID STORE"}
    folder = house.folder(errand())
    server.deliver(mail(1))
    for minutes in range(0, 60, 5):
        time.ahead = timedelta(minutes=minutes)
        await look_and_tell(house, server, folder)
    assert len(server.boxes["Done"].mails) == 1
    assert "are taken, but stay in their folder" in await told_last(house)
    assert len(await house.alarms()) == 1
    server.refused = set()
    await look_and_tell(house, server, folder)
    await look_and_tell(house, server, folder)
    assert server.inbox.uids == []
    assert len(await house.alarms()) == 2
    assert len(server.boxes["Done"].mails) == 1


async def test_a_restart_is_no_all_clear(house: House, server: Server, policy: Policy, time: Clock) -> None:
    """What was only copied is known by no daemon after that: none says that it can be moved before it has moved one."""
    server.capabilities, server.refused = server.capabilities.replace("MOVE ", ""), {"UID STORE"}
    folder = house.folder(errand())
    server.deliver(mail(1))
    for minutes in (0, 20):
        time.ahead = timedelta(minutes=minutes)
        await look_and_tell(house, server, folder)
    again = House(house.database, policy, time)
    folder = again.folder(errand())
    await look_and_tell(again, server, folder)
    assert len(await again.alarms()) == 1
    server.refused = set()
    server.deliver(mail(2))
    await look_and_tell(again, server, folder)
    assert "can be moved or flagged again" in await told_last(again)


async def test_of_many_that_are_only_copied_none_is_copied_anew(house: House, server: Server) -> None:
    """A hundred can be copied and not removed, the others find no room: each look tries these, and only these."""
    server.capabilities, server.refused = server.capabilities.replace("MOVE ", ""), {"UID STORE"}
    folder = house.folder(errand())
    server.refused = {"UID COPY", "CREATE"}
    for n in range(150):
        server.deliver(mail(n))
    await house.look(server, folder)
    server.refused = {"UID STORE"}

    def full() -> None:
        if len(server.boxes.get("Done", Box()).mails) >= 100:
            server.refused |= {"UID COPY", "CREATE"}

    server.before["UID COPY"] = full
    for _ in range(4):
        await house.look(server, folder)
        assert folder.trouble
    assert len(server.boxes["Done"].mails) == 100
    server.before, server.refused = {}, set()
    await house.look(server, folder)
    assert (folder.trouble, server.inbox.uids) == ("", [])
    assert len(server.boxes["Done"].mails) == 150


@pytest.mark.parametrize("told", [True, False])
async def test_a_flag_that_cannot_be_set_moves_nothing(house: House, server: Server, told: bool) -> None:
    """MOVE is not known, the server says OK to \\Deleted and forgets it, as it told or not: that is trouble, which ends
    with the right, on the same connection too."""
    server.capabilities, given = server.capabilities.replace("MOVE ", ""), server.lasting
    server.lasting = r"\Seen" if told else r"\Seen \Deleted "
    folder, nobody = house.folder(errand()), asyncio.Event()
    server.deliver(mail(1))
    server.before["UID STORE"] = lambda: setattr(server, "lasting", r"\Seen")
    async with house.mailbox(server) as mailbox:
        await folder.open(mailbox)
        for _ in range(3):
            await folder.look(mailbox, nobody)
            assert "deleted" in folder.trouble
        copies = server.boxes.get("Done", Box()).mails
        assert len(copies) == (0 if told else 1)
        server.lasting, server.before = given, {}
        await folder.look(mailbox, nobody)
    assert (folder.trouble, server.inbox.uids) == ("", [])
    assert len(server.boxes["Done"].mails) == 1


@pytest.mark.parametrize("command", ["UID STORE", "UID EXPUNGE"])
async def test_a_line_that_is_lost_after_the_copying_copies_nothing_anew(
    house: House, server: Server, command: str
) -> None:
    """MOVE is not known: the next look removes what was copied, and only that."""
    server.capabilities = server.capabilities.replace("MOVE ", "")
    folder = house.folder(errand())
    server.deliver(mail(1))
    server.before[command] = server.cut
    with pytest.raises(Unreachable):
        await house.look(server, folder)
    server.before = {}
    server.deliver(mail(2))
    await house.look(server, folder)
    await house.look(server, folder)
    assert (server.inbox.uids, folder.trouble) == ([], "")
    assert len(server.boxes["Done"].mails) == 2
    assert (await house.place()).tidied_uid == 2


async def test_without_uidplus_nothing_is_expunged(house: House, server: Server) -> None:
    """A plain EXPUNGE would remove what a person only marked."""
    server.capabilities = "IMAP4rev1"
    server.deliver(mail(1))
    folder = house.folder(errand())
    assert await house.look(server, folder) == 1
    assert await house.look(server, folder) == 0
    assert [m.flags for m in server.inbox.mails] == [{r"\Deleted"}]
    assert not any(said.endswith("EXPUNGE") for said in server.said)


async def test_a_folder_that_cannot_be_made_stops_no_mail(house: House, server: Server) -> None:
    """Mails are journaled; the trouble is told; once it is gone they are moved."""
    server.refused = {"UID MOVE", "CREATE"}
    server.deliver(mail(1))
    folder = house.folder(errand())
    assert await house.look(server, folder) == 1
    assert "not here" in folder.trouble
    server.deliver(mail(2))
    assert await house.look(server, folder) == 1
    server.refused = set()
    assert await house.look(server, folder) == 0
    assert folder.trouble == ""
    assert server.inbox.uids == []
    assert await house.tickets() == 2


async def test_older_mail_that_cannot_be_moved_is_journaled_once(house: House, server: Server) -> None:
    """The folder to move to is full: each look tries to move it, none reads it again, and the cause is the quota."""
    server.refused = {"UID MOVE", "CREATE"}
    server.deliver(mail(1))
    folder = house.folder(errand(backlog=Backlog.NEW))
    for _ in range(4):
        await house.look(server, folder)
    assert folder.trouble.startswith("UID MOVE")
    assert len(await house.settled()) == 1
    server.refused = set()
    await house.look(server, folder)
    assert server.inbox.uids == []


# --- the first connection ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backlog", "taken"), [(Backlog.NEW, [1, 3, 4]), (Backlog.ALL, [0, 1, 2, 3, 4]), (Backlog.NONE, [3, 4])]
)
async def test_the_backlog_decides_about_older_mail(
    house: House, server: Server, backlog: Backlog, taken: list[int]
) -> None:
    """What came before us: the unread ones, all, or none; what comes later always, read or not."""
    for n in range(3):
        server.inbox.add(mail(n), *([] if n == 1 else [r"\Seen"]))
    folder = house.folder(errand(after=After.LEAVE, backlog=backlog))
    await house.look(server, folder)
    server.inbox.add(mail(3), r"\Seen")
    server.inbox.add(mail(4))
    await house.look(server, folder)
    subjects = [f"<{n}.request@customer.example>" for n in taken]
    assert [f"<{row.message_id}>" for row in await house.settled()] == subjects


async def test_an_interrupted_first_look_goes_on_by_the_same_rule(house: House, server: Server) -> None:
    """A restart in the middle of the unread mails takes the rest of them, and not the read ones between."""
    for n in range(300):
        server.inbox.add(mail(n), *([r"\Seen"] if n % 3 == 0 else []))
    folder = house.folder(errand(after=After.LEAVE, backlog=Backlog.NEW))
    server.breaks_at[251] = 1
    with pytest.raises(Unreachable):
        await house.look(server, folder)
    await house.look(server, house.folder(errand(after=After.LEAVE, backlog=Backlog.NEW)))
    ids = {row.message_id for row in await house.settled()}
    assert ids == {f"{n}.request@customer.example" for n in range(300) if n % 3}


async def test_a_read_mail_marked_as_unread_later_is_not_moved_untaken(house: House, server: Server) -> None:
    """Tidying up looks for what was taken; what only looks like it now is journaled first."""
    server.inbox.add(mail(1), r"\Seen")
    server.inbox.add(mail(2))
    server.refused = {"UID MOVE", "CREATE"}
    folder = house.folder(errand(backlog=Backlog.NEW))
    await house.look(server, folder)
    server.inbox.mails[0].flags.clear()
    server.refused = set()
    await house.look(server, folder)
    moved = {m.raw for m in server.boxes["Done"].mails}
    journaled = {row.message_id for row in await house.settled()}
    assert moved == {mail(1), mail(2)}
    assert journaled == {"1.request@customer.example", "2.request@customer.example"}
    assert await house.tickets() == 2


# --- what goes wrong ---------------------------------------------------------------------------


async def test_a_crash_between_commit_and_place_makes_no_second_ticket(
    house: House, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail is read twice, and the flow recognises it."""

    async def crash(*_: object) -> None:
        raise StorageUnavailable("power cut")

    server.deliver(mail(1))
    with monkeypatch.context() as context:
        context.setattr(house.sources, "reached", crash)
        with pytest.raises(StorageUnavailable):
            await house.look(server, house.folder(errand()))
    assert server.inbox.uids == [1]
    assert await house.look(server, house.folder(errand())) == 1
    assert [row.reason for row in await house.settled()] == ["new-request", "duplicate"]
    assert await house.tickets() == 1
    assert server.inbox.uids == []


async def test_a_crash_between_place_and_move_is_made_good(house: House, server: Server) -> None:
    """What is journaled and still in the inbox is moved at the next look, without being read again."""
    server.deliver(mail(1))
    server.before["UID MOVE"] = server.cut
    with pytest.raises(Unreachable):
        await house.look(server, house.folder(errand()))
    server.before.clear()
    assert await house.look(server, house.folder(errand())) == 0
    assert server.inbox.uids == []
    assert len(await house.settled()) == 1


async def test_no_database_means_no_move(house: House, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a commit the mail stays where it is, unread and in its place."""

    async def down(*_: object) -> None:
        raise StorageUnavailable("the disk is away")

    server.deliver(mail(1))
    folder = house.folder(errand())
    with monkeypatch.context() as context:
        context.setattr(house.walk, "accept", down)
        with pytest.raises(StorageUnavailable):
            await house.look(server, folder)
    assert (await house.place()).uid == 0
    assert server.inbox.mails[0].flags == set()
    assert await house.look(server, folder) == 1


async def test_a_rebuilt_folder_makes_no_duplicates(house: House, server: Server) -> None:
    """UIDVALIDITY changed: what is known is recognised, what came meanwhile is taken, old mail is left alone."""
    server.inbox.add(mail(0), r"\Seen").arrived -= timedelta(days=400)
    folder = house.folder(errand(after=After.LEAVE, backlog=Backlog.NEW))
    for n in range(1, 4):
        server.deliver(mail(n))
    await house.look(server, folder)
    server.inbox.rebuild()
    server.inbox.add(mail(4))
    server.inbox.mails[0].flags.clear()
    await house.look(server, folder)
    assert await house.tickets() == 4
    assert {row.reason for row in await house.settled()} == {"new-request", "duplicate"}
    assert (await house.place()).uidvalidity == 8
    assert await house.look(server, folder) == 0


async def test_uids_that_are_given_out_again_are_read_again(house: House, server: Server) -> None:
    """A backup was put over the folder: UIDVALIDITY is the same, and new mails get UIDs we have seen already."""
    folder = house.folder(errand())
    server.deliver(mail(0))
    await house.look(server, folder)
    backup = server.inbox.uidnext
    for n in range(1, 5):
        server.deliver(mail(n))
    await house.look(server, folder)
    server.inbox.uidnext = backup
    server.deliver(mail(5))
    server.deliver(mail(6))
    assert await house.look(server, folder) == 2
    assert await house.look(server, folder) == 0
    assert server.inbox.uids == []
    assert await house.tickets() == 7


async def test_another_folder_is_not_read_by_the_places_of_the_first(house: House, server: Server) -> None:
    """UIDs of one folder mean nothing in another, even where UIDVALIDITY is the same."""
    for n in range(5):
        server.deliver(mail(n))
    await house.look(server, house.folder(errand(after=After.LEAVE)))
    server.deliver(mail(9), "Sent")
    assert await house.look(server, house.folder(errand(after=After.LEAVE, folder="Sent"))) == 1


async def test_a_mail_that_vanishes_meanwhile_is_no_fault(house: House, server: Server) -> None:
    """Somebody deleted it between our search and our fetch."""
    for n in range(3):
        server.deliver(mail(n))

    def delete() -> None:
        if len(server.inbox.mails) == 3:
            del server.inbox.mails[1]

    server.before["UID FETCH"] = delete
    assert await house.look(server, house.folder(errand())) == 2
    assert await house.alarms() == []


async def test_a_mail_over_the_limit_stays_and_stops_nobody(house: House, server: Server, time: Clock) -> None:
    """It is written down, the operator hears of it once, and it is taken when the limit is raised."""
    server.deliver(mail(1))
    server.deliver(mail(2, ("z" * 70 + "\n") * 20_000))
    server.deliver(mail(3))
    folder = house.folder(errand())
    assert await house.look(server, folder) == 2
    assert server.inbox.uids == [2]
    (row,) = await house.sources.unfetched("imap:support@example.com")
    assert (row.uid, row.attempts) == (2, 1)
    assert "more than limits.max_message_bytes" in row.cause
    time.ahead += timedelta(days=1)
    assert await house.look(server, folder) == 0
    assert len(await house.alarms()) == 1
    house.take_up_to(4 * LARGEST)
    time.ahead += timedelta(days=1)
    assert await house.look(server, house.folder(errand(), 4 * LARGEST)) == 1
    assert await house.sources.unfetched("imap:support@example.com") == []
    assert server.inbox.uids == []
    assert "is taken now" in await told_last(house)
    assert await house.database.read(lambda tx: tx.alarms.open()) == []


async def test_a_mail_that_stayed_while_the_clock_was_ahead_is_tried_again(
    house: House, server: Server, time: Clock
) -> None:
    """It was put right meanwhile: nobody waits for the time of the last try to come."""
    server.deliver(mail(1))
    server.withheld = {1}
    folder = house.folder(errand())
    time.ahead = timedelta(days=300)
    await house.look(server, folder)
    server.withheld, time.ahead = set(), timedelta()
    assert await house.look(server, folder) == 1
    assert await house.tickets() == 1


async def test_a_folder_rebuilt_after_the_clock_was_ahead_is_read_again(
    house: House, server: Server, time: Clock
) -> None:
    """The last look was in a year to come by its own account: nothing that is there now would be new after it."""
    time.ahead = timedelta(days=300)
    folder = house.folder(errand(after=After.LEAVE))
    server.deliver(mail(1))
    await house.look(server, folder)
    time.ahead = timedelta()
    server.deliver(mail(2))
    server.inbox.rebuild()
    await house.look(server, house.folder(errand(after=After.LEAVE)))
    assert await house.tickets() == 2


async def test_a_failure_that_began_while_the_clock_was_ahead_is_told(house: House, time: Clock) -> None:
    """It was put right meanwhile: the alarm comes as long after that as after any other beginning."""
    time.ahead = timedelta(days=3)
    await house.sources.failed("imap:support@example.com", "no connection")
    for minutes in (0, 10, 20):
        time.ahead = timedelta(minutes=minutes)
        await house.sources.failed("imap:support@example.com", "no connection")
        await house.sources.check()
    assert len(await house.alarms()) == 1
    await house.sources.looked("imap:support@example.com", 0)
    time.ahead = timedelta(days=3)
    await house.sources.looked("imap:support@example.com", 0, "full")
    for minutes in (30, 40, 50):
        time.ahead = timedelta(minutes=minutes)
        await house.sources.looked("imap:support@example.com", 0, "full")
    assert len(await house.alarms()) == 3


async def test_a_mail_that_stayed_and_is_deleted_by_somebody_is_over(house: House, server: Server, time: Clock) -> None:
    """The operator, who heard of it, hears that it is gone."""
    server.deliver(mail(1, ("z" * 70 + "\n") * 20_000))
    folder = house.folder(errand())
    await house.look(server, folder)
    server.inbox.mails.clear()
    time.ahead += timedelta(days=1)
    await house.look(server, folder)
    assert "is not in its folder any more" in await told_last(house)
    assert len(await house.alarms()) == 2
    assert await house.database.read(lambda tx: tx.alarms.open()) == []


async def late_and_cannot_be_moved(house: House, server: Server, time: Clock) -> folder_module.Folder:
    """A mail that was left behind can be read a day later, and not be moved."""
    server.deliver(mail(1))
    server.withheld = {1}
    folder = house.folder(errand())
    await house.look(server, folder)
    server.withheld, server.refused = set(), {"UID MOVE", "CREATE"}
    time.ahead += timedelta(days=1)
    return folder


async def test_a_mail_that_is_taken_late_and_cannot_be_moved_is_moved_later(
    house: House, server: Server, time: Clock
) -> None:
    """The server refuses to move it, for a while: it is read once, and moved once that works."""
    folder = await late_and_cannot_be_moved(house, server, time)
    assert await house.look(server, folder) == 1
    assert "not here" in folder.trouble
    assert await house.look(server, folder) == 0
    server.refused = set()
    assert await house.look(server, folder) == 0
    assert server.inbox.uids == []
    assert [row.reason for row in await house.settled()] == ["new-request"]
    assert await house.sources.unfetched(errand().source) == []


async def test_a_mail_that_is_taken_late_and_moved_by_somebody_else_is_over(
    house: House, server: Server, time: Clock
) -> None:
    """The server refuses to move what is not there any more, and is not asked to."""
    folder = await late_and_cannot_be_moved(house, server, time)
    await house.look(server, folder)
    server.inbox.mails.clear()
    await house.look(server, folder)
    assert folder.trouble == ""
    assert await house.sources.unfetched(errand().source) == []


async def test_a_crash_before_a_mail_that_is_taken_late_is_moved_is_made_good(
    house: House, server: Server, time: Clock
) -> None:
    """The next start reads it again, recognises it, and moves it."""
    server.deliver(mail(1))
    server.withheld = {1}
    await house.look(server, house.folder(errand()))
    server.withheld = set()
    server.before["UID MOVE"] = server.cut
    time.ahead += timedelta(days=1)
    with pytest.raises(Unreachable):
        await house.look(server, house.folder(errand()))
    server.before.clear()
    await house.look(server, house.folder(errand()))
    assert server.inbox.uids == []
    assert await house.tickets() == 1


async def test_a_rebuilt_folder_ends_what_stayed_under_an_old_uid(house: House, server: Server) -> None:
    """Quietly: the mail still stays, under another UID, of which the operator hears."""
    server.deliver(mail(1, ("z" * 70 + "\n") * 20_000))
    folder = house.folder(errand())
    await house.look(server, folder)
    server.inbox.rebuild()
    await house.look(server, folder)
    (alarm,) = await house.database.read(lambda tx: tx.alarms.open())
    assert "UID 100" in alarm.text
    assert len(await house.alarms()) == 2


async def test_a_mail_the_server_does_not_give_out_stays_and_stops_nobody(
    house: House, server: Server, time: Clock
) -> None:
    """NO to one of a portion: the others are taken; this one is tried again until it works."""
    for n in range(5):
        server.deliver(mail(n))
    server.withheld = {3}
    folder = house.folder(errand())
    assert await house.look(server, folder) == 4
    assert server.inbox.uids == [3]
    assert len(await house.alarms()) == 1
    assert await house.look(server, folder) == 0
    server.withheld = set()
    time.ahead += timedelta(hours=2)
    assert await house.look(server, folder) == 1
    assert server.inbox.uids == []
    assert await house.tickets() == 5


async def test_a_server_that_gives_out_nothing_is_told_in_a_few_mails(
    house: House, server: Server, time: Clock
) -> None:
    """Its store is away: the operator gets no mail for each that waits, then or when they are taken; one that comes to
    stay hours later is told as ever."""
    folder = house.folder(errand())
    for n in range(40):
        server.deliver(mail(n))
    server.withheld = set(server.inbox.uids)
    await house.look(server, folder)
    assert len(await house.alarms()) == liveness.SINGLY + 1
    assert "Further ones are named in the log only" in await told_last(house)
    time.ahead = timedelta(hours=3)
    server.deliver(mail(40))
    server.withheld = set(server.inbox.uids)
    await house.look(server, folder)
    assert len(await house.alarms()) == liveness.SINGLY + 2
    server.withheld, time.ahead = set(), timedelta(hours=6)
    assert await house.look(server, folder) == 41
    assert len(await house.alarms()) == 2 * (liveness.SINGLY + 2)
    assert await house.database.read(lambda tx: tx.alarms.open()) == []
    assert await house.tickets() == 41


async def test_a_connection_lost_in_mid_fetch_costs_nothing(house: House, server: Server) -> None:
    """The rest is taken with the next connection, each mail once."""
    for n in range(5):
        server.deliver(mail(n))
    server.breaks_at[3] = 1
    folder = house.folder(errand())
    with pytest.raises(Unreachable):
        await house.look(server, folder)
    assert await house.look(server, folder) == 5
    assert [row.reason for row in await house.settled()] == ["new-request"] * 5


async def test_a_mail_that_breaks_every_connection_stops_nobody(house: House, server: Server, time: Clock) -> None:
    """After some tries it is left where it is, and tried again later."""
    for n in range(5):
        server.deliver(mail(n))
    server.breaks_at[3] = 1 + folder_module.TRIES
    folder = house.folder(errand())
    for _ in range(server.breaks_at[3]):
        with pytest.raises(Unreachable):
            await house.look(server, folder)
    assert await house.look(server, folder) == 2
    assert server.inbox.uids == [3]
    assert len(await house.alarms()) == 1
    time.ahead += timedelta(hours=2)
    assert await house.look(server, folder) == 1
    assert server.inbox.uids == []
    assert await house.tickets() == 5


async def test_a_mail_whose_size_breaks_every_connection_stops_nobody(
    house: House, server: Server, time: Clock
) -> None:
    """The server hangs up as soon as it is asked about it; the others are taken, and it is tried again later."""
    for n in range(5):
        server.deliver(mail(n))
    server.unweighable = {3}
    folder = house.folder(errand())
    for _ in range(1 + folder_module.TRIES):
        with pytest.raises(Unreachable):
            await house.look(server, folder)
    assert await house.look(server, folder) == 4
    assert server.inbox.uids == [3]
    assert len(await house.alarms()) == 1
    server.unweighable = set()
    time.ahead += timedelta(hours=2)
    assert await house.look(server, folder) == 1
    assert server.inbox.uids == []
    assert await house.tickets() == 5


async def test_stopping_ends_between_two_portions(house: House, server: Server) -> None:
    """What is in hand is finished; the rest waits in its folder."""
    for n in range(150):
        server.deliver(mail(n))
    folder, stopping = house.folder(errand()), asyncio.Event()
    server.before["UID MOVE"] = stopping.set
    async with house.mailbox(server) as mailbox:
        await folder.open(mailbox)
        assert await folder.look(mailbox, stopping) == 100
    assert len(server.inbox.mails) == 50


async def test_the_same_on_postgresql(postgresql_url: str, tmp_path: Path, policy: Policy, time: Clock) -> None:
    """Places, what stayed behind, and duplicates are kept by both databases."""
    database = Database(postgresql_url, tmp_path)
    house = House(database, policy, time)
    async with Server().running() as server:
        for n in range(4):
            server.deliver(mail(n))
        server.withheld = {2}
        folder = house.folder(errand(after=After.LEAVE))
        assert await house.look(server, folder) == 3
        server.withheld = set()
        server.inbox.rebuild()
        await house.look(server, folder)
        place = await house.place()
        assert replace(place, looked_at=None, mail_at=None).uidvalidity == 8
        assert await house.sources.unfetched("imap:support@example.com") == []
        assert await house.tickets() == 4
    await database.close()


async def look_and_tell(house: House, server: Server, folder: folder_module.Folder) -> None:
    """One look, and what the watch says of it."""
    async with house.mailbox(server) as mailbox:
        await folder.open(mailbox)
        taken = await folder.look(mailbox, asyncio.Event())
    await house.sources.looked(folder.source, taken, folder.trouble, tidied=folder.tidied)


async def told_last(house: House) -> str:
    """The newest mail to the operator, on one line."""
    newest = (await house.alarms())[0]
    raw = await house.database.read(lambda tx: tx.outbox.message(newest.id))
    return " ".join(raw.decode().split())

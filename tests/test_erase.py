"""After `contact erase` a search through every byte finds the person no more, and finds everybody else."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.cli import main
from gateway.clock import tickets
from gateway.core.decision import AgentView
from gateway.errors import ReplydeskError
from gateway.portal import acts
from storage import backup, raw
from storage.alarms import MAILS_HELD, UNCERTAIN
from storage.database import Database
from storage.erasure import compact
from storage.erasure.erase import erase, refuse
from storage.erasure.person import survey
from storage.reads import Wanted
from storage.tables import OUTBOX, metadata
from storage.tx import Tx
from tests.conftest import SECRET, Clock
from tests.room import ANNA, KARL, Room, room
from tests.site import Site, mail, running, until

ERIKA, NAME = "erika@customer.example", "Erika Müßig"
OURS = {"Example Support", "Anna Agent", "Bob Lead"}
NEEDLES = (
    ERIKA,
    "Müßig",
    "erika",
    "rotes Kästchen",
    "0049-30-5550123",
    "Geheimzeug",
    "lichtbild",
    "mail.erika.example",
    "weiß-blau gestreift",
)
"""Address, name, words, numbers, a file, a host."""


def decoded(data: bytes) -> str:
    """A mail's bytes and everything its parts decode to."""
    texts = [data.decode("utf-8", "replace")]
    for part in message_from_bytes(data, policy=email_policy.default).walk():
        texts += [str(v) for v in part.values()]
        if not part.is_multipart():
            texts.append((part.get_payload(decode=True) or b"").decode("utf-8", "replace"))  # type: ignore[union-attr]
    return "\n".join(texts)


def found(tx: Tx, *needles: str) -> set[str]:
    """table.column: needle, for every value, blobs unpacked and decoded, that still holds one."""
    finds = set()
    for table in metadata.sorted_tables:
        for row in tx.connection.execute(table.select()):
            for column, value in row._mapping.items():
                text = decoded(raw.decompress(value)) if isinstance(value, bytes) else str(value)
                finds |= {f"{table.name}.{column}: {n}" for n in needles if n.casefold() in text.casefold()}
    return finds


def in_files(folder: Path, *needles: str) -> set[str]:
    """File: needle, for every file below a folder that holds one in its bytes, plain or in base64."""
    finds = set()
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for needle in needles:
            forms = [needle.encode(), needle.encode("latin-1"), base64.b64encode(needle.encode())[:-4]]
            forms.append(json.dumps(needle)[1:-1].encode())
            if any(f.lower() in data.lower() for f in forms if len(f) > 4):
                finds.add(f"{path.name}: {needle}")
    return finds


async def story(r: Room) -> dict[str, int]:
    """Two tickets of Erika's own, one of Karl's she takes part in, one of Karl's alone."""
    own = await r.mail(
        ERIKA,
        "Mein rotes Kästchen ist weiß-blau gestreift, Telefon 0049-30-5550123.",
        name=NAME,
        subject="Geheimzeug",
        files=(("lichtbild.txt", "text/plain", b"lichtbild von mir" * 40),),
        html="<p>Mein rotes K&auml;stchen</p>",
        Message_ID="<1@mail.erika.example>",
    )
    await r.answer(own.ticket or 0, "Hallo Erika,\n\n> Mein rotes Kästchen\n\nbitte neu starten.\nAnna")
    other = await r.mail(ERIKA, "Noch ein rotes Kästchen", name=NAME, Message_ID="<2@mail.erika.example>")
    karls = await r.mail(
        KARL,
        "Our door is jammed.",
        name="Karl Kunde",
        subject="Door",
        files=(("door.txt", "text/plain", b"picture of a door"),),
    )
    shared = karls.ticket or 0
    await r.reply(
        ERIKA, shared, "Das rotes Kästchen klemmt auch, 0049-30-5550123", name=NAME, Message_ID="<3@mail.erika.example>"
    )
    await r.answer(shared, f"Hello Karl, hello Erika,\nwe call 0049-30-5550123.\n{ERIKA}", to_all="")
    await r.reply(
        KARL,
        shared,
        "The door opens now.\n\n> Das rotes Kästchen klemmt auch, 0049-30-5550123\n",
        name="Karl Kunde",
        files=(("note.txt", "text/plain", b"karls note"),),
    )
    alone = await r.mail(KARL, "Something else: a lamp.", name="Karl Kunde", subject="Lamp")
    await r.mail(ERIKA, "Bin im Urlaub, rotes Kästchen", name=NAME, reverse_path="", Auto_Submitted="auto-replied")
    await r.mail(KARL, f"As {NAME} told me, the lamp broke.", name="Karl Kunde", subject="Lamp again")
    await r.deliver()
    for number in (own.ticket, other.ticket, shared):
        await r.close(number or 0)
    await r.deliver()
    now = r.clock.now
    await r.write(lambda tx: r.desk.operator.alarm(tx, f"x:{ERIKA}", f"{ERIKA} opened 20 tickets", now))
    await r.deliver()
    assert await r.broken() == {}
    return {"own": own.ticket or 0, "other": other.ticket or 0, "shared": shared, "alone": alone.ticket or 0}


async def erased(r: Room, address: str = ERIKA, *, force: bool = False) -> dict[str, int]:
    def nothing(done: int, total: int) -> None:
        assert done <= total

    seen, _ = await r.read(lambda tx: survey(tx.connection, address, OURS, nothing))
    refuse(seen, force=force)
    done = await r.write(lambda tx: erase(tx, seen, OURS, address, r.clock.now, force=force))
    counts: dict[str, int] = done.counts
    return counts


async def test_nothing_is_left_of_the_person(database: Database, clock: Clock, tmp_path: Path) -> None:
    """No table, no blob: neither address nor name nor text; and the audit holds."""
    r = room(database, clock, tmp_path)
    numbers = await story(r)
    assert len(await r.read(lambda tx: found(tx, *NEEDLES))) > 20
    counts = await erased(r)
    assert await r.read(lambda tx: found(tx, *NEEDLES)) == set()
    assert await r.broken() == {}
    assert counts["tickets_deleted"] == 2
    assert counts["tickets_shared"] == 1
    assert counts["contacts"] == 1
    assert counts["attachments"] >= 1
    assert (await r.read(lambda tx: tx.contacts.find(ERIKA))) is None
    left = {t.number for t in await r.read(lambda tx: tx.reads.search(Wanted("closed")))}
    assert numbers["own"] not in left
    assert numbers["shared"] in left


async def test_everybody_else_stays(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Karl's tickets, texts and files, as far as they hold nothing of Erika."""
    r = room(database, clock, tmp_path)
    numbers = await story(r)
    before = await r.read(lambda tx: (tx.reads.get(numbers["alone"]), tx.reads.entries(numbers["alone"])))
    await erased(r)
    assert (await r.read(lambda tx: (tx.reads.get(numbers["alone"]), tx.reads.entries(numbers["alone"])))) == before
    shared = await r.read(lambda tx: tx.reads.get(numbers["shared"]))
    assert (shared.requester.address, shared.subject) == (KARL, "Door")
    entries = [e for e in await r.read(lambda tx: tx.reads.entries(numbers["shared"])) if e.kind.value != "event"]
    assert [e.body_text.strip() for e in entries] == [
        "Our door is jammed.",
        "[erased]",
        "Hello Karl, hello [erased],\nwe call [erased].\n[erased]",
        "The door opens now.",
    ]
    assert [e.author.address for e in entries] == [KARL, "", ANNA, KARL]
    assert entries[0].attachments[0].filename == "door.txt"
    assert await r.read(lambda tx: tx.outbox.file(entries[0].sha256))
    # Karl's second mail quotes Erika: its bytes are gone, its text is not.
    assert await r.read(lambda tx: tx.outbox.file(entries[3].sha256)) is None
    texts = await r.read(
        lambda tx: [e.body_text for t in tx.reads.search(Wanted(text="lamp broke")) for e in tx.reads.entries(t.number)]
    )
    assert any("As [erased] told me, the lamp broke." in t for t in texts)


async def test_what_agents_and_others_said_on_a_shared_ticket(database: Database, clock: Clock, tmp_path: Path) -> None:
    """A single name goes also from the note of what is put aside, from orders and from ratings; nobody's request is
    given back to who is gone."""
    r = room(database, clock, tmp_path)
    number = (await r.mail(ERIKA, "It burns.", name=NAME, subject="Fire", Cc=KARL)).ticket or 0
    await r.reply(KARL, number, "In my room, too.", name="Karl Kunde")
    await r.answer(number, f"#requester {KARL}")
    await r.answer(number, "#snooze 3 days\n#note\nAsk the neighbours.")
    await r.answer(number, "#snooze 3 days Erika calls")
    await r.write(lambda tx: tx.ratings.ask(number, "two", clock.now))
    before = await r.read(lambda tx: tx.ratings.find(number))
    await r.write(lambda tx: tx.ratings.rate(before, 5, "Erika was quicker.", told=False, now=clock.now))
    await r.deliver()
    await erased(r, force=True)
    assert await r.read(lambda tx: found(tx, "erika")) == set()
    ticket = await r.read(lambda tx: tx.reads.get(number))
    rated = await r.read(lambda tx: tx.ratings.find(number))
    assert (ticket.snooze_note, rated.comment) == ("[erased] calls", "[erased] was quicker.")
    for _ in range(3):
        await r.answer(number, "#undo")
    assert (await r.read(lambda tx: tx.reads.get(number))).requester.address == KARL
    assert await r.read(lambda tx: tx.contacts.find("[erased]")) is None
    assert await r.broken() == {}


@pytest.mark.parametrize(("gone", "left"), [(ERIKA, ""), (KARL, "Too slow, you sleepyheads.")])
async def test_a_rating_goes_with_whoever_gave_it(
    database: Database, clock: Clock, tmp_path: Path, gone: str, left: str
) -> None:
    """Also where the ticket was handed on since; whose it is now loses nothing of the other's."""
    r = room(database, clock, tmp_path, rating={"after_hours": 24, "scale": "five"})
    number = (await r.mail(ERIKA, "It burns.", name=NAME, subject="Fire", Cc=KARL)).ticket or 0
    await r.reply(KARL, number, "In my room, too.", name="Karl Kunde")
    await r.close(number)
    clock.forward(hours=25)
    await tickets.ask_for_ratings(r.site)
    await r.deliver()
    asked = await r.read(lambda tx: tx.ratings.find(number))
    said = "Too slow, you sleepyheads."
    await r.write(lambda tx: acts.rate(r.desk, tx, asked, 2, said, clock.now))
    await r.answer(number, f"#reopen\n#requester {KARL}")
    await r.close(number)
    await r.deliver()
    await erased(r, gone)
    assert (await r.read(lambda tx: tx.ratings.find(number))).comment == left
    assert await r.broken() == {}


@pytest.mark.parametrize(("card_of", "anew"), [("shared", True), ("own", False), ("alone", False)])
async def test_cards_are_written_anew(
    database: Database, clock: Clock, tmp_path: Path, card_of: str, anew: bool
) -> None:
    """Those of tickets that stay still tell what was said; the board itself removes those of tickets that are gone."""
    r = room(database, clock, tmp_path)
    number, now = (await story(r))[card_of], clock.now
    card = {"entry": 0, "news": 0, "view": AgentView(), "now": now}
    await r.write(lambda tx: tx.board.remember("card@x", number, "v", **card))
    await erased(r)
    state = await r.read(lambda tx: tx.board.state())
    assert bool(state and state.rebuild) is anew


async def test_the_erased_may_write_again(database: Database, clock: Clock, tmp_path: Path) -> None:
    """As somebody we never heard of, also with a mail we had before."""
    r = room(database, clock, tmp_path)
    await story(r)
    await erased(r)
    row = await r.mail(ERIKA, "Guten Tag", name=NAME, Message_ID="<1@mail.erika.example>")
    assert row.reason == "new-request"
    assert await r.broken() == {}
    assert [o.notice for o in await r.outbox(recipient=ERIKA)] == ["request_received", "registration"]


async def test_a_tag_that_is_their_name(database: Database, clock: Clock, tmp_path: Path) -> None:
    """It goes, with what tells of it and the mail that ordered it; other tags stay."""
    r = room(database, clock, tmp_path)
    shared = (await r.mail(KARL, "Our door is jammed.", name="Karl Kunde", subject="Door")).ticket or 0
    await r.reply(ERIKA, shared, "Mine too.", name=NAME)
    await r.answer(shared, "#tag erika door müßig-doors")
    await r.close(shared)
    await r.deliver()
    await erased(r)
    assert await r.read(lambda tx: found(tx, "erika", "müßig")) == set()
    assert (await r.read(lambda tx: tx.reads.get(shared))).tags == ("door",)
    assert await r.broken() == {}


async def test_open_tickets_are_in_the_way(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Also those of others the person takes part in; with force they go as well."""
    r = room(database, clock, tmp_path)
    numbers = await story(r)
    await r.reply(KARL, numbers["shared"], "Jammed again.", name="Karl Kunde")
    await r.deliver()
    with pytest.raises(ReplydeskError, match=rf"open tickets: #{numbers['shared']}\. "):
        await erased(r)
    await erased(r, force=True)
    assert await r.read(lambda tx: found(tx, *NEEDLES)) == set()
    assert await r.broken() == {}


async def test_mail_that_waits_is_in_the_way(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Undecided mail of the person's own, and mail to others that names them; with force neither remains."""
    r = room(database, clock, tmp_path)
    numbers = await story(r)
    id = await r.journal(f"From: {ERIKA}\r\n\r\nrotes Kästchen\r\n".encode(), ERIKA)
    await r.write(lambda tx: tx.journal.hold(id, "fault", f"{ERIKA} broke it", clock.now))
    with pytest.raises(ReplydeskError, match=f"journal entry {id} of this person is not decided"):
        await erased(r)
    await r.write(lambda tx: tx.journal.drop(id, clock.now))
    await r.answer(numbers["shared"], "#reopen")
    await r.answer(numbers["shared"], "Hello Karl and Erika, it is done.\n")
    await r.answer(numbers["shared"], "#close")
    with pytest.raises(ReplydeskError, match="yet to be sent to others"):
        await erased(r)
    counts = await erased(r, force=True)
    assert counts["mails_to_others_not_sent"] >= 1
    assert await r.read(lambda tx: found(tx, *NEEDLES)) == set()
    assert await r.broken() == {}
    assert all(ERIKA not in decoded(data) for data in await r.deliver())


async def test_mail_of_others_is_never_lost_for_it(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Not even by force: what nobody has decided about stays until somebody does."""
    r = room(database, clock, tmp_path)
    await story(r)
    id = await r.journal(f"From: {KARL}\r\nSubject: x\r\n\r\nask {ERIKA}\r\n".encode(), KARL)
    with pytest.raises(ReplydeskError, match=f"journal entry {id} of somebody else"):
        await erased(r, force=True)
    assert (await r.read(lambda tx: tx.journal.load(id)))[0].state == "pending"


async def test_own_mail_that_waits_goes_by_force(database: Database, clock: Clock, tmp_path: Path) -> None:
    """It is settled as never decided about; the walk that comes for it finds nothing to do."""
    r = room(database, clock, tmp_path)
    await story(r)
    data = f"From: {NAME} <{ERIKA}>\r\nSubject: Geheimzeug\r\n\r\nrotes Kästchen\r\n".encode()
    id = await r.journal(data, ERIKA)
    counts = await erased(r, force=True)
    assert counts["mails_never_decided"] == 1
    row = await r.read(lambda tx: tx.journal.get(id))
    assert (row.state, row.reason, row.sha256) == ("settled", "dropped-by-erasure", "")
    read = r.desk.read(data, row.envelope)
    assert await r.write(lambda tx: r.desk.handle(tx, id, read, clock.now)) is None
    assert await r.broken() == {}


async def test_alarms_of_what_is_gone_are_over(database: Database, clock: Clock, tmp_path: Path) -> None:
    """No verb could end them: there is no entry left to retry or drop."""
    r = room(database, clock, tmp_path)
    await story(r)
    ids = [await r.journal(f"From: <{who}>\r\n\r\nx\r\n".encode(), who) for who in (ERIKA, KARL)]
    (doubtful, *_) = await r.outbox("request_received", ERIKA)
    (others, *_) = await r.outbox("request_received", KARL)

    def hold(tx: Tx) -> None:
        for id in ids:
            tx.journal.hold(id, "held", "a fault", clock.now)
            r.desk.operator.held(tx, id, "a fault", clock.now)
        for row in (doubtful, others):
            tx.connection.execute(OUTBOX.update().where(OUTBOX.c.id == row.id).values(state="uncertain", doubts=3))
            r.desk.operator.alarm(tx, f"{UNCERTAIN}{row.id}", "Perhaps delivered.", clock.now)

    await r.write(hold)
    await erased(r, force=True)
    standing = {alarm.key for alarm in await r.read(lambda tx: tx.alarms.open())}
    assert standing == {MAILS_HELD, f"{UNCERTAIN}{others.id}"}
    await erased(r, KARL, force=True)
    assert await r.read(lambda tx: tx.alarms.open()) == []


async def test_what_comes_in_meanwhile_is_found(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Between the survey and the erasing, mail goes on arriving."""
    r = room(database, clock, tmp_path)
    numbers = await story(r)
    seen, _ = await r.read(lambda tx: survey(tx.connection, ERIKA, OURS, lambda done, total: None))
    await r.mail(ERIKA, "rotes Kästchen", name=NAME, Auto_Submitted="auto-replied", subject="Abwesend")
    await r.mail(KARL, f"ask {ERIKA}", name="Karl Kunde", subject="x")
    await r.deliver()
    await r.write(lambda tx: erase(tx, seen, OURS, ERIKA, clock.now, force=False))
    assert await r.read(lambda tx: found(tx, *NEEDLES)) == set()
    assert await r.broken() == {}
    late = await r.read(lambda tx: survey(tx.connection, ERIKA, OURS, lambda done, total: None))
    assert late[0].empty
    assert numbers


async def test_no_mail_of_a_stranger_is_in_the_way(database: Database, clock: Clock, tmp_path: Path) -> None:
    """One with a page as a file, in which a sign has the number of 5,000 digits that Python does not read."""
    r = room(database, clock, tmp_path)
    await story(r)
    page = f"<p>&#{'9' * 5000};</p>".encode()
    await r.mail(KARL, "Please see the page.", name="Karl Kunde", files=(("page.html", "text/html", page),))
    await r.deliver()
    await erased(r)
    assert await r.read(lambda tx: found(tx, *NEEDLES)) == set()


async def test_a_name_others_bear_is_theirs(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Whoever calls themselves as somebody else, as we do, or by a common phrase, takes nothing from them."""
    r = room(database, clock, tmp_path, limits={"alike_mails": [], "automatic_mail": ["1000/1h"]})
    for n in range(25):
        row = await r.mail(f"someone{n}@customer.example", "Kind Regards", name="Some One", subject=f"s{n}")
        await r.close(row.ticket or 0)
    await r.deliver()
    mallory = "mallory@customer.example"
    for n, name in enumerate(("Some One", "Kind Regards", "Example Support", "Anna Agent")):
        row = await r.mail(mallory, "Kind Regards", name=name, subject=f"m{n}")
        await r.close(row.ticket or 0)
    await r.deliver()
    before = await r.read(lambda tx: [tx.journal.load(n)[1] for n in range(1, 51)])
    counts = await erased(r, mallory)
    assert await r.read(lambda tx: [tx.journal.load(n)[1] for n in range(1, 51)]) == before
    assert counts["texts_of_mails_to_others"] + counts.get("other_texts", 0) == 0
    assert await r.read(lambda tx: found(tx, mallory)) == set()
    assert await r.broken() == {}


async def test_a_draft_that_names_them_waits_no_more(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Its words are gone: who lets it go is told that it does not wait, and it is listed no more."""
    r = room(database, clock, tmp_path)
    await r.mail(ERIKA, "My box is loud.", name=NAME)
    number = (await r.mail(KARL, "The fridge is warm.", subject="Fridge")).ticket or 0
    named = await r.answer(number, f"Hello,\n{NAME} has this, too.\nBye\n#close")
    other = await r.answer(number, "Hello,\nclose the door.\nBye\n#close")
    await r.deliver()
    assert (await erased(r, force=True))["drafts_dropped"] == 1
    assert [d.id for d in await r.read(lambda tx: tx.drafts.waiting(clock.now))] == [other.id]
    await r.answer(number, f"#send {named.id}")
    assert b"does not wait any more" in b"".join(await r.deliver())
    assert await r.broken() == {}


async def test_a_list_that_writes_for_them_is_named(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Its address holds theirs, and is a contact of its own: it goes first."""
    r = room(database, clock, tmp_path)
    the_list = "bounce+erika=customer.example@lists.example"
    await r.mail(ERIKA, "My box is loud.", name=NAME)
    await r.mail(the_list, "What was new this week.")
    with pytest.raises(ReplydeskError, match=r"bounce\+erika=.*Erase that one first"):
        await erased(r, force=True)
    await erased(r, the_list, force=True)
    await erased(r, force=True)
    assert await r.read(lambda tx: found(tx, "erika")) == set()
    assert await r.broken() == {}


async def test_merged_tickets_stand_and_fall_together(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Two of one person go; one of somebody else's that was merged in keeps its part."""
    r = room(database, clock, tmp_path)
    first, second, third = [
        (await r.mail(a, f"text {n}", name=name, subject=f"s{n}")).ticket or 0
        for n, (a, name) in enumerate(((ERIKA, NAME), (ERIKA, NAME), (KARL, "Karl Kunde")))
    ]
    await r.answer(second, f"#merge {first}")
    await r.close(first)
    mine = (await r.mail(ERIKA, "rotes Kästchen", name=NAME, subject="s4")).ticket or 0
    await r.answer(third, f"#merge {mine}")
    await r.answer(third, "#send")
    await r.close(mine)
    await r.write(lambda tx: tx.ratings.ask(mine, "five", clock.now))
    asked = await r.read(lambda tx: tx.ratings.find(mine))
    await r.write(lambda tx: acts.rate(r.desk, tx, asked, 1, "rotes Kästchen, 0049-30-5550123", clock.now))
    await r.deliver()
    counts = await erased(r)
    assert (counts["tickets_deleted"], counts["tickets_shared"]) == (2, 1)
    entries = await r.read(lambda tx: tx.reads.entries(mine))
    assert {"text 2", "[erased]"} <= {e.body_text.strip() for e in entries}
    rated = await r.read(lambda tx: tx.ratings.find(mine))
    assert (rated.value, rated.comment) == (1, "")
    assert await r.read(lambda tx: found(tx, *NEEDLES)) == set()
    assert await r.broken() == {}


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
async def told(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[tuple[Room, list[str]]]:
    """The story on SQLite, and the words that begin each command there."""
    database = Database(sqlite_url, tmp_path)
    r = room(database, clock, tmp_path)
    words = shop(r, tmp_path, sqlite_url)
    await story(r)
    yield r, words
    await database.close()


def shop(r: Room, tmp_path: Path, url: str) -> list[str]:
    """The words that begin each command on this site."""
    file = tmp_path / "replydesk.toml"
    file.write_text(
        f"""\
[gateway]
database_url = "{url}"
[[mailboxes]]
address = "support@example.com"
name = "Example Support"
reply_address = "support+{{token}}@example.com"
[[agents]]
address = "{ANNA}"
name = "Anna Agent"
[send]
transport = "file"
""",
        "utf-8",
    )
    folder = tmp_path / "var"
    folder.mkdir(exist_ok=True)
    (folder / "secret").write_bytes(SECRET + b"\n")
    assert config.load(file).data_dir == folder
    return ["--config", str(file)]


async def test_the_command_erases_files_too(
    database_url: str, clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Database files, the log of them, a backup made after, the outgoing folder: not one byte of the person."""
    database = Database(database_url, tmp_path)
    r = room(database, clock, tmp_path)
    words = shop(r, tmp_path, database_url)
    await story(r)
    outgoing = tmp_path / "var" / "outgoing"
    outgoing.mkdir()
    for row in await r.outbox():
        data = await r.read(lambda tx, id=row.id: tx.outbox.message(id))
        (outgoing / f"x-{row.notice}-{row.recipient}-{row.id}.eml").write_bytes(data)
    written = len(list(outgoing.iterdir()))
    assert len(in_files(tmp_path / "var", *NEEDLES)) > 5
    kept = {
        p.name
        for p in outgoing.iterdir()
        if not any(n.casefold() in decoded(p.read_bytes()).casefold() for n in NEEDLES)
    }
    capsys.readouterr()
    assert main([*words, "contact", "erase", ERIKA, "--yes", "--json"]) == 0
    certificate = json.loads(capsys.readouterr().out)
    assert certificate["still_found"] == []
    assert certificate["counts"]["files"] == written - len(list(outgoing.iterdir())) > 0
    assert in_files(tmp_path / "var", *NEEDLES) == set()
    assert kept & {p.name for p in outgoing.iterdir()}
    if database.is_sqlite:
        assert certificate["complete"]
        assert (
            not (tmp_path / "var" / "replydesk.sqlite3-wal").exists()
            or not (tmp_path / "var" / "replydesk.sqlite3-wal").stat().st_size
        )
        assert main([*words, "backup", str(tmp_path / "var" / "backup")]) == 0
        assert in_files(tmp_path / "var", *NEEDLES) == set()
        assert backup.check(tmp_path / "var" / "backup").ok
    else:
        assert "VACUUM FULL" in certificate["to_do"]
    assert main([*words, "audit"]) == 0
    capsys.readouterr()
    assert main([*words, "contact", "erase", ERIKA, "--yes"]) == 1
    assert f"nothing is known of {ERIKA}" in capsys.readouterr().err
    await database.close()


async def test_a_copy_in_the_data_folder_is_named(
    told: tuple[Room, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older backup that lies there is not touched: the certificate says that it still names the person."""
    _, words = told
    assert main([*words, "backup", str(tmp_path / "var" / "older")]) == 0
    capsys.readouterr()
    assert main([*words, "contact", "erase", ERIKA, "--yes"]) == 1
    said = capsys.readouterr().out
    assert f"STILL FOUND in\n  {tmp_path / 'var' / 'older'}\n" in said
    assert "Tickets deleted" in said
    assert "backups made before now" in said


async def test_an_interrupted_erasure_is_finished_by_the_next(
    told: tuple[Room, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables are empty of the person, their old pages and the outgoing folder are not: no certificate yet."""
    r, words = told
    outgoing = tmp_path / "var" / "outgoing"
    outgoing.mkdir()
    (row, *_) = await r.outbox(recipient=ERIKA)
    (outgoing / "x.eml").write_bytes(await r.read(lambda tx: tx.outbox.message(row.id)))

    def power_cut(_: Database) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(compact, "overwrite", power_cut)
        assert main([*words, "contact", "erase", ERIKA, "--yes"]) == 1
    assert in_files(tmp_path / "var", *NEEDLES) != set()
    assert main([*words, "contact", "erase", ERIKA, "--yes"]) == 0
    assert "found nothing" in capsys.readouterr().out
    assert in_files(tmp_path / "var", *NEEDLES) == set()


async def test_overwriting_waits_for_who_writes(sqlite_url: str, tmp_path: Path) -> None:
    """A daemon that writes at that moment does not keep the erasure from its end."""
    database = Database(sqlite_url, tmp_path)
    other = sqlite3.connect(str(database.engine.url.database), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, other.execute, ("COMMIT",)).start()
    assert (await asyncio.to_thread(compact.overwrite, database)).done
    other.close()
    await database.close()


async def test_a_certificate_is_given_though_pages_could_not_be_overwritten(
    told: tuple[Room, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was deleted is counted once only: it says what is left to do, and the next run does that."""
    r, words = told
    monkeypatch.setattr(compact, "BUSY_SECONDS", 0)
    other = sqlite3.connect(str(r.site.database.engine.url.database), isolation_level=None, check_same_thread=False)

    def another_writes(_: Database) -> compact.Compacted:
        other.execute("BEGIN IMMEDIATE")
        found = overwrite(r.site.database)
        other.execute("COMMIT")
        return found

    overwrite = compact.overwrite
    with monkeypatch.context() as patch:
        patch.setattr(compact, "overwrite", another_writes)
        assert main([*words, "contact", "erase", ERIKA, "--yes"]) == 1
    said = capsys.readouterr().out
    assert "Certificate of erasure" in said
    assert "Free pages are not overwritten yet: database is locked." in said
    assert "say the same once more" in said
    other.close()
    assert main([*words, "contact", "erase", ERIKA, "--yes"]) == 1
    assert f"nothing is known of {ERIKA}" in capsys.readouterr().err
    assert in_files(tmp_path / "var", *NEEDLES) == set()


async def test_nobody_is_erased_by_accident(
    told: tuple[Room, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address must be typed again, or --yes be said; agents and mailboxes cannot be erased."""
    r, words = told
    before = await r.read(lambda tx: found(tx, *NEEDLES))
    for address, code, said in (
        (ERIKA, 2, "say --yes"),
        (ANNA, 1, "is not a customer"),
        ("support@example.com", 1, "is not a customer"),
        ("nobody@customer.example", 1, "nothing is known"),
        ("anonymous", 1, "is not a customer"),
    ):
        capsys.readouterr()
        assert main([*words, "contact", "erase", address, *(["--yes"] if code == 1 else [])]) == code
        assert said in capsys.readouterr().err

    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return "erika\n"

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert main([*words, "contact", "erase", ERIKA]) == 1
    assert "nothing was erased" in capsys.readouterr().err
    assert await r.read(lambda tx: found(tx, *NEEDLES)) == before
    monkeypatch.setattr(Terminal, "readline", lambda self: f" {ERIKA.upper()}\n")
    assert main([*words, "contact", "erase", ERIKA]) == 0
    assert await r.read(lambda tx: found(tx, *NEEDLES)) == set()


def test_while_the_daemon_runs(tmp_path: Path) -> None:
    """Mail in, mail out, closed, erased: the folder of a living daemon holds nothing of the person."""
    site = Site(tmp_path)
    with running(site):
        for n in range(3):
            site.send(mail(f"Geheimzeug {n}", "rotes Kästchen", f"{NAME} <{ERIKA}>"), ERIKA)
            site.send(mail(f"Lamp {n}", "a lamp", f"Karl Kunde <{KARL}>"), KARL)
        tickets = until(lambda: len(t := site.json("ticket", "list")) == 6 and t)
        mine = [str(t["number"]) for t in tickets if t["requester"]["address"] == ERIKA]
        refused = site.run("contact", "erase", ERIKA, "--yes")
        assert (refused.returncode, "open tickets" in refused.stderr) == (1, True)
        for number in mine:
            assert site.run("ticket", "close", number).returncode == 0
        until(lambda: all(row["state"] == "sent" for row in site.json("outbox", "list")))
        done = site.run("contact", "erase", ERIKA, "--yes", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert in_files(tmp_path / "var", ERIKA, "Müßig", "rotes Kästchen", "Geheimzeug") == set()
        assert site.json("audit")["ok"]
        site.send(mail("Lamp 4", "another lamp", f"Karl Kunde <{KARL}>"), KARL)
        until(lambda: len(site.json("ticket", "list")) == 4)
    connection = sqlite3.connect(tmp_path / "var" / "replydesk.sqlite3")
    rows: list[Any] = connection.execute("SELECT address FROM contact").fetchall()
    connection.close()
    assert rows == [(KARL,)]

"""What an agent takes back: nobody who was told of it goes on believing in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path
from typing import Any

import pytest

from gateway.clock.tickets import ask_for_ratings
from gateway.core import sides, token
from gateway.portal import acts
from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, BASE, ERIKA, KARL, LEAD, Room
from tests.room import room as make_room

CARL = "carl@example.com"
TABLES: dict[str, Any] = {
    "agents": [*BASE["agents"], {"address": CARL, "name": "Carl Kern"}],
    "send": {"hold_minutes": 30},
}
BOXES = [
    *BASE["mailboxes"],
    {"address": "second@example.com", "name": "Second", "reply_address": "second+{token}@example.com"},
]


@pytest.fixture
async def room(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Room]:
    database = Database(sqlite_url, tmp_path)
    found = make_room(database, clock, tmp_path, **TABLES)
    await found.mail(ERIKA)
    yield found
    await database.close()


async def told(room: Room, agent: str, subject: str = "Taken back", notice: str = "agent_notice") -> list[str]:
    """The mails to an agent under this headline, as text, oldest first."""
    found = [await read(room, row.id) for row in await room.outbox(notice, agent)]
    return [text for headline, text in found if headline.startswith(subject)]


async def read(room: Room, id: int) -> tuple[str, str]:
    """Subject and text of a mail of ours."""
    mail = message_from_bytes(await room.read(lambda tx: tx.outbox.message(id)), policy=email_policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    return mail["Subject"], " ".join(body.get_content().split())


async def test_whoever_has_the_ticket_learns_that_the_answer_never_left(room: Room) -> None:
    """Bob was told that Anna had answered; it is his turn again, so he gets a notice to answer."""
    await room.answer(1, "#take", LEAD)
    await room.answer(1, "Take the red one.")
    assert len(await told(room, LEAD, "Answered by a colleague")) == 1
    await room.answer(1, "#undo")
    (notice,) = await told(room, LEAD)
    assert "Anna Agent took back: the answer. ! Recalled before it was sent." in notice
    assert "Reply to this e-mail to answer" in notice
    assert (await told(room, CARL), await told(room, ANNA)) == ([], [])


async def test_whoever_got_the_ticket_since_learns_it_too(room: Room) -> None:
    """The conversation Carl was given with it shows the answer as one that was sent; Bob only reads that it was not."""
    await room.answer(1, "#take", LEAD)
    await room.answer(1, "Take the red one.")
    await room.answer(1, "#assign Carl", LEAD)
    receipt = (await room.outbox("agent_receipt", ANNA))[0]
    await room.answer(1, "#undo", In_Reply_To=f"<{receipt.message_id}>")
    (whole,), (line,) = await told(room, CARL), await told(room, LEAD)
    assert "The conversation so far" in whole
    assert "The conversation so far" not in line
    assert "Recalled before it was sent." in line


async def test_the_team_gets_back_what_the_answer_took(room: Room) -> None:
    """Nobody had it, and it was Anna's by answering: one mail each says both, and why."""
    await room.answer(1, "Take the red one.")
    await room.answer(1, "#undo")
    for agent in (LEAD, CARL):
        (notice,) = await told(room, agent, "Back with the team")
        assert "Recalled before it was sent." in notice
        assert await told(room, agent) == []


async def test_whoever_read_of_an_order_in_a_note_learns_it_too(room: Room) -> None:
    """A question to somebody outside, and a status that a note told of."""
    await room.answer(1, "#take", LEAD)
    await room.answer(1, "#ask sales@supplier.example\n\nHave you got one?")
    await room.answer(1, "#undo")
    assert "Recalled before it was sent." in (await told(room, LEAD))[0]
    await room.answer(1, "#note It is repaired.\n#close silent")
    await room.answer(1, "#undo")
    assert "took back: #close silent." in (await told(room, LEAD))[1]


async def test_what_nobody_was_told_of_is_taken_back_in_silence(room: Room) -> None:
    """Nobody else believes in it."""
    await room.answer(1, "#take", LEAD)
    await room.answer(1, "#tag pump")
    await room.answer(1, "#undo")
    assert await told(room, LEAD) == []


async def test_who_stood_in_is_told_too(room: Room) -> None:
    """Bob was away and Carl read his mail; Bob is back, it is his turn, and Carl must not think it is done."""
    await room.answer(1, "#take", LEAD)
    await room.answer(1, "#away to Carl", LEAD)
    await room.answer(1, "Take the red one.")
    assert len(await told(room, CARL, "Answered by a colleague")) == 1
    await room.answer(1, "#back", LEAD)
    await room.answer(1, "#undo")
    assert (len(await told(room, LEAD)), len(await told(room, CARL))) == (1, 1)


async def test_a_merge_taken_back_is_told_to_whoever_was_told_of_it(room: Room) -> None:
    """Bob has the one it went into, Carl the one that is on its own again: each gets a notice of theirs to answer."""
    await room.mail(KARL, "Mine burns too.", subject="Lamp")
    await room.answer(1, "#take", LEAD)
    await room.answer(2, "#take", CARL)
    await room.answer(2, "#merge 1")
    await room.answer(2, "#send")
    await room.reply(ERIKA, 1, "Well?")
    for agent in (LEAD, CARL):
        assert len(await told(room, agent, "Merged")) == 1
    await room.answer(1, "#undo")
    (bobs,), (carls,) = await told(room, LEAD), await told(room, CARL)
    assert ("RD-1-" in bobs, "RD-2-" in bobs, "RD-1-" in carls, "RD-2-" in carls) == (True, False, False, True)
    for notice in (bobs, carls):
        assert "Anna Agent took back: #merge 1." in notice
        assert "Reply to this e-mail to answer" in notice
    assert "Mine burns too." in carls


async def test_so_are_a_mail_that_was_moved_and_one_that_was_split_off(room: Room) -> None:
    """Bob has the ticket it came from: he reads of that one that the mail is his again."""
    await room.answer(1, "#take", LEAD)
    await room.reply(ERIKA, 1, "And the lamp.")
    notice = (await room.outbox("agent_notice", LEAD))[-1]
    for number, order in ((2, "#split"), (3, "#move 3")):
        await room.answer(1, order, In_Reply_To=f"<{notice.message_id}>")
        receipt = (await room.outbox("agent_receipt", ANNA))[-1]
        await room.answer(number, "#undo", In_Reply_To=f"<{receipt.message_id}>")
        said = (await told(room, LEAD))[-1]
        assert f"Anna Agent took back: {order}." in said
        assert "RD-1-" in said
        assert "And the lamp." in said
        await room.mail(KARL)


@pytest.mark.parametrize("order", ["Take the red one.", "#reopen"])
async def test_what_its_customer_had_closed_is_closed_by_them_again(room: Room, order: str) -> None:
    """The review names what customers closed on their own."""
    await room.write(lambda tx: acts.close_by_link(room.desk, tx, 1, room.clock.now))
    await room.answer(1, order)
    await room.answer(1, "#undo")
    ticket = await room.read(lambda tx: tx.reads.get(1))
    assert (ticket.status.value, ticket.closed_by) == ("closed", "requester")


@pytest.mark.parametrize("order", ["#cc", "#requester"])
async def test_a_stranger_who_was_let_in_is_one_again(room: Room, order: str) -> None:
    """Karl wrote with a mark of Erika's mail: he gets no answer until one names him, which lets him in."""
    await room.reply(KARL, 1, "Mine burns, too.", name="Karl Kunz")
    before = (await room.read(lambda tx: tx.reads.get(1))).people
    assert [(p.address.key, p.confirmed) for p in before] == [(KARL, False)]
    await room.answer(1, f"{order} {KARL}")
    await room.answer(1, "#undo")
    assert (await room.read(lambda tx: tx.reads.get(1))).people == before
    await room.answer(1, "It is for Erika.")
    assert await room.outbox("reply", KARL) == []
    await room.answer(1, "Both get a new one.", Cc=KARL)
    assert (await room.read(lambda tx: tx.reads.get(1))).participants == (before[0].address,)


async def first_mail(room: Room, order: str = "") -> str:
    """Anna writes to Karl, who has not written; the receipt as text."""
    mark = token.address_token(room.desk.policy.keys, "a", token.NOTHING, ANNA)
    await room.mail(ANNA, f"#to {KARL}\n{order}\nYour lamp is ready.", subject="Lamp", to=f"support+{mark}@example.com")
    return (await told(room, ANNA, "Done", "agent_receipt"))[-1]


async def test_a_first_mail_that_waits_is_told_of_as_one_and_can_be_stopped(room: Room) -> None:
    """Nothing leaves, the ticket it opened is closed, and whoever was given it hears of that."""
    receipt = await first_mail(room, "#assign Carl\n")
    assert f"Goes to {KARL} in 30 minutes. Reply with #undo to stop it." in receipt
    assert receipt.count("#undo") == 1
    assert "Sent to" not in receipt
    assert (await room.answer(2, "#undo")).reason == "agent-undoes"
    assert [r.state for r in await room.outbox(recipient=KARL)] == ["recalled"]
    ticket = await room.read(lambda tx: tx.reads.get(2))
    assert (ticket.status.value, ticket.assignee, ticket.closed_by) == ("closed", CARL, "agent")
    (notice,) = await told(room, CARL)
    assert f"Anna Agent took back: #to {KARL}. ! Recalled before it was sent." in notice
    room.clock.forward(minutes=40)
    await room.deliver()
    assert [r.state for r in await room.outbox(recipient=KARL)] == ["recalled"]
    assert await room.broken() == {}


async def test_a_first_mail_that_left_is_not_called_back(room: Room) -> None:
    """It is too late, and the receipt says so; the ticket stays open."""
    await first_mail(room)
    room.clock.forward(minutes=40)
    await room.deliver()
    await room.answer(2, "#undo")
    assert [r.state for r in await room.outbox("reply", KARL)] == ["sent"]
    assert (await room.read(lambda tx: tx.reads.get(2))).status.value == "waiting_on_contact"
    (refused,) = await told(room, ANNA, "Nothing was done", "agent_receipt")
    assert f"It is too late: the mail to {KARL} has been sent." in refused


async def test_who_never_heard_of_a_ticket_is_not_asked_how_it_went(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    """Nothing of it left; of the ticket that was one, Erika is asked."""
    database = Database(sqlite_url, tmp_path)
    room = make_room(database, clock, tmp_path, **TABLES, rating={"after_hours": 24})
    await room.mail(ERIKA)
    await first_mail(room)
    await room.answer(2, "#undo")
    await room.close(1)
    clock.forward(hours=25)
    await ask_for_ratings(room.site)
    assert [r.recipient for r in await room.outbox("rating_request")] == [ERIKA]
    await database.close()


@pytest.mark.parametrize(("order", "status"), [("All are recalled.\n", "waiting_on_us"), ("#note Hm.", "new")])
async def test_who_was_answered_while_merged_is_not_new_again(room: Room, order: str, status: str) -> None:
    """Karl would read that we have received his request and will look at it soon, after an answer of ours."""
    await room.mail(KARL, "Mine burns too.", subject="Lamp")
    await room.answer(2, "#merge 1")
    await room.answer(2, "#send")
    merged = (await room.outbox("agent_receipt", ANNA))[-1]
    await room.answer(1, order, LEAD)
    await room.answer(1, "#send", LEAD)
    await room.answer(1, "#undo", In_Reply_To=f"<{merged.message_id}>")
    assert (await room.read(lambda tx: tx.reads.get(2))).status.value == status
    _, mail = await read(room, (await room.outbox("merged", KARL))[-1].id)
    assert ("will look at it soon" in mail) is (status == "new")


@pytest.mark.parametrize("order", ["#close", "#solved"])
async def test_an_answer_that_ends_a_ticket_stops_when_the_customer_writes_first(room: Room, order: str) -> None:
    """Erika would read of an end that is none any more; Bob has the ticket, Anna wrote it: both are told."""
    await room.answer(1, "#take", LEAD)
    await room.answer(1, f"{order}\nIt is repaired.")
    assert (await room.reply(ERIKA, 1, "Wait, the lamp too!")).reason == "reply-reopens"
    room.clock.forward(minutes=40)
    await room.deliver()
    waited = [r for r in await room.outbox(recipient=ERIKA) if r.notice in ("reply", "close_confirmation")]
    assert [r.state for r in waited] == ["recalled"]
    said = f"An answer of Anna Agent ({order}) still waited when this came, and was stopped."
    (bobs,), (annas,) = await told(room, LEAD, "Reopened"), await told(room, ANNA)
    assert said in bobs
    assert said in annas
    assert (await room.read(lambda tx: tx.reads.get(1))).status.value == "waiting_on_us"
    await room.answer(1, "#undo")
    assert "There is nothing of yours" in (await told(room, ANNA, "Nothing was done", "agent_receipt"))[-1]
    assert await room.broken() == {}


@pytest.mark.parametrize("text", ["Take the red one.", "#wait\nTake the red one."])
async def test_an_answer_that_ends_nothing_leaves_all_the_same(room: Room, text: str) -> None:
    """As one does that is written after the customer's mail."""
    await room.answer(1, text)
    await room.reply(ERIKA, 1, "It is the left one.")
    room.clock.forward(minutes=40)
    await room.deliver()
    assert [r.state for r in await room.outbox("reply", ERIKA)] == ["sent"]


async def test_an_answer_that_left_is_not_stopped(room: Room) -> None:
    """The mail that closed it is with Erika; what waits on the ticket besides stays as it is."""
    await room.answer(1, "#close\nIt is repaired.")
    room.clock.forward(minutes=40)
    await room.deliver()
    await room.reply(ERIKA, 1, "Wait, the lamp too!")
    assert "was stopped" not in (await told(room, ANNA, "Reopened"))[0]
    assert [r.state for r in await room.outbox("reply", ERIKA)] == ["sent"]


async def test_a_language_that_is_taken_back_is_not_the_customers(room: Room) -> None:
    """Neither on this ticket nor on the next."""
    await room.mail(ERIKA, "Well?")
    await room.answer(1, "#language fr")
    assert (await room.read(lambda tx: tx.contacts.find(ERIKA))).language == "fr"
    await room.answer(1, "#undo")
    assert (await room.read(lambda tx: tx.contacts.find(ERIKA))).language == ""
    await room.answer(1, "#close")
    row = (await room.outbox("closed", ERIKA))[-1]
    assert "Your request is closed." in (await room.read(lambda tx: tx.outbox.message(row.id))).decode()


@pytest.mark.parametrize("order", ["#unfollow", "#follow"])
async def test_who_followed_before_follows_again(room: Room, order: str) -> None:
    """Though it was ordered a second time."""
    await room.mail(ERIKA, "Well?")
    await room.answer(1, "#follow")
    await room.answer(1, order)
    await room.answer(1, "#undo")
    assert [a.address for a in (await room.read(lambda tx: tx.reads.get(1))).followers] == [ANNA]


async def test_a_split_that_is_taken_back_at_once_leaves_the_turn_as_it_was(room: Room) -> None:
    """What an agent had answered does not wait for us again; what nobody had answered does."""

    async def split_and_back(between: str) -> str:
        notice = next(r for r in await room.outbox("agent_notice", ANNA) if r.ticket == 1 and r.entry_id)
        await room.answer(1, "#split", In_Reply_To=f"<{notice.message_id}>")
        split = (await room.outbox("agent_receipt", ANNA))[-1]
        if between:
            await room.answer(1, between, LEAD)
        await room.answer(split.ticket or 0, "#undo", In_Reply_To=f"<{split.message_id}>")
        return str((await room.read(lambda tx: tx.reads.get(1))).status.value)

    await room.reply(ERIKA, 1, "And the cellar.")
    assert await split_and_back("") == "new"
    assert await split_and_back("We see to the rest.") == "waiting_on_us"
    await room.answer(1, "We see to all of it.")
    assert await split_and_back("") == "waiting_on_contact"


async def test_what_was_written_since_goes_back_with_a_split(room: Room) -> None:
    """It was left on a closed ticket. That of somebody else than the requester is read by agents alone there."""
    await room.mail(KARL, "The roof leaks.", subject="Roof")
    for number, author, alone in ((1, ERIKA, 0), (2, ERIKA, sides.NOBODY)):
        await room.reply(author, number, "And the cellar.")
        notice = [r for r in await room.outbox("agent_notice", ANNA) if r.ticket == number][-1]
        await room.answer(number, "#split", In_Reply_To=f"<{notice.message_id}>")
        split = (await room.outbox("agent_receipt", ANNA))[-1]
        await room.answer(number, "#close", LEAD)
        await room.reply(author, split.ticket or 0, "It is deep already.")
        await room.answer(split.ticket or 0, "#undo", In_Reply_To=f"<{split.message_id}>")
        ticket, entries = await room.read(lambda tx, n=number: (tx.reads.get(n), tx.reads.entries(n)))
        assert ticket.status.value == "waiting_on_us"
        assert [e.side for e in entries if e.body_text.strip() == "It is deep already."] == [alone]
        (notice,) = [r for r in await room.outbox("agent_notice", CARL) if r.ticket == number][-1:]
        assert "It is deep already." in (await read(room, notice.id))[1]
    assert await room.broken() == {}


@pytest.mark.parametrize("answered", [False, True])
async def test_what_was_written_since_goes_back_with_a_merge(room: Room, answered: bool) -> None:
    """It was left on the ticket of another customer, and Karl read that it is his turn."""
    await room.mail(KARL, "Mine burns too.", subject="Lamp")
    await room.answer(2, "#wait")
    await room.answer(2, "#merge 1")
    await room.answer(2, "#send")
    merged = (await room.outbox("agent_receipt", ANNA))[-1]
    await room.reply(KARL, 2, "It burns down!")
    if answered:
        await room.answer(1, "We come.", LEAD)
        await room.answer(1, "#send", LEAD)
    await room.answer(1, "#undo", In_Reply_To=f"<{merged.message_id}>")
    hers, his = await room.read(lambda tx: (tx.reads.entries(1), tx.reads.entries(2)))
    assert "It burns down!" not in " ".join(e.body_text for e in hers)
    assert [e.side for e in his if e.body_text.strip() == "It burns down!"] == [0]
    status = (await room.read(lambda tx: tx.reads.get(2))).status.value
    assert status == ("waiting_on_contact" if answered else "waiting_on_us")
    assert await room.broken() == {}


STATUSES = [{"name": n, "counts_as": "waiting_on_contact"} for n in ("Vendor", "Parts")]
ORDERS = [
    "#close",
    "#status Parts",
    "#take",
    "#tag a",
    "#language de",
    "#snooze 3d",
    "#spam",
    "#mailbox second@example.com",
]


@pytest.mark.parametrize("order", [*ORDERS, "#close\nIt is repaired.", "#tag a b\n#untag x\n#snooze off"])
async def test_all_is_as_before(sqlite_url: str, clock: Clock, tmp_path: Path, order: str) -> None:
    """Also what the order changed without naming it: the site's own status, and that it was put aside."""
    desk = make_room(Database(sqlite_url, tmp_path), clock, tmp_path, **TABLES, statuses=STATUSES, mailboxes=BOXES)
    await desk.mail(ERIKA)
    await desk.answer(1, "#status Vendor\n#tag x\n#snooze 5d Ask them")
    before = await desk.read(lambda tx: tx.reads.get(1))
    await desk.answer(1, order)
    await desk.answer(1, "#undo")
    after = await desk.read(lambda tx: tx.reads.get(1))
    times = {"last_activity_at": None, "status_at": None}
    assert replace(after, **times) == replace(before, **times)
    await desk.database.close()


OTHERS = [
    ("#tag b", lambda t: t.tags == ("b",)),
    ("#language fr", lambda t: t.language == "fr"),
    ("#snooze 5d", lambda t: t.snoozed_until is not None),
    ("#spam", lambda t: t.spam),
    ("#status Vendor", lambda t: t.sub_status == "Vendor"),
]


@pytest.mark.parametrize("order", [o for o in ORDERS if o not in ("#close", "#spam")])
async def test_what_others_ordered_since_stays(sqlite_url: str, clock: Clock, tmp_path: Path, order: str) -> None:
    """An older receipt is answered: it is that order that is taken back, and nothing else."""
    desk = make_room(Database(sqlite_url, tmp_path), clock, tmp_path, **TABLES, statuses=STATUSES, mailboxes=BOXES)
    for number, (other, holds) in enumerate(OTHERS, 1):
        await desk.mail(ERIKA, f"Matter {number}, {'so ' * number}", subject=f"Matter {number}")
        await desk.answer(number, order)
        receipt = (await desk.outbox("agent_receipt", ANNA))[-1]
        await desk.answer(number, other, LEAD)
        await desk.answer(number, "#undo", In_Reply_To=f"<{receipt.message_id}>")
        assert holds(await desk.read(lambda tx, n=number: tx.reads.get(n))), other
    await desk.database.close()


async def test_whose_mail_goes_back_reads_where_it_goes_on(room: Room) -> None:
    """Erika had the reference of the new ticket; she read that the request is finished."""
    await room.reply(ERIKA, 1, "And the cellar.")
    notice = (await room.outbox("agent_notice", ANNA))[-1]
    await room.answer(1, "#split", In_Reply_To=f"<{notice.message_id}>")
    await room.deliver()
    await room.answer(2, "#undo")
    assert await room.outbox("status_changed", ERIKA) == []
    subject, text = await read(room, (await room.outbox("merged", ERIKA))[-1].id)
    one, two = await room.read(lambda tx: [room.desk.policy.reference(tx.reads.get(n)) for n in (1, 2)])
    assert f"Your request {two} goes on under the reference {one}." in text
    assert one in subject


@pytest.mark.parametrize("wrote", [False, True])
async def test_what_was_put_aside_before_it_was_merged_is_so_again(room: Room, wrote: bool) -> None:
    """Unless its customer wrote meanwhile: that is why it would have come back."""
    await room.mail(KARL, "Mine.", subject="Other")
    await room.answer(2, "#snooze 3d Look again.")
    before = await room.read(lambda tx: tx.reads.get(2))
    await room.answer(2, "#merge 1")
    await room.answer(2, "#send", In_Reply_To=f"<{(await room.outbox('agent_receipt', ANNA))[-1].message_id}>")
    if wrote:
        await room.reply(KARL, 2, "Wait, there is more.")
    await room.answer(1, "#undo")
    after = await room.read(lambda tx: tx.reads.get(2))
    assert (after.merged_into, after.snoozed_until) == (0, None if wrote else before.snoozed_until)
    assert after.snooze_note == ("" if wrote else "Look again.")
    assert await room.broken() == {}


@pytest.mark.parametrize(
    ("before", "order", "stays"),
    [
        ("#block", "#unblock", True),
        ("#block", "#block", True),
        ("#unblock", "#unblock", False),
        ("#unblock", "#block", False),
    ],
)
async def test_a_block_is_again_as_it_was(room: Room, before: str, order: str, stays: bool) -> None:
    """Whoever takes back `#block` or `#unblock` finds the sender as before it, also where it had changed nothing."""
    await room.answer(1, before, CARL)
    await room.answer(1, order)
    await room.answer(1, "#undo")
    assert [b.sender for b in await room.read(lambda tx: tx.blocks.all())] == ([ERIKA] if stays else [])
    assert (await room.mail(ERIKA, "And the second lamp?")).reason == ("sender-blocked" if stays else "new-request")


async def test_what_was_for_the_requester_alone_is_theirs_again(room: Room) -> None:
    """`#requester` hides it from the next one; taken back, its reader reads it again."""
    await room.answer(1, "#only\n\nYour PIN is 4711.")
    room.clock.forward(minutes=31)
    await room.deliver()
    await room.answer(1, f"#requester {KARL}")
    await room.answer(1, "#undo")
    ticket = await room.read(lambda tx: tx.reads.get(1))
    seen = sides.visible(ticket, ERIKA, await room.read(lambda tx: tx.reads.entries(1)))
    assert ticket.requester.key == ERIKA
    assert "Your PIN is 4711." in [e.body_text for e in seen]
    assert await room.broken() == {}


async def test_what_was_for_a_requester_who_is_none_any_more_stays_hidden(room: Room) -> None:
    """Words for the next one alone are not the former one's, when their order is taken back."""
    await room.answer(1, f"#requester {KARL}")
    await room.answer(1, "#only\n\nYour PIN is 4712.", LEAD)
    room.clock.forward(minutes=31)
    await room.deliver()
    await room.answer(1, "#undo")
    ticket = await room.read(lambda tx: tx.reads.get(1))
    seen = sides.visible(ticket, ERIKA, await room.read(lambda tx: tx.reads.entries(1)))
    assert ticket.requester.key == ERIKA
    assert "Your PIN is 4712." not in [e.body_text for e in seen]


async def test_who_had_a_request_gets_no_other_one_with_it(room: Room) -> None:
    """It was merged into another customer's since: that one stays theirs, with their words."""
    await room.mail("lee@elsewhere.example", "It glows.")
    await room.answer(1, "#only\nFor Erika alone.")
    await room.answer(1, f"#requester {KARL}")
    receipt = (await room.outbox("agent_receipt", ANNA))[-1]
    await room.answer(1, "#merge 2", agent=LEAD)
    asked = (await room.outbox("agent_receipt", LEAD))[-1]
    await room.mail(LEAD, "#send", In_Reply_To=f"<{asked.message_id}>")
    assert (await room.read(lambda tx: tx.reads.get(1))).merged_into == 2
    await room.mail(ANNA, "#undo", In_Reply_To=f"<{receipt.message_id}>")
    assert (await room.read(lambda tx: tx.reads.get(2))).requester.address == "lee@elsewhere.example"
    said = message_from_bytes(await room.read(lambda tx: tx.outbox.message(max(r.id for r in tx.outbox.recent()))))
    assert "#1 has been merged into #2 since" in said.as_string()

"""A customer whose request goes on in another customer's: what both ask and read, and what agents are told of it."""

from __future__ import annotations

from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.clock.tickets import tick_tickets
from gateway.core import token
from gateway.portal import pages
from storage.database import Database
from storage.reads import Wanted
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, KARL, Room, room


@pytest.fixture
async def desk(database: Database, clock: Clock, tmp_path: Path) -> Room:
    """Ticket 1 is Erika's, ticket 2 Karl's, which goes on in hers."""
    r = room(database, clock, tmp_path)
    await r.mail(ERIKA, "ERIKA-WORDS", subject="Pump of Erika")
    await r.mail(KARL, "KARL-WORDS", subject="Pump of Karl")
    await merged(r, 2, 1)
    return r


async def merged(r: Room, source: int, into: int) -> None:
    await r.answer(source, f"#merge {into}")
    await r.answer(source, "#send")


async def newest(r: Room, notice: str, to: str) -> str:
    """Subject and words of the newest such mail."""
    return await body(r, (await r.outbox(notice, to))[-1].id)


async def body(r: Room, id: int) -> str:
    m = message_from_bytes(await r.read(lambda tx: tx.outbox.message(id)), policy=email_policy.default)
    part = m.get_body(("plain",))
    return f"{m['Subject']}\n{part.get_content() if part else ''}"


async def listed(r: Room, who: str, wanted: str = "open") -> list[int]:
    """Numbers on the page of own tickets under a status."""
    found = await r.read(lambda tx: tx.reads.search(Wanted(wanted, requester=who, by_requester=True)))
    return sorted(t.number for t in found)


async def test_who_asks_for_the_status_reads_where_it_goes_on(desk: Room) -> None:
    """By the own reference and subject, with the state it has now; nothing of the other customer."""
    await desk.mail(KARL, "status", subject="status")
    told = await newest(desk, "ticket_list", KARL)
    assert "RD-2-" in told
    assert "Pump of Karl" in told
    for other in ("RD-1-", "Erika", "ERIKA", ERIKA):
        assert other not in told
    # He wrote after her.
    assert "09:32 UTC" in told
    await desk.answer(1, "A gasket is on its way.")
    await desk.mail(KARL, "status", subject="status")
    assert "Waiting on you" in await newest(desk, "ticket_list", KARL)
    await desk.mail(ERIKA, "status", subject="status")
    assert "RD-2-" not in await newest(desk, "ticket_list", ERIKA)


async def test_one_own_and_one_merged(desk: Room) -> None:
    """Both are open; what was merged into another request of the same customer is named once."""
    await desk.mail(KARL, "Another.", subject="Lamp of Karl")
    await desk.mail(KARL, "And another.", subject="Lamp of Karl, again")
    await desk.answer(4, "#merge 3")
    desk.clock.forward(days=1)
    await desk.mail(KARL, "status", subject="status")
    told = await newest(desk, "ticket_list", KARL)
    assert [n for n in (1, 2, 3, 4) if f"RD-{n}-" in told] == [2, 3]


async def test_closed_where_it_went_is_closed_for_both(desk: Room) -> None:
    """Nothing is open any more; a reply opens it again, for both."""
    await desk.answer(1, "#close")
    await desk.mail(KARL, "status", subject="status")
    assert "There is no open request" in await newest(desk, "ticket_list", KARL)
    assert (await listed(desk, KARL), await listed(desk, KARL, "closed")) == ([], [2])
    await desk.reply(KARL, 2, "Not yet.")
    assert (await listed(desk, KARL), await listed(desk, ERIKA)) == ([2], [1])


async def test_the_page_finds_it_under_the_state_it_shows(desk: Room) -> None:
    """Under each status the requests that bear it, and those that wait for their requester first."""
    await desk.mail(KARL, "Another.", subject="Lamp of Karl")
    await desk.answer(1, "A gasket is on its way.")
    assert (await listed(desk, KARL), await listed(desk, KARL, "waiting_on_contact")) == ([2, 3], [2])
    assert await listed(desk, KARL, "closed") == []
    mine = Wanted(requester=KARL, by_requester=True)
    assert [t.number for t in await desk.read(lambda tx: tx.reads.search(mine, order="waiting"))] == [2, 3]


async def test_who_was_taken_out_asks_in_vain(desk: Room) -> None:
    """A request that went into another one of the same customer, which is somebody else's now, is theirs no more."""
    await desk.mail(KARL, "Another.", subject="Lamp of Karl")
    await desk.mail(KARL, "And another.", subject="Lamp of Karl, again")
    await desk.answer(4, "#merge 3")
    await desk.answer(3, "#requester vera@south.example")
    assert await listed(desk, KARL) == [2]


async def test_agents_read_where_a_customers_request_goes_on(desk: Room) -> None:
    """In the look-up, and as another open request when the customer writes something new."""
    await desk.mail(ANNA, "#customer " + KARL, to=await own_address(desk))
    assert "Ticket 2 · → #1" in await newest(desk, "agent_receipt", ANNA)
    await desk.mail(KARL, "Something else.", subject="Lamp of Karl")
    assert "#2 Pump of Karl" in await newest(desk, "agent_notice", ANNA)


async def own_address(r: Room) -> str:
    """An agent's own address at the desk."""
    mark = token.address_token(r.desk.policy.keys, "a", token.NOTHING, ANNA)
    return f"support+{mark}@example.com"


async def page(r: Room, who: str, number: int) -> str:
    """What the page of a ticket shows them: texts and subjects."""
    contact = await r.read(lambda tx: tx.contacts.find(who))
    request: Any = SimpleNamespace(contact=contact, portal=SimpleNamespace(desk=r.desk), now=r.clock.now)
    found, entries, _ = await r.read(lambda tx: pages.conversation(request, tx, number, 0))
    return "\n".join((found.subject, *(e.new_text for e in entries)))


async def test_what_was_for_the_requester_alone_stays_theirs_where_it_goes_on(desk: Room) -> None:
    """Two requests of Karl become one: he reads it there, who takes part does not; and it comes back with `#undo`."""
    await desk.mail(KARL, "Another.", subject="Lamp of Karl")
    await desk.mail(KARL, "And another.", subject="Fuse of Karl", Cc="vera@south.example")
    await desk.answer(4, "#only\n\nFOR-KARL-ALONE")
    await merged(desk, 4, 3)
    assert "FOR-KARL-ALONE" in await page(desk, KARL, 3)
    await desk.answer(3, "To both.")
    await desk.answer(3, "#send")
    assert "FOR-KARL-ALONE" in await newest(desk, "reply", KARL)
    assert "FOR-KARL-ALONE" not in await newest(desk, "reply", "vera@south.example")
    await desk.answer(3, "#undo", In_Reply_To=await receipt_of(desk, "4"))
    assert "FOR-KARL-ALONE" in await page(desk, KARL, 4)
    await desk.answer(4, "#requester vera@south.example\n\nTo Vera.")
    await desk.answer(4, "#send")
    assert "FOR-KARL-ALONE" not in await newest(desk, "reply", "vera@south.example") + await page(
        desk, "vera@south.example", 4
    )


async def receipt_of(r: Room, source: str) -> str:
    """Message-ID of the receipt for merging a ticket."""
    for row in reversed(await r.outbox("agent_receipt", ANNA)):
        if f"#{source} " in await body(r, row.id) and "merged" in await body(r, row.id):
            return row.message_id
    raise LookupError(source)


async def test_such_an_answer_that_is_moved(desk: Room) -> None:
    """To another request of Karl it is his there, and his again when it is taken back; to one of Erika it is nobody's,
    also once that is moved back to what is hers by then."""
    await desk.mail(KARL, "Another.", subject="Lamp of Karl")
    await desk.mail(KARL, "And another.", subject="Fuse of Karl")
    await desk.mail(ERIKA, "Hers.", subject="Hose of Erika")
    await desk.answer(3, "#only\n\nFOR-KARL-ALONE")
    only = (await desk.outbox("reply", KARL))[-1].message_id
    await desk.answer(3, "#move 4", In_Reply_To=only)
    assert "FOR-KARL-ALONE" in await page(desk, KARL, 4)
    await desk.answer(4, "#undo")
    assert "FOR-KARL-ALONE" in await page(desk, KARL, 3)
    await desk.answer(3, "#move 5", In_Reply_To=only)
    assert "FOR-KARL-ALONE" in [e.new_text for e in await desk.read(lambda tx: tx.reads.entries(5))]
    assert "FOR-KARL-ALONE" not in await page(desk, ERIKA, 5)
    await desk.answer(3, f"#requester {ERIKA}")
    await desk.answer(5, "#move 3", In_Reply_To=only)
    assert "FOR-KARL-ALONE" in [e.new_text for e in await desk.read(lambda tx: tx.reads.entries(3))]
    assert "FOR-KARL-ALONE" not in await page(desk, ERIKA, 3)


async def test_whom_an_agent_brings_reads_what_the_agent_says(desk: Room) -> None:
    """`#cc` without a side waits and tells whose words there would be read; a reply names the other one."""
    await desk.answer(1, "#cc dan@west.example\n\nHello all.")
    held = await newest(desk, "agent_receipt", ANNA)
    assert f"dan@west.example would read what was written with {ERIKA} (#1), and nothing of {KARL} (#2)." in words(held)
    assert await desk.outbox("reply") == []
    receipt = (await desk.outbox("agent_receipt", ANNA))[-1]
    await desk.answer(1, "#cc dan@west.example #2", In_Reply_To=receipt.message_id)
    told = await newest(desk, "reply", "dan@west.example")
    assert "Hello all." in told
    assert "KARL-WORDS" in told
    for other in ("ERIKA", ERIKA, "Pump of Erika", "RD-1-"):
        assert other not in told
    done = words(await newest(desk, "agent_receipt", ANNA))
    assert f"dan@west.example reads from now on what was written with {KARL} (#2), and nothing of {ERIKA} (#1)." in done


async def test_let_go_they_are_on_the_tickets_own_side(desk: Room) -> None:
    """As the receipt said."""
    await desk.answer(1, "#cc dan@west.example\n\nHello all.")
    await desk.answer(1, "#send")
    told = await newest(desk, "reply", "dan@west.example")
    assert "ERIKA-WORDS" in told
    assert "KARL" not in told
    assert f"reads from now on what was written with {ERIKA} (#1)" in words(await newest(desk, "agent_receipt", ANNA))


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (
            "#cc dan@west.example #7",
            f"No customer of #7 takes part in this ticket. There are: {ERIKA} (#1); {KARL} (#2)",
        ),
        (f"#cc {KARL} #1", f"{KARL} takes part already, as #2: that stays so."),
        (f"#cc {ERIKA} #2", f"{ERIKA} takes part already, as #1: that stays so."),
    ],
)
async def test_a_side_there_is_not(desk: Room, order: str, said: str) -> None:
    """Nobody is brought, and no customer's side is changed."""
    await desk.answer(1, f"{order}\n\nHello.")
    assert said in words(await newest(desk, "agent_receipt", ANNA))
    assert await desk.outbox("reply") == []


async def test_a_new_requester_of_a_shared_ticket(desk: Room) -> None:
    """The receipt says whose words they read."""
    await desk.answer(1, "#requester dan@west.example")
    said = f"dan@west.example reads from now on what was written with {ERIKA} (#1), and nothing of {KARL} (#2)."
    assert said in words(await newest(desk, "agent_receipt", ANNA))


@pytest.mark.parametrize(
    "order", ["#requester dan@west.example", "#from dan@west.example", "#alias dan@west.example", "#block"]
)
async def test_an_order_about_the_requester_in_answer_to_another_customer(desk: Room, order: str) -> None:
    """It waits: the agent has Karl before them, and Dan would read Erika, count as her, or she would not be heard."""
    await desk.reply(KARL, 2, "Dan writes for me.")
    notice = (await desk.outbox("agent_notice", ANNA))[-1]
    await desk.answer(1, order, In_Reply_To=f"<{notice.message_id}>")
    said = f"You answered {KARL}, but {order.split()[0]} is about {ERIKA}, the requester of this ticket."
    assert said in words(await newest(desk, "agent_receipt", ANNA))
    assert (await desk.read(lambda tx: tx.reads.get(1))).requester.address == ERIKA
    assert (await desk.mail(ERIKA, "More.")).reason == "new-request"
    await desk.answer(1, "#send", In_Reply_To=f"<{(await desk.outbox('agent_receipt', ANNA))[-1].message_id}>")
    assert "Done" in await newest(desk, "agent_receipt", ANNA)


async def test_to_bring_somebody_needs_no_text(desk: Room) -> None:
    """They take part, the receipt and the history say so, and `#undo` takes it back."""
    await desk.mail(KARL, "Another.", subject="Lamp of Karl")
    await desk.answer(3, "#cc dan@west.example")
    assert "dan@west.example takes part now." in await newest(desk, "agent_receipt", ANNA)
    await desk.answer(3, "Hello.")
    await desk.answer(3, "#send")
    assert "Hello." in await newest(desk, "reply", "dan@west.example")
    await desk.answer(3, "#cc eve@west.example")
    await desk.answer(3, "#undo")
    people = (await desk.read(lambda tx: tx.reads.get(3))).participants
    assert [a.address for a in people] == ["dan@west.example"]


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("by_id", [True, False], ids=["receipt", "mark alone"])
@pytest.mark.parametrize("order", ["#only\n\nFOR-KARL-ALONE", "#block", "#requester sue@customer.example\n\nDear Sue"])
async def test_what_means_another_customer_by_a_mark_of_before_the_merge(desk: Room, order: str, by_id: bool) -> None:
    """A receipt about his ticket, or a notice answered by a program that names no id: it waits, and says whom it
    concerns. In answer to what is about hers it is done."""
    receipt = next(r for r in await desk.outbox("agent_receipt", ANNA) if r.ticket == 2)
    before = len(await desk.outbox())
    row = await desk.answer(2, order, In_Reply_To=f"<{receipt.message_id}>" if by_id else "")
    assert (row.reason, row.ticket) == ("agent-mail-held-back", 1)
    assert [(r.notice, r.recipient) for r in (await desk.outbox())[before:]] == [("agent_receipt", ANNA)]
    told = " ".join((await newest(desk, "agent_receipt", ANNA)).split())
    assert f"You answered {KARL}, " in told
    assert ERIKA in told
    assert (await desk.answer(1, order)).reason != "agent-mail-held-back"
    assert await desk.broken() == {}


ENDS = ("closed", "close_confirmation", "status_changed", "solved_reminder")


async def news(r: Room, to: str) -> list[str]:
    """What somebody was told of the status, oldest first."""
    return [row.notice for row in await r.outbox(recipient=to) if row.notice in ENDS]


@pytest.mark.parametrize(
    ("order", "erika", "karl"),
    [
        ("#close", "closed", "closed"),
        ("#solved", "close_confirmation", "status_changed"),
        ("#wait", "status_changed", "status_changed"),
        ("#only\n#close\n\nFor you.", "", "closed"),
        ("#only\n#solved\n\nFor you.", "close_confirmation", "status_changed"),
        ("#close silent", "", ""),
    ],
)
async def test_a_status_is_news_for_each_whose_request_it_is(desk: Room, order: str, erika: str, karl: str) -> None:
    """An agent's order ends both requests: each hears of the own one, and only hers may be closed by a link."""
    await desk.answer(1, order)
    assert (await news(desk, ERIKA), await news(desk, KARL)) == ([*filter(None, [erika])], [*filter(None, [karl])])
    assert (f"Told the new status: {KARL}" in await newest(desk, "agent_receipt", ANNA)) is bool(karl)
    if karl:
        told = await newest(desk, karl, KARL)
        assert "RD-2-" in told
        assert "/tickets/2" in told
        for other in ("RD-1-", "Erika", "ERIKA", ERIKA, "/tickets/1", "/close/", "For you"):
            assert other not in told


async def test_whoever_closes_the_request_closes_both(desk: Room) -> None:
    """By mail, as by a link or on the page: the other one hears that theirs is closed, and opens it by an answer."""
    await desk.reply(ERIKA, 1, "#close")
    assert (await news(desk, ERIKA), await news(desk, KARL)) == (["closed"], ["closed"])
    await desk.reply(KARL, 2, "Not yet.")
    assert await listed(desk, KARL) == [2]


async def test_what_time_ends_is_news_for_both(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Solved and closed because nobody answered."""
    r = room(database, clock, tmp_path, lifecycle=BY_TIME)
    await r.mail(ERIKA, "ERIKA-WORDS", subject="Pump of Erika")
    await r.mail(KARL, "KARL-WORDS", subject="Pump of Karl")
    await merged(r, 2, 1)
    await r.answer(1, "Does it still leak?")
    for _ in range(2):
        clock.forward(days=8)
        await tick_tickets(r.site)
    assert (await news(r, ERIKA), await news(r, KARL)) == (
        ["close_confirmation", "closed"],
        ["status_changed", "closed"],
    )


BY_TIME = {
    "waiting_remind_after_days": 0,
    "waiting_solved_after_days": 7,
    "remind_after_days": 0,
    "close_after_days": 7,
}


async def test_whoever_takes_part_in_the_merged_request_is_told_as_before(desk: Room) -> None:
    """Somebody in Cc asked nothing themselves: they get answers, and nothing of a status."""
    await desk.reply(KARL, 2, "Vera reads along.", also_to="vera@south.example")
    await desk.answer(1, "#close")
    assert (await news(desk, KARL), await news(desk, "vera@south.example")) == (["closed"], [])


@pytest.mark.parametrize(
    ("order", "state"), [("#wait", "waiting_on_contact"), ("#solved", "solved"), ("#reopen", "waiting_on_us")]
)
async def test_whoever_is_done_ends_nobody_elses_request(desk: Room, order: str, state: str) -> None:
    """`#close` of the other customer: it stays as it is, agents hear of it, and they how it is closed."""
    await desk.answer(1, order)
    before = len(await desk.outbox(recipient=ERIKA))
    row = await desk.reply(KARL, 2, "#close")
    assert row.reason == "closes-a-merged-request"
    assert (await desk.read(lambda tx: tx.reads.get(1))).status == state
    told = await newest(desk, "merged", KARL)
    assert "your request is done for you. It is closed together with the other one." in words(told)
    assert "RD-2-" in told
    for other in ("RD-1-", "Erika", "ERIKA", ERIKA, "/close/"):
        assert other not in told
    assert f"{KARL} asks to close it" in words(await newest(desk, "agent_notice", ANNA))
    assert len(await desk.outbox(recipient=ERIKA)) == before
    await desk.answer(1, "#close")
    assert await news(desk, KARL) == ["status_changed", "closed"]


async def test_whoever_is_done_with_what_is_closed(desk: Room) -> None:
    """Nothing is new, and nothing is opened again."""
    await desk.answer(1, "#close")
    count = len(await desk.outbox())
    await desk.reply(KARL, 2, "#close")
    assert len(await desk.outbox()) == count
    assert (await desk.read(lambda tx: tx.reads.get(1))).status == "closed"


async def test_each_is_written_to_in_the_own_language(database: Database, clock: Clock, tmp_path: Path) -> None:
    """The one their request is in, also where it goes on in one of another language."""
    r = room(database, clock, tmp_path, gateway={"operator": "root@example.com", "languages": ["en", "de"]})
    await r.mail(ERIKA, "It is wet below my pump. What am I to do about it?", subject="Pump of Erika")
    german = "Guten Tag, meine Pumpe ist undicht und ich weiß nicht, was ich tun soll. Bitte helfen Sie mir."
    await r.mail(KARL, german, subject="Pumpe von Karl")
    await merged(r, 2, 1)
    assert "wird zusammen mit einer anderen bearbeitet" in words(await newest(r, "merged", KARL))
    await r.answer(1, "#close")
    assert "Ihre Anfrage ist abgeschlossen" in words(await newest(r, "closed", KARL))
    assert "Your request is closed" in words(await newest(r, "closed", ERIKA))


async def test_nobody_is_asked_to_confirm_what_they_may_not(desk: Room) -> None:
    """Their answer would open it again: whoever is not asked reads that it is solved."""
    await desk.answer(1, "#solved\n\nThe gasket is in.")
    mine, theirs = await newest(desk, "close_confirmation", ERIKA), await newest(desk, "reply", KARL)
    assert "Status: Solved (please confirm)" in mine
    assert "Status: Solved\r\n" in theirs
    await desk.answer(1, "#reopen")
    await desk.answer(1, "#solved")
    told = words(await newest(desk, "status_changed", KARL))
    assert "We think your request is solved. If you would like to add anything" in told
    assert "confirm" not in told


async def test_the_list_and_the_page_ask_nobody_either(desk: Room) -> None:
    """They say the same as the mails, to either of them."""
    await desk.answer(1, "#solved")
    for who, asked in ((ERIKA, True), (KARL, False)):
        await desk.mail(who, "status", subject="status")
        assert ("please confirm" in await newest(desk, "ticket_list", who)) is asked
    policy = desk.desk.policy
    own = [await desk.read(lambda tx, n=n: tx.reads.as_known(tx.reads.get(n))) for n in (1, 2)]
    request: Any = SimpleNamespace(
        portal=SimpleNamespace(desk=desk.desk), words=SimpleNamespace(language="en"), reference=policy.reference
    )
    first, second = (pages._facts(request, ticket).status for ticket in own)
    assert (first.label, second.label) == ("Solved (please confirm)", "Solved")
    assert second.meaning == "We think your request is solved."


async def test_whoever_takes_part_is_not_asked_to_confirm(desk: Room) -> None:
    """Somebody in Cc reads with the answer that it is solved."""
    await desk.mail(KARL, "Another.", subject="Lamp of Karl", Cc="vera@south.example")
    await desk.answer(3, "#solved\n\nThe bulb is in.")
    assert "Status: Solved (please confirm)" in await newest(desk, "close_confirmation", KARL)
    assert "Status: Solved\r\n" in await newest(desk, "reply", "vera@south.example")


async def test_a_mail_with_nothing_to_do_asks_for_nothing(desk: Room) -> None:
    """Whoever is done reads no more that it is their turn, as the status of the whole would have it."""
    await desk.answer(1, "Does it still leak?")
    await desk.reply(KARL, 2, "#close")
    told = words(await newest(desk, "merged", KARL))
    assert "You do not need to do anything" in told
    assert "It is your turn" not in told

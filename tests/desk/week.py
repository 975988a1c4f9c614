"""A week of a team as a story: who does what, and what must be true of it in the end.

Everybody answers the very mails they got, with what they quote below; agents with a board also open its cards. Cases
run side by side: after each step of all of them mails leave, and the board is looked at.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter, OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from email.utils import parseaddr
from imaplib import IMAP4

from gateway.board.account import BoardAccount
from gateway.clock import tickets
from gateway.core.lifecycle import Status
from gateway.core.ticket import EntryKind, Role, Ticket
from storage.journal import JournalEntry
from storage.outbox import OutboxEntry, State
from tests.board.world import World
from tests.interop.dovecot import Dovecot
from tests.mails import delivery_report
from tests.room import Room

DAYS, MOST = 5, 8
AGENTS = [{"address": f"agent{n}@example.com", "name": f"Agent{n} Team", "lead": n == 0} for n in range(10)]
BOX = {
    "address": "support@example.com",
    "name": "Example Support",
    "reply_address": "support+{token}@example.com",
    "assign": "round_robin",
    "announce": "assignee",
}
SITE = {"agents": AGENTS, "mailboxes": [BOX], "gateway": {"operator": "root@example.com"}}
SUPPLIER = "parts@supplier.example"
ANSWERS = ("reply", "close_confirmation")
NOTHING_DONE = ("agent-mail-held-back", "agent-command-not-understood")


def everybody(customers: int) -> list[str]:
    """Whoever has an inbox."""
    return [*(str(a["address"]) for a in AGENTS), SUPPLIER, *(address(n) for n in range(customers))]


def address(n: int) -> str:
    """Of customer `n`."""
    return f"c{n}@firm{n}.example"


class Inboxes:
    """What each person got, oldest first; in this process."""

    def __init__(self) -> None:
        self._mails: dict[str, list[EmailMessage]] = defaultdict(list)

    def put(self, who: str, data: bytes) -> None:
        self._mails[who].append(opened(data))

    def find(self, who: str, message_id: str) -> EmailMessage:
        """The one mail of that id."""
        (mail,) = (m for m in self._mails[who] if m["Message-ID"] == f"<{message_id}>")
        return mail

    def all(self, who: str) -> list[EmailMessage]:
        return self._mails[who]

    def fill(self, who: str, mails: list[EmailMessage]) -> None:
        self._mails[who] = mails

    def read(self, people: Sequence[str]) -> Inboxes:
        """As they are in the end, to be looked through."""
        return self


class DovecotInboxes(Inboxes):
    """The same in accounts of a real server: mails come by LMTP and are read by IMAP."""

    LINES = 64
    """Kept open at once, enough for the people of a day: to sign in takes longer than to read."""

    def __init__(self, server: Dovecot) -> None:
        self._server = server
        self._door = ExitStack()
        self._deliver = self._door.enter_context(server.delivering())
        self._lines: OrderedDict[str, ExitStack] = OrderedDict()
        self._clients: dict[str, IMAP4] = {}

    def put(self, who: str, data: bytes) -> None:
        assert self._deliver(data, who).startswith("250"), who

    def find(self, who: str, message_id: str) -> EmailMessage:
        (mail,) = self._fetched(who, "HEADER", "Message-ID", f'"<{message_id}>"')
        return mail

    def _fetched(self, who: str, *keys: str) -> list[EmailMessage]:
        client = self._client(who)
        client.noop()
        uids = client.uid("SEARCH", *keys)[1][0].split()
        if not uids:
            return []
        parts = client.uid("FETCH", b",".join(uids).decode(), "(BODY.PEEK[])")[1]
        return [opened(part[1]) for part in parts if isinstance(part, tuple)]

    def _client(self, who: str) -> IMAP4:
        if who not in self._lines:
            self._lines[who] = ExitStack()
            self._clients[who] = self._lines[who].enter_context(self._server.client(user=who))
        self._lines.move_to_end(who)
        self._keep(self.LINES)
        return self._clients[who]

    def _keep(self, most: int) -> None:
        """Only the lines used last."""
        while len(self._lines) > most:
            who, line = self._lines.popitem(last=False)
            del self._clients[who]
            line.close()

    def read(self, people: Sequence[str]) -> Inboxes:
        found = Inboxes()
        for who in people:
            found.fill(who, self._fetched(who, "ALL"))
        self._keep(0)
        self._door.close()
        return found


def opened(data: bytes) -> EmailMessage:
    mail = message_from_bytes(data, policy=email_policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def words(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@dataclass
class Week:
    """The site, its people, and who wrote which words."""

    site: Room
    inboxes: Inboxes
    world: World | None = None
    account: BoardAccount | None = None
    """The board's, while it is looked at."""
    written: dict[str, int] = field(default_factory=dict)
    """Words of an answer → the customer it is for."""
    opened_twice: int = 0
    later: list[tuple[int, int]] = field(default_factory=list)
    """(customer, ticket) of what is put aside until tomorrow."""

    # --- words ----------------------------------------------------------------------------

    def unlike(self) -> str:
        """A word of its own for each mail: the same words again and again would look like a program's."""
        return "".join(chr(ord("a") + int(digit)) for digit in str(self.site.count))

    def answer(self, n: int) -> str:
        """Words nobody but customer `n` may read, and those once."""
        said = f"answer-{n}-{self.unlike()}"
        self.written[said] = n
        return said

    # --- people, by mail -------------------------------------------------------------------

    async def ask(self, n: int) -> int:
        """Customer `n` writes; the number of the ticket."""
        row = await self.site.mail(address(n), f"It burns: secret-{n}- {self.unlike()}", subject=f"Matter {n}")
        assert row.ticket is not None
        return row.ticket

    async def customer(self, n: int, number: int, text: str, **headers: str) -> None:
        """They answer what they got last about it."""
        newest = await self.newest(number, lambda row: row.recipient == address(n))
        row = await self.respond(newest, f"{text} secret-{n}- {self.unlike()}", **headers)
        assert row.ticket == number, (row.reason, row.why)

    async def agent(self, number: int, text: str, agent: str = "") -> None:
        """An agent answers the newest notice about it (0: about anything); without a name whoever got that."""
        newest = await self.newest(number, lambda row: row.notice == "agent_notice" and agent in ("", row.recipient))
        await self.carried_out(await self.respond(newest, text))

    async def carried_out(self, row: JournalEntry) -> None:
        if not row.reason.startswith("agent-") or row.reason in NOTHING_DONE:
            said = await self.site.read(lambda tx: tx.outbox.recent(limit=1))
            data = await self.site.read(lambda tx: tx.outbox.message(said[0].id))
            raise AssertionError(f"{row.reason}: {words(opened(data))}")

    async def newest(self, number: int, which: Callable[[OutboxEntry], bool]) -> OutboxEntry:
        rows = await self.site.read(lambda tx: tx.outbox.recent(State.SENT, ticket=number, limit=1000))
        return next(row for row in rows if which(row))

    async def respond(self, row: OutboxEntry, text: str, **headers: str) -> JournalEntry:
        return await self.write_below(row.recipient, self.inboxes.find(row.recipient, row.message_id), text, **headers)

    async def write_below(self, author: str, mail: EmailMessage, text: str, **headers: str) -> JournalEntry:
        """As a mail program answers: to where the mail wants it, above what it said."""
        self.site.clock.forward(seconds=1)
        to = parseaddr(str(mail["Reply-To"] or mail["From"]))[1]
        said = f"{text}\n\nOn Monday {mail['From']} wrote:\n\n" + textwrap.indent(words(mail), "> ", lambda _: True)
        ids = {"In_Reply_To": mail["Message-ID"], "References": f"{mail['References'] or ''} {mail['Message-ID']}"}
        return await self.site.mail(author, said, to=to, subject=f"Re: {mail['Subject']}", **{**ids, **headers})

    # --- people, on the board ---------------------------------------------------------------

    async def ticket(self, number: int) -> Ticket:
        found = await self.site.read(lambda tx: tx.reads.get(number))
        assert isinstance(found, Ticket)
        return found

    async def holder(self, number: int) -> str:
        return (await self.ticket(number)).assignee

    async def lies(self, number: int) -> str:
        """The folder of its card."""
        assert self.world is not None
        return await self.world.home(number)

    async def card(self, number: int) -> EmailMessage:
        assert self.world is not None
        return self.world.card(number, await self.lies(number))

    async def on_card(self, number: int, text: str, agent: str = "") -> None:
        """Whoever has the ticket opens its card and answers that."""
        author = agent or await self.holder(number)
        await self.carried_out(await self.write_below(author, await self.card(number), text))

    async def move(self, number: int, folder: str) -> None:
        assert self.world is not None
        self.world.move(number, await self.lies(number), folder)

    # --- time -------------------------------------------------------------------------------

    async def pass_time(self) -> None:
        """Mails leave and arrive, and the board is put right."""
        for data in await self.site.deliver():
            self.inboxes.put(parseaddr(str(opened(data)["To"]))[1], data)
        if self.world is not None and self.account is not None:
            await self.world.rest(self.account)

    async def morning(self) -> None:
        """What was put aside yesterday is back, and is closed."""
        await tickets.tick_tickets(self.site.site)
        await self.pass_time()
        back, self.later = self.later, []
        for n, number in back:
            text = f"#close\nLooked. {self.answer(n)}"
            await (self.on_card(number, text) if self.world and n % 2 else self.agent(number, text))
        await self.pass_time()

    async def play(self, customers: int, kinds: Sequence[Kind]) -> None:
        """Five days, each with its share of the customers."""
        for day in range(DAYS):
            if day == 1:
                await self.agent(0, "#away until 2026-12-24 to Agent4", "agent3@example.com")
            await self.morning()
            cases = [kinds[n // DAYS % len(kinds)](self, n, await self.ask(n)) for n in range(day, customers, DAYS)]
            while cases:
                await self.pass_time()
                cases = [case for case in cases if await anext(case, None)]
            await self.pass_time()
            tomorrow = self.site.clock.now.replace(hour=9, minute=0, second=0) + timedelta(days=1)
            assert tomorrow > self.site.clock.now
            self.site.clock.now = tomorrow
        await self.morning()


# --- kinds of cases: each `yield True` lets time pass -------------------------------------------

Steps = AsyncIterator[bool]
Kind = Callable[[Week, int, int], Steps]


async def plain(week: Week, n: int, number: int) -> Steps:
    await week.agent(number, f"Which one? {week.answer(n)}")
    yield True
    await week.customer(n, number, "The red one.")
    yield True
    await week.agent(number, f"#solved\nRepaired. {week.answer(n)}")
    yield True
    await week.customer(n, number, "Thank you!")
    yield True
    await week.agent(number, "#close silent")


async def absent(week: Week, n: int, number: int) -> Steps:
    """A customer's out-of-office mail changes nothing and is told to nobody."""
    await week.agent(number, f"Which one? {week.answer(n)}")
    yield True
    before = await week.site.read(lambda tx: len(tx.outbox.recent(limit=100_000)))
    await week.customer(n, number, "I am away.", Auto_Submitted="auto-replied")
    assert (await week.ticket(number)).status is Status.WAITING_ON_CONTACT
    assert await week.site.read(lambda tx: len(tx.outbox.recent(limit=100_000))) == before
    yield True
    await week.customer(n, number, "Back again: the red one.")
    yield True
    await week.agent(number, f"#close\nRepaired. {week.answer(n)}")


async def snoozed(week: Week, n: int, number: int) -> Steps:
    await week.agent(number, f"#snooze 1d inner-{n}-\nI look tomorrow. {week.answer(n)}")
    week.later.append((n, number))
    yield True


async def supplier(week: Week, n: int, number: int) -> Steps:
    """What answers a supplier's mail waits until the agent says that it is for the customer."""
    await week.agent(number, f"#ask {SUPPLIER}\nIs part asked-{n}- there?")
    yield True
    asked = await week.newest(number, lambda row: row.recipient == SUPPLIER)
    row = await week.respond(asked, f"Yes. inner-{n}- {week.unlike()}")
    assert row.ticket == number
    yield True
    told = await week.newest(number, lambda row: row.notice == "agent_notice")
    row = await week.respond(told, f"#close\nIt is there. {week.answer(n)}")
    assert row.reason == "agent-mail-held-back", (row.reason, row.why)
    yield True
    asks = await week.newest(number, lambda row: row.notice == "agent_receipt")
    row = await week.respond(asks, "#send")
    assert row.reason == "draft-sent", (row.reason, row.why)


async def twice(week: Week, n: int, number: int) -> Steps:
    """Whoever has both answers the receipt of the merging: above an older notice the answer would wait."""
    again = await week.ask(n)
    week.opened_twice += 1
    yield True
    await week.agent(again, f"#merge {number}")
    yield True
    holder = await week.holder(number)
    newest = await week.newest(number, lambda row: row.recipient == holder)
    await week.carried_out(await week.respond(newest, f"#close\nBoth are done. {week.answer(n)}"))


async def bounced(week: Week, n: int, number: int) -> Steps:
    await week.agent(number, f"Here it is. {week.answer(n)}")
    yield True
    sent = await week.newest(number, lambda row: row.notice == "reply")
    status = f"Reporting-MTA: dns; mx.firm{n}.example\n\nFinal-Recipient: rfc822; {address(n)}\n"
    status += "Action: failed\nStatus: 5.1.1\n"
    data = delivery_report(status, f"From: support@example.com\nMessage-ID: <{sent.message_id}>\n")
    await week.site.raw_mail(data.replace(b"dsn1@", b"dsn%d@" % n), "", sent.reverse_path or "support@example.com")
    assert (await week.ticket(number)).status is Status.WAITING_ON_US
    yield True
    await week.agent(number, "#close silent")


def colleague(holder: str) -> str:
    return f"agent{(int(re.sub(r'[^0-9]', '', holder)) + 5) % 10}@example.com"


async def given(week: Week, n: int, number: int) -> Steps:
    """Whoever has it now closes it, or who stands in for them."""
    holder = await week.holder(number)
    other = colleague(holder)
    await week.agent(number, f"#note\nNot mine, @{other}: inner-{n}-", holder)
    yield True
    await week.agent(number, f"#give {other}", holder)
    yield True
    await week.agent(number, f"#close\nDone by me. {week.answer(n)}")


async def carded(week: Week, n: int, number: int) -> Steps:
    """All of it on the board: answered, answered again, moved to Solved, and closed."""
    await week.on_card(number, f"Which one? {week.answer(n)}")
    yield True
    assert await week.lies(number) == "Waiting on customer"
    await week.customer(n, number, "The red one.")
    yield True
    await week.on_card(number, f"Repaired. {week.answer(n)}")
    yield True
    await week.move(number, "Solved")
    yield True
    await week.customer(n, number, "Thank you!")
    yield True
    await week.move(number, "Closed")
    yield True
    assert await week.lies(number) == "Closed"


async def put_aside(week: Week, n: int, number: int) -> Steps:
    await week.move(number, "Snoozed")
    week.later.append((n, number))
    yield True
    assert await week.lies(number) == "Snoozed"


async def handed(week: Week, n: int, number: int) -> Steps:
    other = colleague(await week.holder(number))
    (name,) = (str(a["name"]) for a in AGENTS if a["address"] == other)
    await week.move(number, name)
    yield True
    assert await week.holder(number) == other
    await week.on_card(number, f"#note\nMine now. inner-{n}-")
    yield True
    await week.on_card(number, f"#close\nDone by me. {week.answer(n)}")


async def raced(week: Week, n: int, number: int) -> Steps:
    """The customer writes while the card is moved: it is put right, and nothing is closed."""
    await week.agent(number, f"Which one? {week.answer(n)}")
    yield True
    place = await week.lies(number)
    await week.customer(n, number, "The red one.")
    assert week.world is not None
    week.world.move(number, place, "Closed")
    yield True
    assert (await week.ticket(number)).status is Status.WAITING_ON_US
    await week.on_card(number, f"#close\nRepaired. {week.answer(n)}")


async def clumsy(week: Week, n: int, number: int) -> Steps:
    """A card is deleted, and comes back."""
    assert week.world is not None
    week.world.delete(number, await week.lies(number), expunge=n % 2 == 0)
    yield True
    await week.on_card(number, f"#solved\nRepaired. {week.answer(n)}")
    yield True
    await week.move(number, "Closed")


async def overtaken(week: Week, n: int, number: int) -> Steps:
    """Two have the same card open: the second answer waits, and reaches nobody."""
    card, other = await week.card(number), colleague(await week.holder(number))
    await week.agent(number, f"Repaired. {week.answer(n)}")
    row = await week.write_below(other, card, f"It cannot be repaired. inner-{n}- {week.unlike()}")
    assert row.reason == "agent-mail-held-back", (row.reason, row.why)
    yield True
    await week.move(number, "Closed")


BY_MAIL: tuple[Kind, ...] = (plain, plain, plain, plain, snoozed, supplier, twice, bounced, given, absent)
ON_BOARD: tuple[Kind, ...] = (carded, carded, put_aside, handed, raced, clumsy, overtaken)


# --- what must be true in the end -----------------------------------------------------------------


async def ended_right(week: Week, customers: int) -> None:
    every: list[Ticket] = await week.site.read(lambda tx: tx.reads.search(limit=1000))
    assert len(every) == customers + week.opened_twice
    assert {t.status for t in every} == {Status.CLOSED}
    assert not [t.number for t in every if t.snoozed_until]
    assert sum(bool(t.merged_into) for t in every) == week.opened_twice
    assert {t.requester.address for t in every} == {address(n) for n in range(customers)}
    assert await week.site.broken() == {}


def few_mails(rows: Sequence[OutboxEntry]) -> None:
    """What a case costs the team."""
    costs = Counter(row.ticket for row in rows if row.audience == "agent" and row.ticket)
    assert max(costs.values()) <= MOST, costs.most_common(3)


async def answered_once(week: Week, rows: Sequence[OutboxEntry]) -> None:
    """Each answer stands on its ticket once, and one mail took it to the customer it was for."""
    said: dict[str, list[int]] = defaultdict(list)
    for number in range(1, len(week.written) * 2):
        for entry in await week.site.read(lambda tx, number=number: tx.reads.entries(number)):
            if entry.kind is EntryKind.CORRESPONDENCE and entry.role is Role.AGENT:
                for found in re.findall(r"answer-\d+-[a-z]+", entry.new_text):
                    said[found].append(entry.id)
    assert set(said) ^ set(week.written) == set()
    took = defaultdict(list)
    for row in rows:
        if row.notice in ANSWERS and row.entry_id:
            took[row.entry_id].append(row)
    for words_, entries in said.items():
        (entry,) = entries
        (row,) = took.pop(entry)
        assert row.recipient == address(week.written[words_])
        assert words_ in words(week.inboxes.find(row.recipient, row.message_id))
    assert [row.notice for rest in took.values() for row in rest if row.recipient != SUPPLIER] == []


def nothing_for_others(week: Week, people: Sequence[str]) -> None:
    """A customer reads own words and answers to them; a supplier what they were asked; inner words nobody outside."""
    for who in people:
        for mail in week.inboxes.all(who):
            text = f"{mail['Subject']}\n{mail.as_string()}\n{words(mail)}"
            if who.endswith("@example.com"):
                continue
            assert "inner-" not in text, (who, text)
            if who == SUPPLIER:
                assert "secret-" not in text
                assert "answer-" not in text
                continue
            assert "asked-" not in text
            own = who.partition("@")[0].removeprefix("c")
            assert {m[1] for m in re.finditer(r"(?:secret|answer)-(\d+)-", text)} <= {own}, (who, text)


def arrived(week: Week, people: Sequence[str], rows: Sequence[OutboxEntry]) -> dict[str, Counter[str]]:
    """What lies in each inbox, by its kind; nothing is missing and nothing is there twice."""
    kinds = {f"<{row.message_id}>": row.notice for row in rows}
    found = {}
    for who in people:
        ids = [str(mail["Message-ID"]) for mail in week.inboxes.all(who)]
        assert sorted(ids) == sorted(f"<{row.message_id}>" for row in rows if row.recipient == who), who
        found[who] = Counter(kinds[id] for id in ids)
    return found


def summary(inboxes: dict[str, Counter[str]]) -> str:
    """A line for each person of the house and the supplier, and one for all customers who got the same."""
    lines, alike = [], defaultdict(list)
    for who, found in inboxes.items():
        what = ", ".join(f"{count} {notice}" for notice, count in sorted(found.items()))
        if who.startswith("c"):
            alike[what].append(who.partition("@")[0])
        else:
            lines.append(f"{who}: {what}")
    for what, customers in sorted(alike.items()):
        lines += [
            f"{len(customers)} customers: {what}",
            textwrap.fill(" ".join(customers), 110, initial_indent="    ", subsequent_indent="    "),
        ]
    return "\n".join(lines) + "\n"


async def folders(world: World) -> str:
    """How many cards lie in each folder of the board, which is what the database says."""
    lying, wanted = world.there(), await world.wanted()
    assert {k: v for k, v in lying.items() if v} == {k: v for k, v in wanted.items() if v}
    return "".join(f"{folder}: {len(cards)} cards\n" for folder, cards in sorted(lying.items()))

"""Whatever customers, suppliers and agents do in whatever order, nobody reads a word that was not written for them.

Every text is a token with its audience: the people around one customer, those an agent asked, or agents alone. After
each step every mail that leaves, and in the end every page and export, is searched for tokens of others.
`REPLYDESK_EXAMPLES=500 REPLYDESK_SEED=7 pytest --timeout=0 tests/walks/test_audiences.py` tries more, and others, than
`make test` does.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import UTC, timedelta
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from gateway.cli.contact_export import export
from gateway.clock import tickets as clock
from gateway.core import board, commands, move_entries, passed_on, sides, thread, token
from gateway.core.commands import Order
from gateway.core.decision import Decision, EntryDraft, SamePerson
from gateway.core.lifecycle import Status
from gateway.core.orders import Answer, OrderContext, carry_out
from gateway.core.policy import Agent, Policy
from gateway.core.reason import Reason
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.flow import Desk
from gateway.mail.message import Address, Envelope
from gateway.mail.parse import parse
from gateway.portal import acts, pages
from gateway.render.mail import Templates
from gateway.send.enclose import enclosed_now
from gateway.send.settle import undelivered
from storage import raw
from storage.audit import audit
from storage.database import Database
from storage.erasure.erase import erase
from storage.erasure.person import survey
from storage.outbox import OutboxEntry
from storage.reads import Wanted
from storage.tx import Tx
from tests.conftest import NOW
from tests.core.build import POLICY

CUSTOMERS = ("ines@north.example", "uwe@south.example", "dan@west.example")
COLLEAGUES = {"ines@north.example": "olaf@north.example", "uwe@south.example": "vera@south.example"}
HOME = "ines@home.example"
"""Where a customer writes from as well, with what they got elsewhere."""
ADVISERS = ("sam@supplier.example", "pia@supplier.example")
AGENTS = ("anna@example.com", "bob@example.com")
OUTSIDE = (*CUSTOMERS, *COLLEAGUES.values(), HOME, *ADVISERS)
EVERYBODY = (*OUTSIDE, *AGENTS)
TOKEN = re.compile(r"tok\d+q")
TEMPLATES = Templates()
EXAMPLES = int(os.environ.get("REPLYDESK_EXAMPLES", "6"))
SEED = os.environ.get("REPLYDESK_SEED", "")
BOXES = ("support@example.com", "hilfe@example.de")
READY = {"hello": {"en": "Dear {customer}, about {reference}: {agent} is at it."}}
SITE = replace(POLICY, remind_after_days=3, close_after_days=7, waiting_remind_after_days=2, texts=READY)


def party(address: str) -> str:
    """Who may read what each other wrote: a customer with the colleagues they brought, the suppliers among them."""
    return address.rpartition("@")[2]


ACTS = {
    ("request", "ask", "advise", "send", "merge"): 2,
    ("reply", "answer"): 3,
    ("aside", "note", "move", "split", "undo", "backup", "restore"): 1,
    ("name", "shell", "manage"): 2,
    ("page", "days"): 1,
    ("alias", "home"): 1,
    ("text", "snooze", "board", "bounce", "block", "bring", "erase"): 1,
}
"""What somebody does, and how often beside the others."""
STEPS = st.tuples(
    st.sampled_from([act for acts, often in ACTS.items() for act in acts for _ in range(often)]),
    st.integers(0, 1_000),
    st.integers(0, 1_000),
)


class World:
    """One desk and everybody around it."""

    def __init__(self, folder: Path, empty: Path, policy: Policy = SITE) -> None:
        self.folder, self.policy = folder, policy
        self.file = folder / "desk.db"
        shutil.copy(empty, self.file)
        self.database = Database(f"sqlite:///{self.file}", folder)
        self.desk = Desk(policy, TEMPLATES)
        self.now, self.count, self.last_out = NOW, 0, 0
        self.audience: dict[str, set[str]] = {}
        self.inbox: dict[str, list[tuple[str, str, str, str]]] = {a: [] for a in EVERYBODY}
        """Message-ID, where an answer goes, subject and text of what somebody got."""
        self.near = defaultdict[str, set[str]](set, {party(a): {party(a)} for a in EVERYBODY})
        """Party → those whose addresses it may read: an agent put them on one ticket. Who was erased has another."""
        self.handed: dict[str, set[str]] = {party(a): set() for a in (*ADVISERS, HOME)}
        """Party → what an agent's own program quoted to it, around the desk."""
        self.only: set[str] = set()
        """Texts for the requester alone."""
        self.waits: dict[int, str] = {}
        """Draft → its token."""
        self.waited: dict[int, str] = {}
        """The same when the backup was made: those wait again after a restore."""
        self.marks: dict[str, tuple[str, str]] = {}
        """Message-IDs and addresses we gave out → birth of the ticket they name, and to whom."""

    # --- what people do -------------------------------------------------------------------

    def request(self, who: int, also: int) -> None:
        author = CUSTOMERS[who % len(CUSTOMERS)]
        text = self.token({party(author)})
        cc = COLLEAGUES.get(author, "") if also % 2 else BOXES[1] if also % 3 == 2 else ""
        file = self.token({party(author)})
        self.mail(author, text, subject=self.token({party(author)}), to=BOXES[also % 5 == 4], cc=cc, file=file)

    def reply(self, who: int, which: int) -> None:
        people = [a for a in OUTSIDE if self.inbox[a]]
        if people:
            author = people[who % len(people)]
            said = self.token({party(author)})
            self.answered(author, which, said, style=which % 3, file=said if who % 5 == 4 else "")

    def answer(self, who: int, which: int) -> None:
        """An agent answers a notice or a receipt; their program quotes it, in one of several ways."""
        agent = AGENTS[who % 2]
        if self.inbox[agent]:
            said = self.token(set())
            self.answered(agent, which, said, style=(who // 2) % 4, file=said if who % 5 == 4 else "")

    def send(self, who: int, which: int) -> None:
        self.order(who, which, "#send", kept=True)

    def ask(self, who: int, which: int) -> None:
        name = "" if which % 3 == 0 else f" {ADVISERS[which % 2]}"
        # A file of the ticket, named as the notice names it.
        seen = "".join(text for *_, text in self.inbox[AGENTS[who % 2]][-3:])
        files = re.findall(r"tok\d+q\.txt", seen) if name and who % 3 == 2 else []
        self.order(who, which, f"#ask{name} {' '.join(files[-1:])}\n\n{self.token(set())}")

    def note(self, who: int, which: int) -> None:
        self.order(who, which, f"#note\n{self.token(set())}")

    def merge(self, who: int, which: int) -> None:
        self.order(who, which, f"#merge {1 + which % 4}")

    def move(self, who: int, which: int) -> None:
        self.order(who, which, f"#move {1 + which % 4}")

    def split(self, who: int, which: int) -> None:
        self.order(who, which, "#split")

    def undo(self, who: int, which: int) -> None:
        self.order(who, which, "#undo")

    def name(self, who: int, which: int) -> None:
        """An agent brings somebody onto a ticket, or keeps an answer from all but the requester."""
        whom = (*CUSTOMERS, *COLLEAGUES.values())[which % 5]
        said = self.token(set())
        if which % 4 == 3:
            self.only.add(said)
        side = f" #{1 + which // 20 % 4}" if who % 3 == 0 else ""
        words = f"\n\n{said}" if who % 5 else ""
        orders = (f"#cc {whom}{side}{words}", f"#requester {whom}\n\n{said}", f"#from {whom}", f"#only\n\n{said}")
        self.order(who, which // 5, orders[which % 4])

    def alias(self, who: int, which: int) -> None:
        """An agent says that an address is a customer's as well, or that it is not; in words or at the shell."""
        whom = (HOME, *CUSTOMERS)[which % 4]
        self.order(who, which // 8, f"#{'unalias' if which % 8 > 5 else 'alias'} {whom}")
        if which % 3:
            self.send(who, 0)

    def home(self, who: int, which: int) -> None:
        """A customer writes from elsewhere: something new, or in answer to a mail of ours that is there."""
        said = self.token({party(HOME)})
        mails = [*self.inbox[CUSTOMERS[0]], *self.inbox[HOME]]
        for _, _, subject, text in mails:
            # What somebody has they may pass on to themselves.
            self.handed[party(HOME)] |= {*TOKEN.findall(subject + text), *(a for a in EVERYBODY if a in text)}
        if who % 3 == 0 or not mails:
            self.mail(HOME, said, subject=self.token({party(HOME)}))
        else:
            self.answered(HOME, which, said, style=which % 3, among=mails)

    def manage(self, who: int, which: int) -> None:
        """What an agent orders besides, with or without words to the customer."""
        orders = (
            "close",
            "solved",
            f"mailbox {BOXES[1]}",
            f"mailbox {BOXES[0]}",
            "reopen",
            "spam",
            "language de",
            "take",
        )
        self.order(who, which // 16, f"#{orders[which % 8]}" + (f"\n\n{self.token(set())}" if which % 16 > 7 else ""))

    def text(self, who: int, which: int) -> None:
        """A ready text that names the requester and the ticket."""
        self.order(who, which // 3, ("#only\n" if which % 3 == 2 else "") + f"#text hello\n\n{self.token(set())}")

    def snooze(self, who: int, which: int) -> None:
        """Put aside with a note for the agent, or called back; days bring it back as well."""
        self.order(who, which // 4, "#snooze off" if which % 4 == 0 else f"#snooze {which % 4}d {self.token(set())}")

    def block(self, who: int, which: int) -> None:
        self.order(who, which // 2, f"#{'unblock' if which % 2 else 'block'} {CUSTOMERS[who % 3]}")

    def board(self, who: int, which: int) -> None:
        """Somebody moves a ticket's card."""
        open_ones = [t for t in self.read(lambda tx: tx.reads.search(limit=200)) if not t.merged_into]
        if open_ones:
            number = open_ones[which % len(open_ones)].number
            place = (*(s.value for s in Status), board.SNOOZED, *AGENTS)[who % 8]
            self.write(lambda tx: self.card_moved(tx, number, place))
            self.look()

    def card_moved(self, tx: Tx, number: int, place: str) -> None:
        decision = board.decide(tx.reads.get(number), place, self.policy, self.now)
        if decision:
            self.count += 1
            self.now += timedelta(minutes=11)
            self.desk.effects.apply(tx, decision, f"board:{self.count}", self.now)

    def bounce(self, who: int, which: int) -> None:
        """The relay refuses a mail of ours for good, whomever it was for."""
        rows = [r for r in self.outbox() if r.audience != "operator"]
        if rows:
            id = rows[-1 - which % len(rows)].id
            reply = ("552 5.3.4 too large", "550 5.1.1 unknown")[who % 2]
            self.write(lambda tx: undelivered(self.desk, tx, id, reply, self.now))
            self.look()

    def bring(self, who: int, which: int) -> None:
        """A customer answers and puts somebody in copy."""
        people = [a for a in (*CUSTOMERS, *COLLEAGUES.values()) if self.inbox[a]]
        if people:
            author, whom = people[who % len(people)], (*CUSTOMERS, *COLLEAGUES.values())[which % 5]
            id, back, subject, _ = self.inbox[author][-1 - which // 5 % len(self.inbox[author])]
            said = self.token({party(author), party(whom)})
            # The mail shows its reader its subject and who else has it, and its author knows whom they name.
            for word in TOKEN.findall(subject):
                self.audience[word] |= {party(whom)}
            self.near[party(whom)] |= {party(author)}
            self.near[party(author)] |= {party(whom)}
            self.mail(author, said, subject=f"Re: {subject}", to=back, cc=whom, answers=id)

    def erase(self, who: int, which: int) -> None:
        """Somebody wants to be forgotten; their mail program remembers all of it."""
        whom = (*CUSTOMERS, HOME, *COLLEAGUES.values(), *ADVISERS)[which % 8]
        if who % 3:
            return
        ours = [*BOXES, *AGENTS]
        found = self.read(lambda tx: survey(tx.connection, whom, ours, lambda *_: None))[0]
        self.write(lambda tx: erase(tx, found, ours, whom, self.now, force=True))
        self.look()

    def page(self, who: int, which: int) -> None:
        """A customer answers on the page of an own ticket, which makes a mail of it, or closes it by the link."""
        own = [t for t in self.read(lambda tx: tx.reads.search(limit=200)) if t.requester.address in CUSTOMERS]
        if not own:
            return
        ticket = own[which % len(own)]
        author, said = ticket.requester.address, self.token({party(ticket.requester.address)})
        if who % 3 == 0 or ticket.merged_into or ticket.status is Status.CLOSED:
            self.write(lambda tx: acts.close_by_link(self.desk, tx, ticket.number, self.now))
            self.look()
        else:
            mark = token.address_token(SITE.keys, "c" if who % 2 else "t", ticket.named)
            self.mail(author, said, subject=f"Re: {ticket.subject}", to=f"support+{mark}@example.com", source="portal")

    def days(self, who: int, _: int) -> None:
        """Reminders, and what closes by itself."""
        self.now += timedelta(days=1 + who % 5)
        for ticket in self.read(lambda tx: tx.reads.search(limit=200)):
            self.write(partial(clock.tick, self.desk, number=ticket.number, now=self.now))
        self.look()

    def shell(self, who: int, which: int) -> None:
        """The operator, or an agent, gives an order at the shell, on what it shows."""
        tickets = self.read(lambda tx: tx.reads.search(limit=200))
        if not tickets:
            return
        ticket = tickets[which % len(tickets)]
        agent = POLICY.agent_for(AGENTS[who % 2]) if who % 3 else None
        before = {t.number: t for t in tickets}
        said = self.token(set())
        decision = self.write(lambda tx: self.typed(tx, ticket, agent, who, which, said))
        if decision is not None:
            self.heard(decision, before, said, 0, AGENTS[0])
            self.look()

    def typed(self, tx: Tx, ticket: Ticket, agent: Agent | None, who: int, which: int, said: str) -> Decision | None:
        """As the verbs of `replydesk ticket` do it."""
        by = OrderContext(tx.reads.current(ticket.number), agent, self.policy, self.now)
        others = tx.reads.search(limit=200)
        into = tx.reads.current(others[who % len(others)].number)
        mails = [e for e in tx.reads.entries(by.ticket.number) if e.kind is EntryKind.CORRESPONDENCE]
        theirs = [e for e in mails if e.role is not Role.AGENT]
        verb = ("merge", "move", "split", "reply", "from", "assign")[which % 6]
        if verb == "merge" and into.number != by.ticket.number:
            decision = move_entries.merge(by, into)
        elif verb == "move" and into.number != by.ticket.number and mails:
            decision = move_entries.move(by, mails[who % len(mails)], into)
        elif verb == "split" and theirs:
            decision = move_entries.split(by, theirs[who % len(theirs)], "")
        elif verb == "reply" and agent:
            author = Address(agent.address, agent.name)
            side = sides.of_entry(by.ticket, author.key, Role.AGENT)
            entry = EntryDraft(
                EntryKind.CORRESPONDENCE, author, Role.AGENT, said, said, reason="command-line", side=side
            )
            decision = carry_out(by, Order(), Answer(said, entry), "the command line")
        elif verb == "from":
            decision = carry_out(by, commands.read(f"#from {CUSTOMERS[who % 3]}"), None, "the command line")
            history = tx.reads.entries(by.ticket.number)
            decision = passed_on.handed_over(decision, history, {}, by.name, self.policy)
        elif verb == "assign":
            decision = carry_out(by, commands.read(f"#assign {AGENTS[who % 2]}"), None, "the command line")
        else:
            return None
        self.count += 1
        self.now += timedelta(minutes=11)
        self.desk.effects.apply(tx, decision, f"shell:{self.count}", self.now)
        return decision

    def order(self, who: int, which: int, text: str, *, kept: bool = False) -> None:
        agent = AGENTS[who % 2]
        notices = [n for n in self.inbox[agent] if ("Kept as a draft" in n[2]) is kept]
        if notices:
            self.answered(agent, which, text, style=(who // 2) % 4, among=notices)

    def aside(self, who: int, which: int) -> None:
        """An agent passes a notice on, the desk in copy."""
        agent, adviser = AGENTS[who % 2], ADVISERS[which % 2]
        if not self.inbox[agent]:
            return
        id, back, subject, text = self.inbox[agent][which % len(self.inbox[agent])]
        said = self.token({party(adviser)})
        self.handed[party(adviser)] |= {*TOKEN.findall(subject + text), *(a for a in EVERYBODY if a in text)}
        self.handed[party(adviser)].add(agent)
        own = self.mail(agent, f"{said}\n\n{_quoted(text)}", to=adviser, cc=back, subject=f"Fwd: {subject}", answers=id)
        self.inbox[adviser].append((own, back, f"Fwd: {subject}", f"{said}\n{_quoted(text)}"))

    def advise(self, who: int, which: int) -> None:
        adviser = ADVISERS[who % 2]
        if self.inbox[adviser]:
            said = self.token({party(adviser)})
            self.answered(adviser, which, said, style=0, file=said if who % 5 == 4 else "")

    def backup(self, *_: int) -> None:
        self.waited = dict(self.waits)
        self.database.close_now()
        shutil.copy(self.file, self.folder / "backup.db")
        self.database = Database(f"sqlite:///{self.file}", self.folder)

    def restore(self, *_: int) -> None:
        """The desk goes on as it was; what people have in their mail programs stays there."""
        if (self.folder / "backup.db").exists():
            self.database.close_now()
            for name in ("desk.db-wal", "desk.db-shm"):
                (self.folder / name).unlink(missing_ok=True)
            shutil.copy(self.folder / "backup.db", self.file)
            self.database = Database(f"sqlite:///{self.file}", self.folder)
            self.last_out = max((r.id for r in self.outbox()), default=0)
            self.waits = dict(self.waited)

    # --- a mail ---------------------------------------------------------------------------

    def token(self, audience: set[str]) -> str:
        word = f"tok{len(self.audience)}q"
        self.audience[word] = audience
        return word

    def answered(
        self, author: str, which: int, text: str, *, style: int, among: list[tuple[str, str, str, str]] | None = None,
        file: str = "",
    ) -> None:  # fmt: skip
        """By the header and the address, by one of them, or by the reference alone; with what it answers below."""
        mails = among or self.inbox[author]
        id, back, subject, quoted = mails[-1 - which % len(mails)]
        below = ("", _quoted(quoted), _outlook(quoted), f"-----Original Message-----\n{quoted}")[style]
        self.mail(
            author,
            f"{text}\n\n{below}",
            to=back if which % 4 else "support@example.com",
            subject=f"Re: {subject}",
            answers="" if which % 5 == 4 else id,
            file=file,
        )

    def mail(
        self, author: str, text: str, *, subject: str, to: str = "support@example.com", cc: str = "", answers: str = "",
        file: str = "", source: str = "smtp",
    ) -> str:  # fmt: skip
        self.count += 1
        self.now += timedelta(minutes=11)
        m = EmailMessage(policy=email_policy.SMTP)
        m["From"], m["To"], m["Subject"], m["Date"] = author, to, subject, format_datetime(self.now)
        m["Message-ID"] = f"<{self.count}.{author}>"
        if cc:
            m["Cc"] = cc
        if answers:
            m["In-Reply-To"] = m["References"] = f"<{answers}>"
        m.set_content(text)
        m.add_alternative(f"<pre>{text.replace('<', '&lt;')}</pre>", subtype="html")
        if file:
            m.add_attachment(file.encode(), maintype="text", subtype="plain", filename=f"{file}.txt")
        ours = tuple(a for a in (to, *filter(None, [cc])) if a.startswith(("support", "hilfe")))
        self.handle(m.as_bytes(), Envelope(source, author, ours, "192.0.2.1"), text)
        return f"{self.count}.{author}"

    def handle(self, data: bytes, envelope: Envelope, text: str) -> None:
        id = self.write(lambda tx: tx.journal.append(envelope, raw.pack(data), self.now))
        read = self.desk.read(data, envelope)
        before = {t.number: t for t in self.read(lambda tx: tx.reads.search(limit=200))}
        decision = self.write(lambda tx: self.desk.handle(tx, id, read, self.now))
        # An order may name a file, which is a token of its own.
        said = next(iter(TOKEN.findall(re.sub(r"(?m)^#.*", "", text.split("\n\n>")[0]))), "")
        if decision:
            m = message_from_bytes(data)
            author = parseaddr(str(m["From"]))[1]
            self.heard(decision, before, said, id, author)
            if decision.new and decision.new.second_address:
                # What somebody writes from a further address, subject and files too, is theirs at the main one.
                names = (str(part.get_filename()) for part in m.walk() if part.get_filename())
                for word in (said, *TOKEN.findall(" ".join((str(m["Subject"]), *names)))):
                    if word in self.audience:
                        self.audience[word] |= {party(decision.new.requester.address)}
        self.look()

    def heard(self, decision: Decision, before: dict[int, Ticket], said: str, id: int, author: str) -> None:
        """Who may read a text: an agent's, whoever took part when it left; others', whoever takes part with them."""
        said = self.waits.get(decision.sends, said)
        if decision.keep:
            self.waits[id] = said
        was = before.get(decision.ticket)
        if was and not decision.moved:
            self.together(decision, was)
        if author in AGENTS and decision.sends and was:
            # A ready text names people, and an agent has let it go for all who get it.
            named = {party(a) for a in EVERYBODY if a in decision.text}
            for one in (was.requester, *was.participants):
                self.near[party(one.address)] |= named
        if decision.moved and was:
            self.one_matter(before[decision.moved.source], was, decision.moved.entries)
        if decision.same:
            self.one_person(decision.same, before)
        if said not in self.audience:
            return
        if decision.reason is Reason.AGENT_ASKED:
            for word in (said, *(file.filename.removesuffix(".txt") for file in decision.files)):
                self.audience[word] |= {party(ADVISERS[0])}
        elif author in AGENTS and decision.text and was:
            joined = (Address(self.main(j.address.address)) for j in decision.change.joined if not j.follower)
            people = () if said in self.only else (*was.participants, *joined)
            requester = decision.change.requester or was.requester
            self.audience[said] |= {party(a.address) for a in (requester, *people)}
        elif author not in (*AGENTS, *ADVISERS) and decision.ticket:
            self.shared(said, author, decision.ticket)

    def one_matter(self, source: Ticket, into: Ticket, moved: Sequence[int] = ()) -> None:
        """Two tickets of one customer became one, as an agent wanted: those of either read both, whom an earlier merge
        keeps apart do not. A mail that was moved is read by those of the ticket it came to."""
        if sides.requesters_differ(source, into):
            return
        if moved:
            entries = self.read(lambda tx: tx.reads.entries(into.number))
            text = "\n".join(f"{e.body_text} {e.attachments}" for e in entries if e.id in moved and e.side == 0)
            for word in {*TOKEN.findall(text)} - self.only:
                self.audience[word] |= {party(a.address) for a in sides.people(into) if sides.owns(into, a.key)}
            return
        own = {party(a.address) for t in (source, into) for a in sides.people(t) if sides.owns(t, a.key)}
        seen = [
            e
            for e in self.read(lambda tx: tx.reads.entries(into.number))
            if e.kind is EntryKind.CORRESPONDENCE and e.side in (0, -source.number, -into.number)
        ]
        texts = (source.subject, into.subject, *(f"{e.body_text} {e.attachments}" for e in seen))
        for one in own:
            self.near[one] |= own | {party(a) for a in OUTSIDE for text in texts if a in text}
            self.near[one] |= {party(e.author.address) for e in seen}
        for word in TOKEN.findall("\n".join(texts)):
            if word not in self.only:
                self.audience[word] |= own

    def main(self, address: str) -> str:
        """Where somebody is written to."""
        found: str = self.read(lambda tx: tx.second_addresses.main(address))
        return found

    def one_person(self, same: SamePerson, before: dict[int, Ticket]) -> None:
        """Whoever is written to reads what was read under the other address; who takes part there, the new one."""
        main, other = party(same.main.address), party(same.other.address)
        if same.apart:
            return
        self.near[main] |= {other}
        self.near[other] |= {main}
        for old in before.values():
            if not old.knows(same.other.address):
                continue
            face = sides.face(old, same.other.key)
            own = {party(a.address) for a in (old.requester, *old.participants) if sides.face(old, a.key) == face}
            for one in {main, *own}:
                self.near[one] |= {main, *own}
            entries = self.read(lambda tx, number=old.number: tx.reads.entries(number))
            mine = sides.sees(old, same.other.key)
            seen = (e for e in entries if e.kind is EntryKind.CORRESPONDENCE and e.side in mine)
            for word in TOKEN.findall("\n".join((old.subject, *(f"{e.body_text} {e.attachments}" for e in seen)))):
                self.audience[word] |= {main}

    def shared(self, said: str, author: str, number: int) -> None:
        """A customer's words on a ticket: whoever takes part with them reads them."""
        ticket = self.read(lambda tx: tx.reads.get(number))
        people = (a.address for a in (ticket.requester, *ticket.participants))
        if author == HOME:
            # Who shows a mark of somebody's mail is read by those, address and all.
            for one in (ticket.requester, *ticket.participants):
                self.near[party(one.address)] |= {party(HOME)}
                if sides.owns(ticket, one.key):
                    self.near[party(HOME)] |= {party(one.address)}
        # What comes from a further address is the person's: those around the main one read it.
        mine = {party(author), *(party(a.address) for a in self.read(lambda tx: tx.second_addresses.person(author)))}
        near = set().union(*(self.near[one] for one in mine)) if sides.is_shared(ticket) else {*OUTSIDE}
        self.audience[said] |= {party(a) for a in people if a in near or party(a) in near}

    def together(self, decision: Decision, ticket: Ticket) -> None:
        """Whom an agent names reads what those of the ticket's own side read, or of the one that is said, and they read
        them."""
        for joined in decision.change.joined:
            if not (joined.follower or joined.adviser):
                # Whoever is named by a further address gets it at the main one.
                for one in (joined.address, Address(self.main(joined.address.address))):
                    self.come(one, ticket, joined.sees)
        if requester := decision.change.requester:
            for one in (requester, Address(self.main(requester.address))):
                self.come(one, ticket, ())

    def come(self, one: Address, ticket: Ticket, sees: tuple[int, ...]) -> None:
        """Somebody takes part who was not there before, and reads these sides; none named: the ticket's own."""
        mine = frozenset(sees or (0, -ticket.number))
        own = [a for a in (ticket.requester, *ticket.participants) if mine <= sides.sees(ticket, a.key)]
        parties = {party(a.address) for a in (*own, one)}
        for other in parties:
            self.near[other] |= parties
        number = max((*sees[:1], 0)[0], 0) or ticket.number
        subject = ticket.subject if number == ticket.number else self.read(lambda tx: tx.reads.get(number)).subject
        entries = self.read(lambda tx: tx.reads.entries(ticket.number))
        seen = [e for e in entries if e.kind is EntryKind.CORRESPONDENCE and e.side in mine]
        # An earlier mail may be from a further address of somebody who takes part, and quote others.
        self.near[party(one.address)] |= {party(e.author.address) for e in seen}
        self.near[party(one.address)] |= {party(a) for a in OUTSIDE for e in seen if a in e.body_text}
        for word in TOKEN.findall("\n".join((subject, *(f"{e.body_text} {e.attachments}" for e in seen)))):
            if word not in self.only:
                self.audience[word] |= {party(one.address)}

    # --- what is looked at ------------------------------------------------------------------

    def look(self) -> None:
        for row in self.outbox():
            if row.id <= self.last_out:
                continue
            self.last_out = row.id
            message = self.read(lambda tx, id=row.id: tx.outbox.message(id))
            m = message_from_bytes(enclosed_now(self.database, self.policy, row, message), policy=email_policy.default)
            plain = m.get_body(("plain",))
            text = str(plain.get_content()) if plain else ""
            reply_to = str((m["Reply-To"] or m["From"]).addresses[0].addr_spec)
            if row.recipient in self.inbox:
                self.inbox[row.recipient].append((row.message_id, reply_to, str(m["Subject"]), text))
            if row.audience in ("customer", "adviser"):
                everything = "\n".join([*(f"{k}: {v}" for k, v in m.items()), *_parts(m)])
                handed = self.handed.get(party(row.recipient), frozenset())
                self.check(everything, row.recipient, f"{row.notice} {row.id}", handed)
            self.remember_marks(row, reply_to)

    def check(self, text: str, reader: str, where: str, besides: Set[str] = frozenset()) -> None:
        """No token and no address of others, but those `besides`."""
        mine = party(reader)
        wrong = {word for word in TOKEN.findall(text) if mine not in self.audience.get(word, set())} - besides
        assert not wrong, f"{reader} reads {wrong} in {where}:\n{text}"
        for other in set(EVERYBODY) - besides:
            assert other not in text or party(other) in self.near[mine], f"{reader} reads {other} in {where}:\n{text}"

    def remember_marks(self, row: OutboxEntry, reply_to: str) -> None:
        for mark in (row.message_id, reply_to):
            found = re.search(r"(?:rd\.|\+[tba])(\d+)", mark)
            if found and int(found[1]):
                self.marks[mark] = self.read(lambda tx, n=int(found[1]): tx.reads.get(n)).birth, row.recipient

    def marks_lead_home(self) -> None:
        """To the ticket they were made for, or the one that went into; nowhere when it is gone."""
        for mark, (birth, holder) in self.marks.items():
            field = f"To: {mark}" if "+" in mark else f"In-Reply-To: <{mark}>"
            author = holder if holder in AGENTS else "mallory@elsewhere.example"
            data = f"From: {author}\r\n{field}\r\nMessage-ID: <m@elsewhere.example>\r\n\r\nx\r\n"
            keys = thread.keys(parse(data.encode()), Envelope("smtp", "", ()), self.policy)
            known = self.read(lambda tx, keys=keys: tx.threads.known(keys))
            match = thread.choose(keys, known, self.policy.keys).match
            own = {t.birth: t for t in known.tickets.values()}.get(birth)
            assert (match.ticket if match else None) == (thread.follow(own.number, known) if own else None), mark

    def pages_and_exports(self) -> None:
        site = SimpleNamespace(
            database=self.database,
            policy=self.policy,
            settings=SimpleNamespace(gateway=SimpleNamespace(default_language="en")),
            zone=UTC,
        )
        for n, reader in enumerate(OUTSIDE):
            contact = self.read(lambda tx, reader=reader: tx.contacts.find(reader))
            if contact is None:
                continue
            for ticket in self.read(lambda tx, reader=reader: tx.reads.search(Wanted(requester=reader))):
                request = self.visit(contact)
                shown = self.read(
                    lambda tx, request=request, number=ticket.number: pages.conversation(request, tx, number, 0)
                )
                handed = self.handed.get(party(reader), frozenset())
                self.check(repr(pages.view_of_ticket(request, shown)), reader, f"page {ticket.number}", handed)
            folder = self.folder / f"export{n}"
            export(site, reader, folder)  # type: ignore[arg-type]  # what it asks of a site, and no more
            for file in (f for f in folder.rglob("*") if f.is_file()):
                m = message_from_bytes(file.read_bytes(), policy=email_policy.default)
                told = [file.read_text("utf-8")] if file.suffix != ".eml" else [*map(str, m.values()), *_parts(m)]
                # What came from a further address lies apart: the operator looks whose it is.
                whose = next((a for a in OUTSIDE if a in file.relative_to(folder).parts), reader)
                self.check("\n".join(told), whose, file.name, self.handed.get(party(whose), frozenset()))

    def visit(self, contact: Any) -> Any:
        """What a page asks of a request, and no more."""
        portal = SimpleNamespace(
            desk=self.desk,
            settings=SimpleNamespace(portal=SimpleNamespace(allow_replies=True, allow_requests=True)),
            files_limit=1,
        )
        return SimpleNamespace(
            contact=contact,
            portal=portal,
            now=self.now,
            words=SimpleNamespace(language="en"),
            href=str,
            reference=self.policy.reference,
        )

    # --- the store --------------------------------------------------------------------------

    def outbox(self) -> list[OutboxEntry]:
        return list(reversed(self.read(lambda tx: tx.outbox.recent(limit=1_000))))

    def read(self, work: Any) -> Any:
        return self.database.read_now(work)

    def write(self, work: Any) -> Any:
        return self.database.write_now(work)


def _quoted(text: str) -> str:
    return "On Monday, Example Support wrote:\n" + "\n".join(f"> {line}" for line in text.splitlines())


def _outlook(text: str) -> str:
    return (
        f"From: Example Support <support@example.com>\nSent: Monday, 2 March 2026 10:35\nTo: You\nSubject: x\n\n{text}"
    )


def _parts(m: Any) -> list[str]:
    """Every text in a mail, files too."""
    return [p.get_payload(decode=True).decode("utf-8", "replace") for p in m.walk() if not p.is_multipart()]


@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
@given(steps=st.lists(STEPS, min_size=6, max_size=22))
def test_no_text_reaches_somebody_it_was_not_written_for(
    _sqlite_template: Path,  # noqa: PT019 - the empty database itself is wanted
    steps: list[tuple[str, int, int]],
) -> None:
    """In a mail, on a page, in an export; and no mark of one ticket is taken for another's."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), _sqlite_template)
        world.request(0, 1)
        world.request(1, 1)
        # What Dan got is of a ticket that is gone; its number is another's now.
        world.backup()
        world.request(2, 0)
        world.restore()
        world.request(0, 0)
        for name, one, two in steps:
            getattr(world, name)(one, two)
        world.marks_lead_home()
        world.pages_and_exports()
        assert [b.rule.name for b in world.read(audit).broken] == []
        world.database.close_now()


if SEED:
    seed(int(SEED))(test_no_text_reaches_somebody_it_was_not_written_for)

"""Plays a story: mails in, clicks, days passing; writes down everything that happened as a transcript.

A story is `NN-name/story.toml`; what it must lead to is `NN-name/golden.txt`, and of a long one `golden-CHAPTER.txt`
from each step on that begins a chapter. Ids, tokens and codes are numbered in the order they appear, so the files
read like the conversation they are.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import partial
from pathlib import Path
from typing import Any

from gateway.clock import tickets
from gateway.core import token
from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.sentences import text_of
from gateway.flow import Desk
from gateway.mail.message import Envelope, address_key
from gateway.portal import acts
from gateway.render.mail import Templates
from gateway.send.enclose import enclosed_now
from gateway.send.settle import undelivered
from storage import raw
from storage.database import Database
from storage.outbox import OutboxEntry, State
from storage.tx import Tx
from tests.conftest import Clock, named

CHAPTER = "\f"
"""Begins a line that names a chapter."""
ATTACHED = 15 * 1024 * 1024
"""Bytes of files on one mail, as by default."""
SHOWN_HEADERS = (
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
)


class Player:
    """One site, one story."""

    def __init__(self, database: Database, policy: Policy, clock: Clock, story: dict[str, Any]) -> None:
        site = dict(story.get("site", {}))
        for key, kind in (("agents", Agent), ("mailboxes", Mailbox)):
            if key in site:
                site[key] = tuple(one if isinstance(one, kind) else kind(**_frozen(one)) for one in site[key])
        self.policy = replace(policy, **site)
        own = (a for box in self.policy.mailboxes for a in (box.address, *box.aliases))
        self.policy = replace(self.policy, own_addresses=frozenset(address_key(a) for a in own))
        self.desk = Desk(self.policy, Templates())
        self.database, self.clock, self.story = database, clock, story
        self.lines: list[str] = [f"# {story['title']}"]
        self.sent: list[tuple[OutboxEntry, bytes]] = []
        self.mails: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.last_out = 0

    def play(self) -> dict[str, str]:
        """The transcript, by the name of the file it belongs in."""
        for number, step in enumerate(self.story["step"], 1):
            self.clock.forward(minutes=step.get("minutes", 5), days=step.get("days", 0))
            if chapter := step.get("chapter"):
                self._say(f"{CHAPTER}{chapter}")
            self._say("", f"== {number}. {step.get('what', '')}".rstrip())
            getattr(self, f"_do_{step.get('do', 'mail')}")(step)
            self._show_out()
        self._show_tickets()
        first, *more = self._masked("\n".join(self.lines)).split(f"\n{CHAPTER}")
        chapters = (part.partition("\n") for part in more)
        return {"golden.txt": f"{first}\n"} | {f"golden-{name}.txt": text[1:] + "\n" for name, _, text in chapters}

    # --- what can happen ----------------------------------------------------------------

    def _do_mail(self, step: dict[str, Any]) -> None:
        data = self._mail(step)
        sender = parseaddr(step.get("from", ""))[1]
        envelope = Envelope(
            step.get("source", "smtp"),
            step.get("reverse_path", sender),
            tuple(self._address(r) for r in step.get("recipients", [step.get("to", "support@example.com")])),
            "192.0.2.1",
            step.get("authenticated_as", ""),
        )
        for _ in range(step.get("times", 1)):
            self._handle(data, envelope)

    def _handle(self, data: bytes, envelope: Envelope) -> None:
        id = self.database.write_now(lambda tx: tx.journal.append(envelope, raw.pack(data), self.clock.now))
        read = self.desk.read(data, envelope)
        decision = self.database.write_now(lambda tx: self.desk.handle(tx, id, read, self.clock.now))
        row = self.database.read_now(lambda tx: tx.journal.get(id))
        assert decision is not None
        self._say(f"journal: {row.state}, {row.reason}, ticket {row.ticket or '-'}")
        for line in row.why:
            self._say(f"  {line}")
        if row.cause:
            self._say(f"  cause: {row.cause}")

    def _do_close_link(self, step: dict[str, Any]) -> None:
        changed = self.database.write_now(lambda tx: acts.close_by_link(self.desk, tx, step["ticket"], self.clock.now))
        self._say(f"close link: {'closed' if changed else 'nothing changed'}")

    def _do_tick(self, step: dict[str, Any]) -> None:
        """The clock looks at every ticket, as it does each minute."""
        for ticket in self.database.read_now(lambda tx: tx.reads.search(limit=200)):
            done = self.database.write_now(partial(tickets.tick, self.desk, number=ticket.number, now=self.clock.now))
            if done:
                self._say(f"the clock, ticket {ticket.number}: {done.reason.value}")

    def _do_deliver(self, step: dict[str, Any]) -> None:
        """Everything that is due leaves."""
        self.clock.forward(minutes=60)
        while rows := self.database.write_now(lambda tx: tx.claims.take("sink", 200, 60, self.clock.now)):
            for row, _ in rows:
                self._settle(row.id)

    def _settle(self, id: int) -> None:
        self.database.write_now(lambda tx: tx.claims.settle(id, "sink", State.SENT, "250 2.0.0 OK", now=self.clock.now))

    def _do_undelivered(self, step: dict[str, Any]) -> None:
        row, _ = self._find(step["mail"])

        def fail(tx: Tx) -> None:
            undelivered(self.desk, tx, row.id, step["reply"], self.clock.now)

        self.database.write_now(fail)

    # --- building a mail ----------------------------------------------------------------

    def _mail(self, step: dict[str, Any]) -> bytes:
        if "raw" in step:
            return self._filled(step["raw"]).encode("utf-8", "surrogateescape").replace(b"\n", b"\r\n")
        m = EmailMessage(policy=email_policy.SMTP.clone(max_line_length=998))
        for name, key in (("From", "from"), ("To", "to"), ("Cc", "cc"), ("Reply-To", "reply_to")):
            if step.get(key):
                m[name] = self._address(step[key])
        m["Subject"] = self._filled(step.get("subject", self._subject(step)))
        m["Date"] = format_datetime(self.clock.now)
        name = step.get("id", f"{len(self.mails) + 1}.mail@customer.example")
        m["Message-ID"] = f"<{name}>"
        self.mails[name] = name
        if "answers" in step:
            row, _ = self._find(step["answers"], step.get("older", 0))
            if not step.get("headerless"):
                m["In-Reply-To"] = f"<{row.message_id}>"
                m["References"] = f"<{row.message_id}>"
        if "refers_to" in step:
            m["In-Reply-To"] = f"<{step['refers_to']}>"
        m.set_content(self._filled(step.get("text", "")), cte="8bit")
        for header, value in step.get("headers", {}).items():
            m[header] = self._filled(value)
        if "html" in step:
            m.add_alternative(self._filled(step["html"]), subtype="html")
        for attached in step.get("files", []):
            main, _, sub = attached["type"].partition("/")
            content = attached["content"].encode() * attached.get("times", 1)
            m.add_attachment(content, maintype=main, subtype=sub, filename=attached["name"])
        return m.as_bytes()

    def _subject(self, step: dict[str, Any]) -> str:
        if "answers" not in step:
            return "No subject given"
        _, data = self._find(step["answers"], step.get("older", 0))
        return f"Re: {message_from_bytes(data, policy=email_policy.default)['Subject']}"

    def _filled(self, text: str) -> str:
        """`{quote:NOTICE to ADDRESS}`, `{reference:N}`, `{reply-address:N}`, `{id:…}` are put in."""

        def put(m: re.Match[str]) -> str:
            what, value = m[1], m[2]
            if what == "quote":
                return "".join(f"> {line}\n" for line in self._text(self._find(value)[1]).splitlines())
            if what == "id":
                return self._find(value)[0].message_id
            if what == "reference":
                return token.reference(self.policy.keys, self.policy.reference_prefix, named(self.database, int(value)))
            if what == "reply-address":
                mark = token.address_token(self.policy.keys, "t", named(self.database, int(value)))
                return self.policy.mailboxes[0].reply_address.replace("{token}", mark)
            if what == "close-address":
                mark = token.address_token(self.policy.keys, "c", named(self.database, int(value)))
                return self.policy.mailboxes[0].reply_address.replace("{token}", mark)
            if what == "agent-address":
                number, _, agent = value.partition(" ")
                mark = token.address_token(self.policy.keys, "a", named(self.database, int(number)), address_key(agent))
                return self.policy.mailboxes[0].reply_address.replace("{token}", mark)
            raise KeyError(what)

        return re.sub(r"\{(quote|id|reference|reply-address|close-address|agent-address):([^{}]+)\}", put, text)

    def _address(self, text: str) -> str:
        return self._filled(text)

    def _find(self, description: str, older: int = 0) -> tuple[OutboxEntry, bytes]:
        """The newest mail out that fits `notice to address`; `older`: so many before it."""
        notice, _, address = description.partition(" to ")
        found = [(row, data) for row, data in self.sent if row.notice == notice and row.recipient == address]
        if len(found) <= older:
            raise LookupError(f"no {description} was sent")
        return found[-1 - older]

    # --- the transcript -----------------------------------------------------------------

    def _show_out(self) -> None:
        def fresh(tx: Tx) -> list[tuple[OutboxEntry, bytes]]:
            rows = [r for r in tx.outbox.recent(limit=500) if r.id > self.last_out]
            return [(r, tx.outbox.message(r.id)) for r in reversed(rows)]

        for row, data in self.database.read_now(fresh):
            self.last_out = row.id
            self.sent.append((row, data))
            self._say("", f"--> {row.notice} to {row.recipient}, reverse-path <{row.reverse_path}>")
            m = message_from_bytes(data, policy=email_policy.default)
            self.lines += [f"    {h}: {' '.join(str(m[h]).split())}" for h in SHOWN_HEADERS if m[h] is not None]
            self.lines += [f"    {line}" for line in self._files(row, data)]
            self.lines += [f"    | {line}".rstrip() for line in self._text(data).splitlines()]

    def _files(self, row: OutboxEntry, data: bytes) -> list[str]:
        """What hangs on the mail when it leaves, and what is said of files that do not."""
        if not row.files:
            return []
        whole = enclosed_now(self.database, self.policy, row, data, ATTACHED)
        m = message_from_bytes(whole, policy=email_policy.default)
        said = []
        for part in m.walk():
            name, size = part.get_filename(), len(part.get_payload(decode=True) or b"")
            if name:
                said.append(f"attached: {name} ({part.get_content_type()}, {size} bytes)")
        notes = [p for p in m.iter_parts() if p.get_content_type() == "text/plain" and not p.get_filename()]
        lines = str(notes[-1].get_content()).splitlines() if m.get_content_subtype() == "mixed" and notes else []
        return said + [re.sub(r"/file/\S+", "/file/LINK", f"note: {line}") for line in lines]

    @staticmethod
    def _text(data: bytes) -> str:
        part = message_from_bytes(data, policy=email_policy.default).get_body(("plain",))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")

    def _show_tickets(self) -> None:
        self._say("", "== in the end")

        def show(tx: Tx) -> None:
            for t in sorted(tx.reads.search(limit=200), key=lambda t: t.number):
                people = ", ".join(
                    p.address.address
                    + (" (adviser)" if p.adviser else "" if p.confirmed else " (unconfirmed)")
                    + (" (follower)" if p.follower else "")
                    for p in t.people
                )
                facts = [f"ticket {t.number}: {t.status.value}", f"requester {t.requester.address}"]
                facts += [f"snoozed until {t.snoozed_until:%Y-%m-%d %H:%M}"] if t.snoozed_until else []
                facts += [f"tags {' '.join(t.tags)}"] if t.tags else []
                facts += [f"with {people}"] if people else []
                facts += [f"closed by {t.closed_by}"] if t.closed_by else []
                facts += [f"assigned to {t.assignee}"] if t.assignee else []
                facts += [f"{kind} #{other}" for kind, one, other in tx.reads.links(t.number) if one == t.number]
                facts += ["spam"] if t.spam else []
                self._say("; ".join(facts))
                for e in tx.reads.entries(t.number):
                    who = f" {e.author.address} ({e.role.value})" if e.author.address else ""
                    first = (text_of(e.new_text, "en").strip().splitlines() or [""])[0][:90]
                    mark = " [collapsed]" if e.collapsed else ""
                    self._say(f"  {e.kind.value}{mark}{who}: {first}")

        self.database.read_now(show)

    def _say(self, *lines: str) -> None:
        self.lines += lines

    def _masked(self, text: str) -> str:
        """Number what is signed, so that a change of key or order of ids does not change the story."""

        def number(kind: str, m: re.Match[str]) -> str:
            return self.names.setdefault(m[0], f"{kind}-{1 + sum(v.startswith(kind) for v in self.names.values())}")

        for kind, pattern in (
            ("own-id", r"rd\.\d+\.[cab]\.(?:[0-9a-z]{13}\.)?[0-9a-z]{16}\.[0-9a-z]{16}@[a-z.]+"),
            ("link", r"(?<=/)(?:WyJ|[A-Za-z0-9_-]{20,}\.)[A-Za-z0-9_.-]{20,}"),
            ("token", r"(?<=\+)[tcavb]\d+-(?:[0-9a-z]{13})?[0-9a-z]{12}(?=@|%40)"),
        ):
            text = re.sub(pattern, lambda m, k=kind: number(k, m), text)  # type: ignore[misc]
        for ticket in self.database.read_now(lambda tx: tx.reads.search(limit=200)):
            text = text.replace(self.policy.reference(ticket), f"{self.policy.reference_prefix}-{ticket.number}-SIGNED")
        return text


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}


def load(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "story.toml").read_text("utf-8"))

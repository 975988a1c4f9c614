"""Every order, three times: by mail, by `replydesk agent order`, and by the verb of its own the shell has for it.

Each time on a ticket of its own, of a customer of its own; what it did, and who got a mail, must be the same. A slip of
the pen, or an argument that cannot be meant, does nothing by any way, and the agent reads how the order is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway.core import token
from gateway.core.ticket import EntryKind, Ticket
from gateway.core.verbs import FORMS, Verb
from gateway.mail.message import Envelope
from storage.database import Database
from storage.tx import Tx
from tests.cli.conftest import CONFIG, Shop, make
from tests.conftest import NOW, named

ANNA, BOB = "anna@example.com", "bob@example.com"
CORRESPONDENCE, COMMENT = EntryKind.CORRESPONDENCE, EntryKind.COMMENT
SETTINGS = (
    CONFIG.replace("[gateway]\n", '[gateway]\ntemplates_dir = "."\n')
    + """
[[mailboxes]]
address = "billing@example.com"
name = "Billing"
"""
)
WAYS = ("mail", "order", "verb")


@dataclass(frozen=True)
class Story:
    """`{n}` is the ticket, `{entry}` its second mail, `{who}` its customer, `{other}` another ticket of theirs."""

    order: str
    verb: tuple[str, ...] = ()
    """At the shell, where there is one of its own; the last word of `ticket note` and `ask` is the text typed there."""
    before: tuple[str, ...] = ()
    """Orders of Anna's that come first, by mail; `bob: …` is Bob's, `old: …` answers her oldest notice."""
    after: tuple[str, ...] = ()
    """Likewise, so that the next way finds what this one did."""
    says: str = ""
    """What the receipt and the shell show."""
    wrong: str = ""
    """The same order with an argument that cannot be meant."""
    fresh: bool = False
    """It is about no ticket yet."""
    of_a_mail: bool = False
    """It means the mail that is answered, which a text at the shell cannot say: there the verb has it."""


STORIES: dict[Verb, Story] = {
    Verb.CLOSE: Story("#close", ("ticket", "close", "{n}"), wrong="#close maybe"),
    Verb.SOLVED: Story("#solved", ("ticket", "solved", "{n}"), wrong="#solved today"),
    Verb.WAIT: Story("#wait", ("ticket", "wait", "{n}"), wrong="#wait long"),
    Verb.TEXT: Story("#text reset", wrong="#text no-such-text"),
    Verb.TEXTS: Story("#texts", says="reset", wrong="#texts reset"),
    Verb.NOTE: Story("#note\n\nHe never pays.", ("ticket", "note", "{n}", "He never pays.")),
    Verb.ASK: Story(
        "#ask parts@supplier.example\n\nIs it there?",
        ("ticket", "ask", "{n}", "parts@supplier.example", "Is it there?"),
        wrong="#ask\n\nIs it there?",
    ),
    Verb.ASSIGN: Story("#assign bob", ("ticket", "assign", "{n}", "bob"), wrong="#assign zoe"),
    Verb.TAKE: Story("#take", ("ticket", "assign", "{n}", ANNA), wrong="#take bob"),
    Verb.GIVE: Story("#give bob", ("ticket", "assign", "{n}", "bob"), wrong="#give zoe"),
    Verb.STATUS: Story("#status waiting", ("ticket", "status", "{n}", "waiting"), wrong="#status purple"),
    Verb.SNOOZE: Story("#snooze 3d call him", ("ticket", "snooze", "{n}", "3d", "call him"), wrong="#snooze yesterday"),
    Verb.FOLLOW: Story("#follow", ("ticket", "follow", "{n}", "--agent", ANNA), wrong="#follow bob"),
    Verb.UNFOLLOW: Story(
        "#unfollow", ("ticket", "unfollow", "{n}", "--agent", ANNA), before=("#follow",), wrong="#unfollow bob"
    ),
    Verb.TAG: Story("#tag red blue", ("ticket", "tag", "{n}", "red", "blue"), wrong="#tag"),
    Verb.UNTAG: Story("#untag red", ("ticket", "untag", "{n}", "red"), before=("#tag red blue",), wrong="#untag"),
    Verb.SPLIT: Story("#split", ("ticket", "split", "{n}", "{entry}"), wrong="#split 7", of_a_mail=True),
    Verb.MERGE: Story("#merge {other}", ("ticket", "merge", "{n}", "{other}"), wrong="#merge 999999"),
    Verb.MOVE: Story(
        "#move {other}", ("ticket", "move", "{n}", "{entry}", "{other}"), wrong="#move 999999", of_a_mail=True
    ),
    Verb.FROM: Story("#from new-{who}", ("ticket", "from", "{n}", "new-{who}"), wrong="#from nobody"),
    Verb.TO: Story("#to new-{who}\n\nYour recall.", fresh=True, wrong="#to nobody\n\nYour recall."),
    Verb.MAILBOX: Story(
        "#mailbox billing@example.com",
        ("ticket", "mailbox", "{n}", "billing@example.com"),
        wrong="#mailbox x@x.example",
    ),
    Verb.FOR: Story("#for new-{who}\n\nShe called.", fresh=True, wrong="#for nobody\n\nShe called."),
    Verb.LANGUAGE: Story("#language de", ("ticket", "language", "{n}", "de"), wrong="#language klingon"),
    Verb.SPAM: Story("#spam", ("ticket", "spam", "{n}"), wrong="#spam mail"),
    Verb.BLOCK: Story("#block", ("contact", "block", "{who}"), wrong="#block bob@example.com"),
    Verb.UNBLOCK: Story("#unblock {who}", ("contact", "unblock", "{who}"), before=("#block",), wrong="#unblock so"),
    Verb.AWAY: Story("#away to bob", ("agent", "away", ANNA, "to", "bob"), after=("#back",), wrong="#away until never"),
    Verb.BACK: Story("#back", ("agent", "back", ANNA), before=("#away",), wrong="#back soon"),
    Verb.UNDO: Story("#undo", ("ticket", "undo", "{n}", "--agent", ANNA), before=("#solved",), wrong="#undo all"),
    Verb.SEND: Story("#send", before=("bob: Try this.", "old: Try that."), wrong="#send 999999"),
    Verb.DRAFTS: Story("#drafts", ("ticket", "drafts"), wrong="#drafts all"),
    Verb.REOPEN: Story("#reopen", ("ticket", "reopen", "{n}"), before=("#close",), wrong="#reopen 999999"),
    Verb.REQUESTER: Story("#requester new-{who}", ("ticket", "from", "{n}", "new-{who}"), wrong="#requester nobody"),
    Verb.ALIAS: Story("#alias second-{who}", ("contact", "merge", "{who}", "second-{who}"), wrong="#alias nobody"),
    Verb.UNALIAS: Story(
        "#unalias second-{who}",
        ("contact", "split", "second-{who}"),
        before=("#alias second-{who}",),
        wrong="#unalias third-{who}",
    ),
    Verb.CC: Story("#cc karin@customer.example\n\nTry the cable.", wrong="#cc nobody\n\nTry the cable."),
    Verb.ONLY: Story("#only\n\nTry the cable.", before=("#cc karin@customer.example\n\nHello.",), wrong="#only her"),
    Verb.LIST: Story("#list open", ("ticket", "list", "--status", "open"), says="Help of {who}", wrong="#list of zoe"),
    Verb.SHOW: Story("#show {n}", ("ticket", "show", "{n}"), says="It burns, {who}", wrong="#show 999999"),
    Verb.SEARCH: Story("#search {who}", ("ticket", "list", "--text", "{who}"), says="Help of {who}", wrong="#search"),
    Verb.CUSTOMER: Story(
        "#customer {who}", ("ticket", "list", "--requester", "{who}"), says="Help of {who}", wrong="#customer nobody"
    ),
    Verb.REPORT: Story("#report", ("report",), wrong="#report may"),
    Verb.HELP: Story("#help", says="#snooze", wrong="#help me"),
}


def test_every_order_has_a_story() -> None:
    assert STORIES.keys() == set(Verb)


@dataclass
class Site:
    shop: Shop
    typed: Any
    count: int = 0
    found: dict[str, str] = field(default_factory=dict)
    """What `{…}` stands for."""

    @property
    def database(self) -> Database:
        return self.shop.database

    def feed(self, author: str, to: str, subject: str, text: str, parent: str = "") -> str:
        """Its Message-ID."""
        self.count += 1
        mail = EmailMessage(policy=email_policy.SMTP)
        mail["From"], mail["To"], mail["Subject"] = author, to, subject
        mail["Message-ID"] = f"<{self.count}@mail.example>"
        if parent:
            mail["In-Reply-To"] = parent
        mail.set_content(text)
        self.shop.feed(mail.as_string().replace("\r\n", "\n"), Envelope("smtp", author, (to,), "192.0.2.1"))
        return str(mail["Message-ID"])

    def begin(self, name: str) -> None:
        """A customer of that name with two tickets, the first of two mails."""
        self.found = {"who": (who := f"{name}@{name}.example")}
        first = self.feed(who, "support@example.com", f"Help of {who}", f"It burns, {who}.")
        number = self.newest_ticket()
        self.feed(who, "support@example.com", f"Re: Help of {who}", f"And it smokes, {who}.", first)
        self.feed(who, "support@example.com", f"Other matter of {who}", f"It leaks, {who}.")
        entry = self.database.read_now(lambda tx: tx.reads.entries(number)[-1].id)
        self.found |= {"n": str(number), "entry": str(entry), "other": str(self.newest_ticket())}

    def newest_ticket(self) -> int:
        return int(self.database.read_now(lambda tx: max(t.number for t in tx.reads.search(limit=1000))))

    def filled(self, text: str) -> str:
        for word, meant in self.found.items():
            text = text.replace("{" + word + "}", meant)
        return text

    def by_mail(self, order: str, *, fresh: bool = False) -> str:
        """An agent answers the newest notice about the ticket, or writes to the own address; the receipt."""
        agent = BOB if order.startswith("bob: ") else ANNA
        oldest, order = order.startswith("old: "), re.sub("^(bob|old): ", "", order)
        keys, number = self.shop.desk.policy.keys, 0 if fresh else int(self.found["n"])
        rows = self.database.read_now(lambda tx: tx.outbox.recent(ticket=number, limit=50)) if number else []
        notices = [f"<{r.message_id}>" for r in rows if r.notice == "agent_notice" and r.recipient == agent]
        mark = token.address_token(keys, "a", named(self.database, number), agent)
        self.feed(
            agent, f"support+{mark}@example.com", "Recall", order, notices[-1 if oldest else 0] if notices else ""
        )
        (receipt,) = self.database.read_now(lambda tx: tx.outbox.recent(limit=1, recipient=agent))
        data = self.database.read_now(lambda tx: tx.outbox.message(receipt.id))
        body = message_from_bytes(data, policy=email_policy.default).get_body(("plain",))  # type: ignore[attr-defined]
        return str(body.get_content())

    def at_the_shell(self, story: Story, way: str, order: str) -> str:
        if way == "verb":
            words = [self.filled(word) for word in story.verb]
            if story.verb[:2] in (("ticket", "note"), ("ticket", "ask")):
                self.typed(words.pop())
                words += ["--agent", ANNA]
            return self.shop.out(*words)
        self.typed(order)
        about = ("--subject", "Recall") if story.fresh else ("--ticket", self.found["n"])
        return self.shop.out("agent", "order", ANNA, *about)

    def picture(self) -> dict[str, list[str]]:
        """All that an order may change for this customer, without the names and numbers of this way."""
        who = self.found["who"]

        def plain(*values: object) -> str:
            return re.sub(r"#\d+|\b\d+\b", "N", " ".join(map(str, values)).replace(who, "<who>"))

        def looked(t: Ticket) -> str:
            people = sorted(p.address.address for p in t.people)
            facts = (t.status.value, t.mailbox, t.language, t.assignee, t.tags, t.spam, bool(t.merged_into))
            return plain(t.subject, t.requester.address, *facts, bool(t.snoozed_until), t.snooze_note, people)

        def look(tx: Tx) -> dict[str, list[str]]:
            tickets = [t for t in tx.reads.search(limit=1000) if who in f"{t.requester.address} {t.subject}"]
            entries = [
                (t, e) for t in tickets for e in tx.reads.entries(t.number) if e.kind in (CORRESPONDENCE, COMMENT)
            ]
            sent = [r for t in tickets for r in tx.outbox.recent(ticket=t.number, limit=100) if r.audience != "agent"]
            return {
                "tickets": sorted(map(looked, tickets)),
                "said": sorted(
                    plain(t.subject, e.kind.value, e.author.address, e.new_text.strip()) for t, e in entries
                ),
                "sent": sorted(plain(r.notice, r.recipient) for r in sent),
                "blocked": [plain(tx.blocks.found([who]))],
                "person": [plain(a.address) for a in tx.second_addresses.person(who)],
                "away": sorted(tx.absences.now(NOW + timedelta(hours=1))),
            }

        return self.database.read_now(look)

    def given(self, story: Story, way: str, order: str) -> str:
        """What the receipt or the shell says to it."""
        return self.by_mail(order, fresh=story.fresh) if way == "mail" else self.at_the_shell(story, way, order)


@pytest.fixture
def site(
    tmp_path: Path,
    sqlite_url: str,
    capsys: pytest.CaptureFixture[str],
    typed: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    """With two mailboxes and a ready text; the shell is used an hour after the mails."""
    monkeypatch.setattr("gateway.cli.site.now", lambda: NOW + timedelta(hours=1))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "reset.en.txt").write_text("Switch it off and on.\n")
    shop = make(tmp_path, sqlite_url, capsys, SETTINGS)
    yield Site(shop, typed)
    shop.database.close_now()


LOOKS = (Verb.TEXTS, Verb.LIST, Verb.SHOW, Verb.SEARCH, Verb.CUSTOMER, Verb.REPORT, Verb.HELP, Verb.DRAFTS)


@pytest.mark.parametrize("verb", list(Verb))
def test_an_order_does_the_same_by_each_way(site: Site, verb: Verb) -> None:
    story, pictures = STORIES[verb], {}
    for way in WAYS:
        if (way == "verb" and not story.verb) or (way == "order" and story.of_a_mail):
            continue
        site.begin(f"{verb.value}-{way}")
        for order in story.before:
            site.by_mail(site.filled(order))
        before = site.picture()
        said = site.given(story, way, site.filled(story.order))
        if not (verb is Verb.SHOW and way == "order"):
            # There it is said that the mail with the ticket went out.
            assert site.filled(story.says) in " ".join(said.split())
        pictures[way] = site.picture()
        assert (pictures[way] == before) == (verb in LOOKS), said
        for order in story.after:
            site.by_mail(site.filled(order))
    for way, picture in pictures.items():
        assert picture == pictures["mail"], way


@pytest.mark.parametrize("verb", list(Verb))
def test_a_slip_of_the_pen_does_nothing(site: Site, verb: Verb) -> None:
    """It is told the right form; what cannot be meant does nothing as well."""
    story = STORIES[verb]
    site.begin("slip")
    for order in story.before:
        site.by_mail(site.filled(order))
    before = site.picture()
    word, rest = re.fullmatch(r"#(\w+)(.*)", site.filled(story.order), re.S).groups()  # type: ignore[union-attr]  # it is one
    said = site.by_mail(f"#{word[0]}{word}{rest}", fresh=story.fresh)
    assert FORMS[verb] in " ".join(said.split())
    if story.wrong:
        site.by_mail(site.filled(story.wrong), fresh=story.fresh)
    assert site.picture() == before

"""No sequence of strangers' mails changes a ticket beyond what the decision table allows."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core import token
from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.token import Keys, Named
from gateway.flow import Desk
from gateway.mail.message import Envelope, address_key
from gateway.render.mail import Templates
from storage import raw
from storage.database import Database
from storage.tables import metadata
from tests.conftest import NOW, SECRET

BOX = Mailbox("support@example.com", "Support", "en", "support+{token}@example.com")
POLICY = Policy(
    keys=Keys(SECRET),
    mailboxes=(BOX,),
    agents=(Agent("anna@example.com", "Anna"), Agent("bob@example.com", "Bob")),
    own_addresses=frozenset({address_key(BOX.address)}),
    acknowledgement_budgets=(),
    new_ticket_budgets=(),
)
OTHER = Keys(b"another site's secret, 32 bytes.")
TEMPLATES = Templates()

# What a stranger can know: numbers, codes read over a shoulder, foreign ids, ids of another site, old agents' notices.
AUTHORS = st.sampled_from(
    [
        "mallory@elsewhere.example",
        "trudy@elsewhere.example",
        "anna@example.com",
        "bob@example.com",
        "support@example.com",
        "KIM@CUSTOMER.EXAMPLE.evil.example",
        "mailer-daemon@elsewhere.example",
        "",
    ]
)
MARKS = st.sampled_from(
    [
        "",
        "#1",
        "[RD-1-AAAAAA]",
        f"[{token.reference(POLICY.keys, 'RD', Named(1, '2' * 13))}]",
        f"[{token.reference(OTHER, 'RD', Named(1, '2' * 13))}]",
    ]
)
IDS = st.sampled_from(
    [
        "",
        "<first@customer.example>",
        f"<{token.message_id(OTHER, Named(1, '2' * 13), 'c', '', 'x', 'example.com')}>",
        f"<{token.message_id(POLICY.keys, Named(1, '2' * 13), 'a', 'zoe@example.com', 'x', 'example.com')}>",
        "<>",
    ]
)
TO = st.sampled_from(
    [
        "support@example.com",
        f"support+{token.address_token(OTHER, 't', Named(1, '2' * 13))}@example.com",
        f"support+{token.address_token(OTHER, 'c', Named(1, '2' * 13))}@example.com",
        "support+t1-aaaaaaaaaaaa@example.com",
    ]
)
TEXTS = st.sampled_from(
    [
        "Hello",
        "#close",
        "#solved\nthanks",
        "#merge 1",
        "#from kim@customer.example\nx",
        "#assign me",
        "status",
        "#spam",
        "",
    ]
)
HEADERS = st.sampled_from(
    [
        "",
        "Auto-Submitted: auto-replied\r\n",
        "Authentication-Results: example.com; dmarc=pass header.from=example.com\r\n",
        "Sender: anna@example.com\r\n",
        "Reply-To: kim@customer.example\r\n",
        "Cc: kim@customer.example\r\n",
        "Content-Type: multipart/report; report-type=delivery-status\r\n",
    ]
)
MAILS = st.lists(st.tuples(AUTHORS, TO, MARKS, IDS, TEXTS, HEADERS), min_size=1, max_size=6)


def feed(database: Database, desk: Desk, data: bytes, envelope: Envelope) -> None:
    id = database.write_now(lambda tx: tx.journal.append(envelope, raw.pack(data), NOW))
    read = desk.read(data, envelope)
    database.write_now(lambda tx: desk.handle(tx, id, read, NOW))


@given(MAILS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_strangers_change_nothing(mails: list[tuple[str, str, str, str, str, str]]) -> None:
    """Status, people and conversation of Kim's ticket stay; what is kept there is a comment, folded away."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database("", Path(folder))
        metadata.create_all(database.engine)
        desk = Desk(POLICY, TEMPLATES)
        first = b"From: Kim <kim@customer.example>\r\nTo: support@example.com\r\nSubject: Secret\r\n"
        first += b"Message-ID: <first@customer.example>\r\n\r\nMy secret.\r\n"
        feed(database, desk, first, Envelope("smtp", "kim@customer.example", ("support@example.com",)))
        before = database.read_now(lambda tx: tx.reads.get(1))
        sent = database.read_now(lambda tx: len(tx.outbox.recent(ticket=1)))
        for n, (author, to, mark, id, text, header) in enumerate(mails):
            data = (
                f"From: {author}\r\nTo: {to}\r\nSubject: Re: Secret {mark}\r\nMessage-ID: <{n}@elsewhere.example>\r\n"
                + (f"In-Reply-To: {id}\r\n" if id else "")
                + f"{header}\r\n{text}\r\n"
            ).encode()
            feed(database, desk, data, Envelope("smtp", author, (to,)))
        after = database.read_now(lambda tx: tx.reads.get(1))
        assert (after.status, after.people, after.requester, after.assignee, after.merged_into, after.spam) == (
            before.status,
            before.people,
            before.requester,
            before.assignee,
            before.merged_into,
            before.spam,
        )
        entries = database.read_now(lambda tx: tx.reads.entries(1))
        assert [e.kind.value for e in entries[:1]] == ["correspondence"]
        assert all(e.collapsed and e.kind.value in ("comment", "automatic", "report") for e in entries[1:])
        # Nobody but the agents hears of ticket 1 again, and no mail about it goes to a stranger.
        about = database.read_now(lambda tx: tx.outbox.recent(ticket=1, limit=500))
        assert {r.recipient for r in about[: len(about) - sent]} <= {"anna@example.com", "bob@example.com"}
        database.close_now()

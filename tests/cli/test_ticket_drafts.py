"""`replydesk ticket drafts` lists what agents wrote that waits, and ends what nobody wants."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.mail.message import Envelope
from storage import raw
from tests.cli.conftest import Shop

ANNA = Envelope("smtp", "anna@example.com", ("support@example.com",), "192.0.2.1")
MAIL = """\
From: Anna Agent <anna@example.com>
To: support@example.com
Subject: Lamp
Message-ID: <draft@example.com>

#to karl@customer.example

It is ready.
"""


def test_drafts_are_listed_and_dropped(shop: Shop) -> None:
    """Each with its agent, its reason and until when it waits; a dropped one is gone from the list."""
    now = datetime.now(UTC)
    id = shop.database.write_now(lambda tx: tx.journal.append(ANNA, raw.pack(MAIL.encode()), now))
    shop.database.write_now(lambda tx: shop.desk.handle(tx, id, shop.desk.read(MAIL.encode(), ANNA), now))
    (draft,) = shop.json("ticket", "drafts")
    assert (draft["agent"], draft["ticket"], draft["reason"], draft["subject"]) == (
        "anna@example.com",
        None,
        "no-proof",
        "Lamp",
    )
    assert "Lamp" in shop.out("ticket", "drafts")
    assert shop.json("ticket", "drafts", "--drop", str(draft["id"])) == []
    assert "no draft" in shop.refused("ticket", "drafts", "--drop", str(draft["id"]))

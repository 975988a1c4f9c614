"""The keys programs rely on. This table is the interface: a key may be added here, none renamed or removed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import REQUEST, Shop
from tests.conftest import NOW

ENTRY = "id kind author body_text reply_text attachments message_id created_at reason evidence"
TICKET = (
    "number reference subject status requester mailbox assignee created_at last_activity_at closed_by "
    "participants advisers snoozed_until tags entries"
)
JOURNAL = "id state reason cause received_at source reverse_path recipients size sha256 ticket"
OUTBOX = "id state notice recipient ticket message_id attempts last_reply next_attempt_at"
CONTACT = "address name language created_at invited_at registered_at undeliverable_since"
EXPLAINED = (
    "file author to cc subject body_text reply_text body_html attachments message_id in_reply_to references defects "
    "kind rule reason report match decision"
)
DECISION = "reason attach reopen acknowledge notify ticket new_ticket status entry notices hold"


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("ticket list", TICKET),
        ("ticket show 1", TICKET),
        ("ticket status 1 solved", TICKET),
        ("ticket close 1", TICKET),
        ("journal list", JOURNAL),
        ("journal show 1", JOURNAL),
        ("outbox list", OUTBOX),
        ("outbox show 1", OUTBOX),
        ("contact list", CONTACT),
        ("contact show erika@customer.example", f"{CONTACT} further_addresses"),
        ("stats", "tickets journal outbox tags failing late_jobs oldest_waiting disk ratings probes jobs alarms"),
        ("audit", "ok counts findings"),
    ],
)
def test_keys(shop: Shop, words: str, keys: str) -> None:
    """Exactly these, in this order, for each element."""
    found = shop.json(*words.split())
    for one in found if isinstance(found, list) else [found]:
        assert list(one) == keys.split()


def test_keys_of_a_job(shop: Shop) -> None:
    """What it did stands beside when it ran; while it fails, why."""
    shop.database.write_now(lambda tx: tx.jobs.ran("tickets", NOW, NOW))
    shop.database.write_now(lambda tx: tx.jobs.did("tickets", "2 tickets moved", NOW))
    shop.database.write_now(lambda tx: tx.jobs.fail("ratings", "failed: ValueError: x", NOW))
    failed, well = shop.json("stats")["jobs"]
    assert list(well) == "name last_run next_run outcome outcome_at failing_since".split()
    assert well["outcome_at"] == well["next_run"] == well["last_run"] == failed["failing_since"]
    shown = shop.out("stats")
    assert re.search(r"tickets .* 2 tickets moved \(2026-03-02 ", shown)
    assert re.search(r"ratings .* failed: ValueError: x \(since 2026-03-02 ", shown)


def test_keys_inside_a_ticket(shop: Shop) -> None:
    ticket = shop.json("ticket", "show", "1")
    assert list(ticket["requester"]) == ["address", "name"]
    assert [list(p) for p in ticket["participants"]] == [["address", "name"]]
    (entry,) = ticket["entries"]
    assert list(entry) == ENTRY.split()
    assert list(entry["author"]) == ["address", "name", "role"]
    assert entry["attachments"] == [{"filename": "log.txt", "content_type": "text/plain", "size": 9}]
    assert entry["reply_text"] == entry["body_text"] == "Guten Tag,\n\nunser Drucker druckt [bold]nicht[/bold]."
    assert re.fullmatch(r"RD-1-[2-9A-Z]{6}", ticket["reference"])


def test_keys_of_an_explanation(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_text(REQUEST, "utf-8")
    found = shop.json("explain", str(tmp_path / "mail.eml"))
    assert list(found) == EXPLAINED.split()
    assert list(found["decision"]) == DECISION.split()
    assert list(found["match"]) == ["ticket", "evidence"]


def test_json_is_utf8_and_times_are_utc(shop: Shop) -> None:
    """Letters stand for themselves; times end in Z, whatever time zone the site is in."""
    text = shop.out("ticket", "show", "1", "--json")
    assert "über" in text
    found: dict[str, Any] = json.loads(text)
    assert found["created_at"] == found["entries"][0]["created_at"] == "2026-03-02T09:30:00Z"
    assert text.count("\n") == 1

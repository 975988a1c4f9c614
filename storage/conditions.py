"""Which rows an index of some is over. SQLite uses it only for a query that repeats these very words."""

from __future__ import annotations

OUTBOX_WAITING = "state NOT IN ('sent', 'failed', 'recalled')"
OUTBOX_CLAIMED = "claimed_until IS NOT NULL"
OUTBOX_KEPT = "data IS NOT NULL AND state IN ('sent', 'failed', 'recalled')"
OUTBOX_ENDED = "state IN ('failed', 'recalled')"
RAW_KEPT = "data IS NOT NULL"
BOUNCES = "undeliverable_since IS NOT NULL"
JOURNAL_DUPLICATE = "reason = 'duplicate'"

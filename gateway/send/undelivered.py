"""A mail of ours failed for good: shown on its ticket, and agents are told if it was for a customer."""

from __future__ import annotations

from datetime import datetime

from gateway.core import machines, thread
from gateway.core.notice import Audience
from gateway.flow import Desk
from storage.tx import Tx


def undelivered(desk: Desk, tx: Tx, outbox_id: int, reply: str, now: datetime) -> None:
    """`reply` is the relay's last one. A 5xx about a customer makes automatic mail to that address pause."""
    row = tx.outbox.get(outbox_id)
    if row.audience == Audience.OPERATOR.value:
        return
    if reply[:1] == "5" and row.audience == Audience.CUSTOMER.value:
        tx.contacts.set_undeliverable(row.recipient, now)
    if not row.ticket:
        return
    sent = tx.threads.known(thread.ThreadKeys(reported=(thread.of_outbox(row.named),))).sent
    assert sent is not None
    decision = machines.undelivered(tx.reads.current(row.ticket), desk.policy, sent, row.audience, reply)
    desk.effects.apply(tx, decision, f"undelivered:{outbox_id}:{now.isoformat()}", now)

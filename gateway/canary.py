"""The canary: now and then a mail goes out to ourselves, and whoever runs this hears when it does not come back.

By two ways: a mail to the operator, which may be stopped by the very fault, and a line in the log at
level error. One alarm while it lasts (again each hour), one all-clear.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from gateway.core import canary
from gateway.core.canary import Probe
from gateway.core.policy import Mailbox
from gateway.flow import Desk
from storage.tx import Tx

if TYPE_CHECKING:
    from gateway.jobs import Site

log = logging.getLogger("replydesk.canary")

EVERY = timedelta(minutes=1)
"""How often it is looked whether a probe is due, back, or missing."""
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a probe went."""

    probe: Probe
    outcome: str
    faults: tuple[str, ...] = ()


async def probe(site: Site) -> str:
    """Judge what came back and what did not, then send what is due. 0 minutes: never."""
    settings, now = site.settings.canary, site.clock()
    if not settings.every_minutes:
        return ""
    patience = timedelta(minutes=settings.alarm_after_minutes)
    verdicts = await site.database.write(partial(_judge, desk=site.desk, patience=patience, now=now))
    for verdict in verdicts:
        _tell(verdict)
    sent = 0
    for box in site.desk.policy.mailboxes:
        since = now - timedelta(minutes=settings.every_minutes)
        sent += await site.database.write(partial(_send, desk=site.desk, box=box, since=since, now=now))
    await site.database.write(lambda tx: tx.probes.prune(now - KEPT, now))
    if sent or verdicts:
        site.wake()
    failed = [v for v in verdicts if v.outcome != "well"]
    said = [f"{sent} sent"] * bool(sent) + [f"{v.probe.mailbox}: {v.outcome}" for v in failed]
    return ", ".join(said)


def _send(tx: Tx, desk: Desk, box: Mailbox, since: datetime, now: datetime) -> int:
    tx.tickets.serialise([f"canary:{box.key}"])
    if not tx.probes.is_due(box.address, since):
        return 0
    id = tx.probes.add(box.address, now)
    outbox_id = desk.send_probe(tx, box, id, now)
    if outbox_id:
        tx.probes.sent(id, outbox_id)
    return 1


def _judge(tx: Tx, desk: Desk, patience: timedelta, now: datetime) -> list[Verdict]:
    """Write down how each went; alarm and all-clear are decided by the newest of a mailbox only."""
    found = []
    for one in tx.probes.unsettled(now - patience):
        verdict = _verdict(one, patience)
        if tx.probes.is_newest(one):
            _alarm(tx, desk, verdict, now)
        tx.probes.settle(one.id, verdict.outcome)
        found.append(verdict)
    return found


def _verdict(one: Probe, patience: timedelta) -> Verdict:
    if one.round_trip is None:
        return Verdict(one, "missing")
    late = ("late",) if one.round_trip > patience else ()
    outcome = "altered" if one.faults else "late" if late else "well"
    return Verdict(one, outcome, (*one.faults, *late))


def _alarm(tx: Tx, desk: Desk, verdict: Verdict, now: datetime) -> None:
    box, sent = verdict.probe.mailbox, f"{verdict.probe.sent_at:%Y-%m-%d %H:%M} UTC"
    key = f"canary:{box}"
    if verdict.outcome == "well":
        desk.all_clear(tx, key, f"Probes to {box} come back as they were sent, the newest one of {sent}.", now)
    elif verdict.outcome == "missing":
        text = (
            f"The probe of {sent} to {box} has not come back: mail of ours does not get out, or mail to us does not "
            "get in. Look for it in `replydesk outbox list`, in the relay's log, and where mail comes in."
        )
        desk.alarm(tx, key, text, now)
    else:
        desk.alarm(tx, key, f"The probe of {sent} to {box} came back altered: {canary.in_words(verdict.faults)}.", now)


def _tell(verdict: Verdict) -> None:
    """The second way, and the figures: `metrics` reads them here."""
    one = verdict.probe
    fields = {"mailbox": one.mailbox, "probe": one.id, "sent_at": one.sent_at, "outcome": verdict.outcome}
    if one.round_trip is not None:
        fields["seconds"] = one.round_trip.total_seconds()
    if verdict.outcome == "well":
        log.info("probe came back", extra=fields)
    else:
        log.error("probe failed", extra=fields | {"faults": list(verdict.faults)})

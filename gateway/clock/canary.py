"""The canary: now and then a mail goes out to ourselves, and whoever runs this hears when it does not come back.

By more ways than one, for the mail to the operator may be stopped by the very fault: a line in the log
at level error, the health page, the figures. One alarm while it lasts (again each hour), one all-clear.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from gateway.clock.context import JobContext, JobStatus, ProbeStatus
from gateway.core import probe
from gateway.core.compose import Scene, compose
from gateway.core.kept import Probe
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Mailbox
from gateway.core.token import Named
from gateway.flow import Desk
from gateway.mail.message import Address
from storage.alarms import CANARY
from storage.tx import Tx

log = logging.getLogger("replydesk.canary")

EVERY = timedelta(minutes=1)
"""How often it is looked whether a probe is due, back, or missing."""
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ProbeVerdict:
    """How a probe went."""

    probe: Probe
    outcome: str
    faults: tuple[str, ...] = ()


async def send_probe(context: JobContext) -> str | None:
    """Judge what came back and what did not, then send what is due. 0 minutes: never."""
    settings, now = context.settings.canary, context.clock()
    boxes = context.desk.policy.mailboxes if settings.every_minutes else ()
    await _refresh(context, boxes, now)
    if not boxes:
        return None
    patience = timedelta(minutes=settings.alarm_after_minutes)
    verdicts = await context.database.write(partial(_judge, desk=context.desk, patience=patience, now=now))
    for verdict in verdicts:
        _tell(verdict)
    sent = 0
    for box in boxes:
        since = now - timedelta(minutes=settings.every_minutes)
        sent += await context.database.write(partial(_send, desk=context.desk, box=box, since=since, now=now))
    await context.database.write(lambda tx: tx.probes.prune(now - KEPT, now))
    if sent or verdicts:
        context.wake()
        await _refresh(context, boxes, now)
    said = [f"{sent} sent"] * bool(sent) + [f"{v.probe.mailbox}: {v.outcome}" for v in verdicts]
    return ", ".join(said)


async def _refresh(context: JobContext, boxes: Sequence[Mailbox], now: datetime) -> None:
    """Figures of each mailbox; an alarm about one that gets no probes any more would stand for ever."""
    newest, standing = await context.database.read(lambda tx: (tx.probes.latest(), [a.key for a in tx.alarms.open()]))
    watched = {_alarm_key(box.address): box.address for box in boxes}
    for key in standing:
        if key.startswith(CANARY) and key not in watched:
            await context.database.write(partial(_forget_alarm, key=key, now=now))
    show(context.status, [box.address for box in boxes], newest, standing)


def show(status: JobStatus, mailboxes: Iterable[str], newest: Iterable[Probe], standing: Iterable[str]) -> None:
    """Into the figures: how the newest probes of these mailboxes did, given the keys of the alarms that stand."""
    took, watched = {one.mailbox: one.round_trip for one in newest}, set(mailboxes)
    shown = status.canaries
    shown.update({box: ProbeStatus(took.get(box), _alarm_key(box) in standing) for box in watched})
    for gone in shown.keys() - watched:
        del shown[gone]


def _forget_alarm(tx: Tx, key: str, now: datetime) -> None:
    tx.alarms.clear(key, now)


def _send(tx: Tx, desk: Desk, box: Mailbox, since: datetime, now: datetime) -> int:
    tx.threads.serialise([f"canary:{box.key}"])
    if not tx.probes.is_due(box.address, since, now):
        return 0
    named = tx.probes.add(box.address, now)
    outbox_id = _put_in_line(tx, desk, box, named, now)
    if outbox_id:
        tx.probes.sent(named.number, outbox_id)
    return 1


def _put_in_line(tx: Tx, desk: Desk, box: Mailbox, named: Named, now: datetime) -> int | None:
    """The one mail of ours that goes to an address of ours. Id of the outbox row."""
    policy = desk.policy
    to = Address(probe.address(policy, box, named), box.name)
    request = NoticeRequest(Notice.CANARY, to, Audience.OPERATOR, probe.subject(policy, named))
    made = compose(request, Scene(now, f"canary:{named}", text=probe.text(policy, named)), policy)
    return desk.notices.put(tx, replace(made, from_=Address(box.address, box.name), reverse_path=box.address), now)


def _judge(tx: Tx, desk: Desk, patience: timedelta, now: datetime) -> list[ProbeVerdict]:
    """Write down how each went; alarm and all-clear are decided by the newest of a mailbox only."""
    found = []
    for one in tx.probes.unsettled(now - patience):
        verdict = _verdict(one, patience)
        if tx.probes.is_newest(one):
            _alarm(tx, desk, verdict, now)
        tx.probes.settle(one.id, verdict.outcome)
        found.append(verdict)
    return found


def _verdict(one: Probe, patience: timedelta) -> ProbeVerdict:
    if one.round_trip is None:
        return ProbeVerdict(one, "missing")
    late = ("late",) if one.round_trip > patience else ()
    outcome = "altered" if one.faults else "late" if late else "well"
    return ProbeVerdict(one, outcome, (*one.faults, *late))


def _alarm(tx: Tx, desk: Desk, verdict: ProbeVerdict, now: datetime) -> None:
    box, sent = verdict.probe.mailbox, f"{verdict.probe.sent_at:%Y-%m-%d %H:%M} UTC"
    key = _alarm_key(box)
    if verdict.outcome == "well":
        desk.operator.all_clear(tx, key, f"Probes to {box} come back as they were sent, the newest one of {sent}.", now)
    elif verdict.outcome == "missing":
        text = (
            f"The probe of {sent} to {box} has not come back: mail of ours does not get out, or mail to us does not "
            "get in. Look for it in `replydesk outbox list`, in the relay's log, and where mail comes in."
        )
        desk.operator.alarm(tx, key, text, now)
    else:
        desk.operator.alarm(
            tx, key, f"The probe of {sent} to {box} came back altered: {probe.in_words(verdict.faults)}.", now
        )


def _alarm_key(mailbox: str) -> str:
    return f"{CANARY}{mailbox}"


def _tell(verdict: ProbeVerdict) -> None:
    """The second way; `metrics` counts them here."""
    one = verdict.probe
    fields = {"mailbox": one.mailbox, "probe": one.id, "sent_at": one.sent_at, "outcome": verdict.outcome}
    if one.round_trip is not None:
        fields["seconds"] = one.round_trip.total_seconds()
    if verdict.outcome == "well":
        log.info("probe came back", extra=fields)
    else:
        log.error("probe failed", extra=fields | {"faults": list(verdict.faults)})

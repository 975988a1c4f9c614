"""Figures for Prometheus, on a port of their own and from a thread of their own.

Mail events are counted where they are told already: in the log. Nothing else has to know that
anybody counts. No figure names a person.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, start_wsgi_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.clock.context import JobStatus
from gateway.clock.liveness import Source
from gateway.clock.vitals import Look

LAG_SECONDS = 1.0

_PROBED = ("probe came back", "probe failed")
_DELIVERIES = ("sent", "deferred", "uncertain", "failed")


class Metrics(logging.Handler):
    """Counts mail events as they are logged, and shows them beside what it is asked to look at."""

    def __init__(self, sources: Callable[[], Iterable[Source]], status: JobStatus, look: Callable[[], Look]) -> None:
        super().__init__(logging.INFO)
        self.registry = CollectorRegistry(auto_describe=True)
        self._accepted = self._counter("mails_accepted", "Mails written into the journal", "source")
        self._decided = self._counter("mails_decided", "Mails the flow has decided about", "kind")
        self._held = self._counter("mails_held", "Mails set aside for the operator")
        self._deliveries = self._counter("deliveries", "Tries to send a mail, by how they ended", "outcome")
        self._missed = self._counter("mails_not_taken", "Mails that had to stay in their folder", "source")
        self._probes = self._counter("probes", "Mails sent to ourselves, by how they came back", "outcome")
        self._lag = Gauge("replydesk_loop_lag_seconds", "How late the event loop is", registry=self.registry)
        for outcome in _DELIVERIES:
            self._deliveries.labels(outcome)
        self.registry.register(_SourceFigures(sources))
        self.registry.register(_JobFigures(status))
        self.registry.register(_Vitals(look))

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"replydesk_{name}", told, labels, registry=self.registry)

    def emit(self, record: logging.LogRecord) -> None:
        event = record.msg
        if event == "journaled":
            self._accepted.labels(_way(getattr(record, "source", ""))).inc()
        elif event == "decided":
            self._decided.labels(getattr(record, "kind", "")).inc()
        elif event == "held":
            self._held.inc()
        elif event == "mail not taken":
            self._missed.labels(_way(getattr(record, "source", ""))).inc()
        elif event in _PROBED:
            self._probes.labels(getattr(record, "outcome", "")).inc()
        elif event in _DELIVERIES and record.name == "replydesk.send":
            self._deliveries.labels(event).inc()

    def count(self, event: Mapping[str, str]) -> None:
        """An event of another process, by the fields of its line in the log."""
        self.emit(logging.makeLogRecord(dict(event)))

    def serve(self, host: str, port: int) -> Served:
        """Answer on a port, in the text format. Raises `OSError`. Counting begins."""
        logging.getLogger("replydesk").addHandler(self)
        return Served(self, *start_wsgi_server(port, host, self.registry))

    async def measure_lag(self) -> None:
        """Until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(LAG_SECONDS)
            self._lag.set(max(0.0, time.monotonic() - began - LAG_SECONDS))


class Served:
    """The open port."""

    def __init__(self, metrics: Metrics, server: WSGIServer, thread: threading.Thread) -> None:
        self._metrics, self._server, self._thread = metrics, server, thread
        self.port: int = server.server_port

    def close(self) -> None:
        logging.getLogger("replydesk").removeHandler(self._metrics)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2)


class _SourceFigures(Collector):
    """How polled folders do, at the moment somebody asks."""

    def __init__(self, sources: Callable[[], Iterable[Source]]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        looked = GaugeMetricFamily(
            "replydesk_source_last_look_age_seconds", "Since the last look that succeeded", labels=["source"]
        )
        mail = GaugeMetricFamily("replydesk_source_last_mail_age_seconds", "Since the last mail", labels=["source"])
        failing = GaugeMetricFamily("replydesk_source_failing", "1 while looks fail", labels=["source"])
        for source in list(self._sources()):
            failing.add_metric([source.name], float(source.failing_since is not None))
            for family, at in ((looked, source.looked_at), (mail, source.mail_at)):
                if at is not None:
                    family.add_metric([source.name], max(0.0, time.time() - at.timestamp()))
        yield from (looked, mail, failing)


class _JobFigures(Collector):
    """What the jobs of the clock did last, and how the probes do."""

    def __init__(self, status: JobStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        ran = GaugeMetricFamily(
            "replydesk_job_last_run_timestamp_seconds", "When a job of the clock ran last", labels=["job"]
        )
        due = GaugeMetricFamily("replydesk_job_next_run_timestamp_seconds", "When it is due next", labels=["job"])
        broken = GaugeMetricFamily("replydesk_job_failing", "1 while its runs fail", labels=["job"])
        for row in list(self._status.jobs.values()):
            due.add_metric([row.name], row.due_at.timestamp())
            broken.add_metric([row.name], float(row.failing_since is not None))
            if row.ran_at is not None:
                ran.add_metric([row.name], row.ran_at.timestamp())
        seconds = GaugeMetricFamily(
            "replydesk_probe_seconds", "How long the newest probe that came back was on its way", labels=["mailbox"]
        )
        silent = GaugeMetricFamily(
            "replydesk_canary_failing", "1 while probes are missing or altered", labels=["mailbox"]
        )
        for mailbox, one in list(self._status.canaries.items()):
            silent.add_metric([mailbox], float(one.failing))
            if one.round_trip is not None:
                seconds.add_metric([mailbox], one.round_trip.total_seconds())
        yield from (ran, due, broken, seconds, silent)


class _Vitals(Collector):
    """What health pages judge by, as figures; the newest look, a quarter of a minute old at most."""

    def __init__(self, look: Callable[[], Look]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        look = self._look()
        yield _gauge("database_up", "1 while the database takes what is written", float(look.writable))
        yield _gauge("takes_mail", "1 while mail is accepted", float(look.takes_mail))
        failing = _gauge("room_failing", "1 for each room the health page names", labels=["room"])
        for room in look.failing:
            failing.add_metric([room], 1.0)
        yield failing
        if look.disk is not None:
            yield _gauge("disk_free_bytes", "Left on the disk of data_dir", look.disk.free)
            yield _gauge("disk_bytes", "All of it", look.disk.total)
        found = look.backlog
        if found is None:
            return
        yield _gauge("relay_away", "1 while no mail can be sent", float("relay" in found.rooms))
        yield _gauge("alarms_open", "Alarms that stand", len(found.alarms))
        yield _gauge("jobs_late", "Jobs of the clock that fail or did not run", len(found.late))
        for room, states, oldest in (
            ("journal", found.journal, found.journal_oldest),
            ("outbox", found.outbox, found.outbox_oldest),
        ):
            mails = _gauge(f"{room}_mails", "Mails that are not through, by state", labels=["state"])
            for state, count in states.items():
                mails.add_metric([state], count)
            age = max(0.0, time.time() - oldest.timestamp()) if oldest else 0.0
            yield from (mails, _gauge(f"{room}_oldest_seconds", "How long the oldest of them waits", age))


def _gauge(name: str, told: str, value: float | None = None, labels: Sequence[str] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"replydesk_{name}", told, value=value, labels=labels or None)


def _way(source: str) -> str:
    """`imap` for `imap:support@example.com`: which mailbox it was is told by the folders' own figures."""
    return source.partition(":")[0]

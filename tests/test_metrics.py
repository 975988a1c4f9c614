"""Figures for Prometheus: what the log tells is counted, what is asked about is measured."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import pytest

from gateway.clock.context import JobStatus
from gateway.clock.liveness import Source
from gateway.clock.metrics import Metrics
from gateway.clock.vitals import Look


@pytest.fixture
def sources() -> list[Source]:
    return [Source("imap:support@example.com", timedelta(minutes=15))]


@pytest.fixture
def url(sources: list[Source]) -> Iterator[str]:
    served = Metrics(lambda: sources, JobStatus(), Look).serve("127.0.0.1", 0)
    logging.getLogger("replydesk").setLevel(logging.INFO)
    yield f"http://127.0.0.1:{served.port}/metrics"
    served.close()


def figures(url: str) -> dict[str, float]:
    with urlopen(url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if not x.startswith("#"))}


def test_events_are_counted(url: str) -> None:
    """One event in the log is one in the figures."""
    log = logging.getLogger("replydesk.worker")
    log.info("journaled", extra={"source": "imap:support@example.com"})
    log.info("journaled", extra={"source": "smtp"})
    log.info("decided", extra={"kind": "correspondence"})
    log.info("held")
    send = logging.getLogger("replydesk.send")
    send.info("sent")
    send.warning("uncertain")
    logging.getLogger("replydesk.receive").info("deferred")
    found = figures(url)
    assert found['replydesk_mails_accepted_total{source="imap"}'] == 1
    assert found['replydesk_mails_accepted_total{source="smtp"}'] == 1
    assert found['replydesk_mails_decided_total{kind="correspondence"}'] == 1
    assert found["replydesk_mails_held_total"] == 1
    outcomes = {"sent": 1, "deferred": 0, "uncertain": 1, "failed": 0}
    assert {o: found[f'replydesk_deliveries_total{{outcome="{o}"}}'] for o in outcomes} == outcomes


def test_sources_are_measured_when_asked(url: str, sources: list[Source]) -> None:
    """The age of the last look grows by itself; a failing source says so."""
    name = '{source="imap:support@example.com"}'
    assert f"replydesk_source_last_look_age_seconds{name}" not in figures(url)
    past = datetime.now(UTC) - timedelta(seconds=90)
    sources[0] = Source("imap:support@example.com", timedelta(minutes=15), past, None, past)
    found = figures(url)
    assert 90 <= found[f"replydesk_source_last_look_age_seconds{name}"] < 150
    assert found[f"replydesk_source_failing{name}"] == 1


def test_counting_ends_with_the_port(sources: list[Source]) -> None:
    """Nothing is left behind in the log."""
    before = list(logging.getLogger("replydesk").handlers)
    Metrics(lambda: sources, JobStatus(), Look).serve("127.0.0.1", 0).close()
    assert logging.getLogger("replydesk").handlers == before

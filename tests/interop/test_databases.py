"""Several machines: a primary that dies, a pooler in front of the server."""

from __future__ import annotations

import smtplib
from pathlib import Path

import pytest

from storage.audit import audit
from storage.database import Database
from tests.interop import postgres
from tests.site import Site, running, until

SUBJECTS = "Printer Invoice Password Parking Holiday Coffee Elevator Contract Delivery Heating Garden Website".split()
MAILS = len(SUBJECTS) // 2


def send(site: Site, number: int) -> bool:
    """Whether the daemon took the mail; a peer that heard 451, or nothing, tries again."""
    who, word = f"kim@customer{number}.example", SUBJECTS[number]
    mail = f"From: {who}\r\nSubject: {word}\r\nMessage-ID: <{number}@customer.example>\r\n"
    try:
        with smtplib.SMTP("127.0.0.1", site.smtp, timeout=20) as peer:
            peer.sendmail(who, "support@example.com", f"{mail}\r\nThe {word.lower()} burns.\r\n")
    except (smtplib.SMTPException, OSError):
        return False
    return True


def settled(database: Database) -> bool:
    """Every mail is decided about."""
    counts = database.read_now(lambda tx: tx.journal.counts())
    return counts["settled"] >= 2 * MAILS and not counts["pending"]


def test_a_primary_dies_and_the_standby_goes_on(tmp_path: Path) -> None:
    """No hand: the daemon finds the new primary by itself, and whatever it took is there, once."""
    if why := postgres.missing():
        pytest.skip(why)
    with postgres.pair() as (primary, standby):
        site = Site(tmp_path, postgres.either(primary, standby))
        with running(site):
            assert [send(site, n) for n in range(MAILS)] == [True] * MAILS
            primary.die()
            refused = send(site, MAILS)
            standby.promote()
            for n in range(MAILS, 2 * MAILS):
                until(lambda n=n: send(site, n), seconds=120, every=0.5)  # type: ignore[misc]  # mypy knows no such lambda
            there = Database(standby.url("replydesk"), tmp_path)
            until(lambda: settled(there), seconds=120, every=0.5)
            assert site.process is not None
            assert site.process.poll() is None
            found = there.read_now(audit)
            tickets = there.read_now(lambda tx: tx.reads.search())
            there.close_now()
    assert not refused, "nothing is taken while there is nowhere to keep it"
    assert found.broken == ()
    assert sorted(t.subject for t in tickets) == sorted(SUBJECTS)


def test_a_daemon_behind_a_pooler(tmp_path: Path) -> None:
    """Transaction mode: each transaction may be another connection to the server; nothing is prepared on any."""
    if why := postgres.missing(pooler=True):
        pytest.skip(why)
    with postgres.pair() as (primary, _), postgres.pooled(primary) as url:
        site = Site(tmp_path, url)
        with running(site):
            for n in range(2 * MAILS):
                assert send(site, n)
            there = Database(primary.url("replydesk"), tmp_path)
            until(lambda: settled(there), seconds=120, every=0.5)
            assert there.read_now(audit).broken == ()
            there.close_now()
        assert primary.ask("SELECT count(*) FROM pg_stat_activity WHERE datname = 'replydesk'") <= 3

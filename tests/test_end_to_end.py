"""One real daemon process, a real SMTP client, a real sink: the main job from end to end."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.sink import Sink
from tests.site import Site, mail, running, until

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"


class BackgroundSink:
    """A sink in a thread of its own, for tests that block."""

    def __init__(self) -> None:
        self.sink = Sink()
        self._ready, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    async def _serve(self) -> None:
        async with self.sink.running():
            self._ready.set()
            while not self._stop.is_set():
                await asyncio.sleep(0.02)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def got(self, recipient: str, count: int = 1) -> list[EmailMessage]:
        """The mails to somebody, once there are that many."""

        def there() -> list[EmailMessage] | None:
            mails = [r for r in list(self.sink.received) if r.recipients == [recipient]]
            found: list[Any] = [message_from_bytes(r.content, policy=email_policy.default) for r in mails]
            return found if len(found) >= count else None

        return list(until(there))


@pytest.fixture
def sink() -> Iterator[BackgroundSink]:
    opened = BackgroundSink()
    yield opened
    opened.close()


def through(sink: BackgroundSink) -> str:
    return f'transport = "smtp"\nhost = "127.0.0.1"\nport = {sink.sink.port}'


def test_a_case_from_the_first_mail_to_the_reopening(tmp_path: Path, sink: BackgroundSink) -> None:
    """Mail in, acknowledgement and notice out, answer, command line, close, reopen; nothing is lost."""
    site = Site(tmp_path, send=through(sink))
    with running(site):
        site.send(mail("Printer is on fire", "Please help."))
        first = sink.got("kim@customer.example", 2)
        subjects = {str(m["Subject"]) for m in first}
        assert "Your access to the service portal" in subjects
        assert any(subject.startswith("Re: Printer is on fire [RD-1-") for subject in subjects)
        notice = sink.got("anna@example.com")[0]
        answer = mail("Re: it", "Use the extinguisher.", "anna@example.com", In_Reply_To=str(notice["Message-ID"]))
        site.send(answer, "anna@example.com")
        reply = sink.got("kim@customer.example", 3)[2]
        assert "Use the extinguisher." in str(reply.get_body(("plain",)).get_content())  # type: ignore[union-attr]
        assert reply["Auto-Submitted"] is None
        assert site.json("ticket", "show", "1")["status"] == "waiting_on_contact"
        assert site.run("ticket", "close", "1").returncode == 0
        sink.got("kim@customer.example", 4)
        site.send(mail("again", "It burns again.", In_Reply_To=str(reply["Message-ID"])))
        until(lambda: site.count("ticket WHERE number = 1 AND status = 'waiting_on_us'"))
        audit = site.run("audit")
        assert audit.returncode == 0, audit.stdout
        assert {r["state"] for r in site.json("journal", "list")} == {"settled"}
        assert site.stop() == 0


def test_sigterm_drains_and_a_second_start_goes_on(tmp_path: Path, sink: BackgroundSink) -> None:
    """Whoever heard 250 before the end is answered, before or after the restart; the exit is quick and clean."""
    site = Site(tmp_path, send=through(sink), extra="\n[limits]\nalike_mails = []\n")
    with running(site):
        for n in range(40):
            site.send(mail(f"Request {n}", author=f"user{n}@customer.example"), f"user{n}@customer.example")
        began = time.monotonic()
        assert site.stop() == 0
        assert time.monotonic() - began < 10
        site.start()
        until(lambda: len({m.recipients[0] for m in list(sink.sink.received)} - {"anna@example.com"}) == 40)
        assert len(site.json("ticket", "list", "--limit", "100")) == 40
        until(lambda: not site.count("outbox WHERE state <> 'sent'"))
        received = [m.message_id for m in list(sink.sink.received)]
        assert len(received) == len(set(received))
        assert site.run("audit").returncode == 0
        assert site.stop() == 0


def test_a_power_cut_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    """kill -9 in the middle: every mail that heard 250 is a ticket after the restart, once."""
    # Many people of one domain say nearly the same here; that this looks like a machine is not what it is about.
    site = Site(tmp_path, extra="\n[limits]\nalike_mails = []\n")
    accepted: list[str] = []
    with running(site):
        for cut in range(3):
            stop = threading.Event()

            def feed(cut: int = cut, stop: threading.Event = stop) -> None:
                n = 0
                while not stop.is_set():
                    n += 1
                    subject = f"cut {cut} mail {n}"
                    try:
                        site.send(mail(subject, author=f"u{cut}.{n}@customer.example"), f"u{cut}.{n}@customer.example")
                    except OSError:
                        return
                    accepted.append(subject)

            feeder = threading.Thread(target=feed)
            feeder.start()
            before = len(accepted)
            until(lambda before=before: len(accepted) >= before + 5)  # type: ignore[misc]
            site.kill()
            stop.set()
            feeder.join()
            site.start()
        until(lambda: site.run("stats", "--json").returncode == 0)
        until(lambda: not site.count("journal WHERE state = 'pending'"))
        subjects = [t["subject"] for t in site.json("ticket", "list", "--limit", "5000")]
        assert set(accepted) <= set(subjects)
        assert len(subjects) == len(set(subjects))
        assert len(accepted) > 10
        assert site.run("audit").returncode == 0
        assert site.stop() == 0


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real mails is not beside the project")
@pytest.mark.timeout(300)
def test_real_mails_end_settled_or_held(tmp_path: Path) -> None:
    """All feedable mails of the corpus into one daemon: none lost, no automatic one answered."""
    site = Site(tmp_path)
    records = [
        json.loads(line) for f in sorted(CORPUS.glob("*.jsonl")) for line in f.read_text("utf-8").splitlines() if line
    ]
    fed = 0
    with running(site):
        for record in records:
            if not record["smtp"]["feedable"]:
                continue
            data = (CORPUS / record["file"]).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            site.send(data, "" if record["expect"].get("is_bounce") else "someone@customer.example")
            fed += 1
        until(lambda: not site.count("journal WHERE state = 'pending'"), 120)
        rows = site.json("journal", "list", "--limit", "2000")
        assert len(rows) == fed
        assert {r["state"] for r in rows} <= {"settled", "held"}
        bounced = {r["id"] for r in rows if not r["reverse_path"]}
        answered = [o for o in site.json("outbox", "list", "--limit", "5000") if o["notice"] == "request_received"]
        assert answered
        reasons = {r["reason"] for r in rows if r["id"] in bounced}
        assert not reasons & {"new-request", "reply"}, reasons
        assert site.run("audit").returncode == 0
        assert site.stop() == 0


# --- what is wrong is said in one line -------------------------------------------------------


def _change(site: Site, old: str, new: str) -> None:
    text = site.config.read_text("utf-8")
    assert old in text
    site.config.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('data_dir = "var"', 'data_dri = "var"', "gateway.data_dri: unknown key. Did you mean 'data_dir'?"),
        ("support@example.com", "support at example", "mailboxes[0].address"),
        ('data_dir = "var"', 'data_dir = "var"\nsecret_file = "missing"', "gateway.secret_file"),
        ('database_url = ""', 'database_url = "postgresql+psycopg://x@127.0.0.1:9/x"', "database"),
        ('data_dir = "var"', 'data_dir = "var"\ntemplates_dir = "own"', "own/mail/en/reply.txt.j2:1"),
        ('transport = "file"', 'transport = "pigeon"', "send.transport"),
    ],
)
def test_a_wrong_configuration_is_one_clear_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    """The daemon does not start; it names the key, the file and the remedy, without a traceback."""
    site = Site(tmp_path)
    (tmp_path / "own" / "mail" / "en").mkdir(parents=True)
    (tmp_path / "own" / "mail" / "en" / "reply.txt.j2").write_text("{% if %}", "utf-8")
    _change(site, old, new)
    done = site.run("run")
    assert done.returncode not in (0, 2)
    lines = [line for line in done.stderr.splitlines() if line.startswith("replydesk: ")]
    assert len(lines) == 1, done.stderr
    assert said in lines[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("door", ["smtp", "portal"])
def test_a_port_in_use_is_named(tmp_path: Path, door: str) -> None:
    """The key of the door that cannot be opened stands in the line."""
    site = Site(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", getattr(site, door)))
        taken.listen()
        done = site.run("run")
    assert done.returncode == 1
    key = "receive.smtp.listen" if door == "smtp" else "portal.listen"
    assert re.search(rf"{re.escape(str(site.config))}:\d+: {re.escape(key)}: ", done.stderr)
    assert "Traceback" not in done.stderr


def test_a_second_daemon_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    """Two would send the same mails."""
    site = Site(tmp_path)
    with running(site):
        done = site.run("run")
        assert done.returncode == 1
        assert "another daemon runs" in done.stderr
        assert site.stop() == 0


def test_a_large_file_of_an_agent_arrives_whole(tmp_path: Path, sink: BackgroundSink) -> None:
    """Ten megabytes from the agent's mail to the customer's, byte by byte."""
    site = Site(tmp_path, send=through(sink))
    content = bytes(range(256)) * 40_960
    with running(site):
        site.send(mail("The plans, please"))
        notice = sink.got("anna@example.com")[0]
        answer = mail("Re: plans", "Here they are.", "anna@example.com", In_Reply_To=str(notice["Message-ID"]))
        answer.add_attachment(content, maintype="application", subtype="zip", filename="Pläne.zip")
        site.send(answer, "anna@example.com")
        reply = sink.got("kim@customer.example", 3)[2]
        files = list(reply.iter_attachments())
        assert [f.get_filename() for f in files] == ["Pläne.zip"]
        assert files[0].get_payload(decode=True) == content
        assert site.stop() == 0

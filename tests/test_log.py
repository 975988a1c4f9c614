"""The log: one event a line, for systemd's journal with its priority, and never a flood."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Callable, Iterator

import pytest

from gateway import log
from gateway.errors import StorageUnavailable, fault

Lines = Callable[[], list[str]]


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """What standard error got so far; afterwards the log is as it was."""
    root, house = logging.getLogger(), logging.getLogger("replydesk")
    before = list(root.handlers), root.level, house.level
    yield lambda: capfd.readouterr().err.splitlines()
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    house.setLevel(before[2])


def journal(monkeypatch: pytest.MonkeyPatch) -> None:
    at = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{at.st_dev}:{at.st_ino}")


@pytest.mark.parametrize("format", ["text", "json"])
def test_the_journal_learns_how_grave_it_is(format: str, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """As sd-daemon(3) has it; what else reads standard error gets no such prefix."""
    journal(monkeypatch)
    log.set_up(format)
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logging.getLogger("replydesk").log(level, "happened")
    assert [line[:3] for line in lines()] == ["<6>", "<4>", "<3>", "<2>"]
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    log.set_up(format)
    logging.getLogger("replydesk").info("happened")
    assert not lines()[0].startswith("<")


def test_one_event_is_one_line(lines: Lines) -> None:
    """With its traceback, and whatever a peer said."""
    log.set_up("text")
    try:
        raise ValueError('a "quoted"\nword')
    except ValueError:
        logging.getLogger("replydesk").exception("fault", extra={"said": 'x" level=error\n"', "plain": "a=b"})
    (line,) = lines()
    assert r'said="x\" level=error' in line
    assert 'plain="a=b"' in line
    assert r"ValueError: a \"quoted\"" in line


def test_a_file_has_what_happens(lines: Lines, tmp_path: os.PathLike[str]) -> None:
    """At the same levels as standard error."""
    path = os.path.join(tmp_path, "log")
    log.to_file(path)  # type: ignore[arg-type]  # a path as text does as well
    logging.getLogger("replydesk").info("happened")
    with open(path) as file:
        assert "info replydesk happened" in file.read()
    assert lines() == []


def test_peers_cannot_fill_the_log(lines: Lines) -> None:
    """So many lines a minute of one peer, so many of all; the next minute tells what was left out."""
    log.set_up("json")
    out = logging.getLogger("replydesk.receive")

    def say(event: str, remote: str, at: float) -> None:
        record = out.makeRecord(out.name, logging.INFO, "", 0, event, (), None, extra={"remote": remote})
        record.created = at
        out.handle(record)

    for _ in range(log.LINES_OF_A_PEER + 10):
        say("recipient rejected", "192.0.2.1", 1000.0)
    say("recipient rejected", "192.0.2.2", 1001.0)
    assert len(lines()) == log.LINES_OF_A_PEER + 1
    for n in range(log.LINES_IN_ALL):
        say("recipient rejected", f"192.0.2.{n}", 1002.0)
    assert len(lines()) == log.LINES_IN_ALL - log.LINES_OF_A_PEER - 1
    say("recipient rejected", "192.0.2.1", 1061.0)
    told, line = map(json.loads, lines())
    assert (told["event"], told["like"], told["lines"]) == ("lines left out", "recipient rejected", 71)
    assert line["remote"] == "192.0.2.1"


def test_every_mail_has_its_lines(lines: Lines) -> None:
    """What happens to mails is told however often, and other people's libraries are not."""
    log.set_up("text")
    for _ in range(log.LINES_IN_ALL + 5):
        logging.getLogger("replydesk.receive").info("accepted", extra={"remote": "192.0.2.1"})
        logging.getLogger("asyncio").error("socket.accept() out of system resource")
    found = lines()
    assert sum("accepted" in line for line in found) == log.LINES_IN_ALL + 5
    assert sum("out of system resource" in line for line in found) == log.LINES_IN_ALL


def test_a_fault_tells_what_the_system_says_of_it_and_no_word_of_a_mail() -> None:
    assert fault(OSError(errno.EMFILE, "Too many open files", "/spool/Hello"))["cause"] == "Too many open files"
    assert fault(StorageUnavailable("the database is locked"))["cause"] == "the database is locked"
    assert fault(ValueError("Dear Ines"))["cause"] == ""

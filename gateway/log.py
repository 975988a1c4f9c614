"""The log: one line per event on standard error, as text or JSON, for the journal of the system.

Events are in the past tense with their facts as fields. Never a secret, never a mail's text. What peers make us
say is counted: nobody fills the disk with it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
"""Of sd-daemon(3), by the level from which on they count."""


class _Lines(logging.Formatter):
    """`2026-03-02T09:30:00Z info replydesk.worker decided journal=17 ticket=4`

    `native`: for systemd's journal, which has the time itself and reads the priority from `<6>` before the line.
    """

    def __init__(self, *, native: bool = False) -> None:
        super().__init__()
        self._native = native

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={_plain(value)}" for name, value in _fields(record).items())
        time = _priority(record) if self._native else f"{_time(record)} "
        line = f"{time}{record.levelname.lower()} {record.name} {_one_line(record.getMessage())} {fields}"
        return line.rstrip() + _trace(self, record)


class _Json(logging.Formatter):
    def __init__(self, *, native: bool = False) -> None:
        super().__init__()
        self._native = native

    def format(self, record: logging.LogRecord) -> str:
        facts = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            facts["traceback"] = self.formatException(record.exc_info)
        return (_priority(record) if self._native else "") + json.dumps(facts, ensure_ascii=False, default=str)


LINES_OF_A_PEER, LINES_IN_ALL = 60, 600
"""A minute, of one event that peers bring about."""


class _Flood(logging.Filter):
    """Leaves out what comes too often, and tells how much that was."""

    def __init__(self) -> None:
        super().__init__()
        self._began = 0.0
        self._seen: Counter[tuple[str, str]] = Counter()
        self._left_out: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        if not 0 <= record.created - self._began < 60:
            self._begin(record.created)
        event = str(record.msg)
        if record.name.startswith("replydesk") and (record.name not in _ABOUT_PEERS or event == "accepted"):
            return True
        peer = str(getattr(record, "remote", "") or getattr(record, "client", ""))
        for key, most in (((event, ""), LINES_IN_ALL), ((event, peer), LINES_OF_A_PEER if peer else LINES_IN_ALL)):
            if self._seen[key] >= most:
                self._left_out[event.partition("\n")[0]] += 1
                return False
        self._seen.update({(event, ""), (event, peer)})
        return True

    def _begin(self, now: float) -> None:
        left_out, self._left_out, self._began = self._left_out, Counter(), now
        self._seen.clear()
        for event, lines in left_out.items():
            logging.getLogger("replydesk").warning("lines left out", extra={"like": event, "lines": lines})


_ABOUT_PEERS = ("replydesk.receive", "replydesk.portal")


def set_up(format: str) -> None:
    """Send every event to standard error in the given format (`text` or `json`)."""
    native = _is_journal(sys.stderr.fileno())
    _send_to(logging.StreamHandler(sys.stderr), _Json(native=native) if format == "json" else _Lines(native=native))


def to_file(path: Path) -> None:
    """Send every event into a file instead, as text."""
    _send_to(logging.FileHandler(path, encoding="utf-8"), _Lines())


def _send_to(handler: logging.Handler, formatter: logging.Formatter) -> None:
    handler.setFormatter(formatter)
    handler.addFilter(_Flood())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("replydesk").setLevel(logging.INFO)
    # No line names a place in the source, a thread or a process: looking for them is a third of what a line costs.
    logging._srcfile = None  # As the manual of `logging` says under "Optimization".
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _is_journal(descriptor: int) -> bool:
    """It leads to systemd's journal, which names it by device and inode (systemd.exec(5), $JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    at = os.fstat(descriptor)
    return (device, inode) == (str(at.st_dev), str(at.st_ino))


def _priority(record: logging.LogRecord) -> str:
    return f"<{next(number for level, number in _PRIORITIES if record.levelno >= level)}>"


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    # As strftime would write it, at a fifth of its time.
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _plain(value: object) -> str:
    text = _one_line(str(value))
    if text and not any(c in text for c in ' "='):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _one_line(text: str, most: int = 2000) -> str:
    # What a peer said may hold line ends; a log line must stay one line.
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text[:most]


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    lines = formatter.formatException(record.exc_info).splitlines()
    return f" traceback={_quoted(_one_line(' | '.join(line.strip() for line in lines), 8000))}"

"""The log: one line per event on standard error, as text or JSON, for the journal of the system.

Events are in the past tense with their facts as fields. Never a secret, never a mail's text.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Lines(logging.Formatter):
    """`2026-03-02T09:30:00Z info replydesk.worker decided journal=17 ticket=4`"""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={_plain(value)}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname.lower()} {record.name} {_one_line(record.getMessage())} {fields}"
        return line.rstrip() + _trace(self, record)


class _Json(logging.Formatter):
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
        return json.dumps(facts, ensure_ascii=False, default=str)


def set_up(format: str) -> None:
    """Send every event to standard error in the given format (`text` or `json`)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if format == "json" else _Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("replydesk").setLevel(logging.INFO)


def to_file(path: Path) -> None:
    """Send every event into a file instead, as text."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_Lines())
    logging.getLogger().handlers[:] = [handler]


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _plain(value: object) -> str:
    text = _one_line(str(value))
    return f'"{text}"' if " " in text or not text else text


def _one_line(text: str) -> str:
    # What a peer said may hold line ends; a log line must stay one line.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:2000]


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return "\n" + formatter.formatException(record.exc_info) if record.exc_info else ""

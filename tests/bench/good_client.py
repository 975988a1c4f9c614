"""`… good_client.py PORT PID`: sends a short mail every 0.3 seconds beside a load, and looks at the memory.

A process of its own, for in the one that makes the load it would wait for the interpreter. When standard input ends it
prints JSON: `seconds` each mail took, how many `failed`, and the `peak_mb` of the daemon PID with its children, as the
sum of their proportional sets, looked at 25 times a second.
"""

from __future__ import annotations

import contextlib
import json
import smtplib
import sys
import threading
import time
from pathlib import Path

PAUSE, LOOK = 0.3, 0.04
MAIL = "From: good@customer.example\r\nSubject: Good {0}\r\nMessage-ID: <g{0}@c>\r\n\r\nHello\r\n"


def proportional_mb(pid: int) -> float:
    """Of a process and its children, now."""
    family, total = [pid], 0
    for one in family:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                family += map(int, (thread / "children").read_text().split())
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


class Client:
    def __init__(self, port: int, pid: int) -> None:
        self._port, self._pid = port, pid
        self._over = threading.Event()
        self.seconds: list[float] = []
        self.failed, self.peak = 0, 0.0
        self._threads = [threading.Thread(target=run) for run in (self._send, self._look)]

    def run(self) -> None:
        for thread in self._threads:
            thread.start()
        sys.stdin.read()
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        number = 0
        while not self._over.wait(PAUSE):
            number, began = number + 1, time.monotonic()
            try:
                with smtplib.SMTP("127.0.0.1", self._port, timeout=30) as peer:
                    peer.sendmail("good@customer.example", ["support@example.com"], MAIL.format(number))
                self.seconds.append(time.monotonic() - began)
            except (OSError, smtplib.SMTPException):
                self.failed += 1

    def _look(self) -> None:
        while not self._over.wait(LOOK):
            self.peak = max(self.peak, proportional_mb(self._pid))


if __name__ == "__main__":
    client = Client(int(sys.argv[1]), int(sys.argv[2]))
    client.run()
    print(json.dumps({"seconds": client.seconds, "failed": client.failed, "peak_mb": client.peak}))

"""What `replydesk report` and `#report` take on a large desk: time, memory, and how long the write lock is held.

    python -m tests.bench.bench_report [TICKETS] [URL]      100,000 in a SQLite of its own; URL: an empty PostgreSQL

Tickets of a year with a first mail, two answers, a further mail and a reopening now and then, an even share of six
agents, three mailboxes and five tags, every twentieth open; rows are written as they would lie there, without texts.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from storage.database import Database
from storage.migrate import migrate
from storage.tables import CONTACT, ENTRY, RATING, TICKET

UNTIL = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAYS, SLICE, PEOPLE, AGENTS, BOXES = 365, 2_000, 5_000, 6, 3
TAGS = ("vip", "printer", "invoice", "return", "")


ROLES = ("requester", "agent", "requester", "agent", "requester")
BLANK_CONTACT = {"name": "", "language": "", "created_at": UNTIL, "password_hash": "", "links_used": 0}
BLANK_TICKET = dict.fromkeys(
    ("sub_status", "subject", "written_to", "language", "target", "closed_by", "snoozed_by", "snooze_note"), ""
) | {"spam": False, "old_marks": False, "sum": 0}
TEXTS = ("author_name", "body_text", "reply_text", "message_id", "reason", "evidence")
BLANK_ENTRY = dict.fromkeys(TEXTS, "") | {"side": 0, "collapsed": False, "attachments": [], "remarks": []}


def _entries(chance: random.Random, number: int, came: datetime) -> list[dict[str, Any]]:
    found, at = [], came
    for role in ROLES[: chance.choice((2, 4, 5))]:
        by = f"agent{number % AGENTS}@example.com" if role == "agent" else f"c{number % PEOPLE}@customer.example"
        said = {"kind": "correspondence", "event": "", "author_address": by, "author_role": role}
        found.append(BLANK_ENTRY | said | {"ticket": number, "created_at": at})
        at += timedelta(hours=chance.expovariate(0.2))
    if len(found) == len(ROLES):
        again = {"kind": "event", "event": "reopened", "author_address": "", "author_role": ""}
        found.append(BLANK_ENTRY | again | {"ticket": number, "created_at": at})
    return found


def _ticket(number: int, tag: str, came: datetime, active: datetime) -> dict[str, Any]:
    return BLANK_TICKET | {
        "number": number,
        "status": "closed" if number % 20 else "waiting_on_us",
        "mailbox": f"box{number % BOXES}@example.com",
        "requester_id": number % PEOPLE + 1,
        "requester_key": f"c{number % PEOPLE}@customer.example",
        "assignee": f"agent{number % AGENTS}@example.com",
        "created_at": came,
        "last_activity_at": active,
        "status_at": active,
        "tags": [tag] if tag else [],
        "birth": str(number),
    }


def fill(connection: Connection, count: int) -> None:
    chance = random.Random(1)
    people = [f"c{n}@customer.example" for n in range(PEOPLE)]
    connection.execute(insert(CONTACT), [BLANK_CONTACT | {"key": who, "address": who} for who in people])
    for first in range(1, count + 1, SLICE):
        tickets, entries, ratings = [], [], []
        for number in range(first, min(first + SLICE, count + 1)):
            came = UNTIL - timedelta(days=DAYS) * (1 - number / count)
            said = _entries(chance, number, came)
            active = said[-1]["created_at"]
            tickets.append(_ticket(number, chance.choice(TAGS), came, active))
            entries += said
            value = {"value": chance.randint(1, 5), "asked_at": active, "rated_at": active}
            ratings.append({"ticket": number, "scale": "five", "comment": "", "told": 0} | value)
        connection.execute(insert(TICKET), tickets)
        connection.execute(insert(ENTRY), entries)
        connection.execute(insert(RATING), ratings[::5])


CONFIG = """
[gateway]
data_dir = "{folder}"
database_url = "{url}"
operator = "root@example.com"
"""


def settings(folder: Path, url: str) -> Path:
    text = CONFIG.format(folder=folder, url=url)
    text += "".join(f'[[mailboxes]]\naddress = "box{n}@example.com"\nname = "Box {n}"\n' for n in range(BOXES))
    text += "".join(
        f'[[agents]]\naddress = "agent{n}@example.com"\nname = "Agent{n}"\nlead = {str(n == 0).lower()}\n'
        for n in range(AGENTS)
    )
    (folder / "secret").write_text("0123456789abcdef" * 4 + "\n")
    path = folder / "replydesk.toml"
    path.write_text(text)
    return path


def run(path: Path, *words: str, typed: str = "") -> str:
    """Seconds and peak memory of a command of ours."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    code = "import re, sys; from gateway.cli import main; code = main(sys.argv[1:]); "
    code += (
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "--config", str(path), *words]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.returncode == 0, done.stderr[-2000:]
    peak = int(done.stderr.split()[-1]) // 1024
    return f"{time.perf_counter() - begun:6.1f} s, CPU {cpu:6.1f} s, peak {peak} MB"


def main(count: int, url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="replydesk-report-") as folder:
        path = settings(Path(folder), url)
        database = Database(url, Path(folder))
        migrate(database)
        begun = time.perf_counter()
        with database.engine.begin() as connection:
            fill(connection, count)
        database.close_now()
        print(f"{count:,} tickets, filled in {time.perf_counter() - begun:.0f} s")
        period = {
            "30 days": ["--from", "2026-10-30", "--to", "2026-11-29"],
            "a year": ["--from", "2025-11-01", "--to", "2026-11-29"],
        }
        print("report --help:", run(path, "report", "--help"))
        for name, days in period.items():
            for by in ("", "agent", "mailbox", "tag", "week"):
                print(
                    f"report of {name} by {by or 'nothing'}:", run(path, "report", *days, *(["--by", by] if by else []))
                )
        for order in ("#help", "#report 2026-10-30 2026-11-29", "#report 2025-11-01 2026-11-29"):
            print(f"{order}:", run(path, "agent", "order", "agent0@example.com", typed=order))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, sys.argv[2] if len(sys.argv) > 2 else "")

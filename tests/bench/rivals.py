"""Replydesk beside its rivals: `python tests/bench/rivals.py [-n MAILS] [-r ROUNDS] [--stored MESSAGES] [--write]`.

The same mails for all, each acknowledged and told to one agent, over SMTP to the same relay, SQLite with synchronous
FULL. Rounds are interleaved; the table has medians. django-helpdesk and Roundup work as their own mail fetchers do: in
one process, without SMTP in, without a journal, without a queue that outlives them. With `--stored` so many messages
lie in each database before. `--write` puts the table into docs/performance.md. `make bench-rivals` installs them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import re
import shutil
import sqlite3
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from storage.database import Database
from storage.migrate import migrate
from tests.bench import bench_walk
from tests.bench.bench_flow import mails
from tests.bench.bench_walk import HERE, Relay

PYTHON = HERE / ".rivals/bin/python"
DOCUMENT = HERE / "docs/performance.md"
TEXT = "Where is my order? It was sent a week ago and nothing came. " * 20


def prepared(stored: int, folder: Path) -> None:
    """A database of ours with so many messages: tickets of two, each answered mail of ours sent long ago."""
    database = Database("", folder)
    migrate(database)
    database.close_now()
    moment = datetime(2024, 1, 1, tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S.000000")
    with sqlite3.connect(folder / "replydesk.sqlite3") as base:

        def add(table: str, values: dict[str, object], rows: range) -> None:
            """`values`: column → a value, or SQL over the number `n`."""
            known = base.execute(f"PRAGMA table_info({table})").fetchall()
            row: dict[str, object] = {}
            for _, name, kind, needed, default, key in known:
                if name in values:
                    row[name] = values[name]
                elif needed and default is None and not key:
                    row[name] = {"DATETIME": f"'{moment}'", "JSON": "'[]'", "BOOLEAN": "0", "INTEGER": "0"}.get(
                        kind, "''"
                    )
            columns, given = ", ".join(row), ", ".join(str(value) for value in row.values())
            base.execute(
                f"WITH RECURSIVE c(n) AS (SELECT {rows.start} UNION ALL SELECT n + 1 FROM c WHERE n < {rows.stop - 1}) "
                f"INSERT INTO {table} ({columns}) SELECT {given} FROM c"
            )

        tickets, messages = range(1, stored // 2 + 1), range(1, stored + 1)
        whose = "'old' || (n % 20000) || '@customer.example'"
        add("contact", {"id": "n + 1", "key": whose, "address": whose}, range(20_000))
        add(
            "ticket",
            {"number": "n", "status": "'waiting_on_contact'",
             "subject": "'Stored ' || n", "requester_id": "n % 20000 + 1",
             "requester_key": whose, "mailbox": "'support@example.com'", "birth": "'b' || n"},
            tickets,
        )  # fmt: skip
        add(
            "entry",
            {"id": "n", "ticket": "(n + 1) / 2", "kind": "'correspondence'", "author_role": "'requester'",
             "author_address": whose, "body_text": f"'{TEXT}'", "message_id": "'stored' || n || '@customer.example'"},
            messages,
        )  # fmt: skip
        add(
            "messageid",
            {"id": "n", "ticket": "(n + 1) / 2", "entry_id": "n", "message_id": "'stored' || n || '@customer.example'",
             "sha256": "'h' || n"},
            messages,
        )  # fmt: skip
        add(
            "journal",
            {"id": "n", "state": "'settled'", "ticket": "(n + 1) / 2", "sha256": "'s' || n",
             "settled_at": f"'{moment}'"},
            messages,
        )  # fmt: skip
        add(
            "outbox",
            {"id": "n", "state": "'sent'", "ticket": "(n + 1) / 2", "recipient": whose, "recipient_key": whose,
             "message_id": "'out' || n || '@example.com'", "sent_at": f"'{moment}'"},
            messages,
        )  # fmt: skip


async def ours(load: list[bytes], stored: Path | None) -> dict[str, float]:
    found = await bench_walk.run(f"{HERE}", load, stored)
    return {"rate": found.walked, "cpu": found.cpu, "out": found.sent}


async def theirs(script: str, load: list[bytes], stored: int, kept: Path) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(prefix="rival-"))
    (folder / "in").mkdir()
    for n, raw in enumerate(load):
        (folder / "in" / f"{n:06}.eml").write_bytes(raw)
    relay = await asyncio.get_running_loop().create_server(Relay, "127.0.0.1", 0)
    Relay.taken.clear()
    port = relay.sockets[0].getsockname()[1]
    words = [str(Path(__file__).with_name(script)), str(folder), str(folder / "in"), str(port), str(stored), str(kept)]
    try:
        process = await asyncio.create_subprocess_exec(str(PYTHON), *words, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
    finally:
        relay.close()
        shutil.rmtree(folder, ignore_errors=True)
    told = json.loads(said.splitlines()[-1])
    many = told["mails"]
    return {"rate": many / told["seconds"], "cpu": told["cpu"] / many * 1000, "out": len(Relay.taken) / len(load)}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("-n", type=int, default=300, help="mails of a run")
    words.add_argument("-r", type=int, default=5, help="rounds")
    words.add_argument("--stored", type=int, default=0, help="messages in each database before")
    words.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    asked = words.parse_args()
    load = mails(asked.n, random.Random(7))
    kept = Path(tempfile.mkdtemp(prefix="stored-"))
    store = kept / "ours" if asked.stored else None
    if store:
        store.mkdir()
        prepared(asked.stored, store)
    found: dict[str, list[dict[str, float]]] = {"Replydesk": [], "django-helpdesk": [], "Roundup": []}
    for number in range(asked.r):
        for name, runs in found.items():
            if name == "Replydesk":
                runs.append(asyncio.run(ours(load, store)))
            else:
                script = "rival_helpdesk.py" if name == "django-helpdesk" else "rival_roundup.py"
                runs.append(asyncio.run(theirs(script, load, asked.stored, kept / "roundup")))
            last = runs[-1]
            print(
                f"{number + 1} {name:16} load {os.getloadavg()[0]:4.1f}  {last['rate']:6.1f} mails/s  "
                f"{last['cpu']:6.2f} ms CPU a mail  {last['out']:.2f} out",
                flush=True,
            )
    shutil.rmtree(kept, ignore_errors=True)
    middle = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in found.items()
    }
    base = middle["Replydesk"]
    lines = [
        f"{asked.stored:,} messages stored before; {asked.n} mails, medians of {asked.r} interleaved rounds, "
        f"{os.cpu_count()} cores, CPython {platform.python_version()}, load average {os.getloadavg()[0]:.0f}:",
        "",
        "| | mails/s | CPU ms a mail | mails out for each | rate, Replydesk = 1 | CPU, Replydesk = 1 |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {m['rate']:.1f} | {m['cpu']:.1f} | {m['out']:.2f} | {m['rate'] / base['rate']:.2f} "
            f"| {m['cpu'] / base['cpu']:.2f} |"
            for name, m in middle.items()
        ),
    ]
    print("\n".join(lines))
    if asked.write:
        mark = f"rivals-{asked.stored}"
        page = DOCUMENT.read_text("utf-8")
        pattern = rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)"
        DOCUMENT.write_text(re.sub(pattern, lambda m: m[1] + "\n".join(lines) + "\n" + m[2], page, flags=re.S), "utf-8")


if __name__ == "__main__":
    main()

"""Roundup in its own virtual environment: `python rival_roundup.py FOLDER MAILS RELAY_PORT STORED KEPT`.

As its mail gateway does it, in one process: each mail is read, stored, answered to its author, and an agent on every
issue's nosy list is told, over SMTP. SQLite as Roundup opens it. STORED messages lie in the database before, which is
filled once, in KEPT, and copied. Prints seconds, CPU seconds and mails out.
"""

import argparse
import configparser
import email
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import roundup.instance
from roundup.mailgw import MailGW, RoundupMessage

folder, mails, port, stored, kept = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:5]), Path(sys.argv[5])
home = folder / "tracker"


def filled(home: Path) -> None:
    """A tracker with so many messages."""
    admin = [str(Path(sys.executable).with_name("roundup-admin")), "-i", str(home)]
    subprocess.run([*admin, "install", "classic", "sqlite"], check=True, capture_output=True)
    configured(home)
    with (home / "schema.py").open("a") as schema:
        schema.write("\ndb.security.addPermissionToRole('Anonymous', 'Email Access')\n")
        schema.write("db.security.addPermissionToRole('Anonymous', 'Register', 'user')\n")
    subprocess.run([*admin, "initialise", "secret"], check=True, capture_output=True)
    db = roundup.instance.open(str(home), 1).open("admin")
    db.user.create(username="anna", address="anna@example.com", roles="User")
    db.commit()
    text = "Where is my order? It was sent a week ago and nothing came. " * 20
    one = db.user.lookup("anna")
    for n in range(0, stored, 2):
        parts = [db.msg.create(content=text, author=one, messageid=f"<stored{n + k}@customer.example>") for k in (0, 1)]
        db.issue.create(title=f"Stored {n}", messages=parts, nosy=[])
        if n % 2_000 == 1_998:
            db.commit()
            print(f"\rRoundup: {n:,} of {stored:,} messages stored", end="", file=sys.stderr, flush=True)
    db.commit()
    db.close()
    print(file=sys.stderr)
    # Only now, or each of these would be told to her by mail.
    (home / "detectors" / "agent.py").write_text(
        "def told(db, cl, nodeid, new):\n"
        "    new['nosy'] = list({*(new.get('nosy') or []), db.user.lookup('anna')})\n\n\n"
        "def init(db):\n    db.issue.audit('create', told, priority=90)\n"
    )


def configured(home: Path) -> None:
    config = configparser.RawConfigParser()
    config.read(home / "config.ini")
    for section, key, value in (
        ("tracker", "web", "http://localhost/x/"),
        ("tracker", "email", "support"),
        ("mail", "domain", "example.com"),
        ("mail", "host", "127.0.0.1"),
        ("mail", "port", str(port)),
        ("main", "admin_email", "root@example.com"),
        ("nosy", "messages_to_author", "yes"),
        ("mailgw", "subject_prefix_parsing", "loose"),
        ("mailgw", "subject_suffix_parsing", "loose"),
    ):
        config.set(section, key, value)
    with (home / "config.ini").open("w") as file:
        config.write(file)


if not kept.exists():
    filled(kept)
shutil.copytree(kept, home)
configured(home)
tracker = roundup.instance.open(str(home), 1)


def take(raw: bytes) -> None:
    gateway = MailGW(tracker, argparse.Namespace(default_class="issue", set_value=[]))
    gateway.handle_Message(email.message_from_bytes(raw, RoundupMessage))


load = [p.read_bytes() for p in sorted(mails.glob("*.eml"))]
warm, load = load[:10], load[10:]
for raw in warm:
    take(raw)
began, spent = time.perf_counter(), time.process_time()
for raw in load:
    take(raw)
took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - spent, "mails": len(load)}
db = tracker.open("admin")
print(json.dumps(took | {"issues": len(db.issue.list())}))

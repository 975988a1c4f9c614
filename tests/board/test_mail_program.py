"""NeoMutt in a terminal works on the board: it opens a card, answers it, and moves it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import termios
import time
from email import message_from_bytes
from pathlib import Path

import pytest

from gateway.core.lifecycle import Status
from tests.board.world import World
from tests.interop.dovecot import PASSWORD
from tests.room import ANNA, ERIKA

PROGRAM = shutil.which("neomutt") or shutil.which("mutt")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(PROGRAM is None, reason="neither Debian's neomutt nor mutt is installed"),
]

SETTINGS = """\
set folder = "imap://127.0.0.1:{port}/"
set imap_user = "support@example.com"
set imap_pass = "{password}"
set imap_authenticators = "plain"
set ssl_starttls = no
set ssl_force_tls = no
set spoolfile = "+{root}.New"
set from = "anna@example.com"
set realname = "Anna Agent"
set use_from = yes
set sendmail = "{folder}/sendmail"
set editor = "{folder}/editor"
set fast_reply = yes
set reply_to = yes
set help = no
set include = yes
set autoedit = yes
set copy = no
set move = no
set delete = yes
set confirmappend = no
set confirmcreate = no
set wait_key = no
alternative_order text/plain
set pager_index_lines = 0
set abort_unmodified = no
set tmpdir = "{folder}"
"""


class Terminal:
    """The program in a terminal of its own, and somebody who reads and types."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder, self.sent = folder, folder / "sent"
        (folder / "muttrc").write_text(
            SETTINGS.format(port=world.dovecot.imap, password=PASSWORD, root=world.root, folder=folder)
        )
        self._script("sendmail", f"cat > {self.sent}")
        self._script("editor", 'f="$1"; { echo "Pull the plug."; cat "$f"; } > "$f.new"; mv "$f.new" "$f"')

    def _script(self, name: str, text: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / name).chmod(0o755)

    def work(self, mailbox: str, *steps: tuple[str, str]) -> None:
        """Wait until the screen shows a text, then type; it must end by itself after the last."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 120, 0, 0))
        command = [PROGRAM or "", "-n", "-F", str(self.folder / "muttrc"), "-f", mailbox]
        # Whoever began the tests may have told the size of another terminal.
        environment = {**os.environ, "TERM": "xterm", "HOME": str(self.folder), "LINES": "60", "COLUMNS": "120"}
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        try:
            for text, keys in steps:
                self._shows(ours, text)
                os.write(ours, keys.encode())
            self._shows(ours, "")
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.wait()
            os.close(ours)

    @staticmethod
    def _shows(terminal: int, text: str) -> None:
        """Read until the text was shown; empty: to the end."""
        shown, until = "", time.monotonic() + 30
        while not text or text not in shown:
            ready, _, _ = select.select([terminal], [], [], max(0, until - time.monotonic()))
            assert ready, f"{text!r} is not shown, but {shown[-3000:]!r}"
            try:
                shown += os.read(terminal, 65536).decode("utf-8", "replace")
            except OSError:
                # The program has ended.
                assert not text, f"it ended, and {text!r} was not shown, but {shown[-3000:]!r}"
                return


async def test_a_card_is_opened_answered_and_moved(world: World, tmp_path: Path) -> None:
    """The customer gets the words and nothing of the card; the ticket goes where the card was put."""
    await world.room.mail(ERIKA, "It burns.", name="Erika Muster", subject="Printer on fire")
    await world.look()
    program = Terminal(tmp_path, world)
    account = f"imap://127.0.0.1:{world.dovecot.imap}/{world.root}"
    answering = (("Printer on fire", "\r"), ("It burns.", "r"), ("Bcc:", "y"), ("It burns.", "iq"))
    await asyncio.to_thread(program.work, f"{account}.New", *answering)
    raw = program.sent.read_bytes()
    mail = message_from_bytes(raw)
    assert mail["From"] == f"Anna Agent <{ANNA}>"
    to = str(mail["To"]).rpartition("<")[2].rstrip(">")
    await world.room.raw_mail(raw.replace(b"\n", b"\r\n"), ANNA, to)
    (answer,) = await world.room.outbox("reply")
    data = await world.room.read(lambda tx: tx.outbox.message(answer.id))
    text = message_from_bytes(data).get_payload()[0].get_payload()
    assert answer.recipient == ERIKA
    assert "Pull the plug." in text
    assert "#status" not in text
    await world.look()

    moving = (("Printer on fire", "s"), ("Save", f"\x01\x0b={world.root}.Solved\r"), ("Del:1", "q"))
    await asyncio.to_thread(program.work, f"{account}.Waiting on customer", *moving)
    await world.look()
    assert (await world.room.read(lambda tx: tx.reads.get(1))).status is Status.SOLVED
    assert world.there() == await world.wanted()

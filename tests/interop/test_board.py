"""A daemon keeps the board in a real Dovecot: it fills, takes orders, reloads, is killed, and lets go at its end."""

from __future__ import annotations

import imaplib
import signal
import time
from pathlib import Path

from tests.interop.dovecot import PASSWORD, USER, Dovecot
from tests.site import Site, mail, running, until

BOARD = """
[board]
host = "localhost"
port = {port}
security = "starttls"
ca_file = "{ca_file}"
username = "{user}"
password_file = "password"
folder = "Tickets"
"""


def cards(dovecot: Dovecot, folder: str) -> int:
    return dovecot.count(f'"Tickets.{folder}"', "ALL")


def test_a_daemon_keeps_the_board(tmp_path: Path, dovecot: Dovecot) -> None:
    """A mail is a card within seconds, a moved card an order; killed in between, nothing is lost or done twice."""
    (tmp_path / "password").write_text(PASSWORD + "\n")
    site = Site(tmp_path, extra=BOARD.format(port=dovecot.imap, ca_file=dovecot.ca_file, user=USER))
    with running(site):
        site.send(mail("Printer on fire", "It burns.", "kim@customer.example"))
        begun = time.monotonic()
        until(lambda: cards(dovecot, "New") == 1, 60)
        print(f"a card after {time.monotonic() - begun:.1f} s")
        with dovecot.client('"Tickets.New"') as client:
            move(client, "1", '"Tickets.Closed"')
        begun = time.monotonic()
        until(lambda: site.json("ticket", "show", "1")["status"] == "closed", 60)
        print(f"an order after {time.monotonic() - begun:.1f} s")
        until(lambda: cards(dovecot, "Closed") == 1, 60)
        assert site.process is not None
        site.process.send_signal(signal.SIGHUP)
        # The doors are shut for a moment.
        until(lambda: site.read_log().count(" ready pid=") == 2)
        site.send(mail("Another", "It smokes.", "lee@customer.example"))
        until(lambda: cards(dovecot, "New") == 1, 60)
        assert site.json("board", "show")["folders"]["New"] == 1
        site.kill()
        site.start()
        site.send(mail("A third", "It is out.", "max@customer.example"))
        until(lambda: cards(dovecot, "New") == 2, 90)
        assert site.stop() == 0
    assert site.json("board", "show")["kept_by"] == ""


def move(client: imaplib.IMAP4, number: str, target: str) -> None:
    assert client._simple_command("MOVE", number, target)[0] == "OK"  # type: ignore[attr-defined]

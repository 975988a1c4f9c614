"""The package under a real systemd: unit, sockets, reload, watchdog, stop, and what stands in the journal.

`LONG=1 make interop` makes the Debian and the package and runs this; elsewhere it is skipped and says why.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator

import pytest

from tests.interop import machine
from tests.interop.machine import Machine, NoMachine, booted
from tests.site import until

pytestmark = [pytest.mark.interop, pytest.mark.long]

SETTINGS = """\
[gateway]
public_url = "https://help.example"
operator = "root@example.com"
{more}
[[mailboxes]]
address = "support@example.com"
name = "Support"

[[agents]]
address = "anna@example.com"
name = "Anna"

[receive.smtp]
listen = []

[portal]
listen = ""

[send]
transport = "file"
{metrics}"""
FILE = "/etc/replydesk/replydesk.toml"
UNITS = ("replydesk-smtp.socket", "replydesk-lmtp.socket", "replydesk-portal.socket", "replydesk.service")
MAIL = """\
import smtplib, sys
way, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
peer = smtplib.LMTP("/run/replydesk-lmtp.sock") if way == "lmtp" else smtplib.SMTP("127.0.0.1", 25)
for n in range(count):
    head = f"From: {name}@customer.example\\r\\nSubject: {name} {n}\\r\\nMessage-ID: <{name}.{n}@customer.example>"
    peer.sendmail(f"{name}@customer.example", ["support@example.com"], f"{head}\\r\\n\\r\\nHello")
peer.quit()
"""
BY_HTTP = """\
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:8025/healthz").read().decode())
"""
BY_PIPE = "From: pia@customer.example\nSubject: pipe\n\nHello\n"
PORT_TAKEN = """\
import socket, time
held = socket.create_server(("127.0.0.1", 9111))
time.sleep(600)
"""


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """With the package installed and nothing set up."""
    if machine.missing():
        pytest.skip(machine.missing())
    share = tmp_path_factory.mktemp("share")
    made = max(machine.ROOT.glob(machine.PACKAGES), key=lambda path: path.stat().st_mtime)
    shutil.copy(made, share / "this.deb")
    try:
        with booted(share) as found:
            # Who may connect by LMTP: the group of the mail server, which is not here.
            found.run("groupadd", "--system", "postfix")
            found.run("dpkg", "-i", "/mnt/this.deb")
            yield found
    except NoMachine as why:
        pytest.skip(f"no container boots here: {why}")


def settings(debian: Machine, more: str = "", metrics: str = "") -> None:
    debian.run("tee", FILE, fed=SETTINGS.format(more=more, metrics=metrics))


def shown(debian: Machine, name: str) -> str:
    return debian.run("systemctl", "show", "--value", "-p", name, "replydesk.service").strip()


def journal(debian: Machine, *words: str) -> list[dict[str, str]]:
    """What the service itself said, oldest first."""
    said = debian.run("journalctl", "--no-pager", "-u", "replydesk.service", "-o", "json", *words)
    found = [json.loads(line) for line in said.splitlines()]
    return [line for line in found if line.get("_SYSTEMD_UNIT") == "replydesk.service"]


def as_service(debian: Machine, *words: str, fed: str = "") -> str:
    return debian.run("runuser", "-u", "replydesk", "--", "replydesk", "--config", FILE, *words, fed=fed)


def subjects(debian: Machine) -> set[str]:
    return {ticket["subject"] for ticket in json.loads(as_service(debian, "ticket", "list", "--json"))}


def test_a_life_under_systemd(debian: Machine) -> None:
    """One story, for each start takes seconds."""
    settings(debian)
    debian.run("systemctl", "enable", "--now", *UNITS)
    # `start` of Type=notify returns at READY=1.
    assert (shown(debian, "ActiveState"), shown(debian, "SubState")) == ("active", "running")
    assert debian.run("python3", "-c", BY_HTTP) == '{"status":"ok"}\n'

    # Mail by each way, through systemd's sockets and by the pipe.
    debian.run("python3", "-c", MAIL, "smtp", "kim", "1")
    debian.run("python3", "-c", MAIL, "lmtp", "lea", "1")
    as_service(debian, "deliver", "--recipient", "support@example.com", fed=BY_PIPE)
    until(lambda: {"kim 0", "lea 0", "pipe"} <= subjects(debian), 60, 0.5)

    # A right setting is taken up by the same process, a wrong one refused, and the old goes on.
    pid = shown(debian, "MainPID")
    settings(debian, 'reference_prefix = "NEW"')
    debian.run("systemctl", "reload", "replydesk.service")
    until(lambda: sum(line["MESSAGE"].startswith("info replydesk ready ") for line in journal(debian)) == 2, 60, 0.5)
    settings(debian, "nonsense = 1")
    debian.run("systemctl", "reload", "replydesk.service")
    until(lambda: any("nonsense" in line["MESSAGE"] for line in journal(debian, "-p", "err")), 60, 0.5)
    assert (shown(debian, "ActiveState"), shown(debian, "MainPID")) == ("active", pid)
    settings(debian, 'reference_prefix = "NEW"')  # The command line would refuse the wrong one, too.
    debian.run("python3", "-c", MAIL, "smtp", "reloaded", "1")
    until(lambda: "reloaded 0" in subjects(debian), 60, 0.5)
    listed = json.loads(as_service(debian, "ticket", "list", "--json"))
    assert {ticket["reference"].partition("-")[0] for ticket in listed if ticket["subject"] == "reloaded 0"} == {"NEW"}

    # Priorities: journald knows an error from an event, and the time stands there once.
    lines = journal(debian)
    said = {word: [line for line in lines if line["MESSAGE"].startswith(f"{word} ")] for word in ("info", "error")}
    assert {word: {line["PRIORITY"] for line in found} for word, found in said.items()} == {
        "info": {"6"},
        "error": {"3"},
    }
    assert not [line for line in lines if re.match(r"<\d>|\d{4}-", line["MESSAGE"])]
    assert {line["MESSAGE"].split()[0] for line in journal(debian, "-p", "warning")} <= {"error", "warning"}

    # A daemon that stands still is begun anew, and what was taken stays.
    debian.run("mkdir", "-p", "/run/systemd/system/replydesk.service.d")
    debian.run("tee", "/run/systemd/system/replydesk.service.d/quick.conf", fed="[Service]\nWatchdogSec=3\n")
    debian.run("systemctl", "daemon-reload")
    settings(debian)
    debian.run("systemctl", "restart", "replydesk.service")
    stands_still = shown(debian, "MainPID")
    debian.run("kill", "-STOP", stands_still)
    until(lambda: shown(debian, "NRestarts") == "1" and shown(debian, "SubState") == "running", 120, 0.5)
    assert shown(debian, "MainPID") != stands_still
    assert "Watchdog timeout" in debian.run("journalctl", "--no-pager", "-u", "replydesk.service")

    # Stopped in the middle: everything answered 250 is there. The sockets go first, or the next mail starts it.
    debian.run("python3", "-c", MAIL, "smtp", "last", "40")
    debian.run("systemctl", "stop", *UNITS)
    assert (shown(debian, "Result"), shown(debian, "ExecMainStatus")) == ("success", "0")
    as_service(debian, "audit")
    debian.run("systemctl", "start", *UNITS)
    until(lambda: {f"last {n}" for n in range(40)} <= subjects(debian), 60, 0.5)
    as_service(debian, "audit")

    # A start that cannot be says why and ends; systemd does not try again and again.
    debian.run("systemd-run", "--unit=held", "python3", "-c", PORT_TAKEN)
    settings(debian, metrics='[metrics]\nlisten = "127.0.0.1:9111"\n')
    debian.ask("systemctl", "restart", "replydesk.service")
    until(lambda: shown(debian, "ActiveState") == "failed", 60, 0.5)
    assert (shown(debian, "Result"), shown(debian, "ExecMainStatus")) == ("exit-code", "1")
    assert any("metrics.listen" in line["MESSAGE"] for line in journal(debian))
    began, ended = (int(shown(debian, f"ExecMain{end}TimestampMonotonic")) for end in ("Start", "Exit"))
    print(f"a failed start ended after {(ended - began) / 1e6:.1f} s")

"""Nobody in front: port 25, handed over by systemd to a daemon without any right of its own."""

from __future__ import annotations

import os
import shutil
import smtplib
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme

from tests.interop import unprivileged
from tests.interop.unprivileged import GROUP, NOBODY, UnprivilegedSite
from tests.recipes import recipe
from tests.site import mail, until

ACTIVATE = shutil.which("systemd-socket-activate")
PORT = 25


@pytest.fixture
def needs_port_25() -> None:
    if not ACTIVATE or not shutil.which("setpriv"):
        pytest.skip("systemd-socket-activate is not installed (package systemd)")
    if os.getuid():
        pytest.skip("port 25 is bound by root only")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            pytest.skip("something listens on port 25 already")


@pytest.mark.usefixtures("needs_port_25")
@pytest.mark.xdist_group("port 25")
def test_port_25(common: Path) -> None:
    """The first mail starts the daemon; STARTTLS by the recipe; a plus-address is taken, a stranger's is not."""
    authority = trustme.CA()
    ours = authority.issue_cert("localhost")
    for name, blob in (("mx.pem", ours.cert_chain_pems[0]), ("mx-key.pem", ours.private_key_pem)):
        blob.write_to_path(common / name)
        shutil.chown(common / name, NOBODY)
    site = UnprivilegedSite(common)
    text = site.config.read_text("utf-8")
    opened = f'[receive.smtp]\nlisten = ["127.0.0.1:{site.smtp}"]\n'
    assert opened in text
    table = recipe("mx.toml", {"/etc/replydesk/mx": str(common / "mx")})
    site.config.write_text(text.replace(opened, table), "utf-8")
    words = [str(ACTIVATE), "-l", f"127.0.0.1:{PORT}", "--fdname=smtp", "-E", "PATH", "setpriv", f"--reuid={NOBODY}"]
    words += [f"--regid={GROUP}", "--clear-groups", "--no-new-privs", "--bounding-set=-all", *unprivileged.command()]
    process = subprocess.Popen([*words, "run", "--config", str(site.config)], stderr=subprocess.PIPE, cwd="/")
    try:
        until(lambda: _open() or process.poll() is not None)
        with smtplib.SMTP("localhost", PORT, timeout=30) as client:
            assert client.ehlo_resp or client.ehlo()[0] == 250
            client.starttls(context=ssl.create_default_context(cadata=authority.cert_pem.bytes().decode()))
            client.sendmail("kim@customer.example", ["support+more@example.com"], mail("Woken").as_bytes())
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("kim@customer.example", ["kim@elsewhere.example"], mail("Relayed").as_bytes())
        until(lambda: [t["subject"] for t in site.json("ticket", "list")] == ["Woken"])
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def _open() -> bool:
    """Somebody is bound to it; to connect would start the daemon already."""
    return any(line.split()[1].endswith(f":{PORT:04X}") for line in Path("/proc/net/tcp").read_text().splitlines()[1:])

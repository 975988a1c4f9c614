"""A real Exim before a real daemon, set up by the recipes of `deploy/exim/`."""

from __future__ import annotations

import shutil
import smtplib
import socket
from pathlib import Path

import pytest

from tests.interop import exim as exim_module
from tests.interop.exim import Exim
from tests.interop.unprivileged import NOBODY, UnprivilegedSite
from tests.recipes import recipe
from tests.site import Site, free_port, mail, running, until
from tests.test_listeners import started

pytestmark = pytest.mark.usefixtures("needs_exim")

KIM = "kim@customer.example"
ROUTER = recipe("exim/router.conf", {})


def post(exim: Exim, subject: str, recipient: str = "support@example.com", sender: str = KIM) -> None:
    with smtplib.SMTP("127.0.0.1", exim.port, timeout=30) as client:
        client.sendmail(sender, [recipient], mail(subject).as_bytes())


def taken(site: Site, count: int) -> list[dict[str, str]]:
    """The journal, oldest first, once it holds so many."""
    until(lambda: not site.run("journal", "list").returncode)
    rows = until(lambda: len(found := site.json("journal", "list")) >= count and found, 60)
    return sorted(rows, key=lambda row: row["id"])


def well(exim: Exim) -> None:
    """Nothing waits and nothing came back."""
    until(lambda: not exim.waiting)
    assert exim.bounces == 0, exim.log()


def test_in_by_lmtp(tmp_path: Path) -> None:
    """With what stands behind the plus; unknown recipients are refused at the door; an outage costs nothing."""
    port = free_port()
    site = Site(tmp_path, extra=f'\n[receive.lmtp]\nlisten = ["127.0.0.1:{port}"]\n')
    with running(site), exim_module.running(ROUTER, recipe("exim/lmtp.conf", {"2424": str(port)})) as exim:
        post(exim, "First")
        post(exim, "Second", "support+more@example.com")
        assert {row["recipients"][0] for row in taken(site, 2)} == {"support@example.com", "support+more@example.com"}
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            post(exim, "Nobody", "nobody@example.com")
        well(exim)
        site.kill()
        post(exim, "While it was down")
        until(lambda: "defer" in exim.log())
        site.start()
        assert taken(site, 3)[2]["state"] in ("pending", "settled")
        well(exim)
        assert site.stop() == 0


def test_in_by_a_socket(tmp_path: Path) -> None:
    """Bound for Exim's group, as deploy/replydesk-lmtp.socket binds it."""
    site = Site(tmp_path)
    with socket.socket(socket.AF_UNIX) as bound:
        # Below /tmp itself: Exim's user cannot go into pytest's folders.
        path = Path(f"/tmp/replydesk-{free_port()}.sock")
        transport = recipe("exim/lmtp-unix.conf", {"/run/replydesk-lmtp.sock": str(path)})
        with exim_module.running(ROUTER, transport) as exim:
            bound.bind(str(path))
            bound.listen()
            shutil.chown(path, group=exim.gid)
            path.chmod(0o660)
            with started(site, {"lmtp": [bound]}):
                post(exim, "First", "support+more@example.com")
                assert taken(site, 1)[0]["recipients"] == ["support+more@example.com"]
                well(exim)
        path.unlink()


def test_in_by_pipe(common: Path) -> None:
    """As another user, with the daemon up and down; the null sender stays null; a fault of ours is waited out."""
    site = UnprivilegedSite(common)
    here = site.as_installed() | {"user = replydesk": f"user = {NOBODY}"}
    with running(site), exim_module.running(ROUTER, recipe("exim/pipe.conf", here)) as exim:
        post(exim, "First", "support+more@example.com")
        post(exim, "From nobody", sender="")
        rows = {row["reverse_path"]: row for row in taken(site, 2)}
        assert set(rows) == {KIM, ""}
        assert rows[KIM]["recipients"] == ["support+more@example.com"]
        assert site.stop() == 0
        moved = site.config.rename(common / "away")
        post(exim, "While nothing was set up")
        until(lambda: "75" in exim.log() and exim.waiting == 1)
        moved.rename(site.config)
        site.start()
        taken(site, 3)
        well(exim)
        assert site.stop() == 0
        assert site.run("audit").returncode == 0

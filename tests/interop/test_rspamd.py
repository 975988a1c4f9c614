"""A real Postfix with Debian's rspamd in front of a real daemon, set up by `deploy/rspamd`: only the filter says what
is spam, whatever a sender writes."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop import postfix as postfix_module
from tests.interop import rspamd as rspamd_module
from tests.interop.postfix import Postfix
from tests.interop.rspamd import SPAM, Rspamd
from tests.interop.test_postfix import KIM, sent_to
from tests.recipes import recipe
from tests.sink import Sink
from tests.site import Site, free_port, mail, running, until

pytestmark = pytest.mark.usefixtures("needs_postfix")

LMTP = "127.0.0.1:2424"
FORGED = "mx.example.com; dmarc=pass header.from=example.com"
REJECTED = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""GTUBE, which every filter knows."""


@dataclass
class Desk:
    site: Site
    postfix: Postfix
    rspamd: Rspamd

    def post(self, subject: str, text: str = "Hello", author: str = KIM, **headers: str) -> None:
        """From a server elsewhere, as Postfix is told (XCLIENT)."""
        m = mail(subject, text, author, Message_ID=f"<{subject.replace(' ', '-')}@customer.example>")
        fields = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
        with smtplib.SMTP("127.0.0.1", self.postfix.smtp, timeout=60) as client:
            client.ehlo("mail.customer.example")
            assert client.docmd("XCLIENT", "NAME=mail.customer.example ADDR=203.0.113.9")[0] == 220
            client.ehlo("mail.customer.example")
            client.sendmail(author, ["support@example.com"], fields.encode() + m.as_bytes())

    def decided(self, subject: str) -> str:
        """How the mail that was posted under it was decided."""
        id = f"{subject.replace(' ', '-')}@customer.example"
        rows = until(lambda: [r for r in self.site.json("journal", "list", "--message-id", id) if r["reason"]], 60)
        return str(rows[0]["reason"])


@pytest.fixture
def needs_rspamd() -> None:
    if reason := rspamd_module.missing():
        pytest.skip(reason)


@pytest.fixture
def desk(needs_rspamd: None, tmp_path: Path, world: Sink) -> Iterator[Desk]:
    """Everything of `deploy/rspamd`, with ports of our own."""
    here, door = f"127.0.0.1:{free_port()}", free_port()
    ours = recipe("rspamd/replydesk.toml", {"10025": str(door)})
    gateway, _, send = ours.partition("\n[send]\n")
    site = Site(tmp_path, send=send, extra="\n" + recipe("postfix/lmtp.toml", {LMTP: here}))
    text = site.config.read_text("utf-8")
    keys = gateway.partition("[gateway]\n")[2]
    site.config.write_text(text.replace("[gateway]\n", f"[gateway]\n{keys}"), "utf-8")
    local = {
        "groups.conf": recipe("rspamd/groups.conf", {}),
        "milter_headers.conf": recipe("rspamd/milter_headers.conf", {}),
    }
    with ExitStack() as stack:
        rspamd = stack.enter_context(rspamd_module.running(local))
        main = recipe("postfix/lmtp.main.cf", {LMTP: here}) + recipe(
            "rspamd/main.cf", {"127.0.0.1:11332": f"127.0.0.1:{rspamd.port}"}
        )
        main += "smtpd_authorized_xclient_hosts = 127.0.0.0/8\n"
        # Debian's chroot holds libraries and the resolver's settings; this one's queue does not.
        master = recipe("rspamd/master.cf", {"127.0.0.1:10025 inet n - y": f"127.0.0.1:{door} inet n - n"})
        postfix = stack.enter_context(postfix_module.running(main, master, elsewhere=world.port))
        stack.enter_context(running(site))
        yield Desk(site, postfix, rspamd)


def test_only_the_filter_says_what_is_spam(desk: Desk, world: Sink) -> None:
    """Its own mark is believed; what senders write into such fields is not, and proves no agent; what it rejects
    hears so; and while it is away mails wait at their senders."""
    desk.post("Wanted")
    desk.post("Marked elsewhere", X_Spam="Yes", X_SPAM="YES, score=99", X_Spam_Flag="YES", X_Spam_Status="Yes")
    desk.post("Unwanted", f"Buy {SPAM} now", X_Spam="No")
    desk.post("From Anna", "#close", "anna@example.com", Authentication_Results=FORGED)
    with pytest.raises(smtplib.SMTPDataError, match="554"):
        desk.post("Rejected", REJECTED)
    assert desk.decided("Wanted") == desk.decided("Marked elsewhere") == "new-request"
    assert desk.decided("Unwanted") == "marked-as-spam"
    # By its own rules it would have been worth five points of the six.
    assert "SPAM_FLAG(0.00)" in desk.rspamd.log()
    raw = desk.site.run("journal", "show", "--raw", "2").stdout
    assert "X-Spam:" not in raw
    assert "Authentication-Results: mx.example.com;" in raw
    # What answers a customer is judged by nobody, even where it quotes what would be rejected.
    desk.site.run("ticket", "reply", "1", stdin=f"Your {REJECTED} is here.")
    assert REJECTED in until(lambda: sent_to(world, KIM, None)).content.decode()
    desk.rspamd.stop()
    with pytest.raises(smtplib.SMTPSenderRefused, match="451"):
        desk.post("Later", X_Spam="Yes")
    desk.rspamd.start()
    desk.post("Later", X_Spam="Yes")
    assert desk.decided("Later") == "new-request"
    assert desk.postfix.bounces == 0

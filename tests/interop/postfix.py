"""A private Postfix: its own queue, ports and settings, started and stopped at will. It needs root, as Postfix does."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from tests.site import free_port, until

if not shutil.which("postfix"):
    MISSING = "Debian's postfix is not installed"
else:
    MISSING = "" if os.getuid() == 0 else "Postfix is started by root only"

# What a machine that already handles mail for example.com has; the recipes come below it. The times are
# those of a hurried Postfix: it would try again after five minutes.
MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = /dev/stdout
maillog_file_prefixes = /dev
syslog_name = postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.com
mydestination = example.com, localhost
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
default_transport = smtp:[127.0.0.1]:{elsewhere}
message_size_limit = 0
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 4s
transport_retry_time = 2s
smtp_connection_cache_on_demand = no
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl}
"""
MASTER = """\
127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o mynetworks=
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       {chroot}       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""


@dataclass
class Postfix:
    """Ports, the certificate to trust, and what can be done to it. `main`, `master`: what is added to the settings."""

    folder: Path
    main: str = ""
    master: str = ""
    sasl: str = "none"
    """Where it asks whether a password is right: the socket of a Dovecot."""
    chroot: bool = False
    """Its LMTP client sees nothing but its queue, as Debian sets it up."""
    elsewhere: int = 1
    """A port on this machine, where all mail to others goes."""
    smtp: int = field(default_factory=free_port)
    submission: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        for name in ("etc", "spool", "data"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        mine = authority.issue_cert("localhost", "127.0.0.1")
        mine.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        (self.folder / "cert.pem").write_bytes(b"".join(c.bytes() for c in mine.cert_chain_pems))
        main = MAIN.format(folder=self.folder, sasl=self.sasl, elsewhere=self.elsewhere)
        master = MASTER.format(smtp=self.smtp, submission=self.submission, chroot="y" if self.chroot else "n")
        (self.folder / "etc" / "main.cf").write_text(main + self.main)
        (self.folder / "etc" / "master.cf").write_text(master + self.master)

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def log_file(self) -> Path:
        return self.folder / "postfix.log"

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                ["postfix", "-c", str(self.folder / "etc"), "start-fg"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(lambda: "daemon started" in self.log() or self._ended())

    def _ended(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        return False

    def stop(self) -> None:
        """By its own word: the process we started is only the father of the one that matters."""
        if self.process is not None:
            words = ["postfix", "-c", str(self.folder / "etc"), "stop"]
            subprocess.run(words, check=False, capture_output=True, timeout=20)
            self.process.wait(10)
            self.process = None

    # --- what became of the mail ----------------------------------------------------------------

    def log(self) -> str:
        return self.log_file.read_text("utf-8", "replace")

    def queue(self) -> list[dict[str, object]]:
        """The mails that wait, as postqueue tells them."""
        words = ["postqueue", "-c", str(self.folder / "etc"), "-j"]
        told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout
        return [json.loads(line) for line in told.splitlines()]

    def count(self, status: str) -> int:
        """Deliveries that ended so: `sent`, `deferred`, `bounced`."""
        return self.log().count(f"status={status} ")

    @property
    def bounces(self) -> int:
        """Mails it gave up, and mails it wrote to their senders."""
        return self.count("bounced") + self.count("expired") + self.log().count("non-delivery notification")


@contextlib.contextmanager
def running(
    main: str = "", master: str = "", sasl: str = "none", *, chroot: bool = False, elsewhere: int = 1
) -> Iterator[Postfix]:
    """Started on entry, gone afterwards. Not below pytest's folders: other users must be able to go there."""
    folder = Path(tempfile.mkdtemp(prefix="postfix-", dir="/tmp"))
    folder.chmod(0o755)
    postfix = Postfix(folder, main, master, sasl, chroot, elsewhere)
    try:
        postfix.start()
        yield postfix
    finally:
        postfix.stop()
        shutil.rmtree(folder, ignore_errors=True)

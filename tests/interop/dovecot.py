"""A private Dovecot: its own folder, ports and users, started and killed at will."""

from __future__ import annotations

import contextlib
import getpass
import imaplib
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.recipes import recipe
from tests.site import free_port, until

MISSING = "" if shutil.which("dovecot") else "Debian's dovecot-imapd and dovecot-lmtpd are not installed"
USER, PASSWORD = "support@example.com", "correct horse"

CONFIG = """\
protocols = imap lmtp
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
listen = 127.0.0.1
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
first_valid_uid = 1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 50
maildir_very_dirty_syncs = yes
# Nobody takes the power from it.
mail_fsync = never
protocol lmtp {{
  postmaster_address = postmaster@example.com
}}
passdb {{
  driver = passwd-file
  args = scheme=plain {folder}/users
}}
{oauth}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  # A login process serves many, as on large sites; by default each connection begins one.
  service_count = 0
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service auth {{
  unix_listener auth-client {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
namespace inbox {{
  inbox = yes
  {prefix}
  mailbox Sent {{
    auto = create
  }}
}}
"""
PREFIX = """\
separator = .
  prefix = INBOX.
"""
RIGHTS = """\
mail_plugins = acl
protocol imap {
  mail_plugins = acl imap_acl
}
plugin {
  acl = vfile
}
"""
OAUTH = """\
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth.conf
}}
"""
OAUTH_CONFIG = """\
introspection_mode = post
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
timeout_msecs = 5000
"""


@dataclass
class Dovecot:
    """Ports, the certificate to trust, and what can be done to it. `introspect`: where it asks about tokens."""

    folder: Path
    introspect: str = ""
    prefixed: bool = False
    """Its folders lie below `INBOX.` with points between them, and each has rights (RFC 4314)."""
    extra: str = ""
    """What its settings hold besides."""
    process: subprocess.Popen[bytes] | None = None
    accepted_at: float = 0.0
    """When it last took a mail."""

    def __post_init__(self) -> None:
        self.imap, self.imaps, self.lmtp = free_port(), free_port(), free_port()
        for name in ("run", "state", "mail"):
            (self.folder / name).mkdir()
        root = os.getuid() == 0
        self.owner = "mail" if root else getpass.getuser()
        mail = pwd.getpwnam(self.owner)
        os.chown(self.folder / "mail", mail.pw_uid, mail.pw_gid)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        mine = authority.issue_cert("localhost", "127.0.0.1")
        mine.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        (self.folder / "cert.pem").write_bytes(b"".join(c.bytes() for c in mine.cert_chain_pems))
        (self.folder / "users").write_text(f"{USER}:{PASSWORD}\n")
        (self.folder / "oauth.conf").write_text(OAUTH_CONFIG.format(url=self.introspect))
        me = getpass.getuser()
        (self.folder / "dovecot.conf").write_text(
            recipe("dovecot/plus.conf", {})
            + CONFIG.format(
                folder=self.folder,
                internal="dovecot" if root else me,
                login="dovenull" if root else me,
                group="dovecot" if root else me,
                uid=mail.pw_uid,
                gid=mail.pw_gid,
                imap=self.imap,
                imaps=self.imaps,
                lmtp=self.lmtp,
                oauth=OAUTH.format(folder=self.folder) if self.introspect else "",
                prefix=PREFIX if self.prefixed else "",
            )
            + (RIGHTS if self.prefixed else "")
            + self.extra
        )

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def sasl(self) -> str:
        """Where other servers ask whether a password is right."""
        return f"{self.folder}/run/auth-client"

    @property
    def maildir(self) -> Path:
        return self.folder / "mail" / USER

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["dovecot", "-F", "-c", str(self.folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self._answers)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "dovecot.log").read_text()
        return all(_open(port) for port in (self.imap, self.lmtp))

    def kill(self) -> None:
        """All of its processes, without a word."""
        assert self.process is not None
        for pid in _family(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        until(lambda: not _open(self.imap))

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def invite(self, *users: str) -> None:
        """More accounts, each with an inbox and the same password."""
        with (self.folder / "users").open("a") as file:
            file.writelines(f"{user}:{PASSWORD}\n" for user in users)

    # --- mail -------------------------------------------------------------------------------

    def deliver(self, data: bytes, recipient: str = USER) -> str:
        """Hand a mail over by LMTP (RFC 2033); the server's last word about it."""
        with self.delivering() as deliver:
            return deliver(data, recipient)

    @contextlib.contextmanager
    def delivering(self) -> Iterator[Callable[[bytes, str], str]]:
        """The same for mail after mail over one connection."""
        with socket.create_connection(("127.0.0.1", self.lmtp), 10) as peer, peer.makefile("rwb") as line:
            line.readline()
            _say(line, b"LHLO test")

            def deliver(data: bytes, recipient: str) -> str:
                for said in ("MAIL FROM:<kim@customer.example>", f"RCPT TO:<{recipient}>", "DATA"):
                    _say(line, said.encode())
                stuffed = [b"." + x if x.startswith(b".") else x for x in data.replace(b"\r\n", b"\n").split(b"\n")]
                answer = _say(line, b"\r\n".join(stuffed).removesuffix(b"\r\n") + b"\r\n.")
                self.accepted_at = time.time()
                return answer.decode()

            yield deliver
            _say(line, b"QUIT")

    @contextlib.contextmanager
    def client(self, folder: str = "INBOX", user: str = USER) -> Iterator[imaplib.IMAP4]:
        """Somebody else who is logged in, as a mail program would be."""
        client = imaplib.IMAP4("127.0.0.1", self.imap)
        try:
            client.login(user, PASSWORD)
            client.select(folder)
            yield client
        finally:
            client.shutdown()

    def count(self, folder: str = "INBOX", keys: str = "ALL") -> int:
        with self.client(folder) as client:
            if client.state != "SELECTED":
                return 0
            return len(client.uid("SEARCH", keys)[1][0].split())


def _say(line: socket.SocketIO | object, said: bytes) -> bytes:
    line.write(said + b"\r\n")  # type: ignore[attr-defined]  # a buffered pair of files
    line.flush()  # type: ignore[attr-defined]
    answer = b"-"
    while answer[3:4] == b"-" or answer == b"-":
        answer = line.readline()  # type: ignore[attr-defined]
        if not answer:
            raise ConnectionError("the server hung up")
    if not answer.startswith((b"2", b"3")):
        raise ConnectionError(answer.decode())
    return bytes(answer)


def _open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as peer:
        return bool(peer.recv(1))
    return False


def _family(pid: int) -> list[int]:
    """A process and its children, the parent first so that it starts no new ones."""
    children = [int(p) for task in Path(f"/proc/{pid}/task").glob("*/children") for p in task.read_text().split()]
    return [pid, *(found for child in children for found in _family(child))]


@contextlib.contextmanager
def running(introspect: str = "", prefixed: bool = False, extra: str = "") -> Iterator[Dovecot]:
    """Started on entry, gone afterwards. Not below pytest's folders: other users must be able to go there."""
    folder = Path(tempfile.mkdtemp(prefix="dovecot-", dir="/tmp"))
    folder.chmod(0o755)
    dovecot = Dovecot(folder, introspect, prefixed, extra)
    try:
        dovecot.start()
        yield dovecot
    finally:
        dovecot.stop()
        time.sleep(0.1)
        shutil.rmtree(folder, ignore_errors=True)


def trusting(dovecot: Dovecot) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(dovecot.ca_file))

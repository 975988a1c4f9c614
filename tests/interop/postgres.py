"""Real PostgreSQL servers as Debian installs them: a primary, a standby that copies it synchronously, and a pooler."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.site import free_port, until

_BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/nowhere"), key=lambda path: path.parent.name)
POOLER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
USER = "postgres"


def missing(*, pooler: bool = False) -> str:
    """Why these tests cannot run here; empty: they can."""
    if not (_BIN / "postgres").exists():
        return "Debian's postgresql is not installed"
    if pooler and not POOLER:
        return "Debian's pgbouncer is not installed"
    return "" if os.getuid() == 0 else "PostgreSQL is started for its own user, by root only"


@dataclass(slots=True)
class Server:
    """One server, in a folder of its own."""

    data: Path
    port: int

    def start(self) -> None:
        options = f"-p {self.port} -k {self.data.parent} -c listen_addresses=127.0.0.1 -c shared_buffers=16MB"
        _run("pg_ctl", "-D", self.data, "-l", self.data.parent / f"{self.port}.log", "-o", options, "-w", "start")

    def die(self) -> None:
        """At once, as in a power cut: nothing is finished."""
        _run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    def promote(self) -> None:
        _run("pg_ctl", "-D", self.data, "-w", "promote")

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{name}"

    def ask(self, question: str) -> object:
        """The first value of a statement by itself."""
        engine = create_engine(self.url(USER), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            asked = connection.execute(text(question))
            found = asked.scalar() if asked.returns_rows else None
        engine.dispose()
        return found


@contextlib.contextmanager
def alone() -> Iterator[Server]:
    """A server by itself."""
    with _folder() as folder:
        server = Server(folder / "alone", free_port())
        _run("initdb", "-D", server.data, "-A", "trust", "-U", USER, "--no-sync")
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.die()


@contextlib.contextmanager
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary with the database `replydesk`, and a standby without which it commits nothing."""
    with _folder() as folder:
        primary, standby = (Server(folder / name, free_port()) for name in ("primary", "standby"))
        _run("initdb", "-D", primary.data, "-A", "trust", "-U", USER, "--no-sync")
        primary.start()
        try:
            primary.ask("CREATE DATABASE replydesk")
            source = ("-h", "127.0.0.1", "-p", primary.port, "-U", USER)
            _run("pg_basebackup", *source, "-D", standby.data, "-R", "-c", "fast", "--no-sync")
            standby.start()
            primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.ask("SELECT pg_reload_conf()")
            until(lambda: primary.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"))
            yield primary, standby
        finally:
            for server in (primary, standby):
                with contextlib.suppress(subprocess.CalledProcessError):
                    server.die()


def either(*servers: Server) -> str:
    """The URL that finds whichever of them is the primary."""
    hosts = "&".join(f"host=127.0.0.1:{server.port}" for server in servers)
    return f"postgresql+psycopg://{USER}@/replydesk?{hosts}&target_session_attrs=read-write&connect_timeout=2"


@contextlib.contextmanager
def pooled(server: Server) -> Iterator[str]:
    """A pgbouncer in transaction mode in front of a server, with three connections to it: its URL."""
    port = free_port()
    with _folder() as folder:
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port} user={USER}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n"
            "default_pool_size = 3\n"
        )
        running = subprocess.Popen(
            [str(POOLER), str(settings)], user=USER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/replydesk"
        finally:
            running.terminate()
            running.wait(20)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="replydesk-", dir="/tmp"))
    os.chown(made, pwd.getpwnam(USER).pw_uid, -1)
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _run(name: str, *words: object) -> None:
    subprocess.run([str(_BIN / name), *map(str, words)], user=USER, cwd="/", check=True, stdout=subprocess.DEVNULL)

"""The doors of the daemon: where mail and browsers come in, by the settings or by sockets systemd hands over.

A kind of socket that was handed over replaces the addresses of its kind in the settings: nothing
is opened twice. A door that cannot be opened stops the start and names its key.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, TypedDict

from gateway.config import Settings, agent_addresses
from gateway.config.beforehand import cannot_listen
from gateway.config.certificate import tls_context
from gateway.config.checks import check_relay
from gateway.config.settings import LmtpSettings, SmtpSettings, host_and_port
from gateway.memory import Memory
from gateway.portal.server import Server
from gateway.receive.intake import Intake
from gateway.receive.smtp import server
from gateway.receive.smtp.logins import BadLogins, Logins
from gateway.receive.smtp.options import LMTP, SMTP, Dialect, Listener, Options

if TYPE_CHECKING:
    from gateway.receive.smtp.verify import Verifier

log = logging.getLogger("replydesk")

Given = Mapping[str, Sequence[socket.socket]]
"""Sockets by the kind their unit names: `smtp`, `smtps`, `lmtp`, `portal`."""
ServePortal = Callable[[str | socket.socket], Awaitable[Server]]
KINDS = ("smtp", "smtps", "lmtp", "portal")
PROXY_SECONDS = 10.0

DESCRIPTORS = 16_384
"""Open files and connections the process asks for."""
RESERVE = 256
"""Of them for the database, the relay, folders, and connections that are only told to come later."""

_UNIT = "Name it {} with FileDescriptorName= in its .socket unit."


@dataclass(frozen=True, slots=True)
class _Door:
    key: str
    listener: Listener
    options: Options
    dialect: Dialect = SMTP


def check(settings: Settings, given: Given) -> None:
    """Every socket that was handed over has a use here. Raises `ConfigError`: a peer must not wait in vain."""
    for kind, sockets in given.items():
        if kind not in KINDS:
            names = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
            raise settings.error("", f"systemd hands over a socket named {kind!r}", _UNIT.format(names))
        for sock in sockets:
            if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise settings.error(
                    "", f"systemd hands over a {kind} socket that does not listen", "Set Accept=no in its .socket unit."
                )
            name = sock.getsockname()
            if kind == "smtp" and isinstance(name, tuple):
                check_relay(settings, name[0], name[1])


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many connections at the same time: one listener for mail, and the portal."""

    mail: int
    portal: int


def capacity(settings: Settings, portal: int) -> Capacity:
    """As many as wanted, or what the system's limit leaves: it must not be reached, for then nobody is let in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    have = max(soft, DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (have, hard))
    mail = settings.receive.smtp.max_connections
    listeners = sum(key.startswith("receive.") for key, _ in settings.listens()) or 1
    share = (have - min(RESERVE, have // 2)) / (listeners * mail + portal)
    if share >= 1:
        return Capacity(mail, portal)
    log.warning("few file descriptors", extra={"limit": have, "remedy": "raise LimitNOFILE="})
    return Capacity(max(1, int(mail * share)), max(1, int(portal * share)))


async def open_receivers(
    settings: Settings, intake: Intake, given: Given, connections: int | None = None, memory: Memory | None = None
) -> list[asyncio.Server]:
    """Listen for mail, each for at most so many connections; give each server to `server.drain` at the end."""
    servers: list[asyncio.Server] = []
    try:
        memory = memory or Memory(settings.limits.memory_bytes)
        for door in _doors(settings, given, connections or settings.receive.smtp.max_connections, memory):
            with named(settings, door.key, door.listener):
                servers.append(await server.serve(door.listener, intake, door.options, door.dialect))
            log.info("listening", extra={"for": door.key, "address": _told(door.listener)})
    except BaseException:
        for opened in servers:
            opened.close()
        raise
    return servers


async def open_portal(settings: Settings, serve: ServePortal, given: Given) -> list[Server]:
    """Listen for browsers; `stop` each server at the end."""
    listen = settings.portal.listen
    wanted = [Listener(socket=s) for s in given.get("portal", ())] or ([listener(listen)] if listen else [])
    servers = []
    for one in wanted:
        with named(settings, "portal.listen", one):
            servers.append(await serve(one.socket or listen))
        log.info("listening", extra={"for": "portal.listen", "address": _told(one)})
    return servers


def listener(address: str, *, implicit_tls: bool = False) -> Listener:
    """From `host:port`, `[host]:port` or `unix:/path`."""
    if address.startswith("unix:"):
        return Listener(path=address.removeprefix("unix:"))
    return Listener(*host_and_port(address), implicit_tls=implicit_tls)


def tried(settings: Settings) -> None:
    """Certificate and logins can be used. Raises `ConfigError`."""
    for _ in _doors(settings, {}, 1, Memory()):
        pass


def _doors(settings: Settings, given: Given, connections: int, memory: Memory) -> Iterator[_Door]:
    s = settings.receive.smtp
    tls = tls_context(settings, wanted=bool(given.get("smtps") or s.implicit_tls_listen))
    by_smtp = Options(
        hostname=settings.hostname,
        max_message_bytes=settings.limits.max_message_bytes,
        max_recipients=s.max_recipients,
        timeout_seconds=s.timeout_seconds,
        connections_per_ip=s.connections_per_ip,
        max_connections=connections,
        memory=memory,
        spool=settings.data_dir,
        verifier=_verifier(settings),
        tls=tls,
        credentials=_logins(settings) if s.passwords_file else None,
        **_proxies(s),
    )
    # LMTP is spoken by mail servers of our own: few addresses, many connections, and nobody signs in.
    by_lmtp = replace(by_smtp, connections_per_ip=0, credentials=None, verifier=None, **_proxies(settings.receive.lmtp))

    def wanted(kind: str, addresses: Sequence[str], *, implicit_tls: bool = False) -> list[Listener]:
        handed = [Listener(socket=sock, implicit_tls=implicit_tls) for sock in given.get(kind, ())]
        return handed or [listener(a, implicit_tls=implicit_tls) for a in addresses]

    for one in wanted("smtp", s.listen):
        yield _Door("receive.smtp.listen", one, by_smtp)
    for one in wanted("smtps", s.implicit_tls_listen, implicit_tls=True):
        yield _Door("receive.smtp.implicit_tls_listen", one, by_smtp)
    for one in wanted("lmtp", settings.receive.lmtp.listen):
        # No balancer stands before a Unix socket.
        local = one.path or (one.socket is not None and one.socket.family == socket.AF_UNIX)
        options = replace(by_lmtp, proxy_protocol_timeout=None) if local else by_lmtp
        yield _Door("receive.lmtp.listen", one, options, LMTP)


def _verifier(settings: Settings) -> Verifier | None:
    if not settings.receive.smtp.verify_senders:
        return None
    from gateway.receive.smtp.verify import Verifier

    return Verifier()


class _Proxies(TypedDict):
    proxy_protocol_timeout: float | None
    proxies: tuple[IPv4Network | IPv6Network, ...]


def _proxies(section: SmtpSettings | LmtpSettings) -> _Proxies:
    return {
        "proxy_protocol_timeout": PROXY_SECONDS if section.proxy_protocol else None,
        "proxies": tuple(ip_network(known, strict=False) for known in section.proxies),
    }


def _logins(settings: Settings) -> Logins:
    key, smtp = "receive.smtp.passwords_file", settings.receive.smtp
    if not smtp.tls_certificate:
        remedy = "Set receive.smtp.tls_certificate and tls_key."
        raise settings.error(key, "is of no use without TLS: passwords are not taken in the clear", remedy)
    try:
        return Logins(settings.path(smtp.passwords_file), agent_addresses(settings))
    except BadLogins as error:
        remedy = "Make its lines with `replydesk agent password ADDRESS`."
        raise settings.error(key, f"{smtp.passwords_file} {error}", remedy) from None


def _told(one: Listener) -> str:
    if one.socket is None:
        return one.path or f"{one.host}:{one.port}"
    name = one.socket.getsockname()
    return f"{name[0]}:{name[1]} (systemd)" if isinstance(name, tuple) else f"{name} (systemd)"


@contextlib.contextmanager
def named(settings: Settings, key: str, one: Listener) -> Iterator[None]:
    """A door that cannot be opened names its key: raises `ConfigError`."""
    try:
        yield
    except OSError as error:
        raise cannot_listen(settings, key, _told(one), error) from None
    except ValueError as error:
        raise settings.error(key, f"cannot listen on {_told(one)}", f"{str(error).capitalize()}.") from None

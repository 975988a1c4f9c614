"""What `replydesk check --connect` asks besides: does whatever the settings name answer, and as it must?

Talks to the daemon's own listeners, to mailboxes, to the relay and to the portal from outside.
Nobody gets a mail, nothing is changed, and no password goes anywhere but where it belongs.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import build_opener

from gateway.cli.findings import ERROR, OK, WARNING, Finding, daemon_runs
from gateway.config import Settings
from gateway.config.settings import ImapSettings, LmtpSettings, SmtpSettings, host_and_port, loopback_of
from gateway.receive.smtp.replies import NOT_A_PROXY

if TYPE_CHECKING:
    from gateway.receive.imap.client import ImapMailbox

SECONDS = 5.0
"""For each answer; on this machine and on the way to the relay alike."""
RENEW = timedelta(days=14)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


# --- our own listeners -------------------------------------------------------------------------


def look_at_listeners(settings: Settings) -> Iterator[Finding]:
    """Each address of the settings answers as its protocol does."""
    if not daemon_runs(settings):
        yield Finding("listener", WARNING, "no daemon runs here, so none was asked", "Start it, then ask again.")
        return
    for key, address in settings.listens():
        try:
            yield from _ASK[key](settings, f"{key}: {address}", address)
        except (OSError, smtplib.SMTPException, http.client.HTTPException) as error:
            yield Finding(
                "listener",
                ERROR,
                f"{key}: {address} does not answer as it should ({_described(error)})",
                "Look into the daemon's log. Where systemd hands over its sockets, empty this setting.",
            )


def _ask_smtp(settings: Settings, what: str, address: str) -> Iterator[Finding]:
    smtp = settings.receive.smtp
    with closing(_dialled(address)) as sock:
        client = _greeted(smtplib.SMTP(), sock, smtp)
        if client is None:
            yield _for_balancers_only(what)
            return
        client.ehlo()
        if smtp.tls_certificate:
            code, said = client.docmd("STARTTLS")
            if code != 220:
                raise smtplib.SMTPResponseException(code, said)
            yield from _certificate(what, sock)
        yield Finding("listener", OK, f"{what} answers" + (", STARTTLS works" if smtp.tls_certificate else ""))


def _ask_smtps(settings: Settings, what: str, address: str) -> Iterator[Finding]:
    with closing(_dialled(address)) as sock:
        yield from _certificate(what, sock)
        yield Finding("listener", OK, f"{what} answers, TLS works")


def _ask_lmtp(settings: Settings, what: str, address: str) -> Iterator[Finding]:
    with closing(_dialled(address)) as sock:
        client = _greeted(smtplib.LMTP(), sock, settings.receive.lmtp)
        if client is None:
            yield _for_balancers_only(what)
            return
        code, said = client.docmd("LHLO", settings.hostname)
        if code != 250:
            raise smtplib.SMTPResponseException(code, said)
        yield Finding("listener", OK, f"{what} answers")


def _ask_portal(settings: Settings, what: str, address: str) -> Iterator[Finding]:
    with closing(http.client.HTTPConnection(*_reached(address), timeout=SECONDS)) as client:
        client.request("GET", "/healthz")
        answer = client.getresponse()
        yield _health(what, answer.status, answer.read(1000))


def _ask_metrics(settings: Settings, what: str, address: str) -> Iterator[Finding]:
    with closing(http.client.HTTPConnection(*_reached(address), timeout=SECONDS)) as client:
        client.request("GET", "/metrics")
        answer = client.getresponse()
        if answer.status != 200 or b"replydesk_" not in answer.read():
            remedy = "Use a free address, or stop what listens there."
            yield Finding("listener", ERROR, f"{what}: something else answers there ({answer.status})", remedy)
        else:
            yield Finding("listener", OK, f"{what} answers")


_ASK: dict[str, Callable[[Settings, str, str], Iterator[Finding]]] = {
    "receive.smtp.listen": _ask_smtp,
    "receive.smtp.implicit_tls_listen": _ask_smtps,
    "receive.lmtp.listen": _ask_lmtp,
    "portal.listen": _ask_portal,
    "metrics.listen": _ask_metrics,
}


def _dialled(address: str) -> socket.socket:
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(SECONDS)
        try:
            sock.connect(address.removeprefix("unix:"))
        except OSError:
            sock.close()
            raise
        return sock
    return socket.create_connection(_reached(address), SECONDS)


def _reached(address: str) -> tuple[str, int]:
    host, port = host_and_port(address)
    return loopback_of(host) or host, port


def _greeted(client: smtplib.SMTP, sock: socket.socket, section: SmtpSettings | LmtpSettings) -> smtplib.SMTP | None:
    """The client once it was let in; None where only balancers are, and we are none of them."""
    proxied = section.proxy_protocol and not (isinstance(section, LmtpSettings) and sock.family == socket.AF_UNIX)
    if proxied:
        sock.sendall(b"PROXY UNKNOWN\r\n")
    client.sock = sock
    code, said = client.getreply()
    if proxied and section.proxies and f"{code} {said.decode('utf-8', 'replace')}" == str(NOT_A_PROXY):
        return None
    if code != 220:
        raise smtplib.SMTPConnectError(code, said)
    return client


def _for_balancers_only(what: str) -> Finding:
    return Finding("listener", OK, f"{what} answers, and lets nobody in but the balancers of its proxies")


def _certificate(what: str, sock: socket.socket) -> Iterator[Finding]:
    """A handshake, and how long the certificate that is shown still lasts."""
    from asn1crypto import x509

    context = ssl.create_default_context()
    # Whether others trust it is for them to say: the name we ask under here is not theirs.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(sock) as wrapped:
        shown = x509.Certificate.load(wrapped.getpeercert(binary_form=True) or b"")
    ends: datetime = shown["tbs_certificate"]["validity"]["not_after"].native
    if ends < datetime.now(UTC) + RENEW:
        over = ends < datetime.now(UTC)
        yield Finding(
            "listener",
            ERROR if over else WARNING,
            f"{what}: its certificate {'ended' if over else 'ends'} on {ends:%Y-%m-%d}",
            "Renew it, and restart the daemon so that it is read.",
        )


# --- mailboxes ---------------------------------------------------------------------------------


def look_at_imap(settings: Settings) -> Iterator[Finding]:
    """Log in to each account, open its folders, ask whether it can push."""
    for number, imap in enumerate(settings.receive.imap):
        yield from asyncio.run(_ask_imap(settings, f"receive.imap[{number}]", imap))


async def _ask_imap(settings: Settings, key: str, imap: ImapSettings) -> list[Finding]:
    from gateway.errors import AccountError, ConfigError
    from gateway.receive.imap import watch
    from gateway.receive.imap.client import connect

    account = watch.account_of(settings, key, imap)
    try:
        mailbox = await connect(account, settings.limits.max_message_bytes)
    except ConfigError:
        raise
    except AccountError as error:
        return [Finding("imap", ERROR, f"{key}: {account.name}: {error}", "Check host, port, security and the secret.")]
    found = []
    try:
        for errand in watch.errands(imap):
            try:
                await mailbox.select(errand.folder)
            except AccountError as error:
                remedy = "Correct the folder's name, or make the folder."
                found.append(Finding("imap", ERROR, f"{key}: {account.name}: {error}", remedy))
        if imap.after == "move":
            found += await _ask_move_to(mailbox, f"{key}.move_to", imap.move_to)
        if mailbox.can_idle:
            found.append(Finding("imap", OK, f"{key}: {account.name}: logged in; new mail is pushed (IDLE)"))
        else:
            told = f"{key}: {account.name}: logged in; looked at every {account.poll_seconds:g} seconds, without IDLE"
            found.append(Finding("imap", WARNING if imap.idle else OK, told))
    finally:
        await mailbox.close()
    return found


async def _ask_move_to(mailbox: ImapMailbox, key: str, folder: str) -> list[Finding]:
    """Whether the folder to move to is there, or has a name under which it can be made; it is not made here."""
    from gateway.errors import AccountError
    from gateway.receive.imap import syntax

    try:
        there = syntax.listed(await mailbox.say("LIST", '""', syntax.folder_name(folder)))
        if there or "NAMESPACE" not in mailbox.capabilities:
            return []
        prefixes = [prefix for prefix, _ in syntax.namespaces(await mailbox.say("NAMESPACE"))]
    except AccountError as error:
        return [Finding("imap", WARNING, f"{key}: {folder} cannot be looked for ({error})", "Look at the server.")]
    if not prefixes or not prefixes[0] or any(p and folder.casefold().startswith(p.casefold()) for p in prefixes):
        return []
    told = f"{key}: {folder} is not there and cannot be made: on this server folders begin with {prefixes[0]}"
    return [Finding("imap", ERROR, told, f'Let it begin so, as in "{prefixes[0]}Replydesk".')]


def look_at_board(settings: Settings) -> Iterator[Finding]:
    """Log in, and look for the board's folders; nothing is made."""
    if settings.board.host:
        yield asyncio.run(_ask_board(settings))


async def _ask_board(settings: Settings) -> Finding:
    from gateway.board import keeper
    from gateway.board.account import BoardAccount
    from gateway.errors import AccountError, ConfigError
    from gateway.receive.imap.client import connect

    account = keeper.account_of(settings)
    try:
        mailbox = await connect(account, settings.limits.max_message_bytes)
        try:
            found = BoardAccount(mailbox, lambda _: None)
            await found.open(settings.board.folder)
            there = len(await found.tree())
        finally:
            await mailbox.close()
    except ConfigError:
        raise
    except AccountError as error:
        return Finding("board", ERROR, f"{account.name}: {error}", "Check [board]: host, port, security, the secret.")
    told = f"{there} folders below {found.root}" if there else f"{found.root} is made at the next start"
    return Finding("board", OK, f"{account.name}: logged in; {told}")


# --- the relay ---------------------------------------------------------------------------------


def look_at_relay(settings: Settings) -> Iterator[Finding]:
    """Connect, EHLO, TLS, AUTH, as sending does; no mail."""
    yield asyncio.run(_ask_relay(settings))


async def _ask_relay(settings: Settings) -> Finding:
    from gateway.send import RelayUnavailable, transport

    send = settings.send
    relay = transport(settings)
    try:
        found = await relay.check()
    except RelayUnavailable as error:
        return Finding("relay", ERROR, str(error), "Our mails wait until it works; see [send].")
    finally:
        await relay.close()
    if send.transport == "smtp" and send.security == "none" and send.host not in _LOOPBACK:
        remedy = 'Set send.security to "starttls" or "tls".'
        return Finding("relay", WARNING, f"{found}; every mail leaves this machine readable", remedy)
    return Finding("relay", OK, found)


# --- the portal as customers reach it ------------------------------------------------------------


def look_at_public_url(settings: Settings) -> Iterator[Finding]:
    """The address that stands in every mail leads to this portal."""
    url = settings.gateway.public_url
    if not settings.portal.listen:
        return
    if url.startswith("http://") and urlsplit(url).hostname not in _LOOPBACK:
        yield Finding("public url", WARNING, f"{url}: passwords travel readable", "Put HTTPS in front of the portal.")
    opener = build_opener()
    opener.addheaders = [("User-Agent", "replydesk-check")]
    try:
        with opener.open(f"{url}/healthz", timeout=SECONDS) as answer:
            status, body, reached = answer.status, answer.read(1000), str(answer.url).removesuffix("/healthz")
    except HTTPError as error:
        with error:
            status, body, reached = error.code, error.read(1000), url
    except (URLError, OSError, http.client.HTTPException) as error:
        yield _unreached(url, error)
        return
    if reached != url:
        yield Finding("public url", WARNING, f"{url} leads on to {reached}", "Set gateway.public_url to that address.")
    yield _health(url, status, body, "public url")


def _unreached(url: str, error: Exception) -> Finding:
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    if isinstance(cause, ssl.SSLError):
        return Finding("public url", ERROR, f"{url}: {_described(cause)}", "Renew or complete the certificate.")
    text = f"{url} cannot be reached from this machine ({_described(cause)})"
    return Finding("public url", WARNING, text, "Try it from outside; some networks do not let you in from within.")


def _health(what: str, status: int, body: bytes, about: str = "listener") -> Finding:
    try:
        said = json.loads(body)
        state, failing = said["status"], ", ".join(said.get("failing", ()))
    except (ValueError, TypeError, KeyError):
        text = f"{what}: something else answers there ({status})"
        return Finding(about, ERROR, text, "Look at the web server's rules.")
    if status == 200 and state == "ok":
        return Finding(about, OK, f"{what} answers")
    return Finding(about, WARNING, f"{what} answers, but is {state}: {failing}", "Look into the daemon's log.")


def _described(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {said}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


LOOKS: dict[str, Callable[[Settings], Iterator[Finding]]] = {
    "listener": look_at_listeners,
    "imap": look_at_imap,
    "board": look_at_board,
    "relay": look_at_relay,
    "public url": look_at_public_url,
}

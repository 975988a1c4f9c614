"""What `replydesk check` looks at: each look yields findings, and raises only errors that explain themselves."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway import config
from gateway.cli.site import lack
from gateway.config import Settings, beforehand
from gateway.config.certificate import tls_context
from gateway.config.database_file import placed, try_database_file
from gateway.config.only_one import lock_of_database
from gateway.config.settings import BoardSettings, ImapSettings, SendSettings
from gateway.core.policy import Policy
from gateway.core.token import Keys
from gateway.errors import StorageUnavailable, TemplateError
from gateway.mail.message import address_key
from gateway.render import brand
from storage import migrate
from storage.database import Database

OK, WARNING, ERROR = "ok", "warning", "error"
RELAY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    about: str
    level: str
    """`ok`, `warning` or `error`."""
    text: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """What is so, and what to do about it."""
        return f"{self.text.rstrip('.')}. {self.remedy}" if self.remedy else self.text


@contextlib.contextmanager
def eyes_of_the_service(settings: Settings) -> Iterator[None]:
    """Root sees everything; what counts is what the owner of data_dir sees, for the daemon runs as that user."""
    folder = settings.data_dir
    if os.geteuid() != 0 or not folder.exists() or folder.stat().st_uid == 0:
        yield
        return
    owner, groups, group = folder.stat(), os.getgroups(), os.getegid()
    try:
        os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    except KeyError:
        os.setgroups([owner.st_gid])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _hidden(path: Path, settings: Settings) -> str:
    """The command that lets nobody but the service read a file, whoever owns it."""
    service = settings.data_dir.stat() if settings.data_dir.exists() else None
    if service is None or service.st_uid == path.stat().st_uid:
        return f"chmod 600 {path}"
    try:
        group = grp.getgrgid(service.st_gid).gr_name
    except KeyError:
        group = str(service.st_gid)
    return f"chgrp {group} {path} && chmod 640 {path}"


def look_at_people(settings: Settings) -> Iterator[Finding]:
    if not settings.agents:
        yield Finding("agents", WARNING, "there are none: nobody is told of new mail", "Add an [[agents]] table.")
    desk = config.policy(settings, Keys(b""))
    for n, box in enumerate(settings.mailboxes):
        if desk.agents and not desk.team(box.address):
            said = f"mailboxes[{n}].address: no agent works for {box.address}, so {_instead(desk)} told of its mail"
            yield Finding("agents", WARNING, said, "Name it in mailboxes of an [[agents]] table.")
    if not settings.gateway.operator:
        yield Finding("operator", WARNING, "alarms go to the log only", "Set gateway.operator to an address.")
    host = settings.gateway.public_url.partition("://")[2].partition("/")[0]
    if settings.portal.listen and host.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]"):
        yield Finding(
            "portal",
            WARNING,
            f"links in mails lead to {settings.gateway.public_url}, which customers cannot reach",
            "Set gateway.public_url to the address of your web server.",
        )


def _instead(desk: Policy) -> str:
    return "the leads are" if any(agent.lead for agent in desk.agents) else "all agents are"


def look_at_folders(settings: Settings) -> Iterator[Finding]:
    folders = {"gateway.data_dir": settings.data_dir}
    if settings.send.transport == "file":
        folders["send.directory"] = settings.outgoing_dir
    for key, folder in folders.items():
        nearest = next(p for p in (folder, *folder.parents) if p.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True):
            yield Finding("folders", ERROR, f"{key}: {nearest} cannot be written", "Give it to the service's user.")
        else:
            made = "" if folder == nearest else ", made at the first start"
            yield Finding("folders", OK, f"{key}: {folder}{made}")


def look_at_secrets(settings: Settings) -> Iterator[Finding]:
    named = {
        "gateway.secret_file": settings.gateway.secret_file or str(settings.data_dir / "secret"),
        "gateway.database_password_file": settings.gateway.database_password_file,
        "send.dkim.key_file": settings.send.dkim.key_file,
    }
    accounts: dict[str, ImapSettings | SendSettings | BoardSettings] = {"send": settings.send, "board": settings.board}
    accounts |= {f"receive.imap[{number}]": imap for number, imap in enumerate(settings.receive.imap)}
    for key, account in accounts.items():
        for name in ("password_file", "oauth_client_secret_file", "oauth_refresh_token_file"):
            named[f"{key}.{name}"] = getattr(account, name)
    for key, value in named.items():
        if not value:
            continue
        path = settings.path(value)
        if key == "gateway.secret_file":
            if not config.has_secret(settings):
                yield Finding("secrets", OK, f"{key}: {path}, made at the first start")
                continue
            config.signing_keys(settings)
        elif key == "send.dkim.key_file" and settings.send.dkim.domain:
            from gateway.config.dkim_key import dkim_key

            dkim_key(settings)
        else:
            config.read_secret(settings, key, value)
        if path.exists() and path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            yield Finding(
                "secrets", WARNING, f"{key}: everybody on this machine can read {path}", _hidden(path, settings)
            )
        else:
            yield Finding("secrets", OK, f"{key}: {path}")


def look_at_logins(settings: Settings) -> Iterator[Finding]:
    """The agents who may sign in by SMTP."""
    from gateway.receive.smtp.logins import BadLogins, Logins

    key, smtp = "receive.smtp.passwords_file", settings.receive.smtp
    if not smtp.passwords_file:
        return
    try:
        known = Logins(settings.path(smtp.passwords_file), config.agent_addresses(settings)).read()
    except BadLogins as error:
        remedy = "Make its lines with `replydesk agent password ADDRESS`."
        yield Finding("logins", ERROR, f"{key}: {smtp.passwords_file} {error}", remedy)
        return
    strangers = set(known) - set(map(address_key, config.agent_addresses(settings)))
    if not smtp.tls_certificate:
        remedy = "Set receive.smtp.tls_certificate and tls_key."
        yield Finding("logins", ERROR, f"{key}: passwords are not taken without TLS", remedy)
    elif strangers:
        text = f"{key}: {', '.join(sorted(strangers))} can sign in nowhere, for these are no agents"
        yield Finding("logins", WARNING, text, "Remove those lines, or add them to [[agents]].")
    else:
        yield Finding("logins", OK, f"{key}: {len(known)} of the agents may sign in")


def look_at_database(settings: Settings) -> Iterator[Finding]:
    try_database_file(settings)
    database = Database(config.database_url(settings), settings.data_dir)
    try:
        with placed(settings):
            problem = lack(database)
        lock = lock_of_database(settings)
        if lock and _is_held(lock) and not daemon_runs(settings):
            text = "gateway.database_url: a daemon with another data_dir runs on it"
            yield Finding("database", ERROR, text, "Stop it, or use another database_url.")
        elif not problem:
            yield Finding("database", OK, database.safe_url)
            yield from _of_no_mailbox(settings, database)
            if not config.has_secret(settings) and database.read_now(lambda tx: tx.reads.search(limit=1)):
                text = f"the secret it was used with is missing: {migrate.NEW_SECRET_KNOWS_NOTHING}"
                yield Finding("database", WARNING, text)
        elif database.is_sqlite and not Path(database.engine.url.database or "").exists():
            yield Finding("database", OK, f"{database.safe_url}, made at the first start")
            yield from _older_secret(settings)
        elif not migrate.revision(database):
            yield Finding("database", OK, f"{database.safe_url} is empty; its tables are made at the first start")
            yield from _older_secret(settings)
        else:
            yield Finding("database", WARNING, problem)
    except StorageUnavailable as error:
        yield Finding(
            "database",
            ERROR,
            f"{database.safe_url}: {error}",
            "Start it, or correct gateway.database_url or database_password_file.",
        )
    finally:
        database.close_now()


def _of_no_mailbox(settings: Settings, database: Database) -> Iterator[Finding]:
    desk = config.policy(settings, Keys(b""))
    for mailbox, count in database.read_now(lambda tx: tx.reads.open_mailboxes()).items():
        if desk.mailbox_for(mailbox) is None:
            are = "1 open ticket is" if count == 1 else f"{count} open tickets are"
            said = f"{are} of {mailbox}, which is no mailbox any more: {desk.mailboxes[0].address} answers them"
            yield Finding("database", WARNING, said, "Make it an alias of the mailbox that has its mail now.")


def _older_secret(settings: Settings) -> Iterator[Finding]:
    if config.has_secret(settings):
        yield Finding(
            "database", WARNING, f"it is empty, beside a secret that is older: {migrate.OLD_MARKS_FIT_NOTHING}"
        )


def look_at_templates(settings: Settings) -> Iterator[Finding]:
    """Of mails and of pages."""
    from gateway.portal.templates import PageTemplates
    from gateway.render.mail import Templates

    folder, zone, look = settings.templates_dir, ZoneInfo(settings.gateway.timezone), brand.of(settings)
    if folder and not folder.is_dir():
        remedy = "Create it, or correct the path."
        yield Finding("templates", ERROR, f"gateway.templates_dir: there is no folder {folder}", remedy)
        return
    logo = settings.path(settings.brand.logo_file) if settings.brand.logo_file else None
    if logo and not os.access(logo, os.R_OK, effective_ids=True):
        remedy = "Put the picture there, or correct the path."
        yield Finding("templates", ERROR, f"brand.logo_file: {logo} cannot be read", remedy)
        return
    try:
        mails, pages = Templates(folder, zone, look), PageTemplates(folder, zone, look, logo)
        # The packaged ones are the same everywhere, and to try them in each language takes seconds.
        if folder:
            mails.check()
            pages.check()
    except TemplateError as error:
        yield Finding("templates", ERROR, str(error), "Correct that line.")
    else:
        yield Finding("templates", OK, f"{settings.templates_dir or 'the packaged ones'} can be used")


def look_at_certificate(settings: Settings) -> Iterator[Finding]:
    smtp = settings.receive.smtp
    if tls_context(settings, wanted=bool(smtp.implicit_tls_listen)) is not None:
        yield Finding("certificate", OK, f"receive.smtp.tls_certificate: {smtp.tls_certificate}")


def look_at_addresses(settings: Settings) -> Iterator[Finding]:
    """Each address we listen on is free, or the daemon of this data_dir holds it."""
    runs = daemon_runs(settings)
    seen: list[str] = []
    for key, address in settings.listens():
        if other := beforehand.in_the_way(address, seen):
            said = f"{key}: {address} cannot be listened on beside {other}"
            yield Finding("addresses", ERROR, said, beforehand.ONCE)
            continue
        seen.append(address)
        error = beforehand.refusal(address)
        if error is None:
            yield Finding("addresses", OK, f"{key}: {address} is free")
        elif error.errno == errno.EADDRINUSE and runs:
            yield Finding("addresses", OK, f"{key}: {address} is held by the running daemon")
        elif error.errno == errno.EACCES and 0 in os.getresuid():
            # Root looks with the service's eyes, which lack the capability that the unit gives it.
            yield Finding("addresses", OK, f"{key}: {address} is for the unit to allow (CAP_NET_BIND_SERVICE)")
        elif error.errno == errno.EACCES and not address.startswith("unix:"):
            said = f"{key}: {address}: this user may not use so low a port"
            yield Finding("addresses", WARNING, said, beforehand.LOW_PORT)
        else:
            remedy = "Use a free address, or stop what listens there. Is it a socket of systemd, empty the setting."
            yield Finding("addresses", ERROR, f"{key}: {address}: {error.strerror or error}", remedy)


def look_at_balancers(settings: Settings) -> Iterator[Finding]:
    """Whoever may send a PROXY header may say that he is somebody else."""
    receive = settings.receive
    for key, proxied, proxies, addresses in (
        ("receive.smtp", receive.smtp.proxy_protocol, receive.smtp.proxies, receive.smtp.listen),
        ("receive.lmtp", receive.lmtp.proxy_protocol, receive.lmtp.proxies, receive.lmtp.listen),
    ):
        if (
            proxied
            and not proxies
            and not all(a.startswith(("127.", "[::1]", "localhost:", "unix:")) for a in addresses)
        ):
            yield Finding(
                "balancers",
                WARNING,
                f"{key}.proxies is empty: whoever reaches the listener is believed",
                "Name the balancers' addresses there.",
            )


def look_at_relay(settings: Settings) -> Iterator[Finding]:
    from gateway.send.relay import authorities

    send = settings.send
    if send.transport != "smtp":
        return
    authorities(settings)
    try:
        socket.create_connection((send.host, send.port), timeout=RELAY_SECONDS).close()
    except OSError as error:
        yield Finding(
            "relay",
            WARNING,
            f"send.host: {send.host}:{send.port} does not answer ({error.strerror or error})",
            "Our mails wait until it does.",
        )
    else:
        yield Finding("relay", OK, f"send.host: {send.host}:{send.port} answers")


LOOKS: dict[str, Callable[[Settings], Iterator[Finding]]] = {
    "people": look_at_people,
    "folders": look_at_folders,
    "secrets": look_at_secrets,
    "logins": look_at_logins,
    "database": look_at_database,
    "templates": look_at_templates,
    "certificate": look_at_certificate,
    "addresses": look_at_addresses,
    "balancers": look_at_balancers,
    "relay": look_at_relay,
}


def daemon_runs(settings: Settings) -> bool:
    """A daemon holds the lock of this data_dir."""
    return _is_held(settings.data_dir / "lock")


def _is_held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False

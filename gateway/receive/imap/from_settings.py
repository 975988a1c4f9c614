"""The folders that are polled, from the settings: one watch for each.

A secret that cannot be read stops the start; later it only makes the look fail, until it can be
read again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from gateway.config import Settings, oauth, read_secret
from gateway.config.secret_files import Password
from gateway.config.settings import ImapSettings
from gateway.mail.message import address_key
from gateway.receive.imap.account import Account, After, Auth, Backlog, Credential, FolderProgress, FolderTask, Security
from gateway.receive.imap.folder import Folder
from gateway.receive.imap.watch import Watch
from gateway.receive.intake import Intake

_TLS_PORT, _PLAIN_PORT = 993, 143


def watches(settings: Settings, intake: Intake, books: FolderProgress, clock: Callable[[], datetime]) -> list[Watch]:
    """One for each folder of `[[receive.imap]]`. Raises `ConfigError` for a secret that cannot be read."""
    found = []
    largest = settings.limits.max_message_bytes
    for number, imap in enumerate(settings.receive.imap):
        account = account_of(settings, f"receive.imap[{number}]", imap)
        for errand in errands(imap):
            folder = Folder(errand, account.name, intake, books, largest, clock)
            found.append(Watch(account, folder, books, largest))
    return found


def alarm_after(settings: Settings) -> dict[str, timedelta]:
    """How long each source may fail before the operator hears of it."""
    return {
        errand.source: timedelta(minutes=imap.alarm_after_minutes)
        for imap in settings.receive.imap
        for errand in errands(imap)
    }


def errands(imap: ImapSettings) -> list[FolderTask]:
    """What to do in each folder of an account. Sent mail is only ever looked at."""
    inbox = FolderTask(
        f"imap:{imap.mailbox}", imap.mailbox, imap.folder, Backlog(imap.backlog), After(imap.after), imap.move_to
    )
    if not imap.sent_folder:
        return [inbox]
    return [inbox, FolderTask(f"imap-sent:{imap.mailbox}", imap.mailbox, imap.sent_folder, Backlog.NONE, After.LEAVE)]


def account_of(settings: Settings, key: str, imap: ImapSettings) -> Account:
    security = Security(imap.security)
    return Account(
        host=imap.host,
        port=imap.port or (_TLS_PORT if security is Security.TLS else _PLAIN_PORT),
        security=security,
        username=imap.username or imap.mailbox,
        auth=Auth(imap.auth),
        credential=_credential(settings, key, imap),
        ca_file=str(settings.path(imap.ca_file)) if imap.ca_file else "",
        may_idle=imap.idle,
        poll_seconds=imap.poll_seconds,
    )


def _credential(settings: Settings, key: str, imap: ImapSettings) -> Credential:
    if imap.auth == "xoauth2":
        return oauth.tokens(settings, key, imap, address_key(imap.mailbox))
    read = partial(read_secret, settings, f"{key}.password_file", imap.password_file)
    read()
    return Password(read)

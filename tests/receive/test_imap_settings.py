"""`[[receive.imap]]`: what it leads to, and how it says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.config import Settings, build
from gateway.errors import ConfigError
from gateway.receive.imap import watch
from gateway.receive.imap.account import After, Backlog, FolderTask, Security

BASE = {"mailbox": "support@example.com", "host": "imap.example.com", "password_file": "password"}
OAUTH = {
    "auth": "xoauth2",
    "oauth_token_url": "https://login.example.com/token",
    "oauth_client_id": "me",
    "oauth_client_secret_file": "password",
}


def settings(folder: Path, *tables: dict[str, Any]) -> Settings:
    (folder / "password").write_text("hush\n")
    data = {"mailboxes": [{"address": "support@example.com", "aliases": ["help@example.com"]}]}
    return build({**data, "receive": {"imap": list(tables)}}, folder / "replydesk.toml")


def test_the_usual_account(tmp_path: Path) -> None:
    """TLS on its port, the address as user, unread mail first, and moved away afterwards."""
    found = settings(tmp_path, BASE)
    account = watch.account_of(found, "receive.imap[0]", found.receive.imap[0])
    assert (account.port, account.security, account.username) == (993, Security.TLS, "support@example.com")
    assert watch.errands(found.receive.imap[0]) == [
        FolderTask("imap:support@example.com", "support@example.com", "INBOX", Backlog.NEW, After.MOVE, "Replydesk")
    ]


def test_a_sent_folder_is_only_looked_at(tmp_path: Path) -> None:
    """Mail that lies there already is left alone, and nothing is ever moved out of it."""
    found = settings(tmp_path, BASE | {"sent_folder": "Sent"}).receive.imap[0]
    assert watch.errands(found)[1] == FolderTask(
        "imap-sent:support@example.com", "support@example.com", "Sent", Backlog.NONE, After.LEAVE
    )


def test_two_accounts_for_one_mailbox(tmp_path: Path) -> None:
    """By an alias: each source has a name of its own."""
    found = settings(tmp_path, BASE, BASE | {"mailbox": "help@example.com"})
    assert list(watch.alarm_after(found)) == ["imap:support@example.com", "imap:help@example.com"]


@pytest.mark.parametrize(
    ("tables", "key", "says"),
    [
        ([BASE | {"mailbox": "other@example.com"}], "[0].mailbox", "is no mailbox"),
        ([BASE, BASE | {"mailbox": "Support@example.com"}], "[1].mailbox", "twice"),
        ([BASE | {"password_file": ""}], "[0].password_file", 'auth = "login"'),
        ([BASE | OAUTH | {"oauth_token_url": ""}], "[0].oauth_token_url", "is missing"),
        ([BASE | OAUTH | {"oauth_client_secret_file": ""}], "[0].oauth_client_secret_file", "docs/imap.md"),
        ([BASE | OAUTH | {"oauth_token_url": "ftp://x"}], "[0].oauth_token_url", "web address"),
        ([BASE | {"move_to": "inbox"}], "[0].folder", "two purposes"),
        ([BASE | {"sent_folder": "Replydesk"}], "[0].folder", "two purposes"),
        ([BASE | {"security": "ssl"}], "[0].security", "ssl"),
        ([BASE | {"hosts": "x"}], "[0].hosts", "Did you mean 'host'"),
        ([{"mailbox": "support@example.com"}], "[0].host", "is missing"),
    ],
)
def test_errors_name_key_and_remedy(tmp_path: Path, tables: list[dict[str, Any]], key: str, says: str) -> None:
    """The first thing that is wrong, where it stands, and what to do."""
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, *tables)
    assert caught.value.key == f"receive.imap{key}"
    assert says in str(caught.value)
    assert caught.value.remedy


def test_a_secret_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    """Better at the start than an hour later."""
    found = settings(tmp_path, BASE | {"password_file": "nowhere"})
    with pytest.raises(ConfigError, match=r"receive\.imap\[0\]\.password_file"):
        watch.watches(found, None, None, None, None)  # type: ignore[arg-type]  # not reached

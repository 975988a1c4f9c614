"""Secrets: from files or from $CREDENTIALS_DIRECTORY, never from the command line, and never shown."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from gateway.config.settings import Settings
from gateway.core.token import Keys

SECRET_BYTES = 32
OF_THE_UNIT = Path("/run/credentials/replydesk.service")
"""Where systemd keeps a running service's credentials, for its user and root."""


def read_secret(settings: Settings, key: str, value: str) -> str:
    """The content of a secret's file, without the newline at its end."""
    path = settings.path(value)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / value).exists():
        path = Path(credentials) / value
    elif not os.access(path, os.R_OK, effective_ids=True) and os.access(
        OF_THE_UNIT / value, os.R_OK, effective_ids=True
    ):
        # A verb or `check`, run beside the service that was given it.
        path = OF_THE_UNIT / value
    try:
        found = path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "not UTF-8 text"
        raise settings.error(
            key,
            f"{path} cannot be read ({cause})",
            "Put the secret there, correct the path, or hand it over with LoadCredential=."
            if isinstance(error, FileNotFoundError)
            else "Make it readable for the service's user (chgrp, chmod 640), or hand it over with LoadCredential=.",
        ) from None
    if not found:
        raise settings.error(key, f"{path} is empty", "Put the secret into it.")
    return found


def signing_keys(settings: Settings) -> Keys:
    """The signing secret; made at the first start when no file is named. Further lines are earlier secrets."""
    name = settings.gateway.secret_file
    if not name:
        path = settings.data_dir / "secret"
        if not path.exists():
            _make_secret(settings, path)
        name = str(path)
    lines = [line.strip() for line in read_secret(settings, "gateway.secret_file", name).splitlines() if line.strip()]
    if not lines or any(len(line) < SECRET_BYTES for line in lines):
        raise settings.error(
            "gateway.secret_file",
            f"a secret is shorter than {SECRET_BYTES} characters",
            "Make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'",
        )
    return Keys(lines[0].encode(), tuple(line.encode() for line in lines[1:]))


def has_secret(settings: Settings) -> bool:
    """A secret file is named, or the daemon has made one."""
    return bool(settings.gateway.secret_file) or (settings.data_dir / "secret").exists()


def _make_secret(settings: Settings, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole or not at all: a half-written secret would orphan every mark given out under it.
        temporary = path.with_suffix(f".{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    except OSError as error:
        raise settings.error(
            "gateway.data_dir",
            f"{path.parent} cannot be written ({error.strerror})",
            "Create it for the service's user.",
        ) from None


def relay_password(settings: Settings) -> str:
    """Empty where nobody signs in to the relay by one."""
    send = settings.send
    return (
        read_secret(settings, "send.password_file", send.password_file)
        if send.username and send.auth != "xoauth2"
        else ""
    )


def database_url(settings: Settings) -> str:
    """The URL with the password from its file put in."""
    name = settings.gateway.database_password_file
    return with_password(settings, "gateway.database_password_file", settings.gateway.database_url, name)


def with_password(settings: Settings, key: str, url: str, name: str) -> str:
    """The URL with the password from the file of that name, if one is named, put in."""
    if not name:
        return url
    password = read_secret(settings, key, name)
    parts = urlsplit(url)
    if not parts.username:
        raise settings.error(
            "gateway.database_url", "names no user for the password", "Write postgresql+psycopg://user@host/name."
        )
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(
        netloc=f"{quote(unquote(parts.username), safe='')}:{quote(password, safe='')}@{host}"
    ).geturl()


class Password:
    """A `Credential`: a password from a file, read at each login. Raises what reading the file raises."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    async def get(self) -> str:
        return self._read()

    def rejected(self) -> bool:
        return False

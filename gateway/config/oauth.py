"""Access tokens for XOAUTH2 (RFC 6749): client credentials, or a refresh token.

A token is kept in memory until it runs out. A new refresh token that an endpoint hands out
(section 6) is kept in a file of ours, for the one the operator named may stop working. Secrets
go to the endpoint only, over TLS, never into a log or an error.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Protocol
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from gateway.config import Settings, read_secret
from gateway.errors import LoginRefused, Unreachable
from gateway.mail.text import one_line

ENDPOINT_SECONDS = 30.0
LONGEST_ANSWER = 256 * 1024
EARLY_SECONDS = 120.0
"""A token is renewed so long before it runs out."""
LIFETIME_SECONDS = 3600.0
"""When the endpoint does not say (section 5.1)."""


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Who asks, where, and what for. Files are read anew each time."""

    token_url: str
    client_id: str
    secret: Callable[[], str] = field(repr=False)
    """Empty for a public client."""
    refresh_token: Callable[[], str] = field(repr=False)
    """Empty: client credentials are used (section 4.4)."""
    scope: str = ""


class OAuthSection(Protocol):
    """The keys of a section of the settings that signs in by XOAUTH2."""

    @property
    def oauth_token_url(self) -> str: ...
    @property
    def oauth_client_id(self) -> str: ...
    @property
    def oauth_client_secret_file(self) -> str: ...
    @property
    def oauth_refresh_token_file(self) -> str: ...
    @property
    def oauth_scope(self) -> str: ...


def tokens(settings: Settings, key: str, section: OAuthSection, account: str) -> Tokens:
    """The tokens of an account, as a section of the settings names them. Raises `ConfigError`."""

    def secret(name: str) -> Callable[[], str]:
        value: str = getattr(section, name)
        read = partial(read_secret, settings, f"{key}.{name}", value) if value else str
        read()
        return read

    client = OAuthClient(
        section.oauth_token_url,
        section.oauth_client_id,
        secret("oauth_client_secret_file"),
        secret("oauth_refresh_token_file"),
        section.oauth_scope,
    )
    # Named by its account, whose address may hold what a file's name must not.
    digest = hashlib.sha256(account.encode()).hexdigest()[:16]
    return Tokens(client, settings.data_dir / f"oauth-{digest}.json")


class Tokens:
    """A `Credential`: the access token of one account. `kept` is where a renewed refresh token lies."""

    def __init__(self, client: OAuthClient, kept: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._kept, self._clock = client, kept, clock
        self._token, self._until = "", 0.0
        self._is_fresh = False
        """It came from the endpoint at the last `get`."""
        self._one_at_a_time = asyncio.Lock()

    async def get(self) -> str:
        """A token that is valid now. Raises `LoginRefused`, `Unreachable`, or `ConfigError` for a file."""
        async with self._one_at_a_time:
            self._is_fresh = not self._token or self._clock() >= self._until
            if self._is_fresh:
                answer = await asyncio.to_thread(self._ask)
                self._token = answer.access_token
                self._until = self._clock() + max(0.0, answer.seconds - EARLY_SECONDS)
            return self._token

    def rejected(self) -> bool:
        self._token = ""
        return not self._is_fresh

    # --- in a thread ----------------------------------------------------------------------------

    def _ask(self) -> TokenAnswer:
        client, configured = self._client, self._client.refresh_token()
        form = {"client_id": client.client_id}
        if secret := client.secret():
            form["client_secret"] = secret
        if client.scope:
            form["scope"] = client.scope
        if configured:
            form |= {"grant_type": "refresh_token", "refresh_token": self._newest(configured)}
        else:
            form["grant_type"] = "client_credentials"
        answer = _post(client.token_url, form)
        if configured and answer.refresh_token and answer.refresh_token != form["refresh_token"]:
            self._keep(configured, answer.refresh_token)
        return answer

    def _newest(self, configured: str) -> str:
        """The refresh token last handed out, as long as the operator names the one it came from."""
        try:
            kept = json.loads(self._kept.read_text("utf-8"))
            if kept["from"] == _digest(configured):
                return str(kept["refresh_token"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return configured

    def _keep(self, configured: str, token: str) -> None:
        """Whole or not at all: half a token would lock us out."""
        temporary = self._kept.with_suffix(f".{os.getpid()}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump({"from": _digest(configured), "refresh_token": token}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._kept)
        except OSError as error:
            raise Unreachable(f"the new refresh token cannot be kept in {self._kept} ({error.strerror})") from None


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    access_token: str = field(repr=False)
    seconds: float
    refresh_token: str = field(default="", repr=False)


class _StayHere(HTTPRedirectHandler):
    """A redirect would carry the secret to somebody else."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _post(url: str, form: dict[str, str]) -> TokenAnswer:
    if urlsplit(url).scheme not in ("https", "http"):
        raise LoginRefused(f"{url} is not a web address")
    opener = build_opener(_StayHere)
    opener.addheaders.append(("Accept", "application/json"))
    try:
        with opener.open(url, urlencode(form).encode(), timeout=ENDPOINT_SECONDS) as response:
            return _understood(response.read(LONGEST_ANSWER))
    except HTTPError as error:
        with error:
            raise _refusal(error.code, error.read(LONGEST_ANSWER)) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise Unreachable(f"the token endpoint does not answer: {one_line(str(reason), 200)}") from None


def _understood(body: bytes) -> TokenAnswer:
    try:
        said = json.loads(body)
        seconds = float(said.get("expires_in") or LIFETIME_SECONDS)
        return TokenAnswer(str(said["access_token"]), seconds, str(said.get("refresh_token") or ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreachable("the token endpoint's answer holds no access token") from None


def _refusal(status: int, body: bytes) -> LoginRefused | Unreachable:
    """What the endpoint says (section 5.2), which names no secret. Its own trouble passes."""
    try:
        said = json.loads(body)
        words = ": ".join(str(said[key]) for key in ("error", "error_description") if said.get(key))
    except (ValueError, TypeError, AttributeError, KeyError):
        words = ""
    text = f"the token endpoint says {status} {one_line(words, 300)}".strip()
    return Unreachable(text) if status >= 500 or status == 429 else LoginRefused(text)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

"""Access tokens: asked for where and when the standard says, and never told to anybody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.config.oauth import OAuthClient, Tokens
from gateway.config.secret_files import Password
from gateway.core.policy import Policy
from gateway.errors import LoginRefused, Unreachable
from gateway.receive.imap.account import Auth
from gateway.receive.imap.client import connect
from storage.database import Database
from tests.conftest import Clock
from tests.endpoint import Endpoint
from tests.receive.imap_house import House, account, errand, mail, until
from tests.receive.imap_server import Server


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint().running() as running:
        running.answers = [(200, {"access_token": "first", "expires_in": 3600})]
        yield running


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def tokens(endpoint: Endpoint, folder: Path, time: Callable[[], float] = lambda: 0.0, refresh: str = "") -> Tokens:
    client = OAuthClient(endpoint.url, "client-1", lambda: "hush", lambda: refresh, "https://mail.example/.default")
    return Tokens(client, folder / "kept.json", time)


async def test_client_credentials(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 6749 section 4.4, as Microsoft 365 wants it."""
    assert await tokens(endpoint, tmp_path).get() == "first"
    assert endpoint.asked == [
        {
            "grant_type": "client_credentials",
            "client_id": "client-1",
            "client_secret": "hush",
            "scope": "https://mail.example/.default",
        }
    ]


async def test_a_refresh_token(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 6749 section 6, as Gmail wants it."""
    assert await tokens(endpoint, tmp_path, refresh="long-lived").get() == "first"
    assert endpoint.asked[0]["grant_type"] == "refresh_token"
    assert endpoint.asked[0]["refresh_token"] == "long-lived"


async def test_a_token_is_used_until_shortly_before_its_end(endpoint: Endpoint, tmp_path: Path) -> None:
    """Not asked for at each login, and never presented when it is about to end."""
    time = Time()
    source = tokens(endpoint, tmp_path, time)
    endpoint.answers = [(200, {"access_token": str(n), "expires_in": 3600}) for n in range(3)]
    assert await source.get() == "0"
    time.now = 3400
    assert await source.get() == "0"
    time.now = 3500
    assert await source.get() == "1"
    assert len(endpoint.asked) == 2


async def test_a_rejected_token_is_not_used_again(endpoint: Endpoint, tmp_path: Path) -> None:
    """The server may know that it was revoked. Asking again at once helps only when it was a kept one."""
    source = tokens(endpoint, tmp_path)
    endpoint.answers = [(200, {"access_token": "bad"}), (200, {"access_token": "good"})]
    assert await source.get() == "bad"
    assert not source.rejected()
    assert await source.get() == "good"
    await source.get()
    assert source.rejected()


async def test_a_new_refresh_token_outlives_a_restart(endpoint: Endpoint, tmp_path: Path) -> None:
    """Section 6: the old one may be dead. The operator's own file is not touched."""
    endpoint.answers = [(200, {"access_token": "a", "refresh_token": "second"})]
    await tokens(endpoint, tmp_path, refresh="first").get()
    await tokens(endpoint, tmp_path, refresh="first").get()
    assert [form["refresh_token"] for form in endpoint.asked] == ["first", "second"]
    assert (tmp_path / "kept.json").stat().st_mode & 0o777 == 0o600


async def test_a_refresh_token_the_operator_renewed_counts(endpoint: Endpoint, tmp_path: Path) -> None:
    """What was kept belongs to the token it came from."""
    endpoint.answers = [(200, {"access_token": "a", "refresh_token": "second"})]
    await tokens(endpoint, tmp_path, refresh="first").get()
    await tokens(endpoint, tmp_path, refresh="brand-new").get()
    assert [form["refresh_token"] for form in endpoint.asked] == ["first", "brand-new"]


@pytest.mark.parametrize("kept", [b"", b"\xff", b"[]", b'{"from": 1}', b'{"refresh_token": "x"}'])
async def test_a_damaged_file_is_no_obstacle(endpoint: Endpoint, tmp_path: Path, kept: bytes) -> None:
    """Then the operator's token is tried."""
    (tmp_path / "kept.json").write_bytes(kept)
    await tokens(endpoint, tmp_path, refresh="first").get()
    assert endpoint.asked[0]["refresh_token"] == "first"


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (400, {"error": "invalid_grant", "error_description": "revoked\r\nTrace: 1"}, LoginRefused, "revoked Trace: 1"),
        (401, {"error": "invalid_client"}, LoginRefused, "401 invalid_client"),
        (400, b"<html>", LoginRefused, "says 400"),
        (429, {"error": "slow_down"}, Unreachable, "slow_down"),
        (503, b"", Unreachable, "says 503"),
        (200, {"token": "x"}, Unreachable, "no access token"),
        (200, b"<html>", Unreachable, "no access token"),
        (200, ["x"], Unreachable, "no access token"),
    ],
)
async def test_what_the_endpoint_says_is_told(
    endpoint: Endpoint, tmp_path: Path, status: int, body: object, error: type[Exception], told: str
) -> None:
    """The endpoint's own trouble passes; a refusal does not. No secret is in either."""
    endpoint.answers = [(status, body)]
    with pytest.raises(error, match=told) as caught:
        await tokens(endpoint, tmp_path, refresh="long-lived").get()
    assert not {"hush", "long-lived"} & set(str(caught.value).split())


async def test_a_redirect_is_not_followed(endpoint: Endpoint, tmp_path: Path) -> None:
    """It would hand the secret to somebody else."""
    endpoint.answers, endpoint.headers = [(307, b"")], {"Location": endpoint.url + "/elsewhere"}
    with pytest.raises(LoginRefused, match="says 307"):
        await tokens(endpoint, tmp_path).get()
    assert len(endpoint.asked) == 1


async def test_nobody_there(endpoint: Endpoint, tmp_path: Path) -> None:
    """An endpoint that cannot be reached is tried again later."""
    endpoint.url = "http://127.0.0.1:9/token"
    with pytest.raises(Unreachable, match="does not answer"):
        await tokens(endpoint, tmp_path).get()


def test_secrets_are_not_shown(endpoint: Endpoint) -> None:
    """Not by accident in a traceback either."""
    shown = repr(OAuthClient("https://x", "client-1", lambda: "hush", lambda: "long-lived"))
    assert "hush" not in shown
    assert "long-lived" not in shown


# --- with a mailbox behind ---------------------------------------------------------------------------


async def test_an_expired_token_is_renewed_for_the_next_login(
    endpoint: Endpoint, tmp_path: Path, sqlite_url: str, policy: Policy, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mailbox refuses the kept token; the next try comes at once with a new one, and the mail is taken."""
    waits: list[float] = []
    monkeypatch.setattr(
        "gateway.core.backoff.Backoff.failed", lambda self, at_least=0.0: waits.append(at_least) or 0.01
    )
    database = Database(sqlite_url, tmp_path)
    house = House(database, policy, clock)
    endpoint.answers = [(200, {"access_token": "revoked"}), (200, {"access_token": "fresh"})]
    async with Server().running() as server:
        server.tokens = {"revoked"}
        watch = house.watch(server, errand(), auth=Auth.XOAUTH2, credential=tokens(endpoint, tmp_path))
        async with house.watching(watch):
            await until(lambda: "IDLE" in server.said)
            server.tokens = {"fresh"}
            server.cut()
            server.deliver(mail(1))
            await until(lambda: not server.inbox.mails)
    assert waits == [0.0, 0.0]
    assert len(endpoint.asked) == 2
    assert await house.tickets() == 1
    await database.close()


async def test_a_token_is_sent_as_google_and_microsoft_want_it() -> None:
    """`user=…^Aauth=Bearer …^A^A`, which the small server compares byte by byte."""
    async with Server().running() as server:
        server.tokens = {"t"}
        mailbox = await connect(account(server.port, auth=Auth.XOAUTH2, credential=Password(lambda: "t")), 1000)
        await mailbox.close()
    assert server.logins == 1

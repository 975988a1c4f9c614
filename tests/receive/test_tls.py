"""STARTTLS, implicit TLS, and AUTH on top of them."""

from __future__ import annotations

import asyncio
import base64
import logging
import smtplib
import threading

import pytest
from smtp_peer import Desk, Peer, Tls, peer, serving, until

from gateway.receive.smtp import server as smtp
from gateway.receive.smtp.options import Listener, Options

PASSWORD = "Grüß Gott"


def credentials(login: str, password: str) -> str | None:
    return "anna@desk.test" if (login, password) == ("anna", PASSWORD) else None


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PLAIN = b64(f"\0anna\0{PASSWORD}")
WRONG = b64("\0anna\0wrong")


async def extensions(client: Peer) -> set[str]:
    await client.send(b"EHLO peer.test\r\n")
    return {line[4:] for line in await client.reply()}


async def test_starttls(tls: Tls) -> None:
    """Offered until used; afterwards the peer is a stranger again (RFC 3207 section 4.2)."""
    desk = Desk()
    async with serving(desk, tls=tls.server) as server, peer(server) as client:
        assert "STARTTLS" in await extensions(client)
        assert await client.ask("STARTTLS now") == "501 5.5.4 Syntax error in the arguments"
        await client.ask("MAIL FROM:<a@peer.test>")
        await client.start_tls(tls.client)
        assert await client.ask("MAIL FROM:<a@peer.test>") == "503 5.5.1 Say hello first"
        assert "STARTTLS" not in await extensions(client)
        assert await client.ask("STARTTLS") == "503 5.5.1 TLS is already active"
        await client.begin_data()
        assert (await client.ask("hello\r\n.")).startswith("250")
    assert b" with ESMTPS id " in desk.accepted[0][0]


async def test_nothing_said_before_tls_counts_after_it(tls: Tls) -> None:
    """Commands smuggled behind STARTTLS in the same packet are dropped, not carried out."""
    desk = Desk()
    async with serving(desk, tls=tls.server) as server, peer(server) as client:
        await client.send(b"STARTTLS\r\nRSET\r\nNOOP\r\n")
        assert (await client.line()).startswith("220 2.0.0")
        await client.writer.start_tls(tls.client, server_hostname="desk.test")
        assert await client.ask("HELO peer.test") == "250 desk.test"


async def test_failed_handshake_frees_its_place(tls: Tls, caplog: pytest.LogCaptureFixture) -> None:
    """Rubbish instead of a handshake ends the connection, and only that."""
    caplog.set_level(logging.INFO)
    async with serving(Desk(), tls=tls.server, connections_per_ip=1) as server:
        for _ in range(3):
            async with peer(server) as client:
                assert (await client.ask("STARTTLS")).startswith("220")
                await client.send(b"EHLO peer.test\r\n" * 10)
                await client.closed()
        async with peer(server) as client:
            assert await client.ask("NOOP") == "250 2.0.0 OK"
    assert caplog.messages.count("TLS handshake failed") == 3
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_unfinished_handshake_frees_its_place(tls: Tls) -> None:
    """Silence instead of a handshake is timed out, and hanging up in it is noticed."""
    async with serving(Desk(), tls=tls.server, timeout_seconds=0.8) as server:
        async with peer(server) as client:
            await client.ask("STARTTLS")
            await client.closed()
            await until(lambda: not smtp._listening[server].sessions)
        async with peer(server) as client:
            await client.ask("STARTTLS")
        await until(lambda: not smtp._listening[server].sessions)


async def test_implicit_tls(tls: Tls) -> None:
    """TLS from the first byte; AUTH works there too."""
    desk = Desk()
    listener = Listener("127.0.0.1", implicit_tls=True)
    async with (
        serving(desk, listener=listener, tls=tls.server, credentials=credentials) as server,
        peer(server, tls.client) as client,
    ):
        assert {"AUTH LOGIN PLAIN"} <= await extensions(client) - {"STARTTLS"}
        assert await client.ask(f"AUTH PLAIN {PLAIN}") == "235 2.7.0 Authentication successful"
        await client.begin_data()
        assert (await client.ask("hello\r\n.")).startswith("250")
    raw, envelope = desk.accepted[0]
    assert envelope.authenticated_as == "anna@desk.test"
    assert b" with ESMTPSA id " in raw


async def test_implicit_tls_without_certificate_does_not_start() -> None:
    """Better no listener than a plain one."""
    with pytest.raises(ValueError, match="certificate"):
        async with serving(Desk(), listener=Listener("127.0.0.1", implicit_tls=True)):
            pass


async def test_auth_waits_for_tls(tls: Tls) -> None:
    """A password is not asked for, nor taken, in the clear."""
    async with serving(Desk(), tls=tls.server, credentials=credentials) as server, peer(server) as client:
        assert not any(line.startswith("AUTH") for line in await extensions(client))
        assert await client.ask(f"AUTH PLAIN {PLAIN}") == "538 5.7.11 Encryption required for authentication"


async def test_login_before_tls_is_forgotten(tls: Tls) -> None:
    """Where a site allows AUTH in the clear, TLS still begins from nothing (RFC 3207 section 4.2)."""
    desk = Desk()
    async with (
        serving(desk, tls=tls.server, credentials=credentials, require_tls_for_auth=False) as server,
        peer(server) as client,
    ):
        assert (await client.ask(f"AUTH PLAIN {PLAIN}")).startswith("235")
        await client.start_tls(tls.client)
        await client.ask("EHLO peer.test")
        await client.begin_data()
        await client.ask(".")
    assert desk.accepted[0][1].authenticated_as == ""


EXCHANGES: dict[str, list[tuple[str, str]]] = {
    "plain at once": [(f"AUTH PLAIN {PLAIN}", "235 2.7.0 *")],
    "plain when asked": [("AUTH PLAIN", "334 "), (PLAIN, "235 2.7.0 *")],
    "plain as oneself": [(f"AUTH plain {b64(f'anna{chr(0)}anna{chr(0)}{PASSWORD}')}", "235 2.7.0 *")],
    "plain as another": [(f"AUTH PLAIN {b64(f'bob{chr(0)}anna{chr(0)}{PASSWORD}')}", "535 5.7.8 *")],
    "login": [
        ("AUTH LOGIN", f"334 {b64('Username:')}"),
        (b64("anna"), f"334 {b64('Password:')}"),
        (b64(PASSWORD), "235 2.7.0 *"),
    ],
    "login with name": [(f"AUTH LOGIN {b64('anna')}", f"334 {b64('Password:')}"), (b64(PASSWORD), "235 2.7.0 *")],
    "wrong password": [(f"AUTH PLAIN {WRONG}", "535 5.7.8 *"), (f"AUTH PLAIN {PLAIN}", "235 2.7.0 *")],
    "no password": [(f"AUTH PLAIN {b64(f'{chr(0)}anna{chr(0)}')}", "535 5.7.8 *")],
    "empty response": [("AUTH PLAIN =", "501 5.5.2 *")],
    "cancelled": [("AUTH LOGIN", "334 *"), ("*", "501 5.7.0 *"), ("NOOP", "250 *")],
    "not base64": [("AUTH PLAIN äöü", "501 5.5.2 *"), ("AUTH PLAIN", "334 "), ("a", "501 5.5.2 *")],
    "not text": [("AUTH PLAIN AP8AYQ==", "501 5.5.2 *")],
    "too long": [("AUTH PLAIN", "334 "), ("A" * 20000, "500 5.5.6 *"), ("NOOP", "250 *")],
    "unknown mechanism": [("AUTH CRAM-MD5", "504 5.5.4 *")],
    "no mechanism": [("AUTH", "501 5.5.4 *"), ("AUTH PLAIN a b", "501 5.5.4 *")],
    "twice": [(f"AUTH PLAIN {PLAIN}", "235 *"), (f"AUTH PLAIN {PLAIN}", "503 5.5.1 *")],
    "in a mail": [("MAIL FROM:<a@peer.test> AUTH=<>", "250 *"), (f"AUTH PLAIN {PLAIN}", "503 5.5.1 *")],
}


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
async def test_auth(tls: Tls, exchange: list[tuple[str, str]]) -> None:
    """RFC 4954 and RFC 4616, word by word."""
    async with (
        serving(Desk(), tls=tls.server, credentials=credentials) as server,
        peer(server) as client,
    ):
        await client.start_tls(tls.client)
        await client.ask("EHLO peer.test")
        for said, expected in exchange:
            reply = await client.ask(said)
            assert reply == expected or (expected.endswith("*") and reply.startswith(expected[:-1])), (said, reply)


async def test_smtplib_logs_in(tls: Tls) -> None:
    """A client written by others gets in by each mechanism."""
    desk = Desk()

    def send(port: int, mechanism: str) -> None:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="peer.test") as client:
            client._host = "desk.test"  # type: ignore[attr-defined]  # the name the certificate is checked for
            client.starttls(context=tls.client)
            client.ehlo()
            client.user, client.password = "anna", "ascii"  # all that smtplib can say
            client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))
            client.sendmail("a@peer.test", ["support@desk.test"], "Subject: x\r\n\r\nhello\r\n.\r\n")

    async with serving(
        desk, tls=tls.server, credentials=lambda _, given: "anna@desk.test" if given == "ascii" else None
    ) as server:
        for mechanism in ("PLAIN", "LOGIN"):
            await asyncio.to_thread(send, server.sockets[0].getsockname()[1], mechanism)
    assert [e.authenticated_as for _, e in desk.accepted] == ["anna@desk.test"] * 2
    assert desk.mails[0].endswith(b"hello\r\n.\r\n")


async def test_guessing_ends_the_connection() -> None:
    """After a number of failures the peer is sent away, and its address gets no more tries from elsewhere either."""
    async with serving(
        Desk(), credentials=credentials, require_tls_for_auth=False, auth_attempts=2, auth_failures_per_ip=3
    ) as server:
        async with peer(server) as client:
            assert (await client.ask(f"AUTH PLAIN {WRONG}")).startswith("535")
            await client.send(f"AUTH PLAIN {WRONG}\r\nNOOP\r\n".encode())
            assert (await client.closed()).startswith(b"535 5.7.8 Authentication credentials invalid\r\n421 4.7.0 ")
        async with peer(server) as client:
            assert (await client.ask(f"AUTH PLAIN {WRONG}")).startswith("535")
            assert await client.ask(f"AUTH PLAIN {PLAIN}") == "454 4.7.0 Temporary authentication failure"


async def test_checking_a_password_does_not_stop_the_others() -> None:
    """While one login is checked, which takes long on purpose, another peer is served."""
    may_end = threading.Event()

    def slow(login: str, password: str) -> str | None:
        assert may_end.wait(20)
        return "anna@desk.test"

    async with (
        serving(Desk(), credentials=slow, require_tls_for_auth=False) as server,
        peer(server) as one,
        peer(server) as other,
    ):
        answer = asyncio.ensure_future(one.ask(f"AUTH PLAIN {PLAIN}"))
        try:
            assert await other.ask("NOOP") == "250 2.0.0 OK"
            assert not answer.done()
        finally:
            may_end.set()
        assert (await answer).startswith("235")


async def test_broken_credentials_are_a_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """A login we could not check is not called wrong."""

    def broken(login: str, password: str) -> str | None:
        raise OSError(f"cannot check {password}")

    async with (
        serving(Desk(), credentials=broken, require_tls_for_auth=False) as server,
        peer(server) as client,
    ):
        assert await client.ask(f"AUTH PLAIN {PLAIN}") == "454 4.7.0 Temporary authentication failure"
    assert PASSWORD not in "".join(str(vars(record)) for record in caplog.records)


async def test_no_password_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not when it is right, not when wrong, not when said in the wrong place."""
    caplog.set_level(logging.DEBUG)
    async with (
        serving(Desk(), credentials=credentials, require_tls_for_auth=False, max_errors=0) as server,
        peer(server) as client,
    ):
        await client.ask(f"AUTH PLAIN {WRONG}")
        await client.ask(b64("wrong"))
        await client.ask(f"AUTH LOGIN {b64('wrong')}")
        await client.ask(b64("wrong"))
        await client.ask(f"AUTH PLAIN {PLAIN}")
    logged = "".join(str(vars(record)) for record in caplog.records)
    assert "authenticated" in logged
    for secret in (PASSWORD, PLAIN, "wrong", WRONG, b64("wrong")):
        assert secret not in logged


async def test_proxy_header_and_implicit_tls_contradict(tls: Tls) -> None:
    """The header would have to come inside TLS, which no proxy does."""
    with pytest.raises(ValueError, match="PROXY"):
        await smtp.serve(
            Listener("127.0.0.1", implicit_tls=True),
            Desk(),
            Options(hostname="desk.test", tls=tls.server, proxy_protocol_timeout=5),
        )

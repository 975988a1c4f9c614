"""One mail to a relay: what goes over the wire, and how it ended in each phase."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path
from typing import Any, Literal

import aiosmtplib
import pytest

from gateway.config.oauth import OAuthClient, Tokens
from gateway.core.retry import About, Result
from gateway.errors import ConfigError
from gateway.send import conversation as conversation_module
from gateway.send import smtp as smtp_module
from gateway.send.relay import Relay, RelayUnavailable
from gateway.send.smtp import SmtpTransport
from tests.endpoint import Endpoint
from tests.send.conftest import Certificates, relay
from tests.sink import DROP, HANG, Sink

FROM, TO = "support@example.com", "kim@customer.example"
MAIL = b"From: support@example.com\r\nTo: kim@customer.example\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n"
LARGE = MAIL + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 20_000
HUGE = LARGE * 12
"""More than the sockets of both sides hold."""


# --- on the wire ------------------------------------------------------------------------


async def test_a_mail_arrives_as_it_is(sink: Sink, transport: SmtpTransport) -> None:
    """Bytes, envelope and the relay's words come through."""
    outcome = await transport.deliver(FROM, TO, MAIL)
    assert (outcome.result, outcome.reply) == (Result.SENT, "250 2.0.0 taken")
    (mail,) = sink.received
    assert (mail.reverse_path, mail.recipients, mail.content) == (FROM, [TO], MAIL)


async def test_the_null_reverse_path_is_said_as_such(sink: Sink, transport: SmtpTransport) -> None:
    """RFC 5321 section 4.5.5."""
    await transport.deliver("", TO, MAIL)
    assert sink.received[0].reverse_path in ("", "<>")


@pytest.mark.parametrize(
    "body", [b".\r\n", b".hidden\r\n..\r\n.\r\nend\r\n", b"no end", b"x\r\n" * 30_000 + b".\r\n" + b"y\r\n" * 30_000]
)
async def test_dots_and_the_end_survive(sink: Sink, transport: SmtpTransport, body: bytes) -> None:
    """A line of one dot in a mail is not its end (RFC 5321 section 4.5.2)."""
    await transport.deliver(FROM, TO, MAIL + body)
    wanted = MAIL + body
    assert sink.received[0].content == wanted + (b"" if wanted.endswith(b"\r\n") else b"\r\n")


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\n.\r"])
async def test_no_second_mail_can_be_smuggled(sink: Sink, transport: SmtpTransport, end: bytes) -> None:
    """A bare CR or LF never reaches the relay, so no dot beside one can end the mail."""
    smuggled = MAIL + b"text" + end + b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nmore\r\n"
    await transport.deliver(FROM, TO, smuggled)
    (mail,) = sink.received
    assert mail.content.count(b"\n") == mail.content.count(b"\r") == mail.content.count(b"\r\n")
    assert sink.commands.count("MAIL") == 1


async def test_a_large_mail_arrives(sink: Sink, transport: SmtpTransport) -> None:
    """More than fits into any buffer."""
    assert (await transport.deliver(FROM, TO, LARGE)).result is Result.SENT
    assert sink.received[0].content == LARGE


@pytest.mark.parametrize("address", ["a b@x.example", "a@x.example> SIZE=1", "a\r\nRSET@x.example", "nobody", "a@", ""])
async def test_an_address_cannot_become_a_command(sink: Sink, transport: SmtpTransport, address: str) -> None:
    """Such a mail fails with a reason, and nothing of it is said to the relay."""
    outcome = await transport.deliver(FROM, address, MAIL)
    assert outcome.result is Result.FAILED
    assert "5.1.3" in outcome.reply
    assert "RCPT" not in sink.commands


async def test_a_quoted_local_part_is_an_address(sink: Sink, transport: SmtpTransport) -> None:
    """RFC 5321 section 4.1.2 allows blanks in quotes."""
    assert (await transport.deliver(FROM, '"kim k"@customer.example', MAIL)).result is Result.SENT


async def test_a_domain_with_umlauts_needs_no_extension() -> None:
    """It is said in its ASCII form (RFC 5891)."""
    async with Sink(without=["SMTPUTF8"]).running() as sink:
        transport = SmtpTransport(relay(sink))
        assert (await transport.deliver(FROM, "kim@bücher.example", MAIL)).result is Result.SENT
        assert sink.received[0].recipients == ["kim@xn--bcher-kva.example"]
        await transport.close()


@pytest.mark.parametrize(
    ("recipient", "mail"), [("jürgen@customer.example", MAIL), (TO, MAIL.replace(b"To: kim@", "To: jürgen@".encode()))]
)
async def test_smtputf8_is_used_when_needed_only(recipient: str, mail: bytes) -> None:
    """RFC 6531: needed by an address or a header, refused with 5.6.7 where it is not offered."""
    async with Sink().running() as sink:
        transport = SmtpTransport(relay(sink))
        assert (await transport.deliver(FROM, recipient, mail)).result is Result.SENT
        assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT
        assert ["SMTPUTF8" in r.parameters for r in sink.received] == [True, False]
        sink.without.add("SMTPUTF8")
        await transport.close()
        transport = SmtpTransport(relay(sink))
        outcome = await transport.deliver(FROM, recipient, mail)
        assert outcome.result is Result.FAILED
        assert "5.6.7" in outcome.reply
        await transport.close()


async def test_8bit_lines_need_8bitmime() -> None:
    """RFC 6152: said when there are any, refused where the relay cannot take them."""
    mail = MAIL + "Grüße\r\n".encode()
    async with Sink().running() as sink:
        transport = SmtpTransport(relay(sink))
        await transport.deliver(FROM, TO, mail)
        assert "BODY=8BITMIME" in sink.received[0].parameters
        await transport.close()
    async with Sink(without=["8BITMIME"]).running() as sink:
        transport = SmtpTransport(relay(sink))
        outcome = await transport.deliver(FROM, TO, mail)
        assert outcome.result is Result.FAILED
        assert "5.6.3" in outcome.reply
        await transport.close()


async def test_a_mail_over_the_relays_size_is_not_uploaded() -> None:
    """RFC 1870: known from EHLO, so neither side wastes the upload."""
    async with Sink(size=10_000).running() as sink:
        transport = SmtpTransport(relay(sink))
        outcome = await transport.deliver(FROM, TO, LARGE)
        assert outcome.result is Result.FAILED
        assert "5.3.4" in outcome.reply
        assert "MAIL" not in sink.commands
        await transport.close()


async def test_a_server_of_1982_gets_helo(sink: Sink, transport: SmtpTransport) -> None:
    """RFC 5321 section 3.2: EHLO refused, HELO tried."""
    sink.script("ehlo", "502 what?")
    assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT


# --- how it ends, phase by phase --------------------------------------------------------

REFUSED = [
    ("connect", "421 4.3.2 too busy", Result.DEFERRED, About.RELAY),
    ("connect", "554 5.7.1 go away", Result.DEFERRED, About.RELAY),
    ("mail", "451 4.3.0 not now", Result.DEFERRED, About.MAIL),
    ("mail", "550 5.1.8 sender unknown", Result.DEFERRED, About.SETUP),
    ("rcpt", "451 4.2.1 not now", Result.DEFERRED, About.MAIL),
    ("rcpt", "550 5.1.1 no such user", Result.FAILED, About.MAIL),
    ("rcpt", "554 5.7.1 relay access denied", Result.DEFERRED, About.SETUP),
    ("data", "451 4.3.0 not now", Result.DEFERRED, About.MAIL),
    ("data", "554 5.5.1 no valid recipients", Result.FAILED, About.MAIL),
    ("end", "451 4.3.0 not now", Result.DEFERRED, About.MAIL),
    ("end", "554 5.7.1 refused", Result.FAILED, About.MAIL),
    ("end", "nonsense", Result.UNCERTAIN, About.MAIL),
    ("rcpt", "nonsense", Result.DEFERRED, About.MAIL),
]


@pytest.mark.parametrize(("phase", "reply", "result", "about"), REFUSED)
async def test_a_refusal(
    sink: Sink, transport: SmtpTransport, phase: str, reply: str, result: Result, about: About
) -> None:
    """Each answer in each phase has one outcome, and the next mail goes out whatever it was."""
    sink.script(phase, reply)
    outcome = await transport.deliver(FROM, TO, MAIL)
    assert (outcome.result, outcome.about) == (result, about)
    assert reply in outcome.reply or reply == "nonsense"
    assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT


BROKEN = [
    ("connect", Result.DEFERRED, About.RELAY),
    ("mail", Result.DEFERRED, About.RELAY),
    ("rcpt", Result.DEFERRED, About.MAIL),
    ("data", Result.DEFERRED, About.MAIL),
    ("content", Result.DEFERRED, About.MAIL),
    ("end", Result.UNCERTAIN, About.MAIL),
]


@pytest.mark.parametrize("act", [DROP, HANG])
@pytest.mark.parametrize(("phase", "result", "about"), BROKEN)
async def test_a_conversation_that_breaks(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, phase: str, act: str, result: Result, about: About
) -> None:
    """Cut or silent: deferred before the final dot, uncertain after it."""
    monkeypatch.setattr(conversation_module, "FINAL_FACTOR", 1)
    # On a busy machine a greeting takes longer than the silence that is waited for needs to be.
    transport = SmtpTransport(relay(sink, timeout=1.0))
    sink.script(phase, act)
    outcome = await transport.deliver(FROM, TO, HUGE if phase == "content" else MAIL)
    assert (outcome.result, outcome.about) == (result, about)
    assert bool(sink.unanswered) == (phase == "end")
    assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT
    await transport.close()


async def test_a_refusal_in_the_middle_of_the_upload_counts(sink: Sink, transport: SmtpTransport) -> None:
    """Some relays say no before they heard everything; that is an answer, not a broken conversation."""
    sink.script("content", "552 5.3.4 too much")
    outcome = await transport.deliver(FROM, TO, LARGE)
    assert outcome.result is Result.FAILED
    assert "552 5.3.4 too much" in outcome.reply


async def test_closing_in_the_middle_tells_the_phase(sink: Sink) -> None:
    """What `close` cuts off ends with the outcome of its phase, and nothing new is begun."""
    transport = SmtpTransport(relay(sink))
    sink.script("rcpt", HANG, to="a@x.example")
    sink.script("end", HANG, to="b@x.example")
    deliveries = [asyncio.create_task(transport.deliver(FROM, to, MAIL)) for to in ("a@x.example", "b@x.example")]
    while not (sink.unanswered and "RCPT" in sink.commands):
        await asyncio.sleep(0.005)
    await transport.close()
    assert [o.result for o in await asyncio.gather(*deliveries)] == [Result.DEFERRED, Result.UNCERTAIN]
    assert (await transport.deliver(FROM, TO, MAIL)).about is About.RELAY


async def test_no_relay_at_all() -> None:
    """Nobody listens: said so, with the address."""
    async with Sink().running() as sink:
        gone = relay(sink)
    outcome = await SmtpTransport(gone).deliver(FROM, TO, MAIL)
    assert (outcome.result, outcome.about) == (Result.DEFERRED, About.RELAY)
    assert str(gone) in outcome.reply


# --- kept connections -------------------------------------------------------------------


async def test_a_connection_is_kept(sink: Sink, transport: SmtpTransport) -> None:
    """Mails one after the other need one connection, one EHLO and no RSET."""
    for _ in range(5):
        await transport.deliver(FROM, TO, MAIL)
    assert (sink.connections, sink.commands.count("EHLO"), sink.commands.count("RSET")) == (1, 1, 0)


async def test_after_a_refusal_the_next_mail_begins_anew(sink: Sink, transport: SmtpTransport) -> None:
    """RSET, for the refused sender is still in the relay's mind."""
    sink.script("rcpt", "550 5.1.1 no")
    await transport.deliver(FROM, TO, MAIL)
    await transport.deliver("other@example.com", TO, MAIL)
    assert sink.received[0].reverse_path == "other@example.com"
    assert (sink.connections, sink.commands.count("RSET")) == (1, 1)


async def test_a_connection_that_rested_is_tried_first(
    sink: Sink, transport: SmtpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RSET finds out that the relay forgot us, and the mail takes a new connection."""
    monkeypatch.setattr(conversation_module, "QUIET_SECONDS", 0.0)
    await transport.deliver(FROM, TO, MAIL)
    await transport.deliver(FROM, TO, MAIL)
    assert (sink.connections, sink.commands.count("RSET")) == (1, 1)
    sink.script("rset", DROP)
    assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT
    assert sink.connections == 2


@pytest.mark.parametrize("act", [DROP, "421 4.4.2 too many mails on this connection"])
async def test_a_kept_connection_may_end_at_any_time(sink: Sink, transport: SmtpTransport, act: str) -> None:
    """That says nothing of the mail: it goes out on a new connection at once."""
    await transport.deliver(FROM, TO, MAIL)
    sink.script("mail", act)
    assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT
    assert sink.connections == 2


async def test_a_restarted_relay_costs_no_mail(sink: Sink, transport: SmtpTransport) -> None:
    """Every kept connection is dead; the mails that follow do not notice."""
    await asyncio.gather(*(transport.deliver(FROM, TO, MAIL) for _ in range(8)))
    await sink.stop()
    await sink.start()
    outcomes = await asyncio.gather(*(transport.deliver(FROM, TO, MAIL) for _ in range(8)))
    assert {o.result for o in outcomes} == {Result.SENT}


async def test_after_many_mails_the_connection_is_changed(
    sink: Sink, transport: SmtpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a balancer can spread us again."""
    monkeypatch.setattr(smtp_module, "MAILS_PER_CONNECTION", 2)
    for _ in range(5):
        await transport.deliver(FROM, TO, MAIL)
    assert sink.connections == 3


async def test_an_idle_connection_is_left(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """With QUIT, after its time."""
    monkeypatch.setattr(smtp_module, "IDLE_SECONDS", 0.05)
    transport = SmtpTransport(relay(sink))
    await transport.deliver(FROM, TO, MAIL)
    while sink.open:
        await asyncio.sleep(0.01)
    assert sink.commands[-1] == "QUIT"
    assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT
    await transport.close()


async def test_never_more_connections_than_allowed(sink: Sink) -> None:
    """Twenty mails at once share three connections."""
    transport = SmtpTransport(relay(sink, connections=3))
    await asyncio.gather(*(transport.deliver(FROM, TO, MAIL) for _ in range(20)))
    assert len(sink.received) == 20
    assert sink.connections == 3
    await transport.close()


async def test_a_relay_that_takes_fewer_connections_is_not_down(sink: Sink) -> None:
    """The second connection is refused: everything goes over the first, and it is not asked again for a while."""
    transport = SmtpTransport(relay(sink, connections=4))
    await transport.deliver(FROM, TO, MAIL)
    sink.script("connect", "421 4.7.0 too many connections", times=100)
    outcomes = await asyncio.gather(*(transport.deliver(FROM, TO, MAIL) for _ in range(12)))
    assert {o.result for o in outcomes} == {Result.SENT}
    assert {r.connection for r in sink.received} == {1}
    await transport.close()


async def test_a_silent_address_keeps_nobody_from_the_next(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay has several addresses, or one of IPv6 that leads nowhere (RFC 5321 section 5.1)."""
    with contextlib.ExitStack() as sockets:
        silent, *callers = (sockets.enter_context(socket.socket()) for _ in range(3))
        silent.bind(("127.0.0.2", sink.port))
        silent.listen(0)
        for caller in callers:
            # Its queue is full, so it answers nobody.
            caller.setblocking(False)
            caller.connect_ex(silent.getsockname())
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, sink.port)) for ip in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        transport = SmtpTransport(relay(sink, host="relay.test"))
        outcome = await transport.deliver(FROM, TO, MAIL)
        await transport.close()
    assert outcome.result is Result.SENT


async def test_connections_refused_all_at_once(sink: Sink) -> None:
    """Four are opened at once and one is let in: the others wait for it."""
    transport = SmtpTransport(relay(sink, connections=4))
    sink.script("connect", "421 4.7.0 too many connections", times=3)
    outcomes = await asyncio.gather(*(transport.deliver(FROM, TO, MAIL) for _ in range(12)))
    assert {o.result for o in outcomes} == {Result.SENT}
    await transport.close()


# --- TLS and AUTH -----------------------------------------------------------------------


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_tls(certificates: Certificates, security: str) -> None:
    """Encrypted from the first mail on, with a certificate that was verified, and signed in."""
    async with Sink(tls=certificates.server, implicit=security == "tls", login=("desk", "secret")).running() as sink:
        transport = SmtpTransport(
            relay(sink, security=security, username="desk", password="secret"), certificates.client
        )
        assert (await transport.deliver(FROM, TO, LARGE)).result is Result.SENT
        assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT
        assert [(r.encrypted, r.login, r.connection) for r in sink.received] == [(True, "desk", 1)] * 2
        found = await transport.check()
        assert "TLSv1.3" in found
        assert "signed in as desk" in found
        assert "secret" not in found
        await transport.close()


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["unknown authority", "other name"])
async def test_a_certificate_that_cannot_be_verified(certificates: Certificates, security: str, fault: str) -> None:
    """No mail, no password: deferred as a matter of the relay, and `check` says why."""
    async with Sink(tls=certificates.server, implicit=security == "tls", login=("desk", "secret")).running() as sink:
        context = ssl.create_default_context() if fault == "unknown authority" else certificates.client
        host = "localhost" if fault == "unknown authority" else "127.0.0.1"
        options = {"security": security, "username": "desk", "password": "secret", "host": host}
        transport = SmtpTransport(relay(sink, **options), context)
        outcome = await transport.deliver(FROM, TO, MAIL)
        assert (outcome.result, outcome.about) == (Result.DEFERRED, About.RELAY)
        assert "certificate" in outcome.reply.lower()
        with pytest.raises(RelayUnavailable, match=r"(?i)certificate"):
            await transport.check()
        assert not {"AUTH", "MAIL"} & set(sink.commands)
        await transport.close()


async def test_starttls_that_is_not_offered_is_insisted_on(sink: Sink) -> None:
    """A relay, or somebody before it, that drops STARTTLS gets neither password nor mail."""
    transport = SmtpTransport(relay(sink, security="starttls", username="desk", password="secret"))
    outcome = await transport.deliver(FROM, TO, MAIL)
    assert (outcome.result, outcome.about) == (Result.DEFERRED, About.RELAY)
    assert "STARTTLS" in outcome.reply
    assert not {"AUTH", "MAIL"} & set(sink.commands)


async def test_an_access_token_signs_in(certificates: Certificates, tmp_path: Path) -> None:
    """XOAUTH2; a token that was withdrawn defers the mail, and the next attempt asks for another."""
    with Endpoint().running() as endpoint:
        endpoint.answers = [(200, {"access_token": word, "expires_in": 3600}) for word in ("first", "second")]
        client = OAuthClient(endpoint.url, "client-1", lambda: "hush", lambda: "", "https://mail.example/.default")
        tokens = Tokens(client, tmp_path / "kept.json")
        async with Sink(tls=certificates.server, login=("desk@example.com", "first")).running() as sink:
            options = {"security": "starttls", "username": "desk@example.com", "tokens": tokens}
            transport = SmtpTransport(relay(sink, **options), certificates.client)
            assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT
            assert sink.received[0].login == "desk@example.com"
            assert "signed in as desk@example.com" in await transport.check()
            assert len(endpoint.asked) == 1
            await transport.close()
            sink.login = ("desk@example.com", "second")
            transport = SmtpTransport(relay(sink, **options), certificates.client)
            outcome = await transport.deliver(FROM, TO, MAIL)
            assert (outcome.result, outcome.about) == (Result.DEFERRED, About.RELAY)
            assert "first" not in outcome.reply
            assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT
            assert len(endpoint.asked) == 2
            await transport.close()


def _unreadable() -> str:
    raise ConfigError("send.oauth_client_secret_file", "/etc/replydesk/oauth cannot be read", "Put the secret there.")


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"secret": _unreadable}, "cannot be read"), ({"host": "mail..example.com"}, "mail..example.com")],
)
async def test_whatever_keeps_us_from_connecting_burns_no_mail(
    sink: Sink, tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    """A secret that cannot be read any more, a name that is none: no mail would fare better, and no attempt counts."""
    tokens = Tokens(OAuthClient("http://127.0.0.1:9", "client-1", changes.pop("secret", str), str), tmp_path / "kept")
    sink.login = ("desk", "first")
    transport = SmtpTransport(relay(sink, username="desk", tokens=tokens, **changes))
    outcome = await transport.deliver(FROM, TO, MAIL)
    assert (outcome.result, outcome.about) == (Result.DEFERRED, About.RELAY)
    assert why in outcome.reply
    with pytest.raises(RelayUnavailable, match=why):
        await transport.check()


async def test_no_access_token_burns_no_mail(certificates: Certificates, tmp_path: Path) -> None:
    """The endpoint refuses, or the relay knows no XOAUTH2: deferred, and the reply says which."""
    with Endpoint().running() as endpoint:
        endpoint.answers = [(400, {"error": "invalid_client", "error_description": "the secret has expired"})]
        tokens = Tokens(OAuthClient(endpoint.url, "client-1", lambda: "hush", lambda: ""), tmp_path / "kept.json")
        async with Sink(tls=certificates.server, login=("desk", "first")).running() as sink:
            options = {"security": "starttls", "username": "desk", "tokens": tokens}
            transport = SmtpTransport(relay(sink, **options), certificates.client)
            outcome = await transport.deliver(FROM, TO, MAIL)
            assert (outcome.result, outcome.about) == (Result.DEFERRED, About.RELAY)
            assert "the secret has expired" in outcome.reply
            assert "hush" not in outcome.reply
            with pytest.raises(RelayUnavailable, match="the secret has expired"):
                await transport.check()
        async with Sink(tls=certificates.server, without=["AUTH"]).running() as sink:
            transport = SmtpTransport(relay(sink, **options), certificates.client)
            outcome = await transport.deliver(FROM, TO, MAIL)
            assert "XOAUTH2" in outcome.reply
            await transport.close()


async def test_a_wrong_password_burns_no_mail(certificates: Certificates) -> None:
    """Deferred as a matter of the relay; the reply names the key and not the password."""
    async with Sink(tls=certificates.server, login=("desk", "secret")).running() as sink:
        transport = SmtpTransport(
            relay(sink, security="starttls", username="desk", password="old secret"), certificates.client
        )
        outcome = await transport.deliver(FROM, TO, MAIL)
        assert (outcome.result, outcome.about) == (Result.DEFERRED, About.RELAY)
        assert "535" in outcome.reply
        assert "send.password_file" in outcome.reply
        assert "old secret" not in outcome.reply
        assert "old secret" not in repr(relay(sink, password="old secret"))
        await transport.close()


@pytest.mark.parametrize("password", ["secret", "old secret"])
async def test_a_connection_ends_with_us(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """TLS is not waited for to be ended by the relay as well: the loop may end before it."""
    loop, made = asyncio.get_running_loop(), []
    connect = loop.create_connection

    async def noting(*args: Any, **options: Any) -> Any:
        made.append(await connect(*args, **options))
        return made[-1]

    monkeypatch.setattr(loop, "create_connection", noting)
    async with Sink(tls=certificates.server, login=("desk", "secret")).running() as sink:
        options = {"security": "starttls", "username": "desk", "password": password}
        transport = SmtpTransport(relay(sink, **options), certificates.client)
        with contextlib.suppress(RelayUnavailable):
            await transport.check()
        await transport.close()
        await asyncio.sleep(0)
        assert [tcp.get_extra_info("socket").fileno() for tcp, _ in made] == [-1]


async def test_a_relay_that_is_silent_is_not_waited_for_at_the_end(sink: Sink, transport: SmtpTransport) -> None:
    """The daemon is to stop while a connection is being opened: nothing was sent, and the mail stays in the line."""
    sink.script("connect", HANG)
    sending = asyncio.create_task(transport.deliver(FROM, TO, MAIL))
    while not sink.connections:
        await asyncio.sleep(0.01)
    async with asyncio.timeout(2):
        await transport.close()
        outcome = await sending
    assert (outcome.result, outcome.about) == (Result.DEFERRED, About.RELAY)


async def test_a_stop_in_the_moment_of_connecting_is_not_lost(
    sink: Sink, transport: SmtpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python before 3.12 forgets a cancellation that comes when the connection has just been made."""
    sink.script("connect", HANG)
    loop, closing = asyncio.get_running_loop(), []
    connect = loop.create_connection

    async def closed_meanwhile(*args: Any, **options: Any) -> Any:
        made = await connect(*args, **options)
        closing.append(asyncio.create_task(transport.close()))
        return made

    monkeypatch.setattr(loop, "create_connection", closed_meanwhile)
    async with asyncio.timeout(2):
        outcome = await transport.deliver(FROM, TO, MAIL)
    assert (outcome.result, outcome.about) == (Result.DEFERRED, About.RELAY)
    await asyncio.gather(*closing)


async def test_check_says_what_it_found(sink: Sink, transport: SmtpTransport) -> None:
    """No mail is begun, and the connection ends with QUIT."""
    found = await transport.check()
    assert f"localhost:{sink.port}" in found
    assert "SIZE" in found
    assert sink.commands == ["EHLO", "QUIT"]


async def test_check_says_what_failed(sink: Sink) -> None:
    """The relay's own words."""
    transport = SmtpTransport(relay(sink))
    sink.script("connect", "554 5.7.1 not from here")
    with pytest.raises(RelayUnavailable, match=r"554 5\.7\.1 not from here"):
        await transport.check()


@pytest.mark.parametrize(
    ("code", "security", "said"),
    [
        (-1, "none", "no mail server answers there"),
        (-1, "starttls", "no mail server answers there"),
        (454, "starttls", "STARTTLS refused"),
    ],
)
def test_the_step_that_failed_is_named(code: int, security: Literal["none", "starttls"], said: str) -> None:
    """A greeting that is none is not called a refused STARTTLS."""
    error = aiosmtplib.SMTPResponseException(code, "what is this")
    assert conversation_module._step(error, Relay("relay.test", 25, security)).startswith(said)

"""A line to an IMAP server: what the library alone would get wrong, and what must never be said."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator

import pytest

from gateway.config.secret_files import Password
from gateway.errors import LoginRefused, Unreachable
from gateway.receive.imap import client, driver, syntax
from gateway.receive.imap.account import Auth, Refused, Security
from gateway.receive.imap.client import ImapMailbox, connect
from tests.receive.imap_house import account, mail, until
from tests.receive.imap_server import PASSWORD, Server

LONGEST = 1 << 20
TOKEN = "ya29.token"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server().running() as running:
        yield running


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a minute takes a moment."""
    monkeypatch.setattr(driver, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(client, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(client, "CONNECT_SECONDS", 1)


async def opened(server: Server) -> ImapMailbox:
    mailbox = await connect(account(server.port), LONGEST)
    await mailbox.select("INBOX")
    await mailbox.refresh()
    return mailbox


# --- logging in -------------------------------------------------------------------------------


@pytest.mark.parametrize("capability", ["SASL-IR", "NOTHING"])
@pytest.mark.parametrize("auth", [Auth.LOGIN, Auth.PLAIN, Auth.XOAUTH2])
async def test_every_way_to_log_in(server: Server, auth: Auth, capability: str) -> None:
    """With and without an initial response (RFC 4959); quotes in a password are no obstacle."""
    server.capabilities = server.capabilities.replace("SASL-IR", capability)
    server.tokens = {TOKEN}
    secret = TOKEN if auth is Auth.XOAUTH2 else PASSWORD
    mailbox = await connect(account(server.port, auth=auth, credential=Password(lambda: secret)), LONGEST)
    assert (await mailbox.select("INBOX")).uidvalidity == 7
    await mailbox.close()


@pytest.mark.parametrize("auth", [Auth.LOGIN, Auth.PLAIN, Auth.XOAUTH2])
async def test_a_refused_login_is_told_at_once(server: Server, auth: Auth) -> None:
    """Also where the server first sends a challenge and waits: that must not end in a timeout."""
    with pytest.raises(LoginRefused, match="login refused: NO"):
        async with asyncio.timeout(5):
            await connect(account(server.port, auth=auth, credential=Password(lambda: "wrong")), LONGEST)


async def test_a_refused_token_tells_the_servers_reason(server: Server) -> None:
    """XOAUTH2 says why in its challenge."""
    with pytest.raises(LoginRefused, match='"status":"400"'):
        await connect(account(server.port, auth=Auth.XOAUTH2, credential=Password(lambda: "old")), LONGEST)


async def test_no_password_where_the_server_forbids_it(server: Server) -> None:
    """LOGINDISABLED (RFC 3501 section 6.2.3): the password does not leave us."""
    server.capabilities += " LOGINDISABLED"
    with pytest.raises(LoginRefused, match="without TLS"):
        await connect(account(server.port), LONGEST)
    assert server.logins == 0


async def test_a_password_with_a_line_end_is_refused_by_us(server: Server) -> None:
    """It would end the command and begin another."""
    with pytest.raises(LoginRefused, match="line end"):
        await connect(account(server.port, credential=Password(lambda: "x\r\nA1 LOGOUT")), LONGEST)


@pytest.mark.parametrize("auth", list(Auth))
async def test_secrets_are_never_logged(server: Server, auth: Auth, caplog: pytest.LogCaptureFixture) -> None:
    """Not even when everything else is, nor in an error."""
    secret = "s3cr3t-of-mine"
    caplog.set_level(logging.DEBUG)
    server.silent = set()
    with pytest.raises(LoginRefused) as caught:
        await connect(account(server.port, auth=auth, credential=Password(lambda: secret)), LONGEST)
    said = "\n".join([caplog.text, str(caught.value), repr(caught.value), repr(account(1))])
    assert secret not in said
    assert PASSWORD not in said


async def test_a_silent_login_tells_no_secret(server: Server, impatient: None) -> None:
    """The library's own timeout error would quote the command."""
    server.silent = {"LOGIN"}
    with pytest.raises(Unreachable) as caught:
        await connect(account(server.port), LONGEST)
    assert "rect" not in str(caught.value)


async def test_a_server_that_sends_us_away_is_quoted(server: Server) -> None:
    """BYE instead of a greeting."""
    server.greeting = "* BYE too many connections"
    with pytest.raises(Unreachable, match="too many connections"):
        await connect(account(server.port), LONGEST)


async def test_a_connection_lost_while_we_are_greeted(server: Server) -> None:
    """The server says hello and goes before it tells what it can: nobody waits for the rest."""
    server.before["CAPABILITY"] = server.cut
    async with asyncio.timeout(5):
        with pytest.raises(Unreachable, match="closed the connection"):
            await connect(account(server.port), LONGEST)


async def test_a_server_that_greets_and_falls_silent(server: Server, impatient: None) -> None:
    """It says hello and never tells what it can."""
    server.silent = {"CAPABILITY"}
    async with asyncio.timeout(5):
        with pytest.raises(Unreachable, match="no answer"):
            await connect(account(server.port), LONGEST)


async def test_nobody_there(server: Server, unused_port: int) -> None:
    """A refused connection is told in words."""
    with pytest.raises(Unreachable, match="Connection refused"):
        await connect(account(unused_port), LONGEST)


@pytest.fixture
def unused_port() -> int:
    from tests.site import free_port

    return free_port()


# --- TLS ------------------------------------------------------------------------------------------


class Certificate:
    def __init__(self, folder: str) -> None:
        import trustme

        authority = trustme.CA()
        self.ca_file = f"{folder}/ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.server)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(str(tmp_path_factory.mktemp("tls")))


async def test_tls_from_the_first_byte(certificate: Certificate) -> None:
    """The server's name and authority are checked."""
    async with Server().running(certificate.server) as server:
        secure = account(server.port, security=Security.TLS, ca_file=certificate.ca_file)
        mailbox = await connect(secure, LONGEST)
        await mailbox.close()
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await connect(account(server.port, security=Security.TLS), LONGEST)
    assert server.logins == 1


async def test_starttls(server: Server, certificate: Certificate) -> None:
    """The login travels only after it, and the server is asked anew what it can."""
    server.tls = certificate.server
    server.capabilities += " STARTTLS LOGINDISABLED"
    server.before["STARTTLS"] = lambda: setattr(
        server, "capabilities", server.capabilities.replace(" STARTTLS LOGINDISABLED", "")
    )
    secure = account(server.port, security=Security.STARTTLS, ca_file=certificate.ca_file)
    mailbox = await connect(secure, LONGEST)
    await mailbox.select("INBOX")
    await mailbox.close()
    names = [said.split()[0] for said in server.said]
    assert names[:4] == ["CAPABILITY", "STARTTLS", "CAPABILITY", "LOGIN"]


async def test_starttls_with_an_untrusted_server(server: Server, certificate: Certificate) -> None:
    """No password for a server nobody vouches for."""
    server.tls, server.capabilities = certificate.server, server.capabilities + " STARTTLS"
    with pytest.raises(Unreachable, match="not trusted"):
        await connect(account(server.port, security=Security.STARTTLS), LONGEST)
    assert server.logins == 0


@pytest.mark.parametrize(
    ("greeting", "capability"), [("* OK hello", ""), ("* PREAUTH welcome", " STARTTLS")], ids=["not offered", "preauth"]
)
async def test_no_way_around_starttls(server: Server, certificate: Certificate, greeting: str, capability: str) -> None:
    """Somebody on the line who hides STARTTLS, or greets us as logged in, gets nothing."""
    server.greeting, server.tls = greeting, certificate.server
    server.capabilities += capability
    with pytest.raises(LoginRefused, match="no STARTTLS"):
        await connect(account(server.port, security=Security.STARTTLS, ca_file=certificate.ca_file), LONGEST)
    assert server.logins == 0


async def test_words_slipped_in_before_tls_end_the_connection(server: Server, certificate: Certificate) -> None:
    """CVE-2011-0411: what follows the answer to STARTTLS in the clear is nobody's word."""
    server.tls, server.capabilities = certificate.server, server.capabilities + " STARTTLS"
    server.after_starttls = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"
    with pytest.raises(Unreachable):
        await connect(account(server.port, security=Security.STARTTLS, ca_file=certificate.ca_file), LONGEST)
    assert server.logins == 0


# --- answers ----------------------------------------------------------------------------------------


async def test_a_full_folder_is_looked_through_in_no_time(server: Server) -> None:
    """Each line of an answer costs the same, however many there are: a board's folder holds every card of a state."""
    for _ in range(6000):
        server.inbox.add(b"x")
    mailbox = await opened(server)
    async with asyncio.timeout(4):
        assert len(syntax.fetched(await mailbox.say("UID FETCH", "1:*", "(UID RFC822.SIZE)"))) == 6000
    await mailbox.close()


async def test_an_answer_of_thousands_of_lines_is_read(server: Server) -> None:
    """The library calls itself for each line; Python ends that at a thousand."""
    mailbox = await opened(server)
    (session,) = server.sessions
    server.before["NOOP"] = lambda: session.writer.write(b"* 1 EXPUNGE\r\n" * 5000)
    await mailbox.refresh()
    assert await mailbox.search("ALL") == []
    await mailbox.close()


async def test_content_that_looks_like_answers_is_content(server: Server) -> None:
    """Literals are counted, not read."""
    raw = b"\r\n* 9 FETCH (UID 9 BODY[] {5}\r\nwrong)\r\nA1 OK done\r\n+ go\r\n((("
    server.deliver(raw)
    server.deliver(b"")
    server.deliver(mail(3))
    mailbox = await opened(server)
    assert await mailbox.contents([1, 2, 3], 0) == {1: raw, 2: b"", 3: mail(3)}
    await mailbox.close()


async def test_a_literal_larger_than_any_mail_ends_the_connection(server: Server) -> None:
    """A server that announces gigabytes does not get our memory."""
    server.deliver(b"x" * (LONGEST + 1))
    mailbox = await opened(server)
    with pytest.raises(Unreachable, match="cannot be read"):
        await mailbox.contents([1], 0)


@pytest.mark.parametrize("command", ["NOOP", "UID SEARCH", "UID FETCH", "IDLE"])
async def test_a_server_that_falls_silent_is_given_up(server: Server, impatient: None, command: str) -> None:
    """No wait is without an end."""
    server.deliver(mail(1))
    mailbox = await opened(server)
    server.silent = {command}
    with pytest.raises(Unreachable, match="answer"):
        await {
            "NOOP": mailbox.refresh,
            "UID SEARCH": lambda: mailbox.search("ALL"),
            "UID FETCH": lambda: mailbox.contents([1], 0),
            "IDLE": mailbox.idle,
        }[command]()


@pytest.mark.parametrize("command", ["NOOP", "UID SEARCH", "IDLE"])
async def test_a_lost_connection_ends_every_wait_at_once(server: Server, command: str) -> None:
    """Well before any timeout."""
    mailbox = await opened(server)
    server.before[command] = server.cut
    async with asyncio.timeout(5):
        with pytest.raises(Unreachable, match="closed the connection"):
            await {"NOOP": mailbox.refresh, "UID SEARCH": lambda: mailbox.search("ALL"), "IDLE": mailbox.idle}[
                command
            ]()


@pytest.mark.parametrize("command", ["NOOP", "UID FETCH", "IDLE"])
async def test_the_servers_last_word_is_the_cause(server: Server, command: str) -> None:
    """It says why it hangs up (RFC 3501 section 7.1.5), whatever we wait for."""
    server.deliver(mail(1))
    mailbox = await opened(server)
    server.before[command] = lambda: server.leave("[UNAVAILABLE] back at five")
    does = {"NOOP": mailbox.refresh, "UID FETCH": lambda: mailbox.sizes([1]), "IDLE": mailbox.idle}[command]
    with pytest.raises(Unreachable, match=r"closed the connection: \[UNAVAILABLE\] back at five"):
        async with asyncio.timeout(5):
            await does()


async def test_idling_ends_with_new_mail(server: Server) -> None:
    """The push is enough; afterwards the line takes commands again."""
    mailbox = await opened(server)
    assert mailbox.can_idle
    idling = asyncio.create_task(mailbox.idle())
    await until(lambda: "IDLE" in server.said)
    server.deliver(mail(1))
    assert await idling
    assert await mailbox.search("ALL") == [1]
    await mailbox.close()


async def test_a_refused_idle_is_no_failure(server: Server) -> None:
    """The server may have promised it all the same."""
    server.refused = {"IDLE"}
    mailbox = await opened(server)
    assert not await mailbox.idle()
    await mailbox.refresh()
    await mailbox.close()


async def test_a_missing_folder_is_named(server: Server) -> None:
    """Refused, in the server's words."""
    mailbox = await connect(account(server.port), LONGEST)
    with pytest.raises(Refused, match=r"folder Support: the server said NO \[NONEXISTENT\]"):
        await mailbox.select("Support")
    await mailbox.close()

"""`replydesk check --connect`: what answers, what does not, and what to do about it. Nobody gets a mail."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
import trustme

from gateway import config, listeners
from gateway.cli import check_connect, check_dns
from gateway.cli.findings import Finding
from gateway.config import Settings
from gateway.mail.message import Envelope
from gateway.receive.smtp.server import drain
from tests.receive.imap_server import PASSWORD, USER, Box, Server
from tests.sink import Sink
from tests.site import Site, free_port, running

TODAY = datetime.datetime.now(datetime.UTC)


@contextlib.contextmanager
def aside(server: AbstractAsyncContextManager[Any]) -> Iterator[Any]:
    """An asynchronous server in a thread of its own, for a caller with a loop of its own."""
    ready, stop = threading.Event(), threading.Event()
    found: list[Any] = []

    async def serve() -> None:
        async with server as value:
            found.append(value)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        stop.set()
        thread.join()


def settings(folder: Path, text: str) -> Settings:
    base = '[gateway]\n[[mailboxes]]\naddress = "support@example.com"\n'
    file = folder / "replydesk.toml"
    file.write_text(base + text, "utf-8")
    return config.load(file)


def told(found: Iterator[Finding] | list[Finding]) -> list[tuple[str, str]]:
    """Level and text; every fault has a remedy, everything else may do without."""
    listed = list(found)
    assert all(f.remedy for f in listed if f.level == "error")
    return [(f.level, f.text) for f in listed]


# --- the whole ------------------------------------------------------------------------------------


def test_a_site_that_works(tmp_path: Path) -> None:
    """Every listener, the relay and the public address of a real daemon are found to be well; no mail was sent."""
    sink, lmtp = Sink(), tmp_path / "lmtp"
    with aside(sink.running()):
        send = f'transport = "smtp"\nhost = "127.0.0.1"\nport = {sink.port}'
        metrics = f'[metrics]\nlisten = "127.0.0.1:{free_port()}"\n'
        site = Site(tmp_path, send=send, extra=f'[receive.lmtp]\nlisten = ["unix:{lmtp}"]\n{metrics}')
        with running(site):
            done = site.run("check", "--connect", "--json")
            found = [f for f in json.loads(done.stdout) if f["about"] in ("listener", "relay", "public url")]
            shown = site.run("check", "--connect")
            assert site.stop() == 0
        assert [f["level"] for f in found] == ["ok"] * 6
        texts = [f["text"] for f in found]
        assert f"receive.lmtp.listen: unix:{lmtp} answers" in texts
        assert any(text.startswith(f"127.0.0.1:{sink.port}: answers") for text in texts)
        assert "public url" in shown.stdout
        assert sink.received == []


def test_without_connecting_nobody_is_asked(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert {"listener", "public url", "dns"}.isdisjoint({f["about"] for f in site.json("check")})


# --- listeners --------------------------------------------------------------------------------------


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_connect, "daemon_runs", lambda _: True)


def test_no_daemon(tmp_path: Path) -> None:
    (found,) = told(check_connect.look_at_listeners(settings(tmp_path, "")))
    assert found == ("warning", "no daemon runs here, so none was asked")


@pytest.mark.usefixtures("runs")
def test_listeners_that_do_not_answer(tmp_path: Path) -> None:
    """A closed port, a path without a socket, a server that turns everybody away."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        threading.Thread(target=lambda: _say_once(busy, b"421 4.3.2 Too busy\r\n")).start()
        text = (
            f'[receive.smtp]\nlisten = ["127.0.0.1:{port}"]\n[receive.lmtp]\nlisten = ["unix:{tmp_path}/none"]\n'
            f'[portal]\nlisten = "127.0.0.1:{free_port()}"\n[metrics]\nlisten = "127.0.0.1:{free_port()}"\n'
        )
        found = told(check_connect.look_at_listeners(settings(tmp_path, text)))
    assert [level for level, _ in found] == ["error"] * 4
    assert "421 4.3.2 Too busy" in found[0][1]
    assert "No such file" in found[1][1]
    assert "refused" in found[2][1]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("proxies", "said"),
    [([], "answers"), (["127.0.0.1"], "answers"), (["192.0.2.1"], "lets nobody in but the balancers")],
)
def test_listeners_behind_a_balancer(tmp_path: Path, proxies: list[str], said: str) -> None:
    """Asked as a balancer asks; not to be let in is right where others are the balancers."""
    smtp, lmtp = free_port(), free_port()
    text = "".join(
        f'[receive.{kind}]\nlisten = ["127.0.0.1:{port}"]\nproxy_protocol = true\nproxies = {json.dumps(proxies)}\n'
        for kind, port in (("smtp", smtp), ("lmtp", lmtp))
    )
    behind = settings(tmp_path, text + '[portal]\nlisten = ""\n')

    @contextlib.asynccontextmanager
    async def doors_open() -> AsyncIterator[None]:
        servers = await listeners.open_receivers(behind, Nobody(), {})
        yield
        await asyncio.gather(*(drain(server, 1.0) for server in servers))

    with aside(doors_open()):
        found = told(check_connect.look_at_listeners(behind))
    assert [level for level, _ in found] == ["ok", "ok"]
    assert all(said in text for _, text in found)


class Nobody:
    """An intake that nothing comes in by."""

    async def accept(self, raw: object, envelope: Envelope) -> None:
        raise AssertionError

    def is_ours(self, address: str) -> bool:
        return False


@pytest.mark.usefixtures("runs")
def test_something_else_where_figures_should_be(tmp_path: Path, web: tuple[str, dict[str, tuple[int, bytes]]]) -> None:
    url, pages = web
    pages["/metrics"] = (200, b"<h1>Welcome</h1>")
    text = f'[receive.smtp]\nlisten = []\n[portal]\nlisten = ""\n[metrics]\nlisten = "{url.removeprefix("http://")}"\n'
    (found,) = told(check_connect.look_at_listeners(settings(tmp_path, text)))
    assert found[0] == "error"
    assert "something else answers" in found[1]


def _say_once(listener: socket.socket, said: bytes) -> None:
    peer, _ = listener.accept()
    with peer:
        peer.sendall(said)
        peer.recv(100)


@pytest.mark.parametrize(
    ("ends", "level"),
    [
        (TODAY + datetime.timedelta(days=90), None),
        (TODAY + datetime.timedelta(days=3), "warning"),
        (TODAY - datetime.timedelta(days=3), "error"),
    ],
)
@pytest.mark.usefixtures("runs")
def test_how_long_the_certificate_lasts(tmp_path: Path, ends: datetime.datetime, level: str | None) -> None:
    """The one that is shown, by STARTTLS as by implicit TLS, not the one in the file."""
    ours = trustme.CA().issue_cert("mail.example.com", not_after=ends)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.configure_cert(context)
    starttls, implicit = Sink(tls=context), Sink(tls=context, implicit=True)
    with aside(starttls.running()), aside(implicit.running()):
        text = (
            f'[receive.smtp]\ntls_certificate = "c"\ntls_key = "k"\nlisten = ["127.0.0.1:{starttls.port}"]\n'
            f'implicit_tls_listen = ["127.0.0.1:{implicit.port}"]\n[portal]\nlisten = ""\n'
        )
        found = told(check_connect.look_at_listeners(settings(tmp_path, text)))
    assert [f[0] for f in found] == [*([level] if level else []), "ok"] * 2
    assert all(f"{ends:%Y-%m-%d}" in text for lvl, text in found if lvl != "ok")


# --- mailboxes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "capabilities", "more", "expected"),
    [
        (PASSWORD, None, "", [("ok", "new mail is pushed (IDLE)")]),
        (PASSWORD, "IMAP4rev1 AUTH=PLAIN", "", [("warning", "looked at every 60 seconds")]),
        (PASSWORD, "IMAP4rev1 AUTH=PLAIN", "idle = false\n", [("ok", "looked at every 60 seconds")]),
        (PASSWORD, None, 'folder = "Nowhere"\n', [("error", "Nowhere"), ("ok", "IDLE")]),
        ("letmein", None, "", [("error", "login refused")]),
    ],
)
def test_imap(
    tmp_path: Path, password: str, capabilities: str | None, more: str, expected: list[tuple[str, str]]
) -> None:
    """Log in, open the folder, ask for IDLE; mails are left as they are."""
    server = Server()
    server.capabilities = capabilities or server.capabilities
    server.deliver(b"Subject: x\r\n\r\nx")
    (tmp_path / "password").write_text(password, "utf-8")
    with aside(server.running()):
        text = (
            f'[[receive.imap]]\nmailbox = "support@example.com"\nhost = "127.0.0.1"\nport = {server.port}\n'
            f'security = "none"\nusername = "{USER}"\npassword_file = "password"\n{more}'
        )
        found = told(check_connect.look_at_imap(settings(tmp_path, text)))
    assert [level for level, _ in found] == [level for level, _ in expected]
    assert all(part in text for (_, part), (_, text) in zip(expected, found, strict=True))
    assert not any("FETCH" in said or "STORE" in said for said in server.said)
    assert not server.inbox.mails[0].flags
    assert password not in str(found)


@pytest.mark.parametrize(
    ("move_to", "prefix", "there", "faulty"),
    [
        ("Replydesk", "INBOX.", [], True),
        ("INBOX.Replydesk", "INBOX.", [], False),
        ("Replydesk", "INBOX.", ["Replydesk"], False),
        ("Replydesk", "", [], False),
    ],
)
def test_the_folder_to_move_to(tmp_path: Path, move_to: str, prefix: str, there: list[str], faulty: bool) -> None:
    """One that cannot be there is named, with the name it can have; none is made."""
    server = Server()
    server.capabilities, server.prefix = server.capabilities + " NAMESPACE", prefix
    server.boxes |= {name: Box() for name in there}
    (tmp_path / "password").write_text(PASSWORD, "utf-8")
    with aside(server.running()):
        text = (
            f'[[receive.imap]]\nmailbox = "support@example.com"\nhost = "127.0.0.1"\nport = {server.port}\n'
            f'security = "none"\nusername = "{USER}"\npassword_file = "password"\nmove_to = "{move_to}"\n'
        )
        found = list(check_connect.look_at_imap(settings(tmp_path, text)))
    errors = [(f.text, f.remedy) for f in found if f.level == "error"]
    assert bool(errors) == faulty
    assert all("receive.imap[0].move_to" in text and '"INBOX.Replydesk"' in remedy for text, remedy in errors)
    assert not any("CREATE" in said for said in server.said)


# --- the relay ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "level", "part"), [(("desk", "secret"), "ok", "signed in as desk"), (("x", "y"), "error", "sign-in")]
)
def test_the_relay(tmp_path: Path, login: tuple[str, str], level: str, part: str) -> None:
    """EHLO, TLS, AUTH, and not a mail."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    (tmp_path / "password").write_text("secret", "utf-8")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    sink = Sink(tls=context, login=login)
    with aside(sink.running()), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        text = (
            f'[send]\nhost = "localhost"\nport = {sink.port}\nsecurity = "starttls"\n'
            'username = "desk"\npassword_file = "password"\n'
        )
        (found,) = told(check_connect.look_at_relay(settings(tmp_path, text)))
    assert found[0] == level
    assert part in found[1]
    assert sink.received == []


def test_a_relay_that_is_not_there(tmp_path: Path) -> None:
    (found,) = told(check_connect.look_at_relay(settings(tmp_path, f"[send]\nport = {free_port()}\n")))
    assert found[0] == "error"


# --- the public address -----------------------------------------------------------------------------------


@pytest.fixture
def web() -> Iterator[tuple[str, dict[str, tuple[int, bytes]]]]:
    """A web server that answers as the test says: path → status and body, or where to go instead."""
    answers: dict[str, tuple[int, bytes]] = {}

    class Web(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, b"<html>not here"))
            self.send_response(status)
            if status == 301:
                self.send_header("Location", body.decode())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Web)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"status": "ok"}', ("ok", "answers")),
        (200, b'{"status": "degraded", "failing": ["imap"]}', ("warning", "degraded: imap")),
        (503, b'{"status": "failing", "failing": ["database"]}', ("warning", "failing: database")),
        (200, b"<html>Welcome to nginx", ("error", "something else answers there (200)")),
        (200, b"[]", ("error", "something else")),
        (404, b"", ("error", "something else answers there (404)")),
    ],
)
def test_what_answers_at_the_public_address(
    tmp_path: Path, web: tuple[str, dict[str, tuple[int, bytes]]], status: int, body: bytes, expected: tuple[str, str]
) -> None:
    url, answers = web
    answers["/desk/healthz"] = (status, body)
    ((level, text),) = told(
        check_connect.look_at_public_url(settings(tmp_path, "").model_copy(update=_public(f"{url}/desk")))
    )
    assert level == expected[0]
    assert expected[1] in text


def _public(url: str) -> dict[str, object]:
    from gateway.config.settings import GatewaySettings

    return {"gateway": GatewaySettings(public_url=url)}


def test_an_address_that_leads_elsewhere(tmp_path: Path, web: tuple[str, dict[str, tuple[int, bytes]]]) -> None:
    url, answers = web
    answers["/healthz"] = (301, f"{url}/new/healthz".encode())
    answers["/new/healthz"] = (200, b'{"status": "ok"}')
    found = told(check_connect.look_at_public_url(settings(tmp_path, "").model_copy(update=_public(url))))
    assert found == [("warning", f"{url} leads on to {url}/new"), ("ok", f"{url} answers")]


@pytest.mark.parametrize(
    ("url", "level"), [("https://127.0.0.1:{tls}", "error"), ("http://127.0.0.1:{nobody}", "warning")]
)
def test_an_address_nobody_can_use(tmp_path: Path, url: str, level: str) -> None:
    """A certificate that is not trusted is a fault; not to be reached from here may be the network's way."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    sink = Sink(tls=context, implicit=True)
    with aside(sink.running()):
        address = url.format(tls=sink.port, nobody=free_port())
        found = told(check_connect.look_at_public_url(settings(tmp_path, "").model_copy(update=_public(address))))
    assert [f[0] for f in found] == [level]


# --- DNS ------------------------------------------------------------------------------------------------


class Names:
    """A resolver's other end: `zone["example.com MX"] = ["10 mx.example.com."]`."""

    def __init__(self, zone: dict[str, list[str]]) -> None:
        self.zone = zone
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(4096)
            if not data:
                return
            asked = dns.message.from_wire(data)
            answer = dns.message.make_response(asked)
            name, kind = asked.question[0].name.to_text(omit_final_dot=True), asked.question[0].rdtype.name
            values = self.zone.get(f"{name} {kind}", [])
            if values:
                answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *values))
            elif not any(known.split(" ")[0].endswith(name) for known in self.zone):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(answer.to_wire(), peer)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()


GOOD = {
    "example.com MX": ["20 mx2.example.com.", "10 mx1.example.com."],
    "mx1.example.com A": ["192.0.2.1"],
    "mx2.example.com AAAA": ["2001:db8::1"],
    "example.com TXT": ['"v=spf1 mx -all"', '"other=1"'],
    "s1._domainkey.example.com TXT": ['"v=DKIM1; k=rsa; " "p=MIGf"'],
    "_dmarc.example.com TXT": ['"v=DMARC1; p=reject; rua=mailto:x@example.com"'],
}


def looked(tmp_path: Path, zone: dict[str, list[str]], *selectors: str, text: str = "") -> list[tuple[str, str]]:
    names = Names(zone)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], names.port
    try:
        return told(check_dns.look_at_dns(settings(tmp_path, text), selectors, resolver))
    finally:
        names.close()


def test_a_domain_in_order(tmp_path: Path) -> None:
    assert looked(tmp_path, GOOD) == [
        ("ok", "example.com: MX mx1.example.com, mx2.example.com"),
        ("ok", "example.com: SPF v=spf1 mx -all"),
        ("ok", "example.com: DKIM keys are published; --dkim-selector NAME looks at one"),
        ("ok", "example.com: DMARC p=reject"),
    ]


@pytest.mark.parametrize(
    ("change", "level", "part"),
    [
        ({"example.com MX": ["0 ."]}, "error", "takes no mail"),
        ({"example.com MX": []}, "error", "neither MX nor address"),
        ({"example.com MX": [], "example.com A": ["192.0.2.9"]}, "warning", "no MX"),
        ({"mx1.example.com A": []}, "error", "MX mx1.example.com has no address"),
        ({"example.com TXT": ['"x"']}, "warning", "no SPF record"),
        ({"example.com TXT": ['"v=spf1 -all"', '"V=SPF1 mx -all"']}, "error", "2 SPF records"),
        ({"example.com TXT": ['"v=spf1 mx +all"']}, "warning", "lets everybody send"),
        ({"example.com TXT": ['"v=spf1 mx all"']}, "warning", "lets everybody send"),
        ({"example.com TXT": ['"v=spf10 mx"']}, "warning", "no SPF record"),
        ({"s1._domainkey.example.com TXT": None}, "warning", "no DKIM key is published"),
        ({"_dmarc.example.com TXT": None}, "warning", "no DMARC record"),
        ({"_dmarc.example.com TXT": ['"v=DMARC1; p=none"']}, "ok", "DMARC p=none (it only watches)"),
        ({"_dmarc.example.com TXT": ['"v=DMARC1; rua=x"']}, "error", "DMARC without a policy"),
        ({"_dmarc.example.com TXT": ['"v=DMARC1;p=none"', '"v=DMARC1;p=reject"']}, "error", "2 DMARC records"),
    ],
)
def test_what_may_be_wrong_with_a_domain(
    tmp_path: Path, change: dict[str, list[str] | None], level: str, part: str
) -> None:
    zone = {name: values for name, values in (GOOD | change).items() if values is not None}
    assert any(found[0] == level and part in found[1] for found in looked(tmp_path, zone))


@pytest.mark.parametrize(
    ("selector", "level", "part"),
    [("s1", "ok", "a DKIM key is published"), ("s2", "error", "revoked"), ("s3", "error", "no DKIM key")],
)
def test_a_key_by_its_name(tmp_path: Path, selector: str, level: str, part: str) -> None:
    zone = GOOD | {"s2._domainkey.example.com TXT": ['"v=DKIM1; p="']}
    found = looked(tmp_path, zone, selector)
    assert (level, part) == next((lvl, part) for lvl, text in found if part in text)


def test_the_policy_of_a_parent_counts(tmp_path: Path) -> None:
    """DMARC of the organisation's domain is for those below it as well."""
    zone = GOOD | {"desk.example.com MX": ["10 mx1.example.com."]}
    found = looked(tmp_path, zone, text='[[mailboxes]]\naddress = "help@desk.example.com"\n')
    assert ("ok", "desk.example.com: DMARC p=reject") in found


def test_a_domain_nobody_has(tmp_path: Path) -> None:
    assert looked(tmp_path, {"other.example A": ["192.0.2.1"]}) == [("error", "example.com does not exist")]


def test_no_resolver_is_no_fault_of_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_dns, "SECONDS", 0.2)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], free_port()
    ((level, text),) = told(check_dns.look_at_dns(settings(tmp_path, ""), (), resolver))
    assert (level, text.startswith("DNS was not looked at: ")) == ("warning", True)

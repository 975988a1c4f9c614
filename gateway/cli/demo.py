"""`replydesk demo`: a fresh site in a folder, a real daemon, and a customer and an agent who write real mail.

Everything goes the way it goes in earnest: SMTP in, .eml files out, buttons pressed over HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import smtplib
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from gateway.errors import ConfigError

CUSTOMER = "Jürgen Müller <juergen@kunde.example>"
AGENT = "Anna Schmidt <anna@beispiel.example>"
MAILBOX = "hilfe@beispiel.example"
PASSWORD = "lampe-blau-rabe"
"""Printed for whoever tries the demo, on loopback."""
WAIT_SECONDS = 30.0

_CONFIG = """\
# Made by `replydesk demo`.
[gateway]
data_dir = "data"
public_url = "http://127.0.0.1:{portal}"
default_language = "de"
timezone = "Europe/Berlin"

[[mailboxes]]
address = "{mailbox}"
name = "Beispiel-Hilfe"
language = "de"
reply_address = "hilfe+{{token}}@beispiel.example"

[[agents]]
address = "anna@beispiel.example"
name = "Anna Schmidt"

[receive.smtp]
listen = ["127.0.0.1:{smtp}"]

[send]
transport = "file"
directory = "mails"

[portal]
listen = "127.0.0.1:{portal}"
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Start a daemon on loopback with SQLite, write all its mails into a folder, and play a support case through "
        "SMTP and the portal. It stays up until Ctrl-C."
    )
    parser.add_argument("--directory", type=Path, default=Path("demo-var"), help="where everything is kept")
    parser.add_argument("--exit", action="store_true", help="end after the story instead of staying up")


def run(args: argparse.Namespace) -> int:
    os.umask(0o077)
    asyncio.run(_run(args.directory, stay=not args.exit))
    return 0


async def _run(directory: Path, *, stay: bool) -> None:
    """Set up, play, and wait for Ctrl-C when `stay`."""
    from gateway import config, daemon, log

    site = _site(directory)
    print(f"A fresh site in {directory}: SMTP on 127.0.0.1:{site.smtp}, portal on {site.url}/", flush=True)
    settings = config.load(site.config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    log.to_file(directory / "daemon.log")
    async with daemon.serving(settings):
        playing = asyncio.create_task(asyncio.to_thread(_play, site))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({playing, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            site.given_up = True
        with contextlib.suppress(_Ended):
            await playing
        if stay and not stop.is_set():
            print("\nThe daemon stays up. Ctrl-C ends it.", flush=True)
            await stop.wait()
        stopped.cancel()
    print("Stopped.")


class _Ended(Exception):
    """Ctrl-C in the middle of the story."""


@dataclass(slots=True)
class DemoSite:
    """Where things are."""

    directory: Path
    config: Path
    smtp: int
    portal: int
    given_up: bool = False
    step: int = 0
    seen: set[Path] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.portal}"

    @property
    def mails(self) -> Path:
        return self.directory / "data" / "mails"


def _site(directory: Path) -> DemoSite:
    """A fresh folder; only one this demo made itself is emptied."""
    marker = directory / "replydesk.toml"
    if directory.exists() and any(directory.iterdir()):
        if not marker.is_file() or not marker.read_text("utf-8").startswith("# Made by `replydesk demo`"):
            raise ConfigError("", "is not empty", "Give --directory a new folder.", str(directory))
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    smtp, portal = _free_port(2525), _free_port(8025)
    marker.write_text(_CONFIG.format(portal=portal, smtp=smtp, mailbox=MAILBOX), "utf-8")
    return DemoSite(directory, marker, smtp, portal)


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on loopback")


# --- the story -----------------------------------------------------------------------------


def _play(site: DemoSite) -> None:
    say = _teller(site)
    browser = _Browser(site.url)

    say("Jürgen writes to the support address, in German, with a picture attached.")
    first = _mail(CUSTOMER, MAILBOX, "Störung: Drucker druckt nur ß und ü", _FIRST)
    first.add_attachment(
        b"%PDF-1.4\n% a tiny file\n", maintype="application", subtype="pdf", filename="Fehlerbild Größe.pdf"
    )
    _send(site, first)
    received = _await(site, "request_received")
    registration = _await(site, "registration")
    notice = _await(site, "agent_notice")
    _shown(received, registration, notice)

    say("Jürgen presses “Registrieren” and chooses a password.")
    browser.submit(_link(registration, "/register/"), password=PASSWORD)
    _shown(_await(site, "registered"))

    say("Anna answers the notice from her own mail program.")
    _send(
        site,
        _reply(notice, AGENT, "Guten Tag Herr Müller,\n\nbitte schalten Sie den Drucker einmal aus und wieder ein.\n"),
    )
    answer = _await(site, "reply")
    _shown(answer, _await(site, "agent_receipt"))

    say("Jürgen replies: the ticket waits on us again.")
    _send(site, _reply(answer, CUSTOMER, "Jetzt druckt er alles. Vielen Dank!\n"))
    notice = _await(site, "agent_notice")
    _shown(notice)

    say("Anna thinks it is solved: “#solved” on the first line of her reply.")
    _send(site, _reply(notice, AGENT, "#solved\n\nDas freut uns.\n"))
    confirmation = _await(site, "close_confirmation")
    _shown(confirmation, _await(site, "agent_receipt"))

    say("Jürgen presses “Ticket schließen”: closed.")
    browser.submit(_link(confirmation, "/close/"))
    closed = _await(site, "closed")
    _shown(closed, _await(site, "agent_notice"))

    say("Later he replies to the very first mail he got: reopened, “Wartet auf uns”.")
    _send(site, _reply(received, CUSTOMER, "Leider druckt er seit heute wieder nur ß.\n"))
    _shown(_await(site, "agent_notice"))

    program = f"{sys.executable} -m gateway" if sys.argv[0].endswith("__main__.py") else sys.argv[0]
    command = f"--config {site.config}"
    print(
        f"""
What to look at now
  Portal            {site.url}/  (sign in as juergen@kunde.example with the password {PASSWORD})
  Mails it sent     {site.mails}/*.eml
  The daemon's log  {site.directory / "daemon.log"}
  The ticket        {program} ticket show 1 {command}
  Every decision    {program} journal list {command}
  Nothing was lost  {program} audit {command}
  Write yourself    any mail client, server 127.0.0.1 port {site.smtp}, to {MAILBOX}""",
        flush=True,
    )


_FIRST = """\
Guten Tag,

seit heute früh druckt unser Drucker nur noch „ß“ und „ü“.
Ein Bild liegt bei.

Mit freundlichen Grüßen
Jürgen Müller
"""


def _teller(site: DemoSite) -> Callable[[str], None]:
    def say(text: str) -> None:
        if site.given_up:
            raise _Ended
        site.step += 1
        print(f"\n{site.step}. {text}", flush=True)

    return say


@dataclass(frozen=True, slots=True)
class DemoMail:
    """A mail the daemon wrote."""

    path: Path
    message: EmailMessage


def _shown(*mails: DemoMail) -> None:
    for mail in mails:
        print(f"   → {mail.message['To']}: {mail.message['Subject']}\n     {mail.path}", flush=True)


def _mail(author: str, to: str, subject: str, text: str) -> EmailMessage:
    m = EmailMessage(policy=email_policy.SMTP)
    m["From"], m["To"], m["Subject"] = author, to, subject
    m["Date"], m["Message-ID"] = formatdate(), make_msgid(domain="kunde.example")
    m.set_content(text)
    return m


def _reply(to: DemoMail, author: str, text: str) -> EmailMessage:
    """What a mail program makes of "Reply": to Reply-To, with references, the old text quoted below."""
    old = to.message
    body = old.get_body(("plain",))
    quoted = "".join(f"> {line}\n" for line in (body.get_content() if body else "").splitlines())
    m = _mail(
        author,
        str(old["Reply-To"] or old["From"]),
        f"Re: {str(old['Subject']).removeprefix('Re: ')}",
        text + "\n" + quoted,
    )
    m["In-Reply-To"] = str(old["Message-ID"])
    m["References"] = str(old["Message-ID"])
    return m


def _send(site: DemoSite, message: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", site.smtp, timeout=WAIT_SECONDS) as client:
        client.send_message(message)


def _await(site: DemoSite, notice: str) -> DemoMail:
    """The next mail of that sort the daemon writes."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if site.given_up:
            raise _Ended
        for path in sorted(site.mails.glob(f"*-{notice}-*.eml")):
            if path not in site.seen:
                site.seen.add(path)
                return DemoMail(path, message_from_bytes(path.read_bytes(), policy=email_policy.default))
        time.sleep(0.05)
    raise TimeoutError(f"the daemon wrote no {notice} within {WAIT_SECONDS:g} seconds; see {site.directory}/daemon.log")


def _link(mail: DemoMail, path: str) -> str:
    body = mail.message.get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return next(line.strip() for line in text.splitlines() if path in line)


# --- a browser of a few lines ------------------------------------------------------------------


class _Form(HTMLParser):
    """The fields of the last form on a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.passwords: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and values.get("method", "").lower() == "post":
            self.action, self.hidden, self.passwords = values.get("action", ""), {}, []
        elif tag == "input" and values.get("type") == "hidden":
            self.hidden[values["name"]] = values.get("value", "")
        elif tag == "input" and values.get("type") == "password":
            self.passwords.append(values["name"])


class _Browser:
    def __init__(self, base: str) -> None:
        self._base = base
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self._opener.addheaders.append(("Origin", base))

    def submit(self, url: str, password: str = "") -> None:
        """Open a page and press its button."""
        with self._opener.open(url, timeout=WAIT_SECONDS) as page:
            form = _Form(page.read().decode())
        fields = form.hidden | dict.fromkeys(form.passwords, password)
        action = form.action if form.action.startswith("http") else (self._base + form.action if form.action else url)
        with self._opener.open(action, urlencode(fields).encode(), timeout=WAIT_SECONDS) as answer:
            answer.read()

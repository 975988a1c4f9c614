"""Which modules and functions of ours one mail touches: `python -m tests.trace_mail [--functions]`.

A daemon runs inside this process with a profiler in every thread; start-up does not count. Traced are
a new mail (from the first byte on the socket to the acknowledgement's file), an agent's `#close`, and a
customer's ticket page.
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path
from types import FrameType

from gateway import config, daemon
from tests.portal.browser import Browser
from tests.portal.conftest import PASSWORD
from tests.site import Site, mail

ROOT = Path(__file__).resolve().parents[1]
OURS = tuple(f"{ROOT / folder}/" for folder in ("gateway", "storage"))
QUIET_SECONDS = 1.5
"""For the jobs of the start to end, and for what follows a file."""


class Trace:
    """(module, function) of every call into our code while it is switched on."""

    def __init__(self) -> None:
        self.on = False
        self.calls: set[tuple[str, str]] = set()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if self.on and event == "call":
            code = frame.f_code
            if code.co_filename.startswith(OURS) and code.co_name != "<module>":
                self.calls.add((str(Path(code.co_filename).relative_to(ROOT)), code.co_qualname))

    @contextlib.contextmanager
    def of(self, what: str, functions: bool) -> Iterator[None]:
        self.calls.clear()
        self.on = True
        try:
            yield
        finally:
            self.on = False
        modules = sorted({module for module, _ in self.calls})
        print(f"{what}: {len(modules)} modules, {len(self.calls)} functions")
        for module in modules:
            names = ", ".join(sorted(name for m, name in self.calls if m == module))
            print(f"  {module}" + (f": {names}" if functions else ""))


def outgoing(site: Site, to: str, subject: str = "") -> EmailMessage | None:
    """The newest mail that left for somebody."""
    for path in sorted(site.outgoing.glob("*.eml"), reverse=True):
        found: EmailMessage = message_from_bytes(path.read_bytes(), policy=email_policy.default)  # type: ignore[assignment]
        if to in str(found["To"]) and subject in str(found["Subject"]):
            return found
    return None


async def until(true: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


def text_of(found: EmailMessage | None) -> str:
    assert found is not None
    part = found.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


async def send(site: Site, message: EmailMessage, sender: str, to: str) -> None:
    def talk() -> None:
        with smtplib.SMTP("127.0.0.1", site.smtp, timeout=20) as client:
            client.sendmail(sender, [to], message.as_bytes())

    await asyncio.to_thread(talk)


async def way_of_a_new_mail(site: Site, arrived: Callable[[], object]) -> set[tuple[str, str]]:
    """(module, function) of all that ran from the socket until `arrived` is true."""
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        async with daemon.serving(config.load(site.config)):
            trace.on = True
            await send(site, mail("Printer is on fire"), "kim@customer.example", "support@example.com")
            await until(arrived)
    finally:
        threading.setprofile(None)
        sys.setprofile(None)
    return trace.calls


async def traced(folder: Path, functions: bool) -> None:
    site, trace = Site(folder), Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    async with daemon.serving(config.load(site.config)):
        await asyncio.sleep(QUIET_SECONDS)
        kim, anna = "kim@customer.example", "anna@example.com"
        with trace.of("a new mail", functions):
            await send(site, mail("Printer is on fire"), kim, "support@example.com")
            await until(lambda: outgoing(site, kim, "RD-1-") and outgoing(site, anna))
        await asyncio.sleep(QUIET_SECONDS)
        notice = outgoing(site, anna)
        assert notice is not None
        order = mail("Re: it", "#close", anna, In_Reply_To=str(notice["Message-ID"]))
        left = len(list(site.outgoing.iterdir()))
        with trace.of("an agent's #close", functions):
            await send(site, order, anna, "support@example.com")
            await until(lambda: len(list(site.outgoing.iterdir())) >= left + 2)
        await asyncio.sleep(QUIET_SECONDS)
        browser = Browser(site.portal)
        access = text_of(outgoing(site, kim, "access"))
        link = "/register/" + access.split("/register/")[1].split()[0]
        await browser.send(link, {"password": PASSWORD, "again": PASSWORD})
        with trace.of("a ticket page", functions):
            page = await browser.get("/tickets/1")
        assert page.status == 200, page.text
    sys.setprofile(None)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(traced(Path(made), "--functions" in sys.argv[1:]))

"""Every mail, page and terminal screen as a picture: `python -m tests.gallery FOLDER [LANGUAGE …]`, or `make gallery`.

Mails are shown light and dark, on a phone and in a window, without pictures, and as text; pages on a phone and a desk;
terminal screens at 80 columns. `index.html` shows them all. Says what axe finds wrong, and which mail has more than
60 KB or is wider than the screen; ends with 1 then. Needs Chromium at CHROMIUM.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from io import StringIO
from pathlib import Path
from typing import Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, async_playwright
from rich.console import Console
from rich.text import Text

from gateway.config import database_url, load, signing_keys
from gateway.core import sheet
from gateway.core.labels import HEADLINES
from gateway.core.notice import Notice
from gateway.portal import examples as page_examples
from gateway.portal.templates import PageTemplates
from gateway.render import examples, wire
from gateway.render.mail import PLAIN, Templates
from gateway.texts import catalog
from storage.database import Database
from storage.migrate import migrate

CHROMIUM = "/usr/bin/chromium"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}
"""Not the rules for whole pages: a mail is shown inside one and must not bring landmarks."""
BYTES = 60_000
TABLE = (
    '<p>Good morning,</p><table><tbody><tr><th>Article</th><th align="right">Price</th></tr><tr><td>Toner</td>'
    '<td align="right">12.50</td></tr><tr><td>Paper</td><td align="right">4.00</td></tr></tbody></table><p>[Logo]</p>'
)
SCREENS = (
    "ticket list",
    "ticket show 1",
    "explain",
    "journal list",
    "outbox list",
    "stats",
    "top --once",
    "audit",
    "check",
    "agent --help",
    "contact list",
    "ticket shwo 1",
    "--help",
)

WRAPPED = "white-space: pre-wrap; overflow-wrap: anywhere"
"""As mail programs show a text part."""

Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Look:
    """How something is looked at."""

    name: str
    width: int
    scheme: Scheme
    pictures: bool = True


WINDOW = Look("window", 900, "light")
MAIL_LOOKS = (
    Look("phone", 380, "light"),
    Look("phone-dark", 380, "dark"),
    WINDOW,
    Look("window-dark", 900, "dark"),
    Look("no-pictures", 380, "light", pictures=False),
)
PAGE_LOOKS = (MAIL_LOOKS[0], Look("desk-dark", 1200, "dark"))


class Gallery:
    """Pictures in a folder, and what was found wrong in them."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser, self._folder = browser, folder
        self.faults: list[str] = []
        self.shown: list[tuple[str, list[str]]] = []
        """Title and names of pictures."""

    async def picture(self, name: str, html: str, look: Look, rules: dict[str, list[str]] | None = None) -> None:
        page = await self._browser.new_page(viewport={"width": look.width, "height": 740}, color_scheme=look.scheme)
        if not look.pictures:
            await page.route("**/*.{png,jpg,svg,webp}", lambda route: route.abort())
        await page.set_content(html)
        await page.screenshot(path=self._folder / f"{name}-{look.name}.png", full_page=True)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        if wide > look.width:
            self.faults.append(f"{name} {look.name}: {wide} px wide")
        if rules is not None:
            for violation in (await Axe().run(page, options=rules or None)).response["violations"]:
                self.faults.append(f"{name} {look.name}: {violation['id']}: {violation['nodes'][0]['html']}")
        await page.close()
        self.shown[-1][1].append(f"{name}-{look.name}")

    async def mails(self, language: str) -> None:
        named = replace(PLAIN, name="Example Ltd", imprint="Example Ltd, 1 Sample Street")
        mails = Templates(brand=named)
        drawn = Templates(brand=replace(named, logo_url="https://help.example.com/logo.png"))
        shown = {notice.value: examples.outbounds(notice, language)[0] for notice in Notice}
        notice, receipt = shown["agent_notice"], shown["agent_receipt"]
        shown["agent_notice"] = replace(notice, words=replace(notice.words, html=TABLE))
        words = catalog(language)
        help = replace(
            receipt.words,
            ticket=None,
            headline=words.gettext(HEADLINES["help"]),
            remarks=(),
            sections=sheet.sections(language),
        )
        shown["help"] = replace(receipt, words=help)
        for what, outbound in shown.items():
            html, text, name = mails.html(outbound), mails.text(outbound), f"{what}-{language}"
            if (size := len(wire.write(outbound, text, html))) > BYTES:
                self.faults.append(f"{name}: {size} bytes")
            self.shown.append((f"{name}: {outbound.subject}", []))
            for look in MAIL_LOOKS:
                await self.picture(name, html if look.pictures else drawn.html(outbound), look, RULES)
            await self.picture(name, f"<pre style='{WRAPPED}'>{escape(text)}</pre>", replace(WINDOW, name="text"))

    async def pages(self, language: str) -> None:
        templates = PageTemplates(None, examples.NOW.tzinfo)  # type: ignore[arg-type]  # it has one
        style = templates.static["portal.css"].data.decode()
        for n, (frame, view) in enumerate(page_examples.pages(language)):
            name = f"page-{n:02}-{view.template}-{language}"
            self.shown.append((name, []))
            html = templates.page(frame, view).replace("</head>", f"<style>{style}</style></head>")
            for look in PAGE_LOOKS:
                await self.picture(name, html, look, {})

    async def screens(self) -> None:
        for command, shown in terminal():
            name = "screen-" + "".join(c if c.isalnum() else "-" for c in command)
            self.shown.append((f"replydesk {command}", []))
            await self.picture(name, shown, Look("80", 800, "dark"))

    def index(self) -> None:
        rows = "".join(
            f"<h2>{escape(title)}</h2><p>{''.join(_shown(n) for n in names)}</p>" for title, names in self.shown
        )
        style = "body{font-family:sans-serif}img{max-width:30%;vertical-align:top;border:1px solid #999;margin:4px}"
        (self._folder / "index.html").write_text(
            f"<!doctype html><meta charset=utf-8><title>Gallery</title><style>{style}</style>{rows}", "utf-8"
        )


def _shown(name: str) -> str:
    return f'<a href="{name}.png"><img src="{name}.png" alt="{escape(name)}" loading="lazy"></a>'


def terminal() -> Iterator[tuple[str, str]]:
    """Commands on a desk with a ticket, and what they show at 80 columns, as HTML."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "replydesk.toml"
        config.write_text(
            f'[gateway]\ndata_dir = "{name}/var"\n'
            '[[mailboxes]]\naddress = "support@example.com"\nname = "Example Support"\n'
            '[[agents]]\naddress = "anna@example.com"\nname = "Anna Agent"\n',
            "utf-8",
        )
        mail = folder / "mail.eml"
        mail.write_text(
            "From: Erika Beispiel <erika@example.net>\nTo: support@example.com\nSubject: Printer has stopped since the "
            "update on Friday\nMessage-ID: <1@example.net>\nDate: Mon, 2 Mar 2026 09:30:00 +0000\n\nIt only blinks.\n",
            "utf-8",
        )
        environment = {**os.environ, "COLUMNS": "80", "FORCE_COLOR": "1", "REPLYDESK_CONFIG": str(config)}

        def run(*words: str) -> str:
            """In a terminal of its own, for colours and widths depend on one."""
            command = shlex.join([sys.executable, "-m", "gateway", *words])
            done = subprocess.run(
                ["script", "-qec", command, "/dev/null"], env=environment, stdin=subprocess.DEVNULL, capture_output=True
            )
            # A line that was written over shows what was written last.
            return re.sub(r"[^\n]*\r(?!\n)", "", done.stdout.decode()).replace("\r", "")

        (folder / "var").mkdir()
        settings = load(config)
        signing_keys(settings)
        database = Database(database_url(settings), settings.data_dir)
        migrate(database)
        database.close_now()
        run("import", str(mail))
        for command in SCREENS:
            words = command.split()
            said = run(*words, *([str(mail)] if words == ["explain"] else []))
            console = Console(record=True, width=80, file=StringIO(), force_terminal=True)
            console.print(Text.from_ansi(said))
            yield command, console.export_html(inline_styles=True)


async def look(folder: Path, languages: tuple[str, ...]) -> list[str]:
    """What was found wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        gallery = Gallery(browser, folder)
        for language in languages or Templates().languages:
            await gallery.mails(language)
            await gallery.pages(language)
        await gallery.screens()
        gallery.index()
        await browser.close()
    return gallery.faults


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m tests.gallery FOLDER [LANGUAGE ...]")
    found = asyncio.run(look(Path(sys.argv[1]), tuple(sys.argv[2:])))
    print("\n".join(found) or f"Nothing wrong by measure. Now look: {sys.argv[1]}/index.html")
    raise SystemExit(bool(found))

"""Look at every mail as a browser shows it: `python -m tests.look_mails FOLDER`.

Writes one picture per notice, language, width (a phone, a window) and colour scheme, and says
what axe finds wrong (contrast above all). Needs Chromium at CHROMIUM.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from gateway.core.notice import Notice
from gateway.render import examples
from gateway.render.mail import Templates

CHROMIUM = "/usr/bin/chromium"
WIDTHS = (380, 900)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
RULES = {"runOnly": ["wcag2a", "wcag2aa"]}
"""Not the rules for whole pages: a mail is shown inside one and must not bring landmarks."""


def look(folder: Path) -> int:
    """The number of faults found."""
    folder.mkdir(parents=True, exist_ok=True)
    mails = Templates()
    faults = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for language in mails.languages:
            for notice in Notice:
                html = mails.html(examples.outbounds(notice, language)[0])
                faults += _pictures(browser, html, folder / f"{notice.value}-{language}")
        browser.close()
    return faults


def _pictures(browser: Browser, html: str, stem: Path) -> int:
    faults = 0
    for scheme in SCHEMES:
        for width in WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
            page.set_content(html)
            page.screenshot(path=f"{stem}-{width}-{scheme}.png", full_page=True)
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                print(f"{stem.name} {width} {scheme}: {wide} px wide")
                faults += 1
            for violation in Axe().run(page, options=RULES).response["violations"]:
                print(f"{stem.name} {width} {scheme}: {violation['id']}: {violation['nodes'][0]['html']}")
                faults += 1
            page.close()
    return faults


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tests.look_mails FOLDER")
    raise SystemExit(1 if look(Path(sys.argv[1])) else 0)

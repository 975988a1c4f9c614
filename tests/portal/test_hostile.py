"""Hostile mail on our pages, and faults of our own: neither reaches the visitor."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser

import pytest

from gateway.core import token
from gateway.errors import StorageUnavailable
from gateway.portal.app import Health
from tests.conftest import SECRET, named
from tests.portal.conftest import ERIKA, Opened, Site


class Parts(HTMLParser):
    """Every element and attribute, as a browser finds them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


HOSTILE = """<html><head><style>body{background:url(https://evil.example/s)}</style>
<meta http-equiv="refresh" content="0;url=https://evil.example/"><base href="https://evil.example/">
<script>alert(1)</script></head><body onload="alert(2)" background="https://evil.example/b">
<p style="position:fixed;top:0" class="top" id="content">Hello</p><img src="https://evil.example/i.png">
<img src=x onerror=alert(3)><svg onload=alert(4)></svg><a href="javascript:alert(5)">click</a>
<iframe src="https://evil.example"></iframe><form action="https://evil.example"><input name=password><button>Go</button>
</form></main></div></body><a href="data:text/html,<script>alert(6)</script>">data</a><!-- --><math><mtext></table>
<p><a href="https://fine.example/">fine</a>
<a href="/sign-out">out</a></p><noscript><p title="</noscript><img src=x onerror=alert(7)>">"""


async def test_hostile_html_is_harmless(site: Site) -> None:
    """No script, no style, no form, nothing from elsewhere; the text is there."""
    number = await site.mail(ERIKA, "<script>alert('subject')</script>", "plain <b>text</b>", html=HOSTILE)
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    message = await browser.get(next(h for h in page.hrefs if "/entries/" in h))
    for shown in (page, message, await browser.get("/tickets")):
        assert "<script" not in shown.html
        assert "&lt;script&gt;alert(&#39;subject&#39;)" in shown.html
    inside = message.html.partition('class="card mail"')[2].partition("</main>")[0]
    assert "Hello" in inside
    parts = Parts()
    parts.feed(inside)
    assert not parts.tags & {"script", "style", "svg", "math", "iframe", "form", "input", "button", "meta", "base"}
    assert {name for name, _ in parts.attributes} <= {"title", "dir", "href", "rel", "alt", "src"}
    assert not [v for name, v in parts.attributes if name == "src" or (name == "href" and not v.startswith("http"))]
    assert message.html.count("<main") == message.html.count("</main>") == 1
    assert "They are not shown" in message.text


async def test_hostile_names_break_no_header(site: Site) -> None:
    """A filename with quotes, line ends, paths and other scripts stays one header value."""
    number = await site.mail(
        ERIKA,
        "Files",
        files=(('..\\..\\"evil"; filename=x.html\u202egnp.exe', "application/octet-stream", b"x"),),
    )
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    file = await browser.get(next(h for h in page.hrefs if "/files/" in h))
    disposition = file.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=")
    assert disposition.count('"') == 2
    assert "\\" not in disposition
    assert "\u202e" not in page.html


async def test_a_fault_shows_a_friendly_page_and_is_logged(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500 without a trace of the cause; the log has it, but not the secret in the path."""
    await site.mail(ERIKA, "Hello")
    path = await site.link(ERIKA, "register")

    async def broken(work: object) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(site.database, "read", broken)
    page = await site.browser(accept_language="de").get(path)
    assert page.status == 500
    assert "Hier ist etwas schiefgegangen" in page.text
    assert "secret" not in page.html
    assert "RuntimeError" not in page.html
    assert "a secret of the house" in caplog.text
    assert path.rpartition("/")[2] not in caplog.text


async def test_without_the_database_the_portal_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, to be tried again; the sign-in form still shows."""

    async def away(work: object) -> None:
        raise StorageUnavailable("database: it is gone")

    await site.mail(ERIKA, "Hello")
    browser = await site.customer(ERIKA)
    monkeypatch.setattr(site.database, "read", away)
    page = await browser.get("/tickets")
    assert page.status == 503
    assert page.headers["retry-after"]
    assert "gone" not in page.text
    assert (await site.browser().get("/sign-in")).status == 200


async def test_health_says_which_room_fails_and_nothing_else(site: Site) -> None:
    """200 or 503, JSON, no session needed."""
    page = await site.browser().get("/healthz")
    assert (page.status, page.data) == (200, b'{"status":"ok"}')
    site.health.append(Health(False, ("database",)))
    page = await site.browser().get("/healthz")
    assert (page.status, page.data) == (503, b'{"status":"failing","failing":["database"]}')


async def test_a_link_made_before_a_change_of_the_secret_still_closes(site: Site, open_site: Opened) -> None:
    """Earlier secrets verify what was given out under them."""
    number = await site.mail(ERIKA, "Printer")
    old = token.link_token(
        site.policy.keys, "close", str(named(site.database, number)), site.clock.now + timedelta(days=1)
    )
    rotated = await open_site(policy={"keys": token.Keys(b"another secret of at least 32 bytes", (SECRET,))})
    assert (await rotated.browser().get(f"/close/{old}")).status == 200

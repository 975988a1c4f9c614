"""Words, templates, links in texts, and how files are named and served."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway import texts
from gateway.errors import TemplateError
from gateway.portal import examples, original
from gateway.portal.templates import PageTemplates, linked

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_pages_are_in_every_language_there_is(tmp_path: Path) -> None:
    """Those of a site's own catalogs, too; what a catalog lacks stands there in English."""
    catalog = tmp_path / "locale" / "sv" / "LC_MESSAGES" / "replydesk.po"
    catalog.parent.mkdir(parents=True)
    catalog.write_text('msgid "Close ticket"\nmsgstr "Stäng ärendet"\n', "utf-8")
    texts.use(tmp_path)
    try:
        pages = PageTemplates(tmp_path, BERLIN)
        pages.check()
        shown = {
            language: next(
                pages.page(frame, view) for frame, view in examples.pages(language) if view.template == "close"
            )
            for language in texts.languages()
        }
    finally:
        texts.use(None)
    assert list(shown) == [*texts.languages(), "sv"]
    assert "Close ticket" in shown["en"]
    assert "Ticket schließen" in shown["de"]
    assert "Stäng ärendet" in shown["sv"]
    assert "Close this ticket?" in shown["sv"]
    assert all(f'<html lang="{language}">' in page for language, page in shown.items())
    assert all(">svenska</" in page for page in shown.values())


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a <b> & c", "a &lt;b&gt; &amp; c"),
        ("see https://a.example/x?a=1&b=2.", '<a href="https://a.example/x?a=1&amp;b=2" '),
        ("(https://a.example/b_(c))", '<a href="https://a.example/b_(c)" '),
        ('https://a.example/"onmouseover="x', '<a href="https://a.example/" '),
        ("<https://a.example/>", '&lt;<a href="https://a.example/" '),
        ("javascript:alert(1)", "javascript:alert(1)"),
    ],
)
def test_web_addresses_become_links_and_all_else_is_escaped(text: str, html: str) -> None:
    """Nothing of a text becomes markup but http and https addresses."""
    assert html in linked(text)


@pytest.mark.parametrize(
    ("content_type", "name", "shown"),
    [
        ("application/pdf", "a.pdf", "PDF"),
        ("image/jpeg", "photo", "JPG"),
        ("application/x-nothing", "file.averylongextension", ""),
        ("application/x-nothing", "file.<b>", ""),
    ],
)
def test_types_as_people_say_them(content_type: str, name: str, shown: str) -> None:
    """The extension, else what the type stands for, else nothing."""
    assert original.type_name(content_type, name) == shown


@pytest.mark.parametrize(
    ("content_type", "served"),
    [
        ("application/pdf", "application/pdf"),
        ("IMAGE/PNG", "image/png"),
        ("text/html", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("application/pdf\r\nX: y", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
    ],
)
def test_a_file_is_served_as_what_cannot_act(content_type: str, served: str) -> None:
    """Types a browser would run become bytes."""
    from gateway.mail.message import Attachment

    assert original.headers(Attachment("1", "a", content_type, 1, "x"))["Content-Type"] == served


def test_a_sites_own_templates_come_first(tmp_path: Path) -> None:
    """Pages and static files, one by one."""
    folder = tmp_path / "portal"
    (folder / "static").mkdir(parents=True)
    (folder / "forgot.html.j2").write_text('{% extends "portal/notice.html.j2" %}{% block content %}Ours{% endblock %}')
    (folder / "static" / "logo.png").write_bytes(b"logo")
    (folder / "static" / "portal.css").write_bytes(b"body{}")
    (folder / "forgot.html.j2").write_text('{% extends "portal/layout.html.j2" %}{% block content %}Ours{% endblock %}')
    pages = PageTemplates(tmp_path, BERLIN)
    pages.check()
    assert pages.static["logo.png"].data == b"logo"
    assert pages.static["portal.css"].data == b"body{}"
    assert "icon.svg" in pages.static


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ticket.html.j2", "line one\n{% if %}", r"ticket\.html\.j2:2: "),
        ("ticket.html.j2", "line one\n{{ view.nothing }}", r"ticket\.html\.j2:2: .*nothing"),
        ("ticket.html.j2", "{{ view.__class__.__mro__ }}", r"ticket\.html\.j2:1: .*__class__"),
        ("notice.html.j2", '{% extends "portal/none.html.j2" %}', r"portal/none\.html\.j2"),
        ("static/run.sh", "#!/bin/sh", r"static/run\.sh: cannot be served"),
    ],
)
def test_a_broken_template_stops_the_start(tmp_path: Path, name: str, text: str, said: str) -> None:
    """By file and line, before any visitor sees it; and templates run in a sandbox."""
    file = tmp_path / "portal" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(TemplateError, match=said):
        PageTemplates(tmp_path, BERLIN).check()

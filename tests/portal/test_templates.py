"""Words, templates, links in texts, and how files are named and served."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.errors import TemplateError
from gateway.portal import form, original
from gateway.portal.templates import PACKAGED, PageTemplates, linked
from gateway.portal.words import DE, EN, LANGUAGES

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_every_language_says_the_same_things() -> None:
    """The same marks for what is put in, nothing empty, and nothing that no page says."""
    used = "".join(p.read_text("utf-8") for p in (PACKAGED / "portal").glob("*.j2"))
    used += "".join(p.read_text("utf-8") for p in Path(form.__file__).parent.glob("*.py") if p.name != "words.py")
    for field in dataclasses.fields(EN):
        english, german = getattr(EN, field.name), getattr(DE, field.name)
        assert english, field.name
        assert german, field.name
        assert re.findall(r"{\w+}", english) == re.findall(r"{\w+}", german), field.name
        assert re.search(rf"(words|w)\.{field.name}\b", used), f"{field.name} is said nowhere"
    assert set(LANGUAGES) == {"en", "de"}


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

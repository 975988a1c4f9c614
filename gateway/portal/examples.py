"""One made-up visitor on every page: for trying templates at start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from markupsafe import Markup

from gateway.core import lifecycle
from gateway.portal import views
from gateway.portal.words import LANGUAGES, Words

MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ADDRESS = "erika@example.net"


def pages(words: Words) -> Iterator[tuple[views.Frame, views.View]]:
    """Every view, full and sparse, signed in and not."""
    languages = tuple(views.Language(w.language, w.language_name, f"?lang={w.language}") for w in LANGUAGES.values())
    known = views.Frame(words, "Example Support", "support@example.com", "/base", ADDRESS, "mark", languages)
    unknown = replace(known, signed_in="", languages=languages[:1])
    for frame in (known, unknown):
        for view in _views(words):
            yield frame, view


def _views(words: Words) -> Iterator[views.View]:
    status = _status(lifecycle.Status.SOLVED, words)
    statuses = tuple(_status(s, words) for s in lifecycle.Status)
    file = views.File("/file", "photo.jpg", "JPG", 123_456, "encrypted")
    yield views.SignIn()
    yield views.SignIn(ADDRESS, "/tickets/1", "notice", "error", "address", "password")
    yield views.Forgot()
    yield views.Forgot(ADDRESS, "error")
    yield views.SetPassword(True, ADDRESS, "/register/x")
    yield views.SetPassword(False, ADDRESS, "/reset/x", "error", "error")
    yield views.Close("Subject", "RD-1-AAAAAA", "/close/x")
    choices = (views.Choice("good", "Good", True), views.Choice("bad", "Bad", False))
    yield views.Rate("Subject", "RD-1-AAAAAA", "/rate/x/good", choices, False)
    yield views.Rate("Subject", "RD-1-AAAAAA", "/rate/x/5", choices, True, "comment", "before", MOMENT, "error")
    row = views.Row(1, "RD-1-AAAAAA", "Subject", status, MOMENT, MOMENT)
    yield views.Tickets((), "", "", statuses)
    yield views.Tickets((), "q", "", statuses, filtered=True)
    yield views.Tickets((row,), "q", "open", statuses, 2, "page=1", "page=3", True)
    full = views.Message(1, ADDRESS, "mine", MOMENT, "text", "whole", (file,), (file,), "/original", True, True)
    sparse = views.Message(2, "Anna", "theirs", MOMENT, "text")
    ticket = views.Ticket(
        "Subject", "RD-1-AAAAAA", status, MOMENT, MOMENT, (ADDRESS,), (full, sparse), "mailto:", False
    )
    yield ticket
    yield replace(ticket, confirm="/close/x", reply=views.Reply("/tickets/1", "text", True, "error"), notice="notice")
    yield replace(ticket, messages=(), closed=True, more="all=1")
    original = views.Original("Subject", ADDRESS, MOMENT, "/tickets/1", None, "text")
    yield original
    nested = (views.Nested(ADDRESS, "Subject", MOMENT, "text"), views.Nested("", "", None, ""))
    yield replace(original, html=Markup("<p>text</p>"), remote=True, omissions=("omitted",), nested=nested)
    yield views.Notice("title", "text")
    yield views.Notice("title", "text", (views.Link("label", "/x"), views.Link("other", "/y")), "about", "kept")


def _status(status: lifecycle.Status, words: Words) -> views.Status:
    return views.Status(
        status.value, lifecycle.label(status, words.language), lifecycle.meaning(status, words.language)
    )

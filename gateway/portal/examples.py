"""One made-up visitor on every page: for trying templates at start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from markupsafe import Markup

from gateway import texts
from gateway.mail.message import NestedMessage
from gateway.portal import views

MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ADDRESS = "erika@example.net"


def pages(language: str) -> Iterator[tuple[views.Frame, views.View]]:
    """Every view, full and sparse, signed in and not."""
    languages = tuple(views.LanguageLink(c, texts.catalog(c).name, f"?lang={c}") for c in texts.languages())
    known = views.Frame(
        language=language,
        site="Example Support",
        support="support@example.com",
        base="/base",
        signed_in=ADDRESS,
        now=MOMENT,
        mark="mark",
        languages=languages,
        zone="Europe/Berlin",
        zone_href="/base/time-zone",
    )
    unknown = replace(known, signed_in="", languages=languages[:1])
    for frame in (known, unknown):
        for view in _views(language):
            yield frame, view


def _views(language: str) -> Iterator[views.View]:
    statuses = views.status_badges(language)
    file = views.ListedFile("/file", "photo.jpg", "JPG", 123_456, "encrypted")
    yield views.SignInPage()
    yield views.SignInPage(ADDRESS, "/tickets/1", "notice", error="error")
    yield views.SignInPage(ADDRESS, "/tickets/1", address_error="address", password_error="password")
    yield views.SignInPage(link="/link")
    yield views.LinkPage()
    yield views.LinkPage(True, "/tickets/1", "notice", ADDRESS, "error")
    yield views.EnterPage(ADDRESS, "/enter/x")
    yield views.EnterPage(ADDRESS, "/enter/x", "/tickets/1")
    yield views.TimeZonePage((views.ZoneChoice("Europe/Berlin", "Berlin"), views.ZoneChoice("UTC", "UTC")), "/tickets")
    yield views.ForgotPage()
    yield views.ForgotPage(ADDRESS, "error")
    yield views.SetPasswordPage(True, ADDRESS, "/register/x")
    yield views.SetPasswordPage(False, ADDRESS, "/reset/x", "error", "error")
    yield views.ClosePage("Subject", "RD-1-AAAAAA", "/close/x", "mailto:a@example.com")
    choices = (views.RatingChoice("good", "Good", True), views.RatingChoice("bad", "Bad", False))
    rating = views.RatePage("Subject", "RD-1-AAAAAA", "/rate/x/good", choices)
    yield rating
    yield replace(rating, comment="comment", before="before", until=MOMENT, error="error")
    ticket = views.TicketFacts(
        number=1,
        reference="RD-1-AAAAAA",
        subject="Subject",
        status=statuses[-2],
        created_at=MOMENT,
        last_activity_at=MOMENT,
    )
    yield views.TicketsPage((), "", "", statuses, 0, "mailto:a@example.com")
    yield views.TicketsPage((), "q", "", statuses, 0, "mailto:a@example.com")
    yield views.TicketsPage((ticket,), "q", "open", statuses, 41, "mailto:a@example.com", 2, 3, "page=1", "page=3")
    yield views.TicketsPage(
        (ticket,),
        "",
        "",
        statuses,
        41,
        "mailto:a@example.com",
        sort="oldest",
        waiting=2,
        orders=(views.PageLink("a", "/x"), views.PageLink("b", "")),
    )
    sparse = views.ShownMessage(2, "Anna", "theirs", MOMENT, "text")
    full = views.ShownMessage(
        id=1,
        author=ADDRESS,
        side="mine",
        when=MOMENT,
        text="text",
        files=(file,),
        photos=(file,),
        pictures=(file,),
        original="/original",
        shortened=True,
        unconfirmed=True,
    )
    page = views.TicketPage(ticket, (ADDRESS,), (full, sparse), "mailto:", closed=False)
    form = views.WriteForm("/tickets/1", "once", 10_000_000, "text", True, "error")
    yield page
    yield replace(page, confirm="/close/x", reply=form, notice="notice")
    yield replace(page, messages=(), closed=True, more=True)
    yield replace(page, closed=True, again="/new?about=1")
    yield views.NewRequestPage(replace(form, text="", error=""), "", "a@example.com")
    yield views.NewRequestPage(form, "Subject", "a@example.com", "RD-1-AAAAAA · Subject")
    original = views.OriginalPage("Subject", ADDRESS, MOMENT, "/tickets/1", None, "text")
    yield original
    inner = NestedMessage(part="2", author=None, subject="", date=None, message_id="", body_text="text")
    yield replace(original, html=Markup("<p>text</p>"), remote=True, omissions=("omitted",), nested=(inner,))
    yield views.NoticePage("title", "text")
    links = (views.PageLink("label", "/x"), views.PageLink("other", "/y"))
    yield views.NoticePage("title", "text", links, "about", "kept", done=True)

"""One request: who asks, in which language, with which form; and the pages that answer it.

Nothing that is found out here changes anything; what acts are the handlers of POST.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from starlette.background import BackgroundTasks
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway import texts
from gateway.core import token
from gateway.core.ticket import Ticket
from gateway.errors import StorageUnavailable
from gateway.mail.text import one_line
from gateway.portal import form, limits, session, views, zones
from gateway.portal.portal import Portal
from gateway.portal.refusal import Refusal
from gateway.texts import ENGLISH, Catalog
from gateway.texts import mark as _
from storage.contacts import Contact

log = logging.getLogger("replydesk.portal")

_MARK = re.compile(r"[\w.-]*[\w-]", re.ASCII)
_NEXT = re.compile(r"/(?:new|tickets(?:/\d{1,9}(?:/entries/\d{1,9})?)?)(?:\?[A-Za-z0-9_=&%+.~-]{0,500})?")


_FAULTS = {
    "not_yours": (
        _("We cannot show this ticket"),
        _(
            "It does not exist, or it belongs to another address. You see the tickets of the address "
            "you are signed in with."
        ),
    ),
    "missing": (
        _("There is no such page"),
        _("Perhaps a part of the address was lost. Please check it, or start from the beginning."),
    ),
    "large": (
        _("That is too much"),
        _("What was sent is larger than this page takes. Please send it by e-mail."),
    ),
    "method": (_("That does not work here"), _("This page cannot be used in that way.")),
    "often": (
        _("Please wait a moment"),
        _("There were too many attempts from your connection. Please try again later."),
    ),
    "away": (
        _("We will be back in a moment"),
        _("The portal cannot answer right now. Please try again in a minute. Mail to us is not affected."),
    ),
    "fault": (
        _("Something went wrong here"),
        _("The fault is ours and has been noted. Please try again later. Mail to us is not affected."),
    ),
    "forged": (
        _("Please try that again"),
        _(
            "The page had been open for too long, or your browser keeps no cookies. Nothing was changed. Please open "
            "the page again."
        ),
    ),
}
"""What went wrong → title and text."""
_WITHOUT_FORM = "/sign-out"
"""What is sent there is a button on other pages."""
_FAULT_NAMES = {
    400: "forged",
    403: "forged",
    405: "method",
    408: "forged",
    413: "large",
    415: "method",
    429: "often",
    503: "away",
}
"""Status of HTTP → what went wrong."""


def _fault_name(status: int) -> str:
    return _FAULT_NAMES.get(status, "fault" if status >= 500 else "missing")


@dataclass(slots=True)
class PageRequest:
    """A request and everything known about it."""

    portal: Portal
    http: Request
    """As Starlette has it."""
    now: datetime
    words: Catalog
    """Of the language the answer is in."""
    contact: Contact | None = None
    session: str = ""
    """Token of the live session, else empty."""
    visitor: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Of the form that was sent."""
    files: tuple[form.SentFile, ...] = ()
    too_much: bool = False
    """More was sent than the page takes."""
    cookies: dict[str, str] = field(default_factory=dict)
    """Name → value to set; an empty value removes the cookie."""

    # --- what comes in ----------------------------------------------------------------

    @classmethod
    async def begin(cls, portal: Portal, http: Request) -> PageRequest:
        """Look who it is. Nothing is changed by it."""
        now = portal.clock()
        found = cls(portal, http, now, ENGLISH, visitor=http.cookies.get(portal.cookies.visitor, ""))
        given = http.cookies.get(portal.cookies.session, "")
        found.words = found._language("")
        if given:
            found.contact = await portal.database.read(lambda tx: portal.sessions.find(tx, given, now))
        if found.contact:
            found.session = given
            found.words = found._language(found.contact.language)
        if found.chosen:
            found.cookies[portal.cookies.language] = found.chosen
        return found

    @classmethod
    def unknown(cls, portal: Portal, http: Request) -> PageRequest:
        """A request nobody is looked up for: pages about faults must not need the database."""
        found = cls(portal, http, portal.clock(), ENGLISH)
        found.words = found._language("")
        return found

    @property
    def chosen(self) -> str:
        """The language of the switch on the page, if it was pressed."""
        given = self.http.query_params.get("lang", "")
        return given if given in texts.languages() else ""

    @property
    def preferred(self) -> str:
        """The language ever chosen in this browser."""
        kept = self.http.cookies.get(self.portal.cookies.language, "")
        return self.chosen or (kept if kept in texts.languages() else "")

    @property
    def zone(self) -> str:
        """The time zone chosen in this browser, else the site's."""
        kept = self.http.cookies.get(self.portal.cookies.zone, "")
        return kept if kept and kept in zones.every() else self.portal.settings.gateway.timezone

    def _language(self, of_contact: str) -> Catalog:
        accepted = _accepted(self.http.headers.get("accept-language", ""))
        site = self.portal.settings.gateway.default_language
        wishes = (self.preferred, of_contact, *accepted, site)
        return texts.catalog(next((w for w in wishes if w in texts.languages()), ENGLISH.language))

    def speak_to(self, contact: Contact) -> None:
        """The page is for somebody known by a link: in their language."""
        self.words = self._language(contact.language)

    @property
    def client(self) -> str:
        """The network address limits are counted by."""
        peer = self.http.client.host if self.http.client else ""
        forwarded = ",".join(self.http.headers.getlist("x-forwarded-for"))
        return limits.client(peer, forwarded, self.portal.trusted)

    @property
    def origin(self) -> dict[str, str]:
        """For the log: the client, and a hint when all clients of a proxy count as one."""
        unheard = "x-forwarded-for" in self.http.headers and not self.portal.trusted
        return {"client": self.client} | ({"hint": "portal.trusted_proxies is not set"} if unheard else {})

    async def read_form(self, *, takes_files: bool = False) -> None:
        """Take in the form of a POST, files only of who is signed in. Raises Refusal when another site sent it, or it
        is none."""
        room = (self.portal.files_limit if self.contact else 0) if takes_files else None
        sent = await form.read(self.http, self.portal.public_url, room)
        self.fields, self.files, self.too_much = sent.fields, sent.files, sent.too_much

    def check_mark(self, *cookies: str) -> None:
        """Refusal unless the form came from a page that was made for one of these cookies of the browser."""
        keys, given = self.portal.desk.policy.keys, self.fields.get("mark", "")
        if not any(form.is_mark(keys, cookie, given) for cookie in cookies):
            raise Refusal(403)

    @property
    def next(self) -> str:
        """Where to go after signing in: a page of ours with tickets, or nothing."""
        given = self.fields.get("next", "") or self.http.query_params.get("next", "")
        return given if _NEXT.fullmatch(given) else ""

    def query(self, name: str, limit: int) -> str:
        """A text out of the query: on one line, of at most `limit` characters."""
        return one_line(self.http.query_params.get(name, ""), limit)

    def number(self, name: str) -> int:
        """A number out of the path; Refusal when it cannot be one of ours."""
        value = str(self.http.path_params[name])
        if not re.fullmatch(r"[1-9]\d{0,8}", value, re.ASCII):
            raise Refusal(404)
        return int(value)

    def mark_in_path(self, name: str) -> str:
        """A token out of the path, or a word beside it, without the signs that came along behind it in a mail."""
        found = _MARK.match(str(self.http.path_params[name]))
        return found[0] if found else ""

    def link(self, action: str) -> token.Link | None:
        """What the signed link says whose token is in the path; None when it is none for this action."""
        return token.read_link(self.portal.desk.policy.keys, action, self.mark_in_path("token"), self.now)

    def device(self, address_key: str) -> str:
        """A mark of this browser, if the person of this address signed in with it before; else empty."""
        keys, given = self.portal.desk.policy.keys, self.http.cookies.get(self.portal.cookies.known, "")
        known = token.read_link(keys, "known", given, self.now) if given else None
        if known is None or known.expired or not token.is_address_mark(keys, address_key, (known.subject,)):
            return ""
        return known.state

    # --- what goes out ----------------------------------------------------------------

    def sign_in(self, session_token: str, address_key: str) -> None:
        """The browser is signed in, and is known from now on."""
        keys, cookies = self.portal.desk.policy.keys, self.portal.cookies
        until, device = self.now + timedelta(days=session.REMEMBERED_DAYS), session.new_token()[:12]
        self.cookies[cookies.session] = session_token
        self.cookies[cookies.known] = token.link_token(
            keys, "known", token.address_mark(keys, address_key), until, self.device(address_key) or device
        )

    def href(self, path: str) -> str:
        return self.portal.base + path

    def reference(self, ticket: Ticket) -> str:
        return self.portal.desk.policy.reference(ticket)

    def lost(self) -> Refusal:
        """A link of ours about something that is not here. Who holds it got our mail, so this reveals nothing."""
        words = self.words
        return Refusal(
            410,
            views.NoticePage(
                words.gettext("This is not here any more"),
                words.gettext(
                    "The link is ours, but what it belongs to is no longer kept here, so nothing was changed. "
                    "Please write to us again: we are glad to help."
                ),
                (self.to_tickets,),
                kept=self.written,
            ),
        )

    def to(self, label: str, path: str) -> views.PageLink:
        return views.PageLink(label, self.href(path))

    @property
    def to_tickets(self) -> views.PageLink:
        return self.to(self.words.gettext("My tickets") if self.contact else self.words.gettext("Sign in"), "/tickets")

    async def page(self, view: views.View, status: int = 200) -> Response:
        frame = self._frame(view.form, shown=status < 400)
        # In a thread: a long conversation takes a while, and mails wait for this loop too.
        html = await asyncio.to_thread(self.portal.templates.page, frame, view)
        return HTMLResponse(html, status)

    def _frame(self, has_form: bool, *, shown: bool) -> views.Frame:
        """`shown`: the page that was asked for, and no refusal, which is the same for every address."""
        box = self.portal.desk.policy.mailboxes[0]
        mark = ""
        if self.session or has_form:
            if not self.session and not self.visitor:
                self.visitor = self.cookies[self.portal.cookies.visitor] = session.new_token()
            mark = form.mark(self.portal.desk.policy.keys, self.session or self.visitor)
        query = [(k, v) for k, v in self.http.query_params.multi_items() if k != "lang"]
        return views.Frame(
            language=self.words.language,
            site=box.name or box.address,
            support=box.address,
            base=self.portal.base,
            signed_in=self.contact.address if self.contact else "",
            now=self.now,
            mark=mark,
            languages=tuple(
                views.LanguageLink(code, texts.catalog(code).name, "?" + urlencode([*query, ("lang", code)]))
                for code in texts.languages()
            ),
            zone=self.zone,
            zone_href=self.href(f"/time-zone{self._back if shown else ''}"),
        )

    @property
    def _back(self) -> str:
        """A query that leads back to this page, if it is one with tickets."""
        return self._on if self.http.method == "GET" else ""

    @property
    def _here(self) -> str:
        url = self.http.url
        return url.path + (f"?{url.query}" if url.query else "")

    @property
    def _on(self) -> str:
        return f"?next={quote(self._here, safe='')}" if _NEXT.fullmatch(self._here) else ""

    @property
    def written(self) -> str:
        """Words that came with the form: whatever goes wrong, they are given back."""
        return self.fields.get("text", "") or self.fields.get("comment", "")

    def go(self, path: str) -> Response:
        return RedirectResponse(self.href(path), 303)

    async def ask_to_sign_in(self) -> Response:
        """Through the sign-in and back to this page. What somebody wrote is shown, so that it is not lost."""
        words, sign_in = self.words, f"/sign-in{self._on}"
        if self.written:
            link = self.to(words.gettext("Sign in"), sign_in)
            return await self.page(
                views.NoticePage(
                    words.gettext("Sign in"),
                    words.gettext("Please sign in to see this page."),
                    (link,),
                    kept=self.written,
                ),
                401,
            )
        return self.go(sign_in)

    async def away(self, error: StorageUnavailable) -> Response:
        """The database is away: nothing was taken, and what was written is given back."""
        log.error("unavailable", extra={"cause": str(error)})
        self.contact, self.session = None, ""
        if self.http.method == "POST" and not self.fields:
            with contextlib.suppress(Refusal):
                await self.read_form(takes_files=True)
        page = replace(self._fault(503), kept=self.written)
        return await self.refuse(Refusal(503, page, Retry_After="30"))

    async def refuse(self, refusal: Refusal) -> Response:
        response = await self.page(refusal.page or self._fault(refusal.status), refusal.status)
        response.headers.update(refusal.headers)
        return response

    def _fault(self, status: int) -> views.NoticePage:
        words = self.words
        name = "not_yours" if status == 404 and self.contact else _fault_name(status)
        title, text = (words.gettext(sentence) for sentence in _FAULTS[name])
        if name == "forged" and self.http.method == "POST" and self.http.url.path != _WITHOUT_FORM:
            link = self.to(words.gettext("Open the page again"), self._here)
            return views.NoticePage(title, text, (link,), kept=self.written)
        return views.NoticePage(title, text, (self.to(words.gettext("Go to the start page"), "/"),))

    def finish(self, response: Response) -> Response:
        """Put the cookies on, and leave for after the answer what nobody needs to wait for."""
        for name, value in self.cookies.items():
            if value:
                self.portal.cookies.put(response, name, value)
            else:
                self.portal.cookies.drop(response, name)
        if self.session:
            tasks = BackgroundTasks([response.background] if response.background else [])
            tasks.add_task(self._afterwards)
            response.background = tasks
        return response

    async def _afterwards(self) -> None:
        contact, chosen = self.contact, self.chosen
        by_us = self.http.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        try:
            await self.portal.sessions.touch(self.portal.database, self.session, self.now)
            if contact and by_us and chosen and chosen != contact.language:
                await self.portal.database.write(lambda tx: tx.contacts.set_language(contact.id, chosen))
        except StorageUnavailable as error:
            log.warning("session not touched", extra={"cause": str(error)})


def _accepted(header: str) -> list[str]:
    """Languages a browser asks for, best first (RFC 9110 section 12.5.4)."""
    found: list[tuple[float, str]] = []
    for part in header.split(",")[:20]:
        tag, _, parameter = part.partition(";")
        name, _, value = parameter.strip().partition("=")
        weight = re.fullmatch(r"[01](\.\d{1,3})?", value.strip()) if name.strip() == "q" else None
        found.append((float(weight[0]) if weight else 1.0, tag.strip().lower().partition("-")[0]))
    return [tag for weight, tag in sorted(found, key=lambda f: -f[0]) if weight > 0]

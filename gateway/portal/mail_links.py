"""Links in our mails: whom they are for, whether they still act, and a way on where they do not."""

from __future__ import annotations

import hmac

from gateway.core.token import fingerprint
from gateway.portal import views
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest
from storage.contacts import Contact


async def owner(request: PageRequest, action: str, ask: str) -> Contact:
    """Whom a link is for. Refusal with the page that says why it does not act; `ask` is the page that sends another."""
    words, link = request.words, request.link(action)
    if link and link.expired:
        raise _refusal(
            410,
            words.gettext("This link has expired"),
            words.gettext("Links work for a limited time only. We will gladly send you a new one."),
            _ways_on(request, ask),
        )
    contact = await request.portal.database.read(lambda tx: tx.contacts.find(link.subject)) if link else None
    if contact is None:
        # None of ours, or for somebody who is not here any more.
        raise _refusal(
            404,
            words.gettext("This link does not work"),
            words.gettext("Perhaps a part of it was lost. Please open it from our mail again, or ask for a new one."),
            _ways_on(request, ask),
        )
    return contact


def rests_on(request: PageRequest, action: str, contact: Contact, state: str) -> bool:
    """The link is this contact's, and was made when `state` was what it is now."""
    link, now = request.link(action), fingerprint(request.portal.desk.policy.keys, state)
    return link is not None and link.subject == contact.key and hmac.compare_digest(link.state.encode(), now.encode())


def password_set(request: PageRequest) -> Refusal:
    """The password it was made to replace is replaced."""
    words, (ask, sign_in) = request.words, _ways_on(request, "/forgot")
    return _refusal(
        410,
        words.gettext("This link was used already"),
        words.gettext("A password has been set since we sent it. Sign in with that, or ask for a new link."),
        (sign_in, ask),
    )


def entered(request: PageRequest) -> Refusal:
    """Somebody signed in by it, or by a later one, or the password is another one."""
    words = request.words
    return _refusal(
        410,
        words.gettext("This link was used already"),
        words.gettext("Each link signs in once only. We will gladly send you a new one."),
        _ways_on(request, "/link"),
    )


def _refusal(status: int, title: str, text: str, ways: tuple[views.PageLink, views.PageLink]) -> Refusal:
    return Refusal(status, views.NoticePage(title, text, ways))


def _ways_on(request: PageRequest, ask: str) -> tuple[views.PageLink, views.PageLink]:
    words = request.words
    return request.to(words.gettext("Request a new link"), ask), request.to(words.gettext("Sign in"), "/sign-in")

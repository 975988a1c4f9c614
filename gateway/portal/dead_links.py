"""Links in mails that do not act any more, or never did: why, and a way on."""

from __future__ import annotations

from gateway.portal import views
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest


def broken(request: PageRequest, ask: str) -> Refusal:
    """It is none of ours, or for somebody who is not here any more. `ask` is the page that sends another."""
    words = request.words
    title, text = (
        words.gettext("This link does not work"),
        words.gettext("Perhaps a part of it was lost. Please open it from our mail again, or ask for a new one."),
    )
    return Refusal(404, views.NoticePage(title, text, _ways_on(request, ask)))


def expired(request: PageRequest, ask: str) -> Refusal:
    words = request.words
    title, text = (
        words.gettext("This link has expired"),
        words.gettext("Links work for a limited time only. We will gladly send you a new one."),
    )
    return Refusal(410, views.NoticePage(title, text, _ways_on(request, ask)))


def password_set(request: PageRequest) -> Refusal:
    """The password it was made to replace is replaced."""
    words, (ask, sign_in) = request.words, _ways_on(request, "/forgot")
    title, text = (
        words.gettext("This link was used already"),
        words.gettext("A password has been set since we sent it. Sign in with that, or ask for a new link."),
    )
    return Refusal(410, views.NoticePage(title, text, (sign_in, ask)))


def entered(request: PageRequest) -> Refusal:
    """Somebody signed in by it, or by a later one, or the password is another one."""
    words = request.words
    title, text = (
        words.gettext("This link was used already"),
        words.gettext("Each link signs in once only. We will gladly send you a new one."),
    )
    return Refusal(410, views.NoticePage(title, text, _ways_on(request, "/link")))


def _ways_on(request: PageRequest, ask: str) -> tuple[views.PageLink, views.PageLink]:
    words = request.words
    return request.to(words.gettext("Request a new link"), ask), request.to(words.gettext("Sign in"), "/sign-in")

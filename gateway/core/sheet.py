"""The agents' sheet: every order by mail with what it does, in the reader's language.

`#help` sends it, docs/agents.md shows it.
"""

from __future__ import annotations

from gateway import texts
from gateway.core.verbs import FORMS, Verb
from gateway.texts import mark as _

GROUPS: dict[str, dict[Verb, str]] = {
    _("To the customer"): {
        Verb.SOLVED: _("send the answer and ask whether the request is solved"),
        Verb.CLOSE: _("send the answer and close; with “silent” nobody gets a mail that has no text"),
        Verb.WAIT: _("wait for the customer"),
        Verb.ONLY: _("send the answer to the requester alone"),
        Verb.TO: _("open a ticket with your text as the first mail to that customer"),
        Verb.TEXT: _("a ready text stands above your own words"),
        Verb.TEXTS: _("which there are"),
        Verb.LANGUAGE: _("the language of mails about this ticket"),
    },
    _("Among yourselves"): {
        Verb.NOTE: _("your text is for agents only; @name in it tells that colleague"),
        Verb.ASK: _(
            "your text goes to a supplier or colleague outside, with files of the ticket; no customer reads it"
        ),
        Verb.ASSIGN: _("hand the ticket over, take it, or give it back"),
        Verb.TAKE: _("it is yours"),
        Verb.GIVE: _("it is a colleague's"),
        Verb.FOLLOW: _("hear of everything about this ticket"),
        Verb.UNFOLLOW: _("hear no more of it"),
        Verb.STATUS: _("set the status"),
        Verb.SNOOZE: _("it comes back to you then, with the note; sooner if the customer writes"),
        Verb.REOPEN: _("it is our turn again"),
    },
    _("Tickets and people"): {
        Verb.FROM: _("the forwarded mail below is that customer's request"),
        Verb.FOR: _("open a ticket for that customer with your text as a note, such as of a call"),
        Verb.REQUESTER: _("answers go to that address; the former one is out"),
        Verb.CC: _("that person gets our answers as well"),
        Verb.TAG: _("put words on it that notices, lists and figures show"),
        Verb.UNTAG: _("take them off"),
        Verb.SPLIT: _("the mail you answer becomes a ticket of its own"),
        Verb.MERGE: _("this whole ticket goes into ticket N"),
        Verb.MOVE: _("the mail you answer goes to ticket N"),
        Verb.MAILBOX: _("hand the ticket over to another mailbox of ours"),
        Verb.SPAM: _("close it; nobody hears of it any more"),
        Verb.BLOCK: _("mail of that sender is kept, and nobody hears of it"),
        Verb.UNBLOCK: _("they are heard again"),
    },
    _("Looking up"): {
        Verb.LIST: _("tickets with you, all that are open, nobody's, waiting, snoozed, or a colleague's"),
        Verb.SHOW: _("that ticket with its conversation, to be answered"),
        Verb.SEARCH: _("tickets in which these words stand"),
        Verb.CUSTOMER: _("who that is, and all their tickets"),
    },
    _("Your own mails"): {
        Verb.AWAY: _("a colleague, else the team, reads your notices meanwhile"),
        Verb.BACK: _("they reach you again"),
        Verb.UNDO: _("take your last order back; an answer only while it waits"),
        Verb.SEND: _("let a draft go"),
        Verb.DRAFTS: _("your drafts that wait"),
        Verb.HELP: _("this sheet"),
    },
}
"""Title of a group → its orders, each with what it does."""


def paragraphs(language: str) -> tuple[str, ...]:
    """One for each group: its title and a line for each order."""
    words = texts.catalog(language)
    return tuple(
        "\n".join(
            (
                words.gettext(title),
                *(f"{words.gettext(FORMS[verb])} – {words.gettext(does)}" for verb, does in orders.items()),
            )
        )
        for title, orders in GROUPS.items()
    )

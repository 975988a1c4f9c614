"""The agents' sheet: every order by mail with what it does, and what holds for all, in the reader's language.

`#help` sends it, docs/agents.md shows it.
"""

from __future__ import annotations

from gateway import texts
from gateway.core.notice import Item, Section
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
        Verb.ALIAS: _("the requester's as well: mail from there counts as theirs, answers go to the requester's"),
        Verb.UNALIAS: _("that address is somebody else's"),
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
        Verb.REPORT: _("figures of the last 30 days, or of that month; also 2026-11-01 2026-11-15"),
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
RULES = (
    _("Good to know"),
    _("Your answer goes to the requester and to everybody who takes part; the receipt says to whom it went."),
    _(
        "If a colleague has answered since the mail you answer, or your answer would reach somebody whom that mail did "
        "not name, it waits until you reply with #send."
    ),
    _(
        "What cannot be carried out goes to nobody: it is kept as a draft, and the receipt shows how it is meant to be "
        "written."
    ),
    _(
        "You may write between the quoted lines: the customer gets each question with its answer, and never a line "
        "that only agents have read."
    ),
    _(
        "Notes, remarks above a forwarded mail and answers of suppliers stay with the agents, and customers whose "
        "tickets were merged never read each other."
    ),
    _("Whoever answers a ticket that nobody has, has it from then on."),
    _(
        "Replying to your own copy of a notice, or writing to your own address at the desk, proves that it is you: "
        "pass neither on."
    ),
)
"""A title, and what holds for every mail of an agent."""


def sections(language: str) -> tuple[Section, ...]:
    """One for each group, with an item for each order; then what holds for all of them."""
    words = texts.catalog(language)
    groups = (
        (title, [f"{words.gettext(FORMS[verb])} – {words.gettext(does)}" for verb, does in orders.items()])
        for title, orders in GROUPS.items()
    )
    title, *rules = map(words.gettext, RULES)
    return (
        *(Section(words.gettext(group), tuple(map(Item, lines))) for group, lines in groups),
        Section(title, tuple(map(Item, rules))),
    )

"""The orders there are: each with how it is written, and every other word for it in every language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache

from gateway import texts
from gateway.texts import Catalog, Catalogs, mark_in
from gateway.texts import mark as _


class Verb(StrEnum):
    CLOSE = "close"
    SOLVED = "solved"
    WAIT = "wait"
    TEXT = "text"
    TEXTS = "texts"
    NOTE = "note"
    ASK = "ask"
    ASSIGN = "assign"
    TAKE = "take"
    GIVE = "give"
    STATUS = "status"
    SNOOZE = "snooze"
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    TAG = "tag"
    UNTAG = "untag"
    SPLIT = "split"
    MERGE = "merge"
    MOVE = "move"
    FROM = "from"
    TO = "to"
    MAILBOX = "mailbox"
    FOR = "for"
    LANGUAGE = "language"
    SPAM = "spam"
    BLOCK = "block"
    UNBLOCK = "unblock"
    AWAY = "away"
    BACK = "back"
    UNDO = "undo"
    SEND = "send"
    DRAFTS = "drafts"
    REOPEN = "reopen"
    REQUESTER = "requester"
    ALIAS = "alias"
    UNALIAS = "unalias"
    CC = "cc"
    ONLY = "only"
    LIST = "list"
    SHOW = "show"
    SEARCH = "search"
    CUSTOMER = "customer"
    REPORT = "report"
    HELP = "help"


VERBS = {verb.value: verb for verb in Verb}

FORMS: dict[Verb, str] = {
    Verb.CLOSE: _("#close [silent]"),
    Verb.SOLVED: _("#solved"),
    Verb.WAIT: _("#wait"),
    Verb.TEXT: _("#text NAME"),
    Verb.TEXTS: _("#texts"),
    Verb.NOTE: _("#note"),
    Verb.ASK: _("#ask ADDRESS [FILE, FILE]"),
    Verb.ASSIGN: _("#assign NAME|me|nobody"),
    Verb.TAKE: _("#take"),
    Verb.GIVE: _("#give NAME"),
    Verb.STATUS: _("#status NAME"),
    Verb.SNOOZE: _("#snooze 3d|monday|14:30|2026-12-01 [NOTE]"),
    Verb.FOLLOW: _("#follow"),
    Verb.UNFOLLOW: _("#unfollow"),
    Verb.TAG: _("#tag A B"),
    Verb.UNTAG: _("#untag A B"),
    Verb.SPLIT: _("#split"),
    Verb.MERGE: _("#merge N"),
    Verb.MOVE: _("#move N"),
    Verb.FROM: _("#from ADDRESS"),
    Verb.TO: _("#to ADDRESS"),
    Verb.MAILBOX: _("#mailbox ADDRESS"),
    Verb.FOR: _("#for ADDRESS"),
    Verb.LANGUAGE: _("#language en|de|…"),
    Verb.SPAM: _("#spam"),
    Verb.BLOCK: _("#block [ADDRESS|DOMAIN]"),
    Verb.UNBLOCK: _("#unblock [ADDRESS|DOMAIN]"),
    Verb.AWAY: _("#away [until DATE] [to NAME]"),
    Verb.BACK: _("#back"),
    Verb.UNDO: _("#undo"),
    Verb.SEND: _("#send [N]"),
    Verb.DRAFTS: _("#drafts"),
    Verb.REOPEN: _("#reopen [N]"),
    Verb.REQUESTER: _("#requester ADDRESS"),
    Verb.ALIAS: _("#alias ADDRESS"),
    Verb.UNALIAS: _("#unalias ADDRESS"),
    Verb.CC: _("#cc ADDRESS"),
    Verb.ONLY: _("#only"),
    Verb.LIST: _("#list [mine|open|unassigned|waiting|snoozed|NAME]"),
    Verb.SHOW: _("#show N"),
    Verb.SEARCH: _("#search WORDS"),
    Verb.CUSTOMER: _("#customer [ADDRESS]"),
    Verb.REPORT: _("#report [2026-11]"),
    Verb.HELP: _("#help"),
}
"""How each is written, in English; catalogs have it in other languages."""
_EVERY_FORM = frozenset(FORMS.values())
_NAMED = re.compile(rf"(?<!\S)#({'|'.join(VERBS)})(?![\w-])")

_COMMAND_WORDS: dict[Verb, str] = {
    Verb.CLOSE: mark_in("command", "close|closed"),
    Verb.SOLVED: mark_in("command", "solved|solve"),
    Verb.WAIT: mark_in("command", "wait"),
    Verb.TEXT: mark_in("command", "text"),
    Verb.TEXTS: mark_in("command", "texts"),
    Verb.NOTE: mark_in("command", "note"),
    Verb.ASK: mark_in("command", "ask"),
    Verb.ASSIGN: mark_in("command", "assign"),
    Verb.TAKE: mark_in("command", "take"),
    Verb.GIVE: mark_in("command", "give"),
    Verb.STATUS: mark_in("command", "status"),
    Verb.SNOOZE: mark_in("command", "snooze|later"),
    Verb.FOLLOW: mark_in("command", "follow"),
    Verb.UNFOLLOW: mark_in("command", "unfollow"),
    Verb.TAG: mark_in("command", "tag"),
    Verb.UNTAG: mark_in("command", "untag"),
    Verb.SPLIT: mark_in("command", "split"),
    Verb.MERGE: mark_in("command", "merge"),
    Verb.MOVE: mark_in("command", "move"),
    Verb.FROM: mark_in("command", "from"),
    Verb.TO: mark_in("command", "to"),
    Verb.MAILBOX: mark_in("command", "mailbox"),
    Verb.FOR: mark_in("command", "for"),
    Verb.LANGUAGE: mark_in("command", "language"),
    Verb.SPAM: mark_in("command", "spam"),
    Verb.BLOCK: mark_in("command", "block"),
    Verb.UNBLOCK: mark_in("command", "unblock"),
    Verb.AWAY: mark_in("command", "away"),
    Verb.BACK: mark_in("command", "back"),
    Verb.UNDO: mark_in("command", "undo"),
    Verb.SEND: mark_in("command", "send"),
    Verb.DRAFTS: mark_in("command", "drafts"),
    Verb.REOPEN: mark_in("command", "reopen"),
    Verb.REQUESTER: mark_in("command", "requester"),
    Verb.ALIAS: mark_in("command", "alias"),
    Verb.UNALIAS: mark_in("command", "unalias"),
    Verb.CC: mark_in("command", "cc"),
    Verb.ONLY: mark_in("command", "only"),
    Verb.LIST: mark_in("command", "list"),
    Verb.SHOW: mark_in("command", "show"),
    Verb.SEARCH: mark_in("command", "search|find"),
    Verb.CUSTOMER: mark_in("command", "customer"),
    Verb.REPORT: mark_in("command", "report"),
    Verb.HELP: mark_in("command", "help"),
}


def in_words_of(words: Catalog, said: str) -> str:
    """A form of ours, or a line of orders under their English names, as the sheet of that language writes them."""
    if said in _EVERY_FORM:
        return words.gettext(said)
    return _NAMED.sub(lambda named: words.gettext(FORMS[VERBS[named[1]]]).partition(" ")[0], said)


def verb_of(word: str) -> Verb | None:
    """The command a word of small letters means, in any language."""
    return VERBS.get(word) or aliases().get(word)


def misread() -> Iterator[tuple[str, str, Verb]]:
    """Orders that are read as something else than what they are shown for: language, how it is written, for what."""
    for language in texts.languages():
        for verb, form in FORMS.items():
            written = texts.catalog(language).gettext(form).partition(" ")[0].partition("|")[0]
            if not written.startswith("#") or verb_of(written[1:].casefold()) is not verb:
                yield language, written, verb


def aliases() -> Mapping[str, Verb]:
    """Every other word for a command, in every language."""
    return _aliases(texts.catalogs())


@lru_cache(maxsize=1)
def _aliases(catalogs: Catalogs) -> dict[str, Verb]:
    found: dict[str, Verb] = {}
    for words in catalogs.every():
        for verb, message in _COMMAND_WORDS.items():
            for word in words.words_in("command", message):
                found.setdefault(word, verb)
    return {word: verb for word, verb in found.items() if word not in VERBS}

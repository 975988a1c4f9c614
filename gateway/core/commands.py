"""What an agent or a customer orders by mail: `#` lines at the head of the new text.

One grammar, no guessing: a line that starts with `#` and is not understood means nothing
at all is done, and the receipt offers the right form. Text after the commands is the mail.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from gateway import texts
from gateway.core import clothes, tags
from gateway.core.labels import SUBJECTS
from gateway.core.lifecycle import Status
from gateway.core.notice import Notice
from gateway.core.status_words import status_words
from gateway.core.token import AS_WRITTEN
from gateway.core.verbs import FORMS, VERBS, Verb, aliases, verb_of
from gateway.mail.sentence import code
from gateway.mail.subject import base_subject
from gateway.texts import Catalogs, mark_in

_SILENT = mark_in("command", "silent|silently|quietly")
"""Beside `#close`: the customer gets no mail of it."""


@lru_cache(maxsize=1)
def _questions(catalogs: Catalogs) -> frozenset[str]:
    asked = mark_in("question", "status|status?|#status|my tickets")
    return frozenset(q for words in catalogs.every() for q in words.words_in("question", asked))


@dataclass(frozen=True, slots=True)
class Command:
    verb: Verb
    argument: str = ""
    """Normalised: an address key, a ticket number, a status value, a language, a name as written."""


@dataclass(frozen=True, slots=True)
class Order:
    """The head of a mail, read: commands in order, what was not understood, and the text that follows."""

    commands: tuple[Command, ...] = ()
    problems: tuple[str, ...] = ()
    """Codes of `sentences`."""
    text: str = ""

    def has(self, verb: Verb) -> bool:
        return any(c.verb is verb for c in self.commands)

    @property
    def assigns_to(self) -> str:
        """The name of whom the ticket is given to, `me` for its writer; empty where nobody is named."""
        return "me" if self.has(Verb.TAKE) else self.argument(Verb.ASSIGN) or self.argument(Verb.GIVE)

    @property
    def noted(self) -> str:
        """What is for agents only: the words behind every `#note`, and the text."""
        return "\n".join(t for t in (*(c.argument for c in self.commands if c.verb is Verb.NOTE), self.text) if t)

    def argument(self, verb: Verb) -> str:
        return next((c.argument for c in self.commands if c.verb is verb), "")


_LINE = re.compile(r"#\s?([^\W\d_][\w-]*)\s*:?\s*(.*)", re.S)
_BETWEEN = re.compile(r"[\s<>,;:()\[\]{}\\\"“”„«»‹›`?…]+")
_SIGNS_ALONE = re.compile(r"(?<!\S)[<>,;:()\[\]{}\\\"“”„«»‹›`?…*'‘’‚.!]+(?!\S)")
_LONGEST_ADDRESS = 320
_DOMAIN = re.compile(r"(?:[\w-]+\.)+[\w-]{2,}")


def read(text: str, languages: Sequence[str] = ("en", "de"), statuses: Sequence[str] = ()) -> Order:
    """Read the commands on the first lines of a new text; blank lines before and between are skipped.

    `statuses` are the site's own in-between statuses, accepted by `#status`.
    """
    lines = _below_quotation(text.split("\n"))
    commands: list[Command] = []
    problems: list[str] = []
    start = 0
    for line in lines:
        # "#1042 is broken" is prose; "# close" is what a telephone makes of an order.
        m = _LINE.fullmatch(clothes.undressed(line))
        hidden = None if m else clothes.hidden(line)
        if not m and not hidden and clothes.visible(line):
            break
        start += 1
        if hidden:
            problems.append(code("hidden_command", hidden[0], FORMS[hidden[1]]))
        if not m:
            continue
        parsed = _command(m[1], m[2].strip(), languages, statuses)
        if isinstance(parsed, str):
            problems.append(parsed)
        else:
            commands.append(parsed)
    problems += _contradictions(commands)
    return Order(tuple(commands), tuple(problems), "\n".join(lines[start:]).strip("\n"))


def _below_quotation(lines: list[str]) -> list[str]:
    """An order may stand below lines that are quoted: they are no answer to anything then."""
    above = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith(">")), 0)
    first = lines[above]
    return lines[above:] if is_command(clothes.undressed(first)) or clothes.hidden(first) else lines


def apart(order: Order) -> tuple[Order, ...]:
    """`#reopen 3` above `#reopen 5` are two orders: each is carried out, or refused, by itself."""
    if len(order.commands) < 2 or order.problems or not _only_reopens(order.commands):
        return (order,)
    return tuple(replace(order, commands=(command,)) for command in dict.fromkeys(order.commands))


def joined(draft: Order, also: Order) -> Order:
    """The order of a draft together with what came with `#send`, which stands in for what was not understood."""
    added = tuple(c for c in also.commands if c.verb is not Verb.SEND)
    people = any(c.verb in PEOPLE for c in added)
    kept = tuple(c for c in draft.commands if not (people and c.verb in PEOPLE))
    commands = tuple(dict.fromkeys((*kept, *added)))
    return Order(commands, (*(() if added else draft.problems), *_contradictions(commands)), draft.text)


def _only_reopens(commands: Sequence[Command]) -> bool:
    return all(c.verb is Verb.REOPEN and c.argument for c in commands)


def asks_status(subject: str, reply_text: str) -> bool:
    """A customer asks for their open tickets: the mail holds the word and nothing else, or answers the list; as an
    order (`#status`) the word may stand below any subject.

    With any other text or subject it is a request: a question called "Status", or asked below "Order 55", must reach
    a human.
    """
    text, above = _words(reply_text.partition("\n-- \n")[0]), _words(base_subject(subject))
    asked = _questions(texts.catalogs())
    lists = (_words(words.gettext(SUBJECTS[Notice.TICKET_LIST])) for words in texts.catalogs().every())
    if not text:
        return above in asked
    return text in asked and (not above or above in asked or above in lists or text.startswith("#"))


def _words(text: str) -> str:
    """Folded; whether somebody asks or says it makes no difference."""
    return " ".join(text.casefold().split()).strip("¿?!. ")


def is_command(line: str) -> bool:
    """Whether a line is an order by its form and its word."""
    m = _LINE.fullmatch(clothes.bare(line))
    return m is not None and verb_of(m[1].casefold()) is not None


def _command(word: str, argument: str, languages: Sequence[str], statuses: Sequence[str]) -> Command | str:
    name = word.casefold()
    verb = verb_of(name)
    if verb is None:
        near = difflib.get_close_matches(name, [*VERBS, *aliases()], 1, 0.6)
        if not near:
            return code("unknown_command", word)
        return code("did_you_mean", word, FORMS[verb_of(near[0]) or Verb(near[0])])
    if second := _second(verb, argument):
        return second
    return _ARGUMENTS.get(verb, _nothing)(verb, argument, languages, statuses)


def _second(verb: Verb, argument: str) -> str:
    """That a further order stands on the line, which would be taken for words of the first; empty without one. Words of
    a note may name an order, but do not begin with one."""
    words = argument.split()[:1] if verb is Verb.NOTE else argument.split() if verb is not Verb.SEARCH else []
    also = next((w for w in words if w.startswith("#") and is_command(w.strip(",;"))), "")
    named = verb_of(also.strip("#,;.!:").casefold()) if also else None
    return code("hidden_command", also, FORMS[named]) if named else ""


def _nothing(verb: Verb, argument: str, *_: Sequence[str]) -> Command | str:
    # A telephone makes a full stop of two spaces.
    return Command(verb) if not argument.strip(".!") else code("takes_nothing", FORMS[verb])


def _silent(verb: Verb, argument: str, *rest: Sequence[str]) -> Command | str:
    word = clothes.inner(argument).casefold()
    if any(word in words.words_in("command", _SILENT) for words in texts.catalogs().every()):
        return Command(verb, "silent")
    return _nothing(verb, argument, *rest)


def _rest(verb: Verb, argument: str, *_: Sequence[str]) -> Command | str:
    return Command(verb, argument)


def _word(verb: Verb, argument: str, *_: Sequence[str]) -> Command | str:
    return Command(verb, clothes.inner(argument))


def _words_needed(verb: Verb, argument: str, *_: Sequence[str]) -> Command | str:
    return Command(verb, argument) if argument else code("needs_words", FORMS[verb])


def _word_needed(verb: Verb, argument: str, *rest: Sequence[str]) -> Command | str:
    return _words_needed(verb, clothes.inner(argument), *rest)


def _number(verb: Verb, argument: str, *_: Sequence[str]) -> Command | str:
    found = AS_WRITTEN.fullmatch(clothes.inner(argument).strip("[]. "))
    if found and 0 < int(found[1]) < 10**9:
        return Command(verb, str(int(found[1])))
    return code("needs_number", FORMS[verb], f"#{verb.value}")


def _number_or_nothing(verb: Verb, argument: str, *rest: Sequence[str]) -> Command | str:
    return _number(verb, argument, *rest) if argument else Command(verb)


def _addresses(text: str) -> set[str]:
    """The addresses in it, without the signs that people and programs put around one. What no mail could be written to
    is none."""
    words = (w.strip("*'‘’‚.!") for w in _BETWEEN.split(text.replace("mailto:", " ")))
    return {w for w in words if len(w) <= _LONGEST_ADDRESS and w.count("@") == 1 and w[0] != "@" != w[-1]}


def _address(verb: Verb, argument: str, *_: Sequence[str]) -> Command | str:
    found = _addresses(argument)
    return Command(verb, found.pop()) if len(found) == 1 else code("needs_address", FORMS[verb], f"#{verb.value}")


def _address_and_number(verb: Verb, argument: str, *rest: Sequence[str]) -> Command | str:
    """`ADDRESS #N`: somebody, and the ticket whose customer they belong to."""
    whom, _, last = argument.strip("[]. ").rpartition(" ")
    number = AS_WRITTEN.fullmatch(last) if whom else None
    found = _address(verb, whom if number else argument, *rest)
    if number is None or isinstance(found, str):
        return found
    return Command(verb, f"{found.argument} {int(number[1])}")


def _address_or_nothing(verb: Verb, argument: str, *rest: Sequence[str]) -> Command | str:
    return _address(verb, argument, *rest) if argument.strip(".!") else Command(verb)


def _tags(verb: Verb, argument: str, *_: Sequence[str]) -> Command | str:
    found = tags.read(argument)
    return Command(verb, " ".join(found)) if found else code("needs_tags", FORMS[verb])


def _asked(verb: Verb, argument: str, *_: Sequence[str]) -> Command | str:
    """An address, or none in reply to an adviser, and names of files that go along: `ADDRESS name, name`."""
    argument = argument.replace("mailto:", " ")
    found = _addresses(argument)
    if len(found) > 1:
        return code("needs_address", FORMS[verb], f"#{verb.value}")
    address = "".join(found)
    names = _SIGNS_ALONE.sub(" ", argument.replace(address, " ") if address else argument).strip(" ,:")
    return Command(verb, f"{address} {names}".rstrip())


def sender(text: str) -> str:
    """What an order names, as it is kept: an address key, or a domain; empty when it is neither."""
    text = text.lower().replace("mailto:", " ").replace("*@", "@")
    found = _addresses(text)
    if not found:
        # `*@junk.example`, or a domain that a mail program has made a link of.
        words = (w.strip("<>[]().,;!\"'“”„‚‘’«»‹›/").removeprefix("http://") for w in text.split())
        found = {w.removeprefix("https://").removeprefix("@") for w in words}
        found = found if all(_DOMAIN.fullmatch(w) for w in found) else set()
    return found.pop() if len(found) == 1 else ""


def _sender(verb: Verb, argument: str, *_: Sequence[str]) -> Command | str:
    """An address, a domain, or nothing: the requester."""
    found = sender(argument)
    return Command(verb, found) if found or not argument.strip(".!") else code("needs_sender", FORMS[verb])


def _name(verb: Verb, argument: str, *_: Sequence[str]) -> Command | str:
    name = clothes.inner(clothes.inner(argument).lstrip("@"))
    return Command(verb, name) if name else code("needs_name", FORMS[verb])


def _status(verb: Verb, argument: str, _: Sequence[str], statuses: Sequence[str]) -> Command | str:
    for said in (argument, clothes.inner(argument)):
        word = " ".join(said.replace("_", " ").casefold().split())
        if found := status_words().get(word):
            return Command(verb, found.value)
        if site := next((s for s in statuses if s.casefold() == word), None):
            return Command(verb, site)
    names = ", ".join([*(s.value.replace("_", " ") for s in Status if s is not Status.NEW), *statuses])
    return code("no_such_status", argument or "NAME", names)


def _language(verb: Verb, argument: str, languages: Sequence[str], _: Sequence[str]) -> Command | str:
    word = clothes.inner(argument).casefold()
    if word in languages:
        return Command(verb, word)
    return code("no_such_language", ", ".join(languages))


_ARGUMENTS: dict[Verb, Callable[[Verb, str, Sequence[str], Sequence[str]], Command | str]] = {
    Verb.CLOSE: _silent,
    Verb.NOTE: _rest,
    Verb.SNOOZE: _words_needed,
    Verb.GIVE: _name,
    Verb.TAG: _tags,
    Verb.UNTAG: _tags,
    Verb.LIST: _word,
    Verb.TEXT: _word_needed,
    Verb.AWAY: _rest,
    Verb.SHOW: _number,
    Verb.SEARCH: _words_needed,
    Verb.CUSTOMER: _address_or_nothing,
    Verb.REPORT: _word,
    Verb.ASK: _asked,
    Verb.ASSIGN: _name,
    Verb.STATUS: _status,
    Verb.MERGE: _number,
    Verb.MOVE: _number,
    Verb.FROM: _address,
    Verb.TO: _address,
    Verb.MAILBOX: _address,
    Verb.FOR: _address,
    Verb.REQUESTER: _address,
    Verb.CC: _address_and_number,
    Verb.ALIAS: _address,
    Verb.UNALIAS: _address,
    Verb.LANGUAGE: _language,
    Verb.BLOCK: _sender,
    Verb.UNBLOCK: _sender,
    Verb.REOPEN: _number_or_nothing,
    Verb.SEND: _number_or_nothing,
}

_ENDINGS = (Verb.CLOSE, Verb.SOLVED, Verb.WAIT, Verb.STATUS, Verb.SPAM, Verb.REOPEN)
_REPEATED = (Verb.NOTE, Verb.CC, Verb.TEXT)
"""They may stand more than once."""
_NOT_PARKED = ((Verb.CLOSE, Verb.SNOOZE), (Verb.SPAM, Verb.SNOOZE))
_MOVES = (Verb.SPLIT, Verb.MERGE, Verb.MOVE)
PEOPLE = (Verb.FROM, Verb.TO, Verb.FOR, Verb.REQUESTER)
"""They name whom a new request is of."""
_PERSON = (Verb.REQUESTER, Verb.FROM, Verb.ALIAS, Verb.UNALIAS)
"""They say who somebody is."""
LOOKS = (Verb.LIST, Verb.SHOW, Verb.SEARCH, Verb.CUSTOMER, Verb.TEXTS, Verb.REPORT)
"""They look something up."""
ASSIGNS = (Verb.ASSIGN, Verb.TAKE, Verb.GIVE)
_ALONE = (*_MOVES, *LOOKS, Verb.UNDO, Verb.DRAFTS, Verb.AWAY, Verb.BACK)
"""They are about other mails than this one; what else it orders would be for a ticket that is hard to tell."""


def _contradictions(commands: Sequence[Command]) -> list[str]:
    """Two orders that cannot both be meant; the same order twice with different words is one too."""
    if len(commands) < 2:
        return []
    problems = []
    for group in (_ENDINGS, _MOVES, (*PEOPLE, Verb.ASK), (Verb.ASK, Verb.NOTE), _PERSON, ASSIGNS, *_NOT_PARKED):
        verbs = list(dict.fromkeys(c.verb for c in commands if c.verb in group))
        if len(verbs) > 1:
            problems.append(code("contradiction", " & ".join(f"#{v.value}" for v in verbs)))
    alone = next((c.verb for c in commands if c.verb in _ALONE), None)
    beside = (alone, Verb.HELP, *ASSIGNS) if alone is Verb.SPLIT else (alone, Verb.HELP)
    if alone and not problems and any(c.verb not in beside for c in commands):
        problems.append(code("stands_alone", f"#{alone.value}"))
    for verb in Verb:
        said = list(dict.fromkeys(c.argument for c in commands if c.verb is verb))
        if len(said) > 1 and verb not in _REPEATED and not (verb is Verb.REOPEN and _only_reopens(commands)):
            problems.append(code("contradiction", " & ".join(f"#{verb.value} {a}".strip() for a in said)))
    return problems

"""What comes in storms, remembered for as long as it counts: automatic mail to a domain and in all, and mails that
are alike from ever new addresses.

A machine that answers each of our mails from another address looks like a crowd to budgets of one address. The
time is given, never read. Kept in memory; a process that starts begins with what the database tells of before.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from gateway.core.blocking import PROVIDERS
from gateway.core.decision import Decision, Robot
from gateway.core.kept import WroteLately
from gateway.core.notice import Audience
from gateway.core.policy import Policy, plain_address
from gateway.core.reason import Reason
from gateway.core.window import Budget, Window
from gateway.mail.message import Envelope, Message
from gateway.mail.new_text import new_text
from gateway.mail.subject import base_subject

KEPT = 20_000
"""Texts remembered; beyond, the one not seen for longest is forgotten."""
_READ = 2_000
"""Characters of a text by which mails are compared."""
_TOKEN = re.compile(r"\d|://")
"""A word that holds it is a number, a reference or a link."""
_WORD = re.compile(r"[^\W\d_]+")
_ALL = "all"


@dataclass(slots=True)
class _Alike:
    """Mails with the same words from one domain, or by one relay."""

    ticket: int
    """The first of them opened it."""
    seen: dict[str, float] = field(default_factory=dict)
    """Address → when it wrote last."""
    last: float = 0.0
    told: bool = False


class Storms:
    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._windows = {
            name: [(budget, Window(budget.count, budget.minutes * 60)) for budget in budgets]
            for name, budgets in (
                ("address", policy.acknowledgement_budgets),
                ("domain", policy.domain_budgets),
                (_ALL, policy.total_budgets),
            )
        }
        budgets = policy.new_ticket_budgets
        many = (Budget(b.count * _OF_A_DOMAIN, b.minutes) for b in budgets)
        self._opened = [(b, Window(b.count, b.minutes * 60)) for b in budgets]
        self._machines = [(b, Window(b.count, b.minutes * 60)) for b in many]
        self._alike: OrderedDict[tuple[str, str], _Alike] = OrderedDict()
        self._said: OrderedDict[str, set[int]] = OrderedDict()
        """By relay, hashes of different texts it brought, no more than tell that it is everybody's."""
        repeated = REPEATED if policy.alike_budgets else {}
        self._repeated = {by: (b, Window(b.count, b.minutes * 60)) for by, b in repeated.items()}
        self.begun = False

    def begin(self, sent: Iterable[tuple[str, datetime]], wrote: Iterable[WroteLately]) -> None:
        """What was before this process: automatic mail by address key, and what was written; both oldest first."""
        self.begun = True
        for author, at in sent:
            self._count(author, 1, at.timestamp())
        for row in wrote:
            text = _of_words(row.subject, new_text(row.text))
            self._remember(_groups(row.author, row.remote), text, row.author, row.ticket, row.at.timestamp(), row.robot)
            if not row.robot:
                self._answered(row.author, text, row.at.timestamp())

    def spent(self, author: str, known: bool, now: datetime) -> tuple[str, Budget] | None:
        """Where so much automatic mail went lately that this author, by address key, gets none, and the budget.
        Whoever we know already is no machine that has just thought of an address."""
        for name, key in _keys(author):
            if name == "address" or not known:
                for budget, window in self._windows[name]:
                    if window.is_full(key, now.timestamp()):
                        return key, budget
        return None

    def repeated(self, message: Message, author: str, now: datetime) -> Budget | None:
        """The budget that is spent when these words were answered so often lately, to this author or to others of the
        domain: who answers us in the same words each two hours is no person in need of an acknowledgement."""
        for by, key in _repeat_keys(author, words(message)) if self._repeated else ():
            budget, window = self._repeated[by]
            if window.is_full(key, now.timestamp()):
                return budget
        return None

    def flood(self, author: str, machine: bool, now: datetime) -> tuple[str, Budget] | None:
        """Whose tickets were so many lately that more are not announced, and the budget: of the author with all
        sub-addresses, or of the machines of a domain."""
        plain, domain = plain_address(author), author.rpartition("@")[2]
        moment = now.timestamp()
        of_one = ((plain, b) for b, window in self._opened if window.is_full(plain, moment))
        of_all = ((domain, b) for b, window in self._machines if machine and window.is_full(domain, moment))
        return next(of_one, None) or next(of_all, None)

    def robot(self, message: Message, envelope: Envelope, author: str, now: datetime) -> Robot | None:
        """The machine that wrote it, when enough others with the same words came from other addresses before."""
        for budget in self._policy.alike_budgets:
            for group, factor in _groups(author, envelope.remote):
                found = self._alike.get((group, words(message)))
                if found is None or message.attachments or len(self._said.get(group, ())) >= _EVERYBODYS:
                    continue
                span, moment = budget.minutes * 60, now.timestamp()
                others = sum(1 for key, at in found.seen.items() if key != author and abs(moment - at) < span)
                if others >= budget.count * factor and abs(moment - found.last) < span:
                    return Robot(group, found.ticket, others + 1, not found.told)
        return None

    def note(
        self, message: Message, envelope: Envelope, author: str, decision: Decision, ticket: int, now: datetime
    ) -> None:
        """Count what a decision sends by itself, and remember the words of a request that is answered."""
        sent = sum(n.audience is Audience.CUSTOMER for n in decision.notices) if not decision.text else 0
        self._count(author, sent, now.timestamp())
        if decision.new:
            self._open(author, decision.reason is Reason.NEW_AUTOMATIC, now.timestamp())
        robot = decision.reason is Reason.ROBOT
        if (robot or (decision.new and sent)) and not message.attachments:
            groups = _groups(author, envelope.remote)
            self._remember(groups, words(message), author, ticket, now.timestamp(), robot)
            if not robot:
                self._answered(author, words(message), now.timestamp())

    def _open(self, author: str, machine: bool, moment: float) -> None:
        for _, window in self._opened:
            window.add(plain_address(author), moment)
        domain = author.rpartition("@")[2]
        for _, window in self._machines if machine and domain not in PROVIDERS else ():
            window.add(domain, moment)

    def _count(self, author: str, mails: int, moment: float) -> None:
        for name, key in _keys(author):
            for _, window in self._windows[name]:
                for _ in range(mails):
                    window.add(key, moment)

    def _answered(self, author: str, text: str, moment: float) -> None:
        for by, key in _repeat_keys(author, text) if self._repeated else ():
            self._repeated[by][1].add(key, moment)

    def _remember(
        self, groups: list[tuple[str, int]], text: str, author: str, ticket: int, moment: float, robot: bool
    ) -> None:
        most = max((b.count for b in self._policy.alike_budgets), default=0) * _BY_RELAY + 1
        for group, _factor in groups if most > 1 else ():
            found = self._alike.setdefault((group, text), _Alike(ticket))
            self._alike.move_to_end((group, text))
            found.last, found.told = moment, found.told or robot
            found.seen[author] = moment
            while len(found.seen) > most:
                del found.seen[min(found.seen, key=lambda k: found.seen[k])]
        while len(self._alike) > KEPT:
            self._alike.popitem(last=False)
        for relay, _factor in groups[1:]:
            said = self._said.setdefault(relay, set())
            self._said.move_to_end(relay)
            if len(said) < _EVERYBODYS:
                said.add(hash(text))
        while len(self._said) > KEPT:
            self._said.popitem(last=False)


WEEK = 7 * 24 * 60
REPEATED = {"address": Budget(5, WEEK), "domain": Budget(15, WEEK)}
"""Requests in the same words that are acknowledged; any number where the settings let alike mails pass."""
_OF_A_DOMAIN = 5
"""So many addresses of one domain may machines use up."""
_BY_RELAY = 2
"""A relay speaks for more people than a domain."""
_EVERYBODYS = 10
"""A relay that brought so many different texts is no machine's own: it may be the mail server in front of us."""


def _keys(author: str) -> list[tuple[str, str]]:
    """By what automatic mail is counted, besides the address itself."""
    domain, plain = author.rpartition("@")[2], plain_address(author)
    found = [("address", plain)] if plain != author else []
    return [*found, *([] if domain in PROVIDERS else [("domain", domain)]), (_ALL, _ALL)]


def _groups(author: str, remote: str) -> list[tuple[str, int]]:
    """Whose machine may write under many addresses, and how many more of them it takes; a provider's are people."""
    domain = author.rpartition("@")[2]
    if domain in PROVIDERS:
        return []
    return [(domain, 1), *([(remote, _BY_RELAY)] if remote else [])]


def _repeat_keys(author: str, text: str) -> list[tuple[str, str]]:
    """Under which keys an answered text is counted; a provider's addresses are people who have nothing in common."""
    domain, plain = author.rpartition("@")[2], plain_address(author)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    found = [("address", f"{plain} {digest}")]
    return found if domain in PROVIDERS else [*found, ("domain", f"{domain} {digest}")]


def words(message: Message) -> str:
    """The words of a mail without numbers, references and links; with its subject where the text has few."""
    return _of_words(message.subject, message.reply_text)


def _of_words(subject: str, said: str) -> str:
    return _compared(subject, said[:_READ])


@lru_cache(maxsize=4)
def _compared(subject: str, said: str) -> str:
    """Kept for a moment, for a mail's words are asked for several times while it is decided about."""
    text = _letters(said)
    return text if text.count(" ") >= 2 else f"{_letters(base_subject(subject))}: {text}"


def _letters(text: str) -> str:
    if _TOKEN.search(text):
        text = " ".join(word for word in text.split() if not _TOKEN.search(word))
    return " ".join(_WORD.findall(text)).casefold()

"""What comes in storms, remembered for as long as it counts: automatic mail to a domain and in all, and mails that
are alike from ever new addresses.

A machine that answers each of our mails from another address looks like a crowd to budgets of one address. The
time is given, never read; kept in memory, so a restart forgets it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from gateway.core.blocking import PROVIDERS
from gateway.core.decision import Decision, Robot
from gateway.core.notice import Audience
from gateway.core.policy import Policy, plain_address
from gateway.core.reason import Reason
from gateway.core.window import Budget, Window
from gateway.mail.message import Envelope, Message
from gateway.mail.subject import base_subject

KEPT = 20_000
"""Texts remembered; beyond, the one not seen for longest is forgotten."""
_READ = 2_000
"""Characters of a text by which mails are compared."""
_TOKEN = re.compile(r"\S*(?:\d|://)\S*")
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
        self._alike: OrderedDict[tuple[str, str], _Alike] = OrderedDict()

    def spent(self, author: str, known: bool, now: datetime) -> tuple[str, Budget] | None:
        """Where so much automatic mail went lately that this author, by address key, gets none, and the budget.
        Whoever we know already is no machine that has just thought of an address."""
        for name, key in _keys(author):
            if name == "address" or not known:
                for budget, window in self._windows[name]:
                    if window.is_full(key, now.timestamp()):
                        return key, budget
        return None

    def robot(self, message: Message, envelope: Envelope, author: str, now: datetime) -> Robot | None:
        """The machine that wrote it, when enough others with the same words came from other addresses before."""
        for budget in self._policy.alike_budgets:
            for group, factor in _groups(author, envelope):
                found = self._alike.get((group, words(message)))
                if found is None or message.attachments:
                    continue
                since = now.timestamp() - budget.minutes * 60
                others = sum(1 for key, at in found.seen.items() if key != author and at > since)
                if others >= budget.count * factor and found.last > since:
                    return Robot(group, found.ticket, others + 1, not found.told)
        return None

    def note(
        self, message: Message, envelope: Envelope, author: str, decision: Decision, ticket: int, now: datetime
    ) -> None:
        """Count what a decision sends by itself, and remember the words of a request that is answered."""
        moment = now.timestamp()
        sent = sum(n.audience is Audience.CUSTOMER for n in decision.notices) if not decision.text else 0
        for name, key in _keys(author):
            for _, window in self._windows[name]:
                for _ in range(sent):
                    window.add(key, moment)
        robot = decision.reason is Reason.ROBOT
        if not (robot or (decision.new and sent)) or message.attachments or not self._policy.alike_budgets:
            return
        most = max(b.count for b in self._policy.alike_budgets) * _BY_RELAY + 1
        for group, _factor in _groups(author, envelope):
            which = (group, words(message))
            found = self._alike.setdefault(which, _Alike(ticket))
            self._alike.move_to_end(which)
            found.last, found.told = moment, found.told or robot
            found.seen[author] = moment
            while len(found.seen) > most:
                del found.seen[min(found.seen, key=lambda k: found.seen[k])]
        while len(self._alike) > KEPT:
            self._alike.popitem(last=False)


_BY_RELAY = 2
"""A relay speaks for more people than a domain."""


def _keys(author: str) -> list[tuple[str, str]]:
    """By what automatic mail is counted, besides the address itself."""
    domain, plain = author.rpartition("@")[2], plain_address(author)
    found = [("address", plain)] if plain != author else []
    return [*found, *([] if domain in PROVIDERS else [("domain", domain)]), (_ALL, _ALL)]


def _groups(author: str, envelope: Envelope) -> list[tuple[str, int]]:
    """Whose machine may write under many addresses, and how many more of them it takes; a provider's are people."""
    domain = author.rpartition("@")[2]
    if domain in PROVIDERS:
        return []
    return [(domain, 1), *([(envelope.remote, _BY_RELAY)] if envelope.remote else [])]


def words(message: Message) -> str:
    """The words of a mail without numbers, references and links; with its subject where the text has few."""
    text = _letters(message.reply_text[:_READ])
    return text if text.count(" ") >= 2 else f"{_letters(base_subject(message.subject))}: {text}"


def _letters(text: str) -> str:
    return " ".join(_WORD.findall(_TOKEN.sub(" ", text))).casefold()

"""How a ticket's status is called and what it means: ours, or one a site defines between them."""

from __future__ import annotations

from gateway import texts
from gateway.core import lifecycle
from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, StatusWords
from gateway.core.policy import Policy, SiteStatus
from gateway.core.ticket import Ticket
from gateway.texts import mark as _


def find(policy: Policy, name: str) -> SiteStatus | None:
    """A site's own status by its name, or by what it is called in a language; without regard to case."""
    word = " ".join(name.replace("_", " ").casefold().split())
    own = next((s for s in policy.statuses if s.name.casefold() == word), None)
    called = (s for s in policy.statuses if word in (label.casefold() for label in s.labels.values()))
    return own or next(called, None)


def words(policy: Policy) -> tuple[str, ...]:
    """What agents may write for the site's own ones: names, then what they are called."""
    names = (s.name for s in policy.statuses)
    return tuple(dict.fromkeys((*names, *(label for s in policy.statuses for label in s.labels.values()))))


def label(
    ticket: Ticket, policy: Policy, language: str, audience: Audience = Audience.CUSTOMER, *, confirms: bool = True
) -> str:
    """`confirms`: its reader is the requester, who is asked to, unless it goes on in somebody else's."""
    own = find(policy, ticket.sub_status) if ticket.sub_status else None
    if own and own.counts_as is ticket.status:
        return _called(own, language)
    if audience is Audience.CUSTOMER and _is_told_only(ticket, confirms):
        return texts.catalog(language).gettext(_SOLVED)
    ours = lifecycle.label if audience is Audience.CUSTOMER else lifecycle.agent_label
    return ours(ticket.status, language)


def meaning(ticket: Ticket, policy: Policy, language: str, *, confirms: bool = True) -> str:
    """One sentence; that of the status it counts as where the site says nothing."""
    own = find(policy, ticket.sub_status) if ticket.sub_status else None
    if own and own.counts_as is ticket.status:
        return _means(own, language)
    if _is_told_only(ticket, confirms):
        return texts.catalog(language).gettext(_MEANS_SOLVED)
    return lifecycle.meaning(ticket.status, language)


def _is_told_only(ticket: Ticket, confirms: bool) -> bool:
    return ticket.status is Status.SOLVED and (bool(ticket.merged_into) or not confirms)


_SOLVED, _MEANS_SOLVED = _("Solved"), _("We think your request is solved.")


def meanings(policy: Policy, language: str) -> tuple[StatusWords, ...]:
    """Ours in the order of a ticket's life, each followed by the site's own ones that count as it."""
    found = []
    for status in lifecycle.Status:
        found.append(StatusWords(lifecycle.label(status, language), lifecycle.meaning(status, language)))
        found += [
            StatusWords(_called(own, language), _means(own, language))
            for own in policy.statuses
            if own.counts_as is status
        ]
    return tuple(found)


def _called(own: SiteStatus, language: str) -> str:
    return own.labels.get(language, own.name)


def _means(own: SiteStatus, language: str) -> str:
    return own.meanings.get(language) or next(iter(own.meanings.values()), lifecycle.meaning(own.counts_as, language))

"""What a rule (`[[rules]]`) may say. Raises `ConfigError` for the first thing that cannot be meant."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.config.settings import RuleSettings, Settings
from gateway.core import tags
from gateway.core.lifecycle import Status
from gateway.mail.message import address_key

_CONDITIONS = ("mailbox", "sender", "subject", "header", "body", "authentication", "hours")
_ACTS = ("tag", "assign", "hand_to", "status")
_ON_TICKETS = (*_ACTS, "acknowledge")


def check_rules(settings: Settings, own: set[str]) -> None:
    """`own`: the keys of every address of ours."""
    for n, rule in enumerate(settings.rules):
        key = f"rules[{n}]"
        if any(rule.name.casefold() == r.name.casefold() for r in settings.rules[:n]):
            raise settings.error(f"{key}.name", f"{rule.name!r} is there already", "Choose another name.")
        if not any(getattr(rule, name) for name in _CONDITIONS):
            known = ", ".join(_CONDITIONS)
            raise settings.error(key, "has no condition, so it would mean every mail", f"Give it one of: {known}.")
        if not any(getattr(rule, name) for name in _ACTS) and rule.acknowledge and not rule.fold:
            known = ", ".join(_ACTS)
            raise settings.error(key, "does nothing", f"Give it {known}, fold = true or acknowledge = false.")
        _check_conditions(settings, key, rule, own)
        _check_acts(settings, key, rule, own)


def _check_conditions(settings: Settings, key: str, rule: RuleSettings, own: set[str]) -> None:
    for address in rule.mailbox:
        if address_key(address) not in own:
            raise settings.error(f"{key}.mailbox", f"{address} is no mailbox", "Name one of [[mailboxes]].")
    for pattern in rule.sender:
        if " " in pattern or "." not in pattern:
            remedy = 'Write "kim@example.com", "*@example.com" or "example.com".'
            raise settings.error(f"{key}.sender", f"{pattern!r} is neither an address nor a domain", remedy)
    if rule.hours and not settings.hours.days:
        raise settings.error(f"{key}.hours", "is set, but it is open always", "Name the weekdays in hours.days.")
    smtp = settings.receive.smtp
    judged = settings.gateway.trusted_authserv_ids or smtp.verify_senders or smtp.passwords_file
    if rule.authentication in ("pass", "fail") and not judged:
        remedy = "Set gateway.trusted_authserv_ids or receive.smtp.verify_senders."
        raise settings.error(f"{key}.authentication", "is set, but nobody judges who sent a mail", remedy)


def _check_acts(settings: Settings, key: str, rule: RuleSettings, own: set[str]) -> None:
    lost = next((name for name in _ON_TICKETS if rule.fold and getattr(rule, name) not in (True, "", [])), "")
    if lost:
        raise settings.error(f"{key}.{lost}", "has no place beside fold = true", "Remove one of them.")
    # Here no signs are forgiven, as they are to people who type.
    odd = [w for w in " ".join(rule.tag).split() if not tags.TAG.fullmatch(w.strip("#,").lower())]
    if rule.tag and (odd or tags.read(" ".join(rule.tag)) is None):
        raise settings.error(f"{key}.tag", f"{rule.tag} are no tags", "Use letters, digits, points and hyphens.")
    agents = {address_key(a.address): a for a in settings.agents}
    agent = agents.get(address_key(rule.assign))
    if rule.assign and agent is None:
        raise settings.error(f"{key}.assign", f"{rule.assign} is no agent", "Name the address of one of [[agents]].")
    if rule.hand_to and address_key(rule.hand_to) not in own:
        raise settings.error(f"{key}.hand_to", f"{rule.hand_to} is no mailbox", "Name one of [[mailboxes]].")
    if agent and agent.mailboxes and rule.hand_to and not _same_box(settings, rule.hand_to, agent.mailboxes):
        raise settings.error(f"{key}.assign", f"{rule.assign} does not work for {rule.hand_to}", "Name another agent.")
    for name in ("assign", "hand_to"):
        if rule.about == "reply" and getattr(rule, name):
            raise settings.error(f"{key}.{name}", "acts on new requests only", 'Set about = "new".')
    allowed = [Status.WAITING_ON_US.value, *(s.name for s in settings.statuses if s.counts_as == "waiting_on_us")]
    if rule.status and rule.status.casefold() not in {name.casefold() for name in allowed}:
        remedy = f"A rule never lets a person wait or go; use one of: {', '.join(allowed)}."
        raise settings.error(f"{key}.status", f"{rule.status!r} is no status that is ours to act on", remedy)


def _same_box(settings: Settings, address: str, others: Iterable[str]) -> bool:
    """Whether one of the others means the mailbox this address means; each may be an alias."""
    named = {address_key(other) for other in others}
    mailboxes = ({address_key(a) for a in (box.address, *box.aliases)} for box in settings.mailboxes)
    return any(address_key(address) in names and names & named for names in mailboxes)

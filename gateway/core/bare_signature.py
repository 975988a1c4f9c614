"""A text of an agent that is nothing but what a mail program puts below every mail: Outlook writes a signature without
two dashes above it, also below an order alone. It is no answer. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.core import commands
from gateway.core.case import Case
from gateway.core.formulas import is_signature
from gateway.core.outgoing_text import without_signature
from gateway.core.verbs import Verb


def left_out(case: Case) -> Case:
    """The case without such a text; a ready text, or a file alone, may have a closing below it."""
    order = case.order
    with_closing = order.has(Verb.TEXT) or (case.files and not order.commands)
    shown = without_signature(order.text)
    if with_closing or not (is_signature(shown, _names(case)) or (order.commands and _is_own_name(shown, case))):
        return case
    return replace(case, order=replace(order, text=""))


def cut_off(text: str, case: Case) -> str:
    """The new text of a mail, orders on top, without its signature, whichever kind that is."""
    shown = without_signature(text)
    return "" if is_signature(commands.read(shown, case.policy.languages).text, _names(case)) else shown


def _is_own_name(text: str, case: Case) -> bool:
    """The name alone, or the first name; without an order it may be the answer to “Who comes?”."""
    line = text.strip(" \t\n*_–—-/.,!\xa0").casefold()
    return bool(line) and any(line in (name.casefold(), name.split(" ")[0].casefold()) for name in _names(case))


def _names(case: Case) -> tuple[str, ...]:
    return (case.agent.name if case.agent else "", case.author.name)

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
    if with_closing or not is_signature(without_signature(order.text), _names(case)):
        return case
    return replace(case, order=replace(order, text=""))


def cut_off(text: str, case: Case) -> str:
    """The new text of a mail, orders on top, without its signature, whichever kind that is."""
    shown = without_signature(text)
    return "" if is_signature(commands.read(shown, case.policy.languages).text, _names(case)) else shown


def _names(case: Case) -> tuple[str, ...]:
    return (case.agent.name if case.agent else "", case.author.name)

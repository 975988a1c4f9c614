"""A text of an agent that is nothing but what a mail program puts below every mail: Outlook writes a signature without
two dashes above it, also below an order alone. It is no answer. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.core import commands
from gateway.core.case import Case
from gateway.core.commands import Order
from gateway.core.formulas import is_name_alone, is_signature, without_logos
from gateway.core.outgoing_text import without_signature
from gateway.core.verbs import Verb


def left_out(case: Case) -> Case:
    """The case without such a text; a ready text, or a file alone, may have a closing below it."""
    order = case.order
    with_closing = order.has(Verb.TEXT) or (case.files and not order.commands)
    if with_closing or not _is_none(replace(order, text=without_signature(order.text)), case):
        return case
    return replace(case, order=replace(order, text=""))


def cut_off(text: str, case: Case) -> str:
    """The new text of a mail, orders on top, without its signature, whichever kind that is."""
    shown = without_signature(text)
    return "" if _is_none(commands.read(shown, case.policy.languages), case) else shown


def _is_none(order: Order, case: Case) -> bool:
    """Without an order a name alone may be the answer to “Who comes?”."""
    text, _ = without_logos(order.text)
    return is_signature(text, _names(case)) or (bool(order.commands) and is_name_alone(text, _names(case)))


def _names(case: Case) -> tuple[str, ...]:
    return (case.agent.name if case.agent else "", case.author.name)

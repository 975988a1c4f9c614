"""An agent's mail with a mark of ours that fits no ticket here: it answers a notice about something that is gone.

The number in the mark may belong to somebody else by now (after a restore), so nothing at all is done with the mail.
"""

from __future__ import annotations

from gateway.core import agents_begin, orders, thread
from gateway.core.case import Case
from gateway.core.decision import Decision, Reason, Why
from gateway.mail.sentence import code


def is_agents(case: Case) -> bool:
    """What an agent forwards for a customer, or wrote to one, may hold a lost mark of that customer's."""
    if case.agent is None or case.ticket is not None or not case.choice.lost:
        return False
    answers_a_notice = any(key.holder for key in case.choice.lost if key in case.keys.found)
    return answers_a_notice or not (agents_begin.is_on_behalf(case) or agents_begin.is_around(case))


def refuse(case: Case) -> Decision:
    """A receipt to the agent, with the text that was not sent; the mail stays in the journal."""
    agent = case.agent
    assert agent is not None
    name = thread.lost_names(case.choice.lost, case.policy.reference_prefix)
    text = (code("text_not_sent"), case.order.text) if case.order.text else ()
    return Decision(
        Reason.LOST_MARK,
        Why(attach="no: " + orders.sentence(Reason.LOST_MARK), acknowledge="no: the agent gets a receipt"),
        notices=(orders.receipt(agent, "nothing_done", (code("lost_mark_agent", name), *text)),),
    )

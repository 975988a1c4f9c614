"""An agent's mail with a mark of ours that fits no ticket here: it answers a notice about something that is gone.

The number in the mark may belong to somebody else by now (after a restore), so nothing at all is done with the mail.
"""

from __future__ import annotations

from gateway.core import agents_begin, thread
from gateway.core.agent_mail import AgentCase
from gateway.core.case import Case
from gateway.core.decision import Decision
from gateway.core.reason import Reason
from gateway.core.refusal import refuse, unsent
from gateway.mail.sentence import code


def is_agents(case: Case) -> bool:
    """What an agent forwards for a customer, or wrote to one, may hold a lost mark of that customer's."""
    if case.agent is None or case.ticket is not None:
        return False
    if case.facts.lost_list or not case.choice.lost:
        return case.facts.lost_list
    answers_a_notice = any(key.holder for key in case.choice.lost if key in case.keys.found)
    return answers_a_notice or not (agents_begin.is_on_behalf(case) or agents_begin.is_around(case))


def kept(case: Case) -> Decision:
    """A receipt to the agent; the text is kept as a draft, for what it answered is not here."""
    name = thread.lost_names(case.choice.lost, case.policy.reference_prefix)
    why = code("lost_mark_agent", name) if name else code("lost_list")
    return refuse(AgentCase.without_ticket(case), Reason.LOST_MARK, (why, *unsent(case)))

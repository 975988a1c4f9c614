"""Why a mail or an act was decided as it was: names for rows and programs, and the sentence each stands for."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why; the same word stands in the log, the database and `explain`."""

    NEW_REQUEST = "new-request"
    NEW_AUTOMATIC = "new-automatic-request"
    REPLY = "reply"
    REPLY_REOPENS = "reply-reopens"
    STRANGER_SIGNED = "stranger-with-signed-mark"
    STRANGER_PASSES_ON = "stranger-passes-on"
    STRANGER_UNSIGNED = "stranger-with-unsigned-mark"
    FOLLOW_UP = "closed-too-long"
    AUTOMATIC_ON_TICKET = "automatic-on-ticket"
    AUTOMATIC_NO_TICKET = "automatic-without-ticket"
    ECHO = "nothing-new"
    ROBOT = "one-of-many-alike"
    RULE_FOLDS = "folded-by-a-rule"
    BOUNCE_OF_ANSWER = "bounce-of-our-newest-answer"
    BOUNCE = "bounce"
    REPORT_ON_TICKET = "report-on-ticket"
    REPORT_NO_TICKET = "report-without-ticket"
    LOOP = "own-mail-came-back"
    BLOCKED = "sender-blocked"
    SPAM_REPLY = "reply-to-spam"
    SPAM_MARKED = "marked-as-spam"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"
    REQUESTER_CLOSES = "requester-closes"
    CLOSES_OWN = "closes-a-merged-request"
    AGENT_ANSWER = "agent-answer"
    AGENT_COMMAND = "agent-command"
    AGENT_BLOCKS = "agent-blocks-a-sender"
    AGENT_NOTE = "agent-note"
    AGENT_ASKED = "agent-asked-adviser"
    ADVISER = "adviser"
    AGENT_UNPROVEN = "agent-without-proof"
    AGENT_BREATHLESS = "agent-writes-too-fast"
    AGENT_MISUNDERSTOOD = "agent-command-not-understood"
    AGENT_EMPTY = "agent-mail-without-text"
    AGENT_HELD_BACK = "agent-mail-held-back"
    AGENT_LOOKS = "agent-looks-up"
    AGENT_AWAY = "agent-away-or-back"
    AGENT_DRAFTS = "agent-asks-for-drafts"
    DRAFT_SENT = "draft-sent"
    DRAFT_DROPPED = "draft-dropped"
    AGENT_AROUND = "agent-wrote-to-the-customer"
    AGENT_ON_BEHALF = "agent-on-behalf"
    RECORDED = "our-mail-recorded"
    AGENT_UNDOES = "agent-undoes"
    SENT_AROUND = "answered-from-the-mailbox"
    SENT_ASIDE = "written-from-the-mailbox-to-others"
    SENT_BY_US = "found-in-the-sent-folder"
    SENT_ELSEWHERE = "sent-about-no-ticket"
    LOST_MARK = "mark-of-no-ticket"
    STATUS_ASKED = "status-asked"
    CLOSED_BY_LINK = "closed-by-link"
    COMMAND_LINE = "command-line"
    CLOCK_REMINDS = "reminder-due"
    CLOCK_SOLVES = "waited-too-long"
    CLOCK_CLOSES = "solved-long-enough"
    CLOCK_TARGET = "answer-due"
    CLOCK_WAKES = "snooze-over"
    RATING_ASKED = "rating-asked"
    RATED = "rated"
    PROBE = "probe-came-back"
    PORTAL_REPLY = "portal-reply"


SENTENCES: dict[Reason, str] = {
    Reason.NEW_REQUEST: "No mark in the mail leads to a ticket, so it is a new request.",
    Reason.NEW_AUTOMATIC: "A machine wrote it on its own about no ticket: a new request, and nobody is answered.",
    Reason.REPLY: "The mail belongs to a ticket its author takes part in.",
    Reason.REPLY_REOPENS: "The mail answers a ticket that was solved or closed.",
    Reason.STRANGER_SIGNED: "The author has no part in the ticket but holds a mail of ours: joins, unconfirmed.",
    Reason.STRANGER_PASSES_ON: "Its author, who has no part in the ticket, passes a mail of ours on: a new request.",
    Reason.STRANGER_UNSIGNED: "The author has no part in the ticket and no signed mark of it: a new request.",
    Reason.FOLLOW_UP: "The ticket was closed longer ago than reopen_window_days: a follow-up request.",
    Reason.AUTOMATIC_ON_TICKET: "A machine answered; it is kept on the ticket and changes nothing.",
    Reason.AUTOMATIC_NO_TICKET: "A machine's mail that belongs to no ticket is kept in the journal only.",
    Reason.ECHO: "A note of absence, or our own words again: kept on the ticket, which stays as it was.",
    Reason.ROBOT: "A machine writes the same from ever new addresses: kept on the ticket of the first such mail.",
    Reason.RULE_FOLDS: "A rule of this site folds it: kept on its ticket, or in the journal, and nobody hears of it.",
    Reason.BOUNCE_OF_ANSWER: "Our newest answer could not be delivered, so it is our turn again.",
    Reason.BOUNCE: "A mail of ours could not be delivered.",
    Reason.REPORT_ON_TICKET: "A report about a mail of ours that asks nobody to act.",
    Reason.REPORT_NO_TICKET: "A report about no mail of ours is kept in the journal only.",
    Reason.LOOP: "It is a mail of our own that came back; answering it would start a loop.",
    Reason.BLOCKED: "Its sender is blocked: it is kept in the journal, and nobody hears of it.",
    Reason.SPAM_MARKED: "Our own filter marked it as spam: it is kept in the journal, and nobody hears of it.",
    Reason.SPAM_REPLY: "It answers a ticket that is marked as spam: kept there, and nobody hears of it.",
    Reason.DUPLICATE: "The same mail, by Message-ID and content, was handled before.",
    Reason.UNREADABLE: "The mail could not be read; it is held for the operator.",
    Reason.REQUESTER_CLOSES: "The requester closed the ticket by mail.",
    Reason.CLOSES_OWN: "Whoever asks for closing has one of several requests that are answered together.",
    Reason.AGENT_ANSWER: "A proven agent's answer goes to the customer.",
    Reason.AGENT_COMMAND: "A proven agent's command was carried out.",
    Reason.AGENT_BLOCKS: "A proven agent's order about a sender, and about no ticket.",
    Reason.AGENT_NOTE: "A proven agent's note for agents only.",
    Reason.AGENT_ASKED: "A proven agent asked somebody who is no customer of the ticket: a comment for agents.",
    Reason.ADVISER: "Its author is no customer of the ticket but advises an agent: for agents only.",
    Reason.AGENT_UNPROVEN: "It names an agent as its author but proves nothing: kept as a comment.",
    Reason.AGENT_BREATHLESS: "An agent's mails on one ticket come so fast that a robot must write them.",
    Reason.AGENT_MISUNDERSTOOD: "An agent's command was not understood, so nothing was done.",
    Reason.AGENT_EMPTY: "An agent's mail with neither text, file nor command: nothing to do.",
    Reason.AGENT_HELD_BACK: "An agent's mail that is not carried out as it is: kept as a draft, the agent is told.",
    Reason.AGENT_LOOKS: "A proven agent looked something up.",
    Reason.AGENT_AWAY: "A proven agent goes away, or is back.",
    Reason.AGENT_DRAFTS: "A proven agent asked what waits as a draft.",
    Reason.DRAFT_SENT: "A proven agent let a draft go.",
    Reason.DRAFT_DROPPED: "A proven agent dropped a draft.",
    Reason.AGENT_AROUND: "An agent wrote to the customer with the mailbox in copy: recorded, not sent again.",
    Reason.RECORDED: "A mail of ours from an archive: recorded as it was, not sent again.",
    Reason.AGENT_ON_BEHALF: "An agent opened a ticket on a customer's behalf.",
    Reason.AGENT_UNDOES: "A proven agent took an earlier order back.",
    Reason.SENT_AROUND: "Somebody answered from the mailbox itself: recorded, nothing is sent again.",
    Reason.SENT_ASIDE: "Somebody wrote from the mailbox to people who have no part in the ticket: a comment.",
    Reason.SENT_BY_US: "A mail of the Sent folder that Replydesk sent itself.",
    Reason.SENT_ELSEWHERE: "A mail of the Sent folder that concerns no ticket is kept in the journal only.",
    Reason.LOST_MARK: "An agent's mail shows a mark of ours that fits no ticket here, so nothing is done with it.",
    Reason.STATUS_ASKED: "The author asked for the state of own tickets.",
    Reason.CLOSED_BY_LINK: "The requester closed the ticket with the link in a mail.",
    Reason.CLOCK_REMINDS: "The customer owes an answer and is reminded once.",
    Reason.CLOCK_SOLVES: "The customer owed an answer for too long: it counts as solved.",
    Reason.CLOCK_CLOSES: "It was solved long enough without an objection.",
    Reason.CLOCK_WAKES: "It was put aside until now, and comes back.",
    Reason.CLOCK_TARGET: "The time to answer is over, or nearly.",
    Reason.RATING_ASKED: "It was closed a while ago: the customer is asked how it was.",
    Reason.RATED: "The customer said how it was.",
    Reason.PROBE: "It is a probe we sent to ourselves; how it came back is written down.",
    Reason.COMMAND_LINE: "Done on the command line.",
    Reason.PORTAL_REPLY: "The requester answered on the status page.",
}


NOT_DONE = frozenset(
    {
        Reason.AGENT_UNPROVEN,
        Reason.AGENT_BREATHLESS,
        Reason.AGENT_MISUNDERSTOOD,
        Reason.AGENT_EMPTY,
        Reason.AGENT_HELD_BACK,
        Reason.LOST_MARK,
    }
)
"""An agent's mail that was not carried out."""
QUIET = frozenset(
    {
        Reason.AUTOMATIC_ON_TICKET,
        Reason.AUTOMATIC_NO_TICKET,
        Reason.ECHO,
        Reason.ROBOT,
        Reason.RULE_FOLDS,
        Reason.REPORT_ON_TICKET,
        Reason.REPORT_NO_TICKET,
        Reason.LOOP,
    }
)
"""What is folded, or settled without a ticket, as a machine's or by a rule; the digest counts it."""


def sentence(reason: Reason) -> str:
    """What a decision's record says for it."""
    return SENTENCES[reason]

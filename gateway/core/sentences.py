"""Sentences for agents and operators, in their language, from a closed list.

A sentence is kept as its code and arguments (`reopened\tKim`), so that it can be stored once and
read in English by one agent and in German by the next. Text that is no code reads as it stands.
"""

from __future__ import annotations

from datetime import UTC, datetime

from gateway import texts
from gateway.core import counted, invitation, together
from gateway.core.lifecycle import Status, agent_label
from gateway.core.status_words import status_called
from gateway.core.verbs import in_words_of
from gateway.mail.sentence import SEPARATOR
from gateway.texts import mark as _
from gateway.texts.direction import isolated

SENTENCES: dict[str, str] = {
    **{name: many for name, ((_one, many), _place) in counted.COUNTED.items()},
    **together.TOGETHER,
    # what happened to a ticket
    "reopened": _("Reopened: {0} replied."),
    "imported": _("Imported from an archive."),
    "closed_by_mail": _("Closed by the requester, by mail."),
    "closed_by_link": _("Closed by the requester, with the link in a mail."),
    "closed_on_page": _("Closed by the requester, on the status page."),
    "rating_asked": _("The customer was asked how it was."),
    "rated": _("The customer rated it: {0}."),
    "rated_comment": _("Comment: {0}"),
    "target_near": _("An answer is due soon."),
    "target_missed": _("The time to answer is over."),
    "continues": _("Your earlier request {0} was closed some time ago. It continues under this new reference."),
    "status_set": _("Status set to “{0}” by {1}."),
    "snoozed": _("Snoozed until {0} by {1}."),
    "snooze_note": _("Note: {0}"),
    "snoozed_by": _("It was snoozed by {0}."),
    "unsnoozed": _("{0} took it up again."),
    "snooze_over": _("It was snoozed until now."),
    "woken": _("It comes back sooner than planned."),
    "tagged": _("Tagged {0} by {1}."),
    "untagged": _("Not tagged {0} any more, by {1}."),
    "by_rule": _("The rule “{0}” was applied."),
    "found_nothing": _("Nothing was found."),
    "spam_is": _("It is marked as spam."),
    "is_back": _("Your notices reach you again."),
    "away_set": _("Until you write #back the team reads your notices."),
    "away_to": _("Until you write #back {0} reads your notices."),
    "away_until": _("Until {0} the team reads your notices; #back ends that sooner."),
    "away_until_to": _("Until {0} your notices are read by {1}; #back ends that sooner."),
    "is_away": _("{0} is away."),
    "is_away_told": _("{0} is away; in their place it is read by {1}."),
    "in_place_of": _("To you because {0} is away."),
    "offer_away": _("If you are away: #away until 2026-12-01 to NAME lets a colleague read your notices."),
    "no_texts": _("There are no ready texts: the operator keeps them in templates_dir/texts."),
    "assigned": _("Assigned to {0}."),
    "unassigned": _("Assigned to nobody."),
    "given": _("{0} gave it to {1}."),
    "status_on_board": _("Set to “{0}” on the board."),
    "given_on_board": _("Given to {0} on the board."),
    "snoozed_on_board": _("Put aside until {0} on the board."),
    "unsnoozed_on_board": _("Taken up again on the board."),
    "back_on_board": _("Given back to the team on the board."),
    "given_back": _("{0} gave it back to the team."),
    "handed_over": _("{1} handed it over to {0}."),
    "sender_now": _("The customer gets mail from {0} from now on."),
    "both_mailboxes": _(
        "It was written to {0}: a ticket of {1}, and each team is told. #mailbox ADDRESS hands it over."
    ),
    "taken_over": _("{0} took it over."),
    "answered_by": _("{0} answered."),
    "taken": _("{0} answered and has it now."),
    "follows": _("{0} follows."),
    "unfollows": _("{0} does not follow any more."),
    "language_set": _("Language set to {0}."),
    "spam": _("Marked as spam by {0}."),
    "blocked": _("{0} was blocked by {1}."),
    "unblocked": _("{0} is not blocked any more, by {1}."),
    "unblock_hint": _("Mail from {0} is kept for the operator and nobody hears of it. To end that: #unblock {0}"),
    "block_hits": _("From {0} so many people wrote before, and none of them is heard any more: {1}"),
    "requester_set": _("The requester is now {0}."),
    "requester_out": _("{0} takes no part any more and gets no answers."),
    "split_off": _("Split off #{0} by {1}."),
    "split_to": _("A mail was split off to #{0} by {1}."),
    "moved_to": _("A mail was moved to #{0} by {1}."),
    "moved_here": _("A mail was moved here from #{0} by {1}."),
    "kept_apart": _("{0} does not get to read it, for it belongs to another customer."),
    "merged_here": _("#{0} was merged into this ticket by {1}."),
    "undone": _("{0} took back: {1}."),
    "confirmed": _("{0} takes part now."),
    "reads_part": _("{0} reads from now on what was written with {1} ({2}), and nothing of {3}."),
    "would_read": _("{0} would read what was written with {1} ({2}), and nothing of {3}."),
    "other_part": _("If they belong to another customer of this ticket, reply with: {0}"),
    "text_names": _("The ready text names {0}, and {1} would read that."),
    "text_only": _("With #only it goes to the requester alone."),
    "no_such_part": _("No customer of {0} takes part in this ticket. There are: {1}"),
    "part_stays": _("{0} takes part already, as {1}: that stays so."),
    "not_sent": _("Our mail to {0} could not be sent: {1}"),
    # what an agent should know of a mail
    "undelivered": _("Our mail to {0} was not delivered."),
    "undelivered_because": _("Our mail to {0} was not delivered. Reason given: {1}"),
    "unconfirmed": _(
        "{0} is not confirmed on this ticket: answers go to them only once you or the requester have written to them."
    ),
    "not_named": _(
        "{0} has no part in this ticket. Your answer goes to {1}; {0} gets it only if you name them: #cc {0} above "
        "your text."
    ),
    "passes_on": _(
        "Passes on a mail of #{0}, in which its author has no part: a request of its own, and your answer goes to them "
        "alone."
    ),
    "own_open": _("Other open requests of the same address: {0}. #merge N joins them."),
    "same_again": _(
        "The same text as #{0}, sent a moment before: somebody may have pressed twice. #merge {0} joins them."
    ),
    "new_subject": _("Its subject is “{0}” now. If it is another matter, #split makes this mail a ticket of its own."),
    "reply_to": _("It asks for answers at {0} (Reply-To). Yours goes to the author; to answer there: #requester {1}"),
    "many_people": _("It went to {0} others, and so does your answer. With #only it goes to the requester alone."),
    "confirms_only": _("It reads like another desk's confirmation; the ticket stays as it was. #reopen opens it."),
    "in_copy": _("You are in To or Cc of this mail."),
    "list_among": _("{0} is a mailing list: your answer does not go there. If it shall: #cc {1} above your text."),
    "recalls": _("Its author would like to take back an earlier mail on this ticket."),
    "event": _("Appointment"),  # `invitation.text` says the rest
    "invited": _("An invitation: {0}. When and where: {1}."),
    "away": _("{0} is away: a program wrote this, and the ticket stays as it was."),
    "holder_away": _(
        "{0} has this ticket and is away: a program of theirs says so, and answers us only once in days. #take makes "
        "it yours, #give NAME a colleague's."
    ),
    "robot": _(
        "The same words came from {0} under {1} new addresses: a machine, it seems. Further ones are kept here, "
        "folded, and nobody is answered."
    ),
    "own_author": _("It came under our own address {0}; its header names {1} as its author."),
    "own_author_only": _("It came under our own address {0} and names nobody else."),
    "reaches_nobody": _("An answer reaches nobody here. Reply with #requester ADDRESS to name the customer."),
    "own_author_among": _("It came under our own address {0}. Reply with #from ADDRESS to name the customer."),
    "same_id": _("A different mail with the same Message-ID was received before."),
    "encrypted": _("The content is encrypted and cannot be read without a key; it is attached."),
    "close_unproven": _("It asks for closing, but does not prove that the requester sent it."),
    "follows_ticket": _("Follows #{0}, which was closed too long ago to be reopened."),
    "claims_ticket": _("Claims to belong to #{0}, but its author has no part in it and shows no signed mark."),
    "names_own_ticket": _("Names #{0}, in which its author takes part. #merge N joins them."),
    "lost_mark": _("It answers {0}, which this desk does not hold (any more)."),
    "on_behalf": _("Opened by {0} on the requester's behalf."),
    "asked": _("Sent to {0}, who is no customer."),
    "adviser_wrote": _("{0} is no customer: nothing of this mail reaches one."),
    "forwarded_by": _("Forwarded by {0}."),
    "alone": _("This stays between {0} and us: it answers what was for them alone. With #only so does your answer."),
    "between_us": _("This stays between {0} and us: it answers what was for them alone."),
    "around": _("{0} wrote to the customer directly, with the mailbox in copy."),
    "sent_around": _("{0} answered from the mailbox itself; it was found in its Sent folder."),
    "sent_aside": _("Sent from the mailbox itself to {0}, who have no part in this ticket."),
    "aside": _(
        "Written to {0}, with the mailbox in copy: a comment for agents, which no customer got. To answer the "
        "customer, reply to the notice."
    ),
    "stopped": _(
        "An answer of {0} ({1}) still waited when this came, and was stopped. It is on the ticket as a note: send it "
        "again if it still holds."
    ),
    "recalled": _("Recalled before it was sent."),
    # receipts
    "sent_to": _("Sent to {0}."),
    "nothing_sent": _("Nothing was sent to the customer."),
    "told_status": _("The customer was told the new status."),
    "told_closed": _("The customer was told that it is closed."),
    "told_solved": _("The customer was asked to confirm."),
    "told_new_status": _("Told the new status: {0}."),
    "told_merged": _("Told where it goes on: {0}."),
    "told_received": _("The customer was sent the reference."),
    "status_now": _("The status is now “{0}”."),
    "undo_hint": _("To take it back, reply with #undo."),
    "noted": _("The note is on the ticket, for agents only."),
    "no_proof": _(
        "Nothing proves that this mail is from the agent it names, so nothing was sent or changed. It is on the "
        "ticket as a comment. If you wrote it, reply to the latest notice you got yourself."
    ),
    "lost_mark_agent": _(
        "Your mail answers {0}, which this desk does not hold (any more): the number may be somebody else's by now. "
        "Nothing was sent or changed. To write to the customer, use #to and their address in a mail of your own."
    ),
    "lost_list": _(
        "Your mail answers a list that is not known here (any more): the numbers in it may be other tickets by now. "
        "Nothing was changed."
    ),
    "order_unproven": _(
        "It names an agent as its author and holds commands, but nothing proves it: they were not carried out."
    ),
    "nothing_to_do": _("The mail had neither text nor a command."),
    "text_not_sent": _("Your text was not sent:"),
    "parts_left_out": _("Parts of this mail are nested too deep or are too many to show; the original has them."),
    "text_in_file": _("The text is longer than can be shown here; all of it is in the file beside it."),
    "text_cut": _("The text is longer than can be shown here; the original has all of it."),
    "outside_parts": _(
        "Text stands outside the parts of the mail, where no mail program shows it; the original has it."
    ),
    "other_form": _("The mail holds a second form of its text, which says something else; the original has it."),
    "winmail_empty": _("The mail came with a winmail.dat that holds nothing but formatting."),
    "nothing_shown": _("Nothing of this mail can be shown."),
    "cut": _("Cut from your text, because it is for agents only: {0} lines."),
    "cut_lines": _("Left out of your text, because the customer does not know it from the conversation: {0}"),
    "pictures_left_out": _("Not sent along, because they belong to your signature or to what you quote: {0}."),
    "goes_as_link": _("Too large for a mail, so the customer gets a link: {0}."),
    "left_out": _("Not sent along, because it is for agents only: {0}."),
    "answer_encrypted": _(
        "Your mail is encrypted, so it cannot be read here and nothing was sent. Please send it without encryption."
    ),
    "inseparable": _(
        "Your text could not be told from the notice it quotes, so nothing was sent. Please delete the quoted notice "
        "and send it again."
    ),
    "inner_line": _("Nothing was sent: only agents have read “{0}”. Delete what is quoted, or say it in other words."),
    "own_address": _(
        "Orders stand each on a line of its own before your text. For forwards with #from and new mails with #to or "
        "#for there is an address of your own; do not give it away:\n{0}"
    ),
    "stands_alone": _("{0} stands alone: send other commands in a mail of their own."),
    "to_begins": _(
        "#to and #for begin a new ticket, and this mail belongs to one: send it as a new mail to your own address, "
        "which #help names."
    ),
    "from_alone": _(
        "#from in the answer to a notice changes the requester and stands alone: it is not clear to whom your text "
        "should go."
    ),
    "forwarded_inner": _(
        "The mail you forward is from {0}, not from the customer: a customer would read it. Please forward the "
        "customer's own mail, or write what they asked yourself."
    ),
    "reopen_alone": _("#reopen with a number stands alone: it is not clear on which ticket your text belongs."),
    "held": _("A mail could not be handled and is held for the operator (journal entry {0}): {1}"),
    "nothing_to_undo": _("There is nothing of yours on this ticket that could be taken back."),
    "too_late": _("It is too late: the mail to {0} has been sent."),
    "merged_since": _("#{0} has been merged into #{1} since: this cannot be taken back any more."),
    "no_such_ticket": _("There is no ticket #{0}."),
    "same_ticket": _("#{0} is this very ticket."),
    "only_mail": _("It is the only mail of this ticket: there is nothing to split."),
    "no_mail_meant": _("It is not clear which mail you mean: reply to the notice about it."),
    "needs_ticket": _("{0} needs a ticket: reply to a notice about it."),
    "not_beside": _("Not carried out: {0}. It is for a request that is there; reply with it to this mail."),
    "no_move": _("A ticket that is “{0}” cannot be set to “{1}”."),
    # drafts
    "draft_kept": _("Your mail is kept as a draft; #drafts lists what waits."),
    "draft_send": _("Reply with #send to let it go all the same, or with #undo to drop it."),
    "draft_order": _("It orders: {0}"),
    "draft_words": _(
        "#send lets a draft go as it was written, and your mail has other words: nothing was sent. To send the draft, "
        "reply with #send {0}; to say something else, answer the customer's mail with it."
    ),
    "draft_line": _("Draft {0}: {1}"),
    "draft_until": _("Of {0}, kept until {1}."),
    "draft_dropped": _("The draft is dropped."),
    "draft_over": _("This draft does not wait any more: it was sent, dropped, or kept too long."),
    "no_draft": _("It is not clear which draft you mean: reply to its receipt, or write #send with its number."),
    "no_drafts": _("No draft of yours waits."),
    "draft_unproven": _(
        "Nothing proves that this mail is from you, so nothing was sent or changed. If it is, reply with #send."
    ),
    "draft_no_proof": _(
        "Nothing proves that this mail is from you, so nothing was sent or changed. If it is, reply with #send. "
        "Next time write to your own address here, which proves it."
    ),
    "forward_form": _(
        "You passed a mail on without saying what it is. To make it the request of whoever wrote it, reply with {0} "
        "on the first line; what you wrote above it stays with the agents."
    ),
    "forward_on_ticket": _(
        "You passed a mail on: it is not clear whether your words are for the customer. #note above them makes them a "
        "note for agents."
    ),
    "subject_read": _("The subject is read by the customer: {0}"),
    "from_needs_forward": _(
        "#from takes the customer's own mail, forwarded below it, and there is none. To write to them, use {0} above "
        "your text; to note a call, use {1}: your words stay with the agents then. A reply with that line is enough."
    ),
    "nobody_meant": _(
        "Your mail answers no request, so it is not clear whom it is for. To write to somebody, reply with #to ADDRESS "
        "on the first line; to answer a request, reply to a notice about it."
    ),
    "other_account": _(
        "{0} is no address we know, and the mail shows a mark that was made for an agent: either the agent's own, from "
        "another account, or of somebody who was passed a notice. Nothing was sent to anybody outside."
    ),
    "marked_automatic": _("Its header or subject says that a program wrote your mail, as in your absence."),
    "reads_absent": _("Your mail reads like a note of absence, so it is not clear whether it is for the customer."),
    "answers_draft": _("You answered a receipt: it is not clear whether this is for the customer."),
    "only_another": _("You answered {0}, and with #only your text goes to {1} alone, who is another customer."),
    "order_another": _("You answered {0}, but {1} is about {2}, the requester of this ticket."),
    "answers_adviser": _(
        "You answered {0}, who is no customer, so it is not clear whom your words are for. To send them to {0}, reply "
        "with #ask; they would go to {1} otherwise."
    ),
    "stale_people": _("Since the mail you answered, others came to get the answers. Yours would also go to: {0}"),
    "stale_gone": _(
        "The mail you answered has gone to #{0} since; #show {0} brings it. Yours would count on #{1}, without it."
    ),
    "stale_answer": _("Since the mail you answered, {0} has written to the customer:"),
    "same_words": _("You wrote the same words a while ago, on #{0}: it looks as if a program had written them."),
    "wrote_since": _("Since the mail you answered, {0} has written again."),
    "order-not-understood": _("It was not clear what to do with it."),
    "no-proof": _("Nothing proved who wrote it."),
    "nobody-named": _("It was not clear whom it is for."),
    "forward-without-order": _("It passes a mail on and does not say what that is."),
    "unknown-account": _("It came from an address we do not know."),
    "marked-automatic": _("It was marked as written by a machine."),
    "answers-a-draft": _("It answers a receipt."),
    "to-a-colleague": _("It begins with the name of a colleague: #note keeps words among agents."),
    "same-person": _("It makes one person of two that are known here."),
    "by-a-program": _("It looks as if a program had written it."),
    "reads-absent": _("It reads like a note of absence."),
    "stale-view": _("The request went on since the mail it answers."),
    "answers-an-adviser": _("It answers somebody who is no customer."),
    "different-customers": _("It joins requests of different customers."),
    # commands that were not understood
    "unknown_command": _("#{0} is not a command. #help lists them all."),
    "did_you_mean": _("#{0} is not a command. Did you mean {1}?"),
    "hidden_command": _("“{0}” looks like a command. Begin the line with {1}, or with other words."),
    "takes_nothing": _("{0} takes nothing after it; put your text on the next line."),
    "needs_number": _("{0} needs a ticket number, such as {1} 1042."),
    "needs_address": _("{0} needs one e-mail address, such as {1} customer@example.com."),
    "ask_form": _("#ask needs the address of whom you ask, and your question below it."),
    "ask_agent": _("{0} is an agent: #note and their name with an @ tell them."),
    "cc_adviser": _("{0} was asked with #ask and is no customer, so answers do not go there: write to them with #ask."),
    "ask_customer": _("{0} takes part as a customer: answer without #ask."),
    "no_such_file": _("No file of this ticket is called {0}. There are: {1}"),
    "needs_words": _("{0} needs more than that: write what you mean on the same line."),
    "no_such_time": _(
        "#snooze {0}: no time ahead is understood. Write 3d, 2h, monday, tomorrow 14:30, 14:30 or 2026-12-01."
    ),
    "no_such_text": _("#text {0}: there is no such text. Use one of: {1}."),
    "needs_tags": _("{0} needs one word or more, of letters, digits, points and hyphens."),
    "needs_customer": _("#customer needs an e-mail address, or stands in reply to a notice about a ticket."),
    "no_such_period": _("#report {0}: that is no period. Write a month, 2026-11, or two days, 2026-11-01 2026-11-15."),
    "no_such_list": _("#list {0}: there is no such list. Use one of: {1}."),
    "no_such_absence": _(
        "#away {0}: not understood. Write #away until 2026-12-01 to NAME; both may be left out, NAME is a colleague."
    ),
    "needs_name": _("{0} needs a name, “me” or “nobody”."),
    "no_such_status": _("#status {0}: there is no such status. Use one of: {1}."),
    "no_such_language": _("#language takes one of: {0}."),
    "no_such_mailbox": _("#mailbox {0}: that is none of our mailboxes. Use one of: {1}."),
    "same_mailbox": _("It is a ticket of {0} already."),
    "needs_sender": _("{0} needs an address or a domain, such as #block junk.example."),
    "alias_set": _("Mail from {0} counts as written by {1} from now on, and everything goes to {1}."),
    "alias_parted": _(
        "{0} and {1} are two people: what either wrote meanwhile on a request of the other is for agents alone."
    ),
    "alias_wrote": _("Written from {0}, which is {1}'s as well."),
    "alias_doubt": _(
        "{0} is known here (own requests: {1}). What was asked from there becomes the requester's, who reads all of it "
        "from then on, and nothing is sent to {0} any more."
    ),
    "alias_copies": _(
        "{0} takes part in requests of others ({1}): what is written there goes to the requester from then on, "
        "instead of {0}."
    ),
    "alias_nobody": _("#alias makes {0} an address of {1}: both must be a customer's."),
    "alias_already": _("{0} is an address of {1} already."),
    "alias_of_another": _("{0} is an address of {1}: #unalias {0} ends that."),
    "alias_unknown": _("{0} is nobody's further address."),
    "block_ours": _("{0} is ours or an agent's, and cannot be blocked."),
    "block_provider": _("{0} belongs to a provider of mail for everybody: block single addresses of it."),
    "own_mailbox": _("{0} is one of our own mailboxes: nothing is ever sent there."),
    "no_such_agent": _("#assign {0}: no agent, or more than one, goes by that name. Use one of: {1}."),
    "contradiction": _("{0} contradict each other; use one of them."),
    "command_in_subject": _("“{0}” stands in your subject. Commands belong on the first lines of your text."),
    "command_below": _("“{0}” stands below your text. Commands belong on the first lines."),
}
"""Code → English. Stored rows hold codes: none is ever taken away."""

ANSWER = "#reply"
"""What an order that is an answer alone is called in stored codes; nobody writes that."""
_ANSWER, _OF_FIVE = _("the answer"), _("{0} of 5")
_RATINGS = {"good": _("good"), "bad": _("bad")}

_OF_ORDERS = {
    **dict.fromkeys(("did_you_mean", "hidden_command", "undone", "stopped"), 1),
    "takes_nothing": 0,
    "contradiction": 0,
    "stands_alone": 0,
    "not_beside": 0,
    "draft_order": 0,
    "forward_form": 0,
    "from_needs_forward": 0,
}
"""Sentences that name orders, beside those of what one needs: from which argument on. What stands before is quoted."""

_TIMED = {"snoozed", "snoozed_on_board", "away_until", "away_until_to", "draft_until"}
"""Sentences with days or moments, by the site's clock."""


def text_of(sentence: str, language: str) -> str:
    """The sentence in a language; English where there is no other. What is no code reads as it stands."""
    name, *arguments = sentence.split(SEPARATOR)
    if name == "event":
        return invitation.text(arguments, texts.catalog(language))
    if name in ("files_sent", "files_linked"):
        return _files(name, arguments, texts.catalog(language))
    if name not in SENTENCES:
        return sentence
    words = texts.catalog(language)
    if name in ("status_set", "status_on_board", "status_now", "no_move"):
        arguments = [_status(a, language) for a in arguments]
    if name in _TIMED:
        arguments = [_time(a, words) for a in arguments]
    if name == "rated":
        arguments = [words.gettext(_RATINGS.get(a, _OF_FIVE), a) for a in arguments]
    if name == "no_such_status":
        arguments[1:] = [", ".join(status_called(s, language) for s in a.split(", ")) for a in arguments[1:]]
    if name.startswith("needs_") or name in _OF_ORDERS:
        n = _OF_ORDERS.get(name, 0)
        arguments[n:] = [words.gettext(_ANSWER) if a == ANSWER else in_words_of(words, a) for a in arguments[n:]]
    arguments = [isolated(a) for a in arguments]
    try:
        if name in counted.COUNTED:
            return counted.text_of(name, arguments, words)
        return words.gettext(SENTENCES[name], *arguments)
    except IndexError:
        return sentence


def _files(name: str, arguments: list[str], words: texts.Catalog) -> str:
    """Of names and sizes in turn."""
    files = [words.file(file, int(size)) for file, size in zip(arguments[::2], arguments[1::2], strict=True)]
    names, linked = ", ".join(files), SENTENCES["goes_as_link"]
    if name == "files_linked":
        return words.gettext(linked, names)
    return words.ngettext("Attachment: {names}", "Attachments: {names}", len(files), names=names)


def _time(value: str, words: texts.Catalog) -> str:
    """A time is kept as ISO 8601 writes it and read as the reader writes it; what is none stays as it is."""
    try:
        moment = datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        return value
    return words.short_moment(moment, UTC) if ":" in value else words.day(moment, UTC)


def _status(value: str, language: str) -> str:
    """A status is kept by its value and read by its label."""
    try:
        return agent_label(Status(value), language)
    except ValueError:
        return value

"""Short words of our mails that are not in their templates: subjects, buttons, headlines, in English."""

from __future__ import annotations

from gateway.core.notice import Notice
from gateway.texts import mark as _

SUBJECTS: dict[Notice, str] = {
    Notice.REGISTRATION: _("Your access to the service portal"),
    Notice.REGISTERED: _("Your access is ready"),
    Notice.PASSWORD_RESET: _("Set a new password"),
    Notice.SIGN_IN: _("Your link to sign in"),
    Notice.TICKET_LIST: _("Your open requests"),
    Notice.OPERATOR_ALARM: _("Replydesk needs your attention"),
}

BUTTONS: dict[str, str] = {
    "portal": _("Open service portal"),
    "register": _("Register"),
    "sign_in": _("Sign in"),
    "reset": _("Set a new password"),
    "close": _("Close ticket"),
    "ticket": _("View ticket"),
}

RATINGS = {
    "1": _("Very dissatisfied"),
    "2": _("Dissatisfied"),
    "3": _("Neither satisfied nor dissatisfied"),
    "4": _("Satisfied"),
    "5": _("Very satisfied"),
    "good": _("Good"),
    "bad": _("Bad"),
}

HEADLINES: dict[str, str] = {
    "new_request": _("New request"),
    "reply": _("New reply"),
    "adviser": _("Answer from an adviser"),
    "reopened": _("Reopened"),
    "bounce": _("Our mail was not delivered"),
    "closed_by_requester": _("Closed by the requester"),
    "note": _("New note"),
    "held": _("A mail is held"),
    "snooze_due": _("Snoozed until now"),
    "texts": _("Ready texts"),
    "shown": _("As it stands"),
    "woken": _("Back sooner than planned"),
    "target_near": _("An answer is due soon"),
    "target_missed": _("The time to answer is over"),
    "holder_away": _("Whoever has it is away"),
    "rated_bad": _("Badly rated"),
    "digest": _("What is open"),
    "review": _("Closed by their requesters"),
    "answered": _("Answered by a colleague"),
    "acted": _("Changed by a colleague"),
    "undone": _("Taken back"),
    "apart": _("Taken back"),
    "assigned": _("Assigned"),
    "unassigned": _("Back with the team"),
    "split": _("Split off"),
    "merged": _("Merged"),
    "moved": _("A mail was moved here"),
    "handed_over": _("Handed over"),
    "help": _("Commands"),
    "undeliverable": _("Our mail could not be sent"),
    "done": _("Done"),
    "nothing_done": _("Nothing was done"),
    "alarm": _("Please look at this"),
    "all_clear": _("It works again"),
    "kept": _("Kept as a draft, nothing was sent"),
    "drafts": _("Your drafts"),
    "other_account": _("Mail from an unknown account"),
    "forged": _("Somebody wrote in your name"),
}

"""Short words of our mails that are not in their templates: subjects, buttons, headlines; by language."""

from __future__ import annotations

from gateway.core.notice import Notice

SUBJECTS: dict[str, dict[Notice, str]] = {
    "en": {
        Notice.REGISTRATION: "Your access to the service portal",
        Notice.REGISTERED: "Your access is ready",
        Notice.PASSWORD_RESET: "Set a new password",
        Notice.TICKET_LIST: "Your open requests",
        Notice.OPERATOR_ALARM: "Replydesk needs your attention",
    },
    "de": {
        Notice.REGISTRATION: "Ihr Zugang zum Serviceportal",
        Notice.REGISTERED: "Ihr Zugang ist eingerichtet",
        Notice.PASSWORD_RESET: "Neues Passwort festlegen",
        Notice.TICKET_LIST: "Ihre offenen Anfragen",
        Notice.OPERATOR_ALARM: "Replydesk braucht Ihre Aufmerksamkeit",
    },
}

BUTTONS: dict[str, dict[str, str]] = {
    "en": {
        "portal": "Open service portal",
        "register": "Register",
        "sign_in": "Sign in",
        "reset": "Set a new password",
        "close": "Close ticket",
        "ticket": "View ticket",
    },
    "de": {
        "portal": "Serviceportal öffnen",
        "register": "Registrieren",
        "sign_in": "Anmelden",
        "reset": "Neues Passwort festlegen",
        "close": "Ticket schließen",
        "ticket": "Ticket ansehen",
    },
}

RATINGS = {"en": {"good": "Good", "bad": "Bad"}, "de": {"good": "Gut", "bad": "Schlecht"}}

HEADLINES: dict[str, dict[str, str]] = {
    "en": {
        "new_request": "New request",
        "reply": "New reply",
        "reopened": "Reopened",
        "bounce": "Our mail was not delivered",
        "closed_by_requester": "Closed by the requester",
        "note": "New note",
        "held": "A mail is held",
        "target_near": "An answer is due soon",
        "target_missed": "The time to answer is over",
        "rated_bad": "Badly rated",
        "digest": "What is open",
        "review": "Closed by their requesters",
        "answered": "Answered by a colleague",
        "help": "Commands",
        "undeliverable": "Our mail could not be sent",
        "done": "Done",
        "nothing_done": "Nothing was done",
        "alarm": "Please look at this",
        "all_clear": "It works again",
        "forged": "Somebody wrote in your name",
    },
    "de": {
        "new_request": "Neue Anfrage",
        "reply": "Neue Antwort",
        "reopened": "Wieder geöffnet",
        "bounce": "Unsere Mail kam nicht an",
        "closed_by_requester": "Vom Anfragenden geschlossen",
        "note": "Neue Notiz",
        "held": "Eine Mail wird zurückgehalten",
        "target_near": "Eine Antwort ist bald fällig",
        "target_missed": "Die Antwortzeit ist abgelaufen",
        "rated_bad": "Schlecht bewertet",
        "digest": "Was offen ist",
        "review": "Von den Kontakten selbst geschlossen",
        "answered": "Von einem Kollegen beantwortet",
        "help": "Befehle",
        "undeliverable": "Unsere Mail ließ sich nicht senden",
        "done": "Erledigt",
        "nothing_done": "Es wurde nichts ausgeführt",
        "alarm": "Bitte ansehen",
        "all_clear": "Es geht wieder",
        "forged": "Jemand hat in Ihrem Namen geschrieben",
    },
}

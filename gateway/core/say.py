"""Sentences for agents and operators, in their language, from a closed list.

A sentence is kept as its code and arguments (`reopened\tKim`), so that it can be stored once and
read in English by one agent and in German by the next. Text that is no code reads as it stands.
"""

from __future__ import annotations

from gateway.core.lifecycle import Status, agent_label
from gateway.mail.sentence import SEPARATOR, code

SENTENCES: dict[str, tuple[str, str]] = {
    # what happened to a ticket
    "reopened": ("Reopened: {0} replied.", "Wieder geöffnet: {0} hat geantwortet."),
    "imported": ("Imported from an archive.", "Aus einem Archiv übernommen."),
    "closed_by_mail": ("Closed by the requester, by mail.", "Vom Kontakt per Mail geschlossen."),
    "closed_by_link": (
        "Closed by the requester, with the link in a mail.",
        "Vom Kontakt über den Link in einer Mail geschlossen.",
    ),
    "closed_on_page": ("Closed by the requester, on the status page.", "Vom Kontakt auf der Statusseite geschlossen."),
    "closed_by_time": ("Closed: solved for {0} days.", "Geschlossen: seit {0} Tagen gelöst."),
    "rating_asked": ("The customer was asked how it was.", "Der Kontakt wurde gefragt, wie es war."),
    "rated": ("The customer rated it: {0}.", "Der Kontakt hat bewertet: {0}."),
    "rated_comment": ("Comment: {0}", "Kommentar: {0}"),
    "solved_by_time": (
        "Counts as solved: no answer for {0} days.",
        "Gilt als gelöst: seit {0} Tagen keine Antwort.",
    ),
    "target_near": ("An answer is due soon.", "Eine Antwort ist bald fällig."),
    "target_missed": ("The time to answer is over.", "Die Antwortzeit ist abgelaufen."),
    "continues": (
        "Your earlier request {0} was closed some time ago. It continues under this new reference.",
        "Ihre frühere Anfrage {0} ist seit längerem geschlossen. Sie wird unter dieser neuen Nummer fortgeführt.",
    ),
    "status_set": ("Status set to “{0}” by {1}.", "Status auf „{0}“ gesetzt von {1}."),
    "assigned": ("Assigned to {0}.", "Zugewiesen an {0}."),
    "unassigned": ("Assigned to nobody.", "Niemandem zugewiesen."),
    "follows": ("{0} follows.", "{0} folgt dem Ticket."),
    "unfollows": ("{0} does not follow any more.", "{0} folgt dem Ticket nicht mehr."),
    "language_set": ("Language set to {0}.", "Sprache auf {0} gesetzt."),
    "spam": ("Marked as spam by {0}.", "Als Spam markiert von {0}."),
    "requester_set": ("The requester is now {0}.", "Der Kontakt ist jetzt {0}."),
    "split_off": ("Split off #{0} by {1}.", "Aus #{0} herausgelöst von {1}."),
    "split_to": ("A mail was split off to #{0} by {1}.", "Eine Mail wurde von {1} nach #{0} herausgelöst."),
    "moved_here": ("A mail was moved here from #{0} by {1}.", "Eine Mail wurde von {1} aus #{0} hierher verschoben."),
    "merged_here": (
        "#{0} was merged into this ticket by {1}.",
        "#{0} wurde von {1} mit diesem Ticket zusammengeführt.",
    ),
    "undone": ("{0} took back: {1}.", "{0} hat zurückgenommen: {1}."),
    "confirmed": ("{0} takes part now.", "{0} nimmt jetzt teil."),
    "not_sent": (
        "Our mail to {0} could not be sent: {1}",
        "Unsere Mail an {0} ließ sich nicht senden: {1}",
    ),
    # what an agent should know of a mail
    "undelivered": ("Our mail to {0} was not delivered.", "Unsere Mail an {0} wurde nicht zugestellt."),
    "undelivered_because": (
        "Our mail to {0} was not delivered. Reason given: {1}",
        "Unsere Mail an {0} wurde nicht zugestellt. Angegebener Grund: {1}",
    ),
    "unconfirmed": (
        "{0} is not confirmed on this ticket: answers go to them only once you or the requester have written to them.",
        "{0} ist auf diesem Ticket nicht bestätigt: Antworten gehen erst dorthin, wenn Sie oder der Kontakt "
        "an diese Adresse geschrieben haben.",
    ),
    "same_id": (
        "A different mail with the same Message-ID was received before.",
        "Eine andere Mail mit derselben Message-ID ist schon eingegangen.",
    ),
    "encrypted": (
        "The content is encrypted and cannot be read without a key; it is attached.",
        "Der Inhalt ist verschlüsselt und ohne Schlüssel nicht lesbar; er ist angehängt.",
    ),
    "close_unproven": (
        "It asks for closing, but does not prove that the requester sent it.",
        "Die Mail bittet um Schließen, beweist aber nicht, dass sie vom Kontakt stammt.",
    ),
    "follows_ticket": (
        "Follows #{0}, which was closed too long ago to be reopened.",
        "Folgt auf #{0}, das zu lange geschlossen ist, um wieder geöffnet zu werden.",
    ),
    "claims_ticket": (
        "Claims to belong to #{0}, but its author has no part in it and shows no signed mark.",
        "Gibt vor, zu #{0} zu gehören, aber der Absender ist dort unbekannt und weist sich nicht aus.",
    ),
    "on_behalf": ("Opened by {0} on the requester's behalf.", "Von {0} im Namen des Kontakts eröffnet."),
    "forwarded_by": ("Forwarded by {0}.", "Weitergeleitet von {0}."),
    "around": (
        "{0} wrote to the customer directly, with the mailbox in copy.",
        "{0} hat dem Kontakt direkt geschrieben, mit dem Postfach in Kopie.",
    ),
    "sent_around": (
        "{0} answered from the mailbox itself; it was found in its Sent folder.",
        "{0} hat direkt aus dem Postfach geantwortet; die Mail lag in dessen Gesendet-Ordner.",
    ),
    "sent_aside": (
        "Sent from the mailbox itself to {0}, who have no part in this ticket.",
        "Direkt aus dem Postfach gesendet an {0}, ohne Beteiligung an diesem Ticket.",
    ),
    "aside": (
        "Written to {0}, with the mailbox in copy: a comment for agents, which no customer got. To answer the "
        "customer, reply to the notice.",
        "An {0} geschrieben, mit dem Postfach in Kopie: ein Kommentar für Agenten, den kein Kontakt bekommen hat. Um "
        "dem Kontakt zu antworten, antworten Sie auf die Benachrichtigung.",
    ),
    "recalled": ("Recalled before it was sent.", "Zurückgerufen, bevor es gesendet wurde."),
    # receipts
    "sent_to": ("Sent to {0}.", "Gesendet an {0}."),
    "sent_later": (
        "Goes to {0} in {1} minutes. Reply with #undo to stop it.",
        "Geht in {1} Minuten an {0}. Mit #undo halten Sie es auf.",
    ),
    "nothing_sent": ("Nothing was sent to the customer.", "An den Kontakt wurde nichts gesendet."),
    "told_status": ("The customer was told the new status.", "Der Kontakt wurde über den neuen Status informiert."),
    "told_closed": ("The customer was told that it is closed.", "Der Kontakt wurde über das Schließen informiert."),
    "told_solved": ("The customer was asked to confirm.", "Der Kontakt wurde um Bestätigung gebeten."),
    "told_received": ("The customer was sent the reference.", "Dem Kontakt wurde die Ticketnummer geschickt."),
    "status_now": ("The status is now “{0}”.", "Der Status ist jetzt „{0}“."),
    "undo_hint": ("To take it back, reply with #undo.", "Mit #undo nehmen Sie es zurück."),
    "noted": ("The note is on the ticket, for agents only.", "Die Notiz steht am Ticket, nur für Agenten."),
    "no_proof": (
        "Nothing proves that this mail is from the agent it names, so nothing was sent or changed. It is on the "
        "ticket as a comment. If you wrote it, reply to the latest notice you got yourself.",
        "Nichts beweist, dass diese Mail von dem Agenten stammt, den sie nennt; deshalb wurde nichts gesendet oder "
        "geändert. Sie steht als Kommentar am Ticket. Falls Sie sie geschrieben haben, antworten Sie bitte auf die "
        "letzte Benachrichtigung, die Sie selbst erhalten haben.",
    ),
    "order_unproven": (
        "It names an agent as its author and holds commands, but nothing proves it: they were not carried out.",
        "Die Mail nennt einen Agenten als Absender und enthält Befehle, beweist es aber nicht: Sie wurden nicht "
        "ausgeführt.",
    ),
    "nothing_to_do": (
        "The mail had neither text nor a command.",
        "Die Mail enthielt weder Text noch einen Befehl.",
    ),
    "text_not_sent": ("Your text was not sent:", "Ihr Text wurde nicht gesendet:"),
    "parts_left_out": (
        "Parts of this mail are nested too deep or are too many to show; the original has them.",
        "Teile dieser Mail sind zu tief verschachtelt oder zu viele, um sie zu zeigen; im Original sind sie enthalten.",
    ),
    "text_in_file": (
        "The text is longer than can be shown here; all of it is in the file beside it.",
        "Der Text ist länger, als hier gezeigt werden kann; ganz steht er in der Datei daneben.",
    ),
    "text_cut": (
        "The text is longer than can be shown here; the original has all of it.",
        "Der Text ist länger, als hier gezeigt werden kann; ganz steht er im Original.",
    ),
    "winmail_empty": (
        "The mail came with a winmail.dat that holds nothing but formatting.",
        "Der Mail lag eine winmail.dat bei, die nur Formatierung enthält.",
    ),
    "nothing_shown": ("Nothing of this mail is shown: {0}.", "Von dieser Mail wird nichts gezeigt: {0}."),
    "cut": (
        "Cut from your text, because it is for agents only: {0} lines.",
        "Aus Ihrem Text entfernt, weil nur für Agenten bestimmt: {0} Zeilen.",
    ),
    "left_out": (
        "Not sent along, because it is for agents only: {0}.",
        "Nicht mitgesendet, weil nur für Agenten bestimmt: {0}.",
    ),
    "answer_encrypted": (
        "Your mail is encrypted, so it cannot be read here and nothing was sent. Please send it without encryption.",
        "Ihre Mail ist verschlüsselt und hier nicht lesbar, deshalb wurde nichts gesendet. Bitte senden Sie sie "
        "unverschlüsselt.",
    ),
    "inseparable": (
        "Your text could not be told from the notice it quotes, so nothing was sent. Please delete the quoted notice "
        "and send it again.",
        "Ihr Text ließ sich nicht von der zitierten Benachrichtigung trennen, deshalb wurde nichts gesendet. Bitte "
        "löschen Sie das Zitat und senden Sie die Mail noch einmal.",
    ),
    "commands_are": (
        "Commands, each on a line of its own before your text:",
        "Befehle, jeder auf einer eigenen Zeile vor Ihrem Text:",
    ),
    "own_address": (
        "Your own address for forwards with #from and new mails with #to, do not give it away: {0}",
        "Ihre eigene Adresse für Weiterleitungen mit #from und neue Mails mit #to, bitte nicht weitergeben: {0}",
    ),
    "stands_alone": (
        "{0} stands alone: send other commands in a mail of their own.",
        "{0} steht für sich allein: Senden Sie andere Befehle in einer eigenen Mail.",
    ),
    "to_begins": (
        "#to begins a new ticket, and this mail belongs to one: send it as a new mail to your own address, which #help "
        "names.",
        "#to beginnt ein neues Ticket, und diese Mail gehört zu einem: Senden Sie sie als neue Mail an Ihre eigene "
        "Adresse, die #help nennt.",
    ),
    "from_alone": (
        "#from in the answer to a notice changes the requester and stands alone: it is not clear to whom your text "
        "should go.",
        "#from in der Antwort auf eine Benachrichtigung ändert den Kontakt und steht für sich allein: Es ist nicht "
        "klar, an wen Ihr Text gehen soll.",
    ),
    "forwarded_inner": (
        "The mail you forward is from {0}, not from the customer: a customer would read it. Please forward the "
        "customer's own mail, or write what they asked yourself.",
        "Die weitergeleitete Mail ist von {0}, nicht vom Kontakt: Ein Kontakt würde sie lesen. Bitte leiten Sie die "
        "Mail des Kontakts selbst weiter, oder schreiben Sie das Anliegen selbst auf.",
    ),
    "reopen_alone": (
        "#reopen with a number stands alone: it is not clear on which ticket your text belongs.",
        "#reopen mit einer Nummer steht für sich allein: Es ist nicht klar, zu welchem Ticket Ihr Text gehört.",
    ),
    "held": (
        "A mail could not be handled and is held for the operator (journal entry {0}): {1}",
        "Eine Mail ließ sich nicht bearbeiten und wird für den Betreiber zurückgehalten (Journaleintrag {0}): {1}",
    ),
    "nothing_to_undo": (
        "There is nothing of yours on this ticket that could be taken back.",
        "Auf diesem Ticket gibt es nichts von Ihnen, das sich zurücknehmen ließe.",
    ),
    "too_late": (
        "It is too late: the mail to {0} has been sent.",
        "Zu spät: Die Mail an {0} ist bereits gesendet.",
    ),
    "no_such_ticket": ("There is no ticket #{0}.", "Es gibt kein Ticket #{0}."),
    "same_ticket": ("#{0} is this very ticket.", "#{0} ist dieses Ticket selbst."),
    "no_mail_meant": (
        "It is not clear which mail you mean: reply to the notice about it.",
        "Es ist nicht klar, welche Mail gemeint ist: Antworten Sie auf die Benachrichtigung dazu.",
    ),
    "needs_ticket": (
        "{0} needs a ticket: reply to a notice about it.",
        "{0} braucht ein Ticket: Antworten Sie auf eine Benachrichtigung dazu.",
    ),
    "no_move": (
        "A ticket that is “{0}” cannot be set to “{1}”.",
        "Ein Ticket im Status „{0}“ kann nicht auf „{1}“ gesetzt werden.",
    ),
    # commands that were not understood
    "unknown_command": ("#{0} is not a command. #help lists them all.", "#{0} ist kein Befehl. #help nennt alle."),
    "did_you_mean": ("#{0} is not a command. Did you mean {1}?", "#{0} ist kein Befehl. Meinten Sie {1}?"),
    "takes_nothing": (
        "{0} takes nothing after it; put your text on the next line.",
        "Nach {0} folgt nichts; schreiben Sie Ihren Text auf die nächste Zeile.",
    ),
    "needs_number": ("{0} needs a ticket number, such as {1} 1042.", "{0} braucht eine Ticketnummer, etwa {1} 1042."),
    "needs_address": (
        "{0} needs one e-mail address, such as {1} customer@example.com.",
        "{0} braucht eine E-Mail-Adresse, etwa {1} kunde@example.com.",
    ),
    "needs_name": ("{0} needs a name, “me” or “nobody”.", "{0} braucht einen Namen, „me“ oder „nobody“."),
    "no_such_status": (
        "#status {0}: there is no such status. Use one of: {1}.",
        "#status {0}: Diesen Status gibt es nicht. Möglich sind: {1}.",
    ),
    "no_such_language": ("#language takes one of: {0}.", "#language nimmt: {0}."),
    "own_mailbox": (
        "{0} is one of our own mailboxes: nothing is ever sent there.",
        "{0} ist eines unserer eigenen Postfächer: Dorthin wird nie etwas gesendet.",
    ),
    "no_such_agent": (
        "#assign {0}: no agent, or more than one, goes by that name. Use one of: {1}.",
        "#assign {0}: Kein Agent heißt so, oder mehrere. Möglich sind: {1}.",
    ),
    "contradiction": (
        "{0} contradict each other; use one of them.",
        "{0} widersprechen sich; verwenden Sie nur einen davon.",
    ),
    "command_below": (
        "“{0}” stands below your text. Commands belong on the first lines.",
        "„{0}“ steht unter Ihrem Text. Befehle gehören auf die ersten Zeilen.",
    ),
}
"""Code → English, German."""


_RATINGS = {"good": ("good", "gut"), "bad": ("bad", "schlecht")}


def say(name: str, *arguments: object) -> str:
    """A sentence to be stored or handed on; read it with `spoken`."""
    if name not in SENTENCES:
        raise KeyError(name)
    return code(name, *arguments)


def spoken(sentence: str, language: str) -> str:
    """The sentence in a language; English where there is no other."""
    name, *arguments = sentence.split(SEPARATOR)
    found = SENTENCES.get(name)
    if found is None:
        return sentence
    if name in ("status_set", "status_now", "no_move"):
        arguments = [_status(a, language) for a in arguments]
    if name == "rated":
        arguments = [_RATINGS.get(a, (f"{a} of 5", f"{a} von 5"))[language == "de"] for a in arguments]
    text = found[1] if language == "de" else found[0]
    try:
        return text.format(*arguments)
    except IndexError:
        return sentence


def _status(value: str, language: str) -> str:
    """A status is kept by its value and read by its label."""
    try:
        return agent_label(Status(value), language)
    except ValueError:
        return value

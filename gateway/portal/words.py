"""Every sentence of the portal, in every language it speaks. A missing one does not pass mypy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One language. `{name}` marks what is put in."""

    language: str
    language_name: str

    portal: str
    skip: str
    languages: str
    my_tickets: str
    sign_in: str
    sign_out: str
    signed_in_as: str
    by_mail: str

    address: str
    password: str
    password_new: str
    password_again: str
    password_hint: str

    sign_in_title: str
    sign_in_intro: str
    sign_in_forgot: str
    sign_in_wrong: str
    sign_in_often: str
    please_sign_in: str
    signed_out: str

    forgot_title: str
    forgot_intro: str
    forgot_button: str
    forgot_sent_title: str
    forgot_sent: str

    register_title: str
    register_intro: str
    register_button: str
    reset_title: str
    reset_intro: str
    reset_button: str

    address_missing: str
    address_wrong: str
    password_missing: str
    password_short: str
    password_long: str
    password_is_address: str
    passwords_differ: str

    link_wrong_title: str
    link_wrong: str
    link_wrong_close: str
    link_expired_title: str
    link_expired: str
    link_used_title: str
    link_used: str
    new_link: str

    close_title: str
    close_intro: str
    close_button: str
    close_keep: str
    closed_title: str
    closed_text: str
    close_expired: str
    view_ticket: str

    link_wrong_rate: str
    rate_title: str
    rate_question: str
    rate_hint: str
    rate_labels: Mapping[str, str]
    """Answers that are no numbers."""
    rate_comment: str
    rate_button: str
    rate_open: str
    rate_missing: str
    rate_long: str
    rate_before: str
    rate_until: str
    rate_over_title: str
    rate_over: str
    rated_title: str
    rated_text: str
    rate_change: str

    tickets_title: str
    search: str
    status: str
    status_all: str
    status_open: str
    apply: str
    clear: str
    none_yet: str
    none_found: str
    created: str
    last_activity: str
    statuses_title: str
    newer: str
    older: str
    page: str
    pages: str

    facts: str
    reference: str
    people: str
    conversation: str
    newest_first: str
    nothing_yet: str
    all_messages: str
    you: str
    unconfirmed: str
    whole_message: str
    shortened: str
    original: str
    attachments: str
    pictures_one: str
    pictures_many: str
    file_type: str
    reply_button: str
    reply_hint: str
    reopen_hint: str
    confirm_button: str
    reply_title: str
    reply_text: str
    reply_solved: str
    reply_send: str
    reply_empty: str
    reply_long: str
    reply_done: str
    reply_closed: str
    your_text: str

    original_title: str
    back_to_ticket: str
    remote_blocked: str
    nested: str
    not_shown: str
    gone_title: str
    gone: str

    missing_title: str
    missing: str
    ticket_missing_title: str
    ticket_missing: str
    forged_title: str
    forged: str
    method_title: str
    method: str
    large_title: str
    large: str
    often_title: str
    often: str
    fault_title: str
    fault: str
    away_title: str
    away: str
    start_page: str


EN = Words(
    language="en",
    language_name="English",
    portal="Service portal",
    skip="Skip to the content",
    languages="Language",
    my_tickets="My tickets",
    sign_in="Sign in",
    sign_out="Sign out",
    signed_in_as="Signed in as {address}",
    by_mail="You can always write to us:",
    address="E-mail address",
    password="Password",
    password_new="New password",
    password_again="New password again",
    password_hint="At least 10 characters. A short sentence is easy to remember and hard to guess.",
    sign_in_title="Sign in",
    sign_in_intro="See how your requests are doing, and read our answers again.",
    sign_in_forgot="Forgot your password, or never set one?",
    sign_in_wrong="This address and password do not go together. Please check both, or set a new password.",
    sign_in_often="That was tried too often. Please wait a quarter of an hour, or set a new password.",
    please_sign_in="Please sign in to see this page.",
    signed_out="You are signed out.",
    forgot_title="Set a new password",
    forgot_intro="Enter the address you write to us from. We will send you a link to set a password, "
    "be it a new one or your first.",
    forgot_button="Send me the link",
    forgot_sent_title="Look into your inbox",
    forgot_sent="If we know this address, a mail with a link is on its way to it. Should nothing arrive within a few "
    "minutes, please look into the spam folder too, or write to us.",
    register_title="Set your password",
    register_intro="With it you can see your tickets at any time.",
    register_button="Register",
    reset_title="Set a new password",
    reset_intro="Wherever you are still signed in, that ends with the new password.",
    reset_button="Save password",
    address_missing="Please enter your e-mail address.",
    address_wrong="Please enter a complete address, such as name@example.com.",
    password_missing="Please enter your password.",
    password_short="Please use at least 10 characters.",
    password_long="Please use at most 1,000 characters.",
    password_is_address="Please do not use your address as the password.",
    passwords_differ="This is not the same as the first entry. Please type it again.",
    link_wrong_title="This link does not work",
    link_wrong="Perhaps a part of it was lost. Please open it from our mail again, or ask for a new one.",
    link_wrong_close="Perhaps a part of it was lost. Please open it from our mail again, or reply to that mail.",
    link_expired_title="This link has expired",
    link_expired="Links act for a limited time only. We will gladly send you a new one.",
    link_used_title="This link was used already",
    link_used="A password has been set since we sent it. Sign in with that, or ask for a new link.",
    new_link="Request a new link",
    close_title="Close this ticket?",
    close_intro="Is everything done? Then close the ticket here.",
    close_button="Close ticket",
    close_keep="Something still open? Then just reply to our mail instead, and the ticket stays open.",
    closed_title="The ticket is closed",
    closed_text="Thank you. Should something still be open, reply to any of our mails about it: that opens the ticket "
    "again.",
    close_expired="To close the ticket, reply to our mail and write #close in the first line, or sign in and close it "
    "there.",
    view_ticket="View ticket",
    link_wrong_rate="Perhaps a part of it was lost. Please open it from our mail again, or simply write to us.",
    rate_title="How did we do?",
    rate_question="How satisfied are you with the way we handled your request?",
    rate_hint="1 means not at all satisfied, 5 very satisfied.",
    rate_labels={"good": "Good", "bad": "Bad"},
    rate_comment="Anything you would like to tell us (optional)",
    rate_button="Send",
    rate_open="Is something still open? Then please reply to our mail, so that we take it up again.",
    rate_missing="Please choose an answer.",
    rate_long="Please use at most 2,000 characters. Longer texts can be sent by e-mail.",
    rate_before="Your answer so far: {value}.",
    rate_until="You can change it until {when}.",
    rate_over_title="This can no longer be answered",
    rate_over="The time for it is over, or we have asked you again since: then please use the link in our newest mail. "
    "You can tell us what you think at any time by replying to one of our mails.",
    rated_title="Thank you",
    rated_text="Your answer has been saved. It helps us to get better.",
    rate_change="Change the answer",
    tickets_title="My tickets",
    search="Search",
    status="Status",
    status_all="All",
    status_open="All open",
    apply="Show",
    clear="Clear filter",
    none_yet="You have no tickets yet. Write to us, and your request will appear here.",
    none_found="No ticket matches this filter.",
    created="Created",
    last_activity="Last activity",
    statuses_title="What the statuses mean",
    newer="Newer tickets",
    older="Older tickets",
    page="Page {number}",
    pages="Pages",
    facts="Key facts",
    reference="Reference",
    people="Who gets our answers",
    conversation="Conversation",
    newest_first="Newest message first",
    nothing_yet="There are no messages yet.",
    all_messages="Show older messages as well",
    you="You",
    unconfirmed="We have not confirmed that this sender belongs to the ticket.",
    whole_message="Show the whole message",
    shortened="The rest of this long message is on a page of its own.",
    original="View original message",
    attachments="Attachments",
    pictures_one="1 picture from the message",
    pictures_many="{count} pictures from the message",
    file_type="{type} file",
    reply_button="Reply by e-mail",
    reply_hint="You can also reply to any of our mails about this ticket.",
    reopen_hint="This ticket is closed. A reply by e-mail opens it again.",
    confirm_button="Yes, it is solved",
    reply_title="Reply",
    reply_text="Your message",
    reply_solved="I consider this solved: close the ticket",
    reply_send="Send",
    reply_empty="Please write something, or tick the box.",
    reply_long="Please use at most 50,000 characters. Longer texts can be sent by e-mail.",
    reply_done="Your message has been added.",
    reply_closed="The ticket was closed in the meantime, so your text was not added. Please send it by e-mail: that "
    "opens the ticket again.",
    your_text="Your text, so that you can copy it",
    original_title="Message",
    back_to_ticket="Back to the ticket",
    remote_blocked="This message wanted to load pictures from elsewhere. They are not shown, to protect your privacy.",
    nested="Enclosed message: {subject}",
    not_shown="Not shown here",
    gone_title="This is no longer kept",
    gone="The original of this message has been deleted after its retention period.",
    missing_title="There is no such page",
    missing="Perhaps a part of the address was lost. Please check it, or start from the beginning.",
    ticket_missing_title="We cannot show this ticket",
    ticket_missing="It does not exist, or it belongs to another address. You see the tickets of the address you "
    "are signed in with.",
    forged_title="Please try that again",
    forged="The page had been open for too long, or your browser keeps no cookies. Nothing was changed. Please go "
    "back, reload the page and try again.",
    method_title="That does not work here",
    method="This page cannot be used in that way.",
    large_title="That is too much",
    large="What was sent is larger than this page takes. Please send it by e-mail.",
    often_title="Please wait a moment",
    often="There were too many attempts from your connection. Please try again later.",
    fault_title="Something went wrong here",
    fault="The fault is ours and has been noted. Please try again later. Mail to us is not affected.",
    away_title="We will be back in a moment",
    away="The portal cannot answer right now. Please try again in a minute. Mail to us is not affected.",
    start_page="Go to the start page",
)

DE = Words(
    language="de",
    language_name="Deutsch",
    portal="Serviceportal",
    skip="Zum Inhalt springen",
    languages="Sprache",
    my_tickets="Meine Tickets",
    sign_in="Anmelden",
    sign_out="Abmelden",
    signed_in_as="Angemeldet als {address}",
    by_mail="Sie können uns jederzeit schreiben:",
    address="E-Mail-Adresse",
    password="Passwort",
    password_new="Neues Passwort",
    password_again="Neues Passwort wiederholen",
    password_hint="Mindestens 10 Zeichen. Ein kurzer Satz ist leicht zu merken und schwer zu erraten.",
    sign_in_title="Anmelden",
    sign_in_intro="Sehen Sie nach, wie es um Ihre Anfragen steht, und lesen Sie unsere Antworten noch einmal.",
    sign_in_forgot="Passwort vergessen oder noch keines festgelegt?",
    sign_in_wrong="Adresse und Passwort passen nicht zusammen. Bitte prüfen Sie beides oder legen Sie ein neues "
    "Passwort fest.",
    sign_in_often="Das waren zu viele Versuche. Bitte warten Sie eine Viertelstunde oder legen Sie ein neues Passwort "
    "fest.",
    please_sign_in="Bitte melden Sie sich an, um diese Seite zu sehen.",
    signed_out="Sie sind abgemeldet.",
    forgot_title="Neues Passwort festlegen",
    forgot_intro="Geben Sie die Adresse ein, von der Sie uns schreiben. Wir schicken Ihnen einen Link, mit dem Sie ein "
    "Passwort festlegen können, auch Ihr erstes.",
    forgot_button="Link zusenden",
    forgot_sent_title="Sehen Sie in Ihr Postfach",
    forgot_sent="Wenn uns diese Adresse bekannt ist, ist eine E-Mail mit einem Link dorthin unterwegs. Falls in den "
    "nächsten Minuten nichts ankommt, sehen Sie bitte auch im Spam-Ordner nach oder schreiben Sie uns.",
    register_title="Passwort festlegen",
    register_intro="Damit können Sie Ihre Tickets jederzeit einsehen.",
    register_button="Registrieren",
    reset_title="Neues Passwort festlegen",
    reset_intro="Wo Sie noch angemeldet sind, werden Sie mit dem neuen Passwort abgemeldet.",
    reset_button="Passwort speichern",
    address_missing="Bitte geben Sie Ihre E-Mail-Adresse ein.",
    address_wrong="Bitte geben Sie eine vollständige Adresse ein, zum Beispiel name@example.com.",
    password_missing="Bitte geben Sie Ihr Passwort ein.",
    password_short="Bitte verwenden Sie mindestens 10 Zeichen.",
    password_long="Bitte verwenden Sie höchstens 1.000 Zeichen.",
    password_is_address="Bitte verwenden Sie nicht Ihre Adresse als Passwort.",
    passwords_differ="Das stimmt nicht mit der ersten Eingabe überein. Bitte geben Sie es noch einmal ein.",
    link_wrong_title="Dieser Link funktioniert nicht",
    link_wrong="Vielleicht ist ein Teil davon verloren gegangen. Bitte öffnen Sie ihn noch einmal aus unserer E-Mail "
    "oder fordern Sie einen neuen an.",
    link_wrong_close="Vielleicht ist ein Teil davon verloren gegangen. Bitte öffnen Sie ihn noch einmal aus unserer "
    "E-Mail oder antworten Sie auf diese.",
    link_expired_title="Dieser Link ist abgelaufen",
    link_expired="Links gelten nur für begrenzte Zeit. Wir schicken Ihnen gern einen neuen.",
    link_used_title="Dieser Link wurde schon verwendet",
    link_used="Seit wir ihn verschickt haben, wurde ein Passwort festgelegt. Melden Sie sich damit an oder fordern Sie "
    "einen neuen Link an.",
    new_link="Neuen Link anfordern",
    close_title="Dieses Ticket schließen?",
    close_intro="Ist alles erledigt? Dann können Sie das Ticket hier schließen.",
    close_button="Ticket schließen",
    close_keep="Ist noch etwas offen? Dann antworten Sie einfach auf unsere E-Mail, und das Ticket bleibt offen.",
    closed_title="Das Ticket ist geschlossen",
    closed_text="Vielen Dank. Falls doch noch etwas offen ist, antworten Sie auf eine unserer E-Mails dazu: Dann wird "
    "das Ticket wieder geöffnet.",
    close_expired="Um das Ticket zu schließen, antworten Sie auf unsere E-Mail und schreiben Sie #close in die erste "
    "Zeile, oder melden Sie sich an und schließen Sie es dort.",
    view_ticket="Ticket ansehen",
    link_wrong_rate="Vielleicht ist ein Teil davon verloren gegangen. Bitte öffnen Sie ihn noch einmal aus unserer "
    "E-Mail. Sie können uns auch einfach schreiben.",
    rate_title="Wie zufrieden sind Sie?",
    rate_question="Wie zufrieden sind Sie damit, wie wir Ihre Anfrage bearbeitet haben?",
    rate_hint="1 heißt gar nicht zufrieden, 5 sehr zufrieden.",
    rate_labels={"good": "Gut", "bad": "Schlecht"},
    rate_comment="Was möchten Sie uns dazu sagen? (freiwillig)",
    rate_button="Senden",
    rate_open="Ist noch etwas offen? Dann antworten Sie bitte auf unsere E-Mail, damit wir uns wieder darum kümmern.",
    rate_missing="Bitte wählen Sie eine Antwort.",
    rate_long="Bitte verwenden Sie höchstens 2.000 Zeichen. Längere Texte können Sie per E-Mail schicken.",
    rate_before="Ihre bisherige Antwort: {value}.",
    rate_until="Sie können sie bis {when} ändern.",
    rate_over_title="Das lässt sich nicht mehr beantworten",
    rate_over="Die Zeit dafür ist vorbei, oder wir haben Sie inzwischen erneut gefragt: Dann verwenden Sie bitte den "
    "Link in unserer neuesten E-Mail. Ihre Meinung können Sie uns jederzeit als Antwort auf eine unserer E-Mails "
    "schreiben.",
    rated_title="Vielen Dank",
    rated_text="Ihre Antwort ist gespeichert. Sie hilft uns, besser zu werden.",
    rate_change="Antwort ändern",
    tickets_title="Meine Tickets",
    search="Suche",
    status="Status",
    status_all="Alle",
    status_open="Alle offenen",
    apply="Anzeigen",
    clear="Filter aufheben",
    none_yet="Sie haben noch keine Tickets. Schreiben Sie uns, dann erscheint Ihre Anfrage hier.",
    none_found="Kein Ticket entspricht diesem Filter.",
    created="Erstellt",
    last_activity="Letzte Aktivität",
    statuses_title="Was die Status bedeuten",
    newer="Neuere Tickets",
    older="Ältere Tickets",
    page="Seite {number}",
    pages="Seiten",
    facts="Auf einen Blick",
    reference="Ticketnummer",
    people="Wer unsere Antworten bekommt",
    conversation="Verlauf",
    newest_first="Neueste Nachricht zuerst",
    nothing_yet="Es gibt noch keine Nachrichten.",
    all_messages="Auch ältere Nachrichten anzeigen",
    you="Sie",
    unconfirmed="Wir haben nicht bestätigt, dass dieser Absender zum Ticket gehört.",
    whole_message="Ganze Nachricht anzeigen",
    shortened="Der Rest dieser langen Nachricht steht auf einer eigenen Seite.",
    original="Originalnachricht ansehen",
    attachments="Anhänge",
    pictures_one="1 Bild aus der Nachricht",
    pictures_many="{count} Bilder aus der Nachricht",
    file_type="{type}-Datei",
    reply_button="Per E-Mail antworten",
    reply_hint="Sie können auch auf jede unserer E-Mails zu diesem Ticket antworten.",
    reopen_hint="Dieses Ticket ist geschlossen. Eine Antwort per E-Mail öffnet es wieder.",
    confirm_button="Ja, es ist gelöst",
    reply_title="Antworten",
    reply_text="Ihre Nachricht",
    reply_solved="Für mich ist das gelöst: Ticket schließen",
    reply_send="Senden",
    reply_empty="Bitte schreiben Sie etwas oder setzen Sie das Häkchen.",
    reply_long="Bitte verwenden Sie höchstens 50.000 Zeichen. Längere Texte können Sie per E-Mail schicken.",
    reply_done="Ihre Nachricht wurde hinzugefügt.",
    reply_closed="Das Ticket wurde inzwischen geschlossen, Ihr Text wurde daher nicht hinzugefügt. Bitte schicken Sie "
    "ihn per E-Mail: Dann wird das Ticket wieder geöffnet.",
    your_text="Ihr Text, damit Sie ihn kopieren können",
    original_title="Nachricht",
    back_to_ticket="Zurück zum Ticket",
    remote_blocked="Diese Nachricht wollte Bilder von anderen Servern laden. Zum Schutz Ihrer Privatsphäre werden sie "
    "nicht angezeigt.",
    nested="Beigefügte Nachricht: {subject}",
    not_shown="Hier nicht angezeigt",
    gone_title="Das ist nicht mehr vorhanden",
    gone="Das Original dieser Nachricht wurde nach Ablauf der Aufbewahrungsfrist gelöscht.",
    missing_title="Diese Seite gibt es nicht",
    missing="Vielleicht ist ein Teil der Adresse verloren gegangen. Bitte prüfen Sie sie oder beginnen Sie auf der "
    "Startseite.",
    ticket_missing_title="Dieses Ticket können wir nicht anzeigen",
    ticket_missing="Es existiert nicht, oder es gehört zu einer anderen Adresse. Sie sehen die Tickets der "
    "Adresse, mit der Sie angemeldet sind.",
    forged_title="Bitte versuchen Sie es noch einmal",
    forged="Die Seite war zu lange geöffnet, oder Ihr Browser speichert keine Cookies. Es wurde nichts geändert. Bitte "
    "gehen Sie zurück, laden Sie die Seite neu und versuchen Sie es noch einmal.",
    method_title="Das geht hier nicht",
    method="Diese Seite lässt sich so nicht verwenden.",
    large_title="Das ist zu viel",
    large="Das Gesendete ist größer, als diese Seite annimmt. Bitte schicken Sie es per E-Mail.",
    often_title="Bitte warten Sie einen Moment",
    often="Von Ihrem Anschluss kamen zu viele Versuche. Bitte versuchen Sie es später noch einmal.",
    fault_title="Hier ist etwas schiefgegangen",
    fault="Der Fehler liegt bei uns und ist vermerkt. Bitte versuchen Sie es später noch einmal. E-Mails an uns sind "
    "davon nicht betroffen.",
    away_title="Gleich geht es weiter",
    away="Das Portal kann gerade nicht antworten. Bitte versuchen Sie es in einer Minute noch einmal. E-Mails an uns "
    "sind davon nicht betroffen.",
    start_page="Zur Startseite",
)

LANGUAGES: dict[str, Words] = {"en": EN, "de": DE}

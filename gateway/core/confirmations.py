"""Another desk confirms that our mail has arrived, or asks to confirm it, and no header says that a program did.

Known by how its subject begins, in eight languages: whoever answers has `Re:` before it. A person may write so as well,
so nothing is folded: it goes onto the ticket, and agents are told.
"""

from __future__ import annotations

import re

from gateway.core import thread
from gateway.core.case import Case
from gateway.core.ticket import Ticket
from gateway.mail.subject import base_subject, is_forward, is_reply

_MARK = r"(?:\W{1,4}(?:n[ro]?[.°]? ?)?#?[\w-]{0,20}\d[\w-]{0,20}\W{0,2})?\s*"
"""A number may stand behind the word for the request."""
_SHAPES = (
    r"(?:thank you[:,. -]*)?we(?: ha|[’'])ve received your (?:request|ticket|enquiry|inquiry|e-?mail|mail|message)",
    rf"(?:your )?(?:support )?(?:request|ticket|case|enquiry|inquiry|e-?mail|message){_MARK}(?:has been |was )"
    r"(?:received|created|opened|registered|logged)",
    rf"(?:support )?(?:request|ticket|case){_MARK}(?:received|created|opened)$",
    r"please (?:confirm|verify) (?:your|that you sent (?:your|this)) (?:e-?mail|mail|message|address)",
    r"(?:eingangs|empfangs)bestätigung|wir haben ihre (?:anfrage|nachricht|e-?mail|mail) erhalten",
    rf"(?:ihre? )?(?:anfrage|nachricht|e-?mail|mail|ticket|vorgang){_MARK}(?:(?:ist|wurde) )?(?:bei uns )?"
    r"(?:erfolgreich )?(?:eingegangen|empfangen|erstellt|eröffnet|registriert|angelegt)",
    r"bitte bestätigen sie (?:ihre|diese) (?:e-?mail|mail|nachricht|adresse)",
    r"(?:hemos recibido|recibimos) (?:su|tu) (?:solicitud|consulta|mensaje|correo|ticket)|acuse de recibo",
    rf"(?:su|tu) (?:solicitud|consulta|mensaje|correo|ticket|caso){_MARK}(?:ha sido|fue|se ha) "
    r"(?:recibid|cread|registrad|abiert)[oa]",
    r"(?:por favor,? )?confirm[ea] (?:su|tu) (?:correo|mensaje|dirección)",
    r"(?:nous avons (?:bien )?reçu votre (?:demande|message|e-?mail|courriel)|accusé de réception)",
    rf"votre (?:demande|message|ticket|e-?mail|courriel){_MARK}a (?:bien )?été (?:reçu|enregistré|créé|ouvert)e?",
    r"(?:veuillez|merci de) confirmer votre (?:e-?mail|courriel|message|adresse)",
    r"abbiamo ricevuto la (?:sua|tua|vostra) (?:richiesta|e-?mail|segnalazione)|conferma di ricezione",
    rf"(?:la|il) (?:sua|suo|tua|tuo|vostra|vostro) (?:richiesta|segnalazione|e-?mail|messaggio|ticket){_MARK}"
    r"è stat[oa] (?:ricevut|registrat|creat|apert)[oa]",
    r"(?:si prega di confermare|conferma|confermi) (?:la|il) (?:sua|suo|tua|tuo) (?:e-?mail|messaggio|indirizzo)",
    r"(?:we|wij) hebben (?:uw|je) (?:aanvraag|vraag|bericht|e-?mail|verzoek) ontvangen|ontvangstbevestiging",
    rf"(?:uw|je) (?:aanvraag|vraag|bericht|e-?mail|verzoek|ticket){_MARK}(?:is|werd) "
    r"(?:ontvangen|geregistreerd|aangemaakt)",
    r"bevestig (?:a\.?u\.?b\.? )?(?:uw|je) (?:e-?mail|bericht)",
    r"otrzymaliśmy (?:państwa |twoj[eą] )?(?:zgłoszenie|wiadomość|zapytanie)",
    rf"(?:państwa |twoj[ea] )?(?:zgłoszenie|wiadomość|zapytanie){_MARK}został[ao] "
    r"(?:przyjęt|zarejestrowan|utworzon|otrzyman)[ea]",
    r"potwierdzenie (?:otrzymania|przyjęcia|odbioru)|(?:prosimy )?potwierd(?:ź|zić) (?:swój|swoją|adres|wiadomość)",
    r"recebemos (?:o seu|a sua|seu|sua) (?:pedido|mensagem|solicitação|e-?mail)",
    rf"(?:o seu|a sua|seu|sua) (?:pedido|solicitação|mensagem|ticket|chamado|e-?mail){_MARK}foi "
    r"(?:recebid|registad|registrad|criad|abert)[oa]",
    r"(?:por favor,? )?confirme (?:o seu|a sua|seu|sua) (?:e-?mail|mensagem|endereço)",
)
_BEGINS = re.compile(rf"\W*(?:{'|'.join(_SHAPES)})(?!\w)", re.I)


def is_one(case: Case, ticket: Ticket) -> bool:
    """Not where the ticket's own subject says so, for whoever answers repeats that; nor with files or an order; nor
    where a header says it is an answer of a program, which is folded unless it holds our mail back (`classify`)."""
    subject = thread.without_references(case.message.subject, case.known, case.policy)
    if is_reply(subject) or is_forward(subject) or case.message.attachments or case.order.commands:
        return False
    if case.message.header("auto-submitted").strip().casefold().startswith("auto-replied"):
        return False
    return reads_like_one(subject) and not reads_like_one(ticket.subject)


def reads_like_one(subject: str) -> bool:
    return bool(_BEGINS.match(base_subject(subject)))

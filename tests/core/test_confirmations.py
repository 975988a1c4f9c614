"""Which subjects read like the confirmation of another desk."""

from __future__ import annotations

import pytest

from gateway.core.confirmations import reads_like_one


@pytest.mark.parametrize(
    "subject",
    [
        "Your request (#12345) has been received",
        "[#4711] Ticket 4711 has been created: Printer",
        "Request received",
        "We've received your message",
        "Please confirm your e-mail",
        "Please confirm that you sent this message",
        "Ihre Anfrage #77 ist bei uns eingegangen",
        "Ticket 77 wurde erstellt",
        "Eingangsbestätigung: Drucker",
        "Bitte bestätigen Sie Ihre E-Mail",
        "Su solicitud (12345) ha sido recibida",
        "Hemos recibido su consulta",
        "Votre demande n°12345 a bien été enregistrée",
        "Accusé de réception",
        "La sua richiesta [12345] è stata ricevuta",
        "Uw aanvraag 12345 is ontvangen",
        "Państwa zgłoszenie nr 12345 zostało przyjęte",
        "Zgłoszenie #12345 zostało zarejestrowane",
        "O seu pedido 12345 foi registado",
        "Recebemos a sua mensagem",
    ],
)
def test_known_shapes(subject: str) -> None:
    """In eight languages, with the number of theirs or without."""
    assert reads_like_one(subject)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "Help",
        "Request for an offer",
        "Ticket to Vienna",
        "Your request is not clear to me",
        "Request received yesterday, still nothing",
        "Have you received my message?",
        "Ihre Anfrage vom Montag",
        "Ticket erstellen",
        "Message received damaged",
        "Votre demande de devis",
        "Su solicitud no llegó",
    ],
)
def test_what_people_write(subject: str) -> None:
    """They begin otherwise, or go on."""
    assert not reads_like_one(subject)

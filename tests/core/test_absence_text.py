"""Texts of notes of absence, as programs write them that say nothing of themselves, and people's texts beside them."""

from __future__ import annotations

import pytest

from gateway.core.absence_text import reads_like_note

NOTES = (
    "Anna ist außer Haus",
    "Anna Agent ist bis 5. Dezember nicht im Büro. In dringenden Fällen wenden Sie sich an Bob.",
    "Ich bin vom 1.12. bis 5.12.2026 nicht im Büro. Ihre Mail wird nicht weitergeleitet.",
    "Vielen Dank für Ihre Nachricht.\n\nIch bin bis zum 5. Dezember im Urlaub.",
    "Sehr geehrte Damen und Herren,\n\nvielen Dank für Ihre E-Mail. Ich bin derzeit nicht erreichbar.",
    "Guten Tag,\nvom 1. bis 5. Dezember bin ich in Elternzeit.",
    "Liebe Kundin, lieber Kunde,\nvielen Dank für Ihre Nachricht, ich bin aktuell abwesend.",
    "Dies ist eine automatische Antwort.",
    "I am out of the office until Monday 7 December with limited access to email.",
    "Thank you for your email. I am currently on annual leave and will be back on 7 December.",
    "Hello,\n\nThanks for your message! I'm on vacation until 7/12.",
    "I’m away until Monday. Please contact Bob.",
    "Out of office: back on Monday.",
    "This is an automatic reply. I read my mail on Monday.",
    "Bonjour,\n\nMerci pour votre message. Je suis absente jusqu'au 5 décembre.",
    "Je suis actuellement en congés jusqu’au 5 décembre. En cas d’urgence, contactez Bob.",
    "Anna est absente du bureau jusqu'à lundi.",
    "Estoy fuera de la oficina hasta el 5 de diciembre.",
    "Gracias por su mensaje. Estaré de vacaciones hasta el lunes.",
    "Gentile cliente,\nsono fuori ufficio fino al 5 dicembre.",
    "Grazie per il messaggio. Sono in ferie fino al 5 dicembre.",
    "Bedankt voor uw bericht. Ik ben tot 5 december niet op kantoor.",
    "Ik ben met vakantie tot maandag.",
    "Dziękuję za wiadomość. Jestem na urlopie do 5 grudnia.",
    "W dniach 1-5 grudnia przebywam na urlopie.",
    "Obrigado pela sua mensagem. Estou de férias até 5 de dezembro.",
    "Olá,\n\nestarei ausente até segunda-feira.",
)
PEOPLE = (
    "",
    "Yes.",
    "We send somebody on Monday.",
    "The part is on its way. I am out of office tomorrow, Bob will help you.",
    "I am sending it away today.",
    "I am back from holiday.",
    "I am no longer on leave.",
    "Are you out of office until Friday?",
    "Automatic reply does not work in this version.",
    "Please check whether the lamp is on holiday mode.",
    "Thanks for the photo. The lamp is out of order.",
    "Uwe is on leave, so I answer.",
    "Ich bin nicht mehr im Urlaub und schaue gleich.",
    "Ich bin wieder da und kümmere mich darum.",
    "Ihr Techniker ist heute nicht im Haus, er kommt morgen.",
    "Wir sind unterwegs zu Ihnen.",
    "Bob ist im Urlaub, ich übernehme.",
    "Das Gerät ist nicht erreichbar? Bitte prüfen Sie das WLAN.",
    "Je suis désolée, la pièce est absente du colis.",
    "I pezzi sono in magazzino.",
    "Estoy seguro de que funciona.",
    "Jestem pewna, że działa.",
    "I am out of the office. " + "Here is what to do meanwhile, step by step. " * 40,
)


@pytest.mark.parametrize("text", NOTES)
def test_a_note(text: str) -> None:
    """It begins with who is away, after a greeting and thanks; by name only of its own author."""
    assert reads_like_note(text, "Anna Agent")
    assert reads_like_note(f"{text}\n\nAnna Agent\nExample Support", "Anna Agent")


@pytest.mark.parametrize("text", PEOPLE)
def test_people_write_of_other_things(text: str) -> None:
    """Who is away is somebody else, or it is not what the text begins with, or it is over."""
    assert not reads_like_note(text, "Anna Agent")


def test_of_a_stranger_by_name() -> None:
    """Nobody knows whether that is who wrote it."""
    assert not reads_like_note("Anna ist außer Haus", "Bob Agent")
    assert not reads_like_note("Anna ist außer Haus", "")

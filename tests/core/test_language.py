"""The language of a ticket: what the mail says of itself, then its text, be it the mailbox's own language or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core import language
from gateway.core.ticket import Ticket
from gateway.mail.message import Message
from gateway.mail.parse import parse
from tests.core.build import BOX, PLAIN_BOX, POLICY, ticket
from tests.mutation import ENVELOPE

FRENCH = "Bonjour, depuis ce matin l'imprimante ne fonctionne plus. Pouvez-vous m'aider ?"
ENGLISH = "Hello, since this morning the printer does not work. Can you help me, please?"


def mail(text: str, says: str = "") -> Message:
    head = f"Content-Language: {says}\n" if says else ""
    return parse(f"From: kim@customer.example\nSubject: Printer\n{head}\n{text}\n".encode(), ENVELOPE)


@pytest.mark.parametrize(
    ("text", "says", "wanted"),
    [
        (FRENCH, "", ("fr", "its text")),
        (ENGLISH, "", ("en", "its text")),
        (FRENCH, "es", ("es", "its Content-Language")),
        (FRENCH, "es-MX", ("es", "its Content-Language")),
        (FRENCH, "pt_BR", ("pt", "its Content-Language")),
        (ENGLISH, "en-GB", ("en", "its Content-Language")),
        (FRENCH, "tlh", ("fr", "its text")),
        (FRENCH, "de, en", ("fr", "its text")),
        ("4711", "", ("", "")),
        ("Hej, sedan i morse visar skrivaren offline. Kan ni hjälpa mig med det?", "", ("", "")),
    ],
)
def test_of_mail(text: str, says: str, wanted: tuple[str, str]) -> None:
    assert language.of_mail(mail(text, says), BOX, POLICY) == wanted


def test_only_languages_of_the_site_count() -> None:
    site = replace(POLICY, languages=("en", "de"))
    assert language.of_mail(mail(FRENCH), BOX, site) == ("", "")
    assert language.of_mail(mail(FRENCH, "fr"), BOX, site) == ("", "")
    assert language.of_mail(mail(ENGLISH), PLAIN_BOX, site) == ("en", "its text")


def test_a_kind_of_the_language_of_the_mailbox_is_it() -> None:
    """A site with texts of Brazil does not answer in those of Portugal."""
    box = replace(BOX, language="pt-BR")
    site = replace(POLICY, languages=(*POLICY.languages, "pt-BR"))
    said = "Bom dia, desde ontem a impressora não funciona. Podem ajudar-me, por favor?"
    assert language.of_mail(mail(said), box, site) == ("", "")
    assert language.of_mail(mail(said, "pt-BR"), BOX, site) == ("pt-BR", "its Content-Language")


def test_person_then_ticket_then_mailbox() -> None:
    open_one: Ticket = replace(ticket(), language="fr")
    assert language.of_customer("pl", open_one, BOX, POLICY) == "pl"
    assert language.of_customer("", open_one, BOX, POLICY) == "fr"
    assert language.of_customer("", replace(open_one, language=""), PLAIN_BOX, POLICY) == "de"

"""Who is greeted by name, and who is not."""

from __future__ import annotations

import pytest

from gateway.core.greeting import sure_name
from gateway.mail.message import Address


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("Erika Beispiel", "erika.beispiel@example.net"),
        ("Jürgen Müller-Lüdenscheidt", "mueller-luedenscheidt@example.net"),
        ("Anna van der Berg", "a.vanderberg@example.nl"),
        ("Łukasz Nowak", "lukasz@example.pl"),
        ("J. Smith", "jsmith@example.com"),
    ],
)
def test_a_person_is_greeted(name: str, address: str) -> None:
    """A name like a person's, that the address agrees with."""
    assert sure_name(Address(address, name)) == name


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("", "erika@example.net"),
        ("Erika", "erika@example.net"),
        ("Muster GmbH", "muster@example.net"),
        ("Studio Rossi", "studio.rossi@example.it"),
        ("Support Team", "support@example.net"),
        ("Example Support", "example@example.net"),
        ("ERIKA BEISPIEL", "erika@example.net"),
        ("erika beispiel", "erika@example.net"),
        ("Beispiel, Erika", "erika@example.net"),
        ("Erika Beispiel", "info@example.net"),
        ("Erika Beispiel via Forum", "erika@example.net"),
        ("Buy Cheap Pills Https://evil.example", "buy@example.net"),
        ("Erika 2000", "erika@example.net"),
        ("Erika Beispiel", "no-reply.erika@example.net"),
        ("Erika\u202e Beispiel", "erika@example.net"),
        ("Win A Prize At Evil Example Now", "win@example.net"),
    ],
)
def test_nobody_is_greeted_wrongly(name: str, address: str) -> None:
    """Companies, roles, forms, one word, shouting, and what a spammer would like us to say."""
    assert sure_name(Address(address, name)) == ""

"""What is a signature and nothing else, so that an order above it is no answer to the customer."""

from __future__ import annotations

import pytest

from gateway.core.formulas import is_signature

NAMES = ("Anna Agent",)


@pytest.mark.parametrize(
    "text",
    [
        "Viele Grüße\nAnna Agent",
        "Viele Grüße\n\nAnna Agent",
        "Kind regards,\nAnna\nExample Ltd",
        "Anna Agent\nHead of Support",
        "Viele Grüße\nAnna Agent\n\nExample GmbH\nTel. 030 123456\nwww.example.com",
        "Anna Agent\n\nExample Ltd | Support",
        "Kind regards\n\nAnna Agent\n\nExample Ltd.",
        "Viele Grüße\n\nAnna Agent\nKundendienst\n\nExample GmbH & Co. KG",
        "Cordialement\n\nAnna Agent\n\nExemple, SARL",
        "Met vriendelijke groet\n\nAnna Agent\n\nVoorbeeld B.V.",
        "Pozdrawiam\n\nAnna Agent\n\nPrzykład sp. z o.o.",
    ],
)
def test_a_signature(text: str) -> None:
    assert is_signature(text, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "Viele Grüße\nAnna Agent\n\nGerät ist unterwegs",
        "Anna Agent\n\nAb Montag wieder",
        "Anna Agent\n\nViel Erfolg",
        "Kind regards\nPassword: Xy12ab",
        "Kind regards\nCode 4711",
        "Kind regards\nAnna\nWe will send it to you tomorrow morning.",
        "It is done",
    ],
)
def test_words_are_no_signature(text: str) -> None:
    """What is taken for one is sent to nobody: in doubt it is an answer."""
    assert not is_signature(text, NAMES)

"""Subjects without what mail programs put in front of them."""

from __future__ import annotations

import pytest

from gateway.mail.subject import base_subject, is_forward


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("Re: Drucker", "Drucker"),
        ("AW: [RD-7-ABCDEF] Re: Drucker", "Drucker"),
        ("RE[2]: FW: Fwd: WG: SV: Antw: Drucker", "Drucker"),
        ("Re^3: Drucker (fwd)", "Drucker"),
        ("回复：打印机", "打印机"),
        ("[Liste] [RD-7-ABCDEF] Drucker", "Drucker"),
        ("  Drucker   kaputt ", "Drucker kaputt"),
        ("Reparatur: Drucker", "Reparatur: Drucker"),
        ("[Dringend]", "[Dringend]"),
        ("Re:", ""),
        ("", ""),
    ],
)
def test_base_subject(given: str, want: str) -> None:
    """Reply and forward marks and tags go (RFC 5256 section 2.1); a word that only begins like one stays."""
    assert base_subject(given) == want


@pytest.mark.parametrize(
    ("given", "want"), [("WG: x", True), ("[RD-7-ABCDEF] Fwd: x", True), ("Re: Fwd: x", False), ("Weg: x", False)]
)
def test_is_forward(given: str, want: bool) -> None:
    """Only the outermost mark says that a mail passes another one on."""
    assert is_forward(given) is want

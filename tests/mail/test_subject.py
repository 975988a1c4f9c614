"""Subjects without what mail programs put in front of them."""

from __future__ import annotations

import pytest

from gateway.mail.subject import base_subject, foreign_references, is_forward, without_gateway_tags


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
        ("İLT: YNT: Drucker", "Drucker"),
        ("ΑΠ: ΠΡΘ: Drucker", "Drucker"),
        ("Vá: Továbbítás: Drucker", "Drucker"),
        ("Re:", ""),
        ("", ""),
    ],
)
def test_base_subject(given: str, want: str) -> None:
    """Reply and forward marks and tags go (RFC 5256 section 2.1); a word that only begins like one stays."""
    assert base_subject(given) == want


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("WG: x", True),
        ("[RD-7-ABCDEF] Fwd: x", True),
        *(
            (f"{mark}: x", True)
            for mark in ("I", "İLT", "ilt", "i̇lt", "ΠΡΘ", "Továbbítás", "הועבר", "إعادة توجيه", "転送")
        ),
        ("Re: Fwd: x", False),
        ("ΑΠ: x", False),
        ("Weg: x", False),
    ],
)
def test_is_forward(given: str, want: bool) -> None:
    """Only the outermost mark says that a mail passes another one on."""
    assert is_forward(given) is want


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("***SPAM*** Drucker", "Drucker"),
        ("Re: [EXTERN] {Disarmed} Drucker", "Re: Drucker"),
        ("EXTERN: WG: Drucker", "WG: Drucker"),
        ("[SUP-1] Drucker", "[SUP-1] Drucker"),
        ("Externe Festplatte", "Externe Festplatte"),
        ("***SPAM***", "***SPAM***"),
        ("***UNCHECKED*** Drucker", "Drucker"),
        ("## EXTERN ## Drucker", "Drucker"),
        ("***DRINGEND*** Drucker", "***DRINGEND*** Drucker"),
    ],
)
def test_a_gateways_tag_is_no_part_of_a_subject(given: str, want: str) -> None:
    """What a filter put in front goes, wherever it stands among the marks; what people write in brackets stays."""
    assert without_gateway_tags(given) == want


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("[SUP-1] Pump", ("[SUP-1]",)),
        ("Re: Pump [#4711] ref:_00D_7:ref", ("[#4711]", "ref:_00D_7:ref")),
        ("[Ticket 815] [Liste] [EXTERN] Pump", ("[Ticket 815]",)),
        ("Pump 5", ()),
    ],
)
def test_marks_of_other_desks_are_known_by_their_number(given: str, want: tuple[str, ...]) -> None:
    """What another desk needs to find its own ticket is no decoration."""
    assert foreign_references(given) == want

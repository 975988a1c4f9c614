"""How mail programs announce the mail they quote."""

from __future__ import annotations

import pytest

from gateway.mail import quotation


@pytest.mark.parametrize(
    ("line", "original", "forward"),
    [
        ("-----Ursprüngliche Nachricht-----", True, False),
        ("---- Original Message ----", True, False),
        ("---- Anna wrote ----", True, False),
        ("---------- Forwarded message ---------", False, True),
        ("Anfang der weitergeleiteten Nachricht:", False, True),
        ("I wrote an original message", False, False),
    ],
)
def test_marks(line: str, original: bool, forward: bool) -> None:
    """A drawn line with the words of a mail program, never the words alone."""
    assert (quotation.is_original_mark(line), quotation.is_forward_mark(line)) == (original, forward)


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (("On May 6, 2024 at 10:15, a@x.example wrote:", "old"), 1),
        (("Am Montag schrieb Anna:", "> alt"), 1),
        (("Am Montag schrieb Anna:", "alt"), 0),
        (("Am 6. Mai 2024 um 10:15 schrieb Anna Müller", "<a@x.example>:", "", "> alt"), 2),
        (("am 12.03. schrieb ich Ihnen:", "> Zitat"), 0),
        (("Zitat von Anna <a@x.example>:", "> alt"), 1),
        (("", "> alt"), 0),
    ],
)
def test_attribution(lines: tuple[str, ...], count: int) -> None:
    """Where no marked quotation follows, an address or the minute must be named; a sentence of one's own is none."""
    assert quotation.attribution(lines, [line.startswith(">") for line in lines], 0) == count


@pytest.mark.parametrize(
    ("lines", "want"),
    [
        (("From: a@x.example", "Sent: Monday", "To: b"), True),
        (("*Von:* Anna", "*Gesendet:* 6. Mai 2024 10:15", "*An:* Bert"), True),
        (("Date: 6 May 2024", "From: Anna <a@x.example>"), True),
        (("From: Berlin", "To: Munich", "Date: 6 May"), False),
        (("From: x", "text"), False),
    ],
)
def test_header_block(lines: tuple[str, ...], want: bool) -> None:
    """A field only mail programs write, or an address and a date; a traveller's list is none."""
    assert quotation.is_header_block(lines) is want


@pytest.mark.parametrize(
    ("line", "place"),
    [("Danke! On Mon, May 6, 2024 at 10:15 AM Anna <a@x.example> wrote:", 7), ("On Monday Anna wrote:", -1)],
)
def test_inline_attribution(line: str, place: int) -> None:
    """An attribution that was glued behind the new text begins where it begins."""
    assert quotation.inline_attribution([line, "> old"], [False, True], 0) == place


@pytest.mark.parametrize(
    ("line", "want"),
    [("Von: a@x.example", True), ("Gesendet: 3. Mai 2024", True), ("Von: Berlin", False), ("x", False)],
)
def test_opens_quotation(line: str, want: bool) -> None:
    """Right below a drawn line one field is enough, if it holds an address or a moment."""
    assert quotation.opens_quotation(line) is want

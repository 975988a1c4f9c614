"""format=flowed: what was broken for the wire becomes paragraphs again (RFC 3676)."""

from __future__ import annotations

import pytest

from gateway.mail.content import join_flowed


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("a \nb\nc", "a b\nc"),
        ("> a \n> b\nc", "> a b\nc"),
        ("> a \nb", "> a \nb"),
        (">> a \n>> b", ">> a b"),
        (" > no quotation", "> no quotation"),
        (" From here", "From here"),
        ("a \n-- \nAnna", "a \n-- \nAnna"),
        ("a \n\nb", "a \n\nb"),
        ("", ""),
    ],
)
def test_join_flowed(given: str, want: str) -> None:
    """Soft breaks join within a quotation's depth; stuffing goes; a signature mark never joins."""
    assert join_flowed(given) == want


def test_without_blanks() -> None:
    """With DelSp=yes the blank at a soft break is none, for languages written without."""
    assert join_flowed("日本 \n語", "") == "日本語"

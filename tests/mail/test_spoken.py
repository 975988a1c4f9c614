"""The language of a text is told where it surely is one, and nothing is said where it is not."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gateway import texts
from gateway.mail import spoken as spoken_room
from gateway.mail.spoken import spoken

MAILS: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parent.parent / "texts" / "short_mails.toml").read_text("utf-8")
)
MISTAKEN = {"Ho dimenticato la password e la mail per reimpostarla non arriva."}
"""Read as English for its two English words; a mail of one more sentence is not."""


@pytest.mark.parametrize("language", texts.languages())
def test_short_mails_are_known(language: str) -> None:
    said = {mail.partition("\n\n")[2]: spoken(mail.partition("\n\n")[2]) for mail in MAILS[language]}
    assert {text for text, found in said.items() if found != language} <= MISTAKEN
    assert len(said) == 10


def test_neighbours_are_not_taken_for_ours() -> None:
    """Catalan is no Spanish, Danish no Norwegian, Slovak no Polish; numbers are no language."""
    for mail in MAILS["none"]:
        assert spoken(mail) not in texts.languages(), mail


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Merci",
        "Hallo Anna",
        "0x80070005 4711 4712 4713 4714 4715",
        "\x00\ud800\u202e" * 40,
        "Seit heute geht der Drucker nicht.\n" + "Error: the connection was reset by the remote host.\n" * 6
        + "Bitte um Hilfe, seit heute Morgen geht gar nichts mehr, wir warten dringend auf eine Antwort.",
    ],
    ids=["empty", "a word", "a greeting", "numbers", "signs", "two languages"],
)  # fmt: skip
def test_unsure_is_nothing(text: str) -> None:
    assert spoken(text) == ""


def test_without_the_library_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoken_room, "_detector", lambda: None)
    assert spoken(MAILS["de"][0]) == ""

"""Replies in many languages, as mail programs write them; all of them with `make corpus`."""

from __future__ import annotations

import pytest

from gateway.mail.new_text import new_text
from gateway.mail.parse import parse
from tests import replies

SAMPLE = ("de", "ja", "tr", "he", "hr", "fa")


@pytest.mark.parametrize("language", SAMPLE)
def test_a_reply_is_its_new_text(language: str) -> None:
    """Whatever the program: marked or not, wrapped or not, as text, as HTML and as both; no word is lost."""
    got = [(reply, parse(reply.raw).reply_text) for reply in replies.replies((language,))]
    assert [reply.id for reply, text in got if replies.lost(reply, text)] == []
    assert sum(replies.exact(reply, text) for reply, text in got) >= 0.9 * len(got)


QUOTED = "\n\n> The lamp is dark.\n> Please help."


@pytest.mark.parametrize(
    "text",
    [
        f"I met Anna <anna@example.com> on 6 May 2024 at 10:12 and she said:{QUOTED}",
        f"Our appointment on 6 May 2024 at 10:12 was noted like this:{QUOTED}",
        f"You can reach me at anna@example.com, and I mean this:{QUOTED}",
    ],
)
def test_a_sentence_above_a_quotation_stays(text: str) -> None:
    """With an address, a date and a colon it is no attribution yet: no word of the writer is lost."""
    assert new_text(text).startswith(text.partition("\n")[0])


def test_a_form_is_no_quoted_header() -> None:
    """What a web form mails has fields, an address and a moment, but answers nothing."""
    form = "Nome: Kim\nIndirizzo: kim@x.example\nQuando: 6.5.2024 10:12\nMotivo: Lampada\n\nNon funziona."
    assert new_text(form, title="Lampada") == form


HEADER = "From: Support <a@b.example>\nSent: Monday, May 6, 2024 10:15 AM\nTo: Anna\nSubject: Lamp\n\nWhich?\nThe blue."


@pytest.mark.parametrize(
    "pointer", ["See below.", "Hallo,\n\nsiehe unten.", "Meine Antworten in Rot.", "Voir mes réponses en bleu"]
)
def test_an_answer_that_stands_below_is_seen(pointer: str) -> None:
    """A short text that only points below shows the whole mail; any other is its new text."""
    assert new_text(f"{pointer}\n\n{HEADER}") == f"{pointer}\n\n{HEADER}"
    assert new_text(f"The lamp stands below the desk.\n\n{HEADER}") == "The lamp stands below the desk."

"""Mails that agents pass on inline, as their programs lay them out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.core import forward

AT = datetime(2026, 3, 2, 10, 35, tzinfo=UTC)
CORA = "Cora Blum <cora@c.example>"
FORMS = {
    "outlook": f"From: {CORA}\nSent: Monday, March 2, 2026 10:35 AM\nTo: Anna\nSubject: Pump",
    "superhuman": "From: *Cora Blum* <cora@c.example>\nSent: Monday, March 2, 2026 10:35 AM\nSubject: Pump",
    "em client": '------ Forwarded Message ------\nFrom "Cora Blum" <cora@c.example>\nTo anna@example.com\n'
    "Date 2 March 2026 10:35:00\nSubject Pump",
    "em client, German": '------ Weitergeleitete Nachricht ------\nVon "Cora Blum" <cora@c.example>\n'
    "An anna@example.com\nDatum 02.03.2026 10:35:00\nBetreff Pump",
    "outlook, French": f"De : {CORA}\nEnvoyé : lundi 2 mars 2026 10:35\nÀ : Anna\nObjet : Pump",
    "outlook, Spanish": f"De: {CORA}\nEnviado el: lunes, 2 de marzo de 2026 10:35\nPara: Anna\nAsunto: Pump",
    "outlook, Italian": f"Da: {CORA}\nInviato: lunedì 2 marzo 2026 10:35\nA: Anna\nOggetto: Pump",
    "outlook, Dutch": f"Van: {CORA}\nVerzonden: maandag 2 maart 2026 10:35\nAan: Anna\nOnderwerp: Pump",
    "outlook, Polish": f"Od: {CORA}\nWysłano: poniedziałek, 2 marca 2026 10:35\nDo: Anna\nTemat: Pump",
    "outlook, Portuguese": f"De: {CORA}\nEnviado: 2 de março de 2026 10:35\nPara: Anna\nAssunto: Pump",
    "outlook, German": f"Von: {CORA}\nGesendet: Montag, 2. März 2026 10:35\nAn: Anna\nBetreff: Pump",
    "apple": f"Begin forwarded message:\n\nFrom: {CORA}\nSubject: Pump\nDate: 2 March 2026 at 10:35",
    "apple, quoted": f"> Von: {CORA}\n> Betreff: Pump\n> Datum: 2. März 2026 um 10:35:11 MEZ",
    "gmail": f"------- Forwarded message -------\nVon: {CORA}\nDate: Mo., 2. März 2026 um 10:35 Uhr\nSubject: Pump",
    "thunderbird": "-------- Forwarded Message --------\nSubject: Pump\n"
    f"Date: Mon, 2 Mar 2026 10:35:00 +0000\nFrom: {CORA}",
    "thunderbird, German": "-------- Weitergeleitete Nachricht --------\nBetreff: \tPump\n"
    f"Datum: \tMon, 2 Mar 2026 10:35:00 +0000\nVon: \t{CORA}\nAn: \tanna@example.com",
}


@pytest.mark.parametrize("program", list(FORMS))
def test_author_name_subject_date_and_text_are_read(program: str) -> None:
    """Whatever comes first in the block; what stands above it is the agent's."""
    (found,) = forward.inline(f"Please open one.\n\n{FORMS[program]}\n\nIt leaks.\n")
    assert (found.name, found.address, found.subject, found.text) == (
        "Cora Blum",
        "cora@c.example",
        "Pump",
        "It leaks.",
    )
    assert found.date == AT
    assert "Pump" not in found.above
    assert found.above.startswith("Please open one.")


def test_each_mail_of_a_chain_is_found() -> None:
    """The colleague's remark above, the customer's mail below."""
    first, second = (
        FORMS["outlook"],
        FORMS["thunderbird"].replace(CORA, "Bob <bob@example.com>"),
    )
    found = list(forward.inline(f"{second}\n\nSee below.\n\n{first}\n\nIt leaks."))
    assert [f.address for f in found] == ["bob@example.com", "cora@c.example"]
    assert found[1].subject == "Pump"


@pytest.mark.parametrize(
    "sent", [f"Mon, 2 Mar {'9' * 20} 10:35", f"Mon, 2 Mar 2026 10:35 +{'9' * 20}", "9999-12-31 23:00-12:00"]
)
def test_a_date_nobody_can_have_stops_nothing(sent: str) -> None:
    """The mail is read with what can be read of it, or without."""
    (found,) = forward.inline(f"From: {CORA}\nSent: {sent}\nTo: Anna\nSubject: Pump\n\nIt leaks.")
    assert (found.address, found.text) == ("cora@c.example", "It leaks.")


def test_a_forward_that_speaks_of_its_author_is_read() -> None:
    """As Spark writes it: no header, and the mail marked line by line."""
    spoken = f"On 2 Mar 2026 at 10:35 +0000, {CORA}, wrote:\n> It leaks.\n> \n> Cora"
    (found,) = forward.inline(f"Please open one.\n\n---------- Forwarded message ----------\n{spoken}\n")
    assert (found.name, found.address, found.text) == ("Cora Blum", "cora@c.example", "It leaks.\n\nCora")
    assert found.above.startswith("Please open one.")


def test_words_below_a_mark_are_no_header() -> None:
    """Without an address nobody is named; without a mark it is prose."""
    assert list(forward.inline("---------- Forwarded message ----------\nFrom now on\nTo all")) == []
    assert list(forward.inline("From kim@c.example I hear\nTo my regret")) == []

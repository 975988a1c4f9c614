"""Notes of absence are known by what programs put in front of a subject; people's subjects are theirs."""

from __future__ import annotations

import pytest

from gateway.core.absence import is_hint, is_label, is_note, tells_of

TICKET = "Kettle leaks"
LABELS = (
    "Automatic reply|Out of Office|Abwesenheitsnotiz|Automatische Antwort|Urlaub|Absence|Absent du bureau|Afwezig"
    "|Fuera de la oficina|Fuori sede|Assente|Poza biurem|Nieobecność|Frånvaro|Fravær|Poissa|Ausência|Mimo kancelář"
    "|自动回复|自動返信|자동 회신|Автоответ|Отсутствую|Otomatik yanıt|Szabadságon|Automatikus válasz|Εκτός γραφείου"
    "|Автоматичен отговор|Аутоматски одговор|Automātiskā atbilde|Automatické odpovědi|Automaattivastaus"
    "|Resposta automàtica|Erantzun automatikoa|ตอบกลับอัตโนมัติ"
).split("|")


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("form", ["{}: Re: Kettle leaks", "{} : Kettle leaks", "{}：Re: Kettle leaks"])
def test_a_label_in_front_of_our_subject(label: str, form: str) -> None:
    """In whatever language, where what it answers follows."""
    assert is_label(form.format(label), TICKET)


@pytest.mark.parametrize(
    "label",
    "Urgent|Dringend|Erinnerung|Reminder|Question|2. Versuch|Nachtrag|Autoreparatur|Automat defekt|Vacature|Re|Vá|Odg"
    "|Re: Automatic reply|Fwd: Out of office".split("|"),
)
def test_people_put_words_in_front_as_well(label: str) -> None:
    """What they add to a subject is no label; nor is one that they answer or pass on."""
    assert not is_label(f"{label}: Kettle leaks", TICKET)
    assert not is_note(f"{label}: Kettle leaks")


@pytest.mark.parametrize(
    ("subject", "note"),
    [
        ("Out of Office: back Monday", True),
        ("Out of office until 3 May", True),
        ("AUTO: Kim is out of the office (returning 3 May)", True),
        ("Ich bin im Urlaub", True),
        ("Fuori sede dal 3 al 5 maggio", True),
        ("Automatic reply does not work", False),
        ("Out of office assistant broken", False),
        ("Absence de pièces dans le colis", False),
        ("Urlaub: bitte erst nach dem 3.5. liefern", False),
        ("Vacation booking problem", False),
        ("Bin ich zu spät?", False),
        ("Auto springt nicht an", False),
    ],
)
def test_a_subject_that_is_a_note(subject: str, note: bool) -> None:
    """Alone it must be a program's words and end there: people's sentences go on."""
    assert is_note(subject) is note
    assert is_hint(f"Re: {subject}") is note
    assert not is_note(f"Re: {subject}")


@pytest.mark.parametrize(
    ("subject", "label"),
    [
        ("[Auto-Reply] Re: Kettle leaks", True),
        ("[Automatic reply] Kettle leaks", True),
        ("[Auto-Reply] The lamp", False),
        ("Re: [Auto-Reply] Kettle leaks", False),
        ("[Kettles] Re: Kettle leaks", False),
    ],
)
def test_a_label_in_brackets(subject: str, label: bool) -> None:
    """In front of all, above the subject it answers."""
    assert is_label(subject, TICKET) is label


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("Kim Doe is out of the office.", True),
        ("Kim Doe ist außer Haus (Rückkehr am 03.05.2026)", True),
        ("Kim Doe est absente du bureau.", True),
        ("Ann Lee is out of the office.", False),
        ("Kim Doe is out of the office. Who helps me?", False),
        ("Kim Doe is out of the office printer credits?", False),
    ],
)
def test_a_subject_that_tells_of_its_author(subject: str, told: bool) -> None:
    """Nobody writes of herself by her whole name, and to tell that she is not there."""
    assert tells_of("Kim Doe", subject) is told

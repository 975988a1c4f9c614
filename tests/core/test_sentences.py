"""Sentences that are stored as codes: every code that is written can be read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gateway import texts
from gateway.core.counted import COUNTED
from gateway.core.lifecycle import Status
from gateway.core.sentences import SENTENCES, text_of
from gateway.mail.sentence import code

ROOT = Path(__file__).parents[2]


def written() -> set[str]:
    """Every code the program stores, where it names one outright."""
    calls = (
        node
        for folder in ("gateway", "storage")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "code" and node.args
    )
    return {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}


def test_every_code_that_is_written_can_be_read() -> None:
    """A closed list: a code that is not in it would be shown as it stands."""
    assert len(written()) > 60
    assert written() <= SENTENCES.keys()


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_is_read_in_each_language(name: str) -> None:
    """With its arguments; none says it in English, though sisters may say it alike."""
    arguments = ("one", "two", "three", "four")
    english, *others = (text_of(code(name, *arguments), language) for language in texts.languages())
    assert english not in others
    assert not any("{" in text for text in (english, *others))


def test_statuses_and_ratings_in_a_sentence_are_read_too() -> None:
    """They are kept by their value."""
    assert (
        text_of(code("status_now", Status.SOLVED.value), "de") == "Der Status ist jetzt „Gelöst (Bestätigung offen)“."
    )
    assert text_of(code("status_now", "parked"), "en") == "The status is now “parked”."
    assert text_of(code("rated", "bad"), "de") == "Der Kunde hat bewertet: schlecht."
    assert text_of(code("rated", "4"), "en") == "The customer rated it: 4 of 5."


def test_files_are_named_with_their_sizes() -> None:
    """As the reader's language writes them, and one is called one."""
    one, two = code("files_sent", "Plan.pdf", 812_400), code("files_sent", "Plan.pdf", 812_400, "b.zip", 2_440_000)
    assert [text_of(s, "de") for s in (one, two)] == [
        "Anhang: Plan.pdf (812 KB)",
        "Anhänge: Plan.pdf (812 KB), b.zip (2,4 MB)",
    ]
    assert text_of(one, "fr") == "Pièce jointe\N{NO-BREAK SPACE}: Plan.pdf (812\N{NO-BREAK SPACE}Ko)"
    linked = text_of(code("files_linked", "b.zip", 20_000_000), "en")
    assert linked == "Too large for a mail, so the customer gets a link: b.zip (20.0 MB)."


def test_what_is_no_code_reads_as_it_stands() -> None:
    """Also a code whose arguments were lost."""
    assert text_of("Just a text.", "de") == "Just a text."
    assert text_of("reopened", "de") == "reopened"


@pytest.mark.parametrize(
    ("language", "number", "said"),
    [
        ("en", "1", "Goes to kim@customer.example in 1 minute. Reply with #undo to stop it."),
        ("en", "30", "Goes to kim@customer.example in 30 minutes. Reply with #undo to stop it."),
        ("fr", "1", "Part vers kim@customer.example dans 1 minute. Répondez avec #annuler pour l’arrêter."),
        ("pl", "1", "Za 1 minutę zostanie wysłane do kim@customer.example. Aby to zatrzymać"),
        ("pl", "22", "Za 22 minuty zostanie wysłane do kim@customer.example. Aby to zatrzymać"),
        ("pl", "15", "Za 15 minut zostanie wysłane do kim@customer.example. Aby to zatrzymać"),
    ],
)
def test_a_sentence_counts_as_its_language_does(language: str, number: str, said: str) -> None:
    """One minute is one minute, with `send.hold_minutes = 1` as well."""
    assert text_of(code("sent_later", "kim@customer.example", number), language).startswith(said)


@pytest.mark.parametrize("name", COUNTED)
def test_one_is_not_said_as_many_are(name: str) -> None:
    """In English, which was wrong in each of them."""
    place = COUNTED[name][1]
    one, two = (code(name, *("x" if n != place else number for n in range(2))) for number in "12")
    assert text_of(one, "en").replace("1", "2") != text_of(two, "en")
    assert text_of(name, "en") == name


def test_arabic_and_hebrew_in_a_sentence_stay_where_they_belong() -> None:
    """Without isolation `#4` is drawn in front of the subject of #3, and agents merge the wrong one."""
    arabic, hebrew = "\u0627\u0644\u0637\u0627\u0628\u0639\u0629 12", "\u05e9\u05dc\u05d5\u05dd"
    said = text_of(code("own_open", f"#3 {arabic}; #4 Lamp; #5 {hebrew}"), "en")
    assert said == (
        f"Other open requests of the same address: \u2066#3 {arabic}\u2069; #4 Lamp; \u2066#5 {hebrew}\u2069. "
        "#merge N joins them."
    )
    assert text_of(code("stopped", hebrew, "#reply"), "en").startswith(
        f"An answer of \u2068{hebrew}\u2069 (the answer)"
    )
    assert "\u2068" not in text_of(code("reopened", "Zoë"), "de")

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


SENTENCES = (
    "Call with Anna on 6 May 2024 10:12, her points:",
    "Wie am 6. Mai 2024 um 10:12 Uhr besprochen, hier die Liste:",
    "Telefonat mit Frau Maier am 06.05.2024, 10:12:",
    "Comme convenu le 6 mai 2024 à 10:12, la liste:",
    "Según su correo del 06/05/2024 10:12:",
    "6 maja 2024 o 10:12 napisałem do Państwa:",
    "Dne 6. května 2024 v 10:12 jsem vám napsal:",
    "Kirjoitin teille 6.5.2024 klo 10.12:",
    "Den 6 maj 2024 kl. 10:12 skrev jag:",
    "6 мая 2024 в 10:12 я написал:",
    "6 Mayıs 2024 10:12 tarihinde size yazdım:",
    "2024年5月6日 10:12 に電話でお話しした件です:",
    "כפי שסיכמנו ב-6 במאי 2024 בשעה 10:12, הנה הרשימה:",
    "Sesuai kesepakatan 6 Mei 2024 pukul 10:12, berikut daftarnya:",
    "Bitte an Anna Maier <anna@example.com> schreiben:",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_date_alone_makes_no_attribution(sentence: str) -> None:
    """People name a day and an hour, too, in any language: whoever is meant by it must be named as well."""
    found = new_text(f"Hello,\n\n{sentence}\n> the lamp\n> the desk\n\nKim", people=["Anna Example"])
    assert sentence in found
    announced = "Pada 6 Mei 2024 pukul 10:12, Anna Example menulis:"
    assert new_text(f"New.\n\n{announced}\n> a\n> b", people=["Anna Example"]) == "New."


def test_a_form_is_no_quoted_header() -> None:
    """What a web form mails has fields, an address and a moment, but answers nothing."""
    form = "Nome: Kim\nIndirizzo: kim@x.example\nQuando: 6.5.2024 10:12\nMotivo: Lampada\n\nNon funziona."
    assert new_text(form, title="Lampada") == form


HEADER = "From: Support <a@b.example>\nSent: Monday, May 6, 2024 10:15 AM\nTo: Anna\nSubject: Lamp\n\nWhich?\nThe blue."


@pytest.mark.parametrize(
    "pointer",
    [
        "See below.",
        "Hallo,\n\nsiehe unten.",
        "Meine Antworten in Rot.",
        "Voir mes réponses en bleu",
        "Please see my comments in line.",
        "Answers in CAPS",
        "I've answered within your email.",
        "my answers below in blue",
        "Hi Anna,\n\nInline.\n\nKim",
        "siehe rot",
        "Hallo, Antworten in roter Schrift",
        "Kommentare gelb markiert",
        "Mes réponses en dessous",
        "J'ai répondu dans le corps du message",
        "Cf. ci-dessous",
        "He contestado entre líneas",
        "Ho risposto sotto in rosso.",
        "Ti rispondo sotto",
        "Mijn antwoord staat tussen de tekst",
        "Respondi abaixo",
        "Odpowiedzi w tekście",
        "Ответил ниже",
        "Відповіді червоним",
    ],
)
def test_an_answer_that_stands_below_is_seen(pointer: str) -> None:
    """A short text that only points below shows the whole mail; any other is its new text."""
    assert new_text(f"{pointer}\n\n{HEADER}") == f"{pointer}\n\n{HEADER}"


@pytest.mark.parametrize(
    "said",
    [
        "The lamp stands below the desk.",
        "We respond in line with our policy.",
        "See if the LED turns red.",
        "siehe rote Taste am Gerät",
        "The answer to the question in your email is yes.",
        "El equipo responde en verde cuando funciona",
        "Please respond to the questions below by Friday: colour? size?",
        "Your lamp is the one shown above in blue.",
        "For the button, see the red text on its label.",
        "siehe rot markierte Zeile der Rechnung",
    ],
)
def test_a_place_or_a_colour_alone_points_nowhere(said: str) -> None:
    """Who tells of one has answered above."""
    assert new_text(f"{said}\n\n{HEADER}") == said


def _answer(text: str, style: str) -> str:
    markup = (
        f'<p>{text}</p><hr><div id="divRplyFwdMsg"><b>From:</b> a@b.example<br><b>Sent:</b> Mon, May 6, 2024 10:15 AM'
        f"<br><b>To:</b> Kim</div><p>Which lamp?</p><p{style}>The <b>blue</b> one.</p><p>When?</p><p>Anna</p>"
    )
    return parse(f"From: Kim <k@x.example>\nContent-Type: text/html\n\n{markup}".encode()).reply_text


@pytest.mark.parametrize("style", [' style="color:red"', ' style="margin:0; color: #0070C0"'])
def test_an_answer_in_another_colour_is_seen(style: str) -> None:
    """Written into an Outlook quotation, whatever stands above it."""
    assert "The blue one." in _answer("Thanks, Anna.", style)


@pytest.mark.parametrize("style", ["", ' style="background-color:red"', ' style="color:#1f1f1f"'])
def test_a_colour_of_the_page_is_no_answer(style: str) -> None:
    """Nor is a background."""
    assert _answer("Thanks, Anna.", style) == "Thanks, Anna."


def test_a_text_in_colour_is_new_text() -> None:
    """Whoever always writes in blue has answered above."""
    assert _answer('<font color="blue">Thanks, Anna.</font>', "") == "Thanks, Anna."


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("> Which?\n\nThe blue.\n\n-- \nKim\n+49 1234", "The blue."),
        ("The blue.\n\n> Which?\n\n--\nKim", "The blue."),
        ("The blue.\n-- \nKim\n\n> Which?", "The blue.\n-- \nKim"),
        ("The blue.\n-- \nKim", "The blue.\n-- \nKim"),
        ("> Which?\n\nThe blue.\n--\nAnd when?\n\nKim", "The blue.\n--\nAnd when?\n\nKim"),
    ],
)
def test_a_signature_below_a_quotation(text: str, want: str) -> None:
    """A program put it at the end of an answer; one above a quotation, or in a first mail, stays."""
    assert new_text(text) == want


@pytest.mark.parametrize(
    "announced",
    [
        "O luns, 6 de maio de 2024 ás 10:12, Anna Example escribiu:",
        "El dl., 6 de maig 2024, 10:12, Anna Example va escriure:",
        "Missatge de Anna Example del dia dl., 6 de maig 2024 a les 10:12:",
        "2024/05/06 10:12(e)an, Anna Example igorleak idatzi zuen:",
        "Anna Example(e)k hau idatzi du (2024 mai. 6, al. (10:12)):",
        "Ar Llun, 6 Mai 2024 am 10:12 ysgrifennodd Anna Example:",
        "Ar 6 Beal 2024 ag 10:12, scríobh Anna Example:",
        "mán., 6. maí 2024 kl. 10:12 skrifaði Anna Example:",
        "Kontakt Anna Example kirjutas kuupäeval E, 6. mai 2024 kell 10:12:",
        "V V pon., 6. maj 2024 ob 10:12 je oseba Anna Example napisala:",
        "pon, 6. svi 2024. u 10:12 Anna Example je napisao/la:",
        "На пн, 6.05.2024 г. в 10:12 Anna Example написа:",
        "пон, 6. мај 2024. у 10:12 Anna Example је написао/ла:",
        "ในวันที่ จ. 6 พ.ค. 2024 เวลา 10:12 Anna Example เขียนว่า:",
        "Pada Sen, 6 Mei 2024 pukul 10.12 Anna Example menulis:",
        "सोम, 6 मई 2024 को 10:12 am बजे को Anna Example ने लिखा:",
        "در تاریخ دوشنبه ۶ مهٔ ۲۰۲۴،‏ ۱۰:۱۲ Anna Example نوشت:",
        "Op Ma, 6 Mei 2024 om 10:12 het Anna Example geskryf:",
        "At Mon, 06 May 2024 10:12:00 +0200,\nAnna Example wrote:",
        "----- Mail original -----",
    ],
)
def test_an_attribution_that_names_nobody_known(announced: str) -> None:
    """Languages without a catalog: a quotation is announced though no address and no name of a reader stand in it."""
    assert new_text(f"New.\n\n{announced}\n> old\n> lines") == "New."


@pytest.mark.parametrize(
    "sentence",
    [
        "Saya menulis ini kemarin pukul 10.12:",
        "Napisao sam vam 6. svi 2024. u 10:12:",
        "Ég skrifaði 6. maí 2024 kl. 10:12:",
        "Anna Example menulis:",
        "At the meeting I noted:",
        "الموعد الساعة 10:12 في المكتب:",
        "בשעה 10:12 קיבלתי מכתב:",
    ],
)
def test_a_writer_of_those_languages_is_heard(sentence: str) -> None:
    """Who says what they wrote themselves, or names no moment, announces nothing."""
    assert sentence in new_text(f"Hello,\n\n{sentence}\n> the lamp\n> the desk\n\nKim")

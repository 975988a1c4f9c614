"""The new text of a reply, and above all: nothing that a person wrote is cut."""

from __future__ import annotations

import pytest

from gateway.mail import html_text
from gateway.mail.new_text import LINES_LIMIT, marker, new_text, told_by_markup, without_banner

GERMAN, ENGLISH = marker("de"), marker("en")
US = "Support <support@replydesk.example>"
OUTLOOK = f"Von: {US}\nGesendet: Montag, 6. Mai 2024 10:15\nAn: Anna Müller\nBetreff: AW: Drucker\n\nalt"


@pytest.mark.parametrize(
    "quoted",
    [
        f"> Am 06.05.2024 um 10:15 schrieb {US}:\n> \n> alt",
        f"Am 06.05.2024 um 10:15 schrieb {US}:\n\n> alt\n>> älter",
        "Am Mo., 6. Mai 2024 um 10:15 Uhr schrieb Support <\nsupport+t7-abc@replydesk.example>:\n\n> alt",
        f"Am 6. Mai 2024 10:15:00 MESZ schrieb {US}:\n>alt",
        f"On Mon, May 6, 2024 at 10:15 AM {US} wrote:\n\n> old",
        f"On May 6, 2024, at 10:15, {US} wrote:\n\nold, and no marks at all",
        f"On Monday, May 6, 2024 at 10:15:00 AM GMT+2, {US} wrote:\n\nold",
        f"From: {US}\nSent: Monday, May 6, 2024 10:15 AM\nTo: Anna\nSubject: RE: Printer\n\nold",
        f"________________________________\nFrom: {US}\nSent: Monday, May 6, 2024 10:15 AM\nTo: Anna\n\nold",
        f"*Von:* {US}\n*Gesendet:* Montag, 6. Mai 2024 10:15\n*An:* Anna\n*Betreff:* AW\n\nalt",
        f"-----Ursprüngliche Nachricht-----\n{OUTLOOK}",
        f"-----Original Message-----\nFrom: {US}\n\nold",
        "-------- Original-Nachricht --------\n> Datum: Mon, 6 May 2024\n> alt",
        f"Gesendet: Montag, 06. Mai 2024 um 10:15 Uhr\nVon: {US}\nAn: anna@kunde.example\nBetreff: Drucker\n\nalt",
        f"---- {US} wrote ----\n\nold",
        f"{GERMAN}\n\nalt, von einem Programm, das nichts markiert",
        f"{ENGLISH}\n\nold",
        "> alt",
        OUTLOOK,
    ],
)
def test_what_mail_programs_quote_goes(quoted: str) -> None:
    """Outlook, Apple Mail, Gmail, Thunderbird, GMX and phones, German and English: only the new text is left."""
    assert new_text(f"Danke, es geht.\n\nAnna\n\n{quoted}") == "Danke, es geht.\n\nAnna"


@pytest.mark.parametrize(
    "text",
    [
        "Hallo,\n\nOn Monday I wrote:\nthe printer is broken.\n\nPlease help.",
        "Hallo,\n\nAm 12.03.2024 schrieb ich Ihnen:\n\nDer Drucker ist kaputt.\n\nBitte antworten Sie.",
        "am 12.03.2024 um 10:30 schrieb mir Ihr Techniker:\n\nDer Drucker ist kaputt.",
        "Bitte buchen:\n\nVon: Berlin\nAn: München\nDatum: 12.03.2024\n\nDanke",
        "Diese Mail geht nicht:\n\nFrom: anna@kunde.example\nTo: b@x.example\nSubject: Test\n\nBitte prüfen!",
        "It says\n\n>>> import os\n>>> os.x()\nTraceback\n\nHelp!",
        "Angebot\n>>> >>> http://www.example.com <<<\njetzt ansehen",
        "> everything is quoted\n> nothing is new",
        f"{GERMAN}\n\nNichts darüber.",
        "Zur Info\n\n-------- Weitergeleitete Nachricht --------\nVon: b@x\n> zitiert\n\nText",
        "FYI\n\n---------- Forwarded message ---------\nFrom: b@x.example\nDate: Mon, 6 May 2024\nTo: a@x\n\nText",
        "-- \nonly a signature",
        "",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    """Prose that looks like an attribution, prompts, forms and forwarded mail are kept whole."""
    assert new_text(text) == text


ATTRIBUTIONS = {
    "Thunderbird, German": f"Am 06.05.24 um 10:15 schrieb {US}:",
    "Gmail, German, wrapped": "Am Mo., 6. Mai 2024 um 10:15 Uhr schrieb Support <\nsupport@replydesk.example>:\n",
    "Gmail": f"On Mon, May 6, 2024 at 10:15 AM {US} wrote:\n",
    "Apple": f"> On May 6, 2024, at 10:15, {US} wrote:\n> ",
    "Apple, German": f"> Am 06.05.2024 um 10:15 schrieb {US}:\n> ",
    "Outlook with marks": f"-----Original Message-----\n> From: {US}\n> Sent: Monday, May 6, 2024 10:15 AM\n> \n",
    "a language without a catalog": f"Le lun. 6 mai 2024 à 10:15, {US} a écrit :\n",
}


@pytest.mark.parametrize("greeting", ["", "Hallo Rosa,\n\n"], ids=["at once", "with a greeting"])
@pytest.mark.parametrize("announced", ATTRIBUTIONS)
def test_answers_between_the_lines_stay_with_their_questions(announced: str, greeting: str) -> None:
    """Whoever answers point by point keeps the line above each answer, and nothing else of the quotation."""
    quoted = "> Hallo Anna,\n> \n> Welches Modell?\nDas blaue.\n> Seit wann?\n\nSeit gestern.\n\n> Ihr Support\n"
    found = new_text(f"{greeting}{ATTRIBUTIONS[announced]}\n{quoted}\n\nAnna")
    assert found == f"{greeting}> Welches Modell?\nDas blaue.\n> Seit wann?\n\nSeit gestern.\n\n> Ihr Support\n\nAnna"


def test_ten_answers_have_ten_questions() -> None:
    """Each yes and no stands below its question."""
    pairs = [(f"> {n}. Does it do that?", "yes" if n % 2 else "no") for n in range(1, 11)]
    lines = "\n".join(line for pair in pairs for line in pair)
    assert new_text(f"On Mon, May 6, 2024 at 10:15 AM {US} wrote:\n{lines}") == lines


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("You wrote\n> It was bought in May.\nThen it is under warranty.", None),
        ("> Is it still under warranty?\nYes.\n\nAm 06.05.24 um 10:15 schrieb a@b.example:\n> alt\n> und lang", -3),
        ("> Is it still under warranty?\n\nYes.", None),
        ("Danke!\n\n> Brauchen Sie die Rechnung?\n\nJa.\n\n-----Original Message-----\nFrom: a@b.example", -3),
    ],
)
def test_a_line_quoted_by_hand_stays(text: str, want: int | None) -> None:
    """What no program announces was quoted by the writer; a whole quotation below it goes as ever."""
    assert new_text(text) == "\n".join(text.split("\n")[:want]).strip()


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (f"On Mon, May 6, 2024 at 10:15 AM {US} wrote:\n> Which model?\n\nThe blue one.", "The blue one."),
        (f"Hi,\n\nOn Mon, May 6, 2024 at 10:15 AM {US} wrote:\n\n> old\n\nNew.", "Hi,\n\nNew."),
        ("> old\n> and older\n> and more\n> and yet more\n\nNew.", "New."),
        ("New.\n\n> old\n> older\n-- \nAnna", "New."),
        ("New.\n\n> old and older\n> more\n____________\nA list for all of you\nlist@x", None),
        (
            "New.\n\n> A long line of a mail that some program on the way had to break in two\npieces\n> and more.",
            "New.\n\npieces",
        ),
    ],
)
def test_an_ordinary_reply_keeps_no_quotation(text: str, want: str | None) -> None:
    """All above or all below one quotation, with a greeting or a footer: as short as ever."""
    assert new_text(text) == (want or text.replace("> old and older\n> more\n", ""))


@pytest.mark.parametrize(
    "markup",
    [
        "<p>Hi</p><div class=moz-cite-prefix>On 6/5/24 10:15, Support wrote:</div><blockquote type=cite>"
        "<p>Dear Anna</p><p>Which model?</p></blockquote><p>The blue one.</p><blockquote type=cite>"
        "<p>Since when?</p></blockquote><p>Yesterday.</p><blockquote type=cite><p>Bye</p></blockquote>",
        "<div>Hi</div><blockquote type=cite><div>On May 6, 2024, at 10:15, Support &lt;a@b.example&gt; wrote:</div><br>"
        "<div>Dear Anna</div><br><div>Which model?</div></blockquote><div>The blue one.</div><blockquote type=cite>"
        "<div>Since when?</div></blockquote><div>Yesterday.</div><blockquote type=cite>Bye</blockquote>",
        '<div>Hi</div><div class="gmail_quote gmail_quote_container"><div class=gmail_attr>On Mon, May 6, 2024'
        " at 10:15 AM Support wrote:<br></div><blockquote class=gmail_quote>Dear Anna<br><br>Which model?</blockquote>"
        "<div>The blue one.</div><blockquote class=gmail_quote>Since when?</blockquote><div>Yesterday.</div><blockquote"
        " class=gmail_quote>Bye</blockquote></div>",
    ],
    ids=["Thunderbird", "Apple", "Gmail"],
)
def test_answers_between_the_lines_of_markup_stay_with_their_questions(markup: str) -> None:
    """The same in HTML, as the programs split their quotation."""
    lines = html_text.lines(markup)
    found = new_text(html_text.from_lines(lines), lines)
    assert [line for line in found.split("\n") if line] == [
        "Hi", "> Which model?", "The blue one.", "> Since when?", "Yesterday.",
    ]  # fmt: skip


def test_an_answer_below_a_quoted_marker_stays() -> None:
    """Who answers below the quotation is heard, too."""
    text = f"On May 6, 2024, at 10:15, {US} wrote:\n> {ENGLISH}\n> old\n\nHere is my answer."
    assert new_text(text) == "Here is my answer."


@pytest.mark.parametrize(
    "broken", [GERMAN.replace(" dieser ", "\ndieser "), f"*{GERMAN}*", GERMAN.replace(" ", "\u00a0")]
)
def test_the_marker_survives_the_way(broken: str) -> None:
    """Our marker is known again when it was wrapped, decorated, or its blanks were replaced."""
    assert new_text(f"Neu\n\n{broken}\n\nalt") == "Neu"


def test_commands_stay() -> None:
    """An agent's command lines are part of the new text."""
    assert new_text(f"#close\n\nErledigt.\n\n{OUTLOOK}") == "#close\n\nErledigt."


def test_signatures_of_phones_stay() -> None:
    """A signature is something the sender sent."""
    assert new_text("Ok\n\nVon meinem iPhone gesendet\n\n> alt") == "Ok\n\nVon meinem iPhone gesendet"


@pytest.mark.parametrize(
    ("markup", "want"),
    [
        ("<p>Neu</p><blockquote type=cite><p>alt</p></blockquote>", "Neu"),
        ("<p>Neu</p><div class=gmail_quote>Am 6. Mai:<blockquote class=gmail_quote>alt</blockquote></div>", "Neu"),
        ("<p>Neu</p><div id=appendonsend></div><hr><div id=divRplyFwdMsg><b>Von:</b> X</div><p>alt</p>", "Neu"),
        ("<p>Neu</p><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p>Von: X</p></div><p>alt</p>", "Neu"),
        ("<p>Neu</p><hr>From: a@x.example<br>Sent: Monday<br><p>old</p>", "Neu"),
        ("<p>Neu</p><div class=moz-cite-prefix>X schrieb:</div><blockquote>a</blockquote><p>Ende</p>", "Neu\n\nEnde"),
        ("<p>Neu</p><blockquote>eingerückt</blockquote><p>On May 6, 2024 at 10:15, a@x.example wrote:</p>"
         "<blockquote>old</blockquote>", "Neu\n\neingerückt"),
        ("<blockquote>alles eingerückt</blockquote>", "> alles eingerückt"),
        (f"<p>Neu</p><p>{GERMAN}</p><p>alt</p>", "Neu"),
    ],
)  # fmt: skip
def test_html_tells_more(markup: str, want: str) -> None:
    """What mail programs mark in HTML counts as quoted; what people indent by hand does not."""
    assert new_text(html_text.to_text(markup), html_text.lines(markup)) == want


LINE = "border-top: 1px solid #e5e5e5"


@pytest.mark.parametrize(
    "markup",
    [
        f'<p>My order:</p><table><tr><td style="{LINE}">Lamp</td><td style="{LINE}">2</td></tr></table><p>Please.</p>',
        f'<p>Hello</p><div style="{LINE}">Kim Kunde<br>Tel: 1</div><p>PS: the blue one</p>',
        "<p>Hello</p><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p>Offer 12</p></div><p>Is it valid?</p>",
    ],
)
def test_a_line_drawn_by_hand_quotes_nothing(markup: str) -> None:
    """Outlook draws it above a header; in a table, around a card or above a signature the rest is as new as the top."""
    text = html_text.to_text(markup)
    assert new_text(text, html_text.lines(markup)) == text
    assert told_by_markup(text, markup) == text


def test_a_drawn_line_above_a_header_in_an_unknown_language() -> None:
    """Three fields are a header, whatever they are called."""
    header = "<b>Nuo:</b> Ona<br><b>Kada:</b> 10.12<br><b>Kam:</b> Kim<br><b>Apie:</b> Lempa"
    markup = f'<p>Neu</p><div style="{LINE}"><p>{header}</p></div><p>alt</p>'
    assert new_text(html_text.to_text(markup), html_text.lines(markup)) == "Neu"


@pytest.mark.parametrize(
    "mark",
    [
        ">>> Anna Example <anna@example.com> 06.05.2024 10:12 >>>",
        '>>> "Anna Example" <anna@example.com> 5/6/2024 10:12 AM >>> ',
        ">>> Anna Example 06.05.24 10.12 Uhr >>>",
    ],
)
def test_groupwise_names_who_wrote_between_arrows(mark: str) -> None:
    """It marks no line of what it quotes; three arrows around anything else are somebody's own."""
    assert new_text(f"Neu\n\n{mark}\nalt\n\nalt") == "Neu"
    assert new_text(f"Neu\n\n{mark}\n> alt\n\nEnde").endswith("Ende")
    own = "Neu\n\n>>> jetzt ansehen >>>\nEnde"
    assert new_text(own) == own


def test_a_book_is_left_whole() -> None:
    """Past the limit nothing is guessed."""
    text = "line\n" * (LINES_LIMIT + 1) + "> quoted"
    assert new_text(text) == text


_CAUTION = "CAUTION: This email originated from outside of the organization. Do not click links you do not know."


@pytest.mark.parametrize(
    "banner",
    [
        f"{_CAUTION}\n\n",
        f"{_CAUTION}\n",
        f"________\n{_CAUTION}\n________\n\n",
        "ACHTUNG: Diese E-Mail stammt von einem externen Absender.\nBitte öffnen Sie keine unbekannten Anhänge.\n\n",
        "ATTENTION : Ce courriel provient de l'extérieur de l'organisation. Ne cliquez pas sur les liens.\n\n",
        "PRECAUCIÓN: Este correo viene de fuera de la organización. No abra archivos adjuntos.\n\n",
        "Attenzione: questo messaggio proviene dall'esterno. Mittente esterno, non aprire allegati.\n\n",
        "LET OP: dit bericht komt van buiten de organisatie. Klik niet op koppelingen.\n\n",
        "UWAGA: wiadomość spoza organizacji. Nie otwieraj załączników.\n\n",
        "Varning: detta meddelande kommer utanför organisationen. Öppna inga länkar.\n\n",
        "Внимание! Письмо от внешнего отправителя. Не открывайте вложения.\n\n",
        "【外部】このメールは外部から送信されました。リンクに注意してください。\n\n",
        "You don't often get email from kim@x.example. Learn why this is important<https://x.example>\n\n",
        "Vous n’obtenez pas souvent d’e-mail de kim@x.example. Pourquoi cela est important "
        "<https://aka.ms/LearnAboutSenderIdentification>\n\n",
        "No suele recibir correos de kim@x.example. Por qué<https://aka.ms/LearnAboutSenderIdentification>\n\n",
        "Non si ricevono spesso messaggi da kim@x.example. Informazioni<https://aka.ms/LearnAboutSenderIdentification>\n\n",
        "U ontvangt niet vaak e-mail van kim@x.example. Waarom<https://aka.ms/LearnAboutSenderIdentification>\n\n",
        "Nie często otrzymujesz wiadomości od kim@x.example. <https://aka.ms/LearnAboutSenderIdentification>\n\n",
        "kim@x.example adresinden sık e-posta almıyorsunuz. <https://aka.ms/LearnAboutSenderIdentification>\n\n",
    ],
)
def test_a_gateways_warning_goes(banner: str) -> None:
    """An order below it is an order, and an answer is sent on without it."""
    assert without_banner(f"{banner}#note Ask Bert.") == "#note Ask Bert."


@pytest.mark.parametrize(
    "text",
    [
        "External drive broke and nobody answers my mail\n\nPlease help",
        "Warning lamp is on\n\nWhat now?",
        "Attention, le courriel de mon voisin est arrivé chez moi\n\nQue faire?",
        "Uwaga: pompa zewnętrzna przecieka\n\nProszę o pomoc.",
        "This mail is about the outside lamp.\n\nIt is dark.",
        "Attention: the link in the external newsletter mail is broken, and my colleague has the same.\n\nKim",
        "Achtung, der Link in der Mail vom externen Absender ist seit heute tot.\n\nMit freundlichen Grüßen\nKim",
        "This mail came from your external partner, and the attachment is unreadable.\n\nBest regards,\n\nKim",
        _CAUTION,
    ],
)
def test_what_people_warn_of_stays(text: str) -> None:
    """Only one paragraph of that shape goes, and never all there is."""
    assert without_banner(text) == text

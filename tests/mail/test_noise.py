"""What nobody wrote for its reader is left out of the new text, and never of the whole."""

from __future__ import annotations

import pytest

from gateway.mail.content import read
from gateway.mail.mime import read as taken_apart
from gateway.mail.noise import without_noise
from gateway.mail.parse import parse

LEGAL = {
    "en": "This e-mail and any attachments are confidential and intended solely for the addressee. If you are not the "
    "intended recipient, please notify the sender and delete it immediately.",
    "de": "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind oder "
    "sie irrtümlich "
    "erhalten haben, informieren Sie bitte den Absender und vernichten Sie diese Mail.",
    "fr": "Ce message est confidentiel et établi à l'attention exclusive de ses destinataires. Si vous l'avez reçu par "
    "erreur, merci de le supprimer et d'en avertir l'expéditeur. Toute diffusion est interdite.",
    "es": "Este mensaje es confidencial y va dirigido únicamente a su destinatario. Si lo ha recibido por "
    "error, le rogamos "
    "que lo elimine y avise al remitente. Queda prohibida su divulgación.",
    "pl": "Niniejsza wiadomość jest poufna i przeznaczona wyłącznie dla adresata. Jeżeli otrzymali ją "
    "Państwo omyłkowo, "
    "prosimy o jej usunięcie i powiadomienie nadawcy. Rozpowszechnianie jest zabronione.",
    "ru": "Это сообщение конфиденциально и предназначено только для адресата. Если вы получили его по "
    "ошибке, удалите его "
    "и сообщите об этом отправителю. Любое распространение запрещено.",
}  # fmt: skip
LIST = "Users mailing list\nUsers@lists.example\nhttps://lists.example/mailman/listinfo/users"


@pytest.mark.parametrize("language", LEGAL)
def test_a_legal_notice_goes(language: str) -> None:
    """At the end, above a quotation, and inside one."""
    notice = LEGAL[language]
    assert without_noise(f"It is dark.\n\nKim\n\n______\n{notice}\n\n> old") == "It is dark.\n\nKim\n\n> old"
    assert without_noise(f"The lamp is dark.\n\n> Which?\n>\n> {notice}") == "The lamp is dark.\n\n> Which?"
    assert without_noise(f"{notice}\n\nWhat does that mean?") == f"{notice}\n\nWhat does that mean?"


@pytest.mark.parametrize(
    "text",
    [
        "Hello,\n\nI am not the recipient of your confidential e-mail. Please delete my address, notify "
        "your colleagues, "
        "and tell me by mail who is the person that gave it to you, thank you.",
        "Hello,\n\nis your message confidential, must the recipient delete it, and whom does the recipient "
        "notify then? "
        "We would like to hear that from somebody who knows the law.",
        "Hello,\n\nplease delete the confidential e-mail.",
        "Hallo,\n\nunsere Buchhaltung hat irrtümlich eine E-Mail mit Daten an einen falschen Empfänger geschickt. "
        "Bitte löschen Sie die Nachricht und bestätigen Sie uns die Löschung.\n\nGrüße\nKim",
        "Hola,\n\nnuestro comercial envió por error un correo a un destinatario equivocado esta mañana. "
        "Rogamos eliminen el mensaje y nos lo confirmen por escrito cuando puedan.",
        "Good morning\n\nsomebody sent a confidential message to the wrong recipient by mistake, today at noon. Please "
        "delete the email from your server, and let us know when it is done.\n\nThanks,\nKim",
        "The lamp is dark.\n\nAnd we sent a confidential message to the wrong recipient by mistake, today at noon. "
        "Please delete the email from your server.\n\nThe desk is fine, and all is paid.",
        "The lamp is fine.\n\nThe paper jams before printing.\n\nAnd the toner is on the desk.",
        "The lamp is fine.\n\nDer Drucker verschmiert das neue Umweltpapier.\n\nAnd the toner is on the desk.",
        "Three things:\n\n------\nthe unsubscribe button is missing\nthe lamp is dark",
        "Please unsubscribe me\n------\nKim",
        "Dear all,\n\n------\nTwo parcels\nOne lamp",
        LEGAL["en"],
    ],
)  # fmt: skip
def test_what_people_write_stays(text: str) -> None:
    """Whoever writes of a notice, of a list or of a secret has written it; and a notice alone is all there is."""
    assert without_noise(text) == text


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (f"Hello all\n\n{'_' * 47}\n{LIST}", "Hello all"),
        ("Hello\n-- \nYou received this message because you are subscribed to a group.\nTo leave it, "
        "unsubscribe.", "Hello"),
        ("Hello\n\nPlease consider the environment before printing this e-mail.", "Hello"),
        ("Hallo\n\nBitte denken Sie an die Umwelt, bevor Sie dies drucken.", "Hallo"),
        ("[EXTERNAL EMAIL]\n\nHello", "Hello"),
        ("*** EXTERN ***\nHello", "Hello"),
        ("[EXTERNAL] Hello", "[EXTERNAL] Hello"),
        ("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHello\n- -- \nKim\n-----BEGIN PGP SIGNATURE-----\n\niQ=\n"
         "-----END PGP SIGNATURE-----", "Hello\n-- \nKim"),
        ("See\n-----BEGIN PGP MESSAGE-----\n\niQ\niQ\n-----END PGP MESSAGE-----",
         "See\n-----BEGIN PGP MESSAGE-----\n[…]\n-----END PGP MESSAGE-----"),
    ],
    ids=["list", "group", "paper", "Papier", "tag", "stars", "no line of its own", "signed", "encrypted"],
)  # fmt: skip
def test_what_programs_add(text: str, want: str) -> None:
    """Footers of lists, tags of gateways, armour of PGP."""
    assert without_noise(text) == want


def test_the_whole_text_keeps_everything() -> None:
    """Folded, never cut."""
    text = f"The lamp is dark.\n\n{LEGAL['en']}"
    found = parse(f"From: Kim <k@x.example>\n\n{text}".encode())
    assert (found.body_text.strip(), found.reply_text) == (text, "The lamp is dark.")


FILE = b'Content-Type: application/pdf; name="a.pdf"\n\nx\n'
REST = b'Content-Type: text/html; name="att00001.htm"\nContent-Disposition: attachment; filename="att00001.htm"\n\n'


@pytest.mark.parametrize(
    ("rest", "text"),
    [(b"<html><body><br></body></html>", "See the file."), (b"<p>It is new.</p>", "See the file.\n\nIt is new.")],
)
def test_the_rest_of_a_text_behind_a_file(rest: bytes, text: str) -> None:
    """Servers name it like a file; it is text, or nothing."""
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nSee the file.\n--b\n" + FILE + b"--b\n" + REST + rest
    found = read(taken_apart(raw + b"\n--b--"))
    assert ([file.name for file in found.files], found.text) == (["a.pdf"], text)


CHECKS = (
    "---\nThis email has been checked for viruses by Avast antivirus software.\nwww.avast.com",
    "-- \nDiese E-Mail wurde von Avast-Antivirussoftware auf Viren geprüft.\nwww.avast.com",
    "[Avast logo] | Virus-free.www.avast.com <https://www.avast.com/sig-email?utm_medium=email>",
    "<https://www.avast.com/sig-email>\nVirenfrei.www.avast.com\n<https://www.avast.com/sig-email>\n<#DAB4FAD8-2DD7-40BB>",
    "-----\nNo virus found in this message.\nChecked by AVG - www.avg.com\n"
    "Version: 2016.0.7497 / Virus Database: 4540/11935 - Release Date: 04/01/16",
    "__________ Information from ESET NOD32 Antivirus, version of virus signature database 1234 (2016) __________\n\n"
    "The message was checked by ESET NOD32 Antivirus.\n\nhttp://www.eset.com",
    "This message was scanned by Kaspersky Anti-Virus.",
    "This email has been scanned for viruses by Norton Internet Security.",
    "Scanned by McAfee\nhttps://www.mcafee.com",
    "L'absence de virus dans ce courrier électronique a été vérifiée par le logiciel antivirus Avast.",
    "Ta wiadomość e-mail została sprawdzona pod kątem wirusów przez oprogramowanie antywirusowe Avast.",
)


@pytest.mark.parametrize("check", CHECKS)
def test_what_a_virus_scanner_says_of_a_mail_goes(check: str) -> None:
    """At the end, below any line; a telephone number above it stays."""
    assert without_noise(f"It burns.\n\nKim\n030 1234567\n\n{check}") == "It burns.\n\nKim\n030 1234567"


@pytest.mark.parametrize(
    "words",
    [
        "We checked it with Avast, and no virus was found.",
        "Your mail was checked by Norton and the file is gone.",
        "Do you sell Kaspersky?",
        "Norton",
        "This message was scanned by Avast.\n\nPlease turn that off.",
    ],
)
def test_what_somebody_says_of_a_virus_scanner_stays(words: str) -> None:
    """One word more than a scanner says, or a place in front of other words."""
    assert without_noise(f"Hello,\n\n{words}") == f"Hello,\n\n{words}"

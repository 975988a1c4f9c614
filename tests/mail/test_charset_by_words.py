"""Bytes nobody declared are read in the charset in which they are words of a language."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gateway.mail import charset

MAILS: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parent.parent / "texts" / "short_mails.toml").read_text("utf-8")
)
SAID = [
    *[("cp1252", mail) for language in ("de", "fr", "es", "it", "nl", "pt") for mail in MAILS[language]],
    *[(codec, mail) for codec in ("cp1250", "iso8859-2") for mail in MAILS["pl"]],
    *[(codec, mail) for codec in ("cp1250", "iso8859-2") for mail in MAILS["none"] if "Tiskárna" in mail],
    *[(codec, mail) for codec in ("cp1250", "iso8859-2") for mail in MAILS["none"] if "Tlačiareň" in mail],
    *[(codec, mail) for codec in ("cp1250", "iso8859-2") for mail in MAILS["none"] if "nyomtató" in mail],
    *[("cp1254", mail) for mail in MAILS["none"] if "Yazıcı" in mail],
    *[(codec, mail) for codec in ("cp1251", "koi8-r") for mail in MAILS["none"] if "Принтер" in mail],
    ("cp1253", "Καλημέρα, ο εκτυπωτής δεν λειτουργεί από το πρωί. Μπορείτε να με βοηθήσετε;"),
    ("iso8859-7", "Καλημέρα, ο εκτυπωτής δεν λειτουργεί από το πρωί. Μπορείτε να με βοηθήσετε;"),
    ("cp1255", "שלום, המדפסת לא עובדת מהבוקר. אפשר לעזור לי?"),
    ("cp1256", "مرحبا، الطابعة لا تعمل منذ الصباح. هل يمكنكم مساعدتي؟"),
    ("cp1251", "Добрий день, принтер на другому поверсі не працює з ранку. Допоможіть, будь ласка."),
    ("cp932", "プリンターがオフラインになっています。助けてください。"),
    ("gb18030", "打印机从今天早上开始离线,请帮助我们。"),
    ("cp1252", "Grüße aus Köln"),
    ("cp1252", "50 £ für Ärger, und 3 € für „Übles“"),
]


@pytest.mark.parametrize(("codec", "text"), SAID)
def test_undeclared_text_is_read(codec: str, text: str) -> None:
    assert charset.decode(text.encode(codec))[0] == text


def test_noise_is_left_to_others() -> None:
    noise = bytes(range(0x80, 0x100)) * 40
    assert charset.decode(noise)[0]


@pytest.mark.parametrize(
    ("codec", "declared", "text"),
    [
        ("cp1250", "iso-8859-2", "Prosím o pomoc „rychle“ – děkuji, žluťoučký kůň"),
        ("cp1251", "iso-8859-1", "Здравствуйте, принтер не работает"),
        ("cp1250", "iso-8859-1", "Dzień dobry, drukarka nie działa od rana, proszę o pomoc"),
        ("cp1253", "iso-8859-7", "Καλημέρα, ο „εκτυπωτής“ δεν λειτουργεί… βοήθεια!"),
    ],
)
def test_a_label_that_cannot_be_meant_gives_way(codec: str, declared: str, text: str) -> None:
    said, defect = charset.decode(text.encode(codec), declared)
    assert said == text
    assert defect.startswith(f"declared {declared}, is ")


@pytest.mark.parametrize(
    "text", ["Grüße aus Köln", "ÄÄÄHHHÖÖÖÖÖÖ!!!", "Señor Peña: ¿llegó?", "Åsa Ågren på Öland", "50 £"]
)
def test_a_western_label_stays(text: str) -> None:
    assert charset.decode(text.encode("cp1252"), "iso-8859-1") == (text, "")

"""Which of two forms of one text says what the other does not."""

from __future__ import annotations

import pytest

from gateway.mail import forms
from gateway.mail.parse import parse
from tests.mails import file_part, parts, text_part, tnef

HTML = "Content-Type: text/html; charset=utf-8\n"
WINMAIL = 'Content-Type: application/ms-tnef; name="winmail.dat"\n'
WORDS = "Hello,\n\nthe pump 8812 leaks since Monday. Please send a technician.\n\nKim Smith"
MARKUP = "".join(f"<p>{line}</p>" for line in WORDS.split("\n\n"))
INSIDE = "Please send a new pump to Main street 5."


def alternative(plain: str, html: str = MARKUP) -> str:
    return parse(parts("alternative", text_part(plain), text_part(html, HTML))).body_text


@pytest.mark.parametrize(
    "plain",
    [
        "Hello,",
        ".",
        "[image: logo.png]",
        "[cid:image001.png@01D]",
        "-- \nKim Smith",
        "Sent from my iPhone",
        "This is a MIME encoded message.",
        "View this email in your browser: https://news.example/v/1",
        "<https://www.example/logo.png>",
        "null",
        "\u200b",
        "\u200c \u00a0" * 200,
        "Hello,\n\nthe pump",
    ],
)
def test_a_plain_form_that_says_nothing_or_less_gives_way(plain: str) -> None:
    """The whole question stands in the HTML."""
    assert alternative(plain) == WORDS


@pytest.mark.parametrize(
    ("plain", "html"),
    [
        (WORDS, MARKUP),
        ("Yes, please.", "<p>Yes, please.</p><p>&nbsp;</p>" + "<style>p { margin: 0 }</style>" * 20),
        ("Thanks!\n\n-- \nKim Smith, ACME", "<p>Thanks!</p><p>-- </p><p>Kim Smith,<br>ACME</p>"),
        ("Sent from my iPhone", "<p>Sent from my iPhone</p>"),
        ("https://shop.example/4711", '<a href="https://shop.example/4711">https://shop.example/4711</a>'),
        ("I see no HTML.", "<p></p>"),
        ("\U0001f44d", "<p>\U0001f44d</p>"),
    ],
)
def test_a_plain_form_that_says_as_much_is_shown(plain: str, html: str) -> None:
    """Signatures and styles of the HTML are no words it has more."""
    assert alternative(plain, html) == plain


def test_forms_that_each_say_something_are_both_shown() -> None:
    """A plain form that is in no way part of the HTML."""
    assert alternative("Call 555 0199 first") == f"Call 555 0199 first\n\n{WORDS}"


def test_html_is_read_for_short_plain_forms_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary mail does not pay for the others, be it long or short."""
    read: list[str] = []
    monkeypatch.setattr(forms.html_text, "lines", lambda html: read.append(html) or ())
    for plain in ("A sentence of an ordinary mail. " * 20, "Thanks, that works."):
        assert forms.fuller(plain, f"<p>{plain}</p>") is None
        assert not forms.differ(plain, f"<html><body><p>{plain}</p></body></html>")
    assert not read


@pytest.mark.parametrize(
    "outer", ["", "CAUTION: This email originated from outside of the organization. Please do not send data."]
)
def test_a_text_inside_winmail_that_nothing_outside_says(outer: str) -> None:
    """A gateway's warning, or an empty part, is no copy of the text."""
    mail = parse(parts("mixed", text_part(outer), file_part(tnef([("a.txt", b"abc")], INSIDE), WINMAIL)))
    assert (mail.body_text, mail.reply_text) == (f"{outer}\n\n{INSIDE}".strip(), INSIDE)
    assert [a.filename for a in mail.attachments] == ["a.txt"]


def test_the_footer_of_a_list_below_a_winmail() -> None:
    """The order of the parts is that of the text."""
    footer = "_______________\nPumps mailing list\nhttps://lists.example/listinfo/pumps"
    mail = parse(parts("mixed", file_part(tnef([], INSIDE), WINMAIL), text_part(footer)))
    assert (mail.body_text, mail.reply_text) == (f"{INSIDE}\n\n{footer}", INSIDE)


def test_a_winmail_as_a_form_of_its_own() -> None:
    """Some servers put it into the alternative: what both say is shown once."""
    wrapped = file_part(tnef([], INSIDE), WINMAIL)
    assert parse(parts("alternative", text_part(INSIDE.replace(" to", "\nto")), wrapped)).body_text.count("pump") == 1
    assert parse(parts("alternative", text_part("Other words"), wrapped)).body_text == f"Other words\n\n{INSIDE}"


@pytest.mark.parametrize(
    ("text", "elsewhere", "said"),
    [
        ("", "Hello", True),
        ("OK", "Looking forward", False),
        ("\U0001f44d", "A warning", False),
        ("Please see the attached file.", "This attached file: the sender may see. Please delete", False),
        ("Please see the\nattached file.", "Hello! Please see  the attached file. Kim", True),
    ],
)
def test_is_said(text: str, elsewhere: str, *, said: bool) -> None:
    """By words beside each other; a notice has all words of a short text, but in another order."""
    assert forms.is_said(text, elsewhere) is said

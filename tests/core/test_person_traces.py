"""What of a person is recognised, in whichever form a mail carries it, and what is nobody's in particular."""

from __future__ import annotations

import base64
import quopri
from email.message import EmailMessage

import pytest

from gateway.core.person_traces import MARK, Traces, parts_of

ERIKA = Traces(
    "Erika@Customer.example",
    ["Erika Müßig"],
    ["Erika", "Müßig"],
    [
        "our printer in room 7 prints nothing but stars\nCall 0049 30-5550123, contract RX-4711",
        "kind regards\nmy secret",
    ],
)
ADDRESS_ONLY = Traces("erika@customer.example")


@pytest.mark.parametrize(
    "text",
    [
        "erika@customer.example",
        "Mail to: <ERIKA@customer.EXAMPLE>.",
        "mailto:erika%40customer.example?subject=x",
        "bounces+erika=customer.example@lists.example",
        "said Erika Müßig.",
        "ERIKA  MÜSSIG".replace("SS", "ß"),
        "Müßig, Erika",
        "> Erika\n> Müßig wrote",
        "Hello Erika,",
        "they say our printer in room\n> 7 prints nothing",
        "> > my secret",
        "your contract RX-4711",
        "call 30-5550123",
    ],
)
def test_what_is_the_persons(text: str) -> None:
    """Found, and gone after the cut."""
    assert ERIKA.in_text(text)
    cut = ERIKA.cut(text)
    assert MARK in cut
    assert not ERIKA.in_text(cut)


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ("Call me: +49 170 1234567", "+49 170 1234567"),
        ("Call me: +49 170 1234567", "+49-170-1234567"),
        ("Call me: +49 170 1234567", "0170 1234567"),
        ("Tel. 0049 (40) 123 45 67", "0049 (40) 123 45 67"),
        ("Tel. (040) 123-4567", "040 1234567"),
        ("or 555 123 4567.", "555-123-4567"),
    ],
)
def test_a_telephone_number_goes_whole(own: str, told: str) -> None:
    """However its digits are grouped, none of them stays."""
    person = Traces("erika@customer.example", texts=[own])
    assert person.in_text(f"Call {told} today.")
    assert person.cut(f"Call {told} today.") == f"Call {MARK} today."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "xerika@customer.example",
        "erika@customer.example.org",
        "heterika@elsewhere.example",
        "erika+other@customer.example",
        "America",
        "our printer is new",
        "Kind regards",
        "nothing but stars",
        "RX-47110",
    ],
)
def test_what_is_others(text: str) -> None:
    """Not found, and left as it is."""
    traces = Traces("erika@customer.example", ["Erika Müßig"], [], ERIKA.texts[:1])
    assert not traces.in_text(text)
    assert traces.cut(text) == text


def test_only_what_is_the_persons_is_cut() -> None:
    """The words of others around it stay."""
    text = "Hello Erika,\n\n> Our printer in room 7 prints nothing but stars.\n> my secret\n\nPlease restart it.\nAnna"
    assert ERIKA.cut(text) == f"Hello {MARK},\n\n> {MARK}.\n{MARK}\n\nPlease restart it.\nAnna"


def mail(*, cte: str = "8bit", charset: str = "utf-8", text: str = "nothing", **headers: str) -> bytes:
    m = EmailMessage()
    m["From"] = "karl@customer.example"
    for name, value in headers.items():
        m[name] = value
    m.set_content(text, cte=cte, charset=charset)
    return m.as_bytes()


def nested(raw: bytes) -> bytes:
    m = EmailMessage()
    m["Subject"] = "Fwd"
    m.set_content("see below")
    m.add_attachment(raw, maintype="message", subtype="rfc822x", filename="mail.eml")
    return m.as_bytes().replace(b"message/rfc822x", b"message/rfc822")


HTML = "<p>M&uuml;&szlig;ig, <b>Eri</b>ka</p>"
WITH = {
    "header": mail(Cc="Erika <erika@customer.example>"),
    "encoded header": mail(Subject="Grüße an Erika Müßig"),
    "eight bit": mail(text="Erika Müßig"),
    "latin-1": mail(text="Erika Müßig", charset="latin-1"),
    "base64": mail(text="write to erika@customer.example", cte="base64"),
    "quoted-printable": mail(text="write to " + "x" * 60 + " erika@customer.example", cte="quoted-printable"),
    "utf-16": b"Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.b64encode("Erika Müßig".encode("utf-16")),
    "html": b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    + quopri.encodestring(HTML.encode()),
    "mail inside": nested(mail(text="Erika Müßig", cte="base64")),
    "name of a file": b'Content-Type: text/plain; name="=?utf-8?q?Erika_M=C3=BC=C3=9Fig.txt?="\r\n\r\nnothing',
    "text file": mail(text="x").replace(b"Content-Type: text/plain", b"Content-Type: application/octet-stream", 1)
    + b"erika@customer.example",
    "no mail at all": b"\x00\xff erika@customer.example \x00",
}


@pytest.mark.parametrize("form", WITH)
def test_found_in_a_mail(form: str) -> None:
    """In whichever form it is written there."""
    traces = Traces("erika@customer.example", ["Erika Müßig", "Müßig, Erika"])
    assert traces.in_mail(WITH[form])


def test_not_found_in_others_mail() -> None:
    """However broken it is."""
    for raw in (
        mail(),
        nested(mail(cte="base64")),
        b"",
        b"\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
    ):
        assert not ERIKA.in_mail(raw)
        assert not ADDRESS_ONLY.in_mail(raw)


def test_found_in_bytes() -> None:
    """As they stand in a file."""
    assert ERIKA.in_bytes(b"\x00\x05Erika M\xc3\xbc\xc3\x9fig\x00")
    assert ERIKA.in_bytes(b"\x00\x05Erika M\xfc\xdfig\x00")
    assert not ADDRESS_ONLY.in_bytes(b"\x00\x05Erika M\xfc\xdfig\x00")


def test_single_names_that_others_bear_too_are_not_looked_for() -> None:
    """Else an agent of the same first name would lose it."""
    assert parts_of(["Erika von Müßig"], ["Erika Agent", "Karl"]) == ("von", "Müßig")

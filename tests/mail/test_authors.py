"""Who a mail is from is what its From field says as syntax, and a field that can be read twice proves nobody."""

from __future__ import annotations

import random
from email import policy as email_policy
from email.utils import getaddresses

import pytest

from gateway.mail.message import Address, address_key
from gateway.mail.parse import extract, parse
from tests.mails import crlf

ANNA, MALLORY = "anna@desk.test", "mallory@evil.test"


def q(words: str) -> str:
    """An RFC 2047 word in which every sign is encoded."""
    return "=?utf-8?q?" + "".join(f"={byte:02X}" for byte in words.encode()) + "?="


@pytest.mark.parametrize(
    ("field", "author"),
    [
        (f"{q(f'Anna <{ANNA}>')} <{MALLORY}>", Address(MALLORY, f"Anna ({ANNA})")),
        (f"=?utf-8?q?Anna_=3Canna=40desk=2Etest=3E?= <{MALLORY}>", Address(MALLORY, f"Anna ({ANNA})")),
        (f'"{q(f"Anna <{ANNA}>")}" <{MALLORY}>', Address(MALLORY, f"Anna ({ANNA})")),
        (f'"Anna <{ANNA}>" <{MALLORY}>', Address(MALLORY, f"Anna ({ANNA})")),
        (f"{q('Anna <anna')} {q('@desk.test>')} <{MALLORY}>", Address(MALLORY, f"Anna ({ANNA})")),
        (f"{q(f'Anna <{ANNA}>')}\n <{MALLORY}>", Address(MALLORY, f"Anna ({ANNA})")),
        (f"{q(f'Anna <{ANNA}>, x')} <{MALLORY}>", Address(MALLORY, f"Anna ({ANNA}), x")),
        (f"{q(f'Anna <{ANNA}>')}, {MALLORY}", Address(MALLORY)),
        (f"{MALLORY} ({ANNA})", Address(MALLORY, ANNA)),
        (f"{q('anna')}@desk.test", Address(f"{q('anna')}@desk.test")),
        ("anna@des\u212a.test", Address("anna@des\u212a.test")),
        ("\u0430nna@desk.test", Address("\u0430nna@desk.test")),
        ('"anna"@desk.test', Address('"anna"@desk.test')),
    ],
)
def test_an_encoded_word_is_no_syntax(field: str, author: Address) -> None:
    """What it holds is a name, whatever it looks like; look-alike letters are other letters."""
    found = parse(crlf(f"From: {field}\n\nText")).author
    assert found == author
    assert found.key != address_key(ANNA)


@pytest.mark.parametrize(
    "field",
    [
        ANNA,
        f"<{ANNA}>",
        f"Anna Agent <{ANNA}>",
        f"Anna M. O'Neil-Agent <{ANNA}>",
        f'"Agent, Anna" <{ANNA}>',
        f'"Anna @ Desk" <{ANNA}>',
        f"{ANNA} <{ANNA}>",
        f'"{ANNA}" <{ANNA}>',
        f"{ANNA} (Anna Agent)",
        f"Anna (Support) <{ANNA}>",
        f"Änna <{ANNA}>",
        f"{q('Änna, die Erste')} <{ANNA}>",
        f"{q('Änna')} {q('Agent')}\n <{ANNA}>",
        f"Anna\n Agent\n <{ANNA}>",
        "Anna Agent <Anna@Desk.Test>",
        "Anna <anna@dösk.test>",
    ],
)
def test_an_honest_field_is_sure(field: str) -> None:
    """Names with commas, quotes, umlauts, comments and folds, as mail programs write them."""
    mail = parse(crlf(f"From: {field}\n\nText"))
    assert not mail.author_unsure
    assert mail.author is not None
    assert "From can be read in more than one way" not in mail.defects


@pytest.mark.parametrize(
    "head",
    [
        f"From: {ANNA}\nFrom: {MALLORY}",
        f"From: {ANNA}\nFrom: {ANNA}",
        f"From:\nFrom: {ANNA}",
        f"From: {ANNA}, {MALLORY}",
        f"From: {ANNA}, {MALLORY}\nSender: {ANNA}",
        f"From: Anna <{ANNA}> <{MALLORY}>",
        f"From: <{ANNA}> {MALLORY}",
        f"From: {MALLORY} <{ANNA}>",
        f"From: {q(f'<{MALLORY}>')} <{ANNA}>",
        f'From: "{MALLORY}" <{ANNA}>',
        f"From: Desk: {ANNA};",
        f"From: Desk: {ANNA}, {MALLORY};",
        f"From: <@evil.test:{ANNA}>",
        f"From: <@evil.test,@x.test:{ANNA}>",
        f"From: <{ANNA}.>",
        "From: <anna@desk..test>",
        "From: <anna @desk.test>",
        "From: <anna@\n desk.test>",
        "From: anna(x)@desk.test",
        "From: <anna@(evil.test)desk.test>",
        "From: <anna@[desk.test]>",
        "From: an\0na@desk.test",
        f"From: {ANNA}\0",
        f"From: {ANNA}\rFrom: {MALLORY}",
        f"From: {ANNA}\n\t{MALLORY}",
        f"From: {ANNA}; {MALLORY}",
        "From: anna@desk\u200b.test",
        "From: \u202eanna@desk.test",
        "From: ａnna@desk.test",
        "From: anna@des\u212a.test",
        f"From: {q(f'Anna <{ANNA}>')}",
        f"From: {q(ANNA)}",
        f"Sender: {ANNA}",
        f"From: <>\nSender: {ANNA}",
        f"Reply-To: {ANNA}",
    ],
)
def test_a_field_that_can_be_read_twice_is_unsure(head: str) -> None:
    """Doubled, several people, routes, groups, blanks, comments, control characters: the mail is read and marked."""
    mail = parse(crlf(f"{head}\n\nText"))
    assert mail.author_unsure
    assert {"From can be read in more than one way", "no usable From"} & set(mail.defects)
    assert mail.body_text == "Text"


PIECES = (
    *(ANNA, f"<{ANNA}>", MALLORY, f"<{MALLORY}>", q(f"Anna <{ANNA}>"), q(ANNA), q("Anna"), f'"{ANNA}"', '"Anna"'),
    *(",", ";", ":", "(", ")", "<", ">", '"', "\\", "@", ".", " ", "\r\n ", "\r\n\t", "\0", "\u200b", "\u212a"),
    *("@evil.test:", "anna", "desk.test", "Desk:", "(x)", "[", "]", "=?", "?=", "%", "!", "\r", "\x0b", "ä"),
)


def test_whoever_is_sure_is_read_so_by_others() -> None:
    """Random fields of such pieces: where we are sure, two other readers see the same one mailbox."""
    rng = random.Random(11)
    sure = 0
    for _ in range(6_000):
        field = "".join(rng.choices(PIECES, k=rng.randint(1, 5)))
        mail = parse(f"From: {field}\r\nTo: x@x.test\r\n\r\nText".encode())
        if mail.author_unsure:
            continue
        sure += 1
        assert mail.author is not None
        plain = field.replace("\r\n", "")
        assert [a for _, a in getaddresses([plain])] == [mail.author.address], field
        # The standard library's new reader takes ASCII only.
        if mail.author.address.isascii():
            try:
                read = email_policy.default.header_factory("From", plain)
            except AttributeError:
                continue  # a fault of that reader: a name that begins or ends with a dot
            assert [a.addr_spec for a in read.addresses] == [mail.author.address], field
    assert sure > 100


def test_a_certified_mail_is_from_whom_the_mail_inside_is_from() -> None:
    """The provider's wrapper says nothing of its own; its author proves nobody (PEC, RFC 6109)."""
    raw = (
        b'From: "Per conto di: rossi@pec.example" <posta-certificata@provider.example>\nSubject: POSTA CERTIFICATA: x\n'
        b"X-Trasporto: posta-certificata\nMessage-ID: <o@provider.example>\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: text/plain\n\nMessaggio\n--m\n"
        b'Content-Type: message/rfc822; name="postacert.eml"\n\nFrom: Rossi <rossi@pec.example>\nSubject: Fattura\n'
        b"Message-ID: <i@pec.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=i\n\n--i\n"
        b"Content-Type: text/plain\n\nBuongiorno\n--i\nContent-Type: application/pdf; name=f.pdf\n\nPDF\n--i--\n--m--\n"
    )
    mail = parse(raw)
    assert (mail.author, mail.subject, mail.message_id) == (
        Address("rossi@pec.example", "Rossi"),
        "Fattura",
        "i@pec.example",
    )
    assert (mail.body_text.strip(), mail.author_unsure) == ("Buongiorno", True)
    files = {a.filename: extract(raw, a.part) for a in mail.attachments}
    assert files["f.pdf"].strip() == b"PDF"
    assert "postacert.eml" in files


@pytest.mark.parametrize("name", ["postacert.eml", "message.eml", ""])
def test_a_mail_from_elsewhere_to_a_certified_address(name: str) -> None:
    """The provider wraps it as an error of certification; it is from whom it was from, and proves nobody."""
    named = f'; name="{name}"' if name else ""
    mail = parse(
        b'From: "Per conto di: kim@c.example" <posta-certificata@provider.example>\nSubject: ANOMALIA MESSAGGIO: Pump\n'
        b"X-Trasporto: errore\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m\n\n--m\n"
        b"Content-Type: text/plain\n\nAnomalia nel messaggio\n--m\nContent-Type: message/rfc822"
        + named.encode()
        + b"\n\n"
        b"From: Kim <kim@c.example>\nSubject: Pump\nAuto-Submitted: auto-replied\n\nIt leaks.\n--m--\n"
    )
    assert (mail.author, mail.subject, mail.body_text.strip()) == (Address("kim@c.example", "Kim"), "Pump", "It leaks.")
    assert (mail.header("auto-submitted"), mail.author_unsure) == ("auto-replied", True)


def test_a_from_without_an_address_leads_to_reply_to() -> None:
    """It is the only address in the header that names whom to answer."""
    mail = parse(b'From: "Web Form"\nReply-To: Tara <tara@c.example>\nSender: www@host.example\n\nhi\n')
    assert (mail.author, mail.author_unsure) == (Address("tara@c.example", "Tara"), True)

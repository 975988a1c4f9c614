"""Mails of our own making, one for each thing real mail does: used by the tests of the core and broken by
`tests/mutation.py`. Every name says what is special about it."""

from __future__ import annotations

import base64
import quopri
import struct
import textwrap

HEAD = (
    "From: Anna Müller <anna@kunde.example>\n"
    "To: support@replydesk.example\n"
    "Subject: Drucker druckt nicht\n"
    "Date: Mon, 6 May 2024 10:15:00 +0200\n"
    "Message-ID: <one@kunde.example>\n"
)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def plain(body: str, head: str = HEAD, charset: str = "utf-8") -> bytes:
    """A text/plain mail in 8bit."""
    fields = (
        f"{head}MIME-Version: 1.0\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n"
    )
    return crlf(fields) + body.replace("\n", "\r\n").encode(charset)


def html(body: str, head: str = HEAD) -> bytes:
    """A mail that is HTML alone, quoted-printable."""
    fields = f"{head}Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
    return crlf(fields) + quopri.encodestring(body.encode())


def parts(kind: str, *entities: bytes, head: str = HEAD, more: str = "") -> bytes:
    """A multipart of ready entities (header, blank line, body)."""
    out = [crlf(f'{head}MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary="=_b"{more}\n\n')]
    for entity in entities:
        out += [b"--=_b\r\n", entity, b"\r\n"]
    return b"".join(out) + b"--=_b--\r\n"


def text_part(text: str, fields: str = "Content-Type: text/plain; charset=utf-8\n") -> bytes:
    return crlf(f"{fields}Content-Transfer-Encoding: 8bit\n\n{text}")


def file_part(data: bytes, fields: str) -> bytes:
    return crlf(f"{fields}Content-Transfer-Encoding: base64\n\n") + base64.encodebytes(data).replace(b"\n", b"\r\n")


def delivery_report(status: str, returned: str, human: str = "Your message could not be delivered.") -> bytes:
    return parts(
        "report",
        text_part(human),
        crlf(f"Content-Type: message/delivery-status\n\n{status}"),
        crlf(f"Content-Type: text/rfc822-headers\n\n{returned}"),
        head="Return-Path: <>\nFrom: MAILER-DAEMON@mx.kunde.example\nTo: support@replydesk.example\n"
        "Subject: Undelivered Mail Returned to Sender\nMessage-ID: <dsn1@mx.kunde.example>\n"
        "Auto-Submitted: auto-replied\n",
        more="; report-type=delivery-status",
    )


def tnef(files: list[tuple[str, bytes]], body: str = "") -> bytes:
    """A winmail.dat with files and a plain body ([MS-OXTNEF])."""

    def attribute(level: int, name: int, data: bytes) -> bytes:
        return struct.pack("<BII", level, name, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)

    out = struct.pack("<IH", 0x223E9F78, 1)
    out += attribute(1, 0x00089006, struct.pack("<I", 0x00010000))
    if body:
        out += attribute(1, 0x0002800C, body.encode("cp1252") + b"\0")
    for name, data in files:
        out += attribute(2, 0x00069002, struct.pack("<HIHII", 1, 0, 0, 0, 0)[:14])
        out += attribute(2, 0x00018010, name.encode("cp1252") + b"\0")
        out += attribute(2, 0x0006800F, data)
    return out


def opaque_signature(inner: bytes) -> bytes:
    """CMS SignedData around an entity, without signers: what a reader without keys can open."""
    from asn1crypto import cms

    content = cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": {
                "version": "v1",
                "digest_algorithms": [],
                "encap_content_info": {"content_type": "data", "content": inner},
                "signer_infos": [],
            },
        }
    )
    return bytes(content.dump())


INVITATION = textwrap.dedent(
    """\
    BEGIN:VCALENDAR
    METHOD:REQUEST
    BEGIN:VTIMEZONE
    TZID:Europe/Berlin
    BEGIN:STANDARD
    DTSTART:19701025T030000
    END:STANDARD
    END:VTIMEZONE
    BEGIN:VEVENT
    SUMMARY:Termin\\, Wartung
     des Druckers
    DTSTART;TZID=Europe/Berlin:20240513T100000
    DTEND;TZID=Europe/Berlin:20240513T113000
    LOCATION:Raum 3\\; Erdgeschoss
    UID:1@kunde.example
    BEGIN:VALARM
    SUMMARY:Erinnerung
    END:VALARM
    END:VEVENT
    END:VCALENDAR
    """
)

FORWARDED = (
    "From: Bernd <bernd@anders.example>\nTo: anna@kunde.example\nSubject: Vertrag\nMessage-ID: <inner@anders.example>\n"
)

STATUS = (
    "Reporting-MTA: dns; mx.kunde.example\nOriginal-Envelope-Id: env-7\n\n"
    "Original-Recipient: rfc822;anna@kunde.example\nFinal-Recipient: rfc822; anna@intern.kunde.example\n"
    "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n"
)
RETURNED = "Message-ID: <rd.7@replydesk.example>\nReferences: <a@x> <b@x>\nSubject: Re: x\n"


def all_mails() -> dict[str, bytes]:
    """Name → mail."""
    picture = file_part(
        PNG, 'Content-Type: image/png; name="bild.png"\nContent-ID: <bild@1>\nContent-Disposition: inline\n'
    )
    pdf = file_part(
        b"%PDF-1.4 x", 'Content-Type: application/pdf\nContent-Disposition: attachment; filename="vertrag.pdf"\n'
    )
    markup = "Content-Type: text/html; charset=utf-8\n"
    nested = crlf(f"Content-Type: message/rfc822\n\n{FORWARDED}\nDer innere Text.\n")
    return {
        "plain": plain("Guten Tag,\n\nder Drucker druckt nicht.\n\nAnna Müller"),
        "latin1 undeclared": crlf(HEAD.replace("ü", "u") + "\n") + "Grüße aus Köln".encode("latin-1"),
        "raw header": HEAD.encode("latin-1") + b"\nText",
        "alternative": parts("alternative", text_part("Hallo *Welt*"), text_part("<p>Hallo <b>Welt</b></p>", markup)),
        "related": parts("related", text_part('<p>Bild: <img src="cid:bild@1"></p>', markup), picture),
        "mixed": parts("mixed", text_part("Oben."), pdf, text_part("Unten.")),
        "nested message": parts("mixed", text_part("Siehe Anhang."), nested),
        "flowed": plain("Ein langer \nSatz.\n> zitiert \n> weiter\n-- \nAnna", HEAD).replace(
            b"text/plain;", b"text/plain; format=flowed;"
        ),
        "html": html("<h1>Titel</h1><p>Ein <a href='https://kunde.example/a'>Link</a></p><ul><li>eins<li>zwei</ul>"),
        "html table": html("<table><tr><th>Artikel<th>Preis<tr><td>Papier<td>5 €</table>"),
        "invitation": parts(
            "alternative",
            text_part("Einladung"),
            text_part(INVITATION, "Content-Type: text/calendar; method=REQUEST\n"),
        ),
        "calendar answer": parts(
            "alternative",
            text_part("Zugesagt"),
            text_part(INVITATION.replace("REQUEST", "REPLY"), "Content-Type: text/calendar; method=REPLY\n"),
        ),
        "winmail": parts(
            "mixed",
            text_part("Im Anhang."),
            file_part(
                tnef([("rechnung.pdf", b"%PDF-1.4 r")]), 'Content-Type: application/ms-tnef; name="winmail.dat"\n'
            ),
        ),
        "opaque signature": crlf(HEAD)
        + file_part(
            opaque_signature(text_part("Signierter Text.")),
            'Content-Type: application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"\n',
        ),
        "pgp": parts(
            "encrypted",
            crlf("Content-Type: application/pgp-encrypted\n\nVersion: 1\n"),
            crlf(
                'Content-Type: application/octet-stream; name="encrypted.asc"\n\n'
                "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n"
            ),
            more='; protocol="application/pgp-encrypted"',
        ),
        "delivery report": delivery_report(STATUS, RETURNED),
        "delay": delivery_report(STATUS.replace("failed", "delayed").replace("5.1.1", "4.4.1"), RETURNED),
        "bounce in words": crlf(
            "Return-Path: <>\nFrom: Mail Delivery System <Mailer-Daemon@mx.kunde.example>\n"
            "Subject: Mail delivery failed\nMessage-ID: <b1@mx.kunde.example>\n\n"
            "A message that you sent could not be delivered.\n\n  weg@kunde.example\n"
            "    550 5.7.1 mailbox disabled\n\n------ This is a copy of the message ------\n\n"
            "From: support@replydesk.example\nMessage-ID: <rd.9@replydesk.example>\nReferences: <x@y>\n\nText\n"
        ),
        "read receipt": parts(
            "report",
            text_part("Gelesen."),
            crlf(
                "Content-Type: message/disposition-notification\n\n"
                "Original-Message-ID: <rd.5@replydesk.example>\n"
                "Disposition: manual-action/MDN-sent-manually; displayed\n"
            ),
            more="; report-type=disposition-notification",
        ),
        "complaint": parts(
            "report",
            text_part("An email abuse report."),
            crlf("Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"),
            crlf("Content-Type: message/rfc822\n\nMessage-ID: <rd.6@replydesk.example>\nSubject: x\n\nText\n"),
            more="; report-type=feedback-report",
        ),
        "no header": b"\r\nNur Text.\r\n",
        "pgp in the text": plain("Siehe:\n\n-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n\nGruß"),
        "uuencoded": plain("Siehe Datei.\n\nbegin 644 a.bin\n#0V%T\n`\nend\n\nGruß"),
        "data url": html(f'<p>Bild <img src="data:image/png;base64,{base64.b64encode(PNG).decode()}"></p>'),
    }

"""Mail made to cost time: the same few bytes over and over, wherever a pattern looks.

Nothing here is timed; a reader whose cost grows with the square of the length would run into the
timeout of the test.
"""

from __future__ import annotations

import pytest

from gateway.mail import html_safe
from gateway.mail.parse import parse
from tests.mails import HEAD, crlf

SIZE = 80_000
TEXT = crlf(f"{HEAD}Content-Type: text/plain; charset=utf-8\n\n")
MARKUP = crlf(f"{HEAD}Content-Type: text/html; charset=utf-8\n\n")
BOUNCE = crlf("Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: Undelivered Mail\n\n")
STATUS = BOUNCE[:-2] + b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: "
CALENDAR = crlf(f"{HEAD}Content-Type: text/calendar\n\nBEGIN:VEVENT\n")
BASE64 = crlf(f"{HEAD}Content-Transfer-Encoding: base64\n\n")

PLACES = {
    "start": b"",
    "from": b"From: ",
    "subject": b"Subject: ",
    "message-id": b"Message-ID: ",
    "date": b"Date: ",
    "name": b'Content-Disposition: attachment; filename="',
    "boundary": b"Content-Type: multipart/mixed; boundary=",
    "text": TEXT,
    "markup": MARKUP,
    "bounce": BOUNCE,
    "status": STATUS,
    "calendar": CALENDAR,
    "base64": BASE64,
}
PIECES = (
    *(
        b"\n",
        b"\r",
        b" ",
        b">",
        b"> a\n",
        b"-",
        b"\n--",
        b"=",
        b"QQ==\n",
        b"(",
        b"<",
        b"@",
        b"a@",
        b"a@b <",
        b";",
        b",",
    ),
    *(b'"', b"a", b"1.", b"1:", b"=?", b"=?utf-8?q?", b"&#", b"<a ", b'<a "', b"<!--", b"<style>", b"<blockquote>x"),
    *(b"<div>", b"\xe4", b"\xf0\x9f", b"\x1b$B", b"wrote ", b"wrote:\n> a\n", b"On 1.1.2024 10:00 a\n"),
    *(b"From: a@b\n", b"schrieb a:\n", b"begin 644 x\n", b"data:image/png;base64,", b"message-id: <a\n"),
    *(b"BEGIN:VEVENT\n", b"; a*1*=%41"),
)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("place", PLACES)
def test_repetition(place: str) -> None:
    """Every piece at every place is read in time that grows with its length, and none makes the mail unreadable."""
    for piece in PIECES:
        mail = parse(PLACES[place] + piece * (SIZE // len(piece)))
        assert not mail.unreadable or not piece.strip(), piece
        if mail.body_html:
            html_safe.sanitise(mail.body_html)
            html_safe.has_remote_content(mail.body_html)


@pytest.mark.timeout(60)
def test_a_hundred_thousand_parts() -> None:
    """More boundaries than any mail has are not taken apart."""
    raw = crlf(f"{HEAD}Content-Type: multipart/mixed; boundary=b\n\n") + b"--b\r\n\r\nx\r\n" * 100_000
    mail = parse(raw)
    assert len(mail.attachments) == 1
    assert mail.omissions


@pytest.mark.timeout(60)
def test_twenty_five_megabytes() -> None:
    """The largest mail a site takes is read: as text in one line, and as a file."""
    assert len(parse(TEXT + b"a" * 25_000_000).body_text) == 1_000_000
    fields = crlf("Content-Type: application/pdf\n\n")
    assert parse(crlf(HEAD) + fields + b"a" * 25_000_000).attachments[0].size == 25_000_000

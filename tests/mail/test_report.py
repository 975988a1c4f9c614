"""Reports about mail we sent: whom they are about, what they say, and which mail they mean."""

from __future__ import annotations

import base64

import pytest

from gateway.mail.message import Action, DeliveryReport, Report, ReportType
from gateway.mail.parse import parse
from gateway.mail.report import typed_address
from tests import mails
from tests.mails import RETURNED, STATUS, crlf, delivery_report, parts, text_part

MAILS = mails.all_mails()
RETURNED_REPORT = MAILS["delivery report"].replace(b"=_b", b"=_inside")
ANSWER = mails.HEAD.replace("Drucker", "Re: Returned mail") + "In-Reply-To: <x@y>\n"
DAEMON = "Return-Path: <>\nFrom: Mail Delivery System <mailer-daemon@mx.kunde.example>\nTo: support@replydesk.example\n"


def report(raw: bytes) -> Report:
    found = parse(raw).report
    assert found is not None
    return found


def test_a_delivery_report() -> None:
    """RFC 3464: recipient as we wrote to it, action, status, diagnosis, envelope id, and the mail it returns."""
    assert report(MAILS["delivery report"]) == Report(
        ReportType.DELIVERY,
        (DeliveryReport(Action.FAILED, "anna@kunde.example", "5.1.1", "smtp; 550 5.1.1 User unknown"),),
        ("rd.7@replydesk.example", "b@x", "a@x"),
        "env-7",
    )


@pytest.mark.parametrize(
    ("said", "status", "action"),
    [
        ("failed", "5.1.1", Action.FAILED),
        ("Failed (bad address)", "5.1.1", Action.FAILED),
        ("error", "5.1.1", Action.FAILED),
        ("delayed", "4.4.1", Action.DELAYED),
        ("failed", "4.4.7", Action.FAILED),
        ("delivered", "2.1.5", Action.DELIVERED),
        ("relayed", "2.0.0", Action.RELAYED),
        ("expanded", "2.0.0", Action.EXPANDED),
        ("", "4.2.2", Action.DELAYED),
        ("", "", Action.FAILED),
    ],
)
def test_actions(said: str, status: str, action: Action) -> None:
    """Action decides; where it is missing the class of the status does; where both are, it failed."""
    raw = delivery_report(f"Final-Recipient: rfc822; a@kunde.example\nAction: {said}\nStatus: {status}\n", RETURNED)
    # The reporting group comes first (RFC 3464 section 2.1).
    raw = raw.replace(b"Final-Recipient", b"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient", 1)
    assert [r.action for r in report(raw).recipients] == [action]


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("rfc822; a@x.example", "a@x.example"),
        ("RFC822;<a@x.example>", "a@x.example"),
        ("a@x.example", "a@x.example"),
        ("rfc822; Anna <a@x.example>", "a@x.example"),
        ("LOCAL;\\<a@x.example\\>", "a@x.example"),
        ("utf-8; j\\x{F6}rg@x.example", "jörg@x.example"),
        ("rfc822; anna", "anna"),
    ],
)
def test_typed_addresses(value: str, want: str) -> None:
    """With and without type, brackets and names; Unicode as RFC 6533 writes it."""
    assert typed_address(value) == want


def test_several_recipients() -> None:
    """Each recipient has its own fate."""
    other = STATUS + "\nFinal-Recipient: rfc822; b@kunde.example\nAction: delayed\nStatus: 4.0.0\n"
    assert [(r.final_recipient, r.action) for r in report(delivery_report(other, RETURNED)).recipients] == [
        ("anna@kunde.example", Action.FAILED),
        ("b@kunde.example", Action.DELAYED),
    ]


def test_an_encoded_status_part() -> None:
    """RFC 3464 forbids to encode the status; what is encoded is read."""
    encoded = base64.encodebytes(STATUS.encode()).decode()
    raw = parts(
        "report",
        text_part("Nicht zugestellt."),
        crlf(f"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n{encoded}"),
        more="; report-type=delivery-status",
    )
    assert [r.final_recipient for r in report(raw).recipients] == ["anna@kunde.example"]


def test_the_whole_mail_returned() -> None:
    """The Message-ID is found in a returned message/rfc822 as well."""
    raw = parts(
        "report",
        text_part("x"),
        crlf(f"Content-Type: message/delivery-status\n\n{STATUS}"),
        crlf("Content-Type: message/rfc822\n\nMessage-ID: <rd.3@replydesk.example>\nSubject: x\n\nText\n"),
        more="; report-type=delivery-status",
    )
    assert report(raw).reported_ids == ("rd.3@replydesk.example",)


def test_a_report_inside_a_scanners_mail() -> None:
    """A report that was put whole into another mail of a mail system is still that report."""
    raw = parts(
        "mixed",
        crlf("Content-Type: message/rfc822\n\n") + RETURNED_REPORT,
        head="From: postmaster@kunde.example\nSubject: Delivery Status Notification (Failure)\n",
    )
    assert [r.final_recipient for r in report(raw).recipients] == ["anna@kunde.example"]


@pytest.mark.parametrize(
    ("subject", "text", "action"),
    [
        ("Mail delivery failed", "A message that you sent could not be delivered.\n\n weg@kunde.example", "failed"),
        ("Undelivered Mail", "<weg@kunde.example>: host mx.kunde.example said: 550 5.1.1 unknown", "failed"),
        ("Unzustellbar: Drucker", "Die Mail an weg@kunde.example konnte nicht zugestellt werden.", "failed"),
        ("Warning: message delayed", "Delivery to weg@kunde.example has been delayed and will be retried.", "delayed"),
        ("failure notice", "Hi. This is the qmail-send program at x.\n\n<weg@kunde.example>:\nSorry.", "failed"),
        ("Returned mail", "(expanded from: <weg@kunde.example>)\n550 User unknown", "failed"),
    ],
)  # fmt: skip
def test_bounces_in_words(subject: str, text: str, action: str) -> None:
    """Systems that know no RFC 3464 are understood by their wording, in English and German."""
    raw = crlf(
        f"{DAEMON}Subject: {subject}\n\n{text}\n\n"
        "--- Original message ---\nMessage-ID: <rd.8@replydesk.example>\n\n> x\n"
    )
    found = report(raw)
    assert [(r.final_recipient, r.action.value) for r in found.recipients] == [("weg@kunde.example", action)]
    assert found.reported_ids == ("rd.8@replydesk.example",)


def test_exims_field() -> None:
    """X-Failed-Recipients names them without any words."""
    raw = crlf(f"{DAEMON}Subject: x\nX-Failed-Recipients: weg@kunde.example,\n fort@kunde.example\n\nText")
    assert [r.final_recipient for r in report(raw).recipients] == ["weg@kunde.example", "fort@kunde.example"]


@pytest.mark.parametrize(
    "raw",
    [
        mails.plain("Ich bekomme:\n\n<weg@x.example>: 550. A message that you sent could not be delivered."),
        mails.plain("> <weg@x.example>: 550 unknown", mails.HEAD.replace("Drucker", "Fwd: Undelivered Mail Drucker")),
        mails.plain("weg@x.example: unknown", ANSWER),
        mails.plain("My account anna@x.example is unknown.", mails.HEAD.replace("Drucker", "Delivery problem")),
        parts("mixed", text_part("Was heißt das?"), crlf("Content-Type: message/rfc822\n\n") + RETURNED_REPORT),
    ],
    ids=["quoted", "forwarded", "answered", "parcel", "attached"],
)  # fmt: skip
def test_people_who_ask_about_a_bounce(raw: bytes) -> None:
    """Whoever quotes, forwards or attaches a bounce has not bounced anything."""
    assert parse(raw).report is None


def test_receipts_and_complaints() -> None:
    """RFC 8098 and RFC 5965: what was read, and what was called spam; no recipients."""
    assert report(MAILS["read receipt"]) == Report(ReportType.DISPOSITION, (), ("rd.5@replydesk.example",))
    assert report(MAILS["complaint"]) == Report(ReportType.FEEDBACK, (), ("rd.6@replydesk.example",))


def test_who_did_not_bounce() -> None:
    """Neither we, nor a Message-ID, nor the provider's contact are recipients that failed."""
    head = (
        "From: mailer-daemon@x.example\nTo: support@replydesk.example\nSubject: Undelivered Mail Returned to Sender\n"
    )
    said = (
        "Unable to deliver message to: <carla@example.com>\nDelivery failed for the following reason:\n"
        "550 <carla@example.com> No such user here\nFor help, please contact help@provider.example\n"
    )
    returned = "Message-ID: <2024.1@example.org>\nFrom: support@replydesk.example\nTo: carla@example.com\n\nHello"
    parts = f"--b\n\n{said}--b\nContent-Type: message/rfc822\n\n{returned}\n--b--\n"
    found = parse(f"{head}Content-Type: multipart/mixed; boundary=b\n\n{parts}".encode()).report
    assert found is not None
    assert [r.final_recipient for r in found.recipients] == ["carla@example.com"]

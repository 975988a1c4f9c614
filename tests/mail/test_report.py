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
    """RFC 3464: recipient as we wrote to it, action, status, diagnosis, and the mail it returns."""
    assert report(MAILS["delivery report"]) == Report(
        ReportType.DELIVERY,
        (DeliveryReport(Action.FAILED, "anna@kunde.example", "5.1.1", "smtp; 550 5.1.1 User unknown"),),
        ("rd.7@replydesk.example", "b@x", "a@x"),
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


@pytest.mark.parametrize(
    "text",
    [
        "There was a temporary problem. Gmail will retry for 46 hours, and tell you if the delivery fails permanently.",
        "Ihre Nachricht konnte noch nicht zugestellt werden. Sie werden benachrichtigt, wenn die Zustellung endgültig\n"
        "fehlschlägt.",
        "La remise est différée. Ce message n'a pas encore été remis.",
        "La entrega se ha retrasado. Este mensaje todavía no se ha entregado.",
        "La consegna è stata ritardata. Il messaggio non è stato ancora recapitato.",
        "Dit bericht is nog niet bezorgd.",
        "Ta wiadomość nie została jeszcze dostarczona.",
        "Esta mensagem ainda não foi entregue.",
        "Zpráva zatím nebyla doručena.",
        "メッセージはまだ配信されていません。",
    ],
)
def test_delays_in_words(text: str) -> None:
    """What is tried again has not failed, in whatever language; what shall be said should it fail is said of later."""
    returned = "\n--- Original message ---\nMessage-ID: <rd.8@replydesk.example>\nTo: weg@kunde.example\n"
    for line, action in ((text, Action.DELAYED), (f"{text} 550 5.1.1 unknown", Action.FAILED)):
        found = report(crlf(f"{DAEMON}Subject: Mail\n\nweg@kunde.example: problem\n{line}\n{returned}"))
        assert [r.action for r in found.recipients] == [action]


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


FORWARDED = mails.HEAD.replace("Drucker", "Fwd: Undelivered Mail Returned to Sender")
ENCLOSED = {
    "status": f"Content-Type: message/delivery-status; name=details.txt\n\n{STATUS}",
    "receipt": "Content-Type: message/disposition-notification\n\nOriginal-Message-ID: <rd.5@replydesk.example>\n",
    "complaint": "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\n",
}


@pytest.mark.parametrize("enclosed", ENCLOSED.values(), ids=ENCLOSED)
def test_the_parts_of_a_report_that_somebody_forwards(enclosed: str) -> None:
    """Programs that forward within the text enclose the parts of the report; it is a person who asks about it."""
    asked = parse(parts("mixed", text_part("Was heißt das?"), crlf(enclosed), head=FORWARDED))
    assert asked.report is None
    assert asked.body_text == "Was heißt das?"
    for head in (
        ANSWER.replace("Returned", "Your"),
        FORWARDED + "Auto-Submitted: auto-generated\n",
        f"{DAEMON}Subject: Fwd: Undelivered\n",
        "Return-Path: <>\n" + FORWARDED,
    ):
        assert report(parts("mixed", text_part("Your mail"), crlf(enclosed), head=head))
    inner = parts("report", crlf(enclosed), head="").replace(b"=_b", b"=_inside")
    assert report(parts("mixed", text_part("[EXTERN]"), inner))


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


SERVICE = "From: Service <no-reply@service.example>\nTo: support@replydesk.example\nSubject: Notification\n\n"


@pytest.mark.parametrize(
    "text",
    [
        '{"notificationType": "Bounce", "bounce": {"bouncedRecipients": [{"emailAddress": "weg@kunde.example", '
        '"status": "5.1.1", "diagnosticCode": "no account"}]}, "mail": {"source": "support@replydesk.example", '
        '"headers": [{"name": "Message-ID", "value": "<rd.9@replydesk.example>"}]}}\n\n--\nTo unsubscribe, click.',
        '{"event-data": {"event": "failed", "severity": "permanent", "recipient": "weg@kunde.example", '
        '"delivery-status": {"enhanced-code": "5.1.1", "message": "no account"}, "message": {"headers": {"message-id": '
        '"rd.9@replydesk.example", "to": "Weg <weg@kunde.example>"}}}}',
        '[{"email": "weg@kunde.example", "event": "bounce", "status": "5.1.1", "reason": "no account",\n"smtp-id": '
        '"<rd.9@replydesk.example>"}]',
        '{"Type": "Notification", "Message": "{\\"event\\": \\"bounce\\", \\"email\\": \\"weg@kunde.example\\", '
        '\\"status\\": \\"5.1.1\\", \\"reason\\": \\"no account\\", \\"smtp-id\\": \\"<rd.9@replydesk.example>\\"}"}',
    ],
    ids=["an object", "nested", "a list", "a string in an envelope"],
)  # fmt: skip
def test_notifications_of_services(text: str) -> None:
    """A service that sends for us writes JSON: whoever it names beside an event did not get the mail."""
    failed = DeliveryReport(Action.FAILED, "weg@kunde.example", "5.1.1", "no account")
    assert report(crlf(SERVICE + text)) == Report(ReportType.DELIVERY, (failed,), ("rd.9@replydesk.example",))


@pytest.mark.parametrize(
    ("text", "type", "actions"),
    [
        ('{"eventType": "Complaint", "complaint": {"recipients": ["a@b.example"]}}', ReportType.FEEDBACK, []),
        ('{"event": "deferred", "recipient": "a@b.example"}', ReportType.DELIVERY, [Action.DELAYED]),
        ('{"event": "failed", "severity": "temporary", "email": "a@b.example"}', ReportType.DELIVERY, [Action.DELAYED]),
        ('{"type": "Delivery", "delivery": {"recipients": ["a@b.example"]}}', ReportType.DELIVERY, [Action.DELIVERED]),
    ],
)  # fmt: skip
def test_what_else_services_notify_of(text: str, type: ReportType, actions: list[Action]) -> None:
    """Complaints, delays and deliveries are no failures."""
    found = report(crlf(SERVICE + text))
    assert (found.type, [r.action for r in found.recipients]) == (type, actions)


@pytest.mark.parametrize(
    "text",
    [
        '{"event": "bounce", "email": "a@b.example"}\n\nWhat does that mean?',
        'See:\n{"event": "bounce", "email": "a@b.example"}',
        '{"event": "bounce"}',
        '{"event": "bounce", "email":',
    ],
)  # fmt: skip
def test_json_of_a_person(text: str) -> None:
    """Words around it are a person's."""
    assert parse(mails.plain(text)).report is None


TO_US = "To: support@replydesk.example\n"
RETURNED_MAIL = (
    "Message-ID: <rd.8@replydesk.example>\nFrom: Support <support@replydesk.example>\nTo: weg@kunde.example\n\nx"
)


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (DAEMON, "Sorry, it could not be done."),
        (DAEMON, "Questions? hilfe@provider.example helps. Your mail was refused."),
        (f"From: postmaster@x.example\n{TO_US}Subject: 系统退信\n", "收信人: weg@kunde.example 不存在"),
        (f"Return-Path: <>\nFrom: post@x.example\n{TO_US}", "Adresa weg@kunde.example ne postoji."),
        (f"{DAEMON}Delivered-To: b+weg=k@replydesk.example\n", "b+weg=k@replydesk.example: 550 weg@kunde.example"),
    ],
    ids=["nobody named", "a contact", "Chinese", "any language", "our bounce address"],
)
def test_the_mail_that_came_back_tells_whom_it_was_for(head: str, text: str) -> None:
    """In whatever language a system refuses: a mail that is returned was written to somebody."""
    raw = parts("mixed", text_part(text), crlf(f"Content-Type: message/rfc822\n\n{RETURNED_MAIL}"), head=head)
    found = report(raw)
    assert [r.final_recipient for r in found.recipients] == ["weg@kunde.example"]
    assert found.reported_ids == ("rd.8@replydesk.example",)


def test_a_postmaster_who_writes_by_hand() -> None:
    """Nothing says that a program wrote it."""
    head = "From: postmaster@x.example\nTo: support@replydesk.example\nSubject: Newsletter\n"
    text = "Please take weg@kunde.example off your list, see the mail inside."
    raw = parts("mixed", text_part(text), crlf(f"Content-Type: message/rfc822\n\n{RETURNED_MAIL}"), head=head)
    assert parse(raw).report is None


@pytest.mark.parametrize(
    "author",
    [
        "Paolo <m.demonte@kunde.example>",
        "Mail Systems GmbH <lea@kunde.example>",
        "Royal Mail Delivery <team@kunde.example>",
        "Mail Administrator <it@kunde.example>",
        "Max <postmaster@kunde.example>",
    ],
)
def test_people_whose_names_look_like_a_mail_systems(author: str) -> None:
    """Only what nobody else is called says by itself that a program wrote; else the header must say so, too."""
    head = f"From: {author}\nTo: support@replydesk.example\nSubject: My order\n"
    text = "\nThe account weg@kunde.example is blocked, 550 5.7.1. Please help.\n"
    assert parse(crlf(head + text)).report is None
    bounce = head.replace("My order", "Undeliverable: My order")
    assert not (found := parse(crlf(bounce + text)).report) or not found.by_system
    for more in ("Return-Path: <>\n", "Auto-Submitted: auto-replied\n"):
        assert report(crlf(more + head + text)).by_system


@pytest.mark.parametrize("subject", ["Order rejected", "Zustellung", "Re: Order rejected", "Delivery problem"])
def test_a_form_sent_by_a_program_is_no_bounce(subject: str) -> None:
    """A null reverse path and a word in the subject prove nothing: forms and telephone systems write so."""
    head = f"Return-Path: <>\nFrom: web@kunde.example\nTo: support@replydesk.example\nSubject: {subject}\n"
    found = parse(crlf(f"{head}\nName: Lea\nE-Mail: lea@kunde.example\nError: no parcel\n")).report
    assert found is None or not found.by_system


@pytest.mark.parametrize("shown", ["Return-Path: <>", "Auto-Submitted: auto-generated (failure)"])
def test_wordings_of_old_mail_systems(shown: str) -> None:
    """Under any author, where the header says that a program sent it; without that a person may have copied it."""
    head = "From: smtp@mx.kunde.example\nTo: support@replydesk.example\nSubject: Returned mail: see transcript\n"
    text = (
        "\nThe original message was received at Sun, 4 Nov 2012 10:32:05 +0400\n\n"
        "   ----- The following addresses had permanent fatal errors -----\n<weg@kunde.example>\n"
        "    (reason: 550 5.1.1 User unknown)\n"
    )
    found = report(crlf(f"{shown}\n{head}{text}"))
    assert found.by_system
    assert [r.final_recipient for r in found.recipients] == ["weg@kunde.example"]
    assert not report(crlf(head + text)).by_system


DMARC_FILE = "google.example!replydesk.example!1714950000!1715036399.xml.gz"


@pytest.mark.parametrize(
    ("subject", "more", "aggregate"),
    [
        ("Report domain: replydesk.example Submitter: google.example Report-ID: 7", "", True),
        ("DMARC report for replydesk.example", "", True),
        ("Fwd: Report domain: replydesk.example Submitter: google.example", "", False),
        ("Re: DMARC report for replydesk.example", "In-Reply-To: <a@x>\n", False),
        ("What is this report?", "", False),
    ],
)
def test_dmarc_reports(subject: str, more: str, aggregate: bool) -> None:
    """Figures about our domain, known by the subject and the file's name (RFC 7489). People who ask are heard."""
    head = f"From: dmarc@google.example\nTo: support@replydesk.example\nSubject: {subject}\n{more}"
    file = f'Content-Type: application/gzip; name="{DMARC_FILE}"\nContent-Transfer-Encoding: base64\n\nH4sI\n'
    found = parse(parts("mixed", text_part("A report."), crlf(file), head=head)).report
    assert (found is not None and found.type is ReportType.AGGREGATE) is aggregate


def test_tls_reports() -> None:
    """RFC 8460."""
    file = "Content-Type: application/tlsrpt+gzip\nContent-Transfer-Encoding: base64\n\nH4sI\n"
    raw = parts("report", text_part("A report."), crlf(file), more="; report-type=tlsrpt")
    assert report(raw) == Report(ReportType.AGGREGATE)


@pytest.mark.parametrize(
    ("subject", "more", "complains"),
    [
        ("complaint about message from 192.0.2.1", "", True),
        ("Abuse report for 192.0.2.1", "", True),
        ("x", "X-HmXmrOriginalRecipient: a@kunde.example\n", True),
        ("Complaint about a message from your colleague", "", False),
        ("Re: complaint about message from 192.0.2.1", "", False),
    ],
)
def test_complaints_without_a_report(subject: str, more: str, complains: bool) -> None:
    """Providers that send back what was called spam, without RFC 5965."""
    head = f"From: staff@x.example\nTo: support@replydesk.example\nSubject: {subject}\n{more}"
    raw = parts("mixed", text_part("x"), crlf(f"Content-Type: message/rfc822\n\n{RETURNED_MAIL}"), head=head)
    found = parse(raw).report
    assert (found is not None and found.type is ReportType.FEEDBACK) is complains


@pytest.mark.parametrize(
    ("said", "want"),
    [
        ("<k@private.example> (expanded from\n    <kim@kunde.example>): 550 User unknown", "kim@kunde.example"),
        ("<k@private.example>: 550 User unknown", "k@private.example"),
        ("<o@private.example> (expanded from <kim@kunde.example>): 550", "k@private.example"),
    ],
)
def test_the_target_of_a_forward_is_told_by_whom_we_wrote_to(said: str, want: str) -> None:
    """Postfix may name the target alone in the fields, and in words what it was expanded from."""
    status = "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; K@private.example\nAction: failed\nStatus: 5.1.1\n"
    raw = delivery_report(status, RETURNED, f"This is the mail system.\n\n{said}")
    assert [r.final_recipient.casefold() for r in report(raw).recipients] == [want]

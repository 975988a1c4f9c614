"""A probe is recognised by whatever is left of its mark, and says what was altered; nothing else is one."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage

import pytest

from gateway.core import probe
from gateway.core.compose import Scene, compose
from gateway.core.decision import Returned
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Policy
from gateway.core.token import Keys, Named
from gateway.mail.message import Address, Envelope
from gateway.mail.parse import parse
from gateway.render.mail import Templates
from tests.conftest import NOW

TEMPLATES = Templates()


def sent(policy: Policy, id: int = 7, box: int = 0) -> EmailMessage:
    """The probe as it leaves."""
    to = probe.address(policy, policy.mailboxes[box], Named(id))
    request = NoticeRequest(Notice.CANARY, Address(to), Audience.OPERATOR, probe.subject(policy, Named(id)))
    made = compose(request, Scene(NOW, f"canary:{id}", text=probe.text(policy, Named(id))), policy)
    found = message_from_bytes(TEMPLATES.write(made), policy=email_policy.SMTP)
    assert isinstance(found, EmailMessage)
    return found


def back(mail: EmailMessage | bytes, policy: Policy, *recipients: str, source: str = "smtp") -> Returned | None:
    raw = mail if isinstance(mail, bytes) else mail.as_bytes()
    envelope = Envelope(source, "support@example.com", recipients)
    return probe.read(parse(raw, envelope), envelope, policy)


def text_part(mail: EmailMessage) -> EmailMessage:
    part = mail.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    return part


def test_an_unaltered_probe(policy: Policy) -> None:
    """By SMTP with its envelope, by IMAP without, from a mailbox without plus-addressing too."""
    mail = sent(policy)
    assert back(mail, policy, str(mail["To"])) == Returned(Named(7))
    assert back(mail, policy, source="imap:support@example.com") == Returned(Named(7))
    assert back(sent(policy, 8, 1), policy, "hilfe@example.de") == Returned(Named(8))


def test_trace_fields_and_a_signature_are_no_alteration(policy: Policy) -> None:
    """Every relay adds some."""
    mail = sent(policy).as_bytes()
    head = b"Received: from a by b; Mon, 2 Mar 2026 09:30:00 +0000\r\nDKIM-Signature: v=1; d=example.com\r\n"
    assert back(head + mail, policy) == Returned(Named(7))


def altered(mail: EmailMessage, what: str) -> EmailMessage:
    match what:
        case "plus-address":
            mail.replace_header("To", "support@example.com")
        case "subject":
            mail.replace_header("Subject", f"[EXTERNAL] {mail['Subject']}")
        case "text":
            part = text_part(mail)
            part.set_content(part.get_content() + "\n-- \nThis mail was checked for viruses.\n")
        case "message-id":
            mail.replace_header("Message-ID", "<abc@relay.example>")
        case "auto-submitted":
            del mail["Auto-Submitted"]
        case "dkim":
            mail["Authentication-Results"] = "mx.example.com; dkim=fail header.d=example.com; spf=pass"
    return mail


@pytest.mark.parametrize("what", [f for f in probe.FAULTS if f != "late"])
def test_each_alteration_is_named(policy: Policy, what: str) -> None:
    """And what is left still tells that it is the probe."""
    policy = replace(policy, trusted_authserv_ids=("mx.example.com",))
    assert back(altered(sent(policy), what), policy) == Returned(Named(7), (what,))
    assert probe.in_words((what,))


def test_all_of_them_at_once(policy: Policy) -> None:
    """One mark is enough."""
    mail = sent(policy)
    for what in ("plus-address", "text", "message-id", "auto-submitted"):
        altered(mail, what)
    found = back(mail, policy)
    assert found == Returned(Named(7), ("plus-address", "text", "message-id", "auto-submitted"))


def test_dkim_counts_only_from_a_server_of_ours(policy: Policy) -> None:
    """Anybody can write the field; without a word of ours nothing is known; a second signature may fail."""
    policy = replace(policy, trusted_authserv_ids=("mx.example.com",))
    for value in (
        "mx.other.example; dkim=fail",
        "mx.example.com; spf=fail",
        "mx.example.com; dkim=pass header.d=example.com; dkim=fail header.d=list.example",
        "not a field at all",
    ):
        mail = sent(policy)
        mail["Authentication-Results"] = value
        assert back(mail, policy) == Returned(Named(7))


def test_what_is_no_probe(policy: Policy) -> None:
    """A customer who quotes one, an answer to one, a forged mark, another site's, one out of an archive."""
    mail = sent(policy)
    raw = mail.as_bytes()
    assert (
        back(raw.replace(b"From: Example Support <support@example.com>", b"From: kim@customer.example"), policy) is None
    )
    forged = raw.replace(probe.mark(policy, Named(7)).encode(), b"p7-aaaaaaaaaaaa")
    assert back(forged, policy) is None
    other = replace(policy, keys=Keys(b"another secret of thirty-two bytes"))
    assert back(sent(other), policy) is None
    assert back(raw, policy, source="import") is None
    bounce = (
        b"From: support@example.com\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\n\r\nYour mail could not be delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; x@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + raw + b"\r\n--b--\r\n"
    )
    assert back(bounce, policy) is None
    assert back(b"From: kim@customer.example\r\nSubject: Hello\r\n\r\nHello p7-abcdefghjkmn\r\n", policy) is None

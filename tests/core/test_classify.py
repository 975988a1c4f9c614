"""Who speaks: a machine, a report, we ourselves, or a person; and who gets no acknowledgement."""

from __future__ import annotations

import pytest

from gateway.core import token
from gateway.core.classify import RULES, SILENCERS, classify
from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.token import Keys, Named
from gateway.mail.message import Envelope, Kind, KindName
from gateway.mail.parse import parse
from tests import mails
from tests.mails import HEAD, crlf

KEYS = Keys(b"a secret of the tests")
POLICY = Policy(
    keys=KEYS,
    mailboxes=(Mailbox("support@replydesk.example", "Support", "de", "support+{token}@replydesk.example"),),
    agents=(Agent("lena@replydesk.example", "Lena"),),
    trusted_form_senders=("form@replydesk.example",),
)
FILE = Envelope("file", "", ("support@replydesk.example",))


def kind(fields: str, envelope: Envelope = FILE, policy: Policy = POLICY) -> Kind:
    return classify(parse(crlf(f"{fields}{HEAD}\nText")), envelope, policy)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ("Auto-Submitted: auto-replied\n", "auto-submitted"),
        ("Auto-Submitted: Auto-Generated (rejected); owner-email=x\n", "auto-submitted"),
        ("Auto-Submitted: (a comment) auto-notified\n", "auto-submitted"),
        ("X-Autoreply: yes\n", "automatic-field"),
        ("X-Autorespond: Re: x\n", "automatic-field"),
        ("X-Mail-Autoreply: 1\n", "automatic-field"),
        ("X-AutoReply-From: a@x\n", "automatic-field"),
        ("Precedence: auto_reply\n", "precedence-auto-reply"),
        ("Delivered-To: Autoresponder\n", "autoresponder"),
        ("Return-Path: <>\n", "null-reverse-path"),
        ("From: Mail Delivery <MAILER-DAEMON@x.example>\n", "mailer-daemon"),
        ("Content-Type: multipart/report; report-type=tlsrpt\n", "multipart-report"),
    ],
)
def test_automatic_mail(fields: str, rule: str) -> None:
    """The header says that a machine wrote it."""
    assert (kind(fields).name, kind(fields).rule) == (KindName.AUTOMATIC, rule)


@pytest.mark.parametrize(
    ("fields", "silenced"),
    [
        ("", ""),
        ("Auto-Submitted: no\n", ""),
        ("Auto-Submitted: NO (really)\n", ""),
        ("X-Autoreply: no\n", ""),
        ("Precedence: first-class\n", ""),
        ("Return-Path: <anna@kunde.example>\n", ""),
        ("X-Auto-Response-Suppress: None\n", ""),
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply\n", "x-auto-response-suppress"),
        ("X-Auto-Response-Suppress: All\n", "x-auto-response-suppress"),
        ("Precedence: bulk\n", "precedence"),
        ("Precedence: list\n", "precedence"),
        ("List-Id: <users.x.example>\n", "list"),
        ("List-Unsubscribe: <mailto:x@x>\n", "list"),
        ("From: no-reply@shop.example\n", "role-address"),
        ("From: DoNotReply@shop.example\n", "role-address"),
        ("From: postmaster@shop.example\n", "role-address"),
        ("From: owner-users@x.example\n", "role-address"),
        ("Reply-To: noreply@shop.example\n", "role-address"),
        ("From: noreply@shop.example\nReply-To: anna@kunde.example\n", ""),
        ("From: info@kunde.example\n", ""),
        ("From: arnold.root-meier@kunde.example\n", ""),
        ("Subject: Abwesenheitsnotiz: Drucker\n", "subject-hint"),
        ("Subject: Automatische Antwort: Drucker\n", "subject-hint"),
        ("Subject: AW: Automatic reply: Printer\n", "subject-hint"),
        ("Subject: Out of Office: back Monday\n", "subject-hint"),
        ("Subject: Report Domain: x.example Submitter: y.example Report-ID: 1\n", "subject-hint"),
        ("Subject: Undelivered Mail Returned to Sender\n", "subject-hint"),
        ("Subject: Zustellung meiner Bestellung\n", ""),
        ("Subject: Wie stelle ich die automatische Antwort ein?\n", ""),
        ("Subject: Office is out of paper\n", ""),
    ],
)
def test_mail_of_people(fields: str, silenced: str) -> None:
    """Lists, bulk, roles and subjects only stop the acknowledgement; the mail stays a person's."""
    found = kind(fields)
    assert (found.name, found.no_acknowledgement) == (KindName.CORRESPONDENCE, silenced)
    assert found.reason


def test_nobody_to_answer() -> None:
    """A mail that names no author is a person's, and gets no acknowledgement."""
    found = classify(parse(b"Subject: x\r\n\r\nText"), FILE, POLICY)
    assert (found.name, found.no_acknowledgement) == (KindName.CORRESPONDENCE, "no-author")


@pytest.mark.parametrize(
    ("source", "path", "want"),
    [
        ("smtp", "", True),
        ("lmtp", "", True),
        ("smtp", "anna@kunde.example", False),
        ("imap:x", "", False),
        ("file", "", False),
    ],
)
def test_only_a_real_envelope_is_null(source: str, path: str, want: bool) -> None:
    """Where the envelope is not known it is not taken for null."""
    assert (kind("", Envelope(source, path, ())).rule == "null-reverse-path") is want


@pytest.mark.parametrize("audience", ["c", "a"])
def test_our_own_mail_coming_back(audience: str) -> None:
    """A Message-ID of ours is our own mail, even when the sender was changed on the way."""
    holder = "lena@replydesk.example" if audience == "a" else ""
    own = token.message_id(KEYS, Named(7), audience, holder, "x", "replydesk.example")
    fields = HEAD.replace("<one@kunde.example>", f"<{own}>")
    assert classify(parse(crlf(f"{fields}\nText")), FILE, POLICY).rule == "own-message-id"


def test_a_forged_id_of_ours_is_nobodys() -> None:
    """Without the right signature an id says nothing."""
    own = token.message_id(Keys(b"another"), Named(7), "c", "", "x", "replydesk.example")
    assert (
        classify(parse(crlf(f"{HEAD.replace('<one@', f'<{own}> <one@')}\nText")), FILE, POLICY).name
        is KindName.CORRESPONDENCE
    )


def test_our_bounce_address_as_sender() -> None:
    """A mail that comes with the envelope sender we made for ours is ours."""
    verp = f"support+{token.address_token(KEYS, 'v', Named(12))}@replydesk.example"
    assert kind("", Envelope("smtp", verp, ())).rule == "own-envelope"
    forged = "support+v12-222222222222@replydesk.example"
    assert kind("", Envelope("smtp", forged, ())).name is KindName.CORRESPONDENCE


@pytest.mark.parametrize(
    ("author", "want"),
    [
        ("support@replydesk.example", KindName.LOOP),
        ("Support+t7-abcdefghijkl@replydesk.example", KindName.LOOP),
        ("lena@replydesk.example", KindName.CORRESPONDENCE),
        ("form@replydesk.example", KindName.CORRESPONDENCE),
    ],
)
def test_our_own_address_as_author(author: str, want: KindName) -> None:
    """Nothing that says to be from a mailbox of ours is answered; agents and trusted forms are no loop."""
    assert kind(f"From: {author}\n").name is want


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("delivery report", "report"),
        ("delay", "report"),
        ("bounce in words", "report"),
        ("read receipt", "report"),
        ("complaint", "report"),
        ("calendar answer", "calendar-answer"),
        ("invitation", "human"),
        ("plain", "human"),
        ("pgp", "human"),
    ],
)
def test_shapes(name: str, rule: str) -> None:
    """Reports are reports, a calendar's answer is automatic, an invitation is from a person."""
    assert classify(parse(mails.all_mails()[name]), FILE, POLICY).rule == rule


def test_unreadable_mail() -> None:
    """What could not be read is held, whatever its header says."""
    assert classify(parse(b""), FILE, POLICY).name is KindName.UNREADABLE


def test_every_rule_has_a_name_of_its_own() -> None:
    """Names stand in the database: they are unique and say why in a sentence."""
    names = [rule.name for rule in RULES] + [silencer.name for silencer in SILENCERS]
    assert len(names) == len(set(names))
    assert all(rule.reason.endswith(".") for rule in (*RULES, *SILENCERS))

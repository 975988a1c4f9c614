"""`replydesk contact export ADDRESS DIRECTORY`: what a person may know of, to take along.

Their mails as they were received, ours to them as they were sent, everything as JSON, and a page to read
it all, without scripts and without anything from elsewhere. Agents' notes and addresses stay inside; of
tickets of others only the person's own words are told. Nobody but the owner of the folder can read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from gateway.cli import show
from gateway.cli.export_page import Export, ExportedMail, ExportedMessage, ExportedPerson, ExportedTicket, page
from gateway.cli.site import Site, now
from gateway.core import known_quotes, sides, statuses
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.errors import ReplydeskError, UnknownEntry
from gateway.mail.message import address_key
from gateway.send.enclose import enclosed_now
from storage.contacts import Contact
from storage.erasure.person import Survey, survey
from storage.outbox import State
from storage.tx import Tx

_LEFT = (State.SENT, State.UNCERTAIN)


def export(site: Site, address: str, folder: Path) -> Export:
    """Write it all; what is under a further address of the person into a folder of that name. Raises `ReplydeskError`
    when nothing is known of the person, or the folder is not empty."""
    person = site.database.read_now(lambda tx: tx.second_addresses.person(address))
    told = _under(site, address, folder, known=bool(person))
    for further in person[1:] if person and person[0].key == address_key(address) else ():
        _under(site, further.address, folder / further.address.replace("/", "_"), known=True)
    return told


def _under(site: Site, address: str, folder: Path, *, known: bool) -> Export:
    found, _ = site.database.read_now(lambda tx: survey(tx.connection, address, (), show.mails_looked_at))
    if not (known or found.contact or found.entries or found.journal or found.outbox):
        raise ReplydeskError(f"nothing is known of {address}")
    _make(folder)
    contact = site.database.read_now(lambda tx: tx.contacts.find(address))
    language = contact.language if contact and contact.language else site.settings.gateway.default_language
    tickets = site.database.read_now(lambda tx: _tickets(site, tx, found, language))
    received = tuple(mail for id in sorted(found.journal | found.undecided) for mail in _received(site, folder, id))
    sent = tuple(letter for id in sorted(found.outbox) for letter in _sent(site, folder, id))
    told = Export(_iso(now()), _facts(address, contact, found), tickets, received, sent)
    _write(folder / "data.json", json.dumps(asdict(told), ensure_ascii=False, indent=1).encode())
    _write(folder / "index.html", page(told, language, site.zone).encode())
    return told


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ReplydeskError(f"{folder} is not empty; an export never overwrites anything")
        (folder / "mails").mkdir(mode=0o700)
    except (FileExistsError, NotADirectoryError):
        raise ReplydeskError(
            f"{folder} is a file, or lies below one; name a folder that is empty or not there"
        ) from None
    except OSError as error:
        raise ReplydeskError(f"{folder}: {error.strerror}") from None


def _write(file: Path, data: bytes) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as opened:
        opened.write(data)


# --- tickets ----------------------------------------------------------------------------------


def _tickets(site: Site, tx: Tx, found: Survey, language: str) -> tuple[ExportedTicket, ...]:
    tickets = [tx.reads.get(number) for number in sorted(found.whole | found.part)]
    # Told under the own reference.
    apart = {tx.reads.current(t.number).number for t in tickets if t.merged_into and t.requester.key == found.key}
    theirs = (t for t in tickets if t.number not in apart or t.requester.key == found.key)
    return tuple(_ticket(site, tx, ticket, found, language) for ticket in theirs)


def _ticket(site: Site, tx: Tx, ticket: Ticket, found: Survey, language: str) -> ExportedTicket:
    """What goes on in another customer's ticket is told of theirs, as on the page."""
    policy = site.policy
    own = ticket.requester.key == found.key
    target = tx.reads.current(ticket.number)
    apart = own and target.requester.key != found.key
    read = {ticket.number, target.number} if apart else {ticket.number}
    wanted = (EntryKind.CORRESPONDENCE, EntryKind.AUTOMATIC, EntryKind.COMMENT)
    entries = [e for number in sorted(read) for e in tx.reads.entries(number, wanted)]
    rated = tx.ratings.find(ticket.number) if own else None
    mine = sides.sees(target if apart else ticket, found.key) if own else frozenset()
    ticket = tx.reads.as_known(ticket) if apart else ticket
    own_words = {
        e.id for e in entries if e.id in found.entries and (e.kind is not EntryKind.COMMENT or e.role is Role.ADVISER)
    }
    shown = [e for e in entries if e.id in own_words or (e.side in mine and _visible(site, e))]
    texts = known_quotes.for_customers(shown, shown, found.key)
    return ExportedTicket(
        ticket.number,
        policy.reference(ticket),
        ticket.subject if own else "",
        "requester" if own else "participant",
        ticket.status.value,
        statuses.label(ticket, policy, language),
        _iso(ticket.created_at),
        _iso(ticket.last_activity_at),
        rated.value if rated else None,
        rated.comment if rated else "",
        tuple(_message(e, text, found, site.policy.mailboxes[0].name) for e, text in zip(shown, texts, strict=True)),
    )


def _visible(site: Site, entry: Entry) -> bool:
    """As on the status page: what both sides see, once it cannot be taken back any more."""
    if entry.kind is not EntryKind.CORRESPONDENCE:
        return False
    return entry.role is not Role.AGENT or entry.created_at + timedelta(minutes=site.policy.hold_minutes) <= now()


def _message(entry: Entry, text: str, found: Survey, desk: str) -> ExportedMessage:
    """`text`: what the person may read of it where it is somebody else's."""
    own = entry.id in found.entries
    author = (entry.author.name or desk) if entry.role is Role.AGENT else entry.author.shown
    said = entry.body_text if own else text
    return ExportedMessage(_iso(entry.created_at), author, own, said, tuple(a.filename for a in entry.attachments))


# --- mails ------------------------------------------------------------------------------------


def _received(site: Site, folder: Path, id: int) -> Iterable[ExportedMail]:
    from gateway.core.case import author_of
    from gateway.mail.parse import parse

    row = site.database.read_now(lambda tx: tx.journal.get(id))
    # What an agent passed on is told on its ticket; around it the mail has the agent's own words and addresses.
    if site.policy.agent_for(row.envelope.reverse_path) or site.policy.agent_for(row.envelope.authenticated_as):
        return
    try:
        _, data = site.database.read_now(lambda tx: tx.journal.load(id))
    except UnknownEntry:
        yield ExportedMail(_iso(row.received_at), "", "")
        return
    if site.policy.agent_for(author_of(parse(data), site.policy).address):
        return
    yield ExportedMail(_iso(row.received_at), _subject(data), _mail(folder, f"received-{row.id}", data))


def _sent(site: Site, folder: Path, id: int) -> Iterable[ExportedMail]:
    row = site.database.read_now(lambda tx: tx.outbox.get(id))
    if row.state not in _LEFT:
        return
    when = _iso(row.sent_at or row.created_at)
    try:
        message = site.database.read_now(lambda tx: tx.outbox.message(id))
    except UnknownEntry:
        yield ExportedMail(when, "", "")
        return
    whole = enclosed_now(site.database, site.policy, row, message)
    yield ExportedMail(when, _subject(whole), _mail(folder, f"sent-{row.id}", whole))


def _mail(folder: Path, name: str, data: bytes) -> str:
    file = f"mails/{name}.eml"
    _write(folder / file, data)
    return file


def _subject(data: bytes) -> str:
    from gateway.mail.parse import parse

    return parse(data).subject


# --- the person -------------------------------------------------------------------------------


def _facts(address: str, contact: Contact | None, found: Survey) -> ExportedPerson:
    names = tuple(sorted(found.names))
    if contact is None:
        return ExportedPerson(address_key(address), names, "", "", "", "")
    return ExportedPerson(
        contact.address,
        names,
        contact.language,
        _iso(contact.created_at),
        _iso(contact.invited_at),
        _iso(contact.registered_at),
    )


def _iso(moment: datetime | None) -> str:
    return show.iso(moment) or ""

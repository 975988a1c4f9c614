"""A ticket as a person reads it: the key facts, then the conversation, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.cli import shapes, show
from gateway.core import statuses
from gateway.core.notice import Audience
from gateway.core.sentences import text_of
from gateway.core.ticket import Entry, EntryKind, Ticket
from gateway.mail.text import one_line

if TYPE_CHECKING:
    from gateway.cli.site import Site
    from gateway.core.rating import CustomerRating

INDENT = "    "
_CLOSED_BY = {
    "requester": "the requester",
    "agent": "an agent",
    "time": "time, after it was solved",
    "merge": "merging",
}


def print_ticket(site: Site, number: int, *, as_json: bool, full: bool = False) -> None:
    """A ticket with its history, for a program or a person."""
    ticket, entries, links, rated = site.database.read_now(
        lambda tx: (
            tx.reads.get(number),
            tx.reads.entries(number),
            tx.reads.links(number),
            tx.ratings.find(number),
        )
    )
    if as_json:
        show.as_json(shapes.ticket(ticket, entries, site.policy))
    else:
        tell(ticket, entries, links, rated, site, full=full)


def tell(
    ticket: Ticket,
    entries: Sequence[Entry],
    links: Sequence[tuple[str, int, int]],
    rated: CustomerRating | None,
    site: Site,
    *,
    full: bool,
) -> None:
    """`full`: whole texts, and what is folded otherwise."""
    reference = site.policy.reference(ticket)
    print(one_line(f"{reference}  {ticket.subject or '(no subject)'}"))
    show.facts([*_facts(ticket, links, site), ("Rated", _rated(rated))])
    for entry in entries:
        print()
        _tell_entry(entry, site, full=full)


def _facts(ticket: Ticket, links: Sequence[tuple[str, int, int]], site: Site) -> list[tuple[str, str]]:
    closed_by = _CLOSED_BY.get(ticket.closed_by, ticket.closed_by)
    followed = ", ".join(show.person(a) for a in ticket.followers)
    status = statuses.label(ticket, site.policy, "en", Audience.AGENT)
    return [
        ("Status", status + (f", by {closed_by}" if closed_by else "")),
        ("Requester", show.person(ticket.requester)),
        ("Participants", ", ".join(show.person(a) for a in ticket.participants)),
        ("Unconfirmed", ", ".join(show.person(a) for a in ticket.unconfirmed)),
        ("Advisers", ", ".join(show.person(a) for a in ticket.advisers)),
        ("Mailbox", ticket.mailbox),
        ("Assignee", ticket.assignee or "nobody"),
        ("Followers", followed),
        ("Opened", show.when(ticket.created_at, site.zone)),
        ("Last activity", show.when(ticket.last_activity_at, site.zone)),
        ("Answer due", show.when(ticket.due_at, site.zone)),
        ("Snoozed until", " · ".join(filter(None, (show.when(ticket.snoozed_until, site.zone), ticket.snooze_note)))),
        ("Tags", ", ".join(ticket.tags)),
        ("Merged into", f"#{ticket.merged_into}" if ticket.merged_into else ""),
        ("Linked", ", ".join(f"#{one} {kind} #{other}" for kind, one, other in links)),
        ("Spam", "yes" if ticket.spam else ""),
    ]


def _rated(answer: CustomerRating | None) -> str:
    if answer is None or answer.value is None:
        return "asked, not answered" if answer else ""
    return f"{answer.value} of 5" + (f": {answer.comment}" if answer.comment else "")


def _tell_entry(entry: Entry, site: Site, *, full: bool) -> None:
    at = show.when(entry.created_at, site.zone)
    body = (entry.body_text if full else entry.new_text).strip("\n")
    if entry.kind is EntryKind.EVENT:
        show.text(f"{at}  · {text_of(body, 'en')}")
        return
    kind = "" if entry.kind is EntryKind.CORRESPONDENCE else f", {entry.kind.value}"
    evidence = f", by {entry.evidence}" if entry.evidence not in ("", "none") else ""
    who = show.person(entry.author) if entry.author.address else "nobody"
    print(one_line(f"{at}  {who} ({entry.role.value}{kind}{evidence})"))
    if entry.collapsed and not full:
        show.text(f"[folded: {body.strip().splitlines()[0] if body.strip() else 'no text'}]", INDENT)
    else:
        show.text(body, INDENT)
    if not full and not entry.collapsed and len(entry.body_text) > len(entry.new_text):
        print(f"{INDENT}[quoted text is folded; --full shows it]")
    for file in entry.attachments:
        note = f", {file.note}" if file.note else ""
        print(f"{INDENT}[file: {one_line(file.filename)}, {file.content_type}, {show.size(file.size)}{note}]")
    for remark in entry.remarks:
        show.text(f"[{text_of(remark, 'en')}]", INDENT)

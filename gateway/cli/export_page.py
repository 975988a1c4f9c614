"""An export as one page to read: HTML without scripts, pictures or anything from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from html import escape

from gateway.cli.show import when


@dataclass(frozen=True, slots=True)
class ExportedMessage:
    """One message of a ticket, as its requester may read it."""

    written_at: str
    author: str
    own: bool
    text: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportedTicket:
    """A ticket."""

    number: int
    reference: str
    subject: str
    role: str
    """`requester` or `participant`"""
    status: str
    status_label: str
    created_at: str
    last_activity_at: str
    rating: int | None = None
    """1 (worst) to 5, as the person rated it."""
    rating_comment: str = ""
    messages: tuple[ExportedMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportedMail:
    """A mail; `file` is empty when its bytes are not kept any more."""

    when: str
    subject: str
    file: str


@dataclass(frozen=True, slots=True)
class ExportedPerson:
    """What we know of the person beside their mails."""

    address: str
    names: tuple[str, ...]
    language: str
    known_since: str
    invited_at: str
    registered_at: str


@dataclass(frozen=True, slots=True)
class Export:
    exported_at: str
    person: ExportedPerson
    tickets: tuple[ExportedTicket, ...]
    mails_received: tuple[ExportedMail, ...]
    mails_sent: tuple[ExportedMail, ...]


_STYLE = """\
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 46rem; font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.3; } h2 { margin-top: 2.5rem; font-size: 1.2rem; }
h3 { margin: 2rem 0 0; font-size: 1rem; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem; }
h1, dd { overflow-wrap: anywhere; } dt { opacity: .75; } dd { margin: 0; }
.by { margin: 1rem 0 0; font-size: .9rem; opacity: .8; }
.text { margin: .25rem 0 0; padding-left: .75rem; border-left: 3px solid #8886; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.own { border-left-color: #0a58ca; }
ul { padding-left: 1.2rem; } li { overflow-wrap: anywhere; }
"""

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "What we keep about {0}",
        "made": "Made on {0}. The same is in data.json, for programs; each mail as it was sent is in the folder mails.",
        "address": "Address",
        "names": "Names",
        "language": "Language",
        "known_since": "Known since",
        "invited_at": "Invited to the portal",
        "registered_at": "Registered",
        "tickets": "Requests",
        "none": "None.",
        "participant": "A request of somebody else you take part in; only what you wrote is shown.",
        "status": "Status",
        "rating": "Your rating: {0} of 5",
        "files": "Files: {0}",
        "received": "Mails from you",
        "sent": "Mails to you",
        "gone": "no longer kept",
        "no_subject": "(no subject)",
    },
    "de": {
        "title": "Was wir über {0} gespeichert haben",
        "made": "Erstellt am {0}. Dasselbe steht für Programme in data.json; jede E-Mail liegt so, wie sie gesendet "
        "wurde, im Ordner mails.",
        "address": "Adresse",
        "names": "Namen",
        "language": "Sprache",
        "known_since": "Bekannt seit",
        "invited_at": "Ins Portal eingeladen",
        "registered_at": "Registriert",
        "tickets": "Anfragen",
        "none": "Keine.",
        "participant": "Eine Anfrage von jemand anderem, an der Sie beteiligt sind; gezeigt wird nur, was Sie "
        "geschrieben haben.",
        "status": "Status",
        "rating": "Ihre Bewertung: {0} von 5",
        "files": "Dateien: {0}",
        "received": "E-Mails von Ihnen",
        "sent": "E-Mails an Sie",
        "gone": "nicht mehr aufbewahrt",
        "no_subject": "(kein Betreff)",
    },
}


def page(told: Export, language: str, zone: tzinfo) -> str:
    words = _WORDS.get(language, _WORDS["en"])
    title = escape(words["title"].format(told.person.address))
    facts = (
        ("address", told.person.address),
        ("names", ", ".join(told.person.names)),
        ("language", told.person.language),
        ("known_since", _when(told.person.known_since, zone)),
        ("invited_at", _when(told.person.invited_at, zone)),
        ("registered_at", _when(told.person.registered_at, zone)),
    )
    lines = [
        "<!doctype html>",
        f'<html lang="{language if language in _WORDS else "en"}">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{title}</title><style>{_STYLE}</style></head>",
        f"<body><main><h1>{title}</h1>",
        f"<p>{escape(words['made'].format(_when(told.exported_at, zone)))}</p>",
        "<dl>",
        *(f"<dt>{words[name]}</dt><dd>{escape(value)}</dd>" for name, value in facts if value),
        "</dl>",
        f"<h2>{words['tickets']}</h2>",
        *([line for ticket in told.tickets for line in _ticket(ticket, words, zone)] or [f"<p>{words['none']}</p>"]),
        f"<h2>{words['received']}</h2>",
        *_mails(told.mails_received, words, zone),
        f"<h2>{words['sent']}</h2>",
        *_mails(told.mails_sent, words, zone),
        "</main></body></html>",
    ]
    return "\n".join(lines) + "\n"


def _ticket(ticket: ExportedTicket, words: dict[str, str], zone: tzinfo) -> list[str]:
    subject = f": {escape(ticket.subject)}" if ticket.subject else ""
    lines = [f'<h3 dir="auto">{escape(ticket.reference)}{subject}</h3>']
    if ticket.role == "participant":
        lines.append(f'<p class="by">{words["participant"]}</p>')
    lines.append(
        f'<p class="by">{words["status"]}: {escape(ticket.status_label)}, {_when(ticket.last_activity_at, zone)}</p>'
    )
    if ticket.rating:
        comment = f": {escape(ticket.rating_comment)}" if ticket.rating_comment else ""
        lines.append(f'<p class="by">{words["rating"].format(ticket.rating)}{comment}</p>')
    for message in ticket.messages:
        lines.append(f'<p class="by">{escape(message.author)}, {_when(message.written_at, zone)}</p>')
        own = " own" if message.own else ""
        lines.append(f'<div class="text{own}" dir="auto">{escape(message.text.strip())}</div>')
        if message.files:
            lines.append(f'<p class="by">{escape(words["files"].format(", ".join(message.files)))}</p>')
    return lines


def _mails(mails: tuple[ExportedMail, ...], words: dict[str, str], zone: tzinfo) -> list[str]:
    if not mails:
        return [f"<p>{words['none']}</p>"]
    return ["<ul>", *(f"<li>{_mail(mail, words, zone)}</li>" for mail in mails), "</ul>"]


def _mail(mail: ExportedMail, words: dict[str, str], zone: tzinfo) -> str:
    moment = _when(mail.when, zone)
    if not mail.file:
        return f"{moment}: {words['gone']}"
    return f'{moment}: <a href="{escape(mail.file)}">{escape(mail.subject or words["no_subject"])}</a>'


def _when(iso: str, zone: tzinfo) -> str:
    return when(datetime.fromisoformat(iso), zone) if iso else ""

"""A mail as its author formatted it, for the agents who are told of it: tables as tables, pictures where they stand.

The words are those of the entry, so that the notice says in both its parts the same. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.core import formatted
from gateway.core.case import Case
from gateway.core.decision import Decision, EntryDraft
from gateway.core.notice import Notice, fitting
from gateway.core.ticket import Entry, Role
from gateway.mail import picture
from gateway.mail.message import Message

SIZE_LIMIT = 40_000
"""Characters of markup; what is longer goes as text, so that a notice stays a light mail."""


def shown(case: Case, decision: Decision) -> Decision:
    """The decision with the markup of the mail, where its text alone would lose a table or a picture."""
    entry, message = decision.entry, case.message
    told = any(n.notice is Notice.AGENT_NOTICE and not n.brief for n in decision.notices)
    if not told or decision.html or entry is None or entry.role is Role.AGENT or entry.sha256 != message.sha256:
        return decision
    files = fitting(decision.files, case.policy.max_attachment_bytes)
    along = {f.part for f in files if not f.linked}
    ids = {
        a.content_id: f"{message.sha256[:20]}.{a.part.replace('/', '.')}@{case.mailbox.domain}"
        for a in message.attachments
        if a.content_id and a.part in along and a.content_type.lower() in picture.SHOWN
    }
    html = markup(message, entry, ids)
    if not html:
        return decision
    in_place = {a.part: ids[a.content_id] for a in message.attachments if ids.get(a.content_id, "\0") in html}
    placed = tuple(replace(f, content_id=in_place.get(f.part, "")) for f in decision.files)
    return replace(decision, html=html, files=placed)


def markup(message: Message, entry: Entry | EntryDraft, ids: Mapping[str, str]) -> str:
    """What the mail of an entry says in markup, where its text alone would lose a table or a picture; else empty.

    `ids` maps Content-IDs of the mail to those its pictures are sent under; of others their names stay.
    """
    given = message.body_html.casefold()
    if "<table" not in given and "cid:" not in given:
        return ""
    text = entry.reply_text or entry.body_text
    html = formatted.keep(message.body_html, text, ids, lambda _: True, names=True, widths=message.widths)
    return html if len(html) <= SIZE_LIMIT else ""

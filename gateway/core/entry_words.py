"""How a mail shows an entry of a ticket: its text, shortened where it is long, its markup, the names of its files."""

from __future__ import annotations

from gateway import texts
from gateway.core import known_quotes
from gateway.core.notice import AttachedFile
from gateway.core.outgoing_text import without_access
from gateway.core.policy import Policy
from gateway.core.reason import Reason
from gateway.core.ticket import Entry, EntryKind, Role
from gateway.mail.sentence import SEPARATOR, code
from gateway.texts import mark as _

LINE_LENGTH, ENTRY_LENGTH = 6_000, 100_000
"""Characters of one entry repeated in a mail, and of the one it is about; the status page has the whole."""
_NO_TEXT = _("This mail has no text")
_HIDDEN = {"encrypted", "nothing_shown", "parts_left_out", "outside_parts"}
"""Remarks of mails that may have one, which is not shown."""
_MORE = _("{count} more characters: the notice about that mail and the status page have them")


def names(
    entry: Entry, language: str, files: tuple[AttachedFile, ...] = (), *, pictures: bool = False
) -> tuple[str, ...]:
    """The files of an entry with their sizes; those of `files` that go as a link are named with it. `pictures`: also
    those that stood in its text, go along, and are not shown in place."""
    elsewhere = {f.part for f in files if f.linked or f.content_id}
    hung = {f.part for f in files} if pictures else set()
    named = (a for a in entry.attachments if a.part not in elsewhere and (not a.inline or a.part in hung))
    return tuple(texts.catalog(language).file(a.filename, a.size) for a in named)


def shortened(text: str, language: str, most: int = LINE_LENGTH) -> str:
    if len(text) <= most:
        return text
    more = texts.catalog(language).gettext(_MORE, count=len(text) - most)
    return f"{text[:most].rstrip()} […]\n\n[{more}]"


def for_agents(entry: Entry, policy: Policy, language: str, most: int = LINE_LENGTH) -> str:
    """The text of an entry, with a line that says how much of its mail is not shown, and where that is."""
    text = shortened(without_access(entry.new_text, policy), language, most) or _nothing(entry, language)
    left_out = _left_out(entry, language)
    return f"{text}\n\n{left_out}" if left_out else text


def _nothing(entry: Entry, language: str) -> str:
    """Said in words, for a mail that says nothing looks like one that was lost on the way."""
    mail = entry.sha256 and entry.kind in (EntryKind.CORRESPONDENCE, EntryKind.COMMENT)
    written = mail and entry.reason not in (Reason.REQUESTER_CLOSES, Reason.CLOSES_OWN)  # by `#close` and no other word
    hidden = any(remark.split(SEPARATOR)[0] in _HIDDEN for remark in entry.remarks)
    return f"[{texts.catalog(language).gettext(_NO_TEXT)}]" if written and not hidden else ""


def marked_up(entry: Entry, html: str, policy: Policy, language: str) -> str:
    """The same as markup, where a customer's has tables or pictures; an agent's is made for customers."""
    if not html or entry.role is Role.AGENT or len(entry.new_text) > ENTRY_LENGTH:
        return ""
    return without_access(html, policy) + (f"<p>{left_out}</p>" if (left_out := _left_out(entry, language)) else "")


def _left_out(entry: Entry, language: str) -> str:
    count = known_quotes.left_out(entry)
    if not count:
        return ""
    said = texts.catalog(language).ngettext(
        "{count} quoted line is left out: an earlier mail of this ticket has it",
        "{count} quoted lines are left out: earlier mails of this ticket have them",
        count,
    )
    return f"[{said}]"


def besides(remark: str, number: int) -> str:
    """A hint at tickets that may be the same matter, as it is to be read on this one, which it may have named before
    they were joined; empty when nothing is left of it."""
    name, *named = remark.split(SEPARATOR)
    if name not in ("own_open", "same_again"):
        return remark
    left = [other for other in named[0].split("; ") if other.partition(" ")[0].lstrip("#") != str(number)]
    return code(name, "; ".join(left)) if left else ""

"""What a requester is shown of a mail, for a search that finds nothing else.

The index has each mail whole: with what somebody else who takes part quotes from elsewhere, and an agent's answer from
the moment it is written. The pages show neither, and that a word stands in a mail is something said of it, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.core import known_quotes, sides
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from storage.search import has_words


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks for words."""

    key: str
    wanted: str
    given_by: datetime | None
    """Answers of agents from after this can still be taken back; None: that does not matter."""

    def finds(self, entry: Entry, ticket: Ticket, subject: str, conversation: Iterable[Entry]) -> bool:
        """Whether what they are shown of a mail has all the words, together with the subject as they know it.
        `conversation` is asked for only where something is quoted."""
        if not self._is_given(entry):
            return False
        readable = self._readable(ticket, conversation)
        own = entry.author.key == self.key and entry.role is not Role.AGENT
        text = entry.body_text if own else known_quotes.for_customers([entry], readable, self.key)[0]
        return has_words(self.wanted, subject, (text, *(a.filename for a in entry.attachments)))

    def _is_given(self, entry: Entry) -> bool:
        return entry.role is not Role.AGENT or self.given_by is None or entry.created_at <= self.given_by

    def _readable(self, ticket: Ticket, conversation: Iterable[Entry]) -> Iterator[Entry]:
        for entry in conversation:
            if entry.kind is EntryKind.CORRESPONDENCE and self._is_given(entry):
                yield from sides.visible(ticket, self.key, (entry,))
